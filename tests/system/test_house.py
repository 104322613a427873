"""The layout of the house: one namespace of four roots, one direction of imports, one pinned set."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from tlx.version import __version__

HOUSE = Path(__file__).parents[2]
ROOTS = ("runtime", "export", "tlcore", "benchmarks")
PORTIONS = ("tlx.runtime", "tlx.export", "tlx.core", "tlx.bench")
COMMANDS = (
    *("demo", "train", "runs", "evaluate", "compress", "export", "verify", "models", "classify"),
    *("bench", "loadgen", "info", "doctor"),
)


def _python(*arguments: str, cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run this environment's Python as a user would: it knows only what is installed."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, text=True, check=False)


def _script(name: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command that this environment installed."""
    command = [str(Path(sys.executable).with_name(name)), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((HOUSE / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("wheel")
    built = _python("-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=HOUSE)
    assert built.returncode == 0, built.stderr
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        return wheel.namelist()


def test_no_root_holds_an_init_that_would_hide_the_others() -> None:
    assert [root for root in ROOTS if not (HOUSE / root / "tlx").is_dir()] == []
    assert [root for root in ROOTS if (HOUSE / root / "tlx" / "__init__.py").exists()] == []


def test_py_typed_stands_in_one_portion_only() -> None:
    assert [root for root in ROOTS if (HOUSE / root / "tlx" / "py.typed").exists()] == ["runtime"]


@pytest.mark.parametrize("portion", PORTIONS)
def test_each_portion_is_importable_outside_the_checkout(portion: str, tmp_path: Path) -> None:
    result = _python("-c", f"import {portion}; print({portion}.__path__[0])", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert Path(result.stdout.strip()).is_relative_to(HOUSE), "another checkout is installed in this environment"


def test_version_is_the_same_everywhere(tmp_path: Path) -> None:
    assert metadata.version("tlx-edge") == __version__
    assert _script("tlx", "--version", cwd=tmp_path).stdout.split() == ["tlx", __version__]
    assert f"## [{__version__}]" in (HOUSE / "CHANGELOG.md").read_text()


def test_wheel_holds_every_module_of_the_four_roots(wheel_names: list[str]) -> None:
    modules = {str(path.relative_to(HOUSE / root)) for root in ROOTS for path in (HOUSE / root).rglob("tlx/**/*.py")}
    assert {name for name in wheel_names if name.endswith(".py")} == modules
    assert {name.split("/")[1] for name in modules} >= {portion.removeprefix("tlx.") for portion in PORTIONS}


def test_wheel_puts_nothing_generic_into_site_packages(wheel_names: list[str]) -> None:
    assert {name.split("/")[0] for name in wheel_names} == {"tlx", f"tlx_edge-{__version__}.dist-info"}
    assert "tlx/py.typed" in wheel_names


def test_layers_hold() -> None:
    result = _script("lint-imports", "--no-logo", "--no-cache", cwd=HOUSE)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("line", "code"),
    [("import tensorflow", "TID253"), ("from keras import layers", "TID253"), ("import cv2", "TID251")],
)
def test_lint_forbids_heavy_imports_at_module_level(line: str, code: str) -> None:
    options = ("--select", "TID", "--stdin-filename", "runtime/tlx/runtime/new.py")
    result = _python("-m", "ruff", "check", *options, "-", cwd=HOUSE, stdin=f"{line}\n")
    assert code in result.stdout


def test_whole_tree_keeps_heavy_imports_out_of_module_level() -> None:
    result = _python("-m", "ruff", "check", "--select", "TID", "--no-cache", *ROOTS, cwd=HOUSE)
    assert result.returncode == 0, result.stdout


def test_help_lists_every_command(tmp_path: Path) -> None:
    result = _script("tlx", "--help", cwd=tmp_path)
    assert [name for name in COMMANDS if not re.search(rf"^\s+{name}\s", result.stdout, re.MULTILINE)] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example_and_stands_in_the_readme(command: str, tmp_path: Path) -> None:
    assert "Example:" in _script("tlx", command, "--help", cwd=tmp_path).stdout
    assert f"| `tlx {command}" in (HOUSE / "README.md").read_text()


def test_console_script_is_the_command_line(project: dict[str, Any]) -> None:
    (script,) = metadata.entry_points(group="console_scripts", name="tlx")
    assert project["project"]["scripts"] == {"tlx": script.value}
    assert callable(script.load())


def test_constraints_name_no_place_and_prove_every_package() -> None:
    text = (HOUSE / "constraints.txt").read_text()
    assert "://" not in text
    packages = re.split(r"\n(?=[a-z0-9])", text)
    assert len(packages) > 50
    assert [package.split()[0] for package in packages if "--hash=sha256:" not in package] == []


def test_constraints_pin_every_dependency_of_the_set_up(project: dict[str, Any]) -> None:
    extras = project["project"]["optional-dependencies"]
    installed_extras = [one for name in ("train", "demo", "heic", "dev") for one in extras[name]]
    wanted = {re.split(r"[>\[]", one)[0] for one in (*project["project"]["dependencies"], *installed_extras)}
    pinned = set(re.findall(r"^([a-z0-9.-]+)==", (HOUSE / "constraints.txt").read_text(), re.MULTILINE))
    assert wanted - {"tlx-edge"} - pinned == set()


def test_dependencies_have_lower_bounds_and_no_upper_ones(project: dict[str, Any]) -> None:
    extras = project["project"]["optional-dependencies"]
    every = [*project["project"]["dependencies"], *(one for extra in extras.values() for one in extra)]
    foreign = [one.split(";")[0] for one in every if not one.startswith("tlx-edge")]
    assert [one for one in foreign if not re.search(r">=\d", one) or re.search(r"<|==|~", one)] == []
