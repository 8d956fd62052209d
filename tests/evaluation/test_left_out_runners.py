"""Every recipe with each runner left out: the same frames, intervals over runners, and what is taken away in turn."""

import numpy as np
import pandas as pd
import pytest
from helpers import ROOT

from grfkit import metrics
from grfkit.estimators import registry, samples
from grfkit.evaluation import left_out_runners
from grfkit.points import INPUTS
from grfkit.study import recipes

RECIPES = recipes.load_all(ROOT / "params" / "recipes", ["mean_curve", "sine", "ridge", "physics"])
PHYSICS = RECIPES["physics"]


@pytest.fixture
def study(tidy):
    stances, frames = tidy(16, runners=4)
    stances.loc[stances["stance"] % 8 >= 6, ["split", "speed_m_s"]] = ["other_speed", 2.5]
    frames = frames.astype(dict.fromkeys(frames.columns[2:], float))
    frames[INPUTS] *= 0.2  # as near to each other as runners are
    return stances, frames


def test_leave_out_estimates_every_stance_of_the_studys_speed_and_keeps_what_is_done(study, tmp_path, monkeypatch):
    stances, frames = study
    settings = {"folder": tmp_path, "seed": 1, "network": {}}
    once = left_out_runners.leave_out(frames, stances, RECIPES, ensemble=["sine", "physics"], **settings)
    predictions, made, weights = once
    own = stances["stance"][stances["split"] != "other_speed"]
    assert list(predictions["estimator"].unique()) == [*RECIPES, "ensemble"]
    assert (
        predictions.groupby("estimator")[["stance", "frame"]]
        .apply(lambda rows: tuple(map(tuple, rows.to_numpy())))
        .nunique()
        == 1
    )
    assert set(predictions["stance"]) == set(own)
    assert list(made["trained_on"][:4]) == [12, 12, 12, 16]
    minutes = made.set_index("recipe")["minutes"]
    assert minutes["ensemble"] > minutes["sine"] + minutes["physics"]  # choosing the weights takes its time
    assert list(weights.columns) == ["runner", "direction", "recipe", "weight"] and len(weights) == 4 * 3 * 2
    monkeypatch.setattr(registry, "class_of", None)  # a second run computes nothing
    again = left_out_runners.leave_out(frames, stances, RECIPES, ensemble=["sine", "physics"], **settings)
    for table, before in zip(again, once, strict=True):
        pd.testing.assert_frame_equal(table, before)
    with pytest.raises(TypeError):  # other data is another matter
        left_out_runners.leave_out(frames.assign(grf_v=2 * frames["grf_v"]), stances, RECIPES, ensemble=[], **settings)


def test_leave_out_asks_for_a_second_runner(study, tmp_path):
    stances, frames = study
    with pytest.raises(ValueError, match="found 1 runner. Add recordings of other runners"):
        left_out_runners.prepare(frames, stances.assign(runner="a"), RECIPES["physics"])


def test_an_ensemble_is_of_one_unit_of_force(study, tmp_path):
    stances, frames = study
    with pytest.raises(ValueError, match="mean_curve, physics differ in `body_weight`"):
        left_out_runners.leave_out(
            frames, stances, RECIPES, folder=tmp_path, seed=1, network={}, ensemble=["mean_curve", "physics"]
        )


def test_means_with_limits_are_over_stances_and_intervals_over_runners():
    """Runners' means have a known spread: the interval is that of their mean, far wider than over stances."""
    rng = np.random.default_rng(0)
    runners, each = 40, 50
    level = rng.normal(10, 2, size=runners)
    scores = pd.DataFrame(
        {
            "estimator": "a",
            "direction": "V",
            "stance": range(runners * each),
            "rmse_bw": (level[:, None] + rng.normal(0, 0.1, size=(runners, each))).ravel(),
        }
    )
    stances = pd.DataFrame(
        {"stance": scores["stance"], "runner": [f"v{n:02d}" for n in np.repeat(range(runners), each)]}
    )
    row = left_out_runners.means_with_limits(scores, stances, by=["estimator", "direction"], values=["rmse_bw"]).iloc[0]
    assert row["rmse_bw"] == pytest.approx(scores["rmse_bw"].mean()) and (row["n"], row["runners"]) == (2000, 40)
    error = level.std(ddof=1) / np.sqrt(runners)
    assert (row["rmse_bw_high"] - row["rmse_bw_low"]) / (2 * 1.96 * error) == pytest.approx(1, abs=0.1)  # 2,000 draws


def test_means_with_limits_of_what_is_not_estimated_is_nan_without_warning():
    scores = pd.DataFrame({"estimator": "sine", "direction": "AP", "stance": [0, 1], "rmse_bw": np.nan})
    stances = pd.DataFrame({"stance": [0, 1], "runner": ["a", "b"]})
    row = left_out_runners.means_with_limits(scores, stances, by=["estimator", "direction"], values=["rmse_bw"]).iloc[0]
    assert row[["rmse_bw", "rmse_bw_low", "rmse_bw_high"]].isna().all() and row["n"] == 0


def test_mean_of_other_runners_is_at_their_speed_and_never_ones_own():
    curves = np.random.default_rng(5).normal(size=(24, 101, 3))
    stances = pd.DataFrame({"runner": np.repeat(["a", "b", "c"], 8), "speed": np.tile(["2.5 m/s", "3.5 m/s"], 12)})
    base = left_out_runners.mean_of_other_runners(curves, stances)
    fast = (stances["speed"] == "3.5 m/s").to_numpy()
    expected = np.mean([curves[fast & (stances["runner"] == name)].mean(axis=0) for name in "bc"], axis=0)
    np.testing.assert_allclose(base[1], expected)
    changed = np.where((stances["runner"] == "a").to_numpy()[:, None, None], 1e6, curves)
    np.testing.assert_array_equal(left_out_runners.mean_of_other_runners(changed, stances)[:8], base[:8])
    assert np.isnan(left_out_runners.mean_of_other_runners(curves[:8], stances[:8])).all()


def test_ingredients_are_taken_away_one_at_a_time(study):
    stances, frames = study
    table = left_out_runners.ingredients(frames, stances, PHYSICS).set_index(["ingredients", "direction"])["rmse_bw"]
    assert list(table.index.get_level_values(0).unique()) == list(left_out_runners.INGREDIENTS)
    without = PHYSICS.model_copy(update={"inputs": ["positions", "velocities", "times"]})
    assert table["no accelerations"].tolist() == pytest.approx(
        left_out_rmse(frames, stances, without), rel=1e-4
    )  # distances are in single precision
    assert table["all"].tolist() == pytest.approx(
        left_out_rmse(frames, stances, PHYSICS), rel=1e-4
    )  # distances are in single precision
    same = [name for name in left_out_runners.INGREDIENTS if abs(table[name, "V"] - table["all", "V"]) < 1e-9]
    assert same == ["all"]


def left_out_rmse(frames, stances, asked):
    """The literal way: fit anew without each runner, by one candidate, and score the study's speed."""
    from grfkit.estimators import kernel_ridge

    candidate = {
        "candidates": [kernel_ridge.middle_candidate(asked.kernel, asked.inputs)],
        "chosen": dict.fromkeys(["AP", "ML", "V"], [0]),
    }
    scores = []
    for runner in sorted(stances["runner"].unique()):
        training, tested = (
            samples.prepare(frames, stances[(stances["runner"] == runner) == held], asked) for held in (False, True)
        )
        estimated = kernel_ridge.KernelRidge.fit(training, asked, candidate).predict(tested)
        predictions = metrics.predictions(tested.frames, {"a": estimated})[tested.inside]
        scores.append(
            metrics.by_stance(
                predictions[predictions["stance"].isin(stances["stance"][stances["split"] != "other_speed"])]
            )
        )
    return pd.concat(scores).groupby("direction", sort=False)["rmse_bw"].mean().tolist()


def test_what_is_looked_into_is_a_kernel_recipe(study):
    stances, frames = study
    with pytest.raises(ValueError, match="need a kernel recipe; sine is of the kind sine. Change `examined`"):
        left_out_runners.ingredients(frames, stances, RECIPES["sine"])


def test_folds_by_runner_are_those_of_the_ingredients_and_random_ones_leak(study):
    """With runners who differ in what points do not show, a fold that knows the runner errs less."""
    stances, frames = study
    runner = frames["stance"].map(stances.set_index("stance")["runner"])
    frames["l_toe_ml"] += runner.map({"v00": 0.0, "v01": 20.0, "v02": 40.0, "v03": 60.0})
    frames["grf_v"] *= runner.map({"v00": 1.0, "v01": 0.7, "v02": 1.4, "v03": 0.8})
    asked = PHYSICS.model_copy(update={"balance": False})
    table = left_out_runners.folds(frames, stances, asked, seed=1).set_index(["folds", "direction"])["rmse_bw"]
    assert table["runners"].tolist() == pytest.approx(
        left_out_rmse(frames, stances, asked), rel=1e-4
    )  # distances are in single precision
    assert table["random stances", "V"] < 0.5 * table["runners", "V"]


def test_learning_curve_tests_those_who_were_not_drawn(study):
    stances, frames = study
    table = left_out_runners.learning_curve(frames, stances, PHYSICS, training_runners=[1, 3, 4, 9], draws=2, seed=0)
    assert sorted(table["training_runners"].unique()) == [1, 3]  # 4 would leave none to test
    own = (stances["split"] != "other_speed").groupby(stances["runner"]).sum()
    assert set(table.loc[table["training_runners"] == 3, "n"]) <= set(own)


def test_speeds_of_one_speed_is_the_ingredients_row(study):
    stances, frames = study
    table = left_out_runners.speeds(frames, stances, PHYSICS).set_index(["trained", "tested", "direction"])["rmse_bw"]
    assert set(table.index.droplevel("direction")) == {
        (a, b) for a in ("3.6 m/s", "2.5 m/s", "all") for b in ("3.6 m/s", "2.5 m/s")
    }
    assert table["all", "3.6 m/s"].tolist() == pytest.approx(
        left_out_rmse(frames, stances, PHYSICS), rel=1e-4
    )  # distances are in single precision
    one = PHYSICS.model_copy(update={"speeds": "study"})
    own = stances[stances["split"] != "other_speed"]
    assert table["3.6 m/s", "3.6 m/s"].tolist() == pytest.approx(
        left_out_rmse(frames, own, one), rel=1e-4
    )  # distances are in single precision
