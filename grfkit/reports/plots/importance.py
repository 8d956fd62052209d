"""Figures of 11: by how much the error rises where points, kinds or moments are replaced; functions as in grfkit.plot."""

import numpy as np
from matplotlib.patches import Rectangle

from grfkit.evaluation.importance import EVERYTHING, NAMES, WHOLE
from grfkit.plot import ALARM, ESTIMATED, MEASURED, SIDE_VIEW, mean_band, skeleton
from grfkit.points import DIRECTION_NAMES, DIRECTIONS, POINTS

APART_M = 0.22  # the legs are drawn so far in front of and behind where they are, so that no marker hides another
LARGEST = 600  # points^2, the area of a panel's largest marker
BESIDE = {
    "pelvis": (0, 1),
    "swing_hip": (-1, 0),
    "swing_ankle": (0.6, 0.8),
    "swing_heel": (-1, 0),
    "swing_toe": (-1, 0),
    "stance_ankle": (-0.9, 0.5),
    "stance_heel": (-1, 0),
}  # where a point's number stands; others on the right


def points(axes, pose, table):
    """Draw the mean pose (11, 3) m of mid-stance, the area of each point's marker by its rise, on axes (3,), a panel a direction.

    `table` as explain.by_point returns; areas are relative to the panel's largest, a rise that is not above 0 has a cross. The
    stance leg is drawn forward of its place, the swing leg backward.
    """
    shift = np.array([{"r": APART_M, "l": -APART_M}[point[0]] if point[1] == "_" else 0.0 for point in POINTS])
    drawn = pose + shift[:, None] * np.eye(3)[0]
    for ax, direction in zip(axes, DIRECTIONS, strict=True):
        rises = (
            table[table["direction"] == direction].set_index("point")["rise_bw"].loc[list(NAMES.values())].to_numpy()
        )
        skeleton(ax, drawn, SIDE_VIEW, linewidth=1.5)
        places, above = drawn[:, SIDE_VIEW], rises > 0
        ax.scatter(
            *places[above].T,
            s=LARGEST * rises[above] / max(rises.max(), 1e-12),
            facecolor="0.8",
            edgecolor=MEASURED,
            zorder=3,
        )
        ax.scatter(*places[~above].T, s=30, marker="x", color=MEASURED, zorder=3)
        for name, place, rise in zip(NAMES.values(), places, rises, strict=True):
            distance = np.sqrt(max(rise, 0) / max(rises.max(), 1e-12) * LARGEST / np.pi) + 4
            beside = BESIDE.get(name, (1, 0))
            ax.annotate(
                _number(1000 * rise, 1),
                place,
                xytext=distance * np.array(beside),
                textcoords="offset points",
                ha={-1: "right", 0: "center", 1: "left"}[int(np.sign(beside[0]))],
                va="bottom" if beside[1] else "center",
                fontsize="small",
                zorder=4,
            )
        for color, name, hip in ((ESTIMATED, "stance leg", "r_hip"), (ALARM, "swing leg", "l_hip")):
            ax.text(
                drawn[POINTS.index(hip), 0],
                -0.08,
                name,
                color=color,
                ha="center",
                va="top",
                fontsize="small",
                weight="bold",
            )
        ax.axhline(0, color="0.8", linewidth=1, zorder=0)
        ax.set(
            title=f"{DIRECTION_NAMES[direction]}\nrise of RMSE (0.001 BW)",
            xlabel="forward (m), legs drawn apart",
            aspect="equal",
            ylim=(-0.2, pose[0, 2] + 0.2),
            xlim=(places[:, 0].min() - 0.25, places[:, 0].max() + 0.3),
        )
    axes[0].set_ylabel("up (m)")
    axes[2].text(0.02, 0.98, _counts(table), transform=axes[2].transAxes, va="top", fontsize="small")
    return axes


def kinds(axes, table):
    """Draw the rise (BW) for each kind of input with its limits, a panel a direction, on axes (3,); `table` as explain.by_kind."""
    names = list(dict.fromkeys(table["kind"]))[::-1]
    for ax, direction in zip(axes, DIRECTIONS, strict=True):
        rows = table[table["direction"] == direction].set_index("kind").loc[names]
        bars = ax.barh(
            names, rows["rise_bw"], color=["0.85" if name == EVERYTHING else ESTIMATED for name in names], height=0.6
        )
        ax.errorbar(rows["rise_bw"], names, xerr=_limits(rows), fmt="none", color=MEASURED, capsize=3)
        ends = np.fmax(rows["rise_bw_high"], np.fmax(rows["rise_bw"], 0))
        for bar, end, rise in zip(bars, ends, rows["rise_bw"], strict=True):
            ax.annotate(
                _number(rise, 3),
                (end, bar.get_y() + bar.get_height() / 2),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                fontsize="small",
            )
        ax.axvline(0, color="grey", linewidth=0.5)
        ax.set(title=DIRECTION_NAMES[direction], xlabel="rise of RMSE (BW)", xlim=(None, 1.25 * ends.max()))
    axes[2].text(0.98, 0.97, _counts(table), transform=axes[2].transAxes, ha="right", va="top", fontsize="small")
    return axes


def moments(axes, measured, table):
    """Draw the measured mean curves (O, Q, 3) BW above the rise (BW) by hidden window, on axes (2, 3); `table` as explain.by_moment."""
    for i, direction in enumerate(DIRECTIONS):
        rows = table[(table["direction"] == direction) & (table["part"] == WHOLE)]
        starts, ends = np.array([name.split("-") for name in rows["window"]], float).T
        mean_band(axes[0, i], measured[..., i], label="measured", color=MEASURED)
        axes[0, i].axhline(0, color="grey", linewidth=0.5)
        axes[0, i].set(title=DIRECTION_NAMES[direction], xlabel="", ylabel="force (BW)")
        axes[1, i].bar((starts + ends) / 2, rows["rise_bw"], width=0.85 * (ends - starts), color=ESTIMATED)
        axes[1, i].errorbar(
            (starts + ends) / 2, rows["rise_bw"], yerr=_limits(rows), fmt="none", color=MEASURED, capsize=3
        )
        axes[1, i].axhline(0, color="grey", linewidth=0.5)
        axes[1, i].set(xlabel="hidden window of stance (%)", ylabel="rise of RMSE (BW)", xlim=(0, 100))
    axes[0, 2].legend(
        fontsize="small",
        frameon=False,
        loc="lower center",
        title_fontsize="small",
        alignment="left",
        title=_counts(table),
    )
    return axes


def matrix(ax, table, *, direction):
    """Draw by how much (0.001 BW) the error of one direction rises in each part of stance (columns) for each hidden window (rows)."""
    names = list(dict.fromkeys(table["window"]))
    rows = table[(table["direction"] == direction) & (table["part"] != WHOLE)]
    rises = 1000 * rows.pivot(index="window", columns="part", values="rise_bw").loc[names, names].to_numpy()
    top = max(rises.max(), 1e-12)
    ax.pcolormesh(rises, cmap="Greys", vmin=0, vmax=top, edgecolor="0.85", linewidth=0.5)
    for row, column in np.ndindex(rises.shape):
        ax.text(
            column + 0.5,
            row + 0.5,
            _number(rises[row, column], 0),
            ha="center",
            va="center",
            fontsize="small",
            color="white" if rises[row, column] > 0.55 * top else MEASURED,
        )
    for number in range(len(names)):  # the window's own part
        ax.add_patch(Rectangle((number, number), 1, 1, fill=False, edgecolor=ALARM, linewidth=1.2))
    ax.set_xticks(np.arange(len(names)) + 0.5, names, rotation=90)
    ax.set_yticks(np.arange(len(names)) + 0.5, names)
    ax.set(
        title=f"{DIRECTION_NAMES[direction]}: rise of RMSE (0.001 BW)\n{_counts(table)}",
        xlabel="where in stance the error is taken (%)",
        ylabel="window whose motion is hidden (%)",
        aspect="equal",
    )
    ax.invert_yaxis()
    return ax


def _limits(rows):
    """Distances (2, K) from each rise to its limits; NaN, which draws none, where there is one runner."""
    return np.stack([rows["rise_bw"] - rows["rise_bw_low"], rows["rise_bw_high"] - rows["rise_bw"]]).clip(min=0)


def _number(value, decimals):
    """Write a number without the sign of a zero."""
    return f"{round(value, decimals) + 0.0:.{decimals}f}"


def _counts(table):
    return f"{table['n'].iloc[0]} stances, {table['runners'].iloc[0]} runners"
