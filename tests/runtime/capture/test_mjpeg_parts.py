from __future__ import annotations

import pytest

from tlx.runtime.capture.mjpeg_parts import PartReader, boundary_of
from tlx.runtime.capture.reader import CaptureEndError

JPEG = b"\xff\xd8 not\r\n--really a picture  \n\n\xff\xd9"


def reader_of(content: bytes, *, boundary: str = "b", step: int = 7) -> PartReader:
    pieces = iter([content[start : start + step] for start in range(0, len(content), step)])
    return PartReader(lambda: next(pieces, b""), boundary)


@pytest.mark.parametrize("step", [1, 7, 1000])
@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(
            b"--b\r\nContent-Length: 32\r\n\r\n%b\r\n--b\r\nContent-Length: 32\r\n\r\n%b\r\n--b--\r\n", id="clean"
        ),
        pytest.param(
            b"\r\n\r\n--b\ncontent-length:32\n\n%b--b\nX: 1\ncontent-length:32\n\n%b--b--", id="no empty lines"
        ),
        pytest.param(b"--b\r\nContent-Type: image/jpeg\r\n\r\n%b\r\n--b\r\n\r\n%b\r\n--b--\r\n", id="no length"),
        pytest.param(b"preamble\r\n--b\r\n\r\n%b\r\n--b  \r\nContent-Length: 32\r\n\r\n%b\r\n--b--", id="mixed"),
    ],
)
def test_parts_come_whole_however_the_bytes_arrive(stream: bytes, step: int) -> None:
    assert len(JPEG) == 32
    reader = reader_of(stream % (JPEG, JPEG), step=step)
    assert [reader.next_part(), reader.next_part()] == [JPEG, JPEG]
    with pytest.raises(CaptureEndError, match="the stream ended"):
        reader.next_part()


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (b"", "the stream ended"),
        (b"--b\r\nContent-Length: 32\r\n\r\nhalf a pic", "within a picture"),
        (b"--b\r\n\r\nhalf a pic", "within a picture"),
        (b"--b\r\nContent-Le", "within a picture"),
        (b"--b\r\nContent-Length: -5\r\n\r\n", "can't be right"),
        (b"--b\r\nContent-Length: 99999999999\r\n\r\n", "can't be right"),
        (b"--b\r\nContent-Length: x\r\n\r\n", "can't be right"),
        (b"x" * 200_000, "isn't the MJPEG stream"),
        (b"--b\r\n" + b"x" * 200_000, "isn't the MJPEG stream"),
    ],
)
def test_next_part_says_what_is_wrong(stream: bytes, reason: str) -> None:
    with pytest.raises(CaptureEndError, match=reason):
        reader_of(stream, step=1000).next_part()


@pytest.mark.parametrize("boundary", ["b", "--b", '"b"', '"--b"', " b "])
def test_boundary_may_be_written_in_any_way(boundary: str) -> None:
    assert reader_of(b"--b\r\nContent-Length: 2\r\n\r\nok", boundary=boundary).next_part() == b"ok"


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/x-mixed-replace; boundary=frame", "frame"),
        ('Multipart/X-Mixed-Replace;boundary="--my frame"', "--my frame"),
        ("multipart/x-mixed-replace", None),
        ("multipart/x-mixed-replace; boundary=--", None),
        ("video/mp2t", None),
        ("", None),
    ],
)
def test_boundary_of(content_type: str, boundary: str | None) -> None:
    assert boundary_of(content_type) == boundary
