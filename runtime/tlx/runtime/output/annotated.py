"""``--save``: annotated copies of what was classified, as pictures and videos."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from tlx import atomic
from tlx.errors import InputError, OutputError
from tlx.opencv import cv2
from tlx.runtime.output.items import Item, ModelChange, Result, Sink
from tlx.runtime.output.overlay import Image, Painter, caption_of
from tlx.runtime.output.video_file import VideoOptions, VideoSink
from tlx.runtime.output.video_writing import CODECS

PICTURE_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png"})

_JPEG_QUALITY: Final = 92
_STEM_BYTES: Final = 120
_SCHEME: Final = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def open_save(path: Path, *, photos: int, moving: int, options: VideoOptions | None = None, keep: bool = False) -> Sink:
    """The sink that ``--save`` means: a picture for one photo, a video for one video or camera, a folder for all else.

    Args:
        path: A file by its suffix; a folder if it is one, or has no suffix. A new folder is made.
        photos: How many photos will come; a list of which nobody knows counts as one, and a second one is refused.
        moving: How many videos, cameras and streams will come.
        options: Of videos; the view counts for photos too.
        keep: Whether what is in a folder already stays as it is.

    Raises:
        InputError: If what comes doesn't fit into what is named.
        OutputError: If it can't be written there.
    """
    options = options or VideoOptions()
    suffix = path.suffix.lower()
    if path.is_dir() or not suffix:
        atomic.make_folder(path)
        return FolderSink(path, options, keep=keep)
    if suffix in PICTURE_SUFFIXES:
        if (photos, moving) != (1, 0):
            raise InputError(
                f"{path}: a {suffix} holds one photo, but {_words(photos, moving)} will come: "
                "name a folder to save into, or a .webm for one video or camera"
            )
        atomic.require_writable(path)
        return PictureSink(path, options)
    if suffix in CODECS:
        if (photos, moving) != (0, 1):
            raise InputError(
                f"{path}: a {suffix} holds one video, but {_words(photos, moving)} will come: "
                "name a folder to save into"
            )
        atomic.require_writable(path)
        return VideoSink(path, options)
    raise InputError(
        f"{path}: can't be saved as {suffix}: name a .webm (plays in browsers), .mkv or .avi for video, "
        "a .jpg or .png for one photo, or a folder"
    )


class PictureSink:
    """Writes one photo's result as an annotated picture; :meth:`close` makes the file, unless a second photo came.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path, options: VideoOptions | None = None) -> None:
        self.path = path
        self._painter = Painter((options or VideoOptions()).view)
        self._painted_rgb: Image | None = None

    @property
    def wants_pictures(self) -> bool:
        """Yes."""
        return True

    def write(self, item: Item) -> None:
        """Paint the picture, if there is one.

        Raises:
            OutputError: If it's the second one; then the file stays as it was.
        """
        if not isinstance(item, Result) or item.frame.image_rgb is None:
            return
        source = item.frame.source
        _refuse_itself(self.path, source)
        if self._painted_rgb is not None:
            self._painted_rgb = None
            raise OutputError(
                f"{self.path}: a {self.path.suffix.lower()} holds one photo, but a second one came ({source}): "
                "name a folder to save into"
            )
        self._painted_rgb = self._painter.paint(item.frame.image_rgb, caption_of(item))

    def close(self) -> None:
        """Write the file.

        Raises:
            OutputError: If that fails.
        """
        painted_rgb, self._painted_rgb = self._painted_rgb, None
        if painted_rgb is not None:
            write_picture(self.path, painted_rgb)


class FolderSink:
    """Writes annotated copies of all that comes: a picture for each photo, a .webm for each video or camera.

    They are called as what they show; of two with one name the second becomes ``name-2``. What an earlier run left
    there is overwritten, or counts as a name that is taken if it's to be kept.
    """

    def __init__(self, folder: Path, options: VideoOptions | None = None, *, keep: bool = False) -> None:
        self.folder = folder
        self._options = options or VideoOptions()
        self._painter = Painter(self._options.view)
        self._names: set[str] = _names_in(folder) if keep else set()
        self._videos: dict[str, VideoSink] = {}
        self._last_index = -1

    @property
    def wants_pictures(self) -> bool:
        """Yes."""
        return True

    def write(self, item: Item) -> None:
        """Write a photo, or add to a video."""
        if isinstance(item, ModelChange):
            return
        if not isinstance(item, Result) or item.frame.index is not None or item.frame.state is not None:
            self._write_video(item)
        elif item.frame.image_rgb is not None:
            source = item.frame.source
            suffix = ".png" if Path(source).suffix.lower() == ".png" else ".jpg"
            path = self._new_path(source, suffix)
            _refuse_itself(path, source)
            write_picture(path, self._painter.paint(item.frame.image_rgb, caption_of(item)))

    def close(self) -> None:
        """Finish the videos, all of them.

        Raises:
            OutputError: If one isn't whole.
        """
        first_error: OutputError | None = None
        for video in self._videos.values():
            try:
                video.close()
            except OutputError as error:
                first_error = first_error or error
        if first_error is not None:
            raise first_error

    def _write_video(self, item: Item) -> None:
        assert not isinstance(item, ModelChange)
        frame = item.frame if isinstance(item, Result) else None
        source = frame.source if frame else item.source  # type: ignore[union-attr]
        if frame is not None and frame.state is None and frame.index is not None:
            # A file's pictures come one file after the other: with the first of the next, the one before is over. It
            # may be the same file again.
            if source not in self._videos or frame.index <= self._last_index:
                self.close()
                self._videos.clear()
            self._last_index = frame.index
        if source not in self._videos:
            path = self._new_path(source, ".webm")
            _refuse_itself(path, source)
            self._videos[source] = VideoSink(path, self._options)
        self._videos[source].write(item)

    def _new_path(self, source: str, suffix: str) -> Path:
        stem = safe_stem(source)
        name, number = f"{stem}{suffix}", 1
        while name in self._names:
            number += 1
            name = f"{stem}-{number}{suffix}"
        self._names.add(name)
        return self.folder / name


def _names_in(folder: Path) -> set[str]:
    with atomic.as_output_errors(folder):
        return {path.name for path in folder.iterdir()}


def safe_stem(source: str) -> str:
    """A file's name without its suffix, or that of a camera or stream as a file may be called."""
    stem = _SCHEME.sub("", source) if _SCHEME.match(source) else Path(source).stem or source
    kept = "".join(one if one.isalnum() or one in "._-" else "-" for one in stem).strip(".-")
    while len(kept.encode(errors="replace")) > _STEM_BYTES:
        kept = kept[:-1]
    return kept or "picture"


def write_picture(path: Path, image_rgb: Image) -> None:
    """Write a picture as its name's suffix says, whole or not at all.

    Raises:
        OutputError: If it can't be written.
    """
    quality = [] if path.suffix.lower() == ".png" else [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    try:
        ok, content = cv2.imencode(path.suffix, cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR), quality)
    except cv2.error as error:
        raise OutputError(f"{path}: can't be encoded ({error.err or 'OpenCV refused it'})") from error
    if not ok:
        raise OutputError(f"{path}: can't be encoded")
    atomic.write_bytes(path, content.tobytes())


def _refuse_itself(path: Path, source: str) -> None:
    """A copy never takes the place of what it shows."""
    try:
        same = path.exists() and path.samefile(source)
    except (OSError, ValueError):
        return
    if same:
        raise OutputError(f"{path}: is the photo or video itself: save into another folder")


def _words(photos: int, moving: int) -> str:
    counts = [(photos, "photo"), (moving, "video or camera")]
    several = {"photo": "several photos", "video or camera": "several videos or cameras"}
    return " and ".join(several[name] if count > 1 else f"one {name}" for count, name in counts if count) or "nothing"
