"""What a line of JSON or a row of CSV says of an item; :class:`~tlx.runtime.output.record.ResultLine` describes it."""

from __future__ import annotations

from typing import Any, Final

from tlx.runtime.classifier import rank
from tlx.runtime.frames import State, StateChange
from tlx.runtime.output.items import Item, ModelChange, Result
from tlx.runtime.output.moments import utc_of

_DECIMALS: Final = 6
_NO_LATENCY: Final = {"decode": None, "resize": None, "inference": None}


def describe(item: Item, labels: tuple[str, ...], topk: int) -> dict[str, Any]:
    """All fields of an item, always the same ones in the same order."""
    if isinstance(item, Result):
        return _describe_result(item, labels, topk)
    if isinstance(item, StateChange):
        error = None if item.state is State.LIVE else item.reason or item.state.value
        changes = {"kind": "state", "state": item.state.value, "reason": item.reason, "error": error}
        return _fields(item.source, item.at_s) | changes
    return _describe_model(item)


def _fields(source: str, at_s: float) -> dict[str, Any]:
    return {
        "kind": "result",
        "source": source,
        "frame": None,
        "label": None,
        "probability": None,
        "topk": [],
        "unsmoothed": None,
        "changed": None,
        "state": None,
        "reason": None,
        "error": None,
        "time_utc": utc_of(at_s),
        "time_monotonic_s": round(at_s, _DECIMALS),
        "age_ms": None,
        "latency_ms": _NO_LATENCY,
        "model_sha256": None,
    }


def _describe_model(change: ModelChange) -> dict[str, Any]:
    changes = {"kind": "model", "error": change.problem, "model_sha256": change.sha256}
    return _fields(change.path, change.at_s) | changes


def _describe_result(result: Result, labels: tuple[str, ...], topk: int) -> dict[str, Any]:
    frame, prediction, decision = result.frame, result.prediction, result.decision
    fields = _fields(frame.source, frame.captured_s)
    timing = prediction.timing if prediction else None
    fields["frame"] = frame.index
    fields["state"] = frame.state.value if frame.state else None
    fields["reason"] = frame.reason
    fields["error"] = frame.error
    if frame.error is None and frame.state not in {None, State.LIVE}:
        fields["error"] = frame.reason or fields["state"]
    fields["age_ms"] = _milliseconds(result.age_ms)
    fields["latency_ms"] = {
        "decode": _milliseconds(frame.decode_ms),
        "resize": _milliseconds(timing.resize_ms if timing else None),
        "inference": _milliseconds(timing.inference_ms if timing else None),
    }
    fields["model_sha256"] = result.model_sha256
    if said := decision or prediction:
        fields["label"], fields["probability"] = said.label, round(said.probability, _DECIMALS)
        fields["topk"] = [
            {"label": labels[index], "probability": round(said.probabilities[index], _DECIMALS)}
            for index in rank(said.probabilities, topk)
        ]
    if decision:
        fields["changed"] = decision.changed
        if prediction:
            alone = {"label": prediction.label, "probability": round(prediction.probability, _DECIMALS)}
            fields["unsmoothed"] = alone
    return fields


def _milliseconds(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
