"""What makes a stance unfit for the study, from arrays: each check raises Excluded with its reason.

Thresholds and their sources are in the study file (01_preprocess, checks).
"""

import numpy as np

from grfkit import transform
from grfkit.points import FEET, LEGS, Excluded
from grfkit.recordings import plates as force_plates

MARGIN_S = 0.030  # before and after a contact, in which a plate is unloaded: our choice, half of the shortest flights
LAG_CUTOFF_HZ = (
    10.0  # force and pelvis are compared below this; our choice: the impact does not reach the pelvis at once
)
LARGEST_LAG_S = 0.15  # how far a lag is looked for: our choice, half of a step
LAG_STEP_S = 0.002  # how finely: our choice, a fifteenth of what is excluded
FLANK_S = (
    0.04  # of flight at either end of a stance that is compared too: our choice, so that touchdown and toe-off count
)
LAG = "not synchronised: pelvis and vertical force do not fit in time"


def check_force(vertical, first, end, hz, *, threshold_n, unloaded_s):
    """Check the vertical force (T,) N of one contact: it rises from zero and returns to it.

    Within a contact the force may stay below a tenth of its peak for `unloaded_s` at a time: longer, and the plate did not
    return to zero, or nobody left it. Just before and after, it is within the threshold of zero.
    """
    margin = round(MARGIN_S * hz)
    beside = [vertical[max(first - margin, 0) : first], vertical[end : end + margin]]
    off = any(len(frames) and abs(np.median(frames)) > threshold_n for frames in beside)
    if off or force_plates.longest_low(vertical[first:end]) > unloaded_s * hz:
        raise Excluded("force does not return to zero")


def check_person(points, hz, *, max_speed_m_s, segment_change):
    """Check that the points (T, 11, 3) m of a stance are of one person: none jumps, no thigh or shank changes its length."""
    if np.linalg.norm(np.diff(points[:, 0], axis=0), axis=1).max() * hz > max_speed_m_s:
        raise Excluded("wrong person: points jump")
    lengths = np.stack([np.linalg.norm(points[:, a] - points[:, b], axis=1) for a, b in LEGS], axis=1)
    if (np.ptp(lengths, axis=0) / np.median(lengths, axis=0)).max() > segment_change:
        raise Excluded("wrong person: segment lengths change")


def check_speed(points, side, hz, listed_m_s, *, treadmill, speed_off):
    """Check the listed speed against the points (T, 11, 3) m of a stance: the pelvis', or the belt's under the planted foot."""
    if treadmill:  # heel and toe move with the belt in the middle third of stance
        foot = points[len(points) // 3 : 2 * len(points) // 3, FEET[side], 0].mean(axis=1)
        measured = (foot[0] - foot[-1]) * hz / (len(foot) - 1)
    else:
        measured = (points[-1, 0, 0] - points[0, 0, 0]) * hz / (len(points) - 1)
    if measured < 0:
        raise Excluded("runs against the axis `forward`")
    if abs(measured / listed_m_s - 1) > speed_off:
        raise Excluded(f"speed more than {100 * speed_off:.0f} % off the listed one")


def check_foot(heel, toe, cop, plates, *, foot_distance_m, beyond_plate_m):
    """Check that a foot, at mid-stance, is over the centre of pressure (3,) m and wholly on the plates (corners, each (4, 3) m)."""
    if not distance(cop, heel, toe) <= foot_distance_m:  # a centre of pressure that is NaN is excluded too
        raise Excluded("foot far from the centre of pressure: missed plate or wrong person")
    if not all(
        any(force_plates.beyond(place, corners) <= beyond_plate_m for corners in plates) for place in (heel, toe)
    ):
        raise Excluded("foot not wholly on the plate")


def check_one_foot(points, side, *, other_foot_m):
    """Check that points (K, 11, 3) m, at the middle of each contact of a step over several plates, show one foot on the ground.

    The other one is in the air if it is higher by `other_foot_m`.
    """
    lowest = {foot: points[:, FEET[foot], 2].min(axis=1) for foot in "lr"}
    other = "r" if side == "l" else "l"
    if (lowest[other] - lowest[side]).min() < other_foot_m:
        raise Excluded("step over several plates: both feet may be on them")


def distance(cop, heel, toe):
    """Measure the horizontal distance (m) of the centre of pressure from the line between heel and toe, each (3,) m."""
    along = (toe - heel)[:2]
    share = np.clip((cop - heel)[:2] @ along / (along @ along), 0, 1)
    return np.linalg.norm((cop - heel)[:2] - share * along)


def lag(force, force_hz, pelvis, contacts):
    """Find how much later (s) the pelvis shows the vertical force than the plates do; NaN without a contact well inside.

    `force` (T,) N over all plates; `pelvis` gives the height (m) at times (s); `contacts` are (first, end) in frames. Over
    the stances and what flight is recorded, the pelvis' acceleration, shifted, is correlated with the force, both
    below 10 Hz. Source: our choice; mass times acceleration is force, and the pelvis is nearest to the centre of mass.
    """
    margin = round(FLANK_S * force_hz)
    reach = round(LARGEST_LAG_S * force_hz)
    inside = [
        (first - margin, end + margin)
        for first, end in contacts
        if first - margin - reach > 0 and end + margin + reach < len(force)
    ]
    if not inside:
        return float("nan")
    times = np.arange(len(force)) / force_hz
    height = transform.lowpass(pelvis(times), cutoff_hz=LAG_CUTOFF_HZ, rate_hz=force_hz)
    acceleration = np.gradient(np.gradient(height, 1 / force_hz), 1 / force_hz)
    smooth = transform.lowpass(force, cutoff_hz=LAG_CUTOFF_HZ, rate_hz=force_hz)
    frames = np.concatenate([np.arange(*span) for span in inside])
    step = max(1, round(LAG_STEP_S * force_hz))
    lags = np.arange(-reach, reach + 1, step)
    still = smooth[frames] - smooth[frames].mean()
    moved = (acceleration[frames + shift] for shift in lags)
    fit = [each @ still / each.std() for each in moved]  # their correlation, but for a factor that all share
    return float(lags[int(np.argmax(fit))] / force_hz)
