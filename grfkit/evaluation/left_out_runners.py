"""How well runners are estimated who were never seen: every recipe with each runner left out, and what its ingredients are worth."""

import hashlib
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import bootstrap
from tqdm import tqdm

from grfkit import features, metrics
from grfkit.estimators import kernel_ridge, samples
from grfkit.estimators import registry as estimators
from grfkit.points import ESTIMATES
from grfkit.study import file as study_file
from grfkit.study import recipes as recipe_files
from grfkit.study import store
from grfkit.study.provenance import hash_code

INGREDIENTS = {  # what is changed of a recipe, in turn: the rest stays
    "all": {},
    "no accelerations": {"without": "accelerations"},
    "no velocities": {"without": "velocities"},
    "no positions": {"without": "positions"},
    "no stance and flight time": {"without": "times"},
    "legs not mirrored": {"mirror": False},
    "the study's speed alone": {"speeds": "study"},
    "no balance": {"balance": False},
    "body weight as in the study": {"body_weight": "study"},
    "touchdown and toe-off alone from a plate": {"without": "times", "balance": False, "body_weight": "study"},
}
RESAMPLES = 2000


def leave_out(frames, stances, recipes, *, folder, seed, network, ensemble):
    """Estimate every runner's stances at the study's speed by each recipe, from all other runners.

    `recipes` is {name: recipes.Recipe}; `network` are the settings of networks (model.fit's); `ensemble` names recipes whose
    estimates are averaged. What is done is kept in `folder`, so that an interrupted run resumes. Returns predictions, where the
    estimator is the recipe's name, and a table of what each recipe takes (minutes, stances, what it needs a plate for).
    """
    tables, rows = [], []
    for name, asked in recipes.items():
        taken = samples.prepare(frames, _of(stances, asked), asked)
        estimated, minutes = _kept(
            folder, taken, asked, seed=seed, network=network if asked.estimator == "lstm" else {}
        )
        tables.append(_at_study_speed(metrics.predictions(taken.frames, {name: estimated}), stances))
        rows.append(
            {
                "recipe": name,
                "about": asked.about,
                "trained_on": len(taken),
                "minutes": minutes,
                "needs": ", ".join(recipe_files.needs(asked)),
            }
        )
    fewest = min(tables, key=len)[["stance", "frame"]]  # recipes differ in padding: the frames that all of them have
    predictions = pd.concat([table.merge(fewest, on=["stance", "frame"]) for table in tables], ignore_index=True)
    if ensemble:
        predictions = pd.concat([predictions, _average(predictions, ensemble)], ignore_index=True)
        rows.append(
            {
                "recipe": "ensemble",
                "about": f"mean of {' and '.join(ensemble)}",
                "trained_on": np.nan,
                "needs": "what they need",
                "minutes": sum(row["minutes"] for row in rows if row["recipe"] in ensemble),
            }
        )
    return predictions, pd.DataFrame(rows)


def summary(scores, stances, *, key, values):
    """Average scores over stances, with intervals over runners: a row for each estimator and `key` (direction or feature).

    Each of `values` gets the mean over all stances and the limits of its 95 % interval: runners, with all their stances, are
    drawn anew with replacement (percentile bootstrap, scipy).
    """
    scores = scores.assign(runner=scores["stance"].map(stances.set_index("stance")["runner"]))
    rows = []
    for (estimator, name), group in scores.groupby(["estimator", key], sort=False):
        row = {"estimator": estimator, key: name}
        for value in values:
            of_runner = group.groupby("runner")[value].agg(["sum", "count"]).to_numpy(float)
            row |= dict(zip((value, f"{value}_low", f"{value}_high"), _interval(*of_runner.T), strict=True))
        rows.append(row | {"n": group[values[0]].count(), "runners": group["runner"].nunique()})
    return pd.DataFrame(rows)


def by_feature(predictions, *, vlr):
    """Give the relative error (%) of each feature, stance and estimator: a row each."""
    read = features.by_stance(predictions, vlr=vlr)
    return read.assign(rel_error_pct=100 * (read["estimated"] / read["measured"] - 1).abs())


def published_rmse(path):
    """Give the published RMSE of each direction, BW (paper Table 1)."""
    return {direction: row["rmse_bw_mean"] for direction, row in study_file.published(path)["table1"].items()}


def beside_published(curves, path, *, estimators):
    """Lay out r, RMSE and nRMSE of some estimators (rows of summary) with the published ones (paper Table 1) beside them."""
    table1 = study_file.published(path)["table1"]
    table = curves.loc[
        curves["estimator"].isin(estimators), ["estimator", "direction", *metrics.MEASURES, "n", "runners"]
    ]
    return table.assign(
        **{
            f"published_{name}": [table1[direction][f"{name}_mean"] for direction in table["direction"]]
            for name in metrics.MEASURES
        }
    )


def ingredients(frames, stances, asked):
    """Take each ingredient of a kernel recipe away in turn: RMSE (BW), nRMSE (%) and r by direction, every runner left out.

    Each with one set of hyper-parameters, the middle of the recipe's limits, so that nothing is chosen.
    """
    rows = []
    for name, change in tqdm(INGREDIENTS.items(), desc="taking away", unit="ingredient"):
        inputs = [kind for kind in asked.inputs if kind != change.get("without")]
        changed = asked.model_copy(
            update={"inputs": inputs} | {key: value for key, value in change.items() if key != "without"}
        )
        taken = samples.prepare(frames, _of(stances, changed), changed)
        curves = kernel_ridge.left_out(
            *_alike(taken, changed), taken.stances["runner"].to_numpy(), kernel_ridge.middle(changed.kernel, inputs)
        )
        rows.append(_score(taken, curves, changed, stances).assign(ingredients=name))
    return pd.concat(rows, ignore_index=True)


def folds(frames, stances, asked, *, seed):
    """Score a kernel recipe by folds of runners and by as many random folds of stances: what leakage pretends."""
    taken = samples.prepare(frames, _of(stances, asked), asked)
    alike, targets = _alike(taken, asked)
    runners = taken.stances["runner"].to_numpy()
    mixed = np.random.default_rng(seed).permutation(len(taken)) % len(np.unique(runners))
    return pd.concat(
        [
            _score(
                taken,
                kernel_ridge.left_out(alike, targets, groups, kernel_ridge.middle(asked.kernel, asked.inputs)),
                asked,
                stances,
            ).assign(folds=name)
            for name, groups in (("runners", runners), ("random stances", mixed))
        ],
        ignore_index=True,
    )


def learning_curve(frames, stances, asked, *, training_runners, draws, seed):
    """Score a kernel recipe trained on few runners, drawn at random `draws` times, on all the others; a row for each draw."""
    taken = samples.prepare(frames, _of(stances, asked), asked)
    alike, targets = _alike(taken, asked)
    runners, rng, candidate = (
        taken.stances["runner"].to_numpy(),
        np.random.default_rng(seed),
        kernel_ridge.middle(asked.kernel, asked.inputs),
    )
    matrix, rows = alike.kernel(candidate), []
    cases = [(count, draw) for count in training_runners if count < len(np.unique(runners)) for draw in range(draws)]
    for count, draw in tqdm(cases, desc="few runners", unit="draw"):
        seen = np.isin(runners, rng.choice(np.unique(runners), count, replace=False))
        curves = kernel_ridge.from_some(matrix, targets, candidate, np.flatnonzero(seen), np.flatnonzero(~seen))
        tested = samples.take(taken, np.flatnonzero(~seen))
        rows.append(_score(tested, curves, asked, stances).assign(training_runners=count, draw=draw))
    return pd.concat(rows, ignore_index=True)


def speeds(frames, stances, asked):
    """Score a kernel recipe trained on one speed, or on all, and tested on another, every runner left out."""
    everything = asked.model_copy(update={"speeds": "all"})
    taken = samples.prepare(frames, stances, everything)
    alike, targets = _alike(taken, everything)
    runners, candidate = taken.stances["runner"].to_numpy(), kernel_ridge.middle(asked.kernel, asked.inputs)
    matrix, label = alike.kernel(candidate), taken.stances["speed"].to_numpy()
    estimated = {}
    for name in np.unique(label):
        estimated[name] = np.empty_like(targets)
        for runner in tqdm(np.unique(runners), desc=f"trained on {name}", unit="runner"):
            mine, used = np.flatnonzero(runners == runner), np.flatnonzero((label == name) & (runners != runner))
            estimated[name][mine] = kernel_ridge.from_some(matrix, targets, candidate, used, mine)
    estimated["all"] = kernel_ridge.left_out(alike, targets, runners, candidate)
    rows = []
    for name, curves in estimated.items():
        rows += [
            _score(
                samples.take(taken, np.flatnonzero(label == tested)), curves[label == tested], everything, None
            ).assign(trained=name, tested=tested)
            for tested in np.unique(label)
        ]
    return pd.concat(rows, ignore_index=True)


def _of(stances, asked):
    return stances if asked.speeds == "all" else stances[stances["split"] != "other_speed"]


def _alike(taken, asked):
    return kernel_ridge.Alike(
        samples.curve_inputs(taken, asked.inputs), shape=asked.kernel.shape
    ), samples.curve_targets(taken)


def _at_study_speed(predictions, stances):
    return predictions[predictions["stance"].isin(stances["stance"][stances["split"] != "other_speed"])]


def _score(taken, curves, asked, stances):
    """Score estimated curves (S, 101, 3), at the study's speed where `stances` are given; means over stances by direction."""
    estimated = estimators.finish(taken, samples.spread(taken, curves), asked)
    predictions = metrics.predictions(taken.frames, {asked.name: estimated})[taken.inside]
    predictions = predictions if stances is None else _at_study_speed(predictions, stances)
    scores = metrics.by_stance(predictions)
    return (
        scores.groupby("direction", sort=False)[metrics.MEASURES]
        .mean()
        .reset_index()
        .assign(n=scores["stance"].nunique())
    )


def _interval(total, count):
    """Mean and 95 % interval of sum(total) / sum(count) over runners drawn anew."""
    mean = total.sum() / count.sum() if count.sum() else np.nan
    if len(total) < 2 or not np.isfinite(mean):
        return mean, np.nan, np.nan
    limits = bootstrap(
        (total, count),
        lambda t, c, axis: t.sum(axis) / c.sum(axis),
        paired=True,
        method="percentile",
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(0),
    ).confidence_interval
    return mean, limits.low, limits.high


def _average(predictions, names):
    """Average the estimates of several estimators, which must be in the same unit of force."""
    parts = [predictions[predictions["estimator"] == name].reset_index(drop=True) for name in names]
    if any(not np.allclose(parts[0]["grf_v"], part["grf_v"], atol=1e-4) for part in parts):
        raise ValueError(
            f"Recipes are averaged in one unit of force; {', '.join(names)} differ in body_weight. Name others in `ensemble`."
        )
    estimates = {column: np.mean([part[column] for part in parts], axis=0, dtype=np.float32) for column in ESTIMATES}
    return parts[0].assign(estimator="ensemble", **estimates)


def _kept(folder, taken, asked, *, seed, network):
    """Leave out, or read what an earlier run kept of the same data, recipe and code; returns estimates (N, 3) and minutes."""
    digest = hashlib.sha256(repr((asked, seed, sorted(network.items()))).encode())
    for array in (taken.points, taken.forces, taken.lengths, taken.stances["runner"].to_numpy(str)):
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(hash_code("points.py", "model.py", "transform.py", "estimators").encode())
    name = f"kept/{asked.name}-{digest.hexdigest()[:12]}.parquet"
    if not (Path(folder) / name).is_file():
        start = time.perf_counter()
        estimated = estimators.left_out(taken, asked, seed=seed, network=network)
        store.save(
            folder, name, pd.DataFrame(estimated, columns=ESTIMATES).assign(minutes=(time.perf_counter() - start) / 60)
        )
    table = store.read(folder, name)
    return table[ESTIMATES].to_numpy(), float(table["minutes"].iloc[0])
