"""The offset between cameras and plates of a study: how much later its points show an event than its plates do.

In: a table of trials, and the study's Preprocessing. Out: a table as offset.csv, and settings that take it out.

The force on the whole body equals its mass times acceleration, without delay (Newton's second law). The acceleration is
that of the centre of mass: thighs, shanks and feet by de Leva's masses, the rest of the body at the pelvis. Trunk, head
and arms move a little relative to the pelvis. In a stance this motion is smooth and slow, so a parabola over the stance
fits its acceleration.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.interpolate import CubicSpline, PPoly
from tqdm import tqdm

from grfkit import transform
from grfkit.points import POINTS, SEGMENTS, Excluded
from grfkit.recordings.read import load_trial
from grfkit.stances import cut, tracks
from grfkit.stances.checks import MARGIN_S
from grfkit.study import store
from grfkit.study.schema import LARGEST_LATE_S

TABLE = "01_preprocess/offset.csv"
CUTOFF_HZ = 20.0  # low-pass of force and points: an impact shakes skin and soft tissue above it; our choice
PASSED = 0.3  # of the camera rate, the cutoff for slow cameras: our choice, well below half the rate
FEWEST_STANCES = 20  # needed to take an offset out: our choice
MOST_RUNNERS = 25  # that are read: with more, the method's own error is the larger part; our choice
ROUNDS = 5  # of the fit; three find 20 ms to a microsecond
# Least SD between runners: it is 2.7 ms (18 of rbds) and 3.3 ms (5 of Hamner's). Few runners may agree by chance.
RUNNER_S = 0.003
# Error of the method: with cameras and plates on one clock it finds -0.8 ms (virtual), 0.0 (Hamner's), 0.2 (JA1Gait21).
METHOD_S = 0.001
ERRORS = 2  # standard errors: an offset further from 0 is taken out
DIGITS = 4  # of an offset that is taken out (s): a tenth of a millisecond


def _shares():
    """Give the share (11,) of the body's mass that moves with each point, the mean of men and women."""
    shares = np.zeros(len(POINTS))
    for segments in SEGMENTS.values():
        for side in "lr":
            for name, start, end in (("thigh", "hip", "knee"), ("shank", "knee", "ankle"), ("foot", "heel", "toe")):
                mass, centre, _ = segments[name]
                shares[POINTS.index(f"{side}_{start}")] += mass * (1 - centre) / len(SEGMENTS)
                shares[POINTS.index(f"{side}_{end}")] += mass * centre / len(SEGMENTS)
    shares[0] = 1 - shares.sum()
    return shares


SHARES = _shares()


def estimate(trials, folder, settings):
    """Estimate the offset of a study from its own recordings: a table as offset.csv.

    The first recording of each runner at the study's speed is read, and more until there are FEWEST_STANCES. Test
    runners whom the settings name are skipped. With more than MOST_RUNNERS, only every second, third or so is read.
    There is a row for each runner and a last one, without a runner, for the study: stances, late_s (positive: points
    late), its standard error error_s, and applied_s, which is taken out: the declared offset if there is one. Source:
    our choice.
    """
    found, statics, raw = [], {}, settings.model_copy(update={"cameras_late_s": 0.0})
    trials = _usable(trials, settings)
    with tqdm(desc="cameras and plates", unit="file", mininterval=1) as bar:
        for _, turn in trials.groupby(trials.groupby("runner").cumcount()):  # first, second, ... of each runner
            for trial in turn.itertuples() if len(found) < FEWEST_STANCES else ():
                found += [(trial.runner, each) for each in _of_trial(trial, Path(folder), statics, raw)]
                bar.update()
    return summarise(pd.DataFrame(found, columns=["runner", "late_s"]), settings)


def _usable(trials, settings):
    """Give the trials at the study's speed, of at most MOST_RUNNERS; named test runners only if all are."""
    trials = trials[trials["speed_m_s"].between(*settings.speed_m_s)]
    tested = trials["runner"].isin(settings.test_runners or [])
    trials = trials if tested.all() else trials[~tested]
    runners = trials["runner"].unique()
    return trials[trials["runner"].isin(runners[:: max(1, -(-len(runners) // MOST_RUNNERS))])]


def _of_trial(trial, folder, statics, settings):
    """Read one trial -> the offsets (s) of its stances; none if it cannot be used (cohort.collect says why)."""
    try:
        recording, points = load_trial(trial, folder, statics, settings)
        return lags(recording, points, settings, mass_kg=trial.mass_kg, speed_m_s=trial.speed_m_s)
    except Exception:  # a damaged file can fail anywhere
        return []


def lags(recording, points, settings, *, mass_kg, speed_m_s):
    """Measure how much later (s) points (F, 11, 3) m show each stance of a recording than its plates do: a list.

    Each stance is compared together with half of the flight before and after it. During this time all feet on the
    ground are on plates.
    """
    outcomes = cut.cut(recording, points, settings, mass_kg=mass_kg, speed_m_s=speed_m_s)
    kept = {touchdown_s for _, touchdown_s, outcome in outcomes if isinstance(outcome, cut.Stance)}
    recording, steps = cut.find_steps(recording, settings)
    hz = recording.force_hz
    cutoff_hz = min(CUTOFF_HZ, PASSED * recording.point_hz)
    limits = {"max_gap_s": settings.checks.max_gap_s, "missing_share": settings.checks.missing_share}
    track = tracks.Tracks(points, recording.point_hz, cutoff_hz=cutoff_hz, **limits)
    vertical = sum(plate.force[:, 2] for plate in recording.plates)
    force = CubicSpline(np.arange(len(vertical)) / hz, transform.lowpass(vertical, cutoff_hz=cutoff_hz, rate_hz=hz))
    found = []
    for before, step, after in zip([None, *steps], steps, [*steps[1:], None], strict=False):
        if step.first / hz not in kept:
            continue
        first, end = step.first - _half_flight(before, step, hz), step.end + _half_flight(step, after, hz)
        times = np.arange(max(0, round(first)), min(len(vertical), round(end))) / hz
        try:
            track.at(np.array([times[0] - LARGEST_LATE_S, *times, times[-1] + LARGEST_LATE_S]))
        except Excluded:
            continue
        found.append(lag(times, force, acceleration(track)))
    return [each for each in found if np.isfinite(each)]


def _half_flight(one, other, hz):
    """Give half of the flight between two steps in frames, at most MARGIN_S; MARGIN_S if one was not recorded."""
    flight = np.inf if one is None or other is None else max(0, other.first - one.end)
    return min(flight / 2, MARGIN_S * hz)


def acceleration(track):
    """Give the vertical acceleration (m/s2) of the whole body's centre of mass from Tracks, a function of time (s)."""
    return PPoly(track.spline.c[..., 2] @ SHARES, track.spline.x).derivative(2)


def lag(times, force, acceleration):
    """Find how much later (s) an acceleration shows a force; both are functions of time (s). NaN if it is not found.

    Least squares at times (T,): acceleration(t + lag) is a multiple of force(t) plus a parabola. In each round the
    weight of the force's slope corrects the lag.
    """
    along = np.linspace(-1, 1, len(times))
    parts = [force(times), force(times, 1), np.ones(len(times)), along, along**2]
    solve = np.linalg.pinv(np.column_stack(parts))[:2]
    late = 0.0
    for _ in range(ROUNDS):
        scale, slope = solve @ acceleration(times + late)
        late -= slope / scale
        if not abs(late) <= LARGEST_LATE_S:
            return float("nan")
    return late


def summarise(found, settings):
    """Summarise the offsets of stances (columns runner, late_s): a table as offset.csv.

    The study's offset is the mean over its runners. Its standard error combines that over runners, with an SD of at
    least RUNNER_S, and that of the method, METHOD_S.
    """
    table = found.groupby("runner")["late_s"].agg(["size", "mean", "sem"]).reset_index()
    table.columns = ["runner", "stances", "late_s", "error_s"]
    runners, late_s = len(table), table["late_s"].mean()
    spread = max(RUNNER_S, table["late_s"].std()) if runners > 1 else RUNNER_S
    error_s = np.hypot(spread / np.sqrt(runners), METHOD_S) if runners else np.nan
    applied_s = settings.cameras_late_s
    if applied_s is None:
        sure = len(found) >= FEWEST_STANCES and abs(late_s) > ERRORS * error_s
        applied_s = round(float(late_s), DIGITS) if sure else 0.0
    study = {"runner": "", "stances": len(found), "late_s": late_s, "error_s": error_s, "applied_s": applied_s}
    return pd.concat([table, pd.DataFrame([study])], ignore_index=True)


def take_out(settings, table):
    """Give the settings of a study that take out the offset in a table as offset.csv."""
    return settings.model_copy(update={"cameras_late_s": float(table["applied_s"].iloc[-1])})


def as_in_01(settings, results):
    """Give the settings with which 01 read a study's recordings, with the offset that it took out.

    Recordings that are compared with stances.csv later must be read in the same way. Raises ValueError if 01 has not
    run.
    """
    return take_out(settings, store.read(results, TABLE))


def describe(table, settings):
    """Say in plain English what was found (a table as offset.csv), and what is done about it."""
    study, runners = table.iloc[-1], len(table) - 1
    late_s, error_s, applied_s = study["late_s"], study["error_s"], study["applied_s"]
    if not runners:
        found = "The offset between cameras and plates could not be measured: no stance has points around it."
    else:
        found = (
            f"The points show an event {_ms(late_s)} than the plates do, with a standard error of "
            f"{1000 * error_s:.1f} ms ({runners} runner{'s' * (runners > 1)}, {study['stances']:.0f} stances)."
        )
    if settings.cameras_late_s is not None:
        doubt = abs(late_s - applied_s) > ERRORS * error_s and study["stances"] >= FEWEST_STANCES
        return (
            f"{found} The study file declares {1000 * applied_s:.1f} ms (`cameras_late_s`), and this was taken out."
            + " The two differ by more than two standard errors: check the declared offset." * bool(doubt)
        )
    if applied_s:
        return f"{found} It was taken out: the forces are moved by {1000 * applied_s:.1f} ms onto the cameras' clock."
    few = study["stances"] < FEWEST_STANCES
    why = f"is from fewer than {FEWEST_STANCES} stances" if few else "could be chance, or the method's own error"
    return (
        f"{found} This {why}, so nothing was taken out. If you know the offset, write it as `cameras_late_s` in the "
        "study file."
    )


def _ms(late_s):
    return f"{1000 * abs(late_s):.1f} ms {'later' if late_s >= 0 else 'earlier'}"
