"""What compression made of a run: how much faster, what was lost, layer by layer, and the networks on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tlx.core.compress.summary import (
    LAYER_HEADS,
    bound_words,
    drop_words,
    figure,
    headline,
    layer_cells,
    learning_words,
    original_cells,
    point_cells,
    scaled,
    size_words,
)
from tlx.core.report.compression_chart import below_scale, compression_chart, key
from tlx.core.report.markup import Markup, element, join
from tlx.core.report.section import Section, card, note
from tlx.core.report.source import ReportSource
from tlx.core.report.tables import table
from tlx.core.report.words import TIMES, UNKNOWN, counted, percent
from tlx.core.runs import CompressionRecord, LayerWidthRecord

_ERROR_WORDS: Final = (
    "Error: the share of the variance of what the next layer gives that these channels can't give any more, before "
    "anything was learned. FLOPs: multiplications and additions for one picture."
)


def compression(source: ReportSource) -> Section | None:
    """How the run was made smaller; None if it wasn't."""
    record = source.record.compression
    if record is None:
        return None
    left = [_chart(record)] if record.points else []
    if record.what_next:
        tips = element("ul", *(element("li", line) for line in record.what_next), class_="problems")
        left.append(card(tips, title="What to try next"))
    right = [card(_before_and_after(record, source.record.result.validation_accuracy), _facts(record))]
    columns = [element("div", *parts) for parts in (left, right) if parts]
    body = [
        card(element("p", headline(record))),
        element("div", *columns, class_="columns"),
        *([card(_points(record), title="Networks")] if record.points else []),
        *([card(_layers(record.layers), note(_ERROR_WORDS), title="Layer by layer")] if record.layers else []),
    ]
    return Section("compression", "Compression", join(body))


def headline_tiles(record: CompressionRecord) -> list[tuple[str, str, str]]:
    """What the top of the page says of the compression: name, value, explanation."""
    lost, upper = record.drop_points, max(record.upper_drop_points, 0.0)
    speed = f"{figure(record.latency_ms)} ms, {record.precision}, {counted(record.threads, 'thread')}"
    return [
        ("times as fast", f"{figure(record.speedup)}{TIMES}", speed),
        ("points lost", f"{round(lost, 2) or 0.0:.2f}", f"at most {upper:.2f} with 95 % confidence"),
    ]


def _chart(record: CompressionRecord) -> Markup:
    words = "Numbers: those of the table below; where points are close, some have no room."
    below = below_scale(record)
    if below:
        words += f" At the lower edge (▽): {counted(below, 'point')} below the scale."
    return card(key(), compression_chart(record), note(words), title="Accuracy over latency")


def _before_and_after(record: CompressionRecord, accuracy: float) -> Markup:
    rows = [
        (
            "ms for one picture",
            f"{figure(record.original_ms)} (fp32)",
            f"{figure(record.latency_ms)} ({record.precision})",
            percent(record.latency_ms / record.original_ms) if record.original_ms else UNKNOWN,
        ),
        *_size(record),
        ("FLOPs", *_counts(record.flops)),
        ("parameters", *_counts(record.parameters)),
        (
            "validation accuracy",
            percent(record.original_accuracy, 2),
            percent(accuracy, 2),
            drop_words(record.drop_points),
        ),
    ]
    return table("Before and after", ("what", "original", "now", "left"), rows)


def _size(record: CompressionRecord) -> list[tuple[str, str, str, str]]:
    if record.size_hw is None or record.original_size_hw is None:
        return []
    (height, width), (old_height, old_width) = record.size_hw, record.original_size_hw
    left = percent(height * width / (old_height * old_width))
    return [("input", size_words(record.original_size_hw), size_words(record.size_hw), left)]


def _counts(counts: tuple[int, int]) -> tuple[str, str, str]:
    now, before = counts
    return scaled(before), scaled(now), percent(now / before) if before else UNKNOWN


def _facts(record: CompressionRecord) -> Markup:
    rows = [
        ("made from", record.original),
        ("asked for", "; ".join(bound_words(record.bounds)) or UNKNOWN),
        ("measured on", f"{record.processor}, {counted(record.threads, 'thread')}"),
        (
            "validation photos",
            f"{record.lost:,} that the original alone gets right, {record.gained:,} the other way round",
        ),
        ("learning", learning_words(record)),
    ]
    return table("How", ("what", "value"), rows, numeric=False, class_="pairs")


def _points(record: CompressionRecord) -> Markup:
    heads = (
        *("number", "FLOPs", "ms", "times as fast", "accuracy before learning", "after learning"),
        *("points lost", "verdict", "network"),
    )
    points = [(str(number), *point_cells(point), point.name) for number, point in enumerate(record.points, start=1)]
    rows = [("original", *original_cells(record), record.original), *points]
    return table("All networks that were looked at, in their order", heads, rows, class_="named")


def _layers(layers: Sequence[LayerWidthRecord]) -> Markup:
    return table("Convolutions", LAYER_HEADS, list(map(layer_cells, layers)))
