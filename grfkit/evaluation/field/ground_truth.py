"""Recordings with force plates and the stances of 01_preprocess -> footsteps whose true contacts and forces are known.

A model for the field is trained and evaluated on these. Nothing is estimated here.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from grfkit.estimators import samples
from grfkit.field import events, motion
from grfkit.field.contacts import seen_wholly

BESIDE_S = 0.2  # from touchdown, within which the middle of an excluded contact lies: our choice, under half a step


class Measured(NamedTuple):
    """Footsteps that plates measured, with the recordings they come from.

    `recorded` are recordings.read.Recorded, `motions` {file: motion.Motion}, `found` the table of footsteps found by
    motion, `missed` the stances in which none was found. `footsteps` (S rows) are those that a detector can look at:
    stances.csv with the mid_s of the footstep, contact_s, and flight_s, group (a runner at a speed) and speed as a
    recipe has them. Contact and flight together are the step, as contacts.with_durations has it of an estimate: flight
    begins with the last loaded frame of force, at toe-off; in stances.csv it begins a frame later. `samples` are the
    same stances.
    """

    recorded: list
    motions: dict
    found: pd.DataFrame
    missed: pd.DataFrame
    footsteps: pd.DataFrame
    samples: samples.Samples

    def take(self, index):
        """Keep the footsteps with these indices, in their order."""
        footsteps = self.footsteps.iloc[index].reset_index(drop=True)
        return self._replace(footsteps=footsteps, samples=samples.take(self.samples, index))

    def rows(self, contacts):
        """Give for each footstep the row of `contacts` that is the same stance: (S,) float, NaN where there is none."""
        rows = pd.Series(range(len(contacts)), index=contacts["stance"])
        return rows[rows.index.notna()].reindex(self.footsteps["stance"]).to_numpy(float)


def measure(recorded, stances, prepared, section):
    """Find the footsteps of recordings and match them with stances (stances.csv): Measured.

    `prepared` are the samples.Samples of the stances by a recipe, `section` is a study's Preprocessing, whose filter
    and longest gap hold.
    """
    moved = motions(recorded, section)
    found = motion.find_footsteps(moved)
    matched, missed = match(found, stances)
    matched = matched[seen_wholly(moved, matched, *events.reach(moved, matched).T)].reset_index(drop=True)
    index = pd.Series(range(len(prepared)), index=prepared.stances["stance"])
    own = samples.take(prepared, index[matched["stance"]].to_numpy())
    frame_s = matched["file"].map({each.file: 1 / each.force_hz for each in recorded})
    footsteps = matched.assign(
        contact_s=matched["toeoff_s"] - matched["touchdown_s"],
        flight_s=own.stances["flight_s"] + frame_s,
        **{name: own.stances[name] for name in ("group", "speed")},
    )
    return Measured(recorded, moved, found, missed, footsteps, own)


def motions(recorded, section):
    """Turn recordings into {file: motion.Motion}, filtered as the study does."""
    filtering = {"cutoff_hz": section.points_cutoff_hz, "max_gap_s": section.checks.max_gap_s}
    return {each.file: motion.from_points(each.points, each.point_hz, **filtering) for each in recorded}


def match(found, stances):
    """Match footsteps found by motion with measured stances (stances.csv): (matched, missed).

    `matched` are the stances with the mid_s of their footstep, in their order; `missed` are those in which no footstep,
    or one of the other foot, or more than one was found.
    """
    mid_s = pd.Series(np.nan, index=stances.index)
    for file, group in stances.groupby("file", sort=False):
        here = found[found["file"] == file]
        for row in group.itertuples():
            inside = here[(here["mid_s"] > row.touchdown_s) & (here["mid_s"] < row.toeoff_s)]
            if len(inside) == 1 and inside["side"].iloc[0] == row.side:
                mid_s[row.Index] = inside["mid_s"].iloc[0]
    return stances.assign(mid_s=mid_s)[mid_s.notna()], stances[mid_s.isna()]


def false_footsteps(found, stances, excluded, *, evaluated=None, by_side=False):
    """List footsteps that were found where no plate felt one, from the first to the last contact of each recording.

    Only on treadmills: overground a footstep may miss the plates. `excluded` as excluded.csv: contacts there were
    contacts too. `evaluated` are the stances from whose first to last it counts, all where None. `by_side` counts a
    footstep in a stance of the other foot, too.
    """
    span = (stances if evaluated is None else evaluated).groupby("file").agg({"touchdown_s": "min", "toeoff_s": "max"})
    first, last = (found["file"].map(span[name]) for name in ("touchdown_s", "toeoff_s"))
    here = found.loc[(found["mid_s"] > first) & (found["mid_s"] < last), ["file", "side", "mid_s"]].reset_index()
    same = ["file", "side"] if by_side else ["file"]
    felt = here.merge(stances[[*same, "touchdown_s", "toeoff_s"]], on=same)
    felt = felt.loc[(felt["touchdown_s"] < felt["mid_s"]) & (felt["toeoff_s"] > felt["mid_s"]), "index"]
    after = here.merge(excluded[["file", "touchdown_s"]], on="file")
    after["late_s"] = after["mid_s"] - after["touchdown_s"]
    beside = after.loc[(after["late_s"] > 0) & (after["late_s"] < BESIDE_S), "index"]
    return found.loc[here.loc[~here["index"].isin([*felt, *beside]), "index"]]
