"""A chain of 3x3 convolutions with its head as plain arrays: what compression reads, changes and builds anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from tlx.errors import InputError
from tlx.export.frameworks import import_keras

Array = npt.NDArray[np.float32]
Pooling = Literal["average", "flatten"]
MERGED_KERNEL: Final = 4
TAPS: Final = 9
"""Of a 3x3 kernel."""


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution with padding, then a ReLU.

    Attributes:
        kernel: ``[k, k, inputs, outputs]``; 3x3, or 4x4 with stride 2.
        bias: ``[outputs]``.
        pooled: Whether the largest of each 2x2 pixels goes on.
    """

    name: str
    kernel: Array
    bias: Array
    pooled: bool
    stride: int = 1

    @property
    def inputs(self) -> int:
        """Channels that it takes."""
        return int(self.kernel.shape[2])

    @property
    def outputs(self) -> int:
        """Channels that it gives."""
        return int(self.kernel.shape[3])

    def output_hw(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of what it gives, after its pooling."""
        height, width = -(-height // self.stride), -(-width // self.stride)
        return (height // 2, width // 2) if self.pooled else (height, width)

    def matrix(self) -> Array:
        """The kernel as ``[inputs * k * k, outputs]``, the taps of a channel side by side."""
        return np.ascontiguousarray(self.kernel.transpose(2, 0, 1, 3).reshape(-1, self.outputs))

    def with_matrix(self, matrix: npt.NDArray[Any], bias: npt.NDArray[Any]) -> Convolution:
        """The same layer with other weights and numbers of channels."""
        kernel = matrix.reshape(-1, *self.kernel.shape[:2], matrix.shape[1]).transpose(1, 2, 0, 3)
        return replace(
            self, kernel=np.ascontiguousarray(kernel, dtype=np.float32), bias=np.asarray(bias, dtype=np.float32)
        )


@dataclass(frozen=True, slots=True)
class Dense:
    """A layer of the head: ``[inputs, outputs]``, ``[outputs]``; its own Keras configuration makes the rest."""

    config: Mapping[str, Any]
    kernel: Array
    bias: Array


@dataclass(frozen=True, slots=True)
class PlainNetwork:
    """From ``uint8`` RGB pixels to probabilities.

    Attributes:
        rescaling: Keras's configuration of the layer that normalises.
        last_hw: Height and width of what the last convolution gives.
    """

    size_hw: tuple[int, int]
    rescaling: Mapping[str, Any]
    convolutions: tuple[Convolution, ...]
    pooling: Pooling
    dropout: float
    dense: tuple[Dense, ...]

    @property
    def channels(self) -> tuple[int, ...]:
        """Outputs of each convolution."""
        return tuple(layer.outputs for layer in self.convolutions)

    def with_channels(self, channels: Sequence[int]) -> PlainNetwork:
        """The same shape with other widths and no weights, for times."""
        made, inputs = [], 3
        for layer, outputs in zip(self.convolutions, channels, strict=True):
            kernel = np.zeros((*layer.kernel.shape[:2], inputs, outputs), np.float32)
            made.append(replace(layer, kernel=kernel, bias=np.zeros(outputs, np.float32)))
            inputs = outputs
        head = self.dense[0]
        head = replace(head, kernel=np.zeros((inputs * self.features_a_channel, head.kernel.shape[1]), np.float32))
        return replace(self, convolutions=tuple(made), dense=(head, *self.dense[1:]))

    @property
    def last_hw(self) -> tuple[int, int]:
        """Height and width of what goes into the pooling."""
        height, width = self.size_hw
        for layer in self.convolutions:
            height, width = layer.output_hw(height, width)
        return height, width

    @property
    def features_a_channel(self) -> int:
        """How many inputs of the head each channel of the last convolution gives."""
        return 1 if self.pooling == "average" else self.last_hw[0] * self.last_hw[1]

    @property
    def has_one_offset(self) -> bool:
        """Whether pixels are normalised by one step and one whole number for all channels: exact in eight bits."""
        scale, offset = (np.unique(np.asarray(self.rescaling[name], np.float64)) for name in ("scale", "offset"))
        return len(scale) == len(offset) == 1 and float(offset[0] / scale[0]).is_integer()

    def layer_flops(self) -> list[int]:
        """Additions and multiplications of each convolution for one picture."""
        height, width = self.size_hw
        found = []
        for layer in self.convolutions:
            found.append(2 * -(-height // layer.stride) * -(-width // layer.stride) * layer.kernel.size)
            height, width = layer.output_hw(height, width)
        return found

    def flops(self) -> int:
        """Additions and multiplications for one picture."""
        return sum(self.layer_flops()) + sum(2 * layer.kernel.size for layer in self.dense)

    def parameters(self) -> int:
        """Weights and biases."""
        layers: list[Convolution | Dense] = [*self.convolutions, *self.dense]
        return sum(layer.kernel.size + layer.bias.size for layer in layers)


def read_network(model: Any) -> PlainNetwork:
    """Take a classifier of ``tlx train`` apart.

    Args:
        model: A ``keras.Model`` from ``uint8 [N, H, W, 3]``: a rescaling, 3x3 convolutions with ReLU, poolings, a head.

    Raises:
        InputError: If it is built in another way.
    """
    kinds = [type(layer).__name__ for layer in model.layers]
    flat = [place for place, kind in enumerate(kinds) if kind in {"GlobalAveragePooling2D", "Flatten"}]
    if kinds[:2] != ["InputLayer", "Rescaling"] or len(flat) != 1:
        raise InputError(
            f"the model has the layers {', '.join(kinds)}: 'tlx compress' takes those that 'tlx train' makes"
        )
    convolutions: list[Convolution] = []
    for layer, kind in zip(model.layers[2 : flat[0]], kinds[2:], strict=False):
        if kind == "Conv2D" and _is_plain(layer):
            kernel, bias = (np.asarray(value, np.float32) for value in layer.get_weights())
            convolutions.append(Convolution(layer.name, kernel, bias, pooled=False, stride=layer.strides[0]))
        elif kind == "MaxPooling2D" and convolutions and not convolutions[-1].pooled and layer.pool_size == (2, 2):
            convolutions[-1] = replace(convolutions[-1], pooled=True)
        else:
            raise InputError(f"{layer.name}: a layer that 'tlx compress' doesn't know ({kind})")
    dropout = 0.0
    dense: list[Dense] = []
    for layer, kind in zip(model.layers[flat[0] + 1 :], kinds[flat[0] + 1 :], strict=True):
        if kind == "Dropout":
            dropout = float(layer.rate)
        elif kind == "Dense":
            kernel, bias = (np.asarray(value, np.float32) for value in layer.get_weights())
            dense.append(Dense(layer.get_config(), kernel, bias))
        else:
            raise InputError(f"{layer.name}: a layer of the head that 'tlx compress' doesn't know ({kind})")
    height, width = model.input_shape[1:3]
    pooling: Pooling = "average" if kinds[flat[0]] == "GlobalAveragePooling2D" else "flatten"
    rescaling = model.layers[1].get_config()
    return PlainNetwork((height, width), rescaling, tuple(convolutions), pooling, dropout, tuple(dense))


def _is_plain(layer: Any) -> bool:
    kinds = {((3, 3), (1, 1)), ((MERGED_KERNEL, MERGED_KERNEL), (2, 2))}
    shape = (layer.padding, layer.dilation_rate, layer.groups)
    known = (layer.kernel_size, layer.strides) in kinds and shape == ("same", (1, 1), 1)
    return bool(known and layer.activation.__name__ == "relu" and layer.use_bias)


def build_model(network: PlainNetwork, dropout: float | None = None, dtype: str = "float32") -> Any:
    """The network as a ``keras.Model``, all layers trainable; layers have the names that they had.

    Args:
        network: The weights.
        dropout: In the head; the network's own if None.
        dtype: Keras's dtype policy of the convolutions and what pools them. Weights, normalisation and head are
            ``float32`` under each.
    """
    dropout = network.dropout if dropout is None else dropout
    layers = import_keras().layers
    image = import_keras().Input((*network.size_hw, 3), dtype="uint8", name="image")
    tensor = layers.Rescaling.from_config({**network.rescaling, "dtype": "float32"})(image)
    weights: dict[str, list[Array]] = {}
    for number, layer in enumerate(network.convolutions):
        convolution = layers.Conv2D(
            layer.outputs,
            layer.kernel.shape[0],
            strides=layer.stride,
            padding="same",
            activation="relu",
            name=layer.name,
            dtype=dtype,
        )
        tensor = convolution(tensor)
        weights[layer.name] = [layer.kernel, layer.bias]
        if layer.pooled:
            block = layer.name.rpartition("_")[0] or f"pool{number}"
            tensor = layers.MaxPooling2D(2, name=f"{block}_pool", dtype=dtype)(tensor)
    pooling = layers.GlobalAveragePooling2D if network.pooling == "average" else layers.Flatten
    tensor = pooling(name="pooling", dtype="float32")(tensor)
    for place, dense in enumerate(network.dense):
        if place == len(network.dense) - 1 and dropout:
            tensor = layers.Dropout(dropout, name="dropout", dtype="float32")(tensor)
        made = layers.Dense.from_config(dict(dense.config) | {"dtype": "float32"})
        tensor = made(tensor)
        weights[made.name] = [dense.kernel, dense.bias]
    model = import_keras().Model(image, tensor, name="classifier")
    for name, values in weights.items():
        model.get_layer(name).set_weights(values)
    return model
