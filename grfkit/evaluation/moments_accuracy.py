"""How far joint moments from estimated force and centre of pressure are from those by the plates, on the same motion: a runner's is left out.

Stances are rows of stances.csv with `weighed_kg` and `sex`; times are 101 nodes from measured touchdown to toe-off. A source is a pair of
force (S, 101, 3) in weighed body weights and centre of pressure (S, 101, 3) m. Moments are (S, 101, 3), in the order of joints.NAMES.
"""

import numpy as np
import pandas as pd

from grfkit import transform
from grfkit.estimators.samples import NODES, SPEED_STEP
from grfkit.evaluation import left_out_runners
from grfkit.evaluation import moments as joint_moments
from grfkit.points import ESTIMATES, GRAVITY

CENTRES = ["est_cop_ap", "est_cop_ml"]
BASELINE, ALL = "mean of the other runners", "all"
MEASURES = ["r", "rmse_nm_kg", "nrmse_pct"]


def known(stances, curves, trials, motions):
    """Take the stances that `curves` (10_field) estimate, that are weighed, and that `motions` show wholly; with `sex`, and `speed` as
    samples.prepare names it."""
    first, last = stances["touchdown_s"].to_numpy(), stances["toeoff_s"].to_numpy()
    seen = np.zeros(len(stances), bool)
    for file, rows in stances.groupby("file").indices.items():
        seen[rows] = file in motions and motions[file].seen(first[rows], last[rows])
    kept = stances[seen & stances["stance"].isin(curves["stance"]) & stances["weighed_kg"].notna()].reset_index(
        drop=True
    )
    sex = kept["file"].map(trials.set_index("file")["sex"].str.strip().str.lower().str[:1])
    ours = kept["split"] != "other_speed"
    speed = (
        ((kept["speed_m_s"] / SPEED_STEP).round() * SPEED_STEP)
        .mask(ours, kept["speed_m_s"][ours].mean())
        .map("{:.1f} m/s".format)
    )
    return kept.assign(sex=sex, speed=speed)


def nodes(stances):
    """Give the times (S, 101) s of equally spaced nodes over each stance."""
    first, last = (stances[[name]].to_numpy() for name in ("touchdown_s", "toeoff_s"))
    return first + (last - first) * np.linspace(0, 1, NODES)


def legs(motions, stances):
    """Read the stance legs' points and accelerations, (S, 101, 4, 3) m and m/s^2, in the laboratory, at the nodes of each stance."""
    times = nodes(stances)
    points, accelerations = np.empty((2, *times.shape, len(joint_moments.LEG), 3))
    for number, stance in enumerate(stances.itertuples()):
        motion, at = motions[stance.file], times[number]
        points[number] = joint_moments.leg(motion.spline(at), stance.side) + at[:, None, None] * motion.way_m_s
        accelerations[number] = joint_moments.leg(motion.spline(at, 2), stance.side)
    return points, accelerations


def measured(recorded, stances, *, cutoff_hz, threshold_n):
    """Read the plates' force and centre of pressure at the nodes of each stance: the first source.

    `recorded` as field_known.read gives. Force, and the moments that give the centre, pass the same low-pass (None: none), and the centre is
    their quotient over the frames that are loaded, so that where the laboratory's origin lies does not matter; below `threshold_n` it stays
    where it was last known.
    """
    force, cop = np.empty((2, len(stances), NODES, 3))
    for each in recorded:
        rows = np.flatnonzero((stances["file"] == each.file).to_numpy())
        clock = np.arange(len(each.force)) / each.force_hz
        loaded = np.isfinite(each.cop).all(axis=1)
        load = np.where(loaded, each.force[:, 2], 0.0)[:, None]
        values = np.concatenate([each.force, load, load * np.where(loaded[:, None], each.cop, 0.0)], axis=1)
        values = transform.lowpass(values, cutoff_hz=cutoff_hz, rate_hz=each.force_hz) if cutoff_hz else values
        for row, at in zip(rows, nodes(stances.iloc[rows]), strict=True):
            here = np.stack([np.interp(at, clock, column) for column in values.T], axis=1)
            force[row] = here[:, :3] / (stances["weighed_kg"].iloc[row] * GRAVITY)
            sure = here[:, 3] > threshold_n
            cop[row] = _held(at, at[sure], here[sure, 4:] / here[sure, 3:4])
    return force, cop


def estimated(curves, stances, points):
    """Read estimated force and centre of pressure at the nodes of each measured stance: force is 0 outside the detected contact.

    `curves` as 10_field saves them: est_cop_* are from the ankle, (S, 101, 4, 3) `points`; the ground is at V = 0.
    """
    absent = sorted({"stance", "time_s", *ESTIMATES, *CENTRES} - set(curves))
    if absent:
        raise ValueError(
            f"Moments need a centre of pressure; curves.parquet lacks {', '.join(absent)}. "
            "Run 10_field again, on recordings with plates."
        )
    blocks, times = dict(iter(curves.groupby("stance"))), nodes(stances)
    force, cop = np.zeros((2, *times.shape, 3))
    for number, stance in enumerate(stances["stance"]):
        block = blocks[stance].sort_values("time_s")
        clock = block["time_s"].to_numpy()
        force[number] = np.stack(
            [np.interp(times[number], clock, block[name], left=0.0, right=0.0) for name in ESTIMATES], axis=1
        )
        cop[number, :, :2] = (
            _held(times[number], clock, block[CENTRES].to_numpy(float))
            + points[number, :, joint_moments.LEG.index("ankle"), :2]
        )
    return force, cop


def of_sources(points, accelerations, sources, stances):
    """Compute the moments of each source {name: (force, centre of pressure)} on the same motion: {name: (S, 101, 3)}."""
    results = {name: np.empty((*points.shape[:2], len(joint_moments.NAMES))) for name in sources}
    for (side, sex), rows in stances.groupby(["side", "sex"], dropna=False).indices.items():
        for name, (force, cop) in sources.items():
            ankle, knee = joint_moments.moments(points[rows], accelerations[rows], force[rows], cop[rows], sex=sex)
            results[name][rows] = joint_moments.named(ankle, knee, side)
    return results


def mean_of_others(moments, stances):
    """Give each stance the mean measured moments (S, 101, 3) of the other runners at its speed, each runner counting once: the baseline.

    NaN where nobody else ran at that speed.
    """
    runners, result = stances["runner"].to_numpy(), np.full_like(moments, np.nan)
    for _, rows in stances.groupby("speed").indices.items():
        names = np.unique(runners[rows])
        means = {name: moments[rows[runners[rows] == name]].mean(axis=0) for name in names}
        for name in names:
            others = [mean for other, mean in means.items() if other != name]
            if others:
                result[rows[runners[rows] == name]] = np.mean(others, axis=0)
    return result


def scores(plates, sources, stances):
    """Score moments {source: (S, 101, 3)} against the plates': a row for each source, stance and moment, with r, RMSE (N m/kg) and nRMSE (%)."""
    tables = []
    for source, values in sources.items():
        error = np.sqrt(np.mean((values - plates) ** 2, axis=1))
        results = correlation(values, plates), error, 100 * error / np.ptp(plates, axis=1)
        tables += [
            pd.DataFrame(dict(zip(MEASURES, (result[:, number] for result in results), strict=True))).assign(
                source=source, moment=name, stance=stances["stance"], speed=stances["speed"]
            )
            for number, name in enumerate(joint_moments.NAMES)
        ]
    return pd.concat(tables, ignore_index=True)


def correlation(one, other):
    """Correlate curves (S, Q, C) node by node: Pearson's r, (S, C)."""
    one, other = (values - values.mean(axis=1, keepdims=True) for values in (one, other))
    return (one * other).sum(axis=1) / np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))


def peaks(plates, sources, stances):
    """Read the largest value over stance of each moment: a row for each source, stance and moment, N m/kg, with the error and its size."""
    tables, about = [], stances[["stance", "speed"]]
    for source, values in sources.items():
        tables += [
            about.assign(
                source=source,
                moment=name,
                estimated=values[..., number].max(axis=1),
                measured=plates[..., number].max(axis=1),
            )
            for number, name in enumerate(joint_moments.NAMES)
        ]
    table = pd.concat(tables, ignore_index=True)
    error = table["estimated"] - table["measured"]
    return table.assign(error=error, abs_error=error.abs())


def summary(table, stances, values):
    """Average rows of `scores` or `peaks` over stances: a row for each source, moment and speed, and all speeds; limits over runners as in 08."""
    table, rows = table.rename(columns={"source": "estimator"}), []
    for speed in [*sorted(table["speed"].unique()), ALL]:
        mine = table if speed == ALL else table[table["speed"] == speed]
        rows.append(left_out_runners.summary(mine, stances, key="moment", values=values).assign(speed=speed))
    return pd.concat(rows, ignore_index=True).rename(columns={"estimator": "source"})


def peak_table(table, stances):
    """Lay out `peaks`: measured and estimated mean and SD, mean error with limits over runners and SD, mean size of the error, also in % of the
    measured mean, and how well the estimated means of the runners correlate with the measured ones (not of the baseline: a mean of all others
    is the lower the higher one's own)."""
    result = summary(table, stances, ["measured", "estimated", "error", "abs_error"]).set_index(
        ["source", "moment", "speed"]
    )
    runner = table["stance"].map(stances.set_index("stance")["runner"]).rename("runner")
    both, of = (
        pd.concat([table.assign(runner=runner), table.assign(runner=runner, speed=ALL)]),
        ["source", "moment", "speed"],
    )
    for name in ("measured", "estimated", "error"):
        result[f"{name}_sd"] = both.groupby(of)[name].std()
    means = both[both["source"] != BASELINE].groupby([*of, "runner"])[["measured", "estimated"]].mean()
    result["r_of_runners"] = means.groupby(of).apply(
        lambda group: group["measured"].corr(group["estimated"]) if len(group) > 2 else np.nan
    )
    result["abs_error_pct"] = 100 * result["abs_error"] / result["measured"]
    names = [
        "measured",
        "measured_sd",
        "estimated",
        "estimated_sd",
        "error",
        "error_low",
        "error_high",
        "error_sd",
        "abs_error",
        "abs_error_low",
        "abs_error_high",
        "abs_error_pct",
        "r_of_runners",
        "n",
        "runners",
    ]
    return result[names].reset_index()


def runner_peaks(table, stances, source):
    """Average the `peaks` of one source over each runner's stances, of those in `stances`: moment, runner, measured and estimated (N m/kg)."""
    mine = table[(table["source"] == source) & table["stance"].isin(stances["stance"])]
    runner = mine["stance"].map(stances.set_index("stance")["runner"]).rename("runner")
    return mine.groupby(["moment", runner])[["measured", "estimated"]].mean().reset_index()


def _held(at, clock, values):
    """Interpolate values (T, C) known at times (T,) at others; beyond the first and the last they stay as they are."""
    return np.stack([np.interp(at, clock, column) for column in values.T], axis=1)
