"""Touchdown and toe-off from the motion of the 11 points: a published rule, and a detector that is trained on force plates.

The detector looks twice: at the whole step about mid-stance, then closely at the moments it found. Steps are grfkit.field.motion' tables.
"""

from typing import NamedTuple

import numpy as np

from grfkit.estimators.kernel_ridge import KernelRidge
from grfkit.field import motion
from grfkit.points import POINTS

WIDE, WIDE_NODES = 0.24, 49  # s about mid-stance, a stance and some flight, and nodes 10 ms apart: our choice
CLOSE, CLOSE_NODES = 0.06, 17  # s about the moment found at first, ten times its error: our choice
SHAKE_S = 0.006  # how far off the truth the close look is trained, SD: the error of the wide one, about; our choice
EVENTS = ["touchdown_s", "toeoff_s"]
EVENT_NAMES = {"touchdown": "touchdown", "toeoff": "toe-off", "contact": "contact time"}
RULE_STEP_S = 0.001


def rule(motions, found):
    """Detect (S, 2) s by the rule of Fellin et al. 2010: touchdown where the heel is lowest, toe-off where the knee is most extended.

    J Sci Med Sport 13:646. The heel is looked at from 200 ms before mid-stance to 60 ms after, the knee from 20 to 250 ms after: our choice.
    """
    events = np.empty((len(found), 2))
    for row, step in enumerate(found.itertuples()):
        moved, first = motions[step.file], POINTS.index(f"{step.side}_hip")
        spline = moved.spline
        before, after = (
            np.clip(step.mid_s + np.arange(*span, RULE_STEP_S), moved.first_s, moved.last_s)
            for span in ((-0.2, 0.06), (0.02, 0.25))
        )
        hip, knee, ankle = np.moveaxis(spline(after)[:, first : first + 3], 1, 0)
        thigh, shank = hip - knee, ankle - knee
        bent = np.einsum("ij,ij->i", thigh, shank) / np.linalg.norm(thigh, axis=1) / np.linalg.norm(shank, axis=1)
        events[row] = before[np.argmin(spline(before)[:, first + 3, 2])], after[np.argmin(bent)]
    return events


class Detector(NamedTuple):
    """Three regressions: both events from the whole step, touchdown and toe-off each from close by."""

    wide: KernelRidge
    touchdown: KernelRidge
    toeoff: KernelRidge


def fit(motions, known, candidate, *, seed):
    """Train a Detector on steps whose touchdown_s, toeoff_s and mid_s are known; their `runner` may be left out later.

    `candidate` are the kernel's scales and noise; there is no padding to weigh. The close look is trained off the truth by random times, so that it needs no first
    look at its own training steps.
    """
    candidate = candidate | {"edges": 0.0}
    truth, mid, runners = known[EVENTS].to_numpy(), known["mid_s"].to_numpy(), known["runner"].to_numpy()
    shaken = truth + np.random.default_rng(seed).normal(0, SHAKE_S, truth.shape)
    closely = [
        KernelRidge.fit_groups(
            _close(motions, known, shaken[:, i]), (truth - shaken)[:, None, [i]], runners, candidate, shape="gaussian"
        )
        for i in range(2)
    ]
    return Detector(
        KernelRidge.fit_groups(
            _wide(motions, known), (truth - mid[:, None])[:, None], runners, candidate, shape="gaussian"
        ),
        *closely,
    )


def detect(detector, motions, found, runner=None):
    """Detect touchdown and toe-off (S, 2) s of steps, by all that was trained on but `runner`."""
    first = found["mid_s"].to_numpy()[:, None] + detector.wide.estimate(_wide(motions, found), runner)[:, 0]
    close = [look.estimate(_close(motions, found, first[:, i]), runner)[:, 0, 0] for i, look in enumerate(detector[1:])]
    return first + np.stack(close, axis=1)


def reach(motions, found):
    """Give the spans of time (S, 2) s that a detector looks at: WIDE about mid-stance, as far as it was recorded."""
    ends = np.array([(motions[file].first_s, motions[file].last_s) for file in found["file"]]).reshape(-1, 2)
    return np.clip(found["mid_s"].to_numpy()[:, None] + [-WIDE, WIDE], ends[:, :1], ends[:, 1:])


def _wide(motions, found):
    return motion.about(motions, found, found["mid_s"].to_numpy(), reach_s=WIDE, nodes=WIDE_NODES)


def _close(motions, found, centres):
    return motion.about(motions, found, centres, reach_s=CLOSE, nodes=CLOSE_NODES)
