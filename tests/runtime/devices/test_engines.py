from __future__ import annotations

import stat
import sys
import threading
from pathlib import Path

import pytest

from tlx.runtime.devices.engines import Tuning, _cache_of, create_engine
from tlx.runtime.devices.names import COREML_PROVIDER, CPU_PROVIDER, CUDA_PROVIDER, TENSORRT_PROVIDER
from tlx.runtime.devices.parts import count_parts, parts_note, runs_nothing
from tlx.runtime.onnx_runtime import onnxruntime


def thread_count() -> int:
    return sum(1 for _ in Path("/proc/self/task").iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_before_work_comes_when_the_sessions_threads_are_there_and_the_graph_is_not_ready(busy_model: Path) -> None:
    """What a hot swap relies on: it lowers the priority of the work without lowering that of the session's threads."""
    seen: list[tuple[int, int]] = []
    made: list[object] = []

    def look() -> None:
        assert made == []
        seen.append((threading.get_ident(), thread_count()))

    before = thread_count()
    made.append(create_engine(busy_model.read_bytes(), (CPU_PROVIDER,), threads=4, tuning=Tuning(before_work=look)))
    assert seen == [(threading.get_ident(), before + 3)]
    assert thread_count() == before + 3


def test_a_failing_before_work_is_not_swallowed(tiny_model: Path) -> None:
    def refuse() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        create_engine(tiny_model.read_bytes(), (CPU_PROVIDER,), threads=1, tuning=Tuning(before_work=refuse))


def test_what_providers_compile_is_kept_in_tlx_cache_for_this_user_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "cache"))
    assert _cache_of(CUDA_PROVIDER) is None
    folder = _cache_of(TENSORRT_PROVIDER)
    assert folder == tmp_path / "cache" / "tensorrt"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "file"))
    assert _cache_of(COREML_PROVIDER) is None


def test_count_parts_tells_who_runs_what(tiny_model: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    engine = onnxruntime.InferenceSession(tiny_model, options, providers=[CPU_PROVIDER])
    assert count_parts(engine) == {CPU_PROVIDER: 4}
    assert count_parts(object()) == {}  # an ONNX Runtime before 1.24


@pytest.mark.parametrize(
    ("counts", "nothing", "note"),
    [
        ({}, False, None),
        ({CUDA_PROVIDER: 40}, False, None),
        ({CUDA_PROVIDER: 38, CPU_PROVIDER: 2}, False, "2 of the network's 40 operators run on the CPU"),
        ({CPU_PROVIDER: 40}, True, "40 of the network's 40 operators"),
    ],
)
def test_judging_the_parts(counts: dict[str, int], nothing: object, note: str | None) -> None:
    assert runs_nothing(CUDA_PROVIDER, counts) == nothing
    said = parts_note(counts)
    assert (said is None) == (note is None)
    assert (note or "") in (said or "")
