"""``tlx evaluate`` as a person runs it: a real process, its exit code, its lines, what it leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import PhotoMaker
    from tests.tiny_models import ModelMaker

    from tlx.core.runs import Run


def run_tlx(*arguments: str | Path, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tlx.cli.app", *map(str, arguments)]
    variables = os.environ | environment
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)


def test_a_model_file_on_a_folder(tiny_model: Path, tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path / "photos", {"red": 5, "green": 5})
    (tmp_path / "photos" / "red" / "3.jpg").write_bytes(b"")
    result = run_tlx("evaluate", tiny_model, "photos", "--predictions", "predictions.csv", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[:2] == [f"{tiny_model} (onnxruntime.cpu)", "on photos: 9, 1 left out"]
    assert lines[3].startswith("accuracy           1.0000  (95% interval 0.7009 to 1.0000; 0 wrong)")
    notes = result.stderr.splitlines()
    assert notes[-1] == f"Next: tlx bench {tiny_model}"
    assert any(line.startswith("left out: photos/red/3.jpg: ") for line in notes)
    assert len((tmp_path / "predictions.csv").read_text().splitlines()) == 10


def test_the_latest_run_on_its_own_photos(tiny_run: Run, tmp_path: Path) -> None:
    result = run_tlx("evaluate", "--runs", tiny_run.folder.parent, folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert ", validation photos: 12" in result.stdout.splitlines()[1]
    assert result.stderr.splitlines()[-1] == f"Next: tlx export model.onnx --run {tiny_run.folder}"


def evaluated(*arguments: str | Path, folder: Path) -> dict[str, Any]:
    result = run_tlx("evaluate", *arguments, "--format", "json", "--quiet", folder=folder)
    assert (result.returncode, result.stderr) == (0, "")
    document = json.loads(result.stdout)
    assert isinstance(document, dict)
    return document


def test_json_is_one_object_for_both_kinds(
    tiny_run: Run, tiny_model: Path, colour_photos: Path, tmp_path: Path
) -> None:
    of_file = evaluated(tiny_model, colour_photos, "--split", "train", folder=tmp_path)
    of_run = evaluated(tiny_run.folder, colour_photos, "--split", "train", folder=tmp_path)
    assert of_file.keys() == of_run.keys()
    assert (of_file["schema"], of_file["n"], of_run["n"]) == (1, 24, 24)
    assert of_file["accuracy"] == 1
    assert 0 <= of_run["accuracy"] <= 1
    assert (of_file["data"]["trained_on"], of_run["data"]["trained_on"]) == (None, 24)


def test_csv_is_the_table_of_predictions(tiny_model: Path, tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path / "photos", {"red": 3, "green": 2})
    (tmp_path / "photos" / "red" / "0.jpg").rename(tmp_path / "photos" / "red" / os.fsdecode(b"\xff.jpg"))
    command = [sys.executable, "-m", "tlx.cli.app", "evaluate", str(tiny_model), "photos", "--quiet"]
    command += ["--format", "csv", "--predictions", "predictions.csv"]
    result = subprocess.run(command, cwd=tmp_path, env=os.environ, capture_output=True, check=False)
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout == (tmp_path / "predictions.csv").read_bytes()
    lines = result.stdout.splitlines()
    assert lines[0] == b"path,label,predicted,p_red,p_green,p_blue"
    assert len(lines) == 6
    assert any(line.startswith(b"photos/red/\xff.jpg,red,red,") for line in lines)


def test_the_reliability_diagram_is_a_picture(tiny_model: Path, tmp_path: Path, make_photos: PhotoMaker) -> None:
    from tlx.images import read

    make_photos(tmp_path / "photos", {"red": 3, "green": 2})
    result = run_tlx("evaluate", tiny_model, "photos", "-q", "--reliability", "reliability.png", folder=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert min(read(tmp_path / "reliability.png").shape[:2]) > 500


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["latest"], "no finished run in runs/: run 'tlx train DATA' first"),
        (["absent", "photos"], "absent: no such run"),
        (["photos"], "photos: a folder, but not a run's: to evaluate on its photos, name the model before it"),
        (["absent.onnx", "photos"], "absent.onnx: "),
        (["text.onnx", "photos"], "a text file, not ONNX"),
        (["MODEL"], "a model file has no photos of its own: name a folder of labelled photos"),
        (["MODEL", "absent"], "absent: no such folder"),
        (["MODEL", "foreign"], "these photos are also of pink: rename or move away those folders"),
        (["MODEL", "photos", "--split", "test"], "photos: has no folder test: leave out --split"),
        (["MODEL", "corrupt"], "corrupt: none of its 1 photos can be read"),
        (["MODEL", "photos", "--predictions", "absent/a.csv"], "the folder absent does not exist: create it first"),
        (["MODEL", "photos", "--predictions", "foreign"], "foreign: is a folder: name a file"),
        (["MODEL", "photos", "--reliability", "absent/a.png"], "the folder absent does not exist: create it first"),
        (["MODEL", "photos", "--reliability", "a.gif"], "a.gif: expected a name that ends in .png or .svg"),
        (["MODEL", "flat"], "flat: expected one folder of photos for each class (red, green, blue), found none that"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    tmp_path: Path, tiny_model: Path, make_photos: PhotoMaker, arguments: list[str], message: str
) -> None:
    make_photos(tmp_path / "photos", {"red": 1})
    for name in ("foreign/pink", "corrupt/red"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "0.jpg").write_text("no photo")
    (tmp_path / "text.onnx").write_text("no model")
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "0.jpg").write_text("no photo")
    before = sorted(tmp_path.rglob("*"))
    words = [str(tiny_model) if word == "MODEL" else word for word in arguments]
    result = run_tlx("evaluate", *words, "--quiet", folder=tmp_path)
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("tlx: error: ")
    assert message in line
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("subject", ["MODEL", "RUN"])
def test_a_gpu_that_is_not_there_exits_3(
    tiny_model: Path, tiny_run: Run, colour_photos: Path, tmp_path: Path, subject: str
) -> None:
    model = {"MODEL": tiny_model, "RUN": tiny_run.folder}[subject]
    hidden = {"CUDA_VISIBLE_DEVICES": "-1"}
    result = run_tlx("evaluate", model, colour_photos, "--device", "gpu", "--quiet", folder=tmp_path, **hidden)
    assert (result.returncode, result.stdout) == (3, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("tlx: error: --device gpu: ")


def test_an_edge_install_names_the_extra(tiny_model: Path, tmp_path: Path) -> None:
    absent = ("tensorflow", "keras", "tf2onnx", "onnx", "sklearn", "scipy", "matplotlib", "skimage", "h5py")
    # None in sys.modules: as if it weren't installed.
    (tmp_path / "sitecustomize.py").write_text(f"import sys; sys.modules.update(dict.fromkeys({absent!r}))")
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    result = run_tlx("evaluate", tiny_model, "photos", folder=tmp_path, PYTHONPATH=path)
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert "pip install 'tlx-edge[train]'" in line


@pytest.mark.photos
def test_real_photos_are_all_read(photos_dir: Path, make_model: ModelMaker, tmp_path: Path) -> None:
    """Red against green says nothing of cats and dogs, but each photo must come out in the table."""
    (tmp_path / "model.onnx").write_bytes(make_model(labels=("cats", "dogs")))
    document = evaluated("model.onnx", photos_dir, "--predictions", "predictions.csv", folder=tmp_path)
    photos = len(list((photos_dir / "validation").rglob("*.jpg")))
    assert document["n"] == photos
    assert len((tmp_path / "predictions.csv").read_text().splitlines()) == photos + 1
    assert 0.3 < document["accuracy"] < 0.7
