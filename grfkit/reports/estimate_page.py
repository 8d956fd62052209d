"""Write what was estimated of recordings without plates: CSV tables, and a page that a coach can read.

In: the tables of field.estimate.estimate_recordings. Out: a folder of index.html, recordings.csv, steps.csv,
curves.csv, asymmetry.csv, trend.csv and plates.csv, all of them or none.
"""

import tempfile
from pathlib import Path

import numpy as np
from tqdm import tqdm

from grfkit import features
from grfkit.field import beside_plates, summary, usual
from grfkit.field.estimate import BETWEEN
from grfkit.points import GRAVITY
from grfkit.reports import estimate_words, images
from grfkit.reports.estimate_words import QUANTITIES
from grfkit.reports.html import filled_page
from grfkit.reports.words import SPACE, percent, written
from grfkit.study import store

PAGE = "index.html"
MARK = b'<meta name="generator" content="grfkit estimate">'
TABLES = {
    "recordings.csv": "a row for each recording: what was found on the way, and why it was not estimated",
    "steps.csv": "a row for each step: times, of force plates too where they measured it, features with their bands, "
    "and what is unlike the training data",
    "curves.csv": "force over each contact at 101 nodes: estimate, lower and upper edge of the band, and what force "
    "plates measured",
    "asymmetry.csv": "left and right of each recording, and what can be seen",
    "trend.csv": "change of each quantity over time; p is corrected for the number of lines (Holm)",
    "plates.csv": "how far the estimate is off what force plates in the recording measured",
}
DIRECTION_WORDS = {"V": "up", "AP": "forward and back", "ML": "sideways, to the left"}  # the largest first
SIZE = (3.7, 2.6)  # inches of an image, which a phone shows whole
PLACE = (0.17, 0.17, 0.65, 0.72)  # of its axes, as shares: room for newtons
NONE = "–"


def check_out(out, data):
    """Check that a report may go to the folder `out`: it is new, empty, or holds an earlier report alone.

    Raises ValueError where it is anything else, cannot be written, or lies among the recordings in `data`.
    """
    out, data = Path(out).absolute(), Path(data).absolute()
    other = "Give another folder: OUT=DIR."
    if data.resolve() in (out.resolve(), *out.resolve().parents):
        raise ValueError(f"Recordings are only read; {out} lies among them. {other}")
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
    foreign = files - {PAGE, *TABLES}
    ours = not files or (out / PAGE).is_file() and MARK in (out / PAGE).read_bytes()[:2000]
    if not ours or foreign:
        raise ValueError(f"{refusal}holds {', '.join(sorted(foreign or files)[:5])}. {other}")


def write(out, steps, curves, recordings, *, model, card):
    """Write the tables of field.estimate.estimate_recordings, what they come to, and their page to the folder `out`.

    `model` is the field.model.FieldModel that made them, `card` its card.
    """
    tables = sum_up(steps, curves, recordings, model)
    with store.new_folder(out) as new:
        for name, table in tables.items():
            table.to_csv(new / name, index=False, lineterminator="\n", encoding="utf-8")
        usual_rows = model.training_range.get("usual")
        page = report_page(tables, level=model.settings["level"], card=card, usual_rows=usual_rows)
        (new / PAGE).write_text(page, encoding="utf-8")


def sum_up(steps, curves, recordings, model):
    """Return the tables {file name: table} of a report, with numbers rounded as they are written."""
    sides = summary.asymmetry(steps, model.asymmetry_pct, level=model.settings["level"])
    tables = [recordings, steps, curves, sides, summary.trends(steps), beside_plates.errors(steps, curves)]
    return {
        name: _rounded(table, 6 if name in ("asymmetry.csv", "trend.csv") else 4)
        for name, table in zip(TABLES, tables, strict=True)
    }


def report_page(tables, *, level, card, usual_rows=None):
    """Return the page of `tables` (of sum_up) as one that needs no network.

    `card` is the model's, `level` that of its bands, `usual_rows` what field.usual.learn gave, None of older models.
    """
    rows = tables["recordings.csv"].to_dict("records")
    bar = {"desc": "drawing", "unit": "file", "mininterval": 1, "disable": None}
    recordings = [lay_out(row, tables, level, usual_rows) for row in tqdm(rows, **bar)]
    return filled_page(
        "Forces of running, estimated",
        "estimate",
        recordings=recordings,
        level=f"{100 * level:g}",
        card=card,
        files=TABLES,
        written=written,
        mass=any(each["weight_n"] for each in recordings),
        trend=f"{100 * summary.TREND_LEVEL:g}",
        lines=2 * len(summary.QUANTITIES),
        elsewhere=estimate_words.ELSEWHERE,
        usual_share=f"{10 * usual.SHARE:g}",
        fewest=summary.FEWEST_OF_TREND,
        measured=[each for each in recordings if each.get("measured")],
    )


def lay_out(row, tables, level, usual_rows):
    """Return what the page shows of one recording, a row of recordings.csv as a dict; `usual_rows` of usual.learn."""
    names = ("steps.csv", "asymmetry.csv", "trend.csv")
    steps, sides, trends = (tables[name][tables[name]["file"] == row["file"]] for name in names)
    weight_n = row["mass_kg"] * GRAVITY if row["mass_kg"] and np.isfinite(row["mass_kg"]) else None
    notes = {name: row[name].split(BETWEEN) if row[name] else [] for name in ("warnings", "notes")}
    each = {"row": row, "weight_n": weight_n, "sentences": [], **notes}
    measured = tables["plates.csv"][tables["plates.csv"]["file"] == row["file"]]
    if steps.empty:
        return each
    means = sides.set_index("quantity")[["left", "right"]].mean(axis=1)  # of the side that is there, where one is not
    ranges = usual.at_speed(usual_rows, row["speed_m_s"])
    return each | {
        "sentences": estimate_words.in_short(row, means, sides, trends, ranges),
        "usual_runners": max((runners for *_, runners in ranges.values()), default=0),
        "means": means.to_dict(),
        "features": feature_rows(steps, sides, weight_n, ranges),
        "changes": change_rows(trends),
        "over_s": trends["over_s"].max(),
        "curves": curve_figures(row["file"], steps, tables["curves.csv"], weight_n, level),
        "times": time_figures(steps, trends),
        **(beside_measured(row, measured.iloc[0], steps, tables["curves.csv"], level) if len(measured) else {}),
    }


def feature_rows(steps, sides, weight_n, ranges):
    """Lay out left and right of each quantity: a list of dicts; `ranges` as usual.at_speed gives.

    Each has its name, the cells of both sides (text, in newtons), the usual range, the difference, the smallest one
    that can be seen, the verdict, and whether the difference is detectable.
    """
    rows = []
    for row in sides.itertuples():
        of = QUANTITIES[row.quantity]
        means = {"l": row.left, "r": row.right}
        verdicts = {"none": "no difference seen", "": "not judged"}
        rows.append(
            {
                "name": of.name,
                "cells": [_cell(steps[steps["side"] == side], row.quantity, means[side], weight_n) for side in means],
                "difference": percent(row.asymmetry_pct, signed=True),
                "smallest": percent(row.limit_pct) if row.told else NONE,
                "usual": estimate_words.with_range(row.quantity, ranges) or NONE,
                "verdict": verdicts.get(row.told, f"{of.more} on the {row.told}"),
                "detectable": row.told in ("left", "right"),
            }
        )
    return rows


def _cell(steps, quantity, mean, weight_n):
    """Write a mean over steps with its band, in its unit and, of a force, in newtons."""
    if quantity not in features.FEATURES:
        return estimate_words.with_unit(mean, quantity), ""
    of, half = QUANTITIES[quantity], (steps[f"{quantity}_high"] - steps[quantity]).mean()

    def text(factor, decimals, unit):
        return f"{written(mean * factor, decimals)} ± {written(half * factor, decimals)} {unit}".replace(" ", SPACE)

    newtons = (weight_n, 0 if of.unit == "BW" else -2, of.unit.replace("BW", "N"))
    return text(1, of.decimals, of.unit), text(*newtons) if weight_n else ""


def change_rows(trends):
    """Lay out the changes over a recording: a list of dicts with a name, change of the mean, change of the difference.

    A change is its size, its interval, and whether it is detectable.
    """
    rows, by = [], trends.set_index(["quantity", "of"])
    for quantity, of in QUANTITIES.items():
        mean, difference = (by.loc[(quantity, of_what)] for of_what in ("steps", "asymmetry"))
        if np.isfinite(mean["per_min"]):
            changes = _change(mean, of.factor, of.decimals, of.unit), _change(difference, 1, 1, "points")
            rows.append({"name": of.name, "mean": changes[0], "difference": changes[1]})
    return rows


def _change(row, factor, decimals, unit):
    """Write a change over the time of a line, its interval, and whether it can be told from none."""
    if not np.isfinite(row["per_min"]):
        return {"size": NONE, "interval": NONE, "detectable": False}
    sizes = [factor * row[end] * row["over_s"] / 60 for end in ("per_min", "low_per_min", "high_per_min")]
    decimals = estimate_words.change_decimals(sizes[0], decimals)
    change, low, high = (written(size, decimals, signed=True) for size in sizes)
    return {"size": f"{change}{SPACE}{unit}", "interval": f"{low} to {high}", "detectable": bool(row["told"])}


def curve_figures(file, steps, curves, weight_n, level):
    """Draw the mean force of left and right over contact, an image for each direction: a list of {src, alt, title}."""
    from grfkit.reports.plots import field as field_plots

    curves, shown = curves[curves["file"] == file], []
    side = curves["step"].map(steps.set_index("step")["side"])
    means = curves.drop(columns="file").groupby([side.rename("side"), "node"]).mean()
    counts = steps["side"].value_counts()
    for direction, title in DIRECTION_WORDS.items():
        columns = [f"{word}_{direction.lower()}" for word in ("est", "low", "high")]
        sides = {leg: (*means.loc[leg, columns].to_numpy().T, counts[leg]) for leg in sorted(counts.index)}
        ranges = "; ".join(
            f"{'left' if leg == 'l' else 'right'}: {written(mean.min(), 2)} to {written(mean.max(), 2)} BW"
            for leg, (mean, *_) in sides.items()
        )
        alt = f"Mean estimated force {title} over contact with its {100 * level:g} % band; {ranges}."
        shown.append({"src": _image(field_plots.mean_curves, sides, weight_n=weight_n), "title": title, "alt": alt})
    return shown


def beside_measured(row, measured, steps, curves, level):
    """Lay out a recording beside its force plates: sentences, errors in each direction, figures."""
    errors = [
        (
            title.split(",")[0],
            *(measured[f"{name}_{direction.lower()}"] for name in ("rmse_bw", "nrmse_pct", "in_band_pct")),
        )
        for direction, title in DIRECTION_WORDS.items()
    ]
    return {
        "measured": measured.to_dict(),
        "plate_words": estimate_words.beside_plates(measured, row, level),
        "plate_errors": [
            {"name": title, "cells": [f"{written(rmse, 3)} BW", f"{written(nrmse, 1)} %", f"{written(inside, 0)} %"]}
            for title, rmse, nrmse, inside in errors
        ],
        "plates": plate_figures(row["file"], steps, curves, level),
    }


def plate_figures(file, steps, curves, level):
    """Draw mean force as estimated and as plates measured it, an image for each direction: a list of {src, alt, title}.

    Both are of the steps that plates measured, left legs mirrored.
    """
    from grfkit.reports.plots import field as field_plots

    have = steps[steps["plate_touchdown_s"].notna()].set_index("step")["side"]
    mine, shown = curves[(curves["file"] == file) & curves["step"].isin(have.index)], []
    sign = np.where(mine["step"].map(have) == "l", -1, 1)
    for direction, title in DIRECTION_WORDS.items():
        columns = {kind: mine[f"{kind}_{direction.lower()}"] for kind in ("plate", "est", "low", "high")}
        if direction == "ML":
            columns = {kind: sign * values for kind, values in columns.items()}
            edges = columns["low"], columns["high"]
            columns |= {"low": np.minimum(*edges), "high": np.maximum(*edges)}
            title = "sideways, to the inside"
        means = [values.groupby(mine["node"]).mean().to_numpy() for values in columns.values()]
        measured, estimated = (f"{written(mean.min(), 2)} to {written(mean.max(), 2)} BW" for mean in means[:2])
        alt = f"Mean force {title} over contact, {len(have)} steps: measured {measured}, estimated {estimated}."
        src = _image(field_plots.beside_plates, *means, level=level, count=len(have))
        shown.append({"src": src, "title": title, "alt": alt})
    return shown


def time_figures(steps, trends):
    """Draw contact time, peak force and loading rate of each step over time: a list of {src, alt, title}."""
    from grfkit.reports.plots import field as field_plots

    shown, lines = [], trends[trends["of"] == "steps"].set_index("quantity")
    for quantity in estimate_words.OVER_TIME if np.isfinite(lines["per_min"]).any() else []:
        of, left = QUANTITIES[quantity], (steps["side"] == "l").to_numpy()
        seconds, values = steps["touchdown_s"].to_numpy(), of.factor * steps[quantity].to_numpy()
        ends = of.factor * lines.loc[quantity, ["at_start", "at_end"]].to_numpy(float)
        label = f"{of.name.split(' (')[0]} ({of.unit})"
        alt = (
            f"{of.name} of {len(steps)} steps over time, left and right; the straight line goes from "
            f"{written(ends[0], of.decimals)} to {written(ends[1], of.decimals)} {of.unit}."
        )
        src = _image(field_plots.step_by_step, seconds, values, left, ends, label=label)
        shown.append({"src": src, "title": f"{of.name}, step by step", "alt": alt})
    return shown


def _image(draw, *data, **options):
    """Draw on one small Axes and return the figure as a data address; the same data give the same bytes."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"font.size": 9}):
        figure = Figure(figsize=SIZE)
        draw(figure.add_axes(PLACE), *data, **options)
        return images.svg(figure)


def _rounded(table, decimals):
    """Round the numbers of a table, newtons to a tenth."""
    whole = {name: 1 if "_n_" in f"{name}_" else decimals for name in table.select_dtypes("number")}
    return table.round(whole)
