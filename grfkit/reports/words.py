"""Put results into words: numbers written as the paper writes them, and its three hypotheses judged by stated rules."""

import math

from grfkit.metrics import ours
from grfkit.points import DIRECTION_NAMES

HIGH_R = 0.85  # our reading of "highly": the paper reports r > .85 for each of its 72 stances and in each direction
ALPHA = 0.05  # paper, statistics
SPACE = "\u00a0"  # does not break: a line must not end between "p <" and ".001"
FEATURES = {
    "propulsive_peak_bw": "propulsive peak / BW",
    "braking_peak_bw": "braking peak / BW",
    "impact_peak_bw": "impact peak / BW",
    "active_peak_bw": "active peak / BW",
    "vlr_bw_s": "VLR / BW/s",
}


def feature_name(feature):
    """Name a feature without its unit."""
    return FEATURES[feature].split(" / ")[0]


def curves_correlate(table):
    """Judge hypothesis 1 by the mean r of each direction; `table` is table1.csv, None if there is none."""
    r = {row["direction"]: row["r_mean"] for row in select(table)}
    baseline = {row["direction"]: row["r_mean"] for row in select(table, "mean_curve")}
    least = {row["direction"]: row["r_min"] for row in select(table) if not missing(row.get("r_min"))}
    parts = [f"Mean r: {listed(r)}."]
    if r:
        parts.append(f"Worst direction: {DIRECTION_NAMES[min(r, key=r.get)]}.")
    if least:
        parts.append(f"Worst single stance: {listed(least)}.")
    if baseline:
        parts.append(f"The mean curve of the training runners, which sees no input, has {listed(baseline)}.")
        as_good = [DIRECTION_NAMES[d] for d in r if baseline.get(d, -1) >= r[d]]
        parts += [f"It does as well or better in: {', '.join(as_good)}."] if as_good else []
    return verdict(
        "Estimated and measured curves correlate highly.",
        [value > HIGH_R for value in r.values()],
        " ".join(parts),
        f"a mean r above {number(HIGH_R, 2)} in each direction",
    )


def in_short(table, runners):
    """Say in two plain sentences what came out, a list; [] where `table`, table1.csv, has nothing.

    `runners` says whose stances were tested. The vertical direction stands for all in the first sentence (our choice: it is the
    largest force); the second names every direction in which the estimate is no better than the mean curve.
    """
    vertical = next(
        (row for row in select(table) if row["direction"] == "V" and not missing(row["rmse_bw_mean"])), None
    )
    if vertical is None:
        return []
    errors = [
        f"{number(vertical[f'{prefix}rmse_bw_mean'], 3)}{SPACE}BW, {number(vertical[f'{prefix}nrmse_pct_mean'], 1)}{SPACE}% of its range"
        for prefix in ("", "published_")
    ]
    first = f"In {vertical['n']:.0f} stances of {runners}, the estimated vertical force is off by {errors[0]} (published: {errors[1]})."
    words = {}
    for row in select(table):
        words.setdefault(beside_baseline(table, row["direction"]), []).append(DIRECTION_NAMES[row["direction"]])
    words.pop("", None)
    if "the baseline itself" in words:
        return [
            first,
            "This recipe is the baseline itself, the mean curve of the training runners, which sees no input.",
        ]
    parts = "; ".join(
        f"{word} in {_directions(names, 'any' if word.startswith('no') else 'every')}"
        for word, names in sorted(words.items())
    )
    return [first] + (
        [f"Beside the baseline, the mean curve of the training runners, which sees no input, the estimate is {parts}."]
        if parts
        else []
    )


def _directions(names, all_of_them):
    return {1: f"the {names[0]} direction", 2: f"the {' and '.join(names[:2])} directions"}.get(
        len(names), f"{all_of_them} direction"
    )


def beside_baseline(table, direction):
    """Say whether ours is better than the mean curve in a direction of table1.csv: better by both r and RMSE, by one, or by none."""
    mine, baseline = (
        [row for row in select(table, name) if row["direction"] == direction] for name in (None, "mean_curve")
    )
    if not mine or not baseline:
        return ""
    if mine[0]["estimator"] == "mean_curve":
        return "the baseline itself"
    if missing(mine[0]["rmse_bw_mean"]):
        return "not estimated"
    by = [
        name
        for name, better in (
            ("r", mine[0]["r_mean"] > baseline[0]["r_mean"]),
            ("RMSE", mine[0]["rmse_bw_mean"] < baseline[0]["rmse_bw_mean"]),
        )
        if better
    ]
    if len(by) == 1:
        return f"better by {by[0]} alone"
    return "better" if by else "no better"


def no_interval_differs(spm, clusters):
    """Judge hypothesis 2 by the significant clusters of SPM{t}; spm.csv says which directions were tested."""
    found = {} if spm is None or clusters is None or spm.empty else {d: [] for d in spm["direction"].unique()}
    for row in clusters.to_dict("records") if found else []:
        found[row["direction"]].append(f"{row['start']:.0f}–{row['end']:.0f}{SPACE}% of stance ({p_value(row['p'])})")
    spans = [f"{DIRECTION_NAMES[d]}: {', '.join(spans) or 'no significant interval'}" for d, spans in found.items()]
    sentence = "; ".join(spans)
    return verdict(
        "No interval of the curves differs (SPM, paired t-test).",
        [not spans for spans in found.values()],
        f"{sentence[:1].upper()}{sentence[1:]}.",
        "no significant interval in any direction",
    )


def no_feature_differs(table):
    """Judge hypothesis 3 by the p of each feature's paired t-test; `table` is table2.csv, None if there is none."""
    rows = [row for row in select(table) if not missing(row["p"])]
    differ = [
        f"{feature_name(row['feature'])} ({p_value(row['p'])}, estimated "
        f"{'higher' if row['estimated_mean'] > row['measured_mean'] else 'lower'})"
        for row in rows
        if row["p"] <= ALPHA
    ]
    sentence = (
        f"{len(differ)} of {len(rows)} differ: {', '.join(differ)}."
        if differ
        else f"None of the {len(rows)} features differs."
    )
    return verdict(
        "No feature differs (paired t-tests).",
        [row["p"] > ALPHA for row in rows],
        sentence,
        f"p > {number(ALPHA, 2)} for each feature",
    )


def verdict(question, good, sentence, rule):
    """Return a hypothesis for the template; `good` says of each direction or feature whether it agrees, [] if unknown."""
    word = "supported" if all(good) else "partly supported" if any(good) else "not supported"
    return {
        "question": question,
        "word": word if good else "not yet run",
        "rule": rule,
        "sentence": sentence if good else "",
    }


def select(table, estimator=None):
    """Return the rows of one estimator, of ours if none is named, as dicts; [] where there are none."""
    if table is None or "estimator" not in table or not len(table):
        return []
    return table[table["estimator"] == (estimator or ours(table))].to_dict("records")


def by_direction(rows):
    """Return rows of a table as {direction: row}."""
    return {row["direction"]: row for row in rows}


def mean_sd(row, measure, decimals, prefix=""):
    """Write a measure as the paper does: mean ± SD, or for a p-value the number alone."""
    if measure == "p":
        return p_value(row.get(f"{prefix}p")).removeprefix(f"p{SPACE}=").removeprefix("p").strip()
    mean, sd = row.get(f"{prefix}{measure}_mean"), row.get(f"{prefix}{measure}_sd")
    return number(mean, decimals) + ("" if missing(sd) else f" ±{SPACE}{number(sd, decimals)}")


def number(value, decimals):
    """Write a number without its leading zero, as the paper does: .992."""
    if missing(value):
        return "–"
    text = f"{abs(value):.{decimals}f}"
    return ("−" if value < 0 else "") + (text[1:] if text.startswith("0.") else text)


def p_value(p):
    """Write a p-value: p = .012, or p < .001."""
    if missing(p):
        return "–"
    return ("p < .001" if p < 0.001 else f"p = {number(p, 3)}").replace(" ", SPACE)


def missing(value):
    """Say whether a table has no value here: None or NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def listed(values):
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
