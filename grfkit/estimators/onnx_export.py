"""Fitted estimators as ONNX graphs, which ONNX Runtime reads without Python or grfkit, and the check that both give the same forces.

A graph gives what an estimator gives before `estimators.finish`: a mirrored leg is turned back, and a recording balanced, by whoever runs it.
Axes: S stances, L steps, C components. Gates and axes of an LSTM: https://onnx.ai/onnx/operators/onnx__LSTM.html.
"""

from collections import Counter

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

from grfkit import __version__
from grfkit.estimators import kernel_ridge as kernel_regression
from grfkit.estimators.registry import Curves
from grfkit.points import FORCES, INPUTS, POINTS

OPSET, IR_VERSION = 17, 8  # of 2022, which every ONNX Runtime since 1.12 reads: our choice
TOLERANCE_BW = 1e-4  # our choice: .07 N of a runner of 70 kg, below what a force plate tells apart
UNITS = {"positions": "m", "velocities": "m/s", "accelerations": "m/s^2", "times": "s: stance time, flight time"}
MOMENTS = {
    "": "at 51 equally spaced nodes from touchdown to toe-off",
    "_padding": "at 3 nodes before touchdown and 3 after toe-off, of each the farthest first",
}
ABOUT = (
    f"Points in the order {', '.join(POINTS)}; components anterior-posterior (forward +), medial-lateral (left +), vertical (up +), "
    "from the ground below the pelvis at touchdown. A recipe with `mirror` knows right legs only: mirror a left one (medial-lateral sign, "
    "left and right points exchanged) and its forces back. Forces are as estimated: what `balance` corrects over a recording is up to you."
)
CENTRE = "; and m from the ankle joint: centre of pressure AP, ML"
GATES = [0, 3, 1, 2]  # torch keeps input, forget, cell, output; ONNX wants input, output, forget, cell


def kernel_ridge(curves):
    """Write a fitted kernel ridge regression (estimators.Curves) as a graph; returns an onnx.ModelProto.

    Inputs as samples.curve_inputs gives them, named `positions` (S, 51, 11, 3) m and `positions_padding` (S, 6, 11, 3), and so on for each kind,
    `times` (S, 2) s; output `forces` (S, 101, C) BW. It computes in double: a few thousand training stances with large weights of
    both signs nearly cancel, and single precision leaves 1e-3 BW.
    """
    graph = Graph()
    parts = {
        (kind, number): (
            _measured(graph, kind + ending, curves.inputs[kind][number], flat.centre, curves.shape),
            1.0 / flat.rows.shape[1],
        )
        for kind, pair in curves.known.items()
        for number, (ending, flat) in enumerate(zip(MOMENTS, pair, strict=True))
        if flat.rows.shape[1]
    }
    alike = {
        number: _alike(graph, parts, curves.candidates[number], curves.shape)
        for number in np.unique(curves.chosen).tolist()
    }
    components = [
        _component(graph, alike, curves.duals, number, Counter(curves.chosen[:, number].tolist()))
        for number in range(curves.chosen.shape[1])
    ]
    forces = graph.add(
        "Concat", *[graph.add("Unsqueeze", one, graph.constant(np.array([2]))) for one in components], axis=2
    )
    inputs = [
        value_info(kind + ending, TensorProto.FLOAT, ["S", *part.shape[1:]], _words(kind, ending))
        for kind, pair in curves.inputs.items()
        for ending, part in zip(MOMENTS, pair, strict=True)
        if part.size
    ]
    nodes = next(iter(curves.duals.values())).shape[1]
    return graph.model(
        "kernel_ridge",
        inputs,
        graph.add("Cast", forces, to=TensorProto.FLOAT),
        ["S", nodes, len(components)],
        f"BW: {', '.join(FORCES)}{CENTRE if len(components) > len(FORCES) else ''}, at {nodes} equally spaced nodes from touchdown to toe-off",
    )


def regression(fitted):
    """Write a kernel.Regression as a graph, as kernel_ridge does; a fourth and fifth output are the centre of pressure."""
    return kernel_ridge(
        Curves(
            fitted.inputs,
            {0: fitted.dual.reshape(-1, *fitted.curve)},
            [fitted.candidate],
            np.zeros((1, fitted.curve[1]), int),
            fitted.shape,
        )
    )


def curve_feed(inputs):
    """Name what samples.curve_inputs gives as the graph of a kernel ridge regression wants it; returns {name: array}."""
    return {
        kind + ending: part
        for kind, pair in inputs.items()
        for ending, part in zip(MOMENTS, pair, strict=True)
        if part.size
    }


def lstm(fitted):
    """Write a fitted network (model.Fitted) as a graph, scalers included; returns an onnx.ModelProto.

    Input `points` (S, L, 33 for each kind), unscaled, one row for each step (the middle frame of each `frames_per_step`, transform.middle_frames;
    S stances of one length); output `forces` (S, L, frames_per_step, C) BW.
    """
    net, frames, graph = fitted.net, fitted.settings["frames_per_step"], Graph()
    columns, channels = fitted.points_scaler.n_features_in_, fitted.force_scaler.n_features_in_
    steps = graph.add(
        "Add",
        graph.add("Mul", "points", graph.single(fitted.points_scaler.scale_)),
        graph.single(fitted.points_scaler.min_),
    )
    steps = graph.add("Transpose", steps, perm=[1, 0, 2])  # (L, S, C)
    for layer in range(net.lstm.num_layers):
        steps = _layer(graph, steps, net.lstm, layer)
    scaled = graph.add(
        "Add",
        graph.add("MatMul", graph.add("Transpose", steps, perm=[1, 0, 2]), graph.single(_array(net.head.weight).T)),
        graph.single(_array(net.head.bias)),
    )
    scaled = graph.add("Reshape", scaled, graph.constant(np.array([0, 0, frames, channels])))
    forces = graph.add(
        "Mul",
        graph.add("Sub", scaled, graph.single(fitted.force_scaler.min_)),
        graph.single(1 / fitted.force_scaler.scale_),
    )
    kinds = ", ".join(f"{unit} of {kind}" for kind, unit in list(UNITS.items())[: columns // len(INPUTS)])
    inputs = [
        value_info(
            "points",
            TensorProto.FLOAT,
            ["S", "L", columns],
            f"{kinds}; the middle frame of every {frames}, without scaling; all S stances of one length",
        )
    ]
    return graph.model(
        "lstm",
        inputs,
        forces,
        ["S", "L", frames, channels],
        f"BW: {', '.join(FORCES)}, at each of the {frames} frames of a step",
    )


def verify(graph, inputs, expected, *, tolerance=TOLERANCE_BW):
    """Run a graph on inputs {name: array} with ONNX Runtime and compare its output with `expected`; returns the largest difference.

    Raises ValueError where shapes differ, or a value by more than `tolerance`.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {name: np.asarray(array, np.float32) for name, array in inputs.items()})
    if found.shape != np.shape(expected):
        raise ValueError(
            f"An exported graph gives what the estimator gives: {graph.graph.name} gives {found.shape} for {np.shape(expected)}. "
            "Give both the same stances."
        )
    largest = float(np.abs(found - expected).max(initial=0))
    if not largest <= tolerance:  # nor where it is NaN
        raise ValueError(
            f"An exported graph gives what the estimator gives, to {tolerance:g}: {graph.graph.name} differs by {largest:.2g}. "
            "Do not save it: were both given the same inputs, and is the estimator the one that was exported?"
        )
    return largest


class Graph:
    """Nodes and constants in the order in which they are added; every node has one output, named by its number."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def add(self, operator, *inputs, **attributes):
        name = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def constant(self, array):
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def single(self, array):
        return self.constant(np.asarray(array, np.float32))

    def model(self, name, inputs, last, shape, about):
        """Finish: the value `last` is the output `forces`."""
        self.nodes.append(helper.make_node("Identity", [last], ["forces"]))
        graph = helper.make_graph(
            self.nodes, name, inputs, [value_info("forces", TensorProto.FLOAT, shape, about)], self.constants
        )
        made = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="grfkit",
            producer_version=__version__,
            doc_string=ABOUT,
        )
        checker.check_model(made)
        return made


def value_info(name, kind, shape, about):
    return helper.make_tensor_value_info(name, kind, shape, doc_string=about)


def _words(kind, ending):
    return UNITS[kind] if kind == "times" else f"{UNITS[kind]}, {MOMENTS[ending]}"


def _measured(graph, name, known, centre, shape):
    """Compare the stances of an input with those that were trained on, as kernel.Alike does; returns (S, S'), summed and not yet averaged."""
    known, middle = known.reshape(len(known), -1), graph.constant(centre.astype(float))
    stored = graph.constant(known)  # lies in the file in half or single precision, as it was fitted
    rows, mine = (
        graph.add("Sub", graph.add("Cast", part, to=TensorProto.DOUBLE), middle)
        for part in (stored, graph.add("Flatten", name, axis=1))
    )
    if shape == "linear":
        return graph.add("Gemm", mine, rows, transB=1)
    squared = graph.add("ReduceSum", graph.add("Mul", mine, mine), graph.constant(np.array([1])), keepdims=1)
    both = graph.add("Add", squared, graph.constant(((known.astype(float) - centre) ** 2).sum(axis=1)))
    return graph.add("Add", both, graph.add("Gemm", mine, rows, transB=1, alpha=-2.0))


def _alike(graph, parts, candidate, shape):
    """Weigh the kinds as a candidate does; returns the kernel (S, S') without its intercept."""
    weights = {
        part: share * candidate[kernel_regression.SCALES[part[0]]] ** -2 * (candidate["edges"] if part[1] else 1)
        for part, (_, share) in parts.items()
    }
    factor = -0.5 if shape == "gaussian" else 1.0
    total = graph.add(
        "Sum",
        *[
            graph.add("Mul", parts[part][0], graph.constant(np.array(factor * weight)))
            for part, weight in weights.items()
            if weight
        ],
    )
    return graph.add("Exp", total) if shape == "gaussian" else total


def _component(graph, alike, duals, number, chosen):
    """Average one component over the candidates {candidate: how often} that were chosen for it; returns (S, 101)."""
    weighed = {
        candidate: duals[candidate][..., number].astype(float) * (times / chosen.total())
        for candidate, times in chosen.items()
    }
    intercept = kernel_regression.INTERCEPT * sum(
        dual.sum(axis=0) for dual in weighed.values()
    )  # the same for all stances
    curves = [graph.add("MatMul", alike[candidate], graph.constant(dual)) for candidate, dual in weighed.items()]
    return graph.add("Add", graph.add("Sum", *curves), graph.constant(intercept))


def _layer(graph, steps, lstm, layer):
    """Add one layer of a torch.nn.LSTM: (L, S, inputs) to (L, S, units for each direction)."""
    ends = [f"_l{layer}", f"_l{layer}_reverse"][: 1 + lstm.bidirectional]
    weights, recurrent = (
        np.stack([_gates(getattr(lstm, f"weight_{kind}{end}")) for end in ends]) for kind in ("ih", "hh")
    )
    biases = np.stack(
        [np.concatenate([_gates(getattr(lstm, f"bias_{kind}{end}")) for kind in ("ih", "hh")]) for end in ends]
    )
    both = graph.add(
        "LSTM",
        steps,
        *map(graph.single, (weights, recurrent, biases)),
        hidden_size=lstm.hidden_size,
        direction="bidirectional" if lstm.bidirectional else "forward",
    )  # (L, directions, S, units)
    return graph.add("Reshape", graph.add("Transpose", both, perm=[0, 2, 1, 3]), graph.constant(np.array([0, 0, -1])))


def _gates(parameter):
    array = _array(parameter)
    return np.concatenate([array.reshape(4, -1, *array.shape[1:])[gate] for gate in GATES])


def _array(parameter):
    return parameter.detach().cpu().numpy()
