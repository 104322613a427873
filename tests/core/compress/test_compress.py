"""Whole compressions of narrow networks: what they promise, what they leave, and how they are stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np
import pytest
from tests.core.narrow_networks import ENOUGH, FEW, Told, mixed_up

from tlx import images
from tlx.core.compress.bounds import Bounds
from tlx.core.compress.compress import Listener, compress
from tlx.core.compress.course import Course
from tlx.core.compress.design import Design, Designer
from tlx.core.compress.judging import Judge, Verdict
from tlx.core.compress.options import Options
from tlx.core.compress.plain import PlainNetwork, read_network
from tlx.core.compress.search import Taught, Wanted
from tlx.core.compress.source import open_source
from tlx.core.compress.summary import breaks_promise, missed_bounds
from tlx.core.photos import Photo
from tlx.core.runs import CompressionRecord, Run, finished_runs
from tlx.errors import InputError, OutputError
from tlx.export.keras_model import load_keras_model
from tlx.progress import Progress

if TYPE_CHECKING:
    from tests.core.compress.conftest import RunWriter


def quick(root: Path, minutes: float = 0.05, **bounds: float) -> Options:
    return Options(Bounds(**bounds), minutes=minutes, int8=False, threads=1, runs_root=root)


def record_of(run: Run) -> CompressionRecord:
    assert run.record.compression is not None
    return run.record.compression


def accuracy_of(run: Run, photos: Sequence[Photo] = ()) -> float:
    """By Keras, photo by photo; on the validation photos if no others are given."""
    model = load_keras_model(run.model_path)
    photos = photos or run.photos("validation")
    pixels = np.stack([images.load(photo.path, run.recipe.size_hw, run.recipe.resize) for photo in photos])
    said = np.asarray(model.predict(pixels, verbose=0)).argmax(axis=1)
    return float(np.mean([run.labels[place] == photo.label for place, photo in zip(said, photos, strict=True)]))


def test_the_network_is_faster_and_its_record_tells_what_it_is(compressed: Run, narrow_run: Run) -> None:
    record = record_of(compressed)
    assert record.original == compressed.record.started_from == "narrow"
    assert record.bounds == {"speedup": 1.5}
    assert (record.precision, record.threads) == ("fp32", 1)
    assert record.speedup == record.original_ms / record.latency_ms > 1.1
    assert record.latency_range_ms is not None
    assert record.speedup_range is not None
    assert record.latency_range_ms[0] <= record.latency_ms <= record.latency_range_ms[1]
    assert record.speedup_range[0] <= record.speedup * 1.05
    assert record.speedup_range[1] >= record.speedup / 1.05
    network = read_network(load_keras_model(compressed.model_path))
    original = read_network(load_keras_model(narrow_run.model_path))
    assert record.flops == (network.flops(), original.flops())
    assert record.parameters == (network.parameters(), original.parameters())
    (point,) = record.points
    assert (point.kept, point.channels, point.size_hw) == (True, list(network.channels), (32, 32))
    assert point.merged == (len(network.channels) < len(ENOUGH))
    assert (point.latency_ms, point.speedup) == (record.latency_ms, record.speedup)
    assert (record.seed, record.size_hw, record.original_size_hw) == (0, (32, 32), (32, 32))
    history = json.loads((compressed.folder / "history.json").read_bytes())
    assert record.passes == sum(row["photos"] for row in history) / 80
    assert record.minutes == sum(row["seconds"] for row in history) / 60
    assert sum(row["photos"] for row in history) >= 80
    assert record.reference_accuracy == record.original_accuracy, "without a choice both are on the validation photos"
    assert [layer.channels[1] for layer in record.layers] == list(ENOUGH)
    assert [layer.channels[0] for layer in record.layers[point.merged :]] == list(network.channels)
    # All but the head.
    assert sum(layer.flops[0] for layer in record.layers) == network.flops() - sum(
        2 * d.kernel.size for d in network.dense
    )
    assert all(0 <= layer.error < 1 for layer in record.layers)
    assert record.what_next[0] == "tlx export model.onnx"
    assert "--minutes 0.4" in record.what_next[2]


def test_the_model_predicts_what_the_record_says(compressed: Run, narrow_run: Run) -> None:
    record, result = record_of(compressed), compressed.record.result
    assert accuracy_of(narrow_run) == record.original_accuracy
    assert accuracy_of(compressed) == pytest.approx(result.validation_accuracy)
    assert record.drop_points == pytest.approx(100 * (record.original_accuracy - result.validation_accuracy))
    assert record.drop_points <= record.upper_drop_points
    assert result.validation_accuracy > 0.9


def test_the_run_is_one_like_any_other(compressed: Run, tiny_run: Run) -> None:
    files = {path.name for path in compressed.folder.iterdir()}
    assert files == {path.name for path in tiny_run.folder.iterdir()} - {"training.json"}
    assert [run.record.name for run in finished_runs(compressed.folder.parent)] == [compressed.record.name]
    assert compressed.folder.name.endswith("-compressed")
    assert compressed.recipe.name == "compressed"
    assert len(compressed.photos("train")) == 80
    assert {"check", "survey", "timing", "pruning", "recovery", "validation"} == compressed.record.result.seconds.keys()
    page = (compressed.folder / "report.html").read_text()
    assert "times as fast as narrow" in page


def asked_next(record: CompressionRecord) -> list[float]:
    """The speeds that are suggested."""
    return [float(found) for line in record.what_next for found in re.findall(r"--speedup (\S+)", line)]


def test_what_to_try_next_can_be_asked_for(compressed: Run) -> None:
    record = record_of(compressed)
    assert asked_next(record) == [float(f"{share * record.speedup:.3g}") for share in (1.5, 1)]
    for speedup in asked_next(record):
        Bounds(speedup=speedup)


def test_commands_to_try_next_have_the_same_options(tmp_path: Path) -> None:
    bounds, root = Bounds(speedup=2), tmp_path / "my runs"
    assert Options(bounds).words() == ""
    options = Options(bounds, int8=False, size=112, threads=1, runs_root=root)
    assert options.words() == f" --size 112 --precision fp32 --threads 1 --runs '{root}'"


def test_a_compressed_run_is_compressed_again(
    compressed: Run, compressed_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With the features of the original's photos in the cache, which aren't this network's.
    monkeypatch.setenv("TLX_CACHE", str(compressed_cache))
    again = compress(compressed, quick(tmp_path, latency_ms=50))
    record = record_of(again)
    assert record.latency_ms <= 50
    assert missed_bounds(record) == []
    assert record.original == compressed.record.name
    assert record.flops[1] == record_of(compressed).flops[0]
    assert again.record.result.validation_accuracy > 0.9
    # So much time that nothing went: it may even be slower.
    for speedup in asked_next(record):
        Bounds(speedup=speedup)


def test_the_fastest_network_within_the_drop_is_kept(augmented_run: Run, tmp_path: Path) -> None:
    """So small a network can't be six times as fast: slower ones are tried, then faster ones until there are none."""
    told: list[str] = []
    made = compress(augmented_run, quick(tmp_path, 0.06, max_drop=50), Listener(notify=told.append))
    record = record_of(made)
    kept = [point for point in record.points if point.kept]
    assert kept == [min(record.points, key=lambda point: point.latency_ms)]
    assert all(point.drop_points is not None and point.drop_points <= 50 for point in record.points)
    assert record.drop_points <= 50
    assert record.bounds == {"max_drop": 50}
    assert record.original_ms > record.latency_ms
    held_back = open_source(augmented_run, hold_back=True).held_back
    assert record.reference_accuracy == accuracy_of(augmented_run, held_back)
    said = [line for line in told if "points lost on the photos kept for the choice" in line]
    assert len(said) == len(record.points) + sum(": learns on, " in line for line in told)


def test_a_slower_network_is_kept_if_the_last_word_refuses_the_fastest(
    augmented_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge_in_turn = Judge.last_word

    def mix_up_the_first(judge: Judge, networks: Sequence[PlainNetwork], bounds: Bounds) -> list[Verdict]:
        return judge_in_turn(judge, [mixed_up(networks[0]), *networks[1:]], bounds)

    def find_two(wanted: Wanted, teach: Callable[[float, float], Taught], learn_on: object) -> list[Taught]:
        del learn_on
        return [teach(wanted.original_ms / times, 1.0) for times in (1.5, 1.2)]

    def narrower(designer: Designer, limit_ms: float) -> Design:
        full = [layer.outputs for layer in designer._base.convolutions]
        eighths = 4 if limit_ms < designer.original_ms / 1.3 else 6
        channels = tuple(width * eighths // 8 for width in full)
        return Design((32, 32), channels, False, (0.0,) * len(full), limit_ms, 0.0)

    monkeypatch.setattr(Designer, "within", narrower)
    monkeypatch.setattr(Judge, "last_word", mix_up_the_first)
    monkeypatch.setattr("tlx.core.compress.compress.find_fastest", find_two)
    made = compress(augmented_run, quick(tmp_path, max_drop=50))
    record = record_of(made)
    refused, kept = record.points
    assert sum(refused.channels) < sum(kept.channels)
    assert (refused.kept, kept.kept, kept.refused_drop_points) == (False, True, None)
    assert refused.refused_drop_points is not None
    assert refused.refused_drop_points > 50
    assert record.latency_ms == kept.latency_ms
    assert record.drop_points <= 50
    assert made.record.result.validation_accuracy == accuracy_of(
        made, open_source(augmented_run, hold_back=True).validation
    )
    assert list(read_network(load_keras_model(made.model_path)).channels) == kept.channels
    learned_s = [row["seconds"] for row in json.loads((made.folder / "history.json").read_text())]
    assert record.minutes == pytest.approx(sum(learned_s) / 60)
    assert not breaks_promise(record)


def test_a_network_that_was_timed_in_a_slow_moment_is_still_the_faster_one(
    augmented_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen on the photos: 10.7 ms while the original took 65, then 11.6 while it took 118."""
    rounds_ms = iter([([65.0] * 7, [10.7] * 7), ([118.0] * 7, [11.6] * 7)])
    found: list[Taught] = []

    def find_two(wanted: Wanted, teach: Callable[[float, float], Taught], learn_on: object) -> list[Taught]:
        del learn_on
        found.extend(teach(wanted.original_ms / times, 0.1) for times in (1.2, 1.5))
        assert [wanted.original_ms / taught.latency_ms for taught in found] == pytest.approx([65 / 10.7, 118 / 11.6])
        return found

    monkeypatch.setattr("tlx.core.compress.compress.find_fastest", find_two)
    monkeypatch.setattr("tlx.core.compress.compress.time_rounds", lambda *_, **__: next(rounds_ms))
    record = record_of(compress(augmented_run, quick(tmp_path, max_drop=100)))
    assert len(found) == 2
    assert [point.latency_ms for point in record.points] == [10.7, 11.6]


@pytest.mark.parametrize("bounds", [{"speedup": 1.3}, {"max_drop": 50}])
def test_the_original_answers_within_the_minutes(bounds: dict[str, float], augmented_run: Run, tmp_path: Path) -> None:
    told = Told()

    def progress(stage: str, done: int, total: int, note: str = "") -> None:
        if stage == "asking the original":
            time.sleep(0.3)  # with eight views of 80 photos that is longer than the minutes
        told(stage, done, total, note)

    compress(augmented_run, quick(tmp_path, 0.1, **bounds), Listener(progress))
    learned_s = {total for stage, _, total in told if stage == "recovering (s)"}
    if "speedup" in bounds:
        assert learned_s == {3}
        return
    assert max(learned_s) <= 3
    stages = [stage for stage, _, _ in told]
    last = len(stages) - stages[::-1].index("asking the original")
    assert last < stages.index("pruning"), "once for all networks, before the time is divided among them"


def test_learning_that_does_harm_is_told(augmented_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tlx.core.compress.compress.Course", partial(Course, learning_rate=0.05, passes=1))
    told: list[str] = []
    record = record_of(compress(augmented_run, quick(tmp_path, speedup=1.3), Listener(notify=told.append)))
    (point,) = record.points
    assert point.accuracy is not None
    assert point.accuracy < point.pruned_accuracy
    line = (
        f"{point.name}: {100 * point.accuracy:.1f} % right after learning, fewer than before it: give it more --minutes"
    )
    assert line in told


@pytest.mark.parametrize("size", [16, 64])
def test_a_size_that_can_not_be_is_refused_first(narrow_run: Run, tmp_path: Path, size: int) -> None:
    told = Told()
    with pytest.raises(InputError, match=f"--size {size}: expected 32 to 32 pixels"):
        compress(narrow_run, Options(Bounds(speedup=2), size=size, runs_root=tmp_path), Listener(told))
    assert told.stages == {"checking photos"}


def test_a_folder_that_can_not_be_written_is_seen_before_the_work(narrow_run: Run) -> None:
    told = Told()
    with pytest.raises(OutputError, match="/proc/runs"):
        compress(narrow_run, quick(Path("/proc/runs"), speedup=2), Listener(told))
    assert told == []


@pytest.fixture(scope="module")
def few_run(write_run: RunWriter) -> Run:
    return write_run("few", preset="default", widths=FEW)


@pytest.fixture
def terminating() -> Iterator[None]:
    """SIGTERM ends this process as it ends ``tlx``."""

    def handle(signum: int, frame: object) -> NoReturn:
        del frame
        raise SystemExit(128 + signum)

    before = signal.signal(signal.SIGTERM, handle)
    yield
    signal.signal(signal.SIGTERM, before)


def stop_at(at_stage: str, signum: int) -> Progress:
    def progress(stage: str, done: int, total: int, note: str = "") -> None:
        del total, note
        if at_stage == stage and done >= 1:
            os.kill(os.getpid(), signum)

    return progress


@pytest.mark.parametrize(
    ("stage", "signum"),
    [
        ("checking photos", signal.SIGINT),
        ("looking at layers", signal.SIGTERM),
        ("timing networks", signal.SIGINT),
        ("timing widths", signal.SIGTERM),
        ("pruning", signal.SIGINT),
        ("recovering (s)", signal.SIGTERM),
    ],
)
@pytest.mark.usefixtures("terminating")
def test_a_stop_leaves_nothing(
    few_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, signum: signal.Signals
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    expected = KeyboardInterrupt if signum == signal.SIGINT else SystemExit
    with pytest.raises(expected) as caught:
        compress(few_run, quick(tmp_path / "runs", 0.1, latency_ms=50), Listener(stop_at(stage, signum)))
    if isinstance(caught.value, SystemExit):
        assert caught.value.code == 143
    assert list((tmp_path / "runs").iterdir()) == []
    assert list((tmp_path / "tmp").iterdir()) == []
