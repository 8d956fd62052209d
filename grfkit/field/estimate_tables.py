"""The tables of an estimate: a row for each footstep, a row for each node of its curve.

In: contacts, curves (S, 101, C) and a model. Out: DataFrames as estimate.estimate_recording gives them.
"""

import numpy as np
import pandas as pd

from grfkit import features
from grfkit.field import events
from grfkit.field.contacts import curve_features
from grfkit.points import DIRECTIONS, GRAVITY, number

DURATIONS = ["contact_s", "step_s", "flight_s"]
STEP_COLUMNS = ["file", "step", "side", *events.EVENTS, *DURATIONS, "step_rate_per_min", "speed_m_s"]
BANDED = [name + end for name in features.FEATURES for end in ("", "_low", "_high")]
BAND = {"est": 0, "low": -1, "high": 1}  # the estimate and the edges of its band, in half widths
CENTRE = ["cop_ap", "cop_ml"]
DIRECTION_OF = {  # of the force that a feature is read off
    name: DIRECTIONS.index("AP" if name in ("propulsive_peak_bw", "braking_peak_bw") else "V")
    for name in features.FEATURES
}


def add_newtons(table, mass_kg):
    """Add to a table of footsteps or curves its forces in N (and N/s), where the mass is known."""
    mass_kg = number(mass_kg)
    if mass_kg is None:
        return table
    names = {
        name: name.replace("_bw", "_n") if "_bw" in name else f"{name}_n"
        for name in table
        if name in BANDED or name.split("_")[0] in BAND
    }
    return table.assign(**{new: mass_kg * GRAVITY * table[name] for name, new in names.items()})


def of_footsteps(model, contacts, curves, factors):
    """Lay out contacts, with what is `unlike` of each, and the features of their curves with bands: a row for each.

    Bands are `factors` (S, 3), one for each direction, times as wide as those of the laboratory that trained the model.
    """
    values = curve_features(contacts["contact_s"], curves, vlr=model.settings["vlr"])
    numbers = np.arange(1, len(contacts) + 1)
    table = contacts.assign(step=numbers, step_rate_per_min=60 / contacts["step_s"])[STEP_COLUMNS]
    for name in features.FEATURES:
        half = model.features[name].around(contacts["contact_s"].to_numpy())[:, 0, 0] * factors[:, DIRECTION_OF[name]]
        low = np.maximum(values[name] - half, 0)
        table = table.assign(**{name: values[name], f"{name}_low": low, f"{name}_high": values[name] + half})
    return table.assign(unlike=contacts["unlike"])


def of_curves(model, contacts, curves, factors):
    """Lay out curves (S, 101, C) with their bands, a row for each footstep and node; `factors` as in of_footsteps."""
    count, nodes = curves.shape[:2]
    half = model.bands.around(contacts["contact_s"].to_numpy()) * factors[:, None]
    share = np.linspace(0, 1, nodes)
    table = {
        "file": np.repeat(contacts["file"].to_numpy(), nodes),
        "step": np.repeat(np.arange(1, count + 1), nodes),
        "node": np.tile(100 * share, count),
        "time_s": (contacts[["contact_s"]].to_numpy() * share).ravel(),
    }
    for place, direction in enumerate(DIRECTIONS):
        force, width = curves[..., place], half[..., place]
        table |= {f"{edge}_{direction.lower()}": (force + sign * width).ravel() for edge, sign in BAND.items()}
    table |= {name: curves[..., 3 + number].ravel() for number, name in enumerate(CENTRE) if curves.shape[2] > 3}
    return pd.DataFrame(table)


def nothing():
    """Give the tables of no footstep."""
    forces = [f"{edge}_{direction.lower()}" for direction in DIRECTIONS for edge in BAND]
    columns = [*STEP_COLUMNS, *BANDED, "unlike"], ["file", "step", "node", "time_s", *forces]
    return [pd.DataFrame(columns=names) for names in columns]
