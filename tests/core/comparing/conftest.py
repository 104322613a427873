"""Runs to compare: copies of a real one, changed where a test wants it."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any, Protocol

import pytest

from tlx.core.runs import Run, open_run


class RunMaker(Protocol):
    """Copies the tiny run into ``tmp_path / "runs"``; see :func:`make_run`."""

    def __call__(self, name: str, changes: dict[str, Any] | None = ..., **top: Any) -> Run: ...


class PredictionsWriter(Protocol):
    """Writes ``validation.csv`` into a run; see :func:`write_predictions`."""

    def __call__(self, run: Run, wrong: Collection[int] = ..., *, prefix: str | None = ...) -> None: ...


@pytest.fixture
def make_run(tiny_run: Run, tmp_path: Path) -> RunMaker:
    """``changes`` go into ``run.json``, a dot for each level down; ``top`` at its top."""

    def make(name: str, changes: dict[str, Any] | None = None, **top: Any) -> Run:
        folder = tmp_path / "runs" / name
        shutil.copytree(tiny_run.folder, folder)
        record = json.loads((folder / "run.json").read_bytes()) | top
        for key, value in (changes or {}).items():
            *parents, last = key.split(".")
            place = record
            for parent in parents:
                place = place[int(parent) if isinstance(place, list) else parent]
            place[last] = value
        (folder / "run.json").write_text(json.dumps(record))
        return open_run(folder)

    return make


@pytest.fixture
def write_predictions() -> PredictionsWriter:
    """The photos at the places ``wrong`` get another label; ``prefix`` takes the place of the data's folder."""

    def write(run: Run, wrong: Collection[int] = (), *, prefix: str | None = None) -> None:
        root = Path(run.record.data.root)
        with (run.folder / "validation.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["path", "label", "predicted", *(f"p_{label}" for label in run.labels)])
            for place, photo in enumerate(run.photos("validation")):
                other = next(label for label in run.labels if label != photo.label)
                path = photo.path if prefix is None else f"{prefix}{photo.path.relative_to(root)}"
                writer.writerow([path, photo.label, other if place in wrong else photo.label, 0.5, 0.5])

    return write
