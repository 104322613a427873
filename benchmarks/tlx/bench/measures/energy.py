"""How much energy a photo takes, by the machine's own counters.

They count the whole machine, its idle power and other people's work included, while the other engines wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tlx.bench.measures.messages import SteadyRun

COUNTERS: Final = {"cpu": "rapl", "gpu": "nvml"}
"""What :class:`tlx.runtime.energy.EnergyMeter` calls its sources, and what reads them."""


@dataclass(frozen=True, slots=True)
class Energy:
    """Of one photo, from a ready array to probabilities.

    Attributes:
        counter: ``rapl`` for processor packages, ``nvml`` for GPUs, ``rapl+nvml`` for both.
    """

    joules_per_photo: float
    counter: str

    def document(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {"joules_per_photo": float(f"{self.joules_per_photo:.4g}"), "counter": self.counter}


def judge_energy(runs: Sequence[SteadyRun], *, on_gpu: bool) -> Energy | None:
    """Joules a photo over all runs.

    Args:
        runs: Of one engine.
        on_gpu: Whether it runs on a GPU: then the GPUs' counters must be known, and the processors' are added if they
            are. Otherwise only the processors' count.

    Returns:
        None if the counter that matters isn't known.
    """
    known = [source for source in ("cpu", "gpu") if runs and all(source in run.joules for run in runs)]
    counted = known if on_gpu else [source for source in known if source == "cpu"]
    photos = sum(sum(run.photos) for run in runs)
    if not photos or ("gpu" if on_gpu else "cpu") not in counted:
        return None
    joules = sum(run.joules[source] for run in runs for source in counted)
    return Energy(joules / photos, "+".join(COUNTERS[source] for source in counted))


def missing_counter(*, on_gpu: bool) -> str:
    """Why there is no figure."""
    if on_gpu:
        return "energy of engines on GPUs isn't known: NVML tells of no GPU's energy here"
    return (
        "energy of engines on processors isn't known: no RAPL counter can be read here (Linux shows them to root alone "
        "unless somebody allows more, and most virtual machines have none)"
    )
