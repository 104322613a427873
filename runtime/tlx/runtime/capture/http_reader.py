"""JPEGs over HTTP (MJPEG), without FFmpeg: it shows the first half of a picture whose rest never came.

A thread takes parts off the network as they come, so that each has the time of its arrival, however long decoding
takes, and only the newest is decoded.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable
from typing import Final
from urllib.error import HTTPError, URLError

import numpy as np
import numpy.typing as npt

from tlx import images
from tlx.errors import ImageError
from tlx.runtime.capture.addresses import split_credentials
from tlx.runtime.capture.messages import Order
from tlx.runtime.capture.mjpeg_parts import PartReader, boundary_of
from tlx.runtime.capture.reader import CaptureEndError
from tlx.version import __version__

_CHUNK_BYTES: Final = 65536
_UNAUTHORIZED: Final = 401


class MjpegReader:
    """A stream of JPEGs; a damaged one is left out."""

    note: None = None

    def __init__(self, response: http.client.HTTPResponse, boundary: str, order: Order) -> None:
        """Take over an answer whose header has been read."""
        self._response = response
        self._timeout_s = order.read_timeout_s
        self._socket = _socket_of(response)
        self._socket.settimeout(order.read_timeout_s)
        self._changed = threading.Condition()
        self._newest: tuple[float, bytes] | None = None
        self._left_out = 0
        self._end: CaptureEndError | None = None
        self._grabbed = b""
        parts = PartReader(lambda: response.read1(_CHUNK_BYTES), boundary)
        self._thread = threading.Thread(target=self._receive, args=(parts.next_part,), name="tlx-mjpeg", daemon=True)
        self._thread.start()

    def grab(self) -> tuple[float, int]:
        """As :meth:`~tlx.runtime.capture.reader.Reader.grab`."""
        with self._changed:
            is_here = self._changed.wait_for(lambda: self._newest or self._end, self._timeout_s)
            if self._newest is not None:
                (captured_s, self._grabbed), self._newest = self._newest, None
                left_out, self._left_out = self._left_out, 0
                return captured_s, left_out
            if is_here and self._end:
                raise self._end
            raise CaptureEndError(f"no whole picture for {self._timeout_s:g} s", is_silence=True)

    def decode(self) -> npt.NDArray[np.uint8] | None:
        """As :meth:`~tlx.runtime.capture.reader.Reader.decode`."""
        try:
            return images.decode(self._grabbed, "stream")
        except ImageError:
            return None

    def close(self) -> None:
        """As :meth:`~tlx.runtime.capture.reader.Reader.close`."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread
        self._thread.join()
        self._response.close()

    def _receive(self, next_part: Callable[[], bytes]) -> None:
        try:
            while True:
                part = next_part()
                if part:
                    self._put(time.monotonic(), part)
        except CaptureEndError as end:
            self._finish(end)
        except TimeoutError:
            self._finish(CaptureEndError(f"no data for {self._timeout_s:g} s", is_silence=True))
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._finish(CaptureEndError(f"the stream broke off ({_describe(error)})"))

    def _put(self, captured_s: float, part: bytes) -> None:
        with self._changed:
            self._left_out += self._newest is not None
            self._newest = (captured_s, part)
            self._changed.notify_all()

    def _finish(self, end: CaptureEndError) -> None:
        with self._changed:
            self._end = end
            self._changed.notify_all()


def open_mjpeg(order: Order) -> MjpegReader | None:
    """Ask an HTTP address what it gives, and read it if that's a stream of JPEGs.

    Returns:
        None if it's a stream of another kind, for FFmpeg.

    Raises:
        CaptureEndError: If there is no answer, an error, or something that is no stream.
    """
    try:
        response = _ask(order)
    except HTTPError as error:
        error.close()
        hint = ": name and password belong into the address" if error.code == _UNAUTHORIZED else ""
        raise CaptureEndError(f"the server answers {error.code} {error.reason}{hint}") from error
    except (TimeoutError, URLError, OSError, http.client.HTTPException, ValueError) as error:
        raise _as_end(error, order) from error
    content_type = response.headers.get("content-type", "")
    boundary = boundary_of(content_type)
    if boundary is not None:
        return MjpegReader(response, boundary, order)
    response.close()
    if content_type.startswith(("image/", "text/")):
        raise CaptureEndError(f"the server gives no stream, but {content_type.split(';')[0][:40]}")
    return None


def _ask(order: Order) -> http.client.HTTPResponse:
    address, user, password = split_credentials(order.address)
    known = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    if user is not None:
        known.add_password(None, address, user, password or "")
    opener = urllib.request.build_opener(
        urllib.request.HTTPBasicAuthHandler(known), urllib.request.HTTPDigestAuthHandler(known)
    )
    request = urllib.request.Request(address, headers={"User-Agent": f"tlx/{__version__}"})  # noqa: S310 - http(s) only
    response = opener.open(request, timeout=order.open_timeout_s)
    assert isinstance(response, http.client.HTTPResponse)
    return response


def _as_end(error: Exception, order: Order) -> CaptureEndError:
    cause = error.reason if isinstance(error, URLError) and isinstance(error.reason, Exception) else error
    if isinstance(cause, TimeoutError):
        return CaptureEndError(f"no answer within {order.open_timeout_s:g} s", is_silence=True)
    if isinstance(cause, ssl.SSLCertVerificationError):
        trust = "for a certificate of your own, name its file in SSL_CERT_FILE"
        return CaptureEndError(f"its certificate isn't trusted ({cause.verify_message}): {trust}")
    return CaptureEndError(f"can't be opened ({_describe(cause)})")


def _describe(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _socket_of(response: http.client.HTTPResponse) -> socket.socket:
    """The connection below an answer; the standard library has no public way to it."""
    connection = response.fp.raw._sock  # type: ignore[attr-defined]  # noqa: SLF001
    assert isinstance(connection, socket.socket)
    return connection
