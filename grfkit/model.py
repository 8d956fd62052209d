"""The LSTM: fit it to training stances, estimate the forces of others. The only module of the core that imports torch.

In: points and forces of stances of different lengths: rows (N, C), the frames of all stances one after the other, and
lengths (S,). Out: a fitted network with its scalers, and forces. One LSTM step covers `frames_per_step` consecutive
frames: it reads the points of the middle frame and gives the forces of all (transform.group_frames says why). A fixed
layer, Whitening, comes before the LSTM, unless `window` and `shrinkage` are left out.
"""

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
AT_ONCE = 2**15  # LSTM steps whitened or estimated at a time, so that memory does not grow with stances: our choice
WEIGHT_DECAY = 0.01  # AdamW's own default: our choice
LARGEST_GRADIENT = 1.0  # norm: a larger one is scaled down, so that one odd batch cannot ruin a fit: our choice


def windows(steps, window):
    """Put the `window` LSTM steps around each step side by side: (B, L, C) become (B, L, window * C).

    Beyond the ends of a stance its first or last step is repeated: our choice, because nothing was recorded there.
    """
    near = torch.arange(window, device=steps.device) - window // 2
    places = torch.arange(steps.shape[1], device=steps.device)[:, None] + near
    return steps[:, places.clamp(0, steps.shape[1] - 1)].flatten(2)


class Whitening(nn.Module):
    """A fixed linear layer: a window of LSTM steps around each step, decorrelated and scaled to unit variance.

    Force shows in the second differences of positions. These are small: an acceleration of one g over 10 ms is 1 mm,
    while inputs range over a metre. Gradient descent finds such a direction last, unless it has weights of its own and
    is as long as the others (LeCun et al. 1998, section 4.3). With few runners most of the gain comes from the
    decorrelation (session 3 of the course).

    The layer is principal component analysis that keeps all components, so that it can be inverted and adds no input.
    Each is divided by sqrt(eigenvalue + shrinkage * the largest), so that mere noise of the points stays small.
    """

    def __init__(self, inputs, window):
        super().__init__()
        self.window = window
        self.register_buffer("mean", torch.zeros(window * inputs))
        self.register_buffer("matrix", torch.zeros(window * inputs, window * inputs))

    def fit(self, steps, buckets, shrinkage):
        """Fit to the real LSTM steps (S, L, C) of training stances, in double precision and on the CPU.

        A GPU would flip the signs of some components, so that results could not be compared.
        """
        rows = sum(count * len(stances) for count, stances in buckets)
        mean = sum(part.sum(dim=0) for part in self._of(steps, buckets)) / rows
        covariance = torch.zeros(len(mean), len(mean), dtype=torch.double)
        for part in self._of(steps, buckets):
            part -= mean
            covariance += part.T @ part / rows
        values, vectors = torch.linalg.eigh(covariance)  # ascending
        self.mean.copy_(mean)
        self.matrix.copy_(vectors / (values.clamp(min=0) + shrinkage * values[-1]).sqrt())

    def forward(self, steps):
        """Map the scaled LSTM steps (B, L, C) of B stances to (B, L, window * C); none is padding."""
        return (windows(steps, self.window) - self.mean) @ self.matrix

    def _of(self, steps, buckets):
        """Yield the windows (N, window * C) of all stances in double precision, a part at a time."""
        for count, part in _parts(buckets):
            yield windows(steps[part.to(steps.device), :count].cpu().double(), self.window).flatten(0, 1)


class ForceLSTM(nn.Module):
    """Points -> force: an LSTM that reads a stance in both directions, and a linear layer (paper section 1.4.3).

    Both directions are our choice: the paper does not say, and the whole stance is known when it is estimated. With a
    `window`, the fixed layer Whitening comes before the LSTM.
    """

    def __init__(self, inputs, outputs, *, units, layers, dropout, window=None):
        super().__init__()
        self.whitening = Whitening(inputs, window) if window else nn.Identity()
        between = {"dropout": dropout if layers > 1 else 0.0}
        self.lstm = nn.LSTM(inputs * (window or 1), units, layers, batch_first=True, bidirectional=True, **between)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * units, outputs)

    def forward(self, steps):
        """Map the LSTM steps (B, L, inputs) of B stances to (B, L, outputs); all have L steps, and none is padding."""
        return self.read(self.whitening(steps))

    def read(self, steps):
        """Map LSTM steps that are whitened already: training whitens all of them before its first epoch."""
        return self.head(self.dropout(self.lstm(steps)[0]))


@dataclass(frozen=True)
class Fitted:
    """A network with the scalers that were fitted on the same training rows, and its hyper-parameters.

    `learning` holds a pair for each epoch: the RMSE of the scaled forces during training, with dropout, and the RMSE on
    the watched stances after it (NaN without them). It is not saved with the network.
    """

    net: ForceLSTM
    points_scaler: object
    force_scaler: object
    settings: dict
    learning: tuple = ()


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
    window=None,
    shrinkage=None,
    offset_m=0.0,
    watched=None,
    patience=None,
    progress=False,
):
    """Fit the LSTM to training stances.

    `points` (N, 33) m, `forces` (N, 3) BW, `lengths` (S,). Every variable is scaled to [0, 1] by these rows alone.
    `window` LSTM steps and `shrinkage` are those of Whitening, fitted on the same rows. The loss is the mean squared
    error over real frames, never over padding. AdamW trains for a fixed number of epochs; the learning rate rises to
    `learning_rate` and falls in one cycle (Smith & Topin 2019; our choice). Raises InputError as
    transform.check_whitening does.

    With `offset_m` each epoch moves the points of a stance by random offsets of this SD (m), constant over the stance.
    Other runners' joints are at other places too, and accelerations do not change. So the network learns from motion
    and cannot learn runners by heart. Our choice: it helps most with few training runners.

    `watched` are (points, forces, lengths) of other training runners. If given, training stops after `patience` epochs
    without a smaller error on them, and the weights of the smallest error are kept.

    On a CPU the same seed gives the same network on the same machine; tests/test_model.py says how far a GPU's
    estimates may be from a CPU's. A GPU does not use half precision, because it makes so small a network train more
    slowly (1.6 times on an H100).
    """
    transform.check_whitening(points, lengths, frames_per_step=frames_per_step, window=window, shrinkage=shrinkage)
    scalers = transform.fit_minmax(points), transform.fit_minmax(forces)
    shape = {"units": units, "layers": layers, "dropout": dropout, "window": window}
    torch.set_num_threads(1)  # a second thread speeds such small products up little, and a busy core undoes it
    stances = tensors(points, forces, lengths, scalers, frames_per_step)
    with _seeded(seed):
        net = ForceLSTM(points.shape[1], frames_per_step * forces.shape[1], **shape).to(DEVICE)
        if window:
            net.whitening.fit(stances[0], stances[3], shrinkage)
        stances = whitened(net, stances)
        watch = watched and _Watch(net, whitened(net, tensors(*watched, scalers, frames_per_step)), patience)
        offsets = _offsets(net, offset_m * scalers[0].scale_) if offset_m else None
        learning = _train(net, stances, offsets, watch, epochs, learning_rate, batch_size, progress)
    settings = {"frames_per_step": frames_per_step, **shape, "shrinkage": shrinkage, "epochs": len(learning)}
    settings["offset_m"] = offset_m
    return Fitted(net.eval(), *scalers, settings, tuple(learning))


def predict(fitted, points, lengths):
    """Estimate the forces (N, 3) BW of stances from their points (N, 33) m."""
    frames_per_step, channels = fitted.settings["frames_per_step"], fitted.force_scaler.n_features_in_
    steps = _tensor(_scaled(fitted.points_scaler, transform.middle_frames(points, lengths, frames_per_step)))
    scaled = _each(fitted.net.to(steps.device), steps, _buckets(lengths, frames_per_step)).cpu().numpy()
    return fitted.force_scaler.inverse_transform(transform.ungroup_frames(scaled, lengths, channels=channels))


def masked_loss(estimated, target, real):
    """Mean squared error over real frames: estimated and target (B, L, k * 3), real (B, L, k) bool."""
    error = (estimated - target).reshape(*real.shape, -1) ** 2
    return (error * real[..., None]).sum() / (real.sum() * error.shape[-1])


class _Watch:
    """Follows the error on whitened stances that are not trained on, and keeps the weights of the smallest one."""

    def __init__(self, net, watched, patience):
        self.net, self.watched, self.patience = net, watched, patience
        self.error, self.least, self.best, self.since = float("nan"), float("inf"), None, 0

    def enough(self):
        """Measure the error after an epoch; True where the last `patience` epochs brought no smaller one."""
        steps, targets, real, buckets = self.watched
        self.net.eval()
        self.error = float(masked_loss(_each(self.net.read, steps, buckets), targets, real))
        self.since += 1
        if self.error < self.least or self.best is None:
            self.least, self.since = self.error, 0
            self.best = {name: value.clone() for name, value in self.net.state_dict().items()}
        return self.since >= self.patience


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
        **{name: settings.get(name) for name in ("units", "layers", "dropout", "window")},  # older ones have no window
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


def _parts(buckets):
    """Yield (number of LSTM steps, indices of some stances of that many), AT_ONCE steps at the most together."""
    for count, stances in buckets:
        for part in stances.split(max(1, AT_ONCE // count)):
            yield count, part


def _each(layer, steps, buckets):
    """Put LSTM steps (S, L, inputs) through a layer, stances of one length at a time; 0 beyond a stance's own steps."""
    mapped = None
    with torch.no_grad():
        for count, part in _parts(buckets):
            part = part.to(steps.device)
            values = layer(steps[part, :count])
            if mapped is None:
                mapped = steps.new_zeros(*steps.shape[:2], values.shape[-1])
            mapped[part, :count] = values
    return mapped


def whitened(net, stances):
    """Whiten all LSTM steps of stances laid out by `tensors`: once, so that an epoch costs what a bare LSTM's does."""
    steps, targets, real, buckets = stances
    return _each(net.whitening, steps, buckets), targets, real, buckets


def _offsets(net, sizes):
    """Give what a scaled offset of each variable (C,), all stance long, is behind the whitening layer, (C, inputs)."""
    scaled = torch.diag(_tensor(sizes))[:, None]
    with torch.no_grad():
        return (net.whitening(scaled) - net.whitening(torch.zeros_like(scaled)))[:, 0]


def _train(net, stances, offsets, watch, epochs, learning_rate, batch_size, progress):
    """Train for all epochs, or until the watch has enough; returns Fitted.learning."""
    optimiser, learning = torch.optim.AdamW(net.parameters(), weight_decay=WEIGHT_DECAY, fused=True), []
    batches = sum(-(-len(bucket) // batch_size) for _, bucket in stances[3])
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, learning_rate, total_steps=epochs * batches)
    for _ in tqdm(range(epochs), desc="training", unit="epoch", disable=not progress):
        error = train_epoch(net, optimiser, schedule, stances, batch_size, offsets)
        enough = watch and watch.enough()
        learning.append((error**0.5, watch.error**0.5 if watch else float("nan")))
        if enough:
            break
    if watch:
        net.load_state_dict(watch.best)
    return learning


def train_epoch(net, optimiser, schedule, stances, batch_size, offsets=None):
    """Train once on all whitened stances, in batches drawn anew; returns the mean loss of the batches.

    `stances` are as `whitened` gives them, `offsets` (C, inputs) as `_offsets` does: a multiple of each, drawn anew, is
    added to the steps of each stance.
    """
    steps, targets, real, buckets = stances
    net.train()
    batches = [
        (count, batch)
        for count, bucket in buckets
        for batch in bucket[torch.randperm(len(bucket))].to(DEVICE).tensor_split(-(-len(bucket) // batch_size))
    ]
    total = torch.zeros((), device=steps.device)
    for index in torch.randperm(len(batches)).tolist():
        count, batch = batches[index]
        inputs = steps[batch, :count]
        if offsets is not None:
            inputs = inputs + torch.randn(len(batch), 1, len(offsets), device=steps.device) @ offsets
        loss = masked_loss(net.read(inputs), targets[batch, :count], real[batch, :count])
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), LARGEST_GRADIENT)
        optimiser.step()
        schedule.step()
        total += loss.detach()
    return float(total) / len(batches)


@contextmanager
def _seeded(seed):
    """Draw random numbers from `seed`, and leave the caller's generator as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
