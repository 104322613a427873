"""The command that measures one row of a report again."""

from __future__ import annotations

import shlex

from tlx.bench.plan import KERAS_KINDS, EngineSpec, Plan
from tlx.bench.prepare import NO_KERAS, BenchOptions


def row_command(options: BenchOptions, plan: Plan, engine: EngineSpec, baseline: EngineSpec | None) -> str:
    """What reproduces an engine's row from the folder where the bench ran: itself and its baseline, nothing else.

    Every setting is spelled out, so that another version's defaults can't change it.

    Args:
        options: What the whole bench was asked for.
        plan: What became of it.
        engine: The row's.
        baseline: What it was compared with; None if nothing could be.
    """
    specs = [spec for spec in (baseline, engine) if spec is not None]
    keras = any(spec.kind in KERAS_KINDS for spec in specs)
    files = dict.fromkeys(str(spec.model) for spec in specs if spec.kind not in KERAS_KINDS)
    words = ["tlx", "bench", *(files or [str(options.models[0])])]
    if not keras:
        words += ["--keras", NO_KERAS]
    elif options.keras is not None:
        words += ["--keras", options.keras]
    if options.photos is not None:
        words += ["--photos", str(options.photos)]
    settings = {
        "--limit": options.limit,
        "--batch": plan.workload.batch,
        "--threads": plan.placement.threads,
        "--rounds": options.rounds,
        "--max-seconds": f"{options.max_seconds:g}",
        "--device": options.device,
    }
    return shlex.join([*words, *(str(word) for setting in settings.items() for word in setting)])
