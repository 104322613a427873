"""Where tlx keeps what it can make or fetch again: pretrained weights, the frozen trunk's outputs."""

from __future__ import annotations

import os
from pathlib import Path

from tlx.errors import OutputError


def cache_folder() -> Path:
    """The folder for caches, which need not exist yet.

    ``TLX_CACHE`` if set, else ``tlx`` in ``XDG_CACHE_HOME`` (only an absolute path counts, as its specification
    says), else ``~/.cache/tlx``.

    Raises:
        OutputError: If the user has no home folder and neither variable is set.
    """
    try:
        if chosen := os.environ.get("TLX_CACHE"):
            return Path(chosen).expanduser().absolute()
        caches = Path(os.environ.get("XDG_CACHE_HOME", ""))
        return (caches if caches.is_absolute() else Path.home() / ".cache") / "tlx"
    except RuntimeError as error:
        raise OutputError(f"no place for caches ({error}): set TLX_CACHE to a folder that you can write to") from error
