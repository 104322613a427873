"""A graph that asks for all memory is an error of one line; each case in a process whose memory is limited."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tlx.runtime.engine_memory import share_of_memory

if TYPE_CHECKING:
    import onnx
    from tests.tiny_models import ModelMaker

GIB = 2**30
LOAD = """
import resource, sys
from tlx.errors import TlxError
from tlx.runtime.classifier import Classifier
from tlx.runtime.engine_memory import limit_memory
from tlx.runtime.onnx_runtime import onnxruntime
limit_memory(onnxruntime.SessionOptions(), 2**28)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    try:
        Classifier.load(path, device="cpu")
    except TlxError as error:
        print(error)
    else:
        print("loaded")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize(
    ("machine", "group", "expected"),
    [(8 * GIB, None, 6 * GIB), (8 * GIB, 2 * GIB, 3 * GIB // 2), (None, 4 * GIB, 3 * GIB), (None, None, None)],
)
def test_share_of_memory_is_three_quarters_of_what_is_known(
    machine: int | None, group: int | None, expected: int | None
) -> None:
    assert share_of_memory(machine, group) == expected


def grown(model: onnx.ModelProto, operator: str) -> None:
    """Put something between the pixels and the rest that needs half a gigabyte or more."""
    from onnx import helper, numpy_helper

    side = 20_000
    constants: dict[str, np.ndarray[Any, Any]] = {
        "row": np.ones((1, side, 1, 1), np.float32),
        "column": np.ones((side, 1, 1, 1), np.float32),
        "shape": np.array([side, side, 1, 1], np.int64),
        "one": np.ones((1, 1, 1, 1), np.float32),
        "pads": np.array([0, 2_000_000, 0, 0] * 2, np.int64),
    }
    model.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in constants.items())
    nodes = {
        "Mul": helper.make_node("Mul", ["row", "column"], ["big"]),
        "Expand": helper.make_node("Expand", ["one", "shape"], ["big"]),
        "Tile": helper.make_node("Tile", ["one", "shape"], ["big"]),
        "ConstantOfShape": helper.make_node("ConstantOfShape", ["shape"], ["big"]),
        "Concat": helper.make_node("Concat", ["pixels"] * 40_000, ["big"], axis=1),
        "Pad": helper.make_node("Pad", ["pixels", "pads"], ["big"]),
    }
    old = list(model.graph.node)
    del model.graph.node[:]
    sum_ = helper.make_node("ReduceSum", ["big"], ["sum"], keepdims=0)
    model.graph.node.extend([old[0], nodes[operator], sum_, helper.make_node("Add", ["pixels", "sum"], ["more"])])
    old[1].input[0] = "more"
    model.graph.node.extend(old[1:])


def test_graphs_that_grow_at_run_time_are_errors_and_the_next_model_still_loads(
    make_model: ModelMaker, tiny_model: Path, tmp_path: Path
) -> None:
    operators = ["Mul", "Expand", "Tile", "ConstantOfShape", "Concat", "Pad"]
    paths = []
    for operator in operators:
        path = tmp_path / f"{operator}.onnx"
        path.write_bytes(make_model(change=partial(grown, operator=operator)))
        paths.append(str(path))
    command = [sys.executable, "-c", LOAD, *paths, str(tiny_model)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    *lines, grown_kib = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    for file, operator, line in zip(paths, operators, lines[:-1], strict=True):
        assert line.startswith(f"{file}: failed while running ("), line
        assert operator in line
        assert "memory" in line
    assert lines[-1] == "loaded"
    assert int(grown_kib) < 2**19
    assert done.stderr == ""
