"""Moments of ankle and knee: levers by hand, pendulums that need no muscle, and a slow literal version with point masses; and how they are judged."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import ROOT, preprocessing
from matplotlib.figure import Figure
from scipy.stats import pearsonr

from grfkit.evaluation import left_out_runners, moments_accuracy
from grfkit.evaluation import moments as joint_moments
from grfkit.evaluation.field import ground_truth
from grfkit.evaluation.moments import LEG, NAMES
from grfkit.field import motion as point_motion
from grfkit.points import ESTIMATES, GRAVITY, POINTS, SEGMENTS, mirrored
from grfkit.recordings import trials as trials_table
from grfkit.recordings.read import Recorded, read_recorded
from grfkit.reports import run
from grfkit.reports.plots import evaluation as evaluation_plots
from grfkit.stances import cut as cut_stances
from grfkit.study import file as study_file
from grfkit.study import store
from grfkit.virtual.laboratory import record_study
from grfkit.virtual.motion import simulate
from grfkit.virtual.runners import draw_deviates, draw_runner, draw_style, rng_of

UP = np.array([0.0, 0.0, 1.0])
STANDING = np.array(
    [[0.02, 0.1, 0.5], [0.0, 0.1, 0.1], [-0.05, 0.1, 0.03], [0.15, 0.1, 0.03]]
)  # knee, ankle, heel, toe
FILTER = {"cutoff_hz": None, "max_gap_s": 0.04}


def at_rest(points):
    return np.zeros_like(points)


def turned(vectors, angle):
    """Turn vectors (..., 3) about the vertical."""
    c, s = np.cos(angle), np.sin(angle)
    return vectors @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])


def swing(times):
    """A leg (T, 4, 3) m that moves every way at once, smoothly, its lengths nearly kept."""
    phases = np.arange(12).reshape(4, 3)
    wave = np.sin(7.0 * times[:, None, None] + phases) + 0.3 * np.sin(13.0 * times[:, None, None] + 2 * phases)
    return STANDING + 0.03 * wave


def ground(times):
    """Force (T, 3) BW and centre of pressure (T, 3) m of a step of .25 s."""
    share = times / 0.25
    force = np.stack([-0.3 * np.sin(2 * np.pi * share), 0.08 * np.sin(3 * share), 2.4 * np.sin(np.pi * share)], axis=1)
    return force, np.stack([0.02 + 0.1 * share, 0.09 + 0.01 * share, 0 * share], axis=1)


def literal(points, times, force, cop, sex, free=0.0):
    """Slow Newton-Euler: every segment as two point masses, momenta differentiated numerically, the foot first and its reaction on the shank.

    `free` is a moment (N m/kg) about the vertical by which the ground twists the foot. Returns the moments of ankle and knee, (T, 3).
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


def exact(times):
    """Accelerations of `swing`, by its own formula."""
    phases = np.arange(12).reshape(4, 3)
    return -0.03 * (
        49.0 * np.sin(7.0 * times[:, None, None] + phases)
        + 0.3 * 169.0 * np.sin(13.0 * times[:, None, None] + 2 * phases)
    )


@pytest.mark.parametrize("sex", "mf")
def test_moments_of_a_standing_foot_are_lever_times_force(sex):
    (foot, of_foot, _), (shank, of_shank, _) = SEGMENTS[sex]["foot"], SEGMENTS[sex]["shank"]
    force, cop = np.array([0.0, 0.0, 1.0]), np.array([0.10, 0.1, 0.0])
    values = joint_moments.named(*joint_moments.moments(STANDING, at_rest(STANDING), force, cop, sex=sex), "l")
    weight_of_foot = foot * (-0.05 + of_foot * 0.20)  # mass share times how far its centre lies before the ankle
    plantar = GRAVITY * (0.10 * 1.0 - weight_of_foot)  # the force pushes the toes up, the foot's weight pulls them down
    flexing = (
        (0.10 - 0.02) - (weight_of_foot - foot * 0.02) - shank * of_shank * -0.02
    )  # before the knee the force stretches it
    np.testing.assert_allclose(values, [plantar, -GRAVITY * flexing, 0.0], atol=1e-12)


def test_moments_names_follow_what_muscles_must_do():
    behind_knee = STANDING + [[0.15, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]]  # flexed: the knee is before the force
    force, forefoot = np.array([0.0, 0.0, 2.0]), np.array([0.1, 0.1, 0.0])
    values = joint_moments.named(*joint_moments.moments(behind_knee, at_rest(STANDING), force, forefoot, sex="m"), "l")
    assert values[0] > 1 and values[1] > 1  # calf and thigh hold
    for side, inside in (
        ("l", -0.03),
        ("r", 0.03),
    ):  # towards the middle of the body, so that the shank is pushed inward
        values = joint_moments.named(
            *joint_moments.moments(STANDING, at_rest(STANDING), force, forefoot + [0, inside, 0], sex="m"), side
        )
        assert values[2] == pytest.approx(2 * GRAVITY * 0.03, rel=0.02)


@pytest.mark.parametrize("angle", [0.0, 0.7, 2.0])
def test_moments_of_a_pendulum_that_swings_freely_are_nothing(angle):
    """Foot and shank in one line hang from the knee: a compound pendulum, in any vertical plane, at any angle and speed."""
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
    force, cop = ground(times)
    ours = joint_moments.moments(swing(times), exact(times), force, cop, sex=sex)
    for one, other in zip(ours, literal(swing(times), times, force, cop, sex), strict=True):
        np.testing.assert_allclose(
            one[5:-5], other[5:-5], atol=1e-5
        )  # central differences of .1 ms: error h^2 x jerk, here 1e-6


def test_moments_lack_the_ground_twist_about_the_vertical_alone():
    times = np.arange(0, 0.25, 1e-4)
    force, cop = ground(times)
    ours = joint_moments.moments(swing(times), exact(times), force, cop, sex="m")
    for one, other in zip(ours, literal(swing(times), times, force, cop, "m", free=0.3), strict=True):
        np.testing.assert_allclose((one - other)[5:-5], np.broadcast_to([0, 0, 0.3], one[5:-5].shape), atol=1e-5)


def test_moments_turn_with_the_laboratory_and_do_not_know_its_origin():
    times, shift = np.arange(0, 0.25, 1e-2), np.array([3.0, -2.0, 0.0])
    force, cop = ground(times)
    first = joint_moments.moments(swing(times), exact(times), force, cop, sex="m")
    moved = joint_moments.moments(swing(times) + shift, exact(times), force, cop + shift, sex="m")
    round_about = joint_moments.moments(
        *(turned(values, 1.1) for values in (swing(times), exact(times), force, cop)), sex="m"
    )
    for one, other, third in zip(first, moved, round_about, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)
        np.testing.assert_allclose(turned(one, 1.1), third, atol=1e-12)


def test_named_moments_are_those_of_the_mirrored_leg():
    times, mirror = np.arange(0, 0.25, 1e-2), [1, -1, 1]
    points, accelerations = np.zeros((2, len(times), 11, 3))
    mine = [POINTS.index(f"r_{name}") for name in LEG]
    points[:, mine], accelerations[:, mine] = swing(times), exact(times)
    force, cop = ground(times)
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
    force, cop = ground(times)
    known = joint_moments.moments(swing(times), exact(times), force, cop, sex="m")
    np.testing.assert_array_equal(known, joint_moments.moments(swing(times), exact(times), force, cop[:, :2], sex="m"))
    force[:5], cop[:5] = 0.0, np.nan
    assert np.isfinite(joint_moments.moments(swing(times), exact(times), force, cop, sex="m")).all()


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
            "1 moments have force and no centre",
        ),
        ({"sex": lambda value: ""}, "m and f; found ''.*trials"),
    ],
)
def test_moments_say_what_is_wrong(change, said):
    times = np.arange(0, 0.25, 1e-2)
    given = dict(
        zip(
            ("points", "accelerations", "force", "cop", "sex"),
            (swing(times), exact(times), *ground(times), "m"),
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
    """Their segments' centres of mass are the laboratory's own, by another module's table; how the segments turn is added from their angles."""
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
    spin = 0  # what turns the segments, seen from the side: moment of inertia times angular acceleration about ML, by their angles
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


@pytest.fixture
def laboratory():
    """Two runners' recordings with plates, made by hand: (stances, recorded, motions). A step every .5 s, the belt carries the foot back."""
    rows, recorded, motions = [], [], {}
    for number, file in enumerate(("a.c3d", "b.c3d")):
        clock, times, mass = np.arange(0, 3, 1 / 300), np.arange(0, 3, 1 / 150), 60.0 + 6 * number
        force, cop = (
            np.tile([0.0, 0.0, 8.0], (len(clock), 1)),
            np.full((len(clock), 3), np.nan),
        )  # a belt is never quite silent
        points = np.random.default_rng(number).normal(size=(11, 3)) * 0.01 + np.zeros((len(times), 11, 3))
        for step, begins in enumerate(np.arange(0.5, 2.6, 0.5)):
            side, inside = "lr"[step % 2], (clock >= begins) & (clock <= begins + 0.25)
            push, centre = ground(clock[inside] - begins)
            force[inside], cop[inside] = mass * GRAVITY * push, centre + [2.0, -1.0, 0.0]
            rows.append(
                {
                    "stance": len(rows),
                    "file": file,
                    "runner": f"v{number}",
                    "side": side,
                    "speed_m_s": 3.5,
                    "split": "train",
                    "touchdown_s": begins + 0.02,
                    "toeoff_s": begins + 0.23,
                    "weighed_kg": mass,
                }
            )
        for side in "lr":
            points[:, [POINTS.index(f"{side}_{name}") for name in LEG]] = swing(times) + [2.0, -1.0, 0.0]
        points[:, 0, 2] += 1
        recorded.append(Recorded(file, f"v{number}", 3.5, points, 150.0, force, cop, 300.0))
        motions[file] = point_motion.motion(points, 150.0, **FILTER)
    stances = pd.DataFrame(rows).assign(sex="m", speed="3.5 m/s")
    return stances, recorded, motions


def as_curves(stances, force, cop, points, *, earlier_s=0.0):
    """Lay out a source as 10_field saves estimated curves."""
    values = np.concatenate([force, cop[..., :2] - points[:, :, 1, :2]], axis=2).reshape(-1, 5)
    table = pd.DataFrame(values, columns=[*ESTIMATES, *moments_accuracy.COP])
    return table.assign(
        stance=np.repeat(stances["stance"].to_numpy(), 101),
        time_s=moments_accuracy.node_times(stances).ravel() - earlier_s,
    )


def test_measured_gives_back_force_and_centre_wherever_the_origin_lies(laboratory):
    stances, recorded, _ = laboratory
    force, cop = moments_accuracy.measured_source(recorded, stances, cutoff_hz=None, threshold_n=30.0)
    since = moments_accuracy.node_times(stances) - stances[["touchdown_s"]].to_numpy() + 0.02
    expected, centre = zip(*map(ground, since), strict=True)
    np.testing.assert_allclose(
        force, expected, atol=2e-3
    )  # linear between frames of 300 Hz: curvature 380 BW/s^2 x (3.3 ms)^2 / 8
    np.testing.assert_allclose(cop, np.array(centre) + [2.0, -1.0, 0.0], atol=1e-3)
    moved = [replace(each, cop=each.cop + [5.0, 3.0, 0.0]) for each in recorded]
    for cutoff_hz in (None, 20.0):
        near, far = (
            moments_accuracy.measured_source(each, stances, cutoff_hz=cutoff_hz, threshold_n=30.0)[1]
            for each in (recorded, moved)
        )
        np.testing.assert_allclose(far, near + [5.0, 3.0, 0.0], atol=1e-9)


def test_legs_are_where_they_were_measured_and_accelerate_as_they_do(laboratory):
    stances, recorded, motions = laboratory
    way = np.arange(450)[:, None, None] / 150 * [3.5, 0.2, 0.0]  # overground
    motions["b.c3d"] = point_motion.motion(recorded[1].points + way, 150.0, **FILTER)
    points, accelerations = moments_accuracy.leg_motion(motions, stances)
    for row, at in enumerate(moments_accuracy.node_times(stances)):
        on = at[:, None, None] * [3.5, 0.2, 0.0] if stances["file"][row] == "b.c3d" else 0
        np.testing.assert_allclose(points[row], swing(at) + [2.0, -1.0, 0.0] + on, atol=1e-5)
        np.testing.assert_allclose(
            accelerations[row], exact(at), atol=0.06
        )  # of 4.4: a cubic spline's second derivative, knots 6.7 ms apart


def test_estimated_source_of_the_plates_own_values_gives_their_moments(laboratory):
    stances, recorded, motions = laboratory
    points, accelerations = moments_accuracy.leg_motion(motions, stances)
    plates = moments_accuracy.measured_source(recorded, stances, cutoff_hz=None, threshold_n=30.0)
    curves = as_curves(stances, *plates, points).sample(frac=1, random_state=0)  # in any order of rows
    again = moments_accuracy.estimated_source(curves, stances, points)
    late = moments_accuracy.estimated_source(as_curves(stances, *plates, points, earlier_s=0.1), stances, points)
    sources = {"plates": plates, "same": again, "late": late}
    values = moments_accuracy.moments_of_sources(points, accelerations, sources, stances)
    np.testing.assert_allclose(values["same"], values["plates"], atol=1e-9)
    assert (late[0][:, -40:] == 0).all()  # after the detected contact there is no force: inertia and weight alone
    one = stances[stances["side"] == "r"].index[0]
    ankle, knee = joint_moments.moments(points[one], accelerations[one], plates[0][one], plates[1][one], sex="m")
    np.testing.assert_array_equal(values["plates"][one], joint_moments.named(ankle, knee, "r"))


def test_estimated_asks_for_a_centre_of_pressure(laboratory):
    with pytest.raises(ValueError, match="lacks est_cop_ap, est_cop_ml.*10_field"):
        moments_accuracy.estimated_source(pd.DataFrame(columns=["stance", "time_s", *ESTIMATES]), laboratory[0], None)


def test_known_keeps_what_can_be_judged(laboratory):
    stances, _, motions = laboratory
    stances = stances.drop(columns=["sex", "speed"])
    stances.loc[1, "weighed_kg"], stances.loc[2, "toeoff_s"] = np.nan, 99.0
    stances.loc[4, ["split", "speed_m_s"]] = "other_speed", 2.6
    motions["a.c3d"] = motions["a.c3d"]._replace(gaps=np.array([[2.05, 2.15]]))  # in stance 3
    trials = pd.DataFrame({"file": ["a.c3d", "b.c3d"], "sex": ["M", " female"]})
    kept = moments_accuracy.evaluated_stances(stances, stances[stances["stance"] != 9], trials, motions)
    assert kept["stance"].tolist() == [0, 4, 5, 6, 7, 8] and kept["sex"].tolist() == list("mmffff")
    assert kept["speed"].tolist() == ["3.5 m/s", "2.5 m/s", *["3.5 m/s"] * 4]


@pytest.fixture
def judged():
    """Moments (S, 101, 3) of three runners at two speeds, by plates and by one source."""
    rng, runners = np.random.default_rng(5), np.repeat(["a", "b", "c"], 8)
    wave = np.sin(np.pi * np.linspace(0, 1, 101))[:, None]
    plates = wave * rng.uniform(1, 3, size=(24, 1, 3)) + 0.05 * rng.normal(size=(24, 101, 3))
    stances = pd.DataFrame(
        {"stance": np.arange(24) + 7, "runner": runners, "speed": np.tile(["2.5 m/s", "3.5 m/s"], 12)}
    )
    return plates, {"estimated": plates + 0.1 * rng.normal(size=plates.shape)}, stances


def test_scores_equal_their_formulas_stance_by_stance(judged):
    plates, sources, stances = judged
    table = moments_accuracy.scores(plates, sources, stances).set_index(["moment", "stance"])
    for row, stance in enumerate(stances["stance"]):
        for number, name in enumerate(NAMES):
            one, other = plates[row, :, number], sources["estimated"][row, :, number]
            rmse = np.linalg.norm(one - other) / np.sqrt(101)
            expected = pearsonr(one, other).statistic, rmse, 100 * rmse / (one.max() - one.min())
            np.testing.assert_allclose(
                table.loc[(name, stance), moments_accuracy.MEASURES].astype(float), expected, rtol=1e-9
            )


def test_mean_of_others_is_each_other_runners_mean_and_never_ones_own(judged):
    plates, _, stances = judged
    base = left_out_runners.mean_of_other_runners(plates, stances)
    fast = (stances["speed"] == "3.5 m/s").to_numpy()
    expected = np.mean([plates[fast & (stances["runner"] == name)].mean(axis=0) for name in "bc"], axis=0)
    np.testing.assert_allclose(base[1], expected)
    changed = np.where((stances["runner"] == "a").to_numpy()[:, None, None], 1e6, plates)
    np.testing.assert_array_equal(left_out_runners.mean_of_other_runners(changed, stances)[:8], base[:8])
    alone = left_out_runners.mean_of_other_runners(plates[:8], stances[:8])
    assert np.isnan(alone).all()


def test_peaks_and_their_table_by_hand(judged):
    plates, sources, stances = judged
    sources = {
        "estimated": plates * [1.1, 0.9, 1.0] + [0.0, 0.0, 0.2],
        left_out_runners.BASELINE: left_out_runners.mean_of_other_runners(plates, stances),
    }
    peaks = moments_accuracy.peaks(plates, sources, stances)
    table = moments_accuracy.peak_table(peaks, stances).set_index(["source", "moment", "speed"])
    mine = plates.max(axis=1)
    for number, (name, error) in enumerate(
        zip(NAMES, (0.1 * mine[:, 0], -0.1 * mine[:, 1], np.full(24, 0.2)), strict=True)
    ):
        row = table.loc[("estimated", name, "all")]
        expected = (
            mine[:, number].mean(),
            mine[:, number].std(ddof=1),
            error.mean(),
            error.std(ddof=1),
            np.abs(error).mean(),
        )
        np.testing.assert_allclose(
            row[["measured", "measured_sd", "error", "error_sd", "abs_error"]].astype(float), expected, atol=1e-9
        )
        assert row["abs_error_pct"] == pytest.approx(100 * np.abs(error).mean() / mine[:, number].mean())
        assert row["r_of_runners"] == pytest.approx(1) and row["error_low"] <= row["error"] <= row["error_high"]
        assert row[["n", "runners"]].tolist() == [24, 3]
        slow = table.loc[("estimated", name, "2.5 m/s")]
        assert slow["n"] == 12 and slow["measured"] == pytest.approx(mine[::2, number].mean())
    assert table.xs(left_out_runners.BASELINE)["r_of_runners"].isna().all()
    fast = stances[stances["speed"] == "3.5 m/s"]
    means = moments_accuracy.runner_peaks(peaks, fast, "estimated").set_index(["moment", "runner"])
    assert len(means) == 9 and means.loc[("knee_extension", "b"), "measured"] == pytest.approx(mine[9:16:2, 1].mean())


def test_curves_draw_the_means_in_their_panels(judged):
    plates, sources, _ = judged
    axes = evaluation_plots.moment_curves(Figure().subplots(1, 3), plates, sources["estimated"], runners=3)
    for number, ax in enumerate(axes):
        np.testing.assert_allclose(ax.lines[0].get_ydata(), plates[..., number].mean(axis=0))
        np.testing.assert_allclose(ax.lines[1].get_ydata(), sources["estimated"][..., number].mean(axis=0))
    assert [ax.get_title().split(":")[0] for ax in axes] == [
        "ankle",
        "knee",
        "knee",
    ] and "24 stances\n3 runners" in axes[2].texts[0].get_text()


def test_peaks_draw_a_dot_for_each_runner():
    table = pd.DataFrame(
        {
            "moment": np.repeat(NAMES, 2),
            "runner": ["a", "b"] * 3,
            "measured": [1.0, 2, 3, 4, 5, 6],
            "estimated": [1.5, 2, 3, 4, 5, 7],
        }
    )
    axes = evaluation_plots.moment_peaks(Figure().subplots(1, 3), table)
    for ax, name in zip(axes, NAMES, strict=True):
        np.testing.assert_array_equal(
            np.transpose(ax.lines[1].get_data()), table.loc[table["moment"] == name, ["measured", "estimated"]]
        )


def test_moments_of_a_real_runner_are_those_of_running(rbds):
    settings = preprocessing("rbds")
    trials = trials_table.read_trials(rbds, table="rbds").query("file == 'RBDS001/RBDS001runT35.c3d'")
    stances, *_ = cut_stances.collect(trials, rbds, settings)
    recorded = read_recorded(stances, rbds, settings)
    motions = ground_truth.motions(recorded, settings)
    kept = moments_accuracy.evaluated_stances(stances, stances, trials, motions)
    assert len(kept) == len(stances) > 60 and set(kept["sex"]) == {"m"}
    points, accelerations = moments_accuracy.leg_motion(motions, kept)
    force, cop = moments_accuracy.measured_source(
        recorded, kept, cutoff_hz=settings.force_cutoff_hz, threshold_n=settings.contact_threshold_n
    )
    heel, toe = points[:, 50, 2, :2], points[:, 50, 3, :2]
    share = ((cop[:, 50, :2] - heel) * (toe - heel)).sum(axis=1) / ((toe - heel) ** 2).sum(axis=1)
    assert 0.2 < np.median(share) < 1.0  # at mid-stance the force acts on the foot
    values = moments_accuracy.moments_of_sources(points, accelerations, {"plates": (force, cop)}, kept)["plates"]
    peaks = pd.DataFrame(values.max(axis=1), columns=NAMES).groupby(kept["side"]).mean()
    assert peaks["ankle_plantarflexion"].between(1.5, 3.5).all() and peaks["knee_extension"].between(1.5, 4.0).all()
    assert peaks["knee_abduction"].between(0.2, 2.5).all()
    # at the peak the foot is planted: its inertia is some hundredths, the rest is the lever of the raw force
    each, row = recorded[0], kept.iloc[0]
    node = values[0, :, 0].argmax()
    frame = round(moments_accuracy.node_times(kept)[0, node] * each.force_hz)
    ankle = points[0, node, 1]
    raw = (
        np.median([-np.cross(each.cop[k] - ankle, each.force[k])[1] for k in range(frame - 3, frame + 4)])
        / row["weighed_kg"]
    )
    assert values[0, node, 0] == pytest.approx(raw, rel=0.06)


@pytest.mark.slow  # two notebooks on recordings made for them
def test_notebook_finds_no_error_in_the_plates_own_values(tmp_path):
    smoke, results = study_file.load(ROOT / "params" / "smoke.yaml"), tmp_path / "results"
    settings = preprocessing("smoke")
    record_study(smoke, tmp_path / "recordings")
    run.run(ROOT / "notebooks" / "01_preprocess.ipynb", study=smoke, reports=tmp_path)
    stances = store.read(results, "01_preprocess/stances.csv")
    recorded = read_recorded(stances, tmp_path / "recordings", settings)
    points, _ = moments_accuracy.leg_motion(ground_truth.motions(recorded, settings), stances)
    plates = moments_accuracy.measured_source(
        recorded, stances, cutoff_hz=settings.force_cutoff_hz, threshold_n=settings.contact_threshold_n
    )
    store.save(results, "10_field/curves.parquet", as_curves(stances, *plates, points))
    page = run.run(ROOT / "notebooks" / "13_moments.ipynb", study=smoke, reports=tmp_path)
    assert (
        "How close are the peaks?" in page.read_text(encoding="utf-8")
        and (results / "13_moments" / "moments.png").stat().st_size > 0
    )
    scores, peaks = (
        store.read(results, f"13_moments/{name}.csv").query("source == 'estimated' and speed == 'all'")
        for name in ("scores", "peaks")
    )
    assert len(scores) == len(peaks) == 3 and (scores["n"] == len(stances)).all()
    np.testing.assert_allclose(scores["rmse_nm_kg"], 0, atol=1e-6)
    np.testing.assert_allclose(peaks["abs_error"], 0, atol=1e-6)
