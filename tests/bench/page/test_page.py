"""What a bench's page tells."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.bench.made_up import WRONG, failed_row, full_document, made_up_document, made_up_row

from tlx.bench.page.page import render, write_page
from tlx.bench.page.pareto import choices
from tlx.bench.row_names import with_full_names
from tlx.core.report.words import TIMES
from tlx.errors import OutputError


def headings(page: str) -> list[str]:
    return re.findall(r"<h2[^>]*>(.*?)</h2>", page)


def test_what_was_measured_has_a_section_and_nothing_else() -> None:
    assert headings(render(full_document())) == [
        "Latency",
        "Accuracy",
        "From bytes to label",
        "Photos a second",
        "Memory, start, pace, energy",
        "Environment",
        "Reproduce",
    ]
    assert headings(render(made_up_document(made_up_row()))) == ["Latency", "Environment", "Reproduce"]


def test_a_wrong_engine_is_never_the_fastest() -> None:
    page = render(made_up_document(made_up_row("right", 10.0), made_up_row("wrong", 0.1, **WRONG)))
    tile = re.search(r"<dt>fastest right one</dt><dd>(.*?)<small>(.*?)</small>", page)
    assert tile is not None
    assert tile[2] == "right"
    assert '<span class="badge">wrong answers</span>' in page
    assert "wrong gives other answers than right: 19 of 50 labels differ" in page


def test_the_ratio_of_the_fastest_is_to_the_baseline_of_its_own_batch() -> None:
    rows = [
        made_up_row("keras.predict", 120.0),
        made_up_row("int8", 20.0, ratio_to_baseline=6.0),
        made_up_row("keras.predict", 320.0, batch=8),
        made_up_row("int8", 100.0, batch=8, ratio_to_baseline=3.2),
    ]
    # The median of calls that get a little slower in each turn.
    tiles = re.findall(r"<dt>(.*?)</dt><dd>(.*?)<small>(.*?)</small>", render(made_up_document(*rows)))
    told = [tuple(re.sub(r"<.*?>", "", words) for words in tile) for tile in tiles]
    assert ("fastest right one", "13.0 ms", "int8 (batch 8)") in told
    assert ("against the baseline", f"3.20 {TIMES}", "keras.predict (batch 8)") in told
    assert ("baseline", "41.7 ms", "keras.predict (batch 8)") in told


def test_every_row_has_its_command_and_failures_their_reason() -> None:
    page = render(full_document())
    assert "<code>tlx bench model.onnx --engine onnxruntime.cpu.int8:half</code>" in page
    assert "onnxruntime.openvino.fp32 (batch 1) failed: onnxruntime.openvino.fp32: its process ended" in page


def test_rows_are_told_apart_by_what_differs_among_them() -> None:
    rows = [made_up_row("a", threads=threads) for threads in (1, 2)]
    named = with_full_names(made_up_document(*rows))
    assert [row.name for row in named.engines] == ["a (1 thread)", "a (2 threads)"]
    assert named.baseline == "a (1 thread)"
    assert with_full_names(made_up_document(rows[0])).engines[0].name == "a"


def test_photos_a_second_have_a_line_for_each_number_of_threads() -> None:
    rows = [made_up_row("a", batch=batch, threads=threads) for threads in (1, 2) for batch in (1, 8)]
    page = render(made_up_document(*rows))
    (table,) = re.findall(
        r"<table(?:(?!</table>).)*photos a second, by batch.*?</table>", page, re.DOTALL | re.IGNORECASE
    )
    assert re.findall(r"a \(\d threads?\)", table) == ["a (1 thread)", "a (2 threads)"]


@pytest.mark.parametrize(
    ("provider", "gpus", "words"),
    [
        ("cuda", ["NVIDIA H200"], "a processor of some kind, NVIDIA H200"),
        ("cuda", ["NVIDIA L4", "NVIDIA L4"], f"a processor of some kind, 2 {TIMES} NVIDIA L4"),
        ("cuda", None, "a processor of some kind, a GPU"),
        ("cpu", ["NVIDIA H200"], "a processor of some kind"),
    ],
)
def test_the_machine_is_named_with_the_gpu_that_was_used(provider: str, gpus: list[str] | None, words: str) -> None:
    document = made_up_document(made_up_row(provider=provider))
    environment = document.environment.model_copy(update={"gpus": gpus})
    page = render(document.model_copy(update={"environment": environment}))
    assert f"UTC · {words} · 50 photos" in page


def test_long_names_may_break_between_their_parts() -> None:
    assert "onnxruntime.<wbr>cpu.<wbr>int8:<wbr>half" in render(full_document())


def test_a_page_of_failed_engines_only_is_a_page() -> None:
    assert headings(render(made_up_document(failed_row(), baseline=None))) == ["Latency", "Environment", "Reproduce"]


def test_charts_describe_themselves_to_those_who_cannot_see_them() -> None:
    page = render(full_document())
    charts = re.findall(r'<svg[^>]*role="img"[^>]*aria-label="([^"]*)"', page)
    assert len(charts) == 5
    assert any("onnxruntime.cpu.int8:half (batch 1): decode 3.10 ms" in words for words in charts)
    assert any("97.3 % right (96.2 % to 98.2 %) of 1,000" in words for words in charts)


def test_the_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_page(full_document(), tmp_path / "bench.html")
    assert (tmp_path / "bench.html").read_text().endswith("</html>\n")
    with pytest.raises(OutputError):
        write_page(full_document(), tmp_path / "nowhere" / "bench.html")


def test_choices_count_the_time_of_a_photo() -> None:
    accuracy = {"correct": 9, "photos": 10, "low": 0.6, "high": 0.98}
    rows = [made_up_row("a", 80.0, batch=8, accuracy=accuracy), made_up_row("b", 20.0)]
    (choice,) = choices(rows)
    assert choice.photo_ms == pytest.approx(rows[0].p50_ms / 8 if rows[0].p50_ms else 0)
    assert choice.number == 1


def test_a_wrong_engine_is_no_choice_and_beats_none() -> None:
    accuracy = {"correct": 9, "photos": 10, "low": 0.6, "high": 0.98}
    rows = [made_up_row("right", 20.0, accuracy=accuracy), made_up_row("wrong", 1.0, accuracy=accuracy, **WRONG)]
    assert [choice.is_best for choice in choices(rows)] == [True, False]
    assert "Accuracy" in headings(render(made_up_document(*rows)))
    assert [choice.is_best for choice in choices(rows[1:])] == [False]
    assert "Accuracy" in headings(render(made_up_document(*rows[1:])))
