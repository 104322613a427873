"""From an fp32 graph and the ranges of its layers to an int8 graph, by ONNX Runtime's quantizer.

The result is a graph of ONNX's own operators in the QDQ form: eight-bit weights with one scale a channel, and pairs of
QuantizeLinear and DequantizeLinear that say where numbers are narrow; engines fuse them into eight-bit layers.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from tlx.errors import InputError
from tlx.export.precision.parts import name_nodes, split
from tlx.export.precision.pixels import exact_ranges, find_pixel_path, take_pixels_as_they_are
from tlx.export.precision.targets import Target
from tlx.export.precision.thresholds import Range
from tlx.runtime.onnx_runtime import onnxruntime
from tlx.runtime.session import LOG_NOTHING, LOG_WARNINGS

MIN_OPSET: Final = 13
"""The first in which scales may differ from channel to channel."""

_LAYERS: Final = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_ARITHMETIC: Final = ("Add", "Mul", "Concat", "Relu", "Clip", "LeakyRelu")
_POOLS: Final = ("MaxPool", "AveragePool", "GlobalAveragePool")
_SHAPES: Final = ("Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Pad")
QUANTIZED_OPERATORS: Final = (*_LAYERS, *_ARITHMETIC, *_POOLS, *_SHAPES)
"""Those that engines compute in eight bits; a Softmax or Sigmoid would only lose digits."""


def prepare(proto: Any) -> Any:
    """What quantization needs first: layers merged (batch normalization, biases), shapes inferred, nodes named.

    Args:
        proto: An fp32 ``onnx.ModelProto``; stays as it is.

    Returns:
        Another one that computes the same.

    Raises:
        InputError: If its opset is too old.
    """
    import onnx
    from onnxruntime.quantization import quant_pre_process  # noqa: TID251 - loaded by tlx.runtime.onnx_runtime above

    opset = next(entry.version for entry in proto.opset_import if entry.domain in {"", "ai.onnx"})
    if opset < MIN_OPSET:
        raise InputError(f"--opset {opset}: int8 with a scale for each channel needs --opset {MIN_OPSET} or newer")
    with tempfile.TemporaryDirectory(prefix="tlx-quantize-") as folder, _quiet():
        source, target = Path(folder) / "fp32.onnx", Path(folder) / "prepared.onnx"
        source.write_bytes(proto.SerializeToString())
        # The symbolic kind of shape inference needs another package and finds nothing more in such networks.
        quant_pre_process(source, target, skip_symbolic_shape=True)
        prepared = onnx.load(target)
    _keep_imports_of(proto, prepared)
    name_nodes(prepared.graph)
    return prepared


def quantize_int8(
    prepared: Any, ranges: Mapping[str, Range], target: Target, *, kept_float: Collection[str] = ()
) -> Any:
    """Quantize a network.

    Args:
        prepared: From :func:`prepare`; stays as it is.
        ranges: By tensor, all that :func:`~tlx.export.precision.ranges.observed_tensors` names.
        target: Whose types to use.
        kept_float: Names of nodes that stay in fp32, beside everything before the first and after the last layer
            with weights.

    Returns:
        A checked ``onnx.ModelProto`` with the same input and output, opset and IR version.
    """
    import onnx
    from onnxruntime.quantization import (  # noqa: TID251 - loaded by tlx.runtime.onnx_runtime above
        CalibrationMethod,
        QDQQuantizer,
        QuantType,
        TensorData,
        TensorsData,
    )

    parts, pixels = split(prepared.graph), find_pixel_path(prepared.graph)
    copy = type(prepared)()
    copy.CopyFrom(prepared)
    found = {
        name: TensorData(lowest=np.array(part.low, np.float32), highest=np.array(part.high, np.float32))
        for name, part in exact_ranges(pixels, ranges).items()
    }
    with _quiet():
        quantizer = QDQQuantizer(
            copy,
            True,  # a scale for each channel
            target.reduce_range,
            QuantType.QInt8,
            {"uint8": QuantType.QUInt8, "int8": QuantType.QInt8}[target.activations],
            TensorsData(CalibrationMethod.MinMax, found),
            [],
            [*parts.front, *parts.end, *kept_float],
            list(QUANTIZED_OPERATORS),
            {"OpTypesToExcludeOutputQuantization": _float_outputs(prepared.graph, parts.compute[-1])},
        )
        quantizer.quantize_model()
        quantizer.model.topological_sort()
    result = quantizer.model.model
    _keep_imports_of(prepared, result)
    del result.graph.value_info[:]
    take_pixels_as_they_are(result, pixels)
    onnx.checker.check_model(result, full_check=True)
    return result


def _float_outputs(graph: Any, last: str) -> list[str]:
    """The operators that leave their result in float: the last dense layer's must not be rounded to 8 bits.

    Hidden dense layers are quantized all the same, where the next one takes its input. A convolution's result is
    large: it is quantized even if it's the last.
    """
    (operator,) = (node.op_type for node in graph.node if node.name == last)
    return [operator] if operator in {"Gemm", "MatMul"} else []


def _keep_imports_of(source: Any, result: Any) -> None:
    """ONNX Runtime's tools declare operator sets that no node uses, and add metadata of their own."""
    del result.opset_import[:]
    result.opset_import.extend(source.opset_import)
    result.ir_version = source.ir_version
    del result.metadata_props[:]
    result.metadata_props.extend(source.metadata_props)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """ONNX Runtime's tools print and log what concerns nobody who exports a model; errors are exceptions and pass."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    onnxruntime.set_default_logger_severity(LOG_NOTHING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(disabled)
        onnxruntime.set_default_logger_severity(LOG_WARNINGS)
