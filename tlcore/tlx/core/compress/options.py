"""What a person chooses for a compression, beside its bounds."""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass
from pathlib import Path

from tlx.core import runs
from tlx.core.compress.bounds import Bounds
from tlx.core.trunk.budget import DEFAULT_LIMIT_GB, require_limit
from tlx.errors import InputError


@dataclass(frozen=True, slots=True)
class Options:
    """Bounds and means.

    Attributes:
        minutes: For recovery: the original answers, and the smaller network learns. Where accuracy is bound, for all
            of the search.
        int8: Time and choose widths for eight-bit files; None: where the processor has instructions for them.
        size: Of the smaller network's input in pixels; the original's if None.
        threads: Processors for one operator; those that this process may use if None.

    Raises:
        InputError: If minutes or the cache's limit is no number above 0.
    """

    bounds: Bounds
    minutes: float = 30.0
    int8: bool | None = None
    size: int | None = None
    threads: int | None = None
    seed: int = 0
    cache_gb: float = DEFAULT_LIMIT_GB
    runs_root: Path = runs.RUNS_FOLDER

    def words(self) -> str:
        """The options that a command like this one needs, too."""
        precision = None if self.int8 is None else "int8" if self.int8 else "fp32"
        root = None if self.runs_root == runs.RUNS_FOLDER else self.runs_root
        given = {"size": self.size, "precision": precision, "threads": self.threads, "runs": root}
        return "".join(f" --{name} {shlex.quote(str(value))}" for name, value in given.items() if value is not None)

    def __post_init__(self) -> None:
        if not 0 < self.minutes < math.inf:
            raise InputError(f"--minutes {self.minutes:g}: expected a number above 0")
        require_limit(self.cache_gb)
