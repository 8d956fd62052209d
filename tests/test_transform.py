"""Transformations: inverses, closed forms, and slow literal versions."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from grfkit import transform

RNG = np.random.default_rng(4)


def test_touchdown_frame_round_trip_keeps_height_and_distances():
    points, pelvis = RNG.normal(size=(5, 11, 3)), np.array([3.0, -1.0, 0.9])
    moved = transform.to_touchdown_frame(points, pelvis)
    np.testing.assert_allclose(moved + [3.0, -1.0, 0.0], points, atol=1e-12)
    np.testing.assert_array_equal(moved[..., 2], points[..., 2])
    np.testing.assert_allclose(transform.to_touchdown_frame(pelvis, pelvis), [0, 0, 0.9])


def test_touchdown_frame_does_not_depend_on_the_laboratory_origin():
    points, shift = RNG.normal(size=(5, 11, 3)), np.array([2.0, 7.0, 0.0])
    first = transform.to_touchdown_frame(points, points[0, 0])
    np.testing.assert_allclose(transform.to_touchdown_frame(points + shift, points[0, 0] + shift), first, atol=1e-12)


@pytest.mark.parametrize(
    "cutoff_hz, rate_hz", [(20, 1000), (50, 300), (40, 150), (20, 85), (6, 60), (45, 100), (0.35 * 30, 30)]
)
def test_lowpass_has_the_gain_of_the_closed_form_without_lag(cutoff_hz, rate_hz):
    """Two passes make 1 / (1 + (w / w0)^4), w on a digital filter's scale: a root of a half at the cutoff (3 dB)."""
    time = np.arange(4000) / rate_hz
    middle = slice(1000, 3000)  # away from the ends
    for hz in (cutoff_hz, cutoff_hz / 3, 0.47 * rate_hz):
        wave = np.sin(2 * np.pi * hz * time)
        ratio = np.tan(np.pi * hz / rate_hz) / np.tan(np.pi * cutoff_hz / rate_hz)
        gain = 1 / (1 + (2**0.5 - 1) * ratio**4)
        filtered = transform.lowpass(wave, cutoff_hz=cutoff_hz, rate_hz=rate_hz)
        np.testing.assert_allclose(filtered[middle], gain * wave[middle], atol=1e-6)
        assert hz != cutoff_hz or gain == pytest.approx(0.5**0.5)


def test_lowpass_keeps_a_constant_and_refuses_a_cutoff_above_half_the_rate():
    np.testing.assert_allclose(transform.lowpass(np.full((100, 3), 7.0), cutoff_hz=10, rate_hz=100), 7.0)
    with pytest.raises(ValueError, match="of 55 Hz needs a sampling rate above 110 Hz; found 100"):
        transform.lowpass(np.zeros(100), cutoff_hz=55, rate_hz=100)


def test_time_normalise_of_a_line_is_the_line():
    line = np.linspace([0, 1, 2], [3, 5, 7], 37)
    np.testing.assert_allclose(transform.time_normalise(line, 100), np.linspace([0, 1, 2], [3, 5, 7], 100))


def literal_groups(rows, lengths, size):
    """group_frames, one frame at a time."""
    longest = max(-(-length // size) for length in lengths)
    out, real, first = (
        np.zeros((len(lengths), longest, size, rows.shape[1])),
        np.zeros((len(lengths), longest, size), bool),
        0,
    )
    for s, length in enumerate(lengths):
        for frame in range(longest * size):
            out[s, frame // size, frame % size] = rows[first + min(frame, length - 1)]
            real[s, frame // size, frame % size] = frame < length
        first += length
    return out.reshape(len(lengths), longest, -1), real


@pytest.mark.parametrize("size", [1, 2, 3, 10])
def test_group_frames_agrees_with_the_literal_version_and_inverts(size):
    lengths = np.array([7, 12, 3])
    rows = RNG.normal(size=(lengths.sum(), 2))
    steps, real = transform.group_frames(rows, lengths, size)
    expected, expected_real = literal_groups(rows, lengths, size)
    np.testing.assert_array_equal(steps, expected)
    np.testing.assert_array_equal(real, expected_real)
    np.testing.assert_array_equal(transform.ungroup_frames(steps, lengths, channels=2), rows)


@hypothesis.given(
    lengths=strategies.lists(strategies.integers(1, 40), min_size=1, max_size=6), size=strategies.integers(1, 12)
)
def test_ungroup_frames_inverts_group_frames_for_any_lengths(lengths, size):
    lengths = np.array(lengths)
    rows = np.arange(3 * lengths.sum(), dtype=float).reshape(-1, 3)
    steps, real = transform.group_frames(rows, lengths, size)
    assert real.sum() == lengths.sum()
    np.testing.assert_array_equal(transform.ungroup_frames(steps, lengths, channels=3), rows)


def test_middle_frames_of_single_frames_are_the_frames():
    lengths = np.array([4, 6])
    rows = RNG.normal(size=(10, 2))
    np.testing.assert_array_equal(
        transform.middle_frames(rows, lengths, 1), transform.group_frames(rows, lengths, 1)[0]
    )
    np.testing.assert_array_equal(transform.middle_frames(rows, lengths, 3)[0, 0], rows[1])  # of 0, 1, 2


def test_rows_of_takes_whole_stances_in_the_order_asked():
    assert transform.rows_of(np.array([2, 3, 1]), [2, 0]).tolist() == [5, 0, 1]


def test_fit_minmax_is_zero_to_one_on_its_own_rows_and_free_on_others():
    scaler = transform.fit_minmax(RNG.normal(size=(50, 3)))
    np.testing.assert_allclose(scaler.transform(scaler.data_max_[None]), 1)
    assert scaler.transform(scaler.data_max_[None] + 1).min() > 1
    np.testing.assert_allclose(scaler.inverse_transform(scaler.transform(np.eye(3))), np.eye(3), atol=1e-12)


def test_arrays_takes_stances_in_the_order_of_the_table(tidy):
    stances, frames = tidy()
    points, forces, lengths, rows = transform.arrays(frames, stances.iloc[[3, 1]])
    assert rows["stance"].unique().tolist() == [3, 1]
    assert lengths.tolist() == [(frames["stance"] == 3).sum(), (frames["stance"] == 1).sum()]
    assert points.shape == (lengths.sum(), 33) and forces.shape == (lengths.sum(), 3)
    with pytest.raises(ValueError, match="of 0 stances, 0 have no frames"):
        transform.arrays(frames, stances.iloc[:0])
