"""One stance as it was recorded and as it was filtered, for a closer look."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from grfkit import transform
from grfkit.recordings import plates as force_plates
from grfkit.recordings.read import load_trial
from grfkit.stances import tracks

SHOWN_HZ = 50.0  # the low-pass that is shown where the study has none: usual for running, our choice


@dataclass(frozen=True)
class Signals:
    """One stance with its padding, before and after the filters: T force frames, F camera frames, touchdown frame."""

    time_s: np.ndarray  # (T,), 0 at touchdown
    raw: np.ndarray  # (T, 3) N of the plate that is stepped on, its offset removed
    filtered: np.ndarray  # (T, 3) N, the same after a low-pass
    cutoff_hz: float  # of that low-pass
    cop: np.ndarray  # (T, 3) m, centre of pressure
    points: np.ndarray  # (T, 11, 3) m, filtered and at the force's rate
    camera_s: np.ndarray  # (F,)
    seen: np.ndarray  # (F, 11, 3) m as recorded, NaN where missing


def read(
    row,
    trials,
    folder,
    *,
    landmark_source,
    forward,
    up,
    plates,
    force_cutoff_hz,
    points_cutoff_hz,
    contact_threshold_n,
    padding_s,
    limits,
):
    """Read the trial of one stance (a row of stances.csv) again and give its Signals, cut as stance.collect cuts.

    Where the study filters no force (None), it is filtered all the same, at SHOWN_HZ, so that one sees what that would do.
    """
    trial = next(trials[trials["file"] == row["file"]].itertuples())
    recording, seen = load_trial(trial, Path(folder), {}, landmark_source, forward=forward, up=up, plates=plates)
    hz, touchdown_s, toeoff_s = recording.force_hz, row["touchdown_s"], row["toeoff_s"]
    first, end, pad = round(touchdown_s * hz), round(toeoff_s * hz) + 1, round(padding_s * hz)
    plates = [force_plates.zeroed(plate, hz) for plate in recording.plates]
    steps = force_plates.steps(plates, threshold_n=contact_threshold_n, rate_hz=hz, longest_s=limits["stance_s"][1])
    on = [plates[number] for number in next(step for step in steps if step.first == first).plates]
    raw, part = sum(plate.force for plate in on), np.arange(first - pad, end + pad)
    moments = sum(np.nan_to_num(plate.force[part, 2:] * plate.cop[part]) for plate in on)
    cop = moments / np.where(raw[part, 2:] == 0, np.nan, raw[part, 2:])
    track = tracks.Tracks(
        seen,
        recording.point_hz,
        cutoff_hz=points_cutoff_hz,
        max_gap_s=limits["max_gap_s"],
        missing_share=limits["missing_share"],
    )
    points = track.at(part / hz)
    origin, camera_s = transform.ground_projection(points[pad, 0]), np.arange(len(seen)) / recording.point_hz
    cutoff_hz = force_cutoff_hz or min(SHOWN_HZ, hz / 4)  # a slow plate allows less
    near = (camera_s >= part[0] / hz) & (camera_s <= part[-1] / hz)
    return Signals(
        (part - first) / hz,
        raw[part],
        transform.lowpass(raw, cutoff_hz=cutoff_hz, rate_hz=hz)[part],
        cutoff_hz,
        cop - origin,
        points - origin,
        camera_s[near] - touchdown_s,
        seen[near] - origin,
    )
