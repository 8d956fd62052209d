"""Figures of notebook 14: how far off forces are where another laboratory trained the model.

In: tables of grfkit.evaluation.transfer_training and Axes. Out: the Axes. Nothing is computed, shown or saved. Only
means of laboratories are drawn, no curve and no runner.
"""

import numpy as np

from grfkit.evaluation.field.field_accuracy import ALL
from grfkit.evaluation.transfer import pair_name
from grfkit.field.bands import WITHIN
from grfkit.plot import ALARM, ESTIMATED, MEASURED
from grfkit.points import DIRECTION_NAMES, DIRECTIONS
from grfkit.reports.plots.legends import legend_outside

LOOKS = [("o", ESTIMATED), ("s", ALARM), ("^", MEASURED), ("x", MEASURED), ("d", ALARM), ("v", ESTIMATED)]


def errors(axes, table):
    """Draw nRMSE (%) of each direction on axes (3,): a line for each pair of laboratories, a marker for an estimator.

    `table` is `curves` of evaluate. A hollow circle is the model for the field at home, its own runners left out.
    """
    table = table[table["speed"] == ALL]
    home, away = (table[(table["trained_on"] == table["tested_on"]) == same] for same in (True, False))
    pairs = list(dict.fromkeys(zip(away["trained_on"], away["tested_on"], strict=True)))
    for ax, direction in zip(axes, DIRECTIONS, strict=True):
        for (name, mine), (marker, color) in zip(away.groupby("estimator", sort=False), LOOKS, strict=False):
            values = mine[mine["direction"] == direction].set_index(["trained_on", "tested_on"])["nrmse_pct"]
            ax.plot(
                [values[pair] for pair in pairs],
                np.arange(len(pairs)),
                marker,
                color=color,
                label=name.replace("_", " "),
            )
        own = home[home["direction"] == direction].set_index("trained_on")["nrmse_pct"]
        look = {"color": ESTIMATED, "markerfacecolor": "none", "label": "at home, runners left out"}
        ax.plot([own.get(trained, np.nan) for trained, _ in pairs], np.arange(len(pairs)), "o", **look)
        ax.set(ylim=(len(pairs) - 0.5, -0.5))
        ax.set_title(f"{DIRECTION_NAMES[direction]}: nRMSE (%)", fontsize="medium")
        ax.set_xlim(0, 1.05 * ax.get_xlim()[1])
        ax.set_yticks(np.arange(len(pairs)), [pair_name(*pair) for pair in pairs])
        ax.grid(axis="y", linewidth=0.4)
    return legend_outside(axes, ncols=3)


def bands(axes, table, *, level):
    """Draw the share (%) of samples in the bands, and their mean width (BW), of each pair of laboratories: axes (2,).

    `table` is `bands` of evaluate; a pair of one laboratory is at home. Hollow markers are bands of the laboratory that
    trained, full ones those of a new laboratory, which the tested one has no part in.
    """
    table = table[table["speed"] == ALL]
    pairs = list(dict.fromkeys(zip(table["trained_on"], table["tested_on"], strict=True)))
    names = [pair_name(*pair) for pair in pairs]
    for direction, (marker, color) in zip(DIRECTIONS, LOOKS, strict=False):
        for kind, mine in table[table["direction"] == direction].groupby("kind", sort=False):
            mine = mine.set_index(["trained_on", "tested_on"]).reindex(pairs)
            look = {"color": color, "markerfacecolor": "none" if kind == WITHIN else color}
            for ax, column in zip(axes, ("covered_pct", "width_bw"), strict=True):
                label = f"{DIRECTION_NAMES[direction]}, {kind}"
                ax.plot(mine[column], np.arange(len(pairs)), marker, label=label, **look)
    axes[0].axvline(100 * level, color=MEASURED, linestyle="--", label=f"{100 * level:g} %")
    for ax, label in zip(axes, ("samples in the band (%)", "mean width of the band (BW)"), strict=True):
        ax.set(xlabel=label, ylim=(len(pairs) - 0.5, -0.5))
        ax.set_xlim(0, 1.05 * ax.get_xlim()[1])
        ax.set_yticks(np.arange(len(pairs)), names)
        ax.grid(axis="y", linewidth=0.4)
    axes[0].set_xlim(right=101)
    return legend_outside(axes)
