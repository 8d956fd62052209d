"""How close an estimated curve is to the measured one: r, RMSE and nRMSE over stance (paper section 1.4.3).

In: curves, or tables of frames as in predictions.parquet. Out: scores of each curve; `tables` summarises them. An
estimator may leave a direction out: the estimate is then NaN in every frame, and so are its scores.
"""

import numpy as np
import pandas as pd

from grfkit.points import DIRECTIONS, ESTIMATES, FORCES

MEASURES = ["r", "rmse_bw", "nrmse_pct"]
TOLERANCE_S = 1e-6  # times of frames are stored in single precision


def in_stance(frames, stances):
    """Mark the frames of stance, without the padding before touchdown and after toe-off; returns (N,) bool.

    `frames` as in stances.parquet or predictions.parquet, `stances` as in stances.csv. Raises ValueError if a frame's
    stance has no row.
    """
    contact = (stances["toeoff_s"] - stances["touchdown_s"]).set_axis(stances["stance"])
    ends = frames["stance"].map(contact)
    if ends.isna().any():
        raise ValueError(
            "Each frame belongs to a stance that has a row in stances.csv; "
            f"{frames['stance'][ends.isna()].nunique()} stances have no row. Run 01_preprocess and 03_train again."
        )
    return ((frames["time_s"] >= -TOLERANCE_S) & (frames["time_s"] <= ends + TOLERANCE_S)).to_numpy()


def predictions(frames, estimates):
    """Pair estimates {estimator: (N, 3) BW} with the measured forces of the same frames (predictions.parquet)."""
    measured = frames[["stance", "frame", "time_s", *FORCES]]
    tables = [
        measured.assign(**dict(zip(ESTIMATES, np.float32(values.T), strict=True))) for values in estimates.values()
    ]
    return pd.concat(tables, keys=estimates, names=["estimator"]).reset_index("estimator").reset_index(drop=True)


def not_estimated(measured, estimated):
    """Mark the directions (..., C) that an estimate (..., T, C) leaves out: NaN in every frame.

    Raises ValueError for NaN in some frames only, and for NaN in the measured force (..., T, C).
    """
    if not np.isfinite(measured).all():
        raise ValueError(
            f"A measured force has a value in every frame; {(~np.isfinite(measured)).sum()} of {np.size(measured)} are "
            "NaN or infinite. Run 01_preprocess again."
        )
    absent = ~np.isfinite(estimated)
    none = np.isnan(estimated).all(axis=-2)
    if (absent.any(axis=-2) & ~none).any():
        absent = absent.reshape(-1, absent.shape[-1])
        raise ValueError(
            f"A direction is estimated in every frame, or is NaN in all of them; of {len(absent)} frames "
            f"{', '.join(map(str, absent.sum(axis=0)))} are NaN or infinite (a number for each direction). "
            "Check the model, and the points it was given."
        )
    return none


def first_stance(predictions):
    """Take the first stance of predictions: times (T,) s, measured (T, 3) BW and {estimator: (T, 3) BW}."""
    rows = predictions[predictions["stance"] == predictions["stance"].iloc[0]]
    estimated = {name: part[ESTIMATES].to_numpy() for name, part in rows.groupby("estimator", sort=False)}
    frames = rows[rows["estimator"] == rows["estimator"].iloc[0]]
    return frames["time_s"].to_numpy(float), frames[FORCES].to_numpy(float), estimated


def pearson(measured, estimated):
    """Correlate two curves (T, C); returns r and P, each (C,), NaN for a curve without variance or not estimated."""
    from scipy.stats import pearsonr  # loading takes a second, and 01 does not need it

    absent = not_estimated(measured, estimated)
    result = [
        pearsonr(m, e) if not none and np.ptp(m) and np.ptp(e) else (np.nan, np.nan)
        for m, e, none in zip(measured.T, estimated.T, absent, strict=True)
    ]
    return np.array(result).T


def rmse(measured, estimated):
    """Give the root mean square error (..., C) of curves (..., T, C), in their unit; NaN where not estimated."""
    not_estimated(measured, estimated)
    return np.sqrt(np.mean((estimated - measured) ** 2, axis=-2))


def nrmse(measured, estimated):
    """Give the RMSE (..., C) of curves (..., T, C), in % of the measured range.

    Source: the paper's own numbers: .110 BW / 4.36 % = 2.52 BW, the measured active peak.
    """
    return 100 * rmse(measured, estimated) / np.ptp(measured, axis=-2)


def by_stance(predictions):
    """Score each stance: a row for each estimator, stance and direction with r, p, rmse_bw and nrmse_pct.

    `predictions` holds frames of stance alone (in_stance).
    """
    rows = []
    for (estimator, stance), frames in predictions.groupby(["estimator", "stance"], sort=False):
        measured, estimated = (frames[columns].to_numpy(float) for columns in (FORCES, ESTIMATES))
        scores = *pearson(measured, estimated), rmse(measured, estimated), nrmse(measured, estimated)
        rows += [(estimator, stance, *row) for row in zip(DIRECTIONS, *scores, strict=True)]
    return pd.DataFrame(rows, columns=["estimator", "stance", "direction", "r", "p", "rmse_bw", "nrmse_pct"])


def ours(table):
    """Name a table's own estimator: the first one, but the baseline `mean_curve` only where there is no other."""
    names = list(dict.fromkeys(table["estimator"]))
    return next((name for name in names if name != "mean_curve"), names[0])


def runner_of(table, stances):
    """Give the runner of each row of a table with the column stance: a Series named runner."""
    return table["stance"].map(stances.set_index("stance")["runner"]).rename("runner")
