"""Figures of agreement: functions take results and Axes and return the Axes, as in grfkit.plot."""

import numpy as np

from grfkit.plot import ALARM, ESTIMATED, MEASURED, spm
from grfkit.points import DIRECTION_NAMES
from grfkit.reports.words import FEATURES


def bland_altman(ax, pairs, means, limits):
    """Draw difference against mean of one feature: stances as points, runners' means as circles, bias and limits.

    `pairs` and `means` are the feature's rows of agreement.of_runners and runner_means, `limits` its row of bland_altman.
    """
    for rows, marker, style in (
        (pairs, ".", {"color": "0.75", "markersize": 2}),
        (means, "o", {"markerfacecolor": "white", "color": ESTIMATED, "markersize": 5}),
    ):
        ax.plot((rows["measured"] + rows["estimated"]) / 2, rows["estimated"] - rows["measured"], marker, **style)
    for low, high in (("low", "low_outer"), ("high", "high_outer")):
        ax.axhspan(limits[low], limits[high], color=ALARM, alpha=0.15, linewidth=0)
    lines = [
        ("bias", "bias", MEASURED, "-"),
        ("low", "limits over runners and stances", ALARM, "--"),
        ("high", None, ALARM, "--"),
        ("naive_low", "limits, stances as independent", MEASURED, ":"),
        ("naive_high", None, MEASURED, ":"),
    ]
    for column, label, color, style in lines:
        ax.axhline(limits[column], color=color, linestyle=style, linewidth=1.2, label=label)
    ax.axhline(0, color="grey", linewidth=0.5)
    widest = 1.1 * max(
        abs(limits["low_outer"]), abs(limits["high_outer"]), (pairs["estimated"] - pairs["measured"]).abs().max()
    )
    name, unit = FEATURES[limits["feature"]].split(" / ", 1)
    ax.set(title=name, xlabel=f"mean of both ({unit})", ylabel=f"estimated - measured ({unit})", ylim=(-widest, widest))
    return ax


def bland_altman_all(axes, pairs, means, table):
    """Draw every feature of `table` (agreement.bland_altman) on the axes (at least one more), the legend on the last."""
    for ax, limits in zip(axes.flat, table.to_dict("records"), strict=False):
        bland_altman(ax, *(rows[rows["feature"] == limits["feature"]] for rows in (pairs, means)), limits)
    for ax in axes.flat[len(table) :]:
        ax.set_axis_off()
    last = axes.flat[len(table)]
    last.plot([], [], ".", color="0.75", label=f"stances, n = {table['stances'].max()}")
    last.plot(
        [], [], "o", markerfacecolor="white", color=ESTIMATED, label=f"means of runners, n = {table['runners'].max()}"
    )
    last.axhspan(np.nan, np.nan, color=ALARM, alpha=0.15, label="how far each limit may lie out")
    handles = axes.flat[0].get_legend_handles_labels(), last.get_legend_handles_labels()
    last.legend(*(sum(parts, []) for parts in zip(*handles, strict=True)), loc="center", frameon=False)
    return axes


def equivalence(ax, table):
    """Draw the interval of each feature's mean difference, % of the measured mean, against its bound (agreement.equivalence)."""
    for place, row in enumerate(table.to_dict("records")):
        ax.fill_betweenx([place - 0.35, place + 0.35], -row["bound_pct"], row["bound_pct"], color="0.9", linewidth=0)
        color, marker = (ESTIMATED, "o") if row["equivalent"] else (ALARM, "x")
        ax.plot([row["low_pct"], row["high_pct"]], [place, place], "|-", color=color, markersize=9)
        ax.plot(row["difference_pct"], place, marker, color=color)
    ax.axvline(0, color="grey", linewidth=0.5)
    ax.set_yticks(range(len(table)), [FEATURES[feature].split(" /")[0] for feature in table["feature"]])
    ax.invert_yaxis()
    ax.set(xlabel="estimated - measured (% of the measured mean)")
    ax.plot([], [], "o-", color=ESTIMATED, label="equivalent")
    ax.plot([], [], "x-", color=ALARM, label="not shown equivalent")
    ax.fill_between([], [], color="0.9", label="within the bound")
    ax.legend(
        frameon=False,
        fontsize="small",
        loc="center left",
        bbox_to_anchor=(1, 0.5),
        title=f"{table['runners'].max()} runners",
    )
    return ax


def spm_levels(axes, pooled, runners, *, n):
    """Draw SPM{t} of each direction on axes (2, D): over stances above, over runners below; {direction: spm.Test} each.

    `n` are the numbers of stances and of runners.
    """
    levels = (f"{n[0]} stances as independent", pooled), (f"means of {n[1]} runners", runners)
    for row, (level, tests) in zip(axes, levels, strict=True):
        for ax, (direction, test) in zip(row, tests.items(), strict=True):
            spm(ax, test)
            ax.set_title(f"{DIRECTION_NAMES[direction]}\n{level}", fontsize="medium")
    for ax in axes[0]:
        ax.set_xlabel("")
    return axes


def bands(axes, bands, *, runners):
    """Draw the mean difference of each direction with its simultaneous band and bound on axes (D,); {direction: Band}."""
    for ax, (direction, band) in zip(axes, bands.items(), strict=True):
        percent = np.linspace(0, 100, len(band.mean))
        ax.fill_between(
            percent,
            0,
            1,
            where=band.inside,
            color="0.9",
            linewidth=0,
            transform=ax.get_xaxis_transform(),
            label="equivalent",
            step="mid",
        )
        ax.fill_between(
            percent,
            band.mean - band.half,
            band.mean + band.half,
            color=ESTIMATED,
            alpha=0.3,
            linewidth=0,
            label="band of the whole curve",
        )
        ax.plot(percent, band.mean, color=ESTIMATED, label="mean difference")
        for sign in (1, -1):
            ax.axhline(sign * band.bound, color=ALARM, linestyle="--", label="bound" if sign > 0 else None)
        ax.axhline(0, color="grey", linewidth=0.5)
        widest = 1.15 * max(band.bound, np.max(np.abs(band.mean) + band.half))
        ax.set(
            title=f"{DIRECTION_NAMES[direction]}:\nequivalent over {100 * band.inside.mean():.0f} % of stance",
            xlabel="stance (%)",
            ylabel="estimated - measured (BW)",
            xlim=(0, 100),
            ylim=(-widest, widest),
        )
    axes[-1].legend(
        fontsize="small", frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), title=f"{runners} runners"
    )
    return axes
