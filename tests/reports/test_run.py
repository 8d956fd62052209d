"""Reports: notebooks run with the study's parameters, HTML without network, provenance, an index that reads results."""

import base64
import json
import re
from io import BytesIO
from pathlib import Path

import jinja2
import nbformat
import pandas as pd
import pytest
from helpers import DIRECTIONS, assert_accessible, make_study, record_notebook, words, write_tables
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from grfkit import cli
from grfkit.reports import html as html_page
from grfkit.reports import index as report_index
from grfkit.reports import run
from grfkit.reports import words as report_words
from grfkit.study import file as study_file
from grfkit.study import provenance


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty project, with it the current folder, as `make` has it."""
    for folder in ("notebooks", "params", "reports", "raw"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_notebook(path, *cells, parameters="seed = 1\nlimit = 2\nresults = 'here'"):
    """Write a notebook: a title, its parameters, then cells (Markdown where a text starts with "M ")."""
    tagged = new_code_cell(parameters, metadata={"tags": ["parameters"]})
    body = [new_markdown_cell(text[2:]) if text.startswith("M ") else new_code_cell(text) for text in cells]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=[new_markdown_cell("# A tiny title"), tagged, *body], metadata=kernel), path)
    return path.relative_to(Path.cwd())


def run_command(notebook, study, monkeypatch, *options):
    """Call the command line as the Makefile does; the study file itself is study.py's matter."""
    monkeypatch.setattr(study_file, "load", lambda path: study)
    return cli.main(["run", str(notebook), "--study", str(study.path), "--reports", "reports/tiny", *options])


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


def test_run_writes_report_that_needs_no_network(project, monkeypatch, capsys):
    raw = project / "raw"
    (raw / "a.c3d").write_bytes(b"one")
    notebook = write_notebook(
        project / "notebooks/01_preprocess.ipynb",
        "M With $x_1 = \\alpha^2$ and\n\n$$r = \\frac{a}{b}$$",
        "import sys, time\nfrom tqdm import tqdm\nimport warnings\nfor _ in tqdm(range(3), desc='reading'): time.sleep(.15)\n"
        "warnings.warn('one file skipped')\nprint('limit', limit, 'seed', seed, results, data, published)",
        "M First paragraph.\n\nForce over **stance**, n = 3.",
        "import base64\nfrom IPython.display import Image\nImage(base64.b64decode('iVBORw0KGgo='), format='png')",
        parameters="seed = 1\nlimit = 2\nresults = ''\ndata = ''\npublished = ''\ndefaulted = [1, 2]",
    )
    study = make_study({"01_preprocess": {"limit": 5}}, data=None, laboratory={})
    assert run_command(notebook, study, monkeypatch, "--data", "raw") == 0

    shown = capsys.readouterr()
    assert "limit 5 seed 7 ../reports/tiny/results ../raw ../params/published.yaml" in shown.out
    assert shown.out.splitlines()[-1].endswith("s  -> reports/tiny/01_preprocess.html")
    assert "reading: 100%" in shown.err and "\r" in shown.err  # the bar shows live, in the terminal

    reports = project / "reports/tiny"
    html = (reports / "01_preprocess.html").read_text(encoding="utf-8")
    assert html_page.needs_network(html) == []
    assert_accessible(html)
    assert html.count("<math") == 2 and "$" not in words(html)
    assert 'alt="Force over stance, n = 3."' in html
    assert "it/s" not in html and "one file skipped" in html
    assert "<title>A tiny title - 01_preprocess</title>" in html
    assert str(project) not in html + (reports / "01_preprocess.ipynb").read_text(encoding="utf-8")
    assert sorted(path.name for path in reports.iterdir()) == [
        f"01_preprocess.{kind}" for kind in ("html", "ipynb", "json")
    ]

    entry = json.loads((reports / "01_preprocess.json").read_text(encoding="utf-8"))
    assert (entry["status"], entry["seed"], entry["study_sha256"]) == ("done", 7, "0" * 64)
    assert entry["data_sha256"] == provenance.hash_data(raw)
    assert entry["versions"]["pandas"] == pd.__version__


def test_run_gives_the_recipe_to_a_notebook_that_declares_one(project, monkeypatch, capsys):
    recipe = project / "params/recipes/paper.yaml"
    recipe.parent.mkdir(parents=True)
    recipe.write_text("about: an LSTM\nestimator: lstm\n", encoding="utf-8")
    notebook = write_notebook(
        project / "notebooks/04_table1.ipynb", "print(recipe)", parameters='recipe = "other.yaml"'
    )
    assert run_command(notebook, make_study(), monkeypatch) == 0
    assert "../params/recipes/paper.yaml" in capsys.readouterr().out
    assert json.loads((project / "reports/tiny/04_table1.json").read_text(encoding="utf-8"))["recipe"] == "paper"
    recipe.write_text("about: an LSTM\nestimator: magic\n", encoding="utf-8")
    assert run_command(notebook, make_study(), monkeypatch) == 1
    assert "estimator: found 'magic'" in capsys.readouterr().err


def test_run_keeps_a_failed_copy_and_no_stale_report(project, monkeypatch, capsys):
    reports = project / "reports/tiny"
    reports.mkdir()
    for suffix in (".html", ".ipynb"):
        (reports / f"04_table1{suffix}").write_text("stale", encoding="utf-8")
    write_tables(reports / "results")
    notebook = write_notebook(
        project / "notebooks/04_table1.ipynb",
        "print('before')",
        "raise ValueError('mass_kg must be given; found none. Add it.')",
        "print('never reached')",
    )
    assert run_command(notebook, make_study(), monkeypatch) == 1

    shown = capsys.readouterr()
    assert "before" in shown.out and "never reached" not in shown.out
    assert "ValueError: mass_kg must be given; found none. Add it." in shown.err and "Traceback" not in shown.err
    assert sorted(path.name for path in reports.glob("04*")) == ["04_table1.failed.ipynb", "04_table1.json"]
    assert "mass_kg must be given" in (reports / "04_table1.failed.ipynb").read_text(encoding="utf-8")
    index = (reports / "index.html").read_text(encoding="utf-8")
    assert 'href="04_table1.failed.ipynb"' in index and "04_table1 failed" in words(index)
    assert "mass_kg must be given" in words(index)
    assert "no results of 04_table1 yet" in words(index)  # what it saved before it failed is not its result
    assert "1.500 ± .100" in words(index)  # the others' results are still there


def test_run_stops_before_the_first_cell_at_an_unknown_parameter(project, monkeypatch, capsys):
    notebook = write_notebook(project / "notebooks/02_search.ipynb", "open('touched', 'w')")
    study = make_study({"02_search": {"limit": 3, "epoch": 1}})
    assert run_command(notebook, study, monkeypatch) == 1
    message = capsys.readouterr().err
    assert message.startswith("error: ") and "epoch" in message and "Declared: limit, results, seed" in message
    assert not (project / "notebooks/touched").exists() and not list((project / "reports").rglob("*.ipynb"))


@pytest.mark.parametrize(
    "content, message", [(None, "does not exist"), ("{", "cannot be read"), ('{"a": 1}', "cannot be read")]
)
def test_run_says_what_is_wrong_with_a_notebook(project, monkeypatch, capsys, content, message):
    if content is not None:
        (project / "notebooks/x.ipynb").write_text(content, encoding="utf-8")
    assert run_command(Path("notebooks/x.ipynb"), make_study(), monkeypatch) == 1
    assert message in capsys.readouterr().err


def test_main_shows_a_study_error_without_traceback(project, capsys):
    assert cli.main(["index", "--study", "params/absent.yaml", "--reports", "reports/x"]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("error: ") and "absent.yaml" in shown and "Traceback" not in shown


def test_execute_tries_again_only_when_the_kernel_could_not_start(project, monkeypatch):
    import papermill

    calls = []

    def fail(*arguments, **options):
        calls.append(arguments)
        raise RuntimeError(reason)

    monkeypatch.setattr(papermill, "execute_notebook", fail)
    for reason, tries in (("Kernel died before replying to kernel_info", 2), ("Kernel died", 1)):
        calls.clear()
        with pytest.raises(RuntimeError):
            run._execute(Path("x.ipynb"), Path("y.ipynb"), {})
        assert len(calls) == tries


def test_declared_parameters_are_those_of_the_tagged_cell(project):
    path = write_notebook(project / "notebooks/a.ipynb", "other = 1", parameters="a = 1\nb: float = 2.0\nc = d = [3]")
    assert run.declared_parameters(path) == {"a", "b", "c", "d"}


def test_data_folder_prefers_the_command_line_and_asks_where_none_is_known(project):
    laboratory = make_study()
    assert run.data_folder(laboratory, reports="reports/x") == Path("reports/x/recordings")
    assert run.data_folder(laboratory, reports="reports/x", data="raw") == Path("raw")
    assert run.data_folder(make_study(data="raw", laboratory={}), reports="reports/x") == Path("raw")
    with pytest.raises(ValueError, match="DATA=DIR"):
        run.data_folder(make_study(data=None), reports="reports/x")
    with pytest.raises(ValueError, match="does not exist"):
        run.data_folder(laboratory, reports="reports/x", data="nowhere")


def test_hash_data_changes_with_content_name_and_number_of_files(tmp_path):
    (tmp_path / "R1").mkdir()
    (tmp_path / "R1/a.c3d").write_bytes(b"one")
    seen = [provenance.hash_data(tmp_path)]
    for name, content in (("R1/a.c3d", b"two"), ("R1/b.C3D", b"one"), ("trials.csv", b"file\n")):
        (tmp_path / name).write_bytes(content)
        seen.append(provenance.hash_data(tmp_path))
    (tmp_path / "R1/a.c3d").rename(tmp_path / "a.c3d")
    assert len({*seen, provenance.hash_data(tmp_path)}) == 5
    (tmp_path / "notes.txt").write_text("not data", encoding="utf-8")
    (tmp_path / "R1/b.C3D").unlink()
    (tmp_path / "trials.csv").unlink()
    (tmp_path / "a.c3d").unlink()
    assert provenance.hash_data(tmp_path) is None


def test_hash_data_does_not_depend_on_the_order_of_the_files(tmp_path):
    names = [f"{name}.c3d" for name in "dacbe"]
    for folder, order in (("one", names), ("two", names[::-1])):
        (tmp_path / folder).mkdir()
        for name in order:
            (tmp_path / folder / name).write_text(name, encoding="utf-8")
    assert provenance.hash_data(tmp_path / "one") == provenance.hash_data(tmp_path / "two")


@pytest.mark.parametrize(
    "loads",
    [
        '<script src="https://a.org/x.js"></script>',
        '<link rel="stylesheet" href="//a.org/x.css">',
        '<img src="http://a.org/x.png">',
        '<iframe src="https://a.org"></iframe>',
        '<style>@import "x.css";</style>',
        '<p style="background: url(https://a.org/x)">',
        '<style>a { src: url("https://a.org/f.woff") }</style>',
        '<img srcset="a.png, https://a.org/b.png 2x">',
        '<svg><image href="https://a.org/x.png"/></svg>',
        '<script>import("https://a.org/x.js")</script>',
    ],
)
def test_needs_network_finds_what_a_browser_would_fetch(loads):
    assert len(html_page.needs_network(f"<html><body>{loads}</body></html>")) == 1


def test_needs_network_allows_links_and_embedded_images():
    html = (
        '<a href="https://doi.org/10.1">paper</a><img src="data:image/svg+xml;base64,PHN2Zz4//AAA=="><style>a { color: red }'
        '</style><math xmlns="http://www.w3.org/1998/Math/MathML"></math><p>see https://a.org and @import</p>'
    )
    assert html_page.needs_network(html) == []


@pytest.mark.parametrize(
    "text, left",
    [
        ("\r  0%|          | 0/5 [00:00<?, ?it/s]\r100%|██████████| 5/5 [00:01<00:00,  9.9it/s]\n", ""),
        ("\r12it [00:03,  3.9it/s]", ""),
        ("folds 1\rfolds 2\rfolds 3\n", "folds 3"),
        ("one\r\ntwo\r\n", "one\ntwo"),
        (
            "\r 50%|█████     | 1/2 [00:00<00:00,  9.9it/s]/tmp/ipykernel_12/34.py:3: UserWarning: odd\n",
            "cell:3: UserWarning: odd",
        ),
        ("/a/b/lib/python3.11/site-packages/x/y.py:1: W", "site-packages/x/y.py:1: W"),
        ("[1, 2] 50%", "[1, 2] 50%"),
    ],
)
def test_clean_text_keeps_what_a_reader_needs(text, left):
    assert html_page.clean_text(text).strip() == left


def test_tables_and_formulas_of_a_notebook_are_reached_by_the_keyboard_and_have_no_nameless_column():
    pandas = html_page.focusable(f'<div class="output_html">{pd.DataFrame({"a": [1]})._repr_html_()}</div>')
    assert pandas.startswith('<div tabindex="0" role="group" aria-label="table" class="output_html">')
    assert "<th></th>" not in pandas and "<td></td>" in pandas and "<th>a</th>" in pandas
    assert html_page.focusable("<div>no table</div>") == "<div>no table</div>"
    long = html_page.focusable(pd.DataFrame({"touchdown_rmse_ms": ["a_b"]})._repr_html_())
    assert "<th>touchdown_<wbr>rmse_<wbr>ms</th>" in long and "<td>a_b</td>" in long
    html = html_page.markdown("| | b |\n|---|---|\n| 1 | 2 |\n\n$$x = 1$$\n")
    assert html.count('tabindex="0"') == 2 and "<th></th>" not in html and "<th>b</th>" in html


def test_index_shows_the_numbers_of_the_result_files(project):
    write_tables(project / "reports/results")
    html = report_index.index_page(make_study(), project / "reports")
    text = words(html)
    assert_accessible(html)
    assert html_page.needs_network(html) == []
    for number in (
        ".990 ± .012",
        ".046 ± .010",
        "4.32 ± 1.00",
        ".777 ± .020",
        "1.50 ± .10",
        "1.500 ± .100",
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
        ({}, ["supported"] * 3),
        ({"r": (0.99, 0.7, 0.99), "p": 0.01, "clusters": [("ML", 11.2, 18.9, 0.02)]}, ["partly supported"] * 3),
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
    if "p" in options:
        text = words(report_index.index_page(make_study(), project / "reports"))
        assert "11–19 % of stance (p = .020)" in text and "VLR (p = .010, estimated lower)" in text
        assert "Worst direction: medial-lateral" in text and "as well or better in: medial-lateral" in text


TABLE1 = [
    ("lstm", "AP", 0.99, 0.05),
    ("lstm", "ML", 0.95, 0.02),
    ("lstm", "V", 0.98, 0.11),
    ("mean_curve", "AP", 0.98, 0.06),
    ("mean_curve", "ML", 0.95, 0.02),
    ("mean_curve", "V", 0.99, 0.12),
]


@pytest.mark.parametrize(
    "changes, sentence",
    [
        (
            {},
            "the estimate is better in the anterior-posterior direction; better by RMSE alone in the vertical direction; no better in the "
            "medial-lateral direction.",
        ),
        ({2: (0.995, 0.11), 1: (0.951, 0.019)}, "the estimate is better in every direction."),
        ({0: (0.9, 0.07), 2: (0.9, 0.2)}, "the estimate is no better in any direction."),
        (
            {0: (float("nan"), float("nan")), 1: (float("nan"), float("nan"))},
            "the estimate is better by RMSE alone in the vertical direction; not estimated in the anterior-posterior and medial-lateral directions.",
        ),
    ],
)
def test_in_short_says_where_the_baseline_is_as_good(changes, sentence):
    rows = [(*row[:2], *changes.get(place, row[2:])) for place, row in enumerate(TABLE1)]
    table = pd.DataFrame(rows, columns=["estimator", "direction", "r_mean", "rmse_bw_mean"]).assign(
        nrmse_pct_mean=4.361, n=17, published_rmse_bw_mean=0.777, published_nrmse_pct_mean=6.54
    )
    first, second = report_words.in_short(table, "2 runners")
    error = rows[2][3]
    assert first.replace("\u00a0", " ") == (
        f"In 17 stances of 2 runners, the estimated vertical force is off by {f'{error:.3f}'[1:]} BW, 4.4 % of its "
        "range (published: .777 BW, 6.5 % of its range)."
    )
    assert second.endswith(sentence) and "sees no input" in second
    assert report_words.in_short(None, "runners") == []
    only = table[table["estimator"] == "mean_curve"]
    assert "is the baseline itself" in report_words.in_short(only, "2 runners")[1]


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
        ("01_preprocess", ("red", "lime", "blue"), (0, 0, 255)),
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


def test_states_differ_in_shape_and_carry_their_word():
    templates = jinja2.Environment(loader=jinja2.FileSystemLoader(html_page.TEMPLATES), autoescape=True)
    light = templates.get_template("parts.html.j2").module.light
    page = "".join(light(word, True) for word in ("supported", "partly supported", "not supported", "not yet run"))
    shapes = re.findall(r"<svg.*?</svg>", page, re.S)
    assert len(set(shapes)) == 4 and re.findall(r"</svg>([^<]+)</span>", page) == [
        "Supported.",
        "Partly supported.",
        "Not supported.",
        "Not yet run.",
    ]


def luminance(colour):
    """Relative luminance of #rrggbb (WCAG 2.2)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1])
def test_colours_have_the_contrast_that_wcag_asks_for_in_light_and_dark(scheme):
    block = re.findall(r":root \{(.*?)\}", html_page.STYLE.read_text(encoding="utf-8"), re.S)[scheme]
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block))
    assert len(colours) == 12
    for ground in ("paper", "panel"):
        for name in set(colours) - {"paper", "panel", "line"}:
            dark, light = sorted((luminance(colours[name]), luminance(colours[ground])))
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (name, ground)


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


@pytest.mark.parametrize(
    "value, decimals, text",
    [
        (0.9921, 3, ".992"),
        (1.0, 3, "1.000"),
        (-0.12, 2, "−.12"),
        (50.842, 2, "50.84"),
        (0.9996, 3, "1.000"),
        (float("nan"), 3, "–"),
        (None, 2, "–"),
    ],
)
def test_number_is_written_as_in_the_paper(value, decimals, text):
    assert report_words.number(value, decimals) == text


@pytest.mark.parametrize("duration, text", [(12.34, "12.3 s"), (245, "4 min 5 s"), (3725, "1 h 2 min"), (None, "")])
def test_seconds_suit_a_reader(duration, text):
    assert report_words.seconds(duration) == text
