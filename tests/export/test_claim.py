"""The accuracy gate of foreign files: tables of decisions, and a real file with true and wrong claims."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tlx.contract import Contract, InputSpec, ResizeSpec, RivalRecord
from tlx.errors import GateError, InputError
from tlx.export.claim import (
    Candidate,
    Claim,
    judge_accuracy,
    prove_claim,
)
from tlx.export.convert import convert
from tlx.export.exporter import ExportPlan, export_model
from tlx.export.foreign import KerasRequest, foreign_model
from tlx.export.frameworks import import_keras
from tlx.export.gates.binomial import at_least
from tlx.export.keras_model import build_keras_model
from tlx.export.preprocessing import Claimed, with_preprocessing
from tlx.export.publish import sealed_bytes
from tlx.export.rivals import better_claims, is_clearly_better, rivals_ahead
from tlx.export.summary import rival_words
from tlx.runtime.classifier import Classifier

if TYPE_CHECKING:
    from tests.conftest import PhotoMaker


@pytest.mark.parametrize(
    ("successes", "trials", "probability", "expected"),
    [
        (0, 5, 0.5, 1.0),
        (5, 5, 0.5, 1 / 32),
        (4, 5, 0.5, 6 / 32),
        (1, 2, 0.25, 1 - 0.75**2),
        (60, 100, 0.5, 0.02844),
        (3, 3, 1.0, 1.0),
        (0, 0, 0.5, 1.0),
        (10_000, 10_000, 0.5, 0.0),
    ],
)
def test_at_least(successes: int, trials: int, probability: float, expected: float) -> None:
    assert at_least(successes, trials, probability) == pytest.approx(expected, abs=1e-5)


def half(photos: int, correct: int) -> tuple[list[int], list[int]]:
    truths = [0] * (photos // 2) + [1] * (photos - photos // 2)
    return truths, [truth if place < correct else 1 - truth for place, truth in enumerate(truths)]


@pytest.mark.parametrize(
    ("truths", "answers", "minimum", "verdict"),
    [
        (*half(100, 97), None, "passed"),
        (*half(100, 97), 0.97, "passed"),
        (*half(100, 97), 0.98, "failed"),
        (*half(100, 59), None, "passed"),
        (*half(100, 58), None, "too few photos to tell"),  # p = 0.067
        (*half(100, 51), None, "too few photos to tell"),
        (*half(100, 50), None, "failed"),
        (*half(100, 3), None, "failed"),
        (*half(4, 4), None, "too few photos to tell"),  # p = 1/16
        (*half(6, 6), None, "passed"),
        ([0] * 9 + [1], [0] * 10, None, "failed"),  # always the frequent one
        ([0] * 90 + [1] * 10, [0] * 90 + [1] * 10, None, "passed"),
        ([0], [0], None, "too few photos to tell"),  # of one label nothing can be told
        ([0], [1], None, "failed"),
        ([0, 0, 0], [0, 0, 0], 0.9, "too few photos to tell"),
        ([0, 0, 0], [0, 0, 1], 0.9, "failed"),
    ],
)
def test_judge_accuracy(truths: list[int], answers: list[int], minimum: float | None, verdict: str) -> None:
    assert judge_accuracy(truths, answers, minimum).verdict == verdict


@pytest.mark.parametrize(
    ("gained", "lost", "expected"),
    [(7, 0, True), (6, 0, False), (0, 7, False), (20, 5, True), (14, 6, False), (0, 0, False), (6, 7, False)],
)
def test_is_clearly_better_is_a_sign_test(gained: int, lost: int, expected: bool) -> None:
    before = [False] * gained + [True] * (lost + 50)
    after = [True] * gained + [False] * lost + [True] * 50
    assert is_clearly_better(before, after) is expected


def test_better_claims_names_every_option_that_would_do_better() -> None:
    wrong, right = [False] * 20, [True] * 20
    found: Any = {"imagenet": wrong, "rescale": right, "signed": wrong, "none": wrong}
    assert better_claims("imagenet", found, two_labels=False) == {"--preprocess rescale": 20}
    assert better_claims("imagenet", found, two_labels=True) == {
        "--preprocess rescale": 20,
        "--labels in the other order": 20,
    }
    assert better_claims("rescale", found, two_labels=True) == {}


def test_rivals_ahead_are_right_more_often_however_little() -> None:
    right = [True] * 50
    found: Any = {"imagenet": [False, *right], "rescale": [True, *right], "signed": [False] * 51, "none": [True] * 51}
    assert rivals_ahead("imagenet", found) == ["rescale", "none"]
    assert rivals_ahead("rescale", found) == []
    assert rivals_ahead("signed", found) == ["rescale", "none", "imagenet"]


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory, make_photos: PhotoMaker) -> KerasRequest:
    """A network for BGR with ImageNet's means taken off, and photos of its two colours."""
    folder = tmp_path_factory.mktemp("foreign")
    make_photos(folder / "photos", {"blue": 12, "red": 12})
    keras = import_keras()
    convolution = keras.layers.Conv2D(3, 1)
    head = keras.layers.Dense(2, activation="softmax")
    layers = [keras.Input((8, 8, 3)), convolution, keras.layers.GlobalAveragePooling2D(), head]
    model = keras.Sequential(layers)
    convolution.set_weights([np.eye(3).reshape(1, 1, 3, 3), np.zeros(3)])
    # Blue is the first channel; the shift makes the network wrong on other scales.
    head.set_weights([np.array([[1.0, -1.0], [0, 0], [-1.0, 1.0]]) / 40, np.array([0.3, -0.3])])
    model.save(folder / "model.keras")
    return KerasRequest(folder / "model.keras", "blue,red", "imagenet", "nearest", folder / "photos")


def truths_of(request: KerasRequest) -> dict[Path, str]:
    assert request.photos is not None
    return {path: path.parent.name for path in sorted(request.photos.rglob("*.jpg"))}


@pytest.fixture(scope="module")
def network(request_: KerasRequest) -> Any:
    return build_keras_model(request_.file)


def candidate(network: Any, labels: list[str], preprocessing: Claimed, folder: Path) -> Candidate:
    """A file that does what was claimed, as parity would find."""
    proto = convert(with_preprocessing(network, (8, 8), preprocessing), (8, 8))
    contract = Contract(labels=labels, input=InputSpec(size_hw=(8, 8)), resize=ResizeSpec(method="nearest"))
    (folder / "candidate.onnx").write_bytes(sealed_bytes(proto, contract))
    return Candidate(network, Classifier.load(folder / "candidate.onnx", device="cpu"), preprocessing)


def test_a_true_claim_is_measured_and_recorded(request_: KerasRequest, tmp_path: Path) -> None:
    truths = truths_of(request_)
    trained = foreign_model(request_, ["blue", "red"], truths)
    exported = export_model(trained, tmp_path / "model.onnx", ExportPlan(list(truths)))
    assert exported.contract.export is not None
    record = exported.contract.export.claim
    assert record is not None
    assert (record.photos, record.correct, record.verdict) == (24, 24, "passed")
    assert record.photos_from == "photos"
    assert record.p_value < 0.001
    assert exported.contract.export.accuracy is None
    assert exported.contract.training is None
    assert exported.contract.resize.method == "nearest"


@pytest.mark.parametrize(
    ("labels_claimed", "message"),
    [
        (
            (["red", "blue"], "imagenet"),
            r"with --preprocess imagenet .* on 0 of 24 photos, with .*--labels in the other",
        ),
        ((["blue", "red"], "rescale"), r"with --preprocess rescale .*with --preprocess imagenet on 24.*nothing was"),
        ((["blue", "red"], "signed"), r"with --preprocess signed .*with --preprocess imagenet on 24"),
    ],
)
def test_a_wrong_claim_is_told(
    request_: KerasRequest, network: Any, labels_claimed: tuple[list[str], Claimed], message: str, tmp_path: Path
) -> None:
    truths = truths_of(request_)
    judged = candidate(network, *labels_claimed, tmp_path)
    with pytest.raises(GateError, match=f"accuracy failed: {message}"):
        prove_claim(judged, Claim(truths), list(truths), photos_from="photos")


def test_a_preprocessing_that_is_ahead_on_some_photos_is_tried_on_all(
    request_: KerasRequest, network: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tlx.export.claim.OTHERS_PHOTOS", 4)  # too few for a sign test, whatever they say
    truths = truths_of(request_)
    judged = candidate(network, ["blue", "red"], "rescale", tmp_path)
    with pytest.raises(GateError, match=r"is right on 12 of 24 photos, with --preprocess imagenet on 24"):
        prove_claim(judged, Claim(truths), list(truths), photos_from="photos")


def test_a_preprocessing_that_is_ahead_by_too_little_is_told(
    request_: KerasRequest, network: Any, tmp_path: Path
) -> None:
    truths = dict.fromkeys(list(truths_of(request_))[:15], "blue")  # three of them are red
    record = prove_claim(
        candidate(network, ["blue", "red"], "imagenet", tmp_path), Claim(truths), list(truths), photos_from="photos"
    )
    assert record.rival == RivalRecord(preprocessing="rescale", photos=15, correct=15, claimed_correct=12)
    assert "--preprocess rescale would be right on 15 of 15 where this is on 12" in rival_words(record)


def test_a_lowest_accuracy_is_asked_for_and_kept(request_: KerasRequest, network: Any, tmp_path: Path) -> None:
    truths = truths_of(request_)
    for photo in list(truths)[:3]:
        truths[photo] = "red"
    judged = candidate(network, ["blue", "red"], "imagenet", tmp_path)
    with pytest.raises(GateError, match=r"right on 21 of 24 photos \(0.875\), --min-.*asks for 0.9; wrong on 0.jpg, "):
        prove_claim(judged, Claim(truths, 0.9), list(truths), photos_from="photos")
    record = prove_claim(judged, Claim(truths, 0.87), list(truths), photos_from="photos")
    assert record.correct == 21


def test_photos_that_cannot_be_read_are_left_out(request_: KerasRequest, network: Any, tmp_path: Path) -> None:
    truths = {**truths_of(request_), tmp_path / "bad.jpg": "red"}
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    judged = candidate(network, ["blue", "red"], "imagenet", tmp_path)
    assert prove_claim(judged, Claim(truths), list(truths), photos_from="photos").photos == 24
    with pytest.raises(InputError, match="none of the 1 labelled photos can be read"):
        prove_claim(judged, Claim(truths), [tmp_path / "bad.jpg"], photos_from="photos")
