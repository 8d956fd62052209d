"""Bands in another laboratory: how much wider they must be, and how well bands from other laboratories hold.

In: Held, errors of a model for the field in one laboratory. Out: tables of scores and of factors. A laboratory has no
part in the band that it is scored by.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from grfkit.evaluation import transfer
from grfkit.evaluation.field.field_accuracy import ALL
from grfkit.features import FEATURES as FEATURE_NAMES
from grfkit.field import bands
from grfkit.field.bands import NEW
from grfkit.points import DIRECTIONS, InputError
from grfkit.study import store

SCORES = ["covered_pct", "width_bw", "interval_score_bw"]
FACTORS = ["in_range", "unlike"]
NEEDED, CURVES, FEATURES = (f"14_transfer/{name}.csv" for name in ("needed", "curves", "features"))


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
    """Read what 14_transfer found of a model for the field: bands.Abroad, None if no laboratory was tried.

    `results` are those of the first of `studies`, which trained it. We assume that training on the others too makes it
    no worse; they are no new laboratories. Raises InputError for a file that is not as 14 saved it.
    """
    if not (Path(results) / NEEDED).is_file():
        return None
    try:
        needed, curves, features = (store.read(results, name) for name in (NEEDED, CURVES, FEATURES))
        return _abroad(needed, curves, features, studies)
    except (LookupError, TypeError, ValueError, OSError) as error:
        raise InputError(
            f"{NEEDED}, {CURVES} and {FEATURES} must be as 14_transfer saved them; those in {results} are not "
            f"({type(error).__name__}: {' '.join(str(error).split())[:100]}).",
            "Run `make transfer` again, or delete the folder 14_transfer.",
        ) from None


def _abroad(needed, curves, features, studies):
    home, *_ = studies
    new = (needed["trained_on"] == home) & ~needed["tested_on"].isin(studies)
    needs = {
        name: table.set_index("direction").loc[DIRECTIONS]
        for name, table in needed[new].groupby("tested_on", sort=False)
    }
    if not needs:
        return None
    if any(len(table) != len(DIRECTIONS) for table in needs.values()):
        raise ValueError("each direction is there once")
    in_range, unlike = factors(needs.values())
    if not (np.isfinite([in_range, unlike]).all() and all((table["in_range"] > 0).all() for table in needs.values())):
        raise ValueError("factors are numbers above 0")
    mine = (curves["trained_on"] == home) & (curves["estimator"] == needed["estimator"].iloc[0])
    mine = curves[mine & (curves["speed"] == ALL)]
    away, own = mine[mine["tested_on"].isin(needs)], mine[mine["tested_on"] == home]
    errors = {
        f"{prefix}{name}": table.groupby("direction")[name].mean().loc[DIRECTIONS].round(4).tolist()
        for prefix, table in (("", away), ("home_", own))
        for name in ("nrmse_pct", "rmse_bw")
    }
    theirs = (features["trained_on"] == home) & features["tested_on"].isin(needs) & (features["speed"] == ALL)
    off = features[theirs & (features["estimator"] == needed["estimator"].iloc[0])].groupby("feature")["error_pct"]
    features_pct = {name: round(float(value), 1) for name, value in off.mean().items() if name in FEATURE_NAMES}
    return bands.Abroad(
        list(needs), in_range.round(3).tolist(), unlike.round(3).tolist(), **errors, features_pct=features_pct
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
