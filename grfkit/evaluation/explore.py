"""Look around in a study: estimates that no runner's own stances went into, and the numbers and pictures that widgets show of them.

The widgets themselves are in grfkit.reports.widgets. Where an estimate comes from stands with it, in words.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pandas as pd

from grfkit import features, metrics
from grfkit.estimators import kernel_ridge, registry, samples
from grfkit.estimators.kernel_matrix import KernelMatrix
from grfkit.estimators.mean_curve import MeanCurve
from grfkit.points import DIRECTIONS, ESTIMATES, FEET, FORCES, INPUTS, POINTS
from grfkit.study import store


@dataclass(frozen=True)
class Source:
    """Where estimates come from: `about`, for which `stances`, and `of`, from a stance's number to its predictions (metrics.predictions)."""

    about: str
    stances: frozenset
    of: Callable


@dataclass(frozen=True)
class One:
    """One stance and its estimate: time (T,) s, points (T, 11, 3) m, forces (T, 3) BW, where arrows start (T, 3) m, `inside` stance (T,)."""

    time_s: np.ndarray
    points: np.ndarray
    measured: np.ndarray
    estimated: np.ndarray
    foot: np.ndarray
    inside: np.ndarray


def sources(results, frames, stances, recipes):
    """Find the estimates that may be shown: `recipes` {name: Recipe} fitted here without the runner, what 03 saved of its test runners,
    and what 08 saved, each runner left out; returns {label: Source}.

    Raises ValueError where 03_train has not run, or for a recipe that takes too long to fit here.
    """
    ours = stances[stances["split"] != "other_speed"]
    found = {name: left_out(frames, stances, recipe) for name, recipe in recipes.items()}
    return found | _saved_by_03(results, ours) | _saved_by_08(results, ours)


def left_out(frames, stances, recipe):
    """Estimate each runner from all others by a recipe without anything chosen: its hyper-parameters are the middle of their limits.

    One factorisation gives the estimates of every runner as if that runner had not been there (kernel_ridge.leave_groups_out).
    """
    taken = samples.prepare(
        frames, stances if recipe.speeds == "all" else stances[stances["split"] != "other_speed"], recipe
    )
    runners = taken.stances["runner"].to_numpy()
    about = f"{recipe.name}, trained on the {len(np.unique(runners)) - 1} other runners"
    if recipe.estimator == "mean_curve":
        return Source(
            about,
            frozenset(taken.stances["stance"]),
            partial(_of_mean_curve, taken, lru_cache(partial(_mean_of_others, taken))),
        )
    candidate = _middle(recipe)
    matrix = KernelMatrix.of_samples(taken, recipe)
    curves = kernel_ridge.leave_groups_out(matrix, samples.curve_targets(taken), runners, candidate)
    estimated = samples.finish(taken, samples.spread(taken, curves), recipe)
    table = metrics.predictions(taken.frames, {recipe.name: estimated})
    rows = dict(zip(taken.stances["stance"], samples.each(taken), strict=True))
    return Source(
        f"{about}, with hyper-parameters in the middle of their limits, so that none is chosen",
        frozenset(rows),
        lambda stance: table.iloc[rows[stance]],
    )


def _middle(recipe):
    if recipe.estimator != "kernel_ridge":
        raise ValueError(
            f"What is fitted at once is a kernel recipe or mean_curve; {recipe.name} is of the kind {recipe.estimator}. "
            "Leave it out of `fitted`; `make beyond` leaves each runner out by it."
        )
    return kernel_ridge.middle_candidate(recipe.kernel, recipe.inputs)


def _mean_of_others(taken, runner):
    return MeanCurve.fit(samples.take(taken, np.flatnonzero(taken.stances["runner"] != runner)))


def _of_mean_curve(taken, curves_without, stance):
    mine = samples.take(taken, np.flatnonzero(taken.stances["stance"] == stance))
    return metrics.predictions(mine.frames, {"mean_curve": curves_without(mine.stances["runner"][0]).predict(mine)})


def _saved_by_03(results, stances):
    """Offer the estimates of 03_train for what it estimated of runners that its training never saw, where it ran after 01_preprocess."""
    provenance = store.read(results, "03_train/model.json")["provenance"]
    if not _after_01(results, "03_train/predictions.parquet"):
        return {}
    table = store.read(results, "03_train/predictions.parquet")
    table = table[table["estimator"] == metrics.ours(table)]
    seen = provenance["training_runners"]
    tested = stances[stances["stance"].isin(table["stance"]) & ~stances["runner"].isin(seen)]
    return {
        f"{provenance['recipe']}, saved by 03": Source(
            f"{provenance['recipe']} as 03_train saved it, trained on the {len(seen)} training runners",
            frozenset(tested["stance"]),
            lambda stance: table[table["stance"] == stance],
        )
    }


def _saved_by_08(results, stances):
    """Offer the estimates of 08_generalisation, where it ran after 01_preprocess."""
    file = "08_generalisation/predictions.parquet"
    if not _after_01(results, file):
        return {}
    others, estimated = stances["runner"].nunique() - 1, frozenset(stances["stance"])
    return {
        f"{name}, saved by 08": Source(
            f"{name} as 08_generalisation saved it: what it trains on, if anything, are the {others} other runners",
            estimated,
            lambda stance, name=name: store.read(
                results, file, filters=[("estimator", "==", name), ("stance", "==", stance)]
            ),
        )
        for name in store.read(results, file, columns=["estimator"])["estimator"].unique()
    }


def _after_01(results, name):
    """Say whether a result is there and newer than the stances that it speaks of: of others, a number means another stance."""
    file = Path(results) / name
    return file.is_file() and file.stat().st_mtime >= store.path(results, "01_preprocess/stances.csv").stat().st_mtime


def one(frames, row, source):
    """Lay out one stance, a row of the table of stances, with the estimate of a Source; returns One, in the source's unit of force."""
    predicted = source.of(row["stance"])
    rows = frames[frames["stance"] == row["stance"]].set_index("frame").loc[predicted["frame"]]
    points = rows[INPUTS].to_numpy(float).reshape(-1, len(POINTS), 3)
    foot = points[:, FEET[row["side"]]].mean(axis=1) * [1, 1, 0]
    inside = metrics.in_stance(predicted, pd.DataFrame([row]))
    return One(
        predicted["time_s"].to_numpy(float),
        points,
        *(predicted[columns].to_numpy(float) for columns in (FORCES, ESTIMATES)),
        foot,
        inside,
    )


def scores(shown):
    """Give r, RMSE (BW) and nRMSE (%) of One over stance, a row a direction."""
    pair = shown.measured[shown.inside], shown.estimated[shown.inside]
    return pd.DataFrame(
        {"r": metrics.pearson(*pair)[0], "RMSE (BW)": metrics.rmse(*pair), "nRMSE (%)": metrics.nrmse(*pair)},
        index=DIRECTIONS,
    )


def feature_errors(shown, *, vlr):
    """Give the five features of One: measured, estimated, error and error in % of the measured, a row a feature."""
    read = [
        features.extract(force[shown.inside], shown.time_s[shown.inside], vlr=vlr)
        for force in (shown.measured, shown.estimated)
    ]
    table = pd.DataFrame(read, index=["measured", "estimated"]).T
    table["error"] = table["estimated"] - table["measured"]
    return table.assign(**{"error (%)": 100 * table["error"] / table["measured"]})


def fitted(frames, stances, recipe):
    """Fit a recipe to the study's training stances, nothing chosen; returns a Source of whoever is in no study.

    Its `of` takes the tables of frames and of stances, as 01_preprocess saves them, and gives predictions.
    """
    training = samples.prepare(frames, samples.training_stances(stances, recipe), recipe)
    best = (
        {}
        if recipe.estimator == "mean_curve"
        else {"candidates": [_middle(recipe)], "chosen": {name: [0] for name in DIRECTIONS}}
    )
    model = registry.class_of(recipe).fit(training, recipe, best)

    def of(frames, stances):
        tested = samples.prepare(frames, stances, recipe)
        return metrics.predictions(tested.frames, {recipe.name: model.predict(tested)})

    speeds = training.stances["speed_m_s"]
    return Source(
        f"{recipe.name}, trained on the {training.stances['runner'].nunique()} training runners of the study, who ran at "
        f"{speeds.min():.1f} to {speeds.max():.1f} m/s; at other speeds it can only guess",
        frozenset(),
        of,
    )


def simulated(run, source):
    """Lay out a simulated stance (`frames` and `stances` as 01_preprocess saves them) with the estimate of a fitted Source; returns One."""
    return one(
        run.frames,
        run.stances.iloc[0],
        Source(source.about, source.stances, lambda stance: source.of(run.frames, run.stances)),
    )


def effects(simulate, knobs, source):
    """Turn each of `knobs` {name: with low, value, high} alone from its lowest to its highest; returns {name: [(value, run, One)]}."""
    usual = {name: knob.value for name, knob in knobs.items()}
    runs = {
        name: [(value, simulate(**{**usual, name: value})) for value in (knob.low, knob.value, knob.high)]
        for name, knob in knobs.items()
    }
    return {name: [(value, run, simulated(run, source)) for value, run in several] for name, several in runs.items()}
