"""The five features of a stance that running injury research reads off its force curves (paper section 1.4.3, Figure 3)."""

import numpy as np
import pandas as pd

from grfkit import ESTIMATES, FORCES

FEATURES = ["propulsive_peak_bw", "braking_peak_bw", "impact_peak_bw", "active_peak_bw", "vlr_bw_s"]
IMPACT_SHARE = 0.13  # of stance: some runners have no distinct impact peak (paper section 1.4.3)


def extract(curve, time_s, *, vlr):
    """Read the five features off one stance.

    `curve` (T, 3) BW over stance alone, AP, ML, V; `time_s` (T,) s from touchdown to toe-off. The impact peak is the
    vertical force at 13 % of stance, the active peak the largest one, the braking peak a positive magnitude.
    `vlr` names the vertical loading rate: "touchdown_to_13" is the mean slope from touchdown, where force is 0, to
    the impact peak, which the published means fit; "20_to_80" the slope between 20 and 80 % of that interval.
    Returns {feature: value}. Raises ValueError for another shape, or a force that cannot be in body weights.
    """
    if curve.ndim != 2 or curve.shape[1] != 3 or len(curve) != len(time_s) or len(curve) < 3:
        raise ValueError(f"A curve is (T, 3) with T times, T > 2; found {curve.shape} and {np.shape(time_s)}. Transpose it?")
    if not np.isfinite(curve).all() or np.abs(curve).max() > 20:
        raise ValueError(f"A curve is in body weights, without NaN; found values up to {np.abs(curve).max():.0f}. "
                         "If they are newtons, divide by mass_kg * 9.81.")
    vertical, impact_s = curve[:, 2], IMPACT_SHARE * (time_s[-1] - time_s[0])
    impact = np.interp(time_s[0] + impact_s, time_s, vertical)
    return dict(zip(FEATURES, [curve[:, 0].max(), -curve[:, 0].min(), impact, vertical.max(),
                               loading_rate(vertical, time_s, impact_s, vlr)], strict=True))


def loading_rate(vertical, time_s, impact_s, definition):
    """Vertical loading rate, BW/s, of a vertical force (T,) BW by one of two definitions (see extract)."""
    if definition == "touchdown_to_13":
        return np.interp(time_s[0] + impact_s, time_s, vertical) / impact_s
    if definition == "20_to_80":
        low, high = np.interp(time_s[0] + impact_s * np.array([0.2, 0.8]), time_s, vertical)
        return (high - low) / (0.6 * impact_s)
    raise ValueError(f"vlr is touchdown_to_13 or 20_to_80; found {definition!r}.")


def measured(frames, *, vlr):
    """Read the measured features of each stance: a row for each stance, a column for each feature.

    `frames` holds frames of stance alone (metrics.in_stance).
    """
    rows = [{"stance": stance, **extract(rows[FORCES].to_numpy(float), rows["time_s"].to_numpy(float), vlr=vlr)}
            for stance, rows in frames.groupby("stance", sort=False)]
    return pd.DataFrame(rows)


def by_stance(predictions, *, vlr):
    """Read the features of each stance: a row for each estimator, stance and feature, measured and estimated.

    `predictions` holds frames of stance alone (metrics.in_stance).
    """
    rows = []
    for (estimator, stance), frames in predictions.groupby(["estimator", "stance"], sort=False):
        time_s = frames["time_s"].to_numpy(float)
        plate, ours = (extract(frames[columns].to_numpy(float), time_s, vlr=vlr) for columns in (FORCES, ESTIMATES))
        rows += [(estimator, stance, name, plate[name], ours[name]) for name in FEATURES]
    return pd.DataFrame(rows, columns=["estimator", "stance", "feature", "measured", "estimated"])


def first_stance(predictions):
    """Take the first stance of predictions as measured: times (T,) s and curve (T, 3) BW."""
    rows = predictions[(predictions["stance"] == predictions["stance"].iloc[0])
                       & (predictions["estimator"] == predictions["estimator"].iloc[0])]
    return rows["time_s"].to_numpy(float), rows[FORCES].to_numpy(float)


def summary(measured, published):
    """Summarise measured features (a column each) over stances beside the published plate's, Table 2."""
    table = measured[FEATURES].agg(["mean", "std", "count"]).T.set_axis(["mean", "sd", "n"], axis=1)
    for column in ("measured_mean", "measured_sd"):
        table[f"published_{column}"] = [published[feature][column] for feature in FEATURES]
    return table.rename_axis("feature").reset_index()
