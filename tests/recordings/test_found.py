"""What grfkit.read and grfkit.from_array give: names, what was found, the way back to the file's axes, tables."""

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from helpers import HZ, as_csv, on_belt, preprocessing, virtual_run, write_trc

import grfkit
from grfkit.field import beside_plates
from grfkit.points import INPUTS, POINTS
from grfkit.recordings import c3d

TURNED = np.array([[0, 0, 1.0], [-1, 0, 0], [0, -1, 0]])  # AP, ML, V of a file with Y down, Z backwards


@pytest.fixture(scope="module")
def points():
    return virtual_run(3, hz=HZ)[0]


def markers(points, axes):
    return dict(zip(POINTS, np.moveaxis(points @ axes, 1, 0), strict=True))


@pytest.mark.parametrize(("forward", "up"), [("+x", "+z"), ("-y", "+z"), ("+x", "+y"), ("-z", "+y"), ("+y", "-x")])
def test_rotation_leads_from_the_axes_of_any_file_to_ap_ml_v(tmp_path, points, forward, up):
    axes = c3d.axes(forward, up)  # rows: forward, left and up in the file
    as_csv(tmp_path / "a.csv", points @ axes, HZ)
    for run in (
        grfkit.read(write_trc(tmp_path / "a.trc", markers(points, axes), HZ)),
        grfkit.read(tmp_path / "a.csv"),
        grfkit.from_array(points @ axes, HZ),
    ):
        np.testing.assert_array_equal(run.rotation, axes)
        np.testing.assert_allclose(run.points @ run.rotation, points @ axes, atol=1e-4)  # as many decimals in the CSV


def test_rotation_is_that_of_the_study_where_one_says_it(tmp_path, points):
    file = write_trc(tmp_path / "a.trc", markers(points, c3d.axes("+x", "+y")), HZ)
    study = preprocessing(forward="+x", up="+y", points={point: point for point in POINTS}, theia=False)
    np.testing.assert_array_equal(grfkit.read(file, layout=study).rotation, c3d.axes("+x", "+y"))


def test_force_plates_are_looked_for_in_c3d_files_alone(tmp_path, points, monkeypatch):
    """Also where an array is called as a file that is there."""

    def read_plates(path, *_):
        raise ValueError(f"{path} was read")

    monkeypatch.setattr(c3d, "read_plates", read_plates)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.c3d").touch()
    as_csv(tmp_path / "a.csv", points, HZ)
    trc = grfkit.read(write_trc(tmp_path / "a.trc", markers(points, np.eye(3)), HZ))
    for run in (trc, grfkit.read(tmp_path / "a.csv"), grfkit.from_array(points, HZ, name="a.c3d")):
        assert beside_plates.add(run, "steps", "curves", mass_kg=70, vlr="") == ("steps", "curves", "")


def test_a_recording_says_its_names_what_was_found_and_what_is_doubtful(tmp_path, points):
    file = as_csv(tmp_path / "<b>run.csv", points @ c3d.axes("+x", "+y"), HZ)
    run = grfkit.read(file, speed_m_s=9.0)
    assert run.names == POINTS and run.found[0] == "points: by their names" and run.found[2].startswith("up: +y")
    (warning,) = run.warnings
    assert warning.startswith("speed: 9.00 m/s, as given; measured of the pelvis") and warning.endswith("% off")
    title, *lines = repr(run).splitlines()
    assert title == "<b>run.csv: 11 points, 253 frames at 200 Hz, 1.26 s, overground at 9.00 m/s"
    assert lines == [*run.found, f"warning: {warning}"]
    shown = BeautifulSoup(run._repr_html_(), "html.parser")
    assert shown.p.get_text() == title and not shown.find("b")
    assert [item.get_text() for item in shown.find_all("li")] == [*run.found, f"Warning: {warning}"]


def test_a_recording_as_a_table_is_read_again_as_itself(tmp_path, points):
    hidden = points.copy()
    hidden[20:23, 4] = np.nan
    run = grfkit.from_array(hidden @ c3d.axes("-y", "+z"), HZ)
    table = run.to_frame()
    assert list(table) == ["time_s", *INPUTS]
    table.to_csv(tmp_path / "again.csv", index=False)
    again = grfkit.read(tmp_path / "again.csv")
    np.testing.assert_allclose(again.points, run.points, atol=1e-12)
    assert (again.rate_hz, again.start_s, again.treadmill) == (run.rate_hz, 0.0, run.treadmill)
    late = grfkit.read(write_trc(tmp_path / "a.trc", markers(points, np.eye(3)), HZ, start_s=3.21))
    np.testing.assert_allclose(
        late.to_frame()["time_s"].iloc[[0, -1]], [3.21, 3.21 + (len(points) - 1) / HZ], atol=1e-6
    )


@pytest.mark.parametrize(("unit", "factor"), [("m", 1), ("cm", 100), ("mm", 1000)])
def test_from_array_gives_what_the_same_file_gives(tmp_path, points, unit, factor):
    belt = on_belt(points, 3.0)
    array = factor * belt @ c3d.axes("-z", "+y")
    as_csv(tmp_path / "a.csv", array, HZ)
    run, file = grfkit.from_array(array, np.float32(HZ), name="a.csv"), grfkit.read(tmp_path / "a.csv")
    assert run.found == file.found[1:] and f"unit: {unit}," in run.found[0]  # the names of the columns are not said
    assert (run.treadmill, run.file.name, run.rate_hz) == (file.treadmill, "a.csv", HZ) and run.treadmill
    assert run.speed_m_s == pytest.approx(file.speed_m_s, abs=1e-3)
    np.testing.assert_allclose(run.points, file.points, atol=1e-4)


def test_from_array_keeps_what_it_is_given_as_it_is(points):
    array = points.astype(np.float32)
    array.flags.writeable = False
    before = array.copy()
    run = grfkit.from_array(array, HZ)
    np.testing.assert_array_equal(array, before)
    np.testing.assert_allclose(grfkit.from_array(array.tolist(), HZ).points, run.points)


@pytest.mark.parametrize(
    ("change", "given", "message"),
    [
        (lambda points: points.reshape(len(points), 33), {}, r"\(F, 11, 3\).*pelvis.*found \(\d+, 33\) at 200"),
        (lambda points: np.moveaxis(points, 0, 2), {}, r"found \(11, 3, \d+\).*put frames first"),
        (lambda points: points[:, :10], {}, r"found \(\d+, 10, 3\)"),
        (lambda points: points[:40], {}, "A recording must show all points for at least 0.7 s"),
        (lambda points: points[:, [0, *range(6, 11), *range(1, 6)]], {}, "Left points must be on the left"),
        (lambda points: points, {"rate_hz": None}, "at None Hz"),
        (
            lambda points: points,
            {"rate_hz": "100"},
            "rate_hz must be a number from 20 to 2000 frames a second; found '100'",
        ),
        (lambda points: points, {"treadmill": "no"}, "treadmill must be True or False; found 'no'"),
        (lambda points: points, {"speed_m_s": 350}, "speed_m_s must be a number from 0.5 to 12 m/s; found 350"),
    ],
)
def test_from_array_says_what_it_cannot_use(points, change, given, message):
    with pytest.raises(ValueError, match=message):
        grfkit.from_array(change(points), **{"rate_hz": HZ} | given)


def test_read_refuses_what_no_runner_does(tmp_path, points):
    file = as_csv(tmp_path / "a.csv", points, HZ)
    with pytest.raises(ValueError, match="treadmill must be True or False; found 'yes'"):
        grfkit.read(file, treadmill="yes")
    with pytest.raises(ValueError, match="speed_m_s must be a number"):
        grfkit.read(file, speed_m_s=np.nan)
    assert grfkit.read(file, treadmill=np.bool_(False)).treadmill is False
    assert isinstance(grfkit.read(file).to_frame(), pd.DataFrame)
