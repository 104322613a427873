"""Cameras and streams: what a word means, and the live source that it stands for."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tlx.errors import DeviceError, InputError, SourceError
from tlx.images import PHOTO_SUFFIXES
from tlx.runtime.cameras import find_cameras
from tlx.runtime.capture.addresses import ADDRESS, without_password
from tlx.runtime.capture.messages import Order
from tlx.runtime.capture.settings import DEFAULT_SETTINGS, CaptureSettings
from tlx.runtime.capture.supervisor import Supervisor
from tlx.runtime.frames import Capture, Frame, StateChange

SCHEMES: Final = ("rtsp", "rtsps", "http", "https", "rtmp", "rtmps", "rtp", "udp", "tcp")
"""Of addresses that are read, in lower case."""

_WISH: Final = re.compile(r"(?:([0-9]{1,5})x([0-9]{1,5}))?(?:@([0-9]{1,4}(?:\.[0-9]{1,4})?))?")
_CAMERA_NUMBER: Final = re.compile(r"[0-9]{1,4}")
_VIDEO4LINUX_MAJOR: Final = 81
_CAMERA_PATH: Final = re.compile(r"/dev/(video|v4l/).+")


@dataclass(frozen=True, slots=True)
class LiveInput:
    """A camera, a stream or a named pipe with a video; a :class:`~tlx.runtime.frames.LiveSource`.

    Attributes:
        name: How its frames call it; no password is in it.
        kind: ``camera``, ``stream`` or ``pipe``.
        address: The camera's path, the stream's address with its password, or the pipe's path.
        size_wh: The width and height to ask a camera for, in pixels.
        rate_hz: The pictures a second to ask a camera for.
        settings: How patient it is.
    """

    name: str
    kind: str
    address: str = field(repr=False)
    size_wh: tuple[int, int] | None = None
    rate_hz: float | None = None
    settings: CaptureSettings = DEFAULT_SETTINGS

    def start(self, deliver: Callable[[Frame | StateChange], None]) -> Capture:
        """Begin to capture, as :meth:`tlx.runtime.frames.LiveSource.start` says.

        Raises:
            DeviceError: On other systems than Linux.
        """
        if sys.platform != "linux":
            raise DeviceError(f"{self.name}: cameras and streams are read on Linux only, not on {sys.platform}")
        return Supervisor(self.name, self._order(), self.settings, deliver)

    def _order(self) -> Order:
        settings = self.settings
        return Order(
            self.kind, self.address, self.size_wh, self.rate_hz, settings.open_timeout_s, settings.read_timeout_s
        )


@dataclass(frozen=True, slots=True)
class CameraWish:
    """What a camera is asked for.

    Attributes:
        size_wh: Width and height in pixels; None for its own choice.
        rate_hz: Pictures a second; None for its own choice.
    """

    size_wh: tuple[int, int] | None = None
    rate_hz: float | None = None


NO_WISH: Final = CameraWish()
"""Whatever the camera likes."""


def parse_wish(text: str) -> CameraWish:
    """What ``--camera`` says.

    Raises:
        InputError: If it's neither ``1280x720``, ``1280x720@30`` nor ``@30``.
    """
    match = _WISH.fullmatch(text)
    if match is None or not text or "0" in {match[1], match[2]} or (match[3] and float(match[3]) <= 0):
        raise InputError(f"--camera: expected 1280x720, 1280x720@30 or @30, received {text!r}")
    size_wh = (int(match[1]), int(match[2])) if match[1] else None
    return CameraWish(size_wh, float(match[3]) if match[3] else None)


def find_live(
    word: str,
    *,
    wish: CameraWish = NO_WISH,
    settings: CaptureSettings = DEFAULT_SETTINGS,
    root: Path = Path("/"),
) -> LiveInput | None:
    """The live source that a word stands for; None if it's something else: a file, a folder, a pattern.

    Args:
        word: A camera's number or path, an address such as ``rtsp://…``, or the path of a named pipe.
        wish: What to ask a camera for; streams can't be asked.
        settings: How patient to be.
        root: The root of the file system where cameras are looked for; another one in tests.

    Raises:
        SourceError: If it's an address that can't be read, or a device that is no camera.
        DeviceError: If there is no such camera, or this user may not open it.
    """
    mode = _mode(word)
    if mode is not None:
        return _find_path(word, mode, wish, settings)
    if _CAMERA_NUMBER.fullmatch(word):
        path = f"/dev/video{int(word)}"
        _require_camera(f"camera {int(word)}", path, root)
        return LiveInput(f"camera {int(word)}", "camera", path, wish.size_wh, wish.rate_hz, settings)
    if match := ADDRESS.fullmatch(word):
        _require_readable(word, match[1].lower(), match[2])
        return LiveInput(without_password(word), "stream", word, settings=settings)
    if _CAMERA_PATH.fullmatch(word):
        _require_camera(word, word, root)
    return None


def _find_path(word: str, mode: int, wish: CameraWish, settings: CaptureSettings) -> LiveInput | None:
    if stat.S_ISFIFO(mode) and Path(word).suffix.lower() not in PHOTO_SUFFIXES:
        # FFmpeg takes what stands before a colon for a protocol; an absolute path has none.
        return LiveInput(word, "pipe", str(Path(word).absolute()), settings=settings)
    if not stat.S_ISCHR(mode):
        return None
    if sys.platform == "linux" and os.major(Path(word).stat().st_rdev) != _VIDEO4LINUX_MAJOR:
        raise SourceError(f"{word}: a device, but no camera: 'tlx doctor' lists the cameras that are there")
    if not os.access(word, os.R_OK | os.W_OK):
        raise _not_allowed(word)
    return LiveInput(word, "camera", word, wish.size_wh, wish.rate_hz, settings)


def _require_camera(name: str, path: str, root: Path) -> None:
    if sys.platform != "linux":
        return
    cameras = find_cameras(root)
    found = {f"/{Path(camera.device).relative_to(root)}": camera for camera in cameras}
    if path not in found:
        there = ", ".join(f"{device} ({camera.name})" if camera.name else device for device, camera in found.items())
        known = f"the cameras here are {there}" if there else "no camera is here"
        raise DeviceError(f"{name}: there is no {path}: {known}; 'tlx doctor' says more")
    if not found[path].usable:
        raise _not_allowed(name)


def _not_allowed(name: str) -> DeviceError:
    return DeviceError(f"{name}: this user may not open it: 'sudo usermod -aG video $USER', then log in again")


def _require_readable(word: str, scheme: str, rest: str) -> None:
    name = without_password(word)
    if scheme == "file":
        raise SourceError(f"{name}: name the file by its path, without file://")
    if scheme not in SCHEMES:
        raise SourceError(f"{name}: addresses of this kind can't be read, only {', '.join(f'{s}://' for s in SCHEMES)}")
    if not rest.strip("/") or not word.isprintable() or " " in word:
        raise SourceError(f"{name}: not a whole address: expected {scheme}://HOST/PATH without spaces")
    if scheme in {"http", "https", "rtsp", "rtsps"} and rest.count("@") > 1:
        raise SourceError(f"{name}: an @ in a user's name or password must be written %40")


def _mode(word: str) -> int | None:
    try:
        return os.stat(word).st_mode  # noqa: PTH116 - Path("") would be the working folder
    except (OSError, ValueError):  # no such file, or a name with a zero byte
        return None
