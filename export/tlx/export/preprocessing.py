"""What a network wants done to pixels before its first layer: once in NumPy, once inside the exported graph.

The two are written apart on purpose: the parity gate compares them.
"""

from __future__ import annotations

from typing import Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from tlx.export.frameworks import import_keras

Preprocessing = Literal["inside", "imagenet", "rescale", "signed", "none"]
"""``inside``: the network takes ``uint8`` pixels, as tlx trains it; the others are of :data:`Claimed`."""
Claimed = Literal["imagenet", "rescale", "signed", "none"]
"""What people's training code did to RGB pixels of 0 to 255.

``imagenet``: BGR with the means of ImageNet's channels subtracted (VGG16, ResNet50); ``rescale``: divided by 255 (the
book); ``signed``: scaled to between -1 and 1 (MobileNetV2, Xception, Inception); ``none``: left alone, because the
network does it itself.
"""
CLAIMS: Final[tuple[Claimed, ...]] = get_args(Claimed)

_MEAN_BGR: Final = (103.939, 116.779, 123.68)


def prepare(images_rgb: npt.NDArray[np.uint8], preprocessing: Preprocessing) -> npt.NDArray[Any]:
    """Prepare pictures in NumPy.

    Args:
        images_rgb: ``uint8 [N, H, W, 3]``, 0–255.
        preprocessing: What the network wants.

    Returns:
        ``float32`` of the same shape; with ``inside`` the pictures themselves.
    """
    if preprocessing == "inside":
        return images_rgb
    pixels = images_rgb.astype(np.float32)
    if preprocessing == "imagenet":
        return pixels[..., ::-1] - np.array(_MEAN_BGR, np.float32)
    if preprocessing == "rescale":
        return pixels / np.float32(255)
    if preprocessing == "signed":
        return pixels / np.float32(127.5) - np.float32(1)
    return pixels


def with_preprocessing(model: Any, size_hw: tuple[int, int], preprocessing: Preprocessing) -> Any:
    """Put the preprocessing before a network, so that it takes plain pixels.

    Args:
        model: A ``keras.Model`` from ``[N, H, W, 3]``.
        size_hw: The pictures' height and width.
        preprocessing: What the network wants.

    Returns:
        A ``keras.Model`` from ``uint8 [N, H, W, 3]``, RGB, 0–255; with ``inside`` the model itself.
    """
    if preprocessing == "inside":
        return model
    keras = import_keras()
    image = keras.Input((*size_hw, 3), dtype="uint8", name="image")
    scales: dict[Preprocessing, tuple[float, Any]] = {
        # The mean stays a subtraction, because zero padding comes after it.
        "imagenet": (1.0, [-mean for mean in reversed(_MEAN_BGR)]),
        "rescale": (1 / 255, 0.0),
        "signed": (1 / 127.5, -1.0),
        "none": (1.0, 0.0),
    }
    scale, offset = scales[preprocessing]
    pixels = keras.layers.Rescaling(scale, offset=offset, dtype="float32", name="tlx_pixels")(image)
    if preprocessing == "imagenet":
        # The flip doesn't stay: see tlx.export.folding.
        pixels = keras.ops.take(pixels, [2, 1, 0], axis=-1)
    wrapped = keras.Model(image, model(keras.ops.cast(pixels, model.inputs[0].dtype)), name="with_preprocessing")
    wrapped.compile(jit_compile=False)
    return wrapped
