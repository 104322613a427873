"""The demo's video, read back with OpenCV."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from tlx.demo.photographs import ROWS_OF_SPLIT, TILE_PIXELS, read_photographs
from tlx.demo.video import FRAME_PIXELS, FRAMES_PER_LABEL, glide, write_video
from tlx.errors import OutputError
from tlx.opencv import cv2


def test_glide_stays_within_the_test_strip_and_reaches_both_corners() -> None:
    picture = np.zeros((512, 512, 3), np.uint8)
    picture[ROWS_OF_SPLIT["test"]] = 255
    picture[384, 0] = picture[511, 511] = 7
    views = list(glide(picture))
    assert len(views) == FRAMES_PER_LABEL
    assert all(view.shape == (TILE_PIXELS, TILE_PIXELS, 3) and view.min() > 0 for view in views)
    assert (views[0][0, 0] == 7).all()
    assert (views[-1][-1, -1] == 7).all()


def test_video_holds_one_frame_for_each_label_in_order(tmp_path: Path) -> None:
    photographs = read_photographs()
    labels = write_video(photographs, tmp_path / "demo.avi")
    assert [label for label, _ in groupby(labels)] == list(photographs)
    capture = cv2.VideoCapture(str(tmp_path / "demo.avi"))
    frames = []
    while (frame := capture.read())[0]:
        frames.append(frame[1])
    capture.release()
    assert len(frames) == len(labels)
    assert {frame.shape for frame in frames} == {(FRAME_PIXELS, FRAME_PIXELS, 3)}
    # The three textures differ in brightness, so a frame under the wrong label would show.
    for label, photograph in photographs.items():
        of_label = [frame.mean() for frame, name in zip(frames, labels, strict=True) if name == label]
        assert np.mean(of_label) == pytest.approx(np.mean([view.mean() for view in glide(photograph)]), abs=3)


def test_video_in_a_missing_folder_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not exist"):
        write_video(read_photographs(), tmp_path / "nowhere" / "demo.avi")
