"""tools/venv.sh on a stand-in project without dependencies: whatever state .venv is in, one call mends it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]

PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""

# The smallest build backend that pip takes for an editable install (PEP 660).
BACKEND = """
import os, zipfile

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    name = "stand_in-1-py3-none-any.whl"
    info = "stand_in-1.dist-info"
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as wheel:
        wheel.writestr("stand_in.pth", os.getcwd() + "\\n")
        wheel.writestr(info + "/METADATA", "Metadata-Version: 2.1\\nName: stand-in\\nVersion: 1\\n")
        wheel.writestr(info + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "/RECORD", "")
    return name
"""


def _lay_out(folder: Path) -> Path:
    for name in ("tools", "tlx"):
        (folder / name).mkdir(parents=True)
    shutil.copy(HOUSE / "tools" / "venv.sh", folder / "tools")
    (folder / "constraints.txt").write_text("# no packages\n")
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "backend.py").write_text(BACKEND)
    (folder / "tlx" / "version.py").write_text("")
    (folder / "tlx" / "opencv.py").write_text("")
    return folder


def _set_up(project: Path, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHON": python, "HOME": str(project.parent)}
    command = [str(project / "tools" / "venv.sh")]
    return subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def shared_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _lay_out(tmp_path_factory.mktemp("made") / "project")


@pytest.fixture
def made(shared_project: Path) -> Path:
    """A project with its .venv; making one takes seconds, so each test leaves it whole for the next."""
    assert _set_up(shared_project).returncode == 0
    return shared_project


def _interrupt_install(made: Path, tmp_path: Path) -> Path:
    del tmp_path
    (made / "constraints.txt").write_text("./missing-1-py3-none-any.whl --hash=sha256:00\n")
    failed = _set_up(made)
    assert failed.returncode == 1
    assert "pip could not install the pinned packages" in failed.stderr
    (made / "constraints.txt").write_text("# no packages\n")
    return made


def _interrupt_venv(made: Path, tmp_path: Path) -> Path:
    del made
    project = _lay_out(tmp_path / "project")
    (project / ".venv" / "bin").mkdir(parents=True)
    return project


def _copy_elsewhere(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "copy", symlinks=True)


def _lose_interpreter(made: Path, tmp_path: Path) -> Path:
    del tmp_path
    python = made / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nonexistent/python3")
    return made


@pytest.mark.slow
@pytest.mark.parametrize("harm", [_interrupt_install, _interrupt_venv, _copy_elsewhere, _lose_interpreter])
def test_one_call_mends_a_venv_and_the_next_leaves_it_alone(
    harm: Callable[[Path, Path], Path], made: Path, tmp_path: Path
) -> None:
    harmed = harm(made, tmp_path)
    mended = _set_up(harmed)
    assert mended.returncode == 0, mended.stderr
    assert "making it anew" in mended.stdout
    assert "set-up: done in" in mended.stdout
    assert str(harmed / ".venv" / "bin") in (harmed / ".venv" / "bin" / "pip").read_text()
    again = _set_up(harmed)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


@pytest.mark.slow
def test_a_changed_set_of_packages_updates_the_venv_in_place(made: Path) -> None:
    kept = made / ".venv" / "kept"
    kept.touch()
    (made / "constraints.txt").write_text("# still no packages\n")
    assert "bringing .venv up to date" in _set_up(made).stdout
    assert kept.exists()


@pytest.mark.slow
def test_a_missing_system_library_is_one_line_and_needs_no_second_install(made: Path) -> None:
    (made / "tlx" / "opencv.py").write_text("raise ImportError('run apt-get install libgl1')")
    first = _set_up(made)
    assert (first.returncode, first.stdout, first.stderr) == (
        1,
        "",
        "set-up: ImportError: run apt-get install libgl1\n",
    )
    (made / "tlx" / "opencv.py").write_text("")
    assert _set_up(made).stdout == ""


def test_an_unfit_python_is_one_line_and_makes_nothing(tmp_path: Path) -> None:
    project = _lay_out(tmp_path / "project")
    result = _set_up(project, python="/bin/false")
    assert result.returncode == 1
    assert result.stderr.startswith("set-up: Python 3.11, 3.12 or 3.13 is needed")
    assert result.stderr.count("\n") == 1
    assert not (project / ".venv").exists()
