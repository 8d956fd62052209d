"""Streaming: nothing is seen before its time, and any camera and any ground will do."""

import json
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
from helpers import CARD, cut_virtual, record_virtual, virtual_run

from grfkit.estimators import model_folder
from grfkit.evaluation import stream_accuracy
from grfkit.field import stream, stream_model
from grfkit.points import mirrored

SETTINGS = stream_model.Settings(
    window_s=0.24, nodes=9, knots=14, cutoff_hz=20.0, max_gap_s=0.04, lags_s=(0.0, 0.02, 0.04)
)
SCALES = {"positions_m": 0.4, "velocities_m_s": 1.4, "accelerations_m_s2": 45.0, "recency_s": 0.03}
HZ = 200
NOISE = 1.2e-3


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model that was trained on eight virtual runners."""
    folder = tmp_path_factory.mktemp("stream")
    measured = cut_virtual(record_virtual(folder, seed=3, men=4, women=4, trials=3), folder).measured
    drawn = stream_model.draw(SETTINGS, SCALES, 800, seed=0)
    sums = stream_accuracy.sum_frames(measured.recorded, measured.footsteps, SETTINGS, drawn, every=1, cutoff_hz=50.0)
    return stream_accuracy.fit(sums, SETTINGS, drawn, noise=NOISE)


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
        inputs = stream.window_inputs(SETTINGS, points[kept], times[kept])
        np.testing.assert_array_equal(np.isfinite(inputs).all(axis=1), np.isfinite(force).all(axis=(1, 2)))


def test_an_interrupted_contact_is_no_step():
    channels = np.zeros((40, 2, 4))
    channels[10:30, 1] = [0.0, 0.0, 2.0, 1.0]
    assert len(stream.decide_contacts(np.arange(40) / 100, channels)[3]) == 1
    channels[20, 1] = np.nan
    assert stream.decide_contacts(np.arange(40) / 100, channels)[3] == []
    channels[10:13, 0] = [0.0, 0.0, 2.0, 1.0]  # 30 ms is no contact
    assert stream.decide_contacts(np.arange(40) / 100, channels)[3] == []


def test_a_step_reads_its_features_off_its_force():
    """A half-sine of .2 s whose contact channel is 1/2 at touchdown at .2 and toe-off at .4 s: peaks by hand."""
    times = np.arange(0, 0.6, 0.001)
    share = np.clip((times - 0.2) / 0.2, 0, 1)
    force = np.stack(
        [-0.3 * np.sin(2 * np.pi * share), 0.1 * np.sin(np.pi * share), 2.5 * np.sin(np.pi * share)], axis=1
    )
    channels = np.zeros((len(times), 2, 4))
    channels[:, 0] = np.column_stack([force, np.clip(0.5 + 50 * np.minimum(times - 0.2, 0.4 - times), 0, 1)])
    (step,), given = stream.decide_contacts(times, channels)[3], stream.decide_contacts(times, channels)[1]
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


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.array])
def test_run_and_push_take_numbers_of_numpy(model, points, kind):
    lag_s = model.settings.lags_s[0]
    expected, ours = (stream.run(model, points[:60], each(HZ), lag_s=each(lag_s)) for each in (float, kind))
    for one, other in zip(expected[:3], ours[:3], strict=True):
        np.testing.assert_array_equal(one, other)
    streams = [stream.Stream(model, lag_s=each(lag_s)) for each in (float, kind)]
    for frame, each in enumerate(points[:40]):
        plain, other = streams[0].push(each, round(frame / HZ, 3)), streams[1].push(each, kind(round(frame / HZ, 3)))
        np.testing.assert_array_equal(plain.force, other.force)
        assert plain.time_s == other.time_s


def test_a_lag_that_was_not_trained_is_refused(model, points):
    for use in (lambda: stream.Stream(model, lag_s=0.03), lambda: stream.run(model, points, HZ, lag_s=0.03)):
        with pytest.raises(ValueError, match=r"0, 0\.02, 0\.04 s; found 0\.03"):
            use()


def test_a_saved_model_gives_the_same_forces_and_so_does_its_graph(model, tmp_path):
    stream.save(tmp_path / "model", model, card=CARD)
    points = virtual_run(2, hz=1000)[0]
    points = points[np.round(np.arange(120) * 1000 / 150).astype(int)]
    channels = stream.estimate_feet(model, stream.window_inputs(SETTINGS, points, np.arange(len(points)) / 150))
    again = stream.load(tmp_path / "model")
    np.testing.assert_array_equal(
        stream.estimate_feet(again, stream.window_inputs(again.settings, points, np.arange(len(points)) / 150)),
        channels,
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
    with pytest.raises(ValueError, match=f"12_stream saved; found another kind: {CARD['title']}"):
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
