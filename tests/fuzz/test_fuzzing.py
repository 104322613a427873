"""Twenty seconds of hostile files; ``make fuzz`` goes on for ten minutes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.fuzz.fuzzing import fuzz
from tests.fuzz.good_files import write_good_files
from tests.fuzz.mutations import hostile_file

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the worker watches its memory by Linux's /proc")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_good_files(tmp_path_factory.mktemp("good"))


def test_a_hostile_file_is_made_again_from_its_seed(good: list[Path]) -> None:
    contents = [path.read_bytes() for path in good]
    files = [hostile_file(seed, contents) for seed in range(50)]
    assert files == [hostile_file(seed, contents) for seed in range(50)]
    assert len(set(files) - set(contents)) > 40


def test_hostile_files_are_refused_or_loaded_and_nothing_else(good: list[Path]) -> None:
    result = fuzz(good, seconds=20)
    assert result.findings == []
    # Both happen, or it fuzzes nothing.
    assert result.outcomes["ok"] > 20
    assert result.outcomes["refused"] > 200


def test_a_worker_that_ends_by_anything_else_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "spoilt.onnx").write_bytes(b"\x08\x08")  # the worker insists on good files
    (finding,) = fuzz([tmp_path / "spoilt.onnx"], seconds=60, most_findings=1).findings
    assert "ended with status 1: tlx.errors.ModelFileError" in finding.what
