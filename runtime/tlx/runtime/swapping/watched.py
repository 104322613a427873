"""A model that is replaced under a running loop when its file changes.

::

    with WatchedClassifier.load("models/", on_change=print) as watched:
        for frame in frames:
            classifier = watched.current()      # the old one or the new one, whole
            prediction = classifier.classify(frame.image_rgb)
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

from tlx.errors import TlxError
from tlx.runtime.classifier import Classifier
from tlx.runtime.output.items import ModelChange
from tlx.runtime.swapping.changes import Settling, Sight, look
from tlx.runtime.swapping.loading import DEFAULTS, LoadOptions, Stopped, prepare_replacement

if TYPE_CHECKING:
    from typing import Self

LOOK_EVERY_S: Final = 0.5

OnChange = Callable[[ModelChange], None]


@dataclass(frozen=True, slots=True)
class _Watching:
    path: Path
    options: LoadOptions
    on_change: OnChange
    every_s: float


class WatchedClassifier:
    """A model file, or the current model of a models folder, that is watched by a thread.

    A new file is read, judged (:mod:`~tlx.runtime.swapping.compatible`), loaded and proven beside the model that
    answers, and takes its place between two calls of :meth:`current`. A bad one is reported once, and looked at
    again only when it changes.
    """

    def __init__(self, first: Classifier, seen: Sight, watching: _Watching) -> None:
        """Begin to watch; use :meth:`load`."""
        self._current = first
        self._settling = Settling(seen)
        self._watching = watching
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="tlx-watch", daemon=True)
        self._thread.start()

    @classmethod
    def load(
        cls, path: str | Path, options: LoadOptions = DEFAULTS, *, on_change: OnChange, every_s: float = LOOK_EVERY_S
    ) -> Self:
        """Load the model that is there now, and watch.

        Args:
            path: A model file or a models folder.
            options: How this model and those after it are loaded.
            on_change: Told of every other file that is found, taken or not; of one that is taken, just before the
                first :meth:`current` gives it. Called from the watching thread: it must return soon and not raise.
            every_s: How often to look, in seconds. A change is taken up when two looks in a row find the same.

        Raises:
            ModelFileError: If the first model can't be used.
            DeviceError: If the device isn't available.
        """
        seen = look(Path(path))  # before it's read: what changes meanwhile is a change
        first = Classifier.load(path, options.device, options.threads)
        return cls(first, seen, _Watching(Path(path), options, on_change, every_s))

    def current(self) -> Classifier:
        """The model to ask now. Ask it for whole frames: a reference that is kept stays valid, but gets old."""
        return self._current

    def close(self) -> None:
        """Stop watching; the current model stays usable. May be called more than once."""
        self._stopped.set()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _watch(self) -> None:
        old = None
        while not self._stopped.wait(self._watching.every_s):
            # The one before was kept for one turn more, so that its memory is freed here and not between two frames.
            del old
            old = self._current
            sight = look(self._watching.path)
            if self._settling.is_news(sight):
                self._take_up(sight)

    def _take_up(self, sight: Sight) -> None:
        if sight.problem is not None:
            return self._tell(sight.file, self._current, sight.problem)
        try:
            new = prepare_replacement(self._watching.path, self._current, self._watching.options, self._stopped)
        except Stopped:
            return None
        except TlxError as error:
            return self._tell(sight.file, self._current, str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the loop goes on and so does the watch
            kind = type(error).__name__
            return self._tell(sight.file, self._current, f"{sight.file}: couldn't be tried ({kind}: {error})")
        if new is None:
            return None
        self._tell(new.source, new, None)
        self._current = new
        return None

    def _tell(self, file: str, answering: Classifier, problem: str | None) -> None:
        self._watching.on_change(ModelChange(file, answering.sha256, problem, time.monotonic()))
