"""One batch on several devices, as one device would compute it.

Under TensorFlow's distribution strategies Keras averages a device's loss over the device's own photos, and then over
the devices: where the shares are unequal, photos don't count the same. Its ``fit`` stops at such a batch if it comes
first, and its ``predict_on_batch`` gives the whole batch to every device. So batches are padded here to equal shares,
by rows that weigh nothing, and every photo counts the same wherever it is computed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tlx.export.frameworks import import_keras, import_tensorflow


def padded_places(count: int, devices: int) -> npt.NDArray[np.int64]:
    """Places of so many rows, with some of them again at the end, so that all devices get the same number."""
    return np.arange(count + -count % devices) % count


def share_tail(tail: Any) -> Any:
    """The same model with a training step that takes batches whose padding weighs nothing.

    Must be called within the strategy's scope.

    Args:
        tail: A ``keras.Model`` of one input and one output; its layers and variables are shared.

    Returns:
        A ``keras.Model`` for batches of ``(features, targets, weights)`` of equal shares: rows of weight 0 count
        neither in the loss nor in the metrics.
    """
    keras, tf = import_keras(), import_tensorflow()

    class SharedTail(keras.Model):  # type: ignore[misc,name-defined] # Keras is untyped
        def train_step(self, data: tuple[Any, Any, Any]) -> dict[str, Any]:
            features, targets, weights = data
            real = weights > 0
            targets, weights = tf.boolean_mask(targets, real), tf.boolean_mask(weights, real)
            context = tf.distribute.get_replica_context()
            own = tf.cast(tf.shape(weights)[0], tf.float32)
            whole = context.all_reduce(tf.distribute.ReduceOp.SUM, own)
            with tf.GradientTape() as tape:
                outputs = tf.boolean_mask(self(features, training=True), real)
                # Keras has divided by the devices already, since their gradients are summed.
                mean = context.num_replicas_in_sync * self.compute_loss(features, targets, outputs, weights)
                scaled = self.optimizer.scale_loss(mean * own / whole)
            gradients = tape.gradient(scaled, self.trainable_weights)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
            next(metric for metric in self.metrics if metric.name == "loss").update_state(mean, sample_weight=own)
            logs: dict[str, Any] = self.compute_metrics(features, targets, outputs, weights)
            return logs

    return SharedTail(tail.input, tail.output, name=tail.name)


class SharedTrunk:
    """Frozen layers that give each device its share of the views."""

    def __init__(self, trunk: Any, strategy: Any) -> None:
        """Wrap a ``keras.Model`` that was built within the strategy's scope."""
        self.output_shape: tuple[int | None, ...] = trunk.output_shape
        self._strategy = strategy
        self._run: Callable[[Any], Any] = import_tensorflow().function(
            lambda share: strategy.run(trunk, args=(share,), kwargs={"training": False}), reduce_retracing=True
        )

    def predict_on_batch(self, views_rgb: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """The layers' output for each of the views, in their order."""
        devices = self._strategy.num_replicas_in_sync
        shares = np.split(views_rgb[padded_places(len(views_rgb), devices)], devices)
        tf = import_tensorflow()
        given = self._strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(shares[context.replica_id_in_sync_group])
        )
        outputs = self._strategy.experimental_local_results(self._run(given))
        return np.concatenate([output.numpy() for output in outputs])[: len(views_rgb)]
