"""The LSTM: fit it to training stances, estimate the forces of others. The only module of the core that imports torch.

In: points and forces of stances, ragged: rows (N, C), the frames of all stances one after the other, and lengths
(S,). Out: a fitted network with its scalers, and forces. A step of the LSTM stands for `frames_per_step` consecutive
frames: it reads the points of the middle frame and gives the forces of all of them (transform.group_frames says why).
"""

import multiprocessing
import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass

import joblib
import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from grfkit import transform

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
FIT_BYTES = 2_000_000_000  # of a GPU's memory for one fit, with what the libraries take: our choice
LARGEST_BATCH = 4096  # stances estimated at a time, so that memory does not grow with their number: our choice


class ForceLSTM(nn.Module):
    """Points -> force: an LSTM that reads a stance in both directions, and a linear layer (paper section 1.4.3).

    Both directions are our choice: the paper does not say, and the whole stance is known when it is estimated.
    """

    def __init__(self, inputs, outputs, *, units, layers, dropout):
        super().__init__()
        self.lstm = nn.LSTM(
            inputs, units, layers, batch_first=True, bidirectional=True, dropout=dropout if layers > 1 else 0.0
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * units, outputs)

    def forward(self, steps):
        """Map the LSTM steps (B, L, inputs) of B stances to (B, L, outputs); all have L steps, and none is padding."""
        return self.head(self.dropout(self.lstm(steps)[0]))


@dataclass(frozen=True)
class Fitted:
    """A network with the scalers that were fitted on the same training rows, and its hyper-parameters."""

    net: ForceLSTM
    points_scaler: object
    force_scaler: object
    settings: dict


def fit(
    points,
    forces,
    lengths,
    *,
    seed,
    frames_per_step,
    units,
    layers,
    dropout,
    learning_rate,
    batch_size,
    epochs,
    watched=None,
    patience=None,
    progress=False,
):
    """Fit the LSTM to training stances.

    `points` (N, 33) m, `forces` (N, 3) BW, `lengths` (S,). Every variable is scaled to [0, 1] by these rows alone. The
    loss is the mean squared error over real frames, never over padding. Adam trains for a fixed number of epochs with a
    cosine schedule (our choice).

    `watched` are (points, forces, lengths) of other training runners. Where they are given, training stops after
    `patience` epochs without a smaller error on them, and the weights of the smallest error are kept.

    On a CPU the same seed gives the same network on the same machine; tests/test_model.py says how far a GPU's
    estimates may be from a CPU's. A GPU does not use half precision: so small a network trains more slowly by it (1.6
    times on an H100).
    """
    scalers = transform.fit_minmax(points), transform.fit_minmax(forces)
    settings = {"frames_per_step": frames_per_step, "units": units, "layers": layers, "dropout": dropout}
    torch.set_num_threads(1)  # such small matrix products gain little from a second thread, and lose all to a busy core
    training = tensors(points, forces, lengths, scalers, frames_per_step)
    with _seeded(seed):
        net = ForceLSTM(
            points.shape[1], frames_per_step * forces.shape[1], units=units, layers=layers, dropout=dropout
        ).to(DEVICE)
        optimiser = torch.optim.Adam(net.parameters(), lr=learning_rate, fused=True)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
        watch = _Watch(net, tensors(*watched, scalers, frames_per_step), patience) if watched else None
        for done in tqdm(range(1, epochs + 1), desc="training", unit="epoch", disable=not progress):
            train_epoch(net, optimiser, training, batch_size)
            schedule.step()
            if watch and watch.enough():
                break
    if watch:
        net.load_state_dict(watch.best)
    return Fitted(net.eval(), *scalers, settings | {"epochs": done})


def predict(fitted, points, lengths):
    """Estimate the forces (N, 3) BW of stances from their points (N, 33) m."""
    frames_per_step, channels = fitted.settings["frames_per_step"], fitted.force_scaler.n_features_in_
    steps = _tensor(_scaled(fitted.points_scaler, transform.middle_frames(points, lengths, frames_per_step)))
    scaled = _forward(fitted.net.to(steps.device), steps, _buckets(lengths, frames_per_step)).cpu().numpy()
    return fitted.force_scaler.inverse_transform(transform.ungroup_frames(scaled, lengths, channels=channels))


def masked_loss(estimated, target, real):
    """Mean squared error over real frames: estimated and target (B, L, k * 3), real (B, L, k) bool."""
    error = (estimated - target).reshape(*real.shape, -1) ** 2
    return (error * real[..., None]).sum() / (real.sum() * error.shape[-1])


class _Watch:
    """Follows the error on stances that are not trained on, and keeps the weights of the smallest one."""

    def __init__(self, net, watched, patience):
        self.net, self.watched, self.patience = net, watched, patience
        self.least, self.best, self.since = float("inf"), None, 0

    def enough(self):
        """Measure the error after an epoch; True where the last `patience` epochs brought no smaller one."""
        steps, targets, real, buckets = self.watched
        error = float(masked_loss(_forward(self.net.eval(), steps, buckets), targets, real))
        self.since += 1
        if error < self.least or self.best is None:
            self.least, self.since = error, 0
            self.best = {name: value.clone() for name, value in self.net.state_dict().items()}
        return self.since >= self.patience


_held = ()  # in a process that validates folds: points, forces and lengths of all training stances


def hold(*training):
    """Keep training stances in this process, so that a fold need not send them; the process ends with its parent."""
    global _held
    _held = training
    parent = multiprocessing.parent_process()
    if parent:  # a killed parent leaves no idle worker behind
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


def fold_error(training, validation, **settings):
    """Fit to some of the stances that hold keeps (indices) and give the RMSE of the scaled forces of others."""
    forces = _held[1]
    estimated = fold_estimates(training, validation, **settings)
    scaler = transform.fit_minmax(forces[transform.rows_of(_held[2], training)])
    measured = forces[transform.rows_of(_held[2], validation)]
    return float(np.sqrt(np.mean((scaler.transform(estimated) - scaler.transform(measured)) ** 2)))


def fold_estimates(training, validation, **settings):
    """Fit to some of the stances that hold keeps (indices) and estimate others; returns (N, 3) BW of their frames."""
    points, forces, lengths = _held
    rows = transform.rows_of(lengths, training)
    fitted = fit(points[rows], forces[rows], lengths[training], **settings)
    return predict(fitted, points[transform.rows_of(lengths, validation)], lengths[validation])


def at_once():
    """Count the fits to run side by side: one for each processor, but no more than fit into a GPU's free memory."""
    most = joblib.cpu_count()
    return max(1, min(most, torch.cuda.mem_get_info()[0] // FIT_BYTES)) if DEVICE == "cuda" else most


def describe(fitted):
    """Take a fitted network apart: weights {name: array}, and a description that JSON can hold."""
    weights = {name: value.detach().cpu().numpy() for name, value in fitted.net.state_dict().items()}
    scalers = {
        name: {"min": scaler.data_min_.tolist(), "max": scaler.data_max_.tolist()}
        for name, scaler in (("points", fitted.points_scaler), ("forces", fitted.force_scaler))
    }
    return weights, {"settings": fitted.settings, "scalers": scalers}


def restore(weights, description):
    """Put a fitted network together from what describe gave."""
    scalers = {
        name: transform.fit_minmax(np.array([limits["min"], limits["max"]]))
        for name, limits in description["scalers"].items()
    }
    settings = description["settings"]
    inputs, outputs = (len(description["scalers"][name]["min"]) for name in ("points", "forces"))
    net = ForceLSTM(
        inputs,
        outputs * settings["frames_per_step"],
        **{name: settings[name] for name in ("units", "layers", "dropout")},
    )
    net.load_state_dict({name: torch.as_tensor(value) for name, value in weights.items()})
    return Fitted(net.eval(), scalers["points"], scalers["forces"], settings)


def tensors(points, forces, lengths, scalers, frames_per_step):
    """Lay out stances for train_epoch: scaled LSTM steps and targets, which frames are real, and buckets of stances.

    They are on the GPU where there is one.
    """
    steps = _scaled(scalers[0], transform.middle_frames(points, lengths, frames_per_step))
    targets, real = transform.group_frames(forces, lengths, frames_per_step)
    return _tensor(steps), _tensor(_scaled(scalers[1], targets)), _tensor(real), _buckets(lengths, frames_per_step)


def _scaled(scaler, steps):
    """Scale LSTM steps (S, L, k * C) whose last axis holds k frames of the scaler's C variables."""
    return scaler.transform(steps.reshape(-1, scaler.n_features_in_)).reshape(steps.shape)


def _tensor(values):
    return torch.as_tensor(values, dtype=torch.bool if values.dtype == bool else torch.float32, device=DEVICE)


def _buckets(lengths, frames_per_step):
    """Group the stances by their number of LSTM steps: a list of (number, indices).

    A bidirectional LSTM would read the padding of a shorter stance first. Equal lengths also need no packing, which
    halves the time of an epoch on a CPU.
    """
    counts = -(-np.asarray(lengths) // frames_per_step)
    return [(int(count), torch.as_tensor(np.flatnonzero(counts == count))) for count in np.unique(counts)]


def _forward(net, steps, buckets):
    """Estimate scaled forces (S, L, k * C) from LSTM steps (S, L, inputs); 0 beyond a stance's own steps."""
    scaled = torch.zeros(*steps.shape[:2], net.head.out_features, device=steps.device)
    with torch.no_grad():
        for count, stances in buckets:
            for part in stances.to(steps.device).split(LARGEST_BATCH):
                scaled[part, :count] = net(steps[part, :count])
    return scaled


def train_epoch(net, optimiser, training, batch_size):
    """Train once on all stances, as `tensors` lays them out, in batches drawn anew."""
    steps, targets, real, buckets = training
    net.train()
    batches = [
        (count, batch)
        for count, stances in buckets
        for batch in stances[torch.randperm(len(stances))].to(DEVICE).tensor_split(-(-len(stances) // batch_size))
    ]
    for index in torch.randperm(len(batches)).tolist():
        count, batch = batches[index]
        loss = masked_loss(net(steps[batch, :count]), targets[batch, :count], real[batch, :count])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


@contextmanager
def _seeded(seed):
    """Draw random numbers from `seed`, and leave the caller's generator as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
