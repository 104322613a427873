"""Hostile graphs in files that are whole and sealed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tlx.errors import ModelFileError
from tlx.runtime.graph_check import holds
from tlx.runtime.model_file import ModelFile

if TYPE_CHECKING:
    import onnx
    from tests.tiny_models import ModelMaker


def nested_node(model: onnx.ModelProto, node: onnx.NodeProto) -> None:
    """Put a node into a subgraph of an If, two levels down."""
    from onnx import helper

    inner = helper.make_graph([node], "inner", [], [])
    outer = helper.make_graph([helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)], "o", [], [])
    model.graph.node.append(helper.make_node("If", ["c"], ["z"], then_branch=outer, else_branch=outer))


def external_data(model: onnx.ModelProto) -> None:
    from onnx import TensorProto

    tensor = model.graph.initializer[1]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def external_data_in_an_attribute(model: onnx.ModelProto) -> None:
    from onnx import TensorProto, helper

    tensor = TensorProto(name="t", data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    nested_node(model, helper.make_node("Constant", [], ["y"], value=tensor))


@pytest.mark.parametrize("change", [external_data, external_data_in_an_attribute], ids=lambda f: f.__name__)
def test_parse_refuses_weights_in_other_files_wherever_they_are_named(
    make_model: ModelMaker, change: Callable[[onnx.ModelProto], None]
) -> None:
    with pytest.raises(ModelFileError, match="keeps weights in another file"):
        ModelFile.parse(make_model(change=change), "model.onnx")


def foreign_function(model: onnx.ModelProto) -> None:
    from onnx import helper

    node = helper.make_node("Evil", ["x"], ["y"], domain="custom")
    function = helper.make_function("local", "f", ["x"], ["y"], [node], [helper.make_opsetid("custom", 1)])
    model.functions.append(function)


@pytest.mark.parametrize(
    ("operator", "domain"),
    [
        ("Conv", "custom.ops"),
        ("Conv", "ai.onnx.contrib"),
        ("TreeEnsembleClassifier", "ai.onnx.ml"),
        ("EPContext", "com.microsoft"),
        ("PythonOp", "com.microsoft"),
        ("Conv", "com.microsoft.nchwc"),
        ("Conv", "\n"),
    ],
)
@pytest.mark.parametrize("place", ["top", "nested"])
def test_parse_refuses_foreign_operators_at_any_depth(
    make_model: ModelMaker, operator: str, domain: str, place: str
) -> None:
    from onnx import helper

    node = helper.make_node(operator, ["a"], ["b"], domain=domain)
    with pytest.raises(ModelFileError, match=f"the operator '{operator}' of the domain") as caught:
        ModelFile.parse(
            make_model(change=lambda m: nested_node(m, node) if place == "nested" else m.graph.node.append(node)),
            "model.onnx",
        )
    assert "\n" not in str(caught.value)


def test_parse_refuses_foreign_operators_in_local_functions(make_model: ModelMaker) -> None:
    with pytest.raises(ModelFileError, match="the operator 'Evil' of the domain 'custom'"):
        ModelFile.parse(make_model(change=foreign_function), "model.onnx")


@pytest.mark.parametrize(
    ("operator", "domain"), [("Relu", "ai.onnx"), ("QLinearAdd", "com.microsoft"), ("QuantizeLinear", "com.microsoft")]
)
def test_parse_accepts_standard_and_quantization_operators(make_model: ModelMaker, operator: str, domain: str) -> None:
    from onnx import helper

    node = helper.make_node(operator, ["a"], ["b"], domain=domain)
    assert ModelFile.parse(make_model(change=lambda m: m.graph.node.append(node)), "model.onnx").contract.labels


def test_parse_ignores_foreign_opset_imports_without_nodes(make_model: ModelMaker) -> None:
    from onnx import helper

    content = make_model(change=lambda model: model.opset_import.append(helper.make_opsetid("org.pytorch.aten", 1)))
    assert ModelFile.parse(content, "model.onnx").contract.labels


@pytest.mark.parametrize("operator", ["Loop", "Scan", "SequenceMap"])
def test_parse_refuses_loops(make_model: ModelMaker, operator: str) -> None:
    from onnx import helper

    node = helper.make_node(operator, ["n"], ["y"], body=helper.make_graph([], "body", [], []))
    with pytest.raises(ModelFileError, match=f"^m.onnx: has a loop in it \\({operator}\\)"):
        ModelFile.parse(make_model(change=lambda model: nested_node(model, node)), "m.onnx")


def a_sparse_initializer(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add(dims=[10**6, 10**6])


def a_sparse_attribute(model: onnx.ModelProto) -> None:
    from onnx import SparseTensorProto, helper

    nested_node(model, helper.make_node("Constant", [], ["y"], sparse_value=SparseTensorProto(dims=[10**12])))


@pytest.mark.parametrize("change", [a_sparse_initializer, a_sparse_attribute])
def test_parse_refuses_sparse_tensors(make_model: ModelMaker, change: Callable[[onnx.ModelProto], None]) -> None:
    with pytest.raises(ModelFileError, match="holds a sparse tensor"):
        ModelFile.parse(make_model(change=change), "m.onnx")


@pytest.mark.parametrize(
    ("tensor", "reason"),
    [
        ({"dims": [10**6, 10**6], "raw_data": b"1234"}, "claims 1,000,000,000,000 numbers and holds 4 bytes"),
        ({"dims": [10**6, 10**6], "float_data": [1.0]}, "claims 1,000,000,000,000 numbers and holds 4 bytes"),
        ({"dims": [10**6, 10**6]}, "claims 1,000,000,000,000 numbers and holds 0 bytes"),
        ({"dims": [2**62] * 1000, "raw_data": b"1234"}, "numbers and holds 4 bytes"),
        ({"dims": [-1], "raw_data": b"1234"}, "numbers and holds 4 bytes"),
        ({"dims": [2], "raw_data": b"1234"}, "claims 2 numbers and holds 4 bytes"),
        ({"dims": [1], "raw_data": b"12345678"}, "claims 1 numbers and holds 8 bytes"),
        ({"dims": [1], "raw_data": b"1234", "data_type": 99}, "claims 1 numbers and holds 4 bytes"),
    ],
)
@pytest.mark.parametrize("nested", [False, True], ids=["initializer", "attribute"])
def test_parse_refuses_tensors_that_claim_more_than_they_hold(
    make_model: ModelMaker, tensor: dict[str, Any], reason: str, nested: bool
) -> None:
    from onnx import TensorProto, helper

    values: dict[str, Any] = {"name": "t", "data_type": TensorProto.FLOAT} | tensor
    proto = TensorProto(**values)

    def change(model: onnx.ModelProto) -> None:
        if nested:
            nested_node(model, helper.make_node("Constant", [], ["y"], value=proto))
        else:
            model.graph.initializer.append(proto)

    with pytest.raises(ModelFileError, match=f"^m.onnx: a tensor of it .*{reason}"):
        ModelFile.parse(make_model(change=change), "m.onnx")


def raw_bytes(data_type: int, elements: int) -> bytes:
    """As many zeros as onnx's own check of raw data asks for."""
    from onnx import helper

    for size in range(1, 16 * elements + 1):
        try:
            helper.make_tensor("t", data_type, [elements], bytes(size), raw=True)
        except ValueError:
            continue
        return bytes(size)
    raise AssertionError(data_type)


def test_every_type_of_tensor_is_taken_as_onnx_writes_it(make_model: ModelMaker) -> None:
    import numpy as np
    from onnx import TensorProto, helper

    values = np.array([0, 1, 1, 0, 1])
    numbers = set(TensorProto.DataType.values()) - {TensorProto.UNDEFINED, TensorProto.STRING}
    tensors = [helper.make_tensor(f"typed {number}", number, [5], values) for number in numbers]
    tensors += [helper.make_tensor(f"raw {number}", number, [5], raw_bytes(number, 5), raw=True) for number in numbers]
    tensors.append(TensorProto(name="words", data_type=TensorProto.STRING, dims=[2], string_data=[b"ab", b"c"]))
    tensors.append(helper.make_tensor("none", TensorProto.FLOAT, [0], []))
    tensors.append(helper.make_tensor("scalar", TensorProto.FLOAT, [], [1.0]))
    content = make_model(change=lambda model: model.graph.initializer.extend(tensors))
    assert ModelFile.parse(content, "m.onnx").contract.labels


@pytest.mark.parametrize(
    ("elements", "data_type", "raw_bytes", "typed_bytes", "expected"),
    [
        (0, 1, None, 0, True),
        (1, 1, None, 0, False),
        (3, 22, 2, 0, True),  # int4: two in a byte
        (3, 22, 1, 0, False),
        (4, 26, 1, 0, True),  # int2: four in a byte
        (2, 8, 4, 0, False),  # strings aren't raw
        (0, 0, 0, 0, False),  # of no type
        (4, 26, None, 1, True),
        (5, 26, None, 1, False),
    ],
)
def test_holds_compares_claim_and_data(
    elements: int, data_type: int, raw_bytes: int | None, typed_bytes: int, expected: bool
) -> None:
    assert holds(elements, data_type, raw_bytes, typed_bytes) is expected
