"""The vertical loading rate by each definition in use, against closed forms and a literal version."""

from typing import get_args

import numpy as np
import pytest
from matplotlib.figure import Figure

from grfkit import features, metrics, plot
from grfkit.points import FORCES
from grfkit.study.schema import VLR

TIME = np.arange(231) / 1000  # 13 % of it is 29.9 ms


@pytest.fixture
def predictions(tidy):
    """Six stances, frames of stance alone: one estimator errs by 10 %, the other by noise."""
    stances, frames = tidy()
    force = frames[FORCES].to_numpy()
    noise = 0.05 * np.random.default_rng(3).normal(size=force.shape) * (force[:, 2:] > 0)
    table = metrics.predictions(frames, {"larger": 1.1 * force, "noisy": force + noise})
    return table[metrics.in_stance(table, stances)]


def test_the_study_file_allows_the_definitions_that_exist():
    assert list(get_args(VLR)) == features.LOADING_RATES


@pytest.mark.parametrize("definition", features.LOADING_RATES)
def test_every_definition_gives_the_slope_of_a_straight_rise(definition):
    assert features.loading_rate(50 * TIME, TIME, definition) == pytest.approx(50)
    third = np.arange(70) / 300  # 25 ms fall between two frames of 300 Hz
    assert features.loading_rate(50 * third, third, definition) == pytest.approx(50)
    assert features.loading_rate(50 * TIME, TIME + 7, definition) == pytest.approx(50)  # time may begin anywhere


def test_definitions_differ_on_a_parabola_as_its_mean_slopes_do():
    """Of 1000 t2 the mean slope from a to b is 1000 (a + b)."""
    rates = {
        definition: features.loading_rate(1000 * TIME**2, TIME, definition) for definition in features.LOADING_RATES
    }
    impact = 0.13 * 0.230
    assert rates == pytest.approx(
        {"touchdown_to_13": 1000 * impact, "20_to_80": 1000 * impact, "first_25_ms": 25.0}, rel=1e-3
    )
    steep = features.loading_rate(1e5 * TIME**3, TIME, "20_to_80") / features.loading_rate(
        1e5 * TIME**3, TIME, "touchdown_to_13"
    )
    assert steep == pytest.approx((0.8**3 - 0.2**3) / 0.6, rel=1e-2)


def test_force_at_touchdown_counts_as_zero():
    """The first frame is above the threshold already; the slope begins where force did, as in the published means."""
    assert features.loading_rate(0.1 + 50 * TIME, TIME, "first_25_ms") == pytest.approx(50 + 0.1 / 0.025)
    assert features.loading_rate(0.1 + 50 * TIME, TIME, "20_to_80") == pytest.approx(50)


def test_a_stance_shorter_than_the_interval_is_refused():
    with pytest.raises(ValueError, match="longer than 0.025 s; found 0.0200 s"):
        features.loading_rate(50 * TIME[:21], TIME[:21], "first_25_ms")


def test_vlr_by_definition_agrees_with_a_literal_version(predictions):
    table = features.vlr_by_definition(predictions).set_index(["estimator", "definition"])
    assert list(table.index) == [(e, d) for e in ("larger", "noisy") for d in features.LOADING_RATES]
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
    none = predictions.assign(est_v=np.nan)
    table = features.vlr_by_definition(none)
    assert (table["n"] == 0).all() and table[["estimated_mean", "rel_error_pct", "r"]].isna().all(axis=None)
    one = features.vlr_by_definition(predictions[predictions["stance"] == 0])
    assert (one["n"] == 1).all() and one["r"].isna().all() and one["estimated_mean"].notna().all()


def test_the_figures_draw_the_slopes_that_are_reported(predictions):
    time, curve, _ = metrics.first_stance(predictions)
    intervals = features.loading_intervals(curve[:, 2], time)
    _, *slopes = plot.loading_rates(Figure().subplots(), time, curve[:, 2], intervals).lines
    for line, definition in zip(slopes, features.LOADING_RATES, strict=True):
        (begin, end), (low, high) = line.get_data()
        rate = features.loading_rate(curve[:, 2], time, definition)
        assert (
            1000 * (high - low) / (end - begin) == pytest.approx(rate)
            and line.get_label() == f"{definition}: {rate:.1f} BW/s"
        )
    read = features.extract(curve, time, vlr="first_25_ms")
    axes = plot.feature_reading(
        Figure().subplots(1, 2), time, curve, read, impact_share=0.13, loading=intervals["first_25_ms"]
    )
    (begin, end), (low, high) = axes[0].lines[1].get_data()
    assert 1000 * (high - low) / (end - begin) == pytest.approx(read["vlr_bw_s"]) and end == pytest.approx(25)
