"""What comes out of the loop, and who takes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from tlx.runtime.classifier import Prediction
from tlx.runtime.decisions.decision import Decision
from tlx.runtime.frames import Frame, StateChange


@dataclass(frozen=True, slots=True)
class Result:
    """One picture and what was made of it.

    Attributes:
        frame: The picture, or why there is none. Its pixels are kept only where a sink wants them.
        prediction: What the model says of it alone; None where the frame has an error, or a state other than ``live``.
        decision: What is said, where decisions are made over time; None otherwise.
        model_sha256: The seal of the model file that was asked.
        age_ms: From the capture of the picture to its label; None for files.
    """

    frame: Frame
    prediction: Prediction | None
    decision: Decision | None
    model_sha256: str
    age_ms: float | None = None

    @property
    def label(self) -> str | None:
        """What is said: the decision's label, else the prediction's, else nothing."""
        said = self.decision or self.prediction
        return said.label if said else None

    @property
    def probability(self) -> float | None:
        """Of :attr:`label`."""
        said = self.decision or self.prediction
        return said.probability if said else None


@dataclass(frozen=True, slots=True)
class ModelChange:
    """Another model file was found while a loop ran.

    Attributes:
        path: The file.
        sha256: The seal of the model that answers from now on.
        problem: Why the new file isn't taken, on one line; None if it is.
        at_s: In seconds of the monotonic clock.
    """

    path: str
    sha256: str
    problem: str | None
    at_s: float


Item: TypeAlias = Result | StateChange | ModelChange


class Sink(Protocol):
    """Takes one item after the other, and shows each at once."""

    @property
    def wants_pictures(self) -> bool:
        """Whether it needs the pixels of :attr:`Result.frame`."""

    def write(self, item: Item) -> None:
        """Write one item.

        Raises:
            BrokenPipeError: If nobody reads any more.
            OutputError: If it can't be written, on a full disk for example.
        """

    def close(self) -> None:
        """Finish what it wrote; may be called more than once."""
