"""What a training keeps of its validation photos."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tlx.core.evaluation.calibration import ReliabilityBin
from tlx.core.evaluation.evaluate import EvaluateOptions, evaluate_model
from tlx.core.evaluation.in_training import assess_validation, calibration_record, write_evaluation
from tlx.core.evaluation.predictors import spec_of_run
from tlx.core.photos import Photo
from tlx.core.runs import Run

if TYPE_CHECKING:
    from tlx.core.evaluation.evaluate import Evaluation
    from tlx.core.evaluation.predictors import Probabilities


def assessed(run: Run, photos: list[Photo], probabilities: Probabilities) -> Evaluation:
    spec = spec_of_run(run.folder, run.labels, run.recipe)
    return assess_validation(spec, Path(run.record.data.root), photos, probabilities)


def overconfident(photos: list[Photo]) -> Probabilities:
    """All as sure as can be; one of each class is wrong."""
    of_second = np.array([photo.label == "red" for photo in photos], np.float32)
    of_second[[0, -1]] = 1 - of_second[[0, -1]]
    return np.stack([1 - of_second, of_second], axis=1)


def test_training_and_a_later_evaluation_judge_alike(tiny_run: Run) -> None:
    later = evaluate_model(str(tiny_run.folder), EvaluateOptions(device="cpu"))
    then = assessed(tiny_run, tiny_run.photos("validation"), later.probabilities)
    assert (then.model, then.metrics, then.calibration) == (later.model, later.metrics, later.calibration)
    assert (then.root, then.split, then.photos) == (later.root, later.split, later.photos)
    assert (then.mistakes, then.threshold, then.trained_on) == (later.mistakes, later.threshold, 0)


def test_the_record_holds_what_was_fitted(tiny_run: Run) -> None:
    photos = tiny_run.photos("validation")
    evaluation = assessed(tiny_run, photos, overconfident(photos))
    record = calibration_record(evaluation)
    assert record is not None
    assert (record.method, record.photos) == ("temperature scaling", 12)
    assert record.temperature == evaluation.calibration.temperature
    assert record.ece_before == pytest.approx(2 / 12)
    assert record.ece_after < 0.001  # all are equally sure: exactly ten of twelve can be had


def test_all_right_gives_no_record(tiny_run: Run) -> None:
    photos = tiny_run.photos("validation")
    perfect = np.array([[photo.label == label for label in tiny_run.labels] for photo in photos], np.float32)
    assert calibration_record(assessed(tiny_run, photos, perfect)) is None


def test_a_report_can_be_drawn_from_the_document_alone(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As after 'tlx train photos': everything is named from the folder that it ran in.
    absolute = Path(tiny_run.record.data.root)
    monkeypatch.chdir(absolute.parent)
    root = Path(absolute.name)
    photos = [replace(photo, path=root / photo.path.relative_to(absolute)) for photo in tiny_run.photos("validation")]
    spec = spec_of_run(tiny_run.folder, tiny_run.labels, tiny_run.recipe)
    evaluation = assess_validation(spec, root, photos, overconfident(photos))
    write_evaluation(evaluation, tmp_path)
    monkeypatch.chdir(tmp_path)
    document = json.loads((tmp_path / "evaluation.json").read_bytes())
    assert len(document["mistakes"]) == document["mistake_count"] == 2
    assert all(Path(mistake["path"]).is_file() for mistake in document["mistakes"])
    assert {(one["label"], one["predicted"], one["probability"]) for one in document["mistakes"]} == {
        ("blue", "red", 1.0),
        ("red", "blue", 1.0),
    }
    table = [ReliabilityBin(**row) for row in document["calibration"]["bins"]]
    assert table == list(evaluation.calibration.bins)
    assert document["confusion"] == [[5, 1], [1, 5]]
    assert document["data"]["root"] == str(absolute)
    assert (document["data"]["split"], document["data"]["trained_on"]) == ("validation", 0)
    assert (document["model"]["size_hw"], document["model"]["calibration"]) == ([32, 32], None)
    with (tmp_path / "validation.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows[1:]] == [str(photo.path) for photo in evaluation.photos]
