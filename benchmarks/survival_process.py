"""``tlx train`` as a person starts it: on a terminal, which is read as it writes."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_COLOURS: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Training:
    """A running process whose stderr is a terminal of 200 columns."""

    def __init__(self, words: list[str], cache: Path) -> None:
        """Start it.

        Args:
            words: What follows ``tlx``.
            cache: For weights and features.
        """
        self._terminal, slave = pty.openpty()
        self._text = bytearray()
        variables = os.environ | {"TLX_CACHE": str(cache), "COLUMNS": "200", "TERM": "xterm"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tlx.cli.app", *words],
            stdin=subprocess.DEVNULL,
            stdout=slave,
            stderr=slave,
            env=variables,
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it, if it still runs."""
        self.kill()
        self._reader.join(5)
        os.close(self._terminal)

    def runs(self) -> bool:
        """Whether it hasn't ended."""
        return self._process.poll() is None

    def kill(self) -> int:
        """Send SIGKILL; give the exit code (-9 if that was what ended it)."""
        self._process.kill()
        return self._process.wait()

    def wait(self) -> int:
        """Let it end; give the exit code."""
        return self._process.wait(timeout=600)

    def output(self) -> str:
        """What it wrote so far."""
        return self._text.decode(errors="replace")

    def steps(self, stage: str) -> int:
        """How far the bar of a stage has got; 0 before it's there."""
        drawn = _COLOURS.sub("", self._text[-4000:].decode(errors="replace"))
        found = re.findall(rf"{stage} +[^\w\s]+ +(\d+)/\d+", drawn)
        return int(found[-1]) if found else 0

    def _read(self) -> None:
        while True:
            try:
                content = os.read(self._terminal, 65536)
            except OSError:  # the other end is closed
                return
            if not content:
                return
            self._text += content
