"""ncnn, picture by picture: it knows no batches."""

from __future__ import annotations

from pathlib import Path

import ncnn
import numpy as np

from tlx.runtime.timing.backends import Backend, Images, Probabilities
from tlx.runtime.timing.protocol import Setup


def build(setup: Setup) -> Backend:
    """``ncnn.fp32``, with the options that it has by itself (Winograd, packed layouts)."""
    network = ncnn.Net()
    network.opt.num_threads = setup.threads
    network.opt.use_vulkan_compute = False
    assert network.load_param(setup.model) == 0
    assert network.load_model(str(Path(setup.model).with_suffix(".bin"))) == 0

    def infer_one(image_rgb: Images) -> Probabilities:
        extractor = network.create_extractor()
        # A copy: its rows are aligned in another way than NumPy's.
        extractor.input("in0", ncnn.Mat(image_rgb.astype(np.float32)).clone())
        status, output = extractor.extract("out0")
        assert status == 0
        return np.array(output, np.float32)

    def infer(images: Images) -> Probabilities:
        return np.stack([infer_one(image) for image in images])

    return Backend(infer, "cpu")
