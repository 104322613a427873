"""int8 networks as ONNX Runtime makes, checks and runs them."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from tlx.errors import InputError
from tlx.export.precision.calibration import Calibration
from tlx.export.precision.calibration_photos import CalibrationPhotos
from tlx.export.precision.quantize import prepare, quantize_int8
from tlx.export.precision.targets import TARGETS
from tlx.runtime.classifier import Classifier

Pictures = npt.NDArray[np.uint8]
FromPictures = tuple[npt.NDArray[np.float32], Pictures]


@pytest.fixture(scope="module")
def fp32_and_pictures(network: Any, pictures_rgb: Pictures, predict: Any) -> FromPictures:
    """What the fp32 network says of the photos, and these."""
    return predict(network, pictures_rgb), pictures_rgb


@pytest.fixture
def temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def quantized(calibration: Calibration) -> Any:
    return quantize_int8(calibration.prepared, calibration.ranges("minmax"), TARGETS["vnni"])


def calibrated(network: Any, files: list[Path]) -> Calibration:
    return Calibration(network, CalibrationPhotos(files, (32, 32), "area", "colours"))


def constants_of(proto: Any) -> dict[str, Any]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}


def nodes_of(proto: Any, *operators: str) -> list[Any]:
    return [node for node in proto.graph.node if node.op_type in operators]


def maker_of(proto: Any, tensor: str) -> str:
    return next((node.op_type for node in proto.graph.node if tensor in node.output), "")


def operators_run(proto: Any, folder: Path) -> list[str]:
    """What ONNX Runtime makes of a graph."""
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    options.log_severity_level = 4
    ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return [node.op_type for node in onnx.load(folder / "optimized.onnx").graph.node]


@pytest.mark.parametrize("method", ["minmax", "percentile", "entropy"])
@pytest.mark.parametrize("target", ["vnni", "avx2", "arm64"])
def test_quantized_predictions_are_near_those_of_fp32(
    calibration: Calibration, fp32_and_pictures: FromPictures, predict: Any, method: Any, target: str
) -> None:
    expected, pictures_rgb = fp32_and_pictures
    proto = quantize_int8(calibration.prepared, calibration.ranges(method), TARGETS[target])
    got = predict(proto, pictures_rgb)
    assert expected.std(axis=0).max() > 0.1  # the photos differ
    np.testing.assert_allclose(got, expected, atol=0.05)
    assert np.abs(got - expected).max() > 1e-6
    np.testing.assert_allclose(predict(proto, pictures_rgb[:1]), got[:1], atol=1e-6)


def test_each_channel_of_a_convolution_has_a_scale_of_its_own(quantized: Any) -> None:
    constants = constants_of(quantized)
    convolutions = nodes_of(quantized, "Conv")
    assert len(convolutions) == 2
    makers = {name: node for node in quantized.graph.node for name in node.output}
    for node in convolutions:
        weights = makers[node.input[1]]
        assert weights.op_type == "DequantizeLinear"
        values, scales = constants[weights.input[0]], constants[weights.input[1]]
        assert values.dtype == np.int8
        assert scales.shape == (16,)
        assert len(np.unique(scales)) == 16
        assert np.abs(values).reshape(16, -1).max(axis=1).min() == 127  # each channel uses its whole range


@pytest.mark.parametrize(
    ("target", "activations", "largest"), [("vnni", np.uint8, 127), ("avx2", np.uint8, 64), ("arm64", np.int8, 127)]
)
def test_types_are_those_of_the_target(
    calibration: Calibration, target: str, activations: type[np.generic], largest: int
) -> None:
    proto = quantize_int8(calibration.prepared, calibration.ranges("minmax"), TARGETS[target])
    constants = constants_of(proto)
    assert {constants[node.input[2]].dtype for node in nodes_of(proto, "QuantizeLinear")} == {np.dtype(activations)}
    weights = [value for value in constants.values() if value.dtype == np.int8 and value.ndim > 1]
    assert len(weights) == 4
    assert max(int(np.abs(value.astype(int)).max()) for value in weights) == largest


def test_front_and_end_stay_in_float(quantized: Any) -> None:
    for operator in ("Cast", "Sub", "Transpose", "Softmax"):
        (node,) = nodes_of(quantized, operator)
        assert maker_of(quantized, node.input[0]) != "DequantizeLinear", operator
    (softmax,) = nodes_of(quantized, "Softmax")
    assert maker_of(quantized, softmax.input[0]) == "Gemm"  # its result isn't rounded to 8 bits


def test_kept_layers_are_float(
    calibration: Calibration, network: Any, pictures_rgb: Pictures, predict: Any, quantized: Any
) -> None:
    kept = ["conv1", nodes_of(calibration.prepared, "Gemm")[-1].name]
    proto = quantize_int8(calibration.prepared, calibration.ranges("minmax"), TARGETS["vnni"], kept_float=kept)
    types = {tensor.name: tensor.data_type for tensor in proto.graph.initializer}
    for node in nodes_of(proto, "Conv", "Gemm"):
        inputs = [maker_of(proto, name) for name in node.input[1:2]]
        if node.name in kept:
            assert types[node.input[1]] == TensorProto.FLOAT
        else:
            assert inputs == ["DequantizeLinear"]
    expected = predict(network, pictures_rgb)
    error, error_of_all = (np.abs(predict(p, pictures_rgb) - expected).mean() for p in (proto, quantized))
    assert error < error_of_all


@pytest.mark.parametrize("opset", [13, 17, 18])
def test_the_file_stays_an_ordinary_onnx_file(make_network: Any, photo_files: list[Path], opset: int) -> None:
    network = make_network(opset=opset)
    before = network.SerializeToString()
    calibration = calibrated(network, photo_files[:2])
    proto = quantize_int8(calibration.prepared, calibration.ranges("minmax"), TARGETS["vnni"])
    assert network.SerializeToString() == before
    assert [(entry.domain, entry.version) for entry in proto.opset_import] == [("", opset)]
    assert proto.ir_version == 8
    assert {node.domain for node in proto.graph.node} == {""}
    assert list(proto.metadata_props) == []
    onnx.checker.check_model(proto, full_check=True)
    for end, elem_type in ((proto.graph.input[0], TensorProto.UINT8), (proto.graph.output[0], TensorProto.FLOAT)):
        assert end.type.tensor_type.elem_type == elem_type
        assert end.type.tensor_type.shape.dim[0].dim_param == "N"
    assert (proto.graph.input[0].name, proto.graph.output[0].name) == ("image", "probabilities")


def test_the_engine_runs_it_in_eight_bits_throughout(quantized: Any, tmp_path: Path) -> None:
    run = operators_run(quantized, tmp_path)
    assert run.count("QLinearConv") == 2
    assert run.count("QGemm") == 2
    assert run.count("QLinearGlobalAveragePool") == 1
    assert run.count("QuantizeLinear") == 1  # the pixels, once
    assert not {"DequantizeLinear", "Conv", "Gemm", "MatMul", "Relu", "Clip"} & set(run)


def test_batch_normalization_is_merged_into_the_layer(
    make_network: Any, photo_files: list[Path], pictures_rgb: Pictures, predict: Any
) -> None:
    network = make_network(batch_norm=True)
    prepared = prepare(network)
    assert nodes_of(prepared, "BatchNormalization", "MatMul", "Add") == []
    expected = predict(network, pictures_rgb)
    np.testing.assert_allclose(predict(prepared, pictures_rgb), expected, atol=1e-5)
    calibration = calibrated(network, photo_files)
    proto = quantize_int8(calibration.prepared, calibration.ranges("minmax"), TARGETS["vnni"])
    np.testing.assert_allclose(predict(proto, pictures_rgb), expected, atol=0.05)


def residual_network() -> Any:
    """A block as in MobileNetV2: expanded, depthwise, projected, added; clipped at 6."""
    random = np.random.default_rng(1)
    shapes = {"w1": (8, 3, 3, 3), "w2": (24, 8, 1, 1), "w3": (24, 1, 3, 3), "w4": (8, 24, 1, 1), "w5": (8, 3)}
    weights = {name: random.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}
    scalars = {"unit": np.float32(1 / 127.5), "zero": np.float32(0), "six": np.float32(6)}
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], "cast", to=TensorProto.FLOAT),
        helper.make_node("Mul", ["pixels", "unit"], ["scaled"], "scale"),
        helper.make_node("Transpose", ["scaled"], ["nchw"], "transpose", perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["nchw", "w1"], ["c1"], "stem", strides=[2, 2], pads=[0, 0, 1, 1]),
        helper.make_node("Conv", ["c1", "w2"], ["c2"], "expand"),
        helper.make_node("Clip", ["c2", "zero", "six"], ["r2"], "clip2"),
        helper.make_node("Conv", ["r2", "w3"], ["c3"], "depthwise", group=24, pads=[1, 1, 1, 1]),
        helper.make_node("Clip", ["c3", "zero", "six"], ["r3"], "clip3"),
        helper.make_node("Conv", ["r3", "w4"], ["c4"], "project"),
        helper.make_node("Add", ["c1", "c4"], ["sum"], "add"),
        helper.make_node("GlobalAveragePool", ["sum"], ["pooled"], "gap"),
        helper.make_node("Flatten", ["pooled"], ["flat"], "flatten"),
        helper.make_node("MatMul", ["flat", "w5"], ["logits"], "dense"),
        helper.make_node("Softmax", ["logits"], ["probabilities"], "softmax", axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "residual",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", 32, 32, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 3])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in {**weights, **scalars}.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_branches_and_clips_stay_in_eight_bits(
    photo_files: list[Path], pictures_rgb: Pictures, predict: Any, tmp_path: Path
) -> None:
    network = residual_network()
    calibration = calibrated(network, photo_files)
    proto = quantize_int8(calibration.prepared, calibration.ranges("minmax"), TARGETS["vnni"])
    np.testing.assert_allclose(predict(proto, pictures_rgb), predict(network, pictures_rgb), atol=0.05)
    run = operators_run(proto, tmp_path)
    assert run.count("QLinearConv") == 4
    assert run.count("QLinearAdd") == 1
    assert run.count("QuantizeLinear") == 1
    assert not {"DequantizeLinear", "Conv", "Add", "MatMul", "Clip"} & set(run)


def test_a_published_file_loads_and_classifies(
    quantized: Any, seal_file: Any, pictures_rgb: Pictures, predict: Any, tmp_path: Path
) -> None:
    (tmp_path / "int8.onnx").write_bytes(seal_file(quantized))
    classifier = Classifier.load(tmp_path / "int8.onnx", device="cpu")
    found = classifier.classify(pictures_rgb[0]).probabilities
    np.testing.assert_allclose(found, predict(quantized, pictures_rgb[:1])[0], atol=1e-6)


def test_nothing_is_printed_logged_or_left_behind(
    network: Any,
    photo_files: list[Path],
    temporary_folder: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    calibration = calibrated(network, photo_files[:2])
    with caplog.at_level(logging.DEBUG):
        quantize_int8(calibration.prepared, calibration.ranges("percentile"), TARGETS["vnni"])
        assert capfd.readouterr() == ("", "")
        assert caplog.records == []
        assert list(temporary_folder.iterdir()) == []
        logging.getLogger("tlx").warning("logging works again")
    assert caplog.messages == ["logging works again"]


def test_an_old_opset_is_refused(make_network: Any) -> None:
    network = make_network(opset=13)
    network.opset_import[0].version = 12
    with pytest.raises(InputError, match=r"--opset 12: .* needs --opset 13 or newer"):
        prepare(network)
