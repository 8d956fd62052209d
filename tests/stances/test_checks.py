"""The checks of one stance and the lag of one recording, on motions made by hand."""

import numpy as np
import pytest

from grfkit.points import FEET
from grfkit.recordings import plates as force_plates
from grfkit.stances import checks


def test_check_speed_reads_the_belt_under_the_planted_foot():
    points = np.zeros((90, 11, 3))
    points[:, FEET["l"], 0] = -3.5 * np.arange(90)[:, None] / 300
    checks.check_speed(points, "l", 300, 3.5, treadmill=True, speed_off=0.01)
    with pytest.raises(checks.Excluded, match="speed more than"):
        checks.check_speed(points, "l", 300, 4.5, treadmill=True, speed_off=0.15)
    with pytest.raises(checks.Excluded, match="against"):
        checks.check_speed(-points, "l", 300, 3.5, treadmill=True, speed_off=0.15)


@pytest.mark.parametrize("late_s", [-0.08, -0.02, 0.0, 0.02, 0.08])
def test_lag_finds_a_planted_one(late_s):
    """A pelvis that moves as mass times acceleration says, and is filmed late; the force of 30 steps in 11 s."""
    time = np.arange(11000) / 1000
    force = 1500 * np.clip(np.sin(2 * np.pi * (time - 0.4) / 0.68), 0, None)
    spans = force_plates.contacts(force, threshold_n=10, rate_hz=1000)[1:-1]

    def pelvis(at):  # the steady part of the twice-integrated force: its first two harmonics
        swing = 2 * np.pi / 0.68
        phase = swing * (at - late_s - 0.4)
        return -1500 / 70 * (0.5 * np.sin(phase) / swing**2 - 2 / (3 * np.pi) * np.cos(2 * phase) / (2 * swing) ** 2)

    assert checks.lag(force, 1000, pelvis, spans) == pytest.approx(late_s, abs=0.003)
    assert np.isnan(checks.lag(force, 1000, pelvis, []))
