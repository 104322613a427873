"""ncnn, picture by picture: it knows no batches."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import ncnn
import numpy as np

from tlx.runtime.timing.backends import Backend, Images, Probabilities
from tlx.runtime.timing.protocol import Setup

_HALVES: Final = {
    "fp16": ("use_fp16_storage", "use_fp16_packed", "use_fp16_arithmetic"),
    "bf16": ("use_bf16_storage", "use_bf16_packed"),
}
"""Its options that let weights and values have 16 bits, the coarser kind last."""


def build(setup: Setup) -> Backend:
    """``ncnn.fp32``, or ``ncnn.as_it_comes``: with 16 bits where it likes. Other options are as they are."""
    network = ncnn.Net()
    network.opt.num_threads = setup.threads
    network.opt.use_vulkan_compute = False
    if setup.kind == "ncnn.fp32":
        for option in (one for options in _HALVES.values() for one in options):
            setattr(network.opt, option, False)
    assert network.load_param(setup.model) == 0
    assert network.load_model(str(Path(setup.model).with_suffix(".bin"))) == 0

    def infer_one(image_rgb: Images) -> Probabilities:
        extractor = network.create_extractor()
        # It borrows this array's memory until it's copied, and keeps nothing of it alive.
        floats_rgb = image_rgb.astype(np.float32)
        extractor.input("in0", ncnn.Mat(floats_rgb).clone())
        status, output = extractor.extract("out0")
        assert status == 0
        return np.array(output, np.float32)

    def infer(images: Images) -> Probabilities:
        return np.stack([infer_one(image) for image in images])

    # As the loaded network has them: it takes some back by itself.
    used = {kind: [one for one in options if getattr(network.opt, one)] for kind, options in _HALVES.items()}
    precision = next((kind for kind in reversed(used) if used[kind]), "fp32")
    note = f"computes in {precision}" + (f" ({', '.join(used[precision])})" if precision in used else "")
    return Backend(infer, "cpu", note, precision=precision)
