"""Legends of figures whose panels are too small for one.

In: Axes. Out: the Axes.
"""

from grfkit.plot import SMALL


def legend_outside(axes, edge="lower", *, ncols=2, **look):
    """Write one legend of what the first of the axes shows at an edge of the figure, where it hides nothing."""
    handles, place = axes[0].get_legend_handles_labels(), f"outside {edge} center"
    axes[0].figure.legend(*handles, loc=place, ncols=ncols, fontsize=SMALL, frameon=False, **look)
    return axes
