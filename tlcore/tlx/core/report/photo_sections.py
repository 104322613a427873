"""The parts that show photos: the worst mistakes, and what augmentation does."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from tlx.core.augmentation import Augmentation
from tlx.core.contact_sheet import contact_sheet
from tlx.core.evaluation.evaluate import Evaluation
from tlx.core.evaluation.mistakes import Mistake
from tlx.core.report.markup import Markup, element, join
from tlx.core.report.pictures import fitted, jpeg_uri, readable_in_turn, thumbnail_uri
from tlx.core.report.section import Section, card, note
from tlx.core.report.source import ReportSource
from tlx.core.report.words import TIMES, counted, percent, shortened, spelled, value_text
from tlx.errors import ImageError

MISTAKES_SHOWN: Final = 24
_NAME_CHARACTERS: Final = 40
_PATH_CHARACTERS: Final = 64
_SHEET_PHOTOS: Final = 4
_SHEET_SIDE: Final = 1400


def mistakes(evaluation: Evaluation) -> Section:
    """The photos with the most confident wrong answers."""
    shown = evaluation.mistakes[:MISTAKES_SHOWN]
    if not shown:
        words = f"None: {counted(evaluation.metrics.n, 'validation photo')}, every answer right."
        return Section("mistakes", "Mistakes", card(element("p", words)))
    total = len(evaluation.mistakes)
    which = f"The {len(shown)} most confident of {total:,}" if len(shown) < total else "All, the most confident first"
    figures = [_figure(evaluation, mistake) for mistake in shown]
    words = f"{which}. Look at the labels, too: a very sure mistake is sometimes a wrong label."
    return Section("mistakes", "Mistakes", join([note(words), element("div", *figures, class_="photos")]))


def _figure(evaluation: Evaluation, mistake: Mistake) -> Markup:
    labels = evaluation.model.labels
    true, given = labels[mistake.true_class], labels[mistake.given_class]
    path = evaluation.photos[mistake.place].path
    name = _below(path, evaluation.root)
    caption = element(
        "figcaption",
        element("p", "given ", _label(given, "given"), " ", _whole(percent(mistake.probability))),
        element("p", "true ", _label(true, "true")),
        element("p", _breaking(name), class_="file", title=str(path)),
    )
    return element("figure", _photo(path, f"{name}: {true}, taken for {given}"), caption)


def _photo(path: Path, description: str) -> Markup:
    try:
        address = thumbnail_uri(path)
    except ImageError as error:
        return element("div", element("span", error.reason), class_="photo missing", role="img", aria_label=description)
    return element("div", element("img", src=address, alt=description), class_="photo")


def _whole(text: str) -> Markup:
    return element("span", text, class_="whole")


def _label(label: str, class_: str) -> Markup:
    return element("b", shortened(label, _NAME_CHARACTERS), class_=class_, title=label)


def _breaking(name: str) -> Markup:
    """The end of a path, to be broken after its slashes first."""
    shown = name if len(name) <= _PATH_CHARACTERS else f"…{name[1 - _PATH_CHARACTERS :]}"
    return join(shown.split("/"), Markup("/<wbr>"))


def _below(path: Path, root: Path) -> str:
    """A file's path below a folder, also where one of the two is written from another starting point."""
    for folder in (root, root.resolve()):
        if path.is_relative_to(folder):
            return str(path.relative_to(folder))
    return str(path)


def augmentation(source: ReportSource) -> Section | None:
    """Some training photos, what the model sees of them, and their first views; None without augmentation."""
    if source.augmentation is None:
        return None
    photos = readable_in_turn(source.training_photos, _SHEET_PHOTOS)
    ranges = note(f"Each view differs by up to: {_ranges(source.augmentation)}.")
    if not photos:
        return Section(
            "augmentation", "Augmentation", join([ranges, card(element("p", "No photo is there any more."))])
        )
    sheet_rgb = contact_sheet(
        photos, augmentation=source.augmentation, seed=source.seed, size_hw=source.size_hw, resize=source.resize
    )
    height, width = source.size_hw
    words = (
        f"{counted(len(photos), 'training photo')}, one a row: the photo, what the model sees of it "
        f"({width} {TIMES} {height} pixels), and its first views in training."
    )
    shown_rgb = fitted(sheet_rgb, _SHEET_SIDE)
    picture = element("img", src=jpeg_uri(shown_rgb), alt=words, class_="sheet")
    box = element("div", picture, class_="scroll", role="region", aria_label="Contact sheet", tabindex="0")
    return Section("augmentation", "Augmentation", card(note(words), box, ranges))


def _ranges(of: Augmentation) -> str:
    return ", ".join(_range(name, value) for name, value in asdict(of).items() if value)


def _range(name: str, value: Any) -> str:
    if name.endswith("_degrees"):
        return f"{spelled(name.removesuffix('_degrees'))} {value:g}°"
    return spelled(name) if value is True else f"{spelled(name)} {value_text(value)}"
