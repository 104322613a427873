"""The one place that imports TensorFlow and Keras: quietly, and with a clear word where they are missing."""

from __future__ import annotations

import contextlib
import os
from types import ModuleType

from tlx.runtime.processors import default_threads

from tlx.errors import MissingDependencyError

_INSTALL = "run \"pip install 'tlx-edge[train]'\""


def import_keras() -> ModuleType:
    """Import Keras on its chosen backend (``KERAS_BACKEND``, TensorFlow if unset).

    Raises:
        MissingDependencyError: If Keras or its backend isn't installed.
    """
    # TensorFlow writes its greetings to stderr while it loads.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    try:
        import keras
    except ImportError as error:
        raise MissingDependencyError(f"training and export need Keras and TensorFlow ({error}): {_INSTALL}") from error
    if keras.backend.backend() == "tensorflow":
        import_tensorflow()
    return keras


def import_tensorflow() -> ModuleType:
    """Import TensorFlow and give it the processors that this process may use.

    Raises:
        MissingDependencyError: If TensorFlow isn't installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import tensorflow as tf
    except ImportError as error:
        raise MissingDependencyError(f"training and export need TensorFlow ({error}): {_INSTALL}") from error
    # TensorFlow counts the host's cores, which a container may not use. If its context already runs, whoever
    # started it has chosen.
    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(default_threads())
    return tf
