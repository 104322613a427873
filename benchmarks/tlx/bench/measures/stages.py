"""End to end: how long a call takes from the bytes of its files to their labels, stage by stage."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tlx import images
from tlx.bench.measures.messages import StageTimes, TimeStages
from tlx.bench.measures.quiet import no_garbage_collection
from tlx.runtime.choice import decide
from tlx.runtime.timing.backends import Backend
from tlx.runtime.timing.statistics import Estimate, percentile

if TYPE_CHECKING:  # the contract loads pydantic, which would count in the engine's memory
    from tlx.contract import ResizeMethod

STAGES: Final = ("decode", "resize", "inference", "post")


@dataclass(frozen=True, slots=True)
class Files:
    """Photos as a worker holds them for its calls.

    Attributes:
        contents: The bytes of each file.
        names: Their names, for errors.
        size_hw: Height and width that the engine takes.
        batch: Photos a call.
    """

    contents: Sequence[bytes]
    names: Sequence[str]
    size_hw: tuple[int, int]
    resize: ResizeMethod
    batch: int

    def of_call(self, number: int) -> list[int]:
        """The indices of the photos of a call; after the last photo comes the first."""
        return [(number * self.batch + place) % len(self.contents) for place in range(self.batch)]


@dataclass(frozen=True, slots=True)
class Stages:
    """Milliseconds of one call, which takes a batch: medians with their 95 % intervals.

    Attributes:
        decode: From file bytes to pixels.
        resize: To the engine's size, and into one array.
        inference: From that array to probabilities.
        post: To labels.
        total: All of them; its median isn't the sum of theirs.
        count: Number of calls.
    """

    decode: Estimate
    resize: Estimate
    inference: Estimate
    post: Estimate
    total: Estimate
    count: int

    def document(self) -> dict[str, Any]:
        """As plain JSON values: each stage's ``p50_ms``, ``ci95_ms``, ``n``."""
        return {
            stage: {
                "p50_ms": round(estimate["value"], 4),
                "ci95_ms": [round(estimate["low"], 4), round(estimate["high"], 4)],
                "n": self.count,
            }
            for stage, estimate in asdict(self).items()
            if stage != "count"
        }


def time_stages(backend: Backend, files: Files, request: TimeStages) -> StageTimes:
    """Inside a worker: take calls from file bytes to labels.

    Raises:
        ImageError: If a photo can't be decoded.
    """
    times = StageTimes([], [], [], [])
    with no_garbage_collection():
        for number in range(request.first, request.first + request.warm_up):
            _one_call(backend, files, number, request.threshold)
        for number in range(request.first, request.first + request.calls):
            moments_ns = _one_call(backend, files, number, request.threshold)
            spans_ns = [later - earlier for earlier, later in pairwise(moments_ns)]
            for series, span_ns in zip(
                (times.decode_ns, times.resize_ns, times.inference_ns, times.post_ns), spans_ns, strict=True
            ):
                series.append(span_ns)
    return times


def summarize_stages(turns: Sequence[StageTimes]) -> Stages | None:
    """The medians over all turns; None if the calls are too few for their intervals."""
    series = {stage: [one for turn in turns for one in getattr(turn, f"{stage}_ns")] for stage in STAGES}
    series["total"] = [sum(spans) for spans in zip(*series.values(), strict=True)]
    estimates = {
        stage: percentile([span_ns / 1e6 for span_ns in spans], 0.5) for stage, spans in series.items() if spans
    }
    known = {stage: estimate for stage, estimate in estimates.items() if estimate is not None}
    return Stages(**known, count=len(series["total"])) if len(known) == len(series) else None


def _one_call(backend: Backend, files: Files, number: int, threshold: float) -> tuple[int, int, int, int, int]:
    """The moments between which the stages lie, in nanoseconds."""
    chosen = files.of_call(number)
    clock_ns = time.perf_counter_ns
    started_ns = clock_ns()
    pictures = [images.decode(files.contents[index], files.names[index]) for index in chosen]
    decoded_ns = clock_ns()
    batch = np.stack([images.resize(picture, files.size_hw, files.resize) for picture in pictures])
    resized_ns = clock_ns()
    probabilities = backend.infer(batch)
    inferred_ns = clock_ns()
    for row in probabilities.tolist():
        decide(row, threshold)
    return started_ns, decoded_ns, resized_ns, inferred_ns, clock_ns()
