"""What a recipe makes of stances: mirror, unit, derivatives, nodes, balance, against closed forms and round trips."""

import warnings

import numpy as np
import pandas as pd
import pytest
from helpers import ROOT

from grfkit.estimators import samples
from grfkit.points import FORCES, INPUTS, POINTS
from grfkit.study import recipes, store

PHYSICS = recipes.load(ROOT / "params" / "recipes" / "physics.yaml")
PAPER = recipes.load(ROOT / "params" / "recipes" / "plain.yaml")
T = np.arange(-5, 56) / 200  # 5 frames before and after a contact of 0.25 s
COEFFICIENTS = np.random.default_rng(2).normal(size=(4, 33))


def one(curve, force, side="r", **columns):
    """Lay out one stance by hand: `curve` gives the points (T, 33), `force` the force (T, 3) BW at the times T."""
    inside = (T > -1e-9) & (T < 0.25 + 1e-9)
    table = pd.DataFrame(
        np.column_stack([T, curve(T), force(T) * inside[:, None]]), columns=["time_s", *INPUTS, *FORCES]
    )
    table.insert(0, "frame", np.arange(len(T)))
    table.insert(0, "stance", 0)
    row = {
        "stance": 0,
        "runner": "v00",
        "side": side,
        "speed_m_s": 3.6,
        "mass_kg": 60.0,
        "touchdown_s": 2.0,
        "toeoff_s": 2.25,
        "flight_s": 0.1,
        "split": "train",
        "weighed_kg": 57.0,
        "unit_kg": 60.0,
    }
    return pd.DataFrame([row | columns]), table


def cubic(time):
    return np.polynomial.polynomial.polyval(time, COEFFICIENTS).T


def arch(time):
    return np.stack(
        [-0.3 * np.sin(8 * np.pi * time), 0.1 * np.cos(time), 2.5 * np.sin(4 * np.pi * np.clip(time, 0, 0.25)) + 0.1],
        axis=1,
    )


def test_derivatives_of_a_cubic_are_exact_at_frames_and_at_nodes():
    stances, frames = one(cubic, arch)
    prepared = samples.prepare(frames, stances, PHYSICS)
    slope, bend = (np.polynomial.polynomial.polyder(COEFFICIENTS, order) for order in (1, 2))
    columns = samples.frame_inputs(prepared, ["positions", "velocities", "accelerations"])
    time = prepared.frames["time_s"].to_numpy()
    np.testing.assert_allclose(columns[:, 33:66], np.polynomial.polynomial.polyval(time, slope).T, atol=1e-7)
    np.testing.assert_allclose(columns[:, 66:], np.polynomial.polynomial.polyval(time, bend).T, atol=1e-5)
    core, padding = samples.curve_inputs(prepared, ["accelerations"])["accelerations"]
    nodes = np.linspace(0, 0.25, samples.CORE_NODES)
    np.testing.assert_allclose(
        core[0].reshape(-1, 33), np.polynomial.polynomial.polyval(nodes, bend).T, rtol=1e-4, atol=1e-4
    )
    ends = np.polynomial.polynomial.polyval([T[0], T[-1]], bend).T
    np.testing.assert_allclose(padding[0].reshape(-1, 33)[[0, samples.EDGE_NODES]], ends, rtol=1e-4, atol=1e-4)


def test_a_left_stance_is_the_right_stance_of_the_mirrored_runner():
    """Mirror a whole runner by hand, points named anew: what the recipe makes of the left leg is the right leg's."""
    other = [
        name.replace("l_", "R_").replace("r_", "l_").replace("R_", "r_") if "_" in name else name for name in POINTS
    ]

    def mirrored(time):
        table = cubic(time).reshape(len(time), 11, 3) * [1, -1, 1]
        return table[:, [POINTS.index(name) for name in other]].reshape(len(time), 33)

    right = samples.prepare(*reversed(one(cubic, arch)), PHYSICS)
    left = samples.prepare(*reversed(one(mirrored, lambda time: arch(time) * [1, -1, 1], side="l")), PHYSICS)
    np.testing.assert_allclose(left.points, right.points)
    np.testing.assert_allclose(left.forces, right.forces)
    np.testing.assert_allclose(samples.unmirror(left, left.forces), left.frames[FORCES], atol=1e-6)
    as_it_is = samples.prepare(*reversed(one(mirrored, arch, side="l")), PAPER)
    np.testing.assert_allclose(as_it_is.points.reshape(-1, 33), mirrored(as_it_is.frames["time_s"].to_numpy()))


def test_prepare_cuts_the_padding_and_weighs():
    stances, frames = one(cubic, arch)
    paper, physics = samples.prepare(frames, stances, PAPER), samples.prepare(frames, stances, PHYSICS)
    assert paper.frames["time_s"].min() == pytest.approx(-0.01) and paper.frames["time_s"].max() == pytest.approx(0.26)
    assert physics.frames["time_s"].min() == T[0] and len(physics.points) == len(
        T
    )  # 30 ms are asked for, 25 ms are there
    inside = (T > -1e-9) & (T < 0.25 + 1e-9)
    np.testing.assert_allclose(physics.forces, arch(T) * inside[:, None] * 60 / 57)
    np.testing.assert_allclose(physics.frames[FORCES], physics.forces, rtol=1e-6)
    np.testing.assert_array_equal(physics.inside, inside)
    weighed_already = samples.prepare(frames, stances.assign(unit_kg=57.0), PHYSICS)
    np.testing.assert_allclose(weighed_already.forces, arch(T) * inside[:, None])
    with pytest.raises(ValueError, match="1 stances have no weighed mass"):
        samples.prepare(frames, stances.assign(weighed_kg=np.nan), PHYSICS)


def test_missing_flight_is_the_mean_of_the_runners_others_at_that_speed(tidy):
    stances, frames = tidy(8, runners=2)
    stances["flight_s"] = [0.1, 0.2, np.nan, 0.2, 0.14, 0.2, 0.3, 0.2]
    stances["split"] = ["train"] * 6 + ["other_speed"] * 2
    stances["speed_m_s"] = [3.6] * 6 + [2.6] * 2
    prepared = samples.prepare(frames, stances, PHYSICS).stances
    assert prepared["flight_s"][2] == pytest.approx(0.12)  # of runner v00 at 3.6 m/s
    assert list(prepared["speed"]) == ["3.6 m/s"] * 6 + ["2.5 m/s"] * 2
    assert prepared["group"].nunique() == 4


def test_curve_targets_and_spread_are_inverse_but_for_interpolation(tidy):
    stances, frames = tidy(4)
    prepared = samples.prepare(frames, stances, PHYSICS)
    curves = samples.curve_targets(prepared)
    assert curves.shape == (4, samples.NODES, 3)
    back = samples.spread(prepared, curves)
    assert (back[~prepared.inside] == 0).all()
    np.testing.assert_allclose(
        back, prepared.forces, atol=2e-3
    )  # 101 nodes for some 230 frames of half a sine, 2.5 BW high


def test_balance_makes_the_step_carry_the_body_and_leaves_what_balances(tidy):
    stances, frames = tidy(8, runners=2)
    prepared = samples.prepare(frames, stances, PHYSICS)
    estimated = samples.unmirror(prepared, prepared.forces) * [1, 1, 0.9] + np.where(prepared.inside, 0.02, 0)[
        :, None
    ] * [
        1,
        0,
        0,
    ]
    balanced = samples.balance(prepared, estimated)
    for group in prepared.stances["group"].unique():
        mine = np.flatnonzero(prepared.stances["group"] == group)
        rows = np.concatenate([samples.rows_of_stances(prepared)[stance] for stance in mine])
        impulse = balanced[rows].sum(axis=0) / 1000  # 1 kHz
        steps = (prepared.inside[rows].sum() / 1000) + prepared.stances["flight_s"][mine].sum()
        assert impulse[2] == pytest.approx(steps, rel=1e-6) and impulse[0] == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(samples.balance(prepared, balanced)[:, 2], balanced[:, 2])
    np.testing.assert_array_equal(balanced[:, 1], estimated[:, 1])
    np.testing.assert_allclose(
        samples.balance(prepared, estimated * [1, 1, 3])[:, 2], balanced[:, 2]
    )  # whatever the scale


def test_take_keeps_what_belongs_together(tidy):
    prepared = samples.prepare(*reversed(tidy(6)), PHYSICS)
    part = samples.take(prepared, np.array([4, 1]))
    assert list(part.stances["stance"]) == [4, 1] and len(part) == 2
    np.testing.assert_array_equal(part.points[: part.lengths[0]], prepared.points[samples.rows_of_stances(prepared)[4]])
    np.testing.assert_array_equal(samples.curve_targets(part), samples.curve_targets(prepared)[[4, 1]])


def test_corrections_make_each_groups_impulses_balance():
    """Newton over whole steps: the vertical impulse is body weight times the time of steps, the horizontal is none."""
    rng = np.random.default_rng(3)
    groups, step_s = np.repeat(["a", "b", "c"], [4, 3, 2]), rng.uniform(0.3, 0.4, 9)
    impulses = np.column_stack([rng.normal(0, 0.02, 9), rng.normal(0, 0.02, 9), step_s * rng.uniform(0.9, 1.1, 9)])
    factors, slopes = samples.corrections(impulses, step_s, groups)
    vertical = factors * impulses[:, 2]
    horizontal = impulses[:, 0] - slopes * vertical
    for group in "abc":
        mine = groups == group
        assert vertical[mine].sum() == pytest.approx(step_s[mine].sum()) and horizontal[mine].sum() == pytest.approx(
            0, abs=1e-12
        )
        assert len(set(factors[mine])) == len(set(slopes[mine])) == 1
    assert len(set(factors)) == len(set(slopes)) == 3


def test_balance_leaves_what_carries_hardly_anything_as_it_is_and_says_so(tidy):
    """A network that has learnt nothing gives about 0: a factor of 300 would hide it."""
    stances, frames = tidy(8, runners=2)
    prepared = samples.prepare(frames, stances, PHYSICS)
    estimated = samples.unmirror(prepared, prepared.forces)
    mine = np.repeat((prepared.stances["runner"] == "v00").to_numpy(), prepared.lengths)
    for share in (0.003, 0.4, -1.0):
        poor = np.where(mine[:, None], share * estimated, estimated)
        with pytest.warns(UserWarning, match=r"is 1 BW; an estimate gives -?\d\.\d\d \(v00 at 3\.6 m/s\), too"):
            balanced = samples.balance(prepared, poor)
        np.testing.assert_array_equal(balanced[mine], poor[mine])
        np.testing.assert_array_equal(balanced[~mine], samples.balance(prepared, estimated)[~mine])
    with warnings.catch_warnings(action="error"):  # neither what is right nor what is not estimated at all
        samples.balance(prepared, estimated)
        samples.balance(prepared, estimated * [1, 1, np.nan])


def test_read_training_wants_somebody_to_test(tidy, tmp_path):
    """Else nobody who should be tested is trained on: 02 stops before its search."""
    stances, frames = tidy()
    store.save(tmp_path, "01_preprocess/stances.parquet", frames)
    store.save(tmp_path, "01_preprocess/stances.csv", stances)
    with pytest.raises(ValueError, match="kept stances of 3 runners, and none is tested.*Correct `test_runners`"):
        samples.read_training(tmp_path, PAPER)
    stances.loc[stances["runner"] == "v01", "split"] = "test"
    store.save(tmp_path, "01_preprocess/stances.csv", stances)
    assert set(samples.read_training(tmp_path, PAPER).runners) == {"v00", "v02"}
