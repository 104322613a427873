"""What a training leaves in its run: the model, the history, how it did, and the record that makes it a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tlx import atomic
from tlx.contract import CalibrationRecord
from tlx.core import runs
from tlx.core.curves import draw_curves
from tlx.core.evaluation.in_training import assess_validation, calibration_record, write_evaluation
from tlx.core.evaluation.predictors import spec_of_run
from tlx.core.report.page import write_report
from tlx.core.report.source import ReportSource
from tlx.core.run_folder import RunFolder
from tlx.core.stopwatch import Stopwatch
from tlx.core.training.devices import Compute
from tlx.core.training.learning import Learned, Lesson
from tlx.core.training.validating import accuracy_and_loss
from tlx.runtime import environment
from tlx.runtime.output.printable import printable

REPORT_FILE = "report.html"


@dataclass(frozen=True, slots=True)
class Finished:
    """A training that came to its end."""

    lesson: Lesson
    learned: Learned
    compute: Compute
    stopwatch: Stopwatch


def write_run(run: RunFolder, finished: Finished) -> None:
    """Fill the run's folder; ``run.json`` comes last and makes it a finished run.

    Raises:
        OutputError: If something can't be written; the run can be resumed then.
    """
    folder, lesson, learned = run.folder, finished.lesson, finished.learned
    dataset, recipe, history = lesson.dataset, lesson.recipe, learned.state.history
    with atomic.replacing(folder / "model.keras") as temporary:
        learned.classifier.save(temporary)
    runs.write_photos(folder, dataset)
    runs.write_history(folder, history)
    title = f"{dataset.root.resolve().name}: {folder.name}"
    draw_curves(history, title, folder / "curves.png", kept_epoch=learned.state.kept_epoch)
    evaluation = assess_validation(
        spec_of_run(folder, dataset.labels, recipe), dataset.root, dataset.split("validation"), learned.probabilities
    )
    write_evaluation(evaluation, folder)
    record = _record(run, finished, calibration_record(evaluation))
    source = ReportSource(
        record=record,
        history=history,
        evaluation=evaluation,
        augmentation=recipe.augmentation if recipe.is_augmented else None,
        training_photos=dataset.split("train"),
        seed=lesson.seed,
        size_hw=recipe.size_hw,
        resize=recipe.resize,
    )
    write_report(source, folder / REPORT_FILE)
    runs.write_record(folder, record)


def _record(run: RunFolder, finished: Finished, calibration: CalibrationRecord | None) -> runs.RunRecord:
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
            counts={str(split): by_label for split, by_label in dataset.counts.items()},
            sha256=dataset.sha256,
            problems=[printable(finding.text) for finding in dataset.findings],
        ),
        weights=runs.WeightsRecord(name=plan.weights, is_imagenet=plan.weights_is_imagenet, sha256=plan.weights_sha256),
        result=_result(finished),
        calibration=calibration,
        layers=layer_records(classifier),
        trainable_tensors=(len(classifier.trainable_weights), len(classifier.weights)),
        environment=environment.describe() | {"training_on": finished.compute.name, "dtype": finished.compute.dtype},
    )


def _result(finished: Finished) -> runs.ResultRecord:
    state = finished.learned.state
    kept = state.history[state.kept_epoch - 1]
    dataset = finished.lesson.dataset
    classes = np.array(dataset.class_indices(dataset.split("validation")), np.int32)
    # That of the finished model; the history's may differ by the roundings of 16 bits.
    accuracy, loss = accuracy_and_loss(finished.learned.probabilities, classes)
    return runs.ResultRecord(
        epochs=len(state.history),
        kept_epoch=state.kept_epoch,
        validation_accuracy=accuracy,
        validation_loss=loss,
        training_accuracy=kept["accuracy"],
        seconds=finished.stopwatch.seconds,
        energy_j={stage: sum(joules.values()) for stage, joules in finished.stopwatch.joules.items()},
    )


def layer_records(model: Any) -> list[runs.LayerRecord]:
    """Each layer of a ``keras.Model``, as a run tells of it."""
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
