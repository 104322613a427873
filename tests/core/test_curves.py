"""The picture of the curves marks phases and the kept epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tlx import images
from tlx.core.curves import PhaseSpan, draw_curves, phase_spans


def history(*phases: str) -> list[dict[str, Any]]:
    return [
        {"loss": 1 / n, "val_loss": 1.2 / n, "accuracy": 1 - 0.5 / n, "val_accuracy": 1 - 0.6 / n}
        | ({"phase": name} if name else {})
        for n, name in enumerate(phases, start=1)
    ]


@pytest.mark.parametrize(
    ("phases", "expected"),
    [
        ((), []),
        (("", ""), [PhaseSpan("", 1, 2)]),
        (("head", "head", "block5"), [PhaseSpan("head", 1, 2), PhaseSpan("block5", 3, 3)]),
        (("a", "b", "a"), [PhaseSpan("a", 1, 1), PhaseSpan("b", 2, 2), PhaseSpan("a", 3, 3)]),
    ],
)
def test_phase_spans(phases: tuple[str, ...], expected: list[PhaseSpan]) -> None:
    assert phase_spans(history(*phases)) == expected


def test_phases_and_the_kept_epoch_are_drawn(tmp_path: Path) -> None:
    pictures = []
    for name, rows, kept in (
        ("plain", history(*[""] * 8), None),
        ("one", history(*["head"] * 8), None),
        ("kept", history(*[""] * 8), 3),
        ("two", history(*["head"] * 4, *["$fine_tune"] * 4), None),
    ):
        draw_curves(rows, "photos_1: $run", tmp_path / f"{name}.png", kept_epoch=kept)
        pictures.append(images.read(tmp_path / f"{name}.png"))
    plain, one, kept_rgb, two = pictures
    assert np.array_equal(plain, one)  # a phase alone is not worth a mark
    green = (kept_rgb[..., 1].astype(int) - kept_rgb[..., 0] > 60) & (kept_rgb[..., 1].astype(int) > kept_rgb[..., 2])
    assert green.any()
    # The right half of each plot is shaded where the second phase is.
    height, width = two.shape[:2]
    row = slice(height // 2 - 40, height // 2 + 40)
    left, right = two[row, width // 8 : width // 5], two[row, width * 2 // 5 : width * 9 // 20]
    assert np.median(left) == 255
    assert 230 < np.median(right) < 250


def test_names_in_any_script_are_drawn_without_a_warning(tmp_path: Path) -> None:
    """Warnings are errors here; matplotlib warns of each character that its font lacks."""
    draw_curves(history("猫", "🍎"), "猫の写真 🍎", tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_a_history_of_losses_only_is_one_plot(tmp_path: Path) -> None:
    passes = [{"loss": 1 / n, "learning_rate": 1e-3, "seconds": 2.0, "photos": 24} for n in (1, 2, 3)]
    draw_curves(passes, "compressed", tmp_path / "one.png", kept_epoch=3)
    draw_curves(history("", "", ""), "trained", tmp_path / "two.png", kept_epoch=3)
    one_rgb, two_rgb = images.read(tmp_path / "one.png"), images.read(tmp_path / "two.png")
    assert one_rgb.shape[1] < two_rgb.shape[1]

    def is_drawn(picture_rgb: np.ndarray, color: tuple[int, int, int]) -> bool:
        return bool((np.abs(picture_rgb.astype(int) - color).max(axis=2) < 8).any())

    blue, orange = (31, 119, 180), (255, 127, 14)
    assert [is_drawn(two_rgb, color) for color in (blue, orange)] == [True, True]
    assert [is_drawn(one_rgb, color) for color in (blue, orange)] == [True, False]
