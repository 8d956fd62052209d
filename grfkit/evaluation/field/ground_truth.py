"""What a model for the field is trained and judged on: recordings with plates, their steps matched with the stances of 01_preprocess."""

import numpy as np
import pandas as pd

from grfkit.field import motion

BESIDE_S = 0.2  # the middle of a step that is found in a contact that was left out comes less than this after its touchdown: our choice, under half a step


def motions(recorded, section):
    """Turn recordings into {file: steps.Motion}, filtered as the study does."""
    return {
        each.file: motion.motion(
            each.points, each.point_hz, cutoff_hz=section.points_cutoff_hz, max_gap_s=section.checks.max_gap_s
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
