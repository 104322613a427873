"""From file bytes to labels with a real session, and the figures of known times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tlx import images
from tlx.bench.measures.messages import StageTimes, TimeStages
from tlx.bench.measures.stages import Files, summarize_stages, time_stages
from tlx.errors import ImageError
from tlx.runtime.timing.backends import Backend, Images, Probabilities, build
from tlx.runtime.timing.protocol import ONNX_KIND, Setup


@pytest.fixture(scope="module")
def files(png_photos: Path) -> Files:
    photos = sorted(png_photos.rglob("*.png"))
    return Files([photo.read_bytes() for photo in photos], [str(photo) for photo in photos], (32, 32), "area", 2)


def setup_for(model: Path, photos: list[str]) -> Setup:
    return Setup(ONNX_KIND, str(model), "cpu", 3, 1, [], photos, 0, [32, 32], "area", 2)


def test_each_call_has_all_stages(tiny_model: Path, files: Files) -> None:
    times = time_stages(build(setup_for(tiny_model, [])), files, TimeStages(first=3, warm_up=1, calls=5, threshold=0.5))
    for spans_ns in (times.decode_ns, times.resize_ns, times.inference_ns, times.post_ns):
        assert len(spans_ns) == 5
        assert min(spans_ns) > 0


def test_the_engine_gets_each_photo_decoded_and_resized(files: Files) -> None:
    seen: list[Images] = []

    def infer(batch: Images) -> Probabilities:
        seen.append(batch)
        return np.full((len(batch), 3), 1 / 3, np.float32)

    time_stages(Backend(infer, "cpu"), files, TimeStages(first=2, warm_up=0, calls=2, threshold=0.5))
    # Seven photos, two a call: calls 2 and 3 take numbers 4, 5 and 6, 0.
    expected = [images.load(Path(files.names[index]), (32, 32)) for index in (4, 5, 6, 0)]
    np.testing.assert_array_equal(np.concatenate(seen), np.stack(expected))


def test_a_photo_that_is_no_picture_is_an_error(tiny_model: Path) -> None:
    files = Files([b"no picture"], ["bad.png"], (32, 32), "area", 1)
    with pytest.raises(ImageError, match=r"bad\.png"):
        time_stages(build(setup_for(tiny_model, [])), files, TimeStages(0, 0, 1, 0.5))


def test_summarize_takes_the_total_of_each_call() -> None:
    turns = [
        StageTimes([3_000_000] * 3, [1_000_000] * 3, [10_000_000, 20_000_000, 30_000_000], [500_000] * 3),
        StageTimes([3_000_000] * 4, [2_000_000] * 4, [40_000_000, 50_000_000, 60_000_000, 70_000_000], [500_000] * 4),
    ]
    stages = summarize_stages(turns)
    assert stages is not None
    assert (stages.decode.value, stages.post.value, stages.count) == (3.0, 0.5, 7)
    assert stages.resize.value == 2.0
    assert (stages.resize.low, stages.resize.high) == (1.0, 2.0)
    assert stages.inference.value == 40.0
    # Of the fourth call: 3 + 2 + 40 + 0.5.
    assert stages.total.value == pytest.approx(45.5)
    assert stages.document()["total"] == {"p50_ms": 45.5, "ci95_ms": [14.5, 75.5], "n": 7}
    assert list(stages.document()) == ["decode", "resize", "inference", "post", "total"]


@pytest.mark.parametrize("calls", [0, 5])
def test_too_few_calls_have_no_figures(calls: int) -> None:
    assert summarize_stages([StageTimes(*[[1] * calls] * 4)]) is None
