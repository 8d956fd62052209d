"""Unit, axes and running direction of recordings without a force plate.

In: 11 points (F, 11, 3) in any unit and axes. Out: points in m in AP, ML, V, found from the runner's body and feet, and
notes on how.
"""

from typing import NamedTuple

import numpy as np

from grfkit.points import HEELS, LEGS, POINTS, TOES, Excluded, Note
from grfkit.recordings import c3d, speed
from grfkit.recordings.formats.c3d_units import METRES

LEG_M = (0.5, 1.3)  # thigh and shank together, children and adults; the ranges in m, cm and mm do not meet: our choice
HEIGHT_M = (0.5, 1.4)  # of the pelvis above the feet: our choice
ALONG = 0.9  # share of the way from feet to pelvis that lies along the axis up: our choice; .96 and more in rbds
SLOWEST_M_S = 0.3  # somebody slower stands: our choice
AHEAD = 0.7  # cosine of the widest angle between where the feet point and where the runner goes, 45 degrees: our choice
CROSSED_M = 0.05  # by which a left point may lie to the right of the right one, because feet may cross: our choice
ADVICE = (
    "The labels of left and right or of heel and toe are swapped, the axes are left-handed, or somebody runs "
    "backwards: correct the labels, "
    "or change the sign of one axis."
)
ALIGNED_DEG = 10.0  # a direction nearer to an axis counts as that axis, because a pelvis sways: our choice


class Oriented(NamedTuple):
    """Points (F, 11, 3) m in AP, ML, V, how the runner moved, and how all this was found."""

    points: np.ndarray
    treadmill: bool
    speed_m_s: float  # of the belt, or of the pelvis overground
    notes: list  # of Note
    rotation: np.ndarray  # (3, 3) from the axes of the points to AP, ML, V


def find_unit(points):
    """Find the unit of points (F, 11, 3) by the length of the legs -> metres for each unit, its name.

    Raises ValueError if no unit fits.
    """
    leg = leg_length(points)
    for name, metres in METRES.items():
        if LEG_M[0] <= leg * metres <= LEG_M[1]:
            return metres, name
    raise ValueError(
        f"Thigh and shank together are {LEG_M[0]} to {LEG_M[1]} m long; here they are {leg:.4g}, which fits neither "
        "m, cm nor mm. "
        "Check that the columns are those of hip, knee and ankle, and the unit."
    )


def leg_length(points):
    """Measure the length of thigh and shank of points (F, 11, 3), in their unit: median over frames, mean over legs."""
    return float(sum(np.nanmedian(np.linalg.norm(points[:, a] - points[:, b], axis=1)) for a, b in LEGS) / 2)


def orient(points, rate_hz, *, treadmill=None, declared=False):
    """Turn points (F, 11, 3) m into the runner's axes; returns Oriented.

    Up is the axis along which the pelvis is above the feet. Overground, forward is the path of the pelvis. On a
    treadmill it is the motion of the pelvis relative to the planted foot. For somebody who stands, it is where the feet
    point. If forward is nearly along an axis of the file, that axis is used. If `treadmill` is None it is found: on a
    treadmill the planted foot is faster than the pelvis. `declared` means that the axes are already AP, ML, V; then
    they are only checked. Raises ValueError if up cannot be found, if the runner turns, or if the findings contradict
    each other. Source: our choice, from physics.
    """
    up, above = _find_up(points)
    if declared and up != "+z":
        raise ValueError(
            "Of the columns _ap, _ml and _v, _v must point up; here the pelvis is above the feet along "
            f"{up[0]}{('_ap', '_ml', '_v')['xyz'.index(up[1])]}. Correct the columns, or name them _x, _y and _z: then "
            "the axes are found."
        )
    basis = c3d.axes("found", up)
    level = points @ basis.T
    speed.check_straight(level, rate_hz)
    pelvis, foot = (measure(level, rate_hz) for measure in (speed.pelvis_velocity, speed.planted_velocity))
    stands = np.linalg.norm(pelvis - foot) < SLOWEST_M_S
    found = bool(np.linalg.norm(foot) > np.linalg.norm(pelvis) and not stands)
    belt = found if treadmill is None else treadmill
    ahead, why = (
        (np.array([1.0, 0, 0]), "as the columns say") if declared else _find_ahead(level, pelvis - foot, belt, stands)
    )
    about = np.stack([ahead, np.cross([0, 0, 1.0], ahead), [0, 0, 1.0]])
    turned = level @ about.T
    check_body(turned, advice=ADVICE)
    said = ", as typed" if treadmill is not None else ""
    notes = [
        Note(f"up: {'V' if declared else up}, along which the pelvis is {above:.2f} m above the feet"),
        Note(f"forward: {'AP' if declared else _name(basis.T @ ahead)}, {why}"),
        Note(
            "treadmill: "
            f"{'yes' if belt else 'no'}{said}{', though the points look otherwise' if belt != found else ''} (the "
            "planted foot "
            f"moves at {np.linalg.norm(foot):.2f} m/s, the pelvis at {np.linalg.norm(pelvis):.2f} m/s)",
            is_warning=belt != found,
        ),
    ]
    return Oriented(
        turned,
        belt,
        speed.speed(turned, rate_hz, treadmill=belt),
        notes + speed.slope_note(turned, rate_hz, treadmill=belt),
        about @ basis,
    )


def check_body(points, *, advice):
    """Check that points (F, 11, 3) m in AP, ML, V can be a runner's: size, toes ahead of heels, left on the left.

    Raises ValueError if they cannot; `advice` is the end of its message.
    """
    leg, height = leg_length(points), _from_feet_to_pelvis(points)[2]
    if not (LEG_M[0] <= leg <= LEG_M[1] and HEIGHT_M[0] <= height <= HEIGHT_M[1]):
        raise ValueError(
            f"Thigh and shank together are {LEG_M[0]} to {LEG_M[1]} m long, and the pelvis is {HEIGHT_M[0]} to "
            f"{HEIGHT_M[1]} m above "
            f"the feet; here it is {leg:.3g} m and {height:.3g} m. Check the unit and the axis up."
        )
    feet = np.nanmean(points[:, TOES] - points[:, HEELS], axis=(0, 1))
    if feet[0] < AHEAD * np.hypot(feet[0], feet[1]):
        raise ValueError(
            "Feet point in the running direction; here they point "
            f"{np.degrees(np.arctan2(abs(feet[1]), feet[0])):.0f} degrees away from it. {advice}"
        )
    check_sides(points, advice=advice)


def check_sides(points, *, advice):
    """Check that the left ones of points (F, 11, 3) m in AP, ML, V are on the left, by medians over frames.

    Raises ValueError if they are not; `advice` is the end of its message.
    """
    width = dict(
        zip([name[2:] for name in POINTS[1:6]], np.nanmedian(points[:, 1:6, 1] - points[:, 6:, 1], axis=0), strict=True)
    )
    wrong = [
        f"{name} ({-100 * wide:.0f} cm)" for name, wide in width.items() if wide < (0 if name == "hip" else -CROSSED_M)
    ]
    if wrong:
        raise ValueError(
            f"Left points must be on the left; here they are on the right of the right ones: {', '.join(wrong)}. "
            f"{advice}"
        )


def _from_feet_to_pelvis(points):
    """Measure the vector (3,) m from the middle of heels and toes to the pelvis: the median over frames."""
    return np.nanmedian(points[:, 0] - points[:, HEELS + TOES].mean(axis=1), axis=0)


def _find_up(points):
    """Find the signed axis from the feet to the pelvis of points (F, 11, 3) m -> its name, how far (m)."""
    way = _from_feet_to_pelvis(points)
    axis = int(np.argmax(np.abs(way)))
    if not abs(way[axis]) >= ALONG * np.linalg.norm(way):
        raise ValueError(
            "One axis of a recording must point up; here, along the three axes, the pelvis is "
            f"{', '.join(f'{each:+.2f}' for each in way)} m from the feet. Turn the axes so that one is vertical."
        )
    return c3d.axis_name(axis, way[axis]), abs(way[axis])


def _find_ahead(level, relative, belt, stands):
    """Find the running direction (3,) of points (F, 11, 3) m, V up, and say how.

    `relative` (2,) m/s is the pelvis' velocity as seen from the planted foot.
    """
    if stands:
        return aligned(
            np.nanmean(level[:, TOES] - level[:, HEELS], axis=(0, 1))[:2]
        ), "where the feet point, because nobody travels"
    if belt:
        return aligned(relative), "opposite to the planted foot's motion, and where the feet point"
    try:
        return heading(level), "along the pelvis' path, and where the feet point"
    except Excluded:
        raise ValueError(
            "Overground the pelvis travels; here it stays in place, as on a treadmill. Say that it is a treadmill, or "
            "cut the recording."
        ) from None


def _name(direction):
    """Name a direction (3,) by a signed axis, or by its components."""
    axis = int(np.argmax(np.abs(direction)))
    if abs(direction[axis]) > 1 - 1e-9:
        return c3d.axis_name(axis, direction[axis])
    return "(" + ", ".join(f"{each:.2f}" for each in direction) + ")"


def heading(points):
    """Find the direction (3,) of overground running from the pelvis' path in points (F, 11, 3) m.

    Raises Excluded if the pelvis stays in place.
    """
    path = speed.pelvis_path(points)[:, :2]
    each = np.median(np.diff(path, axis=0), axis=0) if len(path) > 1 else np.zeros(2)  # the median: a jump is no path
    length = np.linalg.norm(each) * len(path)
    if length < speed.SHORTEST_PATH_M:
        raise Excluded("no running direction: the pelvis does not travel (a treadmill, or another person)")
    return aligned(each)


def aligned(direction):
    """Make a horizontal direction (2,) a unit vector (3,): an axis of the laboratory if it is nearly along one."""
    ahead = direction / np.linalg.norm(direction)
    axis = np.where(np.abs(ahead) == np.abs(ahead).max(), np.sign(ahead), 0.0)
    return np.array([*(axis if ahead @ axis > np.cos(np.radians(ALIGNED_DEG)) else ahead), 0.0])
