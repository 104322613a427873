"""What a person asks of a classification, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias

from tlx.runtime.devices.names import Device
from tlx.runtime.frames import MAX_AGE_S
from tlx.runtime.output.uncertain import DEFAULT_LIMIT_BYTES
from tlx.runtime.sources.live import NO_WISH, CameraWish
from tlx.runtime.sources.view import PLAIN, View

LineFormat: TypeAlias = Literal["text", "json", "csv"]
EVENT_SMOOTHING_S: Final = 1.0
"""Where events are asked for and nobody says over which time probabilities are averaged."""


@dataclass(frozen=True, slots=True)
class Engine:
    """What answers.

    Attributes:
        model: A model file or a models folder.
        device: As the user asks for it.
        threads: Processors to use; all that this process may if None.
        watch: Whether a new model takes the old one's place while the loop runs.
    """

    model: Path
    device: Device = "auto"
    threads: int | None = None
    watch: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """What is looked at.

    Attributes:
        words: Files, folders, patterns, cameras, addresses, ``-``.
        stride: Every how many-th frame of videos and cameras is taken.
        start_s: Where to begin in each video.
        duration_s: How much of each video is taken; all if None.
        camera: What cameras are asked for.
        max_age_s: Older live pictures aren't classified.
        view: Which part of each picture, and which way up.
        strict: Whether the first bad file ends it.
    """

    words: tuple[str, ...]
    stride: int = 1
    start_s: float = 0.0
    duration_s: float | None = None
    camera: CameraWish = NO_WISH
    max_age_s: float = MAX_AGE_S
    view: View = PLAIN
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Deciding:
    """When a label is said; see ``docs/decisions.md``. None: not asked for.

    Attributes:
        threshold: The probability that a label needs.
        hysteresis: How far below it a label may fall once it's said.
        hold_s: How long a new label must be ahead.
        smoothing_s: The time over which probabilities are averaged.
    """

    threshold: float | None = None
    hysteresis: float | None = None
    hold_s: float | None = None
    smoothing_s: float | None = None

    @property
    def is_asked_for(self) -> bool:
        """Whether anything of it is."""
        return any(value is not None for value in (self.threshold, self.hysteresis, self.hold_s, self.smoothing_s))


@dataclass(frozen=True, slots=True)
class Telling:
    """Where results go.

    Attributes:
        format: Of the lines on stdout.
        topk: How many classes a line names.
        events: Whether only changes are told.
        resume: A file of results to go on with.
        save: Where annotated copies go.
        show: Whether a window shows them.
        save_uncertain: A folder for pictures worth labelling.
        uncertain_bytes: How much that may hold.
    """

    format: LineFormat = "text"
    topk: int = 1
    events: bool = False
    resume: Path | None = None
    save: Path | None = None
    show: bool = False
    save_uncertain: Path | None = None
    uncertain_bytes: int = DEFAULT_LIMIT_BYTES


@dataclass(frozen=True, slots=True)
class Asked:
    """All of it."""

    engine: Engine
    reading: Reading
    deciding: Deciding = field(default_factory=Deciding)
    telling: Telling = field(default_factory=Telling)
