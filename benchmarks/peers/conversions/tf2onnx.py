"""Keras to ONNX as one does it by hand: ``python tf2onnx.py MODEL.keras MODEL.onnx``, in tf2onnx's environment."""

from __future__ import annotations

import sys

# This script's own folder comes first on the path, and holds a module of the same name.
sys.path.pop(0)

import keras
import tensorflow as tf
import tf2onnx


def main(source: str, target: str) -> None:
    """Convert one file."""
    model = keras.saving.load_model(source, compile=False)
    signature = [tf.TensorSpec([None, *model.input_shape[1:]], tf.uint8, name="image")]

    @tf.function(input_signature=signature)
    def forward(image: tf.Tensor) -> tf.Tensor:
        return model(image, training=False)

    tf2onnx.convert.from_function(forward, signature, opset=17, output_path=target)


if __name__ == "__main__":
    main(*sys.argv[1:])
