"""Learning from the original what pruning lost: distillation on views of the training photos.

The targets are the original's probabilities mixed with the labels, and, as hints, the means of its channels that the
smaller network still has (Hinton et al. 2015, arXiv:1503.02531; Romero et al. 2015, arXiv:1412.6550).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tlx.core.compress.course import Course, Pace
from tlx.core.compress.plain import PlainNetwork, build_model, read_network
from tlx.core.compress.teaching import VIEWS, Answers, Teaching
from tlx.core.training.batches import epoch_order
from tlx.core.training.devices import Compute
from tlx.core.trunk.store import Rows
from tlx.errors import RunError
from tlx.export.frameworks import import_keras
from tlx.progress import Progress, silent
from tlx.runtime.background import map_ahead


@dataclass(frozen=True, slots=True)
class Recovered:
    """The network after learning.

    Attributes:
        history: A row for each pass over the photos: loss, learning rate, seconds, photos.
        compute: On what it learned.
    """

    network: PlainNetwork
    compute: Compute
    history: list[dict[str, float]]


def recover(  # noqa: PLR0913 - the last two have defaults
    network: PlainNetwork,
    kept: Mapping[str, npt.NDArray[np.int64]],
    teaching: Teaching,
    course: Course,
    progress: Progress = silent,
    *,
    build: Callable[..., Any] = build_model,
) -> Recovered:
    """Teach a pruned network.

    Args:
        network: The pruned one.
        kept: For each layer with hints, which channels of the original it still has.
        teaching: Views and answers.
        course: How.
        progress: Told of the time.
        build: Makes the ``keras.Model`` that learns, as :func:`build_model` does, with the same layers by name.

    Raises:
        RunError: If the loss stops being a number.
    """
    photos = teaching.source.photos
    classes, weights = teaching.source.classes(photos), teaching.source.weights(photos)
    columns = {name: np.searchsorted(teaching.channels[name], channels) for name, channels in kept.items()}
    answers = teaching.answer_all(photos, progress)
    scales = {name: _scale(answers.hints[name][..., chosen]) for name, chosen in columns.items()}
    compute = teaching.source.compute
    model = build(network, dropout=course.dropout, dtype=compute.dtype)
    student = _student(model, scales, course, maps=teaching.has_maps)
    pace = Pace(course, len(photos))
    progress("recovering (s)", 0, _whole_s(course))
    history: list[dict[str, float]] = []
    while not pace.is_over:
        number = 1 + pace.passes % VIEWS
        rows = teaching.pixels(photos, number, progress)
        targets = _targets(teaching.answers(photos, number, progress), columns, classes, network, course)
        history.append(_learn_pass(student, _Lesson(rows, targets, weights), pace, progress))
    # It ends half a step early or late.
    progress("recovering (s)", _whole_s(course), _whole_s(course), f"loss {history[-1]['loss']:.4f}")
    return Recovered(_taught(network, student), compute, history)


@dataclass(frozen=True, slots=True)
class _Lesson:
    """One view of each photo, in the order of the photos.

    Attributes:
        targets: Of each output.
        weights: How much a photo's answer counts; None if all count the same.
    """

    rows: Rows
    targets: Sequence[npt.NDArray[Any]]
    weights: npt.NDArray[np.float32] | None

    def batch(self, places: npt.NDArray[np.int64]) -> tuple[Any, ...]:
        """Of some photos: pixels, targets and, where they have them, weights."""
        pixels, targets = self.rows.take(places), [target[places].astype(np.float32) for target in self.targets]
        if self.weights is None:
            return pixels, targets
        # Of the answer alone: hints are of pictures, whatever is in them. Keras wants an axis for each of a loss.
        even = [np.ones((len(places), *[1] * (hint.ndim - 2)), np.float32) for hint in self.targets[1:]]
        return pixels, targets, [self.weights[places], *even]


def _learn_pass(student: Any, lesson: _Lesson, pace: Pace, progress: Progress) -> dict[str, float]:
    """Once over the photos, or as far as the time goes; gives its row of the history.

    Step by step, for the clock decides how many there are, and Keras's fit() returns up to two seconds after its last
    one (seen with TensorFlow 2.21).
    """
    course = pace.course
    row = {"loss": 0.0, "learning_rate": 0.0, "seconds": 0.0, "photos": 0.0}
    begun_s = pace.spent_s
    batches = pace.batches(epoch_order(len(lesson.rows), seed=course.seed, epoch=pace.passes))
    with closing(map_ahead(lesson.batch, batches, workers=1, ahead=1)) as prepared:
        for places, batch in zip(batches, prepared, strict=True):
            student.optimizer.learning_rate = row["learning_rate"] = pace.learning_rate()
            student.reset_metrics()  # not all releases of Keras do it themselves
            loss = float(student.train_on_batch(*batch, return_dict=True)["loss"])
            if not math.isfinite(loss):
                raise RunError(
                    f"the loss of the smaller network is {loss}: give a larger one (--speedup), or report it"
                )
            pace.add(len(places))
            row["photos"] += len(places)
            row["loss"] += (loss - row["loss"]) * len(places) / row["photos"]
            # Here a stop is acted upon: Keras may have swallowed it in the step.
            done_s = min(pace.spent_s, course.seconds)
            progress("recovering (s)", round(done_s), _whole_s(course), f"loss {row['loss']:.4f}")
            if pace.is_over:
                break
    pace.end_pass()
    row["seconds"] = pace.spent_s - begun_s
    return row


def _whole_s(course: Course) -> int:
    return max(1, round(course.seconds))


def _scale(hints: npt.NDArray[np.float16]) -> float:
    """One over the variance, so that a squared error becomes a share."""
    # From everywhere: photos lie sorted by class.
    sample = hints[:: max(1, len(hints) // 256)].astype(np.float32).reshape(-1, hints.shape[-1])
    return 1 / max(float(sample.var(axis=0).mean()), 1e-12)


def _student(model: Any, scales: Mapping[str, float], course: Course, *, maps: bool) -> Any:
    keras = import_keras()
    hints = [model.get_layer(name).output for name in scales]
    if not maps:
        hints = [keras.layers.GlobalAveragePooling2D()(hint) for hint in hints]
    student = keras.Model(model.inputs, [model.output, *hints])
    of_output = "binary_crossentropy" if model.output_shape[-1] == 1 else "categorical_crossentropy"
    student.compile(
        optimizer=keras.optimizers.AdamW(course.learning_rate, weight_decay=course.weight_decay),
        loss=[of_output, *["mean_squared_error" for _ in scales]],
        loss_weights=[1.0, *[course.hint_weight * scale for scale in scales.values()]],
        jit_compile=keras.backend.backend() == "jax",
    )
    return student


def _targets(
    answers: Answers,
    columns: Mapping[str, npt.NDArray[np.int64]],
    classes: npt.NDArray[np.int32],
    network: PlainNetwork,
    course: Course,
) -> list[npt.NDArray[Any]]:
    said = answers.probabilities
    labels = np.eye(said.shape[1], dtype=np.float32)[classes]
    mixed = (1 - course.label_share) * said + course.label_share * labels
    if network.dense[-1].kernel.shape[1] == 1:
        mixed = mixed[:, 1:]
    return [mixed, *[answers.hints[name][..., chosen] for name, chosen in columns.items()]]


def _taught(network: PlainNetwork, student: Any) -> PlainNetwork:
    model = build_model(network)
    for layer in model.layers:
        if layer.weights:
            layer.set_weights(student.get_layer(layer.name).get_weights())
    return read_network(model)
