"""A Keras model's file as data: its configuration and its weights, checked before anything is unpacked or built.

Two kinds: ``.keras``, a zip archive of Keras 3 (and of Keras 2 from 2.12), and ``.h5`` / ``.hdf5``, which Keras 1
to 3 write. They are told apart by their first bytes. Keras's own loaders have been talked into running code that a
file brings along (CVE-2024-3660, CVE-2025-1550, CVE-2025-8747, CVE-2025-9905, CVE-2025-9906), so here a file is
read as JSON and numbers only; :mod:`tlx.export.keras_config` says which layers may be built from it.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any, Final, Literal

from tlx.errors import MissingDependencyError, ModelFileError
from tlx.export.hdf5_safety import MAX_RATIO, count_numbers

MAX_FILE_BYTES: Final = 4 * 2**30
"""VGG16 with its top and an optimizer's state has 1.7 GB."""
MAX_CONFIG_BYTES: Final = 16 * 2**20
"""The configuration of ResNet50 has 0.2 MB."""

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_MEMBERS: Final = frozenset({_CONFIG, _WEIGHTS, "metadata.json"})
_ZIP, _HDF5 = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"
_CHUNK_BYTES: Final = 2**20


@dataclass(frozen=True, slots=True)
class KerasFile:
    """An open file; see :func:`open_keras_file`.

    Attributes:
        kind: How the weights are laid out: ``numbered`` by class (``.keras``), or ``named`` after layers (``.h5``).
        config: The model's configuration as the file holds it, not checked.
        weights: An ``h5py.File``.
        weights_path: Where it lies; for ``.keras`` a temporary file.
        numbers: How many numbers it holds, an optimizer's state left out.
    """

    source: str
    kind: Literal["numbered", "named"]
    config: Any
    weights: Any
    weights_path: Path
    numbers: int


@contextlib.contextmanager
def open_keras_file(path: Path) -> Iterator[KerasFile]:
    """Open a ``.keras`` or ``.h5`` file and check what it is made of.

    Raises:
        ModelFileError: If it is none, is damaged, holds weights alone, or is a trap.
        MissingDependencyError: If h5py isn't installed.
    """
    magic = _magic(path)
    if magic.startswith(_ZIP):
        with _open_archive(path) as file:
            yield file
    elif magic == _HDF5:
        with _open_hdf5(path, str(path)) as root:
            yield _whole_hdf5(path, root)
    else:
        raise ModelFileError(
            f"{path}: not a Keras model that can be loaded: expected a .keras or .h5 file of model.save"
        )


def _magic(path: Path) -> bytes:
    try:
        # Not blocking, because opening a named pipe would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ModelFileError(f"{path}: is not a regular file: name a .keras or .h5 file")
            if status.st_size > MAX_FILE_BYTES:
                raise ModelFileError(f"{path}: has {status.st_size:,} bytes, the limit is {MAX_FILE_BYTES:,}")
            return file.read(len(_HDF5))
    except FileNotFoundError as error:
        raise ModelFileError(f"{path}: no such file: name a .keras or .h5 file") from error
    except IsADirectoryError as error:
        raise ModelFileError(
            f"{path}: is a folder: a SavedModel can't be exported; load it where it was made and save it as .keras"
        ) from error
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{path}: can't be read ({getattr(error, 'strerror', None) or error})") from error


@contextlib.contextmanager
def _open_archive(path: Path) -> Iterator[KerasFile]:
    try:
        with zipfile.ZipFile(path) as archive, NamedTemporaryFile(prefix="tlx-", suffix=".weights.h5") as unpacked:
            _check_members(archive, str(path))
            config = _parse(_read_small(archive, _CONFIG, str(path)), str(path))
            _unpack_weights(archive, unpacked, str(path))
            weights_path = Path(unpacked.name)
            with _open_hdf5(weights_path, f"{path}: {_WEIGHTS}") as root:
                numbers = count_numbers(root, str(path))
                yield KerasFile(str(path), "numbered", config, root, weights_path, numbers)
    # NotImplementedError: an unknown compression; RuntimeError: a password
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ModelFileError(
            f"{path}: not a Keras model that can be loaded ({error}): copy or save it again"
        ) from error


def _check_members(archive: zipfile.ZipFile, source: str) -> None:
    names = [member.filename for member in archive.infolist()]
    if len(set(names)) < len(names):
        raise ModelFileError(f"{source}: holds two members of one name, which no Keras model does: refused")
    others = [name for name in names if name not in _MEMBERS]
    if others:
        raise ModelFileError(
            f"{source}: holds {others[0][:80]!r} beside configuration and weights, which a model of standard layers "
            "does not need: refused; build it again from standard layers and save that"
        )
    missing = sorted({_CONFIG, _WEIGHTS} - set(names))
    if missing:
        raise ModelFileError(f"{source}: not a Keras model that can be loaded: the archive holds no {missing[0]}")
    for member in archive.infolist():
        if stat.S_ISLNK(member.external_attr >> 16):
            raise ModelFileError(f"{source}: its {member.filename} is a link, which no Keras model holds: refused")
        limit = MAX_FILE_BYTES if member.filename == _WEIGHTS else MAX_CONFIG_BYTES
        # zipfile gives at most the size that the archive declares, so checking the declaration is enough.
        if member.file_size > limit or member.file_size > MAX_RATIO * max(member.compress_size, 1):
            raise ModelFileError(
                f"{source}: its {member.filename} unpacks from {member.compress_size:,} to {member.file_size:,} bytes "
                f"(allowed: {MAX_RATIO} times and {limit:,} bytes): refused"
            )


def _read_small(archive: zipfile.ZipFile, name: str, source: str) -> str:
    try:
        return archive.read(name).decode()
    except UnicodeDecodeError as error:
        raise ModelFileError(f"{source}: its {name} is not text: copy or save it again") from error


def _unpack_weights(archive: zipfile.ZipFile, target: IO[bytes], source: str) -> None:
    try:
        with archive.open(_WEIGHTS) as packed:
            while chunk := packed.read(_CHUNK_BYTES):
                target.write(chunk)
        target.flush()
    except OSError as error:
        raise ModelFileError(f"{source}: its weights can't be unpacked ({error})") from error


@contextlib.contextmanager
def _open_hdf5(path: Path, source: str) -> Iterator[Any]:
    try:
        import h5py
    except ImportError as error:
        raise MissingDependencyError(
            "reading .h5 and .keras files needs h5py: run \"pip install 'tlx-edge[train]'\""
        ) from error
    try:
        with h5py.File(path, "r") as root:
            yield root
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise ModelFileError(
            f"{source}: not a Keras model that can be loaded ({reason}): copy or save it again"
        ) from error


def _whole_hdf5(path: Path, root: Any) -> KerasFile:
    numbers = count_numbers(root, str(path))
    config = root.attrs.get("model_config")
    if config is None or "model_weights" not in root:
        raise ModelFileError(
            f"{path}: holds weights alone, or is no Keras model: save the whole model by model.save, not save_weights"
        )
    text = config.decode(errors="replace") if isinstance(config, bytes) else str(config)
    version = root.attrs.get("keras_version", "")
    version = version.decode(errors="replace") if isinstance(version, bytes) else str(version)
    _require_known_writer(root, version, str(path))
    return KerasFile(str(path), "named", _parse(text, str(path)), root["model_weights"], path, numbers)


def _require_known_writer(root: Any, version: str, source: str) -> None:
    backend = root.attrs.get("backend", "tensorflow")
    backend = backend.decode(errors="replace") if isinstance(backend, bytes) else str(backend)
    if backend == "theano":
        raise ModelFileError(
            f"{source}: was trained on Theano, whose convolutions are flipped: "
            "load it in Keras on TensorFlow, convert its kernels, and save that"
        )
    if version.startswith("1.") or not version:
        raise ModelFileError(
            f"{source}: was written by Keras {version or '1'}, expected 2.0 or newer: "
            "load it in Keras 2 and save it again"
        )


def _parse(text: str, source: str) -> Any:
    if len(text) > MAX_CONFIG_BYTES:
        raise ModelFileError(
            f"{source}: its configuration has {len(text):,} characters, the limit is {MAX_CONFIG_BYTES:,}"
        )
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{source}: not a Keras model that can be loaded (its configuration: {error})") from error
