"""The parity gate's measurement: the same photo files, once through Keras, once through ONNX Runtime.

Each side runs in a fresh process of its own, decodes the files itself and prepares them by what *it* was told: the
Keras side by the run's record, the ONNX side by the contract inside the file. So a wrong contract shows as surely
as a wrong weight.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from tlx.contract import ResizeMethod
from tlx.errors import GateError, InputError
from tlx.export.gates.parity import ParityVerdict, judge_parity
from tlx.export.preprocessing import Preprocessing
from tlx.export.worst_photos import SHOWN, WorstPhoto, answer_words, picture_words
from tlx.progress import Progress, silent

_WORST_NAMED = 3


@dataclass(frozen=True, slots=True)
class SideRequest:
    """What one worker is asked; paths are absolute.

    Attributes:
        model: A ``.keras`` file, or an exported ``.onnx``.
        size_hw: For the Keras side, like ``resize`` and ``preprocessing``; the ONNX side reads its own contract.
    """

    side: Literal["keras", "onnx"]
    model: str
    photos: list[str]
    result: str
    size_hw: tuple[int, int]
    resize: ResizeMethod
    preprocessing: Preprocessing = "inside"


@dataclass(frozen=True, slots=True)
class SideResult:
    """What one worker found.

    Attributes:
        probabilities: ``float32 [N, classes]``; rows of unreadable photos are zero.
        unreadable: Reason by the photo's place.
    """

    probabilities: npt.NDArray[np.float32]
    unreadable: dict[int, str]


@dataclass(frozen=True, slots=True)
class ParityPlan:
    """What is compared over which photos.

    Attributes:
        labels: For the picture of the worst photos.
        picture: Where that picture is written if the gate says no; None for nowhere.
    """

    keras_model: Path
    size_hw: tuple[int, int]
    resize: ResizeMethod
    photos: Sequence[Path]
    tolerance: float
    threshold: float
    labels: Sequence[str] = ()
    picture: Path | None = None
    preprocessing: Preprocessing = "inside"


def check_parity(plan: ParityPlan, onnx_file: Path, progress: Progress = silent) -> ParityVerdict:
    """Run both sides and judge; see :func:`measure_parity`."""
    return measure_parity(plan, onnx_file, progress)[0]


def measure_parity(
    plan: ParityPlan, onnx_file: Path, progress: Progress = silent
) -> tuple[ParityVerdict, dict[Path, npt.NDArray[np.float32]]]:
    """Run both sides and judge.

    Returns:
        The verdict, and what the ONNX side says of each photo that can be read: ``float32 [classes]``.

    Raises:
        GateError: If they don't agree; the message names the worst photos.
        InputError: If no photo could be read.
    """
    keras_side = run_side("keras", plan, plan.keras_model, progress)
    onnx_side = run_side("onnx", plan, onnx_file, progress)
    verdict = compare_sides(plan, keras_side, onnx_side)
    answers = {
        photo: onnx_side.probabilities[place]
        for place, photo in enumerate(plan.photos)
        if place not in onnx_side.unreadable
    }
    return verdict, answers


def compare_sides(plan: ParityPlan, keras_side: SideResult, onnx_side: SideResult) -> ParityVerdict:
    """Judge what both sides found.

    Raises:
        GateError: If they don't agree; the message names the worst photos, the plan's picture shows them.
        InputError: If no photo could be read.
    """
    if keras_side.unreadable.keys() != onnx_side.unreadable.keys():
        raise GateError("parity failed: the two sides can't read the same photos; nothing was published")
    read = [place for place in range(len(plan.photos)) if place not in keras_side.unreadable]
    if not read:
        raise InputError(f"none of the {len(plan.photos)} photos for the parity gate can be read")
    if keras_side.probabilities.shape != onnx_side.probabilities.shape:
        raise GateError("parity failed: the two sides have different numbers of classes; nothing was published")
    expected, got = keras_side.probabilities[read], onnx_side.probabilities[read]
    verdict = judge_parity(expected, got, tolerance=plan.tolerance, threshold=plan.threshold)
    if not verdict.passed:
        photos = [plan.photos[place] for place in read]
        worst = [
            WorstPhoto(
                photos[place],
                (
                    f"Keras: {answer_words(expected[place], plan.labels, plan.threshold)}",
                    f"ONNX: {answer_words(got[place], plan.labels, plan.threshold)}",
                ),
            )
            for place in verdict.worst[:SHOWN]
        ]
        raise GateError(f"{_explain(verdict, photos)}{picture_words(plan.picture, worst)}; nothing was published")
    return verdict


def run_side(side: Literal["keras", "onnx"], plan: ParityPlan, model: Path, progress: Progress = silent) -> SideResult:
    """Let one side classify the photos, in a fresh process.

    Raises:
        GateError: If it dies; with its own last words.
    """
    with tempfile.TemporaryDirectory(prefix="tlx-parity-") as folder:
        result = Path(folder) / "result.npz"
        request = SideRequest(
            side=side,
            model=str(model.resolve()),
            photos=[str(path.resolve()) for path in plan.photos],
            result=str(result),
            size_hw=plan.size_hw,
            resize=plan.resize,
            preprocessing=plan.preprocessing,
        )
        _run_worker(request, Path(folder), progress)
        with np.load(result, allow_pickle=False) as arrays:
            unreadable = json.loads(str(arrays["unreadable"]))
            return SideResult(arrays["probabilities"], {int(place): reason for place, reason in unreadable.items()})


def _run_worker(request: SideRequest, folder: Path, progress: Progress) -> None:
    errors = folder / "stderr.txt"
    stage = f"parity: {'Keras' if request.side == 'keras' else 'ONNX Runtime'}"
    with errors.open("wb") as stderr:
        worker = subprocess.Popen(
            [sys.executable, "-m", "tlx.export.parity_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
        try:
            assert worker.stdin is not None
            assert worker.stdout is not None
            with worker.stdin:
                worker.stdin.write(json.dumps(asdict(request)).encode())
            for line in worker.stdout:
                progress(stage, int(line), len(request.photos))
            code = worker.wait()
        finally:
            worker.kill()
            worker.wait()
            worker.stdout.close()  # type: ignore[union-attr] # it's a pipe, see above
    if code:
        lines = errors.read_text(errors="replace").strip().splitlines() or ["no message"]
        raise GateError(
            f"parity failed: the {request.side} side ended with code {code}: {lines[-1]}; nothing was published"
        )


def _explain(verdict: ParityVerdict, photos: Sequence[Path]) -> str:
    worst = ", ".join(
        f"{photos[place].name} ({verdict.differences[place]:.2g})" for place in verdict.worst[:_WORST_NAMED]
    )
    return (
        f"parity failed: same label on {verdict.labels_equal} of {verdict.photos} photos, largest difference of a "
        f"probability {verdict.max_abs_difference:.2g} (allowed {verdict.tolerance:g}); worst: {worst}"
    )
