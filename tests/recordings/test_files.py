"""Points and forces of two files become one recording: on one clock, of one place, at one rate."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from helpers import CASES, ROOT, preprocessing, write_mot, write_trc

from grfkit.recordings import c3d, files, read
from grfkit.recordings.trials import TRIAL_COLUMNS, read_trials
from grfkit.stances import cohort, cut
from grfkit.study.schema import StudyError

AXES = {"forward": "+x", "up": "+y"}
TURN = c3d.axes(**AXES)  # rows of AP, ML, V in a file with X forward, Y up, Z right
REFERENCE = CASES / "00_reference" / "reference.c3d"
CORNERS = np.array([[-5.0, -1, 0], [-1, -1, 0], [-1, 1, 0], [-5, 1, 0]])


@pytest.fixture(scope="module")
def reference():
    """One virtual run over two plates, as its C3D file has it."""
    return c3d.read(REFERENCE, forward="+x", up="+z")


def as_pair(folder, recording, *, start_s=0.0, forces_start_s=0.0, feet=slice(None), **names):
    """Write a recording as OpenSim's pair of files, whose clock begins at `start_s` for the points."""
    write_trc(
        folder / "run.trc",
        {name: xyz @ TURN for name, xyz in recording.points.items()},
        recording.point_hz,
        start_s=start_s,
    )
    felt = [(plate.force @ TURN, plate.cop @ TURN) for plate in recording.plates[feet]]
    write_mot(folder / "run.mot", felt, recording.force_hz, start_s=forces_start_s, **names)
    return folder / "run.trc", folder / "run.mot"


def test_a_pair_of_files_gives_the_stances_of_the_c3d_file(reference, tmp_path):
    """To the six digits of a TRC file; plates without corners are not checked for a foot beyond them."""
    as_pair(tmp_path, reference)
    settings = preprocessing("smoke", points_cutoff_hz=None)
    found = {}
    for kind, up, trial in (
        ("c3d", "+z", SimpleNamespace(file=REFERENCE.name, static="")),
        ("pair", "+y", SimpleNamespace(file="run.trc", static="", forces="run.mot", forces_start_s=np.nan)),
    ):
        folder = REFERENCE.parent if kind == "c3d" else tmp_path
        recording, points = read.load_trial(trial, folder, {}, settings.model_copy(update={"up": up}))
        found[kind] = cut.cut(recording, points, settings, mass_kg=56.5, speed_m_s=3.646)
    assert len(found["c3d"]) == 2
    for (side, at, one), (other_side, other_at, other) in zip(found["c3d"], found["pair"], strict=True):
        assert (side, at) == (other_side, pytest.approx(other_at))
        np.testing.assert_allclose(other.force, one.force, atol=1e-6)
        np.testing.assert_allclose(other.points, one.points, atol=1e-7)
        assert (other.toeoff_s, other.weighed_s) == (pytest.approx(one.toeoff_s), pytest.approx(one.weighed_s))


@pytest.mark.parametrize("late_s", [0.0, 0.1, -0.1, 0.0123, -0.00037, 0.25])
def test_points_and_forces_begin_at_one_moment_on_the_clock_of_both(tmp_path, late_s):
    """Of a force and points that are known at any time: linear between samples errs by (w / hz)^2 / 8 of it."""
    hz, rate_hz, w = 1000.0, 100.0, 2 * np.pi * 2
    times, felt_at = 0.5 + np.arange(200) / rate_hz, 0.5 + late_s + np.arange(1500) / hz
    force = np.stack([0 * felt_at, 800 + 500 * np.sin(w * felt_at), 0 * felt_at], axis=1)
    place = np.stack([felt_at, 0 * felt_at, 0 * felt_at], axis=1)
    marker = np.stack([times, 0.5 + 0 * times, 0 * times], axis=1)
    markers = {name: marker + [0, height, 0] for name, height in zip("abcde", (0, 0.3, 0.6, 0.9, 1.2), strict=True)}
    write_trc(tmp_path / "a.trc", markers, rate_hz, start_s=0.5)
    write_mot(tmp_path / "a.mot", [(force, place)], hz, start_s=0.5 + late_s)
    found = files.read_trial(tmp_path / "a.trc", tmp_path / "a.mot", **AXES)
    now = found.points["a"][:, 0]  # the marker is where the clock stands
    assert now[0] == pytest.approx(0.5 + np.ceil(max(late_s, 0) * rate_hz - 0.01) / rate_hz)
    assert found.start_s == pytest.approx(now[0], abs=1e-5)
    at = now[0] + np.arange(len(found.plates[0].force)) / hz
    # times are written to a millionth of a second, and a shift under a hundredth of a sample is none
    np.testing.assert_allclose(found.plates[0].force[:, 2], 800 + 500 * np.sin(w * at), atol=500 * w * 1.2e-5 + 0.02)
    np.testing.assert_allclose(found.plates[0].cop[:, 0], at, atol=1.1e-5)
    other = files.read_trial(tmp_path / "a.trc", tmp_path / "a.mot", forces_start_s=0.3, **AXES)
    assert other.points["a"][0, 0] == pytest.approx(0.8)  # what is said wins
    assert other.plates[0].force[0, 2] == pytest.approx(force[0, 1], abs=0.1)


FAULTS = {
    "no overlap": ({"forces_start_s": 100.0}, {}, "forces of run.mot begin 100.00 s after its first frame"),
    "another clock": ({"start_s": 0.5}, {}, "equally long, 1.25 s, but begin at 0.500 and 0.000 s: one of them"),
    "said so that they do not overlap": ({}, {"forces_start_s": -3.0}, "begin -3.00 s after its first frame"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_read_trial_names_files_that_do_not_belong_together(reference, tmp_path, fault):
    written, given, message = FAULTS[fault]
    if fault == "no overlap":
        reference = replace(reference, points={name: xyz[:100] for name, xyz in reference.points.items()})
    with pytest.raises(ValueError, match=message):
        files.read_trial(*as_pair(tmp_path, reference, **written), **given, **AXES)


def test_read_trial_names_forces_at_a_lower_rate_than_the_points(reference, tmp_path):
    slow = [replace(plate, force=plate.force[::20], cop=plate.cop[::20]) for plate in reference.plates]
    with pytest.raises(
        ValueError, match="run.trc has 100 frames a second, but run.mot only 50: they are of two recordings"
    ):
        files.read_trial(*as_pair(tmp_path, replace(reference, plates=slow, force_hz=50.0)), **AXES)


@pytest.mark.parametrize("factor", [1000.0, 100.0])
def test_read_trial_names_centres_of_pressure_in_another_unit(reference, tmp_path, factor):
    other = [replace(plate, cop=plate.cop * factor) for plate in reference.plates]
    with pytest.raises(ValueError, match="centre of pressure of run.mot is .* m from the nearest marker of run.trc"):
        files.read_trial(*as_pair(tmp_path, replace(reference, plates=other)), **AXES)


def test_read_trial_names_a_file_of_the_wrong_kind(reference, tmp_path):
    points, forces = as_pair(tmp_path, reference)
    with pytest.raises(ValueError, match="must name a file with points; run.mot has none"):
        files.read_trial(forces, forces, **AXES)
    with pytest.raises(ValueError, match="must name a file with forces; run.trc has none"):
        files.read_trial(points, points, **AXES)
    with pytest.raises(ValueError, match="does not exist"):
        files.read_trial(points, tmp_path / "other.mot", **AXES)


def with_poses(reference):
    """Take the points of a recording as the origins of segments, as Theia3D's file beside that of the plates."""
    poses = {
        name: np.concatenate([np.tile(np.eye(3), (len(xyz), 1, 1)), xyz[..., None]], axis=2)
        for name, xyz in reference.points.items()
    }
    return c3d.Recording({}, float("nan"), [], float("nan"), poses, reference.point_hz)


def test_plates_of_another_c3d_file_stand_beside_poses(reference, monkeypatch):
    """The camera system's C3D beside Theia3D's: without times in the files they begin at once and are equally long."""
    theirs = {"pose.c3d": with_poses(reference), "cameras.c3d": reference}
    monkeypatch.setattr(files, "read", lambda path, **options: theirs[path.name])
    both = [SimpleNamespace(name=name) for name in theirs]
    found = files.read_trial(*both, **AXES)
    assert found.poses.keys() == reference.points.keys() and found.force_hz == reference.force_hz
    for plate, own in zip(found.plates, reference.plates, strict=True):
        np.testing.assert_array_equal(plate.force, own.force)
        np.testing.assert_array_equal(plate.corners, own.corners)
    longer = [
        replace(plate, force=np.tile(plate.force, (2, 1)), cop=np.tile(plate.cop, (2, 1)), saturated=None)
        for plate in reference.plates
    ]
    theirs["cameras.c3d"] = replace(reference, plates=longer)
    with pytest.raises(
        ValueError, match="must begin together and be equally long; pose.c3d has 1.25 s, but cameras.c3d has 2.50 s"
    ):
        files.read_trial(*both, **AXES)
    late = files.read_trial(*both, forces_start_s=-1.25, **AXES)  # the second half of the plates' file
    np.testing.assert_array_equal(late.plates[0].force, reference.plates[0].force)
    later = files.read_trial(*both, forces_start_s=0.2, **AXES)
    np.testing.assert_array_equal(later.poses["pelvis"], found.poses["pelvis"][20:])


def test_at_rate_keeps_what_lies_below_the_new_rate(reference):
    times = np.arange(4000) / 2000
    force = np.stack([50 * np.sin(2 * np.pi * 5 * times), 0 * times, 900 + 600 * np.sin(2 * np.pi * 3 * times)], axis=1)
    noise = 100 * np.sin(2 * np.pi * 790 * times)[:, None]  # would fold back to 110 Hz
    cop = np.tile([0.3, -0.1, 0.0], (len(times), 1))
    plate = c3d.Plate(force + noise, cop, CORNERS, 1, saturated=times > 1.5)
    found = files.at_rate(c3d.Recording({}, 100.0, [plate], 2000.0), 300.0)
    (slow,), at = found.plates, np.arange(600) / 300
    inside = slice(30, -30)  # a filter needs its surroundings
    expected = np.stack([50 * np.sin(2 * np.pi * 5 * at), 0 * at, 900 + 600 * np.sin(2 * np.pi * 3 * at)], axis=1)
    assert (found.force_hz, len(slow.force)) == (300.0, 600)
    np.testing.assert_allclose(slow.force[inside], expected[inside], atol=0.3)
    np.testing.assert_allclose(slow.cop[inside], cop[:540], atol=1e-9)
    np.testing.assert_array_equal(slow.saturated, at > 1.5)
    assert files.at_rate(reference, None) is reference and files.at_rate(reference, reference.force_hz) is reference
    with pytest.raises(
        ValueError, match="brought to one rate, `force_hz: 5000`, so none may have a lower one; here they have 1000 Hz"
    ):
        files.at_rate(reference, 5000.0)


def table(folder, **columns):
    row = ["run.trc", "P1", "56.5", "1.7", "f", "3.646", "A", "0", "1", ""]
    pd.DataFrame([row], columns=TRIAL_COLUMNS).assign(**columns).to_csv(folder / "trials.csv", index=False)
    return read_trials(folder, table="trials.csv")


def test_read_trials_knows_the_file_of_the_forces_and_when_it_begins(reference, tmp_path):
    as_pair(tmp_path, reference)
    (trial,) = table(tmp_path).itertuples()
    assert not hasattr(trial, "forces")
    (trial,) = table(tmp_path, forces="").itertuples()
    assert trial.forces == "" and np.isnan(trial.forces_start_s)
    (trial,) = table(tmp_path, forces="run.mot", forces_start_s="0,25").itertuples()
    assert (trial.forces, trial.forces_start_s) == ("run.mot", 0.25)
    for columns, message in (
        ({"forces": "none.mot"}, "1 of 2 do not: none.mot"),
        ({"forces": "run.mot", "forces_start_s": "soon"}, "found 'soon' for run.trc. Correct it"),
        ({"forces_start_s": "0.1"}, "found '0.1' for run.trc, which names no `forces`"),
    ):
        with pytest.raises(StudyError, match=message):
            table(tmp_path, **columns)


def test_a_study_of_opensims_files_is_cut_and_one_without_forces_is_told_of_the_column(reference, tmp_path):
    as_pair(tmp_path, reference)
    settings = preprocessing("smoke", up="+y", points_cutoff_hz=None)
    trials = table(tmp_path, forces="run.mot")
    stances, *_ = cohort.collect(trials, tmp_path, tmp_path / "results", settings, engine="here")
    assert stances["side"].tolist() == ["l", "r"] and stances["file"].unique().tolist() == ["run.trc"]
    with pytest.raises(ValueError, match="has none. Export forces .* or name the file .* column `forces`"):
        cohort.collect(table(tmp_path), tmp_path, tmp_path / "results", settings, engine="here")


def test_cut_names_the_foot_that_a_treadmill_lacks(hamner):
    """Read from the columns of one foot, as if the file had no others; the names of the columns say which it is."""
    settings = preprocessing("hamner")
    trials = read_trials(hamner, table=ROOT / "params" / "hamner_trials.csv")
    trial = next(each for each in trials.itertuples() if each.file == "subject01/Run_3.trc")
    recording, points = read.load_trial(trial, hamner, {}, settings)
    runner = {"mass_kg": trial.mass_kg, "speed_m_s": trial.speed_m_s}
    assert {side for side, *_ in cut.cut(recording, points, settings, **runner)} == {"l", "r"}
    for number, foot in ((1, "right"), (2, "left")):
        alone, points = read.load_trial(trial, hamner, {}, settings.model_copy(update={"plates": [number]}))
        with pytest.raises(ValueError, match=f"On a treadmill both feet step .* steps are of the {foot} foot"):
            cut.cut(alone, points, settings, **runner)
        silent = [replace(plate, force=plate.force * (plate.number == number)) for plate in recording.plates]
        with pytest.raises(ValueError, match=f"all .* steps are of the {foot} foot"):  # its columns hold zeros
            cut.cut(replace(recording, plates=silent), points, settings, **runner)


@pytest.mark.parametrize("late_s", [0.0, 0.004, -0.004, 0.0033, -0.0066])
def test_on_cameras_clock_moves_force_and_centre_of_pressure_alone(late_s):
    """In closed form: what the plates measured at t stands at t + late_s; at one end a sample is held."""
    times, centre = np.arange(600) / 300, np.array([0.1, -0.2, 0.0])
    force, cop = _pushed(times), centre + 0.02 * np.sin(9 * times)[:, None]
    flags = times > 1
    plate = c3d.Plate(force, cop, np.zeros((4, 3)), 1, flags)
    recording = c3d.Recording({"pelvis": np.zeros((300, 3))}, 150.0, [plate], 300.0)
    moved = files.on_cameras_clock(recording, late_s)
    assert moved.points is recording.points and len(moved.plates[0].force) == 600
    inside = slice(5, -5)
    np.testing.assert_allclose(moved.plates[0].force[inside], _pushed(times - late_s)[inside], atol=0.05)
    sways = centre + 0.02 * np.sin(9 * (times - late_s))[:, None]
    np.testing.assert_allclose(moved.plates[0].cop[inside], sways[inside], atol=1e-5)
    assert np.isfinite(moved.plates[0].force).all() and moved.plates[0].number == 1
    assert np.argmax(moved.plates[0].saturated) == np.argmax(flags) + round(300 * late_s)
    if late_s == 0:
        assert moved is recording
    assert files.on_cameras_clock(plain := replace(recording, plates=[]), late_s) is plain


def _pushed(times):
    """A force (T, 3) N that is never zero."""
    return np.stack([100 * np.sin(20 * times), 30 * np.cos(15 * times), 900 + 600 * np.sin(20 * times)], axis=1)
