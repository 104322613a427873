"""How good the model is on the validation photos: scores, confusions, classes, calibration."""

from __future__ import annotations

from typing import Final

from tlx.core.evaluation.calibration import BINS
from tlx.core.evaluation.evaluate import Evaluation
from tlx.core.report.markup import Markup, element, join
from tlx.core.report.reliability_chart import reliability_chart
from tlx.core.report.section import Section, card, note
from tlx.core.report.tables import scrolling, table
from tlx.core.report.training_sections import share_bar
from tlx.core.report.words import counted, percent, shortened

LARGEST_MATRIX: Final = 40
_NUMBERED_FROM: Final = 9
_SORTED_FROM: Final = 21
_CONFUSIONS_FROM: Final = 5
_CONFUSIONS_LISTED: Final = 12
_NAME_CHARACTERS: Final = 40
_HEAD_CHARACTERS: Final = 20


def quality(evaluation: Evaluation) -> Section:
    """Confusion matrix, classes, calibration."""
    classes = len(evaluation.model.labels)
    matrix = _confusion(evaluation) if classes <= LARGEST_MATRIX else None
    confusions = _frequent_confusions(evaluation) if classes >= _CONFUSIONS_FROM else None
    reliability = card(
        reliability_chart(evaluation.calibration.bins, evaluation.calibration.ece),
        _calibration_words(evaluation),
        title="Reliability",
    )
    scores = card(_classes(evaluation), _scores(evaluation), title="Classes")
    wide = classes >= _NUMBERED_FROM
    left = [matrix, scores] if matrix and not wide else [scores]
    right = [reliability, confusions] if confusions else [reliability]
    columns = element("div", element("div", *left), element("div", *right), class_="columns")
    return Section("quality", "Quality", join([matrix, columns]) if matrix and wide else columns)


def _confusion(evaluation: Evaluation) -> Markup:
    labels, confusion = evaluation.model.labels, evaluation.metrics.confusion
    numbered = len(labels) >= _NUMBERED_FROM
    heads = [str(place) if numbered else label for place, label in enumerate(labels, start=1)]
    top = element(
        "tr",
        element("td", "true ↓ given →", class_="corner"),
        *(
            element("th", shortened(head, _HEAD_CHARACTERS), scope="col", title=label)
            for head, label in zip(heads, labels, strict=True)
        ),
    )
    rows = [_matrix_row(evaluation, place, row, numbered=numbered) for place, row in enumerate(confusion)]
    caption = element("caption", "Photos by true class (rows) and given class (columns)")
    class_ = "matrix numbered" if numbered else "matrix"
    matrix = element("table", caption, element("thead", top), element("tbody", *rows), class_=class_)
    words = "Stronger colours: a larger share of the row. On the diagonal the answers are right."
    if numbered:
        words += " Columns are numbered as the rows."
    return card(scrolling(matrix, "Confusion matrix"), note(words), title="Confusion matrix")


def _matrix_row(evaluation: Evaluation, true: int, row: tuple[int, ...], *, numbered: bool) -> Markup:
    label, total = evaluation.model.labels[true], sum(row)
    cells = []
    for given, count in enumerate(row):
        kind = "zero" if not count else "right" if given == true else "wrong"
        share = f"--share:{count / total:.3f}" if count else None
        cells.append(element("td", str(count) if count else "·", class_=kind, style=share))
    name = shortened(label, _NAME_CHARACTERS)
    head = element("th", f"{true + 1} {name}" if numbered else name, scope="row", title=label)
    return element("tr", head, *cells)


def _frequent_confusions(evaluation: Evaluation) -> Markup | None:
    labels = evaluation.model.labels
    found = [
        (count, labels[true], labels[given], sum(row))
        for true, row in enumerate(evaluation.metrics.confusion)
        for given, count in enumerate(row)
        if count and true != given
    ]
    if not found:
        return None
    shown = sorted(found, key=lambda one: -one[0])[:_CONFUSIONS_LISTED]
    rows = [(f"{true} → {given}", str(count), percent(count / total)) for count, true, given, total in shown]
    caption = f"The {len(rows)} most frequent of {len(found)}" if len(rows) < len(found) else "All, most frequent first"
    content = table(caption, ("true → given", "photos", "of that class"), rows)
    return card(content, title="Confusions")


def _classes(evaluation: Evaluation) -> Markup:
    scores = list(evaluation.metrics.classes)
    caption = "Each class"
    if len(scores) >= _SORTED_FROM:
        scores.sort(key=lambda one: one.f1)
        caption = "Each class, the lowest F1 first"
    rows = [
        (one.label, f"{one.precision:.4f}", share_bar(one.recall), f"{one.f1:.4f}", f"{one.support:,}")
        for one in scores
    ]
    return table(caption, ("class", "precision", "recall", "F1", "photos"), rows)


def _scores(evaluation: Evaluation) -> Markup:
    metrics = evaluation.metrics
    auc = "photos of one class only" if metrics.roc_auc is None else f"{metrics.roc_auc:.4f}"
    rows = [
        ("balanced accuracy", f"{metrics.balanced_accuracy:.4f}"),
        ("ROC AUC", auc),
        ("log loss", f"{metrics.log_loss:.4f}"),
    ]
    best = evaluation.threshold
    if best is not None and best.value != evaluation.model.threshold:
        words = f"{best.value:.3f} (now {evaluation.model.threshold:g}): balanced accuracy {best.balanced_accuracy:.4f}"
        rows.append((f"best threshold of {evaluation.model.labels[1]}", words))
    return table("All together", ("score", "value"), rows, numeric=False, class_="pairs")


def _calibration_words(evaluation: Evaluation) -> Markup:
    calibration = evaluation.calibration
    words = (
        f"Calibration error (ECE, {BINS} bins) {calibration.ece:.4f}. A point on the dashed line is as often right "
        "as it says; below it the model is too sure of itself. Lines: 95 % intervals. Below: photos by confidence."
    )
    if calibration.temperature is not None:
        words += (
            f" A temperature of {calibration.temperature:.2f} would bring the error to "
            f"{calibration.ece_at_temperature:.4f} on these very photos."
        )
    return note(words)


def headline_tiles(evaluation: Evaluation) -> list[tuple[str, str, str]]:
    """What the top of the page says of the quality: name, value, explanation."""
    metrics = evaluation.metrics
    low, high = metrics.accuracy_interval
    return [
        ("validation accuracy", percent(metrics.accuracy), f"95 % interval {percent(low)} to {percent(high)}"),
        ("validation photos", f"{metrics.n:,}", f"{counted(len(evaluation.mistakes), 'mistake')}"),
    ]
