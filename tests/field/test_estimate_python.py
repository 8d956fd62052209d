"""Five lines of Python: what grfkit.estimate gives is what the command gives, shows itself, and changes nothing."""

import doctest
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from helpers import ROOT, as_csv

import grfkit
from grfkit import cli
from grfkit.field import estimate as field_estimate
from grfkit.points import InputError
from grfkit.recordings import c3d
from grfkit.reports import estimate_page
from grfkit.reports import html as html_page


@pytest.fixture(scope="module")
def file(lab, tmp_path_factory):
    """A recording whose name would be HTML, of a runner who is larger than all who trained the model: a warning."""
    points = 1.3 * next(iter(lab.points.values()))
    return as_csv(tmp_path_factory.mktemp("data") / "run <script>alert('a')<script>.csv", points, lab.rate_hz)


@pytest.fixture(scope="module")
def result(lab, file):
    return grfkit.estimate(grfkit.read(file), mass_kg=61.5, model=lab.model)


def test_estimate_gives_the_tables_of_the_folder_of_that_file(lab, file, result):
    steps, curves, recordings = field_estimate.estimate_all(lab.model, file.parent, mass_kg=61.5)
    pd.testing.assert_frame_equal(result.steps, steps)
    pd.testing.assert_frame_equal(result.curves, curves)
    assert (result.recording.file, result.mass_kg) == (file, 61.5)
    assert result.warnings == recordings["warnings"].iloc[0].split(" | ") and len(result.warnings) > 0


def test_columns_of_the_tables_are_documented(result):
    """Each one but the edges of bands and newtons, which go by a rule."""
    told = re.findall(r"`(\w+)`", (ROOT / "docs" / "formats.md").read_text(encoding="utf-8"))
    columns = [name for table in (result.steps, result.curves, result.table) for name in table]
    by_rule = [name for name in columns if re.search("_low$|_high$|^low_|^high_|_n$|_n_", name)]
    assert {*columns} - {*by_rule} <= {*told} and len(by_rule) == 2 * 5 + 3 * 5 + 2 * 3 + 3 * 3


def test_a_file_a_loaded_model_and_no_model_give_the_same(lab, file, result, monkeypatch):
    monkeypatch.setattr("grfkit.field.model.SHIPPED", lab.model)
    pair = grfkit.load_model()
    for run, model in ((str(file), None), (grfkit.read(file), pair), (file, pair[0])):
        again = grfkit.estimate(run, mass_kg=61.5, model=model)
        pd.testing.assert_frame_equal(again.steps, result.steps)
        assert again.warnings == result.warnings


def test_a_study_gives_mass_speed_and_points_as_it_does_for_its_folder(lab):
    study, row = ROOT / "params" / "smoke.yaml", lab.trials.iloc[1]
    steps, *_ = field_estimate.estimate_all(lab.model, lab.data, study_file=study)
    result = grfkit.estimate(lab.data / row["file"], model=lab.model, study=study)
    expected = steps[steps["file"] == row["file"]].reset_index(drop=True).assign(file=Path(row["file"]).name)
    pd.testing.assert_frame_equal(result.steps, expected[list(result.steps)])  # plates measured the other file alone
    assert (result.mass_kg, result.recording.speed_m_s) == (row["mass_kg"], row["speed_m_s"])
    assert result.study == "smoke" and result.recording.found[0] == "points: as the study file says"


def test_save_writes_what_the_command_writes(lab, file, result, tmp_path):
    arguments = ["--model", lab.model, file, "--mass", "61.5", "--out", tmp_path / "command"]
    assert cli.main(["estimate", *map(str, arguments)]) == 0
    assert result.save(tmp_path / "python") == tmp_path / "python" / "index.html"
    names = {path.name for path in (tmp_path / "command").iterdir()}
    assert names == {path.name for path in (tmp_path / "python").iterdir()} == {"index.html", *estimate_page.TABLES}
    for name in names:
        one, two = ((tmp_path / who / name).read_text(encoding="utf-8") for who in ("command", "python"))
        assert one == two, name
    result.save(tmp_path / "python")  # an earlier report is replaced
    (tmp_path / "python" / "mine.txt").touch()
    with pytest.raises(ValueError, match="holds mine.txt"):
        result.save(tmp_path / "python")


def test_files_of_other_programs_hold_the_estimate(result, tmp_path):
    """The writers have tests of their own; here, that they get this recording, its tables and its mass.

    The model of these tests gives no centre of pressure.
    """
    result = replace(result, curves=result.curves.assign(cop_ap=0.05, cop_ml=0.0))
    paths = [*result.to_mot(tmp_path / "run.mot"), *result.to_c3d(tmp_path / "run.c3d")]
    assert [path.name for path in paths] == ["run.mot", "run_ExternalLoads.xml", "run.c3d"]
    again = grfkit.read(tmp_path / "run.c3d")
    np.testing.assert_allclose(again.points, result.recording.points, atol=2e-4)
    plates, _, bad, _ = c3d.read_plates(tmp_path / "run.c3d", again.rotation)
    felt = [plate.force[:, 2].max() for plate in plates]
    highest = result.curves["est_v_n"].groupby(result.curves["step"].map(result.steps.set_index("step")["side"])).max()
    assert not bad and sorted(felt) == pytest.approx(sorted(highest), rel=0.01)


def test_files_of_other_programs_need_a_mass(lab, file, tmp_path):
    result = grfkit.estimate(file, model=lab.model)
    assert result.mass_kg is None and "N at" not in repr(result)
    for write, name in ((result.to_mot, "run.mot"), (result.to_c3d, "run.c3d")):
        with pytest.raises(InputError, match="mass"):
            write(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_save_of_a_model_that_was_never_saved_says_what_to_do(lab, file, model, tmp_path):
    result = grfkit.estimate(file, model=replace(model, card=None))
    with pytest.raises(InputError, match="this model has no card.*Save it"):
        result.save(tmp_path / "report")


def test_jupyter_shows_three_curves_and_the_warnings_and_runs_nothing(result):
    html = result._repr_html_()
    shown = BeautifulSoup(html, "html.parser")
    assert html_page.needs_network(html) == [] and not shown.find("script")
    assert result.recording.file.name in shown.get_text()
    images = shown.find_all("img")
    assert [image["src"].partition(",")[0] for image in images] == ["data:image/svg+xml;base64"] * 3
    assert all("Mean estimated force" in image["alt"] and "% band" in image["alt"] for image in images)
    assert [item.get_text() for item in shown.find_all("li")] == [f"Warning: {text}" for text in result.warnings]


def test_repr_is_some_lines_of_text(result):
    first, pace, force, *warnings = repr(result).splitlines()
    assert first == f"Estimate of {result.recording.file.name}"
    assert pace.startswith(f"{len(result.steps)} steps at ") and "N at 61.5" in force
    assert warnings == [f"warning: {text}" for text in result.warnings]


def test_plot_draws_the_mean_of_each_side(result):
    axes = result.plot()
    assert axes[0].get_legend().get_title().get_text() == "mean, 90 % band"
    side = result.curves["step"].map(result.steps.set_index("step")["side"])
    for ax, column in zip(axes, ("est_v", "est_ap"), strict=False):
        for line, name in zip(ax.lines, "lr", strict=False):
            mean = result.curves[column][side == name].to_numpy().reshape(-1, 101).mean(axis=0)
            np.testing.assert_allclose(line.get_ydata(), mean, atol=1e-12)
    given = axes[0].figure.subplots(1, 3)
    assert result.plot(given) is given


def test_estimate_changes_nothing_that_it_is_given(lab, file):
    run = grfkit.read(file)
    run.points.flags.writeable = False
    points, notes, content = run.points.copy(), list(run.notes), file.read_bytes()
    for _ in range(2):
        result = grfkit.estimate(run, mass_kg=61.5, model=lab.model)
    np.testing.assert_array_equal(run.points, points)
    assert run.notes == notes and file.read_bytes() == content
    assert [note.text for note in result.recording.notes].count("mass: 61.5 kg, as typed") == 1


def test_walking_raises_with_the_reason(lab, file, points, tmp_path):
    low = points.copy()
    low[:, :, 2] *= np.where(np.isin(np.arange(11), (4, 5, 9, 10)), 0.05, 1)
    walk = as_csv(tmp_path / "walk.csv", low, lab.rate_hz)
    with pytest.raises(field_estimate.Refused, match="The model was trained on running"):
        grfkit.estimate(walk, model=lab.model)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mass_kg": 700}, "mass_kg must be a number from 20 to 250 kg; found 700"),
        ({"mass_kg": "70"}, "mass_kg must be a number from 20 to 250 kg; found '70'"),
        ({"treadmill": False, "rate_hz": 100}, "treadmill, rate_hz came too late. Give it to grfkit.read"),
        ({"study": "params/rbds.yaml"}, "study came too late"),
    ],
)
def test_estimate_refuses_what_it_cannot_use(lab, file, given, message):
    with pytest.raises(ValueError, match=message):
        grfkit.estimate(grfkit.read(file), model=lab.model, **given)


def test_estimate_says_what_it_takes(lab, points, tmp_path):
    with pytest.raises(
        InputError, match=r"found a ndarray. To estimate from an array of points, make a recording: grfkit.from_array"
    ):
        grfkit.estimate(points, model=lab.model)
    with pytest.raises(ValueError, match="does not exist"):
        grfkit.estimate(tmp_path / "absent.c3d", model=lab.model)
    with pytest.raises(InputError, match="takes one recording, a file; .* is a folder. Give one of its files"):
        grfkit.estimate(tmp_path, model=lab.model)


@pytest.mark.parametrize("function", [grfkit.read, grfkit.from_array, grfkit.estimate], ids=lambda each: each.__name__)
def test_examples_of_docstrings_give_what_they_say(lab, function, monkeypatch):
    """On the example that ships; the model is another one, so that the examples rest on no force of the shipped one."""
    monkeypatch.setattr("grfkit.field.model.SHIPPED", lab.model)
    (example,) = doctest.DocTestFinder(recurse=False).find(function, globs={})
    assert len(example.examples) > 3
    said = []
    assert doctest.DocTestRunner(verbose=False).run(example, out=said.append).failed == 0, "".join(said)
