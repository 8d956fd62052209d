"""Put what was estimated of a recording into words that need no study of biomechanics.

In: rows of recordings.csv, asymmetry.csv and trend.csv (grfkit.field.estimate, grfkit.field.summary). Out: sentences.
"""

import math
import re
from typing import NamedTuple

from grfkit.field import summary
from grfkit.field.bands import NEW, UNKNOWN, WITHIN
from grfkit.points import GRAVITY
from grfkit.reports.words import SPACE, percent, written


class Quantity(NamedTuple):
    """How a column of steps.csv is called and written: its name, unit, factor into the unit, decimals, `more` of it."""

    name: str
    unit: str
    factor: float
    decimals: int
    more: str = "higher"


DIRECTION_WORDS = {"V": "up", "AP": "forward and back", "ML": "sideways, to the inside"}  # the largest first
QUANTITIES = {
    "contact_s": Quantity("contact time", "ms", 1000, 0, "longer"),
    "flight_s": Quantity("flight time (both feet in the air)", "ms", 1000, 0, "longer"),
    "step_rate_per_min": Quantity("step rate", "steps/min", 1, 0),
    "propulsive_peak_bw": Quantity("push forward (propulsive peak)", "BW", 1, 2),
    "braking_peak_bw": Quantity("braking (braking peak)", "BW", 1, 2),
    "impact_peak_bw": Quantity("landing (impact peak)", "BW", 1, 2),
    "active_peak_bw": Quantity("peak force (active peak)", "BW", 1, 2),
    "vlr_bw_s": Quantity("loading rate", "BW/s", 1, 0),
}
OVER_TIME = ["contact_s", "active_peak_bw", "vlr_bw_s"]  # what is drawn over time
IN_SHORT = ["step_rate_per_min", "contact_s", "flight_s", "active_peak_bw", "vlr_bw_s"]  # what sentences say
HOME = "the laboratory that trained the model"
LABORATORIES = {  # study of ours: what people would call it
    "hamner": "five runners on a treadmill (Hamner & Delp 2013)",
    "ja1": "one runner overground (Dorn et al. 2012)",
}
OWN_LABORATORY = {  # said of a difference between left and right, by the kind of bands
    WITHIN: "",
    NEW: "In a new laboratory the smallest difference that can be seen is widened like the bands. A larger difference "
    "may still be the model's error.",
    UNKNOWN: f"The smallest difference that can be seen is the one in {HOME}. In recordings from another laboratory, a "
    "difference may be the model's error.",
}
TRAINED = re.compile(r"(\d+) of (\d+) steps trained the model")  # estimate.TRAINED
TOLD_PCT = 10  # of a feature, by which its mean was off elsewhere, from which on that is said: our choice
SIDEWAYS = "Sideways force was not compared."
SAME_FINDING, SAME_BY = ("vlr_bw_s", "impact_peak_bw"), "touchdown_to_13"  # so defined, one is the other over a time


def of_laboratory(kind, abroad, study=""):
    """Say for which laboratory the bands of a page are, and what a model is worth there: three texts.

    Whose bands they are, in a sentence; whose new runners they are about; what to mind, the most important in its first
    line. `kind` is of the column bands
    of recordings.csv, `abroad` a field.bands.Abroad or None, `study` the name of the study that was given.
    """
    if abroad is None:
        mind = (
            f"Other cameras, markers or plates than those of {HOME} give larger errors than the bands show. They also "
            "give differences between left and right that are the model's own errors. A recording does not show this. "
            "With this model no other laboratory was tried, so nobody knows how large these errors are (the command "
            "make transfer measures them)."
        )
        whose = f"The bands hold for recordings of {HOME}, or of one that records in the same way."
        return whose, HOME, mind * (kind != WITHIN)
    many = len(abroad.laboratories)
    others = "another laboratory" if many == 1 else f"{many} other laboratories"
    worth = (
        f"For new runners, the vertical force was off by {written(abroad.home_rmse_bw[2], 3)}{SPACE}BW in {HOME}, and "
        f"by {written(abroad.rmse_bw[2], 3)}{SPACE}BW in {others}."
    )
    names = (
        f"\nThe other laborator{'y' if many == 1 else 'ies'}: {_and([called(each) for each in abroad.laboratories])}."
    )
    if kind == WITHIN:
        return f"The bands are those of {HOME}, which the study file names.", HOME, worth + names
    wide = [written(factor, 1) for factor in abroad.in_range]
    off = off_elsewhere(abroad)
    too_high = f" On average the model gave {_and(off)} there: do not correct your numbers by this."
    mind = (
        f"Expect larger errors. {worth}{too_high * bool(off)}{names} The bands "
        f"here are {wide[2]} times (up), {wide[0]} times (forward and back) and {wide[1]} times (sideways) as wide as "
        f"in {HOME}. That is what the other laboratories needed on average, plus a margin, because a few laboratories "
        "prove little. "
    )
    if study in abroad.laboratories:
        mind += "Recordings of this study helped to set the bands, so how many samples are in them is no test."
    elif not study:
        mind += f"If your recordings come from {HOME}, name its study: --study FILE (make: STUDY=)."
    return "The bands are those of a new laboratory, which did not train the model.", "a new laboratory", mind.rstrip()


def called(name):
    """Call a laboratory as people would, where it is one of ours; else it has the name of its study."""
    return LABORATORIES.get(name, f"the study {name}")


def named(text):
    """Write a text of a model's card with laboratories called as people would."""
    for name, what in LABORATORIES.items():
        text = re.sub(rf"\b{name}\b", what, text)
    return text


def off_elsewhere(abroad):
    """List which features came out how far too high or low in other laboratories; `abroad` may be None."""
    return [
        f"{_name(name)} {written(abs(value), 0)}{SPACE}% too {'high' if value > 0 else 'low'}"
        for name, value in (abroad.features_pct if abroad else {}).items()
        if abs(value) >= TOLD_PCT
    ]


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


def place(quantity, value, usual):
    """Say whether a value is below, within or above what is usual, by the digits that are shown."""
    of, (low, high, _) = QUANTITIES[quantity], usual[quantity]
    value, low, high = (round(of.factor * number, of.decimals) for number in (value, low, high))
    return "below" if value < low else "above" if value > high else "within"


def places(quantity, by, usual):
    """Say where a quantity lies in what is usual, and which leg lies elsewhere; "" where it is not known.

    `by` is {"both", "left", "right": {quantity: mean}}.
    """
    if quantity not in usual or not math.isfinite(by["both"][quantity]):
        return ""
    both, *legs = (place(quantity, by[of][quantity], usual) for of in ("both", "left", "right"))
    values = [by[of][quantity] for of in ("left", "right")]
    other = [
        f"{name} leg {where}"
        for name, where, value in zip(("left", "right"), legs, values, strict=True)
        if math.isfinite(value) and where != both
    ]
    return f"{both} ({', '.join(other)})" if other else both


def trained(recording):
    """Tell how many steps of a recording trained the model, and of how many: (0, 0) where none did."""
    found = TRAINED.search(recording.get("warnings") or "")
    return (int(found[1]), int(found[2])) if found else (0, 0)


def in_short(recording, by, sides, trends, usual, *, plates=None, vlr=""):
    """Say what came out of a recording: six sentences, "" where there is nothing to say.

    They say times, forces, what force plates measured, what is usual, left and right, and changes over time.
    `recording` is its row of recordings.csv, `by` {"both", "left", "right": {quantity: mean over steps}}, `sides` and
    `trends` its rows of asymmetry.csv and trend.csv, `usual` what field.usual.at_speed gives, `plates` as `by` what
    force plates measured, with "steps", how many, `vlr` the definition of the loading rate. Differences and changes are
    said where they are larger than what can be seen.
    """
    return [
        _pace(recording, by["both"]),
        _force(recording, by["both"]),
        _plates(plates) if plates else "",
        _usual(recording, by, usual, plates),
        _sides(recording, sides, vlr),
        _changes(recording, trends),
    ]


def in_brief(recording, steps):
    """Say times and forces of a recording, its row of recordings.csv with its `steps`: two sentences."""
    means = steps[list(QUANTITIES)].mean()
    return [_pace(recording, means), _force(recording, means)]


def _pace(recording, means):
    where = " on a treadmill" if recording["treadmill"] else ""
    rate = flight = ""
    if math.isfinite(means["step_rate_per_min"]):  # at least one step was followed by another
        rate = f" {written(means['step_rate_per_min'], 0)} steps a minute,"
        flight = f", then both feet in the air for {with_unit(means['flight_s'], 'flight_s')}"
    steps = f"{recording['steps']} step{'s' if recording['steps'] > 1 else ''}"
    speed, contact = written(recording["speed_m_s"], 2), with_unit(means["contact_s"], "contact_s")
    return f"{steps} at {speed}{SPACE}m/s{where}:{rate} each foot on the ground for {contact}{flight}."


def _force(recording, means):
    peak, newtons, mass_kg = means["active_peak_bw"], "", recording["mass_kg"]
    if math.isfinite(mass_kg):
        newtons = f" ({written(peak * mass_kg * GRAVITY, 0)}{SPACE}N at {mass_kg:g}{SPACE}kg)"
    return (
        f"The force under the foot peaks at {written(peak, 2)} times body weight in each step{newtons}; after landing "
        f"it rises at {written(means['vlr_bw_s'], 0)} body weights a second."
    )


def _plates(plates):
    """Say what force plates measured."""
    values = [
        f"{_name(quantity)} {with_unit(plates['both'][quantity], quantity)}"
        for quantity in IN_SHORT
        if math.isfinite(plates["both"][quantity])
    ]
    return f"Force plates measured {plates['steps']} of these steps: {', '.join(values)}."


def _usual(recording, by, usual, plates):
    """Say where a recording lies in what is usual: by what plates measured, by the estimate where they did not.

    Where several steps are unlike the training runners', it is said that this may be the model's error.
    """
    texts = {"By the plates": [], "By the estimate": []}
    for quantity in IN_SHORT:
        measured = bool(plates) and math.isfinite(plates["both"][quantity])
        if where := places(quantity, plates if measured else by, usual):
            text = f"{_name(quantity)} is {where.replace(' (', f' the usual {with_range(quantity, usual)} (')}"
            text += "" if "(" in where else f" the usual {with_range(quantity, usual)}"
            texts["By the plates" if measured else "By the estimate"].append(text)
    said = [f"{source}, {', '.join(parts)}." for source, parts in texts.items() if parts]
    if texts["By the estimate"] and summary.several(recording["unlike_steps"], recording["steps"]):
        said.append(f"A value below or above may be the model's error: {_unlike(recording)}.")
    return " ".join(said)


def _name(quantity):
    """Give the name of a quantity without what explains it."""
    return QUANTITIES[quantity].name.partition(" (")[0]


def why_not_compared(recording, left_steps, right_steps):
    """Say why left and right are not compared in a recording with these numbers of steps, "" where they are."""
    if min(left_steps, right_steps) < summary.FEWEST_STEPS:
        return (
            f"too few steps: {left_steps:.0f} left and {right_steps:.0f} right, and {summary.FEWEST_STEPS} of each "
            "are needed"
        )
    if summary.several(recording["unlike_steps"], recording["steps"]):
        return f"{_unlike(recording)}, and at most {100 * summary.MOST_OUT_OF_RANGE:g} % may be"
    return ""


def _unlike(recording):
    """Say how many steps of a recording are out of the training range."""
    return f"{recording['unlike_steps']:.0f} of {recording['steps']:.0f} steps are out of the training range"


def _sides(recording, sides, vlr):
    steps = sides.set_index("quantity").loc["contact_s", ["left_steps", "right_steps"]]
    if why := why_not_compared(recording, *steps):
        return f"Left and right were not compared: {why}."
    differ = _differences({row.quantity: row for row in sides.itertuples() if row.told in ("left", "right")}, vlr)
    if differ:
        rest = " No other difference is seen." if (sides["told"] == "none").any() else ""
        return (
            f"Left and right differ by more than the smallest difference that can be seen: {'; '.join(differ)}.{rest} "
            f"{SIDEWAYS} {OWN_LABORATORY[recording['bands']]}"
        ).rstrip()
    compared = [_name(row.quantity) for row in sides.itertuples() if row.told == "none"]
    if compared:
        return (
            f"No difference between left and right is seen in {_either(compared)}: each is below the smallest that can "
            f"be seen. {SIDEWAYS}"
        )
    return "Left and right were not compared: the model was not evaluated on differences."


def _differences(seen, vlr):
    """Say each difference of `seen` {quantity: row of asymmetry.csv}, and what is the same finding once."""
    texts = {
        quantity: f"{QUANTITIES[quantity].name} is {percent(abs(row.asymmetry_pct))} {QUANTITIES[quantity].more} on "
        f"the {row.told}"
        for quantity, row in seen.items()
    }
    rate, peak = (seen.get(quantity) for quantity in SAME_FINDING)
    if vlr == SAME_BY and rate and peak and rate.told == peak.told:
        size = percent(abs(rate.asymmetry_pct))
        texts[peak.quantity] += f", and with it the loading rate ({size}), which is that peak over the time to it"
        del texts[rate.quantity]
    return list(texts.values())


def _changes(recording, trends):
    steps = trends[trends["of"] == "steps"]
    if steps["per_min"].isna().all():
        return (
            f"Too few steps to look for a change over time: {steps['n'].max():.0f}, and {summary.FEWEST_OF_TREND} are "
            "needed."
        )
    if summary.several(recording["unlike_steps"], recording["steps"]):
        return f"Changes over time were not judged: {_unlike(recording)}."
    over, lines = f"over {written(steps['over_s'].max(), 0)}{SPACE}s", trends["per_min"].notna().sum()
    changes = [_changed(row) for row in trends[trends["told"]].itertuples()]
    other = "other " if changes else ""
    said = [f"{over.capitalize()} {'; '.join(changes)}."] if changes else []
    unseen = (
        f"No {other}change is seen {over} in the {lines} lines that were tested (table below). Among so many, an "
        "interval may exclude zero by chance; that alone is no change."
    )
    return " ".join([*said, unseen] if len(changes) < lines else said)


def _changed(row):
    """Say a change of a row of trend.csv: of the mean, or of the difference of left and right."""
    change = row.per_min * row.over_s / 60
    verb = "rises" if change > 0 else "falls"
    if row.of == "steps":
        return f"{QUANTITIES[row.quantity].name} {verb} by {_change(change, row.quantity)}"
    size = written(abs(change), change_decimals(1, change))
    return f"left minus right of {QUANTITIES[row.quantity].name} {verb} by {size} percentage points"


def change_decimals(decimals, *sizes):
    """Give the decimals of a change and its interval: those of a value, or one more where they would show a zero."""
    return decimals if all(round(abs(size), decimals) for size in sizes) else decimals + 1


def _change(change, quantity):
    """Write the size of a change in its unit."""
    of = QUANTITIES[quantity]
    size = abs(of.factor * change)
    return f"{written(size, change_decimals(of.decimals, size))}{SPACE}{of.unit}"


def _either(names):
    """List names in words: a, b or c."""
    return " or ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def _and(names):
    """List names in words: a, b and c."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
