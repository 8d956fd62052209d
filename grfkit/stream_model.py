"""What a causal estimator is: how it sees the last moments of the points, the network it puts them through, and the folder it travels in.

It knows a right foot only; a left one is a right one in the mirror. Axes: N frames, W frames of a window, K lags.
"""

from dataclasses import asdict, dataclass
from functools import lru_cache

import numpy as np
from scipy.interpolate import BSpline
from scipy.special import expit

from grfkit import DIRECTIONS, POINTS, model_folder

DEGREE, FINE = 4, 200  # of the splines, whose third derivative is penalised, and nodes of that integral: our choice
HORIZONTAL = np.array([1.0, 1.0, 0.0])
GRAPH_HZ = 150.0  # camera rate of the exported graph, that of rbds: our choice
ABOUT = (f"Forces of the right foot from one window of camera frames, newest last, at {GRAPH_HZ:g} Hz. Points in the order {', '.join(POINTS)}; AP forward, "
         "ML to the left, V up from the ground, m, from a place nearby. For the left foot mirror: ML sign and left and right points exchanged, and the "
         "force's ML sign back. A foot whose vertical force is below contact_bw is off the ground.")


@dataclass(frozen=True)
class Settings:
    """How the motion is seen and what is given: s, Hz and BW; see notebook 12_stream and the study file."""

    window_s: float
    nodes: int
    knots: int
    cutoff_hz: float
    max_gap_s: float
    lags_s: tuple
    contact_bw: float


@dataclass(frozen=True)
class Model:
    """A causal estimator: Settings, centre and scale (I,) of its inputs, and layers of (weights (in, out), bias (out,))."""

    settings: Settings
    centre: np.ndarray
    scale: np.ndarray
    layers: list


def estimate(model, inputs):
    """Estimate the right foot's force (N, K, 3) BW, K lags ago, from inputs (N, I) as grfkit.stream lays motion out."""
    values = (inputs - model.centre) / model.scale
    for number, (weights, bias) in enumerate(model.layers):
        values = values @ weights + bias
        if number < len(model.layers) - 1:
            values = values * expit(values)
    return values.reshape(len(inputs), -1, len(DIRECTIONS))


@lru_cache(maxsize=512)
def smoother(settings, micros):
    """Give what turns a window's frames into motion: (smooth, way), (3 * nodes, W) each, W frames at `micros` (whole us, the newest at 0).

    smooth @ one coordinate gives positions, velocities and accelerations at `nodes` equally spaced moments of the window, by a spline whose
    third derivative is penalised (Eilers & Marx 1996), so that any camera rate will do; way @ the pelvis gives where the pelvis would be, and how
    fast, had it gone on evenly: the newest place and the mean velocity.
    """
    times = np.array(micros) * 1e-6
    first = min(-settings.window_s, times[0])
    knots = np.concatenate([[first] * DEGREE, np.linspace(first, 0, settings.knots), [0] * DEGREE])
    splines, nodes = BSpline(knots, np.eye(len(knots) - DEGREE - 1), DEGREE), np.linspace(-settings.window_s, 0, settings.nodes)
    third, known = splines(np.linspace(first, 0, FINE), nu=3), splines(times)
    penalty = (2 * np.pi * settings.cutoff_hz) ** -6 * third.T @ third * (-first / FINE)
    spacing = np.median(np.diff(times))
    coefficients = np.linalg.solve(known.T @ known * spacing + penalty, known.T * spacing)
    smooth = np.stack([splines(nodes, nu=order) @ coefficients for order in range(3)])
    speed = smooth[1].mean(axis=0)
    way = np.stack([smooth[0, -1] + nodes[:, None] * speed, np.broadcast_to(speed, smooth[1].shape), np.zeros_like(smooth[2])])
    return smooth.reshape(-1, len(times)), way.reshape(-1, len(times))


def save(folder, model, *, card):
    """Save a Model as a folder that travels (grfkit.model_folder), with its ONNX graph, which must give the same forces."""
    from grfkit import onnx_export

    exported, rng = graph(model), np.random.default_rng(0)
    window = len(graph_micros(model.settings))
    some = np.float32(rng.normal(0, 0.3, (8, 1, len(POINTS), 3)) + np.cumsum(rng.normal(0, 0.005, (8, window, len(POINTS), 3)), axis=1))
    onnx_export.verify(exported, {"points": some}, estimate(model, of_windows(model.settings, some.astype(float))))
    arrays = {"centre": model.centre, "scale": model.scale}
    for number, (weights, bias) in enumerate(model.layers):
        arrays |= {f"weights_{number}": weights, f"bias_{number}": bias}
    said = asdict(model.settings) | {"lags_s": list(model.settings.lags_s)}
    model_folder.save(folder, description={"stream": said, "layers": len(model.layers)}, arrays=arrays, card=card, graphs={"stream": exported})


def load(folder):
    """Load a Model; needs neither study nor recordings, and executes nothing. Raises ValueError where the folder is another kind of model."""
    held = model_folder.load(folder)
    try:
        said = held.description["stream"]
        layers = [(held.arrays[f"weights_{number}"], held.arrays[f"bias_{number}"]) for number in range(held.description["layers"])]
        return Model(Settings(**said | {"lags_s": tuple(said["lags_s"])}), held.arrays["centre"], held.arrays["scale"], layers)
    except (LookupError, TypeError) as error:
        raise ValueError(f"A model for streaming is what 12_stream saved; this folder does not fit: {type(error).__name__}: {error}. "
                         "Take its 12_stream/model.") from None


def graph_micros(settings):
    """Give the moments of a window of the exported graph, whole us before the newest frame."""
    frames = int(np.ceil(settings.window_s * GRAPH_HZ - 1e-6)) + 1
    return tuple(np.rint(1e6 * (np.arange(frames) - frames + 1) / GRAPH_HZ).astype(int).tolist())


def of_windows(settings, points):
    """Lay out the inputs (N, I) of whole windows (N, W, 11, 3) m at GRAPH_HZ: what the exported graph does first."""
    smooth, way = smoother(settings, graph_micros(settings))
    moved = np.einsum("kw,nwpc->nkpc", smooth, points) - np.einsum("kw,nwc->nkc", way, points[:, :, 0] * HORIZONTAL)[:, :, None]
    return moved.reshape(len(points), -1)


def graph(model):
    """Write a Model as an ONNX graph: input `points` (N, W, 11, 3) m, windows at GRAPH_HZ, output `forces` (N, K, 3) BW of the right foot.

    It computes in double: accelerations are small differences of positions.
    """
    from onnx import TensorProto

    from grfkit.onnx_export import _Graph, _value

    made, micros = _Graph(), graph_micros(model.settings)
    smooth, way = smoother(model.settings, micros)
    pelvis = np.zeros((len(POINTS) * 3, len(POINTS) * 3))  # gives every point the pelvis' horizontal place
    pelvis[:3] = np.tile(np.diag(HORIZONTAL), len(POINTS))
    flat = made.add("Reshape", made.add("Cast", "points", to=TensorProto.DOUBLE), made.constant(np.array([-1, len(micros), len(POINTS) * 3])))
    ways = made.add("MatMul", made.add("MatMul", made.constant(way), flat), made.constant(pelvis))
    moved = made.add("Sub", made.add("MatMul", made.constant(smooth), flat), ways)
    values = made.add("Reshape", moved, made.constant(np.array([-1, len(model.centre)])))
    values = made.add("Div", made.add("Sub", values, made.constant(model.centre.astype(float))), made.constant(model.scale.astype(float)))
    for number, (weights, bias) in enumerate(model.layers):
        values = made.add("Add", made.add("MatMul", values, made.constant(weights.astype(float))), made.constant(bias.astype(float)))
        if number < len(model.layers) - 1:
            values = made.add("Mul", values, made.add("Sigmoid", values))
    lags = model.settings.lags_s
    forces = made.add("Cast", made.add("Reshape", values, made.constant(np.array([-1, len(lags), 3]))), to=TensorProto.FLOAT)
    given = [_value("points", TensorProto.FLOAT, ["S", len(micros), len(POINTS), 3], f"m, {len(micros)} frames at {GRAPH_HZ:g} Hz, the newest last")]
    about = f"BW: AP, ML, V of the right foot, {', '.join(f'{1000 * lag:g}' for lag in lags)} ms before the newest frame"
    exported = made.model("stream", given, forces, ["S", len(lags), 3], about)
    exported.doc_string = ABOUT
    return exported
