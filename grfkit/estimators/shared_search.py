"""A search that any number of workers share through a database, by Optuna's own engine.

In: a search.Task and the URL of a database. Out: the finished trials, the same to every worker.

A budget of N trials is N slots: the first N trials that any worker asked for. If a trial fails (its worker was killed,
interrupted or cut off), any other worker tries it again in its slot, with the same hyper-parameters. Trials beyond the
budget are given back. So each slot is finished once, even if workers come and go. What a worker tries next depends on
what others have finished by then: such a search is not reproducible.

The database's URL may hold a password, which no message shows.
"""

import contextlib
import multiprocessing
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import optuna
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.trial import TrialState
from sqlalchemy import exc, make_url

from grfkit.estimators import samples
from grfkit.estimators.search import FINISHED, HYPER_PARAMETERS, RANDOM_TRIALS, Task

WAIT_S = 2  # before looking again for what others have finished: our choice
AGAIN = "again"  # attribute of a trial that is tried again: the number it had first
HEARTBEAT_S = 10  # between two notes that a running trial is alive: our choice
GRACE_S = 60  # of silence, after which a trial is tried again: a network may fail for less; our choice
CONNECT_S = 10  # within which a server must answer: our choice
TRIES = 5  # several workers may make the tables at the same moment: all but one fail, and find them a second later
FORM = "STORAGE=postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"


class GivenBack(Exception):
    """Another worker took this slot, or the last one, a moment before."""


def check(recipe, url):
    """Refuse a recipe that searches nothing and a database that cannot be used, before anything takes time.

    Raises ValueError.
    """
    if recipe.estimator != "lstm":
        raise ValueError(
            f"A worker joins the search of an LSTM's hyper-parameters; the recipe {recipe.name} ({recipe.estimator}) "
            "has no such search. Run it on one machine, where its 02_search takes at most a minute: make reproduce "
            f"RECIPE={recipe.name}."
        )
    if not url:
        raise ValueError(
            "A worker joins a search in a database; STORAGE is not set. Set it in the environment, where others on the "
            f"machine do not see its password, or give it to make: {FORM}."
        )
    connect(url)


def join(study, recipe, *, reports, url):
    """Run trials of the search that notebook 02 of a study.file.Study makes with a Recipe, until all are finished.

    `reports` is the folder in whose `results` notebook 01 has saved the stances, `url` the database's.
    """
    from grfkit.estimators.lstm import Lstm

    results, section = Path(reports) / "results", dict(study.sections["02_search"])
    ranges = {name: section.pop(name) for name in HYPER_PARAMETERS}
    training = samples.read_training(results, recipe)
    Lstm.search(training, recipe, folder=results / "02_search", seed=study.seed, storage=url, ranges=ranges, **section)


def run(task, *, url, name):
    """Search with others until the Task's trials are finished by all together; returns them, the same to every worker.

    `url` is the database's, `name` the search's in it. Samplers are seeded by the system: workers must differ (our
    choice). Raises ValueError if the database cannot be used; what is finished stays.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # heartbeats are, to Optuna
        storage = connect(url)
        try:
            found, ran = _search(task, storage, name)
        except (optuna.exceptions.StorageInternalError, exc.SQLAlchemyError, UnboundLocalError) as error:
            if isinstance(error, UnboundLocalError):  # how Optuna 5.0 fails where it cannot note what became of a trial
                error = error.__context__
            raise ValueError(_unusable(url, error)) from None
    print(f"{name}: {sum(trial.number in ran for trial in found)} of {task.trials} trials were run here", flush=True)
    return found


def connect(url):
    """Connect to a database server, make Optuna's tables where they are missing; returns an optuna.storages.RDBStorage.

    Raises ValueError if `url` is none, names no server, or a server that cannot be used; it shows no password.
    """
    address = _parsed(url)
    for attempt in range(TRIES):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                return optuna.storages.RDBStorage(
                    address.render_as_string(hide_password=False),
                    heartbeat_interval=HEARTBEAT_S,
                    grace_period=GRACE_S,
                    engine_kwargs={"pool_pre_ping": True, "connect_args": {"connect_timeout": CONNECT_S}},
                )
        except (ImportError, exc.NoSuchModuleError):
            raise ValueError(
                f"A database needs its driver; the driver of {address.drivername} is not installed here. Install it, "
                f"or use PostgreSQL, whose driver is installed: {FORM}."
            ) from None
        except (exc.IntegrityError, exc.ProgrammingError, optuna.exceptions.StorageInternalError) as error:
            if attempt + 1 == TRIES:
                raise ValueError(_unusable(url, error)) from None
            time.sleep(1)
        except (exc.SQLAlchemyError, RuntimeError, TypeError) as error:
            raise ValueError(_unusable(url, error)) from None


def _parsed(url):
    """Read a URL; raises ValueError, which shows nothing of it, where it names no database server."""
    try:
        address = make_url(url)
        kind = address.get_backend_name()
    except (exc.ArgumentError, ValueError):  # shown as it is, it might show a password
        kind, address = None, None
    if kind is None or "@" in (address.host or ""):
        raise ValueError(
            "STORAGE is the URL of a database; found something else (not shown here, because it may hold a password). "
            f"Write {FORM}. In a password, write @ as %40, : as %3A and / as %2F."
        )
    if kind not in ("postgresql", "mysql", "mariadb"):
        why = (
            " A file allows one writer at a time, and other machines cannot see it. On one machine, leave STORAGE out: "
            "the search then has a journal of its own."
        )
        why = why if kind == "sqlite" else ""
        raise ValueError(f"A search is shared in a database on a server; STORAGE names {kind}.{why} Write {FORM}.")
    return address


def _unusable(url, error):
    """Say in one message, without the password, why a database cannot be used.

    The URL is shown without its options, which may hold a password too.
    """
    while error.__cause__ or getattr(error, "orig", None):  # Optuna's error wraps SQLAlchemy's, and that the driver's
        error = getattr(error, "orig", None) or error.__cause__
    found, address = " ".join(str(error).split()) or type(error).__name__, make_url(url)
    for secret in (address.password, address.query.get("password")):
        found = found.replace(secret, "***") if secret else found
    shown = address.set(query={}).render_as_string(hide_password=True)
    return (
        f"A search is shared in a database that all its workers reach; {shown} cannot be used: {found}. "
        "Check server, database, user and password. Finished trials stay in the database."
    )


def _search(task, storage, name):
    """Open the search or begin it, and work until it is finished; returns (trials, numbers of those run here)."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # a trial that is given back is no warning
    study = task.create_study(name, storage, sampler=optuna.samplers.TPESampler(n_startup_trials=RANDOM_TRIALS))
    _announce(study, storage, task.trials)
    with task.start() as (pool, bar):
        try:
            worker = _Worker(task, study, storage, lambda trial: task.validate(trial, pool, bar))
            return worker.work(bar), worker.ran
        except KeyboardInterrupt:  # no fit of this trial is needed any more
            for child in multiprocessing.active_children():
                child.terminate()
            raise


def _announce(study, storage, trials):
    """Print which search this is: with other data, settings or code it would be another."""
    name = study.study_name
    print(
        f"Joined the search {name}: {len(_finished(_slots(study, trials)))} of {trials} trials are finished. A shared "
        "search is not reproducible: what is tried next depends on which worker finishes first.",
        flush=True,
    )
    same = name.rpartition("-")[0]
    others = [
        other for other in optuna.get_all_study_names(storage) if other != name and other.rpartition("-")[0] == same
    ]
    if others:
        print(f"The database also holds searches of other data, settings or code: {', '.join(others)}", flush=True)


@dataclass
class _Worker:
    """One worker of a study. `ran` are the numbers of the trials that were run here.

    `silent` {number: since when, s} are running trials that were seen without a sign of life.
    """

    task: Task
    study: optuna.Study
    storage: optuna.storages.RDBStorage
    validate: object
    ran: set = field(default_factory=set)
    silent: dict = field(default_factory=dict)

    def work(self, bar):
        """Run trials until all slots are finished; returns the finished trials."""
        trials = self.task.trials
        while True:
            self.fail_dead()
            slots = _slots(self.study, trials)
            found = _finished(slots)
            bar.n = len(found) * len(self.task.parts)
            bar.refresh()
            if len(found) == trials:
                return found
            states = {number: {trial.state for trial in attempts} for number, attempts in slots.items()}
            failed = [number for number, seen in states.items() if seen == {TrialState.FAIL}]
            for number in failed:
                drawn = max((trial.params for trial in slots[number]), key=len)
                self.study.enqueue_trial(drawn, user_attrs={AGAIN: number})
            if failed or len(slots) < trials or any(TrialState.WAITING in seen for seen in states.values()):
                self.try_one()
            else:
                time.sleep(WAIT_S)

    def fail_dead(self):
        """Fail the trials whose worker is gone.

        A trial without any heartbeat was killed before it began; Optuna leaves it running for ever.
        """
        optuna.storages.fail_stale_trials(self.study)
        running = self.study.get_trials(deepcopy=False, states=[TrialState.RUNNING])
        numbers = [trial.number for trial in running if "errors" not in trial.user_attrs]
        self.silent = {number: self.silent.get(number, time.monotonic()) for number in numbers}
        for number, since in self.silent.items():
            if time.monotonic() - since > GRACE_S:
                with contextlib.suppress(ValueError, UpdateFinishedTrialError):  # another worker was quicker
                    self.study.tell(number, state=TrialState.FAIL)

    def try_one(self):
        """Ask for a trial and run it; if others took it for dead meanwhile, it is theirs now."""
        raised = []

        def noting(trial):
            try:
                return self.objective(trial)
            except (GivenBack, optuna.TrialPruned, UpdateFinishedTrialError):
                raise
            except Exception as error:
                raised.append(error)
                raise

        try:
            self.study.optimize(noting, n_trials=1, catch=(GivenBack,))
        except Exception as error:
            if raised:
                raise raised[0] from raised[0].__cause__  # what the database said
            if not isinstance(
                error, (ValueError, UpdateFinishedTrialError)
            ):  # Optuna's, where the trial has failed already
                raise

    def objective(self, trial):
        """Give the error of a trial; raises GivenBack where it has no slot."""
        # A heartbeat now, and not a moment later by its thread: without one, a killed trial would never be found.
        self.storage.record_heartbeat(trial._trial_id)
        trial.set_user_attr("errors", [])
        if not _wanted(_slots(self.study, self.task.trials), trial.number):
            trial.set_user_attr("given_back", True)
            raise GivenBack
        self.task.draw(trial)
        self.ran.add(trial.number)
        error, state = self.validate(trial)
        if state == TrialState.PRUNED:
            raise optuna.TrialPruned
        return error


def _slots(study, trials):
    """Sort the trials into at most `trials` slots: {number of the trial that came first: all attempts at it}."""
    slots = {}
    for trial in study.get_trials(deepcopy=False):  # by number
        slots.setdefault(trial.user_attrs.get(AGAIN, trial.number), []).append(trial)
    return dict(list(slots.items())[:trials])


def _finished(slots):
    return [trial for attempts in slots.values() for trial in attempts if trial.state in FINISHED]


def _wanted(slots, number):
    """Decide whether a trial that begins has a slot, and is the first there that did not fail.

    It must also have been given all that was drawn in its slot before.
    """
    for attempts in slots.values():
        first = next((trial for trial in attempts if trial.state != TrialState.FAIL), None)
        if first is not None and first.number == number:
            return len(first.system_attrs.get("fixed_params", {})) == max(len(trial.params) for trial in attempts)
    return False
