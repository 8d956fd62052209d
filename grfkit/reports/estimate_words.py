"""Put what was estimated of a recording into words that need no study of biomechanics.

In: rows of recordings.csv, asymmetry.csv and trend.csv (grfkit.field.estimate, grfkit.field.summary). Out: sentences.
"""

import math
from typing import NamedTuple

from grfkit.points import GRAVITY
from grfkit.reports.words import SPACE, percent, written


class Quantity(NamedTuple):
    """How a column of steps.csv is called and written: its name, unit, factor into the unit, decimals, `more` of it."""

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
OVER_TIME = ["contact_s", "active_peak_bw", "vlr_bw_s"]  # what is drawn over time, and said of it


def with_unit(value, quantity):
    """Write a value of steps.csv in its unit; `quantity` is its column."""
    of = QUANTITIES[quantity]
    return f"{written(of.factor * value, of.decimals)}{SPACE}{of.unit}"


def in_short(recording, means, sides, trends):
    """Say what came out of a recording: a list of four sentences.

    `recording` is its row of recordings.csv, `means` {quantity: mean of left and right}, `sides` and `trends` its rows
    of asymmetry.csv and trend.csv. Differences and changes are said where they are larger than their uncertainty.
    """
    return [
        _pace(recording, means),
        _load(recording, means),
        _sides(sides),
        _changes(trends[(trends["of"] == "steps") & trends["quantity"].isin(OVER_TIME)]),
    ]


def _pace(recording, means):
    where = " on a treadmill" if recording["treadmill"] else ""
    rate = flight = ""
    if math.isfinite(means["step_rate_per_min"]):  # at least one step was followed by another
        rate = f" {written(means['step_rate_per_min'], 0)} steps a minute,"
        flight = f" and in the air for {with_unit(means['flight_s'], 'flight_s')} after it"
    steps = f"{recording['steps']} step{'s' if recording['steps'] > 1 else ''}"
    speed, contact = written(recording["speed_m_s"], 2), with_unit(means["contact_s"], "contact_s")
    return f"{steps} at {speed}{SPACE}m/s{where}:{rate} each foot on the ground for {contact}{flight}."


def _load(recording, means):
    peak, newtons, mass_kg = means["active_peak_bw"], "", recording["mass_kg"]
    if math.isfinite(mass_kg):
        newtons = f" ({written(peak * mass_kg * GRAVITY, 0)}{SPACE}N at {mass_kg:g}{SPACE}kg)"
    return (
        f"The load on a leg peaks at {written(peak, 2)} times body weight in each step{newtons}; "
        f"after landing it rises at {written(means['vlr_bw_s'], 0)} body weights a second."
    )


def _sides(sides):
    differ = [
        f"{QUANTITIES[row.quantity].name} is {percent(abs(row.asymmetry_pct))} {QUANTITIES[row.quantity].more} on the "
        f"{row.told}"
        for row in sides.itertuples()
        if row.told in ("left", "right")
    ]
    if differ:
        return (
            f"Left and right differ by more than the doubt about it: {'; '.join(differ)}. Other differences that are "
            "judged cannot be told from none."
        )
    if (sides["told"] == "none").any():
        return "Left and right cannot be told apart: no difference that is judged is larger than the doubt about it."
    return (
        "Left and right were not compared: there are too few steps of a side, or most are unlike those that the model "
        "knows."
    )


def _changes(trends):
    if trends["per_min"].isna().all():
        return "Too few steps to look for a change over time."
    parts = [
        f"{QUANTITIES[row.quantity].name} {'rises' if row.per_min > 0 else 'falls'} by "
        f"{_change(row.per_min, row.quantity)} a minute"
        for row in trends[trends["told"]].itertuples()
    ]
    rest = [QUANTITIES[quantity].name for quantity in trends.loc[~trends["told"], "quantity"]]
    changed, unseen = f"Over time {'; '.join(parts)}.", f"No change over time can be told in {_either(rest)}."
    return " ".join([changed] * bool(parts) + [unseen] * bool(rest))


def _change(per_min, quantity):
    """Write the size of a change a minute in its unit, to a decimal more than a value."""
    of = QUANTITIES[quantity]
    return f"{written(abs(of.factor * per_min), of.decimals + 1)}{SPACE}{of.unit}"


def _either(names):
    """List names in words: a, b or c."""
    return " or ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
