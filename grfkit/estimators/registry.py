"""What every estimator can do, and which class belongs to a recipe.

In: a recipes.Recipe and Samples that were prepared for it. Out: a fitted estimator, which estimates the forces of
other Samples.
"""

import numpy as np
import pandas as pd
from tqdm import tqdm

from grfkit import transform
from grfkit.estimators.samples import take

LEARNING = ["epoch", "training_rmse", "watched_rmse"]  # columns of learning.csv; errors as shares of the forces' range
COMPARED = ["epoch", "whitened", "plain", "mean_curve"]  # columns of whitening.csv; errors likewise


class Estimator:
    """What every fitted estimator can do.

    Each class adds `fit(training, recipe, best)`, which fits it to training Samples with the hyper-parameters `best`
    that `search` chose, and `predict(samples)`, which estimates the forces (N, 3) BW of Samples: each leg on its own
    side, and balanced where the recipe balances.
    """

    @classmethod
    def search(cls, training, recipe, *, folder, seed, storage=None, **settings):
        """Choose hyper-parameters on training Samples alone; returns (table as search.csv, best as best.yaml).

        Only an LSTM uses `folder`, `storage` and `settings`. Here there is nothing to choose.
        """
        return pd.DataFrame(columns=["trial", "fold", "state", "error"]), {}

    @classmethod
    def compare_whitening(cls, training, recipe, best, *, seed, epochs):
        """Train with and without the layer before an LSTM; returns whitening.csv. Here there is no such layer."""
        return pd.DataFrame(columns=COMPARED)

    def learning(self):
        """Give the learning curves as learning.csv. Here nothing is trained in epochs."""
        return pd.DataFrame(columns=LEARNING)

    def describe(self):
        """Give what was fitted: arrays {name: array}, and a description that JSON can hold. Here nothing is fitted."""
        return {}, {}

    @classmethod
    def restore(cls, arrays, description, recipe):
        """Invert describe."""
        return cls.fit(None, recipe, {})

    @classmethod
    def leave_out(cls, samples, recipe, parts, *, seed, network, progress=True):
        """Fit to some stances of Samples and estimate others, for each of `parts`: (training, validation) indices.

        Returns a list with the forces (N, 3) BW of each part's validation stances, finished as the recipe says.
        All choices are made on the training stances alone; `network` are an LSTM's hyper-parameters (model.fit's), set
        beforehand.
        """
        estimates = []
        for training, validation in tqdm(parts, desc="leaving out", unit="fit", disable=not progress):
            seen = take(samples, training)
            _, best = cls.search(seen, recipe, folder=None, seed=seed, progress=False)
            estimates.append(cls.fit(seen, recipe, best).predict(take(samples, validation)))
        return estimates

    @classmethod
    def leave_runners_out(cls, samples, recipe, *, seed, network, progress=True):
        """Estimate each runner of Samples from all others, with all choices made on those alone; returns (N, 3) BW.

        `network` are an LSTM's hyper-parameters (model.fit's), set beforehand. They are not searched: a search for each
        runner takes hours, and one search for all would use the runner who is left out.
        """
        runners, estimated = samples.runners, np.zeros_like(samples.forces)
        parts = [
            (np.flatnonzero(runners != runner), np.flatnonzero(runners == runner)) for runner in np.unique(runners)
        ]
        estimates = cls.leave_out(samples, recipe, parts, seed=seed, network=network, progress=progress)
        for (_, mine), forces in zip(parts, estimates, strict=True):
            estimated[transform.rows_of(samples.lengths, mine)] = forces
        return estimated


def class_of(recipe):
    """Give the class of a recipe's estimator; only the LSTM's loads torch."""
    match recipe.estimator:
        case "lstm":
            from grfkit.estimators.lstm import Lstm

            return Lstm
        case "kernel_ridge":
            from grfkit.estimators.kernel_ridge import KernelRidge

            return KernelRidge
        case "mean_curve":
            from grfkit.estimators.mean_curve import MeanCurve

            return MeanCurve
    from grfkit.estimators.closed_form import ClosedForm

    return ClosedForm
