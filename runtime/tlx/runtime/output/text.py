"""Results as lines for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TextIO

from tlx.runtime.classifier import Prediction, rank
from tlx.runtime.frames import Frame
from tlx.runtime.output.items import Item, Result
from tlx.runtime.output.printable import printable


@dataclass(frozen=True, slots=True)
class TextSink:
    """Aligned lines for people: source, label, probability, and the runners-up where more are asked for.

    Errors go to ``errors``, in one line each.
    """

    out: TextIO
    errors: TextIO
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
        if not isinstance(item, Result):
            return
        frame, prediction = item.frame, item.prediction
        if prediction is None:
            self.errors.write(printable(f"tlx: error: {_name(frame)}: {frame.error}") + "\n")
            self.errors.flush()
            return
        self.out.write(printable(self.line(frame, prediction)) + "\n")
        self.out.flush()

    def line(self, frame: Frame, prediction: Prediction) -> str:
        """The line for one picture."""
        label_width = max(len(label) for label in self.labels)
        name_width = self.name_width if frame.index is None else self.name_width + 8
        scores = [(prediction.label, prediction.probability)]
        scores += [
            (self.labels[index], prediction.probabilities[index])
            for index in rank(prediction.probabilities, self.topk)
            if self.labels[index] != prediction.label
        ][: self.topk - 1]
        columns = [f"{label:<{label_width}}  {probability:>6.1%}" for label, probability in scores]
        return "  ".join([f"{_name(frame):<{name_width}}", *columns])


def _name(frame: Frame) -> str:
    return frame.source if frame.index is None else f"{frame.source} #{frame.index}"
