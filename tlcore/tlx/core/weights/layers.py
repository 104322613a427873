"""The thirteen convolutions of VGG16: their names, their shapes, and how others' convolutions become them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from tlx.errors import WeightsError

KernelShape = tuple[int, ...]

_BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))


def _layer_shapes() -> dict[str, KernelShape]:
    shapes: dict[str, KernelShape] = {}
    channels = 3
    for block, (convolutions, filters) in enumerate(_BLOCKS, start=1):
        for convolution in range(1, convolutions + 1):
            shapes[f"block{block}_conv{convolution}"] = (3, 3, channels, filters)
            channels = filters
    return shapes


LAYER_SHAPES: Mapping[str, KernelShape] = MappingProxyType(_layer_shapes())
"""Kernel shapes ``[height, width, input channels, filters]`` by layer name, in the order of the network."""

OWN_MODEL_LAYER = "subtract_mean"
"""Name of the layer by which a model built by :mod:`tlx.core.backbone` is known: its first kernel takes RGB."""


class UnavailableError(WeightsError):
    """A way to the weights is closed (no such file, no network); nothing is wrong with any weights."""


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """One convolution's weights; the arrays are read-only.

    Attributes:
        kernel: ``float32 [3, 3, input channels, filters]`` (HWIO), C order.
        bias: ``float32 [filters]``.
    """

    kernel: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]


Layers = Mapping[str, LayerWeights]
"""All thirteen layers by name, in the order of the network."""


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution found in a file, not read yet.

    Attributes:
        where: Its place in the file, for errors.
        kernel_shape: HWIO.
        bias_shape: ``None`` if it has no bias.
        read: Gives kernel (HWIO) and bias, any float type.
    """

    where: str
    kernel_shape: KernelShape
    bias_shape: KernelShape | None
    read: Callable[[], tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]]


def layer_sha256(layer: LayerWeights) -> str:
    """SHA-256 in hex over the kernel's bytes (little-endian, HWIO, C order), then the bias's."""
    digest = hashlib.sha256(layer.kernel.astype("<f4", order="C", copy=False).data)
    digest.update(layer.bias.astype("<f4", copy=False).data)
    return digest.hexdigest()


def convolutions_by_order(found: Sequence[Convolution]) -> dict[str, Convolution]:
    """Find VGG16 among unnamed convolutions: the one run of thirteen neighbours with its shapes.

    Args:
        found: All of a network's convolutions, in its order.

    Returns:
        The thirteen by layer name. Where no run fits, the best one with its wrong or missing layers, for
        :func:`read_layers` to name.

    Raises:
        WeightsError: If more than one run fits.
    """
    names = list(LAYER_SHAPES)
    starts = range(max(1, len(found) - len(names) + 1))
    fits = {start: _fitting_layers(found[start:]) for start in starts}
    best = max(starts, key=lambda start: fits[start])
    if sum(fit == len(names) for fit in fits.values()) > 1:
        raise WeightsError("expected one VGG16, found several: name a file that holds one")
    return dict(zip(names, found[best:], strict=False))


def _fitting_layers(found: Sequence[Convolution]) -> int:
    fitting = 0
    for shape, convolution in zip(LAYER_SHAPES.values(), found, strict=False):
        if convolution.kernel_shape != shape:
            break
        fitting += 1
    return fitting


def read_layers(convolutions: Mapping[str, Convolution]) -> Layers:
    """Check and read thirteen convolutions.

    Args:
        convolutions: By layer name; other names are ignored.

    Raises:
        WeightsError: If a layer is missing, has another shape, or holds NaN or infinity; the message names it.
    """
    for name, shape in LAYER_SHAPES.items():
        if name not in convolutions:
            raise WeightsError(
                f"layer {name} is missing: expected VGG16's {len(LAYER_SHAPES)} convolutions, "
                f"found {_count(name for name in convolutions if name in LAYER_SHAPES)}"
            )
        _check_shapes(name, shape, convolutions[name])
    return MappingProxyType({name: _read_layer(name, convolutions[name]) for name in LAYER_SHAPES})


def _count(names: Iterable[str]) -> int:
    return sum(1 for _ in names)


def _check_shapes(name: str, shape: KernelShape, convolution: Convolution) -> None:
    if convolution.kernel_shape != shape:
        raise WeightsError(
            f"layer {name}: expected a kernel of {_times(shape)}, "
            f"got {_times(convolution.kernel_shape)} ({convolution.where})"
        )
    if convolution.bias_shape != shape[-1:]:
        came = "none" if convolution.bias_shape is None else _times(convolution.bias_shape)
        raise WeightsError(f"layer {name}: expected a bias of {shape[-1]}, got {came} ({convolution.where})")


def _times(shape: KernelShape) -> str:
    return "x".join(map(str, shape)) or "one number"


def _read_layer(name: str, convolution: Convolution) -> LayerWeights:
    kernel, bias = convolution.read()
    layer = LayerWeights(_as_float32(kernel), _as_float32(bias))
    for part, values in (("kernel", layer.kernel), ("bias", layer.bias)):
        if not np.isfinite(values).all():
            raise WeightsError(
                f"layer {name}: expected finite numbers, got NaN or infinity in its {part} ({convolution.where})"
            )
    return layer


def _as_float32(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore"):  # a number too large becomes infinity, which is refused by name
        array = np.array(values, dtype=np.float32, order="C")
    array.flags.writeable = False
    return array
