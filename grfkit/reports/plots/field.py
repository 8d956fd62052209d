"""Figures of 10: errors of touchdown and toe-off, bands, centres of pressure and degraded recordings; functions as in grfkit.plot."""

import numpy as np

from grfkit.evaluation.field.degrade import WAYS
from grfkit.field.events import EVENT_NAMES
from grfkit.plot import ALARM, ESTIMATED, MEASURED, mean_band
from grfkit.points import DIRECTION_NAMES, DIRECTIONS

LINES = [("o-", MEASURED), ("s--", ESTIMATED), ("^:", ALARM)]


def timing(axes, errors, *, runners):
    """Draw the errors (ms) of each event by speed and detector on axes (3,): a box of the middle half, its median, whiskers of 90 %.

    `errors` are {detector: table as field_study.timing_errors}.
    """
    speeds = sorted(next(iter(errors.values()))["speed"].unique())
    for ax, (event, name) in zip(axes, EVENT_NAMES.items(), strict=True):
        for number, ((detector, table), color) in enumerate(zip(errors.items(), [ALARM, ESTIMATED], strict=True)):
            places = np.arange(len(speeds)) + 0.36 * number - 0.18
            ax.boxplot(
                [table.loc[table["speed"] == speed, event].dropna() for speed in speeds],
                positions=places,
                widths=0.3,
                whis=(5, 95),
                showfliers=False,
                patch_artist=True,
                boxprops={"facecolor": color, "alpha": 0.45, "hatch": [None, "///"][number]},
                medianprops={"color": MEASURED},
                label=detector,
            )
        ax.axhline(0, color="grey", linewidth=0.5, zorder=0)
        ax.set(title=name, ylabel="detected - measured (ms)")
        ax.set_xticks(np.arange(len(speeds)), speeds)
    axes[0].set_ylim(top=axes[0].get_ylim()[1] + 0.4 * np.ptp(axes[0].get_ylim()))  # room for the legend
    axes[0].legend(fontsize="small", frameon=False, loc="upper left")
    axes[1].text(
        0.03,
        0.97,
        f"n = {len(next(iter(errors.values())))} steps\n{runners} runners",
        transform=axes[1].transAxes,
        va="top",
        fontsize="small",
    )
    return axes


def band(axes, measured, estimated, half, *, level):
    """Draw one stance's measured and estimated curves (101, 3) BW with its band of half widths (101, 3) on axes (3,)."""
    percent = np.linspace(0, 100, len(measured))
    for number, (ax, direction) in enumerate(zip(axes, DIRECTIONS, strict=True)):
        middle, width = estimated[:, number], half[:, number]
        ax.fill_between(
            percent,
            middle - width,
            middle + width,
            facecolor=ESTIMATED,
            alpha=0.25,
            linewidth=0,
            label=f"{100 * level:g} % band",
        )
        ax.plot(percent, measured[:, number], color=MEASURED, label="measured")
        ax.plot(percent, middle, "--", color=ESTIMATED, label="estimated")
        ax.axhline(0, color="grey", linewidth=0.5, zorder=0)
        ax.set(title=DIRECTION_NAMES[direction], xlabel="stance (%)", ylabel="force (BW)", xlim=(0, 100))
    axes[0].legend(fontsize="small", frameon=False)
    return axes


def coverage(axes, table, *, level):
    """Draw the share (%) of samples of each runner that lie in the bands on axes (3,); `table` has runner and a column for each direction."""
    for ax, direction in zip(axes, DIRECTIONS, strict=True):
        values = np.sort(table[direction])
        ax.axhline(100 * level, color=MEASURED, linestyle="--", label=f"{100 * level:g} %")
        ax.plot(np.arange(len(values)), values, "o", color=ESTIMATED, label="a runner")
        ax.set(
            xlabel="runners, in order",
            ylabel="samples in the band (%)",
            ylim=(min(50, values.min() - 5), 101),
            xticks=[],
        )
    axes[0].legend(fontsize="small", frameon=False, loc="lower right")
    axes[2].text(0.97, 0.05, f"{len(table)} runners", transform=axes[2].transAxes, ha="right", fontsize="small")
    return axes


def centres(axes, measured, estimated, *, runners):
    """Draw mean centres of pressure (S, 101, 2) m of right-like legs, from the ankle joint, over stance, with bands of one SD, on axes (2,)."""
    for number, (ax, name) in enumerate(
        zip(axes, ("anterior-posterior, forward +", "medial-lateral, to the inside +"), strict=True)
    ):
        mean_band(ax, 1000 * measured[..., number], label="measured", color=MEASURED)
        mean_band(ax, 1000 * estimated[..., number], label="estimated", color=ESTIMATED, linestyle="--", hatch="///")
        ax.axhline(0, color="grey", linewidth=0.5)
        ax.set(title=name, ylabel="centre of pressure (mm)")
    axes[0].legend(fontsize="small", frameon=False, loc="lower right")
    axes[1].text(
        0.97,
        0.97,
        f"n = {len(measured)} stances\n{runners} runners",
        transform=axes[1].transAxes,
        ha="right",
        va="top",
        fontsize="small",
    )
    return axes


def degraded(axes, table):
    """Draw how errors grow on axes (3, W), a column for each way: RMSE of events (ms), nRMSE of forces (%), share of steps estimated (%).

    `table` as field_worse.degraded; its first row, nothing degraded, is drawn as thin lines.
    """
    plain, ways = table.iloc[0], list(dict.fromkeys(table["way"]))[1:]
    rows = [
        ("RMSE (ms)", {name: f"{event}_rmse_ms" for event, name in EVENT_NAMES.items()}),
        ("nRMSE (%)", {DIRECTION_NAMES[direction]: f"nrmse_pct_{direction.lower()}" for direction in DIRECTIONS}),
        ("steps estimated (%)", {"steps estimated": "estimated_pct"}),
    ]
    for column, way in zip(axes.T, ways, strict=True):
        mine = table[table["way"] == way]
        for ax, (unit, quantities) in zip(column, rows, strict=True):
            for (name, key), (marker, color) in zip(quantities.items(), LINES, strict=False):
                ax.plot(WAYS[way].factor * mine["amount"], mine[key], marker, color=color, label=name, markersize=4)
                ax.axhline(plain[key], color=color, linewidth=0.5)
            ax.set_ylim(bottom=0)
        column[-1].set_xlabel(WAYS[way].called)
    for ax, (unit, _) in zip(axes[:, 0], rows, strict=True):
        ax.set_ylabel(unit)
    axes[2, 0].set_ylim(top=105)
    for ax in axes[:2, 1]:
        ax.legend(fontsize="small", frameon=False, loc="upper left")
    axes[2, 1].text(0.03, 0.1, f"n = {plain['steps']} steps", transform=axes[2, 1].transAxes, fontsize="small")
    return axes


def cutoffs(axes, tables):
    """Draw how errors grow with point noise for models trained with different low-passes on axes (3,): toe-off, AP and vertical force.

    `tables` are {cutoff Hz: table as field_worse.degraded}; where nothing is degraded, noise is 0.
    """
    panels = [
        ("toeoff_rmse_ms", "toe-off: RMSE (ms)"),
        ("nrmse_pct_ap", "anterior-posterior: nRMSE (%)"),
        ("nrmse_pct_v", "vertical: nRMSE (%)"),
    ]
    for (cutoff_hz, table), (marker, color) in zip(tables.items(), LINES, strict=False):
        mine = table[table["way"].isin(["none", "noise"])]
        for ax, (key, _) in zip(axes, panels, strict=True):
            ax.plot(
                1000 * mine["amount"],
                mine[key],
                marker,
                color=color,
                markersize=4,
                label="as recorded" if cutoff_hz is None else f"low-pass {cutoff_hz:g} Hz",
            )
    for ax, (_, label) in zip(axes, panels, strict=True):
        ax.set(xlabel=WAYS["noise"].called, ylabel=label)
        ax.set_ylim(bottom=0)
    axes[0].legend(fontsize="small", frameon=False)
    axes[1].text(
        0.03,
        0.95,
        f"n = {next(iter(tables.values()))['steps'].iloc[0]} steps",
        transform=axes[1].transAxes,
        va="top",
        fontsize="small",
    )
    return axes
