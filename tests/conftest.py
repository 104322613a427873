"""Fixtures that every part of the tests shares, and the option that makes certain skips failures."""

from __future__ import annotations

import gc
import os
import shutil
import sys
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pytest

if TYPE_CHECKING:
    from tests.browser import Browser
    from tests.display import Display
    from tests.keras_2_files import Keras2Writer
    from tests.tiny_models import ModelMaker

    from tlx.core.runs import Run
    from tlx.core.weights.chain import PretrainedWeights

# Also for tests that run ONNX Runtime without tlx: none of them reports to its maker.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

SHARED_PHOTOS = Path(__file__).resolve().parents[2] / "shared" / "data" / "cats_dogs"
# Tests that take one of these need what the marker names, marked or not.
MARKER_OF_FIXTURE = {"photos_dir": "photos", "browser": "browser", "display": "display"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--must-run",
        default="",
        metavar="MARKERS",
        help="comma-separated markers whose tests fail when they are skipped, as in photos,weights",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        named = {MARKER_OF_FIXTURE[name] for name in getattr(item, "fixturenames", ()) if name in MARKER_OF_FIXTURE}
        named |= {marker.name for marker in item.iter_markers()}
        required = sorted(named & set(item.config.getoption("--must-run").split(",")))
        if required:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            report.outcome = "failed"
            report.longrepr = f"skipped, but {required[0]!r} tests must run here: {reason.removeprefix('Skipped: ')}"
    return report


@pytest.fixture(scope="module", autouse=True)
def _no_leftover_networks() -> None:
    """Keras keeps what its models were traced into; a hundred networks of the tests would fill the memory.

    Before each module rather than after it: while a test is torn down, pytest still holds what it was given.
    """
    if keras := sys.modules.get("keras"):
        keras.utils.clear_session(free_memory=False)
    gc.collect()
    # What is left are imported packages: with TensorFlow's half a million objects each collection would take seconds.
    gc.freeze()


@pytest.fixture(scope="session")
def photos_dir() -> Path:
    """The real photos: ``{train,validation}/{cats,dogs}/*.jpg``."""
    if not SHARED_PHOTOS.is_dir():
        pytest.skip(f"the real photos are not here ({SHARED_PHOTOS.name} beside the checkout is absent)")
    return SHARED_PHOTOS


@pytest.fixture(scope="session")
def imagenet_weights() -> PretrainedWeights:
    """VGG16's ImageNet weights, fetched once into the user's cache. For tests marked ``weights``."""
    from tlx.core.weights.chain import load_weights
    from tlx.errors import WeightsError

    try:
        return load_weights("imagenet")
    except WeightsError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def make_model() -> ModelMaker:
    """Builds other models than :func:`tiny_model`."""
    from tests.tiny_models import build_tiny_model

    return build_tiny_model


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed model file with the labels red, green and blue for pictures of 32 x 32 pixels."""
    from tests.tiny_models import build_tiny_model

    path = tmp_path_factory.mktemp("models") / "tiny.onnx"
    path.write_bytes(build_tiny_model())
    return path


@pytest.fixture(scope="session")
def busy_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As :func:`tiny_model`, for 96 x 96 pixels, and many times slower."""
    from tests.tiny_models import build_tiny_model, work_harder

    path = tmp_path_factory.mktemp("models") / "busy.onnx"
    path.write_bytes(build_tiny_model(change=work_harder, size_hw=(96, 96)))
    return path


class PhotoMaker(Protocol):
    """Writes real photos; see :func:`write_colour_photos`."""

    def __call__(self, folder: Path, counts: dict[str, int], *, seed: int = ...) -> None: ...


def write_colour_photos(folder: Path, counts: dict[str, int], *, seed: int = 0) -> None:
    """Noisy JPEG photos, ``folder/<colour>/<n>.jpg``, of the colours that name their classes."""
    from PIL import Image

    colours = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200)}
    random = np.random.default_rng(seed)
    for label, count in counts.items():
        (folder / label).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            noise = random.normal(0, 30, (48, 64, 3))
            pixels = np.clip(np.array(colours[label]) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{number}.jpg", quality=90)


@pytest.fixture(scope="session")
def make_photos() -> PhotoMaker:
    """Writes noisy photos of plain colours."""
    return write_colour_photos


@pytest.fixture(scope="session")
def colour_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of two classes with explicit splits: 12 + 12 for training, 6 + 6 for validation."""
    folder = tmp_path_factory.mktemp("photos")
    write_colour_photos(folder / "train", {"blue": 12, "red": 12}, seed=1)
    write_colour_photos(folder / "validation", {"blue": 6, "red": 6}, seed=2)
    return folder


@pytest.fixture(scope="session")
def tiny_run(colour_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of the whole training on :func:`colour_photos`, with random weights at 32 x 32 pixels."""
    from tlx.core.recipes.presets import find_preset
    from tlx.core.training.train import TrainOptions, train

    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TLX_CACHE", str(cache))
        # Random weights on pixels up to 255 would give probabilities of exactly 0 and 1, which hide differences.
        recipe = replace(find_preset("features"), preprocessing="rescale").changed(epochs=5, size=32)
        options = TrainOptions(recipe, weights="none", runs_root=tmp_path_factory.mktemp("runs"))
        return train(colour_photos, options)


@pytest.fixture(scope="session")
def narrow_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of two classes with explicit splits: 40 + 40 for training, 12 + 12 for validation."""
    folder = tmp_path_factory.mktemp("narrow_photos")
    write_colour_photos(folder / "train", {"blue": 40, "red": 40}, seed=3)
    write_colour_photos(folder / "validation", {"blue": 12, "red": 12}, seed=4)
    return folder


@pytest.fixture(scope="session")
def narrow_run(tiny_run: Run, narrow_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of a network of VGG16's shape with few channels, which tells :func:`narrow_photos` apart."""
    from tests.core.narrow_networks import write_narrow_run

    return write_narrow_run(tmp_path_factory.mktemp("runs") / "narrow", tiny_run, narrow_photos)


@pytest.fixture(scope="session")
def write_keras_2() -> Keras2Writer:
    """Writes a Keras model in the layout of Keras 2.0.8."""
    from tests.keras_2_files import write_keras_2_file

    return write_keras_2_file


class VideoWriter(Protocol):
    """Writes a video of plain frames, 64 x 48 pixels, 10 a second."""

    def __call__(self, path: Path, colours_rgb: Sequence[tuple[int, int, int]], codec: str = ...) -> Path: ...


@pytest.fixture(scope="session")
def write_video() -> VideoWriter:
    """Writes a real video."""
    from tlx.opencv import cv2

    def write(path: Path, colours_rgb: Sequence[tuple[int, int, int]], codec: str = "MJPG") -> Path:
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 10, (64, 48))
        assert writer.isOpened()
        for colour in colours_rgb:
            writer.write(np.full((48, 64, 3), colour[::-1], np.uint8))
        writer.release()
        return path

    return write


class PhotoWriter(Protocol):
    """Writes a plain photo of 60 x 40 pixels; the suffix names the format."""

    def __call__(self, path: Path, colour_rgb: tuple[int, int, int] = ...) -> Path: ...


@pytest.fixture(scope="session")
def write_photo() -> PhotoWriter:
    """Writes one real photo."""
    from tlx.opencv import cv2

    def write(path: Path, colour_rgb: tuple[int, int, int] = (255, 0, 0)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), np.full((40, 60, 3), colour_rgb[::-1], np.uint8))
        return path

    return write


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A real browser."""
    found = filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    program = next(found, None)
    if program is None:
        pytest.skip("no browser is here (neither chromium nor google-chrome is on the path)")
    from tests.browser import Browser

    one = Browser(program, tmp_path_factory.mktemp("profile"))
    yield one
    one.close()


@pytest.fixture(scope="session")
def display(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Display]:
    """A display that nobody sees."""
    if not (shutil.which("Xvfb") and shutil.which("xdotool")):
        pytest.skip("no display is here (Xvfb and xdotool aren't on the path)")
    from tests.display import Display

    one = Display(tmp_path_factory.mktemp("display"))
    yield one
    one.close()
