"""What each figure of README and docs is made of: tables of results in, {name: text} out (docs/figures.py calls it)."""

import re

RENEWED = []  # (the results that a function reads, the function): made by `of`


def of(*paths):
    """Register a function that gives {name: text} from the tables at these paths in reports/ (or in params/)."""
    return lambda function: RENEWED.append((paths, function)) or function


def number(value, decimals):
    """Write a number as the project's tables do: without the zero before the point (.053)."""
    return re.sub(r"^(-?)0\.", r"\1.", f"{value:.{decimals}f}")


def numbers(values, decimals):
    """Write several numbers, with a blank between them."""
    return " ".join(number(value, decimals) for value in values)


DIRECTIONS = ["AP", "ML", "V"]
MEASURES = {"rmse": ("rmse_bw", 3), "nrmse": ("nrmse_pct", 1), "r": ("r", 3)}  # our name: (column, decimals)


def by_direction(rows, column, decimals):
    """Write a column of a table with a row for each direction, in the order AP, ML, V."""
    return numbers(rows.set_index("direction").loc[DIRECTIONS, column], decimals)


def vertical(rows, column="rmse_bw"):
    """Give a column of a table with a row for each direction: that of the vertical one."""
    return rows.set_index("direction").loc["V", column]


@of("rbds/results/08_generalisation/curves.csv")
def recipes(curves):
    """Errors of each recipe over the runners of rbds, each left out: rbds.RECIPE.rmse, nrmse and r."""
    found = {}
    for recipe, rows in curves.groupby("estimator"):
        for name, measure in MEASURES.items():
            found[f"rbds.{recipe}.{name}"] = by_direction(rows, *measure)
    return found


@of("params/published.yaml")
def published(paper):
    """Errors that the paper printed in its Table 1, and those of FootNet's authors."""
    rows = [paper["table1"][direction] for direction in DIRECTIONS]
    return {"published.footnet": numbers(paper["footnet"].values(), 0)} | {
        f"published.{name}": numbers([row[f"{column}_mean"] for row in rows], decimals)
        for name, (column, decimals) in MEASURES.items()
    }


# ---- accuracy.md ----------------------------------------------------------------------------------------------------

FEATURES = ["propulsive_peak_bw", "braking_peak_bw", "impact_peak_bw", "active_peak_bw", "vlr_bw_s"]
WITHOUT = {  # ingredients as 08 names them
    "all": "all",
    "accelerations": "no accelerations",
    "velocities": "no velocities",
    "positions": "no positions",
    "times": "no stance and flight time",
    "mirror": "legs not mirrored",
    "speeds": "the study's speed alone",
    "balance": "no balance",
    "weighed": "body weight as in the study",
    "plate": "touchdown and toe-off alone from a plate",
}


@of("rbds/results/08_generalisation/curves.csv")
def recipes_in_words(curves):
    """Single numbers of the table of recipes that stand in sentences."""
    of_recipe = dict(iter(curves.groupby("estimator")))
    physics = of_recipe["physics"]
    found = {
        "rbds.physics.v": f"{number(vertical(physics), 3)} BW",
        "rbds.physics.share": f"{number(vertical(physics, 'nrmse_pct'), 1)} %",
        "rbds.mean_curve.r_v": number(vertical(of_recipe["mean_curve"], "r"), 3),
    }
    if {"paper", "plain"} <= set(of_recipe):
        paper, plain = (of_recipe[name].set_index("direction")["rmse_bw"] for name in ("paper", "plain"))
        gain = 100 * (1 - paper / plain)
        found["rbds.paper.gain"] = f"{gain.min():.0f} to {gain.max():.0f} %"
    return found


@of("rbds/results/08_generalisation/features.csv")
def features(errors):
    """Errors of the features of each recipe (%): rbds.RECIPE.features."""
    named = {name: rows.set_index("feature")["rel_error_pct"] for name, rows in errors.groupby("estimator")}
    return {f"rbds.{name}.features": numbers(rows[FEATURES], 1) for name, rows in named.items()}


@of("params/published.yaml")
def published_features(paper):
    """Give what the paper printed of its features (Tables 2 and 3), and its vertical error."""
    errors = {name: row["rel_error_pct_mean"] for name, row in paper["table3"].items()}
    means = {name: row["measured_mean"] for name, row in paper["table2"].items()}
    rate, peak = errors["vlr_bw_s"], errors["impact_peak_bw"]
    return {
        "published.features": numbers([errors[name] + 1e-9 for name in FEATURES], 1),  # 6.85 is 6.9, as one rounds
        "published.v": f"{number(paper['table1']['V']['rmse_bw_mean'], 3)} BW",
        "published.vlr_error": f"{rate:.2f} %",
        "published.impact_error": f"{peak:.2f} %",
        "published.vlr_ratio": number(rate / peak, 2),
        "published.vlr_mean": number(means["vlr_bw_s"] / means["impact_peak_bw"], 1),
    }


@of("rbds/results/08_generalisation/by_runner.csv", "rbds/results/01_preprocess/stances.csv")
def kept_aside(by_runner, stances):
    """Errors of recipes on the four test runners, on whom nothing was set: rbds.four.RECIPE."""
    weights = stances.loc[stances["split"] == "test", "runner"].value_counts(normalize=True)
    found = {}
    for name, rows in by_runner.groupby("estimator"):
        mine = rows.set_index("runner").loc[weights.index, DIRECTIONS]
        found[f"rbds.four.{name}"] = numbers(mine.mul(weights, axis=0).sum(), 3)
    return found


@of("rbds/results/08_generalisation/ensemble_weights.csv")
def ensemble_weights(weights):
    """How much `network` counts in the ensemble, % in each direction."""
    means = weights[weights["recipe"] == "network"].groupby("direction")["weight"].mean()
    return {"rbds.weights": numbers(100 * means[DIRECTIONS], 0)}


@of("rbds/results/08_generalisation/ingredients.csv")
def ingredients(table):
    """Errors of `physics` without each ingredient: rbds.without.NAME."""
    groups = dict(iter(table.groupby("ingredients")))
    return {f"rbds.without.{name}": by_direction(groups[said], "rmse_bw", 3) for name, said in WITHOUT.items()}


@of("rbds/results/08_generalisation/folds.csv")
def folds(table):
    """Give the error that random folds of stances pretend."""
    return {"rbds.folds.random": by_direction(table[table["folds"] == "random stances"], "rmse_bw", 3)}


@of("rbds/results/08_generalisation/learning_curve.csv")
def few_runners(table):
    """Vertical error trained on few runners: rbds.trained_on.N."""
    means = table[table["direction"] == "V"].groupby("training_runners")["rmse_bw"].mean()
    return {f"rbds.trained_on.{count}": number(error, 3) for count, error in means.items()}


@of("rbds/results/08_generalisation/speeds.csv")
def speeds(table):
    """Vertical error at each speed: trained on all speeds, and at 2.5 m/s on another speed and on the same."""
    errors = table[table["direction"] == "V"].set_index(["trained", "tested"])["rmse_bw"]
    found = {f"rbds.speeds.all.{tested[0]}": number(error, 3) for tested, error in errors["all"].items()}
    other, same = errors["3.5 m/s", "2.5 m/s"], errors["2.5 m/s", "2.5 m/s"]
    return found | {"rbds.speeds.other": number(other, 3), "rbds.speeds.same": number(same, 3)}


@of("rbds/results/10_field/summary.csv")
def in_the_field(summary):
    """Give the errors of forces over detected contacts, at all speeds."""
    rows = summary[(summary["estimator"] == "detected contacts") & (summary["speed"].astype(str) == "all")]
    return {
        "rbds.field.rmse": by_direction(rows, "rmse_bw", 3),
        "rbds.field.nrmse": by_direction(rows, "nrmse_pct", 1),
        "rbds.field.v": f"{number(vertical(rows), 3)} BW",
    }


@of(*(f"rbds/results/14_transfer/{name}.csv" for name in ("curves", "bands", "features")))
def transfer(curves, bands, features):
    """Errors in other laboratories: transfer.TRAINED.TESTED.WHAT."""
    pair, field, found = ["trained_on", "tested_on"], bands["estimator"].iloc[0], {}
    overall = curves[curves["speed"].astype(str) == "all"]
    for names, rows in overall[overall["estimator"] == field].groupby(pair):
        key = f"transfer.{'.'.join(names)}"
        found[f"{key}.nrmse"] = by_direction(rows, "nrmse_pct", 1)
        found[f"{key}.rmse"] = by_direction(rows, "rmse_bw", 3)
        found[f"{key}.v"] = numbers([vertical(rows), vertical(rows, "shifted_rmse_bw")], 3)
        found[f"{key}.v_bw"] = f"{number(vertical(rows), 3)} BW"
        found[f"{key}.lag"] = number(0.0 - vertical(rows, "best_lag_ms").round(1), 1)  # late is positive
    for names, rows in bands[bands["speed"].astype(str) == "all"].groupby(pair):
        shares = {kind: by_direction(each, "covered_pct", 0) for kind, each in rows.groupby("kind")}
        new = [shares[kind] for kind in shares if kind != "within"]
        found[f"transfer.{'.'.join(names)}.bands"] = " ".join([*new, f"({shares['within']})"])
    widths = bands[bands["speed"].astype(str) == "all"].set_index([*pair, "direction", "kind"])["width_bw"].unstack()
    wider = (widths.drop(columns="within").max(axis=1) / widths["within"]).dropna()
    found["transfer.wider"] = f"{number(wider.min(), 1)} to {number(wider.max(), 1)}"
    abroad = overall[(overall["trained_on"] == "rbds") & (overall["tested_on"] == "hamner")]
    others = {name: vertical(rows, "nrmse_pct") for name, rows in abroad.groupby("estimator")}
    for name in ("network", "ridge", "mean_curve"):
        found[f"transfer.rbds.hamner.{name}"] = f"{number(others[name], 1)} %"
    errors = overall[(overall["trained_on"] == "rbds") & (overall["estimator"] == field)]
    errors = errors.pivot(index="tested_on", columns="direction", values="nrmse_pct")
    worse = (errors.drop(index="rbds") / errors.loc["rbds"]).max().max()
    found |= {"transfer.worse": f"{number(worse, 1)} times", "transfer.worse.zh": f"{number(worse, 1)} 倍"}
    rows = features[(features["estimator"] == field) & (features["speed"].astype(str) == "all")]
    errors = rows[(rows["trained_on"] == "rbds") & (rows["tested_on"] == "hamner")].set_index("feature")["error_pct"]
    for name, feature in {"impact": "impact_peak_bw", "vlr": "vlr_bw_s", "braking": "braking_peak_bw"}.items():
        found[f"transfer.rbds.hamner.{name}"] = f"{errors[feature]:.0f} %"
    return found


def _of_study(study):
    """Register what the tables of notebooks 04 to 06 of one study give: STUDY.table1.* and STUDY.vlr.*."""

    @of(f"{study}/results/04_table1/table1.csv")
    def table1(table):
        errors = table.rename(columns={"rmse_bw_mean": "rmse_bw"}).groupby("estimator")
        return {
            f"{study}.table1.{name}_v": number(vertical(errors.get_group(estimator)), 3)
            for name, estimator in {"lstm": "lstm", "mean": "mean_curve"}.items()
        }

    @of(f"{study}/results/05_table2/vlr.csv", f"{study}/results/05_table2/features.csv")
    def loading_rate(rates, features):
        """Means of the rate over those of the impact peak (1/s), and relative errors over those of the impact peak."""
        peak = features[(features["estimator"] == "lstm") & (features["feature"] == "impact_peak_bw")].dropna()
        error = (100 * (peak["estimated"] - peak["measured"]).abs() / peak["measured"]).mean()
        found = {}
        for row in rates[rates["estimator"] == "lstm"].to_dict("records"):
            key = f"{study}.vlr.{row['definition']}"
            found[f"{key}.mean"] = number(row["measured_mean"] / peak["measured"].mean(), 1)
            found[f"{key}.error"] = number(row["rel_error_pct"] / error, 1)
        return found


for _study in ("virtual", "rbds", "paper"):
    _of_study(_study)


@of(*(f"rbds/results/09_agreement/{name}.csv" for name in ("equivalence", "icc", "band")))
def agreement(equivalence, icc, band):
    """Give mean differences with their 90 % intervals, what is equivalent, ICC, and where curves are equivalent."""
    found = {}
    for row in equivalence.merge(icc[["feature", "icc_a1"]], on="feature").to_dict("records"):
        difference, low, high = (number(row[f"{name}_pct"], 1) for name in ("difference", "low", "high"))
        found[f"rbds.agreement.{row['feature']}"] = f"{difference} ({low} to {high})"
        found[f"rbds.equivalent.{row['feature']}"] = "yes" if row["equivalent"] else "no"
        found[f"rbds.icc.{row['feature']}"] = number(row["icc_a1"], 2)
    shares = 100 * band.groupby("direction")["equivalent"].mean()
    return found | {"rbds.agreement.curves": numbers(shares[DIRECTIONS], 0)}


# ---- scaling.md -----------------------------------------------------------------------------------------------------


@of("bench/results/bench/bench.csv", "bench/results/bench/cost.csv")
def costs(bench, growth):
    """Give what `make bench` measured."""
    row = bench.set_index("case")
    many = {work: rows.sort_values("n").iloc[-1] for work, rows in growth.groupby("work")}
    epochs = [f"an epoch, {size} frame(s) a step" for size in (1, 2, 5, 10)]
    slope = {name: row["ratio"][row.index.str.startswith("exponent of") & row.index.str.contains(name)].iloc[0]
             for name in ("an epoch", "on landmarks")}  # fmt: skip
    return {
        "bench.reading": number(row.loc["read, track, cut and check", "ratio"], 2),
        "bench.workers": number(row.loc["one worker", "ratio"], 1),
        "bench.epoch": numbers(row.loc[epochs, "ratio"], 2),
        "bench.frames_per_step": number(row.loc["an epoch, 1 frame a step", "ratio"], 1),
        "bench.left_out": number(row.loc["kernel ridge, one factorisation", "ratio"], 2),
        "bench.one_stance": f"{number(row.loc['paper, alone', 'ms'], 1)} ms",
        "bench.epoch_many": f"{many['one_epoch']['seconds'] / 60:.0f} min",
        "bench.epoch_exponent": number(slope["an epoch"], 2),
        "bench.epoch_memory": f"{many['one_epoch']['peak_gb']:.1f} GB",
        "bench.landmarks_many": f"{many['on_landmarks']['seconds'] / 60:.1f} min",
        "bench.landmarks_exponent": number(slope["on landmarks"], 2),
        "bench.landmarks_memory": f"{many['on_landmarks']['peak_gb']:.1f} GB",
    }


# ---- the pages for users ---------------------------------------------------------------------------------------------


def offset_ms(table):
    """Say how much later a study's points show an event than its plates do: the last row of offset.csv."""
    return f"{abs(1000 * table['late_s'].iloc[-1]):.1f} ms"


for _study in ("rbds", "hamner", "ja1"):
    of(f"{_study}/results/01_preprocess/offset.csv")(lambda table, study=_study: {f"{study}.offset": offset_ms(table)})


@of("rbds/results/01_preprocess/stances.csv")
def rbds_stances(stances):
    """Count the stances at the study's speed, and say how far the weighed mass is off the listed one at most."""
    off = (stances["weighed_kg"] / stances["mass_kg"] - 1).abs().max()
    return {
        "rbds.stances.at_speed": f"{(stances['split'] != 'other_speed').sum():,}",
        "rbds.weighed": f"{100 * off:.0f} %",
    }


@of("rbds/results/10_field/timing.csv")
def field_timing(timing):
    """Errors of times without plates, runners of rbds left out; of normal errors 90 % are within 1.645 times RMSE."""
    timed = timing[(timing["speed"] == "all") & (timing["detector"] == "detector")].iloc[0]
    touchdown, toeoff, contact = (timed[f"{event}_rmse_ms"] for event in ("touchdown", "toeoff", "contact"))
    return {
        "rbds.field.touchdown": f"{number(touchdown, 1)} ms",
        "rbds.field.contact": f"{number(contact, 1)} ms",
        "rbds.field.timing": numbers([touchdown, toeoff, contact], 1),
        "rbds.field.contact_within": f"{1.645 * contact:.0f} ms",
        "rbds.field.flight_within": f"{1.645 * (contact**2 + touchdown**2) ** 0.5:.0f} ms",
    }


SPEEDS = {"2": "2.5 m/s", "3": "3.5 m/s", "4": "4.5 m/s"}
OF_FIELD = ("timing", "summary", "coverage", "centres")


@of(*(f"rbds/results/10_field/{name}.csv" for name in OF_FIELD))
def field_by_speed(timing, summary, coverage, centres):
    """Errors without plates at each speed, runners of rbds left out, beside the rule and the mean of the others."""
    events = [f"{event}_rmse_ms" for event in ("touchdown", "toeoff", "contact")]
    by_detector, by_estimator = (table.set_index([table.columns[0], "speed"]) for table in (timing, summary))
    covered, found = coverage.set_index(["direction", "speed"]), {}
    cop = centres.set_index(["estimator", "speed", "direction"])["rmse_mm"]
    for key, speed in SPEEDS.items():
        timed = by_detector.loc[("detector", speed)]
        forces = by_estimator.loc[("detected contacts", speed)].set_index("direction")
        found[f"rbds.field.{key}.steps"] = numbers(timed[["missed", "false"]], 0)
        found[f"rbds.field.{key}.timing"] = numbers(timed[events], 1)
        found[f"rbds.field.{key}.nrmse"] = by_direction(forces.reset_index(), "nrmse_pct", 1)
        found[f"rbds.field.{key}.covered"] = number(covered.loc[("all", speed), "covered_pct"], 1)
        found[f"rbds.field.{key}.cop"] = numbers([cop["detected contacts", speed, d] for d in ("AP", "ML")], 0)
    detected = summary[summary["estimator"] == "detected contacts"]
    return found | {
        "rbds.field.steps": f"{by_detector.loc[('detector', 'all'), 'steps']:,.0f}",
        "rbds.field.least": number(covered.loc[("all", "all"), "least_runner_pct"], 0),
        "rbds.field.least_direction": number(covered.xs("all", level="speed")["least_runner_pct"].min(), 0),
        "rbds.field.ratio": number(detected["ratio"].max(), 2),
        "rbds.field.rule": numbers(by_detector.loc[("rule, less its mean error", "all"), events], 0),
        "rbds.field.mean_cop": numbers([cop["mean of the other runners", "all", d] for d in ("AP", "ML")], 0),
    }


@of("rbds/results/13_moments/scores.csv")
def moments(scores):
    """Correlations of estimated joint moments with those of plates, and errors over those of the other runners."""
    whole = scores[scores["speed"] == "all"].set_index(["source", "moment"])
    names = ["ankle_plantarflexion", "knee_extension", "knee_abduction"]
    ours, mean = (whole.loc[source].loc[names] for source in ("estimated", "mean of the other runners"))
    return {
        "rbds.moments.r": numbers(ours["r"], 3),
        "rbds.moments.ratio": numbers(ours["rmse_nm_kg"] / mean["rmse_nm_kg"], 1),
    }


def case(table, way, amount=0.0):
    """Take the row of degraded.csv of one way to make recordings worse, and its amount."""
    return table[(table["way"] == way) & ((table["amount"] - amount).abs() < 1e-9)].iloc[0]


@of("rbds/results/10_field/degraded.csv")
def degraded(table):
    """Give what it costs to make recordings of rbds worse: vertical RMSE, ratios of nRMSE, steps that are lost."""
    as_is = case(table, "none")
    slow = {
        hz: [case(table, "rate", hz)[f"nrmse_pct_{d.lower()}"] / as_is[f"nrmse_pct_{d.lower()}"] for d in DIRECTIONS]
        for hz in (30.0, 60.0)
    }
    smoothed = {hz: number(case(table, "smoothed", hz)["rmse_bw_v"], 3) for hz in (12, 8, 6)}
    return {
        "degraded.none.v": f"{number(as_is['rmse_bw_v'], 3)} BW",
        "degraded.noise2.v": f"{number(case(table, 'noise', 0.002)['rmse_bw_v'], 3)} BW",
        "degraded.rate60": f"{min(slow[60.0][:2]):.1f} to {max(slow[60.0][:2]):.1f}",
        "degraded.rate30": f"{min(slow[30.0]):.1f} to {max(slow[30.0]):.1f}",
        **{f"degraded.smoothed{hz}.v": f"{error} BW" for hz, error in smoothed.items()},
        "degraded.missing1": f"{100 - case(table, 'missing', 0.01)['estimated_pct']:.0f} %",
        "degraded.missing5": f"{100 - case(table, 'missing', 0.05)['estimated_pct']:.0f} %",
    }


@of("rbds/results/10_field/cutoffs.csv")
def cutoffs(table):
    """Vertical error of a model whose points are low-passed at 12 Hz, without jitter and with 2 mm."""
    table = table[table["cutoff_hz"] == 12]
    return {
        "cutoff12.none.v": f"{number(case(table, 'none')['rmse_bw_v'], 3)} BW",
        "cutoff12.noise2.v": f"{number(case(table, 'noise', 0.002)['rmse_bw_v'], 3)} BW",
    }


@of("rbds/results/12_stream/lag.csv", "rbds/results/12_stream/scores.csv")
def stream(lags, scores):
    """Errors of forces in real time by their lag, and of the mean curve on the same stances."""
    found = {}
    for row in lags.to_dict("records"):
        name = f"stream.lag{row['lag_ms']:.0f}"
        found[f"{name}.nrmse"] = numbers([row[f"nrmse_pct_{d.lower()}"] for d in DIRECTIONS], 1)
        found[f"{name}.timing"] = numbers([row[f"{event}_rmse_ms"] for event in ("touchdown", "toeoff", "contact")], 1)
    whole = scores[(scores["speed"] == "all") & (scores["estimator"] == "mean of the other runners")]
    return found | {"stream.mean.nrmse": by_direction(whole, "nrmse_pct", 1)}
