"""The page of all studies: studies and recipes side by side, each with its own baseline, and the published.

In: what the notebooks saved in the folders of reports/. Out: the page, reports/index.html. A folder that cannot be read
is shown as incomplete and does not stop the rest. The page never replaces a file that grfkit did not write there.
"""

import hashlib
import os
from pathlib import Path

import numpy as np

from grfkit.points import DIRECTION_NAMES, DIRECTIONS
from grfkit.reports.html import filled_page
from grfkit.reports.index import NOTEBOOKS, OLD, read_notebooks, read_table, split_counts
from grfkit.reports.plots import images
from grfkit.reports.words import SPACE, missing, number, select
from grfkit.study import file as study_file

MARK = b'<meta name="generator" content="grfkit studies">'
OTHERS = {  # pages beside the studies
    "bench/index.html": "What things cost: bench",
    "../course/solution/index.html": "The lab course, solved",
}
DATA = "course.*"  # in a folder whose results are the course's, made without a notebook
TOGETHER = "+"  # between the names of studies that train one model together, in the name of their folder
MEASURES = {"r": ("r", 3), "rmse_bw": ("RMSE / BW", 3), "nrmse_pct": ("nRMSE / %", 1)}  # as in the paper's Table 1
VERTICAL_RMSE = 7  # place of its cell in a line of table_cells


def place(reports):
    """Return where the page goes for a study whose reports lie in `reports`; None where that is not ours to write.

    It is ours in a folder called `reports` (our choice: as the Makefile has it) that holds no index.html, or one with
    MARK in it.
    """
    path = Path(os.path.abspath(reports)).parent / "index.html"
    if path.parent.name != "reports" or path.is_dir():
        return None
    return path if not os.path.lexists(path) or path.is_file() and MARK in path.read_bytes()[:2000] else None


def compare_page(folder):
    """Return the page of all studies in `folder`, whose parent holds params/published.yaml; it needs no network."""
    found = [read_folder(path) for path in sorted(folder.iterdir()) if is_study(path)]
    found.sort(key=lambda row: (row["study"], row["vertical"], row["recipe"]))
    published = read_published(folder.parent / "params" / "published.yaml")
    return filled_page(
        "All studies - ground reaction forces of running",
        "studies",
        found=found,
        in_short=in_short(found),
        published=published and table_cells(published["table1"], "_mean"),
        measures=MEASURES,
        directions=DIRECTION_NAMES,
        n_published=published and published["n"],
        others=other_pages(folder),
        figure=figure(found, published),
        simulated={row["simulated"] for row in found},
        changed=made_of_other_data(found),
    )


def in_short(found):
    """Say for each study how far off its best recipe is: (study, which runners, sentences); best rows come first."""
    said = {}
    for row in found:
        runners = f"{row['simulated']} runners" if row["simulated"] != "not recorded" else ""
        *_, texts = said.setdefault(row["study"], (row["study"], runners, {}))
        if row["errors"]:
            off = [number(row["errors"][name], 3) for name in ("ours", "baseline")]
            texts.setdefault("On the test runners", (*off, row["recipe"]))
        off = {name: cells[VERTICAL_RMSE] for name, cells, _ in row["left_out"]}
        if best := next((name for name in off if name != "mean curve"), None):
            texts.setdefault("Each runner left out", (off[best], off.get("mean curve", "–"), best))
    return [
        (
            study,
            runners,
            [
                f"{where}: {ours}{SPACE}BW ({recipe}), baseline {blind}{SPACE}BW."
                for where, (ours, blind, recipe) in texts.items()
            ],
        )
        for study, runners, texts in said.values()
        if texts
    ]


def is_study(path):
    """Say whether a folder holds results of a study, or what a run left that was stopped."""
    patterns = ["[0-9][0-9]_*.json"] + ["results/[0-9][0-9]_*"] * (not any(path.glob(DATA)))
    if trained_together(path):
        return False
    return path.is_dir() and path.name != "bench" and any(next(path.glob(pattern), None) for pattern in patterns)


def trained_together(path):
    """Say whether a folder holds the model that several studies trained together, without their own notebooks."""
    return TOGETHER in path.name and not (path / "01_preprocess.json").is_file()


def read_folder(path):
    """Return what the page shows of one study and recipe; what cannot be read makes it incomplete, and no more."""
    row = {
        "folder": path.name,
        "study": path.name,
        "recipe": "paper",
        "simulated": "not recorded",
        "state": "incomplete",
        "why": "",
        "tested": "",
        "link": f"{path.name}/index.html" if (path / "index.html").is_file() else None,
        "made_of": None,
        "lines": [],
        "vertical": np.inf,
        "errors": None,
        "left_out": [],
        "left_out_of": "",
    }
    try:
        return row | _read_folder(path)
    except Exception as error:  # half a file, another version's columns: whatever it is, it is that folder's own
        return row | {"why": f"cannot be read ({type(error).__name__})"}


def _read_folder(path):
    notebooks = read_notebooks(path)
    status = {n["stem"]: n["status"] for n in notebooks}
    records = [n["record"] for n in notebooks if n["record"]]

    def read(stem, name):
        return None if status.get(stem, "failed") == "failed" else read_table(path / "results" / stem / name)

    table1, curves = read("04_table1", "table1.csv"), read("08_generalisation", "curves.csv")
    splits = split_counts(read_table(path / "results/01_preprocess/stances.csv"))
    test = next((row for row in splits if row[0] == "test"), None)
    ours, baseline = (select(table1, name) for name in (None, "mean_curve"))
    if status["04_table1"] in ("done", *OLD) and not ours:
        raise ValueError("04 has run, and there is no Table 1")
    tables = {"ours": ours, "baseline": baseline}
    errors = {name: rows.get("V", {}).get("rmse_bw_mean", np.nan) for name, rows in tables.items()}
    keys = ("study_file", "simulated")
    study_files, simulated = ({record[key] for record in records if key in record} for key in keys)
    study = Path(study_files.pop()).stem if len(study_files) == 1 else path.name
    recipe = next((record["recipe"] for record in records if "recipe" in record), "paper")
    copied = path.name not in (study, f"{study}-{recipe}")  # a copy that was kept goes by its folder's name
    return {
        "study": path.name if copied else study,
        "recipe": recipe,
        "simulated": {(True,): "simulated", (False,): "real"}.get(tuple(simulated), "not recorded"),
        **state(
            status,
            file_changed(
                [n["record"] for n in notebooks[: len(NOTEBOOKS)] if n["record"]], path.parent.parent / "params"
            ),
        ),
        "made_of": records and (records[0]["study_sha256"], records[0].get("data_sha256")),
        "tested": "" if test is None else f"{test[1]} from {test[2]} runner{'s' if test[2] != 1 else ''}",
        "lines": best_lines(tables, "_mean") if ours else [],
        "vertical": np.inf if missing(errors["ours"]) else errors["ours"],
        "errors": errors if ours else None,
        **left_out(curves),
    }


def state(status, file_has_changed):
    """Sum up the paper's seven notebooks, {stem: status}, in one word and the reason."""
    wrong = {}
    for stem in NOTEBOOKS:
        if status[stem] != "done":
            wrong.setdefault(status[stem], []).append(stem[:2])
    word = "incomplete" if set(wrong) - {*OLD} else "out of date" if wrong or file_has_changed else "complete"
    why = [f"{status}: {', '.join(stems)}" for status, stems in wrong.items()]
    return {"state": word, "why": "; ".join(why + ["the study file has changed"] * file_has_changed)}


def file_changed(records, params):
    """Say whether the study file in the folder `params`, if it lies there, has changed since a report was made."""
    files = {name: params / name for name in {record["study_file"] for record in records}}
    now = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items() if path.is_file()}
    return any(now.get(record["study_file"], record["study_sha256"]) != record["study_sha256"] for record in records)


def made_of_other_data(found):
    """Name the studies whose recipes were not all run on one study file and one set of recordings."""
    made_of = {}
    for row in found:
        made_of.setdefault(row["study"], set()).add(row["made_of"] or None)
    return [name for name, kinds in made_of.items() if len(kinds - {None}) > 1]


def table_cells(rows, suffix=""):
    """Write {direction: row} as cells: r, RMSE and nRMSE of AP, then of ML, then of V; a list of text."""
    return [number(value, decimals) for value, decimals in _measured(rows, suffix)]


def _measured(rows, suffix):
    """List (value or None, decimals) of {direction: row} in the order of the cells."""
    measures = [(f"{name}{suffix}", decimals) for name, (_, decimals) in MEASURES.items()]
    return [(rows[d][name] if d in rows else None, decimals) for d in DIRECTIONS for name, decimals in measures]


def best_lines(tables, suffix=""):
    """Lay out {name: {direction: row}} as lines (name, cells, for each cell whether it is the best of its column).

    Lines without any row are left out; the best is that of what is written, so that equal cells look equal.
    """
    tables = {name: rows for name, rows in tables.items() if rows}
    cells = [_measured(rows, suffix) for rows in tables.values()]
    values = np.array([[np.nan if missing(value) else round(value, to) for value, to in line] for line in cells])
    losses = np.where(np.isnan(values), np.inf, values * np.tile([-1, 1, 1], 3))  # of r the largest is best
    return [
        (name.replace("_", " "), table_cells(rows, suffix), list((loss == losses.min(axis=0)) & np.isfinite(loss)))
        for (name, rows), loss in zip(tables.items(), losses, strict=True)
    ]


def left_out(curves):
    """Lay out 08's comparison, the least vertical RMSE first, and say whose stances they are.

    `curves` is curves.csv, for which every runner was left out, or None.
    """
    if curves is None or curves.empty:
        return {"left_out": [], "left_out_of": ""}
    tables = {name: select(curves, name) for name in curves["estimator"].unique()}
    vertical = {name: rows["V"]["rmse_bw"] for name, rows in tables.items()}
    order = sorted(tables, key=lambda name: (missing(vertical[name]), vertical[name]))
    return {
        "left_out": best_lines({name: tables[name] for name in order}),
        "left_out_of": f"{curves['n'].max():.0f} stances of {curves['runners'].max():.0f} runners",
    }


def read_published(path):
    """Return the paper's tables, None where the project's file cannot be read: the page does without."""
    try:
        return study_file.published(path)
    except (ValueError, OSError):
        return None


def other_pages(folder):
    """Return (name, address) of what lies beside the studies: models of several studies, the bench, the course."""
    models = [path for path in sorted(folder.glob(f"*{TOGETHER}*/10_field.html")) if trained_together(path.parent)]
    pages = {
        path.relative_to(folder).as_posix(): f"One model of several studies: {path.parent.name}" for path in models
    }
    return [(title, address) for address, title in (pages | OTHERS).items() if (folder / address).is_file()]


def figure(found, published):
    """Return the figure of vertical errors as a data address with its alternative text, None where no study has any."""
    rows = {f"{row['study']}, {row['recipe']}": row["errors"] for row in found if row["errors"]}
    if not rows:
        return None
    from matplotlib.figure import Figure

    line = published["table1"]["V"]["rmse_bw_mean"] if published else None
    drawn = Figure(figsize=(6.5, 1.3 + 0.32 * len(rows)), layout="constrained")
    errors(drawn.subplots(), rows, published=line)
    words = "; ".join(
        f"{name} {number(row['ours'], 3)}, baseline {number(row['baseline'], 3)}" for name, row in rows.items()
    )
    alt = f"Vertical RMSE (BW) of each study and recipe: {words}; published {number(line, 3)}."
    return {"src": images.svg(drawn), "alt": alt}


def errors(ax, rows, *, published):
    """Draw the vertical RMSE (BW) of each study and recipe beside its own baseline, the first on top.

    `rows` is {name: {"ours": BW, "baseline": BW}}, `published` BW or None.
    """
    from grfkit.plot import ALARM, ESTIMATED, MEASURED

    places = np.arange(len(rows))[::-1]
    looks = {
        "baseline": {"marker": "D", "color": MEASURED, "markerfacecolor": "white", "label": "baseline: mean curve"},
        "ours": {"marker": "o", "color": ESTIMATED, "label": "ours"},
    }
    for name, look in looks.items():
        ax.plot([row[name] for row in rows.values()], places, linestyle="none", markersize=7, **look)
    if published is not None:
        ax.axvline(published, color=ALARM, linestyle="--", label="published, its own runners", zorder=0)
    ax.set_yticks(places, list(rows))
    ax.set(xlabel="vertical RMSE (BW)", xlim=(0, None), ylim=(-0.6, len(rows) - 0.4))
    ax.grid(axis="y", linewidth=0.3)
    ax.figure.legend(fontsize="small", frameon=False, loc="outside upper right", ncols=3)
    return ax
