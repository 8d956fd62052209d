"""Session 5 of the course, does it agree: studies to simulate, and the checks of the exercises.

As in course_spm, a check recognises typical mistakes by the values that they give; what is right comes from scipy, statsmodels or
grfkit.evaluation.agreement.
"""

import numpy as np
from scipy import stats

from grfkit.course.data import call, check
from grfkit.course.spm import compare, numbers
from grfkit.evaluation import agreement

STUDIES = 4000
VERDICTS = ("equivalent", "differs, too little to matter", "differs", "undecided")


def power(runners, difference, sd, *, alpha=0.05):
    """Give how often a paired t-test over so many runners finds a true mean difference, by the noncentral t distribution."""
    critical, centre = stats.t.isf(alpha / 2, runners - 1), difference / sd * np.sqrt(runners)
    tails = [stats.nct.sf(critical, runners - 1, sign * centre) for sign in (1, -1)]
    return np.nansum(tails)  # scipy gives NaN for the far tail of a large difference, which is 0


def clustered_study(rng, runners, *, bias, between_sd, within_sd, stances=(4, 10)):
    """Draw differences (S,) of stances and their runners (S,): a bias, what is a runner's own, and what is a stance's.

    A runner has from stances[0] to stances[1] stances.
    """
    codes = np.repeat(np.arange(runners), rng.integers(stances[0], stances[1], size=runners, endpoint=True))
    own = between_sd * rng.normal(size=runners)
    return bias + own[codes] + within_sd * rng.normal(size=len(codes)), codes


def check_paired_p(function):
    """Check paired_p(estimated, measured): two (R,) -> p, against scipy.stats.ttest_rel."""
    for seed, runners, shift in ((1, 16, 0.05), (2, 6, -0.08), (3, 40, 0.0)):
        measured, estimated = _pairs(seed, runners, shift)
        difference, p = estimated - measured, stats.ttest_rel(estimated, measured).pvalue
        t = difference.mean() / (difference.std(ddof=1) / np.sqrt(runners))
        mistakes = [
            (t, "This is t: give the p that belongs to it."),
            (p / 2, "This is one tail: a difference to either side counts."),
            (1 - p / 2, "A tail is taken on the wrong side: which share of Student's t lies beyond |t|?"),
            (2 - p, "p is above 1: take the tail beyond |t|, not beyond t."),
            (1 - p, "This is 1 - p."),
            (2 * stats.norm.sf(abs(t)), "This is the normal distribution's p: few runners need Student's t."),
            (2 * stats.t.sf(abs(t), runners), "Degrees of freedom are one less than runners."),
            (
                2 * stats.t.sf(abs(t) * np.sqrt(runners / (runners - 1)), runners - 1),
                "numpy's std divides by R: ddof=1.",
            ),
            (2 * stats.t.sf(abs(t) / np.sqrt(runners), runners - 1), "t divides by the standard error, SD / sqrt(R)."),
            (
                stats.ttest_ind(estimated, measured).pvalue,
                "This is the unpaired test: take each runner's difference first.",
            ),
        ]
        compare(call(function, estimated.copy(), measured.copy()), p, mistakes, what="p")
    print("Right: p equals scipy.stats.ttest_rel, for 6, 16 and 40 runners, for positive and negative differences.")


def check_share_found(function):
    """Check share_found(runners, difference, sd, studies, rng): the share of studies with p < .05, against the exact power."""
    cases = [(16, 5.5, 8), (6, 3, 9), (6, -10, 9), (16, 0, 8)]
    answers = [numbers(call(function, *case, STUDIES, np.random.default_rng(7)), "The share") for case in cases]
    for answer in answers:
        check(answer.ndim == 0 and np.isfinite(answer), "The share must be one finite number.")
        check(answer <= 1, "A share is not above 1: divide the number of studies that find the difference by all.")

    def like(rule):
        """Whether every answer is what a rule (runners, difference, sd) -> share gives, to 4 standard errors and some."""
        return all(abs(answer - rule(*case)) < 0.035 for answer, case in zip(answers, cases, strict=True))

    if not like(power):
        check(
            any(answer != 1 for answer, case in zip(answers, cases, strict=True) if case[1]),
            "You test along the studies: each study is a row, and its runners are tested (axis=1).",
        )
        mistakes = [
            (lambda n, d, sd: 1 - power(n, d, sd), "This is the share of studies that miss the difference."),
            (
                lambda n, d, sd: stats.nct.sf(stats.t.isf(0.05, n - 1), n - 1, d / sd * np.sqrt(n)),
                "The test is one-tailed: p counts both tails.",
            ),
            (lambda n, d, sd: power(n, d, sd, alpha=0.10), "p is that of one tail: it counts both."),
            (
                lambda n, d, sd: power(n, d, sd / np.sqrt(n)),
                "sd is the spread of the runners' differences, not of their mean.",
            ),
            (
                lambda n, d, sd: power(n, d, np.sqrt(sd)),
                "The spread is too small: does your generator want the SD or the variance?",
            ),
            (
                lambda n, d, sd: power(n, d, np.sqrt(2) * sd),
                "The spread is too large: draw the differences themselves, not two sets.",
            ),
            (
                lambda n, d, sd: 0.05,
                "So often a test finds what is not there: is the true difference put into the draws, "
                "and the test against 0?",
            ),
        ]
        for rule, hint in mistakes:
            check(not like(rule), hint)
        off = [answer - power(*case) for answer, case in zip(answers, cases, strict=True)]
        worst = int(np.argmax(np.abs(off)))
        check(
            False,
            f"With runners, difference, sd = {cases[worst]} too {'many' if off[worst] > 0 else 'few'} of {STUDIES:,} studies find "
            "the difference: draw one difference for each runner, about the true one, and test these against 0.",
        )
    print(
        f"Right: your {STUDIES:,} simulated studies agree with the exact power, and find nothing in 95 % where nothing is."
    )


def check_tost_p(function):
    """Check tost_p(estimated, measured, bound): p of two one-sided tests, against statsmodels' ttost_paired."""
    from statsmodels.stats.weightstats import ttost_paired  # takes seconds

    for seed, runners, shift, bound in (
        (4, 16, 0.02, 0.1),
        (5, 10, -0.06, 0.1),
        (6, 16, 0.05, 0.03),
        (7, 25, 0.0, 0.05),
    ):
        measured, estimated = _pairs(seed, runners, shift)
        p, (_, above, _), (_, below, _) = ttost_paired(estimated, measured, -bound, bound)
        mistakes = [
            (
                min(above, below),
                "Both one-sided tests must reject, above -bound and below +bound: the larger p decides.",
            ),
            (above + below, "The two p are not added: both tests must reject, so that the larger p decides."),
            (2 * p, "p is not doubled: each test is one-sided, and both must reject."),
            (p / 2, "p is not halved: each test is one-sided, and the larger p decides."),
            (_tost(estimated - measured, bound, ddof=0), "numpy's std divides by R: ddof=1."),
            (above, "This is one of the two tests: where is the one against +bound?"),
            (below, "This is one of the two tests: where is the one against -bound?"),
            (
                1 - p,
                "A tail is taken on the wrong side: above -bound wants the upper tail of t, below +bound the lower.",
            ),
            (
                1 - min(above, below),
                "Both tails are on the wrong side: above -bound wants the upper tail of t, below +bound the lower.",
            ),
            (
                stats.ttest_rel(estimated, measured).pvalue,
                "This is the p of the test for a difference: where does the bound come in?",
            ),
            (
                ttost_paired(estimated, measured, -bound * measured.mean() / 100, bound * measured.mean() / 100)[0],
                "The bound is in the unit of the data, not in %.",
            ),
        ]
        compare(call(function, estimated.copy(), measured.copy(), bound), p, mistakes, what="p")
    print("Right: p equals statsmodels' ttost_paired, where the methods are equivalent and where they are not.")


def check_limits_of_agreement(function):
    """Check limits_of_agreement(difference): (S,) -> (low, high), bias -+ 1.96 SD."""
    for seed, size, shift in ((8, 16, 0.4), (9, 60, -1.2)):
        difference = shift + np.random.default_rng(seed).normal(size=size)
        bias, sd = difference.mean(), difference.std(ddof=1)

        def span(centre, half):
            return [centre - half, centre + half]

        mistakes = [
            (span(0, 1.96 * sd), "The limits lie about the bias, not about 0."),
            (span(bias, 1.96 * difference.std()), "numpy's std divides by S: ddof=1."),
            (
                span(bias, 1.96 * sd / np.sqrt(size)),
                "That is how well the mean is known: limits hold single differences, so no sqrt(S).",
            ),
            (span(bias, sd), "Between bias - SD and bias + SD lie two thirds, not 95 %."),
            (span(bias, 2 * sd), "2 is a round number: 95 % of a normal distribution lie within 1.96 SD."),
            (span(bias, 1.96 * sd**2), "That is the variance: take its root."),
            (span(bias, 1.645 * sd), "Within 1.645 SD lie 90 %, not 95 %."),
            (span(bias, 1.96 * sd)[::-1], "The lower limit comes first."),
            ([bias, *span(bias, 1.96 * sd)], "Give the two limits alone, the lower first."),
        ]
        answer = call(function, difference.copy())
        compare(answer, span(bias, stats.norm.isf(0.025) * sd), mistakes, what="The pair of limits", rtol=1e-4)
    print("Right: Bland and Altman's limits, about a positive and a negative bias.")


def check_bias_interval(function):
    """Check bias_interval(difference, runners, alpha): (S,), (S,) -> (low, high) of the bias, by runners' means."""
    for seed, runners, alpha in ((10, 16, 0.05), (11, 6, 0.05), (12, 9, 0.10)):
        difference, codes = clustered_study(
            np.random.default_rng(seed), runners, bias=0.3, between_sd=1.0, within_sd=0.7
        )
        order = np.random.default_rng(seed).permutation(len(codes))  # a runner's stances need not stand together
        difference, names = difference[order], np.array([f"v{code:02d}" for code in codes[order]])
        means = np.array([difference[names == name].mean() for name in np.unique(names)])

        def span(values, quantile, ddof=1, root=True):
            return values.mean() + quantile * values.std(ddof=ddof) / (np.sqrt(len(values)) if root else 1) * np.array(
                [-1, 1]
            )

        t, s, n = stats.t.isf(alpha / 2, runners - 1), stats.t.isf(alpha / 2, len(names) - 1), stats.norm.isf(alpha / 2)
        mistakes = [
            (
                span(difference, s),
                "Stances are taken as independent: the interval is too narrow. Average each runner first.",
            ),
            (
                span(difference, n),
                "Stances are taken as independent: the interval is too narrow. Average each runner first.",
            ),
            (
                span(difference, t),
                "Stances are taken as independent: the interval is too narrow. Average each runner first.",
            ),
            (
                span(means, n),
                "The normal distribution is too narrow for few runners: Student's t, runners - 1 degrees of freedom.",
            ),
            (
                span(means, 1.96),
                "The normal distribution is too narrow for few runners: Student's t, runners - 1 degrees of freedom.",
            ),
            (span(means, s), "There are as many degrees of freedom as runners, less one: not as many as stances."),
            (span(means, stats.t.isf(alpha / 2, runners)), "Degrees of freedom are one less than runners."),
            (
                span(means, t, root=False),
                "Divide the SD of the means by sqrt(R): it is the mean's interval that is asked for.",
            ),
            (span(means, t, ddof=0), "numpy's std divides by R: ddof=1."),
            (
                span(means, t) + difference.mean() - means.mean(),
                "The middle is the mean of all stances: it is the mean of the runners' means, each runner once.",
            ),
            (
                span(means, stats.t.isf(alpha, runners - 1)),
                "The interval is too narrow: alpha / 2 lies on either side.",
            ),
            (span(means, t)[::-1], "The lower end comes first."),
            (span(means, stats.t.isf(0.025, runners - 1)), "alpha is an argument: .05 is not always asked for."),
        ]
        compare(
            call(function, difference.copy(), names.copy(), alpha),
            span(means, t),
            mistakes,
            what="The pair (low, high)",
        )
    print("Right: the interval of the bias by runners' means, for 6, 9 and 16 runners with unequal numbers of stances.")


def check_icc_a1(function):
    """Check icc_a1(measured, estimated): two (R,) -> ICC(A,1), against grfkit.evaluation.agreement."""
    for seed, runners, shift in ((13, 16, 0.05), (14, 9, 0.4), (15, 30, -0.2)):
        measured, estimated = _pairs(seed, runners, shift)
        ratings = np.column_stack([measured, estimated])
        msr, msc, mse = _mean_squares(ratings)
        within = ((ratings - ratings.mean(axis=1, keepdims=True)) ** 2).sum() / runners
        mistakes = [
            (np.corrcoef(measured, estimated)[0, 1], "This is Pearson's r, which does not see a shift or a scale."),
            (
                (msr - mse) / (msr + mse),
                "This is ICC(C,1), consistency: a difference between the methods must count (MSC).",
            ),
            (
                (msr - within) / (msr + within),
                "This is the one-way ICC: split what is within runners into methods (MSC) and rest (MSE).",
            ),
            (
                (msr - mse) / (msr + (msc - mse) / runners),
                "This is the ICC of the mean of both methods: one is asked for.",
            ),
            ((msr - mse) / (msr + mse + runners * (msc - mse) / 2), "k and R have changed places in the last term."),
            ((msr - mse) / (msr + mse + 2 * msc / runners), "The last term holds MSC - MSE."),
            ((msr - mse) / (msr + mse + (msc - mse) / runners), "The last term has the factor k = 2."),
            (_icc(msr / 2, msc, mse, runners), "MSR is too small: a runner's mean stands for k = 2 values."),
            (_icc(msr, msc / runners, mse, runners), "MSC is too small: a method's mean stands for R values."),
            (_icc(msr * (runners - 1) / runners, msc, mse, runners), "MSR divides by R - 1."),
            (_icc(msr, msc, mse * (runners - 1) / (2 * runners), runners), "MSE divides by (R - 1)(k - 1)."),
        ]
        compare(
            call(function, measured.copy(), estimated.copy()),
            agreement.icc(ratings, alpha=0.05)[0],
            mistakes,
            what="ICC(A,1)",
        )
    print("Right: ICC(A,1) as grfkit.evaluation.agreement gives it, for shifts to both sides.")


def check_skill(function):
    """Check skill(measured, estimated, baseline): three (N,) -> 1 - RMSE / RMSE of the baseline."""
    for seed, error, poor in ((16, 0.1, 0.2), (17, 0.3, 0.2), (18, 0.0, 0.2)):
        rng = np.random.default_rng(seed)
        measured = np.sin(np.linspace(0, 3, 80))
        off, base = error * rng.normal(size=80), poor * rng.normal(size=80)
        rmse, rmse_base = np.sqrt(np.mean(off**2)), np.sqrt(np.mean(base**2))
        mistakes = [
            (rmse / rmse_base, "This is the share of the error that is left: skill is what is gone, 1 minus it."),
            (1 - rmse**2 / rmse_base**2, "These are mean squares: take the root before you divide."),
            (1 - np.abs(off).mean() / np.abs(base).mean(), "These are mean absolute errors: square, average, root."),
            (rmse, "This is the RMSE: what is it beside the baseline's?"),
            (rmse_base - rmse, "Divide by the baseline's RMSE."),
            (rmse / rmse_base - 1, "The sign is turned round: a better estimate has more skill."),
            (
                np.corrcoef(measured, measured + off)[0, 1],
                "This is Pearson's r, which does not see a shift or a scale.",
            ),
            (100 * (1 - rmse / rmse_base), "Give skill as a share, not in %."),
        ]
        if rmse:
            mistakes += [(1 - rmse_base / rmse, "Estimate and baseline have changed places.")]
        answer = call(function, measured.copy(), measured + off, measured + base)
        compare(answer, 1 - rmse / rmse_base, mistakes, what="Skill", rtol=1e-9)
    print("Right: skill of a good estimate, of one worse than the baseline, and of a perfect one.")


def check_verdict(function):
    """Check verdict(p, low, high, bound, alpha): one of VERDICTS; low and high are the ends of the 1 - 2 alpha interval."""
    nan = float("nan")
    cases = [
        ((0.40, -3, 4, 10), 0, "The interval lies wholly within the bound, and p is large: one word says that."),
        (
            (0.40, -18, 25, 10),
            3,
            "p is large and the interval reaches beyond the bound: neither a difference nor agreement is shown.",
        ),
        ((0.001, 2, 6, 10), 1, "There is a difference, and the interval lies wholly within the bound: it is small."),
        (
            (0.001, -6, -2, 10),
            1,
            "There is a difference to the other side, and the interval lies wholly within the bound.",
        ),
        ((0.001, 14, 22, 10), 2, "The upper end is above +bound: look at both ends of the interval."),
        ((0.001, -22, -14, 10), 2, "The lower end is below -bound: look at both ends of the interval."),
        ((0.02, 3, 16, 10), 2, "There is a difference, and the interval reaches beyond the bound: it may matter."),
        ((0.20, -16, 3, 10), 3, "The lower end is below -bound: look at both ends of the interval."),
        ((0.20, -3, 16, 10), 3, "The upper end is above +bound: look at both ends of the interval."),
        ((0.20, -3, 4, 2), 3, "The bound is an argument: look at both ends of the interval against it."),
        ((0.03, 1, 4, 10, 0.01), 0, "alpha is an argument: .05 is not always asked for."),
        ((nan, nan, nan, 10), 3, "What cannot be computed (NaN) decides nothing."),
    ]
    for arguments, right, hint in cases:
        arguments = arguments if len(arguments) == 5 else (*arguments, 0.05)
        answer = call(function, *arguments)
        check(isinstance(answer, str), f"A verdict is a text; yours is of type {type(answer).__name__}.")
        check(answer in VERDICTS, f"A verdict is one of {VERDICTS}; yours is {answer!r}.")
        p, low, high, bound, alpha = arguments
        asked = f"p = {p:g}, interval {low:g} to {high:g}, bound {bound:g}, alpha {alpha:g}"
        check(not (answer == VERDICTS[0] and right == 3 and p > alpha), f"{asked}: p > alpha is not agreement. {hint}")
        check(answer == VERDICTS[right], f"{asked}: you say '{answer}'. {hint}")
    print("Right: twelve cases, intervals on both sides and NaN among them. No p alone made anything equivalent.")


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
