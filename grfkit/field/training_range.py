"""Is this recording like what a model was trained on? What is not is said, and walking is not estimated at all."""

import numpy as np
import pandas as pd

from grfkit.points import FEET, LEGS

WIDER = (
    0.9,
    1.1,
)  # factors by which the ends of a range of the training runners are widened before a step is called unlike: our choice
NEAR = 0.99  # share of left-out steps of the training runners that are near enough to another's: our choice
WALKING = 0.5  # share of the swing height of the training runners' lowest per cent under which feet pass as in walking: our choice
MEASURES = {  # measure: what it is called, the unit and format that it is said in, what turns it into that, and how the ends are widened
    "speed_m_s": ("speed", "m/s", ".2f", 1, WIDER),
    "leg_m": ("leg length", "m", ".2f", 1, WIDER),
    "contact_s": ("contact time", "ms", ".0f", 1000, WIDER),
    "noise_m": (
        "noise of the points",
        "mm",
        ".2f",
        1000,
        (0, 2.5),
    ),  # at 60 frames a second motion itself seems as noisy: our choice
}


def measure(motions, contacts, speeds):
    """Measure what decides whether steps are like others: a row for each contact, a column for each measure.

    `contacts` with file, side, mid_s and contact_s; `speeds` {file: m/s}. leg_m is the mean length of both legs, noise_m that of the recording.
    """
    rows = pd.DataFrame(
        {
            "speed_m_s": contacts["file"].map(speeds),
            "contact_s": contacts["contact_s"],
            "leg_m": np.nan,
            "noise_m": np.nan,
        }
    )
    for file, index in contacts.groupby("file", sort=False).groups.items():
        rows.loc[index, "leg_m"] = leg_lengths(motions[file].spline(contacts.loc[index, "mid_s"].to_numpy()))
        rows.loc[index, "noise_m"] = motions[file].noise_m
    return rows


def swings(motions, found):
    """Give how much higher the swinging foot is than the standing one at the mid-stance of each step (S,) m."""
    heights = pd.Series(np.nan, index=found.index)
    for file, index in found.groupby("file", sort=False).groups.items():
        heights.loc[index] = swing_heights(
            motions[file].spline(found.loc[index, "mid_s"].to_numpy()), found.loc[index, "side"]
        )
    return heights.to_numpy()


def leg_lengths(points):
    """Give the mean length (S,) m of both legs, thigh and shank, from points (S, 11, 3) m."""
    upper, lower = np.transpose(LEGS)
    return np.linalg.norm(points[:, upper] - points[:, lower], axis=2).sum(axis=1) / 2


def swing_heights(points, sides):
    """Give how much higher the swinging foot's lowest point is than the standing one's (S,) m, from points (S, 11, 3) m and sides l, r."""
    return np.array(
        [
            frame[FEET["r" if side == "l" else "l"], 2].min() - frame[FEET[side], 2].min()
            for frame, side in zip(points, sides, strict=True)
        ]
    )


def learn(measured, swings, nearest):
    """Learn what a model knows: the range of each measure, the least swing height, and how near left-out steps are; numbers that JSON can hold.

    `measured` as `measure` gives for the training steps, `swings` (S,) m, `nearest` (S,) from KernelRidge.nearest, each step's runner left out.
    """
    ranges = {name: [float(measured[name].min()), float(measured[name].max())] for name in MEASURES}
    return {"ranges": ranges, "swing_m": float(np.quantile(swings, 0.01)), "nearest": float(np.quantile(nearest, NEAR))}


def unlike(limits, measured, nearest):
    """Say for each step what is unlike the training runners' steps: a list of texts, empty where nothing is."""
    texts = [[] for _ in range(len(measured))]
    for name, (called, unit, form, factor, ends) in MEASURES.items():
        low, high = limits["ranges"][name]
        for text, value in zip(texts, measured[name], strict=True):
            if not low * ends[0] <= value <= high * ends[1]:
                text.append(
                    f"{called} {factor * value:{form}} {unit} (training runners: {factor * low:{form}} to {factor * high:{form}})"
                )
    for text, distance in zip(texts, nearest, strict=True):
        if distance > limits["nearest"]:
            text.append("moves unlike every training runner")
    return ["; ".join(text) for text in texts]


def ranges(limits):
    """Say what a model knows: the range of each measure of its training runners."""
    return "; ".join(
        f"{called} {factor * low:{form}} to {factor * high:{form}} {unit}"
        for name, (called, unit, form, factor, _) in MEASURES.items()
        for low, high in [limits["ranges"][name]]
    )


def walks(limits, swings):
    """Tell whether most steps of a recording are walking, from its `swings` (S,) m: both feet low where a runner's swinging foot is high."""
    return bool(np.median(swings) < WALKING * limits["swing_m"])
