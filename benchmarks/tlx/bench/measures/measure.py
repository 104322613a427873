"""The measures of all engines: each loaded once more, in interleaved rounds, the waiting ones parked."""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from tlx.bench.measures import wanted as names
from tlx.bench.measures.cold_start import command_for, first_label_s, summarize_starts
from tlx.bench.measures.energy import judge_energy, missing_counter
from tlx.bench.measures.extras import Extras
from tlx.bench.measures.lanes import Lane, Rounds, Subject, open_lanes, subjects_of
from tlx.bench.measures.memory import read_memory
from tlx.bench.measures.messages import RunSteadily, StageTimes, SteadyRun, TimeStages, TimeTransfers, TransferTimes
from tlx.bench.measures.stages import summarize_stages
from tlx.bench.measures.steady import judge_sustained
from tlx.bench.measures.transfers import summarize_transfers
from tlx.bench.plan import Plan
from tlx.bench.sampling import EngineRecord
from tlx.bench.starting import starter_for
from tlx.errors import EngineError
from tlx.known_answers import synthetic_picture
from tlx.opencv import cv2
from tlx.progress import Progress, silent
from tlx.runtime.energy import EnergyMeter
from tlx.runtime.timing.order import reply_timeout_s, round_order

_ROUNDS: Final = 15
"""As many as tell how much a round resembles the one before it, which an interval takes into account."""
_CALLS: Final = 6
_WARM_UP: Final = 2
_ENERGY_ROUNDS: Final = 3
_ENERGY_S: Final = 2.0
"""RAPL counts each millisecond, NVML each tenth of a second or so: long against both."""
_WINDOW_S: Final = 1.0


def measure_extras(plan: Plan, records: Sequence[EngineRecord], progress: Progress = silent) -> dict[str, Extras]:
    """Take the measures that ``plan.wanted`` names; all processes are gone when this returns or raises.

    An engine that fails here keeps its latency; its missing figures are explained in :attr:`Extras.notes`.

    Args:
        plan: What was measured.
        records: The engines, after their latency was measured; those that failed are left out.
        progress: Hears how far it is.

    Returns:
        What was found, by :attr:`~tlx.bench.sampling.EngineRecord.row`.
    """
    subjects = subjects_of(records)
    if plan.wanted.needs_engines and subjects:
        with contextlib.ExitStack() as stack:
            starter = stack.enter_context(starter_for(plan))
            _take_all(open_lanes(subjects, starter, stack, progress), plan, progress)
    if names.COLD_START in plan.wanted.parts:
        _take_cold_starts(subjects, plan, progress)
    return {subject.name: subject.found for subject in subjects}


def _take_all(lanes: Sequence[Lane], plan: Plan, progress: Progress) -> None:
    parts = plan.wanted.parts
    if names.STAGES in parts:
        _take_stages(lanes, plan, progress)
    if names.TRANSFERS in parts:
        _take_transfers([lane for lane in lanes if lane.on_gpu], plan, progress)
    if names.ENERGY in parts:
        _take_energy(lanes, plan, progress)
    if names.MEMORY in parts:
        _take_memory(lanes)
    if plan.wanted.sustained_s:
        _take_sustained(lanes, plan, progress)


def _take_stages(lanes: Sequence[Lane], plan: Plan, progress: Progress) -> None:
    able = [lane for lane in lanes if lane.decodes]
    for lane in lanes:
        if not plan.workload.photos:
            lane.subject.note("stages aren't known: pictures made by formula have no file to decode (--photos)")
        elif not lane.decodes and not lane.failed:
            lane.subject.note("stages aren't known for --keras-python: its environment gets its pictures decoded")
    turns: dict[str, list[StageTimes]] = defaultdict(list)

    def turn(lane: Lane, number: int) -> None:
        request = TimeStages(number * _CALLS, _WARM_UP, _CALLS, lane.subject.record.spec.threshold)
        times = lane.ask_calls(request, StageTimes, _WARM_UP + _CALLS)
        if times:
            turns[lane.subject.name].append(times)

    if able:
        Rounds("measuring stages", _ROUNDS, plan.wanted.seconds, plan.seed).run(able, turn, progress)
    for lane in able:
        if not lane.failed:
            lane.subject.take(stages=summarize_stages(turns[lane.subject.name]))


def _take_transfers(lanes: Sequence[Lane], plan: Plan, progress: Progress) -> None:
    turns: dict[str, list[TransferTimes]] = defaultdict(list)

    def turn(lane: Lane, number: int) -> None:
        del number
        times = lane.ask_calls(TimeTransfers(_WARM_UP, _CALLS), TransferTimes, 2 * (_WARM_UP + _CALLS))
        if times:
            turns[lane.subject.name].append(times)

    if lanes:
        Rounds("measuring transfers", _ROUNDS, plan.wanted.seconds, plan.seed).run(lanes, turn, progress)
    for lane in lanes:
        record = lane.subject.record
        found = summarize_transfers(turns[lane.subject.name], record.spec.kind, record.provider)
        lane.subject.take(transfers=found)
        if found is None and not lane.failed:
            name = lane.subject.name
            lane.subject.note(f"{name}: no figure without transfers, it takes its batches from the host's memory only")


def _take_energy(lanes: Sequence[Lane], plan: Plan, progress: Progress) -> None:
    sources = EnergyMeter().sources
    counted = [lane for lane in lanes if ("gpu" if lane.on_gpu else "cpu") in sources]
    runs: dict[str, list[SteadyRun]] = defaultdict(list)

    def turn(lane: Lane, number: int) -> None:
        del number
        run = lane.ask(RunSteadily(_ENERGY_S, _WINDOW_S), SteadyRun, _ENERGY_S + reply_timeout_s(1, lane.call_ms))
        if run:
            runs[lane.subject.name].append(run)

    if counted:
        Rounds("measuring energy", _ENERGY_ROUNDS, float("inf"), plan.seed).run(counted, turn, progress)
    for lane in lanes:
        found = judge_energy(runs[lane.subject.name], on_gpu=lane.on_gpu)
        lane.subject.take(energy=found)
        if found is None and not lane.failed:
            lane.subject.note(missing_counter(on_gpu=lane.on_gpu))


def _take_memory(lanes: Sequence[Lane]) -> None:
    for lane in lanes:
        if not lane.failed:
            memory, notes = read_memory(lane.worker.pid, on_gpu=lane.on_gpu)
            lane.subject.take(memory=memory)
            for note in notes:
                lane.subject.note(note)


def _take_sustained(lanes: Sequence[Lane], plan: Plan, progress: Progress) -> None:
    wanted = plan.wanted
    window_s = min(_WINDOW_S, wanted.first_s)
    for done, index in enumerate(round_order(len(lanes), 0, plan.seed)):
        lane = lanes[index]
        progress("measuring the sustained rate", done, len(lanes), lane.subject.name)
        # The one before has heated the machine up.
        time.sleep(wanted.rest_s)
        timeout_s = wanted.sustained_s + reply_timeout_s(1, lane.call_ms)
        run = lane.ask(RunSteadily(wanted.sustained_s, window_s), SteadyRun, timeout_s)
        if run:
            lane.subject.take(sustained=judge_sustained(run, window_s, wanted.first_s))
    progress("measuring the sustained rate", len(lanes), len(lanes))


def _take_cold_starts(subjects: Sequence[Subject], plan: Plan, progress: Progress) -> None:
    """In rounds, too: what slows the machine down for a while hits all alike."""
    with tempfile.TemporaryDirectory() as folder:
        photo = _one_photo(plan, Path(folder))
        # Engines that differ in their batch alone start alike.
        starts: dict[tuple[str, ...], _Start] = {}
        for subject in subjects:
            engine = subject.record.spec
            setup, python = plan.setup(engine), plan.python(engine)
            command = tuple(command_for(setup, photo, str(python or sys.executable)))
            starts.setdefault(command, _Start(command, setup.cpus)).subjects.append(subject)
        order, rounds = list(starts.values()), plan.wanted.cold_starts
        for number in range(rounds):
            for done, index in enumerate(round_order(len(order), number, plan.seed)):
                progress("measuring cold starts", number * len(order) + done, rounds * len(order))
                order[index].once()
    progress("measuring cold starts", 1, 1)
    for start in order:
        for subject in start.subjects:
            subject.take(cold_start=summarize_starts(start.seconds))


@dataclass(slots=True)
class _Start:
    """What is started, for whom, and how long it took each time."""

    command: tuple[str, ...]
    cpus: Sequence[int]
    subjects: list[Subject] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    failed: bool = False

    def once(self) -> None:
        """Start it, unless it failed before."""
        if self.failed:
            return
        try:
            self.seconds.append(first_label_s(self.command, self.cpus))
        except EngineError as error:
            self.failed = True
            self.seconds.clear()
            for subject in self.subjects:
                subject.note(f"{subject.name}: its cold start isn't known: {error}")


def _one_photo(plan: Plan, folder: Path) -> Path:
    if plan.workload.photos:
        return plan.workload.photos[0].resolve()
    path = folder / "picture.png"
    picture_rgb = synthetic_picture(0, plan.engines[0].size_hw)
    assert cv2.imwrite(str(path), np.ascontiguousarray(picture_rgb[..., ::-1]))
    return path
