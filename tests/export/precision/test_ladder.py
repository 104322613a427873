from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest

from tlx.errors import InputError
from tlx.export.precision.calibration import Calibration
from tlx.export.precision.calibration_photos import CalibrationPhotos
from tlx.export.precision.ladder import Candidate, PrecisionChoice, candidates, make
from tlx.export.precision.targets import TARGETS

INT8 = (
    "int8 minmax",
    "int8 percentile",
    "int8 entropy",
    "int8 minmax, first and last layer fp32",
    "int8 percentile, first and last layer fp32",
)


@pytest.mark.parametrize(
    ("precision", "target", "names"),
    [
        ("fp32", "vnni", ()),
        ("fp32", "cuda", ()),
        ("int8", "vnni", INT8),
        ("int8", "avx2", INT8),  # asked for by name: made, and the gates say whether it's faster
        ("int8", "cuda", INT8),
        ("fp16", "cuda", ("fp16",)),
        ("fp16", "vnni", ("fp16",)),
        ("auto", "vnni", INT8),
        ("auto", "avx2", INT8),
        ("auto", "arm64", INT8),
        ("auto", "cuda", ("fp16",)),
    ],
)
def test_candidates_in_their_order(precision: PrecisionChoice, target: str, names: tuple[str, ...]) -> None:
    assert tuple(candidate.name for candidate in candidates(precision, TARGETS[target])) == names


@pytest.mark.parametrize("candidate", candidates("int8", TARGETS["avx2"]), ids=lambda candidate: candidate.name)
def test_each_int8_candidate_is_made_and_recorded(
    candidate: Candidate,
    network: Any,
    calibration: Calibration,
    pictures_rgb: npt.NDArray[np.uint8],
    predict: Any,
) -> None:
    made = make(candidate, network, calibration, TARGETS["avx2"])
    np.testing.assert_allclose(predict(made.proto, pictures_rgb), predict(network, pictures_rgb), atol=0.05)
    record = made.quantization
    assert record is not None
    assert (record.method, record.activations, record.reduce_range) == (candidate.method, "uint8", True)
    assert (record.photos, record.photos_from) == (30, "colours")
    assert bool(record.kept_float) == candidate.keep_outermost
    weights = {node.name: node.input[1] for node in made.proto.graph.node if len(node.input) > 1}
    types = {tensor.name: tensor.data_type for tensor in made.proto.graph.initializer}
    assert all(types[weights[name]] == onnx.TensorProto.FLOAT for name in record.kept_float)
    assert len(record.kept_float) in {0, 2}


def test_methods_and_kept_layers_make_a_difference(network: Any, calibration: Calibration) -> None:
    target = TARGETS["vnni"]
    minmax, percentile, entropy, minmax_kept, percentile_kept = (
        make(candidate, network, calibration, target).proto.SerializeToString()
        for candidate in candidates("int8", target)
    )
    assert len({minmax, percentile, entropy}) == 3
    assert minmax != minmax_kept
    assert percentile != percentile_kept


def test_fp16_needs_no_photos(network: Any) -> None:
    nothing = Calibration(network, CalibrationPhotos([], (32, 32), "area", "nowhere"))
    made = make(Candidate("fp16"), network, nothing, TARGETS["cuda"])
    assert made.quantization is None
    assert any(tensor.data_type == onnx.TensorProto.FLOAT16 for tensor in made.proto.graph.initializer)
    with pytest.raises(InputError, match="--calibrate"):
        make(Candidate("int8", "minmax"), network, nothing, TARGETS["cuda"])


def test_photos_are_read_once_a_kind_of_method(network: Any, photo_files: list[Path], tmp_path: Path) -> None:
    files = [Path(shutil.copy(file, tmp_path / f"{number}.jpg")) for number, file in enumerate(photo_files[:3])]
    calibration = Calibration(network, CalibrationPhotos(files, (32, 32), "area", "copies"))
    target = TARGETS["vnni"]
    minmax, percentile, entropy, minmax_kept, percentile_kept = candidates("int8", target)
    make(minmax, network, calibration, target)
    make(percentile, network, calibration, target)
    for file in files:
        file.unlink()
    for candidate in (entropy, minmax_kept, percentile_kept):
        made = make(candidate, network, calibration, target)
        assert made.quantization is not None
        assert made.quantization.photos == 3
