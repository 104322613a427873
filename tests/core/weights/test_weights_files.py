"""Files that hold no weights: each gives one line with its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tlx.core.weights.chain import load_weights
from tlx.errors import WeightsError


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("text.h5", b"not weights", "expected an HDF5 file of Keras"),
        ("empty.h5", b"", "expected an HDF5 file of Keras"),
        ("text.keras", b"not weights", "expected a .keras file"),
        ("empty.keras", b"", "expected a .keras file"),
        ("text.onnx", b"not weights", "expected an ONNX file"),
        ("empty.onnx", b"", "layer block1_conv1 is missing"),
        ("weights.npz", b"", "expected a .h5, .hdf5, .keras or .onnx file, got '.npz'"),
        ("weights", b"", "expected a .h5, .hdf5, .keras or .onnx file, got 'weights'"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=message) as caught:
        load_weights(str(path))
    assert str(caught.value).startswith(f"{path}: ")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["missing.h5", "folder.h5", "Imagenet"])
def test_missing_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.h5").mkdir()
    with pytest.raises(WeightsError, match=f"{name}: no such file: name a .*, imagenet or none"):
        load_weights(str(tmp_path / name))
