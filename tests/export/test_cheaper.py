"""Cheaper precisions earn their place, or the fp32 file stays."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from tlx.core.handover import calibration_photos, labelled_photos, photos_for_parity, trained_model
from tlx.core.runs import Run
from tlx.errors import GateError, InputError
from tlx.export.cheaper import Contest, PrecisionPlan, Tried
from tlx.export.convert import OPSET
from tlx.export.destination import Delivered
from tlx.export.exporter import ExportPlan, export_model
from tlx.export.fp32 import ProofPlan, Proven, prove_fp32
from tlx.export.gates.gate import Gate
from tlx.export.precision.targets import TARGETS, THIS_MACHINE, find_target
from tlx.export.summary import export_lines
from tlx.export.tried_table import format_tried, tried_document
from tlx.images import load
from tlx.opencv import cv2
from tlx.runtime.classifier import Classifier
from tlx.runtime.model_file import ModelFile
from tlx.runtime.proof import prove_known_answers

NO_SPEED = frozenset({Gate.SPEED})


@pytest.fixture(scope="module")
def fp32(tiny_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Proven:
    file = tmp_path_factory.mktemp("fp32") / "fp32.onnx"
    plan = ProofPlan(photos_for_parity(tiny_run), OPSET, frozenset({Gate.PARITY}))
    return prove_fp32(trained_model(tiny_run), file, plan)


@pytest.fixture(scope="module")
def plan(tiny_run: Run) -> PrecisionPlan:
    return PrecisionPlan(
        wanted="int8", calibration=calibration_photos(tiny_run), labelled=labelled_photos(tiny_run), skipped=NO_SPEED
    )


def contest(fp32: Proven, plan: PrecisionPlan, folder: Path) -> Contest:
    return Contest(fp32, plan, folder, picture=folder / "worst.png")


def elsewhere() -> str:
    return next(name for name in TARGETS if name not in {find_target(THIS_MACHINE).name, "cuda"})


def test_a_skipped_gate_is_named_in_the_file(fp32: Proven) -> None:
    record = ModelFile.read(fp32.file).contract.export
    assert record is not None
    assert record.skipped_gates == ["parity"]
    assert record.parity is None
    assert fp32.parity is None


def test_int8_that_loses_nothing_is_taken_and_tells_how_it_was_made(
    fp32: Proven, plan: PrecisionPlan, tmp_path: Path, colour_photos: Path
) -> None:
    trial = contest(fp32, plan, tmp_path)
    winner = trial.run()
    assert winner is not None
    proven, row = winner
    assert [each.name for each in trial.tried] == ["int8 minmax"]
    contract = ModelFile.read(proven.file).contract
    assert contract.precision == "int8"
    record = contract.export
    assert record is not None
    assert record.quantization is not None
    assert (record.quantization.method, record.quantization.photos) == ("minmax", len(plan.calibration))
    assert record.target == find_target(THIS_MACHINE).name
    assert record.accuracy is not None
    assert record.accuracy == row.accuracy
    assert (record.accuracy.photos, record.accuracy.lost) == (12, 0)
    assert record.accuracy.verdict == "too few photos to tell"
    assert record.speed is None
    assert record.speed_status == "skipped"
    assert record.skipped_gates == ["speed"]
    assert record.latency is not None
    assert row.size_bytes == proven.file.stat().st_size
    assert row.size_bytes * 3.8 < fp32.file.stat().st_size
    photo = load(next((colour_photos / "validation").rglob("*.jpg")), (32, 32))
    answers = [Classifier.load(file, device="cpu").classify(photo) for file in (proven.file, fp32.file)]
    assert answers[0].label == answers[1].label
    np.testing.assert_allclose(answers[0].probabilities, answers[1].probabilities, atol=0.05)


def test_the_known_answers_of_int8_are_its_own(fp32: Proven, plan: PrecisionPlan, tmp_path: Path) -> None:
    winner = contest(fp32, plan, tmp_path).run()
    assert winner is not None
    known = ModelFile.read(winner[0].file).contract.known_answers
    assert known is not None
    assert fp32.contract.known_answers is not None
    assert known.answers != fp32.contract.known_answers.answers
    assert prove_known_answers(Classifier.load(winner[0].file, device="cpu")) == pytest.approx(0, abs=1e-6)


def test_what_parity_has_asked_of_the_fp32_file_is_not_asked_again(
    tiny_run: Run, plan: PrecisionPlan, tmp_path: Path
) -> None:
    photos = photos_for_parity(tiny_run)[::2]
    fp32 = prove_fp32(trained_model(tiny_run), tmp_path / "fp32.onnx", ProofPlan(photos, OPSET))
    assert set(fp32.answers) == set(photos)
    anew = replace(fp32, answers={})
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    plan = replace(plan, labelled=[*plan.labelled, (tmp_path / "bad.jpg", 0)])
    stages: list[tuple[str, int]] = []

    def progress(stage: str, done: int, total: int, note: str = "") -> None:
        del done, note
        stages.append((stage, total))

    results = []
    for number, file in enumerate((fp32, anew)):
        folder = tmp_path / str(number)
        folder.mkdir()
        trial = Contest(file, plan, folder, picture=None, progress=progress)
        assert trial.run() is not None
        results.append(trial.tried[0].accuracy)
    assert results[0] == results[1]
    totals = list(dict.fromkeys(total for stage, total in stages if stage == "classifying photos"))
    assert totals == [13 - 6, 13]


def test_strict_refuses_what_too_few_photos_leave_open(fp32: Proven, plan: PrecisionPlan, tmp_path: Path) -> None:
    trial = contest(fp32, replace(plan, strict=True), tmp_path)
    assert trial.run() is None
    (row,) = trial.tried  # none could do better than to lose nothing
    assert row.failure is not None
    assert row.failure.startswith("accuracy too few photos to tell: ")


def test_a_lowest_accuracy_holds_for_the_cheaper_file(fp32: Proven, plan: PrecisionPlan, tmp_path: Path) -> None:
    wrong = [(path, 1 - label) for path, label in plan.labelled]
    trial = contest(fp32, replace(plan, labelled=wrong, minimum_accuracy=0.9), tmp_path)
    assert trial.run() is None
    assert all(
        row.failure and "right on 0 of 12 photos, --min-accuracy asks for 0.9" in row.failure for row in trial.tried
    )


def test_calibration_photos_that_nobody_can_read_are_an_error_of_input(
    fp32: Proven, plan: PrecisionPlan, tmp_path: Path
) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"bad\.jpg|none of"):
        contest(fp32, replace(plan, calibration=[tmp_path / "bad.jpg"]), tmp_path).run()


def test_for_another_machine_the_speed_is_not_measured(fp32: Proven, plan: PrecisionPlan, tmp_path: Path) -> None:
    winner = contest(fp32, replace(plan, target=elsewhere(), skipped=frozenset()), tmp_path).run()
    assert winner is not None
    record = ModelFile.read(winner[0].file).contract.export
    assert record is not None
    assert record.target == elsewhere()
    assert record.speed is None
    assert record.speed_status == "not measured"
    assert record.skipped_gates == []


def test_a_file_that_is_not_faster_is_not_taken_and_no_slower_one_is_tried(
    fp32: Proven, plan: PrecisionPlan, tmp_path: Path
) -> None:
    trial = contest(fp32, replace(plan, minimum_ratio=1000.0, skipped=frozenset()), tmp_path)
    assert trial.run() is None
    (row,) = trial.tried
    assert row.speed is not None
    assert row.speed.verdict == "failed"
    assert row.failure is not None
    assert row.failure.startswith("speed failed: ")


@pytest.fixture
def without_vnni(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine, taken for one of before 2019."""
    monkeypatch.setattr("tlx.runtime.environment.processor_flags", lambda: ("avx2", "fma"))


@pytest.mark.usefixtures("without_vnni")
def test_without_vnni_int8_that_is_not_faster_explains_itself_and_auto_keeps_fp32(
    tiny_run: Run, plan: PrecisionPlan, tmp_path: Path
) -> None:
    photos, model = photos_for_parity(tiny_run)[:2], trained_model(tiny_run)
    # On the processor of the test int8 may be faster: nothing is by so much.
    slow = replace(plan, minimum_ratio=1000.0, skipped=frozenset({Gate.PARITY}))
    why = r"speed failed: .*; without VNNI instructions \(this processor shows none\) .*"
    output, kept = tmp_path / "model.onnx", tmp_path / "model.fp32.onnx"
    with pytest.raises(GateError, match=f"--precision int8: int8 minmax: {why}; the fp32 file") as error:
        export_model(model, output, ExportPlan(photos, precision=slow, keep_fp32=kept))
    assert error.value.exit_code == 1
    assert not output.exists()
    assert ModelFile.read(kept).contract.precision == "fp32"
    exported = export_model(model, output, ExportPlan(photos, precision=replace(slow, wanted="auto")))
    assert ModelFile.read(output).contract.precision == "fp32"
    told = export_lines(Delivered(exported, None), tiny_run.folder, is_run=True)
    assert [line for line in told if re.match(f"int8 minmax: {why}", line)]


@pytest.fixture
def darkness(tmp_path: Path) -> list[Path]:
    """A photo by which int8 expects next to no light, and cuts off all that it will meet."""
    path = tmp_path / "dark.png"
    assert cv2.imwrite(str(path), np.full((40, 40, 3), 1, np.uint8))
    return [path]


def test_int8_that_predicts_otherwise_is_refused_with_the_numbers_and_the_fp32_file_is_kept(
    tiny_run: Run, plan: PrecisionPlan, darkness: list[Path], tmp_path: Path
) -> None:
    output, kept, picture = (tmp_path / name for name in ("model.onnx", "model.fp32.onnx", "model.worst.png"))
    output.write_bytes(b"an earlier one")
    export = ExportPlan(
        photos_for_parity(tiny_run)[:2],
        precision=replace(plan, calibration=darkness, skipped=frozenset({Gate.PARITY, Gate.SPEED})),
        picture=picture,
        keep_fp32=kept,
    )
    with pytest.raises(
        GateError, match=r"--precision int8: int8 minmax: accuracy failed: .*worst: .*; the fp32 file"
    ) as error:
        export_model(trained_model(tiny_run), output, export)
    assert str(kept) in str(error.value)
    assert str(picture) in str(error.value)
    assert output.read_bytes() == b"an earlier one"
    assert ModelFile.read(kept).contract.precision == "fp32"
    assert cv2.imread(str(picture)) is not None


def test_auto_keeps_fp32_where_nothing_cheaper_passes(
    tiny_run: Run, plan: PrecisionPlan, darkness: list[Path], tmp_path: Path
) -> None:
    export = ExportPlan(
        photos_for_parity(tiny_run)[:2],
        precision=replace(plan, wanted="auto", calibration=darkness, skipped=frozenset({Gate.PARITY, Gate.SPEED})),
    )
    exported = export_model(trained_model(tiny_run), tmp_path / "model.onnx", export)
    assert exported.chosen == "fp32"
    assert ModelFile.read(tmp_path / "model.onnx").contract.precision == "fp32"
    assert [row.name for row in exported.tried][:2] == ["fp32", "int8 minmax"]
    assert all(row.failure for row in exported.tried[1:])


def test_fp16_keeps_the_ends_of_the_network(fp32: Proven, plan: PrecisionPlan, tmp_path: Path) -> None:
    winner = contest(fp32, replace(plan, wanted="fp16", target="cuda"), tmp_path).run()
    assert winner is not None
    proto = onnx.load(winner[0].file)
    types = [end.type.tensor_type.elem_type for end in (proto.graph.input[0], proto.graph.output[0])]
    assert types == [onnx.TensorProto.UINT8, onnx.TensorProto.FLOAT]
    assert ModelFile.read(winner[0].file).contract.precision == "fp16"
    assert winner[0].file.stat().st_size < 0.55 * fp32.file.stat().st_size


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("calibration", "int8 needs photos to find its ranges on: name a folder of them with --calibrate"),
        ("labelled", "one folder of photos for each label with --photos, or .* --skip-accuracy-gate"),
    ],
)
def test_what_is_missing_is_asked_for_before_any_work(plan: PrecisionPlan, missing: str, message: str) -> None:
    without = replace(plan, calibration=()) if missing == "calibration" else replace(plan, labelled=())
    with pytest.raises(InputError, match=message):
        without.require_photos()


def test_the_table_names_what_was_published_and_why_others_were_not() -> None:
    tried = [
        Tried("fp32", 59_400_000, p50_ms=30.0),
        Tried("int8 minmax", 15_000_000, failure="speed failed: 1.02 times as fast"),
        Tried("int8 entropy", failure="no readable photo"),
    ]
    lines = format_tried(tried, "fp32").splitlines()
    assert lines[0].split()[:2] == ["precision", "MB"]
    assert lines[1].split() == ["fp32", "59.4", "-", "-", "-", "30.00", "published"]
    assert lines[2].endswith("speed failed: 1.02 times as fast")
    assert lines[3].endswith("no readable photo")
    assert tried_document(tried[1])["failure"] == "speed failed: 1.02 times as fast"
