"""What one C3D file shows of itself, on motions and forces made by hand and on real files."""

from types import SimpleNamespace

import numpy as np
import pytest
from helpers import HZ, on_belt, virtual_run

from grfkit.recordings import c3d
from grfkit.recordings.formats.c3d_layout import Layout, Parameter
from grfkit.recordings.new_study import inspect
from grfkit.recordings.plates import Contact


@pytest.mark.parametrize(
    ("name", "up", "moves", "count"),
    [
        ("Running_0002.c3d", "+z", "overground", 2),
        ("walking5.c3d", "+z", "overground", 2),
        ("JA1Gait21.c3d", "+z", "overground", 8),
    ],
)
def test_look_sees_up_travel_and_plates_of_real_recordings(plates, name, up, moves, count):
    seen = inspect.look(plates / name)
    assert (seen.up, seen.moves, len(seen.plates), seen.bad) == (up, moves, count, {})


def test_speed_is_the_bodys_and_not_that_of_a_swinging_foot():
    times = np.arange(100) / 100
    body = [np.stack([3.0 * times, 0 * times, 1 + 0 * times], axis=1) for _ in range(4)]
    body[0][10:90] = np.nan  # lost in the middle
    foot = np.stack([9.0 * times, 0 * times, 0 * times], axis=1)
    assert inspect.body_speed([*body, foot], 100) == pytest.approx(3.0)
    assert np.isnan(inspect.body_speed([np.full((100, 3), np.nan)], 100))


@pytest.mark.parametrize("axis", ["+x", "-x", "+y", "-y"])
def test_find_forward_reads_feet_and_braking(axis):
    rotation = c3d.axes("found", "+z")
    ahead = c3d.axes(axis, "+z")[0]
    wave = np.sin(np.linspace(0, 2 * np.pi, 200))[:, None]
    force = -300 * wave * ahead + [0, 0, 1000.0]  # brakes, then propels
    steps = [Contact(0, 200, [(0, 0, 200)], frozenset([0]))]
    feet = {"l_heel": np.zeros((5, 3)), "l_toe": 0.2 * np.tile(ahead, (5, 1))}
    for points, forces, contacts in ((feet, [], []), ({}, [force], steps), (feet, [force], steps)):
        assert inspect.find_forward(points, forces, contacts, rotation) == axis
    assert inspect.find_forward(feet, [-force], steps, rotation) == ""  # they disagree
    assert inspect.find_forward({}, [], [], rotation) == ""


def test_ground_velocity_is_that_of_the_belt_and_none_overground():
    points, contacts = virtual_run(3)
    forward = (points[-1, 0, 0] - points[0, 0, 0]) * HZ / (len(points) - 1)
    still = np.zeros((len(points), 3))  # a marker of the laboratory, lower than the feet
    for belt_m_s in (0.0, 2.5, forward):
        places = [*on_belt(points, belt_m_s).swapaxes(0, 1), still]
        # a foot rolls and bends over: by a tenth of the speed, as the belts of rbds seem slower than they are
        np.testing.assert_allclose(inspect.ground_velocity(places, HZ), [-belt_m_s, 0, 0], atol=0.35)
    assert not inspect.ground_velocity([still], HZ).any()
    assert not inspect.ground_velocity([np.full((50, 3), np.nan)], HZ).any()


def layout(**groups):
    """What stands in a file with these parameters, texts or reals."""

    def parameter(value):
        if isinstance(value, str):
            return Parameter(-1, (len(value),), value.encode(), 84)
        return Parameter(4, np.shape(value), np.asarray(value, "<f4").tobytes(), 84)

    named = {group: {name: parameter(value) for name, value in there.items()} for group, there in groups.items()}
    return Layout("a.c3d", b"", None, 84, named)


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ({"Bodymass": 71.5, "Height": 1820.0}, {"mass_kg": "71.5", "height_m": "1.82"}),
        ({"MASS": "68", "BODY_HEIGHT": 175.0, "Sex": "Female"}, {"mass_kg": "68", "height_m": "1.75", "sex": "f"}),
        ({"Bodymass": 0.0, "Height": 0.0}, {}),  # not filled in
        ({"Bodymass": 71500.0, "Height": "tall"}, {}),
        ({"Bodymass": [70.0, 80.0]}, {}),  # two people
    ],
)
def test_body_is_read_where_a_file_says_it(group, expected):
    assert inspect._body(layout(POINT={"RATE": 100.0}, PROCESSING=group)) == expected


@pytest.mark.parametrize(
    ("forces", "expected"),
    [
        ([750.0 + np.zeros(50), np.zeros(50)], 750.0),
        ([400.0 + np.zeros(50), 350.0 + np.zeros(50), -3.0 + np.zeros(50)], 750.0),  # a foot on each of two
        ([np.linspace(600.0, 900.0, 50)], np.nan),  # nobody who stands still
        ([5.0 + np.zeros(50)], np.nan),
        ([], np.nan),
    ],
)
def test_weight_is_of_somebody_who_stands_still(forces, expected):
    raw = [SimpleNamespace(force=np.column_stack([0 * force, 0 * force, force])) for force in forces]
    np.testing.assert_equal(inspect._weight(raw), expected)


def test_weight_of_a_real_static_trial(plates):
    """Dorn 2012: the static trial weighs 730 to 760 N, by the raw channels."""
    assert 730 < inspect.look(plates / "JA1Static05.c3d").weight_n < 760
    assert np.isnan(inspect.look(plates / "JA1Gait21.c3d").weight_n)
