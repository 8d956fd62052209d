"""Robustness: recordings degraded as by another pose system -> errors of the left-out runners.

Each way takes points (F, 11, 3) m at `rate_hz` and gives points and rate; `amount` is in the way's own unit. All random
numbers come from `rng`. Sources: our choice; sizes as reported for markerless against marker-based systems (Kanko et
al. 2021, J Biomech 127:110665).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.interpolate import CubicSpline

from grfkit import transform
from grfkit.estimators import samples
from grfkit.evaluation.field import field_accuracy, ground_truth
from grfkit.field import events, motion
from grfkit.points import DIRECTIONS

FEWEST = 16  # frames that a low-pass needs; with fewer, nothing is estimated anyway
GAP_S = 0.03  # mean length of a gap: our choice, some frames; longer ones are not estimated anyway


def noise(points, rate_hz, amount, rng):
    """Add white noise to each coordinate, amount m (SD): jitter from frame to frame."""
    return points + rng.normal(0, amount, points.shape), rate_hz


def bias(points, rate_hz, amount, rng):
    """Move each point by the same way in all frames, amount m (SD in each coordinate): a joint placed elsewhere."""
    return points + rng.normal(0, amount, points.shape[1:]), rate_hz


def rate(points, rate_hz, amount, rng):
    """Record at another rate, amount Hz: a cubic spline gives the frames between the recorded ones.

    A slower camera aliases what the low-pass of a faster one would have removed, as cameras do; a faster one adds
    frames and no information.
    """
    wanted = np.arange(0, (len(points) - 1) / rate_hz, 1 / amount) * rate_hz
    values = np.empty((len(wanted), *points.shape[1:]))
    for point in range(points.shape[1]):
        seen = np.isfinite(points[:, point]).all(axis=1)
        values[:, point] = CubicSpline(np.flatnonzero(seen), points[seen, point])(wanted)
        values[~seen[np.rint(wanted).astype(int)], point] = np.nan
    return values, float(amount)


def missing(points, rate_hz, amount, rng):
    """Hide single points in gaps of GAP_S on average (geometric), so that a share `amount` of samples is missing."""
    hidden, length = np.zeros(points.shape[:2], bool), max(1.0, GAP_S * rate_hz)
    for point in range(points.shape[1]):
        begins = np.flatnonzero(rng.random(len(points)) < amount / length / (1 - amount))
        for begin in begins:
            if not hidden[max(begin - 1, 0), point]:  # a gap begins where the point is seen, to keep share and length
                hidden[begin : begin + rng.geometric(1 / length), point] = True
    return np.where(hidden[:, :, None], np.nan, points), rate_hz


def smoothed(points, rate_hz, amount, rng):
    """Low-pass at amount Hz without lag, as other software may have done before; a gap is bridged and stays a gap."""
    values = np.full(points.shape, np.nan)
    for point in range(points.shape[1]):
        seen = np.flatnonzero(np.isfinite(points[:, point]).all(axis=1))
        if len(seen) < FEWEST:
            continue
        frames = np.arange(seen[0], seen[-1] + 1)
        whole = CubicSpline(seen, points[seen, point])(frames)
        cutoff_hz = min(amount, motion.MOST_SHARE * rate_hz)
        values[seen, point] = transform.lowpass(whole, cutoff_hz=cutoff_hz, rate_hz=rate_hz)[seen - seen[0]]
    return values, rate_hz


class Way(NamedTuple):
    """One way to degrade: its function, what its amount is called, and what turns it into that unit."""

    make: Callable
    called: str
    factor: float


WAYS = {
    "noise": Way(noise, "point noise, SD (mm)", 1000),
    "bias": Way(bias, "bias of each point, SD (mm)", 1000),
    "rate": Way(rate, "frame rate (Hz)", 1),
    "missing": Way(missing, "missing points (%)", 100),
    "smoothed": Way(smoothed, "low-pass of the points (Hz)", 1),
}


def evaluate_degraded(measured, model, cases, *, seconds, seed):
    """Evaluate a FieldModel on degraded recordings: a row for each way and amount, the first of recordings as they are.

    `cases` are {way: amounts}. The first `seconds` of each recording are degraded; its footsteps are found, timed and
    estimated by all other runners' recordings as they are, and compared with the plates: share (%) of measured
    footsteps that are estimated and that are right, RMSE of timing (ms), RMSE (BW) and nRMSE (%) of each direction.
    """
    lean = field_accuracy.plates_lean(measured.footsteps, samples.curve_targets(measured.samples))
    early = measured.take(np.flatnonzero(measured.footsteps["toeoff_s"] + events.WIDE < seconds))
    footsteps, rows = early.footsteps, []
    for way, amount in [("none", 0.0), *((way, amount) for way, amounts in cases.items() for amount in amounts)]:
        motions = _degraded_motions(measured.recorded, way, amount, seconds, seed, model.settings)
        found = motion.find_footsteps(motions)
        matched, _ = ground_truth.match(found, footsteps.drop(columns="mid_s"))
        contacts = field_accuracy.detect_left_out(model.detector, motions, found, footsteps, matched)
        estimated = contacts["stance"].notna()
        row = {"way": way, "amount": amount, "steps": len(footsteps)}
        row["estimated_pct"] = 100 * estimated.sum() / len(footsteps)
        rows.append(row | (_errors(early, model, motions, contacts, lean) if estimated.any() else {}))
    return pd.DataFrame(rows)


def _errors(measured, model, motions, contacts, lean):
    """Give the columns of evaluate_degraded that tell of the contacts which were estimated."""
    curves, _ = field_accuracy.estimate_left_out(model, motions, contacts, lean)
    scores, _ = field_accuracy.score_forces(measured, {"degraded": (contacts, curves)})
    near = field_accuracy.near(field_accuracy.timing_errors(contacts, measured.footsteps))
    means = scores.groupby("direction", sort=False)[["rmse_bw", "nrmse_pct"]].mean()
    columns = {"right_pct": 100 * len(near) / len(measured.footsteps)}
    columns |= {f"{event}_rmse_ms": field_accuracy.rms(near[event]) for event in events.EVENT_NAMES}
    for direction in DIRECTIONS:
        columns |= {f"{measure}_{direction.lower()}": means.loc[direction, measure] for measure in means}
    return columns


def _degraded_motions(recorded, way, amount, seconds, seed, settings):
    """Give the motions {file: Motion} of degraded recordings, without those of which too little is left."""
    motions, filtering = {}, {"cutoff_hz": settings["points_cutoff_hz"], "max_gap_s": settings["max_gap_s"]}
    for number, each in enumerate(recorded):
        points, rate_hz = each.points[: round(seconds * each.point_hz)], each.point_hz
        if way != "none":
            points, rate_hz = WAYS[way].make(points, rate_hz, amount, np.random.default_rng([seed, number]))
        try:
            motions[each.file] = motion.from_points(points, rate_hz, **filtering)
        except ValueError:  # hardly a frame shows all points
            continue
    return motions
