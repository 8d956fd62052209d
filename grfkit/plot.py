"""Figures: functions take arrays and Axes and return the Axes; they neither compute, nor show, nor save.

Measured is black, estimated blue (Okabe & Ito's colour-blind-safe set) and dashed, so that grey print tells them apart.
"""

from textwrap import fill

import numpy as np
from matplotlib.collections import LineCollection

from grfkit.points import DIRECTION_NAMES, DIRECTIONS, POINTS

MEASURED, ESTIMATED, ALARM = "black", "#0072B2", "#D55E00"
SIDES = [("l", "left", ALARM), ("r", "right", ESTIMATED)]
SIDE_VIEW, REAR_VIEW, TOP_VIEW = [0, 2], [1, 2], [0, 1]  # the components drawn across and up
AXIS_NAMES = ["AP, forward", "ML, to the left", "V, up"]
BONES = [
    ["pelvis", "l_hip", "l_knee", "l_ankle", "l_heel", "l_toe", "l_ankle"],
    ["pelvis", "r_hip", "r_knee", "r_ankle", "r_heel", "r_toe", "r_ankle"],
]


def mean_band(ax, curves, *, label, color, linestyle="-", hatch=None):
    """Draw the mean of curves (S, Q) with a band of one SD over 0-100 % of stance."""
    percent = np.linspace(0, 100, curves.shape[1])
    mean, sd = curves.mean(axis=0), curves.std(axis=0)
    ax.fill_between(
        percent,
        mean - sd,
        mean + sd,
        facecolor=color,
        alpha=0.2,
        edgecolor=color,
        hatch=hatch,
        linewidth=0,
        label=f"{label}, ± SD",
    )
    ax.plot(percent, mean, color=color, linestyle=linestyle, label=f"{label}, mean")
    ax.set(xlabel="stance (%)", xlim=(0, 100))
    return ax


def note(ax, text, corner="upper right"):
    """Write a text into a corner of the axes, which is named as a legend's place is."""
    up, across = corner.split()
    place = {"left": 0.03, "right": 0.97}[across], {"lower": 0.04, "upper": 0.97}[up]
    align = {"ha": across, "va": {"lower": "bottom", "upper": "top"}[up]}
    ax.text(*place, text, transform=ax.transAxes, fontsize="small", **align)
    return ax


def spm(ax, test):
    """Draw SPM{t} (Q,) of a spm.Test with its critical threshold; intervals above it are shaded and carry their p."""
    percent = np.linspace(0, 100, len(test.t))
    ax.set(xlabel="stance (%)", ylabel="SPM{t}", xlim=(0, 100))
    if np.isnan(test.threshold):
        ax.text(0.5, 0.5, "not estimated", ha="center", transform=ax.transAxes)
        return ax
    ax.plot(percent, test.t, color=MEASURED)
    ax.axhline(0, color="grey", linewidth=0.5)
    for sign in (1, -1):
        ax.axhline(sign * test.threshold, color=ALARM, linestyle="--")
    ax.text(0.98, 0.97, f"t* = ± {test.threshold:.2f}", ha="right", va="top", color=ALARM, transform=ax.transAxes)
    rows = [-np.inf] * len(
        test.clusters
    )  # where the last label of each row of labels stands: near ones stand one above the other
    for start, end, p in test.clusters:
        ax.axvspan(start, end, color="grey", alpha=0.3)
        place = np.clip((start + end) / 2, 14, 86)
        row = next(row for row, last in enumerate(rows) if place - last > 28)
        rows[row] = place
        ax.text(
            place,
            0.03 + 0.07 * row,
            "p < .001" if p < 0.001 else f"p = {p:.3f}",
            ha="center",
            va="bottom",
            transform=ax.get_xaxis_transform(),
            fontsize="small",
        )
    highest = 1.5 * max(test.threshold, np.abs(test.t).max())
    ax.set_ylim(-highest, highest)
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
    note(axes[0, 2], f"n = {len(measured)} stances\n{runners} runners")
    return axes


def curves(ax, curves, *, label, color):
    """Draw every curve (S, Q) thinly over 0-100 % of stance, above them their mean and a band of one SD with dashed edges."""
    percent, mean, sd = np.linspace(0, 100, curves.shape[1]), curves.mean(axis=0), curves.std(axis=0)
    lines = np.stack(
        np.broadcast_arrays(percent, curves), axis=2
    )  # (S, Q, 2): one collection is drawn faster than S lines
    ax.add_collection(LineCollection(lines, color=color, alpha=min(0.5, 60 / len(curves)), linewidth=0.4, zorder=0.5))
    mean_band(ax, curves, label=label, color=MEASURED)
    ax.plot(percent, np.stack([mean - sd, mean + sd], axis=1), "--", color=MEASURED, linewidth=0.8)
    return ax


def forces_by_side(axes, measured, stances):
    """Draw all measured curves (S, Q, 3) BW on axes (2, 3): left legs above, orange, right legs below, blue.

    `stances` is the table of the same stances; its columns side and runner are used.
    """
    for row, (side, name, color) in zip(axes, SIDES, strict=True):
        mine = (stances["side"] == side).to_numpy()
        for i, direction in enumerate(DIRECTIONS):
            curves(row[i], measured[mine, :, i], label=f"{name} legs", color=color)
            row[i].axhline(0, color="grey", linewidth=0.5)
            row[i].set(title=f"{DIRECTION_NAMES[direction]}, {name}", ylabel="force (BW)")
            axes[0, i].set_xlabel("")
        row[2].legend(
            fontsize="small",
            frameon=False,
            loc="lower center",
            title_fontsize="small",
            alignment="left",
            title=f"{mine.sum()} stances, {stances['runner'][mine].nunique()} runners",
        )
    return axes


def body_weights(ax, weights):
    """Draw by how much (%) the weighed mass of each runner differs from the listed one; `weights` as stance.collect returns."""
    weights = weights.sort_values("difference_pct")
    twice = weights["runner"].duplicated(keep=False)
    names = weights["runner"].where(~twice, weights["runner"] + " (" + weights["mass_kg"].astype(str) + " kg)")
    ax.bar(names, weights["difference_pct"], color=ESTIMATED)
    ax.axhline(0, color="grey", linewidth=0.5)
    ax.set(xlabel="runner", ylabel="weighed - listed (%)")
    ax.tick_params(axis="x", rotation=90, labelsize="small")
    return ax


def skeleton(ax, pose, view, *, linewidth=1.0, label=False):
    """Draw the legs of one pose (11, 3) m, left orange and dashed, right blue; `view` is the pair of components drawn."""
    across, up = view
    for bones, (_, name, color), style in zip(BONES, SIDES, ("--", "-"), strict=True):
        line = pose[[POINTS.index(point) for point in bones]]
        ax.plot(
            line[:, across],
            line[:, up],
            style,
            color=color,
            linewidth=linewidth,
            label=f"{name} leg" if label else None,
        )
    return ax


def stick(ax, points, force, *, scale=0.3):
    """Draw stick figures of points (K, 11, 3) m seen from the runner's right, with their force arrows (K, 3) BW.

    The arrows start at the mean of heel and toe of the foot that is lower; the origin of the touchdown frame is marked.
    """
    for pose, arrow in zip(points, force, strict=True):
        skeleton(ax, pose, SIDE_VIEW)
        feet = pose[[4, 5]].mean(axis=0), pose[[9, 10]].mean(axis=0)
        foot = min(feet, key=lambda place: place[2])
        ax.annotate(
            "",
            xytext=(foot[0], foot[2]),
            xy=(foot[0] + scale * arrow[0], foot[2] + scale * arrow[2]),
            arrowprops={"arrowstyle": "->", "color": MEASURED},
        )
    ax.axhline(0, color="grey", linewidth=0.5)
    ax.plot(0, 0, "k+", markersize=10, label="origin of the touchdown frame")
    ax.set(xlabel="forward (m)", ylabel="up (m)", aspect="equal")
    ax.legend(fontsize="small", frameon=False, loc="upper left")
    return ax


def touchdown_frame(axes, pose, *, side):
    """Draw the touchdown frame with the runner's pose at touchdown (11, 3) m on axes (2,): from the right and from above.

    `side` is the leg that touches down; its points carry their names.
    """
    titles, marks, across = (
        ("(a) from the runner's right", "(b) from above"),
        "x.",
        ("ML: away from you", "V: towards you"),
    )
    for ax, view, title, mark, name in zip(axes, (SIDE_VIEW, TOP_VIEW), titles, marks, across, strict=True):
        skeleton(ax, pose, view, linewidth=1.5, label=True)
        ax.plot(*pose[:, view].T, "o", color=MEASURED, markersize=3)
        ahead, behind = {"l": (-15, 6), "r": (6, -15)}[side] if view == TOP_VIEW else (-15, -15)  # where no leg is
        for component, offset in zip(view, ((-8, ahead), (6, -4)), strict=True):
            tip = 0.4 * np.eye(3)[component][view]
            ax.annotate("", xytext=(0, 0), xy=tip, arrowprops={"arrowstyle": "-|>", "color": MEASURED, "linewidth": 2})
            ax.annotate(
                AXIS_NAMES[component], tip, xytext=offset, textcoords="offset points", fontsize="small", weight="bold"
            )
        ax.plot(0, 0, "o", color="white", markeredgecolor=MEASURED, markersize=11, zorder=3)
        ax.plot(0, 0, mark, color=MEASURED, markersize=6, zorder=4)  # an axis seen from its end: its feather or its tip
        ax.annotate(
            name, (0, 0), xytext=(-10, behind), textcoords="offset points", ha="right", fontsize="small", weight="bold"
        )
        ax.set(title=title, xlabel="AP (m)", ylabel=f"{DIRECTIONS[view[1]]} (m)", aspect="equal")
    for place, point in zip(pose, POINTS, strict=True):
        if point[0] in ("p", side):
            shift, align = (
                ((-6, 4), "right") if point.endswith("heel") else ((7, -8 if point.endswith("hip") else 3), "left")
            )
            axes[0].annotate(
                point.split("_")[-1],
                place[SIDE_VIEW],
                xytext=shift,
                textcoords="offset points",
                ha=align,
                fontsize="small",
            )
    axes[0].plot([0, 0], [0, pose[0, 2]], ":", color=MEASURED, label="pelvis to ground")
    axes[0].axhline(0, color="0.8", linewidth=6, zorder=0)
    axes[0].set(ylim=(-0.15, pose[0, 2] + 0.1), xlim=(pose[:, 0].min() - 0.15, max(pose[:, 0].max(), 0.5) + 0.15))
    axes[1].set(ylim=(-0.35, 0.5), xlim=axes[0].get_xlim())
    axes[0].legend(fontsize="small", frameon=False, loc="upper left")
    return axes


def raw_and_filtered(axes, signals, *, side, force_cutoff_hz, points_cutoff_hz):
    """Draw one stance before and after the filters on a dictionary of axes: V, AP, heel, and the differences -V, -AP.

    `signals` is a signals.Signals; the study's own cutoffs, None for no filter, say in the legend what is used.
    """
    milliseconds, heel = 1000 * signals.time_s, POINTS.index(f"{side}_heel")
    lowpass = f"low-pass {signals.cutoff_hz:g} Hz"
    used = ("raw", f"{lowpass}: used") if force_cutoff_hz else ("raw: used", f"{lowpass}: not used")
    for name in ("V", "AP"):
        ax, rest, i = axes[name], axes["-" + name], DIRECTIONS.index(name)
        ax.plot(milliseconds, signals.raw[:, i], color="0.65", linewidth=3, label=used[0])
        ax.plot(milliseconds, signals.filtered[:, i], "--", color=MEASURED, linewidth=1.2, label=used[1])
        ax.set(title=DIRECTION_NAMES[name], ylabel="force (N)")
        rest.plot(milliseconds, signals.raw[:, i] - signals.filtered[:, i], color=ALARM, linewidth=0.8)
        rest.set(ylabel="difference (N)")
    axes["heel"].plot(1000 * signals.camera_s, signals.seen[:, heel, 2], "o", color="0.65", label="raw: camera frames")
    axes["heel"].plot(
        milliseconds,
        signals.points[:, heel, 2],
        "--",
        color=MEASURED,
        linewidth=1.2,
        label=f"low-pass {points_cutoff_hz:g} Hz, spline: used" if points_cutoff_hz else "spline, no filter: used",
    )
    axes["heel"].set(title=f"{'left' if side == 'l' else 'right'} heel", ylabel="height (m)")
    axes["V"].legend(fontsize="small", frameon=False, loc="lower center", bbox_to_anchor=(0.45, 0.1))
    axes["heel"].legend(fontsize="small", frameon=False, loc="upper left")
    for name, ax in axes.items():
        ax.axhline(0, color="grey", linewidth=0.5)
        ax.set_xlabel("" if name in ("V", "AP") else "time after touchdown (ms)")
    return axes


def exclusions(ax, counts):
    """Draw how often each reason (rows of the DataFrame `counts`) left something out of each runner (columns)."""
    ax.pcolormesh(
        counts, cmap="Greys", vmin=0, vmax=2 * counts.to_numpy().max(initial=1), edgecolor="0.85", linewidth=0.5
    )
    for row, column in np.argwhere(counts.to_numpy() > 0):
        ax.text(column + 0.5, row + 0.5, counts.iloc[row, column], ha="center", va="center", fontsize="small")
    ax.set_xticks(np.arange(counts.shape[1]) + 0.5, counts.columns, rotation=90, fontsize="small")
    ax.set_yticks(np.arange(len(counts)) + 0.5, [fill(reason, 38) for reason in counts.index], fontsize="small")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.invert_yaxis()
    ax.set_xlim(0, max(24, counts.shape[1]))  # cells of a few runners stay small
    ax.set_xlabel("runner", loc="left")
    return ax


def feature_reading(axes, time_s, curve, features, *, impact_share, loading):
    """Draw how the five features are read off one stance (paper Figure 3): curve (T, 3) BW over time (T,) s on axes (2,).

    `loading` is where the loading rate is read: times (2,) s and forces (2,) BW.
    """
    impact_s, milliseconds = impact_share * time_s[-1], 1000 * time_s
    peak = int(np.argmax(curve[:, 2]))
    axes[0].plot(milliseconds, curve[:, 2], color=MEASURED)
    axes[0].plot(1000 * loading[0], loading[1], "--", color=ALARM, label=f"VLR = {features['vlr_bw_s']:.1f} BW/s")
    axes[0].plot(
        1000 * impact_s,
        features["impact_peak_bw"],
        "o",
        color=ESTIMATED,
        label=f"impact peak, {100 * impact_share:.0f} % of stance: {features['impact_peak_bw']:.2f} BW",
    )
    axes[0].plot(
        milliseconds[peak],
        curve[peak, 2],
        "s",
        color=ESTIMATED,
        label=f"active peak: {features['active_peak_bw']:.2f} BW",
    )
    axes[0].set(title="(a) vertical", xlabel="time (ms)", ylabel="force (BW)")
    axes[1].plot(milliseconds, curve[:, 0], color=MEASURED)
    for place, marker, name in ((np.argmin(curve[:, 0]), "v", "braking"), (np.argmax(curve[:, 0]), "^", "propulsive")):
        axes[1].plot(
            milliseconds[place],
            curve[place, 0],
            marker,
            color=ESTIMATED,
            label=f"{name} peak: {features[f'{name}_peak_bw']:.2f} BW",
        )
    axes[1].axhline(0, color="grey", linewidth=0.5)
    axes[1].set(title="(b) anterior-posterior", xlabel="time (ms)", ylabel="force (BW)")
    for ax in axes:
        ax.legend(fontsize="small", frameon=False)
    return axes


def loading_rates(ax, time_s, vertical, intervals):
    """Draw the slopes that are called vertical loading rate over the rise of a vertical force (T,) BW, time (T,) s after touchdown.

    `intervals` is {definition: (times (2,) s, forces (2,) BW)}; the end of each is marked.
    """
    ax.plot(1000 * time_s, vertical, ".-", color="0.65", linewidth=2, label="measured, and its frames")
    styles = zip(("--", "-", ":"), "os^", (ALARM, ESTIMATED, MEASURED), strict=True)
    for (definition, (times, forces)), (style, marker, color) in zip(intervals.items(), styles, strict=True):
        slope = (forces[1] - forces[0]) / (times[1] - times[0])
        ax.plot(1000 * times, forces, style, marker=marker, color=color, label=f"{definition}: {slope:.1f} BW/s")
    ax.set(xlabel="time after touchdown (ms)", ylabel="vertical force (BW)", xlim=(-1, 60))
    ax.legend(fontsize="small", frameon=False)
    return ax


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


def cost(axes, table):
    """Draw time and memory against number of stances on axes (2,); columns work, n, seconds, peak_gb of bench.cost_of."""
    for (work, rows), marker, color in zip(table.groupby("work", sort=False), "os", (ESTIMATED, ALARM), strict=False):
        for ax, column in zip(axes, ("seconds", "peak_gb"), strict=True):
            ax.loglog(rows["n"], rows[column], marker=marker, color=color, label=work.replace("_", " "))
    for ax, name in zip(axes, ("time (s)", "memory (GB)"), strict=True):
        ax.set(xlabel="stances", ylabel=name)
    axes[0].legend(fontsize="small", frameon=False)
    return axes
