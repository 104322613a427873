"""What OpenCV can open and which cameras there are."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tlx.opencv import cv2


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera device.

    Attributes:
        device: Its path.
        usable: Whether this user may open it.
        name: What its driver calls it; empty where it doesn't say.
    """

    device: str
    usable: bool
    name: str


def find_cameras(root: Path = Path("/")) -> tuple[Camera, ...]:
    """The camera devices that Linux shows; none on other systems.

    Args:
        root: The root of the file system; another one in tests.
    """
    devices = sorted((root / "dev").glob("video*"), key=lambda path: (len(path.name), path.name))
    return tuple(
        Camera(str(device), os.access(device, os.R_OK | os.W_OK), _driver_name(root, device.name)) for device in devices
    )


def file_backends() -> list[str]:
    """OpenCV's back ends that open video files, in its order of preference."""
    return _names(cv2.videoio_registry.getStreamBackends())


def camera_backends() -> list[str]:
    """OpenCV's back ends that open cameras, in its order of preference."""
    return _names(cv2.videoio_registry.getCameraBackends())


def _names(backends: object) -> list[str]:
    registry = cv2.videoio_registry
    return [registry.getBackendName(backend) for backend in backends if registry.hasBackend(backend)]  # type: ignore[attr-defined]


def _driver_name(root: Path, device: str) -> str:
    try:
        return (root / "sys/class/video4linux" / device / "name").read_text().strip()
    except OSError:
        return ""
