"""The command that measures one row of a report again."""

from __future__ import annotations

import glob
import math

from tlx.bench.engines import KERAS_KINDS, expected_name
from tlx.bench.plan import EngineSpec
from tlx.bench.prepare import BenchOptions
from tlx.bench.typed_command import typed_command


def row_command(options: BenchOptions, engine: EngineSpec, baseline: EngineSpec | None) -> str:
    """What reproduces an engine's row from the folder where the bench ran: itself and its baseline, nothing else.

    Every setting that can be is spelled out, so that another version's defaults can't change it. All model files are
    named, as engines are told apart by them.

    Args:
        options: What the whole bench was asked for.
        engine: The row's.
        baseline: What it was compared with; None if nothing could be.
    """
    specs = [spec for spec in (baseline, engine) if spec is not None]
    settings = [
        *(("--engine", glob.escape(name)) for name in dict.fromkeys(map(expected_name, specs))),
        ("--keras", options.keras),
        ("--keras-python", options.keras_python if any(spec.kind in KERAS_KINDS for spec in specs) else None),
        ("--photos", options.photos),
        ("--limit", options.limit),
        ("--batch", engine.batch),
        ("--threads", engine.threads),
        ("--rounds", options.rounds),
        ("--max-seconds", f"{options.longest_s:g}" if math.isfinite(options.longest_s) else None),
        ("--margin", f"{options.end_margin:g}" if options.rounds is None else None),
        ("--seed", options.seed),
        ("--device", options.device),
        ("--measure", options.measure),
        ("--sustained", options.sustained_s and f"{options.sustained_s:g}"),
    ]
    words = [str(word) for name, value in settings if value is not None for word in (name, value)]
    return typed_command(["tlx", "bench", *options.models, *words])
