"""The 11 points of one recording as curves in time.

In: points (F, 11, 3) m, NaN where missing. Out: points at any times; short gaps are bridged, long ones raise Excluded.
"""

import numpy as np
from scipy.interpolate import CubicSpline, PPoly

from grfkit import transform
from grfkit.points import HEELS, Excluded

FEWEST_FRAMES = 16  # of which a filter can be made: our choice


def of(points, rate_hz, settings):
    """Make the Tracks of points (F, 11, 3) m with the filter and the limits of a study's Preprocessing."""
    limits = {"max_gap_s": settings.checks.max_gap_s, "missing_share": settings.checks.missing_share}
    return Tracks(points, rate_hz, cutoff_hz=settings.points_cutoff_hz, **limits)


class Tracks:
    """The 11 points of a recording as curves in time: `points` (F, 11, 3) m with NaN where missing.

    A gap up to `max_gap_s` is bridged by the spline. `at` refuses times in a longer gap, outside the recording, or
    with more than `missing_share` of the frames missing.
    """

    def __init__(self, points, rate_hz, *, cutoff_hz, max_gap_s, missing_share):
        seen = np.flatnonzero(np.isfinite(points).all(axis=(1, 2)))
        self.times, self.rate_hz, self.max_gap_s, self.missing_share = seen / rate_hz, rate_hz, max_gap_s, missing_share
        if len(seen) < FEWEST_FRAMES:
            self.times = self.times[:0]
            return
        times, values = self.times, points[seen]
        if cutoff_hz and seen[-1] - seen[0] >= len(seen):  # a filter needs even steps
            times = np.arange(seen[0], seen[-1] + 1) / rate_hz
            values = CubicSpline(self.times, values)(times)
        if cutoff_hz:
            values = transform.lowpass(values, cutoff_hz=cutoff_hz, rate_hz=rate_hz)
        self.spline = CubicSpline(times, values)

    def at(self, times):
        """Give the points (T, 11, 3) m at increasing times (T,) s; raises Excluded if they were not seen."""
        inside = self.times[(self.times >= times[0]) & (self.times <= times[-1])]
        before = self.times[self.times <= times[0]][-1:]
        after = self.times[self.times >= times[-1]][:1]
        if not len(before) or not len(after):
            raise Excluded("points missing at the start or the end")
        longest = np.diff(np.concatenate([before, inside, after])).max() - 1 / self.rate_hz
        if longest > self.max_gap_s + 1e-9:
            raise Excluded(f"points missing for more than {1000 * self.max_gap_s:.0f} ms")
        expected = (times[-1] - times[0]) * self.rate_hz
        if expected - len(inside) > self.missing_share * expected + 1:  # the window's place can cost one frame
            raise Excluded(f"points missing in more than {100 * self.missing_share:.0f} % of frames")
        return self.spline(times)

    def side(self, time):
        """Name the foot whose heel is lower at a time: l, r, or "" if the points were not seen."""
        try:
            left, right = self.at(np.array([time]))[0, HEELS, 2]
        except Excluded:
            return ""
        return "l" if left < right else "r"

    def pelvis_height(self, times):
        """Give the height (T,) m of the pelvis at times (T,) s; before the first and after the last frame it stays."""
        height = PPoly(self.spline.c[..., 0, 2], self.spline.x)  # only this coordinate of all points
        return height(np.clip(times, self.times[0], self.times[-1]))
