"""The range of every layer's values over the calibration photos, found in passes that keep no photo's values.

ONNX Runtime's own calibrators keep all values of all photos for the methods that need histograms
(onnxruntime#10503, #21979), drop values when they are told to keep fewer (``CalibMaxIntermediateOutputs``), and run
on all processors of the host. Here the first pass reduces each tensor to its two extremes inside the graph; the
second, only for those methods, counts values into bins between these extremes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tlx.contract import INPUT_NAME
from tlx.errors import InputError
from tlx.export.precision.calibration_photos import CalibrationPhotos
from tlx.export.precision.parts import split
from tlx.export.precision.thresholds import Histogram, Range
from tlx.progress import Progress, silent
from tlx.runtime.processors import usable_processors
from tlx.runtime.session import CPU_PROVIDER, create_engine

BINS: Final = 2048
BATCH: Final = 4
_STAGE: Final = "calibrating"
_ACTIVATIONS: Final = frozenset({"Relu", "Clip"})


def observed_tensors(prepared: Any) -> dict[str, str]:
    """Which tensors need a range.

    Args:
        prepared: An ``onnx.ModelProto`` with inferred shapes and named nodes.

    Returns:
        By each float tensor that a layer of the body takes or gives: the tensor that tells its range. It's another
        one in front of a ReLU or Clip, which quantization merges into the layer before.
    """
    import onnx

    graph = prepared.graph
    body = set(split(graph).body)
    floats = {
        info.name
        for info in (*graph.value_info, *graph.input, *graph.output)
        if info.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    } - {tensor.name for tensor in graph.initializer}
    users: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    needed = [name for node in graph.node if node.name in body for name in (*node.input, *node.output)]
    told_by: dict[str, str] = {}
    for name in needed:
        if name in floats:
            only = users[name][0] if len(users.get(name, ())) == 1 else None
            merged = only is not None and only.op_type in _ACTIVATIONS and only.input[0] == name
            told_by[name] = only.output[0] if merged and only is not None else name
    return told_by


def find_extremes(
    prepared: Any, tensors: Sequence[str], photos: CalibrationPhotos, progress: Progress = silent
) -> dict[str, Range]:
    """The smallest and the largest value of each tensor over all photos, and zero, which every layer must represent.

    Raises:
        InputError: If no photo can be read, or a tensor's values overflow.
    """
    from onnx import TensorProto, helper

    probe = _copy(prepared)
    for place, name in enumerate(tensors):
        for operator in ("ReduceMin", "ReduceMax"):
            result = f"{operator}__{place}"
            probe.graph.node.append(helper.make_node(operator, [name], [result], name=result, keepdims=0))
            probe.graph.output.append(helper.make_tensor_value_info(result, TensorProto.FLOAT, []))
    engine = _engine(probe)
    results = [f"{operator}__{place}" for place in range(len(tensors)) for operator in ("ReduceMin", "ReduceMax")]
    lows, highs = np.zeros(len(tensors)), np.zeros(len(tensors))
    done = 0
    for batch in photos.batches(BATCH):
        extremes = np.array(engine.run(results, {INPUT_NAME: batch}), np.float64).reshape(-1, 2)
        if not np.isfinite(extremes).all():
            raise InputError(
                "the network computes values that are too large for float32 on the calibration photos: it is broken"
            )
        lows, highs = np.minimum(lows, extremes[:, 0]), np.maximum(highs, extremes[:, 1])
        done += len(batch)
        progress(_STAGE, done, len(photos.files))
    return {name: Range(float(low), float(high)) for name, low, high in zip(tensors, lows, highs, strict=True)}


def find_histograms(
    prepared: Any, extremes: Mapping[str, Range], photos: CalibrationPhotos, progress: Progress = silent
) -> dict[str, Histogram]:
    """How often each tensor took which values over all photos.

    Args:
        prepared: The network that :func:`find_extremes` looked at.
        extremes: What it found.
        photos: The same photos.
        progress: Told of each photo.

    Raises:
        InputError: If no photo can be read.
    """
    from onnx import TensorProto, helper

    probe = _copy(prepared)
    own = {output.name for output in probe.graph.output}
    probe.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in extremes if name not in own
    )
    engine = _engine(probe)
    counts = {name: np.zeros(BINS, np.int64) for name in extremes}
    # One photo at a time: its values lie in memory, all tensors of them.
    for done, photo in enumerate(photos.batches(1), start=1):
        values = engine.run(list(extremes), {INPUT_NAME: photo})
        for (name, within), value in zip(extremes.items(), values, strict=True):
            counts[name] += count_values(value, within)
        progress(_STAGE, done, len(photos.files))
    return {name: Histogram(counts[name], within) for name, within in extremes.items()}


def count_values(values: npt.NDArray[np.float32], within: Range) -> npt.NDArray[np.int64]:
    """Count values into :data:`BINS` equal parts of a range; what lies outside counts at its end."""
    scale = BINS / (within.high - within.low) if within.high > within.low else 0.0
    places = ((values.reshape(-1) - np.float32(within.low)) * np.float32(scale)).astype(np.int32)
    return np.bincount(np.clip(places, 0, BINS - 1, out=places), minlength=BINS)


def _copy(proto: Any) -> Any:
    copy = type(proto)()
    copy.CopyFrom(proto)
    return copy


def _engine(proto: Any) -> Any:
    return create_engine(proto.SerializeToString(), (CPU_PROVIDER,), threads=usable_processors())
