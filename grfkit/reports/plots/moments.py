"""Figures of 13: moments over stance and the peaks of each runner, by plates and estimated; functions as in grfkit.plot."""

import numpy as np

from grfkit.evaluation.moments import NAMES
from grfkit.plot import ESTIMATED, MEASURED, mean_band

TITLES = {
    "ankle_plantarflexion": "ankle: plantarflexion",
    "knee_extension": "knee: extension",
    "knee_abduction": "knee: abduction",
}


def curves(axes, measured, estimated, *, runners):
    """Draw mean moments (S, 101, 3) N m/kg over stance with bands of one SD on axes (3,), a panel for each of joints.NAMES."""
    for number, (ax, name) in enumerate(zip(axes, NAMES, strict=True)):
        mean_band(ax, measured[..., number], label="measured", color=MEASURED)
        mean_band(ax, estimated[..., number], label="estimated", color=ESTIMATED, linestyle="--", hatch="///")
        ax.axhline(0, color="grey", linewidth=0.5)
        ax.set(title=TITLES[name], ylabel="internal moment (N m/kg)")
    axes[0].set_ylim(top=1.45 * axes[0].get_ylim()[1])  # room for the legend
    axes[0].legend(fontsize="small", frameon=False, loc="upper left")
    axes[2].text(
        0.97,
        0.97,
        f"n = {len(measured)} stances\n{runners} runners",
        transform=axes[2].transAxes,
        ha="right",
        va="top",
        fontsize="small",
    )
    return axes


def peaks(axes, table):
    """Draw each runner's mean peak (N m/kg), estimated against measured, on axes (3,); `table` has moment, runner, measured and estimated."""
    for ax, name in zip(axes, NAMES, strict=True):
        rows = table[table["moment"] == name]
        both = rows[["measured", "estimated"]].to_numpy()
        ends = np.array([both.min(), both.max()]) + [-0.1, 0.1]
        ax.plot(ends, ends, color=MEASURED, linewidth=0.8, label="equal")
        ax.plot(
            rows["measured"], rows["estimated"], "o", color=ESTIMATED, alpha=0.7, markersize=5, label="a runner's mean"
        )
        ax.set(
            title=f"{TITLES[name]}, peak",
            xlabel="measured (N m/kg)",
            ylabel="estimated (N m/kg)",
            aspect="equal",
            xlim=ends,
            ylim=ends,
        )
    axes[0].legend(fontsize="small", frameon=False, loc="lower right")
    axes[2].text(
        0.97,
        0.03,
        f"{table['runner'].nunique()} runners",
        transform=axes[2].transAxes,
        ha="right",
        va="bottom",
        fontsize="small",
    )
    return axes
