"""The sweep of benchmarks/corpus_sweep.py, with fewer files."""

from __future__ import annotations

from pathlib import Path

from corpus_sweep import list_many, sweep, write_many
from odd_files import write_odd_files


def test_odd_files_are_one_line_each(tiny_model: Path, tmp_path: Path) -> None:
    files = write_odd_files(tmp_path / "odd", 1000, seed=2)
    outcome = sweep(tiny_model, tmp_path / "odd", files, timeout_s=120)
    assert outcome.problems == ()
    assert files >= 1000
    assert 100 < outcome.failed < files - 100


def test_a_folder_of_many_entries_is_listed_quickly(tmp_path: Path) -> None:
    write_many(tmp_path / "many", 5000)
    listing = list_many(tmp_path / "many")
    assert listing["entries"] == 5000
    assert listing["seconds"] < 20
    assert listing["more_memory_mib"] < 50
