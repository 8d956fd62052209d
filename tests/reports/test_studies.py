"""The page of all studies: numbers of the result files side by side, what cannot be compared, no foreign file lost."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import DIRECTIONS, assert_accessible, make_study, record_notebook, words, write_tables
from matplotlib.figure import Figure

from grfkit.reports import html as html_page
from grfkit.reports import index, run, studies
from grfkit.reports import words as report_words

ALL = index.NOTEBOOKS
OWN = '<meta name="generator" content="grfkit {}">'


@pytest.fixture
def reports(tmp_path, monkeypatch):
    """The folder `reports` of a project whose published numbers are made up."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params").mkdir()
    row = "{r_mean: 0.911, r_sd: 0.1, rmse_bw_mean: 0.222, rmse_bw_sd: 0.1, nrmse_pct_mean: 3.33, nrmse_pct_sd: 1.0}"
    (tmp_path / "params/published.yaml").write_text(
        f"n: 71\ntable1:\n  AP: {row}\n  ML: {row}\n  V: {row}\n", encoding="utf-8"
    )
    (tmp_path / "reports").mkdir()
    return tmp_path / "reports"


def write_study(folder, *, rmse=0.0456, recipe="paper", simulated=True, stems=ALL, **more):
    """Write the reports of a study that has run, its vertical RMSE as given."""
    folder.mkdir()
    write_tables(folder / "results")
    path = folder / "results/04_table1/table1.csv"
    table = pd.read_csv(path)
    table.loc[(table["estimator"] == "lstm") & (table["direction"] == "V"), "rmse_bw_mean"] = rmse
    table.to_csv(path, index=False)
    for number, stem in enumerate(stems):
        more_of = {"recipe": recipe} if stem in ALL[1:3] else {}
        record_notebook(folder, stem, "done", f"T{number}", simulated=simulated, **more_of, **more)
    (folder / "index.html").write_text("x", encoding="utf-8")


def write_left_out(folder, rows):
    """Write 08's curves.csv: (estimator, direction, r, RMSE, nRMSE)."""
    (folder / "results/08_generalisation").mkdir()
    table = pd.DataFrame(rows, columns=["estimator", "direction", "r", "rmse_bw", "nrmse_pct"]).assign(n=28, runners=8)
    table.to_csv(folder / "results/08_generalisation/curves.csv", index=False)
    record_notebook(folder, "08_generalisation", "done", "T9")


def test_compare_page_shows_each_study_and_recipe_beside_its_own_baseline_and_the_published(reports):
    write_study(reports / "tiny", rmse=0.0911)
    write_study(reports / "tiny-physics", rmse=0.0622, recipe="physics")
    write_study(reports / "field", rmse=0.2, simulated=False, study_file="field.yaml")
    html = studies.compare_page(reports)
    text = words(html)
    assert_accessible(html)
    assert html_page.needs_network(html) == []
    assert "tiny, physics simulated ours .990 .046 4.3 .950 .046 4.3 .980 .062 4.3 baseline .900 .046 4.3" in text
    assert (
        "field, paper real ours" in text
        and "Zhou et al. 2025 published .911 .222 3.3 .911 .222 3.3 .911 .222 3.3" in text
    )
    assert "71 stances of other runners" in text and "least of all simulated runners with real ones" in text
    assert (
        text.index("field, paper") < text.index("tiny, physics") < text.index("tiny, paper")
    )  # the least vertical error first
    assert "tiny physics simulated 10 from 2 runners complete" in text
    assert 'href="tiny-physics/index.html"' in html
    assert (
        "field, paper .200, baseline .046; tiny, physics .062, baseline .046; tiny, paper .091, baseline .046; "
        "published .222." in html
    )


def test_in_short_names_the_best_recipe_of_each_study_beside_its_own_baseline(reports):
    write_study(reports / "tiny", rmse=0.0911)
    write_study(reports / "tiny-physics", rmse=0.0622, recipe="physics")
    write_study(reports / "field", rmse=0.2, simulated=False, study_file="field.yaml")
    (reports / "stopped/results/01_preprocess").mkdir(parents=True)
    rows = [(name, d, 0.9, error, 5.0) for name, error in (("mean_curve", 0.3), ("two_mass", 0.11)) for d in DIRECTIONS]
    write_left_out(reports / "tiny", rows)
    text = words(studies.compare_page(reports))
    assert "field (real runners): On the test runners: .200 BW (paper), baseline .046 BW. tiny (simulated" in text
    assert "On the test runners: .062 BW (physics), baseline .046 BW. Each runner left out: .110 BW (two mass)," in text
    assert "baseline .300 BW." in text and "stopped (" not in text and "Published, on its own runners: .222 BW" in text


def test_compare_page_marks_the_better_of_ours_and_the_baseline_by_what_is_written():
    rows = {
        "ours": {"V": {"r_mean": 0.9901, "rmse_bw_mean": 0.11, "nrmse_pct_mean": 5.0}},
        "baseline": {"V": {"r_mean": 0.9904, "rmse_bw_mean": 0.12, "nrmse_pct_mean": 4.0}},
        "absent": {},
    }
    lines = studies.best_lines(rows, "_mean")
    assert [(name, values[6:], best) for name, values, best in lines] == [
        ("ours", [".990", ".110", "5.0"], [False] * 6 + [True, True, False]),
        ("baseline", [".990", ".120", "4.0"], [False] * 6 + [True, False, True]),
    ]


def test_recipes_with_each_runner_left_out_come_in_the_order_of_their_vertical_error(reports):
    rng = np.random.default_rng(0)
    names = ["mean_curve", "sine", "ridge", "physics", "two_mass"]
    rows = [
        (name, d, *([np.nan] * 3 if name == "sine" and d != "V" else rng.uniform(0.1, 1, 3)))
        for name in names
        for d in DIRECTIONS
    ]
    write_study(reports / "tiny")
    write_left_out(reports / "tiny", rows)
    found = studies.read_folder(reports / "tiny")
    expected = sorted(names, key=lambda name: next(row[3] for row in rows if row[:2] == (name, "V")))
    assert [line[0] for line in found["left_out"]] == [name.replace("_", " ") for name in expected]
    best = [(line[0].replace(" ", "_"), place) for line in found["left_out"] for place in range(9) if line[2][place]]
    slowly = []
    for i, d in enumerate(DIRECTIONS):
        for j, pick in enumerate((max, min, min)):
            known = {
                row[0]: round(row[2 + j], 3 if j < 2 else 1) for row in rows if row[1] == d and not np.isnan(row[2 + j])
            }
            slowly += [(name, 3 * i + j) for name, value in known.items() if value == pick(known.values())]
    assert sorted(best) == sorted(slowly)
    text = words(studies.compare_page(reports))
    assert (
        "28 stances of 8 runners (simulated)" in text and "sine – – – – – –" in text and "mean curve baseline" in text
    )


def test_a_recipe_that_estimates_one_direction_alone_is_compared_in_that_one(reports):
    write_study(reports / "tiny", recipe="sine")
    path = reports / "tiny/results/04_table1/table1.csv"
    table = pd.read_csv(path)
    none = (table["estimator"] == "lstm") & (table["direction"] != "V")
    table.loc[none, ["r_mean", "rmse_bw_mean", "nrmse_pct_mean"]] = np.nan
    table.to_csv(path, index=False)
    assert "ours – – – – – – .980" in words(studies.compare_page(reports))


@pytest.mark.parametrize(
    "name, content",
    [
        ("04_table1.json", "{"),
        ("04_table1.json", "[]"),
        ("results/04_table1/table1.csv", "a,b\n1,2\n"),
        ("results/04_table1/table1.csv", "estimator,direction\nlstm,AP\n"),
        ("results/01_preprocess/stances.csv", ""),
        ("results/04_table1/table1.csv", "\ufffd\x00"),
    ],
)
def test_a_broken_neighbour_is_shown_and_stops_nobody(reports, capsys, name, content):
    write_study(reports / "tiny")
    write_study(reports / "broken", study_file="broken.yaml")
    (reports / "broken" / name).write_text(content, encoding="utf-8")
    run.write_index(make_study(), reports / "tiny")
    text = words((reports / "index.html").read_text(encoding="utf-8"))
    assert "broken paper not recorded – incomplete cannot be read" in text
    assert "tiny, paper simulated" in text and "broken, paper" not in text
    assert "Zhou et al. 2025" in text and capsys.readouterr().err == ""


def test_a_folder_that_cannot_be_read_is_incomplete(reports):
    write_study(reports / "broken")
    (reports / "broken/02_search.json").write_text("{", encoding="utf-8")
    (reports / "stopped/results/01_preprocess").mkdir(parents=True)
    text = words(studies.compare_page(reports))
    assert (
        "incomplete cannot be read (JSONDecodeError)" in text
        and "stopped paper not recorded – incomplete not run: 01, 02" in text
    )


def test_only_folders_with_results_are_studies_and_what_lies_beside_them_is_linked(reports):
    for name in ("bench/results/01_preprocess", "course/results/01_preprocess", "notes", "tiny", "../course/solution"):
        (reports / name).mkdir(parents=True)
    for name in ("bench/index.html", "course/course.lock", "notes/index.html", "../course/solution/index.html"):
        (reports / name).write_text("x", encoding="utf-8")
    html = studies.compare_page(reports)
    assert "No study has run yet." in words(html) and "notes" not in html
    assert 'href="bench/index.html"' in html and 'href="../course/solution/index.html"' in html
    assert_accessible(html)


def test_state_is_out_of_date_where_the_study_file_has_changed(reports):
    write_study(reports / "tiny")
    assert studies.read_folder(reports / "tiny")["state"] == "complete"
    Path("params/tiny.yaml").write_text("study: {}\n", encoding="utf-8")
    found = studies.read_folder(reports / "tiny")
    assert (found["state"], found["why"]) == ("out of date", "the study file has changed")
    record_notebook(reports / "tiny", "02_search", "done", "T8", recipe="paper")
    assert studies.read_folder(reports / "tiny")["why"] == "out of date: 03, 04, 05, 06, 07; the study file has changed"
    record_notebook(reports / "tiny", "04_table1", "failed", "T9", error="x")
    found = studies.read_folder(reports / "tiny")
    assert found["state"] == "incomplete" and found["lines"] == []  # what it saved before it failed is not its result


def test_a_copy_that_was_kept_goes_by_its_own_name(reports):
    write_study(reports / "tiny", rmse=0.0911)
    write_study(reports / "tiny-last-year", rmse=0.0622)
    html = studies.compare_page(reports)
    assert "tiny, paper .091, baseline .046; tiny-last-year, paper .062, baseline .046" in html


def test_recipes_of_other_recordings_are_named_as_not_comparable(reports):
    write_study(reports / "tiny", data_sha256="a")
    write_study(reports / "tiny-physics", recipe="physics", data_sha256="a")
    assert "The recipes of" not in words(studies.compare_page(reports))
    record_notebook(reports / "tiny-physics", "01_preprocess", "done", "T0", data_sha256="b")
    assert "The recipes of tiny cannot be compared" in words(studies.compare_page(reports))


@pytest.mark.parametrize(
    "content, ours",
    [(None, True), (OWN.format("studies"), True), (OWN.format("study"), False), ("<p>mine", False), ("", False)],
)
def test_place_is_never_a_file_of_somebody_else(reports, capsys, content, ours):
    write_study(reports / "tiny")
    page = reports / "index.html"
    if content is not None:
        page.write_text(content, encoding="utf-8")
    assert (studies.place("reports/tiny") == page) == ours
    run.write_index(make_study(), Path("reports/tiny"))
    after = page.read_text(encoding="utf-8")
    assert ("All studies" in after) if ours else (after == content)
    assert ('href="../index.html"' in (reports / "tiny/index.html").read_text(encoding="utf-8")) == ours
    assert capsys.readouterr().err == ""


def test_place_is_nowhere_outside_a_folder_called_reports(reports, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    run.write_index(make_study(), tmp_path / "elsewhere/tiny")
    assert studies.place(tmp_path / "elsewhere/tiny") is None and not (tmp_path / "elsewhere/index.html").exists()
    assert 'href="../index.html"' not in (tmp_path / "elsewhere/tiny/index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("error", [PermissionError("open in a browser"), KeyboardInterrupt()])
def test_a_page_that_cannot_be_written_is_a_warning_and_leaves_the_old_one(reports, monkeypatch, capsys, error):
    (reports / "tiny").mkdir()
    old = OWN.format("studies")
    (reports / "index.html").write_text(old, encoding="utf-8")
    replace = os.replace

    def fail(source, target):
        if Path(target).parent.name == "reports":
            raise error
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    if isinstance(error, KeyboardInterrupt):
        with pytest.raises(KeyboardInterrupt):
            run.write_index(make_study(), Path("reports/tiny"))
    else:
        assert run.write_index(make_study(), Path("reports/tiny")).is_file()
        assert "could not be written: open in a browser" in capsys.readouterr().err
    assert (reports / "index.html").read_text(encoding="utf-8") == old
    assert sorted(path.name for path in reports.iterdir()) == ["index.html", "tiny"]


def test_page_without_published_numbers_does_without(reports):
    write_study(reports / "tiny")
    Path("params/published.yaml").unlink()
    html = studies.compare_page(reports)
    assert "Zhou et al. 2025 published" not in words(html) and "tiny, paper .046, baseline .046; published –." in html


def test_the_same_results_give_the_same_bytes(reports):
    write_study(reports / "tiny")
    assert studies.compare_page(reports) == studies.compare_page(reports)


def test_errors_stand_in_the_order_of_the_table_and_the_line_at_the_published():
    rows = {"a": {"ours": 0.1, "baseline": 0.2}, "b": {"ours": np.nan, "baseline": 0.3}}
    ax = studies.errors(Figure().subplots(), rows, published=0.11)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"] and list(ax.get_yticks()) == [1, 0]
    data = {line.get_label(): line.get_xydata() for line in ax.lines}
    np.testing.assert_array_equal(data["ours"], [[0.1, 1], [np.nan, 0]])
    np.testing.assert_array_equal(data["baseline: mean curve"], [[0.2, 1], [0.3, 0]])
    assert set(data["published, its own runners"][:, 0]) == {0.11}
    assert len(studies.errors(Figure().subplots(), rows, published=None).lines) == 2


def test_the_paper_s_numbers_of_the_page_are_those_of_the_index():
    """Two ways to the same text: Table 1 as the index writes it, and the page of all studies."""
    row = {"r_mean": 0.9921, "rmse_bw_mean": 0.0379, "nrmse_pct_mean": 5.777}
    cells = studies.table_cells({"AP": row}, "_mean")
    assert cells[:3] == [report_words.mean_sd(row, name, decimals) for name, (_, decimals) in studies.MEASURES.items()]
    assert cells[3:] == ["–"] * 6


def test_a_model_of_several_studies_is_a_link_and_no_study(reports):
    write_study(reports / "tiny")
    (reports / "tiny+other").mkdir()
    record_notebook(reports / "tiny+other", "10_field", "failed", "T1")
    assert "tiny+other" not in studies.compare_page(reports)
    (reports / "tiny+other" / "10_field.html").write_text("x", encoding="utf-8")
    page = studies.compare_page(reports)
    assert 'href="tiny+other/10_field.html"' in page and "One model of several studies: tiny+other" in page
    assert [row["folder"] for row in map(studies.read_folder, filter(studies.is_study, reports.iterdir()))] == ["tiny"]
