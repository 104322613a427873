"""Trained Keras models as tlx reads them: only standard layers, and nothing that the file holds as code."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tlx.errors import InputError, ModelFileError, TlxError
from tlx.export.frameworks import import_keras, prediction_jit
from tlx.export.keras_config import input_shape, last_activation, standard_config
from tlx.export.keras_file import KerasFile, open_keras_file
from tlx.export.keras_weights import load_named_weights

MAX_WEIGHTS_BYTES: Final = 2**31 - 2**20
"""What an ONNX file can hold."""
MAX_LAYER_NUMBERS: Final = 2**28
"""What one layer may give for one picture: 1 GiB; the largest of VGG16 at 150 x 150 has 1.4 million."""

_FLOAT_BYTES: Final = 4
_SUM_TOLERANCE: Final = 1e-3
_WITH_SOFTMAX: Final = (
    "not probabilities: save keras.Sequential([model, keras.layers.Softmax()]) and export that "
    "(for one unit: keras.layers.Activation('sigmoid'))"
)


@dataclass(frozen=True, slots=True)
class Described:
    """What a Keras file says of its model, found without building it.

    Attributes:
        shape: What it takes, the batch's axis first; None if the file doesn't say.
        activation: What gives its answer; see :func:`tlx.export.keras_config.last_activation`.
    """

    shape: list[int | None] | None
    activation: str


def describe_keras_file(path: Path) -> Described:
    """Read a file's configuration, without TensorFlow.

    Raises:
        ModelFileError: If it isn't a model of standard layers, or is a trap.
    """
    with open_keras_file(path) as file:
        config = standard_config(file.config, file.source)
    return Described(input_shape(config), last_activation(config))


def build_keras_model(path: Path) -> Any:
    """Build a model anew from a file's configuration and weights; all of it computes in float32.

    Args:
        path: A ``.keras`` or ``.h5`` file of Keras 2 or 3.

    Raises:
        ModelFileError: If it isn't a model of standard layers, is damaged, or is a trap.
    """
    with open_keras_file(path) as file:
        config = standard_config(file.config, file.source)
        _require_sane_size(config, file)
        model = _guarded(lambda: _built(config), file.source)
        _guarded(lambda: _load_weights(model, file), file.source)
    model.compile(jit_compile=prediction_jit())
    return model


def load_keras_model(path: Path) -> Any:
    """Load a model that tlx trained, with the data types that it was trained with.

    Args:
        path: A ``.keras`` file of tlx: ``image`` (``uint8 [N, H, W, 3]``, RGB, 0–255) to probabilities.

    Raises:
        ModelFileError: If it isn't one.
    """
    with open_keras_file(path) as file:
        config = standard_config(file.config, file.source)
        _require_sane_size(config, file)
    keras = import_keras()
    model = _guarded(lambda: keras.models.load_model(path, compile=False, safe_mode=True), str(path))
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


def require_probabilities(output: npt.NDArray[np.float32], path: Path) -> None:
    """Tell probabilities from other numbers.

    Args:
        output: ``[N, classes]``, what a model said of some pictures.
        path: Its file, for the errors.

    Raises:
        InputError: If they are no numbers, or no probabilities that add up to one.
    """
    if not np.isfinite(output).all():
        raise InputError(f"{path}: gives probabilities that are not numbers: its weights are broken")
    if output.min() < 0 or output.max() > 1:
        raise InputError(f"{path}: gives raw scores (logits), {_WITH_SOFTMAX}")
    if np.abs(output.sum(axis=1) - 1).max() > _SUM_TOLERANCE:
        raise InputError(
            f"{path}: its probabilities don't add up to 1, so it says of each label on its own whether it's there: "
            "expected a model that chooses one label (softmax, or sigmoid with one unit for two labels)"
        )


def refuse_raw_scores(described: Described, path: Path) -> None:
    """Tell a model that ends in raw scores before it's built.

    Raises:
        InputError: If its last layer has an activation that gives no probabilities.
    """
    if described.activation not in {"softmax", "sigmoid", ""}:
        raise InputError(f"{path}: ends in {described.activation!r}, which gives raw scores (logits), {_WITH_SOFTMAX}")


def _built(config: Mapping[str, Any]) -> Any:
    keras = import_keras()
    kind = keras.Sequential if config["class_name"] == "Sequential" else keras.Model
    # Keras empties what it's given.
    return kind.from_config(copy.deepcopy(config["config"]))


def _load_weights(model: Any, file: KerasFile) -> None:
    if file.kind == "named":
        load_named_weights(model, file.weights, file.source)
    else:
        model.load_weights(file.weights_path)


def _require_sane_size(config: Mapping[str, Any], file: KerasFile) -> None:
    """Ask for the sizes of all weights and results before any memory is taken for them."""

    def sizes() -> tuple[int, int]:
        keras = import_keras()
        with keras.StatelessScope(initialize_variables=False):
            model = _built(config)
        return sum(math.prod(weight.shape) for weight in model.weights), _largest_result(model)

    # What Keras meant to initialize later is remembered for each thread, and forgotten with it.
    with ThreadPoolExecutor(1) as pool:
        needed, largest = _guarded(lambda: pool.submit(sizes).result(), file.source)
    if needed * _FLOAT_BYTES > MAX_WEIGHTS_BYTES:
        raise ModelFileError(
            f"{file.source}: its layers take {needed:,} weights, "
            f"an ONNX file holds {MAX_WEIGHTS_BYTES // _FLOAT_BYTES:,}"
        )
    if needed > file.numbers:
        raise ModelFileError(
            f"{file.source}: its layers take {needed:,} weights, the file holds {file.numbers:,}: refused"
        )
    if largest > MAX_LAYER_NUMBERS:
        raise ModelFileError(
            f"{file.source}: one of its layers gives {largest:,} numbers for one picture, "
            f"the limit is {MAX_LAYER_NUMBERS:,}: refused"
        )


def _largest_result(model: Any) -> int:
    largest = 0
    for layer in model.layers:
        if hasattr(layer, "layers"):
            largest = max(largest, _largest_result(layer))
        shape = getattr(getattr(layer, "output", None), "shape", None) or ()
        largest = max(largest, math.prod(size for size in shape[1:] if size))
    return largest


def _guarded(work: Any, source: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Keras would advise the model's maker
            return work()
    except TlxError:
        raise
    # On a spoiled configuration Keras fails with whatever it stumbles over.
    except Exception as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelFileError(f"{source}: not a Keras model that can be loaded ({first_line[:200]})") from error
