"""Session 2 of the course: features of a stance after filters and by definitions, and the checks of the exercises.

In: the course's stances, a student's functions. Out: tables and curves for the notebook. A check tries the function on
made curves with a known answer and on stances of the course. It prints a sentence where the function is right and
raises NotRight with a hint where it is not.
"""

from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.signal import butter, find_peaks, sosfilt, sosfiltfilt

from grfkit import features, metrics, plot, transform
from grfkit.course import data
from grfkit.course.checking import NotRight, call, check, compare, numbers
from grfkit.points import FORCES

FLIGHT_S = 0.1  # zero force around a stance before it is filtered: our choice, twice as long as the filter remembers
DEFINITIONS = features.LOADING_RATES
PROMINENCE_BW = 0.05  # what stands out less is no peak but noise: our choice
INNER = slice(300, -300)  # of made noise: what comes before and after depends on how the ends are padded
IMPACT_END = 0.35  # an impact peak comes in the first third of stance: our choice


class Curve(NamedTuple):
    """One stance, without padding."""

    runner: str
    side: str
    flight_s: float  # until the next touchdown; NaN where that was not recorded
    time_s: np.ndarray  # (T,) s, 0 at touchdown
    force: np.ndarray  # (T, 3) BW: AP, ML, V


def curves():
    """List the course's stances, a Curve each."""
    frames, stances = data.stances()
    parts = dict(list(frames[metrics.in_stance(frames, stances)].groupby("stance")))
    found = []
    for row in stances.itertuples():
        part = parts[row.stance]
        times = part["time_s"].to_numpy(float).round(6)
        found.append(Curve(row.runner, row.side, row.flight_s, times, part[FORCES].to_numpy(float)))
    return found


def filtered(curve, lowpass, cutoff_hz):
    """Filter one stance (T, 3) BW and the flight around it, where force is 0, by lowpass(values, cutoff_hz, rate_hz).

    Touchdown and toe-off stay those of the unfiltered force. A cutoff of None leaves the force as it is.
    """
    if cutoff_hz is None:
        return curve.force
    rate = 1 / np.diff(curve.time_s).mean()
    flight = round(FLIGHT_S * rate)
    return call(lowpass, np.pad(curve.force, ((flight, flight), (0, 0))), cutoff_hz, rate)[flight:-flight]


def draw_loading_rates(ax, curve):
    """Draw the intervals of the three loading rates of one stance on its vertical force."""
    vertical = curve.force[:, 2]
    return plot.loading_rates(ax, curve.time_s, vertical, features.loading_intervals(vertical, curve.time_s))


def peaks_by_cutoff(found, lowpass, braking_and_propulsive, local_impact_peak, cutoffs):
    """Read the peaks after each low-pass by a student's functions: a row for each cutoff, means over stances in BW.

    Its last column is the share of stances (%) that have a local impact peak.
    """
    rows = [
        {
            "cutoff": name,
            **dict(zip(("braking", "propulsive"), call(braking_and_propulsive, force[:, 0]), strict=True)),
            "at 13 %": np.interp(0.13 * curve.time_s[-1], curve.time_s, force[:, 2]),
            "active": force[:, 2].max(),
            "with local impact peak (%)": 100.0 * np.isfinite(call(local_impact_peak, force[:, 2])),
        }
        for name, curve, force in _each_filtered(found, lowpass, cutoffs)
    ]
    return pd.DataFrame(rows).groupby("cutoff", sort=False).mean()


def vlr_by_runner(found, vlr, lowpass, cutoffs):
    """Read VLR (BW/s) by each definition after each low-pass, means over the stances of a runner.

    Rows are runners, columns (definition, cutoff).
    """
    rows = [
        (curve.runner, definition, name, call(vlr, force[:, 2], curve.time_s, definition))
        for name, curve, force in _each_filtered(found, lowpass, cutoffs)
        for definition in features.LOADING_RATES
    ]
    table = pd.DataFrame(rows, columns=["runner", "definition", "cutoff", "vlr"])
    means = table.pivot_table("vlr", "runner", ["definition", "cutoff"])
    return means[list(product(features.LOADING_RATES, dict.fromkeys(table["cutoff"])))]


def _each_filtered(found, lowpass, cutoffs):
    """Go through cutoffs and stances: (the cutoff's name, the Curve, its filtered force (T, 3) BW)."""
    for cutoff in cutoffs:
        name = "none" if cutoff is None else f"{cutoff:g} Hz"
        yield from ((name, curve, filtered(curve, lowpass, cutoff)) for curve in found)


def made_vertical(*, length=230, impact_bw=0.9, active_bw=2.5, rate_hz=1000.0):
    """Make a vertical force (T,) BW and its times (T,) s: a half sine, and a bump that ends at a fifth of stance."""
    time_s = np.arange(round(length / 1000 * rate_hz)) / rate_hz
    share = (time_s + 0.5 / rate_hz) / (length / 1000)
    bump = impact_bw * np.sin(np.pi * np.clip(share / 0.22, 0, 1)) ** 2
    return active_bw * np.sin(np.pi * share) ** 1.3 + bump, time_s


def made_ap(*, length=230, braking_bw=0.4, propulsive_bw=0.3):
    """Make an anterior-posterior force (T,) BW: a half sine of braking for 45 % of stance, then one of propulsion."""
    share = (np.arange(length) + 0.5) / length
    braking, propulsive = np.sin(np.pi * share / 0.45), np.sin(np.pi * (share - 0.45) / 0.55)
    return np.where(share < 0.45, -braking_bw * braking, propulsive_bw * propulsive)


# The exercises, in their order


def check_braking_and_propulsive(function):
    """Check braking_and_propulsive(ap_bw): the braking peak as a positive magnitude, and the propulsive peak."""
    real = curves()[7].force[:, 0]
    for ap in (made_ap(), made_ap(braking_bw=0.25, propulsive_bw=0.45), made_ap(length=300) - 0.02, real):
        values = numbers(call(function, ap.copy()), "Braking and propulsive peak", (2,))
        right, middle = np.array([-ap.min(), ap.max()]), len(ap) // 2
        top, halves = np.full(2, np.abs(ap).max()), (np.abs(ap[:middle]).mean(), ap[middle:].mean())
        signed = right * [-1, 1]
        mistakes = {
            "The braking peak must be a magnitude: a positive number, although the force is negative.": signed,
            "Braking and propulsive peak are swapped. Braking comes first, with a force that points backwards.": right[
                ::-1
            ],
            "Swapped, and with a sign. Braking is the backward force, given as a positive magnitude.": signed[::-1],
            "Both values are the largest magnitude of the whole curve. One peak is in its negative part, the "
            "other in its positive part.": top,
            "These are frames, not forces.": (ap.argmin(), ap.argmax()),
            "You split stance in the middle. Does the force change its sign there?": halves,
        }
        compare(values, right, mistakes, what="Braking and propulsive peak")
    print("Right: both peaks of three simulated curves and of one stance, whichever is larger.")


def check_impulses(function):
    """Check impulses(ap_bw, rate_hz): braking and propulsive impulse in BW s, both as magnitudes."""
    real = curves()[3].force[:, 0]
    for ap, rate in ((made_ap(), 1000.0), (made_ap(length=100, braking_bw=0.25), 500.0), (real, 1000.0)):
        values = numbers(call(function, ap.copy(), rate), "The two impulses", (2,))
        right, middle = np.array([-ap[ap < 0].sum(), ap[ap > 0].sum()]) / rate, len(ap) // 2
        net = [np.array([sign, 1]) * ap.sum() / rate for sign in (1, -1)]
        halves = np.array([-ap[:middle].sum(), ap[middle:].sum()]) / rate
        mistakes = {
            "The braking impulse must be a magnitude: a positive number.": right * [-1, 1],
            "Braking and propulsive impulse are swapped.": right[::-1],
            "You sum the forces of all frames, but an impulse is force times time.": right * rate,
            "You sum the forces of all frames, and the braking impulse is negative. An impulse is force times "
            "time, given as a magnitude.": right * rate * [-1, 1],
            "Right at 1000 Hz and not at another rate.": right * rate / 1000,
            "These are mean forces in BW; an impulse is force times time.": (-ap[ap < 0].mean(), ap[ap > 0].mean()),
            "Both values are the impulse of the whole curve, in which braking and propulsion cancel.": net,
            "These are the peaks; the impulse is the area under the curve.": (-ap.min(), ap.max()),
            "You cut stance in the middle. Does the force change its sign there?": halves,
        }
        compare(values, right, mistakes, what="The two impulses", atol=0.01 * right.min())
    print("Right: areas under simulated curves with a known integral and under one stance, at two rates.")


def check_mean_over_step(function):
    """Check mean_over_step(vertical_bw, rate_hz, flight_s): the mean vertical force from touchdown to touchdown."""
    real = next(curve for curve in curves() if np.isfinite(curve.flight_s))
    cases = (2.5, 230, 0.12, 1000.0), (1.8, 140, 0.05, 500.0), (None, 0, real.flight_s, 1000.0)
    for peak, length, flight, rate in cases:
        share = (np.arange(length) + 0.5) / max(length, 1)
        vertical = real.force[:, 2] if peak is None else peak * np.sin(np.pi * share)
        value = numbers(call(function, vertical.copy(), rate, flight), "The mean over the step", ())
        contact = len(vertical) / rate
        impulse = vertical.sum() / rate if peak is None else 2 / np.pi * peak * contact
        step = contact + flight
        at_1000_hz, right = vertical.sum() / (len(vertical) + 1000 * flight), impulse / step
        mistakes = {
            "That is, or nearly is, the mean over stance. Between two touchdowns there is also flight, with a "
            "force of 0. Do you add seconds to seconds?": impulse / contact,
            "That is the impulse, in BW s. It is not yet a mean.": impulse,
            "You divide by the flight alone. Which two parts has a step?": impulse / flight,
            "You sum the forces without the time of a frame.": impulse * rate / step,
            "Right at 1000 Hz and not at another rate.": at_1000_hz,
        }
        compare(value, right, mistakes, what="The mean over the step", atol=0.01)
    print("Right: two half sines with a known mean, and one step of a runner, whose mean is 1 BW.")


def check_local_impact_peak(function):
    """Check local_impact_peak(vertical_bw): the first maximum in 35 % of stance that stands out by .05 BW, or NaN."""
    clear, flat = made_vertical(impact_bw=1.4)[0], made_vertical(impact_bw=0.0)[0]
    rough = flat + 0.02 * np.sin(2.2 * np.arange(len(flat)))
    late = flat.copy()
    late[120:160] -= 0.4 * np.sin(np.pi * np.linspace(0, 1, 40)) ** 2  # a dip after the active peak
    higher = made_vertical(impact_bw=2.6, active_bw=1.8)[0]
    long, real = made_vertical(impact_bw=1.1, length=300)[0], curves()[0].force[:, 2]
    two = np.interp(np.arange(230) / 229, [0, 0.1, 0.15, 0.22, 0.28, 0.5, 1], [0, 1.2, 1.0, 1.5, 1.3, 2.4, 0])
    cut = np.interp(np.arange(230) / 229, [0, 0.335, 0.5, 0.6, 1], [0, 1.6, 1.4, 2.4, 0])  # it sinks after the cut
    for vertical in (clear, higher, two, long, real, flat, late, rough, cut):
        early = vertical[: int(IMPACT_END * len(vertical))]
        found, _ = find_peaks(early, prominence=PROMINENCE_BW)
        value = numbers(_called(function, vertical, len(found)), "The impact peak", ())
        if len(found):
            mistakes = _impact_peak_mistakes(vertical, early, found)
            compare(value, early[found[0]], mistakes, what="The impact peak")
        else:
            none = "This runner has no impact peak and must get NaN"
            mistakes = {f"{none}: {hint}": wrong for hint, wrong in _no_peak_mistakes(vertical, early).items()}
            compare(value, np.nan, mistakes, f"{none}; you read {value:.2f} BW.")
    print("Right: five runners with an impact peak (one has two), and four with only noise or a late dip.")


def _called(function, vertical, peaks):
    """Call local_impact_peak; where there are no peaks and it stops, say that in its hint."""
    try:
        return call(function, vertical.copy())
    except NotRight as error:
        check(peaks or "IndexError" not in str(error), f"{error}\nThis runner has no impact peak and must get NaN.")
        raise


def _at_13(vertical):
    """Give the force at 13 % of stance, between two frames by a straight line."""
    return np.interp(0.13 * (len(vertical) - 1), np.arange(len(vertical)), vertical)


def _impact_peak_mistakes(vertical, early, frames):
    """Give {hint: what the mistake gives} for a runner whose early peaks are at `frames`."""
    return {
        "You find no impact peak, but there is one.": np.nan,
        "That is the highest of the first frames: their last one, still on its way up. A local maximum is higher "
        "than the frames before and after it.": early[-1],
        "That is the active peak, the largest force of stance. The impact peak comes earlier.": vertical.max(),
        "There are two peaks, and you give the higher one. Which one does the exercise ask for?": early[frames].max(),
        "That is the force at 13 % of stance: it is near the peak, but it is not the top.": _at_13(vertical),
        "That is the frame of the peak, not the force.": frames[0],
    }


def _no_peak_mistakes(vertical, early):
    """Give {hint: what the mistake gives} for a runner without an impact peak."""

    def first(values, **options):
        return [values[frame] for frame in find_peaks(values, **options)[0][:1]]

    anywhere = first(vertical, prominence=PROMINENCE_BW)
    return {
        "yours stands out only because of what comes after 35 % of stance. Is the curve cut first?": [
            peak for peak in anywhere if peak in early
        ],
        "yours is the highest of the first frames: their last one, still on its way up.": early.max(),
        "yours is the first peak anywhere, the active peak.": anywhere,
        "yours is the force at 13 % of stance, which every runner has.": _at_13(vertical),
        "a 0 would count as a measured force.": 0.0,
        "yours is a maximum of noise, and a peak must stand out.": first(early),
        "is it `height` that you use? A peak must stand out from the frames around it.": first(
            early, height=PROMINENCE_BW
        ),
    }


def check_vlr(function):
    """Check vlr(vertical_bw, time_s, definition): the loading rate in BW/s by each definition."""
    real = curves()[9]
    slow = made_vertical(length=301, rate_hz=480.0)
    for vertical, time_s in (made_vertical(), slow, (real.force[:, 2], real.time_s)):
        # A wrong interval matters more than the force of the first frame
        names = sorted(features.LOADING_RATES, key=lambda name: name != "20_to_80")
        every = {name: features.loading_rate(vertical, time_s, name) for name in names}
        own, at_13 = _vlr_mistakes(vertical, time_s), np.interp(0.13 * time_s[-1], time_s, vertical)
        for name, right in every.items():
            value = numbers(call(function, vertical.copy(), time_s.copy(), name), f"VLR by {name}", ())
            mistakes = {
                f"For {name} you give the rate of {other}. Does your function look at `definition`?": rate
                for other, rate in every.items()
                if other != name
            }
            units = {
                "Your times are in milliseconds. The exercise asks for BW/s.": right / 1000,
                "The sign is wrong.": -right,
                "That is the force at 13 % of stance. It is not yet divided by a time.": at_13,
                "That is the steepest slope between two frames. The exercise asks for the mean slope.": np.gradient(
                    vertical, time_s
                ).max(),
            }
            otherwise = (
                f"VLR by {name} is off by {100 * (value / right - 1):.1f} %: look at its interval, and at how you "
                "get the force between two frames."
            )
            compare(value, right, units | mistakes | own[name], otherwise, rtol=1e-4)
    print("Right: three definitions on two simulated curves, at two rates, and on one stance.")


def _vlr_mistakes(vertical, time_s):
    """Give {definition: {hint: the loading rate (BW/s) that the mistake gives}}."""
    stance_s, impact_s = time_s[-1], 0.13 * time_s[-1]
    low, high, frame = 0.2 * impact_s, 0.8 * impact_s, round(0.13 * (len(time_s) - 1))

    def at(seconds):
        return np.interp(seconds, time_s, vertical)

    def slope(begin, end):
        return (at(end) - at(begin)) / (end - begin)

    of_force = np.interp(np.array([0.2, 0.8]) * at(impact_s), vertical[: frame + 1], time_s[: frame + 1])
    nearest = time_s[[round(seconds * len(time_s) / stance_s) for seconds in (low, high)]]
    from_first = "The force at touchdown is 0 by definition. You subtract that of the first frame above the threshold."
    return {
        "touchdown_to_13": {
            "You take the frame nearest to 13 %. What is the force between two frames?": vertical[frame]
            / time_s[frame],
            from_first: slope(0, impact_s),
        },
        "20_to_80": {
            "You divide the rise between 20 and 80 % by the whole time up to 13 % of stance.": (at(high) - at(low))
            / impact_s,
            "You divide the force at 80 % by its time. Is that the slope of the interval?": at(high) / high,
            "Take 20 and 80 % of the time from touchdown to 13 % of stance, not of the force there.": slope(*of_force),
            "Take 20 and 80 % of the interval from touchdown to 13 % of stance, not of stance.": slope(
                0.2 * stance_s, 0.8 * stance_s
            ),
            "You take the nearest frames. What is the force between two frames?": slope(*nearest),
        },
        "first_25_ms": {
            "You take the 25th frame, but 25 ms are 25 frames only at 1000 Hz.": vertical[25] / time_s[25],
            from_first: slope(0, 0.025),
            "Times are in seconds. Do you divide by 25 ms?": at(25) / 25,
        },
    }


def check_lowpass(function):
    """Check lowpass(values, cutoff_hz, rate_hz): a second-order Butterworth, both ways, 3 dB down at the cutoff."""
    for shape, cutoff, rate in (((1500,), 20.0, 1000.0), ((1500,), 15.0, 250.0), ((1500, 3), 50.0, 1000.0)):
        noise = np.random.default_rng(0).normal(size=shape)
        try:
            answer = call(function, noise.copy(), cutoff, rate)
        except NotRight as error:  # SciPy's words for a row of three that is too short to be filtered
            check(
                "padlen" not in str(error),
                "Three columns must be filtered along time, the first axis. You filter along another axis.",
            )
            raise
        values = numbers(answer, "The filtered values", shape)
        gain, late_s = _seen_by_sine(function, cutoff, rate)
        compare(
            values[INNER],
            transform.lowpass(noise, cutoff_hz=cutoff, rate_hz=rate)[INNER],
            _lowpass_mistakes(noise, cutoff, rate),
            f"A sine at the cutoff must keep .707 of its amplitude and come without delay; yours has {gain:.3f} "
            f"and is {round(1000 * late_s, 1) + 0:.1f} ms late. If both are right, look at the order.",
            atol=0.012,  # of noise of SD 1; 1.25, as books print it, is up to 0.011 off at these rates
        )
    print(
        "Right: no lag, and 3 dB down at the cutoff, for noise at two rates and three cutoffs, in one and three "
        "columns."
    )


def _lowpass_mistakes(noise, cutoff, rate):
    """Give {hint: what the mistake makes of noise (T, ...), without its ends}."""
    corrected = cutoff / (2**0.5 - 1) ** 0.25

    def filtered(order, run, hz):
        return run(butter(order, hz, fs=rate, output="sos"), noise, axis=0)[INNER]

    late, eighth = ([filtered(*kind, hz) for hz in (cutoff, corrected)] for kind in ((2, sosfilt), (4, sosfiltfilt)))
    without_rate = filtered(2, sosfiltfilt, min(corrected * rate / 1000, 0.49 * rate))
    return {
        "Your two passes together are 6 dB down at the cutoff. The exercise asks for 3 dB.": filtered(
            2, sosfiltfilt, cutoff
        ),
        "One pass only: the curve is delayed.": late,
        "You correct the cutoff the wrong way. Must each single pass let through more, or less?": filtered(
            2, sosfiltfilt, cutoff**2 / corrected
        ),
        "Each of your passes is of fourth order, so both together are of eighth order.": eighth,
        "Your filter does not know the rate.": without_rate,
        "That is the part that the low-pass takes away, not the part that it leaves.": noise[INNER]
        - filtered(2, sosfiltfilt, corrected),
    }


def _seen_by_sine(function, hz, rate):
    """Measure what a filter does to a sine at its cutoff: its gain, and by how much (s) it comes late."""
    phase = 2 * np.pi * hz * np.arange(1500) / rate
    out = numbers(call(function, np.sin(phase), hz, rate), "The filtered values", (1500,))[INNER]
    (sine, cosine), *_ = np.linalg.lstsq(
        np.stack([np.sin(phase), np.cos(phase)], axis=1)[INNER], np.nan_to_num(out), rcond=None
    )
    return np.hypot(sine, cosine), np.arctan2(-cosine, sine) / (2 * np.pi * hz)
