"""What reads a camera or a stream, in the capture process."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt


class CaptureEndError(Exception):
    """A source can't be opened, or gives no more.

    Attributes:
        reason: Why, on one line; without passwords as far as this process knows.
        is_silence: Whether nothing came for too long, rather than an end or an error.
    """

    def __init__(self, reason: str, *, is_silence: bool = False) -> None:
        super().__init__(reason)
        self.reason = " ".join(reason.split())
        self.is_silence = is_silence


class Reader(Protocol):
    """An open camera or stream."""

    @property
    def note(self) -> str | None:
        """What isn't as it was ordered; None if all is."""

    def grab(self) -> tuple[float, int]:
        """Wait for the next picture.

        Returns:
            When it was captured, in seconds of the monotonic clock, and how many were left out before it.

        Raises:
            CaptureEndError: If there will be no more, or none came in time.
        """

    def decode(self) -> npt.NDArray[np.uint8] | None:
        """The picture that was grabbed: ``uint8 [H, W, 3]``, RGB; None if it's damaged."""

    def close(self) -> None:
        """Let go of the source."""
