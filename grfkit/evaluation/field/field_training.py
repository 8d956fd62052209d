"""Measured footsteps -> a model for the field, saved as a folder with its card: the work of notebook 10_field.

In: ground_truth.Measured, and contacts as in grfkit.evaluation.field.field_accuracy. Curves are (S, 101, 5): AP, ML and
V (BW), and the centre of pressure AP and ML (m from the ankle joint at the same moment).
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from grfkit import features
from grfkit.estimators import kernel_ridge, model_folder, samples
from grfkit.estimators.samples import EDGE_NODES
from grfkit.evaluation.field import field_accuracy, field_uncertainty
from grfkit.evaluation.moments_accuracy import COP
from grfkit.field import bands, clock, training_range, usual
from grfkit.field import model as field_model
from grfkit.field.contacts import contact_inputs, usual_flight
from grfkit.field.events import EVENT_NAMES
from grfkit.field.model import FieldModel
from grfkit.points import DIRECTIONS, ESTIMATES

SHOWN = 200  # contacts by which a graph is compared: our choice, a second or so


def targets(measured, section):
    """Lay out what curves are trained on, (S, 101, 5), left legs mirrored: measured force, and cop from the ankle.

    `section` is a study's Preprocessing.
    """
    cop = field_accuracy.mirrored_cop(measured.footsteps, field_accuracy.measured_cop(measured, section))
    return np.concatenate([samples.curve_targets(measured.samples), cop], axis=2)


def regression(measured, curves, recipe):
    """Train a kernel ridge regression over measured contacts by the middle candidate of a recipes.Recipe.

    Nothing is chosen. Raises ValueError for a recipe that is not a Gaussian kernel on all inputs, does not mirror, or
    does not balance: a model for the field needs all three.
    """
    rule = {"estimator": "kernel_ridge", "mirror": True, "balance": True, "inputs": [*samples.KINDS, "times"]}
    other = [f"{name}: {getattr(recipe, name)}" for name, wanted in rule.items() if getattr(recipe, name) != wanted]
    if other or recipe.kernel.shape != "gaussian":
        raise ValueError(
            "A model for the field is Gaussian kernel ridge regression on positions, velocities, accelerations and "
            f"times, mirrored and balanced; {recipe.name} has {', '.join(other) or f'shape: {recipe.kernel.shape}'}. "
            "Change `examined` in the study file."
        )
    footsteps, candidate = measured.footsteps, kernel_ridge.middle_candidate(recipe.kernel, recipe.inputs)
    inputs = contact_inputs(measured.motions, footsteps, footsteps["flight_s"].to_numpy(), padding_s=recipe.padding_s)
    runners = footsteps["runner"].to_numpy()
    return kernel_ridge.KernelRidge.fit_groups(inputs, curves, runners, candidate, shape=recipe.kernel.shape)


def train_forces(measured, candidate, recipe, settings, *, every, seed):
    """Train a FieldModel of contacts and forces, without centre of pressure and bands.

    `candidate` are the detector's scales and noise, `settings` FieldModel's.
    """
    detector = field_accuracy.fit_detector(measured, candidate, every=every, seed=seed)
    return FieldModel(detector, regression(measured, samples.curve_targets(measured.samples), recipe), settings)


def calibrate(model, measured, contacts, nearest, errors):
    """Give a FieldModel its bands, asymmetry limits and training range, from the errors of left-out runners.

    `contacts` and `nearest` (S,) are those of left-out runners, `errors` field_uncertainty.Errors.
    """
    mine, level = contacts.iloc[errors.rows], model.settings["level"]
    speeds = {each.file: each.speed_m_s for each in measured.recorded}
    return replace(
        model,
        bands=bands.fit(errors.curves, mine["contact_s"].to_numpy(), mine["runner"].to_numpy(), level=level),
        features=field_uncertainty.feature_bands(errors.features, level=level),
        asymmetry_pct=field_uncertainty.asymmetry_limits(errors.asymmetry, level=level),
        training_range=training_range.learn(
            training_range.measure(measured.motions, contacts, speeds),
            training_range.swings(measured.motions, contacts),
            nearest,
        )
        | {"usual": usual.learn(_measured_means(mine, errors.features, speeds))}
        | {"clock": _clock(measured.motions, contacts, speeds)},
    )


def _clock(motions, contacts, speeds):
    """Learn how long steps take (clock.learn) from the recordings of `contacts`."""
    files = contacts.groupby("file", sort=False)
    rows = [clock.measure(motions[file], table["mid_s"].to_numpy(), speeds[file]) for file, table in files]
    return clock.learn(np.array(rows), files["runner"].first().to_numpy())


def _measured_means(contacts, of_features, speeds):
    """Lay out what is usual of training runners: times of their `contacts` as detected, features as measured."""
    times = contacts[["runner", "contact_s", "flight_s"]].assign(
        speed_m_s=contacts["file"].map(speeds), step_rate_per_min=60 / contacts["step_s"]
    )
    plate = {name: of_features[f"{name}_measured"].to_numpy() for name in features.FEATURES}
    return times.assign(**plate)


def by_feature(of_features, model):
    """Summarise field_uncertainty.feature_errors: a row for each feature, in its unit, and the width of its band.

    The width is the mean half width over its `n` footsteps.
    """
    rows = []
    for name, band in model.features.items():
        both = of_features.dropna(subset=[name, f"{name}_measured"])
        measured = both[f"{name}_measured"]
        error, half = both[name] - measured, band.around(both["contact_s"].to_numpy())[:, 0, 0]
        means = measured.mean(), error.mean(), np.sqrt(np.mean(error**2)), half.mean()
        rows.append((name, *means, model.asymmetry_pct.get(name), len(both)))
    return pd.DataFrame(rows, columns=["feature", "measured_mean", "error_mean", "rmse", "band", "asymmetry_pct", "n"])


def curves_table(contacts, curves):
    """Lay out the curves of contacts that plates measured: a row for each node.

    Columns: stance, node, time_s of the recording, est_* (BW) and est_cop_* (m).
    """
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
    values = np.float32(curves[rows].reshape(-1, curves.shape[2]).T)
    return table.assign(**dict(zip([*ESTIMATES, *COP], values, strict=True)))


def settings(section, recipe, footsteps, *, level, vlr):
    """Give the settings of a FieldModel from a study's Preprocessing, a recipe and the measured footsteps."""
    return {
        "points_cutoff_hz": section.points_cutoff_hz,
        "max_gap_s": section.checks.max_gap_s,
        "padding_s": recipe.padding_s,
        "vlr": vlr,
        "level": level,
        "flight_s": float(footsteps["flight_s"].mean()),
    }


def some_inputs(motions, contacts, settings):
    """Lay out evenly chosen contacts as contact_inputs does: what a graph is compared on."""
    some = contacts.iloc[np.unique(np.linspace(0, len(contacts) - 1, SHOWN).astype(int))].reset_index(drop=True)
    flight_s = usual_flight(some, some["group"], settings["flight_s"])
    return contact_inputs(motions, some, flight_s, padding_s=settings["padding_s"])


def save(folder, model, inputs, *, card):
    """Save a FieldModel as a folder that travels, with the graph `curves`, compared on `inputs`.

    Returns the largest difference (BW, or m). Raises ValueError if ONNX Runtime gives other forces, by more than
    onnx_export.TOLERANCE_BW.
    """
    from grfkit.estimators import onnx_export

    graph = onnx_export.kernel_ridge(model.curves)
    graph.doc_string += _graph_words(model.settings)
    difference = onnx_export.verify(graph, onnx_export.curve_feed(inputs), model.curves.estimate(inputs))
    arrays, description = model_folder.join(field_model.parts(model))
    model_folder.save(folder, description=description, arrays=arrays, card=card, graphs={"curves": graph})
    return difference


def _graph_words(settings):
    """Say how to make the graph's inputs from points, and how to finish its forces, as grfkit.field does."""
    cutoff, padding = settings["points_cutoff_hz"], 1000 * settings["padding_s"]
    before = ", ".join(f"{padding * (1 - number / EDGE_NODES):g}" for number in range(EDGE_NODES))
    filtered = "not filtered"
    if cutoff:
        filtered = (
            f"low-passed at {cutoff:g} Hz (second-order Butterworth forwards and backwards, together 3 dB down there)"
        )
    return (
        " First subtract the pelvis' mean horizontal velocity over the recording, on a treadmill and overground. Then "
        f"points are {filtered}; velocities and accelerations are those of a cubic spline through them. Nodes before "
        f"touchdown and after toe-off: {before} ms. For an unknown flight time use the recording's mean, or "
        f"{settings['flight_s']:.3f} s. For a left leg turn the medial-lateral sign of the centre of pressure back "
        "too. `balance`: scale the vertical forces so that their mean over contacts and flights is 1 BW. Then subtract "
        "a multiple of the vertical force, from anterior-posterior forces so that their mean is 0, and from "
        "medial-lateral forces so that the means of left and right steps cancel."
    )


def card(model, about, footsteps, timing, mean_scores, coverage):
    """Write what model_card.Card needs about a FieldModel.

    `about` holds data, licence and citation; the tables are those of field_accuracy and field_uncertainty.
    """
    timing, scores, shares = (table[table["speed"] == field_accuracy.ALL] for table in (timing, mean_scores, coverage))
    forces = scores[scores["estimator"] == scores["estimator"].iloc[-1]].set_index("direction")
    runners = footsteps["runner"].nunique()
    return {
        "title": f"Running: contacts, forces and centre of pressure from 11 points ({runners} runners)",
        "purpose": "For recordings of running without force plates. It estimates touchdown, toe-off, the three ground "
        "reaction force curves, the centre of pressure and features of each step, with bands. Do not use it for "
        "walking, sprinting or jumping, nor for decisions about one person's health.",
        "data": f"{about['data']} It was trained on {len(footsteps)} steps of {runners} runners.",
        "licence": about["licence"],
        "citation": about["citation"],
        "recipe": "Kernel ridge regression on positions, velocities and accelerations, with left legs mirrored and the "
        "forces of a recording balanced (grfkit, notebook 10_field).",
        "scores": _card_scores(
            timing.set_index("detector").loc["detector"], forces, shares.set_index("direction"), model.abroad
        ),
        "scored_on": "Left-out runners: a model of all others finds, times and estimates each runner's steps. Forces "
        "are scored over detected contacts." + " Elsewhere: in laboratories that trained nothing." * bool(model.abroad),
        "limits": [
            f"Training range: {training_range.in_words(model.training_range)}. Steps more than a tenth beyond it, with "
            "two and a half times the noise, or with a quarter of the quick motion are estimated and marked as out of "
            "range. Points with a twentieth of the quick motion were smoothed too strongly, and are refused.",
            f"A band holds {100 * model.settings['level']:g} % of samples on average over runners, not for each "
            f"runner: the least was {shares['least_runner_pct'].min():.0f} %, for one runner in one direction.",
            _elsewhere(model.abroad),
            "Estimates depend on accelerations of the points: jitter of a millimetre from frame to frame, or fewer "
            "than 60 frames a second, cost accuracy (10_field/degraded.csv).",
            "Forces are in body weights of the moving body: if the mass is wrong by some per cent, newtons are wrong "
            "by as much.",
        ],
        "use": "    import grfkit\n"
        '    result = grfkit.estimate("run.trc", mass_kg=70, model="path/of/this/folder")\n'
        "    result.steps, result.curves  # result.plot(), result.save(folder), ...",
    }


def _elsewhere(abroad):
    """Say how accurate a model is in another laboratory, from its bands.Abroad, None if none was tried."""
    knows = (
        "It was trained on the cameras, markers and plates of these data: expect larger errors in other laboratories"
    )
    if abroad is None:
        return f"{knows}, and bands that are too narrow. By how much was not tested (`make transfer`)."
    times = ", ".join(f"{factor:.1f}" for factor in abroad.in_range)
    return (
        f"{knows}. Bands of a new laboratory are {times} times as wide ({', '.join(DIRECTIONS)}): what recordings of "
        f"{' and '.join(abroad.laboratories)} needed on average, and a margin. So few laboratories prove little."
    )


def _card_scores(timing, forces, shares, abroad):
    """List the errors for a card: of each event (`timing`, a row), and of each direction's force and its band.

    Errors of forces in other laboratories are added if `abroad`, a bands.Abroad or None, has them.
    """
    scores = []
    for event, name in EVENT_NAMES.items():
        mean = round(timing[f"{event}_mean_ms"], 1) + 0.0  # no -0.0
        more = f"mean error {mean:.1f} ms"
        scores.append({"what": name, "RMSE": f"{timing[f'{event}_rmse_ms']:.1f} ms", "more": more})
    for number, direction in enumerate(DIRECTIONS):
        own, share = forces.loc[direction], shares.loc[direction, "covered_pct"]
        more = f"nRMSE {own['nrmse_pct']:.1f} %, r {own['r']:.3f}, {share:.0f} % of samples in the band"
        if abroad:
            home, away = (
                f"{rmse[number]:.3f} BW, {nrmse[number]:.1f} %"
                for rmse, nrmse in (
                    (abroad.home_rmse_bw, abroad.home_nrmse_pct),
                    (abroad.rmse_bw, abroad.nrmse_pct),
                )
            )
            more += f"; measured as in 14_transfer {home}, and elsewhere ({', '.join(abroad.laboratories)}) {away}"
        scores.append({"what": f"{direction} force", "RMSE": f"{own['rmse_bw']:.3f} BW", "more": more})
    return scores


def beside_published(timing, published):
    """Compare the detector's RMSE (ms) over all speeds with a published one: a row for each event."""
    ours = timing[(timing["detector"] == "detector") & (timing["speed"] == field_accuracy.ALL)].iloc[0]
    return pd.DataFrame(
        [(name, ours[f"{event}_rmse_ms"], published[f"{event}_rmse_ms"]) for event, name in EVENT_NAMES.items()],
        columns=["event", "ours_rmse_ms", "published_rmse_ms"],
    ).round(2)
