"""The five features of a stance that running injury research uses (paper section 1.4.3, Figure 3).

They are propulsive, braking, impact and active peak, and the vertical loading rate (VLR). In: force curves of stances,
or tables of their frames. Out: features by name, or a table with a row for each stance.
"""

import numpy as np
import pandas as pd

from grfkit.metrics import not_estimated
from grfkit.points import ESTIMATES, FORCES

FEATURES = ["propulsive_peak_bw", "braking_peak_bw", "impact_peak_bw", "active_peak_bw", "vlr_bw_s"]
IMPACT_SHARE = 0.13  # of stance: some runners have no distinct impact peak (paper section 1.4.3)
# definitions of the vertical loading rate; the first is the default
LOADING_RATES = ["touchdown_to_13", "20_to_80", "first_25_ms"]
FIRST_S = 0.025  # of first_25_ms


def extract(curve, time_s, *, vlr):
    """Read the five features off one stance.

    `curve` (T, 3) BW over stance alone, AP, ML, V; `time_s` (T,) s from touchdown to toe-off. The impact peak is the
    vertical force at 13 % of stance, the active peak the largest one, the braking peak a positive magnitude. `vlr`
    names the definition of the vertical loading rate (loading_intervals).

    Returns {feature: value}. If a direction is NaN in every frame, its features are NaN. Raises ValueError for another
    shape, and for a force that cannot be in body weights.
    """
    if curve.ndim != 2 or curve.shape[1] != 3 or len(curve) != len(time_s) or len(curve) < 3:
        raise ValueError(
            f"A curve is (T, 3) with T times, T > 2; found {curve.shape} and {np.shape(time_s)}. "
            "Transpose it, or give as many times as rows."
        )
    given = curve[:, ~np.isnan(curve).all(axis=0)]
    if not given.size or not np.isfinite(given).all() or np.abs(given).max() > 20:
        raise ValueError(
            f"A curve is in body weights, without NaN; found values up to {np.abs(curve).max():.0f}. "
            "If they are newtons, divide by mass_kg * 9.81. If some are NaN, leave the stance out."
        )
    vertical, impact_s = curve[:, 2], IMPACT_SHARE * (time_s[-1] - time_s[0])
    impact = np.interp(time_s[0] + impact_s, time_s, vertical)
    rate = loading_rate(vertical, time_s, vlr)
    values = curve[:, 0].max(), -curve[:, 0].min(), impact, vertical.max(), rate
    return dict(zip(FEATURES, values, strict=True))


def loading_rate(vertical, time_s, definition):
    """Give the vertical loading rate, BW/s: the mean slope of a vertical force (T,) BW in the definition's interval.

    Raises ValueError for an unknown definition.
    """
    if definition not in LOADING_RATES:
        raise ValueError(f"vlr is one of {', '.join(LOADING_RATES)}; found {definition!r}. Choose one of these.")
    (begin, end), (low, high) = loading_intervals(vertical, time_s)[definition]
    return (high - low) / (end - begin)


def loading_intervals(vertical, time_s):
    """Give where each definition reads the loading rate: {definition: (times (2,) s after touchdown, forces (2,) BW)}.

    "touchdown_to_13": from touchdown, where force is 0, to the impact peak at 13 % of stance. Fits the published means.
    "20_to_80": between 20 and 80 % of that interval (after Milner et al. 2006, Med Sci Sports Exerc 38:323-328).
    "first_25_ms": the first 25 ms from touchdown. It needs no peak. It is in use, but we did not find its first source.
    Force is interpolated linearly between frames. Raises ValueError for a stance shorter than 25 ms.
    """
    stance_s = time_s[-1] - time_s[0]
    if not stance_s > FIRST_S:
        raise ValueError(
            f"A loading rate needs a stance longer than {FIRST_S} s; found {stance_s:.4f} s. Give the times in s."
        )
    impact_s = IMPACT_SHARE * stance_s
    times = np.array([[0, impact_s], [0.2 * impact_s, 0.8 * impact_s], [0, FIRST_S]])
    forces = np.where(times > 0, np.interp(time_s[0] + times, time_s, vertical), 0)
    return dict(zip(LOADING_RATES, zip(times, forces, strict=True), strict=True))


def measured(frames, *, vlr):
    """Read the measured features: a row for each stance, a column for each feature.

    `frames` holds frames of stance alone (metrics.in_stance). Raises ValueError for a measured force with NaN.
    """
    plate = frames[FORCES].to_numpy(float)
    not_estimated(plate, plate)
    rows = [
        {"stance": stance, **extract(rows[FORCES].to_numpy(float), rows["time_s"].to_numpy(float), vlr=vlr)}
        for stance, rows in frames.groupby("stance", sort=False)
    ]
    return pd.DataFrame(rows)


def by_stance(predictions, *, vlr):
    """Read measured and estimated features: a row for each estimator, stance and feature.

    `predictions` holds frames of stance alone (metrics.in_stance). If a direction was not estimated, its features are
    NaN. Raises ValueError for a measured force with NaN.
    """
    rows = []
    for (estimator, stance), frames in predictions.groupby(["estimator", "stance"], sort=False):
        time_s = frames["time_s"].to_numpy(float)
        curves = [frames[columns].to_numpy(float) for columns in (FORCES, ESTIMATES)]
        not_estimated(*curves)
        plate, ours = (extract(curve, time_s, vlr=vlr) for curve in curves)
        rows += [(estimator, stance, name, plate[name], ours[name]) for name in FEATURES]
    return pd.DataFrame(rows, columns=["estimator", "stance", "feature", "measured", "estimated"])
