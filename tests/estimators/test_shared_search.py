"""A search that workers share, with a real PostgreSQL started here: killed workers, budgets, passwords, messages."""

import functools
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest
import yaml
from helpers import ROOT, make
from optuna.trial import TrialState

from grfkit import cli
from grfkit.estimators import lstm, samples, search, shared_search
from grfkit.study import recipes, store

PASSWORD = "s3cr3t/p@ss"
RANGES = {"layers": [1, 2], "units": [4, 8], "dropout": [0.0, 0.3], "learning_rate": [1e-3, 1e-2], "batch_size": [2, 4]}
# all workers are forked from one process that has imported what they need: on two cores that takes longer than all else
PROCESSES = multiprocessing.get_context(
    "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
)
PROCESSES.set_forkserver_preload(["grfkit.estimators.shared_search", "grfkit.estimators.lstm", "grfkit.cli"])


@pytest.fixture(scope="module")
def server():
    """A PostgreSQL server of its own with an empty cluster; gives the URL of a database without its name."""
    places = [shutil.which("initdb"), *sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))]
    binaries = next((Path(place).parent for place in places if place), None)
    if binaries is None:
        pytest.skip("PostgreSQL's initdb is neither in PATH nor in /usr/lib/postgresql; Debian's package is postgresql")
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if root and subprocess.run(["id", "postgres"], capture_output=True).returncode:
        pytest.skip(
            "PostgreSQL refuses to run as root, and there is no user postgres; Debian's package postgresql makes one"
        )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="grfkit-"))  # pytest's own folders are closed to the user postgres

    def run(program, *arguments):
        subprocess.run(
            [*(["runuser", "-u", "postgres", "--"] if root else []), binaries / program, *arguments],
            check=True,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=(folder / "log").open("a"),
            stderr=subprocess.STDOUT,
        )

    try:
        (folder / "password").write_text(PASSWORD, encoding="utf-8")
        for path in (folder, folder / "password") if root else ():
            shutil.chown(path, "postgres")
        run(
            "initdb",
            "-D",
            folder / "data",
            "-E",
            "UTF8",
            "--locale=C",
            "--auth=scram-sha-256",
            "-U",
            "grf",
            f"--pwfile={folder / 'password'}",
        )
        run(
            "pg_ctl",
            "start",
            "-w",
            "-D",
            folder / "data",
            "-l",
            folder / "server.log",
            "-o",
            f"-F -p {port} -h 127.0.0.1 -k {folder}",
        )
        yield f"postgresql+psycopg://grf:{PASSWORD.replace('/', '%2F').replace('@', '%40')}@127.0.0.1:{port}"
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            run("pg_ctl", "stop", "-m", "immediate", "-D", folder / "data")
        shutil.rmtree(folder)


@pytest.fixture
def url(server, request):
    """An empty database for each test."""
    import psycopg

    name = f"test{abs(hash(request.node.nodeid)) % 10**9}"
    with psycopg.connect(server.replace("+psycopg", "") + "/postgres", autocommit=True) as connection:
        connection.execute(f"create database {name}")
    return f"{server}/{name}"


@pytest.fixture
def quick(monkeypatch):
    """No network is fitted: the error of a fold follows from the learning rate, and dead workers are found soon."""
    for name, value in (("HEARTBEAT_S", 1), ("GRACE_S", 2), ("WAIT_S", 0.05)):
        monkeypatch.setattr(shared_search, name, value)
    monkeypatch.setattr(
        lstm,
        "fold_error",
        lambda training, validation, *, learning_rate, **settings: learning_rate + len(validation) / 1000,
    )


@pytest.fixture
def folder(tidy, tmp_path):
    """A study with its recipe, and what notebook 01 would have saved: 12 training stances of three runners."""
    content = yaml.safe_load((ROOT / "params" / "smoke.yaml").read_text(encoding="utf-8"))
    content["02_search"].update(trials=6, folds=3, epochs=1, units=[4, 8])
    return write_study(tidy, tmp_path, content)


def write_study(tidy, folder, content):
    content["02_search"]["frames_per_step"] = 5  # so few stances have too few steps of ten frames to be whitened
    stances, frames = tidy(16, runners=4)
    stances.loc[stances["runner"] == "v03", "split"] = "test"  # else 02 and its workers refuse to search
    store.save(folder / "reports/tiny/results", "01_preprocess/stances.csv", stances)
    store.save(folder / "reports/tiny/results", "01_preprocess/stances.parquet", frames)
    (folder / "tiny.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder


def arguments(folder, recipe="paper"):
    return [
        "--study",
        str(folder / "tiny.yaml"),
        "--recipe",
        str(ROOT / "params/recipes" / f"{recipe}.yaml"),
        "--reports",
        str(folder / "reports/tiny"),
    ]


def start(folder, url, name, how="works"):
    """Start a worker in a process of its own; its output goes to NAME.log, what it found to the folder NAME."""
    worker = PROCESSES.Process(target=work, args=(folder, url, name, how))
    worker.start()
    return worker


def work(folder, url, name, how):
    os.environ["STORAGE"] = url
    shared_search.HEARTBEAT_S, shared_search.GRACE_S, shared_search.WAIT_S = 1, 3, 0.2
    searched, fold_error, folds = lstm.Lstm.search, lstm.fold_error, []

    def kept(*given, **named):
        table, best = searched(*given, **named)
        store.save(folder / name, "search.csv", table)
        store.save(folder / name, "best.yaml", best)
        return table, best

    def hanging(*given, **named):
        folds.append(given)
        time.sleep(600 if len(folds) == 2 else 0)
        return fold_error(*given, **named)

    lstm.Lstm.search, lstm.fold_error = kept, hanging if how == "hangs" else fold_error
    with (folder / f"{name}.log").open("a", encoding="utf-8") as log:
        sys.stdout = sys.stderr = log
        status = cli.main(["search-worker", *arguments(folder)])
    sys.exit(status)


storage_of = functools.cache(optuna.storages.RDBStorage)


def look(url):
    """Read the trials of the only search of a database."""
    storage = storage_of(url)
    names = optuna.get_all_study_names(storage)
    return optuna.load_study(study_name=names[0], storage=storage).get_trials() if names else []


def until(url, fact, *running, seconds=90):
    """Wait until the trials of a search fulfil `fact`, while these workers run; returns the trials."""
    for _ in range(seconds * 5):
        trials = look(url)
        if fact(trials):
            return trials
        assert all(worker.is_alive() for worker in running), "a worker ended before its time"
        time.sleep(0.2)
    raise AssertionError(
        f"waited for {seconds} s; the trials are {[(trial.number, trial.state.name) for trial in trials]}"
    )


def ended(worker):
    """Wait for a worker to end; returns its exit status."""
    worker.join(timeout=90)
    return worker.exitcode


def finished(trials):
    return [trial for trial in trials if trial.state in search.FINISHED]


def check_whole(trials, budget, n_folds):
    """Check that as many are finished as the budget, none twice, each with all its folds, and none is left open."""
    done = finished(trials)
    assert len(done) == budget
    assert {trial.state for trial in trials} <= {*search.FINISHED, TrialState.FAIL}
    slots = {trial.user_attrs.get("again", trial.number): trial for trial in done}
    assert len(slots) == budget
    assert len({tuple(trial.params.values()) for trial in done}) == budget
    for trial in done:
        errors = trial.user_attrs["errors"]
        assert len(errors) == trial.last_step <= n_folds
        assert trial.value == pytest.approx(np.mean(errors), rel=1e-12)
        assert len(errors) == n_folds or trial.state == TrialState.PRUNED
    for trial in trials:  # whatever was not given back was tried again, with what had been drawn
        if not trial.user_attrs.get("given_back"):
            assert trial.params.items() <= slots[trial.user_attrs.get("again", trial.number)].params.items()


def test_a_killed_workers_trial_is_tried_again_and_the_budget_is_met(folder, url):
    """Three workers; one is killed in the middle of a trial, when the two others have nothing left but to wait."""
    victim = start(folder, url, "victim", "hangs")
    until(url, lambda trials: trials and len(trials[0].user_attrs.get("errors", [])) == 1, victim)
    others = [start(folder, url, name) for name in ("one", "two")]
    before = until(url, lambda trials: len(finished(trials)) == 5, victim, *others)
    held = before[0]
    assert held.state == TrialState.RUNNING and held.params
    os.kill(victim.pid, signal.SIGKILL)
    assert [ended(worker) for worker in (victim, *others)] == [-signal.SIGKILL, 0, 0]
    trials = look(url)
    check_whole(trials, 6, 3)
    (again,) = [trial for trial in finished(trials) if trial.params == held.params]
    assert trials[0].state == TrialState.FAIL and again.user_attrs["again"] == 0
    assert (folder / "one/search.csv").read_bytes() == (folder / "two/search.csv").read_bytes()
    assert (folder / "one/best.yaml").read_bytes() == (folder / "two/best.yaml").read_bytes()
    table, last = (
        pd.read_csv(folder / "one/search.csv"),
        [(folder / f"{name}.log").read_text().splitlines()[-1] for name in ("one", "two")],
    )
    assert table["trial"].nunique() == 6 and table["shared_search"].nunique() == 1
    name = table["shared_search"][0]
    assert name.startswith("tiny-paper-") and all(
        line.startswith(f"{name}: ") and line.endswith("of 6 trials were run here") for line in last
    )
    assert sum(int(line.split()[1]) for line in last) == 6
    assert PASSWORD not in "".join(path.read_text() for path in folder.glob("*.log"))


@pytest.mark.slow
def test_workers_killed_over_and_over_lose_no_trial(folder, url):
    text = (folder / "tiny.yaml").read_text(encoding="utf-8")
    (folder / "tiny.yaml").write_text(text.replace("trials: 6", "trials: 25"), encoding="utf-8")
    rng, killed = np.random.default_rng(2025), 0
    for _ in range(12):
        workers = [start(folder, url, f"worker{number}") for number in range(3)]
        time.sleep(rng.uniform(1, 5))
        for worker in workers:
            killed += worker.is_alive()
            worker.kill()
            worker.join()
    assert killed > 3
    assert ended(start(folder, url, "last")) == 0
    check_whole(look(url), 25, 3)
    assert len(look(url)) > 25 + 3  # some were killed in the middle


def run(url, trials=4, name="tiny-paper-1"):
    data = np.zeros((12, 3)), np.zeros((12, 3)), np.full(6, 2)
    task = search.Task(
        data, search.folds(6, 2, seed=7), seed=7, trials=trials, frames_per_step=1, epochs=1, ranges=RANGES
    )
    return shared_search.run(task, url=url, name=name)


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")  # warnings are caught a thread at a time
def test_many_at_once_keep_the_budget_and_agree(quick, url):
    found = []
    together = [threading.Thread(target=lambda: found.append(run(url, trials=15))) for _ in range(5)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()
    check_whole(look(url), 15, 2)
    assert len(found) == 5 and all(search.table(other).equals(search.table(found[0])) for other in found)
    assert search.best(found[0])["learning_rate"] == min(
        trial.params["learning_rate"] for trial in found[0] if trial.state == TrialState.COMPLETE
    )
    assert [trial.number for trial in run(url, trials=5)] == [trial.number for trial in found[0]][
        :5
    ]  # a smaller budget: the first


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_long_fit_is_not_taken_for_dead(quick, url, monkeypatch):
    """Its first fold takes longer than the grace, while another worker waits for it."""
    fold_error, folds = lstm.fold_error, []

    def long(*parts, **settings):
        folds.append(parts)
        time.sleep(3.5 if len(folds) == 1 else 0)
        return fold_error(*parts, **settings)

    monkeypatch.setattr(lstm, "fold_error", long)
    other = threading.Thread(target=run, args=(url, 2))
    other.start()
    run(url, 2)
    other.join()
    trials = look(url)
    check_whole(trials, 2, 2)
    # each fold was fitted once: had the long fit been taken for dead, its fold would have been fitted again
    assert len(folds) == sum(len(trial.user_attrs["errors"]) for trial in finished(trials))
    assert all(trial.user_attrs.get("given_back") for trial in trials if trial.state == TrialState.FAIL)


def test_an_interrupted_worker_leaves_its_trial_to_the_next(quick, url, monkeypatch, capsys):
    """Ctrl-C in the second fold: the next worker tries the same hyper-parameters, and keeps no earlier error."""
    folds = []

    def interrupted(training, validation, **settings):
        folds.append(settings["learning_rate"])
        if len(folds) == 4:
            raise KeyboardInterrupt
        return len(folds)  # each trial is worse than the one before

    monkeypatch.setattr(lstm, "fold_error", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(url)
    assert [len(trial.user_attrs["errors"]) for trial in look(url)] == [2, 1, 0]  # the second was pruned
    found = run(url)
    check_whole(look(url), 4, 2)
    assert found[2].params["learning_rate"] == folds[3] and len(found[2].user_attrs["errors"]) in (1, 2)
    shown = capsys.readouterr().out
    assert (
        "0 of 4 trials are finished" in shown
        and "2 of 4 trials are finished" in shown
        and "2 of 4 trials were run here" in shown
    )


def test_an_error_in_a_fit_ends_the_worker_and_loses_nothing(quick, url, monkeypatch):
    with monkeypatch.context() as broken, pytest.raises(ValueError, match="no memory"):
        broken.setattr(lstm, "fold_error", lambda *parts, **settings: (_ for _ in ()).throw(ValueError("no memory")))
        run(url)
    params = look(url)[0].params
    assert run(url)[0].params == params
    check_whole(look(url), 4, 2)


def test_a_trial_killed_before_its_first_heartbeat_is_tried_again(quick, url):
    """Optuna alone leaves it running for ever."""
    study = optuna.create_study(study_name="tiny-paper-1", storage=url)
    study.ask()
    study.enqueue_trial({"learning_rate": 0.005})
    study.ask()
    found = run(url)
    check_whole(look(url), 4, 2)
    assert [trial.user_attrs.get("again") for trial in found[:2]] == [0, 1] and len(
        {trial.number for trial in found}
    ) == 4


def test_what_was_drawn_last_is_tried_again_where_two_asked_for_it(quick, url):
    """Two workers saw a trial fail that was killed while it drew, and asked for it again; the first of them failed."""
    study = optuna.create_study(study_name="tiny-paper-1", storage=url)
    study.ask().suggest_int("layers", 1, 2)
    study.tell(0, state=TrialState.FAIL)
    for _ in range(2):
        study.enqueue_trial(study.trials[0].params, user_attrs={"again": 0})
    search.Task((), [], seed=7, trials=4, frames_per_step=1, epochs=1, ranges=RANGES).draw(study.ask())
    study.tell(1, state=TrialState.FAIL)
    found, trials = run(url), look(url)
    check_whole(trials, 4, 2)
    assert found[0].params == trials[1].params and trials[2].user_attrs["given_back"]


def test_a_worker_taken_for_dead_drops_its_trial_and_goes_on(quick, url, monkeypatch):
    """Its trial is failed behind its back, as for a computer that slept: in the middle, and after the last fold."""
    fold_error, folds = lstm.fold_error, []

    def failed_meanwhile(training, validation, **settings):
        folds.append(settings)
        if len(folds) in (1, 4):
            other = optuna.load_study(study_name="tiny-paper-1", storage=url)
            other.tell(other.get_trials(states=[TrialState.RUNNING])[0].number, state=TrialState.FAIL)
        return fold_error(training, validation, **settings)

    monkeypatch.setattr(lstm, "fold_error", failed_meanwhile)
    run(url)
    trials = look(url)
    check_whole(trials, 4, 2)
    assert sum(trial.state == TrialState.FAIL for trial in trials) == 2


def test_other_data_make_another_search_and_it_is_said(quick, folder, url, capsys):
    training = samples.read_training(folder / "reports/tiny/results", recipes.load(ROOT / "params/recipes/paper.yaml"))
    settings = {
        "folder": folder / "reports/tiny/results/02_search",
        "seed": 1,
        "storage": url,
        "folds": 2,
        "trials": 1,
        "frames_per_step": 3,  # so that a fold of four stances has as many LSTM steps as the widest window has inputs
        "epochs": 1,
        "ranges": RANGES,
    }
    recipe = recipes.load(ROOT / "params/recipes/paper.yaml")
    first, _ = lstm.Lstm.search(training, recipe, **settings)
    training.forces[0] += 0.001
    second, _ = lstm.Lstm.search(training, recipe, **settings)
    shown = capsys.readouterr().out
    assert first["shared_search"][0] != second["shared_search"][0]
    assert (
        f"also holds searches of other data, settings or code: {first['shared_search'][0]}" in shown
        and shown.count("not reproducible") == 2
    )
    assert "shared_search" not in lstm.Lstm.search(training, recipe, **settings | {"storage": None})[0]


def refused(folder, monkeypatch, capsys, storage, recipe="paper"):
    """Start a worker that is refused, and give its one message."""
    monkeypatch.setenv("STORAGE", storage)
    assert cli.main(["search-worker", *arguments(folder, recipe), "--check"]) == 1
    shown = capsys.readouterr()
    assert (
        shown.out == ""
        and shown.err.startswith("error: ")
        and shown.err.count("\n") == 1
        and "Traceback" not in shown.err
    )
    return shown.err


@pytest.mark.parametrize(
    ("storage", "said"),
    [
        ("", "STORAGE is not set"),
        ("hello hunter2", "found something else (not shown here"),
        ("postgresql://me:hunter2@host:port/grf", "found something else (not shown here"),
        ("postgresql+psycopg://me:p@hunter2@host/grf", "write @ as %40"),
        ("sqlite:///search.db", "A file allows one writer at a time"),
        ("mssql://me:hunter2@host/grf", "STORAGE names mssql"),
        (
            "postgresql+psycopg2://me:hunter2@127.0.0.1:1/grf",
            "driver; the driver of postgresql+psycopg2 is not installed",
        ),
        (
            "postgresql+nonsense://me:hunter2@127.0.0.1:1/grf",
            "driver; the driver of postgresql+nonsense is not installed",
        ),
        (
            "postgresql+psycopg://me:hunter2@127.0.0.1:1/grf?options=hunter2",
            "postgresql+psycopg://me:***@127.0.0.1:1/grf cannot be used",
        ),
    ],
)
def test_a_database_that_cannot_be_used_is_refused_in_one_message(folder, monkeypatch, capsys, storage, said):
    message = refused(folder, monkeypatch, capsys, storage)
    assert said in message and "hunter2" not in message


def test_a_server_that_does_not_answer_is_not_waited_for(folder, monkeypatch, capsys):
    monkeypatch.setattr(shared_search, "CONNECT_S", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        message = refused(
            folder, monkeypatch, capsys, f"postgresql+psycopg://me:hunter2@127.0.0.1:{silent.getsockname()[1]}/grf"
        )
    assert "timeout expired" in message and "hunter2" not in message


def test_a_recipe_without_a_search_has_nothing_to_join(folder, monkeypatch, capsys):
    assert "the recipe physics (kernel_ridge) has no such search" in refused(
        folder, monkeypatch, capsys, "", recipe="physics"
    )


def test_a_wrong_password_is_not_shown(url, folder, monkeypatch, capsys):
    wrong = url.replace("s3cr3t", "hunter2")
    message = refused(folder, monkeypatch, capsys, wrong)
    assert "password authentication failed" in message and "grf:***@127.0.0.1" in message and "hunter2" not in message
    with pytest.raises(ValueError) as caught:
        run(wrong)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_a_database_that_breaks_off_is_one_message(quick, url, monkeypatch):
    import psycopg

    fold_error = lstm.fold_error

    def gone(*parts, **settings):
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute("drop table trial_user_attributes cascade")
        monkeypatch.setattr(lstm, "fold_error", fold_error)
        return 1.0

    monkeypatch.setattr(lstm, "fold_error", gone)
    with pytest.raises(ValueError, match="trial_user_attributes") as caught:
        run(url)
    assert PASSWORD not in "".join(traceback.format_exception(caught.value)) and "grf:***@" in str(caught.value)


def search_in_notebook(project, tidy, url, monkeypatch, capsys):
    """Run notebook 02 of a study in the copy of the project; returns (status, what it showed and left, its reports)."""
    folder = write_study(
        tidy, project / "shared", yaml.safe_load((ROOT / "params" / "smoke.yaml").read_text(encoding="utf-8"))
    )
    monkeypatch.chdir(project)
    monkeypatch.setenv("STORAGE", url)
    status = cli.main(["run", "notebooks/02_search.ipynb", *arguments(folder)])
    streams = capsys.readouterr()
    left = "".join(path.read_text(encoding="utf-8", errors="replace") for path in folder.rglob("*") if path.is_file())
    return status, streams.out + streams.err + left, folder


def test_notebook_02_joins_and_shows_no_password(project, tidy, url, monkeypatch, capsys):
    status, text, folder = search_in_notebook(project, tidy, url, monkeypatch, capsys)
    assert status == 0 and not any(secret in text for secret in ("s3cr3t", "p@ss", "p%40ss"))
    page = (folder / "reports/tiny/02_search.html").read_text(encoding="utf-8")
    assert "not reproducible" in page and "2 of 2 trials were run here" in page
    assert store.read(folder / "reports/tiny/results", "02_search/search.csv")["shared_search"][0].startswith(
        "tiny-paper-"
    )
    assert not list((folder / "reports/tiny/results/02_search").glob("*.journal"))
    assert (
        cli.main(["search-worker", *arguments(folder)]) == 0
    )  # the same search: the worker makes samples and settings as the notebook does
    shown = capsys.readouterr().out
    assert "2 of 2 trials are finished" in shown and "0 of 2 trials were run here" in shown


@pytest.mark.slow
def test_a_notebook_that_failed_shows_no_password(project, tidy, url, monkeypatch, capsys):
    status, text, folder = search_in_notebook(project, tidy, url.replace("s3cr3t", "hunter2"), monkeypatch, capsys)
    assert (
        status == 1
        and "password authentication failed" in text
        and not any(secret in text for secret in ("hunter2", "p@ss", "p%40ss"))
    )
    assert (folder / "reports/tiny/02_search.failed.ipynb").is_file()


def test_make_refuses_a_worker_before_01_is_made(project, monkeypatch):
    monkeypatch.delenv("STORAGE", raising=False)
    done = make(project, "search-worker", "STUDY=smoke", "STORAGE=sqlite:///x.db")
    assert done.returncode != 0 and "leave STORAGE out" in done.stderr and "Traceback" not in done.stderr
    assert "01_preprocess" not in done.stdout


@pytest.mark.slow
def test_make_search_worker_and_reproduce_share_a_search(project, url, monkeypatch):
    """The worker makes 01 and runs the whole budget; reproduce joins the same search and finds nothing left to do."""
    shutil.copy2(project / "params" / "smoke.yaml", project / "params" / "joined.yaml")
    monkeypatch.setenv("STORAGE", url)
    joined = make(project, "search-worker", "STUDY=joined")
    assert joined.returncode == 0 and joined.stdout.rstrip().endswith("2 of 2 trials were run here"), joined.stderr
    done = make(project, "reproduce", "STUDY=joined")
    assert (
        done.returncode == 0
        and "2 of 2 trials are finished" in done.stdout
        and "0 of 2 trials were run here" in done.stdout
    )
    assert not any(
        secret in joined.stdout + joined.stderr + done.stdout + done.stderr for secret in ("s3cr3t", "p@ss", "p%40ss")
    )
