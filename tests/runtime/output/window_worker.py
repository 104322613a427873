"""Shows pictures until the user has had enough; after SIGUSR1 the source is lost. Words: height, width, rotation."""

from __future__ import annotations

import signal
import sys
import time

from tests.runtime.output.pictures import make_result, plain

from tlx.runtime.frames import State, StateChange
from tlx.runtime.output.window import WindowSink
from tlx.runtime.sources.view import View

DEFAULTS = ("240", "320", "0")


def main() -> None:
    lost: list[int] = []
    signal.signal(signal.SIGUSR1, lambda number, _: lost.append(number))
    height, width, rotate = (int(word) for word in [*sys.argv[1:], *DEFAULTS[len(sys.argv) - 1 :]])
    sink = WindowSink(View(rotate=rotate))
    sink.write(StateChange("camera 0", State.CONNECTING, None, 0.0))
    sink.write(make_result(plain(120, (height, width)), cat=0.8))
    print("shown", flush=True)  # noqa: T201 - what the test reads
    while not sink.stopped:
        if lost:
            sink.write(StateChange("camera 0", State.LOST, "unplugged", 0.0))
        else:
            sink.poll()
        time.sleep(0.02)
    sink.write(make_result(plain(1)))
    sink.close()
    sink.close()
    print("stopped", flush=True)  # noqa: T201 - what the test reads


if __name__ == "__main__":
    main()
