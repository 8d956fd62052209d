"""The LSTM and its search: padding, leakage, seeds, and a search that is interrupted."""

import subprocess
import sys

import numpy as np
import optuna
import pytest
import torch

from grfkit import metrics, model, transform
from grfkit.estimators import search
from grfkit.study import store

SETTINGS = {
    "frames_per_step": 5,
    "units": 8,
    "layers": 2,
    "dropout": 0.1,
    "learning_rate": 1e-2,
    "batch_size": 4,
    "epochs": 2,
}
RANGES = {"layers": [1, 2], "units": [4, 8], "dropout": [0.0, 0.3], "learning_rate": [1e-3, 1e-2], "batch_size": [2, 4]}


@pytest.fixture
def data(tidy):
    stances, frames = tidy(8)
    return transform.arrays(frames, stances)[:3]


def weights(fitted):
    return model.describe(fitted)[0]


def test_fit_gives_the_same_network_for_the_same_seed_and_leaves_the_callers_generator(data):
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    one, two, other = (weights(model.fit(*data, seed=seed, **SETTINGS)) for seed in (3, 3, 4))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all((one[name] == two[name]).all() for name in one)
    assert any((one[name] != other[name]).any() for name in one)


def test_fit_learns(data):
    points, forces, lengths = data
    fitted = model.fit(points, forces, lengths, seed=0, **SETTINGS | {"epochs": 60})
    error = metrics.rmse(forces, model.predict(fitted, points, lengths))
    assert (error < 0.5 * forces.std(axis=0)).all()  # the best constant errs by the SD


@pytest.mark.parametrize("size", [1, 5, 10])
def test_predict_of_a_stance_does_not_depend_on_the_others(data, size):
    points, forces, lengths = data
    fitted = model.fit(points, forces, lengths, seed=0, **SETTINGS | {"frames_per_step": size, "epochs": 1})
    together = model.predict(fitted, points, lengths)
    first = 0
    for length in lengths:
        alone = model.predict(fitted, points[first : first + length], np.array([length]))
        np.testing.assert_allclose(alone, together[first : first + length], atol=1e-5)  # single precision
        first += length


def test_masked_loss_ignores_padding_and_agrees_with_the_literal_mean():
    rng = np.random.default_rng(0)
    estimated, target = (torch.as_tensor(rng.normal(size=(2, 3, 6))) for _ in range(2))
    real = torch.ones(2, 3, 2, dtype=torch.bool)
    real[1, 2] = False
    kept = [
        (float(estimated[b, t, 3 * k + c]) - float(target[b, t, 3 * k + c])) ** 2
        for b in range(2)
        for t in range(3)
        for k in range(2)
        for c in range(3)
        if real[b, t, k]
    ]
    assert float(model.masked_loss(estimated, target, real)) == pytest.approx(np.mean(kept))
    changed = estimated.clone()
    changed[1, 2] = 1e6
    assert model.masked_loss(changed, target, real) == model.masked_loss(estimated, target, real)


def test_validation_stances_change_nothing_that_is_fitted(data, monkeypatch):
    """What fold_error fits comes from its training stances: scramble the others, and scalers and weights are the
    same."""
    points, forces, lengths = data
    held = transform.rows_of(lengths, [4, 5, 6, 7])
    spoiled_points, spoiled_forces = points.copy(), forces.copy()
    spoiled_points[held], spoiled_forces[held] = 1e3, -1e3
    fit, fitted = model.fit, []
    monkeypatch.setattr(model, "fit", lambda *args, **settings: fitted.append(fit(*args, **settings)) or fitted[-1])
    errors = []
    for everything in ((points, forces, lengths), (spoiled_points, spoiled_forces, lengths)):
        model.hold(*everything)
        errors.append(model.fold_error(np.arange(4), np.arange(4, 8), seed=0, **SETTINGS))
    clean, spoiled = fitted
    assert errors[1] > 100 * errors[0]  # the validation did see them
    assert all((weights(clean)[name] == weights(spoiled)[name]).all() for name in weights(clean))
    np.testing.assert_array_equal(spoiled.points_scaler.data_max_, clean.points_scaler.data_max_)


def test_fold_error_is_the_error_on_the_validation_stances(data):
    points, forces, lengths = data
    model.hold(*data)
    training, validation = np.arange(6), np.array([6, 7])
    error = model.fold_error(training, validation, seed=0, **SETTINGS)
    rows, others = transform.rows_of(lengths, training), transform.rows_of(lengths, validation)
    fitted = model.fit(points[rows], forces[rows], lengths[:6], seed=0, **SETTINGS)
    difference = model.predict(fitted, points[others], lengths[6:]) - forces[others]
    assert error == pytest.approx(np.sqrt(np.mean((difference / np.ptp(forces[rows], axis=0)) ** 2)), rel=1e-4)


def test_early_stopping_keeps_the_weights_of_the_least_error_on_the_watched(data, monkeypatch):
    """The weights after every epoch, judged one by one on the watched stances: the best are kept, and three worse ones
    end it."""
    points, forces, lengths = data
    training, watched = (
        (*(array[transform.rows_of(lengths, some)] for array in (points, forces)), lengths[some])
        for some in (np.arange(6), np.array([6, 7]))
    )
    epoch, after = model.train_epoch, []

    def recorded(net, *others):
        epoch(net, *others)
        after.append({name: value.clone() for name, value in net.state_dict().items()})

    monkeypatch.setattr(model, "train_epoch", recorded)
    settings = SETTINGS | {"epochs": 40, "learning_rate": 0.05}
    stopped = model.fit(*training, seed=1, watched=watched, patience=3, **settings)
    errors = []
    for state in after:
        stopped.net.load_state_dict(state)
        errors.append(
            np.mean(((model.predict(stopped, watched[0], watched[2]) - watched[1]) / np.ptp(training[1], axis=0)) ** 2)
        )
    least = int(np.argmin(errors))
    assert len(after) == stopped.settings["epochs"] == least + 4 < 40
    again = model.fit(*training, seed=1, watched=watched, patience=3, **settings)
    assert all((weights(again)[name] == value.cpu().numpy()).all() for name, value in after[least].items())


def test_watched_stances_change_no_scale_and_no_step(data):
    """Without patience running out, watching changes only which of the epochs is kept: the last one, where it is the
    best."""
    points, forces, lengths = data
    training = points[: lengths[:6].sum()], forces[: lengths[:6].sum()], lengths[:6]
    alone = model.fit(*training, seed=1, **SETTINGS)
    watching = model.fit(*training, seed=1, watched=training, patience=9, **SETTINGS)  # two epochs, both of which gain
    assert all((weights(alone)[name] == weights(watching)[name]).all() for name in weights(alone))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU that torch can use")
def test_a_gpu_gives_what_a_cpu_gives(data, monkeypatch):
    """Products of fewer digits (TF32), and another order of additions: a hundredth of a body weight after some epochs
    from the same weights."""
    points, forces, lengths = data
    settings = SETTINGS | {"dropout": 0.0, "epochs": 10}  # each device draws what it drops with a generator of its own
    estimates = {}
    for device in ("cpu", "cuda"):
        monkeypatch.setattr(model, "DEVICE", device)
        estimates[device] = model.predict(model.fit(points, forces, lengths, seed=0, **settings), points, lengths)
    assert (
        np.abs(estimates["cuda"] - estimates["cpu"]).max() < 0.03
        and metrics.rmse(estimates["cpu"], estimates["cuda"]).max() < 0.01
    )


def test_describe_and_restore_through_files_give_the_same_forces(data, tmp_path):
    from safetensors.numpy import load_file

    points, forces, lengths = data
    fitted = model.fit(points, forces, lengths, seed=0, **SETTINGS)
    arrays, description = model.describe(fitted)
    store.save(tmp_path, "m/model.safetensors", arrays)
    store.save(tmp_path, "m/model.json", description)
    again = model.restore(load_file(tmp_path / "m" / "model.safetensors"), store.read(tmp_path, "m/model.json"))
    np.testing.assert_array_equal(model.predict(again, points, lengths), model.predict(fitted, points, lengths))


def test_folds_are_disjoint_and_complete():
    parts = search.folds(23, 5, seed=1)
    assert sorted(np.concatenate([validation for _, validation in parts])) == list(range(23))
    assert all(not set(training) & set(validation) for training, validation in parts)


def test_folds_of_groups_keep_each_group_on_one_side():
    groups = np.repeat([f"v{number}" for number in range(7)], 4)
    parts = search.folds(28, 3, seed=1, groups=groups)
    assert sorted(np.concatenate([validation for _, validation in parts])) == list(range(28))
    assert all(not set(groups[training]) & set(groups[validation]) for training, validation in parts)


def run(data, folder, trials, seed=7):
    points, forces, lengths = data
    return search.run(
        points,
        forces,
        lengths,
        storage=search.journal(folder, "test"),
        seed=seed,
        trials=trials,
        parts=search.folds(len(lengths), 2, seed=seed),
        frames_per_step=10,
        epochs=1,
        ranges=RANGES,
    )


def test_search_interrupted_and_resumed_equals_an_undisturbed_one(data, tmp_path):
    """Six trials at once, against three, a trial left running by a kill, and three more."""
    whole = search.table(run(data, tmp_path / "whole", 6))
    run(data, tmp_path / "parts", 3)
    half = optuna.load_study(study_name="search", storage=search.journal(tmp_path / "parts", "test"))
    trial = half.ask()  # a kill leaves a running trial behind
    search.suggest(trial, RANGES)
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
        "import sys, numpy as np\nfrom grfkit import search\n"
        "if __name__ == '__main__':\n"
        "    search.SMALL = 0\n"
        "    data = list(np.load(sys.argv[1]).values())\n"
        f"    search.run(*data, storage=search.journal(sys.argv[2], 'test'), seed=7, trials=4,\n"
        f"               parts=search.folds(len(data[2]), 2, seed=7), frames_per_step=10, epochs=1,\n"
        f"               ranges={RANGES!r})\n",
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


def test_fingerprint_changes_with_data_and_settings(data):
    points, forces, lengths = data
    first = search.fingerprint(points, forces, lengths, seed=1)
    assert first == search.fingerprint(points.copy(), forces, lengths, seed=1)
    assert first != search.fingerprint(points + 1, forces, lengths, seed=1)
    assert first != search.fingerprint(points, forces, lengths, seed=2)
