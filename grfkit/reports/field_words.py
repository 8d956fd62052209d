"""Say in a few sentences how good estimates are without a force plate: the answers of notebooks 10 and 14.

In: tables of grfkit.evaluation.field and transfer, of runners who were left out or ran in another laboratory.
Out: Markdown.
"""

from grfkit.evaluation.field.field_accuracy import ALL
from grfkit.field.bands import NEW, WITHIN
from grfkit.points import DIRECTION_NAMES
from grfkit.reports.words import SPACE, counted, missing, number


def in_short(timing, summary, coverage, degraded, *, runners, level, abroad=None, studies=1):
    """Say in five points how good an estimate in the field is, as a list in Markdown.

    `timing`, `summary`, `coverage` and `degraded` are what the notebook saves under these names; `level` is that of the
    bands, `abroad` what other laboratories have shown (field.bands.Abroad), None if none was tried;
    `studies` is the number of studies that trained together.
    """
    sentences = [
        _contacts(timing, runners),
        _forces(summary),
        _elsewhere(abroad, studies),
        _bands(coverage, level, studies),
        _worse(degraded),
    ]
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _contacts(timing, runners):
    row = timing[(timing["detector"] == "detector") & (timing["speed"] == ALL)].iloc[0]
    false = "" if missing(row["false"]) else f" and {row['false']:.0f} found where there was none"
    return (
        f"**Contacts.** Of {row['steps']:.0f} steps of {runners} runners, each runner left out, {row['missed']:.0f} "
        f"were missed{false}. The RMSE is {number(row['touchdown_rmse_ms'], 1)}{SPACE}ms at touchdown, "
        f"{number(row['toeoff_rmse_ms'], 1)}{SPACE}ms at toe-off and {number(row['contact_rmse_ms'], 1)}{SPACE}ms for "
        "contact time."
    )


def _forces(summary):
    mine = summary[summary["speed"] == ALL].groupby("estimator", sort=False)
    found = list(mine)[-1][1].set_index("direction")  # the last one is over detected contacts
    of_range = ", ".join(
        f"{DIRECTION_NAMES[direction]} {number(value, 1)}{SPACE}%" for direction, value in found["nrmse_pct"].items()
    )
    return (
        f"**Forces.** The RMSE of the vertical force is {number(found.loc['V', 'rmse_bw'], 3)}{SPACE}BW. In % of the "
        f"measured range the errors are: {of_range}. That is at most {number(found['ratio'].max(), 2)} times the error "
        "with contacts that plates measured."
    )


def _elsewhere(abroad, studies):
    """Say how far off forces are at home and in other laboratories."""
    if abroad is None:
        these = "this laboratory" if studies == 1 else "these laboratories"
        return f"**Another laboratory** was not tried: all figures are of {these}. `make transfer` tries others."
    names, times = " and ".join(abroad.laboratories), ", ".join(number(factor, 1) for factor in abroad.in_range)
    home, away = (", ".join(number(value, 1) for value in of) for of in (abroad.home_nrmse_pct, abroad.nrmse_pct))
    return (
        f"**At home and in other laboratories.** By the measure of 14, the RMSE of V is "
        f"{number(abroad.home_rmse_bw[2], 3)}{SPACE}BW here and {number(abroad.rmse_bw[2], 3)}{SPACE}BW at {names}, "
        f"which trained nothing. In % of the measured range (AP, ML, V) the errors are {home}{SPACE}% here and "
        f"{away}{SPACE}% there. Bands of a new laboratory are {times} times as wide."
    )


def _bands(coverage, level, studies):
    every = coverage[(coverage["speed"] == ALL) & (coverage["direction"] == ALL)].iloc[0]
    least = coverage.loc[coverage["least_runner_pct"].idxmin()]
    where = "all directions" if least["direction"] == ALL else DIRECTION_NAMES[least["direction"]]
    speed = "all speeds" if least["speed"] == ALL else least["speed"]
    alone = "this laboratory" if studies == 1 else "these laboratories"
    return (
        f"**Bands.** A {100 * level:g}{SPACE}% band held {number(every['covered_pct'], 0)}{SPACE}% of the samples, but "
        f"only {number(least['least_runner_pct'], 0)}{SPACE}% for the runner with the fewest ({where}, {speed}). It is "
        f"right on average, not for each runner, and only for {alone}."
    )


def _worse(degraded):
    parts, plain = [], degraded.iloc[0]
    by_way = {way: rows.iloc[-1] for way, rows in degraded.groupby("way", sort=False)}
    if "noise" in by_way:
        row = by_way["noise"]
        parts.append(
            f"with jitter of {1000 * row['amount']:g}{SPACE}mm from frame to frame the RMSE of the vertical force is "
            f"{number(row['rmse_bw_v'], 3)} instead of {number(plain['rmse_bw_v'], 3)}{SPACE}BW"
        )
    if "missing" in by_way:
        row = by_way["missing"]
        parts.append(
            f"with {100 * row['amount']:g}{SPACE}% of the points missing "
            f"{number(plain['estimated_pct'] - row['estimated_pct'], 0)}{SPACE}% of the steps are lost"
        )
    text = "; ".join(parts)
    title = "**Degraded recordings"
    return f"{title}.** {text[:1].upper()}{text[1:]}." if parts else f"{title}** were not tried."


def transfer_in_short(tables, *, level):
    """Say in a few sentences how good a model is in another laboratory, as a list in Markdown.

    `tables` are those of evaluation.transfer_training.evaluate; `level` is that of the bands.
    """
    every = {kind: table[table["speed"] == ALL] for kind, table in tables.items() if "speed" in table}
    curves, name = every["curves"], every["bands"]["estimator"].iloc[0]
    pairs = list(dict.fromkeys(zip(curves["trained_on"], curves["tested_on"], strict=True)))
    sentences = [_away(every, pair, name, level) for pair in pairs if pair[0] != pair[1]]
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _away(every, pair, name, level):
    """Say of one pair of laboratories how far off forces are there and at home, the lag, the bands, the best recipe."""
    of = {kind: _of_pair(table, pair) for kind, table in every.items()}
    mine = of["curves"][of["curves"]["estimator"] == name].set_index("direction")
    home = _of_pair(every["curves"], (pair[0], pair[0])).set_index("direction")
    shares = {kind: table.set_index("direction")["covered_pct"] for kind, table in of["bands"].groupby("kind")}
    band = f"The {100 * level:g}{SPACE}% band of {pair[0]} holds {_three(shares[WITHIN], 0)}{SPACE}% of the samples"
    if NEW in shares:
        band += (
            "; the band of a new laboratory, as wide as the other laboratories needed, holds "
            f"{_three(shares[NEW], 0)}{SPACE}%"
        )
    v, low = mine.loc["V"], mine["lowpass_hz"].iloc[0]
    alike = "" if missing(low) else f", both sides low-passed at {low:g}{SPACE}Hz"
    lag = v["best_lag_ms"]
    vertical = of["curves"][of["curves"]["direction"] == "V"].set_index("estimator")["nrmse_pct"]
    least = vertical.idxmin()
    best = f"no other recipe is better in V ({_others(vertical.drop(name))})"
    if least != name:
        best = f"`{least}` is better in V ({_others(vertical.drop(name))})"
    return (
        f"**{pair[0]} \u2192 {pair[1]}** ({v['n']:.0f} stances, {counted(v['runners'], 'runner')}{alike}): nRMSE is "
        f"{_three(mine['nrmse_pct'], 1)}{SPACE}% (AP, ML, V), and {_three(home['nrmse_pct'], 1)}{SPACE}% at home. The "
        f"RMSE of V is {number(v['rmse_bw'], 3)}{SPACE}BW, and {number(v['shifted_rmse_bw'], 3)}{SPACE}BW after each "
        f"curve is shifted by its best lag (the estimate is {number(abs(lag), 1)}{SPACE}ms "
        f"{'early' if lag > 0 else 'late'}). {band}. {best[:1].upper()}{best[1:]}."
    )


def _of_pair(table, pair):
    return table[(table["trained_on"] == pair[0]) & (table["tested_on"] == pair[1])]


def _three(values, decimals):
    """Write the values of the three directions."""
    return ", ".join(number(values[direction], decimals) for direction in DIRECTION_NAMES)


def _others(values):
    return ", ".join(f"{name.replace('_', ' ')} {number(value, 1)}" for name, value in values.items()) + f"{SPACE}%"
