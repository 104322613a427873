"""``--save-uncertain``: the pictures that a model is least sure of, kept for somebody to label."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from tlx import atomic
from tlx.errors import OutputError
from tlx.opencv import cv2
from tlx.runtime.decisions.decision import UNKNOWN
from tlx.runtime.frames import Frame
from tlx.runtime.output.annotated import safe_stem
from tlx.runtime.output.items import Item, Result
from tlx.runtime.output.video_file import warn_nobody

SMALL_MARGIN: Final = 0.2
"""Two classes that are nearer to each other than this are a picture worth labelling."""
DEFAULT_LIMIT_BYTES: Final = 200 * 2**20
LIVE_EVERY_S: Final = 5.0
"""At most one picture of a live source in this time."""
VIDEO_EVERY_PICTURES: Final = 50
"""At most one of so many pictures of a video file."""

_JPEG_QUALITY: Final = 95
_PART_BYTES: Final = 60
_THUMBNAIL_WH: Final = (16, 16)
_SAME_LEVELS: Final = 3.0
"""Mean difference of thumbnails, in levels of 0 to 255, up to which two pictures count as the same."""
_NAME: Final = re.compile(r"[0-9]{8}T[0-9]{9}Z_.*_[01][0-9]{3}(?:-[0-9]+)?\.jpg", re.DOTALL)


@dataclass(frozen=True, slots=True)
class UncertainOptions:
    """Which pictures are kept.

    Attributes:
        threshold: Labels that are less probable than this are worth keeping; 0 where there is no threshold.
        limit_bytes: How much the folder may hold; then the oldest pictures go.
        warn: Told, in one line, of the first picture that couldn't be kept, and of each one after a success.
    """

    threshold: float = 0.0
    limit_bytes: int = DEFAULT_LIMIT_BYTES
    warn: Callable[[str], None] = warn_nobody


def is_uncertain(result: Result, threshold: float) -> bool:
    """Whether a picture is worth labelling.

    It is if the two likeliest classes are within :data:`SMALL_MARGIN`; if no class is as probable as the threshold
    (calibrated and smoothed, where decisions are made); or if the picture alone says something else than is said.
    """
    prediction, decision = result.prediction, result.decision
    if prediction is None:
        return False
    ranked = sorted(prediction.probabilities, reverse=True)
    if ranked[0] - ranked[1] < SMALL_MARGIN:
        return True
    if decision is None:
        return prediction.probability < threshold
    if decision.label == UNKNOWN:
        return decision.probability < threshold
    return decision.label != prediction.label


def name_of(result: Result, now_utc: datetime, age_s: float) -> str:
    """What a picture is called: time in UTC, source, label and probability in thousandths, and nothing unsafe.

    Args:
        result: With a prediction.
        now_utc: The time.
        age_s: How long ago the picture was taken.
    """
    assert result.prediction is not None
    taken = datetime.fromtimestamp(now_utc.timestamp() - age_s, UTC)
    time_ = f"{taken:%Y%m%dT%H%M%S}{taken.microsecond // 1000:03d}Z"
    parts = (_part(safe_stem(result.frame.source)), _part(safe_stem(f"{result.prediction.label}.")))
    return f"{time_}_{'_'.join(parts)}_{round(result.prediction.probability * 1000):04d}.jpg"


class UncertainSink:
    """Keeps uncertain pictures, whole as they were taken, as JPEG of quality 95 in a folder of limited size.

    A photo is kept each time. Of a live source at most one in :data:`LIVE_EVERY_S` is, of a video file at most one of
    :data:`VIDEO_EVERY_PICTURES`, and none that looks as the one kept before. Over the limit the oldest go, so that what
    is there shows how things look now; pictures of earlier runs count, files that are called otherwise are never
    touched.

    Attributes:
        kept: How many were written.
        failed: How many couldn't be.
    """

    def __init__(self, folder: Path, options: UncertainOptions | None = None) -> None:
        """Look at what is in the folder, which is made if it isn't there.

        Raises:
            OutputError: If it can't be written to.
        """
        self.kept = self.failed = 0
        self._folder = folder
        self._options = options or UncertainOptions()
        self._last: dict[str, _Kept] = {}
        self._is_failing = False
        atomic.make_folder(folder)
        atomic.require_writable(folder / "picture.jpg")
        self._shelf = _Shelf.of(folder)

    @property
    def wants_pictures(self) -> bool:
        """Yes."""
        return True

    def write(self, item: Item) -> None:
        """Keep the picture if it's worth it; a full disk is counted and told, and nothing else."""
        if not isinstance(item, Result) or item.frame.image_rgb is None:
            return
        if not is_uncertain(item, self._options.threshold):
            return
        thumbnail = None
        if item.frame.index is not None or item.frame.state is not None:
            thumbnail = thumbnail_of(item.frame.image_rgb)
            last = self._last.get(item.frame.source)
            if last is not None and not last.allows(item.frame, thumbnail):
                return
        try:
            self._keep(item, item.frame.image_rgb)
        except OutputError as error:
            self.failed += 1
            if not self._is_failing:
                self._options.warn(f"an uncertain picture isn't kept: {error}")
            self._is_failing = True
        else:
            self._is_failing = False
        # Also after a failure: a full disk isn't tried again with each picture.
        if thumbnail is not None:
            self._last[item.frame.source] = _Kept(item.frame.captured_s, item.frame.index or 0, thumbnail)

    def close(self) -> None:
        """Nothing is left to be done."""

    def _keep(self, result: Result, image_rgb: npt.NDArray[np.uint8]) -> None:
        age_s = time.monotonic() - result.frame.captured_s
        path = _unused(self._folder / name_of(result, datetime.now(UTC), age_s))
        try:
            quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
            ok, content = cv2.imencode(".jpg", cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR), quality)
        except cv2.error as error:
            raise OutputError(f"{path}: can't be encoded ({error.err or 'OpenCV refused it'})") from error
        if not ok:
            raise OutputError(f"{path}: can't be encoded")
        limit = self._options.limit_bytes
        if content.size > limit:
            raise OutputError(f"{path}: takes {content.size:,} bytes, but the folder may hold {limit:,} only")
        self._shelf.make_room(limit - content.size)
        atomic.write_bytes(path, content.tobytes())
        self._shelf.add(path, content.size)
        self.kept += 1


@dataclass(frozen=True, slots=True)
class _Kept:
    """The picture of a source that was kept last."""

    captured_s: float
    index: int
    thumbnail: npt.NDArray[np.int16]

    def allows(self, frame: Frame, thumbnail: npt.NDArray[np.int16]) -> bool:
        """Whether another one may be kept after it."""
        if frame.state is not None:
            is_soon = frame.captured_s - self.captured_s < LIVE_EVERY_S
        else:
            is_soon = abs((frame.index or 0) - self.index) < VIDEO_EVERY_PICTURES
        return not is_soon and not looks_same(self.thumbnail, thumbnail)


@dataclass(slots=True)
class _Shelf:
    """The pictures in a folder, the oldest first, and their size together."""

    files: deque[tuple[Path, int]] = field(default_factory=deque)
    total_bytes: int = 0

    @classmethod
    def of(cls, folder: Path) -> _Shelf:
        """What earlier runs left there."""
        shelf = cls()
        with atomic.as_output_errors(folder):
            for path in sorted(folder.iterdir()):
                if _NAME.fullmatch(path.name) and path.is_file() and not path.is_symlink():
                    shelf.add(path, path.stat().st_size)
        return shelf

    def add(self, path: Path, size: int) -> None:
        self.files.append((path, size))
        self.total_bytes += size

    def make_room(self, limit_bytes: int) -> None:
        """Remove the oldest until no more than so many bytes are left."""
        while self.files and self.total_bytes > limit_bytes:
            path, size = self.files[0]
            with atomic.as_output_errors(path):
                path.unlink(missing_ok=True)  # somebody may have taken it away to label it
            self.files.popleft()
            self.total_bytes -= size


def thumbnail_of(image_rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.int16]:
    """A tiny gray copy, ``int16 [16, 16]``, to compare pictures by."""
    small_rgb = cv2.resize(image_rgb, _THUMBNAIL_WH, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small_rgb, cv2.COLOR_RGB2GRAY), np.int16)


def looks_same(first: npt.NDArray[np.int16], second: npt.NDArray[np.int16]) -> bool:
    """Whether two thumbnails are of nearly the same picture."""
    return bool(np.abs(first - second).mean() < _SAME_LEVELS)


def _part(text: str) -> str:
    """A part of a name, of limited length."""
    text = text.replace("_", "-")
    while len(text.encode(errors="replace")) > _PART_BYTES:
        text = text[:-1]
    return text


def _unused(path: Path) -> Path:
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_stem(f"{path.stem}-{number}")
    return free
