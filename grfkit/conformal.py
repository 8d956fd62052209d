"""Uncertainty that is calibrated on people: how far estimates were off for runners who were left out, as a band for the next one.

Arrays: S stances, Q nodes, C components; a residual is estimated less measured.
"""

import numpy as np


def half_widths(residuals, runners, *, level):
    """Give the half width (Q, C) of a band that holds a share `level` of the left-out residuals (S, Q, C), at each node.

    Each runner counts the same, however many stances there are: it is the weighted quantile of split conformal prediction for
    people with repeated measurements (Lee, Barber & Willett 2023), without the mass at infinity that would make it hold for
    a runner who is one of few: our choice, so that a band means what it says on average, no more. `runners` (S,) names.
    """
    weights = runner_weights(runners)
    order = np.argsort(np.abs(residuals), axis=0)
    reached = np.cumsum(weights[order], axis=0) >= level - 1e-12
    return np.take_along_axis(np.take_along_axis(np.abs(residuals), order, axis=0), reached.argmax(axis=0)[None], axis=0)[0]


def coverage(residuals, runners, *, level):
    """Tell which left-out residuals (S, Q, C) lie in the band that all other runners give; returns (S, Q, C) bool."""
    inside = np.empty(residuals.shape, bool)
    for runner in np.unique(runners):
        mine = runners == runner
        inside[mine] = np.abs(residuals[mine]) <= half_widths(residuals[~mine], runners[~mine], level=level)
    return inside


def runner_weights(runners):
    """Weigh stances so that each runner counts the same: (S,), their sum is 1."""
    names, index, counts = np.unique(runners, return_inverse=True, return_counts=True)
    return 1 / (counts[index] * len(names))
