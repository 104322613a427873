"""VGG16's convolutions out of an ONNX file, found by following its nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tlx.contract import CONTRACT_KEY
from tlx.core.weights.layers import Convolution, Layers, convolutions_by_order, read_layers
from tlx.errors import MissingDependencyError, WeightsError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import onnx

_OIHW_TO_HWIO = (2, 3, 1, 0)


def read_onnx(content: bytes) -> Layers:
    """Read the thirteen layers from an ONNX model.

    Args:
        content: The file's bytes.

    Raises:
        WeightsError: If it isn't ONNX, keeps its weights in another file, was exported by tlx, or doesn't hold
            VGG16's convolutions with constant float kernels.
        MissingDependencyError: If onnx isn't installed.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError  # comes with onnx
    except ImportError as error:
        raise MissingDependencyError("reading .onnx weights needs onnx: pip install 'tlx-edge[train]'") from error
    try:
        model = onnx.load_model_from_string(content)
    except DecodeError as error:
        raise WeightsError(f"expected an ONNX file, it can't be read as one ({error})") from error
    if any(entry.key == CONTRACT_KEY for entry in model.metadata_props):
        # The exporter folds the order of the colours into the first kernel, so it isn't the trained one any more.
        raise WeightsError("expected pretrained weights, this is an export of tlx: name its run with --from")
    try:
        return read_layers(convolutions_by_order(_convolutions(model.graph)))
    except (ValueError, TypeError) as error:
        raise WeightsError(f"a tensor in it is damaged ({error})") from error


def _convolutions(graph: onnx.GraphProto) -> list[Convolution]:
    """All convolutions with constant float weights, in the order of the nodes, which ONNX wants topological."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        for entry in node.attribute if node.op_type == "Constant" else ():
            if entry.name == "value":
                constants[node.output[0]] = entry.t
    found = []
    for number, node in enumerate((node for node in graph.node if node.op_type == "Conv"), start=1):
        kernel = constants.get(node.input[1])
        bias = constants.get(node.input[2]) if len(node.input) > 2 else None  # noqa: PLR2004 - data, kernel, bias
        if kernel is not None and _is_float(kernel):
            found.append(_convolution(f"convolution {number}", kernel, bias))
    return found


def _is_float(tensor: onnx.TensorProto) -> bool:
    return tensor.data_type in {tensor.FLOAT, tensor.FLOAT16, tensor.DOUBLE}


def _convolution(where: str, kernel: onnx.TensorProto, bias: onnx.TensorProto | None) -> Convolution:
    axes = _OIHW_TO_HWIO if len(kernel.dims) == len(_OIHW_TO_HWIO) else range(len(kernel.dims))

    def read() -> tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]:
        assert bias is not None, "a missing bias has been refused by its shape"
        return _values(kernel).transpose(_OIHW_TO_HWIO), _values(bias)

    return Convolution(
        where=where,
        kernel_shape=tuple(kernel.dims[axis] for axis in axes),
        bias_shape=None if bias is None else tuple(bias.dims),
        read=read,
    )


def _values(tensor: onnx.TensorProto) -> npt.NDArray[np.floating]:
    from onnx import numpy_helper

    if tensor.data_location == tensor.EXTERNAL:
        raise WeightsError("its weights lie in another file: expected an .onnx file that holds them itself")
    return numpy_helper.to_array(tensor)
