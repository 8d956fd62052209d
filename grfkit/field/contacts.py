"""Motion of footsteps -> contacts and force curves: the verbs that estimates and their evaluation share.

Contacts are a table of footsteps (grfkit.field.motion) with file, side, mid_s, touchdown_s, toeoff_s, contact_s, step_s
(to the next touchdown) and flight_s. The last two are NaN at the end of a recording and before a footstep that is
missing. Curves are (S, 101, C) at equally spaced nodes from touchdown to toe-off: AP, ML and V in body weights, and,
where the regression was trained on it, the centre of pressure AP and ML in m.
"""

import numpy as np
import pandas as pd

from grfkit import features
from grfkit.estimators import samples
from grfkit.field import events, motion
from grfkit.points import MIRROR
from grfkit.recordings.plates import LONGEST_FLIGHT_S

SHORTEST_S = 0.05  # a shorter contact is none: our choice
MARGIN_S = 0.015  # a contact nearer to the end of a recording may be cut off: our choice, three times the events' error
LEAST_IMPULSE_BW_S = 0.1  # of a step; running has .3 to .4: our choice
LONGEST_CONTACT_S = 0.45  # a step takes no longer than this and the longest flight: our choice; slow running is .3 s


def detect_contacts(detector, motions, footsteps, left_out_runner=None):
    """Detect the contacts of footsteps; training rows of `left_out_runner` have no part in the detector.

    Footsteps in a gap, and contacts that the ends of the recording cut off, are left out.
    """
    kept = footsteps[seen_wholly(motions, footsteps, *events.reach(motions, footsteps).T)].reset_index(drop=True)
    if kept.empty:
        return with_durations(kept.assign(touchdown_s=0.0, toeoff_s=0.0))
    touchdown, toeoff = events.detect(detector, motions, kept, left_out_runner).T
    whole = seen_wholly(motions, kept, touchdown - MARGIN_S, toeoff + MARGIN_S) & (toeoff - touchdown > SHORTEST_S)
    return with_durations(kept.assign(touchdown_s=touchdown, toeoff_s=toeoff)[whole].reset_index(drop=True))


def with_durations(contacts):
    """Add contact_s, step_s and flight_s to rows with touchdown_s and toeoff_s, in order of time within each file."""
    files = contacts["file"]
    step = contacts["touchdown_s"].groupby(files).shift(-1) - contacts["touchdown_s"]
    other_foot = contacts["side"].groupby(files).shift(-1) != contacts["side"]  # else one between them is missing
    step = step.where(other_foot & (step < LONGEST_CONTACT_S + LONGEST_FLIGHT_S))
    contact = contacts["toeoff_s"] - contacts["touchdown_s"]
    return contacts.assign(contact_s=contact, step_s=step, flight_s=step - contact)


def usual_flight(contacts, groups, otherwise):
    """Give a flight time (S,) s for each contact: its own, else the mean of its group's (S,), else `otherwise`."""
    means = contacts["flight_s"].groupby(np.asarray(groups)).transform("mean")
    return contacts["flight_s"].fillna(means).fillna(otherwise).to_numpy()


def contact_inputs(motions, contacts, flight_s, *, padding_s):
    """Lay out what a kernel recipe sees of contacts: {kind: (stance, padding)}, as samples.curve_inputs does.

    The kinds are those of motion and the times of stance and flight (S,) s.
    """
    times = np.column_stack([contacts["contact_s"], flight_s]).astype(np.float32)
    nothing = np.empty((len(times), 0), np.float32)
    return motion.over(motions, contacts, padding_s=padding_s) | {"times": (times, nothing)}


def finish_curves(contacts, curves, flight_s, groups, lean=0.0):
    """Turn curves (S, 101, C) of mirrored left legs back, and balance the forces of each group (S,) of contacts.

    `lean`, a number or (S,), is the medial-lateral lean that is kept: see `leans`. Source: see samples.balance.
    """
    own = curves.copy()
    own[(contacts["side"] == "l").to_numpy()] *= mirror_signs(curves.shape[2])
    step_s = contacts["contact_s"].to_numpy() + flight_s
    factors, slopes = samples.corrections(_impulses(contacts, own), step_s, np.asarray(groups))
    own[..., 2] *= factors[:, None]
    own[..., 0] -= slopes[:, None] * own[..., 2]
    own[..., 1] -= (leans(contacts, own, groups) - lean)[:, None] * own[..., 2] if len(own) else 0.0
    return own


def leans(contacts, curves, groups):
    """Give how much the forces of each group (S,) of contacts lean to the runner's left: shares (S,) of the vertical.

    Over whole strides of running straight ahead, the mean medial-lateral force is zero (Newton); any left and right
    step count as a stride. So an estimate that leans is wrong, and plates that lean have tilted axes. For groups with
    one side only, or hardly any force, the lean is 0, because it cannot be seen.
    """
    table = pd.DataFrame(_impulses(contacts, curves)[:, 1:], columns=["ml", "v"])
    by_side = table.groupby([np.asarray(groups), contacts["side"].to_numpy()]).mean()
    strides = by_side.groupby(level=0).agg(["mean", "size"])
    shows = (strides["ml", "size"] == 2) & (strides["v", "mean"] > LEAST_IMPULSE_BW_S)
    lean = (strides["ml", "mean"] / strides["v", "mean"]).where(shows, 0.0)
    return lean.reindex(np.asarray(groups)).to_numpy()


def _impulses(contacts, curves):
    """Give the impulses (S, 3) BW s of curves (S, 101, C) of contacts."""
    return np.trapezoid(curves[..., :3], axis=1) / (curves.shape[1] - 1) * contacts[["contact_s"]].to_numpy()


def mirror_signs(channels):
    """Give the signs (C,) that turn forces (AP, ML, V) and centres (AP, ML) of a left leg into a right one's."""
    return np.concatenate([MIRROR, MIRROR[:2]])[:channels]


def curve_features(contact_s, curves, *, vlr):
    """Read the five features off curves (S, 101, C) of contacts that take contact_s (S,) s: a row for each."""
    rows = [
        features.extract(curve[:, :3], np.linspace(0, time, len(curve)), vlr=vlr)
        for time, curve in zip(contact_s, curves, strict=True)
    ]
    return pd.DataFrame(rows, columns=features.FEATURES)


def curves_at(contacts, curves, rows, times):
    """Read curves (S, 101, C) at times (N,) s of the recording, contact `rows[n]` at time n; 0 off the ground."""
    first, last = (contacts[name].to_numpy()[rows] for name in ("touchdown_s", "toeoff_s"))
    node = (times - first) / (last - first) * (curves.shape[1] - 1)
    low = np.clip(np.floor(node).astype(int), 0, curves.shape[1] - 2)
    share = np.clip(node - low, 0, 1)[:, None]
    values = curves[rows, low] * (1 - share) + curves[rows, low + 1] * share
    return np.where(((node >= -1e-9) & (node <= curves.shape[1] - 1 + 1e-9))[:, None], values, 0.0)


def seen_wholly(motions, footsteps, first, last):
    """Mark the footsteps (S,) whose time from first to last (S,) s was recorded without a gap."""
    whole = pd.Series(True, index=footsteps.index)
    for file, rows in footsteps.groupby("file", sort=False).indices.items():
        whole.iloc[rows] = motions[file].seen(first[rows], last[rows])
    return whole
