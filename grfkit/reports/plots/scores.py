"""Figures of notebooks 04 to 06: errors of the test stances, and their features, measured against estimated.

In: tables of grfkit.metrics, grfkit.features and grfkit.tables, and Axes. Out: the Axes. Nothing is computed, shown or
saved.
"""

import numpy as np
import seaborn as sns

from grfkit.metrics import ours
from grfkit.plot import ALARM, ESTIMATED, MEASURED, counted, legend, note
from grfkit.tables import FEATURE_NAMES, WRITTEN

MOST_RUNNERS = 8  # are told apart by colour and marker; more would fill the figure with their legend: our choice


def errors(ax, by_stance, table, measure):
    """Draw an error of each stance as a dot, with the means of each estimator and the published ones.

    `by_stance` has a row for each estimator, stance and direction or feature (metrics.by_stance,
    tables.feature_errors), `table` is Table 1 or 3 of the same, `measure` the error's name.
    """
    key = "direction" if "direction" in table else "feature"
    names, own = list(dict.fromkeys(table[key])), ours(table)
    estimators = [own, *(name for name in dict.fromkeys(table["estimator"]) if name != own)]
    colors = dict(zip(estimators, (ESTIMATED, "0.6", ALARM), strict=False))
    where = {"x": key, "y": measure, "order": names, "hue": "estimator", "hue_order": estimators, "palette": colors}
    sns.stripplot(by_stance, **where, dodge=True, jitter=0.12, size=3.5, alpha=0.5, ax=ax, legend=False)
    width = 0.8 / len(estimators)
    for i, estimator in enumerate(estimators):
        means = table[table["estimator"] == estimator].set_index(key).loc[names, f"{measure}_mean"]
        middles = np.arange(len(names)) - 0.4 + width * (i + 0.5)
        label = "ours" if estimator == own else estimator.replace("_", " ")
        look = {"color": colors[estimator], "linewidth": 3, "label": f"{label}: stances (dots) and mean"}
        ax.hlines(means, middles - 0.4 * width, middles + 0.4 * width, **look)
    published = table[table["estimator"] == own].set_index(key).loc[names, f"published_{measure}_mean"]
    ends = np.arange(len(names)) - 0.42, np.arange(len(names)) + 0.42
    ax.hlines(published, *ends, color=MEASURED, linestyle="--", linewidth=1, label="published mean")
    ax.set(xlabel="", ylabel=WRITTEN[measure][0], ylim=(0, None))
    ax.set_xticks(
        range(len(names)), [FEATURE_NAMES.get(name, name).split(" (")[0].replace(" ", "\n") for name in names]
    )
    return legend(ax, loc="lower left", bbox_to_anchor=(0, 1))


def measured_against_estimated(axes, by_stance, runners):
    """Draw each feature of each stance, estimated over measured, on axes (3, 2); on the line both are equal.

    `by_stance` as features.by_stance returns, of one estimator; `runners` (metrics.runner_of) of the same rows are told
    apart by colour and marker where they are few. The last axes carry the legend.
    """
    panels, last = axes.flat[: len(FEATURE_NAMES)], axes.flat[-1]
    table, few = by_stance.assign(runner=runners), runners.nunique() <= MOST_RUNNERS
    look = {"hue": "runner", "style": "runner", "palette": "colorblind"} if few else {"color": ESTIMATED}
    for i, (ax, (feature, name)) in enumerate(zip(panels, FEATURE_NAMES.items(), strict=True)):
        mine = table[table["feature"] == feature]
        sns.scatterplot(mine, x="measured", y="estimated", **look, s=30, alpha=0.8, ax=ax, legend=few and i == 0)
        ax.axline((mine["measured"].mean(),) * 2, slope=1, color="grey", linewidth=1, zorder=0)
        ax.set(xlabel="measured", ylabel="estimated", aspect="equal", adjustable="datalim")
        ax.set_title(name, fontsize="medium")
    last.set_axis_off()
    note(last, f"n = {by_stance['stance'].nunique()} stances\n{counted(runners.nunique(), 'runner')}", "upper left")
    if few:
        drawn = panels[0].get_legend()
        legend(
            last, handles=drawn.legend_handles, labels=[text.get_text() for text in drawn.get_texts()], loc="lower left"
        )
        drawn.remove()
    return axes
