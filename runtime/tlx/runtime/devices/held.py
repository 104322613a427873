"""A batch that lies in a device's memory; says nothing of which library put it there, and loads none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Held:
    """A batch that lies where the network runs.

    Attributes:
        run: Computes on it and waits; nothing is copied to or from there.
        fetch: Gives the output that was computed last.
    """

    run: Callable[[], None]
    fetch: Callable[[], npt.NDArray[Any]]
