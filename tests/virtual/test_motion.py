"""The movement obeys Newton's laws, and the force the two-mass model."""

import numpy as np
import pytest

from grfkit.points import GRAVITY
from grfkit.virtual.motion import impact_peak, integrate

RATE = 1000


def weighed(motion):
    """Sum the segments by mass -> (T, 3) m."""
    return np.einsum("s,tsc->tc", motion.segment_mass, motion.segment_com) / motion.segment_mass.sum()


def test_simulate_obeys_newtons_second_law(simulated):
    runner, motion = simulated
    centre = weighed(motion)
    acceleration = (centre[2:] - 2 * centre[1:-1] + centre[:-2]) * RATE**2
    force = motion.force.sum(axis=0)[1:-1] - [0, 0, runner.mass_kg * GRAVITY]
    residual = runner.mass_kg * acceleration - force
    # rounding of a position of 5 m is 1e-15 m, times rate^2: 1e-9 m/s2
    assert np.abs(residual).max() < 1e-6 * runner.mass_kg * GRAVITY
    assert runner.mass_kg == pytest.approx(motion.segment_mass.sum())


def test_simulate_changes_momentum_by_the_impulse(simulated):
    runner, motion = simulated
    velocity = np.diff(weighed(motion), axis=0) * RATE
    for _, touchdown, toeoff in motion.contacts[1:3]:
        first, last = touchdown - 20, toeoff + 20
        impulse = (motion.force.sum(axis=0)[first + 1 : last + 1] - [0, 0, runner.mass_kg * GRAVITY]).sum(axis=0) / RATE
        np.testing.assert_allclose(runner.mass_kg * (velocity[last] - velocity[first]), impulse, atol=1e-6)


def test_simulate_flies_along_a_parabola(simulated):
    _, motion = simulated
    for (_, _, toeoff), (_, touchdown, _) in zip(motion.contacts[:-1], motion.contacts[1:], strict=True):
        time = np.arange(touchdown - toeoff + 1) / RATE
        flight = weighed(motion)[toeoff : touchdown + 1]
        start = (flight[-1] - flight[0]) / time[-1] + [0, 0, GRAVITY * time[-1] / 2]
        fall = np.outer(time**2, [0, 0, -GRAVITY / 2])
        np.testing.assert_allclose(flight, flight[0] + np.outer(time, start) + fall, atol=1e-9)
        assert time[-1] > 0.04


def test_simulate_balances_braking_and_propulsion(simulated):
    runner, motion = simulated
    for side, touchdown, toeoff in motion.contacts:
        force = motion.force[side, touchdown : toeoff + 1]
        gained = force[:, 0].sum() / RATE / runner.mass_kg  # m/s, from one flight to the next
        assert abs(gained) < 2 * 2.2 * 0.022  # two draws of `surge`, which is cut off at 2.2 SD
        assert force[:, 0].argmin() < force[:, 0].argmax()  # braking first
        np.testing.assert_allclose(force[[0, -1]], 0, atol=1e-9)
        assert np.abs(np.diff(force, axis=0)).max() < 0.15 * runner.mass_kg * GRAVITY  # no jumps: BW in a millisecond


def test_simulate_pushes_each_foot_inwards(simulated):
    _, motion = simulated
    for side, touchdown, toeoff in motion.contacts:
        inward = motion.force[side, touchdown:toeoff, 1].sum() * (1 if side else -1)
        assert inward > 0


def test_simulate_carries_body_weight_over_a_stride(simulated):
    runner, motion = simulated
    middle = [(touchdown + toeoff) / 2 for _, touchdown, toeoff in motion.contacts]
    impulse = sum(motion.force[side, first : last + 1, 2].sum() for side, first, last in motion.contacts[1:3]) / RATE
    two_steps = (middle[3] - middle[0]) * 2 / 3 / RATE
    assert impulse == pytest.approx(runner.mass_kg * GRAVITY * two_steps, rel=0.01)  # steps differ by some ms


def test_integrate_is_stoermers_rule_literally():
    acceleration = np.random.default_rng(0).normal(size=(50, 3))
    position = integrate(acceleration, 100, span=30, mean_velocity=[1, 2, 3])
    literal = list(position[:2])
    for step in acceleration[1:-1]:
        literal.append(2 * literal[-1] - literal[-2] + step / 100**2)
    np.testing.assert_allclose(position, literal, atol=1e-12)
    np.testing.assert_allclose((position[30] - position[0]) / 0.3, [1, 2, 3], atol=1e-12)


def test_impact_peak_is_clarks_formula():
    # F1 = m1 (v / t + g) over 2 t; a raised cosine's peak is twice its mean. 8 % of mass stopped from 1.5 m/s in 30 ms:
    peak = impact_peak({"limb_speed": 1.5, "limb_time": 0.03})
    assert peak == pytest.approx(2 * 0.08 * (50 + 9.81) / 9.81)
