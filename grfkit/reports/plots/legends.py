"""Legends of figures whose panels are too small for one.

In: Axes. Out: the Axes.
"""

from grfkit.plot import SMALL


def legend_outside(axes, *, ncols=2, **look):
    """Write one legend of what the first of the axes shows below the figure, where it hides nothing."""
    handles, place = axes[0].get_legend_handles_labels(), "outside lower center"
    axes[0].figure.legend(*handles, loc=place, ncols=ncols, fontsize=SMALL, frameon=False, **look)
    return axes
