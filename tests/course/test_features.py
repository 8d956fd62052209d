"""Session 2 of the course: typical wrong answers get the hint that says what is wrong; its tables and filters."""

import numpy as np
import pytest
from helpers import refused, solutions
from scipy.signal import butter, filtfilt, find_peaks, lfilter, sosfiltfilt

from grfkit import features
from grfkit.course import features as course_features

RIGHT = solutions("2_features")
NAN = float("nan")


def corrected(hz):
    return hz / (2**0.5 - 1) ** 0.25


def passes(order, factor=1.0, axis=0):
    return lambda values, hz, rate: filtfilt(*butter(order, factor * hz, fs=rate), values, axis=axis)


def slope(begin, end):
    """A loading rate between two shares of the time to 13 % of stance, whatever the definition."""

    def vlr(vertical, time_s, definition):
        at = np.array([begin, end]) * 0.13 * time_s[-1]
        low, high = np.interp(at, time_s, vertical)
        return (high - (low if begin else 0)) / (at[1] - at[0])

    return vlr


def nearest(vertical, time_s, definition):
    if definition != "touchdown_to_13":
        return RIGHT.vlr(vertical, time_s, definition)
    frame = round(0.13 * (len(time_s) - 1))
    return vertical[frame] / time_s[frame]


def from_first_sample(vertical, time_s, definition):
    if definition == "20_to_80":
        return RIGHT.vlr(vertical, time_s, definition)
    end = {"touchdown_to_13": 0.13 * time_s[-1], "first_25_ms": 0.025}[definition]
    return (np.interp(end, time_s, vertical) - vertical[0]) / end


def instead(definition, wrong):
    """Answer rightly but for one definition."""
    return lambda vertical, time_s, name: (wrong if name == definition else RIGHT.vlr)(vertical, time_s, name)


def of_force(vertical, time_s, _):
    """20 to 80 % of the force at 13 % of stance."""
    top = np.interp(0.13 * time_s[-1], time_s, vertical)
    rise = round(0.13 * (len(time_s) - 1)) + 1
    begin, end = (np.interp(share * top, vertical[:rise], time_s[:rise]) for share in (0.2, 0.8))
    return 0.6 * top / (end - begin)


def early_maximum(vertical):
    return vertical[: int(0.35 * len(vertical))].max()


def any_bump(vertical):
    frames, _ = find_peaks(vertical[: int(0.35 * len(vertical))])
    return vertical[frames[0]] if len(frames) else NAN


def tall_enough(vertical):
    """Height in place of prominence; the one with the least noise passes on the runners with a peak."""
    frames, _ = find_peaks(vertical[: int(0.35 * len(vertical))], height=0.05)
    return vertical[frames[0]] if len(frames) else NAN


def anywhere(vertical):
    return vertical[find_peaks(vertical, prominence=0.05)[0][0]]


def largest_early(vertical):
    frames, _ = find_peaks(vertical[: int(0.35 * len(vertical))], prominence=0.05)
    return vertical[frames].max() if len(frames) else NAN


def cut_afterwards(vertical):
    frames, _ = find_peaks(vertical, prominence=0.05)
    frames = frames[frames < 0.35 * len(vertical)]
    return vertical[frames[0]] if len(frames) else NAN


def of_stance(vertical, time_s, definition):
    """20 to 80 % of stance, and the first frame's force is subtracted too."""
    share = {"touchdown_to_13": (0, 0.13), "20_to_80": (0.2, 0.8)}.get(definition, (0, 0.025 / time_s[-1]))
    begin, end = np.array(share) * time_s[-1]
    low, high = np.interp([begin, end], time_s, vertical)
    return (high - low) / (end - begin)


WRONG = [
    ("braking_and_propulsive", lambda ap: (ap.min(), ap.max()), "magnitude"),
    ("braking_and_propulsive", lambda ap: (ap.max(), -ap.min()), "swapped"),
    ("braking_and_propulsive", lambda ap: (ap.max(), ap.min()), "Swapped, and with a sign"),
    ("braking_and_propulsive", lambda ap: (np.abs(ap).max(),) * 2, "largest magnitude"),
    ("braking_and_propulsive", lambda ap: (ap.argmin(), ap.argmax()), "frames, not forces"),
    ("braking_and_propulsive", lambda ap: (0.4, 0.3), "times what it should be"),
    ("braking_and_propulsive", lambda ap: ap.max(), "shape"),
    ("impulses", lambda ap, rate: (ap[ap < 0].sum() / rate, ap[ap > 0].sum() / rate), "magnitude"),
    ("impulses", lambda ap, rate: RIGHT.impulses(ap, rate)[::-1], "swapped"),
    ("impulses", lambda ap, rate: RIGHT.impulses(ap, 1), "force times time"),
    ("impulses", lambda ap, rate: RIGHT.impulses(ap, 1000), "not at another rate"),
    ("impulses", lambda ap, rate: (-ap[ap < 0].mean(), ap[ap > 0].mean()), "mean forces"),
    ("impulses", lambda ap, rate: (ap.sum() / rate,) * 2, "cancel"),
    ("impulses", lambda ap, rate: (-ap.min(), ap.max()), "peaks"),
    (
        "impulses",
        lambda ap, rate: (-ap[: len(ap) // 2].sum() / rate, ap[len(ap) // 2 :].sum() / rate),
        "cut stance in the middle",
    ),
    ("impulses", lambda ap, rate: (0.026, 0.024), "times what it should be"),
    ("mean_over_step", lambda v, rate, flight: v.mean(), "mean over stance"),
    ("mean_over_step", lambda v, rate, flight: v.sum() / rate, "not yet a mean"),
    ("mean_over_step", lambda v, rate, flight: v.sum() / rate / flight, "by the flight alone"),
    ("mean_over_step", lambda v, rate, flight: v.sum() / (len(v) / rate + flight), "time of a frame"),
    ("mean_over_step", lambda v, rate, flight: v.sum() / (len(v) + flight), "Do you add seconds to seconds"),
    ("mean_over_step", lambda v, rate, flight: RIGHT.mean_over_step(v, 1000, flight), "not at another rate"),
    ("mean_over_step", lambda v, rate, flight: 1.0, "times what it should be"),
    ("local_impact_peak", early_maximum, "still on its way up"),
    ("local_impact_peak", anywhere, "the active peak"),
    ("local_impact_peak", any_bump, "stand out"),
    ("local_impact_peak", largest_early, "the higher one"),
    ("local_impact_peak", cut_afterwards, "Is the curve cut first"),
    ("local_impact_peak", lambda v: v[find_peaks(v[: int(0.35 * len(v))], prominence=0.05)[0][0]], "must get NaN"),
    ("local_impact_peak", lambda v: v.max(), "active peak"),
    ("local_impact_peak", tall_enough, "is it `height`"),
    ("local_impact_peak", lambda v: np.interp(0.13 * (len(v) - 1), np.arange(len(v)), v), "at 13 % of stance"),
    ("local_impact_peak", lambda v: np.nan_to_num(RIGHT.local_impact_peak(v)), "0 would count"),
    ("local_impact_peak", lambda v: NAN, "find no impact peak"),
    ("local_impact_peak", lambda v: find_peaks(v)[0][0], "frame of the peak"),
    ("vlr", slope(0, 1), "look at `definition`"),
    ("vlr", slope(0.2, 0.8), "look at `definition`"),
    ("vlr", nearest, "nearest to 13 %"),
    ("vlr", of_stance, "not of stance"),
    ("vlr", from_first_sample, "at touchdown is 0"),
    ("vlr", instead("first_25_ms", from_first_sample), "at touchdown is 0"),
    ("vlr", lambda v, t, name: RIGHT.vlr(v, t, name) / 1000, "milliseconds"),
    ("vlr", lambda v, t, name: np.gradient(v, t).max(), "steepest"),
    ("vlr", lambda v, t, name: np.interp(0.13 * t[-1], t, v), "not yet divided"),
    ("vlr", instead("20_to_80", lambda v, t, name: 0.6 * slope(0.2, 0.8)(v, t, name)), "by the whole time"),
    ("vlr", instead("20_to_80", slope(0, 0.8)), "by its time"),
    ("vlr", instead("20_to_80", of_force), "not of the force"),
    ("vlr", instead("first_25_ms", lambda v, t, name: v[25] / t[25]), "25th frame"),
    ("vlr", instead("first_25_ms", lambda v, t, name: np.interp(25, t, v) / 25), "Times are in seconds"),
    ("vlr", lambda v, t, name: 54.0, "is off by"),
    ("vlr", lambda v, t, name: {"first_25_ms": 1.0}[name], "KeyError"),
    ("lowpass", lambda values, hz, rate: lfilter(*butter(2, hz, fs=rate), values, axis=0), "One pass"),
    ("lowpass", lambda values, hz, rate: lfilter(*butter(2, corrected(hz), fs=rate), values, axis=0), "One pass"),
    ("lowpass", passes(2), "6 dB down"),
    ("lowpass", passes(2, (2**0.5 - 1) ** 0.25), "the wrong way"),
    ("lowpass", passes(4), "fourth order"),
    ("lowpass", passes(4, corrected(1)), "fourth order"),
    ("lowpass", passes(2, corrected(1), axis=-1), "along another"),
    ("lowpass", lambda values, hz, rate: RIGHT.lowpass(values, hz, 1000), "does not know the rate"),
    ("lowpass", lambda values, hz, rate: values - RIGHT.lowpass(values, hz, rate), "takes away"),
    ("lowpass", lambda values, hz, rate: values, "has 1.000 and is 0.0 ms late"),
    ("lowpass", lambda values, hz, rate: np.roll(0.5**0.5 * values, 7, axis=0), "has 0.707 and is 7.0 ms late"),
]


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("impulses", lambda ap, rate: [np.trapezoid(np.clip(sign * ap, 0, None), dx=1 / rate) for sign in (-1, 1)]),
        ("mean_over_step", lambda v, rate, flight: np.trapezoid(v, dx=1 / rate) / ((len(v) - 1) / rate + flight)),
        (
            "lowpass",
            lambda values, hz, rate: sosfiltfilt(butter(2, corrected(hz), fs=rate, output="sos"), values, axis=0),
        ),
        ("lowpass", passes(2, 1.25)),
        ("lowpass", passes(2, 1 / 0.802)),  # the factor as text and textbook round it
        ("lowpass", lambda values, hz, rate: np.apply_along_axis(RIGHT.lowpass, 0, values, hz, rate)),
        ("vlr", features.loading_rate),
    ],
)
def test_check_passes_another_right_answer(name, answer):
    getattr(course_features, f"check_{name}")(answer)


@pytest.mark.parametrize(("name", "answer", "hint"), WRONG)
def test_check_tells_what_is_wrong(name, answer, hint):
    assert hint in refused(getattr(course_features, f"check_{name}"), answer)


@pytest.mark.parametrize("hz", [5.0, 20.0, 40.0])
def test_answer_lowpass_has_the_gain_of_the_closed_form(hz):
    """Two passes of |H|^2 = 1 / (1 + (tan(pi f / fs) / tan(pi fc / fs))^4): a Butterworth by the bilinear transform."""
    seconds = np.arange(4000) / 1000
    out = RIGHT.lowpass(np.sin(2 * np.pi * hz * seconds), 20.0, 1000.0)[1000:-1000]
    each = np.tan(np.pi * 20.0 / 1000) / (2**0.5 - 1) ** 0.25
    gain = 1 / (1 + (np.tan(np.pi * hz / 1000) / each) ** 4)
    np.testing.assert_allclose(out, gain * np.sin(2 * np.pi * hz * seconds)[1000:-1000], atol=1e-4)


@pytest.mark.parametrize("hz", [20.0, 50.0, 100.0])
def test_answer_lowpass_is_3_db_down_at_its_cutoff_at_300_hz(hz):
    """The rate of the real runner in 2.7; 1.25 times the cutoff lets .95 through at 100 Hz."""
    sine = np.sin(2 * np.pi * hz * np.arange(3000) / 300)
    np.testing.assert_allclose(RIGHT.lowpass(sine, hz, 300.0)[1000:-1000], 0.5**0.5 * sine[1000:-1000], atol=1e-4)


def test_vlr_by_runner_is_the_mean_of_the_runners_stances():
    found = course_features.curves()[:12]
    table = course_features.vlr_by_runner(found, RIGHT.vlr, RIGHT.lowpass, [None, 20])
    assert list(table.columns) == [(name, cutoff) for name in features.LOADING_RATES for cutoff in ("none", "20 Hz")]
    first = [
        features.loading_rate(curve.force[:, 2], curve.time_s, "20_to_80") for curve in found if curve.runner == "v01"
    ]
    assert 1 < len(first) < len(found)
    np.testing.assert_allclose(table.loc["v01", ("20_to_80", "none")], np.mean(first))


def test_filtered_sees_the_flight_around_a_stance():
    """An unpadded filter would leave the first force nearly as it is; flight of zero halves a step there."""
    curve = course_features.curves()[0]._replace(force=np.ones((227, 3)))
    force = course_features.filtered(curve, RIGHT.lowpass, 20)
    np.testing.assert_allclose(force[[0, -1]], 0.5, atol=0.08)  # half, and a half frame beside the step
    np.testing.assert_allclose(force[100:127], 1.0, atol=0.01)
    assert course_features.filtered(curve, RIGHT.lowpass, None) is curve.force


def test_answers_agree_with_the_closed_form_of_half_sines():
    """The area under a half sine of height h and length s is 2 h s / pi; over a step its mean is the weight."""
    braking, propulsive = RIGHT.impulses(course_features.made_ap(braking_bw=0.4, propulsive_bw=0.3), 1000.0)
    np.testing.assert_allclose(
        [braking, propulsive], [2 / np.pi * 0.4 * 0.45 * 0.23, 2 / np.pi * 0.3 * 0.55 * 0.23], rtol=1e-3
    )
    share = (np.arange(230) + 0.5) / 230
    flight_s = 0.23 * (2.4 * 2 / np.pi - 1)  # so long that gravity takes what a half sine of 2.4 BW gives
    np.testing.assert_allclose(RIGHT.mean_over_step(2.4 * np.sin(np.pi * share), 1000.0, flight_s), 1.0, rtol=1e-4)
