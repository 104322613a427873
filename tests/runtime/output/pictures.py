"""Results with real pictures, as a loop would hand them to a sink."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tlx.runtime.classifier import Prediction, Timing
from tlx.runtime.decisions.decision import Decision
from tlx.runtime.frames import Frame, State
from tlx.runtime.output.items import Result

LABELS = ("cat", "dog")


def plain(level: int, size_hw: tuple[int, int] = (48, 64)) -> npt.NDArray[np.uint8]:
    """A gray picture."""
    return np.full((*size_hw, 3), level, np.uint8)


def noisy(seed: int, size_hw: tuple[int, int] = (48, 64)) -> npt.NDArray[np.uint8]:
    """A picture like no other."""
    return np.random.default_rng(seed).integers(0, 256, (*size_hw, 3), np.uint8)


def blocks(seed: int, size_hw: tuple[int, int] = (48, 64)) -> npt.NDArray[np.uint8]:
    """A picture of few large patches, like no other even from afar."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    rows, columns = (np.arange(side) * 4 // side for side in size_hw)
    return coarse[np.ix_(rows, columns)]


def make_result(  # noqa: PLR0913 - each with the value that most tests need
    image_rgb: npt.NDArray[np.uint8] | None,
    source: str = "camera 0",
    *,
    index: int | None = 0,
    at_s: float = 0.0,
    state: State | None = State.LIVE,
    cat: float = 0.9,
    label: str | None = None,
) -> Result:
    """A result; with ``label`` also a decision that says it. Without a picture it's an error."""
    error = None if image_rgb is not None else "this picture can't be decoded"
    frame = Frame(source, image_rgb, error, index, at_s, None, state)
    if image_rgb is None or state not in {None, State.LIVE}:
        return Result(frame, None, None, "0" * 64)
    probabilities = (cat, 1 - cat)
    chosen = int(cat < 0.5)
    prediction = Prediction(LABELS[chosen], probabilities[chosen], probabilities, Timing(None, 0.0, 0.0))
    decision = Decision(label, max(probabilities), probabilities, False, 0.0) if label else None
    return Result(frame, prediction, decision, "0" * 64)


def photo(image_rgb: npt.NDArray[np.uint8] | None, source: str, *, cat: float = 0.9) -> Result:
    """The result of a photo."""
    return make_result(image_rgb, source, index=None, state=None, cat=cat)
