"""Recordings cut into stances: read, side, checks, body weight, and the tidy tables.

Every stance that is left out gets a row that says why.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from grfkit import transform
from grfkit.points import FEET, FORCES, GRAVITY, INPUTS, POINTS, Excluded
from grfkit.recordings import plates as force_plates
from grfkit.recordings.read import load_trial
from grfkit.stances import checks, tracks


def collect(
    trials,
    folder,
    *,
    landmark_source,
    forward,
    up,
    plates,
    treadmill,
    speed_m_s,
    other_speeds_m_s,
    body_weight,
    force_cutoff_hz,
    points_cutoff_hz,
    contact_threshold_n,
    padding_s,
    limits,
):
    """Read trials one after the other, cut them into stances and weigh the runners; cohort.collect does it runner by runner.

    `trials` are rows of recordings.read_trials' table, all of a runner's among them; `folder` is the recordings';
    `landmark_source` is {"points": ..., "theia": ..., "clusters": ...}, one of them set; `limits` are the thresholds of the checks.
    Returns DataFrames as in stances.csv (`split` is other_speed outside `speed_m_s`, which are read within `other_speeds_m_s`
    alone, None for no others; else not drawn yet; and `weighed_kg`, `unit_kg`), stances.parquet and excluded.csv, and one of the
    weights: runner, mass_kg, weighed_kg, difference_pct. Without a valid stance all but `excluded` have no rows.
    Raises ValueError, with the file's name, for a file that cannot be read or lacks a marker.
    """
    stances, frames, excluded, statics = [], [], [], {}
    widest = other_speeds_m_s or speed_m_s
    for trial in trials.itertuples():
        ours = speed_m_s[0] <= trial.speed_m_s <= speed_m_s[1]
        if not ours and not widest[0] <= trial.speed_m_s <= widest[1]:
            excluded.append((trial.file, "", np.nan, f"speed outside {widest[0]} to {widest[1]} m/s"))
            continue
        try:
            recording, points = load_trial(
                trial, Path(folder), statics, landmark_source, forward=forward, up=up, plates=plates
            )
            found = cut(
                recording,
                points,
                mass_kg=trial.mass_kg,
                speed_m_s=trial.speed_m_s,
                treadmill=treadmill,
                force_cutoff_hz=force_cutoff_hz,
                points_cutoff_hz=points_cutoff_hz,
                contact_threshold_n=contact_threshold_n,
                padding_s=padding_s,
                limits=limits,
            )
            check_braking_first([outcome[1] for _, _, outcome in found if not isinstance(outcome, Excluded)])
        except Excluded as reason:
            excluded.append((trial.file, "", np.nan, str(reason)))
            continue
        except ValueError as error:
            raise ValueError(f"{trial.file}: {error}") from None
        for side, touchdown_s, outcome in found:
            if isinstance(outcome, Excluded):
                excluded.append((trial.file, side, touchdown_s, str(outcome)))
                continue
            row, frame = outcome
            stances.append(
                {
                    "stance": len(stances),
                    "file": trial.file,
                    "runner": trial.runner,
                    "side": side,
                    "speed_m_s": trial.speed_m_s,
                    "shoe": trial.shoe,
                    "lap": trial.lap,
                    "trial": trial.trial,
                    "mass_kg": trial.mass_kg,
                    "touchdown_s": touchdown_s,
                    **row,
                    "split": "" if ours else "other_speed",
                }
            )
            frames.append(frame)
    stances, frames, weights = _weighed(stances, frames, excluded, body_weight, limits["mass_off"])
    return stances, _tidy(frames), pd.DataFrame(excluded, columns=["file", "side", "touchdown_s", "reason"]), weights


def cut(
    recording,
    points,
    *,
    mass_kg,
    speed_m_s,
    treadmill,
    force_cutoff_hz,
    points_cutoff_hz,
    contact_threshold_n,
    padding_s,
    limits,
):
    """Cut one recording into stances.

    `points` (F, 11, 3) m. Returns a list of (side, touchdown_s, outcome): outcome is Excluded, or a pair of a row
    (toeoff_s, flight_s, impulse_n_s, weighed_s) and a table (T, 37) of time_s, points (m, touchdown frame) and force (BW of
    the listed mass).
    """
    if not recording.plates:
        raise ValueError("A stance needs a force plate; the C3D file has none. Export forces with the points.")
    hz = recording.force_hz
    plates = [force_plates.zeroed(plate, hz) for plate in recording.plates]
    steps = force_plates.steps(plates, threshold_n=contact_threshold_n, rate_hz=hz, longest_s=limits["stance_s"][1])
    forces = [plate.force for plate in plates]
    smooth = (
        [transform.lowpass(force, cutoff_hz=force_cutoff_hz, rate_hz=hz) for force in forces]
        if force_cutoff_hz
        else forces
    )
    track = tracks.Tracks(
        points,
        recording.point_hz,
        cutoff_hz=points_cutoff_hz,
        max_gap_s=limits["max_gap_s"],
        missing_share=limits["missing_share"],
    )
    outcomes = []
    for step in steps:
        raw, force = (sum(kind[number] for number in step.plates) for kind in (forces, smooth))
        side = track.side((step.first + force_plates.middle(raw[step.first : step.end, 2])) / hz)
        try:
            checks.check_force(
                raw[:, 2], step.first, step.end, hz, threshold_n=contact_threshold_n, unloaded_s=limits["unloaded_s"]
            )
            table = _table(force / (mass_kg * GRAVITY), hz, step.first, step.end, padding_s, track)
            _check(table, plates, step, side, hz, track, speed_m_s, treadmill, limits)
            later = next((other.first for other in steps if other.first >= step.end), np.inf)
            flight_s = (later - step.end) / hz if later - step.end < force_plates.LONGEST_FLIGHT_S * hz else np.nan
            outcome = {"toeoff_s": (step.end - 1) / hz, "flight_s": flight_s}, _in_touchdown_frame(table)
        except Excluded as reason:
            outcome = reason
        outcomes.append((side, step.first / hz, outcome))
    outcomes = _check_whole(outcomes, steps, forces, hz, track, limits["lag_s"])
    return outcomes if treadmill else outcomes + _absent(outcomes)


def check_braking_first(tables):
    """Check over the stances of one recording that braking comes before propulsion, so that `forward` is right.

    `tables` as cut returns. Raises ValueError where the mean of the first halves is not backwards.
    """
    halves = [[part[:, -3].mean() for part in np.array_split(table[table[:, -1] > 0], 2)] for table in tables]
    first, second = np.mean(halves, axis=0) if halves else (-1, 1)
    if not first < 0 < second:
        raise ValueError(
            f"Running brakes before it propels; over {len(tables)} stances the anterior-posterior force is "
            f"{first:+.3f} BW in the first half and {second:+.3f} BW in the second. "
            "Turn the sign of `forward` in the study file, or name the right axis."
        )


def poses(frames, stance, *, count):
    """Take a few moments of one stance: points (K, 11, 3) m and forces (K, 3) BW, equally spaced from touchdown to toe-off."""
    rows = frames[(frames["stance"] == stance) & (frames["grf_v"] > 0)]
    rows = rows.iloc[np.linspace(0, len(rows) - 1, count).round().astype(int)]
    return rows[INPUTS].to_numpy().reshape(count, len(POINTS), 3), rows[FORCES].to_numpy()


def _weighed(stances, frames, excluded, body_weight, mass_off):
    """Weigh each runner over all stances kept, exclude those whose listed mass is wrong, and bring forces into body weights.

    Returns the table of stances, the list of their frames, and the table of weights; rows are added to `excluded`.
    """
    stances = pd.DataFrame(stances)
    if stances.empty:
        return stances, [], stances
    weights = stances.groupby(["runner", "mass_kg"], as_index=False)[["impulse_n_s", "weighed_s"]].sum()
    weights["weighed_kg"] = [force_plates.mass(*pair) for pair in weights[["impulse_n_s", "weighed_s"]].to_numpy()]
    weights["difference_pct"] = 100 * (weights["weighed_kg"] / weights["mass_kg"] - 1)
    weights = weights.drop(columns=["impulse_n_s", "weighed_s"])
    stances = stances.drop(columns=["impulse_n_s", "weighed_s"])
    stances = stances.merge(weights.drop(columns="difference_pct"), on=["runner", "mass_kg"], how="left")
    off = (stances["weighed_kg"] / stances["mass_kg"] - 1).abs() > mass_off
    unweighed = stances["weighed_kg"].isna() & (body_weight == "weighed")
    for row in stances[off | unweighed].itertuples():
        reason = "no two steps in a row to weigh"
        if off[row.Index]:
            reason = f"the plates weigh {row.weighed_kg:.1f} kg, listed are {row.mass_kg:.1f}"
        excluded.append((row.file, row.side, row.touchdown_s, f"mass: {reason}"))
    stances["unit_kg"] = stances["weighed_kg" if body_weight == "weighed" else "mass_kg"]
    if body_weight == "weighed":
        for table, ratio in zip(frames, stances["mass_kg"] / stances["weighed_kg"], strict=True):
            table[:, -3:] *= ratio
    kept = ~(off | unweighed)
    stances = stances[kept].reset_index(drop=True)
    return (
        stances.assign(stance=range(len(stances))),
        [table for table, keep in zip(frames, kept, strict=True) if keep],
        weights,
    )


def _check_whole(outcomes, steps, forces, hz, track, lag_s):
    """Check the recording as a whole by its stances kept: cameras and plates in time; and weigh the runner."""
    whole = [i for i, (_, _, outcome) in enumerate(outcomes) if not isinstance(outcome, Excluded)]
    if not whole:
        return outcomes
    spans = [(steps[i].first, steps[i].end) for i in whole]
    on = frozenset.union(*(steps[i].plates for i in whole))  # the plates that the runner stepped on
    vertical = sum(forces[number][:, 2] for number in on)
    if abs(checks.lag(vertical, hz, track.pelvis_height, spans)) > lag_s:
        return [
            (side, time, outcome if isinstance(outcome, Excluded) else Excluded(checks.LAG))
            for side, time, outcome in outcomes
        ]
    impulse, duration = force_plates.weigh(vertical, spans, hz=hz)
    for i in whole:  # the sums stand with the first stance
        outcomes[i][2][0].update(impulse_n_s=impulse, weighed_s=duration)
        impulse = duration = 0.0
    return outcomes


def _absent(outcomes):
    """Name the feet without a contact in an overground trial: a valid one has a full stance of each leg (paper section 1.2).

    A contact whose foot was not seen is one of them: of the other foot than the one that was, if it is the only one.
    """
    absent = sorted({"l", "r"} - {side for side, _, _ in outcomes})
    unseen = [i for i, (side, _, _) in enumerate(outcomes) if not side]
    if len(unseen) == len(absent) == 1:
        outcomes[unseen[0]] = (absent[0], *outcomes[unseen[0]][1:])
    sides = absent if not unseen else [""] * (len(absent) - len(unseen))
    return [(side, np.nan, Excluded("no contact of this foot on a plate")) for side in sides]


def _table(force, hz, first, end, padding_s, track):
    """Lay a stance and its padding out: time_s, points in laboratory axes, force set to 0 in flight."""
    pad = round(padding_s * hz)
    if first - pad < 0 or end + pad > len(force):
        raise Excluded("stance cut off by the start or the end of the recording")
    frames = np.arange(first - pad, end + pad)
    in_stance = (frames >= first) & (frames < end)
    points = track.at(frames / hz).reshape(len(frames), -1)
    return np.column_stack([(frames - first) / hz, points, force[frames] * in_stance[:, None]])


def _check(table, plates, step, side, hz, track, speed_m_s, treadmill, limits):
    """Raise Excluded for the first check that a stance breaks; thresholds and their sources are in the study file."""
    points = table[:, 1:34].reshape(-1, len(POINTS), 3)
    shortest, longest = limits["stance_s"]
    if not shortest <= (step.end - step.first) / hz <= longest:
        raise Excluded(f"stance time outside {shortest:.2f} to {longest:.2f} s")
    if table[:, -1].max() < limits["min_peak_bw"]:
        raise Excluded(
            f"vertical peak under {limits['min_peak_bw']} BW: not running, half a foot, or a wrong listed mass"
        )
    checks.check_person(points, hz, max_speed_m_s=limits["max_speed_m_s"], segment_change=limits["segment_change"])
    if len(step.parts) > 1:
        middles = [track.at(np.array([(first + end) / 2 / hz])) for _, first, end in step.parts]
        checks.check_one_foot(np.concatenate(middles), side, other_foot_m=limits["other_foot_m"])
    middle = (step.first + step.end) // 2
    heel, toe = points[middle - step.first + np.argmin(np.abs(table[:, 0]))][FEET[side]]
    on = sorted(number for number in step.plates if plates[number].force[middle, 2] > 0)
    shares = np.array([plates[number].force[middle, 2] for number in on])
    cop = shares @ np.array([plates[number].cop[middle] for number in on]) / shares.sum()
    checks.check_foot(
        heel,
        toe,
        cop,
        [plates[number].corners for number in step.plates],
        foot_distance_m=limits["foot_distance_m"],
        beyond_plate_m=limits["beyond_plate_m"],
    )
    checks.check_speed(points, side, hz, speed_m_s, treadmill=treadmill, speed_off=limits["speed_off"])


def _in_touchdown_frame(table):
    points = table[:, 1:34].reshape(-1, len(POINTS), 3)
    touchdown = np.argmin(np.abs(table[:, 0]))
    moved = transform.to_touchdown_frame(points, points[touchdown, 0])
    return np.column_stack([table[:, 0], moved.reshape(len(table), -1), table[:, 34:]])


def _tidy(tables):
    """Stack the tables of all stances into one, with the number of the stance and of the frame."""
    columns = ["time_s", *INPUTS, *FORCES]
    lengths = [len(table) for table in tables]
    tidy = pd.DataFrame(np.concatenate([np.empty((0, len(columns))), *tables], dtype=np.float32), columns=columns)
    tidy.insert(0, "frame", np.concatenate([np.arange(0), *map(np.arange, lengths)]))
    tidy.insert(0, "stance", np.repeat(np.arange(len(tables)), lengths))
    return tidy


def exclusions(excluded, trials):
    """Count what was left out by reason and runner: a DataFrame, reasons (the most frequent first) by runners with any."""
    runner = excluded["file"].map(trials.set_index("file")["runner"])
    counts = pd.crosstab(excluded["reason"], runner).rename_axis(columns="runner")
    return counts.loc[counts.sum(axis=1).sort_values(ascending=False, kind="stable").index]
