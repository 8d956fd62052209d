"""The search for hyper-parameters: folds, seeds, what it finds, and a search that is interrupted."""

import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import optuna
import pytest

from grfkit import transform
from grfkit.estimators import search

RANGES = {"layers": [1, 2], "units": [4, 8], "dropout": [0.0, 0.3], "learning_rate": [1e-3, 1e-2], "batch_size": [2, 4]}


@pytest.fixture
def data(tidy):
    stances, frames = tidy(8)
    return transform.arrays(frames, stances)[:3]


def test_folds_are_disjoint_and_complete():
    parts = search.folds(23, 5, seed=1)
    assert sorted(np.concatenate([validation for _, validation in parts])) == list(range(23))
    assert all(not set(training) & set(validation) for training, validation in parts)


def test_folds_of_groups_keep_each_group_on_one_side():
    groups = np.repeat([f"v{number}" for number in range(7)], 4)
    parts = search.folds(28, 3, seed=1, groups=groups)
    assert sorted(np.concatenate([validation for _, validation in parts])) == list(range(28))
    assert all(not set(groups[training]) & set(groups[validation]) for training, validation in parts)


@pytest.mark.parametrize("groups", [None, ["a", "a", "b", "b", "b", "b"]])
def test_more_folds_than_stances_or_runners_are_refused(groups):
    what, most, n = ("stances", 4, 4) if groups is None else ("runners", 2, 6)
    assert len(search.folds(n, most, seed=1, groups=groups)) == most
    with pytest.raises(ValueError, match=f"training {what}; there are {most} for {most + 1} folds. .* lower `folds`"):
        search.folds(n, most + 1, seed=1, groups=groups)
    with pytest.raises(ValueError, match="there is 1 for 2 folds. .* Otherwise train on more runners") as error:
        search.folds(1, 2, seed=1)
    assert "lower" not in str(error.value)  # a search takes two folds at least


def task(data, trials=4, seed=7, k=2, ranges=RANGES):
    parts = search.folds(len(data[2]), k, seed=seed)
    return search.Task(data, parts, seed=seed, trials=trials, frames_per_step=10, epochs=1, ranges=ranges)


def run(data, folder, trials):
    return search.run(task(data, trials), storage=search.open_journal(folder, "test"))


def test_search_interrupted_and_resumed_equals_an_undisturbed_one(data, tmp_path):
    """Six trials at once, against three, a trial left running by a kill, and three more."""
    whole = search.table(run(data, tmp_path / "whole", 6))
    run(data, tmp_path / "parts", 3)
    half = optuna.load_study(study_name="search", storage=search.open_journal(tmp_path / "parts", "test"))
    trial = half.ask()  # a kill leaves a running trial behind
    task(data).draw(trial)
    trial.set_user_attr("errors", [0.001])
    trial.report(0.001, 0)
    with open(tmp_path / "parts" / "search-test.journal", "ab") as file:
        file.write(b'{"op_code": 5, "wor')  # and half a line
    resumed = search.table(run(data, tmp_path / "parts", 6))
    assert whole.equals(resumed) and len(whole["trial"].unique()) == 6
    assert search.table(run(data, tmp_path / "whole", 6)).equals(whole)  # nothing left to do


def test_a_killed_search_leaves_no_process_and_resumes(data, tmp_path):
    """Kill the searching process outright: its workers end, and the next run ends as an undisturbed one."""
    np.savez(tmp_path / "data.npz", *data)
    script = tmp_path / "searcher.py"
    script.write_text(
        "import sys, numpy as np\nfrom grfkit.estimators import search\n"
        "if __name__ == '__main__':\n"
        "    search.SMALL = 0\n"
        "    data = list(np.load(sys.argv[1]).values())\n"
        "    task = search.Task(data, search.folds(len(data[2]), 2, seed=7), seed=7, trials=4, frames_per_step=10,\n"
        f"                       epochs=1, ranges={RANGES!r})\n"
        "    search.run(task, storage=search.open_journal(sys.argv[2], 'test'))\n",
        encoding="utf-8",
    )
    searcher = subprocess.Popen(
        [sys.executable, script, tmp_path / "data.npz", tmp_path / "killed"], stderr=subprocess.PIPE, text=True
    )
    for line in searcher.stderr:  # the bar says when the first fit is done: the workers are up
        if "1/8" in line:
            break
    assert searcher.poll() is None  # it is in the middle
    searcher.kill()
    searcher.stderr.read()  # ends when the last worker has closed its end of the pipe
    searcher.wait()
    assert search.table(run(data, tmp_path / "killed", 4)).equals(search.table(run(data, tmp_path / "whole", 4)))


def test_search_in_processes_equals_search_in_a_thread(data, tmp_path, monkeypatch):
    alone = search.table(run(data, tmp_path / "thread", 2))
    monkeypatch.setattr(search, "SMALL", 0)
    assert search.table(run(data, tmp_path / "processes", 2)).equals(alone)


def test_search_best_is_the_least_error_and_stays_in_the_ranges(data, tmp_path):
    found = run(data, tmp_path, 5)
    table, best = search.table(found), search.best(found)
    errors = table[table["state"] == "complete"].groupby("trial")["error"].mean()
    row = table[table["trial"] == errors.idxmin()].iloc[0]
    assert {name: row[name] for name in best} == best
    assert best["units"] in range(4, 9) and 1e-3 <= best["learning_rate"] <= 1e-2 and best["batch_size"] in (2, 4)


def test_search_best_has_fitted_all_folds_though_a_pruned_trial_erred_less_on_the_easy_ones():
    errors = {8: [0.1, 0.1, 0.3], 9: [0.11, 0.11], 10: [0.1, 0.1, 0.4]}
    trials = [SimpleNamespace(params={"units": units}, user_attrs={"errors": each}) for units, each in errors.items()]
    assert search.best(trials) == search.best(trials[::-1]) == {"units": 8}


def test_fingerprint_changes_with_data_and_settings(data):
    points, forces, lengths = data
    first = task(data).fingerprint()
    assert first == task((points.copy(), forces, lengths)).fingerprint()
    assert first != task((points + 1, forces, lengths)).fingerprint()
    assert first != task(data, seed=2).fingerprint()
    assert first != replace(task(data), fixed={"offset_m": 0.01}).fingerprint()
    assert first == task(data, trials=9).fingerprint()  # more trials go on where fewer have ended


@pytest.mark.parametrize(("k", "rungs"), [(2, [1, 2]), (3, [2, 3]), (5, [2, 5]), (6, [2, 6]), (10, [2, 6, 10])])
def test_a_trial_may_be_pruned_after_two_folds_and_three_times_as_many(data, k, rungs):
    parts = search.folds(20, k, seed=1)
    assert search.Task(data, parts, 1, 1, 10, 1, RANGES).rungs() == rungs


@pytest.fixture
def errors_drawn(monkeypatch):
    """No network is fitted: the error of a fold follows from the hyper-parameters; gives the list of fits."""
    from grfkit.estimators import lstm

    fits = []

    def error(training, validation, **settings):
        fits.append(settings)
        return settings["learning_rate"] + len(validation) / 1000

    monkeypatch.setattr(lstm, "fold_error", error)
    return fits


def test_only_the_best_third_of_the_trials_so_far_fits_the_other_folds(data, tmp_path, errors_drawn):
    """Optuna's rule for one bracket: of n trials at two folds the best n // 3 go on, one at least."""
    found = search.run(task(data, 12, k=5), storage=search.open_journal(tmp_path, "test"))
    first = [float(np.mean(trial.user_attrs["errors"][:2])) for trial in found]
    for number, trial in enumerate(found):
        best = sorted(first[: number + 1])[max(0, (number + 1) // 3 - 1)]
        goes_on = first[number] <= best
        assert len(trial.user_attrs["errors"]) == (5 if goes_on else 2)
        assert trial.state == (optuna.trial.TrialState.COMPLETE if goes_on else optuna.trial.TrialState.PRUNED)
    assert len(errors_drawn) == sum(len(trial.user_attrs["errors"]) for trial in found) < 12 * 5
    assert search.best(found)["learning_rate"] == min(trial.params["learning_rate"] for trial in found)


def test_a_search_interrupted_in_any_fold_ends_as_an_undisturbed_one(data, tmp_path, errors_drawn):
    """With folds for two brackets, and rungs that a pruner remembers: what an interrupted trial left counts nowhere."""
    from grfkit.estimators import lstm

    whole = search.table(search.run(task(data, 6, k=8), storage=search.open_journal(tmp_path / "whole", "test")))
    error, fits = lstm.fold_error, len(errors_drawn)
    for kill in range(1, fits):
        calls = iter(range(fits))

        def killed(*part, calls=calls, kill=kill, **settings):
            if next(calls) == kill:
                raise KeyboardInterrupt
            return error(*part, **settings)

        lstm.fold_error = killed
        folder = tmp_path / str(kill)
        with pytest.raises(KeyboardInterrupt):
            search.run(task(data, 6, k=8), storage=search.open_journal(folder, "test"))
        lstm.fold_error = error
        resumed = search.run(task(data, 6, k=8), storage=search.open_journal(folder, "test"))
        assert search.table(resumed).equals(whole)


def test_a_trial_that_diverges_loses_and_a_search_of_nothing_else_is_refused(data, tmp_path, monkeypatch):
    from grfkit.estimators import lstm

    errors = iter([0.1, 0.1, 0.1, 0.05, 0.05, float("nan"), 0.05, float("nan")])
    monkeypatch.setattr(lstm, "fold_error", lambda *_, **__: next(errors))
    found = search.run(task(data, 3, k=3), storage=search.open_journal(tmp_path, "test"))
    assert [len(trial.user_attrs["errors"]) for trial in found] == [3, 3, 2]
    assert search.best(found)["learning_rate"] == found[0].params["learning_rate"]
    with pytest.raises(ValueError, match=r"found none in 1 trials.*Lower `learning_rate`"):
        search.best(found[1:2])


def test_window_and_shrinkage_are_searched_where_the_ranges_have_them(data, tmp_path, errors_drawn):
    ranges = RANGES | {"window": [3, 7], "shrinkage": [1e-7, 1e-4]}
    found = search.run(task(data, 12, ranges=ranges), storage=search.open_journal(tmp_path, "test"))
    assert {settings["window"] for settings in errors_drawn} == {3, 5, 7}
    shrinkages = [settings["shrinkage"] for settings in errors_drawn]
    assert min(shrinkages) >= 1e-7 and max(shrinkages) <= 1e-4 and min(shrinkages) < 1e-5  # drawn by its logarithm
    assert list(search.best(found))[-2:] == ["window", "shrinkage"]
    assert {"window", "shrinkage"} <= set(search.table(found))
    plain = search.run(task(data, 2), storage=search.open_journal(tmp_path, "plain"))
    assert not {"window", "shrinkage"} & {*search.best(plain), *search.table(plain)}
