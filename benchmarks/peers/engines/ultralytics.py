"""Ultralytics' classifier through its own ``predict``."""

from __future__ import annotations

import numpy as np
import torch
from ultralytics import YOLO
from ultralytics.nn.tasks import ClassificationModel

from tlx.runtime.timing.backends import Backend, Images, Probabilities
from tlx.runtime.timing.protocol import Setup

_NETWORK = "yolo11n-cls.yaml"


def build(setup: Setup) -> Backend:
    """``ultralytics.predict``: its network with random weights and as many classes."""
    torch.set_num_threads(setup.threads)
    model = YOLO(_NETWORK)
    model.model = ClassificationModel(_NETWORK, nc=setup.classes, verbose=False)
    model.model.names = {number: str(number) for number in range(setup.classes)}

    def infer(images: Images) -> Probabilities:
        pictures_bgr = [np.ascontiguousarray(image[..., ::-1]) for image in images]
        results = model.predict(pictures_bgr, device="cpu", verbose=False)
        return np.stack([result.probs.data.numpy() for result in results])

    return Backend(infer, "cpu")
