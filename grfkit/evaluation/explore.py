"""Explore a study: estimates of runners who were left out of the training, for the widgets of notebook explore.

In: stances and frames as 01_preprocess saves them, recipes, and what 03 and 08 saved. Out: sources of estimates, single
stances with an estimate, and their errors. The widgets are in grfkit.reports.widgets. A source says in words where its
estimates come from.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
import pandas as pd

from grfkit import features, metrics
from grfkit.estimators import kernel_ridge, registry, samples
from grfkit.estimators.mean_curve import MeanCurve
from grfkit.evaluation import left_out_runners
from grfkit.points import DIRECTIONS, ESTIMATES, FEET, FORCES, INPUTS, POINTS
from grfkit.study import by_hand, store


@dataclass(frozen=True)
class Source:
    """Where estimates come from: `about` in words, for which `stances`.

    `predict` gives the predictions (metrics.predictions) of a stance by its number.
    """

    about: str
    stances: frozenset
    predict: Callable


@dataclass(frozen=True)
class ShownStance:
    """A stance and its estimate: times (T,) s, points (T, 11, 3) m, forces (T, 3) BW.

    Arrows start at `foot` (T, 3) m; `inside` (T,) marks the frames of stance.
    """

    time_s: np.ndarray
    points: np.ndarray
    measured: np.ndarray
    estimated: np.ndarray
    foot: np.ndarray
    inside: np.ndarray


def sources(results, frames, stances, recipes):
    """Find the estimates that may be shown, of runners who were not trained on; returns {label: Source}.

    These are `recipes` {name: Recipe} fitted here without the runner, what 03 saved of its test runners, and what 08
    saved with each runner left out. Raises ValueError if 03_train has not run, or for a recipe that takes too long
    to fit here.
    """
    ours = left_out_runners.at_study_speed(stances)
    found = {name: source_without_runner(frames, stances, recipe) for name, recipe in recipes.items()}
    return found | _saved_by_03(results, ours) | _saved_by_08(results, ours)


def source_without_runner(frames, stances, recipe):
    """Estimate each runner from all others by a recipe; returns a Source.

    Nothing is chosen: the hyper-parameters are the middle of their limits. One factorisation gives the estimates of
    every runner as if that runner had not been there.
    """
    runners = left_out_runners.prepare(frames, stances, recipe)
    others = runners.stances["runner"].nunique() - 1
    about = f"{recipe.name}, trained on the {others} other runners"
    rows = dict(zip(runners.stances["stance"], samples.rows_of_stances(runners), strict=True))
    if recipe.estimator == "mean_curve":
        mean_without = lru_cache(partial(_mean_curve_without, runners))
        return Source(about, frozenset(rows), partial(_predict_mean_curve, runners, mean_without))
    _check_quick(recipe)
    experiment = left_out_runners.KernelExperiment(runners, recipe)
    table = experiment.predictions(experiment.leave_out())
    about = f"{about}; hyper-parameters are the middle of their limits, none is chosen"
    return Source(about, frozenset(rows), lambda stance: table.iloc[rows[stance]])


def _check_quick(recipe):
    """Raise ValueError for a recipe that takes too long to fit while someone waits."""
    if recipe.estimator != "kernel_ridge":
        raise ValueError(
            f"Only a kernel recipe or mean_curve is quick enough to fit here; {recipe.name} is of the kind "
            f"{recipe.estimator}. Leave it out of `fitted`; `make beyond` leaves each runner out with it."
        )


def _mean_curve_without(runners, runner):
    return MeanCurve.fit(samples.take(runners, np.flatnonzero(runners.runners != runner)))


def _predict_mean_curve(runners, mean_without, stance):
    mine = samples.take(runners, np.flatnonzero(runners.stances["stance"] == stance))
    return metrics.predictions(mine.frames, {"mean_curve": mean_without(mine.runners[0]).predict(mine)})


def _saved_by_03(results, stances):
    """Offer what 03_train estimated of runners that it did not train on, if it ran on these stances."""
    file = "03_train/predictions.parquet"
    if store.find(results, file).is_file() and not _of_these_stances(results, file):
        return {}
    provenance, table = store.read(results, "03_train/model.json")["provenance"], store.read(results, file)
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
    """Offer the estimates of 08_generalisation, if it ran on these stances."""
    file = "08_generalisation/predictions.parquet"
    if not _of_these_stances(results, file):
        return {}
    others, estimated = stances["runner"].nunique() - 1, frozenset(stances["stance"])
    return {
        f"{name}, saved by 08": Source(
            f"{name} as 08_generalisation saved it; if it trains, then on the {others} other runners",
            estimated,
            lambda stance, name=name: store.read(
                results, file, filters=[("estimator", "==", name), ("stance", "==", stance)]
            ),
        )
        for name in store.read(results, file, columns=["estimator"])["estimator"].unique()
    }


def _of_these_stances(results, name):
    """Tell whether a result exists for this table of stances: in another table a number means another stance."""
    is_there = store.find(results, name).is_file()
    return is_there and by_hand.was_made_of(results, name.split("/")[0], "01_preprocess")


def show_stance(frames, row, source):
    """Lay out a stance, a row of stances.csv, with the estimate of a Source, in the source's unit of force.

    Returns a ShownStance.
    """
    predicted = source.predict(row["stance"])
    rows = frames[frames["stance"] == row["stance"]].set_index("frame").loc[predicted["frame"]]
    points = rows[INPUTS].to_numpy(float).reshape(-1, len(POINTS), 3)
    measured, estimated = (predicted[columns].to_numpy(float) for columns in (FORCES, ESTIMATES))
    foot = points[:, FEET[row["side"]]].mean(axis=1) * [1, 1, 0]
    inside = metrics.in_stance(predicted, pd.DataFrame([row]))
    return ShownStance(predicted["time_s"].to_numpy(float), points, measured, estimated, foot, inside)


def curve_errors(shown):
    """Give r, RMSE (BW) and nRMSE (%) of a ShownStance over stance, a row for each direction."""
    pair = shown.measured[shown.inside], shown.estimated[shown.inside]
    return pd.DataFrame(
        {"r": metrics.pearson(*pair)[0], "RMSE (BW)": metrics.rmse(*pair), "nRMSE (%)": metrics.nrmse(*pair)},
        index=DIRECTIONS,
    )


def feature_errors(shown, *, vlr):
    """Give the five features of a ShownStance: measured, estimated, error, and error in % of the measured value."""
    read = [
        features.extract(force[shown.inside], shown.time_s[shown.inside], vlr=vlr)
        for force in (shown.measured, shown.estimated)
    ]
    table = pd.DataFrame(read, index=["measured", "estimated"]).T
    table["error"] = table["estimated"] - table["measured"]
    return table.assign(**{"error (%)": 100 * table["error"] / table["measured"]})


def source_of_strangers(frames, stances, recipe):
    """Fit a recipe to the study's training stances, nothing chosen.

    Returns a Source of runners who are not in the study. Its `predict` takes the tables of frames and of stances, as
    01_preprocess saves them.
    """
    training, best = samples.prepare(frames, samples.training_stances(stances, recipe), recipe), {}
    if recipe.estimator != "mean_curve":
        _check_quick(recipe)
        middle = kernel_ridge.middle_candidate(recipe.kernel, recipe.inputs)
        best = {"candidates": [middle], "chosen": {name: [0] for name in DIRECTIONS}}
    model = registry.class_of(recipe).fit(training, recipe, best)

    def predict(frames, stances):
        tested = samples.prepare(frames, stances, recipe)
        return metrics.predictions(tested.frames, {recipe.name: model.predict(tested)})

    speeds, count = training.stances["speed_m_s"], training.stances["runner"].nunique()
    about = (
        f"{recipe.name}, trained on the {count} training runners of the study, who ran at "
        f"{speeds.min():.1f} to {speeds.max():.1f} m/s; do not trust it at other speeds"
    )
    return Source(about, frozenset(), predict)


def show_simulated(run, source):
    """Lay out a simulated stance with the estimate of source_of_strangers; returns a ShownStance.

    `run` holds `frames` and `stances` as 01_preprocess saves them.
    """
    estimates = Source(source.about, source.stances, lambda stance: source.predict(run.frames, run.stances))
    return show_stance(run.frames, run.stances.iloc[0], estimates)


def effects(simulate, knobs, source):
    """Turn each of `knobs` {name: with low, value, high} alone from its lowest to its highest.

    Returns {name: [(value, run, ShownStance)]}.
    """
    usual, turned = {name: knob.value for name, knob in knobs.items()}, {}
    for name, knob in knobs.items():
        runs = [(value, simulate(**usual | {name: value})) for value in (knob.low, knob.value, knob.high)]
        turned[name] = [(value, run, show_simulated(run, source)) for value, run in runs]
    return turned
