"""Inside a worker of the bench: how each kind of engine turns a batch of pictures into probabilities.

Imported by workers only, after they are on their processors: every library here starts threads when it loads.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tlx.bench.measures.keras_hold import hold_with
from tlx.errors import DeviceError
from tlx.runtime.timing import backends
from tlx.runtime.timing.backends import Backend, Images, Probabilities
from tlx.runtime.timing.protocol import Setup

_NO_TF32: Final = "computes float32 in full, as ONNX Runtime here; TensorFlow by itself rounds to TF32 on this GPU"


def build(setup: Setup) -> Backend:
    """Load the engine that a worker is asked for.

    Raises:
        TlxError: If its library is missing, its file can't be used, or its device isn't there.
    """
    return BUILDERS[setup.kind](setup)


def _keras_predict(setup: Setup) -> Backend:
    from tlx.export.keras_model import class_probabilities

    model, provider, note = _load_keras(setup)

    def infer(images: Images) -> Probabilities:
        return class_probabilities(model.predict(images, batch_size=len(images), verbose=0))

    return Backend(infer, provider, note)


def _keras_call(setup: Setup) -> Backend:
    from tlx.export.keras_model import class_probabilities

    model, provider, note = _load_keras(setup)

    def forward(images: Any) -> Any:
        return model(images, training=False)

    return Backend(lambda images: class_probabilities(forward(images).numpy()), provider, note, hold_with(forward))


def _keras_tf_function(setup: Setup) -> Backend:
    model, provider, note = _load_keras(setup)
    return _compiled(model, setup, provider, note)


def _keras_xla(setup: Setup) -> Backend:
    model, provider, note = _load_keras(setup)
    return _compiled(model, setup, provider, note, xla=True)


def _keras_mixed(setup: Setup) -> Backend:
    """As ``keras.tf_function``, in the 16 bits that its name ends in; weights and output stay in 32."""
    model, provider, note = _load_keras(setup)
    return _compiled(_in_policy(model, setup.kind.removeprefix("keras.")), setup, provider, note)


def _compiled(model: Any, setup: Setup, provider: str, note: str | None, *, xla: bool = False) -> Backend:
    from tlx.export.frameworks import import_tensorflow
    from tlx.export.keras_model import class_probabilities

    tf = import_tensorflow()
    signature = [tf.TensorSpec([setup.batch, *setup.size_hw, 3], tf.uint8)]

    @tf.function(input_signature=signature, jit_compile=xla)  # type: ignore[untyped-decorator]
    def forward(images: Any) -> Any:
        return model(images, training=False)

    return Backend(lambda images: class_probabilities(forward(images).numpy()), provider, note, hold_with(forward))


def _in_policy(model: Any, policy: str) -> Any:
    """The same model under one of Keras's policies for data types, as training computes in it."""
    from tlx.export.frameworks import import_keras

    keras = import_keras()
    last = model.layers[-1].name

    def copy(layer: Any) -> Any:
        changed = {} if layer.name == last else {"dtype": policy}
        return type(layer).from_config({**layer.get_config(), **changed})

    mixed = keras.models.clone_model(model, clone_function=copy)
    mixed.set_weights(model.get_weights())
    return mixed


def _load_keras(setup: Setup) -> tuple[Any, str, str | None]:
    """The model, where it runs, and what the user should know about that."""
    from tlx.export.frameworks import import_tensorflow
    from tlx.export.keras_model import load_keras_model

    tf = import_tensorflow()
    # Before its context runs; later changes, also by whoever loads the model, come too late.
    tf.config.threading.set_intra_op_parallelism_threads(setup.threads)
    # One layer at a time, as ONNX Runtime does it: a chain of layers has nothing to run side by side.
    tf.config.threading.set_inter_op_parallelism_threads(1)
    gpus = tf.config.list_physical_devices("GPU")
    if setup.device == "cpu":
        tf.config.set_visible_devices([], "GPU")
        gpus = []
    if setup.device not in {"auto", "cpu", "gpu"}:
        raise DeviceError(f"Keras has no device {setup.device}: leave Keras out with --keras none")
    if setup.device == "gpu" and not gpus:
        raise DeviceError("TensorFlow finds no GPU: run with --device cpu, or leave Keras out with --keras none")
    for gpu in gpus:
        # Several engines share it, and TensorFlow would take all of its memory.
        tf.config.experimental.set_memory_growth(gpu, True)
        # It rounds to ten bits: as ONNX Runtime is run, without.
        tf.config.experimental.enable_tensor_float_32_execution(enabled=False)
    tf.config.list_logical_devices()
    model = load_keras_model(Path(setup.model))
    assert tf.config.threading.get_intra_op_parallelism_threads() == setup.threads
    return (model, "cuda", _NO_TF32) if gpus else (model, "cpu", None)


BUILDERS: Final[dict[str, Callable[[Setup], Backend]]] = {
    "keras.predict": _keras_predict,
    "keras.call": _keras_call,
    "keras.tf_function": _keras_tf_function,
    "keras.xla": _keras_xla,
    "keras.mixed_bfloat16": _keras_mixed,
    "keras.mixed_float16": _keras_mixed,
    **backends.BUILDERS,
}
