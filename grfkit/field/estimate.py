"""Estimate what a recording without plates can tell: each step's contact, force curves with a band, features, what is unlike the training data."""

import numpy as np
import pandas as pd
from tqdm import tqdm

from grfkit import features
from grfkit.field import contacts as field_contacts
from grfkit.field import events, training_range
from grfkit.field import motion as point_motion
from grfkit.points import DIRECTIONS, GRAVITY, POINTS
from grfkit.recordings import orientation

STEP_COLUMNS = [
    "file",
    "step",
    "side",
    "touchdown_s",
    "toeoff_s",
    "contact_s",
    "step_s",
    "flight_s",
    "step_rate_per_min",
    "speed_m_s",
]
BANDED = [name + end for name in features.FEATURES for end in ("", "_low", "_high")]
CENTRE = ["cop_ap", "cop_ml"]
RECORDING_COLUMNS = [
    "file",
    "duration_s",
    "rate_hz",
    "treadmill",
    "speed_m_s",
    "mass_kg",
    "steps",
    "unlike_steps",
    "refused",
    "warnings",
    "notes",
]
SLOW_HZ = 100  # frames a second from which on a slow camera costs nothing: our choice, between 60 and 120 of notebook 10_field
ADVICE = "Lay the axes out so, AP the way the runner goes, or read files by grfkit.field.estimate_command, which finds unit and axes."
MISSING = 0.02  # share of frames without a point from which on it is a warning: our choice
BETWEEN = " | "  # texts of one cell


class Refused(ValueError):
    """A recording is not estimated; the message says why and what to do."""


def one(model, name, points, rate_hz, speed_m_s):
    """Estimate one recording by a FieldModel: (steps, curves, warnings).

    `points` (F, 11, 3) m in AP, ML, V, NaN where missing, in the order of grfkit.POINTS; `speed_m_s` of the belt, or of the runner overground.
    `steps` has a row for each step, `curves` one for each step and node, times in s from the first frame or from touchdown, forces in body
    weights, centres of pressure, where the model knows them, in m from the ankle joint; `warnings` are texts. Raises Refused for walking, or
    where there is nothing to estimate, and ValueError for other arrays and what is no runner in m.
    """
    points = _checked(points, rate_hz, speed_m_s)
    motions, found = _found(model, name, points, rate_hz)
    contacts, warnings = _contacts(model.detector, motions, found, points)
    slow = [f"{rate_hz:g} frames a second: below {SLOW_HZ} forces err by more, horizontal ones first"] * (
        rate_hz < SLOW_HZ
    )
    flight_s = field_contacts.usual_flight(contacts, contacts["file"], model.settings["flight_s"])
    inputs = field_contacts.inputs(motions, contacts, flight_s, padding_s=model.settings["padding_s"])
    kernel = model.curves.kernel(inputs)
    curves = field_contacts.finish(contacts, model.curves.estimate_from(kernel), flight_s, contacts["file"])
    measured = training_range.measure(motions, contacts, {name: speed_m_s})
    unlike = training_range.unlike(model.known, measured, model.curves.nearest(kernel))
    return (
        _steps(model, contacts, curves, speed_m_s, unlike),
        _curves(model, contacts, curves),
        slow + warnings + _summed(unlike),
    )


def everything(model, found, masses, unread, *, folder):
    """Estimate all recordings of a folder, as estimate.read_all gives them: the tables (steps, curves, recordings).

    With a mass (kg) forces are also in newtons: columns with _n for _bw, est_v_n beside est_v. A recording that is refused has a row in
    `recordings` that says why.
    """
    tables, rows = [], []
    for each, mass in tqdm(
        list(zip(found, masses, strict=True)), desc="estimating", unit="file", mininterval=1, disable=None
    ):
        name = each.file.relative_to(folder).as_posix()
        doubts = [note.text for note in each.notes if note.is_warning]
        row = {
            "file": name,
            "duration_s": len(each.points) / each.rate_hz,
            "rate_hz": each.rate_hz,
            "treadmill": each.treadmill,
            "speed_m_s": each.speed_m_s,
            "mass_kg": mass,
            "steps": 0,
            "unlike_steps": 0,
            "refused": "",
            "warnings": BETWEEN.join(doubts),
            "notes": BETWEEN.join(note.text for note in each.notes if not note.is_warning),
        }
        try:
            table, curves, warnings = one(model, name, each.points, each.rate_hz, each.speed_m_s)
            row |= {
                "steps": len(table),
                "unlike_steps": int((table["unlike"] != "").sum()),
                "warnings": BETWEEN.join(warnings + doubts),
            }
            tables.append([newtons(part, mass) for part in (table, curves)])
        except ValueError as error:
            row["refused"] = str(error)
        rows.append(row)
    rows += [
        {"file": name, "steps": 0, "unlike_steps": 0, "refused": why, "warnings": "", "notes": ""}
        for name, why in unread.items()
    ]
    steps_table, curves = (
        (pd.concat(part, ignore_index=True) for part in zip(*tables, strict=True)) if tables else _none()
    )
    return steps_table, curves, pd.DataFrame(rows, columns=RECORDING_COLUMNS).astype({"mass_kg": float})


def newtons(table, mass_kg):
    """Add to a table of steps or curves its forces in N (and N/s), where the mass is known."""
    if mass_kg is None:
        return table
    names = {
        name: name.replace("_bw", "_n") if "_bw" in name else f"{name}_n"
        for name in table
        if name in BANDED or name.split("_")[0] in ("est", "low", "high")
    }
    return table.assign(**{new: mass_kg * GRAVITY * table[name] for name, new in names.items()})


def _checked(points, rate_hz, speed_m_s):
    """Give points as an array (F, 11, 3), where they can be those of a runner."""
    numbers = all(isinstance(value, (int, float, np.number)) and np.isfinite(value) for value in (rate_hz, speed_m_s))
    points = np.asarray(points, float)
    if points.ndim != 3 or points.shape[1:] != (len(POINTS), 3) or not numbers or not rate_hz > 0:
        raise ValueError(
            f"Points are (F, {len(POINTS)}, 3) m, those of grfkit.POINTS in AP, ML, V, at a rate in Hz, of a runner at a speed in m/s; "
            f"found {points.shape} at {rate_hz!r} Hz, {speed_m_s!r} m/s. {ADVICE}"
        )
    if np.isfinite(points).all(axis=(1, 2)).any():
        orientation.check_body(points, advice=ADVICE)
    return points


def _found(model, name, points, rate_hz):
    motions = {
        name: point_motion.motion(
            points, rate_hz, cutoff_hz=model.settings["points_cutoff_hz"], max_gap_s=model.settings["max_gap_s"]
        )
    }
    found = point_motion.find(motions)
    if found.empty:
        raise Refused(
            "A recording shows a runner's steps: the pelvis goes up and down. None was found here. Record running, for a second at least."
        )
    if training_range.walks(model.known, training_range.swings(motions, found)):
        raise Refused(
            "The model knows running; here both feet are low when the pelvis is lowest, as in walking. Nothing was estimated."
        )
    return motions, found


def _contacts(detector, motions, found, points):
    """Detect the contacts of steps that were found; whole steps that are lost, to gaps or since no contact was seen, are warned of."""
    kept = field_contacts.contacts(detector, motions, found)
    if kept.empty:
        raise Refused(
            f"A step is estimated where all points are seen from before touchdown to after toe-off; none of {len(found)} steps is. "
            "Record longer, or fill the gaps."
        )
    spans, (motion,) = events.reach(motions, found), motions.values()
    hidden = ~field_contacts.seen(motions, found, *spans.T)
    inside = (spans[:, 0] > motion.first_s) & (spans[:, 1] < motion.last_s)
    lost = inside & ~hidden & ~found["mid_s"].isin(kept["mid_s"]).to_numpy()
    missing = np.isnan(points).any(axis=(1, 2)).mean()
    warnings = {
        f"a point or more missing in {100 * missing:.0f} % of frames": missing > MISSING,
        f"{hidden.sum()} of {len(found)} steps not estimated, since points are missing for too long": hidden.any(),
        f"{lost.sum()} of {len(found)} steps not estimated, since no contact was seen": lost.any(),
    }
    return kept, [text for text, there in warnings.items() if there]


def _summed(unlike):
    """Say what is unlike the training runners in how many steps, from the texts of each step."""
    kinds = {}
    for part in (part for text in unlike for part in text.split("; ") if part):
        called = next((called for called, *_ in training_range.MEASURES.values() if part.startswith(called)), part)
        kinds.setdefault(called, []).append(part)
    many = {
        called: f"in all {len(unlike)} steps"
        if len(parts) == len(unlike)
        else f"in {len(parts)} of {len(unlike)} steps"
        for called, parts in kinds.items()
    }
    return [f"{parts[0]}{', or the like,' * (len(set(parts)) > 1)} {many[called]}" for called, parts in kinds.items()]


def _steps(model, contacts, curves, speed_m_s, unlike):
    values = field_contacts.features_of(contacts["contact_s"], curves, vlr=model.settings["vlr"])
    table = contacts.assign(
        step=np.arange(1, len(contacts) + 1), step_rate_per_min=60 / contacts["step_s"], speed_m_s=speed_m_s
    )[STEP_COLUMNS]
    for name in features.FEATURES:
        half = model.features[name].around(contacts["contact_s"].to_numpy())[:, 0, 0]
        table = table.assign(
            **{
                name: values[name],
                f"{name}_low": np.maximum(values[name] - half, 0),
                f"{name}_high": values[name] + half,
            }
        )
    return table.assign(unlike=unlike)


def _curves(model, contacts, curves):
    """Lay out curves (S, 101, C) with their bands, a row for each step and node."""
    count, nodes = curves.shape[:2]
    half = model.bands.around(contacts["contact_s"].to_numpy())
    share = np.linspace(0, 1, nodes)
    table = {
        "file": np.repeat(contacts["file"].to_numpy(), nodes),
        "step": np.repeat(np.arange(1, count + 1), nodes),
        "node": np.tile(100 * share, count),
        "time_s": (contacts[["contact_s"]].to_numpy() * share).ravel(),
    }
    for number, direction in enumerate(DIRECTIONS):
        force, width = curves[..., number], half[..., number]
        table |= {
            f"{word}_{direction.lower()}": (force + sign * width).ravel()
            for word, sign in (("est", 0), ("low", -1), ("high", 1))
        }
    table |= {name: curves[..., 3 + number].ravel() for number, name in enumerate(CENTRE) if curves.shape[2] > 3}
    return pd.DataFrame(table)


def _none():
    forces = [f"{word}_{direction.lower()}" for direction in DIRECTIONS for word in ("est", "low", "high")]
    return pd.DataFrame(columns=[*STEP_COLUMNS, *BANDED, "unlike"]), pd.DataFrame(
        columns=["file", "step", "node", "time_s", *forces]
    )
