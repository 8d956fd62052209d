"""Recordings made worse in a documented way: what another pose system would see.

Each way takes points (F, 11, 3) m at `rate_hz` and returns points and rate; `amount` is in the way's own unit. All that is random follows from
`rng`. Sources: our choice; sizes as reported for markerless against marker-based systems (Kanko et al. 2021, J Biomech 127:110665).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline

GAP_S = 0.03  # mean length of a gap, which is drawn: our choice, some frames; longer ones are not estimated anyway


def noise(points, rate_hz, amount, rng):
    """Add white noise to each coordinate, amount m (SD): jitter from frame to frame."""
    return points + rng.normal(0, amount, points.shape), rate_hz


def bias(points, rate_hz, amount, rng):
    """Move each point the same way throughout the recording, by amount m (SD in each coordinate): another idea of where a joint is."""
    return points + rng.normal(0, amount, points.shape[1:]), rate_hz


def rate(points, rate_hz, amount, rng):
    """Record at another rate, amount Hz: frames at other times, between the ones that are there along a cubic spline.

    A slower camera aliases what the low-pass of a faster one would have removed, as cameras do; a faster one adds frames and no information.
    """
    wanted = np.arange(0, (len(points) - 1) / rate_hz, 1 / amount) * rate_hz
    values = np.empty((len(wanted), *points.shape[1:]))
    for point in range(points.shape[1]):
        known = np.isfinite(points[:, point]).all(axis=1)
        values[:, point] = CubicSpline(np.flatnonzero(known), points[known, point])(wanted)
        values[~known[np.rint(wanted).astype(int)], point] = np.nan
    return values, float(amount)


def missing(points, rate_hz, amount, rng):
    """Hide single points in gaps of GAP_S on average (geometric), so that a share `amount` of all samples is missing."""
    hidden, length = np.zeros(points.shape[:2], bool), max(1.0, GAP_S * rate_hz)
    for point in range(points.shape[1]):
        begins = np.flatnonzero(rng.random(len(points)) < amount / length / (1 - amount))
        for begin in begins:
            if not hidden[
                max(begin - 1, 0), point
            ]:  # a gap begins where the point is seen, so that shares and lengths are as asked
                hidden[begin : begin + rng.geometric(1 / length), point] = True
    return np.where(hidden[:, :, None], np.nan, points), rate_hz


class Way(NamedTuple):
    """One way: its function, what its amount is called, and what turns it into that unit."""

    make: Callable
    called: str
    factor: float


WAYS = {
    "noise": Way(noise, "point noise, SD (mm)", 1000),
    "bias": Way(bias, "bias of each point, SD (mm)", 1000),
    "rate": Way(rate, "frame rate (Hz)", 1),
    "missing": Way(missing, "missing points (%)", 100),
}
