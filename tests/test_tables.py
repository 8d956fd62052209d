"""Tables against literal versions, and beside the published numbers."""

import numpy as np
import pandas as pd
import pytest
from helpers import PUBLISHED
from scipy import stats as scipy_stats

from grfkit import features, metrics, tables


def test_table1_knows_a_constant_error_and_shows_the_published_beside_the_lstm(predictions):
    stances, table = predictions
    scores = metrics.by_stance(table)
    summary = tables.table1(scores, PUBLISHED["table1"]).set_index(["estimator", "direction"])
    np.testing.assert_allclose(summary.loc["shifted", "rmse_bw_mean"], 0.1, rtol=1e-5)  # single precision
    np.testing.assert_allclose(summary.loc["shifted", "r_mean"], 1, rtol=1e-5)
    assert summary.loc[("lstm", "V"), "published_rmse_bw_mean"] == 0.110
    assert summary.loc["shifted", "published_rmse_bw_mean"].isna().all() and (summary["n"] == len(stances)).all()


def test_a_row_of_the_worst_stances_is_one_stance(predictions):
    _, table = predictions
    scores = metrics.by_stance(table)
    worst = tables.worst(scores, PUBLISHED["worst"])
    by_stance = scores.set_index(["estimator", "direction", "stance"])
    for row in worst.to_dict("records"):
        own = by_stance.loc[(row["estimator"], row["direction"])]
        assert all(own.loc[row["stance"], measure] == row[measure] for measure in tables.WORST)
        furthest = own[row["worst"]].min() if row["worst"] == "r" else own[row["worst"]].max()
        assert row[row["worst"]] == furthest
    ours = worst.set_index(["estimator", "direction", "worst"])["published"]
    assert (
        ours[("lstm", "V", "rmse_bw")] == 0.360 and ours["shifted"].isna().all() and ours.xs("p", level=2).isna().all()
    )


def test_tables_2_and_3_agree_with_literal_versions(predictions):
    _, table = predictions
    read = features.by_stance(table, vlr="touchdown_to_13")
    one = read[(read["estimator"] == "lstm") & (read["feature"] == "active_peak_bw")]
    difference = one["estimated"] - one["measured"]
    t = difference.mean() / (difference.std(ddof=1) / len(one) ** 0.5)
    row = tables.table2(read, PUBLISHED["table2"]).set_index(["estimator", "feature"]).loc[("lstm", "active_peak_bw")]
    assert row["p"] == pytest.approx(2 * scipy_stats.t.sf(abs(t), len(one) - 1))
    assert row["estimated_mean"] == pytest.approx(one["estimated"].mean()) and row["published_p"] == 0.277
    row = tables.table3(read, PUBLISHED["table3"]).set_index(["estimator", "feature"]).loc[("lstm", "active_peak_bw")]
    assert row["rel_error_pct_mean"] == pytest.approx(
        np.mean([100 * abs(d) / m for d, m in zip(difference, one["measured"], strict=True)])
    )
    assert row["n"] == len(one)


def test_vlr_beside_impact_is_one_by_our_definition_and_follows_the_tables(predictions):
    _, table = predictions
    read, rates = features.by_stance(table, vlr="touchdown_to_13"), tables.vlr_by_definition(table)
    found = tables.vlr_beside_impact(rates, read, PUBLISHED)
    assert list(found.index) == [*features.LOADING_RATES, "published"]
    assert found.loc["touchdown_to_13", "relative_error"] == pytest.approx(1)  # the same error, over the same time
    assert found.loc["published"].tolist() == pytest.approx(
        [51.60 / 1.540, 8.80 / 51.60 / (0.306 / 1.540), 10.39 / 7.29]
    )
    peak = read[(read["estimator"] == "lstm") & (read["feature"] == "impact_peak_bw")]["measured"]
    rate = rates.set_index(["estimator", "definition"]).loc[("lstm", "20_to_80")]
    assert found.loc["20_to_80", "mean_per_s"] == pytest.approx(rate["measured_mean"] / peak.mean())
    spread = rate["measured_sd"] / rate["measured_mean"] / (peak.std() / peak.mean())
    assert found.loc["20_to_80", "relative_sd"] == pytest.approx(spread)


def test_vlr_by_definition_agrees_with_a_literal_version(predictions):
    _, predictions = predictions
    table = tables.vlr_by_definition(predictions).set_index(["estimator", "definition"])
    assert list(table.index) == [(e, d) for e in ("lstm", "shifted", "larger") for d in features.LOADING_RATES]
    for (estimator, definition), row in table.iterrows():
        pairs = []
        for _, rows in predictions[predictions["estimator"] == estimator].groupby("stance"):
            time = rows["time_s"].to_numpy(float)
            pairs.append(
                [features.loading_rate(rows[column].to_numpy(float), time, definition) for column in ("grf_v", "est_v")]
            )
        measured, estimated = np.array(pairs).T
        assert row["measured_mean"] == pytest.approx(measured.mean()) and row["measured_sd"] == pytest.approx(
            measured.std(ddof=1)
        )
        assert row["estimated_mean"] == pytest.approx(estimated.mean()) and row["estimated_sd"] == pytest.approx(
            estimated.std(ddof=1)
        )
        assert row["r"] == pytest.approx(np.corrcoef(measured, estimated)[0, 1]) and row["n"] == 6
        assert row["rel_error_pct"] == pytest.approx(np.mean(100 * np.abs(estimated - measured) / measured))
        assert row["ratio_to_default"] == pytest.approx(
            row["measured_mean"] / table.loc[(estimator, "touchdown_to_13"), "measured_mean"]
        )
    np.testing.assert_allclose(table.loc["larger", "rel_error_pct"], 10, rtol=1e-4)  # single precision
    np.testing.assert_allclose(table.loc["larger", "r"], 1, rtol=1e-6)


@pytest.mark.filterwarnings("error")
def test_vlr_by_definition_of_what_was_not_estimated_or_of_one_stance_is_nan(predictions):
    _, predictions = predictions
    none = predictions.assign(est_v=np.nan)
    table = tables.vlr_by_definition(none)
    assert (table["n"] == 0).all() and table[["estimated_mean", "rel_error_pct", "r"]].isna().all(axis=None)
    one = tables.vlr_by_definition(predictions[predictions["stance"] == 0])
    assert (one["n"] == 1).all() and one["r"].isna().all() and one["estimated_mean"].notna().all()


@pytest.mark.filterwarnings("error")
def test_scores_of_a_direction_that_was_not_estimated_are_nan_and_the_others_stay(predictions, vertical_only):
    stances, table = vertical_only
    scores = metrics.by_stance(table)
    pd.testing.assert_frame_equal(scores[scores["estimator"] != "vertical_only"], metrics.by_stance(predictions[1]))
    rows = scores[scores["estimator"] == "vertical_only"].set_index("direction")
    assert rows.loc[["AP", "ML"], ["r", "p", "rmse_bw", "nrmse_pct"]].isna().all(axis=None)
    full = scores.query("estimator == 'lstm' and direction == 'V'")
    np.testing.assert_array_equal(rows.loc["V", metrics.MEASURES], full[metrics.MEASURES])
    summary = tables.table1(scores, PUBLISHED["table1"]).set_index(["estimator", "direction"])
    assert summary.loc["vertical_only", "n"].to_dict() == {"AP": 0, "ML": 0, "V": len(stances)}
    assert (
        summary.loc["vertical_only", "r_mean"].isna().tolist() == [True, True, False]
        and (summary.loc["lstm", "n"] == len(stances)).all()
    )
    worst = tables.worst(scores, PUBLISHED["worst"]).set_index("estimator")
    assert set(worst.loc["vertical_only", "direction"]) == {"V"}
    runners = tables.rmse_by_runner(scores, stances).loc["vertical_only"]
    assert runners[["AP", "ML"]].isna().all(axis=None) and runners["V"].notna().all()


@pytest.mark.filterwarnings("error")
def test_features_of_a_direction_that_was_not_estimated_are_nan_and_the_tables_leave_them_out(vertical_only):
    stances, table = vertical_only
    table = table[table["estimator"] != "shifted"]  # a constant error, of which scipy warns
    read = features.by_stance(table, vlr="touchdown_to_13")
    wide = read.pivot(index=["estimator", "stance"], columns="feature", values="estimated")
    horizontal, vertical = features.FEATURES[:2], features.FEATURES[2:]
    assert wide.loc["vertical_only", horizontal].isna().all(axis=None) and read["measured"].notna().all()
    pd.testing.assert_frame_equal(wide.loc["vertical_only", vertical], wide.loc["lstm", vertical])
    for result, p in (
        (tables.table2(read, PUBLISHED["table2"]), "p"),
        (tables.table3(read, PUBLISHED["table3"]), "rel_error_pct_mean"),
    ):
        rows = result.set_index(["estimator", "feature"])
        assert rows.loc["vertical_only", "n"].to_dict() == dict.fromkeys(horizontal, 0) | dict.fromkeys(
            vertical, len(stances)
        )
        assert rows.loc["vertical_only", p].isna().to_dict() == dict.fromkeys(horizontal, True) | dict.fromkeys(
            vertical, False
        )
        assert rows.loc[("vertical_only", "vlr_bw_s"), p] == rows.loc[("lstm", "vlr_bw_s"), p]


def test_over_published_writes_ours_over_the_published_with_the_digits_of_each_measure(predictions):
    _, table = predictions
    summary = tables.table1(metrics.by_stance(table), PUBLISHED["table1"])
    shown = tables.over_published(summary)
    assert list(shown.index) == [(d, who) for d in ("AP", "ML", "V") for who in ("ours", "published")]
    assert list(shown.columns) == ["r", "RMSE (BW)", "nRMSE (%)", "n"]
    assert shown.loc[("V", "published")].tolist() == ["0.993 ± 0.012", "0.110 ± 0.059", "4.4 ± 2.3", ""]
    row = summary.set_index(["estimator", "direction"]).loc[("lstm", "V")]
    assert shown.loc[("V", "ours"), "RMSE (BW)"] == f"{row['rmse_bw_mean']:.3f} ± {row['rmse_bw_sd']:.3f}"
    others = tables.over_published(summary, others=True)
    assert list(others.loc["AP"].index) == ["ours", "published", "shifted", "larger"]
    assert others.loc[("ML", "shifted"), "RMSE (BW)"] == "0.100 ± 0.000" and others.loc[("ML", "shifted"), "n"] == "6"


def test_over_published_writes_a_loading_rate_with_a_decimal_less_and_no_p_of_zero(predictions):
    read = features.by_stance(predictions[1], vlr="touchdown_to_13")
    second = tables.table2(read, PUBLISHED["table2"])
    second["p"] = 0.00002
    shown = tables.over_published(second)
    assert list(dict.fromkeys(shown.index.get_level_values(0))) == list(tables.FEATURE_NAMES.values())
    assert shown.loc[("VLR (BW/s)", "published")].tolist() == ["50.8 ± 7.9", "51.6 ± 8.8", ".380", ""]
    assert shown.loc[("active peak (BW)", "published"), "estimated"] == "2.51 ± 0.23"
    assert set(shown["p"].xs("ours", level=1)) == {"< .001"}
    third = tables.over_published(tables.table3(read, PUBLISHED["table3"]))
    assert third.loc[("VLR (BW/s)", "published")].tolist() == ["5.3 ± 4.0", "10.4 ± 3.8", ""]
    own = tables.measured_features(
        features.measured(predictions[1].query("estimator == 'lstm'"), vlr="20_to_80"), PUBLISHED["table2"]
    )
    assert tables.over_published(own).loc[("impact peak (BW)", "published")].tolist() == ["1.54 ± 0.31", ""]


def test_p_value_keeps_three_decimals():
    assert [tables.p_value(p) for p in (0.0382, 1.0, 0.0009, np.nan)] == [".038", "1.000", "< .001", "–"]


def test_written_worst_and_written_rates_hold_the_numbers_of_their_tables(vertical_only):
    _, table = vertical_only
    worst = tables.worst(metrics.by_stance(table), PUBLISHED["worst"])
    shown = tables.written_worst(worst)
    assert list(shown.loc["V"].index) == ["r", "RMSE (BW)", "nRMSE (%)", "p"] and len(shown) == 12
    assert shown["published"].loc["V"].tolist() == ["0.961", "0.360", "11.3", "–"]
    row = worst.query("estimator == 'lstm' and direction == 'ML' and worst == 'r'").iloc[0]
    assert shown.loc[("ML", "r"), ["stance", "r"]].tolist() == [row["stance"], f"{row['r']:.3f}"]
    rates = tables.vlr_by_definition(table)
    written = tables.written_rates(rates)
    assert written.loc[("larger", "touchdown_to_13")].tolist()[2:] == ["1.00", "10.0", "1.000", "6"]
    row = rates.iloc[0]
    assert written.iloc[0]["measured"] == f"{row['measured_mean']:.1f} ± {row['measured_sd']:.1f}"
    assert written.index[0] == ("ours", "touchdown_to_13")
