"""Put the results of grfkit.evaluation.agreement into words: what may be concluded and what not.

In: its tables, tests and bands. Out: a table of verdicts, and a page in Markdown; each of its sentences states a
result.
"""

import numpy as np
import pandas as pd

from grfkit.points import DIRECTION_NAMES
from grfkit.reports.words import feature_name, interval, missing, number, p_value

GOOD, POOR = 0.75, 0.5  # of an ICC: Koo & Li 2016
OPEN = "open: neither a difference nor agreement is shown"


def judge(differs, low, high, bound, equivalent):
    """Say what follows about a mean difference from a test and an interval (low, high) against a bound, all in %."""
    if equivalent:
        return f"differs, but by less than {bound:g} %" if differs else f"agrees on average within {bound:g} %"
    if differs:
        beyond = low > bound or high < -bound
        return f"differs by more than {bound:g} %" if beyond else f"differs; whether by more than {bound:g} % is open"
    return OPEN


def features(tests, equivalence, *, alpha):
    """Give the verdict of each feature; `tests` and `equivalence` as agreement gives them. Returns a row for each."""
    rows = []
    for row in tests.merge(equivalence, on="feature").to_dict("records"):
        differs = row["p_runners"] <= alpha
        verdict = judge(differs, row["low_pct"], row["high_pct"], row["bound_pct"], row["equivalent"])
        mixed = differs if missing(row["p_mixed"]) else row["p_mixed"] <= alpha
        because = (
            f"{p_value(row['p_runners'])} over runners, {p_value(row['p_mixed'])} by the mixed model, "
            f"{p_value(row['p_stances'])} over stances; {100 * (1 - 2 * alpha):g} % interval of the difference "
            f"{_span(row['low_pct'], row['high_pct'], 1)} %, bound ± {row['bound_pct']:g} % "
            f"(equivalence test: {p_value(row['p'])})"
        )
        rows.append(
            {
                "about": feature_name(row["feature"]),
                "differs_stances": row["p_stances"] <= alpha,
                "differs_runners": differs,
                "differs_mixed": mixed,
                "equivalent": row["equivalent"],
                "verdict": verdict,
                "because": because,
            }
        )
    return pd.DataFrame(rows)


def curves(pooled, runners, bands):
    """Give the verdict of each direction: a row for each.

    `pooled` and `runners` are its tests over stances and over runners, `bands` its band, {direction: ...} each.
    """
    rows = []
    for direction, band in bands.items():
        differs, inside = bool(runners[direction].clusters), band.inside
        beyond = np.abs(band.mean) - band.half > band.bound
        parts = [
            f"equivalent over {'the whole' if inside.all() else f'{100 * inside.mean():.0f} %'} of stance"
            if inside.any()
            else "not equivalent anywhere in stance"
        ]
        parts += [f"differs by more than the bound at {intervals(beyond)} %"] if beyond.any() else []
        parts += ["differs, but by less than the bound"] if differs and inside.all() else []
        parts += ["elsewhere a difference above the bound is not ruled out"] if not (inside | beyond).all() else []
        rows.append(
            {
                "about": DIRECTION_NAMES[direction],
                "differs_stances": bool(pooled[direction].clusters),
                "differs_runners": differs,
                "equivalent": bool(inside.all()),
                "verdict": "; ".join(parts),
                "because": f"different over runners: {_clusters(runners[direction])}; over stances: "
                f"{_clusters(pooled[direction])}; bound ± {number(band.bound, 3)} BW",
            }
        )
    return pd.DataFrame(rows)


def table(verdicts, by_direction):
    """Lay out the verdicts of features and of directions as the table verdicts.csv."""
    return pd.concat([verdicts, by_direction]).drop(columns="differs_mixed")


def page(verdicts, by_direction, limits, icc, equivalence, *, alpha):
    """Write the page of conclusions in Markdown; `verdicts` and `by_direction` as features and curves give them."""
    names, every = limits["feature"].map(feature_name).tolist(), table(verdicts, by_direction)
    rows = [
        f"| **{row['about']}** | {_yes(row['differs_stances'])} | {_yes(row['differs_runners'])} | "
        f"{_yes(row['equivalent'])} | {row['verdict']} |"
        for row in every.to_dict("records")
    ]
    sentences = [
        _unit(every, limits),
        _mixed(verdicts),
        _not_agreement(verdicts, alpha),
        _small(verdicts),
        _single(names, limits, equivalence, alpha),
        _individual(verdicts, icc, alpha),
        _many(verdicts, alpha),
    ]
    return "\n".join(
        [
            "| | differs (stances) | differs (runners) | equivalent | conclusion |",
            "|:---|:---|:---|:---|:---|",
            *rows,
            *("", "The numbers behind each verdict:", ""),
            *(f"- {row['about']}: {row['because']}" for row in every.to_dict("records")),
            *("", "In words:", ""),
            *(f"- {sentence}" for sentence in sentences if sentence),
        ]
    )


def intervals(inside):
    """Write where nodes (Q,) are True as intervals in % of stance: 0–12, 40–100; a single node by its place."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]])))
    percent = 100 / (len(inside) - 1)
    return ", ".join(_range(start * percent, (end - 1) * percent) for start, end in edges.reshape(-1, 2))


def _unit(verdicts, limits):
    """Say where the answer depends on the unit, and how many independent stances would say as much."""
    stances, runners = verdicts["differs_stances"], verdicts["differs_runners"]
    too_many, only_runners = _about(verdicts, stances & ~runners), _about(verdicts, ~stances & runners)
    worth = limits["stances"] / (1 + (limits["stances"] / limits["runners"] - 1) * limits["between_share"])
    parts = [
        f"**The unit is the runner.** {limits['stances'].max()} stances of {limits['runners'].max()} runners say as "
        f"much about a mean difference as {_range(worth.min(), worth.max(), ' to ')} independent stances."
    ]
    if too_many:
        parts.append(
            f"With stances as independent, a difference would be reported that runners do not support: {too_many}."
        )
    if only_runners:
        parts.append(f"A difference is found only over runners: {only_runners}.")
    return " ".join(parts if too_many or only_runners else [*parts, "Here stances and runners give the same answers."])


def _mixed(verdicts):
    """Say where the mixed model and the test of runners' means disagree."""
    parted = _about(verdicts, verdicts["differs_mixed"] != verdicts["differs_runners"])
    words = f"**The mixed model and the test of means disagree**, so the answer depends on the method: {parted}."
    return words if parted else ""


def _not_agreement(verdicts, alpha):
    """Say for which features a p above alpha is not agreement, and for which agreement is shown."""
    undecided, shown = (_about(verdicts, rows) for rows in (verdicts["verdict"] == OPEN, verdicts["equivalent"]))
    decided, none = (
        "For each feature either a difference or agreement is shown.",
        "Agreement on average is shown for no feature.",
    )
    return " ".join(
        [
            f"**p > {number(alpha, 2)} is not agreement.**",
            f"Neither a difference nor agreement is shown: {undecided}." if undecided else decided,
            f"Agreement on average within the bound is shown: {shown}." if shown else none,
        ]
    )


def _small(verdicts):
    """Say which differences are found, but smaller than the bound."""
    small = _about(verdicts, verdicts["equivalent"] & verdicts["differs_runners"])
    return f"**A difference need not matter.** Different, but by less than the bound: {small}." if small else ""


def _single(names, limits, equivalence, alpha):
    """Say how far single stances of new runners may be off."""
    unit = limits["feature"].map(equivalence.set_index("feature")["measured_mean"]) / 100
    spans = ", ".join(
        f"{name} {_span(low, high, 0)} %"
        for name, low, high in zip(names, limits["low"] / unit, limits["high"] / unit, strict=True)
    )
    return (
        f"**A mean is not a stance.** For {100 * (1 - alpha):g} % of single stances of new runners, expect an error "
        f"within these limits, in % of the measured mean: {spans}."
    )


def _individual(verdicts, icc, alpha):
    """Say for which features runners keep their own values, and where means agree but runners do not."""
    low = icc.set_index(icc["feature"].map(feature_name))["low"]
    values = ", ".join(
        f"{feature_name(row['feature'])} {number(row['icc_a1'], 2)} [{number(row['low'], 2)}, {number(row['high'], 2)}]"
        for row in icc.to_dict("records")
    )
    good = ", ".join(low.index[low >= GOOD])
    apart = ", ".join(name for name in verdicts["about"][verdicts["equivalent"]] if low[name] < POOR)
    parts = [
        f"**A mean is not a runner.** ICC(A,1) of runners' means with its {100 * (1 - alpha):g} % interval: {values}.",
        f"At least good (lower end {number(GOOD, 2)} or above): {good}."
        if good
        else f"None is good (lower end {number(GOOD, 2)} or above).",
    ]
    if apart:
        parts.append(
            f"The mean agrees, but runners are not distinguished (lower end below {number(POOR, 1)}): {apart}."
        )
    return " ".join(parts)


def _many(verdicts, alpha):
    """Say what several tests at one level mean."""
    n = len(verdicts)
    if n < 2:
        return ""
    return (
        f"**{n} tests at {number(alpha, 2)} each**, not corrected, as in the paper: if nothing truly differed, up to "
        f"{100 * min(1, n * alpha):.0f} % of such studies would still find at least one difference."
    )


def _about(verdicts, rows):
    """List what the rows (N,) bool of the verdicts are about."""
    return ", ".join(verdicts["about"][rows])


def _yes(value):
    return "yes" if value else "no"


def _span(low, high, decimals):
    return f"{number(low, decimals)} to {number(high, decimals)}"


def _clusters(test):
    return ", ".join(interval(start, end) for start, end, _ in test.clusters) or "none"


def _range(start, end, to="–"):
    """Write whole numbers from start to end, or the one number that both are."""
    return f"{start:.0f}" if round(start) == round(end) else f"{start:.0f}{to}{end:.0f}"
