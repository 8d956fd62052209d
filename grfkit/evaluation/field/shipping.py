"""Recordings with plates -> the model that comes with the package: a field model on compactly stored landmarks.

In: one study for which 01_preprocess and 10_field have run. Out: a folder of a few MB, and its loss of accuracy against
the whole model of 10_field. Nothing is chosen here: candidates, seed and filters are those of 10_field.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from grfkit.estimators import codes, kernel_ridge, landmarks, model_folder
from grfkit.estimators.kernel_ridge import KernelRidge
from grfkit.estimators.samples import CORE_NODES
from grfkit.evaluation import transfer_bands
from grfkit.evaluation.field import field_accuracy, field_training, field_uncertainty, laboratories
from grfkit.field import bands, events, motion
from grfkit.field import model as field_model
from grfkit.field.contacts import contact_inputs
from grfkit.field.events import CLOSE, CLOSE_NODES, WIDE, WIDE_NODES, Detector
from grfkit.field.model import FieldModel
from grfkit.points import DIRECTIONS
from grfkit.study import file as study_files
from grfkit.study import recipes as recipe_files
from grfkit.study import store

OF_CURVES, OF_DETECTOR = 1800, 400  # landmarks: what 8 MB hold, whatever the errors are; our choice
STEP_S = 0.010  # of paths, about: points are low-passed at 20 Hz; our choice
BEYOND = 2  # steps that a path goes on beyond its nodes, so that its spline has no end there: our choice
RANK = 16  # curves that make the forces of one component: our choice
MOST_MB, MOST_LOSS_BW = 8.0, 0.002  # of the folder; of each direction, each runner left out


def ship(study, *, data, results, folder, recipes="params/recipes"):
    """Train the model of a study that comes with the package, each runner left out for its card; save it to `folder`.

    `study` is a study file, `data` the folder of its recordings, `results` those of its notebooks. Returns a table: a
    row for each direction with RMSE (BW) over detected contacts of this model, of the whole one, and the loss. Raises
    ValueError, and saves nothing, where the folder would be larger than MOST_MB or lose more than MOST_LOSS_BW.
    """
    name, settings = Path(study).stem, study_files.load(study)
    field, about = settings.sections["10_field"], settings.sections["10_field"]["about"]
    recipe = recipe_files.load_all(recipes, [field["examined"]])[field["examined"]]
    studies = {name: laboratories.read(name, study=study, data=data, results=results)}
    parts = {name: laboratories.measure(studies[name], recipe, field["points_cutoff_hz"])}
    measured, curves = parts[name], laboratories.over_all(parts, studies, field_training.targets)
    section = studies[name].section.model_copy(update={"points_cutoff_hz": field["points_cutoff_hz"]})
    footsteps, leans = measured.footsteps, field_accuracy.plates_lean(measured.footsteps, curves)
    used = field_training.settings(section, recipe, footsteps, level=field["level"], vlr=field["vlr"])
    used |= {"trained_on": laboratories.known_of(studies, leans)}
    model = train(measured, curves, field["detector"], recipe, used, seed=settings.seed)
    contacts = field_accuracy.detect_left_out(model.detector, measured.motions, measured.found, footsteps, footsteps)
    estimated, nearest = field_accuracy.estimate_left_out(model, measured.motions, contacts, leans)
    scores, _ = field_accuracy.score_forces(measured, {"detected contacts": (contacts, estimated)})
    summary = field_accuracy.mean_scores(scores, footsteps)
    off = field_uncertainty.errors(measured, contacts, estimated, vlr=field["vlr"])
    evaluated = contacts.iloc[off.rows]
    times, runners = evaluated["contact_s"].to_numpy(), evaluated["runner"].to_numpy()
    coverage = field_uncertainty.coverage(bands.covered(off.curves, times, runners, level=field["level"]), evaluated)
    model = field_training.calibrate(model, measured, contacts, nearest, off)
    model = replace(model, abroad=transfer_bands.read(results, [name]))
    timing = field_accuracy.timing({"detector": contacts}, footsteps, measured.missed, None)
    loss = _loss(summary, store.read(results, "10_field/summary.csv"))
    card = field_training.card(model, about, footsteps, timing, summary, coverage)
    _save(folder, model, card, loss)
    return loss


def _loss(summary, whole):
    """Compare RMSE over detected contacts of all speeds with the `whole` model's: a row for each direction."""
    ours, theirs = (
        table[(table["estimator"] == "detected contacts") & (table["speed"] == field_accuracy.ALL)]
        .set_index("direction")
        .loc[DIRECTIONS, ["rmse_bw", "nrmse_pct"]]
        for table in (summary, whole)
    )
    table = ours.join(theirs.add_suffix("_whole"))
    return table.assign(loss_bw=table["rmse_bw"] - table["rmse_bw_whole"])


def _save(folder, model, card, loss):
    """Save the model with its card, where it is small and good enough."""
    arrays, description = model_folder.join(field_model.parts(model))
    size = sum(np.asarray(array).nbytes for array in arrays.values()) / 1e6
    worst = loss["loss_bw"].max()
    if size > MOST_MB or worst > MOST_LOSS_BW:
        raise ValueError(
            f"A model that comes with the package has at most {MOST_MB:g} MB and loses at most {MOST_LOSS_BW:g} BW; "
            f"this one has {size:.1f} MB and loses {worst:.4f} BW. Nothing was saved. Change the number of landmarks "
            "in grfkit/evaluation/field/shipping.py."
        )
    said = (
        f"{len(model.curves.groups):,} of the steps, coded in 16 bits, represent all as landmarks. For left-out "
        f"runners this costs at most {worst:.4f} BW against the model of all steps (10_field). These steps are an "
        "adaptation of the data named here, under the same licence."
    )
    card |= {"limits": [*card["limits"], said]}
    model_folder.save(folder, description=description, arrays=arrays, card=card)


def train(measured, curves, candidate, recipe, settings, *, seed):
    """Train a FieldModel on coded landmarks, drawn at random from the measured footsteps.

    `curves` (S, 101, C) are what field_training.targets gives, `candidate` the detector's scales and noise, `settings`
    FieldModel's. All footsteps train detector and curves.
    """
    return FieldModel(
        _detector(measured, candidate, seed=seed), _regression(measured, curves, recipe, seed=seed), settings
    )


def _regression(measured, curves, recipe, *, seed):
    footsteps, candidate = measured.footsteps, kernel_ridge.middle_candidate(recipe.kernel, recipe.inputs)
    flight_s = footsteps["flight_s"].to_numpy()
    inputs = contact_inputs(measured.motions, footsteps, flight_s, padding_s=recipe.padding_s)
    index = landmarks.draw(len(footsteps), OF_CURVES, seed=seed)
    own, touchdown = footsteps.iloc[index], footsteps["touchdown_s"].to_numpy()[index]
    ends = np.zeros(len(own)), own["contact_s"].to_numpy()
    edges = motion.edge_times(*(end[:, None] for end in ends), recipe.padding_s)
    coded = _coded(measured.motions, own, touchdown, ends, edges, nodes=CORE_NODES)
    coded = coded._replace(times=np.float32(inputs["times"][0][index]))
    fit = {"coded": coded, "rank": RANK}
    runners, shape = footsteps["runner"].to_numpy(), recipe.kernel.shape
    return KernelRidge.fit_landmarks(inputs, curves, runners, candidate, index, shape, **fit)


def _detector(measured, candidate, *, seed):
    """Train a Detector on all measured footsteps, as events.fit does on some."""
    motions, footsteps = measured.motions, measured.footsteps
    index = landmarks.draw(len(footsteps), OF_DETECTOR, seed=seed)
    own, mid = footsteps.iloc[index], footsteps["mid_s"].to_numpy()
    looks = events.looks(motions, footsteps, seed=seed)
    reach = {"wide": (WIDE, WIDE_NODES)} | dict.fromkeys(("touchdown", "toeoff"), (CLOSE, CLOSE_NODES))
    parts = {}
    for name, (moments, inputs, targets) in looks.items():
        (half_s, nodes), about = reach[name], (moments - mid)[index]
        ends, nothing = (about - half_s, about + half_s), np.empty((len(own), 0))
        coded = _coded(motions, own, mid[index], ends, nothing, nodes=nodes)
        runners, hyper = footsteps["runner"].to_numpy(), candidate | {"edges": 0.0}
        parts[name] = KernelRidge.fit_landmarks(inputs, targets, runners, hyper, index, "gaussian", coded=coded)
    return Detector(**parts)


def _coded(motions, footsteps, origins, ends, edges, *, nodes):
    """Code paths of footsteps: nodes between `ends`, a pair of (S,) s after their `origins` (S,) s, and at `edges`."""
    first, last = (
        function(np.column_stack([end, edges]), axis=1) for function, end in zip((np.min, np.max), ends, strict=True)
    )
    count = round(float(np.mean(last - first)) / STEP_S)
    step = (last - first) / count
    first = first - BEYOND * step
    moments = first[:, None] + step[:, None] * np.arange(count + 1 + 2 * BEYOND)
    path = motion.paths(motions, footsteps.reset_index(drop=True), origins[:, None] + moments, origins)
    clock = np.column_stack([first, step, *ends])
    return codes.encode(path, clock, edges, np.empty((len(path), 0)), nodes=nodes)
