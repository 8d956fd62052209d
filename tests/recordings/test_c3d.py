"""Reading a C3D file: axes, units, signs and missing points, of files written here and of other laboratories."""

import ezc3d
import hypothesis
import numpy as np
import pytest
from hypothesis import strategies
from scipy.spatial.transform import Rotation

from grfkit.points import POINTS
from grfkit.recordings import c3d, landmarks
from grfkit.virtual import cameras_plates


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


def test_read_numbers_the_points_of_one_name(tmp_path):
    values = np.arange(45, dtype=float).reshape(3, 3, 5) + 1
    points = c3d.read(
        write(tmp_path / "a.c3d", values, units="m", labels=("a", "b", "a")), forward="+x", up="+z"
    ).points
    assert list(points) == ["a#1", "b", "a#2"]
    np.testing.assert_allclose(points["a#2"], values[:, 2].T)


def test_read_refuses_an_unknown_unit(tmp_path):
    with pytest.raises(ValueError, match="has 'furlong'"):
        c3d.read(write(tmp_path / "a.c3d", np.ones((3, 2, 5)), units="furlong"), forward="+x", up="+z")


def test_read_refuses_what_is_missing_or_no_c3d(tmp_path):
    with pytest.raises(ValueError, match="does not exist"):
        c3d.read(tmp_path / "none.c3d", forward="+x", up="+z")
    (tmp_path / "text.c3d").write_text("this is no C3D file" * 100, encoding="utf-8")
    with pytest.raises(ValueError, match="text.c3d cannot be read"):
        c3d.read(tmp_path / "text.c3d", forward="+x", up="+z")


def table(path):
    """Read a table of OpenSim: the names of its columns and its values (T, C)."""
    lines = path.read_text(encoding="utf-8").splitlines()
    start = lines.index("endheader")
    return lines[start + 1].split(), np.array([line.split() for line in lines[start + 2 :]], float)


def test_read_gives_the_forces_of_another_tool(plates):
    """walking5 against OpenSim's extraction, which took every 50th ms, in the file's own axes, N."""
    recording = c3d.read(plates / "walking5.c3d", forward="+x", up="+z")
    names, values = table(plates / "std_walking5_grfs.sto")
    frames = np.round(values[:, 0] * recording.force_hz).astype(int)
    for number, plate in enumerate(recording.plates[:2], start=1):
        expected = values[:, [names.index(f"f{number}_{axis}") for axis in (1, 2, 3)]]
        np.testing.assert_allclose(plate.force[frames], expected, atol=1e-4 * np.abs(expected).max())


def plate(force, cop, corners):
    return c3d._plate(1, 0.001, force, cop, corners, np.eye(3))


SQUARE = np.array([[500.0, 400, 0], [0, 400, 0], [0, 0, 0], [500, 0, 0]])


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("offset_n", [-100, 0, 100])
def test_plate_force_points_up_whatever_the_files_sign_and_offset(sign, offset_n):
    """One stance of 0.23 s in 5 s of recording: the offset outweighs the foot in the mean."""
    force = np.zeros((5000, 3))
    force[2000:2230, 2] = 1700 * np.sin(np.linspace(0, np.pi, 230))
    read = plate(sign * force + offset_n, force, SQUARE)
    np.testing.assert_allclose(read.force[:, 2], force[:, 2] + sign * offset_n)
    glitch = sign * force + offset_n
    glitch[4000, 2] = -sign * 9000  # one sample
    np.testing.assert_allclose(plate(glitch, force, SQUARE).force[2000:2230, 2], force[2000:2230, 2] + sign * offset_n)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda corners: corners * 1e15,
        lambda corners: corners * 0,
        lambda corners: corners * np.nan,
        lambda corners: corners * 100,
        lambda corners: corners[[0, 2, 1, 3]],
        lambda corners: corners + [[0, 0, 0], [0, 0, 0], [-300, 0, 0], [-300, 0, 0]],
    ],
)
def test_plate_refuses_corners_that_no_plate_has(spoil):
    force = np.zeros((9, 3))
    plate(force, force, SQUARE + 0.4)
    with pytest.raises(ValueError, match="is a rectangle with edges of 0.1 to 30 m; the corners of force plate 1 are"):
        plate(force, force, spoil(SQUARE))


def test_plate_refuses_forces_that_are_no_numbers():
    force = np.zeros((9, 3))
    force[4] = np.inf
    with pytest.raises(ValueError, match="force plate 1 has 3 that are not"):
        plate(force, force, SQUARE)


def write_plate(path, kind, axes, middle, force, at, *, sign, up):
    """Write a plate of type 1 to 4, on which a force (T, 3) N acts `at` (3,) m.

    The columns of `axes` are its x, y, z in the file; `middle` is in m.

    As the C3D manual says: corner 1 lies at +x +y, 2 at -x +y, 3 at -x -y, 4 at +x -y of the plate's own axes; the
    moments of types 2 and 4 are about its centre, whose depth is 0 here.
    """
    local = sign * force @ axes
    px, py, _ = axes.T @ (at - middle)
    moment = np.cross([px, py, 0], local)
    if kind == 1:
        channels = np.column_stack([local, np.tile([px, py], (len(local), 1)), np.zeros(len(local))])
    elif kind == 3:  # four sensors at +-a, +-b: fx12 fx34 fy14 fy23 fz1..4 (1 at +x +y, counted as the corners)
        a, b = 0.12, 0.2
        corner = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
        vertical = local[:, 2:] * (1 + corner[:, 0] * px / a) * (1 + corner[:, 1] * py / b) / 4
        channels = np.column_stack([local[:, [0, 0]] / 2, local[:, [1, 1]] / 2, vertical])
    else:
        channels = np.column_stack([local, moment])
    file = ezc3d.c3d()
    file["parameters"]["POINT"]["RATE"]["value"] = [100]
    file["parameters"]["POINT"]["UNITS"]["value"] = ["m"]
    file["parameters"]["POINT"]["LABELS"]["value"] = ["a"]
    file["data"]["points"] = np.ones((4, 1, len(force) // 10))
    file["parameters"]["ANALOG"]["RATE"]["value"] = [1000]
    file["parameters"]["ANALOG"]["LABELS"]["value"] = [f"c{i}" for i in range(channels.shape[1])]
    scale = np.ones((6, 6, 1)) * np.eye(6)[..., None]
    if kind == 4:  # volts: the matrix gives N and N m
        scale, channels = 50 * scale, channels / 50
    file["data"]["analogs"] = channels.T[None]
    signs = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * [0.25, 0.4]
    group = file["parameters"]["FORCE_PLATFORM"]
    for name, value in {
        "USED": [1],
        "TYPE": [kind],
        "ZERO": [0, 0],
        "CORNERS": (middle + signs @ axes[:, :2].T).T[..., None],
        "ORIGIN": np.array([[0.12 if kind == 3 else 0], [0.2 if kind == 3 else 0], [0.0]]),
        "CAL_MATRIX": scale,
        "CHANNEL": np.arange(1, channels.shape[1] + 1)[:, None],
    }.items():
        group[name]["value"] = value
    file.write(str(path))
    return path


@pytest.mark.parametrize("kind", [1, 2, 3, 4])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("forward", "up"), [("+x", "+z"), ("-y", "+z"), ("+z", "+y"), ("-x", "-z"), ("+y", "+x")])
@pytest.mark.parametrize("degrees", [0, 150])
def test_read_gives_the_planted_force_of_each_type_of_plate(tmp_path, kind, sign, forward, up, degrees):
    rotation = c3d.axes(forward, up)
    time = np.linspace(0, 1, 200)
    force = np.column_stack(
        [-200 * np.sin(2 * np.pi * time), 60 * np.sin(np.pi * time), 1500 * np.sin(np.pi * time) + 100]
    )  # runner axes
    # x and y in the floor, z down, turned about the vertical; in the file's axes
    axes = rotation.T @ Rotation.from_euler("z", degrees, degrees=True).as_matrix() @ np.diag([1.0, -1, -1])
    middle, at = np.array([1.0, 0.5, 0.0]), np.array([1.06, 0.42, 0.0])
    path = write_plate(
        tmp_path / "a.c3d", kind, axes, middle @ rotation, force @ rotation, at @ rotation, sign=sign, up=up
    )
    recording = c3d.read(path, forward=forward, up=up)
    np.testing.assert_allclose(recording.plates[0].force, force, atol=1e-3)  # single precision of 1,500 N
    np.testing.assert_allclose(recording.plates[0].cop, np.tile(at, (200, 1)), atol=1e-5)
    assert recording.force_hz == 1000 and recording.point_hz == 100


def test_read_takes_the_plates_that_the_study_names(tmp_path, plates):
    with pytest.raises(ValueError, match="the corners of force plate 2 are"):
        c3d.read(plates / "FP_Type1.c3d", forward="+x", up="+y")  # garbage up to 1e24
    assert len(c3d.read(plates / "FP_Type1.c3d", forward="+x", up="+y", plates=[1]).plates) == 1
    assert c3d.read(plates / "FP_Type1.c3d", forward="+x", up="+y", plates=[]).plates == []
    with pytest.raises(ValueError, match=r"names the force plates \[1, 5\]; the C3D file has 4"):
        c3d.read(plates / "FP_Type1.c3d", forward="+x", up="+y", plates=[1, 5])


def test_read_gives_the_centre_of_pressure_and_the_markers_of_another_tool(plates):
    """walking5 against OpenSim's extraction, in the file's own axes, mm."""
    recording = c3d.read(plates / "walking5.c3d", forward="+x", up="+z")
    names, values = table(plates / "std_cop_walking5_grfs.sto")
    frames = np.round(values[:, 0] * recording.force_hz).astype(int)
    for number, each in enumerate(recording.plates[:2], start=1):
        loaded = np.abs(each.force[frames, 2]) > 20
        expected = values[:, [names.index(f"p{number}_{axis}") for axis in (1, 2, 3)]]
        np.testing.assert_allclose(1000 * each.cop[frames][loaded], expected[loaded], atol=0.01)
        assert loaded.sum() >= 10  # of 90 frames, 50 ms apart
    rows = (plates / "std_walking5_markers.trc").read_text(encoding="utf-8").splitlines()
    names = rows[3].split()[2:]
    values = [np.array((row.split("\t") + [""] * 200)[: 2 + 3 * len(names)]) for row in rows[6:] if row.strip()]
    compared = 0
    for row in values:
        frame = round(float(row[1]) * recording.point_hz)
        for i, name in enumerate(names):
            cell = row[2 + 3 * i : 5 + 3 * i]
            expected = np.array([float(value) if value.strip() else np.nan for value in cell])
            np.testing.assert_allclose(
                1000 * recording.points[name][frame], expected, atol=0.06, err_msg=f"{name} {frame}"
            )  # five digits
            compared += np.isfinite(expected).all()
    assert compared > 1000


@pytest.mark.parametrize(("name", "least_n", "most_n"), [("FP_Type3.c3d", 880, 890), ("JA1Static05.c3d", 730, 760)])
def test_read_gives_the_weight_of_somebody_who_stands(plates, name, least_n, most_n):
    total = sum(plate.force for plate in c3d.read(plates / name, forward="+x", up="+z").plates)
    assert (total[:, 2] > least_n).all() and (total[:, 2] < most_n).all() and np.abs(total[:, :2]).max() < 25


def test_read_of_types_2_and_4_of_one_trial_agree_to_some_newtons(plates):
    two, four = (c3d.read(plates / f"TYPE-{kind}.c3d", forward="+x", up="+z").plates[0].force for kind in (2, 4))
    assert np.abs(two - four).max() < 0.03 * np.abs(two).max() and two[:, 2].max() > 350


def test_turn_brings_any_direction_of_running_to_the_same_recording():
    rng = np.random.default_rng(1)
    plain = c3d.Recording(
        {"a": rng.normal(size=(7, 3))},
        100.0,
        [c3d.Plate(rng.normal(size=(9, 3)), rng.normal(size=(9, 3)), rng.normal(size=(4, 3)))],
        1000.0,
        {"s": rng.normal(size=(7, 3, 4))},
        100.0,
    )
    points, angle = rng.normal(size=(7, 11, 3)), Rotation.from_euler("z", 200, degrees=True).as_matrix()
    turned, _ = c3d.turn(plain, points, angle[0])  # the first row is the direction that becomes AP
    back, there = c3d.turn(*c3d.turn(plain, points, angle[0]), angle[:, 0])
    np.testing.assert_allclose(there, points, atol=1e-12)
    np.testing.assert_allclose(back.poses["s"], plain.poses["s"], atol=1e-12)
    for one, two in zip(
        (back.plates[0].force, back.plates[0].cop, back.plates[0].corners, back.points["a"]),
        (plain.plates[0].force, plain.plates[0].cop, plain.plates[0].corners, plain.points["a"]),
        strict=True,
    ):
        np.testing.assert_allclose(one, two, atol=1e-12)
    np.testing.assert_allclose(turned.points["a"] @ [1, 0, 0], plain.points["a"] @ angle[0], atol=1e-12)


def export_anew(source, path, *, names, metres):
    """Write a Theia3D export anew with the names of its heels of another year and in another unit; returns its path."""
    file = ezc3d.c3d(str(source))
    if metres:
        file["parameters"]["POINT"]["UNITS"]["value"] = ["m"]
        rotations = file["data"]["rotations"].copy()
        rotations[:3, 3] /= 1000
        file["data"]["rotations"] = rotations
    for old, new in names.items():
        file.add_parameter("THEIA3D", new, np.ravel(file["parameters"]["THEIA3D"][old]["value"]).tolist())
        del file["parameters"]["THEIA3D"][old]
    file.write(str(path))
    return path


def test_read_gives_the_points_of_a_theia_export_of_any_year(tmp_path, theia_export):
    """The real export of 2020, and the same as one of 2025: in metres, with other names of the heels."""
    old = c3d.read(theia_export, forward="+y", up="+z")
    points = landmarks.from_theia(old.poses, old.offsets)
    new = c3d.read(
        export_anew(
            theia_export, tmp_path / "new.c3d", names={"l_heel": "LHEEL_POS", "r_heel": "RHEEL_POS"}, metres=True
        ),
        forward="+y",
        up="+z",
    )
    np.testing.assert_allclose(landmarks.from_theia(new.poses, new.offsets), points, atol=1e-6)
    assert (
        old.pose_hz == 85 and points.shape == (340, 11, 3) and np.isnan(points).any(axis=(1, 2)).sum() == 5
    )  # edge frames
    at = dict(zip(POINTS, np.nanmean(points, axis=0), strict=True))
    for side, left in (("l", 1), ("r", -1)):
        for low, high in (("knee", "hip"), ("ankle", "knee"), ("heel", "ankle"), ("toe", "ankle")):
            assert at[f"{side}_{low}"][2] < at[f"{side}_{high}"][2]
        assert left * (at[f"{side}_hip"] - at["pelvis"])[1] == pytest.approx(0.09, abs=0.03)  # facing +y, left is -x
        assert at[f"{side}_toe"][0] - at[f"{side}_heel"][0] == pytest.approx(
            0.18, abs=0.05
        )  # the toe joint, not the tip
    np.testing.assert_allclose(
        points[:, 0], (points[:, POINTS.index("l_hip")] + points[:, POINTS.index("r_hip")]) / 2, atol=1e-6
    )


def test_read_gives_upward_forces_whatever_the_sign_of_the_file(plates):
    """Overground running at 3.1 m/s on a Kistler plate of type 3: one stance, in newtons."""
    recording = c3d.read(plates / "Running_0002.c3d", forward="+y", up="+z")
    loaded = max(recording.plates, key=lambda plate: plate.force[:, 2].max())
    assert 1000 < loaded.force[:, 2].max() < 3000 and loaded.force[:, 2].min() > -50


SIGNED = ["+x", "-x", "+y", "-y", "+z", "-z"]
AXES = strategies.sampled_from([(forward, up) for forward in SIGNED for up in SIGNED if forward[1] != up[1]])
FEW = hypothesis.settings(max_examples=40, deadline=None, derandomize=True)


@FEW
@hypothesis.given(
    points=strategies.integers(1, 40),
    frames=strategies.integers(1, 12),
    samples=strategies.integers(0, 5),
    axes=AXES,
    rate=strategies.integers(1, 1000),
    unit=strategies.sampled_from(["mm", "cm", "m"]),
    seed=strategies.integers(0, 2**32 - 1),
)
def test_read_gives_back_what_was_written(tmp_path_factory, points, frames, samples, axes, rate, unit, seed):
    """Any number of points, frames and samples, at any whole rate, in any unit and axes, up to single precision."""
    values = np.random.default_rng(seed).uniform(-900, 900, (3, points, frames))
    file, path = ezc3d.c3d(), tmp_path_factory.getbasetemp() / "written.c3d"
    for name, value in (
        ("RATE", [float(rate)]),
        ("UNITS", [unit]),
        ("LABELS", [f"p{number}" for number in range(points)]),
    ):
        file["parameters"]["POINT"][name]["value"] = value
    if samples:
        file["parameters"]["ANALOG"]["RATE"]["value"] = [float(rate * samples)]
        file["parameters"]["ANALOG"]["LABELS"]["value"] = ["emg"]
        file["data"]["analogs"] = np.ones((1, 1, frames * samples))
    file["data"]["points"] = np.concatenate([values, np.ones((1, points, frames))])
    file.write(str(path))
    recording = c3d.read(path, forward=axes[0], up=axes[1])
    expected = np.einsum("ij,jpf->pfi", c3d.axes(*axes), values) * {"mm": 0.001, "cm": 0.01, "m": 1}[unit]
    np.testing.assert_allclose(np.stack(list(recording.points.values())), expected, rtol=1e-6)
    assert list(recording.points) == [f"p{number}" for number in range(points)] and not recording.plates
    assert recording.point_hz == pytest.approx(rate, rel=1e-6)


@FEW
@hypothesis.given(axes=AXES, seed=strategies.integers(0, 2**32 - 1))
def test_read_is_the_same_however_the_laboratory_names_its_axes(tmp_path_factory, axes, seed):
    """A laboratory with other axes files the same run: points and corners are turned, channels as they were."""
    rng, path = np.random.default_rng(seed), tmp_path_factory.getbasetemp() / "turned.c3d"
    cameras_plates.write_c3d(
        path, rng.normal(size=(5, 11, 3)), 100 + rng.normal(size=(24, 10)), camera_hz=100, plate_hz=200
    )
    plain, file = c3d.read(path, forward="+x", up="+z"), ezc3d.c3d(str(path))
    turned = c3d.axes(*axes).T  # from forward, left, up to the axes of that laboratory
    file["data"]["points"][:3] = np.einsum("ij,jpf->ipf", turned, file["data"]["points"][:3])
    corners = file["parameters"]["FORCE_PLATFORM"]["CORNERS"]
    corners["value"] = np.einsum("ij,jcp->icp", turned, corners["value"])
    file.write(str(path))
    other = c3d.read(path, forward=axes[0], up=axes[1])
    for name, xyz in plain.points.items():
        np.testing.assert_allclose(other.points[name], xyz, atol=1e-6)
    assert len(other.plates) == len(plain.plates) == 3
    for one, two in zip(plain.plates, other.plates, strict=True):
        np.testing.assert_allclose(two.force, one.force, atol=1e-3)  # N; up to single precision
        np.testing.assert_allclose(two.cop, one.cop, atol=1e-5)
        np.testing.assert_allclose(two.corners, one.corners, atol=1e-6)


def test_read_refuses_rates_that_ezc3d_divides_wrongly(tmp_path):
    """99.9 and 499.5 Hz of single precision: ezc3d counts 4 samples in a frame, and takes analog values for points."""
    file = ezc3d.c3d()
    file["parameters"]["POINT"]["RATE"]["value"], file["parameters"]["ANALOG"]["RATE"]["value"] = [99.9], [499.5]
    file["parameters"]["POINT"]["LABELS"]["value"], file["parameters"]["ANALOG"]["LABELS"]["value"] = ["a"], ["emg"]
    file["data"]["points"], file["data"]["analogs"] = np.ones((4, 1, 6)), np.zeros((1, 1, 30))
    file.write(str(tmp_path / "a.c3d"))
    with pytest.raises(
        ValueError,
        match="same coordinates to two readers.* different ones in 5 of 6 places.* at rates that are whole numbers",
    ):
        c3d.read(tmp_path / "a.c3d", forward="+x", up="+z")
