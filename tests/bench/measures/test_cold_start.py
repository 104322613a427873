"""Real starts of real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tlx.bench.measures.cold_start import ColdStart, command_for, first_label_s, summarize_starts
from tlx.errors import EngineError
from tlx.runtime.timing.protocol import NOOP_KIND, ONNX_KIND, Setup


def program(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def setup_for(model: Path, kind: str = ONNX_KIND) -> Setup:
    return Setup(kind, str(model), "cpu", 3, 1, [], [], 4, [32, 32], "area", 4)


@pytest.fixture
def photo(png_photos: Path) -> Path:
    return min(png_photos.rglob("*.png"))


def test_onnx_is_started_as_its_user_starts_it(tiny_model: Path, photo: Path) -> None:
    command = command_for(setup_for(tiny_model), photo)
    line = subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()[0]
    assert json.loads(line)["label"] == "red"
    assert 0 < first_label_s(command, []) < 60


def test_no_tensorflow_is_loaded_on_the_way_to_onnx_runtimes_label(tiny_model: Path, photo: Path) -> None:
    command = command_for(setup_for(tiny_model), photo)
    shown = subprocess.run([*command[:2], "-X", "importtime", *command[2:]], capture_output=True, check=True, text=True)
    imported = {line.rpartition("|")[2].strip() for line in shown.stderr.splitlines()}
    assert "onnxruntime" in imported
    assert not {"tensorflow", "keras"} & imported


def test_other_engines_have_a_program_of_their_own(tiny_model: Path, photo: Path) -> None:
    command = command_for(setup_for(tiny_model, NOOP_KIND), photo)
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    assert done.stdout == '{"label": 0}\n'
    # Not the batch of four: one photo.
    assert json.loads(command[-1])["batch"] == 1
    assert 0 < first_label_s(command, []) < 60


def test_it_runs_on_the_processors_of_the_others_and_this_process_does_not() -> None:
    before = os.sched_getaffinity(0)
    cpu = max(before)
    check = f"import os; print('{{\"label\": 1}}' if os.sched_getaffinity(0) == {{{cpu}}} else 'elsewhere')"
    assert first_label_s(program(check), [cpu]) > 0
    assert os.sched_getaffinity(0) == before


def test_the_clock_stops_at_the_first_line_and_the_process_is_ended() -> None:
    slow = 'import time; time.sleep(0.3); print(\'{"label": "a"}\', flush=True); time.sleep(600)'
    started_s = time.monotonic()
    elapsed_s = first_label_s(program(slow), [])
    assert 0.3 < elapsed_s < 60
    assert time.monotonic() - started_s < 60
    assert not [child for child in psutil.Process().children() if "sleep(600)" in " ".join(child.cmdline())]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("raise SystemExit('it broke')", "it broke"),
        ("print('noise')", "received: noise"),
        ('print(\'{"label": null, "error": "no photo"}\')', "no photo"),
        ("print('[1]')", r"received: \[1\]"),
        ("pass", "it said nothing"),
        ("import time; time.sleep(600)", "within 2 s"),
    ],
)
def test_a_start_without_a_label_is_an_error(text: str, words: str) -> None:
    with pytest.raises(EngineError, match=words):
        first_label_s(program(text), [], timeout_s=2.0)


def test_a_model_that_cannot_be_used_says_why(tiny_model: Path, photo: Path) -> None:
    gone = setup_for(tiny_model.with_name("gone.onnx"))
    with pytest.raises(EngineError, match=r"gone\.onnx"):
        first_label_s(command_for(gone, photo), [])
    with pytest.raises(EngineError, match="missing"):
        first_label_s(command_for(replace(setup_for(tiny_model, NOOP_KIND)), Path("missing.png")), [])


def test_summarize_starts() -> None:
    assert summarize_starts([]) is None
    found = summarize_starts([3.0, 1.0, 2.0])
    assert found == ColdStart(2.0, 1.0, 3.0, 3)
    assert found.document() == {"p50_s": 2.0, "min_s": 1.0, "max_s": 3.0, "runs": 3}
