"""Inside the worker: one LoadGen test over a loaded engine."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from tlx.bench.loadgen.messages import LoadgenTest
from tlx.bench.loadgen.system import Answering, issue_at_once, issue_to_queue
from tlx.errors import EngineError, MissingDependencyError
from tlx.runtime.timing.backends import Backend, Images

_NS_PER_MS = 1_000_000


def import_loadgen() -> Any:
    """The module ``mlperf_loadgen``.

    Raises:
        MissingDependencyError: If it isn't installed.
    """
    try:
        import mlperf_loadgen
    except ImportError as error:
        install = "pip install 'tlx-edge[loadgen]'"
        raise MissingDependencyError(f'MLPerf LoadGen is missing ({error}): run "{install}"') from error
    return mlperf_loadgen


def run_test(backend: Backend, pictures: Sequence[Images], test: LoadgenTest) -> None:
    """Run one test; LoadGen writes its logs into the test's folder.

    Args:
        backend: The engine.
        pictures: ``uint8 [H, W, 3]`` each.
        test: What to run.

    Raises:
        MissingDependencyError: If LoadGen isn't installed.
        EngineError: If the engine failed on a query.
    """
    loadgen = import_loadgen()
    answering = Answering(backend.infer, pictures, test.max_batch, loadgen)
    with contextlib.ExitStack() as stack:
        if test.scenario == "Server":
            issue = stack.enter_context(issue_to_queue(answering, test.max_batch))
        else:
            issue = issue_at_once(answering)
        system = loadgen.ConstructSUT(issue, _nothing)
        stack.callback(loadgen.DestroySUT, system)
        # The photos are in memory already: nothing to load or to unload.
        library = loadgen.ConstructQSL(len(pictures), len(pictures), _ignore, _ignore)
        stack.callback(loadgen.DestroyQSL, library)
        loadgen.StartTestWithLogSettings(system, library, _settings(loadgen, test), _log_settings(loadgen, test))
    if answering.error is not None:
        raise EngineError(f"LoadGen {test.scenario}: the engine failed ({answering.error})") from answering.error


def _settings(loadgen: Any, test: LoadgenTest) -> Any:
    settings = loadgen.TestSettings()
    settings.scenario = getattr(loadgen.TestScenario, test.scenario)
    settings.mode = getattr(loadgen.TestMode, test.mode)
    settings.min_duration_ms = round(1e3 * test.min_seconds)
    settings.min_query_count = test.min_queries
    settings.multi_stream_samples_per_query = test.samples_per_query
    settings.server_target_qps = settings.offline_expected_qps = test.target_qps
    settings.single_stream_expected_latency_ns = round(test.expected_ms * _NS_PER_MS)
    settings.multi_stream_expected_latency_ns = round(test.expected_ms * _NS_PER_MS)
    settings.server_target_latency_ns = round(test.target_latency_ms * _NS_PER_MS)
    settings.qsl_rng_seed = settings.sample_index_rng_seed = settings.schedule_rng_seed = test.seed
    return settings


def _log_settings(loadgen: Any, test: LoadgenTest) -> Any:
    settings = loadgen.LogSettings()
    settings.log_output.outdir = test.logs
    settings.log_output.copy_summary_to_stdout = False
    # A trace of every query would be written while they are timed.
    settings.enable_trace = False
    return settings


def _nothing() -> None:
    """Flushing queries: none waits for others."""


def _ignore(photos: list[int]) -> None:
    del photos
