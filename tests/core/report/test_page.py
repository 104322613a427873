"""The report is one file that holds all, whatever the run looks like."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tlx.core.evaluation.evaluate import EvaluateOptions, evaluate_model
from tlx.core.report.page import render, write_report
from tlx.core.report.source import ReportSource
from tlx.errors import OutputError

if TYPE_CHECKING:
    from tests.core.report.conftest import SourceMaker

    from tlx.core.runs import Run

ODD_LABELS = ("<script>alert(1)</script>", 'Müller & Söhne\'s "große" Hunde', "w" * 70)


class Page(HTMLParser):
    """The elements and texts of a page; unbalanced tags are an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in {"meta", "img", "wbr"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    def values(self, tag: str, name: str) -> list[str]:
        return [value for at, key, value in self.attributes if (at, key) == (tag, name)]

    @property
    def text(self) -> str:
        return " ".join(self.texts)


def test_a_run_gets_a_report_with_everything(tiny_run: Run, tmp_path: Path) -> None:
    source = ReportSource(
        record=tiny_run.record,
        history=json.loads((tiny_run.folder / "history.json").read_bytes()),
        evaluation=evaluate_model(str(tiny_run.folder), EvaluateOptions()),
        augmentation=None,
        training_photos=tiny_run.photos("train"),
        seed=0,
        size_hw=(32, 32),
    )
    write_report(source, tmp_path / "report.html")
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    for expected in (
        tiny_run.record.name,
        f"tlx export model.onnx --run {tiny_run.record.name}",
        f"tlx evaluate {tiny_run.record.name}",
        tiny_run.record.data.sha256,
        tiny_run.record.environment["versions"]["keras"],
        "The energy was not measured.",
    ):
        assert expected in page.text
    low, high = source.evaluation.metrics.accuracy_interval
    assert f"95 % interval {low * 100:.1f} % to {high * 100:.1f} %" in page.text


def test_sections_mark_phases_energy_confusions_and_problems(make_source: SourceMaker) -> None:
    page = Page(render(make_source()))
    assert page.values("section", "id") == [
        *("curves", "quality", "mistakes", "augmentation", "data", "time", "configuration", "environment", "next")
    ]
    for expected in ("7.2 kJ (2.0 Wh)", "11.7 min", "dull.jpg: is truncated", "schedule kind", "31 January 2026"):
        assert expected in page.text
    assert page.texts.count("phase block5: 6 epochs") == 2
    addresses = page.values("img", "src")
    assert len(addresses) == 3  # two mistakes and the contact sheet
    assert all(address.startswith("data:image/jpeg;base64,") for address in addresses)


def test_nothing_is_loaded_and_nothing_runs(make_source: SourceMaker) -> None:
    text = render(make_source(labels=ODD_LABELS))
    page = Page(text)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert not re.search(r"url\((?!#)|@import", text)
    assert all(address.startswith("#") for address in page.values("a", "href"))
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert "default-src 'none'" in page.values("meta", "content")[0]


def test_words_of_users_stay_words(make_source: SourceMaker) -> None:
    source = make_source(labels=ODD_LABELS, missing=True)
    source = replace(source, record=source.record.model_copy(update={"name": "<b>run</b> $(rm)"}))
    page = Page(render(source))
    assert set(ODD_LABELS) <= set(page.texts)
    assert "tlx evaluate '<b>run</b> $(rm)'" in page.texts
    assert any("gone 0 <b>.jpg" in text for text in page.texts)
    assert "script" not in page.tags


def test_a_missing_photo_is_shown_as_missing(make_source: SourceMaker) -> None:
    page = Page(render(make_source(missing=True, wrong=2, augmentation=None)))
    assert page.texts.count("does not exist") == 2
    assert "img" not in page.tags


def test_no_mistake_no_augmentation_no_phase(make_source: SourceMaker) -> None:
    source = make_source(wrong=0, augmentation=None)
    history = [{key: value for key, value in row.items() if key != "phase"} for row in source.history]
    page = Page(render(replace(source, history=history)))
    assert "None: 12 validation photos, every answer right." in page.text
    assert "augmentation" not in page.values("section", "id")
    assert "#augmentation" not in page.values("a", "href")
    assert "curves" not in Page(render(replace(source, history=[]))).values("section", "id")


def test_training_photos_that_are_gone_leave_a_word(make_source: SourceMaker) -> None:
    page = Page(render(replace(make_source(), training_photos=[])))
    assert "No photo is there any more." in page.text


@pytest.mark.parametrize(("classes", "matrices"), [(2, 1), (30, 1), (41, 0)])
def test_many_classes_still_fit(make_source: SourceMaker, classes: int, matrices: int) -> None:
    labels = tuple(f"class {n:02d}" for n in range(classes))
    text = render(make_source(labels=labels, wrong=60, photos=classes * 4, augmentation=None))
    assert text.count('class="matrix') == matrices
    page = Page(text)
    assert page.values("figure", "class") == []
    assert page.tags["figure"] == min(24, 60, classes * 4)
    assert ("class 00 → class 01" in page.texts) == (classes >= 5)
    assert len(text) < 2_000_000


def test_every_picture_and_table_has_words(make_source: SourceMaker) -> None:
    page = Page(render(make_source()))
    assert page.values("html", "lang") == ["en"]
    assert len(page.values("img", "alt")) == page.tags["img"]
    assert all(page.values("img", "alt"))
    assert page.tags["caption"] == page.tags["table"]
    assert len(page.values("th", "scope")) == page.tags["th"]
    shown = page.tags["svg"] - len(page.values("svg", "aria-hidden"))
    assert len(page.values("svg", "aria-label")) == len(page.values("svg", "role")) == shown == 3
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))


def test_a_folder_that_is_not_there_is_an_error(make_source: SourceMaker, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not exist"):
        write_report(make_source(), tmp_path / "gone" / "report.html")
