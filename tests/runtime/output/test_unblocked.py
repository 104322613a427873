from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.output.sample_items import LABELS, STALLED, live_result

from tlx.errors import OutputError
from tlx.runtime.output.json_lines import JsonSink
from tlx.runtime.output.unblocked import Unblocked


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for descriptor in (reader, writer):
        try:
            os.close(descriptor)
        except OSError:
            continue


def unblocked(descriptor: int) -> Unblocked:
    return Unblocked(lambda out, _errors: JsonSink(out, LABELS), descriptor)


def read_lines(reader: int) -> list[dict[str, Any]]:
    with open(reader, "rb", closefd=False) as file:
        return [json.loads(line) for line in file if line.endswith(b"\n")]


def test_all_comes_in_order_when_somebody_reads(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with path.open("wb") as file:
        sink = unblocked(file.fileno())
        for index in range(100):
            sink.write(live_result(index, changed=False))
        sink.close()
        sink.close()
    assert [json.loads(line)["frame"] for line in path.read_text().splitlines()] == list(range(100))
    assert sink.dropped == 0


def test_a_reader_that_stops_reading_keeps_nobody_waiting_and_loses_only_old_results(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    sink = unblocked(writer)
    slowest_s = 0.0
    for index in range(3000):
        began_s = time.monotonic()
        sink.write(live_result(index, changed=index == 500))
        if index % 100 == 0:
            sink.write(STALLED)
        slowest_s = max(slowest_s, time.monotonic() - began_s)
    assert slowest_s < 1
    lines: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: lines.extend(read_lines(reader)))
    thread.start()
    sink.close()
    os.close(writer)
    thread.join(timeout=20)
    frames = [line["frame"] for line in lines if line["kind"] == "result"]
    assert frames == sorted(set(frames))
    assert frames[-1] == 2999
    assert 500 in frames
    assert len(frames) + sink.dropped == 3000
    assert sink.dropped > 1000
    assert sum(line["kind"] == "state" for line in lines) == 30


def test_it_ends_within_two_seconds_even_when_nobody_ever_reads(pipe: tuple[int, int]) -> None:
    sink = unblocked(pipe[1])
    for index in range(1000):
        sink.write(live_result(index, changed=False))
    began_s = time.monotonic()
    sink.close()
    assert time.monotonic() - began_s < 2
    assert not any(thread.name == "tlx-output" for thread in threading.enumerate())
    assert sink.dropped > 0


def wait_for_failure(sink: Unblocked) -> None:
    for index in range(500):
        sink.write(live_result(index, changed=False))
        time.sleep(0.01)


def test_a_reader_that_leaves_is_a_broken_pipe(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    sink = unblocked(pipe[1])
    with pytest.raises(BrokenPipeError):
        wait_for_failure(sink)
    sink.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_disk_is_an_output_error() -> None:
    with Path("/dev/full").open("wb") as full:
        sink = unblocked(full.fileno())
        with pytest.raises(OutputError):
            wait_for_failure(sink)
        sink.close()


def test_a_failure_of_the_last_item_is_told_when_it_is_closed(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    sink = unblocked(pipe[1])
    sink.write(STALLED)
    with pytest.raises(BrokenPipeError):
        sink.close()
