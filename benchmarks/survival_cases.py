"""The moments at which trainings are killed, as they are seen from outside."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from survival_process import Training


@dataclass(slots=True)
class Outlook:
    """What can be seen of a training.

    Attributes:
        seen: The temporary files that were there at some time, in the order of their appearance.
    """

    runs: Path
    cache: Path
    training: Training
    started_s: float = field(default_factory=time.monotonic)
    seen: list[Path] = field(default_factory=list)


Moment = Callable[[Outlook], bool]


@dataclass(frozen=True, slots=True)
class Case:
    """One training.

    Attributes:
        moments: Of its kills: the first for the training as it's begun, the others as it's resumed.
        fresh_cache: Whether the features must be computed.
    """

    name: str
    moments: tuple[Moment, ...]
    fresh_cache: bool = False


def at_step(stage: str, step: int) -> Moment:
    """When the progress bar of a stage shows this step."""

    def reached(outlook: Outlook) -> bool:
        time.sleep(0.001)
        return outlook.training.steps(stage) >= step

    return reached


def at_file(pattern: str, *, in_cache: bool = False, count: int = 1) -> Moment:
    """When so many files of this pattern are there."""

    def reached(outlook: Outlook) -> bool:
        root = outlook.cache if in_cache else outlook.runs
        return sum(1 for _ in _glob(root, pattern)) >= count

    return reached


def at_temporary(pattern: str, nth: int, *, megabytes: float = 0.0, in_cache: bool = False) -> Moment:
    """While the nth temporary file of this pattern is being written, from a size on."""

    def reached(outlook: Outlook) -> bool:
        root = outlook.cache if in_cache else outlook.runs
        for path in _glob(root, pattern):
            if path not in outlook.seen:
                outlook.seen.append(path)
            if len(outlook.seen) == nth and path == outlook.seen[-1]:
                try:
                    return path.stat().st_size >= megabytes * 1e6
                except FileNotFoundError:
                    return True
        return len(outlook.seen) >= nth  # it was there and has been renamed

    return reached


def at_unindexed_shard(outlook: Outlook) -> bool:
    """When there is an array of features that no index names yet."""
    arrays, indexes = (list(_glob(outlook.cache, f"trunk/*/[!.]*.{suffix}")) for suffix in ("npy", "json"))
    return len(arrays) > len(indexes)


def after(seconds: float) -> Moment:
    """So long after the start of the process."""

    def reached(outlook: Outlook) -> bool:
        time.sleep(0.01)
        return time.monotonic() - outlook.started_s >= seconds

    return reached


def _glob(root: Path, pattern: str) -> Iterator[Path]:
    try:
        yield from root.glob(pattern)
    except FileNotFoundError:  # a folder was renamed while it was looked at
        return


_SHARD = "trunk/*/.*.tmp.npy"
_INDEX = "trunk/*/.*.tmp.json"
_CHECKPOINT = "[!.]*/resume/.checkpoint*.tmp.npz"
_STEP_3_OF_HEAD: Final = at_step("head", 3)
_STEP_8_OF_TUNING: Final = at_step("fine-tuning", 8)


def _shard(name: str, *moments: Moment) -> Case:
    return Case(name, moments, fresh_cache=True)


STAGES: Final[dict[str, tuple[Case, ...]]] = {
    "beginning": (
        Case("the modules are being loaded", (after(1.0),)),
        Case("the weights at the start are being written", (at_file(".partial-*/resume/.start*"),)),
        Case("the run has got its name", (at_file("[!.]*/training.json"),)),
    ),
    "cache": (
        _shard("first shard: its temporary file", at_temporary(_SHARD, 1, in_cache=True)),
        _shard("first shard: half written", at_temporary(_SHARD, 1, megabytes=1, in_cache=True)),
        _shard("first shard: no index yet", at_unindexed_shard),
        _shard("computing view 1", at_step("computing features", 24 + 32)),  # after the plain validation photos
        _shard("second shard: half written", at_temporary(_SHARD, 2, megabytes=2, in_cache=True)),
        _shard(
            "second shard: its index, then the third shard",
            at_temporary(_INDEX, 2, in_cache=True),
            at_temporary(_SHARD, 1, megabytes=1, in_cache=True),
        ),
        _shard("third shard: written", at_temporary(_SHARD, 3, megabytes=3.9, in_cache=True)),
    ),
    "head": (
        Case("step 1", (at_step("head", 1),)),
        Case("step 3", (_STEP_3_OF_HEAD,)),
        Case("step 5, twice", (at_step("head", 5), at_step("head", 2))),
        Case("step 6: the end of an epoch", (at_step("head", 6),)),
        Case("step 8", (at_step("head", 8),)),
        Case("step 11, then in fine-tuning", (at_step("head", 11), _STEP_8_OF_TUNING)),
    ),
    "fine-tuning": (
        Case("step 1", (at_step("fine-tuning", 1),)),
        Case("step 3", (at_step("fine-tuning", 3),)),
        Case("step 5, three times", (at_step("fine-tuning", 5), at_step("fine-tuning", 4), at_step("fine-tuning", 2))),
        Case("step 6: the end of an epoch", (at_step("fine-tuning", 6),)),
        Case("step 8", (_STEP_8_OF_TUNING,)),
        Case("step 11", (at_step("fine-tuning", 11),)),
    ),
    "checkpoint": (
        Case("first: its temporary file", (at_temporary(_CHECKPOINT, 1),)),
        Case("first: written, not renamed or just so", (at_temporary(_CHECKPOINT, 1, megabytes=1e6),)),
        Case("second (between phases): 10 MB written", (at_temporary(_CHECKPOINT, 2, megabytes=10),)),
        Case("second: replaced", (at_temporary(_CHECKPOINT, 2, megabytes=1e6),)),
        Case("third: its temporary file", (at_temporary(_CHECKPOINT, 3),)),
        Case("third: 40 MB written", (at_temporary(_CHECKPOINT, 3, megabytes=40),)),
        Case("third: replaced", (at_temporary(_CHECKPOINT, 3, megabytes=1e6),)),
        Case(
            "fourth (after the last phase): 10 MB written, then again as it's written anew",
            (at_temporary(_CHECKPOINT, 4, megabytes=10), at_temporary(_CHECKPOINT, 2, megabytes=5)),
        ),
    ),
    "end": (
        Case("the model is being written", (at_file("[!.]*/.model*.tmp.keras"),)),
        Case("the model is there, then the curves", (at_file("[!.]*/model.keras"), at_file("[!.]*/curves.png"))),
        Case("the history is there", (at_file("[!.]*/history.json"),)),
        Case("the report is being written", (at_file("[!.]*/.report*.tmp.html"),)),
        Case("the report is there, the record not or just so", (at_file("[!.]*/report.html"),)),
        Case("the record is there", (at_file("[!.]*/run.json"),)),
    ),
}
