"""A batch that lies in the device's memory for TensorFlow, so that a call can be timed without transfers.

**Nobody has run TensorFlow on a GPU here: unverified**; on the CPU the same code runs, and the tests check its answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tlx.runtime.devices.held import Held
from tlx.runtime.timing.backends import Images


def hold_with(forward: Callable[[Any], Any]) -> Callable[[Images], Held]:
    """What :attr:`tlx.runtime.timing.backends.Backend.hold` is for a function of TensorFlow.

    Args:
        forward: From a tensor ``uint8 [N, H, W, 3]`` to one, such as a ``tf.function`` or a Keras model's call.
    """
    from tlx.export.frameworks import import_tensorflow
    from tlx.export.keras_model import class_probabilities

    tf = import_tensorflow()

    def hold(images: Images) -> Held:
        device = "GPU:0" if tf.config.list_logical_devices("GPU") else "CPU:0"
        with tf.device(device):
            # A constant may stay with the host; what is computed there lies there.
            lying = tf.identity(tf.constant(images))
        answers = [forward(lying)]

        def run() -> None:
            answers[0] = forward(lying)
            # TensorFlow's GPUs work on while the call has returned.
            tf.test.experimental.sync_devices()

        return Held(run, lambda: class_probabilities(answers[0].numpy()))

    return hold
