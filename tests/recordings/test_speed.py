"""Speeds of runner, foot and belt, and inclines, from points made by hand and of a virtual runner."""

import numpy as np
import pytest
from helpers import HZ, on_belt

from grfkit.recordings import speed


def test_path_velocity_takes_the_first_and_the_last_frame_seen():
    place = np.arange(50)[:, None] * [0.02, -0.01, 5.0]
    place[[0, 1, 20, 49]] = np.nan
    np.testing.assert_allclose(speed.path_velocity(place, 100), [2.0, -1.0])
    assert np.isfinite(speed.path_velocity(place, 100, shortest_s=0.45)).all()  # frames 2 to 48
    assert np.isnan(speed.path_velocity(place, 100, shortest_s=0.46)).all()
    assert np.isnan(speed.path_velocity(np.full((5, 3), np.nan), 100)).all()


@pytest.mark.parametrize(("degrees", "said"), [(6, "goes up"), (-6, "goes down"), (0, None)])
@pytest.mark.parametrize("treadmill", [False, True])
def test_slope_note_says_that_an_incline_is_not_handled(run, degrees, said, treadmill):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    points = (on_belt(*run) if treadmill else run[0]) @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]]).T
    notes = speed.slope_note(points, HZ, treadmill=treadmill)
    assert (said in notes[0].text and "not handled" in notes[0].text and notes[0].is_warning) if said else not notes


def test_planted_velocity_is_the_belts_by_construction():
    """A foot is flat and still for a third of each second and swings forward for the rest; the belt goes -3 m/s."""
    time = np.arange(400) / 100
    points = np.zeros((400, 11, 3))
    for foot, shift in ((4, 0.0), (9, 0.5)):
        phase = (time + shift) % 1
        along = np.where(phase < 1 / 3, -3 * phase, -1 + 1.5 * (phase - 1 / 3))
        lift = np.where(phase < 1 / 3, 0, 0.2 * np.sin(1.5 * np.pi * (phase - 1 / 3)))
        points[:, foot : foot + 2] = np.stack([along, 0 * along, lift], axis=1)[:, None]
    np.testing.assert_allclose(speed.planted_velocity(points, 100), [-3, 0], atol=1e-9)
