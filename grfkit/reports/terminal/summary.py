"""Say in ten lines what was estimated: the numbers of one recording, or a line for each of several.

In: the tables of estimate_page.sum_up. Out: lines of text for a terminal. The page, whose path follows them, has all of
it.
"""

import textwrap

import numpy as np

from grfkit.field.bands import NEW, WITHIN
from grfkit.field.estimate import BETWEEN
from grfkit.field.summary import several
from grfkit.points import GRAVITY
from grfkit.recordings.trials import OTHER_UNITS
from grfkit.reports.estimate_words import HOME, QUANTITIES, off_elsewhere
from grfkit.reports.words import SPACE, written

MOST_LINES = 10
WIDE, WIDEST = 30, 190  # characters of a name, and of a line of warnings: our choice
MOST_NAMES = 5  # of files that are listed: our choice
SHOWN = ["contact_s", "active_peak_bw", "braking_peak_bw", "vlr_bw_s", "step_rate_per_min"]  # the least important last
CUT = " ... (more in the report)"
FOUND = ("points", "unit", "up", "forward")  # notes of what was found in a file
BANDS = {
    WITHIN: f"the bands (for 90 of 100 steps) are those of {HOME}",
    NEW: "the bands (for 90 of 100 steps) are those of a new laboratory",
}
BANDS_AT_HOME = f"the bands hold in {HOME}; elsewhere errors are larger"


def lines(tables, others=(), abroad=None):
    """List what to say of the tables {file name: table} of a report.

    `others` are files that are no recordings, `abroad` (field.bands.Abroad) the errors of its model in other
    laboratories. There are at most MOST_LINES lines.
    """
    recordings = tables["recordings.csv"]
    estimated = recordings[recordings["steps"] > 0]
    aside = _aside(others)
    if len(estimated) == 1:
        (row,) = estimated.to_dict("records")
        return _of_one(row, tables, aside, abroad)
    measured = estimated["plates"].str.startswith("measured").sum()
    head = f"{len(tables['steps.csv'])} steps in {len(estimated)} of {_count(recordings, 'recording')}"
    head += f", {measured} of them compared with force plates" * bool(measured)
    if estimated.empty:
        return [f"No step was estimated in {_count(recordings, 'recording')}", *aside]
    room = MOST_LINES - 4
    rows = [_row(row, tables["steps.csv"]) for row in estimated.to_dict("records")]
    more = [f"and {len(rows) - room + 1} more: see the page, or recordings.csv"] if len(rows) > room else []
    warned = (estimated["warnings"] != "").sum()
    doubts = [f"{warned} of {len(estimated)} recordings have warnings (see the report)"] * bool(warned)
    doubts += _elsewhere(abroad) if NEW in set(estimated["bands"]) else []
    care = [f"with care: {'; '.join(doubts)}"] * bool(doubts)
    columns = f"{'':{WIDE}} steps  contact/ms  peak/BW  braking/BW  warnings"
    return [head, columns, *rows[: room - len(more)], *more, *aside, *care]


def _elsewhere(abroad):
    """Say which features were too high or low in other laboratories: a list of one text, or none."""
    off = off_elsewhere(abroad)
    return [f"in other laboratories the model gave {', '.join(off)}".replace(SPACE, " ")] * bool(off)


def _aside(others):
    if not others:
        return []
    more = f" and {len(others) - MOST_NAMES} more" * (len(others) > MOST_NAMES)
    return [f"not estimated (static trials, tables, forces): {', '.join(others[:MOST_NAMES])}{more}"]


def _row(row, steps):
    """Write one of several recordings in a line."""
    means = steps.loc[steps["file"] == row["file"], SHOWN].mean()
    warnings = len(row["warnings"].split(BETWEEN)) if row["warnings"] else ""
    return (
        f"{_short(row['file']):{WIDE}} {row['steps']:5d}  {1000 * means['contact_s']:10.0f}  "
        f"{means['active_peak_bw']:7.2f}  {means['braking_peak_bw']:10.2f}  {warnings:>8}"
    ).rstrip()


def _of_one(row, tables, aside, abroad):
    """Write one recording: what was found, its numbers, warnings, and what to be careful with."""
    notes = dict(note.split(": ", 1) for note in row["notes"].split(BETWEEN) if ": " in note)
    found = [f"{name} {_first(notes[name])}" for name in FOUND if name in notes]
    plates = [textwrap.shorten(f"force plates: {row['plates']}", WIDEST, placeholder=" ...")] * bool(row["plates"])
    texts = row["warnings"].split(BETWEEN) if row["warnings"] else []
    elsewhere = _elsewhere(abroad) if row["bands"] == NEW else []
    warned = [textwrap.shorten(f"{_count(texts, 'warning')}: {'; '.join(texts)}", WIDEST, placeholder=CUT)]
    apart = ", so do not compare left and right" * several(row["unlike_steps"], row["steps"])
    doubts = [f"{row['unlike_steps']} of {row['steps']} steps out of the training range{apart}"]
    doubts = doubts * bool(row["unlike_steps"])
    around = [
        _recorded(row, notes),
        *[textwrap.shorten(f"found: {'; '.join(found)}", WIDEST, placeholder=" ...")] * bool(found),
        *plates,
        *aside,
        *warned * bool(texts),
        f"with care: {'; '.join([*doubts, BANDS.get(row['bands'], BANDS_AT_HOME), *elsewhere])}",
    ]
    shown = _numbers(row, tables, MOST_LINES - len(around) - 1)
    at = len(around) - 1 - bool(texts)
    return [*around[:at], *shown, *around[at:]]


def _recorded(row, notes):
    """Say how long and fast a recording is, and the runner's mass."""
    whence = notes.get("mass", "").partition(", ")[2]
    mass = "no mass (--mass KG gives newtons)"
    if np.isfinite(row["mass_kg"]):
        pounds = (
            f" = {row['mass_kg'] / OTHER_UNITS['mass_kg']['pounds']:.0f} lb"  # shows a mass that was typed in pounds
        )
        mass = f"{row['mass_kg']:g} kg{pounds * (whence == 'as typed')}"
    where = "on a treadmill" if row["treadmill"] else "overground"
    return (
        f"{row['file']}: {row['duration_s']:.1f} s at {row['rate_hz']:g} frames a second, {where} at "
        f"{row['speed_m_s']:.2f} m/s, {mass}{f' ({whence})' * bool(whence)}"
    )


def _numbers(row, tables, most):
    """Lay out the means of the first `most` quantities, over all, left and right steps."""
    steps, sides = (tables[name][tables[name]["file"] == row["file"]] for name in ("steps.csv", "asymmetry.csv"))
    left, right = ((steps["side"] == side).sum() for side in "lr")
    by_quantity = sides.set_index("quantity")
    out = [f"{row['steps']} steps ({left} left, {right} right)".ljust(WIDE + 4) + "    mean   band    left   right"]
    for quantity in SHOWN[:most]:
        of, side = QUANTITIES[quantity], by_quantity.loc[quantity]
        mean = steps[quantity].mean()
        half = (steps[f"{quantity}_high"] - steps[quantity]).mean() if f"{quantity}_high" in steps else np.nan
        band = f"±{_cell(half, of)}" if np.isfinite(half) else ""
        legs, newtons = "".join(f"{_cell(side[leg], of):>8}" for leg in ("left", "right")), ""
        if of.unit == "BW" and np.isfinite(row["mass_kg"]):
            newtons = f"  {written(mean * row['mass_kg'] * GRAVITY, 0)} N"
        told = f"  {of.more} on the {side['told']}" if side["told"] in ("left", "right") else ""
        name = f"{of.name.partition(' (')[0]} ({of.unit})"
        out.append(f"  {name:{WIDE + 2}}{_cell(mean, of):>8}{band:>7}{legs}{newtons}{told}")
    return out


def _cell(value, of):
    return written(of.factor * value, of.decimals) if np.isfinite(value) else "-"


def _first(text):
    """Take the part of a note before its reason."""
    return textwrap.shorten(text.partition(", ")[0].partition(" (")[0], 2 * WIDE, placeholder=" ...")


def _short(name):
    return name if len(name) <= WIDE else f"...{name[3 - WIDE :]}"


def _count(items, what):
    return f"{len(items)} {what}{'s' * (len(items) > 1)}"
