"""What compression made of a run: how much faster, what was lost, layer by layer, and the networks on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tlx.core.compress.summary import (
    bound_words,
    channels_words,
    drop_words,
    figure,
    headline,
    original_accuracy,
    scaled,
)
from tlx.core.report.compression_chart import below_scale, compression_chart, key
from tlx.core.report.markup import Markup, element, join
from tlx.core.report.section import Section, card, note
from tlx.core.report.source import ReportSource
from tlx.core.report.tables import table
from tlx.core.report.words import TIMES, UNKNOWN, counted, percent
from tlx.core.runs import CompressionRecord, LayerWidthRecord, PointRecord

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
        ("learning", f"{record.minutes:.1f} min"),
    ]
    return table("How", ("what", "value"), rows, numeric=False, class_="pairs")


def _points(record: CompressionRecord) -> Markup:
    heads = (
        *("number", "FLOPs", "ms", "times as fast", "accuracy before learning", "after learning"),
        *("points lost", "kept", "network"),
    )
    original = (
        "original",
        scaled(record.flops[1]),
        figure(record.original_ms),
        figure(1.0),
        "",
        percent(original_accuracy(record), 2),
        "",
        "",
        record.original,
    )
    rows = [original, *(_point(number, point) for number, point in enumerate(record.points, start=1))]
    return table("All networks that were looked at, in their order", heads, rows, class_="named")


def _point(number: int, point: PointRecord) -> tuple[str, ...]:
    return (
        str(number),
        scaled(point.flops),
        figure(point.latency_ms),
        figure(point.speedup),
        percent(point.pruned_accuracy, 2),
        "not taught" if point.accuracy is None else percent(point.accuracy, 2),
        UNKNOWN if point.drop_points is None else f"{point.drop_points:.2f}",
        "yes" if point.kept else "",
        point.name,
    )


def _layers(layers: Sequence[LayerWidthRecord]) -> Markup:
    heads = ("layer", "channels left", "FLOPs before", "FLOPs now", "error", "ms")
    return table("Convolutions", heads, list(map(_layer, layers)))


def _layer(layer: LayerWidthRecord) -> tuple[str, ...]:
    channels, before = channels_words(layer), scaled(layer.flops[1])
    if not layer.channels[0]:
        return (layer.name, channels, before, UNKNOWN, UNKNOWN, UNKNOWN)
    ms = UNKNOWN if layer.milliseconds is None else figure(layer.milliseconds)
    return (layer.name, channels, before, scaled(layer.flops[0]), percent(layer.error, 2), ms)
