"""Memory that the GPU reads by itself: asked of NVIDIA's driver, because ONNX Runtime's Python interface gives none.

Without a driver there simply is no such memory. An H200 computed right answers with this in the way, but whether its
driver gave any, nobody looked: unverified.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from tlx.runtime.cuda_driver import LIBRARY

_FOR_ALL_CONTEXTS: Final = 1


def page_locked(shape: tuple[int, ...], dtype: type[np.generic]) -> npt.NDArray[np.generic] | None:
    """An array from which the GPU can copy by itself, or None where the driver gives none.

    Args:
        shape: The array's.
        dtype: Of its numbers.
    """
    array = np.empty(shape, dtype)
    address = ctypes.c_void_p(array.ctypes.data)
    size_bytes = ctypes.c_size_t(array.nbytes)
    try:
        driver = ctypes.CDLL(LIBRARY)
        if not _in_context(driver, lambda: int(driver.cuMemHostRegister_v2(address, size_bytes, _FOR_ALL_CONTEXTS))):
            return None
    except (OSError, AttributeError):
        return None
    weakref.finalize(array, _in_context, driver, lambda: int(driver.cuMemHostUnregister(address))).atexit = False
    return array


def _in_context(driver: ctypes.CDLL, call: Callable[[], int]) -> bool:
    """Call the driver in the first device's primary context, which is the one that ONNX Runtime uses."""
    context, popped, device = ctypes.c_void_p(), ctypes.c_void_p(), 0
    if driver.cuInit(0) or driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), device):
        return False
    try:
        if driver.cuCtxPushCurrent_v2(context):
            return False
        status = call()
        driver.cuCtxPopCurrent_v2(ctypes.byref(popped))
        return status == 0
    finally:
        driver.cuDevicePrimaryCtxRelease_v2(device)
