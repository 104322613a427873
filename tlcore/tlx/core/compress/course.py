"""How a network is taught: what is set beforehand, and how far it is while the clock runs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

_FIRST_STRETCH: Final = 128
"""Photos between two looks at the clock, about; more where they are learned faster."""
_FULL_STEPS: Final = 600
"""A course of fewer steps has a lower learning rate: Adam's first steps move every weight by it, whatever the gradient,
and a pruned network takes some hundred steps to come back from that: of 96 % right, 80 steps at 3e-4 left 87 %."""
_STRETCH_S: Final = 5.0
"""Each stretch costs some hundredths of a second by itself."""


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
        self._clock = clock
        self._photos, self._done = photos, 0
        self._stretch, self._stretch_s = _batches_of(course, _FIRST_STRETCH), 0.0
        self._started_s = clock()
        self._is_late = False
        # Not known yet how fast it is: carefully.
        self._reach = 1.0 if course.passes else 0.1

    @property
    def spent_s(self) -> float:
        """Since it began."""
        return self._clock() - self._started_s

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be learned."""
        return self.passes >= self.course.passes if self.course.passes else self._is_late

    def learning_rate(self, photos: int) -> float:
        """For the next stretch."""
        share, highest = self._share(photos), self.course.learning_rate * self._reach
        if share < self.course.warm_up_share:
            return highest * max(share / self.course.warm_up_share, 0.05)
        return highest * max(0.5 * (1 + math.cos(math.pi * min(share, 1.0))), 1e-3)

    def stretches(self, order: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.int64]]:
        """One pass in pieces of whole batches: the photos in their order, without a rest that is less than a batch."""
        self._done = 0
        while self._done < len(order) and not self.is_over:
            places = order[self._done : self._done + self._stretch]
            if self._done and len(places) < self.course.batch_size:
                break
            yield places
        self.passes += 1

    def add(self, photos: int, seconds: float) -> None:
        """A stretch is learned."""
        self._done += photos
        self._stretch_s = seconds
        if not self.course.passes:  # else nothing may depend on the clock
            steps = self.course.seconds / max(seconds, 1e-9) * photos / self.course.batch_size
            self._reach = min(1.0, steps / _FULL_STEPS)
        # Half of the next one would be too much.
        self._is_late = self.spent_s + seconds / 2 > self.course.seconds
        if not self.course.passes:
            self._stretch = max(_FIRST_STRETCH, _batches_of(self.course, photos * _STRETCH_S / max(seconds, 1e-3)))

    def _share(self, photos: int) -> float:
        """Of all learning, what is over in the middle of the next stretch."""
        if self.course.passes:
            return (self.passes + (self._done + photos / 2) / self._photos) / self.course.passes
        return (self.spent_s + self._stretch_s / 2) / self.course.seconds


def _batches_of(course: Course, photos: float) -> int:
    return max(1, round(photos / course.batch_size)) * course.batch_size
