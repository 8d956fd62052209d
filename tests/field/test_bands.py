"""Bands against the closed-form quantile and a literal version, and that no runner is in their own band."""

import math

import numpy as np
import pytest

from grfkit.field.bands import MARGIN, UNLIKE, Abroad, covered, factors, fit, needed, runner_weights


@pytest.fixture
def data():
    """Residuals (S, Q, C) of 12 runners with 5 to 16 stances, which grow with short contacts; contact times; names."""
    rng = np.random.default_rng(0)
    runners = np.repeat([f"r{number}" for number in range(12)], np.arange(5, 17))
    contact = rng.uniform(0.18, 0.32, len(runners))
    sizes = (
        np.array([0.02, 0.03, 0.1]) * rng.uniform(0.5, 1.5, 12)[np.searchsorted(np.unique(runners), runners)][:, None]
    )
    return rng.normal(size=(len(runners), 7, 3)) * sizes[:, None] * contact[:, None, None] ** -0.8, contact, runners


def literal(residuals, contact_s, runners, level):
    """The slow version: each runner's stances share one vote; go up until the votes reach the level."""
    votes = {runner: 1 / len(set(runners)) / sum(runners == runner) for runner in set(runners)}
    reached, sizes = 0.0, sorted(zip(np.abs(residuals), runners, strict=True))
    for size, runner in sizes:
        reached += votes[runner]
        if reached >= level - 1e-12:
            return size
    return sizes[-1][0]


def test_fit_of_one_stance_a_runner_is_the_quantile_of_the_residuals():
    """Contact times all the same: the k-th smallest of n, k = ceil(level n)."""
    residuals = np.random.default_rng(1).normal(size=(37, 4, 3))
    for level in (0.5, 0.9, 1.0):
        bands = fit(residuals, np.full(37, 0.25), np.arange(37), level=level)
        np.testing.assert_array_equal(bands.powers, 0)
        np.testing.assert_array_equal(bands.half_widths, np.sort(np.abs(residuals), axis=0)[math.ceil(level * 37) - 1])


def test_fit_equals_the_literal_version(data):
    residuals, contact, runners = data
    bands = fit(residuals, contact, runners, level=0.9)
    for c in range(3):
        scaled = residuals[..., c] / contact[:, None] ** bands.powers[c]
        expected = [literal(scaled[:, q], contact, runners, 0.9) for q in range(7)]
        np.testing.assert_allclose(bands.half_widths[:, c], expected, rtol=1e-12)


@pytest.mark.parametrize("runners", [2, 4, 5, 10, 20])
def test_fit_of_equal_runners_equals_the_literal_version_where_votes_add_up_to_the_level(runners):
    """A tenth ten times is not exactly one: the level is reached all the same."""
    names = np.repeat(np.arange(runners), 5)
    residuals = np.random.default_rng(runners).normal(size=(len(names), 2, 1))
    for level in (0.5, 0.8, 0.9):
        bands = fit(residuals, np.full(len(names), 0.25), names, level=level)
        expected = [literal(residuals[:, q, 0], None, names, level) for q in range(2)]
        np.testing.assert_array_equal(bands.half_widths[:, 0], expected)


def test_fit_finds_the_power_with_which_errors_grow():
    rng = np.random.default_rng(2)
    contact, signs = rng.uniform(0.15, 0.35, 60), rng.choice([-1.0, 1.0], (60, 5, 3))
    powers, sizes = np.array([-1.3, 0.0, 0.7]), rng.uniform(0.01, 0.1, (5, 3))
    residuals = signs * sizes * contact[:, None, None] ** powers
    bands = fit(residuals, contact, np.arange(60) % 9, level=0.9)
    np.testing.assert_allclose(bands.powers, powers, atol=1e-10)
    np.testing.assert_allclose(bands.half_widths, sizes, rtol=1e-8)
    np.testing.assert_allclose(bands.around(contact), np.abs(residuals), rtol=1e-8)
    assert bands.around(contact[:1]).shape == (1, 5, 3) and bands.level == 0.9


def test_fit_weighs_the_power_by_runner():
    """Weighted least squares as numpy has it, of runners with unlike numbers of stances."""
    rng = np.random.default_rng(3)
    runners = np.repeat(["a", "b", "c"], [3, 30, 9])
    contact, residuals = rng.uniform(0.15, 0.35, 42), rng.normal(size=(42, 6, 2))
    weights = {runner: 1 / (runners == runner).sum() for runner in "abc"}
    expected = np.polyfit(
        np.log(contact), np.log(np.abs(residuals).mean(axis=1)), 1, w=[weights[runner] ** 0.5 for runner in runners]
    )[0]
    np.testing.assert_allclose(fit(residuals, contact, runners, level=0.9).powers, expected)


@pytest.mark.parametrize("contact_s", [0.25, 0.3, 0.1 + 0.2, 1.0])
def test_fit_takes_stances_that_take_equally_long(contact_s):
    """Logarithms of equal times differ from their mean by rounding alone: no power follows from that."""
    residuals = np.random.default_rng(4).normal(size=(33, 2, 3))
    for runners in (np.arange(33), np.arange(33) % 7, np.zeros(33)):
        assert (fit(residuals, np.full(33, contact_s), runners, level=0.9).powers == 0).all()


def test_fit_does_not_depend_on_sign_order_or_how_often_a_runner_is_measured(data):
    residuals, contact, runners = data
    plain, order = (
        fit(residuals, contact, runners, level=0.9),
        np.random.default_rng(5).permutation(len(runners)),
    )
    often = np.concatenate(
        [np.arange(len(runners)), *[np.flatnonzero(runners == "r3")] * 4]
    )  # measured five times over
    for one in (
        fit(-residuals, contact, runners, level=0.9),
        fit(residuals[order], contact[order], runners[order], level=0.9),
        fit(residuals[often], contact[often], runners[often], level=0.9),
    ):
        np.testing.assert_allclose(one.half_widths, plain.half_widths)
        np.testing.assert_allclose(one.powers, plain.powers)
    scaled = fit(10 * residuals, contact, runners, level=0.9)
    np.testing.assert_allclose(scaled.half_widths, 10 * plain.half_widths)
    assert (fit(residuals, contact, runners, level=0.8).half_widths <= plain.half_widths).all()


def test_runner_weights_give_each_runner_the_same():
    weights = runner_weights(np.array(["b", "a", "b", "b", "c", "c"]))
    np.testing.assert_allclose(weights, [1 / 9, 1 / 3, 1 / 9, 1 / 9, 1 / 6, 1 / 6])


def test_covered_tells_by_the_bands_of_all_others(data):
    residuals, contact, runners = data
    inside = covered(residuals, contact, runners, level=0.9)
    mine = runners == "r5"
    others = fit(residuals[~mine], contact[~mine], runners[~mine], level=0.9)
    np.testing.assert_array_equal(inside[mine], np.abs(residuals[mine]) <= others.around(contact[mine]))


def test_covered_never_uses_a_runners_own_residuals(data):
    """Spoil one stance of a runner: that runner's other stances are judged as before, other runners are not."""
    residuals, contact, runners = data
    clean, spoiled = covered(residuals, contact, runners, level=0.9), residuals.copy()
    mine = np.flatnonzero(runners == "r7")
    spoiled[mine[1:]] *= 50
    again = covered(spoiled, contact, runners, level=0.9)
    np.testing.assert_array_equal(again[mine[0]], clean[mine[0]])
    assert not again[mine[1:]].all() and (again[runners != "r7"] != clean[runners != "r7"]).any()
    assert (
        again[runners != "r7"] >= clean[runners != "r7"]
    ).all()  # their bands have become wider, and the powers almost stay


def test_covered_is_near_the_level_for_exchangeable_runners():
    """Of 400 runners drawn alike coverage is the level, less 1 / 400 for the missing mass at infinity, and chance."""
    rng, runners = np.random.default_rng(6), np.repeat(np.arange(400), 4)
    sizes = rng.gamma(4, 1, 400)[runners]
    residuals = rng.normal(size=(1600, 10, 3)) * sizes[:, None, None]
    inside = covered(residuals, rng.uniform(0.2, 0.3, 1600), runners, level=0.9)
    # runners differ: their own coverage spreads by some .1, the mean of 400 by .005; three times that
    assert inside.mean() == pytest.approx(0.9, abs=0.015)


def test_needed_is_the_factor_with_which_a_band_holds_the_level_of_each_runner_alike():
    """Errors of half a width are in a band that is half as wide; a runner with many steps counts as one with few."""
    sizes = np.repeat(np.linspace(0.01, 1, 100), 3).reshape(100, 1, 3) * [1, 2, 3]
    np.testing.assert_allclose(needed(sizes, np.zeros(100), level=0.9), [0.9, 1.8, 2.7])
    few, many = np.full((1, 1, 3), 5.0), np.full((99, 1, 3), 1.0)
    runners = np.array(["a", *["b"] * 99])
    np.testing.assert_allclose(needed(np.concatenate([few, many]), runners, level=0.9), 5.0)
    np.testing.assert_allclose(needed(np.concatenate([few, many]), np.zeros(100), level=0.9), 1.0)


def test_factors_are_means_of_laboratories_with_a_margin_that_shrinks_with_their_number():
    unknown = np.full(3, np.nan)
    like, unlike = factors(np.array([[2.0, 1.5, 1.8]]), np.array([unknown]))
    np.testing.assert_allclose(like, (1 + MARGIN) * np.array([2.0, 1.5, 1.8]))
    np.testing.assert_allclose(unlike, UNLIKE * like)
    like, unlike = factors(np.array([[2.0, 1.0, 1.0], [1.0, 1.0, 0.5]]), np.array([[4.0, 1.0, 1.0], unknown]))
    np.testing.assert_allclose(like, [1.5 * (1 + MARGIN / 2), 1 + MARGIN / 2, 1.0])  # never narrower than at home
    np.testing.assert_allclose(unlike / like, [(2 + UNLIKE) / 2, (1 + UNLIKE) / 2, (1 + UNLIKE) / 2])


def test_steps_that_are_unlike_have_the_wider_bands():
    abroad = Abroad(["x"], [2.0, 1.5, 1.8], [3.0, 2.0, 2.5], *[[0.0] * 3] * 4, {})
    np.testing.assert_array_equal(
        abroad.of_steps(["", "speed 6.00 m/s", ""]), [[2.0, 1.5, 1.8], [3.0, 2.0, 2.5], [2.0, 1.5, 1.8]]
    )
