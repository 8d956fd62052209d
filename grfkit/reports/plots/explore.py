"""Figures of the notebook explore.

In: stances and simulations of grfkit.evaluation.explore, and Axes. Out: the Axes.
"""

import numpy as np

from grfkit.plot import ESTIMATED, MEASURED, SIDE_VIEW, legend, skeleton, zero_line
from grfkit.points import DIRECTION_NAMES, DIRECTIONS


def laboratory(axes, now, before=None, *, scale=1.0, before_scale=1.0, unit="BW"):
    """Draw a simulated stance (explore.ShownStance) on axes (4,): the legs, then true and estimated force over time.

    The true force of the stance `before`, or None, is grey. A `scale` turns BW into `unit`.
    """
    legs, *rest = axes
    for moment in np.flatnonzero(now.inside)[[0, now.inside.sum() // 2, -1]]:
        skeleton(legs, now.points[moment], SIDE_VIEW, linewidth=1.5, label=moment == np.flatnonzero(now.inside)[0])
    zero_line(legs).set(xlabel="forward (m)", ylabel="up (m)", aspect="equal")
    legs.locator_params(nbins=5)
    legs.set_title("touchdown, mid-stance, toe-off", y=1.0)
    legend(legs, loc="upper left")
    legs.set_ylim(top=1.3)
    curves = [(now, "measured", scale, {"color": MEASURED, "label": "true"})]
    curves.append(
        (now, "estimated", scale, {"color": ESTIMATED, "linestyle": "--", "label": "estimated from the cameras"})
    )
    if before is not None:
        curves.insert(0, (before, "measured", before_scale, {"color": "0.6", "linewidth": 3, "label": "true, before"}))
    for ax, i in zip(rest, (2, 0, 1), strict=True):
        for shown, force, factor, look in curves:
            ax.plot(1000 * shown.time_s, factor * getattr(shown, force)[:, i], **look)
        zero_line(ax).set(xlabel="time after touchdown (ms)", ylabel=f"force ({unit})")
        ax.set_title(DIRECTION_NAMES[DIRECTIONS[i]], y=1.0)  # a place of its own choosing costs a third of the drawing
        ax.locator_params(nbins=5)
    legend(rest[0], loc="upper right")
    rest[0].set_ylim(top=1.25 * rest[0].get_ylim()[1])
    return axes


def effects(axes, turned, labels):
    """Draw the vertical force (N) at the lowest, usual and highest value of each knob on axes (K,).

    `turned` as explore.effects returns, `labels` {name: label}. Where the true force does not change, the estimated one
    is drawn over it.
    """
    for ax, (name, several) in zip(axes, turned.items(), strict=True):
        forces = [run.weight_n * shown.measured[:, 2] for _, run, shown in several]
        still = len({len(force) for force in forces}) == 1 and np.array_equal(forces[0], forces[-1])
        if still:
            ax.plot(1000 * several[0][2].time_s, forces[0], color=MEASURED, linewidth=2.5, label="true")
        for (value, run, shown), style in zip(several, (":", "-", "--"), strict=True):
            force, color = (shown.estimated, ESTIMATED) if still else (shown.measured, MEASURED)
            look = {"color": color, "linewidth": 1.2, "label": f"{'estimated, ' if still else ''}{value:g}"}
            ax.plot(1000 * shown.time_s, run.weight_n * force[:, 2], style, **look)
        ax.set(title=labels[name], xlabel="time after touchdown (ms)", ylabel="vertical force (N)")
        legend(ax)
    return axes
