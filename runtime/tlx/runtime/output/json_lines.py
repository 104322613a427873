"""Results as JSON, one object a line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TextIO

from tlx.runtime.classifier import rank
from tlx.runtime.output.items import Item, Result

_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class JsonSink:
    """One JSON object a line, always with the same keys.

    ``source``, ``frame`` (null for photos), ``label``, ``probability``, ``topk`` (a list of ``label`` and
    ``probability``, the likeliest first), ``error`` (null, or why there is no label), ``latency_ms`` (``decode``,
    ``resize``, ``inference``) and ``model_sha256``.
    """

    out: TextIO
    labels: tuple[str, ...]
    topk: int = 1

    @property
    def wants_pictures(self) -> bool:
        """No."""
        return False

    def write(self, item: Item) -> None:
        """Write one line."""
        if not isinstance(item, Result):
            return
        # With only ASCII, file names that aren't valid text still make valid JSON.
        self.out.write(json.dumps(self.describe(item)) + "\n")
        self.out.flush()

    def close(self) -> None:
        """Nothing is left to be done."""

    def describe(self, result: Result) -> dict[str, Any]:
        """The object of one line."""
        frame, prediction = result.frame, result.prediction
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
            "model_sha256": result.model_sha256,
        }


def _milliseconds(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
