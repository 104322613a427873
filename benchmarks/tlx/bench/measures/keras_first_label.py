"""A program as somebody writes it with Keras alone: load a model, classify one photo, say its label, nothing else.

``python keras_first_label.py SETTINGS``, a JSON object. It runs by its path and imports nothing of tlx, whose own way
of loading (it distrusts the file) takes most of a second longer. What is timed is the way from the start of this
process to its first line: ``{"label": 1}``, the number of the label.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main(settings: dict[str, Any]) -> None:
    """Classify the photo.

    Args:
        settings: ``kind`` (as ``keras.call``), ``model``, ``photo``, ``size_hw``, ``resize``, ``threads``, ``device``.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(settings["threads"])
    tf.config.threading.set_inter_op_parallelism_threads(1)
    if settings["device"] == "cpu":
        tf.config.set_visible_devices([], "GPU")
    import keras

    model = keras.models.load_model(settings["model"], compile=False)
    photo = tf.io.decode_image(Path(settings["photo"]).read_bytes(), channels=3, expand_animations=False)
    pixels = tf.image.resize(photo, settings["size_hw"], method=settings["resize"])
    images = tf.cast(tf.round(pixels), tf.uint8)[tf.newaxis]
    output = _way(settings["kind"].removeprefix("keras."), model, tf)(images)
    label = int(output[0, 0] >= 0.5) if output.shape[1] == 1 else int(output[0].argmax())  # noqa: PLR2004 - a sigmoid
    print(json.dumps({"label": label}), flush=True)


def _way(kind: str, model: Any, tf: Any) -> Callable[[Any], Any]:
    """From images to an array, in one of the ways that are measured."""
    if kind == "predict":
        return lambda images: model.predict(images, verbose=0)
    if kind == "call":
        return lambda images: model(images, training=False).numpy()
    if kind.startswith("mixed_"):
        model = _in_policy(model, kind)
    forward = tf.function(lambda images: model(images, training=False), jit_compile=kind == "xla")
    return lambda images: forward(images).numpy()


def _in_policy(model: Any, policy: str) -> Any:
    """The same model in 16 bits, but for its last layer."""
    import keras

    def copy(layer: Any) -> Any:
        changed = {} if layer.name == model.layers[-1].name else {"dtype": policy}
        return type(layer).from_config({**layer.get_config(), **changed})

    mixed = keras.models.clone_model(model, clone_function=copy)
    mixed.set_weights(model.get_weights())
    return mixed


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
