"""Stances, sides, checks and exclusions, on one recording made by hand."""

import numpy as np
import pytest
from helpers import preprocessing

from grfkit.points import POINTS
from grfkit.recordings import c3d
from grfkit.stances import checks, cut

MASS = 70.0
SETTINGS = preprocessing()
RUNNER = {"mass_kg": MASS, "speed_m_s": 3.6}
HALF = {"l": 0.1, "r": -0.1}  # where each foot runs, m to the left


def recording(*, second_force=0.3, offset_n=0.0):
    """Make 1.2 s at 100 and 1000 Hz: from 0.3 s a left stance on plate 0, from 0.7 s a right one on plate 1."""
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
        for _, _, outcome in cut.cut(record, points, SETTINGS, **RUNNER | changes)
    ]


def test_cut_finds_side_time_and_force():
    (left, right) = cut.cut(*recording(), SETTINGS, **RUNNER)
    assert (left[0], right[0]) == ("l", "r")
    stance = left[2]
    threshold_s = 0.23 / np.pi * np.arcsin(10 / (2.5 * MASS * 9.81))  # when a half sine exceeds 10 N
    assert left[1] == pytest.approx(0.3 + threshold_s, abs=0.001)
    assert stance.toeoff_s == pytest.approx(0.53 - threshold_s, abs=0.001)
    assert stance.flight_s == pytest.approx(0.17, abs=0.003)
    assert stance.force[:, 2].max() == pytest.approx(2.5, rel=1e-3)
    assert stance.time_s[0] == pytest.approx(-0.010) and len(stance.time_s) == pytest.approx(230 + 20, abs=2)
    assert (stance.force[stance.time_s < -1e-9] == 0).all()  # force in flight is 0


def test_cut_puts_the_pelvis_of_touchdown_over_the_origin():
    stance = cut.cut(*recording(), SETTINGS, **RUNNER)[0][2]
    np.testing.assert_allclose(
        stance.at_touchdown[0], [0, 0, 1.0 + bounce(0.3)], atol=0.001
    )  # touchdown is some ms later


def test_cut_removes_the_offset_of_a_plate():
    plain, shifted = (cut.cut(*recording(offset_n=offset), SETTINGS, **RUNNER)[0][2] for offset in (0.0, 8.0))
    np.testing.assert_allclose(shifted.force, plain.force, atol=0.002)  # frames near zero force count as unloaded


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
    outcome = cut.cut(c3d.Recording({}, 100.0, [record.plates[0], late], 1000.0), points, SETTINGS, **RUNNER)[0][2]
    assert np.isnan(outcome.flight_s)


def test_cut_excludes_a_partial_contact_and_names_a_foot_without_contact():
    record, points = recording()
    record.plates[0] = c3d.Plate(0.4 * record.plates[0].force, record.plates[0].cop, record.plates[0].corners)
    assert [reason[:26] for reason in reasons(record, points)] == ["vertical peak under 1.5 BW", "kept"]
    record.plates[0] = c3d.Plate(0 * record.plates[0].force, record.plates[0].cop, record.plates[0].corners)
    assert reasons(record, points) == ["kept", "no contact of this foot on a plate"]


def halved(record, points, number, *, at):
    """Cut a plate in two, end to end: the foot loads the near half until frame `at`, and 60 ms later the far half."""
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
    whole = cut.cut(*recording(), SETTINGS, **RUNNER)
    joined = cut.cut(*halved(*recording(), 0, at=400), SETTINGS, **RUNNER)
    assert [side for side, _, _ in joined] == ["l", "r"]
    for one, two in zip(whole, joined, strict=True):
        assert one[1] == two[1] and one[2].toeoff_s == two[2].toeoff_s
        np.testing.assert_allclose(two[2].table(), one[2].table(), atol=1e-9)


def test_cut_joins_a_foot_that_leaves_a_plate_and_comes_back_once():
    """Near, far, near: 25 ms without any load on the near plate in the middle of stance; its force counts once."""
    whole = cut.cut(*recording(), SETTINGS, **RUNNER)[0][2]
    record, points = halved(*recording(), 0, at=5000)  # all on the near plate
    near, far = record.plates[0], record.plates[-1]
    away = ((np.arange(1200) >= 400) & (np.arange(1200) < 425))[:, None]
    record.plates[0] = c3d.Plate(near.force * ~away, near.cop, near.corners)
    record.plates[-1] = c3d.Plate(near.force * (0.1 + 0.9 * away), far.cop, far.corners)
    both = cut.cut(record, points, SETTINGS, **RUNNER)[0][2]
    assert both.force[:, 2].max() == pytest.approx(1.1 * whole.force[:, 2].max(), rel=0.01)


def test_cut_counts_a_plate_that_the_foot_only_touches():
    record, points = halved(*recording(), 0, at=5000)
    near, far = record.plates[0], record.plates[-1]
    record.plates[0] = c3d.Plate(0.96 * near.force, near.cop, near.corners)
    record.plates[-1] = c3d.Plate(0.04 * near.force, far.cop, far.corners)  # 69 N at most
    whole = cut.cut(*recording(), SETTINGS, **RUNNER)[0][2]
    np.testing.assert_allclose(cut.cut(record, points, SETTINGS, **RUNNER)[0][2].table(), whole.table(), atol=1e-9)


def test_cut_leaves_a_plate_alone_on_which_somebody_else_stands():
    """A plate 5 m away is loaded during both steps: they are kept, it is excluded, the weight stays."""
    record, points = recording()
    plain = cut.cut(*recording(), SETTINGS, **RUNNER)
    standing = np.zeros((1200, 3))
    standing[200:1150, 2] = 700
    far = record.plates[1].corners + [5.0, 0, 0]
    record.plates.append(c3d.Plate(standing, far.mean(axis=0) + 0 * standing, far))
    outcomes = cut.cut(record, points, SETTINGS, **RUNNER)
    kept = [outcome for _, _, outcome in outcomes if not isinstance(outcome, cut.Excluded)]
    assert len(outcomes) == 3 and len(kept) == 2
    for one, (_, _, two) in zip(kept, plain, strict=True):
        assert (one.toeoff_s, one.flight_s, one.impulse_n_s, one.weighed_s) == pytest.approx(
            (two.toeoff_s, two.flight_s, two.impulse_n_s, two.weighed_s), rel=0, abs=0, nan_ok=True
        )
        np.testing.assert_array_equal(one.table(), two.table())


def test_cut_keeps_a_slow_push_off():
    """The foot leaves the plate with 60 N for 40 ms, as people's feet do: the plate returns to zero."""
    record, points = recording()
    plate = record.plates[0]
    slow = plate.force + [0, 0, 60.0] * ((np.arange(1200) >= 525) & (np.arange(1200) < 570))[:, None]
    record.plates[0] = c3d.Plate(slow, plate.cop, plate.corners)
    assert reasons(record, points) == ["kept", "kept"]


def test_cut_names_no_side_for_feet_that_were_not_seen():
    record, points = recording()
    points[20:100] = np.nan  # neither stance was seen
    assert [side for side, _, _ in cut.cut(record, points, SETTINGS, **RUNNER)] == ["", ""]
    record, points = recording()
    points[30:55] = np.nan  # one was: the other is the other foot
    assert [side for side, _, _ in cut.cut(record, points, SETTINGS, **RUNNER)] == ["l", "r"]


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


def test_cut_excludes_cameras_and_plates_that_were_not_started_together():
    record, points = recording()
    late = [c3d.Plate(np.roll(plate.force, 70, axis=0), plate.cop, plate.corners) for plate in record.plates]
    assert set(reasons(c3d.Recording({}, 100.0, late, 1000.0), points)) == {checks.LAG}


def test_cut_refuses_a_recording_without_plates():
    record, points = recording()
    with pytest.raises(ValueError, match="needs a force plate"):
        cut.cut(c3d.Recording({}, 100.0, [], 1000.0), points, SETTINGS, **RUNNER)
