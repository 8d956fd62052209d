"""Figures of moments: panels, means and runners."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from grfkit.evaluation.moments import NAMES
from grfkit.reports.plots import evaluation as evaluation_plots


def test_curves_draw_the_means_in_their_panels():
    plates, estimated = np.random.default_rng(5).normal(size=(2, 24, 101, 3))
    axes = evaluation_plots.moment_curves(Figure().subplots(1, 3), plates, estimated, runners=3)
    for number, ax in enumerate(axes):
        np.testing.assert_allclose(ax.lines[0].get_ydata(), plates[..., number].mean(axis=0))
        np.testing.assert_allclose(ax.lines[1].get_ydata(), estimated[..., number].mean(axis=0))
    assert [ax.get_title().split(":")[0] for ax in axes] == [
        "ankle",
        "knee",
        "knee",
    ] and "24 stances\n3 runners" in axes[2].texts[0].get_text()


def test_peaks_draw_a_dot_for_each_runner():
    table = pd.DataFrame(
        {
            "moment": np.repeat(NAMES, 2),
            "runner": ["a", "b"] * 3,
            "measured": [1.0, 2, 3, 4, 5, 6],
            "estimated": [1.5, 2, 3, 4, 5, 7],
        }
    )
    axes = evaluation_plots.moment_peaks(Figure().subplots(1, 3), table)
    for ax, name in zip(axes, NAMES, strict=True):
        np.testing.assert_array_equal(
            np.transpose(ax.lines[1].get_data()), table.loc[table["moment"] == name, ["measured", "estimated"]]
        )
