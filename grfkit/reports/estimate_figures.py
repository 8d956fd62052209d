"""Draw what was estimated of a recording: small images for its page, as data addresses, each with a text beside it.

In: tables of field.estimate and field.summary. Out: lists of {src, alt, title}.
"""

import numpy as np

from grfkit.field.estimate_tables import BAND
from grfkit.reports import estimate_words
from grfkit.reports.estimate_words import DIRECTION_WORDS, QUANTITIES
from grfkit.reports.plots import images
from grfkit.reports.words import written

SIZE = (3.7, 2.6)  # inches of an image, which a phone shows whole
PLACE = (0.17, 0.17, 0.65, 0.72)  # of its axes, as shares: room for newtons


def curve_figures(file, steps, curves, weight_n, level):
    """Draw the mean force of left and right over contact, an image for each direction: a list of {src, alt, title}."""
    from grfkit.reports.plots import field as field_plots

    shown = []
    for direction, sides in mean_curves(file, steps, curves).items():
        ranges = "; ".join(
            f"{'left' if leg == 'l' else 'right'}: {written(mean.min(), 2)} to {written(mean.max(), 2)} BW"
            for leg, (mean, *_) in sides.items()
        )
        title = DIRECTION_WORDS[direction]
        alt = f"Mean estimated force {title} over contact with its {100 * level:g} % band; {ranges}."
        shown.append({"src": _image(field_plots.mean_curves, sides, weight_n=weight_n), "title": title, "alt": alt})
    return shown


def mean_curves(file, steps, curves):
    """Average the curves of left and right steps over contact: {direction: sides}, as plots.field.mean_curves draws."""
    curves = curves[curves["file"] == file]
    side = curves["step"].map(steps.set_index("step")["side"])
    means = to_the_inside(curves, side).drop(columns="file").groupby([side.rename("side"), "node"]).mean()
    counts = steps["side"].value_counts()
    columns = {direction: [f"{word}_{direction.lower()}" for word in BAND] for direction in DIRECTION_WORDS}
    return {
        direction: {leg: (*means.loc[leg, names].to_numpy().T, counts[leg]) for leg in sorted(counts.index)}
        for direction, names in columns.items()
    }


def plate_figures(file, steps, curves, level):
    """Draw mean force as estimated and as plates measured it, an image for each direction: a list of {src, alt, title}.

    Both are of the steps that plates measured.
    """
    from grfkit.reports.plots import field as field_plots

    have = steps[steps["plate_touchdown_s"].notna()].set_index("step")["side"]
    mine, shown = curves[(curves["file"] == file) & curves["step"].isin(have.index)], []
    mine = to_the_inside(mine, mine["step"].map(have))
    for direction, title in DIRECTION_WORDS.items():
        columns = {kind: mine[f"{kind}_{direction.lower()}"] for kind in ("plate", "est", "low", "high")}
        means = [values.groupby(mine["node"]).mean().to_numpy() for values in columns.values()]
        measured, estimated = (f"{written(mean.min(), 2)} to {written(mean.max(), 2)} BW" for mean in means[:2])
        alt = f"Mean force {title} over contact, {len(have)} steps: measured {measured}, estimated {estimated}."
        src = _image(field_plots.beside_plates, *means, level=level, count=len(have))
        shown.append({"src": src, "title": title, "alt": alt})
    return shown


def to_the_inside(curves, side):
    """Turn the sideways force of left legs about, so that it is positive to the inside of each leg; `side` of each row.

    Edges of bands change places.
    """
    left = (side == "l").to_numpy()
    names = [name for name in ("est_ml", "low_ml", "high_ml", "plate_ml") if name in curves]
    turned = {name: np.where(left, -curves[name], curves[name]) for name in names}
    if left.any():
        turned["low_ml"], turned["high_ml"] = (
            np.minimum(turned["low_ml"], turned["high_ml"]),
            np.maximum(turned["low_ml"], turned["high_ml"]),
        )
    return curves.assign(**turned)


def time_figures(steps, trends):
    """Draw contact time, peak force and loading rate of each step over time: a list of {src, alt, title}."""
    from grfkit.reports.plots import field as field_plots

    shown, lines = [], trends[trends["of"] == "steps"].set_index("quantity")
    for quantity in estimate_words.OVER_TIME if np.isfinite(lines["per_min"]).any() else []:
        of, left = QUANTITIES[quantity], (steps["side"] == "l").to_numpy()
        seconds, values = steps["touchdown_s"].to_numpy(), of.factor * steps[quantity].to_numpy()
        ends = of.factor * lines.loc[quantity, ["at_start", "at_end"]].to_numpy(float)
        label = f"{of.name.split(' (')[0]} ({of.unit})"
        alt = (
            f"{of.name} of {len(steps)} steps over time, left and right; the straight line goes from "
            f"{written(ends[0], of.decimals)} to {written(ends[1], of.decimals)} {of.unit}."
        )
        src = _image(field_plots.step_by_step, seconds, values, left, ends, label=label)
        shown.append({"src": src, "title": f"{of.name}, step by step", "alt": alt})
    return shown


def _image(draw, *data, **options):
    """Draw on one small Axes and return the figure as a data address; the same data give the same bytes."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"font.size": 9}):
        figure = Figure(figsize=SIZE)
        draw(figure.add_axes(PLACE), *data, **options)
        return images.svg(figure)
