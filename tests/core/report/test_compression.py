"""The report of a run that compression made."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from tests.core.compression_records import ORIGINAL, made_up_compression, made_up_point
from tests.core.report.test_charts import of_class
from tests.core.report.test_page import Page
from tests.pages import CONTRASTS, OUTSIDE, OVERLAPPING

from tlx.core.compress.summary import headline
from tlx.core.report.compression_chart import accuracy_range, below_scale, compression_chart
from tlx.core.report.page import render
from tlx.core.report.words import TIMES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser import Browser
    from tests.core.report.conftest import SourceMaker

    from tlx.core.report.source import ReportSource
    from tlx.core.runs import CompressionRecord


def changed(source: ReportSource, **changes: Any) -> ReportSource:
    record = source.record.model_copy(update={"compression": made_up_compression(**changes)})
    return replace(source, record=record)


def chart(record: CompressionRecord) -> ET.Element:
    return ET.fromstring(compression_chart(record))  # noqa: S314 - our own


def test_the_section_tells_everything_of_the_record(compressed_source: ReportSource) -> None:
    page = Page(render(compressed_source))
    record = made_up_compression()
    assert page.values("section", "id")[:2] == ["compression", "curves"]
    assert headline(record) in page.texts
    told = ["merged into the next", "16 of 64", "0.10 %", "kept", "at least 8 times as fast"]
    told += ["150 x 150 pixels", "112 x 112 pixels", "12.5 min, 24.3 passes over the photos, seed 3"]
    for expected in (*told, *record.what_next):
        assert expected in page.texts
    assert [page.texts.count(point.name) for point in record.points[-2:]] == [1, 1]
    assert "9 that the original alone gets right, 3 the other way round" in page.texts
    assert "tlx export model.onnx --run 2026-01-31T12-00-00-compressed --precision int8" in page.texts


def test_a_network_that_the_last_word_refused_is_told(compressed_source: ReportSource) -> None:
    points = list(made_up_compression().points)
    number = next(number for number, point in enumerate(points) if not point.kept)
    points[number] = points[number].model_copy(update={"refused_drop_points": 0.756})
    page = Page(render(changed(compressed_source, points=points)))
    assert any(text.startswith("The validation photos that have the last word refused network ") for text in page.texts)
    assert "refused: 0.76" in page.texts
    assert ", refused: 0.76" in compression_chart(made_up_compression(points=points))


def test_a_network_that_was_timed_in_a_slow_moment_is_drawn_at_the_pace_of_the_others() -> None:
    points = list(made_up_compression().points)
    slow = [points[0].model_copy(update={"latency_ms": 2 * points[0].latency_ms}), *points[1:]]
    assert compression_chart(made_up_compression(points=slow)) == compression_chart(made_up_compression())


def test_tiles_and_cautions_are_those_of_a_compressed_run(compressed_source: ReportSource) -> None:
    page = Page(render(changed(compressed_source, bounds={"max_drop": 0.5})))
    assert {"times as fast", f"8.00{TIMES}", "points lost", "0.30", "compression"} <= set(page.texts)
    assert not {"training", "validation"} <= set(page.texts[: page.texts.index("Compression")])
    assert any(text.startswith("It may have lost 0.62 points") for text in page.texts)
    recipe = {"name": "default", "phases": [{"name": "head", "keep": "best"}]}
    source = replace(
        compressed_source, record=compressed_source.record.model_copy(update={"recipe": recipe, "started_from": None})
    )
    page = Page(render(source))
    assert "also chose the epoch that the original kept" in page.text
    assert page.texts.count(ORIGINAL) >= 2  # made from, started from


def test_a_run_that_was_not_compressed_has_no_such_section(make_source: SourceMaker) -> None:
    page = Page(render(make_source(augmentation=None)))
    assert "compression" not in page.values("section", "id")
    assert "kept epoch" in page.texts


def test_a_history_of_losses_only_is_shown_as_such(compressed_source: ReportSource) -> None:
    page = Page(render(compressed_source))
    labels = page.values("svg", "aria-label")
    assert [label for label in labels if label.startswith("Loss in each epoch. Training: 0.5000 at first")]
    assert not [label for label in labels if "Accuracy in each epoch" in label]
    heads = [text for text in page.texts if text in {"loss", "accuracy", "validation loss", "phase", "photos"}]
    assert "accuracy" not in heads
    assert page.texts.count("1,600") == 3
    assert "nan" not in render(compressed_source).split("<body>")[1]


@pytest.mark.parametrize("changes", [{"points": [], "layers": [], "what_next": []}, {"bounds": {}}, {"size_hw": None}])
def test_what_is_not_known_is_left_out(compressed_source: ReportSource, changes: dict[str, Any]) -> None:
    page = Page(render(changed(compressed_source, **changes)))
    assert ("Networks" in page.texts) == ("points" not in changes)
    assert ("Layer by layer" in page.texts) == ("layers" not in changes)
    assert ("150 x 150 pixels" in page.texts) == ("size_hw" not in changes)
    assert page.tags["caption"] == page.tags["table"]


def test_the_chart_tells_its_points_apart() -> None:
    root = chart(made_up_compression())
    assert len([one for one in of_class(root, "taught") if one.tag == "circle"]) == 6
    assert len(of_class(root, "untaught")) == 2
    assert len(of_class(root, "original")) == 1
    (ring,) = of_class(root, "ring")
    kept = next(group for group in root.iter("g") if group.findtext("title", "").endswith("kept"))
    (mark,) = of_class(kept, "taught")
    assert (ring.get("cx"), ring.get("cy")) == (mark.get("cx"), mark.get("cy"))
    words = root.findtext("desc") or ""
    assert "The original: 98.00 % right, 42.0 ms" in words
    assert words.endswith("Beaten by no other: 1, 2, 3, 5, 7, 8.")


def test_the_stair_goes_through_those_that_no_other_one_beats() -> None:
    root = chart(made_up_compression())
    (stair,) = of_class(root, "stair")
    steps = re.findall(r"[MHV]([\d. ]+)", stair.get("d", ""))
    assert len(steps) == 2 + 2 * 5 + 1  # the first one, a step across and up for each other, and to the edge
    best = next(group for group in root.iter("g") if "98.40 %" in group.findtext("title", ""))
    (mark,) = of_class(best, "taught")
    assert float(steps[-2]) == pytest.approx(float(mark.get("cy", "")), abs=0.1)


def test_untaught_networks_do_not_flatten_the_others() -> None:
    record = made_up_compression()
    low, high = accuracy_range(record)
    assert 0.94 <= low <= 0.951
    assert 0.984 <= high <= 1.0
    assert below_scale(record) == 2
    assert below_scale(made_up_compression(points=[made_up_point(2.0, 0.6), made_up_point(1.0, 0.5)])) == 0


@pytest.mark.parametrize(
    "points",
    [
        [made_up_point(42.0, 0.98, 0.98, kept=True)],
        [made_up_point(5.0, 0.0, 0.0, kept=True)],
        [made_up_point(5.0, 1.0, 1.0), made_up_point(5.0, 1.0, 1.0, kept=True)],
        [made_up_point(5.0 + place / 100, 0.7, 0.97 + place / 10_000) for place in range(60)],
    ],
)
def test_few_equal_and_many_points_are_drawn(points: list[Any]) -> None:
    root = chart(made_up_compression(points=points))
    assert len([one for one in of_class(root, "taught") if one.tag == "circle"]) == len(points)
    for text in of_class(root, "name"):
        assert 20 <= float(text.get("x", "")) <= 470
        assert 0 < float(text.get("y", "")) <= 250


DENSE = [made_up_point(4.0 + place / 20, 0.6, 0.95 + place % 7 / 300) for place in range(40)]
PAGES: dict[str, dict[str, Any]] = {
    "plain": {"bounds": {"speedup": 8.0, "max_drop": 0.5}},
    "dense": {"points": DENSE},
    "odd": {"original": "r" * 90, "processor": "<b>" * 30, "what_next": ["w" * 200], "points": DENSE[:1]},
}


@pytest.fixture(scope="module", params=PAGES)
def page(
    request: pytest.FixtureRequest, compressed_source: ReportSource, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("compressed") / "report.html"
    path.write_text(render(changed(compressed_source, **PAGES[request.param])), encoding="utf-8")
    return path


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_sticks_out_and_no_texts_lie_on_each_other(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width=width)
    assert browser.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    assert browser.evaluate(OUTSIDE) == []
    assert browser.evaluate(OVERLAPPING) == []
    assert browser.evaluate("document.scripts.length") == 0


@pytest.mark.browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_text_has_contrast(browser: Browser, page: Path, dark: bool) -> None:
    browser.open(page, width=1280, dark=dark)
    lowest = browser.evaluate(CONTRASTS)
    assert lowest[0][0] >= 4.5, lowest
