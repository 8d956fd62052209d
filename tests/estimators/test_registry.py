"""Every estimator: none sees the runner left out, what is saved gives the same forces, baselines are what they say."""

import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from helpers import ROOT
from safetensors.numpy import load_file

from grfkit import model, transform
from grfkit.estimators import lstm, registry, samples
from grfkit.estimators.kernel_ridge import KernelRidge
from grfkit.estimators.mean_curve import MeanCurve
from grfkit.points import MIRROR
from grfkit.study import recipes, store

RECIPES = recipes.load_all(
    ROOT / "params" / "recipes", ["mean_curve", "sine", "two_mass", "ridge", "paper", "plain", "network", "physics"]
)
NETWORK = {
    "frames_per_step": 20,
    "layers": 1,
    "units": 4,
    "dropout": 0.0,
    "learning_rate": 0.01,
    "batch_size": 4,
    "epochs": 2,
    "window": 1,
    "shrinkage": 1e-5,
}
SEARCH = {
    "folds": 2,
    "trials": 1,
    "frames_per_step": 3,  # as many LSTM steps as a window of 9 has inputs
    "epochs": 1,
    "ranges": {
        "layers": [1, 1],
        "units": [4, 4],
        "dropout": [0.0, 0.1],
        "learning_rate": [1e-3, 1e-2],
        "batch_size": [4],
    },
}
TRAINED = ["mean_curve", "ridge", "paper", "plain", "network", "physics"]


@pytest.fixture
def study(tidy):
    stances, frames = tidy(12, runners=3)
    return stances, frames.astype(dict.fromkeys(frames.columns[2:], float))


@pytest.mark.parametrize("name", TRAINED)
def test_leave_runners_out_never_looks_at_the_runner_left_out(study, name):
    """Spoil the forces of one runner: the estimates of that runner stay, those of others change."""
    stances, frames = study
    spoiled = frames.copy()
    theirs = spoiled["stance"].isin(stances["stance"][stances["runner"] == "v01"])
    spoiled.loc[theirs, "grf_v"] *= 5
    spoiled.loc[theirs, "grf_ap"] += 0.3 * (spoiled.loc[theirs, "grf_v"] > 0)
    clean, again = (
        registry.class_of(RECIPES[name]).leave_runners_out(
            samples.prepare(table, stances, RECIPES[name]), RECIPES[name], seed=1, network=NETWORK, progress=False
        )
        for table in (frames, spoiled)
    )
    prepared = samples.prepare(frames, stances, RECIPES[name])
    mine = np.repeat((prepared.stances["runner"] == "v01").to_numpy(), prepared.lengths)
    np.testing.assert_allclose(again[mine], clean[mine], atol=1e-6)
    assert np.abs(again[~mine] - clean[~mine]).max() > 0.01


@pytest.mark.parametrize("name", TRAINED)
def test_leave_out_fits_to_the_training_stances_of_each_part_alone(study, name):
    """Taken out of the table altogether, stances outside a part change nothing; and v00's forces are never read."""
    stances, frames = study
    recipe, names = RECIPES[name], stances["runner"]
    parts = [(np.flatnonzero(names == "v01"), np.flatnonzero(names == "v00"))]
    parts.append((np.flatnonzero(names != "v00"), np.flatnonzero(names == "v00")))
    both = registry.class_of(recipe).leave_out(
        samples.prepare(frames, stances, recipe), recipe, parts, seed=1, network=NETWORK, progress=False
    )
    assert np.abs(both[0] - both[1]).max() > 1e-3
    fewer = stances[names != "v02"].reset_index(drop=True)
    part = tuple(np.flatnonzero(fewer["runner"] == runner) for runner in ("v01", "v00"))
    frames.loc[frames["stance"].isin(fewer["stance"][part[1]]), ["grf_ap", "grf_ml", "grf_v"]] = 0.5
    (alone,) = registry.class_of(recipe).leave_out(
        samples.prepare(frames, fewer, recipe), recipe, [part], seed=1, network=NETWORK, progress=False
    )
    np.testing.assert_allclose(alone, both[0], atol=1e-6)


def test_leave_out_ends_with_the_first_fit_that_fails(study, monkeypatch):
    stances, frames = study
    prepared, fits = samples.prepare(frames, stances, RECIPES["paper"]), []

    def failing(*part, **settings):
        fits.append(part)
        time.sleep(0.05 * (len(fits) > 1))  # so that the first has failed long before all have
        raise ValueError("no memory")

    monkeypatch.setattr(lstm, "fold_estimates", failing)
    with pytest.raises(ValueError, match="no memory"):
        lstm.Lstm.leave_out(prepared, RECIPES["paper"], [([0], [1])] * 500, seed=1, network=NETWORK, progress=False)
    assert len(fits) < 500


@pytest.mark.parametrize("name", RECIPES)
def test_a_saved_estimator_gives_the_same_forces(study, tmp_path, name):
    stances, frames = study
    recipe = RECIPES[name]
    training, tested = (
        samples.prepare(frames, stances[(stances["runner"] == "v02") == held], recipe) for held in (False, True)
    )
    estimator = registry.class_of(recipe)
    table, best = estimator.search(training, recipe, folder=tmp_path, seed=3, **SEARCH)
    fitted = estimator.fit(training, recipe, best, seed=3, epochs=2)
    arrays, description = fitted.describe()
    store.save(tmp_path, "model.safetensors", arrays)
    store.save(tmp_path, "model.json", description)
    store.save(tmp_path, "best.yaml", best)
    assert store.read(tmp_path, "best.yaml") == best
    again = estimator.restore(load_file(tmp_path / "model.safetensors"), store.read(tmp_path, "model.json"), recipe)
    first, second = (model.predict(tested) for model in (fitted, again))
    np.testing.assert_array_equal(second, first)
    assert first.shape == tested.forces.shape and (np.nan_to_num(first)[:, 2].max() > 0.1)
    assert {"trial", "fold", "state", "error"} <= set(table)


def test_searching_a_kernel_leaves_each_training_runner_out(study, tmp_path):
    """The errors of search.csv are those of refitting without the runner, and the chosen have the least."""
    stances, frames = study
    recipe = RECIPES["physics"]
    drawn = recipe.kernel.model_copy(update={"candidates": 20, "averaged": 4})
    recipe = recipe.model_copy(update={"kernel": drawn})
    training = samples.prepare(frames, stances, recipe)
    table, best = KernelRidge.search(training, recipe, folder=tmp_path, seed=3)
    trial, runner = 5, 1
    held = (training.stances["runner"] == "v01").to_numpy()
    others, mine = samples.take(training, np.flatnonzero(~held)), samples.take(training, np.flatnonzero(held))
    alone = {"candidates": best["candidates"], "chosen": dict.fromkeys(["AP", "ML", "V"], [trial])}
    bare = recipe.model_copy(update={"balance": False})
    estimated = KernelRidge.fit(others, bare, alone).predict(mine)
    curves = np.stack(
        [
            transform.time_normalise(estimated[rows][mine.inside[rows]], samples.NODES)
            for rows in samples.rows_of_stances(mine)
        ]
    )
    turned = np.where(mine.mirrored[:, None, None], curves * MIRROR, curves)
    literal = np.sqrt(((turned - samples.curve_targets(mine)) ** 2).mean(axis=(0, 1)))
    row = table[(table["trial"] == trial) & (table["fold"] == runner)].iloc[0]
    np.testing.assert_allclose(
        row[["rmse_ap_bw", "rmse_ml_bw", "rmse_v_bw"]].to_numpy(float), literal, rtol=0.02
    )  # interpolated to and fro
    mean = table.groupby("trial")["rmse_v_bw"].mean()
    assert set(best["chosen"]["V"]) == set(mean.nsmallest(recipe.kernel.averaged).index)


def test_training_takes_other_speeds_of_training_runners_alone(study):
    stances, _ = study
    stances["split"] = np.where(stances["runner"] == "v00", "test", "train")
    stances.loc[stances["stance"] >= 6, "split"] = "other_speed"
    paper, physics = (samples.training_stances(stances, RECIPES[name]) for name in ("paper", "physics"))
    assert set(paper["split"]) == {"train"} and not set(physics["runner"]) & {"v00"}
    assert set(physics["split"]) == {"train", "other_speed"} and len(physics) == 8


def test_mean_curve_of_one_shape_is_that_shape_and_sides_do_not_mix(study):
    stances, frames = study
    recipe = RECIPES["mean_curve"]
    prepared = samples.prepare(frames, stances, recipe)
    first = samples.take(prepared, np.array([0]))
    mean = MeanCurve.fit(first, nodes=int(first.inside.sum()))
    np.testing.assert_allclose(mean.curves["l"], first.forces[first.inside], atol=1e-9)
    np.testing.assert_allclose(mean.predict(first), first.forces, atol=1e-9)
    right = frames["stance"].map(stances.set_index("stance")["side"]) == "r"
    frames.loc[right, "grf_ml"] *= -1
    curve = MeanCurve.fit(samples.prepare(frames, stances, recipe)).curves
    assert curve["l"][:, 1].mean() > 0.05 and curve["r"][:, 1].mean() < -0.05  # pooled, they would cancel


def test_mean_curve_of_one_side_is_mirrored_for_the_other(study):
    """Too few runners, or one plate: as if the training runners had been filmed in a mirror as well."""
    stances, frames = study
    prepared = samples.prepare(frames, stances, RECIPES["mean_curve"])
    curves = MeanCurve.fit(samples.take(prepared, np.flatnonzero(stances["side"] == "l"))).curves
    other = frames.assign(grf_ml=-frames["grf_ml"])
    sides = stances.assign(side=stances["side"].map({"l": "r", "r": "l"}))
    both = MeanCurve.fit(samples.prepare(other, sides, RECIPES["mean_curve"])).curves
    np.testing.assert_allclose(curves["r"], both["r"], atol=1e-9)


def test_mean_curve_is_of_the_studys_speed_alone(study):
    stances, frames = study
    stances.loc[stances["stance"] >= 6, "split"] = "other_speed"
    prepared = samples.prepare(frames, stances, RECIPES["physics"])
    own = samples.prepare(frames, stances[stances["stance"] < 6], RECIPES["physics"])
    for side, curve in MeanCurve.fit(own).curves.items():
        np.testing.assert_allclose(MeanCurve.fit(prepared).curves[side], curve)


def test_fit_with_patience_watches_training_runners_that_are_not_trained_on(study, monkeypatch):
    """A tenth of the runners, one at least, is kept aside whole; of a single runner nobody is left."""
    stances, frames = study
    recipe, given = RECIPES["paper"], {}
    monkeypatch.setattr(model, "fit", lambda *fitted_to, **settings: given.update(settings, fitted_to=fitted_to))
    training = samples.prepare(frames, stances, recipe)
    best = {"window": 5, "shrinkage": 1e-5}
    lstm.Lstm.fit(training, recipe, best, seed=3, epochs=5, patience=2)
    points, _, lengths = given["watched"]
    aside = np.isin(training.stances["runner"], lstm.watched_runners(training, seed=3))
    assert aside.sum() == 4 == len(lengths) and len(given["fitted_to"][2]) == 8
    np.testing.assert_array_equal(points, training.points.reshape(-1, 33)[np.repeat(aside, training.lengths)])
    lstm.Lstm.fit(training, recipe, best, seed=3, epochs=5)
    assert given["watched"] is None and len(given["fitted_to"][2]) == 12
    alone = samples.take(training, np.flatnonzero(training.stances["runner"] == "v01"))
    with pytest.raises(ValueError, match="patience: null"):
        lstm.Lstm.fit(alone, recipe, best, seed=3, epochs=5, patience=2)


@pytest.mark.parametrize("name", ["paper", "network"])
def test_compare_whitening_gives_the_errors_of_two_literal_fits_and_of_the_mean_curve(study, name):
    """Each fit once more without anyone watched; the runner held out is estimated as any other."""
    stances, frames = study
    recipe, best = RECIPES[name], {key: value for key, value in NETWORK.items() if key != "epochs"}
    training = samples.prepare(frames, stances, recipe)
    table = lstm.Lstm.compare_whitening(training, recipe, best | {"dropout": 0.3}, seed=3, epochs=4)
    assert list(table.columns) == ["epoch", "whitened", "plain", "mean_curve"] and list(table["epoch"]) == [1, 2, 3, 4]
    (held,) = np.unique(lstm.watched_runners(training, seed=3, share=0.25))
    known, others = (samples.take(training, np.flatnonzero((training.runners == held) == out)) for out in (False, True))
    scale = transform.fit_minmax(known.forces).transform
    rmse = lambda forces: np.sqrt(np.mean((scale(forces) - scale(others.forces)) ** 2))  # noqa: E731
    for column, layer in (("whitened", {}), ("plain", {"window": None, "shrinkage": None})):
        settings = best | {"dropout": 0.3, "epochs": 4, "seed": 3, "offset_m": recipe.offset_m} | layer
        fitted = model.fit(*lstm.arrays(known, recipe), **settings)
        points, _, lengths = lstm.arrays(others, recipe)
        assert table[column].iloc[-1] == pytest.approx(
            rmse(model.predict(fitted, points, lengths)), rel=1e-4
        )  # float32
    estimated = MeanCurve.fit(known).predict(others)
    left = np.repeat((others.stances["side"] == "l").to_numpy() & recipe.mirror, others.lengths)
    estimated[left, 1] *= -1
    np.testing.assert_allclose(table["mean_curve"], rmse(estimated), rtol=1e-9)


def test_compare_whitening_is_empty_where_there_is_nothing_to_compare(study):
    stances, frames = study
    training = samples.prepare(frames, stances, RECIPES["paper"])
    alone = samples.take(training, np.flatnonzero(training.runners == "v01"))
    wide = NETWORK | {"window": 9}  # more inputs than LSTM steps
    for name, given, best in (("plain", training, NETWORK), ("physics", training, {}), ("paper", alone, NETWORK)):
        table = registry.class_of(RECIPES[name]).compare_whitening(given, RECIPES[name], best, seed=3, epochs=2)
        assert table.empty and list(table.columns) == registry.COMPARED, name
    best = {key: value for key, value in wide.items() if key != "epochs"}
    assert lstm.Lstm.compare_whitening(training, RECIPES["paper"], best, seed=3, epochs=2).empty


@pytest.mark.parametrize("name", ["paper", "physics"])
def test_training_does_not_depend_on_the_order_of_rows(study, tmp_path, name):
    """Frames of other stances between those of a stance change nothing."""
    stances, frames = study
    recipe = RECIPES[name]
    shuffled = pd.concat([group for _, group in sorted(frames.groupby("stance"), key=lambda item: -item[0])])
    both = []
    for number, table in enumerate((frames, shuffled)):
        training = samples.prepare(table, stances, recipe)
        estimator = registry.class_of(recipe)
        _, best = estimator.search(training, recipe, folder=tmp_path / str(number), seed=3, **SEARCH)
        both.append(estimator.fit(training, recipe, best, seed=3, epochs=2).predict(training))
    np.testing.assert_array_equal(*both)


def test_a_recipe_that_whitens_needs_what_the_layer_is_fitted_with_and_another_leaves_it_out(study, monkeypatch):
    stances, frames = study
    given = {}
    monkeypatch.setattr(model, "fit", lambda *fitted_to, **settings: given.update(settings))
    training = samples.prepare(frames, stances, RECIPES["paper"])
    best = {"units": 4, "window": 5, "shrinkage": 1e-5}
    lstm.Lstm.fit(training, RECIPES["plain"], best, seed=3, epochs=5)
    assert given["units"] == 4 and not {"window", "shrinkage"} & set(given)
    lstm.Lstm.fit(training, RECIPES["paper"], best, seed=3, epochs=5)
    assert (given["window"], given["shrinkage"]) == (5, 1e-5)
    with pytest.raises(ValueError, match="no window and no shrinkage. Run 02_search again"):
        lstm.Lstm.fit(training, RECIPES["paper"], {"units": 4}, seed=3, epochs=5)


@pytest.mark.parametrize("small", [0, 10**9])  # processes, or one thread
def test_the_estimate_of_several_seeds_is_the_mean_of_the_networks(study, monkeypatch, tmp_path, small):
    """In a fit, in what is saved of it, and where runners are left out."""
    monkeypatch.setattr(lstm.search, "SMALL", small)
    stances, frames = study
    recipe = RECIPES["network"]
    training = samples.prepare(frames, stances, recipe)
    best = {name: value for name, value in NETWORK.items() if name != "epochs"}
    alone = [lstm.Lstm.fit(training, recipe, best, seed=seed, epochs=2) for seed in (3, 4, 5)]
    fitted = lstm.Lstm.fit(training, recipe, best, seed=3, epochs=2, seeds=3)
    raw = [model.predict(one.members[0], *lstm.arrays(training, recipe)[::2]) for one in alone]
    mean = samples.finish(training, np.mean(raw, axis=0), recipe)
    np.testing.assert_allclose(fitted.predict(training), mean, atol=1e-6)
    assert np.abs(alone[0].predict(training) - mean).max() > 1e-3
    expected = np.mean([one.learning() for one in alone], axis=0)
    np.testing.assert_allclose(fitted.learning(), expected)

    arrays, description = fitted.describe()
    store.save(tmp_path, "model.safetensors", arrays)
    store.save(tmp_path, "model.json", description)
    again = lstm.Lstm.restore(load_file(tmp_path / "model.safetensors"), store.read(tmp_path, "model.json"), recipe)
    np.testing.assert_array_equal(again.predict(training), fitted.predict(training))

    out = {"seed": 3, "progress": False}
    several = lstm.Lstm.leave_out(
        training, recipe, [(np.arange(8), np.arange(8, 12))], network=NETWORK | {"seeds": 2}, **out
    )
    lstm.hold(*lstm.arrays(training, recipe))
    literal = NETWORK | {"offset_m": recipe.offset_m}
    raw = [lstm.fold_estimates(np.arange(8), np.arange(8, 12), seed=seed, **literal) for seed in (3, 4)]
    mean = samples.finish(samples.take(training, np.arange(8, 12)), np.mean(raw, axis=0), recipe)
    np.testing.assert_allclose(several[0], mean, atol=1e-6)


def test_several_seeds_watch_the_same_runners_and_stop_each_by_itself(study):
    stances, frames = study
    training = samples.prepare(frames, stances, RECIPES["paper"])
    best = {name: value for name, value in NETWORK.items() if name != "epochs"}
    fitted = lstm.Lstm.fit(training, RECIPES["paper"], best, seed=3, epochs=4, patience=1, seeds=2)
    first = lstm.Lstm.fit(training, RECIPES["paper"], best, seed=3, epochs=4, patience=1).members[0]
    assert fitted.members[0].learning == first.learning and fitted.members[1].learning != first.learning
    np.testing.assert_array_equal(fitted.members[1].points_scaler.data_max_, first.points_scaler.data_max_)
    assert fitted.learning()["watched_rmse"].notna().all()


@pytest.mark.parametrize("name", ["paper", "plain"])
def test_a_search_fits_as_the_recipe_says(study, tmp_path, monkeypatch, name):
    """With its offsets, layer and folds; what is found is within its limits."""
    stances, frames = study
    recipe, fits = RECIPES[name], []
    monkeypatch.setattr(lstm, "fold_error", lambda *parts, **settings: fits.append((parts, settings)) or 0.1)
    training = samples.prepare(frames, stances, recipe)
    _, best = lstm.Lstm.search(training, recipe, folder=tmp_path, seed=3, **SEARCH)
    for parts, settings in fits:
        assert settings["offset_m"] == recipe.offset_m and ("window" in settings) == bool(recipe.whiten)
        of_both = set.intersection(*(set(training.runners[part]) for part in parts))
        assert bool(of_both) == (recipe.folds == "stances")
    assert len(fits) == 2 and ("shrinkage" in best) == bool(recipe.whiten)
    if recipe.whiten:
        assert best["window"] in (5, 7, 9) and 1e-5 <= best["shrinkage"] <= 0.3


def test_a_search_for_which_there_is_too_little_is_refused_before_its_first_fit(study, tmp_path):
    stances, frames = study
    training = samples.prepare(frames, stances, RECIPES["paper"])
    with pytest.raises(ValueError, match="4 training stances, and 297 inputs"):
        lstm.Lstm.search(training, RECIPES["paper"], folder=tmp_path, seed=3, **SEARCH | {"frames_per_step": 20})
    assert not list(tmp_path.iterdir())


def test_only_an_lstm_loads_torch():
    """Nor do the notebooks' imports: 01 and 04 to 07 start without it."""
    for recipe, loaded in ((RECIPES["physics"], False), (RECIPES["mean_curve"], False), (RECIPES["paper"], True)):
        code = (
            "import sys; from grfkit.estimators import registry, samples, search, shared_search, model_folder\n"
            "from types import SimpleNamespace\n"
            f"registry.class_of(SimpleNamespace(estimator={recipe.estimator!r})); print('torch' in sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == str(loaded)
