"""The LSTM of the core (grfkit.model) as an estimator. The only module of this room that loads torch.

In: Samples. Out: forces in body weights.
"""

import multiprocessing
import os
import threading
from concurrent.futures import as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from grfkit import model, transform
from grfkit.estimators import search
from grfkit.estimators.mean_curve import MeanCurve
from grfkit.estimators.registry import COMPARED, LEARNING, Estimator
from grfkit.estimators.samples import finish, frame_inputs, take, unmirror
from grfkit.points import InputError


@dataclass(frozen=True)
class Lstm(Estimator):
    """Fitted networks (model.Fitted) of different seeds, whose estimates are averaged, and the recipe."""

    members: tuple
    recipe: object

    @classmethod
    def search(cls, training, recipe, *, folder, seed, storage=None, folds, **settings):
        """Search by Optuna on folds of the training Samples; returns (table as search.csv, best as best.yaml).

        `settings` are those of search.Task; where the recipe whitens, its ranges are searched too. The search is kept
        in `folder`, or shared with others in the database at the URL `storage`.
        """
        groups = training.runners if recipe.folds == "runners" else None
        parts = search.folds(len(training), folds, seed=seed, groups=groups)
        if recipe.whiten:
            settings["ranges"] = settings["ranges"] | recipe.whiten.model_dump()
            _check_widest(training, recipe, parts, settings["frames_per_step"])
        task = search.Task(arrays(training, recipe), parts, seed=seed, fixed={"offset_m": recipe.offset_m}, **settings)
        if storage:
            from grfkit.estimators import shared_search

            study = Path(folder).resolve().parents[1].name.removesuffix(f"-{recipe.name}")
            name = f"{study}-{recipe.name}-{task.fingerprint()}"
            found = shared_search.run(task, url=storage, name=name)
            table = search.table(found).assign(
                shared_search=name
            )  # the sampler warns that its results are not reproducible
        else:
            found = search.run(task, storage=search.open_journal(folder, task.fingerprint()))
            table = search.table(found)
        return table, search.best(found) | {"frames_per_step": task.frames_per_step}

    @classmethod
    def fit(cls, training, recipe, best, *, seed, epochs, patience=None, seeds=1):
        """Fit to training Samples for a fixed number of epochs.

        With `seeds`, that many networks are fitted side by side, with `seed` and the numbers after it. With `patience`,
        a tenth of the training runners is watched instead of fitted to, and the training stops after that many epochs
        without a smaller error on them.
        """
        settings = {"epochs": epochs, "patience": patience, **hyper_parameters(best, recipe)}
        aside = np.zeros(len(training), bool)
        if patience:
            aside = np.isin(training.runners, watched_runners(training, seed=seed))
        parts = [np.flatnonzero(~aside), np.flatnonzero(aside)][: 2 if patience else 1]
        if seeds == 1:
            fitted_to, watched = [*(arrays(take(training, part), recipe) for part in parts), None][:2]
            return cls((model.fit(*fitted_to, watched=watched, seed=seed, progress=True, **settings),), recipe)
        with search.start_workers(seeds, epochs, *arrays(training, recipe)) as pool:
            waiting = [pool.submit(fold_fit, *parts, seed=seed + more, **settings) for more in range(seeds)]
            return cls(tuple(each.result() for each in tqdm(waiting, desc="training", unit="network")), recipe)

    @classmethod
    def compare_whitening(cls, training, recipe, best, *, seed, epochs):
        """Train with the layer Whitening and without it, all else equal; returns whitening.csv, a row for each epoch.

        `whitened` and `plain` are the RMSE of the scaled forces of a quarter of the training runners, who are not
        trained on; `mean_curve` is that of the others' mean curve. The table is empty where the recipe does not whiten,
        or the other runners have too little for the layer.
        """
        if not recipe.whiten or len(np.unique(training.runners)) < 2:
            return super().compare_whitening(training, recipe, best, seed=seed, epochs=epochs)
        aside = np.isin(training.runners, watched_runners(training, seed=seed, share=0.25))
        parts = np.flatnonzero(~aside), np.flatnonzero(aside)
        # patience this large never stops it
        settings = {"seed": seed, "epochs": epochs, "patience": epochs, **hyper_parameters(best, recipe)}
        without = settings | dict.fromkeys(search.WHITENING)
        try:
            with search.start_workers(2, epochs, *arrays(training, recipe)) as pool:
                waiting = [pool.submit(fold_fit, *parts, **each) for each in (settings, without)]
                errors = [[watched for _, watched in each.result().learning] for each in waiting]
        except InputError:  # the search's folds are larger
            return super().compare_whitening(training, recipe, best, seed=seed, epochs=epochs)
        columns = (range(1, epochs + 1), *errors, _mean_curve_error(training, *parts))
        return pd.DataFrame(dict(zip(COMPARED, columns, strict=True)))

    def learning(self):
        """Give the learning curves as learning.csv: a row for each epoch, errors as in model.Fitted.

        Of several networks it is their mean, of those that still train at an epoch.
        """
        rows = [(epoch, *errors) for member in self.members for epoch, errors in enumerate(member.learning, 1)]
        return pd.DataFrame(rows, columns=LEARNING).groupby("epoch", as_index=False).mean()

    def predict(self, samples):
        """Estimate the forces (N, 3) BW of Samples."""
        inputs = frame_inputs(samples, self.recipe.inputs)
        estimates = [model.predict(member, inputs, samples.lengths) for member in self.members]
        return finish(samples, np.mean(estimates, axis=0), self.recipe)

    def describe(self):
        """Give the weights {name: array}, and settings and scalers as a description that JSON can hold.

        Of several networks the names begin with the number of each, and the description lists theirs as `members`.
        """
        described = [model.describe(member) for member in self.members]
        if len(described) == 1:
            return described[0]
        weights = {
            f"{number}/{name}": array for number, (each, _) in enumerate(described) for name, array in each.items()
        }
        return weights, {"members": [description for _, description in described]}

    @classmethod
    def restore(cls, weights, description, recipe):
        """Invert describe."""
        if "members" not in description:
            return cls((model.restore(weights, description),), recipe)
        members = [
            model.restore(
                {name.split("/")[1]: weights[name] for name in weights if name.startswith(f"{number}/")}, each
            )
            for number, each in enumerate(description["members"])
        ]
        return cls(tuple(members), recipe)

    @classmethod
    def leave_out(cls, samples, recipe, parts, *, seed, network, progress=True):
        """Fit a network for each of `parts`, as many at a time as there are processors; as Estimator.leave_out.

        Nothing is searched: the hyper-parameters `network` (model.fit's, and `seeds` networks to average, 1 where it
        says nothing) are set beforehand. A recipe that does not whiten leaves out window and shrinkage.
        """
        network = hyper_parameters(network, recipe)
        seeds = range(seed, seed + network.pop("seeds", 1))
        with search.start_workers(len(parts) * len(seeds), network["epochs"], *arrays(samples, recipe)) as pool:
            waiting = [[pool.submit(fold_estimates, *part, seed=each, **network) for each in seeds] for part in parts]
            fits = [fit for part in waiting for fit in part]
            try:
                for fit in tqdm(
                    as_completed(fits), total=len(fits), desc="leaving out", unit="fit", disable=not progress
                ):
                    fit.result()
            except BaseException:  # the first failure ends it: waiting fits are not started
                pool.shutdown(cancel_futures=True)
                raise
        return [
            finish(take(samples, validation), np.mean([fit.result() for fit in part], axis=0), recipe)
            for (_, validation), part in zip(parts, waiting, strict=True)
        ]


def arrays(samples, recipe):
    """Give what model.fit takes of Samples: points (N, C), forces (N, 3) BW, lengths (S,)."""
    return frame_inputs(samples, recipe.inputs), samples.forces, samples.lengths


def _check_widest(training, recipe, parts, frames_per_step):
    """Refuse training Samples whose smallest fold is too small for the longest window, before hours of work."""
    points, _, lengths = arrays(training, recipe)
    fewest = min((part for part, _ in parts), key=lambda part: lengths[part].sum())
    widest = {"window": recipe.whiten.window[1], "shrinkage": recipe.whiten.shrinkage[0]}
    rows = transform.rows_of(lengths, fewest)
    transform.check_whitening(points[rows], lengths[fewest], frames_per_step=frames_per_step, **widest)


def hyper_parameters(given, recipe):
    """Take window and shrinkage out of the hyper-parameters of a recipe that does not whiten, and add its offsets.

    Raises ValueError if a recipe whitens and has none.
    """
    missing = [name for name in search.WHITENING if name not in given]
    if recipe.whiten and missing:
        raise ValueError(
            f"The recipe {recipe.name} whitens, which needs a window and a shrinkage; the hyper-parameters have no "
            f"{' and no '.join(missing)}. Run 02_search again, or use a recipe with `whiten: null`."
        )
    kept = {name: value for name, value in given.items() if recipe.whiten or name not in search.WHITENING}
    return kept | {"offset_m": recipe.offset_m}


def _mean_curve_error(training, fitted_to, watched):
    """Give the RMSE of the mean curve of some stances of Samples on others, scaled as a network that is fitted to them.

    A mirrored leg's force changes a sign of the error, and nothing of its square.
    """
    known, others = take(training, fitted_to), take(training, watched)
    error = MeanCurve.fit(known).predict(others) - unmirror(others, others.forces)
    return float(np.sqrt(np.mean((error * transform.fit_minmax(known.forces).scale_) ** 2)))


def watched_runners(training, *, seed, share=0.1):
    """Draw a share of the training runners, at least one, whose error is watched; a tenth shows when to stop.

    Raises ValueError for a single runner.
    """
    runners = np.unique(training.runners)
    if len(runners) < 2:
        raise ValueError(
            f"To stop early (`patience`), one training runner is watched and another trained on; found {len(runners)} "
            "runner. Write `patience: null` in the recipe."
        )
    return np.random.default_rng(seed).choice(runners, max(1, round(share * len(runners))), replace=False)


_held = ()  # in a process that validates folds: points, forces and lengths of all training stances


def hold(*training):
    """Keep training stances in this process, so that a fold need not send them; the process ends with its parent."""
    global _held
    _held = training
    parent = multiprocessing.parent_process()
    if parent:  # a killed parent leaves no idle worker behind
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


def fold_error(training, validation, **settings):
    """Fit to some of the stances that hold keeps (indices) and give the RMSE of the scaled forces of others."""
    forces = _held[1]
    estimated = fold_estimates(training, validation, **settings)
    scaler = transform.fit_minmax(forces[transform.rows_of(_held[2], training)])
    measured = forces[transform.rows_of(_held[2], validation)]
    return float(np.sqrt(np.mean((scaler.transform(estimated) - scaler.transform(measured)) ** 2)))


def fold_fit(training, watched=None, **settings):
    """Fit to some of the stances that hold keeps (indices), and watch others; returns a Fitted.

    Its network is on the CPU, so that it can be sent to another process.
    """
    fitted = model.fit(*_some(training), watched=None if watched is None else _some(watched), **settings)
    fitted.net.cpu()
    return fitted


def fold_estimates(training, validation, **settings):
    """Fit to some of the stances that hold keeps (indices) and estimate others; returns (N, 3) BW of their frames."""
    points, _, lengths = _held
    fitted = model.fit(*_some(training), **settings)
    return model.predict(fitted, points[transform.rows_of(lengths, validation)], lengths[validation])


def _some(stances):
    points, forces, lengths = _held
    rows = transform.rows_of(lengths, stances)
    return points[rows], forces[rows], lengths[stances]
