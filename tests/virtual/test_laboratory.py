"""The virtual laboratory: Newton's laws first, then what cameras, plates and faults do to them."""

from dataclasses import astuple

import ezc3d
import numpy as np
import pandas as pd
import pytest
import yaml
from helpers import ROOT

from grfkit import cli
from grfkit.points import GRAVITY, POINTS
from grfkit.recordings import trials
from grfkit.virtual import body, cameras_plates, laboratory
from grfkit.virtual import motion as virtual_motion

RATE = 1000
QUIET = {
    "camera_hz": 100,
    "plate_hz": 1000,
    "joint_bias_m": 0.0,
    "joint_jitter_m": 0.0,
    "camera_cutoff_hz": 20.0,
    "plate_noise_n": 0.0,
    "plate_drift_n": 0.0,
    "crosstalk": 0.0,
    "wrong_person_trials": 0,
    "missed_plate_steps": 0,
    "lost_frame_trials": 0,
    "stuck_force_trials": 0,
    "unsynchronised_trials": 0,
    "wrong_mass_trials": 0,
    "wrong_speed_trials": 0,
}
NOISY = {"plate_noise_n": 1.0, "plate_drift_n": 2.0, "crosstalk": 0.005}
COHORT = {"men": 1, "women": 1, "shoes": 1, "laps": 1, "trials": 1}
PARAMS = ROOT / "params"
PUBLISHED = yaml.safe_load((PARAMS / "published.yaml").read_text(encoding="utf-8"))["table2"]  # Zhou 2025, force plate


def trial(number):
    """Give runner and motion of one of a few quite different trials."""
    runner = laboratory.draw_runner(laboratory.rng_of(7, number), "mf"[number % 2])
    rng = laboratory.rng_of(8, number)
    style = laboratory.draw_style(runner, laboratory.draw_deviates(rng), rng, lap=number)
    return runner, laboratory.simulate(runner, style, first_side=number // 2 % 2, rate_hz=RATE)


@pytest.fixture(scope="module", params=range(4))
def simulated(request):
    return trial(request.param)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    """A recording with planted faults."""
    folder = tmp_path_factory.mktemp("faulty")
    settings = (
        QUIET
        | COHORT
        | {
            "laps": 4,
            "trials": 3,
            "wrong_person_trials": 4,
            "missed_plate_steps": 6,
            "lost_frame_trials": 5,
            "stuck_force_trials": 2,
            "unsynchronised_trials": 2,
            "wrong_mass_trials": 2,
            "wrong_speed_trials": 2,
        }
    )
    return folder, laboratory.record(folder, seed=3, **settings)


def weighed(motion):
    """Sum the segments by mass -> (T, 3) m."""
    return np.einsum("s,tsc->tc", motion.segment_mass, motion.segment_com) / motion.segment_mass.sum()


def read(path):
    return ezc3d.c3d(str(path), extract_forceplat_data=True)


def tracked(path):
    return read(path)["data"]["points"][:3].transpose(2, 1, 0) / 1000  # (T, 11, 3) m


def test_simulate_obeys_newtons_second_law(simulated):
    runner, motion = simulated
    centre = weighed(motion)
    acceleration = (centre[2:] - 2 * centre[1:-1] + centre[:-2]) * RATE**2
    force = motion.force.sum(axis=0)[1:-1] - [0, 0, runner.mass_kg * GRAVITY]
    residual = runner.mass_kg * acceleration - force
    # rounding of a position of 5 m is 1e-15 m, times rate^2: 1e-9 m/s2
    assert np.abs(residual).max() < 1e-6 * runner.mass_kg * GRAVITY
    assert runner.mass_kg == pytest.approx(motion.segment_mass.sum())


def test_simulate_changes_momentum_by_the_impulse(simulated):
    runner, motion = simulated
    velocity = np.diff(weighed(motion), axis=0) * RATE
    for _, touchdown, toeoff in motion.contacts[1:3]:
        first, last = touchdown - 20, toeoff + 20
        impulse = (motion.force.sum(axis=0)[first + 1 : last + 1] - [0, 0, runner.mass_kg * GRAVITY]).sum(axis=0) / RATE
        np.testing.assert_allclose(runner.mass_kg * (velocity[last] - velocity[first]), impulse, atol=1e-6)


def test_simulate_flies_along_a_parabola(simulated):
    _, motion = simulated
    for (_, _, toeoff), (_, touchdown, _) in zip(motion.contacts[:-1], motion.contacts[1:]):
        time = np.arange(touchdown - toeoff + 1) / RATE
        flight = weighed(motion)[toeoff : touchdown + 1]
        start = (flight[-1] - flight[0]) / time[-1] + [0, 0, GRAVITY * time[-1] / 2]
        fall = np.outer(time**2, [0, 0, -GRAVITY / 2])
        np.testing.assert_allclose(flight, flight[0] + np.outer(time, start) + fall, atol=1e-9)
        assert time[-1] > 0.04


def test_simulate_balances_braking_and_propulsion(simulated):
    runner, motion = simulated
    for side, touchdown, toeoff in motion.contacts:
        force = motion.force[side, touchdown : toeoff + 1]
        assert abs(force[:, 0].sum()) < 1e-9 * np.abs(force[:, 0]).sum()
        assert force[:, 0].argmin() < force[:, 0].argmax()  # braking first
        np.testing.assert_allclose(force[[0, -1]], 0, atol=1e-9)
        assert np.abs(np.diff(force, axis=0)).max() < 0.15 * runner.mass_kg * GRAVITY  # no jumps: BW in a millisecond


def test_simulate_pushes_each_foot_inwards(simulated):
    _, motion = simulated
    for side, touchdown, toeoff in motion.contacts:
        inward = motion.force[side, touchdown:toeoff, 1].sum() * (1 if side else -1)
        assert inward > 0


def test_simulate_carries_body_weight_over_a_stride(simulated):
    runner, motion = simulated
    middle = [(touchdown + toeoff) / 2 for _, touchdown, toeoff in motion.contacts]
    impulse = sum(motion.force[side, first : last + 1, 2].sum() for side, first, last in motion.contacts[1:3]) / RATE
    two_steps = (middle[3] - middle[0]) * 2 / 3 / RATE
    assert impulse == pytest.approx(runner.mass_kg * GRAVITY * two_steps, rel=0.01)  # steps differ by some ms


def test_simulate_keeps_segment_lengths(simulated):
    runner, motion = simulated
    at = {name: motion.points[:, index] for index, name in enumerate(POINTS)}
    for side in "lr":
        for segment, ends in {"thigh": ("hip", "knee"), "shank": ("knee", "ankle"), "foot": ("heel", "toe")}.items():
            length = np.linalg.norm(at[f"{side}_{ends[0]}"] - at[f"{side}_{ends[1]}"], axis=1)
            np.testing.assert_allclose(length, body.BODY[segment] * runner.height_m, atol=1e-9)
        for ends in (("ankle", "heel"), ("ankle", "toe")):
            assert np.ptp(np.linalg.norm(at[f"{side}_{ends[0]}"] - at[f"{side}_{ends[1]}"], axis=1)) < 1e-9
    for joint in ("l_hip", "r_hip"):
        assert np.ptp(np.linalg.norm(at["pelvis"] - at[joint], axis=1)) < 1e-9


def test_simulate_holds_planted_feet_still(simulated):
    _, motion = simulated
    for side, touchdown, toeoff in motion.contacts:
        for end, point in enumerate((5 * side + 4, 5 * side + 5)):
            held = np.flatnonzero(motion.planted[side, touchdown : toeoff + 1, end]) + touchdown
            assert np.ptp(motion.points[held, point], axis=0).max() < 1e-9
            assert len(held) > 0.25 * (toeoff - touchdown)
    assert motion.points[:, :, 2].min() > 0


def test_simulate_bends_knees_forward_like_a_runner(simulated):
    _, motion = simulated
    for side, hip, knee, ankle in ((0, 1, 2, 3), (1, 6, 7, 8)):
        thigh, shank = motion.points[:, knee] - motion.points[:, hip], motion.points[:, ankle] - motion.points[:, knee]
        lengths = np.linalg.norm(thigh, axis=1) * np.linalg.norm(shank, axis=1)
        flexion = np.degrees(np.arccos((thigh * shank).sum(axis=1) / lengths))
        assert (thigh[:, 0] * shank[:, 2] - thigh[:, 2] * shank[:, 0]).max() < 0  # the shank points backwards
        _, touchdown, toeoff = next(contact for contact in motion.contacts if contact[0] == side)
        assert 35 < flexion[touchdown:toeoff].max() < 65 and 80 < flexion.max() < 120 and flexion.min() > 10


def test_simulate_moves_points_smoothly(simulated):
    _, motion = simulated
    acceleration = np.diff(motion.points, n=2, axis=0) * RATE**2
    assert np.abs(np.diff(acceleration, axis=0)).max() < 60  # m/s2 in 1 ms; velocity jumps of 0.06 m/s break it


def test_integrate_is_stoermers_rule_literally():
    acceleration = np.random.default_rng(0).normal(size=(50, 3))
    position = virtual_motion.integrate(acceleration, 100, span=30, mean_velocity=[1, 2, 3])
    literal = list(position[:2])
    for step in acceleration[1:-1]:
        literal.append(2 * literal[-1] - literal[-2] + step / 100**2)
    np.testing.assert_allclose(position, literal, atol=1e-12)
    np.testing.assert_allclose((position[30] - position[0]) / 0.3, [1, 2, 3], atol=1e-12)


def test_impact_peak_is_clarks_formula():
    # F1 = m1 (v / t + g) over 2 t; a raised cosine's peak is twice its mean. 8 % of mass stopped from 1.5 m/s in 30 ms:
    peak = virtual_motion.impact_peak({"limb_speed": 1.5, "limb_time": 0.03})
    assert peak == pytest.approx(2 * 0.08 * (50 + 9.81) / 9.81)


def test_place_on_plates_leaves_the_neighbours_off(simulated):
    _, motion = simulated
    placed = motion.moved(cameras_plates.place_on_plates(motion, np.random.default_rng(0)))
    loads = cameras_plates.plate_loads(placed.force, placed.centre)
    seen = (loads[..., 2] > 0).any(axis=0)
    for number, (side, touchdown, toeoff) in enumerate(placed.contacts):
        assert seen[touchdown + 1 : toeoff].all() if number in (1, 2) else not seen[touchdown : toeoff + 1].any()
        feet = placed.points[(touchdown + toeoff) // 2, [5 * side + 4, 5 * side + 5]]
        if number in (1, 2):
            assert len(set(np.floor(feet[:, 0] / cameras_plates.PLATE_LENGTH))) == 1
    assert ((loads[..., 2] > 0).any(axis=1)).sum() == 2  # two different plates


def test_record_reads_back_the_planted_forces(tmp_path):
    table, runners = laboratory.plan_trials(1, **COHORT)
    laboratory.record(tmp_path, seed=1, **QUIET, **COHORT)
    for row in table.itertuples():
        pair, rng = laboratory.sources(1, int(row.runner[1:]), 0, 0, 0)
        style = laboratory.draw_style(runners[row.runner], pair, rng, lap=0)
        motion = laboratory.simulate(runners[row.runner], style, first_side=int(rng.integers(2)), rate_hz=RATE)
        platforms = read(tmp_path / row.file)["data"]["platform"]
        total = sum(platform["force"].T for platform in platforms)
        for side, touchdown, toeoff in motion.contacts[1:3]:
            planted = motion.force[side, touchdown : toeoff + 1]
            starts = range(touchdown - 10, touchdown + 1)  # the first camera frame comes up to 10 ms late
            fits = [np.abs(total[start : start + len(planted)] - planted).max() for start in starts]
            assert min(fits) < 0.01  # N: single precision in the file


def test_record_puts_the_centre_of_pressure_under_the_foot(tmp_path):
    laboratory.record(tmp_path, seed=2, **QUIET, **COHORT)
    for path in tmp_path.glob("*/*.c3d"):
        content = read(path)
        points, sides = content["data"]["points"][:3].transpose(2, 1, 0), []
        for platform in content["data"]["platform"]:
            loaded = np.flatnonzero(platform["force"][2] > 50)
            if not len(loaded):
                continue
            middle = (loaded[0] + loaded[-1]) // 2
            feet = points[middle // 10][[[4, 5], [9, 10]]]
            side = feet[:, 0, 2].argmin()
            (back, front), centre = feet[side], platform["center_of_pressure"][:, middle]
            assert back[0] < centre[0] < front[0] and abs(centre[1] - (back + front)[1] / 2) < 30 and abs(centre[2]) < 1
            sides.append(side)
        assert sorted(sides) == [0, 1]


def test_record_pads_the_contacts(tmp_path):
    laboratory.record(tmp_path, seed=2, **QUIET, **COHORT)
    for path in tmp_path.glob("*/*.c3d"):
        loaded = np.flatnonzero(sum(platform["force"][2] for platform in read(path)["data"]["platform"]) > 10)
        assert loaded[0] >= 150 and read(path)["data"]["analogs"].shape[-1] - loaded[-1] > 150  # ms
        assert read(path)["data"]["analogs"].shape[-1] == 10 * len(tracked(path))


def test_record_writes_the_same_bytes_for_the_same_seed(tmp_path):
    noisy = QUIET | NOISY | {"joint_bias_m": 0.008, "joint_jitter_m": 0.002}
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        laboratory.record(tmp_path / name, seed=seed, **noisy, **COHORT)
    for path in (tmp_path / "a").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()
    for path in (tmp_path / "a").rglob("*.c3d"):
        assert path.read_bytes() != (tmp_path / "c" / path.relative_to(tmp_path / "a")).read_bytes()


def test_record_of_more_leaves_the_others_alone(tmp_path):
    laboratory.record(tmp_path / "few", seed=1, **QUIET, **COHORT)
    laboratory.record(tmp_path / "many", seed=1, **QUIET, **COHORT | {"laps": 2, "trials": 2, "shoes": 2})
    few = list((tmp_path / "few").rglob("*.c3d"))
    assert len(few) == 2 and len(list((tmp_path / "many").rglob("*.c3d"))) == 16
    for path in few:
        assert path.read_bytes() == (tmp_path / "many" / path.relative_to(tmp_path / "few")).read_bytes()


def test_record_interrupted_has_no_table(tmp_path, monkeypatch):
    laboratory.record(tmp_path, seed=1, **QUIET, **COHORT)
    assert (tmp_path / "trials.csv").is_file()

    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(cameras_plates, "write_c3d", stop)
    with pytest.raises(KeyboardInterrupt):
        laboratory.record(tmp_path, seed=1, **QUIET, **COHORT)
    assert not (tmp_path / "trials.csv").is_file()


def test_record_adds_plate_noise_and_no_contacts(tmp_path):
    laboratory.record(tmp_path, seed=1, **QUIET | NOISY, **COHORT)
    for path in tmp_path.rglob("*.c3d"):
        for platform in read(path)["data"]["platform"]:
            vertical = platform["force"][2]
            assert 0.8 < vertical[:100].std() < 1.6 and abs(vertical[:100].mean()) < 3
            assert np.count_nonzero(np.diff(vertical > 10)) in (0, 2)


def test_record_tracks_with_bias_and_jitter(tmp_path):
    for name, error in (("true", {}), ("seen", {"joint_bias_m": 0.008, "joint_jitter_m": 0.002})):
        laboratory.record(tmp_path / name, seed=1, **QUIET | error, **COHORT | {"laps": 3})
    paths = sorted((tmp_path / "true").rglob("*.c3d"))
    errors = [tracked(tmp_path / "seen" / path.relative_to(tmp_path / "true")) - tracked(path) for path in paths]
    biases = np.array([error.mean(axis=0) for error in errors])
    assert 0.006 < biases.std() < 0.010  # 66 draws of SD .008
    assert np.abs(biases[0] - biases[1]).max() < 0.001  # the same in a session
    assert np.abs(biases[0] - biases[3]).max() > 0.005  # another runner's is another
    assert 0.0008 < np.std(errors[0] - biases[0]) < 0.0018  # 2 mm through a low-pass that keeps two fifths of its power


def test_record_plants_the_faults_asked_for(faulty):
    folder, table = faulty
    planted = pd.read_csv(folder / "planted.csv")
    assert planted["fault"].value_counts().to_dict() == {
        "wrong_person": 4,
        "missed_plate": 6,
        "lost_frames": 5,
        "stuck_force": 2,
        "unsynchronised": 2,
        "wrong_mass": 2,
        "wrong_speed": 2,
    }
    assert planted["file"].is_unique and set(planted["file"]) <= set(table["file"])
    assert set(planted["side"]) <= {"l", "r", "both"}


def test_record_plants_each_fault_where_it_says(faulty):
    folder, table = faulty
    planted = pd.read_csv(folder / "planted.csv").set_index("file")
    for file in table["file"]:
        content, fault = read(folder / file), planted["fault"].get(file)
        points = content["data"]["points"][:3] / 1000
        lost = np.isnan(points).all(axis=(0, 1))
        assert (lost.sum() >= 8) == (fault == "lost_frames") and np.isnan(points).any(axis=(0, 1)).sum() == lost.sum()
        peaks = sorted(platform["force"][2].max() for platform in content["data"]["platform"])
        mass = table.loc[table["runner"] == file.split("/")[0], "mass_kg"].median()  # one of them may be listed wrongly
        assert (peaks[1] < 1.6 * mass * GRAVITY) == (fault == "missed_plate")
        beside = np.abs(points[1, 0, -30:] - 0.3).min() > 0.9
        assert beside == (fault == "wrong_person")
        if fault == "lost_frames":
            contact = [platform["force"][2] > 10 for platform in content["data"]["platform"]]
            assert any(inside[np.flatnonzero(lost) * 10].all() for inside in contact)


def test_record_plants_faults_of_force_time_mass_and_speed(faulty, tmp_path):
    """Against the same trials without faults: what changed is what the fault says, and nothing else."""
    folder, table = faulty
    right = laboratory.record(tmp_path, seed=3, **QUIET | COHORT | {"laps": 4, "trials": 3}).set_index("file")
    planted, table = pd.read_csv(folder / "planted.csv").set_index("file"), table.set_index("file")
    for file, (fault, side) in planted.iterrows():
        found, truth = read(folder / file)["data"], read(tmp_path / file)["data"]
        vertical, true = (sum(platform["force"][2] for platform in each["platform"]) for each in (found, truth))
        if fault == "stuck_force":
            beyond = np.flatnonzero(vertical - true > 1)
            assert (
                beyond[-1] == len(true) - 1
                and np.ptp(vertical[beyond] - true[beyond]) < 0.01
                and 40 <= (vertical - true)[-1] <= 90
            )
        elif fault == "unsynchronised":
            late = [shift for shift in range(-100, 101) if np.allclose(np.roll(true, shift), vertical, atol=0.01)]
            assert len(late) == 1 and 60 <= abs(late[0]) <= 100
        elif fault == "wrong_speed":
            seconds = (truth["points"].shape[2] - 1) / 100
            speed = (
                (found["points"][0, 0, -1] - found["points"][0, 0, 0]) / 1000 / ((found["points"].shape[2] - 1) / 100)
            )
            assert seconds > 1 and speed == pytest.approx(1.2 * table.loc[file, "speed_m_s"], rel=0.02)
        if fault in ("stuck_force", "unsynchronised", "wrong_mass"):
            np.testing.assert_array_equal(found["points"][:3], truth["points"][:3])
        off = abs(table.loc[file, "mass_kg"] / right.loc[file, "mass_kg"] - 1)
        assert 0.14 < off < 0.26 if fault == "wrong_mass" else off == 0


def test_record_refuses_more_faults_than_trials(tmp_path):
    with pytest.raises(ValueError, match="3 faults and 2 trials"):
        laboratory.record(tmp_path, seed=1, **QUIET | {"wrong_person_trials": 3}, **COHORT)


def test_plate_loads_sees_the_part_of_a_foot_on_the_plate():
    force = np.array([[[100.0, 0.0, 1000.0]] * 3])
    centre = np.array([[[0.5, 0.3, 0], [0.5, 0.6, 0], [0.5, 0.7, 0]]])
    loads = cameras_plates.plate_loads(force, centre)
    np.testing.assert_allclose(loads[0, :, 2], [1000, 500, 0], atol=1e-9)
    assert loads[0, 1, 3] / loads[0, 1, 2] == pytest.approx(0.6 - cameras_plates.FOOT_HALF_WIDTH / 2)  # Mx / Fz is y
    assert not loads[1:].any()


def measure(force, weight):
    """Read the features of one stance (T, 3) N off by the definitions of the paper, literally."""
    force = force[force[:, 2] > 10]
    seconds, position = len(force) / RATE, 0.13 * (len(force) - 1)
    impact = np.interp(position, np.arange(len(force)), force[:, 2]) / weight
    return {
        "propulsive_peak_bw": force[:, 0].max() / weight,
        "braking_peak_bw": -force[:, 0].min() / weight,
        "impact_peak_bw": impact,
        "active_peak_bw": force[:, 2].max() / weight,
        "vlr_bw_s": impact / (0.13 * seconds),
        "stance": seconds,
    }


@pytest.fixture(scope="module")
def cohort():
    """Features of all stances of the published cohort, without noise."""
    table, runners = laboratory.plan_trials(2025, men=24, women=35, shoes=2, laps=3, trials=1)
    rows = []
    for row in table.itertuples():
        pair, rng = laboratory.sources(2025, int(row.runner[1:]), ord(row.shoe) - ord("A"), row.lap, 0)
        style = laboratory.draw_style(runners[row.runner], pair, rng, lap=row.lap)
        steps = virtual_motion.time_steps(runners[row.runner], style, int(rng.integers(2)), RATE)
        force = virtual_motion.foot_forces(runners[row.runner], steps, RATE)
        for step in (2, 3):
            contact = force[steps.side[step], steps.touchdown[step] : steps.touchdown[step] + steps.frames[step] + 1]
            rate = 60 * RATE / np.diff(steps.touchdown).mean()
            inward = contact[:, 1] * (1 if steps.side[step] else -1) / row.mass_kg / GRAVITY
            rows.append(
                measure(contact, row.mass_kg * GRAVITY) | {"speed": row.speed_m_s, "rate": rate, "inward": inward.max()}
            )
    return table, pd.DataFrame(rows)


@pytest.mark.parametrize("feature", PUBLISHED)
def test_record_has_the_published_features(cohort, feature):
    mean, spread = PUBLISHED[feature]["measured_mean"], PUBLISHED[feature]["measured_sd"]
    found = cohort[1][feature]
    assert abs(found.mean() - mean) < spread / 4
    assert spread / 2 < found.std() < spread * 2


def test_record_has_the_published_cohort(cohort):
    table, stances = cohort
    runners = table.drop_duplicates("runner")
    assert len(runners) == 59 and (runners["sex"] == "m").sum() == 24 and len(stances) == 708
    # three standard errors of 59 draws: .03 m, 4.1 kg (paper section 1.1: 1.70 +- .078 m, 63.7 +- 10.5 kg)
    assert abs(runners["height_m"].mean() - 1.70) < 0.03 and abs(runners["mass_kg"].mean() - 63.7) < 4.1
    assert stances["speed"].between(12.35 / 3.6 - 1e-3, 13.65 / 3.6 + 1e-3).all()
    assert 0.21 < stances["stance"].mean() < 0.25 and 0.006 < stances["stance"].std() < 0.024
    assert stances["rate"].between(145, 205).all() and 160 < stances["rate"].mean() < 190
    assert 0.05 < stances["inward"].mean() < 0.10


def test_record_writes_at_other_rates(tmp_path):
    laboratory.record(tmp_path, seed=1, **QUIET | {"camera_hz": 200, "plate_hz": 2000}, **COHORT)
    for path in tmp_path.rglob("*.c3d"):
        content = read(path)
        assert content["parameters"]["POINT"]["RATE"]["value"][0] == 200
        assert content["parameters"]["ANALOG"]["RATE"]["value"][0] == 2000
        contacts = [np.count_nonzero(platform["force"][2] > 10) / 2000 for platform in content["data"]["platform"]]
        assert sorted(contacts)[0] == 0 and 0.19 < sorted(contacts)[1] < sorted(contacts)[2] < 0.28


def test_main_records_what_the_study_file_says(tmp_path):
    settings = yaml.safe_load((PARAMS / "virtual.yaml").read_text(encoding="utf-8"))
    settings["laboratory"] |= QUIET | COHORT
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    command = ["record", "--study", str(tmp_path / "tiny.yaml"), "--out", str(tmp_path / "recordings")]
    assert cli.main(command) == 0
    table = pd.read_csv(tmp_path / "recordings" / "trials.csv")
    assert list(table.columns) == trials.TRIAL_COLUMNS
    assert all((tmp_path / "recordings" / file).is_file() for file in table["file"])


def test_draw_runner_does_not_depend_on_the_others():
    _, few = laboratory.plan_trials(5, **COHORT)
    _, many = laboratory.plan_trials(5, **COHORT | {"laps": 3, "shoes": 2})
    assert [astuple(runner) for runner in few.values()] == [astuple(runner) for runner in many.values()]
