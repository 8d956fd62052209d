"""The average of recipes: weights as in closed form and on a grid, fits as in a slow literal version, and no runner's
forces weigh the runner's own estimates."""

import numpy as np
import pandas as pd
import pytest
from helpers import ROOT

from grfkit import metrics
from grfkit.estimators import registry, samples
from grfkit.evaluation import ensemble, left_out_runners
from grfkit.points import DIRECTIONS, ESTIMATES, FORCES, INPUTS
from grfkit.study import recipes

LOADED = recipes.load_all(ROOT / "params" / "recipes", ["sine", "ridge", "physics"])
RECIPES = {
    "linear": LOADED["ridge"].model_copy(update={"name": "linear", "body_weight": "weighed", "balance": True}),
    "physics": LOADED["physics"],
}


@pytest.fixture
def study(tidy):
    """Five runners, one of whom also ran at another speed; their forces differ in what the points do not show."""
    stances, frames = tidy(20, runners=5)
    stances.loc[stances["stance"] == 15, ["split", "speed_m_s"]] = ["other_speed", 2.5]
    frames = frames.astype(dict.fromkeys(frames.columns[2:], float))
    frames[INPUTS] *= 0.2
    runner = frames["stance"].map(stances.set_index("stance")["runner"])
    factor = runner.map(dict(zip(sorted(runner.unique()), [1.0, 0.9, 1.1, 0.95, 1.2], strict=True)))
    return stances, frames.assign(**{name: frames[name] * factor for name in ("grf_ap", "grf_ml")})


def leave_out(study, folder, *, compared=RECIPES, names=("linear", "physics")):
    stances, frames = study
    return left_out_runners.leave_out(
        frames, stances, compared, folder=folder, seed=3, network={}, ensemble=list(names)
    )


def two_weights(errors):
    """Weigh two estimates (N, 2) in closed form: the least squared error of w a + (1 - w) b, w between 0 and 1."""
    a, b = errors.T
    w = np.clip(-(b * (a - b)).sum() / ((a - b) ** 2).sum(), 0, 1)
    return [w, 1 - w]


@pytest.mark.parametrize("bias", [(0, 0), (0.5, -0.2), (0.02, 3), (-2, 0)])
def test_least_error_weights_of_two_are_those_in_closed_form(bias):
    errors = np.random.default_rng(1).normal(size=(500, 2)) * [0.05, 0.08] + bias
    assert ensemble.least_error_weights(errors) == pytest.approx(two_weights(errors), abs=1e-9)


@pytest.mark.parametrize("bias", [(0, 0, 0), (0.05, -0.05, 0.02), (0.3, 0.2, 0.1)])
def test_least_error_weights_of_three_are_the_best_of_a_grid(bias):
    errors = np.random.default_rng(2).normal(size=(300, 3)) * [0.05, 0.06, 0.1] + bias
    share = np.linspace(0, 1, 101)
    grid = np.array([(a, b, 1 - a - b) for a in share for b in share if a + b < 1 + 1e-9])
    squared = ((errors @ grid.T) ** 2).mean(axis=0)
    found = ensemble.least_error_weights(errors)
    assert found.sum() == pytest.approx(1) and found.min() >= 0
    assert found == pytest.approx(grid[squared.argmin()], abs=0.01)  # the grid's step
    assert ((errors @ found) ** 2).mean() <= squared.min()


def test_weights_of_hundreds_of_thousands_of_frames_are_found_as_those_of_few():
    errors = np.random.default_rng(3).normal(size=(300, 2)) * [0.05, 0.08]
    assert ensemble.least_error_weights(np.tile(errors, (1000, 1))) == pytest.approx(two_weights(errors), abs=1e-9)


def test_weights_of_estimates_without_error_or_that_are_not_given():
    one, gone = np.full(9, 0.1), np.full(9, np.nan)
    assert ensemble.least_error_weights(np.stack([one, 0 * one], axis=1)).tolist() == [0, 1]
    assert ensemble.least_error_weights(np.stack([gone, one], axis=1)).tolist() == [0, 1]
    assert np.isnan(ensemble.least_error_weights(np.stack([gone, gone], axis=1))).all()
    assert ensemble.least_error_weights(np.stack([one, one], axis=1)).sum() == pytest.approx(1)
    assert ensemble.least_error_weights(np.zeros((9, 2))).sum() == pytest.approx(1)


def test_weights_count_the_frames_in_stance_of_the_other_groups_alone():
    rng = np.random.default_rng(4)
    group, inside, measured = rng.integers(0, 3, 400), rng.uniform(size=400) < 0.7, rng.normal(size=(400, 3))
    errors = rng.normal(size=(2, 3, 400, 3)) * rng.uniform(0.5, 2, size=(2, 3, 1, 3))
    errors[0, :, ~inside], errors[1, :, ~inside] = 0, 9  # beyond stance one of them is perfect
    errors[:, group, np.arange(400)] = np.nan  # nobody estimates the own group
    found = ensemble.choose_weights(measured + errors, measured, group, inside)
    assert found.shape == (3, 2, 3)
    for g, c in np.ndindex(3, 3):
        literal = two_weights(errors[:, g, inside & (group != g), c].T)
        assert found[g, :, c] == pytest.approx(literal, abs=1e-9)


def test_divide_gives_groups_of_equal_size_and_asks_for_three_runners():
    groups = ensemble.divide(np.repeat([f"v{n:02d}" for n in range(22)], 3), seed=1)
    assert sorted(np.bincount(list(groups.values()))) == [5, 5, 6, 6] and len(groups) == 22
    assert groups != ensemble.divide(list(groups), seed=2)
    assert sorted(ensemble.divide(["a", "b", "c"], seed=0).values()) == [0, 1, 2]
    with pytest.raises(ValueError, match=r"found 2 runners.*ensemble: \[\]"):
        ensemble.divide(["a", "b", "b"], seed=0)


def prepare(frames, stances, recipe):
    """Take the stances that a recipe trains on, of one runner too."""
    return samples.prepare(
        frames, stances if recipe.speeds == "all" else left_out_runners.at_study_speed(stances), recipe
    )


def test_the_ensemble_is_that_of_a_slow_literal_version(study, tmp_path):
    """For each runner in turn: refit without the runner's group and each other one, and weigh in closed form."""
    stances, frames = study
    predictions, _, weights = leave_out(study, tmp_path)
    weights = weights.set_index(["runner", "direction", "recipe"])["weight"]
    runners, own = stances["runner"].to_numpy(), (stances["split"] != "other_speed").to_numpy()
    groups = ensemble.divide(runners, seed=3)
    group = np.array([groups[runner] for runner in runners])
    for runner, mine in groups.items():
        errors = []
        for recipe in RECIPES.values():
            of_recipe = []
            for fold in sorted(set(groups.values()) - {mine}):
                training, tested = (
                    prepare(frames, stances[rows], recipe)
                    for rows in ((group != mine) & (group != fold), group == fold)
                )
                estimator = registry.class_of(recipe)
                _, best = estimator.search(training, recipe, seed=3, progress=False)
                estimated = estimator.fit(training, recipe, best).predict(tested)
                rows = metrics.predictions(tested.frames, {"one": estimated})
                rows = rows[metrics.in_stance(rows, stances) & rows["stance"].isin(stances["stance"][own])]
                of_recipe.append(rows[ESTIMATES].to_numpy() - rows[FORCES].to_numpy())
            errors.append(np.concatenate(of_recipe))
        for c, direction in enumerate(DIRECTIONS):
            literal = two_weights(np.stack(errors)[..., c].T)
            assert weights[runner, direction].tolist() == pytest.approx(literal, abs=1e-3)  # single precision
    assert weights.between(0.05, 0.95).any()  # it is not always one recipe alone
    parts = {name: rows.reset_index(drop=True) for name, rows in predictions.groupby("estimator")}
    of = metrics.runner_of(parts["linear"], stances)
    for direction, column in zip(DIRECTIONS, ESTIMATES, strict=True):
        mean = sum(of.map(weights.xs((direction, name), level=[1, 2])) * parts[name][column] for name in RECIPES)
        np.testing.assert_allclose(parts["ensemble"][column], mean, atol=1e-6)


def test_a_runners_own_forces_change_neither_weights_nor_estimates(study, tmp_path):
    """Nor do those of others in the runner's group change the weights; those of the other groups do."""
    stances, frames = study
    groups = ensemble.divide(stances["runner"], seed=3)
    runner = next(name for name, g in groups.items() if list(groups.values()).count(g) == 2)
    theirs = frames["stance"].isin(stances["stance"][stances["runner"] == runner])
    spoiled = frames.copy()
    spoiled.loc[theirs, "grf_v"] *= 3
    spoiled.loc[theirs, "grf_ap"] += 0.3 * (spoiled.loc[theirs, "grf_v"] > 0)
    (before, _, clean), (after, _, again) = (
        leave_out((stances, table), tmp_path / str(number)) for number, table in enumerate((frames, spoiled))
    )
    same = clean["runner"].map(groups) == groups[runner]
    np.testing.assert_allclose(again["weight"][same], clean["weight"][same], atol=1e-6)
    assert np.abs(again["weight"] - clean["weight"])[~same].max() > 0.01
    mine = (before["estimator"] == "ensemble") & (metrics.runner_of(before, stances) == runner)
    np.testing.assert_allclose(after.loc[mine, ESTIMATES], before.loc[mine, ESTIMATES], atol=1e-6)
    others = (before["estimator"] == "ensemble") & ~mine
    assert np.abs(after.loc[others, ESTIMATES] - before.loc[others, ESTIMATES]).max(axis=None) > 0.01


def test_the_average_of_a_recipe_and_itself_is_the_recipe(study, tmp_path):
    twice = {"physics": RECIPES["physics"], "again": RECIPES["physics"].model_copy(update={"name": "again"})}
    predictions, made, weights = leave_out(study, tmp_path, compared=twice, names=twice)
    parts = {name: rows.reset_index(drop=True) for name, rows in predictions.groupby("estimator")}
    np.testing.assert_allclose(parts["ensemble"][ESTIMATES], parts["physics"][ESTIMATES], atol=1e-6)
    assert weights.groupby(["runner", "direction"])["weight"].sum().tolist() == pytest.approx([1] * 15)
    assert "physics and again" in made["about"].iloc[-1]


def test_a_direction_that_one_recipe_does_not_estimate_is_the_others(study, tmp_path):
    compared = {"sine": LOADED["sine"], "physics": RECIPES["physics"]}
    predictions, _, weights = leave_out(study, tmp_path, compared=compared, names=compared)
    sine = weights[weights["recipe"] == "sine"].set_index("direction")["weight"]
    assert (sine[["AP", "ML"]] == 0).all()
    parts = {name: rows.reset_index(drop=True) for name, rows in predictions.groupby("estimator")}
    pd.testing.assert_series_equal(parts["ensemble"]["est_ap"], parts["physics"]["est_ap"])


def test_an_interrupted_choice_of_weights_resumes(study, tmp_path, monkeypatch):
    """What the first recipe's fits gave is kept when the second one fails, and is not fitted again."""
    fit, done = ensemble.leave_pairs_out, []

    def fails_once(prepared, recipe, group, **settings):
        done.append(recipe.name)
        if done == ["linear", "physics"]:
            raise KeyboardInterrupt
        return fit(prepared, recipe, group, **settings)

    monkeypatch.setattr(ensemble, "leave_pairs_out", fails_once)
    with pytest.raises(KeyboardInterrupt):
        leave_out(study, tmp_path)
    resumed = leave_out(study, tmp_path)
    assert done == ["linear", "physics", "physics"]
    undisturbed = leave_out(study, tmp_path / "undisturbed")
    pd.testing.assert_frame_equal(resumed[2], undisturbed[2])
    pd.testing.assert_frame_equal(resumed[0], undisturbed[0])


def test_a_study_without_an_ensemble_has_no_weights(study, tmp_path):
    weights = leave_out(study, tmp_path, names=())[2]
    shown = weights.groupby(["direction", "recipe"], sort=False)["weight"].agg(["mean", "min", "max"]).round(2)
    assert weights.empty and shown.empty
