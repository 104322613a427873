"""Whether two accuracies on the same photos can be told apart."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tlx.core.comparing.paired import compare_outcomes, mcnemar_p_value, read_outcomes
from tlx.core.runs import open_run
from tlx.errors import RunError

if TYPE_CHECKING:
    from tests.core.comparing.conftest import PredictionsWriter, RunMaker

    from tlx.core.runs import Run


@pytest.mark.parametrize(
    ("only_a", "only_b"), [(0, 0), (0, 1), (5, 0), (3, 9), (9, 3), (50, 50), (20, 41), (900, 1100)]
)
def test_the_p_value_is_scipys(only_a: int, only_b: int) -> None:
    from scipy.stats import binomtest

    expected = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    assert mcnemar_p_value(only_a, only_b) == pytest.approx(expected, rel=1e-9)


def test_the_p_value_holds_for_many_photos() -> None:
    assert 0 < mcnemar_p_value(49_000, 51_000) < 1e-9
    assert mcnemar_p_value(0, 5000) == 0  # too small for a float


def outcomes(right: str) -> dict[tuple[str, str], bool]:
    return {(str(place), "cat"): mark == "+" for place, mark in enumerate(right)}


def test_the_photos_that_tell_are_counted() -> None:
    paired = compare_outcomes(outcomes("++++----++"), outcomes("++--+---++"))
    assert (paired.photos, paired.only_a, paired.only_b) == (10, 2, 1)
    assert paired.difference == pytest.approx(-0.1)
    assert not paired.is_beyond_chance
    assert compare_outcomes(outcomes("-" * 6), outcomes("+" * 6)).is_beyond_chance
    assert not compare_outcomes(outcomes("-" * 5), outcomes("+" * 5)).is_beyond_chance


def test_different_photos_are_not_compared() -> None:
    with pytest.raises(RunError, match=r"different photos \(2 in both of 2 in A and 3 in B\)"):
        compare_outcomes(outcomes("++"), outcomes("+++"))
    with pytest.raises(RunError, match=r"different photos \(0 in both"):
        compare_outcomes({("1", "cat"): True}, {("1", "dog"): True})
    with pytest.raises(RunError, match="no validation photos"):
        compare_outcomes({}, {})


@pytest.mark.parametrize("prefix", [None, "", "photos/", "../elsewhere/the photos/"])
def test_predictions_are_found_however_the_folder_is_written(
    make_run: RunMaker, write_predictions: PredictionsWriter, prefix: str | None
) -> None:
    run = make_run("a")
    write_predictions(run, wrong={1, 5, 7}, prefix=prefix)
    found = read_outcomes(run)
    photos = run.photos("validation")
    assert [place for place, photo in enumerate(photos) if not found[photo.sha256, photo.label]] == [1, 5, 7]
    assert len(found) == len(photos) == 12


def test_what_evaluation_writes_is_read(tiny_run: Run, tmp_path: Path) -> None:
    from tlx.core.evaluation.document import write_predictions as write
    from tlx.core.evaluation.evaluate import EvaluateOptions, evaluate_model

    evaluation = evaluate_model(str(tiny_run.folder), EvaluateOptions())
    shutil.copytree(tiny_run.folder, tmp_path / "run")
    write(evaluation, tmp_path / "run" / "validation.csv")
    found = read_outcomes(open_run(tmp_path / "run"))
    assert sum(found.values()) == round(evaluation.metrics.accuracy * 12)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda lines: lines[:-2], "covers 10 of 12 validation photos"),
        (lambda lines: [*lines, lines[-1]], "has a row that fits no validation photo"),
        (lambda lines: [*lines, "elsewhere.jpg,red,red,0.5,0.5"], "has a row that fits no validation photo"),
        (lambda lines: [lines[0].replace("label", "class"), *lines[1:]], r"can't be read \('label'\)"),
        (lambda lines: [lines[0], '"a'], "can't be read"),
        (lambda _: [], "covers 0 of 12"),
        (None, "has no validation.csv"),
    ],
)  # fmt: skip
def test_predictions_that_do_not_fit_are_not_judged(
    make_run: RunMaker, write_predictions: PredictionsWriter, spoil: object, message: str
) -> None:
    run = make_run("a")
    write_predictions(run)
    path = run.folder / "validation.csv"
    if callable(spoil):
        path.write_text("\n".join(spoil(path.read_text().splitlines())))
    else:
        path.unlink()
    with pytest.raises(RunError, match=message):
        read_outcomes(run)


def test_a_run_without_its_list_of_photos_is_not_judged(
    make_run: RunMaker, write_predictions: PredictionsWriter
) -> None:
    run = make_run("a")
    write_predictions(run)
    for content in ("{", '[{"path": 1}]', "[]"):
        (run.folder / "photos.json").write_text(content)
        with pytest.raises(RunError, match=r"list of photos can't be read|fits no validation photo"):
            read_outcomes(run)
