"""The range of the training runners: what of a recording lies outside it, and whether it shows walking.

In: motions and contacts. Out: texts for each footstep. What is out of range is estimated and said; walking is not
estimated.
"""

import numpy as np
import pandas as pd

from grfkit.points import FEET, LEGS

WIDER = (0.9, 1.1)  # factors that widen the ends of a range before a footstep is out of it: our choice
NEAR = 0.99  # share of left-out footsteps of the training runners that are near enough to another's: our choice
WALKING = 0.5  # share of swing_m under which feet pass as in walking: our choice
NOISIER = (0, 2.5)  # factors for the noise: at 60 frames a second motion itself seems as noisy; our choice
MEASURES = {  # measure: its name, unit, format, what turns it into the unit, and the factors that widen the ends
    "speed_m_s": ("speed", "m/s", ".2f", 1, WIDER),
    "leg_m": ("leg length", "m", ".2f", 1, WIDER),
    "contact_s": ("contact time", "ms", ".0f", 1000, WIDER),
    "noise_m": ("noise of the points", "mm", ".2f", 1000, NOISIER),
}


def measure(motions, contacts, speeds):
    """Measure what decides whether footsteps are in range: a row for each contact, a column for each measure.

    `contacts` with file, side, mid_s and contact_s; `speeds` {file: m/s}. leg_m is the mean length of both legs,
    noise_m the noise of the recording.
    """
    rows = pd.DataFrame({"speed_m_s": contacts["file"].map(speeds), "contact_s": contacts["contact_s"]})
    for file, index in contacts.groupby("file", sort=False).groups.items():
        rows.loc[index, "leg_m"] = leg_lengths(motions[file].spline(contacts.loc[index, "mid_s"].to_numpy()))
        rows.loc[index, "noise_m"] = motions[file].noise_m
    return rows.reindex(columns=list(MEASURES))


def swings(motions, footsteps):
    """Give how much higher the swinging foot is than the standing one at each mid-stance (S,) m."""
    heights = pd.Series(np.nan, index=footsteps.index)
    for file, index in footsteps.groupby("file", sort=False).groups.items():
        points = motions[file].spline(footsteps.loc[index, "mid_s"].to_numpy())
        heights.loc[index] = swing_heights(points, footsteps.loc[index, "side"])
    return heights.to_numpy()


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
    ranges = {name: [float(measured[name].min()), float(measured[name].max())] for name in MEASURES}
    return {"ranges": ranges, "swing_m": float(np.quantile(swings, 0.01)), "nearest": float(np.quantile(nearest, NEAR))}


def out_of_range(training_range, measured, nearest):
    """Say what of each footstep is out of a `training_range` (of learn): a list of texts, empty where nothing is."""
    texts = [[] for _ in range(len(measured))]
    for name, (called, unit, form, factor, wider) in MEASURES.items():
        low, high = training_range["ranges"][name]
        usual = f"(training runners: {factor * low:{form}} to {factor * high:{form}})"
        for text, value in zip(texts, measured[name], strict=True):
            if not low * wider[0] <= value <= high * wider[1]:
                text.append(f"{called} {factor * value:{form}} {unit} {usual}")
    for text, distance in zip(texts, nearest, strict=True):
        if distance > training_range["nearest"]:
            text.append("moves unlike every training runner")
    return ["; ".join(text) for text in texts]


def in_words(training_range):
    """Say the range of each measure of the training runners."""
    return "; ".join(
        f"{called} {factor * low:{form}} to {factor * high:{form}} {unit}"
        for name, (called, unit, form, factor, _) in MEASURES.items()
        for low, high in [training_range["ranges"][name]]
    )


def walks(training_range, swings):
    """Tell whether most footsteps are walking, from their `swings` (S,) m: in walking a swinging foot stays low."""
    return bool(np.median(swings) < WALKING * training_range["swing_m"])
