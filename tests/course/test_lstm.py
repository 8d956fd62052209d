"""Session 3 of the course: usual mistakes get the hint that names them; early stopping and folds are the library's."""

import numpy as np
import pytest
import torch
from helpers import refused, solutions
from scipy.special import expit as sigmoid
from sklearn.model_selection import GroupKFold, KFold

from grfkit import model
from grfkit.course import lstm as course_lstm
from grfkit.course import network as course_network
from grfkit.course import whitening as course_whitening
from grfkit.estimators import search

RIGHT = solutions("3_lstm")


def step(x, h, c, wx, wh, b, order=(0, 1, 2, 3), gate=sigmoid, candidate=np.tanh, out=np.tanh):
    blocks = np.split(wx @ x + wh @ h + b, 4)
    i, f, g, o = (blocks[place] for place in order)
    new = gate(f) * c + gate(i) * candidate(g)
    return gate(o) * out(new), new


def in_place(training, other):
    other -= training.min(axis=0)
    return other / np.ptp(training, axis=0)


def cell_in_place(x, h, c, wx, wh, b):
    i, f, g, o = np.split(wx @ x + wh @ h + b, 4)
    c *= sigmoid(f)
    c += sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def stop(errors, patience, *, better=lambda errors, epoch, kept: errors[epoch] < errors[kept], anew=True):
    kept, waited = 0, 0
    for epoch in range(1, len(errors)):
        if better(errors, epoch, kept):
            kept, waited = epoch, 0 if anew else waited
        else:
            waited += 1
        if waited == patience:
            return kept, epoch
    return kept, len(errors) - 1


def versus_before(errors, patience):
    waited = 0
    for epoch in range(1, len(errors)):
        waited = waited + 1 if errors[epoch] >= errors[epoch - 1] else 0
        if waited == patience:
            return int(np.argmin(errors[: epoch + 1])), epoch
    return int(np.argmin(errors)), len(errors) - 1


def dealt(runners, k, names):
    held = [np.isin(runners, part) for part in np.array_split(names, k)]
    return [(np.flatnonzero(~mine), np.flatnonzero(mine)) for mine in held]


def good(runners, k, seed):
    return dealt(runners, k, np.random.default_rng(seed).permutation(np.unique(runners)))


def drawn(runners, k, seed):
    names = np.unique(runners)
    fold = np.random.default_rng(seed).permutation(np.r_[np.arange(k), np.zeros(len(names) - k, int)])
    return [
        (np.flatnonzero(np.isin(runners, names[fold != j])), np.flatnonzero(np.isin(runners, names[fold == j])))
        for j in range(k)
    ]


def mean_of(taken):
    return lambda curves, sides, runners: np.stack(
        [curves[taken(sides, runners, s)].mean(axis=0) for s in range(len(curves))]
    )


def by_svd(training, other, shrinkage, *, kept=slice(None), turn=None):
    """Whiten by the singular values of the training rows, in any order of the components and with any signs."""
    mean = training.mean(axis=0)
    lengths, vectors = np.linalg.svd(training - mean, full_matrices=False)[1:]
    variances = lengths**2 / (len(training) - 1)
    white = (other - mean) @ vectors.T / np.sqrt(variances + shrinkage * variances.max())
    return white[:, kept] if turn is None else white @ turn(white.shape[1])


def whitened_by(matrix, *, rows=lambda training, other: training, centre=True):
    """Whiten as `matrix` (variances, vectors, shrinkage) says, fitted to some rows."""

    def whiten(training, other, shrinkage):
        fitted = rows(training, other)
        variances, vectors = np.linalg.eigh(np.cov(fitted, rowvar=False))
        return (other - centre * fitted.mean(axis=0)) @ matrix(variances, vectors, shrinkage)

    return whiten


def good_matrix(variances, vectors, shrinkage):
    return vectors / np.sqrt(variances + shrinkage * variances[-1])


WRONG = [
    ("whiten", whitened_by(good_matrix, rows=lambda t, o: o), "come from `other`: which rows"),
    ("whiten", whitened_by(good_matrix, rows=lambda t, o: np.r_[t, o]), "That is leakage"),
    ("whiten", whitened_by(good_matrix, centre=False), "is not subtracted"),
    ("whiten", whitened_by(lambda v, e, s: e / (v + s * v[-1])), "divide by the variances"),
    ("whiten", whitened_by(lambda v, e, s: e / np.sqrt(v)), "The shrinkage has no effect"),
    ("whiten", whitened_by(lambda v, e, s: e / np.sqrt(v + s)), "of what is it a share"),
    ("whiten", whitened_by(lambda v, e, s: e / (np.sqrt(v) + s * np.sqrt(v[-1]))), "after the root"),
    ("whiten", whitened_by(lambda v, e, s: e.T / np.sqrt(v + s * v[-1])), "Rows and columns"),
    ("whiten", whitened_by(lambda v, e, s: good_matrix(v, e, s).T), "Rows and columns"),
    ("whiten", whitened_by(lambda v, e, s: e), "but not scaled"),
    ("whiten", lambda t, o, s: (o - t.mean(axis=0)) / t.std(axis=0, ddof=1), "they stay correlated"),
    ("whiten", lambda t, o, s: by_svd(t, o, s, kept=slice(1)), "yours has shape (12, 1)"),
    ("whiten", lambda t, o, s: by_svd(t, o, 2 * s), "not whitened"),
    ("whiten", lambda t, o, s: by_svd(np.subtract(t, t.mean(axis=0), out=t), o, s), "changes the array"),
    ("minmax", lambda t, o: (o - o.min(axis=0)) / (np.ptp(o, axis=0) + 1e-300), "The limits come from `other`"),
    ("minmax", lambda t, o: (o - np.r_[t, o].min(axis=0)) / np.ptp(np.r_[t, o], axis=0), "That is leakage"),
    ("minmax", lambda t, o: (o - t.min()) / np.ptp(t), "each column has its own"),
    ("minmax", lambda t, o: ((o - t.min(axis=0)) / np.ptp(t, axis=0)).clip(0, 1), "cut off"),
    ("minmax", lambda t, o: (o - t.mean(axis=0)) / t.std(axis=0), "standard score"),
    ("minmax", lambda t, o: (o - t.min(axis=0)) / t.max(axis=0), "How long is the range"),
    ("minmax", lambda t, o: o / np.ptp(t, axis=0), "The minimum is not subtracted"),
    ("minmax", lambda t, o: (t - t.min(axis=0)) / np.ptp(t, axis=0), "yours has shape (30, 3)"),
    ("minmax", lambda t, o: 2 * o, "in proportion"),
    ("minmax", in_place, "changes the array"),
    ("lstm_step", lambda *a: step(*a, candidate=sigmoid), "The candidate g goes through the sigmoid"),
    ("lstm_step", lambda *a: step(*a, gate=np.tanh), "The gates i, f and o go through tanh"),
    ("lstm_step", lambda *a: step(*a, out=lambda c: c), "something is missing"),
    ("lstm_step", lambda *a: step(*a, order=(1, 0, 2, 3)), "another order than i, f, g, o"),
    ("lstm_step", lambda *a: step(*a, order=(0, 1, 3, 2)), "another order than i, f, g, o"),
    ("lstm_step", lambda x, h, c, *w: step(x, 0 * h, c, *w), "still a recurrence"),
    ("lstm_step", lambda x, h, c, wx, wh, b: step(x, h, c, wx, wh, 0 * b), "The bias is missing"),
    ("lstm_step", lambda x, h, c, *w: step(x, h, 0 * c, *w), "f has no effect"),
    ("lstm_step", lambda *a: step(*a)[::-1], "in the other order"),
    ("lstm_step", lambda *a: step(*a)[0], "gives two arrays"),
    ("lstm_step", lambda *a: (0 * step(*a)[0], step(*a)[1]), "The new cell state is right"),
    ("lstm_step", lambda *a: (np.zeros(7), np.zeros(7)), "yours has shape (7,)"),
    ("lstm_step", lambda x, h, c, *w: (h, c), "The new cell state is not right"),
    ("lstm_step", cell_in_place, "changes the array"),
    ("masked_mse", lambda e, t, r: ((e - t) ** 2).mean(), "Padding counts"),
    ("masked_mse", lambda e, t, r: ((e - t) ** 2 * r).mean(), "not of the number you divide by"),
    (
        "masked_mse",
        lambda e, t, r: (((e - t) ** 2 * r).sum(dim=1) / r.sum(dim=1)).mean(),
        "Each stance is averaged first",
    ),
    ("masked_mse", lambda e, t, r: ((e - t)[r] ** 2).sum(), "not their mean"),
    ("masked_mse", lambda e, t, r: ((e - t)[r] ** 2).mean().sqrt(), "This is the root"),
    ("masked_mse", lambda e, t, r: (e - t)[r].abs().mean(), "absolute errors"),
    ("masked_mse", lambda e, t, r: ((e - t)[r] ** 2).mean().item(), "must be a tensor"),
    ("masked_mse", lambda e, t, r: ((e - t)[r] ** 2).mean().detach(), "lost its gradient"),
    (
        "masked_mse",
        lambda e, t, r: torch.tensor(((e - t)[r] ** 2).mean().item(), requires_grad=True),
        "its gradient is not",
    ),
    ("masked_mse", lambda e, t, r: ((e - t) ** 2 * r).sum(dim=1), "one number"),
    ("early_stop", lambda e, p: (int(np.argmin(e)), stop(e, p)[1]), "nobody has ever seen that epoch"),
    ("early_stop", lambda e, p: (int(np.argmin(e)), len(e) - 1), "runs to the end"),
    ("early_stop", lambda e, p: tuple(epoch + 1 for epoch in stop(e, p)), "counted from 0"),
    ("early_stop", lambda e, p: stop(e, p + 1), "one epoch late"),
    ("early_stop", lambda e, p: stop(e, p - 1), "one epoch early"),
    ("early_stop", lambda e, p: stop(e, p, better=lambda e, now, kept: e[now] <= e[kept]), "only as good"),
    ("early_stop", lambda e, p: stop(e, p, anew=False), "the count begins anew"),
    ("early_stop", versus_before, "compared with the one before"),
    ("early_stop", lambda e, p: stop(e, p)[1:] * 2, "the last epoch are kept"),
    ("early_stop", lambda e, p: stop(e, p)[0], "gives two numbers"),
    ("runner_folds", lambda r, k, s: list(KFold(k, shuffle=True, random_state=s).split(r)), "on both sides"),
    ("runner_folds", lambda r, k, s: GroupKFold(k, shuffle=True, random_state=s).split(r, groups=r), "generator"),
    ("runner_folds", lambda r, k, s: [fold[::-1] for fold in good(r, k, s)], "exchanged"),
    ("runner_folds", lambda r, k, s: dealt(r, k, np.unique(r)), "the seed has no effect"),
    ("runner_folds", lambda r, k, s: good(r, k, None), "The same seed gives other folds"),
    ("runner_folds", drawn, "differ by one at most"),
    ("runner_folds", lambda r, k, s: good(r, k, s)[:-1], "The answer needs k ="),
    ("runner_folds", lambda r, k, s: [(r[t], r[v]) for t, v in good(r, k, s)], "indices of stances, whole numbers"),
    (
        "runner_folds",
        lambda r, k, s: [(np.isin(np.arange(len(r)), t), np.isin(np.arange(len(r)), v)) for t, v in good(r, k, s)],
        "masks",
    ),
    ("runner_folds", lambda r, k, s: [good(r, k, s)[0]] * k, "validated more than once"),
    ("runner_folds", lambda r, k, s: [(t[1:], v) for t, v in good(r, k, s)], "on neither side"),
    ("runner_folds", lambda r, k, s: [v for _, v in good(r, k, s)], "is a pair"),
    ("mean_curve", mean_of(lambda s, r, n: s == s[n]), "own stances are in the mean"),
    (
        "mean_curve",
        mean_of(lambda s, r, n: (s == s[n]) & (np.arange(len(s)) != n)),
        "other stances are still in the mean",
    ),
    ("mean_curve", mean_of(lambda s, r, n: r != r[n]), "averaged together"),
    ("mean_curve", mean_of(lambda s, r, n: (s != s[n]) & (r != r[n])), "the other side"),
    ("mean_curve", mean_of(lambda s, r, n: (s == s[n]) & (r == r[n])), "opposite of a baseline"),
    ("mean_curve", lambda c, s, r: c.mean(axis=0), "a curve for each stance"),
    (
        "mean_curve",
        lambda c, s, r: np.stack(
            [
                np.mean(
                    [c[(r == o) & (s == s[n])].mean(axis=0) for o in np.unique(r[(r != r[n]) & (s == s[n])])], axis=0
                )
                for n in range(len(c))
            ]
        ),
        "Each runner is averaged first",
    ),
]


@pytest.mark.parametrize(("name", "wrong", "hint"), WRONG)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_usual_mistake_gets_its_hint(name, wrong, hint):
    module = course_whitening if name == "whiten" else course_lstm
    assert hint in refused(getattr(module, f"check_{name}"), wrong)


def test_whitening_may_turn_its_components_and_divide_by_n_or_n_minus_1():
    course_whitening.check_whiten(by_svd)
    course_whitening.check_whiten(lambda *given: by_svd(*given, turn=lambda n: -np.eye(n)[::-1]))
    course_whitening.check_whiten(
        lambda t, o, s: by_svd(t, o, s) * np.sqrt(len(t) / (len(t) - 1))  # as a covariance that divides by N gives
    )


def test_the_networks_layer_whitens_as_the_exercise_asks_for():
    """The library's layer, over windows, is the student's function on the windows of the training rows."""
    rng = np.random.default_rng(3)
    lengths = np.repeat([12, 15], 30)
    real = torch.as_tensor(np.arange(15) < lengths[:, None])
    steps = torch.as_tensor(rng.normal(size=(60, 15, 33)).cumsum(axis=1), dtype=torch.float32)
    training = np.arange(5, 60)
    white = course_network._whitened(steps, real, training)
    windows = [
        model.windows(one[None, :count], course_network.WINDOW)[0].numpy()
        for one, count in zip(steps, lengths, strict=True)
    ]
    right = RIGHT.whiten(np.concatenate([windows[stance] for stance in training]), windows[0], course_network.SHRINKAGE)
    yours = white[0, : lengths[0]].numpy()
    np.testing.assert_allclose(yours @ yours.T, right @ right.T, rtol=0.003, atol=0.01)  # N or N - 1, single precision
    assert (white[0, lengths[0] :] == 0).all()


def test_the_librarys_folds_by_runner_pass_the_check():
    course_lstm.check_runner_folds(lambda runners, k, seed: search.folds(len(runners), k, seed=seed, groups=runners))


def test_early_stopping_is_the_librarys_own(monkeypatch):
    """model.fit keeps the same epoch and stops after the same one."""
    rng = np.random.default_rng(0)
    monkeypatch.setattr(model, "_each", lambda *_: None)
    for _ in range(50):
        errors, patience = rng.integers(1, 9, 12), int(rng.integers(1, 5))
        net, left = torch.nn.Linear(1, 1), iter(errors)
        net.read = net.forward
        monkeypatch.setattr(model, "masked_loss", lambda *_: next(left))  # noqa: B023
        watch, epochs = model._Watch(net, (None,) * 4, patience), 0
        for epoch in range(len(errors)):
            torch.nn.init.constant_(net.weight, epoch)
            epochs = epoch
            if watch.enough():
                break
        assert RIGHT.early_stop(errors, patience) == (int(watch.best["weight"]), epochs)


def test_masked_mse_is_what_the_exercise_asks_for():
    course_lstm.check_masked_mse(course_network._loss)
