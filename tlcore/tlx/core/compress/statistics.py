"""Second moments of what a layer takes and what it should give, gathered photo by photo: memory depends on no count."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Moments:
    """All that a least-squares problem needs of its data.

    Attributes:
        gram: ``[D, D]``, the inputs' covariance.
        cross: ``[D, M]``, the covariance of inputs and targets.
        power: The targets' variance, summed over all M.
        input_mean: ``[D]``.
        target_mean: ``[M]``.
        rows: How many examples went in.
    """

    gram: Floats
    cross: Floats
    power: float
    input_mean: Floats
    target_mean: Floats
    rows: int

    def damped(self, share: float, towards: Floats | None = None) -> Moments:
        """The same with ``share`` of the inputs' mean variance added to each (ridge): solvable whatever the data.

        Args:
            share: Of the mean variance.
            towards: ``[D, M]``, what the solved weights are drawn to where the data don't tell; zero if left out.
        """
        gram = self.gram.copy()
        variance = float(np.trace(gram)) / len(gram)
        ridge = share * (variance or 1.0)
        gram.flat[:: len(gram) + 1] += ridge
        cross = self.cross if towards is None else self.cross + ridge * towards
        return Moments(gram, cross, self.power, self.input_mean, self.target_mean, self.rows)


class MomentSums:
    """Adds up :class:`Moments` over batches.

    Products of a batch are made in ``float32``, which is several times as fast, and added up in ``float64``. Both
    sides are taken from their first batch's mean first, so that nothing is lost to cancellation.
    """

    def __init__(self, inputs: int, targets: int) -> None:
        self._gram = np.zeros((inputs, inputs))
        self._cross = np.zeros((inputs, targets))
        self._power = 0.0
        self._sums = (np.zeros(inputs), np.zeros(targets))
        self._offsets: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]] | None = None
        self._rows = 0

    def add(self, inputs: npt.NDArray[np.float32], targets: npt.NDArray[np.float32]) -> None:
        """Add examples: ``[N, D]`` and ``[N, M]``."""
        if self._offsets is None:
            self._offsets = (inputs.mean(axis=0), targets.mean(axis=0))
        x, y = inputs - self._offsets[0], targets - self._offsets[1]
        self._gram += x.T @ x
        self._cross += x.T @ y
        self._power += float(np.square(y, dtype=np.float64).sum())
        self._sums[0][:] += x.sum(axis=0, dtype=np.float64)
        self._sums[1][:] += y.sum(axis=0, dtype=np.float64)
        self._rows += len(x)

    def moments(self) -> Moments:
        """What was added so far, at least one example."""
        assert self._offsets is not None
        x_mean, y_mean = (total / self._rows for total in self._sums)
        return Moments(
            gram=self._gram / self._rows - np.outer(x_mean, x_mean),
            cross=self._cross / self._rows - np.outer(x_mean, y_mean),
            power=self._power / self._rows - float(y_mean @ y_mean),
            input_mean=x_mean + self._offsets[0],
            target_mean=y_mean + self._offsets[1],
            rows=self._rows,
        )
