"""Put results into words: numbers as text, and the paper's three hypotheses evaluated by stated rules.

In: tables that the notebooks saved. Out: text and {question, word, rule, sentence} for the templates.
"""

import math

import numpy as np

from grfkit.metrics import ours
from grfkit.points import DIRECTION_NAMES

HIGH_R = 0.85  # our reading of "highly": the paper reports r > .85 for each of its 72 stances and in each direction
FEW_STANCES, FEW_RUNNERS = 10, 4  # fewer tested say little: our choice
MOST_SPANS = 3  # more intervals of one direction are counted, not listed: our choice
VLR = {  # what the loading rate is, by its definition
    "touchdown_to_13": "from touchdown to 13 % of stance",
    "20_to_80": "from 20 to 80 % of the time from touchdown to 13 % of stance",
    "first_25_ms": "over the first 25 ms",
}
ALPHA = 0.05  # paper, statistics
NO_FEATURE, RULE_3 = "No feature differs (paired t-tests).", "p > .05 for each feature"
PROVES_NOTHING = "met, but proves nothing"  # a hypothesis whose rule is met by what sees nothing
SPACE = "\u00a0"  # does not break: a line must not end between "p <" and ".001"
FEATURES = {
    "propulsive_peak_bw": "propulsive peak / BW",
    "braking_peak_bw": "braking peak / BW",
    "impact_peak_bw": "impact peak / BW",
    "active_peak_bw": "active peak / BW",
    "vlr_bw_s": "VLR / BW/s",
}


def counted(count, noun):
    """Write a count with its noun: "1 stance", "2 stances"."""
    return f"{count:,.0f} {noun}{'s' if count != 1 else ''}"


def feature_name(feature):
    """Name a feature without its unit."""
    return FEATURES[feature].split(" / ")[0]


def curves_correlate(table):
    """Evaluate hypothesis 1 by the mean r of each direction; `table` is table1.csv, None if there is none."""
    rows = select(table)
    r, baseline = ({d: row["r_mean"] for d, row in each.items()} for each in (rows, select(table, "mean_curve")))
    least = {d: row["r_min"] for d, row in rows.items() if not missing(row.get("r_min"))}
    parts = [f"Mean r: {_by_direction(r)}."]
    if r:
        parts.append(f"Worst direction: {DIRECTION_NAMES[min(r, key=r.get)]}.")
    if least:
        parts.append(f"Worst single stance: {_by_direction(least)}.")
    if baseline:
        parts.append(f"The mean curve of the training runners, which uses no points, has {_by_direction(baseline)}.")
        as_good = [DIRECTION_NAMES[d] for d in r if baseline.get(d, -1) >= r[d]]
        parts += [f"It does as well or better in: {', '.join(as_good)}."] if as_good else []
    return verdict(
        "Estimated and measured curves correlate highly.",
        {d: value > HIGH_R for d, value in r.items()},
        {d: value > HIGH_R for d, value in baseline.items()},
        " ".join(parts),
        f"the mean r is above {number(HIGH_R, 2)} in each direction; the paper reports as much for each of its stances",
    )


def in_short(table, runners, table3=None):
    """Say in three short texts what came out, a list; [] where `table`, table1.csv, has nothing.

    `runners` says whose stances were tested, `table3` is table3.csv. The vertical direction stands for all in the first
    text (our choice: it is the largest force). The second says for each direction how much smaller or larger the RMSE
    is than that of the mean curve, and where r is no higher; the third, for how many features the errors are smaller.
    """
    rows = select(table)
    if missing(rows.get("V", {}).get("rmse_bw_mean")):
        return []
    error, published = (_error(rows["V"], prefix) for prefix in ("", "published_"))
    first = (
        f"In {counted(rows['V']['n'], 'stance')} of {runners}, the estimated vertical force is off by {error} of its "
        f"range (RMSE). Published: {published}."
    )
    baseline = "the mean curve of the training runners, which uses no points"
    if any(beside_baseline(table, direction) == "the baseline itself" for direction in rows):
        return [first, f"This recipe is the baseline itself: {baseline}."]
    parts = [_beside(table, direction) for direction in rows if beside_baseline(table, direction)]
    no_higher = [
        direction
        for direction, row in rows.items()
        if row["r_mean"] <= select(table, "mean_curve").get(direction, {}).get("r_mean", -1)
    ]
    r = f"; r is no higher in {listed(no_higher)}" if no_higher else ""
    second = [f"The baseline is {baseline}. Compared with it, the RMSE is {listed(parts)}{r}."] if parts else []
    return [first, *second, *_features_beside(table3)]


def listed(parts):
    """Write parts of a sentence one after the other: "a, b and c"."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _features_beside(table3):
    """Say of how many features the relative error is smaller than that of the mean curve, a list of one sentence."""
    mine, baseline = select(table3), select(table3, "mean_curve")
    key = "rel_error_pct_mean"
    both = [
        name for name, row in mine.items() if not missing(row[key]) and not missing(baseline.get(name, {}).get(key))
    ]
    if not both:
        return []
    no_smaller = [feature_name(name) for name in both if mine[name][key] >= baseline[name][key]]
    smaller = len(both) - len(no_smaller)
    which = f", but not for {listed(no_smaller)}" if 0 < smaller < len(both) else ""
    return [f"The relative error is smaller than the baseline's for {smaller} of {len(both)} features{which}."]


def _beside(table, direction):
    """Say how much smaller or larger the RMSE of a direction of table1.csv is than that of the mean curve."""
    mine, baseline = (select(table, estimator)[direction]["rmse_bw_mean"] for estimator in (None, "mean_curve"))
    if missing(mine):
        return f"not estimated in {direction}"
    percent = round(100 * (mine / baseline - 1))
    size = f"{abs(percent)}{SPACE}% {'smaller' if percent < 0 else 'larger'}" if percent else "the same"
    return f"{size} in {direction}"


def _error(row, prefix):
    """Write RMSE and nRMSE of a row of table1.csv, ours or the published."""
    rmse, nrmse = number(row[f"{prefix}rmse_bw_mean"], 3), number(row[f"{prefix}nrmse_pct_mean"], 1)
    return f"{rmse}{SPACE}BW, {nrmse}{SPACE}%"


def beside_baseline(table, direction):
    """Say whether ours is better than the mean curve in a direction of table1.csv: by r and RMSE, by one, by none."""
    mine, baseline = (select(table, name).get(direction) for name in (None, "mean_curve"))
    if not mine or not baseline:
        return ""
    if mine["estimator"] == "mean_curve":
        return "the baseline itself"
    if missing(mine["rmse_bw_mean"]):
        return "not estimated"
    better = {"r": mine["r_mean"] > baseline["r_mean"], "RMSE": mine["rmse_bw_mean"] < baseline["rmse_bw_mean"]}
    by = [name for name, is_better in better.items() if is_better]
    return ["no better", f"better by {''.join(by)} alone", "better"][len(by)]


def no_interval_differs(spm, clusters):
    """Evaluate hypothesis 2 by the significant clusters of SPM{t}; spm.csv says which directions were tested."""
    found = {} if spm is None or clusters is None or spm.empty else {d: [] for d in spm["direction"].unique()}
    for row in clusters.to_dict("records") if found else []:
        found[row["direction"]].append(row)
    spans = [f"{DIRECTION_NAMES[d]}: {_intervals(rows)}" for d, rows in found.items()]
    sentence = "; ".join(spans)
    return verdict(
        "No interval of the curves differs (SPM, paired t-test).",
        {d: not rows for d, rows in found.items()},
        {},
        f"{sentence[:1].upper()}{sentence[1:]}.",
        "no significant interval in any direction",
        none_may_fail=True,
    )


def _intervals(rows):
    """Name the significant intervals of one direction; of many say how many, and how much of stance they are."""
    if len(rows) > MOST_SPANS:
        share = sum(row["end"] - row["start"] for row in rows)
        return f"{len(rows)} intervals, together {share:.0f}{SPACE}% of stance"
    named = (f"{interval(row['start'], row['end'])} of stance ({p_value(row['p'])})" for row in rows)
    return ", ".join(named) or "no significant interval"


def no_feature_differs(table):
    """Evaluate hypothesis 3 by the p of each feature's paired t-test; `table` is table2.csv, None if there is none."""
    rows, blind = (
        {feature: row for feature, row in select(table, name).items() if not missing(row["p"])}
        for name in (None, "mean_curve")
    )
    if not rows and (tested := select(table)):
        fact = f"{counted(next(iter(tested.values()))['n'], 'stance')} cannot be tested: a t-test needs at least two."
        return {"question": NO_FEATURE, "word": "not testable", "rule": RULE_3, "sentence": fact}
    differ = [
        f"{feature_name(feature)} ({p_value(row['p'])}, estimated "
        f"{'higher' if row['estimated_mean'] > row['measured_mean'] else 'lower'})"
        for feature, row in rows.items()
        if row["p"] <= ALPHA
    ]
    none, some = f"None of the {len(rows)} features differs.", f"{len(differ)} of {len(rows)} differ: "
    return verdict(
        NO_FEATURE,
        {feature: row["p"] > ALPHA for feature, row in rows.items()},
        {feature: row["p"] > ALPHA for feature, row in blind.items()},
        f"{some}{', '.join(differ)}." if differ else none,
        RULE_3,
        none_may_fail=True,
    )


def verdict(question, good, blind, sentence, rule, *, none_may_fail=False):
    """Return a hypothesis for the template.

    `good` says of each direction or feature whether the rule is met; it is empty if that is unknown. `blind` says the
    same of the mean curve, which sees no input: where it meets the rule too, that we do proves nothing. A hypothesis of
    which `none_may_fail` is not supported by some.
    """
    proven = {name: met and not blind.get(name, False) for name, met in good.items()}
    if all(good.values()) and (all(proven.values()) or none_may_fail and any(proven.values())):
        word = "supported"
    elif all(good.values()) and not any(proven.values()):
        word = PROVES_NOTHING
    elif any(proven.values()) and not none_may_fail:
        word = "partly supported"
    else:
        word = "not supported"
    as_blind = [DIRECTION_NAMES.get(name) or feature_name(name) for name, met in good.items() if met > proven[name]]
    if as_blind and not (none_may_fail and word == "not supported"):
        sentence += f" The rule proves nothing about {listed(as_blind)}: the mean curve meets it too."
    shown = (word, sentence) if good else ("not yet run", "")
    return {"question": question, "word": shown[0], "rule": rule, "sentence": shown[1]}


def interval(start, end):
    """Write where a difference is, in whole % of stance: 11–19 %, or at 11 % where both ends are the same."""
    one = round(start) == round(end)
    return (f"at {start:.0f}" if one else f"{start:.0f}–{end:.0f}") + f"{SPACE}%"


def whitening(table):
    """Say in a few sentences what the layer before the LSTM is worth; `table` is whitening.csv."""
    if table.empty:
        return (
            "Nothing is compared: the recipe does not whiten, or too few training runners are left when a quarter of "
            "them is held out."
        )
    last, baseline = table.iloc[-1], table["mean_curve"].iloc[0]
    return (
        f"After {last['epoch']:.0f} epochs the error on held-out training runners, as a share of the range of the "
        f"forces, is {number(last['whitened'], 3)} with the layer and {number(last['plain'], 3)} without it. "
        f"The error of the mean curve is {number(baseline, 3)}. With the layer the network is "
        f"{_better_from(table, 'whitened')}. Without it the network is {_better_from(table, 'plain')}."
    )


def _better_from(table, name):
    """Say from which epoch on an error of whitening.csv stays below that of the mean curve."""
    no_better = np.flatnonzero(~(table[name] < table["mean_curve"]))
    since = no_better[-1] + 1 if len(no_better) else 0
    if since == len(table):
        return "no better than the mean curve after the last epoch"
    return f"better than the mean curve from epoch {table['epoch'].iloc[since]} on"


def select(table, estimator=None):
    """Return the rows of one estimator, of ours if none is named, as {direction or feature: row}."""
    if table is None or "estimator" not in table or not len(table):
        return {}
    rows = table[table["estimator"] == (estimator or ours(table))]
    key = "direction" if "direction" in table else "feature"
    return dict(zip(rows[key], rows.to_dict("records"), strict=True))


def mean_sd(row, measure, decimals, prefix=""):
    """Write a measure as the paper does: mean ± SD, or for a p-value the number alone."""
    if measure == "p":
        return p_value(row.get(f"{prefix}p"), bare=True)
    mean, sd = row.get(f"{prefix}{measure}_mean"), row.get(f"{prefix}{measure}_sd")
    return number(mean, decimals) + ("" if missing(sd) else f" ±{SPACE}{number(sd, decimals)}")


def number(value, decimals):
    """Write a number without its leading zero, as the paper does: .992."""
    if missing(value):
        return "–"
    text = f"{abs(value):.{decimals}f}"
    return ("−" if value < 0 else "") + (text[1:] if text.startswith("0.") else text)


def written(value, decimals, *, signed=False):
    """Write a number for readers of no paper: 0.99, 4,937; zero has no sign, and -2 `decimals` are hundreds."""
    if missing(value) or not math.isfinite(value):
        return "–"
    value = round(value, decimals) or 0.0
    return f"{value:{'+' if signed and value else ''},.{max(decimals, 0)}f}".replace("-", "−")


def percent(value, *, signed=False):
    """Write a share in % to a decimal."""
    return f"{written(value, 1, signed=signed)}{SPACE}%"


def p_value(p, *, bare=False):
    """Write a p-value: p = .012, p = .04995, or p < .001; `bare` for the number alone: .012, or < .001."""
    if missing(p):
        return "–"
    text = "< .001" if p < 0.001 else _exact(p) if bare else f"= {_exact(p)}"
    return (text if bare else f"p {text}").replace(" ", SPACE)


def _exact(p):
    """Write p to three decimals, or to five where three would not show on which side of the level it is: .04995."""
    return number(p, 3 if p == ALPHA or round(p, 3) != ALPHA else 5)


def missing(value):
    """Say whether a table has no value here: None or NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def _by_direction(values):
    """Write {direction: value} as a list: AP .992, ML .951."""
    return ", ".join(f"{direction}{SPACE}{number(value, 3)}" for direction, value in values.items())


def seconds(duration):
    """Write a duration for a reader: 12.3 s, 4 min 5 s, 1 h 2 min."""
    if duration is None:
        return ""
    if duration < 60:
        return f"{duration:.1f} s"
    minutes, rest = divmod(round(duration), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
