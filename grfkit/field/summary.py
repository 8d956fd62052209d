"""Tables of footsteps -> left against right, and change over time, each with the smallest detectable difference.

Tables are those of estimate.estimate_recording, of several recordings one below the other.
"""

import numpy as np
import pandas as pd
from scipy.stats import t as student

from grfkit import features

QUANTITIES = ["contact_s", "flight_s", "step_rate_per_min", *features.FEATURES]
# of a side, for an asymmetry. In left-out training runners of rbds the difference of 5 steps a side is further from
# that of 30 s of plates than the limit in 7 % of cases, as that of 20 is, and 10 % are allowed
FEWEST_STEPS = 5
FEWEST_OF_TREND = 20  # footsteps, or pairs of a left and a right one: our choice, some seven seconds of running
TREND_LEVEL = 0.95  # of the interval of a trend, and of all trends of a recording together
# share of a recording's footsteps out of range, above which no difference or trend is stated: our choice, ten times
# that of left-out training runners
MOST_OUT_OF_RANGE = 0.1
SIDES = ["left", "right", "left_steps", "right_steps"]
ASYMMETRY_COLUMNS = ["file", "quantity", *SIDES, "asymmetry_pct", "model_pct", "steps_pct", "limit_pct", "told"]
LINE = ["n", "per_min", "low_per_min", "high_per_min", "at_start", "at_end", "p"]  # of trend_line
TREND_COLUMNS = ["file", "quantity", "of", "over_s", *LINE]


def asymmetry_pct(left, right):
    """Give the asymmetry of left and right values: 100 (L - R) / ((L + R) / 2) (Robinson, Herzog & Nigg 1987)."""
    return 200 * (left - right) / (left + right)


def asymmetry(footsteps, limits_pct, *, level):
    """Compare left and right footsteps: a row for each recording and quantity.

    asymmetry_pct is that of the means `left` and `right`. model_pct is the largest error of the model's estimate of it,
    for a share `level` of runners it was not trained on: `limits_pct` {quantity: half width} of a FieldModel. steps_pct
    is the error because footsteps vary. limit_pct is both, added as independent errors: our choice. `told` is the side
    with more if the difference is larger than limit_pct, "none" if it is not, and "" if that is unknown: few footsteps,
    several of them out of the training range, or a quantity for which the model was not evaluated.
    """
    rows = []
    for file, table in footsteps.groupby("file", sort=False):
        for quantity in QUANTITIES:
            left, right = (table.loc[table["side"] == side, quantity].dropna().to_numpy(float) for side in "lr")
            means = [side.mean() if len(side) else np.nan for side in (left, right)]
            difference, model = asymmetry_pct(*means), limits_pct.get(quantity, np.nan)
            varied = _varied_pct(left, right, level)
            limit = np.hypot(model, varied)
            told = "" if np.isnan(limit) or out_of_range(table) else _larger_side(difference, limit)
            rows.append((file, quantity, *means, len(left), len(right), difference, model, varied, limit, told))
    return pd.DataFrame(rows, columns=ASYMMETRY_COLUMNS)


def trends(footsteps):
    """Fit a straight line over time to each quantity of each recording, and to its asymmetry: a row for each.

    `of` is steps (left and right together, each with its own level) or asymmetry (of each left footstep and the right
    one after it, %). over_s is the time from the first footstep to the last, per_min the slope a minute with its 95 %
    interval, at_start and at_end are the line at the first and last footstep. p is corrected for the number of lines of
    the recording (Holm 1979, Scand J Stat 6:65). `told` marks p of at most .05, where nearly all footsteps are in the
    training range. Too few footsteps have no line (NaN).
    """
    rows, unsure = [], [file for file, table in footsteps.groupby("file") if out_of_range(table)]
    for file, table in footsteps.groupby("file", sort=False):
        minutes, left = table["touchdown_s"].to_numpy() / 60, (table["side"] == "l").to_numpy()
        pairs = np.flatnonzero(left[:-1] & ~left[1:] & table["step_s"].notna().to_numpy()[:-1])
        for quantity in QUANTITIES:
            values = table[quantity].to_numpy(float)
            uneven, one_level = asymmetry_pct(values[pairs], values[pairs + 1]), np.zeros(len(pairs), bool)
            for of, times, each, level in (
                ("steps", minutes, values, left),
                ("asymmetry", minutes[pairs], uneven, one_level),
            ):
                rows.append((file, quantity, of, _span_s(times[np.isfinite(each)]), *trend_line(times, each, level)))
    table = pd.DataFrame(rows, columns=TREND_COLUMNS)
    table["p"] = table.groupby("file", sort=False)["p"].transform(holm)
    return table.assign(told=(table["p"] <= 1 - TREND_LEVEL) & ~table["file"].isin(unsure))


def holm(p):
    """Correct p values (N,) for their number, so that one of N true nulls is rejected as rarely as a single one.

    Each is multiplied by how many are at least as large, and none is smaller than one before it; NaN does not count
    (Holm 1979, Scand J Stat 6:65).
    """
    p = np.asarray(p, float)
    order = np.argsort(p)  # NaN last
    count = np.isfinite(p).sum()
    corrected = np.full(len(p), np.nan)
    factors = count - np.arange(count)
    corrected[order[:count]] = np.minimum(np.maximum.accumulate(factors * p[order[:count]]), 1)
    return corrected


def trend_line(minutes, values, left):
    """Fit a line to values (S,) at times (S,) min, left footsteps (S,) bool with a level of their own.

    Returns n, slope, low, high, at start, at end, p (two-tailed, of this line alone). Neighbouring footsteps resemble
    each other, and so count for fewer: n (1 - r) / (1 + r), with r the correlation of a distance from the line with the
    next one, where that is positive (Santer et al. 2000, J Geophys Res 105:7337, for the standard error and its degrees
    of freedom). NaN is left out.
    """
    finite = np.isfinite(values)
    minutes, values, left = minutes[finite], values[finite], left[finite]
    if len(values) < FEWEST_OF_TREND:
        return len(values), *[np.nan] * 6
    levels = np.stack([~left, left], axis=1)[:, [not left.all(), left.any()]].astype(float)
    design = np.column_stack([minutes, levels])
    fitted = np.linalg.lstsq(design, values, rcond=None)[0]
    slope = fitted[0]
    off = values - design @ fitted
    across = minutes - levels @ np.linalg.lstsq(levels, minutes, rcond=None)[0]
    freedom, half, p = _effective_count(off) - design.shape[1], np.inf, 1.0
    if freedom > 0:
        error = np.sqrt(off @ off / freedom / (across @ across))
        half = student.ppf((1 + TREND_LEVEL) / 2, freedom) * error
        p = 2 * student.sf(abs(slope) / error, freedom) if error > 0 else float(slope == 0)
    middle = values.mean() - slope * minutes.mean()
    ends = middle + slope * minutes[0], middle + slope * minutes[-1]
    return len(values), slope, slope - half, slope + half, *ends, p


def _span_s(minutes):
    """Give the time from the first to the last of `minutes` (S,) in s, NaN where there is none."""
    return 60 * (minutes[-1] - minutes[0]) if len(minutes) else np.nan


def _larger_side(difference, limit):
    return "none" if abs(difference) <= limit else "left" if difference > 0 else "right"


def out_of_range(footsteps):
    """Tell whether several footsteps are out of the training range: differences may then be the model's error."""
    return several(int((footsteps["unlike"] != "").sum()), len(footsteps))


def several(unlike, steps):
    """Tell whether too many of a recording's footsteps are `unlike` to state anything: a share, and more than one."""
    return unlike > max(1, MOST_OUT_OF_RANGE * steps)


def _varied_pct(left, right, level):
    """Give the error (percentage points) of an asymmetry of means at `level`, because footsteps (S,) vary.

    NaN for few footsteps.
    """
    if min(len(left), len(right)) < FEWEST_STEPS:
        return np.nan
    errors = [side.std(ddof=1) / np.sqrt(_effective_count(side - side.mean())) for side in (left, right)]
    means = left.mean(), right.mean()
    spread = 400 * np.hypot(errors[0] * means[1], errors[1] * means[0]) / sum(means) ** 2
    return student.ppf((1 + level) / 2, min(len(left), len(right)) - 1) * spread


def _effective_count(off):
    """Give for how many independent ones values (S,), less their mean or line, count."""
    power = off @ off
    similar = np.clip(off[:-1] @ off[1:] / power, 0, 0.99) if power > 0 else 0.0
    return len(off) * (1 - similar) / (1 + similar)
