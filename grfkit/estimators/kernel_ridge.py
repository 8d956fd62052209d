"""Kernel ridge regression from the motion of a whole stance to its force curves, with runners left out exactly.

Stances with alike motion have alike forces: how alike is a weighted distance between them. One factorisation of all stances
gives the estimates of every runner as if that runner had not been there, and of every pair of runners, so that each left-out
runner's hyper-parameters can be chosen on the others alone. Arrays: S stances, Q nodes, C components.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import inv, solve
from tqdm import tqdm

INTERCEPT = 10.0  # a constant in the kernel: the mean curve is hardly shrunk
SCALES = {
    "positions": "positions_m",
    "velocities": "velocities_m_s",
    "accelerations": "accelerations_m_s2",
    "times": "times_s",
}


def draw(kernel, kinds, *, seed):
    """Draw candidates for the hyper-parameters between their limits, evenly in the logarithm; returns a list of {name: value}.

    `kernel` is a recipes.Kernel. They are drawn, not searched step by step, so that which are tried depends on no error.
    """
    rng, names = np.random.default_rng(seed), [*(SCALES[kind] for kind in kinds), "noise"]
    drawn = [
        {name: float(np.exp(rng.uniform(*np.log(getattr(kernel, name))))) for name in names}
        for _ in range(kernel.candidates)
    ]
    return [candidate | {"edges": float(rng.uniform(*kernel.edges))} for candidate in drawn]


def middle(kernel, kinds):
    """Give the candidate in the middle of the limits, for where nothing shall be chosen."""
    names = [*(SCALES[kind] for kind in kinds), "noise"]
    return {name: float(np.sqrt(np.prod(getattr(kernel, name)))) for name in names} | {
        "edges": float(np.mean(kernel.edges))
    }


class Alike:
    """How alike stances are, kind by kind: `gaussian`, by squared distances, or `linear`, by products; mean over points and nodes.

    `inputs` are {kind: (stance, padding)} as samples.curve_inputs gives; `others` are the same stances, or others as `laid_out` gives.
    """

    def __init__(self, inputs, others=None, *, shape):
        self.shape, self.parts = shape, list(_compared(inputs, laid_out(inputs) if others is None else others, shape))

    def kernel(self, candidate):
        """Give the kernel matrix (S, S') of one candidate, intercept included."""
        return _kernel(self.parts, candidate, self.shape)


def left_out(alike, targets, groups, candidate):
    """Estimate the targets (S, Q, C) of each group from all others, by one candidate; returns (S, Q, C).

    Exact, not a refit: with A the inverse of the ridged kernel matrix, the residuals of a group are A_gg^-1 (A Y)_g.
    """
    inverse, dual, flat = _solved(alike.kernel(candidate), targets, candidate["noise"])
    estimated = flat.copy()
    for group in _indices(groups):
        estimated[group] -= _residuals(inverse, dual, group)
    return estimated.reshape(targets.shape)


def left_out_twice(alike, targets, groups, candidate, scored):
    """As left_out, and for each pair of groups the root mean square error of one where the other was not there either.

    Returns estimates (S, Q, C) and errors (G, G, C): errors[h, g] is that of group g (of its stances marked in `scored` (S,))
    without group h; NaN where h is g. `groups` in sorted order.
    """
    inverse, dual, flat = _solved(alike.kernel(candidate), targets, candidate["noise"])
    members, estimated = _indices(groups), flat.copy()
    errors = np.full((len(members), len(members), targets.shape[2]), np.nan)
    for h, mine in enumerate(members):
        estimated[mine] -= _residuals(inverse, dual, mine)
        for g, theirs in enumerate(members[:h]):
            both = _residuals(inverse, dual, np.concatenate([mine, theirs])).reshape(-1, *targets.shape[1:])
            errors[g, h], errors[h, g] = (
                np.sqrt(np.mean(part[scored[index]] ** 2, axis=(0, 1)))
                for part, index in ((both[: len(mine)], mine), (both[len(mine) :], theirs))
            )
    return estimated.reshape(targets.shape), errors


def from_some(matrix, targets, candidate, training, tested):
    """Estimate the curves of some stances (indices) from those of others; `matrix` is the kernel of all by this candidate."""
    ridged = matrix[np.ix_(training, training)]
    ridged[np.diag_indices_from(ridged)] += candidate["noise"]
    dual = solve(
        ridged, targets[training].reshape(len(training), -1), assume_a="pos", check_finite=False, overwrite_a=True
    )
    return (matrix[np.ix_(tested, training)] @ dual).reshape(len(tested), *targets.shape[1:])


def nested(alike, targets, groups, candidates, scored, *, averaged, progress=False):
    """Estimate each group from all others, its candidates chosen for each component on the others alone; returns (S, Q, C).

    The `averaged` candidates with the least error over the other groups, each left out in turn, are averaged.
    """
    tried = [
        left_out_twice(alike, targets, groups, candidate, scored)
        for candidate in tqdm(candidates, desc="leaving out", unit="candidate", disable=not progress)
    ]
    estimates, errors = (
        np.stack([one for one, _ in tried]),
        np.stack([np.sqrt(np.nanmean(pairs**2, axis=1)) for _, pairs in tried]),
    )
    chosen = choose(errors, averaged=averaged)  # (averaged, G, C)
    mean = np.empty_like(targets, dtype=float)
    for g, mine in enumerate(_indices(groups)):
        for c in range(targets.shape[2]):
            mean[mine, :, c] = estimates[chosen[:, g, c], ..., c][:, mine].mean(axis=0)
    return mean


class Regression:
    """Kernel ridge regression by one candidate, which can leave out a group of its training stances when it estimates.

    `inputs` as samples.curve_inputs gives, `targets` (S, Q, C), `groups` (S,) names. What is left out is exact, not a refit: the weights of
    all others follow from the one inverse. It holds the training stances in half precision, .5 mm at 1 m: half the size, and they are those
    that it is fitted to. It computes in double: in single precision estimates of the same stance differ by 1e-4 BW, as the machine adds up.
    """

    def __init__(self, inputs, targets, groups, candidate, *, shape):
        self._hold(
            {kind: tuple(part.astype(np.float16) for part in pair) for kind, pair in inputs.items()},
            candidate,
            shape,
            targets.shape[1:],
        )
        self.groups = groups
        self.inverse, self.dual, _ = _solved(self.kernel(self.inputs), targets, candidate["noise"])

    def _hold(self, inputs, candidate, shape, curve):
        self.inputs, self.known, self.candidate, self.shape, self.curve = (
            inputs,
            laid_out(inputs, dtype=np.float64),
            candidate,
            shape,
            tuple(curve),
        )

    def kernel(self, inputs):
        """Give the kernel matrix (S', S) between other stances' inputs and the training stances."""
        return _kernel(
            _compared(inputs, self.known, self.shape), self.candidate, self.shape
        )  # one part after another: a matrix is large

    def estimate(self, inputs, group=None):
        """Estimate curves (S', Q, C) from other stances' inputs, by all training stances but those of `group`; None: by all."""
        return self.weigh(self.kernel(inputs), group)

    def weigh(self, kernel, group=None):
        """Estimate as `estimate`, from a kernel matrix (S', S) that is known."""
        dual = self.dual if group is None else self._without(np.flatnonzero(self.groups == group))
        return (kernel @ dual).reshape(-1, *self.curve)

    def nearest(self, kernel, group=None):
        """Give the squared distance (S',) from each stance to the training stance most alike, of all but those of `group`; Gaussian shape."""
        known = np.ones(kernel.shape[1], bool) if group is None else self.groups != group
        return -2 * np.log(np.maximum(kernel[:, known].max(axis=1) - INTERCEPT, np.finfo(float).tiny))

    def describe(self):
        """Give what it estimates with: arrays {name: array}, and a description that JSON can hold; without what leaves a group out."""
        arrays = {
            f"{kind}/{part}": array
            for kind, pair in self.inputs.items()
            for part, array in zip(("stance", "padding"), pair, strict=True)
        }
        return arrays | {"dual": self.dual}, {
            "candidate": self.candidate,
            "shape": self.shape,
            "curve": list(self.curve),
            "kinds": list(self.inputs),
        }

    @classmethod
    def restore(cls, arrays, description):
        """Invert describe: it estimates to the bit the same, but leaves nobody out."""
        regression = cls.__new__(cls)
        inputs = {kind: (arrays[f"{kind}/stance"], arrays[f"{kind}/padding"]) for kind in description["kinds"]}
        regression._hold(inputs, description["candidate"], description["shape"], description["curve"])
        regression.groups, regression.inverse, regression.dual = np.full(len(arrays["dual"]), ""), None, arrays["dual"]
        return regression

    def _without(self, group):
        """Give the weights where the stances with these indices are not trained on; theirs come out as zero."""
        dual = self.dual - self.inverse[:, group] @ _residuals(self.inverse, self.dual, group)
        dual[group] = 0  # but for rounding
        return dual


def choose(errors, *, averaged):
    """Choose for each component the candidates (averaged, C) with the least mean error; `errors` (candidates, ..., C)."""
    return np.argsort(errors, axis=0, kind="stable")[:averaged]


def fit(alike, targets, candidates, chosen):
    """Solve for what each chosen candidate weighs each training stance with; returns {candidate: dual (S, Q, C)}."""
    each = {number: candidates[number] for number in np.unique(chosen).tolist()}
    return {
        number: _solved(alike.kernel(one), targets, one["noise"])[1].reshape(targets.shape)
        for number, one in each.items()
    }


def predict(alike, duals, candidates, chosen):
    """Estimate curves (S', Q, C) from how alike new stances (rows) are to the training stances (columns), averaged."""
    estimates = {number: np.tensordot(alike.kernel(candidates[number]), dual, axes=1) for number, dual in duals.items()}
    return np.stack(
        [
            np.mean([estimates[number][..., c] for number in chosen[:, c].tolist()], axis=0)
            for c in range(chosen.shape[1])
        ],
        axis=-1,
    )


def inverted(matrix, noise):
    """Invert a kernel matrix (S, S) with its ridge; the matrix is overwritten."""
    matrix += (
        matrix.T
    )  # single precision leaves it not quite symmetric, and a left-out group's own targets would not quite cancel
    matrix /= 2
    matrix[np.diag_indices_from(matrix)] += noise
    return inv(matrix, overwrite_a=True, check_finite=False)


def _solved(matrix, targets, noise):
    """Invert the kernel matrix with its ridge; returns the inverse (S, S), inverse @ targets (S, Q * C), and the flat targets."""
    inverse = inverted(matrix, noise)
    flat = targets.reshape(len(targets), -1).astype(float)
    return inverse, inverse @ flat, flat


def _residuals(inverse, dual, group):
    return solve(inverse[np.ix_(group, group)], dual[group], assume_a="pos", check_finite=False)


def _indices(groups):
    return [np.flatnonzero(groups == group) for group in np.unique(groups)]


class Flat(NamedTuple):
    """Rows (S, n) from their centre (n,), which keeps numbers small, and their squared lengths (S,)."""

    rows: np.ndarray
    centre: np.ndarray
    squared: np.ndarray


def laid_out(inputs, *, dtype=np.float32):
    """Lay stances out for comparing others with them, once, in this precision at least: {kind: (stance, padding)}, each Flat."""
    flat = {kind: [_rows(part, dtype) for part in pair] for kind, pair in inputs.items()}
    centred = {kind: [(part - part.mean(axis=0), part.mean(axis=0)) for part in pair] for kind, pair in flat.items()}
    return {
        kind: [Flat(rows, centre, (rows**2).sum(axis=1)) for rows, centre in pair] for kind, pair in centred.items()
    }


def _rows(part, dtype=np.float32):
    """Lay an array (S, ...) out as rows, in this precision at least."""
    return part.reshape(len(part), -1).astype(np.promote_types(part.dtype, dtype), copy=False)


def _compared(inputs, others, shape):
    """Compare stances kind by kind and part by part: (kind, whether it is the padding, matrix (S, S')) one after another."""
    measure = {"gaussian": _distances, "linear": _products}[shape]
    for kind in inputs:
        for padding, (mine, theirs) in enumerate(zip(inputs[kind], others[kind], strict=True)):
            if mine.shape[1]:
                yield kind, bool(padding), measure(mine, theirs)


def _kernel(compared, candidate, shape):
    """Give the kernel matrix (S, S') of what _compared gives, by one candidate."""
    total = 0.0
    for kind, padding, matrix in compared:
        weight = candidate[SCALES[kind]] ** -2 * (
            candidate["edges"] if padding else 1
        )  # in the precision of the arrays
        total = total + weight * matrix
    total = total.astype(float, copy=False)
    return (np.exp(-total / 2) if shape == "gaussian" else total) + INTERCEPT


def _distances(mine, theirs):
    """Mean squared differences (S, S') between the rows of an array (S, ...) and those of a Flat."""
    mine = _rows(mine) - theirs.centre
    squared = (mine**2).sum(axis=1)[:, None] + theirs.squared - 2 * mine @ theirs.rows.T
    return np.maximum(squared, 0, out=squared) / np.float32(mine.shape[1])


def _products(mine, theirs):
    """Mean products (S, S') of the rows of an array and those of a Flat, from the latter's centre."""
    return (_rows(mine) - theirs.centre) @ theirs.rows.T / np.float32(theirs.rows.shape[1])
