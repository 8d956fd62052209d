"""Figures draw what they are given; the animation plays without network; what was left out is counted by hand."""

import base64
import io
import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from grfkit import plot, spm
from grfkit.points import POINTS
from grfkit.reports.html import needs_network
from grfkit.reports.plots import animate
from grfkit.stances import closeup, cut
from grfkit.study import store

RNG = np.random.default_rng(4)


@pytest.fixture
def axes():
    """Make axes without a window: a function of rows and columns."""
    return lambda *shape: Figure().subplots(*shape)


@pytest.fixture
def one():
    """One made-up stance of 60 frames: times s, points m, force BW and centre of pressure m."""
    time_s, share = (np.arange(60) - 5) / 250, np.clip((np.arange(60) - 5) / 50, 0, 1)
    force = np.stack([-0.3 * np.sin(2 * np.pi * share), 0 * share, 2.5 * np.sin(np.pi * share)], axis=1)
    points = RNG.uniform(0, 1, (11, 3)) + 0.5 * share[:, None, None]
    cop = np.where(force[:, 2:] > 0.01, np.stack([0.3 + 0.2 * share, 0 * share, 0 * share], axis=1), np.nan)
    return time_s, points, force, cop


def pictures(html):
    """Decode the pictures of an animation: the still one and the list of frames."""
    still, *frames = re.findall(r'data:image/png;base64,([\w+/=]+)"', html)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("L")) for data in (still, *frames)]


def test_stance_animation_holds_its_frames_and_needs_no_network(one):
    html = animate.stance(*one, count=7).data
    still, *frames = pictures(html)
    assert len(frames) == 7 and len({frame.tobytes() for frame in frames}) == 7
    np.testing.assert_array_equal(still, frames[3])
    assert needs_network(html) == [] and "http" not in html
    assert 'type="range" min="0" max="6" value="3"' in html and html.count("<button") == 1
    assert f'width="{still.shape[1]}" height="{still.shape[0]}"' in html
    assert 'alt="Animation of one stance of 236 ms: ' in html
    for label in ("-20 ms", "216 ms"):
        assert f'"{label}"' in html


def test_stance_animation_is_the_same_bytes_again(one):
    assert animate.stance(*one, count=3).data == animate.stance(*one, count=3).data


def test_stance_animation_draws_legs_and_arrows_where_they_are(one):
    time_s, points, force, cop = one
    arrows = np.stack([cop, cop + animate.METRES_PER_BW * force], axis=1)
    fig, movers = animate._figure(1000 * time_s, points, {"measured": force}, {"measured": arrows})
    for mover, view, ax in zip(movers, ([0, 2], [1, 2]), fig.axes, strict=False):
        fan, left, right, arrow = mover(np.array([0, 20, 30]))  # in flight, then twice on the ground
        np.testing.assert_allclose(fan.get_segments(), arrows[[20, 30]][:, :, view])
        np.testing.assert_allclose(left.get_xydata()[2], points[30, POINTS.index("l_knee"), view])
        np.testing.assert_allclose(right.get_xydata()[-2], points[30, POINTS.index("r_toe"), view])
        assert arrow.get_visible()
        assert ax.dataLim.width > 0 and (ax.viewLim.min <= points.reshape(-1, 3)[:, view].min(axis=0)).all()
        assert not mover(np.array([0]))[3].get_visible()
    rule, dot = movers[-1](np.array([0, 20, 30]))
    np.testing.assert_allclose(dot.get_xydata(), [[1000 * time_s[30], force[30, 2]]])
    assert fig.axes[1].xaxis_inverted()  # from behind, the runner's left is on the left


def test_stance_animation_draws_an_estimated_force_from_the_same_place(one):
    time_s, points, force, cop = one
    estimated = 0.8 * force + [0.05, 0.0, 0.0]
    forces = {"measured": force, "estimated": estimated}
    fig, movers = animate._figure(
        1000 * time_s, points, forces, {name: animate.arrows_of(cop, values) for name, values in forces.items()}
    )
    for mover, view in zip(movers[:2], ([0, 2], [1, 2]), strict=True):
        *_, measured, ours = mover(np.array([0, 20, 30]))
        for arrow, values in ((measured, force), (ours, estimated)):
            np.testing.assert_allclose(arrow._posA_posB, [cop[30, view], cop[30, view] + 0.3 * values[30, view]])
        assert measured.get_linestyle() != ours.get_linestyle()  # told apart in grey print
    np.testing.assert_allclose(fig.axes[4].lines[1].get_ydata(), estimated[:, 2])
    html = animate.stance(*one, estimated=estimated, count=3).data
    assert "estimated blue and dashed" in html and needs_network(html) == []
    assert (
        len(animate.stance(*one, estimated=np.full_like(force, np.nan), count=3).data) > 0
    )  # a direction that is not estimated


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
def test_raw_and_filtered_says_what_is_used(one, axes, force_hz, points_hz, said):
    time_s, points, force, cop = one
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
def test_exclusions_of_nothing_are_an_empty_picture(axes):
    counts = cut.exclusions(
        pd.DataFrame(columns=["file", "side", "touchdown_s", "reason"]),
        pd.DataFrame({"file": ["1.c3d"], "runner": ["01"]}),
    )
    assert counts.shape == (0, 0) and not plot.exclusions(axes(), counts).texts


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


def test_body_weights_tell_two_masses_of_one_runner_apart(axes):
    weights = pd.DataFrame(
        {"runner": ["a", "b", "a"], "mass_kg": [60.0, 70.0, 61.5], "difference_pct": [2.0, -1.0, 0.5]}
    )
    ax = plot.body_weights(axes(), weights)
    assert [bar.get_height() for bar in ax.patches] == [-1.0, 0.5, 2.0]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["b", "a (61.5 kg)", "a (60.0 kg)"]
