"""A compressed network as a run like any other: export, evaluate, bench and the report need nothing new."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tlx import atomic
from tlx.core import runs
from tlx.core.compress.plain import PlainNetwork, build_model
from tlx.core.compress.source import Source
from tlx.core.curves import draw_curves
from tlx.core.evaluation.in_training import assess_validation, calibration_record, write_evaluation
from tlx.core.evaluation.predictors import spec_of_run
from tlx.core.recipes.recipe import Recipe
from tlx.core.report.page import write_report
from tlx.core.report.source import ReportSource
from tlx.core.run_folder import whole_run
from tlx.core.runs import CompressionRecord, ResultRecord, Run, RunRecord
from tlx.core.training.devices import Compute
from tlx.core.training.finishing import REPORT_FILE, layer_records
from tlx.core.training.validating import accuracy_and_loss
from tlx.runtime import environment

NAME = "compressed"


@dataclass(frozen=True, slots=True)
class Compressed:
    """A compression that came to its end.

    Attributes:
        history: A row for each pass of learning.
        compute: On what it learned.
        probabilities: ``float32 [N, classes]``, of the validation photos.
        training_accuracy: On some of the photos that it learned from, as they are.
        seconds: Of each stage.
        energy_j: The same in joules.
    """

    network: PlainNetwork
    history: Sequence[dict[str, float]]
    compute: Compute
    probabilities: npt.NDArray[np.float32]
    training_accuracy: float
    seconds: dict[str, float]
    energy_j: dict[str, float]
    record: CompressionRecord


def write_compressed(source: Source, compressed: Compressed, root: Path) -> Run:
    """Write the run; it appears whole or not at all.

    Args:
        source: What it came from.
        compressed: What it is.
        root: Folder of the runs.

    Raises:
        OutputError: If it can't be written.
    """
    original = source.run
    recipe = _recipe(original.recipe, compressed.network)
    with whole_run(root, NAME) as run:
        model = build_model(compressed.network)
        with atomic.replacing(run.hidden / "model.keras") as temporary:
            model.save(temporary)
        shutil.copyfile(original.folder / "photos.json", run.hidden / "photos.json")
        runs.write_history(run.hidden, compressed.history)
        draw_curves(compressed.history, run.name, run.hidden / "curves.png", kept_epoch=len(compressed.history))
        spec = spec_of_run(run.folder, original.labels, recipe)
        data_root = Path(original.record.data.root)
        evaluation = assess_validation(spec, data_root, source.validation, compressed.probabilities)
        write_evaluation(evaluation, run.hidden)
        record = RunRecord(
            name=run.name,
            created_utc=run.created_utc,
            seed=original.record.seed,
            recipe=recipe.to_dict(),
            started_from=original.record.name,
            data=original.record.data,
            weights=original.record.weights,
            result=_result(source, compressed),
            layers=layer_records(model),
            trainable_tensors=(len(model.weights), len(model.weights)),
            environment=environment.describe()
            | {"training_on": compressed.compute.name, "dtype": compressed.compute.dtype},
            calibration=calibration_record(evaluation),
            compression=compressed.record,
        )
        report = ReportSource(
            record=record,
            history=compressed.history,
            evaluation=evaluation,
            augmentation=recipe.augmentation if recipe.is_augmented else None,
            training_photos=source.photos,
            seed=original.record.seed,
            size_hw=recipe.size_hw,
            resize=recipe.resize,
        )
        write_report(report, run.hidden / REPORT_FILE)
        runs.write_record(run.hidden, record)
    return runs.open_run(run.folder)


def _recipe(recipe: Recipe, network: PlainNetwork) -> Recipe:
    return replace(recipe, name=NAME, summary=f"{recipe.name}, made smaller", size_hw=network.size_hw)


def _result(source: Source, compressed: Compressed) -> ResultRecord:
    accuracy, loss = accuracy_and_loss(compressed.probabilities, source.classes(source.validation))
    return ResultRecord(
        epochs=len(compressed.history),
        kept_epoch=len(compressed.history),
        validation_accuracy=accuracy,
        validation_loss=loss,
        training_accuracy=compressed.training_accuracy,
        seconds=compressed.seconds,
        energy_j=compressed.energy_j,
    )
