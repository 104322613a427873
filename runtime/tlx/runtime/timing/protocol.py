"""What a measurement and its workers say to each other: one JSON object a line, over private pipes.

A worker's own stdout and stderr aren't used, because every framework writes there when it likes.
"""

from __future__ import annotations

import json
import os
import select
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from tlx.contract import ResizeMethod

ONNX_KIND: Final = "onnxruntime"
NOOP_KIND: Final = "noop"
"""Computes nothing: what it takes is the measurement's own overhead."""
_CHUNK_BYTES: Final = 1 << 16


_TYPES: Final[dict[str, type[Any]]] = {}


@dataclass(frozen=True)
class Message:
    """What either side says; a class below it is known on both sides once its module is imported."""

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        # A dataclass with slots is made twice, the second time for good.
        _TYPES[cls.__name__] = cls


@dataclass(frozen=True, slots=True)
class Setup(Message):
    """First message to a worker: what to load.

    Attributes:
        kind: Which engine; the worker's module knows which there are.
        model: Path of a .keras or .onnx file.
        device: ``auto``, ``cpu`` or ``gpu``.
        classes: Number of columns that the probabilities must have.
        threads: Threads for the work inside one layer.
        cpus: The processors that the worker may run on; empty for all.
        photos: Paths; or, if empty, ``synthetic`` pictures are made by formula.
        size_hw: Height and width that the model takes.
        resize: A method of :func:`tlx.images.resize`.
        batch: Photos a call.
        arrays: A .npy file of the pictures, ``uint8 [N, H, W, 3]`` RGB, in place of those two; empty if there is
            none. It spares a worker whose environment has no OpenCV from decoding.
    """

    kind: str
    model: str
    device: str
    classes: int
    threads: int
    cpus: list[int]
    photos: list[str]
    synthetic: int
    size_hw: list[int]
    resize: ResizeMethod
    batch: int
    arrays: str = ""


@dataclass(frozen=True, slots=True)
class Ready(Message):
    """The worker has loaded everything and is warm.

    Attributes:
        provider: Where the model really runs: ``cpu``, ``cuda``, ...
        warm_up_ms: The time of each warm-up call, the first one included.
        note: What the user should know about where it runs.
        precision: What it really computes in (``fp32``, ``bf16``, ...), where the engine tells.
    """

    provider: str
    warm_up_ms: list[float]
    note: str | None = None
    precision: str | None = None


@dataclass(frozen=True, slots=True)
class Answer(Message):
    """Asks for the probabilities of all photos."""


@dataclass(frozen=True, slots=True)
class Answers(Message):
    """Probabilities ``[photos, classes]``."""

    probabilities: list[list[float]]


@dataclass(frozen=True, slots=True)
class Turn(Message):
    """Asks for timed calls.

    Attributes:
        first: Number of the batch to begin with; later calls take the next ones.
        warm_up: Untimed calls before the timed ones.
        calls: Timed calls.
    """

    first: int
    warm_up: int
    calls: int


@dataclass(frozen=True, slots=True)
class Samples(Message):
    """The times of one turn.

    Attributes:
        latencies_ns: From the input array to the probabilities as a numpy array, for each call.
        parked_cpu_ns: Processor time, of all threads, that the worker used while it waited for this turn.
        parked_wall_ns: How long it waited.
        idle_after_ns: How long its threads went on spinning after the last call.
    """

    latencies_ns: list[int]
    parked_cpu_ns: int
    parked_wall_ns: int
    idle_after_ns: int


@dataclass(frozen=True, slots=True)
class Refusal(Message):
    """The worker can't do what was asked, for a reason that it knows."""

    message: str
    exit_code: int


AnyMessage = TypeVar("AnyMessage", bound=Message)


def encode(message: Message) -> bytes:
    """A message as one line."""
    return json.dumps({"type": type(message).__name__, **asdict(message)}).encode() + b"\n"


def decode(line: bytes) -> Message:
    """The message that a line holds.

    Raises:
        ValueError: If it holds none.
    """
    fields = json.loads(line)
    try:
        message: Message = _TYPES[fields.pop("type")](**fields)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not a message of a worker: {line[:80]!r}") from error
    return message


class Channel:
    """One end of a pair of pipes."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._pending = bytearray()

    def send(self, message: Message) -> None:
        """Write a message whole.

        Raises:
            BrokenPipeError: If the other end is gone.
        """
        left = memoryview(encode(message))
        while left:
            left = left[os.write(self._write_fd, left) :]

    def receive(self, timeout_s: float | None = None) -> Message:
        """Wait, without using the processor, for the next message.

        Args:
            timeout_s: How long; None for ever.

        Raises:
            EOFError: If the other end is gone.
            TimeoutError: If nothing whole came in time.
        """
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        while (end := self._pending.find(b"\n")) < 0:
            left_s = None if deadline_s is None else max(0.0, deadline_s - time.monotonic())
            if not select.select([self._read_fd], [], [], left_s)[0]:
                raise TimeoutError
            chunk = os.read(self._read_fd, _CHUNK_BYTES)
            if not chunk:
                raise EOFError
            self._pending += chunk
        line = bytes(self._pending[:end])
        del self._pending[: end + 1]
        return decode(line)

    def close(self) -> None:
        """Close both pipes."""
        os.close(self._read_fd)
        os.close(self._write_fd)
