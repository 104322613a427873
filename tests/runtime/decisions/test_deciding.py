"""What is said over time: tables of cases, and properties that hold for any pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlx.calibration import at_temperature
from tlx.runtime.classifier import Prediction, Timing, decide
from tlx.runtime.decisions.deciding import (
    Decider,
    DecisionMemory,
    Observation,
    calibrate,
    decide_alone,
    step,
    weight_of,
)
from tlx.runtime.decisions.decision import UNKNOWN, Decision
from tlx.runtime.decisions.rule import DecisionRule

LABELS = ("cat", "dog", "fox")
SURE = DecisionRule(LABELS, threshold=0.8, hysteresis=0.1)


def run(rule: DecisionRule, pictures: Sequence[tuple[float, Sequence[float]]]) -> list[Decision]:
    memory: DecisionMemory | None = None
    said = []
    for at_s, probabilities in pictures:
        memory, decision = step(rule, memory, Observation(at_s, tuple(probabilities)))
        said.append(decision)
    return said


def prediction(*probabilities: float) -> Prediction:
    chosen = decide(probabilities, 0.5)
    return Prediction(LABELS[chosen], probabilities[chosen], probabilities, Timing(None, 0.0, 0.0))


def cats(*probabilities: float) -> list[tuple[float, tuple[float, ...]]]:
    """A picture a second, with what is left over on the dog."""
    return [(float(n), (p, 1 - p, 0.0)) for n, p in enumerate(probabilities)]


@pytest.mark.parametrize(
    ("rule", "pictures", "labels"),
    [
        # Nothing is asked for: each picture's own label.
        (DecisionRule(LABELS), cats(0.9, 0.2, 0.51, 0.49), ["cat", "dog", "cat", "dog"]),
        # The threshold itself is enough, anything below isn't.
        (SURE, cats(0.8), ["cat"]),
        (SURE, cats(0.7999), [UNKNOWN]),
        # Once said it stays down to 0.7, and has to reach 0.8 again after that.
        (SURE, cats(0.85, 0.75, 0.71, 0.69, 0.75, 0.8), ["cat", "cat", "cat", UNKNOWN, UNKNOWN, "cat"]),
        # Another sure label takes over at once.
        (SURE, cats(0.9, 0.1, 0.9), ["cat", "dog", "cat"]),
        # Without a threshold the margin alone keeps the label from flickering.
        (DecisionRule(LABELS, hysteresis=0.1), cats(0.6, 0.46, 0.54, 0.44), ["cat", "cat", "cat", "dog"]),
        # A new label is held for two seconds before it's said, the first one too.
        (replace(SURE, hold_s=2.0), cats(0.9, 0.9, 0.9, 0.9), [UNKNOWN, UNKNOWN, "cat", "cat"]),
        # Whoever falls behind in between begins anew.
        (replace(SURE, hold_s=2.0), cats(0.9, 0.9, 0.5, 0.9, 0.9, 0.9), [UNKNOWN] * 5 + ["cat"]),
        # The old label isn't said any longer than it's likely, also while the new one is held.
        (replace(SURE, hold_s=1.0), cats(0.9, 0.9, 0.1, 0.1), [UNKNOWN, "cat", UNKNOWN, "dog"]),
        # With a low threshold it may stay until the new one has been ahead for long enough.
        (DecisionRule(LABELS, 0.3, 0.1, hold_s=1.0), cats(0.6, 0.6, 0.4, 0.4), [UNKNOWN, "cat", "cat", "dog"]),
    ],
)
def test_what_is_said(rule: DecisionRule, pictures: list[tuple[float, tuple[float, ...]]], labels: list[str]) -> None:
    assert [decision.label for decision in run(rule, pictures)] == labels


def test_a_decision_tells_its_probability_since_when_and_whether_it_is_new() -> None:
    said = run(SURE, cats(0.9, 0.75, 0.5, 0.4))
    assert [one.changed for one in said] == [True, False, True, False]
    assert [one.since_s for one in said] == [0.0, 0.0, 2.0, 2.0]
    assert [one.probability for one in said] == [0.9, 0.75, 0.5, 0.6]  # of the likeliest class where it's unknown
    assert said[1].probabilities == (0.75, 0.25, 0.0)


def test_smoothing_goes_by_time_and_not_by_pictures() -> None:
    """A second of dogs after a cat means the same at 5 and at 50 pictures a second."""
    rule = DecisionRule(LABELS, smoothing_s=2.0)
    ends = []
    for rate in (5, 50):
        pictures = [(0.0, (1.0, 0.0, 0.0))] + [(n / rate, (0.0, 1.0, 0.0)) for n in range(1, rate + 1)]
        ends.append(run(rule, pictures)[-1].probabilities)
    assert ends[0] == pytest.approx(ends[1])
    assert ends[0][0] == pytest.approx(math.exp(-1 / 2))


@pytest.mark.parametrize(
    ("passed_s", "smoothing_s", "weight"),
    [
        (1.0, 0.0, 1.0),
        (0.0, 0.0, 1.0),
        (0.0, 2.0, 0.0),
        (-1.0, 2.0, 0.0),
        (2.0, 2.0, 1 - math.exp(-1)),
        (6.0, 2.0, 1 - math.exp(-3)),
        (6.001, 2.0, 1.0),  # a gap: anew
    ],
)
def test_how_much_a_picture_counts(passed_s: float, smoothing_s: float, weight: float) -> None:
    assert weight_of(passed_s, smoothing_s) == pytest.approx(weight, abs=0)


def test_after_a_gap_the_average_starts_anew() -> None:
    said = run(DecisionRule(LABELS, smoothing_s=1.0), [(0.0, (1.0, 0.0, 0.0)), (3.01, (0.0, 1.0, 0.0))])
    assert said[-1].probabilities == (0.0, 1.0, 0.0)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
@pytest.mark.parametrize("contract_threshold", [0.0, 0.1, 0.3, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("second", [0.0, 0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0])
def test_one_picture_alone_has_the_contracts_own_label(
    temperature: float, contract_threshold: float, second: float
) -> None:
    rule = DecisionRule(("cat", "dog"), temperature=temperature, contract_threshold=contract_threshold)
    decision = run(rule, [(0.0, (1 - second, second))])[0]
    chosen = decide((1 - second, second), contract_threshold)
    assert decision.label == ("cat", "dog")[chosen]
    assert decision.probability == pytest.approx(
        at_temperature([[1 - second, second]], temperature)[0, chosen],  # type: ignore[arg-type]
        abs=1e-12,
    )


@pytest.mark.parametrize(
    ("second", "labels"),
    [
        # The contract gives the dog from 0.9 on. Below that the dog may be likely, but isn't what the model says.
        ((0.95, 0.95), ["dog", "dog"]),
        ((0.95, 0.88), ["dog", "dog"]),  # within the margin around the contract's 0.9
        ((0.95, 0.84), ["dog", UNKNOWN]),  # beyond it, and the cat isn't likely either
        ((0.95, 0.1), ["dog", "cat"]),
        ((0.85, 0.95), [UNKNOWN, "dog"]),
    ],
)
def test_the_contracts_threshold_chooses_the_class_and_the_rules_whether_it_is_said(
    second: tuple[float, ...], labels: list[str]
) -> None:
    rule = DecisionRule(("cat", "dog"), 0.8, 0.1, contract_threshold=0.9)
    pictures = [(float(n), (1 - p, p)) for n, p in enumerate(second)]
    assert [one.label for one in run(rule, pictures)] == labels


@pytest.mark.parametrize("border", [0.0, 0.02, 0.5, 0.98, 1.0])
@pytest.mark.parametrize("first", [0.0, 1.0])
def test_each_of_two_classes_can_be_reached_from_the_other(border: float, first: float) -> None:
    rule = DecisionRule(("cat", "dog"), hysteresis=0.3, contract_threshold=border)
    said = run(rule, [(0.0, (1 - first, first)), (1.0, (first, 1 - first))])
    own = [("cat", "dog")[decide((1 - p, p), border)] for p in (first, 1 - first)]
    assert [one.label for one in said] == own


def test_a_photo_is_alone() -> None:
    rule = DecisionRule(LABELS, 0.8, 0.1, hold_s=5.0, smoothing_s=5.0)
    assert decide_alone(rule, 7.0, prediction(0.85, 0.1, 0.05)) == Decision("cat", 0.85, (0.85, 0.1, 0.05), True, 7.0)
    assert decide_alone(rule, 7.0, prediction(0.75, 0.2, 0.05)).label == UNKNOWN


def test_each_source_has_a_memory_of_its_own_until_it_is_forgotten() -> None:
    decider = Decider(SURE)
    assert decider.decide("a", 0.0, prediction(0.9, 0.1, 0.0)).label == "cat"
    assert decider.decide("b", 0.0, prediction(0.75, 0.25, 0.0)).label == UNKNOWN
    assert decider.decide("a", 1.0, prediction(0.75, 0.25, 0.0)).label == "cat"
    decider.forget("a")
    decider.forget("never seen")
    again = decider.decide("a", 2.0, prediction(0.75, 0.25, 0.0))
    assert (again.label, again.changed, again.since_s) == (UNKNOWN, True, 2.0)


@st.composite
def distributions(draw: st.DrawFn, classes: int) -> tuple[float, ...]:
    parts = draw(st.lists(st.integers(0, 1000), min_size=classes, max_size=classes).filter(any))
    return tuple(part / sum(parts) for part in parts)


@st.composite
def stories(draw: st.DrawFn) -> tuple[DecisionRule, list[tuple[float, tuple[float, ...]]]]:
    """A rule and pictures; times and numbers are such that floats add up exactly."""
    classes = draw(st.integers(2, 4))
    threshold = draw(st.sampled_from([0.0, 0.25, 0.5, 0.75, 0.875]))
    rule = DecisionRule(
        tuple("abcd"[:classes]),
        threshold,
        draw(st.sampled_from([0.0, 0.0625, 0.125])),
        draw(st.sampled_from([0.0, 0.5, 2.0])),
        draw(st.sampled_from([0.0, 0.5, 2.0])),
        draw(st.sampled_from([0.5, 1.0, 2.0])),
        draw(st.sampled_from([0.25, 0.5, 0.75])),
    )
    steps = draw(st.lists(st.tuples(st.integers(0, 64), distributions(classes)), min_size=1, max_size=30))
    at_s, pictures = 0.0, []
    for eighths, probabilities in steps:
        at_s += eighths / 8
        pictures.append((at_s, probabilities))
    return rule, pictures


@given(stories())
def test_probabilities_stay_a_distribution(story: tuple[DecisionRule, list[tuple[float, tuple[float, ...]]]]) -> None:
    rule, pictures = story
    for decision in run(rule, pictures):
        assert sum(decision.probabilities) == pytest.approx(1)
        assert min(decision.probabilities) >= -1e-12
        expected = max(decision.probabilities)
        if decision.label != UNKNOWN:
            expected = decision.probabilities[rule.labels.index(decision.label)]
        assert decision.probability == expected


@given(stories(), st.sampled_from([-64.0, 1024.0, 2.0**20]))
def test_what_is_said_does_not_depend_on_where_the_clock_stands(
    story: tuple[DecisionRule, list[tuple[float, tuple[float, ...]]]], shift_s: float
) -> None:
    rule, pictures = story
    shifted = run(rule, [(at_s + shift_s, probabilities) for at_s, probabilities in pictures])
    assert [replace(one, since_s=one.since_s - shift_s) for one in shifted] == run(rule, pictures)


@given(stories())
def test_no_label_is_said_before_it_was_held(
    story: tuple[DecisionRule, list[tuple[float, tuple[float, ...]]]],
) -> None:
    """Between two labels there is at least the hold, and so there is before the first."""
    rule, pictures = story
    last_s = pictures[0][0]
    for (at_s, _), decision in zip(pictures, run(rule, pictures), strict=True):
        if decision.changed and decision.label != UNKNOWN:
            assert at_s - last_s >= rule.hold_s
            last_s = at_s


@given(stories())
def test_what_is_said_is_never_below_the_threshold_less_the_hysteresis(
    story: tuple[DecisionRule, list[tuple[float, tuple[float, ...]]]],
) -> None:
    rule, pictures = story
    for decision in run(rule, pictures):
        if decision.label != UNKNOWN:
            assert decision.probability >= rule.threshold - rule.hysteresis
            assert not decision.changed or decision.probability >= rule.threshold


@given(st.lists(st.floats(-0.99, 0.99), min_size=2, max_size=40), st.sampled_from([0.6, 0.8, 0.9]))
def test_probabilities_that_tremble_within_the_hysteresis_never_make_it_flicker(
    trembling: list[float], threshold: float
) -> None:
    rule = DecisionRule(("cat", "dog"), threshold, 0.1)
    pictures = [(float(n), (1 - p, p)) for n, p in enumerate(threshold - 0.05 + 0.05 * one for one in trembling)]
    changes = sum(decision.changed for decision in run(rule, pictures))
    assert changes <= 2  # unknown, then the dog, and no more


@given(distributions(3), st.floats(0, 1), st.floats(0.01, 100))
def test_a_threshold_turns_a_label_into_unknown_and_never_into_another(
    probabilities: tuple[float, ...], threshold: float, temperature: float
) -> None:
    rule = DecisionRule(LABELS, threshold, temperature=temperature)
    own = LABELS[decide(probabilities, 0.5)]
    said = run(rule, [(0.0, probabilities)])[0].label
    assert said in {own, UNKNOWN}
    sure = max(calibrate(probabilities, temperature)) >= threshold
    assert (said == own) == sure
