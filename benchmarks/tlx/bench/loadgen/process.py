"""The measuring side of a worker that runs LoadGen's tests."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from tlx.bench.loadgen.messages import LoadgenTest, Tested
from tlx.bench.sampling import LOAD_TIMEOUT_S
from tlx.runtime.timing.order import reply_timeout_s
from tlx.runtime.timing.process import WorkerProcess
from tlx.runtime.timing.protocol import Answer, Answers, Ready, Setup

WORKER: Final = "tlx.bench.loadgen.worker"


class LoadgenProcess:
    """A model in a process of its own, which runs LoadGen's tests one by one and is at rest between them.

    Attributes:
        setup: What it loaded.
        call_ms: About how long a call of one photo takes, from the warm-up.
        provider: Where it runs.
    """

    def __init__(self, setup: Setup) -> None:
        """Start the process and wait until it's warm.

        Raises:
            TlxError: If the model can't be used.
        """
        self.setup = setup
        self._worker = WorkerProcess(f"LoadGen {Path(setup.model).name}", setup, WORKER)
        try:
            ready = self._worker.receive(Ready, timeout_s=LOAD_TIMEOUT_S)
        except BaseException:
            self._worker.close()
            raise
        self.call_ms, self.provider, self.note = statistics.median(ready.warm_up_ms), ready.provider, ready.note

    def answers(self) -> npt.NDArray[np.float32]:
        """The engine's own, ``float32 [photos, classes]``."""
        self._worker.send(Answer())
        timeout_s = reply_timeout_s(len(self.setup.photos) or self.setup.synthetic, self.call_ms)
        return np.array(self._worker.receive(Answers, timeout_s=timeout_s).probabilities, np.float32)

    def run(self, test: LoadgenTest) -> None:
        """Run one test to its end; its logs are read by :mod:`tlx.bench.loadgen.logs`."""
        self._worker.send(test)
        photos = max(test.min_queries, len(self.setup.photos)) * test.samples_per_query
        expected_s = test.min_seconds * max(1.0, test.target_qps * self.call_ms / 1e3)
        self._worker.receive(Tested, timeout_s=20 * expected_s + reply_timeout_s(photos, self.call_ms))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.close()
