"""GPU figures with and without transfers: the same calls from the host's memory and from the device's own.

The tests run the same code on the CPU and check that what is timed computes the same answers. On a GPU it was run by
ONNX Runtime on CUDA; TensorFlow and TensorRT there are unverified, and the document says so of their figures.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tlx.bench.measures.messages import TimeTransfers, TransferTimes
from tlx.bench.measures.quiet import no_garbage_collection
from tlx.runtime.timing.backends import Backend, Images
from tlx.runtime.timing.protocol import ONNX_KIND

_VERIFIED: Final = (ONNX_KIND, "cuda")
"""Kind of engine and provider."""


@dataclass(frozen=True, slots=True)
class Transfers:
    """Milliseconds of one call: medians.

    Attributes:
        with_ms: From an array in the host's memory to one there.
        without_ms: On what lies in the device's memory already; the answer stays there.
        verified: Whether this kind of engine was ever run on a real GPU.
    """

    with_ms: float
    without_ms: float
    verified: bool = False

    def document(self) -> dict[str, Any]:
        """As plain JSON values."""
        figures = {"with_ms": round(self.with_ms, 4), "without_ms": round(self.without_ms, 4)}
        return figures | {"unverified": not self.verified}


def time_transfers(backend: Backend, images: Images, request: TimeTransfers) -> TransferTimes:
    """Inside a worker: take calls of either kind in turn.

    Args:
        backend: The engine.
        images: ``uint8 [batch, H, W, 3]``.
        request: How many.
    """
    times = TransferTimes([], [])
    if backend.hold is None:
        return times
    held = backend.hold(images)
    with no_garbage_collection():
        for number in range(-request.warm_up, request.calls):
            started_ns = time.perf_counter_ns()
            backend.infer(images)
            returned_ns = time.perf_counter_ns()
            # Beginning at once: the call before has just waited for the device.
            held.run()
            ended_ns = time.perf_counter_ns()
            if number >= 0:
                times.with_ns.append(returned_ns - started_ns)
                times.without_ns.append(ended_ns - returned_ns)
    return times


def summarize_transfers(turns: Sequence[TransferTimes], kind: str, provider: str | None) -> Transfers | None:
    """The medians over all turns; None if there are no calls without transfers.

    Args:
        turns: Of one engine.
        kind: Which kind of engine it is.
        provider: Where it ran.
    """
    with_ns = [one for turn in turns for one in turn.with_ns]
    without_ns = [one for turn in turns for one in turn.without_ns]
    if not without_ns:
        return None
    with_ms, without_ms = (float(np.median(times)) / 1e6 for times in (with_ns, without_ns))
    return Transfers(with_ms, without_ms, verified=(kind, provider) == _VERIFIED)
