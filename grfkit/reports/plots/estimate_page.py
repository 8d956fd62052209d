"""Figures of the report of recordings without plates; functions as in grfkit.plot."""

import numpy as np

from grfkit.plot import ALARM, ESTIMATED, MEASURED

LOOKS = {
    "l": ("left", ALARM, "--", "///"),
    "r": ("right", ESTIMATED, "-", None),
}  # in grey the hatch and the dashes tell them apart


def mean_curves(ax, sides, *, weight_n):
    """Draw the mean curve of each side with its band over 0-100 % of contact.

    `sides` is {"l" or "r": (mean, low, high (Q,) BW, number of steps)}; with `weight_n`, the body weight (N), a second axis is in newtons.
    """
    for side, (mean, low, high, count) in sides.items():
        name, color, style, hatch = LOOKS[side]
        percent = np.linspace(0, 100, len(mean))
        ax.fill_between(percent, low, high, facecolor=color, alpha=0.2, edgecolor=color, hatch=hatch, linewidth=0)
        ax.plot(percent, mean, style, color=color, label=f"{name}, n = {count}")
    ax.axhline(0, color="grey", linewidth=0.5)
    ax.set(xlabel="contact (%)", ylabel="force (BW)", xlim=(0, 100))
    if weight_n:
        ax.secondary_yaxis(
            "right", functions=(lambda force: force * weight_n, lambda force: force / weight_n)
        ).set_ylabel("force (N)")
    ax.legend(fontsize="small", frameon=False)
    return ax


def over_time(ax, seconds, values, left, line, *, label):
    """Draw values (S,) of steps over time (S,) s, left steps (S,) bool hollow, and the line (2,) at the first and last step, if it is known."""
    for mine, color, marker, face in ((left, ALARM, "o", "white"), (~left, ESTIMATED, "s", ESTIMATED)):
        ax.plot(
            seconds[mine],
            values[mine],
            marker,
            color=color,
            markerfacecolor=face,
            markersize=3,
            label="left" if marker == "o" else "right",
        )
    if np.isfinite(line).all():
        ax.plot(seconds[[0, -1]], line, "-", color=MEASURED, linewidth=1.2, label="straight line")
    ax.set(xlabel="time (s)", ylabel=label)
    ax.legend(
        fontsize="small",
        frameon=False,
        ncols=3,
        loc="upper center",
        bbox_to_anchor=(0.5, 1.16),
        columnspacing=1,
        handletextpad=0.3,
    )
    return ax
