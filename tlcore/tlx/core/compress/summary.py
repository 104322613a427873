"""What compression did, in words and tables for people."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from tlx.core.compress.bounds import Bounds
from tlx.core.report.words import UNKNOWN, counted, percent, shortened, spelled
from tlx.core.runs import CompressionRecord, LayerWidthRecord, PointRecord
from tlx.runtime.output.printable import printable

MERGED: Final = "merged into the next"
LAYER_HEADS: Final = ("layer", "channels left", "FLOPs before", "FLOPs now", "error", "ms")
NEEDLESS: Final = 1.25
"""From so many times the speed that was asked for: half of that is what measurements differ by anyway."""
_COLUMNS: Final = 110
_GAP: Final = "  "
_UNITS: Final = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_DIGITS: Final = 3


def headline(record: CompressionRecord) -> str:
    """One sentence: how much faster, on what, what was lost, and how much smaller."""
    before = " at fp32" if record.precision != "fp32" else ""
    rounds = f"; {_range(record.speedup_range)} times round by round" if record.speedup_range else ""
    faster = (
        f"{figure(record.speedup)} times as fast as {record.original}: {figure(record.latency_ms)} ms for one picture "
        f"instead of {figure(record.original_ms)} ms{before} "
        f"({record.precision}, {counted(record.threads, 'thread')}, {record.processor}{rounds})"
    )
    upper = f"a drop of at most {max(record.upper_drop_points, 0.0):.2f} with 95 % confidence"
    judged = "" if record.precision == "fp32" else " (at fp32; export judges its int8 file anew)"
    smaller = (
        f"{scaled(record.parameters[0])} parameters of {scaled(record.parameters[1])} and "
        f"{scaled(record.flops[0])} FLOPs of {scaled(record.flops[1])} are left"
    )
    return f"{faster}; {drop_words(record.drop_points)} on the validation photos{judged}, {upper}; {smaller}."


def drop_words(points: float) -> str:
    """``0.30 points lost``, ``0.10 points gained``, ``nothing lost``."""
    if not round(points, 2):
        return "nothing lost"
    return f"{points:.2f} points lost" if points > 0 else f"{-points:.2f} points gained"


def bound_words(bounds: dict[str, float]) -> list[str]:
    """What was asked for, a phrase each."""
    phrases = {
        "speedup": "at least {} times as fast",
        "latency_ms": "at most {} ms for one picture",
        "max_drop": "at most {} points lost",
    }
    return [phrases.get(name, f"{spelled(name)} {{}}").format(f"{value:g}") for name, value in bounds.items()]


def missed_bounds(record: CompressionRecord) -> list[str]:
    """What was asked for and isn't reached, a sentence each."""
    bounds, missed = record.bounds, []
    if record.speedup < bounds.get("speedup", 0.0):
        rounds = f" ({_range(record.speedup_range)} round by round)" if record.speedup_range else ""
        missed.append(f"It is {record.speedup:.2f} times as fast{rounds}, {bounds['speedup']:g} times were asked for.")
    if record.latency_ms > bounds.get("latency_ms", math.inf):
        rounds = f" ({_range(record.latency_range_ms)} round by round)" if record.latency_range_ms else ""
        missed.append(
            f"A picture takes {record.latency_ms:.2f} ms{rounds}, at most {bounds['latency_ms']:g} were asked for."
        )
    allowed = bounds.get("max_drop", math.inf)
    if record.drop_points > allowed:
        missed.append(f"It lost {record.drop_points:.2f} points, at most {allowed:g} were asked for.")
    elif record.upper_drop_points > allowed:
        missed.append(
            f"It may have lost {record.upper_drop_points:.2f} points (the upper end with 95 % confidence): the "
            f"validation photos don't prove the {allowed:g} points at most that were asked for."
        )
    return missed


def needless_speed(record: CompressionRecord) -> list[str]:
    """Much more speed than was asked for, in a sentence: it was paid for with accuracy."""
    speedup, latency_ms = record.bounds.get("speedup"), record.bounds.get("latency_ms")
    if "max_drop" in record.bounds or (speedup is None and latency_ms is None):
        return []
    limit_ms = Bounds(speedup, latency_ms).limit_ms(record.original_ms)
    if limit_ms is None or record.latency_ms * NEEDLESS > limit_ms:
        return []
    times = f"{limit_ms / record.latency_ms:.2f} times as fast as was asked for"
    words = (
        f"It is {times}: times were longer when its widths were chosen. On a machine at rest a wider network, which "
        "loses less, may keep the bound, too."
    )
    return [words]


def refusals(record: CompressionRecord) -> list[str]:
    """Networks that the photos of the verdict refused, in sentences, and what that means for the kept one."""
    refused = [
        f"network {number} ({figure(point.speedup)} times as fast, {point.refused_drop_points:.2f} points lost)"
        for number, point in enumerate(record.points, start=1)
        if point.refused_drop_points is not None
    ]
    if not refused:
        return []
    words = [f"The validation photos that have the last word refused {', '.join(refused)}."]
    if len(refused) > 1 or not any(point.kept and point.refused_drop_points is not None for point in record.points):
        words.append("They have helped to choose by that: expect the kept one to lose a little more on new photos.")
    return words


def breaks_promise(record: CompressionRecord) -> bool:
    """Whether more was lost than allowed, or the speed was missed in each round of the last measurement.

    With seven rounds that happens once in 128 times to a network that just keeps it.
    """
    if not record.bounds:
        return False
    bounds = Bounds(**record.bounds)
    rounds_ms = record.latency_range_ms or (record.latency_ms,)
    is_slow = bounds.misses_speed(record.speedup_range or (record.speedup,), rounds_ms)
    return is_slow or not bounds.allows(record.drop_points)


def _range(ends: tuple[float, float]) -> str:
    return f"{figure(ends[0])} to {figure(ends[1])}"


def accuracy_so_far(point: PointRecord) -> float:
    """After learning, or before where it wasn't taught; 0 to 1."""
    return point.pruned_accuracy if point.accuracy is None else point.accuracy


def paced_ms(record: CompressionRecord, point: PointRecord) -> float:
    """What a network takes at the pace of the kept one's rounds: each was timed in another moment, by the original."""
    return record.original_ms / point.speedup


def original_accuracy(record: CompressionRecord) -> float:
    """The original's accuracy on the photos that the points were judged on.

    A record that doesn't tell it has that on the validation photos.
    """
    return record.original_accuracy if record.reference_accuracy is None else record.reference_accuracy


def learning_words(record: CompressionRecord) -> str:
    """``30.0 min, 12.5 passes over the photos, seed 0``; less of a record that tells less."""
    words = [f"{record.minutes:.1f} min"]
    words += [] if record.passes is None else [f"{record.passes:.1f} passes over the photos"]
    words += [] if record.seed is None else [f"seed {record.seed}"]
    return ", ".join(words)


def size_words(size_hw: tuple[int, int]) -> str:
    """Width and height: ``112 x 112 pixels``."""
    return f"{size_hw[1]} x {size_hw[0]} pixels"


def figure(value: float) -> str:
    """Three digits: ``0.123``, ``5.32``, ``41.2``, ``1,234``."""
    if not math.isfinite(value):
        return UNKNOWN
    whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    return f"{value:,.{max(_DIGITS - whole, 0)}f}"


def scaled(count: float) -> str:
    """``14.7 M``, ``30.7 G``, ``512``."""
    unit, letter = next(((unit, letter) for unit, letter in _UNITS if count >= unit), (1.0, ""))
    return f"{figure(count / unit)} {letter}" if letter else f"{count:.0f}"


def channels_words(layer: LayerWidthRecord) -> str:
    """``16 of 64``; a merged layer says so."""
    left, of = layer.channels
    return f"{left} of {of}" if left else MERGED


def layer_cells(layer: LayerWidthRecord) -> tuple[str, ...]:
    """Under :data:`LAYER_HEADS`."""
    name, channels, before = layer.name, channels_words(layer), scaled(layer.flops[1])
    if not layer.channels[0]:
        return (name, channels, before, UNKNOWN, UNKNOWN, UNKNOWN)
    ms = UNKNOWN if layer.milliseconds is None else figure(layer.milliseconds)
    return (name, channels, before, scaled(layer.flops[0]), percent(layer.error, 2), ms)


def point_cells(point: PointRecord) -> tuple[str, ...]:
    """FLOPs, ms, speedup, accuracy before and after learning, points lost, ``kept`` and ``refused: 0.76`` if so."""
    return (
        scaled(point.flops),
        figure(point.latency_ms),
        figure(point.speedup),
        percent(point.pruned_accuracy, 2),
        UNKNOWN if point.accuracy is None else percent(point.accuracy, 2),
        UNKNOWN if point.drop_points is None else f"{point.drop_points:.2f}",
        fate_words(point),
    )


def fate_words(point: PointRecord) -> str:
    """``kept``, and ``refused: 0.76`` of one that lost so many points on the photos of the verdict, or nothing."""
    refused = "" if point.refused_drop_points is None else f"refused: {point.refused_drop_points:.2f}"
    return ", ".join(filter(None, ("kept" if point.kept else "", refused)))


def original_cells(record: CompressionRecord) -> tuple[str, ...]:
    """The original beside :func:`point_cells`."""
    accuracy = percent(original_accuracy(record), 2)
    return (scaled(record.flops[1]), figure(record.original_ms), figure(1.0), "", accuracy, "", "")


def compression_lines(record: CompressionRecord) -> list[str]:
    """A table layer by layer, and one of the networks that were looked at; at most 110 columns wide."""
    blocks = [table for table in (_layers(record.layers), _points(record)) if table]
    lines = [line for table in blocks for line in ("", *table)][1:]
    # Not every terminal has the dash.
    return [printable(line.replace(UNKNOWN, "-")) for line in lines]


def _layers(layers: Sequence[LayerWidthRecord]) -> list[str]:
    return _aligned([LAYER_HEADS, *map(layer_cells, layers)], names=2) if layers else []


def _points(record: CompressionRecord) -> list[str]:
    if not record.points:
        return []
    heads = ("network", "FLOPs", "ms", "speedup", "untaught", "taught", "drop", "")
    points = [(f"{number}. {point.name}", *point_cells(point)) for number, point in enumerate(record.points, start=1)]
    return _aligned([heads, ("the original", *original_cells(record)), *points], names=1)


def _aligned(rows: Sequence[Sequence[str]], *, names: int) -> list[str]:
    """Columns under their heads, the first ``names`` of them to the left; the first one has what the others leave."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths[0] = min(widths[0], _COLUMNS - sum(width + len(_GAP) for width in widths[1:]))
    rows = [(shortened(row[0], widths[0]), *row[1:]) for row in rows]
    return [_GAP.join(_cells(row, widths, names)).rstrip() for row in rows]


def _cells(row: Sequence[str], widths: Sequence[int], names: int) -> Iterator[str]:
    for place, (text, width) in enumerate(zip(row, widths, strict=True)):
        yield text.ljust(width) if place < names else text.rjust(width)
