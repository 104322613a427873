from __future__ import annotations

import io
import time
from pathlib import Path

import pytest

from tlx.errors import OutputError
from tlx.runtime.classifier import Prediction, Timing
from tlx.runtime.decisions.decision import UNKNOWN, Decision
from tlx.runtime.frames import Frame, State, StateChange
from tlx.runtime.output.items import Item, ModelChange, Result
from tlx.runtime.output.printable import printable
from tlx.runtime.output.text import TextSink

LABELS = ("cat", "dog", "guinea pig")
PREDICTION = Prediction("dog", 0.75, (0.2, 0.75, 0.05), Timing(1.23456, 0.5, 20.0))


def frame(source: str = "a.jpg", index: int | None = None, error: str | None = None) -> Frame:
    return Frame(source, None, error, index, time.monotonic(), None if error else 1.23456)


def live(index: int, state: State = State.LIVE, reason: str | None = None) -> Frame:
    return Frame("camera 0", None, None, index, time.monotonic(), None, state, reason)


def text_lines(*results: tuple[Frame, Prediction | None], topk: int = 1, name_width: int = 10) -> tuple[str, str]:
    out, errors = io.StringIO(), io.StringIO()
    sink = TextSink(out, errors, LABELS, name_width, topk)
    for one, prediction in results:
        sink.write(Result(one, prediction, None, ""))
    return out.getvalue(), errors.getvalue()


def test_text_lines_are_aligned() -> None:
    out, errors = text_lines((frame("a.jpg"), PREDICTION), (frame("longer.jpg"), PREDICTION))
    assert out == "a.jpg       dog          75.0%\nlonger.jpg  dog          75.0%\n"
    assert errors == ""


def test_text_line_names_the_runners_up() -> None:
    out, _ = text_lines((frame(), PREDICTION), topk=3)
    assert out.split() == ["a.jpg", "dog", "75.0%", "cat", "20.0%", "guinea", "pig", "5.0%"]


def test_text_line_keeps_the_decided_label_first_when_the_threshold_decided_against_the_likeliest() -> None:
    decided = Prediction("cat", 0.4, (0.4, 0.6, 0.0), Timing(None, 1, 1))
    out, _ = text_lines((frame(), decided), topk=2)
    assert out.split() == ["a.jpg", "cat", "40.0%", "dog", "60.0%"]


def test_text_line_numbers_the_frames_of_a_video() -> None:
    out, _ = text_lines((frame("v.mp4", 12), PREDICTION))
    assert out.startswith("v.mp4 #12 ")


def test_text_errors_go_to_the_other_stream_in_one_line() -> None:
    out, errors = text_lines((frame("bad\n.jpg", error="is empty"), None))
    assert out == ""
    assert errors == "tlx: error: bad\\n.jpg: is empty\n"


def show(*items: Item) -> tuple[str, str]:
    out, errors = io.StringIO(), io.StringIO()
    sink = TextSink(out, errors, LABELS, len("camera 0"))
    for item in items:
        sink.write(item)
    return out.getvalue(), errors.getvalue()


def test_text_line_says_the_decision_where_one_is_made() -> None:
    unknown = Decision(UNKNOWN, 0.45, (0.45, 0.3, 0.25), changed=False, since_s=0.0)
    out, errors = show(Result(live(3), PREDICTION, unknown, ""))
    assert out.split() == ["camera", "0", "#3", "unknown", "45.0%"]
    assert errors == ""


def test_text_shows_states_and_nothing_more_of_pictures_in_them() -> None:
    stalled = StateChange("camera 0", State.STALLED, "no picture for 2.1 s", 1.0)
    back = StateChange("camera 0", State.LIVE, None, 2.0)
    frozen = Result(live(4, State.FROZEN, "the same picture for 3 s"), None, None, "")
    assert show(stalled, frozen, back) == ("camera 0: stalled: no picture for 2.1 s\ncamera 0: live\n", "")


def test_text_says_which_model_answers_from_now_on_and_which_is_not_taken() -> None:
    out, errors = show(
        ModelChange("m.onnx", "ab" * 32, None, 1.0), ModelChange("bad\n.onnx", "ab" * 32, "is empty", 1.0)
    )
    assert out == "m.onnx: this model answers from now on (abababababab)\n"
    assert errors == "tlx: warning: bad\\n.onnx: not taken, abababababab goes on: is empty\n"


def test_text_column_grows_with_names_that_were_not_known_before() -> None:
    out, _ = text_lines(
        (frame("a.jpg"), PREDICTION), (frame("long.jpg"), PREDICTION), (frame(), PREDICTION), name_width=0
    )
    assert [line.index("dog") for line in out.splitlines()] == [7, 10, 10]


def test_a_character_that_the_stream_does_not_have_is_escaped() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    TextSink(out, out, LABELS, 5).write(Result(frame("猫.jpg"), PREDICTION, None, ""))
    assert raw.getvalue().startswith(b"\\u732b.jpg  dog")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_disk_is_an_output_error() -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        out = io.TextIOWrapper(full, encoding="utf-8", write_through=True)
        with pytest.raises(OutputError, match="No space left"):
            TextSink(out, out, LABELS, 5).write(Result(frame(), PREDICTION, None, ""))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("plain ä 猫", "plain ä 猫"), ("a\nb\tc", "a\\nb\\tc"), ("\x1b[31mred", "\\x1b[31mred"), ("\udcff", "\\udcff")],
)
def test_printable(text: str, expected: str) -> None:
    assert printable(text) == expected
