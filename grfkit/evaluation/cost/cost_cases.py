"""What `make bench` times: our way of each step, against a minimal or a literal way.

In: recordings, stances and Samples of a study. Out: times of pairs of ways, or the functions to time. Heavy imports are
inside functions, because each process of notebook bench loads this module.
"""

import contextlib
import io
import logging
import time
from dataclasses import replace
from functools import partial, reduce
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.interpolate import CubicSpline

from grfkit import transform
from grfkit.estimators import kernel_ridge, landmarks, registry, samples
from grfkit.estimators.kernel_matrix import KernelMatrix
from grfkit.evaluation.cost.cost import measure
from grfkit.points import DIRECTIONS


def reading(trials, folder, settings):
    """Time to read, track, cut and check the trials of each runner, against ezc3d's bare reading of the same files.

    Returns (runners, 2, 2) s as cost.measure.
    """
    from grfkit.stances import cut

    def times(mine, turn):
        files = (*mine["file"], *sorted({*mine["static"]} - {""}))
        for file in files:
            (Path(folder) / file).read_bytes()  # the disk is not measured
        both = [lambda: cut.collect(mine, folder, settings), lambda: read_bare(files, folder)]
        return measure(*both, repeats=1)[0] if turn % 2 else measure(*both[::-1], repeats=1)[0][::-1]

    with contextlib.redirect_stderr(io.StringIO()):
        return np.stack([times(mine, turn) for turn, (_, mine) in enumerate(trials.groupby("runner"))])


def on_workers(trials, folder, results, settings, *, repeats):
    """Time to cut a cohort on one worker process and on two, started before; returns (repeats, 2, 2) s."""
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
    """One epoch of training, and its floor, a bare torch.nn.LSTM with Adam.

    The floor takes batches of the same shape, ready in memory: whitened already, where the network whitens. Made of
    points (N, C), forces (N, 3) and lengths (S,), and the settings of a network (model.fit's).
    """

    def __init__(self, points, forces, lengths, network):
        import torch

        from grfkit import model

        torch.set_num_threads(1)
        self.model, self.torch, self.batch_size = model, torch, network["batch_size"]
        scalers = transform.fit_minmax(points), transform.fit_minmax(forces)
        laid_out = model.tensors(points, forces, lengths, scalers, network["frames_per_step"])
        layers = {name: network[name] for name in ("units", "layers", "dropout")}
        outputs, window = laid_out[1].shape[-1], network.get("window")
        self.net = model.ForceLSTM(points.shape[1], outputs, window=window, **layers).to(model.DEVICE)
        if window:
            self.net.whitening.fit(laid_out[0], laid_out[3], network["shrinkage"])
        self.training = model.whitened(self.net, laid_out)
        steps, targets, _, buckets = self.training
        self.batches = [
            (steps[part, :count].contiguous(), targets[part, :count].contiguous())
            for count, stances in buckets
            for part in stances.tensor_split(-(-len(stances) // self.batch_size))
        ]
        inputs = steps.shape[-1]
        self.adam = torch.optim.AdamW(self.net.parameters(), fused=True)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.adam, 1e-3, total_steps=10**9)  # of any number
        self.bare = self._bare_network(inputs, outputs, **layers).to(model.DEVICE)
        self.bare_adam = torch.optim.Adam(self.bare.parameters())
        seen = [inputs + layers["units"], *[3 * layers["units"]] * (layers["layers"] - 1)]  # what a gate multiplies
        products = 2 * 4 * layers["units"] * sum(seen) + 2 * layers["units"] * outputs  # four gates in each direction
        of_steps = sum(x.shape[0] * x.shape[1] for x, _ in self.batches)
        self.flops = 3 * 2 * products * of_steps  # back costs twice what forth costs

    def _bare_network(self, inputs, outputs, *, units, layers, dropout):
        between = {"dropout": dropout if layers > 1 else 0.0}
        lstm = self.torch.nn.LSTM(inputs, units, layers, batch_first=True, bidirectional=True, **between)
        return self.torch.nn.ModuleList([lstm, self.torch.nn.Linear(2 * units, outputs)])

    def ours(self):
        self.model.train_epoch(self.net, self.adam, self.schedule, self.training, self.batch_size)
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
    """Fit a network to some stances and score it on others, each (points, forces, lengths).

    Returns a row for each seed: error (root mean square, of scaled forces), seconds, epochs.
    """
    from grfkit import model

    scaler, rows = transform.fit_minmax(training[1]), []
    for seed in seeds:
        start = time.perf_counter()
        fitted = model.fit(*training, seed=seed, **settings)
        seconds = time.perf_counter() - start
        error = scaler.transform(model.predict(fitted, validation[0], validation[2])) - scaler.transform(validation[1])
        rows.append((seed, np.sqrt(np.mean(error**2)), seconds, fitted.settings["epochs"]))
    return pd.DataFrame(rows, columns=["seed", "error", "seconds", "epochs"])


def stopped_early(training, validation, recipe, *, seeds, patience, **settings):
    """Fit to training Samples without and with `patience`, a tenth of the runners watched, and score on `validation`.

    Returns tables of held_out, with a column patience.
    """
    from grfkit.estimators import lstm

    aside = np.isin(training.runners, lstm.watched_runners(training, seed=seeds[0]))
    rest, watched = network_inputs(training, aside, recipe)
    whole = held_out(lstm.arrays(training, recipe), validation, seeds=seeds, **settings)
    stopped = held_out(rest, validation, seeds=seeds, watched=watched, patience=patience, **settings)
    return pd.concat([whole.assign(patience=None), stopped.assign(patience=patience)], ignore_index=True)


def network_inputs(prepared, aside, recipe):
    """Give the stances that `aside` (S,) does not mark, and those that it marks, each as model.fit takes them."""
    from grfkit.estimators import lstm

    return [lstm.arrays(samples.take(prepared, np.flatnonzero(part)), recipe) for part in (~aside, aside)]


def refit_each(experiment):
    """Estimate each runner from a kernel ridge regression fitted to the others, one fit for each runner.

    Returns (S, 101, 3) BW. `experiment` is a left_out_runners.KernelExperiment, which does it by one factorisation.
    """
    kernel, estimated = experiment.compared.weighed(experiment.candidate), np.empty_like(experiment.targets)
    for runner in np.unique(experiment.runners):
        rows = [np.flatnonzero(part) for part in (experiment.runners != runner, experiment.runners == runner)]
        estimated[rows[1]] = kernel_ridge.estimate_from_some(kernel, experiment.targets, experiment.candidate, *rows)
    return estimated


def networks_one_by_one(prepared, recipe, *, seed, network):
    """Estimate each runner from a network fitted to the others, one fit after the other."""
    from grfkit.estimators import lstm

    lstm.hold(*lstm.arrays(prepared, recipe))
    network, estimated = lstm.hyper_parameters(network, recipe), []
    for runner in np.unique(prepared.runners):
        mine = prepared.runners == runner
        forces = lstm.fold_estimates(np.flatnonzero(~mine), np.flatnonzero(mine), seed=seed, **network)
        estimated.append(samples.finish(samples.take(prepared, np.flatnonzero(mine)), forces, recipe))
    return estimated


def fit_both(prepared, recipes, *, seed, network):
    """Fit the network of `paper` for one epoch and `physics` with the middle candidate; returns {name: fitted}."""
    candidate = kernel_ridge.middle_candidate(recipes["physics"].kernel, recipes["physics"].inputs)
    best = {"paper": network, "physics": {"candidates": [candidate], "chosen": {name: [0] for name in DIRECTIONS}}}
    fits = {name: registry.class_of(recipes[name]).fit for name in best}
    return {name: fit(prepared, recipes[name], best[name], seed=seed, epochs=1) for name, fit in fits.items()}


def one_stance(fits, prepared, *, repeats):
    """Time an estimate of one stance alone, and of one of a batch of all, by each of `fits` {name: fitted}.

    Returns {name: (repeats, 2, 2) s as cost.measure}.
    """
    one, every = samples.take(prepared, [0]), samples.take(prepared, np.arange(len(prepared)))
    measured = {
        name: measure(partial(fit.predict, one), partial(fit.predict, every), repeats=repeats)
        for name, fit in fits.items()
    }
    return {name: times / np.array([[1], [len(prepared)]]) for name, times in measured.items()}


def field_model(stances, frames, folder, section, recipe, *, seed):
    """Train a FieldModel on recordings as notebook 10_field does, with one detector; returns it and the recordings."""
    from grfkit.evaluation.field import field_accuracy, field_training, field_uncertainty, ground_truth
    from grfkit.field.model import FieldModel
    from grfkit.recordings.read import read_recorded

    recorded = read_recorded(stances, folder, section)
    measured = ground_truth.measure(recorded, stances, samples.prepare(frames, stances, recipe), section)
    motions, footsteps = measured.motions, measured.footsteps
    candidate = kernel_ridge.middle_candidate(recipe.kernel, samples.KINDS)
    detector = field_accuracy.fit_detector(measured, candidate, every=3, seed=seed)
    contacts = field_accuracy.detect_left_out(detector, motions, measured.found, footsteps, footsteps)
    curves = field_training.regression(measured, field_training.targets(measured, section), recipe)
    leans = field_accuracy.plates_lean(footsteps, samples.curve_targets(measured.samples))
    settings = field_training.settings(section, recipe, footsteps, level=0.9, vlr=section.vlr)
    model = FieldModel(detector, curves, settings)
    estimated, nearest = field_accuracy.estimate_left_out(model, motions, contacts, leans)
    off = field_uncertainty.errors(measured, contacts, estimated, vlr=settings["vlr"])
    return field_training.calibrate(model, measured, contacts, nearest, off), recorded


def first_minute(recorded):
    """Take recordings that last a minute together, the last cut short; fewer where there are fewer."""
    kept, left = [], 60.0
    for each in recorded:
        if left * each.point_hz >= 100:  # frames: what is left is worth a recording
            kept.append(replace(each, points=each.points[: round(left * each.point_hz)]))
            left -= len(kept[-1].points) / each.point_hz
    return kept


def estimate_all(model, recorded):
    """Estimate recordings without their plates, from points in memory to tables of steps and curves.

    The time of a refused recording counts too.
    """
    from grfkit.field import estimate

    for each in recorded:
        with contextlib.suppress(estimate.Refused):
            estimate.estimate_recording(model, each.file, each.points, each.point_hz, each.speed_m_s)


def read_bare(files, folder):
    """Read files as ezc3d does, points and plates."""
    import ezc3d

    return [ezc3d.c3d(str(Path(folder) / file), extract_forceplat_data=True) for file in files]


def plain_spm(estimated, measured, *, alpha):
    """Test paired curves (S, Q) as spm1d does."""
    import spm1d

    return spm1d.stats.ttest(estimated - measured).inference(alpha, two_tailed=True)


def one_epoch(points, forces, lengths):
    """Train a network for one epoch, from points and forces in memory to its weights."""
    from grfkit import model

    layers = {"frames_per_step": 10, "units": 64, "layers": 2, "dropout": 0.1, "window": 5, "shrinkage": 1e-5}
    model.fit(points, forces, lengths, seed=0, learning_rate=0.005, batch_size=32, epochs=1, **layers)


def one_factorisation(points, forces, lengths):
    """Leave each of 20 groups of stances out by kernel ridge regression on positions, by one candidate."""
    rows = np.split(np.arange(len(points)), transform.starts(lengths)[1:])
    motion = np.stack([transform.time_normalise(points[own], 51) for own in rows]).astype(np.float32)
    targets = np.stack([transform.time_normalise(forces[own], 101) for own in rows])
    candidate = {"positions_m": 0.1, "noise": 0.01, "edges": 0.0}
    matrix = KernelMatrix({"positions": (motion, motion[:, :0])}, shape="gaussian")
    kernel_ridge.leave_groups_out(matrix, targets, np.arange(len(lengths)) % 20, candidate)


def on_landmarks(points, forces, lengths):
    """Fit kernel ridge regression on landmarks to the motion of stances, laid out and summed block by block."""
    starts, size = transform.starts(lengths), landmarks.BLOCK
    block = partial(_motions, points, forces, starts, lengths)
    own, _ = block(landmarks.draw(len(lengths)))
    candidate = {"positions_m": 0.5, "velocities_m_s": 0.02, "accelerations_m_s2": 0.005, "noise": 2e-3, "edges": 0.0}
    by = landmarks.basis(landmarks.half(own), candidate, shape="gaussian")
    cuts = (np.arange(first, min(first + size, len(lengths))) for first in range(0, len(lengths), size))
    sums = reduce(landmarks.Sums.plus, (landmarks.sum_block(block(cut), by) for cut in cuts))
    return landmarks.solve(by, sums)


def _motions(points, forces, starts, lengths, index):
    """Lay out positions and their derivatives (by node) of some stances, and their curves: (inputs, (S, 101, 3))."""
    rows, nodes = [slice(starts[i], starts[i] + lengths[i]) for i in index], np.linspace(0, 1, samples.CORE_NODES)
    splines = [CubicSpline(np.linspace(0, 1, len(points[own])), points[own]) for own in rows]
    step, nothing = 1 / (samples.CORE_NODES - 1), np.empty((len(index), 0))
    inputs = {
        kind: (np.stack([spline(nodes, order) for spline in splines]) * step**order, nothing)
        for order, kind in enumerate(samples.KINDS)
    }
    return inputs, np.stack([transform.time_normalise(forces[own], samples.NODES) for own in rows])
