"""Which networks may be built from a Keras file: its configuration, rewritten from a fixed list of standard layers.

Keras finds classes and functions by names that a file gives, in modules that a file gives. Here nothing that a
file names is looked up: each layer must be on :data:`LAYERS` (or an arithmetic operation on :data:`OPERATIONS`),
and what goes to Keras is a new configuration that names Keras's own modules. What only training needs is left out:
initializers, regularizers, constraints, data types (all computes in float32), and whatever belongs to compiling.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NoReturn

from tlx.errors import ModelFileError
from tlx.export import keras_layouts

MAX_LAYERS: Final = 5_000
MAX_DEPTH: Final = 20
"""Models within models."""

LAYERS: Final = frozenset(
    {"Activation", "ActivityRegularization", "Add", "AlphaDropout", "Average", "AveragePooling2D"}
    | {"BatchNormalization", "CenterCrop", "Concatenate", "Conv2D", "Conv2DTranspose", "Cropping2D", "Dense"}
    | {"DepthwiseConv2D", "Dropout", "ELU", "Flatten", "GaussianDropout", "GaussianNoise", "GlobalAveragePooling2D"}
    | {"GlobalMaxPooling2D", "GroupNormalization", "Identity", "InputLayer", "LayerNormalization", "LeakyReLU"}
    | {"MaxPooling2D", "Maximum", "Minimum", "Multiply", "Normalization", "PReLU", "Permute", "RandomBrightness"}
    | {"RandomContrast", "RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom", "ReLU", "Rescaling"}
    | {"Reshape", "Resizing", "SeparableConv2D", "Softmax", "SpatialDropout2D", "Subtract", "UpSampling2D"}
    | {"ZeroPadding2D"}
)
"""Classes of ``keras.layers``: those of networks for pictures that compute by weights alone."""

OPERATIONS: Final = frozenset(
    {"Absolute", "Add", "Clip", "Divide", "Flip", "GetItem", "Maximum", "Mean", "Minimum", "Multiply", "Negative"}
    | {"Reshape", "Sqrt", "Square", "Stack", "Subtract", "Sum", "Take", "Transpose", "TrueDivide"}
)
"""Classes of ``keras.ops`` on arrays: what ``x / 255`` or ``x[..., ::-1]`` in a model is saved as."""

ACTIVATIONS: Final = frozenset(
    {"celu", "elu", "exponential", "gelu", "hard_sigmoid", "hard_silu", "hard_swish", "leaky_relu", "linear", "mish"}
    | {"relu", "relu6", "selu", "sigmoid", "silu", "softmax", "softplus", "softsign", "swish", "tanh"}
)

MODELS: Final = frozenset({"Sequential", "Functional", "Model"})
_CODE: Final = frozenset({"Lambda", "TFOpLambda", "SlicingOpLambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer"})
_TENSORS: Final = frozenset({"__keras_tensor__", "__tensor__", "__numpy__", "__slice__", "__ellipsis__"})
_OPERATION_MODULE: Final = "keras.src.ops.numpy"
_TRAINING_ONLY: Final = ("_initializer", "_regularizer", "_constraint")
_DROPPED: Final = frozenset({"dtype", "build_config", "compile_config", "synchronized"})
_DO: Final = "build the model again from standard Keras layers and save that"


def standard_config(config: Any, source: str) -> dict[str, Any]:
    """Rewrite a model's configuration.

    Args:
        config: As the file holds it, in the layout of any Keras from 2.0 to 3.
        source: The file's name, for the errors.

    Returns:
        ``class_name`` (``Sequential`` or ``Model``) and ``config``, from which the class's ``from_config``
        builds the model without looking up anything else.

    Raises:
        ModelFileError: If it isn't a model of standard layers; the message says which part isn't.
    """
    try:
        model = _Rewriter(source).model(_dict(config, source), depth=0)
    except RecursionError as error:
        raise ModelFileError(f"{source}: its configuration is nested too deep: refused") from error
    for ends, what in (("input_layers", "input"), ("output_layers", "output")):
        if model["class_name"] == "Model" and not keras_layouts.is_single(model["config"][ends]):
            raise ModelFileError(
                f"{source}: expected a model with one {what} (a picture in, probabilities out), got another number: "
                f"save a model that has only the {what} of the classifier"
            )
    return model


def input_shape(model: Mapping[str, Any]) -> list[int | None] | None:
    """The shape that a model takes, the batch's axis first; None if its configuration doesn't say.

    Args:
        model: What :func:`standard_config` returned.
    """
    config = model["config"]
    layers = config["layers"]
    if model["class_name"] == "Model":
        wanted = config["input_layers"][0]
        layers = [layer for layer in layers if layer["name"] == wanted]
    for layer in layers[:1]:
        if layer["class_name"] == "InputLayer":
            shape = layer["config"].get("batch_shape")
            return shape if isinstance(shape, list) else None
        if layer["class_name"] in MODELS:
            return input_shape(layer)
    shape = config.get("build_input_shape")
    return shape if isinstance(shape, list) else None


def last_activation(model: Mapping[str, Any]) -> str:
    """What the model's answer comes from: ``softmax``, ``sigmoid``, ``linear``, …; empty if it isn't a layer's."""
    config = model["config"]
    layers = config["layers"]
    if model["class_name"] == "Model":
        wanted = config["output_layers"][0]
        layers = [layer for layer in layers if layer["name"] == wanted]
    if not layers:
        return ""
    last = layers[-1]
    if last["class_name"] in MODELS:
        return last_activation(last)
    if last["class_name"] == "Softmax":
        return "softmax"
    activation = last["config"].get("activation", "")
    return activation if isinstance(activation, str) else ""


class _Rewriter:
    def __init__(self, source: str) -> None:
        self._source = source
        self._layers = 0

    def model(self, node: Mapping[str, Any], depth: int) -> dict[str, Any]:
        if depth > MAX_DEPTH:
            self._refuse(f"holds models within models more than {MAX_DEPTH} deep", "refused")
        name = self._class_name(node)
        if name not in MODELS:
            self._refuse(f"its model is of the class {name!r}, whose code the file does not hold", _DO)
        config = keras_layouts.model_config(node)
        layers = config.get("layers")
        if not isinstance(layers, list) or not layers:
            self._refuse("its configuration lists no layers", "save the whole model by model.save")
        is_sequential = name == "Sequential"
        rewritten: dict[str, Any] = {"layers": [self._layer(_dict(layer, self._source), depth) for layer in layers]}
        if isinstance(config.get("name"), str):
            rewritten["name"] = config["name"]
        if is_sequential:
            rewritten.setdefault("name", "sequential")
            if isinstance(config.get("build_input_shape"), list):
                rewritten["build_input_shape"] = self._plain(config["build_input_shape"])
            return {"class_name": "Sequential", "config": keras_layouts.with_input_layer(rewritten, layers[0])}
        for ends in ("input_layers", "output_layers"):
            rewritten[ends] = self._plain(keras_layouts.without_list_of_one(config.get(ends)))
        return {"class_name": "Model", "config": keras_layouts.without_own_nodes(rewritten, MODELS)}

    def _layer(self, node: Mapping[str, Any], depth: int) -> dict[str, Any]:
        self._layers += 1
        if self._layers > MAX_LAYERS:
            self._refuse(f"has more than {MAX_LAYERS:,} layers", "refused")
        name = self._class_name(node)
        config = node.get("config")
        if name in MODELS:
            rewritten = {"module": "keras", "registered_name": None, **self.model(node, depth + 1)}
            own_name = rewritten["config"].get("name")
        else:
            rewritten = self._single(name, node, _dict(config, self._source))
            own_name = rewritten["config"].get("name")
        outer_name = node.get("name", own_name)
        if isinstance(outer_name, str):
            rewritten["name"] = outer_name
            rewritten["config"]["name"] = outer_name
        if "inbound_nodes" in node:
            nodes = node["inbound_nodes"]
            rewritten["inbound_nodes"] = [self._call(call) for call in nodes] if isinstance(nodes, list) else []
        return rewritten

    def _single(self, name: str, node: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
        module = node.get("module")
        # An .h5 names no modules: of Add, the layer, and Add, the operation, only the layer can be trained.
        is_operation = str(module).startswith("keras.src.ops") if module is not None else "trainable" not in config
        if is_operation and module in {None, _OPERATION_MODULE} and name in OPERATIONS:
            return {
                "module": _OPERATION_MODULE,
                "class_name": name,
                "config": {key: self._plain(value) for key, value in config.items() if key != "dtype"},
                "registered_name": name,
            }
        if name not in LAYERS or str(module).startswith("keras.src.ops"):
            self._refuse_layer(name)
        kept = keras_layouts.layer_config(name, config)
        rewritten = {
            key: self._value(key, value)
            for key, value in kept.items()
            if key not in _DROPPED and not key.endswith(_TRAINING_ONLY)
        }
        if rewritten.get("data_format") == "channels_first":
            self._refuse(
                f"its layer {config.get('name', name)!r} has the channels first",
                "build the model again with data_format='channels_last', set its weights and save that",
            )
        if name == "InputLayer":
            dtype = kept.get("dtype")
            rewritten["dtype"] = dtype if isinstance(dtype, str) else "float32"
        return {"module": "keras.layers", "class_name": name, "config": rewritten, "registered_name": None}

    def _value(self, key: str, value: Any) -> Any:
        if not key.endswith("activation"):
            return self._plain(value)
        if isinstance(value, Mapping) and value.get("class_name") == "function":
            value = value.get("config")
        elif isinstance(value, Mapping):
            layer = self._layer(value, depth=0)
            return {part: layer[part] for part in ("module", "class_name", "config", "registered_name")}
        if value is not None and (not isinstance(value, str) or value not in ACTIVATIONS):
            self._refuse(f"has the activation {str(value)[:80]!r}, which is not one of Keras's own", _DO)
        return value

    def _call(self, call: Any) -> Any:
        """One use of a layer: the tensors that it takes, by the names of other layers, and plain arguments."""
        if isinstance(call, list):
            return [self._call(part) for part in call]
        if isinstance(call, Mapping):
            if "class_name" in call and call["class_name"] not in _TENSORS:
                self._refuse(f"a layer is called with {str(call['class_name'])[:80]!r}", _DO)
            return {
                str(key): self._call(value) for key, value in call.items() if key not in {"module", "registered_name"}
            }
        return call

    def _plain(self, value: Any) -> Any:
        """Numbers, texts, and lists of them; nothing that Keras would make an object of."""
        if isinstance(value, list):
            return [self._plain(part) for part in value]
        if isinstance(value, Mapping):
            if "class_name" in value or "config" in value:
                self._refuse(f"a layer is set up with {str(value.get('class_name'))[:80]!r}", _DO)
            return {str(key): self._plain(part) for key, part in value.items()}
        return value

    def _class_name(self, node: Mapping[str, Any]) -> str:
        name, registered = node.get("class_name"), node.get("registered_name")
        if not isinstance(name, str):
            self._refuse("a part of its configuration names no class", "save the whole model by model.save")
        if registered is not None and registered != name:
            self._refuse(f"uses the custom class {str(registered)[:80]!r}, whose code the file does not hold", _DO)
        module = node.get("module")
        if module is not None and str(module).partition(".")[0] not in {"keras", "tf_keras"} and name not in _CODE:
            self._refuse(f"uses the custom class {name[:80]!r} of {str(module)[:80]!r}", _DO)
        return str(name)

    def _refuse_layer(self, name: str) -> NoReturn:
        if name in _CODE:
            self._refuse(f"holds a {name} layer, which is code that tlx does not run from a file", _DO)
        self._refuse(f"uses the layer {name[:80]!r}, which is custom or not one for pictures", _DO)

    def _refuse(self, what: str, do: str) -> NoReturn:
        raise ModelFileError(f"{self._source}: {what}: {do}")


def _dict(value: Any, source: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ModelFileError(f"{source}: not a Keras model that can be loaded (its configuration is not an object)")
    return value
