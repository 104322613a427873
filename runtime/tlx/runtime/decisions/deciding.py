"""From pictures that follow each other to what is said: one pure step a picture. ``docs/decisions.md`` defines it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tlx.calibration import at_temperature
from tlx.runtime.classifier import Prediction, decide
from tlx.runtime.decisions.decision import UNKNOWN, Decision
from tlx.runtime.decisions.rule import DecisionRule

GAP: Final = 3.0
"""After so many time constants without a picture the average starts anew."""
_TWO: Final = 2


@dataclass(frozen=True, slots=True)
class Observation:
    """One picture.

    Attributes:
        at_s: When it was taken, in seconds of the monotonic clock; of the same moment or later than the one before.
        probabilities: Of all classes, as the model gives them.
    """

    at_s: float
    probabilities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class DecisionMemory:
    """What a source's pictures left behind.

    Attributes:
        at_s: When the last one was taken.
        smoothed: The average of calibrated probabilities.
        said: The index of the label that is said; None where that is :data:`UNKNOWN`.
        since_s: Since when.
        ahead: The index of the label that is ahead of it; None if none is.
        ahead_since_s: Since when.
    """

    at_s: float
    smoothed: tuple[float, ...]
    said: int | None
    since_s: float
    ahead: int | None
    ahead_since_s: float


def step(
    rule: DecisionRule, memory: DecisionMemory | None, observation: Observation
) -> tuple[DecisionMemory, Decision]:
    """What is said after one more picture.

    Args:
        rule: When a label is said.
        memory: What the step before gave; None for the first picture of a source.
        observation: The picture.
    """
    at_s = observation.at_s
    calibrated = calibrate(observation.probabilities, rule.temperature)
    weight = weight_of(at_s - memory.at_s, rule.smoothing_s) if memory else 1.0
    if memory is None or weight == 1:
        # The contract's own decision, of the very numbers that it's meant for.
        smoothed, leader = calibrated, decide(observation.probabilities, rule.contract_threshold)
    else:
        smoothed = mix(memory.smoothed, calibrated, weight)
        leader = decide(smoothed, _calibrated_threshold(rule))

    said = memory.said if memory else None
    if said is not None and not _stays(rule, smoothed, said, leader):
        said = None
    ahead = leader if _is_ahead(rule, smoothed, said, leader) else None
    ahead_since_s = memory.ahead_since_s if memory and ahead is not None and memory.ahead == ahead else at_s
    if ahead is not None and at_s - ahead_since_s >= rule.hold_s:
        said, ahead = ahead, None

    changed = memory is None or said != memory.said
    since_s = at_s if memory is None or changed else memory.since_s
    label = UNKNOWN if said is None else rule.labels[said]
    probability = max(smoothed) if said is None else smoothed[said]
    return (
        DecisionMemory(at_s, smoothed, said, since_s, ahead, ahead_since_s),
        Decision(label, probability, smoothed, changed, since_s),
    )


def decide_alone(rule: DecisionRule, at_s: float, prediction: Prediction) -> Decision:
    """What is said of a picture that has no neighbours in time, as a photo."""
    return step(rule.alone, None, Observation(at_s, prediction.probabilities))[1]


class Decider:
    """Decides for several sources, each with a memory of its own; for one thread."""

    def __init__(self, rule: DecisionRule) -> None:
        self.rule = rule
        self._memories: dict[str, DecisionMemory] = {}

    def decide(self, source: str, captured_s: float, prediction: Prediction) -> Decision:
        """What is said of a source after one more picture.

        Args:
            source: Its name.
            captured_s: When the picture was taken, in seconds of the monotonic clock.
            prediction: What the model says of the picture alone.
        """
        observation = Observation(captured_s, prediction.probabilities)
        self._memories[source], decision = step(self.rule, self._memories.get(source), observation)
        return decision

    def forget(self, source: str) -> None:
        """Begin anew with a source, after a time in which its pictures meant nothing."""
        self._memories.pop(source, None)


class LoneDecider:
    """Decides for pictures that have no neighbours in time: photos, and frames of files, whose own time isn't known."""

    def __init__(self, rule: DecisionRule) -> None:
        self.rule = rule

    def decide(self, source: str, captured_s: float, prediction: Prediction) -> Decision:
        """What is said of one picture, as :func:`decide_alone`."""
        del source
        return decide_alone(self.rule, captured_s, prediction)

    def forget(self, source: str) -> None:
        """Nothing is remembered."""


def calibrate(probabilities: tuple[float, ...], temperature: float) -> tuple[float, ...]:
    """Probabilities at a temperature; at 1 as they are, to the last bit."""
    if temperature == 1:
        return probabilities
    return tuple(at_temperature(np.asarray([probabilities], np.float64), temperature)[0].tolist())


def weight_of(passed_s: float, smoothing_s: float) -> float:
    """How much a picture counts in the average, 0 to 1, so many seconds after the one before."""
    if smoothing_s == 0 or passed_s > GAP * smoothing_s:
        return 1.0
    return -math.expm1(-max(passed_s, 0.0) / smoothing_s)


def mix(before: Sequence[float], new: Sequence[float], weight: float) -> tuple[float, ...]:
    """The average with one more distribution in it."""
    return tuple(old + weight * (value - old) for old, value in zip(before, new, strict=True))


def _calibrated_threshold(rule: DecisionRule) -> float:
    """Where the contract's own threshold lies among calibrated probabilities of two classes."""
    second = rule.contract_threshold
    return calibrate((1 - second, second), rule.temperature)[1]


def _stays(rule: DecisionRule, smoothed: Sequence[float], said: int, leader: int) -> bool:
    """Whether a label that was said may still be said."""
    if smoothed[said] < rule.threshold - rule.hysteresis:
        return False
    # Otherwise a model's own threshold for its second class would be overruled for as long as the label is likely.
    return smoothed[leader] >= rule.threshold or not _leads(rule, smoothed, leader, said)


def _is_ahead(rule: DecisionRule, smoothed: Sequence[float], said: int | None, leader: int) -> bool:
    """Whether the leading class would be said if it stayed so for long enough."""
    if leader == said or smoothed[leader] < rule.threshold:
        return False
    return said is None or _leads(rule, smoothed, leader, said)


def _leads(rule: DecisionRule, smoothed: Sequence[float], leader: int, said: int) -> bool:
    """Whether one class is so far before another that it isn't chance."""
    if leader == said:
        return False
    if len(smoothed) != _TWO:
        return smoothed[leader] - smoothed[said] >= rule.hysteresis
    border = _calibrated_threshold(rule)
    # Half of the margin on each side of the border, and never so much that a class couldn't be reached.
    half = min(rule.hysteresis, border, 1 - border) / 2
    return smoothed[1] >= border + half if leader == 1 else smoothed[1] < border - half
