"""A bench's page in a real browser: nothing sticks out, nothing is fetched, everything can be read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.bench.made_up import failed_row, full_document, made_up_document, made_up_row
from tests.pages import CONTRASTS, OUTSIDE, OVERLAPPING

from tlx.bench.document import BenchDocument
from tlx.bench.page.page import write_page

if TYPE_CHECKING:
    from tests.browser import Browser

pytestmark = pytest.mark.browser


def odd_document() -> BenchDocument:
    """Names, errors and commands that nobody expects."""
    rows = [
        made_up_row("<script>alert(1)</script>", 10.0, command="tlx bench '" + "x" * 300 + ".onnx'"),
        made_up_row("w" * 90, 10.0),
        failed_row("<b>broken</b>"),
    ]
    return made_up_document(*rows, notes=["n" * 200])


PAGES = {
    "full": full_document(),
    "one engine": made_up_document(made_up_row()),
    "odd": odd_document(),
    "all failed": made_up_document(failed_row(), baseline=None),
    "many": made_up_document(*(made_up_row(f"engine {n}", 10.0 + n, batch=b) for b in (1, 8, 32) for n in range(12))),
}


@pytest.fixture(scope="module", params=PAGES)
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "bench.html"
    write_page(PAGES[request.param], path)
    return path


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_the_page_never_scrolls_sideways(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width=width)
    assert browser.evaluate("innerWidth") == width
    assert browser.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    assert browser.evaluate(OUTSIDE) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_text_has_contrast(browser: Browser, page: Path, dark: bool) -> None:
    browser.open(page, width=1280, dark=dark)
    lowest = browser.evaluate(CONTRASTS)
    assert lowest[0][0] >= 4.5, lowest


def test_nothing_is_fetched_and_nothing_is_complained_of(browser: Browser, page: Path) -> None:
    browser.open(page, width=1280)
    requests = [event for event in browser.events if event["method"] == "Network.requestWillBeSent"]
    assert [event["params"]["request"]["url"] for event in requests] == [page.resolve().as_uri()]
    assert [event for event in browser.events if event["method"] == "Log.entryAdded"] == []
    assert browser.evaluate("document.scripts.length") == 0


@pytest.mark.parametrize("width", [390, 1280])
def test_texts_in_the_charts_do_not_lie_on_each_other(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width=width)
    assert browser.evaluate(OVERLAPPING) == []


def test_the_parts_of_a_bar_are_as_long_as_their_times(browser: Browser, tmp_path: Path) -> None:
    write_page(full_document(), tmp_path / "bench.html")
    browser.open(tmp_path / "bench.html", width=1280)
    widths = browser.evaluate(
        "[...document.querySelectorAll('#stages g')].slice(0, 1).flatMap(bar => "
        "[...bar.querySelectorAll('rect')].map(part => part.getBoundingClientRect().width))"
    )
    decode, _, inference, _ = widths
    assert inference / decode == pytest.approx(71.0 / 3.1, rel=0.02)
