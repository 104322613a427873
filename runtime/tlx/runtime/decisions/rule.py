"""When a label is said: the numbers behind decisions over time. ``docs/decisions.md`` defines what they do."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from tlx.contract import COLDEST, HOTTEST, Contract
from tlx.errors import InputError
from tlx.runtime.decisions.decision import UNKNOWN

HYSTERESIS: Final = 0.1
"""Where nobody says otherwise; half of the threshold where that is less."""
LONGEST_S: Final = 3600.0
"""The bound of times."""
_TWO: Final = 2


@dataclass(frozen=True, slots=True)
class DecisionRule:
    """How pictures become a decision.

    Attributes:
        labels: The contract's, in order.
        threshold: The probability that a label needs to be said, 0 to 1; 0 says the leading class whatever it is.
        hysteresis: How far below the threshold a label that was said may fall, and by how much another one must lead
            to take its place, 0 to 1; below the threshold, where there is one.
        hold_s: How long a new label must be ahead before it's said, in seconds.
        smoothing_s: The time constant over which probabilities are averaged, in seconds; 0 takes each as it comes.
        temperature: What calibrates the probabilities; 1 leaves them as they come.
        contract_threshold: For two classes: from where on the contract gives the second, of its probability.

    Raises:
        InputError: If a number is out of its bounds, or a class is called as what is said where no class is likely.
    """

    labels: tuple[str, ...]
    threshold: float = 0.0
    hysteresis: float = 0.0
    hold_s: float = 0.0
    smoothing_s: float = 0.0
    temperature: float = 1.0
    contract_threshold: float = 0.5

    def __post_init__(self) -> None:
        if len(self.labels) < _TWO:
            raise InputError(f"decisions need at least two labels, received {len(self.labels)}")
        for name, value in (
            ("threshold", self.threshold),
            ("hysteresis", self.hysteresis),
            ("threshold of the contract", self.contract_threshold),
        ):
            if not 0 <= value <= 1:
                raise InputError(f"the {name} must be a probability from 0 to 1, received {value}")
        for name, value in (("hold", self.hold_s), ("smoothing", self.smoothing_s)):
            if not 0 <= value <= LONGEST_S:
                raise InputError(f"the {name} must be a time from 0 to {LONGEST_S:.0f} seconds, received {value}")
        if not COLDEST <= self.temperature <= HOTTEST:
            raise InputError(f"the temperature must be from {COLDEST} to {HOTTEST:.0f}, received {self.temperature}")
        if 0 < self.threshold <= self.hysteresis:
            raise InputError(
                f"the hysteresis must be below the threshold, received {self.hysteresis} and {self.threshold}: "
                "or a label would never be given up"
            )
        if UNKNOWN in self.labels and (self.threshold > 0 or self.hold_s > 0):
            raise InputError(
                f"the model has a class that is called {UNKNOWN!r}, as what is said where no class is likely enough: "
                "leave out the threshold and the hold, or rename the class and export the model again"
            )

    @property
    def alone(self) -> DecisionRule:
        """The same for a picture that has no neighbours in time."""
        return replace(self, hold_s=0.0, smoothing_s=0.0)


def rule_for(
    contract: Contract,
    *,
    threshold: float = 0.0,
    hysteresis: float | None = None,
    hold_s: float = 0.0,
    smoothing_s: float = 0.0,
) -> DecisionRule:
    """The rule for a model: its labels, its calibration if it carries one, its own threshold, and the user's wishes.

    Args:
        contract: The model's.
        threshold: As in :class:`DecisionRule`, as all that follow.
        hysteresis: :data:`HYSTERESIS`, or half of the threshold where that is less, if left out.
        hold_s: In seconds.
        smoothing_s: In seconds.

    Raises:
        InputError: As :class:`DecisionRule` does.
    """
    if hysteresis is None:
        hysteresis = min(HYSTERESIS, threshold / 2) if threshold > 0 and math.isfinite(threshold) else HYSTERESIS
    return DecisionRule(
        tuple(contract.labels),
        threshold,
        hysteresis,
        hold_s,
        smoothing_s,
        contract.calibration.temperature if contract.calibration else 1.0,
        contract.threshold,
    )
