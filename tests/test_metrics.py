"""Metrics, features, tables and SPM against closed forms, literal versions and published values."""

import numpy as np
import pandas as pd
import pytest
import spm1d
from helpers import ROOT
from matplotlib.figure import Figure
from scipy import stats as scipy_stats

from grfkit import features, metrics, plot, spm, tables
from grfkit.points import ESTIMATES, FORCES
from grfkit.study import file as study_file

PUBLISHED = study_file.published(ROOT / "params" / "published.yaml")
RNG = np.random.default_rng(6)


@pytest.fixture
def predictions(tidy):
    """Two estimators over six stances: one errs by noise, one by a known constant."""
    stances, frames = tidy()
    force = frames[FORCES].to_numpy()
    noisy = force + 0.05 * RNG.normal(size=force.shape) * (force[:, 2:] > 0)
    table = metrics.predictions(frames, {"lstm": noisy, "shifted": force + 0.1})
    return stances, table[metrics.in_stance(table, stances)]


def test_in_stance_drops_the_padding_and_nothing_else(tidy):
    stances, frames = tidy()
    inside = metrics.in_stance(frames, stances)
    assert (frames["grf_v"].to_numpy()[inside] > 0).all() and (frames["grf_v"].to_numpy()[~inside] == 0).all()
    assert (~inside).sum() == 20 * len(stances)
    with pytest.raises(ValueError, match="1 stances have no row"):
        metrics.in_stance(frames, stances.iloc[1:])


def test_scores_agree_with_a_literal_version():
    measured, estimated = RNG.normal(size=(2, 40, 3))
    for c in range(3):
        square = sum((e - m) ** 2 for e, m in zip(estimated[:, c], measured[:, c], strict=True))
        rmse = (square / 40) ** 0.5
        assert metrics.rmse(measured, estimated)[c] == pytest.approx(rmse)
        assert metrics.nrmse(measured, estimated)[c] == pytest.approx(
            100 * rmse / (max(measured[:, c]) - min(measured[:, c]))
        )
        assert metrics.pearson(measured, estimated)[0][c] == pytest.approx(
            np.corrcoef(measured[:, c], estimated[:, c])[0, 1]
        )


def test_nrmse_reproduces_the_published_ranges():
    """.110 BW of an active peak of 2.52 BW is 4.36 %, .038 BW of .657 BW is 5.78 % (paper Tables 1 and 2)."""
    for direction, span in (
        ("V", PUBLISHED["table2"]["active_peak_bw"]["measured_mean"]),
        ("AP", sum(PUBLISHED["table2"][f"{name}_peak_bw"]["measured_mean"] for name in ("braking", "propulsive"))),
    ):
        row = PUBLISHED["table1"][direction]
        curve = np.array([[0.0], [span]])
        assert metrics.nrmse(curve, curve + row["rmse_bw_mean"])[0] == pytest.approx(row["nrmse_pct_mean"], rel=0.01)


def test_scores_do_not_depend_on_scale_where_they_must_not():
    measured, estimated = RNG.normal(size=(2, 40, 3))
    np.testing.assert_allclose(metrics.nrmse(measured, estimated), metrics.nrmse(7 * measured, 7 * estimated))
    np.testing.assert_allclose(metrics.rmse(7 * measured, 7 * estimated), 7 * metrics.rmse(measured, estimated))
    np.testing.assert_allclose(metrics.pearson(measured, 3 * estimated + 1)[0], metrics.pearson(measured, estimated)[0])


def test_pearson_of_a_flat_curve_is_nan():
    assert np.isnan(metrics.pearson(RNG.normal(size=(9, 1)), np.ones((9, 1)))[0][0])


def test_table1_knows_a_constant_error_and_shows_the_published_beside_the_lstm(predictions):
    stances, table = predictions
    scores = metrics.by_stance(table)
    summary = metrics.table1(scores, PUBLISHED["table1"]).set_index(["estimator", "direction"])
    np.testing.assert_allclose(summary.loc["shifted", "rmse_bw_mean"], 0.1, rtol=1e-5)  # single precision
    np.testing.assert_allclose(summary.loc["shifted", "r_mean"], 1, rtol=1e-5)
    assert summary.loc[("lstm", "V"), "published_rmse_bw_mean"] == 0.110
    assert summary.loc["shifted", "published_rmse_bw_mean"].isna().all() and (summary["n"] == len(stances)).all()
    worst = metrics.worst(scores, PUBLISHED["worst"]).set_index(["estimator", "direction"])
    assert worst.loc[("lstm", "ML"), "r"] == scores.query("estimator == 'lstm' and direction == 'ML'")["r"].min()


def test_extract_reads_a_closed_form():
    """A vertical half sine, a braking and a propulsive half wave: every feature is known."""
    time = np.linspace(0, 0.23, 2301)
    share = time / 0.23
    curve = np.stack(
        [
            np.where(share < 0.5, -0.36, 0.30) * np.abs(np.sin(2 * np.pi * share)),
            0 * share,
            2.5 * np.sin(np.pi * share),
        ],
        axis=1,
    )
    impact = 2.5 * np.sin(0.13 * np.pi)
    expected = {
        "propulsive_peak_bw": 0.30,
        "braking_peak_bw": 0.36,
        "impact_peak_bw": impact,
        "active_peak_bw": 2.5,
        "vlr_bw_s": impact / (0.13 * 0.23),
    }
    assert features.extract(curve, time, vlr="touchdown_to_13") == pytest.approx(expected, rel=1e-4)
    middle = 2.5 * (np.sin(0.8 * 0.13 * np.pi) - np.sin(0.2 * 0.13 * np.pi)) / (0.6 * 0.13 * 0.23)
    assert features.extract(curve, time, vlr="20_to_80")["vlr_bw_s"] == pytest.approx(middle, rel=1e-4)


def test_vlr_definition_fits_the_published_means():
    """1.540 BW over 13 % of a stance of 230 ms is 51.5 BW/s; the paper measured 51.60."""
    time = np.linspace(0, 0.230, 231)
    table = PUBLISHED["table2"]
    curve = np.stack([time, time, time / (0.13 * 0.230) * table["impact_peak_bw"]["measured_mean"]], axis=1)
    assert features.extract(curve, time, vlr="touchdown_to_13")["vlr_bw_s"] == pytest.approx(
        table["vlr_bw_s"]["measured_mean"], rel=0.005
    )


@pytest.mark.parametrize(
    ("curve", "message"),
    [
        (np.ones((3, 200)), "Transpose it"),
        (np.full((200, 3), np.nan), "without NaN"),
        (1700 * np.ones((200, 3)), "divide by mass_kg"),
    ],
)
def test_extract_says_what_is_wrong_with_a_curve(curve, message):
    with pytest.raises(ValueError, match=message):
        features.extract(curve, np.linspace(0, 0.2, 200), vlr="touchdown_to_13")


def test_extract_refuses_an_unknown_loading_rate():
    with pytest.raises(ValueError, match="found 'steepest'"):
        features.extract(np.random.default_rng(0).normal(size=(50, 3)), np.linspace(0, 0.2, 50), vlr="steepest")


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


def test_measured_features_are_those_of_the_estimators_plate(predictions):
    _, table = predictions
    plate = features.measured(table[table["estimator"] == "lstm"], vlr="touchdown_to_13").set_index("stance")
    read = (
        features.by_stance(table, vlr="touchdown_to_13")
        .query("estimator == 'lstm'")
        .pivot(index="stance", columns="feature", values="measured")
    )
    pd.testing.assert_frame_equal(plate[features.FEATURES], read[features.FEATURES], check_names=False)


def test_spm_paired_gives_the_published_answer_of_spm1d():
    """PlantarArchAngle (Caravaggi 2010), spm1d's own data set with its known answer: t* = 3.93947, p = .0373."""
    first, second = spm1d.data.uv1d.tpaired.PlantarArchAngle().get_data()
    test = spm.paired(first, second, alpha=0.05)
    assert test.threshold == pytest.approx(3.93947, abs=1e-4)
    assert [round(p, 4) for _, _, p in test.clusters] == [0.0373]
    start, end, _ = test.clusters[0]
    assert 0 <= start < end <= 100


def test_spm_t_agrees_with_the_textbook_at_each_node():
    estimated, measured = RNG.normal(size=(2, 12, 100)).cumsum(axis=2)
    test = spm.paired(estimated, measured, alpha=0.05)
    np.testing.assert_allclose(test.t, scipy_stats.ttest_rel(estimated, measured).statistic, rtol=1e-9)


def test_spm_finds_a_planted_difference_where_it_is():
    measured = RNG.normal(size=(20, 100)).cumsum(axis=1)
    estimated = measured + 0.1 * np.array(
        [np.convolve(RNG.normal(size=119), np.hanning(20), "valid") for _ in range(20)]
    )
    estimated[:, 40:60] += 3
    ((start, end, p),) = spm.paired(estimated, measured, alpha=0.05).clusters
    assert (start, end) == (pytest.approx(40, abs=3), pytest.approx(60, abs=3)) and p < 0.001


def test_spm_refuses_too_few_pairs_and_a_node_without_variance():
    with pytest.raises(ValueError, match="three stances"):
        spm.paired(np.zeros((2, 100)), np.ones((2, 100)), alpha=0.05)
    measured, estimated = RNG.normal(size=(2, 5, 100))
    estimated[:, 7] = measured[:, 7]
    with pytest.raises(ValueError, match=r"at nodes \[7\]"):
        spm.paired(estimated, measured, alpha=0.05)


def test_spm_tables_hold_every_node_and_cluster(predictions):
    _, table = predictions
    measured, estimated = spm.curves(table[table["estimator"] == "lstm"], nodes=100)
    assert measured.shape == estimated.shape == (6, 100, 3)
    tests = spm.by_direction(estimated, measured, alpha=0.05)
    nodes, clusters = spm.tables(tests)
    assert nodes.groupby("direction", sort=False).size().to_dict() == {"AP": 100, "ML": 100, "V": 100}
    assert list(clusters.columns) == ["direction", "start", "end", "p"]
    assert len(clusters) == sum(len(test.clusters) for test in tests.values())


def test_curves_keep_the_ends_and_the_peak(predictions):
    stances, table = predictions
    measured, _ = spm.curves(table[table["estimator"] == "lstm"], nodes=100)
    first = table[(table["estimator"] == "lstm") & (table["stance"] == 0)][FORCES].to_numpy()
    np.testing.assert_allclose(measured[0, [0, -1]], first[[0, -1]], atol=1e-6)
    assert measured[0, :, 2].max() == pytest.approx(first[:, 2].max(), rel=1e-3)


def test_predictions_keep_frames_and_estimators_apart(tidy):
    _, frames = tidy()
    table = metrics.predictions(frames, {"a": np.zeros((len(frames), 3)), "b": np.ones((len(frames), 3))})
    assert list(table.columns) == ["estimator", "stance", "frame", "time_s", *FORCES, *ESTIMATES]
    assert (table[table["estimator"] == "b"][ESTIMATES] == 1).all(axis=None) and len(table) == 2 * len(frames)


@pytest.fixture
def vertical_only(predictions):
    """The same, and an estimator that gives the vertical force of `lstm` and nothing else."""
    stances, table = predictions
    ours = table[table["estimator"] == "lstm"].assign(estimator="vertical_only", est_ap=np.nan, est_ml=np.nan)
    return stances, pd.concat([table, ours], ignore_index=True)


@pytest.mark.filterwarnings("error")
def test_scores_of_a_direction_that_was_not_estimated_are_nan_and_the_others_stay(predictions, vertical_only):
    stances, table = vertical_only
    scores = metrics.by_stance(table)
    pd.testing.assert_frame_equal(scores[scores["estimator"] != "vertical_only"], metrics.by_stance(predictions[1]))
    rows = scores[scores["estimator"] == "vertical_only"].set_index("direction")
    assert rows.loc[["AP", "ML"], ["r", "p", "rmse_bw", "nrmse_pct"]].isna().all(axis=None)
    full = scores.query("estimator == 'lstm' and direction == 'V'")
    np.testing.assert_array_equal(rows.loc["V", metrics.MEASURES], full[metrics.MEASURES])
    summary = metrics.table1(scores, PUBLISHED["table1"]).set_index(["estimator", "direction"])
    assert summary.loc["vertical_only", "n"].to_dict() == {"AP": 0, "ML": 0, "V": len(stances)}
    assert (
        summary.loc["vertical_only", "r_mean"].isna().tolist() == [True, True, False]
        and (summary.loc["lstm", "n"] == len(stances)).all()
    )
    worst = metrics.worst(scores, PUBLISHED["worst"]).set_index(["estimator", "direction"])
    assert worst.loc["vertical_only", "rmse_bw"].isna().tolist() == [True, True, False]
    runners = metrics.by_runner(scores, stances).loc["vertical_only"]
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


@pytest.mark.filterwarnings("error")
def test_spm_of_a_direction_that_was_not_estimated_is_nan_and_is_drawn_as_such(vertical_only):
    stances, table = vertical_only
    full, part = ([*spm.curves(table[table["estimator"] == name], nodes=100)] for name in ("lstm", "vertical_only"))
    tests, whole = (spm.by_direction(estimated, measured, alpha=0.05) for measured, estimated in (part, full))
    for direction in ("AP", "ML"):
        assert (
            np.isnan(tests[direction].t).all()
            and np.isnan(tests[direction].threshold)
            and tests[direction].clusters == []
        )
    np.testing.assert_array_equal(tests["V"].t, whole["V"].t)
    nodes, clusters = spm.tables(tests)
    assert nodes.groupby("direction")["t"].count().to_dict() == {"AP": 0, "ML": 0, "V": 100} and set(
        clusters["direction"]
    ) <= {"V"}
    figure = Figure()
    axes = plot.figure4(figure.subplots(2, 3), *part, tests, runners=3)
    figure.canvas.draw()
    assert [[text.get_text() for text in ax.texts] == ["not estimated"] for ax in axes[1]] == [True, True, False]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("est_ap", "in every frame or in none"),
        ("est_v", "in every frame or in none"),
        ("grf_ap", "measured force has a value"),
        ("grf_v", "measured force has a value"),
    ],
)
def test_nan_in_some_frames_or_in_what_was_measured_is_refused(vertical_only, column, message):
    stances, table = vertical_only
    table = table.copy()
    frame = np.flatnonzero((table["estimator"] == "lstm") & (table["stance"] == 2))[5]
    table.loc[table.index[frame], column] = np.nan
    measured, estimated = (
        table[table["estimator"] == "lstm"][columns].to_numpy(float) for columns in (FORCES, ESTIMATES)
    )
    with pytest.raises(ValueError, match=message):
        metrics.by_stance(table)
    with pytest.raises(ValueError, match=message):
        metrics.rmse(measured, estimated)
    with pytest.raises(ValueError, match=message):
        features.by_stance(table, vlr="touchdown_to_13")
    with pytest.raises(ValueError, match=message):
        spm.by_direction(*reversed(spm.curves(table[table["estimator"] == "lstm"], nodes=100)), alpha=0.05)
    if column.startswith("grf"):
        with pytest.raises(ValueError, match=message):
            features.measured(table[table["estimator"] == "lstm"], vlr="touchdown_to_13")


def test_a_measured_direction_that_is_wholly_nan_is_refused_too(vertical_only):
    stances, table = vertical_only
    with pytest.raises(ValueError, match="measured force has a value"):
        metrics.by_stance(table.assign(grf_ml=np.nan))
    with pytest.raises(ValueError, match="measured force has a value"):
        features.by_stance(table.assign(grf_ml=np.nan), vlr="touchdown_to_13")
