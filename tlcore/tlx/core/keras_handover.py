"""What a Keras file that tlx didn't train hands to export: the model, and photos to prove it with."""

from __future__ import annotations

from pathlib import Path

from tlx.core.evaluation.labelled import photos_in_folder
from tlx.core.handover import holds_labels
from tlx.core.photos import photos_below
from tlx.errors import DataError
from tlx.export.foreign import KerasRequest, foreign_model, labels_of
from tlx.export.fp32 import TrainedModel


def foreign_model_and_photos(request: KerasRequest) -> tuple[TrainedModel, list[Path]]:
    """A file as export takes it, with the photos that it's proven on.

    Args:
        request: ``photos`` is a folder of photos, or of one folder of photos for each label, or of such folders
            below ``validation``.

    Raises:
        InputError: If options are missing or don't fit the file, or the file can't be exported.
        DataError: If there are no photos, or photos of a label that the model doesn't know.
    """
    labels = labels_of(request)
    truths = {} if request.photos is None or not labels else _truths(request.photos, labels)
    trained = foreign_model(request, labels, truths)
    assert request.photos is not None  # else it was refused
    photos = list(truths) or sorted(photos_below(request.photos))
    if not photos:
        raise DataError(f"{request.photos}: expected a folder with photos, found none")
    return trained, photos


def _truths(folder: Path, labels: list[str]) -> dict[Path, str]:
    """The photos by their labels; none if no folder is called like a label."""
    if not holds_labels(folder, labels):
        return {}
    return {photo.path: photo.label for photo in photos_in_folder(folder, labels).photos}
