"""Degraded recordings: by the amount, in the way and from the seed that was asked for, and what they cost."""

import numpy as np
import pytest
from helpers import DETECTOR

from grfkit.evaluation.field import field_accuracy, field_training, ground_truth, robustness

HZ = 150


STILL = np.zeros((6000, 11, 3))


AMOUNTS = {"noise": 0.01, "bias": 0.02, "rate": 60.0, "missing": 0.1, "smoothed": 8.0}


def make(way, points, amount, *, seed=0, hz=HZ):
    return robustness.WAYS[way].make(points, hz, amount, np.random.default_rng(seed))


def runs(hidden):
    """Give the lengths of runs of True in (F,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], hidden.astype(int), [0]])))
    return edges[1::2] - edges[::2]


def test_noise_is_white_and_as_large_as_asked():
    points, rate = make("noise", STILL, 0.01)
    assert rate == HZ
    # of 6,000 numbers an SD is known to 0.9 %, a correlation to .013; of 33 columns none is off by five times that
    np.testing.assert_allclose(points.std(axis=0), 0.01, rtol=0.05)
    following = [np.corrcoef(column[1:], column[:-1])[0, 1] for column in points.reshape(len(points), -1).T]
    assert np.abs(following).max() < 0.065
    beside = np.corrcoef(points.reshape(len(points), -1).T) - np.eye(33)
    assert np.abs(beside).max() < 0.065


def test_bias_moves_each_point_alike_in_all_frames():
    points = np.random.default_rng(1).normal(size=(50, 11, 3))
    moves = np.concatenate([make("bias", points, 0.02, seed=seed)[0] - points for seed in range(200)]).reshape(
        200, 50, 33
    )
    np.testing.assert_allclose(moves, np.broadcast_to(moves[:, :1], moves.shape), atol=1e-12)
    np.testing.assert_allclose(moves[:, 0].std(axis=0), 0.02, rtol=0.25)  # of 200 numbers an SD is known to 5 %
    assert len(np.unique(moves[0, 0])) == 33


@pytest.mark.parametrize("wanted", [30.0, 100.0, 240.0])
def test_rate_keeps_what_is_slow_at_the_times_of_another_camera(wanted):
    def curve(times):
        """Up to 6 Hz, of another phase and frequency for each coordinate."""
        return np.sin(2 * np.pi * np.linspace(1, 6, 33) * times[:, None] + np.arange(33)).reshape(-1, 11, 3)

    points, rate = make("rate", curve(np.arange(301) / HZ), wanted)
    times = np.arange(len(points)) / wanted
    assert rate == wanted and 2 - 1 / wanted <= times[-1] + 1e-9 and times[-1] <= 2
    inside = (times > 0.05) & (times < 1.95)  # at its ends a spline knows one side only
    np.testing.assert_allclose(
        points[inside], curve(times)[inside], atol=2e-4
    )  # 25 frames a period: (2 pi / 25)^4 / 384 = 1e-5 and more


def test_rate_leaves_missing_what_was_missing():
    points = np.random.default_rng(0).normal(size=(300, 11, 3))
    points[100:130, 4] = np.nan
    slower, rate = make("rate", points, 50.0)
    times = np.arange(len(slower)) / rate
    missing = np.isnan(slower).all(axis=2)
    np.testing.assert_array_equal(missing[:, 4], (times * HZ > 99.5) & (times * HZ < 129.5))
    assert not missing[:, np.arange(11) != 4].any()
    np.testing.assert_allclose(
        slower[~missing], points[::3][~missing], atol=1e-12
    )  # every third frame is a frame of both


def test_smoothed_leaves_at_each_frequency_what_a_low_pass_leaves_and_bridges_a_gap():
    """Tones: 3 dB down at the cutoff, as good as whole at a third of it; a point that is hardly seen stays away."""
    times = np.arange(3000)[:, None, None] / HZ
    tones = np.sin(2 * np.pi * np.array([8.0, 2.7, 16.0]) * times) + np.zeros((11, 1))
    points = tones.copy()
    points[1500:1503, 4], points[12:, 7] = np.nan, np.nan
    smooth, rate = make("smoothed", points, 8.0)
    middle = smooth[500:1400].std(axis=0) / tones[500:1400].std(axis=0)
    assert rate == HZ and np.isnan(smooth[1500:1503, 4]).all() and np.isnan(smooth[:, 7]).all()
    ratios = np.tan(np.pi * np.array([8.0, 2.7, 16.0]) / HZ) / np.tan(np.pi * 8.0 / HZ)  # on a digital filter's scale
    np.testing.assert_allclose(middle[0], 1 / (1 + (2**0.5 - 1) * ratios**4), atol=0.001)
    assert np.isfinite(np.delete(smooth, [4, 7], axis=1)).all()
    np.testing.assert_allclose(smooth[1480:1500, 4, 1], smooth[1480:1500, 0, 1], atol=0.01)  # 2.7 Hz, bridged


@pytest.mark.parametrize("amount", [0.01, 0.05, 0.2, 0.5])
def test_missing_hides_the_share_that_was_asked_in_gaps_of_the_length_that_it_says(amount):
    points, rate = make("missing", np.zeros((60000, 11, 3)), amount)
    hidden = np.isnan(points)
    assert rate == HZ and (hidden.all(axis=2) == hidden.any(axis=2)).all()
    lengths = np.concatenate([runs(column) for column in hidden.all(axis=2).T])
    # n gaps whose lengths spread as much as their mean: both are known to 1 / sqrt(n), the share to twice that
    tolerance = 6 / np.sqrt(len(lengths))
    assert lengths.mean() == pytest.approx(robustness.GAP_S * HZ, rel=tolerance)
    assert hidden.mean() == pytest.approx(amount, rel=tolerance)
    assert tolerance < 0.2 and lengths.min() == 1


def test_missing_hides_points_one_by_one():
    hidden = np.isnan(make("missing", STILL, 0.2)[0]).all(axis=2)
    together = np.corrcoef(hidden.T) - np.eye(11)
    assert np.abs(together).max() < 0.15  # 6,000 frames are some 1,300 independent looks: .03 each, and five times that
    assert not np.isnan(make("missing", STILL, 0.0)[0]).any()


@pytest.mark.parametrize("way", AMOUNTS)
def test_a_way_follows_its_seed_and_leaves_its_input_and_what_was_missing(way):
    points = np.random.default_rng(2).normal(size=(400, 11, 3))
    points[30:60, 3] = np.nan
    before = points.copy()
    one, again, other = (make(way, points, AMOUNTS[way], seed=seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(points, before)
    np.testing.assert_array_equal(one[0], again[0])
    assert one[1] == again[1]
    if way != "rate":
        assert way == "smoothed" or not np.array_equal(one[0], other[0], equal_nan=True)
        assert np.isnan(one[0][30:60, 3]).all() and one[0].shape == points.shape
    assert np.isfinite(one[0][:, 5 if way != "missing" else 3]).any()
    assert robustness.WAYS[way].called and robustness.WAYS[way].factor > 0


def test_degraded_recordings_err_more_and_what_is_not_seen_is_not_estimated(lab):
    cases = {"noise": [0.004], "rate": [200.0], "missing": [0.01, 0.9]}
    table = robustness.evaluate_degraded(lab.measured, lab.model, cases, seconds=5.0, seed=1)
    assert list(table["way"]) == ["none", "noise", "rate", "missing", "missing"] and set(table["steps"]) == {
        len(lab.measured.footsteps)
    }
    plain, noise, rate, few, none = (row for _, row in table.iterrows())
    scores, _ = field_accuracy.score_forces(lab.measured, {"as they are": (lab.contacts, lab.estimated)})
    assert plain["rmse_bw_v"] == pytest.approx(scores[scores["direction"] == "V"]["rmse_bw"].mean())
    assert plain["estimated_pct"] == rate["estimated_pct"] == 100 and noise["rmse_bw_v"] > 1.1 * plain["rmse_bw_v"]
    assert rate["touchdown_rmse_ms"] == pytest.approx(
        plain["touchdown_rmse_ms"], abs=1.0
    )  # more frames of the same motion
    assert few["estimated_pct"] < 100 and none["estimated_pct"] == 0 and np.isnan(none["rmse_bw_v"])


def test_a_model_of_another_low_pass_is_another_model(lab):
    """With the study's own low-pass it is the same model, and the same table; with another it is not."""
    case = {"noise": [0.002]}
    plain = robustness.evaluate_degraded(lab.measured, lab.model, case, seconds=5.0, seed=1)
    tables = []
    for cutoff_hz in (lab.section.points_cutoff_hz, 8.0):
        filtered = {"points_cutoff_hz": cutoff_hz}
        again = ground_truth.measure(
            lab.measured.recorded, lab.stances, lab.measured.samples, lab.section.model_copy(update=filtered)
        )
        settings = lab.model.settings | filtered
        model = field_training.train_forces(again, DETECTOR, lab.recipe, settings, every=1, seed=1)
        tables.append(robustness.evaluate_degraded(again, model, case, seconds=5.0, seed=1))
    same, other = tables
    np.testing.assert_allclose(
        same.drop(columns="way").to_numpy(float), plain.drop(columns="way").to_numpy(float), rtol=1e-6
    )
    assert other["rmse_bw_v"].iloc[0] != pytest.approx(plain["rmse_bw_v"].iloc[0], rel=1e-3)
