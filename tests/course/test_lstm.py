"""Session 3 of the course: the notebook's own answers pass, usual mistakes get the hint that tells them, its network never looks aside."""

import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from helpers import ROOT
from scipy.special import expit as sigmoid
from sklearn.model_selection import GroupKFold, KFold

from grfkit import model, transform
from grfkit.course import lstm as course_lstm
from grfkit.course import network as course_network
from grfkit.estimators import search

NOTEBOOK = ROOT / "course" / "source" / "3_lstm" / "3_lstm.ipynb"


def cells():
    return nbformat.read(NOTEBOOK, as_version=4).cells


def answers():
    """Execute the notebook's solution cells; returns {function name: function}."""
    made = {"np": np, "torch": torch, "sigmoid": sigmoid}
    for cell in cells():
        if cell.cell_type == "code" and cell.metadata.nbgrader.solution:
            exec(cell.source, made)  # noqa: S102
    return {name: value for name, value in made.items() if hasattr(course_lstm, f"check_{name}")}


NAMES = ["minmax", "lstm_step", "masked_mse", "early_stop", "runner_folds", "mean_curve"]


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


WRONG = [
    ("minmax", lambda t, o: (o - o.min(axis=0)) / (np.ptp(o, axis=0) + 1e-300), "The limits come from `other`"),
    ("minmax", lambda t, o: (o - np.r_[t, o].min(axis=0)) / np.ptp(np.r_[t, o], axis=0), "That is leakage"),
    ("minmax", lambda t, o: (o - t.min()) / np.ptp(t), "each column has its own"),
    ("minmax", lambda t, o: ((o - t.min(axis=0)) / np.ptp(t, axis=0)).clip(0, 1), "cut off"),
    ("minmax", lambda t, o: (o - t.mean(axis=0)) / t.std(axis=0), "standard score"),
    ("minmax", lambda t, o: (o - t.min(axis=0)) / t.max(axis=0), "how long is the range"),
    ("minmax", lambda t, o: o / np.ptp(t, axis=0), "The minimum is not subtracted"),
    ("minmax", lambda t, o: (t - t.min(axis=0)) / np.ptp(t, axis=0), "yours has shape (30, 3)"),
    ("minmax", lambda t, o: 2 * o, "in proportion"),
    ("minmax", in_place, "work on a copy"),
    ("lstm_step", lambda *a: step(*a, candidate=sigmoid), "The candidate g goes through the sigmoid"),
    ("lstm_step", lambda *a: step(*a, gate=np.tanh), "The gates i, f and o go through tanh"),
    ("lstm_step", lambda *a: step(*a, out=lambda c: c), "goes through one more function"),
    ("lstm_step", lambda *a: step(*a, order=(1, 0, 2, 3)), "another order than i, f, g, o"),
    ("lstm_step", lambda *a: step(*a, order=(0, 1, 3, 2)), "another order than i, f, g, o"),
    ("lstm_step", lambda x, h, c, *w: step(x, 0 * h, c, *w), "still a recurrence"),
    ("lstm_step", lambda x, h, c, wx, wh, b: step(x, h, c, wx, wh, 0 * b), "The bias is missing"),
    ("lstm_step", lambda x, h, c, *w: step(x, h, 0 * c, *w), "f has no effect"),
    ("lstm_step", lambda *a: step(*a)[::-1], "in the other order"),
    ("lstm_step", lambda *a: step(*a)[0], "gives two arrays"),
    ("lstm_step", lambda *a: (0 * step(*a)[0], step(*a)[1]), "The new cell state is right"),
    ("lstm_step", lambda *a: (np.zeros(7), np.zeros(7)), "yours has shape (7,)"),
    ("lstm_step", lambda x, h, c, *w: (h, c), "Neither state is right"),
    ("lstm_step", cell_in_place, "An argument is changed"),
    ("masked_mse", lambda e, t, r: ((e - t) ** 2).mean(), "Padding counts"),
    ("masked_mse", lambda e, t, r: ((e - t) ** 2 * r).mean(), "not of the number you divide by"),
    (
        "masked_mse",
        lambda e, t, r: (((e - t) ** 2 * r).sum(dim=1) / r.sum(dim=1)).mean(),
        "Each stance is averaged first",
    ),
    ("masked_mse", lambda e, t, r: ((e - t)[r] ** 2).sum(), "divide by their number"),
    ("masked_mse", lambda e, t, r: ((e - t)[r] ** 2).mean().sqrt(), "take no root"),
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
    ("runner_folds", drawn, "differ by one at the most"),
    ("runner_folds", lambda r, k, s: good(r, k, s)[:-1], "folds are asked for"),
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


@pytest.mark.parametrize("name", NAMES)
def test_the_notebooks_own_answer_passes(name, capsys):
    getattr(course_lstm, f"check_{name}")(answers()[name])
    assert capsys.readouterr().out.startswith("Right: ")


@pytest.mark.parametrize(("name", "wrong", "hint"), WRONG)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_usual_mistake_gets_its_hint(name, wrong, hint):
    with pytest.raises(AssertionError) as caught:
        getattr(course_lstm, f"check_{name}")(wrong)
    assert hint in str(caught.value)


def not_written(*_):
    raise NotImplementedError


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "junk",
    [
        None,
        0.0,
        "text",
        [],
        [1, [2, 3]],
        np.zeros((2, 2)),
        np.full(3, np.nan),
        {"a": 1},
        object(),
        [(None, None)] * 5,
        [([0, "a"], [[1], [2, 3]])] * 5,
        torch.ones(2, requires_grad=True),
        torch.tensor(0.0),
        (1, 2),
    ],
)
def test_anything_else_gets_a_hint_and_no_other_error(name, junk):
    for function in (lambda *_: junk, lambda: junk, not_written):
        with pytest.raises(AssertionError):
            getattr(course_lstm, f"check_{name}")(function)


def test_each_exercise_is_a_solution_cell_and_then_its_locked_check():
    code = [(cell.metadata.nbgrader, cell.source) for cell in cells() if cell.cell_type == "code"]
    solutions = [place for place, (mark, _) in enumerate(code) if mark.solution]
    assert [code[place + 1][1] for place in solutions] == [f"course_lstm.check_{name}({name})" for name in NAMES]
    assert all(
        code[place + 1][0].locked and code[place + 1][0].grade and code[place + 1][0].points for place in solutions
    )
    names = [cell.metadata.nbgrader.grade_id for cell in cells()]
    assert len(set(names)) == len(names) and all(not cell.get("outputs") for cell in cells())


def test_the_librarys_folds_by_runner_pass_the_check():
    course_lstm.check_runner_folds(lambda runners, k, seed: search.folds(len(runners), k, seed=seed, groups=runners))


def test_early_stopping_is_the_librarys_own(monkeypatch):
    """model.fit keeps the same epoch and stops after the same one."""
    early_stop, rng = answers()["early_stop"], np.random.default_rng(0)
    monkeypatch.setattr(model, "_forward", lambda *_: None)
    for _ in range(50):
        errors, patience = rng.integers(1, 9, 12), int(rng.integers(1, 5))
        net, left = torch.nn.Linear(1, 1), iter(errors)
        monkeypatch.setattr(model, "masked_loss", lambda *_: next(left))  # noqa: B023
        watch, epochs = model._Watch(net, (None,) * 4, patience), 0
        for epoch in range(len(errors)):
            torch.nn.init.constant_(net.weight, epoch)
            epochs = epoch
            if watch.enough():
                break
        assert early_stop(errors, patience) == (int(watch.best["weight"]), epochs)


@pytest.fixture
def data():
    """Twelve made-up stances of four runners, 5 to 8 steps: all coordinates are the same, and the force follows from them."""
    rng = np.random.default_rng(3)
    lengths = rng.integers(5, 9, 12)
    rows = np.repeat(rng.normal(size=(lengths.sum(), 1)), 33, axis=1).astype(np.float32)
    points, real = transform.group_frames(rows, lengths, 1)
    table = pd.DataFrame({"runner": np.repeat([f"v{number}" for number in range(4)], 3), "side": list("lr" * 6)})
    return course_network.Data(points, 1 + points[..., 0], real[..., 0], table)


def test_fit_is_the_same_again_learns_and_never_looks_at_other_stances_or_padding(data):
    training, others = np.arange(8), np.arange(8, 12)
    one = course_network.fit(data, training, epochs=60, seed=1)
    assert one.shape == (60, *data.vertical.shape)
    error = course_network.rmse(data, one)[:, training].mean(axis=1)
    assert error[-1] < 0.5 * data.vertical[training][data.real[training]].std()  # the best constant errs by the SD
    forces, points = data.vertical.copy(), data.points.copy()
    forces[others] += 100
    forces[~data.real] -= 100
    points[~data.real] += 1000
    changed = course_network.fit(
        course_network.Data(points, forces, data.real, data.stances), training, epochs=60, seed=1
    )
    np.testing.assert_array_equal(changed[:, data.real], one[:, data.real])
    points[others] += 1000
    again = course_network.fit(
        course_network.Data(points, forces, data.real, data.stances), training, epochs=60, seed=1
    )
    np.testing.assert_array_equal(again[:, training][:, data.real[training]], one[:, training][:, data.real[training]])


def test_rmse_counts_real_samples_alone(data):
    slow = [
        np.sqrt(np.mean([(2.0 - data.vertical[s, t]) ** 2 for t in range(data.real.shape[1]) if data.real[s, t]]))
        for s in range(12)
    ]
    np.testing.assert_allclose(
        course_network.rmse(data, np.where(data.real, 2.0, 1e9)), slow, rtol=1e-6
    )  # forces are in single precision


def test_out_of_fold_estimates_each_stance_without_its_fold(data):
    folds = search.folds(12, 4, seed=0, groups=data.stances["runner"].to_numpy())
    every = course_network.out_of_fold(data, folds, epochs=2, seed=1)
    assert np.isfinite(every).all()
    for training, validation in folds:
        np.testing.assert_array_equal(
            every[:, validation], course_network.fit(data, training, epochs=2, seed=1)[:, validation]
        )


def test_stretch_inverts_curves_where_the_curve_is_a_line(data):
    lines = np.where(data.real, np.linspace(1, 2, 12)[:, None] * np.arange(data.real.shape[1]), 0)
    made = course_network.Data(data.points, lines, data.real, data.stances)
    np.testing.assert_allclose(course_network.stretch(made, course_network.curves(made)), lines, atol=1e-12)


def test_masked_mse_is_what_the_exercise_asks_for():
    course_lstm.check_masked_mse(course_network.masked_mse)


def test_figures_show_what_they_are_given(data):
    from matplotlib.figure import Figure

    runners = data.stances["runner"].to_numpy()
    ax = course_network.draw_folds(Figure().subplots(), search.folds(12, 4, seed=0, groups=runners), runners)
    np.testing.assert_array_equal(ax.collections[0].get_array().reshape(4, 12).sum(axis=1), 3)
    table = pd.DataFrame({"a": [0.1, 0.3], "b": [0.2, 0.6]}, index=["v0", "v1"])
    assert [text.get_text() for text in course_network.draw_runners(Figure().subplots(), table).texts] == [
        "0.200",
        "0.400",
    ]
    ax = course_network.draw_padding(Figure().subplots(), data, [0, 3])
    assert [len(line.get_xdata()) for line in ax.lines] == [data.real[0].sum(), data.real[3].sum()]
    ax = course_network.draw_ranges(Figure().subplots(), data.points[0])
    assert ax.collections[0].get_segments()[2][:, 1].tolist() == [
        data.points[0, :, 2].min(),
        data.points[0, :, 2].max(),
    ]
