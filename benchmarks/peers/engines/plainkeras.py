"""Keras as its guides show it: load_model and predict, nothing set."""

from __future__ import annotations

import keras
import numpy as np

from peers.engines.sigmoid import with_both_classes
from tlx.runtime.timing.backends import Backend, Images, Probabilities
from tlx.runtime.timing.protocol import Setup


def build(setup: Setup) -> Backend:
    """``plainkeras.predict`` or ``plainkeras.call``."""
    model = keras.saving.load_model(setup.model, compile=False)

    def predict(images: Images) -> Probabilities:
        return with_both_classes(model.predict(images, verbose=0))

    def call(images: Images) -> Probabilities:
        return with_both_classes(np.asarray(model(images, training=False)))

    return Backend(predict if setup.kind == "plainkeras.predict" else call, "cpu")
