"""Session 3's network: it repeats, learns, never sees other stances or padding; its curves, errors and figures."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from grfkit import transform
from grfkit.course import network as course_network
from grfkit.estimators import search


@pytest.fixture
def data():
    """Twelve made-up stances of four runners, 5 to 8 steps: all coordinates are equal, and the force follows them."""
    rng = np.random.default_rng(3)
    lengths = rng.integers(5, 9, 12)
    rows = np.repeat(rng.normal(size=(lengths.sum(), 1)), 33, axis=1).astype(np.float32)
    points, real = transform.group_frames(rows, lengths, 1)
    table = pd.DataFrame({"runner": np.repeat([f"v{number}" for number in range(4)], 3), "side": list("lr" * 6)})
    return course_network.Data(points, 1 + points[..., 0], real[..., 0], table)


@pytest.mark.parametrize("whiten", [False, True])
def test_fit_is_the_same_again_learns_and_never_looks_at_other_stances_or_padding(data, whiten):
    training, others = np.arange(8), np.arange(8, 12)
    one = course_network.fit(data, training, epochs=60, seed=1, whiten=whiten)
    assert one.shape == (60, *data.vertical.shape)
    error = course_network.rmse(data, one)[:, training].mean(axis=1)
    assert error[-1] < 0.5 * data.vertical[training][data.real[training]].std()  # the best constant errs by the SD
    forces, points = data.vertical.copy(), data.points.copy()
    forces[others] += 100
    forces[~data.real] -= 100
    points[~data.real] += 1000
    changed = course_network.fit(
        course_network.Data(points, forces, data.real, data.stances), training, epochs=60, seed=1, whiten=whiten
    )
    np.testing.assert_array_equal(changed[:, data.real], one[:, data.real])
    points[others] += 1000
    again = course_network.fit(
        course_network.Data(points, forces, data.real, data.stances), training, epochs=60, seed=1, whiten=whiten
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


def test_out_of_fold_estimates_each_stance_without_its_fold(data, monkeypatch):
    monkeypatch.setattr(course_network, "FOLDS", 4)
    folds = search.folds(12, 4, seed=1, groups=data.stances["runner"].to_numpy())
    every = course_network.out_of_fold(data, by_runner=True, epochs=2, seed=1, whiten=True)
    assert np.isfinite(every).all()
    for training, validation in folds:
        np.testing.assert_array_equal(
            every[:, validation], course_network.fit(data, training, epochs=2, seed=1, whiten=True)[:, validation]
        )


def test_stretch_inverts_curves_where_the_curve_is_a_line(data):
    lines = np.where(data.real, np.linspace(1, 2, 12)[:, None] * np.arange(data.real.shape[1]), 0)
    made = course_network.Data(data.points, lines, data.real, data.stances)
    np.testing.assert_allclose(course_network.stretch(made, course_network.curves(made)), lines, atol=1e-12)


def test_figures_show_what_they_are_given(data):
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
    windows = np.random.default_rng(5).normal(size=(50, 3)) * [1, 0.1, 10]
    ax = course_network.draw_lengths(Figure().subplots(), windows, {0.5: windows[:, [2, 1, 0]]})
    for line in ax.lines[:2]:
        np.testing.assert_allclose(
            line.get_ydata(), windows.std(axis=0)[[2, 0, 1]], rtol=0.15
        )  # directions turn a little


def test_window_rows_lay_out_real_steps_alone(data):
    rows = course_network.window_rows(data, [3, 0])
    own = np.concatenate([data.points[stance][data.real[stance]] for stance in (3, 0)])
    low, high = own.min(axis=0), own.max(axis=0)
    slow = []
    for stance in (3, 0):
        mine = (data.points[stance][data.real[stance]] - low) / (high - low)
        near = range(-(course_network.WINDOW // 2), course_network.WINDOW // 2 + 1)
        slow += [np.concatenate([mine[min(max(t + n, 0), len(mine) - 1)] for n in near]) for t in range(len(mine))]
    np.testing.assert_allclose(rows, np.array(slow, float), atol=1e-6)  # single precision
