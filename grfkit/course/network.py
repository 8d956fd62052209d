"""Session 3 of the course: its stances as LSTM steps, a small LSTM of the vertical force, its errors, and figures.

In: the course's stances and estimates. Out: arrays, errors and drawn axes for the notebook. One LSTM step is one camera
frame (100 Hz) of stance. Axis letters: S stances, B stances of a batch, L steps of the longest stance, Q nodes.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import nn

from grfkit import metrics, model, plot, transform
from grfkit.course import data as course_data
from grfkit.estimators import samples, search
from grfkit.points import INPUTS
from grfkit.study import provenance, recipes

FRAMES_PER_STEP = 10  # 1 kHz to the cameras' 100 Hz: our choice, so that a network is trained in seconds
UNITS, LEARNING_RATE, BATCH = 32, 0.01, 16  # set beforehand, our choice: nothing here is searched
FOLDS = 5  # as in the paper (section 1.4.3)
WINDOW, SHRINKAGE = 9, 0.3  # of the whitening layer: best of ten in four folds of the twelve runners who are not tested


@dataclass(frozen=True)
class Data:
    """All stances at the cameras' rate: points (S, L, 33) m, vertical force (S, L) BW, and the stances' table.

    `real` (S, L) is False in the padding.
    """

    points: np.ndarray
    vertical: np.ndarray
    real: np.ndarray
    stances: pd.DataFrame


def load():
    """Give the course's stances as Data: without flight, left legs mirrored, padded with copies of the last frame."""
    frames, stances = course_data.stances()
    frames = frames[metrics.in_stance(frames, stances) & (frames["frame"] % FRAMES_PER_STEP == 0)]
    recipe = recipes.load(provenance.ROOT / "params" / "recipes" / "paper.yaml").model_copy(update={"mirror": True})
    made = samples.prepare(frames, stances, recipe)
    points, real = transform.group_frames(made.points.reshape(-1, len(INPUTS)).astype(np.float32), made.lengths, 1)
    vertical, _ = transform.group_frames(made.forces[:, 2:].astype(np.float32), made.lengths, 1)
    return Data(points, vertical[..., 0], real[..., 0], made.stances)


class VerticalLSTM(nn.Module):
    """Points -> vertical force: an LSTM over the steps of a stance, forwards alone, and a linear layer.

    Forwards alone is our choice for the course: padding comes after a stance's last step and cannot reach a real one.
    """

    def __init__(self, inputs):
        super().__init__()
        self.lstm = nn.LSTM(inputs, UNITS, batch_first=True)
        self.head = nn.Linear(UNITS, 1)

    def forward(self, steps):
        """Map steps (B, L, inputs) to the scaled vertical force (B, L)."""
        return self.head(self.lstm(steps)[0])[..., 0]


def _loss(estimated, target, real):
    """Mean squared error over real samples alone, all (B, L): the library's own loss, of one component."""
    return model.masked_loss(estimated[..., None], target[..., None], real[..., None])


def _scaled(data, training):
    """Scale points and force to [0, 1] by the training stances (indices) alone.

    Returns tensors of all stances, steps (S, L, 33), target (S, L) and real (S, L), and the force's scaler.
    """
    real = data.real[training]
    of_points = transform.fit_minmax(data.points[training][real])
    of_force = transform.fit_minmax(data.vertical[training][real][:, None])
    points = of_points.transform(data.points.reshape(-1, len(INPUTS))).reshape(data.points.shape)
    force = of_force.transform(data.vertical.reshape(-1, 1)).reshape(data.vertical.shape)
    return (
        torch.tensor(points, dtype=torch.float32),
        torch.tensor(force, dtype=torch.float32),
        torch.tensor(data.real),
        of_force,
    )


def window_rows(data, stances):
    """Lay out the windows of some stances (indices), scaled by these, a row for each real step: (N, C)."""
    steps, _, real, _ = _scaled(data, stances)
    each = [model.windows(steps[stance][real[stance]][None], WINDOW)[0] for stance in stances]
    return torch.cat(each).double().numpy()


def _whitened(steps, real, training):
    """Put scaled steps (S, L, 33) through the library's whitening layer, fitted to training stances (indices) alone.

    Returns (S, L, WINDOW * 33), 0 in the padding.
    """
    layer, lengths, training = model.Whitening(len(INPUTS), WINDOW), real.sum(dim=1), torch.as_tensor(training)
    same = [(int(count), torch.nonzero(lengths == count)[:, 0]) for count in lengths.unique()]
    layer.fit(steps, [(count, rows[torch.isin(rows, training)]) for count, rows in same], SHRINKAGE)
    white = torch.zeros(*steps.shape[:2], WINDOW * len(INPUTS))
    for count, rows in same:
        white[rows, :count] = layer(steps[rows, :count])
    return white


def fit(data, training, *, epochs, seed, whiten=False):
    """Train on some stances (indices); return the estimates of all stances after each epoch, (epochs, S, L) BW."""
    torch.set_num_threads(1)  # a second thread would not make so small a network faster
    steps, target, real, of_force = _scaled(data, training)
    if whiten:
        steps = _whitened(steps, real, training)
    estimated = []
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = VerticalLSTM(steps.shape[2])
        optimiser = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE)
        for _ in range(epochs):
            for batch in torch.as_tensor(training)[torch.randperm(len(training))].split(BATCH):
                optimiser.zero_grad()
                loss = _loss(net(steps[batch]), target[batch], real[batch])
                loss.backward()
                optimiser.step()
            with torch.no_grad():
                estimated.append(net(steps).numpy())
    return of_force.inverse_transform(np.reshape(estimated, (-1, 1))).reshape(np.shape(estimated))


def random_folds(data, *, seed):
    """Divide the stances into five random folds, as the paper does: a list of (training, validation) indices."""
    return search.folds(len(data.stances), FOLDS, seed=seed)


def out_of_fold(data, *, by_runner, epochs, seed, whiten=False):
    """Estimate each fold's stances by a network trained on the other four folds: (epochs, S, L) BW.

    Folds are the library's: `by_runner` keeps runners apart, else stances are divided at random.
    """
    estimated = np.full((epochs, *data.vertical.shape), np.nan)
    groups = data.stances["runner"].to_numpy() if by_runner else None
    for training, validation in search.folds(len(data.stances), FOLDS, seed=seed, groups=groups):
        estimated[:, validation] = fit(data, training, epochs=epochs, seed=seed, whiten=whiten)[:, validation]
    return estimated


def rmse(data, estimated):
    """Root mean square error over the real samples of each stance: estimated (..., S, L) BW give (..., S) BW."""
    squared = np.where(data.real, (estimated - data.vertical) ** 2, 0)
    return np.sqrt(squared.sum(axis=-1) / data.real.sum(axis=-1))


def curves(data, nodes=101):
    """Bring the vertical force of each stance to equally spaced nodes, (S, Q) BW."""
    return np.stack(
        [
            transform.time_normalise(force[real, None], nodes)[:, 0]
            for force, real in zip(data.vertical, data.real, strict=True)
        ]
    )


def stretch(data, curves):
    """Invert `curves`: curves (S, Q) BW become (S, L) BW, 0 in the padding."""
    estimated = np.zeros(data.vertical.shape)
    for row, real, curve in zip(estimated, data.real, curves, strict=True):
        row[real] = transform.time_normalise(curve[:, None], real.sum())[:, 0]
    return estimated


def library_rmse(data):
    """Give {recipe: vertical RMSE (S,) BW} of the library's recipes at the same frames, each runner left out."""
    estimates = course_data.predictions()
    estimates = estimates[estimates["frame"] % FRAMES_PER_STEP == 0]
    squared = (estimates["est_v"] - estimates["grf_v"]) ** 2
    means = squared.groupby([estimates["estimator"], estimates["stance"]]).mean() ** 0.5
    return {name: means[name].loc[data.stances["stance"]].to_numpy() for name in ("ridge", "physics")}


def draw_ranges(ax, rows):
    """Draw from where to where each of the 33 variables goes in rows (N, 33) m."""
    ax.vlines(np.arange(rows.shape[1]), rows.min(axis=0), rows.max(axis=0), color=plot.ESTIMATED, linewidth=4)
    ax.set_xticks(np.arange(rows.shape[1]), INPUTS, rotation=90, fontsize="small")
    ax.axhline(0, color="grey", linewidth=0.5)
    ax.set(ylabel="position (m)", xlabel="input variable", xlim=(-1, rows.shape[1]))
    return ax


def draw_padding(ax, data, stances):
    """Draw the vertical force of some stances (indices) one above the other, their padding hatched."""
    for row, stance in enumerate(stances):
        steps, real = np.arange(data.real.shape[1]), data.real[stance]
        ax.plot(steps[real], 4 * row + data.vertical[stance, real], ".-", color=plot.MEASURED)
        ax.fill_between(
            steps[~real].clip(real.sum() - 0.5),
            4 * row,
            4 * row + 3,
            hatch="///",
            facecolor="none",
            edgecolor=plot.ALARM,
            linewidth=0,
            label=None if row else "padding",
        )
    names = [f"{data.stances['runner'][stance]}, {data.real[stance].sum()} real" for stance in stances]
    ax.set_yticks(4 * np.arange(len(stances)) + 1.5, names)
    ax.set(xlabel="step (10 ms)", ylabel="vertical force (a row is 4 BW)")
    ax.legend(loc="upper right", frameon=False)
    return ax


def draw_folds(ax, folds, runners):
    """Draw in which fold each stance is estimated: a row a fold, a column a stance, sorted by runners (S,)."""
    order, names = np.argsort(runners, kind="stable"), np.unique(runners)
    held = np.stack([np.isin(order, validation) for _, validation in folds])
    ax.pcolormesh(held, cmap="Greys", vmin=0, vmax=1.2)
    ends = np.searchsorted(np.asarray(runners)[order], names, side="right")
    ax.vlines(ends[:-1], 0, len(folds), color=plot.ESTIMATED, linewidth=0.8)
    ax.set_xticks((np.concatenate([[0], ends[:-1]]) + ends) / 2, names, rotation=90, fontsize="small")
    ax.set_yticks(np.arange(len(folds)) + 0.5, np.arange(1, len(folds) + 1))
    ax.set(ylabel="fold", xlabel="runner (dark: estimated in this fold)")
    return ax


def draw_runners(ax, table):
    """Draw a table of errors (BW): a line for each runner (row) over the estimators (columns), and a bar as mean."""
    places = np.arange(table.shape[1])
    ax.plot(places, table.T, "o-", color="0.75", linewidth=0.6, markersize=4)
    ax.hlines(table.mean(), places - 0.25, places + 0.25, color=plot.ESTIMATED, linewidth=3)
    for place, mean in zip(places, table.mean(), strict=True):
        ax.annotate(f"{mean:.3f}", (place + 0.27, mean), va="center", color=plot.ESTIMATED, weight="bold")
    ax.set_xticks(places, table.columns)
    ax.set(ylabel="vertical RMSE (BW)", xlim=(-0.5, table.shape[1] - 0.3), ylim=(0, None))
    return ax


def draw_lengths(ax, windows, whitened):
    """Draw the SD of each direction of windows (N, C), longest first, and of what {shrinkage: (N, C)} makes of them.

    A grey line is 0.001: 1 mm of a range of 1 m.
    """
    variances = np.linalg.eigvalsh(np.cov(windows, rowvar=False))[::-1]
    ax.plot(np.sqrt(variances.clip(0)), color=plot.MEASURED, label="as scaled")
    for (shrinkage, rows), style, color in zip(
        whitened.items(), ("--", ":"), (plot.ESTIMATED, plot.ALARM), strict=False
    ):
        ax.plot(np.sort(rows.std(axis=0))[::-1], style, color=color, label=f"whitened, shrinkage {shrinkage:g}")
    ax.axhline(0.001, color="grey", linewidth=0.8)
    ax.set(yscale="log", xlabel="direction of a window, longest first", ylabel="SD (no unit)")
    ax.legend(frameon=False)
    return ax
