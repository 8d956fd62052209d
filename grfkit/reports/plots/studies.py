"""Figure of the page of all studies; functions as in grfkit.plot."""

import numpy as np

from grfkit.plot import ALARM, ESTIMATED, MEASURED


def errors(ax, rows, *, published):
    """Draw the vertical RMSE (BW) of each study and recipe beside its own baseline, the first on top.

    `rows` is {name: {"ours": BW, "baseline": BW}}, `published` BW or None.
    """
    places = np.arange(len(rows))[::-1]
    ax.plot(
        [row["baseline"] for row in rows.values()],
        places,
        "D",
        color=MEASURED,
        markerfacecolor="white",
        markersize=7,
        label="baseline: mean curve",
    )
    ax.plot([row["ours"] for row in rows.values()], places, "o", color=ESTIMATED, markersize=7, label="ours")
    if published is not None:
        ax.axvline(published, color=ALARM, linestyle="--", label="published, its own runners", zorder=0)
    ax.set_yticks(places, list(rows))
    ax.set(xlabel="vertical RMSE (BW)", xlim=(0, None), ylim=(-0.6, len(rows) - 0.4))
    ax.grid(axis="y", linewidth=0.3)
    ax.figure.legend(fontsize="small", frameon=False, loc="outside upper right", ncols=3)
    return ax
