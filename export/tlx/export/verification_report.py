"""What ``tlx verify`` says: rows for people, one document for programs."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from tlx.contract import Contract, ExportRecord
from tlx.export.gates.accuracy import explain_accuracy
from tlx.export.gates.speed import explain_speed
from tlx.export.verification import Verification
from tlx.runtime.timing.latency import Latency

SCHEMA: Final = 1


def rows_of(found: Verification) -> list[tuple[str, str]]:
    """Names and values, in the order in which they are shown."""
    contract, plan = found.contract, found.plan
    rows = [
        ("file", f"{plan.model}, {found.size_bytes / 1e6:.1f} MB, whole"),
        ("sha256", found.sha256),
        ("precision", f"{contract.precision}, labels {', '.join(contract.labels)}"),
        *_record_rows(contract),
        ("here", f"{found.processor}, {found.provider}, {_count(found.threads, 'thread')}"),
        ("known answers", _known_words(found)),
    ]
    if found.latency:
        rows.append(("latency", _latency_words(found.latency)))
    if speed := found.speed:
        rows.append(("speed", f"{speed.verdict}: than {plan.against} {explain_speed(speed)}"))
    if labels := found.labels:
        left_out = f", {labels.unreadable} unreadable" if labels.unreadable else ""
        same = f"same as {plan.against} on {labels.labels_equal} of {labels.photos} photos{left_out}"
        rows.append(("labels", f"{same}, largest difference of a probability {labels.max_abs_difference:.2g}"))
    return rows


def document_of(found: Verification) -> dict[str, Any]:
    """The same as plain JSON values; what wasn't measured is null."""
    contract, export = found.contract, found.contract.export
    known, latency = found.known_answers, found.latency
    return {
        "schema": SCHEMA,
        "model": str(found.plan.model),
        "against": str(found.plan.against) if found.plan.against else None,
        "sha256": found.sha256,
        "precision": contract.precision,
        "processor": found.processor,
        "provider": found.provider,
        "threads": found.threads,
        "known_answers": known and {**dataclasses.asdict(known), "passed": known.passed},
        "latency": latency and dataclasses.asdict(latency),
        "speed": found.speed and found.speed.model_dump(mode="json"),
        "labels": found.labels and dataclasses.asdict(found.labels),
        "record": export and export.model_dump(mode="json"),
        "passed": not found.failures,
        "failures": list(found.failures),
    }


def speed_record_words(precision: str, export: ExportRecord) -> str:
    """What the file's own record says of its speed: measured where, or why not."""
    if speed := export.speed:
        return f"{speed.verdict} where it was made: {explain_speed(speed)}, {speed.processor}"
    if precision == "fp32":
        return "fp32 is what the others are measured against"
    if export.speed_status == "skipped":
        return "not measured: its gate was skipped"
    return f"not measured: made for {export.target}, on {export.processor}"


def _record_rows(contract: Contract) -> list[tuple[str, str]]:
    export = contract.export
    if export is None:
        return [("its record", "none: the file doesn't say how it was made")]
    rows = [
        ("made", f"{export.created_utc} on {export.processor}, for {export.target}"),
        ("its speed", speed_record_words(contract.precision, export)),
    ]
    if accuracy := export.accuracy:
        rows.append(("its accuracy", f"{accuracy.verdict}: {explain_accuracy(accuracy)}"))
    if export.skipped_gates:
        rows.append(("skipped gates", ", ".join(export.skipped_gates)))
    return rows


def _known_words(found: Verification) -> str:
    known = found.known_answers
    if known is None:
        return "the file holds none: nothing is proven"
    verdict = "passed" if known.passed else "failed"
    difference = f"largest difference of a probability {known.largest_difference:.2g} (allowed {known.tolerance:g})"
    return f"{verdict}: {_count(known.count, 'picture')}, {difference}"


def _latency_words(latency: Latency) -> str:
    p50 = latency.p50_ms
    interval = f"with 95 % confidence {p50.low:.2f} to {p50.high:.2f} ms"
    return f"{p50.value:.2f} ms for one ready-made picture (the median of {latency.calls} calls; {interval})"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
