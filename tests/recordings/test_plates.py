"""Force plates, on forces made by hand: contacts, zero level, several plates as one, what a runner weighs."""

import ezc3d
import numpy as np
import pytest

from grfkit.points import GRAVITY
from grfkit.recordings import c3d
from grfkit.recordings import plates as force_plates


def test_contacts_agree_with_a_literal_count():
    force = np.r_[
        np.zeros(50), np.full(200, 500.0), np.zeros(80), np.full(30, 50.0), np.zeros(40), np.full(100, 900.0), 0
    ]
    assert force_plates.contacts(force, threshold_n=10, rate_hz=1000) == [
        (50, 250),
        (400, 500),
    ]  # 50 N is noise, not a foot


def test_contacts_do_not_begin_with_a_blip_of_noise():
    force = np.r_[np.zeros(50), 12.0, np.zeros(14), np.full(200, 500.0), 0]
    assert force_plates.contacts(force, threshold_n=10, rate_hz=1000) == [(65, 265)]


def test_contacts_join_over_a_dropout_and_take_the_first_frame_above():
    force = np.r_[0, 10.0, 10.1, np.full(100, 500.0), 0, 0, np.full(100, 500.0), 9.9, 0]
    assert force_plates.contacts(force, threshold_n=10, rate_hz=1000) == [(2, 205)]


def test_zeroed_gives_the_centre_of_pressure_without_the_plates_offset():
    """A foot is 0.2 m beside the plate's centre, where 200 N and 30 N m are the offset: pressure is under the foot."""
    force = np.zeros((3000, 3))
    force[1000:1240, 2] = 1600 * np.sin(np.pi * (np.arange(240) + 0.5) / 240)
    read = force + [10.0, -5.0, 200.0]
    moment = force[:, 2:] * [1.2, 0.5, 0.0] + [200 * 1.0 + 30, 200 * 0.5, 0.0]
    zeroed = force_plates.zeroed(c3d.Plate(read, moment / read[:, 2:], np.zeros((4, 3))), 1000)
    np.testing.assert_allclose(zeroed.force, force, atol=1e-9)
    np.testing.assert_allclose(zeroed.cop[1000:1240], np.tile([1.2, 0.5, 0.0], (240, 1)), atol=1e-9)
    assert np.isnan(zeroed.cop[:1000]).all()


def test_combined_agrees_with_a_literal_sum_over_plates_and_frames():
    rng = np.random.default_rng(3)
    force, cop = rng.normal(100, 80, size=(3, 40, 3)), rng.normal(size=(3, 40, 3))
    force[:, 5], cop[0, 7:9] = 0, np.nan  # nobody is on a plate; a plate that carries nothing has no centre
    force[0, 7:9, 2] = 0
    together, centre = force_plates.combined(
        [c3d.Plate(*each, np.zeros((4, 3))) for each in zip(force, cop, strict=True)], threshold_n=150.0
    )
    for frame in range(40):
        total = sum(force[number, frame] for number in range(3))
        np.testing.assert_allclose(together[frame], total, atol=1e-12)
        felt = [number for number in range(3) if force[number, frame, 2]]
        expected = sum(force[number, frame, 2] * cop[number, frame] for number in felt) / (total[2] or 1.0)
        np.testing.assert_allclose(centre[frame], expected if total[2] > 150 else [np.nan] * 3, rtol=1e-9)
    assert 5 < np.isnan(centre[:, 0]).sum() < 35


def test_combined_gives_the_frames_asked_for():
    force, cop = np.random.default_rng(4).normal(100, 30, size=(2, 2, 20, 3))
    plates = [c3d.Plate(*each, np.zeros((4, 3))) for each in zip(force, cop, strict=True)]
    for whole, part in zip(
        force_plates.combined(plates), force_plates.combined(plates, frames=slice(3, 9)), strict=True
    ):
        np.testing.assert_array_equal(part, whole[3:9])


def test_zero_level_follows_offset_and_drift_but_no_runner():
    time = np.arange(9000) / 300
    running = 1600 * np.clip(np.sin(2 * np.pi * time / 0.7), 0, None)
    drift = np.stack([20 * np.sin(time / 8), 0.5 * time, -40 + 3 * time], axis=1)
    noise = np.random.default_rng(1).normal(size=(9000, 3))
    force = np.outer(running, [0, 0, 1.0]) + drift + noise
    level = force_plates.zero_level(force, force[:, 2], 300)
    np.testing.assert_allclose(
        level[300:-300], drift[300:-300], atol=3
    )  # frames of light load count as unloaded: some N
    standing = np.r_[np.zeros(900), np.full(1800, 700.0), np.zeros(900)]
    np.testing.assert_allclose(force_plates.zero_level(standing[:, None], standing, 300), 0, atol=1e-9)


def test_weigh_gives_the_mass_over_whole_strides():
    """Half sines of 0.24 s every 0.34 s carry 70 kg, left legs 10 % stronger: strides count, a rest does not."""
    vertical, spans = np.zeros(4000), []
    for number, first in enumerate([100, 440, 780, 1120, 1460, 2500, 2840]):
        strength = 1.1 if number % 2 == 0 else 0.9
        vertical[first : first + 240] = (
            strength * 70 * GRAVITY * 0.34 / 0.24 * np.pi / 2 * np.sin(np.pi * (np.arange(240) + 0.5) / 240)
        )
        spans.append((first, first + 240))
    impulse, duration = force_plates.weigh(vertical, spans[:5], hz=1000)
    assert duration == pytest.approx(4 * 0.34) and force_plates.mass(impulse, duration) == pytest.approx(70, rel=1e-4)
    impulse, duration = force_plates.weigh(vertical, spans[:4], hz=1000)  # three steps: two are a stride
    assert duration == pytest.approx(2 * 0.34) and force_plates.mass(impulse, duration) == pytest.approx(70, rel=1e-4)
    assert force_plates.weigh(vertical, spans, hz=1000)[1] == pytest.approx(5 * 0.34)  # and one step after the rest
    assert np.isnan(force_plates.mass(*force_plates.weigh(vertical, spans[:1], hz=1000)))


def test_beyond_measures_along_the_edges_of_a_turned_plate():
    turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])
    corners = np.array([[0, 0, 0], [0.9, 0, 0], [0.9, 0.6, 0], [0, 0.6, 0]])
    for place, expected in (
        ([0.45, 0.3, 0], -0.3),
        ([1.0, 0.3, 0], 0.1),
        ([0.45, -0.2, 0], 0.2),
        ([0.88, 0.3, 5], -0.02),
    ):
        for order in (corners, corners[::-1], np.roll(corners, 1, axis=0)):
            assert force_plates.beyond(turn @ place + [3, 4, 0], order @ turn.T + [3, 4, 0]) == pytest.approx(expected)


def three_stances(*, peak=1400.0):
    """Raw channels of a plate at 1000 Hz, in N: forward, sideways and vertical force of three stances."""
    time = np.arange(2400) / 1000
    share = [np.clip((time - start) / 0.25, 0, 1) for start in (0.3, 1.0, 1.7)]
    vertical = sum(peak * (1 + 0.05 * n) * np.sin(np.pi * each) for n, each in enumerate(share))
    forward = sum(-0.15 * peak * np.sin(2 * np.pi * each) for each in share)
    sideways = sum(0.05 * peak * np.sin(np.pi * each) ** 2 for each in share)  # only ever to one side
    return np.stack([forward, sideways, vertical], axis=1)


@pytest.mark.parametrize("tremble", [0, 1, 2], ids="noise of {} counts".format)
@pytest.mark.parametrize("count", [None, 0.05, 2.4], ids=["reals", "16 bits", "12 bits"])
@pytest.mark.parametrize(("channel", "low", "high"), [(2, -np.inf, 1200), (0, -150, 150), (0, -150, np.inf)])
def test_saturated_finds_the_frames_beyond_the_range_of_a_channel(channel, low, high, count, tremble):
    """They are known, since the whole force is."""
    whole, rng = three_stances(), np.random.default_rng(1)
    read = whole.copy()
    read[:, channel] = np.clip(read[:, channel], low, high)
    beyond = (whole[:, channel] < low) | (whole[:, channel] > high)
    if count:
        counts = np.round(read / count)
        counts[beyond, channel] -= np.sign(counts[beyond, channel]) * rng.integers(0, tremble + 1, beyond.sum())
        read = count * counts
    found = force_plates.saturated(read, np.clip(whole[:, 2], None, 1200))
    assert found[beyond].mean() > 0.99
    slack = 5 * (count or 0)  # what comes so near to the end may count as clipped
    near = (whole[:, channel] < low + slack) | (whole[:, channel] > high - slack)
    assert not found[~near].any()


@pytest.mark.parametrize("noise", [0.0, 1.0, 10.0])
@pytest.mark.parametrize("count", [None, 0.05, 2.4, 10.0])
def test_saturated_finds_nothing_in_round_peaks_rest_and_dead_channels(count, noise):
    """The unloaded level is an end of many channels' values: exactly 0 where a file was thresholded."""
    rng, whole = np.random.default_rng(2), three_stances()
    for seed in range(20):
        read = whole * rng.uniform(0.9, 1.1) + noise * rng.normal(size=whole.shape)
        read = np.column_stack([read, np.full(len(read), 7.0), np.zeros(len(read))])
        if seed % 2:
            read[whole[:, 2] < 20] = 0
        read = read if count is None else count * np.round(read / count)
        assert not force_plates.saturated(read, whole[:, 2]).any()


def test_saturated_finds_a_real_amplifier_at_the_end_of_its_range(plates):
    """MotionMonitor's own file: the vertical channel of an amplifier of 1 V reads .9995 V, its largest count."""
    content = ezc3d.c3d(str(plates.parent / "c3d" / "MotionMonitorC3D.c3d"))
    channels = content["data"]["analogs"][0][:6].T
    found = force_plates.saturated(channels, channels[:, 2])
    assert found.sum() > 30 and channels[found, 2].min() > 0.997
