"""A model is replaced while somebody asks it; every file is a real one, every rehearsal a real process."""

from __future__ import annotations

import importlib.util
import queue
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tlx.contract import CONTRACT_KEY, Contract, InputSpec, KnownAnswer, KnownAnswers
from tlx.errors import ModelFileError
from tlx.runtime.model_file import ModelFile
from tlx.runtime.model_publishing import publish, roll_back
from tlx.runtime.output.items import ModelChange
from tlx.runtime.swapping.loading import LoadOptions
from tlx.runtime.swapping.watched import WatchedClassifier

if TYPE_CHECKING:
    from tests.tiny_models import ModelMaker

GREEN = np.full((8, 8, 3), (0, 255, 0), np.uint8)
EVERY_S = 0.02
DEADLINE_S = 60.0
CPU = LoadOptions("cpu", 1)


@contextmanager
def watching(path: Path) -> Iterator[tuple[WatchedClassifier, queue.Queue[ModelChange]]]:
    changes: queue.Queue[ModelChange] = queue.Queue()
    with WatchedClassifier.load(path, CPU, on_change=changes.put, every_s=EVERY_S) as watched:
        yield watched, changes


def wait_until_current(watched: WatchedClassifier, sha256: str) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while watched.current().sha256 != sha256:
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


def other_size(make_model: ModelMaker) -> bytes:
    return make_model(size_hw=(24, 40))


def test_a_new_file_takes_over_and_says_so(tiny_model: Path, make_model: ModelMaker, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(tiny_model.read_bytes())
    with watching(path) as (watched, changes):
        old = watched.current()
        path.write_bytes(other_size(make_model))
        change = changes.get(timeout=DEADLINE_S)
        new = ModelFile.read(path)
        assert (change.path, change.sha256, change.problem) == (str(path), new.sha256, None)
        wait_until_current(watched, new.sha256)
        assert watched.current().classify(GREEN).label == "green"
        assert watched.current().contract.input.size_hw == (24, 40)
        assert old.classify(GREEN).label == "green"  # whoever still holds it can finish
    assert watched.current().sha256 == new.sha256  # usable after the watch has ended
    assert not [thread for thread in threading.enumerate() if thread.name == "tlx-watch"]


def wrong_answers(model: Any) -> None:
    size_hw = (32, 32)
    known = KnownAnswers(tolerance=1e-3, answers=[KnownAnswer(seed=0, probabilities=[0.1, 0.2, 0.7])])
    contract = Contract(labels=["red", "green", "blue"], input=InputSpec(size_hw=size_hw), known_answers=known)
    next(entry for entry in model.metadata_props if entry.key == CONTRACT_KEY).value = contract.to_json()


def test_bad_files_are_refused_once_each_and_the_old_model_stays(
    tiny_model: Path, make_model: ModelMaker, tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    good = tiny_model.read_bytes()
    path.write_bytes(good)
    turned = bytearray(other_size(make_model))
    turned[len(turned) // 2] ^= 1
    bad = {
        "cut short": good[:-100],
        "its SHA-256 is wrong": bytes(turned),
        "other labels": make_model(labels=["cat", "dog"]),
        "other answers here than where it was made": make_model(change=wrong_answers),
    }
    with watching(path) as (watched, changes):
        sha256 = watched.current().sha256
        for reason, content in bad.items():
            path.write_bytes(content)
            change = changes.get(timeout=DEADLINE_S)
            assert reason in (change.problem or "")
            assert str(path) in (change.problem or "")
            assert (change.sha256, watched.current().sha256) == (sha256, sha256)
        path.unlink()
        assert "no model file is there" in (changes.get(timeout=DEADLINE_S).problem or "")
        time.sleep(EVERY_S * 5)
        path.write_bytes(good)  # the model that runs anyway: nothing to tell
        time.sleep(0.1)
        path.write_bytes(other_size(make_model))
        assert changes.get(timeout=DEADLINE_S).problem is None
        assert changes.empty()


def test_a_file_that_is_written_slowly_is_not_taken_half(
    tiny_model: Path, make_model: ModelMaker, tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(tiny_model.read_bytes())
    content = other_size(make_model)
    with watching(path) as (watched, changes):
        with path.open("wb") as file:
            for start in range(0, len(content), len(content) // 10):
                file.write(content[start : start + len(content) // 10])
                file.flush()
                time.sleep(EVERY_S / 2)
        change = changes.get(timeout=DEADLINE_S)
        while change.problem is not None:  # it may have paused long enough to be looked at
            assert "cut short" in change.problem or "SHA-256" in change.problem
            change = changes.get(timeout=DEADLINE_S)
        assert change.sha256 == ModelFile.read(path).sha256
        wait_until_current(watched, change.sha256)


def test_a_models_folder_is_followed_back_and_forth(tiny_model: Path, make_model: ModelMaker, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    first = ModelFile.read(tiny_model)
    second = ModelFile.parse(other_size(make_model), "second")
    publish(folder, first)
    with watching(folder) as (watched, changes):
        publish(folder, second)
        change = changes.get(timeout=DEADLINE_S)
        assert (change.sha256, change.problem) == (second.sha256, None)
        assert second.sha256 in change.path
        wait_until_current(watched, second.sha256)
        roll_back(folder)
        assert changes.get(timeout=DEADLINE_S).sha256 == first.sha256
        wait_until_current(watched, first.sha256)


def test_a_first_model_that_is_bad_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelFileError):
        WatchedClassifier.load(tmp_path / "model.onnx", CPU, on_change=print)


@pytest.fixture(scope="module")
def hot_swaps() -> ModuleType:
    path = Path(__file__).parents[3] / "benchmarks" / "hot_swaps.py"
    spec = importlib.util.spec_from_file_location("hot_swaps", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_swaps_under_a_running_loop_give_no_wrong_label(hot_swaps: ModuleType, tmp_path: Path) -> None:
    """The benchmark's own code, with few swaps; how long the gaps are isn't judged here."""
    plan = hot_swaps.Plan(swaps=5, corrupt=2, every_s=EVERY_S, rate=100.0, quiet_s=0.1)
    outcome = hot_swaps.swap_many(islice(hot_swaps.tiny_candidates(), 6), tmp_path, plan)
    assert (outcome.swaps, outcome.refused, outcome.unreported) == (5, 2, 0)
    assert (outcome.wrong_labels, outcome.wrong_seals) == (0, 0)
    assert outcome.answers > 20


def test_the_benchmark_would_notice_a_wrong_seal(hot_swaps: ModuleType) -> None:
    def answers(*seals: str) -> list[Any]:
        return [hot_swaps.Answer(float(place), 1.0, seal, "first") for place, seal in enumerate(seals, 1)]

    expected = [(0.0, "a"), (2.5, "b")]
    assert hot_swaps.count_wrong_seals(answers("a", "a", "b", "b"), expected) == 0
    assert hot_swaps.count_wrong_seals(answers("a", "a", "a", "b"), expected) == 0  # announced, then switched
    assert hot_swaps.count_wrong_seals(answers("a", "b", "b", "b"), expected) == 1  # before it was announced
    assert hot_swaps.count_wrong_seals(answers("a", "a", "b", "a"), expected) == 1  # back to the old one
    assert hot_swaps.count_wrong_seals(answers("a", "a", "a", "a"), expected) == 1  # never switched
