"""Figures of 08: recipes, runners and numbers of runners compared; functions as in grfkit.plot."""

import numpy as np

from grfkit.plot import ALARM, ESTIMATED, MEASURED
from grfkit.points import DIRECTION_NAMES, DIRECTIONS


def recipes(axes, curves, *, published):
    """Draw the RMSE (BW) of each estimator with its limits over runners, a panel for each direction, on axes (3,).

    `curves` as generalise.summary returns; `published` is {direction: RMSE BW}.
    """
    names = list(dict.fromkeys(curves["estimator"]))[::-1]
    for ax, direction in zip(axes, DIRECTIONS, strict=True):
        rows = curves[curves["direction"] == direction].set_index("estimator").loc[names]
        value = rows["rmse_bw"].to_numpy()
        ax.errorbar(
            value,
            np.arange(len(names)),
            xerr=[value - rows["rmse_bw_low"], rows["rmse_bw_high"] - value],
            fmt="o",
            color=ESTIMATED,
            capsize=3,
        )
        ax.axvline(published[direction], color=ALARM, linestyle="--", label="published LSTM, its own data")
        ax.set(title=DIRECTION_NAMES[direction], xlabel="RMSE (BW)", xlim=(0, None))
        for place in np.flatnonzero(np.isnan(value)):
            ax.text(
                0.02,
                place,
                "not estimated",
                transform=ax.get_yaxis_transform(),
                va="center",
                fontsize="small",
                color="grey",
            )
        ax.grid(axis="y", linewidth=0.3)
    axes[0].set_yticks(np.arange(len(names)), [name.replace("_", " ") for name in names])
    axes[2].legend(fontsize="small", frameon=False)
    return axes


def runners(axes, by_runner):
    """Draw the RMSE (BW) of each runner by estimator, a panel for each direction, on axes (3,); `by_runner` as tables.rmse_by_runner."""
    names = list(dict.fromkeys(by_runner.index.get_level_values("estimator")))[::-1]
    for ax, direction in zip(axes, DIRECTIONS, strict=True):
        for place, name in enumerate(names):
            values = by_runner.loc[name, direction].to_numpy()
            ax.plot(values, np.full(len(values), place), "o", color=ESTIMATED, alpha=0.5, markersize=4)
            ax.plot([np.median(values)] * 2, [place - 0.3, place + 0.3], color=MEASURED)
        ax.set(title=DIRECTION_NAMES[direction], xlabel="RMSE (BW)", xlim=(0, None))
    axes[0].set_yticks(np.arange(len(names)), [name.replace("_", " ") for name in names])
    return axes


def learning_curve(axes, table):
    """Draw the RMSE (BW) against the number of training runners, a point a draw and their mean, on axes (3,)."""
    for ax, direction in zip(axes, DIRECTIONS, strict=True):
        rows = table[table["direction"] == direction]
        ax.plot(rows["training_runners"], rows["rmse_bw"], "o", color=ESTIMATED, alpha=0.5, label="a draw of runners")
        ax.plot(rows.groupby("training_runners")["rmse_bw"].mean(), "--", color=MEASURED, label="mean")
        ax.set(title=DIRECTION_NAMES[direction], xlabel="training runners", ylabel="RMSE (BW)", ylim=(0, None))
    axes[0].legend(fontsize="small", frameon=False)
    return axes
