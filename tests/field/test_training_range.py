"""What is out of range: ends of ranges, distance, walking; lengths and heights of a body made by hand."""

import json

import numpy as np
import pandas as pd
import pytest
from helpers import virtual_run

from grfkit.field import motion, training_range
from grfkit.points import POINTS

RANGES = {"speed_m_s": [2.0, 4.0], "leg_m": [0.8, 0.9], "contact_s": [0.2, 0.3], "noise_m": [0.0005, 0.002]}
RANGE_OF_RUNNERS = {"ranges": RANGES, "swing_m": 0.1, "nearest": 1.5}
USUAL = {"speed_m_s": 3.0, "leg_m": 0.85, "contact_s": 0.25, "noise_m": 0.001}


def text(nearest=1.0, **other):
    (said,) = training_range.out_of_range(RANGE_OF_RUNNERS, pd.DataFrame([USUAL | other]), np.array([nearest]))
    return said


@pytest.mark.parametrize(
    ("name", "inside", "outside", "said"),
    [
        ("speed_m_s", 1.81, 1.79, "speed 1.79 m/s (training runners: 2.00 to 4.00)"),
        ("speed_m_s", 4.39, 4.41, "speed 4.41 m/s"),
        ("leg_m", 0.73, 0.71, "leg length 0.71 m"),
        ("leg_m", 0.98, 1.0, "leg length 1.00 m (training runners: 0.80 to 0.90)"),
        ("contact_s", 0.181, 0.179, "contact time 179 ms (training runners: 200 to 300)"),
        ("contact_s", 0.329, 0.331, "contact time 331 ms"),
        ("noise_m", 0.0049, 0.0051, "noise of the points 5.10 mm (training runners: 0.50 to 2.00)"),
    ],
)
def test_out_of_range_says_what_is_beyond_either_end_by_a_tenth_or_is_far_noisier(name, inside, outside, said):
    assert text(**{name: inside}) == "" and said in text(**{name: outside})


def test_points_without_noise_are_in_range():
    assert text(noise_m=0.0) == ""


def test_out_of_range_says_who_moves_unlike_all_and_everything_at_once():
    assert text(nearest=1.49) == "" and text(nearest=1.51) == "moves unlike every training runner"
    assert len(text(nearest=9.0, speed_m_s=9.0, leg_m=2.0).split("; ")) == 3


def test_walks_by_the_median_swing():
    assert training_range.walks(RANGE_OF_RUNNERS, np.array([0.01, 0.049, 0.3])) and not training_range.walks(
        RANGE_OF_RUNNERS, np.array([0.01, 0.051, 0.3])
    )


def test_learn_finds_ranges_and_quantiles_and_travels_as_json():
    rng = np.random.default_rng(0)
    measured = pd.DataFrame({name: rng.uniform(1, 2, 1000) for name in training_range.MEASURES})
    swings, nearest = rng.permutation(np.arange(1001) / 1000), rng.permutation(np.arange(1001) / 100)
    learned = json.loads(json.dumps(training_range.learn(measured, swings, nearest)))
    assert learned["swing_m"] == pytest.approx(0.01) and learned["nearest"] == pytest.approx(9.9)
    for name in training_range.MEASURES:
        assert learned["ranges"][name] == [measured[name].min(), measured[name].max()]
    assert set(training_range.out_of_range(learned, measured, np.zeros(1000))) == {
        ""
    }  # those who trained it are like themselves


def test_in_words_says_each_in_its_unit():
    said = "speed 2.00 to 4.00 m/s; leg length 0.80 to 0.90 m; contact time 200 to 300 ms; "
    said += "noise of the points 0.50 to 2.00 mm"
    assert training_range.in_words(RANGE_OF_RUNNERS) == said


def test_leg_lengths_and_swing_heights_of_a_body_made_by_hand():
    """A thigh of .5 m by 3, 4, 5, a shank of .4 m; the other leg .1 m longer; the swinging foot's toe is its lowest."""
    points = np.zeros((2, 11, 3))
    for side, longer in (("l", 0.0), ("r", 0.1)):
        hip, knee, ankle, heel, toe = (
            points[:, POINTS.index(f"{side}_{name}")] for name in ("hip", "knee", "ankle", "heel", "toe")
        )
        hip[:], knee[:], ankle[:] = [0, 0, 0.9], [0.3, 0, 0.5], [0.3, 0.4 + longer, 0.5]
        heel[:, 2], toe[:, 2] = (0.05, 0.02) if side == "l" else (0.30, 0.25)
    np.testing.assert_allclose(training_range.leg_lengths(points), 0.95)
    np.testing.assert_allclose(training_range.swing_heights(points, ["l", "r"]), [0.23, -0.23])


def test_measure_reads_speed_contact_leg_and_noise_of_each_step():
    points, real = virtual_run(2)
    motions = {"a": motion.from_points(points, 200, cutoff_hz=20, max_gap_s=0.04)}
    found = motion.find_footsteps(motions).assign(contact_s=[last - first for _, first, last in real])
    measured = training_range.measure(motions, found, {"a": 3.3})
    thighs = [[POINTS.index(f"{side}_{joint}") for joint in ("hip", "knee", "ankle")] for side in "lr"]
    length = np.mean([np.linalg.norm(np.diff(points[:, leg], axis=1), axis=2).sum(axis=1) for leg in thighs])
    assert list(measured["speed_m_s"]) == [3.3] * len(real) and list(measured["noise_m"]) == [
        motions["a"].noise_m
    ] * len(real)
    np.testing.assert_allclose(
        measured["leg_m"], length, atol=0.02
    )  # bones of one length, points that are off by some mm
    np.testing.assert_array_equal(measured["contact_s"], found["contact_s"])
    assert (training_range.swings(motions, found) > 0.1).all()  # a runner's foot swings high
