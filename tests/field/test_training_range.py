"""What is out of range: ends of ranges, distance, walking; lengths and heights of a body made by hand."""

import json

import numpy as np
import pandas as pd
import pytest
from helpers import ROOT, SMOOTH, SMOOTHED, virtual_run

from grfkit import transform
from grfkit.field import motion, training_range
from grfkit.points import POINTS
from grfkit.recordings import read, trials
from grfkit.study import file as study_file

RANGES = {
    "speed_m_s": [2.0, 4.0],
    "leg_m": [0.8, 0.9],
    "contact_s": [0.2, 0.3],
    "noise_m": [0.0005, 0.002],
    "quick": [0.2, 0.4],
}
RANGE_OF_RUNNERS = {"ranges": RANGES, "swing_m": 0.1, "nearest": 1.5}
USUAL = {"speed_m_s": 3.0, "leg_m": 0.85, "contact_s": 0.25, "noise_m": 0.001, "quick": 0.3}


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
        (
            "quick",
            0.0531,
            0.0529,
            "smoothed points: quick motion, of 9 to 15 Hz, 5.3 % as strong as slower motion "
            "(training runners: 20.0 to 40.0)",
        ),
    ],
)
def test_out_of_range_says_what_is_beyond_either_end_by_a_tenth_or_is_far_noisier(name, inside, outside, said):
    assert text(**{name: inside}) == "" and said in text(**{name: outside})


def test_points_without_noise_and_quick_points_are_in_range():
    assert text(noise_m=0.0) == "" == text(quick=5.0)


def test_a_range_of_an_older_model_and_a_recording_in_pieces_tell_nothing_of_smoothing():
    older = RANGE_OF_RUNNERS | {"ranges": {name: ends for name, ends in RANGES.items() if name != "quick"}}
    measured = pd.DataFrame([USUAL | {"quick": 0.001}] * 2)
    assert training_range.out_of_range(older, measured, np.zeros(2)) == ["", ""]
    assert np.isnan(training_range.share_of_quick_motion(older, measured)) and text(quick=np.nan) == ""
    assert np.isnan(training_range.share_of_quick_motion(RANGE_OF_RUNNERS, measured.assign(quick=np.nan)))
    assert training_range.share_of_quick_motion(RANGE_OF_RUNNERS, measured) == pytest.approx(0.005)
    assert "Hz" not in training_range.in_words(older)
    learned = training_range.learn(measured.assign(quick=np.nan), np.ones(2), np.ones(2))
    assert "quick" not in learned["ranges"]  # JSON holds no NaN


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
    said += (
        "noise of the points 0.50 to 2.00 mm; quick motion, of 9 to 15 Hz, 20.0 to 40.0 % as strong as slower motion"
    )
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
    assert list(measured["quick"]) == [training_range.quick_motion(motions["a"], found["mid_s"].to_numpy())] * len(real)


def test_quick_motion_of_tones_is_what_their_amplitudes_say():
    """Tones of whole periods a window; a Hann window leaves a quarter of each one's power in the bins beside it."""
    times, bin_hz = np.arange(2000) / 500, 1 / training_range.WINDOW_S
    rng, amplitudes = np.random.default_rng(0), {3: 0.1, 6: 0.02, 9: 0.005}  # m; bins of 4.7, 9.4 and 14.1 Hz
    points = sum(
        size * np.sin(2 * np.pi * (number * bin_hz * times[:, None, None] + rng.random((11, 3))))
        for number, size in amplitudes.items()
    )
    moved = motion.from_points(points, 500, cutoff_hz=None, max_gap_s=0.04)
    slow, low, high = (size**2 * number**4 for number, size in amplitudes.items())
    expected = (low * low / 4 * high * high / 4) ** 0.25 / ((1.5 * slow + low / 4) / 5)
    mids = np.array([0.1, 1.0, 2.22, 3.9])  # the first and the last window are moved into the recording
    assert training_range.quick_motion(moved, mids) == pytest.approx(expected, rel=0.01)  # of a spline at 500 Hz
    assert np.isnan(training_range.quick_motion(moved._replace(last_s=0.6), mids))
    pieces = moved._replace(gaps=np.array([[0.5, 0.6], [1.2, 1.3], [1.8, 1.9], [2.4, 2.5], [3.1, 3.2]]))
    assert np.isnan(training_range.quick_motion(pieces, mids[:3]))


def test_quick_motion_hardly_depends_on_size_rate_and_way_but_falls_as_a_filter_says():
    points, contacts = virtual_run(3, hz=500)
    mids = np.array([(first + last) / 2 for _, first, last in contacts])

    def quick(points, rate_hz=500):
        return training_range.quick_motion(motion.from_points(points, rate_hz, cutoff_hz=None, max_gap_s=0.04), mids)

    plain, steady = quick(points), np.arange(len(points))[:, None, None] * [0.02, 0, 0]
    assert quick(1.3 * points + steady) == pytest.approx(plain, rel=1e-6)
    for every in (2, 4, 8):  # 250, 125 and 62.5 Hz
        assert quick(points[::every], 500 / every) == pytest.approx(plain, rel=0.2)  # 1 dB
    assert quick(np.round(points, 3)) == pytest.approx(plain, rel=0.1)
    hz = np.array([5, 6, 7, 8, 9]) / training_range.WINDOW_S
    for cutoff_hz in (8.0, 10.0, 12.0):
        gain = 1 / (1 + (hz / (cutoff_hz / (2**0.5 - 1) ** 0.25)) ** 4)  # Winter 2009: two passes, 3 dB down together
        left = quick(transform.lowpass(points, cutoff_hz=cutoff_hz, rate_hz=500)) / plain
        most = np.exp(np.log(gain[1:] ** 2).mean())
        assert 0.95 * most < left < most / gain[0] ** 2  # slow motion loses some too, at most what its fastest loses


def test_quick_motion_of_left_out_real_runners_tells_smoothed_points_from_others(rbds):
    """The study's test runners by four others, at 3.5 m/s, eight seconds of each."""
    settings = study_file.preprocessing(ROOT / "params" / "rbds.yaml")
    table, statics = trials.read_trials(rbds, table=settings.table).query("speed_m_s == 3.5"), {}

    def quick(points, rate_hz):
        motions = {"a": motion.from_points(points, rate_hz, cutoff_hz=20.0, max_gap_s=0.04)}
        return training_range.quick_motion(motions["a"], motion.find_footsteps(motions)["mid_s"].to_numpy())

    def each(runners):
        for trial in table[table["runner"].isin(runners)].itertuples():
            recording, points = read.load_trial(trial, rbds, statics, settings)
            yield points[: round(8 * recording.point_hz)], recording.point_hz

    ends = [quick(*given) for given in each(["001", "03", "04", "08"])]
    known = {"ranges": {"quick": [min(ends), max(ends)]}}
    for points, rate_hz in each(settings.test_runners):
        share = {
            name: training_range.share_of_quick_motion(
                known, pd.DataFrame({"quick": [quick(make(points, rate_hz), rate_hz)]})
            )
            for name, make in ({"none": lambda points, _: points} | SMOOTH | SMOOTHED).items()
        }
        assert (
            min(share[name] for name in ["none", *SMOOTH]) > training_range.SMOOTHER[0] > max(map(share.get, SMOOTHED))
        )
        assert share["6 Hz"] < training_range.TOO_SMOOTH < share["10 Hz"]
