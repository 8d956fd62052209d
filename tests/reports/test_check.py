"""What no longer fits is found by content: whatever the times of files say, and nothing else."""

import hashlib
import os
import shutil

import pandas as pd
import pytest
from helpers import ROOT, record_notebook, words

from grfkit.reports import check, run
from grfkit.reports import index as report_index
from grfkit.study import file as study_file
from grfkit.study import provenance, record, store

STUDY = "study: {name: tiny, seed: 7, data: null}\n"
EVERY = ", ".join(record.NOTEBOOKS)


def record_all(project):
    """Record the paper's seven notebooks as done just now, with their results."""
    reports, raw = project / "reports" / "tiny", project / "raw"
    for number, stem in enumerate(record.NOTEBOOKS):
        folder = reports / "results" / stem
        store.write_text(folder / "table.csv", f"of\n{stem}\n")
        store.write_text(folder / "deep" / "model.json", "{}")
        noted = record.note_inputs(
            reports,
            [project / "notebooks" / f"{stem}.ipynb", project / "params" / "published.yaml"],
            folder=raw if number == 0 else None,
        )
        sha256 = hashlib.sha256((project / "params/tiny.yaml").read_bytes()).hexdigest()
        more = noted | {"study_sha256": sha256, "results": record.hash_results(folder), "simulated": False}
        record_notebook(reports, stem, "done", f"T{number}", **more)
    store.write_text(reports / "index.html", "index")
    return reports


@pytest.fixture
def reports(project):
    """A study of which everything has run; each of its files is as old as the others."""
    for stem in record.NOTEBOOKS:
        store.write_text(project / "notebooks" / f"{stem}.ipynb", stem)
    shutil.copy(ROOT / "params" / "published.yaml", project / "params")
    store.write_text(project / "params" / "tiny.yaml", STUDY)
    store.write_text(project / "raw" / "trials.csv", "file,runner\nr/a.c3d,r\nr/b.c3d,r\n")
    for name in "ab":
        store.write_text(project / "raw" / "r" / f"{name}.c3d", name)
    return record_all(project)


def kept_time(path, text):
    """Replace a file as `cp -a` does, or `mv x.bak x`: it is older than what was there."""
    path.write_text(text, encoding="utf-8")
    os.utime(path, (1_000_000_000, 1_000_000_000))


def checked(reports, sha256=None):
    """Give what check says, and the files that it has made old."""
    before = {path: path.stat().st_mtime_ns for path in reports.rglob("*")}
    sha256 = sha256 or hashlib.sha256(reports.parents[1].joinpath("params/tiny.yaml").read_bytes()).hexdigest()
    lines = check.check(reports, study_sha256=sha256)
    return lines, sorted(path.stem for path, then in before.items() if path.stat().st_mtime_ns < then)


def statuses(reports):
    sha256 = hashlib.sha256(reports.parents[1].joinpath("params/tiny.yaml").read_bytes()).hexdigest()
    return [entry["status"] for entry in report_index.read_notebooks(reports, study_sha256=sha256)]


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: kept_time(raw / "r" / "a.c3d", "another"),
        lambda raw: (raw / "r" / "a.c3d").unlink(),
        lambda raw: kept_time(raw / "r" / "c.c3d", "more"),
        lambda raw: (raw / "r" / "a.c3d").rename(raw / "r" / "A.c3d"),
        lambda raw: kept_time(raw / "trials.csv", "file,runner\nr/a.c3d,r\nr/b.c3d,other\n"),
        lambda raw: (raw / "trials.csv").unlink(),
    ],
    ids=["replaced", "deleted", "added", "renamed", "table replaced", "table deleted"],
)
def test_recordings_that_are_others_make_01_run_again_and_all_that_follows_out_of_date(project, reports, change):
    change(project / "raw")
    assert checked(reports) == (
        ["out of date: 01_preprocess (the recordings have changed)"],
        ["01_preprocess", "index"],
    )
    assert statuses(reports) == ["out of date"] * 7


@pytest.mark.parametrize("ours", [True, False])
def test_virtual_recordings_that_were_touched_are_recorded_again_and_nobody_elses_are(project, reports, ours):
    folder = project / "reports" / ("tiny" if ours else "elsewhere/tiny") / "recordings"
    shutil.copytree(project / "raw", folder)
    noted = record.read(reports, "01_preprocess") | {"simulated": True} | record.note_inputs(reports, [], folder=folder)
    record_notebook(reports, **{"stem": "01_preprocess"} | noted)
    assert checked(reports) == ([], [])
    before = (folder / "trials.csv").stat().st_mtime_ns
    (folder / "r" / "b.c3d").unlink()
    assert checked(reports)[1] == ["01_preprocess", "index"] + ["trials"] * ours
    assert ((folder / "trials.csv").stat().st_mtime_ns < before) == ours


def test_recordings_that_are_out_of_reach_make_nothing_old(project, reports):
    (project / "raw").rename(project / "a drive that is not there")
    assert checked(reports) == ([], [])


def test_a_study_file_with_an_older_time_makes_every_notebook_run_again_and_no_loop(project, reports):
    kept_time(project / "params/tiny.yaml", STUDY.replace("7", "8"))
    lines = [f"out of date: {EVERY} (tiny.yaml has changed)"]
    assert checked(reports) == (lines, sorted([*record.NOTEBOOKS, "index"]))
    assert checked(reports)[0] == lines  # until make has run
    assert statuses(reports) == ["out of date"] * 7
    record_all(project)  # as make does
    assert checked(reports) == ([], []) and statuses(reports) == ["done"] * 7


def test_what_a_notebook_reads_of_params_and_its_own_cells_count_as_well(project, reports):
    kept_time(project / "params/published.yaml", "table1: {V: {}}\n")
    assert checked(reports)[0] == [f"out of date: {EVERY} (published.yaml changed)"]
    shutil.copy(ROOT / "params" / "published.yaml", project / "params")
    kept_time(project / "notebooks/07_figure4.ipynb", "other cells")
    assert checked(reports)[0] == ["out of date: 07_figure4 (07_figure4.ipynb changed)"]


@pytest.mark.parametrize(
    "change, why",
    [
        (lambda folder: (folder / "table.csv").unlink(), "table.csv is gone"),
        (shutil.rmtree, "deep/model.json is gone, table.csv is gone"),
        (lambda folder: kept_time(folder / "table.csv", "other"), "table.csv"),
        (lambda folder: kept_time(folder / "deep" / "model.json", "[]"), "deep/model.json"),
    ],
    ids=["deleted", "all deleted", "replaced", "deep"],
)
def test_results_that_are_not_as_saved_make_their_notebook_run_again(reports, change, why):
    change(reports / "results" / "05_table2")
    assert checked(reports) == (
        [f"changed by hand: 05_table2 (changed since it saved them: {why})"],
        ["05_table2", "index"],
    )
    assert statuses(reports) == ["done"] * 4 + ["changed by hand", "out of date", "done"]


def test_times_of_files_alone_make_nothing_old(project, reports, tmp_path_factory):
    copy = tmp_path_factory.mktemp("unzipped") / "project"
    shutil.copytree(project, copy, copy_function=shutil.copyfile)
    assert checked(copy / "reports" / "tiny") == ([], []) and statuses(copy / "reports" / "tiny") == ["done"] * 7
    for time in (2_000_000_000, 1_000_000_000):
        for path in project.rglob("*"):
            os.utime(path, (time, time))
        assert checked(reports) == ([], []) and statuses(reports) == ["done"] * 7


def test_a_result_that_was_made_of_an_earlier_one_is_seen_without_times_of_files(project, reports):
    before = record.read(reports, "03_train")
    record_notebook(reports, **{"stem": "03_train"} | before | {"started": "T9"})
    assert checked(reports)[0] == ["out of date: 04_table1, 05_table2, 06_table3, 07_figure4 (03_train ran after it)"]


def test_hash_data_tells_recordings_apart_that_stamp_data_takes_for_others(project, reports):
    """The stamp may say `other` of what is the same, never `same` of what is another."""
    stamp, sha256 = provenance.stamp_data(project / "raw"), provenance.hash_data(project / "raw")
    os.utime(project / "raw" / "r" / "a.c3d", (2_000_000_000, 2_000_000_000))
    assert provenance.stamp_data(project / "raw") != stamp and provenance.hash_data(project / "raw") == sha256


def test_the_index_tells_of_results_by_hand_and_is_made_again_when_there_are_others(project, reports):
    shutil.copy(ROOT / "params/smoke.yaml", project / "params/tiny.yaml")
    study, folder = study_file.load(project / "params/tiny.yaml"), project / "reports/by_hand/tiny/results"
    record_all(project)
    run.write_index(study, reports)
    assert "Results of runs by hand" not in words((reports / "index.html").read_text(encoding="utf-8"))
    assert checked(reports) == ([], [])
    store.save(folder, "05_table2/table2.csv", pd.DataFrame({"a": [1]}))
    assert checked(reports) == ([], ["index"])
    run.write_index(study, reports)
    page = words((reports / "index.html").read_text(encoding="utf-8"))
    assert "Results of runs by hand are in reports/by_hand/tiny/results" in page and "05_table2, with" in page
    assert checked(reports) == ([], [])
    shutil.rmtree(folder)
    assert checked(reports) == ([], ["index"])


def test_the_index_says_why_something_is_out_of_date_and_of_what_the_others_are_not(project, reports):
    """The banner asks for `make reproduce` where that helps: not for 08, which it does not make."""
    shutil.copy(ROOT / "params/smoke.yaml", project / "params/tiny.yaml")
    record_all(project)
    study = study_file.load(project / "params/tiny.yaml")
    record_notebook(reports, "08_generalisation", "done", "T8", study_sha256="1" * 64)
    page = words(report_index.index_page(study, reports))
    assert "out of date: 08_generalisation (tiny.yaml has changed)" in page
    assert "The study file has changed" not in page and "Some notebooks have no current results" not in page
    (reports / "results" / "06_table3" / "table.csv").unlink()
    page = words(report_index.index_page(study, reports))
    assert "Some notebooks have no current results: 06_table3 changed by hand ." in page
    assert "changed by hand: 06_table3 (changed since it saved them: table.csv is gone)" in page


def test_a_report_that_names_other_studies_is_made_anew(reports):
    """Of 14_transfer, which is run for the studies that were typed; their order is no matter."""
    record_notebook(reports, "14_transfer", "done", "T8", parameters={"others": {"hamner": {}, "ja1": {}}})
    page = reports / "14_transfer.html"
    before = page.stat().st_mtime
    check.make_old_without(reports, "14_transfer", ["ja1", "hamner"])
    assert page.stat().st_mtime == before
    check.make_old_without(reports, "14_transfer", ["hamner"])
    assert page.stat().st_mtime == check.LONG_AGO
    check.make_old_without(reports / "nobody", "14_transfer", ["hamner"])  # never run: nothing to make old
