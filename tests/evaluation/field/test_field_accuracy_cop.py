"""Centres of pressure in the field: measured from the ankle, mirrored, and their errors."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from helpers import preprocessing

from grfkit.estimators import samples
from grfkit.evaluation import moments as joint_moments
from grfkit.evaluation import moments_accuracy
from grfkit.evaluation.field import field_accuracy, ground_truth
from grfkit.points import POINTS, mirrored
from grfkit.recordings import c3d
from grfkit.recordings.read import read_recorded


@pytest.fixture
def two_plates(monkeypatch):
    """A runner at 3 m/s whose feet press two plates, made by hand: Measured, section, cop (S, 101, 2) m.

    A foot of 800 N takes a place that moves at .8 m/s; its weight passes from one plate to the other, 80 mm further
    and 15 mm to the left. Plates are never silent: 5 N and 3 N in their middle. The ankle moves at .6 m/s.
    """
    clock, times, sides = np.arange(2500) / 1000, np.arange(250) / 100, {"l": 0.5, "r": 1.2}
    loads, moments = (
        np.tile([5.0, 3.0], (2500, 1)),
        np.tile(np.array([5.0, 3.0])[:, None] * [[0.3, 0.2], [0.9, 0.2]], (2500, 1, 1)),
    )
    for begins in sides.values():
        frames = np.arange(round(1000 * begins), round(1000 * begins) + 251)
        passed = np.linspace(0, 1, 251)[:, None]
        first = np.stack([0.8 * clock[frames], np.full(251, 0.1)], axis=1)
        for plate, share, place in ((0, 1 - passed, first), (1, passed, first + [0.08, 0.015])):
            loads[frames, plate] += 800 * share[:, 0]
            moments[frames, plate] += 800 * share * place
    plates = [
        c3d.Plate(
            np.column_stack([0 * load, 0 * load, load]),
            np.column_stack([moment / load[:, None], 0 * load]),
            np.zeros((4, 3)),
        )
        for load, moment in zip(loads.T, moments.transpose(1, 0, 2), strict=True)
    ]
    points = np.zeros((250, 11, 3)) + np.arange(11)[:, None] * [0.01, 0.02, 0.03]
    points[..., 0] += 3.0 * times[:, None]
    for side in sides:
        points[:, POINTS.index(f"{side}_ankle"), :2] = np.stack([0.1 + 0.6 * times, 0.05 + 0 * times], axis=1)
    rows = [(number, side, begins + 0.02, begins + 0.23) for number, (side, begins) in enumerate(sides.items())]
    stances = pd.DataFrame(rows, columns=["stance", "side", "touchdown_s", "toeoff_s"]).assign(
        file="a.c3d", runner="x", weighed_kg=80.0
    )
    section = preprocessing(contact_threshold_n=30.0, points_cutoff_hz=None, checks={"max_gap_s": 0.04})
    trials = pd.DataFrame({"file": ["a.c3d", "other.c3d"], "runner": ["x", "y"], "speed_m_s": [3.0, 4.0]})
    monkeypatch.setattr("grfkit.recordings.read.read_trials", lambda folder, table: trials)
    monkeypatch.setattr(
        "grfkit.recordings.read.load_trial",
        lambda *_, **__: (SimpleNamespace(plates=plates, force_hz=1000.0, point_hz=100.0), points),
    )
    recorded = read_recorded(stances, "nowhere", section)
    at = stances[["touchdown_s"]].to_numpy() + 0.21 * np.linspace(0, 1, 101)
    share = (at - np.array(list(sides.values()))[:, None]) / 0.25
    centres = np.stack([0.8 * at + 0.08 * share - 0.1 - 0.6 * at, 0.1 + 0.015 * share - 0.05], axis=2)
    return measured_by(recorded, stances, section), section, centres


def measured_by(recorded, stances, section):
    return ground_truth.Measured(recorded, ground_truth.motions(recorded, section), None, None, stances, None)


def test_a_centre_of_pressure_is_that_of_plates_made_by_hand_from_the_ankle(two_plates):
    measured, section, centres = two_plates
    found = field_accuracy.measured_cop(measured, section)
    np.testing.assert_allclose(found, centres, atol=1e-6)  # between frames too: straight lines
    turned = field_accuracy.mirrored_cop(measured.footsteps, found)
    np.testing.assert_allclose(turned, centres * np.array([[[1, -1]], [[1, 1]]]), atol=1e-6)  # a left leg, a right one


def test_a_mirrored_laboratory_has_the_same_centres_of_the_other_leg(two_plates):
    measured, section, centres = two_plates
    turned = [replace(each, points=mirrored(each.points), cop=each.cop * [1, -1, 1]) for each in measured.recorded]
    other = measured.footsteps.assign(side=measured.footsteps["side"].map({"l": "r", "r": "l"}))
    found = field_accuracy.measured_cop(measured_by(turned, other, section), section)
    np.testing.assert_allclose(found, centres * [1, -1], atol=1e-6)
    here, there = field_accuracy.mirrored_cop(measured.footsteps, centres), field_accuracy.mirrored_cop(other, found)
    np.testing.assert_allclose(there, here, atol=1e-6)


def test_a_centre_of_pressure_does_not_know_where_the_laboratory_is(two_plates):
    measured, section, centres = two_plates
    place = [5.0, -2.0, 0.0]
    moved = [replace(each, points=each.points + place, cop=each.cop + place) for each in measured.recorded]
    for cutoff_hz in (None, 50.0):
        mine = section.model_copy(update={"force_cutoff_hz": cutoff_hz})
        here, there = (
            field_accuracy.measured_cop(measured_by(each, measured.footsteps, mine), mine)
            for each in (measured.recorded, moved)
        )
        np.testing.assert_allclose(there, here, atol=1e-9)
        np.testing.assert_allclose(here, centres, atol=5e-3)  # smoothed by some ms, at .8 m/s


def test_a_centre_of_pressure_is_measured_from_the_ankle_and_mirrored_for_left_legs(lab):
    """The plates measure it where the simulation of a virtual runner puts it: under the foot."""
    centres = field_accuracy.measured_cop(lab.measured, lab.section)
    _, cop = moments_accuracy.measured_source(
        lab.measured.recorded, lab.measured.footsteps, cutoff_hz=None, threshold_n=lab.section.contact_threshold_n
    )
    row = 2
    stance = lab.measured.footsteps.iloc[row]
    ankle = joint_moments.leg(
        lab.measured.motions[stance["file"]].spline(moments_accuracy.node_times(lab.measured.footsteps)[row]),
        stance["side"],
    )[:, joint_moments.LEG.index("ankle")]
    ankle = (
        ankle
        + moments_accuracy.node_times(lab.measured.footsteps)[row][:, None]
        * lab.measured.motions[stance["file"]].way_m_s
    )
    np.testing.assert_allclose(centres[row], cop[row, :, :2] - ankle[:, :2], atol=1e-9)
    turned = field_accuracy.mirrored_cop(lab.measured.footsteps, centres)
    left = (lab.measured.footsteps["side"] == "l").to_numpy()
    np.testing.assert_array_equal(turned[~left], centres[~left])
    np.testing.assert_array_equal(turned[left] * [1, -1], centres[left])
    np.testing.assert_array_equal(field_accuracy.mirrored_cop(lab.measured.footsteps, turned), centres)
    np.testing.assert_array_equal(lab.targets[..., 3:], turned)
    np.testing.assert_allclose(lab.targets[..., :3], samples.curve_targets(lab.measured.samples))


def test_errors_of_centres_are_in_mm_over_loaded_moments_alone():
    """Off by 10 mm forward and 5 mm to the side where there is force, and by a metre where there is none."""
    steps = pd.DataFrame({"stance": [0], "speed": ["a"], "touchdown_s": [1.0], "toeoff_s": [1.2]})
    measured = np.zeros((1, 101, 2))
    curves = np.zeros((1, 101, 5))
    curves[:, :, 2], curves[:, :, 3:] = 1.0, [0.01, 0.005]
    curves[:, :30, 2], curves[:, :30, 3:] = 0.05, 1.0
    by_hand = ground_truth.Measured([], {}, None, None, steps, None)
    table = field_accuracy.cop_errors(by_hand, measured, {"mine": (steps, curves)})
    assert dict(zip(table["direction"], table["rmse_mm"], strict=False)) == pytest.approx({"AP": 10, "ML": 5}) and set(
        table["speed"]
    ) == {"a", "all"}


def test_mean_of_others_knows_nothing_of_ones_own_centre(lab):
    centres, curves = (
        field_accuracy.measured_cop(lab.measured, lab.section),
        np.zeros((len(lab.measured.footsteps), 101, 5)),
    )
    mine = (lab.measured.footsteps["runner"] == lab.measured.footsteps["runner"].iloc[0]).to_numpy()
    one = field_accuracy.with_mean_cop(lab.measured.footsteps, centres, curves)
    two = field_accuracy.with_mean_cop(
        lab.measured.footsteps, np.where(mine[:, None, None], centres + 1, centres), curves
    )
    np.testing.assert_array_equal(one[mine], two[mine])
    assert np.abs(one[~mine] - two[~mine]).max() > 0.1
    right = mine & (lab.measured.footsteps["side"] == "r").to_numpy()
    turned, names = field_accuracy.mirrored_cop(lab.measured.footsteps, centres), lab.measured.footsteps["runner"]
    literal = np.mean(
        [turned[(names == name).to_numpy()].mean(axis=0) for name in names.unique() if name != names.iloc[0]], axis=0
    )
    np.testing.assert_allclose(one[right][..., 3:], np.broadcast_to(literal, (right.sum(), 101, 2)))


def test_paired_lays_the_same_stances_side_by_side(lab):
    centres = field_accuracy.measured_cop(lab.measured, lab.section)
    measured, estimated = field_accuracy.paired_cop(lab.measured, centres, lab.contacts, lab.estimated)
    here = lab.contacts[lab.contacts["stance"].notna()]
    place = list(lab.measured.footsteps["stance"]).index(here["stance"].iloc[4])
    sign = [1, -1] if here["side"].iloc[4] == "l" else [1, 1]
    np.testing.assert_array_equal(measured[4], centres[place] * sign)
    np.testing.assert_array_equal(estimated[4], lab.estimated[here.index[4], :, 3:] * sign)
