"""Calls with and without transfers, as far as a CPU can show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tlx.bench.measures.messages import TimeTransfers, TransferTimes
from tlx.bench.measures.transfers import Transfers, summarize_transfers, time_transfers
from tlx.runtime.devices.bound_runner import BoundRunner
from tlx.runtime.session import Session, open_session
from tlx.runtime.timing.backends import Backend, build
from tlx.runtime.timing.protocol import ONNX_KIND, Setup


@pytest.fixture
def session(tiny_model: Path) -> Session:
    return open_session(tiny_model.read_bytes(), "tiny.onnx", device="cpu", threads=1)


def test_both_kinds_of_calls_are_timed_on_bound_buffers(session: Session) -> None:
    runner = BoundRunner(session.engine, session.inputs[0], session.outputs[0])
    pictures: npt.NDArray[np.uint8] = np.random.default_rng(3).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    times = time_transfers(Backend(runner.run, "cuda", hold=runner.hold), pictures, TimeTransfers(warm_up=1, calls=4))  # type: ignore[arg-type] # it takes any type
    assert (len(times.with_ns), len(times.without_ns)) == (4, 4)
    assert min(*times.with_ns, *times.without_ns) > 0


def test_an_engine_without_such_a_way_has_no_times(tiny_model: Path) -> None:
    backend = build(Setup(ONNX_KIND, str(tiny_model), "cpu", 3, 1, [], [], 1, [32, 32], "area", 1))
    assert backend.hold is None
    times = time_transfers(backend, np.zeros((1, 32, 32, 3), np.uint8), TimeTransfers(1, 4))
    assert times == TransferTimes([], [])
    assert summarize_transfers([times], ONNX_KIND, "cpu") is None


@pytest.mark.parametrize(
    ("kind", "provider", "unverified"),
    [(ONNX_KIND, "cuda", False), (ONNX_KIND, "tensorrt", True), ("keras.call", "cuda", True)],
)
def test_summarize_gives_medians_marked_where_nobody_has_seen_such_an_engine_on_a_gpu(
    kind: str, provider: str, unverified: bool
) -> None:
    turns = [TransferTimes([3_000_000, 9_000_000], [1_000_000] * 2), TransferTimes([5_000_000], [2_000_000])]
    found = summarize_transfers(turns, kind, provider)
    assert found == Transfers(5.0, 1.0, verified=not unverified)
    assert found.document() == {"with_ms": 5.0, "without_ms": 1.0, "unverified": unverified}
