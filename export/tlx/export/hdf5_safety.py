"""HDF5 files of strangers: nothing outside the file is read, and nothing unpacks to more than it is.

HDF5 can point a name at another file (external links), keep a data set's bytes in any file of the disk (external
storage, virtual data sets), and declare terabytes that a few bytes stand for (chunks that are compressed or were
never written). No Keras model needs any of this.
"""

from __future__ import annotations

from typing import Any, Final

from tlx.errors import ModelFileError

MAX_OBJECTS: Final = 100_000
"""ResNet50 with an optimizer's state has about 1,500."""
MAX_RATIO: Final = 50
"""How many times larger than its bytes in the file a data set may be; Keras compresses nothing."""

_SMALL_BYTES: Final = 2**16
_OPTIMIZER_GROUPS: Final = ("optimizer_weights", "optimizer")


def count_numbers(root: Any, source: str) -> int:
    """Check all links and data sets of an open file.

    Args:
        root: An ``h5py.File``.
        source: The file's name, for the error.

    Returns:
        How many numbers its data sets hold, an optimizer's state left out.

    Raises:
        ModelFileError: If anything lies outside the file or is more than it seems.
    """
    import h5py

    links = numbers = 0

    # What a callback returns ends the walk; an exception must not pass through HDF5's own code.
    def check_link(name: str, link: Any) -> str | None:
        nonlocal links
        links += 1
        if links > MAX_OBJECTS:
            return f"holds more than {MAX_OBJECTS:,} objects"
        if not isinstance(link, h5py.HardLink):
            return f"{name[:80]!r} leads elsewhere ({type(link).__name__})"
        return None

    def check_object(name: str, item: Any) -> str | None:
        nonlocal numbers
        if not isinstance(item, h5py.Dataset):
            return None
        if name.partition("/")[0] not in _OPTIMIZER_GROUPS:
            numbers += int(item.size or 0)
        return _trap(name, item)

    wrong = root.visititems_links(check_link) or root.visititems(check_object)
    if wrong:
        raise ModelFileError(f"{source}: {wrong}, which no Keras model needs: refused")
    return numbers


def _trap(name: str, item: Any) -> str | None:
    if item.is_virtual or item.external:
        return f"{name[:80]!r} keeps its numbers in another file"
    declared = int(item.size or 0) * item.dtype.itemsize
    stored = int(item.id.get_storage_size())
    if declared > _SMALL_BYTES + MAX_RATIO * stored:
        return f"{name[:80]!r} unpacks from {stored:,} to {declared:,} bytes (allowed: {MAX_RATIO} times)"
    return None
