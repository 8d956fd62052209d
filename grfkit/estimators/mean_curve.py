"""The baseline, which uses no points: the mean force curve of the training stances, stretched over other stances.

In: Samples. Out: forces in body weights.
"""

from dataclasses import dataclass

import numpy as np

from grfkit import transform
from grfkit.estimators.registry import Estimator
from grfkit.estimators.samples import rows_of_stances, spread, unmirror
from grfkit.points import MIRROR


@dataclass(frozen=True)
class MeanCurve(Estimator):
    """The mean curve (Q, 3) BW of each side's stances over normalised stance, {side: curve}."""

    curves: dict

    @classmethod
    def fit(cls, training, recipe=None, best=None, *, nodes=200, **_):
        """Average the training stances at the study's speed, each side alone.

        Our choice: averaged over both sides, left and right would cancel in the medial-lateral direction. A side
        without a training stance gets the mirrored curve of the other one.
        """
        forces, sides = unmirror(training, training.forces), training.stances["side"].to_numpy()
        curves = {
            stance: transform.time_normalise(forces[rows][training.inside[rows]], nodes)
            for stance, rows in enumerate(rows_of_stances(training))
            if training.at_study_speed[stance]
        }
        own = {
            side: np.mean([curve for stance, curve in curves.items() if sides[stance] == side], axis=0)
            for side in np.unique(sides[list(curves)])
        }
        mirrored = {{"l": "r", "r": "l"}[side]: curve * MIRROR for side, curve in own.items()}
        return cls(own | {side: curve for side, curve in mirrored.items() if side not in own})

    def predict(self, samples):
        """Stretch the mean curve of each stance's side over its stance, 0 in the padding; returns (N, 3) BW."""
        return spread(samples, [self.curves[side] for side in samples.stances["side"]])

    def describe(self):
        """Give the curves, and an empty description."""
        return dict(self.curves), {}

    @classmethod
    def restore(cls, arrays, description, recipe):
        """Invert describe."""
        return cls(dict(arrays))
