"""What a capture process and its parent say to each other: one JSON document a message."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Final, TypeAlias

MAX_BYTES: Final = 65536
"""Of one message."""


@dataclass(frozen=True, slots=True)
class Order:
    """To the process: open this, give its pictures until it ends, and say why it ended.

    It comes by the socket, for a command line and an environment can be read by others.

    Attributes:
        kind: ``camera``, ``stream`` or ``pipe``.
        address: A device's path, an address with its password, or a pipe's path.
        size_wh: The width and height to ask a camera for, in pixels.
        rate_hz: The pictures a second to ask a camera for.
        open_timeout_s: Give up opening after this.
        read_timeout_s: Give up waiting for a picture after this.
    """

    kind: str
    address: str = field(repr=False)
    size_wh: tuple[int, int] | None
    rate_hz: float | None
    open_timeout_s: float
    read_timeout_s: float


@dataclass(frozen=True, slots=True)
class Ready:
    """From the process: it has started and loaded what it needs."""


@dataclass(frozen=True, slots=True)
class Opened:
    """From the process: it's open.

    Attributes:
        note: What isn't as it was ordered; None if all is.
    """

    note: str | None


@dataclass(frozen=True, slots=True)
class Picture:
    """From the process: a picture is in the ring.

    Attributes:
        number: From 1; those that are missing between two were replaced by newer ones before they were decoded or
            told of.
        size_hw: Its height and width in pixels.
        captured_s: In seconds of the monotonic clock.
        same_for_s: For how long the pictures have been exactly this one.
        colour_rgb: The colour that all of it has; None if it shows something.
    """

    number: int
    size_hw: tuple[int, int]
    captured_s: float
    same_for_s: float
    colour_rgb: tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class Ended:
    """From the process: it's closed, or couldn't be opened; the next order may come.

    Attributes:
        reason: Why, on one line.
        is_silence: Whether nothing came for too long, rather than an end or an error.
    """

    reason: str
    is_silence: bool


Message: TypeAlias = Order | Ready | Opened | Picture | Ended
_TYPES: Final[dict[str, Callable[..., Message]]] = {
    kind.__name__: kind for kind in (Order, Ready, Opened, Picture, Ended)
}


def encode(message: Message) -> bytes:
    """A message's bytes."""
    return json.dumps({"type": type(message).__name__, **asdict(message)}).encode()


def decode(content: bytes) -> Message:
    """The message of :func:`encode`."""
    fields = json.loads(content)
    kind = _TYPES[fields.pop("type")]
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()})
