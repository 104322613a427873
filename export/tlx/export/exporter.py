"""The whole export: convert, prove, make cheaper where that's wanted, publish. Nothing leaves without proof."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tlx import atomic
from tlx.contract import Contract
from tlx.errors import GateError, InputError, OutputError
from tlx.export.cheaper import ONLY_FP32, Contest, PrecisionPlan, Tried, fp32_row
from tlx.export.convert import OPSET
from tlx.export.fp32 import ProofPlan, Proven, TrainedModel, prove_fp32
from tlx.export.gates.parity import ParityVerdict
from tlx.progress import Progress, silent
from tlx.stopping import remembered_stop, stopping_progress


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """How a model is exported.

    Attributes:
        photos: Files for the parity gate, at least one.
        opset: ONNX operator set.
        precision: What is wanted instead of fp32, and which gates are skipped.
        picture: Where the worst photos are shown if a gate says no; None for nowhere.
        keep_fp32: Where the proven fp32 file is left if the precision that was asked for by name doesn't pass, or its
            speed is still to be measured; None for nowhere.
    """

    photos: Sequence[Path]
    opset: int = OPSET
    precision: PrecisionPlan = ONLY_FP32
    picture: Path | None = None
    keep_fp32: Path | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """What was published.

    Attributes:
        parity: Of the fp32 file; None if that gate was skipped.
        tried: fp32 and each cheaper candidate; empty if none was wanted.
        chosen: The name of the one that was published.
        fp32_file: Where the fp32 file was left; None if it wasn't.
    """

    path: Path
    size_bytes: int
    sha256: str
    nodes: int
    contract: Contract
    parity: ParityVerdict | None
    tried: tuple[Tried, ...] = ()
    chosen: str = "fp32"
    fp32_file: Path | None = None


def export_model(trained: TrainedModel, output: Path, plan: ExportPlan, progress: Progress = silent) -> Exported:
    """Convert a trained model, pass the gates, publish the file atomically.

    Args:
        trained: The model.
        output: The ``.onnx`` file to write or replace; untouched unless every gate passes.
        plan: How.
        progress: Told of each stage.

    Raises:
        GateError: If the exported file doesn't predict what Keras predicts, or no candidate of the precision that was
            asked for by name earns its place.
        OutputError: If the file can't be written.
        KeyboardInterrupt: After Ctrl-C, even where a library dropped it; then nothing is published.
    """
    if output.suffix != ".onnx":
        raise OutputError(f"{output}: expected a name that ends in .onnx")
    if not plan.photos:
        raise InputError("the parity gate needs photos: name a folder of them with --photos")
    plan.precision.require_photos()
    atomic.require_writable(output)
    with remembered_stop() as stop, _workspace() as folder:
        progress = stopping_progress(progress, stop)
        proof = ProofPlan(plan.photos, plan.opset, plan.precision.skipped, plan.picture)
        fp32 = prove_fp32(trained, folder / "fp32.onnx", proof, progress)
        baseline = fp32_row(fp32)
        contest = Contest(fp32, plan.precision, folder, picture=plan.picture, progress=progress)
        winner = contest.run()
        if winner is None and plan.precision.wanted not in {"fp32", "auto"}:
            raise GateError(_explain(plan, contest.tried, fp32))
        published, row = winner or (fp32, baseline)
        content = published.file.read_bytes()
        stop.leave()
        atomic.write_bytes(output, content)
        if winner and not row.speed and plan.keep_fp32:
            # What 'tlx verify --against' asks for, where the speed is still to be measured.
            atomic.write_bytes(plan.keep_fp32, fp32.file.read_bytes())
    return Exported(
        path=output,
        size_bytes=len(content),
        sha256=published.sha256,
        nodes=len(published.proto.graph.node),
        contract=published.contract,
        parity=fp32.parity,
        tried=(baseline, *contest.tried) if contest.tried else (),
        chosen=row.name,
        fp32_file=plan.keep_fp32 if winner and not row.speed else None,
    )


@contextlib.contextmanager
def _workspace() -> Iterator[Path]:
    """A folder for files that are still to be proven.

    Raises:
        OutputError: If there is no room for them.
    """
    place = Path(tempfile.gettempdir()) / "tlx-export"
    with atomic.as_output_errors(place), tempfile.TemporaryDirectory(prefix="tlx-export-") as folder:
        yield Path(folder)


def _explain(plan: ExportPlan, tried: Sequence[Tried], fp32: Proven) -> str:
    """Why nothing cheaper was published; leaves the fp32 file where the plan says."""
    best = max(tried, key=lambda row: row.accuracy.correct if row.accuracy else -1)
    others = f" (and {len(tried) - 1} other candidates, no better)" if len(tried) > 1 else ""
    kept = "nothing was published"
    # The figures matter more than a full disk.
    with contextlib.suppress(OutputError):
        if plan.keep_fp32:
            atomic.write_bytes(plan.keep_fp32, fp32.file.read_bytes())
            kept = f"the fp32 file, which is the better one, is in {plan.keep_fp32}"
    return f"--precision {plan.precision.wanted}: {best.name}: {best.failure}{others}; {kept}"
