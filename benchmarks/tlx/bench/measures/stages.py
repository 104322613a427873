"""End to end: how long a call takes from the bytes of its files to their labels, stage by stage."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tlx import images
from tlx.bench.measures.messages import StageTimes, TimeStages
from tlx.bench.measures.quiet import no_garbage_collection
from tlx.bench.statistics import median
from tlx.runtime.choice import decide
from tlx.runtime.timing.backends import Backend
from tlx.runtime.timing.statistics import Estimate

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
    """Milliseconds of one call, which takes a batch: medians with their 95 % intervals, where the turns carry one.

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
        """As plain JSON values: each stage's ``p50_ms``, ``ci95_ms`` (null where the turns carry none), ``n``."""
        estimates = {stage: getattr(self, stage) for stage in (*STAGES, "total")}
        return {
            stage: {"p50_ms": round(estimate.value, 4), "ci95_ms": _ends(estimate), "n": self.count}
            for stage, estimate in estimates.items()
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
    """The medians over all turns, whose calls resemble each other; None without any call."""
    of_turns = {stage: [getattr(turn, f"{stage}_ns") for turn in turns] for stage in STAGES}
    totals_ns = [[sum(spans) for spans in zip(*turn, strict=True)] for turn in zip(*of_turns.values(), strict=True)]
    count = sum(map(len, totals_ns))
    if not count:
        return None
    series = {**of_turns, "total": totals_ns}
    return Stages(
        **{stage: median([[ns / 1e6 for ns in turn] for turn in spans]) for stage, spans in series.items()},
        count=count,
    )


def _ends(estimate: Estimate) -> list[float] | None:
    if estimate.low is None or estimate.high is None:
        return None
    return [round(estimate.low, 4), round(estimate.high, 4)]


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
