"""Contacts, sides, checks and the division of runners, on recordings made by hand and on real ones."""

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT

from grfkit import FORCES, GRAVITY, INPUTS, POINTS, c3d, metrics, recordings, split, stance, study
from grfkit.features import measured

CHECKS = study.load(ROOT / "params" / "virtual.yaml").sections["01_preprocess"]["checks"]
MASS = 70.0
SETTINGS = {"mass_kg": MASS, "treadmill": False, "force_cutoff_hz": None, "points_cutoff_hz": None,
            "contact_threshold_n": 10.0, "padding_s": 0.010, "checks": CHECKS}
HALF = {"l": 0.1, "r": -0.1}  # where each foot runs, m to the left


def recording(*, second_force=0.3, offset_n=0.0):
    """One second at 100 and 1000 Hz: a left stance on plate 0 from 0.3 s, a right one on plate 1 from 0.7 s, 0.23 s each."""
    time, force_time = np.arange(120) / 100, np.arange(1200) / 1000
    points = np.zeros((120, 11, 3))
    points[..., 0] = 3.6 * time[:, None]
    for i, name in enumerate(POINTS):
        points[:, i, 1] = HALF.get(name[0], 0.0) if "_" in name else 0.0
        points[:, i, 2] = {"pelvis": 1.0, "hip": 0.9, "knee": 0.5, "ankle": 0.1, "heel": 0.05, "toe": 0.03}[name.split("_")[-1]]
    plates = []
    for side, start, x in (("l", 0.3, 1.0), ("r", 0.7, 2.2)):
        foot = [POINTS.index(f"{side}_{part}") for part in ("heel", "toe")]
        planted = (time > start - 0.05) & (time < start + 0.28)
        points[np.ix_(planted, foot, [0])] = np.array([x, x + 0.25])[None, :, None]
        points[np.ix_(~planted, foot, [2])] += 0.3
        share = np.clip((force_time - start) / 0.23, 0, 1)
        wave = MASS * 9.81 * np.stack([-0.3 * np.sin(2 * np.pi * share), 0 * share, 2.5 * np.sin(np.pi * share)], axis=1)
        cop = np.tile([x + 0.12, HALF[side], 0.0], (1200, 1))
        low = 0.6 if side == "l" else 1.8
        corners = np.array([[low, -0.4, 0], [low + 1.2, -0.4, 0], [low + 1.2, 0.4, 0], [low, 0.4, 0]])
        plates.append(c3d.Plate(wave + offset_n, cop, corners))
    return c3d.Recording({}, 100.0, plates, 1000.0), points


def reasons(record, points, **changes):
    return [str(outcome) if isinstance(outcome, stance.Excluded) else "kept"
            for _, _, outcome in stance.cut(record, points, **SETTINGS | changes)]


def test_contacts_agree_with_a_literal_count():
    force = np.r_[np.zeros(50), np.full(200, 500.0), np.zeros(80), np.full(30, 50.0), np.zeros(40), np.full(100, 900.0), 0]
    assert stance.contacts(force, threshold_n=10, rate_hz=1000) == [(50, 250), (400, 500)]  # 50 N is noise, not a foot


def test_contacts_do_not_begin_with_a_blip_of_noise():
    force = np.r_[np.zeros(50), 12.0, np.zeros(14), np.full(200, 500.0), 0]
    assert stance.contacts(force, threshold_n=10, rate_hz=1000) == [(65, 265)]


def test_contacts_join_over_a_dropout_and_take_the_first_frame_above():
    force = np.r_[0, 10.0, 10.1, np.full(100, 500.0), 0, 0, np.full(100, 500.0), 9.9, 0]
    assert stance.contacts(force, threshold_n=10, rate_hz=1000) == [(2, 205)]


def test_cut_finds_side_time_and_force():
    (left, right) = stance.cut(*recording(), **SETTINGS)
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
    _, table = stance.cut(*recording(), **SETTINGS)[0][2]
    touchdown = table[np.argmin(np.abs(table[:, 0]))]
    np.testing.assert_allclose(touchdown[1:4], [0, 0, 1.0], atol=1e-9)


def test_cut_removes_the_offset_of_a_plate():
    plain, shifted = (stance.cut(*recording(offset_n=offset), **SETTINGS)[0][2][1] for offset in (0.0, 8.0))
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
    for ahead, expected in ((0.13, "kept"), (-0.12, "kept"), (0.30, "centre of pressure"), (np.nan, "centre of pressure")):
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
    outcome = stance.cut(c3d.Recording({}, 100.0, [record.plates[0], late], 1000.0), points, **SETTINGS)[0][2]
    assert np.isnan(outcome[0]["flight_s"])


def test_cut_excludes_a_partial_contact_and_names_a_foot_without_contact():
    record, points = recording()
    record.plates[0] = c3d.Plate(0.4 * record.plates[0].force, record.plates[0].cop, record.plates[0].corners)
    assert reasons(record, points) == ["vertical peak under 1.5 BW", "kept"]
    record.plates[0] = c3d.Plate(0 * record.plates[0].force, record.plates[0].cop, record.plates[0].corners)
    assert reasons(record, points) == ["kept", "no contact of this foot on a plate"]


def test_cut_excludes_a_step_over_two_plates_and_one_at_the_edge():
    record, points = recording()
    record.plates.append(record.plates[0])
    assert reasons(record, points) == ["step over two plates", "step over two plates", "kept"]
    record, points = recording()
    short = [c3d.Plate(plate.force[400:], plate.cop[400:], plate.corners) for plate in record.plates]
    late = c3d.Recording({}, 100.0, short, 1000.0)
    assert reasons(late, points[40:]) == ["stance cut off by the start or the end of the recording", "kept"]


def test_cut_refuses_a_recording_without_plates():
    record, points = recording()
    with pytest.raises(ValueError, match="needs a force plate"):
        stance.cut(c3d.Recording({}, 100.0, [], 1000.0), points, **SETTINGS)


def test_check_braking_first_catches_a_reversed_direction():
    force = np.stack([-np.sin(np.linspace(0, 2 * np.pi, 50)), np.zeros(50), np.ones(50)], axis=1)
    stance.check_braking_first([force, force])
    stance.check_braking_first([])
    with pytest.raises(ValueError, match="Turn the sign of `forward`"):
        stance.check_braking_first([force * [-1, -1, 1]])


def cohort(runners=12, shoes="AB", laps=4, trials=2):
    rows = [(f"v{r:02d}", shoe, str(lap), str(trial), side) for r in range(runners) for shoe in shoes
            for lap in range(laps) for trial in range(trials) for side in "lr"]
    return pd.DataFrame(rows, columns=["runner", "shoe", "lap", "trial", "side"])


SPLIT = {"test_runners": None, "n_test_runners": 4, "test_shoes": 1, "test_laps": 3}


def test_draw_never_has_a_runner_on_both_sides():
    table = cohort()
    for seed in range(20):
        drawn = split.draw(table, seed=seed, **SPLIT)
        sides = {kind: set(table["runner"][drawn == kind]) for kind in ("train", "test", "unused")}
        assert not sides["train"] & (sides["test"] | sides["unused"]) and len(sides["test"]) == 4
        test = table[drawn == "test"]
        assert (test.groupby("runner").size() == 1 * 3 * 2 * 2).all()  # shoes, laps, trials, sides
        assert (test.groupby("runner")["shoe"].nunique() == 1).all() and (test.groupby("runner")["lap"].nunique() == 3).all()


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


def preprocess(params, folder, trials, tmp_path):
    settings = study.load(params).sections["01_preprocess"]
    names = ("forward", "up", "treadmill", "speed_m_s", "force_cutoff_hz", "points_cutoff_hz", "contact_threshold_n", "padding_s", "checks")
    return stance.collect(trials, folder, landmark_source={"points": settings["points"], "clusters": settings["clusters"]},
                          **{name: settings[name] for name in names})


@pytest.fixture(scope="module")
def virtual(tmp_path_factory):
    from grfkit import virtual
    folder = tmp_path_factory.mktemp("virtual")
    planned = study.load(ROOT / "params" / "virtual.yaml").laboratory
    planned |= {"men": 2, "women": 2, "laps": 3, "wrong_person_trials": 3, "missed_plate_steps": 3, "lost_frame_trials": 3}
    virtual.record(folder, seed=5, **planned)
    return folder


def test_collect_catches_every_planted_fault_and_loses_no_good_stance(virtual, tmp_path):
    trials = recordings.read_trials(virtual, table="trials.csv")
    stances, frames, excluded = preprocess(ROOT / "params" / "virtual.yaml", virtual, trials, tmp_path)
    planted = pd.read_csv(virtual / "planted.csv").set_index("file")["side"]
    expected = {(file, side) for file in trials["file"] for side in "lr"}
    expected -= {(file, side) for file, sides in planted.items() for side in (("l", "r") if sides == "both" else (sides,))}
    assert set(zip(stances["file"], stances["side"], strict=True)) == expected
    assert len(excluded) + len(stances) == 2 * len(trials)  # nothing is dropped without a row
    reason = excluded.groupby("file")["reason"].first().str.cat(pd.read_csv(virtual / "planted.csv").set_index("file")["fault"], sep=" <- ")
    known = {"wrong_person": "wrong person", "missed_plate": "missed plate|vertical peak|no contact|not wholly", "lost_frames": "points missing"}
    for text in reason:
        assert pd.Series([text.split(" <- ")[0]]).str.contains(known[text.split(" <- ")[1]]).all(), text


def test_collect_does_not_depend_on_the_order_of_files(virtual, tmp_path):
    trials = recordings.read_trials(virtual, table="trials.csv").head(4)
    one, frames, _ = preprocess(ROOT / "params" / "virtual.yaml", virtual, trials, tmp_path)
    two, others, _ = preprocess(ROOT / "params" / "virtual.yaml", virtual, trials[::-1], tmp_path)
    for row in one.itertuples():
        twin = two[(two["file"] == row.file) & (two["side"] == row.side)]["stance"].item()
        np.testing.assert_array_equal(frames[frames["stance"] == row.stance].iloc[:, 2:].to_numpy(),
                                      others[others["stance"] == twin].iloc[:, 2:].to_numpy())


def test_collect_names_the_file_of_an_absent_marker(virtual, tmp_path):
    params = yaml.safe_load((ROOT / "params" / "virtual.yaml").read_text(encoding="utf-8"))
    params["01_preprocess"]["points"]["l_heel"] = "LHEE"
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    trials = recordings.read_trials(virtual, table="trials.csv")
    with pytest.raises(ValueError, match=r"v01/.*\.c3d: Each of the 11 points needs its marker; 'LHEE' is not in the file"):
        preprocess(tmp_path / "other.yaml", virtual, trials, tmp_path)


def test_collect_reads_real_running(rbds, tmp_path):
    """Two real runners at 3.5 m/s: the ranges measured on all 22 (BRIEF, section on real data). The static trial of 001 has no force."""
    trials = recordings.read_trials(rbds, table="rbds")
    trials = trials[trials["runner"].isin(["001", "010"])]
    stances, frames, excluded = preprocess(ROOT / "params" / "rbds.yaml", rbds, trials, tmp_path)
    assert 150 < len(stances) < 190 and set(stances["side"]) == {"l", "r"}
    assert abs(stances["side"].eq("l").sum() - stances["side"].eq("r").sum()) <= 4  # steps alternate
    read = measured(frames[metrics.in_stance(frames, stances)], vlr="touchdown_to_13")
    assert read["active_peak_bw"].between(2.0, 3.2).all() and read["braking_peak_bw"].mean() == pytest.approx(0.38, abs=0.12)
    assert (stances["toeoff_s"] - stances["touchdown_s"]).between(0.19, 0.28).all()
    assert excluded["reason"].str.startswith("speed outside").sum() == 4  # the two other speeds of each


def again(params, folder, trials, stances):
    settings = study.load(params).sections["01_preprocess"]
    names = ("forward", "up", "force_cutoff_hz", "points_cutoff_hz", "padding_s")
    return [stance.signals(row, trials, folder, landmark_source={"points": settings["points"], "clusters": settings["clusters"]},
                           max_gap_s=settings["checks"]["max_gap_s"], **{name: settings[name] for name in names})
            for _, row in stances.iterrows()]


def test_signals_are_those_that_collect_has_cut(virtual, tmp_path):
    """The raw force in body weights, 0 in flight, and the points are collect's; the centre of pressure lies under the foot."""
    params, trials = ROOT / "params" / "virtual.yaml", recordings.read_trials(virtual, table="trials.csv").tail(2)
    stances, frames, _ = preprocess(params, virtual, trials, tmp_path)
    for (_, row), signals in zip(stances.iterrows(), again(params, virtual, trials, stances), strict=True):
        kept = frames[frames["stance"] == row["stance"]]
        force, inside = kept[FORCES].to_numpy(), (kept["grf_v"] > 0).to_numpy()
        np.testing.assert_allclose(signals.raw[inside] / (row["mass_kg"] * GRAVITY), force[inside], atol=1e-6)
        np.testing.assert_allclose(signals.points.reshape(len(kept), -1), kept[INPUTS], atol=1e-6)
        np.testing.assert_allclose(signals.time_s, kept["time_s"], atol=1e-6)
        assert 0 < np.abs(signals.filtered - signals.raw).max() < 0.1 * signals.raw.max()
        at = np.interp(signals.camera_s, signals.time_s, signals.points[:, 0, 2])
        np.testing.assert_allclose(signals.seen[:, 0, 2], at, atol=1e-5)  # the spline goes through the camera's frames
        middle = len(kept) // 2
        heel, toe = signals.points[middle][stance.FEET[row["side"]]]
        assert heel[0] - 0.05 < signals.cop[middle, 0] < toe[0] + 0.05


def test_signals_of_real_running_are_filtered_as_collect_filters(rbds, tmp_path):
    params, trials = ROOT / "params" / "rbds.yaml", recordings.read_trials(rbds, table="rbds")
    trials = trials[(trials["runner"] == "002") & (trials["speed_m_s"] == 3.5)]
    stances, frames, _ = preprocess(params, rbds, trials, tmp_path)
    row = stances.iloc[[3]]
    (signals,), kept = again(params, rbds, trials, row), frames[frames["stance"] == 3]
    inside = (kept["grf_v"] > 0).to_numpy()
    np.testing.assert_allclose(signals.filtered[inside] / (row["mass_kg"].item() * GRAVITY), kept[FORCES][inside], atol=1e-6)
    np.testing.assert_allclose(signals.points.reshape(len(kept), -1), kept[INPUTS], atol=1e-6)
    assert np.abs(signals.seen - signals.points[0]).max() > 0.05 and len(signals.seen) == pytest.approx(len(kept) / 2, abs=1)
