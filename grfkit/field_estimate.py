"""Estimate what a recording without plates can tell: each step's contact, force curves with a band, features, and what is unlike the training data."""

import numpy as np
import pandas as pd

from grfkit import DIRECTIONS, features, field, limits, steps

STEP_COLUMNS = ["file", "step", "side", "touchdown_s", "toeoff_s", "contact_s", "step_s", "flight_s", "step_rate_per_min", "speed_m_s"]
CENTRE = ["cop_ap", "cop_ml"]


class Refused(ValueError):
    """A recording is not estimated; the message says why and what to do."""


def one(model, name, points, rate_hz, speed_m_s):
    """Estimate one recording by a FieldModel: (steps, curves, notes).

    `points` (F, 11, 3) m, NaN where missing. `steps` has a row for each step, `curves` one for each step and node, times in s from the first
    frame or from touchdown, forces in body weights; `notes` are texts. Raises Refused for walking, or where there is nothing to estimate.
    """
    motions, found = _found(model, name, points, rate_hz)
    contacts = field.contacts(model.detector, motions, found)
    contacts, notes = _timed(contacts, found, points)
    flight_s = field.usual_flight(contacts, contacts["file"], model.settings["flight_s"])
    inputs = field.inputs(motions, contacts, flight_s, padding_s=model.settings["padding_s"])
    kernel = model.curves.kernel(inputs)
    curves = field.finish(contacts, model.curves.weigh(kernel), flight_s, contacts["file"])
    measured = limits.measure(motions, contacts, {name: speed_m_s})
    unlike = limits.unlike(model.known, measured, model.curves.nearest(kernel))
    return _steps(model, contacts, curves, speed_m_s, unlike), _curves(model, contacts, curves), notes


def everything(model, found, masses, unread):
    """Estimate all recordings of estimate.read_all: (steps, curves, recordings), the tables that field_report writes.

    A recording that is refused has a row in `recordings` that says why.
    """
    tables, rows = [], []
    for each, mass in zip(found, masses, strict=True):
        name = each.name
        row = {"file": name, "duration_s": len(each.points) / each.rate_hz, "rate_hz": each.rate_hz, "treadmill": each.treadmill,
               "speed_m_s": each.speed_m_s, "mass_kg": mass, "steps": 0, "notes": "; ".join(each.notes), "refused": ""}
        try:
            *estimated, notes = one(model, name, each.points, each.rate_hz, each.speed_m_s)
            tables.append(estimated)
            row |= {"steps": len(estimated[0]), "notes": "; ".join([*each.notes, *notes])}
        except ValueError as error:
            row |= {"refused": str(error)}
        rows.append(row)
    rows += [{"file": name, "steps": 0, "notes": "", "refused": why} for name, why in unread.items()]
    steps_table, curves = (pd.concat(part, ignore_index=True) for part in zip(*tables, strict=True)) if tables else (_steps_of_none(), pd.DataFrame())
    return steps_table, curves, pd.DataFrame(rows)


def _found(model, name, points, rate_hz):
    motions = {name: steps.motion(points, rate_hz, cutoff_hz=model.settings["points_cutoff_hz"], max_gap_s=model.settings["max_gap_s"])}
    found = steps.find(motions)
    if found.empty:
        raise Refused("A recording shows a runner's steps: the pelvis goes up and down. None was found here. Record running, for a second at least.")
    if limits.walks(model.known, limits.swings(motions, found)):
        raise Refused("The model knows running; here both feet are low when the pelvis is lowest, as in walking. Nothing was estimated.")
    return motions, found


def _timed(contacts, found, points):
    """Leave out what cannot be a contact, and say how many steps were found and not estimated."""
    kept = contacts[contacts["contact_s"] > field.SHORTEST_S]
    missing, notes = np.isnan(points).any(axis=(1, 2)).mean(), []
    if missing:
        notes.append(f"points missing in {100 * missing:.0f} % of frames")
    if len(kept) < len(found):
        notes.append(f"{len(found) - len(kept)} of {len(found)} steps not estimated: at an end of the recording, or points missing")
    if kept.empty:
        raise Refused(f"A step is estimated where all points are seen from before touchdown to after toe-off; none of {len(found)} steps is. "
                      "Record longer, or fill the gaps.")
    return field.timed(kept.reset_index(drop=True)), notes


def _steps(model, contacts, curves, speed_m_s, unlike):
    values = field.features_of(contacts["contact_s"], curves, vlr=model.settings["vlr"])
    table = contacts.assign(step=np.arange(1, len(contacts) + 1), step_rate_per_min=60 / contacts["step_s"], speed_m_s=speed_m_s)[STEP_COLUMNS]
    for name in features.FEATURES:
        half = model.features[name].around(contacts["contact_s"].to_numpy())[:, 0, 0]
        table = table.assign(**{name: values[name], f"{name}_low": np.maximum(values[name] - half, 0), f"{name}_high": values[name] + half})
    return table.assign(unlike=unlike)


def _curves(model, contacts, curves):
    """Lay out curves (S, 101, C) with their bands, a row for each step and node."""
    count, nodes = curves.shape[:2]
    half = model.bands.around(contacts["contact_s"].to_numpy())
    share = np.linspace(0, 1, nodes)
    table = {"file": np.repeat(contacts["file"].to_numpy(), nodes), "step": np.repeat(np.arange(1, count + 1), nodes),
             "node": np.tile(100 * share, count), "time_s": (contacts[["contact_s"]].to_numpy() * share).ravel()}
    for number, direction in enumerate(DIRECTIONS):
        force, width = curves[..., number], half[..., number]
        table |= {f"{word}_{direction.lower()}": (force + sign * width).ravel() for word, sign in (("est", 0), ("low", -1), ("high", 1))}
    table |= {name: curves[..., 3 + number].ravel() for number, name in enumerate(CENTRE) if curves.shape[2] > 3}
    return pd.DataFrame(table)


def _steps_of_none():
    names = [name + end for name in features.FEATURES for end in ("", "_low", "_high")]
    return pd.DataFrame(columns=[*STEP_COLUMNS, *names, "unlike"])
