"""Figures of how good the estimates are (notebooks 08, 09, 11 and 13), and of what they cost (bench).

In: tables and arrays of grfkit.evaluation, and Axes. Out: the Axes. Nothing is computed, shown or saved.
"""

import numpy as np
import seaborn as sns
from matplotlib.patches import Rectangle

from grfkit.evaluation import moments
from grfkit.evaluation.importance import ALL_KINDS, NAMES, WHOLE_STANCE
from grfkit.plot import (
    ALARM,
    ESTIMATED,
    MEASURED,
    SIDE_VIEW,
    SMALL,
    counted,
    legend,
    mean_band,
    note,
    skeleton,
    spm,
    zero_line,
)
from grfkit.points import DIRECTION_NAMES, DIRECTIONS, POINTS
from grfkit.reports.plots.legends import legend_outside
from grfkit.reports.words import FEATURES, feature_name

APART_M = 0.22  # the legs are drawn this far in front of and behind their place, so that no marker hides another
LARGEST = 600  # points^2, the area of a panel's largest marker
NUMBER_SIDES = {  # where a point's number stands, across and up; elsewhere on the right
    "pelvis": (0, 1),
    "swing_hip": (-1, 0),
    "swing_ankle": (0.6, 0.8),
    "swing_heel": (-1, 0),
    "swing_toe": (-1, 0),
    "stance_ankle": (-0.9, 0.5),
    "stance_heel": (-1, 0),
}
MOMENTS = {
    "ankle_plantarflexion": "ankle: plantarflexion",
    "knee_extension": "knee: extension",
    "knee_abduction": "knee: abduction",
}


def recipe_errors(axes, curves, *, published):
    """Draw the RMSE (BW) of each estimator with its limits over runners, a panel for each direction, on axes (3,).

    `curves` as left_out_runners.means_with_limits returns; `published` is {direction: RMSE BW}.
    """
    for ax, direction in zip(axes, DIRECTIONS, strict=True):
        rows = curves[curves["direction"] == direction][::-1]
        names = rows["estimator"].str.replace("_", " ")
        ax.errorbar(rows["rmse_bw"], names, xerr=_limits(rows, "rmse_bw"), fmt="o", color=ESTIMATED, capsize=3)
        ax.axvline(published[direction], color=ALARM, linestyle="--", label="published LSTM, its own data")
        for place in np.flatnonzero(rows["rmse_bw"].isna()):
            words = {"transform": ax.get_yaxis_transform(), "va": "center", "fontsize": SMALL, "color": "grey"}
            ax.text(0.02, place, "not estimated", **words)
        _named(ax, direction).set(xlabel="RMSE (BW)", xlim=(0, None))
        ax.locator_params(axis="x", nbins=4)
        ax.grid(axis="y", linewidth=0.3)
    return legend_outside(axes)


def runner_errors(axes, by_runner):
    """Draw the RMSE (BW) of each runner by estimator, and their median, a panel for each direction, on axes (3,).

    `by_runner` as tables.rmse_by_runner.
    """
    table = by_runner.rename(index=lambda name: name.replace("_", " "), level="estimator").reset_index()
    for ax, direction in zip(axes, DIRECTIONS, strict=True):
        where = {"data": table, "x": direction, "y": "estimator", "ax": ax}
        sns.stripplot(**where, jitter=False, color=ESTIMATED, alpha=0.5, size=4)
        look = {"color": MEASURED, "marker": "|", "markersize": 18, "markeredgewidth": 1.5, "linestyle": "none"}
        sns.pointplot(**where, estimator="median", errorbar=None, zorder=3, **look)
        _named(ax, direction).set(xlabel="RMSE (BW)", ylabel="", xlim=(0, None))
        ax.locator_params(axis="x", nbins=4)
    return axes


def learning_curve(axes, table):
    """Draw the RMSE (BW) against the number of training runners, a point a draw and their mean, on axes (3,)."""
    for ax, direction in zip(axes, DIRECTIONS, strict=True):
        where = {"data": table[table["direction"] == direction], "x": "training_runners", "y": "rmse_bw", "ax": ax}
        sns.scatterplot(**where, color=ESTIMATED, alpha=0.5, label="a draw of runners", legend=False)
        sns.lineplot(**where, errorbar=None, color=MEASURED, linestyle="--", label="mean", legend=False)
        _named(ax, direction).set(xlabel="training runners", ylabel="", ylim=(0, None))
    axes[0].set_ylabel("RMSE (BW)")
    return legend_outside(axes)


def bland_altman(ax, pairs, means, limits):
    """Draw difference against mean of one feature: stances as points, runners' means as circles, bias and limits.

    `pairs` and `means` are the feature's rows of agreement.of_runners and runner_means, `limits` its row of
    agreement.bland_altman.
    """
    stances = {"marker": ".", "color": "0.75", "markersize": 2}
    runners = {"marker": "o", "color": ESTIMATED, "markersize": 5, "markerfacecolor": "white"}
    for rows, look in ((pairs, stances), (means, runners)):
        across, up = (rows["measured"] + rows["estimated"]) / 2, rows["estimated"] - rows["measured"]
        ax.plot(across, up, linestyle="none", **look)
    for low, high in (("low", "low_outer"), ("high", "high_outer")):
        ax.axhspan(limits[low], limits[high], color=ALARM, alpha=0.15, linewidth=0)
    lines = [
        ("bias", "bias", MEASURED, "-"),
        ("low", "limits over runners and stances", ALARM, "--"),
        ("high", None, ALARM, "--"),
        ("naive_low", "limits, stances as independent", MEASURED, ":"),
        ("naive_high", None, MEASURED, ":"),
    ]
    for column, label, color, style in lines:
        ax.axhline(limits[column], color=color, linestyle=style, linewidth=1.2, label=label)
    zero_line(ax)
    furthest = (pairs["estimated"] - pairs["measured"]).abs().max()
    widest = 1.1 * max(abs(limits["low_outer"]), abs(limits["high_outer"]), furthest)
    name, unit = FEATURES[limits["feature"]].split(" / ")
    ax.set_ylim(-widest, widest)
    ax.set_title(name, fontsize="medium")
    ax.set(xlabel=f"mean of both ({unit})", ylabel=f"estimated - measured ({unit})")
    return ax


def bland_altman_all(axes, pairs, means, table):
    """Draw every feature of `table` (agreement.bland_altman) on the axes; one more holds the legend."""
    for ax, limits in zip(axes.flat, table.to_dict("records"), strict=False):
        bland_altman(ax, *(rows[rows["feature"] == limits["feature"]] for rows in (pairs, means)), limits)
    for ax in axes.flat[len(table) :]:
        ax.set_axis_off()
    last, (stances, runners) = axes.flat[len(table)], table[["stances", "runners"]].max()
    last.plot([], [], ".", color="0.75", label=f"stances, n = {stances}")
    last.plot([], [], "o", markerfacecolor="white", color=ESTIMATED, label=f"means of runners, n = {runners}")
    last.axhspan(np.nan, np.nan, color=ALARM, alpha=0.15, label="how far each limit may lie out")
    handles = axes.flat[0].get_legend_handles_labels(), last.get_legend_handles_labels()
    last.legend(*(sum(parts, []) for parts in zip(*handles, strict=True)), loc="center", frameon=False)
    return axes


def equivalence(ax, table):
    """Draw the interval of each feature's mean difference, % of the measured mean, against its bound.

    `table` as agreement.equivalence.
    """
    for place, row in enumerate(table.to_dict("records")):
        ax.fill_betweenx([place - 0.35, place + 0.35], -row["bound_pct"], row["bound_pct"], color="0.9", linewidth=0)
        color, marker = (ESTIMATED, "o") if row["equivalent"] else (ALARM, "x")
        ax.plot([row["low_pct"], row["high_pct"]], [place, place], "|-", color=color, markersize=9)
        ax.plot(row["difference_pct"], place, marker, color=color)
    ax.axvline(0, color="grey", linewidth=0.5)
    ax.set_yticks(range(len(table)), table["feature"].map(feature_name))
    ax.invert_yaxis()
    ax.set(xlabel="estimated - measured (% of the measured mean)")
    ax.plot([], [], "o-", color=ESTIMATED, label="equivalent")
    ax.plot([], [], "x-", color=ALARM, label="not shown equivalent")
    ax.fill_between([], [], color="0.9", label=f"bound; {counted(table['runners'].max(), 'runner')}")
    legend_outside([ax], ncols=3)
    return ax


def spm_levels(axes, pooled, runners, *, n):
    """Draw SPM{t} of each direction on axes (2, D): over stances above, over runners below; {direction: spm.Test} each.

    `n` are the numbers of stances and of runners.
    """
    levels = (f"{n[0]} stances", pooled), (f"{n[1]} runners", runners)
    for row, (level, tests) in zip(axes, levels, strict=True):
        for ax, (direction, test) in zip(row, tests.items(), strict=True):
            _named(spm(ax, test), direction).set(ylabel="")
        row[0].set_ylabel(f"SPM{{t}} over {level}")
    for ax in axes[0]:
        ax.set_xlabel("")
    return axes


def difference_bands(axes, bands, *, runners):
    """Draw the mean difference of each direction with its simultaneous band and its bound on axes (D,).

    `bands` is {direction: agreement.Band}.
    """
    for ax, (direction, band) in zip(axes, bands.items(), strict=True):
        percent, high = np.linspace(0, 100, len(band.mean)), ax.get_xaxis_transform()
        grey = {"color": "0.9", "linewidth": 0, "transform": high, "step": "mid"}
        ax.fill_between(percent, 0, 1, where=band.inside, label="equivalent", **grey)
        edges, blue = (band.mean - band.half, band.mean + band.half), {"color": ESTIMATED, "alpha": 0.3, "linewidth": 0}
        ax.fill_between(percent, *edges, label="band of the whole curve", **blue)
        ax.plot(percent, band.mean, color=ESTIMATED, label="mean difference")
        for sign in (1, -1):
            ax.axhline(sign * band.bound, color=ALARM, linestyle="--", label="bound" if sign > 0 else None)
        zero_line(ax)
        widest = 1.15 * max(band.bound, np.max(np.abs(band.mean) + band.half))
        ax.set(xlabel="stance (%)", xlim=(0, 100), ylim=(-widest, widest))
        share = f"equivalent over {100 * band.inside.mean():.0f} %"
        ax.set_title(f"{DIRECTION_NAMES[direction]}:\n{share}", fontsize="medium")
    axes[0].set_ylabel(f"estimated - measured (BW), {counted(runners, 'runner')}", fontsize=SMALL)
    return legend_outside(axes)


def importance_of_points(axes, pose, table):
    """Draw the mean pose (11, 3) m of mid-stance, the area of each point's marker by its rise, on axes (4,).

    `table` as importance.by_point returns; each panel is a direction, the last says how to read them. Areas are
    relative to the panel's largest, and a rise that is not above 0 has a cross. The stance leg is drawn forward of its
    place, the swing leg backward.
    """
    *panels, key = axes
    shift = np.array([{"r": APART_M, "l": -APART_M}[point[0]] if point[1] == "_" else 0.0 for point in POINTS])
    drawn = pose + shift[:, None] * np.eye(3)[0]
    places = drawn[:, SIDE_VIEW]
    for ax, direction in zip(panels, DIRECTIONS, strict=True):
        rows = table[table["direction"] == direction].set_index("point")
        _rises(ax, places, rows["rise_bw"].loc[list(NAMES.values())].to_numpy())
        skeleton(ax, drawn, SIDE_VIEW, linewidth=1.5)
        for color, name, hip in ((ESTIMATED, "stance leg", "r_hip"), (ALARM, "swing leg", "l_hip")):
            look = {"color": color, "ha": "center", "va": "top", "fontsize": SMALL, "weight": "bold"}
            ax.text(drawn[POINTS.index(hip), 0], -0.08, name, **look)
        ax.axhline(0, color="0.8", linewidth=1, zorder=0)
        _named(ax, direction).set(xlabel="forward (m)", ylabel="up (m)")
        ax.set(aspect="equal", ylim=(-0.2, pose[0, 2] + 0.2))
        ax.set(xlim=(places[:, 0].min() - 0.25, places[:, 0].max() + 0.3))
    key.set_axis_off()
    how = "Numbers: rise of RMSE (0.001 BW)\nDisc: relative to the panel's largest\nCross: no rise\n"
    key.text(0, 0.5, f"{how}Legs are drawn apart\n{_counts(table)}", va="center", transform=key.transAxes)
    return [*panels, key]


def _rises(ax, places, rises):
    """Draw each point's rise (P,) BW at its place (P, 2) m: a disc or a cross, and the number beside it."""
    above, areas = rises > 0, LARGEST * np.maximum(rises, 0) / max(rises.max(), 1e-12)
    ax.scatter(*places[above].T, s=areas[above], facecolor="0.8", edgecolor=MEASURED, zorder=3)
    ax.scatter(*places[~above].T, s=30, marker="x", color=MEASURED, zorder=3)
    for name, place, rise, area in zip(NAMES.values(), places, rises, areas, strict=True):
        across, up = NUMBER_SIDES.get(name, (1, 0))
        align = {"ha": {-1: "right", 0: "center", 1: "left"}[int(np.sign(across))], "va": "bottom" if up else "center"}
        offset = (np.sqrt(area / np.pi) + 4) * np.array([across, up])
        look = {"textcoords": "offset points", "fontsize": SMALL, "zorder": 4}
        ax.annotate(_without_sign(1000 * rise, 1), place, xytext=offset, **align, **look)


def importance_of_kinds(axes, table):
    """Draw the rise (BW) for each kind of input with its limits, a panel for each direction, on axes (3,).

    `table` as importance.by_kind.
    """
    for ax, direction in zip(axes, DIRECTIONS, strict=True):
        rows = table[table["direction"] == direction][::-1]
        colors = np.where(rows["kind"] == ALL_KINDS, "0.85", ESTIMATED)
        ends, look = rows[["rise_bw", "rise_bw_high"]].max(axis=1).clip(lower=0), {"va": "center", "fontsize": SMALL}
        ax.barh(rows["kind"], rows["rise_bw"], xerr=_limits(rows, "rise_bw"), color=colors, height=0.6, capsize=3)
        for kind, rise, end in zip(rows["kind"], rows["rise_bw"], ends, strict=True):
            ax.annotate(_without_sign(rise, 3), (end, kind), xytext=(5, 0), textcoords="offset points", **look)
        ax.axvline(0, color="grey", linewidth=0.5)
        _named(ax, direction).set(xlabel="rise of RMSE (BW)", xlim=(None, 1.25 * ends.max()))
    note(axes[2], _counts(table))
    return axes


def importance_of_windows(axes, measured, table):
    """Draw measured mean curves (O, Q, 3) BW above the rise (BW) by hidden window of stance, on axes (2, 3).

    `table` as importance.by_moment.
    """
    for i, direction in enumerate(DIRECTIONS):
        rows = table[(table["direction"] == direction) & (table["part"] == WHOLE_STANCE)]
        starts, ends = np.array([name.split("-") for name in rows["window"]], float).T
        mean_band(axes[0, i], measured[..., i], label="measured", color=MEASURED)
        _named(axes[0, i], direction).set(xlabel="", ylabel="")
        bars = {"width": 0.85 * (ends - starts), "yerr": _limits(rows, "rise_bw"), "capsize": 3}
        axes[1, i].bar((starts + ends) / 2, rows["rise_bw"], color=ESTIMATED, **bars)
        axes[1, i].set(xlabel="hidden window (%)", xlim=(0, 100))
        for ax in axes[:, i]:
            zero_line(ax)
    for ax, label in zip(axes[:, 0], ("force (BW)", "rise of RMSE (BW)"), strict=True):
        ax.set_ylabel(label)
    return legend_outside(axes[0], title=_counts(table), title_fontsize=SMALL)


def importance_matrix(ax, table, *, direction):
    """Draw the rise of one direction's error (0.001 BW) in each part of stance (columns) for each hidden window (rows).

    `table` as importance.by_moment.
    """
    names = list(dict.fromkeys(table["window"]))
    rows = table[(table["direction"] == direction) & (table["part"] != WHOLE_STANCE)]
    rises = 1000 * rows.pivot(index="window", columns="part", values="rise_bw").loc[names, names]
    look = {"cmap": "Greys", "cbar": False, "square": True, "linewidths": 0.5, "linecolor": "0.85"}
    sns.heatmap(rises, vmin=0, annot=rises.round() + 0.0, fmt=".0f", annot_kws={"fontsize": SMALL}, ax=ax, **look)
    ax.tick_params(axis="y", rotation=0)
    for place in range(len(names)):  # the window's own part
        ax.add_patch(Rectangle((place, place), 1, 1, fill=False, edgecolor=ALARM, linewidth=1.2))
    ax.set_title(f"{DIRECTION_NAMES[direction]}: rise of RMSE (0.001 BW)\n{_counts(table)}")
    ax.set(xlabel="where in stance the error is taken (%)", ylabel="window whose motion is hidden (%)")
    return ax


def moment_curves(axes, measured, estimated, *, runners):
    """Draw mean moments (S, 101, 3) N m/kg over stance with bands of one SD on axes (3,), a panel for each joint's."""
    for number, (ax, name) in enumerate(zip(axes, moments.NAMES, strict=True)):
        mean_band(ax, measured[..., number], label="measured", color=MEASURED)
        mean_band(ax, estimated[..., number], label="estimated", color=ESTIMATED, linestyle="--", hatch="///")
        zero_line(ax).set_ylabel("")
        ax.set_title(MOMENTS[name], fontsize="medium")
    axes[0].set_ylabel("moment (N m/kg)")
    axes[0].set_ylim(top=1.5 * axes[0].get_ylim()[1])  # room for the legend, which is as wide as its panel
    handles, _ = axes[0].get_legend_handles_labels()
    look = {"loc": "upper left", "handlelength": 1.3, "borderpad": 0.2}
    legend(axes[0], handles=handles, labels=["measured ± SD", "estimated ± SD"], **look)
    note(axes[2], f"n = {len(measured)} stances\n{counted(runners, 'runner')}")
    return axes


def moment_peaks(axes, table):
    """Draw each runner's mean peak (N m/kg), estimated against measured, on axes (3,).

    `table` has the columns moment, runner, measured and estimated.
    """
    for ax, name in zip(axes, moments.NAMES, strict=True):
        rows = table[table["moment"] == name]
        both = rows[["measured", "estimated"]].to_numpy()
        ends = np.array([both.min() - 0.1, both.max() + 0.1])
        ax.plot(ends, ends, color=MEASURED, linewidth=0.8, label="equal")
        ax.plot(*both.T, "o", color=ESTIMATED, alpha=0.7, markersize=5, label="a runner's mean")
        ax.set_title(f"{MOMENTS[name]},\npeak", fontsize="medium")
        ax.set(aspect="equal", xlim=ends, ylim=ends, xlabel="measured (N m/kg)")
    axes[0].set_ylabel("estimated (N m/kg)")
    note(axes[2], counted(table["runner"].nunique(), "runner"), "lower right")
    return legend_outside(axes)


def cost(axes, table):
    """Draw time and memory against the number of stances on axes (2,); `table` has work, n, seconds and peak_gb."""
    table = table.assign(work=table["work"].str.replace("_", " "))
    for ax, column, name in zip(axes, ("seconds", "peak_gb"), ("time (s)", "memory (GB)"), strict=True):
        works = {"hue": "work", "style": "work", "palette": [ESTIMATED, ALARM], "markers": ["o", "s"], "dashes": False}
        sns.lineplot(table, x="n", y=column, ax=ax, legend=ax is axes[0], **works)
        ax.set(xscale="log", yscale="log", xlabel="stances", ylabel=name)
    legend(axes[0])
    return axes


def _named(ax, direction):
    """Write the name of a direction above its panel."""
    ax.set_title(DIRECTION_NAMES[direction], fontsize="medium")
    return ax


def _limits(rows, column):
    """Give the distances (2, K) from each value to its limits, None where one runner gives no limits."""
    distances = np.stack([rows[column] - rows[f"{column}_low"], rows[f"{column}_high"] - rows[column]]).clip(min=0)
    return None if np.isnan(distances).all() else distances


def _without_sign(value, decimals):
    """Write a number without the sign of a zero."""
    return f"{round(value, decimals) + 0.0:.{decimals}f}"


def _counts(table):
    return f"{table['n'].iloc[0]} stances, {counted(table['runners'].iloc[0], 'runner')}"
