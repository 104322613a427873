"""Time and energy of stages, with a tree of counters as Linux shows it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from tlx.core.stopwatch import Stopwatch
from tlx.runtime.energy import EnergyMeter


class Machine:
    """A processor whose counter says what the test wants."""

    def __init__(self, powercap: Path) -> None:
        zone = powercap / "intel-rapl:0"
        zone.mkdir()
        (zone / "name").write_text("package-0\n")
        (zone / "max_energy_range_uj").write_text("100000000\n")  # 100 J
        self.counter = zone / "energy_uj"
        self.counter.write_text("0")
        self.meter = EnergyMeter(powercap, "libabsent-for-the-tests.so")
        self._joules = 0

    def use(self, joules: int) -> None:
        self._joules = (self._joules + joules) % 100
        # In one step, as the kernel does it: the sampling thread must not read half a number.
        self.counter.with_suffix(".new").write_text(str(self._joules * 1_000_000))
        self.counter.with_suffix(".new").replace(self.counter)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_stages_add_up_over_several_visits(machine: Machine) -> None:
    stopwatch = Stopwatch(machine.meter)
    assert (stopwatch.seconds, stopwatch.joules) == ({}, {})
    for joules in (30, 40, 50):
        with stopwatch.measure("features"):
            machine.use(joules)
            time.sleep(0.02)
        machine.use(7)  # between the stages
    with stopwatch.measure("training"):
        machine.use(5)
    assert stopwatch.joules == {"features": {"cpu": 120}, "training": {"cpu": 5}}
    assert 0.06 <= stopwatch.seconds["features"] < 5
    assert stopwatch.seconds["training"] < stopwatch.seconds["features"]


def test_a_running_stage_is_counted_so_far(machine: Machine) -> None:
    stopwatch = Stopwatch(machine.meter)
    with stopwatch.measure("training"):
        machine.use(10)
        time.sleep(0.02)
        assert stopwatch.joules == {"training": {"cpu": 10}}
        so_far_s = stopwatch.seconds["training"]
        machine.use(1)
    assert stopwatch.joules == {"training": {"cpu": 11}}
    assert 0.02 <= so_far_s <= stopwatch.seconds["training"]


def test_a_stage_within_another_counts_for_both_and_within_itself_once(machine: Machine) -> None:
    stopwatch = Stopwatch(machine.meter)
    with stopwatch.measure("all"), stopwatch.measure("all"):
        machine.use(1)
        with stopwatch.measure("inner"):
            machine.use(2)
        machine.use(4)
    assert stopwatch.joules == {"all": {"cpu": 7}, "inner": {"cpu": 2}}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_stage_that_fails_is_counted_and_ends(machine: Machine, error: type[BaseException]) -> None:
    stopwatch = Stopwatch(machine.meter)
    with pytest.raises(error), stopwatch.measure("training"):
        machine.use(3)
        raise error
    machine.use(50)
    assert stopwatch.joules == {"training": {"cpu": 3}}


def test_a_resumed_work_goes_on_counting(machine: Machine) -> None:
    earlier = {"check": 1.5, "training": 100.0}
    stopwatch = Stopwatch(
        machine.meter, earlier_seconds=earlier, earlier_joules={"check": {"cpu": 9.0}, "training": {"cpu": 500.0}}
    )
    with stopwatch.measure("training"):
        machine.use(20)
    assert stopwatch.joules == {"check": {"cpu": 9}, "training": {"cpu": 520}}
    assert stopwatch.seconds["check"] == 1.5
    assert 100 <= stopwatch.seconds["training"] < 105
    assert earlier == {"check": 1.5, "training": 100.0}


def test_a_part_is_never_told_for_the_whole(machine: Machine, tmp_path: Path) -> None:
    with_unknown_start = Stopwatch(machine.meter, earlier_seconds={"training": 100.0})
    with with_unknown_start.measure("training"):
        machine.use(20)
    assert with_unknown_start.joules == {}
    unknown_now = Stopwatch(
        EnergyMeter(tmp_path / "absent", "libabsent-for-the-tests.so"),
        earlier_seconds={"check": 1.0, "training": 100.0},
        earlier_joules={"check": {"cpu": 9.0}, "training": {"cpu": 500.0}},
    )
    with unknown_now.measure("training"), unknown_now.measure("features"):
        pass
    assert unknown_now.joules == {"check": {"cpu": 9}}
    assert set(unknown_now.seconds) == {"check", "training", "features"}


def test_a_counter_lost_on_the_way_leaves_the_finished_stages(machine: Machine) -> None:
    stopwatch = Stopwatch(machine.meter)
    with stopwatch.measure("features"):
        machine.use(8)
    with stopwatch.measure("training"):
        machine.use(8)
        machine.counter.unlink()
    assert stopwatch.joules == {"features": {"cpu": 8}}


def test_two_wraps_within_a_stage_are_seen_and_the_sampler_ends(machine: Machine) -> None:
    stopwatch = Stopwatch(machine.meter, sampling_s=0.01)
    with stopwatch.measure("training"):
        for used in (60, 120, 180, 240):
            machine.use(60)
            deadline_s = time.monotonic() + 30
            # Only looked at: asking the stopwatch would take a reading.
            while stopwatch._settled_joules["cpu"] < used - 0.5 and time.monotonic() < deadline_s:
                time.sleep(0.01)
    assert stopwatch.joules == {"training": {"cpu": 240}}
    assert not [thread for thread in threading.enumerate() if thread.name == "energy"]
