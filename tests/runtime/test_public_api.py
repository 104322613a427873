"""The surface that people's programs import, and the page that explains it."""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import tlx.runtime
from tlx.errors import ImageError
from tlx.runtime import Classifier

if TYPE_CHECKING:
    from tests.conftest import PhotoWriter, VideoWriter

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
SURFACE = [
    "Classifier",
    "DeviceError",
    "Frame",
    "ImageError",
    "InputError",
    "ModelFileError",
    "OpenSource",
    "Prediction",
    "SourceError",
    "State",
    "StateChange",
    "TlxError",
    "WatchedClassifier",
    "open_source",
]


def test_the_surface_is_this() -> None:
    assert tlx.runtime.__all__ == SURFACE
    assert [getattr(tlx.runtime, name).__name__ for name in SURFACE] == SURFACE
    assert set(SURFACE) <= set(dir(tlx.runtime))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = tlx.runtime.nothing


def test_importing_it_loads_nothing_heavy() -> None:
    code = (
        "import sys, tlx.runtime, tlx.runtime.environment;"
        "print({'numpy', 'cv2', 'onnxruntime', 'pydantic'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def examples() -> list[tuple[str, str]]:
    """Each runnable block with the heading above it."""
    found, heading = [], ""
    for match in re.finditer(r"^## ([^\n]+)$|^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL):
        heading = match[1] or heading
        if match[2]:
            found.append((heading, match[2]))
    return found


PRINTED = {
    "One picture": r"red 1\.0\n",
    "Your own OpenCV frames: mind the order of colours": r"red\n",
    "Folders and videos": (
        r"photos/broken\.jpg failed: .+\nphotos/green\.png None green\nphotos/red\.png None red\n"
        r"clip\.avi 0 blue\nclip\.avi 2 red\n"
    ),
    "Many threads": r"\['green', 'red'\]\n",
    "A new model under a running loop": r"(blue|green|red) [0-9a-f]{12}\n",
    "Errors": r"photos/red\.png: .+\n",
}


@pytest.fixture(scope="module")
def workplace(
    tiny_model: Path, write_photo: PhotoWriter, write_video: VideoWriter, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("workplace")
    (folder / "model.onnx").write_bytes(tiny_model.read_bytes())
    write_photo(folder / "photos" / "red.png", COLOURS["red"])
    write_photo(folder / "photos" / "green.png", COLOURS["green"])
    (folder / "photos" / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    write_video(folder / "clip.avi", [COLOURS["blue"], COLOURS["green"], COLOURS["red"]])
    return folder


def test_every_runnable_example_is_expected_here() -> None:
    assert [heading for heading, _ in examples()] == list(PRINTED)


@pytest.mark.parametrize(("heading", "code"), examples())
def test_the_examples_of_the_page_do_what_they_say(
    workplace: Path, heading: str, code: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(workplace)
    exec(compile(code, heading, "exec"), {"__name__": "example"})  # noqa: S102 - our own page
    printed = capsys.readouterr().out
    assert re.fullmatch(f"({PRINTED[heading]})+", printed), printed


def test_bgr_and_rgb_are_each_others_mirror(tiny_model: Path) -> None:
    classifier = Classifier.load(tiny_model, "cpu")
    picture = np.random.default_rng(4).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    picture[..., 2] //= 2
    expected = classifier.classify(picture).probabilities
    assert classifier.classify_bgr(np.ascontiguousarray(picture[..., ::-1])).probabilities == expected
    assert classifier.classify_bgr(picture[..., ::-1]).probabilities == expected
    assert classifier.classify_bgr(picture).probabilities != expected
    with pytest.raises(ImageError, match="expected uint8"):
        classifier.classify_bgr(np.zeros((5, 5), np.uint8))


def test_eight_threads_on_one_classifier_get_right_answers(tiny_model: Path) -> None:
    classifier = Classifier.load(tiny_model, "cpu", threads=2)
    names = [list(COLOURS)[number % 3] for number in range(402)]

    def ask(number: int) -> list[str]:
        size_hw = (20 + number % 7, 30 + number % 11)
        pictures = [np.full((*size_hw, 3), COLOURS[name], np.uint8) for name in names[number : number + 3]]
        match number % 3:
            case 0:
                return [classifier.classify(picture).label for picture in pictures]
            case 1:
                return [classifier.classify_bgr(picture[..., ::-1]).label for picture in pictures]
        return [prediction.label for prediction in classifier.classify_batch(pictures)]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(399))) == [names[number : number + 3] for number in range(399)]
