"""Put what a recording is worth without a force plate into four sentences: the answer of notebook 10.

In: tables of grfkit.evaluation.field, of runners who were left out. Out: Markdown.
"""

from grfkit.evaluation.field.field_accuracy import ALL
from grfkit.points import DIRECTION_NAMES
from grfkit.reports.words import SPACE, missing, number


def in_short(timing, summary, coverage, degraded, *, runners, level):
    """Say in four sentences what an estimate in the field is worth, as a list in Markdown.

    `timing`, `summary`, `coverage` and `degraded` are what the notebook saves under these names; `level` is that of the
    bands.
    """
    sentences = [
        _contacts(timing, runners),
        _forces(summary),
        _bands(coverage, level),
        _worse(degraded),
    ]
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _contacts(timing, runners):
    row = timing[(timing["detector"] == "detector") & (timing["speed"] == ALL)].iloc[0]
    false = "" if missing(row["false"]) else f" and {row['false']:.0f} found where there was none"
    return (
        f"**Contacts.** Of {row['steps']:.0f} steps of {runners} runners, each runner left out, {row['missed']:.0f} "
        f"were missed{false}; touchdown is off by {number(row['touchdown_rmse_ms'], 1)}, toe-off by "
        f"{number(row['toeoff_rmse_ms'], 1)} and contact time by {number(row['contact_rmse_ms'], 1)}{SPACE}ms (RMSE)."
    )


def _forces(summary):
    mine = summary[summary["speed"] == ALL].groupby("estimator", sort=False)
    found = list(mine)[-1][1].set_index("direction")  # the last one is over detected contacts
    of_range = ", ".join(
        f"{DIRECTION_NAMES[direction]} {number(value, 1)}{SPACE}%" for direction, value in found["nrmse_pct"].items()
    )
    return (
        f"**Forces.** The vertical force is off by {number(found.loc['V', 'rmse_bw'], 3)}{SPACE}BW; as a share of the "
        f"range: {of_range}. That is at most {number(found['ratio'].max(), 2)} times as much as over contacts that "
        "plates measured."
    )


def _bands(coverage, level):
    every = coverage[(coverage["speed"] == ALL) & (coverage["direction"] == ALL)].iloc[0]
    least = coverage.loc[coverage["least_runner_pct"].idxmin()]
    where = "all directions" if least["direction"] == ALL else DIRECTION_NAMES[least["direction"]]
    speed = "all speeds" if least["speed"] == ALL else least["speed"]
    return (
        f"**Bands.** A {100 * level:g}{SPACE}% band held {number(every['covered_pct'], 0)}{SPACE}% of the samples, but "
        f"{number(least['least_runner_pct'], 0)}{SPACE}% of the runner with the fewest ({where}, {speed}): it is right "
        "on average, not for each, and for this laboratory alone."
    )


def _worse(degraded):
    parts, plain = [], degraded.iloc[0]
    by_way = {way: rows.iloc[-1] for way, rows in degraded.groupby("way", sort=False)}
    if "noise" in by_way:
        row = by_way["noise"]
        parts.append(
            f"with jitter of {1000 * row['amount']:g}{SPACE}mm from frame to frame the vertical force is off by "
            f"{number(row['rmse_bw_v'], 3)} in place of {number(plain['rmse_bw_v'], 3)}{SPACE}BW"
        )
    if "missing" in by_way:
        row = by_way["missing"]
        parts.append(
            f"with {100 * row['amount']:g}{SPACE}% of the points missing "
            f"{number(plain['estimated_pct'] - row['estimated_pct'], 0)}{SPACE}% of the steps are lost"
        )
    text = "; ".join(parts)
    return f"**Worse recordings.** {text[:1].upper()}{text[1:]}." if parts else "**Worse recordings** were not tried."
