"""Every estimator by the same three verbs: search on training stances, fit to them, predict others; and leave each runner out.

What an estimator sees is decided by its recipe (grfkit.study.recipes) and made by grfkit.estimators.samples.
"""

from concurrent.futures import as_completed
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from grfkit import transform
from grfkit.estimators import closed_form, kernel_ridge, samples
from grfkit.points import DIRECTIONS
from grfkit.study import store


@dataclass(frozen=True)
class Curves:
    """A fitted kernel ridge regression: what it knows of its training stances, and what it weighs them with."""

    inputs: dict
    duals: dict
    candidates: list
    chosen: np.ndarray
    shape: str

    @cached_property
    def known(self):
        return kernel_ridge.laid_out(self.inputs)


def training(stances, recipe):
    """Take the stances that a recipe trains on from stances.csv: split `train`, and with `speeds: all` other speeds of those runners."""
    train = stances["split"] == "train"
    if recipe.speeds == "all":
        train |= (stances["split"] == "other_speed") & stances["runner"].isin(stances["runner"][train])
    return stances[train]


def read_training(results, recipe):
    """Read the stances that a recipe trains on from what 01_preprocess saved in the folder `results`; returns Samples."""
    stances, frames = (store.read(results, f"01_preprocess/{name}") for name in ("stances.csv", "stances.parquet"))
    return samples.prepare(frames, training(stances, recipe), recipe)


def search(training, recipe, *, folder, seed, storage=None, **network):
    """Choose hyper-parameters on training Samples alone; returns (table as search.csv, best as best.yaml).

    An LSTM's are searched by Optuna with the settings `network` (search.run's): in `folder`, or with other workers in the database at
    the URL `storage`. A kernel's are drawn, and judged with each training runner left out. Other estimators have none: an empty table,
    an empty mapping.
    """
    if recipe.estimator == "lstm":
        return _search_network(training, recipe, folder=folder, seed=seed, storage=storage, **network)
    if recipe.estimator != "kernel_ridge":
        return pd.DataFrame(columns=["trial", "fold", "state", "error"]), {}
    candidates = kernel_ridge.draw(recipe.kernel, recipe.inputs, seed=seed)
    alike, targets = _alike(training, recipe), samples.curve_targets(training)
    errors = np.stack(
        [
            _runner_errors(training, targets, kernel_ridge.left_out(alike, targets, _runners(training), candidate))
            for candidate in tqdm(candidates, desc="searching", unit="candidate")
        ]
    )
    ranges = np.ptp(targets, axis=(0, 1))
    rows = [
        {
            "trial": number,
            "fold": fold,
            "state": "complete",
            **candidate,
            "error": float((error / ranges).mean()),
            **{f"rmse_{name.lower()}_bw": value for name, value in zip(DIRECTIONS, error, strict=True)},
        }
        for number, candidate in enumerate(candidates)
        for fold, error in enumerate(errors[number])
    ]
    chosen = kernel_ridge.choose(errors.mean(axis=1), averaged=recipe.kernel.averaged)
    best = {"candidates": candidates, "chosen": {name: chosen[:, i].tolist() for i, name in enumerate(DIRECTIONS)}}
    return pd.DataFrame(rows), best


def fit(training, recipe, best, *, seed, epochs, patience=None):
    """Fit an estimator to all training Samples with the hyper-parameters `best` (search's); `seed`, `epochs` and `patience` are an LSTM's.

    With `patience` a tenth of the training runners are not fitted to but watched, and the training stops after so many epochs
    without a smaller error on them.
    """
    match recipe.estimator:
        case "lstm":
            from grfkit import model

            watched = None
            if patience:
                aside = np.isin(_runners(training), watched_runners(training, seed=seed))
                watched = of_network(samples.take(training, np.flatnonzero(aside)), recipe)
                training = samples.take(training, np.flatnonzero(~aside))
            return model.fit(
                *of_network(training, recipe),
                seed=seed,
                epochs=epochs,
                watched=watched,
                patience=patience,
                progress=True,
                **best,
            )
        case "kernel_ridge":
            chosen = np.stack([best["chosen"][name] for name in DIRECTIONS], axis=1)
            inputs, shape = samples.curve_inputs(training, recipe.inputs), recipe.kernel.shape
            duals = kernel_ridge.fit(
                kernel_ridge.Alike(inputs, shape=shape), samples.curve_targets(training), best["candidates"], chosen
            )
            return Curves(inputs, duals, best["candidates"], chosen, shape)
        case "mean_curve":
            return mean_curve(training)
    return None


def predict(fitted, tested, recipe):
    """Estimate the forces (N, 3) BW of Samples, each leg on its own side, balanced where the recipe balances."""
    match recipe.estimator:
        case "lstm":
            from grfkit import model

            estimated = model.predict(fitted, _columns(tested, recipe), tested.lengths)
        case "kernel_ridge":
            alike = kernel_ridge.Alike(samples.curve_inputs(tested, recipe.inputs), fitted.known, shape=fitted.shape)
            estimated = samples.spread(
                tested, kernel_ridge.predict(alike, fitted.duals, fitted.candidates, fitted.chosen)
            )
        case "mean_curve":
            return predict_mean_curve(fitted, tested)
        case kind:
            table = tested.stances
            return closed_form.predict(
                kind,
                tested.points.reshape(len(tested.points), -1),
                tested.lengths,
                tested.inside,
                table["side"],
                table["flight_s"],
                tested.frames["time_s"],
            )
    return finish(tested, estimated, recipe)


def describe(fitted, recipe):
    """Give what a fitted estimator consists of: arrays {name: array}, and a description that JSON can hold; restore inverts it.

    A kernel's weights stay in double: single precision moves the forces of 4,600 training stances by 4e-4 BW.
    """
    match recipe.estimator:
        case "lstm":
            from grfkit import model

            return model.describe(fitted)
        case "kernel_ridge":
            arrays = {
                f"{kind}/{part}": array
                for kind, pair in fitted.inputs.items()
                for part, array in zip(("stance", "padding"), pair, strict=True)
            }
            duals = {f"dual/{number}": dual[..., _used(fitted.chosen, number)] for number, dual in fitted.duals.items()}
            return arrays | duals, {
                "candidates": fitted.candidates,
                "chosen": fitted.chosen.tolist(),
                "shape": fitted.shape,
            }
        case "mean_curve":
            return dict(fitted), {}
    return {}, {}


def restore(arrays, description, recipe):
    """Invert describe."""
    match recipe.estimator:
        case "lstm":
            from grfkit import model

            return model.restore(arrays, description)
        case "kernel_ridge":
            inputs = {kind: (arrays[f"{kind}/stance"], arrays[f"{kind}/padding"]) for kind in recipe.inputs}
            chosen, duals = np.array(description["chosen"]), {}
            for number in np.unique(chosen).tolist():
                kept = arrays[f"dual/{number}"]
                duals[number] = np.zeros((*kept.shape[:2], chosen.shape[1]))
                duals[number][..., _used(chosen, number)] = kept
            return Curves(inputs, duals, description["candidates"], chosen, description["shape"])
        case "mean_curve":
            return dict(arrays)
    return None


def _used(chosen, number):
    """Mark the components (C,) that a candidate was chosen for: what it weighs the others with is never asked for."""
    return (chosen == number).any(axis=0)


def finish(tested, estimated, recipe):
    """Turn mirrored legs back and balance, as the recipe says."""
    estimated = samples.unmirror(tested, estimated)
    return samples.balance(tested, estimated) if recipe.balance else estimated


def mean_curve(training, *, nodes=200):
    """Average the force of each side over normalised stance, over training stances at the study's speed: {side: (nodes, 3) BW}.

    The baseline that needs no points; pooled over sides, left and right would cancel medial-laterally: our choice.
    """
    ours, sides = (training.stances["split"] != "other_speed").to_numpy(), training.stances["side"].to_numpy()
    forces = samples.unmirror(training, training.forces)
    curves = [
        transform.time_normalise(forces[rows][training.inside[rows]], nodes) if own else None
        for rows, own in zip(samples.each(training), ours, strict=True)
    ]
    return {
        side: np.mean([curve for curve, own in zip(curves, ours & (sides == side), strict=True) if own], axis=0)
        for side in np.unique(sides[ours])
    }


def predict_mean_curve(curves, tested):
    """Stretch the mean curve of each stance's side over its stance, 0 in the padding; returns (N, 3) BW."""
    return samples.spread(tested, [curves[side] for side in tested.stances["side"]])


def left_out(everything, recipe, *, seed, network, progress=True):
    """Estimate each runner from all others, hyper-parameters chosen on those others alone; returns (N, 3) BW for all of Samples.

    `everything` are the stances of all runners. An LSTM's hyper-parameters are `network` (model.fit's), set beforehand: to search
    them anew for each runner takes hours, and to search them once would look at the runner left out.
    """
    runners = _runners(everything)
    match recipe.estimator:
        case "kernel_ridge":
            candidates, targets = (
                kernel_ridge.draw(recipe.kernel, recipe.inputs, seed=seed),
                samples.curve_targets(everything),
            )
            curves = kernel_ridge.nested(
                _alike(everything, recipe),
                targets,
                runners,
                candidates,
                at_study_speed(everything),
                averaged=recipe.kernel.averaged,
                progress=progress,
            )
            return finish(everything, samples.spread(everything, curves), recipe)
        case "lstm":
            return finish(
                everything, _left_out_network(everything, recipe, seed=seed, network=network, progress=progress), recipe
            )
        case "mean_curve":
            estimated = np.zeros_like(everything.forces)
            for runner in np.unique(runners):
                mine, others = np.flatnonzero(runners == runner), np.flatnonzero(runners != runner)
                curves = mean_curve(samples.take(everything, others))
                estimated[transform.rows_of(everything.lengths, mine)] = predict_mean_curve(
                    curves, samples.take(everything, mine)
                )
            return estimated
    return predict(None, everything, recipe)


def watched_runners(training, *, seed):
    """Draw a tenth of the training runners, one at least, whose error tells when to stop; raises ValueError for a single runner."""
    runners = np.unique(_runners(training))
    if len(runners) < 2:
        raise ValueError(
            f"To stop early (`patience`), a training runner is watched and another trained on; found {len(runners)}. "
            "Write `patience: null`."
        )
    return np.random.default_rng(seed).choice(runners, max(1, round(len(runners) / 10)), replace=False)


def at_study_speed(taken):
    """Mark the stances (S,) that are not of another speed than the study's."""
    return (taken.stances["split"] != "other_speed").to_numpy()


def _alike(taken, recipe):
    return kernel_ridge.Alike(samples.curve_inputs(taken, recipe.inputs), shape=recipe.kernel.shape)


def _columns(taken, recipe):
    return samples.frame_inputs(taken, recipe.inputs)


def of_network(taken, recipe):
    """Give what model.fit takes: points (N, C), forces (N, 3) BW, lengths (S,)."""
    return _columns(taken, recipe), taken.forces, taken.lengths


def _runners(taken):
    return taken.stances["runner"].to_numpy()


def _runner_errors(taken, targets, estimated):
    """Root mean square error (runners, C) BW of each runner's stances at the study's speed."""
    squared, ours, runners = ((estimated - targets) ** 2).mean(axis=1), at_study_speed(taken), _runners(taken)
    return np.stack([np.sqrt(squared[ours & (runners == runner)].mean(axis=0)) for runner in np.unique(runners[ours])])


def _search_network(training, recipe, *, folder, seed, storage, folds, trials, frames_per_step, epochs, ranges):
    from grfkit.estimators import search as optuna_search

    held = of_network(training, recipe)
    parts = optuna_search.folds(
        len(training), folds, seed=seed, groups=_runners(training) if recipe.folds == "runners" else None
    )
    settings = {"seed": seed, "frames_per_step": frames_per_step, "epochs": epochs, "ranges": ranges}
    key = optuna_search.fingerprint(*held, *(validation for _, validation in parts), **settings)
    if storage:
        from grfkit.estimators import shared_search

        name = f"{Path(folder).resolve().parents[1].name.removesuffix(f'-{recipe.name}')}-{recipe.name}-{key}"
        found = shared_search.run(*held, url=storage, name=name, trials=trials, parts=parts, **settings)
        table = optuna_search.table(found).assign(
            shared_search=name
        )  # so that the table says that it cannot be made again
    else:
        found = optuna_search.run(
            *held, storage=optuna_search.journal(folder, key), trials=trials, parts=parts, **settings
        )
        table = optuna_search.table(found)
    return table, optuna_search.best(found) | {"frames_per_step": frames_per_step}


def _left_out_network(everything, recipe, *, seed, network, progress):
    """Fit an LSTM for each runner left out, as many at a time as there are processors."""
    from grfkit import model
    from grfkit.estimators import search

    runners, estimated = _runners(everything), np.zeros_like(everything.forces)
    with search.workers(len(np.unique(runners)), network["epochs"], *of_network(everything, recipe)) as pool:
        waiting = {
            pool.submit(
                model.fold_estimates,
                np.flatnonzero(runners != runner),
                np.flatnonzero(runners == runner),
                seed=seed,
                **network,
            ): np.flatnonzero(runners == runner)
            for runner in np.unique(runners)
        }
        for future in tqdm(
            as_completed(waiting), total=len(waiting), desc="leaving out", unit="runner", disable=not progress
        ):
            estimated[transform.rows_of(everything.lengths, waiting[future])] = future.result()
    return estimated
