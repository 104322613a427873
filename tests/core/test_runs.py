"""Run folders and how they are found again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tlx.contract import CalibrationRecord
from tlx.core import runs
from tlx.errors import RunError

if TYPE_CHECKING:
    from tlx.core.runs import Run


def test_open_run_by_latest_by_name_and_by_folder(tiny_run: Run) -> None:
    root = tiny_run.folder.parent
    for name, where in (("latest", root), (tiny_run.folder.name, root), (tiny_run.folder, Path("elsewhere"))):
        assert runs.open_run(name, where).record == tiny_run.record


def test_latest_is_the_newest_finished_run(tiny_run: Run, tmp_path: Path) -> None:
    for name, created in (("b", "2026-01-01T00:00:00+00:00"), ("a", "2026-01-02T00:00:00+00:00")):
        shutil.copytree(tiny_run.folder, tmp_path / name)
        document = json.loads((tmp_path / name / "run.json").read_bytes())
        (tmp_path / name / "run.json").write_text(json.dumps(document | {"created_utc": created}))
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "run.json").write_text("{")
    shutil.copytree(tiny_run.folder, tmp_path / ".partial-c")
    assert runs.open_run("latest", tmp_path).folder.name == "a"
    assert [run.folder.name for run in runs.finished_runs(tmp_path)] == ["b", "a"]


def test_open_run_says_what_is_missing(tiny_run: Run, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="run 'tlx train DATA' first"):
        runs.open_run("latest", tmp_path)
    with pytest.raises(RunError, match="no such run"):
        runs.open_run("absent", tmp_path)
    shutil.copytree(tiny_run.folder, tmp_path / "broken")
    (tmp_path / "broken" / "model.keras").unlink()
    with pytest.raises(RunError, match=r"has no model\.keras"):
        runs.open_run("broken", tmp_path)
    (tmp_path / "broken" / "run.json").write_text('{"schema": 1}')
    with pytest.raises(RunError, match=r"run\.json can't be read"):
        runs.open_run("broken", tmp_path)


def test_a_run_from_before_calibration_is_read(tiny_run: Run, tmp_path: Path) -> None:
    shutil.copytree(tiny_run.folder, tmp_path / "run")
    document = json.loads((tmp_path / "run" / "run.json").read_bytes())
    del document["calibration"]
    (tmp_path / "run" / "run.json").write_text(json.dumps(document))
    assert runs.open_run(tmp_path / "run").record.calibration is None
    record = CalibrationRecord(temperature=1.5, photos=12, ece_before=0.1, ece_after=0.02)
    runs.write_record(tmp_path / "run", tiny_run.record.model_copy(update={"calibration": record}))
    assert runs.open_run(tmp_path / "run").record.calibration == record


def test_photos_are_found_again_by_split(tiny_run: Run) -> None:
    photos = tiny_run.photos("validation")
    assert len(photos) == 12
    assert all(photo.path.is_file() and photo.split == "validation" for photo in photos)


@pytest.mark.parametrize("content", [None, b"[", b'[{"path": "a.jpg"}]'])
def test_a_damaged_list_of_photos_is_one_error(tiny_run: Run, tmp_path: Path, content: bytes | None) -> None:
    shutil.copytree(tiny_run.folder, tmp_path / "run")
    (tmp_path / "run/photos.json").unlink()
    if content is not None:
        (tmp_path / "run/photos.json").write_bytes(content)
    with pytest.raises(RunError, match="list of photos can't be read"):
        runs.open_run(tmp_path / "run").photos("train")
