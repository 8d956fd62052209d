"""Session 4 of the course, SPM by hand: smooth noise to learn from, and the checks of the exercises.

In: random numbers and differences of curves, a student's functions. Out: curves and figures for the notebook. A check
prints a sentence where the function is right and raises NotRight with a hint where it is not. What is right comes
from scipy, spm1d or grfkit, never from a student's earlier answer.
"""

import itertools

import numpy as np
from scipy import optimize, stats
from scipy.ndimage import gaussian_filter1d

from grfkit import plot, spm
from grfkit.course.checking import call, check, compare, numbers, runs
from grfkit.evaluation import agreement
from grfkit.transform import time_normalise

NODES, FLIPS = 100, 4000
SIGMAS_A_FWHM = np.sqrt(8 * np.log(2))  # of a Gaussian


def smooth_noise(rng, *shape, fwhm):
    """Draw smooth random curves (*shape, Q), mean 0 and SD 1: white noise through a Gaussian kernel of `fwhm` nodes."""
    sigma = fwhm / SIGMAS_A_FWHM
    margin = int(np.ceil(4 * sigma))  # no edge is smoother than the middle
    noise = gaussian_filter1d(rng.normal(size=(*shape, NODES + 2 * margin)), sigma, axis=-1)
    return noise[..., margin : margin + NODES] * np.sqrt(2 * sigma * np.sqrt(np.pi))


def curves(predictions, runners):
    """Bring AP forces (BW) to nodes: measured and estimated (S, Q), then a mean curve of each of the `runners` (S,)."""
    stances = [both[..., 0] for both in spm.curves(predictions, nodes=NODES)]
    return *stances, *(agreement.curves_of_runners(each, runners) for each in stances)


def noise_t(rng, studies, runners, *, fwhm):
    """Give SPM{t} of studies without a true difference, (studies, Q): of each, smooth noise of so many runners."""
    return _t_curves(smooth_noise(rng, studies, runners, fwhm=fwhm))


def draw_noise_studies(ax, t, threshold):
    """Draw SPM{t} of some studies (N, Q), those thick of which some node lies beyond the threshold."""
    for each in t:
        found = np.abs(each).max() > threshold
        style = {"color": plot.ALARM, "linewidth": 1.8} if found else {"color": "0.6", "linewidth": 0.8}
        ax.plot(np.linspace(0, 100, NODES), each, **style)
    ax.axhspan(-threshold, threshold, color="0.93", zorder=0)
    ax.set(xlabel="stance (%)", ylabel="SPM{t}", xlim=(0, 100))
    return ax


def draw_flips(ax, differences, *, flips, seed):
    """Draw SPM{t} of differences (S, Q) whose signs are turned over at random, the largest |t| of each marked."""
    rng = np.random.default_rng(seed)
    for _ in range(flips):
        t = _t_curves(differences * rng.choice([-1, 1], size=(len(differences), 1)))
        top = np.argmax(np.abs(t))
        ax.plot(np.linspace(0, 100, NODES), t, color="0.6", linewidth=0.9)
        ax.plot(100 * top / (NODES - 1), t[top], "o", color=plot.ALARM)
    ax.set(xlabel="stance (%)", ylabel="SPM{t}", xlim=(-1, 101))
    return ax


def draw_largest(ax, differences, *, flips, seed):
    """Draw how the largest |t| over the nodes of differences (S, Q) is spread over random sign flips."""
    signs = np.random.default_rng(seed).choice([-1, 1], size=(flips, len(differences), 1))
    largest = np.abs(_t_curves(signs * differences)).max(axis=1)
    ax.hist(largest, bins=40, color="0.8", label=f"largest |t| of {flips:,} sign flips")
    ax.set(xlabel="largest |t| over stance", ylabel="number of flips", xlim=(0, 8))
    return ax


def draw_expected(ax, *, df, resels):
    """Draw the expected Euler characteristic over heights u for curves of so many resels, and its first term."""
    u = np.linspace(1.5, 5, 100)
    ax.semilogy(u, stats.t.sf(u, df), ":", color=plot.MEASURED, label="first term: one node")
    for count, style in zip(resels, ("--", "-"), strict=True):
        expected = stats.t.sf(u, df) + count * _density(u, df, (df - 1) / 2)
        ax.semilogy(u, expected, style, color=plot.ESTIMATED, label=f"whole curve of {count} resels")
    ax.set(xlabel="height u", ylabel="expected Euler characteristic")
    return ax


def draw_spm(ax, estimated, measured):
    """Draw spm1d's paired test of curves (S, Q) at alpha .05."""
    return plot.spm(ax, spm.paired(estimated, measured, alpha=0.05))


def _t_curves(differences):
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
                np.abs(_t_curves(curves)).max() > _threshold(_fwhm(curves), curves.shape[1], len(curves) - 1, 0.05)
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
            "The curve has as many samples as before. It must have `nodes` of them.": force,
            "That is only the beginning of stance. The nodes must cover the whole stance up to toe-off.": beginning,
            "You take the sample before each node. What is the force if a node lies between two samples?": before,
            "You take the nearest sample. What is the force if a node lies between two samples?": nearest,
            "Your last node lies before toe-off.": to_end(nodes, endpoint=False),
            "Your last node lies beyond toe-off. Which number has the last of T samples?": to_end(nodes, length),
            "Your last node is not at toe-off. How are T samples numbered from 0?": to_end(
                nodes, length, endpoint=False
            ),
            "Give a curve of shape (nodes,), without a second axis.": right[:, None],
            "The number of nodes is the function's second argument.": [to_end(100), to_end(101)],
        }
        compare(call(function, force.copy(), nodes), right, mistakes, what="The curve at its nodes")
    print("Right: stances of 60 to 251 samples have 100 or 101 nodes, and keep their first and last sample.")


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
            "The sign is turned round. Which one do you subtract from which?": -t,
            "t is a little too large. What does numpy's std divide by?": t * population,
            "t is a little too small. How many differences does the standard error count?": t / population,
            "You divide by the SD. In units of what is t measured?": [z, z * population],
            "You divide by SD / S. Is that the standard error?": z * n,
            "This is the unpaired test, but each runner gives a pair.": unpaired,
            "You have lost the sign of t. It says which of the two is larger.": np.abs(t),
            "You give one t a runner. The exercise asks for one t a node.": by_runner,
            "These are p values. Give t.": p,
        }
        compare(call(function, estimated.copy(), measured.copy()), t, mistakes, what="t")
    print("Right: t at each node equals scipy.stats.ttest_rel, for 16 and for 5 runners.")


def check_false_alarms(function):
    """Check false_alarms(t, df, alpha): the share of studies (rows) with any |t| above the threshold of one test."""
    for seed, df, alpha in ((6, 15, 0.05), (7, 5, 0.05), (8, 15, 0.01)):
        t = _t_curves(smooth_noise(np.random.default_rng(seed), 400, df + 1, fwhm=12))
        two_tailed, one_tailed = stats.t.isf([alpha / 2, alpha], df)
        above = np.abs(t) > two_tailed
        of_nodes, of_study = above.mean(), above.any(axis=1)

        def share(values, threshold):
            return (values > threshold).any(axis=1).mean()

        mistakes = {
            "This is the share of nodes. The exercise asks for the share of studies.": of_nodes,
            "This is the number of studies. Give their share.": of_study.sum(),
            "This is the share of nodes that exceed the threshold in some study. The exercise asks for the share "
            "of studies.": above.any(axis=0).mean(),
            "You require that all nodes exceed the threshold. One node is enough for a finding.": above.all(
                axis=1
            ).mean(),
            "Only positive t count, but the test is two-tailed.": share(t, two_tailed),
            "The threshold is too low. How much of alpha does each tail of a two-tailed test have?": share(
                np.abs(t), one_tailed
            ),
            "This is a one-tailed test. The exercise asks for a two-tailed test.": share(t, one_tailed),
            "This is the threshold of the normal distribution. Where do you use the degrees of freedom?": share(
                np.abs(t), stats.norm.isf(alpha / 2)
            ),
            "alpha is an argument, and it is not always .05.": share(np.abs(t), stats.t.isf(0.025, df)),
            "Your threshold is always the same. df and alpha are arguments, and 2.13 is right only for df 15 and "
            "alpha .05.": [share(np.abs(t), always) for always in (stats.t.isf(0.025, 15), 2.1314, 2.131, 2.13, 2.1)],
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
            "The width is too small by a factor. Is the formula's constant there?": right / k,
            "The width is too small by a factor of 1.41: look at the constant.": right / np.sqrt(2),
            "The width is too large by a factor of 1.41: look at the constant.": right * np.sqrt(2),
            "This is the SD of the kernel, not its full width at half maximum.": right / SIGMAS_A_FWHM,
            "This is 1 / FWHM. Steeper curves have a narrower kernel.": 1 / right,
            "Root and mean over nodes are in the wrong order.": k / np.sqrt(v.mean()),
            "Mean over nodes and inverse are in the wrong order.": (k / np.sqrt(v)).mean(),
            "The root is missing: v is a square.": k**2 / v.mean(),
            "You give a width for each node. The exercise asks for one width.": k / np.sqrt(v),
            "Your gradient goes from curve to curve. Along which axis do the nodes lie?": k / np.sqrt(across).mean(),
            "Your gradients lie between the nodes. The exercise asks for those at the nodes.": k
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
            answer.size != NODES,
            "You give a threshold for each node. The exercise asks for one threshold for the whole curve.",
        )
        check(
            answer.size != FLIPS,
            "You give a value for each flip. The exercise asks for one threshold.",
        )
        check(answer.ndim == 0 and np.isfinite(answer), "The threshold must be one finite number.")
        signs = np.array(list(itertools.product([-1, 1], repeat=10)))
        largest = np.abs(_t_curves(signs[:, :, None] * differences)).max(axis=1)
        share = (largest > answer).mean() / alpha  # of what is asked for: 1
        check(
            share > 0.3,
            "The threshold is far too high. Do you turn every curve over as a whole, with one sign for all its nodes?",
        )
        check(
            share < 4.5,
            "The threshold is far too low. Which |t| of each flip do you collect, and which share of these lies "
            "above it?",
        )
        check(
            share > 0.7, "The threshold is too high. Do you use alpha as it is given? And how many tails does |t| hold?"
        )
        check(
            share < 1.4,
            "The threshold is too low. Do t of both signs count? And do you use alpha as it is given?",
        )
    _check_chance(function, differences, np.std(largest))
    print("Right: apart from chance, your threshold is that of all 1,024 ways to turn 10 curves over.")


def _check_chance(function, differences, spread):
    """Check that a threshold comes of the rng and of as few flips as are asked for, 20, which vary."""
    seeds = [*range(20), 0]
    found = [float(call(function, differences.copy(), np.random.default_rng(seed), 20, 0.05)) for seed in seeds]
    check(found[0] == found[-1] and np.ptp(found), "Do you draw all random numbers from the argument `rng` alone?")
    # Thresholds of 20 flips vary by 0.55 to 1 of the spread of the largest |t|, those of 1,000 by 0.15 at the most
    check(np.std(found) > 0.3 * spread, "flips is an argument. The check asked for 20 flips, and you made many more.")


def check_rft_threshold(function):
    """Check rft_threshold(fwhm, nodes, df, alpha): one threshold, two-tailed, against spm1d's."""
    from spm1d import rft1d

    for case in ((20.4, 101, 9, 0.05), (10.0, 100, 15, 0.05), (2.0, 11, 30, 0.05), (14.0, 100, 115, 0.01)):
        fwhm, nodes, df, alpha = case
        one_test, bonferroni = stats.t.isf([alpha / 2, alpha / 2 / nodes], df)
        turned = (nodes - 1) ** 2 / fwhm
        mistakes = {
            "The threshold is too low. How much of alpha may each of two tails have?": _threshold(
                fwhm, nodes, df, 2 * alpha
            ),
            "The threshold is too high. You halve alpha twice.": _threshold(fwhm, nodes, df, alpha / 2),
            "Your curve is one step too long. How many steps lie between the first node and the last?": _threshold(
                fwhm, nodes + 1, df, alpha
            ),
            "This is the threshold of a single test. How many resels are there?": one_test,
            "This is Bonferroni's threshold, which treats the nodes as independent.": bonferroni,
            "The first term is missing.": _threshold(*case, tail=0),
            "You count nodes where the formula counts resels.": _threshold(1, nodes, df, alpha),
            "You have turned over the fraction of the resels. Does a rougher curve have more of them, or "
            "fewer?": _threshold(turned, nodes, df, alpha),
            "This is the threshold of a Gaussian field. Where do you use the df?": _threshold(fwhm, nodes, 1e7, alpha),
            "Look at the exponent.": _threshold(*case, power=(df + 1) / 2),
            "alpha is an argument, and it is not always .05.": _threshold(fwhm, nodes, df, 0.05),
        }
        right = rft1d.t.isf(alpha / 2, df, nodes, fwhm)
        compare(call(function, *case), right, mistakes, what="The threshold", rtol=3e-3)  # its 1 - exp(-E) for E
    print("Right: four thresholds, of 10 to 116 curves, agree with random field theory.")


def check_clusters(function):
    """Check clusters(t, threshold): (Q,) -> list of (first, last) nodes of runs in which |t| exceeds the threshold."""
    places, hump = np.arange(NODES), stats.norm(0, 4).pdf
    middle = 60 * hump(places - 40)
    negative, edges = middle - 50 * hump(places - 75), 60 * hump(places) + 60 * hump(places - 99)
    single = np.where(places == 20, 5.0, 0.0)
    for t in (middle, negative, edges, single, np.zeros(NODES), np.full(NODES, 5.0)):
        right, what = runs(np.abs(t) > 3.5), "The clusters, each a pair (first node, last node),"
        answer = numbers(call(function, t.copy(), 3.5), what, (None, 2))
        check(len(right) or not len(answer), "If nothing exceeds the threshold, the list must be empty.")
        joined = [[[right[0, 0], right[-1, 1]]]] if len(right) else []
        mistakes = {
            "Your last nodes are one too far.": right + [0, 1],
            "The clusters begin and end one node late.": right + 1,
            "Your first nodes are one too early.": right - [1, 0],
            "Your first nodes are one too late.": right + [1, 0],
            "Give nodes, counted from 0, not % of stance.": right * 100 / (NODES - 1),
            "The runs in which t is negative are missing.": runs(t > 3.5),
            "Two clusters have been joined. What lies between them?": joined,
        }
        missing = len(right) - len(answer)
        compare(
            answer,
            right,
            mistakes,
            f"{missing} clusters are missing. Do you find one that begins at node 0, ends at the last node, or is "
            "only one node long?"
            if missing > 0
            else "These are not the nodes at which clusters begin and end. Draw |t| and the threshold, and mark "
            "your nodes.",
        )
    print("Right: clusters above and below, at both edges, of one node, of the whole stance, and none at all.")


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
        return tail * stats.t.sf(u, df) + (nodes - 1) / fwhm * _density(u, df, power) - alpha / 2

    return optimize.brentq(excess, 0, 1e3) if excess(0) > 0 else 0.0


def _density(u, df, power):
    """Give the expected number of times a resel of a field of t crosses the height u."""
    return np.sqrt(4 * np.log(2)) / (2 * np.pi) * (1 + u**2 / df) ** -power
