"""Figures draw what they are given; what was left out is counted by hand."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from grfkit import plot, spm
from grfkit.points import POINTS
from grfkit.stances import closeup, cut
from grfkit.study import store

RNG = np.random.default_rng(4)


@pytest.fixture
def axes():
    """Make axes without a window: a function of rows and columns."""
    return lambda *shape: Figure().subplots(*shape)


def test_forces_by_side_says_that_a_side_has_no_stance(axes):
    grid = axes(2, 3)
    plot.forces_by_side(grid, RNG.normal(size=(1, 21, 3)), pd.DataFrame({"side": ["l"], "runner": ["a"]}))
    assert [ax.texts[-1].get_text() for ax in grid[:, 2] if ax.texts] == ["no stance, right"]
    assert not grid[1, 2].get_legend() and grid[0, 2].get_legend().get_title().get_text() == "1 stance, 1 runner"


def test_forces_by_side_draws_every_curve_and_one_sd(axes):
    measured, grid = RNG.normal(size=(9, 21, 3)).cumsum(axis=1), axes(2, 3)
    stances = pd.DataFrame({"side": list("lrlrlrlll"), "runner": list("aabbccabc")})
    assert plot.forces_by_side(grid, measured, stances) is grid
    for row, side, n in zip(grid, "lr", (6, 3), strict=True):
        mine = measured[(stances["side"] == side).to_numpy()]
        for i, ax in enumerate(row):
            band, lines = sorted(ax.collections, key=lambda drawn: len(drawn.get_paths()))
            np.testing.assert_allclose([line[:, 1] for line in lines.get_segments()], mine[..., i])
            edge = band.get_paths()[0].vertices
            for sign, pick in ((1, np.max), (-1, np.min)):
                drawn = [pick(edge[np.isclose(edge[:, 0], percent), 1]) for percent in np.linspace(0, 100, 21)]
                np.testing.assert_allclose(
                    drawn, np.mean(mine[..., i], axis=0) + sign * np.std(mine[..., i], axis=0, ddof=1)
                )
        legend = row[2].get_legend()
        assert legend.get_title().get_text() == f"{n} stances, 3 runners"
        assert any("± SD" in text.get_text() for text in legend.get_texts())


def test_cameras_late_shows_each_runner_the_study_and_what_is_taken_out(axes):
    late = pd.DataFrame(
        {
            "runner": ["a", "b", ""],
            "stances": [30, 1, 31],
            "late_s": [0.004, 0.008, 0.006],
            "error_s": [0.001, np.nan, 0.002],
            "applied_s": [np.nan, np.nan, 0.0058],
        }
    )
    ax = axes()
    assert plot.cameras_late(ax, late) is ax
    (runners,) = [line for line in ax.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(runners.get_ydata(), [4, 8])
    levels = [line.get_ydata()[0] for line in ax.lines if len(set(line.get_ydata())) == 1]
    assert 6.0 in levels and 5.8 in levels
    (band,) = ax.patches
    np.testing.assert_allclose(band.get_bbox().intervaly, [4, 8])
    assert "taken out: 5.8 ms" in {text.get_text() for text in ax.get_legend().get_texts()}
    assert plot.cameras_late(axes(), late[2:].assign(late_s=np.nan, error_s=np.nan, applied_s=0.0)).lines


def test_touchdown_frame_shows_every_point_from_both_sides(axes):
    pose, pair = RNG.uniform(-0.3, 0.3, (11, 3)) + [0, 0, 0.5], axes(1, 2)
    pose[0] = [0, 0, 1]
    assert plot.touchdown_frame(pair, pose, side="l") is pair
    for ax, view in zip(pair, ([0, 2], [0, 1]), strict=True):
        (points,) = [line for line in ax.lines if len(line.get_xydata()) == 11]
        np.testing.assert_allclose(points.get_xydata(), pose[:, view])
        assert (ax.viewLim.min < pose[:, view].min(axis=0)).all() and (ax.viewLim.max > pose[:, view].max(axis=0)).all()
    words = {text.get_text() for ax in pair for text in ax.texts}
    assert {"AP, forward", "ML, to the left", "V, up", "pelvis", "hip", "knee", "ankle", "heel", "toe"} <= words


@pytest.mark.parametrize(
    ("force_hz", "points_hz", "said"),
    [
        (None, None, ["raw: used", "low-pass 50 Hz: not used", "spline, no filter: used"]),
        (50.0, 40.0, ["raw", "low-pass 50 Hz: used", "low-pass 40 Hz, spline: used"]),
    ],
)
def test_raw_and_filtered_says_what_is_used(made_up, axes, force_hz, points_hz, said):
    time_s, points, force, cop = made_up
    recorded = closeup.Signals(time_s, 700 * force, 690 * force, 50.0, cop, points, time_s[::2], points[::2])
    five = dict(zip(("V", "AP", "heel", "-V", "-AP"), axes(1, 5), strict=True))
    assert plot.raw_and_filtered(five, recorded, side="r", force_cutoff_hz=force_hz, points_cutoff_hz=points_hz) is five
    legends = [text.get_text() for ax in five.values() if ax.get_legend() for text in ax.get_legend().get_texts()]
    assert all(text in legends for text in said)
    for name, i in (("V", 2), ("AP", 0)):
        np.testing.assert_allclose(five["-" + name].lines[0].get_ydata(), 10 * force[:, i])
    np.testing.assert_allclose(five["heel"].lines[0].get_ydata(), points[::2, POINTS.index("r_heel"), 2])


def test_exclusions_are_those_counted_by_hand(axes):
    trials = pd.DataFrame({"file": ["1.c3d", "2.c3d", "3.c3d", "4.c3d"], "runner": ["01", "01", "02", "03"]})
    rows = [
        ("1.c3d", "peak"),
        ("2.c3d", "peak"),
        ("2.c3d", "gap"),
        ("3.c3d", "gap"),
        ("3.c3d", "peak"),
        ("1.c3d", "peak"),
    ]
    excluded = pd.DataFrame(rows, columns=["file", "reason"])
    counts = cut.exclusions(excluded, trials)
    assert counts.to_dict() == {"01": {"peak": 3, "gap": 1}, "02": {"peak": 1, "gap": 1}}
    assert list(counts.index) == ["peak", "gap"] and counts.to_numpy().sum() == len(excluded)
    ax = axes()
    assert plot.exclusions(ax, counts) is ax
    assert sorted(text.get_text() for text in ax.texts) == ["1", "1", "1", "3"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["01", "02"]


@pytest.mark.filterwarnings("error")
def test_exclusions_of_nothing_are_a_sentence(axes):
    counts = cut.exclusions(
        pd.DataFrame(columns=["file", "side", "touchdown_s", "reason"]),
        pd.DataFrame({"file": ["1.c3d"], "runner": ["01"]}),
    )
    ax = plot.exclusions(axes(), counts)
    assert counts.shape == (0, 0) and [each.get_text() for each in ax.texts] == ["Nothing was left out."]
    assert not ax.axison


def test_spm_writes_no_label_over_another():
    fig = Figure(figsize=(3.6, 2.6), layout="constrained")
    ax = fig.subplots()
    clusters = [(0, 0.5, 0.05), (21, 26, 0.018), (30, 33, 0.0001), (60, 70, 0.02), (99, 100, 0.047)]
    plot.spm(ax, spm.Test(np.sin(np.linspace(0, 20, 101)), 0.5, clusters))
    fig.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts if text.get_text().startswith("p ")]
    assert len(boxes) == 5 and not any(one.overlaps(two) for i, one in enumerate(boxes) for two in boxes[:i])


def test_figure4_draws_both_sets_their_threshold_and_saves_equal_bytes(tmp_path):
    rng = np.random.default_rng(0)
    measured, estimated = rng.normal(size=(2, 8, 100, 3)).cumsum(axis=2)
    estimated[:, 30:50, 2] += 40
    tests = spm.by_direction(estimated, measured, alpha=0.05)
    fig = Figure()
    axes = fig.subplots(2, 3)
    plot.figure4(axes, measured, estimated, tests, runners=4)
    np.testing.assert_allclose(axes[0, 2].lines[0].get_ydata(), measured[..., 2].mean(axis=0))
    np.testing.assert_allclose(axes[1, 0].lines[0].get_ydata(), tests["AP"].t)
    assert tests["V"].threshold in [line.get_ydata()[0] for line in axes[1, 2].lines]
    assert "8 stances\n4 runners" in axes[0, 2].texts[0].get_text()
    assert any("p < .001" in text.get_text() for text in axes[1, 2].texts)
    titles = [f"{len(tests[d].clusters) or 'no'} interval{'s' * (len(tests[d].clusters) > 1)} beyond t*" for d in tests]
    assert [ax.get_title() for ax in axes[1]] == titles and titles[2] != "no interval beyond t*"
    assert [ax.get_xlabel() for ax in axes[:, 0]] == ["", "stance (%)"]
    for name in ("a.png", "b.png"):
        store.save(tmp_path, name, fig)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_search_draws_each_fold_and_tells_pruned_trials_apart(axes):
    table = pd.DataFrame(
        {"trial": [0, 0, 1, 2], "error": [0.3, 0.4, 0.9, 0.2], "state": ["complete"] * 2 + ["pruned", "complete"]}
    )
    ax = plot.search(axes(), table)
    (points,) = ax.collections
    np.testing.assert_allclose(points.get_offsets(), table[["trial", "error"]])
    colors = points.get_facecolors()
    assert (colors[[1, 3]] == colors[0]).all() and (colors[2] != colors[0]).any()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["complete", "pruned"]


@pytest.mark.filterwarnings("error")
def test_search_of_nothing_says_so(axes):
    ax = plot.search(axes(), pd.DataFrame(columns=["trial", "fold", "state", "error"]))
    assert not ax.collections and ax.texts[0].get_text() == "nothing is searched"


def test_learning_draws_both_errors_of_each_epoch_and_says_where_there_are_none(axes):
    table = pd.DataFrame({"epoch": [1, 2, 3], "training_rmse": [0.3, 0.2, 0.1], "watched_rmse": [0.4, 0.3, 0.35]})
    ax = plot.learning(axes(), table)
    for line, name in zip(ax.lines, ("training_rmse", "watched_rmse"), strict=True):
        np.testing.assert_allclose(line.get_xydata(), table[["epoch", name]])
    assert len(plot.learning(axes(), table.assign(watched_rmse=np.nan)).lines) == 1
    nothing = plot.learning(axes(), table[:0])
    assert not nothing.lines and nothing.texts[0].get_text() == "not trained in epochs"


def test_whitening_draws_both_errors_beside_the_mean_curves_and_says_where_nothing_is_compared(axes):
    table = pd.DataFrame(
        {"epoch": [1, 2, 3], "whitened": [0.3, 0.1, 0.05], "plain": [0.3, 0.2, 0.1], "mean_curve": 0.1}
    )
    lines = {line.get_label(): line for line in plot.whitening(axes(), table).lines}
    for label, name in {"with the layer": "whitened", "without the layer": "plain", "mean curve": "mean_curve"}.items():
        np.testing.assert_allclose(lines.pop(label).get_xydata(), table[["epoch", name]])
    assert not lines
    nothing = plot.whitening(axes(), table[:0])
    assert not nothing.lines and nothing.texts[0].get_text() == "not compared"


def test_body_weights_tell_two_masses_of_one_runner_apart(axes):
    weights = pd.DataFrame(
        {"runner": ["a", "b", "a"], "mass_kg": [60.0, 70.0, 61.5], "difference_pct": [2.0, -1.0, 0.5]}
    )
    ax = plot.body_weights(axes(), weights)
    assert [bar.get_height() for bar in ax.patches] == [-1.0, 0.5, 2.0]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["b", "a (61.5 kg)", "a (60.0 kg)"]
    many = pd.DataFrame(
        {"runner": [f"{i:02d}" for i in range(30)], "mass_kg": 60.0, "difference_pct": np.arange(30) - 9.4}
    )
    drawn = [bar.get_height() for bar in plot.body_weights(axes(), many).patches]
    assert drawn == sorted(sorted(many["difference_pct"], key=abs)[10:])  # the 20 who differ most
