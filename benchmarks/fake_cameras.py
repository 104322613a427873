"""Network cameras that behave as badly as they are told to: JPEGs over HTTP, and JPEGs over RTSP.

Real sockets, one thread a client; tests use them, and the scripts beside this one.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

_BOUNDARY: Final = b"frame"
_RTP_JPEG: Final = 26
_CLOCK_HZ: Final = 90_000
_PACKET_BYTES: Final = 1400
_IN_BAND_TABLES: Final = 255
_TABLES, _FRAME, _SCAN = 0xFFDB, 0xFFC0, 0xFFDA  # markers of JPEG
_SDP: Final = b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:track1\r\n"


class Client:
    """One connection of a camera's viewer."""

    def __init__(self, connection: socket.socket, closing: threading.Event) -> None:
        """Take it over."""
        self._connection = connection
        self._closing = closing
        self.request = b""

    def pause(self, seconds: float) -> None:
        """Do nothing for a while; ends early, by an error, when the camera is closed."""
        if self._closing.wait(seconds):
            raise ConnectionAbortedError

    def send(self, content: bytes) -> None:
        """Send bytes as they are."""
        self._connection.sendall(content)

    def receive_request(self) -> bytes:
        """The next request's header."""
        self.request = b""
        while b"\r\n\r\n" not in self.request:
            received = self._connection.recv(4096)
            if not received:
                raise ConnectionAbortedError
            self.request += received
        return self.request


class HttpClient(Client):
    """A viewer who asked by HTTP."""

    def send_header(self, content_type: bytes = b"multipart/x-mixed-replace; boundary=" + _BOUNDARY) -> None:
        """Begin the answer."""
        self.send(b"HTTP/1.0 200 OK\r\nContent-Type: " + content_type + b"\r\n\r\n")

    def send_picture(self, jpeg: bytes, *, with_length: bool = True, sent_bytes: int | None = None) -> None:
        """Send one picture, or the beginning of it."""
        length = b"Content-Length: %d\r\n" % len(jpeg) if with_length else b""
        part = b"--" + _BOUNDARY + b"\r\nContent-Type: image/jpeg\r\n" + length + b"\r\n"
        self.send(part + jpeg[:sent_bytes] + (b"\r\n" if sent_bytes is None else b""))


class RtspClient(Client):
    """A viewer who asked by RTSP; pictures go through the same connection (RFC 2326 10.12, RFC 2435)."""

    def __init__(self, connection: socket.socket, closing: threading.Event) -> None:
        """Take it over."""
        super().__init__(connection, closing)
        self._sequence = 0
        self._timestamp = 0

    def start(self) -> None:
        """Answer until the viewer wants to see something."""
        method = b""
        while method != b"PLAY":
            method = self.receive_request().split()[0]
            extra, body = b"", b""
            if method == b"OPTIONS":
                extra = b"Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
            elif method == b"DESCRIBE":
                extra, body = b"Content-Type: application/sdp\r\nContent-Length: %d\r\n" % len(_SDP), _SDP
            elif method == b"SETUP":
                extra = b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
            number = next(line for line in self.request.split(b"\r\n") if line.lower().startswith(b"cseq"))
            self.send(b"RTSP/1.0 200 OK\r\n" + number + b"\r\nSession: 1\r\n" + extra + b"\r\n" + body)

    def send_picture(self, jpeg: bytes, *, rate_hz: float = 30, share: float = 1.0) -> None:
        """Send one picture (4:2:0, standard Huffman tables), or the beginning of it."""
        packets = list(self._packets(jpeg))
        for packet in packets[: max(1, round(len(packets) * share))]:
            self.send(struct.pack(">cBH", b"$", 0, len(packet)) + packet)
        self._timestamp += round(_CLOCK_HZ / rate_hz)

    def _packets(self, jpeg: bytes) -> Iterator[bytes]:
        size_hw, tables, scan = _dissect(jpeg)
        for offset in range(0, len(scan), _PACKET_BYTES):
            data = scan[offset : offset + _PACKET_BYTES]
            is_last = offset + len(data) == len(scan)
            self._sequence = (self._sequence + 1) % 65536
            yield (
                struct.pack(">BBHII", 0x80, _RTP_JPEG | is_last << 7, self._sequence, self._timestamp, 1)
                + struct.pack(">I", offset)
                + bytes((1, _IN_BAND_TABLES, size_hw[1] // 8, size_hw[0] // 8))
                + (struct.pack(">BBH", 0, 0, len(tables)) + tables if offset == 0 else b"")
                + data
            )


def _dissect(jpeg: bytes) -> tuple[tuple[int, int], bytes, bytes]:
    """Height and width, quantization tables, and the data of a baseline JPEG with one scan."""
    position, tables, size_hw = 2, b"", (0, 0)
    while True:
        marker, length = struct.unpack_from(">HH", jpeg, position)
        content = jpeg[position + 4 : position + 2 + length]
        position += 2 + length
        if marker == _TABLES:
            tables += b"".join(content[start + 1 : start + 65] for start in range(0, len(content), 65))
        elif marker == _FRAME:
            size_hw = struct.unpack(">HH", content[1:5])
        elif marker == _SCAN:
            return size_hw, tables, jpeg[position:-2]


Viewer = TypeVar("Viewer", bound=Client)


class FakeCamera(Generic[Viewer]):
    """A server on a free local port; a context manager whose end is its end."""

    def __init__(self, behave: Callable[[Viewer], None], viewer: type[Viewer]) -> None:
        """Begin to listen; :func:`http_camera` and :func:`rtsp_camera` are shorter.

        Args:
            behave: Called for each client in a thread of its own; the connection is closed when it returns.
            viewer: What it's called with.
        """
        self.clients = 0
        self._behave = behave
        self._viewer = viewer
        self._closing = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        port: int = self._socket.getsockname()[1]
        return port

    def close(self) -> None:
        """Drop all clients and listen no more."""
        self._closing.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._socket.close()

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.clients += 1
            thread = threading.Thread(target=self._serve_one, args=(connection,), daemon=True)
            thread.start()
            self._threads = [self._threads[0], *(old for old in self._threads[1:] if old.is_alive()), thread]

    def _serve_one(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        with connection, contextlib.suppress(OSError):
            self._behave(self._viewer(connection, self._closing))


def http_camera(behave: Callable[[HttpClient], None]) -> FakeCamera[HttpClient]:
    """A camera that speaks HTTP."""
    return FakeCamera(behave, HttpClient)


def rtsp_camera(behave: Callable[[RtspClient], None]) -> FakeCamera[RtspClient]:
    """A camera that speaks RTSP."""
    return FakeCamera(behave, RtspClient)
