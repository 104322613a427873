"""``tlx bench`` as a user runs it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

if TYPE_CHECKING:
    import onnx

TLX = (sys.executable, "-c", "from tlx.cli.app import main; main()")


def tlx_bench(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [*TLX, "bench", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, **options)


def with_path(folder: Path) -> dict[str, str]:
    """The environment, with a folder whose ``sitecustomize.py`` every Python process runs first."""
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path}


def negate_weights(model: onnx.ModelProto) -> None:
    """The same work, other answers."""
    from onnx import numpy_helper

    weights = next(tensor for tensor in model.graph.initializer if tensor.name == "weights")
    weights.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(weights), "weights"))


def test_bench_prints_a_table_and_the_next_command(tiny_model: Path) -> None:
    done = tlx_bench(tiny_model, "--rounds", 1, "--limit", 2, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    headings, row, *_ = done.stdout.splitlines()
    assert headings.split()[:2] == ["engine", "p50"]
    assert row.split()[0] == "onnxruntime.cpu.fp32"
    assert all(len(line) <= 100 for line in done.stdout.splitlines())
    assert done.stderr.splitlines()[-1] == f"Next: tlx classify {tiny_model} PHOTO.jpg"


def test_bench_prints_one_json_object_and_writes_the_same_to_a_file(tiny_model: Path, tmp_path: Path) -> None:
    output = tmp_path / "report.json"
    arguments = (tiny_model, "--rounds", 1, "--limit", 2, "--device", "cpu", "--format", "json", "-o", output)
    done = tlx_bench(*arguments, "--quiet")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    document = json.loads(done.stdout)
    assert document == json.loads(output.read_text())
    assert document["schema"] == 2
    assert document["command"].startswith(f"tlx bench {tiny_model} --rounds 1")
    engine = document["engines"][0]
    assert (engine["name"], engine["batch"]) == ("onnxruntime.cpu.fp32", 1)
    assert engine["p50_ms"] > 0
    assert engine["p99_ms"] is None
    assert engine["samples_needed"]["p99"] > engine["n"]


def test_bench_publishes_commands_that_do_not_hang_on_where_its_folder_lies(
    tiny_model: Path, colour_photos: Path, tmp_path: Path
) -> None:
    model, photos = tmp_path / "model.onnx", tmp_path / "photos"
    model.write_bytes(tiny_model.read_bytes())
    shutil.copytree(colour_photos, photos)
    words = ("--photos", photos, "--keras", "none", "--rounds", 1, "--device", "cpu", "--measure", "none")
    done = tlx_bench(model, *words, "-o", tmp_path / "bench.json", "--html", tmp_path / "page.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "bench.json").read_text())
    assert document["command"].startswith("tlx bench model.onnx --photos photos --keras none")
    assert document["engines"][0]["command"].startswith("tlx bench model.onnx --engine onnxruntime.cpu.fp32")
    commands = [document["command"], *(row["command"] for row in document["engines"])]
    assert not any(str(tmp_path) in command for command in commands)


def test_bench_ends_by_rounds_or_by_a_margin(tiny_model: Path) -> None:
    done = tlx_bench(tiny_model, "--rounds", 3, "--margin", "2%")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "tlx: error: rounds end by --rounds or by --margin, received both: leave one of them out"
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--keras", "none", "--keras-python", sys.executable), "--keras none measures no Keras, --keras-python"),
        (("--keras", "none", "--engine", "keras.xla"), "--keras none measures no Keras, --engine keras.xla"),
        (("--keras", "none", "--engine", "onnxruntime.*", "--engine", "keras.*"), "--engine keras.*"),
        (("--keras-python", sys.executable, "--engine", "onnxruntime.*"), "--engine onnxruntime.* takes none of it"),
        (("-o", "same.txt", "--html", "./same.txt"), "--html same.txt: is --output's file, too"),
    ],
)
def test_bench_refuses_options_that_contradict_each_other(
    tiny_model: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    done = tlx_bench(tiny_model, *words, "--rounds", 1, "--limit", 1, "--device", "cpu", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("tlx: error: ")
    assert said in line


@pytest.mark.parametrize("option", ["-o", "--html"])
def test_bench_does_not_write_over_a_model(tiny_model: Path, tmp_path: Path, option: str) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(tiny_model.read_bytes())
    done = tlx_bench(model, "--rounds", 1, "--limit", 1, "--device", "cpu", option, model)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{model}: is the model {model}: name another file" in done.stderr
    assert model.read_bytes() == tiny_model.read_bytes()


def test_bench_takes_engines_of_any_kind_without_keras(tiny_model: Path) -> None:
    done = tlx_bench(tiny_model, "--keras", "none", "--engine", "*", "--rounds", 1, "--limit", 1, "--device", "cpu")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("option", ["-o", "--html"])
def test_bench_asks_first_whether_its_files_can_be_written(tiny_model: Path, tmp_path: Path, option: str) -> None:
    done = tlx_bench(tiny_model, "--device", "cpu", option, tmp_path / "no" / "file")
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert str(tmp_path / "no") in done.stderr


def test_bench_shows_its_table_though_a_file_cannot_be_written_in_the_end(tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    # The folder goes away once the engine's worker has begun.
    (tmp_path / "sitecustomize.py").write_text(
        f"""
import os, sys
if "tlx.bench.worker" in sys.orig_argv and os.path.isdir({str(folder)!r}):
    os.rmdir({str(folder)!r})
"""
    )
    files = ("-o", folder / "bench.json", "--html", tmp_path / "bench.html")
    arguments = (tiny_model, "--rounds", 1, "--limit", 2, "--device", "cpu", "--measure", "none", *files)
    done = tlx_bench(*arguments, env=with_path(tmp_path))
    assert done.returncode == 2
    assert done.stdout.splitlines()[1].startswith("onnxruntime.cpu.fp32")
    assert done.stderr.splitlines()[-1].startswith(f"tlx: error: {folder / 'bench.json'}")
    assert "onnxruntime.cpu.fp32" in (tmp_path / "bench.html").read_text()


def test_bench_keeps_the_latencies_when_interrupted_in_what_comes_after_them(
    tiny_model: Path, colour_photos: Path, tmp_path: Path
) -> None:
    output = tmp_path / "bench.json"
    words = (
        "--rounds",
        "2",
        "--photos",
        str(colour_photos),
        "--device",
        "cpu",
        "--sustained",
        "120",
        "-o",
        str(output),
    )
    command = [*TLX, "bench", str(tiny_model), *words, "--measure", "none"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes, start_new_session=True) as bench:
        assert bench.stderr is not None
        # The last line before the rest that comes before the sustained rate.
        while "comparing answers" not in (line := bench.stderr.readline()):
            assert line
        time.sleep(3.0)
        os.killpg(bench.pid, signal.SIGINT)
        table, errors = bench.communicate(timeout=60)
    assert bench.returncode == 130
    assert table.splitlines()[1].startswith("onnxruntime.cpu.fp32")
    assert errors.splitlines()[-1] == "tlx: interrupted"
    (engine,) = json.loads(output.read_text())["engines"]
    assert engine["p50_ms"] > 0
    assert engine["sustained"] is None


def test_bench_needs_only_what_an_edge_install_has(tiny_model: Path, tmp_path: Path) -> None:
    absent = (
        "tensorflow",
        "keras",
        "tf2onnx",
        "onnx",
        "sklearn",
        "scipy",
        "matplotlib",
        "skimage",
        "pillow_heif",
        "h5py",
    )
    # None in sys.modules: as if it weren't installed.
    (tmp_path / "sitecustomize.py").write_text(f"import sys; sys.modules.update(dict.fromkeys({absent!r}))")
    done = tlx_bench(tiny_model, "--rounds", 1, "--limit", 2, "--device", "cpu", env=with_path(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "onnxruntime.cpu.fp32" in done.stdout


def test_bench_says_in_one_line_what_is_wrong_with_a_model(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("not a model")
    done = tlx_bench(tmp_path / "text.onnx")
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"tlx: error: {tmp_path / 'text.onnx'}")


def test_bench_exits_3_without_the_gpu_that_was_asked_for(tiny_model: Path) -> None:
    done = tlx_bench(tiny_model, "--device", "gpu", "--quiet", env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"})
    assert done.returncode == 3
    assert "gpu" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_bench_reports_the_others_and_exits_2_when_an_engine_crashes(tiny_model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(tiny_model.read_bytes())
    # The second worker says its last words and dies once it is asked to load its model.
    (tmp_path / "sitecustomize.py").write_text(
        f"""
import os, sys
def watch(event, arguments):
    if event == "open" and str(arguments[0]) == {str(copy)!r} and "tlx.bench.worker" in sys.orig_argv:
        print("segmentation fault in a driver", file=sys.stderr, flush=True)
        os._exit(3)
sys.addaudithook(watch)
"""
    )
    done = tlx_bench(tiny_model, copy, "--rounds", 1, "--limit", 2, "--device", "cpu", env=with_path(tmp_path))
    assert done.returncode == 2
    assert "onnxruntime.cpu.fp32:tiny" in done.stdout
    assert "failed" in done.stdout
    assert done.stderr.splitlines()[-1] == (
        "tlx: error: onnxruntime.cpu.fp32:copy: its process ended "
        "(exit code 3; its last words: segmentation fault in a driver)"
    )


def test_bench_exits_1_with_all_reports_when_an_engine_is_wrong(
    tiny_model: Path, make_model: Any, tmp_path: Path
) -> None:
    wrong, output, page = tmp_path / "wrong.onnx", tmp_path / "bench.json", tmp_path / "bench.html"
    wrong.write_bytes(make_model(change=negate_weights))
    words = ("--keras", "none", "--rounds", 1, "--limit", 3, "--device", "cpu", "--measure", "none")
    done = tlx_bench(tiny_model, wrong, *words, "-o", output, "--html", page)
    assert done.returncode == 1
    assert "WRONG" in done.stdout
    assert done.stderr.splitlines()[-1].startswith(
        "tlx: error: onnxruntime.cpu.fp32:wrong gives other answers than onnxruntime.cpu.fp32:tiny: "
    )
    assert [row["status"] for row in json.loads(output.read_text())["engines"]] == ["ok", "wrong"]
    assert "gives other answers" in page.read_text()
    assert {f"report: {output}", f"report: {page}"} < set(done.stderr.splitlines())


@pytest.mark.parametrize("to_whole_group", [True, False], ids=["terminal", "kill"])
def test_bench_leaves_no_process_behind_on_ctrl_c(tiny_model: Path, *, to_whole_group: bool) -> None:
    command = [*TLX, "bench", str(tiny_model), "--rounds", "1000000", "--max-seconds", "100000", "--device", "cpu"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as bench:
        workers = wait_for_workers(bench.pid)
        time.sleep(1.0)
        if to_whole_group:
            os.killpg(bench.pid, signal.SIGINT)
        else:
            bench.send_signal(signal.SIGINT)
        _, errors = bench.communicate(timeout=30)
    assert bench.returncode == 130
    assert errors.splitlines()[-1] == "tlx: interrupted"
    assert "Traceback" not in errors
    assert workers
    assert not any(worker.is_running() for worker in workers)


def wait_for_workers(pid: int) -> list[psutil.Process]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        workers: list[psutil.Process] = psutil.Process(pid).children(recursive=True)
        if workers:
            return workers
        time.sleep(0.05)
    return []
