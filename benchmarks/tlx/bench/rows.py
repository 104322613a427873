"""One engine's row in the document of a bench, as published in ``docs/bench.schema.json``.

Times are milliseconds of one call, which takes ``batch`` photos; shares and probabilities go from 0 to 1. What wasn't
measured, or what the sample can't carry, is null.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Interval = tuple[float, float]

NVIDIA: Final = frozenset({"cuda", "tensorrt"})
"""Providers on GPUs that NVML knows."""


class Part(BaseModel):
    """A piece of the document."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)


class AnswersBeside(Part):
    """An engine's predictions beside those of the first row of the same network, over the same photos.

    The first row of another network than the baseline's stands beside the baseline.

    Attributes:
        beside: The row that it's compared with; null in documents that don't tell: the baseline.
        same_network: Whether both come from the same run or the same file. Other networks differ by their nature, and
            their accuracy is what judges them.
        photos: Number of photos.
        labels_equal: On how many of them both give the same label.
        max_abs_difference: The largest difference of a probability; null if the engine gave a value that is no number.
        tolerance: What that difference may be; null if only labels are judged.
        agrees: All labels are equal and the difference is within the tolerance.
        wrong: It computes something else than that row, more than its precision explains.
        labels_lost: Photos of a known label that the other row gives and this one doesn't; null if no label is known.
        labels_gained: The reverse.
    """

    beside: str | None = None
    same_network: bool = True

    photos: Count
    labels_equal: Count
    max_abs_difference: Positive | None
    tolerance: Positive | None
    agrees: bool
    wrong: bool = False
    labels_lost: Count | None = None
    labels_gained: Count | None = None


class WarmUp(Part):
    """What came before an engine's first timed call.

    Attributes:
        calls: How many calls there were, the first ever included.
        first_ms: How long the first one took.
        stable: Whether the times had stopped to fall; otherwise the time for it ran out.
    """

    calls: Count
    first_ms: Positive
    stable: bool


class Parked(Part):
    """What an engine did while it waited for its turns.

    Attributes:
        cpu_ms: Processor time of all its threads.
        wall_ms: How long it waited.
        idle: Whether it left the processors to the others, apart from waking up.
        spin_ms: How long its threads went on running after a turn (the median), before the next engine began.
    """

    cpu_ms: Positive
    wall_ms: Positive
    idle: bool
    spin_ms: Positive | None = None


class Accuracy(Part):
    """How often an engine is right, of the photos whose label is known.

    Attributes:
        correct: Photos that got their true label.
        photos: Photos of a known label, perhaps fewer than all.
        low: Lower end of the 95 % interval of the share of correct ones.
        high: Its upper end.
    """

    correct: Count
    photos: Annotated[int, Field(ge=1)]
    low: Share
    high: Share


class Stage(Part):
    """How long one step takes in a call.

    Attributes:
        p50_ms: The median.
        ci95_ms: Its 95 % interval; null if the sample is too small.
        n: Number of times.
    """

    p50_ms: Positive
    ci95_ms: Interval | None = None
    n: Count


class Stages(Part):
    """From a file's bytes to a label, step by step.

    Attributes:
        decode: From bytes to pixels.
        resize: To the model's size.
        inference: The network.
        post: From its output to a label.
        total: All of that, timed as a whole.
    """

    decode: Stage | None = None
    resize: Stage | None = None
    inference: Stage | None = None
    post: Stage | None = None
    total: Stage | None = None


class ColdStart(Part):
    """From the start of a process to its first label, in seconds.

    Attributes:
        p50_s: The median.
        min_s: The shortest.
        max_s: The longest.
        runs: Number of starts.
    """

    p50_s: Positive
    min_s: Positive
    max_s: Positive
    runs: Annotated[int, Field(ge=1)]


class Memory(Part):
    """The most memory that the engine's process had, in MB of 1,000,000 bytes.

    Attributes:
        peak_rss_mb: Resident set of the process; null if the system doesn't tell.
        gpu_mb: Memory of the GPU; null without one.
    """

    peak_rss_mb: Positive | None = None
    gpu_mb: Positive | None = None


class Sustained(Part):
    """Whether the engine keeps its pace once the machine is warm.

    Attributes:
        first_minute_photos_per_s: Rate of the first minute.
        sustained_photos_per_s: Rate at the end.
        seconds: How long it ran.
    """

    first_minute_photos_per_s: Positive
    sustained_photos_per_s: Positive
    seconds: Positive


class Energy(Part):
    """What a photo costs.

    Attributes:
        joules_per_photo: In the whole of what the counter counts.
        counter: Which counter: RAPL's package, NVML's board, ...
    """

    joules_per_photo: Positive
    counter: str


class Transfers(Part):
    """A call on a GPU with and without moving photos there and answers back.

    Attributes:
        with_ms: Median with these transfers.
        without_ms: Median on what lies in the GPU already.
        unverified: Whether this project has yet to see this kind of engine on a real GPU; it has seen ONNX Runtime's
            on CUDA.
    """

    with_ms: Positive
    without_ms: Positive
    unverified: bool = True


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
