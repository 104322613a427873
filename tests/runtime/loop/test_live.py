"""The live loop on sources that are threads; those that are processes have their own tests."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from tlx.errors import ModelFileError
from tlx.runtime.classifier import Classifier, Prediction, Prepared
from tlx.runtime.frames import CaptureCounters, Frame, State, StateChange
from tlx.runtime.loop.live import LiveLoop
from tlx.runtime.loop.preparing import Preparer
from tlx.runtime.output.items import Result

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


def picture(source: str, colour: str, index: int = 0, *, age_s: float = 0.0, state: State = State.LIVE) -> Frame:
    image_rgb = np.full((48, 64, 3), COLOURS[colour], np.uint8)
    return Frame(source, image_rgb, None, index, time.monotonic() - age_s, state=state)


Deliver = Callable[[Frame | StateChange], None]


@dataclass
class ThreadSource:
    """A live source of this process: delivers what ``items`` gives until it's stopped."""

    name: str
    items: Callable[[], Iterable[Frame | StateChange]]
    interval_s: float = 0.002
    stopped: threading.Event = field(default_factory=threading.Event)
    captured: int = 0

    def start(self, deliver: Deliver) -> ThreadSource:
        threading.Thread(target=self._play, args=(deliver,), daemon=True).start()
        return self

    def counters(self) -> CaptureCounters:
        return CaptureCounters(captured=self.captured)

    def stop(self) -> None:
        self.stopped.set()

    def _play(self, deliver: Deliver) -> None:
        for item in self.items():
            self.captured += isinstance(item, Frame)
            deliver(item)
            if self.stopped.wait(self.interval_s):
                return


def camera(name: str, colour: str, interval_s: float = 0.002) -> ThreadSource:
    return ThreadSource(name, lambda: (picture(name, colour, index) for index in itertools.count()), interval_s)


@pytest.fixture(scope="module")
def classifier(tiny_model: Path) -> Classifier:
    return Classifier.load(tiny_model, device="cpu", threads=1)


def results(loop: LiveLoop, count: int) -> list[Result | StateChange]:
    found = (item for item in loop.items() if item is not None)
    return list(itertools.islice(found, count))


def test_each_source_gets_its_own_labels(classifier: Classifier) -> None:
    sources = [camera("door", "red"), camera("yard", "blue")]
    with LiveLoop(sources, Preparer(lambda: classifier)) as loop:
        found = results(loop, 40)
    labels = {(item.frame.source, item.label) for item in found if isinstance(item, Result)}
    assert labels == {("door", "red"), ("yard", "blue")}
    assert all(source.stopped.is_set() for source in sources)
    assert loop.counters.classified == 40
    assert loop.counters.ages.percentile_ms(50) is not None


def test_only_a_live_picture_gets_a_label(classifier: Classifier) -> None:
    def items() -> Iterator[Frame | StateChange]:
        yield StateChange("cam", State.BLANK, "black", time.monotonic())
        yield picture("cam", "red", state=State.BLANK)
        yield StateChange("cam", State.LIVE, None, time.monotonic())
        yield picture("cam", "red", 1)

    with LiveLoop([ThreadSource("cam", items)], Preparer(lambda: classifier)) as loop:
        changed, blank, live, red = results(loop, 4)
    assert isinstance(changed, StateChange)
    assert isinstance(live, StateChange)
    assert isinstance(blank, Result)
    assert isinstance(red, Result)
    assert (blank.label, blank.frame.state, red.label) == (None, State.BLANK, "red")
    assert (loop.counters.withheld, loop.counters.classified) == (1, 1)


def test_nothing_old_is_classified(classifier: Classifier) -> None:
    def items() -> Iterator[Frame]:
        yield picture("late", "red", age_s=500.0)
        yield picture("cam", "blue")

    with LiveLoop([ThreadSource("cam", items)], Preparer(lambda: classifier), max_age_s=60.0) as loop:
        (only,) = results(loop, 1)
    assert isinstance(only, Result)
    assert only.label == "blue"
    assert loop.counters.too_old == 1


def test_a_picture_that_cant_be_used_is_a_result_with_its_error(classifier: Classifier) -> None:
    flat = Frame("cam", np.zeros((4, 4), np.uint8), None, 0, time.monotonic(), state=State.LIVE)
    with LiveLoop([ThreadSource("cam", lambda: [flat])], Preparer(lambda: classifier)) as loop:
        (only,) = results(loop, 1)
    assert isinstance(only, Result)
    assert "uint8 [H, W, 3]" in (only.frame.error or "")
    assert (only.label, loop.counters.failed) == (None, 1)


class SlowClassifier(Classifier):
    """Takes 50 ms for each picture, like a large network on a small board."""

    def classify_prepared(self, pictures: Sequence[Prepared]) -> list[Prediction]:
        time.sleep(0.05)
        return super().classify_prepared(pictures)


def test_what_a_slow_network_is_given_is_new(tiny_model: Path) -> None:
    slow = SlowClassifier.load(tiny_model, device="cpu", threads=1)
    with LiveLoop([camera("cam", "green", 0.005)], Preparer(lambda: slow)) as loop:
        found = results(loop, 12)
    indices = [item.frame.index or 0 for item in found if isinstance(item, Result)]
    assert indices == sorted(set(indices))
    # Had the pictures queued, it would be the twelfth.
    assert indices[-1] > 24
    assert loop.dropped() > 12
    assert loop.captured() >= loop.dropped() + loop.counters.classified


def test_stop_ends_the_items_from_another_thread(classifier: Classifier) -> None:
    with LiveLoop([ThreadSource("cam", list)], Preparer(lambda: classifier)) as loop:
        threading.Timer(0.05, loop.stop).start()
        assert [item for item in loop.items() if item is not None] == []


def test_a_model_that_fails_ends_the_loop_with_its_error() -> None:
    def fail() -> Classifier:
        raise ModelFileError("m.onnx: is gone")

    with LiveLoop([camera("cam", "red")], Preparer(fail)) as loop, pytest.raises(ModelFileError, match="gone"):
        results(loop, 1)
