"""The index of a study: numbers of the result files, hypotheses, cards, what is out of date."""

import base64
from io import BytesIO

import nbformat
import pandas as pd
import pytest
from helpers import DIRECTIONS, assert_accessible, make_study, record_notebook, words, write_tables
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from grfkit.reports import html as html_page
from grfkit.reports import index as report_index
from grfkit.reports import words as report_words


def write_executed(path, *colours, size=(1200, 600), caption="All curves, n = 3."):
    """Write an executed notebook: its title and, for each colour, a plain figure (PNG)."""

    def figure(colour):
        buffer = BytesIO()
        Image.new("RGBA", size, colour).save(buffer, "PNG")
        return new_output("display_data", {"image/png": base64.b64encode(buffer.getvalue()).decode()})

    cells = [new_code_cell("plot()", outputs=[figure(colour)]) for colour in colours]
    nbformat.write(new_notebook(cells=[new_markdown_cell(f"# 07 Figure 4: where?\n\n{caption}"), *cells]), path)
    return path


def open_address(src):
    return Image.open(BytesIO(base64.b64decode(src.split(",")[1]))).convert("RGB")


def test_index_shows_the_numbers_of_the_result_files(project):
    write_tables(project / "reports/results")
    html = report_index.index_page(make_study(), project / "reports")
    text = words(html)
    assert_accessible(html)
    assert html_page.needs_network(html) == []
    for number in (
        ".990 ± .012",
        ".046 ± .010",
        "4.3 ± 1.0",
        ".777 ± .020",
        "1.50 ± .10",
        "1.5 ± .1",
        ".789",
        "r .900",
    ):
        assert number in text, number
    assert "test 10 2" in text and "train 90 18" in text and "kept 100" in text
    assert "missed plate 3" in text and "lost frames 1" in text
    assert "10 test stances come from 2 runners" in text
    assert "no results of 06_table3 yet" in text and "Figure 4: no results" in text


@pytest.mark.parametrize(
    "options, verdicts",
    [
        ({}, ["met, but proves nothing", "supported", "supported"]),
        ({"baseline_r": 0.6}, ["supported"] * 3),
        (
            {"r": (0.99, 0.7, 0.99), "p": 0.01, "clusters": [("ML", 11.2, 18.9, 0.02)], "baseline_r": 0.8},
            ["partly supported", "not supported", "not supported"],
        ),
        (
            {"r": (0.1, -0.2, 0.3), "clusters": [(d, 1.0, 2.0, 1e-5) for d in DIRECTIONS]},
            ["not supported"] * 2 + ["supported"],
        ),
    ],
)
def test_index_judges_the_hypotheses_by_the_results(project, options, verdicts):
    write_tables(project / "reports/results", **options)
    read = {
        name: pd.read_csv(project / "reports/results" / name)
        for name in ("04_table1/table1.csv", "07_figure4/spm.csv", "07_figure4/clusters.csv", "05_table2/table2.csv")
    }
    table1, spm, clusters, table2 = read.values()
    found = [
        report_words.curves_correlate(table1),
        report_words.no_interval_differs(spm, clusters),
        report_words.no_feature_differs(table2),
    ]
    assert [hypothesis["word"] for hypothesis in found] == verdicts
    if not options:
        page = report_index.index_page(make_study(), project / "reports")
        assert "Met, but proves nothing." in words(page) and page.count('class="light none"') > 0
    if "p" in options:
        text = words(report_index.index_page(make_study(), project / "reports"))
        assert "11–19 % of stance (p = .020)" in text and "VLR (p = .010, estimated lower)" in text
        assert "Worst direction: medial-lateral" in text and "as well or better in: medial-lateral" in text


def test_many_intervals_of_one_direction_are_counted(project):
    many = [("V", 10.0 * i, 10.0 * i + 2, 0.01) for i in range(4)] + [("AP", 11.2, 18.9, 0.02)]
    write_tables(project / "reports/results", clusters=many)
    text = words(report_index.index_page(make_study(), project / "reports"))
    assert "vertical: 4 intervals, together 8 % of stance." in text
    assert "Anterior-posterior: 11–19 % of stance (p = .020); medial-lateral: no significant interval" in text


@pytest.mark.parametrize(("runners", "few"), [(3, True), (4, False)])
def test_the_index_says_that_few_tested_runners_say_little(project, runners, few):
    write_tables(project / "reports/results")
    path = project / "reports/results/01_preprocess/stances.csv"
    stances = pd.concat([pd.read_csv(path).query("split == 'test'").head(1)] * runners)
    stances.assign(runner=[f"r{i}" for i in range(runners)], stance=range(runners)).to_csv(path, index=False)
    text = words(report_index.index_page(make_study(), project / "reports"))
    assert (f"Only {runners} runners were tested, which says little about others. make beyond" in text) == few


def test_headline_scales_the_bars_by_the_largest_error_of_each_direction(project):
    write_tables(project / "reports/results")
    table = pd.read_csv(project / "reports/results/04_table1/table1.csv")
    for name, verdict, lines in report_index.headline(table):
        assert verdict == "better by r alone"  # the errors are equal
        assert [line[0] for line in lines] == ["ours", "published", "baseline"]
        assert [line[3] for line in lines] == [46, 100, 46], name  # .0456 of .1


def test_index_shows_a_card_with_a_picture_for_each_report(project):
    reports = project / "reports"
    write_tables(reports / "results")
    for number, stem in enumerate([*report_index.NOTEBOOKS[:5], "07_figure4", "08_generalisation", "explore"]):
        record_notebook(reports, stem, "done", f"T{number}")
    write_executed(reports / "07_figure4.ipynb", "red")
    write_executed(reports / "explore.ipynb")
    (reports / "08_generalisation.ipynb").write_text("{", encoding="utf-8")
    (reports / "03_train.ipynb").write_text(
        nbformat.writes(
            new_notebook(
                cells=[new_code_cell("x", outputs=[new_output("display_data", {"image/png": "iVBORw0KGgo="})])]
            )
        ),
        encoding="utf-8",
    )
    html = report_index.index_page(make_study(), reports, above="../index.html")
    assert_accessible(html)
    assert html_page.needs_network(html) == [] and 'href="../index.html"' in html
    assert (
        html.count("data:image/webp") == 1
        and 'alt="All curves, n = 3."' in html
        and '<a href="07_figure4.html">07 Figure 4: where?</a>' in html
    )
    assert '<a href="explore.html">' in html and '<a href="08_generalisation.html">08_generalisation</a>' in html
    assert "nRMSE AP 4.3 % ML 4.3 % V 4.3 %" in words(html)  # Table 1 has no figure
    assert "06_table3 not run" in words(html)


def test_index_warns_that_the_study_file_has_changed(project):
    record_notebook(project / "reports", "01_preprocess", "done", "T1", study_sha256="1" * 64)
    assert "The study file has changed" in words(report_index.index_page(make_study(), project / "reports"))
    record_notebook(project / "reports", "01_preprocess", "done", "T1")
    assert "The study file has changed" not in words(report_index.index_page(make_study(), project / "reports"))


def test_thumbnail_is_small_keeps_proportions_and_is_white_where_the_figure_is_clear(tmp_path):
    found = report_index.thumbnail(write_executed(tmp_path / "07_figure4.ipynb", (0, 0, 0, 0)))
    picture = open_address(found["src"])
    assert picture.size == (560, 280) and min(picture.getpixel((5, 5))) > 250
    assert (found["title"], found["alt"]) == ("07 Figure 4: where?", "All curves, n = 3.")
    assert len(found["src"]) < 20_000


@pytest.mark.parametrize(
    "stem, colours, colour",
    [
        ("01_preprocess", ("red", "lime", "blue"), (255, 0, 0)),
        ("07_figure4", ("red", "lime"), (255, 0, 0)),
        ("09_agreement", ("red", "lime", "blue", "black"), (0, 0, 0)),
        ("09_agreement", ("red",), (255, 0, 0)),
    ],
)
def test_thumbnail_takes_the_most_telling_figure(tmp_path, stem, colours, colour):
    picture = open_address(report_index.thumbnail(write_executed(tmp_path / f"{stem}.ipynb", *colours))["src"])
    assert picture.getpixel((100, 100)) == pytest.approx(colour, abs=4)  # WebP's colours are rounded


def test_thumbnail_of_what_cannot_be_read_is_none(tmp_path):
    nothing = {"title": None, "src": None, "alt": None}
    (tmp_path / "half.ipynb").write_text('{"cells": [', encoding="utf-8")
    assert report_index.thumbnail(None) == report_index.thumbnail(tmp_path / "absent.ipynb") == nothing
    assert report_index.thumbnail(tmp_path / "half.ipynb") == nothing
    assert report_index.thumbnail(write_executed(tmp_path / "a.ipynb")) == nothing | {"title": "07 Figure 4: where?"}


@pytest.mark.parametrize(
    ("section", "laboratory", "expected"),
    [
        ({}, None, "from markerless motion capture"),
        ({"theia": True}, {}, "from markerless motion capture"),
        ({"theia": False, "clusters": {"segments": {}}}, {}, "from markers"),
        ({"points": {"pelvis": "pelvis"}}, {}, "from motion capture"),
    ],
)
def test_index_says_what_the_points_come_from(project, section, laboratory, expected):
    study = make_study({"01_preprocess": section}, laboratory=laboratory)
    assert f"Ground reaction forces of running {expected}</h1>" in report_index.index_page(
        study, project / "reports" / "tiny"
    )


def test_index_of_nothing_says_that_nothing_has_run(project):
    html = report_index.index_page(make_study(), project / "reports")
    assert_accessible(html)
    text = words(html)
    assert text.count("Not yet run.") == 3 and "01_preprocess not run" in text


def test_read_notebooks_marks_what_is_older_than_what_it_builds_on(project):
    reports = project / "reports"
    for stem, started in (
        ("01_preprocess", "T1"),
        ("02_search", "T2"),
        ("03_train", "T5"),
        ("04_table1", "T3"),
        ("05_table2", "T7"),
        ("08_beyond", "T6"),
    ):
        record_notebook(reports, stem, "done", started)
    record_notebook(reports, "06_table3", "failed", "T8", error="ValueError: x")
    status = {n["stem"]: n["status"] for n in report_index.read_notebooks(reports)}
    assert status == {
        "01_preprocess": "done",
        "02_search": "done",
        "03_train": "done",
        "04_table1": "out of date",
        "05_table2": "done",
        "06_table3": "failed",
        "07_figure4": "not run",
        "08_beyond": "done",
    }


def test_read_notebooks_of_what_goes_beyond_depend_on_01_and_on_each_other_as_the_makefile_says(project):
    reports = project / "reports"
    for stem, started in (
        ("01_preprocess", "T1"),
        ("02_search", "T9"),
        ("08_generalisation", "T5"),
        ("09_agreement", "T4"),
        ("11_explanation", "T2"),
        ("05_table2", "T7"),
        ("06_table3", "T6"),
    ):
        record_notebook(reports, stem, "done", started)
    status = {n["stem"]: n["status"] for n in report_index.read_notebooks(reports)}
    assert (status["08_generalisation"], status["09_agreement"], status["11_explanation"]) == (
        "done",
        "out of date",
        "done",
    )
    record_notebook(reports, "01_preprocess", "done", "T3")
    status = {n["stem"]: n["status"] for n in report_index.read_notebooks(reports)}
    assert (status["08_generalisation"], status["11_explanation"], status["06_table3"]) == (
        "done",
        "out of date",
        "out of date",
    )


def test_provenance_rows_name_the_notebooks_where_they_differ(project):
    reports = project / "reports"
    record_notebook(reports, "01_preprocess", "done", "2030-01-01T10:00:00.5", data_sha256="d" * 64)
    record_notebook(reports, "02_search", "done", "2030-01-01T11:00:00.5", commit="def+changes", study_sha256="1" * 64)
    rows = dict(report_index.provenance_rows(report_index.read_notebooks(reports), make_study()))
    assert rows["commit"] == "abc (01); def+changes (02)"
    assert (
        rows["started (UTC)"] == "2030-01-01 10:00:00" and rows["data SHA-256"] == "d" * 64 and rows["python"] == "3.11"
    )
    assert "changed" in rows["warning"]
