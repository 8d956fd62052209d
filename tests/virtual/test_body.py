"""Legs and feet move as a runner's: rigid segments, planted feet, bent knees, no jumps."""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from grfkit.points import GRAVITY, POINTS
from grfkit.virtual import body
from grfkit.virtual.motion import SHEAR, SHEAR_S

RATE = 1000


def test_simulate_keeps_segment_lengths(simulated):
    runner, motion = simulated
    at = {name: motion.points[:, index] for index, name in enumerate(POINTS)}
    for side in "lr":
        for segment, ends in {"thigh": ("hip", "knee"), "shank": ("knee", "ankle"), "foot": ("heel", "toe")}.items():
            length = np.linalg.norm(at[f"{side}_{ends[0]}"] - at[f"{side}_{ends[1]}"], axis=1)
            np.testing.assert_allclose(length, body.BODY[segment] * runner.height_m, atol=1e-9)
        for ends in (("ankle", "heel"), ("ankle", "toe")):
            assert np.ptp(np.linalg.norm(at[f"{side}_{ends[0]}"] - at[f"{side}_{ends[1]}"], axis=1)) < 1e-9
    for joint in ("l_hip", "r_hip"):
        assert np.ptp(np.linalg.norm(at["pelvis"] - at[joint], axis=1)) < 1e-9


def test_simulate_holds_planted_feet_but_for_their_shear(simulated):
    runner, motion = simulated
    push = gaussian_filter1d(motion.force[..., :2], SHEAR_S * RATE, axis=1) / runner.mass_kg / GRAVITY
    for side, touchdown, toeoff in motion.contacts[1:3]:
        for end, point in enumerate((5 * side + 4, 5 * side + 5)):
            held = np.flatnonzero(motion.planted[side, touchdown : toeoff + 1, end]) + touchdown
            place = motion.points[held, point]
            assert np.ptp(place[:, :2] - SHEAR * push[side, held], axis=0).max() < 1e-9
            assert np.ptp(place[:, 2]) < 1e-9 and np.ptp(place[:, :2], axis=0).max() < 0.02  # m, to and fro
            assert len(held) > 0.25 * (toeoff - touchdown)
    assert motion.points[:, :, 2].min() > 0


def test_simulate_bends_knees_forward_like_a_runner(simulated):
    _, motion = simulated
    for side, hip, knee, ankle in ((0, 1, 2, 3), (1, 6, 7, 8)):
        thigh, shank = motion.points[:, knee] - motion.points[:, hip], motion.points[:, ankle] - motion.points[:, knee]
        lengths = np.linalg.norm(thigh, axis=1) * np.linalg.norm(shank, axis=1)
        flexion = np.degrees(np.arccos((thigh * shank).sum(axis=1) / lengths))
        assert (thigh[:, 0] * shank[:, 2] - thigh[:, 2] * shank[:, 0]).max() < 0  # the shank points backwards
        _, touchdown, toeoff = next(contact for contact in motion.contacts if contact[0] == side)
        assert 35 < flexion[touchdown:toeoff].max() < 65 and 80 < flexion.max() < 120 and flexion.min() > 10


def test_simulate_moves_points_smoothly(simulated):
    _, motion = simulated
    acceleration = np.diff(motion.points, n=2, axis=0) * RATE**2
    assert np.abs(np.diff(acceleration, axis=0)).max() < 90  # m/s2 in 1 ms; velocity jumps of 0.09 m/s break it
