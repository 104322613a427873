"""On what a training runs: a CPU, a GPU, several GPUs; in 32 bits or in 16 where the device has them.

Nobody ran TensorFlow's GPU branches yet: they are unverified. Several devices are tested as two logical CPU devices.
JAX, which chooses its device itself, trained on an H200.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from tlx.errors import DeviceError, InputError
from tlx.export.frameworks import import_keras, import_tensorflow
from tlx.runtime import environment

Precision = Literal["auto", "float32", "mixed"]
_TENSOR_CORES: Final = (7, 0)
_BFLOAT16: Final = (8, 0)
"""Compute capabilities: Volta has float16 tensor cores, Ampere has bfloat16, which needs no loss scaling."""
_BFLOAT16_INSTRUCTIONS: Final = frozenset({"avx512_bf16", "amx_bf16"})
"""Processors with these run VGG16's convolutions nearly twice as fast in bfloat16 (measured with avx512_bf16)."""


@dataclass(frozen=True, slots=True)
class Compute:
    """How a training computes.

    Attributes:
        name: For people and for the run's record.
        dtype: Keras's dtype policy.
        jit_compile: By XLA: on one GPU and on JAX; on a CPU it is TensorFlow's slower way.
        strategy: TensorFlow's distribution strategy for several devices.
    """

    name: str
    dtype: str = "float32"
    jit_compile: bool = False
    strategy: Any | None = None

    @property
    def devices(self) -> int:
        """How many share each batch."""
        return 1 if self.strategy is None else int(self.strategy.num_replicas_in_sync)

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Where models must be built and compiled."""
        with self.strategy.scope() if self.strategy is not None else contextlib.nullcontext():
            yield


def choose_compute(precision: Precision = "auto", gpus: str | None = None, devices: Sequence[str] = ()) -> Compute:
    """Decide on what to run.

    Args:
        precision: See :attr:`tlx.core.recipes.recipe.Recipe.precision`.
        gpus: ``None``: one GPU where TensorFlow finds any, else the CPU; ``0``: the CPU; ``all`` or a number: so many.
        devices: TensorFlow's names of devices that share the work, in place of ``gpus``.

    Raises:
        DeviceError: If there are fewer GPUs than asked for, or the CPU is asked for and TensorFlow has begun on a GPU.
        InputError: If ``gpus`` is none of these, or Keras's backend isn't TensorFlow and GPUs are asked for.
    """
    wanted = parse_gpus(gpus)
    backend = str(import_keras().backend.backend())
    plain = "mixed_bfloat16" if precision == "mixed" else "float32"
    if backend != "tensorflow":
        if wanted is not None or devices:
            raise InputError(
                f"--gpus {gpus or ','.join(devices)}: Keras runs on {backend} here, which chooses itself: "
                "leave --gpus out"
            )
        return Compute(f"keras on {backend}", dtype=plain, jit_compile=backend == "jax")
    if devices:
        return mirrored(devices, dtype=plain)
    found = _find_gpus(wanted)
    if not found:
        return Compute("CPU", dtype=_cpu_dtype(precision))
    details = import_tensorflow().config.experimental.get_device_details(found[0])
    dtype = _gpu_dtype(precision, details.get("compute_capability", (0, 0)))
    if len(found) == 1:
        return Compute("one GPU", dtype=dtype, jit_compile=True)
    return mirrored([f"GPU:{place}" for place in range(len(found))], dtype=dtype)


def parse_gpus(text: str | None) -> int | Literal["all"] | None:
    """Read what ``--gpus`` says.

    Raises:
        InputError: If it's neither a number nor ``all``.
    """
    if text is None:
        return None
    if text == "all":
        return "all"
    if not (text.isascii() and text.isdigit()):
        raise InputError(f"--gpus {text}: expected a number of GPUs, 0 for the CPU, or all")
    return int(text)


def _find_gpus(wanted: int | Literal["all"] | None) -> list[Any]:
    config = import_tensorflow().config
    if wanted == 0:
        _hide_gpus(config)
        return []
    found: list[Any] = config.list_physical_devices("GPU")
    if wanted == "all":
        if not found:
            raise DeviceError(
                "--gpus all: TensorFlow finds no GPU: 'tlx doctor' shows more, without --gpus the CPU is used"
            )
        return found
    if wanted is not None and wanted > len(found):
        raise DeviceError(
            f"--gpus {wanted}: TensorFlow finds {len(found) or 'none'}: 'tlx doctor' shows more, --gpus 0 is the CPU"
        )
    return found[: 1 if wanted is None else wanted]


def _hide_gpus(config: Any) -> None:
    """Leave the CPU alone visible; whoever has begun on a GPU would go on there."""
    try:
        config.set_visible_devices([], "GPU")
    except RuntimeError as error:
        if config.get_visible_devices("GPU"):
            raise DeviceError("--gpus 0: TensorFlow runs on a GPU already: do it in a process of its own") from error


def mirrored(devices: Sequence[str], *, dtype: str = "float32") -> Compute:
    """The same network on several devices, each with its share of every batch; gradients are summed.

    Args:
        devices: TensorFlow's names, as in ``GPU:0``.
        dtype: Keras's dtype policy.
    """
    names = tuple(devices)
    return Compute(f"{len(names)} devices ({', '.join(names)})", dtype=dtype, strategy=_strategy(names))


@functools.cache
def _strategy(devices: tuple[str, ...]) -> Any:
    """One for the whole process: what the devices of a second one tell each other gets mixed up with the first's."""
    return import_tensorflow().distribute.MirroredStrategy(list(devices))


def _cpu_dtype(precision: Precision) -> str:
    fast = _BFLOAT16_INSTRUCTIONS.intersection(environment.processor_flags())
    return "mixed_bfloat16" if precision == "mixed" or (precision == "auto" and fast) else "float32"


def _gpu_dtype(precision: Precision, capability: tuple[int, int]) -> str:
    if precision == "float32" or capability < _TENSOR_CORES:
        return "float32"
    return "mixed_bfloat16" if capability >= _BFLOAT16 else "mixed_float16"
