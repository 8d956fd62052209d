"""A real runner in the course: read where the recordings are; elsewhere a sentence, and the lesson goes on."""

import ezc3d
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from helpers import ROOT, solutions

from grfkit.course import real
from grfkit.study import store

SESSIONS = ("1_stance", "2_features", "5_agreement")
FUNCTIONS = (real.read, real.curves, real.runners)


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """A computer without the recordings, and without results of the study rbds; its folder recordings/rbds."""
    for name in ("ROOT", "REPORTS"):
        monkeypatch.setattr(real, name, tmp_path / "project")
    monkeypatch.delenv("GRFKIT_DATA", raising=False)
    return tmp_path / "project" / "recordings" / "rbds"


def list_people(folder, *runners):
    """Write a table of people as the public set has it, and an empty static trial of each."""
    folder.mkdir(parents=True)
    rows = [f"RBDS{runner}static.c3d,175,70,M" for runner in runners]
    (folder / "participantInfo.csv").write_text("\n".join(["FileName,Height,Mass,Gender", *rows]), encoding="utf-8")
    for runner in runners:
        (folder / f"RBDS{runner}").mkdir()
        (folder / f"RBDS{runner}" / f"RBDS{runner}static.c3d").touch()
    return folder


def cells(session):
    book = nbformat.read(ROOT / "course" / "source" / session / f"{session}.ipynb", as_version=4)
    return [cell.source for cell in book.cells if cell.cell_type == "code" and cell.id.split("-")[0] == "real"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_without_the_recordings_one_sentence_says_so(function, nowhere, capsys):
    assert not function() and not function(folder=str(nowhere / "elsewhere"))
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2 and all(line.endswith("No exercise needs them.") for line in said)
    assert "elsewhere holds no participantInfo.csv, and neither does a folder rbds in it" in said[1]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_recordings_that_are_damaged_or_not_whole_are_said(function, nowhere, capsys):
    name = f"RBDS{real.RUNNER}"
    file = list_people(nowhere, real.RUNNER) / name / f"{name}runT35.c3d"
    assert not function() and "lacks it" in capsys.readouterr().out
    file.write_bytes(b"\x02\x50" + 2000 * b"\xff")
    assert not function()
    said = capsys.readouterr().out
    assert (
        said.startswith("No real runner is shown; no exercise needs one. The reason: ") and len(said.splitlines()) == 1
    )


@pytest.mark.parametrize("session", SESSIONS)
def test_without_the_recordings_the_cells_show_nothing_and_need_no_exercise(session, nowhere, capsys):
    book = nbformat.read(ROOT / "course" / "source" / session / f"{session}.ipynb", as_version=4)
    names, found = {}, cells(session)
    exec(next(cell.source for cell in book.cells if cell.id == "imports"), names)
    before = plt.get_fignums()
    for source in found:
        exec(source, names)
    assert len(found) >= 3 and len(capsys.readouterr().out.splitlines()) == 1 and plt.get_fignums() == before


def test_recordings_are_found_where_a_study_has_them(nowhere, monkeypatch, tmp_path):
    assert real.find() is None
    fetched = list_people(nowhere)
    assert real.find() == fetched
    beside = list_people(tmp_path / "shared" / "data" / "rbds")
    assert real.find() == beside
    (real.REPORTS / "data.mk").write_text(f"LAST_DATA := {list_people(tmp_path / 'given')}\n", encoding="utf-8")
    assert real.find() == tmp_path / "given"
    list_people(tmp_path / "mine" / "rbds")
    monkeypatch.setenv("GRFKIT_DATA", str(tmp_path / "mine"))
    assert real.find() == tmp_path / "mine" / "rbds" and real.find(str(fetched)) == fetched
    assert real.find(str(fetched.parent)) == fetched  # a folder that holds rbds will do, as will rbds itself
    monkeypatch.setenv("GRFKIT_DATA", str(tmp_path / "mine" / "rbds"))
    assert real.find() == tmp_path / "mine" / "rbds"


def test_a_trial_is_what_ezc3d_reads(rbds, capsys):
    trial = real.read(folder=str(rbds))
    assert "Fukuchi" in capsys.readouterr().out
    file = ezc3d.c3d(str(rbds / trial.file))
    stored = file["data"]["points"][:3]  # (3, markers, frames), mm; forward, up, right
    for marker, name in enumerate(file["parameters"]["POINT"]["LABELS"]["value"]):
        hidden = (stored[:, marker] == 0).all(axis=0)
        np.testing.assert_array_equal(trial.hidden[name], hidden)
        assert np.isnan(trial.recording.points[name][hidden]).all()
        np.testing.assert_allclose(trial.recording.points[name][~hidden, 2], stored[1, marker, ~hidden] / 1000)
    assert max(hidden.sum() for hidden in trial.hidden.values()) > 20  # what session 1 shows
    assert trial.points.shape == (4500, 11, 3) and np.isfinite(trial.points).all()


def test_stances_carry_the_body(rbds):
    """From touchdown to touchdown the mean vertical force is the weight; the plate weighs up to 6.3 % less here."""
    found = real.curves(folder=str(rbds))
    mean = solutions("2_features").mean_over_step
    means = [mean(curve.force[:, 2], 300, curve.flight_s) for curve in found if np.isfinite(curve.flight_s)]
    assert len(found) > 70 and 0.93 < np.mean(means) < 1.01 and np.std(means) < 0.05
    assert all(curve.time_s[0] == 0 and (curve.force[[0, -1], 2] > 0).all() for curve in found)


def test_half_a_sine_carries_the_body(rbds):
    """Its mean over a step is 1 BW, so that its peak is pi / 2 times the step over the contact."""
    table = real.runners(folder=str(rbds))
    assert list(table["runner"]) == [real.RUNNER, real.OTHER]
    contact, flight = np.transpose([(curve.time_s[-1], curve.flight_s) for curve in real.curves(folder=str(rbds))])
    expected = np.nanmean(np.pi / 2 * (1 + flight / contact))
    assert table["estimated"][0] == pytest.approx(expected, rel=1e-6)
    assert (table["estimated"] / table["measured"] - 1).abs().max() < 0.10


def test_results_of_the_study_are_read_runner_by_runner(nowhere, predictions):
    stances, table = predictions
    results = real.REPORTS / "results"
    store.save(results, "01_preprocess/stances.csv", stances)
    renamed = table.replace({"estimator": {"larger": real.RECIPE}})
    store.save(results, real.ESTIMATES, renamed)
    peaks = real.runners().set_index(["feature", "runner"]).loc["active_peak_bw"]
    own = table[table["estimator"] == "larger"].merge(stances[["stance", "runner"]])
    expected = own.groupby(["runner", "stance"])["grf_v"].max().groupby("runner").mean()
    np.testing.assert_allclose(peaks["measured"][expected.index], expected)
    np.testing.assert_allclose(peaks["estimated"], 1.1 * peaks["measured"], rtol=1e-5)
