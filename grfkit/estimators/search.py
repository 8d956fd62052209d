"""The search for an LSTM's hyper-parameters: Optuna, on folds of the training stances (paper section 1.4.3).

In: a Task, which holds training stances, their folds and ranges. Out: the finished trials. The ranges are ours: the
paper gives them in a figure. Random folds are the paper's: they put the same runner on both sides, so that the
validation error is lower than the error on new runners. Kernel ridge regression searches in KernelRidge.search.

Successive halving (Hyperband, Li et al. 2018) spends the fits on promising trials. A trial fits FIRST_FOLDS folds side
by side. Only the best one in KEPT_OF goes on to KEPT_OF times as many folds, and so on to all folds. Bad
hyper-parameters show on two folds already, and need not cost five.
"""

import hashlib
import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import TrialState
from sklearn.model_selection import GroupKFold, KFold
from tqdm import tqdm

from grfkit.study.provenance import hash_code

HYPER_PARAMETERS = ["layers", "units", "dropout", "learning_rate", "batch_size"]
WHITENING = ["window", "shrinkage"]  # of recipes that whiten
RANDOM_TRIALS = 4  # drawn at random before the sampler learns from them: our choice
FIRST_FOLDS = 2  # that every trial fits: as many as the processors of a small machine; one fold is mostly luck
KEPT_OF = 3  # one in KEPT_OF goes on, to KEPT_OF times the folds: the default of Optuna and of Hyperband
SMALL = 100_000  # frames times epochs of a fit that takes a second or so: our choice
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
CODE = (
    "model.py",
    "transform.py",
    "estimators/lstm.py",
    "estimators/search.py",
    "estimators/shared_search.py",
)  # what a search depends on


@dataclass(frozen=True)
class Task:
    """What is searched, how far and how.

    `training` are points (N, C), forces (N, 3) BW and lengths (S,) of training stances alone, `parts` their folds as
    `folds` gives them. `ranges` gives for each of HYPER_PARAMETERS [low, high], or the choices of batch_size, and for
    each of WHITENING if the recipe whitens. Each fit takes `epochs`, with `frames_per_step` frames in an LSTM step.
    `trials` are to be finished. `fixed` are more settings of model.fit, the same in all trials.
    """

    training: tuple
    parts: list
    seed: int
    trials: int
    frames_per_step: int
    epochs: int
    ranges: dict
    fixed: dict = field(default_factory=dict)

    def fingerprint(self):
        """Hash inputs, settings and the code that trains: a search resumes only where all of them are the same."""
        names = ("seed", "frames_per_step", "epochs", "ranges", "fixed")
        settings = json.dumps({name: getattr(self, name) for name in names}, sort_keys=True)
        digest = hashlib.sha256(settings.encode())
        for array in (*self.training, *(validation for _, validation in self.parts)):
            digest.update(np.ascontiguousarray(array).tobytes())
        digest.update(hash_code(*CODE).encode())
        return digest.hexdigest()[:12]

    def create_study(self, name, storage=None, **settings):
        """Begin the Optuna study of this name, or open it where it has begun; its pruner counts folds.

        Where there are folds for several brackets of Hyperband, a trial's follows from this name and its number.
        """
        pruner = optuna.pruners.HyperbandPruner(self.rungs()[0], len(self.parts), KEPT_OF)
        return optuna.create_study(study_name=name, storage=storage, load_if_exists=True, pruner=pruner, **settings)

    def rungs(self):
        """List after how many folds a trial may be pruned, and last all of them."""
        rungs = [min(FIRST_FOLDS, max(1, len(self.parts) - 1))]
        while rungs[-1] * KEPT_OF < len(self.parts):
            rungs.append(rungs[-1] * KEPT_OF)
        return [*rungs, len(self.parts)]

    @contextmanager
    def start(self):
        """Start workers that fit the folds, and a bar that counts the fits; gives (pool, bar)."""
        with (
            tqdm(total=self.trials * len(self.parts), desc="searching", unit="fit") as bar,
            start_workers(len(self.parts), self.epochs, *self.training) as pool,
        ):
            yield pool, bar

    def draw(self, trial):
        """Draw the hyper-parameters of a trial, into its `params`."""
        trial.suggest_int("layers", *self.ranges["layers"])
        trial.suggest_int("units", *self.ranges["units"], log=True)
        trial.suggest_float("dropout", *self.ranges["dropout"])
        trial.suggest_float("learning_rate", *self.ranges["learning_rate"], log=True)
        trial.suggest_categorical("batch_size", self.ranges["batch_size"])
        if "window" in self.ranges:
            trial.suggest_int("window", *self.ranges["window"], step=2)
            trial.suggest_float("shrinkage", *self.ranges["shrinkage"], log=True)

    def validate(self, trial, pool, bar):
        """Fit and validate the folds of one rung after the other; returns the mean error, and the trial's state.

        It may be pruned after any rung. The error is the mean over folds of the root mean squared error of the scaled
        forces.
        """
        from grfkit.estimators import lstm

        settings = {"frames_per_step": self.frames_per_step, "epochs": self.epochs, "seed": self.seed}
        settings |= self.fixed | trial.params
        errors = []
        for rung in self.rungs():
            waiting = [pool.submit(lstm.fold_error, *part, **settings) for part in self.parts[len(errors) : rung]]
            for future in waiting:
                error = future.result()
                errors.append(error if np.isfinite(error) else float("inf"))  # Optuna takes no NaN
                bar.update()
                trial.set_user_attr("errors", errors)
            trial.report(float(np.mean(errors)), rung)
            if rung < len(self.parts) and trial.should_prune():
                return float(np.mean(errors)), TrialState.PRUNED
        return float(np.mean(errors)), TrialState.COMPLETE


def folds(n, k, *, seed, groups=None):
    """Divide n training stances into k random folds, of whole `groups` (S,) where given.

    Returns a list of (training, validation) indices. Raises ValueError for more folds than stances or groups.
    """
    what, most = ("stances", n) if groups is None else ("runners", len(np.unique(groups)))
    if most < k:
        raise ValueError(
            f"A search has at most as many folds as training {what}; there {'is' if most == 1 else 'are'} {most} "
            f"for {k} folds. If 01 left runners out, its page says why: correct that first. Otherwise "
            f"{'lower `folds` in the study file, or ' * (most > 1)}train on more runners. A recipe with `folds: "
            "stances` (RECIPE=plain) works with one runner."
        )
    kind = KFold if groups is None else GroupKFold
    return list(kind(k, shuffle=True, random_state=seed).split(np.arange(n), groups=groups))


def open_journal(folder, key):
    """Open the storage in which a search of these inputs is kept, so that an interrupted one resumes."""
    path = Path(folder) / f"search-{key}.journal"
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file():  # a last line cut short by a kill or a full disk would make the file unreadable
        written = path.read_bytes()
        whole = written[: written.rfind(b"\n") + 1]
        if whole != written:
            path.write_bytes(whole)
    return optuna.storages.JournalStorage(JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path))))


def run(task, *, storage):
    """Search until the task's trials are finished; returns that many finished ones (optuna.trial.FrozenTrial).

    The study is kept in memory, and `storage` gets the finished trials in order. An interrupted trial leaves nothing
    behind, neither a number nor an error that a later one is compared with. Each trial has a sampler seeded by its
    number. So an interrupted search ends like an undisturbed one. Trials run one after the other, the folds of a rung
    side by side, in as many processes as there are processors; the result does not depend on their number.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    kept = task.create_study("search", storage)
    study = task.create_study("search")
    study.add_trials(kept.get_trials(states=FINISHED))
    with task.start() as (pool, bar):
        while len(study.trials) < task.trials:
            bar.update(len(study.trials) * len(task.parts) - bar.n)  # of a pruned trial, not all folds were fitted
            study.sampler = optuna.samplers.TPESampler(
                seed=task.seed + len(study.trials), n_startup_trials=RANDOM_TRIALS
            )
            trial = study.ask()
            task.draw(trial)
            error, state = task.validate(trial, pool, bar)
            kept.add_trial(study.tell(trial, error if state == TrialState.COMPLETE else None, state=state))
        bar.update(task.trials * len(task.parts) - bar.n)
    return study.trials[: task.trials]


def table(trials):
    """List a search: a row for each trial and fold, with its hyper-parameters and its validation error."""
    rows = [
        {"trial": number, "fold": fold, "state": trial.state.name.lower(), **trial.params, "error": error}
        for number, trial in enumerate(trials)
        for fold, error in enumerate(trial.user_attrs["errors"])
    ]
    return pd.DataFrame(rows)


def best(trials):
    """Give the hyper-parameters of the trial with the least validation error over most folds, in plain Python types.

    Raises ValueError if no trial has a finite error.
    """
    winner = min(trials, key=lambda trial: (-len(trial.user_attrs["errors"]), np.mean(trial.user_attrs["errors"])))
    if not np.isfinite(winner.user_attrs["errors"]).all():
        raise ValueError(
            f"A search needs hyper-parameters with a finite error; found none in {len(trials)} trials, because the "
            "training diverged. Lower `learning_rate` in the study file, or check the points."
        )
    return {name: winner.params[name] for name in [*HYPER_PARAMETERS, *WHITENING] if name in winner.params}


def start_workers(most, epochs, *training):
    """Start workers that fit folds, `most` or fewer, each holding the training stances: points, forces and lengths.

    They are processes (a fresh interpreter each, as everywhere on Windows), or one thread where processes would take
    longer to start than to work.
    """
    from grfkit import model
    from grfkit.estimators import lstm

    if epochs * len(training[0]) < SMALL:
        return ThreadPoolExecutor(1, initializer=lstm.hold, initargs=training)
    return ProcessPoolExecutor(
        min(most, model.at_once()),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=lstm.hold,
        initargs=training,
    )
