from __future__ import annotations

import platform

import pytest

from tlx.errors import InputError
from tlx.export.precision.targets import TARGETS, THIS_MACHINE, CheaperPrecision, choose_target, find_target, why_slow
from tlx.runtime import environment


@pytest.mark.parametrize(
    ("machine", "flags", "name"),
    [
        ("x86_64", ["avx2", "fma"], "avx2"),  # Haswell to Coffee Lake, Zen to Zen 3
        ("x86_64", ["avx2", "fma", "avx512f"], "avx2"),  # Skylake-X: AVX-512, but no VNNI
        ("x86_64", ["avx2", "fma", "avx512f", "avx512_vnni"], "vnni"),  # Ice Lake, Zen 4
        ("x86_64", ["avx2", "fma", "avx_vnni"], "vnni"),  # Alder Lake: VNNI without AVX-512
        ("x86_64", ["avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8"], "vnni"),  # Sapphire Rapids
        ("AMD64", [], "avx2"),  # Windows tells no flags
        ("x86_64", [], "avx2"),
        ("aarch64", ["asimddp"], "arm64"),
        ("aarch64", [], "arm64"),  # Raspberry Pi 4: no dot product
        ("arm64", [], "arm64"),  # macOS
        ("ARM64", [], "arm64"),  # Windows
        ("riscv64", [], "avx2"),
    ],
)
def test_choose_target_by_machine_and_flags(machine: str, flags: list[str], name: str) -> None:
    assert choose_target(machine, flags).name == name


@pytest.mark.parametrize(
    ("name", "activations", "reduce_range", "worth_trying"),
    [
        ("avx2", "uint8", True, ("int8",)),
        ("vnni", "uint8", False, ("int8",)),
        ("arm64", "int8", False, ("int8",)),
        ("cuda", "int8", False, ("fp16",)),
    ],
)
def test_targets_have_the_types_that_they_compute_right(
    name: str, activations: str, reduce_range: bool, worth_trying: tuple[str, ...]
) -> None:
    target = find_target(name)
    assert (target.activations, target.reduce_range, target.worth_trying) == (activations, reduce_range, worth_trying)


@pytest.mark.parametrize(
    ("target", "precision", "words"),
    [
        ("avx2", "int8", "without VNNI instructions (this processor shows none)"),
        ("avx2", "fp16", "fp16 is for GPUs"),
        ("vnni", "fp16", "fp16 is for GPUs"),
        ("vnni", "int8", ""),  # it should have been faster: nothing to excuse it with
        ("arm64", "int8", ""),
        ("arm64", "fp16", ""),
    ],
)
def test_why_slow_tells_what_a_target_lacks(target: str, precision: CheaperPrecision, words: str) -> None:
    why = why_slow(find_target(target), precision)
    assert (words in why) if words else not why


def test_find_target_knows_this_machine() -> None:
    assert find_target(THIS_MACHINE) == choose_target(platform.machine(), environment.processor_flags())


def test_find_target_names_the_targets_when_there_is_no_such() -> None:
    with pytest.raises(InputError, match=r"--target sparc: expected avx2, vnni, arm64, cuda"):
        find_target("sparc")
    assert set(TARGETS) == {"avx2", "vnni", "arm64", "cuda"}
