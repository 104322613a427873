"""An annotated video plays in a real browser."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.runtime.output.pictures import blocks, make_result

from tlx.runtime.output.video_file import LIVE_RATE, VideoSink

if TYPE_CHECKING:
    from tests.browser import Browser

PAGE = """<!doctype html><title>video</title><video id="seen" muted preload="auto" src="saved.webm"></video>
<script>
  const seen = document.getElementById("seen"), met = [];
  for (const name of ["loadeddata", "ended", "error"]) seen.addEventListener(name, () => met.push(name));
</script>"""


@pytest.mark.browser
def test_a_webm_plays_in_a_browser_to_its_end(browser: Browser, tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "saved.webm")
    for number in range(int(LIVE_RATE) + 1):
        sink.write(make_result(blocks(number, (241, 320)), at_s=number / LIVE_RATE))
    sink.close()
    (tmp_path / "page.html").write_text(PAGE)

    browser.open(tmp_path / "page.html", width=640)
    wait_for(browser, "met.length > 0")
    assert browser.evaluate("met[0]") == "loadeddata"
    assert browser.evaluate("[seen.videoWidth, seen.videoHeight]") == [320, 240]
    assert browser.evaluate("seen.duration") == pytest.approx(16 / LIVE_RATE, abs=0.01)
    # Seeking needs the index that a file gets at its end.
    browser.evaluate("seen.currentTime = 0.8; 0")
    wait_for(browser, "!seen.seeking && seen.readyState >= 2")
    browser.evaluate("seen.play().catch(error => met.push(String(error))); 0")
    wait_for(browser, "met.length > 1")
    assert browser.evaluate("met") == ["loadeddata", "ended"]


def wait_for(browser: Browser, condition: str) -> None:
    until_s = time.monotonic() + 30
    while not browser.evaluate(condition):
        assert time.monotonic() < until_s, f"never came: {condition}"
        time.sleep(0.02)
