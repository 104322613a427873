"""A stop while a compiled library loads: the command ends as the signal wants, and doesn't crash."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

# Another process answers within a fraction of a millisecond, while the library's initialisation takes some.
IMPORTED_WHILE_STOPPED = """
import os, subprocess, sys
from tlx.cli import app

killer = subprocess.Popen(["sh", "-c", f"read go; kill -{signal} {os.getpid()}"], stdin=subprocess.PIPE)

def send_signal(event, arguments):
    if event == "import" and "cpp2py" in arguments[0] and arguments[1]:
        killer.stdin.write(b"\\n")
        killer.stdin.flush()

def import_onnx():
    sys.addaudithook(send_signal)
    import onnx
    print("imported as if nobody had asked")

app.app = lambda **_: import_onnx()
app.main()
"""


@pytest.mark.parametrize(
    ("signum", "end"), [(signal.SIGTERM, (143, "tlx: terminated\n")), (signal.SIGINT, (130, "tlx: interrupted\n"))]
)
def test_a_stop_while_a_compiled_module_loads_is_no_crash(signum: signal.Signals, end: tuple[int, str]) -> None:
    code = IMPORTED_WHILE_STOPPED.replace("{signal}", signum.name.removeprefix("SIG"))
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (result.returncode, result.stderr, result.stdout) == (*end, "")


def test_a_stop_that_a_destructor_dropped_is_done_without_a_traceback() -> None:
    code = """
import signal
from tlx.stopping import remembered_stop
class Dropped:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
try:
    with remembered_stop() as stop:
        Dropped()
        print("went on")
        stop.leave()
except KeyboardInterrupt:
    print("stopped")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.split("\n"), done.stderr) == (["went on", "stopped", ""], "")
