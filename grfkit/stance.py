"""Contacts on force plates, their side, their checks, and the tidy tables of stances.

Every stance that is left out gets a row that says why.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.interpolate import CubicSpline
from tqdm import tqdm

from grfkit import FORCES, GRAVITY, INPUTS, POINTS, c3d, landmarks, transform

SMALLEST_PEAK_N = 100.0  # below this a blip above the threshold is noise, not a foot: our choice
LONGEST_DROPOUT_S = 0.015  # force below the threshold for so short a time does not end a contact: our choice
UNLOADED_N = 30.0
FEWEST_FRAMES = 16  # fewer frames than this are too few to filter: our choice
LONGEST_FLIGHT_S = 0.25  # a longer pause between two contacts holds a step that was not recorded: our choice
SHOWN_HZ = 50.0  # the low-pass that is shown where the study has none: usual for running, our choice
HEELS = [POINTS.index("l_heel"), POINTS.index("r_heel")]
FEET = {side: [POINTS.index(f"{side}_heel"), POINTS.index(f"{side}_toe")] for side in "lr"}
LEGS = [(POINTS.index(f"{side}_{a}"), POINTS.index(f"{side}_{b}"))
        for side in "lr" for a, b in (("hip", "knee"), ("knee", "ankle"))]


class Excluded(Exception):
    """A stance breaks a check; the message is the reason."""


def contacts(vertical, *, threshold_n, rate_hz):
    """Find contacts in a vertical force (T,) N: runs of frames above the threshold (paper section 1.4.1).

    A run that stays small is noise; two that a short dropout parts are one contact. Returns a list of (first, end), end
    exclusive.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], vertical > threshold_n, [False]]).astype(int)))
    runs = []
    for first, end in edges.reshape(-1, 2):
        if vertical[first:end].max() <= SMALLEST_PEAK_N:
            continue
        if runs and first - runs[-1][1] <= LONGEST_DROPOUT_S * rate_hz:
            first = runs.pop()[0]
        runs.append((int(first), int(end)))
    return runs


def unloaded_offset(force):
    """Estimate a plate's offset (3,) N: the median over its unloaded frames (our choice: within 30 N of the lowest tenth)."""
    vertical = force[:, 2]
    return np.median(force[np.abs(vertical - np.quantile(vertical, 0.1)) < UNLOADED_N], axis=0)


class Tracks:
    """The 11 points of a recording as curves in time: `points` (F, 11, 3) m with NaN where missing.

    A gap up to `max_gap_s` is bridged by the spline; `at` refuses times in a longer one, or beyond the recording.
    """

    def __init__(self, points, rate_hz, *, cutoff_hz, max_gap_s):
        seen = np.flatnonzero(np.isfinite(points).all(axis=(1, 2)))
        self.times, self.rate_hz, self.max_gap_s = seen / rate_hz, rate_hz, max_gap_s
        if len(seen) < FEWEST_FRAMES:
            self.times = self.times[:0]
            return
        self.spline = CubicSpline(self.times, points[seen])
        if cutoff_hz:
            whole = np.arange(seen[0], seen[-1] + 1) / rate_hz
            self.spline = CubicSpline(whole, transform.lowpass(self.spline(whole), cutoff_hz=cutoff_hz, rate_hz=rate_hz))

    def at(self, times):
        """Give the points (T, 11, 3) m at increasing times (T,) s; raises Excluded where they were not seen."""
        inside = self.times[(self.times >= times[0]) & (self.times <= times[-1])]
        before = self.times[self.times <= times[0]][-1:]
        after = self.times[self.times >= times[-1]][:1]
        if not len(before) or not len(after):
            raise Excluded("points missing at the start or the end")
        longest = np.diff(np.concatenate([before, inside, after])).max() - 1 / self.rate_hz
        if longest > self.max_gap_s + 1e-9:
            raise Excluded(f"points missing for more than {1000 * self.max_gap_s:.0f} ms")
        return self.spline(times)

    def side(self, time):
        """Name the foot whose heel is lower at a time: l, r, or nothing where the points were not seen."""
        try:
            left, right = self.at(np.array([time]))[0, HEELS, 2]
        except Excluded:
            return ""
        return "l" if left < right else "r"


def collect(trials, folder, *, landmark_source, forward, up, treadmill, speed_m_s, force_cutoff_hz, points_cutoff_hz,
            contact_threshold_n, padding_s, checks):
    """Read every trial of the table and cut it into stances.

    `trials` is study.read_trials' table, `folder` the recordings'; `landmark_source` is {"points": ..., "clusters":
    ...}, one of them None. Returns three DataFrames as in stances.csv, stances.parquet and excluded.csv; `split` is not
    in it yet. Raises ValueError, with the file's name, for a file that cannot be read or lacks a marker.
    """
    stances, frames, excluded, statics = [], [], [], {}
    for trial in tqdm(list(trials.itertuples()), desc="reading and cutting", unit="file", mininterval=1):
        if not speed_m_s[0] <= trial.speed_m_s <= speed_m_s[1]:
            excluded.append((trial.file, "", np.nan, f"speed outside {speed_m_s[0]} to {speed_m_s[1]} m/s"))
            continue
        try:
            recording = c3d.read(Path(folder) / trial.file, forward=forward, up=up)
            points = track(recording, trial.static, Path(folder), statics, landmark_source, forward=forward, up=up)
            found = cut(recording, points, mass_kg=trial.mass_kg, treadmill=treadmill, force_cutoff_hz=force_cutoff_hz,
                        points_cutoff_hz=points_cutoff_hz, contact_threshold_n=contact_threshold_n, padding_s=padding_s,
                        checks=checks)
            check_braking_first([outcome[1] for _, _, outcome in found if not isinstance(outcome, Excluded)])
        except ValueError as error:
            raise ValueError(f"{trial.file}: {error}") from None
        for side, touchdown_s, outcome in found:
            if isinstance(outcome, Excluded):
                excluded.append((trial.file, side, touchdown_s, str(outcome)))
                continue
            row, frame = outcome
            stances.append({"stance": len(stances), "file": trial.file, "runner": trial.runner, "side": side,
                            "speed_m_s": trial.speed_m_s, "shoe": trial.shoe, "lap": trial.lap, "trial": trial.trial,
                            "mass_kg": trial.mass_kg, "touchdown_s": touchdown_s, **row})
            frames.append(frame)
    excluded = pd.DataFrame(excluded, columns=["file", "side", "touchdown_s", "reason"])
    if not stances:
        raise ValueError(f"A study needs stances; none of {len(trials)} trials holds a valid one. Reasons: "
                         f"{excluded['reason'].value_counts().head(3).to_dict()}. Check axes and thresholds.")
    return pd.DataFrame(stances), _tidy(frames), excluded


def track(recording, static, folder, statics, source, *, forward, up):
    """Give the 11 points (F, 11, 3) m of a recording; a static trial is read once and kept in `statics`."""
    if source["points"]:
        return landmarks.from_markers(recording.points, source["points"])
    if not static:
        raise ValueError("Clusters need a static trial; the column `static` is empty. Name its C3D file there.")
    if static not in statics:
        statics.clear()  # trials of a runner follow each other: memory holds one static trial
        statics[static] = c3d.read(folder / static, forward=forward, up=up).points
    return landmarks.from_clusters(recording.points, statics[static], **source["clusters"])


def cut(recording, points, *, mass_kg, treadmill, force_cutoff_hz, points_cutoff_hz, contact_threshold_n, padding_s,
        checks):
    """Cut one recording into stances.

    `points` (F, 11, 3) m. Returns a list of (side, touchdown_s, outcome): outcome is Excluded, or a pair of a row
    (toeoff_s, flight_s) and a table (T, 37) of time_s, points (m, touchdown frame) and force (BW).
    """
    if not recording.plates:
        raise ValueError("A stance needs a force plate; the C3D file has none. Export forces with the points.")
    hz = recording.force_hz
    forces = [plate.force - unloaded_offset(plate.force) for plate in recording.plates]
    found = sorted((first, end, number) for number, force in enumerate(forces)
                   for first, end in contacts(force[:, 2], threshold_n=contact_threshold_n, rate_hz=hz))
    if force_cutoff_hz:
        forces = [transform.lowpass(force, cutoff_hz=force_cutoff_hz, rate_hz=hz) for force in forces]
    tracks = Tracks(points, recording.point_hz, cutoff_hz=points_cutoff_hz, max_gap_s=checks["max_gap_s"])
    outcomes = []
    for first, end, number in found:
        side = tracks.side((first + end) / 2 / hz)
        later = [other for other, _, _ in found if other >= end]
        try:
            if sum(other < end and first < other_end for other, other_end, _ in found) > 1:
                raise Excluded("step over two plates")
            table = _table(forces[number] / (mass_kg * GRAVITY), hz, first, end, padding_s, tracks)
            _check(table, recording.plates[number], side, first, end, hz, treadmill, checks)
            flight_s = (later[0] - end) / hz if later and later[0] - end < LONGEST_FLIGHT_S * hz else np.nan
            row = {"toeoff_s": (end - 1) / hz, "flight_s": flight_s}
            outcome = row, _in_touchdown_frame(table)
        except Excluded as reason:
            outcome = reason
        outcomes.append((side, first / hz, outcome))
    if not treadmill:  # a valid trial has a full stance of each leg (paper section 1.2)
        absent = sorted({"l", "r"} - {side for side, _, _ in outcomes})
        unseen = [i for i, (side, _, _) in enumerate(outcomes) if not side]
        for i in unseen[:len(absent)]:  # points are missing, but only one foot is left for this contact
            outcomes[i] = (absent.pop(0), *outcomes[i][1:])
        outcomes += [(side, np.nan, Excluded("no contact of this foot on a plate")) for side in absent]
    return outcomes


def check_braking_first(tables):
    """Check over the stances of one recording that braking comes before propulsion, so that `forward` is right.

    `tables` as cut returns. Raises ValueError where the mean of the first halves is not backwards.
    """
    halves = [[part[:, -3].mean() for part in np.array_split(table[table[:, -1] > 0], 2)] for table in tables]
    first, second = np.mean(halves, axis=0) if halves else (-1, 1)
    if not first < 0 < second:
        raise ValueError(f"Running brakes before it propels; over {len(tables)} stances the anterior-posterior force is "
                         f"{first:+.3f} BW in the first half and {second:+.3f} BW in the second. "
                         "Turn the sign of `forward` in the study file, or name the right axis.")


def poses(frames, stance, *, count):
    """Take a few moments of one stance: points (K, 11, 3) m and forces (K, 3) BW, equally spaced from touchdown to toe-off."""
    rows = frames[(frames["stance"] == stance) & (frames["grf_v"] > 0)]
    rows = rows.iloc[np.linspace(0, len(rows) - 1, count).round().astype(int)]
    return rows[INPUTS].to_numpy().reshape(count, len(POINTS), 3), rows[FORCES].to_numpy()


def _table(force, hz, first, end, padding_s, tracks):
    """Lay a stance and its padding out: time_s, points in laboratory axes, force set to 0 in flight."""
    pad = round(padding_s * hz)
    if first - pad < 0 or end + pad > len(force):
        raise Excluded("stance cut off by the start or the end of the recording")
    frames = np.arange(first - pad, end + pad)
    in_stance = (frames >= first) & (frames < end)
    points = tracks.at(frames / hz).reshape(len(frames), -1)
    return np.column_stack([(frames - first) / hz, points, force[frames] * in_stance[:, None]])


def _check(table, plate, side, first, end, hz, treadmill, checks):
    """Raise Excluded for the first check that a stance breaks; thresholds and their sources are in the study file."""
    points = table[:, 1:34].reshape(-1, len(POINTS), 3)
    shortest, longest = checks["stance_s"]
    if not shortest <= (end - first) / hz <= longest:
        raise Excluded(f"stance time outside {shortest:.2f} to {longest:.2f} s")
    if table[:, -1].max() < checks["min_peak_bw"]:
        raise Excluded(f"vertical peak under {checks['min_peak_bw']} BW")
    _check_person(points, hz, checks)
    if not treadmill and points[-1, 0, 0] < points[0, 0, 0]:
        raise Excluded("runs against the axis `forward`")
    middle = (first + end) // 2
    heel, toe = points[middle - first + np.argmin(np.abs(table[:, 0]))][FEET[side]]
    _check_foot(heel, toe, plate.cop[middle], plate.corners[:, :2], checks)


def _check_person(points, hz, checks):
    """Exclude a stance in which the points (T, 11, 3) m jump, or a thigh or shank changes its length."""
    if np.linalg.norm(np.diff(points[:, 0], axis=0), axis=1).max() * hz > checks["max_speed_m_s"]:
        raise Excluded("wrong person: points jump")
    lengths = np.stack([np.linalg.norm(points[:, a] - points[:, b], axis=1) for a, b in LEGS], axis=1)
    if (np.ptp(lengths, axis=0) / np.median(lengths, axis=0)).max() > checks["segment_change"]:
        raise Excluded("wrong person: segment lengths change")


def _check_foot(heel, toe, cop, corners, checks):
    """Exclude a stance whose foot, at mid-stance, is far from the centre of pressure or not wholly on the plate."""
    if not _distance(cop, heel, toe) <= checks["foot_distance_m"]:  # a centre of pressure that is NaN is excluded too
        raise Excluded("foot far from the centre of pressure: missed plate or wrong person")
    low, high, beyond = corners.min(axis=0), corners.max(axis=0), checks["beyond_plate_m"]
    for place in (heel[:2], toe[:2]):
        if (place < low - beyond).any() or (place > high + beyond).any():
            raise Excluded("foot not wholly on the plate")


def _distance(cop, heel, toe):
    """Measure the horizontal distance (m) of the centre of pressure from the line between heel and toe."""
    along = (toe - heel)[:2]
    share = np.clip((cop - heel)[:2] @ along / (along @ along), 0, 1)
    return np.linalg.norm((cop - heel)[:2] - share * along)


def _in_touchdown_frame(table):
    points = table[:, 1:34].reshape(-1, len(POINTS), 3)
    touchdown = np.argmin(np.abs(table[:, 0]))
    moved = transform.to_touchdown_frame(points, points[touchdown, 0])
    return np.column_stack([table[:, 0], moved.reshape(len(table), -1), table[:, 34:]])


def _tidy(tables):
    """Stack the tables of all stances into one, with the number of the stance and of the frame."""
    lengths = [len(table) for table in tables]
    tidy = pd.DataFrame(np.concatenate(tables).astype(np.float32), columns=["time_s", *INPUTS, *FORCES])
    tidy.insert(0, "frame", np.concatenate([np.arange(length) for length in lengths]))
    tidy.insert(0, "stance", np.repeat(np.arange(len(tables)), lengths))
    return tidy


def exclusions(excluded, trials):
    """Count what was left out by reason and runner: a DataFrame, reasons (the most frequent first) by runners with any."""
    runner = excluded["file"].map(trials.set_index("file")["runner"])
    counts = pd.crosstab(excluded["reason"], runner).rename_axis(columns="runner")
    return counts.loc[counts.sum(axis=1).sort_values(ascending=False, kind="stable").index]


@dataclass(frozen=True)
class Signals:
    """One stance with its padding, before and after the filters: T force frames, F camera frames, touchdown frame."""

    time_s: np.ndarray  # (T,), 0 at touchdown
    raw: np.ndarray  # (T, 3) N of the plate that is stepped on, its offset removed
    filtered: np.ndarray  # (T, 3) N, the same after a low-pass
    cutoff_hz: float  # of that low-pass
    cop: np.ndarray  # (T, 3) m, centre of pressure
    points: np.ndarray  # (T, 11, 3) m, filtered and at the force's rate
    camera_s: np.ndarray  # (F,)
    seen: np.ndarray  # (F, 11, 3) m as recorded, NaN where missing


def signals(stance, trials, folder, *, landmark_source, forward, up, force_cutoff_hz, points_cutoff_hz, padding_s, max_gap_s):
    """Read the trial of one stance (a row of stances.csv) again and give its Signals, cut as `collect` cuts.

    Where the study filters no force (None), it is filtered all the same, at SHOWN_HZ, so that one sees what that would do.
    """
    static = trials.set_index("file").loc[stance["file"], "static"]
    recording = c3d.read(Path(folder) / stance["file"], forward=forward, up=up)
    seen = track(recording, static, Path(folder), {}, landmark_source, forward=forward, up=up)
    hz, touchdown_s, toeoff_s = recording.force_hz, stance["touchdown_s"], stance["toeoff_s"]
    first, end, pad = round(touchdown_s * hz), round(toeoff_s * hz) + 1, round(padding_s * hz)
    plate = max(recording.plates, key=lambda plate: plate.force[first:end, 2].sum())
    raw, part = plate.force - unloaded_offset(plate.force), np.arange(first - pad, end + pad)
    points = Tracks(seen, recording.point_hz, cutoff_hz=points_cutoff_hz, max_gap_s=max_gap_s).at(part / hz)
    origin, camera_s = transform.ground_projection(points[pad, 0]), np.arange(len(seen)) / recording.point_hz
    cutoff_hz = force_cutoff_hz or min(SHOWN_HZ, hz / 4)  # a slow plate allows less
    near = (camera_s >= part[0] / hz) & (camera_s <= part[-1] / hz)
    return Signals((part - first) / hz, raw[part], transform.lowpass(raw, cutoff_hz=cutoff_hz, rate_hz=hz)[part],
                   cutoff_hz, plate.cop[part] - origin, points - origin, camera_s[near] - touchdown_s, seen[near] - origin)
