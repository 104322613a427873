"""From a Keras model to an ONNX graph, by tf2onnx.

``keras.Model.export(format="onnx")`` fails with current versions (tensorflow-onnx#2348, #2329, #2319), so the
graph is traced from a ``tf.function`` with an explicit signature.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
from collections.abc import Iterator
from typing import Any

from tlx.contract import INPUT_NAME, OUTPUT_NAME
from tlx.errors import InputError
from tlx.export.frameworks import import_keras, import_tensorflow
from tlx.export.graph import simplify
from tlx.export.native_memory import eager_collection

OPSET = 17
MAX_OPSET = 18
"""tf2onnx 1.17 knows no newer."""
IR_VERSION = 8
"""ONNX Runtime back to 1.15 reads it."""


def convert(model: Any, size_hw: tuple[int, int], *, opset: int = OPSET) -> Any:
    """Convert a Keras classifier.

    Args:
        model: From ``uint8 [N, H, W, 3]`` to ``[N, 1]`` (sigmoid) or ``[N, classes]`` (softmax).
        size_hw: The input's height and width.
        opset: ONNX operator set, at most 18.

    Returns:
        A checked ``onnx.ModelProto`` from ``image`` (``uint8 [N, H, W, 3]``) to ``probabilities``
        (``float32 [N, classes]``, the sigmoid expanded), N free.

    Raises:
        InputError: If the opset is out of reach, or Keras doesn't run on TensorFlow.
    """
    if opset > MAX_OPSET:
        raise InputError(f"--opset {opset}: expected at most {MAX_OPSET}, the newest that tf2onnx converts to")
    backend = str(import_keras().backend.backend())
    if backend != "tensorflow":
        raise InputError(f"export goes by TensorFlow, and Keras runs on {backend} here: leave KERAS_BACKEND out")
    tf = import_tensorflow()
    import onnx

    signature = [tf.TensorSpec((None, *size_hw, 3), tf.uint8, name=INPUT_NAME)]

    @tf.function(input_signature=signature)  # type: ignore[untyped-decorator] # TensorFlow is untyped
    def probabilities(image: Any) -> Any:
        output = model(image, training=False)
        if output.shape[-1] == 1:
            output = tf.concat([1.0 - output, output], axis=-1)
        return tf.identity(output, name=OUTPUT_NAME)

    proto = _trace(probabilities, signature, opset)
    _name_ends(proto.graph)
    simplify(proto)
    proto.ir_version = IR_VERSION
    used = {node.domain for node in proto.graph.node}
    imports = [entry for entry in proto.opset_import if entry.domain in used]
    del proto.opset_import[:]
    proto.opset_import.extend(imports)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def _trace(function: Any, signature: list[Any], opset: int) -> Any:
    import tf2onnx

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    # It prints to stdout what concerns nobody who exports a model.
    with contextlib.redirect_stdout(io.StringIO()), _no_spare_copies(), _no_bias_of_one_number(), eager_collection():
        proto, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=opset)
    return proto


@contextlib.contextmanager
def _no_spare_copies() -> Iterator[None]:
    """Let an optimizer of tf2onnx that fails be an error.

    It would go on with a copy of the graph, which it makes before each of them: 2 GB for VGG16.
    """
    from tf2onnx.constants import ENV_TF2ONNX_CATCH_ERRORS

    kept = os.environ.get(ENV_TF2ONNX_CATCH_ERRORS)
    os.environ[ENV_TF2ONNX_CATCH_ERRORS] = "FALSE"
    try:
        yield
    finally:
        os.environ.pop(ENV_TF2ONNX_CATCH_ERRORS)
        if kept is not None:
            os.environ[ENV_TF2ONNX_CATCH_ERRORS] = kept


@contextlib.contextmanager
def _no_bias_of_one_number() -> Iterator[None]:
    """Keep tf2onnx from taking the number that a hard swish adds after a convolution for the convolution's bias.

    tf2onnx 1.17 asks such a constant for its largest axis, and fails because it has none (MobileNetV3).
    """
    from tf2onnx import optimizer
    from tf2onnx.optimizer.transpose_optimizer import TransposeOptimizer

    class Careful(TransposeOptimizer):  # type: ignore[misc] # tf2onnx is untyped
        def _add_handler(self, trans: Any, node: Any) -> Any:
            added = node.inputs[1]
            if added.is_const() and not added.get_tensor_value(as_list=False).shape:
                return self._handle_node_having_branches(trans, node)
            return super()._add_handler(trans, node)

    registered = optimizer._get_optimizers()  # noqa: SLF001 - from_function takes none of our own
    kept = registered["optimize_transpose"]
    registered["optimize_transpose"] = Careful
    try:
        yield
    finally:
        registered["optimize_transpose"] = kept


def _name_ends(graph: Any) -> None:
    """Give the output its name and both ends the batch axis ``N``."""
    (output,) = graph.output
    for node in graph.node:
        for place, name in enumerate(node.output):
            if name == output.name:
                node.output[place] = OUTPUT_NAME
        for place, name in enumerate(node.input):
            if name == output.name:
                node.input[place] = OUTPUT_NAME
    output.name = OUTPUT_NAME
    for end in (graph.input[0], output):
        end.type.tensor_type.shape.dim[0].dim_param = "N"
    del graph.value_info[:]
