"""How accurate a model for the field is on left-out runners: tables of errors of contacts, forces and cop.

A model of all other runners detects and estimates each runner's footsteps. In: ground_truth.Measured, and contacts
(tables of grfkit.field.contacts) with `runner`, `group` and `speed`; where plates measured the contact, `stance` is its
name in stances.csv. The centre of pressure (cop) is in m from the ankle joint at the same moment, so that it does not
depend on where the laboratory is: (S, 101, 2), AP and ML over stance, the last two of curves (S, 101, 5).
"""

import numpy as np
import pandas as pd

from grfkit import metrics
from grfkit.evaluation import left_out_runners, moments, moments_accuracy
from grfkit.field import bands, events
from grfkit.field.contacts import (
    contact_inputs,
    curves_at,
    detect_contacts,
    finish_curves,
    leans,
    mirror_signs,
    usual_flight,
)

FAR_S = 0.05  # an event with a larger error is a miss: our choice, a third of a short contact
LOADED_BW = 0.1  # below this vertical force the cop is a quotient of two small numbers: our choice
ALL = "all"


def fit_detector(measured, candidate, *, every, seed):
    """Train a Detector on one measured footstep in `every`, drawn at random."""
    some = np.sort(np.random.default_rng(seed).permutation(len(measured.footsteps))[::every])
    return events.fit(measured.motions, measured.footsteps.iloc[some].reset_index(drop=True), candidate, seed=seed)


def detect_left_out(detector, motions, found, footsteps, matched):
    """Detect the contacts of `found` footsteps in the recordings of measured `footsteps`, each runner's by all others.

    Contacts whose file and mid_s are in `matched` get its `stance`. Raises InputError if there is only one runner.
    """
    runners = footsteps.groupby("file")["runner"].first()
    left_out_runners.check_two(runners)
    here = found[found["file"].isin(runners.index)]
    groups = here.groupby(here["file"].map(runners), sort=False)
    tables = [detect_contacts(detector, motions, group, runner) for runner, group in groups]
    return named(pd.concat(tables or [detect_contacts(detector, motions, here)], ignore_index=True), footsteps, matched)


def named(contacts, footsteps, matched):
    """Add runner, group and speed of measured `footsteps` to contacts of the same files, and the `stance` of `matched`.

    `matched` has the file and mid_s of the footsteps in which a stance was measured.
    """
    files = footsteps.groupby("file")[["runner", "group", "speed"]].first()
    stances = matched[["file", "mid_s", "stance"]]
    return contacts.join(files, on="file").merge(stances, on=["file", "mid_s"], how="left")


def curves_left_out(regression, inputs, runners):
    """Estimate curves (S, Q, C) of contacts with these inputs, each runner's (S,) by all others.

    Returns the distance (S,) to the nearest footstep of another runner, too.
    """
    curves, nearest = np.empty((len(runners), *regression.curve_shape)), np.empty(len(runners))
    for runner in np.unique(runners):
        mine = runners == runner
        kernel = regression.kernel({kind: tuple(part[mine] for part in pair) for kind, pair in inputs.items()})
        curves[mine], nearest[mine] = regression.estimate_from(kernel, runner), regression.nearest(kernel, runner)
    return curves, nearest


def plates_lean(footsteps, curves):
    """Give how the plates lean with which each runner of measured footsteps ran, by targets (S, 101, C), legs mirrored.

    A Series of shares of the vertical force (contacts.leans), the mean over a runner's footsteps.
    """
    left = (footsteps["side"] == "l").to_numpy()[:, None, None]
    own = np.where(left, mirror_signs(curves.shape[2]), 1.0) * curves
    return pd.Series(leans(footsteps, own, footsteps["group"])).groupby(footsteps["runner"].to_numpy()).mean()


def estimate_left_out(model, motions, contacts, leans_of=None):
    """Estimate the curves (S, 101, C) of contacts by a FieldModel, each runner's by all others, finished for both legs.

    With `leans_of` (as plates_lean gives) the estimates lean as the plates did under all others of that laboratory.
    Returns the distance (S,) to the nearest footstep of another runner, too.
    """
    flight_s = usual_flight(contacts, contacts["group"], model.settings["flight_s"])
    inputs = contact_inputs(motions, contacts, flight_s, padding_s=model.settings["padding_s"])
    curves, nearest = curves_left_out(model.curves, inputs, contacts["runner"].to_numpy())
    runner = contacts["runner"]
    others = {} if leans_of is None else _leans_of_others(leans_of)
    lean = runner.map(others).fillna(0.0).to_numpy(float)
    return finish_curves(contacts, curves, flight_s, contacts["group"], lean), nearest


def _leans_of_others(leans_of):
    """Give for each runner {name: share} the mean of all others of the same laboratory, which pool puts in front."""
    laboratories = pd.Series([name.rpartition("/")[0] for name in leans_of.index], leans_of.index)
    return {name: leans_of[laboratories == own].drop(name).mean() for name, own in laboratories.items()}


def timing_errors(contacts, footsteps):
    """Give the errors (ms) of touchdown, toe-off and contact time of contacts against measured footsteps, by stance."""
    truth = footsteps[["stance", *events.EVENTS]]
    pairs = contacts.dropna(subset="stance").merge(truth, on="stance", suffixes=("", "_measured"))
    errors = {name: 1000 * (pairs[f"{name}_s"] - pairs[f"{name}_s_measured"]) for name in ("touchdown", "toeoff")}
    return pairs[["stance", "runner", "speed"]].assign(**errors, contact=errors["toeoff"] - errors["touchdown"])


def near(errors):
    """Keep the timing_errors whose two events are less than FAR_S off."""
    return errors[(errors[["touchdown", "toeoff"]].abs() < 1000 * FAR_S).all(axis=1)]


def by_rule(measured):
    """Detect the measured footsteps by the published rule: (as it is, and less the mean error of all other runners)."""
    footsteps = measured.footsteps
    found = events.detect_by_rule(measured.motions, footsteps)
    plain = footsteps.assign(**dict(zip(events.EVENTS, found.T, strict=True)))
    errors = plain[events.EVENTS] - footsteps[events.EVENTS]
    runners, moved = footsteps["runner"].to_numpy(), plain.copy()
    for runner in np.unique(runners):
        others = runners != runner
        moved.loc[~others, events.EVENTS] -= bands.runner_weights(runners[others]) @ errors[others].to_numpy()
    return plain, moved


def timing(detected, footsteps, missed, false):
    """Summarise detectors {name: contacts}: a row for each detector and speed, and for all speeds.

    Root mean square and mean errors (ms) of touchdown, toe-off and contact time; the measured footsteps; those `missed`
    (not found, or an event FAR_S off); those `false` (found where no plate felt one; None overground, where a footstep
    may miss the plates); and the share (%) of footsteps without either.
    """
    speed_of, rows = footsteps.groupby("file")["speed"].first(), []
    lost, extra = (None if table is None else table["file"].map(speed_of) for table in (missed, false))
    for name, contacts in detected.items():
        errors = timing_errors(contacts, footsteps)
        for speed in [*sorted(footsteps["speed"].unique()), ALL]:
            mine, count, misses, more = (
                part if speed == ALL or part is None else part[part == speed]
                for part in (errors["speed"], footsteps["speed"], lost, extra)
            )
            close, total = near(errors.loc[mine.index]), len(count) + len(misses)
            missing, wrong = total - len(close), np.nan if more is None else len(more)
            row = {"detector": name, "speed": speed, "steps": total, "missed": missing, "false": wrong}
            row["right_pct"] = 100 * (1 - (missing + np.nan_to_num(wrong)) / total)
            for event in events.EVENT_NAMES:
                row |= {f"{event}_rmse_ms": rms(close[event]), f"{event}_mean_ms": np.mean(close[event])}
            rows.append(row)
    return pd.DataFrame(rows)


def score_forces(measured, estimated):
    """Score estimates {name: (contacts, curves (S, 101, C))} against the measured force of the same stances.

    Returns a row for each estimator, stance and direction as metrics.by_stance, and the predictions that they are read
    from. A contact that was detected too short or too long has force where there is none, or none where there is some;
    this counts as an error. All estimators are scored on the stances that each of them has.
    """
    truth, footsteps = measured.samples, measured.footsteps
    rows = np.repeat(np.arange(len(footsteps)), truth.lengths)
    times = np.repeat(footsteps["touchdown_s"].to_numpy(), truth.lengths) + truth.frames["time_s"].to_numpy(float)
    read, common = {}, np.ones(len(footsteps), bool)
    for name, (contacts, curves) in estimated.items():
        place = measured.rows(contacts)
        common &= np.isfinite(place)
        read[name] = curves_at(contacts, curves[..., :3], np.nan_to_num(place).astype(int)[rows], times)
    kept = truth.inside & common[rows]
    predictions = metrics.predictions(truth.frames[kept], {name: force[kept] for name, force in read.items()})
    return metrics.by_stance(predictions), predictions


def mean_scores(scores, footsteps):
    """Average scores (of score_forces) over stances: a row for each estimator, direction and speed, and for all speeds.

    `ratio` is to the first estimator's nRMSE.
    """
    scores = scores.assign(speed=scores["stance"].map(footsteps.set_index("stance")["speed"]))
    if scores.empty:  # a study without test runners
        return pd.DataFrame(columns=["estimator", "direction", "speed", *metrics.MEASURES, "n", "ratio"])
    groups = pd.concat([scores, scores.assign(speed=ALL)]).groupby(["estimator", "direction", "speed"], sort=False)
    table = groups[metrics.MEASURES].mean().assign(n=groups.size())
    first = table["nrmse_pct"].xs(scores["estimator"].iloc[0])
    ratio = table["nrmse_pct"] / first.reindex(table.index.droplevel("estimator")).to_numpy()
    return table.assign(ratio=ratio).reset_index()


def rms(values):
    """Give the root mean square of values (N,)."""
    return np.sqrt(np.mean(np.square(values)))


def measured_cop(measured, section):
    """Measure the cop (S, 101, 2) m, AP and ML from the ankle joint, of measured footsteps."""
    _, cop = moments_accuracy.measured_source(
        measured.recorded,
        measured.footsteps,
        cutoff_hz=section.force_cutoff_hz,
        threshold_n=section.contact_threshold_n,
    )
    points, _ = moments_accuracy.leg_motion(measured.motions, measured.footsteps)
    return (cop - points[:, :, moments.LEG.index("ankle")])[..., :2]


def mirrored_cop(footsteps, cop):
    """Turn the cop (S, 101, 2) of left legs into that of right ones; done twice, it is as it was."""
    left = (footsteps["side"] == "l").to_numpy()[:, None, None]
    return np.where(left, mirror_signs(2), 1.0) * cop


def with_mean_cop(footsteps, cop, curves):
    """Replace the cop in curves (S, 101, 5) by the mean measured one of the other runners at each one's speed.

    It is the baseline.
    """
    mean = left_out_runners.mean_of_other_runners(mirrored_cop(footsteps, cop), footsteps)
    return np.concatenate([curves[..., :3], mirrored_cop(footsteps, mean)], axis=2)


def paired_cop(measured, cop, contacts, curves):
    """Pair the measured cop with that of contacts of the same stances, left legs mirrored: two arrays (N, 101, 2)."""
    rows = contacts["stance"].notna().to_numpy()
    place = pd.Series(range(len(cop)), index=measured.footsteps["stance"])[contacts["stance"][rows]].to_numpy()
    return mirrored_cop(measured.footsteps, cop)[place], mirrored_cop(contacts[rows], curves[rows][..., 3:])


def cop_errors(measured, cop, estimated):
    """Summarise the errors (mm) of estimates {name: (contacts, curves (S, 101, 5))} against the cop (S, 101, 2) m.

    Root mean square over the moments at which the estimated vertical force is above LOADED_BW, mean over stances; a row
    for each name, direction and speed.
    """
    rows, at, speed = [], moments_accuracy.node_times(measured.footsteps), measured.footsteps["speed"].to_numpy()
    for name, (contacts, curves) in estimated.items():
        place = measured.rows(contacts)
        kept = np.isfinite(place)
        times = at[kept]
        values = curves_at(contacts, curves, np.repeat(place[kept].astype(int), times.shape[1]), times.ravel())
        values = values.reshape(*times.shape, -1)
        loaded = (values[..., 2] > LOADED_BW)[..., None]
        squares = np.where(loaded, (values[..., 3:] - cop[kept]) ** 2, 0.0).sum(axis=1) / loaded.sum(axis=1)
        errors = pd.DataFrame(1000 * np.sqrt(squares), columns=["AP", "ML"]).assign(speed=speed[kept])
        both = pd.concat([errors, errors.assign(speed=ALL)]).melt("speed", var_name="direction", value_name="rmse_mm")
        table = both.groupby(["direction", "speed"])["rmse_mm"].agg(["mean", "size"]).reset_index()
        rows.append(table.assign(estimator=name))
    table = pd.concat(rows, ignore_index=True).rename(columns={"mean": "rmse_mm", "size": "n"})
    return table[["estimator", "direction", "speed", "rmse_mm", "n"]]
