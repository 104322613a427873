"""How results are written: lines for people or JSON for programs. Nothing but results goes to ``out``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Protocol, TextIO

from tlx.runtime.classifier import Prediction, rank
from tlx.runtime.frames import Frame

_DECIMALS = 6


class Sink(Protocol):
    """Takes one result after the other, and shows each at once."""

    def write(self, frame: Frame, prediction: Prediction | None) -> None:
        """Write one result; ``prediction`` is None where the frame has an error.

        Raises:
            BrokenPipeError: If nobody reads any more.
        """


@dataclass(frozen=True, slots=True)
class JsonSink:
    """One JSON object a line, always with the same keys.

    ``source``, ``frame`` (null for photos), ``label``, ``probability``, ``topk`` (a list of ``label`` and
    ``probability``, the likeliest first), ``error`` (null, or why there is no label), ``latency_ms`` (``decode``,
    ``resize``, ``inference``) and ``model_sha256``.
    """

    out: TextIO
    labels: tuple[str, ...]
    model_sha256: str
    topk: int = 1

    def write(self, frame: Frame, prediction: Prediction | None) -> None:
        """Write one line."""
        # With only ASCII, file names that aren't valid text still make valid JSON.
        self.out.write(json.dumps(self.describe(frame, prediction)) + "\n")
        self.out.flush()

    def describe(self, frame: Frame, prediction: Prediction | None) -> dict[str, Any]:
        """The object of one line."""
        timing = prediction.timing if prediction else None
        return {
            "source": frame.source,
            "frame": frame.index,
            "label": prediction.label if prediction else None,
            "probability": round(prediction.probability, _DECIMALS) if prediction else None,
            "topk": [
                {"label": self.labels[index], "probability": round(prediction.probabilities[index], _DECIMALS)}
                for index in rank(prediction.probabilities, self.topk)
            ]
            if prediction
            else [],
            "error": frame.error,
            "latency_ms": {
                "decode": _milliseconds(frame.decode_ms),
                "resize": _milliseconds(timing.resize_ms if timing else None),
                "inference": _milliseconds(timing.inference_ms if timing else None),
            },
            "model_sha256": self.model_sha256,
        }


@dataclass(frozen=True, slots=True)
class TextSink:
    """Aligned lines for people: source, label, probability, and the runners-up where more are asked for.

    Errors go to ``errors``, in one line each.
    """

    out: TextIO
    errors: TextIO
    labels: tuple[str, ...]
    name_width: int
    topk: int = 1

    def write(self, frame: Frame, prediction: Prediction | None) -> None:
        """Write one line."""
        if prediction is None:
            self.errors.write(printable(f"tlx: error: {_name(frame)}: {frame.error}") + "\n")
            self.errors.flush()
            return
        self.out.write(printable(self.line(frame, prediction)) + "\n")
        self.out.flush()

    def line(self, frame: Frame, prediction: Prediction) -> str:
        """The line for one picture."""
        label_width = max(len(label) for label in self.labels)
        name_width = self.name_width if frame.index is None else self.name_width + 8
        scores = [(prediction.label, prediction.probability)]
        scores += [
            (self.labels[index], prediction.probabilities[index])
            for index in rank(prediction.probabilities, self.topk)
            if self.labels[index] != prediction.label
        ][: self.topk - 1]
        columns = [f"{label:<{label_width}}  {probability:>6.1%}" for label, probability in scores]
        return "  ".join([f"{_name(frame):<{name_width}}", *columns])


def printable(text: str) -> str:
    """The text with control characters and invalid bytes (both possible in file names) made visible."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "surrogatepass").decode()
        for character in text
    )


def _name(frame: Frame) -> str:
    return frame.source if frame.index is None else f"{frame.source} #{frame.index}"


def _milliseconds(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
