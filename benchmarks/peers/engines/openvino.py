"""OpenVINO on the .onnx file as it is."""

from __future__ import annotations

from typing import Final

import openvino

from tlx.runtime.timing.backends import Backend, Images, Probabilities
from tlx.runtime.timing.protocol import Setup

_NAMES: Final = {"f32": "fp32", "f16": "fp16", "bf16": "bf16", "u8": "int8", "i8": "int8"}
"""What OpenVINO calls precisions, the coarsest last."""
_WITH_WEIGHTS: Final = frozenset({"Convolution", "Deconvolution", "FullyConnected", "MatMul"})
"""Layers of its compiled network that do the arithmetic."""


def build(setup: Setup) -> Backend:
    """``openvino.f32``, or ``openvino.as_it_comes``: in whatever precision it likes on this processor."""
    options = {"INFERENCE_NUM_THREADS": setup.threads, "PERFORMANCE_HINT": "LATENCY"}
    if setup.kind == "openvino.f32":
        options["INFERENCE_PRECISION_HINT"] = "f32"
    model = openvino.Core().read_model(setup.model)
    height, width = setup.size_hw
    model.reshape({0: [setup.batch, height, width, 3]})
    compiled = openvino.compile_model(model, "CPU", options)
    precision = _executed_precision(compiled)

    def infer(images: Images) -> Probabilities:
        return compiled(images)[0]

    return Backend(infer, "cpu", precision and f"computes in {precision}", precision=precision)


def _executed_precision(compiled: openvino.CompiledModel) -> str | None:
    """The coarsest in which a layer with weights is executed, whatever was asked for; None if it has no such layer."""
    layers = [layer.get_rt_info() for layer in compiled.get_runtime_model().get_ops()]
    executed = {layer["runtimePrecision"].astype(str) for layer in layers if layer["layerType"] in _WITH_WEIGHTS}
    return next((_NAMES[name] for name in reversed(_NAMES) if name in executed), None)
