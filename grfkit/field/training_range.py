"""The range of the training runners: what in a recording is out of it, and whether the recording shows walking.

In: motions and contacts. Out: texts for each footstep. Footsteps out of range are estimated, with a warning. Walking,
and points that were smoothed too strongly, are not estimated.
"""

import numpy as np
import pandas as pd
from scipy.signal import get_window

from grfkit.points import FEET, LEGS, POINTS

WIDER = (0.9, 1.1)  # factors that widen the ends of a range before a footstep is out of it: our choice
NEAR = 0.99  # share of left-out footsteps of the training runners that are near enough to another's: our choice
# share of that distance, below which a footstep trained the model: in recordings of rbds that did, the median is .004
# to .014 of it, and from all other runners no step is nearer than .2: our choice
TRAINED = 0.05
WALKING = 0.5  # share of swing_m under which feet pass as in walking: our choice
NOISIER = (0, 2.5)  # factors for the noise: at 60 frames a second motion itself seems as noisy; our choice
# factors for quick motion: rbds filtered twice at 12 Hz keeps .27, at 10 Hz mostly less: our choice
SMOOTHER = (0.265, np.inf)
TOO_SMOOTH = 0.05  # the same, at 6 Hz: AP and ML forces err as the mean curve of others does; our choice
MEASURES = {  # measure: its name, unit, format, what turns it into the unit, and the factors that widen the ends
    "speed_m_s": ("speed", "m/s", ".2f", 1, WIDER),
    "leg_m": ("leg length", "m", ".2f", 1, WIDER),
    "contact_s": ("contact time", "ms", ".0f", 1000, WIDER),
    "noise_m": ("noise of the points", "mm", ".2f", 1000, NOISIER),
    "quick": ("quick motion, of 9 to 15 Hz,", "% as strong as slower motion", ".1f", 100, SMOOTHER),
}
MEANING = {"quick": "smoothed points: "}  # of a measure that is out of range, said before it
WINDOW_S, WINDOW_HZ = 0.64, 100.0  # of quick_motion, about each mid-stance: most of a stride; our choice
SLOW_HZ, QUICK_HZ = (1.5, 8.0), (9.0, 15.0)  # its bands: they part filters of 10 and 12 Hz best; our choice
STRUCK = [number for number, point in enumerate(POINTS) if point.endswith(("knee", "ankle", "heel", "toe"))]


def measure(motions, contacts, speeds):
    """Measure what decides whether footsteps are in range: a row for each contact, a column for each measure.

    `contacts` with file, side, mid_s and contact_s; `speeds` {file: m/s}. leg_m is the mean length of both legs,
    noise_m the noise and quick the quick motion of the recording.
    """
    rows = pd.DataFrame({"speed_m_s": contacts["file"].map(speeds), "contact_s": contacts["contact_s"]})
    for file, index in contacts.groupby("file", sort=False).groups.items():
        rows.loc[index, "leg_m"] = leg_lengths(motions[file].spline(contacts.loc[index, "mid_s"].to_numpy()))
        rows.loc[index, "noise_m"] = motions[file].noise_m
        rows.loc[index, "quick"] = quick_motion(motions[file], contacts.loc[index, "mid_s"].to_numpy())
    return rows.reindex(columns=list(MEASURES))


def swings(motions, footsteps):
    """Give how much higher the swinging foot is than the standing one at each mid-stance (S,) m."""
    heights = pd.Series(np.nan, index=footsteps.index)
    for file, index in footsteps.groupby("file", sort=False).groups.items():
        points = motions[file].spline(footsteps.loc[index, "mid_s"].to_numpy())
        heights.loc[index] = swing_heights(points, footsteps.loc[index, "side"])
    return heights.to_numpy()


def quick_motion(moved, mid_s):
    """Measure how much of a Motion is quick: power of accelerations at 9 to 15 Hz over that at 1.5 to 8 Hz.

    Power is the mean over footsteps, whose mid-stances are at mid_s (S,) s; the result is the geometric mean over quick
    frequencies and over coordinates of knees, ankles, heels and toes. Size, speed and camera rate hardly matter.
    Smoothing of any kind lowers it. NaN where nowhere WINDOW_S is seen without a gap.
    """
    first = np.clip(mid_s - WINDOW_S / 2, moved.first_s, moved.last_s - WINDOW_S)
    first = first[moved.seen(first, first + WINDOW_S)]
    if not len(first):
        return np.nan
    rate_hz = max(WINDOW_HZ, moved.rate_hz)  # not less than the cameras', or their noise would be folded down
    steps = np.arange(round(WINDOW_S * rate_hz)) / rate_hz
    accelerations = moved.spline(first[:, None] + steps, 2)[:, :, STRUCK]
    accelerations -= accelerations.mean(axis=1, keepdims=True)
    tapered = accelerations * get_window("hann", len(steps))[:, None, None]
    power, hz = (np.abs(np.fft.rfft(tapered, axis=1)) ** 2).mean(axis=0), np.fft.rfftfreq(len(steps), 1 / rate_hz)
    slow, quick = (power[(low <= hz) & (hz <= high)] for low, high in (SLOW_HZ, QUICK_HZ))
    return float(np.exp(np.log(quick).mean() - np.log(slow.mean(axis=0)).mean()))


def leg_lengths(points):
    """Give the mean length (S,) m of both legs, thigh and shank, from points (S, 11, 3) m."""
    ends = np.transpose(LEGS)
    return np.linalg.norm(points[:, ends[0]] - points[:, ends[1]], axis=2).sum(axis=1) / 2


def swing_heights(points, sides):
    """Give how much higher the swinging foot's lowest point is than the standing one's (S,) m.

    `points` (S, 11, 3) m; `sides` (S,) name the standing foot, l or r.
    """
    lowest = {side: points[:, FEET[side], 2].min(axis=1) for side in "lr"}
    return np.where(np.asarray(sides) == "l", lowest["r"] - lowest["l"], lowest["l"] - lowest["r"])


def learn(measured, swings, nearest):
    """Learn the training range, as numbers that JSON can hold: range of each measure, swing height, distance.

    `measured` as `measure` gives for the training footsteps; `swings` (S,) m; `nearest` (S,) the squared distance, in
    scales of the kernel, to the nearest footstep of another runner.
    """
    ranges = {
        name: [float(measured[name].min()), float(measured[name].max())]
        for name in MEASURES
        if measured[name].notna().any()
    }
    return {"ranges": ranges, "swing_m": float(np.quantile(swings, 0.01)), "nearest": float(np.quantile(nearest, NEAR))}


def out_of_range(training_range, measured, nearest):
    """Say for each footstep what is out of a `training_range` (of learn): a list of texts, "" if nothing is."""
    texts = [[] for _ in range(len(measured))]
    for name, low, high in _ranges(training_range):
        called, unit, form, factor, wider = MEASURES[name]
        usual = f"(training runners: {factor * low:{form}} to {factor * high:{form}})"
        for text, value in zip(texts, measured[name], strict=True):
            if value < low * wider[0] or value > high * wider[1]:
                text.append(f"{MEANING.get(name, '')}{called} {factor * value:{form}} {unit} {usual}")
    for text, distance in zip(texts, nearest, strict=True):
        if distance > training_range["nearest"]:
            text.append("moves unlike every training runner")
    return ["; ".join(text) for text in texts]


def trained_by(training_range, nearest):
    """Tell which footsteps trained the model, (S,) bool, from their distances `nearest` (S,).

    Other recordings of a training runner cannot be told from those of a new one: at another speed they are as distant.
    """
    return nearest < TRAINED * training_range["nearest"]


def in_words(training_range):
    """Say the range of each measure of the training runners."""
    return "; ".join(
        f"{called} {factor * low:{form}} to {factor * high:{form}} {unit}"
        for name, low, high in _ranges(training_range)
        for called, unit, form, factor, _ in [MEASURES[name]]
    )


def _ranges(training_range):
    """List the measures that a training range has, each with its ends; older models have no quick motion."""
    ranges = training_range["ranges"]
    return [(name, *ranges[name]) for name in MEASURES if name in ranges]


def walks(training_range, swings):
    """Tell whether most footsteps are walking, from their `swings` (S,) m: in walking a swinging foot stays low."""
    return bool(np.median(swings) < WALKING * training_range["swing_m"])


def share_of_quick_motion(training_range, measured):
    """Give the quick motion of one recording over the least of the training runners, from its `measured` contacts.

    NaN if it is unknown: an older model has no such range, or no WINDOW_S is seen without a gap.
    """
    least, _ = training_range["ranges"].get("quick", (np.nan, np.nan))
    return float(measured["quick"].iloc[0] / least)
