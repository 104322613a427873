"""Charts put values where they belong."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree as ET

import pytest

from tlx.core.evaluation.calibration import ReliabilityBin
from tlx.core.report.axes import Axes, decimals, ticks
from tlx.core.report.curve_charts import beyond_scale, curve_chart
from tlx.core.report.reliability_chart import reliability_chart


@pytest.mark.parametrize(
    ("low", "high", "whole", "expected"),
    [
        (0.0, 1.0, False, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.9, 1.0, False, [0.9, 0.92, 0.94, 0.96, 0.98, 1.0]),
        (1, 2, True, [1, 2]),
        (1, 30, True, [10, 20, 30]),
        (0.0, 3e-5, False, [0.0, 1e-5, 2e-5, 3e-5]),
    ],
)
def test_ticks_are_round(low: float, high: float, whole: bool, expected: list[float]) -> None:
    assert ticks(low, high, whole=whole) == pytest.approx(expected)


def test_decimals_are_alike() -> None:
    assert decimals([0.9, 0.925, 1.0]) == ["0.900", "0.925", "1.000"]
    assert decimals([10.0, 20.0]) == ["10", "20"]


def test_axes_map_edges_to_edges() -> None:
    axes = Axes((1, 3), (0, 10))
    assert (axes.x(1), axes.x(3), axes.x(2)) == (axes.left, axes.right, (axes.left + axes.right) / 2)
    assert (axes.y(0), axes.y(10)) == (axes.bottom, axes.top)


def rows(losses: list[float], phases: list[str] | None = None) -> list[dict[str, float | str]]:
    names = phases or [""] * len(losses)
    return [
        {"loss": loss, "val_loss": loss, "accuracy": 0.5, "val_accuracy": 0.5, **({"phase": name} if name else {})}
        for loss, name in zip(losses, names, strict=True)
    ]


def chart(*arguments: object) -> ET.Element:
    return ET.fromstring(curve_chart("loss", *arguments))  # type: ignore[arg-type] # noqa: S314 - our own


def of_class(root: ET.Element, *classes: str) -> list[ET.Element]:
    return [one for one in root.iter() if set(classes) <= set(one.get("class", "").split())]


def test_a_chart_has_a_dot_for_each_finite_value() -> None:
    root = chart(rows([0.5, math.nan, 0.3, math.inf]), 1)
    (dots,) = of_class(root, "dots", "train")
    assert dots.get("d", "").count("M") == 2
    assert "nan" not in ET.tostring(root, encoding="unicode")


def test_each_phase_has_its_own_smoothed_line_and_band() -> None:
    root = chart(rows([0.8, 0.4, 0.2, 0.1], ["head", "head", "block5", "block5"]), 3)
    (line,) = of_class(root, "line", "validation")
    starts = re.findall(r"M([\d.]+) ([\d.]+)", line.get("d", ""))
    (dots,) = of_class(root, "dots", "validation")
    places = re.findall(r"M([\d.]+) ([\d.]+)h0", dots.get("d", ""))
    assert starts == [places[0], places[2]]
    assert [band.findtext("title") for band in of_class(root, "band")] == [
        "phase head: 2 epochs",
        "phase block5: 2 epochs",
    ]
    assert [text.text for text in of_class(root, "phase")] == ["head", "block5"]
    (ring,) = of_class(root, "ring")
    assert float(ring.get("cx", "")) == pytest.approx(float(places[2][0]), abs=0.1)
    assert "0.2000 in the kept epoch 3" in (root.findtext("desc") or "")


def test_a_history_without_phases_has_no_bands_and_one_line() -> None:
    root = chart(rows([0.8, 0.4]), 2)
    assert not of_class(root, "band")
    assert of_class(root, "line", "train")[0].get("d", "").count("M") == 1


def test_a_first_epoch_far_off_does_not_flatten_the_others() -> None:
    history = rows([50.0, *[0.5] * 39])
    assert beyond_scale("loss", history) == 2
    dots = of_class(chart(history, 1), "dots", "train")[0].get("d", "")
    heights = [float(y) for y in re.findall(r"M[\d.]+ ([\d.]+)h0", dots)]
    assert heights[0] == 26
    assert heights[1] < 200
    assert beyond_scale("loss", rows([1.0, 0.5, 0.4])) == 0


@pytest.mark.parametrize("losses", [[0.0], [0.3], [0.0, 0.0]])
def test_few_or_equal_values_are_drawn(losses: list[float]) -> None:
    assert of_class(chart(rows(losses), 1), "ring")


def test_the_reliability_diagram_draws_what_each_bin_says() -> None:
    bins = (ReliabilityBin(0.5, 0.6, 10, 0.55, 0.5), ReliabilityBin(0.9, 1.0, 90, 0.95, 1.0))
    root = ET.fromstring(reliability_chart(bins, 0.05))  # noqa: S314 - our own
    points = of_class(root, "point")
    axes = Axes((0.5, 1.0), (0.0, 1.0), bottom=262, top=16)
    assert [float(point.get("cx", "")) for point in points] == pytest.approx([axes.x(0.55), axes.x(0.95)], abs=0.01)
    assert [float(point.get("cy", "")) for point in points] == pytest.approx([axes.y(0.5), axes.y(1.0)], abs=0.01)
    low, high = (float(bar.get("height", "")) for bar in of_class(root, "count"))
    assert low * 9 == pytest.approx(high, abs=0.1)
    assert "10 photos at 55 %: 50 % right." in (root.findtext("desc") or "")


def test_a_model_that_is_always_quite_sure_has_a_reliability_diagram() -> None:
    sure = ReliabilityBin(low=14 / 15, high=1.0, count=8, confidence=1.0, accuracy=1.0)
    root = ET.fromstring(reliability_chart([sure], 0.0))  # noqa: S314 - our own
    (bar,) = of_class(root, "count")
    assert float(bar.attrib["width"]) > 0
