"""What one line of JSON says: its published form. Lines are written as plain dicts; this checks and describes them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tlx.runtime.frames import State

_Probability = Annotated[float, Field(ge=0, le=1)]


class Score(BaseModel):
    """A class and how likely it is.

    Attributes:
        label: The class, or ``unknown``.
        probability: From 0 to 1.
    """

    model_config = ConfigDict(strict=True)

    label: str
    probability: _Probability


class Latency(BaseModel):
    """How long the stages of one picture took, in milliseconds.

    Attributes:
        decode: From the file's bytes to pixels; null where that can't be told apart from waiting, and for what failed.
        resize: To the model's size; null without a label.
        inference: The network; in a batch, its time divided by the number of pictures; null without a label.
    """

    model_config = ConfigDict(strict=True)

    decode: float | None
    resize: float | None
    inference: float | None


class ResultLine(BaseModel):
    """One line of ``tlx classify --format json``. All lines have the same keys.

    Attributes:
        kind: ``result``: a picture and what was made of it; ``state``: a live source does something else from now on;
            ``model``: another model file was found.
        source: The file, the camera or the stream (without its password); ``<stdin>`` for a picture that came in there;
            the model file in a ``model`` line. A name that isn't valid text has its odd bytes as U+DC80 to U+DCFF.
        frame: The number of the picture in its video or since its camera was opened, from 0; null for photos.
        label: What is said: where decisions are made over time their label, which may be ``unknown``, else that of the
            picture; null where nothing can be said.
        probability: Of the label; null without one.
        topk: The likeliest classes, as many as asked for, smoothed where decisions are made over time; empty without a
            label. With a threshold, the label may be another than the first of these.
        unsmoothed: What this picture alone says, where decisions are made over time; null otherwise.
        changed: Whether a decision's label differs from the one before; null where no decisions are made over time.
        state: What a live source is doing; null for files. Only a ``live`` one has a label.
        reason: Why the state is what it is, where there is more to say; null otherwise.
        error: Why there is no label, or why a new model file isn't taken; null if all is well.
        time_utc: When the picture was captured or its file was begun, or when the change was noticed: ISO 8601 in UTC.
        time_monotonic_s: The same on the clock that nobody sets, in seconds since any time (on Linux since the start of
            the machine).
        age_ms: From the capture to the label; null for files.
        latency_ms: How long the stages took.
        model_sha256: The seal of the model that was asked, in a ``model`` line of the one that answers from now on;
            null in a ``state`` line.
    """

    model_config = ConfigDict(strict=True)

    kind: Literal["result", "state", "model"]
    source: str
    frame: Annotated[int, Field(ge=0)] | None
    label: str | None
    probability: _Probability | None
    topk: list[Score]
    unsmoothed: Score | None
    changed: bool | None
    state: Annotated[State, Field(strict=False)] | None
    reason: str | None
    error: str | None
    time_utc: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
    time_monotonic_s: float
    age_ms: float | None
    latency_ms: Latency
    model_sha256: str | None
