"""Agreement over runners: published examples and closed forms."""

import numpy as np
import pandas as pd
import pytest
from helpers import ROOT, draw_pairs, smooth_curves
from scipy import stats as scipy_stats
from scipy.ndimage import gaussian_filter1d

from grfkit import features, metrics, spm
from grfkit.evaluation import agreement
from grfkit.points import DIRECTIONS, FORCES
from grfkit.reports import run
from grfkit.reports.html import needs_network
from grfkit.study import file as study_file
from grfkit.study import store

ALPHA = 0.05
BOUNDS = dict.fromkeys(features.FEATURES, 5.0)
# Cardiac output by two methods, 12 subjects (Bowling 1993), as printed in Bland & Altman 2007, Table 1: subject, RV, IC
CARDIAC = np.array(
    """
1 7.83 6.57  1 7.42 5.62  1 7.89 6.90  1 7.12 6.57  1 7.88 6.35  2 6.16 4.06  2 7.26 4.29  2 6.71 4.26
2 6.54 4.09  3 4.75 4.71  3 5.24 5.50  3 4.86 5.08  3 4.78 5.02  3 6.05 6.01  3 5.42 5.67  4 4.21 4.14
4 3.61 4.20  4 3.72 4.61  4 3.87 4.68  4 3.92 5.04  5 3.13 3.03  5 2.98 2.86  5 2.85 2.77  5 3.17 2.46
5 3.09 2.32  5 3.12 2.43  6 5.92 5.90  6 6.42 5.81  6 5.92 5.70  6 6.27 5.76  7 7.13 5.09  7 6.62 4.63
7 6.58 4.61  7 6.93 5.09  8 4.54 4.72  8 4.81 4.61  8 5.11 4.36  8 5.29 4.20  8 5.39 4.36  8 5.57 4.20
9 4.48 3.17  9 4.92 3.12  9 3.97 2.96  10 4.22 4.35  10 4.65 4.62  10 4.74 3.16  10 4.44 3.53  10 4.50 3.53
11 6.78 7.20  11 6.07 6.09  11 6.52 7.00  11 6.42 7.10  11 6.41 7.40  11 5.76 6.80  12 5.06 4.50  12 4.72 4.20
12 4.90 3.80  12 4.80 3.80  12 4.90 4.20  12 5.10 4.50""".split(),
    float,
).reshape(-1, 3)
# Six targets rated by four judges: Shrout & Fleiss 1979, Table 2
RATINGS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])


def test_limits_of_agreement_are_those_published_by_bland_and_altman():
    """Section 3: residual mean square .170714, total SD .99062, limits -1.33946 to 2.54379; SD without runners .961."""
    subject, difference = CARDIAC[:, 0], CARDIAC[:, 1] - CARDIAC[:, 2]
    between, within, typical = agreement.variance_components(difference, subject)
    assert (within, typical) == (pytest.approx(0.170714026), pytest.approx(4.9818182))
    assert within + typical * between == pytest.approx(4.2090856)  # their mean square between subjects
    limits = agreement.limits_of_agreement(difference, subject)
    assert (limits["bias"], limits["low"], limits["high"]) == pytest.approx(
        (0.6021667, -1.3394565, 2.5437899), abs=1e-4
    )  # z = 1.96
    assert limits["naive_high"] - limits["bias"] == pytest.approx(1.96 * 0.9610571, abs=1e-4)
    assert limits["low_outer"] < limits["low"] and limits["high_outer"] > limits["high"]


def test_limits_do_not_depend_on_the_order_of_stances_and_follow_the_unit():
    shuffled = np.random.default_rng(0).permutation(CARDIAC)
    one, two = (
        agreement.limits_of_agreement(unit * (rows[:, 1] - rows[:, 2]), rows[:, 0])
        for rows, unit in ((CARDIAC, 1), (shuffled, 700))
    )
    shares = one.pop("between_share"), two.pop("between_share")
    assert shares[0] == pytest.approx(shares[1]) and 700 * np.array(list(one.values())) == pytest.approx(
        np.array(list(two.values()))
    )


def test_limits_where_runners_do_not_differ_are_those_of_independent_stances():
    difference, runners = np.tile([-1.0, 0.0, 1.0], 40), np.repeat(np.arange(40), 3)
    limits = agreement.limits_of_agreement(difference, runners)
    assert limits["between_sd"] == 0 and limits["high"] == pytest.approx(
        1.96 * 1.0, abs=1e-3
    )  # variance of -1, 0, 1 is 1


def test_icc_is_that_published_by_shrout_and_fleiss():
    """ICC(2,1) = .29; the interval .019 to .761 is what R's psych::ICC prints for these ratings."""
    assert agreement.icc(RATINGS, alpha=ALPHA) == pytest.approx((0.2898, 0.019, 0.761), abs=5e-4)


def test_icc_of_agreement_falls_where_one_column_is_shifted():
    ratings = np.random.default_rng(1).normal(size=(20, 1)) + np.array([0, 0.01]) * np.arange(20)[:, None]
    values = [agreement.icc(ratings + [0, shift], alpha=ALPHA) for shift in (0, 1, 3)]
    assert values[0][0] > values[1][0] > values[2][0] and all(low < value < high for value, low, high in values)


def test_mixed_model_is_the_test_of_means_where_every_runner_has_as_many_stances():
    """Balanced, with variance between runners: the estimate by REML is the t-test of runners' means, in closed form."""
    pairs = draw_pairs(np.random.default_rng(2), shift=0.05)
    row = agreement.tests(pairs).iloc[0]
    difference = (pairs["estimated"] - pairs["measured"]).to_numpy().reshape(12, 18).mean(axis=1)
    t = difference.mean() / (difference.std(ddof=1) / 12**0.5)
    assert row["p_runners"] == pytest.approx(2 * scipy_stats.t.sf(abs(t), 11))
    assert (row["difference_mixed"], row["p_mixed"]) == (
        pytest.approx(difference.mean()),
        pytest.approx(row["p_runners"], rel=1e-3),
    )
    assert row["p_stances"] == pytest.approx(scipy_stats.ttest_1samp(pairs["estimated"] - pairs["measured"], 0).pvalue)


def test_mixed_model_weighs_runners_between_their_means_and_their_stances():
    """Runner b has nine times the stances: the mean lies between that of runners, .5, and that of stances, .9."""
    rng = np.random.default_rng(3)
    runners = np.repeat(["a", "b", "c", "d"], [10, 90, 10, 90])
    difference = np.where(np.isin(runners, ["b", "d"]), 1.0, 0.0) + rng.normal(size=200)
    mean, p = agreement.mixed_model(difference, runners)
    low, high = sorted([pd.Series(difference).groupby(runners).mean().mean(), difference.mean()])
    assert low < mean < high and 0 < p < 1


@pytest.mark.parametrize("shift", [0.0, 0.05, 0.1, 0.15, -0.2])
def test_equivalence_is_the_interval_within_the_bound_in_any_unit(shift):
    pairs = draw_pairs(np.random.default_rng(4), shift=shift)
    row = agreement.equivalence(pairs, bounds_pct=BOUNDS, alpha=ALPHA).iloc[0]
    means = agreement.runner_means(pairs)
    difference, unit = means["estimated"] - means["measured"], means["measured"].mean() / 100
    half = scipy_stats.t.isf(ALPHA, 11) * difference.std() / 12**0.5
    assert (row["low_pct"], row["high_pct"]) == pytest.approx(
        ((difference.mean() - half) / unit, (difference.mean() + half) / unit)
    )
    assert row["equivalent"] == (row["low_pct"] > -5 and row["high_pct"] < 5) == (abs(shift) < 0.1)
    newtons = agreement.equivalence(
        pairs.assign(measured=700 * pairs["measured"], estimated=700 * pairs["estimated"]),
        bounds_pct=BOUNDS,
        alpha=ALPHA,
    ).iloc[0]
    assert newtons["p"] == pytest.approx(row["p"]) and newtons["high_pct"] == pytest.approx(row["high_pct"])


def test_mirror_right_lets_left_and_right_legs_be_averaged():
    left = np.random.default_rng(5).normal(size=(1, 10, 3))
    both = np.concatenate([left, left * [1, -1, 1]])
    np.testing.assert_array_equal(agreement.mirror_right(both, ["l", "r"]), np.concatenate([left, left]))


def test_curves_of_runners_are_means_in_order_of_appearance():
    curves = np.random.default_rng(6).normal(size=(5, 4, 3))
    means = agreement.curves_of_runners(curves, pd.Series(["b", "a", "b", "a", "b"], index=[9, 8, 7, 6, 5]))
    np.testing.assert_allclose(means, [(curves[0] + curves[2] + curves[4]) / 3, (curves[1] + curves[3]) / 2])


def test_band_leaves_zero_where_spm_rejects_and_is_equivalent_where_it_lies_inside():
    rng = np.random.default_rng(7)
    measured = np.sin(np.linspace(0, np.pi, 100)) + 0.0 * np.arange(12)[:, None]  # range 1
    estimated = measured + 0.05 * smooth_curves(rng, 12)
    estimated[:, 60:80] += 0.2
    test = spm.paired(estimated, measured, alpha=ALPHA)
    band = agreement.band(estimated, measured, test, bound_pct=10.0)
    assert band.bound == pytest.approx(0.1, rel=1e-3)  # 100 nodes do not hit the peak
    np.testing.assert_array_equal(np.abs(band.mean) > band.half, np.abs(test.t) > test.threshold)
    literal = [
        low > -band.bound and high < band.bound
        for low, high in zip(band.mean - band.half, band.mean + band.half, strict=True)
    ]
    np.testing.assert_array_equal(band.inside, literal)
    assert band.inside[:55].all() and not band.inside[60:80].any()
    table = agreement.band_table({"V": band})
    assert list(table["equivalent"]) == literal and (table["low_bw"] < table["high_bw"]).all()


def test_directions_and_features_that_an_estimator_leaves_out_are_left_out():
    rng = np.random.default_rng(8)
    measured, estimated = rng.normal(size=(2, 6, 100, 3))
    estimated[..., :2] = np.nan
    tests = agreement.curve_tests(estimated, measured, alpha=ALPHA)
    assert list(agreement.bands(estimated, measured, tests, bounds_pct=dict.fromkeys(DIRECTIONS, 5.0))) == ["V"]
    estimated[2, 5, 2] = np.nan
    with pytest.raises(ValueError, match="in every frame, or is NaN in all"):
        agreement.curve_tests(estimated, measured, alpha=ALPHA)
    pairs, stances = draw_pairs(rng, runners=3, stances=2), pd.DataFrame({"stance": range(6), "runner": list("aabbcc")})
    absent = pairs.assign(feature="braking_peak_bw", estimated=np.nan)
    assert set(agreement.of_runners(pd.concat([pairs, absent]), stances)["feature"]) == {"active_peak_bw"}
    pairs.loc[3, "estimated"] = np.nan
    with pytest.raises(ValueError, match="1 values are missing"):
        agreement.of_runners(pairs, stances)


def test_of_estimator_says_which_there_are_and_how_many_runners_it_needs():
    stances = pd.DataFrame({"stance": range(4), "runner": list("aabb")})
    predictions = pd.DataFrame({"estimator": "ridge", "stance": range(4)})
    with pytest.raises(ValueError, match="ridge; found physics. Change `estimator`"):
        agreement.of_estimator(predictions, "physics", stances)
    with pytest.raises(ValueError, match="found 2 runners with 4 stances"):
        agreement.of_estimator(predictions, "ridge", stances)
    with pytest.raises(ValueError, match="found 4 runners with 4 stances"):
        agreement.of_estimator(predictions, "ridge", stances.assign(runner=list("abcd")))


@pytest.mark.slow  # `make beyond` on the study smoke runs it in make test
def test_notebook_runs_on_three_runners_and_needs_no_network(tidy, tmp_path):
    stances, frames = tidy(n=12)
    noise = gaussian_filter1d(np.random.default_rng(17).normal(size=(len(frames), 3)), 8, axis=0)
    estimates = {"mean_curve": frames[FORCES].to_numpy() + 0.1, "physics": frames[FORCES].to_numpy() + 0.1 * noise}
    results = tmp_path / "results"
    store.save(results, "01_preprocess/stances.csv", stances)
    store.save(results, "08_generalisation/predictions.parquet", metrics.predictions(frames, estimates))
    page = run.run(
        ROOT / "notebooks" / "09_agreement.ipynb",
        study=study_file.load(ROOT / "params" / "smoke.yaml"),
        reports=tmp_path,
    )
    html = page.read_text(encoding="utf-8")
    assert not needs_network(html) and "The unit is the runner" in html and "12 stances of 3 runners" in html
    rows = {"tests": 5, "equivalence": 5, "bland_altman": 5, "icc": 5, "band": 300, "verdicts": 8}
    for name, n in rows.items():
        assert len(store.read(results, f"09_agreement/{name}.csv")) == n, name
    for name in ("equivalence", "bland_altman", "spm", "band"):
        assert (results / "09_agreement" / f"{name}.png").stat().st_size > 0
