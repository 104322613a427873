from __future__ import annotations

import subprocess
import sys
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
from tlx.export.precision.quantize import prepare
from tlx.export.precision.ranges import find_extremes, observed_tensors


def test_ranges_are_the_extremes_over_all_photos(calibration: Calibration, pictures_rgb: npt.NDArray[np.uint8]) -> None:
    ranges = calibration.ranges("minmax")
    probe = onnx.ModelProto()
    probe.CopyFrom(calibration.prepared)
    names = sorted(set(ranges) - {"c1", "c2", "d3"})
    probe.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    session = ort.InferenceSession(probe.SerializeToString(), providers=["CPUExecutionProvider"])
    for name, values in zip(names, session.run(names, {"image": pictures_rgb}), strict=True):
        assert ranges[name].low == pytest.approx(values.min(initial=0), rel=1e-5, abs=1e-3), name
        assert ranges[name].high == pytest.approx(values.max(initial=0), rel=1e-5, abs=1e-3), name
    assert {"nchw", "r1", "p1", "r2", "mean4", "mean2", "r3"} <= set(names)


def test_what_a_relu_cuts_off_has_the_range_of_the_relu(calibration: Calibration) -> None:
    told_by = observed_tensors(calibration.prepared)
    assert (told_by["c1"], told_by["c2"], told_by["r1"]) == ("r1", "r2", "r1")
    ranges = calibration.ranges("minmax")
    assert ranges["c1"] == ranges["r1"]
    assert ranges["c1"].low == 0


def test_methods_cut_differently(calibration: Calibration) -> None:
    widths = {
        method: np.array([part.high - part.low for part in calibration.ranges(method).values()])
        for method in ("minmax", "percentile", "entropy")
    }
    for method in ("percentile", "entropy"):
        assert (widths[method] <= widths["minmax"] * 1.001).all()
        assert (widths[method] < widths["minmax"] * 0.999).any()
    assert not np.allclose(widths["percentile"], widths["entropy"])


def test_unreadable_photos_change_nothing_but_the_count(
    network: Any, photo_files: list[Path], calibration: Calibration, tmp_path: Path
) -> None:
    files = [tmp_path / "gone.jpg", *photo_files]
    other = Calibration(network, CalibrationPhotos(files, (32, 32), "area", "colours"))
    for method in ("minmax", "entropy"):
        assert other.ranges(method) == calibration.ranges(method)
    assert other.photos_read == len(photo_files)


def test_progress_reaches_the_number_of_photos(network: Any, photo_files: list[Path]) -> None:
    told: list[tuple[str, int, int]] = []
    photos = CalibrationPhotos(photo_files[:6], (32, 32), "area", "colours")
    Calibration(network, photos, lambda *stage: told.append(stage)).ranges("percentile")
    assert told == [("calibrating", done, 6) for done in (4, 6, 1, 2, 3, 4, 5, 6)]


def test_values_that_overflow_are_an_error(network: Any, photo_files: list[Path]) -> None:
    broken = onnx.ModelProto()
    broken.CopyFrom(network)
    (weight,) = (tensor for tensor in broken.graph.initializer if tensor.name == "w2")
    weight.CopyFrom(numpy_helper.from_array(np.full((16, 16, 3, 3), 3e38, np.float32), "w2"))
    prepared = prepare(broken)
    photos = CalibrationPhotos(photo_files[:1], (32, 32), "area", "colours")
    with pytest.raises(InputError, match="too large for float32"):
        find_extremes(prepared, ["r1", "r2"], photos)


# One photo's values are about 0.5 MB here.
_MEMORY = """
import resource, sys
from pathlib import Path
import onnx
from tlx.export.precision.calibration import Calibration
from tlx.export.precision.calibration_photos import CalibrationPhotos

proto, photo = onnx.load(sys.argv[1]), Path(sys.argv[2])
def peak_mib(count):
    photos = CalibrationPhotos([photo] * count, (32, 32), "area", "photos")
    Calibration(proto, photos).ranges("entropy")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
few = peak_mib(100)
print(peak_mib(400) - few)
"""


def test_memory_does_not_grow_with_the_photos(network: Any, photo_files: list[Path], tmp_path: Path) -> None:
    onnx.save(network, tmp_path / "network.onnx")
    command = [sys.executable, "-c", _MEMORY, str(tmp_path / "network.onnx"), str(photo_files[0])]
    growth_mib = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    values_kib = 4 * 16 * (32 * 32 + 16 * 16 + 16 * 16) / 1024  # of the three largest tensors of one photo
    assert growth_mib < 300 * values_kib / 1024 / 4
