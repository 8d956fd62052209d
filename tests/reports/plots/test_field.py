"""Figures of 10 draw what they are given: every number is looked up again in what lies on the axes."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from grfkit.field import events
from grfkit.points import DIRECTIONS
from grfkit.reports.plots import field as field_plots

RNG = np.random.default_rng(6)
STANCES, NODES = 7, 101


@pytest.fixture
def axes():
    """Make axes without a window: a function of rows and columns."""
    return lambda *shape: Figure().subplots(*shape)


def edges(patch):
    """Read a filled band's lower and upper edge (Q,) off its outline."""
    outline = patch.get_paths()[0].vertices
    return tuple(
        np.array([pick(outline[np.isclose(outline[:, 0], at), 1]) for at in np.linspace(0, 100, NODES)])
        for pick in (np.min, np.max)
    )


def line(ax, label):
    (found,) = [each for each in ax.get_lines() if each.get_label() == label]
    return found


def text(ax):
    return " ".join(each.get_text() for each in ax.texts)


def test_timing_draws_a_box_of_each_speeds_errors(axes):
    """Medians and quartiles by numpy; both detectors stand beside each other over their speed."""
    tables = {
        name: pd.DataFrame(
            {
                "speed": np.repeat(["2.5 m/s", "3.5 m/s"], 20),
                **{event: RNG.normal(shift, 5, 40) for event in events.EVENT_NAMES},
            }
        )
        for name, shift in (("rule", 30.0), ("detector", 0.0))
    }
    tables["detector"].loc[3, "toeoff"] = np.nan  # no such event: one box less a value
    drawn = field_plots.timing(axes(1, 3), tables, runners=9)
    for ax, event in zip(drawn, events.EVENT_NAMES, strict=True):
        boxes = sorted(ax.patches, key=lambda patch: patch.get_path().vertices[:, 0].mean())
        order = [
            tables[name].loc[tables[name]["speed"] == speed, event].dropna()
            for speed in ("2.5 m/s", "3.5 m/s")
            for name in tables
        ]
        for number, (box, values) in enumerate(zip(boxes, order, strict=True)):
            outline = box.get_path().vertices
            assert (outline[:, 1].min(), outline[:, 1].max()) == pytest.approx(tuple(np.quantile(values, [0.25, 0.75])))
            assert outline[:, 0].mean() == pytest.approx(number // 2 + 0.18 * (-1) ** (number + 1), abs=0.1)
            medians = [each.get_ydata()[0] for each in ax.get_lines() if len(set(each.get_ydata())) == 1]
            assert np.median(values) in medians
        assert [label.get_text() for label in ax.get_xticklabels()] == ["2.5 m/s", "3.5 m/s"]
        whiskers = {value for each in ax.get_lines() for value in each.get_ydata()}
        inside = order[0][(order[0] >= np.quantile(order[0], 0.05)) & (order[0] <= np.quantile(order[0], 0.95))]
        assert {inside.min(), inside.max()} <= whiskers
    assert [entry.get_text() for entry in drawn[0].get_legend().get_texts()] == ["rule", "detector"]
    assert [ax.get_title() for ax in drawn] == [
        "touchdown",
        "toe-off",
        "contact time",
    ] and "n = 40 steps\n9 runners" in text(drawn[1])


def test_band_lies_about_the_estimate(axes):
    measured, estimated, half = (
        RNG.normal(size=(NODES, 3)),
        RNG.normal(size=(NODES, 3)),
        RNG.uniform(0.1, 0.3, (NODES, 3)),
    )
    for number, ax in enumerate(field_plots.stance_band(axes(1, 3), measured, estimated, half, level=0.85)):
        np.testing.assert_array_equal(line(ax, "measured").get_ydata(), measured[:, number])
        np.testing.assert_array_equal(line(ax, "estimated").get_ydata(), estimated[:, number])
        assert (
            line(ax, "measured").get_color() == field_plots.MEASURED and line(ax, "estimated").get_linestyle() == "--"
        )
        (band,) = ax.collections
        assert band.get_label() == "85 % band"
        np.testing.assert_allclose(
            edges(band), [estimated[:, number] - half[:, number], estimated[:, number] + half[:, number]]
        )


def test_coverage_draws_each_runner_once_in_order(axes):
    table = pd.DataFrame(
        {"runner": list("abcd"), **{direction: RNG.permutation([91.0, 42.0, 99.5, 87.0]) for direction in DIRECTIONS}}
    )
    drawn = field_plots.coverage(axes(1, 3), table, level=0.9)
    for ax in drawn:
        np.testing.assert_array_equal(line(ax, "a runner").get_ydata(), [42.0, 87.0, 91.0, 99.5])
        assert set(line(ax, "90 %").get_ydata()) == {90.0} and ax.get_ylim()[0] < 42  # who is worst is on it
    assert "4 runners" in text(drawn[2])


def test_centres_are_mean_and_sd_in_millimetres(axes):
    measured, estimated = RNG.normal(0.1, 0.02, (2, STANCES, NODES, 2))
    drawn = field_plots.cop(axes(1, 2), measured, estimated, runners=3)
    for number, ax in enumerate(drawn):
        for values, name, band in zip((measured, estimated), ("measured", "estimated"), ax.collections, strict=True):
            mean, sd = 1000 * values[..., number].mean(axis=0), 1000 * values[..., number].std(axis=0, ddof=1)
            np.testing.assert_allclose(line(ax, f"{name}, mean ± SD").get_ydata(), mean)
            np.testing.assert_allclose(edges(band), [mean - sd, mean + sd])
    assert "n = 7 stances\n3 runners" in text(drawn[1])


def worse():
    """A table as robustness.evaluate_degraded gives, in which no two numbers are alike."""
    ways = [("none", 0.0), ("noise", 0.001), ("noise", 0.005), ("rate", 30.0), ("rate", 120.0), ("missing", 0.02)]
    names = [
        "estimated_pct",
        *(f"{event}_rmse_ms" for event in events.EVENT_NAMES),
        *(f"nrmse_pct_{direction.lower()}" for direction in DIRECTIONS),
    ]
    values = RNG.permutation(np.arange(len(ways) * len(names))) + 1.0
    table = pd.DataFrame(values.reshape(len(ways), len(names)), columns=names)
    return table.assign(way=[way for way, _ in ways], amount=[amount for _, amount in ways], steps=55)


def test_degraded_has_a_row_for_each_way_in_its_unit_and_thin_lines_for_none(axes):
    table = worse()
    drawn = field_plots.degraded(axes(3, 3), table)
    units = {
        "noise": ("point noise, SD (mm)", [1, 5]),
        "rate": ("frame rate (Hz)", [30, 120]),
        "missing": ("missing points (%)", [2]),
    }
    columns = [
        {"touchdown": "touchdown_rmse_ms", "toe-off": "toeoff_rmse_ms", "contact time": "contact_rmse_ms"},
        {"anterior-posterior": "nrmse_pct_ap", "medial-lateral": "nrmse_pct_ml", "vertical": "nrmse_pct_v"},
        {"steps estimated": "estimated_pct"},
    ]
    assert [ax.get_title() for ax in drawn[0]] == ["RMSE (ms)", "nRMSE (%)", "steps estimated (%)"]
    for row, (way, (called, amounts)) in zip(drawn, units.items(), strict=True):
        assert row[1].get_xlabel() == called
        for ax, names in zip(row, columns, strict=True):
            plain = {
                float(each.get_ydata()[0]): each.get_color()
                for each in ax.get_lines()
                if each.get_label().startswith("_")
            }
            for name, key in names.items():
                mine = line(ax, name)
                np.testing.assert_allclose(mine.get_xdata(), amounts)
                np.testing.assert_array_equal(mine.get_ydata(), table.loc[table["way"] == way, key])
                assert plain[table[key].iloc[0]] == mine.get_color()
            assert (
                len(plain) == len(names) and len({each.get_marker() for each in ax.get_lines()}) == len(names) + 1
            )  # told apart in grey
    assert "n = 55 steps" in text(drawn[0, 2])


def test_cutoffs_draw_noise_alone_from_none_on_for_each_model(axes):
    one, two = worse(), worse()
    drawn = field_plots.cutoffs(axes(1, 3), {None: one, 12.0: two[two["way"].isin(["none", "noise"])]})
    for ax, key in zip(drawn, ("toeoff_rmse_ms", "nrmse_pct_ap", "nrmse_pct_v"), strict=True):
        for name, table in (("as recorded", one), ("low-pass 12 Hz", two)):
            np.testing.assert_allclose(line(ax, name).get_xdata(), [0, 1, 5])
            np.testing.assert_array_equal(line(ax, name).get_ydata(), table[key].iloc[:3])
    assert "n = 55 steps" in text(drawn[1])
