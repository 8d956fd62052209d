"""Train on one laboratory and estimate another: every recipe, over contacts that are detected from the points alone.

In: studies whose 01_preprocess has run, with their recordings. Out: tables by evaluation.transfer, a row for each
training laboratory, tested laboratory, estimator and speed. The tested data choose, fit and stop nothing:
hyper-parameters are set beforehand, by the study that trains.

The recipe that 10_field examines is the model for the field. It detects the contacts, over which all others estimate.
These get the points less the runner's mean travel, so that treadmill and overground running look alike.
"""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from grfkit.estimators import kernel_ridge, registry, samples
from grfkit.evaluation import transfer, transfer_bands
from grfkit.evaluation.field import field_accuracy, field_training, field_uncertainty, ground_truth
from grfkit.evaluation.field.laboratories import measure, read, speeds_in_words
from grfkit.field import bands, training_range
from grfkit.field.bands import WITHIN
from grfkit.field.contacts import contact_inputs, detect_contacts, finish_curves, usual_flight
from grfkit.field.model import FieldModel
from grfkit.points import DIRECTIONS, FORCES, INPUTS, InputError, mirrored

NODES = 101  # of a curve, from touchdown to toe-off
PAIR = ["trained_on", "tested_on", "estimator"]
CURVES = [*transfer.MEASURES, "shifted_rmse_bw", "best_lag_ms"]


class Trained(NamedTuple):
    """What one laboratory has trained: a FieldModel with bands, its recipe, and {name: (recipe, estimator)} of others.

    `home` are contacts, {estimator: curves (S, 101, 3)}, half widths of bands (S, 101, 3) and what is unlike (S,) of
    its own runners, each left out, with the `measured` footsteps. `rate_hz` is that of the frames that the estimators
    were fitted to.
    """

    model: FieldModel
    recipe: object
    fitted: dict
    rate_hz: float
    measured: ground_truth.Measured
    home: tuple


def read_all(own, others):
    """Read laboratories {name: Laboratory}: the `own` one, and `others` {name: {study, data, results}}.

    `own` holds the same three of the study that is at home. Raises InputError if there are no others.
    """
    if not others:
        raise InputError(
            "A transfer trains on one study and tests on others; `others` names none.",
            'Run `make transfer STUDY=rbds OTHERS="hamner ja1"`, or write them into the cell `parameters`: others = '
            '{"hamner": {"study": "../params/hamner.yaml", "data": "...", "results": "../reports/hamner/results"}}.',
        )
    return {name: read(name, **places) for name, places in {Path(own["study"]).stem: own, **others}.items()}


def summarise(laboratories):
    """List what each of the laboratories holds: a row each."""
    rows = []
    for each in laboratories.values():
        rows.append(
            {
                "study": each.name,
                "runners": each.stances["runner"].nunique(),
                "stances": len(each.stances),
                "speeds_m_s": speeds_in_words(each),
                "treadmill": each.section.treadmill,
                "forces_lowpassed_hz": each.section.forces_lowpassed_hz,
                "trains": trains(each),
            }
        )
    return pd.DataFrame(rows).set_index("study")


def trains(laboratory):
    """Tell whether a Laboratory can train: bands come from left-out runners, so it needs at least two."""
    return laboratory.stances["runner"].nunique() > 1


def train(laboratory, recipes, *, seed):
    """Train what is compared on all runners of a Laboratory: Trained.

    `recipes` are {name: recipes.Recipe}; that which its section 10_field examines is the model for the field.
    """
    field = laboratory.field
    recipe = recipes[field["examined"]]
    measured = measure(laboratory, recipe, field["points_cutoff_hz"])
    settings = field_training.settings(
        laboratory.section.model_copy(update={"points_cutoff_hz": field["points_cutoff_hz"]}),
        recipe,
        measured.footsteps,
        level=field["level"],
        vlr=field["vlr"],
    )
    model = field_training.train_forces(measured, field["detector"], recipe, settings, every=field["every"], seed=seed)
    contacts, curves, nearest = _home(model, measured)
    off = field_uncertainty.errors(measured, contacts, curves, vlr=field["vlr"])
    model = field_training.calibrate(model, measured, contacts, nearest, off)
    mine = contacts.iloc[off.rows]
    half = _left_out_widths(
        contacts, off.curves, mine["contact_s"].to_numpy(), mine["runner"].to_numpy(), level=field["level"]
    )
    unlike = _unlike(model, measured.motions, contacts, measured.footsteps, nearest)
    home = contacts, {recipe.name: curves}, half, unlike
    others = {name: each for name, each in recipes.items() if name != recipe.name}
    fitted = {name: (each, fit(laboratory, measured, each, seed=seed)) for name, each in others.items()}
    return Trained(model, recipe, fitted, laboratory.recorded[0].force_hz, measured, home)


def fit(laboratory, measured, recipe, *, seed):
    """Fit a recipe's estimator to all measured footsteps of a Laboratory, by what its study set beforehand.

    Of a network that is 08's `network`; of a kernel the middle of the recipe's limits.
    """
    stances = laboratory.stances[laboratory.stances["stance"].isin(measured.footsteps["stance"])]
    training = less_way(samples.prepare(laboratory.frames, stances, recipe), measured.motions)
    given = dict(laboratory.generalisation["network"])
    fixed = {"seed": seed, "epochs": given.pop("epochs"), "seeds": given.pop("seeds")}
    best = given | {"frames_per_step": laboratory.generalisation["frames_per_step"]}
    if recipe.estimator == "kernel_ridge":
        best = {
            "candidates": [kernel_ridge.middle_candidate(recipe.kernel, recipe.inputs)],
            "chosen": dict.fromkeys(DIRECTIONS, [0]),
        }
    return registry.class_of(recipe).fit(training, recipe, best, **fixed)


def less_way(stances, motions):
    """Replace the points of Samples by those of {file: motion.Motion}: filtered as there, less the runner's mean way.

    The origin is the pelvis at touchdown, projected on the ground; mirrored legs stay mirrored.
    """
    points = np.empty_like(stances.points)
    times = stances.frames["time_s"].to_numpy(float)
    for number, (rows, stance) in enumerate(
        zip(samples.rows_of_stances(stances), stances.stances.itertuples(), strict=True)
    ):
        moved = motions[stance.file]
        origin = moved.spline(stance.touchdown_s)[0] * [1, 1, 0]
        own = moved.spline(np.clip(stance.touchdown_s + times[rows], moved.first_s, moved.last_s)) - origin
        points[rows] = mirrored(own) if stances.mirrored[number] else own
    return replace(stances, points=points)


def estimate(trained, measured, stances):
    """Estimate another laboratory's `measured` footsteps: as Trained.home, of runners who trained nothing.

    `measured` is that of `measure` by the model's settings, `stances` is its table as in stances.csv. The half widths
    are those of the bands at home of the model for the field.
    """
    model, footsteps = trained.model, measured.footsteps
    found = measured.found[measured.found["file"].isin(footsteps["file"])]
    detected = detect_contacts(model.detector, measured.motions, found)
    contacts = field_accuracy.named(detected, footsteps, footsteps)
    flight_s = usual_flight(contacts, contacts["group"], model.settings["flight_s"])
    inputs = contact_inputs(measured.motions, contacts, flight_s, padding_s=model.settings["padding_s"])
    kernel = model.curves.kernel(inputs)
    own = finish_curves(contacts, model.curves.estimate_from(kernel), flight_s, contacts["group"])
    curves = {trained.recipe.name: own}
    for name, (recipe, fitted) in trained.fitted.items():
        cut = cut_at(contacts, stances, recipe, measured.motions, rate_hz=trained.rate_hz)
        curves[name] = curves_of(cut, fitted.predict(cut))
    unlike = _unlike(model, measured.motions, contacts, footsteps, model.curves.nearest(kernel))
    return contacts, curves, model.bands.around(contacts["contact_s"].to_numpy()), unlike


def _unlike(model, motions, contacts, footsteps, nearest):
    """Say what of each contact (S,) is out of the training range of a FieldModel: texts, "" if nothing is."""
    speeds = footsteps.groupby("file")["speed_m_s"].first()
    measured = training_range.measure(motions, contacts, speeds.to_dict())
    return np.array(training_range.out_of_range(model.training_range, measured, nearest), object)


def cut_at(contacts, stances, recipe, motions, *, rate_hz):
    """Cut detected contacts as 01 cuts stances, at rate_hz: Samples whose forces are 0, their points by less_way.

    So flight begins a frame after toe-off.
    `stances` (stances.csv) say of each file its speed and whether that is another than the study's.
    """
    padding, contact_s = round(recipe.padding_s * rate_hz), contacts["contact_s"].to_numpy()
    inside = np.floor(contact_s * rate_hz + 1e-6).astype(int) + 1
    lengths = inside + 2 * padding
    frames = np.concatenate([np.arange(length) for length in lengths])
    times = (frames - padding) / rate_hz
    table = pd.DataFrame({"stance": np.repeat(np.arange(len(contacts)), lengths), "frame": frames, "time_s": times})
    nothing = pd.DataFrame(np.zeros((len(table), len(INPUTS) + len(FORCES)), np.float32), columns=[*INPUTS, *FORCES])
    files = stances.groupby("file")[["speed_m_s", "split"]].first()
    columns = ["file", "runner", "side", "touchdown_s", "toeoff_s", "flight_s"]
    about = contacts[columns].join(files, on="file").assign(stance=range(len(contacts)), weighed_kg=1.0, unit_kg=1.0)
    about["flight_s"] -= 1 / rate_hz
    return less_way(samples.prepare(table.join(nothing), about, recipe), motions)


def curves_of(stances, forces):
    """Bring forces (N, 3) of Samples to equally spaced nodes from touchdown to toe-off: (S, 101, 3)."""
    curves, times = np.empty((len(stances), NODES, len(DIRECTIONS))), stances.frames["time_s"].to_numpy(float)
    contact_s = stances.stances["stance_s"].to_numpy()
    for number, rows in enumerate(samples.rows_of_stances(stances)):
        own, at = rows[stances.inside[rows]], np.linspace(0, contact_s[number], NODES)
        curves[number] = np.stack([np.interp(at, times[own], column) for column in forces[own].T], axis=1)
    return curves


def evaluate(laboratories, recipes, *, stance_bw, vlr, seed):
    """Train on each of the laboratories {name: Laboratory} that can, and test on each other: {kind: table}.

    Kinds are curves, timing, features, bands and needed (evaluation.transfer, transfer_bands), each with the columns of
    PAIR. Where trained_on
    is tested_on, each runner was left out; that is of the model for the field alone. `lowpass_hz` is that of both
    sides. Raises ValueError if no laboratory can train.
    """
    if not any(map(trains, laboratories.values())):
        raise ValueError(
            "At least one study needs two runners, to train on; found one runner in each of "
            f"{', '.join(laboratories)}. Name a study with more runners."
        )
    tables = {kind: [] for kind in ("curves", "timing", "features", "bands", "needed")}
    for laboratory in filter(trains, laboratories.values()):
        trained = train(laboratory, recipes, seed=seed)
        name, level = trained.recipe.name, trained.model.settings["level"]
        found, held = {laboratory.name: (trained.measured, *trained.home)}, {}
        for other in laboratories.values():
            if other.name != laboratory.name:
                unit = trained.recipe.model_copy(update={"body_weight": "study"})  # runners need not be weighed
                measured = measure(other, unit, trained.model.settings["points_cutoff_hz"])
                found[other.name] = (measured, *estimate(trained, measured, other.stances))
        for tested, parts in found.items():
            sections = laboratory.section, laboratories[tested].section
            about = {"trained_on": laboratory.name, "tested_on": tested}
            scored, held[tested] = _score(*parts, sections[1], transfer.alike_hz(*sections), name, stance_bw, vlr)
            for kind, table in scored.items():
                tables[kind].append(table.assign(**about))
            tables["bands"].append(transfer_bands.score(held[tested], level=level).assign(**about, kind=WITHIN))
        of_bands = transfer_bands.leave_out(
            {key: each for key, each in held.items() if key != laboratory.name}, level=level
        )
        for kind, parts in of_bands.items():
            tables[kind] += [part.assign(trained_on=laboratory.name) for part in parts]
    return {kind: _in_order(pd.concat(parts, ignore_index=True)) for kind, parts in tables.items()}


def _score(measured, contacts, estimated, half, unlike, section, cutoff_hz, field, stance_bw, vlr):
    """Score the estimators {name: curves} of one pair of laboratories: {kind: table with the column estimator}, Held.

    The latter is transfer_bands.Held of the model for the field.
    """
    kept, held = np.flatnonzero(contacts["stance"].notna()), None
    tables = {"timing": [transfer.timing(contacts, measured.footsteps).assign(estimator=field)]}
    tables |= {kind: [] for kind in ("curves", "features")}
    for name, curves in estimated.items():
        beside = {"cutoff_hz": cutoff_hz, "stance_bw": stance_bw}
        evaluated, pairs = transfer.lay_beside(measured, contacts, curves, section, **beside)
        scores = transfer.curve_scores(evaluated, pairs)
        means = transfer.by_speed(scores, CURVES, by=["direction"])
        tables["curves"].append(means.assign(estimator=name, lowpass_hz=cutoff_hz or np.nan))
        errors = transfer.feature_errors(transfer.feature_scores(evaluated, pairs, vlr=vlr))
        tables["features"].append(errors.assign(estimator=name))
        if name == field:
            held = transfer_bands.Held(
                evaluated, transfer.off_band(evaluated, pairs, curves[kept]), half[kept], unlike[kept], name
            )
    return {kind: pd.concat(parts, ignore_index=True) for kind, parts in tables.items()}, held


def _in_order(table):
    return table[PAIR + [column for column in table if column not in PAIR]]


def _home(model, measured):
    """Estimate the own runners of a model, each left out: contacts, curves (S, 101, 3), distances to others (S,)."""
    footsteps = measured.footsteps
    contacts = field_accuracy.detect_left_out(model.detector, measured.motions, measured.found, footsteps, footsteps)
    leans = field_accuracy.plates_lean(footsteps, samples.curve_targets(measured.samples))
    return contacts, *field_accuracy.estimate_left_out(model, measured.motions, contacts, leans)


def _left_out_widths(contacts, off, contact_s, runners, *, level):
    """Give the half widths (S, 101, 3) of contacts, each runner's by the errors `off` (N, 101, 3) of all others."""
    half = np.empty((len(contacts), *off.shape[1:]))
    for runner in np.unique(contacts["runner"]):
        mine, others = (contacts["runner"] == runner).to_numpy(), runners != runner
        own = bands.fit(off[others], contact_s[others], runners[others], level=level)
        half[mine] = own.around(contacts["contact_s"].to_numpy()[mine])
    return half
