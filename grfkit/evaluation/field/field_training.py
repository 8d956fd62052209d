"""Train a model for the field on recordings with plates, and save it with what a reader should know: the notebook 10_field.

Tables of steps and contacts are those of grfkit.evaluation.field.field_accuracy. Curves are (S, 101, 5): AP, ML and V (BW), and the centre of pressure AP and ML
(m from the ankle joint at the same moment).
"""

import numpy as np
import pandas as pd

from grfkit.estimators import kernel_ridge, model_folder, samples
from grfkit.estimators.samples import EDGE_NODES
from grfkit.evaluation.field import field_accuracy, field_centres, field_uncertainty, ground_truth, robustness
from grfkit.evaluation.moments_accuracy import COP
from grfkit.field import bands as force_bands
from grfkit.field import contacts as field_contacts
from grfkit.field import model as field_model
from grfkit.field import motion, training_range
from grfkit.field.events import EVENT_NAMES
from grfkit.field.model import FieldModel
from grfkit.points import DIRECTIONS, ESTIMATES

SHOWN = 200  # contacts by which a graph is compared: our choice, a second or so


def targets(taken, steps, recorded, motions, section):
    """Lay out what curves are trained on, (S, 101, 5), left legs mirrored: the force of Samples `taken`, and the centre of pressure from the ankle.

    `steps` are the same stances; `recorded` and `motions` as field_known gives them, with a study's section 01_preprocess.
    """
    return np.concatenate(
        [
            samples.curve_targets(taken),
            field_centres.mirrored(steps, field_centres.measured(steps, recorded, motions, section)),
        ],
        axis=2,
    )


def regression(taken, curves, steps, motions, recipe):
    """Train a KernelRidge over measured contacts by the middle candidate of a recipes.Recipe, so that nothing is chosen.

    Raises ValueError for a recipe that is not a Gaussian kernel on all inputs, that does not mirror, or does not balance: a model for
    the field is that.
    """
    rule = {"estimator": "kernel_ridge", "mirror": True, "balance": True, "inputs": [*samples.KINDS, "times"]}
    other = [f"{name}: {getattr(recipe, name)}" for name, wanted in rule.items() if getattr(recipe, name) != wanted]
    if other or recipe.kernel.shape != "gaussian":
        raise ValueError(
            "A model for the field is a Gaussian kernel ridge on positions, velocities, accelerations and times, mirrored and balanced; "
            f"{recipe.name} has {', '.join(other) or f'shape: {recipe.kernel.shape}'}. Change `examined` in the study file."
        )
    inputs = field_contacts.inputs(motions, steps, steps["flight_s"].to_numpy(), padding_s=recipe.padding_s)
    return kernel_ridge.KernelRidge.fit_groups(
        inputs,
        curves,
        steps["runner"].to_numpy(),
        kernel_ridge.middle_candidate(recipe.kernel, recipe.inputs),
        shape=recipe.kernel.shape,
    )


def model(
    detector, regression, motions, contacts, curves, nearest, *, off, of_features, of_asymmetry, speeds, settings
):
    """Put a FieldModel together from what leaving each runner out has shown.

    `contacts`, `curves` and `nearest` are those of left-out runners, `off` as field_doubt.residuals gives, `of_features` and `of_asymmetry` its
    tables; `speeds` {file: m/s}; `settings` are FieldModel's.
    """
    rows, errors = off
    mine, level = contacts.iloc[rows], settings["level"]
    bands = force_bands.fit(errors, mine["contact_s"].to_numpy(), mine["runner"].to_numpy(), level=level)
    known = training_range.learn(
        training_range.measure(motions, contacts, speeds), training_range.swings(motions, contacts), nearest
    )
    return FieldModel(
        detector,
        regression,
        bands,
        field_uncertainty.feature_bands(of_features, level=level),
        field_uncertainty.asymmetry_limits(of_asymmetry, level=level),
        known,
        settings,
    )


def by_feature(of_features, model):
    """Summarise the errors of features of left-out runners: a row for each feature; in its unit, n steps, and the half width of its band.

    `of_features` as field_doubt.feature_residuals; the width is the mean over its steps.
    """
    rows = []
    for name, bands in model.features.items():
        known = of_features.dropna(subset=[name, f"{name}_measured"])
        error = known[name] - known[f"{name}_measured"]
        half = bands.around(known["contact_s"].to_numpy())[:, 0, 0]
        rows.append(
            (
                name,
                known[f"{name}_measured"].mean(),
                error.mean(),
                np.sqrt(np.mean(error**2)),
                half.mean(),
                model.asymmetry_pct.get(name),
                len(known),
            )
        )
    return pd.DataFrame(rows, columns=["feature", "measured_mean", "error_mean", "rmse", "band", "asymmetry_pct", "n"])


def curves_table(contacts, curves):
    """Lay out the curves of contacts that plates measured: stance, node, time_s of the recording, est_* (BW) and est_cop_* (m), a row for each node."""
    rows = np.flatnonzero(contacts["stance"].notna())
    kept, nodes = contacts.iloc[rows], curves.shape[1]
    times = kept[["touchdown_s"]].to_numpy() + kept[["contact_s"]].to_numpy() * np.linspace(0, 1, nodes)
    table = pd.DataFrame(
        {
            "stance": np.repeat(kept["stance"].to_numpy(), nodes),
            "node": np.tile(np.arange(nodes), len(kept)),
            "time_s": times.ravel(),
        }
    )
    return table.assign(
        **dict(zip([*ESTIMATES, *COP], np.float32(curves[rows].reshape(-1, curves.shape[2]).T), strict=True))
    )


def with_cutoff(
    cutoff_hz, recorded, stances, prepared, section, recipe, candidate, cases, *, every, seed, seconds, settings
):
    """Train on points with another low-pass (Hz) and judge recordings that are made worse, as field_worse.degraded: a model for points with more noise."""
    section = section.model_copy(update={"points_cutoff_hz": cutoff_hz})
    motions = ground_truth.motions(recorded, section)
    found = motion.find(motions)
    steps, taken = field_accuracy.known_steps(motions, ground_truth.match(found, stances)[0], prepared)
    _, detector = field_accuracy.detect(motions, found, steps, candidate, every=every, seed=seed)
    curves = regression(taken, samples.curve_targets(taken), steps, motions, recipe)
    return robustness.degraded(
        recorded,
        steps,
        taken,
        detector,
        curves,
        cases,
        seconds=seconds,
        seed=seed,
        settings=settings | {"points_cutoff_hz": cutoff_hz},
    )


def settings(section, recipe, steps, *, level, vlr):
    """Give the settings of a FieldModel from a study's section 01_preprocess, a recipe and the measured steps."""
    return {
        "points_cutoff_hz": section.points_cutoff_hz,
        "max_gap_s": section.checks.max_gap_s,
        "padding_s": recipe.padding_s,
        "vlr": vlr,
        "level": level,
        "flight_s": float(steps["flight_s"].mean()),
    }


def some_inputs(motions, contacts, settings):
    """Lay out evenly chosen contacts as field.inputs does: what a graph is compared on."""
    some = contacts.iloc[np.unique(np.linspace(0, len(contacts) - 1, SHOWN).astype(int))].reset_index(drop=True)
    return field_contacts.inputs(
        motions,
        some,
        field_contacts.usual_flight(some, some["group"], settings["flight_s"]),
        padding_s=settings["padding_s"],
    )


def save(folder, model, inputs, *, card):
    """Save a FieldModel as a folder that travels, with the graph `curves`, compared on inputs; returns the largest difference (BW, or m).

    Raises ValueError where ONNX Runtime gives other forces, by more than onnx_export.TOLERANCE_BW.
    """
    from grfkit.estimators import onnx_export

    graph = onnx_export.kernel_ridge(model.curves)
    graph.doc_string += _laid_out(model.settings)
    difference = onnx_export.verify(graph, onnx_export.curve_feed(inputs), model.curves.estimate(inputs))
    arrays, description = model_folder.join(field_model.parts(model))
    model_folder.save(folder, description=description, arrays=arrays, card=card, graphs={"curves": graph})
    return difference


def _laid_out(settings):
    """Say how the graph's inputs are made from points, and its forces finished: what grfkit.field.contacts does before and after it."""
    cutoff, padding = settings["points_cutoff_hz"], 1000 * settings["padding_s"]
    before = ", ".join(f"{padding * (1 - number / EDGE_NODES):g}" for number in range(EDGE_NODES))
    filtered = (
        f"low-passed at {cutoff:g} Hz (second-order Butterworth forwards and backwards, together 3 dB down there)"
        if cutoff
        else "not filtered"
    )
    return (
        f" Points are {filtered} after the pelvis' mean horizontal velocity over the recording is taken away, on a treadmill and overground; velocities and "
        f"accelerations are those of a cubic spline through them. Nodes before touchdown and after toe-off: {before} ms. A flight time that is not known is the "
        f"mean of the recording's, or {settings['flight_s']:.3f} s. Of a left leg the medial-lateral sign of the centre of pressure turns back too. `balance`: vertical "
        "forces times a factor with which their mean over contacts and flights is 1 BW; then of anterior-posterior ones that multiple of the vertical "
        "taken away with which their mean is 0."
    )


def card(model, about, steps, timing, summary, coverage):
    """Say of a FieldModel what model_card.Card asks for; `about` holds data, licence and citation, the tables are those of field_study and field_doubt."""
    whole = [table[table["speed"] == field_accuracy.ALL] for table in (timing, summary, coverage)]
    detector = whole[0].set_index("detector").loc["detector"]
    forces = whole[1][whole[1]["estimator"] == whole[1]["estimator"].iloc[-1]].set_index("direction")
    covered = whole[2].set_index("direction")["covered_pct"]
    scores = [
        {
            "what": name,
            "RMSE": f"{detector[f'{event}_rmse_ms']:.1f} ms",
            "more": f"mean error {round(detector[f'{event}_mean_ms'], 1) + 0.0:.1f} ms",
        }
        for event, name in EVENT_NAMES.items()
    ]
    scores += [
        {
            "what": f"{direction} force",
            "RMSE": f"{forces.loc[direction, 'rmse_bw']:.3f} BW",
            "more": f"nRMSE {forces.loc[direction, 'nrmse_pct']:.1f} %, r {forces.loc[direction, 'r']:.3f}, {covered[direction]:.0f} % of samples in the band",
        }
        for direction in DIRECTIONS
    ]
    runners = steps["runner"].nunique()
    return {
        "title": f"Running: contacts, forces and centre of pressure from 11 points ({runners} runners)",
        "purpose": "Estimates, for each step of a recording of running without force plates, touchdown, toe-off, the three ground reaction force curves, the "
        "centre of pressure and features, with bands. Not for walking, sprinting or jumping, nor for decisions about one person's health.",
        "data": f"{about['data']} {len(steps)} steps of {runners} runners trained it.",
        "licence": about["licence"],
        "citation": about["citation"],
        "recipe": "Kernel ridge regression on positions, velocities and accelerations, left legs mirrored; forces of a recording balance "
        "(grfkit, notebook 10_field).",
        "scores": scores,
        "scored_on": "Each runner left out: found, timed and estimated by all others, over detected contacts.",
        "limits": [
            f"What it knows: {training_range.ranges(model.known)}. What is beyond by more than a tenth, or has two and a half times the noise, is "
            "estimated and said to be unlike.",
            f"A band holds {100 * model.settings['level']:g} % of samples on average over runners, not for each: of the runner with the least it held "
            f"{whole[2]['least_runner_pct'].min():.0f} % in one direction. It knows the cameras, markers and plates of these data alone: in another "
            "laboratory expect larger errors, and bands that are too narrow.",
            "Accelerations of the points carry it: jitter of a millimetre from frame to frame, or fewer than 60 frames a second, cost accuracy "
            "(10_field/degraded.csv).",
            "Forces are in body weights of the moving body: a mass that is wrong by some per cent makes newtons wrong by as much.",
        ],
        "use": "    from grfkit import field_estimate, field_model\n"
        '    model, card = field_model.load("path/of/this/folder")\n'
        '    steps, curves, warnings = field_estimate.one(model, "a name", points, 100, 3.5)  # (F, 11, 3) m, Hz, m/s',
    }


def beside_published(timing, published):
    """Lay the detector's RMSE (ms) over all speeds beside a published one: a row for each event."""
    ours = timing[(timing["detector"] == "detector") & (timing["speed"] == field_accuracy.ALL)].iloc[0]
    return pd.DataFrame(
        [(name, ours[f"{event}_rmse_ms"], published[f"{event}_rmse_ms"]) for event, name in EVENT_NAMES.items()],
        columns=["event", "ours_rmse_ms", "published_rmse_ms"],
    ).round(2)
