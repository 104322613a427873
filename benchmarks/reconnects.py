"""Whether a camera that drops its connection thousands of times leaves anything behind.

A local server (in a process of its own) accepts, sends one picture and the first half of another, and drops the
connection. Memory, descriptors, threads and processes of the parent and of its capture process are looked at after
a tenth of the connections, when all caches are filled, and at the end.

    python benchmarks/reconnects.py --count 10000 > reconnects.json
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil

from fake_cameras import FakeCamera, HttpClient, RtspClient, http_camera, rtsp_camera
from tlx.opencv import cv2
from tlx.runtime import environment
from tlx.runtime.capture.settings import CaptureSettings
from tlx.runtime.capture.supervisor import Supervisor
from tlx.runtime.frames import Frame, State, StateChange
from tlx.runtime.sources.live import find_live

_SETTINGS: Final = CaptureSettings(first_wait_s=0.001, max_wait_s=0.002)
_SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - where none of it should be


def main() -> None:
    """Serve, or reconnect and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000, help="connections")
    parser.add_argument("--scheme", choices=("http", "rtsp"), default="http")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.scheme)
        return
    server = subprocess.Popen(
        [sys.executable, __file__, "--serve", "--scheme", arguments.scheme],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        print(json.dumps(measure(arguments.scheme, port, arguments.count, server.pid), indent=2))
    finally:
        server.kill()
        server.communicate()


def serve(scheme: str) -> None:
    """Serve until stdin ends; the port is printed."""
    tiles = np.random.default_rng(0).integers(0, 255, (15, 20, 3), dtype=np.uint8)
    picture = cv2.resize(tiles, (640, 480), interpolation=cv2.INTER_NEAREST)
    jpeg = cv2.imencode(".jpg", picture)[1].tobytes()

    def by_http(client: HttpClient) -> None:
        client.receive_request()
        client.send_header()
        client.send_picture(jpeg)
        client.send_picture(jpeg, sent_bytes=len(jpeg) // 2)

    def by_rtsp(client: RtspClient) -> None:
        client.start()
        # FFmpeg looks at several before it gives the first.
        for _ in range(3):
            client.send_picture(jpeg)
        client.send_picture(jpeg, share=0.5)

    camera: FakeCamera[HttpClient] | FakeCamera[RtspClient]
    camera = http_camera(by_http) if scheme == "http" else rtsp_camera(by_rtsp)
    print(camera.port, flush=True)
    sys.stdin.read()
    camera.close()


class Connections:
    """Counts the times that a connection was lost."""

    def __init__(self) -> None:
        """Begin with none."""
        self.pictures = 0
        self.lost = 0
        self._changed = threading.Condition()

    def deliver(self, item: Frame | StateChange) -> None:
        """Take what a source delivers."""
        with self._changed:
            self.pictures += isinstance(item, Frame)
            self.lost += isinstance(item, StateChange) and item.state in {State.LOST, State.STALLED}
            self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        """Wait until that many were lost."""
        with self._changed:
            self._changed.wait_for(lambda: self.lost >= count)


def measure(scheme: str, port: int, count: int, server_pid: int) -> dict[str, Any]:
    """Reconnect and compare; the document."""
    source = find_live(f"{scheme}://127.0.0.1:{port}/video", settings=_SETTINGS)
    assert source is not None
    shared_memory = set(_SHARED_MEMORY.iterdir())
    connections = Connections()
    started_s = time.monotonic()
    capture = source.start(connections.deliver)
    assert isinstance(capture, Supervisor)
    connections.wait_for(count // 10)
    child = capture.process_id()
    early = _look(child)
    connections.wait_for(count)
    late = _look(child)
    seconds = time.monotonic() - started_s
    shared_memory ^= set(_SHARED_MEMORY.iterdir())
    capture.stop()
    counters = capture.counters()
    growth = {f"{name}_percent": _growth(early, late, f"{name}_rss_bytes") for name in ("parent", "child")}
    return {
        "benchmark": "reconnects",
        "scheme": scheme,
        "connections": connections.lost,
        "pictures": connections.pictures,
        "seconds": round(seconds, 1),
        "restarts": counters.restarts,
        "abandoned": counters.abandoned,
        "after_a_tenth": early,
        "at_the_end": late,
        "memory_growth": growth,
        "shared_memory_files": len(shared_memory),
        "processes_after_stop": len([one for one in psutil.Process().children() if one.pid != server_pid]),
        "environment": environment.describe(),
    }


def _look(child_pid: int | None) -> dict[str, int]:
    parent, child = psutil.Process(), psutil.Process(child_pid)
    return {
        "parent_rss_bytes": parent.memory_info().rss,
        "child_rss_bytes": child.memory_info().rss,
        "parent_descriptors": parent.num_fds(),
        "child_descriptors": child.num_fds(),
        "parent_threads": parent.num_threads(),
        "child_threads": child.num_threads(),
        "processes": len(parent.children(recursive=True)),
    }


def _growth(early: dict[str, int], late: dict[str, int], name: str) -> float:
    return round(100 * (late[name] / early[name] - 1), 2)


if __name__ == "__main__":
    main()
