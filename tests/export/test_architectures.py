"""Networks of other shapes than VGG16: they export, pass parity, classify, and carry nothing they don't need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

from tlx.export.exporter import ExportPlan, export_model
from tlx.export.foreign import KerasRequest, foreign_model
from tlx.export.frameworks import import_keras
from tlx.images import read
from tlx.runtime.classifier import Classifier

if TYPE_CHECKING:
    from tests.conftest import PhotoMaker

    from tlx.export.preprocessing import Claimed


def with_head(base: Any, pooling: Callable[[], Any]) -> Any:
    """Random weights, but batch normalisation's as after training: all different from zero and one."""
    keras = import_keras()
    random = np.random.default_rng(0)
    for layer in base.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 1.0, weight.shape) for weight in layer.get_weights()])
    # Small, as probabilities of exactly 0 and 1 would hide differences.
    initializer = keras.initializers.RandomNormal(stddev=0.01, seed=0)
    head = keras.layers.Dense(2, activation="softmax", kernel_initializer=initializer)
    return keras.Sequential([base, pooling(), head])


def mobilenet_v2() -> Any:
    keras = import_keras()
    base = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(64, 64, 3))
    return with_head(base, keras.layers.GlobalAveragePooling2D)


def mobilenet_v3() -> Any:
    """Hard swishes after convolutions, squeeze and excitation."""
    base = import_keras().applications.MobileNetV3Small(
        weights=None, include_top=False, input_shape=(64, 64, 3), include_preprocessing=False
    )
    return with_head(base, import_keras().layers.GlobalAveragePooling2D)


def resnet50() -> Any:
    keras = import_keras()
    base = keras.applications.ResNet50(weights=None, include_top=False, input_shape=(64, 64, 3))
    return with_head(base, keras.layers.Flatten)


EXPECTED = {
    # The first addition is the preprocessing's, the others join branches.
    mobilenet_v2: {"Cast": 1, "Add": 11, "Transpose": 1, "Conv": 52, "Clip": 35},
    # Nine blocks squeeze and excite: a pooling each.
    mobilenet_v3: {"Cast": 1, "Add": 25, "Transpose": 1, "Conv": 52, "Clip": 27, "Mul": 54, "Relu": 14},
    resnet50: {"Cast": 1, "Add": 17, "Transpose": 2, "Conv": 53, "Relu": 49, "MaxPool": 1},
}
HEADS = {
    mobilenet_v2: {"GlobalAveragePool": 1, "Squeeze": 1, "MatMul": 1, "Softmax": 1},
    mobilenet_v3: {"GlobalAveragePool": 10, "Squeeze": 1, "MatMul": 1, "Softmax": 1},
    resnet50: {"Reshape": 1, "MatMul": 1, "Softmax": 1},
}


@pytest.mark.parametrize(
    ("make", "claimed"),
    [(mobilenet_v2, "signed"), (mobilenet_v3, "signed"), pytest.param(resnet50, "imagenet", marks=pytest.mark.slow)],
)
def test_other_architectures_export_pass_parity_and_classify(
    make: Callable[[], Any], claimed: Claimed, tmp_path: Path, make_photos: PhotoMaker
) -> None:
    make_photos(tmp_path / "photos", {"blue": 3, "red": 3})
    make().save(tmp_path / "model.keras")
    photos = sorted((tmp_path / "photos").rglob("*.jpg"))
    request = KerasRequest(tmp_path / "model.keras", "blue,red", claimed, "bilinear", tmp_path / "photos")
    exported = export_model(foreign_model(request, ["blue", "red"], {}), tmp_path / "model.onnx", ExportPlan(photos))
    assert exported.parity is not None
    assert exported.parity.labels_equal == 6
    assert exported.parity.max_abs_difference <= 1e-5
    proto = onnx.load(tmp_path / "model.onnx")
    onnx.checker.check_model(proto, full_check=True)
    assert Counter(node.op_type for node in proto.graph.node) == {**EXPECTED[make], **HEADS[make]}
    prediction = Classifier.load(tmp_path / "model.onnx").classify(read(photos[0]))
    assert 0.01 < prediction.probability < 0.9999
