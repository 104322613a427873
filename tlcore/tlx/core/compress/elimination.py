"""Which input channels a layer can do without, and its best weights without them: structured Optimal Brain Surgeon.

With the inputs' damped covariance H and the least-squares weights W, removing group g makes the squared error grow by
exactly tr(W_gᵀ (H⁻¹_gg)⁻¹ W_g); a block elimination then gives the best weights of the rest, and their H⁻¹. So channels
go one by one, always the one that costs least. Hassibi & Stork 1993 (Optimal Brain Surgeon); Kurtic et al. 2023 (ZipLM,
arXiv:2302.04089) for groups.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve, solve_triangular

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


def eliminate(moments: Moments, groups: int, fewest: int = 1) -> Elimination:
    """Remove groups one by one, always the one whose exact removal costs least.

    H⁻¹ isn't written anew after each removal: what it has lost is kept as a sum of outer products, so a step reads that
    sum instead of rewriting a matrix of 4608 x 4608.

    Args:
        moments: Damped; the inputs of a group lie side by side.
        groups: How many groups the inputs are.
        fewest: How many stay.

    Returns:
        The order, and the error after each step.
    """
    inputs, size = len(moments.gram), len(moments.gram) // groups
    factor = cho_factor(moments.gram, lower=True)
    weights = cho_solve(factor, moments.cross)
    inverse = cho_solve(factor, np.eye(inputs))
    lost = np.empty((inputs, (groups - fewest) * size))
    places = np.arange(inputs).reshape(groups, size)
    # Of each group: its block of H⁻¹, and W_g·W_gᵀ, as tr(W_gᵀ·B·W_g) = tr(B·W_g·W_gᵀ).
    blocks = inverse[places[:, :, None], places[:, None, :]]
    own = weights.reshape(groups, size, -1)
    products = own @ own.transpose(0, 2, 1)
    alive = np.ones(groups, bool)
    order: list[int] = []
    errors = [moments.power - float(np.vdot(moments.cross, weights))]
    for step in range(groups - fewest):
        costs = np.full(groups, np.inf)
        costs[alive] = np.einsum("gij,gij->g", np.linalg.inv(blocks[alive]), products[alive])
        chosen = int(np.argmin(costs))
        here, before = places[chosen], step * size
        column = inverse[:, here] - lost[:, :before] @ lost[here, :before].T
        root = np.linalg.cholesky(column[here])
        outer = solve_triangular(root, column.T, lower=True).T
        moved = solve_triangular(root, weights[here], lower=True)
        grouped = outer.reshape(groups, size, size)
        shared = (weights @ moved.T).reshape(groups, size, size) @ grouped.transpose(0, 2, 1)
        products += grouped @ (moved @ moved.T) @ grouped.transpose(0, 2, 1) - shared - shared.transpose(0, 2, 1)
        blocks -= grouped @ grouped.transpose(0, 2, 1)
        weights -= outer @ moved
        lost[:, before : before + size] = outer
        alive[chosen] = False
        order.append(chosen)
        errors.append(errors[-1] + float(costs[chosen]))
    return Elimination(groups, np.array(order, np.int64), np.array(errors) / moments.power)


def solve(moments: Moments) -> tuple[Floats, Floats]:
    """The best weights and bias: ``[D, M]`` and ``[M]``.

    Args:
        moments: Damped.
    """
    weights = cho_solve(cho_factor(moments.gram, lower=True), moments.cross)
    return weights, moments.target_mean - moments.input_mean @ weights
