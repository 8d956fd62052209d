"""Lay out an estimate beside what force plates in the recording measured, in words and rows of tables.

In: rows of recordings.csv, plates.csv, steps.csv and curves.csv. Out: what the page shows.
"""

import numpy as np

from grfkit.field.beside_plates import EVENTS, VALUES
from grfkit.reports import estimate_figures, estimate_words
from grfkit.reports.estimate_words import DIRECTION_WORDS, QUANTITIES
from grfkit.reports.words import SPACE, written

NONE = "–"


def means(steps):
    """Give what force plates measured: {quantity: mean, "steps": of how many}; {} where they measured nothing."""
    have = measured_steps(steps)
    return (
        {quantity: have[name].mean() for quantity, name in VALUES.items()} | {"steps": len(have)} if len(have) else {}
    )


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
        "plate_words": in_words(measured, row, level),
        "plate_rows": rows(steps, usual),
        "plate_errors": [
            {"name": title, "cells": [f"{written(rmse, 3)} BW", f"{written(nrmse, 1)} %", f"{written(inside, 0)} %"]}
            for title, rmse, nrmse, inside in errors
        ],
        "plates": estimate_figures.plate_figures(row["file"], steps, curves, level),
    }


def rows(steps, usual):
    """Lay out each quantity of the steps that plates measured, of both legs, left and right: a list of dicts.

    A cell holds the measured and the estimated mean, over the steps that have both; `usual` is the range, `place` where
    the measured mean of both legs lies.
    """
    laid_out, have = [], measured_steps(steps)
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
                "place": estimate_words.place(quantity, pairs[0][0], usual)
                if quantity in usual and np.isfinite(pairs[0][0])
                else "",
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
        f"Force plates {recording['plates'].partition('; ')[0]}. On average the estimate has touchdown "
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
    return [times, bands]
