"""The built wheel on a machine that has nothing else: no checkout, no extras, no TensorFlow."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import PhotoWriter, VideoWriter

HOUSE = Path(__file__).parents[2]
HEAVY = ("tensorflow", "keras", "tf2onnx", "onnx", "matplotlib", "sklearn", "skimage")

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class Edge:
    """A fresh environment with tlx installed from its wheel.

    Attributes:
        bin: Where its commands are.
        home: An empty home folder, also the working folder.
    """

    bin: Path
    home: Path

    def run(self, command: str, *arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one of its commands, with nothing of the tests' own environment in reach."""
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "TLX_", "XDG_", "ORT_"))
        }
        return subprocess.run(
            [str(self.bin / command), *map(str, arguments)],
            cwd=self.home,
            env=environment | {"HOME": str(self.home)},
            capture_output=True,
            text=True,
            timeout=120,
            check=check,
        )


def without_hashes(constraints: str) -> str:
    """The pins alone: pip takes a hash for everything or for nothing, and our own wheel has none."""
    return "\n".join(re.findall(r"^[A-Za-z0-9][^\s\\]*==[^\\\n]*", constraints, flags=re.MULTILINE)) + "\n"


def test_without_hashes_keeps_pins_and_markers() -> None:
    text = "a==1.0 \\\n    --hash=sha256:00\n    # via b\nb-c==2.1 ; python_version < '3.12' \\\n    --hash=sha256:11\n"
    assert without_hashes(text).split("\n") == ["a==1.0 ", "b-c==2.1 ; python_version < '3.12' ", ""]


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Edge:
    folder = tmp_path_factory.mktemp("edge")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(HOUSE)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    constraints = folder / "constraints.txt"
    constraints.write_text(without_hashes((HOUSE / "constraints.txt").read_text()))
    venv.create(folder / "venv", with_pip=True)
    commands = folder / "venv" / "bin"
    install = [str(commands / "python"), "-m", "pip", "install", "--quiet", "-c", str(constraints), str(wheel)]
    installed = subprocess.run(install, cwd=folder, capture_output=True, text=True, check=False)
    assert installed.returncode == 0, installed.stderr
    home = folder / "home"
    home.mkdir()
    return Edge(commands, home)


def test_no_training_framework_is_there(edge: Edge) -> None:
    for module in HEAVY:
        done = edge.run("python", "-c", f"import {module}", check=False)
        assert f"No module named '{module}'" in done.stderr


def test_tlx_comes_from_the_wheel(edge: Edge) -> None:
    done = edge.run("python", "-c", "import tlx.runtime.classifier as module; print(module.__file__)")
    assert Path(done.stdout.strip()).is_relative_to(edge.bin.parent)


def test_the_style_of_reports_is_in_the_wheel(edge: Edge) -> None:
    code = "from importlib.resources import files; print(files('tlx.core.report').joinpath('style.css').read_text())"
    assert "prefers-color-scheme: dark" in edge.run("python", "-c", code).stdout
    code = "from importlib.resources import files; print(files('tlx.bench.page').joinpath('bench.css').read_text())"
    assert ".hill" in edge.run("python", "-c", code).stdout


def test_it_classifies_photos_and_a_video(
    edge: Edge, tiny_model: Path, tmp_path: Path, write_photo: PhotoWriter, write_video: VideoWriter
) -> None:
    write_photo(tmp_path / "photos" / "red.jpg", (255, 0, 0))
    write_photo(tmp_path / "photos" / "green.png", (0, 255, 0))
    video = write_video(tmp_path / "blue.avi", [(0, 0, 255)] * 3)
    done = edge.run("tlx", "classify", tiny_model, tmp_path / "photos", video, "--format", "json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["label"] for line in lines] == ["green", "red", "blue", "blue", "blue"]
    assert list(edge.home.iterdir()) == []


def test_doctor_info_and_help_run(edge: Edge, tiny_model: Path) -> None:
    packages = json.loads(edge.run("tlx", "doctor", "--format", "json").stdout)["packages"]
    assert "tensorflow" not in packages
    assert json.loads(edge.run("tlx", "info", tiny_model, "--format", "json").stdout)["contract"]["schema"] == 1
    assert "classify" in edge.run("tlx", "--help").stdout


def test_training_says_which_extra_it_needs(edge: Edge, tmp_path: Path, write_photo: PhotoWriter) -> None:
    for number in range(8):
        write_photo(tmp_path / "red" / f"{number}.png", (255, number, 0))
        write_photo(tmp_path / "blue" / f"{number}.png", (0, number, 255))
    done = edge.run("tlx", "train", tmp_path, check=False)
    assert done.returncode == 2
    assert "pip install 'tlx-edge[train]'" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
