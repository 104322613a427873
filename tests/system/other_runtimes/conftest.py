"""A model that was really trained and exported, at fp32 and int8, its pixels, and what tlx says of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest

from tlx.images import load
from tlx.runtime.classifier import Classifier

if TYPE_CHECKING:
    from tlx.core.runs import Run


@dataclass(frozen=True, slots=True)
class Case:
    """A model file and what tlx makes of some pictures with it.

    Attributes:
        model: The file.
        pixels: ``uint8 [N, H, W, 3]`` as a .npy file.
        photos: Where the pictures came from, in order.
    """

    model: Path
    pixels: Path
    photos: list[Path]
    labels: list[str]
    probabilities: npt.NDArray[np.float64]


@pytest.fixture(scope="session", params=["fp32", "int8"])
def case(
    request: pytest.FixtureRequest, fp32_model: Path, tiny_run: Run, tmp_path_factory: pytest.TempPathFactory
) -> Case:
    folder = tmp_path_factory.mktemp("case")
    photos = [photo.path for photo in (*tiny_run.photos("validation"), *tiny_run.photos("train"))]
    images_rgb = [load(photo, tiny_run.recipe.size_hw, "area") for photo in photos]
    np.save(folder / "pixels.npy", np.stack(images_rgb))
    model = fp32_model
    if request.param == "int8":
        model = folder / "int8.onnx"
        quantize(fp32_model, model, images_rgb)
    predictions = Classifier.load(model, device="cpu").classify_batch(images_rgb)
    labels = [prediction.label for prediction in predictions]
    assert set(labels) == {"blue", "red"}
    probabilities = np.array([prediction.probabilities for prediction in predictions])
    return Case(model, folder / "pixels.npy", photos, labels, probabilities)


@pytest.fixture(scope="session")
def fp32_model(tiny_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run as ``tlx export`` converts it; its gates are tested elsewhere."""
    from tlx.contract import Contract, InputSpec
    from tlx.export.convert import convert
    from tlx.export.keras_model import load_keras_model
    from tlx.export.publish import sealed_bytes

    size_hw = tiny_run.recipe.size_hw
    path = tmp_path_factory.mktemp("exported") / "fp32.onnx"
    proto = convert(load_keras_model(tiny_run.model_path), size_hw)
    path.write_bytes(sealed_bytes(proto, Contract(labels=["blue", "red"], input=InputSpec(size_hw=size_hw))))
    return path


def quantize(model: Path, output: Path, images_rgb: list[npt.NDArray[np.uint8]]) -> None:
    """Static int8: QDQ, weights by channel, unsigned activations; sealed again."""
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    from tlx.export.publish import sealed_bytes
    from tlx.runtime.model_file import ModelFile

    class Photos(CalibrationDataReader):  # type: ignore[misc] # ONNX Runtime is untyped
        def __init__(self) -> None:
            self._left: Iterator[npt.NDArray[np.uint8]] = iter(images_rgb)

        def get_next(self) -> dict[str, Any] | None:
            image_rgb = next(self._left, None)
            return None if image_rgb is None else {"image": image_rgb[np.newaxis]}

    prepared = output.with_name("prepared.onnx")
    quant_pre_process(model, prepared, skip_symbolic_shape=True)
    types = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
    quantize_static(prepared, output, Photos(), quant_format=QuantFormat.QDQ, per_channel=True, **types)
    proto = onnx.load(output)
    used = {node.domain for node in proto.graph.node}
    imports = [entry for entry in proto.opset_import if entry.domain in used]
    del proto.opset_import[:]
    proto.opset_import.extend(imports)
    contract = ModelFile.read(model).contract.model_copy(update={"precision": "int8"})
    output.write_bytes(sealed_bytes(proto, contract))
