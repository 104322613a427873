"""Preprocessing in NumPy, inside the graph, and in Keras's own functions: the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tlx.export.convert import convert
from tlx.export.frameworks import import_keras
from tlx.export.preprocessing import CLAIMS, Claimed, prepare, with_preprocessing

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 6, 8, 3), np.uint8)


def own_functions() -> dict[Claimed, Any]:
    applications = import_keras().applications
    return {
        "imagenet": applications.vgg16.preprocess_input,
        "rescale": lambda images: images * (1 / 255),
        "signed": applications.mobilenet_v2.preprocess_input,
        "none": lambda images: images,
    }


@pytest.mark.parametrize("claimed", CLAIMS)
def test_prepare_does_what_people_s_training_code_did(claimed: Claimed) -> None:
    prepared = prepare(IMAGES, claimed)
    assert prepared.dtype == np.float32
    np.testing.assert_allclose(prepared, own_functions()[claimed](IMAGES.astype(np.float32)), atol=1e-4)


@pytest.mark.parametrize("claimed", CLAIMS)
def test_with_preprocessing_does_what_prepare_does(claimed: Claimed) -> None:
    keras = import_keras()
    network = keras.Sequential([keras.Input((6, 8, 3)), keras.layers.Identity()])
    whole = with_preprocessing(network, (6, 8), claimed)
    np.testing.assert_allclose(np.asarray(whole(IMAGES)), prepare(IMAGES, claimed), atol=1e-4)


def test_inside_leaves_all_as_it_is() -> None:
    assert prepare(IMAGES, "inside") is IMAGES
    assert with_preprocessing("network", (6, 8), "inside") == "network"


def test_a_network_that_takes_whole_numbers_gets_them() -> None:
    keras = import_keras()
    image = keras.Input((6, 8, 3), dtype="uint8")
    network = keras.Model(image, keras.layers.Rescaling(1 / 255)(image))
    whole = with_preprocessing(network, (6, 8), "none")
    np.testing.assert_allclose(np.asarray(whole(IMAGES)), IMAGES / 255, atol=1e-6)


@pytest.mark.parametrize("padded", [False, True])
def test_the_flip_of_the_colours_leaves_no_node_behind(padded: bool) -> None:
    keras = import_keras()
    first = [keras.layers.ZeroPadding2D(1)] if padded else []
    head = [keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax")]
    layers = [keras.Input((6, 8, 3)), *first, keras.layers.Conv2D(2, 3, padding="same"), *head]
    proto = convert(with_preprocessing(keras.Sequential(layers), (6, 8), "imagenet"), (6, 8))
    operators = [node.op_type for node in proto.graph.node]
    assert operators[:4] == ["Cast", "Add", "Transpose", "Conv"]
    assert operators.count("Transpose") == 2  # one at the input, one before the flatten
    assert not {"Gather", "Pad", "Mul"} & set(operators)
