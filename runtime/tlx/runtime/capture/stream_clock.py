"""When a stream's picture was captured, told from how far the stream's own time lags behind the clock."""

from __future__ import annotations

from typing import Final

_DRIFT: Final = 0.001
_WINDOW_S: Final = 0.5
_MAX_STEP_S: Final = 0.25
_MIN_PICTURES: Final = 5
_MIN_WAITED: Final = 0.8


class StreamClock:
    """Tells pictures that were waiting to be read from those that had just come.

    The smallest difference between the clock and the stream's time belongs to the freshest picture; another one has
    waited for as long as its difference is larger. Nobody knows how long the freshest was on its way.

    The two clocks don't run at the same speed, and a stream's may be worse than that: it may count pictures. So the
    smallest difference grows by a thousandth of the time; and when nearly all pictures of half a second had to be
    waited for, nothing was left to be read, and only their differences count.
    """

    def __init__(self) -> None:
        self._before: tuple[float, float] | None = None
        self._least_s = 0.0
        self._begin_window()

    def step(self, now_s: float, stream_s: float, *, waited: bool) -> float:
        """Look at the next picture.

        Args:
            now_s: The monotonic clock, in seconds, when it had been read.
            stream_s: The stream's time of it, in seconds from anywhere; one that doesn't grow says nothing.
            waited: Whether reading it was mostly waiting.

        Returns:
            When it had come, in seconds of the monotonic clock; never later than ``now_s``.
        """
        before, self._before = self._before, (now_s, stream_s)
        lag_s = now_s - stream_s
        if before is None or stream_s <= before[1]:
            self._least_s = lag_s
            self._begin_window()
            return now_s
        # Time in which this process stood still is no evidence of anything.
        step_s = min(now_s - before[0], _MAX_STEP_S)
        self._least_s = min(self._least_s + _DRIFT * step_s, lag_s)
        self._look_at_window(lag_s, step_s, waited=waited)
        return stream_s + self._least_s

    def _begin_window(self) -> None:
        self._window_s, self._pictures, self._waited, self._window_least_s = 0.0, 0, 0, float("inf")

    def _look_at_window(self, lag_s: float, step_s: float, *, waited: bool) -> None:
        self._window_s += step_s
        self._pictures += 1
        self._waited += waited
        self._window_least_s = min(self._window_least_s, lag_s)
        if self._window_s < _WINDOW_S or self._pictures < _MIN_PICTURES:
            return
        if self._waited >= _MIN_WAITED * self._pictures:
            self._least_s = self._window_least_s
        self._begin_window()
