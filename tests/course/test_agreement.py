"""Session 5 of the course: typical mistakes get the hint that names them; its power, its studies, its verdict."""

import numpy as np
import pytest
from helpers import refused, solutions
from scipy import stats
from statsmodels.stats.power import TTestPower

from grfkit.course import agreement as course_agreement
from grfkit.reports import agreement_words

RIGHT = solutions("5_agreement")


def t_of(difference, *, ddof=1):
    return difference.mean() / (difference.std(ddof=ddof) / np.sqrt(len(difference)))


def share(pvalue):
    """Make an answer to exercise 2 of a rule that gives p of drawn differences (studies, runners)."""
    return lambda runners, d, sd, n, g: (pvalue(g.normal(d, sd, size=(n, runners))) < 0.05).mean()


def two_sided(drawn):
    return stats.ttest_1samp(drawn, 0, axis=1).pvalue


def one_sided(e, m, bound):
    d = e - m
    error, df = d.std(ddof=1) / np.sqrt(len(d)), len(d) - 1
    return stats.t.sf((d.mean() + bound) / error, df), stats.t.cdf((d.mean() - bound) / error, df)


def interval(values, half):
    return values.mean() - half, values.mean() + half


def limits(d, factor, ddof=1):
    return interval(d, factor * d.std(ddof=ddof))


def mean_interval(values, alpha, *, df=None, quantile=None):
    quantile = stats.t.isf(alpha / 2, df or len(values) - 1) if quantile is None else quantile
    return interval(values, quantile * values.std(ddof=1) / np.sqrt(len(values)))


def by_runner(d, who):
    return np.array([d[who == name].mean() for name in np.unique(who)])


def literal_icc(m, e, *, kind="A"):
    """ICC by a two-way analysis of variance in loops, each sum of squares a double sum (McGraw & Wong 1996)."""
    x, n, k = np.stack([m, e], axis=1), len(m), 2
    grand = sum(x[i][j] for i in range(n) for j in range(k)) / (n * k)
    row, column = [sum(x[i]) / k for i in range(n)], [sum(x[:, j]) / n for j in range(k)]
    ssr = sum((row[i] - grand) ** 2 for i in range(n) for j in range(k))
    ssc = sum((column[j] - grand) ** 2 for i in range(n) for j in range(k))
    sst = sum((x[i][j] - grand) ** 2 for i in range(n) for j in range(k))
    msr, msc, mse, msw = (
        ssr / (n - 1),
        ssc / (k - 1),
        (sst - ssr - ssc) / ((n - 1) * (k - 1)),
        (sst - ssr) / (n * (k - 1)),
    )
    return {
        "A": (msr - mse) / (msr + (k - 1) * mse + k * (msc - mse) / n),
        "C": (msr - mse) / (msr + (k - 1) * mse),
        "1": (msr - msw) / (msr + (k - 1) * msw),
        "average": (msr - mse) / (msr + (msc - mse) / n),
    }[kind]


def rmse(a, b):
    return np.sqrt(np.mean((a - b) ** 2))


def words(p, low, high, bound, alpha, *, bottom=True, top=True, two_way=True):
    if any(value != value for value in (p, low, high)):
        return "undecided"
    inside = (not bottom or -bound < low) and (not top or high < bound)
    if inside:
        return "differs, too little to matter" if two_way and p <= alpha else "equivalent"
    return "differs" if p <= alpha else "undecided"


MISTAKES = [
    ("paired_p", lambda e, m: t_of(e - m), "This is t"),
    ("paired_p", lambda e, m: stats.t.sf(abs(t_of(e - m)), len(e) - 1), "one tail"),
    ("paired_p", lambda e, m: 2 * stats.t.sf(t_of(e - m), len(e) - 1), "p is above 1"),
    ("paired_p", lambda e, m: 2 * stats.norm.sf(abs(t_of(e - m))), "normal distribution"),
    ("paired_p", lambda e, m: 2 * stats.t.sf(abs(t_of(e - m)), len(e)), "Look at the degrees of freedom"),
    ("paired_p", lambda e, m: 2 * stats.t.sf(abs(t_of(e - m, ddof=0)), len(e) - 1), "numpy's std divide"),
    ("paired_p", lambda e, m: stats.ttest_ind(e, m).pvalue, "unpaired"),
    (
        "share_found",
        lambda runners, d, sd, n, g: (two_sided(g.normal(d, sd, size=(n, runners))) > 0.05).mean(),
        "that miss the difference",
    ),
    (
        "share_found",
        lambda runners, d, sd, n, g: (two_sided(g.normal(d, sd, size=(n, runners))) < 0.05).sum(),
        "not above 1",
    ),
    ("share_found", share(lambda x: stats.ttest_1samp(x, 0, axis=1, alternative="greater").pvalue), "one-tailed"),
    (
        "share_found",
        lambda runners, d, sd, n, g: share(two_sided)(runners, 0, sd, n, g),
        "the true difference into the draws",
    ),
    ("share_found", lambda runners, d, sd, n, g: share(two_sided)(runners, d, sd**0.5, n, g), "spread is too small"),
    (
        "share_found",
        lambda runners, d, sd, n, g: (
            stats.ttest_ind(g.normal(d, sd, size=(n, runners)), g.normal(0, sd, size=(n, runners)), axis=1).pvalue
            < 0.05
        ).mean(),
        "studies find the difference",
    ),
    (
        "share_found",
        lambda runners, d, sd, n, g: share(two_sided)(runners, d, sd / runners**0.5, n, g),
        "not of their mean",
    ),
    ("share_found", lambda runners, d, sd, n, g: share(two_sided)(runners, d, sd * 2**0.5, n, g), "not two sets"),
    (
        "share_found",
        lambda runners, d, sd, n, g: two_sided(g.normal(d, sd, size=(n, runners))) < 0.05,
        "one finite number",
    ),
    (
        "share_found",
        lambda runners, d, sd, n, g: (
            stats.ttest_1samp(g.normal(d, sd, size=(n, runners)), 0, axis=0).pvalue < 0.05
        ).mean(),
        "along the studies",
    ),
    ("tost_p", lambda e, m, b: min(one_sided(e, m, b)), "Which of the two p decides"),
    ("tost_p", lambda e, m, b: sum(one_sided(e, m, b)), "The two p are added"),
    ("tost_p", lambda e, m, b: 2 * max(one_sided(e, m, b)), "p is doubled"),
    ("tost_p", lambda e, m, b: one_sided(e, m, b)[0], "Both one-sided"),
    ("tost_p", lambda e, m, b: one_sided(e, m, b)[1], "Both one-sided"),
    (
        "tost_p",
        lambda e, m, b: max(stats.t.sf((b - abs((e - m).mean())) / ((e - m).std() / np.sqrt(len(e))), len(e) - 1), 0),
        "numpy's std divide",
    ),
    ("tost_p", lambda e, m, b: max(1 - p for p in one_sided(e, m, b)), "on the wrong side"),
    ("tost_p", lambda e, m, b: stats.ttest_rel(e, m).pvalue, "Where do you use the bound"),
    ("limits_of_agreement", lambda d: (-1.96 * d.std(ddof=1), 1.96 * d.std(ddof=1)), "Where does the bias come in"),
    ("limits_of_agreement", lambda d: limits(d, 1.96, ddof=0), "numpy's std divide"),
    ("limits_of_agreement", lambda d: limits(d, 1.96 / np.sqrt(len(d))), "limits hold single differences"),
    ("limits_of_agreement", lambda d: limits(d, 2), "2 is a round number"),
    ("limits_of_agreement", lambda d: limits(d, 1), "two thirds"),
    ("limits_of_agreement", lambda d: (d.mean(), *limits(d, 1.96)), "limits alone"),
    ("bias_interval", lambda d, who, a: mean_interval(d, a), "You treat stances as independent"),
    (
        "bias_interval",
        lambda d, who, a: mean_interval(d, a, quantile=stats.norm.isf(a / 2)),
        "You treat stances as independent",
    ),
    ("bias_interval", lambda d, who, a: mean_interval(by_runner(d, who), a, quantile=1.96), "normal distribution"),
    ("bias_interval", lambda d, who, a: mean_interval(by_runner(d, who), a, df=len(d) - 1), "those of stances"),
    (
        "bias_interval",
        lambda d, who, a: limits(by_runner(d, who), stats.t.isf(a / 2, len(set(who)) - 1)),
        "how far single",
    ),
    (
        "bias_interval",
        lambda d, who, a: np.array(mean_interval(by_runner(d, who), a)) - by_runner(d, who).mean() + d.mean(),
        "middle is the mean of all stances",
    ),
    ("bias_interval", lambda d, who, a: mean_interval(by_runner(d, who), 2 * a), "How much of alpha"),
    ("bias_interval", lambda d, who, a: mean_interval(by_runner(d, who), 0.05), "alpha is an argument"),
    ("icc_a1", lambda m, e: np.corrcoef(m, e)[0, 1], "Pearson's r"),
    ("icc_a1", lambda m, e: literal_icc(m, e, kind="C"), "consistency"),
    ("icc_a1", lambda m, e: literal_icc(m, e, kind="1"), "one-way"),
    ("icc_a1", lambda m, e: literal_icc(m, e, kind="average"), "mean of both methods"),
    ("icc_a1", lambda m, e: 1.5 * literal_icc(m, e), "1.5 times"),
    ("skill", lambda m, e, b: rmse(m, e) / rmse(m, b), "skill is the share that is gone"),
    ("skill", lambda m, e, b: 1 - (rmse(m, e) / rmse(m, b)) ** 2, "mean squares"),
    ("skill", lambda m, e, b: 1 - rmse(m, b) / max(rmse(m, e), 1e-9), "changed places"),
    ("skill", lambda m, e, b: rmse(m, e) / rmse(m, b) - 1, "sign is turned"),
    ("skill", lambda m, e, b: 1 - np.abs(e - m).mean() / np.abs(b - m).mean(), "absolute errors"),
    ("skill", lambda m, e, b: np.corrcoef(m, e)[0, 1], "Pearson's r"),
    (
        "verdict",
        lambda p, low, high, bound, alpha: "equivalent" if p > alpha else "differs",
        "p > alpha is not agreement",
    ),
    ("verdict", lambda *case: words(*case, bottom=False), "lower end"),
    ("verdict", lambda *case: words(*case, top=False), "upper end"),
    ("verdict", lambda *case: words(*case, two_way=False), "it is small"),
    ("verdict", lambda *case: words(*case[:4], 0.05), "alpha is an argument"),
    ("verdict", lambda *case: words(*case[:3], 10, case[4]), "bound is an argument"),
    ("verdict", lambda p, low, high, bound, alpha: words(p, low, high, bound, alpha) if p == p else "differs", "NaN"),
    ("verdict", lambda p, *case: words(0.06 if p == case[-1] else p, *case), "p equals alpha"),
    ("verdict", lambda p, *case: words(1.0 if p != p else p, *case), "NaN"),
    ("verdict", lambda *case: "Equivalent", "A verdict is one of"),
]


@pytest.mark.parametrize(
    ("exercise", "answer", "hint"), MISTAKES, ids=[f"{name}-{hint[:20]}" for name, _, hint in MISTAKES]
)
def test_a_typical_mistake_gets_its_hint(exercise, answer, hint):
    assert hint in refused(getattr(course_agreement, f"check_{exercise}"), answer)


def test_answers_by_other_ways_pass():
    """A literal analysis of variance, scipy's own test, and the verdict's table."""
    course_agreement.check_icc_a1(literal_icc)
    course_agreement.check_paired_p(lambda e, m: stats.ttest_rel(e, m).pvalue)
    course_agreement.check_bias_interval(
        lambda d, who, a: stats.ttest_1samp(by_runner(d, who), 0).confidence_interval(1 - a)
    )
    course_agreement.check_verdict(words)


def test_power_is_that_of_statsmodels():
    for runners, difference, sd in ((4, 5, 8), (16, 5, 8), (30, -2, 8), (12, 0, 8)):
        expected = TTestPower().power(difference / sd, runners, 0.05)
        assert course_agreement._power(runners, difference, sd) == pytest.approx(expected, rel=1e-6)


def test_clustered_study_has_the_spread_asked_for():
    """400 runners: the SD between them is known to some 4 %, that within to 2 %."""
    difference, runners = course_agreement.clustered_study(
        np.random.default_rng(0), 400, bias=1.0, between_sd=0.5, within_sd=0.2
    )
    sizes = np.bincount(runners)
    assert set(sizes) == set(range(4, 11)) and difference.mean() == pytest.approx(1, abs=0.1)
    means = by_runner(difference, runners)
    assert (difference - means[runners]).std() * np.sqrt(len(runners) / (len(runners) - 400)) == pytest.approx(
        0.2, rel=0.08
    )
    assert means.var() == pytest.approx(0.5**2 + (0.2**2 / sizes).mean(), rel=0.25)


def test_verdict_of_the_course_is_that_of_a_study():
    """agreement_words judges with more words: equivalent or not, and a difference or not, are the same."""
    rng = np.random.default_rng(1)
    for low, width, p in zip(
        rng.uniform(-15, 15, 200), rng.uniform(0.5, 15, 200), rng.uniform(0, 0.1, 200), strict=True
    ):
        equivalent = -10 < low and low + width < 10
        study = agreement_words.judge(p <= 0.05, low, low + width, 10, equivalent)
        begins = {
            "equivalent": "agrees on average",
            "differs, too little to matter": "differs, but by less",
            "differs": "differs",
            "undecided": "open",
        }[RIGHT.verdict(p, low, low + width, 10, 0.05)]
        assert study.startswith(begins) and (begins != "differs" or "less than" not in study)
