from __future__ import annotations

import pytest

from tlx.contract import Contract, InputSpec
from tlx.runtime.swapping.compatible import judge_replacement


def contract(*labels: str, size: int = 32, threshold: float = 0.5) -> Contract:
    return Contract(labels=list(labels), input=InputSpec(size_hw=(size, size)), threshold=threshold)


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (contract("cat", "dog"), None),
        (contract("cat", "dog", size=224, threshold=0.7), None),  # what belongs to the model may differ
        (contract("dog", "cat"), "the same labels in another order"),
        (contract("cat", "dog", "bird"), "other labels"),
        (contract("cat", "fox"), "other labels"),
    ],
)
def test_judge_replacement(new: Contract, reason: str | None) -> None:
    said = judge_replacement(contract("cat", "dog"), new)
    assert (said is None) == (reason is None)
    assert (reason or "") in (said or "")
    assert said is None or "(cat, dog)" in said


def test_many_labels_are_cut_short() -> None:
    said = judge_replacement(contract("a", "b"), contract(*(f"label {number}" for number in range(1000))))
    assert said is not None
    assert "1000 in all" in said
    assert len(said) < 300
