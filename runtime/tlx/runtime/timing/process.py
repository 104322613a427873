"""The measuring side of a worker: start it, ask it, notice that it crashed or hangs, leave nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from tlx.errors import DeviceError, EngineError
from tlx.runtime.timing.protocol import AnyMessage, Channel, Message, Refusal, Setup

EDGE_WORKER: Final = "tlx.runtime.timing.worker"
"""Knows the engines of the edge."""

_REAP_S = 5.0
_TAIL_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that runs a worker.

    Attributes:
        path: Its program.
        environment: Variables that it needs, beside those of this process.
    """

    path: Path
    environment: Mapping[str, str] = field(default_factory=dict)


class WorkerProcess:
    """One worker; a context manager whose end is also the process's end.

    It begins to load at once; ask for its :class:`~tlx.runtime.timing.protocol.Ready` when the others have begun too.
    A worker that is forgotten (because whoever measures was killed) ends by itself: its pipe is closed.

    Attributes:
        name: The engine's name, for messages.
    """

    def __init__(
        self, name: str, setup: Setup, module: str = EDGE_WORKER, *, interpreter: Interpreter | None = None
    ) -> None:
        """Start the process.

        Args:
            name: The engine's name, for messages.
            setup: What it has to load.
            module: What it runs; other ones know other kinds of engines.
            interpreter: The Python that runs it; this one if left out.
        """
        self.name = name
        self._noise: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - close() closes it
        self._channel, self._process = _start(self._noise, module, interpreter or Interpreter(Path(sys.executable)))
        self.send(setup)

    @property
    def pid(self) -> int:
        """The worker's process number."""
        return self._process.pid

    def send(self, request: Message) -> None:
        """Send a request; whether the worker still lives is known at its reply."""
        with contextlib.suppress(BrokenPipeError):
            self._channel.send(request)

    def receive(self, reply_type: type[AnyMessage], *, timeout_s: float) -> AnyMessage:
        """Wait for a reply.

        Args:
            reply_type: The class of the reply.
            timeout_s: A worker that takes longer hangs, and is ended.

        Raises:
            EngineError: If the worker crashed, hangs or refused.
            DeviceError: If it refused because the device isn't available.
        """
        try:
            reply = self._channel.receive(timeout_s)
        except EOFError as error:
            raise EngineError(f"{self.name}: its process ended ({self._describe_end()})") from error
        except TimeoutError as error:
            self._kill()
            reason = f"no answer within {timeout_s:.0f} s, so its process was ended ({self._last_line()})"
            raise EngineError(f"{self.name}: {reason}") from error
        if isinstance(reply, Refusal):
            kind = DeviceError if reply.exit_code == DeviceError.exit_code else EngineError
            raise kind(f"{self.name}: {reply.message}")
        assert isinstance(reply, reply_type), f"expected {reply_type.__name__}, received {reply}"
        return reply

    def close(self) -> None:
        """End the process; it holds nothing that needs a farewell."""
        self._kill()
        self._channel.close()
        self._noise.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _kill(self) -> None:
        self._process.kill()
        # One that is stuck inside a driver survives even SIGKILL: it is abandoned.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_REAP_S)

    def _describe_end(self) -> str:
        try:
            code = self._process.wait(_REAP_S)
        except subprocess.TimeoutExpired:
            return f"it closed its pipe; {self._last_line()}"
        end = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return f"{end}; {self._last_line()}"

    def _last_line(self) -> str:
        """The last line that it wrote to its stdout or stderr, in words."""
        size = self._noise.seek(0, os.SEEK_END)
        self._noise.seek(max(0, size - _TAIL_BYTES))
        lines = self._noise.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f"its last words: {last}" if last else "it said nothing"


def _start(noise: IO[bytes], module: str, interpreter: Interpreter) -> tuple[Channel, subprocess.Popen[bytes]]:
    worker_read_fd, our_write_fd = os.pipe()
    our_read_fd, worker_write_fd = os.pipe()
    try:
        process = subprocess.Popen(  # noqa: S603 - our own worker, no shell
            # -P: a file of the current folder must not take the place of a module.
            [interpreter.path, "-P", "-m", module, str(worker_read_fd), str(worker_write_fd)],
            stdin=subprocess.DEVNULL,
            stdout=noise,
            stderr=noise,
            pass_fds=(worker_read_fd, worker_write_fd),
            env={**os.environ, "PYTHONUNBUFFERED": "1", **interpreter.environment},
        )
    except BaseException:
        os.close(our_write_fd)
        os.close(our_read_fd)
        raise
    finally:
        os.close(worker_read_fd)
        os.close(worker_write_fd)
    return Channel(our_read_fd, our_write_fd), process
