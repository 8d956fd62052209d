"""Centres of pressure in the field: m from the ankle joint at the same moment, so that they do not depend on where the laboratory is.

Arrays: (S, 101, 2), AP and ML, over stance; curves (S, 101, 5), of which they are the last two. Tables of steps are those of grfkit.evaluation.field.field_accuracy.
"""

import numpy as np
import pandas as pd

from grfkit.evaluation import left_out_runners, moments, moments_accuracy
from grfkit.evaluation.field import field_accuracy
from grfkit.field import contacts as field_contacts
from grfkit.points import MIRROR

LOADED_BW = 0.1  # less vertical force, and the centre of pressure is a quotient of two small numbers: our choice


def measured(steps, recorded, motions, section):
    """Measure the centre of pressure (S, 101, 2) m, AP and ML from the ankle joint, of measured steps."""
    _, cop = moments_accuracy.measured_source(
        recorded, steps, cutoff_hz=section.force_cutoff_hz, threshold_n=section.contact_threshold_n
    )
    points, _ = moments_accuracy.leg_motion(motions, steps)
    return (cop - points[:, :, moments.LEG.index("ankle")])[..., :2]


def mirrored(steps, centres):
    """Turn centres (S, 101, 2) of left legs into those of right ones; again, and they are back."""
    left = (steps["side"] == "l").to_numpy()[:, None, None]
    return np.where(left, MIRROR[:2], 1.0) * centres


def mean_of_others(steps, centres, curves):
    """Put in place of the centres of `curves` the mean of the measured ones of the other runners at each one's speed: the baseline, (S, 101, 5)."""
    return np.concatenate(
        [curves[..., :3], mirrored(steps, left_out_runners.mean_of_other_runners(mirrored(steps, centres), steps))],
        axis=2,
    )


def paired(steps, centres, contacts, curves):
    """Lay measured centres and those of the contacts that are the same stances side by side, left legs mirrored: two arrays (N, 101, 2)."""
    rows = contacts["stance"].notna().to_numpy()
    place = pd.Series(range(len(steps)), index=steps["stance"])[contacts["stance"][rows]].to_numpy()
    return mirrored(steps, centres)[place], mirrored(contacts[rows], curves[rows][..., 3:])


def errors(steps, measured, estimated):
    """Summarise the errors (mm) of centres of pressure {name: (contacts, curves (S, 101, 5))} against `measured` (S, 101, 2) m of the steps.

    Root mean square over the moments at which the estimated vertical force is above LOADED_BW, mean over stances; a row for each name,
    direction and speed.
    """
    rows = []
    at = moments_accuracy.node_times(steps)
    for name, (contacts, curves) in estimated.items():
        place = pd.Series(range(len(contacts)), index=contacts["stance"])[lambda found: found.index.notna()].reindex(
            steps["stance"]
        )
        kept = place.notna().to_numpy()
        values = field_contacts.at_times(
            contacts, curves, np.repeat(place[kept].astype(int).to_numpy(), at.shape[1]), at[kept].ravel()
        )
        values = values.reshape(kept.sum(), at.shape[1], -1)
        loaded = values[..., 2] > LOADED_BW
        squares = (
            np.where(loaded[..., None], (values[..., 3:] - measured[kept]) ** 2, 0.0).sum(axis=1)
            / loaded.sum(axis=1)[:, None]
        )
        errors = pd.DataFrame(1000 * np.sqrt(squares), columns=["AP", "ML"]).assign(
            speed=steps["speed"].to_numpy()[kept]
        )
        both = pd.concat([errors, errors.assign(speed=field_accuracy.ALL)])
        rows.append(
            both.melt("speed", var_name="direction", value_name="rmse_mm")
            .groupby(["direction", "speed"])["rmse_mm"]
            .agg(["mean", "size"])
            .rename(columns={"mean": "rmse_mm", "size": "n"})
            .reset_index()
            .assign(estimator=name)
        )
    return pd.concat(rows, ignore_index=True)[["estimator", "direction", "speed", "rmse_mm", "n"]]
