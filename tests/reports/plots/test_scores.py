"""Figures of errors and features draw each stance, the means of the tables and the published ones."""

import numpy as np
import pytest
from helpers import PUBLISHED
from matplotlib.figure import Figure

from grfkit import features, metrics, tables
from grfkit.reports.plots import scores as score_plots

VLR = "touchdown_to_13"


@pytest.mark.filterwarnings("error")
def test_errors_draw_each_stance_the_means_and_the_published_means(vertical_only):
    _, table = vertical_only
    table = table[table["estimator"].isin(["lstm", "vertical_only"])]
    by_stance = metrics.by_stance(table)
    summary = tables.table1(by_stance, PUBLISHED["table1"])
    ax = Figure().subplots()
    assert score_plots.errors(ax, by_stance, summary, "nrmse_pct") is ax
    dots, bars = ([drawn for drawn in ax.collections if hasattr(drawn, "get_segments") == bar] for bar in (False, True))
    drawn = np.concatenate([each.get_offsets()[:, 1] for each in dots])
    np.testing.assert_allclose(np.sort(drawn), np.sort(by_stance["nrmse_pct"].dropna()))
    labels = {
        bar.get_label(): [*map(np.mean, [segment[:, 1] for segment in bar.get_segments() if len(segment)])]
        for bar in bars
    }
    means = summary.set_index(["estimator", "direction"])["nrmse_pct_mean"]
    np.testing.assert_allclose(labels["ours: stances (dots) and mean"], means["lstm"])
    assert len(labels["vertical only: stances (dots) and mean"]) == 1  # the others are not estimated
    assert labels["published mean"] == [
        PUBLISHED["table1"][direction]["nrmse_pct_mean"] for direction in ("AP", "ML", "V")
    ]
    assert ax.get_ylabel() == "nRMSE (%)" and [tick.get_text() for tick in ax.get_xticklabels()] == ["AP", "ML", "V"]


def test_errors_of_features_name_them(predictions):
    read = features.by_stance(predictions[1], vlr=VLR)
    summary = tables.table3(read, PUBLISHED["table3"])
    ax = score_plots.errors(Figure().subplots(), tables.feature_errors(read), summary, "rel_error_pct")
    names = [tick.get_text() for tick in ax.get_xticklabels()]
    assert names == ["propulsive\npeak", "braking\npeak", "impact\npeak", "active\npeak", "VLR"]


@pytest.mark.parametrize("few", [True, False])
def test_measured_against_estimated_draws_each_stance_and_tells_few_runners_apart(predictions, monkeypatch, few):
    stances, table = predictions
    read = features.by_stance(table[table["estimator"] == "larger"], vlr=VLR)
    monkeypatch.setattr(score_plots, "MOST_RUNNERS", 3 if few else 2)
    axes = Figure().subplots(3, 2)
    assert score_plots.measured_against_estimated(axes, read, metrics.runner_of(read, stances)) is axes
    for ax, feature in zip(axes.flat, features.FEATURES, strict=False):
        (dots,) = ax.collections
        mine = read[read["feature"] == feature]
        np.testing.assert_allclose(dots.get_offsets(), mine[["measured", "estimated"]])
        assert ax.get_title() == tables.FEATURE_NAMES[feature] and ax.get_legend() is None
    last = axes[2, 1]
    assert last.texts[0].get_text() == "n = 6 stances\n3 runners" and bool(last.get_legend()) == few
    assert not few or [text.get_text() for text in last.get_legend().get_texts()] == ["v00", "v01", "v02"]
