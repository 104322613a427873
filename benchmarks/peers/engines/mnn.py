"""MNN's own interpreter of modules."""

from __future__ import annotations

import MNN

from tlx.runtime.timing.backends import Backend, Images, Probabilities
from tlx.runtime.timing.protocol import Setup


def build(setup: Setup) -> Backend:
    """``mnn.fp32``."""
    config = {"backend": "CPU", "precision": "high", "numThread": setup.threads}
    runtime = MNN.nn.create_runtime_manager((config,))
    module = MNN.nn.load_module_from_file(setup.model, ["image"], ["probabilities"], runtime_manager=runtime)

    def infer(images: Images) -> Probabilities:
        picture = MNN.expr.const(images, list(images.shape), MNN.expr.NCHW, MNN.expr.uint8)
        # The array belongs to the output, which goes when this returns.
        return module.forward([picture])[0].read().copy()

    return Backend(infer, "cpu")
