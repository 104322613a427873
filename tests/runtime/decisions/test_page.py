"""``docs/decisions.md`` tells what the code does: its example is run."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

from tlx.runtime.decisions.deciding import DecisionMemory, Observation, step
from tlx.runtime.decisions.rule import HYSTERESIS, DecisionRule
from tlx.runtime.output.uncertain import DEFAULT_LIMIT_BYTES, LIVE_EVERY_S, SMALL_MARGIN, VIDEO_EVERY_PICTURES

PAGE = (Path(__file__).parents[3] / "docs" / "decisions.md").read_text()


def test_the_table_of_the_example_is_what_comes() -> None:
    rows = re.findall(r"^\| ([0-9.]+) \| ([0-9.]+) \| ([0-9.]+) \| (\w+) \|", PAGE, re.MULTILINE)
    assert len(rows) == 9
    rule = DecisionRule(("cat", "dog"), threshold=0.8, hysteresis=HYSTERESIS, hold_s=1.0)
    memory: DecisionMemory | None = None
    for at_s, cat, dog, label in rows:
        memory, decision = step(rule, memory, Observation(float(at_s), (float(cat), float(dog))))
        assert (at_s, decision.label) == (at_s, label)


def test_the_code_of_the_example_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    out = io.StringIO()
    with redirect_stdout(out):
        exec(code, {})  # noqa: S102 - our own page
    assert out.getvalue().splitlines() == ["0.0 unknown 0.9", "0.5 unknown 0.92", "1.0 cat 0.88"]


def test_the_numbers_of_the_page_are_those_of_the_code() -> None:
    assert f"the two likeliest classes are within\n{SMALL_MARGIN} of" in PAGE.replace("those whose two", "the two")
    assert f"at most one is kept in {LIVE_EVERY_S:.0f} seconds" in PAGE
    assert f"at most one of {VIDEO_EVERY_PICTURES} pictures" in PAGE
    assert f"`--save-uncertain-mb` ({DEFAULT_LIMIT_BYTES // 2**20})" in PAGE
