"""Statistical parametric mapping: in which intervals of stance do two sets of curves differ (paper section 1.5).

In: predictions, or paired curves over stance. Out: a Test for each direction, and the tables of notebook 07.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from grfkit.metrics import not_estimated
from grfkit.points import DIRECTIONS, ESTIMATES, FORCES
from grfkit.transform import time_normalise


@dataclass(frozen=True)
class Test:
    """SPM{t} of one direction: t (Q,), its critical threshold, and clusters above it as (start, end, p), % of stance.

    If the direction was not estimated, t and threshold are NaN.
    """

    t: np.ndarray
    threshold: float
    clusters: list


def curves(predictions, *, nodes):
    """Bring each stance to equally spaced nodes; returns measured and estimated curves, each (S, Q, 3) BW.

    `predictions` holds frames of one estimator, of stance alone (metrics.in_stance).
    """
    return _normalised(predictions, FORCES, nodes), _normalised(predictions, ESTIMATES, nodes)


def measured_curves(frames, *, nodes):
    """Bring the measured forces of each stance to equally spaced nodes, (S, Q, 3) BW; `frames` are of stance alone."""
    return _normalised(frames, FORCES, nodes)


def _normalised(frames, columns, nodes):
    return np.stack(
        [time_normalise(rows[columns].to_numpy(float), nodes) for _, rows in frames.groupby("stance", sort=False)]
    )


def paired(estimated, measured, *, alpha):
    """Test paired curves (S, Q) BW, two-tailed, against the threshold of random field theory (Pataky 2010).

    Returns a Test, which holds NaN if all estimates are NaN. Raises ValueError for fewer than three pairs, for NaN in
    some estimates or in the measured curves, and for a node at which the difference has no variance.
    """
    if len(measured) < 3:
        raise ValueError(f"A paired SPM needs at least three stances; found {len(measured)}. Test more runners.")
    if not_estimated(measured.reshape(-1, 1), estimated.reshape(-1, 1)):
        return Test(np.full(measured.shape[1], np.nan), np.nan, [])
    flat = np.flatnonzero(np.ptp(estimated - measured, axis=0) == 0)
    if len(flat):
        raise ValueError(
            f"SPM needs variance at every node; the difference has none at nodes {flat[:5]}. "
            "Give curves over stance alone, without padding."
        )
    import spm1d  # loading takes a second, and only the test needs it

    # a paired test is a test of the differences; spm1d.stats.ttest_paired would also need variance in each set
    inference = spm1d.stats.ttest(estimated - measured).inference(alpha, two_tailed=True)
    percent = 100 / (measured.shape[1] - 1)
    clusters = [
        (start * percent, end * percent, cluster.P)
        for cluster in inference.clusters
        for start, end in [cluster.endpoints]
    ]
    return Test(np.asarray(inference.z), float(inference.zstar), clusters)


def tables(tests):
    """Lay out tests {direction: Test} as two tables: the nodes (spm.csv) and the clusters (clusters.csv)."""
    nodes = pd.concat(
        [
            pd.DataFrame(
                {"direction": direction, "node": np.arange(len(test.t)), "t": test.t, "threshold": test.threshold}
            )
            for direction, test in tests.items()
        ]
    )
    clusters = [(direction, *cluster) for direction, test in tests.items() for cluster in test.clusters]
    return nodes, pd.DataFrame(clusters, columns=["direction", "start", "end", "p"])


def by_direction(estimated, measured, *, alpha):
    """Test each direction of paired curves (S, Q, 3) BW; returns {direction: Test}."""
    return {
        direction: paired(estimated[..., i], measured[..., i], alpha=alpha) for i, direction in enumerate(DIRECTIONS)
    }
