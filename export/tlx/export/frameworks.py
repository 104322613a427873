"""The one place that imports TensorFlow and Keras: quietly, and with a clear word where they are missing."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

from tlx.errors import MissingDependencyError
from tlx.runtime.processors import usable_processors

_INSTALL = "run \"pip install 'tlx-edge[train]'\""


def import_keras() -> Any:
    """Import Keras on its chosen backend (``KERAS_BACKEND``, TensorFlow if unset).

    Raises:
        MissingDependencyError: If Keras or its backend isn't installed.
    """
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if backend == "tensorflow":
        import_tensorflow()
    try:
        with _muted_stderr():
            import keras
    except (ImportError, ValueError) as error:
        if backend != "tensorflow":
            raise MissingDependencyError(
                f"KERAS_BACKEND={backend}: Keras can't use it here ({error}): install it, or leave KERAS_BACKEND out"
            ) from error
        raise MissingDependencyError(f"training and export need Keras and TensorFlow ({error}): {_INSTALL}") from error
    return keras


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and Keras on its backend."""
    keras = import_keras()
    # On another backend this imports TensorFlow as well, where it's installed.
    with _muted_stderr():
        keras.utils.set_random_seed(seed)


def prediction_jit() -> bool:
    """What ``compile(jit_compile=…)`` takes for a model that only predicts.

    XLA is TensorFlow's slower way on a CPU; JAX has no other that is fast.
    """
    return str(import_keras().backend.backend()) == "jax"


def import_tensorflow() -> Any:
    """Import TensorFlow and give it the processors that this process may use.

    Raises:
        MissingDependencyError: If TensorFlow isn't installed.
    """
    try:
        with _muted_stderr():
            import tensorflow as tf
    except ImportError as error:
        raise MissingDependencyError(f"training and export need TensorFlow ({error}): {_INSTALL}") from error
    # Its warnings are of how it works inside ("triggered tf.function retracing"); what fails is an exception.
    tf.get_logger().setLevel("ERROR")
    # TensorFlow counts the host's cores, which a container may not use. If its context already runs, whoever
    # started it has chosen.
    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(usable_processors())
    return tf


@contextlib.contextmanager
def _muted_stderr() -> Iterator[None]:
    """Drop what native code writes to stderr before its logging can be set (TensorFlow's greetings).

    Errors in Python are exceptions and pass.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    muted = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(muted, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(muted)
