"""What a pruned network learns from the original."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.core.narrow_networks import Told, with_precision

from tlx.core.compress.course import Course
from tlx.core.compress.plain import PlainNetwork
from tlx.core.compress.pruning import Looks, prune, survey
from tlx.core.compress.recovery import recover
from tlx.core.compress.source import open_source
from tlx.core.compress.teaching import Teaching, hint_layers
from tlx.core.runs import Run
from tlx.core.trunk.features import CachePlace
from tlx.errors import RunError

if TYPE_CHECKING:
    from tests.core.compress.conftest import RunWriter


@dataclass(frozen=True)
class Pupil:
    """A pruned network, and who teaches it."""

    network: PlainNetwork
    kept: dict[str, Any]
    teaching: Teaching


def make_pupil(run: Run, cache: Path) -> Pupil:
    source = open_source(run, hold_back=False)
    teaching = Teaching(source, CachePlace(cache), source.network.size_hw, {})
    images = teaching.pixels(source.photos, 0).take(range(len(source.photos)))
    kept = survey(source.network, images, Looks(600)).kept([width // 2 for width in source.network.channels])
    pruned = prune(source.network, kept, images, Looks(600))
    hints = {name: kept[number] for name, number in hint_layers(source).items()}
    return Pupil(pruned, hints, teaching.imitating(hints))


@pytest.fixture(scope="module")
def pupil(write_run: RunWriter, tmp_path_factory: pytest.TempPathFactory) -> Pupil:
    return make_pupil(write_run("few", preset="default"), tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def sigmoid_pupil(flattened_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Pupil:
    return make_pupil(flattened_run, tmp_path_factory.mktemp("cache"))


def weights(network: PlainNetwork) -> list[Any]:
    layers: list[Any] = [*network.convolutions, *network.dense]
    return [values for layer in layers for values in (layer.kernel, layer.bias)]


@pytest.mark.parametrize("name", ["pupil", "sigmoid_pupil"])
def test_the_loss_falls(request: pytest.FixtureRequest, name: str) -> None:
    pupil: Pupil = request.getfixturevalue(name)
    course = Course(seconds=1, passes=8, learning_rate=1e-3)
    recovered = recover(pupil.network, pupil.kept, pupil.teaching, course)
    losses = [row["loss"] for row in recovered.history]
    assert len(losses) == 8
    assert np.mean(losses[-2:]) < 0.8 * np.mean(losses[:2])
    assert {"loss", "learning_rate", "seconds", "photos"} == recovered.history[0].keys()
    rates = [row["learning_rate"] for row in recovered.history]
    assert rates[1:] == sorted(rates[1:], reverse=True)
    assert rates[-1] < 0.1 * max(rates)
    assert recovered.network.channels == pupil.network.channels
    assert not np.array_equal(recovered.network.convolutions[0].kernel, pupil.network.convolutions[0].kernel)


def test_in_sixteen_bits_the_same_is_learned(write_run: RunWriter, tmp_path: Path) -> None:
    """By the way that the weights go together: rounded, a single pass of one batch may have a quarter more loss."""
    run, course = write_run("sixteen", preset="default"), Course(seconds=1, passes=8, learning_rate=1e-4)
    losses: dict[str, list[float]] = {}
    moves: dict[str, Any] = {}
    for precision, dtype in (("float32", "float32"), ("mixed", "mixed_bfloat16")):
        pupil = make_pupil(with_precision(run, precision), tmp_path / precision)
        recovered = recover(pupil.network, pupil.kept, pupil.teaching, course)
        assert recovered.compute.dtype == dtype
        assert all(values.dtype == np.float32 for values in weights(recovered.network))
        losses[precision] = [row["loss"] for row in recovered.history]
        ends = zip(weights(recovered.network), weights(pupil.network), strict=True)
        moves[precision] = np.concatenate([(after - before).ravel() for after, before in ends])
    assert losses["mixed"] != losses["float32"]
    assert np.mean(losses["mixed"]) == pytest.approx(np.mean(losses["float32"]), rel=0.2)
    lengths = {precision: np.linalg.norm(move) for precision, move in moves.items()}
    cosine = moves["mixed"] @ moves["float32"] / (lengths["mixed"] * lengths["float32"])
    # Measured with six orders of the photos: 0.83 to 0.93.
    assert cosine > 0.6


def test_the_same_passes_and_seed_give_the_same_weights(pupil: Pupil) -> None:
    first, again, other = (
        weights(recover(pupil.network, pupil.kept, pupil.teaching, Course(1, passes=1, seed=seed)).network)
        for seed in (3, 3, 4)
    )
    for one, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, same)
    assert any(not np.array_equal(one, different) for one, different in zip(first, other, strict=True))


def test_a_time_ends_it(pupil: Pupil) -> None:
    told, course = Told(), Course(seconds=2)
    history = recover(pupil.network, pupil.kept, pupil.teaching, course, told).history
    assert sum(row["seconds"] for row in history) > 1
    steps = [(done, total) for stage, done, total in told if stage == "recovering (s)"]
    assert len(steps) > 2
    assert all(0 <= done <= total == 2 for done, total in steps)
    assert (steps[0], steps[-1]) == ((0, 2), (2, 2))
    assert history[-1]["learning_rate"] < course.learning_rate


def test_an_interrupt_in_a_step_ends_it_at_once(pupil: Pupil) -> None:
    told = []

    def progress(stage: str, done: int, total: int, note: str = "") -> None:
        del done, total
        told.append(stage)
        if stage == "recovering (s)" and note:  # there is none before the first step
            raise KeyboardInterrupt

    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        recover(pupil.network, pupil.kept, pupil.teaching, Course(60), progress)
    assert told.count("recovering (s)") == 2
    assert threading.active_count() == threads


def test_the_loss_of_a_pass_is_the_mean_over_its_photos(pupil: Pupil) -> None:
    notes: list[str] = []

    def progress(stage: str, done: int, total: int, note: str = "") -> None:
        del done, total
        if stage == "recovering (s)" and note:
            notes.append(note)

    # Nothing is learned, so both ways of taking the photos have one mean: that of all.
    course = Course(60, passes=1, learning_rate=1e-30, weight_decay=0.0)
    small, large = (
        recover(pupil.network, pupil.kept, pupil.teaching, replace(course, batch_size=size), progress).history[0]
        for size in (8, len(pupil.teaching.source.photos))
    )
    *of_small, small_end, large_end, same = notes
    assert large_end == same, "its only step, and the end"
    assert of_small[-1] == small_end
    assert len(set(of_small)) > 1
    assert small["photos"] == large["photos"]
    assert small["loss"] == pytest.approx(large["loss"], rel=1e-3)


def test_a_loss_that_is_no_number_is_an_error(pupil: Pupil) -> None:
    with pytest.raises(RunError, match=r"the loss of the smaller network is (nan|inf): give a larger one"):
        recover(pupil.network, pupil.kept, pupil.teaching, Course(60, passes=20, learning_rate=1e30))


def test_classes_that_counted_the_same_in_the_training_do_so_here(pupil: Pupil) -> None:
    source = pupil.teaching.source
    rare = tuple(
        photo for number, photo in enumerate(source.photos) if photo.label != source.run.labels[0] or number % 4 == 0
    )
    uneven = replace(pupil.teaching, source=replace(source, photos=rare), _answers={}, _original=None)
    balanced = replace(uneven, source=replace(uneven.source, is_balanced=True), _answers={}, _original=None)
    given = balanced.source.weights(rare)
    assert given is not None
    classes = balanced.source.classes(rare)
    assert given.mean() == pytest.approx(1)
    sums = [given[classes == place].sum() for place in range(len(source.run.labels))]
    assert sums == pytest.approx([sums[0]] * len(sums))
    assert uneven.source.weights(rare) is None
    even, weighted = (
        weights(recover(pupil.network, pupil.kept, teaching, Course(1, passes=2)).network)
        for teaching in (uneven, balanced)
    )
    assert any(not np.array_equal(one, other) for one, other in zip(even, weighted, strict=True))
