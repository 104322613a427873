"""Each kind of picture has one meaning: files written by Pillow (or by hand) against Pillow's own reading."""

from __future__ import annotations

import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageOps

from tlx import images
from tlx.errors import ImageError
from tlx.opencv import cv2

ROWS, COLUMNS = np.mgrid[:46, :70]
# No symmetry, no hard edges (lossy formats stay close), and every colour changes.
RGB = np.dstack([COLUMNS * 3, ROWS * 5, 255 - COLUMNS - ROWS]).astype(np.uint8)
ALPHA = ((COLUMNS * 7 + ROWS) % 256).astype(np.uint8)
GRAY = RGB[..., 0]
RGBA = np.dstack([RGB, ALPHA])
ORIENTATIONS = range(1, 9)


def encode(pixels: npt.NDArray[Any] | Image.Image, file_format: str, **options: Any) -> bytes:
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    file = io.BytesIO()
    picture.save(file, file_format, **options)
    return file.getvalue()


def palette(**options: Any) -> Image.Image:
    return Image.fromarray(RGB).quantize(64, **options)


def exif(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[0x0112] = orientation
    return block


def pillow_reads(content: bytes) -> npt.NDArray[np.uint8]:
    """What Pillow makes of a file: first frame, upright, on white."""
    with Image.open(io.BytesIO(content)) as file:
        picture = ImageOps.exif_transpose(file)
        if picture.has_transparency_data:
            picture = picture.convert("RGBA")
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
        return np.asarray(picture.convert("RGB"))


def difference(content: bytes, expected: npt.NDArray[Any] | None = None) -> int:
    """The largest difference of a channel between ours and Pillow's (or the expected) picture."""
    expected = pillow_reads(content) if expected is None else expected
    image_rgb = images.decode(content, "picture")
    assert image_rgb.shape == expected.shape
    return int(np.abs(image_rgb.astype(int) - expected).max())


def write_png(samples: npt.NDArray[Any], colour: int, *chunks: tuple[bytes, bytes], bits: int = 16) -> bytes:
    """A PNG of kinds that Pillow can't write: ``samples`` are ``[H, W]`` or ``[H, W, C]``; 16 bits or packed bytes."""
    height, width = samples.shape[:2]
    if bits < 8:
        planes = (samples[..., None] >> np.arange(bits - 1, -1, -1)) & 1
        samples = np.packbits(planes.reshape(height, -1).astype(np.uint8), axis=1)
    rows = samples.astype(">u2" if bits == 16 else np.uint8)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", data), (b"IEND", b"")]
    framed = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


@pytest.mark.parametrize(
    ("content", "tolerance"),
    [
        pytest.param(encode(RGB, "JPEG"), 0, id="jpeg"),
        pytest.param(encode(RGB, "JPEG", progressive=True), 0, id="progressive jpeg"),
        pytest.param(encode(RGB, "JPEG", subsampling="4:4:4", restart_marker_rows=1), 0, id="jpeg with restarts"),
        pytest.param(encode(RGB, "JPEG", keep_rgb=True), 0, id="jpeg stored as rgb"),
        pytest.param(encode(GRAY, "JPEG"), 0, id="gray jpeg"),
        pytest.param(encode(RGB, "PNG"), 0, id="png"),
        pytest.param(encode(GRAY, "PNG"), 0, id="gray png"),
        pytest.param(encode(Image.fromarray(GRAY).convert("1"), "PNG"), 0, id="bilevel png"),
        pytest.param(encode(np.dstack([GRAY, ALPHA]), "PNG"), 1, id="gray and alpha png"),
        pytest.param(encode(RGBA, "PNG"), 1, id="alpha png"),
        pytest.param(encode(palette(), "PNG"), 0, id="palette png"),
        pytest.param(encode(palette(), "PNG", transparency=bytes(range(0, 256, 4))), 1, id="palette alpha png"),
        pytest.param(encode(palette(), "PNG", transparency=3), 0, id="palette key png"),
        pytest.param(encode(RGB, "PNG", transparency=tuple(RGB[5, 5].tolist())), 0, id="colour key png"),
        pytest.param(encode(GRAY, "PNG", transparency=int(GRAY[5, 5])), 0, id="gray key png"),
        pytest.param(encode(RGB, "WEBP", quality=90), 0, id="lossy webp"),
        pytest.param(encode(RGB, "WEBP", lossless=True), 0, id="lossless webp"),
        pytest.param(encode(RGBA, "WEBP", quality=90), 1, id="alpha lossy webp"),
        pytest.param(encode(RGBA, "WEBP", lossless=True), 1, id="alpha lossless webp"),
        pytest.param(encode(palette(), "GIF"), 0, id="gif"),
        pytest.param(encode(palette(), "GIF", transparency=3), 0, id="transparent gif"),
        pytest.param(encode(RGB, "BMP"), 0, id="bmp"),
        pytest.param(encode(GRAY, "BMP"), 0, id="gray bmp"),
        pytest.param(encode(palette(), "BMP"), 0, id="palette bmp"),
        pytest.param(encode(RGBA, "BMP"), 0, id="bmp with an undefined fourth byte"),
        pytest.param(encode(RGB, "TIFF"), 0, id="tiff"),
        pytest.param(encode(RGB, "TIFF", compression="tiff_lzw"), 0, id="lzw tiff"),
        pytest.param(encode(RGB, "TIFF", compression="tiff_deflate"), 0, id="deflate tiff"),
        pytest.param(encode(RGB, "TIFF", compression="jpeg"), 0, id="jpeg in tiff"),
        pytest.param(encode(GRAY, "TIFF"), 0, id="gray tiff"),
        pytest.param(encode(Image.fromarray(GRAY).convert("1"), "TIFF", compression="group4"), 0, id="fax tiff"),
        pytest.param(encode(palette(), "TIFF"), 0, id="palette tiff"),
        pytest.param(encode(RGBA, "TIFF"), 1, id="alpha tiff"),
        pytest.param(encode(Image.fromarray(RGB).convert("CMYK"), "TIFF"), 0, id="cmyk tiff"),
        pytest.param(encode(Image.fromarray(RGB).convert("YCbCr"), "TIFF"), 1, id="ycbcr tiff"),
        pytest.param(encode(RGB, "AVIF"), 1, id="avif"),
        pytest.param(encode(GRAY, "AVIF"), 1, id="gray avif"),
        pytest.param(encode(RGBA, "AVIF"), 1, id="alpha avif"),
        pytest.param(encode(RGB, "PPM"), 0, id="ppm"),
        pytest.param(encode(GRAY, "PPM"), 0, id="pgm"),
    ],
)
def test_decode_reads_what_pillow_reads(content: bytes, tolerance: int) -> None:
    assert difference(content) <= tolerance
    image_rgb = images.decode(content, "picture")
    assert image_rgb.dtype == np.uint8
    assert image_rgb.flags.c_contiguous
    assert image_rgb.flags.owndata
    assert image_rgb.flags.writeable


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize(
    ("pixels", "file_format", "options"),
    [
        (RGB, "JPEG", {}),
        (RGB, "JPEG", {"progressive": True}),
        (GRAY, "JPEG", {}),
        (RGB, "PNG", {}),
        (RGBA, "PNG", {}),
        (GRAY, "PNG", {}),
        (RGB, "WEBP", {}),
        (RGBA, "WEBP", {"lossless": True}),
        (RGB, "TIFF", {}),
        (RGBA, "TIFF", {}),
        (GRAY, "TIFF", {}),
        (RGB, "AVIF", {}),
        (RGBA, "AVIF", {}),
    ],
)
def test_decode_turns_upright(
    pixels: npt.NDArray[np.uint8], file_format: str, options: dict[str, Any], orientation: int
) -> None:
    content = encode(pixels, file_format, exif=exif(orientation), **options)
    assert difference(content) <= 1
    swapped = orientation >= 5
    assert images.decode(content, "picture").shape[:2] == ((70, 46) if swapped else (46, 70))


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_decode_turns_16_bit_pictures_upright(orientation: int) -> None:
    deep, eight_bits = RGBA.astype(np.uint16) * 257, encode(RGBA, "PNG", exif=exif(orientation))
    expected = pillow_reads(eight_bits)
    assert difference(write_png(deep, 6, (b"eXIf", exif(orientation).tobytes())), expected) <= 1
    gray = pillow_reads(encode(GRAY, "PNG", exif=exif(orientation)))
    assert difference(encode(GRAY.astype(np.uint16) * 257, "TIFF", tiffinfo=exif(orientation)), gray) == 0


@pytest.mark.parametrize(
    "block", [b"", b"II*\0", b"II*\0\xff\xff\xff\x7f", b"XX*\0\x08\0\0\0", exif(9).tobytes(), b"\0" * 40]
)
def test_decode_leaves_a_picture_as_it_is_when_its_exif_is_damaged(block: bytes) -> None:
    assert difference(write_png(RGB, 2, (b"eXIf", block), bits=8), RGB) == 0


def test_decode_rounds_16_bits_the_same_in_every_format() -> None:
    deep = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    expected = np.round(deep / 257)
    gray, colour = np.dstack([expected] * 3), np.dstack([expected, expected[::-1], expected.T])
    deep_colour = np.dstack([deep, deep[::-1], deep.T])
    assert difference(encode(deep, "PNG"), gray) == 0
    assert difference(encode(deep, "TIFF"), gray) == 0
    assert difference(b"P5 256 256 65535\n" + deep.astype(">u2").tobytes(), gray) == 0
    assert difference(write_png(deep_colour, 2), colour) == 0
    assert difference(b"P6 256 256 65535\n" + deep_colour.astype(">u2").tobytes(), colour) == 0
    tiff = cv2.imencode(".tiff", np.ascontiguousarray(deep_colour[..., ::-1]))[1].tobytes()
    assert difference(tiff, colour) == 0


def test_decode_composites_16_bits_on_white() -> None:
    deep = np.dstack([RGB, ALPHA]).astype(np.uint16) * 257
    assert difference(write_png(deep, 6), pillow_reads(encode(RGBA, "PNG"))) <= 1
    gray = np.dstack([GRAY, ALPHA])
    assert difference(write_png(gray.astype(np.uint16) * 257, 4), pillow_reads(encode(gray, "PNG"))) <= 1


def test_decode_composites_to_the_nearest_value() -> None:
    colour, opacity = np.mgrid[:256, :256]
    content = encode(np.dstack([colour, colour, colour, opacity]).astype(np.uint8), "PNG")
    expected = np.round((colour * opacity + 255 * (255 - opacity)) / 255)
    assert difference(content, np.dstack([expected] * 3)) == 0


@pytest.mark.parametrize("bits", [1, 2, 4, 16])
def test_decode_makes_a_transparent_gray_white_at_any_depth(bits: int) -> None:
    samples = (COLUMNS + ROWS) % min(2**bits, 97)
    key = int(samples[1, 0])
    content = write_png(samples, 0, (b"tRNS", struct.pack(">H", key)), bits=bits)
    gray = np.where(samples == key, 255, np.round(samples * 255 / (2**bits - 1)))
    assert difference(content, np.dstack([gray] * 3)) == 0


def test_decode_makes_a_transparent_deep_colour_white() -> None:
    deep = RGB.astype(np.uint16) * 257
    content = write_png(deep, 2, (b"tRNS", deep[3, 3].astype(">u2").tobytes()))
    expected = RGB.copy()
    expected[3, 3] = 255
    assert difference(content, expected) == 0


@pytest.mark.parametrize(("white", "sample_type"), [(100, np.uint8), (1023, ">u2")])
def test_decode_scales_pnm_by_its_largest_value(white: int, sample_type: str) -> None:
    samples = (COLUMNS * 13 + ROWS) % (white + 1)
    content = b"P5\n# a comment\n70 46\n%d\n" % white + samples.astype(sample_type).tobytes()
    assert difference(content, np.dstack([np.round(samples * 255 / white)] * 3)) == 0


@pytest.mark.parametrize("depth_bits", [10, 12])
@pytest.mark.parametrize("channels", [3, 4])
def test_decode_scales_deep_avif(depth_bits: int, channels: int) -> None:
    deep = RGBA[..., :channels].astype(np.uint16) << (depth_bits - 8)
    blue_first = np.ascontiguousarray(deep[..., [2, 1, 0, 3][:channels]])
    options = [cv2.IMWRITE_AVIF_DEPTH, depth_bits, cv2.IMWRITE_AVIF_QUALITY, 100]
    content = cv2.imencode(".avif", blue_first, options)[1].tobytes()
    expected = pillow_reads(encode(RGBA[..., :channels], "PNG"))
    assert difference(content, expected) <= 3


@pytest.mark.parametrize("transform", [0, 2], ids=["cmyk", "ycck"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_decode_reads_cmyk_jpeg_as_pillow_does(transform: int, orientation: int) -> None:
    cmyk = Image.fromarray(np.dstack([255 - RGB, ALPHA // 2]), "CMYK")
    content = bytearray(encode(cmyk, "JPEG", quality=95, exif=exif(orientation)))
    # Pillow writes CMYK; with the other number in Adobe's marker the same data means YCCK.
    content[content.index(b"Adobe") + 11] = transform
    assert difference(bytes(content)) <= 2


def test_decode_reads_cmyk_jpeg_without_adobe_marker_as_pillow_does() -> None:
    content = encode(Image.fromarray(RGB).convert("CMYK"), "JPEG", quality=95)
    marker = content.index(b"Adobe") - 4
    assert difference(content[:marker] + content[marker + 16 :]) <= 2


@pytest.mark.parametrize(
    ("file_format", "pixels"), [("GIF", RGB), ("GIF", RGBA), ("WEBP", RGB), ("WEBP", RGBA), ("PNG", RGB), ("PNG", RGBA)]
)
def test_decode_takes_the_first_frame_of_an_animation(file_format: str, pixels: npt.NDArray[np.uint8]) -> None:
    others = [Image.fromarray(255 - pixels), Image.fromarray(pixels[::-1].copy())]
    options = {"lossless": True} if file_format == "WEBP" else {}
    content = encode(pixels, file_format, save_all=True, append_images=others, duration=50, **options)
    assert difference(content) <= 1


def test_decode_takes_the_first_page_of_a_tiff() -> None:
    content = encode(RGB, "TIFF", save_all=True, append_images=[Image.fromarray(255 - RGBA)])
    assert difference(content, RGB) == 0


def write_bmp(*, header_size: int, alpha_mask: int) -> bytes:
    pixels = RGBA[::-1, :, [2, 1, 0, 3]].tobytes()
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, alpha_mask).ljust(header_size - 40, b"\0")
    masks = masks if header_size > 40 else masks[:12]
    header = struct.pack("<IiiHHIIiiII", header_size, 70, 46, 1, 32, 3, len(pixels), 0, 0, 0, 0) + masks
    return b"BM" + struct.pack("<IHHI", 14 + len(header) + len(pixels), 0, 0, 14 + len(header)) + header + pixels


def test_decode_takes_the_fourth_byte_of_a_bmp_for_alpha_only_if_the_header_says_so() -> None:
    assert difference(write_bmp(header_size=108, alpha_mask=0xFF000000)) <= 1
    assert difference(write_bmp(header_size=124, alpha_mask=0), RGB) == 0
    assert difference(write_bmp(header_size=40, alpha_mask=0), RGB) == 0


def write_tiff(samples: npt.NDArray[Any], **tags: int) -> bytes:
    """One uncompressed strip; each keyword is a tag's number with a ``t`` before it."""
    height, width = samples.shape[:2]
    channels = samples.shape[2] if samples.ndim == 3 else 1
    bits = samples.dtype.itemsize * 8
    entries = {256: width, 257: height, 258: bits, 259: 1, 262: 2 if channels > 1 else 1, 273: 8, 277: channels}
    entries |= {278: height, 279: samples.nbytes} | {int(name[1:]): value for name, value in tags.items()}
    # One value that fits stands for all channels' bits.
    table = b"".join(struct.pack("<HHII", tag, 4 if tag == 279 else 3, 1, entries[tag]) for tag in sorted(entries))
    end = struct.pack("<H", len(entries)) + table + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + samples.nbytes) + samples.tobytes() + end


@pytest.mark.parametrize("sample_type", ["u1", "<u2"])
def test_decode_composites_a_tiff_by_what_its_fourth_channel_is(sample_type: str) -> None:
    scale = 257 if sample_type == "<u2" else 1
    on_white = pillow_reads(encode(RGBA, "PNG"))
    multiplied = np.dstack([RGB.astype(float) * ALPHA[..., None] / 255, ALPHA])
    straight, premultiplied = ((pixels * scale).astype(sample_type) for pixels in (RGBA.astype(int), multiplied))
    assert difference(write_tiff(straight, t338=2), on_white) <= 1
    assert difference(write_tiff(premultiplied, t338=1), on_white) <= 1
    assert difference(write_tiff(straight, t338=0), RGB) == 0
    assert difference(write_tiff(straight), RGB) == 0


def test_decode_tells_the_format_by_the_content(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encode(RGB, "PNG"))
    np.testing.assert_array_equal(images.read(path), RGB)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (encode(Image.fromarray(RGB).convert("LAB"), "TIFF"), "is a TIFF with colours of kind 8: save it as PNG"),
        (encode(np.dstack([GRAY, ALPHA]), "TIFF"), "is a TIFF with gray and other channels: save it as PNG"),
        (encode(GRAY.astype(np.float32), "TIFF"), "is a TIFF of signed or floating-point samples: save it as PNG"),
        (encode(RGB, "TIFF", compression="zstd"), "is a TIFF with compression of kind 50000: save it as PNG"),
        (encode(RGB, "TIFF", tiffinfo={254: 1}), "is a TIFF whose first page is only a preview"),
        (write_tiff(RGB.astype("<u2"), t284=2), "is a TIFF with 16 bits in a rare arrangement: save it as PNG"),
        (write_tiff(GRAY.astype("<u2"), t262=0), "is a TIFF with 16 bits in a rare arrangement: save it as PNG"),
        (write_tiff(GRAY, t258=1, t262=3), "is a TIFF with 1 bit a channel and colours: save it as PNG"),
        (write_tiff(GRAY, t258=12), "is a TIFF with 12 bits a channel: save it as PNG"),
        (write_tiff(np.dstack([RGBA, GRAY])), "is a TIFF with 5 channels: save it as PNG"),
        (encode(RGB, "JPEG2000"), "is a JPEG 2000 file, which isn't read: save it as JPEG or PNG"),
        (encode(Image.fromarray(GRAY).convert("1"), "PPM"), "is a PBM, PAM or text PNM file, which isn't read"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_decode_names_what_it_does_not_read(content: bytes, reason: str) -> None:
    with pytest.raises(ImageError) as caught:
        images.decode(content, "photo.tif")
    assert caught.value.reason.startswith(reason)


def test_decode_gives_the_same_in_many_threads() -> None:
    files = [
        *(encode(pixels, name) for pixels in (RGB, GRAY) for name in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "BMP")),
        *(encode(RGBA, name) for name in ("PNG", "WEBP", "TIFF", "AVIF", "GIF")),
    ]
    alone = [images.decode(content, "picture") for content in files]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda content: images.decode(content, "picture"), files * 20))
    for index, image_rgb in enumerate(together):
        np.testing.assert_array_equal(image_rgb, alone[index % len(files)])


@pytest.mark.photos
def test_load_reads_real_photos(photos_dir: Path) -> None:
    for path in sorted((photos_dir / "train" / "cats").glob("*.jpg"))[:20]:
        assert difference(path.read_bytes()) <= 1
        np.testing.assert_array_equal(images.load(path, (150, 150)), images.resize(images.read(path), (150, 150)))
