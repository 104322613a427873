from __future__ import annotations

from typing import Any

import pytest
from onnx import TensorProto, helper

from tlx.errors import InputError
from tlx.export.precision.parts import name_nodes, split


def graph_of(*nodes: Any) -> Any:
    return helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N"])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N"])],
    )


def test_split_finds_front_body_and_end(network: Any) -> None:
    parts = split(network.graph)
    assert parts.front == ("cast", "sub", "transpose")
    assert parts.end == ("bias2", "softmax")
    assert parts.body == tuple(node.name for node in network.graph.node[3:14])
    assert parts.compute == ("conv1", "conv2", "dense1", "dense2")
    assert parts.outermost == ("conv1", "dense2")


def test_split_takes_both_branches_for_the_body() -> None:
    parts = split(
        graph_of(
            helper.make_node("Cast", ["image"], ["x"], "cast", to=TensorProto.FLOAT),
            helper.make_node("Conv", ["x", "w"], ["a"], "first"),
            helper.make_node("Relu", ["a"], ["b"], "side"),
            helper.make_node("Constant", [], ["c"], "constant", value_float=1.0),
            helper.make_node("Mul", ["b", "c"], ["d"], "scale"),
            helper.make_node("Add", ["a", "d"], ["e"], "join"),
            helper.make_node("Conv", ["e", "v"], ["f"], "last"),
            helper.make_node("Shape", ["a"], ["s"], "dangling"),
            helper.make_node("Softmax", ["f"], ["probabilities"], "softmax"),
        )
    )
    assert parts.front == ("cast", "constant")
    assert parts.body == ("first", "side", "scale", "join", "last")
    assert parts.end == ("dangling", "softmax")


def test_a_single_layer_is_first_and_last() -> None:
    parts = split(graph_of(helper.make_node("MatMul", ["image", "w"], ["probabilities"], "only")))
    assert parts.outermost == ("only", "only")


def test_split_refuses_a_graph_that_computes_nothing() -> None:
    with pytest.raises(InputError, match="use --precision fp32"):
        split(graph_of(helper.make_node("Softmax", ["image"], ["probabilities"], "softmax")))


def test_name_nodes_gives_each_its_own_name() -> None:
    graph = graph_of(
        helper.make_node("Relu", ["image"], ["a"], ""),
        helper.make_node("Relu", ["a"], ["b"], "twice"),
        helper.make_node("Relu", ["b"], ["c"], "twice"),
        helper.make_node("Relu", ["c"], ["d"], "Relu__4"),
        helper.make_node("Relu", ["d"], ["probabilities"], ""),
    )
    name_nodes(graph)
    names = [node.name for node in graph.node]
    assert len(set(names)) == 5
    assert all(names)
    assert names[1] == "twice"
