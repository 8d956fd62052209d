"""Train a model for the field on recordings with plates, and say of it what a reader should know: the notebook 10_field.

Tables of steps and contacts are those of grfkit.field_study. Curves are (S, 101, 5): AP, ML and V (BW), and the centre of pressure AP and ML
(m from the ankle joint at the same moment).
"""

import numpy as np
import pandas as pd

from grfkit import ESTIMATES, conformal, field, field_study, joints, joints_study, kernel, limits, samples
from grfkit.field_model import FieldModel
from grfkit.joints_study import CENTRES

LOADED_BW = 0.1  # less vertical force, and the centre of pressure is a quotient of two small numbers: our choice


def targets(taken, steps, recorded, motions, section):
    """Lay out what curves are trained on, (S, 101, 5), left legs mirrored: the force of Samples `taken`, and the centre of pressure from the ankle.

    `steps` are the same stances; `recorded` and `motions` as field_known gives them, with a study's section 01_preprocess.
    """
    return np.concatenate([samples.curve_targets(taken), mirrored(steps, centres(steps, recorded, motions, section))], axis=2)


def centres(steps, recorded, motions, section):
    """Measure the centre of pressure (S, 101, 2) m, AP and ML from the ankle joint, of measured steps."""
    _, cop = joints_study.measured(recorded, steps, cutoff_hz=section["force_cutoff_hz"], threshold_n=section["contact_threshold_n"])
    points, _ = joints_study.legs(motions, steps)
    return (cop - points[:, :, joints.LEG.index("ankle")])[..., :2]


def mirrored(steps, centres):
    """Turn centres (S, 101, 2) of left legs into those of right ones; again, and they are back."""
    left = (steps["side"] == "l").to_numpy()[:, None, None]
    return np.where(left, samples.MIRROR[:2], 1.0) * centres


def regression(taken, curves, steps, motions, recipe):
    """Train a kernel.Regression over measured contacts by the middle candidate of a recipes.Recipe, so that nothing is chosen.

    Raises ValueError for a recipe that is not a Gaussian kernel on all inputs, that does not mirror, or does not balance: a model for
    the field is that.
    """
    rule = {"estimator": "kernel_ridge", "mirror": True, "balance": True, "inputs": [*samples.KINDS, "times"]}
    other = [f"{name}: {getattr(recipe, name)}" for name, wanted in rule.items() if getattr(recipe, name) != wanted]
    if other or recipe.kernel.shape != "gaussian":
        raise ValueError("A model for the field is a Gaussian kernel ridge on positions, velocities, accelerations and times, mirrored and balanced; "
                         f"{recipe.name} has {', '.join(other) or f'shape: {recipe.kernel.shape}'}. Change `examined` in the study file.")
    inputs = field.inputs(motions, steps, steps["flight_s"].to_numpy(), padding_s=recipe.padding_s)
    return kernel.Regression(inputs, curves, steps["runner"].to_numpy(), kernel.middle(recipe.kernel, recipe.inputs), shape=recipe.kernel.shape)


def centre_errors(steps, measured, estimated):
    """Summarise the errors (mm) of centres of pressure {name: (contacts, curves (S, 101, 5))} against `measured` (S, 101, 2) m of the steps.

    Root mean square over the moments at which the estimated vertical force is above LOADED_BW, mean over stances; a row for each name,
    direction and speed.
    """
    rows = []
    at = joints_study.nodes(steps)
    for name, (contacts, curves) in estimated.items():
        place = pd.Series(range(len(contacts)), index=contacts["stance"])[lambda found: found.index.notna()].reindex(steps["stance"])
        kept = place.notna().to_numpy()
        values = field.at_times(contacts, curves, np.repeat(place[kept].astype(int).to_numpy(), at.shape[1]), at[kept].ravel())
        values = values.reshape(kept.sum(), at.shape[1], -1)
        loaded = values[..., 2] > LOADED_BW
        squares = np.where(loaded[..., None], (values[..., 3:] - measured[kept])**2, 0.0).sum(axis=1) / loaded.sum(axis=1)[:, None]
        errors = pd.DataFrame(1000 * np.sqrt(squares), columns=["AP", "ML"]).assign(speed=steps["speed"].to_numpy()[kept])
        both = pd.concat([errors, errors.assign(speed=field_study.ALL)])
        rows.append(both.melt("speed", var_name="direction", value_name="rmse_mm").groupby(["direction", "speed"])["rmse_mm"].agg(["mean", "size"])
                    .rename(columns={"mean": "rmse_mm", "size": "n"}).reset_index().assign(estimator=name))
    return pd.concat(rows, ignore_index=True)[["estimator", "direction", "speed", "rmse_mm", "n"]]


def model(detector, regression, motions, contacts, curves, nearest, *, off, of_features, of_asymmetry, speeds, settings):
    """Put a FieldModel together from what leaving each runner out has shown.

    `contacts`, `curves` and `nearest` are those of left-out runners, `off` as field_study.residuals gives, `of_features` and `of_asymmetry` its
    tables; `speeds` {file: m/s}; `settings` are FieldModel's.
    """
    rows, errors = off
    mine, level = contacts.iloc[rows], settings["level"]
    bands = conformal.fit(errors, mine["contact_s"].to_numpy(), mine["runner"].to_numpy(), level=level)
    known = limits.learn(limits.measure(motions, contacts, speeds), limits.swings(motions, contacts), nearest)
    return FieldModel(detector, regression, bands, field_study.feature_bands(of_features, level=level),
                      field_study.asymmetry_limits(of_asymmetry, level=level), known, settings)


def by_feature(of_features, model):
    """Summarise the errors of features of left-out runners: a row for each feature; in its unit, n steps, and the half width of its band.

    `of_features` as field_study.feature_residuals; the width is the mean over its steps.
    """
    rows = []
    for name, bands in model.features.items():
        known = of_features.dropna(subset=[name, f"{name}_measured"])
        error = known[name] - known[f"{name}_measured"]
        half = bands.around(known["contact_s"].to_numpy())[:, 0, 0]
        rows.append((name, known[f"{name}_measured"].mean(), error.mean(), np.sqrt(np.mean(error**2)), half.mean(), model.asymmetry_pct.get(name), len(known)))
    return pd.DataFrame(rows, columns=["feature", "measured_mean", "error_mean", "rmse", "band", "asymmetry_pct", "n"])


def curves_table(contacts, curves):
    """Lay out the curves of contacts that plates measured: stance, node, time_s of the recording, est_* (BW) and est_cop_* (m), a row for each node."""
    rows = np.flatnonzero(contacts["stance"].notna())
    kept, nodes = contacts.iloc[rows], curves.shape[1]
    times = kept[["touchdown_s"]].to_numpy() + kept[["contact_s"]].to_numpy() * np.linspace(0, 1, nodes)
    table = pd.DataFrame({"stance": np.repeat(kept["stance"].to_numpy(), nodes), "node": np.tile(np.arange(nodes), len(kept)), "time_s": times.ravel()})
    return table.assign(**dict(zip([*ESTIMATES, *CENTRES], np.float32(curves[rows].reshape(-1, curves.shape[2]).T), strict=True)))
