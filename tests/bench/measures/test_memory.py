"""Peak memory of real processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.runtime.test_nvml import build_nvml

from tlx.bench.measures.memory import Memory, peak_rss_bytes, read_memory

TAKE_AND_GIVE_BACK = """
import sys
block = b"x" * int(sys.argv[1])
del block
print("done", flush=True)
sys.stdin.read()
"""


def start(size: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", TAKE_AND_GIVE_BACK, str(size)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    process.communicate()


def test_the_peak_counts_what_was_given_back_and_nothing_of_the_parent() -> None:
    own = b"y" * 300_000_000  # a child inherits getrusage's mark of this
    small, large = start(0), start(100_000_000)
    try:
        peaks = [peak_rss_bytes(process.pid) for process in (small, large)]
    finally:
        end(small)
        end(large)
    assert len(own) == 300_000_000
    assert peaks[0] is not None
    assert peaks[1] is not None
    assert peaks[0] < 100_000_000
    assert 95_000_000 < peaks[1] - peaks[0] < 110_000_000


def test_where_the_system_does_not_tell_a_note_says_so(tmp_path: Path) -> None:
    assert peak_rss_bytes(1, tmp_path) is None
    ended = start(0)
    end(ended)
    memory, notes = read_memory(ended.pid, on_gpu=False)
    assert memory.document() == {"peak_rss_mb": None, "gpu_mb": None}
    assert len(notes) == 1
    assert "VmHWM" in notes[0]


@pytest.mark.parametrize(("library", "words"), [("libabsent-for-the-tests.so", "can't be asked"), (None, "containers")])
def test_memory_of_a_gpu_that_is_not_told_is_a_note(tmp_path: Path, library: str | None, words: str) -> None:
    process = start(0)
    try:
        memory, notes = read_memory(process.pid, on_gpu=True, library=library or build_nvml(tmp_path))
    finally:
        end(process)
    assert memory.gpu_bytes is None
    assert memory.peak_rss_bytes is not None
    assert [words in note for note in notes] == [True]


def test_document_is_in_megabytes() -> None:
    assert Memory(123_456_789, 5_000_000).document() == {"peak_rss_mb": 123.5, "gpu_mb": 5.0}
