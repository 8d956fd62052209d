"""What was estimated of a recording in words that need no study of biomechanics; tables as field_estimate and field_summary give them."""

import math
from typing import NamedTuple

from grfkit.points import GRAVITY

SPACE = "\u00a0"  # does not break: a line must not end between a number and its unit


class Quantity(NamedTuple):
    """How a column of steps.csv is called and written: its name, unit, what turns it into the unit, decimals, and `more` of it."""

    name: str
    unit: str
    factor: float
    decimals: int
    more: str = "higher"


QUANTITIES = {
    "contact_s": Quantity("contact time", "ms", 1000, 0, "longer"),
    "flight_s": Quantity("flight time after it", "ms", 1000, 0, "longer"),
    "step_rate_per_min": Quantity("step rate", "steps/min", 1, 0),
    "propulsive_peak_bw": Quantity("push forward (propulsive peak)", "BW", 1, 2),
    "braking_peak_bw": Quantity("braking (braking peak)", "BW", 1, 2),
    "impact_peak_bw": Quantity("landing (impact peak)", "BW", 1, 2),
    "active_peak_bw": Quantity("peak load (active peak)", "BW", 1, 2),
    "vlr_bw_s": Quantity("loading rate (VLR)", "BW/s", 1, 0),
}
TOLD = ["contact_s", "active_peak_bw", "vlr_bw_s"]  # what is drawn over time


def written(value, decimals, *, signed=False):
    """Write a number, a dash where it is missing; a minus sign is one, and zero has none; -2 `decimals` are hundreds."""
    if value is None or not math.isfinite(value):
        return "–"
    value = round(value, decimals) or 0.0
    return f"{value:{'+' if signed and value else ''},.{max(decimals, 0)}f}".replace("-", "−")


def percent(value, *, signed=False):
    """Write a share in % to a decimal."""
    return f"{written(value, 1, signed=signed)}{SPACE}%"


def with_unit(value, quantity):
    """Write a value of steps.csv in its unit; `quantity` is its column."""
    known = QUANTITIES[quantity]
    return f"{written(known.factor * value, known.decimals)}{SPACE}{known.unit}"


def in_short(recording, means, sides, trends):
    """Say what came out of a recording: a list of sentences.

    `recording` is its row of recordings.csv, `means` {quantity: mean of left and right}, `sides` and `trends` its rows of asymmetry.csv
    and trend.csv. Differences and changes are said where they are larger than the doubt about them.
    """
    where = " on a treadmill" if recording["treadmill"] else ""
    paced = math.isfinite(means["step_rate_per_min"])  # at least one step was followed by another
    rate = f" {written(means['step_rate_per_min'], 0)} steps a minute," if paced else ""
    flight = f" and in the air for {with_unit(means['flight_s'], 'flight_s')} after it" if paced else ""
    first = (
        f"{recording['steps']} step{'s' if recording['steps'] > 1 else ''} at {written(recording['speed_m_s'], 2)}{SPACE}m/s{where}:{rate} "
        f"each foot on the ground for {with_unit(means['contact_s'], 'contact_s')}{flight}."
    )
    newtons = _newtons(means, recording["mass_kg"])
    second = (
        f"The load on a leg peaks at {written(means['active_peak_bw'], 2)} times body weight in each step{newtons}; "
        f"after landing it rises at {written(means['vlr_bw_s'], 0)} body weights a second."
    )
    return [first, second, _sides(sides), _changes(trends[trends["of"] == "steps"])]


def _newtons(means, mass_kg):
    return (
        f" ({written(means['active_peak_bw'] * mass_kg * GRAVITY, 0)}{SPACE}N at {mass_kg:g}{SPACE}kg)"
        if math.isfinite(mass_kg)
        else ""
    )


def _sides(sides):
    told = [row for row in sides.itertuples() if row.told in ("left", "right")]
    if not told:
        known = (sides["told"] == "none").any()
        return (
            "Left and right cannot be told apart: no difference that is judged is larger than the doubt about it."
            if known
            else "Left and right were not compared: there are too few steps of a side, or most are unlike those that the model knows."
        )
    parts = [
        f"{QUANTITIES[row.quantity].name} is {percent(abs(row.asymmetry_pct))} {QUANTITIES[row.quantity].more} on the {row.told}"
        for row in told
    ]
    return f"Left and right differ by more than the doubt about it: {'; '.join(parts)}. Other differences that are judged cannot be told from none."


def _changes(trends):
    shown = trends[trends["quantity"].isin(TOLD)]
    if shown["per_min"].isna().all():
        return "Too few steps to look for a change over time."
    parts = [
        f"{QUANTITIES[row.quantity].name} {'rises' if row.per_min > 0 else 'falls'} by {change(row.per_min, row.quantity)} a minute"
        for row in shown.itertuples()
        if row.told
    ]
    rest = [QUANTITIES[row.quantity].name for row in shown.itertuples() if not row.told]
    unseen = f"No change over time can be told in {listed(rest, 'or')}."
    return " ".join([f"Over time {'; '.join(parts)}."] * bool(parts) + [unseen] * bool(rest))


def change(per_min, quantity):
    """Write the size of a change a minute in its unit, to a decimal more than a value."""
    known = QUANTITIES[quantity]
    return f"{written(abs(known.factor * per_min), known.decimals + 1)}{SPACE}{known.unit}"


def listed(names, word):
    """List names in words: a, b or c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}" if names else ""
