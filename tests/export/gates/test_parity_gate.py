"""The parity gate on real files and real processes: what is broken on the way from Keras to the file is caught."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tlx.contract import Contract, InputSpec, ResizeSpec
from tlx.errors import GateError, InputError
from tlx.export.convert import convert
from tlx.export.frameworks import import_keras, seed_everything
from tlx.export.parity import ParityPlan, SideResult, compare_sides, run_side
from tlx.export.publish import sealed_bytes
from tlx.images import read

SIZE_HW = (20, 24)
CONTRACT = Contract(labels=["blue", "red"], input=InputSpec(size_hw=SIZE_HW))


@pytest.fixture(scope="module")
def keras_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    seed_everything(3)
    keras = import_keras()
    image = keras.Input((*SIZE_HW, 3), dtype="uint8", name="image")
    tensor = keras.layers.Rescaling(1 / 255)(image)
    tensor = keras.layers.Conv2D(8, 3, activation="relu", name="convolution")(tensor)
    tensor = keras.layers.GlobalMaxPooling2D()(tensor)
    model = keras.Model(image, keras.layers.Dense(2, activation="softmax")(tensor))
    path = tmp_path_factory.mktemp("keras") / "model.keras"
    model.save(path)
    return path


@pytest.fixture(scope="module")
def plan(keras_file: Path, colour_photos: Path) -> ParityPlan:
    photos = sorted((colour_photos / "validation").rglob("*.jpg"))
    return ParityPlan(keras_file, SIZE_HW, "area", photos, 1e-4, 0.5, labels=CONTRACT.labels)


@pytest.fixture(scope="module")
def keras_side(plan: ParityPlan) -> SideResult:
    return run_side("keras", plan, plan.keras_model)


@pytest.fixture(scope="module")
def graph(keras_file: Path) -> Any:
    return convert(import_keras().models.load_model(keras_file, compile=False), SIZE_HW)


def change_kernel(proto: Any, change: Callable[[Any], Any]) -> None:
    kernel = next(tensor for tensor in proto.graph.initializer if len(tensor.dims) == 4)
    changed = np.ascontiguousarray(change(numpy_helper.to_array(kernel).copy()))
    kernel.CopyFrom(numpy_helper.from_array(changed, kernel.name))


def flip_a_bit(kernel: Any) -> Any:
    kernel.view(np.uint32)[0, 0, 1, 1] ^= 1 << 28  # in the exponent of one number
    return kernel


def spoil_a_weight(kernel: Any) -> Any:
    kernel[0, 0, 1, 1] = np.nan
    return kernel


def swap_red_and_blue(kernel: Any) -> Any:
    return kernel[:, ::-1]


def parity_of(path: Path, plan: ParityPlan, keras_side: SideResult) -> float:
    return compare_sides(plan, keras_side, run_side("onnx", plan, path)).max_abs_difference


def test_an_intact_file_passes_and_no_picture_is_made(
    plan: ParityPlan, keras_side: SideResult, graph: Any, tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(sealed_bytes(graph, CONTRACT))
    assert parity_of(path, replace(plan, picture=tmp_path / "worst.png"), keras_side) <= 1e-5
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]


@pytest.mark.parametrize("change", [flip_a_bit, swap_red_and_blue])
def test_a_broken_weight_and_swapped_colours_are_caught_and_shown(
    plan: ParityPlan, keras_side: SideResult, graph: Any, tmp_path: Path, change: Callable[[Any], Any]
) -> None:
    broken = onnx.ModelProto()
    broken.CopyFrom(graph)
    change_kernel(broken, change)
    path = tmp_path / "model.onnx"
    path.write_bytes(sealed_bytes(broken, CONTRACT))
    picture = tmp_path / "model.worst.png"
    with pytest.raises(GateError, match=r"parity failed: .*worst: .*\.jpg .*model\.worst\.png; nothing was published"):
        parity_of(path, replace(plan, picture=picture), keras_side)
    # Twelve photos in three rows of four.
    height, width, _ = read(picture).shape
    assert height > 3 * 200
    assert width > 4 * 200


def test_a_weight_that_is_no_number_is_caught(
    plan: ParityPlan, keras_side: SideResult, graph: Any, tmp_path: Path
) -> None:
    broken = onnx.ModelProto()
    broken.CopyFrom(graph)
    change_kernel(broken, spoil_a_weight)
    path = tmp_path / "model.onnx"
    path.write_bytes(sealed_bytes(broken, CONTRACT))
    with pytest.raises(GateError, match=r"parity failed: .*no probabilities.*nothing was published"):
        parity_of(path, plan, keras_side)


def test_another_resize_is_caught(plan: ParityPlan, keras_side: SideResult, graph: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    other = CONTRACT.model_copy(update={"resize": ResizeSpec(method="nearest")})
    path.write_bytes(sealed_bytes(graph, other))
    with pytest.raises(GateError, match=r"parity failed: .*largest difference"):
        parity_of(path, plan, keras_side)


def side(rows: list[list[float]], unreadable: dict[int, str] | None = None) -> SideResult:
    return SideResult(np.array(rows, np.float32), unreadable or {})


@pytest.mark.parametrize(
    ("keras", "onnx_runtime", "error", "message"),
    [
        (side([[0.5, 0.5]], {0: "damaged"}), side([[0.5, 0.5]]), GateError, "can't read the same photos"),
        (side([[0.5, 0.5]]), side([[0.5, 0.25, 0.25]]), GateError, "different numbers of classes"),
        (side([[0.5, 0.5]], {0: "damaged"}), side([[0.5, 0.5]], {0: "damaged"}), InputError, "none of the 1 photos"),
    ],
)
def test_sides_that_can_not_be_compared_are_refused(
    plan: ParityPlan, keras: SideResult, onnx_runtime: SideResult, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        compare_sides(replace(plan, photos=plan.photos[:1]), keras, onnx_runtime)
