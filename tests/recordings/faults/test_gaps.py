"""Held and straight-filled gaps are missing, whatever the rounding; rests, rounding and standing are none."""

from dataclasses import replace

import ezc3d
import numpy as np
import pandas as pd
import pytest
from helpers import CASES, on_belt, preprocessing, refused_file, virtual_run, write_points
from scipy.interpolate import CubicSpline

from grfkit.points import POINTS
from grfkit.recordings import c3d, csv_points, discover, landmarks, read
from grfkit.recordings import trials as recordings
from grfkit.recordings.faults import gaps

ROUNDINGS = {
    "as it is": lambda x: x,
    "single precision": lambda x: x.astype(np.float32).astype(float),
    ".01 mm": lambda x: np.round(x, 5),
    ".1 mm": lambda x: np.round(x, 4),
    "1 mm": lambda x: np.round(x, 3),
}
FILLS = {
    "held": lambda cells: cells.ffill(),
    "held backwards": lambda cells: cells.bfill(),
    "held to the middle": lambda cells: cells.interpolate("nearest"),
    "straight": lambda cells: cells.interpolate(),
}
KNEE = POINTS.index("l_knee")


@pytest.fixture(scope="module")
def filmed():
    """A virtual runner as cameras see him, with jitter: points (125, 11, 3) m at 100 Hz."""
    points, rate_hz, *_ = csv_points.read_csv(CASES / "00_reference" / "reference.csv")
    return points, rate_hz


def filled(points, point, first, count, how):
    """Fill a gap of one point as pandas does."""
    cells = pd.DataFrame(points[:, point])
    cells.iloc[first : first + count] = np.nan
    return np.concatenate([points[:, :point], FILLS[how](cells).to_numpy()[:, None], points[:, point + 1 :]], axis=1)


def assert_missing(points, rate_hz, gap):
    """Check that the frames of a gap {point: slice}, and no others, are blanked; the rest stays bit for bit."""
    found = gaps.blank_fills(points, rate_hz)
    expected = points.copy()
    for point, frames in gap.items():
        expected[frames, point] = np.nan
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("how", FILLS)
@pytest.mark.parametrize("point", ["pelvis", "r_hip", "l_knee", "l_ankle", "r_heel", "l_toe"])
def test_blank_fills_finds_what_pandas_filled_and_nothing_else(filmed, how, point, rounding):
    points, rate_hz = filmed
    number = POINTS.index(point)
    for first in (15, 70):
        broken = ROUNDINGS[rounding](filled(points, number, first, 20, how))
        lost = np.isnan(gaps.blank_fills(broken, rate_hz)).all(axis=2)
        assert lost[first + 1 : first + 19, number].all() and not np.delete(lost, number, axis=1).any()
        assert lost[:, number].sum() <= 22  # beside the gap a frame may lie on the line to the rounding by chance


@pytest.mark.parametrize("how", ["held", "held backwards", "straight"])
@pytest.mark.parametrize("count", [3, 4, 6, 10, 15, 30])
def test_blank_fills_gives_what_empty_cells_give(filmed, how, count):
    points, rate_hz = filmed
    for first in range(40, 44):
        assert_missing(filled(points, KNEE, first, count, how), rate_hz, {KNEE: slice(first, first + count)})


def test_blank_fills_finds_a_place_held_at_the_start_and_at_the_end(filmed):
    points, rate_hz = filmed
    broken = points.copy()
    broken[:12, KNEE], broken[110:, 0] = broken[12, KNEE], broken[109, 0]
    assert_missing(broken, rate_hz, {KNEE: slice(0, 12), 0: slice(110, None)})


@pytest.mark.parametrize("value", [-999, -9.999, -1, 1e6])
@pytest.mark.parametrize("first", [0, 40, 115])
def test_blank_fills_takes_a_number_that_stands_for_missing_as_missing_in_each_frame(filmed, value, first):
    points, rate_hz = filmed
    broken = points.copy()
    broken[first : first + 10, [0, KNEE]] = value
    assert_missing(broken, rate_hz, {0: slice(first, first + 10), KNEE: slice(first, first + 10)})


def test_blank_fills_finds_several_points_and_a_frozen_stream(filmed):
    points, rate_hz = filmed
    broken = points.copy()
    broken[50:62, 1:6] = broken[49, 1:6]  # a leg
    assert_missing(broken, rate_hz, dict.fromkeys(range(1, 6), slice(50, 62)))
    broken = points.copy()
    broken[50:62] = broken[49]
    assert_missing(broken, rate_hz, dict.fromkeys(range(11), slice(50, 62)))


@pytest.mark.parametrize("first", [30, 50, 80])
def test_blank_fills_finds_a_frozen_stream_in_mm(filmed, first):
    """So slow a point could be that rests for .12 s, but not one that jumps then."""
    broken = np.round(filmed[0], 3)
    broken[first : first + 12] = broken[first - 1]
    lost = np.isnan(gaps.blank_fills(broken, filmed[1])).all(axis=2)
    assert lost[first + 1 : first + 11].any(axis=1).all() and lost[first + 1 : first + 11].sum(axis=1).min() > 5


def test_blank_fills_finds_gaps_in_two_dimensions_and_leaves_the_third(filmed):
    points, rate_hz = filmed
    flat = points * [1, 0, 1]
    assert gaps.blank_fills(flat, rate_hz) is flat
    assert_missing(filled(flat, KNEE, 40, 15, "held"), rate_hz, {KNEE: slice(40, 55)})


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("hz", [50, 100, 200, 1000])
@pytest.mark.parametrize("number", range(4))
def test_blank_fills_leaves_planted_feet_that_rest_exactly(number, hz, rounding):
    """A simulated foot rests exactly for .2 s, on a belt on a line; rounding makes everything slow rest."""
    points = virtual_run(number, hz=hz)[0]
    for moved in (points, points - 3.5 * (np.arange(len(points)) / hz)[:, None, None] * [1, 0, 0]):
        rounded = ROUNDINGS[rounding](moved)
        assert gaps.blank_fills(rounded, hz) is rounded


def test_blank_fills_leaves_somebody_who_stands_and_then_runs():
    points = on_belt(virtual_run(1)[0], 3.6)
    rng = np.random.default_rng(1)
    still = points[:1] + 3e-4 * rng.standard_normal((400, 11, 3))
    for decimals in (5, 4, 3, 2):
        stands = np.round(still, decimals)
        assert gaps.blank_fills(stands, 200) is stands
    assert gaps.blank_fills(np.repeat(points[:1], 50, axis=0), 200).shape == (50, 11, 3)


def test_blank_fills_takes_whatever_shape_comes():
    for points in (np.empty((0, 11, 3)), np.zeros((1, 11, 3)), np.full((50, 11, 3), np.nan), np.zeros((50, 1, 3))):
        np.testing.assert_array_equal(gaps.blank_fills(points, 100), points)


def test_blank_fills_finds_nothing_in_real_recordings(rbds, plates, theia_export):
    markers = [rbds / "RBDS001" / "RBDS001runT25.c3d", plates / "JA1Gait21.c3d", plates / "Running_0002.c3d"]
    for file in markers:
        content = ezc3d.c3d(str(file))
        points = content["data"]["points"][:3].transpose(2, 1, 0) / 1000
        points[(points == 0).all(axis=2)] = np.nan
        assert gaps.blank_fills(points, content["parameters"]["POINT"]["RATE"]["value"][0]) is points
    walk = c3d.read(theia_export, forward="+x", up="+z", plates=[])
    points = landmarks.from_theia(walk.poses, walk.offsets)
    assert gaps.blank_fills(points, walk.pose_hz) is points


@pytest.mark.parametrize(("name", "hz"), [("RBDS023", 60), ("RBDS018", 60), ("RBDS025", 60), ("RBDS026", 50)])
def test_blank_fills_leaves_a_real_foot_on_a_belt_that_is_rounded_at_few_frames(rbds, name, hz):
    """At a tenth of a mm a planted toe goes on a line for three steps, now and then."""
    settings = preprocessing("rbds")
    table = recordings.read_trials(rbds, table="rbds")
    trial = next(table[table["file"] == f"{name}/{name}runT25.c3d"].itertuples())
    recording, points = read.load_trial(trial, rbds, {}, settings)
    times = np.arange(1500) / recording.point_hz
    rounded = np.round(CubicSpline(times, points[:1500])(np.arange(0, times[-1], 1 / hz)), 4)
    assert gaps.blank_fills(rounded, hz) is rounded


def test_blank_zeros_blanks_what_lacks_a_coordinate_or_is_at_the_origin():
    points = np.array([[[0.0, 0, 0], [1, np.nan, 2], [0, 0, 1]]])
    np.testing.assert_array_equal(gaps.blank_zeros(points), [[[np.nan] * 3, [np.nan] * 3, [0, 0, 1]]])


def test_read_takes_a_held_gap_for_an_empty_one_and_says_so():
    held, empty = (discover.read(CASES / "02_held_gap" / f"{name}.csv") for name in ("held", "empty"))
    np.testing.assert_array_equal(held.points, empty.points)
    assert held.speed_m_s == empty.speed_m_s
    said = [note.text for note in held.notes if note not in empty.notes]
    assert said == ["treated as missing, because held or filled in by a straight line: l_ankle in 15 frames"]


def test_read_names_a_point_that_is_held_all_the_time(filmed, tmp_path):
    points, rate_hz = filmed
    broken = points.copy()
    broken[:, 5] = broken[0, 5]
    write_points(tmp_path / "a.csv", broken, times=np.arange(len(points)) / rate_hz)
    assert "l_toe never is" in refused_file(tmp_path / "a.csv")


def test_load_trial_leaves_a_held_marker_out_of_its_cluster(rbds, monkeypatch):
    """The other markers of the shank carry it on; with the held one the ankle would follow it by centimetres."""
    settings = preprocessing("rbds")
    table = recordings.read_trials(rbds, table="rbds")
    trial = next(table[table["file"] == "RBDS001/RBDS001runT35.c3d"].itertuples())
    recording, whole = read.load_trial(trial, rbds, {}, settings)
    assert gaps.in_markers(recording.points, recording.point_hz) is recording.points
    lost, held = settings.clusters.segments["l_shank"][0], slice(300, 330)
    places = recording.points[lost].copy()
    places[held] = places[299]
    plain, broken = c3d.read, replace(recording, points=recording.points | {lost: places})
    monkeypatch.setattr(c3d, "read", lambda path, **how: broken if path.name in trial.file else plain(path, **how))
    points = read.load_trial(trial, rbds, {}, settings)[1]
    frames = np.arange(len(points))
    beside = (frames < 300) | (frames >= 330)
    np.testing.assert_allclose(points[beside], whole[beside], atol=1e-12)  # poses are iterated all together
    assert np.abs(points[held] - whole[held]).max() < 0.01  # m; three markers of four, which move on the skin
    monkeypatch.setattr(gaps, "in_markers", lambda markers, rate_hz: markers)
    assert np.abs(read.load_trial(trial, rbds, {}, settings)[1][held] - whole[held]).max() > 0.03
