"""The closed-form estimators against their formulas written out, laws, another implementation, and real runners."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import preprocessing

from grfkit import metrics, transform
from grfkit.estimators import closed_form, samples
from grfkit.estimators.closed_form import ClosedForm
from grfkit.points import GRAVITY, POINTS
from grfkit.recordings import trials as trials_table
from grfkit.stances import cut
from grfkit.virtual import motion

STEP = {"contact_s": 0.23, "flight_s": 0.12}
LIMB = {"limb_speed": 1.2, "limb_time": 0.035}
RATE = 1000
ANKLES = [POINTS.index("l_ankle"), POINTS.index("r_ankle")]


def middles(contact_s, count):
    """Give the middles of `count` equal intervals of contact, and their width."""
    return (np.arange(count) + 0.5) * contact_s / count, contact_s / count


def samples_of(points, lengths, inside, sides, flight_s, time_s):
    """Lay out Samples of what a closed form reads."""
    return samples.Samples(
        stances=pd.DataFrame({"side": sides, "flight_s": flight_s}),
        frames=pd.DataFrame({"time_s": time_s}),
        points=points.reshape(-1, 11, 3),
        forces=None,
        lengths=lengths,
        inside=inside,
        mirrored=None,
    )


@pytest.fixture
def stances():
    """Three stances at 1 kHz with 10 frames of padding.

    The ankle falls at 1 m/s and is at rest after 40 ms, as on a parabola.
    """
    lengths, sides = np.array([250, 220, 240]), ["l", "r", "l"]
    points, inside, times = [], [], []
    for length, side in zip(lengths, sides, strict=True):
        time = (np.arange(length) - 10) / RATE
        pose = np.random.default_rng(length).normal(size=(length, 11, 3))
        pose[:, ANKLES["lr".index(side)], 2] = 0.1 + 12.5 * (time - 0.04) ** 2
        points.append(pose.reshape(length, 33))
        inside.append((np.arange(length) >= 10) & (np.arange(length) < length - 10))
        times.append(time)
    return samples_of(
        np.concatenate(points), lengths, np.concatenate(inside), sides, [0.12, 0.1, 0.13], np.concatenate(times)
    )


def test_sine_has_morins_peak_and_carries_body_weight_over_the_step():
    time, width = middles(0.23, 2301)
    force = closed_form.sine(time, **STEP)
    assert force.max() == pytest.approx(np.pi / 2 * (0.12 / 0.23 + 1), rel=1e-9) and np.argmax(force) == 1150
    assert force.sum() * width == pytest.approx(0.35, rel=1e-6)
    np.testing.assert_allclose(force, force[::-1], atol=1e-12)


@pytest.mark.parametrize(
    ("speed", "rest"), [(0.0, 0.0), (0.5, 0.02), (1.2, 0.035), (3.0, 0.05), (1.0, 0.3), (1.0, np.inf)]
)
def test_two_mass_carries_body_weight_over_the_step_whatever_the_limb_does(speed, rest):
    time, width = middles(0.23, 2300)
    assert closed_form.two_mass(time, **STEP, limb_speed=speed, limb_time=rest).sum() * width == pytest.approx(
        0.35, rel=1e-5
    )


def test_two_mass_agrees_with_clarks_equations_in_newtons_written_out():
    mass, (contact, flight), (speed, rest) = 70.0, STEP.values(), LIMB.values()
    lower = 0.08 * mass
    total = mass * GRAVITY * (contact + flight)
    first = (lower * speed / rest + lower * GRAVITY) * 2 * rest
    time, _ = middles(contact, 97)
    for t, force in zip(time, closed_form.two_mass(time, **STEP, **LIMB), strict=True):
        newtons = 0.0
        if t < 2 * rest:
            newtons += 2 * first / (2 * rest) / 2 * (1 + np.cos((t - rest) / rest * np.pi))
        peak = 0.47 * contact
        half = peak if t < peak else contact - peak
        newtons += 2 * (total - first) / contact / 2 * (1 + np.cos((t - peak) / half * np.pi))
        assert force * mass * GRAVITY == pytest.approx(newtons, rel=1e-9)


def test_two_mass_agrees_with_the_virtual_laboratorys_own_code():
    own = {"limb_speed": np.array([1.2]), "limb_time": np.array([0.035]), "peak_time": np.array([0.47])}
    own |= {f"ripple_v_{k}": np.zeros(1) for k in range(motion.HARMONICS)}  # what steps differ in beyond the model
    steps = motion.Steps(
        side=None, touchdown=None, frames=np.array([230]), own=own, speed=None, width=None, rate_hz=RATE, ankle_on=None
    )
    theirs = motion.vertical_force(steps, 0, 0.35)
    ours = closed_form.two_mass(np.arange(231) / RATE, **STEP, **LIMB)
    np.testing.assert_allclose(ours, theirs, atol=1e-3)  # theirs has the very impulse as a sum over frames


def test_two_mass_of_a_limb_at_rest_is_one_raised_cosine():
    time, _ = middles(0.23, 230)
    force = closed_form.two_mass(time, **STEP, limb_speed=0.0, limb_time=0.0)
    np.testing.assert_allclose(force, 2 * (0.12 / 0.23 + 1) * closed_form.raised_cosine(time, 0.47 * 0.23, 0.23))


def test_raised_cosine_is_one_at_its_peak_a_half_on_average_and_symmetric_about_the_middle():
    time, width = middles(0.2, 2001)
    hump = closed_form.raised_cosine(time, 0.1, 0.2)
    assert hump.max() == pytest.approx(1) and hump.sum() * width == pytest.approx(0.1)
    np.testing.assert_allclose(hump, hump[::-1], atol=1e-12)
    np.testing.assert_array_equal(closed_form.raised_cosine(np.array([-0.01, 0.0, 0.2, 0.3]), 0.1, 0.2), 0)


def test_shapes_depend_on_ratios_of_times_alone():
    time, _ = middles(0.23, 230)
    slow = {name: 2 * value for name, value in STEP.items()}
    np.testing.assert_allclose(closed_form.sine(2 * time, **slow), closed_form.sine(time, **STEP))
    np.testing.assert_allclose(
        closed_form.two_mass(2 * time, **slow, limb_speed=2.4, limb_time=0.07),  # the same deceleration
        closed_form.two_mass(time, **STEP, **LIMB),
    )


def test_limb_impact_reads_a_parabola():
    time = (np.arange(100) - 10.5) / RATE  # touchdown between two frames
    speed, rest = closed_form.limb_impact(0.1 - 1.2 * time + 15 * time**2, time)
    assert speed == pytest.approx(1.2) and rest == pytest.approx(0.04)  # central differences are exact for a parabola


def test_limb_impact_of_an_ankle_that_rises_or_never_rests():
    time = (np.arange(100) - 10) / RATE
    assert closed_form.limb_impact(time, time) == (0, 0)
    assert closed_form.limb_impact(0 * time, time) == (0, 0)
    assert closed_form.limb_impact(-time, time) == (pytest.approx(1), np.inf)


@pytest.mark.parametrize("kind", closed_form.KINDS)
def test_predict_gives_the_vertical_force_of_stance_alone(stances, kind):
    force, inside = ClosedForm(kind).predict(stances), stances.inside
    assert force.shape == (len(inside), 3) and np.isnan(force[:, :2]).all()
    assert (force[~inside, 2] == 0).all() and (force[inside, 2] > 0).all()
    for first, length, flight in zip(
        transform.starts(stances.lengths), stances.lengths, stances.stances["flight_s"], strict=True
    ):
        step_s = (length - 20) / RATE + flight  # from touchdown to touchdown
        assert force[first : first + length, 2].sum() / RATE == pytest.approx(step_s, rel=1e-4)
    middle = slice(250, 470)
    alone = ClosedForm(kind).predict(
        samples_of(
            stances.points[middle],
            stances.lengths[1:2],
            inside[middle],
            ["r"],
            [0.1],
            stances.frames["time_s"].to_numpy()[middle],
        )
    )
    np.testing.assert_array_equal(force[250:470], alone)


def test_predict_two_mass_reads_the_ankle_of_its_side(stances):
    estimator = ClosedForm("two_mass")
    force = estimator.predict(stances)
    time = stances.frames["time_s"].to_numpy()[:250] + 0.5 / RATE  # contact begins half a frame before its first frame
    expected = closed_form.two_mass(time, contact_s=0.23, flight_s=0.12, limb_speed=1.0125, limb_time=0.0405)
    np.testing.assert_allclose(force[:250, 2], expected, rtol=1e-6)
    moved = replace(stances, points=stances.points + [1.0, -2.0, 0.5])
    np.testing.assert_allclose(estimator.predict(moved), force, atol=1e-9)
    swapped = stances.points.copy()
    swapped[:, ANKLES] = swapped[:, ANKLES[::-1]]
    other = stances.stances.assign(side=["r", "l", "r"])
    np.testing.assert_array_equal(estimator.predict(replace(stances, points=swapped, stances=other)), force)


def test_predict_says_what_is_missing_or_wrong(stances):
    unknown = replace(stances, stances=stances.stances.assign(flight_s=[0.1, np.nan, 0.1]))
    with pytest.raises(ValueError, match="flight is unknown: use the runner's mean"):
        ClosedForm("sine").predict(unknown)
    with pytest.raises(ValueError, match="one of two_mass, sine; found 'spring'"):
        ClosedForm("spring").predict(stances)
    with pytest.raises(ValueError, match="Points are in m"):
        ClosedForm("two_mass").predict(replace(stances, points=1000 * stances.points))


def test_closed_forms_on_real_runners(rbds):
    """Three runners at 3.5 m/s.

    Clark's published R2 is .95 (sd .04) from their own markers and plates; ours over all 22 is .87.
    """
    settings = preprocessing("rbds", body_weight="weighed", other_speeds_m_s=None)
    trials = trials_table.read_trials(rbds, table="rbds")
    table, frames, *_ = cut.collect(trials[trials["runner"].isin(["002", "011", "018"])], rbds, settings)
    points, force, lengths, rows = transform.arrays(frames, table)
    inside = metrics.in_stance(rows, table)
    flight_s = table["flight_s"].fillna(table.groupby("runner")["flight_s"].transform("mean"))
    prepared = samples_of(points, lengths, inside, table["side"], flight_s, rows["time_s"])
    estimates = {kind: ClosedForm(kind).predict(prepared) for kind in closed_form.KINDS}
    for (
        estimated
    ) in estimates.values():  # nothing of the plates is known but the times, and the impulse is right to 1 %
        assert estimated[inside, 2].sum() == pytest.approx(force[inside, 2].sum(), rel=0.01)
    predictions = metrics.predictions(rows, estimates)
    scores = metrics.by_stance(predictions[metrics.in_stance(predictions, table)]).query("direction == 'V'")
    mean = scores.groupby("estimator")[["r", "rmse_bw"]].mean()
    assert mean.loc["two_mass", "r"] > 0.94 and mean.loc["two_mass", "rmse_bw"] < 0.36  # of all 22: .958 and .298
    assert mean.loc["sine", "r"] > 0.85 and mean.loc["two_mass", "rmse_bw"] < mean.loc["sine", "rmse_bw"]
