"""Score anybody's estimates of a study's stances, each runner left out: the benchmark of `make score`.

In: what 01_preprocess saved of a study, and a table of estimates, a row for each frame. Out: the measures of notebook
08, with limits over runners, next to the mean curve, the LSTM and `physics`. docs/benchmark.md describes the table.

It cannot be checked here that the estimates of a runner were made without that runner.
"""

import csv
import hashlib
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet

from grfkit import metrics
from grfkit.evaluation import left_out_runners
from grfkit.points import DIRECTIONS, ESTIMATES, FORCES, InputError
from grfkit.study import store

KEYS = ["stance", "frame"]
COLUMNS = [*KEYS, *ESTIMATES]
UNITS = ("study", "weighed")  # of force: weights of the mass that the study lists, or of the mean force over strides
REFERENCES = ("mean_curve", "plain", "paper", "physics")  # recipes to compare with: from 08, or made here
QUICK = ("mean_curve", "physics")  # those that are made here if 08 has not run: they need no network
SAVED = "08_generalisation/predictions.parquet"
MOST_BW = 20.0  # as in features: no runner's force is larger
SAME_BW = 1e-4  # single precision, and then some: forces of the same plates
MOST_NAMES = 8  # that a message lists: our choice
READERS = {
    ".parquet": lambda path, columns: pyarrow.parquet.read_table(path, columns=columns).to_pandas(ignore_metadata=True),
    ".csv": lambda path, columns: pd.read_csv(path, usecols=columns, encoding="utf-8-sig"),
}
SEE = "See the format in docs/benchmark.md, or write an empty table: grfkit score --template FILE."


class Benchmark(NamedTuple):
    """The stances to score on, at the study's speed, and the measured force (BW) of their frames of stance alone."""

    stances: pd.DataFrame
    frames: pd.DataFrame  # stance, frame, time_s, grf_ap, grf_ml, grf_v
    unit: str  # one of UNITS


def load(results, *, unit="study"):
    """Read the stances that are scored from the folder `results` of a study; returns a Benchmark.

    Raises InputError if 01_preprocess has not run, or for another unit.
    """
    if unit not in UNITS:
        raise InputError(
            f"The unit is the weight of the listed mass (study) or of the weighed mass (weighed); found {unit!r}.",
            "Correct it, or leave it out, which means study.",
        )
    try:
        stances = store.read(results, "01_preprocess/stances.csv")
        frames = store.read(results, "01_preprocess/stances.parquet", columns=[*KEYS, "time_s", *FORCES])
    except ValueError:
        name = Path(results).parent.name
        raise InputError(
            f"Estimates are scored on the stances of a study; there are none in {Path(results).as_posix()}.",
            f"Make them: make stances STUDY={name} DATA=DIR, with DIR the folder of its recordings.",
        ) from None
    return _benchmark(frames, stances, unit)


def _benchmark(frames, stances, unit):
    stances = left_out_runners.at_study_speed(stances).reset_index(drop=True)
    left_out_runners.check_two(stances["runner"])
    frames = frames.loc[frames["stance"].isin(stances["stance"]), [*KEYS, "time_s", *FORCES]]
    frames = frames[metrics.in_stance(frames, stances)].reset_index(drop=True)
    if unit == "weighed":
        factor = frames["stance"].map((stances["unit_kg"] / stances["weighed_kg"]).set_axis(stances["stance"]))
        frames[FORCES] = np.float32(frames[FORCES].to_numpy() * factor.to_numpy()[:, None])
    return Benchmark(stances, frames, unit)


def fingerprint(benchmark):
    """Name the stances and forces by twelve letters: two scores can be compared if the letters are the same."""
    digest = hashlib.sha256(np.ascontiguousarray(benchmark.frames[KEYS].to_numpy(np.int64)))
    digest.update(np.ascontiguousarray(benchmark.frames[FORCES].to_numpy(np.float32).round(3)))
    return digest.hexdigest()[:12]


def template(benchmark):
    """Give the rows that are to be filled: stance, frame, runner, side, time_s, and est_ap, est_ml, est_v as NaN."""
    who = benchmark.stances.set_index("stance")[["runner", "side"]]
    rows = benchmark.frames[[*KEYS, "time_s"]].join(who, on="stance")
    return rows[[*KEYS, "runner", "side", "time_s"]].assign(**dict.fromkeys(ESTIMATES, np.nan))


def read(path):
    """Read a table of estimates, .parquet or .csv, with COLUMNS as numbers; other columns are left out.

    Raises InputError for a file that is none or cannot be read, for columns that are missing, and for cells that are no
    numbers.
    """
    path = Path(path)
    if not path.is_file() or path.suffix.lower() not in READERS:
        what = "does not exist" if not path.is_file() else f"ends in {path.suffix or 'nothing'}"
        raise InputError(f"Estimates are a .parquet or a .csv file; {path} {what}.", SEE)
    try:
        there, beginnings = _column_names(path)
        absent = [name for name in COLUMNS if name not in there]
        columns = [name for name in (*COLUMNS, "estimator") if name in there]
        table = None if absent else READERS[path.suffix.lower()](path, columns)
    except Exception as error:  # whatever a reader says of a damaged file
        said = (str(error) or "it is empty").splitlines()[0]
        raise InputError(f"{path.name} cannot be read as {path.suffix[1:]}: {said}.", SEE) from None
    if absent:
        few = ", ".join(there[:MOST_NAMES]) + ", ..." * (len(there) > MOST_NAMES)
        raise InputError(
            f"Estimates have the columns {', '.join(COLUMNS)}, a row for each frame; {path.name} lacks "
            f"{', '.join(absent)}. It has {few or 'none'}.",
            "Rows and columns are interchanged: transpose the table." if {*COLUMNS} <= beginnings else SEE,
        )
    return _numbers(path, table)


def _column_names(path):
    """List the names of a file's columns, and what its first rows begin with, before it is read as a whole."""
    if path.suffix.lower() == ".parquet":
        return pyarrow.parquet.read_schema(path).names, set()
    with path.open(newline="", encoding="utf-8-sig") as text:
        rows = list(islice(csv.reader(text), len(COLUMNS) + 1))
    return rows[0] if rows else [], {row[0] for row in rows if row}


def _numbers(path, table):
    """Give the COLUMNS of a table of one estimator as numbers."""
    names = table["estimator"].unique() if "estimator" in table else [""]
    if len(names) > 1:
        raise InputError(
            f"One estimator is scored at a time; {path.name} holds {len(names)}: {', '.join(map(str, names))}.",
            "Keep the rows of one estimator.",
        )
    numbers = table[COLUMNS].apply(pd.to_numeric, errors="coerce").astype(float)
    wrong = numbers.isna() & table[COLUMNS].notna()
    wrong[KEYS] |= numbers[KEYS].isna() | (numbers[KEYS] % 1 != 0)
    if wrong.any(axis=None):
        row, name = np.argwhere(wrong.to_numpy())[0]
        cell = table[COLUMNS].iloc[row, name]
        raise InputError(
            f"Estimates are numbers, and stance and frame whole numbers; {path.name} has {cell!r} in row "
            f"{row + 1}, column {COLUMNS[name]}, and {int(wrong.sum().sum())} such cells in all.",
            SEE,
        )
    return numbers.astype(dict.fromkeys(KEYS, "int64"))


def check(table, benchmark, known):
    """Pair estimates with the measured force: a table as metrics.predictions without `estimator`, and notes (texts).

    `known` (S,) are the numbers of all stances of the study: rows of those that are not scored are left out, and
    so are frames of the padding. Raises InputError for stances that are unknown or missing, rows that are missing or
    there twice, NaN in some frames of a direction, and forces that cannot be in body weights.
    """
    notes, wanted = [], benchmark.stances["stance"]
    _refuse(
        "has {} that the study does not know: {}",
        {*table["stance"]} - {*known},
        "Give the estimates of this study (--study).",
    )
    _refuse("lacks {} of those that are scored: {}", {*wanted} - {*table["stance"]}, "Estimate every one of them.")
    twice = table.duplicated(KEYS)
    _refuse("has frames twice in {}: {}", {*table["stance"][twice]}, "Keep one row for each stance and frame.")
    rows = benchmark.frames.merge(table, on=KEYS, how="left", indicator=True)
    lost = rows["_merge"] == "left_only"
    _refuse(
        f"lacks {lost.sum()} frames, in {{}}: {{}}", {*rows["stance"][lost]}, "Give a row for each frame of stance."
    )
    if len(table) > len(rows):
        notes.append(f"{len(table) - len(rows)} rows are not scored: padding, or stances at other speeds")
    rows = rows.drop(columns="_merge")
    rows[ESTIMATES] = rows[ESTIMATES].astype(np.float32)
    _check_forces(rows)
    return rows, notes + _doubts(rows)


def _refuse(what, stances, advice):
    """Raise InputError where there are any stances of that kind, counted and the first ones named."""
    if stances:
        some = sorted(map(int, stances))
        named = ", ".join(map(str, some[:MOST_NAMES])) + ", ..." * (len(some) > MOST_NAMES)
        count = f"{len(some)} stance{'s' * (len(some) > 1)}"
        raise InputError(
            f"Estimates cover each frame of each stance once; this table {what.format(count, named)}.",
            f"{advice} {SEE}",
        )


def _check_forces(rows):
    """Check that each direction is given in all frames or in none, and that forces can be in body weights."""
    absent = ~np.isfinite(rows[ESTIMATES])
    some = [f"{name}: {absent[name].sum()}" for name in ESTIMATES if absent[name].any() and not rows[name].isna().all()]
    if some or absent.all(axis=None):
        where = rows["stance"][absent.any(axis=1)].unique()
        found = f"{', '.join(some)}, first in stance {where[0]}" if some else "all, in every direction"
        raise InputError(
            f"A direction is estimated in every frame, or is NaN in all of them; of {len(rows)} frames these are NaN "
            f"or infinite: {found}.",
            "Estimate them, or leave the whole direction out.",
        )
    most = np.nanmax(np.abs(rows[ESTIMATES].to_numpy()))
    if most > MOST_BW:
        raise InputError(
            f"Estimates are in body weights, at most {MOST_BW:g}; found values up to {most:,.0f}.",
            "If they are newtons, divide by mass_kg * 9.81 of the stance's row in stances.csv.",
        )


def _doubts(rows):
    """List what is allowed, but may be a mistake."""
    notes = []
    for direction, ours, theirs in zip(DIRECTIONS, ESTIMATES, FORCES, strict=True):
        both = rows[[ours, theirs]].to_numpy(float).T
        if np.isnan(both).any():
            notes.append(f"{direction} is not estimated")
        elif np.abs(both[0] - both[1]).max() < SAME_BW:
            notes.append(f"{direction} equals the measured force: is it the column {theirs}?")
        elif np.ptp(both[0]) and np.corrcoef(both)[0, 1] < 0:
            notes.append(f"{direction} runs against the measured force: AP is positive forward, ML to the left, V up")
    return notes


def references(results, recipes, *, seed):
    """Give the references to compare with: {name: predictions of stance alone}, {name: unit}, and notes (texts).

    They are what notebook 08 saved in `results`, if it ran on the same stances. Otherwise those of QUICK are estimated
    now, and saved for 08. `recipes` are {name: recipes.Recipe} of REFERENCES.
    """
    stances, frames = (store.read(results, f"01_preprocess/{name}") for name in ("stances.csv", "stances.parquet"))
    units = {name: recipe.body_weight for name, recipe in recipes.items()}
    by_unit = {unit: _benchmark(frames, stances, unit) for unit in {*units.values()}}
    notes, saved = [], _saved(results)
    fitting = {name: rows for name, rows in saved.items() if _same(rows, by_unit[units[name]].frames)}
    if saved and len(fitting) < len(saved):
        notes.append("notebook 08 was run on other stances: run `make beyond` again to compare with the LSTM")
    absent = {name: recipes[name] for name in QUICK if name not in fitting}
    if absent:
        folder = f"{results}/08_generalisation"
        made, *_ = left_out_runners.leave_out(
            frames, stances, absent, folder=folder, seed=seed, network={}, ensemble=[]
        )
        made = made[metrics.in_stance(made, stances)]
        fitting |= {name: made[made["estimator"] == name] for name in absent}
    if not {"plain", "paper"} & {*fitting}:
        notes.append("the LSTM is not shown, because notebook 08 has not trained it: run `make beyond`")
    found = {name: fitting[name].assign(estimator=name) for name in REFERENCES if name in fitting}
    return found, {name: units[name] for name in found}, notes


def _saved(results):
    """Read what notebook 08 saved of REFERENCES: {name: predictions}, {} where it has not run."""
    if not (Path(results) / SAVED).is_file():
        return {}
    table = store.read(results, SAVED, filters=[("estimator", "in", REFERENCES)])
    return {name: rows.reset_index(drop=True) for name, rows in table.groupby("estimator", sort=False)}


def _same(rows, frames):
    """Tell whether predictions are of the same frames, and of the same measured force."""
    if len(rows) != len(frames) or not (rows[KEYS].to_numpy() == frames[KEYS].to_numpy()).all():
        return False
    return bool(np.abs(rows[FORCES].to_numpy() - frames[FORCES].to_numpy()).max() < SAME_BW)


def measure(predictions, stances, *, vlr):
    """Score predictions of stance alone, of one estimator or more: the tables curves, features, by_runner and closer.

    curves and features as notebook 08 gives them, features with the absolute error too. by_runner has a row for each
    estimator, runner and direction. closer says, for the first estimator against each other one and each direction, for
    how many runners its nRMSE is the smaller one.
    """
    scores = metrics.by_stance(predictions)
    curves = left_out_runners.means_with_limits(scores, stances, by=["estimator", "direction"], values=metrics.MEASURES)
    errors = left_out_runners.feature_errors(predictions, vlr=vlr)
    errors["abs_error"] = (errors["estimated"] - errors["measured"]).abs()
    of_features = left_out_runners.means_with_limits(
        errors, stances, by=["estimator", "feature"], values=["rel_error_pct", "abs_error"]
    )
    runner = metrics.runner_of(scores, stances)
    by_runner = scores.groupby(["estimator", runner, "direction"], sort=False)[metrics.MEASURES].mean().reset_index()
    return {"curves": curves, "features": of_features, "by_runner": by_runner, "closer": _closer(by_runner)}


def _closer(by_runner):
    wide = by_runner.pivot(index=["runner", "direction"], columns="estimator", values="nrmse_pct")
    own, *others = by_runner["estimator"].unique()
    pairs = [(name, wide[[own, name]].dropna()) for name in others]
    rows = [
        (name, direction, int((part[own] < part[name]).sum()), len(part))
        for name, both in pairs
        for direction in DIRECTIONS
        if len(part := both[both.index.get_level_values("direction") == direction])
    ]
    return pd.DataFrame(rows, columns=["than", "direction", "runners_closer", "runners"])
