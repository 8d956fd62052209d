"""Points with impossible places: two of them in one place, or all of them relative to the hips or in a plane.

In: points (F, 11, 3) in any unit and axes. Out: nothing, or an error that names what was found.
"""

from itertools import combinations

import numpy as np

from grfkit.points import HEELS, POINTS, InputError

FRAMES = 200  # frames that are checked, spread over the recording: our choice
NEAR = 0.002  # of a runner's extent, 2 mm: no two of the 11 points are so near; our choice
MOST = 0.5  # share of frames with two points so near, above which they are the same: our choice
MOST_PAIRS = 5  # most pairs in a message: our choice
STILL = 0.005  # of a runner's extent: SD of a pelvis that stays in one place; our choice, in running it is .02 or more
STILL_UNSEEN = 0.02  # the same for the middle of the hips, if the pelvis is never seen because it lies at (0, 0, 0)
LEVEL = 0.002  # the same, horizontally, of a pelvis above one place: our choice; on treadmills .0068 m or more in .8 s
MOVING = 0.1  # SD of the heels, by which they move: our choice; .2 or more in running
FLAT = 0.001  # of a runner's extent, 1 mm: SD sideways, larger for some point of every runner; our choice
HIPS = [POINTS.index(f"{side}_hip") for side in "lr"]
PAIRS = np.array(list(combinations(range(len(POINTS)), 2)))


def check(points):
    """Check points (F, 11, 3), NaN where missing: places of their own, motion along three axes, and a moving pelvis.

    Raises InputError for two points in one place in most frames, for points that are relative to the hips, and for
    points that never move along one axis.
    """
    some = points[np.unique(np.linspace(0, max(len(points) - 1, 0), FRAMES).astype(int))[: len(points)]]
    whole = some[np.isfinite(some[:, 1:]).all(axis=(1, 2))]  # the pelvis may be missing
    if len(whole):
        size = float(np.median(np.ptp(whole[:, 1:], axis=1).max(axis=1)))
        _check_apart(some, size)
        _check_centred(some, size)
        _check_in_space(whole[:, 1:], size)


def _check_apart(points, size):
    apart = np.linalg.norm(points[:, PAIRS[:, 0]] - points[:, PAIRS[:, 1]], axis=2)  # (F, pairs)
    seen = np.isfinite(apart).sum(axis=0)
    share = (apart <= NEAR * size).sum(axis=0) / np.maximum(seen, 1)
    same = np.flatnonzero(share > MOST)
    if len(same):
        named = "; ".join(f"{POINTS[a]} and {POINTS[b]} are the same" for a, b in PAIRS[same[:MOST_PAIRS]])
        named += f"; and {len(same) - MOST_PAIRS} more pairs" * (len(same) > MOST_PAIRS)
        raise InputError(
            f"Each of the 11 points needs its own place; here {named}, in {100 * share[same].min():.0f} % of the "
            "frames.",
            "Name another marker or column for one of them, or export the recording again.",
        )


def _check_centred(points, size):
    unseen = not np.isfinite(points[:, 0]).all(axis=1).any()
    still = {"pelvis": _spread(points[:, 0]), "middle of the hips": _spread(points[:, HIPS].mean(axis=1))}
    what = min(still, key=still.get)
    moving = max(_spread(points[:, heel]) for heel in HEELS)
    level = _spread(points[:, 0], 2) <= LEVEL * size or _spread(points[:, HIPS].mean(axis=1), 2) <= LEVEL * size
    if (level or still[what] <= (STILL_UNSEEN if unseen else STILL) * size) and MOVING * size < moving < np.inf:
        raise InputError(
            f"Points must be in the laboratory's axes; here they are relative to the hips (hip-centred), as in the "
            f"`world landmarks` of pose estimators: the {what} stays in one place, or above it, while the feet move.",
            "Export points that include the motion of the pelvis, as several calibrated cameras see it: the forces "
            "follow from how it moves up and down.",
        )


def _check_in_space(points, size):
    """Check that points (F, P, 3) of a runner's `size` move along all axes; those of one camera do not."""
    strays = points.std(axis=0).max(axis=0)  # of the point that strays most along each axis
    flat = np.flatnonzero(strays <= FLAT * size)
    if len(flat) == 1 and strays.max() > MOVING * size:
        raise InputError(
            f"Points must move along three axes; here none moves along the axis {'xyz'[flat[0]]}: they come from one "
            "camera (2-D), as Sports2D writes them, and their depth is invented.",
            "Film with at least two cameras, as for OpenCap or Pose2Sim.",
        )


def _spread(place, axes=3):
    """Measure the SD of a place (F, 3) over the frames in which it was seen; inf if it never was.

    Only `axes` axes count, those with the smallest SD.
    """
    seen = place[np.isfinite(place).all(axis=1)]
    return float(np.linalg.norm(np.sort(seen.std(axis=0))[:axes])) if len(seen) else np.inf
