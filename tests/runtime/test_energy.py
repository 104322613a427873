"""Joules from a tree of counters as Linux shows it, and from a library with NVML's functions."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tlx.runtime.energy import EnergyMeter, counted

ABSENT = "libabsent-for-the-tests.so"


def write_zone(powercap: Path, zone: str, name: str, microjoules: int, limit: int = 1_000_000_000) -> Path:
    """One zone of RAPL; gives its counter."""
    folder = powercap / zone
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "name").write_text(f"{name}\n")
    (folder / "max_energy_range_uj").write_text(f"{limit}\n")
    (folder / "energy_uj").write_text(f"{microjoules}\n")
    return folder / "energy_uj"


@pytest.mark.parametrize(
    ("before", "after", "limit", "expected"),
    [
        (5, 5, 100, 0),
        (5, 9, 100, 4),
        (90, 10, 100, 20),  # started again at zero
        (90, 10, None, None),  # a counter that must not
        (150, 10, 100, None),  # beyond its own limit
    ],
)
def test_counted_follows_a_wrap(before: int, after: int, limit: int | None, expected: int | None) -> None:
    assert counted(before, after, limit) == expected


def test_packages_are_added_up_over_wraps(tmp_path: Path) -> None:
    first = write_zone(tmp_path, "intel-rapl:0", "package-0", 900_000_000)
    second = write_zone(tmp_path, "intel-rapl:1", "package-1", 0)
    meter = EnergyMeter(tmp_path, ABSENT)
    assert meter.read() == {"cpu": 0}
    first.write_text("100000000\n")
    second.write_text("50000000\n")
    assert meter.read() == {"cpu": pytest.approx(250)}
    first.write_text("950000000\n")
    assert meter.read() == {"cpu": pytest.approx(1100)}
    first.write_text("50000000\n")  # the second wrap
    assert meter.read() == {"cpu": pytest.approx(1200)}


def test_only_packages_count(tmp_path: Path) -> None:
    (tmp_path / "intel-rapl").mkdir()
    counters = [
        write_zone(tmp_path, zone, name, 0)
        for zone, name in (
            ("intel-rapl:0", "package-0"),
            ("intel-rapl:0:0", "core"),
            ("intel-rapl:0:1", "dram"),
            ("intel-rapl:1", "psys"),
            ("intel-rapl-mmio:0", "package-0"),  # the same package by another way
        )
    ]
    meter = EnergyMeter(tmp_path, ABSENT)
    for counter in counters:
        counter.write_text("7000000\n")
    assert meter.read() == {"cpu": pytest.approx(7)}


@pytest.mark.parametrize("zones", [(), ("core",), ("psys",)])
def test_nothing_is_known_without_packages(tmp_path: Path, zones: tuple[str, ...]) -> None:
    for number, name in enumerate(zones):
        write_zone(tmp_path, f"intel-rapl:{number}", name, 0)
    for powercap in (tmp_path, tmp_path / "absent"):
        meter = EnergyMeter(powercap, ABSENT)
        assert (meter.sources, meter.read()) == ((), {})


def test_a_package_that_cannot_be_read_makes_all_unknown(tmp_path: Path) -> None:
    write_zone(tmp_path, "intel-rapl:0", "package-0", 0)
    refused = write_zone(tmp_path, "intel-rapl:1", "package-1", 0)
    # Rights don't stop root, who may run the tests; a folder in the file's place gives an OSError to everybody.
    refused.unlink()
    refused.mkdir()
    assert EnergyMeter(tmp_path, ABSENT).sources == ()


@pytest.mark.parametrize("spoilt", ["", "no number", None])
def test_a_counter_that_is_lost_stays_unknown(tmp_path: Path, spoilt: str | None) -> None:
    counter = write_zone(tmp_path, "intel-rapl:0", "package-0", 0)
    meter = EnergyMeter(tmp_path, ABSENT)
    counter.write_text("1000000")
    assert meter.read() == {"cpu": pytest.approx(1)}
    if spoilt is None:
        counter.unlink()
    else:
        counter.write_text(spoilt)
    assert meter.read() == {}
    counter.write_text("2000000")
    assert (meter.read(), meter.sources) == ({}, ())


NVML = """
static unsigned long long millijoules[2] = {5000000000000ULL, 100};
int nvmlInit_v2(void) { return INIT; }
int nvmlDeviceGetCount_v2(unsigned int *count) { *count = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) { *device = &millijoules[index]; return 0; }
int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *energy) {
    *energy = *(unsigned long long *)device;
    *(unsigned long long *)device += 1500;
    return ENERGY;
}
"""


def build_nvml(folder: Path, *, init: int = 0, energy: int = 0) -> str:
    """A library with NVML's functions: two GPUs, each takes 1.5 J from one reading to the next."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler here")
    (folder / "nvml.c").write_text(NVML)
    options = (f"-DINIT={init}", f"-DENERGY={energy}", "-shared", "-fPIC")
    subprocess.run([compiler, *options, "-o", folder / "nvml.so", folder / "nvml.c"], check=True)
    return str(folder / "nvml.so")


def test_gpus_are_added_up(tmp_path: Path) -> None:
    counter = write_zone(tmp_path, "intel-rapl:0", "package-0", 0)
    meter = EnergyMeter(tmp_path, build_nvml(tmp_path))
    counter.write_text("4000000")
    assert meter.read() == {"cpu": pytest.approx(4), "gpu": pytest.approx(3)}
    assert meter.read() == {"cpu": pytest.approx(4), "gpu": pytest.approx(6)}


@pytest.mark.parametrize("errors", [{"init": 9}, {"energy": 3}])
def test_gpus_that_do_not_tell_are_unknown(tmp_path: Path, errors: dict[str, int]) -> None:
    assert EnergyMeter(tmp_path, build_nvml(tmp_path, **errors)).sources == ()


def test_a_library_without_nvml_is_unknown(tmp_path: Path) -> None:
    assert EnergyMeter(tmp_path, "libc.so.6").sources == ()
