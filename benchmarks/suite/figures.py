"""From a result's JSON to lines of the table."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from suite.compression_figures import (
    compression_figures,
    low_rank_figures,
    quantization_aware_figures,
    recovery_sweep_figures,
)
from suite.figure import Figure, Result, at_most
from tlx.bench.rows import NVIDIA

FASTER_THAN_END_TO_END: Final = 4.0
OVER_BARE_STEP: Final = 1.25
OVER_BARE_PASS: Final = 1.15
HELP_S: Final = 0.3
FIRST_LABEL_S: Final = 1.0


def kind_of(result: Result) -> str | None:
    """Which benchmark a result is of; None if it's none that the table knows."""
    if "benchmark" in result:
        return str(result["benchmark"])
    if "engines" in result and "method" in result:
        return "bench"
    if "scenarios" in result:
        return "loadgen"
    return "hot_swaps" if "swaps" in result else None


def figures_of(result: Result) -> list[Figure]:
    """What the table says of a result; empty for unknown ones, and for engines on processors."""
    tell = _FIGURES.get(kind_of(result) or "")
    return tell(result) if tell else []


def _finetune_step(result: Result) -> list[Figure]:
    cache, faster, over = (
        result["seconds_a_step"]["cache"],
        result["end_to_end_over_cache"],
        result["cache_over_bare"],
    )
    batch, size = result["batch"], result["size_hw"][0]
    return [
        Figure(f"training step from the cache, {batch} photos of {size} pixels", f"{cache['median']:.3g} s"),
        Figure(
            "the same end to end (the faster of fit and XLA) over it",
            _spread(faster),
            f"{FASTER_THAN_END_TO_END:g}",
            faster["median"] >= FASTER_THAN_END_TO_END,
        ),
        at_most("it over the bare arithmetic of what trains", _spread(over), over["median"], OVER_BARE_STEP),
    ]


def _extraction(result: Result) -> list[Figure]:
    fastest = min(result["bare_ms_per_photo_by_batch"].values())
    return [
        at_most(
            f"features of {result['photos']} photos from files over a bare forward pass",
            f"{result['ratio']:.3f} ({result['ratio_by_part']['min']:.3f} to {result['ratio_by_part']['max']:.3f})",
            result["ratio"],
            OVER_BARE_PASS,
        ),
        Figure("a bare forward pass, a photo", f"{fastest:.3g} ms"),
    ]


def _exported_graph(result: Result) -> list[Figure]:
    ratio = result["time_over_minimal"]
    met = ratio["median"] <= result["aim"]
    return [Figure("exported file over a minimal one by hand", _interval(ratio), str(result["aim"]), met)]


def _export(result: Result) -> list[Figure]:
    files = result["files"]
    return [
        Figure(f"whole export at {precision}, all gates", f"{one['seconds']:.0f} s, {one['bytes'] / 1e6:.1f} MB")
        for precision, one in files.items()
    ] + [Figure(f"export at {precision}: {reason}", "no file") for precision, reason in result["refused"].items()]


def _overhead(result: Result) -> list[Figure]:
    what = f"{result['pictures']} pictures with {result['model']}"
    loop = result["loop_over_work"]
    return [
        Figure(
            f"classifying {what}: loop over work", _range(loop), str(result["bound"]), loop["median"] <= result["bound"]
        ),
        Figure(f"classifying {what}: whole command over work", _range(result["command_over_work"])),
        Figure(f"classifying {what}: a plain script over the loop", _range(result["plain_script_over_loop"])),
    ]


def _cold_start(result: Result) -> list[Figure]:
    seconds = result["median_s"]
    label = seconds["tlx classify, first label"]
    return [
        at_most("tlx --help", f"{seconds['tlx --help']:.2f} s", seconds["tlx --help"], HELP_S, " s"),
        at_most("tlx classify to its first label", f"{label:.2f} s", label, FIRST_LABEL_S, " s"),
    ]


def _loadgen(result: Result) -> list[Figure]:
    return [_scenario(one) for one in result["scenarios"]]


def _scenario(one: Result) -> Figure:
    rate = f"{one['samples_per_s']:.4g} photos/s" if one["samples_per_s"] is not None else ""
    latency = f"p90 {one['percentiles_ms']['p90']:.3g} ms, p99 {one['percentiles_ms']['p99']:.3g} ms"
    parts = [rate] if one["scenario"] == "Offline" else [latency, rate]
    verdict = "valid" if one["valid"] else f"invalid ({one['reasons'][0]})"
    return Figure(f"LoadGen {one['scenario']}: {verdict}", ", ".join(filter(None, parts)))


def _loadgen_agreement(result: Result) -> list[Figure]:
    ratio = result["loadgen_over_bench_p90"]
    return [Figure("LoadGen's p90 over tlx bench's", _interval(ratio), "1 ± 0.05", result["aim_met"])]


def _bench_overhead(result: Result) -> list[Figure]:
    empty = f"{result['empty_call_us']['median']:.2g} µs"
    figures = [_added(f"what the bench adds to a call of {result['model']}", result)]
    if nothing := result.get("nothing"):
        figures = [_added("what the bench adds to a call of nothing, and so to each", nothing), *figures]
    return [*figures, Figure("a call of nothing, timed by the bench", empty)]


def _added(what: str, result: Result) -> Figure:
    added, share = result["added_us"], result["added_share"]
    if added["low"] is None or added["high"] is None:
        return Figure(what, f"{_us(added['median'])} µs (too few rounds for an interval)", "5 µs or 1 %", is_met=False)
    ends = f"{_us(added['low'])} to {_us(added['high'])}"
    found = f"{_us(added['median'])} µs (95 %: {ends}), {share['median']:.2%} of it (at most {_percent(share['high'])})"
    return Figure(what, found, "5 µs or 1 %", result["aim_met"])


def _us(value: float) -> str:
    return f"{value:.2g}" if abs(value) < 100 else f"{value:,.0f}"  # noqa: PLR2004 - whole numbers tell enough


def _bench_repeatability(result: Result) -> list[Figure]:
    found = f"{result['largest_apart']:.1%}"
    limit = re.search(r"--max-seconds (\d+)", result["command"])
    length = f" of {limit[1]} s" if limit else ""
    return [Figure(f"ratios of {result['runs']} benches{length}, furthest apart", found, "5 %", result["aim_met"])]


def _survival(result: Result) -> list[Figure]:
    cases, same = result["cases"], result["ends_like_undisturbed"]
    found = f"{same} of {cases}, {result['broken_files']} broken files"
    return [
        Figure(f"trainings after {result['kills']} kills that end like undisturbed ones", found, "all", same == cases)
    ]


def _training_memory(result: Result) -> list[Figure]:
    what = f"peak memory of tlx train, {result['photos']} photos of {result['size_hw'][0]} pixels"
    return [Figure(what, f"{result['peak_mib']} MiB", f"{result['limit_mib']} MiB", result["aim_met"])]


def _soak(result: Result) -> list[Figure]:
    age, memory = result["age_ms"], result["memory"]["rss_mb"]
    what = f"{result['minutes']:g} minutes before a camera"
    return [
        Figure(f"{what}: age of a label, p50 and p99", f"{age['p50']:g} ms, {age['p99']:g} ms"),
        Figure(f"{what}: memory, first and last quarter", f"{memory['first_quarter']} MB, {memory['last_quarter']} MB"),
    ]


def _reconnects(result: Result) -> list[Figure]:
    growth = result["memory_growth"]["parent_percent"]
    return [Figure(f"memory after {result['connections']} reconnects ({result['scheme']})", f"{growth:+.2f} %")]


def _hot_swaps(result: Result) -> list[Figure]:
    wrong = result["wrong_labels"] + result["wrong_seals"]
    return [Figure(f"{result['swaps']} models swapped in: wrong answers", str(wrong), "0", wrong == 0)]


def _recipes(result: Result) -> list[Figure]:
    accuracy = result["mean"].get("validation_accuracy")
    what = f"preset {result['preset']}, {len(result['trainings'])} trainings: validation accuracy"
    return [Figure(what, f"{accuracy:.4f}")] if accuracy is not None else []


def _bench(result: Result) -> list[Figure]:
    """What GPUs have beside their lines in the table of engines."""
    return [figure for row in result["engines"] if row.get("provider") in NVIDIA for figure in _gpu_row(row)]


def _gpu_row(row: Result) -> list[Figure]:
    name, transfers, memory, energy = (row.get(key) for key in ("name", "transfers", "memory", "energy"))
    total, start = (row.get("stages") or {}).get("total"), row.get("cold_start")
    doubt = " (unverified)" if transfers and transfers["unverified"] else ""
    figures = (
        transfers and (f"with transfers, and without{doubt}", "{with_ms:.4g} ms, {without_ms:.4g} ms", transfers),
        total and ("from a file's bytes to a label", "{p50_ms:.3g} ms", total),
        memory and memory["gpu_mb"] and ("memory on the GPU", "{gpu_mb:.0f} MB", memory),
        energy and (f"energy of a photo ({energy['counter']})", "{joules_per_photo:.2g} J", energy),
        start and ("from the start of a process to its first label", "{p50_s:.2f} s", start),
    )
    return [Figure(f"{name}: {told[0]}", told[1].format(**told[2])) for told in figures if told]


def _gpu_commands(result: Result) -> list[Figure]:
    classify, verify, train = (result[key] for key in ("classify", "verify", "train"))
    rates, latency, stages = classify["photos_per_s"], verify["latency_ms"], train["stages_s"]
    same = f"{classify['labels_equal']} of {classify['photos']}, {classify['max_abs_difference']:.0e}"
    answers = "as known" if verify["passed"] else "others"
    photos = f"{train['photos']['train']} + {train['photos']['validation']} photos"
    by_stage = ", ".join(f"{name} {seconds:g} s" for name, seconds in stages.items())
    return [
        Figure(
            f"tlx classify of {classify['photos']} photos: on the GPU, and on {classify['cpu_threads']} threads",
            f"{rates['gpu']:g} photos/s, {rates['cpu']:g} photos/s",
        ),
        Figure("their labels that are equal, largest difference of a probability", same),
        Figure(
            "tlx verify --device gpu: answers, largest difference, a call",
            f"{answers}, {verify['max_abs_difference']:.1e}, {_median_with_ends(latency)} ms",
        ),
        Figure(f"tlx train on JAX, {photos}", f"{train['seconds']:g} s ({by_stage})"),
        Figure(f"energy of its features ({train['counter']})", f"{train['features_joules']:g} J"),
    ]


def _median_with_ends(spread: Result) -> str:
    return f"{spread['median']:.2f} ({spread['low']:.2f} to {spread['high']:.2f})"


def _spread(spread: Result) -> str:
    return f"{spread['median']:.3g} ({spread['min']:.3g} to {spread['max']:.3g})"


def _range(spread: Result) -> str:
    if spread["low"] == spread["high"]:
        return f"{spread['median']:.3f} (one round)"
    return f"{spread['median']:.3f} ({spread['low']:.3f} to {spread['high']:.3f})"


def _interval(estimate: Result) -> str:
    if estimate["low"] is None or estimate["high"] is None:
        return f"{estimate['median']:.3f} (too few rounds for an interval)"
    return f"{estimate['median']:.3f} (95 %: {estimate['low']:.3f} to {estimate['high']:.3f})"


def _percent(share: float | None) -> str:
    return "?" if share is None else f"{share:.2%}"


_FIGURES: Final[dict[str, Callable[[Result], list[Figure]]]] = {
    "bench": _bench,
    "compression": compression_figures,
    "gpu_commands": _gpu_commands,
    "low_rank": low_rank_figures,
    "quantization_aware": quantization_aware_figures,
    "recovery_sweep": recovery_sweep_figures,
    "finetune_step": _finetune_step,
    "extraction": _extraction,
    "export": _export,
    "exported_graph": _exported_graph,
    "overhead": _overhead,
    "cold_start": _cold_start,
    "loadgen": _loadgen,
    "loadgen_agreement": _loadgen_agreement,
    "bench_overhead": _bench_overhead,
    "bench_repeatability": _bench_repeatability,
    "survival": _survival,
    "training_memory": _training_memory,
    "soak": _soak,
    "reconnects": _reconnects,
    "hot_swaps": _hot_swaps,
    "recipes": _recipes,
}
