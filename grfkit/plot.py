"""Figures of notebooks 01 to 07: functions take arrays and Axes, and return the Axes; they neither show nor save.

Measured is black, estimated blue (Okabe & Ito's colour-blind-safe set) and dashed, so that grey print tells them apart.
seaborn draws what is statistical: a mean with its SD, points by group, a table of counts.
"""

from textwrap import fill

import numpy as np
from matplotlib.collections import LineCollection

from grfkit.points import DIRECTION_NAMES, DIRECTIONS, FEET, HEELS, POINTS

SMALL = 9  # points, of legends and notes: still some 6.5 pixels high where a phone shows a figure of 7.4 inches
MEASURED, ESTIMATED, ALARM = "black", "#0072B2", "#D55E00"
SIDES = [("l", "left", ALARM), ("r", "right", ESTIMATED)]
SIDE_VIEW, REAR_VIEW, TOP_VIEW = [0, 2], [1, 2], [0, 1]  # the components drawn across and up
BONES = [[0, hip, hip + 1, hip + 2, hip + 3, hip + 4, hip + 2] for hip in (1, 6)]  # pelvis to toe to ankle; left, right


def zero_line(ax):
    """Draw where a quantity is 0."""
    ax.axhline(0, color="grey", linewidth=0.5)
    return ax


def legend(ax, **place):
    """Write the legend without a frame, a little smaller than the labels."""
    ax.legend(**{"fontsize": SMALL, "frameon": False} | place)
    return ax


def note(ax, text, corner="upper right"):
    """Write a text into a corner of the axes, which is named as a legend's place is."""
    up, across = corner.split()
    place = {"left": 0.03, "right": 0.97}[across], {"lower": 0.04, "upper": 0.97}[up]
    align = {"ha": across, "va": {"lower": "bottom", "upper": "top"}[up]}
    ax.text(*place, text, transform=ax.transAxes, fontsize=SMALL, **align)
    return ax


def mean_band(ax, curves, *, label, color, linestyle="-", hatch=None):
    """Draw the mean of curves (S, Q) with a band of one SD over 0-100 % of stance."""
    import seaborn as sns  # an estimate's page draws without

    percent = np.broadcast_to(np.linspace(0, 100, curves.shape[1]), curves.shape)
    sns.lineplot(
        x=percent.ravel(),
        y=curves.ravel(),
        errorbar="sd",
        err_kws={"alpha": None, "facecolor": (color, 0.2), "edgecolor": (color, 0.4), "linewidth": 0.6, "hatch": hatch},
        label=f"{label}, mean ± SD",
        color=color,
        linestyle=linestyle,
        legend=False,
        ax=ax,
    )
    ax.set(xlabel="stance (%)", xlim=(0, 100))
    return ax


def spm(ax, test):
    """Draw SPM{t} (Q,) of a spm.Test with its critical threshold; intervals above it are shaded and carry their p."""
    ax.set(xlabel="stance (%)", ylabel="SPM{t}", xlim=(0, 100))
    if np.isnan(test.threshold):
        ax.text(0.5, 0.5, "not estimated", ha="center", transform=ax.transAxes)
        return ax
    ax.plot(np.linspace(0, 100, len(test.t)), test.t, color=MEASURED)
    zero_line(ax)
    for sign in (1, -1):
        ax.axhline(sign * test.threshold, color=ALARM, linestyle="--")
    ax.text(0.98, 0.97, f"t* = ± {test.threshold:.2f}", ha="right", va="top", color=ALARM, transform=ax.transAxes)
    # where the last label of each row stands: labels of near clusters stand one above the other
    last = [-np.inf] * len(test.clusters)
    for start, end, p in test.clusters:
        ax.axvspan(start, end, color="grey", alpha=0.3)
        place = np.clip((start + end) / 2, 14, 86)
        row = next(row for row, before in enumerate(last) if place - before > 28)
        last[row] = place
        text, where = "p < .001" if p < 0.001 else f"p = {p:.3f}", (place, 0.03 + 0.07 * row)
        ax.text(*where, text, ha="center", va="bottom", transform=ax.get_xaxis_transform(), fontsize=SMALL)
    highest, lowest = 1.5 * max(test.threshold, np.abs(test.t).max()), min(-test.threshold, test.t.min())
    labelled = 0.05 + 0.07 * sum(np.isfinite(last))  # share of the height that the labels take, below the curve
    ax.set_ylim(min(-highest, (lowest - labelled * highest) / (1 - labelled)), highest)
    return ax


def figure4(axes, measured, estimated, tests, *, runners):
    """Draw the paper's Figure 4 on axes (2, 3): mean curves (S, Q, 3) BW and SPM{t} of each direction."""
    for i, direction in enumerate(DIRECTIONS):
        top, bottom = axes[:, i]
        mean_band(top, measured[..., i], label="measured", color=MEASURED)
        mean_band(top, estimated[..., i], label="estimated", color=ESTIMATED, linestyle="--", hatch="///")
        zero_line(top).set_ylabel("force (BW)")
        top.set_title(f"({'abc'[i]}) {DIRECTION_NAMES[direction]}", fontsize="medium")
        spm(bottom, tests[direction])
        label_last_row(top, bottom)
        beyond = len(tests[direction].clusters)
        if np.isfinite(tests[direction].threshold):
            bottom.set_title(f"{counted(beyond, 'interval') if beyond else 'no interval'} beyond t*", fontsize=SMALL)
    legend(axes[0, 0])
    note(axes[0, 2], f"n = {len(measured)} stances\n{counted(runners, 'runner')}")
    return axes


def label_last_row(*axes):
    """Keep the label below the axes in the last row of a figure alone."""
    for ax in axes:
        if not ax.get_subplotspec().is_last_row():
            ax.set_xlabel("")


def counted(number, noun):
    """Say how many there are: 1 runner, 2 runners."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def curves(ax, curves, *, label, color):
    """Draw every curve (S, Q) thinly over 0-100 % of stance, above them their mean and a band of one SD."""
    lines = np.stack(np.broadcast_arrays(np.linspace(0, 100, curves.shape[1]), curves), axis=2)  # (S, Q, 2)
    alpha = min(0.5, 60 / len(curves))
    # one collection is drawn faster than S lines
    ax.add_collection(LineCollection(lines, color=color, alpha=alpha, linewidth=0.4, zorder=0.5))
    return mean_band(ax, curves, label=label, color=MEASURED)


def forces_by_side(axes, measured, stances):
    """Draw all measured curves (S, Q, 3) BW on axes (2, 3): of left legs, orange, and of right legs, blue.

    `stances` is the table of the same stances; its columns side and runner are used. A side without any has empty axes.
    """
    for row, (side, name, color) in zip(axes, SIDES, strict=True):
        mine = (stances["side"] == side).to_numpy()
        for i, direction in enumerate(DIRECTIONS):
            if mine.any():
                curves(zero_line(row[i]), measured[mine, :, i], label=f"{name} legs", color=color)
            row[i].set_title(f"{DIRECTION_NAMES[direction]}, {name}", fontsize="medium")
            row[i].set_ylabel("force (BW)")
            label_last_row(row[i])
        title = f"{counted(mine.sum(), 'stance')}, {counted(stances['runner'][mine].nunique(), 'runner')}"
        if mine.any():
            legend(row[2], loc="lower center", title_fontsize=SMALL, alignment="left", title=title)
        else:
            note(row[2], f"no stance, {name}")
    return axes


def body_weights(ax, weights):
    """Draw by how much (%) the weighed mass of each runner differs from the listed one, at most 20 runners.

    Of more runners, those who differ most are drawn.
    `weights` has the columns runner, mass_kg and difference_pct, as stances.cohort.collect returns it.
    """
    twice = weights["runner"].duplicated(keep=False)
    names = weights["runner"].where(~twice, weights["runner"] + " (" + weights["mass_kg"].astype(str) + " kg)")
    most = weights["difference_pct"].loc[weights["difference_pct"].abs().nlargest(20).index].sort_values()
    zero_line(ax).bar(names[most.index], most, color=ESTIMATED)
    ax.set(xlabel="runner", ylabel="weighed - listed (%)")
    ax.tick_params(axis="x", rotation=90, labelsize=SMALL)
    return ax


def cameras_late(ax, late):
    """Draw how much later (ms) points show an event than plates do: each runner's mean and the study's, with errors.

    `late` is a table as stances.offset.estimate returns: a row for each runner, and a last one for the study.
    """
    runners, study = late.iloc[:-1], late.iloc[-1]
    mean, error, applied = (1000 * study[name] for name in ("late_s", "error_s", "applied_s"))
    ends = 1000 * runners[["late_s", "error_s"]].to_numpy(float)
    zero_line(ax).errorbar(
        runners["runner"], ends[:, 0], np.nan_to_num(ends[:, 1]), fmt="o", color=MEASURED, markersize=4, label="runners"
    )
    if len(runners):
        ax.axhline(mean, color=ESTIMATED, label="study, mean ± standard error")
        ax.axhspan(mean - error, mean + error, color=ESTIMATED, alpha=0.2, linewidth=0)
    ax.axhline(applied, color=ALARM, linestyle="--", label=f"taken out: {applied:.1f} ms")
    ax.set(xlabel="runner", ylabel="points late (ms)")
    ax.tick_params(axis="x", rotation=90, labelsize=SMALL)
    return legend(ax, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)


def skeleton(ax, pose, view, *, linewidth=1.0, label=False):
    """Draw the legs of one pose (11, 3) m, left orange and dashed, right blue; `view` is two components' places."""
    for bones, (_, name, color), style in zip(BONES, SIDES, ("--", "-"), strict=True):
        name = f"{name} leg" if label else None
        ax.plot(*pose[bones][:, view].T, style, color=color, linewidth=linewidth, label=name)
    return ax


def stick(ax, points, force, *, scale=0.3):
    """Draw stick figures of points (K, 11, 3) m seen from the runner's right, with their force arrows (K, 3) BW.

    The arrows start at the mean of heel and toe of the foot that is lower; the origin of the touchdown frame is marked.
    """
    for pose, arrow in zip(points, force, strict=True):
        skeleton(ax, pose, SIDE_VIEW)
        foot = min((pose[foot].mean(axis=0) for foot in FEET.values()), key=lambda place: place[2])
        tail, tip = (place[SIDE_VIEW] for place in (foot, foot + scale * arrow))
        ax.annotate("", xytext=tail, xy=tip, arrowprops={"arrowstyle": "->", "color": MEASURED})
    zero_line(ax).plot(0, 0, "k+", markersize=10, label="origin of the touchdown frame")
    ax.set(xlabel="forward (m)", ylabel="up (m)", aspect="equal")
    return legend(ax, loc="upper left")


def touchdown_frame(axes, pose, *, side):
    """Draw the touchdown frame with the pose at touchdown (11, 3) m on axes (2,): from the right and from above.

    `side` is the leg that touches down; its points carry their names.
    """
    ahead, behind = {"l": (-15, 6), "r": (6, -15)}[side]  # where no leg is, seen from above
    _seen_from(axes[0], pose, SIDE_VIEW, "x", ["AP, forward", "V, up"], "ML: away from you", (-15, -15))
    _seen_from(axes[1], pose, TOP_VIEW, ".", ["AP, forward", "ML, to the left"], "V: towards you", (ahead, behind))
    axes[0].set_title("(a) from the runner's right")
    axes[1].set_title("(b) from above")
    for place, point in zip(pose, POINTS, strict=True):
        if point[0] in ("p", side):
            shift, align = ((-6, 4), "right") if point.endswith("heel") else ((7, -8 if "hip" in point else 3), "left")
            _beside(axes[0], point.split("_")[-1], place[SIDE_VIEW], shift, ha=align)
    axes[0].plot([0, 0], [0, pose[0, 2]], ":", color=MEASURED, label="pelvis to ground")
    axes[0].axhline(0, color="0.8", linewidth=6, zorder=0)
    axes[0].set(ylim=(-0.15, pose[0, 2] + 0.1), xlim=(pose[:, 0].min() - 0.15, max(pose[:, 0].max(), 0.5) + 0.15))
    axes[1].set(ylim=(-0.35, 0.5), xlim=axes[0].get_xlim())
    legend(axes[0], loc="upper left")
    return axes


def _seen_from(ax, pose, view, mark, names, across, shifts):
    """Draw a pose and the axes of its frame from one side; `mark` is the feather or the tip of the third axis."""
    skeleton(ax, pose, view, linewidth=1.5, label=True)
    ax.plot(*pose[:, view].T, "o", color=MEASURED, markersize=3)
    for tip, name, shift in zip(0.4 * np.eye(2), names, ((-8, shifts[0]), (6, -4)), strict=True):
        ax.annotate("", xytext=(0, 0), xy=tip, arrowprops={"arrowstyle": "-|>", "color": MEASURED, "linewidth": 2})
        _beside(ax, name, tip, shift, weight="bold")
    ax.plot(0, 0, "o", color="white", markeredgecolor=MEASURED, markersize=11, zorder=3)
    ax.plot(0, 0, mark, color=MEASURED, markersize=6, zorder=4)
    _beside(ax, across, (0, 0), (-10, shifts[1]), ha="right", weight="bold")
    ax.set(xlabel="AP (m)", ylabel=f"{DIRECTIONS[view[1]]} (m)", aspect="equal")


def _beside(ax, text, place, shift, **style):
    ax.annotate(text, place, xytext=shift, textcoords="offset points", fontsize=SMALL, **style)


def raw_and_filtered(axes, signals, *, side, force_cutoff_hz, points_cutoff_hz):
    """Draw one stance before and after the filters on a dictionary of axes: V, AP, heel, and the differences -V, -AP.

    `signals` is a stances.closeup.Signals. The legend says what the study uses by its own cutoffs, None for no filter.
    """
    milliseconds, heel = 1000 * signals.time_s, HEELS["lr".index(side)]
    before, after = {"color": "0.65"}, {"color": MEASURED, "linewidth": 1.2}
    lowpass = f"low-pass {signals.cutoff_hz:g} Hz"
    used = ("raw", f"{lowpass}: used") if force_cutoff_hz else ("raw: used", f"{lowpass}: not used")
    for name in ("V", "AP"):
        raw, filtered = (values[:, DIRECTIONS.index(name)] for values in (signals.raw, signals.filtered))
        axes[name].plot(milliseconds, raw, linewidth=3, label=used[0], **before)
        axes[name].plot(milliseconds, filtered, "--", label=used[1], **after)
        axes[name].set(title=DIRECTION_NAMES[name], ylabel="force (N)")
        axes["-" + name].plot(milliseconds, raw - filtered, color=ALARM, linewidth=0.8)
        axes["-" + name].set(ylabel="difference (N)")
    used = f"low-pass {points_cutoff_hz:g} Hz, spline: used" if points_cutoff_hz else "spline, no filter: used"
    axes["heel"].plot(1000 * signals.camera_s, signals.seen[:, heel, 2], "o", label="raw: camera frames", **before)
    axes["heel"].plot(milliseconds, signals.points[:, heel, 2], "--", label=used, **after)
    axes["heel"].set(title=f"{'left' if side == 'l' else 'right'} heel", ylabel="height (m)")
    legend(axes["V"], loc="lower center", bbox_to_anchor=(0.45, 0.1))
    legend(axes["heel"], loc="upper left")
    for name, ax in axes.items():
        zero_line(ax).set_xlabel("" if name in ("V", "AP") else "time after touchdown (ms)")
    return axes


def exclusions(ax, counts):
    """Draw how often each reason (rows of the DataFrame `counts`) left something out of each runner (columns)."""
    if counts.empty:
        ax.set_axis_off()
        ax.text(0.0, 0.5, "Nothing was left out.", transform=ax.transAxes, va="center")
        return ax
    import seaborn as sns

    sns.heatmap(
        counts,
        mask=counts == 0,
        annot=True,
        fmt="d",
        cmap="Greys",
        vmin=0,
        vmax=2 * counts.to_numpy().max(initial=1),
        cbar=False,
        linewidths=0.5,
        linecolor="0.85",
        xticklabels=True,
        yticklabels=False,
        annot_kws={"fontsize": SMALL},
        ax=ax,
    )
    ax.set_yticks(np.arange(len(counts)) + 0.5, [fill(reason, 38) for reason in counts.index])
    ax.tick_params(length=0, labelsize=SMALL)
    ax.tick_params(axis="x", rotation=90)  # names of people are wider than cells
    ax.set_xlim(0, max(24, counts.shape[1]))  # cells of a few runners stay small
    ax.set_ylabel("")
    ax.set_xlabel("runner", loc="left")
    return ax


def feature_reading(axes, time_s, curve, features, *, impact_share, loading):
    """Draw how the five features are read off one stance on axes (2,): curve (T, 3) BW over time (T,) s.

    `loading` is where the loading rate is read: times (2,) s and forces (2,) BW. Source: paper Figure 3.
    """
    horizontal, vertical = curve[:, 0], curve[:, 2]
    braking, propulsive, active = (time_s[np.argmax(values)] for values in (-horizontal, horizontal, vertical))
    impact, peak = f"impact peak, {100 * impact_share:.0f} % of stance", features["impact_peak_bw"]
    marks = [
        (axes[0], "o", impact_share * time_s[-1], peak, f"{impact}: {peak:.2f} BW"),
        (axes[0], "s", active, vertical.max(), f"active peak: {features['active_peak_bw']:.2f} BW"),
        (axes[1], "v", braking, horizontal.min(), f"braking peak: {features['braking_peak_bw']:.2f} BW"),
        (axes[1], "^", propulsive, horizontal.max(), f"propulsive peak: {features['propulsive_peak_bw']:.2f} BW"),
    ]
    axes[0].plot(1000 * time_s, vertical, color=MEASURED)
    axes[0].plot(1000 * loading[0], loading[1], "--", color=ALARM, label=f"VLR = {features['vlr_bw_s']:.1f} BW/s")
    axes[1].plot(1000 * time_s, horizontal, color=MEASURED)
    for ax, marker, when_s, force, name in marks:
        ax.plot(1000 * when_s, force, marker, color=ESTIMATED, label=name)
    zero_line(axes[1])
    for ax, title in zip(axes, ("(a) vertical", "(b) anterior-posterior"), strict=True):
        legend(ax).set(title=title, xlabel="time (ms)", ylabel="force (BW)")
    return axes


def loading_rates(ax, time_s, vertical, intervals):
    """Draw the slopes that are called vertical loading rate over the rise of a vertical force (T,) BW.

    Time (T,) s begins at touchdown. `intervals` is {definition: (times (2,) s, forces (2,) BW)}; their ends are marked.
    """
    ax.plot(1000 * time_s, vertical, ".-", color="0.65", linewidth=2, label="measured, and its frames")
    styles = zip(("o--", "s-", "^:"), (ALARM, ESTIMATED, MEASURED), strict=True)
    for (definition, (times, forces)), (style, color) in zip(intervals.items(), styles, strict=True):
        slope = (forces[1] - forces[0]) / (times[1] - times[0])
        ax.plot(1000 * times, forces, style, color=color, label=f"{definition}: {slope:.1f} BW/s")
    ax.set(xlabel="time after touchdown (ms)", ylabel="vertical force (BW)", xlim=(-1, 60))
    return legend(ax)


def one_stance(axes, time_s, measured, estimated):
    """Draw one stance, measured and {estimator: (T, 3)} estimated, (T, 3) BW over time (T,) s on axes (3,)."""
    for i, direction in enumerate(DIRECTIONS):
        axes[i].plot(1000 * time_s, measured[:, i], color=MEASURED, label="measured")
        for (name, curve), style, color in zip(estimated.items(), ("--", ":"), (ESTIMATED, ALARM), strict=False):
            axes[i].plot(1000 * time_s, curve[:, i], style, color=color, label=name.replace("_", " "))
        axes[i].set(title=DIRECTION_NAMES[direction], xlabel="time (ms)", ylabel="force (BW)")
    legend(axes[0])
    return axes


def learning(ax, table):
    """Draw training and watched error of each epoch (learning.csv's columns)."""
    ax.set(xlabel="epoch", ylabel="error (share of range)")
    if table.empty:
        return note(ax, "not trained in epochs")
    ax.plot(table["epoch"], table["training_rmse"], color=MEASURED, label="training runners, with dropout")
    if table["watched_rmse"].notna().any():
        ax.plot(table["epoch"], table["watched_rmse"], "--", color=ESTIMATED, label="watched runners")
    ax.set_ylim(bottom=0)
    ax.xaxis.get_major_locator().set_params(integer=True)
    return legend(ax)


def whitening(ax, table):
    """Draw the error on runners who are not trained on, with the whitening layer and without it (whitening.csv).

    The scale is logarithmic: the first epochs err by ten times as much as the last.
    """
    ax.set(xlabel="epoch", ylabel="error (share of range)", yscale="log")
    if table.empty:
        return note(ax, "not compared")
    ax.plot(
        table["epoch"], table["plain"], "s-", color=ALARM, markersize=3, fillstyle="none", label="without the layer"
    )
    ax.plot(table["epoch"], table["whitened"], "o-", color=ESTIMATED, markersize=3, label="with the layer")
    ax.plot(table["epoch"], table["mean_curve"], "--", color=MEASURED, label="mean curve")
    ticks = [0.02, 0.05, 0.1, 0.2, 0.5, 1]
    ax.set_yticks(ticks, ticks)
    ax.set_yticks([], minor=True)
    ax.xaxis.get_major_locator().set_params(integer=True)
    return legend(ax)


def search(ax, table):
    """Draw the validation error of each trial and fold (search.csv's columns trial, error, state)."""
    colors = {"complete": ESTIMATED, "pruned": ALARM}
    ax.set(xlabel="trial", ylabel="validation error (share of range)")
    if table.empty:
        return note(ax, "nothing is searched")
    import seaborn as sns

    states = {"hue": "state", "style": "state", "palette": colors, "hue_order": colors, "style_order": colors}
    sns.scatterplot(table, x="trial", y="error", markers=["o", "X"], alpha=0.7, ax=ax, **states)
    ax.xaxis.get_major_locator().set_params(integer=True)
    return legend(ax)
