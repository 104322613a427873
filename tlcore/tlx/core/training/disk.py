"""Whether a training fits onto the disk, decided before its first step."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tlx.core.recipes.layers import CONVOLUTIONS
from tlx.core.recipes.recipe import Recipe
from tlx.core.trunk import budget
from tlx.core.trunk.features import CachePlace
from tlx.core.weights.layers import LAYER_SHAPES
from tlx.errors import OutputError

if TYPE_CHECKING:
    from tlx.core.training.learning import Lesson

_FIXED_BYTES: Final = 250_000_000
"""The weights at the start, the model with its report, the last good one."""
_COPIES: Final = 9
"""Of what trains: two checkpoints with weights, the best weights and Adam's two moments, and one that is written."""


def require_room(runs_root: Path, recipe: Recipe) -> None:
    """Refuse a training whose run wouldn't fit.

    Raises:
        OutputError: With what it needs and what there is.
    """
    needed = _FIXED_BYTES + _COPIES * _trainable_bytes(recipe.unfreeze_from)
    existing = next(folder for folder in (runs_root, *runs_root.absolute().parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise OutputError(
            f"{runs_root}: a run takes up to {budget.gigabytes(needed)} while it is trained, "
            f"{budget.gigabytes(free)} are free: make room, or name another place with --runs"
        )


def _trainable_bytes(unfreeze_from: str | None) -> int:
    if unfreeze_from is None:
        return 0
    trainable = CONVOLUTIONS[CONVOLUTIONS.index(unfreeze_from) :]
    return sum(4 * (math.prod(LAYER_SHAPES[name]) + LAYER_SHAPES[name][-1]) for name in trainable)


def plan_cache(
    root: Path, lesson: Lesson, trunk: Any, *, limit_gb: float, confirm: Callable[[str], bool]
) -> CachePlace:
    """Decide how much of the disk the features may take; ask before it would be full.

    Raises:
        OutputError: If they don't fit, or the answer is no.
    """
    need = _need(lesson, trunk)
    plan = budget.plan_room(need, budget.measure_room(root, limit_gb))
    if plan.fills_disk:
        question = (
            f"the features of all views take {budget.gigabytes(need.total_bytes)}, and only "
            f"{budget.gigabytes(plan.limit_bytes)} fit onto the disk of {root}"
        )
        if not confirm(f"{question}: keep what fits and compute the others again when they are needed?"):
            raise OutputError(
                f"{question}: make room, set TLX_CACHE to another disk, or keep fewer with "
                f"--cache-gb {max(1, plan.limit_bytes // 10**9)}"
            )
    return CachePlace(root, plan.limit_bytes)


def _need(lesson: Lesson, trunk: Any) -> budget.Need:
    height, width = lesson.recipe.size_hw
    row_bytes = height * width * 3 if trunk is None else 2 * int(np.prod(trunk.output_shape[1:]))
    row_bytes += budget.INDEX_BYTES
    training, validation = (len(lesson.dataset.split(split)) for split in ("train", "validation"))
    views = set().union(*lesson.recipe.view_numbers())
    return budget.Need(
        at_once_bytes=row_bytes * (training + validation), total_bytes=row_bytes * (training * len(views) + validation)
    )
