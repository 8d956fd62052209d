"""Streaming: nothing is seen before its time, any camera and any ground will do, and runners who are left out stay out of what is trained."""

import json
from dataclasses import replace

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from helpers import CARD, cut_virtual, record_virtual, virtual_run
from matplotlib.figure import Figure

from grfkit.estimators import model_folder, samples
from grfkit.evaluation import left_out_runners, stream_accuracy
from grfkit.evaluation.field import field_accuracy
from grfkit.field import stream, stream_model
from grfkit.points import GRAVITY, mirrored
from grfkit.recordings.read import Recorded
from grfkit.reports.plots import field as field_plots

SETTINGS = stream_model.Settings(
    window_s=0.24, nodes=9, knots=14, cutoff_hz=20.0, max_gap_s=0.04, lags_s=(0.0, 0.02, 0.04)
)
SCALES = {"positions_m": 0.4, "velocities_m_s": 1.4, "accelerations_m_s2": 45.0, "recency_s": 0.03}
HZ = 200
NOISE = 1.2e-3


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Virtual recordings with plates of eight runners, their measured steps, sums of each runner's frames, and streams of each by all others."""
    folder = tmp_path_factory.mktemp("stream")
    have = cut_virtual(record_virtual(folder, seed=3, men=4, women=4, trials=3), folder)
    stances = have.known
    drawn = stream_model.draw(SETTINGS, SCALES, 800, seed=0)
    have.drawn, have.sums = (
        drawn,
        stream_accuracy.sums(have.recorded, stances, SETTINGS, drawn, every=1, cutoff_hz=50.0),
    )
    have.streamed = stream_accuracy.left_out(
        have.recorded, have.sums, SETTINGS, drawn, noise=NOISE, vlr="touchdown_to_13"
    )
    return have


@pytest.fixture(scope="module")
def model(lab):
    return stream_accuracy.fit(lab.sums, SETTINGS, lab.drawn, noise=NOISE)


@pytest.fixture(scope="module")
def points():
    """A virtual runner overground at 200 Hz, whom nobody trained."""
    return virtual_run(1, hz=HZ)[0]


def pushed(model, points, times, lag_s):
    streaming = stream.Stream(model, lag_s=lag_s)
    return [streaming.push(frame, time) for frame, time in zip(points, times, strict=True)]


def test_pushing_frame_by_frame_gives_what_run_gives(model, points):
    points = points.copy()
    points[70, 4] = np.nan  # windows with a gap take another way
    each = pushed(model, points, np.arange(len(points)) / HZ, 0.02)
    times, force, on_ground, steps = stream.run(model, points, HZ, lag_s=0.02)
    np.testing.assert_allclose([one.time_s for one in each], times, atol=1e-12)
    np.testing.assert_allclose(
        [one.force for one in each], force, atol=1e-8
    )  # sums of thousands of terms, in another order
    np.testing.assert_array_equal([one.on_ground for one in each], on_ground)
    of_pushes = [step for one in each for step in one.steps]
    assert [step.side for step in of_pushes] == [step.side for step in steps] and len(steps) >= 1
    np.testing.assert_allclose([step[1:3] for step in of_pushes], [step[1:3] for step in steps], atol=1e-8)


def test_no_frame_changes_what_was_given_before_it(model, points):
    for frame in (60, 61, 120):
        other = points.copy()
        other[frame:] += 0.5 * np.random.default_rng(0).normal(size=other[frame:].shape)
        before, after = (stream.run(model, one, HZ, lag_s=0.0)[1] for one in (points, other))
        np.testing.assert_array_equal(before[:frame], after[:frame])  # to the bit
        assert (before[frame:] != after[frame:]).any()


def test_a_step_is_given_at_its_toe_off_not_before(model, points):
    each = pushed(model, points, np.arange(len(points)) / HZ, 0.04)
    ended = [(one, step) for one in each for step in one.steps]
    assert ended
    for one, step in ended:
        assert one.time_s - 1 / HZ <= step.toeoff_s <= one.time_s and not one.on_ground["lr".index(step.side)]


def test_a_belt_is_like_the_ground(model, points):
    way = np.arange(len(points))[:, None, None] / HZ * [3.5, 0.2, 0.0]
    overground, belt = (stream.run(model, one, HZ, lag_s=0.0)[1] for one in (points, points - way + [2.0, -1.0, 0.0]))
    np.testing.assert_allclose(belt, overground, atol=1e-6)  # a spline keeps a straight line; what is left is rounding
    higher = stream.run(model, points + [0, 0, 0.2], HZ, lag_s=0.0)[1]
    assert np.nanmax(np.abs(higher - overground)) > 0.05  # height is not taken away


def test_any_camera_rate_will_do(model):
    fast, slow = (stream.run(model, virtual_run(1, hz=hz)[0], hz, lag_s=0.02)[1] for hz in (200, 100))
    both = np.isfinite(slow[:, 0, 0]) & np.isfinite(fast[::2, 0, 0])
    assert both.sum() > 50
    assert (
        np.sqrt(np.mean((slow - fast[::2])[both] ** 2, axis=(0, 1))).max() < 0.05
    )  # less than half the error against plates


def test_a_mirrored_runner_has_mirrored_forces(model, points):
    one, other = (stream.run(model, each, HZ, lag_s=0.0) for each in (points, mirrored(points)))
    np.testing.assert_allclose(other[1], one[1][:, ::-1] * [1, -1, 1], atol=1e-8)
    assert [step.side for step in other[3]] == ["rl"["lr".index(step.side)] for step in one[3]]


def test_nothing_is_given_before_the_window_is_full(model, points):
    force, first = stream.run(model, points, HZ, lag_s=0.0)[1], round(SETTINGS.window_s * HZ)
    assert np.isnan(force[:first]).all() and np.isfinite(force[first:]).all()


def test_a_short_gap_is_bridged_and_a_long_one_silences_until_the_window_is_whole(model, points):
    whole, most, window = (
        stream.run(model, points, HZ, lag_s=0.0)[1],
        round(SETTINGS.max_gap_s * HZ),
        round(SETTINGS.window_s * HZ),
    )
    short, long = points.copy(), points.copy()
    short[70 : 70 + most, 5] = np.nan
    long[70 : 71 + most, 5] = np.nan
    bridged, silent = (stream.run(model, one, HZ, lag_s=0.0)[1] for one in (short, long))
    assert np.isfinite(bridged[window:]).all() and np.nanmax(np.abs(bridged - whole)) > 0
    quiet = np.isnan(silent).any(axis=(1, 2))
    end = 70 + most + window
    assert (
        quiet[70 + most]
        and not quiet[window : 70 + most].any()
        and quiet[70 + most : end].mean() > 0.8
        and not quiet[end + 2 :].any()
    )
    for one in (bridged, silent):
        np.testing.assert_array_equal(one[:70], whole[:70])
        np.testing.assert_allclose(one[end + 2 :], whole[end + 2 :], atol=1e-8)


def test_dropped_frames_are_a_gap_of_all_points(model, points):
    times = np.arange(len(points)) / HZ
    for dropped, quiet in ((8, False), (9, True)):  # max_gap_s is 8 frames
        kept = np.r_[0:80, 80 + dropped : len(points)]
        force = np.array([one.force for one in pushed(model, points[kept], times[kept], 0.0)])
        assert np.isnan(force[80:100]).all() == quiet and np.isfinite(force[80:100]).all() != quiet
        inputs = stream.motion(SETTINGS, points[kept], times[kept])
        np.testing.assert_array_equal(np.isfinite(inputs).all(axis=1), np.isfinite(force).all(axis=(1, 2)))


def test_an_interrupted_contact_is_no_step():
    channels = np.zeros((40, 2, 4))
    channels[10:30, 1] = [0.0, 0.0, 2.0, 1.0]
    assert len(stream.follow(np.arange(40) / 100, channels)[3]) == 1
    channels[20, 1] = np.nan
    assert stream.follow(np.arange(40) / 100, channels)[3] == []
    channels[10:13, 0] = [0.0, 0.0, 2.0, 1.0]  # 30 ms is no contact
    assert stream.follow(np.arange(40) / 100, channels)[3] == []


def test_a_step_reads_its_features_off_its_force():
    """A half-sine of .2 s whose contact channel is 1/2 at touchdown at .2 and toe-off at .4 s: peaks by hand."""
    times = np.arange(0, 0.6, 0.001)
    share = np.clip((times - 0.2) / 0.2, 0, 1)
    force = np.stack(
        [-0.3 * np.sin(2 * np.pi * share), 0.1 * np.sin(np.pi * share), 2.5 * np.sin(np.pi * share)], axis=1
    )
    channels = np.zeros((len(times), 2, 4))
    channels[:, 0] = np.column_stack([force, np.clip(0.5 + 50 * np.minimum(times - 0.2, 0.4 - times), 0, 1)])
    (step,), given = stream.follow(times, channels)[3], stream.follow(times, channels)[1]
    assert step.side == "l" and (step.touchdown_s, step.toeoff_s) == pytest.approx(
        (0.2, 0.4), abs=1e-3
    )  # a frame: 1/2 is not on the ground
    expected = {
        "active_peak_bw": 2.5,
        "braking_peak_bw": 0.3,
        "propulsive_peak_bw": 0.3,
        "impact_peak_bw": 2.5 * np.sin(0.13 * np.pi),
        "vlr_bw_s": 2.5 * np.sin(0.13 * np.pi) / 0.026,
    }
    assert step.features == pytest.approx(expected, rel=0.02)  # the force is linear between frames, and one frame late
    np.testing.assert_array_equal(given[(times < 0.199) | (times > 0.401)], 0)


@pytest.mark.parametrize(
    ("frame", "time_s", "words"),
    [
        (np.zeros((33,)), 1.0, r"A frame is \(11, 3\).*\(33,\)"),
        (np.full((11, 3), 900.0), 1.0, "divide by 1000"),
        (np.zeros((11, 3)), 0.0, "order of time"),
        (np.zeros((11, 3)), None, "order of time"),
        (np.zeros((11, 3)), np.nan, "order of time"),
    ],
)
def test_push_refuses_what_is_no_frame(model, frame, time_s, words):
    streaming = stream.Stream(model, lag_s=0.0)
    streaming.push(np.zeros((11, 3)), 0.0)
    with pytest.raises(ValueError, match=words):
        streaming.push(frame, time_s)


def test_run_refuses_what_is_no_recording(model, points):
    wrong = 1000 * points
    wrong[0] = np.nan
    for recording, rate_hz, words in (
        (wrong, HZ, "divide by 1000"),
        (points, 0.0, "rate in Hz"),
        (points[0], HZ, r"A recording is \(F, 11, 3\)"),
    ):
        with pytest.raises(ValueError, match=words):
            stream.run(model, recording, rate_hz, lag_s=0.0)
    np.testing.assert_array_equal(
        stream.run(model, points[:60].tolist(), HZ, lag_s=0.0)[1], stream.run(model, points[:60], HZ, lag_s=0.0)[1]
    )


def test_a_lag_that_was_not_trained_is_refused(model, points):
    for use in (lambda: stream.Stream(model, lag_s=0.03), lambda: stream.run(model, points, HZ, lag_s=0.03)):
        with pytest.raises(ValueError, match=r"0, 0\.02, 0\.04 s; found 0\.03"):
            use()


def test_a_saved_model_gives_the_same_forces_and_so_does_its_graph(model, tmp_path):
    stream.save(tmp_path / "model", model, card=CARD)
    points = virtual_run(2, hz=1000)[0]
    points = points[np.round(np.arange(120) * 1000 / 150).astype(int)]
    channels = stream.both(model, stream.motion(SETTINGS, points, np.arange(len(points)) / 150))
    again = stream.load(tmp_path / "model")
    np.testing.assert_array_equal(
        stream.both(again, stream.motion(again.settings, points, np.arange(len(points)) / 150)), channels
    )
    session = onnxruntime.InferenceSession(tmp_path / "model" / "stream.onnx")
    window = np.float32(points[None, -37:])
    (found,) = session.run(None, {"points": window})
    np.testing.assert_allclose(found[0], channels[-1, :, 1], atol=1e-4)


def test_load_refuses_another_kind_of_model(model, tmp_path):
    stream.save(tmp_path / "model", model, card=CARD)
    described = tmp_path / "model" / "model.json"
    content = json.loads(described.read_text(encoding="utf-8"))
    del content["description"]["stream"]["window_s"]
    described.write_text(json.dumps(content | {"checksum": model_folder.seal(content)}), encoding="utf-8")
    with pytest.raises(ValueError, match="does not fit.*window_s"):
        stream.load(tmp_path / "model")
    content["description"] = {"parts": {}}
    described.write_text(json.dumps(content | {"checksum": model_folder.seal(content)}), encoding="utf-8")
    with pytest.raises(ValueError, match=f"12_stream saved; found another: {CARD['title']}"):
        stream.load(tmp_path / "model")


def test_features_stand_for_the_gaussian_kernel_of_scaled_motion():
    """Two motions that differ at one node only; the kernel by hand, features to 1 / sqrt(D)."""
    few, rng = replace(SETTINGS, nodes=3), np.random.default_rng(1)
    one = rng.normal(size=(3, 3, 11, 3))
    other = one.copy()
    other[1, 2] += 2.0  # velocities at the newest node
    other[0, 0] += 0.8  # positions at the oldest
    recent = np.exp([-0.24 / 0.1, -0.12 / 0.1, 0.0])
    squared = (
        recent[2] * (2.0 / 1.4) ** 2 + recent[0] * (0.8 / 0.4) ** 2
    ) / recent.sum()  # means over points, weights over nodes
    drawn = stream_model.draw(few, SCALES | {"recency_s": 0.1}, 40000, seed=0)
    mine, theirs = stream_model.features(np.stack([one.ravel(), other.ravel()]), *drawn)
    assert 2 * np.mean(mine * theirs) == pytest.approx(np.exp(-squared / 2), abs=0.02)  # 4 / sqrt(40000)
    assert 2 * np.mean(mine * mine) == pytest.approx(1, abs=0.02)


def test_the_smoothed_window_follows_a_parabola_and_damps_what_is_fast():
    micros = tuple(np.rint(1e6 * np.arange(-36, 1) / 150).astype(int).tolist())
    smooth, _ = stream_model.smoother(SETTINGS, micros)
    times, nodes = np.array(micros) * 1e-6, np.linspace(-0.24, 0, 9)
    position, velocity, acceleration = (smooth @ (1 + 2 * times + 3 * times**2)).reshape(3, 9)
    np.testing.assert_allclose(
        [position, velocity, acceleration], [1 + 2 * nodes + 3 * nodes**2, 2 + 6 * nodes, np.full(9, 6.0)], atol=1e-5
    )
    slow, fast = (np.abs((smooth @ np.sin(2 * np.pi * hz * times + 0.3)).reshape(3, 9)[0, 2:7]).max() for hz in (3, 60))
    assert slow > 0.9 and fast < 0.1


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
    of_runners = stream_accuracy.sums(lab.recorded, lab.known, SETTINGS, drawn, every=2, cutoff_hz=50.0)
    out = lab.recorded[0].runner
    pairs = [
        stream_accuracy.rows(each, lab.known, SETTINGS, every=2, cutoff_hz=50.0)
        for each in lab.recorded
        if each.runner != out
    ]
    values = stream_model.features(np.concatenate([inputs for inputs, _ in pairs]).astype(float), *drawn)
    assert sum(one.frames for runner, one in of_runners.items() if runner != out) == len(values)
    stacked = np.concatenate([values, np.sqrt(0.5 * 60 / 2) * np.eye(60)])
    weights = np.linalg.lstsq(
        stacked, np.concatenate([*(known for _, known in pairs), np.zeros((60, 12))]), rcond=None
    )[0]
    np.testing.assert_allclose(
        stream_accuracy.fit(of_runners, SETTINGS, drawn, noise=0.5, without=out).weights, weights, atol=2e-3
    )  # single precision


def test_a_runner_left_out_has_no_part_in_its_estimates(lab):
    out = lab.recorded[0].runner
    changed = [replace(each, force=3 * each.force) if each.runner == out else each for each in lab.recorded]
    drawn = tuple(array[..., :60] for array in lab.drawn)
    streams = []
    for recorded in (lab.recorded, changed):
        of_runners = stream_accuracy.sums(recorded, lab.known, SETTINGS, drawn, every=2, cutoff_hz=50.0)
        streams.append(
            stream_accuracy.left_out(lab.recorded, of_runners, SETTINGS, drawn, noise=NOISE, vlr="touchdown_to_13")[
                0.02
            ]
        )
    for each in lab.recorded:
        one, other = (files[each.file][1] for files in streams)
        assert np.array_equal(one, other, equal_nan=True) == (each.runner == out)


def test_streams_of_runners_left_out_beat_the_mean_curve(lab):
    """Vertical only: virtual runners differ little otherwise. The mean curve is told by the plates when the foot is on the ground."""
    kept = np.flatnonzero(stream_accuracy.judged(lab.known, lab.recorded, SETTINGS))
    steps, taken = lab.known.iloc[kept].reset_index(drop=True), samples.take(lab.taken, kept)
    summary = field_accuracy.summary(stream_accuracy.forces(lab.streamed, steps, taken), steps)
    errors = stream_accuracy.others(summary, {name: name for name in ("lag 20 ms", left_out_runners.BASELINE)})
    assert errors["lag 20 ms"]["V"] < errors[left_out_runners.BASELINE]["V"]
    timing = (
        stream_accuracy.timing(lab.streamed, steps, lab.known, None)
        .query("speed == 'all' and detector == 'lag 20 ms'")
        .iloc[0]
    )
    assert timing["missed"] == 0 and max(timing["touchdown_rmse_ms"], timing["toeoff_rmse_ms"]) < 8  # a frame is 10 ms
    mirrored_left = stream_accuracy.forces(
        {
            lag: {file: (one[0], one[1][:, ::-1], *one[2:]) for file, one in files.items()}
            for lag, files in lab.streamed.items()
        },
        steps,
        taken,
    )
    assert (
        mirrored_left.query("estimator == 'lag 20 ms' and direction == 'V'")["rmse_bw"].min() > 1
    )  # the other foot is in the air


def test_forces_are_read_at_their_own_moments(lab):
    """A stream that gives the plates' force, exactly, has no error; one that is late has."""
    kept = np.flatnonzero(stream_accuracy.judged(lab.known, lab.recorded, SETTINGS))
    steps, taken = lab.known.iloc[kept].reset_index(drop=True), samples.take(lab.taken, kept)
    shifted = {}
    for lag, late_s in ((0.0, 0.0), (0.02, 0.01)):
        shifted[lag] = {}
        for each in lab.recorded:
            times = np.arange(len(each.force)) / each.force_hz
            force = np.nan_to_num(
                stream_accuracy.targets(each, lab.known, times, cutoff_hz=lab.section.force_cutoff_hz)[..., :3]
            )
            shifted[lag][each.file] = times + late_s, force, None, []
    scores = stream_accuracy.forces(shifted, steps, taken)
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


def test_judged_leaves_out_what_some_lag_cannot_know(lab):
    one = lab.recorded[0]
    end = (len(one.points) - 1) / one.point_hz
    steps = pd.DataFrame({"file": one.file, "touchdown_s": [0.32, 0.34, 0.5], "toeoff_s": [0.6, end - 0.1, end - 0.08]})
    np.testing.assert_array_equal(stream_accuracy.judged(steps, [one], SETTINGS), [False, True, False])


def test_latency_is_lag_and_computation(lab, model):
    took = stream_accuracy.compute_ms(model, lab.recorded[0], frames=60)
    assert len(took) == 60 - round(SETTINGS.window_s * lab.recorded[0].point_hz) and (took > 0).all()
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
    kept = np.flatnonzero(stream_accuracy.judged(lab.known, lab.recorded, SETTINGS))
    steps, taken = lab.known.iloc[kept].reset_index(drop=True), samples.take(lab.taken, kept)
    scores = stream_accuracy.forces(lab.streamed, steps, taken)
    about, times, measured, shown = stream_accuracy.typical(
        scores, steps, lab.streamed, lab.recorded, lab.known, seconds=0.6, cutoff_hz=50.0
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
