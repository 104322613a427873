"""An evaluation for people, at most 80 columns wide (file names apart)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from tlx.core.evaluation.calibration import BINS
from tlx.core.evaluation.evaluate import Evaluation
from tlx.core.evaluation.metrics import CONFIDENCE
from tlx.runtime.output.printable import printable

_NAME_COLUMNS: Final = 24
_CELL_COLUMNS: Final = 9
_LARGEST_MATRIX: Final = 5
_CLASSES_LISTED: Final = 20
_CONFUSIONS_LISTED: Final = 10


def format_evaluation(evaluation: Evaluation, mistakes: int) -> list[str]:
    """Lines of text: scores, classes, confusions, threshold, calibration and at most ``mistakes`` mistakes."""
    blocks = (
        _headline(evaluation),
        _scores(evaluation),
        _classes(evaluation),
        _confusion(evaluation),
        _threshold(evaluation),
        _calibration(evaluation),
        _mistakes(evaluation, mistakes),
    )
    lines: list[str] = []
    for block in blocks:
        text = [printable(line) for line in block]
        lines += ["", *text] if lines and text else text
    return lines


def _headline(evaluation: Evaluation) -> Iterator[str]:
    part = f", {evaluation.split} photos" if evaluation.split else ""
    yield f"{evaluation.model.name} ({evaluation.model.engine})"
    left_out = len(evaluation.unreadable)
    yield f"on {evaluation.root}{part}: {len(evaluation.photos)}" + (f", {left_out} left out" if left_out else "")
    if evaluation.trained_on:
        yield f"{evaluation.trained_on} of them are training photos: the figures flatter the model"


def _scores(evaluation: Evaluation) -> Iterator[str]:
    metrics = evaluation.metrics
    low, high = metrics.accuracy_interval
    interval = f"{CONFIDENCE:.0%} interval {low:.4f} to {high:.4f}"
    auc = "n/a (photos of one class only)" if metrics.roc_auc is None else f"{metrics.roc_auc:.4f}"
    yield f"accuracy           {metrics.accuracy:.4f}  ({interval}; {len(evaluation.mistakes)} wrong)"
    yield f"balanced accuracy  {metrics.balanced_accuracy:.4f}"
    yield f"ROC AUC            {auc}"
    yield f"log loss           {metrics.log_loss:.4f}"


def _classes(evaluation: Evaluation) -> Iterator[str]:
    width = _name_width(evaluation.model.labels)
    shown = evaluation.metrics.classes
    if len(shown) > _CLASSES_LISTED:
        shown = tuple(sorted(shown, key=lambda scores: scores.f1)[:_CLASSES_LISTED])
        yield f"{len(shown)} of {len(evaluation.metrics.classes)} classes, the lowest F1 first (all: --format json)"
    yield f"{'class':<{width}}  precision  recall      F1  photos"
    for scores in shown:
        yield (
            f"{_shortened(scores.label, width):<{width}}  {scores.precision:>9.4f}  {scores.recall:.4f}  "
            f"{scores.f1:.4f}  {scores.support:>6}"
        )


def _confusion(evaluation: Evaluation) -> Iterator[str]:
    labels = evaluation.model.labels
    if len(labels) > _LARGEST_MATRIX:
        yield from _frequent_confusions(evaluation)
        return
    width = _name_width(labels)
    heads = [_shortened(label, _CELL_COLUMNS) for label in labels]
    cells = [max(len(head), 6) for head in heads]
    yield _row("true \\ given", heads, max(width, 12), cells)
    for label, row in zip(labels, evaluation.metrics.confusion, strict=True):
        yield _row(_shortened(label, width), [str(count) for count in row], max(width, 12), cells)


def _frequent_confusions(evaluation: Evaluation) -> Iterator[str]:
    labels = evaluation.model.labels
    width = _name_width(labels)
    found = [
        (count, _shortened(labels[true], width), _shortened(labels[given], width))
        for true, row in enumerate(evaluation.metrics.confusion)
        for given, count in enumerate(row)
        if count and true != given
    ]
    if found:
        yield "most frequent confusions (all: --format json)"
    for count, true, given in sorted(found, key=lambda one: -one[0])[:_CONFUSIONS_LISTED]:
        yield f"{count:>6}  {true:<{width}}  taken for {given}"


def _threshold(evaluation: Evaluation) -> Iterator[str]:
    best, model = evaluation.threshold, evaluation.model
    if best is None:
        return
    if best.value == model.threshold:
        yield f"threshold          {model.threshold:g}, no other does better on these photos"
        return
    label = _shortened(model.labels[1], _NAME_COLUMNS)
    yield f"best threshold     {best.value:.4f} of {label} (now {model.threshold:g}): balanced accuracy"
    yield f"                   {best.balanced_accuracy:.4f}, chosen on these very photos, so expect less on others"


def _calibration(evaluation: Evaluation) -> Iterator[str]:
    calibration = evaluation.calibration
    yield f"calibration error  {calibration.ece:.4f}  (ECE, {BINS} bins)"
    if calibration.temperature is None:
        yield "temperature        none fits (every answer right, or no better than chance)"
    else:
        yield (
            f"temperature        {calibration.temperature:.3f}, fitted on these photos: error "
            f"{calibration.ece_at_temperature:.4f}, log loss {calibration.log_loss_at_temperature:.4f}"
        )
    yield from _carried(evaluation)
    yield ""
    yield "confidence       photos    mean  accuracy"
    for row in calibration.bins:
        yield f"{row.low:.3f} to {row.high:.3f}  {row.count:>6}  {row.confidence:.4f}    {row.accuracy:.4f}"


def _carried(evaluation: Evaluation) -> Iterator[str]:
    own, carried = evaluation.model.calibration, evaluation.calibration.carried
    if own is None or carried is None:
        return
    yield f"carried            {own.temperature:.3f}: error {carried.ece:.4f}, log loss {carried.log_loss:.4f}"
    again = evaluation.calibrated_on
    among = f", {again} of them among these" if again else ""
    yield f"                   fitted in training on {own.photos} validation photos{among}"


def _mistakes(evaluation: Evaluation, count: int) -> Iterator[str]:
    shown = evaluation.mistakes[:count]
    if not shown:
        return
    labels = evaluation.model.labels
    width = _name_width(labels)
    yield f"most confident mistakes ({len(shown)} of {len(evaluation.mistakes)})"
    for mistake in shown:
        given = _shortened(labels[mistake.given_class], width)
        true = _shortened(labels[mistake.true_class], width)
        path = evaluation.photos[mistake.place].path
        yield f"{mistake.probability:.4f}  {given:<{width}}  is {true:<{width}}  {path}"


def _row(name: str, cells: Sequence[str], name_width: int, widths: Sequence[int]) -> str:
    return "  ".join([name.ljust(name_width), *(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))])


def _name_width(labels: Sequence[str]) -> int:
    return max(len("class"), *(min(len(label), _NAME_COLUMNS) for label in labels))


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
