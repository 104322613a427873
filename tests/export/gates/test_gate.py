from __future__ import annotations

import pytest

from tlx.export.gates.gate import Gate, skipped_names


def test_every_gate_is_skipped_by_a_flag_of_its_name() -> None:
    assert [gate.flag for gate in Gate] == ["--skip-parity-gate", "--skip-accuracy-gate", "--skip-speed-gate"]


@pytest.mark.parametrize(
    ("skipped", "names"),
    [
        ([], []),
        ([Gate.SPEED], ["speed"]),
        ({Gate.SPEED, Gate.PARITY}, ["parity", "speed"]),
        ([Gate.SPEED, Gate.SPEED, Gate.ACCURACY], ["accuracy", "speed"]),
    ],
)
def test_skipped_names_keep_the_gates_order(skipped: list[Gate], names: list[str]) -> None:
    assert skipped_names(skipped) == names
