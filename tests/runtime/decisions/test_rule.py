"""The numbers behind decisions: their bounds, and where they come from."""

from __future__ import annotations

from typing import Any

import pytest

from tlx.contract import CalibrationRecord, Contract, InputSpec
from tlx.errors import InputError
from tlx.runtime.decisions.rule import DecisionRule, rule_for

LABELS = ("cat", "dog", "fox")


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"threshold": 1.5}, "the threshold must be a probability from 0 to 1, received 1.5"),
        ({"threshold": float("nan")}, "the threshold must be a probability from 0 to 1, received nan"),
        ({"hysteresis": -0.1}, "the hysteresis must be a probability from 0 to 1, received -0.1"),
        ({"hold_s": -1.0}, "the hold must be a time from 0 to 3600 seconds, received -1.0"),
        ({"hold_s": float("inf")}, "the hold must be a time from 0 to 3600 seconds, received inf"),
        ({"smoothing_s": 1e9}, "the smoothing must be a time from 0 to 3600 seconds, received 1000000000.0"),
        ({"temperature": 0.0}, "the temperature must be from 0.01 to 100, received 0.0"),
        ({"contract_threshold": 2.0}, "the threshold of the contract must be a probability from 0 to 1, received 2.0"),
        (
            {"threshold": 0.1, "hysteresis": 0.1},
            "the hysteresis must be below the threshold, received 0.1 and 0.1: or a label would never be given up",
        ),
    ],
)
def test_numbers_out_of_bounds_are_refused_in_one_exact_line(numbers: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        DecisionRule(LABELS, **numbers)
    assert str(caught.value) == message


def test_one_label_is_nothing_to_decide_between() -> None:
    with pytest.raises(InputError, match="at least two labels, received 1"):
        DecisionRule(("cat",))


@pytest.mark.parametrize("numbers", [{"threshold": 0.8}, {"hold_s": 1.0}])
def test_a_class_called_unknown_is_refused_where_unknown_may_be_said(numbers: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"has a class that is called 'unknown'.* rename the class and export"):
        DecisionRule(("cat", "unknown"), **numbers)


def test_a_class_called_unknown_is_a_class_like_any_other_where_nothing_else_says_it() -> None:
    assert DecisionRule(("cat", "unknown"), smoothing_s=2.0).labels == ("cat", "unknown")


def test_a_rule_for_a_model_takes_its_calibration_and_its_own_threshold() -> None:
    record = CalibrationRecord(temperature=1.7, photos=100, ece_before=0.1, ece_after=0.05)
    contract = Contract(labels=["cat", "dog"], input=InputSpec(size_hw=(8, 8)), threshold=0.3, calibration=record)
    rule = rule_for(contract, threshold=0.8, hold_s=2.0, smoothing_s=1.0)
    assert rule == DecisionRule(("cat", "dog"), 0.8, 0.1, 2.0, 1.0, 1.7, 0.3)
    assert rule.alone == DecisionRule(("cat", "dog"), 0.8, 0.1, 0.0, 0.0, 1.7, 0.3)


@pytest.mark.parametrize(("threshold", "hysteresis"), [(0.0, 0.1), (0.8, 0.1), (0.1, 0.05), (1.0, 0.1)])
def test_the_hysteresis_that_nobody_chose_fits_the_threshold(threshold: float, hysteresis: float) -> None:
    contract = Contract(labels=list(LABELS), input=InputSpec(size_hw=(8, 8)))
    rule = rule_for(contract, threshold=threshold)
    assert rule.hysteresis == hysteresis
    assert rule.temperature == 1.0


def test_a_wrong_threshold_of_the_user_is_told_as_such() -> None:
    contract = Contract(labels=list(LABELS), input=InputSpec(size_hw=(8, 8)))
    with pytest.raises(InputError, match="the threshold must be a probability from 0 to 1, received -1"):
        rule_for(contract, threshold=-1)
