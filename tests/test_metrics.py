"""Measures of curves against closed forms, literal versions and published values."""

import numpy as np
import pytest
from helpers import PUBLISHED

from grfkit import features, metrics, spm
from grfkit.points import ESTIMATES, FORCES

RNG = np.random.default_rng(6)


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


def test_predictions_keep_frames_and_estimators_apart(tidy):
    _, frames = tidy()
    table = metrics.predictions(frames, {"a": np.zeros((len(frames), 3)), "b": np.ones((len(frames), 3))})
    assert list(table.columns) == ["estimator", "stance", "frame", "time_s", *FORCES, *ESTIMATES]
    assert (table[table["estimator"] == "b"][ESTIMATES] == 1).all(axis=None) and len(table) == 2 * len(frames)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("est_ap", "in every frame, or is NaN in all"),
        ("est_v", "in every frame, or is NaN in all"),
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
