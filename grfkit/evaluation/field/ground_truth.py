"""What a model for the field is trained and judged on: recordings with plates, their steps matched with the stances of 01_preprocess."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from grfkit.field import motion
from grfkit.recordings import plates as force_plates
from grfkit.recordings import trials as trials_table
from grfkit.recordings.read import load_trial

BESIDE_S = 0.2  # the middle of a step that is found in a contact that was left out comes less than this after its touchdown: our choice, under half a step


@dataclass(frozen=True)
class Recorded:
    """One recording with plates: points (F, 11, 3) m, NaN where missing; all plates' force (T, 3) N and centre of pressure (T, 3) m, NaN unloaded."""

    file: str
    runner: str
    speed_m_s: float
    points: np.ndarray
    point_hz: float
    force: np.ndarray
    cop: np.ndarray
    force_hz: float


def read(stances, folder, section):
    """Read the recordings of stances (stances.csv) again, with the settings of a study's section 01_preprocess; a list of Recorded."""
    trials = trials_table.read_trials(folder, table=section["table"])
    trials = trials[trials["file"].isin(stances["file"])]
    source, statics = {name: section[name] for name in ("points", "theia", "clusters")}, {}
    return [
        _read(trial, Path(folder), statics, source, section)
        for trial in tqdm(list(trials.itertuples()), desc="reading", unit="file", mininterval=1)
    ]


def _read(trial, folder, statics, source, section):
    recording, points = load_trial(
        trial, folder, statics, source, forward=section["forward"], up=section["up"], plates=section["plates"]
    )
    plates = [force_plates.zeroed(plate, recording.force_hz) for plate in recording.plates]
    force = sum(plate.force for plate in plates)
    loaded = force[:, 2:] > section["contact_threshold_n"]
    moments = sum(np.nan_to_num(plate.force[:, 2:] * plate.cop) for plate in plates)
    cop = np.where(loaded, moments / np.where(loaded, force[:, 2:], 1.0), np.nan)
    return Recorded(
        trial.file, trial.runner, trial.speed_m_s, points, recording.point_hz, force, cop, recording.force_hz
    )


def motions(recorded, section):
    """Turn recordings into {file: steps.Motion}, filtered as the study does."""
    return {
        each.file: motion.motion(
            each.points, each.point_hz, cutoff_hz=section["points_cutoff_hz"], max_gap_s=section["checks"]["max_gap_s"]
        )
        for each in recorded
    }


def match(found, stances):
    """Match steps found by motion with measured stances: (known, missed).

    `found` as steps.find gives, `stances` as stances.csv. `known` are the stances with the mid_s of their step, in their order; `missed`
    are those in which no step, or one of the other foot, or more than one was found.
    """
    rows = []
    for file, group in stances.groupby("file", sort=False):
        here = found[found["file"] == file]
        for row in group.itertuples():
            inside = here[(here["mid_s"] > row.touchdown_s) & (here["mid_s"] < row.toeoff_s)]
            rows.append(
                (
                    row.Index,
                    inside["mid_s"].iloc[0] if len(inside) == 1 and inside["side"].iloc[0] == row.side else np.nan,
                )
            )
    mid = pd.Series(dict(rows)).reindex(stances.index)
    return stances.assign(mid_s=mid)[mid.notna()], stances[mid.isna()]


def false_steps(found, stances, excluded):
    """List steps that were found where no plate felt one, between the first and the last measured contact of each recording.

    Only on treadmills: overground a step may miss the plates. `excluded` as excluded.csv: contacts there were contacts too.
    """
    wrong = []
    for file, here in found.groupby("file", sort=False):
        mine = stances[stances["file"] == file]
        others = excluded.loc[excluded["file"] == file, "touchdown_s"].dropna().to_numpy()
        for row in here[
            (here["mid_s"] > mine["touchdown_s"].min()) & (here["mid_s"] < mine["toeoff_s"].max())
        ].itertuples():
            inside = ((mine["touchdown_s"] < row.mid_s) & (mine["toeoff_s"] > row.mid_s)).any()
            if not inside and not ((others < row.mid_s) & (row.mid_s < others + BESIDE_S)).any():
                wrong.append(row.Index)
    return found.loc[wrong]
