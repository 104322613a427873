"""What the bench and a worker that takes its measures say to each other, after the usual first message.

Importing this starts no threads, so that the worker can choose its processors first.
"""

from __future__ import annotations

from dataclasses import dataclass

from tlx.runtime.timing.protocol import Message


@dataclass(frozen=True, slots=True)
class Loaded(Message):
    """The worker has loaded its engine and its pictures, and is warm.

    Attributes:
        provider: Where the engine really runs.
        call_ms: About how long a call takes.
        decodes: Whether it holds photos' files and can decode them.
    """

    provider: str
    call_ms: float
    decodes: bool


@dataclass(frozen=True, slots=True)
class TimeStages(Message):
    """Asks for timed ways from file bytes to labels, a batch each.

    Attributes:
        first: Number of the photo to begin with; later calls take the next ones.
        warm_up: Untimed calls before them.
        calls: Timed calls.
        threshold: For two classes: the second is given from this probability of it upwards.
    """

    first: int
    warm_up: int
    calls: int
    threshold: float


@dataclass(frozen=True, slots=True)
class StageTimes(Message):
    """Nanoseconds of each stage of each call."""

    decode_ns: list[int]
    resize_ns: list[int]
    inference_ns: list[int]
    post_ns: list[int]


@dataclass(frozen=True, slots=True)
class RunSteadily(Message):
    """Asks for calls without a pause.

    Attributes:
        seconds: How long.
        window_s: Photos are counted over windows of this length.
    """

    seconds: float
    window_s: float


@dataclass(frozen=True, slots=True)
class SteadyRun(Message):
    """What went through.

    Attributes:
        photos: In each window, in order; a call counts where it ended.
        elapsed_s: The time that the calls took, until the end of the last one.
        joules: By source, as :class:`tlx.runtime.energy.EnergyMeter` names them; only what is known of all that time.
    """

    photos: list[int]
    elapsed_s: float
    joules: dict[str, float]


@dataclass(frozen=True, slots=True)
class TimeTransfers(Message):
    """Asks for calls with and without transfers, in turn.

    Attributes:
        warm_up: Untimed calls of either kind before them.
        calls: Timed calls of either kind.
    """

    warm_up: int
    calls: int


@dataclass(frozen=True, slots=True)
class TransferTimes(Message):
    """Nanoseconds of each call.

    Attributes:
        with_ns: From an array in the host's memory to one there.
        without_ns: From the device's memory to the device's memory; empty if this engine has no such way.
    """

    with_ns: list[int]
    without_ns: list[int]
