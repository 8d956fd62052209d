"""The search of hyper-parameters: five random folds of the training stances, Optuna (paper section 1.4.3).

The ranges are ours: the paper gives them in a figure. Random folds are the paper's: the same runner is on both sides of
a fold, so that the validation error is lower than the error on runners never seen.
"""

import hashlib
import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import TrialState
from sklearn.model_selection import GroupKFold, KFold
from tqdm import tqdm

from grfkit import model
from grfkit.study.provenance import hash_code

HYPER_PARAMETERS = ["layers", "units", "dropout", "learning_rate", "batch_size"]
PRUNED_AFTER = 4  # trials that are never pruned, so that there is something to compare with: our choice
SMALL = 100_000  # frames times epochs of a fit that takes a second or so: our choice
KEPT_PCT = 33.0  # a later trial goes on while it is in the best third so far: our choice
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


def folds(n, k, *, seed, groups=None):
    """Divide n training stances into k random folds, of whole `groups` (S,) where given; returns a list of (training, validation) indices."""
    kind = KFold if groups is None else GroupKFold
    return list(kind(k, shuffle=True, random_state=seed).split(np.arange(n), groups=groups))


def journal(folder, key):
    """Open the storage in which a search of these inputs is kept, so that an interrupted one resumes."""
    path = Path(folder) / f"search-{key}.journal"
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file():  # a line that a kill or a full disk tore would make the file unreadable for ever
        written = path.read_bytes()
        whole = written[: written.rfind(b"\n") + 1]
        if whole != written:
            path.write_bytes(whole)
    return optuna.storages.JournalStorage(JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path))))


def fingerprint(*arrays, **settings):
    """Hash inputs, settings and the code that trains, so that a search resumes only where all of them are the same."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(hash_code("model.py", "transform.py", "estimators/search.py", "estimators/shared_search.py").encode())
    return digest.hexdigest()[:12]


def run(points, forces, lengths, *, storage, seed, trials, parts, frames_per_step, epochs, ranges):
    """Search until `trials` trials are finished; returns the first so many finished ones (optuna.trial.FrozenTrial).

    `points` (N, C), `forces` (N, 3), `lengths` (S,) hold training stances alone, `parts` their folds; `ranges` gives for each of
    HYPER_PARAMETERS [low, high], or the choices of batch_size. The error of a trial is the mean over folds of the root mean
    squared error of the scaled forces. Each trial has a sampler seeded by the number of finished ones, so that an
    interrupted search ends as an undisturbed one; a trial that was left running is failed and run again. Trials run one
    after the other, the folds of a trial side by side, in as many processes as there are processors; the result does not depend
    on their number.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(study_name="search", storage=storage, load_if_exists=True, pruner=pruner())
    for left in study.get_trials(states=[TrialState.RUNNING]):
        study.tell(left.number, state=TrialState.FAIL)
    n_folds = len(parts)
    settings = {"frames_per_step": frames_per_step, "epochs": epochs, "seed": seed}
    finished = len(_finished(study))
    with (
        tqdm(total=trials * n_folds, initial=min(finished, trials) * n_folds, desc="searching", unit="fit") as bar,
        workers(n_folds, epochs, points, forces, lengths) as pool,
    ):
        while finished < trials:
            study.sampler = optuna.samplers.TPESampler(seed=seed + finished, n_startup_trials=PRUNED_AFTER)
            trial = study.ask()
            suggest(trial, ranges)
            errors, state = validate(trial, pool, parts, bar, **settings, **trial.params)
            study.tell(trial, float(np.mean(errors)) if state == TrialState.COMPLETE else None, state=state)
            bar.update(n_folds - len(errors))
            finished += 1
    return _finished(study)[:trials]


def table(trials):
    """List a search: a row for each trial and fold, with its hyper-parameters and its validation error."""
    rows = [
        {"trial": number, "fold": fold, "state": trial.state.name.lower(), **trial.params, "error": error}
        for number, trial in enumerate(trials)
        for fold, error in enumerate(trial.user_attrs["errors"])
    ]
    return pd.DataFrame(rows)


def best(trials):
    """Give the hyper-parameters of the trial with the least validation error, in plain Python types."""
    winner = min((trial for trial in trials if trial.state == TrialState.COMPLETE), key=lambda trial: trial.value)
    return {name: winner.params[name] for name in HYPER_PARAMETERS}


def pruner():
    """Make the pruner: after the first PRUNED_AFTER trials, one goes on only while it is among the best KEPT_PCT % so far."""
    return optuna.pruners.PercentilePruner(KEPT_PCT, n_startup_trials=PRUNED_AFTER)


def suggest(trial, ranges):
    """Draw the hyper-parameters of a trial, into its `params`."""
    trial.suggest_int("layers", *ranges["layers"])
    trial.suggest_int("units", *ranges["units"], log=True)
    trial.suggest_float("dropout", *ranges["dropout"])
    trial.suggest_float("learning_rate", *ranges["learning_rate"], log=True)
    trial.suggest_categorical("batch_size", ranges["batch_size"])


def validate(trial, pool, parts, bar, **settings):
    """Fit and validate all folds; returns the errors up to where the trial was pruned, and the trial's state."""
    errors, waiting = [], [pool.submit(model.fold_error, *part, **settings) for part in parts]
    for fold, future in enumerate(waiting):
        errors.append(future.result())
        bar.update()
        trial.set_user_attr("errors", errors)
        trial.report(float(np.mean(errors)), fold)
        if fold + 1 < len(parts) and trial.should_prune():
            for later in waiting:
                later.cancel()
            return errors, TrialState.PRUNED
    return errors, TrialState.COMPLETE


def _finished(study):
    return study.get_trials(states=FINISHED)


def workers(most, epochs, *training):
    """Start what fits the folds, holding the training stances: processes (a fresh interpreter each, as everywhere on Windows), or
    a thread where they would take longer to start than to work."""
    if epochs * len(training[0]) < SMALL:
        return ThreadPoolExecutor(1, initializer=model.hold, initargs=training)
    return ProcessPoolExecutor(
        min(most, model.at_once()),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=model.hold,
        initargs=training,
    )
