"""Figures: functions take arrays and Axes and return the Axes; they neither compute, nor show, nor save.

Measured is black, estimated blue (Okabe & Ito's colour-blind-safe set) and dashed, so that grey print tells them apart.
"""

import numpy as np
from matplotlib.collections import LineCollection

from grfkit import DIRECTION_NAMES, DIRECTIONS, POINTS

MEASURED, ESTIMATED, ALARM = "black", "#0072B2", "#D55E00"
BONES = [["pelvis", "l_hip", "l_knee", "l_ankle", "l_heel", "l_toe", "l_ankle"],
         ["pelvis", "r_hip", "r_knee", "r_ankle", "r_heel", "r_toe", "r_ankle"]]


def mean_band(ax, curves, *, label, color, linestyle="-", hatch=None):
    """Draw the mean of curves (S, Q) with a band of one SD over 0-100 % of stance."""
    percent = np.linspace(0, 100, curves.shape[1])
    mean, sd = curves.mean(axis=0), curves.std(axis=0)
    ax.fill_between(percent, mean - sd, mean + sd, facecolor=color, alpha=0.2, edgecolor=color, hatch=hatch, linewidth=0,
                    label=f"{label}, ± SD")
    ax.plot(percent, mean, color=color, linestyle=linestyle, label=f"{label}, mean")
    ax.set(xlabel="stance (%)", xlim=(0, 100))
    return ax


def spm(ax, test):
    """Draw SPM{t} (Q,) of a spm.Test with its critical threshold; intervals above it are shaded and carry their p."""
    percent = np.linspace(0, 100, len(test.t))
    ax.plot(percent, test.t, color=MEASURED)
    ax.axhline(0, color="grey", linewidth=0.5)
    for sign in (1, -1):
        ax.axhline(sign * test.threshold, color=ALARM, linestyle="--")
    ax.text(0.98, 0.97, f"t* = ± {test.threshold:.2f}", ha="right", va="top", color=ALARM, transform=ax.transAxes)
    for start, end, p in test.clusters:
        ax.axvspan(start, end, color="grey", alpha=0.3)
        ax.text(np.clip((start + end) / 2, 14, 86), 0.03, "p < .001" if p < 0.001 else f"p = {p:.3f}", ha="center", va="bottom",
                transform=ax.get_xaxis_transform(), fontsize="small")
    highest = 1.5 * max(test.threshold, np.abs(test.t).max())
    ax.set(xlabel="stance (%)", ylabel="SPM{t}", xlim=(0, 100), ylim=(-highest, highest))
    return ax


def figure4(axes, measured, estimated, tests, *, runners):
    """Draw the paper's Figure 4 on axes (2, 3): mean curves (S, Q, 3) BW above SPM{t} of each direction."""
    for i, direction in enumerate(DIRECTIONS):
        top, bottom = axes[:, i]
        mean_band(top, measured[..., i], label="measured", color=MEASURED)
        mean_band(top, estimated[..., i], label="estimated", color=ESTIMATED, linestyle="--", hatch="///")
        top.axhline(0, color="grey", linewidth=0.5)
        top.set(title=f"({'abc'[i]}) {DIRECTION_NAMES[direction]}", xlabel="", ylabel="force (BW)")
        spm(bottom, tests[direction])
    axes[0, 0].legend(fontsize="small", frameon=False)
    axes[0, 2].text(0.97, 0.97, f"n = {len(measured)} stances\n{runners} runners", transform=axes[0, 2].transAxes,
                    ha="right", va="top", fontsize="small")
    return axes


def curves(ax, curves, *, label, color):
    """Draw every curve (S, Q) thinly and their mean thickly over 0-100 % of stance."""
    percent = np.linspace(0, 100, curves.shape[1])
    lines = np.stack(np.broadcast_arrays(percent, curves), axis=2)  # (S, Q, 2): one collection is drawn faster than S lines
    ax.add_collection(LineCollection(lines, color=color, alpha=min(0.3, 30 / len(curves)), linewidth=0.4))
    ax.plot(percent, curves.mean(axis=0), color=color, linewidth=2, label=f"{label}, mean of {len(curves)}")
    ax.set(xlabel="stance (%)", xlim=(0, 100))
    return ax


def forces_by_side(axes, measured, sides):
    """Draw all measured curves (S, Q, 3) BW on axes (3,), left legs orange, right legs blue."""
    for i, direction in enumerate(DIRECTIONS):
        for side, name, color in (("l", "left", ALARM), ("r", "right", ESTIMATED)):
            curves(axes[i], measured[sides == side, :, i], label=name, color=color)
        axes[i].set(title=DIRECTION_NAMES[direction], ylabel="force (BW)")
    axes[0].legend(fontsize="small", frameon=False)
    return axes


def body_weights(ax, weights):
    """Draw by how much (%) the weighed mass of each runner differs from the listed one; `weights` as stance.body_weights returns."""
    weights = weights.sort_values("difference_pct")
    ax.bar(weights["runner"], weights["difference_pct"], color=ESTIMATED)
    ax.axhline(0, color="grey", linewidth=0.5)
    ax.set(xlabel="runner", ylabel="weighed - listed (%)")
    ax.tick_params(axis="x", rotation=90, labelsize="small")
    return ax


def stick(ax, points, force, *, scale=0.3):
    """Draw stick figures of points (K, 11, 3) m seen from the runner's right, with their force arrows (K, 3) BW.

    The arrows start at the mean of heel and toe of the foot that is lower; the origin of the touchdown frame is marked.
    """
    for pose, arrow in zip(points, force, strict=True):
        for bones, color in zip(BONES, (ALARM, ESTIMATED), strict=True):
            line = pose[[POINTS.index(name) for name in bones]]
            ax.plot(line[:, 0], line[:, 2], color=color, linewidth=1)
        feet = pose[[4, 5]].mean(axis=0), pose[[9, 10]].mean(axis=0)
        foot = min(feet, key=lambda place: place[2])
        ax.annotate("", xytext=(foot[0], foot[2]), xy=(foot[0] + scale * arrow[0], foot[2] + scale * arrow[2]),
                    arrowprops={"arrowstyle": "->", "color": MEASURED})
    ax.axhline(0, color="grey", linewidth=0.5)
    ax.plot(0, 0, "k+", markersize=10, label="origin of the touchdown frame")
    ax.set(xlabel="forward (m)", ylabel="up (m)", aspect="equal")
    ax.legend(fontsize="small", frameon=False)
    return ax


def feature_reading(axes, time_s, curve, features, *, impact_share):
    """Draw how the five features are read off one stance (paper Figure 3): curve (T, 3) BW over time (T,) s on axes (2,)."""
    impact_s, milliseconds = impact_share * time_s[-1], 1000 * time_s
    peak = int(np.argmax(curve[:, 2]))
    axes[0].plot(milliseconds, curve[:, 2], color=MEASURED)
    axes[0].plot([0, 1000 * impact_s], [0, features["impact_peak_bw"]], "--", color=ALARM,
                 label=f"VLR = {features['vlr_bw_s']:.1f} BW/s")
    axes[0].plot(1000 * impact_s, features["impact_peak_bw"], "o", color=ESTIMATED,
                 label=f"impact peak, {100 * impact_share:.0f} % of stance: {features['impact_peak_bw']:.2f} BW")
    axes[0].plot(milliseconds[peak], curve[peak, 2], "s", color=ESTIMATED, label=f"active peak: {features['active_peak_bw']:.2f} BW")
    axes[0].set(title="(a) vertical", xlabel="time (ms)", ylabel="force (BW)")
    axes[1].plot(milliseconds, curve[:, 0], color=MEASURED)
    for place, marker, name in ((np.argmin(curve[:, 0]), "v", "braking"), (np.argmax(curve[:, 0]), "^", "propulsive")):
        axes[1].plot(milliseconds[place], curve[place, 0], marker, color=ESTIMATED,
                     label=f"{name} peak: {features[f'{name}_peak_bw']:.2f} BW")
    axes[1].axhline(0, color="grey", linewidth=0.5)
    axes[1].set(title="(b) anterior-posterior", xlabel="time (ms)", ylabel="force (BW)")
    for ax in axes:
        ax.legend(fontsize="small", frameon=False)
    return axes


def one_stance(axes, time_s, measured, estimated):
    """Draw one stance, measured and {estimator: (T, 3)} estimated, (T, 3) BW over time (T,) s on axes (3,)."""
    for i, direction in enumerate(DIRECTIONS):
        axes[i].plot(1000 * time_s, measured[:, i], color=MEASURED, label="measured")
        for (name, curve), style, color in zip(estimated.items(), ("--", ":"), (ESTIMATED, ALARM), strict=False):
            axes[i].plot(1000 * time_s, curve[:, i], style, color=color, label=name)
        axes[i].set(title=DIRECTION_NAMES[direction], xlabel="time (ms)", ylabel="force (BW)")
    axes[0].legend(fontsize="small", frameon=False)
    return axes


def search(ax, table):
    """Draw the validation error of each trial and fold (search.csv's columns trial, error, state)."""
    for state, marker, color in (("complete", "o", ESTIMATED), ("pruned", "x", ALARM)):
        rows = table[table["state"] == state]
        ax.plot(rows["trial"], rows["error"], marker, color=color, label=state, alpha=0.7)
    ax.set(xlabel="trial", ylabel="validation error (share of range)")
    ax.legend(frameon=False)
    return ax


def test_sets(axes, table):
    """Draw the RMSE (BW) of each set of test runners by estimator, on axes (3,); `table` as generalise.summary returns."""
    for i, direction in enumerate(DIRECTIONS):
        for estimator, marker, color in (("lstm", "o", ESTIMATED), ("mean_curve", "x", ALARM)):
            rows = table[(table["direction"] == direction) & (table["estimator"] == estimator)]
            axes[i].plot(rows["set"], rows["rmse_bw"], marker, color=color, label=estimator)
        axes[i].set(title=DIRECTION_NAMES[direction], xlabel="test set", ylabel="RMSE (BW)", xticks=sorted(set(table["set"])))
        axes[i].set_ylim(bottom=0)
    axes[0].legend(fontsize="small", frameon=False)
    return axes
