"""Judge a table of estimates and write the page: what `grfkit score` does.

In: a file of estimates and the results of a study. Out: reports/STUDY/score/NAME/ with index.html, curves.csv,
features.csv, by_runner.csv and closer.csv, all of them or none.
"""

from pathlib import Path

import pandas as pd

from grfkit.evaluation import left_out_runners, score
from grfkit.points import DIRECTION_NAMES, DIRECTIONS, InputError
from grfkit.reports.html import filled_page
from grfkit.reports.plots import images
from grfkit.reports.words import FEATURES, number, written
from grfkit.study import file as study_file
from grfkit.study import recipes, store
from grfkit.study.provenance import ROOT

PAGE = "index.html"
MARK = b'<meta name="generator" content="grfkit score">'
TABLES = {
    "curves.csv": "r, RMSE and nRMSE of each estimator and direction, with 95 % limits over runners",
    "features.csv": "errors of the five features, with 95 % limits over runners",
    "by_runner.csv": "r, RMSE and nRMSE of each runner",
    "closer.csv": "the number of runners for whom these estimates have the smaller nRMSE",
}
MEASURES = {"r": ("r", 3), "rmse_bw": ("RMSE (BW)", 3), "nrmse_pct": ("nRMSE (%)", 1)}
UNITS = {"study": "listed mass", "weighed": "weighed mass"}
ABOUT = {
    "mean_curve": "mean curve of the other runners, no points",
    "plain": "LSTM as published, on positions",
    "paper": "LSTM on positions, whitened, legs mirrored",
    "physics": "kernel ridge on positions, velocities, accelerations and times",
}


def judge(predictions, study, *, unit="study", template=None):
    """Judge a file of estimates, or write the rows of a `template` to be filled; returns lines to print.

    `study` is the path of a study file; its reports lie in reports/STUDY. Raises ValueError where neither a file nor a
    template is named, and what `write` raises.
    """
    study = study_file.load(study)
    reports = Path("reports") / study.path.stem
    if template:
        rows = score.template(score.load(reports / "results", unit=unit))
        store.save(template.parent, template.name, rows)
        return [f"{written(len(rows), 0)} rows to fill -> {template.as_posix()}"]
    if not predictions:
        raise InputError(
            "A score needs a table of estimates; none was given.",
            "Give one: make score PREDICTIONS=file.parquet. docs/benchmark.md says what it must hold, and "
            "make score TEMPLATE=file.csv writes its rows.",
        )
    page, lines = write(predictions, study=study, reports=reports, unit=unit)
    return [*lines, page.as_posix()]


def write(predictions, *, study, reports, unit="study"):
    """Judge a file of estimates on a study's stances and write its page; returns the page's path and lines to print.

    `study` is a study.file.Study, `reports` the folder of its reports, `unit` one of score.UNITS. Raises InputError
    where the stances are not there, for estimates that cannot be judged, and for a folder that holds something else.
    """
    predictions, results = Path(predictions), Path(reports) / "results"
    benchmark = score.load(results, unit=unit)
    known = store.read(results, "01_preprocess/stances.csv")["stance"]
    rows, notes = score.check(score.read(predictions), benchmark, known)
    own = predictions.stem if predictions.stem not in score.REFERENCES else f"{predictions.stem} (file)"
    out = _folder(Path(reports) / "score" / predictions.stem)
    loaded = recipes.load_all(ROOT / "params" / "recipes", score.REFERENCES)
    beside, units, more = score.references(results, loaded, seed=study.seed)
    together = pd.concat([rows.assign(estimator=own), *beside.values()], ignore_index=True)
    vlr = study.sections["08_generalisation"]["vlr"]
    tables = score.measure(together, benchmark.stances, vlr=vlr)
    units = {own: unit} | units
    tables["curves"]["unit"] = tables["curves"]["estimator"].map(units)
    with store.new_folder(out) as new:
        for name in TABLES:
            store.save(new, name, tables[Path(name).stem])
        page = report_page(tables, own=own, units=units, notes=notes, more=more, study=study.name, benchmark=benchmark)
        store.write_text(new / PAGE, page)
    return out / PAGE, [*notes, *more, *summary_lines(tables["curves"])]


def _folder(out):
    """Check that a page may go to a folder: it is new, empty, or holds an earlier page of a score."""
    there = out / PAGE
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or MARK in _head(there))):
        raise InputError(
            f"A score goes to a new folder, or in place of an earlier score; {out.as_posix()} is something else.",
            "Rename the file of estimates: the folder is named after it.",
        )
    return out


def _head(path):
    return path.read_bytes()[:2000] if path.is_file() else b""


def summary_lines(curves):
    """Say r, RMSE and nRMSE of each estimator in a line, for a terminal."""
    lines = [f"{'':24}{'r':>20}{'RMSE / BW':>20}{'nRMSE / %':>20}   (AP ML V)"]
    for name, rows in curves.groupby("estimator", sort=False):
        of = rows.set_index("direction")
        cells = [
            " ".join(number(of.loc[direction, measure], decimals) for direction in DIRECTIONS)
            for measure, (_, decimals) in MEASURES.items()
        ]
        lines.append(f"{name[:23]:24}" + "".join(f"{cell:>20}" for cell in cells))
    return lines


def report_page(tables, *, own, units, notes, more, study, benchmark):
    """Return the page of the `tables` of score.measure as one that needs no network."""
    names = list(tables["curves"]["estimator"].unique())
    return filled_page(
        f"Score of {own}",
        "score",
        own=own,
        study=study,
        names=names,
        about={name: ABOUT.get(name, "the estimates that are scored") for name in names},
        units={name: UNITS[units[name]] for name in names},
        directions={direction: DIRECTION_NAMES[direction] for direction in DIRECTIONS},
        measures=[title for title, _ in MEASURES.values()],
        curves=_cells(tables["curves"], "direction", DIRECTIONS, MEASURES),
        features={name: title.split(" / ") for name, title in FEATURES.items()},
        errors=_cells(tables["features"], "feature", FEATURES, {"rel_error_pct": ("", 1), "abs_error": ("", 3)}),
        directions_at={direction: place for place, direction in enumerate(DIRECTIONS)},
        closer=_closer(tables["closer"]),
        figure=_figure(tables["by_runner"]),
        notes=notes,
        more=more,
        stances=written(len(benchmark.stances), 0),
        runners=benchmark.stances["runner"].nunique(),
        frames=written(len(benchmark.frames), 0),
        fingerprint=score.fingerprint(benchmark),
        files=TABLES,
        resamples=written(left_out_runners.RESAMPLES, 0),
    )


def _cells(table, key, values, measures):
    """Write each number and its limits: {(estimator, value of `key`, measure): (text, text)}."""
    cells = {}
    for row in table.to_dict("records"):
        for measure, (_, decimals) in measures.items():
            decimals = 1 if row[key] == "vlr_bw_s" else decimals  # some 50 BW/s, where a peak is some 2 BW
            low, high = (number(row[f"{measure}_{end}"], decimals) for end in ("low", "high"))
            cells[row["estimator"], row[key], measure] = (number(row[measure], decimals), f"{low} to {high}")
    return {
        name: [[cells[name, value, measure] for measure in measures] for value in values]
        for name in table["estimator"].unique()
    }


def _closer(table):
    """Write for how many runners the estimates are closer: {(than which estimator, direction): text}."""
    return {(row.than, row.direction): f"{row.runners_closer} of {row.runners}" for row in table.itertuples()}


def _figure(by_runner):
    """Draw the RMSE of each runner by estimator: {src, alt}."""
    from matplotlib.figure import Figure

    from grfkit.reports.plots import evaluation as evaluation_plots

    wide = by_runner.pivot_table(index=["estimator", "runner"], columns="direction", values="rmse_bw", sort=False)
    figure = Figure(figsize=(11, 1.2 + 0.5 * by_runner["estimator"].nunique()), layout="constrained")
    evaluation_plots.runner_errors(figure.subplots(1, 3, sharey=True), wide.reindex(columns=DIRECTIONS))
    medians = wide.groupby(level="estimator", sort=False).median()
    said = "; ".join(
        f"{name}: {', '.join(number(value, 3) for value in row)}"
        for name, row in zip(medians.index, medians.to_numpy(), strict=True)
    )
    return {"src": images.svg(figure), "alt": f"RMSE of each runner by estimator. Medians (BW): {said}."}
