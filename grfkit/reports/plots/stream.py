"""Figure of 12: forces as they are streamed, and what waiting buys; functions as in grfkit.plot."""

import numpy as np

from grfkit.plot import ALARM, ESTIMATED, MEASURED
from grfkit.points import DIRECTION_NAMES, DIRECTIONS

LINES = [(":", ALARM), ("--", ESTIMATED)]
FEET = ["left foot", "right foot"]


def stream(axes, times, measured, streamed, *, about):
    """Draw forces (T, 2, 3) BW of the left and the right foot over times (T,) s on axes (3,): measured, NaN where not known, and {name: streamed}."""
    seconds = times - times[0]
    for number, (ax, direction) in enumerate(zip(axes, DIRECTIONS, strict=True)):
        for foot in range(2):
            ax.plot(
                seconds,
                measured[:, foot, number],
                color=MEASURED,
                linewidth=1.6,
                label="measured" if foot == 0 else None,
            )
            for (name, force), (line, color) in zip(streamed.items(), LINES, strict=False):
                ax.plot(
                    seconds, force[:, foot, number], line, color=color, linewidth=1.3, label=name if foot == 0 else None
                )
        ax.axhline(0, color="grey", linewidth=0.5, zorder=0)
        ax.set(title=DIRECTION_NAMES[direction], xlabel="time (s)", ylabel="force (BW)", xlim=(0, seconds[-1]))
    low = axes[0].get_ylim()[0]
    axes[0].set_ylim(bottom=1.6 * low)  # room for the legend
    axes[1].set_ylim(top=1.3 * axes[1].get_ylim()[1])  # and for whose it is
    top = axes[2].get_ylim()[1]
    axes[2].set_ylim(top=1.25 * top)  # room for the words
    peak = np.nanargmax(measured[..., 2], axis=0)
    for foot, name in enumerate(FEET):
        axes[2].text(seconds[peak[foot]], 1.03 * top, name, ha="center", fontsize="small")
    axes[0].legend(fontsize="small", frameon=False, loc="lower right", ncols=3, columnspacing=1.0, handlelength=1.6)
    axes[1].text(0.03, 0.97, f"{about}, left out", transform=axes[1].transAxes, va="top", fontsize="small")
    return axes


def trade(axes, table, others, *, stances, runners):
    """Draw nRMSE (%) of each direction by lag on axes (3,); `table` as stream_study.by_lag, `others` {name: {direction: nRMSE}} as level lines."""
    for ax, direction in zip(axes, DIRECTIONS, strict=True):
        ax.plot(table["lag_ms"], table[f"nrmse_pct_{direction.lower()}"], "o-", color=ESTIMATED, label="streamed")
        for (name, values), line in zip(others.items(), ("--", ":"), strict=False):
            ax.axhline(values[direction], color=MEASURED, linestyle=line, label=name)
        ax.set(title=DIRECTION_NAMES[direction], xlabel="lag (ms)", ylabel="nRMSE (%)")
        ax.set_ylim(
            0, 1.1 * max([*table[f"nrmse_pct_{direction.lower()}"], *(values[direction] for values in others.values())])
        )
    axes[0].legend(fontsize="small", frameon=False)
    axes[2].text(
        0.97,
        0.05,
        f"n = {stances} stances\n{runners} runners",
        transform=axes[2].transAxes,
        ha="right",
        fontsize="small",
    )
    return axes
