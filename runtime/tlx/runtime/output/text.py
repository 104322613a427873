"""Results as lines for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tlx.runtime.classifier import rank
from tlx.runtime.frames import Frame, State, StateChange
from tlx.runtime.output.items import Item, ModelChange, Result
from tlx.runtime.output.lines import TextOut, write_line
from tlx.runtime.output.printable import printable

_SEAL_SHOWN: Final = 12


@dataclass(slots=True)
class TextSink:
    """Aligned lines for people: source, label, probability, and the runners-up where more are asked for.

    The states of live sources and new models are lines among them. Errors go to ``errors``, in one line each.
    A picture of a source that isn't live has no line of its own: the line of the state told why.

    Attributes:
        name_width: For aligning; it grows with the names where they aren't known before.
    """

    out: TextOut
    errors: TextOut
    labels: tuple[str, ...]
    name_width: int
    topk: int = 1

    @property
    def wants_pictures(self) -> bool:
        """No."""
        return False

    def close(self) -> None:
        """Nothing is left to be done."""

    def write(self, item: Item) -> None:
        """Write one line."""
        if isinstance(item, StateChange):
            write_line(self.out, printable(describe_state(item)) + "\n")
        elif isinstance(item, ModelChange):
            write_line(self.errors if item.problem else self.out, printable(describe_model(item)) + "\n")
        elif item.frame.error is not None:
            write_line(self.errors, printable(f"tlx: error: {_name(item.frame)}: {item.frame.error}") + "\n")
        elif item.label is not None and item.frame.state in {None, State.LIVE}:
            write_line(self.out, printable(self.line(item)) + "\n")

    def line(self, result: Result) -> str:
        """The line for one picture with a label."""
        said = result.decision or result.prediction
        assert said is not None
        label_width = max(map(len, (*self.labels, said.label)))
        name = _name(result.frame)
        if result.frame.index is None:
            self.name_width = max(self.name_width, len(name))
        name_width = self.name_width if result.frame.index is None else self.name_width + 8
        scores = [(said.label, said.probability)]
        scores += [
            (self.labels[index], said.probabilities[index])
            for index in rank(said.probabilities, self.topk)
            if self.labels[index] != said.label
        ][: self.topk - 1]
        columns = [f"{label:<{label_width}}  {probability:>6.1%}" for label, probability in scores]
        return "  ".join([f"{name:<{name_width}}", *columns])


def describe_state(change: StateChange) -> str:
    """One line, as in "camera 0: stalled: no picture for 2.1 s"."""
    return ": ".join(filter(None, (change.source, change.state.value, change.reason)))


def describe_model(change: ModelChange) -> str:
    """One line about a model file that was found while a loop ran."""
    seal = change.sha256[:_SEAL_SHOWN]
    if change.problem:
        return f"tlx: warning: {change.path}: not taken, {seal} goes on: {change.problem}"
    return f"{change.path}: this model answers from now on ({seal})"


def _name(frame: Frame) -> str:
    return frame.source if frame.index is None else f"{frame.source} #{frame.index}"
