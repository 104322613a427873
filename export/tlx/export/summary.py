"""What an export tells in the end: lines for a person, a document for a program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tlx.contract import ClaimRecord, Contract
from tlx.export.destination import Delivered
from tlx.export.exporter import Exported
from tlx.export.gates.gate import Gate
from tlx.export.tried_table import format_tried, tried_document


def export_document(delivered: Delivered) -> dict[str, Any]:
    """As plain JSON values."""
    exported = delivered.exported
    return {
        "path": str(exported.path),
        "size_bytes": exported.size_bytes,
        "sha256": exported.sha256,
        "nodes": exported.nodes,
        "precision": exported.contract.precision,
        "tried": [tried_document(row) for row in exported.tried],
        "contract": exported.contract.to_dict(),
        "fp32_file": str(exported.fp32_file) if exported.fp32_file else None,
        "triton": str(delivered.triton_version) if delivered.triton_version else None,
    }


def export_lines(delivered: Delivered, origin: Path, *, is_run: bool) -> list[str]:
    """Where the file is, and what the gates measured.

    Args:
        delivered: What was published.
        origin: The run's folder, or the Keras file.
        is_run: Whether it was a run, whose labels and preprocessing need no proof.
    """
    exported = delivered.exported
    lines = [f"{exported.path}: {exported.size_bytes / 1e6:.1f} MB, {exported.nodes} nodes, from {origin}"]
    lines.append(_parity(exported))
    if not is_run:
        lines.append(_claim(exported.contract))
    if exported.tried:
        lines += [format_tried(exported.tried, exported.chosen), *_not_taken(exported), *_left_open(exported)]
    if delivered.triton_version:
        lines.append(f"Triton: {delivered.triton_version}")
    return lines


def _parity(exported: Exported) -> str:
    parity = exported.parity
    if parity is None:
        return "parity with Keras: not measured (--skip-parity-gate), and the file says so"
    return (
        f"parity with Keras{' at fp32' if exported.tried else ''}: same label on {parity.labels_equal} of "
        f"{parity.photos} photos, largest difference of a probability {parity.max_abs_difference:.1e} "
        f"(allowed {parity.tolerance:g})"
    )


def _not_taken(exported: Exported) -> list[str]:
    """Of each candidate that a gate refused: what was found, and where its worst photos are shown."""
    refused = [row for row in exported.tried if row.failure and (row.accuracy or row.speed)]
    return [f"{row.name}: {row.failure}" for row in refused]


def _left_open(exported: Exported) -> list[str]:
    """What the gates could not tell."""
    lines: list[str] = []
    record = exported.contract.export
    if exported.chosen == "fp32" or record is None:
        return lines
    if record.accuracy and record.accuracy.verdict != "passed":
        lines.append(
            f"accuracy: {record.accuracy.verdict}: the measured drop is within the budget, {record.accuracy.photos} "
            "photos can't rule out more (--strict refuses then); the file says so"
        )
    if record.speed_status == "skipped":
        lines.append("speed: not measured (--skip-speed-gate), and the file says so")
    elif record.speed is None and exported.fp32_file:
        lines.append(
            f"speed: not measured for {record.target}, and the file says so; on the device: "
            f"tlx verify {exported.path} --against {exported.fp32_file}"
        )
    return lines


def rival_words(claim: ClaimRecord) -> str:
    """What is open about the preprocessing of a Keras file, to go on a line with; empty if nothing is."""
    if (rival := claim.rival) is None:
        return ""
    return (
        f"; but --preprocess {rival.preprocessing} would be right on {rival.correct} of {rival.photos} where this is "
        f"on {rival.claimed_correct}: too few photos to tell which it was trained with, and the file says so"
    )


def _claim(contract: Contract) -> str:
    record = contract.export
    if record and record.claim:
        claim = record.claim
        sure = "better than guessing" if claim.verdict == "passed" else claim.verdict
        return (
            f"accuracy: right on {claim.correct} of {claim.photos} labelled photos "
            f"({claim.correct / claim.photos:.3f}), {sure}{rival_words(claim)}"
        )
    if record and Gate.ACCURACY in record.skipped_gates:
        return f"accuracy: not measured ({Gate.ACCURACY.flag}), and the file says so"
    return (
        "accuracy: not measured, the photos lie in no folders called like the labels "
        f"({', '.join(contract.labels[:10])}): nothing shows that labels and preprocessing are right"
    )
