"""What a finished run hands to export: the model, where it came from, and photos to prove it with."""

from __future__ import annotations

from pathlib import Path

from tlx.contract import Training
from tlx.core.runs import Run
from tlx.errors import DataError
from tlx.export.exporter import TrainedModel
from tlx.images import PHOTO_SUFFIXES


def trained_model(run: Run) -> TrainedModel:
    """The run's model as export takes it."""
    record = run.record
    return TrainedModel(
        keras_model=run.model_path,
        labels=run.labels,
        size_hw=run.recipe.size_hw,
        resize=run.recipe.resize,
        training=Training(
            run=record.name,
            preset=run.recipe.name,
            photos=sum(record.data.counts["train"].values()),
            data_sha256=record.data.sha256,
            weights=record.weights.name,
            weights_sha256=record.weights.sha256,
            validation_accuracy=record.result.validation_accuracy,
            validation_photos=sum(record.data.counts["validation"].values()),
        ),
        calibration=record.calibration,
    )


def photos_for_parity(run: Run, folder: Path | None = None) -> list[Path]:
    """The photo files in ``folder``, or else the run's validation photos.

    Raises:
        DataError: If there are none.
    """
    if folder is not None:
        found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES)
        if not found:
            raise DataError(f"{folder}: expected a folder with photos, found none")
        return found
    recorded = [photo.path for photo in run.photos("validation")]
    present = [path for path in recorded if path.is_file()]
    if not present:
        raise DataError(
            f"none of the run's {len(recorded)} validation photos is still at {run.record.data.root}: "
            "name a folder of photos with --photos"
        )
    return present
