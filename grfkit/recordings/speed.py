"""Measure how the runner, the planted foot and the belt move, from the 11 points alone.

In: points (F, 11, 3) m with V up; their horizontal axes may point anywhere, except for `slope_note`. Out: velocities,
speed, incline. A planted foot stands still on the ground, or moves backwards with the belt of a treadmill.
"""

import numpy as np

from grfkit.points import FEET, Note

LOW = 0.10  # lowest share of a foot's frames, which show it planted in round 1: our choice; it is flat for longer
SPREAD_S = 0.02  # before and after a frame, for its velocity: our choice, a fifth of the shortest stances
SAME = 0.10  # of the running speed: tolerance for heel and toe of a planted foot; our choice, .05 to .20 tried
ROUNDS = 3  # in which planted frames are chosen: our choice
FEWEST = 0.03  # share of frames that count as planted at least, even if they are noisy: our choice
WINDOW_S = 0.5  # in which the pelvis can be seen to travel: our choice
FAST_M_S = 0.6  # its least speed in such a window; on a treadmill it sways by less: our choice
FEW = 0.1  # share of such windows above which their direction is checked: our choice
STRAIGHT = 0.9  # net distance over path length, .9 for a bend of 90 degrees: our choice
ROLL_DEG = 1.2  # by which a planted foot seems to rise as it moves backwards: the mean of rbds, whose belt is level
SLOPE_DEG = 3.0  # incline of belt or ground that gives a warning: our choice; level belts of rbds are within 1.5
SHORTEST_PATH_M = 0.5  # path of a pelvis that shows the running direction: our choice
MEDIAN_SE = np.sqrt(np.pi / 2)  # standard error of a median over that of a mean, of normal deviates


def path_velocity(place, rate_hz, *, shortest_s=0.0):
    """Measure the mean horizontal velocity (2,) m/s of a place (F, 3) m, from its first to its last frame.

    NaN if these are not further apart than `shortest_s`.
    """
    seen = np.flatnonzero(np.isfinite(place).all(axis=1))
    if not len(seen) or seen[-1] - seen[0] <= shortest_s * rate_hz:
        return np.full(2, np.nan)
    return (place[seen[-1], :2] - place[seen[0], :2]) * rate_hz / (seen[-1] - seen[0])


def pelvis_velocity(points, rate_hz):
    """Measure the mean horizontal velocity (2,) m/s of the pelvis."""
    return path_velocity(points[:, 0], rate_hz)


def pelvis_path(points):
    """Give the places (N, 3) m of the pelvis in the frames in which it was seen."""
    return points[np.isfinite(points[:, 0]).all(axis=1), 0]


def planted_velocity(points, rate_hz):
    """Measure the horizontal velocity (2,) m/s of the planted foot, a median.

    Raises ValueError if no foot is seen for long enough.
    """
    return np.median(_planted(points, rate_hz), axis=0)[:2]


def speed(points, rate_hz, *, treadmill):
    """Measure the speed (m/s): on a treadmill that of the planted foot, which is the belt's; overground the pelvis'."""
    return float(np.linalg.norm((planted_velocity if treadmill else pelvis_velocity)(points, rate_hz)))


def check_straight(points, rate_hz):
    """Check that the pelvis, if it travels, goes one way: raises ValueError for a runner who turns."""
    window = max(1, round(WINDOW_S * rate_hz))
    ways = points[window:, 0, :2] - points[:-window, 0, :2]
    fast = ways[np.linalg.norm(ways, axis=1) > FAST_M_S * WINDOW_S]  # NaN is not
    if (
        len(fast) > FEW * len(ways)
        and np.linalg.norm(fast.mean(axis=0)) < STRAIGHT * np.linalg.norm(fast, axis=1).mean()
    ):
        raise ValueError(
            "In a recording the runner must go one way; here the runner turns. Cut it into a file for each direction."
        )


def slope_note(points, rate_hz, *, treadmill):
    """Say whether belt, path or axis up is inclined, from points (F, 11, 3) m in AP, ML, V: a list of Note."""
    degrees, error = (_belt_slope if treadmill else _path_slope)(points, rate_hz)
    if abs(degrees) - error <= SLOPE_DEG:
        return []
    return [
        Note(
            f"incline: {'the belt' if treadmill else 'the path'} goes {'up' if degrees > 0 else 'down'} by about "
            f"{abs(degrees):.0f} degrees, or the "
            "axis up is tilted; inclines are not handled: the forces are those of level running",
            is_warning=True,
        )
    ]


def _belt_slope(points, rate_hz):
    """Measure by how many degrees a belt goes up, and two standard errors of this angle.

    On a belt that goes up, a planted foot sinks as it moves backwards.
    """
    planted = _planted(points, rate_hz)
    along, _, rise = np.median(planted, axis=0)
    error = MEDIAN_SE * planted[:, 2].std() / np.sqrt(len(planted)) / np.hypot(along, rise)
    return ROLL_DEG - np.degrees(np.arctan2(rise, -along)), np.degrees(2 * error)


def _path_slope(points, rate_hz):
    """Measure by how many degrees the pelvis' path goes up; 0 if it is too short to show it."""
    path = pelvis_path(points)
    if np.ptp(path[:, 0]) <= SHORTEST_PATH_M:
        return 0.0, 0.0
    return np.degrees(np.arctan(np.polyfit(path[:, 0], path[:, 2], 1)[0])), 0.0


def _planted(points, rate_hz):
    """Give the velocities (N, 3) m/s of planted feet, means of heel and toe.

    The lowest frames are chosen first; then all frames in which the foot moves in the same way.
    """
    feet = points[:, list(FEET.values())]  # (F, foot, heel and toe, 3)
    velocity = _velocity(feet, rate_hz)
    height = np.where(np.isfinite(velocity).all(axis=(2, 3)), feet[..., 2].mean(axis=2), np.nan)
    if np.isnan(height).all():
        raise ValueError(
            f"A foot must be seen for at least {2 * SPREAD_S:.2f} s without a gap; here it never is. Track it again, "
            "or leave the recording out."
        )
    chosen, pelvis = height <= np.nanquantile(height, LOW, axis=0), pelvis_velocity(points, rate_hz)
    for _ in range(ROUNDS):
        middle = np.median(velocity[chosen].mean(axis=1), axis=0)[:2]
        off = np.linalg.norm(velocity[..., :2] - middle, axis=3).max(axis=2)  # (F, foot), NaN where not seen
        chosen = off <= max(SAME * np.linalg.norm(pelvis - middle), np.nanquantile(off, FEWEST))
    return velocity[chosen].mean(axis=1)


def _velocity(places, rate_hz):
    """Differentiate places (F, ...) m over 2 SPREAD_S, longer than the jitter of cameras -> m/s, NaN at both ends."""
    spread = max(1, round(SPREAD_S * rate_hz))
    velocity = np.full(places.shape, np.nan)
    velocity[spread:-spread] = (places[2 * spread :] - places[: -2 * spread]) * rate_hz / (2 * spread)
    return velocity
