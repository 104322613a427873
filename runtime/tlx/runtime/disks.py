"""Room on disks, in bytes."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Disk:
    """The room where a folder is or would be.

    Attributes:
        folder: Which folder; it need not exist.
        free_bytes: None where it can't be told.
        used_bytes: What the files in the folder take.
    """

    folder: str
    free_bytes: int | None
    used_bytes: int | None = None


def free_bytes(folder: Path) -> int | None:
    """The room for files in a folder, which need not exist yet; None where it can't be told."""
    existing = next((place for place in (folder, *folder.absolute().parents) if place.is_dir()), None)
    try:
        return shutil.disk_usage(existing).free if existing else None
    except OSError:
        return None


def used_bytes(folder: Path) -> int:
    """The size of all files in a folder and its subfolders; 0 if it isn't there."""
    total = 0
    for parent, _, files in os.walk(folder):
        for name in files:
            try:
                total += Path(parent, name).lstat().st_size
            except OSError:  # gone meanwhile
                continue
    return total
