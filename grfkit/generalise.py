"""How much depends on who was tested: the whole recipe again for several disjoint sets of test runners."""

import numpy as np
import pandas as pd

from grfkit import metrics, model, search, transform


def draw_test_sets(runners, *, test_sets, runners_per_set, seed):
    """Draw disjoint sets of test runners; returns a list of sorted lists. Raises ValueError for too few runners."""
    runners = sorted(set(runners))
    if test_sets * runners_per_set >= len(runners):
        raise ValueError(f"Disjoint test sets must leave runners to train on; {test_sets} x {runners_per_set} of "
                         f"{len(runners)} runners do not. Lower test_sets or runners_per_set.")
    drawn = np.random.default_rng(seed).choice(runners, (test_sets, runners_per_set), replace=False)
    return [sorted(map(str, row)) for row in drawn]


def evaluate(stances, frames, test_runners, *, folder, seed, trials, folds, frames_per_step, epochs, train_epochs, **ranges):
    """Search, train and test with these test runners held out wholly; returns their scores as metrics.by_stance.

    All stances of all other runners are trained on. The search is kept in `folder`, so that it resumes.
    """
    tested = stances["runner"].isin(test_runners)
    training, tested = stances[~tested], stances[tested]
    points, forces, lengths, rows = transform.arrays(frames, training)
    settings = {"seed": seed, "n_folds": folds, "frames_per_step": frames_per_step, "epochs": epochs, "ranges": ranges}
    storage = search.journal(folder, search.fingerprint(points, forces, lengths, **settings))
    best = search.best(search.run(points, forces, lengths, storage=storage, trials=trials, **settings))
    lstm = model.fit(points, forces, lengths, seed=seed, epochs=train_epochs, frames_per_step=frames_per_step, progress=True, **best)
    curve = model.mean_curve(forces, lengths, metrics.in_stance(rows, training), training["side"])
    test_points, _, test_lengths, test_rows = transform.arrays(frames, tested)
    inside = metrics.in_stance(test_rows, tested)
    estimates = {"lstm": model.predict(lstm, test_points, test_lengths),
                 "mean_curve": model.predict_mean_curve(curve, test_lengths, inside, tested["side"])}
    predictions = metrics.predictions(test_rows, estimates)
    return metrics.by_stance(predictions[metrics.in_stance(predictions, tested)])


def evaluate_all(stances, frames, sets, **settings):
    """Evaluate each set of test runners; returns all scores with the columns `set` (from 1) and `runners`."""
    scores = [evaluate(stances, frames, runners, **settings).assign(set=number, runners=" ".join(runners))
              for number, runners in enumerate(sets, start=1)]
    return pd.concat(scores, ignore_index=True)


def summary(scores):
    """Average r, RMSE (BW) and nRMSE (%) over the stances of each set, estimator and direction."""
    groups = scores.groupby(["set", "runners", "estimator", "direction"], sort=False)
    return groups[metrics.MEASURES].mean().join(groups.size().rename("n")).reset_index()


def wins(table, *, of, over):
    """Count for each direction in how many sets estimator `of` has a lower RMSE than estimator `over`."""
    wide = table.pivot(index=["set", "direction"], columns="estimator", values="rmse_bw")
    lower = (wide[of] < wide[over]).groupby("direction", sort=False)
    return pd.DataFrame({"lower RMSE": lower.sum(), "of sets": lower.size()})
