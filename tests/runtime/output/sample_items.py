"""Items of every kind, for the tests of what is written of them."""

from __future__ import annotations

from tlx.runtime.classifier import Prediction, Timing
from tlx.runtime.decisions.decision import Decision
from tlx.runtime.frames import Frame, State, StateChange
from tlx.runtime.output.items import Item, ModelChange, Result

LABELS = ("cat", "dog", "guinea pig")
SEAL = "ab" * 32
PREDICTION = Prediction("dog", 0.75, (0.2, 0.75, 0.05), Timing(1.23456, 0.5, 20.0))
DECISION = Decision("cat", 0.6, (0.6, 0.3, 0.1), changed=True, since_s=100.0)

PHOTO = Result(Frame("a.jpg", None, None, None, 100.0, 1.23456), PREDICTION, None, SEAL)
VIDEO_FRAME = Result(Frame("v.mp4", None, None, 7, 100.0, 1.23456), PREDICTION, None, SEAL)
BAD_PHOTO = Result(Frame("bad.jpg", None, "is empty", None, 100.0), None, None, SEAL)
LIVE = Result(Frame("camera 0", None, None, 8, 100.0, None, State.LIVE), PREDICTION, DECISION, SEAL, 12.3456)
FROZEN = Result(Frame("camera 0", None, None, 9, 100.0, None, State.FROZEN, "the same for 3 s"), None, None, SEAL, 5.0)
STALLED = StateChange("camera 0", State.STALLED, "no picture for 2.1 s", 100.0)
CONNECTING = StateChange("camera 0", State.CONNECTING, None, 100.0)
RESIZED = StateChange("camera 0", State.LIVE, "640x480 now, 320x240 before", 100.0)
NEW_MODEL = ModelChange("new.onnx", SEAL, None, 100.0)
BAD_MODEL = ModelChange("bad.onnx", SEAL, "is empty", 100.0)

ALL: tuple[Item, ...] = (
    PHOTO,
    VIDEO_FRAME,
    BAD_PHOTO,
    LIVE,
    FROZEN,
    STALLED,
    CONNECTING,
    RESIZED,
    NEW_MODEL,
    BAD_MODEL,
)


def live_result(index: int, *, changed: bool) -> Result:
    """A picture of a camera with a decision."""
    decision = Decision("cat", 0.6, (0.6, 0.3, 0.1), changed=changed, since_s=100.0)
    return Result(Frame("camera 0", None, None, index, 100.0, None, State.LIVE), PREDICTION, decision, SEAL, 1.0)
