"""LiteRT (TensorFlow Lite) with XNNPACK."""

from __future__ import annotations

from ai_edge_litert.interpreter import Interpreter

from tlx.runtime.timing.backends import Backend, Images, Probabilities
from tlx.runtime.timing.protocol import Setup


def build(setup: Setup) -> Backend:
    """``litert.fp32``."""
    interpreter = Interpreter(setup.model, num_threads=setup.threads)
    place = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(place, [setup.batch, *setup.size_hw, 3])
    interpreter.allocate_tensors()
    answer = interpreter.get_output_details()[0]["index"]

    def infer(images: Images) -> Probabilities:
        interpreter.set_tensor(place, images)
        interpreter.invoke()
        return interpreter.get_tensor(answer)

    return Backend(infer, "cpu")
