"""Reading a C3D file: axes, units, signs and missing points, against files written here and files of other laboratories."""

import ezc3d
import numpy as np
import pytest

from grfkit import c3d


def write(path, points, *, units="mm", labels=("a", "b")):
    """Write a C3D file with points (3, P, F)."""
    file = ezc3d.c3d()
    file["parameters"]["POINT"]["RATE"]["value"] = [100]
    file["parameters"]["POINT"]["LABELS"]["value"] = list(labels)
    file["parameters"]["POINT"]["UNITS"]["value"] = [units]
    file["data"]["points"] = np.concatenate([points, np.ones((1, *points.shape[1:]))])
    file.write(str(path))
    return path


@pytest.mark.parametrize("forward", ["+x", "-x", "+y", "-y", "+z", "-z"])
@pytest.mark.parametrize("up", ["+x", "-x", "+y", "-y", "+z", "-z"])
def test_axes_are_a_rotation_or_an_error(forward, up):
    if forward[1] == up[1]:
        with pytest.raises(ValueError, match="different axes"):
            c3d.axes(forward, up)
        return
    rotation = c3d.axes(forward, up)
    np.testing.assert_array_equal(rotation @ rotation.T, np.eye(3))
    assert np.linalg.det(rotation) == 1  # left stays left


@pytest.mark.parametrize(("units", "factor"), [("mm", 0.001), ("m", 1.0), ("cm", 0.01)])
def test_read_turns_points_into_metres_and_runner_axes(tmp_path, units, factor):
    values = np.random.default_rng(1).normal(size=(3, 2, 5))
    recording = c3d.read(write(tmp_path / "a.c3d", values, units=units), forward="-y", up="+z")
    forward, left, up = -values[1], values[0], values[2]  # facing -y with z up, left is +x
    expected = np.stack([forward, left, up], axis=-1)[0] * factor
    np.testing.assert_allclose(recording.points["a"], expected, rtol=1e-6)  # the file stores single precision


def test_read_takes_zeros_and_nan_for_missing(tmp_path):
    values = np.ones((3, 2, 5))
    values[:, 0, 1], values[:, 1, 2] = 0, np.nan
    recording = c3d.read(write(tmp_path / "a.c3d", values), forward="+x", up="+z")
    assert np.isnan(recording.points["a"]).all(axis=1).tolist() == [False, True, False, False, False]
    assert np.isnan(recording.points["b"]).all(axis=1).tolist() == [False, False, True, False, False]


def test_read_refuses_an_unknown_unit(tmp_path):
    with pytest.raises(ValueError, match="says 'furlong'"):
        c3d.read(write(tmp_path / "a.c3d", np.ones((3, 2, 5)), units="furlong"), forward="+x", up="+z")


def test_read_refuses_what_is_missing_or_no_c3d(tmp_path):
    with pytest.raises(ValueError, match="does not exist"):
        c3d.read(tmp_path / "none.c3d", forward="+x", up="+z")
    (tmp_path / "text.c3d").write_text("this is no C3D file" * 100, encoding="utf-8")
    with pytest.raises(ValueError, match="text.c3d cannot be read"):
        c3d.read(tmp_path / "text.c3d", forward="+x", up="+z")


def test_read_gives_the_forces_of_another_tool(plates):
    """walking5 against OpenSim's extraction, which took every 50th ms, in the file's own axes, N."""
    recording = c3d.read(plates / "walking5.c3d", forward="+x", up="+z")
    lines = (plates / "std_walking5_grfs.sto").read_text(encoding="utf-8").splitlines()
    start = lines.index("endheader")
    names, values = lines[start + 1].split(), np.array([line.split() for line in lines[start + 2:]], float)
    frames = np.round(values[:, 0] * recording.force_hz).astype(int)
    for number, plate in enumerate(recording.plates[:2], start=1):
        expected = values[:, [names.index(f"f{number}_{axis}") for axis in (1, 2, 3)]]
        np.testing.assert_allclose(plate.force[frames], expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("offset_n", [-100, 0, 100])
def test_plate_force_points_up_whatever_the_files_sign_and_offset(sign, offset_n):
    """One stance of 0.23 s in 5 s of recording: the offset outweighs the foot in the mean."""
    force = np.zeros((3, 5000))
    force[2, 2000:2230] = 1700 * np.sin(np.linspace(0, np.pi, 230))
    raw = {"force": sign * force + offset_n, "center_of_pressure": force, "corners": np.zeros((3, 4)), "unit_force": "N", "unit_position": "mm"}
    plate = c3d._plate(raw, np.eye(3))
    np.testing.assert_allclose(plate.force[:, 2], force[2] + sign * offset_n)
    with pytest.raises(ValueError, match="the force plate says 'lb'"):
        c3d._plate(raw | {"unit_force": "lb"}, np.eye(3))


def test_read_gives_upward_forces_whatever_the_sign_of_the_file(plates):
    """Overground running at 3.1 m/s on a Kistler plate of type 3: one stance, in newtons."""
    recording = c3d.read(plates / "Running_0002.c3d", forward="+y", up="+z")
    loaded = max(recording.plates, key=lambda plate: plate.force[:, 2].max())
    assert 1000 < loaded.force[:, 2].max() < 3000 and loaded.force[:, 2].min() > -50
