from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.bench.made_up import WRONG, failed_row, made_up_document, made_up_rounds, made_up_row

from tlx.bench.comparing.compare import Comparison, Verdict, compare_benches, judge
from tlx.bench.comparing.text import describe_comparison, format_comparison
from tlx.bench.document import BenchDocument
from tlx.errors import InputError
from tlx.runtime.timing.statistics import Estimate


def bench(seed: int, *engines: tuple[str, float], **fields: Any) -> BenchDocument:
    rows = [
        made_up_row(name, ms, rounds_ms=made_up_rounds(ms, seed=100 * seed + place))
        for place, (name, ms) in enumerate(engines)
    ]
    return made_up_document(*rows, **fields)


def verdicts(comparison: Comparison) -> list[str]:
    return [row.verdict.value for row in comparison.rows]


@pytest.mark.parametrize(
    ("low", "high", "verdict", "is_regression", "may_be"),
    [
        (0.80, 0.90, Verdict.FASTER, False, False),
        (0.97, 1.03, Verdict.NO_DIFFERENCE, False, False),
        # Slower, but no more than is tolerated.
        (1.01, 1.04, Verdict.SLOWER, False, False),
        # Slower, and perhaps by more than is tolerated.
        (1.01, 1.09, Verdict.SLOWER, False, True),
        (0.97, 1.09, Verdict.NO_DIFFERENCE, False, True),
        (1.06, 1.09, Verdict.SLOWER, True, False),
        # On the edge isn't beyond it.
        (1.05, 1.05, Verdict.SLOWER, False, False),
        (1.00, 1.00, Verdict.NO_DIFFERENCE, False, False),
        # Without an interval nothing is ruled out.
        (None, None, Verdict.UNKNOWN, False, True),
    ],
)
def test_judge(low: float | None, high: float | None, verdict: Verdict, *, is_regression: bool, may_be: bool) -> None:
    row = judge(made_up_row(), made_up_row(), Estimate(1.0, low, high), 0.05)
    assert (row.verdict, row.is_regression, row.may_be_regression) == (verdict, is_regression, may_be)


def test_known_shifts_are_found() -> None:
    before = bench(0, ("same", 10.0), ("slower", 10.0), ("faster", 10.0))
    after = bench(1, ("same", 10.0), ("slower", 12.0), ("faster", 8.0))
    comparison = compare_benches(before, after)
    assert verdicts(comparison) == ["no difference", "slower", "faster"]
    assert [row.is_regression for row in comparison.rows] == [False, True, False]
    assert comparison.is_regression
    slower = comparison.rows[1].ratio
    assert slower is not None
    assert slower.low is not None
    assert slower.high is not None
    assert slower.low < 1.2 < slower.high


@pytest.mark.parametrize("shift", [1.0, 1.05], ids=["equal", "slower by what is tolerated"])
def test_false_alarms_of_five_engines_together_are_rarer_than_5_percent(shift: float) -> None:
    names = [f"engine {number}" for number in range(5)]
    alarms = 0
    differences = 0
    for seed in range(0, 600, 2):
        before = bench(seed, *((name, 10.0) for name in names))
        after = bench(seed + 1, *((name, 10.0 * shift) for name in names))
        comparison = compare_benches(before, after, tolerance=0.05)
        alarms += comparison.is_regression
        differences += any(row.verdict in {Verdict.FASTER, Verdict.SLOWER} for row in comparison.rows)
    assert alarms / 300 <= 0.05
    if shift == 1.0:
        assert differences / 300 <= 0.05


def test_what_slows_the_whole_machine_cancels_relative_to_the_baseline() -> None:
    weather = np.exp(np.random.default_rng(5).normal(0, 0.2, 20))

    def under(weather: Any, seed: int, new_ms: float) -> BenchDocument:
        rows = []
        for place, (name, ms) in enumerate((("keras.predict", 70.0), ("new", new_ms))):
            calm_ms = np.array(made_up_rounds(ms, spread=0.01, seed=seed + place))
            rows.append(made_up_row(name, ms, rounds_ms=(calm_ms * weather).tolist()))
        return made_up_document(*rows)

    calm, rough = under(np.ones(20), 0, 10.0), under(1.6 * weather, 2, 11.0)
    assert compare_benches(calm, rough).rows[0].verdict is Verdict.SLOWER
    relative = compare_benches(calm, rough, relative=True)
    (row,) = relative.rows
    assert row.name == "new"
    assert row.ratio is not None
    assert row.ratio.value == pytest.approx(1.1, rel=0.02)
    assert row.is_regression
    assert "in units of the baseline's time" in " ".join(format_comparison(relative))


def test_all_engines_slower_together_point_at_the_machine() -> None:
    before, after = bench(0, ("a", 10.0), ("b", 20.0)), bench(1, ("a", 13.0), ("b", 26.0))
    assert compare_benches(before, after).notes == (
        "all 2 engines are slower: perhaps the machine is, which --relative leaves out",
    )
    assert compare_benches(before, bench(1, ("a", 13.0), ("b", 20.0))).notes == ()
    assert compare_benches(bench(0, ("a", 10.0)), bench(1, ("a", 13.0))).notes == ()


def test_an_engine_that_became_wrong_or_fails_is_a_regression_however_fast() -> None:
    before = made_up_document(made_up_row("a"), made_up_row("b"), made_up_row("c"))
    after = made_up_document(made_up_row("a"), made_up_row("b", 5.0, **WRONG), failed_row("c"))
    comparison = compare_benches(before, after)
    assert verdicts(comparison) == ["no difference", "wrong", "failed"]
    assert [row.is_regression for row in comparison.rows] == [False, True, True]


def test_an_engine_that_was_wrong_or_failed_before_is_no_regression() -> None:
    before = made_up_document(made_up_row("a"), made_up_row("b", **WRONG), failed_row("c"))
    after = made_up_document(made_up_row("a"), made_up_row("b", **WRONG), failed_row("c"))
    assert not compare_benches(before, after).is_regression


def test_an_engine_that_is_gone_is_a_regression_unless_it_may_be_missing() -> None:
    before = made_up_document(made_up_row("a"), made_up_row("gone"), made_up_row("w", **WRONG), failed_row("f"))
    after = made_up_document(made_up_row("a"))
    comparison = compare_benches(before, after)
    # What was wrong or failed before is no loss.
    assert [(row.name, row.verdict.value) for row in comparison.rows] == [("a", "no difference"), ("gone", "missing")]
    assert (comparison.is_regression, comparison.may_be_regression) == (True, False)
    assert comparison.only_before == ("gone (2 threads)", "w (2 threads)", "f (2 threads)")
    text = " ".join(line.strip() for line in format_comparison(comparison))
    assert "missing (regression)" in text
    assert "--allow-missing" in text
    assert "95% confidence for all" not in text
    missing = describe_comparison(comparison)["rows"][1]
    assert (missing["verdict"], missing["regression"], missing["after_p50_ms"]) == ("missing", True, None)
    allowed = compare_benches(before, after, allow_missing=True)
    assert verdicts(allowed) == ["no difference", "missing"]
    assert not allowed.is_regression
    # Which other rows are there doesn't change what is said of those in both.
    assert allowed.rows[0] == compare_benches(made_up_document(made_up_row("a")), after).rows[0]


def test_what_has_no_rounds_may_be_a_regression() -> None:
    known, unknown = made_up_row("a"), made_up_row("a", round_medians_ms=[])
    for before, after in ((known, unknown), (unknown, known)):
        comparison = compare_benches(made_up_document(before), made_up_document(after))
        assert verdicts(comparison) == ["unknown"]
        assert (comparison.is_regression, comparison.may_be_regression) == (False, True)
    # What failed before can't have become worse.
    mended = compare_benches(made_up_document(known, failed_row("c")), made_up_document(known, made_up_row("c")))
    assert mended.rows[1].verdict is Verdict.UNKNOWN
    assert not mended.may_be_regression


def test_wrong_answers_are_a_regression_without_any_rounds() -> None:
    wrong = made_up_row("a", **WRONG, round_medians_ms=[])
    comparison = compare_benches(made_up_document(made_up_row("a")), made_up_document(wrong))
    assert verdicts(comparison) == ["wrong"]
    assert comparison.is_regression


def test_rows_are_the_same_only_with_the_same_batch_and_threads() -> None:
    before = made_up_document(made_up_row(batch=1), made_up_row(batch=8, median_ms=80.0), made_up_row("gone"))
    after = made_up_document(made_up_row(batch=8, median_ms=80.0), made_up_row(batch=8, threads=1, median_ms=80.0))
    comparison = compare_benches(before, after)
    name = "onnxruntime.cpu.fp32"
    assert [row.key for row in comparison.rows] == [(name, 8, 2), (name, 1, 2), ("gone", 1, 2)]
    assert [row.after is None for row in comparison.rows] == [False, True, True]
    assert comparison.only_before == ("onnxruntime.cpu.fp32 (2 threads)", "gone (2 threads)")
    assert comparison.only_after == ("onnxruntime.cpu.fp32 (batch 8, 1 thread)",)


def test_benches_without_a_common_engine_are_refused() -> None:
    with pytest.raises(InputError, match="no engine is in both benches"):
        compare_benches(made_up_document(made_up_row("a")), made_up_document(made_up_row("b")))


def test_relative_needs_the_same_baseline_and_something_beside_it() -> None:
    a, b = made_up_document(made_up_row("a"), made_up_row("b")), made_up_document(made_up_row("b"), made_up_row("a"))
    with pytest.raises(InputError, match="got a and b"):
        compare_benches(a, b, relative=True)
    alone = made_up_document(made_up_row("a"))
    with pytest.raises(InputError, match="a is the only engine"):
        compare_benches(alone, alone, relative=True)


def test_the_text_fits_into_100_columns_and_names_the_regression() -> None:
    name = "onnxruntime.openvino.int8:a-long-name-of-a-model-file-that-never-ends"
    before = made_up_document(made_up_row(name, 10.0), made_up_row(name, 80.0, batch=8), made_up_row("gone"))
    after = made_up_document(made_up_row(name, 13.0), made_up_row(name, 80.0, batch=8))
    lines = format_comparison(compare_benches(before, after))
    assert max(map(len, lines)) <= 100
    text = " ".join(line.strip() for line in lines)
    assert "slower (regression)" in lines[1]
    assert "+30.0 %" in lines[1]
    assert "95% confidence for all 2 rows together" in text
    assert "only in the first bench: gone (2 threads)" in text
    assert lines[0].split()[:3] == ["engine", "batch", "threads"]
    assert [line.split()[1:3] for line in lines[1:3]] == [["1", "2"], ["8", "2"]]


def test_the_text_says_what_is_not_ruled_out() -> None:
    noisy = [made_up_rounds(10.0, spread=0.2, seed=seed) for seed in (1, 2)]
    before, after = (made_up_document(made_up_row("a", rounds_ms=rounds)) for rounds in noisy)
    text = " ".join(format_comparison(compare_benches(before, after)))
    assert "no regression by more than 5 % is shown" in text
    assert "not ruled out, more rounds would tell: a (2 threads)" in text
    few = [made_up_document(made_up_row("a", rounds_ms=rounds[:4])) for rounds in noisy]
    assert "unknown: too few rounds" in " ".join(format_comparison(compare_benches(*few)))


def test_the_document_tells_changes_as_shares() -> None:
    document = describe_comparison(compare_benches(bench(0, ("a", 10.0)), bench(1, ("a", 13.0)), tolerance=0.1))
    assert (document["schema"], document["regression"], document["tolerance"]) == (1, True, 0.1)
    (row,) = document["rows"]
    assert row["change"] == pytest.approx(0.3, abs=0.03)
    assert row["change_interval"][0] < row["change"] < row["change_interval"][1]
    assert (row["verdict"], row["before_rounds"], row["after_rounds"]) == ("slower", 20, 20)
