"""The LSTM: padding, leakage, seeds, and what is saved."""

import numpy as np
import pytest
import torch

from grfkit import metrics, model, transform
from grfkit.estimators import lstm
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


def one_cycle(step, steps, start, middle, end):
    """Give a value that goes by half cosines from `start` to `middle` over .3 of all steps, and on to `end`."""
    top = 0.3 * steps - 1
    first, last, share = (start, middle, step / top) if step <= top else (middle, end, (step - top) / (steps - 1 - top))
    return last + (first - last) * (1 + np.cos(np.pi * share)) / 2


def test_fit_trains_as_a_literal_loop_does(monkeypatch):
    """AdamW (Loshchilov & Hutter 2019), one cycle of the rate (Smith & Topin 2019), gradients of norm .7 at most."""
    monkeypatch.setattr(model, "LARGEST_GRADIENT", 0.7)
    monkeypatch.setattr(model, "DEVICE", "cpu")
    rng, lengths = np.random.default_rng(6), np.full(10, 20)
    points, forces = (rng.normal(size=(200, count)) for count in (4, 3))
    layers, peak, epochs = {"units": 5, "layers": 1, "dropout": 0.0}, 0.01, 5
    settings = layers | {"frames_per_step": 1, "batch_size": 4, "learning_rate": peak, "epochs": epochs}
    found = model.fit(points, forces, lengths, seed=3, **settings).net.state_dict()

    x, y = ((rows - rows.min(axis=0)) / np.ptp(rows, axis=0) for rows in (points, forces))
    x, y = (torch.as_tensor(rows.reshape(10, 20, -1), dtype=torch.float32) for rows in (x, y))
    with torch.random.fork_rng():
        torch.manual_seed(3)
        net, norms = model.ForceLSTM(4, 3, **layers), []
        weights = list(net.parameters())
        means, squares = ([torch.zeros_like(weight) for weight in weights] for _ in range(2))
        for step in range(3 * epochs):
            if step % 3 == 0:
                parts = torch.randperm(10).tensor_split(3)
                order = torch.randperm(3).tolist()
            batch = parts[order[step % 3]]
            gradients = torch.autograd.grad(((net(x[batch]) - y[batch]) ** 2).mean(), weights)
            norms.append(float(sum((gradient**2).sum() for gradient in gradients) ** 0.5))
            rate = one_cycle(step, 3 * epochs, peak / 25, peak, peak / 250_000)
            beta = one_cycle(step, 3 * epochs, 0.95, 0.85, 0.95)
            for weight, gradient, mean, square in zip(weights, gradients, means, squares, strict=True):
                clipped = gradient * min(1, 0.7 / norms[-1])
                mean.mul_(beta).add_((1 - beta) * clipped)
                square.mul_(0.999).add_(0.001 * clipped**2)
                size = (square / (1 - 0.999 ** (step + 1))).sqrt() + 1e-8
                weight.data = weight * (1 - 0.01 * rate) - rate * mean / (1 - beta ** (step + 1)) / size
    assert min(norms) < 0.7 < max(norms)
    for name, value in net.state_dict().items():
        np.testing.assert_allclose(found[name], value, atol=2e-5)  # single precision; no decay moves them by 3e-4


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
        lstm.hold(*everything)
        errors.append(lstm.fold_error(np.arange(4), np.arange(4, 8), seed=0, **SETTINGS))
    clean, spoiled = fitted
    assert errors[1] > 100 * errors[0]  # the validation did see them
    assert all((weights(clean)[name] == weights(spoiled)[name]).all() for name in weights(clean))
    np.testing.assert_array_equal(spoiled.points_scaler.data_max_, clean.points_scaler.data_max_)


def test_fold_error_is_the_error_on_the_validation_stances(data):
    points, forces, lengths = data
    lstm.hold(*data)
    training, validation = np.arange(6), np.array([6, 7])
    error = lstm.fold_error(training, validation, seed=0, **SETTINGS)
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
        error = epoch(net, *others)
        after.append({name: value.clone() for name, value in net.state_dict().items()})
        return error

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
