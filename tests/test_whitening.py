"""The layer before the LSTM: window and matrix against literal versions, what it refuses, what it is good for."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from grfkit import metrics, model, transform
from grfkit.points import InputError

RNG = np.random.default_rng(5)
SETTINGS = {
    "frames_per_step": 1,
    "units": 8,
    "layers": 1,
    "dropout": 0.0,
    "learning_rate": 0.02,
    "batch_size": 8,
    "epochs": 2,
    "window": 3,
    "shrinkage": 1e-5,
}


def walks(lengths, variables):
    """Draw points (N, variables) of stances: white noise and a random walk, so that no direction is empty."""
    return np.concatenate(
        [RNG.normal(size=(n, variables)) + RNG.normal(size=(n, variables)).cumsum(axis=0) for n in lengths]
    )


def literal_windows(stances, window):
    """Lay out the windows of stances, a list of (L, C), one by one: (N, window * C)."""
    rows = []
    for stance in stances:
        for step in range(len(stance)):
            near = []
            for place in range(step - window // 2, step + window // 2 + 1):
                inside = 0 if place < 0 else len(stance) - 1 if place >= len(stance) else place
                near.extend(stance[inside])
            rows.append(near)
    return np.array(rows)


@pytest.fixture
def fitted():
    """Fit the layer to stances of three lengths: a function of window and shrinkage.

    Gives the layer, the windows (N, W * C) of the real steps by the literal loop, and what the layer makes of them.
    """

    def make(window, shrinkage):
        lengths = np.array([30, 41, 30, 55])
        points = walks(lengths, 3)
        scalers = transform.fit_minmax(points), transform.fit_minmax(points[:, :1])
        steps, _, _, buckets = stances = model.tensors(points, points[:, :1], lengths, scalers, 1)
        net = model.ForceLSTM(3, 1, units=2, layers=1, dropout=0.0, window=window).to(model.DEVICE)
        net.whitening.fit(steps, buckets, shrinkage)
        given = [scalers[0].transform(part) for part in np.split(points, transform.starts(lengths)[1:])]
        made = model.whitened(net, stances)[0].cpu().numpy()
        real = np.arange(made.shape[1]) < lengths[:, None]
        return net.whitening.cpu(), literal_windows(given, window), made[real]

    return make


@pytest.mark.parametrize("window", [1, 3, 7])
def test_windows_repeat_the_first_and_the_last_step_as_a_literal_loop_does(window):
    stances = RNG.normal(size=(2, 5, 3))
    made = model.windows(torch.as_tensor(stances), window).numpy()
    np.testing.assert_array_equal(made.reshape(-1, 3 * window), literal_windows(stances, window))


def test_whitened_steps_are_those_of_a_literal_version(fitted):
    _, windows, made = fitted(3, 1e-3)
    values, vectors = np.linalg.eigh(np.cov(windows.T, bias=True))
    literal = (windows - windows.mean(axis=0)) @ (vectors / np.sqrt(values + 1e-3 * values.max()))
    np.testing.assert_allclose(made * np.sign((made * literal).sum(axis=0)), literal, atol=1e-3)  # signs are free


def test_whitening_without_shrinkage_is_scikit_learns(fitted):
    _, windows, made = fitted(3, 1e-12)
    theirs = PCA(whiten=True).fit_transform(windows)[:, ::-1]  # largest first; it divides by N - 1
    theirs *= np.sqrt(len(windows) / (len(windows) - 1))
    np.testing.assert_allclose(made * np.sign((made * theirs).sum(axis=0)), theirs, atol=2e-3)  # single precision


@pytest.mark.parametrize("shrinkage", [1e-9, 1e-2])
def test_whitened_training_steps_are_uncorrelated_with_the_variance_that_shrinkage_leaves(fitted, shrinkage):
    _, windows, made = fitted(5, shrinkage)
    values = np.linalg.eigvalsh(np.cov(windows.T, bias=True))
    expected = np.diag(values / (values + shrinkage * values.max()))
    np.testing.assert_allclose(made.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(np.cov(made.T, bias=True), expected, atol=1e-3)


def test_whitening_can_be_inverted_and_so_adds_and_loses_nothing(fitted):
    layer, windows, made = fitted(5, 1e-5)
    mean, matrix = (value.double().numpy() for value in (layer.mean, layer.matrix))
    np.testing.assert_allclose(made @ np.linalg.inv(matrix) + mean, windows, atol=1e-5)


@pytest.fixture
def second_differences():
    """A hundred training and ten other stances of masses under forces.

    Points are the forces' double sum: one unit of force is 1 mm a step squared, within a metre.
    """

    def make(stances, seed):
        rng = np.random.default_rng(seed)
        lengths = rng.integers(22, 28, stances)
        points, forces = [], []
        for n in lengths:
            share = np.linspace(0, 1, n)
            waves = rng.normal(size=(3, 4)) @ np.sin(np.pi * np.arange(1, 5)[:, None] * (share + rng.uniform()))
            place = rng.uniform(-0.5, 0.5, 3)[:, None] + rng.uniform(-0.01, 0.01, 3)[:, None] * np.arange(n)
            points.append((place + 1e-3 * waves.cumsum(axis=1).cumsum(axis=1)).T)
            forces.append(waves.T)
        return np.concatenate(points), np.concatenate(forces), lengths

    return make(100, 1), make(10, 2)


def test_a_force_that_is_a_second_difference_is_found_in_a_few_epochs_by_the_whitened_network_alone(second_differences):
    training, others = second_differences
    errors = {}
    for window, shrinkage in ((None, None), (5, 1e-9)):
        settings = SETTINGS | {"units": 16, "epochs": 10, "window": window, "shrinkage": shrinkage}
        made = model.fit(*training, seed=0, **settings)
        errors[window] = metrics.rmse(others[1], model.predict(made, others[0], others[2])) / others[1].std(axis=0)
    assert (errors[5] < 0.6).all() and (errors[None] > 0.9).all()  # the mean errs by 1


@pytest.fixture
def data(tidy):
    stances, frames = tidy(8)
    return transform.arrays(frames, stances)[:3]


def test_describe_and_restore_keep_the_layer_and_a_model_of_before_has_none(data):
    points, _, lengths = data
    whitened = model.fit(*data, seed=0, **SETTINGS)
    weights, description = model.describe(whitened)
    assert {"whitening.mean", "whitening.matrix"} <= set(weights)
    again = model.restore(weights, description)
    np.testing.assert_array_equal(model.predict(again, points, lengths), model.predict(whitened, points, lengths))
    plain = model.fit(*data, seed=0, **SETTINGS | {"window": None, "shrinkage": None})
    weights, description = model.describe(plain)
    assert {name.split(".")[0] for name in weights} == {"lstm", "head"}
    for name in ("window", "shrinkage"):  # as saved before there was a layer
        del description["settings"][name]
    again = model.restore(weights, description)
    np.testing.assert_array_equal(model.predict(again, points, lengths), model.predict(plain, points, lengths))


@pytest.mark.parametrize("window", [None, 3])
def test_offsets_move_every_step_of_a_stance(data, window):
    """What is added behind the layer is what the layer makes of points that lie elsewhere, all stance long."""
    points, forces, lengths = data
    scalers = transform.fit_minmax(points), transform.fit_minmax(forces)
    net = model.ForceLSTM(33, 3, units=2, layers=1, dropout=0.0, window=window).to(model.DEVICE)
    stances = model.tensors(points, forces, lengths, scalers, 1)
    if window:
        net.whitening.fit(stances[0], stances[3], 1e-3)
    offset = RNG.normal(scale=0.02, size=33)
    moved = model.whitened(net, model.tensors(points + offset, forces, lengths, scalers, 1))[0]
    added = torch.as_tensor(offset / 0.02, dtype=torch.float32, device=model.DEVICE) @ model._offsets(
        net, 0.02 * scalers[0].scale_
    )
    real = np.arange(moved.shape[1]) < lengths[:, None]
    np.testing.assert_allclose((model.whitened(net, stances)[0] + added).cpu()[real], moved.cpu()[real], atol=2e-3)


def test_no_offsets_are_no_change(data):
    weights = [model.describe(model.fit(*data, seed=0, **SETTINGS, offset_m=size))[0] for size in (0.0, 0.05)]
    alone = model.describe(model.fit(*data, seed=0, **SETTINGS))[0]
    assert all((alone[name] == weights[0][name]).all() for name in alone)
    assert any(not np.allclose(alone[name], weights[1][name]) for name in alone)
    for name in ("whitening.mean", "whitening.matrix"):  # they are fitted to the points as they are
        np.testing.assert_array_equal(weights[1][name], alone[name])


def test_each_epoch_moves_every_stance_by_other_offsets_of_the_given_size_all_stance_long(data, monkeypatch):
    """Of one stance, sixty times: what the network reads in training, less that stance, are the offsets."""
    stance, epochs, read, seen = [part[: data[2][0]] for part in data[:2]], SETTINGS["epochs"], model.ForceLSTM.read, []
    monkeypatch.setattr(
        model.ForceLSTM, "read", lambda net, steps: seen.append(steps.cpu().numpy()) or read(net, steps)
    )
    sixty = [np.tile(part, (60, 1)) for part in stance], np.full(60, len(stance[0]))
    settings = SETTINGS | {"window": None, "shrinkage": None, "offset_m": 0.02}
    scaler = model.fit(*sixty[0], sixty[1], seed=0, **settings).points_scaler
    moved = (np.concatenate(seen) - scaler.transform(stance[0])) / scaler.scale_  # m
    np.testing.assert_allclose(moved, np.repeat(moved[:, :1], len(stance[0]), axis=1), atol=1e-5)  # single precision
    offsets = moved[:, 0]
    assert offsets.shape == (60 * epochs, 33) and len(np.unique(offsets[:, 0].round(4))) > 0.9 * len(offsets)
    np.testing.assert_allclose(offsets.std(axis=0), 0.02, rtol=0.3)  # 120 draws know an SD to 6 %
    assert offsets.std() == pytest.approx(0.02, rel=0.05) and np.abs(np.corrcoef(offsets.T) - np.eye(33)).max() < 0.5


def test_a_stance_shorter_than_the_window_is_estimated(data):
    points, _, _ = data
    made = model.fit(*data, seed=0, **SETTINGS)
    assert np.isfinite(model.predict(made, points[:2], np.array([2]))).all()


def test_forces_of_stances_are_whitened_by_training_rows_alone(data):
    """The layer's mean and matrix are those of a fit without the watched stances."""
    points, forces, lengths = data
    rows = lengths[:6].sum()
    training, watched = (points[:rows], forces[:rows], lengths[:6]), (points[rows:] + 1, forces[rows:], lengths[6:])
    alone = model.describe(model.fit(*training, seed=1, **SETTINGS))[0]
    watching = model.describe(model.fit(*training, seed=1, watched=watched, patience=9, **SETTINGS))[0]
    for name in ("whitening.mean", "whitening.matrix"):
        np.testing.assert_array_equal(watching[name], alone[name])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"window": 4}, "is an odd number, with as many steps before as after; found 4. Set it to 5, 7 or 9."),
        ({"window": 0}, "is an odd number, with as many steps before as after; found 0."),
        ({"window": None}, "is an odd number, with as many steps before as after; found None."),
        ({"shrinkage": 0.0}, "share of the largest eigenvalue, a finite number above 0; found 0.0."),
        ({"shrinkage": -1e-5}, "found -1e-05."),
        ({"shrinkage": float("nan")}, "found nan."),
        ({"shrinkage": float("inf")}, "found inf."),
        ({"shrinkage": None}, "found None."),
        ({"window": 9, "frames_per_step": 40}, "found a window of 9 LSTM steps and a stance of 6 ("),
        (
            {"window": 5, "frames_per_step": 20},
            " steps in 8 training stances, and 165 inputs (5 steps of 33 variables).",
        ),
    ],
)
def test_what_cannot_be_whitened_is_one_message(data, change, said):
    with pytest.raises(InputError) as caught:
        model.fit(*data, seed=0, **SETTINGS | change)
    assert said in str(caught.value) and str(caught.value).endswith(".")


def test_a_constant_input_is_named(data):
    points, forces, lengths = data
    still = points.copy()
    still[:, [3, 32]] = 0.2
    with pytest.raises(InputError, match="constant in all training stances: l_hip_ap, r_toe_v. Check that point"):
        model.fit(still, forces, lengths, seed=0, **SETTINGS)
    twice = np.concatenate([points, still], axis=1)
    with pytest.raises(InputError, match="stances: number 37 of 66, number 66 of 66"):
        model.fit(twice, forces, lengths, seed=0, **SETTINGS)
    model.fit(still, forces, lengths, seed=0, **SETTINGS | {"window": None, "shrinkage": None})  # it does no harm


def test_as_many_steps_as_inputs_are_enough_and_one_fewer_is_refused():
    for steps, refused in ((6, False), (5, True)):
        points = RNG.normal(size=(steps, 6))
        settings = SETTINGS | {"window": 1}
        if refused:
            with pytest.raises(InputError, match="found 5 steps in 1 training stances, and 6 inputs"):
                model.fit(points, points[:, :3], np.array([steps]), seed=0, **settings)
        else:
            made = model.fit(points, points[:, :3], np.array([steps]), seed=0, **settings)
            assert np.isfinite(model.predict(made, points, np.array([steps]))).all()


def test_a_window_may_be_as_long_as_the_shortest_stance_and_no_longer():
    points, lengths = RNG.normal(size=(45, 2)), np.array([40, 5])
    transform.check_whitening(points, lengths, frames_per_step=1, window=5, shrinkage=1e-3)
    transform.check_whitening(points, lengths, frames_per_step=2, window=3, shrinkage=1e-3)  # 20 and 3 steps
    with pytest.raises(InputError, match=r"a window of 7 LSTM steps and a stance of 5 \(5 frames, 1 in a step\)"):
        transform.check_whitening(points, lengths, frames_per_step=1, window=7, shrinkage=1e-3)


def test_learning_holds_the_errors_of_each_epoch(data):
    """Without dropout, and a learning rate of nearly 0, they are the errors of the network itself."""
    points, forces, lengths = data
    watched = points[: lengths[0]], forces[: lengths[0]], lengths[:1]
    settings = SETTINGS | {"learning_rate": 1e-9, "epochs": 3}
    made = model.fit(*data, seed=0, watched=watched, patience=9, **settings)
    scale = np.ptp(forces, axis=0)
    error = (model.predict(made, points, lengths) - forces) / scale
    assert len(made.learning) == 3
    assert made.learning[-1][0] == pytest.approx(np.sqrt(np.mean(error**2)), rel=0.05)  # batches differ in length
    assert made.learning[-1][1] == pytest.approx(np.sqrt(np.mean(error[: lengths[0]] ** 2)), rel=1e-3)
    assert np.isnan(model.fit(*data, seed=0, **settings).learning[0][1])
