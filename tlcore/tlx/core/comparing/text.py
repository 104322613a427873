"""Two runs, held against each other, for people: at most 80 columns wide."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, Final

from tlx.core.comparing.compare import Comparison, DataComparison
from tlx.core.comparing.differences import Difference
from tlx.core.comparing.listing import shorten_middle
from tlx.core.comparing.paired import SIGNIFICANCE
from tlx.runtime.output.printable import printable

_COLUMNS: Final = 80
_KEY_COLUMNS: Final = 28
_VALUE_COLUMNS: Final = 23
_SMALLEST_P_VALUE: Final = 0.0001


def format_comparison(comparison: Comparison) -> list[str]:
    """Lines of text: figures side by side, what chance has to do with it, and what differs."""
    blocks = (
        (f"A  {comparison.a.name}", f"B  {comparison.b.name}"),
        _figures(comparison),
        textwrap.wrap(verdict(comparison), _COLUMNS),
        _section("recipe", comparison.recipe),
        _data(comparison.data),
        _section("weights", comparison.weights),
        *([_section("compression", comparison.compression)] if comparison.compression else []),
        _section("environment", comparison.environment),
    )
    lines: list[str] = []
    for block in blocks:
        lines += ["", *block] if lines else block
    return [printable(line) for line in lines]


def verdict(comparison: Comparison) -> str:
    """What can be said about the difference in validation accuracy."""
    paired = comparison.paired
    if paired is None:
        return f"Whether the difference in accuracy is chance can't be judged: {comparison.not_judged}."
    counts = (
        f"of {paired.photos} photos, A alone has {paired.only_a} right and B alone {paired.only_b} "
        f"(McNemar's exact test: {_p_value(paired.p_value)})"
    )
    if not paired.is_beyond_chance:
        return f"The accuracies can't be told apart from chance: {counts}."
    better = "B" if paired.only_b > paired.only_a else "A"
    return (
        f"{better} is better on photos like these by more than chance: {counts}. "
        "That is about these two models: their recipes may do otherwise with another seed."
    )


def _p_value(value: float) -> str:
    text = f"p < {_SMALLEST_P_VALUE:g}" if value < _SMALLEST_P_VALUE else f"p = {value:.2g}"
    return f"{text}, limit {SIGNIFICANCE:g}"


def _figures(comparison: Comparison) -> Iterator[str]:
    a, b = comparison.a, comparison.b
    yield _figure("", "A", "B", "B - A")
    for name, left, right in (
        ("validation accuracy", a.validation_accuracy, b.validation_accuracy),
        ("best of any epoch", a.best_validation_accuracy, b.best_validation_accuracy),
        ("validation loss", a.validation_loss, b.validation_loss),
        ("training accuracy", a.training_accuracy, b.training_accuracy),
    ):
        yield _figure(name, f"{left:.4f}", f"{right:.4f}", f"{right - left:+z.4f}")
    yield _figure("kept epoch", f"{a.kept_epoch} of {a.epochs}", f"{b.kept_epoch} of {b.epochs}")
    yield _figure("minutes", f"{a.minutes:.1f}", f"{b.minutes:.1f}", f"{b.minutes - a.minutes:+z.1f}")
    for stage in dict.fromkeys((*a.seconds, *b.seconds)):
        left_s, right_s = a.seconds.get(stage, 0), b.seconds.get(stage, 0)
        minutes = (f"{left_s / 60:.1f}", f"{right_s / 60:.1f}", f"{(right_s - left_s) / 60:+z.1f}")
        yield _figure(f"  {stage}", *minutes)
    for name, left, right in (
        ("validation photos", a.validation_photos, b.validation_photos),
        ("classes", a.classes, b.classes),
        ("seed", a.seed, b.seed),
    ):
        yield _figure(name, str(left), str(right))
    yield _figure("preset", shorten_middle(a.preset, 14), shorten_middle(b.preset, 14))
    yield _figure("date (UTC)", a.created_utc[:10], b.created_utc[:10])


def _figure(name: str, a: str, b: str, difference: str = "") -> str:
    return f"{shorten_middle(name, _KEY_COLUMNS):<{_KEY_COLUMNS}}  {a:>14}  {b:>14}  {difference:>12}".rstrip()


def _data(data: DataComparison) -> Iterator[str]:
    if data.is_same:
        yield from _section("data", [one for one in data.differences if one.key == "root"], "the same photos")
        return
    yield "data: not the same photos"
    yield f"  {'':<{_KEY_COLUMNS}}{'A':>10}{'B':>10}{'in both':>12}"
    for counts in data.splits:
        both = "unknown" if counts.both is None else str(counts.both)
        yield f"  {counts.split:<{_KEY_COLUMNS}}{counts.a:>10}{counts.b:>10}{both:>12}"
    yield from map(_difference, data.differences)


def _section(title: str, differences: Sequence[Difference], same: str = "the same") -> Iterator[str]:
    yield f"{title}: {same}" if same != "the same" or not differences else title
    yield from map(_difference, differences)


def _difference(difference: Difference) -> str:
    a, b = _shown(difference.a), _shown(difference.b)
    key = shorten_middle(difference.key, _KEY_COLUMNS)
    return f"  {key:<{_KEY_COLUMNS}}  {a:<{_VALUE_COLUMNS}}  {b}".rstrip()


def _shown(value: Any) -> str:
    if value is None:
        text = "-"
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, float):
        text = f"{value:g}"
    elif isinstance(value, list):
        text = ", ".join(map(str, value)) or "none"
    else:
        text = str(value)
    return shorten_middle(text, _VALUE_COLUMNS)
