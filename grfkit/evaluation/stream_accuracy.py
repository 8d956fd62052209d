"""How accurate a causal estimator is on left-out runners: recordings with plates -> training, streams, errors, a card.

Each recording is streamed frame by frame by a model that all other runners trained. When a plate measures one foot,
both feet are known: in running the other foot is in the air. Axes: Axes: F frames, K lags, C
channels, D features, as in grfkit.field.stream_model; a foot's channels are those of a right one.
"""

import time
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.linalg import blas, solve
from threadpoolctl import threadpool_limits  # scikit-learn brings it
from tqdm import tqdm

from grfkit import metrics, transform
from grfkit.estimators import samples
from grfkit.evaluation import left_out_runners
from grfkit.evaluation.field import field_accuracy, ground_truth
from grfkit.field import stream, stream_model
from grfkit.field.contacts import curves_at
from grfkit.points import DIRECTIONS, GRAVITY, MIRROR

AT_ONCE = 4096  # frames whose features are held at a time, 80 MB: our choice


class Sums(NamedTuple):
    """What a runner's frames add to the equations of a ridge regression: (D, D), its upper half, and (D, K * C).

    `frames` is how many they are.
    """

    gram: np.ndarray
    cross: np.ndarray
    frames: int


def targets(recorded, stances, times, *, cutoff_hz):
    """Give the channels (T, 2, C) of the left and the right foot at times (T,) s of a recording, NaN where not known.

    Forces are in weighed body weights. A moment is known from the touchdown of a measured stance of stances.csv to the
    end of the flight after it: elsewhere a foot may be on ground that was not measured, or in a contact that was
    excluded. `cutoff_hz` is the force's low-pass; None: none.
    """
    mine = stances[(stances["file"] == recorded.file) & stances["weighed_kg"].notna()]
    force, hz = recorded.force, recorded.force_hz
    force = transform.lowpass(force, cutoff_hz=cutoff_hz, rate_hz=hz) if cutoff_hz else force
    clock = np.arange(len(force)) / hz
    channels = np.full((len(times), 2, len(stream_model.CHANNELS)), np.nan)
    for stance in mine.itertuples():
        end = stance.toeoff_s + np.nan_to_num(stance.flight_s)
        channels[(times >= stance.touchdown_s) & (times <= end)] = 0
        on = np.flatnonzero((times >= stance.touchdown_s) & (times <= stance.toeoff_s))
        now = [np.interp(times[on], clock, column) for column in force.T / (stance.weighed_kg * GRAVITY)]
        channels[on, "lr".index(stance.side)] = np.column_stack([*now, np.ones(len(on))])
    return channels


def training_rows(recorded, stances, settings, *, every, cutoff_hz):
    """Lay out one frame in `every` of a recording, of those that are known: inputs (N, I) and targets (N, K * C).

    Left feet are mirrored.
    """
    times = np.arange(len(recorded.points)) / recorded.point_hz
    inputs = stream.window_inputs(settings, recorded.points, times, every=every)
    lagged = [targets(recorded, stances, times[::every] - lag, cutoff_hz=cutoff_hz) for lag in settings.lags_s]
    truth = np.stack(lagged, axis=2)
    both_feet = np.concatenate([truth[:, 0] * [*MIRROR, 1.0], truth[:, 1]]).reshape(2 * len(inputs), -1)
    inputs = np.concatenate([stream.as_right_foot(settings, inputs), inputs])
    whole = np.isfinite(inputs).all(axis=1) & np.isfinite(both_feet).all(axis=1)
    return np.float32(inputs[whole]), np.float32(both_feet[whole])


def sum_frames(recorded, stances, settings, drawn, *, every, cutoff_hz):
    """Add up each runner's frames: {runner: Sums}. `drawn` as stream_model.draw gives."""
    sums, count = {}, len(drawn[1])
    for each in tqdm(recorded, desc="training", unit="file", mininterval=1):
        inputs, truth = training_rows(each, stances, settings, every=every, cutoff_hz=cutoff_hz)
        nothing = np.zeros((count, count), np.float32, order="F"), np.zeros((count, truth.shape[1])), 0
        gram, cross, frames = sums.get(each.runner, nothing)
        for first in range(0, len(inputs), AT_ONCE):
            part = stream_model.features(inputs[first : first + AT_ONCE], *drawn)
            gram = blas.ssyrk(1.0, part.T, beta=1.0, c=gram, overwrite_c=True)
            cross += part.T @ truth[first : first + AT_ONCE]
        sums[each.runner] = Sums(gram, cross, frames + len(inputs))
    return sums


def fit(sums, settings, drawn, *, noise, left_out_runner=None):
    """Solve for the weights by the frames of all runners but `left_out_runner`: a Model.

    `noise` is as in recipes: it does not change with the number of features.
    """
    used = [mine for runner, mine in sums.items() if runner != left_out_runner]
    gram = np.zeros_like(used[0].gram, dtype=float)
    for mine in used:
        gram += mine.gram
    gram[np.diag_indices_from(gram)] += noise * len(gram) / 2  # a cosine's mean square is a half
    cross = sum(mine.cross for mine in used)
    weights = solve(gram, cross, assume_a="pos", lower=False, overwrite_a=True, check_finite=False)
    return stream_model.Model(settings, *(array.astype(float) for array in drawn), weights)


def stream_left_out(recorded, sums, settings, drawn, *, noise, vlr):
    """Stream each recording by a model that all other runners trained: {lag: {file: what stream.run gives}}."""
    streamed = {lag: {} for lag in settings.lags_s}
    runners = dict.fromkeys(each.runner for each in recorded)
    for runner in tqdm(runners, desc="leaving out", unit="runner", mininterval=1):
        model = fit(sums, settings, drawn, noise=noise, left_out_runner=runner)
        for each in (each for each in recorded if each.runner == runner):
            times = np.arange(len(each.points)) / each.point_hz
            channels = _estimate_fast(model, stream.window_inputs(settings, each.points, times))
            for number, lag in enumerate(settings.lags_s):
                streamed[lag][each.file] = stream.decide_contacts(times - lag, channels[:, number], vlr=vlr)
    return streamed


def _estimate_fast(model, inputs):
    """Estimate as stream.estimate_feet, in parts, and in single precision except the weights: twice as fast."""
    drawn = np.float32(model.frequencies), np.float32(model.phases)
    single = stream_model.Model(model.settings, *drawn, model.weights)
    parts = (np.float32(inputs[first : first + AT_ONCE]) for first in range(0, len(inputs), AT_ONCE))
    return np.concatenate([stream.estimate_feet(single, part) for part in parts])


def evaluated(measured, settings):
    """Mark the measured footsteps (S,) that every lag sees wholly.

    They begin when a window is full, and end before the last frame less the longest lag.
    """
    last_s = {each.file: (len(each.points) - 1) / each.point_hz for each in measured.recorded}
    footsteps, beside = measured.footsteps, max(settings.lags_s) + field_accuracy.FAR_S
    begins, ends = footsteps["touchdown_s"], footsteps["toeoff_s"]
    return ((begins > settings.window_s + beside) & (ends < footsteps["file"].map(last_s) - beside)).to_numpy()


def completed_contacts(streamed, footsteps):
    """List the completed contacts of {file: what stream.run gives}: (found, contacts, missed).

    They are what field_accuracy.timing takes.

    `found` are all, with file, side, mid_s, touchdown_s and toeoff_s; `contacts` those that are a measured footstep,
    with its stance, runner and speed.
    """
    rows = [
        (file, step.side, (step.touchdown_s + step.toeoff_s) / 2, step.touchdown_s, step.toeoff_s)
        for file, (_, _, _, steps) in streamed.items()
        for step in steps
    ]
    found = pd.DataFrame(rows, columns=["file", "side", "mid_s", "touchdown_s", "toeoff_s"])
    matched, missed = ground_truth.match(found, footsteps.drop(columns="mid_s"))
    names = matched[["file", "side", "mid_s", "stance", "runner", "speed"]]
    return found, found.merge(names, on=["file", "side", "mid_s"]), missed


def timing(streamed, footsteps, stances, excluded):
    """Summarise how each lag times contacts, as field_accuracy.timing.

    False contacts are counted where `excluded` is a table: on treadmills.
    """
    tables = []
    for lag, files in streamed.items():
        found, contacts, missed = completed_contacts(files, footsteps)
        false = None
        if excluded is not None:
            false = ground_truth.false_footsteps(found, stances, excluded, evaluated=footsteps, by_side=True)
        kept = footsteps[~footsteps["stance"].isin(missed["stance"])]
        tables.append(field_accuracy.timing({lag_name(lag): contacts}, kept, missed, false))
    return pd.concat(tables, ignore_index=True)


def score_forces(streamed, measured):
    """Score each lag, and the mean curve of the other runners over the measured contact.

    Returns a row for each stance and direction.

    Errors are those of field_accuracy.score_forces.
    """
    footsteps, truth = measured.footsteps, measured.samples
    at = np.repeat(footsteps["touchdown_s"].to_numpy(), truth.lengths) + truth.frames["time_s"].to_numpy(float)
    own, streams = samples.rows_of_stances(truth), {}
    for lag, files in streamed.items():
        streams[lag_name(lag)] = values = np.empty((len(at), 3))
        for footstep, rows in zip(footsteps.itertuples(), own, strict=True):
            clock, force, _, _ = files[footstep.file]
            columns = force[:, "lr".index(footstep.side)].T
            values[rows] = np.column_stack([np.interp(at[rows], clock, column) for column in columns])
    mean = left_out_runners.mean_of_other_runners(samples.curve_targets(truth), footsteps)
    mean[(footsteps["side"] == "l").to_numpy()] *= MIRROR
    baseline = curves_at(footsteps, mean, np.repeat(np.arange(len(footsteps)), truth.lengths), at)
    known = np.isfinite(np.column_stack(list(streams.values()))).all(axis=1)
    whole = np.array([known[rows].all() for rows in own])
    kept = truth.inside & np.repeat(whole, truth.lengths)
    estimates = streams | {left_out_runners.BASELINE: baseline}
    predictions = metrics.predictions(truth.frames[kept], {name: values[kept] for name, values in estimates.items()})
    return metrics.by_stance(predictions)


def compute_ms(model, recorded, *, frames):
    """Push the first frames of a recording one by one, on one thread: the time (ms) that each whole window took."""
    streaming, took = stream.Stream(model, lag_s=model.settings.lags_s[0]), []
    with threadpool_limits(1):
        for number, points in enumerate(recorded.points[:frames]):
            begun = time.perf_counter()
            forces = streaming.push(points, number / recorded.point_hz)
            took.append(1000 * (time.perf_counter() - begun) if np.isfinite(forces.force).all() else np.nan)
    return np.array(took)[np.isfinite(took)]


def by_lag(mean_scores, timing, took, lags_s):
    """Compare lags: the errors and the latency of each of `lags_s`, a row each, over all speeds.

    `latency_ms` is the lag and the median time of a push, `took` (N,) ms.
    """
    columns = ["touchdown_rmse_ms", "toeoff_rmse_ms", "contact_rmse_ms", "steps", "missed", "false"]
    names, table = [lag_name(lag_s) for lag_s in lags_s], []
    of_force = nrmse_pct(mean_scores, dict(zip(names, names, strict=True)))
    of_timing = timing[timing["speed"] == field_accuracy.ALL].set_index("detector")
    for lag_s, name in zip(lags_s, names, strict=True):
        lag_ms = 1000 * lag_s
        row = {
            "lag_ms": lag_ms,
            "latency_ms": lag_ms + np.median(took),
            "latency_p99_ms": lag_ms + np.quantile(took, 0.99),
        }
        row |= {f"nrmse_pct_{direction.lower()}": value for direction, value in of_force[name].items()}
        table.append(row | {column: of_timing.loc[name, column] for column in columns})
    return pd.DataFrame(table)


def lag_name(lag_s):
    """Name a lag in tables and figures."""
    return f"lag {1000 * lag_s:g} ms"


def typical(scores, measured, streamed, stances, *, seconds, cutoff_hz):
    """Take the stance whose summed nRMSE by the longest lag is the median, and what was measured and streamed about it.

    Returns the recording's runner and speed, times (T,) s, measured forces (T, 2, 3) BW, NaN where not known, and
    {lag's name: (T, 2, 3)} of the shortest and the longest lag.
    """
    errors = scores[scores["estimator"] == lag_name(max(streamed))].groupby("stance")["nrmse_pct"].sum().sort_values()
    step = measured.footsteps.set_index("stance").loc[errors.index[len(errors) // 2]]
    each = next(each for each in measured.recorded if each.file == step["file"])
    middle, last = (step["touchdown_s"] + step["toeoff_s"]) / 2, (len(each.points) - 1) / each.point_hz
    times = np.arange(max(0, middle - seconds / 2), min(middle + seconds / 2, last), 1 / each.point_hz)
    truth = targets(each, stances, times, cutoff_hz=cutoff_hz)[..., :3]
    shown = {}
    for lag in dict.fromkeys([min(streamed), max(streamed)]):
        clock, force, _, _ = streamed[lag][each.file]
        columns = [np.interp(times, clock, column, right=np.nan) for column in force.reshape(len(clock), -1).T]
        shown[lag_name(lag)] = np.stack(columns, axis=1).reshape(-1, 2, 3)
    return f"runner {step['runner']} at {step['speed']}", times, truth, shown


def with_ratio(mean_scores, *, to):
    """Add each row's nRMSE over that of the estimator `to`, same direction and speed; NaN where it has none.

    `mean_scores` as field_accuracy.mean_scores gives.
    """
    index = pd.MultiIndex.from_frame(mean_scores[["direction", "speed"]])
    other = mean_scores[mean_scores["estimator"] == to].set_index(["direction", "speed"])["nrmse_pct"]
    return mean_scores.assign(ratio=mean_scores["nrmse_pct"].to_numpy() / other.reindex(index).to_numpy())


def nrmse_pct(mean_scores, named):
    """Take the nRMSE (%) over all speeds of estimators {what they are called: name}: {called: {direction: nRMSE}}."""
    whole = mean_scores[mean_scores["speed"] == field_accuracy.ALL]
    return {
        called: whole[whole["estimator"] == name].set_index("direction")["nrmse_pct"].to_dict()
        for called, name in named.items()
    }


def card(model, about, by_lag, mean_scores, footsteps):
    """Write what model_card.Card needs about a Model; `about` holds data, licence and citation."""
    runners, settings = footsteps["runner"].nunique(), model.settings
    whole = mean_scores[mean_scores["speed"] == field_accuracy.ALL].set_index(["estimator", "direction"])["rmse_bw"]
    scores = [
        {
            "lag": f"{row.lag_ms:g} ms",
            "touchdown RMSE": f"{row.touchdown_rmse_ms:.1f} ms",
            "toe-off RMSE": f"{row.toeoff_rmse_ms:.1f} ms",
        }
        | {f"{direction} RMSE": f"{whole[f'lag {row.lag_ms:g} ms', direction]:.3f} BW" for direction in DIRECTIONS}
        for row in by_lag.itertuples()
    ]
    lag_s = settings.lags_s[len(settings.lags_s) // 2]
    return {
        "title": f"Running: forces while the stance goes on, from 11 points ({runners} runners)",
        "purpose": "Gives the ground reaction force under each foot frame by frame, a fixed lag behind the newest "
        "frame, for feedback during running. Do not use it for walking, sprinting or jumping, nor for decisions about "
        "one person's health. For finished recordings other models are better.",
        "data": f"{about['data']} It was evaluated on {len(footsteps)} steps of {runners} runners.",
        "licence": about["licence"],
        "citation": about["citation"],
        "recipe": f"Kernel ridge regression by {len(model.phases)} random Fourier features of a window of "
        f"{settings.window_s:g} s of motion, left feet mirrored (grfkit, notebook 12_stream).",
        "scores": scores,
        "scored_on": "Left-out runners: each is streamed by a model of all others, and scored over measured stances.",
        "limits": [
            "A stream gives no force until its window is full, or while a point is missing for longer than "
            f"{1000 * settings.max_gap_s:g} ms.",
            "It does not warn of a runner who is out of the training range, and its forces do not balance over a "
            "stride.",
            "Forces are in body weights of the moving body: if the mass is wrong by some per cent, newtons are wrong "
            "by as much.",
        ],
        "use": "    from grfkit.field import stream\n"
        f'    streaming = stream.Stream(stream.load("path/of/this/folder"), lag_s={lag_s:g})\n'
        "    forces = streaming.push(points, time_s)  # (11, 3) m, s",
    }
