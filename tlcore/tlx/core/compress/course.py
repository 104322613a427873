"""How a network is taught: what is set beforehand, and how far it is while the clock runs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

_FULL_STEPS: Final = 600
"""A course of fewer steps has a lower learning rate: Adam's first steps move every weight by it, whatever the gradient,
and a pruned network takes some hundred steps to come back from that: of 96 % right, 80 steps at 3e-4 left 87 %."""
_LEARNING_SHARE: Final = 0.5
"""Of the time, at least, however long the original takes to answer."""


def left_for_learning(seconds: float, answers_s: float) -> float:
    """What is left of the seconds for recovery when the original has taken so many of them to answer."""
    return max(seconds - answers_s, _LEARNING_SHARE * seconds)


def unknown_views_words(unknown: int, answers_minutes: float, given_minutes: float) -> str:
    """What is said where the original has many views to answer, which the cache knows nothing of."""
    left = left_for_learning(given_minutes, answers_minutes)
    both = answers_minutes + left
    return (
        f"{unknown} views of the training photos aren't in the cache: the original answers them before learning, "
        f"in about {answers_minutes:.0f} min; learning has about {left:.2g} of --minutes {given_minutes:g} then"
        + (f", and both take {both:.0f}" if both > given_minutes + 0.5 else "")
    )


@dataclass(frozen=True, slots=True)
class Course:
    """How it is learned.

    Attributes:
        seconds: In all; the learning rate falls by a cosine of the time, so that it ends low on any machine.
        learning_rate: At its highest, unless the time is too short for it (:data:`_FULL_STEPS`).
        passes: Over the photos, in place of a time: for tests, and where a result must not depend on the machine.
        label_share: How much of a target is the label, the rest being what the original says.
        hint_weight: Of the hints' squared error, as a share of the hints' variance.
        dropout: In the head.
    """

    seconds: float
    passes: int | None = None
    learning_rate: float = 3e-4
    batch_size: int = 32
    label_share: float = 0.5
    hint_weight: float = 3.0
    dropout: float = 0.0
    weight_decay: float = 1e-4
    warm_up_share: float = 0.05
    seed: int = 0


class Pace:
    """How far the learning is, by the clock or by passes.

    A pass may take minutes, and there may be time for three of them: the learning rate follows the clock.
    """

    def __init__(self, course: Course, photos: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin.

        Args:
            course: What is set.
            photos: In a pass.
            clock: Tells the time in seconds.
        """
        self.course, self.passes = course, 0
        self._clock, self._photos = clock, photos
        self._started_s = clock()
        self._done, self._steps = 0, 0
        self._first_s = self._step_s = 0.0

    @property
    def spent_s(self) -> float:
        """Since it began."""
        return self._clock() - self._started_s

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be learned."""
        if self.course.passes:
            return self.passes >= self.course.passes
        # Half of the next step would be too much. There is one in any case.
        return self._steps > 0 and self.spent_s + self._step_s / 2 > self.course.seconds

    def batches(self, order: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
        """One pass in whole batches: the photos in their order, without a rest that is less than a batch."""
        size = self.course.batch_size
        return [order[start : start + size] for start in range(0, max(1, len(order) - size + 1), size)]

    def learning_rate(self) -> float:
        """For the next step."""
        share, highest = self._share(), self.course.learning_rate * self._reach()
        if share < self.course.warm_up_share:
            return highest * max(share / self.course.warm_up_share, 0.05)
        return highest * max(0.5 * (1 + math.cos(math.pi * min(share, 1.0))), 1e-3)

    def add(self, photos: int) -> None:
        """A step is done."""
        self._done += photos
        self._steps += 1
        if self._steps == 1:
            # It's slow, for the graph is made in it, and says nothing of the others.
            self._first_s = self.spent_s
        else:
            self._step_s = (self.spent_s - self._first_s) / (self._steps - 1)

    def end_pass(self) -> None:
        """All photos were seen, or the time is over."""
        self.passes += 1
        self._done = 0

    def _reach(self) -> float:
        """How much of the learning rate the course is long enough for."""
        if self.course.passes:  # nothing may depend on the clock
            return 1.0
        if not self._step_s:  # it isn't known yet how fast it is: carefully
            return 0.1
        return min(1.0, self.course.seconds / self._step_s / _FULL_STEPS)

    def _share(self) -> float:
        """Of all learning, what is over in the middle of the next step."""
        if self.course.passes:
            middle = self._done + min(self.course.batch_size, self._photos) / 2
            return (self.passes + middle / self._photos) / self.course.passes
        if self.course.seconds <= 0:  # one step, in a search whose time is over
            return 1.0
        return (self.spent_s + self._step_s / 2) / self.course.seconds
