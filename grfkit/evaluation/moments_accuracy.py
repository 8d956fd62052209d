"""How far joint moments from estimated force and centre of pressure are from those by force plates, on the same motion.

In: stances.csv with `weighed_kg`, recordings with plates, and the curves that 10_field estimated with each runner left
out. Out: moments, and tables of their errors. Times are 101 nodes from measured touchdown to toe-off. A source is a
pair of force (S, 101, 3) in weighed body weights and centre of pressure (S, 101, 3) m. Moments are (S, 101, 3), in the
order of moments.NAMES.
"""

import numpy as np
import pandas as pd

from grfkit import metrics, transform
from grfkit.estimators.samples import NODES, speed_names
from grfkit.evaluation import moments as joint_moments
from grfkit.evaluation.left_out_runners import BASELINE, means_with_limits
from grfkit.points import ESTIMATES, GRAVITY

COP = ["est_cop_ap", "est_cop_ml"]
ALL = "all"
MEASURES = ["r", "rmse_nm_kg", "nrmse_pct"]


def evaluated_stances(stances, curves, trials, motions):
    """Take the stances that `curves` (10_field) estimate, that are weighed, and that `motions` show completely.

    Adds `sex` by the table of trials, and `speed` as samples.prepare names it.
    """
    first, last = stances["touchdown_s"].to_numpy(), stances["toeoff_s"].to_numpy()
    seen = np.zeros(len(stances), bool)
    for file, rows in stances.groupby("file").indices.items():
        seen[rows] = file in motions and motions[file].seen(first[rows], last[rows])
    kept = stances[seen & stances["stance"].isin(curves["stance"]) & stances["weighed_kg"].notna()]
    kept = kept.reset_index(drop=True)
    sex = kept["file"].map(trials.set_index("file")["sex"].str.strip().str.lower().str[:1])
    return kept.assign(sex=sex, speed=speed_names(kept))


def node_times(stances):
    """Give the times (S, 101) s of equally spaced nodes over each stance."""
    first, last = (stances[[name]].to_numpy() for name in ("touchdown_s", "toeoff_s"))
    return first + (last - first) * np.linspace(0, 1, NODES)


def leg_motion(motions, stances):
    """Read the stance legs' points and accelerations, (S, 101, 4, 3) m and m/s^2, in the laboratory, at the nodes."""
    times = node_times(stances)
    points, accelerations = np.empty((2, *times.shape, len(joint_moments.LEG), 3))
    for number, stance in enumerate(stances.itertuples()):
        motion, at = motions[stance.file], times[number]
        points[number] = joint_moments.leg(motion.spline(at), stance.side) + at[:, None, None] * motion.way_m_s
        accelerations[number] = joint_moments.leg(motion.spline(at, 2), stance.side)
    return points, accelerations


def measured_source(recorded, stances, *, cutoff_hz, threshold_n):
    """Read the plates' force and centre of pressure at the nodes of each stance: the first source.

    `recorded` as recordings.read gives. Force, and the moments that give the centre, pass the same low-pass (None:
    none). The centre is their quotient over the frames that are loaded, so that the laboratory's origin does
    not matter; below `threshold_n` it stays where it was last known.
    """
    force, cop = np.empty((2, len(stances), NODES, 3))
    for each in recorded:
        rows = np.flatnonzero((stances["file"] == each.file).to_numpy())
        clock = np.arange(len(each.force)) / each.force_hz
        loaded = np.isfinite(each.cop).all(axis=1)
        load = np.where(loaded, each.force[:, 2], 0.0)[:, None]
        values = np.concatenate([each.force, load, load * np.where(loaded[:, None], each.cop, 0.0)], axis=1)
        values = transform.lowpass(values, cutoff_hz=cutoff_hz, rate_hz=each.force_hz) if cutoff_hz else values
        for row, at in zip(rows, node_times(stances.iloc[rows]), strict=True):
            here = _interpolate(at, clock, values)
            force[row] = here[:, :3] / (stances["weighed_kg"].iloc[row] * GRAVITY)
            sure = here[:, 3] > threshold_n
            cop[row] = _interpolate(at, at[sure], here[sure, 4:] / here[sure, 3:4])
    return force, cop


def estimated_source(curves, stances, points):
    """Read estimated force and centre of pressure at the nodes of each measured stance: a source.

    Force is 0 outside the detected contact. `curves` as 10_field saves them: est_cop_* are from the ankle, (S, 101, 4,
    3) `points`; the ground is at V = 0. Raises ValueError for curves without a centre of pressure.
    """
    absent = sorted({"stance", "time_s", *ESTIMATES, *COP} - set(curves))
    if absent:
        raise ValueError(
            f"Joint moments need a centre of pressure; curves.parquet lacks {', '.join(absent)}. "
            "Run 10_field again, on recordings with plates."
        )
    blocks, times = dict(iter(curves.groupby("stance"))), node_times(stances)
    force, cop = np.zeros((2, *times.shape, 3))
    ankles = points[:, :, joint_moments.LEG.index("ankle"), :2]
    for number, stance in enumerate(stances["stance"]):
        block = blocks[stance].sort_values("time_s")
        clock = block["time_s"].to_numpy()
        force[number] = _interpolate(times[number], clock, block[ESTIMATES].to_numpy(), outside=0.0)
        cop[number, :, :2] = _interpolate(times[number], clock, block[COP].to_numpy(float)) + ankles[number]
    return force, cop


def moments_of_sources(points, accelerations, sources, stances):
    """Compute moments {name: (S, 101, 3)} N m/kg of sources {name: (force, centre of pressure)} on the same motion."""
    results = {name: np.empty((*points.shape[:2], len(joint_moments.NAMES))) for name in sources}
    for (side, sex), rows in stances.groupby(["side", "sex"], dropna=False).indices.items():
        for name, (force, cop) in sources.items():
            ankle, knee = joint_moments.moments(points[rows], accelerations[rows], force[rows], cop[rows], sex=sex)
            results[name][rows] = joint_moments.named(ankle, knee, side)
    return results


def scores(plates, sources, stances):
    """Score moments {source: (S, 101, 3)} against the plates': a row for each source, moment and stance.

    The measures are Pearson's r, RMSE (N m/kg) and nRMSE (%).
    """
    tables = []
    for source, values in sources.items():
        results = correlation(values, plates), metrics.rmse(plates, values), metrics.nrmse(plates, values)
        tables.append(_lay_out(stances, source, dict(zip(MEASURES, results, strict=True))))
    return pd.concat(tables, ignore_index=True)


def correlation(curves, others):
    """Correlate curves (S, Q, C) node by node: Pearson's r, (S, C)."""
    curves, others = (values - values.mean(axis=1, keepdims=True) for values in (curves, others))
    return (curves * others).sum(axis=1) / np.sqrt((curves**2).sum(axis=1) * (others**2).sum(axis=1))


def peaks(plates, sources, stances):
    """Read the largest value over stance of each moment, N m/kg, with the error and its size.

    Returns a row for each source, moment and stance.
    """
    measured = plates.max(axis=1)
    tables = [
        _lay_out(stances, source, {"estimated": values.max(axis=1), "measured": measured})
        for source, values in sources.items()
    ]
    table = pd.concat(tables, ignore_index=True)
    error = table["estimated"] - table["measured"]
    return table.assign(error=error, abs_error=error.abs())


def means_by_speed(table, stances, values):
    """Average rows of `scores` or `peaks` over stances, with limits over runners.

    Returns a row for each source, moment and speed, and for all speeds.
    """
    parts = {speed: table[table["speed"] == speed] for speed in sorted(table["speed"].unique())} | {ALL: table}
    rows = [
        means_with_limits(part, stances, by=["source", "moment"], values=values).assign(speed=speed)
        for speed, part in parts.items()
    ]
    return pd.concat(rows, ignore_index=True)


def peak_table(table, stances):
    """Lay out `peaks`: a row for each source, moment and speed, and all speeds.

    Measured and estimated mean and SD; mean error with limits over runners, and SD; mean size of the error, also in %
    of the measured mean. `r_of_runners` is the correlation of the runners' estimated and measured means. The baseline
    has none: the higher a runner's own mean, the lower the mean of all others.
    """
    groups = ["source", "moment", "speed"]
    result = means_by_speed(table, stances, ["measured", "estimated", "error", "abs_error"]).set_index(groups)
    table = table.assign(runner=metrics.runner_of(table, stances))
    both = pd.concat([table, table.assign(speed=ALL)])
    for name in ("measured", "estimated", "error"):
        result[f"{name}_sd"] = both.groupby(groups)[name].std()
    means = both[both["source"] != BASELINE].groupby([*groups, "runner"])[["measured", "estimated"]].mean()
    result["r_of_runners"] = means.groupby(groups).apply(
        lambda group: group["measured"].corr(group["estimated"]) if len(group) > 2 else np.nan
    )
    result["abs_error_pct"] = 100 * result["abs_error"] / result["measured"]
    names = ["measured", "measured_sd", "estimated", "estimated_sd", "error", "error_low", "error_high", "error_sd"]
    names += ["abs_error", "abs_error_low", "abs_error_high", "abs_error_pct", "r_of_runners", "n", "runners"]
    return result[names].reset_index()


def runner_peaks(table, stances, source):
    """Average the `peaks` of one source over the stances of each runner, of those in `stances`.

    Returns a row for each moment and runner, with measured and estimated (N m/kg).
    """
    mine = table[(table["source"] == source) & table["stance"].isin(stances["stance"])]
    return mine.groupby(["moment", metrics.runner_of(mine, stances)])[["measured", "estimated"]].mean().reset_index()


def _lay_out(stances, source, columns):
    """Lay values {column: (S, 3)} of a source out as a row for each moment and stance."""
    tables = [
        stances[["stance", "speed"]].assign(
            source=source, moment=name, **{column: values[:, number] for column, values in columns.items()}
        )
        for number, name in enumerate(joint_moments.NAMES)
    ]
    return pd.concat(tables)


def _interpolate(at, clock, values, outside=None):
    """Interpolate values (T, C) at times `at`; beyond the first and the last they stay, or are `outside`."""
    return np.stack([np.interp(at, clock, column, left=outside, right=outside) for column in values.T], axis=1)
