"""Coded landmarks against closed forms: a path that a cubic describes wholly, and weights of low rank."""

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from grfkit.estimators import codes, landmarks
from grfkit.estimators.kernel_ridge import KernelRidge

CANDIDATE = {"positions_m": 0.5, "velocities_m_s": 1.8, "accelerations_m_s2": 60.0, "noise": 1e-3, "edges": 0.3}


@pytest.fixture
def cubic():
    """Cubics in time of 3 steps, as functions, and their codes: 20 moments from .02 s before to .02 s after contact."""
    rng, contact = np.random.default_rng(0), np.array([0.2, 0.25, 0.31])
    factors = rng.uniform(-1, 1, (4, 3, 11, 3)) * np.array([1.0, 5.0, 20.0, 60.0])[:, None, None, None]
    step = (contact + 0.04) / 19
    moments = -0.02 + step[:, None] * np.arange(20)

    def read(times, order):
        """Values and derivatives (3, n, 11, 3) at times (3, n) s."""
        powers = [np.polynomial.Polynomial([0] * power + [1]).deriv(order)(times) for power in range(4)]
        return sum(p[..., None, None] * f[:, None] for p, f in zip(powers, factors, strict=True))

    edges = np.column_stack([np.full(3, -0.015), contact + 0.015])
    clock = np.column_stack([np.full(3, -0.02), step, np.zeros(3), contact])
    coded = codes.encode(read(moments, 0), clock, edges, np.column_stack([contact, 0.1 + 0 * contact]), nodes=51)
    return read, contact, edges, coded


def test_inputs_are_the_motion_that_was_coded(cubic):
    """A cubic is its own spline: what differs is the rounding to 16 bits, in accelerations over the step squared.

    Inputs are held in half precision, 5e-4 of what they are.
    """
    read, contact, edges, coded = cubic
    inputs, core = coded.inputs(), contact[:, None] * np.linspace(0, 1, 51)
    assert coded.path.dtype == np.int16 and np.abs(coded.path).max() == 32767
    rounding = coded.scale_m / 2
    step = coded.clock[:, 1].min()
    for order, kind in enumerate(("positions", "velocities", "accelerations")):
        assert [part.shape for part in inputs[kind]] == [(3, 51, 11, 3), (3, 2, 11, 3)]
        for part, times in zip(inputs[kind], (core, edges), strict=True):
            # single precision of the clock moves a moment by 1e-8 s; a spline doubles a rounding, and each derivative
            # divides by the step and grows at most by 6
            limit = 3 * rounding * (6 / step) ** order + 1e-6 * np.abs(read(times, min(order + 1, 3))).max()
            np.testing.assert_allclose(part, read(times, order), rtol=5e-4, atol=limit)
    np.testing.assert_allclose(inputs["times"][0], coded.times, rtol=5e-4)


def test_a_node_in_between_is_read_as_scipy_reads_it(cubic):
    _, _, edges, coded = cubic
    rounded = coded.scale_m * coded.path.astype(float)
    first, step = coded.clock[:, :2].T.astype(float)
    for row in range(3):
        spline = CubicSpline(first[row] + step[row] * np.arange(20), rounded[row])
        for order, kind in enumerate(("positions", "velocities", "accelerations")):
            np.testing.assert_allclose(
                coded.inputs()[kind][1][row], spline(np.float32(edges[row]).astype(float), order), rtol=5e-4, atol=1e-7
            )


def test_described_codes_give_the_same_inputs(cubic):
    *_, coded = cubic
    again = codes.restore(*coded.describe())
    for kind, pair in coded.inputs().items():
        for one, other in zip(pair, again.inputs()[kind], strict=True):
            np.testing.assert_array_equal(one, other)


def test_weights_of_low_rank_come_back_from_their_parts():
    rng = np.random.default_rng(1)
    dual = np.stack([rng.normal(size=(30, 4)) @ rng.normal(size=(4, 21)) for _ in range(3)], axis=2)
    parts = codes.mix(dual, 4)
    assert {name: part.shape for name, part in parts.items()} == {"mixed": (30, 4, 3), "curves": (4, 21, 3)}
    np.testing.assert_allclose(codes.unmix(parts), dual, atol=1e-12)


def test_a_fit_to_codes_saved_and_restored_estimates_the_same(cubic):
    """A regression on codes as landmarks; a rank that is as large as the curves changes nothing."""
    *_, coded = cubic
    own, rng = coded.inputs(), np.random.default_rng(2)
    many = {kind: tuple(np.concatenate([part, 1.1 * part, 0.9 * part]) for part in pair) for kind, pair in own.items()}
    candidate, groups = CANDIDATE | {"times_s": 0.5}, np.array(list("abcabcabc"))
    targets = rng.normal(size=(9, 6, 3))
    fits = [
        KernelRidge.fit_landmarks(many, targets, groups, candidate, np.arange(3), "gaussian", coded=coded, rank=rank)
        for rank in (None, 6, 2)
    ]
    whole, full, low = (fit.estimate(many) for fit in fits)
    np.testing.assert_allclose(full, whole, atol=1e-9)
    assert np.linalg.matrix_rank(fits[2].duals[0][..., 0], tol=1e-9) == 2 and np.abs(low - whole).max() > 1e-3
    for fit in fits:
        again = KernelRidge.restore(*fit.describe())
        np.testing.assert_allclose(again.estimate(many), fit.estimate(many), atol=1e-9)
        kernel = fit.kernel(landmarks.take(many, np.arange(3)))
        assert fit.nearest(kernel).max() < 1e-9  # the landmarks know themselves


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("path", lambda codes: codes.path[..., 0]),  # decoded, it would take gigabytes
        ("path", lambda codes: codes.path[:, :, :10]),
        ("path", lambda codes: codes.path.astype(float)),
        ("path", lambda codes: codes.path[:0]),
        ("clock", lambda codes: codes.clock[:, :3]),
        ("clock", lambda codes: codes.clock[:1]),
        ("clock", lambda codes: codes.clock * np.float32([1, 0, 1, 1])),
        ("clock", lambda codes: codes.clock * np.float32([1, -1, 1, 1])),
        ("clock", lambda codes: codes.clock * np.float32([1, 1, 1, 1e30])),
        ("clock", lambda codes: codes.clock[:, [0, 1, 3, 2]]),
        ("edges", lambda codes: codes.edges + np.float32(1)),
        ("edges", lambda codes: codes.edges[:, 0]),
        ("times", lambda codes: codes.times[:, :1]),
        ("nodes", lambda codes: 10**9),
        ("nodes", lambda codes: 51.0),
        ("nodes", lambda codes: True),
        ("scale_m", lambda codes: 0.0),
        ("scale_m", lambda codes: 1e-300),
        ("scale_m", lambda codes: 1e300),
        ("scale_m", lambda codes: "small"),
    ],
)
def test_restore_refuses_what_cannot_be_codes(cubic, name, change):
    arrays, said = cubic[-1].describe()
    place = arrays if name in arrays else said
    place[name] = change(cubic[-1])
    with pytest.raises(ValueError, match=r"Coded steps have a path.*Copy the folder from its source again"):
        codes.restore(arrays, said)


@pytest.mark.parametrize("part", ["mixed", "curves"])
def test_unmix_stretches_no_part_of_rank_or_components(part):
    shapes = {"mixed": (4, 3, 5), "curves": (3, 21, 5)}
    for axis in {"mixed": (1, 2), "curves": (0, 2)}[part]:
        one = [1 if number == axis else count for number, count in enumerate(shapes[part])]
        with pytest.raises(ValueError, match="Weights of a rank are mixed"):
            codes.unmix({name: np.zeros(shape) for name, shape in shapes.items()} | {part: np.zeros(one)})
