"""How many threads the linear algebra of the closed form gets."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, Final

_WORTH_THREADS: Final = 3000
"""Inputs. On 2 cores, with a second thread the elimination took 0.28 s instead of 0.08 for 576, 2.2 instead of 1.7 for
2304, and 8.4 instead of 10.1 for 4608: OpenBLAS's threads wait for each other in a loop, against all else that runs."""


def blas_threads(inputs: int) -> AbstractContextManager[Any]:
    """One thread for the matrices of so many inputs, or all of them where they are worth it."""
    return nullcontext() if inputs > _WORTH_THREADS else _pools().limit(limits=1, user_api="blas")


@cache
def _pools() -> Any:
    # Looks for all loaded libraries, which takes longer than a small layer.
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
