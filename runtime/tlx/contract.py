"""What a model file promises: the document that travels inside every exported .onnx.

The contract is a JSON object under the metadata key ``tlx.contract``. It says how pixels become the
network's input and how its output becomes a label, where the model came from, and what its export measured.
Growth is by new optional fields within one ``schema`` number; readers ignore fields that they don't know, and
refuse a higher ``schema``.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tlx.errors import ModelFileError

CONTRACT_KEY = "tlx.contract"
DIGEST_KEY = "tlx.digest"
INPUT_NAME = "image"
OUTPUT_NAME = "probabilities"
TEMPERATURE_SCALING = "temperature scaling"
COLDEST, HOTTEST = 0.01, 100.0
"""The bounds of a temperature."""

Precision = Literal["fp32", "fp16", "int8"]
ResizeMethod = Literal["area", "bilinear", "nearest"]
Probability = Annotated[float, Field(ge=0, le=1)]


class _Document(BaseModel):
    """Ours are immutable and strict about values; unknown fields of a newer writer are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class InputSpec(_Document):
    """The tensor that the graph takes: ``uint8 [N, H, W, 3]``, RGB, 0–255, N free."""

    name: str = INPUT_NAME
    dtype: Literal["uint8"] = "uint8"
    layout: Literal["NHWC"] = "NHWC"
    color: Literal["RGB"] = "RGB"
    size_hw: tuple[Annotated[int, Field(ge=1, le=4096)], Annotated[int, Field(ge=1, le=4096)]]


class ResizeSpec(_Document):
    """How a picture of any size gets to ``size_hw``; see :func:`tlx.images.resize`."""

    method: ResizeMethod = "area"
    fit: Literal["stretch"] = "stretch"


class OutputSpec(_Document):
    """The tensor that the graph gives: ``float32 [N, classes]``, each row sums to 1, in label order."""

    name: str = OUTPUT_NAME
    dtype: Literal["float32"] = "float32"


class KnownAnswer(_Document):
    """A picture made by formula (:mod:`tlx.known_answers`) and what the model says of it."""

    seed: int
    probabilities: list[Probability]


class KnownAnswers(_Document):
    """Answers with which any device can prove that it computes the same function."""

    tolerance: float = Field(gt=0, lt=1)
    answers: list[KnownAnswer]


class Parity(_Document):
    """What the parity gate measured: the same photos from file bytes to label, in Keras and in ONNX Runtime."""

    photos: int = Field(ge=0)
    labels_equal: int = Field(ge=0)
    max_abs_difference: float = Field(ge=0)
    tolerance: float = Field(gt=0)
    photos_from: str


class CalibrationRecord(_Document):
    """How sure the answers should sound; the graph's own output stays as the network computes it.

    Attributes:
        method: How ``temperature`` was found and is meant; see :func:`tlx.calibration.at_temperature`.
        photos: What it was fitted on: how many of the run's validation photos.
        ece_before: The expected calibration error on these photos, 0 to 1, without the temperature.
        ece_after: With it, on the same photos: on others it will be higher.
    """

    method: str = TEMPERATURE_SCALING
    temperature: float = Field(ge=COLDEST, le=HOTTEST)
    photos: int = Field(ge=1)
    ece_before: Probability
    ece_after: Probability


class Training(_Document):
    """Where the model came from; fingerprints are SHA-256 in hex."""

    run: str
    preset: str
    photos: int = Field(ge=0)
    data_sha256: str
    weights: str
    weights_sha256: str
    validation_accuracy: Probability | None = None
    validation_photos: int | None = None


class AccuracyRecord(_Document):
    """What the accuracy gate measured: this file against its fp32 sibling, on the same labelled photos.

    Attributes:
        reference_correct: How many of the photos the fp32 file gets right.
        correct: How many this file gets right.
        lost: How many the fp32 file gets right and this one wrong.
        gained: The other way round.
        drop_points: What was lost, in percentage points of the photos; negative if more was gained.
        upper_drop_points: What it is at most, at 95 % (one-sided), by ``statistic``.
        max_drop_points: The budget.
    """

    photos: int = Field(ge=1)
    reference_correct: int = Field(ge=0)
    correct: int = Field(ge=0)
    lost: int = Field(ge=0)
    gained: int = Field(ge=0)
    drop_points: float
    upper_drop_points: float
    max_drop_points: float = Field(ge=0)
    statistic: str
    verdict: Literal["passed", "failed", "too few photos to tell"]
    photos_from: str


class SpeedRecord(_Document):
    """What the speed gate measured: this file against its fp32 sibling, in interleaved rounds of fresh processes.

    Attributes:
        reference_p50_ms: Median latency of the fp32 file for one picture, ready-made, in milliseconds.
        p50_ms: The same of this file.
        ratio: How many times faster this file is: the median over the rounds.
        ratio_low: The lower end of its 95 % confidence interval.
        ratio_high: The upper end.
        minimum_ratio: What the gate asks of ``ratio_low``.
    """

    device: str
    processor: str
    threads: int = Field(ge=1)
    rounds: int = Field(ge=1)
    reference_p50_ms: float = Field(gt=0)
    p50_ms: float = Field(gt=0)
    ratio: float = Field(gt=0)
    ratio_low: float = Field(ge=0)
    ratio_high: float = Field(ge=0)
    minimum_ratio: float = Field(gt=0)
    verdict: Literal["passed", "failed"]


class QuantizationRecord(_Document):
    """How the int8 numbers of the file were found.

    Attributes:
        method: How the ranges of the activations were chosen.
        activations: Their type.
        weights: The type of the weights, one scale a channel.
        reduce_range: Weights use 7 bits, so that processors without VNNI can't overflow.
        kept_float: Names of the nodes that stayed in float32.
        photos: How many calibration photos were looked at.
    """

    method: Literal["minmax", "entropy", "percentile"]
    activations: Literal["uint8", "int8"]
    weights: Literal["int8"] = "int8"
    reduce_range: bool = False
    kept_float: list[str] = []
    photos: int = Field(ge=1)
    photos_from: str


class ExportRecord(_Document):
    """When, where and by what the file was made.

    Attributes:
        target: The processors that the file was made for.
        speed: None at fp32, and where the target is another machine: not measured.
        skipped_gates: The gates that the user switched off by name.
    """

    created_utc: str
    processor: str
    opset: int
    versions: dict[str, str]
    target: str = "this machine"
    quantization: QuantizationRecord | None = None
    parity: Parity | None = None
    accuracy: AccuracyRecord | None = None
    speed: SpeedRecord | None = None
    skipped_gates: list[str] = []


class Contract(_Document):
    """The whole document.

    Attributes:
        schema_version: Called ``schema`` in JSON.
        labels: Class names in the order of the output's columns.
        threshold: For two classes: the second label is given from this probability of it upwards. 0.5 is
            the plain maximum. Not used for more classes.
    """

    model_config = ConfigDict(
        frozen=True, extra="ignore", allow_inf_nan=False, validate_by_name=True, validate_by_alias=True
    )

    schema_version: Literal[1] = Field(default=1, alias="schema")
    labels: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=2)]
    input: InputSpec
    resize: ResizeSpec = ResizeSpec()
    output: OutputSpec = OutputSpec()
    threshold: Probability = 0.5
    precision: Precision = "fp32"
    known_answers: KnownAnswers | None = None
    calibration: CalibrationRecord | None = None
    training: Training | None = None
    export: ExportRecord | None = None

    @model_validator(mode="after")
    def _check_labels(self) -> Contract:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels must differ from each other")
        answers = self.known_answers.answers if self.known_answers else []
        if any(len(answer.probabilities) != len(self.labels) for answer in answers):
            raise ValueError("each known answer needs one probability a label")
        return self

    def to_json(self) -> str:
        """The document as it is stored in the file's metadata."""
        return self.model_dump_json(by_alias=True)

    def to_dict(self) -> dict[str, Any]:
        """The document as plain JSON values."""
        return self.model_dump(mode="json", by_alias=True)


def parse_contract(text: str, source: str) -> Contract:
    """Read a contract from a model file's metadata.

    Args:
        text: The JSON text.
        source: The file's name, for the error.

    Raises:
        ModelFileError: If it isn't a contract that this version understands.
    """
    try:
        contract = Contract.model_validate_json(text)
        json.loads(text, object_pairs_hook=_refuse_repeated_keys)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "document"
        raise _not_understood(source, where, first["msg"]) from error
    except (ValueError, RecursionError) as error:
        raise _not_understood(source, "document", str(error)) from error
    return contract


def _refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> None:
    # Of two values under one key, one reader takes the first and another the last.
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise ValueError(f"the key {key[:80]!r} comes twice")
        seen.add(key)


def _not_understood(source: str, where: str, reason: str) -> ModelFileError:
    return ModelFileError(
        f"{source}: its contract is not one that this version of tlx understands "
        f"({where[:80]}: {reason[:200]}): export the model again, or update tlx"
    )
