"""Lay out an estimate beside what force plates in the recording measured, in words and rows of tables.

In: rows of recordings.csv, plates.csv, steps.csv and curves.csv. Out: what the page shows.
"""

import re

import numpy as np

from grfkit.field.beside_plates import EVENTS, VALUES
from grfkit.reports import estimate_figures, estimate_words
from grfkit.reports.estimate_words import DIRECTION_WORDS, QUANTITIES
from grfkit.reports.words import SPACE, percent, written

NONE = "–"
# of the mass that newtons are of, by which plates may weigh otherwise before that is said: our choice, as newtons of
# the two then differ by more than the digits that sentences show
WEIGHED_OFF = 0.02
WEIGHED = re.compile(r"as the plates weigh them, ([\d.]+) kg")  # field.beside_plates


def means(steps):
    """Give what force plates measured, as estimate_words.in_short takes it; {} where they measured nothing."""
    have = measured_steps(steps)
    if have.empty:
        return {}
    parts = {"both": have, "left": have[have["side"] == "l"], "right": have[have["side"] == "r"]}
    by = {of: {quantity: part[name].mean() for quantity, name in VALUES.items()} for of, part in parts.items()}
    return by | {"steps": len(have)}


def counts(steps):
    """Count the steps that force plates measured: {in words which: how many}."""
    sides = measured_steps(steps)["side"]
    return {"both legs": len(sides), "left": int((sides == "l").sum()), "right": int((sides == "r").sum())}


def larger_error(steps, quantity, half, level):
    """Give how far a share `level` of single steps are off what plates measured, where that is more than `half`.

    In the unit of steps.csv; NaN where it is no more, or nothing was measured.
    """
    if VALUES[quantity] not in steps:
        return np.nan
    found, of = (steps[quantity] - steps[VALUES[quantity]]).abs().quantile(level), QUANTITIES[quantity]
    if np.isnan(found):
        return found
    shown = [round(of.factor * value, of.decimals) for value in (found, half)]
    return found if shown[0] > shown[1] else np.nan


def measured_steps(steps):
    """Give the steps that force plates measured."""
    touchdown = EVENTS["touchdown_s"]
    return steps[steps[touchdown].notna()] if touchdown in steps else steps.iloc[:0]


def lay_out(row, measured, steps, curves, level, usual):
    """Lay out a recording beside its force plates: sentences, numbers, errors in each direction, figures.

    `row` is that of recordings.csv, `measured` that of plates.csv, `usual` as field.usual.at_speed gives.
    """
    errors = [
        (
            title.split(",")[0],
            *(measured[f"{name}_{direction.lower()}"] for name in ("rmse_bw", "nrmse_pct", "in_band_pct")),
        )
        for direction, title in DIRECTION_WORDS.items()
    ]
    return {
        "measured": measured.to_dict(),
        "plate_words": in_words(measured.to_dict() | {"contact_s": means(steps)["both"]["contact_s"]}, row, level),
        "plate_rows": rows(steps, usual),
        "plate_counts": counts(steps),
        "plate_errors": [
            {"name": title, "cells": [f"{written(rmse, 3)} BW", f"{written(nrmse, 1)} %", f"{written(inside, 0)} %"]}
            for title, rmse, nrmse, inside in errors
        ],
        "plates": estimate_figures.plate_figures(row["file"], steps, curves, level),
    }


def rows(steps, usual):
    """Lay out each quantity of the steps that plates measured, of both legs, left and right: a list of dicts.

    A cell holds the measured and the estimated mean, over the steps that have both; `usual` is the range, `place` where
    the measured mean of both legs lies, and a leg that lies elsewhere.
    """
    laid_out, have, by = [], measured_steps(steps), means(steps)
    for quantity, name in VALUES.items():
        both = have.dropna(subset=[quantity, name])
        parts = both, both[both["side"] == "l"], both[both["side"] == "r"]
        pairs = [(part[name].mean(), part[quantity].mean()) if len(part) else (np.nan, np.nan) for part in parts]
        laid_out.append(
            {
                "name": QUANTITIES[quantity].name,
                "cells": [
                    [
                        estimate_words.with_unit(value, quantity).replace(SPACE, " ") if np.isfinite(value) else NONE
                        for value in pair
                    ]
                    for pair in pairs
                ],
                "usual": estimate_words.with_range(quantity, usual).replace(SPACE, " ") or NONE,
                "place": estimate_words.places(quantity, by, usual),
            }
        )
    return laid_out


def in_words(measured, recording, level):
    """Say how far an estimate is off what force plates measured: a list of sentences.

    `measured` is its row of plates.csv, `recording` that of recordings.csv, `level` that of the bands.
    """

    def time(event, more, less, same):
        off, error = round(measured[f"{event}_mean_ms"]), written(measured[f"{event}_rmse_ms"], 0)
        what = f"{abs(off)}{SPACE}ms {more if off > 0 else less}" if off else same
        return f"{what} (a single step is off by some {error}{SPACE}ms)"

    contact_s, too = measured["contact_s"], measured["contact_mean_ms"]
    times = (
        f"Force plates {recording['plates'].partition('; ')[0]}. On average the estimate puts touchdown "
        f"{time('touchdown', 'too late', 'too early', 'on time')} and toe-off "
        f"{time('toeoff', 'too late', 'too early', 'on time')}. The plates' contact time is "
        f"{estimate_words.with_unit(contact_s, 'contact_s')}, the estimate's "
        f"{time('contact', 'longer', 'shorter', 'the same')}."
    )
    if round(too):
        longer = ("short", "long") if too < 0 else ("long", "short")
        times += f" A contact that is too {longer[0]} makes the flight after it too {longer[1]}."
    shares = [measured[f"in_band_pct_{direction}"] for direction in ("v", "ap", "ml")]
    bands = (
        f"Of the measured samples {written(shares[0], 0)} % (up), {written(shares[1], 0)} % (forward and back) and "
        f"{written(shares[2], 0)} % (sideways) lie in the {100 * level:g} % band."
    )
    return [*_no_test(recording), times, bands, *_weighed(recording)]


def _no_test(recording):
    """Say that plates which trained the model are no test of it: a list of sentences."""
    count, steps = estimate_words.trained(recording)
    if not count:
        return []
    what = "these plates" if count == steps else f"the plates of {count} of {steps} steps"
    return [f"The model was trained on {what}, so agreement here proves nothing about a new runner."]


def _weighed(recording):
    """Say where plates weigh another mass than the one that newtons are of: a list of sentences."""
    found, mass_kg = WEIGHED.search(recording["plates"]), recording.get("mass_kg")
    if not found or not mass_kg or not abs(off := float(found[1]) / mass_kg - 1) > WEIGHED_OFF:
        return []
    return [
        f"Newtons on this page are for {mass_kg:g}{SPACE}kg. The plates weigh the runner at {found[1]}{SPACE}kg, "
        f"{percent(abs(100 * off))} {'more' if off > 0 else 'less'}, so newtons on this page are "
        f"{'smaller' if off > 0 else 'larger'} than on the plates by as much."
    ]
