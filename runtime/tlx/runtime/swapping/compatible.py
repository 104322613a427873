"""Which model may take another one's place under a running loop: a pure decision.

The labels must be the same in the same order: sinks, thresholds and everybody who reads the results count on them.
Size, resize, precision, threshold and calibration may differ: they belong to the model, and pictures are resized for
whichever answers. A model with other labels needs a restart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tlx.contract import Contract

_SHOWN: Final = 5


def judge_replacement(old: Contract, new: Contract) -> str | None:
    """Why a model can't take another one's place; None if it can.

    Args:
        old: Of the model that answers now.
        new: Of the one that was found.
    """
    if old.labels == new.labels:
        return None
    same = "the same labels in another order" if sorted(old.labels) == sorted(new.labels) else "other labels"
    return (
        f"it has {same} ({_listed(new.labels)}) than the running model ({_listed(old.labels)}): "
        "stop and start again to use it"
    )


def _listed(labels: Sequence[str]) -> str:
    more = f", … {len(labels)} in all" if len(labels) > _SHOWN else ""
    return ", ".join(labels[:_SHOWN]) + more
