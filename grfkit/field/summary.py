"""A recording in few numbers: left and right, whether they differ by more than can be told, and how steps change over time.

Tables of steps are those of field_estimate.one, those of several recordings below each other.
"""

import numpy as np
import pandas as pd
from scipy.stats import t as student

from grfkit import features

QUANTITIES = ["contact_s", "flight_s", "step_rate_per_min", *features.FEATURES]
FEWEST_STEPS = 5  # of a side, to speak of an asymmetry: as field_doubt.asymmetry_errors judges it
FEWEST_OF_TREND = 20  # steps, or pairs of a left and a right one: our choice, some seven seconds of steps
TREND_LEVEL = 0.95  # of the interval of a trend
MOST_UNLIKE = 0.5  # share of a recording's steps that are unlike the training runners' from which on nothing is told of it: our choice


def asymmetry(steps, limits_pct, *, level):
    """Compare left and right steps: a row for each recording and quantity.

    asymmetry_pct is 100 (L - R) / ((L + R) / 2) of the means `left` and `right` (Robinson, Herzog & Nigg 1987). model_pct is how far the
    model's estimate of it is off at most for a share `level` of runners it never saw, `limits_pct` {quantity: half width} of a FieldModel;
    steps_pct how far it is off since steps vary; limit_pct both, as independent errors add (our choice). `told` is the side with more where
    the difference is larger than limit_pct, "none" where not, "" where that is not known: few steps, most of them unlike those of the training
    runners, or a quantity that the model was not judged on.
    """
    rows = []
    for file, table in steps.groupby("file", sort=False):
        for name in QUANTITIES:
            left, right = (table.loc[table["side"] == side, name].dropna().to_numpy(float) for side in "lr")
            means = [side.mean() if len(side) else np.nan for side in (left, right)]
            difference, varied = 200 * (means[0] - means[1]) / sum(means), _varied_pct(left, right, level)
            model = limits_pct.get(name, np.nan)
            limit = np.hypot(model, varied)
            told = (
                ""
                if np.isnan(limit) or _unlike(table)
                else "none"
                if abs(difference) <= limit
                else "left"
                if difference > 0
                else "right"
            )
            rows.append((file, name, *means, len(left), len(right), difference, model, varied, limit, told))
    return pd.DataFrame(
        rows,
        columns=[
            "file",
            "quantity",
            "left",
            "right",
            "left_steps",
            "right_steps",
            "asymmetry_pct",
            "model_pct",
            "steps_pct",
            "limit_pct",
            "told",
        ],
    )


def trends(steps):
    """Fit a straight line over time to each quantity of each recording, and to its asymmetry: a row for each.

    `of` is steps (left and right together, each with its own level) or asymmetry (of each left step and the right one after it, %).
    per_min is the slope a minute with its 95 % interval, at_start and at_end the line at the first and last step; `told` where the interval
    leaves 0 out, and most steps are like those of the training runners. Too few steps have no line (NaN).
    """
    rows, unlike = [], [file for file, table in steps.groupby("file") if _unlike(table)]
    for file, table in steps.groupby("file", sort=False):
        minutes, left = table["touchdown_s"].to_numpy() / 60, (table["side"] == "l").to_numpy()
        pairs = np.flatnonzero(left[:-1] & ~left[1:] & table["step_s"].notna().to_numpy()[:-1])
        for name in QUANTITIES:
            values = table[name].to_numpy(float)
            uneven = 200 * (values[pairs] - values[pairs + 1]) / (values[pairs] + values[pairs + 1])
            rows += [
                (file, name, "steps", *line(minutes, values, left)),
                (file, name, "asymmetry", *line(minutes[pairs], uneven, np.zeros(len(pairs), bool))),
            ]
    table = pd.DataFrame(
        rows, columns=["file", "quantity", "of", "n", "per_min", "low_per_min", "high_per_min", "at_start", "at_end"]
    )
    return table.assign(told=((table["low_per_min"] > 0) | (table["high_per_min"] < 0)) & ~table["file"].isin(unlike))


def line(minutes, values, left):
    """Fit a line to values (S,) at times (S,) min, left steps (S,) bool with a level of their own: n, slope, low, high, at start, at end.

    Steps that follow one another are alike, and so count for fewer: n (1 - r) / (1 + r), with r the correlation of one step's
    distance from the line with the next one's, where that is positive (Santer et al. 2000, J Geophys Res 105:7337, for the standard error and its
    degrees of freedom). NaN is left out.
    """
    known = np.isfinite(values)
    minutes, values, left = minutes[known], values[known], left[known]
    if len(values) < FEWEST_OF_TREND:
        return len(values), *[np.nan] * 5
    levels = np.stack([~left, left], axis=1)[:, [not left.all(), left.any()]].astype(float)
    design = np.column_stack([minutes, levels])
    found, *_ = np.linalg.lstsq(design, values, rcond=None)
    off = values - design @ found
    across = minutes - levels @ np.linalg.lstsq(levels, minutes, rcond=None)[0]
    freedom = _alone(off) - design.shape[1]
    half = (
        student.ppf((1 + TREND_LEVEL) / 2, freedom) * np.sqrt(off @ off / freedom / (across @ across))
        if freedom > 0
        else np.inf
    )
    middle = values.mean() - found[0] * minutes.mean()
    return (
        len(values),
        found[0],
        found[0] - half,
        found[0] + half,
        middle + found[0] * minutes[0],
        middle + found[0] * minutes[-1],
    )


def _unlike(steps):
    """Tell whether most steps of a recording are unlike those of the training runners: what they show may be the model's error."""
    return (steps["unlike"] != "").mean() > MOST_UNLIKE


def _varied_pct(left, right, level):
    """Give how far (points) an asymmetry of means is off for a share `level` of recordings, since steps (S,) vary; NaN for few steps."""
    if min(len(left), len(right)) < FEWEST_STEPS:
        return np.nan
    errors = [side.std(ddof=1) / np.sqrt(_alone(side - side.mean())) for side in (left, right)]
    means = left.mean(), right.mean()
    spread = 400 * np.hypot(errors[0] * means[1], errors[1] * means[0]) / sum(means) ** 2
    return student.ppf((1 + level) / 2, min(len(left), len(right)) - 1) * spread


def _alone(off):
    """Give for how many independent ones values (S,), less their mean or line, count."""
    power = off @ off
    alike = np.clip(off[:-1] @ off[1:] / power, 0, 0.99) if power > 0 else 0.0
    return len(off) * (1 - alike) / (1 + alike)
