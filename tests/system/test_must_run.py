"""``--must-run`` of tests/conftest.py: on the machine that has the photos, a skipped photo test is a failure."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

SUITE = """
import pytest

@pytest.mark.photos
def test_marked():
    pytest.skip("no photos")

def test_by_fixture(photos_dir):
    pass

@pytest.mark.weights
@pytest.mark.skipif(True, reason="no weights")
def test_weights():
    pass

@pytest.mark.photos
@pytest.mark.xfail(reason="known")
def test_expected_failure():
    raise ValueError

def test_other():
    pytest.skip("elsewhere")
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    tests = tmp_path / "checkout" / "tests"
    tests.mkdir(parents=True)
    shutil.copy(TESTS / "conftest.py", tests)
    (tests / "test_suite.py").write_text(SUITE)
    (tests.parent / "pytest.ini").write_text("[pytest]\ntestpaths = tests\nmarkers = photos\n weights\n")
    return tests.parent


def _run(suite: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=suite, capture_output=True, text=True, check=False)


def test_skips_pass_without_the_option(suite: Path) -> None:
    result = _run(suite)
    assert result.returncode == 0
    assert "4 skipped, 1 xfailed" in result.stdout


def test_skips_of_the_named_markers_fail(suite: Path) -> None:
    result = _run(suite, "--must-run=photos,weights")
    assert result.returncode == 1
    assert "1 failed, 1 skipped, 1 xfailed, 2 errors" in result.stdout
    assert "skipped, but 'weights' tests must run here: no weights" in result.stdout


def test_only_the_named_markers_count(suite: Path) -> None:
    assert "3 skipped, 1 xfailed, 1 error" in _run(suite, "--must-run=weights").stdout
