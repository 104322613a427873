from __future__ import annotations

from typing import Any

from tests.bench.made_up import WRONG, failed_row, full_document, made_up_document, made_up_row

from tlx.bench.document import BenchDocument
from tlx.bench.page.page import render
from tlx.bench.table import format_bench, format_remarks, format_table


def remarks(document: BenchDocument) -> str:
    return " ".join(line.strip() for line in format_remarks(document))


def test_everything_fits_into_100_columns() -> None:
    lines = format_bench(full_document())
    assert max(map(len, lines)) <= 100
    assert any("accuracy" in line and "J/photo" in line for line in lines)


def test_the_longest_figures_and_names_fit_into_100_columns() -> None:
    wide: dict[str, Any] = {
        "p50_ms": 1234.5, "p50_ci95_ms": (1221.5, 1244.4), "p90_ms": 1500.0, "p99_ms": 2000.0,
        "ratio_to_baseline": 0.512, "ratio_ci95": (0.498, 0.533), "throughput_photos_per_s": 0.123,
    }  # fmt: skip
    agreement: dict[str, Any] = WRONG["agreement"]
    wrong: dict[str, Any] = {"status": "wrong", "agreement": agreement | {"photos": 1000, "labels_equal": 999}}
    rows = [
        made_up_row("onnxruntime.cpu.fp32:a-very-long-name-of-a-model-file#12", 1234.5, batch=64, **wide, **wrong),
        failed_row("onnxruntime.tensorrt.int8"),
    ]
    lines = format_table(made_up_document(*rows))
    assert max(map(len, lines)) <= 100
    assert "1234 [1222, 1244]" in lines[2]
    assert "0.512 [0.498, 0.533]" in lines[2]
    assert "999/1000 WRONG" in lines[2]
    assert "…" in lines[2]
    assert lines[-1].split()[-1] == "failed"


def test_percentiles_that_the_sample_cannot_carry_are_not_available_and_the_remarks_say_what_they_need() -> None:
    document = made_up_document(made_up_row("keras.predict", 20.0, p90_ms=None, samples_needed={"p90": 36, "p99": 368}))
    assert format_table(document)[1].split()[4:6] == ["n/a", "n/a"]
    assert "n/a: p90 needs 36 calls, p99 needs 368 calls" in remarks(document)


def test_a_median_without_interval_says_which_of_both_is_missing() -> None:
    document = made_up_document(made_up_row("keras.predict", 20.0, samples_needed={"p50": 6, "p99": 1368}))
    assert "n/a: p50's interval needs 6 calls, p99 needs 1,368 calls" in remarks(document)


def test_what_percentiles_need_is_what_all_rows_need() -> None:
    rows = [made_up_row("a", samples_needed={"p99": 700}), made_up_row("b", samples_needed={"p95": 80, "p99": 368})]
    for document in (made_up_document(*rows), made_up_document(*reversed(rows))):
        assert "p99 needs 700 calls" in remarks(document)
        assert "p95 needs 80 calls" in remarks(document)
        assert "p99 needs 700 calls" in render(document)


def test_rows_of_other_batches_stand_apart_and_tell_photos_a_second() -> None:
    rows = [made_up_row(batch=batch, threads=threads) for threads in (1, 2) for batch in (1, 8)]
    lines = format_table(made_up_document(*rows))
    assert "photos/s" in lines[0]
    assert lines[1::2] == [
        "-- 1 photo a call, 1 thread",
        "-- 8 photos a call, 1 thread",
        "-- 1 photo a call, 2 threads",
        "-- 8 photos a call, 2 threads",
    ]


def test_what_else_was_measured_tells_rows_of_other_batches_apart() -> None:
    accuracy = {"correct": 19, "photos": 20, "low": 0.75, "high": 0.99}
    rows = [made_up_row(batch=batch, threads=2, accuracy=accuracy) for batch in (1, 8)]
    table = format_bench(made_up_document(*rows))
    lines = table[table.index("") + 1 :]
    assert [line.split("  ")[0] for line in lines[1:]] == [f"onnxruntime.cpu.fp32 (batch {batch})" for batch in (1, 8)]


def test_remarks_name_an_engine_that_is_wrong() -> None:
    document = made_up_document(made_up_row("keras.predict", 20.0), made_up_row("fast", 5.0, **WRONG))
    expected = (
        "WRONG: fast gives other answers than keras.predict: 19 of 50 labels differ, probabilities by up to 8e-01"
    )
    assert expected in remarks(document)


def test_an_engine_that_differs_within_its_precision_is_marked_but_not_wrong() -> None:
    agreement = {"photos": 50, "labels_equal": 49, "max_abs_difference": 0.2, "tolerance": None, "agrees": False}
    document = made_up_document(made_up_row("keras.predict", 20.0), made_up_row("int8", 5.0, agreement=agreement))
    assert format_table(document)[2].endswith("49/50 !")
    assert "! int8 gives other answers" in remarks(document)
    assert "WRONG" not in remarks(document)


def test_another_network_is_called_so_and_not_wrong() -> None:
    agreement = {**WRONG["agreement"], "wrong": False, "same_network": False, "beside": "keras.predict"}
    document = made_up_document(made_up_row("keras.predict", 20.0), made_up_row("small", 5.0, agreement=agreement))
    assert format_table(document)[2].endswith("another network")
    assert "small is another network than keras.predict: its accuracy judges it" in remarks(document)
    assert "WRONG" not in remarks(document)
    page = render(document)
    assert ">another network</span>" in page
    assert "wrong answers" not in page


def test_a_wrong_engine_of_another_network_is_told_beside_its_own() -> None:
    agreement = {**WRONG["agreement"], "beside": "small"}
    document = made_up_document(made_up_row("a"), made_up_row("small int8", status="wrong", agreement=agreement))
    assert "WRONG: small int8 gives other answers than small:" in remarks(document)
    assert "small int8 gives other answers than small:" in render(document)


def test_remarks_name_an_engine_that_was_not_idle_while_it_waited() -> None:
    parked = {"cpu_ms": 720.0, "wall_ms": 800.0, "idle": False, "spin_ms": 40.0}
    document = made_up_document(made_up_row("keras.predict", 20.0), made_up_row("spinning", 5.0, parked=parked))
    assert "spinning kept 90% of a processor busy" in remarks(document)
    assert "keras.predict kept" not in remarks(document)


def test_remarks_tell_that_time_was_short() -> None:
    method = {"rounds": 3, "rounds_asked": 8, "max_seconds": 60.0, "seconds": 60.0, "ended": "seconds"}
    document = made_up_document(made_up_row("keras.predict", 20.0, samples_needed={}), method=method)
    assert format_remarks(document) == ["3 of 8 rounds fitted into 60 s (--max-seconds), with loading and warming up"]


def test_remarks_repeat_what_disturbed_the_bench() -> None:
    document = made_up_document(made_up_row(), interference={"warnings": ["other processes used 11% of the time"]})
    assert "caution: other processes used 11% of the time" in remarks(document)


def test_models_sizes_alone_make_no_second_table() -> None:
    assert all("file MB" not in line for line in format_bench(made_up_document(made_up_row())))
