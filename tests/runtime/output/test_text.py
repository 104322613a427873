from __future__ import annotations

import io
import json
import time

import pytest

from tlx.runtime.classifier import Prediction, Timing
from tlx.runtime.frames import Frame
from tlx.runtime.output.items import Result
from tlx.runtime.output.json_lines import JsonSink
from tlx.runtime.output.printable import printable
from tlx.runtime.output.text import TextSink

LABELS = ("cat", "dog", "guinea pig")
PREDICTION = Prediction("dog", 0.75, (0.2, 0.75, 0.05), Timing(1.23456, 0.5, 20.0))


def frame(source: str = "a.jpg", index: int | None = None, error: str | None = None) -> Frame:
    return Frame(source, None, error, index, time.monotonic(), None if error else 1.23456)


def text_lines(*results: tuple[Frame, Prediction | None], topk: int = 1, name_width: int = 10) -> tuple[str, str]:
    out, errors = io.StringIO(), io.StringIO()
    sink = TextSink(out, errors, LABELS, name_width, topk)
    for one, prediction in results:
        sink.write(Result(one, prediction, None, ""))
    return out.getvalue(), errors.getvalue()


def test_json_line_has_always_the_same_keys() -> None:
    out = io.StringIO()
    sink = JsonSink(out, LABELS, topk=2)
    sink.write(Result(frame("v.mp4", 7), PREDICTION, None, "ab" * 32))
    sink.write(Result(frame("bad.jpg", error="is empty"), None, None, "ab" * 32))
    good, bad = (json.loads(line) for line in out.getvalue().splitlines())
    assert good == {
        "source": "v.mp4",
        "frame": 7,
        "label": "dog",
        "probability": 0.75,
        "topk": [{"label": "dog", "probability": 0.75}, {"label": "cat", "probability": 0.2}],
        "error": None,
        "latency_ms": {"decode": 1.235, "resize": 0.5, "inference": 20.0},
        "model_sha256": "ab" * 32,
    }
    assert bad.keys() == good.keys()
    assert (bad["label"], bad["probability"], bad["topk"], bad["error"]) == (None, None, [], "is empty")


@pytest.mark.parametrize("name", ["Grüße.jpg", "line\nbreak.jpg", 'quo"te.jpg', "invalid\udcff.jpg"])
def test_json_line_is_one_ascii_line_whatever_the_file_is_called(name: str) -> None:
    out = io.StringIO()
    JsonSink(out, LABELS).write(Result(frame(name), PREDICTION, None, ""))
    (line,) = out.getvalue().splitlines()
    assert line.isascii()
    assert json.loads(line)["source"] == name


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [("plain ä 猫", "plain ä 猫"), ("a\nb\tc", "a\\nb\\tc"), ("\x1b[31mred", "\\x1b[31mred"), ("\udcff", "\\udcff")],
)
def test_printable(text: str, expected: str) -> None:
    assert printable(text) == expected
