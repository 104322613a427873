"""All sinks that somebody asks for, as one."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tlx.runtime.asked import Telling
from tlx.runtime.output.items import Item, Sink
from tlx.runtime.output.lines import TextOut
from tlx.runtime.output.several import SeveralSinks
from tlx.runtime.sources.view import View

if TYPE_CHECKING:
    from tlx.runtime.classifier import Classifier
    from tlx.runtime.loop.resume import ResumedFile
    from tlx.runtime.output.unblocked import Unblocked
    from tlx.runtime.output.window import WindowSink


@dataclass(frozen=True, slots=True)
class Coming:
    """What will be written.

    Attributes:
        photos: How many photos; a list of which nobody knows counts as one.
        videos: How many videos.
        live: How many cameras and streams.
        name_width: The length of the longest name, for aligning; 0 if unknown.
    """

    photos: int
    videos: int
    live: int
    name_width: int = 0


class Lines:
    """The lines on stdout, and errors on stderr.

    As long as files are classified a reader that is slow slows them down, and misses nothing. Before a camera nothing
    may wait: from :meth:`go_live` on lines that nobody takes in time are dropped and counted.

    Attributes:
        dropped: Lines that nobody took in time.
    """

    def __init__(self, make: Callable[[TextOut, TextOut], Sink]) -> None:
        """Open them.

        Args:
            make: Makes the sink for a stream of lines and one of errors.
        """
        self._out, self._errors = _Redirected(sys.stdout), _Redirected(sys.stderr)
        self._sink = make(self._out, self._errors)
        self._unblocked: Unblocked | None = None
        self.dropped = 0

    @property
    def wants_pictures(self) -> bool:
        """No."""
        return False

    def write(self, item: Item) -> None:
        """Write one line."""
        (self._unblocked or self._sink).write(item)

    def go_live(self) -> None:
        """Never wait from now on."""
        from tlx.runtime.output.unblocked import Unblocked

        def redirect(out: TextOut, errors: TextOut) -> Sink:
            self._out.target, self._errors.target = out, errors
            return self._sink

        sys.stdout.flush()
        self._unblocked = Unblocked(redirect, sys.stdout.fileno(), sys.stderr.fileno())

    def close(self) -> None:
        """Write what still waits, within about a second."""
        if self._unblocked is None:
            return self._sink.close()
        self._unblocked.close()
        self.dropped = self._unblocked.dropped
        return None


class _Redirected:
    """A stream that may become another one."""

    def __init__(self, target: TextOut) -> None:
        self.target = target
        self.name = getattr(target, "name", "output")
        self.encoding = getattr(target, "encoding", None)

    def write(self, text: str, /) -> object:
        return self.target.write(text)

    def flush(self) -> object:
        return self.target.flush()


@dataclass(frozen=True, slots=True)
class Outputs:
    """The sinks that were opened.

    Attributes:
        all: All of them.
        window: Among them; None without.
        resumed: Among them; None without.
        lines: Among them; None where stdout is the file that is gone on with.
    """

    all: Sink
    window: WindowSink | None
    resumed: ResumedFile | None
    lines: Lines | None

    def go_live(self) -> None:
        """Never keep a camera waiting from now on."""
        if self.lines:
            self.lines.go_live()

    def finish_lines(self) -> int:
        """End the lines; how many were dropped."""
        if self.lines is None:
            return 0
        self.lines.close()
        return self.lines.dropped


@dataclass(frozen=True, slots=True)
class Opening:
    """What sinks are made for.

    Attributes:
        telling: What was asked for.
        classifier: The model that answers, at first.
        coming: What will be written.
        view: Which part of pictures is classified.
        threshold: Of decisions, for what is uncertain; 0 without one.
        warn: Told of what couldn't be saved.
    """

    telling: Telling
    classifier: Classifier
    coming: Coming
    view: View
    threshold: float
    warn: Callable[[str], None]

    def open(self) -> Outputs:
        """Open them.

        Raises:
            InputError: If what comes doesn't fit into what is named.
            OutputError: If something can't be written.
            DeviceError: If a window is asked for and there is no display.
        """
        telling, labels = self.telling, tuple(self.classifier.contract.labels)
        resumed = self._resumed(telling.resume, labels) if telling.resume else None
        window = self._window() if telling.show else None
        lines = None
        sinks: list[Sink] = []
        if resumed is None or not resumed.is_stdout:
            lines = Lines(functools.partial(self._lines, labels))
            sinks.append(lines)
        if resumed is not None:
            sinks.append(resumed)
        if telling.save is not None:
            sinks.append(self._saved(telling.save))
        if telling.save_uncertain is not None:
            sinks.append(self._uncertain(telling.save_uncertain))
        if window is not None:
            sinks.append(window)
        return Outputs(SeveralSinks(tuple(sinks)), window, resumed, lines)

    def _lines(self, labels: tuple[str, ...], out: TextOut, errors: TextOut) -> Sink:
        sink = self._plain_lines(labels, out, errors)
        return _only_events(sink) if self.telling.events else sink

    def _plain_lines(self, labels: tuple[str, ...], out: TextOut, errors: TextOut) -> Sink:
        if self.telling.format == "json":
            from tlx.runtime.output.json_lines import JsonSink

            return JsonSink(out, labels, self.telling.topk)
        if self.telling.format == "csv":
            from tlx.runtime.output.csv_rows import CsvSink

            return CsvSink(out, labels, self.telling.topk)
        from tlx.runtime.output.text import TextSink

        return TextSink(out, errors, labels, self.coming.name_width, self.telling.topk)

    def _resumed(self, path: Path, labels: tuple[str, ...]) -> ResumedFile:
        from tlx.runtime.loop.resume import ResumedFile

        return ResumedFile(path, self.classifier.sha256, labels, self.telling.topk)

    def _saved(self, path: Path) -> Sink:
        from tlx.runtime.output.annotated import open_save
        from tlx.runtime.output.video_file import VideoOptions

        moving = self.coming.videos + self.coming.live
        options = VideoOptions(view=self.view, warn=self.warn)
        keep = self.telling.resume is not None
        return open_save(path, photos=self.coming.photos, moving=moving, options=options, keep=keep)

    def _uncertain(self, folder: Path) -> Sink:
        from tlx.runtime.output.uncertain import UncertainOptions, UncertainSink

        options = UncertainOptions(self.threshold, self.telling.uncertain_bytes, self.warn)
        return UncertainSink(folder, options)

    def _window(self) -> WindowSink:
        from tlx.runtime.output.window import WindowSink

        return WindowSink(self.view)


def _only_events(sink: Sink) -> Sink:
    from tlx.runtime.output.events import EventsOnly

    return EventsOnly(sink)
