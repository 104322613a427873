"""Which numbers a processor computes fast and right: what ``--target`` means.

Eight-bit layers multiply an activation by a weight and add the products up. On x86 without VNNI neighbouring
products are summed in 16 bits: unsigned activations times full 8-bit weights overflow there, silently, and the
weights have to keep to 7 bits. VNNI sums in 32 bits. ARM multiplies signed by signed, also without overflow.
"""

from __future__ import annotations

import platform
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from tlx.errors import InputError
from tlx.runtime import environment

TargetName = Literal["avx2", "vnni", "arm64", "cuda"]
CheaperPrecision = Literal["fp16", "int8"]

THIS_MACHINE: Final = "this machine"
VNNI_FLAGS: Final = frozenset({"avx512_vnni", "avx_vnni"})


@dataclass(frozen=True, slots=True)
class Target:
    """A kind of processor.

    Attributes:
        activations: The type of a quantized layer's input.
        reduce_range: Weights use 7 of their 8 bits.
        worth_trying: The precisions that may be faster than fp32 here, the most promising first. On other
            targets they are made when they are asked for by name, and the gates speak.
    """

    name: TargetName
    activations: Literal["uint8", "int8"]
    reduce_range: bool
    worth_trying: tuple[CheaperPrecision, ...]


TARGETS: Final[Mapping[str, Target]] = MappingProxyType(
    {
        target.name: target
        for target in (
            Target("avx2", "uint8", reduce_range=True, worth_trying=("int8",)),
            Target("vnni", "uint8", reduce_range=False, worth_trying=("int8",)),
            Target("arm64", "int8", reduce_range=False, worth_trying=("int8",)),
            # ONNX Runtime's CUDA provider has no int8 convolution: it would compute them in fp32 and convert.
            Target("cuda", "int8", reduce_range=False, worth_trying=("fp16",)),
        )
    }
)


def choose_target(machine: str, flags: Collection[str]) -> Target:
    """The kind of a processor.

    Args:
        machine: As :func:`platform.machine` names it.
        flags: What it can, as Linux names it; may be empty where the system doesn't tell.

    Returns:
        On x86 without a word of VNNI, and on processors that nobody thought of, the one that can't overflow.
    """
    if machine.lower().startswith(("arm", "aarch64")):
        return TARGETS["arm64"]
    return TARGETS["avx2" if VNNI_FLAGS.isdisjoint(flags) else "vnni"]


def why_slow(target: Target, precision: CheaperPrecision) -> str:
    """What a processor lacks for a precision that turned out not to be faster on it; empty if nothing is known."""
    if precision == "int8" and target.name == "avx2":
        return "without VNNI instructions (this processor shows none) int8 is seldom faster than fp32"
    if precision == "fp16" and target.name in {"avx2", "vnni"}:
        return "fp16 is for GPUs: ONNX Runtime computes it in fp32 on this processor"
    return ""


def find_target(name: str) -> Target:
    """What ``--target`` names.

    Args:
        name: One of :data:`TARGETS`, or :data:`THIS_MACHINE`: its processor (a GPU is asked for by name).

    Raises:
        InputError: If there is no such target.
    """
    if name == THIS_MACHINE:
        return choose_target(platform.machine(), environment.processor_flags())
    if name not in TARGETS:
        raise InputError(f"--target {name}: expected {', '.join(TARGETS)}, or nothing for this machine")
    return TARGETS[name]
