"""What a worker keeps and what it computes, without its process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tlx.runtime.timing.backends import Backend, Images, Probabilities
from tlx.runtime.timing.pictures import load_batches
from tlx.runtime.timing.protocol import Setup, Turn
from tlx.runtime.timing.worker import _answer, _time_calls


class Counting:
    """Says which call it was, in memory that it uses again and again."""

    def __init__(self) -> None:
        self.calls = 0
        self._memory = np.zeros((1, 3), np.float32)

    def __call__(self, images: Images) -> Probabilities:
        del images
        self.calls += 1
        self._memory[:] = self.calls
        return self._memory


def test_answers_are_those_of_the_turns_and_only_the_missing_ones_are_computed(noop_setup: Setup) -> None:
    batches, counting = load_batches(noop_setup), Counting()
    known: dict[int, Probabilities] = {}
    backend = Backend(counting, "cpu")
    assert len(_time_calls(backend, batches, Turn(first=1, warm_up=1, calls=1), known)) == 1
    # Both calls, the untimed one too, had pictures of their own: 1 and 2 of 4.
    answers = _answer(backend, batches, known, noop_setup)
    assert answers[:, 0].tolist() == [3, 1, 2, 4]
    assert counting.calls == 4


def test_pictures_may_come_as_arrays(noop_setup: Setup, tmp_path: Path) -> None:
    pictures = np.arange(3 * 8 * 8 * 3, dtype=np.uint8).reshape(3, 8, 8, 3)
    np.save(tmp_path / "pictures.npy", pictures)
    batches = load_batches(replace(noop_setup, arrays=str(tmp_path / "pictures.npy"), batch=2))
    # The second batch is filled up from the beginning.
    assert np.array_equal(np.concatenate(batches), pictures[[0, 1, 2, 0]])


@pytest.mark.parametrize("batch", [1, 3])
def test_batches_cover_every_picture(noop_setup: Setup, batch: int) -> None:
    batches = load_batches(replace(noop_setup, batch=batch))
    assert [len(images) for images in batches] == [batch] * -(-4 // batch)
