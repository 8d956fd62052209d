"""The LSTM of the core (grfkit.model) as an estimator. The only module of this room that loads torch.

In: Samples. Out: forces in body weights.
"""

from concurrent.futures import as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from grfkit import model
from grfkit.estimators import search
from grfkit.estimators.registry import Estimator
from grfkit.estimators.samples import finish, frame_inputs, take


@dataclass(frozen=True)
class Lstm(Estimator):
    """A fitted network (model.Fitted), with the recipe that says what it is given."""

    fitted: model.Fitted
    recipe: object

    @classmethod
    def search(cls, training, recipe, *, folder, seed, storage=None, folds, **settings):
        """Search by Optuna on folds of the training Samples; returns (table as search.csv, best as best.yaml).

        `settings` are those of search.Task. It is kept in `folder`, or shared with others in the database at the URL
        `storage`.
        """
        groups = training.runners if recipe.folds == "runners" else None
        parts = search.folds(len(training), folds, seed=seed, groups=groups)
        task = search.Task(arrays(training, recipe), parts, seed=seed, **settings)
        if storage:
            from grfkit.estimators import shared_search

            study = Path(folder).resolve().parents[1].name.removesuffix(f"-{recipe.name}")
            name = f"{study}-{recipe.name}-{task.fingerprint()}"
            found = shared_search.run(task, url=storage, name=name)
            table = search.table(found).assign(shared_search=name)  # it says that it cannot be made again
        else:
            found = search.run(task, storage=search.open_journal(folder, task.fingerprint()))
            table = search.table(found)
        return table, search.best(found) | {"frames_per_step": task.frames_per_step}

    @classmethod
    def fit(cls, training, recipe, best, *, seed, epochs, patience=None):
        """Fit to training Samples for a fixed number of epochs.

        With `patience`, a tenth of the training runners are not fitted to but watched, and the training stops after so
        many epochs without a smaller error on them.
        """
        watched = None
        if patience:
            aside = np.isin(training.runners, watched_runners(training, seed=seed))
            watched = arrays(take(training, np.flatnonzero(aside)), recipe)
            training = take(training, np.flatnonzero(~aside))
        settings = {"seed": seed, "epochs": epochs, "watched": watched, "patience": patience, "progress": True}
        return cls(model.fit(*arrays(training, recipe), **settings, **best), recipe)

    def predict(self, samples):
        """Estimate the forces (N, 3) BW of Samples."""
        estimated = model.predict(self.fitted, frame_inputs(samples, self.recipe.inputs), samples.lengths)
        return finish(samples, estimated, self.recipe)

    def describe(self):
        """Give the weights {name: array}, and settings and scalers as a description that JSON can hold."""
        return model.describe(self.fitted)

    @classmethod
    def restore(cls, weights, description, recipe):
        """Invert describe."""
        return cls(model.restore(weights, description), recipe)

    @classmethod
    def leave_out(cls, samples, recipe, parts, *, seed, network, progress=True):
        """Fit a network for each of `parts`, as many at a time as there are processors; as Estimator.leave_out.

        Nothing is searched: the hyper-parameters `network` (model.fit's) are set beforehand.
        """
        with search.start_workers(len(parts), network["epochs"], *arrays(samples, recipe)) as pool:
            waiting = [pool.submit(model.fold_estimates, *part, seed=seed, **network) for part in parts]
            bar = tqdm(as_completed(waiting), total=len(parts), desc="leaving out", unit="fit", disable=not progress)
            for future in bar:
                future.result()  # the first that fails ends it
        return [
            finish(take(samples, validation), future.result(), recipe)
            for (_, validation), future in zip(parts, waiting, strict=True)
        ]


def arrays(samples, recipe):
    """Give what model.fit takes of Samples: points (N, C), forces (N, 3) BW, lengths (S,)."""
    return frame_inputs(samples, recipe.inputs), samples.forces, samples.lengths


def watched_runners(training, *, seed):
    """Draw a tenth of the training runners, one at least, whose error tells when to stop.

    Raises ValueError for a single runner.
    """
    runners = np.unique(training.runners)
    if len(runners) < 2:
        raise ValueError(
            f"To stop early (`patience`), a training runner is watched and another trained on; found {len(runners)}. "
            "Write `patience: null`."
        )
    return np.random.default_rng(seed).choice(runners, max(1, round(len(runners) / 10)), replace=False)
