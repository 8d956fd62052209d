"""Tables 1 to 3 of the paper, and the smaller tables of notebooks 01, 04, 05 and 06.

In: scores or features of each stance (metrics.by_stance, features.by_stance), and the paper's own numbers, sections of
published.yaml. Out: DataFrames, with the published numbers in columns named published_*. `over_published`,
`written_worst`, `written_rates` and `p_value` write them for a page, with the digits that the data deserve.
"""

import numpy as np
import pandas as pd
from scipy.stats import ttest_rel

from grfkit import features
from grfkit.metrics import MEASURES, ours, pearson, runner_of

WORST = ["r", "rmse_bw", "nrmse_pct", "p"]  # measures by which a stance is the worst
WRITTEN = {  # how a page names a measure, and with how many decimals it is written: our choice
    "r": ("r", 3),
    "rmse_bw": ("RMSE (BW)", 3),
    "nrmse_pct": ("nRMSE (%)", 1),
    "estimated": ("estimated", 2),
    "measured": ("measured", 2),
    "p": ("p", None),
    "abs_error": ("absolute error", 2),
    "rel_error_pct": ("relative error (%)", 1),
}
FEATURE_NAMES = {name: name.replace("_bw", " (BW)").replace("_", " ") for name in features.FEATURES}
FEATURE_NAMES["vlr_bw_s"] = "VLR (BW/s)"


def table1(scores, published):
    """Summarise r, RMSE (BW) and nRMSE (%) over stances (paper Table 1); `scores` as metrics.by_stance returns.

    `n` counts the stances with an estimate.
    """
    groups = scores.groupby(["estimator", "direction"], sort=False)
    table = _mean_and_sd(groups, MEASURES).assign(n=groups["rmse_bw"].count())
    return beside_published(table.reset_index(), "direction", published)


def worst(scores, published):
    """Find the worst stance by each measure: a row for each estimator, direction and measure, with all its scores.

    It has the least r, the largest RMSE (BW), nRMSE (%) or P of the correlation. `published` holds the worst of the
    paper's 72 stances, of which it does not say whether they are one. What was not estimated has no row.
    """
    rows, name = [], ours(scores)
    for (estimator, direction), mine in scores.groupby(["estimator", "direction"], sort=False):
        for measure in WORST if mine["rmse_bw"].notna().any() else []:
            place = mine[measure].idxmin() if measure == "r" else mine[measure].idxmax()
            value = published[direction].get(measure, np.nan) if estimator == name else np.nan
            own = mine.loc[place, ["stance", *WORST]].to_dict()
            rows.append({"estimator": estimator, "direction": direction, "worst": measure, **own, "published": value})
    return pd.DataFrame(rows)


def rmse_by_runner(scores, stances):
    """Average the RMSE (BW) over each runner's stances: a row for each estimator and runner, a column a direction."""
    return (
        scores.groupby(["estimator", runner_of(scores, stances), "direction"], sort=False)["rmse_bw"]
        .mean()
        .unstack("direction")
    )


def table2(by_stance, published):
    """Compare each feature, estimated against measured, by a paired t-test (paper Table 2).

    `by_stance` as features.by_stance returns. Stances without an estimate (NaN) are left out. The test is two-tailed:
    our reading, because the paper does not say.
    """
    rows = []
    for (estimator, feature), pairs in by_stance.groupby(["estimator", "feature"], sort=False):
        pairs = pairs.dropna(subset="estimated")
        estimated, measured = pairs["estimated"], pairs["measured"]
        rows.append(
            {
                "estimator": estimator,
                "feature": feature,
                "estimated_mean": estimated.mean(),
                "estimated_sd": estimated.std(),
                "measured_mean": measured.mean(),
                "measured_sd": measured.std(),
                "p": ttest_rel(estimated, measured).pvalue if len(pairs) > 1 else np.nan,
                "n": len(pairs),
            }
        )
    return beside_published(pd.DataFrame(rows), "feature", published)


def table3(by_stance, published):
    """Summarise each feature's absolute error, and its error relative to the measured value in % (paper Table 3).

    `by_stance` as features.by_stance returns. Stances without an estimate (NaN) are left out.
    """
    groups = feature_errors(by_stance).groupby(["estimator", "feature"], sort=False)
    table = _mean_and_sd(groups, ["abs_error", "rel_error_pct"]).assign(n=groups["abs_error"].count())
    return beside_published(table.reset_index(), "feature", published)


def feature_errors(by_stance):
    """Add each feature's absolute error, and its error relative to the measured value in %, to a table of features."""
    error = (by_stance["estimated"] - by_stance["measured"]).abs()
    return by_stance.assign(abs_error=error, rel_error_pct=100 * error / by_stance["measured"].abs())


def measured_features(measured, published):
    """Summarise measured features over stances; `measured` as features.measured returns, `published` of Table 2."""
    columns = ["measured_mean", "measured_sd"]
    table = measured[features.FEATURES].agg(["mean", "std", "count"]).T.set_axis([*columns, "n"], axis=1)
    for column in columns:
        table[f"published_{column}"] = [published[feature][column] for feature in features.FEATURES]
    table.insert(0, "estimator", "force plates")
    return table.rename_axis("feature").reset_index()


def vlr_by_definition(predictions):
    """Compare the vertical loading rate by each definition in use: a row for each estimator and definition.

    `predictions` holds frames of stance alone (metrics.in_stance). Columns: mean and SD (BW/s) over stances, measured
    and estimated; the measured mean over that of the first definition; the mean error relative to the measured value
    (%); r over stances; n.
    """
    rows = []
    for estimator, frames in predictions.groupby("estimator", sort=False):
        for definition in features.LOADING_RATES:
            stance_features = features.by_stance(frames, vlr=definition)
            pairs = stance_features[stance_features["feature"] == "vlr_bw_s"].dropna(subset="estimated")
            measured, estimated = pairs["measured"], pairs["estimated"]
            rows.append(
                {
                    "estimator": estimator,
                    "definition": definition,
                    "measured_mean": measured.mean(),
                    "measured_sd": measured.std(),
                    "ratio_to_default": measured.mean(),
                    "estimated_mean": estimated.mean(),
                    "estimated_sd": estimated.std(),
                    "rel_error_pct": (100 * (estimated - measured).abs() / measured).mean(),
                    "r": pearson(pairs[["measured"]].to_numpy(), pairs[["estimated"]].to_numpy())[0, 0],
                    "n": len(pairs),
                }
            )
    table = pd.DataFrame(rows)
    table["ratio_to_default"] /= table.groupby("estimator")["measured_mean"].transform("first")
    return table


def vlr_beside_impact(rates, by_stance, published):
    """Compare the loading rate of each definition with the impact peak, ours and the paper's.

    `rates` is the table of vlr_by_definition, `by_stance` that of features.by_stance; `published` has table2 and
    table3. A row for each definition, for our estimator, and one for the paper: the rate over the peak as means (1/s),
    as SDs relative to the mean, and as errors relative to the measured value. By "touchdown_to_13" the last is 1.
    """
    name = ours(rates)
    peak = by_stance[(by_stance["estimator"] == name) & (by_stance["feature"] == "impact_peak_bw")].dropna()
    peak = _relative(
        peak["measured"].mean(),
        peak["measured"].std(),
        (100 * (peak["estimated"] - peak["measured"]).abs() / peak["measured"]).mean(),
    )
    rows = {
        row["definition"]: _relative(row["measured_mean"], row["measured_sd"], row["rel_error_pct"]) / peak
        for row in rates[rates["estimator"] == name].to_dict("records")
    }
    rate, theirs = (
        _relative(
            published["table2"][feature]["measured_mean"],
            published["table2"][feature]["measured_sd"],
            published["table3"][feature]["rel_error_pct_mean"],
        )
        for feature in ("vlr_bw_s", "impact_peak_bw")
    )
    columns = ["mean_per_s", "relative_sd", "relative_error"]
    return pd.DataFrame.from_dict(rows | {"published": rate / theirs}, orient="index", columns=columns)


def _relative(mean, sd, error_pct):
    return np.array([mean, sd / mean, error_pct])


def over_published(table, *, others=False):
    """Write Table 1, 2 or 3, or the measured features, for a page: mean ± SD as text, ours above the published.

    Returns a DataFrame of text: for each direction or feature a row of ours, one of the published and, if asked for,
    one of each other estimator.
    """
    key = "direction" if "direction" in table else "feature"
    table = table if others else table[table["estimator"] == ours(table)]
    measures = [name for name in WRITTEN if name in table or f"{name}_mean" in table]
    rows = {}
    for name, part in table.groupby(key, sort=False):
        first = FEATURE_NAMES.get(name, name)
        for row in part.sort_values("estimator", key=lambda names: names != ours(table)).to_dict("records"):
            own = row["estimator"] == ours(table)
            rows[first, "ours" if own else row["estimator"].replace("_", " ")] = [
                *(_mean_sd(row, measure, name) for measure in measures),
                f"{row['n']:.0f}",
            ]
            if own:
                rows[first, "published"] = [*(_mean_sd(row, measure, name, "published_") for measure in measures), ""]
    headings = [*(WRITTEN[measure][0] for measure in measures), "n"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=headings).set_index(pd.MultiIndex.from_tuples(rows))


def written_worst(table):
    """Write a table of `worst` for a page, our estimator alone: each number with the decimals of its measure."""
    table = table[table["estimator"] == ours(table)]
    written = pd.DataFrame({"direction": table["direction"], "worst by": table["worst"].map(lambda m: WRITTEN[m][0])})
    written["stance"] = table["stance"].astype(int)
    for measure in WORST:
        written[WRITTEN[measure][0]] = [_written(value, measure) for value in table[measure]]
    written["published"] = [_written(*pair) for pair in zip(table["published"], table["worst"], strict=True)]
    return written.set_index(["direction", "worst by"]).rename_axis([None, None])


def written_rates(table):
    """Write a table of `vlr_by_definition` for a page: mean ± SD as text, a row for each estimator and definition."""
    headings = ["measured", "estimated", "ratio to default", WRITTEN["rel_error_pct"][0], "r", "n"]
    rows = {
        ("ours" if row["estimator"] == ours(table) else row["estimator"].replace("_", " "), row["definition"]): [
            *(_mean_sd(row, measure, "vlr_bw_s") for measure in ("measured", "estimated")),
            f"{row['ratio_to_default']:.2f}",
            *(_written(row[measure], measure) for measure in ("rel_error_pct", "r")),
            f"{row['n']:.0f}",
        ]
        for row in table.to_dict("records")
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=headings).set_index(pd.MultiIndex.from_tuples(rows))


def p_value(p):
    """Write a p-value to three decimals: .020, or < .001 where that would be .000."""
    return "–" if np.isnan(p) else "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def _mean_sd(row, measure, name, prefix=""):
    if measure == "p":
        return p_value(row[f"{prefix}p"])
    mean, sd = (_written(row[f"{prefix}{measure}_{what}"], measure, name) for what in ("mean", "sd"))
    return mean if sd == "–" else f"{mean} ± {sd}"


def _written(value, measure, name=None):
    """Write one number; a loading rate, some 50 BW/s, has a decimal less than a peak."""
    decimals = WRITTEN[measure][1]
    if decimals is None:
        return p_value(value)
    fewer = name == "vlr_bw_s" and not measure.endswith("_pct")
    return "–" if np.isnan(value) else f"{value:.{decimals - fewer}f}".replace("-", "−")


def beside_published(table, key, published):
    """Put published_* columns into a table, for our estimator alone; `published` is {row's `key`: {column: number}}."""
    name = ours(table)
    for column in next(iter(published.values())):
        values = [published[row[key]][column] if row["estimator"] == name else np.nan for _, row in table.iterrows()]
        table[f"published_{column}"] = values
    return table


def _mean_and_sd(groups, names):
    columns = [f"{name}_{what}" for name in names for what in ("mean", "sd")]
    return groups[names].agg(["mean", "std"]).set_axis(columns, axis=1)
