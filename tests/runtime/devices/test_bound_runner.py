"""The GPU's way of running, on the CPU: the same answers, from as many threads as there may be."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tlx.errors import ModelFileError
from tlx.runtime.classifier import Classifier
from tlx.runtime.cuda_driver import cuda_obstacle
from tlx.runtime.devices.bound_runner import MAX_BATCH_SIZES, BoundRunner, can_bind
from tlx.runtime.devices.page_locked import page_locked
from tlx.runtime.devices.tensors import Tensor
from tlx.runtime.model_file import ModelFile
from tlx.runtime.session import Session, open_session

IMAGE = Tensor("image", "tensor(uint8)", (None, 32, 32, 3))
ANSWER = Tensor("probabilities", "tensor(float)", (None, 3))


def bind(session: Session, *, graphs: bool) -> BoundRunner:
    return BoundRunner(session.engine, session.inputs[0], session.outputs[0], graphs=graphs)


@pytest.fixture(scope="module")
def session(tiny_model: Path) -> Session:
    return open_session(tiny_model.read_bytes(), "tiny.onnx", device="cpu", threads=1)


@pytest.fixture(scope="module")
def pictures() -> npt.NDArray[np.uint8]:
    return np.random.default_rng(11).integers(0, 256, (64, 32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize("graphs", [False, True])
def test_the_answers_are_those_of_a_plain_run(session: Session, pictures: npt.NDArray[np.uint8], graphs: bool) -> None:
    runner = bind(session, graphs=graphs)
    # More sizes than have buffers, and back to the first ones.
    for count in (*range(1, MAX_BATCH_SIZES + 4), 1, 2, MAX_BATCH_SIZES + 3):
        expected = session.run("probabilities", {"image": pictures[:count]})
        np.testing.assert_array_equal(runner.run(pictures[:count]), expected)


@pytest.mark.parametrize("graphs", [False, True])
def test_eight_threads_get_their_own_answers(session: Session, pictures: npt.NDArray[np.uint8], graphs: bool) -> None:
    runner = bind(session, graphs=graphs)
    batches = [pictures[start : start + 1 + start % 3] for start in range(60)] * 4
    expected = [session.run("probabilities", {"image": batch}) for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(runner.run, batches))
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_answer_stays_as_it_was_when_the_next_one_comes(session: Session, pictures: npt.NDArray[np.uint8]) -> None:
    runner = bind(session, graphs=False)
    first = runner.run(pictures[:1])
    kept = first.copy()
    runner.run(255 - pictures[:1])
    np.testing.assert_array_equal(first, kept)


def test_pictures_that_lie_in_steps_in_memory_are_read_right(session: Session, pictures: npt.NDArray[np.uint8]) -> None:
    mirrored = pictures[:2, :, ::-1]
    runner = bind(session, graphs=False)
    np.testing.assert_array_equal(
        runner.run(mirrored), session.run("probabilities", {"image": np.ascontiguousarray(mirrored)})
    )


@pytest.mark.parametrize("shape", [(1, 31, 32, 3), (1, 32, 32), (32, 32, 3)])
def test_other_sizes_are_refused_before_they_are_copied(session: Session, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="Got invalid dimensions or type"):
        bind(session, graphs=False).run(np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match="float32"):
        bind(session, graphs=False).run(np.zeros((1, 32, 32, 3), np.float32))


@pytest.mark.parametrize(
    ("inputs", "outputs", "expected"),
    [
        ([IMAGE], [ANSWER], True),
        ([IMAGE, IMAGE], [ANSWER], False),
        ([IMAGE], [], False),
        ([IMAGE], [Tensor("probabilities", "tensor(float)", (None, None))], False),  # a size that isn't fixed
        ([Tensor("image", "tensor(string)", (None, 3))], [ANSWER], False),
    ],
)
def test_can_bind(inputs: list[Tensor], outputs: list[Tensor], expected: object) -> None:
    assert can_bind(inputs, outputs) == expected


@pytest.mark.skipif(cuda_obstacle() is None, reason="a CUDA device is here")
def test_without_a_driver_no_memory_is_locked() -> None:
    assert page_locked((2, 3), np.uint8) is None


def bound_classifier(path: Path, *, graphs: bool) -> Classifier:
    """A classifier whose session runs as it would on a GPU."""
    file = ModelFile.read(path)
    session = open_session(file.content, file.source, device="cpu", threads=1)
    return Classifier(file, replace(session, runner=bind(session, graphs=graphs)))


@pytest.mark.parametrize("graphs", [False, True])
def test_a_classifier_with_buffers_names_the_right_colours_from_eight_threads(tiny_model: Path, graphs: bool) -> None:
    classifier = bound_classifier(tiny_model, graphs=graphs)
    colours = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
    names = [list(colours)[number % 3] for number in range(96)]

    def ask(number: int) -> list[str]:
        pictures = [np.full((20 + number % 5, 30, 3), colours[name], np.uint8) for name in names[number : number + 2]]
        if number % 2:
            return [classifier.classify(picture).label for picture in pictures]
        return [prediction.label for prediction in classifier.classify_batch(pictures)]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(96))) == [names[number : number + 2] for number in range(96)]


def test_what_a_session_with_buffers_cannot_run_is_an_error_of_one_line(session: Session) -> None:
    bound = replace(session, runner=bind(session, graphs=False))
    with pytest.raises(ModelFileError, match=r"^tiny.onnx: failed while running \(Got invalid dimensions") as caught:
        bound.run("probabilities", {"image": np.zeros((1, 5, 5, 3), np.uint8)})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("graphs", [False, True])
def test_a_held_batch_is_computed_where_it_lies(
    session: Session, pictures: npt.NDArray[np.uint8], graphs: bool
) -> None:
    runner = bind(session, graphs=graphs)
    held = runner.hold(pictures[:2])
    expected = session.run("probabilities", {"image": pictures[:2]})
    held.run()
    np.testing.assert_array_equal(held.fetch(), expected)
    # It computes anew on what is there, which the next run of as many pictures replaces.
    other = runner.run(pictures[2:4])
    held.run()
    np.testing.assert_array_equal(held.fetch(), other)
    assert not np.array_equal(other, expected)


def test_a_batch_without_buffers_cannot_be_held(session: Session, pictures: npt.NDArray[np.uint8]) -> None:
    runner = bind(session, graphs=False)
    for count in range(1, MAX_BATCH_SIZES + 1):
        runner.run(pictures[:count])
    with pytest.raises(ValueError, match="first sizes"):
        runner.hold(pictures[: MAX_BATCH_SIZES + 1])
