"""ONNX Runtime as its quick start shows it, on a file of tf2onnx."""

from __future__ import annotations

import onnxruntime

from peers.engines.sigmoid import with_both_classes
from tlx.runtime.timing.backends import Backend, Images, Probabilities
from tlx.runtime.timing.protocol import Setup


def build(setup: Setup) -> Backend:
    """``tf2onnx.onnxruntime``."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = setup.threads
    session = onnxruntime.InferenceSession(setup.model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def infer(images: Images) -> Probabilities:
        return with_both_classes(session.run(None, {name: images})[0])

    return Backend(infer, "cpu")
