"""The framework as one drawing (paper Figure 2): from points to forces, what is searched, and what was found.

In: a recipe, the ranges of its search, a stance, numbers of runners, and Axes. Out: the Axes. The paper's ranges and
its optimum are in its figure and not in its text: these are ours.
"""

import numpy as np
import pandas as pd
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from grfkit.plot import ALARM, ESTIMATED, MEASURED, SIDE_VIEW, counted, note, skeleton
from grfkit.points import DIRECTIONS, INPUTS

WIDTH, HEIGHT = 100, 60  # the drawing's units: a tenth of an inch on Axes of 10 x 6 inches
FILLS = {"data": "white", "fixed": "0.88", "trained": "#CFE5F3"}  # the last is ESTIMATED, light
LINE, THIN = "0.3", "0.6"
NAMES = {
    "learning_rate": "learning rate",
    "batch_size": "batch size",
    "window": "window (steps)",
    "positions_m": "positions (m)",
    "velocities_m_s": "velocities (m/s)",
    "accelerations_m_s2": "accelerations (m/s²)",
    "times_s": "times (s)",
    "noise": "ridge",
    "edges": "weight of padding",
}


def framework(ax, recipe, ranges, *, stance, runners, folds, trials, best=None):
    """Draw how a recipe goes from points to forces, and how it is searched, trained and tested.

    `ranges` {name: [low, high], or the choices of batch_size} are those of an LSTM's search; a recipe's own are added.
    `stance` is any one's points (T, 11, 3) m and forces (T, 3) BW, `runners` the numbers of those who train and test.
    `best` is what the search found, as best.yaml; without it the ranges stand alone. Source: paper, Figure 2.
    """
    ax.clear()
    ax.set(xlim=(0, WIDTH), ylim=(0, HEIGHT), box_aspect=HEIGHT / WIDTH)
    ax.axis("off")
    searched = _searched(recipe, ranges)
    if not searched:
        ax.set_box_aspect(0.05)  # of one line
        return note(ax, f"The recipe {recipe.name} searches nothing: {recipe.about}.", "upper left")
    for low, high, title in (
        (43.5, 59.5, f"One sample: a stance of one leg, with {1000 * recipe.padding_s:.0f} ms before and after"),
        (26, 42, "The estimator"),
        (0.5, 24.5, "Search, training and test"),
    ):
        ax.add_patch(Rectangle((0.3, low), WIDTH - 0.6, high - low, facecolor="0.975", edgecolor="0.8", zorder=0))
        _write(ax, (1.3, high - 1.6), title, size=9, ha="left", weight="bold", color=ESTIMATED)
    _sample(ax, recipe, stance[0])
    _estimator(ax, recipe, stance[1])
    _protocol(ax, recipe, runners, folds, trials)
    one = recipe.kernel and recipe.kernel.candidates == 1
    _table(ax, searched, _found(best or {}), heads=("limits", "middle") if one else ("searched", "found"))
    return ax


def found(recipe, ranges, best):
    """List what framework's table shows, as text: a DataFrame, a row for each hyper-parameter, of limits and value."""
    values = _found(best)
    rows = {
        NAMES.get(name, name): [_range(span, name), values.get(name, "…")]
        for name, span in _searched(recipe, ranges).items()
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["limits", "found"])


def _searched(recipe, ranges):
    """List what is searched: {name: [low, high] or choices}; of a kernel only what has more than one value."""
    if recipe.estimator == "lstm":
        return ranges | (recipe.whiten.model_dump() if recipe.whiten else {})
    spans = recipe.kernel.model_dump() if recipe.kernel else {}
    return {name: span for name, span in spans.items() if isinstance(span, list) and span[0] < span[1]}


def _found(best):
    """Give what was found as text, {name: text}: where several candidates are averaged, from the least to the most."""
    if "candidates" not in best:
        return {name: _number(value) for name, value in best.items()}
    chosen = [best["candidates"][number] for number in {n for numbers in best["chosen"].values() for n in numbers}]
    return {name: _range(sorted(each[name] for each in chosen)) for name in chosen[0]}


def _number(value):
    if isinstance(value, int) or value == 0 or value >= 0.001:
        return f"{value}" if isinstance(value, int) else f"{value:.2g}"
    return f"{value:.1e}".replace(".0e", "e").replace("e-0", "e-")


def _range(values, name=None):
    """Write the least and the most of values in order; of a batch size each choice."""
    if name == "batch_size":
        return " or ".join(map(_number, values))
    low, high = _number(values[0]), _number(values[-1])
    return low if low == high else f"{low} to {high}{', odd' * (name == 'window')}"


def _write(ax, place, text, *, size=7.5, ha="center", **style):
    ax.text(*place, text, fontsize=size, ha=ha, va="center", linespacing=1.25, **style)


def _box(ax, place, size, text, kind="data"):
    """Draw a box about its middle; the first line of its text is bold."""
    (x, y), (width, height) = place, size
    corner, inner = (x - width / 2 + 0.6, y - height / 2 + 0.6), (width - 1.2, height - 1.2)
    edge = ESTIMATED if kind == "trained" else THIN
    ax.add_patch(FancyBboxPatch(corner, *inner, "round,pad=0.6", facecolor=FILLS[kind], edgecolor=edge))
    title, *rest = text.split("\n")
    _write(ax, (x, y + 0.85 * len(rest)), title, size=8.5, weight="bold")
    _write(ax, (x, y - 0.95), "\n".join(rest))


def _arrow(ax, tail, tip, style="-|>"):
    ax.add_patch(FancyArrowPatch(tail, tip, arrowstyle=style, mutation_scale=10, color=LINE, shrinkA=0, shrinkB=0))


def _chain(ax, y, height, boxes):
    """Draw boxes (middle, width, text, kind) from left to right, and an arrow from each to the next."""
    for (x, width, text, kind), after in zip(boxes, [*boxes[1:], None], strict=True):
        _box(ax, (x, y), (width, height), text, kind)
        if after:
            _arrow(ax, (x + width / 2, y), (after[0] - after[1] / 2, y))


def _sample(ax, recipe, points):
    """Draw a stance as stick figures, and what becomes of its points."""
    scale = 10.5 / np.ptp(points[..., 2])
    shift = np.array([2.5 - scale * points[..., 0].min(), 0, 44.8 - scale * points[..., 2].min()])
    for pose in points[np.linspace(0, len(points) - 1, 5).astype(int)]:
        skeleton(ax, scale * pose + shift, SIDE_VIEW, linewidth=0.9)
    ax.plot([1.5, 27], [44.8, 44.8], color=THIN, linewidth=0.8)
    kinds = [kind for kind in recipe.inputs if kind != "times"]
    legs = "left legs mirrored" if recipe.mirror else "left and right together"
    boxes = [
        (38, 17, "11 points\npelvis; hip, knee, ankle,\nheel, toe of both legs", "data"),
        (60, 20, f"touchdown frame\norigin: pelvis at touchdown,\non the ground; {legs}", "fixed"),
        (78.5, 10, "cubic spline\nto the frames\nof the force", "fixed"),
        (92.5, 11, f"{len(INPUTS) * len(kinds)} inputs\n× time", "data"),
    ]
    _chain(ax, 50.3, 9, boxes)


def _estimator(ax, recipe, forces):
    """Draw the parts of the estimator in a row, and the three forces that come out."""
    if recipe.estimator == "lstm":
        window = [(28.5, 20, "whitening\na window of steps about each,\ndecorrelated and scaled", "fixed")]
        boxes = [
            (8.5, 14, "MinMax\neach variable\nfrom 0 to 1", "fixed"),
            *(window if recipe.whiten else []),
            (49.5, 16, "LSTM\nboth directions; layers\nof units, dropout", "trained"),
            (67, 13, "linear layer\nto the frames\nof each step", "trained"),
        ]
    else:
        mean = f"mean\nof the best {recipe.kernel.averaged}\nin each direction"
        pairs = [", ".join(recipe.inputs[i : i + 2]) for i in range(0, len(recipe.inputs), 2)]
        boxes = [
            (12, 21, "\n".join(["whole stances", *pairs]), "fixed"),
            (38, 22, "kernel ridge regression\nstances that move alike\nhave similar forces", "trained"),
            *([(63, 18, mean, "trained")] if recipe.kernel.candidates > 1 else []),
        ]
    _chain(ax, 32.5, 9, boxes)
    _arrow(ax, (boxes[-1][0] + boxes[-1][1] / 2, 32.5), (79, 32.5))
    ax.plot([92.5, 92.5, 14], [45.8, 42.75, 42.75], color=LINE, linewidth=1)
    _arrow(ax, (14, 42.75), (14, 37))
    key = "grey: fixed beforehand or scaled to the training stances; blue: searched or trained"
    _write(ax, (16.5, 40.4), key, ha="left")
    if recipe.offset_m:
        moved = f"each epoch of training moves every point of a stance by an offset (SD {1000 * recipe.offset_m:g} mm)"
        _write(ax, (16.5, 38.6), moved, ha="left")
    across, heights = np.linspace(81, 98, len(forces)), 27.2 + 9 * (forces - forces.min()) / np.ptp(forces)
    for i, (name, style) in enumerate(zip(DIRECTIONS, ("--", ":", "-"), strict=True)):
        ax.plot(across, heights[:, i], style, color=MEASURED, linewidth=1.2, label=name)
    _write(ax, (89.5, 40.4), "3 forces × time (BW)", size=8.5, weight="bold")
    place = {"loc": "center", "bbox_to_anchor": (89.5, 38.2), "bbox_transform": ax.transData}
    ax.legend(ncols=3, fontsize=7, frameon=False, handlelength=1.8, columnspacing=1.2, **place)


def _protocol(ax, recipe, runners, folds, trials):
    """Draw who is trained on, who is tested, and how the hyper-parameters are chosen."""
    train, test = runners
    tries, parts = f"Optuna\n{trials} trials,\nthe worst stopped early", (f"{folds} folds", f"of {recipe.folds}")
    if recipe.kernel:
        drawn = recipe.kernel.candidates
        tries = f"random draws\n{drawn} candidates" if drawn > 1 else "nothing is chosen:\nmiddle of the limits"
        parts = ("leave out", "each runner")
    boxes = [
        (8.5, 14, f"{counted(train, 'runner')}\nto train", "data"),
        (29.5, 18, "", "data"),
    ]
    _chain(ax, 16.5, 8.5, boxes)
    _box(ax, (53, 16.5), (17, 8.5), tries, "trained")
    _arrow(ax, (38.5, 16.5), (44.5, 16.5), "<|-|>")
    _write(ax, (26.5, 17.35), parts[0], size=8.5, weight="bold")
    _write(ax, (26.5, 15.55), parts[1])
    _folds(ax, (33, 13.9), 5 if recipe.kernel else min(folds, 10))
    _box(ax, (8.5, 5), (14, 7), f"{counted(test, 'runner')}\nto test")
    _box(ax, (29.5, 5), (18, 7), "errors (03 to 07)\non the test runners")
    one = recipe.kernel and recipe.kernel.candidates == 1
    _box(ax, (53, 5), (17, 7), f"{'that' if one else 'best'} set (03)\nfitted to all who train", "trained")
    _arrow(ax, (53, 12.25), (53, 8.5))
    _arrow(ax, (44.5, 5), (38.5, 5))
    _arrow(ax, (15.5, 5), (20.5, 5))
    ax.plot([1.5, 42], [10.4, 10.4], "--", color=ALARM, linewidth=1)
    _write(ax, (29.5, 10.4), "split by runner", color=ALARM, backgroundcolor="0.975")


def _folds(ax, corner, number):
    """Draw folds as rows of parts, of which another is held out in each."""
    width, height = 4 / number, 5.5 / number
    for row, column in np.ndindex(number, number):
        color = ESTIMATED if row == column else FILLS["fixed"]
        place = corner[0] + width * column, corner[1] + height * row
        ax.add_patch(Rectangle(place, 0.85 * width, 0.8 * height, color=color, linewidth=0))


def _table(ax, searched, found, *, heads):
    """Write what is searched, between which limits, and what was found, under these two heads."""
    columns = (66, 82, 97.5)
    for x, ha, name in zip(columns, ("left", "center", "right"), ("hyper-parameter", *heads), strict=True):
        _write(ax, (x, 22.6), name, size=8, ha=ha, weight="bold")
    ax.plot([65.5, 98], [21.3, 21.3], color=LINE, linewidth=0.8)
    for row, (name, values) in enumerate(searched.items()):
        y = 19.6 - 2.75 * row
        _write(ax, (columns[0], y), NAMES.get(name, name), size=8, ha="left")
        _write(ax, (columns[1], y), _range(values, name), size=8)
        _write(ax, (columns[2], y), found.get(name, "…"), size=8, ha="right", weight="bold", color=ESTIMATED)
