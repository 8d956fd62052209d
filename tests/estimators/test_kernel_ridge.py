"""Kernel ridge fitted against scikit-learn's, and leaving out against fitting anew."""

import numpy as np
import pytest
from helpers import ROOT
from sklearn.kernel_ridge import KernelRidge as SklearnRidge
from sklearn.metrics.pairwise import rbf_kernel

from grfkit.estimators import kernel_matrix, kernel_ridge
from grfkit.estimators.kernel_matrix import KernelMatrix
from grfkit.estimators.kernel_ridge import KernelRidge
from grfkit.study import recipes

PHYSICS = recipes.load(ROOT / "params" / "recipes" / "physics.yaml").kernel
SEARCHED = PHYSICS.model_copy(update={"candidates": 20, "averaged": 4})
KINDS = ["positions", "accelerations", "times"]
CANDIDATE = {"positions_m": 0.8, "accelerations_m_s2": 1.5, "times_s": 2.0, "noise": 0.05, "edges": 0.3}
GROUPS = np.repeat(["a", "b", "c", "d"], [5, 3, 6, 4])


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    stances = len(GROUPS)
    inputs = {kind: (rng.normal(size=(stances, 4, 11, 3)), rng.normal(size=(stances, 2, 11, 3))) for kind in KINDS[:2]}
    inputs["times"] = rng.normal(size=(stances, 2)), np.empty((stances, 0))
    return inputs, rng.normal(size=(stances, 7, 3))


def columns(inputs, candidate):
    """Every number beside the other, weighed so that the squared distance of two rows is what KernelMatrix sums."""
    parts = []
    for kind, pair in inputs.items():
        for values, weight in zip(pair, (1, candidate["edges"]), strict=True):
            flat = values.reshape(len(values), -1)
            parts.append(flat * np.sqrt(weight / max(flat.shape[1], 1)) / candidate[kernel_matrix.SCALES[kind]])
    return np.concatenate(parts, axis=1)


def take(inputs, index):
    return {kind: tuple(values[index] for values in pair) for kind, pair in inputs.items()}


def refit(inputs, targets, seen, tested, candidate):
    """The slow literal version: scikit-learn's kernel ridge, fitted without those who are left out."""
    rows = columns(inputs, candidate)
    matrix = rbf_kernel(rows, gamma=0.5) + kernel_matrix.INTERCEPT
    ridge = SklearnRidge(alpha=candidate["noise"], kernel="precomputed").fit(
        matrix[np.ix_(seen, seen)], targets[seen].reshape(len(seen), -1)
    )
    return ridge.predict(matrix[np.ix_(tested, seen)]).reshape(len(tested), *targets.shape[1:])


def test_leave_groups_out_equals_fitting_anew_without_the_group(data):
    inputs, targets = data
    estimated = kernel_ridge.leave_groups_out(KernelMatrix(inputs, shape="gaussian"), targets, GROUPS, CANDIDATE)
    for group in "abcd":
        mine, others = np.flatnonzero(GROUPS == group), np.flatnonzero(GROUPS != group)
        np.testing.assert_allclose(estimated[mine], refit(inputs, targets, others, mine, CANDIDATE), atol=1e-8)


def test_a_ridge_that_is_lost_in_rounding_is_refused(data):
    inputs, targets = data
    twice = {kind: tuple(np.concatenate([part, part]) for part in pair) for kind, pair in inputs.items()}
    matrix = KernelMatrix(twice, shape="gaussian").weighed(CANDIDATE)
    with pytest.raises(ValueError, match=r"a noise of 1\.0e-16 is lost.*Raise the limits of `noise`"):
        kernel_ridge.solve_ridged(matrix, np.concatenate([targets, targets]), 1e-16)


def test_leave_pairs_out_equals_fitting_anew_without_both(data):
    inputs, targets = data
    scored = np.arange(len(GROUPS)) % 2 == 0
    estimated, errors = kernel_ridge.leave_pairs_out(
        KernelMatrix(inputs, shape="gaussian"), targets, GROUPS, CANDIDATE, scored
    )
    np.testing.assert_allclose(
        estimated, kernel_ridge.leave_groups_out(KernelMatrix(inputs, shape="gaussian"), targets, GROUPS, CANDIDATE)
    )
    assert np.isnan(errors[np.arange(4), np.arange(4)]).all()
    for h in range(4):
        for g in set(range(4)) - {h}:
            seen = np.flatnonzero(~np.isin(GROUPS, ["abcd"[h], "abcd"[g]]))
            mine = np.flatnonzero((GROUPS == "abcd"[g]) & scored)
            literal = refit(inputs, targets, seen, mine, CANDIDATE) - targets[mine]
            np.testing.assert_allclose(errors[h, g], np.sqrt((literal**2).mean(axis=(0, 1))), atol=1e-8)


def test_fit_curves_and_estimate_equal_scikit_learn_and_average_the_chosen(data):
    inputs, targets = data
    seen, tested = np.arange(12), np.arange(12, 18)
    candidates = [CANDIDATE, CANDIDATE | {"noise": 0.5, "edges": 0.0}, CANDIDATE | {"times_s": 0.5}]
    chosen = np.array([[0, 1, 2], [1, 1, 0]])
    fitted = KernelRidge.fit_curves(take(inputs, seen), targets[seen], candidates, chosen, shape="gaussian")
    estimated = fitted.estimate(take(inputs, tested))
    literal = [refit(inputs, targets, seen, tested, candidate) for candidate in candidates]
    for c in range(3):
        np.testing.assert_allclose(
            estimated[..., c], np.mean([literal[n][..., c] for n in chosen[:, c]], axis=0), atol=1e-8
        )


def test_estimate_from_some_equals_scikit_learn(data):
    inputs, targets = data
    kernel = KernelMatrix(inputs, shape="gaussian").weighed(CANDIDATE)
    before, seen, tested = kernel.copy(), np.arange(0, 18, 2), np.arange(1, 18, 2)
    np.testing.assert_allclose(
        kernel_ridge.estimate_from_some(kernel, targets, CANDIDATE, seen, tested),
        refit(inputs, targets, seen, tested, CANDIDATE),
        atol=1e-8,
    )
    np.testing.assert_array_equal(kernel, before)


def test_the_linear_shape_finds_a_linear_law_with_its_intercept(data):
    """Targets that are a linear function of the inputs, far from zero, are found again from enough stances."""
    rng = np.random.default_rng(1)
    inputs = {"times": (rng.normal(3, 1, size=(40, 2)), np.empty((40, 0)))}
    targets = (inputs["times"][0] @ rng.normal(size=(2, 3)) + 5)[:, None, :]
    candidate = {"times_s": 1.0, "noise": 1e-8, "edges": 0.0}
    estimated = kernel_ridge.leave_groups_out(
        KernelMatrix(inputs, shape="linear"), targets, np.arange(40) % 4, candidate
    )
    np.testing.assert_allclose(estimated, targets, atol=1e-5)


@pytest.mark.parametrize("group", ["a", "c"])
def test_leave_out_and_choose_never_looks_at_the_group_left_out(data, group):
    """Spoil a group's forces: its estimates stay, since neither fit nor choice saw them; those of others change."""
    inputs, targets = data
    matrix, scored = KernelMatrix(inputs, shape="gaussian"), np.full(len(GROUPS), True)
    candidates = [CANDIDATE | {"noise": noise, "positions_m": scale} for noise in (0.01, 1.0) for scale in (0.3, 3.0)]
    clean = kernel_ridge.leave_out_and_choose(matrix, targets, GROUPS, candidates, scored, averaged=2)
    spoiled = targets.copy()
    spoiled[GROUPS == group] *= -50
    again = kernel_ridge.leave_out_and_choose(matrix, spoiled, GROUPS, candidates, scored, averaged=2)
    np.testing.assert_allclose(again[GROUPS == group], clean[GROUPS == group], atol=1e-9)
    assert not np.allclose(again[GROUPS != group], clean[GROUPS != group])


def test_leave_out_and_choose_chooses_the_candidate_that_is_best_on_the_others(data):
    """A law in the times alone: the candidate that listens to times is chosen, not the one that listens to noise."""
    inputs, targets = data
    targets = np.tile(np.sin(inputs["times"][0][:, :1, None]), (1, 7, 3))
    deaf, good = (
        {"positions_m": p, "accelerations_m_s2": 1e3, "times_s": t, "noise": 1e-3, "edges": 0.0}
        for p, t in ((0.1, 1e3), (1e3, 1.0))
    )
    matrix, scored = KernelMatrix(inputs, shape="gaussian"), np.full(len(GROUPS), True)
    chosen = kernel_ridge.leave_out_and_choose(matrix, targets, GROUPS, [deaf, good], scored, averaged=1)
    np.testing.assert_array_equal(chosen, kernel_ridge.leave_groups_out(matrix, targets, GROUPS, good))


def test_distances_do_not_depend_on_where_the_origin_is(data):
    inputs, _ = data
    moved = {kind: tuple(values + 100.0 for values in pair) for kind, pair in inputs.items()}
    np.testing.assert_allclose(
        KernelMatrix(moved, shape="gaussian").weighed(CANDIDATE),
        KernelMatrix(inputs, shape="gaussian").weighed(CANDIDATE),
    )


def test_draw_candidates_stays_within_the_limits_and_follows_the_seed():
    drawn = kernel_ridge.draw_candidates(SEARCHED, KINDS, seed=1)
    assert len(drawn) == 20 and drawn == kernel_ridge.draw_candidates(
        SEARCHED, KINDS, seed=1
    ) != kernel_ridge.draw_candidates(SEARCHED, KINDS, seed=2)
    for candidate in [*drawn, kernel_ridge.middle_candidate(PHYSICS, KINDS)]:
        assert set(candidate) == {"positions_m", "accelerations_m_s2", "times_s", "noise", "edges"}
        for name, value in candidate.items():
            low, high = getattr(PHYSICS, name)
            assert low <= value <= high


def test_one_candidate_is_the_middle_of_the_limits():
    (one,) = kernel_ridge.draw_candidates(PHYSICS, KINDS, seed=1)
    assert one == kernel_ridge.middle_candidate(PHYSICS, KINDS)
    assert one["noise"] == pytest.approx(np.sqrt(7e-4 * 4e-3)) and one["edges"] == pytest.approx(0.3)


def test_leave_groups_out_has_nothing_of_the_groups_own_targets_in_single_precision():
    """Inputs are in single precision, as samples gives them: their kernel matrix is not quite symmetric."""
    rng, groups = np.random.default_rng(0), np.repeat(np.arange(6), 40)
    inputs = {"accelerations": tuple(rng.normal(0, 60, (240, nodes, 11, 3)).astype(np.float32) for nodes in (51, 6))}
    candidate = {"accelerations_m_s2": 60.0, "noise": 1e-3, "edges": 0.3}
    targets, others = rng.normal(size=(240, 20, 3)), [0, 1, 3, 4, 5]
    spoiled = np.where((groups == 2)[:, None, None], 50 - 3 * targets, targets)
    matrix = KernelMatrix(inputs, shape="gaussian")
    one, two = (kernel_ridge.leave_groups_out(matrix, each, groups, candidate) for each in (targets, spoiled))
    np.testing.assert_allclose(one[groups == 2], two[groups == 2], atol=1e-9)
    assert np.abs(one - two)[groups != 2].max() > 0.1  # the others do learn from it
    one, two = (
        kernel_ridge.leave_pairs_out(matrix, each, groups, candidate, np.full(240, True))[1]
        for each in (targets, spoiled)
    )
    np.testing.assert_allclose(one[2, others], two[2, others], atol=1e-9)


def halved(inputs):
    """What fit_groups fits to: the training stances in half precision."""
    return {kind: tuple(values.astype(np.float16).astype(float) for values in pair) for kind, pair in inputs.items()}


def test_estimate_without_a_group_equals_fitting_anew_without_it(data):
    """On stances that it never saw; the training stances as it holds them, in half precision."""
    inputs, targets = data
    mine, training = take(inputs, np.arange(4)), take(inputs, np.arange(4, len(GROUPS)))
    fitted = KernelRidge.fit_groups(training, targets[4:], GROUPS[4:], CANDIDATE, shape="gaussian")
    both = {
        kind: tuple(np.concatenate(parts) for parts in zip(mine[kind], halved(training)[kind], strict=True))
        for kind in inputs
    }
    for group in ("b", "d", None):
        anew = refit(both, targets, 4 + np.flatnonzero(GROUPS[4:] != group), np.arange(4), CANDIDATE)
        np.testing.assert_allclose(fitted.estimate(mine, group), anew, atol=1e-9)
    assert np.abs(fitted.estimate(mine, "b") - fitted.estimate(mine)).max() > 1e-2


def test_fit_groups_computes_in_double_from_inputs_in_single_precision():
    """As steps have them: accelerations of 60 m/s2, a small ridge and so large weights; the sum is scikit-learn's."""
    rng, groups = np.random.default_rng(0), np.repeat(list("abcd"), 30)
    inputs = {"accelerations": tuple(rng.normal(20, 60, (124, nodes, 11, 3)).astype(np.float32) for nodes in (51, 6))}
    candidate, targets = {"accelerations_m_s2": 60.0, "noise": 1e-3, "edges": 0.3}, rng.normal(size=(124, 20, 3))
    mine, training = take(inputs, np.arange(4)), take(inputs, np.arange(4, 124))
    fitted = KernelRidge.fit_groups(training, targets[4:], groups, candidate, shape="gaussian")
    both = {
        kind: tuple(
            np.concatenate(parts).astype(float) for parts in zip(mine[kind], halved(training)[kind], strict=True)
        )
        for kind in inputs
    }
    for group in ("c", None):
        anew = refit(both, targets, 4 + np.flatnonzero(groups != group), np.arange(4), candidate)
        np.testing.assert_allclose(fitted.estimate(mine, group), anew, atol=1e-9)
    alone = np.concatenate([fitted.estimate(take(mine, np.array([number]))) for number in range(4)])
    np.testing.assert_allclose(
        alone, fitted.estimate(mine), atol=1e-9
    )  # a stance's forces do not hang on what is estimated beside it


def test_fit_groups_is_fitted_to_what_it_holds(data):
    """Half precision of training inputs is no error of its estimates of them: with hardly a ridge they come back."""
    inputs, targets = data
    fitted = KernelRidge.fit_groups(inputs, targets, GROUPS, CANDIDATE | {"noise": 1e-6}, shape="gaussian")
    np.testing.assert_allclose(fitted.estimate(halved(inputs)), targets, atol=1e-4)  # the ridge times the weights
    assert {part.dtype for pair in fitted.inputs.values() for part in pair} == {np.dtype(np.float16)}


def test_nearest_is_the_least_distance_to_any_other_groups_stance(data):
    inputs, targets = data
    fitted = KernelRidge.fit_groups(inputs, targets, GROUPS, CANDIDATE, shape="gaussian")
    rows, mine = columns(halved(inputs), CANDIDATE), np.flatnonzero(GROUPS == "b")
    found = fitted.kernel(take(halved(inputs), mine))
    others = np.flatnonzero(GROUPS != "b")
    literal = [min(((rows[one] - rows[other]) ** 2).sum() for other in others) for one in mine]
    np.testing.assert_allclose(
        fitted.nearest(found, "b"), literal, rtol=1e-7
    )  # exp(-d / 2) of some 1e-6, beside an intercept of 10
    np.testing.assert_allclose(fitted.nearest(found), 0, atol=1e-9)  # one of them is itself


def test_a_described_kernel_ridge_estimates_to_the_bit_the_same(data):
    inputs, targets = data
    fitted = KernelRidge.fit_groups(inputs, targets, GROUPS, CANDIDATE, shape="gaussian")
    again = KernelRidge.restore(*fitted.describe())
    np.testing.assert_array_equal(again.estimate(inputs), fitted.estimate(inputs))
    np.testing.assert_array_equal(again.nearest(again.kernel(inputs)), fitted.nearest(fitted.kernel(inputs)))
