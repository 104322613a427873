"""A whole classification, as somebody asks for it: sources, model, loop and sinks put together."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from tlx.errors import SourceError
from tlx.runtime.asked import EVENT_SMOOTHING_S, Asked, Engine
from tlx.runtime.classifier import Classifier
from tlx.runtime.decisions.deciding import Decider, LoneDecider
from tlx.runtime.decisions.following import ModelDecider
from tlx.runtime.decisions.rule import DecisionRule, rule_for
from tlx.runtime.frames import Source
from tlx.runtime.loop.live import LiveLoop
from tlx.runtime.loop.ordered import classify_files, plan_threads, skip_nothing
from tlx.runtime.loop.preparing import Preparer
from tlx.runtime.loop.running import Output, run_files, run_live
from tlx.runtime.loop.stopping import StopRequest, stop_on_signals
from tlx.runtime.loop.tally import LiveTally, Tally, judge_failures, summarize, summarize_live
from tlx.runtime.output.items import ModelChange
from tlx.runtime.output.opening import Coming, Opening, Outputs
from tlx.runtime.processors import usable_processors
from tlx.runtime.sources.live import LiveInput, find_live
from tlx.runtime.sources.photos import PhotoSource
from tlx.runtime.sources.videos import VideoSource
from tlx.runtime.sources.words import open_sources

if TYPE_CHECKING:
    from tlx.runtime.loop.resume import Done
    from tlx.runtime.output.window import WindowSink

Say = Callable[[str], None]
_LOOK_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a classification ended.

    Attributes:
        signal: By which signal it was asked to end; None if it came to its end.
        problem: Why there is not a single label, or the first bad file with ``--strict``; None if all is well.
        is_told: Whether the problem has been written among the results already.
    """

    signal: signal.Signals | None = None
    problem: str | None = None
    is_told: bool = False


@dataclass(frozen=True, slots=True)
class _Sources:
    files: list[Source]
    live: list[LiveInput]

    @property
    def coming(self) -> Coming:
        photos, videos = 0, 0
        for source in self.files:
            if isinstance(source, PhotoSource):
                photos += len(source.paths)
            elif isinstance(source, VideoSource):
                videos += 1
            else:
                photos += 1  # a list: it may be one, and whoever holds one photo refuses the second
        width = max((source.name_width for source in self.files), default=0)
        return Coming(photos, videos, len(self.live), max([width, *(len(source.name) for source in self.live)]))

    @property
    def known_pictures(self) -> int | None:
        """How many photos there are, if there is nothing else."""
        photos = [len(source.paths) for source in self.files if isinstance(source, PhotoSource)]
        return sum(photos) if len(photos) == len(self.files) else None

    @property
    def unit(self) -> str:
        units = {source.unit for source in self.files}
        return units.pop() if len(units) == 1 else "picture"


def classify(asked: Asked, note: Say) -> Outcome:
    """Do what is asked; results go where it says, files first, then what is live, all of it at the same time.

    Args:
        asked: What.
        note: Told, in a line each, of what isn't a result.

    Raises:
        TlxError: As the parts do: a source that isn't there, a model that can't be used, a device that is missing.
        BrokenPipeError: If nobody reads the results any more.
    """
    sources = find_sources(asked)
    workers, threads = _plan(sources, asked.engine.threads or usable_processors())
    news: queue.SimpleQueue[ModelChange] = queue.SimpleQueue()
    with _loaded(asked.engine, threads, news.put) as current:
        first = current()
        if first.session.note:
            note(f"tlx: warning: {first.session.note}")
        threshold = asked.deciding.threshold or 0.0
        outputs = Opening(asked.telling, first, sources.coming, asked.reading.view, threshold, _warn(note)).open()
        run = _Run(asked, sources, outputs, current, news, note)
        try:
            return run.run(workers)
        finally:
            outputs.all.close()


@dataclass(frozen=True, slots=True)
class _Run:
    asked: Asked
    sources: _Sources
    outputs: Outputs
    current: Callable[[], Classifier]
    news: queue.SimpleQueue[ModelChange]
    note: Say

    def run(self, workers: int) -> Outcome:
        outcome = self._run_files(workers) if self.sources.files else Outcome()
        if outcome.problem and (self.asked.reading.strict or not self.sources.live):
            return outcome
        if self.sources.live and not self._is_window_closed():
            if outcome.problem:
                self.note(f"tlx: warning: {outcome.problem}")
            self.outputs.go_live()
            with stop_on_signals() as request:
                return self._run_live(request)
        return outcome

    def _run_files(self, workers: int) -> Outcome:
        tally = Tally(self.sources.unit)
        resumed = self.outputs.resumed
        skip = resumed.done.take if resumed else skip_nothing
        before = resumed.done.count if resumed else 0
        decider = self._decider(LoneDecider)
        results = classify_files(self.sources.files, self._preparer(decider), workers, skip)
        output = Output(self.outputs.all, decider, self._tell_news)
        strict = self.asked.reading.strict
        done_before = f" ({before} were done before)" if before else ""
        try:
            run_files(results, output, tally, strict=strict, is_over=self._is_window_closed)
        except (KeyboardInterrupt, SystemExit):
            self.note(f"stopped: {summarize(tally, self.current().session, workers)}{done_before}")
            raise
        if tally.frames > tally.failed or before:
            self.note(summarize(tally, self.current().session, workers) + done_before)
        if self.outputs.window and "photo" in {source.unit for source in self.sources.files}:
            self._wait_for_the_window(self.outputs.window)
        told = self.asked.telling.format == "text" and tally.failed > 0 and (strict or tally.frames == 1)
        return Outcome(problem=_judge(tally, resumed.done if resumed else None, strict=strict), is_told=told)

    def _wait_for_the_window(self, window: WindowSink) -> None:
        """The last photo stays until somebody has seen it."""
        if not window.stopped:
            self.note("q or Esc in the window ends it")
        while not window.stopped:
            window.poll()
            time.sleep(_LOOK_S)

    def _run_live(self, request: StopRequest) -> Outcome:
        reading = self.asked.reading
        decider = self._decider(Decider)
        loop = LiveLoop(self.sources.live, self._preparer(decider), reading.max_age_s, reading.stride)
        output = Output(self.outputs.all, decider, self._tell_news)
        tally = run_live(loop, output, lambda: bool(request) or self._is_window_closed())
        self.note(self._summary(tally))
        return Outcome(signal=request.signal)

    def _summary(self, tally: LiveTally) -> str:
        dropped = self.outputs.finish_lines()  # which counts those that still wait
        return summarize_live(tally, self.current().session) + (
            f"; {dropped} lines were dropped, as nobody read them in time" if dropped else ""
        )

    def _decider(self, make: Callable[[DecisionRule], Decider | LoneDecider]) -> ModelDecider | None:
        deciding, events = self.asked.deciding, self.asked.telling.events
        return ModelDecider(make) if deciding.is_asked_for or events else None

    def _preparer(self, decider: ModelDecider | None) -> Preparer:
        def current() -> Classifier:
            classifier = self.current()
            if decider is not None:
                decider.learn(classifier.sha256, _rule(self.asked, classifier))
            return classifier

        current()  # a wrong rule is refused before anything starts
        return Preparer(current, self.asked.reading.view, self.outputs.all.wants_pictures)

    def _tell_news(self) -> Iterator[ModelChange]:
        with contextlib.suppress(queue.Empty):
            while True:
                yield self.news.get_nowait()

    def _is_window_closed(self) -> bool:
        window = self.outputs.window
        if window is None:
            return False
        window.poll()
        return window.stopped


def find_sources(asked: Asked) -> _Sources:
    """What the words mean.

    Raises:
        SourceError: If one means nothing, or the same camera is named twice.
        DeviceError: If a camera isn't there.
    """
    reading = asked.reading
    found = [(word, find_live(word, wish=reading.camera)) for word in reading.words]
    live = [source for _, source in found if source is not None]
    where = [source.address if source.kind == "stream" else os.path.realpath(source.address) for source in live]
    if twice := next((source.name for source, place in zip(live, where, strict=True) if where.count(place) > 1), None):
        raise SourceError(f"{twice}: named twice: a camera can be read once")
    live = _with_own_names(live)
    words = [word for word, source in found if source is None]
    files = (
        open_sources(words, stride=reading.stride, start_s=reading.start_s, duration_s=reading.duration_s)
        if words
        else []
    )
    return _Sources(files, live)


def _with_own_names(live: list[LiveInput]) -> list[LiveInput]:
    """Addresses may differ in what isn't told: a password."""
    names = [source.name for source in live]
    earlier = [names[:index].count(name) for index, name in enumerate(names)]
    return [
        replace(source, name=f"{source.name} #{count + 1}") if count else source
        for source, count in zip(live, earlier, strict=True)
    ]


def _plan(sources: _Sources, processors: int) -> tuple[int, int]:
    return (1, processors) if sources.live else plan_threads(sources.known_pictures, processors)


@contextlib.contextmanager
def _loaded(
    engine: Engine, threads: int, on_change: Callable[[ModelChange], None]
) -> Iterator[Callable[[], Classifier]]:
    if not engine.watch:
        classifier = Classifier.load(engine.model, engine.device, threads)
        yield lambda: classifier
        return
    from tlx.runtime.swapping.loading import LoadOptions
    from tlx.runtime.swapping.watched import WatchedClassifier

    options = LoadOptions(engine.device, threads)
    with WatchedClassifier.load(engine.model, options, on_change=on_change) as watched:
        yield watched.current


def _rule(asked: Asked, classifier: Classifier) -> DecisionRule:
    deciding = asked.deciding
    smoothing_s = deciding.smoothing_s
    if smoothing_s is None:
        smoothing_s = EVENT_SMOOTHING_S if asked.telling.events else 0.0
    return rule_for(
        classifier.contract,
        threshold=deciding.threshold or 0.0,
        hysteresis=deciding.hysteresis,
        hold_s=deciding.hold_s or 0.0,
        smoothing_s=smoothing_s,
    )


def _judge(tally: Tally, done: Done | None, *, strict: bool) -> str | None:
    """What is wrong with a run of files, earlier results that were gone on with included; None if all is well."""
    whole = Tally(
        tally.unit,
        tally.frames + (done.labelled + done.failed if done else 0),
        tally.failed + (done.failed if done else 0),
        first_error=tally.first_error or (done.first_error if done else None),
    )
    return (whole.first_error if strict else None) or judge_failures(whole)


def _warn(note: Say) -> Say:
    return lambda message: note(f"tlx: warning: {message}")
