from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tlx.runtime.classifier import Classifier
from tlx.runtime.loop.ordered import classify_files
from tlx.runtime.loop.preparing import Preparer
from tlx.runtime.loop.running import Output, run_files
from tlx.runtime.loop.tally import Tally, judge_failures, summarize
from tlx.runtime.output.items import Sink
from tlx.runtime.output.json_lines import JsonSink
from tlx.runtime.session import Session
from tlx.runtime.sources.words import open_sources

if TYPE_CHECKING:
    from tests.conftest import PhotoWriter, VideoWriter

RED, BLUE = (255, 0, 0), (0, 0, 255)


def classify(classifier: Classifier, words: list[str], sink: Sink) -> Tally:
    tally = Tally()
    results = classify_files(open_sources(words), Preparer(lambda: classifier), workers=2)
    run_files(results, Output(sink), tally)
    return tally


def test_files_give_one_line_a_frame_in_order(
    tiny_model: Path, tmp_path: Path, write_photo: PhotoWriter, write_video: VideoWriter
) -> None:
    write_photo(tmp_path / "photos" / "1.png", RED)
    (tmp_path / "photos" / "2.jpg").write_text("no photo")
    video = write_video(tmp_path / "v.avi", [RED, BLUE])
    classifier = Classifier.load(tiny_model)
    out = io.StringIO()
    sink = JsonSink(out, tuple(classifier.contract.labels))
    tally = classify(classifier, [str(tmp_path / "photos"), str(video)], sink)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [(Path(line["source"]).name, line["frame"], line["label"]) for line in lines] == [
        ("1.png", None, "red"),
        ("2.jpg", None, None),
        ("v.avi", 0, "red"),
        ("v.avi", 1, "blue"),
    ]
    assert (tally.unit, tally.frames, tally.failed) == ("picture", 4, 1)
    assert tally.first_error == f"{tmp_path / 'photos' / '2.jpg'}: {lines[1]['error']}"
    assert tally.seconds > 0


class StoppedReader(io.StringIO):
    """A pipe whose reader goes away after the first line."""

    def flush(self) -> None:
        raise BrokenPipeError


def test_a_video_is_released_when_nobody_reads_any_more(
    tiny_model: Path, tmp_path: Path, write_video: VideoWriter
) -> None:
    video = write_video(tmp_path / "v.avi", [RED] * 50)
    classifier = Classifier.load(tiny_model)
    with pytest.raises(BrokenPipeError):
        classify(classifier, [str(video)], JsonSink(StoppedReader(), ("a",)))
    open_files = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    assert str(video) not in open_files


def session(device: str, threads: int, provider: str) -> Session:
    return Session("m", device, (provider,), threads, (), (), None, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tally", "opened", "expected"),
    [
        (
            Tally("photo", 12, 0, 0.5),
            session("cpu", 2, "CPUExecutionProvider"),
            "12 photos, 24.0 photos/s, on the CPU (2 threads, CPUExecutionProvider)",
        ),
        (
            Tally("photo", 1, 0, 0.25),
            session("cpu", 1, "CPUExecutionProvider"),
            "1 photo, 4.0 photos/s, on the CPU (1 thread, CPUExecutionProvider)",
        ),
        (
            Tally("frame", 10, 4, 2.0),
            session("gpu", 2, "CUDAExecutionProvider"),
            "10 frames, 4 failed, 3.0 frames/s, on the GPU (CUDAExecutionProvider)",
        ),
    ],
)
def test_summarize(tally: Tally, opened: Session, expected: str) -> None:
    assert summarize(tally, opened) == expected


@pytest.mark.parametrize(
    ("tally", "expected"),
    [
        (Tally("photo", 3, 2, 1.0, "a: bad"), None),
        (Tally("photo", 3, 3, 1.0, "a: bad"), "none of 3 photos could be read; the first: a: bad"),
        (Tally("photo", 1, 1, 1.0, "a: bad"), "a: bad"),
        (Tally("frame", 0, 0, 1.0), "the sources gave nothing to classify"),
    ],
)
def test_judge_failures(tally: Tally, expected: str | None) -> None:
    assert judge_failures(tally) == expected
