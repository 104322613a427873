"""What a training leaves in its run: the model, the history, how it did, and the record that makes it a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tlx import atomic
from tlx.core import runs
from tlx.core.curves import draw_curves
from tlx.core.run_folder import RunFolder
from tlx.core.training.counting import count_photos
from tlx.core.training.devices import Compute
from tlx.core.training.learning import Learned, Lesson
from tlx.runtime import environment


@dataclass(frozen=True, slots=True)
class Finished:
    """A training that came to its end."""

    lesson: Lesson
    learned: Learned
    compute: Compute
    seconds: dict[str, float]


def write_run(run: RunFolder, finished: Finished, notify: Callable[[str], None]) -> None:
    """Fill the run's folder; ``run.json`` comes last and makes it a finished run.

    Raises:
        OutputError: If something can't be written; the run can be resumed then.
    """
    del notify
    folder, lesson, learned = run.folder, finished.lesson, finished.learned
    with atomic.replacing(folder / "model.keras") as temporary:
        learned.classifier.save(temporary)
    runs.write_photos(folder, lesson.dataset)
    runs.write_history(folder, learned.state.history)
    draw_curves(learned.state.history, f"{lesson.dataset.root.name}: {folder.name}", folder / "curves.png")
    runs.write_record(folder, _record(run, finished))


def _record(run: RunFolder, finished: Finished) -> runs.RunRecord:
    plan, dataset, classifier = run.plan, finished.lesson.dataset, finished.learned.classifier
    return runs.RunRecord(
        name=plan.name,
        created_utc=plan.created_utc,
        seed=plan.seed,
        recipe=plan.recipe,
        started_from=plan.started_from,
        data=runs.DataRecord(
            root=plan.data,
            labels=list(dataset.labels),
            counts=count_photos(dataset),
            sha256=dataset.sha256,
            problems=list(dataset.problems),
        ),
        weights=runs.WeightsRecord(name=plan.weights, is_imagenet=plan.weights_is_imagenet, sha256=plan.weights_sha256),
        result=_result(finished),
        layers=_layers(classifier),
        trainable_tensors=(len(classifier.trainable_weights), len(classifier.weights)),
        environment=environment.describe() | {"training_on": finished.compute.name, "dtype": finished.compute.dtype},
    )


def _result(finished: Finished) -> runs.ResultRecord:
    state = finished.learned.state
    kept = state.history[state.kept_epoch - 1]
    return runs.ResultRecord(
        epochs=len(state.history),
        kept_epoch=state.kept_epoch,
        validation_accuracy=kept["val_accuracy"],
        validation_loss=kept["val_loss"],
        training_accuracy=kept["accuracy"],
        seconds=finished.seconds,
    )


def _layers(model: Any) -> list[runs.LayerRecord]:
    return [
        runs.LayerRecord(
            name=layer.name,
            kind=type(layer).__name__,
            output_shape=list(layer.output.shape[1:]),
            parameters=layer.count_params(),
            trainable=bool(layer.trainable_weights),
        )
        for layer in model.layers
    ]
