"""From file bytes to labels with a real session, and the figures of known times."""

from __future__ import annotations

from collections.abc import Sequence
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


MILLISECOND_NS = 1_000_000


def turn_of(inference_ms: Sequence[float]) -> StageTimes:
    """Calls whose other stages take as long each time."""
    calls = len(inference_ms)
    others = ([int(ms * MILLISECOND_NS)] * calls for ms in (3, 1, 0.5))
    decode, resize, post = others
    return StageTimes(decode, resize, [int(ms * MILLISECOND_NS) for ms in inference_ms], post)


def test_summarize_takes_the_total_of_each_call() -> None:
    stages = summarize_stages([turn_of([10, 70, 30]), turn_of([60, 40, 20, 50])])
    assert stages is not None
    assert (stages.decode.value, stages.resize.value, stages.post.value, stages.count) == (3.0, 1.0, 0.5, 7)
    assert stages.inference.value == 40.0
    # Of the call of 40: 3 + 1 + 40 + 0.5.
    assert stages.total.value == pytest.approx(44.5)
    assert stages.document()["total"] == {
        "p50_ms": 44.5,
        "ci95_ms": [pytest.approx(21.83, abs=0.01), pytest.approx(67.17, abs=0.01)],
        "n": 7,
    }
    assert list(stages.document()) == ["decode", "resize", "inference", "post", "total"]


def test_intervals_of_stages_hold_95_percent_though_the_calls_of_a_turn_are_alike() -> None:
    generator = np.random.default_rng(0)
    held = []
    for _ in range(400):
        of_turn, of_call = generator.normal(size=(15, 1)), generator.normal(size=(15, 6))
        times_ms = 40 + 2 * of_turn + of_call
        stages = summarize_stages([turn_of(times) for times in times_ms.tolist()])
        assert stages is not None
        # Turns that look as if they had a memory may carry none.
        if stages.inference.low is not None and stages.inference.high is not None:
            held.append(stages.inference.low <= 40 <= stages.inference.high)
    assert len(held) >= 300
    # Taken for independent, the same calls' intervals hold about 70 %.
    assert np.mean(held) >= 0.92


def test_calls_of_one_turn_alone_have_a_median_and_no_interval() -> None:
    stages = summarize_stages([turn_of([10, 20, 30, 40, 50, 60])])
    assert stages is not None
    assert stages.document()["inference"] == {"p50_ms": 35.0, "ci95_ms": None, "n": 6}


def test_no_calls_have_no_figures() -> None:
    assert summarize_stages([]) is None
    assert summarize_stages([turn_of([])]) is None
