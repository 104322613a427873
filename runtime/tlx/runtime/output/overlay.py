"""What is drawn over a picture: its label with a bar, what is wrong with its source, and the region looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tlx.errors import ImageError
from tlx.opencv import cv2
from tlx.runtime.decisions.decision import UNKNOWN
from tlx.runtime.frames import State, StateChange
from tlx.runtime.output.items import Result
from tlx.runtime.output.printable import printable
from tlx.runtime.sources.view import PLAIN, View, box_of, turn

Image = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

SMALLEST_SIDE: Final = 160
"""Pixels: smaller pictures are enlarged, since nothing could be read on them."""

_TEXT_SHARE: Final = 1 / 16
_TEXT_MIN, _TEXT_MAX = 14, 64
_TEXT_SMALLEST: Final = 10
_ENLARGED_MAX: Final = 2048
_BAND_DARKNESS: Final = 0.35
_WHITE: Final = (255, 255, 255)
_GREEN: Final = (70, 200, 90)
_GREY: Final = (160, 160, 160)
_RED: Final = (190, 40, 40)
_AMBER: Final = (200, 120, 0)
_REGION: Final = (255, 220, 0)
_SEVERE: Final = frozenset({State.CONNECTING, State.STALLED, State.LOST})
"""In these no picture comes at all."""


@dataclass(frozen=True, slots=True)
class Caption:
    """The words over a picture.

    Attributes:
        label: What is said; None if nothing is.
        probability: Of the label, 0 to 1.
        banner: What is wrong; None if nothing is.
        severe: Whether that means that there is no picture at all.
    """

    label: str | None = None
    probability: float = 0.0
    banner: str | None = None
    severe: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a line is written: a band of twice its letters' size, and how wide it may become."""

    left: int
    top: int
    size: int
    room: int


def caption_of(item: Result | StateChange) -> Caption:
    """The words for a result, or for a source that does something else."""
    if isinstance(item, StateChange):
        return Caption(banner=_state_words(item.state, item.reason), severe=item.state in _SEVERE)
    frame = item.frame
    if frame.error is not None:
        return Caption(banner=printable(frame.error), severe=True)
    banner = _state_words(frame.state, frame.reason)
    label = None if item.label is None else printable(item.label)
    return Caption(label, item.probability or 0.0, banner, frame.state in _SEVERE)


class Painter:
    """Draws captions over pictures, each the right way up; for one thread.

    Labels may be in any of the scripts that OpenCV's own font has: Latin, Greek, Cyrillic, Chinese, Japanese, Korean.
    """

    def __init__(self, view: View = PLAIN) -> None:
        self._view = view
        self._font = cv2.FontFace("sans")

    def paint(self, image_rgb: Image, caption: Caption) -> Image:
        """The whole picture with its caption.

        Args:
            image_rgb: ``uint8 [H, W, 3]``, as it came; it isn't changed.
            caption: What to draw.

        Returns:
            ``uint8 [h, w, 3]``, turned by the view, with a frame around the view's region, and larger where it was
            smaller than :data:`SMALLEST_SIDE` (a very long and thin one stays as it is).
        """
        painted = self._upright(image_rgb)
        size = text_size(min(painted.shape[:2]))
        if caption.label is not None:
            self._paint_label(painted, caption, size)
        if caption.banner is not None:
            colour = _RED if caption.severe else _AMBER
            cv2.rectangle(painted, (0, 0), (painted.shape[1], size * 2 - 1), colour, cv2.FILLED)
            self._write(painted, caption.banner, _Place(size // 2, 0, size, painted.shape[1] - size))
        return painted

    def _upright(self, image_rgb: Image) -> Image:
        turned_rgb = turn(image_rgb, self._view.rotate)
        height, width = turned_rgb.shape[:2]
        scale = min(-(-SMALLEST_SIDE // min(height, width)), max(1, _ENLARGED_MAX // max(height, width)))
        if scale > 1:
            size = (width * scale, height * scale)
            painted = np.asarray(cv2.resize(turned_rgb, size, interpolation=cv2.INTER_NEAREST), np.uint8)
        else:
            painted = np.array(turned_rgb, order="C")
        if self._view.roi is not None:
            try:
                box = box_of(self._view.roi, (height, width))
            except ImageError:  # its result says so
                return painted
            corners = (box.left * scale, box.top * scale), (box.right * scale - 1, box.bottom * scale - 1)
            cv2.rectangle(painted, *corners, _REGION, max(1, min(painted.shape[:2]) // 240))
        return painted

    def _paint_label(self, painted: Image, caption: Caption, size: int) -> None:
        """A dark band below: the label, its probability at the right end, and a bar as long as that."""
        height, width = painted.shape[:2]
        bar = max(3, size // 4)
        top = max(0, height - size * 2 - bar)
        band = painted[top:]
        band[:] = (band * _BAND_DARKNESS).astype(np.uint8)
        percents = f"{caption.probability:.0%}"
        edge = size // 2
        percents_width = self._width(percents, size)
        room = width - percents_width - 3 * edge
        self._write(painted, caption.label or "", _Place(edge, top, size, room))
        self._write(painted, percents, _Place(width - edge - percents_width, top, size, percents_width + edge))
        colour = _GREY if caption.label == UNKNOWN else _GREEN
        filled = round(width * min(max(caption.probability, 0.0), 1.0))
        cv2.rectangle(painted, (0, height - bar), (filled - 1, height - 1), colour, cv2.FILLED)

    def _write(self, painted: Image, text: str, place: _Place) -> None:
        """One line; smaller, then cut, where it's too long."""
        size = place.size
        while size > _TEXT_SMALLEST and self._width(text, size) > place.room:
            size -= 1
        while len(text) > 1 and self._width(text, size) > place.room:
            text = text[:-2] + "…"
        base = place.top + place.size + size // 2 - size // 8
        cv2.putText(painted, text, (place.left, base), _WHITE, self._font, size, weight=600)

    def _width(self, text: str, size: int) -> int:
        return int(cv2.getTextSize((1, 1), text, (0, 0), self._font, size, weight=600)[2])


def text_size(shorter_side: int) -> int:
    """The height of letters, in pixels, on a picture whose shorter side has so many."""
    return int(min(max(shorter_side * _TEXT_SHARE, _TEXT_MIN), _TEXT_MAX))


def _state_words(state: State | None, reason: str | None) -> str | None:
    if state is None or state is State.LIVE:
        return None
    return printable(f"{state.value}: {reason}" if reason else state.value)
