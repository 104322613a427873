"""What an export measured, as it is written into the contract."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Document(BaseModel):
    """Ours are immutable and strict about values; unknown fields of a newer writer are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Parity(Document):
    """What the parity gate measured: the same photos from file bytes to label, in Keras and in ONNX Runtime.

    For a cheaper precision it was measured with the fp32 file that this one was made from.

    Attributes:
        photos: How many were compared.
        labels_equal: On how many both say the same label.
        max_abs_difference: The largest difference of a probability.
        tolerance: The largest that the gate allows.
        photos_from: The name of their folder.
    """

    photos: int = Field(ge=0)
    labels_equal: int = Field(ge=0)
    max_abs_difference: float = Field(ge=0)
    tolerance: float = Field(gt=0)
    photos_from: str


class AccuracyRecord(Document):
    """What the accuracy gate measured: this file against its fp32 sibling, on the same labelled photos.

    Attributes:
        photos: How many there are.
        reference_correct: How many of the photos the fp32 file gets right.
        correct: How many this file gets right.
        lost: How many the fp32 file gets right and this one wrong.
        gained: The other way round.
        drop_points: What was lost, in percentage points of the photos; negative if more was gained.
        upper_drop_points: What it is at most, at 95 % (one-sided), by ``statistic``.
        max_drop_points: The budget.
        statistic: The method's name.
        verdict: What the gate says of it.
        photos_from: The name of the photos' folder.
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


class RivalRecord(Document):
    """Another preprocessing of a Keras file that gets more of the photos right than the claimed one, by chance or not.

    Attributes:
        preprocessing: Its name.
        photos: On how many both were tried.
        correct: How many it gets right.
        claimed_correct: How many the claimed one gets right.
    """

    preprocessing: str
    photos: int = Field(ge=1)
    correct: int = Field(ge=0)
    claimed_correct: int = Field(ge=0)


class ClaimRecord(Document):
    """What labelled photos say of a Keras file that somebody described: its labels, preprocessing and resize.

    Attributes:
        photos: How many there are.
        correct: How many the fp32 file gets right.
        guessing: What always saying the most frequent label would get right, 0 to 1.
        p_value: The chance of being right this often by guessing so (exact binomial test).
        minimum: The lowest accuracy that was asked for, 0 to 1; None for any that is better than guessing.
        verdict: Whether it is better than guessing, at 95 %.
        photos_from: The name of the photos' folder.
        rival: A preprocessing that may be the right one instead; null if none was right more often.
    """

    photos: int = Field(ge=1)
    correct: int = Field(ge=0)
    guessing: float = Field(ge=0, le=1)
    p_value: float = Field(ge=0, le=1)
    minimum: float | None = Field(default=None, ge=0, le=1)
    verdict: Literal["passed", "too few photos to tell"]
    photos_from: str
    rival: RivalRecord | None = None


class SpeedRecord(Document):
    """What the speed gate measured: this file against its fp32 sibling, in interleaved rounds of fresh processes.

    Attributes:
        device: What it ran on: ``cpu`` or ``gpu``.
        processor: The processor's name.
        threads: Of ONNX Runtime.
        rounds: How many rounds.
        reference_p50_ms: Median latency of the fp32 file for one picture, ready-made, in milliseconds.
        p50_ms: The same of this file.
        ratio: How many times faster this file is: the median over the rounds.
        ratio_low: The lower end of its 95 % confidence interval.
        ratio_high: The upper end.
        minimum_ratio: What the gate asks of ``ratio_low``.
        verdict: What it says.
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


class LatencyRecord(Document):
    """How long this file takes for one picture, ready-made, where it was exported: a figure without a gate.

    Attributes:
        device: What it ran on: ``cpu`` or ``gpu``.
        processor: The processor's name.
        threads: Of ONNX Runtime.
        pictures: How many were classified, one at a time.
        p50_ms: The median, in milliseconds.
    """

    device: Literal["cpu", "gpu"]
    processor: str
    threads: int = Field(ge=1)
    pictures: int = Field(ge=1)
    p50_ms: float = Field(gt=0)


class QuantizationRecord(Document):
    """How the int8 numbers of the file were found.

    Attributes:
        method: How the ranges of the activations were chosen.
        activations: Their type.
        weights: The type of the weights, one scale a channel.
        reduce_range: Weights use 7 bits, so that processors without VNNI can't overflow.
        kept_float: Names of the nodes that stayed in float32.
        photos: How many calibration photos were looked at.
        photos_from: The name of their folder.
    """

    method: Literal["minmax", "entropy", "percentile"]
    activations: Literal["uint8", "int8"]
    weights: Literal["int8"] = "int8"
    reduce_range: bool = False
    kept_float: list[str] = []
    photos: int = Field(ge=1)
    photos_from: str


class ExportRecord(Document):
    """When, where and by what the file was made.

    Attributes:
        created_utc: When, by ISO 8601.
        processor: The name of the processor that the gates ran on.
        opset: The version of ONNX's operators.
        versions: Of Python and the packages that made the file.
        target: The processors that the file was made for.
        quantization: None for a file without int8.
        parity: None if the gate was skipped.
        accuracy: None at fp32, or if the gate was skipped.
        claim: Of a Keras file that tlx didn't train, where photos of known labels were given.
        speed: None at fp32, and where it wasn't measured.
        speed_status: Whether the speed gate measured; None at fp32.
        latency: None if it wasn't measured.
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
    claim: ClaimRecord | None = None
    speed: SpeedRecord | None = None
    speed_status: Literal["measured", "not measured", "skipped"] | None = None
    latency: LatencyRecord | None = None
    skipped_gates: list[str] = []
