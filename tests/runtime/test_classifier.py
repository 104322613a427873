from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tlx import images
from tlx.errors import ImageError, ModelFileError
from tlx.runtime.classifier import Classifier, decide, rank
from tlx.runtime.onnx_runtime import onnxruntime

if TYPE_CHECKING:
    import numpy.typing as npt
    import onnx
    from tests.tiny_models import ModelMaker

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


def plain(colour: tuple[int, int, int], size_hw: tuple[int, int] = (48, 64)) -> npt.NDArray[np.uint8]:
    return np.full((*size_hw, 3), colour, np.uint8)


def load(content: bytes, folder: Path) -> Classifier:
    path = folder / "model.onnx"
    path.write_bytes(content)
    return Classifier.load(path, device="cpu", threads=1)


@pytest.mark.parametrize(
    ("probabilities", "threshold", "expected"),
    [
        ((0.9, 0.1), 0.5, 0),
        ((0.1, 0.9), 0.5, 1),
        ((0.5, 0.5), 0.5, 1),  # from the threshold upwards it's the second
        ((0.3, 0.7), 0.8, 0),
        ((0.7, 0.3), 0.2, 1),
        ((1.0, 0.0), 0.0, 1),
        ((0.0, 1.0), 1.0, 1),
        ((0.2, 0.5, 0.3), 0.5, 1),
        ((0.4, 0.2, 0.4), 0.9, 0),  # more classes: the first of the likeliest, whatever the threshold
    ],
)
def test_decide(probabilities: tuple[float, ...], threshold: float, expected: int) -> None:
    assert decide(probabilities, threshold) == expected


@pytest.mark.parametrize(
    ("probabilities", "count", "expected"),
    [((0.2, 0.5, 0.3), 2, [1, 2]), ((0.2, 0.5, 0.3), 9, [1, 2, 0]), ((0.5, 0.5), 2, [0, 1])],
)
def test_rank(probabilities: tuple[float, ...], count: int, expected: list[int]) -> None:
    assert rank(probabilities, count) == expected


@pytest.mark.parametrize("name", COLOURS)
@pytest.mark.parametrize("size_hw", [(32, 32), (1, 1), (7, 300), (1080, 1920)])
def test_classify_names_the_colour_at_any_size(tiny_model: Path, name: str, size_hw: tuple[int, int]) -> None:
    prediction = Classifier.load(tiny_model).classify(plain(COLOURS[name], size_hw))
    assert prediction.label == name
    assert prediction.probability > 0.99
    assert prediction.probability == max(prediction.probabilities)
    assert sum(prediction.probabilities) == pytest.approx(1, abs=1e-5)


def test_classify_gives_what_plain_onnxruntime_gives_for_the_resized_pixels(tiny_model: Path) -> None:
    picture = np.random.default_rng(3).integers(0, 256, (100, 80, 3), dtype=np.uint8)
    plain_session = onnxruntime.InferenceSession(tiny_model, providers=["CPUExecutionProvider"])
    resized = images.resize(picture, (32, 32), "area")[np.newaxis]
    expected = plain_session.run(["probabilities"], {"image": resized})[0][0]
    assert Classifier.load(tiny_model).classify(picture).probabilities == pytest.approx(expected.tolist(), abs=1e-7)


def test_classify_batch_gives_the_same_as_one_by_one(tiny_model: Path) -> None:
    classifier = Classifier.load(tiny_model)
    generator = np.random.default_rng(5)
    pictures = [generator.integers(0, 256, (20 + n, 90 - n, 3), dtype=np.uint8) for n in range(7)]
    one_by_one = [classifier.classify(picture).probabilities for picture in pictures]
    together = [prediction.probabilities for prediction in classifier.classify_batch(pictures)]
    np.testing.assert_allclose(together, one_by_one, atol=1e-6)


def test_classify_batch_of_nothing_is_nothing(tiny_model: Path) -> None:
    assert Classifier.load(tiny_model).classify_batch([]) == []


def test_classify_is_safe_from_several_threads(tiny_model: Path) -> None:
    classifier = Classifier.load(tiny_model)
    pictures = [plain(colour) for colour in COLOURS.values()] * 30
    with ThreadPoolExecutor(8) as pool:
        labels = [prediction.label for prediction in pool.map(classifier.classify, pictures)]
    assert labels == list(COLOURS) * 30


def test_timing_tells_the_stages_apart(tiny_model: Path) -> None:
    classifier = Classifier.load(tiny_model)
    timing = classifier.classify(plain((9, 9, 9)), decode_ms=1.5).timing
    assert timing.decode_ms == 1.5
    assert timing.resize_ms > 0
    assert timing.inference_ms > 0
    assert classifier.classify(plain((9, 9, 9))).timing.decode_ms is None


def test_threshold_of_the_contract_decides_between_two_classes(make_model: ModelMaker, tmp_path: Path) -> None:
    even = plain((100, 100, 0))
    content = make_model(labels=["red", "green"], threshold=0.5)
    assert load(content, tmp_path).classify(even).label == "green"
    strict = load(make_model(labels=["red", "green"], threshold=0.6), tmp_path).classify(even)
    assert strict.label == "red"
    assert strict.probability == pytest.approx(0.5)


def test_classifier_tells_what_it_is(tiny_model: Path) -> None:
    classifier = Classifier.load(tiny_model, device="cpu", threads=1)
    assert classifier.contract.labels == list(COLOURS)
    assert len(classifier.sha256) == 64
    assert classifier.session.threads == 1


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 3), np.float32),
        np.zeros((1, 8, 8, 3), np.uint8),
        np.zeros((0, 8, 3), np.uint8),
    ],
    ids=lambda picture: f"{picture.dtype}{picture.shape}",
)
def test_classify_refuses_what_is_no_picture(tiny_model: Path, picture: npt.NDArray[np.uint8]) -> None:
    with pytest.raises(ImageError, match=r"expected uint8 \[H, W, 3\] RGB, received"):
        Classifier.load(tiny_model).classify(picture)


def other_input_name(model: onnx.ModelProto) -> None:
    model.graph.input[0].name = "pixels_in"
    model.graph.node[0].input[0] = "pixels_in"


def other_size(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 64


def other_type(model: onnx.ModelProto) -> None:
    from onnx import TensorProto

    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT8


def fixed_batch(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def second_input(model: onnx.ModelProto) -> None:
    from onnx import TensorProto, helper

    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))


def other_output_name(model: onnx.ModelProto) -> None:
    model.graph.output[0].name = "scores"
    model.graph.node[-1].output[0] = "scores"


def fewer_classes(model: onnx.ModelProto) -> None:
    from onnx import numpy_helper

    model.graph.initializer[1].CopyFrom(numpy_helper.from_array(np.eye(3, 2, dtype=np.float32), "weights"))
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (other_input_name, r"input must be image uint8 \[N, 32, 32, 3\], received pixels_in uint8"),
        (other_size, r"received image uint8 \[N, 64, 32, 3\]"),
        (other_type, r"received image int8 \[N, 32, 32, 3\]"),
        (fixed_batch, r"received image uint8 \[1, 32, 32, 3\]"),
        (second_input, r"received image .* and more float \[1\]"),
        (other_output_name, r"output must be probabilities float \[N, 3\], received scores"),
        (fewer_classes, r"received probabilities float \[N, 2\]"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_load_refuses_a_graph_that_does_not_keep_its_contract(
    make_model: ModelMaker, tmp_path: Path, change: Callable[[onnx.ModelProto], None], reason: str
) -> None:
    with pytest.raises(ModelFileError, match=f"doesn't keep its contract: .*{reason}"):
        load(make_model(change=change), tmp_path)


def fewer_classes_than_the_graph_tells(model: onnx.ModelProto) -> None:
    from onnx import helper, numpy_helper

    model.graph.node[-1].output[0] = "all"
    model.graph.node.append(helper.make_node("Compress", ["all", "kept"], ["probabilities"], axis=1))
    model.graph.initializer.append(numpy_helper.from_array(np.array([True, True, False]), "kept"))
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_param = "C"


def without_softmax(model: onnx.ModelProto) -> None:
    model.graph.node[-1].op_type = "Identity"
    del model.graph.node[-1].attribute[:]
    scale_weights(model, 1.0)


def not_a_number(model: onnx.ModelProto) -> None:
    scale_weights(model, float("nan"))


def scale_weights(model: onnx.ModelProto, factor: float) -> None:
    from onnx import numpy_helper

    # The warm-up picture is black: the weights alone wouldn't show.
    weights = np.full((3, 3), factor, np.float32)
    model.graph.initializer[1].CopyFrom(numpy_helper.from_array(weights, "weights"))


def test_load_refuses_an_output_of_another_width(make_model: ModelMaker, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"output must be \(1, 3\), received \(1, 2\)"):
        load(make_model(change=fewer_classes_than_the_graph_tells), tmp_path)


def test_load_refuses_a_model_that_gives_nan(make_model: ModelMaker, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="numbers that are no probabilities"):
        load(make_model(change=not_a_number), tmp_path)


def test_classify_refuses_numbers_that_are_no_probabilities(make_model: ModelMaker, tmp_path: Path) -> None:
    classifier = load(make_model(change=without_softmax), tmp_path)
    with pytest.raises(ModelFileError, match="numbers that are no probabilities"):
        classifier.classify(plain((200, 0, 0)))
