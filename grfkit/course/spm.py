"""Session 4 of the course, SPM by hand: smooth noise to learn from, and the checks of the exercises.

In: random numbers and differences of curves, a student's functions. Out: curves and studies for the notebook. A check
prints a sentence where the function is right and raises AssertionError with a hint where it is not. What is right comes
from scipy, spm1d or grfkit, never from a student's earlier answer.
"""

import itertools

import numpy as np
from scipy import optimize, stats
from scipy.ndimage import gaussian_filter1d

from grfkit.course.checking import call, check, compare, numbers, runs
from grfkit.transform import time_normalise

NODES, FLIPS = 100, 4000
SIGMAS_A_FWHM = np.sqrt(8 * np.log(2))  # of a Gaussian


def smooth_noise(rng, *shape, fwhm):
    """Draw smooth random curves (*shape, Q), mean 0 and SD 1: white noise through a Gaussian kernel of `fwhm` nodes."""
    sigma = fwhm / SIGMAS_A_FWHM
    margin = int(np.ceil(4 * sigma))  # no edge is smoother than the middle
    noise = gaussian_filter1d(rng.normal(size=(*shape, NODES + 2 * margin)), sigma, axis=-1)
    return noise[..., margin : margin + NODES] * np.sqrt(2 * sigma * np.sqrt(np.pi))


def t_curves(differences):
    """Give SPM{t} (..., Q) of differences (..., S, Q): the one-sample t at each node, S curves a study."""
    return differences.mean(axis=-2) / (differences.std(axis=-2, ddof=1) / np.sqrt(differences.shape[-2]))


def null_studies(differences, runners, *, studies, seed):
    """Make studies without a true difference: all curves of a runner are turned over together, or not, at random.

    `differences` is (S, Q), `runners` (S,). Stances of a runner stay as alike as they were measured. Returns the share
    of studies in which SPM finds an interval: with stances as independent, and with a mean curve of each runner.
    """
    rng, (names, codes) = np.random.default_rng(seed), np.unique(runners, return_inverse=True)
    found = []
    for _ in range(studies):
        stances = differences * rng.choice([-1, 1], size=len(names))[codes, None]
        means = np.stack([stances[codes == code].mean(axis=0) for code in range(len(names))])
        found.append(
            [
                np.abs(t_curves(curves)).max() > _threshold(_fwhm(curves), curves.shape[1], len(curves) - 1, 0.05)
                for curves in (stances, means)
            ]
        )
    return tuple(np.mean(found, axis=0))


# The exercises, in their order


def check_time_normalise(function):
    """Check time_normalise(force, nodes): (T,) -> (nodes,), against grfkit's own on curves of several lengths."""
    rng = np.random.default_rng(4)
    for length, nodes in ((231, 100), (180, 100), (60, 100), (251, 101)):
        force = np.sin(np.linspace(0, 3, length)) + 0.5 + 0.01 * rng.normal(size=length)
        right = time_normalise(force[:, None], nodes)[:, 0]

        def at(places, force=force):
            return np.interp(places, np.arange(len(force)), force)

        def to_end(count, last=length - 1, **options):
            return at(np.linspace(0, last, count, **options))

        places = np.linspace(0, length - 1, nodes)
        beginning, before, nearest = force[:nodes], force[places.astype(int)], force[places.round().astype(int)]
        mistakes = {
            "The curve has as many samples as before: it must have `nodes` of them.": force,
            "That is the beginning of stance: the whole of it must be brought to the nodes, toe-off too.": beginning,
            "You take the sample before each node: interpolate between the two next to it.": before,
            "You take the nearest sample: interpolate between the two next to the node.": nearest,
            "The last node must lie at toe-off: with endpoint=False it lies before it.": to_end(nodes, endpoint=False),
            "Your last node lies beyond toe-off: T samples are numbered from 0 to T - 1.": to_end(nodes, length),
            "T samples are numbered from 0 to T - 1, and the last node must lie at the last of them.": to_end(
                nodes, length, endpoint=False
            ),
            "Give a curve of shape (nodes,), without a second axis.": right[:, None],
            "The number of nodes is the function's second argument.": [to_end(100), to_end(101)],
        }
        compare(call(function, force.copy(), nodes), right, mistakes, what="The curve at its nodes")
    print("Right: stances of 60 to 251 samples were brought to 100 and to 101 nodes, first and last sample kept.")


def check_paired_t(function):
    """Check paired_t(estimated, measured): two (S, Q) -> (Q,), against scipy.stats.ttest_rel."""
    rng = np.random.default_rng(5)
    for n in (16, 5):
        measured = 2 + smooth_noise(rng, n, fwhm=20)
        estimated = measured + 0.2 * smooth_noise(rng, n, fwhm=15) + 0.1
        t, p = stats.ttest_rel(estimated, measured)
        z, by_runner = t / np.sqrt(n), stats.ttest_rel(estimated, measured, axis=1).statistic
        unpaired = stats.ttest_ind(estimated, measured).statistic
        population = np.sqrt(n / (n - 1))  # numpy's SD is so much smaller
        mistakes = {
            "The sign is turned round: the difference is estimated - measured.": -t,
            "t is a little too large: numpy's std divides by S; the sample's SD divides by S - 1.": t * population,
            "You divide by the SD: t divides by the standard error, SD / sqrt(S).": [z, z * population],
            "You divide by SD / S: the standard error is SD / sqrt(S).": z * n,
            "This is the unpaired test: take the differences of each runner first, then their SD.": unpaired,
            "Keep the sign of t: it tells which of the two is larger.": np.abs(t),
            "There is one t a runner: average over runners (axis 0), so that there is one t a node.": by_runner,
            "These are p values: give t.": p,
        }
        compare(call(function, estimated.copy(), measured.copy()), t, mistakes, what="t")
    print("Right: t at each node equals scipy.stats.ttest_rel, for 16 and for 5 runners.")


def check_false_alarms(function):
    """Check false_alarms(t, df, alpha): the share of studies (rows) with any |t| above the threshold of one test."""
    for seed, df, alpha in ((6, 15, 0.05), (7, 5, 0.05), (8, 15, 0.01)):
        t = t_curves(smooth_noise(np.random.default_rng(seed), 400, df + 1, fwhm=12))
        two_tailed, one_tailed = stats.t.isf([alpha / 2, alpha], df)
        above = np.abs(t) > two_tailed
        of_nodes, of_study = above.mean(), above.any(axis=1)

        def share(values, threshold):
            return (values > threshold).any(axis=1).mean()

        mistakes = {
            "This is the share of nodes: count a study once, where any of its nodes exceeds the threshold.": of_nodes,
            "This is the number of studies: give their share.": of_study.sum(),
            "You asked along studies: ask of each study (row) whether any node exceeds.": above.any(axis=0).mean(),
            "You ask that all nodes exceed: one is enough for a finding.": above.all(axis=1).mean(),
            "Only positive t count: two-tailed means |t|.": share(t, two_tailed),
            "The threshold is too low: a two-tailed test has alpha / 2 in each tail.": share(np.abs(t), one_tailed),
            "This is a one-tailed test: take |t|, and alpha / 2 in each tail.": share(t, one_tailed),
            "This is the normal distribution's threshold: t of few runners needs Student's, with df.": share(
                np.abs(t), stats.norm.isf(alpha / 2)
            ),
            "alpha is an argument: .05 is not always asked for.": share(np.abs(t), stats.t.isf(0.025, df)),
            "This is the share of studies that find nothing.": 1 - of_study.mean(),
        }
        compare(call(function, t.copy(), df, alpha), of_study.mean(), mistakes, what="The share of studies")
    print("Right: three sets of 400 studies, of 16 and of 6 runners, at alpha .05 and .01.")


def check_fwhm(function):
    """Check fwhm(residuals): (S, Q) -> nodes, against spm1d's estimate."""
    for seed, runners, width in ((9, 16, 10), (10, 8, 25), (11, 30, 15)):
        residuals = smooth_noise(np.random.default_rng(seed), runners, fwhm=width)
        residuals = 0.3 * (residuals - residuals.mean(axis=0))
        squares, k, right = (residuals**2).sum(axis=0), np.sqrt(4 * np.log(2)), _fwhm(residuals)
        v = (np.gradient(residuals, axis=1) ** 2).sum(axis=0) / squares
        steps = (np.diff(residuals, axis=1) ** 2).sum(axis=0) / squares[:-1]
        across = (np.gradient(residuals, axis=0) ** 2).sum(axis=0) / squares
        mistakes = {
            "The width is too small by sqrt(4 ln 2) = 1.67: it turns a Gaussian's gradient into its full width.": right
            / k,
            "The width is too small by sqrt(2): the constant is 4 ln 2.": right / np.sqrt(2),
            "The width is too large by sqrt(2): the constant is 4 ln 2.": right * np.sqrt(2),
            "This is the SD of the kernel: its full width at half maximum is 2.35 times that.": right / SIGMAS_A_FWHM,
            "This is 1 / FWHM: the steeper the curves, the narrower the kernel.": 1 / right,
            "Take the root at each node first, then the mean over nodes.": k / np.sqrt(v.mean()),
            "Take the mean over nodes first, then its inverse.": (k / np.sqrt(v)).mean(),
            "The root is missing: v is a square.": k**2 / v.mean(),
            "There is one width for all nodes: take the mean over nodes.": k / np.sqrt(v),
            "The gradient must run along the nodes: np.gradient(residuals, axis=1).": k / np.sqrt(across).mean(),
            "Gradients at the nodes themselves, np.gradient, and not np.diff, which lies between.": k
            / np.sqrt(steps).mean(),
        }
        compare(call(function, residuals.copy()), right, mistakes, what="FWHM", rtol=1e-4)
    print("Right: your FWHM is spm1d's, for kernels of 10, 25 and 15 nodes.")


def check_sign_flip_threshold(function):
    """Check sign_flip_threshold(differences, rng, flips, alpha) against all 1,024 ways to turn 10 curves over."""
    for seed, width, alpha in ((13, 25, 0.05), (12, 12, 0.05), (14, 15, 0.20)):
        differences = smooth_noise(np.random.default_rng(seed), 10, fwhm=width)
        answer = numbers(call(function, differences.copy(), np.random.default_rng(seed), FLIPS, alpha), "The threshold")
        check(
            answer.size != NODES, "There is one threshold for the whole curve: take the largest |t| of each flip first."
        )
        check(
            answer.size != FLIPS,
            "You give the largest |t| of each flip: the threshold is the value that a share alpha exceeds.",
        )
        check(answer.ndim == 0 and np.isfinite(answer), "The threshold must be one finite number.")
        signs = np.array(list(itertools.product([-1, 1], repeat=10)))
        largest = np.abs(t_curves(signs[:, :, None] * differences)).max(axis=1)
        share = (largest > answer).mean() / alpha  # of what is asked for: 1
        check(
            share > 0.3,
            "The threshold is far too high: is every curve turned over as a whole, with one sign for all its nodes?",
        )
        check(
            share < 4.5,
            "The threshold is far too low: collect the largest |t| over nodes of each flip; "
            "only a share alpha of these may lie above it.",
        )
        check(share > 0.7, "The threshold is too high: |t| holds both tails already, so that alpha is not halved.")
        check(
            share < 1.4,
            "The threshold is too low: take the largest |t|, not the largest t; a two-tailed test wants both signs. "
            "And is alpha what was asked for?",
        )
    print("Right: your threshold is that of all 1,024 ways to turn 10 curves over, up to chance.")


def check_rft_threshold(function):
    """Check rft_threshold(fwhm, nodes, df, alpha): one threshold, two-tailed, against spm1d's."""
    from spm1d import rft1d

    for case in ((20.4, 101, 9, 0.05), (10.0, 100, 15, 0.05), (2.0, 11, 30, 0.05), (14.0, 100, 115, 0.01)):
        fwhm, nodes, df, alpha = case
        one_test, bonferroni = stats.t.isf([alpha / 2, alpha / 2 / nodes], df)
        turned = (nodes - 1) ** 2 / fwhm
        mistakes = {
            "The threshold is too low: two-tailed, so that each tail may have half of alpha.": _threshold(
                fwhm, nodes, df, 2 * alpha
            ),
            "The threshold is too high: alpha is halved twice.": _threshold(fwhm, nodes, df, alpha / 2),
            "The length is that from the first node to the last: Q - 1 steps.": _threshold(fwhm, nodes + 1, df, alpha),
            "This is the threshold of a single test: how many resels are there?": one_test,
            "This is Bonferroni's threshold: it takes the nodes for independent.": bonferroni,
            "The first term is missing: the t test at one point.": _threshold(*case, tail=0),
            "You count nodes: resels are lengths of one FWHM, (Q - 1) / FWHM.": _threshold(1, nodes, df, alpha),
            "Resels are turned over: (Q - 1) / FWHM, not its inverse.": _threshold(turned, nodes, df, alpha),
            "This is the threshold of a Gaussian field: where do the df come in?": _threshold(fwhm, nodes, 1e7, alpha),
            "The exponent is -(df - 1) / 2.": _threshold(*case, power=(df + 1) / 2),
            "alpha is an argument: .05 is not always asked for.": _threshold(fwhm, nodes, df, 0.05),
        }
        right = rft1d.t.isf(alpha / 2, df, nodes, fwhm)
        compare(call(function, *case), right, mistakes, what="The threshold", rtol=3e-3)  # its 1 - exp(-E) for E
    print("Right: four thresholds, of 10 to 116 curves, that agree with random field theory.")


def check_clusters(function):
    """Check clusters(t, threshold): (Q,) -> list of (first, last) nodes of runs in which |t| exceeds the threshold."""
    places, hump = np.arange(NODES), stats.norm(0, 4).pdf
    middle = 60 * hump(places - 40)
    negative, edges = middle - 50 * hump(places - 75), 60 * hump(places) + 60 * hump(places - 99)
    single = np.where(places == 20, 5.0, 0.0)
    for t in (middle, negative, edges, single, np.zeros(NODES), np.full(NODES, 5.0)):
        right, what = runs(np.abs(t) > 3.5), "The clusters, each a pair (first node, last node),"
        answer = numbers(call(function, t.copy(), 3.5), what, (None, 2))
        check(len(right) or not len(answer), "Where nothing exceeds the threshold the list must be empty.")
        joined = [[[right[0, 0], right[-1, 1]]]] if len(right) else []
        mistakes = {
            "The last node lies one too far: it is the last above.": right + [0, 1],
            "The clusters begin and end one node late.": right + 1,
            "The first node lies one too early: it is the first above.": right - [1, 0],
            "The first node lies one too late: it is the first above.": right + [1, 0],
            "Give nodes, from 0 on, and not % of stance.": right * 100 / (NODES - 1),
            "t below -t* is a cluster too: the test is two-tailed.": runs(t > 3.5),
            "There are two clusters, and a gap between them.": joined,
        }
        missing = len(right) - len(answer)
        compare(
            answer,
            right,
            mistakes,
            f"{missing} clusters are missing: what of one that begins at node 0, ends at the last, or is one node long?"
            if missing > 0
            else "First and last node of a cluster are the first and the last at which |t| exceeds the threshold.",
        )
    print("Right: above and below, at both edges, one node long, none at all, and the whole of stance.")


def _fwhm(curves):
    """Give spm1d's estimate of the FWHM, in nodes, of curves (S, Q) about their mean."""
    from spm1d import rft1d  # takes a second

    return rft1d.geom.estimate_fwhm(curves - curves.mean(axis=0))


def _threshold(fwhm, nodes, df, alpha, *, tail=1, power=None):
    """Solve tail * P(t > u) + resels * density(u) = alpha / 2 by random field theory.

    `tail` and `power` are right by default; mistakes change them.
    """
    power = (df - 1) / 2 if power is None else power

    def excess(u):
        density = np.sqrt(4 * np.log(2)) / (2 * np.pi) * (1 + u**2 / df) ** -power
        return tail * stats.t.sf(u, df) + (nodes - 1) / fwhm * density - alpha / 2

    return optimize.brentq(excess, 0, 1e3) if excess(0) > 0 else 0.0
