"""How large a model is on disk."""

from __future__ import annotations

from pathlib import Path

from tlx.errors import ModelFileError
from tlx.runtime.model_registry import resolve_model


def model_bytes(path: Path) -> int | None:
    """Size of a model on disk, of a models folder that of its current model; None if it's gone."""
    try:
        path = resolve_model(path)
        if path.is_dir():
            return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        return path.stat().st_size
    except (OSError, ModelFileError):
        return None
