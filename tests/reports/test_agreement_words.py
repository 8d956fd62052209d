"""What may be concluded from tests, intervals and bands, in words."""

import numpy as np
import pytest
from helpers import draw_pairs, smooth_curves

from grfkit import features
from grfkit.evaluation import agreement
from grfkit.points import DIRECTIONS
from grfkit.reports import agreement_words

ALPHA = 0.05
BOUNDS = dict.fromkeys(features.FEATURES, 5.0)


@pytest.mark.parametrize(
    ("differs", "low", "high", "equivalent", "words"),
    [
        (False, -1, 2, True, "agrees on average within 5 %"),
        (True, 1, 2, True, "differs, but by less than 5 %"),
        (True, 6, 9, False, "differs by more than 5 %"),
        (True, -9, -6, False, "differs by more than 5 %"),
        (True, 3, 9, False, "differs; whether by more than 5 % is open"),
        (False, -9, 9, False, agreement_words.OPEN),
    ],
)
def test_judge_says_what_test_and_interval_allow(differs, low, high, equivalent, words):
    assert agreement_words.judge(differs, low, high, 5.0, equivalent) == words


def test_intervals_are_written_in_percent_of_stance():
    inside = np.zeros(101, bool)
    inside[[0, 1, 2, 50, 90, 99, 100]] = True
    assert agreement_words.intervals(inside) == "0–2, 50, 90, 99–100"


def words_of(pairs, curves=None):
    """Write the page of some pairs, and of curves (R, Q, 3) that agree unless given."""
    rng = np.random.default_rng(9)
    measured = smooth_curves(rng, 12, 3).swapaxes(1, 2) + 10 * np.sin(np.linspace(0, np.pi, 100))[:, None]
    estimated = measured + 0.1 * smooth_curves(rng, 12, 3).swapaxes(1, 2) if curves is None else measured + curves
    tests = agreement.curve_tests(estimated, measured, alpha=ALPHA)
    bands = agreement.bands(estimated, measured, tests, bounds_pct=dict.fromkeys(DIRECTIONS, 5.0))
    equivalence = agreement.equivalence(pairs, bounds_pct=BOUNDS, alpha=ALPHA)
    verdicts = agreement_words.features(agreement.tests(pairs), equivalence, alpha=ALPHA)
    by_direction = agreement_words.curves(tests, tests, bands)
    limits, icc = agreement.bland_altman(pairs, alpha=ALPHA), agreement.icc_table(pairs, alpha=ALPHA)
    return agreement_words.page(verdicts, by_direction, limits, icc, equivalence, alpha=ALPHA)


@pytest.mark.parametrize(
    ("drawn", "present", "absent"),
    [
        (
            {"between": 0.02, "within": 0.02},
            [
                "agrees on average within 5 %",
                "agreement is shown. Agreement on average within the bound is shown: active peak",
                "At least good (lower end .75 or above): active",
            ],
            ["A difference need not matter", "runners do not support", "Neither a difference"],
        ),
        (
            {"between": 0.02, "within": 0.02, "shift": 0.05},
            ["differs, but by less than 5 %", "but by less than the bound: active peak"],
            ["runners do not support", "Neither a difference"],
        ),
        (
            {"between": 0.4, "within": 0.05, "shift": 0.1},
            [
                agreement_words.OPEN,
                "Neither a difference nor agreement is shown: active peak. ",
                "Agreement on average is shown for no feature",
                "runners do not support: active peak",
                "None is good (lower end .75 or above)",
            ],
            ["A difference need not matter", "For each feature"],
        ),
        (
            {"between": 0.02, "within": 0.02, "shift": -0.3},
            ["differs by more than 5 %", "agreement is shown. Agreement on average is shown for no feature"],
            ["do not support", "Neither a difference"],
        ),
    ],
)
def test_page_says_what_the_results_allow_whatever_they_are(drawn, present, absent):
    text = words_of(draw_pairs(np.random.default_rng(10), **drawn))
    assert all(words in text for words in present) and not any(words in text for words in absent), text
    assert "equivalent over the whole of stance" in text and "tests at .05 each" not in text  # one feature is one test


def test_page_tells_means_that_agree_from_runners_that_are_told_apart():
    """Every runner is given the same value, the cohort's mean: equivalent on average, and of no use for a runner."""
    pairs = draw_pairs(np.random.default_rng(11), runners=40)
    text = words_of(
        pairs.assign(estimated=pairs["measured"].mean() + 1e-3 * np.random.default_rng(12).normal(size=len(pairs)))
    )
    assert (
        "agrees on average within 5 %" in text
        and "runners are not distinguished (lower end below .5): active peak" in text
    )


def test_page_says_where_curves_differ_by_more_than_the_bound():
    shift = np.zeros((100, 3))
    shift[40:61, 2] = 2.0
    text = words_of(
        draw_pairs(np.random.default_rng(13)),
        shift + 0.1 * smooth_curves(np.random.default_rng(14), 12, 3).swapaxes(1, 2),
    )
    row = next(line for line in text.splitlines() if line.startswith("| **vertical**"))
    assert "differs by more than the bound at 40–61 %" in row and "equivalent over 79 % of stance" in row
    assert "| yes | yes | no |" in row
