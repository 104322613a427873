"""``tlx loadgen`` without its command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tlx import atomic
from tlx.bench.agreement import Agreement, compare
from tlx.bench.loadgen.logs import LoadgenResult, read_answers, read_result
from tlx.bench.loadgen.messages import SCENARIOS, LoadgenTest, Scenario
from tlx.bench.loadgen.process import LoadgenProcess
from tlx.bench.pictures import choose_readable, find_photos
from tlx.errors import InputError
from tlx.progress import Progress, silent
from tlx.runtime.environment import describe
from tlx.runtime.model_file import ModelFile
from tlx.runtime.session import Device
from tlx.runtime.timing.model_setup import Place, setup_of
from tlx.runtime.timing.protocol import Setup

SCHEMA: Final = 1
_SERVER_SHARE: Final = 0.5
"""Of what one call at a time could do: queries that come at random times must wait for each other."""
_OFFLINE_MARGIN: Final = 1.3
"""A few photos too many: with too few LoadGen calls its test too short."""


@dataclass(frozen=True, slots=True)
class LoadgenOptions:
    """What the user asked for.

    Attributes:
        model: An .onnx file.
        logs: Folder for LoadGen's logs, one folder in it for each scenario.
        photos: A folder; None takes pictures made by formula.
        limit: At most this many photos.
        seconds: Each scenario takes at least so long (MLPerf's own rules: 600).
        samples_per_query: Of MultiStream.
        max_batch: Photos a call, at most.
        target_qps: Of Server; None takes what the warm-up makes likely.
        target_latency_ms: Of Server.
        threads: None takes as many as this process may use.
        device: ``auto``, ``cpu`` or ``gpu``.
    """

    model: Path
    logs: Path
    scenarios: tuple[Scenario, ...] = SCENARIOS
    photos: Path | None = None
    limit: int = 50
    seconds: float = 10.0
    min_queries: int = 64
    samples_per_query: int = 8
    max_batch: int = 1
    target_qps: float | None = None
    target_latency_ms: float = 100.0
    threads: int | None = None
    device: Device = "auto"
    seed: int = 0

    @property
    def result_path(self) -> Path:
        """Where the document belongs; :func:`run_loadgen` doesn't write it."""
        return self.logs / "result.json"


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """One scenario.

    Attributes:
        logs: Folder of LoadGen's logs of the timed test; those of its answers lie in ``accuracy`` within.
        agreement: What LoadGen logged as answers, beside the engine's own to the same photos.
    """

    scenario: Scenario
    logs: Path
    result: LoadgenResult
    agreement: Agreement


@dataclass(frozen=True, slots=True)
class LoadgenReport:
    """Finished tests.

    Attributes:
        document: For programs.
        scenarios: In the order of the options.
        notes: What the user should know, one line each.
    """

    document: dict[str, Any]
    scenarios: tuple[ScenarioResult, ...]
    notes: tuple[str, ...]


def run_loadgen(options: LoadgenOptions, *, command: str, progress: Progress = silent) -> LoadgenReport:
    """Run a model through LoadGen's scenarios.

    Args:
        options: What to run.
        command: What reproduces it; goes into the document.
        progress: Hears how far it is.

    Raises:
        TlxError: If something that the user named can't be used, LoadGen isn't installed, or the engine fails.
        OutputError: If the logs' folder can't be written to; that is looked at first.
    """
    model = ModelFile.read(options.model)
    atomic.make_folder(options.logs)
    atomic.require_writable(options.result_path)
    photos, notes = _photos(options)
    setup = make_setup(photos, options)
    results = []
    with LoadgenProcess(setup) as process:
        notes += [process.note] if process.note else []
        own = process.answers()
        for done, scenario in enumerate(options.scenarios):
            progress("LoadGen", done, len(options.scenarios), scenario)
            results.append(_run_scenario(process, scenario, options, own))
        progress("LoadGen", len(options.scenarios), len(options.scenarios))
        provider = process.provider
    document = {
        "schema": SCHEMA,
        "command": command,
        "model": str(options.model),
        "precision": model.contract.precision,
        "provider": provider,
        "threads": setup.threads,
        "pinned_to_cpus": setup.cpus or None,
        "photos": {"count": len(own), "synthetic": not photos},
        "scenarios": [_scenario(result) for result in results],
        "environment": describe(),
        "notes": notes,
    }
    return LoadgenReport(document, tuple(results), tuple(notes))


def make_setup(photos: Sequence[Path], options: LoadgenOptions) -> Setup:
    """What the worker has to load: pictures one by one, which LoadGen knows by their number."""
    return setup_of(options.model, Place(options.device, options.threads), photos, options.limit)


def likely_qps(scenario: Scenario, call_ms: float) -> float:
    """Queries a second to aim at where the user names none.

    Args:
        scenario: Only Server and Offline are paced.
        call_ms: How long a call of one photo takes.
    """
    return (_SERVER_SHARE if scenario == "Server" else _OFFLINE_MARGIN) * 1e3 / max(call_ms, 1e-3)


def _photos(options: LoadgenOptions) -> tuple[list[Path], list[str]]:
    if options.photos is None:
        return [], ["no photos named, so pictures are made by formula: latencies hold, answers say little"]
    chosen, problems = choose_readable(find_photos(options.photos), options.limit, options.seed)
    return chosen, [f"left out: {problem}" for problem in problems]


def _run_scenario(
    process: LoadgenProcess, scenario: Scenario, options: LoadgenOptions, own: npt.NDArray[np.float32]
) -> ScenarioResult:
    logs = options.logs / scenario
    atomic.make_folder(logs / "accuracy")
    timed = LoadgenTest(
        scenario=scenario,
        mode="PerformanceOnly",
        logs=str(logs.resolve()),
        min_seconds=options.seconds,
        min_queries=options.min_queries,
        samples_per_query=options.samples_per_query,
        max_batch=1 if scenario == "SingleStream" else options.max_batch,
        target_qps=(options.target_qps if scenario == "Server" else None) or likely_qps(scenario, process.call_ms),
        target_latency_ms=options.target_latency_ms,
        # Half of it: with too few queries in store LoadGen calls its test too short.
        expected_ms=0.5 * process.call_ms,
        seed=options.seed,
    )
    process.run(replace(timed, mode="AccuracyOnly", logs=str((logs / "accuracy").resolve())))
    result = _run_timed(process, timed, logs)
    contract = ModelFile.read(options.model).contract
    logged = read_answers(logs / "accuracy", *own.shape)
    # The same session answered both, perhaps in other batches: the precision's own tolerance holds.
    thresholds = (contract.threshold, contract.threshold)
    agreement = compare(own, logged, precision=contract.precision, thresholds=thresholds)
    return ScenarioResult(scenario, logs, result, agreement)


def _run_timed(process: LoadgenProcess, test: LoadgenTest, logs: Path) -> LoadgenResult:
    """One timed test; Offline again if batches went so much faster than single photos that it ended too soon."""
    process.run(test)
    result = read_result(logs)
    again_qps = _OFFLINE_MARGIN * (result.samples_per_s or 0.0)
    if test.scenario != "Offline" or result.valid or again_qps <= test.target_qps:
        return result
    process.run(replace(test, target_qps=again_qps))
    return read_result(logs)


def _scenario(one: ScenarioResult) -> dict[str, Any]:
    return {
        "scenario": one.scenario,
        "logs": str(one.logs),
        **asdict(one.result),
        "reasons": list(one.result.reasons),
        "errors": list(one.result.errors),
        "agreement": asdict(one.agreement),
    }


def check_scenarios(names: Sequence[str]) -> tuple[Scenario, ...]:
    """The scenarios of these names, whatever their case.

    Raises:
        InputError: If there is no such scenario.
    """
    known = {name.lower(): name for name in SCENARIOS}
    unknown = next((name for name in names if name.lower() not in known), None)
    if unknown is not None:
        raise InputError(f"LoadGen has no scenario {unknown}: choose from {', '.join(SCENARIOS)}")
    return tuple(known[name.lower()] for name in names)
