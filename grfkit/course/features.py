"""Session 2 of the course: checks of the exercises on reading the features of a stance, and the tables they end in.

Each check takes the student's function, tries it on made curves with a known answer, and on stances of the course; it prints one
sentence where all is right, and raises AssertionError with a hint where it is not.
"""

from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.signal import butter, find_peaks, sosfilt, sosfiltfilt

from grfkit import features, metrics, transform
from grfkit.course import data as course_data
from grfkit.course.data import call, check
from grfkit.course.stance import judge, numbers
from grfkit.points import FORCES

FLIGHT_S = 0.1  # of zero force put around a stance before it is filtered: our choice, since the filter forgets within half of it
PROMINENCE_BW = 0.05  # what stands out less is no peak but noise: our choice
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
    frames, stances = course_data.stances()
    parts = dict(list(frames[metrics.in_stance(frames, stances)].groupby("stance")))
    return [
        Curve(
            row.runner,
            row.side,
            row.flight_s,
            parts[row.stance]["time_s"].to_numpy(float).round(6),
            parts[row.stance][FORCES].to_numpy(float),
        )
        for row in stances.itertuples()
    ]


def filtered(curve, lowpass, cutoff_hz):
    """Filter one stance (T, 3) BW with the flight around it, force 0, by lowpass(values, cutoff_hz, rate_hz); None: not at all.

    Touchdown and toe-off stay those of the unfiltered force.
    """
    if cutoff_hz is None:
        return curve.force
    rate = 1 / np.diff(curve.time_s).mean()
    flight = round(FLIGHT_S * rate)
    return lowpass(np.pad(curve.force, ((flight, flight), (0, 0))), cutoff_hz, rate)[flight:-flight]


def peaks_by_cutoff(found, lowpass, local_impact_peak, cutoffs):
    """Read the peaks after each low-pass: a row for each cutoff, means over stances (BW), and how many have an impact peak (%)."""
    rows = []
    for cutoff in cutoffs:
        for curve in found:
            force = filtered(curve, lowpass, cutoff)
            rows.append(
                {
                    "cutoff": _name(cutoff),
                    "braking": -force[:, 0].min(),
                    "propulsive": force[:, 0].max(),
                    "at 13 %": np.interp(0.13 * curve.time_s[-1], curve.time_s, force[:, 2]),
                    "active": force[:, 2].max(),
                    "with local impact peak (%)": 100.0 * np.isfinite(local_impact_peak(force[:, 2])),
                }
            )
    return pd.DataFrame(rows).groupby("cutoff", sort=False).mean()


def vlr_by_runner(found, vlr, lowpass, cutoffs):
    """Read VLR (BW/s) by each definition after each low-pass: rows runners, columns (definition, cutoff), means over stances."""
    rows = [
        (curve.runner, definition, _name(cutoff), vlr(force[:, 2], curve.time_s, definition))
        for cutoff in cutoffs
        for curve in found
        for force in [filtered(curve, lowpass, cutoff)]
        for definition in features.LOADING_RATES
    ]
    table = pd.DataFrame(rows, columns=["runner", "definition", "cutoff", "vlr"])
    means = table.groupby(["runner", "definition", "cutoff"])["vlr"].mean().unstack(["definition", "cutoff"])
    return means[list(product(features.LOADING_RATES, map(_name, cutoffs)))]


def _name(cutoff):
    return "none" if cutoff is None else f"{cutoff:g} Hz"


# Made curves


def made_vertical(*, length=230, impact_bw=0.9, active_bw=2.5, rate_hz=1000.0):
    """Make a vertical force (T,) BW with its times (T,) s: a half sine, and an early bump, of `impact_bw`, that ends at a fifth."""
    time_s = np.arange(round(length / 1000 * rate_hz)) / rate_hz
    share = (time_s + 0.5 / rate_hz) / (length / 1000)
    bump = impact_bw * np.sin(np.pi * np.clip(share / 0.22, 0, 1)) ** 2
    return active_bw * np.sin(np.pi * share) ** 1.3 + bump, time_s


def made_ap(*, length=230, braking_bw=0.4, propulsive_bw=0.3):
    """Make an anterior-posterior force (T,) BW: a half sine of braking for 45 % of stance, then one of propulsion."""
    share = (np.arange(length) + 0.5) / length
    return np.where(
        share < 0.45, -braking_bw * np.sin(np.pi * share / 0.45), propulsive_bw * np.sin(np.pi * (share - 0.45) / 0.55)
    )


# The exercises, in their order


def check_braking_and_propulsive(function):
    """Check braking_and_propulsive(ap_bw): the braking peak as a positive magnitude, and the propulsive peak."""
    for ap in (
        made_ap(),
        made_ap(braking_bw=0.25, propulsive_bw=0.45),
        made_ap(length=300) - 0.02,
        curves()[7].force[:, 0],
    ):
        values = numbers(call(function, ap.copy()), (2,), "Braking and propulsive peak")
        braking, propulsive = -ap.min(), ap.max()
        largest = np.abs(ap).max()
        mistakes = {
            "The braking peak is given as a magnitude: positive, though the force is negative.": [-braking, propulsive],
            "Braking and propulsive peak are swapped: the runner is braked first, by a force that points backwards.": [
                propulsive,
                braking,
            ],
            "Swapped, and with a sign: braking is the force backwards, given as a positive magnitude.": [
                propulsive,
                -braking,
            ],
            "Both are the largest magnitude of the whole curve: one is of its negative part, one of its positive.": [
                largest,
                largest,
            ],
            "These are frames, not forces: np.argmin tells where, and min tells how much.": [ap.argmin(), ap.argmax()],
            "You split stance in the middle: braking ends where the force changes its sign, and that is not at 50 %.": [
                np.abs(ap[: len(ap) // 2]).mean(),
                ap[len(ap) // 2 :].mean(),
            ],
        }
        judge(
            values,
            [braking, propulsive],
            mistakes,
            f"Of a curve between {-braking:.2f} and {propulsive:.2f} BW you read {values[0]:.2f} and {values[1]:.2f}.",
            atol=1e-6,
        )
    print("Right: the two peaks of three made curves and of a stance, whichever is the larger.")


def check_impulses(function):
    """Check impulses(ap_bw, rate_hz): braking and propulsive impulse in BW s, both as magnitudes."""
    for ap, rate in (
        (made_ap(), 1000.0),
        (made_ap(length=100, braking_bw=0.25), 500.0),
        (curves()[3].force[:, 0], 1000.0),
    ):
        values = numbers(call(function, ap.copy(), rate), (2,), "The two impulses")
        right = np.array([-ap[ap < 0].sum(), ap[ap > 0].sum()]) / rate
        net, peaks = ap.sum() / rate, np.array([-ap.min(), ap.max()])
        mistakes = {
            "The braking impulse is given as a magnitude: positive.": right * [-1, 1],
            "Braking and propulsive impulse are swapped.": right[::-1],
            "You sum the forces of all frames: an impulse is force times time, so each counts for 1 / rate_hz seconds.": right
            * rate,
            "You sum the forces of all frames, and the braking impulse is negative: force times time, given as a magnitude.": right
            * rate
            * [-1, 1],
            "Right at 1000 Hz and not at another rate: use `rate_hz`.": right * rate / 1000,
            "These are mean forces in BW; an impulse is force times time.": [-ap[ap < 0].mean(), ap[ap > 0].mean()],
            "Each is the impulse of the whole curve, where braking and propulsion cancel: sum one sign only.": [
                net,
                net,
            ],
            "Each is the impulse of the whole curve, where braking and propulsion cancel: sum one sign only. ": [
                -net,
                net,
            ],
            "These are the peaks; the impulse is the area under the curve.": peaks,
            "Stance is cut in the middle: what counts is the sign of the force, and it does not change at 50 %.": np.array(
                [-ap[: len(ap) // 2].sum(), ap[len(ap) // 2 :].sum()]
            )
            / rate,
        }
        judge(
            values,
            right,
            mistakes,
            f"Of a curve with impulses of about {right[0]:.3f} and {right[1]:.3f} BW s you find {values[0]:.4f} "
            f"and {values[1]:.4f}: sum the negative and the positive forces apart, and divide by the rate.",
            atol=0.01 * right.min(),
        )
    print("Right: areas under made curves, whose integral is known, and under a stance, at two rates.")


def check_mean_over_step(function):
    """Check mean_over_step(vertical_bw, rate_hz, flight_s): the mean of the vertical force from touchdown to touchdown."""
    real = next(curve for curve in curves() if np.isfinite(curve.flight_s))
    for peak, length, flight, rate in (
        (2.5, 230, 0.12, 1000.0),
        (1.8, 140, 0.05, 500.0),
        (None, 0, real.flight_s, 1000.0),
    ):
        share = (np.arange(length) + 0.5) / max(length, 1)
        vertical = real.force[:, 2] if peak is None else peak * np.sin(np.pi * share)
        value = numbers(call(function, vertical.copy(), rate, flight), (), "The mean over the step")
        contact = len(vertical) / rate
        impulse = vertical.sum() / rate if peak is None else 2 / np.pi * peak * contact
        mistakes = {
            "That is the mean over stance, or nearly. Between two touchdowns there is flight too, with a force of 0; and what "
            "is added to its seconds must be seconds.": impulse / contact,
            "That is the impulse, in BW s: divide by the duration of the step.": impulse,
            "You divide by the flight alone: a step is contact and flight.": impulse / flight,
            "The forces are summed and not multiplied by the time of a frame, 1 / rate_hz.": impulse
            * rate
            / (contact + flight),
            "Right at 1000 Hz and not at another rate: use `rate_hz`.": vertical.sum()
            / 1000
            / (len(vertical) / 1000 + flight),
        }
        judge(
            value,
            impulse / (contact + flight),
            mistakes,
            f"A step of {contact:.3f} s of contact and {flight:.3f} s of flight has a mean "
            f"force of about {impulse / (contact + flight):.2f} BW; you find {value:.3f}.",
            atol=0.01,
        )
    print("Right: two half sines, whose mean is known, and a step of a runner, who neither rises nor sinks: 1 BW.")


def check_local_impact_peak(function):
    """Check local_impact_peak(vertical_bw): the first local maximum in 35 % of stance that stands out by .05 BW, else NaN."""
    clear, flat = made_vertical(impact_bw=1.4)[0], made_vertical(impact_bw=0.0)[0]
    rough = flat + 0.02 * np.sin(2.2 * np.arange(len(flat)))
    late = flat.copy()
    late[120:160] -= 0.4 * np.sin(np.pi * np.linspace(0, 1, 40)) ** 2  # a dip after the active peak
    higher = made_vertical(impact_bw=2.6, active_bw=1.8)[0]
    for vertical in (
        clear,
        higher,
        made_vertical(impact_bw=1.1, length=300)[0],
        curves()[0].force[:, 2],
        flat,
        late,
        rough,
    ):
        early = vertical[: int(IMPACT_END * len(vertical))]
        found, _ = find_peaks(early, prominence=PROMINENCE_BW)
        value = numbers(call(function, vertical.copy()), (), "The impact peak")
        right = early[found[0]] if len(found) else np.nan
        everywhere, bumps = find_peaks(vertical, prominence=PROMINENCE_BW)[0], find_peaks(early)[0]
        thirteen = np.interp(0.13 * (len(vertical) - 1), np.arange(len(vertical)), vertical)
        none = "This runner has no impact peak, and must get NaN"
        tall = find_peaks(early, height=PROMINENCE_BW)[0]
        mistakes = (
            {
                f"{none}: yours is the highest of the first frames, which is their last one, still on its way up.": early.max(),
                f"{none}: yours is the first peak anywhere, the active peak.": vertical[everywhere[0]]
                if len(everywhere)
                else np.inf,
                f"{none}: yours is the force at 13 % of stance, which everybody has.": thirteen,
                f"{none}: 0 would count as a measured force of 0.": 0.0,
                f"{none}: noise has a maximum every few frames; a peak must stand out (find_peaks: prominence).": early[
                    bumps[0]
                ]
                if len(bumps)
                else np.inf,
                f"{none}: is it `height` that you ask for? A peak must stand out from what is around it (prominence).": early[
                    tall[0]
                ]
                if len(tall)
                else np.inf,
            }
            if np.isnan(right)
            else {
                "You find no impact peak where there is one.": np.nan,
                "That is the highest of the first frames, their last, still on its way up: a local maximum is higher than what "
                "comes before and after it.": early[-1],
                "That is the active peak, the largest force of stance; the impact peak comes before.": vertical.max(),
                "That is the force at 13 % of stance, near the peak and not its top.": thirteen,
                "That is the frame of the peak, not the force.": found[0] if len(found) else np.inf,
            }
        )
        judge(
            value,
            right,
            mistakes,
            f"{none}; you read {value:.2f} BW."
            if np.isnan(right)
            else f"The impact peak of a curve is {right:.2f} BW and you read {value:.2f}: the first local maximum in "
            f"the first {100 * IMPACT_END:.0f} % of frames that stands out by {PROMINENCE_BW} BW.",
            atol=1e-6,
        )
    print(
        "Right: four runners with an impact peak, and three without: one with noise, one with a dip after the active peak."
    )


def check_vlr(function):
    """Check vlr(vertical_bw, time_s, definition): the loading rate in BW/s by each definition."""
    real = curves()[9]
    for vertical, time_s in (
        made_vertical(),
        made_vertical(length=301, rate_hz=480.0),
        (real.force[:, 2], real.time_s),
    ):
        every = {name: features.loading_rate(vertical, time_s, name) for name in features.LOADING_RATES}
        impact_s = 0.13 * time_s[-1]
        at = lambda seconds: np.interp(seconds, time_s, vertical)  # noqa: E731
        frame = round(0.13 * (len(time_s) - 1))
        low, high = 0.2 * impact_s, 0.8 * impact_s
        rise = vertical[: frame + 1]
        by_force = [np.interp(share * at(impact_s), rise, time_s[: frame + 1]) for share in (0.2, 0.8)]
        frames = [round(seconds * len(time_s) / time_s[-1]) for seconds in (low, high)]
        own = {
            "touchdown_to_13": {
                "You take the frame nearest to 13 %: between two frames the force is a straight line; use np.interp.": vertical[
                    frame
                ]
                / time_s[frame],
                "The force at touchdown is 0 by definition; you subtract that of the first frame above the threshold.": (
                    at(impact_s) - vertical[0]
                )
                / impact_s,
                "That is the force at 13 % of stance, not yet divided by a time.": at(impact_s),
                "That is the steepest slope between two frames; asked for is the mean slope.": np.gradient(
                    vertical, time_s
                ).max(),
            },
            "20_to_80": {
                "You divide the rise between 20 and 80 % by the whole time up to 13 % of stance.": (at(high) - at(low))
                / impact_s,
                "You divide the force at 80 % by its time: the slope is the difference of two forces over that of their times.": at(
                    high
                )
                / high,
                "20 and 80 % are of the time from touchdown to 13 % of stance, not of the force there.": 0.6
                * at(impact_s)
                / (by_force[1] - by_force[0]),
                "20 and 80 % are of the interval from touchdown to 13 % of stance, not of stance.": (
                    at(0.8 * time_s[-1]) - at(0.2 * time_s[-1])
                )
                / (0.6 * time_s[-1]),
                "You take the nearest frames: between two frames the force is a straight line; use np.interp.": (
                    vertical[frames[1]] - vertical[frames[0]]
                )
                / (time_s[frames[1]] - time_s[frames[0]]),
            },
            "first_25_ms": {
                "You take the 25th frame: 25 ms are 25 frames at 1000 Hz only.": vertical[25] / time_s[25],
                "The force at touchdown is 0 by definition; you subtract that of the first frame above the threshold.": (
                    at(0.025) - vertical[0]
                )
                / 0.025,
                "Times are in seconds: 25 ms are 0.025 s.": at(25) / 25,
            },
        }
        for name, right in every.items():
            value = numbers(call(function, vertical.copy(), time_s.copy(), name), (), f"VLR by {name}")
            others = {
                f"For {name} you give the rate of {other}: does your function look at `definition`?": rate
                for other, rate in every.items()
                if other != name
            }
            mistakes = (
                {"Your times are in milliseconds: BW/s is asked for.": right / 1000, "The sign is turned.": -right}
                | others
                | own[name]
            )
            judge(
                value,
                right,
                mistakes,
                f"VLR by {name} is off by {100 * (value / right - 1):.1f} %: is it the rise of the force over the "
                "time of its own interval, each read by np.interp and not at the nearest frame?",
                atol=1e-4 * right,
            )
    print("Right: three definitions on two made curves, at two rates, and on a stance.")


def check_lowpass(function):
    """Check lowpass(values, cutoff_hz, rate_hz): a second-order Butterworth, forwards and backwards, 3 dB down at the cutoff."""
    for shape, cutoff, rate in (((1500,), 20.0, 1000.0), ((1500,), 15.0, 250.0), ((1500, 3), 50.0, 1000.0)):
        noise = np.random.default_rng(0).normal(size=shape)
        inner = slice(300, -300)  # ends are padded one way or another

        def twice(order, hz, rate=rate, noise=noise):
            return sosfiltfilt(butter(order, hz, fs=rate, output="sos"), noise, axis=0)[inner]

        corrected = cutoff / (2**0.5 - 1) ** 0.25
        sos = butter(2, cutoff, fs=rate, output="sos")
        try:
            answer = call(function, noise.copy(), cutoff, rate)
        except AssertionError as error:  # SciPy's words for a row of three that is too short to be filtered
            check("padlen" not in str(error), "Three columns are filtered along time, the first axis: give axis=0.")
            raise
        values = numbers(answer, shape, "The filtered values")[inner]
        gain, late_s = _seen_by_sine(function, cutoff, rate)
        once = (
            "One pass only: the curve comes late. Filter forwards and backwards (scipy.signal.filtfilt or sosfiltfilt)."
        )
        mistakes = {
            "Two passes are right, and together they are 6 dB down at the cutoff, not 3: correct the cutoff of each pass.": twice(
                2, cutoff
            ),
            once: sosfilt(sos, noise, axis=0)[inner],
            once + " ": sosfilt(butter(2, corrected, fs=rate, output="sos"), noise, axis=0)[inner],
            "The cutoff is corrected the wrong way: each pass alone must let more through, so its cutoff is higher.": twice(
                2, cutoff * (2**0.5 - 1) ** 0.25
            ),
            "Each pass is of fourth order, so that both together are of eighth: take 2.": twice(4, cutoff),
            "Each pass is of fourth order, so that both together are of eighth: take 2. ": twice(4, corrected),
            "Your filter does not know the rate: give butter fs=rate_hz.": twice(
                2, min(corrected * rate / 1000, 0.49 * rate)
            ),
            "That is what the low-pass takes away, not what it leaves: values minus the filtered ones.": noise[inner]
            - transform.lowpass(noise, cutoff_hz=cutoff, rate_hz=rate)[inner],
        }
        right = transform.lowpass(noise, cutoff_hz=cutoff, rate_hz=rate)[inner]
        judge(
            values,
            right,
            mistakes,  # 1.25 will do, as the text rounds it: 5e-3
            "A sine at the cutoff must come out with "
            f".707 of its amplitude and in time; yours has {gain:.3f} and is {round(1000 * late_s, 1) + 0:.1f} ms late.",
            atol=5e-3,
        )
    print("Right: noise at two rates and three cutoffs, one column and three: no lag, and 3 dB down at the cutoff.")


def _seen_by_sine(function, hz, rate):
    """Measure what a filter does to a sine at its cutoff: its gain, and by how much (s) it comes late."""
    phase = 2 * np.pi * hz * np.arange(1500) / rate
    out = numbers(call(function, np.sin(phase), hz, rate), (1500,), "The filtered values")[300:-300]
    (sine, cosine), *_ = np.linalg.lstsq(
        np.stack([np.sin(phase), np.cos(phase)], axis=1)[300:-300], np.nan_to_num(out), rcond=None
    )
    return np.hypot(sine, cosine), np.arctan2(-cosine, sine) / (2 * np.pi * hz)
