"""Which input channels a layer can do without, and its best weights without them: structured Optimal Brain Surgeon.

With the inputs' damped covariance H and the least-squares weights W, removing group g makes the squared error grow by
exactly tr(W_gᵀ (H⁻¹_gg)⁻¹ W_g); a block elimination then gives the best weights of the rest, and their H⁻¹. So channels
go one by one, always the one that costs least. Hassibi & Stork 1993 (Optimal Brain Surgeon); Kurtic et al. 2023 (ZipLM,
arXiv:2302.04089) for groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.linalg.lapack import dpotri

from tlx.core.compress.statistics import Floats, Moments


@dataclass(frozen=True, slots=True)
class Elimination:
    """The order in which groups go.

    Attributes:
        groups: How many there were.
        order: Those that went, the first first.
        errors: ``[len(order) + 1]``, the share of the targets' variance that is lost with the first 0, 1, 2, … of them
            gone.
    """

    groups: int
    order: npt.NDArray[np.int64]
    errors: Floats

    def kept(self, count: int) -> npt.NDArray[np.int64]:
        """The groups that are left when ``count`` are, in their own order."""
        gone = self.order[: self.groups - count]
        return np.setdiff1d(np.arange(self.groups), gone)

    def error(self, count: int) -> float:
        """What is lost when ``count`` groups are left."""
        return float(self.errors[self.groups - count])


DAMPING: Final = 0.01
"""Of all least squares here, see :meth:`~tlx.core.compress.statistics.Moments.damped`."""
_BATCH: Final = 16
"""A sixteenth of the groups goes before the matrices are written anew; below 32 groups it's one."""


def eliminate(moments: Moments, groups: int, fewest: int = 1) -> Elimination:
    """Remove groups one by one, always the one whose exact removal costs least.

    Rewriting a matrix of 4608 x 4608 after each removal would take an hour for VGG16. So a batch of removals is chosen
    first, among twice as many groups that cost least before it; their costs are exact after each removal all the same,
    because they depend on these groups' part of the matrices alone.

    Args:
        moments: Damped; the inputs of a group lie side by side.
        groups: How many groups the inputs are.
        fewest: How many stay.

    Returns:
        The order, and the error after each step.
    """
    size = len(moments.gram) // groups
    inverse = _inverse(moments.gram)
    weights = inverse @ moments.cross
    errors = [moments.power - float(np.vdot(moments.cross, weights))]
    left = np.arange(groups)
    order: list[int] = []
    while len(left) > fewest:
        count = min(len(left) - fewest, max(1, len(left) // _BATCH))
        places = np.arange(len(weights)).reshape(len(left), size)
        costs = _costs(
            inverse[places[:, :, None], places[:, None, :]],
            np.stack([own @ own.T for own in weights.reshape(len(left), size, -1)]),
        )
        candidates = np.sort(np.argsort(costs, kind="stable")[: 2 * count])
        inputs = places[candidates].ravel()
        chosen, grown = _choose(inverse[np.ix_(inputs, inputs)], weights[inputs] @ weights[inputs].T, size, count)
        gone = candidates[chosen]
        order += left[gone].tolist()
        errors += (errors[-1] + np.cumsum(grown)).tolist()
        inverse, weights = _without(inverse, weights, places, gone)
        left = np.delete(left, gone)
    return Elimination(groups, np.array(order, np.int64), np.array(errors) / moments.power)


def _inverse(matrix: Floats) -> Floats:
    """Of a positive definite matrix; LAPACK's own way takes a third of solving for the identity."""
    factor, _ = cho_factor(matrix, lower=True)
    triangle, _ = dpotri(factor, lower=True, overwrite_c=True)
    triangle = np.tril(triangle)
    return np.asarray(triangle + np.tril(triangle, -1).T)


def _costs(blocks: Floats, products: Floats) -> Floats:
    """Of each group: tr(W_gᵀ·(H⁻¹_gg)⁻¹·W_g), from ``[G, s, s]`` of H⁻¹ and of W·Wᵀ."""
    return np.asarray(np.einsum("gij,gij->g", np.linalg.inv(blocks), products))


def _choose(inverse: Floats, products: Floats, size: int, count: int) -> tuple[list[int], list[float]]:
    """Remove some of a few groups one by one.

    Args:
        inverse: These groups' part of H⁻¹.
        products: The same of W·Wᵀ.
        size: Inputs of a group.
        count: How many go.

    Returns:
        Which, and what each costs.
    """
    groups = len(inverse) // size
    diagonal = np.arange(groups)
    alive = list(range(groups))
    chosen, costs = [], []
    for _ in range(count):
        shape = (groups, size, groups, size)
        blocks = inverse.reshape(shape)[diagonal, :, diagonal][alive]
        found = _costs(blocks, products.reshape(shape)[diagonal, :, diagonal][alive])
        place = int(np.argmin(found))
        costs.append(float(found[place]))
        group = alive.pop(place)
        chosen.append(group)
        here = slice(group * size, (group + 1) * size)
        # W loses this times the group's rows of it.
        share = np.linalg.solve(inverse[here, here], inverse[here]).T
        crossed = share @ products[here]
        products = products - crossed - crossed.T + share @ products[here, here] @ share.T
        inverse = inverse - share @ inverse[here]
    return chosen, costs


def _without(
    inverse: Floats, weights: Floats, places: npt.NDArray[np.int64], gone: npt.NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """H⁻¹ and the best weights of what is left."""
    dead, rest = places[gone].ravel(), np.delete(places, gone, axis=0).ravel()
    root = np.linalg.cholesky(inverse[np.ix_(dead, dead)])
    outer = solve_triangular(root, inverse[np.ix_(dead, rest)], lower=True)
    moved = solve_triangular(root, weights[dead], lower=True)
    smaller = inverse[np.ix_(rest, rest)]
    smaller -= outer.T @ outer
    return smaller, weights[rest] - outer.T @ moved


def solve(moments: Moments) -> tuple[Floats, Floats]:
    """The best weights and bias: ``[D, M]`` and ``[M]``.

    Args:
        moments: Damped.
    """
    weights = cho_solve(cho_factor(moments.gram, lower=True), moments.cross)
    return weights, moments.target_mean - moments.input_mean @ weights
