"""How often each test of agreement is wrong, where the truth is known: simulated studies."""

import numpy as np
import pandas as pd
import pytest
from helpers import draw_pairs, smooth_curves
from scipy import stats as scipy_stats

from grfkit import features, spm
from grfkit.evaluation import agreement

ALPHA = 0.05
BOUNDS = dict.fromkeys(features.FEATURES, 5.0)


def simulate(n, *, runners=12, stances=18):
    """Count how often each test rejects in n studies whose differences have mean 0 over runners."""
    rng, rows = np.random.default_rng(2025), []
    for _ in range(n):
        null, edge = draw_pairs(rng), draw_pairs(rng, shift=0.05 * 2.5)
        tests = agreement.tests(null).iloc[0]
        limits = agreement.limits_of_agreement(null["estimated"] - null["measured"], null["runner"])
        curves = smooth_curves(rng, runners)[:, None] + smooth_curves(rng, runners, stances)
        pooled, zero = curves.reshape(-1, 100), np.zeros((runners * stances, 100))
        means = spm.paired(curves.mean(axis=1), zero[:runners], alpha=ALPHA)
        band = agreement.band(curves.mean(axis=1), zero[:runners], means, bound_pct=5.0)
        rows.append(
            {
                "pooled t": tests["p_stances"] < ALPHA,
                "runners t": tests["p_runners"] < ALPHA,
                "mixed": tests["p_mixed"] < ALPHA,
                "tost at the bound": agreement.equivalence(edge, bounds_pct=BOUNDS, alpha=ALPHA)["equivalent"].iloc[0],
                "tost at 0": agreement.equivalence(null, bounds_pct=BOUNDS, alpha=ALPHA)["equivalent"].iloc[0],
                "limit beyond outer": limits["high_outer"]
                < scipy_stats.norm.isf(ALPHA / 2) * 0.02**0.5,  # its true place
                "pooled spm": bool(spm.paired(pooled, zero, alpha=ALPHA).clusters),
                "runners spm": bool(means.clusters),
                "band misses": (np.abs(band.mean) > band.half).any(),
            }
        )
    return pd.DataFrame(rows).sum().to_dict()


def check_levels(count, n):
    """Compare the counts of n studies with 5 %: 1 in 10,000 lies beyond these quantiles of the binomial."""
    few, many = scipy_stats.binom.ppf([1e-4, 1 - 1e-4], n, ALPHA)
    for name in ("runners t", "mixed", "tost at the bound", "limit beyond outer", "runners spm", "band misses"):
        assert few <= count[name] <= many, (name, count[name], few, many)
    assert count["pooled t"] > 0.4 * n and count["pooled spm"] > 0.8 * n and count["tost at 0"] > 0.8 * n, count


def test_tests_over_runners_hold_their_level_and_tests_over_stances_do_not():
    """12 runners of 18 stances, whose errors have mean 0 over runners: what is found different is found falsely."""
    check_levels(simulate(60), 60)


def test_leaving_out_hides_a_difference_but_its_interval_holds():
    """Estimate by the mean of the other runners: errors cancel, yet the interval covers the bias for new ones."""
    rng, n, count = np.random.default_rng(18), 400, {"rejected": 0, "missed": 0, "equivalent beyond the bound": 0}
    for _ in range(n):
        measured = 2.5 + 0.2 * rng.normal(size=12)
        others = (measured.sum() - measured) / 11
        pairs = pd.DataFrame(
            {"feature": "active_peak_bw", "runner": range(12), "measured": measured, "estimated": others}
        )
        row = agreement.equivalence(pairs, bounds_pct=BOUNDS, alpha=ALPHA / 2).iloc[0]  # its interval is that of 95 %
        bias = 100 * (measured.mean() - 2.5) / measured.mean()
        count["rejected"] += not row["low_pct"] < 0 < row["high_pct"]
        count["missed"] += not row["low_pct"] < bias < row["high_pct"]
        count["equivalent beyond the bound"] += row["equivalent"] and abs(bias) > 5
    few, many = scipy_stats.binom.ppf([1e-4, 1 - 1e-4], n, ALPHA)
    assert count["rejected"] == 0 and few <= count["missed"] <= many and count["equivalent beyond the bound"] <= many, (
        count
    )


@pytest.mark.slow
def test_levels_hold_in_many_studies():
    check_levels(simulate(1000), 1000)
