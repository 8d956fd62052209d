"""Session 3 of the course: the check of its last exercise, whitening.

In: a student's function. Out: a sentence where the function is right, NotRight with a hint where it is not.
"""

import numpy as np
from scipy.linalg import fractional_matrix_power

from grfkit.course.checking import call, check, close, compare, numbers


def check_whiten(whiten):
    """Check whiten(training, other, shrinkage) against the inverse root of the covariance, a turned whitening.

    Which sign and place a component has is free, so that products of rows are compared: they do not turn.
    """
    rng = np.random.default_rng(36)
    for columns, count, shrinkage in ((3, 12, 0.1), (6, 8, 1e-3), (20, 4, 1.0)):
        mixing = rng.normal(size=(columns, columns)) * np.geomspace(0.05, 2, columns)
        training, other = (rng.normal(size=(rows, columns)) @ mixing + 1 for rows in (50, count))
        given = training.copy(), other.copy()
        answer = call(whiten, *given, shrinkage)
        answer = numbers(answer, "The whitened rows of `other`, one array,", other.shape)
        check(
            np.array_equal(given[0], training) and np.array_equal(given[1], other),
            "whiten changes the arrays that it was given. Work on a copy: no `-=` or `/=` on an argument.",
        )
        right, *same = (_products(training, other, shrinkage, ddof=ddof) for ddof in (1, 0))
        yours = answer @ answer.T
        if not any(close(yours, each) for each in same):
            compare(
                yours,
                right,
                _whiten_mistakes(training, other, shrinkage),
                "The rows are not whitened. Try your function on `training` itself with a tiny shrinkage. What is "
                "the covariance of the result, and what should it be?",
            )
    print(
        "Right: directions of the training rows are uncorrelated, the long ones are of about equal length, and "
        "the shortest stay short."
    )


def _products(fitted, other, shrinkage, *, ddof=1, power=-0.5, mean=None):
    """Give the products (N, N) of the rows of `other` when they are whitened by the rows `fitted`."""
    covariance = np.cov(fitted, rowvar=False, ddof=ddof)
    largest = np.linalg.norm(covariance, 2)
    inverse = fractional_matrix_power(covariance + shrinkage * largest * np.eye(len(covariance)), power)
    white = (other - (fitted.mean(axis=0) if mean is None else mean)) @ inverse
    return white @ white.T


def _whiten_mistakes(training, other, shrinkage):
    """Give {hint: the products of rows that a student who makes this mistake finds}."""
    largest = np.linalg.norm(np.cov(training, rowvar=False), 2)
    values, vectors = np.linalg.eigh(np.cov(training, rowvar=False))
    centred, floor = other - training.mean(axis=0), values + shrinkage * largest

    def by(matrix):
        white = centred @ matrix
        return white @ white.T

    return {
        "Mean and covariance come from `other`: which rows do you know when you fit the layer?": _products(
            other, other, shrinkage
        ),
        "Mean and covariance come from `training` and `other` together. That is leakage.": _products(
            np.concatenate([training, other]), other, shrinkage
        ),
        "The mean of the training rows is not subtracted.": _products(training, other, shrinkage, mean=0),
        "You subtract the mean of `other`. Which rows do you know when you fit the layer?": _products(
            training, other, shrinkage, mean=other.mean(axis=0)
        ),
        "You divide by the variances. Is a variance a length?": _products(training, other, shrinkage, power=-1),
        "The shrinkage has no effect.": by(vectors / np.sqrt(values)),
        "You add the shrinkage unchanged, but it is a share: of what is it a share?": by(
            vectors / np.sqrt(values + shrinkage)
        ),
        "You add the shrinkage after the root.": [
            by(vectors / (np.sqrt(values) + shrinkage * share)) for share in (1, largest, np.sqrt(largest))
        ],
        "Rows and columns of the eigenvectors are exchanged.": [
            by(vectors.T / np.sqrt(floor)),
            by((vectors / np.sqrt(floor)).T),
        ],
        "The rows are turned, but not scaled.": by(vectors),
        "You divide each variable by its own SD, so they stay correlated.": by(
            np.diag(1 / np.sqrt(np.diag(np.cov(training, rowvar=False))))
        ),
    }
