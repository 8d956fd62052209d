"""A search that any number of workers share through a database: Optuna's own engine, the folds of a trial as in grfkit.estimators.search.

A budget of N trials is N slots, the first N trials that anyone asked for. A trial that failed (its worker was killed, interrupted or cut
off) is tried again in its slot, with the same hyper-parameters, by whoever is there; what was started beyond that is given back. So each
slot is finished once, whoever comes and goes. What a worker tries next depends on what others have finished by then: such a search
is not reproducible.
"""

import contextlib
import multiprocessing
import time
import warnings

import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError
from tqdm import tqdm

from grfkit.estimators import database, search

WAIT_S = 2  # before looking again for what others have finished: our choice
AGAIN = "again"  # attribute of a trial that is tried again: the number it had first


class GivenBack(Exception):
    """Others had the last slot, or this one, a moment before."""


def run(points, forces, lengths, *, url, name, seed, trials, parts, frames_per_step, epochs, ranges):
    """Search with others until `trials` trials are finished by all together; returns them, the same to every worker.

    `url` is the database's, `name` the search's in it; all else as for search.run. Samplers are seeded by the system: workers
    must differ (our choice). Raises ValueError where the database cannot be used; what is finished stays.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # heartbeats are, to Optuna
        storage = database.connect(url)
        settings = {"frames_per_step": frames_per_step, "epochs": epochs, "seed": seed}
        try:
            study = _join(storage, name, trials)
            with (
                tqdm(total=trials * len(parts), desc="searching", unit="fit") as bar,
                search.workers(len(parts), epochs, points, forces, lengths) as pool,
            ):

                def judge(trial):
                    return search.validate(trial, pool, parts, bar, **settings, **trial.params)

                try:
                    found, ran = _work(study, storage, judge, bar, trials=trials, n_folds=len(parts), ranges=ranges)
                except KeyboardInterrupt:  # no fit of this trial is needed any more
                    for child in multiprocessing.active_children():
                        child.terminate()
                    raise
        except (optuna.exceptions.StorageInternalError, SQLAlchemyError, UnboundLocalError) as error:
            if isinstance(error, UnboundLocalError):  # how Optuna 5.0 fails where it cannot note what became of a trial
                error = error.__context__
            raise ValueError(database.explain(url, error)) from None
    print(f"{name}: {sum(trial.number in ran for trial in found)} of {trials} trials were run here", flush=True)
    return found


def _join(storage, name, trials):
    """Open the search or begin it, and say which one it is: with other data, settings or code it would be another."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # a trial that is given back is no warning
    study = optuna.create_study(
        study_name=name,
        storage=storage,
        load_if_exists=True,
        pruner=search.pruner(),
        sampler=optuna.samplers.TPESampler(n_startup_trials=search.PRUNED_AFTER),
    )
    print(
        f"Joined the search {name}: {len(_finished(_slots(study, trials)))} of {trials} trials are finished. It is shared, and so not "
        "reproducible: what is tried depends on which worker is done first.",
        flush=True,
    )
    alike = name.rpartition("-")[0]
    others = [
        other for other in optuna.get_all_study_names(storage) if other != name and other.rpartition("-")[0] == alike
    ]
    if others:
        print(f"The database also holds, of other data, settings or code: {', '.join(others)}", flush=True)
    return study


def _work(study, storage, judge, bar, *, trials, n_folds, ranges):
    """Run trials until all slots are finished; returns (the finished trials, the numbers of those that were run here)."""
    ran, silent = set(), {}

    def objective(trial):
        storage.record_heartbeat(
            trial._trial_id
        )  # now, and not a moment later by its thread: without one, a killed trial
        trial.set_user_attr("errors", [])  # would never be found
        if not _wanted(_slots(study, trials), trial.number):
            trial.set_user_attr("given_back", True)
            raise GivenBack
        search.suggest(trial, ranges)
        ran.add(trial.number)
        errors, state = judge(trial)
        if state == TrialState.PRUNED:
            raise optuna.TrialPruned
        return float(np.mean(errors))

    while True:
        silent = _fail_dead(study, silent)
        slots = _slots(study, trials)
        found = _finished(slots)
        bar.n = len(found) * n_folds
        bar.refresh()
        if len(found) == trials:
            return found, ran
        failed = {
            number: attempts
            for number, attempts in slots.items()
            if all(trial.state == TrialState.FAIL for trial in attempts)
        }
        for number, attempts in failed.items():
            study.enqueue_trial(max((trial.params for trial in attempts), key=len), user_attrs={AGAIN: number})
        if (
            failed
            or len(slots) < trials
            or any(trial.state == TrialState.WAITING for attempts in slots.values() for trial in attempts)
        ):
            _try(study, objective)
        else:
            time.sleep(WAIT_S)


def _slots(study, trials):
    """Sort the trials into at most `trials` slots: {number of the trial that was asked for first: all attempts at it}."""
    slots = {}
    for trial in study.get_trials(deepcopy=False):  # by number
        slots.setdefault(trial.user_attrs.get(AGAIN, trial.number), []).append(trial)
    return dict(list(slots.items())[:trials])


def _finished(slots):
    return [trial for attempts in slots.values() for trial in attempts if trial.state in search.FINISHED]


def _wanted(slots, number):
    """Decide whether a trial that begins has a slot, is the first there that did not fail, and was given all that was drawn before."""
    for attempts in slots.values():
        first = next((trial for trial in attempts if trial.state != TrialState.FAIL), None)
        if first is not None and first.number == number:
            return len(first.system_attrs.get("fixed_params", {})) == max(len(trial.params) for trial in attempts)
    return False


def _fail_dead(study, silent):
    """Fail the trials whose worker is gone; `silent` and what is returned: {number: since when a trial was seen that has not begun}.

    A trial without any heartbeat was killed before it began; Optuna leaves it running for ever.
    """
    optuna.storages.fail_stale_trials(study)
    begun = [
        trial
        for trial in study.get_trials(deepcopy=False, states=[TrialState.RUNNING])
        if "errors" not in trial.user_attrs
    ]
    since = {trial.number: silent.get(trial.number, time.monotonic()) for trial in begun}
    for number, first in since.items():
        if time.monotonic() - first > database.GRACE_S:
            with contextlib.suppress(ValueError, UpdateFinishedTrialError):  # another worker was quicker
                study.tell(number, state=TrialState.FAIL)
    return since


def _try(study, objective):
    """Ask for a trial and run it; one that others took for dead meanwhile is theirs now."""
    raised = []

    def noting(trial):
        try:
            return objective(trial)
        except (GivenBack, optuna.TrialPruned, UpdateFinishedTrialError):
            raise
        except Exception as error:
            raised.append(error)
            raise

    try:
        study.optimize(noting, n_trials=1, catch=(GivenBack,))
    except Exception as error:
        if raised:
            raise raised[0]
        if not isinstance(
            error, (ValueError, UpdateFinishedTrialError)
        ):  # Optuna's, where the trial has failed already
            raise
