"""How good a model for the field is for runners it never saw: each runner's steps found, timed and estimated by all others.

Tables of steps are those of grfkit.field.contacts, with the `runner`, the `group` (a runner at a speed) and the `speed` of each; where plates measured the
step, `stance` is its name in stances.csv.
"""

import numpy as np
import pandas as pd

from grfkit import metrics
from grfkit.estimators import samples
from grfkit.field import bands, events
from grfkit.field import contacts as field_contacts

FAR_S = 0.05  # an event further off is a miss: our choice, a third of a short contact
ALL = "all"


def known_steps(motions, known, taken):
    """Keep the measured steps that a detector can look at, with `group`, `speed` and flight_s as a recipe's Samples `taken` have them.

    `known` as field_known.match gives. Returns the steps and the Samples, in the same order.
    """
    index = pd.Series(range(len(taken)), index=taken.stances["stance"])
    steps = known[field_contacts.seen(motions, known, *events.reach(motions, known).T)].reset_index(drop=True)
    mine = samples.take(taken, index[steps["stance"]].to_numpy())
    contact_s = steps["toeoff_s"] - steps["touchdown_s"]
    return steps.assign(
        contact_s=contact_s, **{name: mine.stances[name] for name in ("flight_s", "group", "speed")}
    ), mine


def detect(motions, found, steps, candidate, *, every, seed):
    """Detect the contacts of all steps that were found, each runner's by a detector trained on the others' measured `steps`.

    Of those one in `every` trains, drawn at random. Returns the contacts and the Detector, which knows all runners.
    """
    some = np.sort(np.random.default_rng(seed).permutation(len(steps))[::every])
    detector = events.fit(motions, steps.iloc[some].reset_index(drop=True), candidate, seed=seed)
    return contacts_by_others(detector, motions, found, steps, steps), detector


def contacts_by_others(detector, motions, found, steps, known):
    """Detect the contacts of found steps in the recordings of `steps`, each runner's by all others.

    Those of which `known` has the file and mid_s carry its `stance`.
    """
    files = steps.groupby("file")[["runner", "group", "speed"]].first()
    here = found[found["file"].isin(files.index)]
    runners = here["file"].map(files["runner"])
    each = [
        field_contacts.contacts(detector, motions, group, runner) for runner, group in here.groupby(runners, sort=False)
    ]
    contacts = pd.concat(each or [field_contacts.contacts(detector, motions, here)], ignore_index=True)
    return contacts.join(files, on="file").merge(known[["file", "mid_s", "stance"]], on=["file", "mid_s"], how="left")


def left_out(regression, inputs, runners):
    """Estimate curves (S, Q, C) of steps with these inputs, each runner's (S,) by all others; and the distance (S,) to the nearest of them."""
    curves, nearest = np.empty((len(runners), *regression.curve_shape)), np.empty(len(runners))
    for runner in np.unique(runners):
        mine = runners == runner
        kernel = regression.kernel({kind: tuple(part[mine] for part in pair) for kind, pair in inputs.items()})
        curves[mine], nearest[mine] = regression.estimate_from(kernel, runner), regression.nearest(kernel, runner)
    return curves, nearest


def estimate(regression, motions, contacts, settings):
    """Estimate the curves (S, 101, C) of contacts, each runner's by all others', finished for both legs; and the distance (S,) to the nearest step.

    `settings` hold padding_s and flight_s, for steps whose flight is not known and not that of their group either.
    """
    flight_s = field_contacts.usual_flight(contacts, contacts["group"], settings["flight_s"])
    inputs = field_contacts.inputs(motions, contacts, flight_s, padding_s=settings["padding_s"])
    curves, nearest = left_out(regression, inputs, contacts["runner"].to_numpy())
    return field_contacts.finish(contacts, curves, flight_s, contacts["group"]), nearest


def timing_errors(detected, steps):
    """Give the errors (ms) of detected touchdown_s and toeoff_s (rows of `detected`, S rows or fewer) against measured `steps`, by their stance."""
    pairs = detected.dropna(subset="stance").merge(
        steps[["stance", *events.EVENTS]], on="stance", suffixes=("", "_measured")
    )
    errors = {name: 1000 * (pairs[f"{name}_s"] - pairs[f"{name}_s_measured"]) for name in ("touchdown", "toeoff")}
    return pairs[["stance", "runner", "speed"]].assign(**errors, contact=errors["toeoff"] - errors["touchdown"])


def by_rule(motions, steps):
    """Detect the measured steps by events.rule: (as published, and with the mean error of all other runners taken away)."""
    plain = steps.assign(**dict(zip(events.EVENTS, events.rule(motions, steps).T, strict=True)))
    errors = plain[events.EVENTS] - steps[events.EVENTS]
    runners, moved = steps["runner"].to_numpy(), plain.copy()
    for runner in np.unique(runners):
        others = runners != runner
        weights = bands.runner_weights(runners[others])
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
            mine, count, misses, more = (
                part if speed == ALL or part is None else part[part == speed]
                for part in (errors["speed"], steps["speed"], lost, extra)
            )
            near = errors.loc[mine.index][
                lambda table: (table[["touchdown", "toeoff"]].abs() < 1000 * FAR_S).all(axis=1)
            ]
            missing, wrong = len(misses) + len(count) - len(near), np.nan if more is None else len(more)
            rows.append(
                {
                    "detector": name,
                    "speed": speed,
                    "steps": len(count) + len(misses),
                    "missed": missing,
                    "false": wrong,
                    "right_pct": 100 * (1 - (missing + np.nan_to_num(wrong)) / (len(count) + len(misses))),
                    **{
                        f"{event}_{word}_ms": figure(near[event])
                        for event in ("touchdown", "toeoff", "contact")
                        for word, figure in (("rmse", rms), ("mean", np.mean))
                    },
                }
            )
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
        place = pd.Series(range(len(contacts)), index=contacts["stance"])[lambda found: found.index.notna()].reindex(
            steps["stance"]
        )
        common &= place.notna().to_numpy()
        read[name] = field_contacts.at_times(
            contacts, curves[..., :3], place.fillna(0).astype(int).to_numpy()[rows], times
        )
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


def rms(values):
    """Give the root mean square of values (N,)."""
    return np.sqrt(np.mean(np.square(values)))
