"""What sources give: one picture, or the reason why there is none; for a live source also what it is doing."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

MAX_AGE_S: Final = 1.0
"""A live picture that is older isn't looked at any more, where nobody says otherwise."""


class State(StrEnum):
    """What a live source is doing, or what is wrong with its picture. Only a ``live`` picture gets a label."""

    CONNECTING = "connecting"
    """Being opened, for the first time or again."""
    LIVE = "live"
    """New pictures come."""
    FROZEN = "frozen"
    """Pictures come, but the same one again and again; a warning: a still scene may really look so."""
    BLANK = "blank"
    """Pictures come, but of a single colour: a covered lens, a camera without signal."""
    STALLED = "stalled"
    """Connected, but no picture came in time."""
    LOST = "lost"
    """Not connected: it ended, broke or can't be opened. It's tried again after a while."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a source. It has either ``image_rgb`` or ``error``.

    Attributes:
        source: The file, or the camera; no password of a URL is in it.
        image_rgb: ``uint8 [H, W, 3]``, RGB, 0 to 255; None if it couldn't be had.
        error: Why not, on one line without the source's name; None if it could.
        index: Its number in a video or since the camera was opened, from 0; None for a photo.
        captured_s: When it was read, in seconds of the monotonic clock.
        decode_ms: How long it took to get its pixels; None where that can't be told apart from waiting.
        state: Of a live source when this picture came; None for files.
        reason: Why the state isn't ``live``, on one line; None if it is.
    """

    source: str
    image_rgb: npt.NDArray[np.uint8] | None
    error: str | None
    index: int | None
    captured_s: float
    decode_ms: float | None = None
    state: State | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class StateChange:
    """A live source does something else from now on, or its picture changed its size.

    Attributes:
        source: As in its frames.
        state: From now on.
        reason: Why, on one line, without the source's name; None where the state says it all.
        at_s: When it was noticed, in seconds of the monotonic clock.
    """

    source: str
    state: State
    reason: str | None
    at_s: float


class Source(Protocol):
    """Files that give frames, every one of them, in order."""

    @property
    def unit(self) -> str:
        """What one frame is called, as in "3 photos"."""

    @property
    def name_width(self) -> int:
        """The length of the longest name among its frames, for aligning."""

    def frames(self) -> Generator[Frame, None, None]:
        """Its frames in order; what it holds is released when the generator is closed.

        A bad file is a frame with an error, not an exception.
        """


@dataclass(frozen=True, slots=True)
class CaptureCounters:
    """What a live source did since it was started.

    Attributes:
        captured: Pictures that it gave.
        dropped: Those of them that a newer one replaced before they were delivered.
        restarts: How often its process was started again.
        abandoned: Processes that couldn't even be killed, stuck in the kernel.
    """

    captured: int = 0
    dropped: int = 0
    restarts: int = 0
    abandoned: int = 0


class Capture(Protocol):
    """A live source that runs."""

    def counters(self) -> CaptureCounters:
        """What it did so far; may be called from any thread, also after :meth:`stop`."""

    def stop(self) -> None:
        """End it and let go of all that it holds, within about a second; nothing is delivered afterwards.

        May be called more than once, and from any thread.
        """


class LiveSource(Protocol):
    """A camera or a stream: it gives pictures when it likes, for ever."""

    @property
    def name(self) -> str:
        """How its frames call it; no password of a URL is in it."""

    def start(self, deliver: Callable[[Frame | StateChange], None]) -> Capture:
        """Begin to capture.

        It never gives up: what fails is delivered as a :class:`StateChange` and tried again.

        Args:
            deliver: Called for every picture and every change of state, in order, from one thread of the capture's
                own; it must return at once. Pictures have memory of their own.
        """
