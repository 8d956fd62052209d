"""Steps and curves of an estimate -> force and centre of pressure of each foot on an even clock.

In: one recording, its rows of steps and curves (field.estimate), and a mass. Out: Feet, in the axes of the file and SI
units, from the first frame to the last. What every writer of this room shares is here.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from grfkit.field import motion
from grfkit.field.estimate_tables import CENTRE
from grfkit.points import COMPONENTS, GRAVITY, POINTS, InputError, number

SIDES = {"l": "left", "r": "right"}
LEAST_HZ = 1000.0  # the usual rate of force plates, and 1 ms between samples of an impact: our choice
CUTOFF_HZ = 20.0  # of the ankle, from which centres of pressure are counted, as in the training of models
ADVICE = "Give the body mass in kg: --mass KG, or mass_kg in Python."


@dataclass(frozen=True)
class Feet:
    """Force and centre of pressure of both feet, in the axes of the file; `side` is l or r."""

    hz: float  # a whole multiple of the camera rate
    each: int  # samples a camera frame; sample 0 is the first frame
    force: dict  # side -> (T, 3) N, what the ground does to the runner; 0 where the foot is in the air
    cop: dict  # side -> (T, 3) m, on the ground; between two contacts on the line from one to the next
    rotation: np.ndarray  # (3, 3) from the axes of the file to AP, ML, V
    ground_m: float  # V of the ground
    spans: list  # (first, last) s after the first frame, in which each contact of both feet was estimated
    notes: list  # sentences on what a reader of the file must know

    @property
    def times_s(self):
        """Give the times (T,) s of the samples after the first frame."""
        return np.arange(len(self.force["l"])) / self.hz


def lay_out(recording, steps, curves, mass_kg):
    """Lay the estimate of one recording out in time; returns Feet.

    `recording` is a discover.Found, `steps` and `curves` are its rows of the tables of field.estimate. Raises
    InputError without a mass (kg), without a step, and for a model that gave no centre of pressure.
    """
    mass_kg = number(mass_kg)
    if mass_kg is None or not mass_kg > 0:  # NaN, of a table, is none either
        raise InputError("Forces in newtons need the body mass of the runner; it was not given.", ADVICE)
    if not len(steps):
        raise InputError(
            f"A file of forces needs estimated steps; {recording.file.name} has none.",
            "See the warnings of its estimate.",
        )
    if not {*CENTRE} <= {*curves} or curves[CENTRE].isna().any(axis=None):
        raise InputError(
            "A file of forces needs the centre of pressure; this model does not estimate it.",
            "Use the model that comes with grfkit, or train one (notebook 10_field) on recordings with force plates.",
        )
    each = math.ceil(LEAST_HZ / recording.rate_hz - 1e-6)
    hz = each * recording.rate_hz
    times = np.arange(each * len(recording.points)) / hz
    rotation = np.eye(3) if recording.rotation is None else np.asarray(recording.rotation)
    ground_m, notes = motion.find_ground(recording.points)
    moved = motion.from_points(recording.points, recording.rate_hz, cutoff_hz=CUTOFF_HZ, max_gap_s=0.0)
    force, cop = {}, {}
    for side in SIDES:
        mine = steps[steps["side"] == side].sort_values("touchdown_s")
        force[side], cop[side] = _foot(side, mine, curves, times, moved, mass_kg * GRAVITY)
        cop[side][:, 2] = ground_m
    force, cop = ({side: values @ rotation for side, values in each.items()} for each in (force, cop))
    spans = find_spans(steps)
    known = ", ".join(f"{first:.3f} to {last:.3f} s" for first, last in spans)
    notes.append(
        f"{len(steps)} steps were estimated, {known} after the first frame. At all other times forces are 0, because "
        "they are not known."
    )
    return Feet(hz, each, force, cop, rotation, ground_m, spans, notes)


def _foot(side, steps, curves, times, moved, weight_n):
    """Lay the contacts of one foot out in `times` (T,) s: force (T, 3) N, centre of pressure (T, 3) m, in AP, ML, V."""
    force, (clock, places) = np.zeros((len(times), 3)), ([], [])
    ankle = POINTS.index(f"{side}_ankle")
    for step in steps.itertuples():
        rows = curves[curves["step"] == step.step].sort_values("time_s")
        at = step.touchdown_s + rows["time_s"].to_numpy()
        felt = weight_n * rows[[f"est_{component}" for component in COMPONENTS]].to_numpy()
        here = (times >= at[0]) & (times <= at[-1])
        force[here] = np.stack([np.interp(times[here], at, column) for column in felt.T], axis=1)
        centre = moved.spline(at)[:, ankle] + at[:, None] * moved.way_m_s
        centre[:, :2] += rows[CENTRE].to_numpy()
        clock.append(at)
        places.append(centre)
    if not clock:
        return force, np.zeros((len(times), 3))
    clock, places = np.concatenate(clock), np.concatenate(places)
    return force, np.stack([np.interp(times, clock, column) for column in places.T], axis=1)


def find_spans(steps):
    """Find the spans of time in which no contact is missing: a list of (first touchdown, last toe-off) s."""
    spans, first = [], None
    for step in steps.sort_values("touchdown_s").itertuples():
        first = step.touchdown_s if first is None else first
        if not np.isfinite(step.step_s):  # the next contact is not there
            spans.append((first, step.toeoff_s))
            first = None
    return spans


def check_target(path, suffix, recording):
    """Check that a file may be written at `path`: it ends with `suffix`, and is not the recording itself.

    Another file of that name is replaced. Returns a Path; raises InputError.
    """
    path = Path(path)
    if path.suffix != suffix:  # in capitals, ezc3d writes a second one behind it
        raise InputError(
            f"The name of a {suffix[1:].upper()} file ends with {suffix}; found {path.name}.", f"Name it *{suffix}."
        )
    if path.is_dir() or path.resolve() == recording.file.resolve():
        what = "a folder" if path.is_dir() else "the recording"
        raise InputError(f"A file of forces never replaces a recording; {path} is {what}.", "Give another name.")
    return path
