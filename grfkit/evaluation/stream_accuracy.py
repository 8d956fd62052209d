"""How good a causal estimator is for runners it never saw: trained on all others' recordings with plates, and streamed frame by frame.

Both feet are known at once where a plate felt one: the other is in the air, for in running one foot is on the ground at a time. Axes: F frames, K lags,
C channels, D features, as in grfkit.field.stream_model; a foot's channels are those of a right one.
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
from grfkit.field import contacts as field_contacts
from grfkit.field import stream, stream_model
from grfkit.points import DIRECTIONS, GRAVITY, MIRROR

AT_ONCE = 4096  # frames whose features are held at a time, 80 MB: our choice


class Sums(NamedTuple):
    """What a runner's frames add to the equations of a ridge regression: (D, D), the upper half, and (D, K * C); and how many frames."""

    gram: np.ndarray
    cross: np.ndarray
    frames: int


def targets(recorded, stances, times, *, cutoff_hz):
    """Give the channels (T, 2, C) of the left and the right foot at times (T,) s of a recording, in weighed body weights; NaN where not known.

    Known is the time from the touchdown of a measured stance of stances.csv to the end of the flight after it: elsewhere a foot may be on ground
    that was not measured, or in a contact that was excluded. `cutoff_hz` is the force's low-pass; None: none.
    """
    mine = stances[(stances["file"] == recorded.file) & stances["weighed_kg"].notna()]
    force = (
        transform.lowpass(recorded.force, cutoff_hz=cutoff_hz, rate_hz=recorded.force_hz)
        if cutoff_hz
        else recorded.force
    )
    clock = np.arange(len(force)) / recorded.force_hz
    channels = np.full((len(times), 2, len(stream_model.CHANNELS)), np.nan)
    for step in mine.itertuples():
        end = step.toeoff_s + np.nan_to_num(step.flight_s)
        channels[(times >= step.touchdown_s) & (times <= end)] = 0
        on = np.flatnonzero((times >= step.touchdown_s) & (times <= step.toeoff_s))
        now = [np.interp(times[on], clock, one) for one in force.T / (step.weighed_kg * GRAVITY)]
        channels[on, "lr".index(step.side)] = np.column_stack([*now, np.ones(len(on))])
    return channels


def rows(recorded, stances, settings, *, every, cutoff_hz):
    """Lay out one frame in `every` of a recording: inputs (N, I) and targets (N, K * C), left feet mirrored, of those that are known."""
    times = np.arange(len(recorded.points)) / recorded.point_hz
    inputs = stream.motion(settings, recorded.points, times, every=every)
    known = np.stack(
        [targets(recorded, stances, times[::every] - lag, cutoff_hz=cutoff_hz) for lag in settings.lags_s], axis=2
    )
    left, right = known[:, 0] * [*MIRROR, 1.0], known[:, 1]
    pairs = (
        np.concatenate([stream.as_right_foot(settings, inputs), inputs]),
        np.concatenate([left, right]).reshape(2 * len(inputs), -1),
    )
    whole = np.isfinite(pairs[0]).all(axis=1) & np.isfinite(pairs[1]).all(axis=1)
    return tuple(np.float32(one[whole]) for one in pairs)


def sums(recorded, stances, settings, drawn, *, every, cutoff_hz):
    """Add up each runner's frames: {runner: Sums}. `drawn` as stream_model.draw gives."""
    of_runners = {}
    for each in tqdm(recorded, desc="training", unit="file", mininterval=1):
        inputs, known = rows(each, stances, settings, every=every, cutoff_hz=cutoff_hz)
        count = len(drawn[1])
        gram, cross, frames = of_runners.get(
            each.runner, (np.zeros((count, count), np.float32, order="F"), np.zeros((count, known.shape[1])), 0)
        )
        for first in range(0, len(inputs), AT_ONCE):
            part = stream_model.features(inputs[first : first + AT_ONCE], *drawn)
            gram = blas.ssyrk(1.0, part.T, beta=1.0, c=gram, overwrite_c=True)
            cross += part.T @ known[first : first + AT_ONCE]
        of_runners[each.runner] = Sums(gram, cross, frames + len(inputs))
    return of_runners


def fit(of_runners, settings, drawn, *, noise, without=None):
    """Solve for the weights by the frames of all runners but `without`: a Model. `noise` as in recipes: it does not change with the number of features."""
    used = [one for runner, one in of_runners.items() if runner != without]
    gram = np.zeros_like(used[0].gram, dtype=float)
    for one in used:
        gram += one.gram
    gram[np.diag_indices_from(gram)] += (
        noise * len(gram) / 2
    )  # a cosine's mean square is a half: so many make a kernel of 1
    weights = solve(
        gram, sum(one.cross for one in used), assume_a="pos", lower=False, overwrite_a=True, check_finite=False
    )
    return stream_model.Model(settings, *(array.astype(float) for array in drawn), weights)


def left_out(recorded, of_runners, settings, drawn, *, noise, vlr):
    """Stream each recording by a model that all other runners trained: {lag: {file: what stream.run gives}}."""
    streamed = {lag: {} for lag in settings.lags_s}
    for runner in tqdm(
        dict.fromkeys(each.runner for each in recorded), desc="leaving out", unit="runner", mininterval=1
    ):
        model = fit(of_runners, settings, drawn, noise=noise, without=runner)
        for each in (one for one in recorded if one.runner == runner):
            times = np.arange(len(each.points)) / each.point_hz
            channels = single(model, stream.motion(settings, each.points, times))
            for number, lag in enumerate(settings.lags_s):
                streamed[lag][each.file] = stream.follow(times - lag, channels[:, number], vlr=vlr)
    return streamed


def single(model, inputs):
    """Estimate as stream.both, in parts and in single precision but for the weights: twice as fast."""
    quick = stream_model.Model(
        model.settings, *(np.float32(array) for array in (model.frequencies, model.phases)), model.weights
    )
    return np.concatenate(
        [stream.both(quick, np.float32(inputs[first : first + AT_ONCE])) for first in range(0, len(inputs), AT_ONCE)]
    )


def judged(steps, recorded, settings):
    """Mark the measured steps (S,) that every lag can know wholly: begun when a window was full, ended before the last frame less the longest lag."""
    last = steps["file"].map({each.file: (len(each.points) - 1) / each.point_hz for each in recorded})
    beside = max(settings.lags_s) + field_accuracy.FAR_S
    return ((steps["touchdown_s"] > settings.window_s + beside) & (steps["toeoff_s"] < last - beside)).to_numpy()


def contacts(streamed, steps):
    """List the completed contacts of {file: what stream.run gives}: (found, contacts, missed) as field_study.timing wants them.

    `found` are all, with file, side, mid_s, touchdown_s and toeoff_s; `contacts` those that are a measured step, with its stance, runner and speed.
    """
    found = pd.DataFrame(
        [
            (file, step.side, (step.touchdown_s + step.toeoff_s) / 2, step.touchdown_s, step.toeoff_s)
            for file, one in streamed.items()
            for step in one[3]
        ],
        columns=["file", "side", "mid_s", "touchdown_s", "toeoff_s"],
    )
    known, missed = ground_truth.match(found, steps.drop(columns="mid_s"))
    both = found.merge(known[["file", "side", "mid_s", "stance", "runner", "speed"]], on=["file", "side", "mid_s"])
    return found, both, missed


def timing(streamed, steps, stances, excluded):
    """Summarise how each lag times contacts, as field_study.timing; false contacts are counted where `excluded` is a table: on treadmills."""
    tables = []
    for lag, one in streamed.items():
        found, timed, missed = contacts(one, steps)
        false = None if excluded is None else _false(found, steps, stances, excluded)
        tables.append(
            field_accuracy.timing({name(lag): timed}, steps[~steps["stance"].isin(missed["stance"])], missed, false)
        )
    return pd.concat(tables, ignore_index=True)


def _false(found, steps, stances, excluded):
    """List contacts where that foot's was not measured, nor left out (`excluded`), from the first to the last step that is judged."""
    first, last = (
        getattr(steps.groupby("file")[column], how)() for column, how in (("touchdown_s", "min"), ("toeoff_s", "max"))
    )
    within = found[(found["mid_s"] > found["file"].map(first)) & (found["mid_s"] < found["file"].map(last))]
    wrong = []
    for (file, side), here in within.groupby(["file", "side"]):
        mine, beside = stances[(stances["file"] == file) & (stances["side"] == side)], ground_truth.BESIDE_S
        others = excluded.loc[excluded["file"] == file, "touchdown_s"].dropna().to_numpy()
        wrong += [
            row.Index
            for row in here.itertuples()
            if not ((mine["touchdown_s"] < row.mid_s) & (mine["toeoff_s"] > row.mid_s)).any()
            and not ((others < row.mid_s) & (row.mid_s < others + beside)).any()
        ]
    return within.loc[wrong]


def forces(streamed, steps, taken):
    """Score each lag, and the mean curve of the other runners over the measured contact, as field_study.forces: a row for each stance and direction."""
    at = np.repeat(steps["touchdown_s"].to_numpy(), taken.lengths) + taken.frames["time_s"].to_numpy(float)
    ends, estimates = np.cumsum(taken.lengths), {name(lag): np.empty((len(at), 3)) for lag in streamed}
    for (lag, one), values in zip(streamed.items(), estimates.values(), strict=True):
        for step, end, length in zip(steps.itertuples(), ends, taken.lengths, strict=True):
            times, force, _, _ = one[step.file]
            here = slice(end - length, end)
            values[here] = np.column_stack(
                [np.interp(at[here], times, column) for column in force[:, "lr".index(step.side)].T]
            )
    mean = left_out_runners.mean_of_other_runners(samples.curve_targets(taken), steps)
    mean[(steps["side"] == "l").to_numpy()] *= MIRROR
    estimates[left_out_runners.BASELINE] = field_contacts.at_times(
        steps, mean, np.repeat(np.arange(len(steps)), taken.lengths), at
    )
    whole = np.logical_and.reduceat(
        np.isfinite(np.column_stack([estimates[name(lag)] for lag in streamed])).all(axis=1), ends - taken.lengths
    )
    kept = taken.inside & np.repeat(whole, taken.lengths)
    return metrics.by_stance(
        metrics.predictions(taken.frames[kept], {key: values[kept] for key, values in estimates.items()})
    )


def compute_ms(model, recorded, *, frames):
    """Push the first frames of a recording one by one, on one thread: the time (ms) that each whole window took."""
    streaming, took = stream.Stream(model, lag_s=model.settings.lags_s[0]), []
    with threadpool_limits(1):
        for number, points in enumerate(recorded.points[:frames]):
            begun = time.perf_counter()
            forces = streaming.push(points, number / recorded.point_hz)
            took.append(1000 * (time.perf_counter() - begun) if np.isfinite(forces.force).all() else np.nan)
    return np.array(took)[np.isfinite(took)]


def by_lag(summary, timed, took, lags_s):
    """Lay lag beside what it buys and costs: a row for each of `lags_s`, over all speeds; `latency_ms` is the lag and the median time of a push."""
    table = []
    for lag_s in lags_s:
        lag_name, lag_ms = name(lag_s), 1000 * lag_s
        of_timing = timed[(timed["detector"] == lag_name) & (timed["speed"] == field_accuracy.ALL)].iloc[0]
        of_force = summary[(summary["estimator"] == lag_name) & (summary["speed"] == field_accuracy.ALL)].set_index(
            "direction"
        )
        table.append(
            {
                "lag_ms": lag_ms,
                "latency_ms": lag_ms + np.median(took),
                "latency_p99_ms": lag_ms + np.quantile(took, 0.99),
                **{
                    f"nrmse_pct_{direction.lower()}": of_force.loc[direction, "nrmse_pct"]
                    for direction in of_force.index
                },
                **{
                    column: of_timing[column]
                    for column in ("touchdown_rmse_ms", "toeoff_rmse_ms", "contact_rmse_ms", "steps", "missed", "false")
                },
            }
        )
    return pd.DataFrame(table)


def name(lag_s):
    """Name a lag in tables and figures."""
    return f"lag {1000 * lag_s:g} ms"


def typical(scores, steps, streamed, recorded, stances, *, seconds, cutoff_hz):
    """Take the step whose summed nRMSE by the longest lag is the median, and what was measured and streamed about it.

    Returns the recording's runner and speed, times (T,) s, measured forces (T, 2, 3) BW, NaN where not known, and {lag's name: (T, 2, 3)} of the shortest
    and the longest lag.
    """
    errors = scores[scores["estimator"] == name(max(streamed))].groupby("stance")["nrmse_pct"].sum().sort_values()
    step = steps[steps["stance"] == errors.index[len(errors) // 2]].iloc[0]
    one = next(each for each in recorded if each.file == step["file"])
    middle = (step["touchdown_s"] + step["toeoff_s"]) / 2
    times = np.arange(
        max(0, middle - seconds / 2), min(middle + seconds / 2, (len(one.points) - 1) / one.point_hz), 1 / one.point_hz
    )
    measured = targets(one, stances, times, cutoff_hz=cutoff_hz)[..., :3]
    shown = {}
    for lag in dict.fromkeys([min(streamed), max(streamed)]):
        clock, force, _, _ = streamed[lag][one.file]
        shown[name(lag)] = np.stack(
            [np.interp(times, clock, column, right=np.nan) for column in force.reshape(len(clock), -1).T], axis=1
        ).reshape(-1, 2, 3)
    return f"runner {step['runner']} at {step['speed']}", times, measured, shown


def with_ratio(summary, *, to):
    """Give each row of a summary (field_study.summary) its nRMSE over that of the estimator `to`, same direction and speed; NaN where it has none."""
    index = pd.MultiIndex.from_frame(summary[["direction", "speed"]])
    one = summary[summary["estimator"] == to].set_index(["direction", "speed"])["nrmse_pct"]
    return summary.assign(ratio=summary["nrmse_pct"].to_numpy() / one.reindex(index).to_numpy())


def others(summary, named):
    """Take the nRMSE (%) of estimators {what they are called: name} over all speeds: {what they are called: {direction: nRMSE}}."""
    whole = summary[summary["speed"] == field_accuracy.ALL]
    return {
        called: whole[whole["estimator"] == one].set_index("direction")["nrmse_pct"].to_dict()
        for called, one in named.items()
    }


def card(model, about, by_lag, summary, steps):
    """Say of a Model what model_card.Card asks for; `about` holds data, licence and citation, `by_lag` and `summary` are the tables above."""
    runners, settings = steps["runner"].nunique(), model.settings
    whole = summary[summary["speed"] == field_accuracy.ALL].set_index(["estimator", "direction"])
    scores = [
        {
            "lag": f"{row.lag_ms:g} ms",
            "touchdown RMSE": f"{row.touchdown_rmse_ms:.1f} ms",
            "toe-off RMSE": f"{row.toeoff_rmse_ms:.1f} ms",
            **{
                f"{direction} RMSE": f"{whole.loc[(f'lag {row.lag_ms:g} ms', direction), 'rmse_bw']:.3f} BW"
                for direction in DIRECTIONS
            },
        }
        for row in by_lag.itertuples()
    ]
    return {
        "title": f"Running: forces while the stance goes on, from 11 points ({runners} runners)",
        "purpose": "Gives the ground reaction force under each foot frame by frame, a fixed lag behind the newest frame, for feedback during running. Not for "
        "walking, sprinting or jumping, nor for decisions about one person's health; for recordings that are finished other models are better.",
        "data": f"{about['data']} {len(steps)} steps of {runners} runners were judged.",
        "licence": about["licence"],
        "citation": about["citation"],
        "recipe": f"Kernel ridge regression by {len(model.phases)} random Fourier features of a window of {settings.window_s:g} s of motion, left feet mirrored "
        "(grfkit, notebook 12_stream).",
        "scores": scores,
        "scored_on": "Each runner left out: streamed by all others, over measured stances.",
        "limits": [
            f"A stream gives nothing until its window is full, nor while a point is missing for longer than {1000 * settings.max_gap_s:g} ms.",
            "It does not say when a runner is unlike those that trained it, and its forces do not balance over a stride.",
            "Forces are in body weights of the moving body: a mass that is wrong by some per cent makes newtons wrong by as much.",
        ],
        "use": "    from grfkit import stream\n"
        f'    streaming = stream.Stream(stream.load("path/of/this/folder"), lag_s={settings.lags_s[len(settings.lags_s) // 2]:g})\n'
        "    forces = streaming.push(points, time_s)  # (11, 3) m, s",
    }
