"""Recordings with plates, and their stances matched with footsteps found by motion."""

import numpy as np
import pandas as pd
from helpers import preprocessing, virtual_run

from grfkit.evaluation.field import ground_truth
from grfkit.field.contacts import with_durations
from grfkit.recordings.read import Recorded

STANCES = pd.DataFrame(
    [("a", "l", 1.0, 1.25), ("a", "r", 1.4, 1.65), ("a", "l", 1.8, 2.05), ("a", "r", 2.2, 2.45), ("b", "l", 1.0, 1.25)],
    columns=["file", "side", "touchdown_s", "toeoff_s"],
).assign(stance=range(5))


def found(*rows):
    return pd.DataFrame(rows, columns=["file", "side", "mid_s"])


def test_match_wants_one_footstep_of_that_foot_in_a_stance():
    by_motion = found(
        ("a", "l", 1.1), ("a", "l", 1.5), ("a", "l", 1.9), ("a", "l", 1.95), ("b", "l", 1.2), ("c", "l", 1.1)
    )
    matched, missed = ground_truth.match(by_motion, STANCES)
    assert list(matched["stance"]) == [0, 4] and list(matched["mid_s"]) == [1.1, 1.2]
    assert list(missed["stance"]) == [1, 2, 3]  # the wrong foot, two steps, none


def test_false_footsteps_are_those_that_no_plate_felt_between_measured_ones():
    """Not before the first stance or after the last, nor where a contact was measured and left out for a reason."""
    excluded = pd.DataFrame(
        {"file": list("aaaab"), "touchdown_s": [2.08, np.nan, 1.11, 1.33, 1.3]}
    )  # two before and after, one of another file
    by_motion = found(
        ("a", "l", 0.5),
        ("a", "l", 1.1),
        ("a", "r", 1.32),
        ("a", "l", 2.12),
        ("a", "r", 2.3),
        ("a", "l", 2.9),
        ("b", "r", 1.4),
    )
    assert list(ground_truth.false_footsteps(by_motion, STANCES, excluded).index) == [2]
    assert list(ground_truth.false_footsteps(by_motion, STANCES, excluded[:0]).index) == [2, 3]


def test_false_footsteps_of_a_foot_may_lie_in_a_stance_of_the_other():
    """Of three in one stance two are of the other foot; only what lies between evaluated stances counts."""
    by_motion = found(("a", "l", 1.1), ("a", "r", 1.12), ("a", "r", 1.5), ("a", "l", 1.55), ("a", "l", 2.3))
    excluded = pd.DataFrame({"file": [], "touchdown_s": []})

    def false(**how):
        return list(ground_truth.false_footsteps(by_motion, STANCES, excluded, **how).index)

    assert false() == [] and false(by_side=True) == [1, 3, 4]
    assert false(by_side=True, evaluated=STANCES[1:3]) == [3]


def test_motions_are_filtered_and_bridged_as_the_study_says():
    points, _ = virtual_run(3)
    points = points.copy()
    points[100:110, 4] = np.nan  # 50 ms
    each = Recorded("a", "one", 3.0, points, 200.0, None, None, 1000.0)
    rough, smooth = (
        ground_truth.motions([each], preprocessing(points_cutoff_hz=cutoff, checks={"max_gap_s": gap}))["a"]
        for cutoff, gap in ((None, 0.06), (8.0, 0.04))
    )
    assert rough.noise_m == 0 < smooth.noise_m and len(rough.gaps) == 0 and len(smooth.gaps) == 1
    np.testing.assert_allclose(smooth.gaps, [[99 / 200, 110 / 200]])
    seen = np.isfinite(points).all(axis=(1, 2))
    times = np.flatnonzero(seen) / 200
    np.testing.assert_allclose(rough.spline(times) + times[:, None, None] * rough.way_m_s, points[seen], atol=1e-9)


def test_measured_flight_and_contact_make_a_step_as_those_of_an_estimate(lab):
    """with_durations takes them from touchdowns and toe-offs alone, plates from the frames that they were loaded in."""
    footsteps, stances = lab.measured.footsteps, lab.measured.samples.stances
    of_events = with_durations(footsteps[["file", "side", "touchdown_s", "toeoff_s"]])
    known = of_events["flight_s"].notna()  # the plates' is known too, since the next step was measured
    assert known.sum() >= 10
    for name in ("contact_s", "flight_s"):
        np.testing.assert_allclose(footsteps[name][known], of_events[name][known], atol=1e-9)
    frame_s = 1 / lab.measured.recorded[0].force_hz
    np.testing.assert_allclose(footsteps["flight_s"] - stances["flight_s"], frame_s, atol=1e-9)
