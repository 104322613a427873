from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest

from tlx.runtime.capture.ring import MAX_PICTURE_BYTES, Ring


@pytest.fixture
def ends() -> Iterator[tuple[Ring, Ring]]:
    reader, file_fd = Ring.create()
    writer = Ring(file_fd, writable=True)
    os.close(file_fd)
    yield writer, reader
    writer.close()
    reader.close()


def picture(value: int, size_hw: tuple[int, int] = (40, 30)) -> npt.NDArray[np.uint8]:
    return np.full((*size_hw, 3), value, np.uint8)


def test_read_gives_a_picture_with_memory_of_its_own(ends: tuple[Ring, Ring]) -> None:
    writer, reader = ends
    writer.write(1, picture(7))
    first = reader.read(1, (40, 30))
    for number in range(2, 7):
        writer.write(number, picture(number * 10, (20, 50)))
    assert first is not None
    np.testing.assert_array_equal(first, picture(7))
    np.testing.assert_array_equal(reader.read(6, (20, 50)), picture(60, (20, 50)))


def test_read_refuses_a_picture_whose_slot_was_taken(ends: tuple[Ring, Ring]) -> None:
    writer, reader = ends
    for number in range(1, 6):
        writer.write(number, picture(number))
    assert reader.read(1, (40, 30)) is None
    assert reader.read(6, (40, 30)) is None  # not yet
    assert reader.read(2, (40, 30)) is not None


WRITER = """
import sys, time
import numpy as np
from tlx.runtime.capture.ring import Ring
ring = Ring(int(sys.argv[1]), writable=True)
pictures = [np.full((480, 640, 3), value, np.uint8) for value in range(17)]
end_s = time.monotonic() + 0.5
number = 0
while time.monotonic() < end_s:
    number += 1
    ring.write(number, pictures[number % 17])
"""


def test_read_never_mixes_two_pictures_while_another_process_writes() -> None:
    reader, file_fd = Ring.create()
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(file_fd)], pass_fds=(file_fd,))
    os.close(file_fd)
    whole = taken = 0
    while writer.poll() is None:
        newest = max(int(reader._slot(slot, (1, 1))[0][0]) for slot in range(4))
        number = max(1, newest - 3)  # the one to be overwritten next
        image_rgb = reader.read(number, (480, 640))
        if image_rgb is None:
            taken += newest > 0
        else:
            whole += 1
            assert image_rgb.min() == image_rgb.max() == number % 17
    assert writer.returncode == 0
    assert whole > 0
    assert taken > 0
    reader.close()


def test_ring_takes_memory_only_for_what_is_written() -> None:
    reader, file_fd = Ring.create()
    try:
        writer = Ring(file_fd, writable=True)
        writer.write(1, picture(1, (480, 640)))
        assert os.fstat(file_fd).st_blocks * 512 < 2 * 480 * 640 * 3
        writer.close()
    finally:
        reader.close()
        os.close(file_fd)


def test_ring_refuses_a_picture_larger_than_8k(ends: tuple[Ring, Ring]) -> None:
    with pytest.raises(ValueError, match="9000 x 9000"):
        ends[1].read(1, (9000, 9000))
    assert MAX_PICTURE_BYTES < 9000 * 9000 * 3
