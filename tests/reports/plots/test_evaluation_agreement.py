"""Figures of agreement show what was found."""

import numpy as np
from helpers import draw_pairs
from matplotlib.figure import Figure

from grfkit import features
from grfkit.evaluation import agreement
from grfkit.points import DIRECTIONS
from grfkit.reports.plots import evaluation as evaluation_plots

ALPHA = 0.05
BOUNDS = dict.fromkeys(features.FEATURES, 5.0)


def test_figures_show_what_was_found():
    pairs = draw_pairs(np.random.default_rng(15), shift=0.2)
    limits, equivalence = (
        agreement.bland_altman(pairs, alpha=ALPHA),
        agreement.equivalence(pairs, bounds_pct=BOUNDS, alpha=ALPHA),
    )
    axes = Figure().subplots(2, 3)
    evaluation_plots.bland_altman_all(axes, pairs, agreement.runner_means(pairs), limits)
    heights = {line.get_label(): line.get_ydata()[0] for line in axes[0, 0].lines if line.get_label()[0] != "_"}
    assert heights["bias"] == limits["bias"][0] and heights["limits over runners and stances"] == limits["low"][0]
    assert [len(line.get_xdata()) for line in axes[0, 0].lines[:2]] == [216, 12]  # stances, runners
    ax = evaluation_plots.equivalence(Figure().subplots(), equivalence)
    assert [line.get_marker() for line in ax.lines if len(line.get_xdata()) == 1] == ["x"]  # not equivalent
    measured, estimated = np.random.default_rng(16).normal(size=(2, 5, 100, 3))
    estimated[..., :2] = np.nan  # an estimator of the vertical force alone
    tests = agreement.curve_tests(estimated, measured, alpha=ALPHA)
    bands = agreement.bands(estimated, measured, tests, bounds_pct=dict.fromkeys(DIRECTIONS, 1e3))
    axes = Figure().subplots(3, 1, squeeze=False)
    evaluation_plots.spm_levels(axes[:2], tests, tests, n=(5, 5))
    evaluation_plots.difference_bands(axes[2], bands, runners=5)
    assert (
        axes[2, 0].get_title() == "vertical:\nequivalent over 100 %"
        and axes[1, 0].get_ylabel() == "SPM{t} over 5 runners"
    )
