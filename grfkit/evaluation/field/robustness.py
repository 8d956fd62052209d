"""Recordings made worse (grfkit.evaluation.field.degrade), and what their steps, contacts and forces come to: runners who are left out, as in grfkit.evaluation.field.field_accuracy."""

import numpy as np
import pandas as pd

from grfkit.estimators import samples
from grfkit.evaluation.field import degrade, field_accuracy, ground_truth
from grfkit.field import events, motion
from grfkit.points import DIRECTIONS


def degraded(recorded, steps, taken, detector, regression, cases, *, seconds, seed, settings):
    """Judge recordings that are made worse: a row for each way and amount (grfkit.evaluation.field.degrade), the first as they are.

    `cases` are {way: amounts}. The first `seconds` of each recording are degraded, its steps found, timed and estimated by all other runners'
    recordings as they are, and compared with the plates: share (%) of measured steps that were estimated and that are right, RMSE of
    timing (ms), RMSE (BW) and nRMSE (%) of each direction. `settings` hold points_cutoff_hz, max_gap_s, padding_s and flight_s.
    """
    rows, early = [], steps[steps["toeoff_s"] + events.WIDE < seconds]
    taken, early = samples.take(taken, early.index.to_numpy()), early.reset_index(drop=True)
    for way, amount in [("none", 0.0), *((way, amount) for way, amounts in cases.items() for amount in amounts)]:
        motions = {
            each.file: _worse(each, way, amount, seconds, np.random.default_rng([seed, number]), settings)
            for number, each in enumerate(recorded)
        }
        motions = {file: moved for file, moved in motions.items() if moved is not None}
        found = motion.find(motions)
        known, _ = ground_truth.match(found, early.drop(columns="mid_s"))
        contacts = field_accuracy.contacts_by_others(detector, motions, found, early, known)
        row = {
            "way": way,
            "amount": amount,
            "steps": len(early),
            "estimated_pct": 100 * contacts["stance"].notna().sum() / len(early),
        }
        rows.append(
            row
            | (
                _errors(contacts, early, taken, regression, motions, settings)
                if contacts["stance"].notna().any()
                else {}
            )
        )
    return pd.DataFrame(rows)


def _errors(contacts, steps, taken, regression, motions, settings):
    """Give what degraded says of the contacts that were estimated."""
    curves, _ = field_accuracy.estimate(regression, motions, contacts, settings)
    errors, (scores, _) = (
        field_accuracy.timing_errors(contacts, steps),
        field_accuracy.forces(taken, steps, {"degraded": (contacts, curves)}),
    )
    near = errors[(errors[["touchdown", "toeoff"]].abs() < 1000 * field_accuracy.FAR_S).all(axis=1)]
    means = scores.groupby("direction", sort=False)[["rmse_bw", "nrmse_pct"]].mean()
    return {
        "right_pct": 100 * len(near) / len(steps),
        **{f"{event}_rmse_ms": field_accuracy.rms(near[event]) for event in ("touchdown", "toeoff", "contact")},
        **{
            f"{measure}_{direction.lower()}": means.loc[direction, measure]
            for direction in DIRECTIONS
            for measure in means
        },
    }


def _worse(each, way, amount, seconds, rng, settings):
    """Give the motion of a recording made worse; None where too little is left of it."""
    points, rate_hz = each.points[: round(seconds * each.point_hz)], each.point_hz
    if way != "none":
        points, rate_hz = degrade.WAYS[way].make(points, rate_hz, amount, rng)
    try:
        return motion.motion(points, rate_hz, cutoff_hz=settings["points_cutoff_hz"], max_gap_s=settings["max_gap_s"])
    except ValueError:  # hardly a frame shows all points
        return None
