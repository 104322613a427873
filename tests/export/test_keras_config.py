"""What may be built from a Keras file's configuration: tables of what is refused, and why. No Keras needed."""

from __future__ import annotations

from typing import Any

import pytest

from tlx.errors import ModelFileError
from tlx.export.keras_config import LAYERS, OPERATIONS, input_shape, last_activation, standard_config
from tlx.export.keras_layouts import without_own_nodes

INPUT = {"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": [None, 8, 8, 3], "name": "in"}}
DENSE = {"class_name": "Dense", "module": "keras.layers", "config": {"units": 2, "activation": "softmax", "name": "d"}}


def sequential(*layers: Any) -> dict[str, Any]:
    return {"class_name": "Sequential", "module": "keras", "config": {"name": "s", "layers": [INPUT, *layers, DENSE]}}


def layer(name: str, *, module: str | None = "keras.layers", registered: str | None = None, **config: Any) -> Any:
    return {"class_name": name, "module": module, "registered_name": registered, "config": config}


def function(name: str, module: str = "builtins") -> Any:
    return {"class_name": "function", "module": module, "config": name, "registered_name": name}


REFUSED = [
    # code in the file: marshalled bytes, and the names of functions (CVE-2024-3660, CVE-2025-9905)
    (layer("Lambda", function={"class_name": "__lambda__", "config": {"value": "4wEAAAAA"}}), "holds a Lambda layer"),
    (layer("Lambda", module=None, function=["4wEAAAAA", None, None], function_type="lambda"), "holds a Lambda layer"),
    (layer("TFOpLambda", module=None, function="math.add"), "holds a TFOpLambda layer"),
    (layer("TFSMLayer", filepath="evil", call_endpoint="serve"), "holds a TFSMLayer layer"),
    # classes and functions of any module (CVE-2025-1550)
    (layer("run", module="subprocess", args=["id"]), "custom class 'run' of 'subprocess'"),
    (layer("Dense", module="evil.layers", units=1), "custom class 'Dense' of 'evil.layers'"),
    (layer("Dense", registered="Custom>Dense", units=1), "custom class 'Custom>Dense'"),
    (layer("MyLayer", module=None), "'MyLayer', which is custom"),
    (layer("Dense", units=1, activation=function("system", "os")), "the activation 'system'"),
    (layer("Dense", units=1, activation="my_activation"), "the activation 'my_activation'"),
    (layer("Dense", units=1, activation=layer("Lambda", function="f")), "holds a Lambda layer"),
    (layer("Activation", activation=function("get_file", "keras.utils")), "the activation 'get_file'"),
    # Keras's own functions that load, fetch or unlock (CVE-2025-8747, CVE-2025-9906)
    (layer("get_file", module="keras.utils", origin="http://evil"), "'get_file', which is custom"),
    (layer("enable_unsafe_deserialization", module="keras.config"), "'enable_unsafe_deserialization'"),
    (layer("load_model", module="keras.models", filepath="other.keras"), "'load_model'"),
    (layer("StringLookup", vocabulary="/etc/passwd"), "'StringLookup', which is custom or not one for pictures"),
    # objects where numbers belong
    (layer("Rescaling", scale={"class_name": "run", "module": "os", "config": {}}), "set up with 'run'"),
    (layer("Normalization", mean={"a": {"config": {}}}), "set up with 'None'"),
    (layer("Reshape", target_shape=[{"class_name": "__lambda__", "config": {}}]), "set up with '__lambda__'"),
    # operations other than arithmetic on arrays
    (layer("Map", module="keras.src.ops.core"), "'Map'"),
    (layer("Add", module="keras.src.ops.core"), "'Add'"),
    (layer("Conv2D", data_format="channels_first", filters=1, kernel_size=3), "has the channels first"),
    (7, "configuration is not an object"),
    ({"config": {}}, "names no class"),
    (layer("Dense", module=None) | {"config": [1]}, "configuration is not an object"),
]


@pytest.mark.parametrize(("bad", "message"), REFUSED)
@pytest.mark.parametrize("within", [False, True])
def test_standard_config_refuses_what_is_no_standard_layer_and_says_what_to_do(
    bad: Any, message: str, within: bool
) -> None:
    config = sequential(bad if not within else sequential(bad))
    with pytest.raises(ModelFileError) as caught:
        standard_config(config, "model.keras")
    assert message in str(caught.value)
    assert str(caught.value).startswith("model.keras: ")
    assert "\n" not in str(caught.value)


def call(**arguments: Any) -> Any:
    tensor = {"class_name": "__keras_tensor__", "config": {"keras_history": ["in", 0, 0]}}
    return {"args": [tensor], "kwargs": arguments}


@pytest.mark.parametrize(
    "argument",
    [{"class_name": "function", "config": "system"}, [{"class_name": "__lambda__", "config": {"value": "x"}}]],
)
def test_standard_config_refuses_code_among_the_arguments_of_a_call(argument: Any) -> None:
    dense = {**DENSE, "name": "d", "inbound_nodes": [call(mask=argument)]}
    layers = [{**INPUT, "name": "in", "inbound_nodes": []}, dense]
    ends = {"input_layers": [["in", 0, 0]], "output_layers": [["d", 0, 0]]}
    config = {"class_name": "Functional", "config": {"name": "f", "layers": layers, **ends}}
    with pytest.raises(ModelFileError, match="a layer is called with"):
        standard_config(config, "model.keras")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, "not an object"),
        ([], "not an object"),
        ({"class_name": "MyModel", "module": "my", "config": {}}, "custom class 'MyModel' of 'my'"),
        ({"class_name": "MyModel", "config": {}}, "of the class 'MyModel'"),
        ({"class_name": "Sequential", "config": {"layers": "x"}}, "lists no layers"),
        ({"class_name": "Sequential", "config": None}, "lists no layers"),
    ],
)
def test_standard_config_refuses_what_is_no_model(config: Any, message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        standard_config(config, "model.keras")


@pytest.mark.parametrize("ends", ["input_layers", "output_layers"])
def test_standard_config_refuses_several_inputs_or_outputs(ends: str) -> None:
    config = {
        "layers": [{**INPUT, "name": "in", "inbound_nodes": []}],
        "input_layers": [["in", 0, 0]],
        "output_layers": [["in", 0, 0]],
    }
    config[ends] = [["in", 0, 0], ["in", 0, 0]]
    with pytest.raises(ModelFileError, match=f"expected a model with one {ends.partition('_')[0]}"):
        standard_config({"class_name": "Functional", "config": config}, "model.keras")


def test_standard_config_refuses_endless_nesting() -> None:
    config = sequential()
    for _ in range(30):
        config = sequential(config)
    with pytest.raises(ModelFileError, match="more than 20 deep"):
        standard_config(config, "model.keras")
    activation: Any = "relu"
    for _ in range(5000):
        activation = layer("Activation", activation=activation)
    with pytest.raises(ModelFileError, match=r"nested too deep|more than 5,000 layers"):
        standard_config(sequential(activation), "model.keras")


def test_standard_config_names_keras_s_own_modules_and_keeps_nothing_of_training() -> None:
    dense = layer(
        "Dense",
        module="keras.src.somewhere",
        units=3,
        dtype={"class_name": "DTypePolicy", "module": "keras", "config": {"name": "mixed_float16"}},
        kernel_initializer={"class_name": "evil", "module": "os", "config": {}},
        kernel_regularizer={"class_name": "evil", "module": "os", "config": {}},
        activation=function("relu"),
    )
    config = standard_config({**sequential(dense), "compile_config": {"loss": "evil"}}, "model.keras")
    assert config["config"]["layers"][1] == {
        "module": "keras.layers",
        "class_name": "Dense",
        "registered_name": None,
        "config": {"units": 3, "activation": "relu"},
    }
    assert "compile_config" not in config


@pytest.mark.parametrize(
    ("config", "shape", "activation"),
    [
        (sequential(), [None, 8, 8, 3], "softmax"),
        (sequential(layer("Dense", units=1)), [None, 8, 8, 3], "softmax"),
        ({"class_name": "Sequential", "config": [DENSE]}, None, "softmax"),
        (
            {"class_name": "Sequential", "config": {"layers": [sequential(), layer("Softmax")]}},
            [None, 8, 8, 3],
            "softmax",
        ),
        ({"class_name": "Sequential", "config": {"layers": [sequential()]}}, [None, 8, 8, 3], "softmax"),
        (
            {"class_name": "Sequential", "config": {"build_input_shape": [None, 4, 4, 3], "layers": [DENSE]}},
            [None, 4, 4, 3],
            "softmax",
        ),
        (
            {"class_name": "Sequential", "config": [layer("Dense", module=None, units=1, activation="sigmoid")]},
            None,
            "sigmoid",
        ),
        (
            {"class_name": "Sequential", "config": [layer("Dense", module=None, batch_input_shape=[None, 5, 5, 3])]},
            [None, 5, 5, 3],
            "",
        ),
    ],
)
def test_input_shape_and_last_activation(config: Any, shape: Any, activation: str) -> None:
    standard = standard_config(config, "model.keras")
    assert (input_shape(standard), last_activation(standard)) == (shape, activation)


def test_every_layer_on_the_list_is_keras_s_own() -> None:
    from tlx.export.frameworks import import_keras

    keras = import_keras()
    assert [name for name in LAYERS if not hasattr(keras.layers, name)] == []
    from keras.src.ops import numpy as operations

    assert [name for name in OPERATIONS if not hasattr(operations, name)] == []


@pytest.mark.parametrize(
    ("uses", "index", "expected"),
    [(1, 1, 0), (1, 0, 0), (2, 1, 1), (2, 2, 1)],  # Keras 2 counts from 1, Keras 3 from 0
)
def test_without_own_nodes_counts_from_0(uses: int, index: int, expected: int) -> None:
    base = {"class_name": "Model", "name": "base", "inbound_nodes": [[["in", 0, 0, {}]]] * uses}
    after = {"class_name": "Flatten", "name": "flat", "inbound_nodes": [[["base", index, 0, {}]]]}
    config = {"layers": [base, after], "output_layers": ["flat", 0, 0]}
    moved = without_own_nodes(config, frozenset({"Model"}))
    assert moved["layers"][1]["inbound_nodes"] == [[["base", expected, 0, {}]]]
