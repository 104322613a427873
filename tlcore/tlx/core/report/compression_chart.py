"""The Pareto chart of a compression: accuracy over latency of all networks that it looked at."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from tlx.core.compress.summary import accuracy_so_far, drop_words, fate_words, figure, original_accuracy, paced_ms
from tlx.core.report.axes import Axes, round_step, ticks
from tlx.core.report.curve_charts import picture
from tlx.core.report.markup import Markup, element, join
from tlx.core.report.pareto import is_on_front, stair
from tlx.core.report.scale import LogScale, scale_for
from tlx.core.report.words import percent
from tlx.core.runs import CompressionRecord, PointRecord

_BOTTOM: Final = 250.0
_TOP: Final = 20.0
_LEAST_SPAN: Final = 0.01
_ROOM: Final = 0.06
_MARK: Final = 8.0
_DIGIT_WIDTH, _TEXT_HEIGHT = 9.5, 17.0  # of the largest text, that on a phone

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def compression_chart(record: CompressionRecord) -> Markup:
    """Draw accuracy over latency: each point with its number, the kept one, the original, and the stair of the best.

    Latencies are those at one pace of the machine (:func:`~tlx.core.compress.summary.paced_ms`).
    Accuracies before learning may be far below all others; those are drawn at the lower edge.
    """
    scale = scale_for([record.original_ms, *(paced_ms(record, point) for point in record.points)])
    scale = LogScale(scale.low, scale.high, left=60, right=460)
    axes = Axes((0.0, 1.0), accuracy_range(record), left=scale.left, right=scale.right, top=_TOP, bottom=_BOTTOM)
    marks = ticks(*axes.y_range)
    choices = [(paced_ms(record, point), accuracy_so_far(point)) for point in record.points]
    choices.append((record.original_ms, original_accuracy(record)))
    places = [(scale.x(latency_ms), _height(axes, accuracy)) for latency_ms, accuracy in choices]
    parts = [
        axes.rows(marks, [percent(mark) for mark in marks]),
        scale.columns(_TOP, _BOTTOM, f"ms for one picture ({record.precision})"),
        stair(axes, scale, choices),
        _original(record, *places[-1]),
        *(
            _point(_words(record, point), point, axes, *place)
            for point, place in zip(record.points, places, strict=False)
        ),
        *_numbers(axes, places, [point.kept for point in record.points]),
    ]
    return picture("Accuracy over latency", _description(record), parts, height=_BOTTOM + 42)


def accuracy_range(record: CompressionRecord) -> tuple[float, float]:
    """The accuracies at the lower and the upper edge, so that the original and what was taught are told apart."""
    taught = [point.accuracy for point in record.points if point.accuracy is not None]
    shown = [original_accuracy(record), *(taught or [point.pruned_accuracy for point in record.points])]
    highest = max([*shown, *(accuracy_so_far(point) for point in record.points)])
    span = max(highest - min(shown), _LEAST_SPAN)
    step = round_step(span / 5)
    low = max(0.0, math.floor((min(shown) - _ROOM * span) / step) * step)
    high = min(1.0, math.ceil((highest + _ROOM * span) / step) * step)
    return low, high


def below_scale(record: CompressionRecord) -> int:
    """How many points lie below the chart's scale and are drawn at its edge."""
    low, _ = accuracy_range(record)
    return sum(accuracy_so_far(point) < low for point in record.points)


def key() -> Markup:
    """What the marks in the chart mean."""
    entries = (
        (element("circle", class_="taught", cx=20, cy=8, r=6), "taught"),
        (element("circle", class_="untaught", cx=20, cy=8, r=5), "not taught"),
        (element("circle", class_="ring", cx=20, cy=8, r=7), "kept"),
        (element("path", class_="original", d=_diamond(20, 8)), "the original"),
        (element("path", class_="stair", d="M2 8H38"), "no other one is both as fast and as accurate"),
    )
    spans = [
        element("span", element("svg", mark, viewBox="0 0 40 16", aria_hidden="true"), words) for mark, words in entries
    ]
    return element("p", join(spans), class_="key")


def _height(axes: Axes, accuracy: float) -> float:
    """Of a mark; what lies below the scale stands on its lower edge."""
    return axes.y(accuracy) if accuracy >= axes.y_range[0] else axes.bottom - _MARK


def _diamond(x: float, y: float) -> str:
    return f"M{x:.1f} {y - _MARK:.1f}l{_MARK} {_MARK}l-{_MARK} {_MARK}l-{_MARK} -{_MARK}z"


def _original(record: CompressionRecord, x: float, y: float) -> Markup:
    return element("path", element("title", _original_words(record)), class_="original", d=_diamond(x, y))


def _point(words: str, point: PointRecord, axes: Axes, x: float, y: float) -> Markup:
    if accuracy_so_far(point) < axes.y_range[0]:
        mark = element("path", class_="untaught", d=f"M{x - 6:.1f} {y - 5:.1f}h12l-6 10z")
    else:
        untaught = point.accuracy is None
        mark = element("circle", class_="untaught" if untaught else "taught", cx=x, cy=y, r=5 if untaught else 6)
    ring = (element("circle", class_="ring", cx=x, cy=y, r=9.5),) if point.kept else ()
    return element("g", element("title", words), mark, *ring)


def _numbers(axes: Axes, places: Sequence[tuple[float, float]], kept: Sequence[bool]) -> Iterator[Markup]:
    """The points' numbers beside them, the kept one's first; where all sides are taken there is none."""
    taken: list[Box] = [(x - _MARK, y - _MARK, x + _MARK, y + _MARK) for x, y in places]
    for place in sorted(range(len(kept)), key=lambda place: not kept[place]):
        number = str(place + 1)
        for box in _sides(*places[place], len(number) * _DIGIT_WIDTH):
            inside = axes.left <= box[0] and box[2] <= axes.right + _MARK and box[3] <= axes.bottom
            if inside and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                middle = (box[0] + box[2]) / 2
                yield element("text", number, class_="name middle", x=middle, y=box[3] - 4)
                break


def _sides(x: float, y: float, width: float) -> Iterator[Box]:
    """Places for a text beside a point, the best first."""
    reach = _MARK + 1
    for left in (x + reach, x - reach - width):
        for top in (y - _TEXT_HEIGHT, y, y - _TEXT_HEIGHT / 2):
            yield left, top, left + width, top + _TEXT_HEIGHT
    for top in (y - reach - _TEXT_HEIGHT, y + reach):
        yield x - width / 2, top, x + width / 2, top + _TEXT_HEIGHT


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _description(record: CompressionRecord) -> str:
    words = [_original_words(record)]
    words += [f"{number}. {_words(record, point)}" for number, point in enumerate(record.points, 1)]
    choices = [(paced_ms(record, point), accuracy_so_far(point)) for point in record.points]
    all_choices = [*choices, (record.original_ms, original_accuracy(record))]
    best = [str(number) for number, choice in enumerate(choices, 1) if is_on_front(choice, all_choices)]
    return f"{'; '.join(words)}. Beaten by no other: {', '.join(best) or 'the original alone'}."


def _original_words(record: CompressionRecord) -> str:
    return f"The original: {percent(original_accuracy(record), 2)} right, {figure(record.original_ms)} ms"


def _words(record: CompressionRecord, point: PointRecord) -> str:
    taught = "not taught" if point.accuracy is None else "taught"
    drop = "" if point.drop_points is None else f", {drop_words(point.drop_points)}"
    right = f"{percent(accuracy_so_far(point), 2)} right"
    state = ", ".join(filter(None, (taught, fate_words(point))))
    return f"{point.name}: {right}{drop}, {figure(paced_ms(record, point))} ms, {state}"
