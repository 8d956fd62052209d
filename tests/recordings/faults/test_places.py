"""Two of the 11 points in one place, and points relative to the hips, are refused by name; real ones are not."""

from types import SimpleNamespace

import numpy as np
import pytest
from helpers import CASES, on_belt, preprocessing, refused_file, virtual_run, write_points

from grfkit.field import estimate
from grfkit.points import POINTS, InputError
from grfkit.recordings import c3d, csv_points, landmarks, read, trials
from grfkit.recordings.faults import places
from grfkit.virtual.cameras_plates import write_c3d

HIPS = [POINTS.index("l_hip"), POINTS.index("r_hip")]


@pytest.fixture(scope="module")
def overground():
    return virtual_run(2)[0]


def on_plates(path, points):
    """Write points as C3D with three plates that nobody steps on."""
    write_c3d(path, points, np.zeros((24, 5 * len(points))), camera_hz=200, plate_hz=1000)
    return path


def same(points, one, two, frames=slice(None)):
    changed = points.copy()
    changed[frames, POINTS.index(two)] = changed[frames, POINTS.index(one)]
    return changed


def centred(points, kind):
    """Give points relative to the pelvis or to the middle of the hips, as pose estimators do."""
    return points - (points[:, :1] if kind == "pelvis" else points[:, HIPS].mean(axis=1, keepdims=True))


@pytest.mark.parametrize("pair", [("l_ankle", "l_heel"), ("l_knee", "r_knee"), ("pelvis", "l_hip"), ("l_toe", "r_toe")])
def test_check_names_two_points_in_one_place(overground, pair):
    for frames in (slice(None), slice(0, 200)):
        with pytest.raises(InputError, match=f"{pair[0]} and {pair[1]} are the same, in (100|7[0-9]) %"):
            places.check(same(overground, *pair, frames))
    places.check(same(overground, *pair, slice(0, 60)))  # a quarter of a second: feet that pass may seem so
    jitter = 5e-4 * np.random.default_rng(1).standard_normal(overground[:, 0].shape)
    near = same(overground, *pair)
    near[:, POINTS.index(pair[1])] += jitter  # tracked twice
    with pytest.raises(InputError, match="are the same"):
        places.check(near)


def test_a_csv_file_a_c3d_file_an_array_and_a_study_are_refused_alike(overground, tmp_path):
    words = "l_ankle and l_heel are the same"
    assert words in refused_file(CASES / "23_heel_is_the_ankle" / "run.csv")
    points, rate_hz, *_ = csv_points.read_csv(CASES / "23_heel_is_the_ankle" / "run.csv")
    with pytest.raises(InputError, match=words):
        estimate.estimate_recording(None, "a", points, rate_hz, 3.6)
    file = on_plates(tmp_path / "a.c3d", same(overground, "l_ankle", "l_heel"))
    assert words in refused_file(file)
    trial = SimpleNamespace(file="a.c3d", static="")
    with pytest.raises(InputError, match=words):
        read.load_trial(trial, tmp_path, {}, preprocessing("smoke"))
    on_plates(tmp_path / "b.c3d", overground)
    settings = preprocessing("smoke")
    settings = settings.model_copy(update={"points": settings.points | {"l_heel": "l_ankle"}})
    with pytest.raises(InputError, match=words):
        read.load_trial(SimpleNamespace(file="b.c3d", static=""), tmp_path, {}, settings)


@pytest.mark.parametrize("kind", ["pelvis", "hips"])
@pytest.mark.parametrize("treadmill", [False, True])
def test_points_relative_to_the_hips_are_called_that(overground, tmp_path, kind, treadmill):
    points = centred(on_belt(overground, 3.6) if treadmill else overground, kind)
    with pytest.raises(InputError, match="relative to the hips .hip-centred.*pelvis"):
        places.check(points)
    for unit, shift in ((1, 0.0), (1000, 0.0), (1, 0.7)):  # at the origin, where it is taken for missing, or beside it
        message = refused_file(write_points(tmp_path / "a.csv", unit * (points + shift)))
        assert "hip-centred" in message and "include the motion of the pelvis" in message
    assert "hip-centred" in refused_file(on_plates(tmp_path / "a.c3d", points))
    with pytest.raises(InputError, match="hip-centred"):
        estimate.estimate_recording(None, "a", points, 200, 3.6)
    named = points.copy()
    named[:, 0] = 0.0  # the middle of the hips is not quite the pelvis: in every frame it is 0, 0, 0
    assert "hip-centred" in refused_file(write_points(tmp_path / "a.csv", named))


@pytest.mark.parametrize("who", [[0], HIPS])
def test_check_names_points_above_the_place_of_the_hips(overground, who):
    """Their way is taken away on the ground alone, as some programs do; heights stay."""
    points = overground - overground[:, who].mean(axis=1, keepdims=True) * [1, 1, 0]
    for turned in (points, points[:, :, [1, 2, 0]], 1000 * points):
        with pytest.raises(InputError, match="hip-centred"):
            places.check(turned)


def test_check_takes_short_pieces_of_real_runners_on_a_treadmill(rbds):
    settings = preprocessing("rbds")
    for name in ("RBDS002", "RBDS020"):
        table = trials.read_trials(rbds, table="rbds")
        for trial in table[table["file"].str.startswith(name)].itertuples():
            points = read.load_trial(trial, rbds, {}, settings)[1]
            for first in range(0, len(points) - 120, 60):
                places.check(points[first : first + 120])


def test_check_takes_runners_on_ground_and_belt_and_somebody_who_stands(overground):
    for number in range(6):
        points = virtual_run(number)[0]
        for each in (points, on_belt(points, 3.6), 1000 * points, np.repeat(points[:1], 50, axis=0)):
            places.check(each)
    places.check(np.empty((0, 11, 3)))
    places.check(np.full((30, 11, 3), np.nan))


def test_check_takes_real_points(rbds, theia_export):
    settings = preprocessing("rbds")
    trial = SimpleNamespace(file="RBDS002/RBDS002runT25.c3d", static="RBDS002/RBDS002static.c3d")
    points = read.load_trial(trial, rbds, {}, settings)[1]
    spread = np.nanstd(points[:, 0], axis=0)
    assert 0.015 < np.linalg.norm(spread) < 0.1  # m: on a belt the pelvis stays, but for this
    walk = c3d.read(theia_export, forward="+x", up="+z", plates=[])
    places.check(landmarks.from_theia(walk.poses, walk.offsets))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_points_of_one_camera_are_called_that(overground, tmp_path, axis):
    """Sports2D writes the depth of each marker as one number, which may differ from marker to marker."""
    order = np.roll([0, 2, 1], axis)  # the sideways axis comes last, then first, then second
    flat = overground.copy()
    flat[:, :, 1] = np.linspace(-0.1, 0.1, len(POINTS))
    said = refused_file(write_points(tmp_path / "run.csv", flat[..., order]))
    assert f"none moves along the axis {'xyz'[list(order).index(1)]}" in said and "Sports2D" in said
    with pytest.raises(InputError, match="from one camera"):
        places.check(flat)
    flat[:, :, 1] += np.linspace(0, 0.05, len(flat))[:, None]  # somebody who drifts sideways by 5 cm is in space
    places.check(flat)
