"""The reliability diagram as a real picture."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tlx.core.evaluation.calibration import calibrate
from tlx.core.evaluation.reliability import draw_reliability, reliability_tables
from tlx.errors import MissingDependencyError, OutputError
from tlx.images import read


def answers(photos: int = 200) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    generator = np.random.default_rng(0)
    second = generator.random(photos)
    return (generator.random(photos) < second).astype(np.int64), np.stack([1 - second, second], axis=1)


def colour_share(path: Path, colour_rgb: tuple[int, int, int]) -> float:
    distance = np.abs(read(path).astype(int) - colour_rgb).max(axis=2)
    return float((distance < 40).mean())


def test_the_picture_shows_a_second_curve_where_a_temperature_is_carried(tmp_path: Path) -> None:
    orange = (255, 127, 14)
    plain, carried = calibrate(*answers()), calibrate(*answers(), own_temperature=3)
    draw_reliability(reliability_tables(plain), tmp_path / "plain.png")
    draw_reliability(reliability_tables(carried), tmp_path / "carried.PNG")
    assert read(tmp_path / "plain.png").shape[1] == pytest.approx(616, abs=2)
    assert colour_share(tmp_path / "plain.png", orange) == 0
    assert colour_share(tmp_path / "carried.PNG", orange) > 0.002


def test_svg_names_the_curves(tmp_path: Path) -> None:
    calibration = calibrate(*answers(), own_temperature=3)
    assert list(reliability_tables(calibration)) == ["as it answers", "at its temperature 3.00"]
    draw_reliability(reliability_tables(calibration), tmp_path / "reliability.svg")
    content = (tmp_path / "reliability.svg").read_text()
    assert content.lstrip().startswith("<?xml")
    assert f"at its temperature 3.00 (ECE {calibration.carried.ece:.4f})" in content if calibration.carried else False


def test_one_photo_is_enough(tmp_path: Path) -> None:
    calibration = calibrate(np.array([1]), np.array([[0.0, 1.0]]))
    draw_reliability(reliability_tables(calibration), tmp_path / "one.png")
    assert (tmp_path / "one.png").stat().st_size > 1000


def test_what_cannot_be_drawn_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = reliability_tables(calibrate(*answers()))
    with pytest.raises(OutputError, match=r"a\.gif: expected a name that ends in \.png or \.svg"):
        draw_reliability(tables, tmp_path / "a.gif")
    with pytest.raises(OutputError, match="does not exist"):
        draw_reliability(tables, tmp_path / "absent" / "a.png")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'tlx-edge\[train\]'"):
        draw_reliability(tables, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []
