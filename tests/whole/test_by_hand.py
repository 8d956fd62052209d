"""Run All by hand, with a parameter changed: what is published stays, what was made by hand is told apart, and a
published file that was changed all the same is made anew."""

import json
import os
import re
import shutil

import nbformat
import pandas as pd
import pytest
from helpers import make, words
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from grfkit.reports import run
from grfkit.study import file as study_file

BY_HAND = "../reports/by_hand/smoke/results"


def run_all(project, stem, **changed):
    """Execute a notebook as JupyterLab does, its cell `parameters` edited; returns what its cells printed."""
    notebook = nbformat.read(project / "notebooks" / f"{stem}.ipynb", as_version=4)
    (cell,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    for name, value in ({"results": BY_HAND} | changed).items():
        cell.source, count = re.subn(rf"^{name} = .*$", f"{name} = {value!r}", cell.source, flags=re.M)
        assert count == 1, name
    NotebookClient(
        notebook, kernel_name="python3", resources={"metadata": {"path": str(project / "notebooks")}}
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


def tree(folder):
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def by_hand(project):
    """The folder of results by hand, gone again after the test."""
    yield project / "reports" / "by_hand" / "smoke" / "results"
    shutil.rmtree(project / "reports" / "by_hand", ignore_errors=True)


def test_tables_by_hand_are_of_one_definition_and_the_published_stay(project, smoke, by_hand):
    before = tree(smoke)
    said = run_all(project, "05_table2", vlr="20_to_80")
    with_which = "with vlr = '20_to_80' (published: 'touchdown_to_13')"
    assert "is the one saved by hand" not in said
    assert said.count(f"Saved by hand in {BY_HAND}/05_table2, {with_which}") == 1
    said = run_all(project, "06_table3")
    assert re.search(rf"05_table2/features.csv is the one saved by hand on .*, {re.escape(with_which)}", said)
    run_all(project, "04_table1")  # nothing changed
    assert (by_hand / "04_table1/table1.csv").read_bytes() == (smoke / "results/04_table1/table1.csv").read_bytes()
    assert tree(smoke) == before

    ours, published = (pd.read_csv(folder / "05_table2/table2.csv") for folder in (by_hand, smoke / "results"))
    rows = ours["feature"] == "vlr_bw_s"
    assert (ours[rows]["measured_mean"] != published[rows]["measured_mean"]).all()
    pd.testing.assert_frame_equal(ours[~rows], published[~rows])
    features = pd.read_csv(by_hand / "05_table2/features.csv")
    features = features[features["feature"] == "vlr_bw_s"]
    errors = (features["estimated"] - features["measured"]).abs().groupby(features["estimator"]).mean()
    table3 = pd.read_csv(by_hand / "06_table3/table3.csv").query("feature == 'vlr_bw_s'").set_index("estimator")
    pd.testing.assert_series_equal(table3["abs_error_mean"].sort_index(), errors, check_names=False, rtol=1e-9)

    assert make(project, "reproduce", "STUDY=smoke").returncode == 0
    page = smoke / "index.html"
    assert f"05_table2, {with_which} 06_table3, with the published parameters" in words(
        page.read_text(encoding="utf-8")
    )
    done, after = make(project, "reproduce", "STUDY=smoke"), tree(smoke)
    assert done.returncode == 0 and "up to date" in done.stdout
    assert {**after, page: None} == {**before, page: None}  # the index alone was written anew
    assert "by_hand" not in (project / "reports" / "index.html").read_text(encoding="utf-8")


def test_what_was_made_of_other_results_is_refused_by_hand(project, smoke, by_hand):
    before = tree(smoke)
    run_all(project, "03_train", epochs=1)
    with pytest.raises(CellExecutionError, match="05_table2 was made from another 03_train than") as error:
        run_all(project, "06_table3")
    assert "Run 05_table2 by hand, or delete ../reports/by_hand/smoke/results" in str(error.value)
    said = run_all(project, "04_table1")
    assert "03_train/predictions.parquet is the one saved by hand" in said and "stances.csv is the one" not in said
    name = "04_table1/table1.csv"
    assert (by_hand / name).read_bytes() != (smoke / "results" / name).read_bytes()
    assert tree(smoke) == before


def test_a_search_by_hand_is_not_the_published_one(project, smoke, by_hand):
    """Of one that was interrupted, 03 by hand takes neither the leftovers nor the published one instead."""
    before = tree(smoke)
    section = json.loads((project / "reports/smoke/02_search.ipynb").read_text(encoding="utf-8"))["metadata"]
    values = section["papermill"]["parameters"]
    changed = {name: values[name] for name in ("folds", "trials", "epochs", "units", "dropout", "batch_size")}
    run_all(project, "02_search", **changed | {"units": [4, 8]})
    (by_hand / "02_search" / "best.yaml").unlink()
    with pytest.raises(CellExecutionError, match=r"best.yaml is not in .*Run 02_search first, .*or delete"):
        run_all(project, "03_train", epochs=1)
    assert tree(smoke) == before


def test_published_results_changed_by_hand_are_named_and_made_anew(project, smoke):
    """Whoever writes the published folder into the cell, keeps old times, or deletes what is published: the index says
    so, and make runs what depends on it."""
    before = {path: content for path, (_, content) in tree(smoke / "results").items()}
    run_all(project, "05_table2", results="../reports/smoke/results", vlr="20_to_80")
    for path in (smoke / "results" / "05_table2").iterdir():
        os.utime(path, (1_000_000_000, 1_000_000_000))
    shutil.rmtree(smoke / "results" / "07_figure4")
    assert (smoke / "results/05_table2/table2.csv").read_bytes() != before[smoke / "results/05_table2/table2.csv"]
    run.write_index(study_file.load(project / "params" / "smoke.yaml"), smoke)
    page = words((smoke / "index.html").read_text(encoding="utf-8"))
    wrong = "05_table2 changed by hand , 06_table3 out of date , 07_figure4 changed by hand ."
    assert f"Some notebooks have no current results: {wrong}" in page
    done = make(project, "reproduce", "STUDY=smoke")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "changed by hand: 05_table2 (changed since it saved them: features.csv, " in done.stdout
    assert "changed by hand: 07_figure4 (changed since it saved them: clusters.csv is gone, " in done.stdout
    assert "06_table3  " in done.stdout and "04_table1  " not in done.stdout
    tables = {path for path in before if path.suffix == ".csv"}
    assert {path: path.read_bytes() for path in tables} == {path: before[path] for path in tables}
    assert "Some notebooks have no current results" not in words((smoke / "index.html").read_text(encoding="utf-8"))
    assert "up to date" in make(project, "reproduce", "STUDY=smoke").stdout


@pytest.mark.slow
def test_a_notebook_beyond_the_paper_leaves_the_published_results_as_well(project, beyond, by_hand):
    before = tree(beyond)
    data = {"data": "../reports/smoke/recordings", "study": "../params/smoke.yaml"}
    run_all(project, "13_moments", **data)
    name = "13_moments/scores.csv"
    assert (by_hand / name).read_bytes() == (beyond / "results" / name).read_bytes()
    run_all(project, "09_agreement", alpha=0.1)
    assert (by_hand / "09_agreement/tests.csv").is_file() and tree(beyond) == before
