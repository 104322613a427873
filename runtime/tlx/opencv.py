"""The one place that imports OpenCV.

Its limits on pictures are read from the environment when the library loads, its wheel needs system
libraries that a slim machine lacks, and it writes lines of its own to stderr: all three are settled here,
so every other module says ``from tlx.opencv import cv2``.
"""

from __future__ import annotations

import os

from tlx.errors import MissingDependencyError

MAX_IMAGE_PIXELS = 178_956_970
"""Pictures with more pixels are refused; the figure is Pillow's limit for decompression bombs."""

os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_IMAGE_PIXELS))
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

try:
    import cv2  # noqa: TID251 - this is the place
except ImportError as error:
    if ".so" not in str(error):
        raise MissingDependencyError(
            f"OpenCV can't be imported ({error}): run 'pip install --force-reinstall opencv-python'"
        ) from error
    raise MissingDependencyError(
        f"OpenCV can't be imported ({error}): run 'apt-get install libgl1 libglib2.0-0' "
        "(on Debian 13 and Ubuntu 24.04 the second is called libglib2.0-0t64)"
    ) from error

__all__ = ["MAX_IMAGE_PIXELS", "cv2"]
