"""How well left-out runners are estimated: by every recipe, and by a recipe without each of its ingredients.

In: frames and stances as 01_preprocess saves them, and recipes. Out: tables of estimates and of their errors.
Arrays: S stances, N frames, over 101 nodes of a stance, and three directions.
"""

import hashlib
import time
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import bootstrap
from tqdm import tqdm

from grfkit import features, metrics
from grfkit.estimators import kernel_ridge, landmarks, registry, samples
from grfkit.estimators.kernel_matrix import KernelMatrix
from grfkit.evaluation import ensemble as ensembles
from grfkit.points import DIRECTIONS, ESTIMATES, FORCES, InputError
from grfkit.study import file as study_file
from grfkit.study import recipes as recipe_file
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
WEIGHTS = ["runner", "direction", "recipe", "weight"]  # columns: the runner is left out
BASELINE = "mean of the other runners"


def leave_out(frames, stances, recipes, *, folder, seed, network, ensemble):
    """Estimate every runner's stances at the study's speed by each recipe, from all other runners.

    `recipes` is {name: recipes.Recipe}; `network` are the settings of networks (model.fit's); `ensemble` names recipes
    whose estimates are averaged, by weights that were chosen without the runner (grfkit.evaluation.ensemble). What is
    done is kept in `folder`, so that an interrupted run resumes. Returns predictions, where the estimator is the
    recipe's name; a table of what each recipe takes (minutes, stances, what it needs a plate for); and the weights: a
    row for each left-out runner, direction and recipe.
    """
    tables, rows, settings = [], [], {"folder": folder, "seed": seed, "network": network}
    groups = ensembles.divide(at_study_speed(stances)["runner"], seed=seed) if ensemble else {}
    for name, recipe in recipes.items():
        runners = prepare(frames, stances, recipe)
        (estimated,), minutes = _kept(runners, recipe, **settings)
        predictions = metrics.predictions(runners.frames, {name: estimated})
        ours = at_study_speed(stances)["stance"]
        tables.append(predictions[predictions["stance"].isin(ours)])
        needs = ", ".join(recipe_file.needs(recipe))
        said = landmarks.said(len(runners)) if recipe.estimator == "kernel_ridge" else ""
        rows.append((name, recipe.about + f", {said}" * bool(said), len(runners), minutes, needs))
    fewest = min(tables, key=len)[["stance", "frame"]]  # recipes differ in padding: the frames that all of them have
    predictions = pd.concat([table.merge(fewest, on=["stance", "frame"]) for table in tables], ignore_index=True)
    weights = pd.DataFrame(columns=WEIGHTS).astype({"weight": float})
    if ensemble:
        members = {name: recipes[name] for name in ensemble}
        averaged, weights, inner_minutes = _average(frames, stances, members, predictions, groups, **settings)
        predictions = pd.concat([predictions, averaged], ignore_index=True)
        minutes = sum(row[3] for row in rows if row[0] in ensemble) + inner_minutes
        about = f"mean of {' and '.join(ensemble)}, weighed by how they estimate other runners"
        rows.append(("ensemble", about, np.nan, minutes, "what they need"))
    made = pd.DataFrame(rows, columns=["recipe", "about", "trained_on", "minutes", "needs"])
    return predictions, made, weights


def prepare(frames, stances, recipe):
    """Take the stances of all runners of the speeds that a recipe trains on; returns Samples."""
    check_two(stances["runner"])
    return samples.prepare(frames, stances if recipe.speeds == "all" else at_study_speed(stances), recipe)


def check_two(runners):
    """Check that of the `runners` (S,) one can be left out. Raises InputError if there is one only."""
    if len(set(runners)) == 1:
        raise InputError(
            "To leave a runner out, at least one other is needed for training; found 1 runner.",
            "Add recordings of other runners.",
        )


def at_study_speed(stances):
    """Take the rows of stances.csv whose speed is the study's own."""
    return stances[stances["split"] != "other_speed"]


def means_with_limits(scores, stances, *, by, values):
    """Average scores over stances, with limits over runners: a row for each group of the columns `by`.

    Each of the columns `values` gets the mean over all stances and the limits of its 95 % interval: runners, with all
    their stances, are drawn anew with replacement (percentile bootstrap, scipy). `n` counts stances with a first value.
    """
    scores, rows = scores.assign(runner=metrics.runner_of(scores, stances)), []
    for names, group in scores.groupby(by, sort=False):
        row = dict(zip(by, names, strict=True))
        for value in values:
            of_runner = group.groupby("runner")[value].agg(["sum", "count"]).to_numpy(float)
            row |= dict(zip((value, f"{value}_low", f"{value}_high"), _interval(*of_runner.T), strict=True))
        rows.append(row | {"n": group[values[0]].count(), "runners": group["runner"].nunique()})
    return pd.DataFrame(rows)


def mean_of_other_runners(curves, stances):
    """Give each stance the mean curve of the other runners at its speed, (S, Q, C): the baseline.

    Each runner counts once. `stances` (S rows) needs the columns runner and speed. NaN where no other runner ran at
    that speed.
    """
    runners, result = stances["runner"].to_numpy(), np.full_like(curves, np.nan)
    for _, rows in stances.groupby("speed").indices.items():
        names = np.unique(runners[rows])
        means = {name: curves[rows[runners[rows] == name]].mean(axis=0) for name in names}
        for name in names:
            others = [mean for other, mean in means.items() if other != name]
            if others:
                result[rows[runners[rows] == name]] = np.mean(others, axis=0)
    return result


def feature_errors(predictions, *, vlr):
    """Give the relative error (%) of each feature, stance and estimator: a row each."""
    read = features.by_stance(predictions, vlr=vlr)
    return read.assign(rel_error_pct=100 * (read["estimated"] / read["measured"] - 1).abs())


def published_rmse(path):
    """Give the published RMSE of each direction, BW (paper Table 1)."""
    return {direction: row["rmse_bw_mean"] for direction, row in study_file.published(path)["table1"].items()}


def beside_published(curves, path, *, estimators):
    """Compare r, RMSE and nRMSE of some estimators, by means_with_limits, with the published ones (paper Table 1)."""
    table1 = study_file.published(path)["table1"]
    columns = ["estimator", "direction", *metrics.MEASURES, "n", "runners"]
    table = curves.loc[curves["estimator"].isin(estimators), columns]
    published = {
        f"published_{name}": [table1[row][f"{name}_mean"] for row in table["direction"]] for name in metrics.MEASURES
    }
    return table.assign(**published)


class KernelExperiment:
    """A kernel recipe with one set of hyper-parameters, the middle of its limits, so that nothing is chosen.

    Made of Samples of all runners and a recipes.Recipe; `runners` (S,) names, `targets` (S, 101, 3) BW measured. Raises
    ValueError for a recipe of another kind.
    """

    def __init__(self, prepared, recipe):
        if recipe.estimator != "kernel_ridge":
            raise ValueError(
                f"These experiments need a kernel recipe; {recipe.name} is of the kind {recipe.estimator}. Change "
                "`examined` in the study file."
            )
        self.samples, self.recipe = prepared, recipe
        self.runners, self.targets = prepared.runners, samples.curve_targets(prepared)
        self.candidate = kernel_ridge.middle_candidate(recipe.kernel, recipe.inputs)
        self.inputs, self.shape = samples.curve_inputs(prepared, recipe.inputs), recipe.kernel.shape

    @cached_property
    def compared(self):
        """The KernelMatrix of all stances."""
        return KernelMatrix(self.inputs, shape=self.shape)

    @cached_property
    def kernel_matrix(self):
        """The kernel matrix (S, S) of all stances."""
        return self.compared.weighed(self.candidate)

    def leave_out(self, groups=None):
        """Estimate the curves (S, 101, 3) BW of each runner, or each of `groups` (S,), from all others."""
        groups = self.runners if groups is None else groups
        if len(self.targets) > landmarks.MOST_EXACT:
            return landmarks.leave_groups_out(self.inputs, self.targets, groups, self.candidate, shape=self.shape)
        return kernel_ridge.leave_groups_out(self.compared, self.targets, groups, self.candidate)

    def estimate(self, tested, training):
        """Estimate the curves of the stances that `tested` (S,) bool marks from those that `training` marks."""
        rows = np.flatnonzero(training), np.flatnonzero(tested)
        if len(rows[0]) > landmarks.MOST_EXACT:
            seen, asked = (landmarks.take(self.inputs, index) for index in rows)
            best = [self.candidate], np.zeros((1, self.targets.shape[2]), int)
            fitted = kernel_ridge.KernelRidge.fit_curves(seen, self.targets[rows[0]], *best, shape=self.shape)
            return fitted.estimate(asked)
        return kernel_ridge.estimate_from_some(self.kernel_matrix, self.targets, self.candidate, *rows)

    def predictions(self, curves, prepared=None):
        """Finish estimated curves as the recipe says, and pair them with the measured forces of the same stances."""
        prepared = prepared or self.samples
        estimated = samples.finish(prepared, samples.spread(prepared, curves), self.recipe)
        return metrics.predictions(prepared.frames, {self.recipe.name: estimated})

    def score(self, curves, rows=None, *, own_speed=True):
        """Average r, RMSE (BW) and nRMSE (%) over stances by direction.

        `curves` are the estimates of all stances, or of those that `rows` (S,) bool marks. With `own_speed` stances of
        other speeds than the study's do not count.
        """
        part = self.samples if rows is None else samples.take(self.samples, np.flatnonzero(rows))
        predictions = self.predictions(curves, part)[part.inside]
        if own_speed:
            predictions = predictions[predictions["stance"].isin(at_study_speed(part.stances)["stance"])]
        scores = metrics.by_stance(predictions)
        means = scores.groupby("direction", sort=False)[metrics.MEASURES].mean().reset_index()
        return means.assign(n=scores["stance"].nunique())


def ingredients(frames, stances, recipe):
    """Score a kernel recipe by direction, every runner left out, with each of INGREDIENTS taken away in turn."""
    rows = []
    for name, change in tqdm(INGREDIENTS.items(), desc="taking away", unit="ingredient"):
        change = dict(change)
        without = change.pop("without", None)
        changed = recipe.model_copy(update=change | {"inputs": [kind for kind in recipe.inputs if kind != without]})
        experiment = KernelExperiment(prepare(frames, stances, changed), changed)
        rows.append(experiment.score(experiment.leave_out()).assign(ingredients=name))
    return pd.concat(rows, ignore_index=True)


def folds(frames, stances, recipe, *, seed):
    """Score a kernel recipe by folds of runners and by as many random folds of stances: shows the effect of leakage."""
    experiment = KernelExperiment(prepare(frames, stances, recipe), recipe)
    runners = experiment.runners
    random = np.random.default_rng(seed).permutation(len(runners)) % len(np.unique(runners))
    rows = [
        experiment.score(experiment.leave_out(groups)).assign(folds=name)
        for name, groups in (("runners", runners), ("random stances", random))
    ]
    return pd.concat(rows, ignore_index=True)


def learning_curve(frames, stances, recipe, *, training_runners, draws, seed):
    """Score a kernel recipe trained on few runners on all the others; a row for each of `draws` random draws."""
    experiment = KernelExperiment(prepare(frames, stances, recipe), recipe)
    names, rng, rows = np.unique(experiment.runners), np.random.default_rng(seed), []
    cases = [(count, draw) for count in training_runners if count < len(names) for draw in range(draws)]
    for count, draw in tqdm(cases, desc="few runners", unit="draw"):
        seen = np.isin(experiment.runners, rng.choice(names, count, replace=False))
        curves = experiment.estimate(~seen, seen)
        rows.append(experiment.score(curves, ~seen).assign(training_runners=count, draw=draw))
    return pd.concat(rows, ignore_index=True)


def speeds(frames, stances, recipe):
    """Score a kernel recipe trained on one speed, or on all, and tested on another, every runner left out."""
    recipe = recipe.model_copy(update={"speeds": "all"})
    experiment = KernelExperiment(prepare(frames, stances, recipe), recipe)
    runners, speed = experiment.runners, experiment.samples.stances["speed"].to_numpy()
    estimated = {name: np.empty_like(experiment.targets) for name in np.unique(speed)}
    for name, curves in estimated.items():
        for runner in tqdm(np.unique(runners), desc=f"trained on {name}", unit="runner"):
            mine = runners == runner
            curves[mine] = experiment.estimate(mine, (speed == name) & ~mine)
    estimated["all"] = experiment.leave_out()
    rows = [
        experiment.score(curves[speed == tested], speed == tested, own_speed=False).assign(trained=name, tested=tested)
        for name, curves in estimated.items()
        for tested in np.unique(speed)
    ]
    return pd.concat(rows, ignore_index=True)


def _interval(total, count):
    """Give mean and 95 % interval of sum(total) / sum(count), each (R,) of one runner, over runners drawn anew."""
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


def _average(frames, stances, recipes, predictions, groups, **settings):
    """Average the estimates of several recipes, which must be in the same unit of force.

    `groups` {runner: number} are those of ensemble.divide. Returns predictions, weights, and the minutes that it took
    to choose these.
    """
    parts = [predictions[predictions["estimator"] == name].reset_index(drop=True) for name in recipes]
    if any(not np.allclose(parts[0]["grf_v"], part["grf_v"], atol=1e-4) for part in parts):
        raise ValueError(
            f"Averaged recipes must have the same unit of force; {', '.join(recipes)} differ in `body_weight`. "
            "Name other recipes in `ensemble` in the study file."
        )
    rows, inner, taken = parts[0], [], 0.0
    for recipe in recipes.values():
        runners = prepare(frames, stances, recipe)
        group = runners.stances["runner"].map(groups).fillna(-1).to_numpy(int)
        estimated, minutes = _kept(runners, recipe, group=group, **settings)
        every, wanted = (pd.MultiIndex.from_frame(table[["stance", "frame"]]) for table in (runners.frames, rows))
        inner.append(estimated[:, every.get_indexer(wanted)])
        taken += minutes
    group, inside = metrics.runner_of(rows, stances).map(groups).to_numpy(), metrics.in_stance(rows, stances)
    chosen = ensembles.choose_weights(np.stack(inner), rows[FORCES].to_numpy(float), group, inside)
    averaged = ensembles.average(np.stack([part[ESTIMATES] for part in parts]), chosen[group])
    weights = [
        (runner, direction, name, chosen[g, m, c])
        for runner, g in groups.items()
        for c, direction in enumerate(DIRECTIONS)
        for m, name in enumerate(recipes)
    ]
    estimates = dict(zip(ESTIMATES, np.float32(averaged.T), strict=True))
    return rows.assign(estimator="ensemble", **estimates), pd.DataFrame(weights, columns=WEIGHTS), taken


def _kept(runners, recipe, *, folder, seed, network, group=None):
    """Leave each runner of Samples out, or read what an earlier run kept of the same data, recipe and code.

    With `group` (S,), pairs of groups of runners are left out (ensemble.leave_pairs_out). Returns estimates (1, N, 3)
    or (G, N, 3) BW, and minutes.
    """
    network = network if recipe.estimator == "lstm" else {}
    digest = hashlib.sha256(repr((recipe, seed, sorted(network.items()))).encode())
    for array in (runners.points, runners.forces, runners.lengths, runners.stances["runner"].to_numpy(str)):
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(hash_code("points.py", "model.py", "transform.py", "estimators").encode())
    what = recipe.name
    if group is not None:
        digest.update(group.tobytes() + hash_code("evaluation/ensemble.py").encode())
        what += "-pairs"
    name = f"kept/{what}-{digest.hexdigest()[:12]}.parquet"
    if not (Path(folder) / name).is_file():
        start = time.perf_counter()
        if group is None:
            estimated = registry.class_of(recipe).leave_runners_out(runners, recipe, seed=seed, network=network)
        else:
            estimated = ensembles.leave_pairs_out(runners, recipe, group, seed=seed, network=network)
        minutes = (time.perf_counter() - start) / 60
        table = pd.DataFrame(estimated.reshape(-1, len(ESTIMATES)), columns=ESTIMATES)
        store.save(folder, name, table.assign(minutes=minutes))
    table = store.read(folder, name)
    return table[ESTIMATES].to_numpy().reshape(-1, *runners.forces.shape), float(table["minutes"].iloc[0])
