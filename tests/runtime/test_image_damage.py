"""A file that isn't a whole picture gives one ImageError with its name and the reason, and nothing else."""

from __future__ import annotations

import contextlib
import io
import resource
import struct
import time
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tlx import images
from tlx.errors import ImageError
from tlx.opencv import MAX_IMAGE_PIXELS

DAMAGED = "is truncated or damaged"
ROWS, COLUMNS = np.mgrid[:90, :120]
# Textured to the last corner, so that a compressed file's data lasts to its end.
TEXTURE = (np.sin(ROWS * COLUMNS / 30) * 40).astype(int)
RGB = np.dstack([COLUMNS * 2, ROWS * 2, 200 - COLUMNS]).astype(int) + TEXTURE[..., None]
PICTURE = Image.fromarray(RGB.clip(0, 255).astype(np.uint8))
TRANSPARENT = Image.merge("RGBA", (*PICTURE.split(), PICTURE.convert("L")))
NEGATIVE = Image.fromarray(255 - np.asarray(PICTURE))
PALETTE = PICTURE.quantize(64)


def encode(picture: Image.Image, file_format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, file_format, **options)
    return file.getvalue()


UPSIDE_DOWN = Image.Exif()
UPSIDE_DOWN[0x0112] = 3
FRAMES = {"save_all": True, "append_images": [NEGATIVE]}
FILES = {
    "jpeg": encode(PICTURE, "JPEG"),
    "gray jpeg": encode(PICTURE.convert("L"), "JPEG"),
    "turned jpeg": encode(PICTURE, "JPEG", exif=UPSIDE_DOWN),
    "progressive jpeg": encode(PICTURE, "JPEG", progressive=True),
    "cmyk jpeg": encode(PICTURE.convert("CMYK"), "JPEG"),
    "jpeg with restarts": encode(PICTURE, "JPEG", restart_marker_rows=1),
    "png": encode(PICTURE, "PNG"),
    "alpha png": encode(TRANSPARENT, "PNG"),
    "apng": encode(PICTURE, "PNG", **FRAMES),
    "webp": encode(PICTURE, "WEBP"),
    "alpha webp": encode(TRANSPARENT, "WEBP"),
    "lossless webp": encode(PICTURE, "WEBP", lossless=True),
    "animated webp": encode(PICTURE, "WEBP", **FRAMES),
    "gif": encode(PALETTE, "GIF"),
    "animated gif": encode(PALETTE, "GIF", **FRAMES),
    "bmp": encode(PICTURE, "BMP"),
    "tiff": encode(PICTURE, "TIFF"),
    "lzw tiff": encode(PICTURE, "TIFF", compression="tiff_lzw"),
    "deflate tiff": encode(TRANSPARENT, "TIFF", compression="tiff_deflate"),
    "jpeg tiff": encode(PICTURE, "TIFF", compression="jpeg"),
    "avif": encode(PICTURE, "AVIF"),
    "alpha avif": encode(TRANSPARENT, "AVIF"),
    "ppm": encode(PICTURE, "PPM"),
    "pgm": encode(PICTURE.convert("L"), "PPM"),
}
every_file = pytest.mark.parametrize("name", FILES)


def reason_of(content: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        images.decode(content, "photos/cat.jpg")
    assert caught.value.source == "photos/cat.jpg"
    assert str(caught.value) == f"photos/cat.jpg: {caught.value.reason}"
    return caught.value.reason


@every_file
def test_decode_refuses_a_file_cut_at_every_tenth(name: str) -> None:
    content = FILES[name]
    assert images.decode(content, name).shape == (90, 120, 3)
    for tenth in range(1, 10):
        assert reason_of(content[: len(content) * tenth // 10]) == DAMAGED


@every_file
def test_decode_refuses_a_file_without_its_last_bytes(name: str) -> None:
    for missing in (1, 2, 3, 10):
        assert reason_of(FILES[name][:-missing]) == DAMAGED


@every_file
def test_decode_refuses_a_file_cut_within_its_header(name: str) -> None:
    for length in range(1, 64):
        assert reason_of(FILES[name][:length]).startswith((DAMAGED, "is not a picture (starts with"))


@pytest.mark.parametrize("name", [name for name in FILES if "jpeg" in name and "tiff" not in name])
def test_decode_refuses_a_jpeg_cut_short_that_carries_an_end_marker(name: str) -> None:
    content = FILES[name]
    # A progressive file ends with the last bit of the brightness, whose lack nobody sees.
    for tenth in range(1, 7 if name == "progressive jpeg" else 10):
        assert reason_of(content[: len(content) * tenth // 10] + b"\xff\xd9") == DAMAGED


@pytest.mark.parametrize(
    "name", [name for name in FILES if name not in {"bmp", "tiff", "ppm", "pgm", "lossless webp", "animated webp"}]
)
def test_decode_refuses_a_compressed_file_whose_rest_is_zeros(name: str) -> None:
    content = FILES[name]
    for tenth in (3, 5, 7):
        length = len(content) * tenth // 10
        assert reason_of(content[:length] + bytes(max(600, len(content) - length))) == DAMAGED


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_decode_reads_a_jpeg_that_really_is_gray(mode: str, progressive: bool) -> None:
    for brightness in (64, 65, 128):
        picture = Image.new("RGB", (70, 50), (brightness,) * 3).convert(mode)
        content = encode(picture, "JPEG", progressive=progressive)
        assert np.abs(images.decode(content, "gray").astype(int) - brightness).max() <= 1
    # As libjpeg paints missing data of four components.
    ink = Image.new("CMYK", (70, 50), (127,) * 4)
    assert images.decode(encode(ink, "JPEG", progressive=progressive), "gray").shape == (50, 70, 3)


def test_decode_reads_a_jpeg_with_a_preview_and_something_after_its_end() -> None:
    preview = encode(PICTURE.resize((16, 12)), "JPEG")
    block = b"Exif\0\0" + preview
    content = FILES["jpeg"]
    with_preview = content[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + content[2:]
    expected = images.decode(content, "plain")
    for tail in (b"", bytes(1000), b"\xff\xd9", content, b"a video of a phone \xff\xd9 and more"):
        np.testing.assert_array_equal(images.decode(with_preview + tail, "phone"), expected)
    # The preview's own end marker isn't the picture's.
    assert reason_of(with_preview[: len(with_preview) // 2]) == DAMAGED
    assert reason_of(with_preview[:-2] + bytes(16)) == DAMAGED


def test_decode_reads_the_first_picture_of_a_stereo_photo() -> None:
    content = encode(PICTURE, "MPO", save_all=True, append_images=[NEGATIVE])
    np.testing.assert_array_equal(images.decode(content, "stereo"), images.decode(FILES["jpeg"], "plain"))


def jpeg_of_separate_scans(*, scans: int) -> bytes:
    """A sequential JPEG whose three components come one after the other, made of three grayscale files."""
    grays = [encode(channel, "JPEG") for channel in PICTURE.convert("YCbCr").split()]
    frame, scan = grays[0].index(b"\xff\xc0"), grays[0].index(b"\xff\xda")
    components = b"".join(bytes([number, 0x11, 0]) for number in (1, 2, 3))
    new_frame = b"\xff\xc0" + struct.pack(">HBHHB", 17, 8, 90, 120, 3) + components
    data = [gray[scan + 10 : -2] for gray in grays]
    new_scans = [b"\xff\xda\0\x08\x01" + bytes([number, 0, 0, 63, 0]) + data[number - 1] for number in (1, 2, 3)]
    return grays[0][:frame] + new_frame + grays[0][frame + 13 : scan] + b"".join(new_scans[:scans]) + b"\xff\xd9"


def test_decode_wants_every_component_of_a_jpeg_of_separate_scans() -> None:
    content = jpeg_of_separate_scans(scans=3)
    with Image.open(io.BytesIO(content)) as file:
        np.testing.assert_array_equal(images.decode(content, "scans"), np.asarray(file.convert("RGB")))
    assert reason_of(jpeg_of_separate_scans(scans=2)) == DAMAGED
    assert reason_of(content[:2000] + b"\xff\xd9") == DAMAGED


def test_decode_refuses_an_animated_png_with_a_wrong_checksum() -> None:
    content = bytearray(FILES["apng"])
    content[content.index(b"IDAT") + 500] ^= 1
    assert reason_of(bytes(content)) == DAMAGED


def test_decode_of_a_damaged_png_leaves_stderr_alone(capfd: pytest.CaptureFixture[str]) -> None:
    content = FILES["png"]
    for position in range(0, len(content), 97):
        reason_of(content[:position] + bytes([content[position] ^ 4]) + content[position + 1 :])
        reason_of(content[:position])
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"photos of cats, see folder 2", "is not a picture (starts with 'photos of cats,')"),
        (b"<!DOCTYPE html>\n<html>", "is not a picture (starts with '<!DOCTYPE html>')"),
        (b"BM is a car maker's other name", "is not a picture (starts with 'BM is a car make')"),
        (b"\x00\x01\xfe\xff", "is not a picture (starts with the bytes 00 01 fe ff)"),
        (bytes(5000), "is not a picture (starts with the bytes 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00)"),
        (b"%PDF-1.7\n", "is a PDF file, which isn't read: save it as JPEG or PNG"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "is a JPEG XL file, which isn't read: save it as JPEG or PNG"),
        (
            struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0),
            "is not a picture but another media file (its brand is 'isom')",
        ),
        (b"P6 0 5 255\n", f"{DAMAGED} (it claims 0x5 pixels)"),
        (b"P6 5 5 70000\n", f"{DAMAGED} (its largest value is 70000)"),
        (b"P6 five 5 255\n", DAMAGED),
    ],
)
def test_decode_says_what_is_there_instead_of_a_picture(content: bytes, reason: str) -> None:
    assert reason_of(content) == reason


def patched(name: str, at: int, patch: bytes) -> bytes:
    content = bytearray(FILES[name])
    content[at : at + len(patch)] = patch
    return bytes(content)


def png_of_size(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return start + FILES["png"][33:]


def tiff_of_size(width: int, height: int) -> bytes:
    tags = ((256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, height), (279, 9))
    return (
        b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", t, 4, 1, v) for t, v in tags)
    )


@pytest.mark.parametrize(
    ("content", "claim"),
    [
        (png_of_size(40000, 40000), "40000x40000"),
        (patched("jpeg", FILES["jpeg"].index(b"\xff\xc0") + 5, b"\xea\x60\xea\x60"), "60000x60000"),
        (
            patched("progressive jpeg", FILES["progressive jpeg"].index(b"\xff\xc2") + 5, b"\xea\x60\xea\x60"),
            "60000x60000",
        ),
        (patched("alpha webp", 24, b"\x3f\x9c\x00\x3f\x9c\x00"), "40000x40000"),
        (patched("lossless webp", 21, b"\xff\xff\xff\x0f"), "16384x16384"),
        (patched("gif", 6, b"\xff\xff\xff\xff"), "65535x65535"),
        (patched("bmp", 18, struct.pack("<ii", 40000, -40000)), "40000x40000"),
        (tiff_of_size(40000, 40000), "40000x40000"),
        (patched("avif", FILES["avif"].index(b"ispe") + 8, struct.pack(">II", 40000, 40000)), "40000x40000"),
        (b"P6 40000 40000 255\n" + bytes(1000), "40000x40000"),
    ],
    ids=["png", "jpeg", "progressive jpeg", "webp", "lossless webp", "gif", "bmp", "tiff", "avif", "ppm"],
)
def test_decode_refuses_too_many_pixels_without_making_them(content: bytes, claim: str) -> None:
    used_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started_s = time.perf_counter()
    assert reason_of(content) == f"has {claim} pixels, the limit is {MAX_IMAGE_PIXELS:,}"
    assert time.perf_counter() - started_s < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used_kib < 100 * 1024


def test_decode_refuses_a_side_that_opencv_refuses() -> None:
    assert reason_of(png_of_size(2_000_000, 10)) == "has 2000000x10 pixels, the limit for a side is 1,048,576"


SMALL_FILES = [
    encode(picture.resize((24, 18)), file_format, **options)
    for picture, file_format, options in (
        (PICTURE, "JPEG", {}),
        (PICTURE, "JPEG", {"progressive": True}),
        (PICTURE.convert("CMYK"), "JPEG", {}),
        (TRANSPARENT, "PNG", {}),
        (TRANSPARENT, "WEBP", {}),
        (PICTURE, "WEBP", {"lossless": True}),
        (PALETTE, "GIF", {}),
        (PICTURE, "BMP", {}),
        (TRANSPARENT, "TIFF", {}),
        (PICTURE, "TIFF", {"compression": "tiff_lzw"}),
        (TRANSPARENT, "AVIF", {}),
        (PICTURE, "PPM", {}),
    )
]
SIGNATURES = [b"", b"\xff\xd8\xff", b"RIFF\x40\0\0\0WEBP", b"GIF89a", b"II*\0\x08\0\0\0", b"\0\0\0\x14ftypavif", b"P5 "]


def assert_picture_or_error(content: bytes) -> None:
    with contextlib.suppress(ImageError):
        image_rgb = images.decode(content, "fuzz")
        assert image_rgb.dtype == np.uint8
        assert image_rgb.ndim == 3
        assert image_rgb.shape[2] == 3
        assert image_rgb.size > 0
        assert image_rgb.flags.c_contiguous


@settings(max_examples=600, deadline=None, derandomize=True, database=None)
@given(
    content=st.sampled_from(SMALL_FILES),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=4),
    near=st.sampled_from([0.1, 0.4, 1.0]),
)
def test_decode_gives_a_picture_or_an_error_for_changed_bytes(
    content: bytes, changes: list[tuple[float, int]], near: float
) -> None:
    damaged = bytearray(content)
    for place, change in changes:
        damaged[int(place * near * len(content))] ^= change
    assert_picture_or_error(bytes(damaged))


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(signature=st.sampled_from(SIGNATURES), rest=st.binary(max_size=200))
def test_decode_gives_an_error_for_random_bytes(signature: bytes, rest: bytes) -> None:
    assert_picture_or_error(signature + rest)
