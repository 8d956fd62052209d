"""Kernel ridge regression on landmarks (Nystroem): time and memory grow as the number of stances, not as its cube.

In: stances in blocks, as samples.curve_inputs lays them out, their curves, and some stances as landmarks. Out: weights
of the landmarks. Every stance trains, but an estimate depends only on how similar a stance is to the landmarks. The fit
needs only sums over stances, so that blocks can be summed on any machine. Taking a runner's sums and landmarks away
leaves the runner out exactly. Arrays: S stances, M landmarks, n numbers of a curve (nodes times components).

Source: Williams & Seeger 2001 (Nystroem); Rudi, Camoriano & Rosasco 2015, "Less is more".
"""

from functools import reduce
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve, cholesky, eigh, solve_triangular

from grfkit.estimators.kernel_matrix import compare, lay_out, weigh

MOST_EXACT = 8000  # stances; up to this number the fit is exact: 3 GB and under a minute; our choice
COUNT = 2000  # landmarks beyond: `rbds` loses .0017 BW of the vertical force at most; our choice
BLOCK = 1000  # stances whose kernel rows are held at a time: 16 MB; our choice
JITTER = 1e-6  # on the landmarks' kernel matrix, which equal landmarks make singular; `rbds` has 3e-4 as its least


class Basis(NamedTuple):
    """Landmarks as others are compared with them: laid out `rows`, and `lower` (M, M), whose square is their kernel."""

    rows: dict
    lower: np.ndarray
    candidate: dict
    shape: str

    def features(self, inputs):
        """Give features (S, M) of stances, whose products are their kernel, as far as landmarks show it."""
        return solve_triangular(self.lower, _kernel(inputs, self.rows, self.candidate, self.shape).T, lower=True).T


class Sums(NamedTuple):
    """What stances add to a fit, from their features F (S, M): `gram` (M, M), F'F, and `moments` (M, n), F'Y.

    Features, not kernel rows: the sums of those are 1e5 times as large, and rounding would show in the curves.
    """

    gram: np.ndarray
    moments: np.ndarray

    def plus(self, other):
        """Add those of other stances."""
        return Sums(self.gram + other.gram, self.moments + other.moments)

    def minus(self, other):
        """Take those of some of the stances away."""
        return Sums(self.gram - other.gram, self.moments - other.moments)


def draw(count, most=COUNT, *, seed=0):
    """Draw landmarks out of `count` stances, evenly at random: their numbers, sorted.

    Source: our choice; k-means centres within each runner and pivoted Cholesky were no better on `rbds`.
    """
    return np.sort(np.random.default_rng(seed).choice(count, min(most, count), replace=False))


def said(count):
    """Say that a fit to `count` stances is on landmarks; "" if it is exact."""
    return f"on {COUNT:,} of {count:,} stances as landmarks" if count > MOST_EXACT else ""


def basis(own, candidate, *, shape):
    """Lay out landmarks by their inputs `own` {kind: (stance, padding)}; returns a Basis."""
    rows = lay_out(own)
    kernel = _kernel(own, rows, candidate, shape)
    kernel[np.diag_indices_from(kernel)] += JITTER
    return Basis(rows, cholesky(kernel, lower=True, overwrite_a=True), candidate, shape)


def sum_block(block, by):
    """Sum one block of stances by a Basis: (inputs, targets (S, Q, C)), or a function that gives them."""
    inputs, targets = block() if callable(block) else block
    features = by.features(inputs)
    return Sums(features.T @ features, features.T @ targets.reshape(len(targets), -1).astype(float))


def sum_blocks(blocks, by):
    """Sum blocks of stances by Dask, on the machines of its active client, or on this one's processors.

    `blocks` is a list as sum_block takes them: functions without arguments read their stances where they are summed.
    """
    import dask

    shared, add = dask.delayed(by), dask.delayed(Sums.plus)
    parts = [dask.delayed(sum_block)(block, shared) for block in blocks]
    while len(parts) > 1:  # in pairs: no machine holds more than a few sums
        parts = [reduce(add, parts[first : first + 2]) for first in range(0, len(parts), 2)]
    return parts[0].compute()


def solve(by, sums, without=()):
    """Give the weights (M, n) of the landmarks of a Basis from Sums over stances.

    Landmarks `without` (their numbers) weigh nothing, as if they were not there: exact, not a refit. With H the inverse
    of the ridged gram and N the columns of the inverse of `lower`, H F'Y less H N (N'H N)^-1 N'H F'Y.
    """
    ridged = sums.gram.copy()
    ridged[np.diag_indices_from(ridged)] += by.candidate["noise"]
    factor = cho_factor(ridged, lower=True, overwrite_a=True, check_finite=False)
    weights = cho_solve(factor, sums.moments, check_finite=False)
    if len(without):
        columns = solve_triangular(by.lower, np.eye(len(by.lower))[:, without], lower=True)
        moved = cho_solve(factor, columns, check_finite=False)
        weights -= moved @ np.linalg.solve(columns.T @ moved, columns.T @ weights)
    dual = solve_triangular(by.lower, weights, lower=True, trans="T")
    dual[np.asarray(without, int)] = 0  # it is, up to rounding
    return dual


class Landmarks:
    """Training stances summed over landmarks, which are stances too: what a group is left out of.

    `inputs` {kind: (stance, padding)} and `targets` (S, Q, C) are those of the training stances, `groups` (S,) their
    names; `own` are the landmarks' inputs, `owners` (M,) the names of their groups. With a `rank` the weights of each
    component are mixtures of that many curves.
    """

    def __init__(self, inputs, targets, groups, own, owners, candidate, *, shape, rank=None):
        self.training, self.targets, self.groups, self.owners = inputs, targets, groups, owners
        self.rank = rank
        self.basis, self._kept = basis(own, candidate, shape=shape), {}
        self.sums = self._sum(np.arange(len(targets)))

    def dual(self, group=None):
        """Give the weights (M, n) of the landmarks, by all stances but those of `group`, whose landmarks weigh 0."""
        mine = np.flatnonzero(self.groups == group)
        if not len(mine):  # None, or a group without a training stance
            return self._reduced(solve(self.basis, self.sums), self.sums)
        if group not in self._kept:
            left = self.sums.minus(self._sum(mine))
            dual = solve(self.basis, left, np.flatnonzero(self.owners == group))
            self._kept = {group: self._reduced(dual, left)}  # the last one alone: each is large
        return self._kept[group]

    def _reduced(self, dual, sums):
        """Mix the weights of each component of `rank` curves: those that keep most of the training stances' estimates.

        They are the principal ones of what is estimated for the stances that were summed.
        """
        if self.rank is None:
            return dual
        components = self.targets.shape[2]
        for component in range(components):
            part = dual[:, component::components]
            weights = self.basis.lower.T @ part
            _, curves = eigh(weights.T @ sums.gram @ weights)
            kept = curves[:, -self.rank :]
            dual[:, component::components] = part @ kept @ kept.T
        return dual

    def _sum(self, stances):
        """Sum the stances with these indices, a block at a time."""
        parts = (stances[first : first + BLOCK] for first in range(0, len(stances), BLOCK))
        return reduce(
            Sums.plus, (sum_block((take(self.training, part), self.targets[part]), self.basis) for part in parts)
        )


def leave_groups_out(inputs, targets, groups, candidate, *, shape):
    """Estimate the targets (S, Q, C) of each of the `groups` (S,) from all others, on landmarks, by one candidate."""
    index = draw(len(targets))
    fitted = Landmarks(inputs, targets, groups, half(take(inputs, index)), groups[index], candidate, shape=shape)
    estimated = np.empty(targets.shape)
    for group in np.unique(groups):
        mine = np.flatnonzero(groups == group)
        for part in (mine[first : first + BLOCK] for first in range(0, len(mine), BLOCK)):
            kernel = _kernel(take(inputs, part), fitted.basis.rows, candidate, shape)
            estimated[part] = (kernel @ fitted.dual(group)).reshape(-1, *targets.shape[1:])
    return estimated


def take(inputs, index):
    """Take the stances with these indices out of inputs {kind: (stance, padding)}."""
    return {kind: tuple(part[index] for part in pair) for kind, pair in inputs.items()}


def half(inputs):
    """Convert inputs to half precision."""
    return {kind: tuple(part.astype(np.float16) for part in pair) for kind, pair in inputs.items()}


def _kernel(inputs, rows, candidate, shape):
    """Give the kernel rows (S, M) of stances in double precision: sums must not depend on how they are cut."""
    doubled = {kind: tuple(part.astype(np.float64) for part in pair) for kind, pair in inputs.items()}
    return weigh(compare(doubled, rows, shape), candidate, shape)
