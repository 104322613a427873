from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from tlx.runtime.devices.engines import Tuning
from tlx.runtime.session import open_session
from tlx.runtime.swapping.gently import LOWER_BY, in_a_thread, lower_priority

linux = pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux")


def priorities() -> dict[int, int]:
    threads = (int(path.name) for path in Path("/proc/self/task").iterdir())
    return {thread: os.getpriority(os.PRIO_PROCESS, thread) for thread in threads}


@linux
def test_a_lowered_priority_ends_with_its_thread() -> None:
    def lowered() -> tuple[int, int]:
        before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        lower_priority()
        return before, os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    here = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert in_a_thread(lowered) == (here, min(here + LOWER_BY, 19))
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == here


@linux
def test_a_session_made_gently_has_threads_of_normal_priority(busy_model: Path) -> None:
    before = priorities()
    tuning = Tuning(before_work=lower_priority)
    own, session = in_a_thread(
        lambda: (
            threading.get_native_id(),
            open_session(busy_model, "busy", device="cpu", threads=4, tuning=tuning),
        )
    )
    # The thread itself has ended for Python, and can still be in the system's list for a moment.
    added = {thread: nice for thread, nice in priorities().items() if thread not in {*before, own}}
    assert list(added.values()) == [os.getpriority(os.PRIO_PROCESS, threading.get_native_id())] * 3
    assert session.threads == 4


def test_an_error_comes_out_where_somebody_waits() -> None:
    def fail() -> None:
        raise ZeroDivisionError("here")

    with pytest.raises(ZeroDivisionError, match="here"):
        in_a_thread(fail)
