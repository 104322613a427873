"""Real workers: what they time, what they say when they end, and that none stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from tlx.errors import EngineError
from tlx.runtime.timing.process import WorkerProcess
from tlx.runtime.timing.protocol import Answer, Answers, Ready, Samples, Setup, Turn

LOAD_S = 60.0


def is_running(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def wait_until_gone(pid: int, seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not is_running(pid)


@pytest.fixture
def at_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes every new Python process run some lines before anything else."""

    def use(lines: str) -> None:
        (tmp_path / "sitecustomize.py").write_text(lines)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)

    return use


def test_worker_answers_and_times_its_calls(noop_setup: Setup) -> None:
    with WorkerProcess("noop", noop_setup) as worker:
        ready = worker.receive(Ready, timeout_s=LOAD_S)
        assert ready.provider == "cpu"
        assert len(ready.warm_up_ms) >= 3
        worker.send(Answer())
        assert np.shape(worker.receive(Answers, timeout_s=LOAD_S).probabilities) == (4, 3)
        worker.send(Turn(first=0, warm_up=2, calls=5))
        samples = worker.receive(Samples, timeout_s=LOAD_S)
        assert len(samples.latencies_ns) == 5
        assert min(samples.latencies_ns) > 0
    assert not is_running(worker.pid)


def test_timing_itself_costs_at_most_5_microseconds(noop_setup: Setup) -> None:
    with WorkerProcess("noop", noop_setup) as worker:
        worker.receive(Ready, timeout_s=LOAD_S)
        worker.send(Turn(first=0, warm_up=2, calls=1000))
        latencies_ns = worker.receive(Samples, timeout_s=LOAD_S).latencies_ns
    assert np.median(latencies_ns) <= 5000


def test_worker_sleeps_while_it_waits_for_its_turn(noop_setup: Setup) -> None:
    with WorkerProcess("noop", noop_setup) as worker:
        worker.receive(Ready, timeout_s=LOAD_S)
        before = psutil.Process(worker.pid).cpu_times()
        time.sleep(1.0)
        after = psutil.Process(worker.pid).cpu_times()
        worker.send(Turn(first=0, warm_up=0, calls=1))
        samples = worker.receive(Samples, timeout_s=LOAD_S)
    # What the kernel says of the process, and what the worker says of itself.
    assert after.user + after.system - before.user - before.system <= 0.02
    assert samples.parked_wall_ns >= 0.9e9
    assert samples.parked_cpu_ns <= 0.01 * samples.parked_wall_ns


def test_worker_keeps_the_protocol_apart_from_what_its_libraries_print(
    at_start: Callable[[str], None], noop_setup: Setup
) -> None:
    at_start("import sys; print('{\"type\": \"Ready\"}', flush=True); print('noise', file=sys.stderr, flush=True)")
    with WorkerProcess("noop", noop_setup) as worker:
        assert worker.receive(Ready, timeout_s=LOAD_S).provider == "cpu"
        assert worker._last_line() == "its last words: noise"


def test_worker_runs_on_the_processors_that_it_is_given(noop_setup: Setup) -> None:
    cpu = max(os.sched_getaffinity(0))
    setup = Setup(**{**{name: getattr(noop_setup, name) for name in Setup.__slots__}, "cpus": [cpu]})
    with WorkerProcess("noop", setup) as worker:
        worker.receive(Ready, timeout_s=LOAD_S)
        assert psutil.Process(worker.pid).cpu_affinity() == [cpu]
        threads = [task.name for task in Path(f"/proc/{worker.pid}/task").iterdir()]
        assert {tuple(os.sched_getaffinity(int(thread))) for thread in threads} == {(cpu,)}


def test_worker_that_crashes_is_reported_with_its_last_line(
    at_start: Callable[[str], None], tmp_path: Path, noop_setup: Setup
) -> None:
    at_start(
        f"""
import os, sys, threading, time
def crash():
    while not os.path.exists({str(tmp_path / "crash")!r}):
        time.sleep(0.01)
    print("first line\\nboom: out of tea", file=sys.stderr, flush=True)
    os._exit(3)
threading.Thread(target=crash, daemon=True).start()
"""
    )
    with WorkerProcess("noop", noop_setup) as worker:
        worker.receive(Ready, timeout_s=LOAD_S)
        (tmp_path / "crash").touch()
        with pytest.raises(EngineError) as raised:
            worker.receive(Samples, timeout_s=LOAD_S)
    assert str(raised.value) == "noop: its process ended (exit code 3; its last words: boom: out of tea)"


def test_worker_that_was_killed_is_reported_with_the_signal(noop_setup: Setup) -> None:
    with WorkerProcess("noop", noop_setup) as worker:
        worker.receive(Ready, timeout_s=LOAD_S)
        os.kill(worker.pid, signal.SIGKILL)
        worker.send(Answer())
        with pytest.raises(EngineError, match=r"noop: its process ended \(signal SIGKILL; it said nothing\)"):
            worker.receive(Answers, timeout_s=LOAD_S)


def test_worker_that_hangs_is_ended(noop_setup: Setup) -> None:
    with WorkerProcess("noop", noop_setup) as worker:
        worker.receive(Ready, timeout_s=LOAD_S)
        os.kill(worker.pid, signal.SIGSTOP)
        worker.send(Answer())
        with pytest.raises(EngineError, match="no answer within 1 s, so its process was ended"):
            worker.receive(Answers, timeout_s=1.0)
        assert not is_running(worker.pid)


def test_worker_that_can_not_load_its_model_says_why(noop_setup: Setup) -> None:
    fields = {name: getattr(noop_setup, name) for name in Setup.__slots__}
    setup = Setup(**{**fields, "photos": ["missing.jpg"]})
    with WorkerProcess("noop", setup) as worker, pytest.raises(EngineError, match=r"noop: missing\.jpg"):
        worker.receive(Ready, timeout_s=LOAD_S)


def test_worker_ends_by_itself_when_the_bench_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "bench.py"
    script.write_text(
        """
import sys, time
from tlx.runtime.timing.process import WorkerProcess
from tlx.runtime.timing.protocol import Ready, Setup
setup = Setup("noop", "none", "cpu", 3, 1, [], [], 4, [8, 8], "area", 1)
worker = WorkerProcess("noop", setup)
worker.receive(Ready, timeout_s=60)
print(worker.pid, flush=True)
time.sleep(60)
"""
    )
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as bench:
        assert bench.stdout is not None
        worker_pid = int(bench.stdout.readline())
        assert is_running(worker_pid)
        bench.kill()
    assert wait_until_gone(worker_pid)
