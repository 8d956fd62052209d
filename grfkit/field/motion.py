"""The motion of 11 points -> footsteps, and what a kernel sees of them: the motion about a moment or over a contact.

The mean travel of the pelvis is subtracted, so that recordings on a treadmill and overground look alike. Footsteps are
rows of a table with `file`, `side` and times in s; `motions` maps a file to its Motion.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.interpolate import CubicSpline
from scipy.signal import find_peaks
from scipy.special import ndtri

from grfkit import transform
from grfkit.estimators.samples import CORE_NODES, EDGE_NODES, KINDS
from grfkit.points import FEET, HEELS, POINTS, mirrored

PELVIS_HZ = 5.0  # the pelvis goes up and down with each step, some 3 times a second: our choice
SHORTEST_STEP_S, LEAST_SINK_M = 0.2, 0.01  # minima closer than this, or less deep, are no footsteps: our choice
IMPULSE = 500  # frames either side of an impulse, longer than any low-pass rings: our choice
MOST_SHARE = 0.35  # highest cutoff, as a share of the camera rate, for slow cameras: our choice
# Heels and toes at their lowest are so high above the ground, m: 0 to .05 in virtual and real recordings. Where they
# are, V = 0 is the ground; elsewhere the ground is taken USUAL_M below them. Our choice.
ON_GROUND_M, USUAL_M = (-0.03, 0.10), 0.02
LOWEST_PCT = 2.0  # of frames: a single wrong frame is no ground; our choice
ENDS = [point for ends in FEET.values() for point in ends]


class Motion(NamedTuple):
    """The points of one recording as a curve in time: (11, 3) m at times in s, from `first_s` to `last_s`.

    Except in gaps, the points were measured at spline(t) + t * way_m_s at time t.
    """

    spline: CubicSpline
    way_m_s: np.ndarray  # (3,) the mean velocity of the pelvis over the ground, up excepted
    rate_hz: float
    first_s: float
    last_s: float
    gaps: np.ndarray  # (G, 2) s, in which points are missing for longer than a spline may bridge
    noise_m: float  # SD of what jitters from frame to frame, by what the low-pass took away

    def seen(self, first, last):
        """Mark the spans of time, first to last (S,) s, that lie in the recording and in no gap: (S,) bool."""
        inside = (first >= self.first_s) & (last <= self.last_s)
        return inside & ~((first[:, None] < self.gaps[:, 1]) & (last[:, None] > self.gaps[:, 0])).any(axis=1)


def from_points(points, rate_hz, *, cutoff_hz, max_gap_s):
    """Turn points (F, 11, 3) m, NaN where missing, into a Motion: gaps bridged, low-passed, less the pelvis' mean way.

    The cutoff is lowered for slow cameras. Raises ValueError if fewer than 16 frames show all points.
    """
    there = np.isfinite(points).all(axis=2)
    seen = np.flatnonzero(there.all(axis=1))
    if len(seen) < 16:
        raise ValueError(
            f"A recording needs all 11 points in at least 16 frames; found {len(seen)}. Export more frames, or "
            "leave it out."
        )
    frames, whole = np.arange(seen[0], seen[-1] + 1), points[seen[0] : seen[-1] + 1].copy()
    for point in np.flatnonzero(~there[frames].all(axis=0)):
        whole[:, point] = CubicSpline(np.flatnonzero(there[:, point]), points[there[:, point], point])(frames)
    times = frames / rate_hz
    way = np.append(np.polyfit(times, whole[:, 0, :2], 1)[0], 0.0)
    whole -= times[:, None, None] * way  # before the filter, which distorts the ends of a steady travel
    cutoff_hz = cutoff_hz and min(cutoff_hz, MOST_SHARE * rate_hz)
    smooth = transform.lowpass(whole, cutoff_hz=cutoff_hz, rate_hz=rate_hz) if cutoff_hz else whole
    noise = _noise((whole - smooth)[np.isin(frames, seen)], cutoff_hz, rate_hz)
    gaps = np.concatenate([_gaps(np.flatnonzero(point), max_gap_s * rate_hz) for point in there.T]) / rate_hz
    return Motion(CubicSpline(times, smooth), way, float(rate_hz), times[0], times[-1], gaps, noise)


def _noise(removed, cutoff_hz, rate_hz):
    """Estimate the SD (m) of white noise on points from what a low-pass `removed` (F, 11, 3) m.

    It is the root mean square over coordinates. Each coordinate counts by its median size, over that of a normal
    deviate: neither impacts of the foot nor a few wrong frames are noise.
    """
    if not cutoff_hz:
        return 0.0
    impulse = np.zeros(2 * IMPULSE + 1)
    impulse[IMPULSE] = 1
    share = np.linalg.norm(impulse - transform.lowpass(impulse, cutoff_hz=cutoff_hz, rate_hz=rate_hz))  # of white noise
    return float(np.sqrt(np.mean((np.median(np.abs(removed), axis=0) / ndtri(0.75) / share) ** 2)))


def _gaps(seen, most):
    """Give the gaps (G, 2) of more than `most` frames between frames (N,) in which a point was seen."""
    wide = np.flatnonzero(np.diff(seen) > most + 1)
    return np.stack([seen[wide], seen[wide + 1]], axis=1)


def find_footsteps(motions):
    """Find the footsteps: a table of file, side, mid_s.

    The pelvis is lowest at mid-stance, on the foot whose heel is lower. Source: our choice; in 66 recordings of running
    on a treadmill each of 5,629 stances is found once (notebook 10_field).
    """
    rows = []
    for file, moved in motions.items():
        times = np.arange(moved.first_s, moved.last_s, 1 / moved.rate_hz)
        height = transform.lowpass(moved.spline(times)[:, 0, 2], cutoff_hz=PELVIS_HZ, rate_hz=moved.rate_hz)
        lowest = times[
            find_peaks(-height, distance=max(1, SHORTEST_STEP_S * moved.rate_hz), prominence=LEAST_SINK_M)[0]
        ]
        heels = moved.spline(lowest)[:, HEELS, 2]
        rows += [(file, "l" if left < right else "r", time) for time, (left, right) in zip(lowest, heels, strict=True)]
    return pd.DataFrame(rows, columns=["file", "side", "mid_s"]).astype({"mid_s": float})


def about(motions, footsteps, moments, *, reach_s, nodes):
    """Lay out the motion about one of the `moments` (S,) s of each footstep: {kind: (window, nothing)}.

    A window is (S, nodes, 11, 3), from `reach_s` before to after; positions in m from where the pelvis is above the
    ground at mid-stance; left legs mirrored.
    """
    times = moments[:, None] + np.linspace(-reach_s, reach_s, nodes)
    return _laid_out(motions, footsteps, times, np.empty((len(footsteps), 0)), footsteps["mid_s"].to_numpy())


def over(motions, contacts, *, padding_s):
    """Lay out the motion over each contact, as samples.curve_inputs does: {kind: (stance, padding)}.

    `contacts` hold touchdown_s and toeoff_s. Positions in m from where the pelvis is above the ground at touchdown;
    left legs mirrored.
    """
    first, last = (contacts[name].to_numpy()[:, None] for name in ("touchdown_s", "toeoff_s"))
    core = first + (last - first) * np.linspace(0, 1, CORE_NODES)
    return _laid_out(motions, contacts, core, edge_times(first, last, padding_s), first[:, 0])


def edge_times(first, last, padding_s):
    """Give the moments (S, 6) s of the padding of contacts from `first` to `last` (S, 1) s, outermost first."""
    before = padding_s * (1 - np.linspace(0, 1, EDGE_NODES, endpoint=False))
    return np.concatenate([first - before, last + before], axis=1)


def paths(motions, footsteps, times, origins):
    """Read where the points are at `times` (S, N) s: (S, N, 11, 3) m, laid out as `about` and `over` do.

    `origins` (S,) s are the moments at which the pelvis is above the origin.
    """
    return _laid_out(motions, footsteps, times, np.empty((len(footsteps), 0)), origins)["positions"][0]


def _laid_out(motions, footsteps, core, edges, origins):
    """Read the motion at times core (S, N) and edges (S, M) s; beyond a recording all stays as at its end."""
    inputs = {
        kind: tuple(np.empty((*times.shape, len(POINTS), 3), np.float32) for times in (core, edges)) for kind in KINDS
    }
    left = (footsteps["side"] == "l").to_numpy()
    for file, rows in footsteps.groupby("file", sort=False).indices.items():
        spline, first, last = motions[file].spline, motions[file].first_s, motions[file].last_s
        ground = spline(origins[rows])[:, 0] * [1, 1, 0]
        for order, kind in enumerate(KINDS):
            for part, times in zip(inputs[kind], (core, edges), strict=True):
                values = spline(np.clip(times[rows], first, last), order)
                part[rows] = values - ground[:, None, None] if order == 0 else values
    for part in (part for pair in inputs.values() for part in pair):
        part[left] = mirrored(part[left])
    return inputs


def find_ground(points):
    """Find the V (m) of the ground under points (F, 11, 3) m; returns it, and a sentence if it is not 0."""
    lowest = float(np.nanpercentile(np.fmin.reduce(points[:, ENDS, 2], axis=1), LOWEST_PCT))
    if _on_ground(lowest):
        return 0.0, []
    ground = lowest - USUAL_M
    return ground, [
        f"Heels and toes are {lowest:.2f} m high at their lowest, so the ground is not at 0; it was assumed to be "
        f"{100 * USUAL_M:.0f} cm below them, at {ground:.3f} m."
    ]


def lay_on_ground(points, inputs):
    """Move points (F, 11, 3) m onto the ground of the stances that trained a model; returns points, a text if moved.

    `inputs` are those of its training stances. If these were not on V = 0 either, nothing is moved. Without this step,
    points that are 20 cm too high change the vertical force by .1 BW.
    """
    ground, said = find_ground(points)
    trained = np.median(inputs["positions"][0][..., ENDS, 2].min(axis=(1, 2)))
    if not said or not _on_ground(trained):
        return points, []
    return points - [0.0, 0.0, ground], [said[0][0].lower() + said[0][1:].rstrip(".")]


def _on_ground(lowest):
    return ON_GROUND_M[0] <= lowest <= ON_GROUND_M[1]
