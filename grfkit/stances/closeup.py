"""A closer look: one stance as it was recorded and as it was filtered, and the legs of each runner.

In: a row of stances.csv, and the recordings; frames of stances. Out: Signals, cut as cut.collect cuts; lengths.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from grfkit import transform
from grfkit.points import INPUTS, POINTS
from grfkit.recordings import plates
from grfkit.recordings.read import load_trial
from grfkit.stances import cut, tracks

SHOWN_HZ = 50.0  # the low-pass that is shown where the study has none: usual for running, our choice


@dataclass(frozen=True)
class Signals:
    """One stance with its padding, before and after the filters: T force frames, F camera frames, touchdown frame."""

    time_s: np.ndarray  # (T,), 0 at touchdown
    raw: np.ndarray  # (T, 3) N of the plates that are stepped on, their offset removed
    filtered: np.ndarray  # (T, 3) N, the same after a low-pass
    cutoff_hz: float  # of that low-pass
    cop: np.ndarray  # (T, 3) m, centre of pressure, NaN where the plates are unloaded
    points: np.ndarray  # (T, 11, 3) m, filtered and at the rate of the force
    camera_s: np.ndarray  # (F,)
    seen: np.ndarray  # (F, 11, 3) m as recorded, NaN where missing


def read(row, trials, folder, settings):
    """Read the trial of one stance (a row of stances.csv) again with a study's Preprocessing; returns Signals.

    Where the study filters no force (None), it is filtered at SHOWN_HZ, which shows what a filter would do.
    """
    trial = next(trials[trials["file"] == row["file"]].itertuples())
    recording, seen = load_trial(trial, Path(folder), {}, settings)
    recording, steps = cut.find_steps(recording, settings)
    hz, touchdown_s, toeoff_s = recording.force_hz, row["touchdown_s"], row["toeoff_s"]
    first, end, pad = round(touchdown_s * hz), round(toeoff_s * hz) + 1, round(settings.padding_s * hz)
    step, part = next(step for step in steps if step.first == first), np.arange(first - pad, end + pad)
    raw, cop = plates.combined([recording.plates[number] for number in step.plates])
    points = tracks.of(seen, recording.point_hz, settings).at(part / hz)
    origin, camera_s = transform.ground_projection(points[pad, 0]), np.arange(len(seen)) / recording.point_hz
    cutoff_hz = settings.force_cutoff_hz or min(SHOWN_HZ, hz / 4)  # a slow plate allows less
    near = (camera_s >= part[0] / hz) & (camera_s <= part[-1] / hz)
    return Signals(
        (part - first) / hz,
        raw[part],
        transform.lowpass(raw, cutoff_hz=cutoff_hz, rate_hz=hz)[part],
        cutoff_hz,
        cop[part] - origin,
        points - origin,
        camera_s[near] - touchdown_s,
        seen[near] - origin,
    )


def leg_lengths(frames, stances):
    """Measure thighs and shanks (cm) of each runner, the median over frames as in stances.parquet.

    Returns a DataFrame, a row a runner: left, right and how much longer the left is (%), of thigh and shank; the
    runners whose sides differ most come first.
    """
    runner = frames["stance"].map(stances.set_index("stance")["runner"]).rename("runner")
    points = frames[INPUTS].to_numpy(float).reshape(len(frames), len(POINTS), 3)
    made = {}
    for name, upper, lower in (("thigh", "hip", "knee"), ("shank", "knee", "ankle")):
        for side in "lr":
            ends = [points[:, POINTS.index(f"{side}_{point}")] for point in (upper, lower)]
            lengths = pd.Series(100 * np.linalg.norm(ends[0] - ends[1], axis=1), frames.index)
            made[f"{name} {'left' if side == 'l' else 'right'} (cm)"] = lengths.groupby(runner).median()
        left, right = (made[f"{name} {side} (cm)"] for side in ("left", "right"))
        made[f"{name} left longer (%)"] = 100 * (left / right - 1)
    table = pd.DataFrame(made)
    worst = table.filter(like="%").abs().max(axis=1)
    return table.loc[worst.sort_values(ascending=False, kind="stable").index]
