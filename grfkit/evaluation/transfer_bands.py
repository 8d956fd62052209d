"""Bands in another laboratory: how much wider they must be, and how good those are that other laboratories needed.

In: Held, errors of a model for the field in one laboratory. Out: tables of scores and of factors. A laboratory has no
part in the band that it is scored by.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from grfkit.evaluation import transfer
from grfkit.evaluation.field.field_accuracy import ALL
from grfkit.field import bands
from grfkit.field.bands import NEW
from grfkit.points import DIRECTIONS
from grfkit.study import store

SCORES = ["covered_pct", "width_bw", "interval_score_bw"]
FACTORS = ["in_range", "unlike"]
NEEDED, CURVES = "14_transfer/needed.csv", "14_transfer/curves.csv"


class Held(NamedTuple):
    """What bands are scored on: contacts (N), errors and half widths (N, 101, 3) BW, what is unlike (N,), estimator."""

    contacts: pd.DataFrame
    off: np.ndarray
    half: np.ndarray
    unlike: np.ndarray
    estimator: str


def score(held, *, level):
    """Score the bands of Held: means over stances by direction and speed."""
    shares = transfer.band_scores(held.contacts, held.off, held.half, level=level)
    return transfer.by_speed(shares, SCORES, by=["direction"]).assign(estimator=held.estimator)


def leave_out(held, *, level):
    """Find which bands other laboratories {name: Held} need, and score each by those that all but it needed.

    Returns {"needed": tables, "bands": tables of the kind NEW}. A laboratory has no part in the band that it is scored
    by, so that there are scores from two laboratories on.
    """
    needs, parts = {name: _needs(each, level=level) for name, each in held.items()}, {"needed": [], "bands": []}
    for name, each in held.items():
        parts["needed"].append(needs[name].assign(tested_on=name, estimator=each.estimator))
        rest = [table for other, table in needs.items() if other != name]
        if rest:
            in_range, unlike = factors(rest)
            wider = np.where(_are(each.unlike)[:, None], unlike, in_range)
            own = each._replace(half=each.half * wider[:, None])
            parts["bands"].append(score(own, level=level).assign(tested_on=name, kind=NEW))
    return parts


def factors(needs):
    """Give the factors of a new laboratory, of steps in range (3,) and unlike (3,), from tables of _needs."""
    return bands.factors(*(np.array([table[column].to_numpy(float) for table in needs]) for column in FACTORS))


def read(results, studies):
    """Read what 14_transfer found of a model for the field: bands.Abroad, None where no laboratory was tried.

    `results` are those of the first of `studies`, which trained it. That the others trained too is taken to make it no
    worse; they are no new laboratory.
    """
    if not (Path(results) / NEEDED).is_file():
        return None
    needed, curves = (store.read(results, name) for name in (NEEDED, CURVES))
    home, *_ = studies
    new = (needed["trained_on"] == home) & ~needed["tested_on"].isin(studies)
    needs = dict(list(needed[new].groupby("tested_on", sort=False)))
    if not needs:
        return None
    away = curves["tested_on"].isin(needs) & (curves["estimator"] == needed["estimator"].iloc[0])
    mine = curves[(curves["trained_on"] == home) & away & (curves["speed"] == ALL)]
    means = mine.groupby("direction")[["nrmse_pct", "rmse_bw", "best_lag_ms"]].mean().loc[DIRECTIONS]
    in_range, unlike = factors(needs.values())
    return bands.Abroad(
        list(needs),
        in_range.round(3).tolist(),
        unlike.round(3).tolist(),
        means["nrmse_pct"].round(2).tolist(),
        means["rmse_bw"].round(4).tolist(),
        round(float(means["best_lag_ms"].iloc[0]), 2),
    )


def _needs(held, *, level):
    """Give by which factors bands must be wider: a row for each direction; unlike is NaN where too few steps are."""
    sizes, runners, unlike = np.abs(held.off) / held.half, held.contacts["runner"].to_numpy(), _are(held.unlike)
    usual = ~unlike if (~unlike).sum() >= bands.FEWEST_UNLIKE or not unlike.any() else np.ones(len(unlike), bool)
    of = {"in_range": bands.needed(sizes[usual], runners[usual], level=level), "unlike": np.nan}
    if unlike.sum() >= bands.FEWEST_UNLIKE and not usual.all():
        of["unlike"] = bands.needed(sizes[unlike], runners[unlike], level=level)
    return pd.DataFrame({"direction": DIRECTIONS, **of, "n": len(unlike), "n_unlike": unlike.sum()})


def _are(unlike):
    return np.array([text != "" for text in unlike], bool)
