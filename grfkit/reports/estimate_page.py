"""Write what was estimated of recordings without plates: CSV tables, and a page that a coach can read. All of it, or nothing.

index.html  recordings.csv  steps.csv  curves.csv  asymmetry.csv  trend.csv
"""

import tempfile
from pathlib import Path

import numpy as np
from tqdm import tqdm

from grfkit import features
from grfkit.field import summary
from grfkit.field.estimate import BETWEEN
from grfkit.points import GRAVITY
from grfkit.reports import estimate_words, images
from grfkit.reports.html import page
from grfkit.reports.index import render
from grfkit.study import store

PAGE = "index.html"
MARK = b'<meta name="generator" content="grfkit estimate">'
TABLES = {
    "recordings.csv": "a row for each recording: what was found on the way, and why it was not estimated",
    "steps.csv": "a row for each step: times, features with their bands, and what is unlike the training data",
    "curves.csv": "force over each contact at 101 nodes: estimate, lower and upper edge of the band",
    "asymmetry.csv": "left and right of each recording, and what can be told",
    "trend.csv": "change of each quantity over time",
}
DIRECTION_WORDS = {"V": "up", "AP": "forward and back", "ML": "sideways, to the left"}  # the largest first
SIZE, PLACE = (
    (3.7, 2.6),
    (0.17, 0.17, 0.65, 0.72),
)  # inches of an image, which a phone shows whole; its axes, as shares: room for newtons


def check_out(out, data):
    """Refuse a folder that is not ours to write, cannot be written, or would be among the recordings; ours is new, empty, or an earlier report alone."""
    out, data = Path(out).absolute(), Path(data).absolute()
    if data.resolve() in (out.resolve(), *out.resolve().parents):
        raise ValueError(f"Recordings are only read; {out} lies among them. Give another folder: OUT=DIR.")
    try:
        with tempfile.TemporaryDirectory(
            prefix="~", dir=next((folder for folder in out.parents if folder.exists()), out)
        ):
            pass
    except OSError as error:
        raise ValueError(
            f"A report goes to a folder that can be written; {out} cannot: {error.strerror}. Give another folder: OUT=DIR."
        ) from None
    if not out.exists() and not out.is_symlink():
        return
    refusal = f"A report goes to a new folder, or in place of an earlier report; {out} "
    if out.is_symlink() or not out.is_dir():
        raise ValueError(f"{refusal}is {'a link' if out.is_symlink() else 'a file'}. Give another folder: OUT=DIR.")
    files = {path.name for path in out.iterdir()}
    ours = not files or (out / PAGE).is_file() and MARK in (out / PAGE).read_bytes()[:2000]
    if not ours or files - {PAGE, *TABLES}:
        raise ValueError(
            f"{refusal}holds {', '.join(sorted(files - {PAGE, *TABLES} or files)[:5])}. Give another folder: OUT=DIR."
        )


def write(out, steps, curves, recordings, *, model, card):
    """Write the tables of field_estimate.everything, what they come to, and the page of them to the folder `out`: all of it, or nothing."""
    tables = summed_up(steps, curves, recordings, model)
    with store.new_folder(out) as new:
        for name, table in tables.items():
            table.to_csv(new / name, index=False, lineterminator="\n", encoding="utf-8")
        (new / PAGE).write_text(report_page(tables, level=model.settings["level"], card=card), encoding="utf-8")


def summed_up(steps, curves, recordings, model):
    """Give the tables {file name: table} of a report, as they are written: numbers are rounded."""
    sides = summary.asymmetry(steps, model.asymmetry_pct, level=model.settings["level"])
    tables = [recordings, steps, curves, sides, summary.trends(steps)]
    return {
        name: _rounded(table, 6 if name in ("asymmetry.csv", "trend.csv") else 4)
        for name, table in zip(TABLES, tables, strict=True)
    }


def report_page(tables, *, level, card):
    """Return the page of `tables` (of summed_up) as one that needs no network; `card` is the model's, `level` that of its bands."""
    shown = [
        recording(row, tables, level)
        for row in tqdm(
            tables["recordings.csv"].to_dict("records"), desc="drawing", unit="file", mininterval=1, disable=None
        )
    ]
    body = render(
        "field_report.html.j2",
        recordings=shown,
        level=f"{100 * level:g}",
        card=card,
        files=TABLES,
        words=estimate_words,
        mass=any(each["weight_n"] for each in shown),
        trend=f"{100 * summary.TREND_LEVEL:g}",
        fewest=summary.FEWEST_OF_TREND,
    )
    return page(
        "Forces of running, estimated", body, header=render("field_report_nav.html.j2", files=TABLES), kind="estimate"
    )


def recording(row, tables, level):
    """Return what the page shows of one recording, a row of recordings.csv as a dict."""
    steps, sides, trends = (
        tables[name][tables[name]["file"] == row["file"]] for name in ("steps.csv", "asymmetry.csv", "trend.csv")
    )
    weight_n = row["mass_kg"] * GRAVITY if row["mass_kg"] and np.isfinite(row["mass_kg"]) else None
    each = {
        "row": row,
        "weight_n": weight_n,
        "sentences": [],
        "warnings": _parts(row["warnings"]),
        "notes": _parts(row["notes"]),
    }
    if steps.empty:
        return each
    means = sides.set_index("quantity")[["left", "right"]].mean(axis=1)  # of the side that is there, where one is not
    return each | {
        "sentences": estimate_words.in_short(row, means, sides, trends),
        "means": means.to_dict(),
        "features": feature_rows(steps, sides, weight_n),
        "changes": change_rows(trends),
        "curves": curve_figures(row["file"], steps, tables["curves.csv"], weight_n, level),
        "times": time_figures(steps, trends),
    }


def feature_rows(steps, sides, weight_n):
    """Lay out left and right of each quantity: (name, cell of each side (text, in newtons), difference, doubt, verdict)."""
    rows = []
    for row in sides.itertuples():
        known = estimate_words.QUANTITIES[row.quantity]
        cells = [
            _cell(steps[steps["side"] == side], row.quantity, mean, weight_n)
            for side, mean in (("l", row.left), ("r", row.right))
        ]
        verdict = {"none": "cannot be told from none", "": "not judged"}.get(
            row.told, f"{known.more} on the {row.told}"
        )
        doubt = f"±{estimate_words.SPACE}{estimate_words.percent(row.limit_pct)}" if row.told else "–"
        rows.append(
            (
                known.name,
                cells,
                estimate_words.percent(row.asymmetry_pct, signed=True),
                doubt,
                verdict,
                row.told in ("left", "right"),
            )
        )
    return rows


def _cell(steps, quantity, mean, weight_n):
    """Write a mean over steps with its band, in its unit and, of a force, in newtons."""
    known = estimate_words.QUANTITIES[quantity]
    if quantity not in features.FEATURES:
        return estimate_words.with_unit(mean, quantity), ""
    half = (steps[f"{quantity}_high"] - steps[quantity]).mean()
    texts = [
        f"{estimate_words.written(mean * factor, decimals)} ± {estimate_words.written(half * factor, decimals)}".replace(
            " ", estimate_words.SPACE
        )
        + estimate_words.SPACE
        + unit
        for factor, decimals, unit in [(1, known.decimals, known.unit)]
        + [(weight_n, 0 if known.unit == "BW" else -2, known.unit.replace("BW", "N"))] * bool(weight_n)
    ]
    return texts[0], texts[1] if weight_n else ""


def change_rows(trends):
    """Lay out the changes over time: (name, change a minute, its interval, whether it is told; the same of the difference of left and right)."""
    rows, by = [], trends.set_index(["quantity", "of"])
    for quantity, known in estimate_words.QUANTITIES.items():
        mean, uneven = (by.loc[(quantity, of)] for of in ("steps", "asymmetry"))
        if np.isfinite(mean["per_min"]):
            rows.append(
                (
                    known.name,
                    *_interval(mean, known.factor, known.decimals + 1, known.unit),
                    *_interval(uneven, 1, 1, "points"),
                )
            )
    return rows


def _interval(row, factor, decimals, unit):
    """Write a slope, its interval, and whether it can be told from none."""
    slope, low, high = (
        estimate_words.written(factor * row[end], decimals, signed=True)
        for end in ("per_min", "low_per_min", "high_per_min")
    )
    return (
        (f"{slope}{estimate_words.SPACE}{unit}", f"{low} to {high}", bool(row["told"]))
        if np.isfinite(row["per_min"])
        else ("–", "–", False)
    )


def curve_figures(file, steps, curves, weight_n, level):
    """Draw the mean force of left and right over contact, an image for each direction: a list of {src, alt, title}."""
    from grfkit.reports.plots import field as field_plots

    curves, shown = curves[curves["file"] == file], []
    side = curves["step"].map(steps.set_index("step")["side"])
    means = curves.drop(columns="file").groupby([side.rename("side"), "node"]).mean()
    counts = steps["side"].value_counts()
    for direction, name in DIRECTION_WORDS.items():
        columns = [f"{word}_{direction.lower()}" for word in ("est", "low", "high")]
        sides = {one: (*means.loc[one, columns].to_numpy().T, counts[one]) for one in counts.index}
        told = "; ".join(
            f"{'left' if one == 'l' else 'right'}: {estimate_words.written(mean.min(), 2)} to {estimate_words.written(mean.max(), 2)} BW"
            for one, (mean, *_) in sorted(sides.items())
        )
        src = image(field_plots.mean_curves, dict(sorted(sides.items())), weight_n=weight_n)
        shown.append(
            {
                "src": src,
                "title": name,
                "alt": f"Mean estimated force {name} over contact with its {100 * level:g} % band; {told}.",
            }
        )
    return shown


def time_figures(steps, trends):
    """Draw contact time, peak load and loading rate of each step over time, an image for each: a list of {src, alt, title}."""
    from grfkit.reports.plots import field as field_plots

    shown, lines = [], trends[trends["of"] == "steps"].set_index("quantity")
    for quantity in estimate_words.TOLD if np.isfinite(lines["per_min"]).any() else []:
        known, line = estimate_words.QUANTITIES[quantity], lines.loc[quantity]
        ends = known.factor * line[["at_start", "at_end"]].to_numpy(float)
        src = image(
            field_plots.step_by_step,
            steps["touchdown_s"].to_numpy(),
            known.factor * steps[quantity].to_numpy(),
            (steps["side"] == "l").to_numpy(),
            ends,
            label=f"{known.name.split(' (')[0]} ({known.unit})",
        )
        shown.append(
            {
                "src": src,
                "title": f"{known.name}, step by step",
                "alt": f"{known.name} of {len(steps)} steps over time, left and right; the straight line goes from "
                f"{estimate_words.written(ends[0], known.decimals)} to {estimate_words.written(ends[1], known.decimals)} {known.unit}.",
            }
        )
    return shown


def image(draw, *data, **options):
    """Draw on one small Axes and return the figure as a data address; the same data give the same bytes."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"font.size": 9}):
        figure = Figure(figsize=SIZE)
        draw(figure.add_axes(PLACE), *data, **options)
        return images.svg(figure)


def _parts(text):
    return text.split(BETWEEN) if text else []


def _rounded(table, decimals):
    """Round the numbers of a table, newtons to a tenth."""
    whole = {name: 1 if "_n_" in f"{name}_" else decimals for name in table.select_dtypes("number")}
    return table.round(whole)
