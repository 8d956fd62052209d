"""The widgets of the notebook estimate, driven without a browser: an upload as ipywidgets hands it over, its page, its
message."""

import io
import json
import re
import sys
import tempfile
import webbrowser
import zipfile
from base64 import b64decode
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from helpers import ROOT, as_csv

from grfkit import cli
from grfkit.field.model import SHIPPED
from grfkit.reports import run as run_notebook
from grfkit.reports import upload
from grfkit.reports.upload import widgets

EXAMPLE = ROOT / "grfkit" / "example"


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """A place of its own for temporary folders, which must be empty afterwards, the only place that is written to."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.chdir(tmp_path)
    yield folder
    assert [path.name for path in folder.iterdir()] == []
    assert {path.name for path in tmp_path.iterdir()} <= {"temporary", "data"}


@pytest.fixture
def recording(points, lab, tmp_path):
    return as_csv(tmp_path / "data" / "a.csv", points, lab.rate_hz).read_bytes()


@pytest.fixture
def page(lab):
    return widgets.drop(str(lab.model))


def find(page, name):
    """Find a widget by its class, as a browser does."""

    def walk(widget):
        yield widget
        for child in getattr(widget, "children", ()):
            yield from walk(child)

    (found,) = (widget for widget in walk(page) if name in widget._dom_classes)
    return found


def drop(page, name, content):
    """Hand over a file as ipywidgets' frontend does."""
    one = {"name": name, "type": "", "size": len(content), "last_modified": 1.7e12, "content": memoryview(content)}
    find(page, "grf-upload").set_state({"value": [one]})


def press(page):
    find(page, "grf-start").click()


def told(page):
    return BeautifulSoup(find(page, "grf-told").value, "html.parser").get_text()


def saved(page):
    """Read the links of a result: {name that a browser gives the file: bytes}."""
    links = BeautifulSoup(find(page, "grf-shown").value, "html.parser").find_all("a")
    return {link["download"]: b64decode(link["href"].partition("base64,")[2]) for link in links}


def test_an_upload_gives_its_page_and_its_files(page, recording):
    assert find(page, "grf-start").disabled
    drop(page, "Anna's run <b>.csv", recording)
    assert "Anna's run <b>.csv" in told(page) and not find(page, "grf-start").disabled
    find(page, "grf-mass").value = "61,5"
    press(page)
    assert "is estimated for 61.5 kg (136 lb). " in told(page)
    files = saved(page)
    steps = pd.read_csv(io.BytesIO(files["steps.csv"]))
    assert len(steps) == 2 and set(steps["file"]) == {"Anna's run <b>.csv"}
    assert steps["active_peak_n"].to_numpy() == pytest.approx(steps["active_peak_bw"] * 61.5 * 9.81, rel=1e-3)
    with zipfile.ZipFile(io.BytesIO(files.pop("Anna's run <b>_estimate.zip"))) as archive:
        packed = {name: archive.read(name) for name in archive.namelist()}
    assert packed.pop("index.html") == files.pop("Anna's run <b>.html") and packed == files
    frame = BeautifulSoup(find(page, "grf-shown").value, "html.parser").iframe
    assert frame["sandbox"] == [] and "Anna's run <b>.csv" in frame["title"]
    shown = BeautifulSoup(frame["srcdoc"], "html.parser")
    words = " ".join(shown.get_text(" ").split())
    assert "Anna's run <b>.csv" in words and "N at 61.5 kg" in words
    assert all(link["href"].startswith("#") for link in shown.find_all("a")) and not shown.find_all("b", string=".csv")


def test_the_mass_is_asked_for_only_while_it_is_missing(page, recording):
    drop(page, "a.csv", recording)
    assert "Type the body mass if you know it, then press Estimate." in told(page)
    find(page, "grf-mass").value = "7"
    assert told(page).endswith(" is here. Press Estimate.")
    drop(page, "b.csv", recording)
    assert "b.csv" in told(page) and "body mass" not in told(page)
    find(page, "grf-mass").value = " "
    assert "Type the body mass" in told(page)
    drop(page, "notes.pdf", b"x")
    wrong = told(page)
    find(page, "grf-mass").value = "70"
    assert told(page) == wrong  # what is wrong stays


def test_an_estimate_is_that_of_the_file_itself(lab, recording, tmp_path):
    import grfkit

    by_upload, absent = widgets.estimate(
        "../../etc/a.csv", recording, mass_kg=70, treadmill=False, model=str(lab.model)
    )
    assert absent.startswith("There is no forces.mot and no forces.c3d: ") and "needs the centre of pressure" in absent
    run = grfkit.read(tmp_path / "data" / "a.csv", treadmill=False)
    result = grfkit.estimate(run, mass_kg=70, model=str(lab.model))
    ours = pd.read_csv(io.BytesIO(by_upload["curves.csv"]))["est_v"]
    assert ours.to_numpy() == pytest.approx(result.curves["est_v"].to_numpy(), abs=1e-4)


@pytest.mark.skipif(not SHIPPED.is_dir(), reason="no model comes with this copy of the package")
def test_the_example_gives_files_for_other_programs_too(page, tmp_path):
    page = widgets.drop()
    drop(page, "run.trc", (EXAMPLE / "run.trc").read_bytes())
    press(page)
    assert "There is no forces.mot and no forces.c3d: Forces in newtons need the body mass" in told(page)
    find(page, "grf-mass").value = "70"
    press(page)
    files = saved(page)
    assert "There is no" not in told(page)
    with zipfile.ZipFile(io.BytesIO(files["run_estimate.zip"])) as archive:
        assert {"forces.mot", "forces_ExternalLoads.xml", "forces.c3d"} < set(archive.namelist())
        assert b"<datafile>forces.mot</datafile>" in archive.read("forces_ExternalLoads.xml")


def test_progress_goes_through_its_stages_and_the_page_is_free_again(page, recording):
    heard, about = [], find(page, "grf-told")
    about.observe(lambda change: heard.append((told(page), find(page, "grf-start").disabled)), "value")
    drop(page, "a.csv", recording)
    press(page)
    assert [text for text, disabled in heard if disabled][:4] == [f"{stage} …" for stage in widgets.STAGES]
    assert find(page, "grf-treadmill").label == "find out from the recording"
    controls = [find(page, f"grf-{name}") for name in ("upload", "mass", "treadmill", "start")]
    assert not any(control.disabled for control in controls)


def test_another_mass_replaces_the_result_or_clears_it(page, recording):
    drop(page, "a.csv", recording)
    press(page)
    first = find(page, "grf-shown").value
    find(page, "grf-mass").value = "70"
    press(page)
    assert find(page, "grf-shown").value not in ("", first)
    find(page, "grf-mass").value = "seventy"
    press(page)
    assert find(page, "grf-shown").value == "" and "number in kg" in told(page)


def walking(points):
    low = points.copy()
    low[:, :, 2] *= np.where(np.isin(np.arange(11), (4, 5, 9, 10)), 0.05, 1)
    return low


def test_what_is_wrong_is_one_message_and_the_page_goes_on(page, points, lab, recording, tmp_path):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.csv", recording)
    walk = as_csv(tmp_path / "data" / "walk.csv", walking(points), lab.rate_hz).read_bytes()
    others = b"time_s,nose_x,nose_y,nose_z\n" + b"".join(b"%.2f,1,2,3\n" % (t / 100) for t in range(200))
    wrong = {  # content, mass, what is said
        "a.c3d": (recording, "70", "C3D"),
        "a zip.c3d": (archive.getvalue(), "70", "archive"),
        "noise.trc": (np.random.default_rng(1).bytes(4000), "70", "noise.trc"),
        "empty.csv": (b"", "70", "empty"),
        "others.csv": (others, "70", "pelvis"),
        "walk.csv": (walk, "70", "as in walking"),
        "heavy.csv": (recording, "700", "700"),
        "pounds.csv": (recording, "154 lb", "number in kg"),
    }
    drop(page, "good.csv", recording)
    press(page)
    assert find(page, "grf-shown").value != ""
    for name, (content, mass, words) in wrong.items():
        drop(page, name, content)
        assert find(page, "grf-shown").value == "", "an earlier result"
        find(page, "grf-mass").value = mass
        press(page)
        said = told(page)
        assert said.startswith(f"{name} was not estimated. ") and words in said, said
        assert 'role="alert"' in find(page, "grf-told").value and find(page, "grf-shown").value == ""
        assert not re.search(r"Traceback|\.py|recording\.|grfkit-|temporary", said), said


@pytest.mark.parametrize(
    "name, words",
    [("a.zip", "an archive: unpack it"), ("a.exe", "Export it as one of them"), ("c3d", "one of these kinds")],
)
def test_a_file_of_another_kind_cannot_be_pressed(page, name, words):
    drop(page, name, b"x")
    assert words in told(page) and find(page, "grf-start").disabled and find(page, "grf-shown").value == ""


def test_a_recording_that_is_too_large_is_said(page, recording, monkeypatch):
    monkeypatch.setattr(widgets, "MOST_BYTES", 1000)
    drop(page, "a.csv", recording)
    assert "at most 0.001 MB" in told(page) and find(page, "grf-start").disabled


@pytest.mark.parametrize(
    "name",
    [
        "../../../a.csv",
        "C:\\run\\a.csv",
        "/etc/a.csv",
        "CON.csv",
        "a\0.csv",
        "a\n.csv",
        "\udcff.csv",
        300 * "a" + ".csv",
    ],
)
def test_no_name_of_a_file_leads_anywhere(page, recording, name):
    drop(page, name, recording)
    press(page)
    assert "is estimated" in told(page)
    names = set(zipfile.ZipFile(io.BytesIO(next(iter(saved(page).values())))).namelist())
    assert {"index.html", "steps.csv"} <= names and not any("/" in each or "\\" in each for each in names)


def test_a_model_that_is_none_is_said(recording, tmp_path):
    page = widgets.drop(str(tmp_path))
    drop(page, "a.csv", recording)
    press(page)
    assert "a.csv was not estimated." in told(page) and "model" in told(page)


def test_the_notebooks_own_parameter_is_the_model():
    notebook = ROOT / "notebooks" / "estimate.ipynb"
    assert run_notebook.declared_parameters(notebook) == {"model"}
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    assert not re.search(r"\bdef |\bclass |\blambda\b", "".join("".join(cell["source"]) for cell in cells))


def test_an_address_is_said_where_no_browser_has_a_window(monkeypatch, capsys):
    serve, opened = pytest.importorskip("grfkit.reports.upload.serve"), []
    monkeypatch.delenv("BROWSER", raising=False)
    windowed = SimpleNamespace(open=lambda address: not opened.append(address))
    failing = SimpleNamespace(open=lambda address: False)
    for browser in (windowed, failing, webbrowser.GenericBrowser("w3m"), None):
        monkeypatch.setattr(webbrowser, "_tryorder", ["this"] if browser else [])
        monkeypatch.setattr(webbrowser, "_browsers", {"this": [None, browser]})
        serve._open("http://127.0.0.1/")
        said = capsys.readouterr().out
        assert said == "" if browser is windowed else said.startswith("No browser was found: open the address above")
    assert opened == ["http://127.0.0.1/"]


def test_without_voila_or_the_notebook_one_message_says_so(monkeypatch, capsys):
    assert cli.main(["estimate-page"]) == 1  # this folder is none of the project
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "notebooks/estimate.ipynb; there is none here" in error
    monkeypatch.delitem(sys.modules, "grfkit.reports.upload.serve", raising=False)
    monkeypatch.delattr(upload, "serve", raising=False)
    monkeypatch.setitem(sys.modules, "voila.app", None)
    assert cli.main(["estimate-page"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "Voila shows the page" in error and '".[study]"' in error
