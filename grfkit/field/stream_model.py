"""A causal estimator: its inputs from the last frames, its regression, and the folder it is saved to.

It is a kernel regression by random Fourier features (Rahimi & Recht 2007): cosines of the motion, weighed by a ridge
regression (grfkit.evaluation.stream_accuracy trains it). It estimates a right foot only; a left one is mirrored. Axes:
N frames, W frames of a window, I inputs, D features, K lags, C channels.
"""

from dataclasses import asdict, dataclass
from functools import lru_cache

import numpy as np
from scipy.interpolate import BSpline

from grfkit.estimators import model_folder
from grfkit.points import DIRECTIONS, POINTS

CHANNELS = [*DIRECTIONS, "on the ground"]  # force, BW, and whether the foot is on the ground, 0 to 1
ON = 0.5  # a foot whose fourth channel is larger is on the ground: half way between
DEGREE, FINE = 4, 200  # of the splines, whose third derivative is penalised, and nodes of that integral: our choice
HORIZONTAL = np.array([1.0, 1.0, 0.0])
GRAPH_HZ = 150.0  # camera rate of the exported graph, that of rbds: our choice
ABOUT = (
    f"Forces of the right foot from one window of camera frames, newest last, at {GRAPH_HZ:g} Hz. Points in the order "
    f"{', '.join(POINTS)}; AP forward, ML to the left, V up from the ground, m, from a place nearby. For the left foot "
    "mirror: ML sign and left and right points exchanged, and the force's ML sign back. A foot whose fourth channel is "
    f"below {ON:g} is off the ground: no force."
)


@dataclass(frozen=True)
class Settings:
    """How the motion is seen, and for which moments forces are given, in s and Hz; notebook 12_stream explains them."""

    window_s: float
    nodes: int
    knots: int
    cutoff_hz: float
    max_gap_s: float
    lags_s: tuple

    @property
    def size(self):
        """Give the number of inputs I: positions, velocities and accelerations at each node."""
        return 3 * self.nodes * len(POINTS) * 3


@dataclass(frozen=True)
class Model:
    """A causal estimator: Settings, frequencies (I, D), phases (D,) and weights (D, K * C) of its features."""

    settings: Settings
    frequencies: np.ndarray
    phases: np.ndarray
    weights: np.ndarray


def draw(settings, scales, count, *, seed):
    """Draw the features of a Gaussian kernel, the same for any recordings: frequencies (I, D), phases (D,).

    `scales` are {positions_m, velocities_m_s, accelerations_m_s2, recency_s}: how far motion may differ, as in recipes,
    the mean over points and moments. Moments count less the longer ago they are, by a factor e in recency_s.
    """
    rng, shape = np.random.default_rng(seed), (3, settings.nodes, len(POINTS) * 3)
    recent = np.exp(np.linspace(-settings.window_s, 0, settings.nodes) / scales["recency_s"])
    kinds = np.array([scales[name] for name in ("positions_m", "velocities_m_s", "accelerations_m_s2")])
    weights = np.sqrt(recent / recent.sum() / shape[2]) / kinds[:, None]
    each = np.broadcast_to(weights[..., None], shape).reshape(-1, 1)
    return np.float32(each * rng.normal(size=(each.size, count))), np.float32(rng.uniform(0, 2 * np.pi, count))


def features(inputs, frequencies, phases):
    """Give the features (N, D) of inputs (N, I)."""
    return np.cos(inputs @ frequencies + phases)


def estimate(model, inputs):
    """Estimate the right foot's channels (N, K, C), K lags ago, from inputs (N, I) of grfkit.field.stream."""
    values = features(inputs, model.frequencies, model.phases) @ model.weights
    return values.reshape(len(inputs), len(model.settings.lags_s), len(CHANNELS))


@lru_cache(maxsize=512)
def smoother(settings, micros):
    """Give what turns a window's frames into motion: (smooth, way), (3 * nodes, W) each.

    The W frames are at `micros` (whole us, the newest at 0). smooth @ one coordinate gives positions, velocities and
    accelerations at `nodes` equally spaced moments of the window, by a spline whose third derivative is penalised
    (Eilers & Marx 1996), so that any camera rate will do. way @ the pelvis gives positions and velocities of a
    pelvis that moves at its mean velocity and ends at the newest place.
    """
    times = np.array(micros) * 1e-6
    first = min(-settings.window_s, times[0])
    knots = np.concatenate([[first] * DEGREE, np.linspace(first, 0, settings.knots), [0] * DEGREE])
    splines = BSpline(knots, np.eye(len(knots) - DEGREE - 1), DEGREE)
    nodes = np.linspace(-settings.window_s, 0, settings.nodes)
    third, basis = splines(np.linspace(first, 0, FINE), nu=3), splines(times)
    penalty = (2 * np.pi * settings.cutoff_hz) ** -6 * third.T @ third * (-first / FINE)
    spacing = np.median(np.diff(times))
    coefficients = np.linalg.solve(basis.T @ basis * spacing + penalty, basis.T * spacing)
    smooth = np.stack([splines(nodes, nu=order) @ coefficients for order in range(3)])
    speed = smooth[1].mean(axis=0)
    places = smooth[0, -1] + nodes[:, None] * speed
    way = np.stack([places, np.broadcast_to(speed, smooth[1].shape), np.zeros_like(smooth[2])])
    return smooth.reshape(-1, len(times)), way.reshape(-1, len(times))


def save(folder, model, *, card):
    """Save a Model as a folder that travels (grfkit.estimators.model_folder), with its ONNX graph.

    Raises ValueError if ONNX Runtime gives other forces than Python, on random windows.
    """
    from grfkit.estimators import onnx_export

    exported, micros, rng = graph(model), graph_micros(model.settings), np.random.default_rng(0)
    places, moves = rng.normal(0, 0.3, (8, 1, len(POINTS), 3)), rng.normal(0, 0.005, (8, len(micros), len(POINTS), 3))
    points = np.float32(places + np.cumsum(moves, axis=1))
    expected = estimate(model, whole_window_inputs(model.settings, points.astype(float), micros))
    onnx_export.verify(exported, {"points": points}, expected)
    drawn = {name: getattr(model, name).astype(np.float32) for name in ("frequencies", "phases")}
    description = {"stream": asdict(model.settings) | {"lags_s": list(model.settings.lags_s)}}
    arrays = drawn | {"weights": model.weights}
    model_folder.save(folder, description=description, arrays=arrays, card=card, graphs={"stream": exported})


def load(folder):
    """Load a Model; it needs neither study nor recordings. Raises ValueError for a folder of another kind of model."""
    held = model_folder.load(folder)
    if "stream" not in held.description:
        raise ValueError(
            f"A model for streaming is one that notebook 12_stream saved; found another kind: {held.card['title']}. "
            "Give the folder results/12_stream/model of a study."
        )
    try:
        settings = held.description["stream"]
        arrays = (held.arrays[name].astype(float) for name in ("frequencies", "phases", "weights"))
        return Model(Settings(**settings | {"lags_s": tuple(settings["lags_s"])}), *arrays)
    except (LookupError, TypeError) as error:
        raise ValueError(
            f"A model for streaming comes from notebook 12_stream; this folder does not fit: {type(error).__name__}: "
            f"{error}. Copy the folder from its source again."
        ) from None


def graph_micros(settings):
    """Give the moments of a window of the exported graph, whole us before the newest frame."""
    frames = int(np.ceil(settings.window_s * GRAPH_HZ - 1e-6)) + 1
    return tuple(np.rint(1e6 * (np.arange(frames) - frames + 1) / GRAPH_HZ).astype(int).tolist())


def whole_window_inputs(settings, points, micros):
    """Lay out the inputs (N, I) of whole windows (N, W, 11, 3) m, whose frames are at `micros`."""
    smooth, way = smoother(settings, micros)
    moved = smooth @ points.reshape(*points.shape[:2], -1) - np.tile(way @ (points[:, :, 0] * HORIZONTAL), len(POINTS))
    return moved.reshape(len(points), -1)


def graph(model):
    """Write a Model as an ONNX graph: input `points` (N, W, 11, 3) m, windows at GRAPH_HZ.

    Its output `forces` (N, K, C) is of the right foot. It computes in double: accelerations are small differences.
    """
    from onnx import TensorProto

    from grfkit.estimators.onnx_export import Graph, value_info

    made, micros = Graph(), graph_micros(model.settings)
    smooth, way = smoother(model.settings, micros)
    pelvis = np.zeros((len(POINTS) * 3, len(POINTS) * 3))  # gives every point the pelvis' horizontal place
    pelvis[:3] = np.tile(np.diag(HORIZONTAL), len(POINTS))
    points = made.add("Cast", "points", to=TensorProto.DOUBLE)
    flat = made.add("Reshape", points, made.constant(np.array([-1, len(micros), len(POINTS) * 3])))
    ways = made.add("MatMul", made.add("MatMul", made.constant(way), flat), made.constant(pelvis))
    moved = made.add("Sub", made.add("MatMul", made.constant(smooth), flat), ways)
    values = made.add("Reshape", moved, made.constant(np.array([-1, len(model.frequencies)])))
    frequencies, phases = (
        made.add("Cast", made.single(array), to=TensorProto.DOUBLE) for array in (model.frequencies, model.phases)
    )
    values = made.add("Cos", made.add("Add", made.add("MatMul", values, frequencies), phases))
    values = made.add("MatMul", values, made.constant(model.weights))
    lags = model.settings.lags_s
    shape = made.constant(np.array([-1, len(lags), len(CHANNELS)]))
    forces = made.add("Cast", made.add("Reshape", values, shape), to=TensorProto.FLOAT)
    about = f"m, {len(micros)} frames at {GRAPH_HZ:g} Hz, the newest last"
    given = [value_info("points", TensorProto.FLOAT, ["S", len(micros), len(POINTS), 3], about)]
    about = (
        "BW: AP, ML, V of the right foot, and whether it is on the ground, "
        f"{', '.join(f'{1000 * lag:g}' for lag in lags)} ms before the newest frame"
    )
    exported = made.model("stream", given, forces, ["S", len(lags), len(CHANNELS)], about)
    exported.doc_string = ABOUT
    return exported
