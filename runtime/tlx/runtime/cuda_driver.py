"""Whether NVIDIA's driver is there and sees a device, asked of the driver itself.

ONNX Runtime's GPU wheel lists its CUDA provider on every machine, and trying it takes half a second and prints
a page to stderr. The driver answers in a millisecond, and on an H200 it sees the device that ONNX Runtime then uses.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

LIBRARY: Final = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"


def cuda_obstacle() -> str | None:
    """Why no CUDA device can be used here, in the loader's or the driver's own words; None if one can."""
    try:
        driver = ctypes.CDLL(LIBRARY)
        status = driver.cuInit(0)
        if status != 0:
            return f"{LIBRARY} says: {_error_text(driver, status)}"
        count = ctypes.c_int(0)
        status = driver.cuDeviceGetCount(ctypes.byref(count))
    except (OSError, AttributeError) as error:
        return str(error)
    if status != 0:
        return f"{LIBRARY} says: {_error_text(driver, status)}"
    return None if count.value > 0 else f"{LIBRARY} sees no device"


def _error_text(driver: ctypes.CDLL, status: int) -> str:
    text = ctypes.c_char_p()
    if driver.cuGetErrorString(status, ctypes.byref(text)) == 0 and text.value:
        return f"{text.value.decode(errors='replace')} (error {status})"
    return f"error {status}"
