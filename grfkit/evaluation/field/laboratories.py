"""Studies whose stances are cut, as a model for the field trains on them: one, or several whose footsteps are pooled.

In: study files, recordings, and what 01_preprocess saved of each. Out: Laboratory, and ground_truth.Measured of all.
Each study keeps its own filter of forces, its checks, and its offset of cameras and plates; the low-pass of the points
is the model's. Where there are several, files, runners and groups get the study's name in front ("hamner/01"), and
stances are numbered anew. Frames of force may differ in rate: contacts and curves are in seconds.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from grfkit.estimators import samples
from grfkit.evaluation import transfer
from grfkit.evaluation.field import field_accuracy, field_training, ground_truth, robustness
from grfkit.points import DIRECTIONS
from grfkit.recordings.read import read_recorded
from grfkit.stances import offset
from grfkit.study import file as study_file
from grfkit.study import store

MANY = 6  # speeds; of more, only the first and the last are named: our choice
STANCE_BW = 0.05  # vertical force above which it is stance, as in 14_transfer
UNSTATED = "not stated"  # how `licence` begins where the data's authors gave none


class Laboratory(NamedTuple):
    """A study whose stances are cut: its Preprocessing, its sections 10 and 08, what 01 saved, its recordings."""

    name: str
    section: object
    field: dict
    generalisation: dict
    stances: pd.DataFrame
    frames: pd.DataFrame
    recorded: list
    excluded: pd.DataFrame = None


def read(name, *, study, data, results):
    """Read a Laboratory: its study file, its folder of recordings, and its results of 01_preprocess."""
    sections, section = study_file.load(study).sections, offset.as_in_01(study_file.preprocessing(study), results)
    stances, frames, excluded = (
        store.read(results, f"01_preprocess/{file}") for file in ("stances.csv", "stances.parquet", "excluded.csv")
    )
    both = sections.get("10_field", {}), sections.get("08_generalisation", {})
    return Laboratory(name, section, *both, stances, frames, read_recorded(stances, data, section), excluded)


def speeds_in_words(laboratory):
    """Write the speeds (m/s) of a Laboratory; of many the first and the last."""
    speeds = sorted(laboratory.stances["speed_m_s"].unique())
    if len(speeds) < MANY:
        return ", ".join(f"{speed:.3g}" for speed in speeds)
    return f"{speeds[0]:.3g} to {speeds[-1]:.3g}"


def measure(laboratory, recipe, cutoff_hz):
    """Measure the footsteps of a Laboratory with its points low-passed at cutoff_hz (None: not): ground_truth.Measured.

    `recipe` is a recipes.Recipe.
    """
    prepared = samples.prepare(laboratory.frames, laboratory.stances, recipe)
    section = laboratory.section.model_copy(update={"points_cutoff_hz": cutoff_hz})
    return ground_truth.measure(laboratory.recorded, laboratory.stances, prepared, section)


def pool(parts):
    """Pool what laboratories {name: ground_truth.Measured} measured into one Measured; that of one is left as it is.

    Files, runners and groups get the name in front; stances are numbered one laboratory after the other.
    """
    if len(parts) == 1:
        return next(iter(parts.values()))
    named, first = [], 0
    for name, part in parts.items():
        named.append(_named(name, part, first))
        first = 1 + max(table["stance"].max() for table in (named[-1].footsteps, named[-1].missed) if len(table))
    tables = {
        field: pd.concat([getattr(part, field) for part in named], ignore_index=True)
        for field in ("found", "missed", "footsteps")
    }
    return ground_truth.Measured(
        [each for part in named for each in part.recorded],
        {file: moved for part in named for file, moved in part.motions.items()},
        samples=_joined([part.samples for part in named]),
        **tables,
    )


def _named(name, part, first):
    """Put a study's name in front of a Measured's files, runners and groups; number its stances from `first` on."""
    return ground_truth.Measured(
        [replace(each, file=f"{name}/{each.file}", runner=f"{name}/{each.runner}") for each in part.recorded],
        {f"{name}/{file}": moved for file, moved in part.motions.items()},
        *(named(name, table, first) for table in (part.found, part.missed, part.footsteps)),
        replace(
            part.samples,
            stances=named(name, part.samples.stances, first),
            frames=named(name, part.samples.frames, first),
        ),
    )


def named(name, table, first=0):
    """Put a study's name in front of the files, runners and groups of a table; number its stances from `first` on."""
    changed = {column: f"{name}/" + table[column] for column in ("file", "runner", "group") if column in table}
    return table.assign(**changed, **({"stance": table["stance"] + first} if "stance" in table else {}))


def _joined(parts):
    """Lay Samples one after the other."""
    tables = {
        name: pd.concat([getattr(part, name) for part in parts], ignore_index=True) for name in ("stances", "frames")
    }
    arrays = ("points", "forces", "lengths", "inside", "mirrored")
    return samples.Samples(
        **tables, **{name: np.concatenate([getattr(part, name) for part in parts]) for name in arrays}
    )


def over_all(parts, laboratories, function):
    """Lay what function(Measured, Preprocessing) gives of each of the `parts` one after the other, as pool does."""
    return np.concatenate([function(part, laboratories[name].section) for name, part in parts.items()])


def false_footsteps(parts, laboratories):
    """List footsteps of `parts` that no plate felt (ground_truth.false_footsteps), of the studies on a treadmill.

    None where no study is.
    """
    tables = []
    for name, part in parts.items():
        one = laboratories[name]
        if one.section.treadmill:
            false = ground_truth.false_footsteps(part.found, one.stances, one.excluded)
            tables.append(false if len(parts) == 1 else named(name, false))
    return pd.concat(tables) if tables else None


def known_of(laboratories, leans):
    """Give what a model knows of each laboratory that trained it: {name: {lean, cameras_late_s, layout}}.

    `leans` are those of field_accuracy.plates_lean; `layout` names how the laboratory's points are found.
    """
    known = {}
    for name, one in laboratories.items():
        mine = leans if len(laboratories) == 1 else leans[leans.index.str.startswith(f"{name}/")]
        known[name] = {
            "lean": float(mine.mean()),
            "cameras_late_s": float(one.section.cameras_late_s or 0.0),
            "layout": study_file.layout_sha256(one.section),
        }
    return known


def tested_files(laboratories):
    """List the files of the test runners of all laboratories, named as pool names them."""
    files = []
    for name, one in laboratories.items():
        runners = one.stances["runner"][one.stances["split"] == "test"]
        of = one.stances[one.stances["runner"].isin(runners)]
        files += list((of if len(laboratories) == 1 else named(name, of))["file"].unique())
    return files


def summarise(laboratories, measured):
    """List the laboratories that train together, and what is `measured` of all: a row each."""
    rows = []
    for name, one in laboratories.items():
        mine = _of(name, measured.footsteps, laboratories)
        rows.append(
            {
                "study": name,
                "runners": mine["runner"].nunique(),
                "steps": len(mine),
                "speeds_m_s": speeds_in_words(one),
                "force_cutoff_hz": one.section.force_cutoff_hz,
                "forces_lowpassed_hz": one.section.forces_lowpassed_hz,
                "cameras_late_ms": 1000 * (one.section.cameras_late_s or 0.0),
            }
        )
    return pd.DataFrame(rows).set_index("study")


def accuracy(laboratories, measured, contacts, curves):
    """Compute the errors of each laboratory's left-out runners: a row each, mean over stances.

    Of the curves (S, 101, C) of contacts: nRMSE (%) of each direction, RMSE of the vertical force (BW) and the lag that
    fits it best (ms, positive: the estimate is early), over stance, where both sides were low-passed alike at
    lowpass_hz if the laboratory's forces were. RMSE of touchdown and toe-off (ms) are by the contacts that its own
    forces show, which a low-pass makes longer.
    """
    weighed = measured._replace(footsteps=measured.footsteps.assign(mass_kg=measured.footsteps["weighed_kg"]))
    errors, rows = field_accuracy.near(field_accuracy.timing_errors(contacts, measured.footsteps)), []
    for name, one in laboratories.items():
        mine, low = _of(name, contacts, laboratories), one.section.forces_lowpassed_hz
        truth = weighed._replace(recorded=[each for each in measured.recorded if each.file in set(mine["file"])])
        kept, pairs = transfer.lay_beside(
            truth, mine, curves[mine.index], one.section, cutoff_hz=low, stance_bw=STANCE_BW
        )
        scores = transfer.curve_scores(kept, pairs)
        nrmse = scores.groupby("direction")["nrmse_pct"].mean()
        vertical, timing = scores[scores["direction"] == "V"], errors[errors["stance"].isin(mine["stance"])]
        row = {"study": name, "runners": kept["runner"].nunique(), "n": len(kept), "lowpass_hz": low}
        row |= {f"nrmse_pct_{direction.lower()}": nrmse[direction] for direction in DIRECTIONS}
        row |= {"rmse_bw_v": vertical["rmse_bw"].mean(), "best_lag_ms": vertical["best_lag_ms"].mean()}
        rows.append(row | {f"{event}_rmse_ms": field_accuracy.rms(timing[event]) for event in ("touchdown", "toeoff")})
    return pd.DataFrame(rows).set_index("study")


def _of(name, table, laboratories):
    """Keep the rows of a pooled table whose file is of this laboratory."""
    return table if len(laboratories) == 1 else table[table["file"].str.startswith(f"{name}/")]


def degraded_by_cutoff(laboratories, cutoffs_hz, recipe, detector, settings, *, cases, every, seconds, seed):
    """Train a model on points low-passed at each of `cutoffs_hz`, and evaluate it on degraded recordings.

    `detector` are the detector's scales and noise, `settings` a FieldModel's, `cases` and `seconds` as in
    robustness.evaluate_degraded. Returns {cutoff Hz: its table}.
    """
    tables = {}
    for cutoff_hz in cutoffs_hz:
        measured = pool({name: measure(one, recipe, cutoff_hz) for name, one in laboratories.items()})
        filtered = settings | {"points_cutoff_hz": cutoff_hz}
        model = field_training.train_forces(measured, detector, recipe, filtered, every=every, seed=seed)
        tables[cutoff_hz] = robustness.evaluate_degraded(measured, model, cases, seconds=seconds, seed=seed)
    return tables


def about_all(laboratories, own):
    """Give what a model's card needs about the data of all laboratories: {data, licence, citation}.

    `own` is what the home study says. If any licence is not stated, the model may not be passed on.
    """
    each = {name: one.field.get("about", own) for name, one in laboratories.items()} | {next(iter(laboratories)): own}
    ends = {"data": " ", "licence": "; ", "citation": "; "}
    said = {key: end.join(f"{name}: {about[key]}" for name, about in each.items()) for key, end in ends.items()}
    said = own if len(each) == 1 else said
    unstated = [name for name, about in each.items() if about["licence"].lower().startswith(UNSTATED)]
    if not unstated:
        return said
    first = f"This model may not be passed on: the licence of {', '.join(unstated)} is not stated. "
    return said | {"licence": first + said["licence"] * (len(each) > 1)}
