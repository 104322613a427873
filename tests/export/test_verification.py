"""What a file proves on this device, and what is said of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest

from tlx.contract import Contract, ExportRecord, InputSpec, KnownAnswer, KnownAnswers, Precision, SpeedRecord
from tlx.errors import InputError
from tlx.export.publish import sealed_bytes
from tlx.export.verification import VerifyPlan, verify
from tlx.export.verification_report import document_of, rows_of, speed_record_words
from tlx.known_answers import synthetic_picture
from tlx.runtime.classifier import Classifier
from tlx.runtime.timing.model_setup import Place
from tlx.runtime.timing.speed import SpeedPlan

if TYPE_CHECKING:
    from tests.tiny_models import ModelMaker

CPU = SpeedPlan(Place("cpu"))
EXPORT = ExportRecord(created_utc="2026-01-01T00:00:00+00:00", processor="A Processor", opset=17, versions={})
SPEED = SpeedRecord(
    device="cpu",
    processor="A Processor",
    threads=2,
    rounds=14,
    reference_p50_ms=30.0,
    p50_ms=10.0,
    ratio=3.0,
    ratio_low=2.5,
    ratio_high=3.5,
    minimum_ratio=1.1,
    verdict="passed",
)

Writer = Callable[..., Path]


@pytest.fixture
def write_model(tiny_model: Path, tmp_path: Path) -> Writer:
    """Writes the tiny model with known answers that are right, or off by ``error``, and any record."""

    def write(
        *,
        error: float = 0.0,
        export: ExportRecord | None = EXPORT,
        precision: Precision = "int8",
    ) -> Path:
        classifier = Classifier.load(tiny_model, "cpu")
        answers = []
        for seed in (0, 1):
            probabilities = np.array(classifier.classify(synthetic_picture(seed, (32, 32))).probabilities)
            answers.append(KnownAnswer(seed=seed, probabilities=list(np.clip(probabilities + error, 0, 1))))
        contract = Contract(
            labels=classifier.contract.labels,
            input=InputSpec(size_hw=(32, 32)),
            precision=precision,
            known_answers=KnownAnswers(tolerance=0.02, answers=answers),
            export=export,
        )
        path = tmp_path / "int8.onnx"
        path.write_bytes(sealed_bytes(onnx.load(tiny_model), contract))
        return path

    return write


def text_of(rows: list[tuple[str, str]], name: str) -> str:
    return dict(rows)[name]


def test_a_file_alone_proves_its_answers_and_tells_its_latency(write_model: Writer) -> None:
    found = verify(VerifyPlan(write_model(), speed=CPU))
    assert found.failures == ()
    assert found.known_answers is not None
    assert found.known_answers.largest_difference < 1e-6
    rows = rows_of(found)
    assert text_of(rows, "known answers").startswith("passed: 2 pictures, largest difference of a probability ")
    assert " ms for one ready-made picture (the median of 100 calls" in text_of(rows, "latency")
    assert "CPUExecutionProvider" in text_of(rows, "here")
    assert {"speed", "labels"}.isdisjoint(dict(rows))
    document = json.loads(json.dumps(document_of(found), allow_nan=False))
    assert (document["schema"], document["passed"], document["speed"], document["against"]) == (1, True, None, None)
    assert document["latency"]["p50_ms"]["value"] > 0


def test_a_device_that_computes_something_else_is_told_and_nothing_is_timed(
    write_model: Writer, busy_model: Path
) -> None:
    found = verify(VerifyPlan(write_model(error=0.1), against=busy_model, speed=CPU))
    assert len(found.failures) == 1
    assert "gives other answers here" in found.failures[0]
    assert "allowed 0.02" in found.failures[0]
    assert text_of(rows_of(found), "known answers").startswith("failed: 2 pictures")
    assert (found.speed, found.latency, found.labels) == (None, None, None)


def test_a_faster_file_passes_and_its_labels_are_compared(
    write_model: Writer, busy_model: Path, colour_photos: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, photo in enumerate(sorted((colour_photos / "validation").rglob("*.jpg"))):
        (folder / f"{number}.jpg").write_bytes(photo.read_bytes())
    (folder / "damaged.jpg").write_bytes(b"nothing")
    found = verify(VerifyPlan(write_model(), busy_model, folder, SpeedPlan(Place("cpu"), time_limit_s=0)))
    assert found.failures == ()
    assert found.speed is not None
    assert found.speed.ratio_low > 1.1
    assert found.labels is not None
    assert (found.labels.photos, found.labels.labels_equal, found.labels.unreadable) == (12, 12, 1)
    assert text_of(rows_of(found), "speed").startswith(f"passed: than {busy_model} ")
    assert "on 12 of 12 photos, 1 unreadable" in text_of(rows_of(found), "labels")


def test_a_file_that_is_not_faster_fails_with_its_figures(write_model: Writer, tiny_model: Path) -> None:
    found = verify(VerifyPlan(write_model(), tiny_model, speed=SpeedPlan(Place("cpu"), minimum_ratio=50)))
    assert found.speed is not None
    assert found.speed.verdict == "failed"
    (failure,) = found.failures
    assert failure.startswith("not fast enough here: ")
    assert "(asked for: 50)" in failure
    assert document_of(found)["passed"] is False


def test_files_and_photos_that_can_not_be_compared_are_refused(
    write_model: Writer, make_model: ModelMaker, busy_model: Path, tmp_path: Path
) -> None:
    model = write_model()
    other = tmp_path / "other.onnx"
    other.write_bytes(make_model(labels=["cat", "dog"]))
    with pytest.raises(InputError, match=r"knows the labels cat, dog, but .* knows red, green, blue"):
        verify(VerifyPlan(model, other, speed=CPU))
    with pytest.raises(InputError, match="--against"):
        verify(VerifyPlan(model, photos=tmp_path, speed=CPU))
    with pytest.raises(InputError, match="there is none"):
        verify(VerifyPlan(model, busy_model, tmp_path / "absent", CPU))
    with pytest.raises(InputError, match="none of 0 files"):
        (tmp_path / "empty").mkdir()
        verify(VerifyPlan(model, busy_model, tmp_path / "empty", CPU))


def test_a_file_without_known_answers_says_that_nothing_is_proven(tiny_model: Path) -> None:
    rows = rows_of(verify(VerifyPlan(tiny_model, speed=CPU)))
    assert text_of(rows, "known answers") == "the file holds none: nothing is proven"
    assert text_of(rows, "its record") == "none: the file doesn't say how it was made"


@pytest.mark.parametrize(
    ("precision", "changes", "words"),
    [
        ("fp32", {}, "fp32 is what the others are measured against"),
        ("int8", {}, "not measured"),
        ("int8", {"target": "arm64"}, "not measured: made for arm64, on A Processor"),
        ("int8", {"speed_status": "skipped"}, "not measured: its gate was skipped"),
        ("int8", {"speed": SPEED}, "passed where it was made: 3.00 times as fast, with 95 % confidence 2.50 to 3.50"),
    ],
)
def test_speed_record_words(precision: str, changes: dict[str, object], words: str) -> None:
    assert speed_record_words(precision, EXPORT.model_copy(update=changes)).startswith(words)


def test_a_file_tells_which_gates_were_skipped(write_model: Writer) -> None:
    path = write_model(export=EXPORT.model_copy(update={"skipped_gates": ["accuracy", "speed"], "target": "vnni"}))
    rows = rows_of(verify(VerifyPlan(path, speed=CPU)))
    assert text_of(rows, "skipped gates") == "accuracy, speed"
    assert text_of(rows, "made") == "2026-01-01T00:00:00+00:00 on A Processor, for vnni"
