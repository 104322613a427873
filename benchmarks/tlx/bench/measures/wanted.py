"""Which measures a bench takes beside the latency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tlx.errors import InputError

STAGES: Final = "stages"
MEMORY: Final = "memory"
ENERGY: Final = "energy"
TRANSFERS: Final = "transfers"
COLD_START: Final = "cold-start"
PARTS: Final = (STAGES, MEMORY, ENERGY, TRANSFERS, COLD_START)
USUAL: Final = frozenset({STAGES, MEMORY, ENERGY, TRANSFERS})
"""What takes seconds; a cold start of Keras takes long, and several are needed."""

FIRST_MINUTE_S: Final = 60.0
SHORTEST_SUSTAINED_S: Final = 2 * FIRST_MINUTE_S
"""As long again as the first minute, which the sustained rate leaves out."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which measures to take.

    Attributes:
        parts: Some of :data:`PARTS`.
        sustained_s: How long each engine runs without a pause, in seconds; 0 for not at all.
        first_s: How much of that is the first minute.
        rest_s: How long the machine cools down before each such run.
        cold_starts: How often each engine is started.
        seconds: No round of stages or energy begins that would end later than this, counted from the first of its
            kind; the first always runs.
    """

    parts: frozenset[str] = USUAL
    sustained_s: float = 0.0
    first_s: float = FIRST_MINUTE_S
    rest_s: float = 30.0
    cold_starts: int = 5
    seconds: float = 20.0

    @property
    def needs_engines(self) -> bool:
        """Whether engines must be loaded for it; a cold start loads its own."""
        return bool(self.parts - {COLD_START}) or self.sustained_s > 0


NOTHING: Final = Wanted(frozenset())


def parse_wanted(text: str, sustained_s: float | None = None) -> Wanted:
    """What the command line asks for.

    Args:
        text: Names of :data:`PARTS` with commas between them; or ``all``, or ``none``.
        sustained_s: At least :data:`SHORTEST_SUSTAINED_S`, or None.

    Raises:
        InputError: If a name is unknown, or the time too short.
    """
    if sustained_s is not None and sustained_s < SHORTEST_SUSTAINED_S:
        raise InputError(
            f"--sustained takes at least {SHORTEST_SUSTAINED_S:g} seconds, received {sustained_s:g}: "
            "the first minute is compared with what comes after it"
        )
    names = {"all": frozenset(PARTS), "none": frozenset[str]()}.get(text)
    if names is None:
        names = frozenset(name.strip() for name in text.split(","))
        unknown = sorted(names - set(PARTS))
        if unknown:
            raise InputError(f"--measure knows {', '.join(PARTS)}, all and none, received {', '.join(unknown)!r}")
    return Wanted(names, sustained_s or 0.0)
