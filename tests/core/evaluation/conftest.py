"""Fixtures of the tests of tlx.core.evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tlx.core.runs import Run


@pytest.fixture(scope="session")
def tiny_run_onnx(tiny_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of ``tiny_run`` as a model file, without the gates of an export."""
    from tlx.contract import Contract, InputSpec
    from tlx.export.convert import convert
    from tlx.export.keras_model import load_keras_model
    from tlx.export.publish import sealed_bytes

    path = tmp_path_factory.mktemp("onnx") / "run.onnx"
    contract = Contract(labels=tiny_run.labels, input=InputSpec(size_hw=(32, 32)))
    path.write_bytes(sealed_bytes(convert(load_keras_model(tiny_run.model_path), (32, 32)), contract))
    return path
