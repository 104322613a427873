"""Two runs, held against each other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tlx.core.comparing.compare import SplitCounts, compare_runs
from tlx.core.comparing.differences import Difference
from tlx.core.comparing.document import describe_comparison
from tlx.core.comparing.text import format_comparison

if TYPE_CHECKING:
    from tests.core.comparing.conftest import PredictionsWriter, RunMaker


def test_a_run_and_itself_differ_in_nothing(make_run: RunMaker, write_predictions: PredictionsWriter) -> None:
    run = make_run("a")
    write_predictions(run, {0})
    comparison = compare_runs(run, run)
    assert (comparison.recipe, comparison.weights, comparison.environment) == ((), (), ())
    assert comparison.data.is_same
    lines = format_comparison(comparison)
    for line in ("recipe: the same", "weights: the same", "environment: the same", "data: the same photos"):
        assert line in lines
    assert "of 12 photos, A alone has 0 right and B alone 0" in " ".join(lines)


def test_what_differs_is_named(make_run: RunMaker, write_predictions: PredictionsWriter) -> None:
    a = make_run("a", {"recipe.phases.0.learning_rate": 0.1})
    changes = {
        "recipe.phases.0.learning_rate": 0.2,
        "weights.name": "imagenet",
        "environment.versions.keras": "9.9",
        "data.root": "/elsewhere/photos",
    }
    b = make_run("b", changes, started_from="a")
    write_predictions(a, {0, 1, 2, 3, 4, 5, 6, 7})
    write_predictions(b, {7})
    comparison = compare_runs(a, b)
    assert comparison.recipe == (Difference("phases[0].learning_rate", 0.1, 0.2),)
    assert [difference.key for difference in comparison.weights] == ["name", "started_from"]
    (keras,) = comparison.environment
    assert (keras.key, keras.b) == ("versions.keras", "9.9")
    assert comparison.data.is_same
    assert [difference.key for difference in comparison.data.differences] == ["root"]
    paired = comparison.paired
    assert paired is not None
    assert (paired.photos, paired.only_a, paired.only_b, paired.is_beyond_chance) == (12, 0, 7, True)
    lines = format_comparison(comparison)
    assert (
        "B is better on photos like these by more than chance: of 12 photos, A alone has 0 right and B alone 7 ("
        in " ".join(lines)
    )
    assert "  phases[0].learning_rate       0.1                      0.2" in lines
    assert max(map(len, lines)) <= 80
    document = describe_comparison(comparison)
    assert document["validation"]["beyond_chance"] is True
    assert document["differences"]["recipe"] == [{"key": "phases[0].learning_rate", "a": 0.1, "b": 0.2}]
    assert json.loads(json.dumps(document)) == document


def test_figures_stand_side_by_side(make_run: RunMaker) -> None:
    figures = {"result.validation_accuracy": 0.5, "result.kept_epoch": 1, "result.seconds": {"check": 60.0}}
    a = make_run("a", figures)
    b = make_run("b", figures | {"result.validation_accuracy": 0.75, "result.seconds": {"check": 90.0, "cache": 30.0}})
    for run in (a, b):
        (run.folder / "history.json").unlink()
    lines = format_comparison(compare_runs(a, b))
    assert lines[:2] == ["A  a", "B  b"]
    rows = {" ".join(line.split()) for line in lines}
    assert rows >= {
        "validation accuracy 0.5000 0.7500 +0.2500",
        "best of any epoch 0.5000 0.7500 +0.2500",
        "kept epoch 1 of 5 1 of 5",
        "minutes 1.0 2.0 +1.0",
        "check 1.0 1.5 +0.5",
        "cache 0.0 0.5 +0.5",
    }
    heads = next(line for line in lines if line.endswith("B - A"))
    accuracy = next(line for line in lines if line.startswith("validation accuracy"))
    assert len(heads) == len(accuracy)


def test_other_photos_are_counted_and_not_judged(make_run: RunMaker, write_predictions: PredictionsWriter) -> None:
    a = make_run("a")
    b = make_run("b", {"data.sha256": "f" * 64, "data.counts.train.red": 11})
    photos = json.loads((b.folder / "photos.json").read_bytes())
    photos.pop(next(place for place, photo in enumerate(photos) if photo["split"] == "train"))
    for place, photo in enumerate(photo for photo in photos if photo["split"] == "validation"):
        if place < 3:
            photo["sha256"] = "0" * 63 + str(place)
    (b.folder / "photos.json").write_text(json.dumps(photos))
    write_predictions(a)
    write_predictions(b)
    comparison = compare_runs(a, b)
    assert not comparison.data.is_same
    assert comparison.data.splits == (SplitCounts("train", 24, 23, 23), SplitCounts("validation", 12, 12, 9))
    assert comparison.paired is None
    text = " ".join(format_comparison(comparison))
    assert "can't be judged: they were validated on different photos (9 in both of 12 in A and 12 in B)." in text
    assert "data: not the same photos" in text
    assert describe_comparison(comparison)["validation"]["judged"] is False


def test_without_predictions_it_says_whose_are_missing(
    make_run: RunMaker, write_predictions: PredictionsWriter
) -> None:
    a, b = make_run("a"), make_run("b")
    for run in (a, b):
        (run.folder / "validation.csv").unlink()
    write_predictions(a)
    assert compare_runs(a, b).not_judged == "B: it has no validation.csv (older trainings wrote none)"
    (a.folder / "validation.csv").unlink()
    assert compare_runs(a, b).not_judged == "A: it has no validation.csv (older trainings wrote none)"


def test_a_lost_list_of_photos_leaves_the_rest(make_run: RunMaker) -> None:
    a, b = make_run("a"), make_run("b", {"data.sha256": "f" * 64})
    (b.folder / "photos.json").unlink()
    comparison = compare_runs(a, b)
    assert [counts.both for counts in comparison.data.splits] == [None, None]
    assert any(line.split() == ["train", "24", "24", "unknown"] for line in format_comparison(comparison))


def test_a_small_difference_is_left_to_chance(make_run: RunMaker, write_predictions: PredictionsWriter) -> None:
    a, b = make_run("a"), make_run("b")
    write_predictions(a, {0, 1})
    write_predictions(b, {2})
    text = " ".join(format_comparison(compare_runs(a, b)))
    assert "can't be told apart from chance: of 12 photos, A alone has 1 right and B alone 2" in text
