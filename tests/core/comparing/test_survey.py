"""What a folder of runs holds, and the table of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tlx.core.comparing.document import describe_survey
from tlx.core.comparing.listing import format_survey, shorten_middle
from tlx.core.comparing.survey import open_finished, survey_runs
from tlx.errors import RunError

if TYPE_CHECKING:
    from tests.core.comparing.conftest import RunMaker

STAMP = "2026-01-31T12-00-00"


def test_finished_runs_come_in_the_order_of_their_time(make_run: RunMaker, tmp_path: Path) -> None:
    make_run("a", created_utc="2026-02-02T00:00:00+00:00")
    make_run("b", created_utc="2026-02-01T00:00:00+00:00")
    make_run("c", created_utc="2026-02-03T00:00:00+00:00")
    survey = survey_runs(tmp_path / "runs")
    assert [run.name for run in survey.finished] == ["b", "a", "c"]
    assert (survey.unfinished, survey.damaged) == ((), ())
    assert open_finished("latest", survey.root).folder.name == survey.finished[-1].name


def test_a_run_is_summed_up(make_run: RunMaker) -> None:
    changes = {
        "result.validation_accuracy": 0.75,
        "result.kept_epoch": 2,
        "result.seconds": {"check": 6.0, "training": 114.0},
    }
    run = make_run("a", changes, seed=7)
    accuracies = [0.5, 0.75, 0.875, 0.75, 0.75]
    (run.folder / "history.json").write_text(json.dumps([{"val_accuracy": value} for value in accuracies]))
    (summary,) = survey_runs(run.folder.parent).finished
    assert (summary.validation_accuracy, summary.best_validation_accuracy) == (0.75, 0.875)
    assert (summary.kept_epoch, summary.epochs, summary.minutes) == (2, 5, 2)
    assert (summary.preset, summary.seed, summary.classes, summary.validation_photos) == ("features", 7, 2, 12)


@pytest.mark.parametrize("history", [None, "{", "[1]", "5", "[]", '[{"val_accuracy": NaN}]', '[{"loss": 1}]'])
def test_without_a_history_the_kept_accuracy_is_the_best_known(make_run: RunMaker, history: str | None) -> None:
    run = make_run("a", {"result.validation_accuracy": 0.75})
    (run.folder / "history.json").unlink()
    if history is not None:
        (run.folder / "history.json").write_text(history)
    (summary,) = survey_runs(run.folder.parent).finished
    assert summary.best_validation_accuracy == 0.75


def test_unfinished_damaged_and_foreign_folders_are_told_apart(make_run: RunMaker, tmp_path: Path) -> None:
    root = tmp_path / "runs"
    make_run("finished").folder.joinpath("training.json").write_text("{}")  # left from its training
    make_run("no-model").folder.joinpath("model.keras").unlink()
    without_record = make_run("no-record").folder
    for name in ("run.json", "training.json"):
        without_record.joinpath(name).unlink()
    make_run("half-a-record").folder.joinpath("run.json").write_text('{"schema": 1, "na')
    make_run(".partial-hidden")
    for name in ("interrupted", "another"):
        (root / name).mkdir()
        (root / name / "training.json").write_text("{}")
    (root / "something else").mkdir()
    (root / "file").touch()
    survey = survey_runs(root)
    assert [run.name for run in survey.finished] == ["finished"]
    assert survey.unfinished == ("another", "interrupted")
    reasons = {run.name: run.reason for run in survey.damaged}
    assert set(reasons) == {"no-model", "no-record", "half-a-record"}
    assert reasons["no-model"].startswith("the run has no model.keras")
    assert reasons["no-record"] == "it has no run.json"
    assert reasons["half-a-record"].startswith("run.json can't be read (")
    lines = format_survey(survey)
    assert lines[2:4] == [f"unfinished: tlx train --resume {name} --runs {root}" for name in survey.unfinished]
    assert [line for line in lines if line.startswith("damaged: ")] == lines[4:]
    document = describe_survey(survey)
    assert (document["schema"], document["unfinished"]) == (1, ["another", "interrupted"])
    assert json.loads(json.dumps(document)) == document


def test_an_empty_or_absent_folder_holds_no_runs(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "absent"):
        survey = survey_runs(root)
        assert (survey.finished, survey.unfinished, survey.damaged) == ((), (), ())
        assert format_survey(survey) == [f"no runs in {root}/: run 'tlx train DATA' first"]
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="expected a folder of runs, can't list it"):
        survey_runs(tmp_path / "file")


def test_an_unfinished_run_is_not_compared(make_run: RunMaker, tmp_path: Path) -> None:
    make_run("a")
    (tmp_path / "runs" / "b").mkdir()
    (tmp_path / "runs" / "b" / "training.json").write_text("{}")
    assert open_finished("a", tmp_path / "runs").folder.name == "a"
    for name in ("b", str(tmp_path / "runs" / "b")):
        with pytest.raises(RunError, match="isn't finished: 'tlx train --resume b --runs "):
            open_finished(name, tmp_path / "runs")


def test_the_table_is_aligned(make_run: RunMaker, tmp_path: Path) -> None:
    figures = {"result.validation_accuracy": 0.5, "result.kept_epoch": 4, "result.seconds": {"training": 7200.0}}
    make_run("cats", figures, created_utc="2026-01-30T00:00:00+00:00", seed=12345)
    figures |= {"result.validation_accuracy": 1.0, "recipe.name": "book-features"}
    make_run("dogs and cats", figures, created_utc="2026-01-31T00:00:00+00:00")
    for run in ("cats", "dogs and cats"):
        (tmp_path / "runs" / run / "history.json").unlink()
    assert format_survey(survey_runs(tmp_path / "runs"), 120) == [
        "run            date        preset         accuracy    best  photos  epoch  min  classes   seed",
        "cats           2026-01-30  features         0.5000  0.5000      12    4/5  120        2  12345",
        "dogs and cats  2026-01-31  book-features    1.0000  1.0000      12    4/5  120        2      0",
    ]


@pytest.mark.parametrize(
    ("names", "preset", "titles"),
    [
        ([f"{STAMP}-features"], "features", ["run", "accuracy"]),
        ([f"{STAMP}-book-features"], "book-features", ["run", "accuracy"]),
        ([f"{STAMP}-{'x' * 60}-features"], "features", ["run", "accuracy"]),
        (["a" * 60], "p" * 30, ["run", "date", "preset", "accuracy"]),
        (["mine", f"{STAMP}-features"], "features", ["run", "date", "preset", "accuracy"]),
        (["mine"], "features", ["run", "date", "preset", "accuracy"]),
    ],
)
def test_eighty_columns_suffice(
    make_run: RunMaker, tmp_path: Path, names: list[str], preset: str, titles: list[str]
) -> None:
    for name in names:
        make_run(name, {"recipe.name": preset, "result.seconds": {"training": 60000.0}}, seed=1234)
    lines = format_survey(survey_runs(tmp_path / "runs"), 80)
    assert {len(line) for line in lines} == {len(lines[0])}
    assert len(lines[0]) <= 80
    assert lines[0].split()[: len(titles)] == titles
    if max(map(len, names)) <= 33 and len(names) == 1:
        assert [line.split()[0] for line in lines[1:]] == names


def test_names_are_shortened_in_the_middle() -> None:
    assert shorten_middle("abcdefgh", 8) == "abcdefgh"
    assert shorten_middle("abcdefghi", 8) == "abcd…ghi"
    assert shorten_middle("abcdefghi", 7) == "abc…ghi"
