"""What a model file promises: the document that travels inside every exported .onnx.

The contract is a JSON object under the metadata key ``tlx.contract``. It says how pixels become the
network's input and how its output becomes a label, where the model came from, and what its export measured.
Growth is by new optional fields within one ``schema`` number; readers ignore fields that they don't know, and
refuse a higher ``schema``.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError, model_validator

from tlx.errors import ModelFileError
from tlx.export_records import (
    AccuracyRecord,
    ClaimRecord,
    Document,
    ExportRecord,
    LatencyRecord,
    Parity,
    QuantizationRecord,
    RivalRecord,
    SpeedRecord,
)

__all__ = [
    "COLDEST",
    "CONTRACT_KEY",
    "DIGEST_KEY",
    "HOTTEST",
    "INPUT_NAME",
    "OUTPUT_NAME",
    "TEMPERATURE_SCALING",
    "AccuracyRecord",
    "CalibrationRecord",
    "ClaimRecord",
    "Contract",
    "ExportRecord",
    "InputSpec",
    "KerasFileRecord",
    "KnownAnswer",
    "KnownAnswers",
    "LatencyRecord",
    "OutputSpec",
    "Parity",
    "Precision",
    "Probability",
    "QuantizationRecord",
    "ResizeMethod",
    "ResizeSpec",
    "RivalRecord",
    "SpeedRecord",
    "Training",
    "parse_contract",
]

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


class InputSpec(Document):
    """The tensor that the graph takes: ``uint8 [N, H, W, 3]``, RGB, 0–255, N free.

    Attributes:
        name: The tensor's name in the graph.
        dtype: The type of its numbers.
        layout: The order of its axes: pictures, height, width, colours.
        color: The order of its colours.
        size_hw: Height and width, in pixels. Normalisation is part of the graph.
    """

    name: str = INPUT_NAME
    dtype: Literal["uint8"] = "uint8"
    layout: Literal["NHWC"] = "NHWC"
    color: Literal["RGB"] = "RGB"
    size_hw: tuple[Annotated[int, Field(ge=1, le=4096)], Annotated[int, Field(ge=1, le=4096)]]


class ResizeSpec(Document):
    """How a picture of any size gets to ``size_hw``; see :func:`tlx.images.resize`.

    Attributes:
        method: ``area`` averages the pixels that fall together (OpenCV's INTER_AREA), ``bilinear`` looks at four
            neighbours (INTER_LINEAR), ``nearest`` takes one pixel (as Pillow does).
        fit: Width and height are stretched to the size, each by its own factor.
    """

    method: ResizeMethod = "area"
    fit: Literal["stretch"] = "stretch"


class OutputSpec(Document):
    """The tensor that the graph gives: ``float32 [N, classes]``, each row sums to 1, in label order.

    Attributes:
        name: The tensor's name in the graph.
        dtype: The type of its numbers.
    """

    name: str = OUTPUT_NAME
    dtype: Literal["float32"] = "float32"


class KnownAnswer(Document):
    """A picture made by formula (:mod:`tlx.known_answers`) and what the model says of it.

    Attributes:
        seed: Which picture.
        probabilities: Of each label, in their order, from the network before its export.
    """

    seed: int
    probabilities: list[Probability]


class KnownAnswers(Document):
    """Answers with which any device can prove that it computes the same function.

    Attributes:
        tolerance: How far a probability may lie from its answer, for this file's precision.
        answers: One for each picture.
    """

    tolerance: float = Field(gt=0, lt=1)
    answers: list[KnownAnswer]


class CalibrationRecord(Document):
    """How sure the answers should sound; the graph's own output stays as the network computes it.

    Attributes:
        method: How ``temperature`` was found and is meant; see :func:`tlx.calibration.at_temperature`.
        temperature: What to divide the logarithms of the probabilities by, before they are made to sum to 1 again.
        photos: What it was fitted on: how many of the run's validation photos.
        ece_before: The expected calibration error on these photos, 0 to 1, without the temperature.
        ece_after: With it, on the same photos: on others it will be higher.
    """

    method: str = TEMPERATURE_SCALING
    temperature: float = Field(ge=COLDEST, le=HOTTEST)
    photos: int = Field(ge=1)
    ece_before: Probability
    ece_after: Probability


class Training(Document):
    """Where the model came from; fingerprints are SHA-256 in hex.

    Attributes:
        run: The run's name.
        preset: The recipe that it began with.
        photos: How many it was trained on.
        data_sha256: The fingerprint of all photos and their labels.
        weights: Where its pretrained weights came from.
        weights_sha256: Their fingerprint.
        validation_accuracy: Of the network before its export, on the run's validation photos.
        validation_photos: How many these are.
    """

    run: str
    preset: str
    photos: int = Field(ge=0)
    data_sha256: str
    weights: str
    weights_sha256: str
    validation_accuracy: Probability | None = None
    validation_photos: int | None = None


class KerasFileRecord(Document):
    """The Keras file that a model came from, where no run of tlx trained it.

    Attributes:
        name: The file's name.
        sha256: Of its bytes, in hex.
        preprocessing: What the user said that training did to pixels of 0 to 255; the graph does it.
    """

    name: str
    sha256: str
    preprocessing: str


class Contract(Document):
    """The whole document.

    Attributes:
        schema_version: Called ``schema`` in JSON: raised only where an older reader would misunderstand.
        labels: Class names in the order of the output's columns.
        input: What the graph takes.
        resize: How pictures get to its size.
        output: What it gives.
        threshold: For two classes: the second label is given from this probability of it upwards. 0.5 is
            the plain maximum. Not used for more classes.
        precision: Of the network's numbers; input and output are the same for all.
        known_answers: To prove a device with.
        calibration: To make the probabilities honest with.
        training: Where the network came from.
        keras_file: The same, where no run of tlx trained it.
        export: Where the file came from.
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
    keras_file: KerasFileRecord | None = None
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
