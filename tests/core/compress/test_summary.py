"""What compression did, in words."""

from __future__ import annotations

from typing import Any

import pytest
from tests.core.compression_records import ORIGINAL, made_up_compression, made_up_point

from tlx.core.compress.summary import (
    bound_words,
    breaks_promise,
    compression_lines,
    drop_words,
    figure,
    headline,
    learning_words,
    missed_bounds,
    needless_speed,
    original_accuracy,
    refusals,
    scaled,
    size_words,
)
from tlx.core.runs import CompressionRecord


def test_the_headline_tells_speed_machine_loss_and_size() -> None:
    assert headline(made_up_compression()) == (
        f"8.00 times as fast as {ORIGINAL}: 5.25 ms for one picture instead of 42.0 ms at fp32 (int8, 2 threads, "
        "a processor); 0.30 points lost on the validation photos (at fp32; export judges its int8 file anew), a drop "
        "of at most 0.62 with 95 % confidence; 1.18 M parameters of 14.7 M and 412 M FLOPs of 30.7 G are left."
    )
    plain = headline(made_up_compression(precision="fp32", drop_points=-0.25, upper_drop_points=-0.1, threads=1))
    assert "instead of 42.0 ms (fp32, 1 thread, a processor); 0.25 points gained on the validation photos, a" in plain
    assert "a drop of at most 0.00 with" in plain


def test_the_lines_are_two_aligned_tables() -> None:
    lines = compression_lines(made_up_compression())
    gap = lines.index("")
    layers, points = lines[:gap], lines[gap + 1 :]
    assert layers[0] == "layer         channels left         FLOPs before  FLOPs now   error     ms"
    assert layers[1] == "block1_conv1  merged into the next        77.4 M          -       -      -"
    assert layers[2] == "block1_conv2  16 of 64                    1.66 G     10.0 M  0.10 %  0.200"
    assert len(layers) == 14
    assert points[0].split() == ["network", "FLOPs", "ms", "speedup", "untaught", "taught", "drop"]
    assert points[1].split() == ["the", "original", "30.7", "G", "42.0", "1.00", "98.00", "%"]
    assert [line for line in points if line.endswith("kept")] == [points[4]]
    assert points[8].split() == ["7.", "96", "px", "240", "M", "3.00", "14.0", "53.00", "%", "95.10", "%", "2.90"]
    assert points[9].split()[-4:] == ["50.50", "%", "-", "-"]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"points": [made_up_point(1234.5, 0.5, 1.0, kept=True, name="x" * 200), made_up_point(0.001, 1.0, 0.0)]},
        {"layers": [], "flops": (999_999_999_999, 999_999_999_999)},
    ],
)
def test_110_columns_suffice(changes: dict[str, Any]) -> None:
    assert max(map(len, compression_lines(made_up_compression(**changes)))) <= 110


def test_without_layers_and_points_there_is_no_line() -> None:
    assert compression_lines(made_up_compression(layers=[], points=[])) == []
    assert compression_lines(made_up_compression(layers=[]))[0].startswith("network")
    assert compression_lines(made_up_compression(points=[]))[-1].startswith("block5_conv3")


def test_the_points_are_held_against_the_original_on_their_own_photos() -> None:
    # The points' drops are over views: no accuracy on plain photos follows from them.
    record = made_up_compression(original_accuracy=0.9, reference_accuracy=0.96)
    assert original_accuracy(record) == 0.96
    assert original_accuracy(record.model_copy(update={"reference_accuracy": None})) == 0.9


def test_a_record_that_tells_less_is_read_and_shown() -> None:
    added = {"reference_accuracy", "seed", "size_hw", "original_size_hw", "passes"}
    older = CompressionRecord.model_validate(made_up_compression().model_dump(mode="json", exclude=added))
    assert (older.seed, older.size_hw, older.passes) == (None, None, None)
    assert learning_words(older) == "12.5 min"
    assert compression_lines(older)
    assert learning_words(made_up_compression()) == "12.5 min, 24.3 passes over the photos, seed 3"
    assert size_words((112, 96)) == "96 x 112 pixels"


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({}, []),
        ({"speedup": 8.0, "latency_ms": 5.25, "max_drop": 0.62}, []),
        ({"speedup": 9.0}, ["It is 8.00 times as fast, 9 times were asked for."]),
        ({"latency_ms": 5.0}, ["A picture takes 5.25 ms, at most 5 were asked for."]),
        ({"max_drop": 0.25}, ["It lost 0.30 points, at most 0.25 were asked for."]),
    ],
)
def test_what_was_asked_for_and_missed_is_told(bounds: dict[str, float], expected: list[str]) -> None:
    assert missed_bounds(made_up_compression(bounds=bounds)) == expected


def test_a_bound_that_is_missed_says_how_far_the_rounds_were_apart() -> None:
    record = made_up_compression(
        bounds={"speedup": 9.0, "latency_ms": 5.0}, speedup_range=(7.5, 8.5), latency_range_ms=(4.875, 5.5)
    )
    assert missed_bounds(record) == [
        "It is 8.00 times as fast (7.50 to 8.50 round by round), 9 times were asked for.",
        "A picture takes 5.25 ms (4.88 to 5.50 round by round), at most 5 were asked for.",
    ]
    assert "a processor; 7.50 to 8.50 times round by round)" in headline(record)


def test_a_network_that_the_last_word_refused_is_told() -> None:
    record = made_up_compression()
    assert refusals(record) == []
    number = next(number for number, point in enumerate(record.points) if not point.kept)
    points = list(record.points)
    points[number] = points[number].model_copy(update={"refused_drop_points": 0.756})
    refused = record.model_copy(update={"points": points})
    first, second = refusals(refused)
    words = f"refused network {number + 1} ({figure(points[number].speedup)} times as fast, 0.76 points lost)."
    assert first == f"The validation photos that have the last word {words}"
    assert second.startswith("They have helped to choose by that")
    (row,) = (line for line in compression_lines(refused) if line.startswith(f"{number + 1}. "))
    assert row.endswith("  refused: 0.76")
    kept = next(number for number, point in enumerate(points) if point.kept)
    points[kept] = points[kept].model_copy(update={"refused_drop_points": 0.7})
    all_refused = record.model_copy(update={"points": points})
    first, second = refusals(all_refused)
    assert first.count(" points lost)") == 2
    assert second.startswith("They have helped to choose by that"), "that which lost least is kept"
    points[number] = record.points[number]
    (sentence,) = refusals(record.model_copy(update={"points": points}))
    assert sentence.count(" points lost)") == 1
    (row,) = (line for line in compression_lines(all_refused) if line.startswith(f"{kept + 1}. "))
    assert row.endswith("  kept, refused: 0.70")
    assert max(map(len, compression_lines(all_refused))) <= 110


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({}, False),
        ({"speedup": 8.4, "latency_ms": 4.9}, False),
        ({"speedup": 8.6}, True),
        ({"latency_ms": 4.8}, True),
        ({"max_drop": 0.1}, True),
        ({"max_drop": 0.3}, False),
    ],
)
def test_a_promise_is_broken_by_a_drop_and_by_a_speed_that_no_round_had(
    bounds: dict[str, float], expected: bool
) -> None:
    record = made_up_compression(bounds=bounds, speedup_range=(7.5, 8.5), latency_range_ms=(4.875, 5.5))
    assert breaks_promise(record) is expected


def test_speed_of_a_record_without_rounds_is_missed_by_its_median() -> None:
    assert [breaks_promise(made_up_compression(bounds={"speedup": speedup})) for speedup in (7.9, 8.1)] == [False, True]


def test_a_drop_that_the_photos_do_not_prove_is_told() -> None:
    (sentence,) = missed_bounds(made_up_compression(bounds={"max_drop": 0.5}))
    assert sentence.startswith("It may have lost 0.62 points")


@pytest.mark.parametrize(
    ("bounds", "times"),
    [
        ({"speedup": 6.0}, "1.33"),
        ({"latency_ms": 10.5}, "2.00"),
        ({"speedup": 4.0, "latency_ms": 8.4}, "1.60"),
        ({"speedup": 7.0}, None),
        ({"speedup": 9.0}, None),
        ({"speedup": 4.0, "max_drop": 1.0}, None),
        ({"max_drop": 1.0}, None),
    ],
)
def test_speed_that_nobody_asked_for_is_told(bounds: dict[str, float], times: str | None) -> None:
    sentences = needless_speed(made_up_compression(bounds=bounds))
    assert [sentence.partition(": ")[0] for sentence in sentences] == (
        [f"It is {times} times as fast as was asked for"] if times else []
    )


def test_words_and_numbers() -> None:
    assert bound_words({"speedup": 8.0, "latency_ms": 2.5, "max_drop": 0.5, "other_limit": 3.0}) == [
        "at least 8 times as fast",
        "at most 2.5 ms for one picture",
        "at most 0.5 points lost",
        "other limit 3",
    ]
    assert [drop_words(points) for points in (0.304, -0.1, 0.001, -0.001)] == [
        "0.30 points lost",
        "0.10 points gained",
        "nothing lost",
        "nothing lost",
    ]
    assert [figure(value) for value in (0.1234, 1.0, 42.0, 123.4, 1234.5, float("nan"))] == [
        "0.123",
        "1.00",
        "42.0",
        "123",
        "1,234",
        "\u2013",
    ]
    assert [scaled(count) for count in (0, 512, 14_716_000, 30_700_000_000)] == ["0", "512", "14.7 M", "30.7 G"]
