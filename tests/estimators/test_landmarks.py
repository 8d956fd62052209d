"""Landmarks beside the exact fit, scikit-learn's ridge on their features, fitting anew, and other blocks."""

import dask
import numpy as np
import pytest
from helpers import ROOT
from scipy.linalg import cholesky, solve_triangular
from sklearn.linear_model import Ridge

from grfkit.estimators import kernel_ridge, landmarks
from grfkit.estimators.kernel_matrix import KernelMatrix, lay_out
from grfkit.estimators.kernel_ridge import KernelRidge
from grfkit.study import recipes

CANDIDATE = {"positions_m": 0.9, "times_s": 2.0, "noise": 0.01, "edges": 0.3}
GROUPS = np.repeat(list("abcdef"), [20, 13, 9, 22, 6, 30])
MINE = np.arange(7)  # other stances, to be estimated


@pytest.fixture
def data():
    """Stances whose curves follow from their motion; held in half precision, as they are fitted."""
    rng = np.random.default_rng(0)
    positions = [rng.normal(size=(100, nodes, 11, 3)).astype(np.float16) for nodes in (4, 2)]
    inputs = {
        "positions": tuple(positions),
        "times": (rng.normal(size=(100, 2)).astype(np.float16), np.empty((100, 0))),
    }
    waves = np.stack([inputs["times"][0].astype(float) @ rng.normal(size=(2, 7)) for _ in range(3)], axis=2)
    return inputs, np.sin(waves) + positions[0][:, :1, 0].astype(float)


def kernel(inputs, others):
    doubled = {kind: tuple(part.astype(float) for part in pair) for kind, pair in inputs.items()}
    return KernelMatrix(doubled, lay_out(others), shape="gaussian").weighed(CANDIDATE)


def literally(inputs, targets, index, tested):
    """Ridge regression by scikit-learn on the features of landmarks."""
    own = landmarks.take(inputs, index)
    lower = cholesky(kernel(own, own) + landmarks.JITTER * np.eye(len(index)), lower=True)
    features, asked = (solve_triangular(lower, kernel(each, own).T, lower=True).T for each in (inputs, tested))
    ridge = Ridge(alpha=CANDIDATE["noise"], fit_intercept=False, solver="cholesky")
    return ridge.fit(features, targets.reshape(len(targets), -1)).predict(asked).reshape(-1, *targets.shape[1:])


def test_a_fit_on_landmarks_equals_ridge_regression_on_their_features(data):
    inputs, targets = data
    index, tested = landmarks.draw(100, 40, seed=3), landmarks.take(inputs, MINE)
    fitted = KernelRidge.fit_landmarks(inputs, targets, GROUPS, CANDIDATE, index, "gaussian")
    np.testing.assert_allclose(fitted.estimate(tested), literally(inputs, targets, index, tested), atol=1e-8)


def test_with_all_stances_as_landmarks_it_is_the_exact_fit(data):
    """But for the JITTER: 1e-6 beside a ridge of 1e-2."""
    inputs, targets = data
    tested = landmarks.take(inputs, MINE)
    exact = KernelRidge.fit_groups(inputs, targets, GROUPS, CANDIDATE, shape="gaussian")
    fitted = KernelRidge.fit_landmarks(inputs, targets, GROUPS, CANDIDATE, np.arange(100), "gaussian")
    for group in (None, "c"):
        np.testing.assert_allclose(fitted.estimate(tested, group), exact.estimate(tested, group), atol=1e-4)


@pytest.mark.parametrize("group", ["a", "e"])
def test_a_group_left_out_equals_fitting_anew_without_its_stances_and_landmarks(data, group):
    inputs, targets = data
    index, tested = landmarks.draw(100, 40, seed=3), landmarks.take(inputs, MINE)
    fitted = KernelRidge.fit_landmarks(inputs, targets, GROUPS, CANDIDATE, index, "gaussian")
    seen = np.flatnonzero(GROUPS != group)
    others = np.flatnonzero(np.isin(seen, index))
    anew = literally(landmarks.take(inputs, seen), targets[seen], others, tested)
    np.testing.assert_allclose(fitted.estimate(tested, group), anew, atol=1e-8)
    assert np.abs(fitted.estimate(tested) - anew).max() > 1e-3
    spoiled = np.where((GROUPS == group)[:, None, None], -50 * targets, targets)
    again = KernelRidge.fit_landmarks(inputs, spoiled, GROUPS, CANDIDATE, index, "gaussian")
    np.testing.assert_allclose(again.estimate(tested, group), anew, atol=1e-7)


def test_blocks_summed_by_dask_give_the_same_curves(data):
    """In any number of blocks; one is read by a function where it is summed."""
    inputs, targets = data
    index, tested = landmarks.draw(100, 40, seed=3), landmarks.take(inputs, MINE)
    own = landmarks.take(inputs, index)
    by = landmarks.basis(own, CANDIDATE, shape="gaussian")
    cuts = [np.arange(first, min(first + 17, 100)) for first in range(0, 100, 17)]
    blocks = [(landmarks.take(inputs, cut), targets[cut]) for cut in cuts]
    blocks[2] = lambda pair=blocks[2]: pair
    with dask.config.set(scheduler="threads"):
        dual = landmarks.solve(by, landmarks.sum_blocks(blocks, by))
    curves = (kernel(tested, own) @ dual).reshape(-1, *targets.shape[1:])
    np.testing.assert_allclose(curves, literally(inputs, targets, index, tested), atol=1e-8)


def test_a_group_that_has_no_stance_leaves_all_the_others(data):
    inputs, targets = data
    fitted = KernelRidge.fit_landmarks(inputs, targets, GROUPS, CANDIDATE, np.arange(40), "gaussian")
    tested = landmarks.take(inputs, MINE)
    np.testing.assert_array_equal(fitted.estimate(tested, "nobody"), fitted.estimate(tested))


def test_equal_landmarks_are_no_harm(data):
    """JITTER weighs a landmark that is there twice a little otherwise: 1e-6 beside a ridge of 1e-2."""
    inputs, targets = data
    twice = np.r_[np.arange(30), np.arange(30)]
    tested = landmarks.take(inputs, MINE)
    once, doubled = (
        KernelRidge.fit_landmarks(inputs, targets, GROUPS, CANDIDATE, index, "gaussian").estimate(tested)
        for index in (np.arange(30), twice)
    )
    np.testing.assert_allclose(doubled, once, atol=1e-4)


def test_many_stances_are_fitted_on_landmarks_and_few_exactly(data, monkeypatch):
    inputs, targets = data
    fit = {"shape": "gaussian"}
    assert KernelRidge.fit_groups(inputs, targets, GROUPS, CANDIDATE, **fit).sums is None
    assert landmarks.said(100) == ""
    exact = kernel_ridge.leaves_out(inputs, targets, GROUPS, shape="gaussian")(CANDIDATE)
    monkeypatch.setattr(landmarks, "MOST_EXACT", 99)
    monkeypatch.setattr(landmarks, "COUNT", 60)
    monkeypatch.setattr(landmarks.draw, "__defaults__", (60,))
    monkeypatch.setattr(landmarks, "BLOCK", 11)
    fitted = KernelRidge.fit_groups(inputs, targets, GROUPS, CANDIDATE, **fit)
    assert len(fitted.groups) == 60 and landmarks.said(100) == "on 60 of 100 stances as landmarks"
    left_out = kernel_ridge.leaves_out(inputs, targets, GROUPS, shape="gaussian")(CANDIDATE)
    for group in "ad":
        mine = np.flatnonzero(GROUPS == group)
        own = fitted.estimate(landmarks.take(inputs, mine), group)
        np.testing.assert_allclose(left_out[mine], own, atol=1e-8)
    assert 0 < np.abs(left_out - exact).max() and np.corrcoef(left_out.ravel(), exact.ravel())[0, 1] > 0.9
    curves = KernelRidge.fit_curves(inputs, targets, [CANDIDATE], np.zeros((1, 3), int), shape="gaussian")
    tested = landmarks.take(inputs, MINE)
    np.testing.assert_allclose(curves.estimate(tested), fitted.estimate(tested), atol=1e-8)
    again = KernelRidge.restore(*fitted.describe())
    np.testing.assert_array_equal(again.estimate(tested), fitted.estimate(tested))


def test_a_search_on_landmarks_is_refused_before_it_starts(tidy, monkeypatch):
    from grfkit.estimators import samples

    stances, frames = tidy(12, runners=3)
    recipe = recipes.load(ROOT / "params" / "recipes" / "ridge.yaml")
    prepared = samples.prepare(frames, stances, recipe)
    monkeypatch.setattr(landmarks, "MOST_EXACT", 5)
    with pytest.raises(ValueError, match=r"Several candidates are compared on up to 5 stances; found 12 for 12"):
        KernelRidge.leave_runners_out(prepared, recipe, seed=0)
