"""How good a model for the field is for runners it never saw: each runner's steps found, timed and estimated by all others.

Tables of steps are those of grfkit.field, with the `runner`, the `group` (a runner at a speed) and the `speed` of each; where plates measured the
step, `stance` is its name in stances.csv.
"""

import numpy as np
import pandas as pd

from grfkit import DIRECTIONS, FORCES, conformal, degrade, events, features, field, field_known, metrics, samples
from grfkit import steps as steps_of

FAR_S = 0.05  # an event further off is a miss: our choice, a third of a short contact
ALL = "all"


def known_steps(motions, known, taken):
    """Keep the measured steps that a detector can look at, with `group`, `speed` and flight_s as a recipe's Samples `taken` have them.

    `known` as field_known.match gives. Returns the steps and the Samples, in the same order.
    """
    index = pd.Series(range(len(taken)), index=taken.stances["stance"])
    steps = known[field.seen(motions, known, *events.reach(motions, known).T)].reset_index(drop=True)
    mine = samples.take(taken, index[steps["stance"]].to_numpy())
    contact_s = steps["toeoff_s"] - steps["touchdown_s"]
    return steps.assign(contact_s=contact_s, **{name: mine.stances[name] for name in ("flight_s", "group", "speed")}), mine


def detect(motions, found, steps, candidate, *, every, seed):
    """Detect the contacts of all steps that were found, each runner's by a detector trained on the others' measured `steps`.

    Of those one in `every` trains, drawn at random. Returns the contacts and the Detector, which knows all runners.
    """
    some = np.sort(np.random.default_rng(seed).permutation(len(steps))[::every])
    detector = events.fit(motions, steps.iloc[some].reset_index(drop=True), candidate, seed=seed)
    files = steps.groupby("file")[["runner", "group", "speed"]].first()
    here = found[found["file"].isin(files.index)]
    runners = here["file"].map(files["runner"])
    contacts = pd.concat([field.contacts(detector, motions, group, runner) for runner, group in here.groupby(runners, sort=False)], ignore_index=True)
    contacts = contacts.join(files, on="file")
    return contacts.merge(steps[["file", "mid_s", "stance"]], on=["file", "mid_s"], how="left"), detector


def left_out(regression, inputs, runners):
    """Estimate curves (S, Q, C) of steps with these inputs, each runner's (S,) by all others; and the distance (S,) to the nearest of them."""
    curves, nearest = np.empty((len(runners), *regression.curve)), np.empty(len(runners))
    for runner in np.unique(runners):
        mine = runners == runner
        kernel = regression.kernel({kind: tuple(part[mine] for part in pair) for kind, pair in inputs.items()})
        curves[mine], nearest[mine] = regression.weigh(kernel, runner), regression.nearest(kernel, runner)
    return curves, nearest


def estimate(regression, motions, contacts, settings):
    """Estimate the curves (S, 101, C) of contacts, each runner's by all others', finished for both legs; and the distance (S,) to the nearest step.

    `settings` hold padding_s and flight_s, for steps whose flight is not known and not that of their group either.
    """
    flight_s = field.usual_flight(contacts, contacts["group"], settings["flight_s"])
    inputs = field.inputs(motions, contacts, flight_s, padding_s=settings["padding_s"])
    curves, nearest = left_out(regression, inputs, contacts["runner"].to_numpy())
    return field.finish(contacts, curves, flight_s, contacts["group"]), nearest


def timing_errors(detected, steps):
    """Give the errors (ms) of detected touchdown_s and toeoff_s (rows of `detected`, S rows or fewer) against measured `steps`, by their stance."""
    pairs = detected.dropna(subset="stance").merge(steps[["stance", *events.EVENTS]], on="stance", suffixes=("", "_measured"))
    errors = {name: 1000 * (pairs[f"{name}_s"] - pairs[f"{name}_s_measured"]) for name in ("touchdown", "toeoff")}
    return pairs[["stance", "runner", "speed"]].assign(**errors, contact=errors["toeoff"] - errors["touchdown"])


def by_rule(motions, steps):
    """Detect the measured steps by events.rule: (as published, and with the mean error of all other runners taken away)."""
    plain = steps.assign(**dict(zip(events.EVENTS, events.rule(motions, steps).T, strict=True)))
    errors = plain[events.EVENTS] - steps[events.EVENTS]
    runners, moved = steps["runner"].to_numpy(), plain.copy()
    for runner in np.unique(runners):
        others = runners != runner
        weights = conformal.runner_weights(runners[others])
        moved.loc[~others, events.EVENTS] -= weights @ errors[others].to_numpy()
    return plain, moved


def timing(detected, steps, missed, false):
    """Summarise the detectors {name: contacts}: a row for each detector and speed, and for all speeds.

    Root mean square and mean errors (ms) of touchdown, toe-off and contact time, the steps measured, those `missed` (not found, or an event
    FAR_S off), those `false` (found where no plate felt one; None overground, where a step may miss the plates), and the share (%) of steps
    without either.
    """
    speed_of, rows = steps.groupby("file")["speed"].first(), []
    lost, extra = (None if table is None else table["file"].map(speed_of) for table in (missed, false))
    for name, contacts in detected.items():
        errors = timing_errors(contacts, steps)
        for speed in [*sorted(steps["speed"].unique()), ALL]:
            mine, count, misses, more = (part if speed == ALL or part is None else part[part == speed]
                                         for part in (errors["speed"], steps["speed"], lost, extra))
            near = errors.loc[mine.index][lambda table: (table[["touchdown", "toeoff"]].abs() < 1000 * FAR_S).all(axis=1)]
            missing, wrong = len(misses) + len(count) - len(near), np.nan if more is None else len(more)
            rows.append({"detector": name, "speed": speed, "steps": len(count) + len(misses), "missed": missing, "false": wrong,
                         "right_pct": 100 * (1 - (missing + np.nan_to_num(wrong)) / (len(count) + len(misses))),
                         **{f"{event}_{word}_ms": figure(near[event]) for event in ("touchdown", "toeoff", "contact")
                            for word, figure in (("rmse", _rms), ("mean", np.mean))}})
    return pd.DataFrame(rows)


def forces(taken, steps, estimated):
    """Score estimates {name: (contacts, curves (S, 101, C))} against the measured force of the same stances: (a row for each estimator,
    stance and direction as metrics.by_stance, the predictions that they are read from).

    A contact that was detected too short or too long leaves force where there is none, or none where there is some: that counts.
    """
    rows = np.repeat(np.arange(len(steps)), taken.lengths)
    times = np.repeat(steps["touchdown_s"].to_numpy(), taken.lengths) + taken.frames["time_s"].to_numpy(float)
    read, common = {}, np.ones(len(steps), bool)
    for name, (contacts, curves) in estimated.items():
        place = pd.Series(range(len(contacts)), index=contacts["stance"])[lambda found: found.index.notna()].reindex(steps["stance"])
        common &= place.notna().to_numpy()
        read[name] = field.at_times(contacts, curves[..., :3], place.fillna(0).astype(int).to_numpy()[rows], times)
    kept = taken.inside & common[rows]
    predictions = metrics.predictions(taken.frames[kept], {name: force[kept] for name, force in read.items()})
    return metrics.by_stance(predictions), predictions


def summary(scores, steps):
    """Average scores (of `forces`) over stances: a row for each estimator, direction and speed, and for all speeds; `ratio` to the first estimator's nRMSE."""
    scores = scores.assign(speed=scores["stance"].map(steps.set_index("stance")["speed"]))
    both = pd.concat([scores, scores.assign(speed=ALL)])
    table = both.groupby(["estimator", "direction", "speed"], sort=False)[metrics.MEASURES].mean()
    table["n"] = both.groupby(["estimator", "direction", "speed"], sort=False).size()
    first = table["nrmse_pct"].xs(scores["estimator"].iloc[0])
    ratio = table["nrmse_pct"] / first.reindex(table.index.droplevel("estimator")).to_numpy()
    return table.assign(ratio=ratio).reset_index()


def residuals(taken, steps, contacts, curves):
    """Give how far the curves (S, 101, 3) BW of detected contacts are from the measured force at the same moments: rows (N,) of contacts, and
    estimated less measured (N, 101, 3)."""
    frames, which = samples.each(taken), pd.Series(range(len(steps)), index=steps["stance"])
    rows = np.flatnonzero(contacts["stance"].notna())
    differences = np.empty((len(rows), *curves.shape[1:2], len(DIRECTIONS)))
    force, times = taken.frames[FORCES].to_numpy(float), taken.frames["time_s"].to_numpy(float)
    frames = list(frames)
    for number, contact in enumerate(contacts.iloc[rows].itertuples()):
        mine = which[contact.stance]
        at, nodes = steps["touchdown_s"].iloc[mine] + times[frames[mine]], np.linspace(contact.touchdown_s, contact.toeoff_s, curves.shape[1])
        plate = np.stack([np.interp(nodes, at, one, left=0.0, right=0.0) for one in force[frames[mine]].T], axis=1)
        differences[number] = curves[rows[number], :, :3] - plate
    return rows, differences


def coverage(inside, steps_of):
    """Give the share (%) of samples that lie in the bands (N, 101, 3) bool: a row for each speed and direction, and for all; with the share of the
    runner with the least. `steps_of` are the N contacts, with `speed` and `runner`."""
    rows = []
    for speed in [*sorted(steps_of["speed"].unique()), ALL]:
        mine = np.ones(len(inside), bool) if speed == ALL else (steps_of["speed"] == speed).to_numpy()
        by_runner = pd.DataFrame(inside[mine].mean(axis=1), columns=DIRECTIONS).groupby(steps_of["runner"].to_numpy()[mine]).mean()
        rows += [(speed, direction, 100 * inside[mine][..., number].mean(), 100 * by_runner[direction].min())
                 for number, direction in enumerate(DIRECTIONS)]
        rows.append((speed, ALL, 100 * inside[mine].mean(), 100 * by_runner.mean(axis=1).min()))
    return pd.DataFrame(rows, columns=["speed", "direction", "covered_pct", "least_runner_pct"])


def covered_by_runner(inside, steps_of):
    """Give the share (%) of each runner's samples that lie in the bands: runner and a column for each direction."""
    shares = pd.DataFrame(100 * inside.mean(axis=1), columns=DIRECTIONS)
    return shares.groupby(steps_of["runner"].to_numpy()).mean().rename_axis("runner").reset_index()


def typical(off, contacts, curves, model):
    """Take a stance whose error is the median: measured and estimated (101, 3) BW, and the half widths of its band (101, 3)."""
    rows, errors = off
    sizes = np.mean(errors**2, axis=(1, 2))
    one = np.argsort(sizes)[len(sizes) // 2]
    estimated = curves[rows[one], :, :3]
    return estimated - errors[one], estimated, model.bands.around(contacts["contact_s"].to_numpy()[rows[[one]]])[0]


def feature_residuals(taken, contacts, curves, *, vlr):
    """Give each feature of the contacts that plates measured: a row for each, `feature` and `feature_measured`, with runner, group, side and contact_s."""
    here = contacts.dropna(subset="stance")
    plate = features.measured(taken.frames[taken.inside], vlr=vlr).set_index("stance").loc[here["stance"]].reset_index(drop=True)
    ours = field.features_of(here["contact_s"], curves[contacts["stance"].notna()], vlr=vlr)
    steps = here[["stance", "runner", "group", "side", "contact_s"]].reset_index(drop=True)
    return pd.concat([steps, ours, plate.add_suffix("_measured")], axis=1)


def asymmetry_errors(table, steps):
    """Give the error of each runner's left-right asymmetry at each speed: a row for each group, in points of field.asymmetry_pct.

    `table` as feature_residuals gives; contact time is judged too. Groups with fewer than five steps of a side have no asymmetry to speak of.
    """
    table = table.assign(contact_s_measured=table["stance"].map((steps["toeoff_s"] - steps["touchdown_s"]).set_axis(steps["stance"])))
    names = [*features.FEATURES, "contact_s"]
    counts = table.groupby(["group", "side"]).size().unstack(fill_value=0)
    kept = table[table["group"].isin(counts.index[(counts.reindex(columns=["l", "r"], fill_value=0) >= 5).all(axis=1)])]
    if kept.empty:
        return pd.DataFrame(columns=[*names, "runner"])
    runners = kept.groupby("group")["runner"].first()
    errors = {name: field.asymmetry_pct(kept, name) - field.asymmetry_pct(kept, f"{name}_measured") for name in names}
    return pd.DataFrame(errors).assign(runner=runners)


def degraded(recorded, steps, taken, detector, regression, cases, *, seconds, seed, settings):
    """Judge recordings that are made worse: a row for each way and amount (grfkit.degrade), the first as they are.

    `cases` are {way: amounts}. The first `seconds` of each recording are degraded, its steps found, timed and estimated by all other runners'
    recordings as they are, and compared with the plates: share (%) of measured steps that were estimated and that are right, RMSE of
    timing (ms), RMSE (BW) and nRMSE (%) of each direction. `settings` hold points_cutoff_hz, max_gap_s, padding_s and flight_s.
    """
    rows, early = [], steps[steps["toeoff_s"] + events.WIDE < seconds]
    taken, early = samples.take(taken, early.index.to_numpy()), early.reset_index(drop=True)
    for way, amount in [("none", 0.0), *((way, amount) for way, amounts in cases.items() for amount in amounts)]:
        motions = {each.file: _worse(each, way, amount, seconds, np.random.default_rng([seed, number]), settings) for number, each in enumerate(recorded)}
        contacts = _estimated_contacts(motions, early, detector)
        row = {"way": way, "amount": amount, "steps": len(early), "estimated_pct": 100 * contacts["stance"].notna().sum() / len(early)}
        rows.append(row | (_errors(contacts, early, taken, regression, motions, settings) if contacts["stance"].notna().any() else {}))
    return pd.DataFrame(rows)


def _errors(contacts, steps, taken, regression, motions, settings):
    """Give what degraded says of the contacts that were estimated."""
    curves, _ = estimate(regression, motions, contacts, settings)
    errors, (scores, _) = timing_errors(contacts, steps), forces(taken, steps, {"degraded": (contacts, curves)})
    near = errors[(errors[["touchdown", "toeoff"]].abs() < 1000 * FAR_S).all(axis=1)]
    means = scores.groupby("direction", sort=False)[["rmse_bw", "nrmse_pct"]].mean()
    return {"right_pct": 100 * len(near) / len(steps), **{f"{event}_rmse_ms": _rms(near[event]) for event in ("touchdown", "toeoff", "contact")},
            **{f"{measure}_{direction.lower()}": means.loc[direction, measure] for direction in DIRECTIONS for measure in means}}


def _worse(each, way, amount, seconds, rng, settings):
    points, rate_hz = each.points[:round(seconds * each.point_hz)], each.point_hz
    if way != "none":
        points, rate_hz = degrade.WAYS[way].make(points, rate_hz, amount, rng)
    return steps_of.motion(points, rate_hz, cutoff_hz=settings["points_cutoff_hz"], max_gap_s=settings["max_gap_s"])


def _estimated_contacts(motions, steps, detector):
    """Find and time steps in degraded motions; those that are a measured step carry its stance."""
    found = steps_of.find(motions)
    known, _ = field_known.match(found, steps.drop(columns="mid_s"))
    files = steps.groupby("file")[["runner", "group", "speed"]].first()
    found = found[found["file"].isin(files.index)]
    runners = found["file"].map(files["runner"])
    contacts = pd.concat([field.contacts(detector, motions, group, runner) for runner, group in found.groupby(runners, sort=False)], ignore_index=True)
    return contacts.join(files, on="file").merge(known[["file", "mid_s", "stance"]], on=["file", "mid_s"], how="left")


def feature_bands(table, *, level):
    """Calibrate a band for each feature on a table of feature_residuals: {feature: conformal.Bands of one node}."""
    bands = {}
    for name in features.FEATURES:
        known = table.dropna(subset=[name, f"{name}_measured"])
        errors = (known[name] - known[f"{name}_measured"]).to_numpy()[:, None, None]
        bands[name] = conformal.fit(errors, known["contact_s"].to_numpy(), known["runner"].to_numpy(), level=level)
    return bands


def asymmetry_limits(errors, *, level):
    """Give how far an estimated asymmetry is off for a share `level` of asymmetry_errors: {quantity: points}; larger ones can be told from none."""
    if errors.empty:
        return {}
    ones, values = np.ones(len(errors)), errors.drop(columns="runner")
    widths = conformal.fit(values.to_numpy()[:, None], ones, errors["runner"].to_numpy(), level=level).half_widths[0]
    return dict(zip(values.columns, widths.tolist(), strict=True))


def _rms(values):
    return np.sqrt(np.mean(np.square(values)))
