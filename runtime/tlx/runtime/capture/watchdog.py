"""How long a capture process may be silent."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from tlx.runtime.capture.settings import CaptureSettings

_PATIENCE: Final = 1.25
_GRACE_S: Final = 0.5
_MAX_STEP_S: Final = 0.5


class Phase(Enum):
    """What a capture process is at."""

    STARTING = auto()
    OPENING = auto()
    READING = auto()


class Verdict(Enum):
    """What its silence means."""

    PATIENT = auto()
    STALLED = auto()
    HUNG = auto()


def judge_silence(silent_s: float, phase: Phase, settings: CaptureSettings) -> Verdict:
    """What a silence means; the process's own time limits come first, so that it needn't be killed where they work."""
    limits_s = {
        Phase.STARTING: settings.start_timeout_s,
        Phase.OPENING: settings.open_timeout_s * _PATIENCE + _GRACE_S,
        Phase.READING: settings.read_timeout_s * _PATIENCE + _GRACE_S,
    }
    if silent_s >= limits_s[phase]:
        return Verdict.HUNG
    if phase is Phase.READING and silent_s >= settings.stalled_after_s:
        return Verdict.STALLED
    return Verdict.PATIENT


class SilenceClock:
    """Adds up silence while somebody listens.

    A listener that was itself stopped (Ctrl-Z, a machine asleep) has missed nothing: a long step counts as a short
    one, and nobody is killed for it.
    """

    def __init__(self, now_s: float) -> None:
        self._last_s = now_s
        self.silent_s = 0.0

    def step(self, now_s: float, *, heard: bool) -> float:
        """Go on to ``now_s`` (monotonic).

        Returns:
            The silence so far, in seconds; 0 if something was heard in this step.
        """
        self.silent_s = 0.0 if heard else self.silent_s + min(now_s - self._last_s, _MAX_STEP_S)
        self._last_s = now_s
        return self.silent_s
