"""The index page of a study: ours beside the published, the paper's three hypotheses, stances, reports, provenance.

In: what the notebooks saved (reports/STUDY/results, NN_name.json, NN_name.ipynb). Out: the page, which says what is
missing.
"""

import base64
from io import BytesIO

import nbformat
import pandas as pd
from PIL import Image

from grfkit import metrics
from grfkit.points import DIRECTION_NAMES, DIRECTIONS
from grfkit.reports.html import describe_images, filled_page, title
from grfkit.reports.plots import images
from grfkit.reports.words import (
    ALPHA,
    FEATURES,
    FEW_RUNNERS,
    FEW_STANCES,
    VLR,
    beside_baseline,
    curves_correlate,
    feature_name,
    in_short,
    mean_sd,
    missing,
    no_feature_differs,
    no_interval_differs,
    number,
    seconds,
    select,
)
from grfkit.study import by_hand
from grfkit.study.record import NOTEBOOKS, statuses, why_lines

TABLES = [  # title, file, its row key, {measure: (heading, decimals of ours, of the published)}
    (
        "Table 1. Estimated and measured curves over stance",
        "04_table1/table1.csv",
        "direction",
        {"r": ("r", 3, 3), "rmse_bw": ("RMSE / BW", 3, 3), "nrmse_pct": ("nRMSE / %", 1, 1)},
    ),
    (
        "Table 2. Features, estimated and measured",
        "05_table2/table2.csv",
        "feature",
        {"estimated": ("estimated", 2, 2), "measured": ("measured", 2, 2), "p": ("p", 3, 3)},
    ),
    (
        "Table 3. Errors of the features",
        "06_table3/table3.csv",
        "feature",
        {"abs_error": ("absolute error", 3, 2), "rel_error_pct": ("relative error / %", 1, 1)},
    ),
]
PROVENANCE = {  # heading: key of a notebook's record
    "seed": "seed",
    "study file": "study_file",
    "study file SHA-256": "study_sha256",
    "recipe": "recipe",
    "data SHA-256": "data_sha256",
    "commit": "commit",
}
UNKNOWN = "not known yet"
OLD = ("out of date", "changed by hand")  # status of a notebook that has run, whose report make will write anew
THUMBNAIL = (560, 350)  # pixels, at the most: twice what a card shows, for fine screens
QUALITY = 55  # of WebP: some 10 kB a picture, its lines still sharp; our choice
LOOK_AT = {  # report: what a reader finds there
    "04_table1": "the worst stances",
    "07_figure4": "where in stance the curves differ",
    "01_preprocess": "which stances were left out and why",
    "08_generalisation": "every recipe, each runner left out",
    "10_field": "the same without force plates",
    "14_transfer": "the same in other laboratories",
}
TELLING = {"09_agreement": 3}  # which figure tells most (the band), if not the first


def index_page(study, reports, *, above=None):
    """Return the index of a study as one page that needs no network; `reports` is its folder, study a study.file.Study.

    `above` is the address of the page of all studies, None where there is none.
    """
    notebooks = read_notebooks(reports, study_sha256=study.sha256)
    failed = {notebook["stem"] for notebook in notebooks if notebook["status"] == "failed"}

    def read(name):  # what a notebook saved before it failed is not its result
        return None if name.split("/")[0] in failed else read_table(reports / "results" / name)

    table1, table2 = read("04_table1/table1.csv"), read("05_table2/table2.csv")
    spm, clusters = read("07_figure4/spm.csv"), read("07_figure4/clusters.csv")
    splits = split_counts(read("01_preprocess/stances.csv"))
    test = next((row for row in splits if row[0] == "test"), None)
    recipe = next((n["record"]["recipe"] for n in notebooks if "recipe" in n["record"]), "paper")
    name = study.name if recipe == "paper" else f"{study.name}, recipe {recipe}"
    return filled_page(
        f"{name} - reproduction of Zhou et al. 2025",
        "study",
        above=above,
        study=study,
        source=source(study),
        recipe=recipe,
        notebooks=notebooks,
        cards=cards(notebooks, reports, table1, read(TABLES[2][1])),
        troubled=[n for n in notebooks[: len(NOTEBOOKS)] if n["status"] != "done"],
        changed=changed(notebooks, study),
        why=why_lines(notebooks),
        folder=reports.name,
        by_hand=by_hand.lines(reports),
        sentences=in_short(table1, tested(study, test), read(TABLES[2][1])),
        look_at=look_at(notebooks),
        headline=headline(table1),
        tables=[compare(*table, read(table[1])) for table in TABLES],
        hypotheses=[curves_correlate(table1), no_interval_differs(spm, clusters), no_feature_differs(table2)],
        figure=None if "07_figure4" in failed else figure4(reports / "results" / "07_figure4", clusters),
        splits=splits,
        test=test,
        few=bool(test) and test[1] < FEW_STANCES,
        few_runners=bool(test) and test[2] < FEW_RUNNERS,
        disagree=clusters is not None and bool((clusters["p"] > ALPHA).any()),
        vlr=VLR.get(study.sections.get("05_table2", {}).get("vlr")),
        written=study.path.read_text(encoding="utf-8") if study.path.is_file() else "",
        reasons=reasons(read("01_preprocess/excluded.csv")),
        provenance=provenance_rows(notebooks, study),
        duration=seconds(sum(n["duration_s"] for n in notebooks)),
    )


def look_at(notebooks):
    """Return (address, what is there) of what to read first: the tables of this page, then reports that are done."""
    there = {notebook["stem"]: notebook["link"] for notebook in notebooks if notebook["status"] in ("done", *OLD)}
    reports = [(there[stem], what) for stem, what in LOOK_AT.items() if stem in there]
    return [("#tables", "our tables next to the published ones"), *reports]


def source(study):
    """Say what a study's points come from, as far as its file shows it; the virtual laboratory's are as Theia3D's."""
    settings = study.sections.get("01_preprocess", {})
    if study.laboratory or settings.get("theia"):
        return "markerless motion capture"
    return "markers" if settings.get("clusters") else "motion capture"


def tested(study, test):
    """Say whose stances were tested; `test` is that row of split_counts, or None."""
    kind = "simulated runner" if study.laboratory else "runner"
    who = f"{test[2]} {kind}{'s' if test[2] != 1 else ''}" if test else f"{kind}s"
    return f"{who} left out of training"


def read_table(path):
    """Return a CSV file as a DataFrame, None where there is no file."""
    return pd.read_csv(path, encoding="utf-8") if path.is_file() else None


def read_notebooks(reports, *, study_sha256=None):
    """Return a dict for each notebook (the paper's seven first): what `statuses` says, duration and link."""
    notebooks = []
    for entry in statuses(reports, study_sha256=study_sha256):
        stem, took = entry["stem"], entry["record"].get("duration_s", 0)
        link = {"failed": f"{stem}.failed.ipynb", "not run": None}.get(entry["status"], f"{stem}.html")
        notebooks.append(entry | {"link": link, "duration_s": took, "duration": seconds(took or None)})
    return notebooks


def cards(notebooks, reports, table1, table3):
    """Return for each notebook what its card shows: the notebook, its thumbnail, and numbers where it has no figure."""
    nrmse = [(direction, f"{number(row['nrmse_pct_mean'], 1)} %") for direction, row in select(table1).items()]
    errors = [(feature_name(name), f"{number(row['rel_error_pct_mean'], 1)} %") for name, row in select(table3).items()]
    stand_ins = {"04_table1": ("nRMSE", nrmse), "06_table3": ("relative error", errors)}
    shown = []
    for notebook in notebooks:
        done, stem = notebook["status"] in ("done", *OLD), notebook["stem"]
        numbers = stand_ins.get(stem) if done else None
        shown.append(
            {"notebook": notebook, "numbers": numbers, **thumbnail(reports / f"{stem}.ipynb" if done else None)}
        )
    return shown


def thumbnail(path):
    """Return {title, src, alt} of an executed notebook: its first heading, a figure as a data address, its caption.

    `path` is None for a report that is not to be shown. What a notebook lacks, or what cannot be read, is None: an
    index is written whatever a report holds.
    """
    nothing = {"title": None, "src": None, "alt": None}
    if path is None:
        return nothing
    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception:  # missing, half a file, another format: the card does without
        return nothing
    describe_images(notebook)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    figures = [output for output in outputs if "image/png" in output.get("data", {})]
    found, wanted = nothing | {"title": title(notebook)}, TELLING.get(path.stem, 0)
    if not figures:
        return found
    figure = figures[wanted if wanted < len(figures) else 0]
    try:
        picture = shrink(base64.b64decode(figure["data"]["image/png"]))
    except (OSError, ValueError):  # no picture: OSError is what Pillow raises
        return found
    return found | {"src": picture, "alt": figure["metadata"]["alt"]}


def shrink(png):
    """Return a picture (bytes) as a data address of a small WebP on a white ground."""
    picture = Image.open(BytesIO(png)).convert("RGBA")
    picture.thumbnail(THUMBNAIL, Image.Resampling.LANCZOS)
    flat = Image.new("RGB", picture.size, "white")
    flat.paste(picture, mask=picture)
    buffer = BytesIO()
    flat.save(buffer, "WEBP", quality=QUALITY, method=6)
    return images.address(buffer.getvalue(), "webp")


def changed(notebooks, study):
    """Say whether the study file has changed since one of the paper's seven reports was made."""
    seven = (n["record"] for n in notebooks[: len(NOTEBOOKS)])
    return any(record["study_sha256"] != study.sha256 for record in seven if record)


def headline(table):
    """Return for each direction its name, the verdict beside the baseline, and lines.

    The lines are of ours, the published and the baseline: source, r, RMSE (BW), and the RMSE as a share (%) of the
    direction's largest.
    """
    ours, baseline = (select(table, name) for name in (None, "mean_curve"))
    shown = []
    for direction in (d for d in DIRECTIONS if d in ours):
        sources = [
            ("ours", ours[direction], ""),
            ("published", ours[direction], "published_"),
            ("baseline", baseline.get(direction, {}), ""),
        ]
        errors = [row.get(f"{prefix}rmse_bw_mean") for _, row, prefix in sources]
        largest = max((error for error in errors if not missing(error)), default=1)
        shares = [0 if missing(error) else round(100 * error / largest) for error in errors]
        lines = [
            (source, number(row.get(f"{prefix}r_mean"), 3), number(error, 3), share)
            for (source, row, prefix), error, share in zip(sources, errors, shares, strict=True)
        ]
        shown.append((f"{DIRECTION_NAMES[direction]} ({direction})", beside_baseline(table, direction), lines))
    return shown


def compare(title, file, key, measures, table):
    """Return a table for the template: for each direction or feature rows of ours, the published and the baselines."""
    groups, own = [], None if table is None or not len(table) else metrics.ours(table)
    for name in [] if table is None else table[key].unique():
        part = table[table[key] == name].to_dict("records")
        part.sort(key=lambda row: (row["estimator"] != own, row["estimator"] != "mean_curve"))
        names = ["ours" if row["estimator"] == own else row["estimator"].replace("_", " ") for row in part]
        cells = [_cells(row, name, measures) for row in part]
        lines = list(zip(names, cells, [f"{row['n']:.0f}" for row in part], strict=True))
        lines.insert(1, ("published", _cells(part[0], name, measures, "published_"), ""))
        groups.append((FEATURES.get(name, DIRECTION_NAMES.get(name)), lines))
    return {
        "title": title,
        "file": f"results/{file}",
        "key": key,
        "notebook": file.split("/")[0],
        "groups": groups,
        "headings": [heading for heading, _, _ in measures.values()],
    }


def _cells(row, name, measures, prefix=""):
    """Write one row's measures; the loading rate, some 50 BW/s, has one decimal where a peak has two or three."""
    cells = []
    for measure, (_, ours, published) in measures.items():
        decimals = published if prefix else ours
        cells.append(mean_sd(row, measure, 1 if name == "vlr_bw_s" else decimals, prefix))
    return cells


def figure4(folder, clusters):
    """Return Figure 4 as a data address with alternative text, None where there is none."""
    for name, kind in (("figure4.svg", "svg+xml"), ("figure4.png", "png")):
        if (folder / name).is_file():
            found = "unknown" if clusters is None else len(clusters) or "none"
            alt = (
                "Figure 4: SPM{t} of estimated against measured force over stance, with its threshold, in each "
                f"direction. Significant intervals: {found}."
            )
            return {"src": images.address((folder / name).read_bytes(), kind), "alt": alt}
    return None


def split_counts(stances):
    """Return (split, stances, runners) for each part of the data, the largest first."""
    if stances is None:
        return []
    parts = sorted(stances.groupby("split"), key=lambda part: -len(part[1]))
    return [(split, len(rows), rows["runner"].nunique()) for split, rows in parts]


def reasons(excluded):
    """Return (reason, count) of the excluded contacts, None if the table is missing."""
    if excluded is None:
        return None
    return list(excluded["reason"].str.replace(r"^file: .*", "file cannot be used", regex=True).value_counts().items())


def provenance_rows(notebooks, study):
    """Return (name, value) of what the reports depend on; where notebooks differ, each value with its notebooks."""
    records = {n["stem"]: n["record"] for n in notebooks if n["record"]}
    first = min((record["started"][:19].replace("T", " ") for record in records.values()), default=UNKNOWN)
    rows = [("started (UTC)", first)]
    for name, key in PROVENANCE.items():
        rows.append((name, _distinct({stem: record.get(key) for stem, record in records.items()})))
    if changed(notebooks, study):
        rows.append(("warning", "the study file has changed since these reports were made"))
    for name in dict.fromkeys(name for record in records.values() for name in record["versions"]):
        rows.append((name, _distinct({stem: record["versions"].get(name) for stem, record in records.items()})))
    return rows


def _distinct(values):
    """Join the distinct values of {stem: value}, each with its notebooks' numbers where there are several."""
    grouped = {}
    for stem, value in values.items():
        if not missing(value):
            grouped.setdefault(str(value), []).append(stem.split("_")[0])
    if len(grouped) < 2:
        return next(iter(grouped), UNKNOWN)
    return "; ".join(f"{value} ({', '.join(stems)})" for value, stems in grouped.items())
