"""Motion of footsteps -> touchdown and toe-off: a published rule, and a detector that is trained on force plates.

The detector has two stages: a wide regression over the whole footstep around mid-stance, then a close one around each
moment found. Footsteps are tables as grfkit.field.motion gives them.
"""

from typing import NamedTuple

import numpy as np

from grfkit.estimators.kernel_ridge import KernelRidge
from grfkit.field import motion
from grfkit.points import POINTS

WIDE, WIDE_NODES = 0.24, 49  # s about mid-stance, a stance and some flight, and nodes 10 ms apart: our choice
CLOSE, CLOSE_NODES = 0.06, 17  # s about the moment found at first, ten times its error: our choice
SHAKE_S = 0.006  # SD of the moments that train the close look, about the error of the wide one: our choice
EVENTS = ["touchdown_s", "toeoff_s"]
EVENT_NAMES = {"touchdown": "touchdown", "toeoff": "toe-off", "contact": "contact time"}
RULE_STEP_S = 0.001
HEEL_S, KNEE_S = (-0.2, 0.06), (0.02, 0.25)  # from mid-stance, in which the rule looks for either event: our choice


def detect_by_rule(motions, footsteps):
    """Detect touchdown and toe-off (S, 2) s: the heel is lowest at touchdown, the knee most extended at toe-off.

    Source: Fellin et al. 2010, J Sci Med Sport 13:646.
    """
    events = np.empty((len(footsteps), 2))
    for row, step in enumerate(footsteps.itertuples()):
        moved, first = motions[step.file], POINTS.index(f"{step.side}_hip")
        spline = moved.spline
        before, after = (
            np.clip(step.mid_s + np.arange(*span, RULE_STEP_S), moved.first_s, moved.last_s)
            for span in (HEEL_S, KNEE_S)
        )
        hip, knee, ankle = np.moveaxis(spline(after)[:, first : first + 3], 1, 0)
        thigh, shank = hip - knee, ankle - knee
        bent = np.einsum("ij,ij->i", thigh, shank) / np.linalg.norm(thigh, axis=1) / np.linalg.norm(shank, axis=1)
        events[row] = before[np.argmin(spline(before)[:, first + 3, 2])], after[np.argmin(bent)]
    return events


class Detector(NamedTuple):
    """Three regressions: both events from the whole footstep, touchdown and toe-off each from close by."""

    wide: KernelRidge
    touchdown: KernelRidge
    toeoff: KernelRidge


def fit(motions, measured, candidate, *, seed):
    """Train a Detector on `measured` footsteps, with touchdown_s, toeoff_s, mid_s, and the `runner` to leave out later.

    `candidate` holds the kernel's scales and noise; there is no padding to weigh. The two close regressions are trained
    at the true times plus random errors (SD SHAKE_S), so that they need no wide estimates of the training rows.
    """
    runners, scales = measured["runner"].to_numpy(), candidate | {"edges": 0.0}
    return Detector(
        **{
            name: KernelRidge.fit_groups(inputs, targets, runners, scales, shape="gaussian")
            for name, (_, inputs, targets) in looks(motions, measured, seed=seed).items()
        }
    )


def looks(motions, measured, *, seed):
    """Lay out what each regression of a Detector is trained on: {its name: (moments (S,) s, inputs, targets)}."""
    truth, mid = measured[EVENTS].to_numpy(), measured["mid_s"].to_numpy()
    shaken = truth + np.random.default_rng(seed).normal(0, SHAKE_S, truth.shape)
    closely = {
        name: (shaken[:, i], _close(motions, measured, shaken[:, i]), (truth - shaken)[:, None, [i]])
        for i, name in enumerate(Detector._fields[1:])
    }
    return {"wide": (mid, _wide(motions, measured), (truth - mid[:, None])[:, None])} | closely


def detect(detector, motions, footsteps, left_out_runner=None):
    """Detect touchdown and toe-off (S, 2) s of footsteps; training rows of `left_out_runner` have no part."""
    wide = detector.wide.estimate(_wide(motions, footsteps), left_out_runner)[:, 0]
    first = footsteps["mid_s"].to_numpy()[:, None] + wide
    close = [
        look.estimate(_close(motions, footsteps, first[:, i]), left_out_runner)[:, 0, 0]
        for i, look in enumerate(detector[1:])
    ]
    return first + np.stack(close, axis=1)


def reach(motions, footsteps):
    """Give the spans of time (S, 2) s that a detector looks at: WIDE about mid-stance, as far as it was recorded."""
    ends = np.array([(motions[file].first_s, motions[file].last_s) for file in footsteps["file"]]).reshape(-1, 2)
    return np.clip(footsteps["mid_s"].to_numpy()[:, None] + [-WIDE, WIDE], ends[:, :1], ends[:, 1:])


def _wide(motions, footsteps):
    return motion.about(motions, footsteps, footsteps["mid_s"].to_numpy(), reach_s=WIDE, nodes=WIDE_NODES)


def _close(motions, footsteps, moments):
    return motion.about(motions, footsteps, moments, reach_s=CLOSE, nodes=CLOSE_NODES)
