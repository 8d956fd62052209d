"""Notebooks run with the study's parameters, leave a report or say why not, and never half of one."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from helpers import assert_accessible, make_study, words, write_tables
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from grfkit import cli
from grfkit.reports import html as html_page
from grfkit.reports import run
from grfkit.study import file as study_file
from grfkit.study import provenance, record
from grfkit.study.others import Other
from grfkit.study.schema import StudyError


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


def test_run_writes_report_that_needs_no_network(project, monkeypatch, capsys):
    raw = project / "raw"
    (raw / "a.c3d").write_bytes(b"one")
    notebook = write_notebook(
        project / "notebooks/01_preprocess.ipynb",
        "M With $x_1 = \\alpha^2$ and\n\n$$r = \\frac{a}{b}$$",
        "import sys, time\nfrom tqdm import tqdm\nimport warnings\n"
        "for _ in tqdm(range(3), desc='reading'): time.sleep(.15)\n"
        "warnings.warn('one file skipped')\nprint('limit', limit, 'seed', seed, results, data, published)",
        "M See [docs](../docs/a.md#b).\n\nForce over **stance**, n = 3.",
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
    assert 'href="../../docs/a.md#b"' in html  # as seen from the page, no longer from notebooks/
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


def test_run_records_what_it_read_and_saved_and_takes_no_result_that_was_changed(project, monkeypatch):
    (project / "raw" / "a.c3d").write_bytes(b"one")
    notebook = write_notebook(
        project / "notebooks/01_preprocess.ipynb",
        "from pathlib import Path\nfolder = Path(results) / '01_preprocess'\n"
        "folder.mkdir(parents=True, exist_ok=True)\n"
        "kept = folder / 'kept.csv'\nkept.exists() or kept.write_text('computed')\n"
        "(folder / 'plan.journal').write_text('no result')",
        parameters="results = ''\nseed = 1\ndata = ''\nlimit = 2",
    )
    study, reports = make_study({"01_preprocess": {"limit": 5}}, data=None, laboratory={}), project / "reports/tiny"
    kept = reports / "results/01_preprocess/kept.csv"
    for _ in range(2):
        assert run_command(notebook, study, monkeypatch, "--data", "raw") == 0
        assert kept.read_text(encoding="utf-8") == "computed"
        entry = json.loads((reports / "01_preprocess.json").read_text(encoding="utf-8"))
        assert entry["results"] == {"kept.csv": hashlib.sha256(b"computed").hexdigest()}
        assert entry["parameters"] == {"limit": 5, "seed": 7, "data": "../raw"}
        cells = hashlib.sha256(notebook.read_bytes()).hexdigest()
        assert entry["inputs"] == {"../../notebooks/01_preprocess.ipynb": cells}
        assert entry["recordings"]["folder"] == "../../raw" and str(project) not in json.dumps(entry)
        kept.write_text("by hand", encoding="utf-8")


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
    other = write_notebook(project / "notebooks/01_preprocess.ipynb", "1 + 1")  # 02 would read it, minutes later
    with pytest.raises(StudyError, match="magic"):
        run.run(other, study=make_study(), reports=project / "reports/tiny", recipe=recipe)


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
    assert "1.50 ± .10" in words(index)  # the others' results are still there


def test_an_input_error_of_a_cell_is_its_message_alone(project, monkeypatch, capsys):
    notebook = write_notebook(
        project / "notebooks/04_table1.ipynb",
        "from grfkit.points import InputError\nraise InputError('A window is odd; found 4.', 'Take 5.')",
    )
    assert run_command(notebook, make_study(), monkeypatch) == 1
    shown = capsys.readouterr().err
    assert "InputError: A window is odd; found 4. Take 5." in shown and "Cell In" not in shown


def test_paths_of_a_cells_message_are_as_make_sees_them(project, monkeypatch, capsys):
    """The notebooks lie one folder deeper than where make runs."""
    said = "Correct ../params/mine.yaml, ../../data/a.c3d, a../b or /tmp/../c."
    notebook = write_notebook(project / "notebooks/04_table1.ipynb", f"raise ValueError({said!r})")
    assert run_command(notebook, make_study(), monkeypatch) == 1
    assert "Correct params/mine.yaml, ../data/a.c3d, a../b or /tmp/../c." in capsys.readouterr().err


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


def test_run_gives_a_notebook_where_other_studies_lie_and_notes_their_stances(project, capsys):
    """Relative, as seen from the notebook's folder; a change of what 01 saved of another study is told by it."""
    notebook = write_notebook(project / "notebooks/14_tiny.ipynb", "print(others)", parameters="others = {}")
    stances = project / "reports/other/results/01_preprocess/stances.csv"
    stances.parent.mkdir(parents=True)
    stances.write_text("stance\n1\n", encoding="utf-8")
    (project / "params").mkdir(exist_ok=True)
    (project / "params/other.yaml").write_text("study: {}\n", encoding="utf-8")
    path = Path("params/other.yaml")
    other = Other("other", replace(make_study(data=None), path=path), Path("reports/other"), project / "raw")
    run.run(notebook, study=make_study(data=None), reports=Path("reports/tiny"), others=[other])
    places = {"study": "../params/other.yaml", "data": "../raw", "results": "../reports/other/results"}
    assert str({"other": places}) in capsys.readouterr().out
    noted = record.read(project / "reports/tiny", "14_tiny")
    assert noted["parameters"]["others"] == {"other": places}
    assert {"../../params/other.yaml", "../other/results/01_preprocess/stances.csv"} <= set(noted["inputs"])
    stances.write_text("stance\n2\n", encoding="utf-8")
    assert "stances.csv" in record.why_old(project / "reports/tiny", noted)[1]
