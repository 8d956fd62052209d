"""Whether a frame rate fits how far a runner rises and steps: closed forms, and what is said of a wrong rate."""

from dataclasses import replace

import numpy as np
import pytest

from grfkit.field import clock, estimate, motion
from grfkit.points import GRAVITY
from grfkit.recordings import by_study, discover

OF_RBDS = {"weights": [-0.146, 0.347, -0.117, 0.360], "sd": 0.040}  # what 66 recordings of 22 runners teach


def bouncing(step_s, rise_m, *, rate_hz=200, steps=12):
    """Make points of a rigid body whose pelvis goes up and down by rise_m in step_s: (F, 11, 3) m."""
    times = np.arange(0, steps * step_s, 1 / rate_hz)
    heights = np.array([0.9, 0.85, 0.45, 0.08, 0.03, 0.03, 0.85, 0.45, 0.08, 0.03, 0.03])
    points = np.zeros((len(times), 11, 3))
    points[:, :, 2] = heights + rise_m / 2 * (1 - np.cos(2 * np.pi * times / step_s))[:, None]
    return motion.from_points(points, rate_hz, cutoff_hz=None, max_gap_s=0.04), np.arange(steps) * step_s


def test_measure_gives_the_step_and_the_rise_of_a_body_that_bounces():
    moved, lowest = bouncing(0.36, 0.08)
    step_s, rise, step_m, leg = clock.measure(moved, lowest[1:-1], 3.0)
    assert (step_s, rise, step_m) == pytest.approx((0.36, 0.08, 1.08), abs=1e-5) and leg == pytest.approx(0.77)
    assert clock.measure(moved, np.delete(lowest[1:-1], 4), 3.0)[0] == pytest.approx(0.36)  # one is missing
    assert np.isnan(clock.measure(moved, lowest[:1], 3.0)).all()


def test_a_law_of_gravity_is_learned_and_a_wrong_clock_is_off_by_its_factor():
    """Steps that take 2 sqrt(2 rise / g), whatever else: the weights are a half, and nothing of the others."""
    rng = np.random.default_rng(1)
    rows = np.column_stack(
        [np.zeros(30), rng.uniform(0.05, 0.1, 30), rng.uniform(0.8, 1.6, 30), rng.uniform(0.7, 1, 30)]
    )
    rows[:, 0] = 2 * np.sqrt(2 * rows[:, 1] / GRAVITY)
    known = clock.learn(rows, np.repeat(np.arange(10), 3))
    assert known["weights"] == pytest.approx([np.log(2 * np.sqrt(2 / GRAVITY)), 0.5, 0, 0], abs=1e-9)
    assert known["sd"] < 1e-9
    for factor, doubt, wrong in ((1.05, False, False), (1.2, True, False), (1 / 1.2, True, False), (1.7, True, True)):
        row = rows[0] / [factor, 1, 1, 1]  # at too high a rate steps take less time, and are as long
        assert clock.off(known, row) == pytest.approx(np.log(factor))
        assert clock.doubtful(known, clock.off(known, row)) == (doubt, wrong)
    assert clock.learn(rows, np.repeat(np.arange(5), 6)) is None


def test_runners_are_left_out_of_what_judges_them():
    rng = np.random.default_rng(2)
    rows = np.exp(rng.normal(0, 0.1, (40, 4)))
    runners = np.repeat(np.arange(10), 4)
    sd, slow = clock.learn(rows, runners)["sd"], []
    for runner in range(10):
        x = np.column_stack([np.ones(40), np.log(rows[:, 1:])])
        mine, y = runners == runner, np.log(rows[:, 0])
        slow += list(x[mine] @ np.linalg.pinv(x[~mine]) @ y[~mine] - y[mine])
    assert sd == pytest.approx(np.sqrt(np.mean(np.square(slow))))


@pytest.mark.parametrize("name", ["RBDS001/RBDS001runT25", "RBDS017/RBDS017runT35", "RBDS028/RBDS028runT45"])
def test_the_clock_of_real_runners_is_right_and_told_from_one_a_fifth_off(rbds, name):
    path, told = rbds / f"{name}.c3d", by_study.tell("params/rbds.yaml", rbds)
    found = discover.read(path, layout=told.layout, static=told.static(f"{name}.c3d"))
    doubts = {}
    for factor in (1.0, 1.2, 1 / 1.2, 0.5, 2.0):
        moved = motion.from_points(found.points, factor * found.rate_hz, cutoff_hz=20.0, max_gap_s=0.04)
        doubts[factor] = clock.check(
            {"clock": OF_RBDS}, moved, motion.find_footsteps({"": moved}), factor * found.speed_m_s
        )
    assert doubts[1.0] == ([], "")
    assert all(len(doubts[factor][0]) == 1 and not doubts[factor][1] for factor in (1.2, 1 / 1.2))
    assert "need the right frame rate" in doubts[0.5][1] and "need the right frame rate" in doubts[2.0][1]


def test_feet_take_turns():
    assert clock.same_foot(list("lrlrl")) == 0 and clock.same_foot(list("llrr")) == pytest.approx(2 / 3)
    assert clock.same_foot(["l"]) == 0


def test_a_wrong_rate_is_said_or_refused_in_an_estimate(model, points, lab):
    """The clock is one that fits this recording; without it, as of older models, nothing is said."""
    moved = motion.from_points(points, lab.rate_hz, cutoff_hz=20.0, max_gap_s=0.04)
    mid_s = motion.find_footsteps({"": moved})["mid_s"].to_numpy()
    fits = {"weights": [float(np.log(clock.measure(moved, mid_s, 3.6)[0])), 0.0, 0.0, 0.0], "sd": 0.03}
    held = replace(model, training_range=model.training_range | {"clock": fits})

    def said(model, factor):
        *_, warnings = estimate.estimate_recording(model, "a", points, factor * lab.rate_hz, 3.6 * factor)
        return [text for text in warnings if text.startswith("is the frame rate right?")]

    assert said(held, 1.0) == [] and said(model, 1.2) == []
    for factor in (1.2, 1 / 1.2):
        (text,) = said(held, factor)
        assert f"at {factor * lab.rate_hz:g} frames a second" in text and f"about {lab.rate_hz:.0f}" in text
    with pytest.raises(estimate.Refused, match="need the right frame rate"):
        said(held, 0.5)
    turned = replace(model, training_range=model.training_range | {"clock": None})
    assert said(turned, 1.0) == []


def test_a_rate_that_was_not_checked_is_said(lab):
    *_, recordings = estimate.estimate_all(lab.model, lab.data)
    assert recordings["notes"].str.contains("frame rate: not checked").all()  # six runners are too few
