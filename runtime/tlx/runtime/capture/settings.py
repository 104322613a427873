"""How patient a live source is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """All times in seconds.

    Attributes:
        start_timeout_s: For the process to start and load OpenCV.
        open_timeout_s: For a camera or stream to open and give its first picture's data.
        read_timeout_s: For the next picture; after that it's opened again, by a new process if need be.
        stalled_after_s: Without a picture, its state is ``stalled``.
        frozen_after_s: Of the same picture again and again, its state is ``frozen``.
        first_wait_s: Before it's opened again; doubled each time that it doesn't last.
        max_wait_s: The longest wait before it's opened again.
        reap_s: For a killed process to be gone; after that it's abandoned. With 0 nobody even looks.
    """

    start_timeout_s: float = 30.0
    open_timeout_s: float = 10.0
    read_timeout_s: float = 10.0
    stalled_after_s: float = 3.0
    frozen_after_s: float = 5.0
    first_wait_s: float = 0.5
    max_wait_s: float = 60.0
    reap_s: float = 1.0


DEFAULT_SETTINGS: Final = CaptureSettings()
"""For cameras on the same network."""
