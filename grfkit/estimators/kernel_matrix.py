"""How similar stances are: a kernel matrix from their weighted distances, or from their weighted products.

In: the inputs of whole stances as samples.curve_inputs gives them, and a candidate for the hyper-parameters {name:
value}. Out: kernel matrices. Arrays: S stances in the columns, S' stances in the rows.
"""

from typing import NamedTuple

import numpy as np

from grfkit.estimators.samples import curve_inputs

INTERCEPT = 10.0  # a constant in the kernel: the mean curve is hardly shrunk
SCALES = {
    "positions": "positions_m",
    "velocities": "velocities_m_s",
    "accelerations": "accelerations_m_s2",
    "times": "times_s",
}


class KernelMatrix:
    """Compare stances kind by kind, so that many candidates can weigh the comparison.

    The shape `gaussian` takes squared distances and `linear` takes products, each as a mean over points and nodes.
    `inputs` are {kind: (stance, padding)}; `others` are the same stances, or other ones as `lay_out` gives them.
    """

    def __init__(self, inputs, others=None, *, shape):
        self.shape, self.parts = shape, list(compare(inputs, lay_out(inputs) if others is None else others, shape))

    @classmethod
    def of_samples(cls, samples, recipe):
        """Compare all stances of Samples with each other, by the inputs and the kernel of a recipes.Recipe."""
        return cls(curve_inputs(samples, recipe.inputs), shape=recipe.kernel.shape)

    def weighed(self, candidate):
        """Give the kernel matrix (S', S) of one candidate, intercept included."""
        return weigh(self.parts, candidate, self.shape)


class Rows(NamedTuple):
    """Stances as rows (S, n) from their mean (n,), which keeps the numbers small, and their squared lengths (S,)."""

    rows: np.ndarray
    mean: np.ndarray
    squared: np.ndarray


def lay_out(inputs):
    """Lay stances out once, so that others can be compared with them: {kind: (stance, padding)}, each as Rows.

    Stances in half precision are compared in double, all others in single precision at least.
    """
    return {kind: [_laid_out(part) for part in pair] for kind, pair in inputs.items()}


def compare(inputs, others, shape):
    """Compare stances with laid out ones: (kind, whether it is the padding, matrix (S', S)), one after another.

    `others` are as `lay_out` gives them. One matrix at a time: a matrix of some thousand stances is large.
    """
    measure = {"gaussian": _distances, "linear": _products}[shape]
    for kind in inputs:
        for padding, (mine, theirs) in enumerate(zip(inputs[kind], others[kind], strict=True)):
            if mine.shape[1]:
                yield kind, bool(padding), measure(mine, theirs)


def weigh(compared, candidate, shape):
    """Give the kernel matrix (S', S) of one candidate from what `compare` gives, intercept included."""
    total = 0.0
    for kind, padding, matrix in compared:
        weight = candidate[SCALES[kind]] ** -2 * (candidate["edges"] if padding else 1)
        total = total + weight * matrix  # in the precision of the arrays
    total = total.astype(float, copy=False)
    return (np.exp(-total / 2) if shape == "gaussian" else total) + INTERCEPT


def _laid_out(part):
    rows = _flat(part, np.float64 if part.dtype == np.float16 else np.float32)
    centred = rows - rows.mean(axis=0)
    return Rows(centred, rows.mean(axis=0), (centred**2).sum(axis=1))


def _flat(part, dtype=np.float32):
    """Flatten an array (S, ...) to rows, in this precision at least."""
    return part.reshape(len(part), -1).astype(np.promote_types(part.dtype, dtype), copy=False)


def _distances(mine, theirs):
    """Give the mean squared differences (S', S) between an array (S', ...) and Rows."""
    mine = _flat(mine) - theirs.mean
    squared = (mine**2).sum(axis=1)[:, None] + theirs.squared - 2 * mine @ theirs.rows.T
    return np.maximum(squared, 0, out=squared) / np.float32(mine.shape[1])


def _products(mine, theirs):
    """Give the mean products (S', S) of an array (S', ...) and Rows, both from the mean of the latter."""
    return (_flat(mine) - theirs.mean) @ theirs.rows.T / np.float32(theirs.rows.shape[1])
