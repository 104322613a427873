"""What a finished run hands to export: the model, where it came from, and photos to prove and to quantize it with."""

from __future__ import annotations

from pathlib import Path

from tlx.contract import Training
from tlx.core.evaluation.labelled import photos_in_folder, photos_of_run
from tlx.core.photos import SPLIT_FOLDERS, Split, folders_in, label_of
from tlx.core.runs import Run
from tlx.errors import DataError
from tlx.export.accuracy import LabelledPhoto
from tlx.export.fp32 import TrainedModel
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
    return photos_below_folder(folder) if folder is not None else _still_there(run, "validation", "--photos")


def labelled_photos(run: Run, folder: Path | None = None) -> list[LabelledPhoto]:
    """Photos with the index of their true label, for the accuracy gate.

    Args:
        run: Whose labels count, and whose validation photos if there is no folder.
        folder: Holds one folder of photos for each label, or such folders below ``validation``.

    Returns:
        Empty if no folder is called like a label, or no validation photo is still there.
    """
    if folder is None:
        photos = [photo for photo in photos_of_run(run).photos if photo.path.is_file()]
    elif not holds_labels(folder, run.labels):
        return []
    else:
        photos = list(photos_in_folder(folder, run.labels).photos)
    return [(photo.path, run.labels.index(photo.label)) for photo in photos]


def calibration_photos(run: Run, folder: Path | None = None) -> list[Path]:
    """The photo files in ``folder``, or else the run's training photos, to find the ranges of int8 on.

    Raises:
        DataError: If there are none.
    """
    return photos_below_folder(folder) if folder is not None else _still_there(run, "train", "--calibrate")


def photos_below_folder(folder: Path) -> list[Path]:
    """All photo files in a folder and below it, sorted.

    Raises:
        DataError: If there are none.
    """
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES)
    if not found:
        raise DataError(f"{folder}: expected a folder with photos, found none")
    return found


def holds_labels(folder: Path, labels: list[str]) -> bool:
    """Whether a folder of a folder, or one below a folder of a split, is called like a label.

    Raises:
        DataError: If there is no such folder.
    """
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "no such folder"
        raise DataError(f"{folder}: {what}: name a folder of photos")
    children = folders_in(folder)
    within = [inner for child in children if child.name.lower() in SPLIT_FOLDERS for inner in folders_in(child)]
    return any(label_of(child.name) in labels for child in (*children, *within))


def _still_there(run: Run, split: Split, option: str) -> list[Path]:
    recorded = [photo.path for photo in run.photos(split)]
    present = [path for path in recorded if path.is_file()]
    if not present:
        kind = "training" if split == "train" else split
        raise DataError(
            f"none of the run's {len(recorded)} {kind} photos is still at {run.record.data.root}: "
            f"name a folder of photos with {option}"
        )
    return present
