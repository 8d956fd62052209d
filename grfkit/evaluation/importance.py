"""Importance of points, kinds of motion and moments of stance: how much the error rises where they are replaced.

In: frames and stances as 01_preprocess saves them, and a recipe. Out: tables of errors and of their rise. Each runner
is estimated from all others, by the middle candidate, so that nothing is chosen. Replacing changes only that runner's
inputs, never the fit. The rise says how the model works: points that move together carry the same information.
Arrays: S stances of all speeds, O of them at the study's own, F input columns, Q nodes, C components.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from tqdm import tqdm

from grfkit import metrics
from grfkit.estimators import kernel_ridge, samples
from grfkit.estimators.kernel_matrix import INTERCEPT, SCALES, KernelMatrix
from grfkit.evaluation import left_out_runners
from grfkit.points import COMPONENTS, DIRECTIONS, POINTS

LEGS = {"l": "swing", "r": "stance"}  # after mirroring the right leg is the stance leg
NAMES = {point: f"{LEGS[point[0]]}_{point[2:]}" if point[1] == "_" else point for point in POINTS}
ORDER = [NAMES[point] for point in (POINTS[0], *POINTS[6:], *POINTS[1:6])]  # the stance leg first
ALL_KINDS, WHOLE_STANCE = "everything", "all"  # as the tables name them


@dataclass(frozen=True)
class LeftOutFit:
    """Every runner estimated from all others: `stances` (O rows) and their places `ours` (O,) among all S.

    `columns` has F rows: kind, point, percent of stance. Squared distances between the rows of `features` (S, F) are
    the kernel's; `total` (O, S) holds them. `duals` {runner: (S, Q, C)}; `measured` and `estimated` are (O, Q, C) BW.
    """

    stances: pd.DataFrame
    columns: pd.DataFrame
    features: np.ndarray
    total: np.ndarray
    ours: np.ndarray
    duals: dict
    shape: str
    measured: np.ndarray
    estimated: np.ndarray


def leave_out(frames, stances, recipe):
    """Estimate each runner's stances at the study's speed from all other runners, by the middle candidate of a Recipe.

    The estimates are not balanced, because balance over a recording would partly undo a replacement: our choice.
    Returns a LeftOutFit, and the mean pose (11, 3) m of mid-stance. Raises ValueError for a recipe without a kernel, or
    that does not mirror left legs.
    """
    if recipe.estimator != "kernel_ridge" or not recipe.mirror:
        raise ValueError(
            "Importance needs a recipe with `estimator: kernel_ridge` and `mirror: true`, so that the stance leg is "
            f"the right one; {recipe.name} has {recipe.estimator} and mirror: {str(recipe.mirror).lower()}. "
            "Change `examined` in the study file."
        )
    runners = left_out_runners.prepare(frames, stances, recipe)
    ours = np.flatnonzero(runners.at_study_speed)
    inputs, targets = samples.curve_inputs(runners, recipe.inputs), samples.curve_targets(runners)
    candidate = kernel_ridge.middle_candidate(recipe.kernel, recipe.inputs)
    fitted = fit(inputs, targets, runners.stances, ours, candidate, shape=recipe.kernel.shape)
    core, _ = samples.curve_inputs(samples.take(runners, ours), ["positions"])["positions"]
    return fitted, core[:, core.shape[1] // 2].mean(axis=0)


def fit(inputs, targets, stances, ours, candidate, *, shape):
    """Solve for each runner left out, and estimate the stances `ours` (O,); returns a LeftOutFit.

    `inputs` as samples.curve_inputs gives, targets (S, Q, C) BW; `stances` (S rows) needs the columns stance and
    runner. Raises InputError for one runner only.
    """
    runners = stances["runner"].to_numpy()
    left_out_runners.check_two(runners)
    kernel_matrix = KernelMatrix(inputs, shape=shape).weighed(candidate)
    duals = duals_left_out(kernel_matrix, targets, runners, noise=candidate["noise"])
    features, columns = lay_out(inputs, candidate)
    total = _distances(features[ours], features, shape)
    mine = stances.iloc[ours].reset_index(drop=True)
    fitted = LeftOutFit(mine, columns, features, total, ours, duals, shape, targets[ours], None)
    return LeftOutFit(**vars(fitted) | {"estimated": _estimate(fitted, total, total, np.arange(len(ours)))})


def duals_left_out(kernel_matrix, targets, runners, *, noise):
    """Solve for the weight of all other stances in each runner's estimate: {runner: (S, Q, C)}, 0 for the runner's own.

    Exact, by one factorisation of the kernel matrix (S, S), which is overwritten.
    """
    inverse, dual, _ = kernel_ridge.solve_ridged(kernel_matrix, targets, noise)
    return {
        runner: kernel_ridge.dual_without(inverse, dual, np.flatnonzero(runners == runner)).reshape(targets.shape)
        for runner in np.unique(runners)
    }


def lay_out(inputs, candidate):
    """Lay all inputs side by side, scaled so that plain squared distances (or products) are the weighted ones.

    Returns features (S, F), from their mean, and a table of F rows: kind, point (none of times), percent of stance (NaN
    beyond it).
    """
    blocks, tables = [], []
    for kind, parts in inputs.items():
        for part, weight in zip(parts, (1.0, candidate["edges"]), strict=True):
            flat, of_points = part.reshape(len(part), -1), part.ndim == 4
            scale = np.sqrt(weight / max(flat.shape[1], 1)) / candidate[SCALES[kind]]
            blocks.append(flat * np.float32(scale))
            percent = np.full(part.shape[1], np.nan)
            if part is parts[0] and of_points:
                percent = np.linspace(0, 100, part.shape[1])
            point = np.tile(np.repeat(list(NAMES.values()), len(COMPONENTS)), len(percent)) if of_points else None
            percent = np.repeat(percent, flat.shape[1] // max(len(percent), 1))
            tables.append(pd.DataFrame({"kind": kind, "point": point, "percent": percent}))
    features = np.concatenate(blocks, axis=1)
    return features - features.mean(axis=0), pd.concat(tables, ignore_index=True)


def draw_donors(fitted, *, repeats, seed):
    """Draw a stance of another runner for each stance, `repeats` times.

    Returns places (repeats, O) among the stances at the study's speed.
    """
    runners, rng = fitted.stances["runner"].to_numpy(), np.random.default_rng(seed)
    donors = np.empty((repeats, len(runners)), int)
    for runner in np.unique(runners):
        mine = runners == runner
        donors[:, mine] = rng.choice(np.flatnonzero(~mine), (repeats, mine.sum()))
    return donors


def by_point(fitted, donors):
    """Replace the whole motion of one point by that of the donors.

    Returns a row for each point and direction: RMSE and its rise (BW), with limits over runners.
    """
    point = fitted.columns["point"].to_numpy()
    errors = {name: _permuted_rmse(fitted, point == name, donors) for name in tqdm(ORDER, desc="points", unit="point")}
    return _rises(fitted, errors, "point")


def by_kind(fitted, donors):
    """Replace one kind of input of all points by that of the donors.

    Returns a table as by_point; in its last rows all kinds are replaced together.
    """
    kind = fitted.columns["kind"].to_numpy()
    errors = {
        name: _permuted_rmse(fitted, kind == name, donors)
        for name in tqdm(fitted.columns["kind"].unique(), desc="kinds", unit="kind")
    }
    errors[ALL_KINDS] = _permuted_rmse(fitted, np.full(len(kind), True), donors)
    return _rises(fitted, errors, "kind")


def by_moment(fitted, *, window_pct):
    """Replace all points' motion within a window of stance by the mean of the other runners.

    The mean is over their stances at the study's speed. Returns a table as by_point by window, direction and the `part`
    of stance over which the error is: all of it, or one window's.
    """
    names = [f"{start}-{start + window_pct}" for start in range(0, 100, window_pct)]
    of_column = _window_of(fitted.columns["percent"].to_numpy(), window_pct)
    of_node = _window_of(np.linspace(0, 100, fitted.measured.shape[1]), window_pct)
    estimated = {
        name: _occluded(fitted, of_column == number)
        for number, name in enumerate(tqdm(names, desc="moments", unit="window"))
    }
    parts = {WHOLE_STANCE: np.full(len(of_node), True)}
    parts |= {name: of_node == number for number, name in enumerate(names)}
    tables = []
    for part, nodes in parts.items():
        errors = {name: _rmse(fitted, curves, nodes) for name, curves in estimated.items()}
        table = _rises(fitted, errors, "window", nodes)
        table.insert(0, "part", part)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _window_of(percent, window_pct):
    """Give the number of each per cent's window; the end of stance is in the last one, NaN in none (-1)."""
    return np.where(np.isnan(percent), -1, np.minimum(np.round(percent, 6) // window_pct, 100 // window_pct - 1))


def _distances(mine, theirs, shape):
    """Give squared distances (S, S') between rows, or products for the linear shape: sums over columns."""
    products = mine @ theirs.T
    return products if shape == "linear" else (mine**2).sum(axis=1)[:, None] + (theirs**2).sum(axis=1) - 2 * products


def _estimate(fitted, old, new, places):
    """Estimate all stances (O, Q, C) with rows `places` (O,) of `new` for the part `old` (O, S) of their distances."""
    estimated = np.empty(fitted.measured.shape)
    for runner, dual in fitted.duals.items():
        mine = np.flatnonzero(fitted.stances["runner"] == runner)
        total = fitted.total[mine] + (new[places[mine]] - old[mine])  # exactly as before where nothing is replaced
        kernel_matrix = (np.exp(-total / 2) if fitted.shape == "gaussian" else total).astype(float)
        kernel_matrix += INTERCEPT
        estimated[mine] = (kernel_matrix @ dual.reshape(len(dual), -1)).reshape(len(mine), *dual.shape[1:])
    return estimated


def _permuted_rmse(fitted, columns, donors):
    """Give the RMSE (O, C) BW with these columns (F,) of the donors (repeats, O), mean over repeats."""
    part = _distances(fitted.features[np.ix_(fitted.ours, columns)], fitted.features[:, columns], fitted.shape)
    return np.mean([_rmse(fitted, _estimate(fitted, part, part, places)) for places in donors], axis=0)


def _occluded(fitted, columns):
    """Estimate all stances (O, Q, C) with these columns (F,) at their mean over the other runners' stances."""
    own, theirs = fitted.features[np.ix_(fitted.ours, columns)], fitted.features[:, columns]
    names, places = np.unique(fitted.stances["runner"], return_inverse=True)
    means = np.stack([own[places != number].mean(axis=0) for number in range(len(names))])
    return _estimate(fitted, _distances(own, theirs, fitted.shape), _distances(means, theirs, fitted.shape), places)


def _rmse(fitted, estimated, nodes=slice(None)):
    return metrics.rmse(fitted.measured[:, nodes], estimated[:, nodes])


def _rises(fitted, errors, key, nodes=slice(None)):
    """Average errors {name: (O, C)} BW and their rise over stances; `key` names their column."""
    before = _rmse(fitted, fitted.estimated, nodes)
    stance, direction = (
        np.repeat(fitted.stances["stance"].to_numpy(), len(DIRECTIONS)),
        np.tile(DIRECTIONS, len(before)),
    )
    tables = [
        pd.DataFrame(
            {
                "stance": stance,
                "direction": direction,
                key: name,
                "rmse_bw": error.ravel(),
                "rise_bw": (error - before).ravel(),
            }
        )
        for name, error in errors.items()
    ]
    return left_out_runners.means_with_limits(
        pd.concat(tables), fitted.stances, by=[key, "direction"], values=["rmse_bw", "rise_bw"]
    )
