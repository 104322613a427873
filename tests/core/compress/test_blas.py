"""Threads for small and large matrices."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from threadpoolctl import threadpool_info

from tlx.core.compress.blas import blas_threads


def threads_of_blas() -> set[int]:
    """Of each library that is loaded."""
    scipy.linalg.inv(np.eye(2))
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.mark.parametrize(("inputs", "one"), [(576, True), (2304, True), (4608, False)])
def test_only_large_matrices_get_more_than_one_thread(inputs: int, one: bool) -> None:
    before = threads_of_blas()
    with blas_threads(inputs):
        assert threads_of_blas() == ({1} if one else before)
    assert threads_of_blas() == before
