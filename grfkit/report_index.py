"""Write the index page of a study: ours beside the published, the paper's three hypotheses, stances, reports, provenance.

Everything shown is read from what the notebooks saved (reports/STUDY/results, NN_name.json); what is missing is said.
"""

import base64
import json
from pathlib import Path

import jinja2
import pandas as pd

from grfkit import DIRECTION_NAMES, DIRECTIONS, metrics
from grfkit.report_html import page
from grfkit.report_words import (FEATURES, curves_correlate, mean_sd, missing, no_feature_differs, no_interval_differs,
                                 number, seconds, select)

NOTEBOOKS = ["01_preprocess", "02_search", "03_train", "04_table1", "05_table2", "06_table3", "07_figure4"]
NEEDS = {"01_preprocess": [], "02_search": NOTEBOOKS[:1], "03_train": NOTEBOOKS[:2], "06_table3": [*NOTEBOOKS[:3], "05_table2"],
         "08_generalisation": NOTEBOOKS[:1], "09_agreement": ["01_preprocess", "08_generalisation"],
         "11_explanation": NOTEBOOKS[:1], "explore": NOTEBOOKS[:3]}  # what each builds on, as in the Makefile; the others on the first three
TABLES = [  # title, file, its row key, {measure: (heading, decimals of ours, of the published)}
    ("Table 1. Estimated and measured curves over stance", "04_table1/table1.csv", "direction",
     {"r": ("r", 3, 3), "rmse_bw": ("RMSE / BW", 3, 3), "nrmse_pct": ("nRMSE / %", 2, 2)}),
    ("Table 2. Features, estimated and measured", "05_table2/table2.csv", "feature",
     {"estimated": ("estimated", 3, 3), "measured": ("measured", 3, 3), "p": ("p", 3, 3)}),
    ("Table 3. Errors of the features", "06_table3/table3.csv", "feature",
     {"abs_error": ("absolute error", 3, 2), "rel_error_pct": ("relative error / %", 2, 2)}),
]


def index_page(study, reports):
    """Return the index of a study as one page that needs no network; `reports` is its folder, study a study.Study."""
    notebooks = read_notebooks(reports)
    failed = {notebook["stem"] for notebook in notebooks if notebook["status"] == "failed"}

    def read(name):  # what a notebook saved before it failed is not its result
        return None if name.split("/")[0] in failed else read_table(reports / "results" / name)
    table1, table2 = read("04_table1/table1.csv"), read("05_table2/table2.csv")
    spm, clusters = read("07_figure4/spm.csv"), read("07_figure4/clusters.csv")
    splits = split_counts(read("01_preprocess/stances.csv"))
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(Path(__file__).parent, encoding="utf-8"),
                                     autoescape=True, trim_blocks=True, lstrip_blocks=True)
    recipe = next((n["record"]["recipe"] for n in notebooks if "recipe" in n["record"]), "paper")
    body = environment.get_template("index.html.j2").render(
        study=study, recipe=recipe, notebooks=notebooks, troubled=[n for n in notebooks[:len(NOTEBOOKS)] if n["status"] != "done"],
        headline=headline(table1), tables=[compare(*table, read(table[1])) for table in TABLES],
        hypotheses=[curves_correlate(table1), no_interval_differs(spm, clusters), no_feature_differs(table2)],
        figure=None if "07_figure4" in failed else figure4(reports / "results" / "07_figure4", clusters),
        splits=splits, test=next((row for row in splits if row[0] == "test"), None),
        reasons=reasons(read("01_preprocess/excluded.csv")), provenance=provenance_rows(notebooks, study),
        duration=seconds(sum(n["duration_s"] for n in notebooks)))
    title = study.name if recipe == "paper" else f"{study.name}, recipe {recipe}"
    return page(f"{title} - reproduction of Zhou et al. 2025", body)


def read_table(path):
    """Return a CSV file as a DataFrame, None where there is no file."""
    return pd.read_csv(path, encoding="utf-8") if path.is_file() else None


def read_notebooks(reports):
    """Return a dict for each notebook (the paper's seven first): stem, status, duration, link, provenance record.

    Status: done, failed, not run, or out of date where a notebook it builds on ran after it, failed or has not run.
    """
    beyond = sorted(path.stem for name in ("[0-9][0-9]_*.json", "explore.json") for path in reports.glob(name) if path.stem not in NOTEBOOKS)
    notebooks = []
    for stem in NOTEBOOKS + beyond:
        path = reports / f"{stem}.json"
        record = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        status = record.get("status", "not run")
        if status == "done" and not (reports / f"{stem}.html").is_file():
            status = "not run"
        if status == "done" and any(
                n["status"] != "done" or n["record"]["started"] > record["started"]
                for n in notebooks if n["stem"] in NEEDS.get(stem, NOTEBOOKS[:3])):
            status = "out of date"
        link = {"failed": f"{stem}.failed.ipynb", "not run": None}.get(status, f"{stem}.html")
        duration = record.get("duration_s", 0)
        notebooks.append({"stem": stem, "status": status, "record": record, "link": link,
                          "duration_s": duration, "duration": seconds(duration or None)})
    return notebooks


def headline(table):
    """Return mean r and RMSE (BW) of ours, the published and the baseline: a row for each direction."""
    ours, baseline = ({row["direction"]: row for row in select(table, name)} for name in (None, "mean_curve"))

    def scores(row, prefix=""):
        return number(row.get(f"{prefix}r_mean"), 3), number(row.get(f"{prefix}rmse_bw_mean"), 3)
    return [(DIRECTION_NAMES[d], scores(ours[d]), scores(ours[d], "published_"), scores(baseline.get(d, {})))
            for d in DIRECTIONS if d in ours]


def compare(title, file, key, measures, table):
    """Return a table for the template: for each direction or feature a row of ours, of the published, of each baseline."""
    groups, own = [], None if table is None or not len(table) else metrics.ours(table)
    for name in [] if table is None else table[key].unique():
        part = table[table[key] == name].to_dict("records")
        part.sort(key=lambda row: (row["estimator"] != own, row["estimator"] != "mean_curve"))
        lines = [("ours" if row["estimator"] == own else row["estimator"].replace("_", " "),
                  _cells(row, name, measures), f"{row['n']:.0f}") for row in part]
        lines.insert(1, ("published", _cells(part[0], name, measures, "published_"), ""))
        groups.append((FEATURES.get(name, DIRECTION_NAMES.get(name)), lines))
    return {"title": title, "file": f"results/{file}", "key": key, "notebook": file.split("/")[0], "groups": groups,
            "headings": [heading for heading, _, _ in measures.values()]}


def _cells(row, name, measures, prefix=""):
    """Write one row's measures; the loading rate, some 50 BW/s, has two decimals where a peak has three."""
    cells = []
    for measure, (_, ours, published) in measures.items():
        decimals = published if prefix else ours
        cells.append(mean_sd(row, measure, min(decimals, 2) if name == "vlr_bw_s" else decimals, prefix))
    return cells


def figure4(folder, clusters):
    """Return Figure 4 as a data address with alternative text, None where there is none."""
    for name, kind in (("figure4.svg", "image/svg+xml"), ("figure4.png", "image/png")):
        if (folder / name).is_file():
            data = base64.b64encode((folder / name).read_bytes()).decode()
            found = "unknown" if clusters is None else len(clusters) or "none"
            return {"src": f"data:{kind};base64,{data}", "alt": "Figure 4: SPM{t} of estimated against measured force over "
                    f"stance, with its threshold, for each direction. Significant intervals: {found}."}
    return None


def split_counts(stances):
    """Return (split, stances, runners) for each part of the data, the largest first."""
    if stances is None:
        return []
    return [(split, len(rows), rows["runner"].nunique())
            for split, rows in sorted(stances.groupby("split"), key=lambda part: -len(part[1]))]


def reasons(excluded):
    """Return (reason, count) of the excluded contacts, None if the table is missing."""
    return None if excluded is None else list(excluded["reason"].value_counts().items())


def provenance_rows(notebooks, study):
    """Return (name, value) of what the reports depend on; where notebooks differ, each value with its notebooks."""
    records = {n["stem"]: n["record"] for n in notebooks if n["record"]}
    rows = [("started (UTC)", min((r["started"][:19].replace("T", " ") for r in records.values()), default="not known yet"))]
    for name, key in {"seed": "seed", "study file": "study_file", "study file SHA-256": "study_sha256",
                      "recipe": "recipe", "data SHA-256": "data_sha256", "commit": "commit"}.items():
        rows.append((name, _distinct({stem: record.get(key) for stem, record in records.items()})))
    if any(record["study_sha256"] != study.sha256 for record in records.values()):
        rows.append(("warning", "the study file has changed since these reports were made"))
    packages = dict.fromkeys(name for record in records.values() for name in record["versions"])
    return rows + [(name, _distinct({stem: r["versions"].get(name) for stem, r in records.items()})) for name in packages]


def _distinct(values):
    """Join the distinct values of {stem: value}, each with its notebooks' numbers where there are several."""
    grouped = {}
    for stem, value in values.items():
        if not missing(value):
            grouped.setdefault(str(value), []).append(stem[:2])
    if len(grouped) < 2:
        return next(iter(grouped), "not known yet")
    return "; ".join(f"{value} ({', '.join(stems)})" for value, stems in grouped.items())
