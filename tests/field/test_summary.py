"""Left against right, and change over time: by closed forms, and intervals that hold as often as they say."""

import numpy as np
import pandas as pd
import pytest
from helpers import many_footsteps
from scipy.stats import linregress
from statsmodels.stats.multitest import multipletests

from grfkit.field import summary


def test_asymmetry_is_told_where_it_is_larger_than_model_and_steps_allow():
    def contact(table, limit):
        return summary.asymmetry(table, {"contact_s": limit}, level=0.9).set_index("quantity").loc["contact_s"]

    table = many_footsteps(uneven=4.0)
    row, (left, right) = contact(table, 1.5), (table.loc[table["side"] == side, "contact_s"].mean() for side in "lr")
    assert row["asymmetry_pct"] == pytest.approx(100 * (left - right) / ((left + right) / 2)) and row["told"] == "left"
    assert row["limit_pct"] == pytest.approx(np.hypot(1.5, row["steps_pct"]))
    assert contact(table.assign(side=table["side"].map({"l": "r", "r": "l"})), 1.5)["told"] == "right"
    assert contact(table, 5.0)["told"] == "none" and contact(table.iloc[:8], 1.5)["told"] == ""
    assert summary.asymmetry(table, {}, level=0.9)["told"].eq("").all()
    drifting = many_footsteps(drift=0.05)
    assert summary.trends(drifting)["told"].any()
    for share, kept in (
        (0.05, True),
        (0.1, True),
        (0.15, False),
        (0.6, False),
    ):  # of steps that are unlike the training runners': the model's error may look like a difference
        unlike = np.where(np.arange(60) < 60 * share, "moves unlike every training runner", "")
        assert contact(table.assign(unlike=unlike), 1.5)["told"] == ("left" if kept else "")
        assert summary.trends(drifting.assign(unlike=unlike))["told"].any() == kept


def test_asymmetry_allows_for_steps_that_vary():
    """Without asymmetry or error of the model, differences lie within the limit in 90 % of recordings."""
    inside = [
        abs(row["asymmetry_pct"]) <= row["limit_pct"]
        for seed in range(200)
        for row in summary.asymmetry(many_footsteps(40, seed), {"contact_s": 0.0}, level=0.9)
        .query("quantity == 'contact_s'")
        .to_dict("records")
    ]
    assert (
        0.84 < np.mean(inside) < 0.97
    )  # 3 SD of 200 draws are .064; correlations that are taken for real widen it a little


def test_line_is_the_least_squares_line_and_its_interval_holds():
    rng = np.random.default_rng(1)
    minutes, values = np.arange(50) / 170, rng.normal(size=50)
    values[1::2] -= 3 * values[::2].mean()  # neighbours that are not alike: all count
    plain = linregress(minutes, values)
    n, slope, low, high, start, end, p = summary.trend_line(minutes, values, np.zeros(50, bool))
    assert n == 50 and slope == pytest.approx(plain.slope) and start == pytest.approx(plain.intercept)
    assert end == pytest.approx(plain.intercept + plain.slope * minutes[-1]) and low < slope < high
    *_, p_at_edge = summary.trend_line(minutes, values - low * minutes, np.zeros(50, bool))
    assert p_at_edge == pytest.approx(0.05) and 0.05 < p < 1  # a 95 % interval that ends at 0
    covered = {
        alike: np.mean([low <= 3 <= high for low, high in (_slope(rng, alike) for _ in range(300))])
        for alike in (0.0, 0.6)
    }
    assert all(0.9 < share < 0.99 for share in covered.values())  # 95 % asked for; 3 SD of 300 draws are .04
    assert np.isnan(summary.trend_line(minutes[:19], values[:19], np.zeros(19, bool))[1])


def _slope(rng, alike, count=120):
    """Give the interval of a slope of 3 in an autoregressive process, sides apart by 2."""
    noise = rng.normal(size=count)
    for number in range(1, count):
        noise[number] += alike * noise[number - 1]
    left, minutes = np.arange(count) % 2 == 0, np.arange(count) / 170
    return summary.trend_line(minutes, 3 * minutes + 2 * left + noise, left)[2:4]


def test_trends_find_what_drifts_and_what_does_not():
    trends = summary.trends(many_footsteps(90, drift=0.03, uneven=4.0)).set_index(["quantity", "of"])
    row = trends.loc[("contact_s", "steps")]
    assert (
        row["low_per_min"] < 0.03 < row["high_per_min"]
        and row["told"]
        and not trends.loc[("active_peak_bw", "steps"), "told"]
    )
    assert row["at_end"] - row["at_start"] == pytest.approx(row["per_min"] * 0.35 * 89 / 60)
    assert trends.loc[("contact_s", "asymmetry"), "n"] == 45 and not trends.loc[("contact_s", "asymmetry"), "told"]
    assert row["over_s"] == pytest.approx(0.35 * 89)
    short = summary.trends(many_footsteps(12))
    assert short["per_min"].isna().all() and not short["told"].any()


def test_holm_is_that_of_statsmodels_and_passes_over_what_is_missing():
    for seed in range(20):
        p = np.random.default_rng(seed).uniform(size=16) ** 4
        np.testing.assert_allclose(summary.holm(p), multipletests(p, method="holm")[1])
        holed = np.insert(p, [0, 7], np.nan)
        np.testing.assert_allclose(summary.holm(holed)[np.isfinite(holed)], summary.holm(p))
        assert np.isnan(summary.holm(holed)[[0, 8]]).all()


def test_recordings_without_any_change_seem_to_have_one_as_rarely_as_is_said():
    """Sixteen lines at 5 % each would find one in nearly half of them."""
    found = [summary.trends(many_footsteps(60, seed)) for seed in range(150)]
    assert np.mean([table["told"].any() for table in found]) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)
    alone = [((table["low_per_min"] > 0) | (table["high_per_min"] < 0)).any() for table in found]
    assert np.mean(alone) > 0.25


def test_asymmetry_is_half_the_difference_over_the_mean_doubled():
    left, right = pd.Series({"a": 1.1, "b": np.nan}), pd.Series({"a": 0.9, "b": 2.0})
    found = summary.asymmetry_pct(left, right)
    assert found["a"] == pytest.approx(100 * (1.1 - 0.9) / 1.0) and np.isnan(found["b"])
