"""Session 5 of the course, does it agree: its features, studies to simulate, and the checks of the exercises.

In: the course's estimates, random numbers, a student's functions. Out: tables and made-up studies for the notebook. A
check prints a sentence where the function is right and raises NotRight with a hint where it is not. What is right comes
from scipy, statsmodels or grfkit.evaluation.agreement.
"""

import numpy as np
from scipy import stats

from grfkit import features, metrics
from grfkit.course import data
from grfkit.course.checking import call, check, compare, kind, numbers
from grfkit.evaluation import agreement
from grfkit.reports.plots import evaluation as evaluation_plots

STUDIES = 4000
VERDICTS = ("equivalent", "differs, too little to matter", "differs", "undecided")


def features_of(estimator):
    """Read the five features off the course's curves: tables of all stances, and of the runners' means."""
    predictions = data.predictions()
    own = predictions[predictions["estimator"] == estimator]
    pairs = agreement.of_runners(features.by_stance(own, vlr="touchdown_to_13"), data.stances()[1])
    return pairs, agreement.runner_means(pairs)


def draw_equivalence(ax, estimator, bounds):
    """Draw the 90 % interval of each feature's mean difference (%) over the course's runners beside its bound."""
    return evaluation_plots.equivalence(ax, _equivalence(estimator, bounds))


def tested(estimator, bounds):
    """List for each feature p of the paired test over the course's runners, and its 90 % interval and bound (%)."""
    p = agreement.tests(features_of(estimator)[0]).set_index("feature")["p_runners"]
    rows = _equivalence(estimator, bounds).assign(p=lambda table: table["feature"].map(p))
    return rows[["feature", "p", "low_pct", "high_pct", "bound_pct"]].to_dict("records")


def _equivalence(estimator, bounds):
    return agreement.equivalence(features_of(estimator)[0], bounds_pct=bounds, alpha=0.05)


def spread(difference, runners):
    """Split the spread of differences (S,) into the SD between runners (S,) and that within them, by name."""
    parts = agreement.limits_of_agreement(difference, runners)
    return {name: parts[name] for name in ("between_sd", "within_sd")}


def mean_r(predictions):
    """Average Pearson's r over stances, for each estimator and direction."""
    return metrics.by_stance(predictions).groupby(["estimator", "direction"])["r"].mean()


def _power(runners, difference, sd, *, alpha=0.05):
    """Give the share of studies in which a paired t-test finds a true mean difference, by the noncentral t."""
    critical, centre = stats.t.isf(alpha / 2, runners - 1), difference / sd * np.sqrt(runners)
    tails = [stats.nct.sf(critical, runners - 1, sign * centre) for sign in (1, -1)]
    return np.nansum(tails)  # scipy gives NaN for the far tail of a large difference, which is 0


def clustered_study(rng, runners, *, bias, between_sd, within_sd, stances=(4, 10)):
    """Draw differences (S,) of stances and their runners (S,): a bias, a runner's own part, and a stance's own part.

    A runner has from stances[0] to stances[1] stances.
    """
    codes = np.repeat(np.arange(runners), rng.integers(stances[0], stances[1], size=runners, endpoint=True))
    own = between_sd * rng.normal(size=runners)
    return bias + own[codes] + within_sd * rng.normal(size=len(codes)), codes


# The exercises, in their order


def check_paired_p(function):
    """Check paired_p(estimated, measured): two (R,) -> p, against scipy.stats.ttest_rel."""
    for seed, runners, shift in ((1, 16, 0.05), (2, 6, -0.08), (3, 40, 0.0)):
        measured, estimated = _pairs(seed, runners, shift)
        t, p = stats.ttest_rel(estimated, measured)
        unpaired = stats.ttest_ind(estimated, measured).pvalue

        def two_tails(t, df=runners - 1):
            return 2 * stats.t.sf(abs(t), df)

        mistakes = {
            "This is t. Give the p that belongs to it.": t,
            "This is one tail, but a difference in either direction counts.": p / 2,
            "You take a tail on the wrong side.": 1 - p / 2,
            "p is above 1. Which tail do you take if t is negative?": 2 - p,
            "This is 1 - p.": 1 - p,
            "This is the normal distribution's p. Where do you use the number of runners?": 2 * stats.norm.sf(abs(t)),
            "Look at the degrees of freedom.": two_tails(t, runners),
            "The SD is a little too small. What does numpy's std divide by?": two_tails(
                t * np.sqrt(runners / (runners - 1))
            ),
            "You divide by the SD. In units of what is t measured?": two_tails(t / np.sqrt(runners)),
            "This is the unpaired test, but each runner gives a pair.": unpaired,
        }
        compare(call(function, estimated.copy(), measured.copy()), p, mistakes, what="p")
    print("Right: p equals scipy.stats.ttest_rel, for 6, 16 and 40 runners, for positive and negative differences.")


def check_share_found(function):
    """Check share_found(runners, difference, sd, studies, rng): the share of studies with p < .05, or power."""
    cases = [(16, 5.5, 8), (6, 3, 9), (6, -10, 9), (16, 0, 8)]
    answers = [numbers(call(function, *case, STUDIES, np.random.default_rng(7)), "The share") for case in cases]
    for answer in answers:
        check(answer.ndim == 0 and np.isfinite(answer), "The share must be one finite number.")
        check(answer <= 1, "A share is not above 1. Is this the number of studies?")

    def shares(rule):
        return np.array([rule(*case) for case in cases])

    off = answers - shares(_power)
    worst = int(np.argmax(np.abs(off)))
    mistakes = {
        "You test along the studies. Which differences belong to one test?": np.where(
            [difference for _, difference, _ in cases], 1, answers
        ),
        "This is the share of studies that miss the difference.": 1 - shares(_power),
        "The test is one-tailed, but a difference in either direction counts.": shares(_one_tailed_power),
        "p is that of one tail, but a difference in either direction counts.": shares(
            lambda n, d, sd: _power(n, d, sd, alpha=0.10)
        ),
        "sd is the SD of the runners' differences, not of their mean.": shares(
            lambda n, d, sd: _power(n, d, sd / np.sqrt(n))
        ),
        "The spread is too small. Does your generator need the SD or the variance?": shares(
            lambda n, d, sd: _power(n, d, np.sqrt(sd))
        ),
        "The spread is too large. Draw the differences themselves, not two sets.": shares(
            lambda n, d, sd: _power(n, d, np.sqrt(2) * sd)
        ),
        "A test finds this share if there is no difference. Do you put the true difference into the draws, and "
        "test against 0?": np.full(len(cases), 0.05),
    }
    compare(
        np.array(answers),
        shares(_power),
        mistakes,
        f"With runners, difference, sd = {cases[worst]} too {'many' if off[worst] > 0 else 'few'} of {STUDIES:,} "
        "studies find the difference. What do you draw for each runner, and what do you test it against?",
        atol=0.035,  # 4 standard errors and some
    )
    print(f"Right: your {STUDIES:,} studies agree with the exact power. Without a difference, 95 % of them find none.")


def _one_tailed_power(runners, difference, sd):
    return stats.nct.sf(stats.t.isf(0.05, runners - 1), runners - 1, difference / sd * np.sqrt(runners))


def check_tost_p(function):
    """Check tost_p(estimated, measured, bound): p of two one-sided tests, against statsmodels' ttost_paired."""
    from statsmodels.stats.weightstats import ttost_paired  # takes seconds

    cases = (4, 16, 0.02, 0.1), (5, 10, -0.06, 0.1), (6, 16, 0.05, 0.03), (7, 25, 0.0, 0.05)
    for seed, runners, shift, bound in cases:
        measured, estimated = _pairs(seed, runners, shift)
        p, (_, above, _), (_, below, _) = ttost_paired(estimated, measured, -bound, bound)
        smaller, difference_p = min(above, below), stats.ttest_rel(estimated, measured).pvalue
        in_percent = bound * measured.mean() / 100
        mistakes = {
            "Both one-sided tests must reject. Which of the two p decides?": smaller,
            "The two p are added. Which of them decides, if both tests must reject?": above + below,
            "p is doubled, but each test is one-sided.": 2 * p,
            "p is halved, but each test is one-sided.": p / 2,
            "The SD is a little too small. What does numpy's std divide by?": _tost(
                estimated - measured, bound, ddof=0
            ),
            "This is one of the two tests. Where is the one against +bound?": above,
            "This is one of the two tests. Where is the one against -bound?": below,
            "One tail is on the wrong side. What does each of the two tests try to reject?": 1 - p,
            "Both tails are on the wrong side. What does each of the two tests try to reject?": 1 - smaller,
            "This is the p of the test for a difference. Where do you use the bound?": difference_p,
            "The bound is in the unit of the data, not in %.": ttost_paired(
                estimated, measured, -in_percent, in_percent
            )[0],
        }
        compare(call(function, estimated.copy(), measured.copy(), bound), p, mistakes, what="p")
    print("Right: p equals statsmodels' ttost_paired, for equivalent methods and for others.")


def check_limits_of_agreement(function):
    """Check limits_of_agreement(difference): (S,) -> (low, high), bias -+ 1.96 SD."""
    for seed, size, shift in ((8, 16, 0.4), (9, 60, -1.2)):
        difference = shift + np.random.default_rng(seed).normal(size=size)
        bias, sd, right = difference.mean(), difference.std(ddof=1), _span(difference, 1.96)
        mistakes = {
            "Your limits lie around 0. Where does the bias come in?": right - bias,
            "The SD is a little too small. What does numpy's std divide by?": _span(difference, 1.96, ddof=0),
            "That says how well the mean is known, but limits hold single differences.": _span(
                difference, 1.96 / np.sqrt(size)
            ),
            "Between bias - SD and bias + SD lie only two thirds of the differences, not 95 %.": _span(difference, 1),
            "2 is a round number. Within how many SD do 95 % of a normal distribution lie?": _span(difference, 2),
            "That is the variance, not the SD.": _span(difference, 1.96 * sd),
            "Within 1.645 SD lie 90 %, not 95 %.": _span(difference, 1.645),
            "The lower limit comes first.": right[::-1],
            "Give the two limits alone, and the lower one first.": (bias, *right),
        }
        answer, exact = call(function, difference.copy()), _span(difference, stats.norm.isf(0.025))
        compare(answer, exact, mistakes, what="The pair of limits", rtol=1e-4)
    print("Right: Bland and Altman's limits, around a positive and a negative bias.")


def _span(values, factor, *, ddof=1):
    """Give the mean of values (N,) -+ a multiple of their SD: (2,)."""
    return values.mean() + factor * values.std(ddof=ddof) * np.array([-1, 1])


def check_bias_interval(function):
    """Check bias_interval(difference, runners, alpha): (S,), (S,) -> (low, high) of the bias, by runners' means."""
    for seed, runners, alpha in ((10, 16, 0.05), (11, 6, 0.05), (12, 9, 0.10)):
        difference, codes = clustered_study(
            np.random.default_rng(seed), runners, bias=0.3, between_sd=1.0, within_sd=0.7
        )
        order = np.random.default_rng(seed).permutation(len(codes))  # a runner's stances need not stand together
        difference, names = difference[order], np.array([f"v{code:02d}" for code in codes[order]])
        means = np.array([difference[names == name].mean() for name in np.unique(names)])

        def interval(values, quantile, **options):
            return _span(values, quantile / np.sqrt(len(values)), **options)

        t, s, n = stats.t.isf(alpha / 2, runners - 1), stats.t.isf(alpha / 2, len(names) - 1), stats.norm.isf(alpha / 2)
        right = interval(means, t)
        mistakes = {
            "You treat stances as independent, so the interval is too narrow.": [
                interval(difference, quantile) for quantile in (s, n, t)
            ],
            "The normal distribution is too narrow for so few runners.": [
                interval(means, n),
                interval(means, 1.96),
            ],
            "Your degrees of freedom are those of stances. How many independent values are there?": interval(means, s),
            "Look at the degrees of freedom.": interval(means, stats.t.isf(alpha / 2, runners)),
            "That says how far single runners spread, not how well their mean is known.": _span(means, t),
            "The SD is a little too small. What does numpy's std divide by?": interval(means, t, ddof=0),
            "The middle is the mean of all stances. Does each runner count once?": right
            + difference.mean()
            - means.mean(),
            "The interval is too narrow. How much of alpha lies on each side?": interval(
                means, stats.t.isf(alpha, runners - 1)
            ),
            "The lower end comes first.": right[::-1],
            "alpha is an argument, and it is not always .05.": interval(means, stats.t.isf(0.025, runners - 1)),
        }
        compare(call(function, difference.copy(), names.copy(), alpha), right, mistakes, what="The pair (low, high)")
    print(
        "Right: the interval of the bias from runners' means, for 6, 9 and 16 runners with unequal numbers of stances."
    )


def check_icc_a1(function):
    """Check icc_a1(measured, estimated): two (R,) -> ICC(A,1), against grfkit.evaluation.agreement."""
    for seed, runners, shift in ((13, 16, 0.05), (14, 9, 0.4), (15, 30, -0.2)):
        measured, estimated = _pairs(seed, runners, shift)
        ratings = np.column_stack([measured, estimated])
        msr, msc, mse = _mean_squares(ratings)
        within = ((ratings - ratings.mean(axis=1, keepdims=True)) ** 2).sum() / runners
        r, last = np.corrcoef(measured, estimated)[0, 1], (msc - mse) / runners
        mistakes = {
            "This is Pearson's r, which does not notice a shift or a scale.": r,
            "This is ICC(C,1), consistency. Where does a difference between the methods count?": (msr - mse)
            / (msr + mse),
            "This is the one-way ICC. It does not split what is within runners.": (msr - within) / (msr + within),
            "This is the ICC of the mean of both methods. You need that of one.": (msr - mse) / (msr + last),
            "k and R have changed places in the last term.": (msr - mse) / (msr + mse + runners * (msc - mse) / 2),
            "Something is missing in the last term.": (msr - mse) / (msr + mse + 2 * msc / runners),
            "A factor is missing in the last term.": (msr - mse) / (msr + mse + last),
            "MSR is too small. How many values go into a runner's mean?": _icc(msr / 2, msc, mse, runners),
            "MSC is too small. How many values go into a method's mean?": _icc(msr, msc / runners, mse, runners),
            "Look at what MSR is divided by.": _icc(msr * (runners - 1) / runners, msc, mse, runners),
            "Look at what MSE is divided by.": _icc(msr, msc, mse * (runners - 1) / (2 * runners), runners),
        }
        right, _, *_ = agreement.icc(ratings, alpha=0.05)
        compare(call(function, measured.copy(), estimated.copy()), right, mistakes, what="ICC(A,1)")
    print("Right: ICC(A,1) equals that of grfkit.evaluation.agreement, for shifts in both directions.")


def check_skill(function):
    """Check skill(measured, estimated, baseline): three (N,) -> 1 - RMSE / RMSE of the baseline."""
    for seed, error, poor in ((16, 0.1, 0.2), (17, 0.3, 0.2), (18, 0.0, 0.2)):
        rng = np.random.default_rng(seed)
        measured = np.sin(np.linspace(0, 3, 80))
        off, base = error * rng.normal(size=80), poor * rng.normal(size=80)
        rmse, rmse_base = np.sqrt(np.mean(off**2)), np.sqrt(np.mean(base**2))
        absolute, r = np.abs(off).mean() / np.abs(base).mean(), np.corrcoef(measured, measured + off)[0, 1]
        mistakes = {
            "This is the share of the error that is left, but skill is the share that is gone.": rmse / rmse_base,
            "These are mean squares. Where is the root?": 1 - rmse**2 / rmse_base**2,
            "These are mean absolute errors, not roots of mean squares.": 1 - absolute,
            "This is the RMSE. How does it compare with the baseline's?": rmse,
            "That is the difference of two errors, in BW, but skill has no unit.": rmse_base - rmse,
            "The sign is turned round. A better estimate has more skill.": rmse / rmse_base - 1,
            "This is Pearson's r, which does not notice a shift or a scale.": r,
            "Give skill as a share, not in %.": 100 * (1 - rmse / rmse_base),
            "Estimate and baseline have changed places.": [1 - rmse_base / rmse] if rmse else [],
        }
        answer = call(function, measured.copy(), measured + off, measured + base)
        compare(answer, 1 - rmse / rmse_base, mistakes, what="Skill", rtol=1e-9)
    print("Right: the skill of a good estimate, of a perfect one, and of one that is worse than the baseline.")


def _verdict_cases():
    """List the cases of a verdict: ((p, low, high, bound, alpha), the right word, the hint)."""
    nan = float("nan")
    equivalent, small, differs, undecided = VERDICTS
    above = "The upper end is above +bound. Look at both ends of the interval."
    below = "The lower end is below -bound. Look at both ends of the interval."
    return [
        (
            (0.40, -3, 4, 10, 0.05),
            equivalent,
            "The interval lies completely within the bound, and p is large. Which cell of the table is that?",
        ),
        (
            (0.40, -18, 25, 10, 0.05),
            undecided,
            "p is large, and the interval reaches beyond the bound. So neither a difference nor agreement is shown.",
        ),
        (
            (0.001, 2, 6, 10, 0.05),
            small,
            "There is a difference, and the interval lies completely within the bound: it is small.",
        ),
        (
            (0.001, -6, -2, 10, 0.05),
            small,
            "There is a difference in the other direction, and the interval lies completely within the bound.",
        ),
        ((0.001, 14, 22, 10, 0.05), differs, above),
        ((0.001, -22, -14, 10, 0.05), differs, below),
        (
            (0.02, 3, 16, 10, 0.05),
            differs,
            "There is a difference, and the interval reaches beyond the bound. So it may matter.",
        ),
        ((0.20, -16, 3, 10, 0.05), undecided, below),
        ((0.20, -3, 16, 10, 0.05), undecided, above),
        (
            (0.20, -3, 4, 2, 0.05),
            undecided,
            "The bound is an argument: compare both ends of the interval with it.",
        ),
        ((0.03, 1, 4, 10, 0.01), equivalent, "alpha is an argument, and it is not always .05."),
        ((0.05, 3, 16, 10, 0.05), differs, "p equals alpha here. Look at the signs > and ≤ in the table."),
        *(
            ((p, low, high, 10, 0.05), undecided, "A value that cannot be computed (NaN) decides nothing.")
            for p, low, high in ((nan, nan, nan), (nan, -3, 4), (0.001, nan, nan))
        ),
    ]


def check_verdict(function):
    """Check verdict(p, low, high, bound, alpha): one of VERDICTS, from p and the 1 - 2 alpha interval."""
    equivalent, *_, undecided = VERDICTS
    for arguments, right, hint in _verdict_cases():
        answer = call(function, *arguments)
        check(isinstance(answer, str), f"A verdict is a text; yours is of type {kind(answer)}.")
        check(answer in VERDICTS, f"A verdict is one of {VERDICTS}; yours is {answer!r}.")
        p, low, high, bound, alpha = arguments
        case = f"p = {p:g}, interval {low:g} to {high:g}, bound {bound:g}, alpha {alpha:g}"
        by_p = answer == equivalent and right == undecided and p > alpha
        check(not by_p, f"{case}: p > alpha is not agreement. {hint}")
        check(answer == right, f"{case}: you say '{answer}'. {hint}")
    print("Right: fifteen cases, with intervals on both sides and with NaN. Nothing is equivalent because of p alone.")


def _pairs(seed, runners, shift):
    """Draw runners' measured and estimated values (R,), in BW: peaks of some 2.5."""
    rng = np.random.default_rng(seed)
    measured = 2.5 + 0.2 * rng.normal(size=runners)
    return measured, measured + shift + 0.1 * rng.normal(size=runners)


def _tost(difference, bound, *, ddof):
    """Give p of two one-sided tests, with the SD's divisor as an option."""
    error, df = difference.std(ddof=ddof) / np.sqrt(len(difference)), len(difference) - 1
    return max(
        stats.t.sf((difference.mean() + bound) / error, df), stats.t.cdf((difference.mean() - bound) / error, df)
    )


def _mean_squares(ratings):
    """Give MSR, MSC and MSE of ratings (R, k), as McGraw & Wong 1996 name them."""
    (n, k), mean = ratings.shape, ratings.mean()
    rows, columns = ratings.mean(axis=1, keepdims=True), ratings.mean(axis=0, keepdims=True)
    return (
        k * ((rows - mean) ** 2).sum() / (n - 1),
        n * ((columns - mean) ** 2).sum() / (k - 1),
        ((ratings - rows - columns + mean) ** 2).sum() / ((n - 1) * (k - 1)),
    )


def _icc(msr, msc, mse, runners):
    """Combine mean squares to ICC(A,1) of two methods; mistakes bring wrong ones."""
    return (msr - mse) / (msr + mse + 2 * (msc - mse) / runners)
