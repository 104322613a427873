"""Trained Keras models as tlx reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tlx.errors import ModelFileError
from tlx.export.frameworks import import_keras, prediction_jit


def load_keras_model(path: Path) -> Any:
    """Load a whole Keras model; nothing that the file holds as code is executed.

    Args:
        path: A ``.keras`` file of tlx: ``image`` (``uint8 [N, H, W, 3]``, RGB, 0–255) to probabilities.

    Raises:
        ModelFileError: If it isn't one.
    """
    keras = import_keras()
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelFileError(f"{path}: not a Keras model that can be loaded ({first_line[:200]})") from error
    model.compile(jit_compile=prediction_jit())
    return model


def class_probabilities(output: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Give one column a class: a single sigmoid column ``p`` becomes ``[1 - p, p]``.

    Args:
        output: ``[N, 1]`` or ``[N, classes]``.

    Returns:
        ``float32 [N, classes]``.
    """
    output = np.asarray(output, np.float32)
    return np.concatenate([1 - output, output], axis=1) if output.shape[1] == 1 else output
