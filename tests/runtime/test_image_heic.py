"""HEIC with the extra, and without it."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from tlx import images
from tlx.errors import ImageError

pillow_heif = pytest.importorskip("pillow_heif", reason="the extra 'heic' isn't installed")

ROWS, COLUMNS = np.mgrid[:66, :90]
RGB = np.dstack([COLUMNS * 2, ROWS * 3, 255 - COLUMNS - ROWS]).astype(np.uint8)
ALPHA = (COLUMNS * 2).astype(np.uint8)
LOSSLESS = -1


def encode(picture: Image.Image, *, orientation: int = 1, quality: int = LOSSLESS) -> bytes:
    file, block = io.BytesIO(), Image.Exif()
    block[0x0112] = orientation
    heif = pillow_heif.from_pillow(picture)
    heif.info["exif"] = block.tobytes()  # pillow_heif turns it into HEIC's own rotation and mirror
    heif.save(file, quality=quality, chroma=444)
    return file.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_decode_turns_heic_upright(mode: str, orientation: int) -> None:
    picture = Image.fromarray(RGB).convert(mode)
    tag = Image.Exif()
    tag[0x0112] = orientation
    plain = io.BytesIO()
    picture.save(plain, "PNG", exif=tag)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(plain)).convert("RGB"))
    image_rgb = images.decode(encode(picture, orientation=orientation), "photo.heic")
    assert image_rgb.shape == expected.shape
    assert np.abs(image_rgb.astype(int) - expected).max() <= 3
    assert image_rgb.dtype == np.uint8
    assert image_rgb.flags.c_contiguous
    assert image_rgb.flags.owndata


def test_decode_composites_heic_on_white() -> None:
    picture = Image.fromarray(np.dstack([RGB, ALPHA]))
    white = Image.new("RGBA", picture.size, "white")
    expected = np.asarray(Image.alpha_composite(white, picture).convert("RGB"))
    assert np.abs(images.decode(encode(picture), "photo.heic").astype(int) - expected).max() <= 3


def test_decode_scales_deep_heic() -> None:
    file = io.BytesIO()
    deep = (RGB.astype("<u2") * 257).tobytes()
    pillow_heif.from_bytes(mode="RGB;16", size=(90, 66), data=deep).save(file, quality=LOSSLESS, chroma=444)
    image_rgb = images.decode(file.getvalue(), "photo.heic")
    assert np.abs(image_rgb.astype(int) - RGB).max() <= 3


def test_decode_refuses_heic_cut_at_every_tenth_or_ending_in_zeros() -> None:
    content = encode(Image.effect_noise((90, 66), 60).convert("RGB"), quality=80)
    assert images.decode(content, "photo.heic").shape == (66, 90, 3)
    cuts = [content[: len(content) * tenth // 10] for tenth in range(1, 10)]
    cuts += [content[:-1], content[:-2], content[: len(content) // 2] + bytes(len(content) - len(content) // 2)]
    for cut in cuts:
        with pytest.raises(ImageError) as caught:
            images.decode(cut, "photo.heic")
        assert str(caught.value) == "photo.heic: is truncated or damaged"


def test_decode_refuses_heic_with_too_many_pixels() -> None:
    content = bytearray(encode(Image.fromarray(RGB)))
    at = content.index(b"ispe") + 8
    content[at : at + 8] = struct.pack(">II", 40000, 40000)
    with pytest.raises(ImageError, match="has 40000x40000 pixels"):
        images.decode(bytes(content), "photo.heic")


def test_decode_gives_a_picture_or_an_error_for_changed_heic() -> None:
    content = encode(Image.fromarray(RGB), quality=50)
    random = np.random.default_rng(0)
    outcomes = set()
    for _ in range(300):
        damaged = bytearray(content)
        for place in random.integers(0, len(content), 3):
            damaged[place] = random.integers(256)
        try:
            image_rgb = images.decode(bytes(damaged), "photo.heic")
        except ImageError:
            outcomes.add("error")
        else:
            outcomes.add("picture")
            assert image_rgb.shape[2:] == (3,)
    assert outcomes == {"error", "picture"}


def test_without_the_extra_one_line_names_it(tmp_path: Path) -> None:
    (tmp_path / "pillow_heif.py").write_text("raise ImportError('shadowed by a test')\n")
    photo = tmp_path / "photo.heic"
    photo.write_bytes(encode(Image.fromarray(RGB)))
    code = "import sys; from pathlib import Path; from tlx import images; images.read(Path(sys.argv[1]))"
    search_path = os.pathsep.join([str(tmp_path), *sys.path])
    run = subprocess.run(
        [sys.executable, "-c", code, str(photo)],
        env={**os.environ, "PYTHONPATH": search_path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.stderr.splitlines()[-1] == (
        f"tlx.errors.ImageError: {photo}: is a HEIC picture, which needs the extra 'heic': "
        "run pip install 'tlx-edge[heic]'"
    )
