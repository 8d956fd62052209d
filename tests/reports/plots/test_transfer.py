"""Figures of 14 draw what they are given: a row for each pair of laboratories, a marker for each estimator."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from grfkit.points import DIRECTIONS
from grfkit.reports.plots import transfer as transfer_plots

RNG = np.random.default_rng(1)
PAIRS = [("a", "a"), ("a", "b"), ("a", "c"), ("b", "b"), ("b", "a"), ("b", "c")]


@pytest.fixture
def tables():
    """Two laboratories that train and one of one runner; at home the model for the field alone."""
    rows = [
        (*pair, name, direction, speed, *RNG.uniform(5, 30, 3))
        for pair in PAIRS
        for name in (["physics"] if pair[0] == pair[1] else ["physics", "ridge"])
        for direction in DIRECTIONS
        for speed in ("2.0 m/s", "all")
    ]
    columns = ["trained_on", "tested_on", "estimator", "direction", "speed", "nrmse_pct", "covered_pct", "width_bw"]
    return pd.DataFrame(rows, columns=columns)


def drawn(ax, label):
    (line,) = [each for each in ax.get_lines() if each.get_label() == label]
    return line.get_xdata()


def value(table, column, pair, **where):
    mine = table[(table["trained_on"] == pair[0]) & (table["tested_on"] == pair[1]) & (table["speed"] == "all")]
    for name, wanted in where.items():
        mine = mine[mine[name] == wanted]
    return mine[column].item()


def test_errors_draw_each_estimator_of_each_pair_and_what_is_at_home(tables):
    away = [pair for pair in PAIRS if pair[0] != pair[1]]
    axes = transfer_plots.errors(Figure(layout="constrained").subplots(1, 3), tables)
    for ax, direction in zip(axes, DIRECTIONS, strict=True):
        for name in ("physics", "ridge"):
            expected = [value(tables, "nrmse_pct", pair, estimator=name, direction=direction) for pair in away]
            np.testing.assert_allclose(drawn(ax, name), expected)
        home = [value(tables, "nrmse_pct", (pair[0], pair[0]), direction=direction) for pair in away]
        np.testing.assert_allclose(drawn(ax, "at home, runners left out"), home)
    assert [text.get_text() for text in axes[0].get_yticklabels()] == [f"{a} \u2192 {b}" for a, b in away]
    (legend,) = axes[0].figure.legends
    assert len(legend.get_texts()) == 3


def test_bands_draw_shares_and_widths_of_each_pair(tables):
    within = tables[tables["estimator"] == "physics"]
    away = within[within["trained_on"] != within["tested_on"]]
    new = away.assign(covered_pct=away["covered_pct"] + 3, width_bw=2 * away["width_bw"])
    mine = pd.concat([within.assign(kind="within"), new.assign(kind="new laboratory")])
    axes = transfer_plots.bands(Figure(layout="constrained").subplots(1, 2), mine, level=0.9)
    for ax, column in zip(axes, ("covered_pct", "width_bw"), strict=True):
        expected = [value(mine, column, pair, direction="V", kind="within") for pair in PAIRS]
        np.testing.assert_allclose(drawn(ax, "vertical, within"), expected)
        wider = [
            np.nan if pair[0] == pair[1] else value(mine, column, pair, direction="V", kind="new laboratory")
            for pair in PAIRS
        ]
        np.testing.assert_allclose(drawn(ax, "vertical, new laboratory"), wider)
    assert [text.get_text() for text in axes[0].get_yticklabels()][:2] == ["a at home", "a \u2192 b"]
    assert drawn(axes[0], "90 %")[0] == 90.0
