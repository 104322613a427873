"""What the table says of the benchmarks of compression."""

from __future__ import annotations

from pathlib import PurePath
from statistics import median
from typing import Final

from suite.figure import Figure, Result, at_most

KERAS_TIMES: Final = 30.0
MOST_LOST: Final = 0.5
LEAST_RIGHT: Final = 0.973
MOST_MB: Final = 6.0
MOST_MINUTES: Final = 45.0
SHORT_PASSES: Final = 15


def compression_figures(result: Result) -> list[Figure]:
    """What was asked of compression: speed over Keras and over the uncompressed network, size, accuracy."""
    rows = {row["name"]: row for row in result["engines"] if row.get("p50_ms") is not None}
    small = next(row for name, row in rows.items() if "compressed-int8" in str(row["model"]))
    keras = rows.get("keras.predict")
    record, accuracy = result["compression"], {name: one["accuracy"] for name, one in result["accuracy"].items()}
    ends = small["ratio_ci95"]
    over_keras = small["ratio_to_baseline"] if keras and small["baseline"] == keras["name"] else 0.0
    lost = 100 * (accuracy["original-fp32"] - accuracy["compressed-int8"])
    seconds = sum(result["seconds"].values())
    mobile = [row for row in rows.values() if PurePath(str(row["model"])).name.startswith("mobilenet")]
    return [
        Figure(
            "compressed int8 file over keras.predict, round by round",
            f"{over_keras:.3g} (95 %: {ends[0]:.3g} to {ends[1]:.3g})" if ends else f"{over_keras:.3g}",
            f"{KERAS_TIMES:g} (by the median)",
            over_keras >= KERAS_TIMES,
        ),
        Figure(
            "accuracy on the validation photos: original fp32, compressed int8",
            f"{accuracy['original-fp32']:.4f}, {accuracy['compressed-int8']:.4f} ({lost:+.2f} points lost)",
            "0.5 points, 0.973",
            lost <= MOST_LOST and accuracy["compressed-int8"] >= LEAST_RIGHT,
        ),
        at_most("its size", f"{small['model_bytes'] / 1e6:.1f} MB", small["model_bytes"] / 1e6, MOST_MB, " MB"),
        at_most("tlx compress in all", f"{seconds / 60:.1f} minutes", seconds / 60, MOST_MINUTES, " minutes"),
        Figure("operations left", f"{record['flops'][0] / 1e9:.3g} of {record['flops'][1] / 1e9:.3g} GFLOP"),
        *(
            at_most(
                f"its time over that of {PurePath(row['model']).stem} (fp32, random weights)",
                f"{small['p50_ms'] / row['p50_ms']:.3g}",
                small["p50_ms"] / row["p50_ms"],
                1,
            )
            for row in mobile
        ),
    ]


def recovery_sweep_figures(result: Result) -> list[Figure]:
    """What learning longer, and by other courses, gives; one network a line."""
    found = []
    for name, network in result["networks"].items():
        rows = [row for row in result["rows"] if row["network"] == name]
        short = [row["validation"]["accuracy"] for row in rows if row["course"]["passes"] == SHORT_PASSES]
        title = f"a network of {network['gflop']} GFLOP"
        found.append(
            Figure(
                f"{title} after {SHORT_PASSES} passes, {len(short)} courses: validation accuracy",
                f"{median(short):.3f} ({min(short):.3f} to {max(short):.3f})",
            )
        )
        found += [
            Figure(
                f"{title} after {row['course']['passes']} passes, learning rate {row['course']['learning_rate']:g}",
                f"{row['validation']['accuracy']:.3f} in {row['seconds']:.0f} s",
            )
            for row in rows
            if row["learned_from"].startswith("all")
        ]
    return found


def low_rank_figures(result: Result) -> list[Figure]:
    """Whole networks in closed form: which of two ways leaves more at which speed."""
    return [
        Figure(
            f"in closed form: {row['name']}",
            f"{row['accuracy']:.3f}; {row['fp32']['speedup']:.2f} times in fp32, {row['int8']['speedup']:.2f} in int8",
        )
        for row in result["networks"]
    ]


def quantization_aware_figures(result: Result) -> list[Figure]:
    """Eight bits with and without training for them."""
    found = []
    for row in result["networks"]:
        learned = "" if row["seed"] is None else f" for {result['passes']} passes, seed {row['seed']}"
        fp32, int8 = (f"{row[name]['accuracy']:.3f}" for name in ("fp32", "int8"))
        found.append(
            Figure(
                f"a compressed network, {row['name']}{learned}: accuracy in fp32, int8",
                f"{fp32}, {int8}; log-odds {row['log_odds_rms']:.3f} apart",
            )
        )
    return found
