"""``tlx bench compare`` and ``tlx bench report`` as a user runs them, on what a real bench wrote."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TLX = (sys.executable, "-c", "from tlx.cli.app import main; main()")
Spoil = Callable[[dict[str, Any]], None]


def tlx(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [*TLX, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, **options)


@pytest.fixture(scope="module")
def bench(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real bench's document, and its page beside it."""
    folder = tmp_path_factory.mktemp("bench")
    arguments = ("--rounds", 40, "--limit", 2, "--device", "cpu", "--quiet")
    files = ("-o", folder / "bench.json", "--html", folder / "bench.html")
    done = tlx("bench", tiny_model, *arguments, *files)
    assert done.returncode == 0, done.stderr
    return folder / "bench.json"


def changed(bench: Path, path: Path, change: Spoil) -> Path:
    document = json.loads(bench.read_text())
    change(document)
    path.write_text(json.dumps(document))
    return path


def slow_down(factor: float) -> Spoil:
    def change(document: dict[str, Any]) -> None:
        for engine in document["engines"]:
            for field in ("round_medians_ms", "latencies_ms"):
                engine[field] = [time_ms * factor for time_ms in engine[field]]
            engine["p50_ms"] *= factor

    return change


def independent_rounds(document: dict[str, Any]) -> None:
    """Rounds in an order that has no memory, whatever the machine did: so that there is an interval."""
    for engine in document["engines"]:
        ordered = sorted(engine["round_medians_ms"])
        half = len(ordered) // 2
        pairs = zip(ordered[:half], reversed(ordered[half : 2 * half]), strict=True)
        engine["round_medians_ms"] = [time_ms for pair in pairs for time_ms in pair]


def test_a_real_bench_beside_itself_shows_no_difference(bench: Path, tmp_path: Path) -> None:
    mixed = changed(bench, tmp_path / "mixed.json", independent_rounds)
    done = tlx("bench", "compare", mixed, mixed)
    assert done.returncode == 0, done.stderr
    headings, row, *_ = done.stdout.splitlines()
    assert headings.split()[0] == "engine"
    assert row.startswith("onnxruntime.cpu.fp32")
    assert row.endswith("no difference")
    assert all(len(line) <= 100 for line in done.stdout.splitlines())


def test_a_regression_beyond_the_tolerance_exits_with_1(bench: Path, tmp_path: Path) -> None:
    mixed = changed(bench, tmp_path / "mixed.json", independent_rounds)
    slow = changed(mixed, tmp_path / "slow.json", slow_down(10.0))
    done = tlx("bench", "compare", mixed, slow, "--tolerance", "5%")
    assert done.returncode == 1
    assert "slower (regression)" in done.stdout
    assert tlx("bench", "compare", slow, mixed).returncode == 0
    assert "faster" in tlx("bench", "compare", slow, mixed).stdout


def test_the_comparison_as_json(bench: Path, tmp_path: Path) -> None:
    mixed = changed(bench, tmp_path / "mixed.json", independent_rounds)
    slow = changed(mixed, tmp_path / "slow.json", slow_down(10.0))
    done = tlx("bench", "compare", mixed, slow, "--tolerance", "0.1", "--format", "json")
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert (document["regression"], document["tolerance"]) == (True, 0.1)
    (row,) = document["rows"]
    assert row["change"] == pytest.approx(9.0)
    assert row["verdict"] == "slower"


def test_what_cannot_be_ruled_out_exits_with_1_only_if_strict(bench: Path, tmp_path: Path) -> None:
    def cut(document: dict[str, Any]) -> None:
        for engine in document["engines"]:
            engine["round_medians_ms"] = engine["round_medians_ms"][:3]

    few = changed(bench, tmp_path / "few.json", cut)
    assert tlx("bench", "compare", few, few).returncode == 0
    done = tlx("bench", "compare", few, few, "--strict")
    assert done.returncode == 1
    assert "unknown: too few rounds" in done.stdout


def test_an_engine_that_is_gone_exits_with_1_unless_it_may_be_missing(bench: Path, tmp_path: Path) -> None:
    def add(document: dict[str, Any]) -> None:
        document["engines"].append({**document["engines"][0], "name": "onnxruntime.openvino.fp32"})

    more = changed(bench, tmp_path / "more.json", add)
    done = tlx("bench", "compare", more, bench)
    assert done.returncode == 1
    assert "missing (regression)" in done.stdout
    assert tlx("bench", "compare", more, bench, "--allow-missing").returncode == 0
    assert tlx("bench", "compare", bench, more).returncode == 0


def test_another_machine_is_refused_unless_asked_for(bench: Path, tmp_path: Path) -> None:
    def move(document: dict[str, Any]) -> None:
        document["environment"]["processor"] = "another processor"

    moved = changed(bench, tmp_path / "moved.json", move)
    done = tlx("bench", "compare", bench, moved)
    assert done.returncode == 2
    assert done.stderr.startswith("tlx: error: measured on different machines (processor: ")
    assert len(done.stderr.splitlines()) == 1
    asked = tlx("bench", "compare", bench, moved, "--any-machine")
    assert asked.returncode == 0
    assert "note: processor: " in asked.stderr


def test_what_is_no_bench_is_one_line(bench: Path, tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text('{"schema": 1, "engines": []}')
    done = tlx("bench", "compare", bench, tmp_path / "old.json")
    assert done.returncode == 2
    assert done.stderr == (
        f"tlx: error: {tmp_path / 'old.json'}: expected a bench of schema 2, got 1, of an older tlx: run it again\n"
    )


@pytest.mark.parametrize("tolerance", ["five", "-1%", "100%", "5"])
def test_a_tolerance_that_is_none_is_refused(bench: Path, tolerance: str) -> None:
    done = tlx("bench", "compare", bench, bench, f"--tolerance={tolerance}")
    assert done.returncode == 2
    assert "expected a share" in done.stderr


def test_compare_and_report_have_a_help_of_their_own_and_bench_keeps_its() -> None:
    compare, report, bench = (tlx("bench", *words, "--help") for words in (("compare",), ("report",), ()))
    assert (compare.returncode, report.returncode, bench.returncode) == (0, 0, 0)
    assert "Usage: tlx bench compare [OPTIONS]" in compare.stdout
    assert "--tolerance" in compare.stdout
    assert "Usage: tlx bench report [OPTIONS]" in report.stdout
    assert "Usage: tlx bench [OPTIONS]" in bench.stdout
    assert "--rounds" in bench.stdout
    assert "--tolerance" not in bench.stdout


def test_a_model_file_may_be_called_compare(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "compare").write_bytes(tiny_model.read_bytes())
    done = tlx("bench", "./compare", "--rounds", 1, "--limit", 2, "--device", "cpu", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1].startswith("onnxruntime.cpu.fp32")


def test_the_command_of_a_row_measures_that_row_again(tiny_model: Path, tmp_path: Path) -> None:
    for name in ("old.onnx", "new one.onnx", "third.onnx"):
        (tmp_path / name).write_bytes(tiny_model.read_bytes())
    options = ("--rounds", 6, "--limit", 2, "--device", "cpu", "--batch", 1, "--batch", 2, "--threads", 1, "-q")
    models = ("old.onnx", "new one.onnx", "third.onnx")
    done = tlx("bench", *models, *options, "-o", "bench.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    row = json.loads((tmp_path / "bench.json").read_text())["engines"][4]
    assert (row["name"], row["batch"]) == ("onnxruntime.cpu.fp32:new one", 2)
    program, *words = shlex.split(row["command"])
    assert program == "tlx"
    again = tlx(*words, "--format", "json", "-q", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    base, same = json.loads(again.stdout)["engines"]
    assert (base["name"], base["batch"]) == ("onnxruntime.cpu.fp32:old", 2)
    assert [same[key] for key in ("name", "batch", "threads", "model")] == [
        row[key] for key in ("name", "batch", "threads", "model")
    ]
    assert same["command"] == row["command"]


def test_report_shows_a_bench_again_and_writes_the_same_page(bench: Path, tmp_path: Path) -> None:
    shown = tlx("bench", "report", bench)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines()[1].startswith("onnxruntime.cpu.fp32")
    done = tlx("bench", "report", bench, "--html", tmp_path / "again.html")
    assert done.returncode == 0, done.stderr
    assert f"report: {tmp_path / 'again.html'}" in done.stderr
    assert (tmp_path / "again.html").read_text() == bench.with_suffix(".html").read_text()


def test_report_does_not_overwrite_the_bench_that_it_shows(bench: Path) -> None:
    before = bench.read_bytes()
    done = tlx("bench", "report", bench, "--html", bench)
    assert done.returncode == 2, done.stderr
    assert "is the bench itself: name another file" in done.stderr
    assert bench.read_bytes() == before
