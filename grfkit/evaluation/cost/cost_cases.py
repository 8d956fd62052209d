"""What `make bench` measures: our way of each step, and the least or the literal way beside it."""

import contextlib
import io
import logging
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from grfkit import transform
from grfkit.estimators import kernel_ridge, registry, samples
from grfkit.estimators.kernel_matrix import KernelMatrix
from grfkit.evaluation.cost.cost import measure
from grfkit.points import DIRECTIONS


def reading(trials, folder, settings):
    """Read, track, cut and check the trials of each runner, against ezc3d's bare reading of the same files; returns (runners, 2, 2) s."""
    import ezc3d

    from grfkit.stances import cut

    def times(mine, turn):
        paths = [Path(folder) / file for file in (*mine["file"], *sorted({*mine["static"]} - {""}))]
        for path in paths:
            path.read_bytes()  # the disk is not measured
        both = [
            lambda: cut.collect(mine, folder, settings),
            lambda: [ezc3d.c3d(str(path), extract_forceplat_data=True) for path in paths],
        ]
        return measure(*both, repeats=1)[0] if turn % 2 else measure(*both[::-1], repeats=1)[0][::-1]

    with contextlib.redirect_stderr(io.StringIO()):
        return np.stack([times(mine, turn) for turn, (_, mine) in enumerate(trials.groupby("runner"))])


def on_workers(trials, folder, results, settings, *, repeats):
    """Cut a cohort on one worker process and on two, which have started before; returns (repeats, 2, 2) s, one worker first."""
    import dask
    from dask.distributed import LocalCluster

    from grfkit.stances import cohort

    start = {"threads_per_worker": 1, "memory_limit": 0, "dashboard_address": None, "silence_logs": logging.CRITICAL}
    with (
        contextlib.redirect_stderr(io.StringIO()),
        dask.config.set(cohort.LIGHT),
        LocalCluster(n_workers=1, **start) as one,
        LocalCluster(n_workers=2, **start) as two,
    ):
        runs = [
            lambda cluster=cluster: cohort.collect(trials, folder, results, settings, engine=cluster.scheduler_address)
            for cluster in (one, two)
        ]
        for warm in runs:  # each worker imports what it needs
            warm()
        return measure(*runs, repeats=repeats)


class Epochs:
    """One epoch of training, and its floor: a bare torch.nn.LSTM with Adam over batches of the same shape, ready in memory."""

    def __init__(self, points, forces, lengths, *, frames_per_step, units, layers, dropout, batch_size, **_):
        import torch

        from grfkit import model

        torch.set_num_threads(1)
        self.model, self.torch, self.batch_size = model, torch, batch_size
        self.training = model.tensors(
            points, forces, lengths, (transform.fit_minmax(points), transform.fit_minmax(forces)), frames_per_step
        )
        steps, targets, _, buckets = self.training
        self.batches = [
            (steps[part, :count].contiguous(), targets[part, :count].contiguous())
            for count, stances in buckets
            for part in stances.tensor_split(-(-len(stances) // batch_size))
        ]
        inputs, outputs = steps.shape[-1], targets.shape[-1]
        self.net = model.ForceLSTM(inputs, outputs, units=units, layers=layers, dropout=dropout).to(model.DEVICE)
        self.adam = torch.optim.Adam(self.net.parameters(), fused=True)
        self.bare = torch.nn.ModuleList(
            [
                torch.nn.LSTM(
                    inputs, units, layers, batch_first=True, bidirectional=True, dropout=dropout if layers > 1 else 0.0
                ),
                torch.nn.Linear(2 * units, outputs),
            ]
        ).to(model.DEVICE)
        self.bare_adam = torch.optim.Adam(self.bare.parameters())
        seen = [inputs + units, *[3 * units] * (layers - 1)]  # what each of four gates in each direction multiplies
        products = 2 * 4 * units * sum(seen) + 2 * units * outputs
        self.flops = (
            3 * 2 * products * sum(x.shape[0] * x.shape[1] for x, _ in self.batches)
        )  # back costs twice what forth costs

    def ours(self):
        self.model.train_epoch(self.net, self.adam, self.training, self.batch_size)
        self._wait()

    def floor(self):
        lstm, head = self.bare
        for x, y in self.batches:
            loss = self.torch.nn.functional.mse_loss(head(lstm(x)[0]), y)
            self.bare_adam.zero_grad()
            loss.backward()
            self.bare_adam.step()
        self._wait()

    def _wait(self):
        if self.model.DEVICE == "cuda":
            self.torch.cuda.synchronize()


def held_out(training, validation, *, seeds, **settings):
    """Fit to some stances and judge on others, each (points, forces, lengths): a table seed, error (scaled forces, root mean square), seconds, epochs."""
    from grfkit import model

    scaler, rows = transform.fit_minmax(training[1]), []
    for seed in seeds:
        start = time.perf_counter()
        fitted = model.fit(*training, seed=seed, **settings)
        seconds = time.perf_counter() - start
        error = scaler.transform(model.predict(fitted, validation[0], validation[2])) - scaler.transform(validation[1])
        rows.append(
            {"seed": seed, "error": np.sqrt(np.mean(error**2)), "seconds": seconds, "epochs": fitted.settings["epochs"]}
        )
    return pd.DataFrame(rows)


def stopped_early(training, validation, recipe, *, seeds, patience, **settings):
    """Fit to training Samples without and with `patience`, a tenth of the runners watched, and judge on `validation`; a table as of held_out."""
    from grfkit.estimators import lstm

    aside = np.isin(training.runners, lstm.watched_runners(training, seed=seeds[0]))
    rest, watched = (lstm.arrays(samples.take(training, np.flatnonzero(part)), recipe) for part in (~aside, aside))
    whole = held_out(lstm.arrays(training, recipe), validation, seeds=seeds, **settings)
    stopped = held_out(rest, validation, seeds=seeds, watched=watched, patience=patience, **settings)
    return pd.concat([whole.assign(patience=None), stopped.assign(patience=patience)], ignore_index=True)


def of_kernel(taken, recipe):
    """Give what kernel_ridge.leave_groups_out takes of Samples: their kernel matrix, their targets, their runners."""
    return KernelMatrix.of_samples(taken, recipe), samples.curve_targets(taken), taken.stances["runner"].to_numpy()


def refitted(matrix, targets, runners, candidate):
    """Estimate each runner from a kernel ridge regression fitted to the others, the literal way."""
    kernel, estimated = matrix.weighed(candidate), np.empty_like(targets)
    for runner in np.unique(runners):
        mine, others = np.flatnonzero(runners == runner), np.flatnonzero(runners != runner)
        estimated[mine] = kernel_ridge.estimate_from_some(kernel, targets, candidate, others, mine)
    return estimated


def one_by_one(taken, recipe, *, seed, network):
    """Estimate each runner from a network fitted to the others, one fit after the other."""
    from grfkit import model
    from grfkit.estimators import lstm

    model.hold(*lstm.arrays(taken, recipe))
    runners = taken.stances["runner"].to_numpy()
    return [
        model.fold_estimates(np.flatnonzero(runners != runner), np.flatnonzero(runners == runner), seed=seed, **network)
        for runner in np.unique(runners)
    ]


def fitted(taken, recipes, *, seed, network):
    """Fit the network of `paper` for one epoch and `physics` with the middle candidate; returns {name: fitted}."""
    candidate = kernel_ridge.middle_candidate(recipes["physics"].kernel, recipes["physics"].inputs)
    best = {"paper": network, "physics": {"candidates": [candidate], "chosen": {name: [0] for name in DIRECTIONS}}}
    return {
        name: registry.class_of(recipes[name]).fit(taken, recipes[name], best[name], seed=seed, epochs=1)
        for name in best
    }


def field_model(stances, frames, folder, section, recipe, *, seed):
    """Train a field_model.FieldModel on recordings as notebook 10_field does, with one detector set beforehand; returns it and the recordings."""
    from grfkit.evaluation.field import field_accuracy, field_training, field_uncertainty, ground_truth
    from grfkit.field import motion as steps
    from grfkit.recordings.read import read_recorded

    recorded = read_recorded(stances, folder, section)
    motions = ground_truth.motions(recorded, section)
    found = steps.find(motions)
    known, taken = field_accuracy.known_steps(
        motions, ground_truth.match(found, stances)[0], samples.prepare(frames, stances, recipe)
    )
    contacts, detector = field_accuracy.detect(
        motions, found, known, kernel_ridge.middle_candidate(recipe.kernel, samples.KINDS), every=3, seed=seed
    )
    curves = field_training.regression(
        taken, field_training.targets(taken, known, recorded, motions, section), known, motions, recipe
    )
    settings = field_training.settings(section, recipe, known, level=0.9, vlr=section.vlr)
    estimated, nearest = field_accuracy.estimate(curves, motions, contacts, settings)
    of_features = field_uncertainty.feature_residuals(taken, contacts, estimated, vlr=settings["vlr"])
    return field_training.model(
        detector,
        curves,
        motions,
        contacts,
        estimated,
        nearest,
        off=field_uncertainty.residuals(taken, known, contacts, estimated),
        of_features=of_features,
        of_asymmetry=field_uncertainty.asymmetry_errors(of_features, known),
        speeds={each.file: each.speed_m_s for each in recorded},
        settings=settings,
    ), recorded


def a_minute(recorded):
    """Take recordings that last a minute together, the last cut short; fewer where there are fewer."""
    kept, left = [], 60.0
    for each in recorded:
        if left * each.point_hz >= 100:  # frames: what is left is worth a recording
            kept.append(replace(each, points=each.points[: round(left * each.point_hz)]))
            left -= len(kept[-1].points) / each.point_hz
    return kept


def estimated(model, recorded):
    """Estimate recordings without their plates, from points in memory to tables of steps and curves; one that is refused took its time too."""
    from grfkit.field import estimate

    for each in recorded:
        with contextlib.suppress(estimate.Refused):
            estimate.one(model, each.file, each.points, each.point_hz, each.speed_m_s)


def bare_reading(recorded, folder):
    """Read the recordings' files as ezc3d does, points and plates."""
    import ezc3d

    return [ezc3d.c3d(str(Path(folder) / each.file), extract_forceplat_data=True) for each in recorded]


def plain_spm(estimated, measured, *, alpha):
    """Test paired curves (S, Q) as spm1d does."""
    import spm1d

    return spm1d.stats.ttest(estimated - measured).inference(alpha, two_tailed=True)


def one_epoch(points, forces, lengths):
    """Train a network for one epoch, from points and forces in memory to its weights."""
    from grfkit import model

    model.fit(
        points,
        forces,
        lengths,
        seed=0,
        frames_per_step=10,
        units=64,
        layers=2,
        dropout=0.1,
        learning_rate=0.005,
        batch_size=32,
        epochs=1,
    )


def one_factorisation(points, forces, lengths):
    """Leave each of 20 groups of stances out by kernel ridge regression on positions: one candidate of what `ridge` and `physics` do."""
    rows = np.split(np.arange(len(points)), transform.starts(lengths)[1:])
    motion = np.stack([transform.time_normalise(points[own], 51) for own in rows]).astype(np.float32)
    targets = np.stack([transform.time_normalise(forces[own], 101) for own in rows])
    matrix = KernelMatrix({"positions": (motion, motion[:, :0])}, shape="gaussian")
    kernel_ridge.leave_groups_out(
        matrix, targets, np.arange(len(lengths)) % 20, {"positions_m": 0.1, "noise": 0.01, "edges": 0.0}
    )
