"""Work beside a loop that must not notice: the long computation at a lower priority, and nothing else at one.

Python code isn't run so: a thread of low priority that holds Python's lock, or is next to get it, makes the loop wait
for as long as it isn't given a processor.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, TypeVar

Result = TypeVar("Result")

LOWER_BY: Final = 10
"""Nice values: a thread of the loop gets nine tenths of a processor that both want. While a VGG16 was made ready beside
one that ran, on two processors with other work, the longest frame took 1.3 to 1.75 times as long as the others; 1.4 to
1.8 at 5, 1.1 to 2.1 without (8 times each)."""


def lower_priority() -> None:
    """Lower the calling thread's priority for good; nothing where threads have none of their own (not Linux).

    Threads that it starts from then on inherit it.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            thread = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + LOWER_BY)


def in_a_thread(function: Callable[[], Result]) -> Result:
    """Call a function in a thread of its own and wait: what it does to its thread's priority ends with it."""
    future: Future[Result] = Future()

    def call() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits, whatever it is
            future.set_exception(error)

    thread = threading.Thread(target=call, name="tlx-swap-work", daemon=True)
    thread.start()
    thread.join()
    return future.result()
