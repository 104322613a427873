"""OpenVINO on the .onnx file as it is."""

from __future__ import annotations

import openvino

from tlx.runtime.timing.backends import Backend, Images, Probabilities
from tlx.runtime.timing.protocol import Setup


def build(setup: Setup) -> Backend:
    """``openvino.f32``, or ``openvino.as_it_comes``: in whatever precision it likes on this processor."""
    options = {"INFERENCE_NUM_THREADS": setup.threads, "PERFORMANCE_HINT": "LATENCY"}
    if setup.kind == "openvino.f32":
        options["INFERENCE_PRECISION_HINT"] = "f32"
    model = openvino.Core().read_model(setup.model)
    height, width = setup.size_hw
    model.reshape({0: [setup.batch, height, width, 3]})
    compiled = openvino.compile_model(model, "CPU", options)
    precision = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()

    def infer(images: Images) -> Probabilities:
        return compiled(images)[0]

    return Backend(infer, "cpu", f"computes in {precision}")
