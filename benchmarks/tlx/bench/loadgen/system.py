"""The system under test: how LoadGen's queries become calls of an engine, and its answers LoadGen's responses."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from tlx.runtime.timing.backends import Images, Probabilities

Infer = Callable[[Images], Probabilities]


class Sample(Protocol):
    """LoadGen's ``QuerySample``.

    Attributes:
        id: Of the sample in this query; its response needs it.
        index: Number of the photo.
    """

    id: int
    index: int


class Answering:
    """Answers samples by calls of an engine.

    An exception can't pass through LoadGen's C++: it's kept, and the samples are answered with nothing, so that the
    test ends.

    Attributes:
        error: The first one.
    """

    def __init__(self, infer: Infer, pictures: Sequence[Images], max_batch: int, loadgen: Any) -> None:
        """Prepare to answer.

        Args:
            infer: The engine.
            pictures: ``uint8 [H, W, 3]`` each; LoadGen knows them by their number.
            max_batch: Photos a call, at most.
            loadgen: The module ``mlperf_loadgen``.
        """
        self.error: Exception | None = None
        self._infer, self._pictures, self._max_batch, self._loadgen = infer, pictures, max_batch, loadgen

    def answer(self, samples: Sequence[Sample]) -> None:
        """Answer all samples, in calls of at most ``max_batch``."""
        for start in range(0, len(samples), self._max_batch):
            self._answer_call(samples[start : start + self._max_batch])

    def _answer_call(self, samples: Sequence[Sample]) -> None:
        response = self._loadgen.QuerySampleResponse
        try:
            probabilities = np.ascontiguousarray(self._infer(self._batch(samples)), dtype=np.float32)
            address, row_bytes = probabilities.ctypes.data, probabilities.strides[0]
            responses = [
                response(sample.id, address + row * row_bytes, row_bytes) for row, sample in enumerate(samples)
            ]
        except Exception as error:  # noqa: BLE001 - whatever it is, it's raised when the test has ended
            self.error = self.error or error
            responses = [response(sample.id, 0, 0) for sample in samples]
        # LoadGen copies what it keeps, so the array may go afterwards.
        self._loadgen.QuerySamplesComplete(responses)

    def _batch(self, samples: Sequence[Sample]) -> Images:
        if len(samples) == 1:
            return self._pictures[samples[0].index][np.newaxis]
        return np.stack([self._pictures[sample.index] for sample in samples])


def issue_at_once(answering: Answering) -> Callable[[list[Sample]], None]:
    """Answer in LoadGen's own thread: right where it waits for the answer before it asks again."""
    return answering.answer


@contextlib.contextmanager
def issue_to_queue(answering: Answering, max_batch: int) -> Iterator[Callable[[list[Sample]], None]]:
    """Answer in a thread of ours: LoadGen's must go on sending, at the times that it has drawn.

    What has come while a call ran goes into the next one, up to ``max_batch`` photos.
    """
    waiting: queue.SimpleQueue[Sample | None] = queue.SimpleQueue()

    def work() -> None:
        while (first := waiting.get()) is not None:
            batch: list[Sample] = [first]
            while len(batch) < max_batch and not waiting.empty():
                following = waiting.get()
                if following is None:
                    waiting.put(None)
                    break
                batch.append(following)
            answering.answer(batch)

    def issue(samples: list[Sample]) -> None:
        for sample in samples:
            waiting.put(sample)

    thread = threading.Thread(target=work, name="answers to LoadGen")
    thread.start()
    try:
        yield issue
    finally:
        waiting.put(None)
        thread.join()
