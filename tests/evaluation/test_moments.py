"""Moments of ankle and knee: levers by hand, free pendulums, and a slow literal version with point masses."""

import numpy as np
import pytest
from helpers import STANDING_LEG, force_of_a_step, swing_accelerations, swinging_leg

from grfkit.evaluation import moments as joint_moments
from grfkit.evaluation.moments import LEG
from grfkit.points import GRAVITY, POINTS, SEGMENTS, mirrored
from grfkit.virtual.motion import simulate
from grfkit.virtual.runners import draw_deviates, draw_runner, draw_style, rng_of

UP = np.array([0.0, 0.0, 1.0])


def at_rest(points):
    return np.zeros_like(points)


def turned(vectors, angle):
    """Turn vectors (..., 3) about the vertical."""
    c, s = np.cos(angle), np.sin(angle)
    return vectors @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])


def literal(points, times, force, cop, sex, free=0.0):
    """Compute moments by slow Newton-Euler: every segment as two point masses, momenta differentiated numerically.

    The foot comes first, then its reaction on the shank.
    `free` is a moment (N m/kg) about the vertical by which the ground twists the foot. Returns the
    moments of ankle and knee, (T, 3).
    """
    rate, moments, on_foot = 1 / (times[1] - times[0]), [], None
    knee, ankle, heel, toe = np.moveaxis(points, 1, 0)
    for name, joint, start, end, beyond in (("foot", ankle, heel, toe, None), ("shank", knee, knee, ankle, ankle)):
        mass, centre, radius = SEGMENTS[sex][name]
        middle, momentum, spin = start + centre * (end - start), 0, 0
        for share in (centre - radius, centre + radius):
            place = start + share * (end - start)
            speed = np.gradient(place, axis=0) * rate
            momentum = momentum + mass / 2 * speed
            spin = spin + mass / 2 * np.cross(place - middle, speed - np.gradient(middle, axis=0) * rate)
        outside = GRAVITY * force if on_foot is None else -on_foot  # on the shank acts what the foot resists
        where = cop if on_foot is None else beyond
        reaction = np.gradient(momentum, axis=0) * rate + mass * GRAVITY * UP - outside
        moment = (
            np.gradient(spin, axis=0) * rate - np.cross(where - middle, outside) - np.cross(joint - middle, reaction)
        )
        moment = moment - free * UP if on_foot is None else moment + moments[-1]
        moments.append(moment)
        on_foot = reaction
    return moments


@pytest.mark.parametrize("sex", "mf")
def test_moments_of_a_standing_foot_are_lever_times_force(sex):
    (foot, of_foot, _), (shank, of_shank, _) = SEGMENTS[sex]["foot"], SEGMENTS[sex]["shank"]
    force, cop = np.array([0.0, 0.0, 1.0]), np.array([0.10, 0.1, 0.0])
    values = joint_moments.named(*joint_moments.moments(STANDING_LEG, at_rest(STANDING_LEG), force, cop, sex=sex), "l")
    weight_of_foot = foot * (-0.05 + of_foot * 0.20)  # mass share times how far its centre lies before the ankle
    plantar = GRAVITY * (0.10 * 1.0 - weight_of_foot)  # the force pushes the toes up, the foot's weight pulls them down
    flexing = (
        (0.10 - 0.02) - (weight_of_foot - foot * 0.02) - shank * of_shank * -0.02
    )  # before the knee the force stretches it
    np.testing.assert_allclose(values, [plantar, -GRAVITY * flexing, 0.0], atol=1e-12)


def test_moments_names_follow_what_muscles_must_do():
    behind_knee = STANDING_LEG + [[0.15, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]]  # flexed: the knee is before the force
    force, forefoot = np.array([0.0, 0.0, 2.0]), np.array([0.1, 0.1, 0.0])
    values = joint_moments.named(
        *joint_moments.moments(behind_knee, at_rest(STANDING_LEG), force, forefoot, sex="m"), "l"
    )
    assert values[0] > 1 and values[1] > 1  # calf and thigh hold
    for side, inside in (
        ("l", -0.03),
        ("r", 0.03),
    ):  # towards the middle of the body, so that the shank is pushed inward
        values = joint_moments.named(
            *joint_moments.moments(STANDING_LEG, at_rest(STANDING_LEG), force, forefoot + [0, inside, 0], sex="m"), side
        )
        assert values[2] == pytest.approx(2 * GRAVITY * 0.03, rel=0.02)


@pytest.mark.parametrize("angle", [0.0, 0.7, 2.0])
def test_moments_of_a_pendulum_that_swings_freely_are_nothing(angle):
    """Foot and shank in one line hang from the knee: a compound pendulum, in any vertical plane, angle and speed."""
    reach, length, foot_length = [], 0.4, 0.22
    for name, begins, long in (("shank", 0.0, length), ("foot", length, foot_length)):
        mass, centre, radius = SEGMENTS["f"][name]
        reach.append((mass * (begins + centre * long), mass * ((begins + centre * long) ** 2 + (radius * long) ** 2)))
    arm, inertia = np.sum(reach, axis=0)
    theta, speed = np.linspace(-1.2, 1.5, 7), np.linspace(4.0, -6.0, 7)
    faster = -GRAVITY * arm / inertia * np.sin(theta)
    along = turned(np.stack([np.sin(theta), 0 * theta, -np.cos(theta)], axis=1), angle)
    across = turned(np.stack([np.cos(theta), 0 * theta, np.sin(theta)], axis=1), angle)
    from_knee = np.array([0.0, length, length, length + foot_length])[:, None]
    points = [1.0, 0.2, 1.0] + along[:, None] * from_knee
    accelerations = (across * faster[:, None] - along * speed[:, None] ** 2)[:, None] * from_knee
    ankle, knee = joint_moments.moments(points, accelerations, np.zeros((7, 3)), np.full((7, 3), np.nan), sex="f")
    np.testing.assert_allclose(knee, 0, atol=1e-12)
    assert np.abs(ankle).max() > 1e-3  # of two rods that swing as one the joint between them is held


@pytest.mark.parametrize("sex", "mf")
def test_moments_equal_point_masses_segment_by_segment(sex):
    times = np.arange(0, 0.25, 1e-4)
    force, cop = force_of_a_step(times)
    ours = joint_moments.moments(swinging_leg(times), swing_accelerations(times), force, cop, sex=sex)
    for one, other in zip(ours, literal(swinging_leg(times), times, force, cop, sex), strict=True):
        np.testing.assert_allclose(
            one[5:-5], other[5:-5], atol=1e-5
        )  # central differences of .1 ms: error h^2 x jerk, here 1e-6


def test_moments_lack_the_ground_twist_about_the_vertical_alone():
    times = np.arange(0, 0.25, 1e-4)
    force, cop = force_of_a_step(times)
    ours = joint_moments.moments(swinging_leg(times), swing_accelerations(times), force, cop, sex="m")
    for one, other in zip(ours, literal(swinging_leg(times), times, force, cop, "m", free=0.3), strict=True):
        np.testing.assert_allclose((one - other)[5:-5], np.broadcast_to([0, 0, 0.3], one[5:-5].shape), atol=1e-5)


def test_moments_turn_with_the_laboratory_and_do_not_know_its_origin():
    times, shift = np.arange(0, 0.25, 1e-2), np.array([3.0, -2.0, 0.0])
    force, cop = force_of_a_step(times)
    first = joint_moments.moments(swinging_leg(times), swing_accelerations(times), force, cop, sex="m")
    moved = joint_moments.moments(swinging_leg(times) + shift, swing_accelerations(times), force, cop + shift, sex="m")
    round_about = joint_moments.moments(
        *(turned(values, 1.1) for values in (swinging_leg(times), swing_accelerations(times), force, cop)), sex="m"
    )
    for one, other, third in zip(first, moved, round_about, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)
        np.testing.assert_allclose(turned(one, 1.1), third, atol=1e-12)


def test_named_moments_are_those_of_the_mirrored_leg():
    times, mirror = np.arange(0, 0.25, 1e-2), [1, -1, 1]
    points, accelerations = np.zeros((2, len(times), 11, 3))
    mine = [POINTS.index(f"r_{name}") for name in LEG]
    points[:, mine], accelerations[:, mine] = swinging_leg(times), swing_accelerations(times)
    force, cop = force_of_a_step(times)
    right = joint_moments.moments(
        joint_moments.leg(points, "r"), joint_moments.leg(accelerations, "r"), force, cop, sex="m"
    )
    left = joint_moments.moments(
        joint_moments.leg(mirrored(points), "l"),
        joint_moments.leg(mirrored(accelerations), "l"),
        force * mirror,
        cop * mirror,
        sex="m",
    )
    np.testing.assert_allclose(joint_moments.named(*right, "r"), joint_moments.named(*left, "l"), atol=1e-12)


def test_moments_take_a_centre_on_the_ground_and_none_without_force():
    times = np.arange(0, 0.25, 1e-2)
    force, cop = force_of_a_step(times)
    known = joint_moments.moments(swinging_leg(times), swing_accelerations(times), force, cop, sex="m")
    np.testing.assert_array_equal(
        known, joint_moments.moments(swinging_leg(times), swing_accelerations(times), force, cop[:, :2], sex="m")
    )
    force[:5], cop[:5] = 0.0, np.nan
    assert np.isfinite(
        joint_moments.moments(swinging_leg(times), swing_accelerations(times), force, cop, sex="m")
    ).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"force": lambda value: value * 60 * 9.81}, r"body weights; found values up to 1,4.*divide by mass_kg"),
        ({"force": lambda value: value.T}, "Force is.*found.*Transpose"),
        ({"points": lambda value: np.swapaxes(value, 1, 2)}, "Points of a leg.*found"),
        ({"points": lambda value: 1000 * value}, r"From knee to ankle.*found 4\d\d.*in m"),
        ({"accelerations": lambda value: value[:-1]}, "accelerations are.*found"),
        (
            {"accelerations": lambda value: np.where(np.arange(len(value))[:, None, None] == 3, np.nan, value)},
            "0, 12 and 0 are NaN",
        ),
        (
            {"cop": lambda value: np.where(np.arange(len(value))[:, None] == 3, np.nan, value)},
            "1 moments have a force without one",
        ),
        ({"sex": lambda value: ""}, "m and f; found ''.*trials"),
    ],
)
def test_moments_say_what_is_wrong(change, said):
    times = np.arange(0, 0.25, 1e-2)
    given = dict(
        zip(
            ("points", "accelerations", "force", "cop", "sex"),
            (swinging_leg(times), swing_accelerations(times), *force_of_a_step(times), "m"),
            strict=True,
        )
    )
    with pytest.raises(ValueError, match=said):
        joint_moments.moments(**{name: change.get(name, lambda value: value)(value) for name, value in given.items()})


def test_leg_says_what_is_wrong():
    with pytest.raises(ValueError, match="l or r; found 'left'"):
        joint_moments.leg(np.zeros((5, 11, 3)), "left")
    with pytest.raises(ValueError, match="AP, ML, V last; found \\(5, 3, 11\\)"):
        joint_moments.leg(np.zeros((5, 3, 11)), "l")


@pytest.mark.parametrize("number", range(4))
def test_moments_of_virtual_runners_are_a_runners_and_balance_their_own_segments(number):
    """Their segments' centres of mass are the laboratory's own; how the segments turn is added from their angles."""
    runner, rng = draw_runner(rng_of(7, number), "mf"[number % 2]), rng_of(8, number)
    style = draw_style(runner, draw_deviates(rng), rng, lap=0)
    motion = simulate(runner, style, first_side=0, rate_hz=1000, plates=False)
    side, first, end = motion.contacts[1]
    rows, moved = slice(first, end), np.gradient(np.gradient(motion.points, axis=0), axis=0) * 1000**2
    points, push = joint_moments.leg(motion.points[rows], "lr"[side]), motion.force[side, rows] / runner.mass_kg
    values = joint_moments.moments(
        points, joint_moments.leg(moved[rows], "lr"[side]), push / GRAVITY, motion.cop[side, rows], sex=runner.sex
    )
    peak = joint_moments.named(*values, "lr"[side]).max(axis=0)
    assert 1.0 < peak[0] < 4.5 and 1.0 < peak[1] < 5.0  # running; a virtual leg is no real one
    heavy, knee = [2 + 3 * side, 3 + 3 * side], points[:, 0]
    path = motion.segment_com[:, heavy]
    upward = np.gradient(np.gradient(path, axis=0), axis=0)[rows] * 1000**2 + GRAVITY * UP
    shares = motion.segment_mass[heavy, None] / runner.mass_kg
    by_points = (shares * np.cross(path[rows] - knee[:, None], upward)).sum(axis=1) - np.cross(
        motion.cop[side, rows] - knee, push
    )
    spin = 0  # seen from the side: moment of inertia times angular acceleration about ML, by the segments' angles
    for name, (start, end) in {"foot": (2, 3), "shank": (0, 1)}.items():
        mass, _, radius = SEGMENTS[runner.sex][name]
        line = (
            joint_moments.leg(motion.points, "lr"[side])[:, end]
            - joint_moments.leg(motion.points, "lr"[side])[:, start]
        )
        angle = -np.unwrap(np.arctan2(line[:, 2], line[:, 0]))
        spin = (
            spin
            + mass
            * radius**2
            * (line[rows, 0] ** 2 + line[rows, 2] ** 2)
            * np.gradient(np.gradient(angle, axis=0), axis=0)[rows]
            * 1000**2
        )
    rest = (values[1] - by_points)[:, 1]
    np.testing.assert_allclose(
        rest, spin, atol=2e-3
    )  # of .13 to .18: seen from the side, a segment's length hardly changes
