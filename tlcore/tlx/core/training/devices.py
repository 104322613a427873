"""On what a training runs: a CPU, a GPU, several GPUs; in 32 bits or in 16 where the device has them.

Nobody ran the GPU branches yet: they are unverified. Several devices are tested as two logical CPU devices.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from tlx.errors import DeviceError, InputError
from tlx.export.frameworks import import_keras, import_tensorflow

Precision = Literal["auto", "float32", "mixed"]
_TENSOR_CORES: Final = (7, 0)
_BFLOAT16: Final = (8, 0)
"""Compute capabilities: Volta has float16 tensor cores, Ampere has bfloat16, which needs no loss scaling."""


@dataclass(frozen=True, slots=True)
class Compute:
    """How a training computes.

    Attributes:
        name: For people and for the run's record.
        dtype: Keras's dtype policy.
        jit_compile: By XLA: on a GPU; on a CPU it is the slower one.
        strategy: TensorFlow's distribution strategy for several devices.
    """

    name: str
    dtype: str = "float32"
    jit_compile: bool = False
    strategy: Any | None = None

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Where models must be built and compiled."""
        with self.strategy.scope() if self.strategy is not None else contextlib.nullcontext():
            yield


def choose_compute(precision: Precision = "auto", gpus: str | None = None) -> Compute:
    """Decide on what to run.

    Args:
        precision: See :attr:`tlx.core.recipes.recipe.Recipe.precision`.
        gpus: ``None``: one GPU where TensorFlow finds any, else the CPU; ``0``: the CPU; ``all`` or a number: so many.

    Raises:
        DeviceError: If there are fewer GPUs than asked for.
        InputError: If ``gpus`` is none of these, or Keras's backend isn't TensorFlow and GPUs are asked for.
    """
    wanted = _parse_gpus(gpus)
    backend = str(import_keras().backend.backend())
    if backend != "tensorflow":
        if wanted is not None:
            raise InputError(f"--gpus {gpus}: Keras runs on {backend} here, which chooses itself: leave --gpus out")
        return Compute(f"keras on {backend}", dtype="float32" if precision != "mixed" else "mixed_bfloat16")
    config = import_tensorflow().config
    found = config.list_physical_devices("GPU")
    if wanted == 0:
        with contextlib.suppress(RuntimeError):  # TensorFlow runs already, on what it was given
            config.set_visible_devices([], "GPU")
        found = []
    if wanted == "all" and not found:
        raise DeviceError(
            "--gpus all: TensorFlow finds no GPU: 'tlx doctor' shows more, without --gpus the CPU is used"
        )
    if isinstance(wanted, int) and wanted > len(found):
        raise DeviceError(f"--gpus {wanted}: TensorFlow finds {len(found)}: 'tlx doctor' shows more")
    if not found:
        return Compute("CPU", dtype="mixed_bfloat16" if precision == "mixed" else "float32")
    dtype = _gpu_dtype(precision, config.experimental.get_device_details(found[0]).get("compute_capability", (0, 0)))
    count = len(found) if wanted == "all" else int(wanted or 1)
    if count == 1:
        return Compute("one GPU", dtype=dtype, jit_compile=True)
    return mirrored([f"GPU:{place}" for place in range(count)], dtype=dtype)


def mirrored(devices: Sequence[str], *, dtype: str = "float32") -> Compute:
    """The same network on several devices, each with its share of every batch; gradients are summed.

    Args:
        devices: TensorFlow's names, as in ``GPU:0``.
        dtype: Keras's dtype policy.
    """
    strategy = import_tensorflow().distribute.MirroredStrategy(list(devices))
    return Compute(f"{len(devices)} devices ({', '.join(devices)})", dtype=dtype, strategy=strategy)


def _parse_gpus(text: str | None) -> int | Literal["all"] | None:
    if text is None:
        return None
    if text == "all":
        return "all"
    if not text.isdigit():
        raise InputError(f"--gpus {text}: expected a number or all")
    return int(text)


def _gpu_dtype(precision: Precision, capability: tuple[int, int]) -> str:
    if precision == "float32" or capability < _TENSOR_CORES:
        return "float32"
    return "mixed_bfloat16" if capability >= _BFLOAT16 else "mixed_float16"
