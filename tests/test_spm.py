"""SPM against spm1d's own data set, the textbook, and planted differences."""

import numpy as np
import pytest
import spm1d
from matplotlib.figure import Figure
from scipy import stats as scipy_stats

from grfkit import plot, spm
from grfkit.points import FORCES

RNG = np.random.default_rng(6)


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
