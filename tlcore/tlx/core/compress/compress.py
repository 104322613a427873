"""``tlx compress``: from a run to a smaller, faster one that keeps its promise."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from tlx import atomic
from tlx.core.compress.course import Course, left_for_learning, unknown_views_words
from tlx.core.compress.design import Design, Designer
from tlx.core.compress.judging import Judge
from tlx.core.compress.maps import photos_that_fit
from tlx.core.compress.options import Options
from tlx.core.compress.plain import PlainNetwork
from tlx.core.compress.pruning import Looks, Survey, prune, survey
from tlx.core.compress.recovery import Recovered, recover
from tlx.core.compress.search import Wanted, find_fastest
from tlx.core.compress.source import Source, evenly, open_source
from tlx.core.compress.story import Outcome, Point, tell
from tlx.core.compress.teaching import Teaching, hint_layers, plan_place
from tlx.core.compress.trials import Trial, time_rounds
from tlx.core.compress.writing import Compressed, write_compressed
from tlx.core.recipes.layers import PIXELS
from tlx.core.runs import Run
from tlx.core.stopwatch import Stopwatch
from tlx.errors import InputError
from tlx.progress import Progress, deaf, silent
from tlx.runtime.processors import usable_processors
from tlx.stopping import remembered_stop, stopping_progress

PHOTOS: Final = 256
"""For the closed form, at most: more change nothing that is measurable. Where fewer fit, more places of each."""
ROWS: Final = 16_000
_LEAST_RECOVERY: Final = 0.25
"""Of a network's share of the time, however long the rest takes."""
_SHORT_SHARE: Final = 0.5
"""Of the time in 32 bits, about, what the original takes in 16: which it does where the processor is fast at them."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told.

    Attributes:
        progress: Of steps.
        notify: Of facts worth a line.
    """

    progress: Progress = silent
    notify: Callable[[str], None] = deaf


def compress(run: Run, options: Options, listener: Listener = Listener()) -> Run:
    """Make a run smaller.

    Args:
        run: A finished one.
        options: Bounds and means.
        listener: Told how it goes.

    Returns:
        The new run.

    Raises:
        InputError: If the network can't be compressed, or no width keeps the time.
        DataError: If the run's photos are gone or have changed.
        GateError: If no network within the time keeps the accuracy.
        OutputError: If the run or the cache can't be written.
    """
    # Minutes of work shouldn't end at a folder that can't be written.
    atomic.make_folder(options.runs_root)
    atomic.require_writable(options.runs_root / ".compressed")
    with remembered_stop() as stop:
        progress = stopping_progress(listener.progress, stop)
        work = _Work(run, options, replace(listener, progress=progress))
        return work.finish(work.search())


def pictures_to_survey(base: PlainNetwork, teaching: Teaching, progress: Progress = silent) -> npt.NDArray[np.uint8]:
    """What the closed form looks at: training photos as they are, of all classes, as many as fit, ``[N, h, w, 3]``."""
    photos = evenly(teaching.source.photos, photos_that_fit(base, PHOTOS))
    return np.asarray(teaching.pixels(photos, 0, progress).take(range(len(photos))))


@dataclass(frozen=True, slots=True)
class _Made:
    """A network that has learned nothing yet.

    Attributes:
        accuracy: On the photos for choices.
    """

    design: Design
    network: PlainNetwork
    accuracy: float


@dataclass(frozen=True, slots=True)
class _Taught:
    """A network of a search.

    Attributes:
        pace_ms: Of the original, when the search began: a machine that got slower since then slows all alike.
    """

    design: Design
    recovered: Recovered
    point: Point
    pace_ms: float

    @property
    def latency_ms(self) -> float:
        return self.pace_ms * self.point.latency_ms / self.point.original_ms

    @property
    def drop_points(self) -> float:
        return self.point.choice.drop_points


class _Work:
    """One compression, step by step."""

    def __init__(self, run: Run, options: Options, listener: Listener) -> None:
        self._options, self._listener = options, listener
        self._stopwatch = Stopwatch()
        progress = listener.progress
        with self._stopwatch.measure("check"):
            chooses = options.bounds.max_drop is not None
            self._source: Source = open_source(run, hold_back=chooses, progress=progress)
            self._base = self._source.resized(options.size)
        self._threads = options.threads or usable_processors()
        place = plan_place(self._source, self._base.size_hw, options.cache_gb)
        self._teaching = Teaching(self._source, place, self._base.size_hw, {})
        self._judge = Judge(self._source, self._teaching, progress)
        self._points: list[Point] = []
        self._judging_s = 0.0
        with self._stopwatch.measure("check"):
            # The last word is asked for after half an hour: it shouldn't fail for a photo then.
            self._judge.prepare()
        with self._stopwatch.measure("survey"):
            self._images = pictures_to_survey(self._base, self._teaching, progress)
            self._survey: Survey = survey(self._base, self._images, Looks(ROWS, options.seed), progress)
        with self._stopwatch.measure("timing"):
            self._designer = Designer(
                self._source.network,
                self._base,
                self._survey,
                self._images,
                int8=options.int8,
                threads=self._threads,
                progress=progress,
            )

    def search(self) -> list[_Taught]:
        """Find the network: the most accurate within the time, or those within the drop, the fastest one first."""
        bounds, seconds = self._options.bounds, 60 * self._options.minutes
        limit_ms = bounds.limit_ms(self._designer.original_ms)
        self._tell_of_unknown_views()
        if bounds.max_drop is not None:
            # Other networks need other channels of the hints, and the original answers but once.
            self._teaching = self._teaching.imitating_all(hint_layers(self._source))
            answers_s = self._answer_all() if self._teaching.channels else 0.0
            wanted = Wanted(bounds.max_drop, limit_ms, self._designer.original_ms, seconds, answers_s)
            fastest, *slower = find_fastest(wanted, self._in_share, self._learn_on)
            return [fastest, *(one for one in slower if not one.point.misses_speed(bounds))]
        assert limit_ms is not None
        made = self._make(limit_ms)
        return [self._learn(made, seconds)]

    def _tell_of_unknown_views(self) -> None:
        unknown = self._teaching.unknown(self._source.photos)
        minutes = unknown * self._designer.original_ms / 60_000
        if self._source.cut_layer != PIXELS and self._source.compute.dtype != "float32":
            minutes *= _SHORT_SHARE
        if minutes >= 1:
            self._listener.notify(unknown_views_words(unknown, minutes, self._options.minutes))

    def _answer_all(self) -> float:
        """Let the original answer what it hasn't yet; gives the seconds that it took."""
        begun_s = time.monotonic()
        with self._stopwatch.measure("recovery"):
            self._teaching.answer_all(self._source.photos, self._listener.progress)
        return time.monotonic() - begun_s

    def _in_share(self, limit_ms: float, share_s: float) -> _Taught:
        """A network of a search, whose making and judging are taken from its share of the time."""
        begun_s = time.monotonic()
        made = self._make(limit_ms)
        rest_s = share_s - (time.monotonic() - begun_s) - self._judging_s
        return self._learn(made, max(rest_s, _LEAST_RECOVERY * share_s))

    def _make(self, limit_ms: float) -> _Made:
        with self._stopwatch.measure("timing"):
            design = self._designer.within(limit_ms)
        self._require_fewer_channels(design)
        with self._stopwatch.measure("pruning"):
            kept = self._survey.kept(design.channels)
            looks = Looks(ROWS, self._options.seed)
            pruned = prune(self._base, kept, self._images, looks, self._listener.progress, merge=design.merge)
        with self._stopwatch.measure("validation"):
            before = self._judge.chosen_accuracy(pruned)
        self._listener.notify(f"{design.name}: {100 * before:.1f} % right before it learned anything")
        return _Made(design, pruned, before)

    def _require_fewer_channels(self, design: Design) -> None:
        """In eight bits the original is faster than its fp32 file: who asks for no more needs no other network."""
        full = tuple(layer.outputs for layer in self._base.convolutions)
        is_smaller = design.merge or design.channels != full or self._base.size_hw != self._source.network.size_hw
        if self._designer.int8 and not is_smaller:
            raise InputError(
                f"{self._source.run.folder.name} is as fast as that itself in eight bits: "
                'run "tlx export model.onnx --precision int8", or ask for more speed'
            )

    def _learn_on(self, taught: _Taught, seconds: float) -> _Taught:
        self._listener.notify(f"{taught.point.name}: learns on, for the minutes that no other network needs")
        made = _Made(taught.design, taught.recovered.network, taught.point.pruned_accuracy)
        further = self._learn(made, max(seconds - self._judging_s, _LEAST_RECOVERY * seconds), timed=taught.point)
        recovered = replace(further.recovered, history=taught.recovered.history + further.recovered.history)
        point = replace(further.point, passes=taught.point.passes + further.point.passes)
        self._points[-1] = point
        return replace(further, recovered=recovered, point=point)

    def _learn(self, made: _Made, seconds: float, timed: Point | None = None) -> _Taught:
        """Teach a network and judge it; its times are taken unless it was timed before it learned on."""
        options, progress, design = self._options, self._listener.progress, made.design
        kept = self._survey.kept(design.channels)
        layers = {name: kept[number] for name, number in hint_layers(self._source).items()}
        self._teaching = self._teaching.imitating(layers)
        seconds = left_for_learning(seconds, self._answer_all())
        with self._stopwatch.measure("recovery"):
            recovered = recover(made.network, layers, self._teaching, Course(seconds, seed=options.seed), progress)
        begun_s = time.monotonic()
        with self._stopwatch.measure("validation"):
            choice = self._judge.chosen(recovered.network)
        original_ms, rounds_ms = (timed.original_rounds_ms, timed.rounds_ms) if timed else self._time(recovered.network)
        self._judging_s = time.monotonic() - begun_s
        passes = sum(row["photos"] for row in recovered.history) / len(self._source.photos)
        point = Point(design, recovered.network, original_ms, rounds_ms, made.accuracy, choice, passes)
        self._points.append(point)
        if choice.accuracy < made.accuracy:
            self._listener.notify(
                f"{point.name}: {100 * choice.accuracy:.1f} % right after learning, fewer than before it: "
                "give it more --minutes"
            )
        if self._source.held_back:
            self._listener.notify(
                f"{point.name}: {choice.drop_points:+.2f} points lost on the photos kept for the choice"
            )
        return _Taught(design, recovered, point, self._designer.original_ms)

    def _time(self, network: PlainNetwork) -> tuple[Sequence[float], Sequence[float]]:
        """Milliseconds of the original at fp32 and of the network, round by round."""
        trials = [Trial(self._source.network, int8=False), Trial(network, int8=self._designer.int8)]
        with self._stopwatch.measure("timing"):
            original_ms, rounds_ms = time_rounds(trials, threads=self._threads, progress=self._listener.progress)
        return original_ms, rounds_ms

    def finish(self, found: Sequence[_Taught]) -> Run:
        """Judge the networks by the validation photos, up to the first that keeps its promise, and write the run."""
        source, bounds = self._source, self._options.bounds
        with self._stopwatch.measure("validation"):
            verdicts = self._judge.last_word([taught.recovered.network for taught in found], bounds)
            lost = [verdict.record.drop_points for verdict in verdicts]
            # All others lost more than was allowed.
            place = lost.index(min(lost))
            taught, verdict, network = found[place], verdicts[place], found[place].recovered.network
            training_accuracy = self._judge.accuracy(network, evenly(source.photos, PHOTOS))
        minutes = sum(row["seconds"] for row in taught.recovered.history) / 60
        given = self._options.minutes
        taken = {id(one.point.design): one.point for one in found}
        outcome = Outcome(
            source=source,
            bounds=bounds,
            minutes=minutes,
            # In a search it had but a share of them.
            more_minutes=2 * given if bounds.max_drop is None else max(2 * minutes, given),
            options=self._options.words(),
            seed=self._options.seed,
            int8=self._designer.int8,
            threads=self._threads,
            survey=self._survey,
            # One that learned on is one network.
            points=tuple(point for point in self._points if taken.get(id(point.design), point) is point),
            kept=taught.point,
            verdict=verdict.record,
            candidates=len(found),
            refused=[
                (one.point, points) for one, points in zip(found, lost, strict=False) if not bounds.allows(points)
            ],
        )
        compressed = Compressed(
            network=network,
            history=taught.recovered.history,
            compute=taught.recovered.compute,
            probabilities=verdict.probabilities,
            training_accuracy=training_accuracy,
            seconds=self._stopwatch.seconds,
            energy_j={stage: sum(joules.values()) for stage, joules in self._stopwatch.joules.items()},
            record=tell(outcome),
        )
        return write_compressed(source, compressed, self._options.runs_root)
