"""Write what was estimated of recordings without plates: CSV tables, and a page that a coach can read.

In: the tables of field.estimate.estimate_recordings. Out: a folder of index.html, recordings.csv, steps.csv,
curves.csv, asymmetry.csv, trend.csv and plates.csv, and files for other programs, all of them or none. A folder without
the page has a file that says what is in it, so that a later report may take its place.
"""

import hashlib
import re
import tempfile
from pathlib import Path
from urllib.parse import quote, unquote

import numpy as np
from scipy.stats import norm
from tqdm import tqdm

from grfkit import features
from grfkit.field import beside_plates, summary, usual
from grfkit.field import model as field_model
from grfkit.field.bands import NEW, UNKNOWN, WITHIN
from grfkit.field.estimate import BETWEEN
from grfkit.field.estimate_tables import DIRECTION_OF
from grfkit.points import DIRECTIONS, GRAVITY
from grfkit.reports import estimate_figures, estimate_plates, estimate_words
from grfkit.reports.estimate_words import QUANTITIES
from grfkit.reports.html import filled_page
from grfkit.reports.words import SPACE, percent, written
from grfkit.study import store

PAGE = "index.html"
LIST = "files.txt"  # of a report without a page
SOURCE, MORE = "<!-- recordings: {} -->", "<!-- files: {} -->"
MARK = b'<meta name="generator" content="grfkit estimate">'
TABLES = {
    "recordings.csv": "one row for each recording: what was found in it, and why it was not estimated",
    "steps.csv": "one row for each step: times (also those of force plates that measured it), features with their "
    "bands, and what is out of the training range",
    "curves.csv": "force over each contact at 101 nodes: the estimate, the lower and upper edge of the band, and what "
    "force plates measured",
    "asymmetry.csv": "left and right of each recording, and the smallest difference that can be seen",
    "trend.csv": "change of each quantity over time; p is corrected for the number of tests (Holm)",
    "plates.csv": "errors of the estimate, where force plates in the recording measured the force",
}
OTHERS = {  # by the end of a name
    ".mot": "forces and centres of pressure for OpenSim",
    ".xml": "OpenSim's document that applies those forces to the feet",
    ".c3d": "the points, and a virtual force plate for each foot",
}
NONE = estimate_plates.NONE


def check_out(out, data, *, chosen=True):
    """Check that a report may go to the folder `out`: it is new, empty, or holds an earlier report alone.

    Where nobody has `chosen` it, an earlier report must be of the same folder of recordings, `data`. Raises ValueError
    where it is anything else, cannot be written, or lies among the recordings.
    """
    out, data = Path(out).absolute(), Path(data).absolute()
    other = "Give another folder: --out DIR (make: OUT=DIR)."
    if data.resolve() in (out.resolve(), *out.resolve().parents):
        raise ValueError(f"A report never goes among recordings; {out} lies among them. {other}")
    try:
        above = next((folder for folder in out.parents if folder.exists()), out)
        tempfile.TemporaryDirectory(prefix="~", dir=above).cleanup()
    except OSError as error:
        raise ValueError(
            f"A report goes to a folder that can be written; {out} cannot: {error.strerror}. {other}"
        ) from None
    if not out.exists() and not out.is_symlink():
        return
    refusal = f"A report goes to a new folder, or in place of an earlier report; {out} "
    if out.is_symlink() or not out.is_dir():
        raise ValueError(f"{refusal}is {'a link' if out.is_symlink() else 'a file'}. {other}")
    files = {path.name for path in out.iterdir()}
    page = next(((out / name).read_bytes() for name in (PAGE, LIST) if (out / name).is_file()), b"")
    foreign = files - {PAGE, LIST, *TABLES} - {*map(unquote, _noted(MORE, r"\S.*?", page).split())}
    ours = not files or MARK in page[:2000]
    if not ours or foreign:
        raise ValueError(f"{refusal}holds {', '.join(sorted(foreign or files)[:5])}. {other}")
    earlier = _noted(SOURCE, r"\w+", page)
    if not chosen and earlier and earlier != source(data):
        raise ValueError(
            f"A report has the name of its recording or folder; {out} holds the report of another one called "
            f"{out.name}. Give another folder, --out DIR (make: OUT=DIR), or delete that report."
        )


def _noted(comment, pattern, page):
    """Find what a comment of a page (bytes) says, "" where it has none."""
    found = re.search(re.escape(comment).replace(r"\{\}", f"({pattern})").encode(), page)
    return found[1].decode() if found else ""


def source(data):
    """Give a mark by which a folder of recordings, or a file, is known again, and which does not say where it lies."""
    return hashlib.sha256(Path(data).resolve().as_posix().encode("utf-8", "surrogateescape")).hexdigest()[:16]


def write(out, steps, curves, recordings, *, model, card, data="", study="", formats=("html", "csv"), put_more=None):
    """Write the tables of field.estimate.estimate_recordings, what they come to, and their page to the folder `out`.

    `model` is the field.model.FieldModel that made them, `card` its card, `data` the folder of recordings or the file,
    `study` the name of the study that was given. Of `formats` html is the page and csv the tables; `put_more` is called
    with the new folder, and writes what else is to be in it. Returns the tables {file name: table}.
    """
    tables = sum_up(steps, curves, recordings, model)
    with store.new_folder(out) as new:
        if "csv" in formats:
            for name, table in tables.items():
                table.to_csv(new / name, index=False, lineterminator="\n", encoding="utf-8")
        if put_more:
            put_more(new)
        more = sorted({path.name for path in new.iterdir()} - {*TABLES})
        about = {name: what for name, what in TABLES.items() if "csv" in formats and len(tables[name])}
        about |= {name: OTHERS.get(Path(name).suffix, "") for name in more}
        notes = f"{SOURCE.format(source(data))}\n{MORE.format(' '.join(map(quote, more)))}\n"
        if "html" in formats:
            usual_rows = model.training_range.get("usual")
            trained = {"settings": model.settings, "card": card, "usual_rows": usual_rows, "abroad": model.abroad}
            page = report_page(tables, **trained, study=study, files=about)
            (new / PAGE).write_text(page.replace("</body>", f"{notes}</body>"), encoding="utf-8")
        else:
            (new / LIST).write_text(f"{MARK.decode()}\n{notes}", encoding="utf-8")
    return tables


def sum_up(steps, curves, recordings, model):
    """Return the tables {file name: table} of a report, with numbers rounded as they are written."""
    new = (recordings["bands"] == NEW).any()
    limits = _widened(model.asymmetry_pct, model.abroad) if new else model.asymmetry_pct
    sides = summary.asymmetry(steps, limits, level=model.settings["level"])
    tables = [recordings, steps, curves, sides, summary.trends(steps), beside_plates.errors(steps, curves)]
    return {
        name: _rounded(table, 6 if name in ("asymmetry.csv", "trend.csv") else 4)
        for name, table in zip(TABLES, tables, strict=True)
    }


def _widened(limits_pct, abroad):
    """Widen what can be seen between left and right as the bands of a new laboratory; times as the vertical force."""
    vertical = DIRECTIONS.index("V")
    return {name: limit * abroad.in_range[DIRECTION_OF.get(name, vertical)] for name, limit in limits_pct.items()}


def report_page(tables, *, settings, card, usual_rows=None, abroad=None, study="", files=None):
    """Return the page of `tables` (of sum_up) as one that needs no network.

    `card`, `settings` and `abroad` are the model's, `usual_rows` what field.usual.learn gave, None of older models;
    `study` names the study that was given, `files` are {name: what it is} of those beside the page.
    """
    level, errors_s = settings["level"], field_model.event_errors_s(card)
    rows = tables["recordings.csv"].to_dict("records")
    bar = {"desc": "drawing", "unit": "file", "mininterval": 1, "disable": len(rows) < 2 or None}
    kind = next((row["bands"] for row in rows if row["bands"]), UNKNOWN)
    whose, new_runners_of, mind = estimate_words.of_laboratory(kind, abroad, study)
    recordings = [lay_out(row, tables, settings, errors_s, usual_rows) for row in tqdm(rows, **bar)]
    return filled_page(
        "Forces of running, estimated",
        "estimate",
        recordings=recordings,
        level=f"{100 * level:g}",
        card=card,
        files=files or {},
        written=written,
        named=estimate_words.named,
        mass=any(each["weight_n"] for each in recordings),
        trend=f"{100 * summary.TREND_LEVEL:g}",
        lines=2 * len(summary.QUANTITIES),
        whose_bands=whose,
        new_runners_of=new_runners_of,
        elsewhere=mind if abroad or _from_elsewhere(rows) else "",
        at_home=kind == WITHIN,
        new_laboratory=kind == NEW,
        trained_plates=[each for each in recordings if each.get("measured") and estimate_words.trained(each["row"])[0]],
        usual_share=f"{10 * usual.SHARE:g}",
        fewest=summary.FEWEST_OF_TREND,
        fewest_sides=summary.FEWEST_STEPS,
        most_unlike=f"{100 * summary.MOST_OUT_OF_RANGE:g}",
        events=errors_s,
        same_finding=settings["vlr"] == estimate_words.SAME_BY,
        measured=[each for each in recordings if each.get("measured")],
    )


def lay_out(row, tables, settings, errors_s, usual_rows):
    """Return what the page shows of one recording, a row of recordings.csv as a dict.

    `settings` are the model's, `errors_s` as field.model.event_errors_s gives, `usual_rows` as usual.learn does.
    """
    names = ("steps.csv", "asymmetry.csv", "trend.csv")
    steps, sides, trends = (tables[name][tables[name]["file"] == row["file"]] for name in names)
    weight_n = row["mass_kg"] * GRAVITY if row["mass_kg"] and np.isfinite(row["mass_kg"]) else None
    notes = {name: row[name].split(BETWEEN) if row[name] else [] for name in ("warnings", "notes")}
    each = {"row": row, "weight_n": weight_n, "sentences": [], **notes}
    measured = tables["plates.csv"][tables["plates.csv"]["file"] == row["file"]]
    if steps.empty:
        return each
    level, means = settings["level"], steps[list(QUANTITIES)].mean()  # over steps, as those behind what is usual
    ranges = usual.at_speed(usual_rows, row["speed_m_s"])
    plates = estimate_plates.means(steps)
    by_quantity = sides.set_index("quantity")
    by = {"both": means.to_dict()} | {leg: by_quantity[leg].to_dict() for leg in ("left", "right")}
    times = time_bands(errors_s, means["step_rate_per_min"], level)
    return each | {
        "sentences": estimate_words.in_short(row, by, sides, trends, ranges, plates=plates, vlr=settings["vlr"]),
        "usual_runners": max((runners for *_, runners in ranges.values()), default=0),
        "means": means.to_dict(),
        "on_plates": plates,
        "features": feature_rows(row, steps, sides, weight_n, ranges, times, by, plates, level),
        "time_bands": bool(times),
        "changes": change_rows(trends),
        "over_s": trends["over_s"].max(),
        "curves": estimate_figures.curve_figures(row["file"], steps, tables["curves.csv"], weight_n, level),
        "times": []
        if summary.several(row["unlike_steps"], row["steps"])
        else estimate_figures.time_figures(steps, trends),
        **(
            estimate_plates.lay_out(row, measured.iloc[0], steps, tables["curves.csv"], level, ranges)
            if len(measured)
            else {}
        ),
    }


def _from_elsewhere(rows):
    """Tell whether recordings, rows of recordings.csv, may be of another laboratory.

    They are not where most steps of each trained the model.
    """
    counts = [estimate_words.trained(row) for row in rows if not row["refused"]]
    return not counts or any(2 * count <= steps for count, steps in counts)


def time_bands(errors_s, step_rate_per_min, level):
    """Give the half widths of bands about times of a single step: {quantity: half width}, {} where errors are unknown.

    They are those of normal errors with the root mean square of left-out runners: in rbds 90 % of contact times were
    within 7.6 ms, and 1.64 times their 4.65 ms are 7.6. A flight errs by a contact and the next touchdown, a step by
    two touchdowns, taken as independent: 5.6 and 4.5 ms in rbds, where they were 5.8 and 5.1.
    """
    if not errors_s:
        return {}
    factor, touchdown, contact = norm.ppf((1 + level) / 2), errors_s["touchdown"], errors_s["contact time"]
    step = np.hypot(touchdown, touchdown)
    rate = step_rate_per_min**2 / 60 * step
    errors = {"contact_s": contact, "flight_s": np.hypot(contact, touchdown), "step_rate_per_min": rate}
    return {quantity: factor * error for quantity, error in errors.items()}


def feature_rows(recording, steps, sides, weight_n, ranges, times, by, plates, level):
    """Lay out left and right of each quantity: a list of dicts.

    `ranges` are as usual.at_speed gives, `times` as time_bands, `by` and `plates` as estimate_words.in_short takes.
    Each has its name, the cells of both sides (a list of lines), the usual range, where the mean over steps lies, the
    verdict with what it rests on, and whether a difference is detectable.
    """
    rows = []
    for row in sides.itertuples():
        of, means = QUANTITIES[row.quantity], {"l": row.left, "r": row.right}
        verdict, rests_on = _verdict(recording, row, of)
        rows.append(
            {
                "name": of.name,
                "cells": [
                    _cell(steps[steps["side"] == side], row.quantity, means[side], weight_n, times, level)
                    for side in means
                ],
                "usual": estimate_words.with_range(row.quantity, ranges).replace(SPACE, " ") or NONE,
                "place": _places(row.quantity, by, plates, ranges),
                "verdict": verdict,
                "rests_on": rests_on,
                "detectable": row.told in ("left", "right"),
            }
        )
    return rows


def _verdict(recording, row, of):
    """Say of a row of asymmetry.csv what is seen, and how large it is beside the smallest that can be seen."""
    if why := estimate_words.why_not_compared(recording, row.left_steps, row.right_steps):
        return "not compared", why.partition(":")[0] if why.startswith("too few") else "out of the training range"
    if not row.told:
        return "not evaluated", "the smallest difference that can be seen is not known"
    size = f"{percent(row.asymmetry_pct, signed=True)}; smallest that can be seen {percent(row.limit_pct)}"
    return ("no difference seen" if row.told == "none" else f"{of.more} on the {row.told}"), size


def _places(quantity, by, plates, ranges):
    """Say where a mean over steps lies in what is usual, and where that of force plates does, if elsewhere."""
    ours = estimate_words.places(quantity, by, ranges)
    theirs = estimate_words.places(quantity, plates, ranges) if plates else ""
    return f"{ours}; by the plates {theirs}" if theirs and theirs != ours else ours


def _cell(steps, quantity, mean, weight_n, times, level):
    """Write a mean over steps: lines of it in its unit, its band, a force in newtons, a larger error by the plates."""
    of = QUANTITIES[quantity]
    if quantity in times:
        half = times[quantity]
    elif quantity in features.FEATURES:
        half = (steps[f"{quantity}_high"] - steps[quantity]).mean()
    else:
        half = None
    if not np.isfinite(mean):
        return [NONE]

    def text(factor, decimals, unit):
        band = "" if half is None else f" ±{SPACE}{written(half * factor, decimals)}"  # breaks before ± on a phone
        return f"{written(mean * factor, decimals)}{band} {unit}"

    lines = [text(of.factor, of.decimals, of.unit)]
    if weight_n and quantity in features.FEATURES:
        lines.append(text(weight_n, 0 if of.unit == "BW" else -2, of.unit.replace("BW", "N")))
    off = np.nan if half is None else estimate_plates.larger_error(steps, quantity, half, level)
    if np.isfinite(off):
        lines.append(f"by the plates ±{SPACE}{estimate_words.with_unit(off, quantity).replace(SPACE, ' ')}")
    return lines


def change_rows(trends):
    """Lay out the changes over a recording: a list of dicts with a name, change of the mean, change of the difference.

    A change is its size, its interval, and whether it is detectable.
    """
    rows, by = [], trends.set_index(["quantity", "of"])
    for quantity, of in QUANTITIES.items():
        mean, difference = (by.loc[(quantity, of_what)] for of_what in ("steps", "asymmetry"))
        if np.isfinite(mean["per_min"]):
            changes = _change(mean, of.factor, of.decimals, of.unit), _change(difference, 1, 1, "")
            rows.append({"name": of.name, "mean": changes[0], "difference": changes[1]})
    return rows


def _change(row, factor, decimals, unit):
    """Write a change over the time of a line, its interval, and whether it can be told from none."""
    if not np.isfinite(row["per_min"]):
        return {"size": NONE, "interval": NONE, "detectable": False}
    sizes = [factor * row[end] * row["over_s"] / 60 for end in ("per_min", "low_per_min", "high_per_min")]
    decimals = estimate_words.change_decimals(decimals, *sizes)
    change, low, high = (written(size, decimals, signed=True) for size in sizes)
    size = f"{change}{SPACE}{unit}".strip(SPACE)
    return {"size": size, "interval": f"{low} to {high}", "detectable": bool(row["told"])}


def _rounded(table, decimals):
    """Round the numbers of a table, newtons to a tenth."""
    whole = {name: 1 if "_n_" in f"{name}_" else decimals for name in table.select_dtypes("number")}
    return table.round(whole)
