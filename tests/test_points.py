"""Names and places of points against literal ones; the segments against the published table."""

import pickle

import numpy as np
import pytest

from grfkit.points import FEET, HEELS, LEGS, POINTS, SEGMENTS, TOES, InputError, mirrored, number


def test_places_are_those_of_the_names():
    assert [POINTS[place] for place in HEELS + TOES] == ["l_heel", "r_heel", "l_toe", "r_toe"]
    assert {side: [POINTS[place] for place in foot] for side, foot in FEET.items()} == {
        "l": ["l_heel", "l_toe"],
        "r": ["r_heel", "r_toe"],
    }
    thigh, shank = ("hip", "knee"), ("knee", "ankle")
    named = [(f"{side}_{upper}", f"{side}_{lower}") for side in "lr" for upper, lower in (thigh, shank)]
    assert [(POINTS[a], POINTS[b]) for a, b in LEGS] == named


def test_mirrored_names_each_point_anew_and_turns_ml_round():
    points, other = np.random.default_rng(0).normal(size=(4, 11, 3)), {"l": "r", "r": "l"}
    for place, name in enumerate(POINTS):
        source = POINTS.index(name if name == "pelvis" else other[name[0]] + name[1:])
        np.testing.assert_array_equal(mirrored(points)[:, place], points[:, source] * [1, -1, 1])
    np.testing.assert_array_equal(mirrored(mirrored(points)), points)


def test_segments_are_de_levas():
    """1996, table 4, women and men: mass (%), centre (%) and radii of gyration (%) about the two axes across the
    segment."""
    published = {
        ("thigh", "f"): (14.78, 36.12, 36.9, 36.4),
        ("thigh", "m"): (14.16, 40.95, 32.9, 32.9),
        ("foot", "f"): (1.29, 40.14, 29.9, 27.9),
        ("foot", "m"): (1.37, 44.15, 25.7, 24.5),
        ("shank", "f"): (4.81, 44.16, 27.1, 26.7),
        ("shank", "m"): (4.33, 44.59, 25.5, 24.9),
    }
    for (name, sex), (mass, centre, one, other) in published.items():
        np.testing.assert_allclose(SEGMENTS[sex][name], [mass / 100, centre / 100, (one + other) / 200])


def test_an_error_keeps_fact_and_advice_apart_across_processes():
    error = pickle.loads(pickle.dumps(InputError("A rule; 3 was found.", "Do this.")))
    assert (str(error), error.fact, error.advice) == (
        "A rule; 3 was found. Do this.",
        "A rule; 3 was found.",
        "Do this.",
    )


@pytest.mark.parametrize("value", [3.6, np.float64(3.6), np.float32(3.6), np.array(3.6), np.array(3.6, np.float32)])
def test_number_gives_a_float_whatever_its_precision(value):
    assert number(value) == 3.6 and type(number(value)) is float


def test_number_leaves_what_is_no_number():
    assert number(np.int64(100)) == 100 and type(number(np.array(100))) is int
    for value in (None, "100", [100.0], np.array([100.0]), np.array("a"), True, np.bool_(True)):
        assert number(value) is value
    assert np.isnan(number(np.float32("nan")))
