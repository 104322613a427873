"""Writes a video in a process of its own: ``limited PATH`` against a limit of file sizes, ``endless PATH`` for ever."""

from __future__ import annotations

import resource
import sys
from itertools import count
from pathlib import Path

from tests.runtime.output.pictures import make_result, noisy

from tlx.errors import OutputError
from tlx.runtime.frames import State
from tlx.runtime.output.video_file import LIVE_RATE, VideoSink


def limited(path: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    sink = VideoSink(path)
    try:
        for index in range(60):
            sink.write(make_result(noisy(index, (240, 320)), "clip.avi", index=index, state=None))
        sink.close()
    except OutputError as error:
        print(error)  # noqa: T201 - what the test reads


def endless(path: Path) -> None:
    sink = VideoSink(path)
    written = 0
    try:
        for index in count():
            sink.write(make_result(noisy(index), at_s=index / LIVE_RATE, state=State.LIVE))
            written += 1
            if index == 20:
                print("writing", flush=True)  # noqa: T201 - what the test reads
    except KeyboardInterrupt:
        pass
    finally:
        sink.close()
    print(written)  # noqa: T201 - what the test reads


if __name__ == "__main__":
    {"limited": limited, "endless": endless}[sys.argv[1]](Path(sys.argv[2]))
