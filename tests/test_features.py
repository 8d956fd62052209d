"""Features, and the vertical loading rate by each definition in use, against closed forms and published values."""

from typing import get_args

import numpy as np
import pandas as pd
import pytest
from helpers import PUBLISHED
from matplotlib.figure import Figure

from grfkit import features, metrics, plot
from grfkit.study.schema import VLR

TIME = np.arange(231) / 1000  # 13 % of it is 29.9 ms


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


def test_measured_features_are_those_of_the_estimators_plate(predictions):
    _, table = predictions
    plate = features.measured(table[table["estimator"] == "lstm"], vlr="touchdown_to_13").set_index("stance")
    read = (
        features.by_stance(table, vlr="touchdown_to_13")
        .query("estimator == 'lstm'")
        .pivot(index="stance", columns="feature", values="measured")
    )
    pd.testing.assert_frame_equal(plate[features.FEATURES], read[features.FEATURES], check_names=False)


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
    with pytest.raises(ValueError, match="longer than 0.025 s; found 0.0200 s. Give the times in s"):
        features.loading_rate(50 * TIME[:21], TIME[:21], "first_25_ms")


def test_the_figures_draw_the_slopes_that_are_reported(predictions):
    time, curve, _ = metrics.first_stance(predictions[1])
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
