"""The whole evaluation, on a real run and on real model files, and how it is written down."""

from __future__ import annotations

import csv
import json
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tlx.contract import CalibrationRecord
from tlx.core.evaluation.document import describe, predictions_csv, write_predictions
from tlx.core.evaluation.evaluate import EvaluateOptions, assess, evaluate_model
from tlx.core.evaluation.labelled import LabelledPhoto, LabelledPhotos
from tlx.core.evaluation.predicting import Predictions
from tlx.core.evaluation.predictors import ModelSpec
from tlx.core.evaluation.reliability import draw_reliability, reliability_tables
from tlx.core.evaluation.text import format_evaluation
from tlx.core.runs import write_record
from tlx.errors import DataError, ImageError, InputError, MissingDependencyError, OutputError

if TYPE_CHECKING:
    from tests.conftest import PhotoMaker
    from tests.tiny_models import ModelMaker

    from tlx.core.evaluation.evaluate import Evaluation
    from tlx.core.runs import Run


def made_up(labels: tuple[str, ...], photos: int, *, wrong: int = 0, unreadable: int = 0) -> Evaluation:
    """An evaluation of photos of all classes in turn, of which some are taken for the next class."""
    listed = tuple(LabelledPhoto(Path(f"photos/{n}.jpg"), labels[n % len(labels)]) for n in range(photos))
    probabilities = np.full((photos - unreadable, len(labels)), 0.1 / len(labels), np.float32)
    for n in range(photos - unreadable):
        probabilities[n, (n + (n < wrong)) % len(labels)] += 0.9
    predictions = Predictions(
        places=tuple(range(photos - unreadable)),
        probabilities=probabilities,
        sha256=tuple(str(n) for n in range(photos - unreadable)),
        unreadable=tuple(ImageError(f"photos/{photos - 1 - n}.jpg", "is broken") for n in range(unreadable)),
    )
    model = ModelSpec("model.onnx", "onnxruntime.cpu", labels, 0.5, (32, 32), "area", sha256="0" * 64)
    return assess(model, LabelledPhotos(Path("photos"), None, listed), predictions)


def test_a_run_and_its_model_file_are_evaluated_alike(tiny_run: Run, tiny_run_onnx: Path, colour_photos: Path) -> None:
    of_run = evaluate_model(str(tiny_run.folder), EvaluateOptions())
    of_file = evaluate_model(str(tiny_run_onnx), EvaluateOptions(colour_photos, device="cpu"))
    assert of_run.photos == of_file.photos
    np.testing.assert_allclose(of_run.probabilities, of_file.probabilities, atol=1e-5)
    assert of_run.metrics.confusion == of_file.metrics.confusion
    assert of_run.metrics.accuracy == of_file.metrics.accuracy
    assert of_run.metrics.log_loss == pytest.approx(of_file.metrics.log_loss, abs=1e-4)
    assert [mistake.place for mistake in of_run.mistakes] == [mistake.place for mistake in of_file.mistakes]
    assert of_run.metrics.n == 12
    # What the training itself measured, on features rounded to float16.
    assert of_run.metrics.accuracy == pytest.approx(tiny_run.record.result.validation_accuracy, abs=1 / 12 + 1e-9)
    assert (of_run.trained_on, of_file.trained_on) == (0, None)


def test_training_photos_are_recognized_wherever_they_lie(tiny_run: Run, colour_photos: Path, tmp_path: Path) -> None:
    shutil.copytree(colour_photos / "validation", tmp_path / "photos")
    for number in range(3):
        shutil.copy(colour_photos / "train" / "red" / f"{number}.jpg", tmp_path / "photos" / "red" / f"t{number}.jpg")
    evaluation = evaluate_model(str(tiny_run.folder), EvaluateOptions(tmp_path / "photos"))
    assert (evaluation.metrics.n, evaluation.trained_on) == (15, 3)
    text = "\n".join(format_evaluation(evaluation, 0))
    assert "3 of them are training photos: the figures flatter the model" in text


def test_a_carried_temperature_is_told_for_runs_and_files(
    tiny_run: Run, make_model: ModelMaker, colour_photos: Path, tmp_path: Path
) -> None:
    import onnx

    from tlx.export.publish import sealed_bytes
    from tlx.runtime.model_file import ModelFile

    carried = CalibrationRecord(temperature=2.5, photos=12, ece_before=0.2, ece_after=0.1)
    shutil.copytree(tiny_run.folder, tmp_path / "run")
    write_record(tmp_path / "run", tiny_run.record.model_copy(update={"calibration": carried}))
    (tmp_path / "plain.onnx").write_bytes(make_model(labels=("blue", "red")))
    contract = ModelFile.read(tmp_path / "plain.onnx").contract.model_copy(update={"calibration": carried})
    (tmp_path / "model.onnx").write_bytes(sealed_bytes(onnx.load(tmp_path / "plain.onnx"), contract))

    own = evaluate_model(str(tmp_path / "run"), EvaluateOptions(device="cpu"))
    others = evaluate_model(str(tmp_path / "run"), EvaluateOptions(colour_photos, "train", device="cpu"))
    of_file = evaluate_model(str(tmp_path / "model.onnx"), EvaluateOptions(colour_photos, device="cpu"))
    of_plain = evaluate_model(str(tmp_path / "plain.onnx"), EvaluateOptions(colour_photos, device="cpu"))
    assert (own.calibrated_on, own.trained_on) == (12, 0)
    assert (others.calibrated_on, others.trained_on) == (0, 24)
    assert of_file.calibrated_on is None
    # The temperature changes no probability and no decision, only what is said of them.
    np.testing.assert_array_equal(of_file.probabilities, of_plain.probabilities)
    assert of_file.metrics == of_plain.metrics
    assert of_file.calibration.bins == of_plain.calibration.bins
    assert of_plain.calibration.carried is None
    for evaluation in (own, others, of_file):
        text = format_evaluation(evaluation, 0)
        assert evaluation.calibration.carried is not None
        (line,) = [line for line in text if line.startswith("carried")]
        assert line.startswith(f"carried            2.500: error {evaluation.calibration.carried.ece:.4f}, log loss ")
        assert any("fitted in training on 12 validation photos" in line for line in text)
        assert any("12 of them among these" in line for line in text) == (evaluation is own)
        document = json.loads(json.dumps(describe(evaluation, 0), allow_nan=False))
        assert document["calibration"]["carried"]["temperature"] == 2.5
        assert document["model"]["calibration"] == carried.model_dump()
        assert document["data"]["calibrated_on"] == evaluation.calibrated_on
    assert not any(line.startswith("carried") for line in format_evaluation(of_plain, 0))


def test_two_of_three_classes(tiny_model: Path, colour_photos: Path) -> None:
    evaluation = evaluate_model(str(tiny_model), EvaluateOptions(colour_photos, device="cpu"))
    assert evaluation.metrics.accuracy == 1
    assert evaluation.metrics.confusion == ((6, 0, 0), (0, 0, 0), (0, 0, 6))  # red, green, blue
    assert evaluation.metrics.roc_auc == 1
    assert evaluation.threshold is None
    assert evaluation.calibration.temperature is None
    assert evaluation.mistakes == ()


def test_the_file_s_own_threshold_decides(make_model: ModelMaker, tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path / "photos", {"red": 4, "green": 4})
    path = tmp_path / "model.onnx"
    path.write_bytes(make_model(labels=("red", "green"), threshold=1.0))
    evaluation = evaluate_model(str(path), EvaluateOptions(tmp_path / "photos", device="cpu"))
    assert evaluation.metrics.confusion == ((4, 0), (4, 0))
    assert evaluation.threshold is not None
    assert evaluation.threshold.value < 1
    assert evaluation.threshold.balanced_accuracy == 1
    assert any(line.startswith("best threshold") for line in format_evaluation(evaluation, 0))


def test_bad_requests_are_told_before_any_work(tiny_model: Path, tmp_path: Path, make_photos: PhotoMaker) -> None:
    with pytest.raises(InputError, match="a model file has no photos of its own"):
        evaluate_model(str(tiny_model), EvaluateOptions())
    make_photos(tmp_path, {"red": 2, "blue": 1})
    for path in tmp_path.rglob("*.jpg"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"none of its 3 photos can be read, the first: .*0\.jpg: "):
        evaluate_model(str(tiny_model), EvaluateOptions(tmp_path, device="cpu"))


def test_without_scikit_learn_the_extra_is_named(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.delitem(sys.modules, "sklearn.metrics", raising=False)
    with pytest.raises(MissingDependencyError, match=r"pip install 'tlx-edge\[train\]'"):
        evaluate_model(str(tiny_model), EvaluateOptions(Path("photos")))


def test_the_document_holds_everything_as_plain_json() -> None:
    evaluation = made_up(("cats", "dogs"), 12, wrong=3, unreadable=2)
    document = json.loads(json.dumps(describe(evaluation, 2), allow_nan=False))
    assert (document["schema"], document["n"], document["accuracy"]) == (1, 10, 0.7)
    assert document["accuracy_interval"]["low"] < 0.7 < document["accuracy_interval"]["high"]
    assert document["confusion"] == [[3, 2], [1, 4]]
    assert document["classes"][1] == asdict(evaluation.metrics.classes[1])
    assert document["mistake_count"] == 3
    assert [mistake["path"] for mistake in document["mistakes"]] == ["photos/0.jpg", "photos/1.jpg"]
    assert document["mistakes"][0]["label"] == "cats"
    assert document["mistakes"][0]["predicted"] == "dogs"
    assert document["calibration"]["temperature"] > 1
    assert sum(row["count"] for row in document["calibration"]["bins"]) == 10
    assert document["best_threshold"]["label"] == "dogs"
    assert document["data"]["left_out"][0] == {"path": "photos/11.jpg", "reason": "is broken"}
    assert document["data"]["trained_on"] is None


@pytest.mark.parametrize("classes", [2, 5, 6, 40])
@pytest.mark.parametrize("long", [False, True])
def test_text_stays_narrow_and_short(classes: int, long: bool) -> None:
    labels = tuple(f"{'a rather long name of a class ' * long}{n}" for n in range(classes))
    lines = format_evaluation(made_up(labels, 200, wrong=60, unreadable=1), 10)
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 70
    assert any(line.startswith("most confident mistakes (10 of 60)") for line in lines)
    assert any("199, 1 left out" in line for line in lines)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(("photos", "wrong"), [(1, 0), (1, 1), (12, 0), (12, 12)])
def test_one_photo_all_right_and_all_wrong_have_figures(classes: int, photos: int, wrong: int, tmp_path: Path) -> None:
    evaluation = made_up(("cats", "dogs", "owls")[:classes], photos, wrong=wrong)
    document = json.loads(json.dumps(describe(evaluation, 99), allow_nan=False))
    assert (document["n"], document["accuracy"]) == (photos, 1 - wrong / photos)
    assert len(document["mistakes"]) == wrong
    assert (document["roc_auc"] is None) == (photos == 1)
    assert document["calibration"]["ece"] == pytest.approx(0.9 + 0.1 / classes if wrong else 0.1 - 0.1 / classes)
    assert document["calibration"]["temperature"] is None
    assert any(f"{wrong} wrong" in line for line in format_evaluation(evaluation, 10))
    draw_reliability(reliability_tables(evaluation.calibration), tmp_path / "reliability.png")


def test_text_shows_control_characters_of_file_names() -> None:
    evaluation = made_up(("cats\x1b[31m", "dogs"), 4, wrong=1)
    assert not any("\x1b" in line for line in format_evaluation(evaluation, 10))


def test_predictions_have_a_row_for_each_photo(tmp_path: Path) -> None:
    evaluation = made_up(("cats, small", "dogs"), 5, wrong=1, unreadable=1)
    write_predictions(evaluation, tmp_path / "predictions.csv")
    with (tmp_path / "predictions.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["path", "label", "predicted", "p_cats, small", "p_dogs"]
    assert len(rows) == 5
    assert rows[1][:3] == ["photos/0.jpg", "cats, small", "dogs"]
    assert [float(value) for value in rows[1][3:]] == pytest.approx([0.05, 0.95])
    assert (tmp_path / "predictions.csv").read_bytes() == predictions_csv(evaluation)
    with pytest.raises(OutputError):
        write_predictions(evaluation, tmp_path / "absent" / "predictions.csv")


def test_file_names_that_are_no_text_keep_their_bytes(
    tiny_model: Path, tmp_path: Path, make_photos: PhotoMaker
) -> None:
    make_photos(tmp_path / "photos", {"red": 1})
    (tmp_path / "photos" / "red" / "0.jpg").rename(tmp_path / "photos" / "red" / os.fsdecode(b"\xff.jpg"))
    evaluation = evaluate_model(str(tiny_model), EvaluateOptions(tmp_path / "photos", device="cpu"))
    write_predictions(evaluation, tmp_path / "predictions.csv")
    assert b"\xff.jpg,red,red," in (tmp_path / "predictions.csv").read_bytes()
    json.dumps(describe(evaluation, 1)).encode("ascii")
