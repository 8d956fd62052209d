"""Figures of forces without plates: notebooks 10 and 12, and the page of an estimate.

In: tables and arrays of grfkit.field and grfkit.evaluation, and Axes. Out: the Axes. Nothing is computed, shown or
saved.
"""

import numpy as np

from grfkit.evaluation.field.robustness import WAYS
from grfkit.field.events import EVENT_NAMES
from grfkit.plot import ALARM, ESTIMATED, MEASURED, SMALL, counted, legend, mean_band, note, zero_line
from grfkit.points import DIRECTION_NAMES, DIRECTIONS
from grfkit.reports.plots.legends import legend_outside

LINES = [("o-", MEASURED), ("s--", ESTIMATED), ("^:", ALARM)]
STREAMED = [(":", ALARM), ("--", ESTIMATED)]
FEET = ["left", "right"]
LEGS = {  # in grey the hatch, the dashes and the markers tell them apart
    "l": {"name": "left", "color": ALARM, "linestyle": "--", "hatch": "///", "marker": "o", "face": "white"},
    "r": {"name": "right", "color": ESTIMATED, "linestyle": "-", "hatch": None, "marker": "s", "face": ESTIMATED},
}


def timing(axes, errors, *, runners):
    """Draw the errors (ms) of each event by speed and detector on axes (3,).

    A box is the middle half with its median, whiskers hold 90 %. `errors` are {detector: table as
    field_accuracy.timing_errors}.
    """
    speeds = sorted(next(iter(errors.values()))["speed"].unique())
    box = {
        "widths": 0.3,
        "whis": (5, 95),
        "showfliers": False,
        "patch_artist": True,
        "medianprops": {"color": MEASURED},
    }
    looks = (
        (-0.18, {"facecolor": ALARM, "alpha": 0.45}),
        (0.18, {"facecolor": ESTIMATED, "alpha": 0.45, "hatch": "///"}),
    )
    for ax, (event, name) in zip(axes, EVENT_NAMES.items(), strict=True):
        for (detector, table), (shift, look) in zip(errors.items(), looks, strict=True):
            values = [table.loc[table["speed"] == speed, event].dropna() for speed in speeds]
            # not seaborn's boxes: its 0.13 calls Matplotlib 3.11 in a way that warns on the page
            ax.boxplot(values, positions=np.arange(len(speeds)) + shift, boxprops=look, label=detector, **box)
        zero_line(ax).set_ylabel("detected - measured (ms)")
        ax.set_title(name, fontsize="medium")
        ax.set_xticks(np.arange(len(speeds)), speeds)
    axes[0].set_ylim(top=axes[0].get_ylim()[1] + 0.4 * np.ptp(axes[0].get_ylim()))  # room for the legend
    legend(axes[0], loc="upper left")
    note(axes[1], f"n = {len(next(iter(errors.values())))} steps\n{counted(runners, 'runner')}", "upper left")
    return axes


def stance_band(axes, measured, estimated, half, *, level):
    """Draw one stance's measured and estimated curves (101, 3) BW with a band of half widths (101, 3) on axes (3,)."""
    percent = np.linspace(0, 100, len(measured))
    for number, (ax, direction) in enumerate(zip(axes, DIRECTIONS, strict=True)):
        middle, width = estimated[:, number], half[:, number]
        look = {"facecolor": ESTIMATED, "alpha": 0.25, "linewidth": 0, "label": f"{100 * level:g} % band"}
        ax.fill_between(percent, middle - width, middle + width, **look)
        ax.plot(percent, measured[:, number], color=MEASURED, label="measured")
        ax.plot(percent, middle, "--", color=ESTIMATED, label="estimated")
        zero_line(ax).set(xlabel="stance (%)", xlim=(0, 100))
        ax.set_title(DIRECTION_NAMES[direction], fontsize="medium")
    axes[0].set_ylabel("force (BW)")
    legend(axes[0])
    return axes


def coverage(axes, table, *, level):
    """Draw the share (%) of samples of each runner that lie in the bands on axes (3,).

    `table` has a column for the runner and one for each direction.
    """
    for ax, direction in zip(axes, DIRECTIONS, strict=True):
        values = np.sort(table[direction])
        ax.axhline(100 * level, color=MEASURED, linestyle="--", label=f"{100 * level:g} %")
        ax.plot(np.arange(len(values)), values, "o", color=ESTIMATED, label="a runner")
        ax.set(xlabel="runners, in order", xticks=[])
        ax.set_ylim(min(50, values.min() - 5), 101)
    axes[0].set_ylabel("samples in the band (%)")
    legend(axes[0], loc="lower right")
    note(axes[2], counted(len(table), "runner"), "lower right")
    return axes


def cop(axes, measured, estimated, *, runners):
    """Draw mean centres of pressure (S, 101, 2) m over stance, with bands of one SD, on axes (2,).

    They are of right-like legs, from the ankle joint.
    """
    titles = "anterior-posterior, forward +", "medial-lateral, to the inside +"
    for number, (ax, title) in enumerate(zip(axes, titles, strict=True)):
        mean_band(ax, 1000 * measured[..., number], label="measured", color=MEASURED)
        mean_band(ax, 1000 * estimated[..., number], label="estimated", color=ESTIMATED, linestyle="--", hatch="///")
        zero_line(ax).set_ylabel("centre of pressure (mm)")
        ax.set_title(title, fontsize="medium")
    legend(axes[0], loc="lower right")
    note(axes[1], f"n = {len(measured)} stances\n{counted(runners, 'runner')}")
    return axes


def degraded(axes, table):
    """Draw how errors grow on axes (W, 3), a row for each way in which recordings are degraded.

    The columns are RMSE of events (ms), nRMSE of forces (%) and the share of steps estimated (%). `table` as
    robustness.evaluate_degraded; its first row, nothing degraded, is drawn as thin lines.
    """
    plain, ways = table.iloc[0], list(dict.fromkeys(table["way"]))[1:]
    columns = [
        ("RMSE (ms)", {name: f"{event}_rmse_ms" for event, name in EVENT_NAMES.items()}),
        ("nRMSE (%)", {DIRECTION_NAMES[direction]: f"nrmse_pct_{direction.lower()}" for direction in DIRECTIONS}),
        ("steps estimated (%)", {"steps estimated": "estimated_pct"}),
    ]
    for row, way in zip(axes, ways, strict=True):
        mine = table[table["way"] == way]
        amount = WAYS[way].factor * mine["amount"]
        for ax, (_, quantities) in zip(row, columns, strict=True):
            for (name, key), (style, color) in zip(quantities.items(), LINES, strict=False):
                ax.plot(amount, mine[key], style, color=color, label=name, markersize=4)
                ax.axhline(plain[key], color=color, linewidth=0.5)
            ax.set_ylim(bottom=0)
        row[1].set_xlabel(WAYS[way].called)
    for ax, (unit, _) in zip(axes[0], columns, strict=True):
        ax.set_title(unit, fontsize="medium")
    axes[0, 2].set_ylim(top=105)
    for ax in axes[0, :2]:
        legend(ax, loc="upper left")
    note(axes[0, 2], f"n = {plain['steps']} steps", "lower left")
    return axes


def cutoffs(axes, tables):
    """Draw how errors grow with point noise for models trained with different low-passes on axes (3,).

    The panels are toe-off, AP and vertical force. `tables` are {cutoff Hz: table as robustness.evaluate_degraded};
    where nothing is degraded, noise is 0.
    """
    panels = {
        "toeoff_rmse_ms": "toe-off: RMSE (ms)",
        "nrmse_pct_ap": "anterior-posterior: nRMSE (%)",
        "nrmse_pct_v": "vertical: nRMSE (%)",
    }
    for (cutoff_hz, table), (style, color) in zip(tables.items(), LINES, strict=False):
        mine = table[table["way"].isin(["none", "noise"])]
        label = "as recorded" if cutoff_hz is None else f"low-pass {cutoff_hz:g} Hz"
        for ax, key in zip(axes, panels, strict=True):
            ax.plot(WAYS["noise"].factor * mine["amount"], mine[key], style, color=color, markersize=4, label=label)
    for ax, label in zip(axes, panels.values(), strict=True):
        ax.set(xlabel=WAYS["noise"].called, ylabel=label)
        ax.set_ylim(bottom=0)
    legend(axes[0])
    note(axes[1], f"n = {next(iter(tables.values()))['steps'].iloc[0]} steps", "lower right")
    return axes


def streamed(axes, times, measured, by_name, *, about):
    """Draw forces (T, 2, 3) BW of the left and the right foot over times (T,) s on axes (3,).

    `measured` is NaN where it is not known, `by_name` is {name: streamed forces}.
    """
    seconds = times - times[0]
    curves = [("measured", measured, {"color": MEASURED, "linewidth": 1.6})]
    for (name, force), (style, color) in zip(by_name.items(), STREAMED, strict=False):
        curves.append((name, force, {"color": color, "linestyle": style, "linewidth": 1.3}))
    for number, (ax, direction) in enumerate(zip(axes, DIRECTIONS, strict=True)):
        for foot in range(2):
            for name, force, look in curves:
                ax.plot(seconds, force[:, foot, number], label=None if foot else name, **look)
        zero_line(ax).set(xlabel="time (s)", xlim=(0, seconds[-1]))
        ax.set_title(DIRECTION_NAMES[direction], fontsize="medium")
    axes[0].set_ylabel("force (BW)")
    axes[0].set_ylim(bottom=2.6 * axes[0].get_ylim()[0])  # room for the legend
    axes[1].set_ylim(top=1.3 * axes[1].get_ylim()[1])  # room for whose it is
    top = axes[2].get_ylim()[1]
    axes[2].set_ylim(top=1.25 * top)  # room for the names of the feet
    for name, peak in zip(FEET, np.nanargmax(measured[..., 2], axis=0), strict=True):
        axes[2].text(seconds[peak], 1.03 * top, name, ha="center", fontsize=SMALL)
    legend(axes[0], loc="lower right", handlelength=1.6)
    note(axes[1], f"{about},\nleft out", "upper left")
    return axes


def errors_by_lag(axes, table, others, *, stances, runners):
    """Draw nRMSE (%) of each direction by lag on axes (3,).

    `table` as stream_accuracy.by_lag, `others` {name: {direction: nRMSE}} are level lines.
    """
    for ax, direction in zip(axes, DIRECTIONS, strict=True):
        values = table[f"nrmse_pct_{direction.lower()}"]
        ax.plot(table["lag_ms"], values, "o-", color=ESTIMATED, label="streamed")
        for (name, other), style in zip(others.items(), ("--", ":"), strict=False):
            ax.axhline(other[direction], color=MEASURED, linestyle=style, label=name)
        ax.set_title(DIRECTION_NAMES[direction], fontsize="medium")
        ax.set_xlabel("lag (ms)")
        ax.set_ylim(0, 1.1 * max([*values, *(other[direction] for other in others.values())]))
    axes[0].set_ylabel("nRMSE (%)")
    note(axes[2], f"n = {stances} stances\n{counted(runners, 'runner')}", "lower right")
    return legend_outside(axes, ncols=3)


def mean_curves(ax, sides, *, weight_n):
    """Draw the mean curve of each side with its band over 0-100 % of contact.

    `sides` is {"l" or "r": (mean, low, high (Q,) BW, number of steps)}. With `weight_n`, the body weight (N), a second
    axis is in newtons.
    """
    for side, (mean, low, high, count) in sides.items():
        leg, percent = LEGS[side], np.linspace(0, 100, len(mean))
        band = {"facecolor": leg["color"], "edgecolor": leg["color"], "hatch": leg["hatch"]}
        ax.fill_between(percent, low, high, alpha=0.2, linewidth=0, **band)
        ax.plot(percent, mean, leg["linestyle"], color=leg["color"], label=f"{leg['name']}, n = {count}")
    zero_line(ax).set(xlabel="contact (%)", ylabel="force (BW)", xlim=(0, 100))
    if weight_n:
        newtons = (lambda force: force * weight_n), (lambda force: force / weight_n)
        ax.secondary_yaxis("right", functions=newtons).set_ylabel("force (N)")
    return legend(ax)


def beside_plates(ax, measured, estimated, low, high, *, level, count):
    """Draw mean curves (Q,) BW of the same `count` steps, as plates measured and as estimated with its band."""
    percent = np.linspace(0, 100, len(measured))
    look = {"facecolor": ESTIMATED, "alpha": 0.25, "linewidth": 0, "label": f"{100 * level:g} % band"}
    ax.fill_between(percent, low, high, **look)
    ax.plot(percent, measured, color=MEASURED, label=f"measured, n = {count}")
    ax.plot(percent, estimated, "--", color=ESTIMATED, label="estimated")
    zero_line(ax).set(xlabel="contact (%)", ylabel="force (BW)", xlim=(0, 100))
    return legend(ax)


def step_by_step(ax, seconds, values, left, line, *, label):
    """Draw values (S,) of steps over time (S,) s, left steps (S,) bool hollow.

    `line` (2,) is the straight line at the first and last step, NaN where there is none.
    """
    for leg, mine in zip(LEGS.values(), (left, ~left), strict=True):
        look = {"color": leg["color"], "markerfacecolor": leg["face"], "markersize": 3}
        ax.plot(seconds[mine], values[mine], leg["marker"], label=leg["name"], **look)
    if np.isfinite(line).all():
        ax.plot(seconds[[0, -1]], line, "-", color=MEASURED, linewidth=1.2, label="straight line")
    ax.set(xlabel="time (s)", ylabel=label)
    place = {"loc": "upper center", "bbox_to_anchor": (0.5, 1.16), "ncols": 3}
    return legend(ax, **place, columnspacing=1, handletextpad=0.3)
