"""Agreement of estimated and measured forces, with the runner as the unit and not the stance.

In: predictions of left-out runners, features and curves. Out: tables of tests, limits and bands.
`pairs` is features.by_stance of one estimator with the column `runner` (see of_runners); `alpha` is the error rate.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from grfkit import metrics, spm
from grfkit.points import DIRECTIONS, MIRROR


def of_estimator(predictions, estimator, stances):
    """Take one estimator's frames; `predictions` as 08_generalisation saves them, `stances` as in stances.csv.

    Raises ValueError for an unknown estimator, for fewer than three runners, and if no runner has two stances: then
    there is nothing to compare.
    """
    saved = list(predictions["estimator"].unique())
    if estimator not in saved:
        raise ValueError(
            f"The estimator is one of those that 08_generalisation saved, {', '.join(saved)}; found {estimator}. "
            "Change `estimator` in the section 09_agreement of the study file."
        )
    frames = predictions[predictions["estimator"] == estimator]
    runners = stances["runner"][stances["stance"].isin(frames["stance"])]
    if runners.nunique() < 3 or runners.is_unique:
        raise ValueError(
            "Agreement over runners needs three runners, and a runner with two stances; found "
            f"{runners.nunique()} runners with {len(runners)} stances. Test more runners."
        )
    return frames


def of_runners(features, stances):
    """Give each row of features.by_stance its runner.

    Features that the estimator does not give at all (NaN) are left out. Raises ValueError if it gives a feature for
    some stances only.
    """
    pairs = features.assign(runner=metrics.runner_of(features, stances))
    pairs = pairs[pairs.groupby("feature")["estimated"].transform("count") > 0]
    if pairs["estimated"].isna().any():
        raise ValueError(
            "An estimator gives a feature for every stance or for none; "
            f"{pairs['estimated'].isna().sum()} values are missing. Run 08_generalisation again."
        )
    return pairs


def runner_means(pairs):
    """Average each runner's measured and estimated features: a row for each feature and runner."""
    return pairs.groupby(["feature", "runner"], sort=False)[["measured", "estimated"]].mean().reset_index()


def mixed_model(difference, runners):
    """Fit difference ~ 1 with a random intercept of the runner (REML); returns the mean and its two-tailed p.

    `difference` and `runners` are (S,). Our choice: p from Student's t with runners - 1 degrees of freedom, because the
    normal distribution of statsmodels rejects about 8 % of true nulls with 12 runners. p is NaN if the fit does not
    converge.
    """
    from statsmodels.regression.mixed_linear_model import MixedLM  # takes seconds, and nothing else needs it

    difference, scale = np.asarray(difference), np.std(difference) or 1  # the optimiser expects numbers near 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a variance of 0 between runners is an answer, not a fault
        fit = MixedLM(difference / scale, np.ones((len(difference), 1)), np.asarray(runners)).fit(reml=True)
    t = fit.fe_params[0] / fit.bse_fe[0] if fit.converged else np.nan
    return scale * fit.fe_params[0], 2 * stats.t.sf(abs(t), len(np.unique(runners)) - 1)


def tests(pairs):
    """Test whether each feature differs: over stances as published, over runners' means, and by a mixed model.

    Returns a row for each feature: mean differences (estimated - measured) and two-tailed p of both paired t-tests and
    of mixed_model.
    """
    rows = []
    for feature, group in pairs.groupby("feature", sort=False):
        runners = runner_means(group)
        row = {"feature": feature, "stances": len(group), "runners": len(runners)}
        for name, table in (("stances", group), ("runners", runners)):
            row[f"difference_{name}"] = (table["estimated"] - table["measured"]).mean()
            row[f"p_{name}"] = stats.ttest_rel(table["estimated"], table["measured"]).pvalue
        mixed, p_mixed = mixed_model(group["estimated"] - group["measured"], group["runner"])
        rows.append(row | {"difference_mixed": mixed, "p_mixed": p_mixed})
    return pd.DataFrame(rows)


def equivalence(pairs, *, bounds_pct, alpha):
    """Test whether each feature agrees within a bound, by two one-sided paired t-tests over runners.

    Source: TOST, Schuirmann 1987. `bounds_pct` is {feature: % of the runners' mean measured value}. A feature is
    equivalent if p < alpha, that is, if the confidence interval of level 1 - 2 alpha is within the bound. Differences,
    interval and bound are in % of that mean.
    """
    from statsmodels.stats.weightstats import ttost_paired  # as above

    rows = []
    for feature, runners in runner_means(pairs).groupby("feature", sort=False):
        unit = runners["measured"].mean() / 100
        estimated, measured = (runners[["estimated", "measured"]] / unit).to_numpy().T
        bound = bounds_pct[feature]
        low, high = stats.ttest_rel(estimated, measured).confidence_interval(1 - 2 * alpha)
        p = ttost_paired(estimated, measured, -bound, bound)[0]
        rows.append(
            {
                "feature": feature,
                "runners": len(runners),
                "measured_mean": 100 * unit,
                "difference_pct": np.mean(estimated - measured),
                "low_pct": low,
                "high_pct": high,
                "bound_pct": bound,
                "p": p,
                "equivalent": p < alpha,
            }
        )
    return pd.DataFrame(rows)


def variance_components(difference, runners):
    """Split the variance of differences (S,) into the part between runners and the part within a runner.

    One-way analysis of variance. Returns both and the typical number of stances of a runner, m0 (Bland & Altman 2007,
    section 3; unequal numbers are allowed).
    """
    groups = pd.Series(np.asarray(difference)).groupby(np.asarray(runners))
    size, mean, n = groups.size(), groups.mean(), len(difference)
    within = (groups.var() * (size - 1)).sum() / (n - len(size))
    of_means = (size * (mean - np.mean(difference)) ** 2).sum() / (len(size) - 1)
    typical = (n - (size**2).sum() / n) / (len(size) - 1)
    return max(0, (of_means - within) / typical), within, typical


def limits_of_agreement(difference, runners, *, alpha=0.05):
    """Give bias and limits within which 1 - alpha of the differences of single stances of new runners lie.

    Source: Bland & Altman 2007, section 3, the true value varies. `low_outer` and `high_outer` bound each limit itself,
    with confidence 1 - alpha one-sided each, by MOVER (Zou 2013); `naive_*` take stances as independent.
    """
    between, within, typical = variance_components(difference, runners)
    k, n, z, bias = len(np.unique(runners)), len(difference), stats.norm.isf(alpha / 2), np.mean(difference)
    sd, naive = np.sqrt(between + within), stats.norm.isf(alpha / 2) * np.std(difference, ddof=1)
    of_mean = between + within / typical
    excess = [
        variance * (df / stats.chi2.isf(1 - alpha, df) - 1)
        for variance, df in ((of_mean, k - 1), ((1 - 1 / typical) * within, n - k))
    ]
    upper = np.sqrt(between + within + np.hypot(*excess))  # of the SD
    outer = np.hypot(stats.t.isf(alpha, k - 1) * np.sqrt(of_mean / k), z * (upper - sd))
    return {
        "bias": bias,
        "low": bias - z * sd,
        "high": bias + z * sd,
        "low_outer": bias - z * sd - outer,
        "high_outer": bias + z * sd + outer,
        "naive_low": bias - naive,
        "naive_high": bias + naive,
        "between_sd": np.sqrt(between),
        "within_sd": np.sqrt(within),
        "between_share": between / (between + within),
    }


def bland_altman(pairs, *, alpha):
    """Give bias and limits of agreement of each feature (see limits_of_agreement)."""
    return pd.DataFrame(
        [
            {
                "feature": feature,
                "stances": len(group),
                "runners": group["runner"].nunique(),
                **limits_of_agreement(group["estimated"] - group["measured"], group["runner"], alpha=alpha),
            }
            for feature, group in pairs.groupby("feature", sort=False)
        ]
    )


def icc(ratings, *, alpha):
    """Compute ICC(A,1) of ratings (R, 2), the absolute agreement of one rating; returns it and its interval.

    Two-way model: McGraw & Wong 1996, Tables 4 and 7; the same as ICC(2,1) of Shrout & Fleiss 1979. Any number of
    columns.
    """
    n, k = np.shape(ratings)
    ratings, mean = np.asarray(ratings), np.mean(ratings)
    total, rows, columns = ratings - mean, ratings.mean(axis=1) - mean, ratings.mean(axis=0) - mean
    msr, msc = k * (rows**2).sum() / (n - 1), n * (columns**2).sum() / (k - 1)
    mse = ((total**2).sum() - msr * (n - 1) - msc * (k - 1)) / ((n - 1) * (k - 1))
    value = (msr - mse) / (msr + (k - 1) * mse + k * (msc - mse) / n)
    a, b = k * value / (n * (1 - value)), 1 + k * value * (n - 1) / (n * (1 - value))
    df = (a * msc + b * mse) ** 2 / ((a * msc) ** 2 / (k - 1) + (b * mse) ** 2 / ((n - 1) * (k - 1)))
    f_low, f_high = stats.f.isf(alpha / 2, n - 1, df), stats.f.isf(alpha / 2, df, n - 1)
    rest = k * msc + (k * n - k - n) * mse
    return (
        value,
        n * (msr - f_low * mse) / (f_low * rest + n * msr),
        n * (f_high * msr - mse) / (rest + n * f_high * msr),
    )


def icc_table(pairs, *, alpha):
    """Give ICC(A,1) of the runners' mean features, estimated and measured, with its interval of level 1 - alpha."""
    rows = [
        (feature, len(runners), *icc(runners[["measured", "estimated"]].to_numpy(), alpha=alpha))
        for feature, runners in runner_means(pairs).groupby("feature", sort=False)
    ]
    return pd.DataFrame(rows, columns=["feature", "runners", "icc_a1", "low", "high"])


def mirror_right(curves, sides):
    """Reverse the medial-lateral force of right legs (S, Q, 3), so that left and right do not cancel in a mean."""
    return np.where((np.asarray(sides) == "r")[:, None, None], curves * MIRROR, curves)


def curves_of_runners(curves, runners):
    """Average the curves (S, Q, 3) of each runner; returns (R, Q, 3), runners in the order in which they appear."""
    codes, names = pd.factorize(np.asarray(runners))
    return np.stack([curves[codes == code].mean(axis=0) for code in range(len(names))])


@dataclass(frozen=True)
class Band:
    """Mean difference (Q,) BW of one direction, the half width (Q,) of its simultaneous band, and the bound (BW)."""

    mean: np.ndarray
    half: np.ndarray
    bound: float

    @property
    def inside(self):
        """Where the whole band is within the bound, (Q,) bool: there the curves are equivalent."""
        return np.abs(self.mean) + self.half < self.bound


def band(estimated, measured, test, *, bound_pct):
    """Band of the mean difference of paired curves (R, Q), one per runner; holds the whole true curve at 1 - alpha.

    Mean +- t* SE with the threshold t* of the runners' spm.Test, random field theory's (Pataky 2010); `bound_pct` is a
    share of the mean range of the measured curves. Our choice: with 12 runners a bootstrap of the maximum covers 75 %
    where it claims 95.
    """
    difference = estimated - measured
    half = test.threshold * difference.std(axis=0, ddof=1) / np.sqrt(len(difference))
    return Band(difference.mean(axis=0), half, bound_pct / 100 * np.ptp(measured, axis=1).mean())


def curve_tests(estimated, measured, *, alpha):
    """Test paired curves (S, Q, 3) by SPM; returns {direction: spm.Test} of the directions that were estimated."""
    return {
        direction: test
        for direction, test in spm.by_direction(estimated, measured, alpha=alpha).items()
        if np.isfinite(test.threshold)
    }


def bands(estimated, measured, tests, *, bounds_pct):
    """Give the band of each direction of tests {direction: spm.Test}, of curves (R, Q, 3), by bounds {direction: %}."""
    indices = {direction: DIRECTIONS.index(direction) for direction in tests}
    return {
        direction: band(estimated[..., i], measured[..., i], tests[direction], bound_pct=bounds_pct[direction])
        for direction, i in indices.items()
    }


def band_table(bands):
    """Lay out bands {direction: Band} as the table band.csv: a row for each direction and node."""
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "direction": direction,
                    "node": np.arange(len(band.mean)),
                    "difference_bw": band.mean,
                    "low_bw": band.mean - band.half,
                    "high_bw": band.mean + band.half,
                    "bound_bw": band.bound,
                    "equivalent": band.inside,
                }
            )
            for direction, band in bands.items()
        ]
    )
