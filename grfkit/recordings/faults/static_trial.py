"""Find a static trial that does not fit its running trial: of another person, or with left and right swapped in one.

In: a Fit of clusters (grfkit.recordings.landmarks). Out: nothing, or an error that says what was found.
"""

import numpy as np

from grfkit.points import InputError

# Thigh and shank both carry the knee, and soft tissue moves the two places apart: by 24 mm at most (median over a file,
# worse side) in all 66 files of rbds, by 14 mm in JA1. With another runner's static trial they are over 30 mm apart
# in 93 % of 420 pairs of runners (rbds at 3.5 m/s, without RBDS03). Our choice: a quarter more than the largest of 66.
KNEE_M = 0.030
UPRIGHT = ("pelvis", "knee", "ankle")  # points whose segments are never upside down; a foot nearly is, in swing


def check_upright(fit):
    """Check that pelvis, thighs and shanks of a Fit stand as in the static trial, by medians over frames.

    A nearly flat cluster also fits its mirror image, turned upside down. Raises InputError for such a fit.
    """
    segments = dict.fromkeys(each for point, each in fit.carriers.items() if point.rpartition("_")[2] in UPRIGHT)
    wrong = [name for name in segments if _median(fit.poses[name][0][:, 2, 2]) < 0]
    if wrong:
        raise InputError(
            "Each segment of a runner must stand as in the static trial; here the markers of "
            f"{', '.join(wrong)} fit upside down: left and right are swapped in the labels of one of the two files.",
            "Correct the labels of the file that is wrong.",
        )


def check_knees(fit):
    """Check that the static trial is the runner's own: thigh and shank carry each knee of a Fit to the same place.

    Raises InputError if the two places are more than KNEE_M apart (median over frames).
    """
    far = {side: apart for side in "lr" if (apart := knee_gap(fit, side)) > KNEE_M}
    if far:
        found = " and ".join(
            f"{1000 * far[side]:.0f} mm at the {'left' if side == 'l' else 'right'} knee" for side in far
        )
        raise InputError(
            "Thigh and shank must carry the knee of the static trial to the same place, within "
            f"{1000 * KNEE_M:.0f} mm for soft tissue; here the two places are apart: {found}, as with the static trial "
            "of another person.",
            "Name the runner's own static trial in the column `static` of the table of trials. If it is, look for "
            "markers that were moved or swapped after it.",
        )


def knee_gap(fit, side):
    """Measure how far apart (m) two segments of a Fit carry one knee (median over frames); NaN without a second one.

    The second segment is neither pelvis nor foot, and carries the knee nearest.
    """
    knee, own = f"{side}_knee", fit.carriers[f"{side}_knee"]
    far = {fit.carriers[point] for point in ("pelvis", "l_heel", "r_heel", "l_toe", "r_toe")}
    others = {*fit.poses} - far - {own}
    apart = [_median(np.linalg.norm(fit.carry(knee, own) - fit.carry(knee, other), axis=1)) for other in others]
    return min((each for each in apart if np.isfinite(each)), default=float("nan"))


def _median(values):
    """Take the median without missing values; NaN if all are missing."""
    seen = values[np.isfinite(values)]
    return float(np.median(seen)) if len(seen) else float("nan")
