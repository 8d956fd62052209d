"""How well forces are estimated in another laboratory: estimated against measured force, foot by foot -> tables.

In: contacts (tables of grfkit.field.contacts, with `runner`, `speed` and, where plates measured the contact, its
`stance`) and their curves (S, 101, C) by any estimator, and the ground_truth.Measured of the laboratory that is tested.
Out: tables of errors. It does not matter here who trained the estimator: transfer_training does that.

The force of each foot is put on the clock of the force file, zero outside its contact. If a laboratory low-passed its
forces, both sides are low-passed alike. It is stance where the measured vertical force is above a share of body
weight. Body weights are those of the masses in the table of trials.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.interpolate import CubicSpline
from scipy.signal import butter, sosfiltfilt

from grfkit import features, metrics, transform
from grfkit.evaluation.field.field_accuracy import ALL, near, timing_errors
from grfkit.evaluation.moments_accuracy import correlation
from grfkit.points import DIRECTIONS, GRAVITY

REACH_S = 0.2  # about a stance, in which its low-passed force dies away: our choice, three periods of 15 Hz
LAGS_S = np.linspace(-0.030, 0.030, 61)  # tried of an estimate: our choice, more than any laboratory showed
MEASURES = ["r", "rmse_bw", "nrmse_pct"]
IMPULSES = ["vertical_impulse_bw_s", "braking_impulse_bw_s", "propulsive_impulse_bw_s"]


class Pair(NamedTuple):
    """One stance on the clock of its force file, T frames about it, low-passed alike where that was asked for.

    `measured` and `estimated` are (T, 3) BW, `stance` (T,) marks where the measured vertical force is above the limit,
    `raw` (T, 3) BW is the measured force as the study reads it.
    """

    time_s: np.ndarray
    measured: np.ndarray
    estimated: np.ndarray
    stance: np.ndarray
    raw: np.ndarray


def alike_hz(*sections):
    """Give the low-pass (Hz) for both sides of studies (Preprocessing of each): the lowest of theirs, or None."""
    cutoffs = [section.forces_lowpassed_hz for section in sections if section.forces_lowpassed_hz]
    return min(cutoffs, default=None)


def lay_beside(measured, contacts, curves, section, *, cutoff_hz, stance_bw):
    """Pair the curves (S, 101, C) of contacts with what plates measured of the same foot: (contacts (N), N Pairs).

    Contacts with a `stance` are kept. `section` is the Preprocessing of the study that is tested. Both sides are
    low-passed at `cutoff_hz`: a Butterworth of order 4, forwards and backwards; None: not. Source: our choice.
    """
    clocks = {each.file: _forces(each, section) for each in measured.recorded}
    truth = measured.footsteps.set_index("stance")
    rows = np.flatnonzero(contacts["stance"].notna())
    pairs = []
    for row in rows:
        contact = contacts.iloc[row]
        foot = truth.loc[contact["stance"]]
        time_s, force, loaded = clocks[foot["file"]]
        frames = _about(foot, time_s)
        raw = _own(force, loaded, foot, time_s)[frames] / (foot["mass_kg"] * GRAVITY)
        ours = _on_clock(contact, curves[row, :, :3], time_s[frames])
        pairs.append(_pair(time_s[frames], raw, ours, cutoff_hz=cutoff_hz, stance_bw=stance_bw))
    return contacts.iloc[rows].reset_index(drop=True), pairs


def curve_scores(kept, pairs):
    """Score Pairs of the contacts `kept`: a row for each stance and direction.

    r, RMSE (BW) and nRMSE (%, of the measured range) over stance; the best lag of the estimate (ms: shifted so much
    later, its vertical force has the least RMSE; positive where it is early), and the RMSE after that shift.
    """
    rows = []
    for (_, contact), pair in zip(kept.iterrows(), pairs, strict=True):
        inside, lag_s = pair.stance, best_lag(pair)
        truth, ours = pair.measured[inside], pair.estimated[inside]
        shifted = _spline(pair)(pair.time_s[inside] - lag_s) + 0 * ours  # what was not estimated stays so
        each = correlation(ours[None], truth[None])[0], metrics.rmse(truth, ours), metrics.nrmse(truth, ours)
        after = metrics.rmse(truth, shifted)
        about = contact["stance"], contact["runner"], contact["speed"]
        rows += [(*about, name, *line, 1000 * lag_s) for name, *line in zip(DIRECTIONS, *each, after, strict=True)]
    columns = ["stance", "runner", "speed", "direction", *MEASURES, "shifted_rmse_bw", "best_lag_ms"]
    return pd.DataFrame(rows, columns=columns)


def best_lag(pair):
    """Give the best lag (s) of a Pair's estimate: shifted so much later, its vertical RMSE over stance is least."""
    inside = pair.stance
    shifted = _spline(pair)(pair.time_s[inside] - LAGS_S[:, None])[..., 2]
    squares = np.mean((shifted - pair.measured[inside, 2]) ** 2, axis=1)
    best = int(np.argmin(squares))
    if best in (0, len(LAGS_S) - 1):
        return float(LAGS_S[best])
    before, least, after = squares[best - 1 : best + 2]  # a parabola through three: its lowest point
    bend = before - 2 * least + after
    return float(LAGS_S[best] + (LAGS_S[1] - LAGS_S[0]) * ((before - after) / (2 * bend) if bend > 0 else 0.0))


def feature_scores(kept, pairs, *, vlr):
    """Read features and impulses (BW s) off Pairs: a row for each stance and feature, `measured` and `estimated`.

    Each curve is read over its own stance, where its own vertical force is above the limit of the Pair.
    """
    rows = []
    for (_, contact), pair in zip(kept.iterrows(), pairs, strict=True):
        limit = pair.measured[pair.stance, 2].min()
        ours = around_peak(pair.estimated[:, 2], limit)
        if ours.sum() * np.diff(pair.time_s).mean() <= features.FIRST_S:  # hardly a force: no features
            continue
        values = [
            _features(pair.time_s[inside], force[inside], vlr=vlr)
            for force, inside in ((pair.measured, pair.stance), (pair.estimated, ours))
        ]
        about = contact["stance"], contact["runner"], contact["speed"]
        rows += [(*about, name, values[0][name], values[1][name]) for name in values[0]]
    return pd.DataFrame(rows, columns=["stance", "runner", "speed", "feature", "measured", "estimated"])


def off_band(kept, pairs, curves):
    """Subtract the measured force, not low-passed, from curves (S, 101, C) of the contacts `kept`: (S, 101, 3) BW."""
    off = np.empty((*curves.shape[:2], len(DIRECTIONS)))
    for number, (contact, pair) in enumerate(zip(kept.itertuples(), pairs, strict=True)):
        at = np.linspace(contact.touchdown_s, contact.toeoff_s, curves.shape[1])
        plate = np.stack([np.interp(at, pair.time_s, column) for column in pair.raw.T], axis=1)
        off[number] = curves[number, :, :3] - plate
    return off


def band_scores(kept, off, half_widths, *, level):
    """Score bands of the contacts `kept`: a row for each stance and direction.

    `off` (N, 101, 3) are errors as off_band gives, `half_widths` (N, 101, 3) BW. Samples are the nodes of the contact.
    `covered_pct` is the share of samples in the band, `width_bw` its mean width, `interval_score_bw` the mean of width
    and 2 / (1 - level) times what a sample is outside (Gneiting & Raftery 2007): the less, the better.
    """
    rows = []
    for contact, size, half in zip(kept.itertuples(), np.abs(off), half_widths, strict=True):
        each = 100 * np.mean(size <= half, axis=0), 2 * half.mean(axis=0), interval_score(size, half, level=level)
        about = contact.stance, contact.runner, contact.speed
        rows += [(*about, name, *line) for name, *line in zip(DIRECTIONS, *each, strict=True)]
    columns = ["stance", "runner", "speed", "direction", "covered_pct", "width_bw", "interval_score_bw"]
    return pd.DataFrame(rows, columns=columns)


def interval_score(off, half, *, level):
    """Give the mean interval score (C,) of samples that lie `off` (N, C) from the middle of bands of `half` width.

    A band costs its width, and each sample outside 2 / (1 - level) times how far it is outside (Gneiting & Raftery
    2007, J Am Stat Assoc 102:359, eq. 43).
    """
    return np.mean(2 * half + 2 / (1 - level) * np.maximum(off - half, 0), axis=0)


def _with_all(table):
    """Give a table in order of speeds, and all of it once more as that of all speeds."""
    return pd.concat([table.sort_values("speed", kind="stable"), table.assign(speed=ALL)])


def by_speed(table, values, *, by):
    """Average columns of a table over stances: a row for each group of the columns `by` and speed, and all speeds."""
    groups = _with_all(table).groupby([*by, "speed"], sort=False)
    return groups[values].mean().assign(n=groups["stance"].nunique(), runners=groups["runner"].nunique()).reset_index()


def pair_name(trained_on, tested_on):
    """Name a pair of laboratories."""
    return f"{trained_on} at home" if trained_on == tested_on else f"{trained_on} \u2192 {tested_on}"


def with_pairs(table):
    """Replace the two columns of each row's pair of laboratories by its name."""
    names = [pair_name(*both) for both in zip(table["trained_on"], table["tested_on"], strict=True)]
    return table.drop(columns=["trained_on", "tested_on"]).assign(pair=names)


def overview(curves):
    """Lay out means of curve_scores with pairs of laboratories: a row for each pair, estimator and speed.

    Columns: nRMSE (%) of each direction; of the vertical force RMSE (BW), RMSE after each curve's best lag, that lag
    (ms); the low-pass of both sides, n stances and runners.
    """
    table = with_pairs(curves).set_index(["pair", "estimator", "speed", "direction"])
    wide = table["nrmse_pct"].unstack(sort=False).add_prefix("nrmse_pct_").rename(columns=str.lower)
    own = table.xs("V", level="direction")
    names = {"rmse_bw": "rmse_bw_v", "shifted_rmse_bw": "shifted_rmse_bw_v", "best_lag_ms": "best_lag_ms"}
    return wide.join(own[[*names, "lowpass_hz", "n", "runners"]].rename(columns=names))


def timing(contacts, footsteps):
    """Summarise touchdown and toe-off of contacts against plates: mean and SD (ms) by speed, and for all speeds.

    `steps` are the footsteps that plates measured, `missed` those without a contact or with an event 50 ms off.
    """
    errors, rows = near(timing_errors(contacts, footsteps)), []
    for speed in [*sorted(footsteps["speed"].unique()), ALL]:
        mine = errors if speed == ALL else errors[errors["speed"] == speed]
        count = len(footsteps) if speed == ALL else int((footsteps["speed"] == speed).sum())
        row = {"speed": speed, "steps": count, "missed": count - len(mine)}
        for event in ("touchdown", "toeoff", "contact"):
            row |= {f"{event}_mean_ms": mine[event].mean(), f"{event}_sd_ms": mine[event].std()}
        rows.append(row)
    return pd.DataFrame(rows)


def feature_errors(table):
    """Summarise feature_scores: by how many % the mean estimate differs from the mean measured one, by speed.

    `error_sd_pct` is the SD of the errors of stances, in % of the measured mean. Measured values are not given.
    """
    table = table.assign(error=table["estimated"] - table["measured"])
    groups = _with_all(table).groupby(["feature", "speed"], sort=False)
    mean = groups["measured"].mean()
    rows = {"error_pct": 100 * groups["error"].mean() / mean, "error_sd_pct": 100 * groups["error"].std() / mean}
    return pd.DataFrame(rows).assign(n=groups.size()).reset_index()


def around_peak(vertical, limit):
    """Mark the frames (T,) about the largest vertical force without a break above the limit."""
    above, peak = vertical > limit, int(np.argmax(vertical))
    if not above[peak]:
        return np.zeros(len(vertical), bool)
    breaks = np.flatnonzero(~above)
    first, last = breaks[breaks < peak].max(initial=-1), breaks[breaks > peak].min(initial=len(vertical))
    frames = np.arange(len(vertical))
    return (frames > first) & (frames < last)


def _forces(recorded, section):
    """Give the clock (T,) s, the force (T, 3) N as the study reads it, and which frames are loaded (T,)."""
    force = recorded.force
    if section.force_cutoff_hz:
        force = transform.lowpass(force, cutoff_hz=section.force_cutoff_hz, rate_hz=recorded.force_hz)
    return np.arange(len(force)) / recorded.force_hz, force, recorded.force[:, 2] > section.contact_threshold_n


def _about(foot, time_s):
    """Give the frames from REACH_S before touchdown to as long after toe-off, as far as they were recorded."""
    first, last = np.searchsorted(time_s, [foot["touchdown_s"] - REACH_S, foot["toeoff_s"] + REACH_S])
    return slice(first, last)


def _own(force, loaded, foot, time_s):
    """Keep of all plates' force (T, 3) what this foot felt: from half the flight before it to half that after it."""
    touchdown, toeoff = np.searchsorted(time_s, [foot["touchdown_s"] - 1e-9, foot["toeoff_s"] - 1e-9])
    before, after = np.flatnonzero(loaded[:touchdown]), np.flatnonzero(loaded[toeoff + 1 :])
    first = (before[-1] + 1 + touchdown) // 2 if len(before) else 0
    end = toeoff + 1 + (after[0] + 1) // 2 if len(after) else len(force)
    frames = np.arange(len(force))[:, None]
    return np.where((frames >= first) & (frames < end), force, 0.0)


def _on_clock(contact, curve, time_s):
    """Read a curve (101, 3) of one contact at times (T,) s of its recording; 0 off the ground."""
    at = np.linspace(contact["touchdown_s"], contact["toeoff_s"], len(curve))
    return np.stack([np.interp(time_s, at, column, left=0.0, right=0.0) for column in curve.T], axis=1)


def _spline(pair):
    return CubicSpline(pair.time_s, np.nan_to_num(pair.estimated))


def _pair(time_s, raw, ours, *, cutoff_hz, stance_bw):
    measured, estimated = raw, ours
    if cutoff_hz:
        sections = _butterworth(cutoff_hz, round(1 / np.diff(time_s).mean(), 6))
        measured, estimated = (sosfiltfilt(sections, force, axis=0) for force in (raw, ours))
    return Pair(time_s, measured, estimated, around_peak(measured[:, 2], stance_bw), raw)


@cache  # of some rates, for thousands of stances
def _butterworth(cutoff_hz, rate_hz):
    return butter(4, cutoff_hz, fs=rate_hz, output="sos")


def _features(time_s, force, *, vlr):
    """Read features and impulses (BW s) off force (T, 3) of one stance: {name: value}."""
    ap, vertical = force[:, 0], force[:, 2]
    impulses = [np.trapezoid(values, time_s) for values in (vertical, np.maximum(-ap, 0), np.maximum(ap, 0))]
    return features.extract(force, time_s, vlr=vlr) | dict(zip(IMPULSES, impulses, strict=True))
