"""A models folder: each version in a folder of its own, and ``current``, which names one of them.

::

    models/
        4f0c…91/model.onnx      a version; its folder is named by the file's seal (SHA-256, 64 characters)
        b7d2…06/model.onnx
        current -> b7d2…06      a symbolic link that is replaced in one step
        history.jsonl           what ``current`` was made to name, and when (:mod:`tlx.runtime.registry_history`)

Any program can open ``models/current/model.onnx``. On a file system without symbolic links (FAT, exFAT) ``current``
is a file that holds the same name as text; tlx reads both. Names that begin with a dot are work in progress or what a
killed process left of it; nobody reads them as models.

This module finds; :mod:`tlx.runtime.model_publishing` changes.
"""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import Final

from tlx.errors import ModelFileError

CURRENT: Final = "current"
MODEL_FILE: Final = "model.onnx"
SHORT: Final = 12
"""How many characters of a version's name are shown to people."""

_VERSION: Final = re.compile(r"[0-9a-f]{64}")
_MAX_NAME_BYTES: Final = 200


def is_registry(path: Path) -> bool:
    """Whether this is a models folder: one with a ``current``, or at least with a version."""
    try:
        return path.is_dir() and (_exists(path / CURRENT) or bool(version_names(path)))
    except OSError:  # a name that can't be
        return False


def resolve_model(path: Path) -> Path:
    """The file that a path stands for: of a models folder its current model, of anything else itself.

    Raises:
        ModelFileError: If the models folder has no current model.
    """
    if not is_registry(path):
        return path
    name = current_version(path)
    if name is None:
        raise ModelFileError(f"{path}: has no current model: {choose_hint(path)}")
    file = model_path(path, name)
    if not file.exists():
        raise ModelFileError(f"{path}: its current model {name[:SHORT]} was deleted: {choose_hint(path)}")
    return file


def current_version(registry: Path) -> str | None:
    """The name of the version that ``current`` names, whether or not it's there; None without a ``current``.

    Raises:
        ModelFileError: If ``current`` is something else than a version's name.
    """
    pointer = registry / CURRENT
    try:
        name = _read_pointer(pointer)
    except FileNotFoundError:
        return None
    except IsADirectoryError as error:
        raise ModelFileError(
            f"{pointer}: is a folder, so something followed the link as it copied {registry}: "
            f"remove it and {choose_hint(registry)}"
        ) from error
    except OSError as error:
        raise ModelFileError(f"{pointer}: can't be read ({error.strerror or error})") from error
    if not _VERSION.fullmatch(name):
        raise ModelFileError(f"{pointer}: names {name[:80]!r}, not a version: remove it and {choose_hint(registry)}")
    return name


def version_names(registry: Path) -> list[str]:
    """The names of all versions that are there, in the order of the alphabet."""
    try:
        return sorted(one.name for one in registry.iterdir() if is_version(one) and (one / MODEL_FILE).is_file())
    except OSError as error:
        raise ModelFileError(f"{registry}: can't be read ({error.strerror or error})") from error


def find_version(registry: Path, prefix: str) -> str:
    """The one version whose name begins with ``prefix``.

    Raises:
        ModelFileError: If there is none, or more than one.
    """
    names = version_names(registry)
    found = [name for name in names if prefix and name.startswith(prefix.lower())]
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(name[: max(SHORT, len(prefix) + 4)] for name in found)
        raise ModelFileError(f"{registry}: {len(found)} versions begin with {prefix!r} ({listed}): name more of it")
    listed = ", ".join(name[:SHORT] for name in names) or "none"
    raise ModelFileError(f"{registry}: no version begins with {prefix!r}; there are: {listed}")


def is_version(folder: Path) -> bool:
    """Whether a folder's name is a version's."""
    return _VERSION.fullmatch(folder.name) is not None


def model_path(registry: Path, name: str) -> Path:
    """Where a version's file is."""
    return registry / name / MODEL_FILE


def require_named(file: Path, sha256: str) -> None:
    """Refuse a whole model that lies in another version's folder.

    Raises:
        ModelFileError: If the folder isn't named by the file's seal.
    """
    if file.parent.name != sha256:
        raise ModelFileError(f"{file}: holds another model ({sha256[:SHORT]}) than its folder says: copy it again")


def choose_hint(registry: Path) -> str:
    """What to do where the current model can't be used."""
    return f"choose one with 'tlx models {registry} --use VERSION'"


def _read_pointer(pointer: Path) -> str:
    try:
        return str(pointer.readlink())
    except OSError as error:
        # EINVAL: it isn't a link. File systems without links say it in other words.
        if error.errno not in {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}:
            raise
    with pointer.open("rb") as file:
        return file.read(_MAX_NAME_BYTES).decode(errors="backslashreplace").strip()


def _exists(path: Path) -> bool:
    return path.is_symlink() or path.exists()
