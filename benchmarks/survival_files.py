"""Which files of a killed training are broken, and what a finished one came to."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from tlx.core.runs import Run, open_run
from tlx.errors import ImageError, RunError
from tlx.export.keras_model import load_keras_model
from tlx.images import read


def broken_files(runs: Path, cache: Path) -> list[str]:
    """Open every file that a reader could take for whole; hidden names say that they are not.

    Returns:
        A line for each that can't be read.
    """
    broken = []
    for root in (runs, cache / "trunk"):
        for path in sorted(root.rglob("*")):
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(root).parts):
                try:
                    _open(path)
                except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, ImageError, RunError) as error:
                    broken.append(f"{path.name}: {error}")
    return broken


def figures(run: Run) -> dict[str, Any]:
    """What a run came to, without what depends on the clock and the place."""
    rows = json.loads((run.folder / "history.json").read_bytes())
    return {
        "history": [{name: value for name, value in row.items() if name != "seconds"} for row in rows],
        "result": run.record.result.model_dump(exclude={"seconds", "energy_j"}),
        "photos": json.loads((run.folder / "photos.json").read_bytes()),
    }


def _open(path: Path) -> None:
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as file:
            for name in file.files:
                file[name]
    elif path.suffix == ".npy":
        np.load(path, allow_pickle=False)
    elif path.suffix == ".json":
        _check_document(path, json.loads(path.read_bytes()))
    elif path.suffix == ".keras":
        load_keras_model(path)
    elif path.suffix == ".png":
        read(path)
    elif path.suffix == ".html" and not path.read_text().rstrip().endswith("</html>"):
        raise ValueError("it has no end")
    elif path.stat().st_size == 0:
        raise ValueError("it is empty")


def _check_document(path: Path, document: Any) -> None:
    if path.name == "run.json":
        run = open_run(path.parent)
        assert run.record.result.epochs == len(figures(run)["history"])
        missing = [name for name in ("model.keras", "report.html", "curves.png") if not (path.parent / name).is_file()]
        if missing:
            raise ValueError(f"the run is finished without {', '.join(missing)}")
    rows = path.with_suffix(".npy")
    if "views" in document and len(np.load(rows, mmap_mode="r")) != len(document["views"]):
        raise ValueError("the index names more or fewer rows than there are")
