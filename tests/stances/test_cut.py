"""Contacts, sides, checks and the division of runners, on recordings made by hand and on real ones."""

from types import SimpleNamespace

import ezc3d
import numpy as np
import pandas as pd
import pytest
import yaml
from helpers import ROOT
from scipy.spatial.transform import Rotation

from grfkit import metrics
from grfkit.features import measured
from grfkit.points import FEET, FORCES, GRAVITY, INPUTS, POINTS
from grfkit.recordings import c3d, orientation, read
from grfkit.recordings import plates as force_plates
from grfkit.recordings import trials as trials_table
from grfkit.stances import checks, closeup, cut, split
from grfkit.study import file as study_file

LIMITS = study_file.load(ROOT / "params" / "virtual.yaml").sections["01_preprocess"]["checks"]
MASS = 70.0
SETTINGS = {
    "mass_kg": MASS,
    "speed_m_s": 3.6,
    "treadmill": False,
    "force_cutoff_hz": None,
    "points_cutoff_hz": None,
    "contact_threshold_n": 10.0,
    "padding_s": 0.010,
    "limits": LIMITS,
}
HALF = {"l": 0.1, "r": -0.1}  # where each foot runs, m to the left


def recording(*, second_force=0.3, offset_n=0.0):
    """One second at 100 and 1000 Hz: a left stance on plate 0 from 0.3 s, a right one on plate 1 from 0.7 s, 0.23 s each."""
    time, force_time = np.arange(120) / 100, np.arange(1200) / 1000
    points = np.zeros((120, 11, 3))
    points[..., 0] = 3.6 * time[:, None]
    for i, name in enumerate(POINTS):
        points[:, i, 1] = HALF.get(name[0], 0.0) if "_" in name else 0.0
        points[:, i, 2] = {"pelvis": 1.0, "hip": 0.9, "knee": 0.5, "ankle": 0.1, "heel": 0.05, "toe": 0.03}[
            name.split("_")[-1]
        ]
    plates = []
    for side, start, x in (("l", 0.3, 1.0), ("r", 0.7, 2.2)):
        foot = [POINTS.index(f"{side}_{part}") for part in ("heel", "toe")]
        planted = (time > start - 0.05) & (time < start + 0.28)
        points[np.ix_(planted, foot, [0])] = np.array([x, x + 0.25])[None, :, None]
        points[np.ix_(~planted, foot, [2])] += 0.3
        share = np.clip((force_time - start) / 0.23, 0, 1)
        wave = (
            MASS * 9.81 * np.stack([-0.3 * np.sin(2 * np.pi * share), 0 * share, 2.5 * np.sin(np.pi * share)], axis=1)
        )
        cop = np.tile([x + 0.12, HALF[side], 0.0], (1200, 1))
        low = 0.6 if side == "l" else 1.8
        corners = np.array([[low, -0.4, 0], [low + 1.2, -0.4, 0], [low + 1.2, 0.4, 0], [low, 0.4, 0]])
        plates.append(c3d.Plate(wave + offset_n, cop, corners))
    return c3d.Recording({}, 100.0, plates, 1000.0), points + [0, 0, 1] * bounce(time)[:, None, None] * (
        np.arange(11) == 0
    )[:, None]


def bounce(time):
    """Height of a pelvis that is lowest in the middle of each stance, at 0.415 and 0.815 s: m at times s."""
    return -0.03 * np.cos(2 * np.pi * (time - 0.415) / 0.4)


def reasons(record, points, **changes):
    return [
        str(outcome) if isinstance(outcome, cut.Excluded) else "kept"
        for _, _, outcome in cut.cut(record, points, **SETTINGS | changes)
    ]


def test_contacts_agree_with_a_literal_count():
    force = np.r_[
        np.zeros(50), np.full(200, 500.0), np.zeros(80), np.full(30, 50.0), np.zeros(40), np.full(100, 900.0), 0
    ]
    assert force_plates.contacts(force, threshold_n=10, rate_hz=1000) == [
        (50, 250),
        (400, 500),
    ]  # 50 N is noise, not a foot


def test_contacts_do_not_begin_with_a_blip_of_noise():
    force = np.r_[np.zeros(50), 12.0, np.zeros(14), np.full(200, 500.0), 0]
    assert force_plates.contacts(force, threshold_n=10, rate_hz=1000) == [(65, 265)]


def test_contacts_join_over_a_dropout_and_take_the_first_frame_above():
    force = np.r_[0, 10.0, 10.1, np.full(100, 500.0), 0, 0, np.full(100, 500.0), 9.9, 0]
    assert force_plates.contacts(force, threshold_n=10, rate_hz=1000) == [(2, 205)]


def test_cut_finds_side_time_and_force():
    (left, right) = cut.cut(*recording(), **SETTINGS)
    assert (left[0], right[0]) == ("l", "r")
    row, table = left[2]
    threshold_s = 0.23 / np.pi * np.arcsin(10 / (2.5 * MASS * 9.81))  # when a half sine exceeds 10 N
    assert left[1] == pytest.approx(0.3 + threshold_s, abs=0.001)
    assert row["toeoff_s"] == pytest.approx(0.53 - threshold_s, abs=0.001)
    assert row["flight_s"] == pytest.approx(0.17, abs=0.003)
    assert table[:, -1].max() == pytest.approx(2.5, rel=1e-3)
    assert table[0, 0] == pytest.approx(-0.010) and len(table) == pytest.approx(230 + 20, abs=2)
    assert (table[table[:, 0] < -1e-9, -3:] == 0).all()  # force in flight is 0


def test_cut_puts_the_pelvis_of_touchdown_over_the_origin():
    _, table = cut.cut(*recording(), **SETTINGS)[0][2]
    touchdown = table[np.argmin(np.abs(table[:, 0]))]
    np.testing.assert_allclose(touchdown[1:4], [0, 0, 1.0 + bounce(0.3)], atol=0.001)  # touchdown is some ms later


def test_cut_removes_the_offset_of_a_plate():
    plain, shifted = (cut.cut(*recording(offset_n=offset), **SETTINGS)[0][2][1] for offset in (0.0, 8.0))
    np.testing.assert_allclose(shifted[:, -3:], plain[:, -3:], atol=0.002)  # frames near zero force count as unloaded


def test_cut_excludes_lost_frames_but_bridges_a_short_gap():
    record, points = recording()
    points[40:43] = np.nan
    assert reasons(record, points) == ["kept", "kept"]
    points[38:48] = np.nan
    assert reasons(record, points) == ["points missing for more than 40 ms", "kept"]


def test_cut_excludes_another_person_from_his_place_or_his_jump():
    record, points = recording()
    assert all("centre of pressure" in reason for reason in reasons(record, points + [0, 1.5, 0]))
    jumping = points.copy()
    jumping[40:] += [0, 1.5, 0]
    assert reasons(record, jumping)[0] == "wrong person: points jump"
    growing = points.copy()
    growing[:, POINTS.index("l_knee"), 2] += 0.2 * (np.arange(120) > 40)
    assert reasons(record, growing)[0] == "wrong person: segment lengths change"


@pytest.mark.parametrize("number", [0, 1])
def test_cut_excludes_a_foot_beyond_the_plate_of_either_side(number):
    """The plate ends beside the foot, or between the ankle and the toe, or between the heel and the ankle."""
    for shift in ([0, 0.55, 0], [1.2 - 0.4 - 0.15, 0, 0], [-0.45, 0, 0]):
        record, points = recording()
        plate = record.plates[number]
        shift = shift * np.array([1, 1 if number == 0 else -1, 1])
        record.plates[number] = c3d.Plate(plate.force, plate.cop, plate.corners - shift)
        expected = ["kept", "kept"]
        expected[number] = "foot not wholly on the plate"
        assert reasons(record, points) == expected, shift
    record, points = recording()  # the heel seems 1 cm beyond the edge: the points are no better than that
    plate = record.plates[number]
    record.plates[number] = c3d.Plate(plate.force, plate.cop, plate.corners + [0.41 if number == 0 else 0.41, 0, 0])
    assert reasons(record, points) == ["kept", "kept"]


@pytest.mark.parametrize("number", [0, 1])
def test_cut_keeps_pressure_under_the_toe_and_excludes_it_where_it_is_unknown_or_far(number):
    for ahead, expected in (
        (0.13, "kept"),
        (-0.12, "kept"),
        (0.30, "centre of pressure"),
        (np.nan, "centre of pressure"),
    ):
        record, points = recording()
        plate = record.plates[number]
        record.plates[number] = c3d.Plate(plate.force, plate.cop + [ahead, 0, 0], plate.corners)
        assert expected in reasons(record, points)[number], ahead


def test_cut_excludes_who_runs_against_the_declared_direction():
    record, points = recording()
    turn = np.array([-1.0, -1.0, 1.0])
    back = [c3d.Plate(plate.force * turn, plate.cop * turn, plate.corners * turn) for plate in record.plates]
    assert reasons(c3d.Recording({}, 100.0, back, 1000.0), points * turn) == ["runs against the axis `forward`"] * 2


def test_cut_does_not_take_a_step_off_the_plates_for_flight():
    record, points = recording()
    late = c3d.Plate(np.roll(record.plates[1].force, 200, axis=0), record.plates[1].cop, record.plates[1].corners)
    outcome = cut.cut(c3d.Recording({}, 100.0, [record.plates[0], late], 1000.0), points, **SETTINGS)[0][2]
    assert np.isnan(outcome[0]["flight_s"])


def test_cut_excludes_a_partial_contact_and_names_a_foot_without_contact():
    record, points = recording()
    record.plates[0] = c3d.Plate(0.4 * record.plates[0].force, record.plates[0].cop, record.plates[0].corners)
    assert [reason[:26] for reason in reasons(record, points)] == ["vertical peak under 1.5 BW", "kept"]
    record.plates[0] = c3d.Plate(0 * record.plates[0].force, record.plates[0].cop, record.plates[0].corners)
    assert reasons(record, points) == ["kept", "no contact of this foot on a plate"]


def halved(record, points, number, *, at):
    """Cut a plate in two, end to end: the foot loads the near half before frame `at`, both for 60 ms, then the far half."""
    plate = record.plates[number]
    ahead = np.clip((np.arange(len(plate.force)) - at) / 60, 0, 1)[:, None]
    middle = plate.corners[:, 0].mean()
    near, far = (
        np.where((plate.corners[:, :1] < middle) == low, plate.corners, [[middle, 0, 0]] + plate.corners * [0, 1, 1])
        for low in (True, False)
    )
    record.plates[number] = c3d.Plate(plate.force * (1 - ahead), plate.cop - [0.05, 0, 0], near)
    record.plates.append(c3d.Plate(plate.force * ahead, plate.cop + [0.05, 0, 0], far))
    return record, points


def test_cut_joins_a_step_over_two_plates_to_what_one_plate_measures():
    whole = cut.cut(*recording(), **SETTINGS)
    joined = cut.cut(*halved(*recording(), 0, at=400), **SETTINGS)
    assert [side for side, _, _ in joined] == ["l", "r"]
    for one, two in zip(whole, joined, strict=True):
        assert one[1] == two[1] and one[2][0]["toeoff_s"] == two[2][0]["toeoff_s"]
        np.testing.assert_allclose(two[2][1], one[2][1], atol=1e-9)


def test_cut_joins_a_foot_that_leaves_a_plate_and_comes_back_once():
    """Near, far, near: 25 ms without any load on the near plate in the middle of stance; its force counts once."""
    whole = cut.cut(*recording(), **SETTINGS)[0][2][1]
    record, points = halved(*recording(), 0, at=5000)  # all on the near plate
    near, far = record.plates[0], record.plates[-1]
    away = ((np.arange(1200) >= 400) & (np.arange(1200) < 425))[:, None]
    record.plates[0] = c3d.Plate(near.force * ~away, near.cop, near.corners)
    record.plates[-1] = c3d.Plate(near.force * (0.1 + 0.9 * away), far.cop, far.corners)
    both = cut.cut(record, points, **SETTINGS)[0][2][1]
    assert both[:, -1].max() == pytest.approx(1.1 * whole[:, -1].max(), rel=0.01)


def test_cut_counts_a_plate_that_the_foot_only_touches():
    record, points = halved(*recording(), 0, at=5000)
    near, far = record.plates[0], record.plates[-1]
    record.plates[0] = c3d.Plate(0.96 * near.force, near.cop, near.corners)
    record.plates[-1] = c3d.Plate(0.04 * near.force, far.cop, far.corners)  # 69 N at most
    whole = cut.cut(*recording(), **SETTINGS)[0][2][1]
    np.testing.assert_allclose(cut.cut(record, points, **SETTINGS)[0][2][1], whole, atol=1e-9)


def test_cut_leaves_a_plate_alone_on_which_somebody_else_stands():
    """A plate 5 m away is loaded during both steps: they are kept, it is excluded, and the runner weighs what he weighs."""
    record, points = recording()
    plain = cut.cut(*recording(), **SETTINGS)
    standing = np.zeros((1200, 3))
    standing[200:1150, 2] = 700
    far = record.plates[1].corners + [5.0, 0, 0]
    record.plates.append(c3d.Plate(standing, far.mean(axis=0) + 0 * standing, far))
    outcomes = cut.cut(record, points, **SETTINGS)
    kept = [outcome for _, _, outcome in outcomes if not isinstance(outcome, cut.Excluded)]
    assert len(outcomes) == 3 and len(kept) == 2
    for one, (_, _, two) in zip(kept, plain, strict=True):
        assert one[0] == two[0]
        np.testing.assert_array_equal(one[1], two[1])


def test_cut_keeps_a_slow_push_off():
    """A foot that leaves the plate with 60 N for 40 ms, as people's feet do, is no plate that does not return to zero."""
    record, points = recording()
    plate = record.plates[0]
    slow = plate.force + [0, 0, 60.0] * ((np.arange(1200) >= 525) & (np.arange(1200) < 570))[:, None]
    record.plates[0] = c3d.Plate(slow, plate.cop, plate.corners)
    assert reasons(record, points) == ["kept", "kept"]


def test_zeroed_gives_the_centre_of_pressure_without_the_plates_offset():
    """A foot 0.2 m beside the plate's centre, and an offset of 200 N and 30 N m at the centre: pressure is where the foot is."""
    force = np.zeros((3000, 3))
    force[1000:1240, 2] = 1600 * np.sin(np.pi * (np.arange(240) + 0.5) / 240)
    read = force + [10.0, -5.0, 200.0]
    moment = force[:, 2:] * [1.2, 0.5, 0.0] + [200 * 1.0 + 30, 200 * 0.5, 0.0]
    zeroed = force_plates.zeroed(c3d.Plate(read, moment / read[:, 2:], np.zeros((4, 3))), 1000)
    np.testing.assert_allclose(zeroed.force, force, atol=1e-9)
    np.testing.assert_allclose(zeroed.cop[1000:1240], np.tile([1.2, 0.5, 0.0], (240, 1)), atol=1e-9)
    assert np.isnan(zeroed.cop[:1000]).all()


def test_cut_names_no_side_for_feet_that_were_not_seen():
    record, points = recording()
    points[20:100] = np.nan  # neither stance was seen
    assert [side for side, _, _ in cut.cut(record, points, **SETTINGS)] == ["", ""]
    record, points = recording()
    points[30:55] = np.nan  # one was: the other is the other foot
    assert [side for side, _, _ in cut.cut(record, points, **SETTINGS)] == ["l", "r"]


def test_cut_says_foot_and_not_speed_of_somebody_who_stands_by():
    record, points = recording()
    points[:] = points[60] + [0, 2.0, 0]
    points[:, [POINTS.index("l_toe"), POINTS.index("r_toe")], 0] += 0.2
    found = reasons(record, points)
    assert sum("centre of pressure" in reason for reason in found) == 2 and not any(
        "speed" in reason for reason in found
    )


def test_cut_excludes_a_step_over_two_plates_where_both_feet_may_be_meant():
    record, points = halved(*recording(), 0, at=400)
    points[:, [POINTS.index("r_heel"), POINTS.index("r_toe")], 2] = 0.05  # the other foot is down too
    assert reasons(record, points)[0] == "step over several plates: both feet may be on them"


def test_cut_does_not_join_a_plate_that_stays_loaded():
    """The plate of the left step goes on reading 80 N under the right one, which is on another plate."""
    record, points = recording()
    stuck = record.plates[0].force + [0, 0, 80.0] * (np.arange(1200) >= 529)[:, None]
    record.plates[0] = c3d.Plate(stuck, record.plates[0].cop, record.plates[0].corners)
    assert reasons(record, points) == ["force does not return to zero", "kept"]
    stuck = record.plates[0].force - [0, 0, 160.0] * (np.arange(1200) >= 529)[:, None]  # or reads less than nothing
    record.plates[0] = c3d.Plate(stuck, record.plates[0].cop, record.plates[0].corners)
    assert reasons(record, points) == ["force does not return to zero", "kept"]


def test_cut_excludes_a_stance_that_the_recording_cuts_off():
    record, points = recording()
    short = [c3d.Plate(plate.force[400:], plate.cop[400:], plate.corners) for plate in record.plates]
    late = c3d.Recording({}, 100.0, short, 1000.0)
    assert reasons(late, points[40:]) == ["stance cut off by the start or the end of the recording", "kept"]


def test_cut_excludes_frames_missing_in_many_short_gaps():
    record, points = recording()
    points[30:54:2] = np.nan  # each gap is short
    assert reasons(record, points) == ["points missing in more than 20 % of frames", "kept"]


@pytest.mark.parametrize(
    ("speed", "expected"),
    [(3.6, "kept"), (3.2, "kept"), (2.9, "speed more than 15 % off the listed one"), (4.5, "speed more than 15 % off")],
)
def test_cut_compares_the_listed_speed_with_the_pelvis(speed, expected):
    assert all(expected in reason for reason in reasons(*recording(), speed_m_s=speed))


def test_check_speed_reads_the_belt_under_the_planted_foot():
    points = np.zeros((90, 11, 3))
    points[:, FEET["l"], 0] = -3.5 * np.arange(90)[:, None] / 300
    checks.check_speed(points, "l", 300, 3.5, treadmill=True, speed_off=0.01)
    with pytest.raises(checks.Excluded, match="speed more than"):
        checks.check_speed(points, "l", 300, 4.5, treadmill=True, speed_off=0.15)
    with pytest.raises(checks.Excluded, match="against"):
        checks.check_speed(-points, "l", 300, 3.5, treadmill=True, speed_off=0.15)


@pytest.mark.parametrize("late_s", [-0.08, -0.02, 0.0, 0.02, 0.08])
def test_lag_finds_a_planted_one(late_s):
    """A pelvis that moves as mass times acceleration says, and is filmed late; the force of 30 steps in 11 s."""
    time = np.arange(11000) / 1000
    force = 1500 * np.clip(np.sin(2 * np.pi * (time - 0.4) / 0.68), 0, None)
    spans = force_plates.contacts(force, threshold_n=10, rate_hz=1000)[1:-1]

    def pelvis(at):  # the steady part of the twice-integrated force: its first two harmonics
        swing = 2 * np.pi / 0.68
        phase = swing * (at - late_s - 0.4)
        return -1500 / 70 * (0.5 * np.sin(phase) / swing**2 - 2 / (3 * np.pi) * np.cos(2 * phase) / (2 * swing) ** 2)

    assert checks.lag(force, 1000, pelvis, spans) == pytest.approx(late_s, abs=0.003)
    assert np.isnan(checks.lag(force, 1000, pelvis, []))


def test_cut_excludes_cameras_and_plates_that_were_not_started_together():
    record, points = recording()
    late = [c3d.Plate(np.roll(plate.force, 70, axis=0), plate.cop, plate.corners) for plate in record.plates]
    assert set(reasons(c3d.Recording({}, 100.0, late, 1000.0), points)) == {checks.LAG}


def test_zero_level_follows_offset_and_drift_but_no_runner():
    time = np.arange(9000) / 300
    running = 1600 * np.clip(np.sin(2 * np.pi * time / 0.7), 0, None)
    drift = np.stack([20 * np.sin(time / 8), 0.5 * time, -40 + 3 * time], axis=1)
    noise = np.random.default_rng(1).normal(size=(9000, 3))
    force = np.outer(running, [0, 0, 1.0]) + drift + noise
    level = force_plates.zero_level(force, force[:, 2], 300)
    np.testing.assert_allclose(
        level[300:-300], drift[300:-300], atol=3
    )  # frames of light load count as unloaded: some N
    standing = np.r_[np.zeros(900), np.full(1800, 700.0), np.zeros(900)]
    np.testing.assert_allclose(force_plates.zero_level(standing[:, None], standing, 300), 0, atol=1e-9)


def test_weigh_gives_the_mass_over_whole_strides():
    """Half sines of 0.24 s every 0.34 s whose impulse carries 70 kg, left legs 10 % stronger: strides count, a rest does not."""
    vertical, spans = np.zeros(4000), []
    for number, first in enumerate([100, 440, 780, 1120, 1460, 2500, 2840]):
        strength = 1.1 if number % 2 == 0 else 0.9
        vertical[first : first + 240] = (
            strength * 70 * GRAVITY * 0.34 / 0.24 * np.pi / 2 * np.sin(np.pi * (np.arange(240) + 0.5) / 240)
        )
        spans.append((first, first + 240))
    impulse, duration = force_plates.weigh(vertical, spans[:5], hz=1000)
    assert duration == pytest.approx(4 * 0.34) and force_plates.mass(impulse, duration) == pytest.approx(70, rel=1e-4)
    impulse, duration = force_plates.weigh(vertical, spans[:4], hz=1000)  # three steps: two are a stride
    assert duration == pytest.approx(2 * 0.34) and force_plates.mass(impulse, duration) == pytest.approx(70, rel=1e-4)
    assert force_plates.weigh(vertical, spans, hz=1000)[1] == pytest.approx(5 * 0.34)  # and one step after the rest
    assert np.isnan(force_plates.mass(*force_plates.weigh(vertical, spans[:1], hz=1000)))


@pytest.mark.parametrize(("degrees", "expected"), [(0, 0), (6, 0), (-8, 0), (30, 30), (90, 90), (183, 180), (-45, -45)])
def test_heading_takes_the_path_or_the_axis_it_nearly_follows(degrees, expected):
    ahead = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees)), 0])
    points = np.zeros((60, 11, 3)) + np.linspace(0, 3, 60)[:, None, None] * ahead
    points[40:, :, 1] += 1.5  # a jump to another person is no path
    points[:3] = np.nan
    np.testing.assert_allclose(
        orientation.heading(points), [np.cos(np.radians(expected)), np.sin(np.radians(expected)), 0], atol=1e-9
    )
    for still in (np.zeros((60, 11, 3)), np.full((60, 11, 3), np.nan)):
        with pytest.raises(checks.Excluded, match="the pelvis is not seen to travel"):
            orientation.heading(still)


def test_beyond_measures_along_the_edges_of_a_turned_plate():
    turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])
    corners = np.array([[0, 0, 0], [0.9, 0, 0], [0.9, 0.6, 0], [0, 0.6, 0]])
    for place, expected in (
        ([0.45, 0.3, 0], -0.3),
        ([1.0, 0.3, 0], 0.1),
        ([0.45, -0.2, 0], 0.2),
        ([0.88, 0.3, 5], -0.02),
    ):
        for order in (corners, corners[::-1], np.roll(corners, 1, axis=0)):
            assert force_plates.beyond(turn @ place + [3, 4, 0], order @ turn.T + [3, 4, 0]) == pytest.approx(expected)


def test_cut_refuses_a_recording_without_plates():
    record, points = recording()
    with pytest.raises(ValueError, match="needs a force plate"):
        cut.cut(c3d.Recording({}, 100.0, [], 1000.0), points, **SETTINGS)


def test_check_braking_first_catches_a_reversed_direction():
    force = np.stack([-np.sin(np.linspace(0, 2 * np.pi, 50)), np.zeros(50), np.ones(50)], axis=1)
    cut.check_braking_first([force, force])
    cut.check_braking_first([])
    with pytest.raises(ValueError, match="Turn the sign of `forward`"):
        cut.check_braking_first([force * [-1, -1, 1]])


def cohort(runners=12, shoes="AB", laps=4, trials=2):
    rows = [
        (f"v{r:02d}", shoe, str(lap), str(trial), side)
        for r in range(runners)
        for shoe in shoes
        for lap in range(laps)
        for trial in range(trials)
        for side in "lr"
    ]
    return pd.DataFrame(rows, columns=["runner", "shoe", "lap", "trial", "side"]).assign(split="")


SPLIT = {"test_runners": None, "n_test_runners": 4, "test_shoes": 1, "test_laps": 3}


def test_draw_never_has_a_runner_on_both_sides():
    table = cohort()
    for seed in range(20):
        drawn = split.draw(table, seed=seed, **SPLIT)
        sides = {kind: set(table["runner"][drawn == kind]) for kind in ("train", "test", "unused")}
        assert not sides["train"] & (sides["test"] | sides["unused"]) and len(sides["test"]) == 4
        test = table[drawn == "test"]
        assert (test.groupby("runner").size() == 1 * 3 * 2 * 2).all()  # shoes, laps, trials, sides
        assert (test.groupby("runner")["shoe"].nunique() == 1).all() and (
            test.groupby("runner")["lap"].nunique() == 3
        ).all()


def test_draw_leaves_other_speeds_alone():
    """They are marked before; neither who is tested nor what is trained on depends on them."""
    table = cohort()
    others = table.assign(split="other_speed", lap="9")
    both = split.draw(pd.concat([table, others], ignore_index=True), seed=1, **SPLIT)
    assert (both[len(table) :] == "other_speed").all()
    pd.testing.assert_series_equal(both[: len(table)], split.draw(table, seed=1, **SPLIT))


def test_draw_wants_both_stances_of_every_trial_of_a_lap():
    table = cohort()
    with pytest.raises(ValueError, match=r"needs 1 shoe\(s\) with 3 whole lap\(s\)"):
        split.draw(table.drop(table[(table["trial"] == "0") & (table["side"] == "l")].index), seed=1, **SPLIT)


def test_draw_takes_whole_laps_only():
    table = cohort()
    broken = table[(table["lap"] == "1") & (table["side"] == "l") & (table["trial"] == "0")].index
    table = table.drop(broken)
    for seed in range(5):
        drawn = split.draw(table, seed=seed, **SPLIT)
        assert "1" not in set(table["lap"][drawn == "test"])


def test_draw_follows_the_seed_and_the_named_runners():
    table = cohort()
    assert split.draw(table, seed=1, **SPLIT).equals(split.draw(table, seed=1, **SPLIT))
    named = split.draw(table, seed=1, **SPLIT | {"test_runners": ["v03"], "test_shoes": None, "test_laps": None})
    assert set(table["runner"][named == "test"]) == {"v03"} and not (named == "unused").any()
    with pytest.raises(ValueError, match="v99 have none"):
        split.draw(table, seed=1, **SPLIT | {"test_runners": ["v99"]})
    with pytest.raises(ValueError, match="Some runners must be left"):
        split.draw(table, seed=1, **SPLIT | {"n_test_runners": 12})


def preprocess(params, folder, trials, *, weights=False, **changes):
    settings = study_file.load(params).sections["01_preprocess"]
    names = (
        "forward",
        "up",
        "plates",
        "treadmill",
        "speed_m_s",
        "other_speeds_m_s",
        "body_weight",
        "force_cutoff_hz",
        "points_cutoff_hz",
        "contact_threshold_n",
        "padding_s",
    )
    source = {name: settings[name] for name in ("points", "theia", "clusters")}
    return cut.collect(
        trials,
        folder,
        **{"landmark_source": source, "limits": settings["checks"]}
        | {name: settings[name] for name in names}
        | changes,
    )[: 4 if weights else 3]


@pytest.fixture(scope="module")
def virtual(tmp_path_factory):
    return plant(tmp_path_factory.mktemp("virtual"), each=3, men=2, women=2, laps=4)


def plant(folder, *, each, **design):
    """Record a virtual study with `each` faults of every kind."""
    from grfkit.virtual import laboratory as virtual

    design |= dict.fromkeys(virtual.FAULTS.values(), each)
    settings = study_file.load(ROOT / "params" / "virtual.yaml").laboratory
    virtual.record(folder, settings.model_copy(update=design), seed=5)
    return folder


def test_collect_catches_every_planted_fault_and_loses_no_good_stance(virtual):
    assert check_faults(virtual) == 2 * 32 - 3 * 11  # four faults spoil both stances of a trial, three one


@pytest.mark.slow
def test_collect_catches_every_planted_fault_among_two_thousand_stances(tmp_path):
    assert check_faults(plant(tmp_path, each=11, men=24, women=35, laps=3, trials=3)) == 2 * 1062 - 11 * 11


def check_faults(virtual):
    """Check each stance kept, and the reason of each that is not, against what the laboratory planted; count those kept."""
    trials = trials_table.read_trials(virtual, table="trials.csv")
    stances, frames, excluded = preprocess(ROOT / "params" / "virtual.yaml", virtual, trials)
    planted = pd.read_csv(virtual / "planted.csv").set_index("file")["side"]
    expected = {(file, side) for file in trials["file"] for side in "lr"}
    expected -= {
        (file, side) for file, sides in planted.items() for side in (("l", "r") if sides == "both" else (sides,))
    }
    assert set(zip(stances["file"], stances["side"], strict=True)) == expected
    assert len(excluded) + len(stances) == 2 * len(trials)  # nothing is dropped without a row
    reason = (
        excluded.groupby("file")["reason"]
        .first()
        .str.cat(pd.read_csv(virtual / "planted.csv").set_index("file")["fault"], sep=" <- ")
    )
    known = {
        "wrong_person": "wrong person",
        "missed_plate": "missed plate|vertical peak|no contact|not wholly",
        "lost_frames": "points missing",
        "stuck_force": "does not return to zero",
        "unsynchronised": "not synchronised",
        "wrong_mass": "the plates weigh .* kg, listed are",
        "wrong_speed": "speed more than",
    }
    for text in reason:
        assert pd.Series([text.split(" <- ")[0]]).str.contains(known[text.split(" <- ")[1]]).all(), text
    return len(stances)


def test_collect_does_not_depend_on_the_order_of_files(virtual):
    trials = trials_table.read_trials(virtual, table="trials.csv").head(4)
    one, frames, _ = preprocess(ROOT / "params" / "virtual.yaml", virtual, trials)
    two, others, _ = preprocess(ROOT / "params" / "virtual.yaml", virtual, trials[::-1])
    for row in one.itertuples():
        twin = two[(two["file"] == row.file) & (two["side"] == row.side)]["stance"].item()
        np.testing.assert_array_equal(
            frames[frames["stance"] == row.stance].iloc[:, 2:].to_numpy(),
            others[others["stance"] == twin].iloc[:, 2:].to_numpy(),
        )


def test_collect_names_the_file_of_an_absent_marker(virtual, tmp_path):
    params = yaml.safe_load((ROOT / "params" / "virtual.yaml").read_text(encoding="utf-8"))
    params["01_preprocess"]["points"]["l_heel"] = "LHEE"
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    trials = trials_table.read_trials(virtual, table="trials.csv")
    with pytest.raises(
        ValueError, match=r"v01/.*\.c3d: Each of the 11 points needs its marker; 'LHEE' is not in the file"
    ):
        preprocess(tmp_path / "other.yaml", virtual, trials)


def test_collect_finds_any_direction_of_running(virtual, tmp_path):
    """The same file with the runner going +x, found, and turned by 90 and by 205 degrees about the vertical."""
    trials = trials_table.read_trials(virtual, table="trials.csv")
    trials = trials[~trials["file"].isin(pd.read_csv(virtual / "planted.csv")["file"])].head(2)
    plain, frames, _ = preprocess(ROOT / "params" / "virtual.yaml", virtual, trials)
    for degrees in (0, 90, 205):
        folder = tmp_path / str(degrees)
        for file in trials["file"]:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            turned(virtual / file, folder / file, degrees)
        found, others, _ = preprocess(ROOT / "params" / "virtual.yaml", folder, trials, forward="found")
        # some hundredths of a degree for 205 degrees, where no axis is near; single precision for the others
        atol = 2e-5 if degrees < 205 else 0.02
        np.testing.assert_allclose(others.to_numpy(), frames.to_numpy(), atol=atol)
        assert found["side"].tolist() == plain["side"].tolist()


def test_collect_excludes_a_trial_without_a_running_direction_and_goes_on(virtual, tmp_path):
    trials = trials_table.read_trials(virtual, table="trials.csv")
    trials = trials[~trials["file"].isin(pd.read_csv(virtual / "planted.csv")["file"])].head(2)
    for number, file in enumerate(trials["file"]):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        content = ezc3d.c3d(str(virtual / file))
        if number:
            points = content["data"]["points"].copy()
            points[:3] = points[:3, :, :1]  # somebody who stands by
            content["data"]["points"] = points
        content.write(str(tmp_path / file))
    stances, _, excluded = preprocess(ROOT / "params" / "virtual.yaml", tmp_path, trials, forward="found")
    assert set(stances["file"]) == {trials["file"].iloc[0]}
    assert excluded[["file", "reason"]].to_numpy().tolist() == [
        [
            trials["file"].iloc[1],
            "no running direction: the pelvis is not seen to travel; a treadmill, or another person",
        ]
    ]


def turned(source, path, degrees):
    """Write a virtual recording as a laboratory would whose axes are turned: points and the corners of the plates."""
    rotation = Rotation.from_euler("z", degrees, degrees=True).as_matrix()
    file = ezc3d.c3d(str(source))
    points = file["data"]["points"].copy()
    points[:3] = np.einsum("ij,jpf->ipf", rotation, points[:3])
    file["data"]["points"] = points
    corners = file["parameters"]["FORCE_PLATFORM"]["CORNERS"]["value"]
    file["parameters"]["FORCE_PLATFORM"]["CORNERS"]["value"] = np.einsum("ij,jkp->ikp", rotation, corners)
    file.write(str(path))


def theia(source, template, path):
    """Write a virtual recording as a Theia3D export: origins of segments at the joints, heels in the axes of the feet."""
    file, export = ezc3d.c3d(str(source)), ezc3d.c3d(str(template))
    at = dict(zip(POINTS, file["data"]["points"][:3].transpose(1, 2, 0), strict=True))
    labels, frames = export["parameters"]["ROTATION"]["LABELS"]["value"], file["data"]["points"].shape[2]
    poses = np.tile(np.eye(4)[:, :, None, None], (1, 1, len(labels), frames))
    for i, label in enumerate(labels):
        segment = label.removesuffix("_4X4")
        place = {"pelvis": "pelvis"} | {
            f"{side}_{a}": f"{side}_{b}"
            for side in "lr"
            for a, b in (("thigh", "hip"), ("shank", "knee"), ("foot", "ankle"), ("toes", "toe"))
        }
        poses[:3, 3, i] = at[place.get(segment, "pelvis")].T
    for side in "lr":  # upright feet, with a heel that stays where it was in the mean
        export["parameters"]["THEIA3D"][f"{side}_heel"]["value"] = (
            np.nanmean(at[f"{side}_heel"] - at[f"{side}_ankle"], axis=0)[:, None] / 1000
        )
    export["data"]["points"] = np.zeros((4, 0, frames))
    export["data"]["meta_points"]["residuals"] = np.zeros((1, 0, frames))
    export["data"]["meta_points"]["camera_masks"] = np.zeros((7, 0, frames), bool)
    export["data"]["rotations"] = poses
    for group, names in (
        ("POINT", ["RATE"]),
        ("ANALOG", ["RATE", "LABELS", "UNITS"]),
        ("FORCE_PLATFORM", ["USED", "TYPE", "ZERO", "CORNERS", "ORIGIN", "CHANNEL", "CAL_MATRIX"]),
    ):
        for name in names:
            export["parameters"][group][name]["value"] = file["parameters"][group][name]["value"]
    export["parameters"]["ROTATION"]["RATE"]["value"] = file["parameters"]["POINT"]["RATE"]["value"]
    export["data"]["analogs"] = file["data"]["analogs"]
    export.write(str(path))


def test_collect_reads_a_theia_export_as_it_reads_points(virtual, theia_export, tmp_path):
    trials = trials_table.read_trials(virtual, table="trials.csv")
    trials = trials[~trials["file"].isin(pd.read_csv(virtual / "planted.csv")["file"])].head(2)
    for file in trials["file"]:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        theia(virtual / file, theia_export, tmp_path / file)
    plain, frames, _ = preprocess(ROOT / "params" / "virtual.yaml", virtual, trials)
    # the upright foot's heel is not where the real one is: its place is not checked here
    limits = study_file.load(ROOT / "params" / "virtual.yaml").sections["01_preprocess"]["checks"] | {
        "foot_distance_m": 0.5,
        "beyond_plate_m": 0.5,
    }
    found, others, _ = preprocess(
        ROOT / "params" / "virtual.yaml",
        tmp_path,
        trials,
        limits=limits,
        landmark_source={"points": None, "theia": True, "clusters": None},
    )
    assert found["side"].tolist() == plain["side"].tolist()
    same = [column for column in frames if "heel" not in column]
    np.testing.assert_allclose(others[same].to_numpy(), frames[same].to_numpy(), atol=1e-6)


def from_points(files, file, points, **changes):
    """Cut a real overground recording without a table, its direction found: returns the recording and the outcomes."""
    source = (
        {"points": points, "theia": False, "clusters": None}
        if "pelvis" in points
        else {"points": None, "theia": False, "clusters": points}
    )
    trial = SimpleNamespace(file=file, static="JA1Static05.c3d")
    record, tracked = read.load_trial(trial, files, {}, source, forward="found", up="+z", plates=None)
    return record, cut.cut(record, tracked, **SETTINGS | {"points_cutoff_hz": 20.0} | changes)


def sided(names):
    return {f"{side.lower()}_{point}": name.format(side) for side in "LR" for point, name in names.items()}


def test_cut_reads_overground_running_over_eight_plates(plates):
    """Dorn 2012: 3.53 m/s along +y, five steps; the static trial weighs 755 N. Peaks as of running (BRIEF: 2.5, .39, .31 BW)."""
    on = {
        "thigh": ["THLP", "THLD", "THAP", "THAD"],
        "shank": ["TIAP", "TIAD", "TILAT"],
        "foot": ["HEEL", "MFS", "MFL", "P1MT", "P5MT", "TOE"],
    }
    places = {
        "knee": ("thigh", ["LEPI", "MEPI"]),
        "ankle": ("shank", ["LMAL", "MMAL"]),
        "heel": ("foot", ["HEEL"]),
        "toe": ("foot", ["TOE"]),
    }
    segments = {"pelvis": ["RASI", "LASI", "SACR"]} | {
        f"{s.lower()}_{name}": [s + each for each in on[name]] for s in "LR" for name in on
    }
    marks = {"pelvis": {"segment": "pelvis", "markers": segments["pelvis"], "regression": None}}
    marks |= {f"{side}_hip": {"segment": "pelvis", "markers": None, "regression": "bell1990"} for side in "lr"}
    marks |= {
        f"{s.lower()}_{point}": {
            "segment": f"{s.lower()}_{segment}",
            "markers": [s + name for name in names],
            "regression": None,
        }
        for s in "LR"
        for point, (segment, names) in places.items()
    }
    clusters = {
        "segments": segments,
        "landmarks": marks,
        "max_residual_m": 0.03,
        "pelvis_markers": {"l_asis": "LASI", "r_asis": "RASI", "l_psis": "SACR", "r_psis": "SACR"},
    }
    _, found = from_points(plates, "JA1Gait21.c3d", clusters, mass_kg=755 / GRAVITY, speed_m_s=3.53)
    assert [side for side, _, _ in found] == ["l", "r", "l", "r", "l"]
    assert not [reason for _, _, reason in found if isinstance(reason, cut.Excluded)]
    for _, _, (row, table) in found:
        ap, _, vertical = table[table[:, -1] > 0, -3:].T
        assert 2.4 < vertical.max() < 2.9 and 0.2 < -ap.min() < 0.5 and 0.2 < ap.max() < 0.5
        assert ap[: len(ap) // 2].mean() < -0.1 and ap[len(ap) // 2 :].mean() > 0.1  # brakes, then propels
    row = found[0][2][0]
    assert force_plates.mass(row["impulse_n_s"], row["weighed_s"]) == pytest.approx(
        755 / GRAVITY, rel=0.03
    )  # four steps, two strides


def test_cut_reads_overground_running_on_a_kistler_plate(plates):
    """Running_0002: one right stance along -x at 3.1 m/s, no body mass: in newtons, by a mass of 1 / g. Markers on the skin for joints."""
    names = sided({"hip": "{}ASIS", "knee": "{}KneeLat", "ankle": "{}AnkleLat", "heel": "{}Heel", "toe": "{}PHAL2"}) | {
        "pelvis": "LBackAsis"
    }
    record, found = from_points(
        plates, "Running_0002.c3d", names, mass_kg=1 / GRAVITY, speed_m_s=3.1, limits=LIMITS | {"segment_change": 0.5}
    )
    (side, _, (row, table)), (other, _, reason) = found
    assert (side, other, str(reason)) == ("r", "l", "no contact of this foot on a plate")
    ap, _, vertical = table[table[:, -1] > 0, -3:].T
    assert 1300 < vertical.max() < 1500 and ap[: len(ap) // 2].mean() < -50 and ap[len(ap) // 2 :].mean() > 50
    assert -250 < ap.min() < -150 and 150 < ap.max() < 250


def test_collect_weighs_and_divides_by_the_weighed_mass(virtual):
    """The virtual runners weigh what is listed; a listed mass 8 % off changes `listed` forces and not `weighed` ones."""
    trials = trials_table.read_trials(virtual, table="trials.csv")
    trials = trials[~trials["file"].isin(pd.read_csv(virtual / "planted.csv")["file"])].head(3)
    stances, frames, _ = preprocess(ROOT / "params" / "virtual.yaml", virtual, trials)
    np.testing.assert_allclose(stances["weighed_kg"], stances["mass_kg"], rtol=0.01)
    lighter = trials.assign(mass_kg=0.92 * trials["mass_kg"])
    listed, weighed = (
        preprocess(ROOT / "params" / "virtual.yaml", virtual, lighter, body_weight=kind)[1]
        for kind in ("listed", "weighed")
    )
    np.testing.assert_allclose(listed["grf_v"], frames["grf_v"] / 0.92, rtol=1e-5)
    ratio = stances["mass_kg"].iloc[0] / stances["weighed_kg"].iloc[0]
    np.testing.assert_allclose(weighed["grf_v"], frames["grf_v"] * ratio, rtol=1e-5)
    wrong = trials.assign(mass_kg=0.85 * trials["mass_kg"])
    stances, frames, excluded, weights = preprocess(ROOT / "params" / "virtual.yaml", virtual, wrong, weights=True)
    assert (
        len(stances) == len(frames) == 0
        and len(weights) == 1
        and excluded["reason"].str.startswith("mass: the plates weigh").all()
    )


def test_collect_reads_real_running(rbds):
    """Two real runners at 3.5 m/s: the ranges measured on all 22 (BRIEF, section on real data). The static trial of 001 has no force."""
    trials = trials_table.read_trials(rbds, table="rbds")
    trials = trials[trials["runner"].isin(["001", "010"])]
    stances, frames, excluded, weights = preprocess(ROOT / "params" / "rbds.yaml", rbds, trials, weights=True)
    other = stances["split"] == "other_speed"  # the belt's two other speeds, read because the study file names them
    assert (stances["speed_m_s"][~other] == 3.5).all() and set(stances["speed_m_s"][other]) == {2.5, 4.5}
    assert not excluded["reason"].str.startswith("speed outside").any() and 300 < other.sum() < 400
    stances = stances[~other]
    frames = frames[frames["stance"].isin(stances["stance"])]
    assert 150 < len(stances) < 190 and set(stances["side"]) == {"l", "r"}
    assert abs(stances["side"].eq("l").sum() - stances["side"].eq("r").sum()) <= 4  # steps alternate
    read = measured(frames[metrics.in_stance(frames, stances)], vlr="touchdown_to_13")
    assert read["active_peak_bw"].between(2.0, 3.2).all() and read["braking_peak_bw"].mean() == pytest.approx(
        0.38, abs=0.12
    )
    assert (stances["toeoff_s"] - stances["touchdown_s"]).between(0.19, 0.28).all()
    weights = weights.set_index("runner")["difference_pct"]
    assert weights.between(-7, 1).all() and len(weights) == 2  # -6.3 to +0.4 % over the 22 runners (data's README)


def again(params, folder, trials, stances):
    settings = study_file.load(params).sections["01_preprocess"]
    names = ("forward", "up", "plates", "force_cutoff_hz", "points_cutoff_hz", "contact_threshold_n", "padding_s")
    return [
        closeup.read(
            row,
            trials,
            folder,
            landmark_source={name: settings[name] for name in ("points", "theia", "clusters")},
            limits=settings["checks"],
            **{name: settings[name] for name in names},
        )
        for _, row in stances.iterrows()
    ]


def test_signals_are_those_that_collect_has_cut(virtual):
    """The raw force in body weights, 0 in flight, and the points are collect's; the centre of pressure lies under the foot."""
    params, trials = ROOT / "params" / "virtual.yaml", trials_table.read_trials(virtual, table="trials.csv")
    trials = trials[~trials["file"].isin(pd.read_csv(virtual / "planted.csv")["file"])].head(2)
    stances, frames, _ = preprocess(params, virtual, trials)
    for (_, row), recorded in zip(stances.iterrows(), again(params, virtual, trials, stances), strict=True):
        kept = frames[frames["stance"] == row["stance"]]
        force, inside = kept[FORCES].to_numpy(), (kept["grf_v"] > 0).to_numpy()
        np.testing.assert_allclose(recorded.raw[inside] / (row["mass_kg"] * GRAVITY), force[inside], atol=1e-6)
        np.testing.assert_allclose(recorded.points.reshape(len(kept), -1), kept[INPUTS], atol=1e-6)
        np.testing.assert_allclose(recorded.time_s, kept["time_s"], atol=1e-6)
        assert 0 < np.abs(recorded.filtered - recorded.raw).max() < 0.1 * recorded.raw.max()
        at = np.interp(recorded.camera_s, recorded.time_s, recorded.points[:, 0, 2])
        np.testing.assert_allclose(recorded.seen[:, 0, 2], at, atol=1e-5)  # the spline goes through the camera's frames
        middle = len(kept) // 2
        heel, toe = recorded.points[middle][FEET[row["side"]]]
        assert heel[0] - 0.05 < recorded.cop[middle, 0] < toe[0] + 0.05


def test_signals_of_real_running_are_filtered_as_collect_filters(rbds):
    params, trials = ROOT / "params" / "rbds.yaml", trials_table.read_trials(rbds, table="rbds")
    trials = trials[(trials["runner"] == "002") & (trials["speed_m_s"] == 3.5)]
    stances, frames, _ = preprocess(params, rbds, trials)
    row = stances.iloc[[3]]
    (recorded,), kept = again(params, rbds, trials, row), frames[frames["stance"] == 3]
    inside = (kept["grf_v"] > 0).to_numpy()
    np.testing.assert_allclose(
        recorded.filtered[inside] / (row["mass_kg"].item() * GRAVITY), kept[FORCES][inside], atol=1e-6
    )
    np.testing.assert_allclose(recorded.points.reshape(len(kept), -1), kept[INPUTS], atol=1e-6)
    assert np.abs(recorded.seen - recorded.points[0]).max() > 0.05 and len(recorded.seen) == pytest.approx(
        len(kept) / 2, abs=1
    )
