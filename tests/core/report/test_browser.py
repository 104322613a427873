"""The report in a real browser: nothing sticks out, nothing is fetched, everything can be read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.pages import CONTRASTS, OUTSIDE

from tlx.core.report.page import write_report

if TYPE_CHECKING:
    from tests.browser import Browser
    from tests.core.report.conftest import SourceMaker

pytestmark = pytest.mark.browser

PAGES: dict[str, dict[str, Any]] = {
    "plain": {},
    "odd": {"labels": ("<script>alert(1)</script>", 'Müller & Söhne\'s "große" Hunde', "w" * 70), "missing": True},
    "many": {"labels": tuple(f"a class of number {n}" for n in range(30)), "photos": 90, "wrong": 40},
}


@pytest.fixture(scope="module", params=PAGES)
def page(request: pytest.FixtureRequest, make_source: SourceMaker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(make_source(**PAGES[request.param]), path)
    return path


@pytest.mark.parametrize("width", [320, 360, 390, 768, 1280])
def test_the_page_never_scrolls_sideways(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width=width)
    assert browser.evaluate("innerWidth") == width
    # A vertical scroll bar takes its share on a desktop.
    assert browser.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    assert browser.evaluate(OUTSIDE) == []


def test_wide_tables_scroll_in_their_own_box(browser: Browser, make_source: SourceMaker, tmp_path: Path) -> None:
    write_report(make_source(**PAGES["many"]), tmp_path / "report.html")
    browser.open(tmp_path / "report.html", width=360)
    box = "document.querySelector('.matrix').parentElement"
    assert browser.evaluate(f"{box}.scrollWidth > {box}.clientWidth + 100")
    assert browser.evaluate(f"getComputedStyle({box}).overflowX") == "auto"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_text_has_contrast(browser: Browser, page: Path, dark: bool) -> None:
    browser.open(page, width=1280, dark=dark)
    for summary in range(2):
        browser.evaluate(f"document.querySelectorAll('details')[{summary}].open = true")
    lowest = browser.evaluate(CONTRASTS)
    assert lowest[0][0] >= 4.5, lowest


def test_dark_is_dark_and_light_is_light(browser: Browser, page: Path) -> None:
    colours = []
    for dark in (False, True):
        browser.open(page, width=390, dark=dark)
        colours.append(browser.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert colours == ["rgb(244, 246, 249)", "rgb(14, 18, 24)"]


def test_nothing_is_fetched_and_nothing_is_complained_of(browser: Browser, page: Path) -> None:
    browser.open(page, width=1280)
    fetched = [
        event["params"]["request"]["url"] for event in browser.events if event["method"] == "Network.requestWillBeSent"
    ]
    assert [address for address in fetched if not address.startswith("data:image/jpeg")] == [page.resolve().as_uri()]
    assert [event for event in browser.events if event["method"] == "Log.entryAdded"] == []
    assert browser.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
