"""A recording holds what was simulated and the planted faults, and nothing else."""

import re

import ezc3d
import numpy as np
import pandas as pd
import pytest
import yaml
from helpers import ROOT

from grfkit import cli
from grfkit.points import GRAVITY
from grfkit.recordings import trials
from grfkit.study.schema import Laboratory
from grfkit.virtual import cameras_plates, laboratory
from grfkit.virtual.motion import simulate
from grfkit.virtual.runners import draw_style, sources

RATE = 1000
QUIET = Laboratory(
    **{"men": 1, "women": 1, "shoes": 1, "laps": 1, "trials": 1, "camera_hz": 100, "plate_hz": 1000},
    **{"joint_bias_m": 0.0, "joint_jitter_m": 0.0, "camera_cutoff_hz": 20.0},
    **{"plate_noise_n": 0.0, "plate_drift_n": 0.0, "crosstalk": 0.0},
    **dict.fromkeys(laboratory.FAULTS.values(), 0),
)
NOISY = {"plate_noise_n": 1.0, "plate_drift_n": 2.0, "crosstalk": 0.005}


def record(folder, *, seed, **changes):
    """Record one man and one woman, one trial each, without any error or fault but the `changes`."""
    return laboratory.record(folder, QUIET.model_copy(update=changes), seed=seed)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    """A recording with planted faults."""
    folder = tmp_path_factory.mktemp("faulty")
    faults = dict.fromkeys(laboratory.FAULTS.values(), 2)
    faults |= {"wrong_person_trials": 4, "missed_plate_steps": 6, "lost_frame_trials": 5}
    return folder, record(folder, seed=3, laps=4, trials=3, **faults)


def read(path):
    return ezc3d.c3d(str(path), extract_forceplat_data=True)


def tracked(path):
    return read(path)["data"]["points"][:3].transpose(2, 1, 0) / 1000  # (T, 11, 3) m


def test_record_reads_back_the_planted_forces(tmp_path):
    table, runners = laboratory.plan_trials(QUIET, seed=1)
    record(tmp_path, seed=1)
    for row in table.itertuples():
        pair, rng = sources(1, int(row.runner[1:]), 0, 0, 0)
        style = draw_style(runners[row.runner], pair, rng, lap=0)
        motion = simulate(runners[row.runner], style, first_side=int(rng.integers(2)), rate_hz=RATE)
        platforms = read(tmp_path / row.file)["data"]["platform"]
        total = sum(platform["force"].T for platform in platforms)
        for side, touchdown, toeoff in motion.contacts[1:3]:
            planted = motion.force[side, touchdown : toeoff + 1]
            starts = range(touchdown - 10, touchdown + 1)  # the first camera frame comes up to 10 ms late
            fits = [np.abs(total[start : start + len(planted)] - planted).max() for start in starts]
            assert min(fits) < 0.01  # N: single precision in the file


def test_record_puts_the_centre_of_pressure_under_the_foot(tmp_path):
    record(tmp_path, seed=2)
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
    record(tmp_path, seed=2)
    for path in tmp_path.glob("*/*.c3d"):
        loaded = np.flatnonzero(sum(platform["force"][2] for platform in read(path)["data"]["platform"]) > 10)
        assert loaded[0] >= 150 and read(path)["data"]["analogs"].shape[-1] - loaded[-1] > 150  # ms
        assert read(path)["data"]["analogs"].shape[-1] == 10 * len(tracked(path))


def test_record_writes_the_same_bytes_for_the_same_seed(tmp_path):
    noisy = NOISY | {"joint_bias_m": 0.008, "joint_jitter_m": 0.002}
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        record(tmp_path / name, seed=seed, **noisy)
    for path in (tmp_path / "a").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()
    for path in (tmp_path / "a").rglob("*.c3d"):
        assert path.read_bytes() != (tmp_path / "c" / path.relative_to(tmp_path / "a")).read_bytes()


def test_record_of_more_leaves_the_others_alone(tmp_path):
    record(tmp_path / "few", seed=1)
    record(tmp_path / "many", seed=1, laps=2, trials=2, shoes=2)
    few = list((tmp_path / "few").rglob("*.c3d"))
    assert len(few) == 2 and len(list((tmp_path / "many").rglob("*.c3d"))) == 16
    for path in few:
        assert path.read_bytes() == (tmp_path / "many" / path.relative_to(tmp_path / "few")).read_bytes()


def test_record_interrupted_has_no_table(tmp_path, monkeypatch):
    record(tmp_path, seed=1)
    assert (tmp_path / "trials.csv").is_file()

    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(cameras_plates, "write_c3d", stop)
    with pytest.raises(KeyboardInterrupt):
        record(tmp_path, seed=1)
    assert not (tmp_path / "trials.csv").is_file()


def test_record_adds_plate_noise_and_no_contacts(tmp_path):
    record(tmp_path, seed=1, **NOISY)
    for path in tmp_path.rglob("*.c3d"):
        for platform in read(path)["data"]["platform"]:
            vertical = platform["force"][2]
            assert 0.8 < vertical[:100].std() < 1.6 and abs(vertical[:100].mean()) < 3
            assert np.count_nonzero(np.diff(vertical > 10)) in (0, 2)


def test_record_tracks_with_bias_and_jitter(tmp_path):
    for name, error in (("true", {}), ("seen", {"joint_bias_m": 0.008, "joint_jitter_m": 0.0006})):
        record(tmp_path / name, seed=1, laps=3, **error)
    paths = sorted((tmp_path / "true").rglob("*.c3d"))
    errors = [tracked(tmp_path / "seen" / path.relative_to(tmp_path / "true")) - tracked(path) for path in paths]
    biases = np.array([error.mean(axis=0) for error in errors])
    assert 0.006 < biases.std() < 0.010  # 66 draws of SD .008
    assert np.abs(biases[0] - biases[1]).max() < 0.001  # the same in a session
    assert np.abs(biases[0] - biases[3]).max() > 0.005  # another runner's is another
    left = errors[0] - biases[0]
    assert 0.0005 < np.std(left) < 0.0007  # 0.6 mm, hardly touched by the low-pass: it is slower than that
    assert 0.70 < np.corrcoef(left[:-1].ravel(), left[1:].ravel())[0, 1] < 0.98  # neighbouring frames err alike


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
    right = record(tmp_path, seed=3, laps=4, trials=3).set_index("file")
    planted, table = pd.read_csv(folder / "planted.csv").set_index("file"), table.set_index("file")
    for file, (fault, _) in planted.iterrows():
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
        record(tmp_path, seed=1, wrong_person_trials=3)


def test_record_writes_at_other_rates(tmp_path):
    record(tmp_path, seed=1, camera_hz=200, plate_hz=2000)
    for path in tmp_path.rglob("*.c3d"):
        content = read(path)
        assert content["parameters"]["POINT"]["RATE"]["value"][0] == 200
        assert content["parameters"]["ANALOG"]["RATE"]["value"][0] == 2000
        contacts = [np.count_nonzero(platform["force"][2] > 10) / 2000 for platform in content["data"]["platform"]]
        assert sorted(contacts)[0] == 0 and 0.19 < sorted(contacts)[1] < sorted(contacts)[2] < 0.28


def test_main_records_what_the_study_file_says(tmp_path):
    settings = yaml.safe_load((ROOT / "params" / "virtual.yaml").read_text(encoding="utf-8"))
    settings["laboratory"] = QUIET.model_dump()
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    command = ["record", "--study", str(tmp_path / "tiny.yaml"), "--out", str(tmp_path / "recordings")]
    assert cli.main(command) == 0
    table = pd.read_csv(tmp_path / "recordings" / "trials.csv")
    assert list(table.columns) == trials.TRIAL_COLUMNS
    assert all((tmp_path / "recordings" / file).is_file() for file in table["file"])


def test_make_records_again_when_a_module_that_the_laboratory_imports_has_changed():
    listed = re.search(r"^LABORATORY := .*$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)[0]
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "grfkit" / "virtual").glob("[!o]*.py")]
    for module in set(re.findall(r"^from grfkit\.([\w.]+) import", "\n".join(sources), re.M)):
        name = module.replace(".", "/") + ".py"
        assert module.startswith(("virtual", "study")) or f"grfkit/{name}" in listed, name
