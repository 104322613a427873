"""The fp32 file: converted, and proven to predict what Keras predicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tlx.contract import (
    CalibrationRecord,
    Contract,
    ExportRecord,
    InputSpec,
    KerasFileRecord,
    KnownAnswer,
    KnownAnswers,
    Parity,
    ResizeMethod,
    ResizeSpec,
    Training,
)
from tlx.errors import InputError
from tlx.export.claim import Candidate, Claim, prove_claim
from tlx.export.convert import convert
from tlx.export.gates.gate import Gate, skipped_names
from tlx.export.gates.parity import PARITY_TOLERANCE, ParityVerdict
from tlx.export.keras_model import build_keras_model, class_probabilities, require_probabilities
from tlx.export.latency import measure_latency
from tlx.export.parity import ParityPlan, measure_parity
from tlx.export.photo_choice import common_folder
from tlx.export.preprocessing import Preprocessing, with_preprocessing
from tlx.export.publish import recorded, sealed_bytes
from tlx.known_answers import synthetic_picture
from tlx.progress import Progress, silent
from tlx.runtime import environment
from tlx.runtime.classifier import Classifier
from tlx.runtime.proof import prove_known_answers

KNOWN_ANSWER_SEEDS = (0, 1, 2)
KNOWN_ANSWER_TOLERANCE = 1e-3
"""At fp32. Wider than the parity gate's: other processors sum in another order."""


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """What is exported.

    Attributes:
        keras_model: From ``[N, H, W, 3]`` to a sigmoid or softmax.
        labels: In the order of the output's columns.
        training: Where it came from, for the contract; None for a file that tlx didn't train.
        keras_file: The same for such a file.
        calibration: Of its probabilities, for the contract; the exported graph gives them uncalibrated.
        preprocessing: What has to be done to ``uint8`` RGB before it; tlx's own models do it themselves.
        claim: Labels of photos that the exported file's accuracy is proven on, where somebody only says what the
            model takes and gives.
    """

    keras_model: Path
    labels: list[str]
    size_hw: tuple[int, int]
    resize: ResizeMethod
    training: Training | None
    keras_file: KerasFileRecord | None = None
    calibration: CalibrationRecord | None = None
    preprocessing: Preprocessing = "inside"
    claim: Claim | None = None


@dataclass(frozen=True, slots=True)
class ProofPlan:
    """What the fp32 file has to show.

    Attributes:
        photos: Files for the parity gate, at least one.
        skipped: Gates that the user switched off.
        picture: Where the worst photos are shown if the gate says no; None for nowhere.
    """

    photos: Sequence[Path]
    opset: int
    skipped: frozenset[Gate] = frozenset()
    picture: Path | None = None


@dataclass(frozen=True, slots=True)
class Proven:
    """A file that passed the gates, not published yet.

    Attributes:
        file: Sealed, somewhere temporary.
        proto: Its ``onnx.ModelProto``.
        parity: None if that gate was skipped.
        answers: What it says of photos that were looked at, ``float32 [classes]`` each.
    """

    file: Path
    proto: Any
    contract: Contract
    sha256: str
    parity: ParityVerdict | None
    answers: Mapping[Path, npt.NDArray[np.float32]] = field(default_factory=dict)


def prove_fp32(trained: TrainedModel, file: Path, plan: ProofPlan, progress: Progress = silent) -> Proven:
    """Convert a model and compare the file with it, from photo files to labels.

    Args:
        trained: The model.
        file: Where to write.
        plan: What it has to show.
        progress: Told of each stage.

    Raises:
        GateError: If the file doesn't predict what Keras predicts.
        InputError: If the model is broken, or gives something else than a probability for each label.
    """
    progress("converting", 0, 1)
    network = build_keras_model(trained.keras_model)
    _require_finite_weights(network, trained.keras_model)
    model = with_preprocessing(network, trained.size_hw, trained.preprocessing)
    proto = convert(model, trained.size_hw, opset=plan.opset)
    contract = _draft_contract(trained, model, plan)
    file.write_bytes(sealed_bytes(proto, contract))
    progress("converting", 1, 1)
    photos_from = common_folder(plan.photos)
    verdict, answers = None, dict[Path, npt.NDArray[np.float32]]()
    if Gate.PARITY not in plan.skipped:
        verdict, answers = measure_parity(_parity_plan(trained, contract, plan), file, progress)
        contract = recorded(contract, parity=_parity_record(verdict, photos_from))
    classifier = Classifier.load(file, device="cpu")
    if trained.claim is not None and trained.preprocessing != "inside" and Gate.ACCURACY not in plan.skipped:
        candidate = Candidate(network, classifier, trained.preprocessing, plan.picture)
        claim = prove_claim(candidate, trained.claim, plan.photos, photos_from=photos_from, progress=progress)
        contract = recorded(contract, claim=claim)
    contract = recorded(contract, latency=measure_latency(classifier))
    file.write_bytes(sealed_bytes(proto, contract))
    # These bytes differ from the judged ones in their metadata: prove them, too.
    classifier = Classifier.load(file, device="cpu")
    prove_known_answers(classifier)
    return Proven(file, proto, contract, classifier.sha256, verdict, answers)


def known_answers(probabilities: npt.NDArray[np.float32], tolerance: float) -> KnownAnswers:
    """What a file says of the synthetic pictures of :data:`KNOWN_ANSWER_SEEDS`, for its contract.

    Args:
        probabilities: ``[pictures, classes]``, of the pictures in their order.
        tolerance: How far another device may go.
    """
    answers = [
        KnownAnswer(seed=seed, probabilities=[float(np.clip(value, 0, 1)) for value in row])
        for seed, row in zip(KNOWN_ANSWER_SEEDS, probabilities, strict=True)
    ]
    return KnownAnswers(tolerance=tolerance, answers=answers)


def _require_finite_weights(model: Any, path: Path) -> None:
    for weight in model.weights:
        if not np.isfinite(np.asarray(weight)).all():
            raise InputError(f"{path}: {weight.path} holds values that are not numbers: the model is broken")


def _draft_contract(trained: TrainedModel, model: Any, plan: ProofPlan) -> Contract:
    pictures = np.stack([synthetic_picture(seed, trained.size_hw) for seed in KNOWN_ANSWER_SEEDS])
    probabilities = class_probabilities(np.asarray(model.predict_on_batch(pictures)))
    if probabilities.shape[1] != len(trained.labels):
        raise InputError(
            f"{trained.keras_model}: gives {probabilities.shape[1]} probabilities for {len(trained.labels)} labels: "
            "give it one label for each"
        )
    require_probabilities(probabilities, trained.keras_model)
    applicable = {Gate.PARITY, Gate.ACCURACY} if trained.claim else {Gate.PARITY}
    return Contract(
        labels=trained.labels,
        input=InputSpec(size_hw=trained.size_hw),
        resize=ResizeSpec(method=trained.resize),
        known_answers=known_answers(probabilities, KNOWN_ANSWER_TOLERANCE),
        calibration=trained.calibration,
        training=trained.training,
        keras_file=trained.keras_file,
        export=ExportRecord(
            created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
            processor=environment.processor_name(),
            opset=plan.opset,
            versions=environment.package_versions(),
            skipped_gates=skipped_names(plan.skipped & applicable),
        ),
    )


def _parity_plan(trained: TrainedModel, contract: Contract, plan: ProofPlan) -> ParityPlan:
    return ParityPlan(
        keras_model=trained.keras_model,
        size_hw=trained.size_hw,
        resize=trained.resize,
        photos=plan.photos,
        tolerance=PARITY_TOLERANCE,
        threshold=contract.threshold,
        labels=trained.labels,
        picture=plan.picture,
        preprocessing=trained.preprocessing,
    )


def _parity_record(verdict: ParityVerdict, photos_from: str) -> Parity:
    return Parity(
        photos=verdict.photos,
        labels_equal=verdict.labels_equal,
        max_abs_difference=verdict.max_abs_difference,
        tolerance=verdict.tolerance,
        photos_from=photos_from,
    )
