"""Unit, axes, running direction, treadmill and speed of 11 points without a force plate: found from the runner's body and feet.

A planted foot rests on what it runs over: on the ground it stands still, on a treadmill it goes backwards with the belt. So the pelvis
always moves forward as seen from it, at the speed of running.
"""

from typing import NamedTuple

import numpy as np

from grfkit import POINTS, c3d, tracks
from grfkit.checks import FEET, LEGS

LEG_M = (0.5, 1.3)  # thigh and shank together, children and adults; the ranges in m, cm and mm do not meet: our choice
HEIGHT_M = (0.5, 1.4)  # of the pelvis above the feet: our choice
ALONG = 0.9  # share of the way from the feet to the pelvis along the axis up; .96 at least in the 66 recordings of rbds: our choice
LOW = 0.10  # share of a foot's frames, the lowest, that first show the planted foot: less than it is flat on the ground: our choice
SPREAD_S = 0.02  # either side of a frame, over which its velocity is taken: a fifth of the shortest stances: our choice
SAME, ROUNDS = 0.10, 3  # of the running speed, by which heel and toe of a planted foot may be off its speed: our choice, among .05 to .20
SLOWEST_M_S = 0.3  # slower is no travel, but somebody who stands: our choice
AHEAD = 0.7  # cosine of the widest angle between where the feet point and where the runner goes, 45 degrees: our choice
WINDOW_S, FAST_M_S = 0.5, 0.6  # over which the pelvis is seen to travel, and how fast: on a treadmill it sways by less, our choice
FEW, STRAIGHT = 0.1, 0.9  # share of such windows that are to be looked at, and of their way that leads ahead; .9 is a bend of 90: our choice
CROSSED_M = 0.05  # a left point so far right of the right one, in the median: feet may cross by less: our choice
ROLL_DEG = 1.3  # by which a planted foot seems to rise as it goes backwards: mean over the 66 recordings of rbds, whose belt is level
SLOPE_DEG = 3.0  # of belt or ground, from which on it is said: our choice; level belts are measured within 1.5
HIPS = POINTS.index("l_hip"), POINTS.index("r_hip")
HEELS, TOES = ([POINTS.index(f"{side}_{end}") for side in "lr"] for end in ("heel", "toe"))


class Oriented(NamedTuple):
    """Points (F, 11, 3) m in AP, ML, V; how the runner moved, and how that was found."""

    points: np.ndarray
    treadmill: bool
    speed_m_s: float  # of the belt, or of the pelvis overground
    notes: list


def find_unit(points):
    """Find the unit of points (F, 11, 3) by the length of the legs -> metres for each unit, its name. Raises ValueError for none."""
    leg = leg_length(points)
    for name, metres in c3d.METRES.items():
        if LEG_M[0] <= leg * metres <= LEG_M[1]:
            return metres, name
    raise ValueError(f"Thigh and shank together are {LEG_M[0]} to {LEG_M[1]} m long; here they are {leg:.4g}, which fits neither m, cm nor mm. "
                     "Check that the columns or labels are those of hip, knee and ankle, and the unit.")


def leg_length(points):
    """Measure thigh and shank together: the median over frames, the mean of both legs."""
    return float(sum(np.nanmedian(np.linalg.norm(points[:, a] - points[:, b], axis=1)) for a, b in LEGS) / 2)


def orient(points, rate_hz, *, treadmill=None, declared=False):
    """Turn points (F, 11, 3) m into the runner's axes; returns Oriented.

    Up is the axis along which the pelvis is above the feet. Overground, forward is the pelvis' path; on a treadmill it is where the
    pelvis goes as seen from the planted foot. `treadmill` None is found: there the planted foot is faster than the pelvis. `declared`
    says that the axes are AP, ML, V already, to be checked alone. Raises ValueError where up does not show or what is found contradicts
    itself. Source: our choice, after the physics; the axis of the laboratory is taken where it is nearly meant.
    """
    up, above = _find_up(points)
    if declared and up != "+z":
        raise ValueError(f"In columns _ap, _ml and _v, V points up; here the pelvis is above the feet along {_renamed(up)}. Order the columns, "
                         "or name them _x, _y and _z: then the axes are found.")
    basis = c3d.axes("found", up)
    level = points @ basis.T
    _check_straight(level, rate_hz)
    pelvis, foot = pelvis_velocity(level, rate_hz), planted_velocity(level, rate_hz)
    speed = np.linalg.norm(pelvis - foot)
    stands = speed < SLOWEST_M_S
    found = bool(np.linalg.norm(foot) > np.linalg.norm(pelvis) and not stands)
    belt = found if treadmill is None else treadmill
    ahead = np.array([1.0, 0, 0]) if declared else _find_ahead(level, pelvis - foot, belt, stands)
    turn = np.stack([ahead, np.cross([0, 0, 1.0], ahead), [0, 0, 1.0]])
    turned = level @ turn.T
    check_body(turned, rate_hz, advice="The labels of left and right or of heel and toe are swapped, the axes are left-handed, or somebody runs backwards: "
               "correct the labels, or change the sign of one axis.")
    notes = [f"up: {'V' if declared else up}, along which the pelvis is {above:.2f} m above the feet",
             f"forward: {'AP, as the columns say' if declared else _name(basis.T @ ahead) + ', ' + _why(belt, stands)}",
             _how(belt, found, treadmill is not None, pelvis, foot)]
    return Oriented(turned, belt, measured_speed(turned, rate_hz, treadmill=belt), notes + slope_note(turned, rate_hz, treadmill=belt))


def pelvis_velocity(points, rate_hz):
    """Measure the mean horizontal velocity (2,) m/s of the pelvis, from where it was first seen to where it was last."""
    seen = np.flatnonzero(np.isfinite(points[:, 0]).all(axis=1))
    return (points[seen[-1], 0, :2] - points[seen[0], 0, :2]) * rate_hz / (seen[-1] - seen[0])


def planted_velocity(points, rate_hz):
    """Measure the horizontal velocity (2,) m/s of the planted foot, the median; V is up in points (F, 11, 3) m."""
    return np.median(_planted(points, rate_hz), axis=0)[:2]


def measured_speed(points, rate_hz, *, treadmill):
    """Measure the speed (m/s): the belt's under the planted foot, or the pelvis' overground; of points (F, 11, 3) m, V up."""
    return float(np.linalg.norm((planted_velocity if treadmill else pelvis_velocity)(points, rate_hz)))


def check_body(points, rate_hz, *, advice):
    """Check that points (F, 11, 3) m in AP, ML, V are a runner's: size, left on the left, toes ahead.

    `advice` ends the message of the ValueError that is raised where they are not.
    """
    leg, height = leg_length(points), np.nanmedian(points[:, 0, 2] - points[:, HEELS + TOES, 2].mean(axis=1))
    if not (LEG_M[0] <= leg <= LEG_M[1] and HEIGHT_M[0] <= height <= HEIGHT_M[1]):
        raise ValueError(f"Thigh and shank together are {LEG_M[0]} to {LEG_M[1]} m long, and the pelvis is {HEIGHT_M[0]} to {HEIGHT_M[1]} m above "
                         f"the feet; here they are {leg:.3g} and {height:.3g} m. Check the unit and the axis up.")
    feet = np.nanmean(points[:, TOES] - points[:, HEELS], axis=(0, 1))
    if feet[0] < AHEAD * np.hypot(feet[0], feet[1]):
        raise ValueError(f"Feet point where the runner goes; here they point {np.degrees(np.arctan2(abs(feet[1]), feet[0])):.0f} degrees off it. {advice}")
    width = {name[2:]: np.nanmedian(points[:, POINTS.index(name), 1] - points[:, POINTS.index(f"r{name[1:]}"), 1]) for name in POINTS if name[0] == "l"}
    wrong = [name for name, wide in width.items() if wide < (0 if name == "hip" else -CROSSED_M)]
    if wrong:
        raise ValueError(f"Left points are on the left; here the left {', '.join(wrong)} is on the right, by {-100 * min(width.values()):.0f} cm. {advice}")


def slope_note(points, rate_hz, *, treadmill):
    """Say where belt or ground is inclined, or the axes are: a list of one text or none. An incline is not handled."""
    if treadmill:
        along, _, rise = np.median(_planted(points, rate_hz), axis=0)
        degrees = np.degrees(np.arctan2(rise, -along)) - ROLL_DEG
    else:
        path = points[np.isfinite(points[:, 0]).all(axis=1), 0]
        degrees = -np.degrees(np.arctan(np.polyfit(path[:, 0], path[:, 2], 1)[0])) if np.ptp(path[:, 0]) > tracks.SHORTEST_PATH_M else 0.0
    if abs(degrees) < SLOPE_DEG:
        return []
    return [f"incline: {'the belt' if treadmill else 'the path'} goes {'up' if degrees < 0 else 'down'} by about {abs(degrees):.0f} degrees, or the axis "
            "up is tilted; an incline is not handled, and forces are of level running"]


def _find_up(points):
    """Find the signed axis from the feet to the pelvis of points (F, 11, 3) m -> its name, how far (m)."""
    way = np.nanmedian(points[:, 0] - points[:, HEELS + TOES].mean(axis=1), axis=0)
    axis = int(np.argmax(np.abs(way)))
    if abs(way[axis]) < ALONG * np.linalg.norm(way):
        raise ValueError(f"One axis of a recording points up; here the pelvis is {', '.join(f'{each:+.2f}' for each in way)} m from the feet along "
                         "x, y and z. Turn the axes so that one is vertical.")
    return ("+" if way[axis] > 0 else "-") + "xyz"[axis], abs(way[axis])


def _check_straight(points, rate_hz):
    """Check that the pelvis travels one way, if it does, in points (F, 11, 3) m, V up."""
    window = max(1, round(WINDOW_S * rate_hz))
    ways = points[window:, 0, :2] - points[:-window, 0, :2]
    fast = ways[np.linalg.norm(ways, axis=1) > FAST_M_S * WINDOW_S]  # NaN is not
    if len(fast) > FEW * len(ways) and np.linalg.norm(fast.mean(axis=0)) < STRAIGHT * np.linalg.norm(fast, axis=1).mean():
        raise ValueError("A recording goes one way; here the runner turns. Cut it into a file for each way.")


def _planted(points, rate_hz):
    """Give the velocities (N, 3) m/s of planted feet, heel and toe's mean: first of the lowest frames, then of all that move alike."""
    velocity = _velocity(points, rate_hz)
    pelvis, feet = pelvis_velocity(points, rate_hz), []
    for pair in FEET.values():
        height, each = points[:, pair, 2].mean(axis=1), velocity[:, pair].mean(axis=1)
        seen = np.isfinite(height) & np.isfinite(each).all(axis=1)
        feet.append(each[seen & (height <= np.quantile(height[seen], LOW))] if seen.any() else each[:0])
    found = np.concatenate(feet)
    if not len(found):
        raise ValueError(f"A foot is seen for {2 * SPREAD_S:.2f} s on end at least; here it never is. Track it again, or leave the recording out.")
    for _ in range(ROUNDS):
        middle = np.median(found, axis=0)[:2]
        near = SAME * np.linalg.norm(pelvis - middle)
        alike = [(np.linalg.norm(velocity[:, pair, :2] - middle, axis=2) < near).all(axis=1) for pair in FEET.values()]
        again = np.concatenate([velocity[rows][:, pair].mean(axis=1) for rows, pair in zip(alike, FEET.values(), strict=True)])
        if not len(again):
            break
        found = again
    return found


def _velocity(points, rate_hz):
    """Differentiate points (F, 11, 3) m over 2 SPREAD_S, so that jitter of cameras does not hide what moves alike -> m/s; NaN at the ends."""
    spread = max(1, round(SPREAD_S * rate_hz))
    velocity = np.full(points.shape, np.nan)
    velocity[spread:-spread] = (points[2 * spread:] - points[:-2 * spread]) * rate_hz / (2 * spread)
    return velocity


def _find_ahead(level, relative, belt, stands):
    """Find the running direction (3,) of points (F, 11, 3) m, V up; `relative` (2,) m/s is the pelvis' velocity as seen from the planted foot."""
    if stands:
        relative = np.nanmean(level[:, TOES] - level[:, HEELS], axis=(0, 1))[:2]
    if belt or stands:
        return tracks.aligned(relative)
    try:
        ahead = tracks.heading(level)
    except tracks.Excluded as reason:
        raise ValueError(f"Overground the pelvis travels; here: {reason}. Say that it is a treadmill (--treadmill), or cut the recording.") from None
    return ahead


def _renamed(up):
    return up[0] + {"x": "AP", "y": "ML", "z": "V"}[up[1]]


def _name(direction):
    """Name a direction (3,) by a signed axis, or by its components."""
    axis = int(np.argmax(np.abs(direction)))
    if abs(direction[axis]) > 1 - 1e-9:
        return ("+" if direction[axis] > 0 else "-") + "xyz"[axis]
    return "(" + ", ".join(f"{each:.2f}" for each in direction) + ")"


def _why(belt, stands):
    if stands:
        return "where the feet point: nobody is seen to travel"
    return "against which the planted foot moves, and where the feet point" if belt else "along the pelvis' path, and where the feet point"


def _how(belt, found, given, pelvis, foot):
    seen = f"the planted foot moves at {np.linalg.norm(foot):.2f} m/s, the pelvis at {np.linalg.norm(pelvis):.2f} m/s"
    against = ", though the points look otherwise" if given and belt != found else ""
    return f"treadmill: {'yes' if belt else 'no'}{', as given' if given else ''}{against} ({seen})"
