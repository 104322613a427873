"""Changing a models folder so that it has a whole current model at every moment, power loss included.

A version is written, flushed and named before ``current`` can name it: the file under a temporary name, its fsync, its
rename, the fsync of its folder, the fsync of the models folder; then the line in the history; then a new link under a
temporary name, its rename over ``current``, and the fsync of the models folder. Versions are never deleted.
"""

from __future__ import annotations

import contextlib
import errno
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tlx import atomic
from tlx.errors import InputError, ModelFileError
from tlx.runtime.folder_lock import hold
from tlx.runtime.model_file import ModelFile
from tlx.runtime.model_fingerprint import fingerprint
from tlx.runtime.model_registry import (
    CURRENT,
    MODEL_FILE,
    choose_hint,
    current_version,
    find_version,
    is_registry,
    is_version,
    model_path,
    require_named,
    version_names,
)
from tlx.runtime.registry_history import HISTORY_FILE, Action, Change, append, read_history, trail

_SCRATCH: Final = ".scratch."
_RECORD_BYTES: Final = 4096
"""By so much two records of the same export may differ in length."""
_NO_LINKS: Final = {errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}
"""What file systems without symbolic links say to one (FAT: EPERM)."""


@dataclass(frozen=True, slots=True)
class Switch:
    """What became of ``current``.

    Attributes:
        sha256: The version that it names now.
        previous: The one that it named before; the same if nothing had to change, None if there was none.
        path: The file of the version.
    """

    sha256: str
    previous: str | None
    path: Path


@contextlib.contextmanager
def scratch(registry: Path) -> Iterator[Path]:
    """Give a path inside a models folder for a model that is still to be proven; it's removed in the end.

    Raises:
        OutputError: If the folder can't be made or written to.
        ModelFileError: If its ``current`` isn't one of ours.
    """
    atomic.make_folder(registry)
    current_version(registry)  # an error now, not after minutes of work
    folder = registry / f"{_SCRATCH}{secrets.token_hex(4)}"
    with contextlib.ExitStack() as cleaning:
        with atomic.as_output_errors(registry), hold(registry, wait=True) as held:
            if held:
                _sweep(registry)
            folder.mkdir()
            cleaning.callback(shutil.rmtree, folder, ignore_errors=True)
            cleaning.enter_context(hold(folder, wait=False))
        yield folder / MODEL_FILE


def publish(registry: Path, model: ModelFile) -> Switch:
    """Add a version and make it current; what is there already isn't added twice.

    Args:
        registry: The models folder; it's made if it isn't there.
        model: A checked model. One that differs from a version only in the moment of its export is that version.

    Raises:
        OutputError: If the folder can't be written to.
        ModelFileError: If its ``current`` isn't one of ours.
    """
    atomic.make_folder(registry)
    with _changing(registry):
        name = _same_model(registry, model) or model.sha256
        if not _is_whole(registry, name):
            folder = registry / name
            folder.mkdir(exist_ok=True)
            atomic.write_bytes(folder / MODEL_FILE, model.content)
        return _switch(registry, name, "publish")


def use(registry: Path, prefix: str) -> Switch:
    """Make a version current.

    Args:
        registry: The models folder.
        prefix: The first characters of the version's name.

    Raises:
        ModelFileError: If there isn't exactly one such version, or it's damaged.
        OutputError: If the folder can't be written to.
    """
    require_registry(registry)
    with _changing(registry):
        name = find_version(registry, prefix)
        _read_version(registry, name)
        return _switch(registry, name, "use")


def roll_back(registry: Path) -> Switch:
    """Make that version current which was current before; again and again, it goes further back.

    Versions that were deleted since are passed over.

    Raises:
        InputError: If none was current before.
        ModelFileError: If that version is damaged; the current one stays.
        OutputError: If the folder can't be written to.
    """
    require_registry(registry)
    with _changing(registry):
        target = previous_version(registry)
        if target is None:
            raise InputError(
                f"{registry}: nothing to roll back to, no other version was current before: {choose_hint(registry)}"
            )
        try:
            _read_version(registry, target)
        except ModelFileError as error:
            raise ModelFileError(f"{error}; the current model stays: {choose_hint(registry)}") from error
        return _switch(registry, target, "rollback")


def previous_version(registry: Path) -> str | None:
    """The version that :func:`roll_back` would make current; None if there is none."""
    current = current_version(registry)
    there = set(version_names(registry))
    before = trail(read_history(registry), current)
    return next((name for name in reversed(before) if name != current and name in there), None)


def require_registry(registry: Path) -> None:
    """Refuse a folder that holds no models.

    Raises:
        InputError: If it's none.
    """
    if not is_registry(registry):
        raise InputError(f"{registry}: not a models folder: make one with 'tlx export --to {registry}'")


@contextlib.contextmanager
def _changing(registry: Path) -> Iterator[None]:
    """One change at a time, without what killed processes left."""
    with atomic.as_output_errors(registry), hold(registry, wait=True) as held:
        if held:
            _sweep(registry)
        yield


def _read_version(registry: Path, name: str) -> ModelFile:
    model = ModelFile.read(model_path(registry, name))
    require_named(model_path(registry, name), model.sha256)
    return model


def _is_whole(registry: Path, name: str) -> bool:
    try:
        _read_version(registry, name)
    except ModelFileError:
        return False
    return True


def _same_model(registry: Path, model: ModelFile) -> str | None:
    """The version that differs from a model in nothing but when it was exported and how fast it was then."""
    wanted = fingerprint(model)
    for name in version_names(registry):
        size_bytes = model_path(registry, name).stat().st_size
        if name == model.sha256 or abs(size_bytes - len(model.content)) > _RECORD_BYTES:
            continue
        with contextlib.suppress(ModelFileError):
            if fingerprint(_read_version(registry, name)) == wanted:
                return name
    return None


def _switch(registry: Path, name: str, action: Action) -> Switch:
    path = model_path(registry, name)
    # Whoever wrote it may have been killed before it was durable, or was a copying program that doesn't care.
    atomic.fsync_file(path)
    atomic.fsync_folder(path.parent)
    atomic.fsync_folder(registry)
    previous = current_version(registry)
    if previous != name:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        append(registry, Change(at_utc=now, action=action, sha256=name, previous=previous))
        _point(registry, name)
    return Switch(name, previous, path)


def _point(registry: Path, name: str) -> None:
    link = registry / f".{CURRENT}.{secrets.token_hex(4)}.tmp"
    try:
        link.symlink_to(name, target_is_directory=True)
        link.replace(registry / CURRENT)
    except OSError as error:
        link.unlink(missing_ok=True)
        if error.errno not in _NO_LINKS:
            raise
        atomic.write_text(registry / CURRENT, f"{name}\n")
    atomic.fsync_folder(registry)


def _sweep(registry: Path) -> None:
    """Remove what killed processes left; only for who holds the folder, or it might be at work."""
    for left in registry.glob(f"{_SCRATCH}*"):
        with contextlib.suppress(OSError), hold(left, wait=False) as held:
            if held:
                shutil.rmtree(left, ignore_errors=True)
    patterns = (f".{CURRENT}.*.tmp", f".{Path(HISTORY_FILE).stem}.*.tmp*")
    for left in (one for pattern in patterns for one in registry.glob(pattern)):
        left.unlink(missing_ok=True)
    for version in registry.iterdir():
        if not is_version(version) or version.is_symlink() or not version.is_dir():
            continue
        for left in version.glob(f".{Path(MODEL_FILE).stem}.*.tmp*"):
            left.unlink(missing_ok=True)
        if not any(version.iterdir()):
            version.rmdir()
