"""What a view of a photo costs, and how sharp it is, against other ways to make one.

Cost, in turn, so that a change of the machine's speed hits all alike: one view from the decoded photo; the plain
resize; Keras's layers RandomFlip, RandomRotation, RandomTranslation and RandomZoom with the same ranges, called and
compiled, on batches of ready (resized) arrays. Sharpness: the spectral power of views that are turned, shifted,
sheared and zoomed by the book's ranges, over that of the exact area average (each pixel's own footprint in the
decoded photo).

    python benchmarks/augmentation.py ../shared/data/cats_dogs --photos 200

Prints one JSON object; ``--output FILE`` also writes it.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from suite.output import deliver
from tlx.core.augmentation import BOOK, DEFAULT, Augmentation, Change, ViewKey, change_for
from tlx.core.views import render, view_of
from tlx.images import PHOTO_SUFFIXES, read, resize
from tlx.runtime import environment

SIZE_HW = (150, 150)
BATCH = 32
ROUNDS = 10
EXACT = 8  # samples along each axis of a pixel
BANDS = ((0.05, 0.15), (0.15, 0.25), (0.25, 0.35), (0.35, 0.5))  # cycles a pixel

Image = npt.NDArray[np.uint8]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path, help="folder of photos, with or without subfolders")
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    paths = sorted(path for path in arguments.data.rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES)
    paths = [path for path in paths if "test" not in path.relative_to(arguments.data).parts]
    images_rgb = [read(path) for path in paths[:: max(1, len(paths) // arguments.photos)][: arguments.photos]]
    result = {
        "benchmark": "augmentation",
        "photos": len(images_rgb),
        "size_hw": SIZE_HW,
        "ms_per_view": measure_cost(images_rgb[: max(BATCH, len(images_rgb) // BATCH * BATCH)]),
        "spectral_power_over_exact": {"bands_cycles_per_pixel": BANDS, **measure_sharpness(images_rgb)},
        "environment": environment.describe(),
    }
    deliver(result, arguments.output)


def measure_cost(images_rgb: Sequence[Image]) -> dict[str, dict[str, float]]:
    """Milliseconds a view of each way: median and best of the rounds."""
    resized = np.stack([resize(image_rgb, SIZE_HW) for image_rgb in images_rgb])
    layers = keras_layers()
    compiled = compile_layers(layers)

    def views(augmentation: Augmentation) -> None:
        for place, image_rgb in enumerate(images_rgb):
            view_of(image_rgb, ViewKey(0, str(place), 1), augmentation=augmentation, size_hw=SIZE_HW)

    def keras_views(chain: Callable[[Image], Any]) -> None:
        for start in range(0, len(resized), BATCH):
            chain(resized[start : start + BATCH])

    ways: dict[str, Callable[[], Any]] = {
        "view, book": lambda: views(BOOK),
        "view, default": lambda: views(DEFAULT),
        "plain resize": lambda: [resize(image_rgb, SIZE_HW) for image_rgb in images_rgb],
        "keras layers, book": lambda: keras_views(lambda batch: np.asarray(layers(batch, training=True))),
        "keras layers, book, compiled": lambda: keras_views(compiled),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(-1, ROUNDS):
        for name, way in ways.items():
            started_s = time.perf_counter()
            way()
            if number >= 0:
                seconds[name].append(time.perf_counter() - started_s)
    per_view = 1e3 / len(images_rgb)
    return {
        name: {"median": statistics.median(times) * per_view, "best": min(times) * per_view}
        for name, times in seconds.items()
    }


def keras_layers() -> Any:
    """Keras's own layers with the book's ranges (they have no shear of this kind)."""
    import keras

    share = BOOK.rotation_degrees / 360
    return keras.Sequential(
        [
            keras.layers.RandomFlip("horizontal"),
            keras.layers.RandomRotation(share, fill_mode="nearest"),
            keras.layers.RandomTranslation(BOOK.height_shift, BOOK.width_shift, fill_mode="nearest"),
            keras.layers.RandomZoom((-BOOK.zoom, BOOK.zoom), (-BOOK.zoom, BOOK.zoom), fill_mode="nearest"),
        ]
    )


def compile_layers(layers: Any) -> Callable[[Image], Any]:
    """The same as one TensorFlow graph."""
    import tensorflow as tf

    graph = tf.function(lambda batch: layers(tf.cast(batch, tf.float32), training=True))
    return lambda batch: graph(batch).numpy()


def measure_sharpness(images_rgb: Sequence[Image]) -> dict[str, dict[str, list[float]]]:
    """Power in each band over the exact one's, geometric mean over photos, large and small ones apart."""
    ways: dict[str, Callable[[Image, Change], Image]] = {
        "view": lambda image, change: render(image, change, size_hw=SIZE_HW),
        "resized, then warped": lambda image, change: render(
            resize(image, SIZE_HW), change, size_hw=SIZE_HW, resize="bilinear"
        ),
        "warped from the full photo": lambda image, change: render(image, change, size_hw=SIZE_HW, resize="bilinear"),
    }
    large = [min(image_rgb.shape[:2]) >= 2 * max(SIZE_HW) for image_rgb in images_rgb]
    logs: dict[str, list[npt.NDArray[np.float64]]] = {name: [] for name in ways}
    geometry = dataclasses.replace(BOOK, horizontal_flip=False)
    for place, image_rgb in enumerate(images_rgb):
        change = change_for(ViewKey(0, str(place), 1), geometry)
        exact = power(exact_view(image_rgb, change))
        for name, way in ways.items():
            logs[name].append(np.log(power(way(image_rgb, change)) / exact))
    return {
        name: {
            "photos of twice the size and more": ratios(logs[name], large),
            "smaller photos": ratios(logs[name], [not one for one in large]),
        }
        for name in ways
    }


def exact_view(image_rgb: Image, change: Change) -> npt.NDArray[np.float64]:
    """The mean colour of each pixel's footprint, by many nearest samples."""
    height, width = SIZE_HW
    samples = render(image_rgb, change, size_hw=(height * EXACT, width * EXACT), resize="nearest")
    return np.asarray(samples.reshape(height, EXACT, width, EXACT, 3).mean((1, 3)))


def power(image_rgb: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Spectral power of the picture's green in each of :data:`BANDS`."""
    green = image_rgb[..., 1].astype(np.float64)
    height, width = green.shape
    window = np.outer(np.hanning(height), np.hanning(width))
    spectrum = np.abs(np.fft.fft2((green - green.mean()) * window)) ** 2
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :])
    return np.array([spectrum[(radius >= low) & (radius < high)].sum() + 1e-9 for low, high in BANDS])


def ratios(logs: Sequence[npt.NDArray[np.float64]], wanted: Sequence[bool]) -> list[float]:
    """The geometric means over the wanted photos."""
    chosen = [log for log, want in zip(logs, wanted, strict=True) if want]
    return [round(float(value), 3) for value in np.exp(np.mean(chosen, axis=0))] if chosen else []


if __name__ == "__main__":
    main()
