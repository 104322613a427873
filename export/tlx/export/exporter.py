"""The whole export: convert, prove, publish. Nothing leaves without proof."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from tlx import atomic
from tlx.contract import (
    CalibrationRecord,
    Contract,
    ExportRecord,
    InputSpec,
    KnownAnswer,
    KnownAnswers,
    Parity,
    ResizeMethod,
    ResizeSpec,
    Training,
)
from tlx.errors import InputError, OutputError
from tlx.export.convert import OPSET, convert
from tlx.export.judge import PARITY_TOLERANCE, ParityVerdict
from tlx.export.keras_model import class_probabilities, load_keras_model
from tlx.export.latency import measure_latency, with_latency
from tlx.export.parity import ParityPlan, check_parity
from tlx.export.publish import sealed_bytes
from tlx.known_answers import synthetic_picture
from tlx.progress import Progress, silent
from tlx.runtime import environment
from tlx.runtime.classifier import Classifier
from tlx.runtime.proof import prove_known_answers

PARITY_PHOTOS = 500
KNOWN_ANSWER_SEEDS = (0, 1, 2)
KNOWN_ANSWER_TOLERANCE = 1e-3
"""At fp32. Wider than the parity gate's: other processors sum in another order."""


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """What is exported.

    Attributes:
        keras_model: From ``uint8 [N, H, W, 3]`` RGB to a sigmoid or softmax.
        labels: In the order of the output's columns.
        training: Where it came from, for the contract.
        calibration: Of its probabilities, for the contract; the exported graph gives them uncalibrated.
    """

    keras_model: Path
    labels: list[str]
    size_hw: tuple[int, int]
    resize: ResizeMethod
    training: Training
    calibration: CalibrationRecord | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """What was published."""

    path: Path
    size_bytes: int
    sha256: str
    nodes: int
    contract: Contract
    parity: ParityVerdict


def export_model(
    trained: TrainedModel,
    output: Path,
    *,
    photos: Sequence[Path],
    opset: int = OPSET,
    progress: Progress = silent,
) -> Exported:
    """Convert a trained model, pass the parity gate, publish the file atomically.

    Args:
        trained: The model.
        output: The ``.onnx`` file to write or replace; untouched unless every gate passes.
        photos: Files for the parity gate, at least one.
        opset: ONNX operator set.
        progress: Told of each stage.

    Raises:
        GateError: If the exported file doesn't predict what Keras predicts.
        OutputError: If the file can't be written.
    """
    if output.suffix != ".onnx":
        raise OutputError(f"{output}: expected a name that ends in .onnx")
    if not photos:
        raise InputError("the parity gate needs photos: name a folder of them with --photos")
    with atomic.replacing(output) as temporary:
        progress("converting", 0, 1)
        model = load_keras_model(trained.keras_model)
        _require_finite_weights(model, trained.keras_model)
        proto = convert(model, trained.size_hw, opset=opset)
        draft = _draft_contract(trained, model, opset)
        temporary.write_bytes(sealed_bytes(proto, draft))
        progress("converting", 1, 1)
        plan = ParityPlan(
            keras_model=trained.keras_model,
            size_hw=trained.size_hw,
            resize=trained.resize,
            photos=photos,
            tolerance=PARITY_TOLERANCE,
            threshold=draft.threshold,
        )
        verdict = check_parity(plan, temporary, progress)
        latency = measure_latency(Classifier.load(temporary, device="cpu"))
        contract = _with_parity(draft, verdict, photos_from=_common_folder(photos))
        contract = with_latency(contract, latency)
        content = sealed_bytes(proto, contract)
        temporary.write_bytes(content)
        # The published bytes differ from the judged ones in their metadata: prove these, too.
        classifier = Classifier.load(temporary, device="cpu")
        prove_known_answers(classifier)
    return Exported(
        path=output,
        size_bytes=len(content),
        sha256=classifier.sha256,
        nodes=len(proto.graph.node),
        contract=contract,
        parity=verdict,
    )


def choose_photos(photos: Sequence[Path], limit: int = PARITY_PHOTOS) -> list[Path]:
    """At most ``limit`` of the photos, drawn with a fixed seed, in their order."""
    if len(photos) <= limit:
        return list(photos)
    chosen = sorted(random.Random(0).sample(range(len(photos)), limit))
    return [photos[place] for place in chosen]


def _require_finite_weights(model: Any, path: Path) -> None:
    for weight in model.weights:
        if not np.isfinite(np.asarray(weight)).all():
            raise InputError(f"{path}: {weight.path} holds values that are not numbers: the model is broken")


def _draft_contract(trained: TrainedModel, model: Any, opset: int) -> Contract:
    pictures = np.stack([synthetic_picture(seed, trained.size_hw) for seed in KNOWN_ANSWER_SEEDS])
    probabilities = class_probabilities(np.asarray(model.predict_on_batch(pictures)))
    if probabilities.shape[1] != len(trained.labels):
        raise InputError(
            f"{trained.keras_model}: gives {probabilities.shape[1]} probabilities for {len(trained.labels)} labels"
        )
    if not np.isfinite(probabilities).all():
        raise InputError(f"{trained.keras_model}: gives probabilities that are not numbers: its weights are broken")
    answers = [
        KnownAnswer(seed=seed, probabilities=[float(np.clip(value, 0, 1)) for value in row])
        for seed, row in zip(KNOWN_ANSWER_SEEDS, probabilities, strict=True)
    ]
    return Contract(
        labels=trained.labels,
        input=InputSpec(size_hw=trained.size_hw),
        resize=ResizeSpec(method=trained.resize),
        known_answers=KnownAnswers(tolerance=KNOWN_ANSWER_TOLERANCE, answers=answers),
        calibration=trained.calibration,
        training=trained.training,
        export=ExportRecord(
            created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
            processor=environment.processor_name(),
            opset=opset,
            versions=environment.package_versions(),
        ),
    )


def _with_parity(draft: Contract, verdict: ParityVerdict, photos_from: str) -> Contract:
    parity = Parity(
        photos=verdict.photos,
        labels_equal=verdict.labels_equal,
        max_abs_difference=verdict.max_abs_difference,
        tolerance=verdict.tolerance,
        photos_from=photos_from,
    )
    assert draft.export is not None
    return draft.model_copy(update={"export": draft.export.model_copy(update={"parity": parity})})


def _common_folder(photos: Sequence[Path]) -> str:
    """The name of the folder that holds all photos; not its path, which is nobody else's business."""
    folders = {photo.resolve().parent for photo in photos}
    first = min(folders, key=lambda folder: len(folder.parts))
    while not all(folder.is_relative_to(first) for folder in folders):
        first = first.parent
    return first.name
