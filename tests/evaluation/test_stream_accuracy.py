"""A causal estimator: runners who are left out stay out, and each figure against a literal version."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import cut_virtual, record_virtual
from matplotlib.figure import Figure

from grfkit.evaluation import left_out_runners, stream_accuracy
from grfkit.evaluation.field import field_accuracy, ground_truth
from grfkit.field import stream, stream_model
from grfkit.points import GRAVITY
from grfkit.recordings.read import Recorded
from grfkit.reports.plots import field as field_plots

SETTINGS = stream_model.Settings(
    window_s=0.24, nodes=9, knots=14, cutoff_hz=20.0, max_gap_s=0.04, lags_s=(0.0, 0.02, 0.04)
)
SCALES = {"positions_m": 0.4, "velocities_m_s": 1.4, "accelerations_m_s2": 45.0, "recency_s": 0.03}
NOISE = 1.2e-3


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Eight virtual runners on plates: measured footsteps, sums of each runner's frames, streams by all others."""
    folder = tmp_path_factory.mktemp("stream")
    have = cut_virtual(record_virtual(folder, seed=3, men=4, women=4, trials=3), folder)
    recorded, have.drawn = have.measured.recorded, stream_model.draw(SETTINGS, SCALES, 800, seed=0)
    have.sums = stream_accuracy.sum_frames(
        recorded, have.measured.footsteps, SETTINGS, have.drawn, every=1, cutoff_hz=50.0
    )
    have.streamed = stream_accuracy.stream_left_out(
        recorded, have.sums, SETTINGS, have.drawn, noise=NOISE, vlr="touchdown_to_13"
    )
    have.evaluated = have.measured.take(np.flatnonzero(stream_accuracy.evaluated(have.measured, SETTINGS)))
    return have


@pytest.fixture(scope="module")
def model(lab):
    return stream_accuracy.fit(lab.sums, SETTINGS, lab.drawn, noise=NOISE)


def test_targets_are_known_from_touchdown_to_the_end_of_flight():
    force = np.zeros((200, 3))
    force[50:80] = [10.0, -20.0, 1000.0]
    force[100:130] = [0.0, 0.0, 700.0]  # nobody knows whose
    one = Recorded("a", "A", 3.5, np.zeros((100, 11, 3)), 50.0, force, force, 100.0)
    stances = pd.DataFrame(
        {"file": ["a"], "side": "r", "touchdown_s": 0.5, "toeoff_s": 0.79, "flight_s": 0.1, "weighed_kg": 50.0}
    )
    times = np.array([0.49, 0.5, 0.6, 0.79, 0.8, 0.89, 0.9, 1.1])
    channels = stream_accuracy.targets(one, stances, times, cutoff_hz=None)
    np.testing.assert_array_equal(
        np.isnan(channels).any(axis=(1, 2)), [True, False, False, False, False, False, True, True]
    )
    np.testing.assert_allclose(channels[1:4, 1], [[*(np.array([10, -20, 1000]) / (50 * GRAVITY)), 1.0]] * 3)
    np.testing.assert_array_equal(channels[1:6, 0], 0)
    np.testing.assert_array_equal(channels[4:6], 0)


def test_fit_is_a_ridge_regression_on_all_other_runners_frames(lab):
    """The literal version: stack the others' rows and solve by least squares, the ridge as rows of its own."""
    drawn = tuple(array[..., :60] for array in lab.drawn)
    of_runners = stream_accuracy.sum_frames(
        lab.measured.recorded, lab.measured.footsteps, SETTINGS, drawn, every=2, cutoff_hz=50.0
    )
    out = lab.measured.recorded[0].runner
    pairs = [
        stream_accuracy.training_rows(each, lab.measured.footsteps, SETTINGS, every=2, cutoff_hz=50.0)
        for each in lab.measured.recorded
        if each.runner != out
    ]
    values = stream_model.features(np.concatenate([inputs for inputs, _ in pairs]).astype(float), *drawn)
    assert sum(one.frames for runner, one in of_runners.items() if runner != out) == len(values)
    stacked = np.concatenate([values, np.sqrt(0.5 * 60 / 2) * np.eye(60)])
    weights = np.linalg.lstsq(
        stacked, np.concatenate([*(known for _, known in pairs), np.zeros((60, 12))]), rcond=None
    )[0]
    np.testing.assert_allclose(
        stream_accuracy.fit(of_runners, SETTINGS, drawn, noise=0.5, left_out_runner=out).weights, weights, atol=2e-3
    )  # single precision


def test_a_runner_left_out_has_no_part_in_its_estimates(lab):
    out = lab.measured.recorded[0].runner
    changed = [replace(each, force=3 * each.force) if each.runner == out else each for each in lab.measured.recorded]
    drawn = tuple(array[..., :60] for array in lab.drawn)
    streams = []
    for recorded in (lab.measured.recorded, changed):
        of_runners = stream_accuracy.sum_frames(
            recorded, lab.measured.footsteps, SETTINGS, drawn, every=2, cutoff_hz=50.0
        )
        streams.append(
            stream_accuracy.stream_left_out(
                lab.measured.recorded, of_runners, SETTINGS, drawn, noise=NOISE, vlr="touchdown_to_13"
            )[0.02]
        )
    for each in lab.measured.recorded:
        one, other = (files[each.file][1] for files in streams)
        assert np.array_equal(one, other, equal_nan=True) == (each.runner == out)


def test_streams_of_runners_left_out_beat_the_mean_curve(lab):
    """Vertical only: virtual runners differ little otherwise. The mean curve has contacts by plates."""
    summary = field_accuracy.mean_scores(
        stream_accuracy.score_forces(lab.streamed, lab.evaluated), lab.evaluated.footsteps
    )
    errors = stream_accuracy.nrmse_pct(summary, {name: name for name in ("lag 20 ms", left_out_runners.BASELINE)})
    assert errors["lag 20 ms"]["V"] < errors[left_out_runners.BASELINE]["V"]
    timing = (
        stream_accuracy.timing(lab.streamed, lab.evaluated.footsteps, lab.measured.footsteps, None)
        .query("speed == 'all' and detector == 'lag 20 ms'")
        .iloc[0]
    )
    assert timing["missed"] == 0 and max(timing["touchdown_rmse_ms"], timing["toeoff_rmse_ms"]) < 8  # a frame is 10 ms
    mirrored_left = stream_accuracy.score_forces(
        {
            lag: {file: (one[0], one[1][:, ::-1], *one[2:]) for file, one in files.items()}
            for lag, files in lab.streamed.items()
        },
        lab.evaluated,
    )
    assert (
        mirrored_left.query("estimator == 'lag 20 ms' and direction == 'V'")["rmse_bw"].min() > 1
    )  # the other foot is in the air


def test_forces_are_read_at_their_own_moments(lab):
    """A stream that gives the plates' force, exactly, has no error; one that is late has."""
    shifted = {}
    for lag, late_s in ((0.0, 0.0), (0.02, 0.01)):
        shifted[lag] = {}
        for each in lab.measured.recorded:
            times = np.arange(len(each.force)) / each.force_hz
            force = np.nan_to_num(
                stream_accuracy.targets(each, lab.measured.footsteps, times, cutoff_hz=lab.section.force_cutoff_hz)[
                    ..., :3
                ]
            )
            shifted[lag][each.file] = times + late_s, force, None, []
    scores = stream_accuracy.score_forces(shifted, lab.evaluated)
    errors = scores.groupby(["estimator", "direction"])["rmse_bw"].mean().unstack()
    assert errors.loc["lag 0 ms"].max() < 0.01  # plates are zeroed over other frames, no more
    assert (errors.loc["lag 20 ms"] > 3 * errors.loc["lag 0 ms"]).all()


def one_stream(*contacts):
    return {"a": (None, None, None, [stream.Step(side, *span, {}) for side, *span in contacts])}


def test_timing_counts_what_is_missed_and_what_is_false():
    steps = pd.DataFrame(
        {
            "stance": range(4),
            "file": "a",
            "runner": "A",
            "speed": "3.5 m/s",
            "side": list("lrlr"),
            "mid_s": 0.0,
            "touchdown_s": [1.0, 1.4, 1.8, 2.2],
            "toeoff_s": [1.25, 1.65, 2.05, 2.45],
        }
    )
    none = pd.DataFrame({"file": [], "touchdown_s": []})
    streamed = {
        0.0: one_stream(("l", 1.004, 1.247), ("r", 1.4, 1.65), ("l", 1.8, 2.05), ("r", 2.2, 2.45)),
        0.02: one_stream(("l", 1.0, 1.25), ("l", 1.42, 1.5), ("l", 1.8, 2.05), ("r", 2.26, 2.45), ("l", 2.1, 2.18)),
    }
    table = stream_accuracy.timing(streamed, steps, steps, none).query("speed == 'all'").set_index("detector")
    assert table.loc["lag 0 ms", ["missed", "false"]].tolist() == [0, 0]
    assert table.loc["lag 0 ms", "touchdown_rmse_ms"] == pytest.approx(np.sqrt(4**2 / 4)) and table.loc[
        "lag 0 ms", "contact_mean_ms"
    ] == pytest.approx(-7 / 4)
    assert table.loc["lag 20 ms", ["missed", "false"]].tolist() == [
        2,
        2,
    ]  # one on the wrong foot, one 60 ms late; wrong foot, and in flight


def test_evaluated_leaves_out_what_some_lag_cannot_know(lab):
    one = lab.measured.recorded[0]
    end = (len(one.points) - 1) / one.point_hz
    steps = pd.DataFrame({"file": one.file, "touchdown_s": [0.32, 0.34, 0.5], "toeoff_s": [0.6, end - 0.1, end - 0.08]})
    by_hand = ground_truth.Measured([one], {}, None, None, steps, None)
    np.testing.assert_array_equal(stream_accuracy.evaluated(by_hand, SETTINGS), [False, True, False])


def test_latency_is_lag_and_computation(lab, model):
    took = stream_accuracy.compute_ms(model, lab.measured.recorded[0], frames=60)
    assert len(took) == 60 - round(SETTINGS.window_s * lab.measured.recorded[0].point_hz) and (took > 0).all()
    summary = pd.DataFrame(
        [("lag 20 ms", direction, "all", value) for direction, value in (("AP", 5.0), ("ML", 9.0), ("V", 3.0))],
        columns=["estimator", "direction", "speed", "nrmse_pct"],
    )
    columns = ["touchdown_rmse_ms", "toeoff_rmse_ms", "contact_rmse_ms", "steps", "missed", "false"]
    timed = pd.DataFrame([["lag 20 ms", "all", *range(6)]], columns=["detector", "speed", *columns])
    row = stream_accuracy.by_lag(summary, timed, np.array([1.0, 2.0, 9.0]), [0.02]).iloc[0]
    assert (row["lag_ms"], row["latency_ms"], row["nrmse_pct_ml"], row["missed"]) == (20, 22, 9, 4) and 28 < row[
        "latency_p99_ms"
    ] <= 29


def test_ratio_is_to_the_named_estimator_of_the_same_speed():
    summary = pd.DataFrame(
        {"estimator": ["a", "a", "b"], "direction": "V", "speed": ["slow", "all", "all"], "nrmse_pct": [4.0, 6.0, 3.0]}
    )
    np.testing.assert_array_equal(stream_accuracy.with_ratio(summary, to="b")["ratio"], [np.nan, 2.0, 1.0])


def test_figure_shows_both_feet_and_every_estimator(lab):
    scores = stream_accuracy.score_forces(lab.streamed, lab.evaluated)
    about, times, measured, shown = stream_accuracy.typical(
        scores, lab.evaluated, lab.streamed, lab.measured.footsteps, seconds=0.6, cutoff_hz=50.0
    )
    assert (
        about.startswith("runner v")
        and list(shown) == ["lag 0 ms", "lag 40 ms"]
        and measured.shape == shown["lag 0 ms"].shape == (len(times), 2, 3)
    )
    axes = Figure().subplots(2, 3)
    field_plots.streamed(axes[0], times, measured, shown, about=about)
    assert all(len(ax.lines) == 7 for ax in axes[0])  # two feet, three curves, zero
    np.testing.assert_array_equal(axes[0, 2].lines[3].get_ydata(), measured[:, 1, 2])
    table = pd.DataFrame(
        {"lag_ms": [0.0, 40.0], "nrmse_pct_ap": [7.0, 5.0], "nrmse_pct_ml": [14.0, 12.0], "nrmse_pct_v": [5.0, 4.0]}
    )
    field_plots.errors_by_lag(axes[1], table, {"two-way": {"AP": 3.0, "ML": 8.0, "V": 9.0}}, stances=10, runners=2)
    np.testing.assert_array_equal(axes[1, 2].lines[0].get_ydata(), [5.0, 4.0])
    assert axes[1, 2].get_ylim()[1] >= 9.0 and "2 runners" in axes[1, 2].texts[0].get_text()
