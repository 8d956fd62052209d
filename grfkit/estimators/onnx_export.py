"""A fitted kernel ridge regression as an ONNX graph, and the check that the graph gives the same forces.

In: a KernelRidge. Out: an onnx.ModelProto, which ONNX Runtime reads without Python or grfkit. A graph gives curves
before samples.finish: turn mirrored legs back and balance the forces yourself. Axes: S stances, Q nodes, C components.
"""

from collections import Counter

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

from grfkit import __version__
from grfkit.estimators.kernel_matrix import INTERCEPT, SCALES
from grfkit.points import FORCES, POINTS

OPSET, IR_VERSION = 17, 8  # of 2022, which every ONNX Runtime since 1.12 reads: our choice
TOLERANCE_BW = 1e-4  # our choice: .07 N for a runner of 70 kg, less than a force plate resolves
UNITS = {"positions": "m", "velocities": "m/s", "accelerations": "m/s^2", "times": "s: stance time, flight time"}
MOMENTS = (  # of the stance, of the padding
    "at 51 equally spaced nodes from touchdown to toe-off",
    "at 3 nodes before touchdown and 3 after toe-off, of each the farthest first",
)
ABOUT = (
    f"Points in the order {', '.join(POINTS)}; components anterior-posterior (forward +), medial-lateral (left +), "
    "vertical (up +), from the ground below the pelvis at touchdown. A recipe with `mirror` knows right legs only: "
    "mirror a left one (medial-lateral sign, left and right points exchanged) and its forces back. Forces are as "
    "estimated: what `balance` corrects over a recording is up to you."
)
CENTRE = "; and m from the ankle joint: centre of pressure AP, ML"


def kernel_ridge(fitted):
    """Write a fitted KernelRidge as a graph; returns an onnx.ModelProto.

    Its inputs are those of samples.curve_inputs: `positions` (S, 51, 11, 3) m and `positions_padding` (S, 6, 11, 3) m,
    and so on for each kind, `times` (S, 2) s. Its output is `forces` (S, Q, C) BW; a fourth and fifth component are
    the centre of pressure. It computes in double precision: a few thousand training stances have large weights of both
    signs, which nearly cancel, and single precision would leave errors of 1e-3 BW.
    """
    graph, (nodes, components) = Graph(), fitted.curve_shape
    parts = {
        (kind, padding): _compared(graph, name, trained_on, fitted.shape)
        for kind, padding, name, trained_on in _named(fitted.inputs)
    }
    kernels = {
        number: _kernel(graph, parts, fitted.candidates[number], fitted.shape)
        for number in np.unique(fitted.chosen).tolist()
    }
    curves = [
        _component(graph, kernels, fitted.duals, number, Counter(fitted.chosen[:, number].tolist()))
        for number in range(components)
    ]
    columns = [graph.add("Unsqueeze", curve, graph.constant(np.array([2]))) for curve in curves]
    forces = graph.add("Concat", *columns, axis=2)
    inputs = [
        value_info(name, TensorProto.FLOAT, ["S", *part.shape[1:]], _words(kind, padding))
        for kind, padding, name, part in _named(fitted.inputs)
    ]
    return graph.model(
        "kernel_ridge",
        inputs,
        graph.add("Cast", forces, to=TensorProto.FLOAT),
        ["S", nodes, components],
        f"BW: {', '.join(FORCES)}{CENTRE if components > len(FORCES) else ''}, at {nodes} equally spaced nodes from "
        "touchdown to toe-off",
    )


def curve_feed(inputs):
    """Name what samples.curve_inputs gives as the inputs of the graph `kernel_ridge`; returns {name: array}."""
    return {name: part for _, _, name, part in _named(inputs)}


def verify(graph, inputs, expected, *, tolerance=TOLERANCE_BW):
    """Run a graph on inputs {name: array} with ONNX Runtime, and compare its output with `expected`.

    Returns the largest difference. Raises ValueError if shapes differ, or a value by more than `tolerance`.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {name: np.asarray(array, np.float32) for name, array in inputs.items()})
    if found.shape != np.shape(expected):
        raise ValueError(
            f"An exported graph gives what the estimator gives; {graph.graph.name} gives the shape "
            f"{found.shape}, the estimator {np.shape(expected)}. Give both the same stances."
        )
    largest = float(np.abs(found - expected).max(initial=0))
    if not largest <= tolerance:  # nor where it is NaN
        raise ValueError(
            f"An exported graph gives what the estimator gives, to {tolerance:g}; {graph.graph.name} differs by "
            f"{largest:.2g}. Do not save it. Check that both got the same inputs, and that the estimator is the one "
            "that was exported."
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
    """Describe an input or output of a graph in ONNX's own form."""
    return helper.make_tensor_value_info(name, kind, shape, doc_string=about)


def _named(inputs):
    """List the inputs that hold numbers: kind, whether it is the padding, name in the graph, array."""
    return [
        (kind, padding, f"{kind}{'_padding' * padding}", part)
        for kind, pair in inputs.items()
        for padding, part in zip((False, True), pair, strict=True)
        if part.size
    ]


def _words(kind, padding):
    return UNITS[kind] if kind == "times" else f"{UNITS[kind]}, {MOMENTS[padding]}"


def _compared(graph, name, trained_on, shape):
    """Compare an input with the training stances as kernel_matrix does: sums (S, S'), and the factor to their means."""
    rows = trained_on.reshape(len(trained_on), -1)
    centre = rows.astype(np.promote_types(rows.dtype, np.float32)).mean(axis=0)
    mean, share = graph.constant(centre.astype(float)), 1.0 / rows.shape[1]
    stored = graph.constant(rows)  # is in the file in half or single precision, as it was fitted
    theirs, mine = (
        graph.add("Sub", graph.add("Cast", part, to=TensorProto.DOUBLE), mean)
        for part in (stored, graph.add("Flatten", name, axis=1))
    )
    if shape == "linear":
        return graph.add("Gemm", mine, theirs, transB=1), share
    squared = graph.add("ReduceSum", graph.add("Mul", mine, mine), graph.constant(np.array([1])), keepdims=1)
    both = graph.add("Add", squared, graph.constant(((rows.astype(float) - centre) ** 2).sum(axis=1)))
    return graph.add("Add", both, graph.add("Gemm", mine, theirs, transB=1, alpha=-2.0)), share


def _kernel(graph, parts, candidate, shape):
    """Weigh the kinds as a candidate does; returns the kernel (S, S') without its intercept."""
    weights = {
        part: share * candidate[SCALES[part[0]]] ** -2 * (candidate["edges"] if part[1] else 1)
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


def _component(graph, kernels, duals, number, chosen):
    """Average one component over the candidates {candidate: how often} that were chosen for it; returns (S, 101)."""
    weighed = {
        candidate: duals[candidate][..., number].astype(float) * (times / chosen.total())
        for candidate, times in chosen.items()
    }
    intercept = INTERCEPT * sum(dual.sum(axis=0) for dual in weighed.values())  # the same for all stances
    curves = [graph.add("MatMul", kernels[candidate], graph.constant(dual)) for candidate, dual in weighed.items()]
    return graph.add("Add", graph.add("Sum", *curves), graph.constant(intercept))
