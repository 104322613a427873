"""The demo's verdict and its last words, as pure functions of its figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tlx.demo.summary import DemoFiles, DemoResult, Tally, find_faults, summarize
from tlx.export.gates.parity import ParityVerdict

GOOD = DemoResult(
    labels=("brick", "grass", "gravel"),
    trained_on=96,
    validation=Tally(48, 48),
    parity=ParityVerdict(48, 48, 3.2e-7, 1e-4, worst=(), differences=()),
    held_back=Tally(47, 48),
    video=Tally(90, 90),
    frame_ms=31.25,
    bench_table=("engine  p50 ms", "keras.predict  70"),
    bench_failures=(),
    files=DemoFiles(*(Path("demo", name) for name in ("photos", "runs/r", "model.onnx", "demo.avi", "bench.json"))),
    seconds=75.4,
)


@pytest.mark.parametrize(
    ("result", "faults"),
    [
        (GOOD, []),
        (replace(GOOD, held_back=Tally(9, 10)), []),  # the bound itself passes
        (replace(GOOD, held_back=Tally(43, 48)), ["only 43 of 48 right among the held-back tiles, expected 90%"]),
        (replace(GOOD, video=Tally(30, 90)), ["only 30 of 90 right among the frames, expected 90%"]),
        (replace(GOOD, validation=Tally(16, 48)), ["only 16 of 48 right among the validation tiles, expected 90%"]),
        (replace(GOOD, bench_failures=("keras.predict: killed",)), ["keras.predict: killed"]),
    ],
)
def test_find_faults(result: DemoResult, faults: list[str]) -> None:
    assert find_faults(result) == faults


def test_summary_tells_the_figures_and_what_they_are_worth() -> None:
    text = "\n".join(summarize(GOOD))
    for expected in (
        "192 tiles of 3 photographs (brick, grass, gravel)",
        "same label on 48 of 48",
        "3.2e-07 at most (allowed: 1e-04)",
        "47 of 48 right among the tiles that were held back",
        "90 of 90 right among the frames, 31.2 ms a frame",
        "check the plumbing, not how good",
        "  keras.predict  70",
        "demo/model.onnx",
        "tlx train photos",
    ):
        assert expected in text
    assert max(map(len, summarize(GOOD))) <= 110
