"""The average of several recipes, with weights that are chosen on left-out runners.

In: Samples, recipes, groups of runners, estimates. Out: weights and averages. Arrays: S stances, N frames, M recipes, C
directions, G groups of runners.

Runners are divided into groups once. For a left-out runner the other groups are the folds. Each fold is estimated by a
fit that saw neither it nor the runner's own group, and the weights with the least error over the folds are chosen. So
the weights of a runner depend neither on the runner nor on anyone in the runner's group. A fit without two groups
serves the runners of both. This takes 6 fits to half the runners; three folds inside every left-out fit would take
three fits for each runner.
"""

from itertools import combinations

import numpy as np
from scipy.optimize import nnls

from grfkit import transform
from grfkit.estimators import registry
from grfkit.points import COMPONENTS

GROUPS = 4  # a runner's own, and three folds of the other runners
FEWEST = 3  # a runner's own, one to train on, one to estimate


def divide(runners, *, seed):
    """Divide runners at random into groups of equal size, as far as possible; returns {runner: number of a group}.

    Three runners make three groups. Raises ValueError for fewer.
    """
    names = np.unique(runners).tolist()
    if len(names) < FEWEST:
        raise ValueError(
            "To weigh recipes for a left-out runner, a second runner is trained on and a third one estimated; found "
            f"{len(names)} runners at the study's speed. Write `ensemble: []` in the study file."
        )
    numbers = np.random.default_rng(seed).permutation(len(names)) % min(GROUPS, len(names))
    return dict(zip(names, numbers.tolist(), strict=True))


def leave_pairs_out(samples, recipe, group, *, seed, network):
    """Estimate the stances of each group by fits that saw neither it nor another group; returns (G, N, 3) BW.

    `group` (S,) numbers the group of each stance; -1 is in none and always trained on. Of the result, [g] are the
    estimates without group g as well; NaN for the frames of g and of no group. `network` are an LSTM's
    hyper-parameters.
    """
    pairs = list(combinations(range(group.max() + 1), 2))
    parts = [(np.flatnonzero(~among), np.flatnonzero(among)) for among in (np.isin(group, pair) for pair in pairs)]
    estimates = registry.class_of(recipe).leave_out(samples, recipe, parts, seed=seed, network=network)
    result = np.full((group.max() + 1, *samples.forces.shape), np.nan)
    for pair, (_, both), estimated in zip(pairs, parts, estimates, strict=True):
        rows, groups = transform.rows_of(samples.lengths, both), np.repeat(group[both], samples.lengths[both])
        for mine, other in (pair, pair[::-1]):
            result[other, rows[groups == mine]] = estimated[groups == mine]
    return result


def choose_weights(inner, measured, group, inside):
    """Choose the weights (G, M, C) for the runners of each group: those with the least error over the other groups.

    `inner` (M, G, N, C) BW are estimates as leave_pairs_out gives them, `measured` (N, C) BW the forces, `group` (N,)
    the group of each frame. Frames that `inside` (N,) does not mark do not count.
    """
    weights = np.empty((inner.shape[1], len(inner), len(COMPONENTS)))
    for g in range(len(weights)):
        counted = inside & (group != g)
        errors = inner[:, g, counted] - measured[counted]
        weights[g] = np.stack([least_error_weights(errors[..., c].T) for c in range(len(COMPONENTS))], axis=1)
    return weights


def least_error_weights(errors):
    """Give the weights (M,), none negative, sum 1, of the average with the least squared error; `errors` (N, M) BW.

    A missing estimate (NaN) has the weight 0; if all are missing, the weights are NaN. Exact: the non-negative
    least-squares solution (scipy), with one more row that pulls the sum to 1, is the wanted one up to its sum.
    """
    given = np.isfinite(errors).all(axis=0)
    weights = np.full(len(given), 0.0 if given.any() else np.nan)
    if given.any():
        triangle = np.linalg.qr(errors[:, given] / np.sqrt(len(errors)), mode="r")  # M rows of the same squared error
        found, _ = nnls(np.vstack([triangle, np.ones(given.sum())]), np.append(np.zeros(len(triangle)), 1.0))
        weights[given] = found / found.sum()
    return weights


def average(estimates, weights):
    """Average estimates (M, N, C) by weights (N, M, C); an estimate with the weight 0 may be NaN."""
    weights = weights.swapaxes(0, 1)
    return np.where(weights == 0, 0, weights * estimates).sum(axis=0)
