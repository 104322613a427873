"""The accuracy gate from files to verdict, on real ONNX files and real photos."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from onnx import numpy_helper

from tlx.errors import GateError, InputError
from tlx.export.accuracy import AccuracyPlan, LabelledPhoto, check_accuracy, measure_accuracy, pair_answers
from tlx.export.photo_answers import answer_photos
from tlx.images import load, read
from tlx.runtime.classifier import Classifier

if TYPE_CHECKING:
    from tests.tiny_models import ModelMaker

LABELS = ["red", "green", "blue"]


def change_weights(model: Any, change: Any) -> None:
    weights = next(tensor for tensor in model.graph.initializer if tensor.name == "weights")
    changed = np.ascontiguousarray(change(numpy_helper.to_array(weights)))
    weights.CopyFrom(numpy_helper.from_array(changed.astype(np.float32), "weights"))


def take_blue_for_red(model: Any) -> None:
    change_weights(model, lambda weights: weights[:, [2, 1, 0]])


def spoil(model: Any) -> None:
    change_weights(model, lambda weights: weights * np.nan)


@pytest.fixture(scope="module")
def photos(colour_photos: Path) -> list[LabelledPhoto]:
    paths = sorted((colour_photos / "validation").rglob("*.jpg"))
    return [(path, LABELS.index(path.parent.name)) for path in paths]


@pytest.fixture(scope="module")
def swapped_model(make_model: ModelMaker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "swapped.onnx"
    path.write_bytes(make_model(change=take_blue_for_red))
    return path


def plan_for(photos: list[LabelledPhoto], **changes: Any) -> AccuracyPlan:
    return replace(AccuracyPlan(photos, "validation", LABELS), **changes)


def test_every_file_answers_what_it_answers_alone(
    tiny_model: Path, make_model: ModelMaker, photos: list[LabelledPhoto], tmp_path: Path
) -> None:
    """Also files of different sizes, over more than one batch."""
    small = tmp_path / "small.onnx"
    small.write_bytes(make_model(size_hw=(8, 16)))
    paths = [path for path, _ in photos] * 3
    for model, answers in zip((tiny_model, small), answer_photos((tiny_model, small), paths), strict=True):
        classifier = Classifier.load(model, "cpu")
        size_hw = classifier.contract.input.size_hw
        alone = [classifier.classify(load(path, size_hw)).probabilities for path in paths]
        assert answers.places == tuple(range(36))
        np.testing.assert_allclose(answers.probabilities, alone, atol=1e-6)


def test_unreadable_photos_are_left_out_with_their_reasons(
    tiny_model: Path, photos: list[LabelledPhoto], tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged.jpg"
    damaged.write_bytes(photos[0][0].read_bytes()[:300])
    mixed = [photos[0], (damaged, 1), photos[-1], (tmp_path / "gone.jpg", 2)]
    accuracy = measure_accuracy(tiny_model, tiny_model, mixed)
    assert accuracy.photos == (photos[0][0], photos[-1][0])
    assert accuracy.answers.labels.tolist() == [photos[0][1], photos[-1][1]]
    assert [Path(error.source).name for error in accuracy.unreadable] == ["damaged.jpg", "gone.jpg"]
    with pytest.raises(InputError, match="none of the 1 photos"):
        measure_accuracy(tiny_model, tiny_model, [(damaged, 0)])


def test_the_answers_of_the_fp32_file_serve_several_candidates(
    tiny_model: Path, swapped_model: Path, photos: list[LabelledPhoto]
) -> None:
    paths = [path for path, _ in photos]
    (reference,) = answer_photos([tiny_model], paths)
    (candidate,) = answer_photos([swapped_model], paths)
    apart = pair_answers(photos, reference, candidate).answers
    together = measure_accuracy(tiny_model, swapped_model, photos).answers
    np.testing.assert_array_equal(apart.candidate, together.candidate)
    (fewer,) = answer_photos([tiny_model], [*paths[:-1], Path("gone.jpg")])
    with pytest.raises(InputError, match="changed while they were classified"):
        pair_answers(photos, reference, fewer)


def test_a_file_that_gets_photos_wrong_fails_and_shows_them(
    tiny_model: Path, swapped_model: Path, photos: list[LabelledPhoto], tmp_path: Path
) -> None:
    picture = tmp_path / "model.worst.png"
    with pytest.raises(GateError) as raised:
        check_accuracy(plan_for(photos, picture=picture), tiny_model, swapped_model)
    words = str(raised.value)
    assert words.startswith("accuracy failed: 0 of 12 right, the fp32 file 12 (12 lost, 0 gained): +100.00 points lost")
    assert "worst: " in words
    assert words.endswith(f"; they are shown in {picture}; nothing was published")
    assert read(picture).shape[0] > 3 * 200


def test_too_few_photos_pass_with_that_verdict_unless_strict(tiny_model: Path, photos: list[LabelledPhoto]) -> None:
    record = check_accuracy(plan_for(photos), tiny_model, tiny_model)
    assert (record.verdict, record.photos, record.correct) == ("too few photos to tell", 12, 12)
    with pytest.raises(GateError, match=r"accuracy too few photos to tell: 12 of 12 right"):
        check_accuracy(plan_for(photos, strict=True), tiny_model, tiny_model)
    assert check_accuracy(plan_for(photos, max_drop_points=30, strict=True), tiny_model, tiny_model).verdict == "passed"


def test_a_file_that_gives_no_numbers_fails_the_gate(
    tiny_model: Path, make_model: ModelMaker, photos: list[LabelledPhoto], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(make_model(change=spoil))
    with pytest.raises(GateError, match=r"accuracy failed: .*no probabilities"):
        check_accuracy(plan_for(photos), tiny_model, broken)
