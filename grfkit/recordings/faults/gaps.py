"""Gaps in the motion of points, however a file stores them.

In: points (F, P, 3) m. Out: the same points, NaN where a point was stored as (0, 0, 0), held at its last value, or
filled in by a straight line. A gap that was filled by a curve cannot be told from motion.
"""

from typing import NamedTuple

import numpy as np

from grfkit.points import POINTS, Note

FINEST_M = 1e-5  # finer than any camera measures, coarser than single precision and six digits: our choice
FEWEST = 3  # steps from frame to frame in a stretch, because two frames may lie on a line by chance: our choice
SHORTEST_S = 0.025  # of a stretch: in 87 recordings of running no point moves so straight for so long; our choice
SLOW_M_S2 = 0.36  # a planted foot in rounded data accelerates by more than this: our choice, measured on runners
SOFT_M_S2 = 75.0  # a planted foot comes to rest, and leaves, with less: our choice; a simulated foot had 60
JUMP = 2.0  # times the next step, which is longer if a point comes to rest or leaves by itself: our choice
SAME_M_S = 0.5  # by which the velocities of two planted feet may differ: our choice
FASTEST_M_S = 30.0  # no point of a runner is faster: our choice, twice a sprinter's foot
MOVING_M_S = 0.3  # mean speed of the other points above which somebody moves: our choice, as in orientation


class Stretch(NamedTuple):
    """A stretch of a point, straight in time: its first and last frame, and its velocity (3,) m/s.

    `kinks` are the changes of velocity (m/s) at its beginning and its end, 0 if the point was not seen beyond; `beyond`
    are the differences of velocity one frame further.
    """

    point: int
    first: int
    last: int
    velocity: np.ndarray
    kinks: list
    beyond: list


def blank_zeros(points):
    """Set a point of points (F, P, 3) to NaN where one coordinate is missing or all are 0."""
    missing = ~np.isfinite(points).all(axis=2) | (points == 0).all(axis=2)
    return np.where(missing[..., None], np.nan, points)


def blank_fills(points, rate_hz):
    """Set points (F, P, 3) m to NaN where they were held, or filled in by a straight line, while the others moved.

    Within the resolution of the data, such a stretch is straight for longer than a slow point's own motion can be,
    which is sqrt(8 resolution / acceleration); a held stretch that ends with a jump may be shorter. In smooth or
    rounded data planted feet rest for longer: a stretch that begins and ends softly stays if another point rests
    similarly at another time. Returns `points` themselves if nothing was filled in. Source: our choice, from physics.
    """
    if _plainly_none(points, _count(rate_hz, 0)):
        return points
    steps = np.diff(points, axis=0)
    sizes = np.abs(steps)
    finest = np.min(sizes, where=sizes > 0, initial=np.inf)
    within = max(FINEST_M, 1.001 * finest)  # of a line: both its ends are rounded
    if not np.isfinite(within):
        return points
    soft = SOFT_M_S2 / rate_hz + np.sqrt(2 * SOFT_M_S2 * within) + 2 * within * rate_hz
    count, shortest = _count(rate_hz, within), _count(rate_hz, 0)
    straight = _straight(steps, points, count, within)
    found = _stretches(points, steps, straight, within, rate_hz)
    if count > shortest:
        held = _straight(steps, points, shortest, 0.0, held=True) & ~straight
        found += [each for each in _stretches(points, steps, held, 0.0, rate_hz) if _jumps(each, soft)]
        straight |= held
    found = _moving(found, straight, points, rate_hz, soft)
    fills = [each for each in found if max(each.kinks) > soft]
    rests = [each for each in found if max(each.kinks) <= soft]
    if rests:
        others = _straight(steps, points, max(FEWEST - 1, -(-count // 2)), within)
        for each in fills:
            others[each.first : each.last, each.point] = False
        others = _stretches(points, steps, others, within, rate_hz)
        fills += [each for each in rests if not any(_alike(each, other) for other in others)]
    if not fills:
        return points
    blanked = points.copy()
    for each in fills:
        blanked[_filled(points, each, within), each.point] = np.nan
    return blanked


def in_markers(markers, rate_hz):
    """Blank the fills of markers {name: (F, 3) m}; returns the same dictionary if there are none."""
    if not markers:
        return markers
    points = np.stack([xyz.T for xyz in markers.values()], axis=1).T  # the memory layout of c3d, which saves time
    blanked = blank_fills(points, rate_hz)
    return markers if blanked is points else dict(zip(markers, np.moveaxis(blanked, 1, 0), strict=True))


def note(before, after):
    """Say which points (F, 11, 3) were blanked, and in how many frames: a list of Note."""
    lost = (np.isfinite(before) & ~np.isfinite(after)).all(axis=2).sum(axis=0)
    texts = [f"{point} in {count} frames" for point, count in zip(POINTS, lost, strict=True) if count]
    return [Note(f"treated as missing, because held or filled in by a straight line: {', '.join(texts)}")] * bool(texts)


def _count(rate_hz, within):
    """Count the steps of the longest stretch that may be a slow point's own motion, at a resolution `within` (m)."""
    return max(FEWEST, int(np.ceil(rate_hz * max(SHORTEST_S, np.sqrt(8 * within / SLOW_M_S2)) - 1e-6)))


def _plainly_none(points, count):
    """Tell quickly that fine points (F, P, 3) hold no stretch of `count` steps, by one frame in count - 1."""
    every = slice(None, None, max(count - 1, 1))
    before = points[1:-1][every] - points[:-2][every]
    sizes = np.abs(before)
    fine = np.min(sizes, where=sizes > 0, initial=np.inf) <= FINEST_M / 2
    bend = points[2:][every] - points[1:-1][every] - before
    return fine and not (np.abs(bend) <= 2 * FINEST_M).all(axis=2).any()


def _straight(steps, points, count, within, *, held=False):
    """Mark the steps of points (F, P, 3) that are `within` (m) of a line for `count` steps in a row: (F - 1, P) bool.

    With `held` the point stays in one place.
    """
    marks = np.zeros((len(points), points.shape[1]), np.int32)
    if count >= len(points):
        return marks[1:] > 0
    total = np.cumsum(np.pad(_even(steps, within), ((1, 0), (0, 0))), axis=0, dtype=np.int32)
    first, point = np.nonzero(total[count - 1 :] - total[: 1 - count] == count - 1)
    start, way = points[first, point], points[first + count, point] - points[first, point]
    line = (np.abs(way) <= within).all(axis=1) if held else np.ones(len(first), bool)
    for step in range(1, count):
        line &= (np.abs(points[first + step, point] - start - way * (step / count)) <= within).all(axis=1)
    first, point = first[line], point[line]
    marks[first, point] += 1
    marks[first + count, point] -= 1
    return np.cumsum(marks, axis=0)[:-1] > 0


def _even(steps, within):
    """Mark where two steps in a row are equal, (F - 2, P) bool: rounding changes them by at most twice `within`."""
    return (np.abs(np.diff(steps, axis=0)) <= 2 * within).all(axis=2)


def _stretches(points, steps, straight, within, rate_hz):
    """List the stretches of the steps that are marked in `straight` (F - 1, P), divided where they bend."""
    if not straight.any():
        return []
    joined = straight[1:] & straight[:-1] & _even(steps, within)
    begins, ends = straight.copy(), straight.copy()
    begins[1:] &= ~joined
    ends[:-1] &= ~joined
    return [
        _stretch(points[:, point], point, first, last + 1, rate_hz)
        for (point, first), last in zip(np.argwhere(begins.T), np.nonzero(ends.T)[1], strict=True)
    ]


def _stretch(place, point, first, last, rate_hz):
    """Measure the stretch of a place (F, 3) m from its first to its last frame."""
    slope = (place[last] - place[first]) / (last - first)

    def change(a, b, unknown):
        size = np.linalg.norm(place[b] - place[a] - slope) * rate_hz if a >= 0 and b < len(place) else np.nan
        return unknown if np.isnan(size) else float(size)

    kinks = [change(first - 1, first, 0.0), change(last, last + 1, 0.0)]
    beyond = [change(first - 2, first - 1, np.inf), change(last + 1, last + 2, np.inf)]
    return Stretch(int(point), int(first), int(last), slope * rate_hz, kinks, beyond)


def _jumps(stretch, soft):
    """Tell whether a stretch begins or ends with a jump; a point that comes to rest takes ever shorter steps."""
    return any(kink > max(soft, JUMP * beyond) for kink, beyond in zip(stretch.kinks, stretch.beyond, strict=True))


def _alike(rest, other):
    """Tell whether another point rests at another time, in the same way and at least half as long."""
    apart = other.point != rest.point and (other.last < rest.first or rest.last < other.first)
    long = 2 * (other.last - other.first) >= rest.last - rest.first
    return apart and long and np.linalg.norm(other.velocity - rest.velocity) < SAME_M_S


def _moving(stretches, straight, points, rate_hz, soft):
    """Keep the stretches in which the other points move, or next to which all move, as in a frozen stream."""
    if not stretches:
        return []
    reach = _count(rate_hz, 0)  # over so many frames rounding is no motion
    speeds = np.linalg.norm(points[reach:] - points[:-reach], axis=2) * rate_hz / reach
    speeds[straight[reach - 1 :] & straight[: len(speeds)]] = np.nan
    pace, seen = np.full(len(speeds), np.nan), np.isfinite(speeds).any(axis=1)
    pace[seen] = np.nanmedian(speeds[seen], axis=1)  # of points: a ghost that jumps is no motion

    def moves(each):
        inside = pace[each.first : each.last + 1 - reach]
        beside = [*pace[max(each.first - reach, 0) : each.first], *pace[each.last : each.last + 1]]
        there = inside[np.isfinite(inside)]
        if len(there):
            return there.mean() > MOVING_M_S
        return max(each.kinks) > soft and np.nanmax([0.0, *beside]) > MOVING_M_S

    return [each for each in stretches if moves(each)]


def _filled(points, stretch, within):
    """Give the frames of a stretch that were not seen: all except its ends, or except the frame whose place was held.

    If a point was held at a place that it cannot have come from, no frame was seen.
    """
    place, first, last = points[:, stretch.point], stretch.first, stretch.last
    if np.abs(place[last] - place[first]).max() > within:
        return slice(first + 1, last)
    if first == 0 and last + 1 == len(points):
        return slice(None)
    if all(kink > FASTEST_M_S for kink in stretch.kinks if kink):  # a sign for a missing point, such as -999
        return slice(first, last + 1)
    forward = first > 0 and (last + 1 == len(points) or stretch.kinks[0] <= stretch.kinks[1])
    return slice(first + 1, last + 1) if forward else slice(first, last)
