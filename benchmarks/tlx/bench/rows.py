"""One engine's row in the document of a bench, as published in ``docs/bench.schema.json``.

Times are milliseconds of one call, which takes ``batch`` photos; shares and probabilities go from 0 to 1. What wasn't
measured, or what the sample can't carry, is null.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from tlx.bench.row_parts import (
    Accuracy,
    AnswersBeside,
    ColdStart,
    Count,
    Energy,
    Interval,
    Memory,
    Parked,
    Part,
    Positive,
    Stages,
    Sustained,
    Transfers,
    WarmUp,
)

NVIDIA: Final = frozenset({"cuda", "tensorrt"})
"""Providers on GPUs that NVML knows."""


class EngineRow(Part):
    """An engine with one model file, batch size and number of threads, in a process of its own.

    Attributes:
        name: What it is: ``keras.predict``, ``onnxruntime.cpu.fp32``, ...; behind a colon what tells it from others.
        status: ``ok``; ``failed``: it has no figures; ``wrong``: it computes something else than its network, so its
            times don't count, however short.
        error: Why it failed, in one line; null otherwise.
        baseline: The row that it's compared with; null if there is none.
        command: What reproduces this row, from the folder where the bench ran.
        model: Its model file.
        model_bytes: Size of that file.
        model_sha256: Of its bytes, in hex; null if it couldn't be read after the bench.
        precision: What the model file says it computes in.
        provider: Where it ran: ``cpu``, ``cuda``, ...; null if it never loaded.
        batch: Photos a call.
        threads: Threads that the engine uses inside one layer; null if it isn't known.
        n: Number of timed calls.
        p50_ms: Median time of a call.
        p50_ci95_ms: 95 % interval of the median, as those of the other percentiles without an assumption about the
            distribution (order statistics).
        p90_ms: 90th percentile; null where the sample is too small for its interval, as those that follow.
        p90_ci95_ms: Its interval.
        p95_ms: 95th percentile.
        p95_ci95_ms: Its interval.
        p99_ms: 99th percentile.
        p99_ci95_ms: Its interval.
        samples_needed: For each percentile that is null, how many calls it needs: ``{"p99": 473}``.
        iqr_ms: Distance of the quartiles.
        min_ms: Shortest call.
        max_ms: Longest call.
        throughput_photos_per_s: Photos in all timed calls, divided by the time of these calls.
        ratio_to_baseline: The baseline's time divided by this engine's, round by round, the median of it: 2.0 is twice
            as fast.
        ratio_ci95: 95 % interval of that ratio.
        latencies_ms: All timed calls in their order.
        round_medians_ms: The median call of each round, in order: the unit in which two benches are compared, because
            calls of one round aren't independent of each other.
        agreement: Its predictions beside those of the first row of the same network.
        accuracy: On labelled photos.
        stages: End to end, by step.
        cold_start: From the start of a process to the first label.
        memory: Peak memory.
        sustained: The first minute against the sustained rate.
        energy: Energy of a photo.
        transfers: On a GPU, with and without transfers.
        parked: What it did while the others were measured.
        warm_up: What came before its first timed call.
    """

    name: str
    status: Literal["ok", "wrong", "failed"]
    error: str | None = None
    baseline: str | None = None
    command: str | None = None
    model: str
    model_bytes: Count | None = None
    model_sha256: str | None = None
    precision: str
    provider: str | None
    batch: Annotated[int, Field(ge=1)]
    threads: Annotated[int, Field(ge=1)] | None = None
    n: Count
    p50_ms: Positive | None
    p50_ci95_ms: Interval | None = None
    p90_ms: Positive | None = None
    p90_ci95_ms: Interval | None = None
    p95_ms: Positive | None = None
    p95_ci95_ms: Interval | None = None
    p99_ms: Positive | None = None
    p99_ci95_ms: Interval | None = None
    samples_needed: dict[str, int] = Field(default_factory=dict)
    iqr_ms: Positive | None = None
    min_ms: Positive | None = None
    max_ms: Positive | None = None
    throughput_photos_per_s: Positive | None = None
    ratio_to_baseline: Positive | None = None
    ratio_ci95: Interval | None = None
    latencies_ms: list[Positive] = Field(default_factory=list)
    round_medians_ms: list[Positive] = Field(default_factory=list)
    agreement: AnswersBeside | None = None
    accuracy: Accuracy | None = None
    stages: Stages | None = None
    cold_start: ColdStart | None = None
    memory: Memory | None = None
    sustained: Sustained | None = None
    energy: Energy | None = None
    transfers: Transfers | None = None
    parked: Parked | None = None
    warm_up: WarmUp | None = None

    @property
    def is_wrong(self) -> bool:
        """Whether it computes something else than its network."""
        return self.status == "wrong"

    @property
    def is_another_network(self) -> bool:
        """Whether it differs from the baseline by its nature."""
        return self.status == "ok" and self.agreement is not None and not self.agreement.same_network

    @property
    def key(self) -> tuple[str, int, int | None]:
        """What makes it the same row in another bench: name, batch, threads."""
        return self.name, self.batch, self.threads
