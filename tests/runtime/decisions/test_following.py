from __future__ import annotations

import time

import numpy as np

from tlx.runtime.classifier import Prediction, Timing
from tlx.runtime.decisions.deciding import Decider
from tlx.runtime.decisions.following import ModelDecider
from tlx.runtime.decisions.rule import DecisionRule
from tlx.runtime.frames import Frame
from tlx.runtime.output.items import Result

HELD = DecisionRule(("a", "b"), hold_s=1.0)
UNSURE = Prediction("a", 0.6, (0.6, 0.4), Timing(None, 0.0, 0.0))


def said(decider: ModelDecider, sha256: str, at_s: float) -> str:
    frame = Frame("cam", np.zeros((1, 1, 3), np.uint8), None, 0, at_s)
    return decider.decide(Result(frame, UNSURE, None, sha256), UNSURE).label


def test_a_model_that_comes_back_remembers_nothing() -> None:
    decider, now_s = ModelDecider(Decider), time.monotonic()
    decider.learn("old", HELD)
    assert [said(decider, "old", now_s + after_s) for after_s in (0.0, 0.5, 1.0)] == ["unknown", "unknown", "a"]
    decider.learn("old", HELD)  # as before each picture
    assert said(decider, "old", now_s + 1.1) == "a"
    decider.learn("new", HELD)
    assert said(decider, "old", now_s + 1.2) == "a"  # a picture that was on its way
    assert said(decider, "new", now_s + 1.3) == "unknown"
    decider.learn("old", HELD)
    assert said(decider, "old", now_s + 1.4) == "unknown"


def test_what_a_source_showed_is_forgotten_for_every_model() -> None:
    decider, now_s = ModelDecider(Decider), time.monotonic()
    decider.learn("m", HELD)
    assert [said(decider, "m", now_s), said(decider, "m", now_s + 1)] == ["unknown", "a"]
    decider.forget("cam")
    assert said(decider, "m", now_s + 2) == "unknown"
