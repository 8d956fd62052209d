"""Recordings cut into stances: side, checks, body weight, and the tidy tables.

In: rows of the table of trials, and the study's Preprocessing. Out: tables as in stances.csv, stances.parquet and
excluded.csv. A stance that is left out has a row in `excluded` that says why.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import shorten

import numpy as np
import pandas as pd

from grfkit import transform
from grfkit.points import FORCES, GRAVITY, INPUTS, POINTS, Excluded
from grfkit.recordings import plates
from grfkit.recordings.read import load_trial, why_unread
from grfkit.recordings.trials import named_files
from grfkit.stances import checks, plate_signs, tracks

BAD_FILE, OTHER_SPEED = "file: ", "speed outside"  # beginning of the reason if a whole file is left out
FEWEST_STEPS = 4  # on a treadmill; if all of them are of one foot, the file is wrong: our choice
MOST_FAULTS = 3  # that a message names: our choice
LONGEST_REASON = 300  # characters of a reason in a line of the terminal: our choice


@dataclass(frozen=True)
class Stance:
    """One stance and its padding, T frames at the rate of the force."""

    time_s: np.ndarray  # (T,), 0 at touchdown
    points: np.ndarray  # (T, 11, 3) m; the origin is the pelvis at touchdown, projected on the ground
    force: np.ndarray  # (T, 3) BW of the listed mass, 0 in flight
    toeoff_s: float  # from the start of the recording
    flight_s: float  # until the next contact; NaN if that was not recorded
    impulse_n_s: float = 0.0  # for weighing the runner: of the whole recording, noted with its first stance
    weighed_s: float = 0.0

    @property
    def at_touchdown(self):
        """Give the points (11, 3) m at touchdown."""
        return self.points[np.argmin(np.abs(self.time_s))]

    def table(self):
        """Lay the stance out as columns: time_s, INPUTS, FORCES, (T, 37)."""
        return np.column_stack([self.time_s, self.points.reshape(len(self.points), -1), self.force])


def collect(trials, folder, settings):
    """Read trials one after the other, cut them into stances and weigh the runners.

    cohort.collect does this runner by runner. `trials` are rows of read_trials' table, with all rows of each runner;
    `folder` holds the recordings; `settings` is the study's Preprocessing. Returns five DataFrames: stances as in
    stances.csv (`split` is other_speed outside `speed_m_s`, else it is empty until split.draw), frames as in
    stances.parquet, excluded as in excluded.csv, the weights (runner, mass_kg, weighed_kg, difference_pct), and the
    loads of each plate (plate_signs.COLUMNS). Without a valid stance the first two and the weights have no rows. A
    file that cannot be used is a row of `excluded`; `check_files` finds whether the cause is the files or the settings.
    """
    rows, stances, excluded, statics, felt = [], [], [], {}, []
    low, high = settings.speed_m_s
    for trial in trials.itertuples():
        outcomes, loads = _cut_trial(trial, Path(folder), statics, settings)
        felt += [(trial.runner, trial.file, *load) for load in loads]
        for side, touchdown_s, outcome in outcomes:
            if isinstance(outcome, Excluded):
                excluded.append((trial.file, side, touchdown_s, str(outcome)))
                continue
            rows.append(
                {
                    "stance": len(rows),
                    "file": trial.file,
                    "runner": trial.runner,
                    "side": side,
                    "speed_m_s": trial.speed_m_s,
                    "shoe": trial.shoe,
                    "lap": trial.lap,
                    "trial": trial.trial,
                    "mass_kg": trial.mass_kg,
                    "touchdown_s": touchdown_s,
                    "toeoff_s": outcome.toeoff_s,
                    "flight_s": outcome.flight_s,
                    "impulse_n_s": outcome.impulse_n_s,
                    "weighed_s": outcome.weighed_s,
                    "split": "" if low <= trial.speed_m_s <= high else "other_speed",
                }
            )
            stances.append(outcome)
    kept, stances, weights = _weighed(pd.DataFrame(rows), stances, excluded, settings)
    excluded = pd.DataFrame(excluded, columns=["file", "side", "touchdown_s", "reason"])
    return kept, _tidy(stances), excluded, weights, pd.DataFrame(felt, columns=plate_signs.COLUMNS)


def _cut_trial(trial, folder, statics, settings):
    """Read and cut one trial -> outcomes as `cut` gives them, and loads of the plates, (touchdown_s, reason, *Load).

    If the whole trial is excluded, there is one outcome, without a side.
    """
    low, high = settings.other_speeds_m_s or settings.speed_m_s
    ours = settings.speed_m_s[0] <= trial.speed_m_s <= settings.speed_m_s[1]
    try:
        if not ours and not low <= trial.speed_m_s <= high:
            raise Excluded(f"{OTHER_SPEED} {low} to {high} m/s")
        recording, points = load_trial(trial, folder, statics, settings)
        loads = []
        outcomes = cut(recording, points, settings, mass_kg=trial.mass_kg, speed_m_s=trial.speed_m_s, loads=loads)
        reasons = {at: str(outcome) if isinstance(outcome, Excluded) else "" for _, at, outcome in outcomes}
        return outcomes, [(at, reasons[at], *load) for at, load in loads]
    except Excluded as reason:
        return [("", np.nan, reason)], []
    except Exception as error:  # a damaged file can fail anywhere, and must not stop the others
        if not all((folder / name).is_file() for name in named_files(trial)):
            raise ValueError(f"{trial.file}: {error}") from None  # the table was checked before: the folder is gone
        return [("", np.nan, Excluded(BAD_FILE + why_unread(error).removeprefix(f"{trial.file}: ")))], []


def check_files(excluded, trials):
    """Check that at least one file of the table of trials can be used: if all fail, the settings are the likely cause.

    `excluded` is as in excluded.csv. Raises ValueError with the faults if each file that was read has one.
    """
    faults, skipped = unread(excluded), excluded[excluded["reason"].str.startswith(OTHER_SPEED)]
    if faults.empty or {*trials["file"]} - {*faults["file"], *skipped["file"]}:
        return
    kinds = faults.assign(kind=faults["reason"].str.split(";").str[0]).drop_duplicates("kind")
    few = "\n".join(f"{row.file}: {row.reason}" for row in kinds.head(MOST_FAULTS).itertuples())
    raise ValueError(few + f"\nAll {len(faults)} files that were read have such a fault." * (len(faults) > 1))


def say_left_out(stances, excluded, trials):
    """Print which runners of the table of trials have no stance left, with each one's most frequent reason."""
    lost = [runner for runner in trials["runner"].unique() if runner not in set(stances["runner"])]
    if not lost:
        return
    runner = excluded["file"].map(trials.set_index("file")["runner"])
    reasons = (
        excluded["reason"].str.removeprefix(BAD_FILE).groupby(runner).agg(lambda rows: rows.value_counts().index[0])
    )
    few = "; ".join(
        f"{name}: {shorten(reasons[name], LONGEST_REASON, placeholder=' ...')}" for name in lost[:MOST_FAULTS]
    )
    more = f"; and {len(lost) - MOST_FAULTS} more" * (len(lost) > MOST_FAULTS)
    print(
        f"No stance is left of {len(lost)} of {trials['runner'].nunique()} runners. Runner {few}{more}. "
        "See 'What was left out' in 01_preprocess.html."
    )


def unread(excluded):
    """List the files that cannot be used, from a table as excluded.csv: a DataFrame of file and reason."""
    bad = excluded[excluded["reason"].str.startswith(BAD_FILE)]
    return bad[["file", "reason"]].assign(reason=bad["reason"].str.removeprefix(BAD_FILE)).reset_index(drop=True)


def cut(recording, points, settings, *, mass_kg, speed_m_s, loads=None):
    """Cut one recording with its points (F, 11, 3) m into stances.

    Returns a list of (side, touchdown_s, outcome); an outcome is a Stance or Excluded. If a list `loads` is given,
    (touchdown_s, plate_signs.Load) of each loaded plate is added to it. Raises ValueError for a recording without force
    plates.
    """
    if not recording.plates:
        raise ValueError(
            "A stance needs a force plate; the recording has none. Export forces with the points, or name the file "
            "that holds them in the column `forces` of the table of trials. If no force was measured, estimate it: "
            "grfkit estimate FILE."
        )
    hz, limits = recording.force_hz, settings.checks
    recording, steps = find_steps(recording, settings)
    track = tracks.of(points, recording.point_hz, settings)
    forces = smooth = [plate.force for plate in recording.plates]
    if settings.force_cutoff_hz:
        smooth = [transform.lowpass(force, cutoff_hz=settings.force_cutoff_hz, rate_hz=hz) for force in forces]
    outcomes = []
    for step in steps:
        raw, force = (sum(kind[number] for number in step.plates) for kind in (forces, smooth))
        side = track.side((step.first + plates.middle(raw[step.first : step.end, 2])) / hz)
        later = next((other.first for other in steps if other.first >= step.end), np.inf)
        try:
            checks.check_force(
                raw[:, 2], step, hz, threshold_n=settings.contact_threshold_n, unloaded_s=limits.unloaded_s
            )
            checks.check_range(recording.plates, step)
            stance = _stance(force / (mass_kg * GRAVITY), hz, step, later, settings.padding_s, track)
            felt = plate_signs.loads(stance, step, side, recording.plates)
            if loads is not None:
                loads += [(step.first / hz, load) for load in felt]
            checks.check_stance(stance, step, side, recording, track, settings, speed_m_s)
            plate_signs.check_stance(felt)
            outcome = replace(stance, points=transform.to_touchdown_frame(stance.points, stance.at_touchdown[0]))
        except Excluded as reason:
            outcome = reason
        outcomes.append((side, step.first / hz, outcome))
    if settings.treadmill:
        _check_both_feet([side for side, *_ in outcomes if side])
    outcomes = _check_whole(outcomes, steps, recording, track, limits.lag_s)
    return outcomes if settings.treadmill else outcomes + _absent(outcomes)


def _check_both_feet(sides):
    """Check that both feet step on the plates of a treadmill; otherwise flight and the other foot's steps are wrong."""
    if len(sides) >= FEWEST_STEPS and len({*sides}) == 1:
        raise ValueError(
            f"On a treadmill both feet step on the plates; all {len(sides)} steps are of the "
            f"{'left' if sides[0] == 'l' else 'right'} foot. Either the file lacks the forces of the other foot or "
            "belt, or the heels are mislabelled. Export it again, or name all its plates under `plates` in the study "
            "file."
        )


def find_steps(recording, settings):
    """Remove the offset of a Recording's plates and find the steps on them; returns both."""
    zeroed = [plates.zeroed(plate, recording.force_hz) for plate in recording.plates]
    longest_s = settings.checks.stance_s[1]
    steps = plates.steps(
        zeroed, threshold_n=settings.contact_threshold_n, rate_hz=recording.force_hz, longest_s=longest_s
    )
    return replace(recording, plates=zeroed), steps


def poses(frames, stance, *, count):
    """Take a few equally spaced moments of one stance: points (K, 11, 3) m and forces (K, 3) BW."""
    rows = frames[(frames["stance"] == stance) & (frames["grf_v"] > 0)]
    rows = rows.iloc[np.linspace(0, len(rows) - 1, count).round().astype(int)]
    return rows[INPUTS].to_numpy().reshape(count, len(POINTS), 3), rows[FORCES].to_numpy()


def exclusions(excluded, trials):
    """Count what was left out: a DataFrame of reasons (the most frequent first) by runner."""
    runner = excluded["file"].map(trials.set_index("file")["runner"])
    reason = excluded["reason"].mask(excluded["reason"].str.startswith(BAD_FILE), "file cannot be used")
    counts = pd.crosstab(reason, runner).rename_axis(columns="runner")
    return counts.loc[counts.sum(axis=1).sort_values(ascending=False, kind="stable").index]


def _stance(force, hz, step, later, padding_s, track):
    """Lay out a stance and its padding, its points in laboratory axes; the next step begins at frame `later`."""
    pad = round(padding_s * hz)
    if step.first - pad < 0 or step.end + pad > len(force):
        raise Excluded("stance cut off by the start or the end of the recording")
    frames = np.arange(step.first - pad, step.end + pad)
    in_stance = (frames >= step.first) & (frames < step.end)
    flight_s = (later - step.end) / hz if later - step.end < plates.LONGEST_FLIGHT_S * hz else np.nan
    return Stance(
        (frames - step.first) / hz,
        track.at(frames / hz),
        force[frames] * in_stance[:, None],
        toeoff_s=(step.end - 1) / hz,
        flight_s=flight_s,
    )


def _check_whole(outcomes, steps, recording, track, lag_s):
    """Check on the kept stances that cameras and plates were started together, and weigh the runner."""
    kept = [number for number, (_, _, outcome) in enumerate(outcomes) if isinstance(outcome, Stance)]
    if not kept:
        return outcomes
    spans = [(steps[number].first, steps[number].end) for number in kept]
    stepped_on = frozenset.union(*(steps[number].plates for number in kept))
    vertical = sum(recording.plates[number].force[:, 2] for number in stepped_on)
    late = abs(checks.lag(vertical, recording.force_hz, track.pelvis_height, spans)) > lag_s
    impulse, duration = plates.weigh(vertical, spans, hz=recording.force_hz)
    for number in kept:
        side, touchdown_s, stance = outcomes[number]
        weighed = replace(stance, impulse_n_s=impulse, weighed_s=duration)
        outcomes[number] = side, touchdown_s, Excluded(checks.LAG) if late else weighed
        impulse = duration = 0.0  # the first stance holds the sums
    return outcomes


def _absent(outcomes):
    """Name the feet without a contact in an overground trial.

    A valid trial has a full stance of each leg (paper section 1.2). If the foot of just one contact was not seen, and
    just one foot is missing, the contact is assumed to be that foot's.
    """
    absent = sorted({"l", "r"} - {side for side, _, _ in outcomes})
    unseen = [i for i, (side, _, _) in enumerate(outcomes) if not side]
    if len(unseen) == len(absent) == 1:
        outcomes[unseen[0]] = (absent[0], *outcomes[unseen[0]][1:])
    sides = absent if not unseen else [""] * (len(absent) - len(unseen))
    return [(side, np.nan, Excluded("no contact of this foot on a plate")) for side in sides]


def _weighed(rows, stances, excluded, settings):
    """Weigh each runner, exclude those whose listed mass is wrong, and bring forces into body weights.

    `rows` is a DataFrame with a row for each Stance. Returns both and the table of weights; adds rows to `excluded`.
    """
    if rows.empty:
        return rows, [], rows
    weights = rows.groupby(["runner", "mass_kg"], as_index=False)[["impulse_n_s", "weighed_s"]].sum()
    weights["weighed_kg"] = [plates.mass(*pair) for pair in weights[["impulse_n_s", "weighed_s"]].to_numpy()]
    weights["difference_pct"] = 100 * (weights["weighed_kg"] / weights["mass_kg"] - 1)
    weights, rows = (table.drop(columns=["impulse_n_s", "weighed_s"]) for table in (weights, rows))
    rows = rows.merge(weights.drop(columns="difference_pct"), on=["runner", "mass_kg"], how="left")
    off = (rows["weighed_kg"] / rows["mass_kg"] - 1).abs() > settings.checks.mass_off
    unweighed = rows["weighed_kg"].isna() & (settings.body_weight == "weighed")
    for row in rows[off | unweighed].itertuples():
        reason = "no two steps in a row, so that the runner cannot be weighed"
        if off[row.Index]:
            reason = f"the plates weigh {row.weighed_kg:.1f} kg, the listed mass is {row.mass_kg:.1f} kg"
        excluded.append((row.file, row.side, row.touchdown_s, f"mass: {reason}"))
    rows["unit_kg"] = rows["weighed_kg" if settings.body_weight == "weighed" else "mass_kg"]
    if settings.body_weight == "weighed":
        ratios = rows["mass_kg"] / rows["weighed_kg"]
        stances = [replace(each, force=each.force * ratio) for each, ratio in zip(stances, ratios, strict=True)]
    kept = ~(off | unweighed)
    rows = rows[kept].reset_index(drop=True)
    return (
        rows.assign(stance=range(len(rows))),
        [each for each, keep in zip(stances, kept, strict=True) if keep],
        weights,
    )


def _tidy(stances):
    """Stack all stances into one table, with the number of the stance and of the frame."""
    columns, lengths = ["time_s", *INPUTS, *FORCES], [len(stance.time_s) for stance in stances]
    tables = [np.empty((0, len(columns))), *(stance.table() for stance in stances)]
    tidy = pd.DataFrame(np.concatenate(tables, dtype=np.float32), columns=columns)
    tidy.insert(0, "frame", np.concatenate([np.arange(0), *map(np.arange, lengths)]))
    tidy.insert(0, "stance", np.repeat(np.arange(len(stances)), lengths))
    return tidy
