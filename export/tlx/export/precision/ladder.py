"""The cheaper files that are tried, in their order, and how each is made. The gates judge them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from tlx.contract import Precision, QuantizationRecord
from tlx.export.precision.calibration import Calibration, Method
from tlx.export.precision.half import to_fp16
from tlx.export.precision.parts import split
from tlx.export.precision.quantize import quantize_int8
from tlx.export.precision.targets import CheaperPrecision, Target

PrecisionChoice = Literal[Precision, "auto"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A way to make a cheaper file.

    Attributes:
        method: How the ranges are found; int8 only.
        keep_outermost: The first and the last layer with weights stay in fp32; int8 only.
    """

    precision: CheaperPrecision
    method: Method | None = None
    keep_outermost: bool = False

    @property
    def name(self) -> str:
        """For tables and messages."""
        kept = ", first and last layer fp32" if self.keep_outermost else ""
        return f"{self.precision} {self.method or ''}".strip() + kept


@dataclass(frozen=True, slots=True)
class Made:
    """A cheaper network.

    Attributes:
        proto: An ``onnx.ModelProto`` without contract.
        quantization: For the contract; None at fp16.
    """

    proto: Any
    quantization: QuantizationRecord | None


_CANDIDATES: Final[dict[CheaperPrecision, tuple[Candidate, ...]]] = {
    "fp16": (Candidate("fp16"),),
    # Equally fast as long as no layer is kept: whichever passes first is as good as any.
    "int8": (
        Candidate("int8", "minmax"),
        Candidate("int8", "percentile"),
        Candidate("int8", "entropy"),
        Candidate("int8", "minmax", keep_outermost=True),
        Candidate("int8", "percentile", keep_outermost=True),
    ),
}


def candidates(precision: PrecisionChoice, target: Target) -> tuple[Candidate, ...]:
    """What to try for ``--precision``, the most promising first.

    Args:
        precision: ``fp32`` (nothing to try), ``fp16``, ``int8``, or ``auto``: what is worth trying on the target.
        target: Whose file it will be.
    """
    if precision == "auto":
        return tuple(candidate for kind in target.worth_trying for candidate in _CANDIDATES[kind])
    return tuple(candidate for kind, tried in _CANDIDATES.items() if kind == precision for candidate in tried)


def make(candidate: Candidate, fp32: Any, calibration: Calibration, target: Target) -> Made:
    """Make a candidate's network.

    Args:
        candidate: Which one.
        fp32: The ``onnx.ModelProto`` to make cheaper; stays as it is.
        calibration: Of the same network; used for int8 only.
        target: Whose types to use.

    Raises:
        InputError: If it can't be made: a weight that fp16 can't hold, no readable photo, no layer with weights.
    """
    if candidate.method is None:
        return Made(to_fp16(fp32), None)
    ranges = calibration.ranges(candidate.method)
    kept = split(calibration.prepared.graph).outermost if candidate.keep_outermost else ()
    record = QuantizationRecord(
        method=candidate.method,
        activations=target.activations,
        reduce_range=target.reduce_range,
        kept_float=list(dict.fromkeys(kept)),
        photos=calibration.photos_read,
        photos_from=calibration.photos.photos_from,
    )
    return Made(quantize_int8(calibration.prepared, ranges, target, kept_float=kept), record)
