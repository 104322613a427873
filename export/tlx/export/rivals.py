"""Whether another preprocessing than the claimed one, or labels in the other order, do better on the same photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from tlx.contract import RivalRecord
from tlx.export.gates.binomial import at_least
from tlx.export.preprocessing import Claimed

OTHERS_CONFIDENCE: Final = 0.99
"""Of another preprocessing being better; higher, because there are three others."""


def is_clearly_better(correct: Sequence[bool], other_correct: Sequence[bool]) -> bool:
    """Whether the other of two ways is right more often on the same photos, by an exact sign test."""
    gained = sum(new and not old for old, new in zip(correct, other_correct, strict=True))
    lost = sum(old and not new for old, new in zip(correct, other_correct, strict=True))
    return gained > lost and at_least(gained, gained + lost, 0.5) <= 1 - OTHERS_CONFIDENCE


def rivals_ahead(claimed: Claimed, right: Mapping[Claimed, Sequence[bool]]) -> list[Claimed]:
    """The preprocessings that are right more often than the claimed one, by chance or not; the best first.

    Args:
        claimed: The preprocessing that was claimed.
        right: By preprocessing: on which photos the network is right with it.
    """
    ahead = [name for name in right if sum(right[name]) > sum(right[claimed])]
    return sorted(ahead, key=lambda name: -sum(right[name]))


def better_claims(claimed: Claimed, right: Mapping[Claimed, Sequence[bool]], *, two_labels: bool) -> dict[str, int]:
    """What would clearly be right more often, and on how many of the photos.

    Args:
        claimed: The preprocessing that was claimed.
        right: By preprocessing: on which photos the network is right with it.
        two_labels: Whether what's wrong with one label would be right with the other.

    Returns:
        By option; empty if the claim is the best.
    """
    own = right[claimed]
    others: dict[str, Sequence[bool]] = {
        f"--preprocess {name}": found for name, found in right.items() if name != claimed
    }
    if two_labels:
        others["--labels in the other order"] = [not is_right for is_right in own]
    return {option: sum(found) for option, found in others.items() if is_clearly_better(own, found)}


def better_words(claimed: Claimed, right: Mapping[Claimed, Sequence[bool]], labels: int) -> str:
    """What would be better than the claim, as a line; empty if nothing is."""
    better = better_claims(claimed, right, two_labels=labels == 2)  # noqa: PLR2004 - then wrong means the other
    if not better:
        return ""
    most = max(better.values())
    options = " or ".join(option for option, count in better.items() if count == most)
    return (
        f"accuracy failed: with --preprocess {claimed} the model is right on {sum(right[claimed])} of "
        f"{len(right[claimed])} photos, with {options} on {most}: give what it was trained with"
    )


def rival_record(claimed: Claimed, right: Mapping[Claimed, Sequence[bool]]) -> RivalRecord | None:
    """What is still open after all photos, for the contract; None if no other was ahead."""
    ahead = rivals_ahead(claimed, right)
    if not ahead:
        return None
    counts = {"correct": sum(right[ahead[0]]), "claimed_correct": sum(right[claimed])}
    return RivalRecord(preprocessing=ahead[0], photos=len(right[claimed]), **counts)
