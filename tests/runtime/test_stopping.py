"""Signals during a long job: deferred, remembered, never lost."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from tlx.stopping import StopRequest, deferred_stop, remembered_stop


def test_a_second_signal_acts_at_once() -> None:
    with contextlib.suppress(KeyboardInterrupt), remembered_stop() as outer, deferred_stop() as middle:
        with deferred_stop() as stop:
            signal.raise_signal(signal.SIGINT)
            assert stop
            assert not middle
            assert not outer
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
            assert middle
            assert outer
        pytest.fail("the inner block dropped it")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("block", [remembered_stop, deferred_stop])
def test_a_stop_that_nobody_acted_upon_is_passed_on_at_the_end(
    block: Callable[[], AbstractContextManager[StopRequest]],
) -> None:
    told = []
    before = signal.signal(
        signal.SIGINT, lambda *signal_and_frame: told.append(signal_and_frame[0])
    )  # as a bare except drops it
    try:
        with block():
            signal.raise_signal(signal.SIGINT)
            told.clear()
        assert told == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_stop_with_the_last_line_of_a_step_reaches_the_job() -> None:
    with pytest.raises(KeyboardInterrupt), remembered_stop() as job:
        with pytest.raises(KeyboardInterrupt), deferred_stop() as step:
            step.leave()
            signal.raise_signal(signal.SIGINT)
        job.leave()


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with remembered_stop() as outer, deferred_stop() as stop:
            signal.raise_signal(signal.SIGINT)
            assert not stop
            assert not outer
    finally:
        signal.signal(signal.SIGINT, before)
