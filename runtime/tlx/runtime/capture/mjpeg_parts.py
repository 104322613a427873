"""The parts of a ``multipart/x-mixed-replace`` answer: how cameras send JPEGs over HTTP.

The format is old and servers are careless: the boundary comes with or without its dashes or quotes, the length of a
part may be missing, and what follows a part may be an empty line or not.
"""

from __future__ import annotations

from collections.abc import Callable
from email.message import Message
from typing import Final

from tlx.runtime.capture.reader import CaptureEndError

_MAX_PART_BYTES: Final = 64 * 2**20
_MAX_HEADER_BYTES: Final = 65536


class PartReader:
    """Takes one part after the other out of a stream of bytes."""

    def __init__(self, receive: Callable[[], bytes], boundary: str) -> None:
        """Begin before the first part.

        Args:
            receive: Waits for some bytes and gives them; none at the end.
            boundary: As the answer's header has it.
        """
        self._receive = receive
        self._boundary = b"--" + boundary.strip().strip('"').removeprefix("--").encode()
        self._waiting = bytearray()

    def next_part(self) -> bytes:
        """The next part's content, whole.

        Raises:
            CaptureEndError: At the end, in the middle of a part too, or if the stream isn't what it should be.
        """
        self._take_until(self._boundary, _MAX_HEADER_BYTES + 2)
        while len(self._waiting) < len(b"--"):
            self._fill()
        if self._waiting.startswith(b"--"):
            raise CaptureEndError("the stream ended")
        self._take_line()
        length = None
        while line := self._take_line():
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length":
                length = _parse_length(value)
        return self._take(length) if length is not None else self._peek_until_boundary()

    def _take_line(self) -> bytes:
        return self._take_until(b"\n", _MAX_HEADER_BYTES).rstrip(b"\r")

    def _take_until(self, mark: bytes, limit: int) -> bytes:
        end = self._find(mark, limit)
        taken = bytes(self._waiting[:end])
        del self._waiting[: end + len(mark)]
        return taken

    def _peek_until_boundary(self) -> bytes:
        mark = b"\n" + self._boundary
        end = self._find(mark, _MAX_PART_BYTES)
        part = bytes(self._waiting[:end]).removesuffix(b"\r")
        del self._waiting[:end]
        return part

    def _take(self, length: int) -> bytes:
        while len(self._waiting) < length:
            self._fill()
        part = bytes(self._waiting[:length])
        del self._waiting[:length]
        return part

    def _find(self, mark: bytes, limit: int) -> int:
        searched = 0
        while (place := self._waiting.find(mark, searched)) < 0:
            if len(self._waiting) > limit:
                raise CaptureEndError("the answer isn't the MJPEG stream that its header promises")
            searched = max(0, len(self._waiting) - len(mark) + 1)
            self._fill()
        return place

    def _fill(self) -> None:
        received = self._receive()
        if not received:
            is_between = not self._waiting.strip()
            raise CaptureEndError("the stream ended" if is_between else "the stream broke off within a picture")
        self._waiting += received


def boundary_of(content_type: str) -> str | None:
    """The boundary in the header of a stream of JPEGs; None if it's another kind of answer."""
    message = Message()
    message["content-type"] = content_type
    if message.get_content_type() != "multipart/x-mixed-replace":
        return None
    boundary = message.get_param("boundary")
    return boundary if isinstance(boundary, str) and boundary.strip(' "-') else None


def _parse_length(value: bytes) -> int:
    try:
        length = int(value)
    except ValueError:
        length = -1
    if not 0 <= length <= _MAX_PART_BYTES:
        raise CaptureEndError(f"a picture of {value.decode(errors='replace').strip()[:20]} bytes can't be right")
    return length
