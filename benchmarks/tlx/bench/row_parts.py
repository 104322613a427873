"""The pieces of an engine's row: what one measure found, each as published in ``docs/bench.schema.json``.

Times are milliseconds of one call, which takes ``batch`` photos, unless a name has another unit; shares and
probabilities go from 0 to 1. What wasn't measured, or what the sample can't carry, is null.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Interval = tuple[float, float]


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
        first_minute_photos_per_s: Photos of the calls that ended in the first 60 seconds, by these.
        sustained_photos_per_s: Photos of all later calls, by the time from then to the end of the last one.
        seconds: How long it ran, the first minute included.
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
