"""What commands write: results to stdout, everything else to stderr.

Rich is imported only when something is drawn, so that ``tlx --help`` and one-line results start fast.
"""

from __future__ import annotations

import contextlib
import select
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Final, TextIO

from tlx.progress import Progress, silent

_PATIENCE_S: Final = 1.0
_WORTH_A_LINE_S: Final = 10.0


def say(text: str = "") -> None:
    """Write one line of result to stdout."""
    print(text)  # noqa: T201 - the one place that prints results


def rows(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Lines of a name and what stands for it, one below the other."""
    width = max(len(name) for name, _ in pairs) + 2
    return [f"{name:<{width}}{value}" for name, value in pairs]


def write(content: bytes) -> None:
    """Write results to stdout as they are, whatever the terminal's encoding."""
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def note(text: str) -> None:
    """Write one line about the work (not a result) to stderr; leave it if nobody takes it within a second."""
    if not _takes_more(sys.stderr):
        return
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - the one place that prints notes


def _takes_more(stream: TextIO) -> bool:
    """Whether a line can be written without waiting for ever: a pipe may be full, and its reader asleep."""
    try:
        return bool(select.select([], [stream], [], _PATIENCE_S)[1])
    except (OSError, ValueError):  # not a stream of the system's, or Windows
        return True


def next_command(command: str) -> None:
    """End a command by naming the next one to type."""
    note(f"Next: {command}")


@contextlib.contextmanager
def progress_bar(*, quiet: bool = False) -> Iterator[Progress]:
    """Give a :class:`~tlx.progress.Progress` that draws bars with the time left on a terminal.

    Where stderr isn't a terminal each stage leaves a line when it's complete, and when it's complete again after some
    seconds (:data:`_WORTH_A_LINE_S`).
    """
    if quiet:
        yield silent
    elif sys.stderr.isatty():
        with _rich_bars() as bars:
            yield bars
    else:
        yield _PlainLines()


class _PlainLines:
    def __init__(self) -> None:
        self._started_s: dict[str, float] = {}
        self._told: set[str] = set()

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        now_s = time.monotonic()
        if done < total:
            self._started_s.setdefault(stage, now_s)
            return
        is_told = stage in self._told
        if is_told and stage not in self._started_s:
            return
        took_s = now_s - self._started_s.pop(stage, now_s)
        if is_told and took_s < _WORTH_A_LINE_S:
            return
        self._told.add(stage)
        text = f"{stage}: {done}/{total} in {took_s:.1f} s"
        print(f"{text} ({note})" if note else text, file=sys.stderr, flush=True)  # noqa: T201 - see note()


@contextlib.contextmanager
def _rich_bars() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description:<22}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True, compact=True),
        TextColumn("{task.fields[note]}"),
    )
    with RichProgress(*columns, console=Console(stderr=True)) as bars:
        running: dict[str, TaskID] = {}
        ended: set[str] = set()

        def report(stage: str, done: int, total: int, note: str = "") -> None:
            if stage in ended and done >= total:
                return
            if stage not in running:
                ended.discard(stage)
                bars.start()
                running[stage] = bars.add_task(stage, total=total, note=note)
            bars.update(running[stage], completed=done, total=total, note=note)
            if bars.finished:
                # Bars that stand are left alone: what's drawn anew ten times a second would wipe out a question.
                bars.stop()
                ended.update(running)
                for task in running.values():
                    bars.remove_task(task)
                running.clear()

        yield report
