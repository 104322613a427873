"""The document of a bench: schema 2 of ``tlx bench --format json``, published as ``docs/bench.schema.json``.

Fields are added, never changed; readers ignore those that they don't know.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError

from tlx.bench.row_parts import Count, Part, Positive, Share
from tlx.bench.rows import EngineRow
from tlx.errors import InputError

SCHEMA: Final = 2


class Photos(Part):
    """The photos that every engine got.

    Attributes:
        count: How many.
        source: A folder, a run, or ``made by formula``.
        synthetic: Whether they are pictures made by formula.
        sha256: Of the files' contents in order: equal for the same photos; null for pictures made by formula.
    """

    count: Count
    source: str = Field(alias="from")
    synthetic: bool
    sha256: str | None = None


class Method(Part):
    """How it was measured.

    Attributes:
        rounds: Rounds completed; in each every engine has one turn, in a drawn order.
        rounds_asked: Rounds at most; null if only the time was bounded.
        margin: The rounds end once each median and each ratio is known within this share, up or down; null or 0: never.
        ended: Why there were no more rounds: ``margin``, ``rounds``, ``seconds``, ``failures``; null if it isn't told.
        max_seconds: No round began that would have ended later; null without such a limit.
        seconds: How long the whole bench took.
        calls_per_turn: Timed calls of a turn, at least.
        untimed_calls_per_turn: Calls before them that wake an engine up.
        seed: Decides the photos and the order of the engines.
    """

    rounds: Count
    rounds_asked: Count | None = None
    margin: Share | None = None
    ended: str | None = None
    max_seconds: Positive | None = None
    seconds: Positive
    calls_per_turn: Count | None = None
    untimed_calls_per_turn: Count | None = None
    seed: int = 0


class Container(Part):
    """What limits the process beside the machine itself.

    Attributes:
        cpu_quota: Processor time a second that the control groups allow, in processors; null without a limit.
        memory_limit_bytes: Memory that they allow; null without a limit.
    """

    cpu_quota: Positive | None = None
    memory_limit_bytes: Count | None = None


class Environment(Part):
    """The machine, its packages, and how the engines used them.

    Attributes:
        processor: Its own name.
        processor_flags: Those of its instruction sets that decide how fast a network runs.
        host_cores: Logical processors of the machine.
        available_cores: Those that this process may use.
        threads_per_core: 2 where two logical processors share a core; null if the system doesn't tell.
        pinned_to_cpus: Processors that the engines ran on, by number; null where they weren't pinned.
        governor: Of the processor's frequency; null if the system doesn't tell, as in most virtual machines.
        turbo: Whether it may run faster than its base frequency; null if the system doesn't tell.
        virtual_machine: Whether a hypervisor lies below, whose other guests may interfere; null if it isn't known.
        gpus: Names of its NVIDIA GPUs; null where their driver's library isn't there or doesn't tell.
        gpu_driver: That driver's version.
        memory_bytes: Of the machine; null if the system doesn't tell.
        container: Limits of the control groups.
        load_average_before: Processes that ran or wanted to, over the minute before.
        platform: System and kernel.
        versions: Of tlx, Python and the packages that count.
        keras_versions: Of the environment that ran Keras, where that was another one; null otherwise.
        device: What was asked for: ``auto``, ``cpu``, ``gpu``, ...
        tensorflow_threads: TensorFlow's most, inside a layer and side by side; null without Keras engines.
    """

    processor: str
    processor_flags: list[str] = Field(default_factory=list)
    host_cores: int | None
    available_cores: int | None = None
    threads_per_core: int | None = None
    pinned_to_cpus: list[int] | None = None
    governor: str | None = None
    turbo: bool | None = None
    virtual_machine: bool | None = None
    gpus: list[str] | None = None
    gpu_driver: str | None = None
    memory_bytes: Count | None = None
    container: Container = Container()
    load_average_before: Positive | None = None
    platform: str
    versions: dict[str, str]
    keras_versions: dict[str, str] | None = None
    device: str
    tensorflow_threads: dict[str, int] | None = None


class Frequency(Part):
    """The processors' frequency while it was measured, in MHz.

    Attributes:
        low: The lowest seen.
        high: The highest seen.
    """

    low: Positive
    high: Positive


class Drift(Part):
    """Whether all engines became slower or faster from the first to the last round.

    Attributes:
        share: The change, -1 upwards: 0.05 is 5 % slower at the end.
        significant: Whether it's more than chance.
    """

    share: float
    significant: bool


class Interference(Part):
    """What else happened on the machine while it was measured.

    Attributes:
        steal_share: Processor time that a hypervisor gave to others; null if the system doesn't tell.
        other_load_share: Processor time of other processes; null if the system doesn't tell.
        throttled_share: Periods of a container's processor quota in which it was used up; null without a quota.
        frequency_mhz: The processors' frequency; null if the system doesn't tell.
        drift: A trend over the rounds; null with too few of them.
        warnings: What a reader of the figures must know, a line each.
    """

    steal_share: Share | None = None
    other_load_share: Share | None = None
    throttled_share: Share | None = None
    frequency_mhz: Frequency | None = None
    drift: Drift | None = None
    warnings: list[str] = Field(default_factory=list)


class BenchDocument(Part):
    """Everything that a bench has found, with what reproduces it.

    Attributes:
        schema_version: Number of this form.
        created_utc: When it ended: ISO 8601 in UTC.
        command: What reproduces all of it, from the folder where it ran.
        baseline: Name of the engine that the others are compared with; null if all failed.
        engines: A row for each engine, batch size and number of threads.
        photos: What they all classified.
        method: How the bench went.
        environment: On what machine, with which packages.
        interference: What disturbed it; null if it wasn't watched.
        notes: What couldn't be measured as asked, and why; a line each.
    """

    schema_version: Literal[2] = Field(alias="schema")
    created_utc: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)$")]
    command: str
    baseline: str | None
    engines: list[EngineRow]
    photos: Photos
    method: Method
    environment: Environment
    interference: Interference | None = None
    notes: list[str] = Field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """As plain JSON values."""
        return self.model_dump(mode="json", by_alias=True)

    @property
    def baseline_row(self) -> EngineRow | None:
        """The first row of the baseline; None if all failed."""
        return next((row for row in self.engines if row.name == self.baseline and row.status != "failed"), None)

    def baseline_of(self, row: EngineRow) -> EngineRow | None:
        """What a row's ratio is to: the baseline of the same batch and threads; None if it failed."""
        rows = (one for one in self.engines if (one.batch, one.threads) == (row.batch, row.threads))
        return next((one for one in rows if one.name == self.baseline and one.status != "failed"), None)


def read_document(path: Path) -> BenchDocument:
    """Read what ``tlx bench --output`` wrote.

    Raises:
        InputError: If there is no such file or it isn't a document of this schema.
    """
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror}): name a file that 'tlx bench -o' wrote") from error
    except ValueError as error:
        raise InputError(f"{path}: isn't JSON ({error}): name a file that 'tlx bench -o' wrote") from error
    found = value.get("schema") if isinstance(value, dict) else None
    if found != SCHEMA:
        older = "an older" if isinstance(found, int) and found < SCHEMA else "another"
        raise InputError(f"{path}: expected a bench of schema {SCHEMA}, got {found!r}, of {older} tlx: run it again")
    try:
        return BenchDocument.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"{path}: isn't a bench's document: {where}: {first['msg']}") from error
