"""Put what was estimated of a recording into words that need no study of biomechanics.

In: rows of recordings.csv, asymmetry.csv and trend.csv (grfkit.field.estimate, grfkit.field.summary). Out: sentences.
"""

import math
from typing import NamedTuple

from grfkit.field import summary
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
    "flight_s": Quantity("flight time (both feet in the air)", "ms", 1000, 0, "longer"),
    "step_rate_per_min": Quantity("step rate", "steps/min", 1, 0),
    "propulsive_peak_bw": Quantity("push forward (propulsive peak)", "BW", 1, 2),
    "braking_peak_bw": Quantity("braking (braking peak)", "BW", 1, 2),
    "impact_peak_bw": Quantity("landing (impact peak)", "BW", 1, 2),
    "active_peak_bw": Quantity("peak force (active peak)", "BW", 1, 2),
    "vlr_bw_s": Quantity("loading rate (VLR)", "BW/s", 1, 0),
}
OVER_TIME = ["contact_s", "active_peak_bw", "vlr_bw_s"]  # what is drawn over time, and said of it
# what is known of another laboratory: one runner of Dorn 2012 by the model of `rbds` (README, "In the field")
ELSEWHERE = (
    "With other cameras, markers and plates than those of the laboratory that trained the model, expect larger errors "
    "than the bands say. It was tried once, with the model of the study rbds and five steps of one runner (overground, "
    "other markers): touchdown and toe-off were found within 8 ms, but the vertical force was off by 0.18 BW, three "
    "times as much as of new runners of the training laboratory, and the 90 % band held a fifth of the samples instead "
    "of nine tenths."
)


def beside_plates(measured, recording, level):
    """Say how far an estimate is off what force plates measured: a list of two sentences.

    `measured` is its row of plates.csv, `recording` that of recordings.csv, `level` that of the bands.
    """

    def time(event, more, less):
        off, error = measured[f"{event}_mean_ms"], f"(RMSE {written(measured[f'{event}_rmse_ms'], 0)}{SPACE}ms)"
        return (
            f"{written(abs(off), 0)}{SPACE}ms {more if off > 0 else less} {error}" if round(off) else f"right {error}"
        )

    times = (
        f"Force plates {recording['plates'].partition('; ')[0]}. On average the estimate has touchdown "
        f"{time('touchdown', 'late', 'early')} and toe-off {time('toeoff', 'late', 'early')}; the plates' contact time "
        f"is {with_unit(measured['contact_s'], 'contact_s')}, the estimate's {time('contact', 'longer', 'shorter')}."
    )
    shares = [measured[f"in_band_pct_{direction}"] for direction in ("v", "ap", "ml")]
    bands = (
        f"Of the measured samples {written(shares[0], 0)} % (up), {written(shares[1], 0)} % (forward and back) and "
        f"{written(shares[2], 0)} % (sideways) lie in the {100 * level:g} % band."
    )
    return [times, bands]


def with_unit(value, quantity):
    """Write a value of steps.csv in its unit; `quantity` is its column."""
    of = QUANTITIES[quantity]
    return f"{written(of.factor * value, of.decimals)}{SPACE}{of.unit}"


def with_range(quantity, usual):
    """Write the usual range of a quantity in its unit, "" where it is not known; `usual` as field.usual.at_speed."""
    if quantity not in usual:
        return ""
    of, (low, high, _) = QUANTITIES[quantity], usual[quantity]
    text = f"{written(of.factor * low, of.decimals)} to {written(of.factor * high, of.decimals)} {of.unit}"
    return text.replace(" ", SPACE)


def in_short(recording, means, sides, trends, usual):
    """Say what came out of a recording: a list of four sentences.

    `recording` is its row of recordings.csv, `means` {quantity: mean of left and right}, `sides` and `trends` its rows
    of asymmetry.csv and trend.csv, `usual` what field.usual.at_speed gives. Differences and changes are said where they
    are larger than what can be seen.
    """
    return [
        _pace(recording, means, usual),
        _force(recording, means, usual),
        _sides(sides),
        _changes(recording, trends[(trends["of"] == "steps") & trends["quantity"].isin(OVER_TIME)]),
    ]


def _pace(recording, means, usual):
    where = " on a treadmill" if recording["treadmill"] else ""
    rate = flight = ""
    if math.isfinite(means["step_rate_per_min"]):  # at least one step was followed by another
        steps = f"{written(means['step_rate_per_min'], 0)} steps a minute"
        rate = f" {steps}{_beside('step_rate_per_min', usual)},"
        flight = (
            f", then both feet in the air for {with_unit(means['flight_s'], 'flight_s')}{_beside('flight_s', usual)}"
        )
    steps = f"{recording['steps']} step{'s' if recording['steps'] > 1 else ''}"
    speed, contact = written(recording["speed_m_s"], 2), with_unit(means["contact_s"], "contact_s")
    return (
        f"{steps} at {speed}{SPACE}m/s{where}:{rate} each foot on the ground for {contact}"
        f"{_beside('contact_s', usual)}{flight}."
    )


def _force(recording, means, usual):
    peak, newtons, mass_kg = means["active_peak_bw"], "", recording["mass_kg"]
    if math.isfinite(mass_kg):
        newtons = f" ({written(peak * mass_kg * GRAVITY, 0)}{SPACE}N at {mass_kg:g}{SPACE}kg)"
    return (
        f"The force under the foot peaks at {written(peak, 2)} times body weight in each step{newtons}"
        f"{_beside('active_peak_bw', usual)}; after landing it rises at {written(means['vlr_bw_s'], 0)} body weights a "
        f"second{_beside('vlr_bw_s', usual)}."
    )


def _beside(quantity, usual):
    """Write the usual range behind a value, "" where it is not known."""
    return f" (usual: {with_range(quantity, usual)})" if quantity in usual else ""


def _sides(sides):
    differ = [
        f"{QUANTITIES[row.quantity].name} is {percent(abs(row.asymmetry_pct))} {QUANTITIES[row.quantity].more} on the "
        f"{row.told}"
        for row in sides.itertuples()
        if row.told in ("left", "right")
    ]
    if differ:
        rest = " In what else is judged no difference is seen." if (sides["told"] == "none").any() else ""
        return (
            f"Left and right differ by more than the smallest difference that can be seen: {'; '.join(differ)}.{rest}"
        )
    if (sides["told"] == "none").any():
        return (
            "No difference between left and right is seen: none that is judged is as large as the smallest that can "
            "be seen."
        )
    return (
        "Left and right were not compared: there are too few steps of a side, or most are unlike those that the model "
        "knows."
    )


def _changes(recording, trends):
    if trends["per_min"].isna().all():
        return "Too few steps to look for a change over time."
    if recording["unlike_steps"] > summary.MOST_OUT_OF_RANGE * recording["steps"]:
        return "Changes over time were not judged: most steps are unlike those that the model knows."
    over = f"over {written(trends['over_s'].max(), 0)}{SPACE}s"
    parts = [
        f"{QUANTITIES[row.quantity].name} {'rises' if row.per_min > 0 else 'falls'} by "
        f"{_change(row.per_min * row.over_s / 60, row.quantity)}"
        for row in trends[trends["told"]].itertuples()
    ]
    rest = [QUANTITIES[quantity].name for quantity in trends.loc[~trends["told"], "quantity"]]
    changed, unseen = f"{over.capitalize()} {'; '.join(parts)}.", f"No change is seen {over} in {_either(rest)}."
    return " ".join([changed] * bool(parts) + [unseen] * bool(rest))


def change_decimals(size, decimals):
    """Give the decimals of a change of a size: those of a value, or one more where they would show nothing."""
    return decimals if round(abs(size), decimals) else decimals + 1


def _change(change, quantity):
    """Write the size of a change in its unit."""
    of = QUANTITIES[quantity]
    size = abs(of.factor * change)
    return f"{written(size, change_decimals(size, of.decimals))}{SPACE}{of.unit}"


def _either(names):
    """List names in words: a, b or c."""
    return " or ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
