"""Reading a picture's file: what isn't a readable file of a fair size gives one ImageError."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tlx import images
from tlx.errors import ImageError


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.new("RGB", (24, 18), "red").save(path)
    return path


def test_read_bytes_gives_the_file_as_it_is(photo: Path) -> None:
    assert images.read_bytes(photo) == photo.read_bytes()
    np.testing.assert_array_equal(images.read(photo), np.full((18, 24, 3), (255, 0, 0), np.uint8))


def test_decode_keeps_to_a_lower_limit_of_the_environment(photo: Path) -> None:
    code = "import sys; from pathlib import Path; from tlx import images; images.read(Path(sys.argv[1]))"
    environment = {**os.environ, "OPENCV_IO_MAX_IMAGE_PIXELS": "100", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code, str(photo)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert run.stderr.splitlines()[-1].startswith(f"tlx.errors.ImageError: {photo}: can't be decoded (")


def test_read_refuses_too_many_bytes(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(images.MAX_FILE_BYTES + 1)
    with pytest.raises(ImageError) as caught:
        images.read(path)
    assert str(caught.value) == f"{path}: has 268,435,457 bytes, the limit is 268,435,456"


@pytest.mark.timeout(20)
def test_read_says_what_stands_in_the_place_of_a_file(tmp_path: Path) -> None:
    pipe, missing, loop = tmp_path / "pipe.jpg", tmp_path / "missing.jpg", tmp_path / "loop.jpg"
    os.mkfifo(pipe)
    loop.symlink_to(loop)
    expected = {
        tmp_path: "is a folder, not a picture",
        missing: "does not exist",
        pipe: "is not a regular file",
        Path("/dev/zero"): "is not a regular file",
        loop: "can't be read (Too many levels of symbolic links)",
        tmp_path / ("x" * 300): "can't be read (File name too long)",
        tmp_path / "nul\0.jpg": "can't be read (embedded null byte)",
        missing / "below": "does not exist",
    }
    opened = len(list(Path("/proc/self/fd").iterdir()))
    for path, reason in expected.items():
        with pytest.raises(ImageError) as caught:
            images.read(path)
        assert caught.value.reason == reason
    assert len(list(Path("/proc/self/fd").iterdir())) == opened


def test_read_says_that_a_file_is_not_readable() -> None:
    # Root may read everything, so the test is somebody else for a moment; the folder of pytest is root's own.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "secret.jpg"
        Image.new("RGB", (24, 18)).save(path)
        path.chmod(0)
        Path(folder).chmod(0o755)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        try:
            with pytest.raises(ImageError) as caught:
                images.read(path)
        finally:
            os.seteuid(user)
        assert str(caught.value) == f"{path}: can't be read (Permission denied)"
