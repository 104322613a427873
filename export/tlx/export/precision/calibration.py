"""What is learnt of an fp32 network from photos, once, for all the int8 files that are tried."""

from __future__ import annotations

from typing import Any, Literal

from tlx.export.precision.calibration_photos import CalibrationPhotos
from tlx.export.precision.quantize import prepare
from tlx.export.precision.ranges import find_extremes, find_histograms, observed_tensors
from tlx.export.precision.thresholds import Histogram, Range, entropy_range, percentile_range
from tlx.progress import Progress, silent

Method = Literal["minmax", "entropy", "percentile"]


class Calibration:
    """A network prepared for quantization, and the ranges of its layers by each method.

    Nothing is computed before it's asked for. Memory doesn't depend on the number of photos: one batch of their
    values at a time, and counts.

    Attributes:
        photos: On which the ranges are found.
    """

    def __init__(self, fp32: Any, photos: CalibrationPhotos, progress: Progress = silent) -> None:
        self.photos = photos
        self._fp32 = fp32
        self._progress = progress
        self._prepared: Any = None
        self._told_by: dict[str, str] = {}
        self._extremes: dict[str, Range] = {}
        self._histograms: dict[str, Histogram] = {}

    @property
    def prepared(self) -> Any:
        """The network as :func:`~tlx.export.precision.quantize.prepare` gives it."""
        if self._prepared is None:
            self._prepared = prepare(self._fp32)
            self._told_by = observed_tensors(self._prepared)
        return self._prepared

    @property
    def photos_read(self) -> int:
        """How many of the photos could be read; known once ranges were asked for."""
        return len(self.photos.files) - len(self.photos.skipped)

    def ranges(self, method: Method) -> dict[str, Range]:
        """The range of each tensor that a layer takes or gives.

        Raises:
            InputError: If not one photo can be read, or the network can't be quantized.
        """
        own = self._own_ranges(method)
        return {name: own[source] for name, source in self._told_by.items()}

    def _own_ranges(self, method: Method) -> dict[str, Range]:
        prepared = self.prepared
        if not self._extremes:
            observed = sorted(set(self._told_by.values()))
            self._extremes = find_extremes(prepared, observed, self.photos, self._progress)
        if method == "minmax":
            return self._extremes
        if not self._histograms:
            self._histograms = find_histograms(prepared, self._extremes, self.photos, self._progress)
        cut = {"entropy": entropy_range, "percentile": percentile_range}[method]
        return {name: cut(histogram) for name, histogram in self._histograms.items()}
