"""VGG16's convolutions with the normalisation inside, so that a model takes plain RGB pixels.

Simonyan & Zisserman 2015, arXiv:1409.1556; the weights are Keras's, converted from Caffe: they expect BGR with
ImageNet's channel means subtracted. The channel flip is folded into the first convolution's kernel; the mean
stays a subtraction, because zero padding comes after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tlx.core.weights.chain import LayerWeights, PretrainedWeights
from tlx.core.weights.layers import OWN_MODEL_LAYER
from tlx.export.frameworks import import_keras, prediction_jit

if TYPE_CHECKING:
    from tlx.core.recipes.recipe import Preprocessing

FIRST_CONVOLUTION = "block1_conv1"
IMAGENET_MEAN_RGB = (123.68, 116.779, 103.939)
MINIMUM_SIZE = 32
"""Five poolings leave one pixel of 32."""


def build_trunk(weights: PretrainedWeights, size_hw: tuple[int, int], preprocessing: Preprocessing) -> Any:
    """Build the convolutions, from pixels to ``block5_pool``, all frozen.

    Args:
        weights: The 13 convolutions as Keras keeps them (BGR order in the first).
        size_hw: Height and width of the input, at least 32 each.
        preprocessing: See :data:`tlx.core.recipes.recipe.Preprocessing`.

    Returns:
        A ``keras.Model`` from ``image`` (``uint8 [N, H, W, 3]``, RGB, 0–255) to ``float32 [N, H/32, W/32, 512]``.
    """
    keras = import_keras()
    image = keras.Input((*size_hw, 3), dtype="uint8", name="image")
    if preprocessing == "imagenet":
        offset = [-mean for mean in IMAGENET_MEAN_RGB]
        normalized = keras.layers.Rescaling(1.0, offset=offset, name=OWN_MODEL_LAYER)(image)
    else:
        normalized = keras.layers.Rescaling(1 / 255, name="rescale")(image)
    trunk = keras.applications.VGG16(include_top=False, weights=None, input_tensor=normalized)
    for name, layer in weights.layers.items():
        trunk.get_layer(name).set_weights([_with_channel_order(name, layer.kernel, preprocessing), layer.bias])
    trunk.trainable = False
    trunk.compile(jit_compile=prediction_jit())
    return trunk


def read_trunk_weights(model: Any, preprocessing: Preprocessing, name: str) -> PretrainedWeights:
    """Take the 13 convolutions back out of a trained model, in Keras's own channel order."""
    convolutions = [layer for layer in model.layers if layer.name.startswith("block") and layer.weights]
    layers = {}
    for layer in convolutions:
        kernel, bias = (np.asarray(value, np.float32) for value in layer.get_weights())
        layers[layer.name] = LayerWeights(kernel=_with_channel_order(layer.name, kernel, preprocessing), bias=bias)
    return PretrainedWeights.from_layers(name, layers)


def _with_channel_order(name: str, kernel: Any, preprocessing: Preprocessing) -> Any:
    """Flip the first kernel's input channels (RGB ↔ BGR) where the recipe feeds what ImageNet's weights expect.

    The book's regime feeds RGB to the weights as they are, and so do we there.
    """
    flip = name == FIRST_CONVOLUTION and preprocessing == "imagenet"
    return np.ascontiguousarray(kernel[:, :, ::-1, :]) if flip else kernel
