"""From footsteps to contacts and curves, by closed forms and literal versions."""

import numpy as np
import pandas as pd
import pytest
from helpers import virtual_run
from scipy.interpolate import CubicSpline

from grfkit import features
from grfkit.estimators import samples
from grfkit.field import events, motion
from grfkit.field.contacts import (
    contact_inputs,
    curve_features,
    curves_at,
    detect_contacts,
    finish_curves,
    leans,
    seen_wholly,
    usual_flight,
    with_durations,
)
from grfkit.points import mirrored

CUT = {"cutoff_hz": None, "max_gap_s": 0.04}


def contact_rows(*rows):
    """Contacts of one file: (side, touchdown_s, toeoff_s)."""
    return pd.DataFrame(rows, columns=["side", "touchdown_s", "toeoff_s"]).assign(file="a")


def still(last_s=10.0, gaps=()):
    """A motion in which nothing moves, with gaps."""
    times = np.array([0.0, last_s / 3, last_s / 2, last_s])
    return motion.Motion(
        CubicSpline(times, np.zeros((4, 11, 3))),
        np.zeros(3),
        100.0,
        0.0,
        last_s,
        np.array(gaps, float).reshape(-1, 2),
        0.0,
    )


def test_timed_gives_step_and_flight_to_the_next_touchdown():
    table = with_durations(contact_rows(("l", 1.0, 1.25), ("r", 1.37, 1.60), ("l", 1.72, 1.95)))
    np.testing.assert_allclose(table["contact_s"], [0.25, 0.23, 0.23])
    np.testing.assert_allclose(table["step_s"], [0.37, 0.35, np.nan])
    np.testing.assert_allclose(table["flight_s"], [0.12, 0.12, np.nan])


def test_timed_knows_no_step_over_one_that_is_not_there_nor_over_a_rest_nor_to_another_file():
    rows = contact_rows(
        ("l", 1.0, 1.25), ("l", 1.6, 1.85), ("r", 2.31, 2.56), ("l", 3.0, 3.25)
    )  # the same foot; .71 s, .69 s: the longest are .7
    np.testing.assert_allclose(with_durations(rows)["step_s"], [np.nan, np.nan, 0.69, np.nan])
    two = pd.concat(
        [contact_rows(("l", 1.0, 1.25)), contact_rows(("r", 1.37, 1.60)).assign(file="b")], ignore_index=True
    )
    assert with_durations(two)["step_s"].isna().all()


def test_usual_flight_is_ones_own_else_the_groups_else_the_given():
    table = pd.DataFrame({"flight_s": [0.10, np.nan, 0.14, np.nan]})
    np.testing.assert_allclose(usual_flight(table, ["a", "a", "a", "b"], 0.2), [0.10, 0.12, 0.14, 0.2])


def test_contacts_at_the_ends_and_in_gaps_are_left_out(monkeypatch):
    """A detector that says 120 ms to either side of mid-stance, but for one that it cannot see."""
    found = pd.DataFrame({"file": "a", "side": list("lrlrlr"), "mid_s": [0.13, 0.5, 5.0, 6.0, 9.0, 9.87]})
    half = np.array([0.12, 0.12, 0.12, 0.02, 0.12, 0.12])

    def detect(detector, motions, kept, runner):
        return kept[["mid_s"]].to_numpy() + [-1, 1] * half[np.searchsorted(found["mid_s"], kept["mid_s"])][:, None]

    monkeypatch.setattr(events, "detect", detect)
    kept = detect_contacts(None, {"a": still(gaps=[(5.1, 5.2)])}, found)
    assert list(kept["mid_s"]) == [0.5, 9.0]  # cut off, seen, in a gap, 40 ms long, seen, cut off
    none = detect_contacts(None, {"a": still(gaps=[(0.0, 10.0)])}, found)
    assert none.empty and list(none) == list(kept) == [
        *found,
        "touchdown_s",
        "toeoff_s",
        "contact_s",
        "step_s",
        "flight_s",
    ]


def test_seen_wants_the_whole_span():
    motions, table = {"a": still(gaps=[(2.0, 2.1)])}, pd.DataFrame({"file": ["a"] * 5})
    first, last = np.array([-0.1, 1.0, 1.95, 2.05, 9.9]), np.array([0.2, 1.9, 2.05, 2.06, 10.1])
    np.testing.assert_array_equal(seen_wholly(motions, table, first, last), [False, True, False, False, False])


def test_at_times_reads_a_straight_line_exactly_and_zero_outside():
    table = pd.DataFrame({"touchdown_s": [1.0, 2.0], "toeoff_s": [1.2, 2.25]})
    line = np.linspace(0, 1, 101)[:, None] * [1.0, -2.0, 3.0] + 0.5
    curves = np.stack([line, 2 * line])
    rows, times = (
        np.array([0, 0, 0, 0, 1, 1, 1, 1]),
        np.array([0.5, 0.9995, 1.05, 1.2, 2.0, 2.1, 2.2505, 2.9]),
    )  # some by a quarter of a node
    share = np.array([np.nan, np.nan, 0.25, 1, 0, 0.4, np.nan, np.nan])[:, None]
    expected = np.nan_to_num((share * [1.0, -2.0, 3.0] + 0.5) * (1 + rows)[:, None])
    np.testing.assert_allclose(curves_at(table, curves, rows, times), expected, atol=1e-9)


def test_finish_turns_left_legs_back_and_balances_each_group():
    """Over a group's steps mean vertical force is one body weight, AP and ML impulses 0; centres are only mirrored."""
    rng = np.random.default_rng(5)
    table = pd.DataFrame({"side": list("lrlr"), "contact_s": [0.25, 0.24, 0.26, 0.25]})
    flight, groups, curves = (
        np.array([0.1, 0.12, 0.11, 0.1]),
        np.array(["a", "a", "b", "b"]),
        rng.uniform(0.5, 1.5, (4, 101, 5)),
    )
    own = finish_curves(table, curves, flight, groups)
    contact, step = table["contact_s"].to_numpy(), table["contact_s"].to_numpy() + flight
    for group in "ab":
        mine = groups == group
        impulse = (np.trapezoid(own[mine][..., [0, 2]], dx=0.01, axis=1) * contact[mine][:, None]).sum(axis=0)
        np.testing.assert_allclose(impulse, [0, step[mine].sum()], atol=1e-9)
        sideways = np.trapezoid(own[mine][..., 1], dx=0.01, axis=1) * contact[mine]
        assert sideways.sum() == pytest.approx(0, abs=1e-9)
    signs = np.where((table["side"] == "l").to_numpy()[:, None], -1, 1)
    turned = own[..., 1] - signs * curves[..., 1]  # what balances is the same share of the vertical in a group
    for group in "ab":
        shares = turned[groups == group] / own[groups == group][..., 2]
        np.testing.assert_allclose(shares, shares[0, 0], atol=1e-12)
    leaning = finish_curves(table, curves, flight, groups, lean=0.01)
    np.testing.assert_allclose(leaning[..., 1] - own[..., 1], 0.01 * own[..., 2], atol=1e-12)
    np.testing.assert_allclose(leans(table, leaning, groups), 0.01, atol=1e-12)
    np.testing.assert_array_equal(own[..., 3], curves[..., 3])
    np.testing.assert_array_equal(own[..., 4], signs * curves[..., 4])
    np.testing.assert_array_equal(
        finish_curves(table, curves[..., :3], flight, groups), own[..., :3]
    )  # with or without centres


def test_nothing_leans_where_one_side_was_seen_or_hardly_any_force():
    curves = np.random.default_rng(3).uniform(0.5, 1.5, (2, 101, 3))
    groups = np.array(["a", "a"])
    one = pd.DataFrame({"side": list("rr"), "contact_s": [0.25, 0.24]})
    np.testing.assert_array_equal(leans(one, curves, groups), 0)
    np.testing.assert_array_equal(leans(one.assign(side=list("lr")), 0.01 * curves, groups), 0)
    assert (leans(one.assign(side=list("lr")), curves, groups) != 0).all()


def test_features_are_those_of_the_same_curve_by_frames():
    """Read off 101 nodes, they are what grfkit.features reads off the same force at 1 kHz."""
    time = np.linspace(0, 0.25, 251)

    def force(share):
        return np.stack([-0.3 * np.sin(2 * np.pi * share), 0 * share, 2.5 * np.sin(np.pi * share)], axis=-1)

    curve = force(np.linspace(0, 1, 101))
    ours = curve_features(
        pd.Series([0.25]), np.concatenate([curve, curve[:, :2]], axis=1)[None], vlr="touchdown_to_13"
    ).iloc[0]
    literal = features.extract(force(time / 0.25), time, vlr="touchdown_to_13")
    np.testing.assert_allclose(
        ours[list(literal)].to_numpy(float), list(literal.values()), rtol=2e-3
    )  # between nodes the force is a chord


def test_inputs_of_a_mirrored_runner_are_the_same():
    points, real = virtual_run(1)
    table = pd.DataFrame(real, columns=["side", "touchdown_s", "toeoff_s"]).assign(file="a")
    other = table.assign(side=table["side"].map({"l": "r", "r": "l"}))
    laid = [
        contact_inputs(
            {"a": motion.from_points(seen, 200, **CUT)}, with_durations(rows), np.full(len(rows), 0.1), padding_s=0.03
        )
        for seen, rows in ((points, table), (mirrored(points), other))
    ]
    for kind in (*samples.KINDS, "times"):
        for one, two in zip(laid[0][kind], laid[1][kind], strict=True):
            np.testing.assert_allclose(one, two, atol=1e-4)  # single precision
    np.testing.assert_allclose(
        laid[0]["times"][0],
        np.column_stack([table["toeoff_s"] - table["touchdown_s"], np.full(len(table), 0.1)]),
        rtol=1e-6,
    )
    assert laid[0]["times"][1].shape == (len(table), 0)  # nothing before and after a time


def test_timed_gives_no_step_time_across_a_step_that_is_not_there():
    table = with_durations(
        pd.DataFrame(
            {
                "file": "a",
                "side": list("lrllr"),
                "touchdown_s": [0, 0.34, 0.68, 1.36, 1.7],
                "toeoff_s": [0.2, 0.54, 0.88, 1.56, 1.9],
            }
        )
    )
    np.testing.assert_allclose(table["step_s"], [0.34, 0.34, np.nan, 0.34, np.nan])
