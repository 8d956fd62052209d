"""Landmarks stored compactly: the path of each step as 16-bit integers, from which the inputs of a kernel are computed.

In: positions of a step's points at evenly spaced moments. Out: positions, velocities and accelerations at its nodes, by
a cubic spline through the path. A model is fitted to the decoded paths, not to the original steps, so that rounding
costs nothing afterwards. Arrays: M landmarks, N moments, P points.
"""

from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline

from grfkit.estimators.samples import KINDS
from grfkit.points import POINTS

BLOCK = 250  # landmarks that are decoded at a time: 60 MB; our choice
MOST_NODES = 1000  # of a step, twenty times those of the studies: our choice
REACH_M = (0.001, 100.0)  # distance from the start of a step, wider limits than any runner reaches: our choice
CLOCK = ["first_s", "step_s", "start_s", "end_s"]  # of a path's moments, and of the nodes over it


class Codes(NamedTuple):
    """Coded landmarks: `path` (M, N, P, 3) integers of `scale_m`, `clock` (M, 4) as CLOCK, `edges` (M, E) s, `times`.

    Nodes are `nodes` even moments from start to end, and those of `edges`; `times` (M, 2) s are those of a stance and
    of the flight after it, or (M, 0).
    """

    path: np.ndarray
    clock: np.ndarray
    edges: np.ndarray
    times: np.ndarray
    scale_m: float
    nodes: int

    def inputs(self):
        """Give the inputs {kind: (stance, padding)}, as samples.curve_inputs lays them out, in half precision."""
        blocks = [self._decoded(slice(first, first + BLOCK)) for first in range(0, len(self.path), BLOCK)]
        inputs = {
            kind: tuple(np.concatenate([block[kind][part] for block in blocks]) for part in (0, 1)) for kind in KINDS
        }
        if self.times.shape[1]:
            inputs["times"] = self.times.astype(np.float16), np.empty((len(self.times), 0), np.float16)
        return inputs

    def describe(self):
        """Give arrays {name: array}, and a description that JSON can hold; `restore` inverts it."""
        arrays = {name: getattr(self, name) for name in ("path", "clock", "edges", "times")}
        return arrays, {"scale_m": self.scale_m, "nodes": self.nodes}

    def _decoded(self, rows):
        first, step, start, end = self.clock[rows].T.astype(float)
        core = start[:, None] + (end - start)[:, None] * np.linspace(0, 1, self.nodes)
        coefficients = CubicSpline(
            np.arange(self.path.shape[1]), self.scale_m * self.path[rows].astype(float), axis=1
        ).c  # (4, N - 1, M, P, 3) after this: scipy puts the axis of the spline first
        parts = [(times - first[:, None]) / step[:, None] for times in (core, self.edges[rows].astype(float))]
        return {
            kind: tuple(
                (_read(coefficients, part, order) / step[:, None, None, None] ** order).astype(np.float16)
                for part in parts
            )
            for order, kind in enumerate(KINDS)
        }


def encode(path, clock, edges, times, *, nodes):
    """Round a path (M, N, P, 3) m to 16-bit integers; returns Codes. The other arguments are those of Codes."""
    scale_m = float(np.abs(path).max() / np.iinfo(np.int16).max)
    rounded = np.round(path / scale_m).astype(np.int16)
    return Codes(rounded, *(np.asarray(each, np.float32) for each in (clock, edges, times)), scale_m, nodes)


def restore(arrays, description):
    """Invert Codes.describe. Raises ValueError for what cannot be the codes of steps."""
    codes = Codes(**{name: arrays[name] for name in ("path", "clock", "edges", "times")}, **description)
    if wrong := _wrong(codes):
        raise ValueError(
            "Coded steps have a path of 16-bit integers, a clock that rises within it, and nodes; here "
            f"{wrong}. Copy the folder from its source again."
        )
    return codes


def mix(dual, rank):
    """Part weights (M, Q, C) of this rank in each component: {"mixed": (M, rank, C), "curves": (rank, Q, C)}."""
    rank = min(rank or dual.shape[1], *dual.shape[:2])
    left, sizes, right = np.linalg.svd(np.moveaxis(dual, 2, 0), full_matrices=False)
    parts = {"mixed": left[..., :rank] * sizes[:, None, :rank], "curves": right[:, :rank]}
    return {name: np.ascontiguousarray(np.moveaxis(part, 0, 2)) for name, part in parts.items()}


def unmix(arrays):
    """Invert `mix`: weights (M, Q, C). Raises ValueError for parts of which each stretches to fit the other."""
    mixed, curves = (arrays[name].shape for name in ("mixed", "curves"))
    if len(mixed) != 3 or len(curves) != 3 or mixed[1:] != (curves[0], curves[2]):
        raise ValueError(
            f"Weights of a rank are mixed (M, rank, C) from curves (rank, Q, C); found {mixed} and {curves}. Copy "
            "the folder from its source again."
        )
    return np.einsum("mrc,rqc->mqc", arrays["mixed"], arrays["curves"])


def _wrong(codes):
    """Say what is impossible in codes; "" if nothing is wrong."""
    steps, moments = (*codes.path.shape, 0, 0)[:2]
    number, nodes, scale_m = (int, float), codes.nodes, codes.scale_m
    shapes = {  # (found, the shapes that are possible)
        "path": (codes.path.shape, [(steps, moments, len(POINTS), 3)]),
        "clock": (codes.clock.shape, [(steps, len(CLOCK))]),
        "edges": (codes.edges.shape, [(steps, *codes.edges.shape[1:2])]),
        "times": (codes.times.shape, [(steps, 0), (steps, 2)]),
    }
    for name, (found, expected) in shapes.items():
        if found not in expected or len(found) < 2 or not steps or moments < 2:
            return f"{name} has the shape {found} for {steps} steps"
    if codes.path.dtype != np.int16:
        return f"path is {codes.path.dtype}"
    if type(nodes) is not int or not 2 <= nodes <= MOST_NODES:
        return f"nodes are {nodes!r:.20}"
    if type(scale_m) not in number or not REACH_M[0] < scale_m * np.iinfo(np.int16).max < REACH_M[1]:
        return f"scale_m is {scale_m!r:.20}"
    first, step, start, end = codes.clock.T.astype(float)
    read = np.column_stack([start, end, codes.edges])  # a moment more than a step beyond its path belongs to another
    beyond = (read < (first - step)[:, None]) | (read > (first + step * moments)[:, None])
    if (step <= 0).any() or (end <= start).any() or beyond.any():
        return "clock and edges do not rise, or are outside the path"
    return ""


def _read(coefficients, moments, order):
    """Read splines at `moments` (M, n), in steps from the first: values or derivatives (M, n, P, 3) by step."""
    index = np.clip(moments.astype(int), 0, coefficients.shape[1] - 1)
    past = (moments - index)[..., None, None]
    a, b, c, d = coefficients[:, index, np.arange(len(moments))[:, None]]
    return [
        lambda: ((a * past + b) * past + c) * past + d,
        lambda: (3 * a * past + 2 * b) * past + c,
        lambda: 6 * a * past + 2 * b,
    ][order]()
