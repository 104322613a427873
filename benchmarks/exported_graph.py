"""How fast an exported fp32 file is against a hand-made minimal ONNX of the same network.

The minimal one is what somebody would write who knows nothing of Keras: one Cast, one Transpose, one Sub, then thirteen
Conv and Relu, five MaxPool, the pooled head, Softmax; with the weights of the exported file. Both run in fresh
processes, in interleaved rounds at batch 1, as the speed gate runs them:

    python benchmarks/exported_graph.py model.onnx --minutes 3

Prints one JSON object; ``--output FILE`` also writes it. The aim: the exported file takes at most 1.02 times as long.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np

from suite.output import deliver
from tlx.contract import INPUT_NAME, OUTPUT_NAME, Contract
from tlx.export.convert import IR_VERSION, OPSET
from tlx.export.publish import sealed_bytes
from tlx.known_answers import synthetic_picture
from tlx.runtime import environment
from tlx.runtime.classifier import Classifier
from tlx.runtime.model_file import ModelFile
from tlx.runtime.timing.model_setup import Place
from tlx.runtime.timing.speed import SpeedPlan, measure_speed, speed_ratio

AT_MOST: Final = 1.02
MEAN_RGB: Final = (123.68, 116.779, 103.939)
"""Of ImageNet, as Keras subtracts it."""
BLOCKS: Final = (2, 2, 3, 3, 3)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", type=Path, help="an exported fp32 file: ImageNet's preprocessing, pooled head")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=3.0, help="how long at most")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    exported = ModelFile.read(arguments.model)
    with tempfile.TemporaryDirectory() as folder:
        minimal = Path(folder) / "minimal.onnx"
        minimal.write_bytes(sealed_bytes(minimal_network(exported), exported.contract))
        difference = largest_difference(arguments.model, minimal)
        # A ratio that no file reaches keeps the rounds going until time is up.
        plan = SpeedPlan(Place("cpu", arguments.threads), 1.0, time_limit_s=60 * arguments.minutes)
        rounds = measure_speed(minimal, arguments.model, plan)
    ratio = speed_ratio(rounds.candidate_ms, rounds.reference_ms)
    result = {
        "benchmark": "exported_graph",
        "time_over_minimal": {"median": ratio.value, "low": ratio.low, "high": ratio.high},
        "aim": AT_MOST,
        "largest_difference_of_a_probability": difference,
        "rounds": len(rounds.reference_ms),
        "threads": arguments.threads,
        "minimal_ms": list(rounds.reference_ms),
        "exported_ms": list(rounds.candidate_ms),
        "environment": environment.describe(),
    }
    deliver(result, arguments.output)


def minimal_network(exported: ModelFile) -> Any:
    """The thirteen convolutions and the head by hand, with the exported file's weights."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    source = onnx.load_from_string(exported.content).graph
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in source.initializer}
    convolutions = [node for node in source.node if node.op_type == "Conv"]
    dense = [node for node in source.node if node.op_type in {"MatMul", "Gemm"}]
    after = list(source.node)[list(source.node).index(dense[0]) :]
    biases = [values[name] for node in after if node.op_type == "Add" for name in node.input if name in values]
    biases = biases or [values[node.input[2]] for node in dense]
    tensors: dict[str, Any] = {"mean": np.array(MEAN_RGB, np.float32).reshape(1, 3, 1, 1)}
    nodes = [
        helper.make_node("Cast", [INPUT_NAME], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["cast"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Sub", ["planes", "mean"], ["x0"]),
    ]
    place = 0
    for block, count in enumerate(BLOCKS):
        for _ in range(count):
            node = convolutions[place]
            tensors[f"w{place}"], tensors[f"b{place}"] = values[node.input[1]], values[node.input[2]]
            nodes.append(
                helper.make_node("Conv", [f"x{place}", f"w{place}", f"b{place}"], [f"c{place}"], pads=[1, 1, 1, 1])
            )
            nodes.append(helper.make_node("Relu", [f"c{place}"], [f"x{place + 1}"]))
            place += 1
        nodes[-1].output[0] = f"r{block}"
        nodes.append(helper.make_node("MaxPool", [f"r{block}"], [f"x{place}"], kernel_shape=[2, 2], strides=[2, 2]))
    nodes.append(helper.make_node("GlobalAveragePool", [f"x{place}"], ["pooled"]))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["h0"]))
    for number, node in enumerate(dense):
        weights = next(values[name] for name in node.input if name in values)
        tensors[f"dw{number}"], tensors[f"db{number}"] = weights, biases[number].reshape(-1)
        nodes.append(helper.make_node("Gemm", [f"h{number}", f"dw{number}", f"db{number}"], [f"d{number}"]))
        if number < len(dense) - 1:
            nodes.append(helper.make_node("Relu", [f"d{number}"], [f"h{number + 1}"]))
    nodes.append(helper.make_node("Softmax", [f"d{len(dense) - 1}"], [OUTPUT_NAME]))
    graph = helper.make_graph(
        nodes,
        "minimal",
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.UINT8, ["N", *exported.contract.input.size_hw, 3])],
        [helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, ["N", len(exported.contract.labels)])],
        [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in tensors.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def largest_difference(first: Path, second: Path) -> float:
    """Of a probability, on synthetic pictures: it shows that both are the same network."""
    classifiers = [Classifier.load(path, device="cpu") for path in (first, second)]
    contract: Contract = classifiers[0].contract
    pictures = [synthetic_picture(seed, contract.input.size_hw) for seed in range(8)]
    answers = [
        np.array([classifier.classify(picture).probabilities for picture in pictures]) for classifier in classifiers
    ]
    return float(np.abs(answers[0] - answers[1]).max())


if __name__ == "__main__":
    main()
