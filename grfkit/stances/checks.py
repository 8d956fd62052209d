"""The checks of a stance: each raises Excluded, with the reason, for a stance that a study cannot use.

In: arrays of one stance, or a Stance. Thresholds and their sources are in the study file (01_preprocess, checks).
"""

import numpy as np

from grfkit import transform
from grfkit.points import FEET, LEGS, Excluded
from grfkit.recordings import plates

MARGIN_S = (
    0.030  # before and after a contact the plate is unloaded for so long: our choice, half of the shortest flights
)
LAG_CUTOFF_HZ = 10.0  # force and pelvis are compared below this, because an impact reaches the pelvis late: our choice
LARGEST_LAG_S = 0.15  # largest lag that is tried: our choice, half of a step
LAG_STEP_S = 0.002  # between the lags that are tried: our choice, a fifteenth of the lag that excludes a stance
FLANK_S = 0.04  # of flight on either side of a stance that is compared too, to see touchdown and toe-off: our choice
FAR = "foot far from the centre of pressure: missed plate or wrong person"
LAG = "not synchronised: pelvis and vertical force do not fit in time"


def check_stance(stance, step, side, recording, track, settings, speed_m_s):
    """Raise Excluded for the first check that a Stance in laboratory axes fails, after check_force.

    `step` is its plates.Contact on the plates of `recording`, which are zeroed; `track` holds the points as Tracks.
    """
    hz, limits = recording.force_hz, settings.checks
    shortest, longest = limits.stance_s
    if not shortest <= (step.end - step.first) / hz <= longest:
        raise Excluded(f"stance time outside {shortest:.2f} to {longest:.2f} s")
    if stance.force[:, 2].max() < limits.min_peak_bw:
        raise Excluded(
            f"vertical peak under {limits.min_peak_bw} BW: not running, foot partly off the plate, or wrong listed mass"
        )
    check_person(stance.points, hz, max_speed_m_s=limits.max_speed_m_s, segment_change=limits.segment_change)
    if len(step.parts) > 1:
        middles = [track.at(np.array([(first + end) / 2 / hz])) for _, first, end in step.parts]
        check_one_foot(np.concatenate(middles), side, other_foot_m=limits.other_foot_m)
    on, middle = [recording.plates[number] for number in step.plates], (step.first + step.end) // 2
    heel, toe = stance.points[middle - step.first + np.argmin(np.abs(stance.time_s))][FEET[side]]
    loaded = [plate for plate in on if plate.force[middle, 2] > 0] or on
    _, cop = plates.combined(loaded, frames=slice(middle, middle + 1))
    distances = {"foot_distance_m": limits.foot_distance_m, "beyond_plate_m": limits.beyond_plate_m}
    check_foot(heel, toe, cop[0], [plate.corners for plate in on], **distances)
    check_speed(stance.points, side, hz, speed_m_s, treadmill=settings.treadmill, speed_off=limits.speed_off)


def check_force(vertical, step, hz, *, threshold_n, unloaded_s):
    """Check the vertical force (T,) N of a recording at one plates.Contact: it rises from zero and returns to it.

    Just before and after the contact, the force is within the threshold of zero. Within the contact it may stay below a
    tenth of its peak for `unloaded_s` at a time. If it stays low for longer, the plate did not return to zero, or the
    runner stayed on it.
    """
    margin, first, end = round(MARGIN_S * hz), step.first, step.end
    beside = [vertical[max(first - margin, 0) : first], vertical[end : end + margin]]
    off = any(len(frames) and abs(np.median(frames)) > threshold_n for frames in beside)
    if off or plates.longest_low(vertical[first:end]) > unloaded_s * hz:
        raise Excluded("force does not return to zero")


def check_range(on, step):
    """Check that no raw channel of the plates is clipped during one plates.Contact."""
    for number in sorted(step.plates):
        clipped = on[number].saturated
        if clipped is not None and clipped[step.first : step.end].any():
            raise Excluded(f"plate {on[number].number or number + 1} saturated: a raw channel at the end of its range")


def check_person(points, hz, *, max_speed_m_s, segment_change):
    """Check that points (T, 11, 3) m are one person's: the pelvis does not jump, legs keep their length."""
    if np.linalg.norm(np.diff(points[:, 0], axis=0), axis=1).max() * hz > max_speed_m_s:
        raise Excluded("wrong person: points jump")
    lengths = np.stack([np.linalg.norm(points[:, a] - points[:, b], axis=1) for a, b in LEGS], axis=1)
    if (np.ptp(lengths, axis=0) / np.median(lengths, axis=0)).max() > segment_change:
        raise Excluded("wrong person: segment lengths change")


def check_speed(points, side, hz, listed_m_s, *, treadmill, speed_off):
    """Check the listed speed against points (T, 11, 3) m of a stance: of the pelvis, or of the belt under the foot."""
    if treadmill:  # in the middle third of stance, heel and toe move with the belt
        foot = points[len(points) // 3 : 2 * len(points) // 3, FEET[side], 0].mean(axis=1)
        measured = (foot[0] - foot[-1]) * hz / (len(foot) - 1)
    else:
        measured = (points[-1, 0, 0] - points[0, 0, 0]) * hz / (len(points) - 1)
    if measured < 0:
        raise Excluded("runs against the axis `forward`")
    if abs(measured / listed_m_s - 1) > speed_off:
        raise Excluded(f"speed more than {100 * speed_off:.0f} % off the listed one")


def check_foot(heel, toe, cop, corners, *, foot_distance_m, beyond_plate_m):
    """Check that a foot at mid-stance is over the centre of pressure (3,) m and wholly on the plates.

    `heel` and `toe` are (3,) m, `corners` those of each plate, (4, 3) m, NaN if no file gives them.
    """
    if not distance(cop, heel, toe) <= foot_distance_m:  # a NaN is excluded too
        raise Excluded(FAR)
    corners = [plate for plate in corners if np.isfinite(plate).all()]
    inside = [any(plates.beyond(place, plate) <= beyond_plate_m for plate in corners) for place in (heel, toe)]
    if corners and not all(inside):
        raise Excluded("foot not wholly on the plate")


def check_one_foot(points, side, *, other_foot_m):
    """Check that only one foot is on the ground in a step over several plates: the other is `other_foot_m` higher.

    `points` (K, 11, 3) m are those at the middle of the contact with each plate.
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
    """Find how much later (s) the pelvis shows the vertical force than the plates do; NaN if no contact is well inside.

    `force` (T,) N is that of all plates; `pelvis` gives the height (m) at times (s); `contacts` are (first, end) in
    frames. The acceleration of the pelvis is shifted and correlated with the force, over the stances and their flanks,
    both below 10 Hz. Source: our choice, because force is mass times acceleration and the pelvis is the point nearest
    to the centre of mass.
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
    fit = [each @ still / each.std() for each in moved]  # their correlation, up to a common factor
    return float(lags[int(np.argmax(fit))] / force_hz)
