"""Keras to LiteRT: ``python litert.py MODEL.keras MODEL.tflite``, in an environment with TensorFlow."""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import tensorflow as tf


def main(source: str, target: str) -> None:
    """Convert one file."""
    model = keras.saving.load_model(source, compile=False)
    Path(target).write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())


if __name__ == "__main__":
    main(*sys.argv[1:])
