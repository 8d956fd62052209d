"""Force plates of a recording next to its estimate: what they measured, or why they are not used.

In: a discover.Found, and the tables of its estimate. Out: the same tables with columns of what the plates measured, and
the errors of the estimate. The plates have no part in an estimate: they are read after it is made.

A plate is used if it passes the checks of a study's 01 (grfkit.stances). It can be read and weighs a runner; its force
returns to zero and brakes before it propels; its centre of pressure is under the foot, and it fits the pelvis in time.
"""

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pandas as pd

from grfkit import features, metrics
from grfkit.field.summary import QUANTITIES
from grfkit.points import DIRECTIONS, InputError
from grfkit.recordings import c3d, files, plates
from grfkit.recordings.read import why_unread
from grfkit.recordings.trials import LIMITS
from grfkit.stances import cut, plate_signs

CHECKS = {  # those of params/virtual.yaml, of files that no study is about
    "stance_s": [0.15, 0.40],
    "min_peak_bw": 1.5,
    "max_gap_s": 0.040,
    "missing_share": 0.20,
    "unloaded_s": 0.080,
    "lag_s": 0.030,
    "mass_off": 0.10,
    "speed_off": 0.15,
    "max_speed_m_s": 8.0,
    "segment_change": 0.15,
    "foot_distance_m": 0.15,
    "beyond_plate_m": 0.03,
    "other_foot_m": 0.05,
}
PADDING_S = 0.010  # of params/virtual.yaml: what a stance needs before touchdown and after toe-off
STRIDE = 3  # contacts in a row, by which a runner is weighed over a whole stride, and not over a step alone
# share by which a step may weigh more or less than the others, or than the given mass: our choice; 5,626 real steps
# weigh .91 to 1.12 of their recording's median, and a given mass may be .1 off
STEP_OFF = 0.25
MOST_REASONS = 3  # that a text lists: our choice
EVENTS = {"touchdown_s": "plate_touchdown_s", "toeoff_s": "plate_toeoff_s"}
FORCES = [f"plate_{direction.lower()}" for direction in DIRECTIONS]
VALUES = {quantity: f"plate_{quantity}" for quantity in QUANTITIES}
TIMES = ["touchdown", "toeoff", "contact"]
COLUMNS = [
    "file",
    "steps",
    "contact_s",
    *(f"{event}_{what}_ms" for event in TIMES for what in ("mean", "rmse")),
    *(f"{what}_{d.lower()}" for d in DIRECTIONS for what in ("rmse_bw", "nrmse_pct", "in_band_pct")),
]


class Unused(Exception):
    """The plates of a recording are not used. The message is the reason."""


class Measured(NamedTuple):
    """What the plates of a recording measured: stances, and how they were weighed."""

    stances: list  # (side, touchdown_s, cut.Stance), forces in body weights
    unit: str  # in words
    left_out: Counter  # reason -> contacts


def add(found, footsteps, curves, *, mass_kg, vlr, late_s=0.0):
    """Add to the tables of one recording (estimate.estimate_recording) what its plates measured: both, and a text.

    `footsteps` gets EVENTS (s) and VALUES, with the loading rate `vlr` (features.loading_intervals), `curves` FORCES
    (BW) at the moments of its nodes, NaN where no plate measured the step. The text says how many steps were measured,
    or why the plates are not used. Without plates the text is empty and the tables stay as they were. If the study
    declares no `cameras_late_s`, the points are assumed to be `late_s` later than the plates.
    """
    if not found.plates:
        return footsteps, curves, ""
    try:
        measured = measure(found, mass_kg=mass_kg, late_s=late_s)
    except Unused as reason:
        return footsteps, curves, f"not used: {reason}"
    except Exception as error:  # a plate that cannot be understood must not stop the estimate
        return footsteps, curves, f"not used: {why_unread(error)}"
    if measured is None:
        return footsteps, curves, ""
    footsteps, curves = _beside(footsteps, curves, measured.stances, vlr)
    count = footsteps[EVENTS["touchdown_s"]].notna().sum()
    left_out = f"; contacts left out: {_listed(measured.left_out)}" if measured.left_out else ""
    if not count:
        return footsteps, curves, f"not used: the plates measured none of the steps that were estimated{left_out}"
    return footsteps, curves, f"measured {count} of {len(footsteps)} steps, in {measured.unit}{left_out}"


def measure(found, *, mass_kg, late_s=0.0):
    """Measure the stances on the plates of a recording: Measured, or None if it has no plates.

    Raises Unused, or the ValueError of a file, if the plates cannot be trusted.
    """
    layout = found.layout
    on, hz, bad, notes = c3d.read_plates(found.file, found.rotation, layout.plates if layout else None)
    if not on:
        if bad:
            raise Unused(_listed_plates(bad))
        return None
    if any(plate.estimated for plate in on):
        raise Unused("grfkit wrote them into the file with an estimate, so they measured nothing")
    recording = c3d.Recording({}, found.rate_hz, on, hz)
    declared = layout.cameras_late_s if layout else None
    recording = files.on_cameras_clock(recording, late_s if declared is None else declared)
    settings = _settings(found, recording)
    kg, loads = mass_kg or _weigh_roughly(recording, settings), []
    outcomes = cut.cut(recording, found.points, settings, mass_kg=kg, speed_m_s=found.speed_m_s, loads=loads)
    kept = [outcome for outcome in outcomes if isinstance(outcome[2], cut.Stance)]
    reasons = {at: str(outcome) for _, at, outcome in outcomes if not isinstance(outcome, cut.Stance)}
    _check_signs(loads, reasons)
    left_out = Counter(reason for at, reason in reasons.items() if np.isfinite(at))
    kept, uneven = _even(kept, kg, given=bool(mass_kg))
    left_out += Counter(uneven)
    if not kept:
        raise Unused(_listed(left_out) or "no contact was found on them")
    given = mass_kg and (found.mass_is or "as given")
    unit_kg, words = _unit([stance for *_, stance in kept], kg, given=given, most_off=settings.checks.mass_off)
    said = [note.text for note in notes if note not in found.notes]
    said += [_listed_plates(bad)] if bad else []
    stances = [(*event, replace(stance, force=stance.force * kg / unit_kg)) for *event, stance in kept]
    return Measured(stances, words + f" ({'; '.join(said)})" * bool(said), left_out)


def _settings(found, recording):
    """Give the settings of cut: the study's if there is one, else ours with a threshold above the plates' noise."""
    layout = found.layout
    forces = [plates.zeroed(plate, recording.force_hz).force for plate in recording.plates]
    return SimpleNamespace(
        checks=layout.checks if layout else SimpleNamespace(**CHECKS),
        treadmill=found.treadmill,
        force_cutoff_hz=layout.force_cutoff_hz if layout else None,
        points_cutoff_hz=layout.points_cutoff_hz if layout else None,
        padding_s=PADDING_S,
        contact_threshold_n=layout.contact_threshold_n
        if layout
        else plates.threshold(plates.noise(forces, recording.force_hz)),
    )


def _weigh_roughly(recording, settings):
    """Weigh the runner on the plates (kg), by all contacts that last as long as a stance.

    Raises Unused if nobody runs on them, or if the weight is out of a runner's range.
    """
    recording, steps = cut.find_steps(recording, settings)
    shortest, longest = (limit * recording.force_hz for limit in settings.checks.stance_s)
    spans = [(step.first, step.end) for step in steps if shortest <= step.end - step.first <= longest]
    if not spans:
        raise Unused("no running was found on them")
    vertical = sum(plate.force[:, 2] for plate in recording.plates)
    weighed = plates.mass(*plates.weigh(vertical, spans, hz=recording.force_hz))
    if np.isnan(weighed):
        raise Unused(
            "they measured no two steps in a row, by which to weigh the runner: give the body mass (--mass KG)"
        )
    low, high = LIMITS["mass_kg"]
    if not low <= weighed <= high:
        raise Unused(f"they weigh the runner at {weighed:.4g} kg, and a runner has {low} to {high} kg")
    return weighed


def _even(kept, kg, *, given):
    """Leave out stances whose weight differs from the others', or from the given mass: (kept, reasons).

    The weight of a step is its vertical impulse over its time. If its flight is unknown, it takes the others' mean.
    """
    flights = [stance.flight_s for *_, stance in kept if np.isfinite(stance.flight_s)]
    if not flights:
        return kept, []
    steps_s = [
        stance.toeoff_s
        + _frame_s(stance)
        - at
        + (stance.flight_s if np.isfinite(stance.flight_s) else np.mean(flights))
        for _, at, stance in kept
    ]
    forces = [np.trapezoid(stance.force[:, 2], stance.time_s) for *_, stance in kept]
    weights = [kg * force / step_s for force, step_s in zip(forces, steps_s, strict=True)]
    usual = np.median(weights)
    if given and len(kept) < STRIDE and np.ptp(weights) > 2 * STEP_OFF * usual:  # the given mass decides between two
        usual = kg
    even = [abs(weight / usual - 1) <= STEP_OFF for weight in weights]
    reasons = [
        f"a step weighs {weight:.0f} kg instead of {usual:.0f} kg: the foot was not wholly on the plates"
        for weight, fits in zip(weights, even, strict=True)
        if not fits
    ]
    return [each for each, fits in zip(kept, even, strict=True) if fits], reasons


def _unit(stances, kg, *, given, most_off):
    """Find the unit of force, kg and in words: the mass that the plates weigh over whole strides, else the given one.

    `stances` are cut.Stance in body weights of `kg`; `given` says where that mass comes from, None if the plates gave
    it: then a single step is enough. Raises Unused if the weighed mass differs from the given one.
    """
    impulse, duration = (sum(getattr(each, name) for each in stances) for name in ("impulse_n_s", "weighed_s"))
    weighed = plates.mass(impulse, duration)
    if given and abs(weighed / kg - 1) > most_off:
        raise Unused(f"they weigh the runner at {weighed:.1f} kg, and the mass is {kg:g} kg, {given}")
    if given and (np.isnan(weighed) or len(stances) < STRIDE):
        return kg, f"body weights of {kg:g} kg, {given}"
    weighed = kg if np.isnan(weighed) else weighed
    return weighed, f"body weights as the plates weigh them, {weighed:.1f} kg"


def _check_signs(loads, reasons):
    """Check on the loads of each plate that none is reversed; `reasons` say why contacts were left out."""
    rows = [("", "", at, reasons.get(at, ""), *load) for at, load in loads]
    try:
        plate_signs.check_study(pd.DataFrame(rows, columns=plate_signs.COLUMNS))
    except InputError as error:
        raise Unused(error.fact.removesuffix(".")) from None


def _beside(footsteps, curves, stances, vlr):
    """Add the stances of the same foot whose contact holds the middle of an estimated one."""
    footsteps = footsteps.assign(**dict.fromkeys([*EVENTS.values(), *VALUES.values()], np.nan))
    nodes = curves["step"].to_numpy()
    forces = np.full((len(curves), len(DIRECTIONS)), np.nan)
    middle = footsteps[["touchdown_s", "toeoff_s"]].mean(axis=1)
    for side, touchdown_s, stance in stances:
        here = footsteps["side"].eq(side) & middle.between(touchdown_s, stance.toeoff_s)
        for row in footsteps.index[here]:
            footsteps.loc[row, list(EVENTS.values())] = touchdown_s, stance.toeoff_s
            footsteps.loc[row, list(VALUES.values())] = _values(stance, stance.toeoff_s - touchdown_s, vlr)
            mine = nodes == footsteps.loc[row, "step"]
            times = footsteps.loc[row, "touchdown_s"] + curves["time_s"].to_numpy()[mine] - touchdown_s
            columns = [np.interp(times, stance.time_s, each, left=0.0, right=0.0) for each in stance.force.T]
            forces[mine] = np.stack(columns, axis=1)
    return footsteps, curves.assign(**dict(zip(FORCES, forces.T, strict=True)))


def _frame_s(stance):
    """Give the time from one frame of force of a cut.Stance to the next (s)."""
    return stance.time_s[1] - stance.time_s[0]


def _values(stance, contact_s, vlr):
    """Read the QUANTITIES of a cut.Stance: a list.

    Toe-off is the last frame with load, as the model learns it; a Stance's own flight begins one frame later. Here
    flight lasts from toe-off to the next touchdown, a step from touchdown to touchdown.
    """
    flight_s = stance.flight_s + _frame_s(stance)
    on = (stance.time_s >= 0) & (stance.time_s <= contact_s)
    peaks = features.extract(stance.force[on], stance.time_s[on], vlr=vlr)
    return [
        contact_s,
        flight_s,
        60 / (contact_s + flight_s),
        *(peaks[name] for name in features.FEATURES),
    ]


def errors(footsteps, curves):
    """Compare estimate and plates: a row for each recording with steps that plates measured, COLUMNS.

    contact_s is the mean that the plates measured. Other times are estimate minus plates, the mean and the root mean
    square (ms). Forces are compared at the moments of the estimate's nodes: RMSE (BW), nRMSE (%, of the measured range)
    and the share of nodes within the band (%), means over steps.
    """
    rows = []
    if EVENTS["touchdown_s"] not in footsteps:
        return pd.DataFrame(rows, columns=COLUMNS)
    have = footsteps[footsteps[EVENTS["touchdown_s"]].notna()]
    for file, steps in have.groupby("file", sort=False):
        off = {event[:-2]: steps[event] - steps[plate] for event, plate in EVENTS.items()}
        off["contact"] = off["toeoff"] - off["touchdown"]
        contact_s = (steps[EVENTS["toeoff_s"]] - steps[EVENTS["touchdown_s"]]).mean()
        times = [1000 * value for each in off.values() for value in (each.mean(), np.sqrt((each**2).mean()))]
        mine = curves[curves["file"].eq(file) & curves["step"].isin(steps["step"])]
        est, low, high, plate = (
            mine[[f"{kind}_{d.lower()}" for d in DIRECTIONS]].to_numpy().reshape(len(steps), -1, len(DIRECTIONS))
            for kind in ("est", "low", "high", "plate")
        )
        inside = 100 * ((low <= plate) & (plate <= high)).mean(axis=(0, 1))
        scores = metrics.rmse(plate, est).mean(axis=0), metrics.nrmse(plate, est).mean(axis=0), inside
        rows.append((file, len(steps), contact_s, *times, *np.stack(scores, axis=1).ravel()))
    return pd.DataFrame(rows, columns=COLUMNS)


def _listed(reasons):
    """List reasons with their counts, the most frequent first."""
    return "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common(MOST_REASONS))


def _listed_plates(bad):
    """List the plates that cannot be read, a reason once."""
    kinds = {}
    for number, why in bad.items():
        kinds.setdefault(why, []).append(str(number))
    return "; ".join(f"plate {', '.join(numbers)}: {why.removesuffix('.')}" for why, numbers in kinds.items())
