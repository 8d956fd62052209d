"""Figures of evaluation draw what they are given."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from grfkit.reports.plots import evaluation as evaluation_plots


def test_cost_draws_time_and_memory_of_each_work():
    table = pd.DataFrame(
        {
            "work": ["cut_all", "train"] * 2,
            "n": [10, 10, 100, 100],
            "seconds": [1.0, 2.0, 10.0, 30.0],
            "peak_gb": [0.5, 0.6, 0.7, 0.9],
        }
    )
    axes = evaluation_plots.cost(Figure().subplots(1, 2), table)
    for ax, column in zip(axes, ("seconds", "peak_gb"), strict=True):
        for line, (_, rows) in zip(ax.lines, table.groupby("work"), strict=False):
            np.testing.assert_allclose(line.get_xydata(), rows[["n", column]])
    assert [text.get_text() for text in axes[0].get_legend().get_texts()] == ["cut all", "train"]
