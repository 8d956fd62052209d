"""From the motion of 11 points alone to contacts and force curves: the verbs, for a model in the field and for runners who are left out.

Contacts are a table of steps (grfkit.field.motion) with file, side, mid_s, touchdown_s, toeoff_s, contact_s, step_s (to the next touchdown) and
flight_s; the last two are NaN at the end of a recording and before a step that is not there. Curves are (S, 101, C) at equally spaced nodes
from touchdown to toe-off: AP, ML and V in body weights, and what else was trained on.
"""

import numpy as np
import pandas as pd

from grfkit import features
from grfkit.estimators import samples
from grfkit.field import events, motion
from grfkit.points import MIRROR
from grfkit.recordings.plates import LONGEST_FLIGHT_S

SHORTEST_S = 0.05  # a contact that is detected shorter is none: our choice
MARGIN_S = 0.015  # of a contact to the ends of a recording, some three times the error of its events: nearer, it may be cut off; our choice
LONGEST_CONTACT_S = 0.45  # a step takes no longer than this and the longest flight: our choice; slow running is .3 s


def contacts(detector, motions, found, runner=None):
    """Detect the contacts of steps that were found; `runner`, if named, is left out of what the detector was trained on.

    Steps in a gap, and contacts that the ends of the recording cut off, are left out.
    """
    kept = found[seen(motions, found, *events.reach(motions, found).T)].reset_index(drop=True)
    if kept.empty:
        return timed(kept.assign(touchdown_s=0.0, toeoff_s=0.0))
    touchdown, toeoff = events.detect(detector, motions, kept, runner).T
    whole = seen(motions, kept, touchdown - MARGIN_S, toeoff + MARGIN_S) & (toeoff - touchdown > SHORTEST_S)
    return timed(kept.assign(touchdown_s=touchdown, toeoff_s=toeoff)[whole].reset_index(drop=True))


def timed(table):
    """Add contact_s, step_s and flight_s to steps with touchdown_s and toeoff_s, in order of time within each file."""
    files = table["file"]
    step = table["touchdown_s"].groupby(files).shift(-1) - table["touchdown_s"]
    other = (
        table["side"].groupby(files).shift(-1) != table["side"]
    )  # the same foot again: the step between was not estimated
    step = step.where(other & (step < LONGEST_CONTACT_S + LONGEST_FLIGHT_S))
    contact = table["toeoff_s"] - table["touchdown_s"]
    return table.assign(contact_s=contact, step_s=step, flight_s=step - contact)


def usual_flight(contacts, groups, otherwise):
    """Give a flight time (S,) s for each contact: its own, else the mean of its group's (S,), else `otherwise`."""
    means = contacts["flight_s"].groupby(np.asarray(groups)).transform("mean")
    return contacts["flight_s"].fillna(means).fillna(otherwise).to_numpy()


def inputs(motions, contacts, flight_s, *, padding_s):
    """Lay out what a kernel recipe sees of contacts: motion over stance and padding, and the times of stance and flight (S,) s."""
    times = np.column_stack([contacts["contact_s"], flight_s]).astype(np.float32)
    return motion.over(motions, contacts, padding_s=padding_s) | {
        "times": (times, np.empty((len(times), 0), np.float32))
    }


def finish(contacts, curves, flight_s, groups):
    """Turn curves (S, 101, C) of mirrored left legs back, and let the forces of each group (S,) of steps balance (samples.balance)."""
    own = curves.copy()
    own[(contacts["side"] == "l").to_numpy()] *= sides(curves.shape[2])
    impulses = np.trapezoid(own[..., :3], axis=1) / (own.shape[1] - 1) * contacts[["contact_s"]].to_numpy()
    step_s = contacts["contact_s"].to_numpy() + flight_s
    factors, slopes = samples.corrections(impulses, step_s, np.asarray(groups))
    own[..., 2] *= factors[:, None]
    own[..., 0] -= slopes[:, None] * own[..., 2]
    return own


def sides(channels):
    """Give the signs (C,) that turn a left leg's AP, ML, V, and AP and ML of a centre of pressure, into a right leg's."""
    return np.concatenate([MIRROR, MIRROR[:2]])[:channels]


def features_of(contact_s, curves, *, vlr):
    """Read the five features off curves (S, 101, C) of contacts that take contact_s (S,) s: a row for each."""
    rows = [
        features.extract(curve[:, :3], np.linspace(0, time, len(curve)), vlr=vlr)
        for time, curve in zip(contact_s, curves, strict=True)
    ]
    return pd.DataFrame(rows, columns=features.FEATURES)


def asymmetry_pct(table, name):
    """Give the left-right asymmetry of the means of a column for each `group`: 100 (L - R) / ((L + R) / 2) (Robinson, Herzog & Nigg 1987)."""
    means = table.groupby(["group", "side"])[name].mean().unstack()
    return 200 * (means["l"] - means["r"]) / (means["l"] + means["r"])


def at_times(contacts, curves, rows, times):
    """Read curves (S, 101, C) at times (N,) s of the recording: those of row `rows[n]` at time n; 0 outside its contact."""
    first, last = (contacts[name].to_numpy()[rows] for name in ("touchdown_s", "toeoff_s"))
    node = (times - first) / (last - first) * (curves.shape[1] - 1)
    low = np.clip(np.floor(node).astype(int), 0, curves.shape[1] - 2)
    share = np.clip(node - low, 0, 1)[:, None]
    values = curves[rows, low] * (1 - share) + curves[rows, low + 1] * share
    return np.where(((node >= -1e-9) & (node <= curves.shape[1] - 1 + 1e-9))[:, None], values, 0.0)


def seen(motions, table, first, last):
    """Mark the rows of a table of steps (S,) whose time from first to last (S,) s was recorded without a gap."""
    whole = pd.Series(True, index=table.index)
    for file, rows in table.groupby("file", sort=False).indices.items():
        whole.iloc[rows] = motions[file].seen(first[rows], last[rows])
    return whole
