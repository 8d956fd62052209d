"""What is read from recordings without force plates: unit, axes, direction, belt; and what a message says of a file that is none."""

import itertools
import pickle
from dataclasses import replace
from pathlib import Path

import ezc3d
import numpy as np
import pytest
import yaml
from helpers import HEADER, HZ, ROOT, preprocessing, record_virtual, write_points

from grfkit.field import estimate as field_estimate
from grfkit.field import estimate_command
from grfkit.points import POINTS, SWAPPED, InputError, Note
from grfkit.recordings import c3d, csv_points, discover, landmarks, orientation
from grfkit.recordings import speed as point_speed
from grfkit.recordings import trials as recordings
from grfkit.study.schema import StudyError
from grfkit.virtual.motion import simulate
from grfkit.virtual.runners import draw_deviates, draw_runner, draw_style

TURNS = [
    np.array([[sign[i] if axis == order[i] else 0.0 for axis in range(3)] for i in range(3)])
    for order in itertools.permutations(range(3))
    for sign in itertools.product((1, -1), repeat=3)
]
PROPER = [turn for turn in TURNS if np.linalg.det(turn) > 0]  # the 24 ways in which axes can lie


@pytest.fixture(scope="module")
def run():
    """Points (F, 11, 3) m of a virtual runner overground at 200 Hz, in AP, ML, V, and the speed (m/s) that was simulated."""
    rng = np.random.default_rng(4)
    runner = draw_runner(rng, "f")
    style = draw_style(runner, draw_deviates(rng), rng, lap=0)
    motion = simulate(runner, style, first_side=0, rate_hz=1000, plates=False)
    return motion.points[:: 1000 // HZ], style["speed"][0, 0]


def on_belt(points, speed):
    """Bring overground points to a treadmill: everything goes backwards with the belt."""
    return points - speed * (np.arange(len(points)) / HZ)[:, None, None] * [1, 0, 0]


def placed(points):
    """Take away where points lie on the ground."""
    return points - np.nanmean(points[:, :, :2], axis=(0, 1)) @ np.eye(2, 3)


def refused(path, **options):
    """Return the message with which a file is refused."""
    with pytest.raises(ValueError) as error:
        discover.read(path, **options)
    return str(error.value)


@pytest.mark.parametrize("number", range(24))
@pytest.mark.parametrize("treadmill", [False, True])
def test_read_finds_axes_unit_direction_and_treadmill_however_they_lie(run, tmp_path, number, treadmill):
    points, speed = run
    moved = on_belt(points, speed) if treadmill else points
    unit, scale = [("m", 1), ("cm", 100), ("mm", 1000)][number % 3]
    file = write_points(
        tmp_path / "run.csv", scale * moved @ PROPER[number].T, separator=",;\t"[number % 2 * (1 + number % 3 // 2)]
    )
    found = discover.read(file)
    assert found.treadmill is treadmill and found.rate_hz == HZ
    # the planted foot slides and rolls, and a speed over some steps is not that of a stride: 3 % covers both
    assert found.speed_m_s == pytest.approx(speed, rel=0.03)
    np.testing.assert_allclose(placed(found.points), placed(moved), atol=2e-5)  # cells are rounded to 1e-5 of the unit
    assert any(note.text.startswith(f"unit: {unit},") for note in found.notes)
    assert not any(note.text.startswith("incline") for note in found.notes)


def test_read_does_not_depend_on_where_the_laboratory_points(run, tmp_path):
    points, speed = run
    for degrees in (40, 130, -75):
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        found = discover.read(
            write_points(tmp_path / "run.csv", points @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]).T)
        )
        away = np.diff(found.points[[0, -1], 0, :2], axis=0)[0]
        assert abs(np.degrees(np.arctan2(away[1], away[0]))) < 2  # the pelvis sways by some centimetres over 4 m
        assert found.speed_m_s == pytest.approx(speed, rel=0.03)


def test_read_refuses_what_is_mirrored_or_swapped(run, tmp_path):
    points, speed = run
    for moved in (points, on_belt(points, speed)):
        assert "left-handed" in refused(write_points(tmp_path / "a.csv", moved * [1, -1, 1]))
        swapped = moved[:, SWAPPED]
        assert "on the right of the right ones: hip" in refused(write_points(tmp_path / "a.csv", swapped))
        heels = moved[:, [0, 1, 2, 3, 5, 4, 6, 7, 8, 10, 9]]
        assert "Feet point where the runner goes" in refused(write_points(tmp_path / "a.csv", heels))
        assert "backwards" in refused(write_points(tmp_path / "a.csv", moved[::-1]))  # the film played from its end


def test_read_takes_columns_of_the_runners_axes_at_their_word_and_checks_them(run, tmp_path):
    points, _ = run
    header = ["time_s", *(f"{point}_{axis}" for point in POINTS for axis in ("ap", "ml", "v"))]
    found = discover.read(write_points(tmp_path / "run.csv", points, header))
    np.testing.assert_allclose(found.points, points, atol=1e-5)
    assert "V points up" in refused(write_points(tmp_path / "run.csv", points[..., [0, 2, 1]], header))
    assert "Feet point" in refused(write_points(tmp_path / "run.csv", points * [-1, -1, 1], header))


def test_read_knows_points_by_usual_names_in_any_order(run, tmp_path):
    points, _ = run
    names = [
        "Pelvis",
        "LHip",
        "left_knee",
        "Left Ankle",
        "L_HEEL",
        "LeftToe",
        "RHip",
        "right_knee",
        "Right Ankle",
        "R_HEEL",
        "RightToe",
    ]
    header = [
        "Time",
        *(f"{name}{joint}{axis}" for name, joint in zip(names, itertools.cycle(["_", " ", "."])) for axis in "XYZ"),
    ]
    order = np.random.default_rng(0).permutation(len(header))
    cells = np.column_stack([np.arange(len(points)) / HZ, points.reshape(len(points), -1)])[:, order]
    text = "\n".join([",".join(header[i] for i in order), *(",".join(f"{cell:.5f}" for cell in row) for row in cells)])
    (tmp_path / "Run.CSV").write_text(text, encoding="utf-8")
    found = discover.read(tmp_path / "Run.CSV")
    np.testing.assert_allclose(placed(found.points), placed(points), atol=2e-5)
    assert "l_knee is left_knee" in found.notes[0].text


def test_read_takes_empty_cells_zeros_and_absent_rows_for_missing(run, tmp_path):
    points = run[0].copy()
    points[30:35, 5] = np.nan
    points[40, 7] = 0.0
    kept = np.r_[0:60, 70 : len(points)]  # ten rows are not there
    rng = np.random.default_rng(0)
    times = kept / HZ + rng.uniform(-1, 1, len(kept)) * 0.0005  # a jitter of half a millisecond, a tenth of a frame
    found = discover.read(write_points(tmp_path / "run.csv", points[kept], times=times))
    missing = np.isnan(found.points).any(axis=2)
    expected = np.zeros_like(missing)
    expected[30:35, 5] = expected[40, 7] = True
    expected[60:70] = True
    np.testing.assert_array_equal(missing, expected)
    assert found.rate_hz == pytest.approx(HZ, rel=1e-4)  # the jitter, over 200 frames and more


def test_read_takes_frame_numbers_with_a_rate(run, tmp_path):
    points, _ = run
    header = ["frame", *HEADER[1:]]
    file = write_points(tmp_path / "run.csv", points, header, times=np.arange(len(points)) + 17.0)
    assert discover.read(file, rate_hz=HZ).rate_hz == HZ
    assert (
        discover.read(
            write_points(tmp_path / "half.csv", points[::2], header, times=2.0 * np.arange(len(points[::2]))),
            rate_hz=HZ,
        ).rate_hz
        == HZ / 2
    )
    assert "RATE=100" in refused(file)
    plain = write_points(tmp_path / "plain.csv", points, ["when", *HEADER[1:]], times=np.zeros(len(points)))
    assert discover.read(plain, rate_hz=HZ).rate_hz == HZ
    np.testing.assert_array_equal(discover.read(plain, rate_hz=HZ).points, discover.read(file, rate_hz=HZ).points)


def test_read_refuses_a_rate_that_contradicts_the_times(run, tmp_path):
    points, _ = run
    file = write_points(tmp_path / "run.csv", points)
    assert discover.read(file, rate_hz=1.01 * HZ).rate_hz == HZ
    assert f"{HZ / 2:g} were given" in refused(file, rate_hz=HZ / 2)


def test_read_says_what_is_wrong_with_a_csv_file(run, tmp_path):
    points, _ = run
    file = tmp_path / "run.csv"
    times = np.arange(len(points)) / HZ
    (tmp_path / "empty.csv").write_text("", encoding="utf-8")
    assert "it is empty" in refused(tmp_path / "empty.csv")
    assert "has none. Export it again" in refused(write_points(file, points[:0]))
    assert "some two steps" in refused(write_points(file, points[:100]))
    assert "three rows" in refused(write_points(file, points[:2]))
    header = [name for name in HEADER if not name.startswith("l_toe")]
    assert "lacks l_toe_x, l_toe_y, l_toe_z" in refused(write_points(file, np.delete(points, 5, axis=1), header))
    assert "l_hip_x more than once" in refused(
        write_points(file, points, ["l_hip_x" if name == "l_hip_y" else name for name in HEADER])
    )
    assert "time_s" in refused(write_points(file, points, ["when", *HEADER[1:]]))
    assert "rise" in refused(write_points(file, points, times=times[::-1]))
    for late in (0.45, 0.6):  # of a frame, in every third
        assert "evenly" in refused(
            write_points(file, points, times=times + late / HZ * (np.arange(len(points)) % 3 == 0))
        )
    assert "divide milliseconds" in refused(write_points(file, points, times=1000 * times))
    assert "neither m, cm nor mm" in refused(write_points(file, points * 39.37))  # inches
    lost = points.copy()
    lost[:, 10] = np.nan
    assert "r_toe never is" in refused(write_points(file, lost))
    write_points(file, points)
    lines = file.read_text(encoding="utf-8").split("\n")
    lines[6] = lines[6].replace(",", ",abc,", 1).rsplit(",", 1)[0]
    file.write_text("\n".join(lines), encoding="utf-8")
    assert "'abc' in row 7, column pelvis_x" in refused(file)
    lines[6] = lines[6].rsplit(",", 2)[0]
    file.write_text("\n".join(lines), encoding="utf-8")
    assert "row 7 of run.csv has 32" in refused(file)
    file.write_bytes("\n".join(lines).encode("utf-16"))
    assert "CSV UTF-8" in refused(file)


def test_read_says_that_somebody_turns_and_reads_one_who_stands(run, tmp_path):
    points, speed = run
    assert "goes one way" in refused(write_points(tmp_path / "a.csv", np.concatenate([points, points[::-1]])))
    still = np.repeat(points[:1], HZ, axis=0)
    found = discover.read(write_points(tmp_path / "a.csv", still @ PROPER[5].T))
    assert (
        not found.treadmill
        and found.speed_m_s == 0
        and "nobody is seen to travel" in " ".join(note.text for note in found.notes)
    )
    np.testing.assert_allclose(placed(found.points)[..., 2], placed(still)[..., 2], atol=2e-5)


@pytest.mark.parametrize(("degrees", "said"), [(6, "goes up"), (-6, "goes down"), (0, None)])
@pytest.mark.parametrize("treadmill", [False, True])
def test_slope_note_says_that_an_incline_is_not_handled(run, degrees, said, treadmill):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    points = (on_belt(*run) if treadmill else run[0]) @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]]).T
    notes = point_speed.slope_note(points, HZ, treadmill=treadmill)
    assert (said in notes[0].text and "not handled" in notes[0].text and notes[0].is_warning) if said else not notes


def test_what_is_given_is_taken_and_what_contradicts_it_is_said(run, tmp_path):
    points, speed = run
    file = write_points(tmp_path / "run.csv", on_belt(points, speed))
    found = discover.read(file, speed_m_s=5.0, treadmill=True)
    assert (
        found.speed_m_s == 5.0
        and "more than 15 % off" in found.notes[-1].text
        and f"{speed:.1f}" in found.notes[-1].text
    )
    assert "Overground the pelvis travels" in refused(file, treadmill=False)
    found = discover.read(write_points(tmp_path / "run.csv", points), treadmill=False)
    assert not found.treadmill and "as given" in " ".join(note.text for note in found.notes)


def test_planted_velocity_is_the_belts_by_construction():
    """A foot that is flat and still for a third of each second and swings forward for the rest; the belt goes -3 m/s."""
    time = np.arange(400) / 100
    points = np.zeros((400, 11, 3))
    for foot, shift in ((4, 0.0), (9, 0.5)):
        phase = (time + shift) % 1
        along = np.where(phase < 1 / 3, -3 * phase, -1 + 1.5 * (phase - 1 / 3))
        lift = np.where(phase < 1 / 3, 0, 0.2 * np.sin(1.5 * np.pi * (phase - 1 / 3)))
        points[:, foot : foot + 2] = np.stack([along, 0 * along, lift], axis=1)[:, None]
    np.testing.assert_allclose(point_speed.planted_velocity(points, 100), [-3, 0], atol=1e-9)


def test_read_of_virtual_recordings_gives_their_points_whichever_way_they_go(tmp_path):
    trials = record_virtual(tmp_path, seed=5)
    back = np.diag([-1.0, -1, 1])
    for row in trials.itertuples():
        expected = landmarks.from_markers(
            c3d.read(tmp_path / row.file, forward="+x", up="+z").points, {point: point for point in POINTS}
        )
        content = ezc3d.c3d(str(tmp_path / row.file))
        content["data"]["points"][:3] = np.einsum("ij,jpf->ipf", back, content["data"]["points"][:3])
        del content["data"]["meta_points"]
        content.write(str(tmp_path / "back.c3d"))  # ezc3d writes no other ending
        for path in (tmp_path / row.file, (tmp_path / "back.c3d").rename(tmp_path / "Back.C3D")):
            found = discover.read(path)
            assert not found.treadmill
            np.testing.assert_allclose(found.points, expected, atol=1e-6)  # stored as single precision, in mm
            assert found.speed_m_s == pytest.approx(row.speed_m_s, rel=0.03)  # over some steps, not whole strides


def test_read_of_a_theia_export_finds_a_walk_on_a_treadmill(theia_export):
    found = discover.read(theia_export)
    assert found.rate_hz == 85 and found.points.shape == (340, 11, 3)
    assert found.treadmill and 1.2 < found.speed_m_s < 1.7  # the pelvis stays where it is, and people walk so fast
    assert "Theia3D" in found.notes[0].text


@pytest.mark.parametrize("name", ["JA1Gait21", "Running_0002", "walking5"])
def test_read_says_which_markers_a_file_has_where_the_points_are_not_among_them(plates, name):
    message = refused(plates / f"{name}.c3d")
    labels = c3d.read(plates / f"{name}.c3d", forward="+x", up="+z", plates=[]).points
    assert "pelvis" in message and "STUDY=mine" in message and sorted(labels)[3] in message


def test_read_follows_a_study_file_and_a_csv_of_its_points_reads_alike(rbds, tmp_path):
    layout = preprocessing("rbds")
    folder = rbds / "RBDS002"
    found = discover.read(folder / "RBDS002runT35.c3d", layout=layout, static=folder / "RBDS002static.c3d")
    assert found.treadmill and found.rate_hz == 150 and found.speed_m_s == pytest.approx(3.5, rel=0.03)
    turn = PROPER[11]
    alike = discover.read(
        write_points(tmp_path / "run.csv", 1000 * found.points[:900] @ turn.T, decimals=1, times=np.arange(900) / 150)
    )
    np.testing.assert_allclose(alike.points, found.points[:900], atol=1e-4)  # cells are rounded to .1 mm
    assert alike.speed_m_s == pytest.approx(3.5, rel=0.03)
    assert "static" in refused(folder / "RBDS002runT35.c3d", layout=layout)
    wrong = refused(
        folder / "RBDS002runT35.c3d", layout=preprocessing("rbds", forward="-x"), static=folder / "RBDS002static.c3d"
    )
    assert "sign of `forward`" in wrong
    assert "01_preprocess" not in refused(folder / "RBDS002runT35.c3d") and "R.MT5" in refused(
        folder / "RBDS002runT35.c3d"
    )


@pytest.mark.slow
def test_belt_speeds_of_the_public_set_are_found(rbds):
    """All 66 recordings: the mean error was .63 %, the worst 2.5 %, when this was written."""
    layout = preprocessing("rbds")
    trials = recordings.read_trials(rbds, table="rbds")
    errors = []
    for row in trials.itertuples():
        found = discover.read(rbds / row.file, layout=layout, static=rbds / row.static)
        turned = orientation.orient(found.points @ PROPER[len(errors) % 24].T, found.rate_hz)
        np.testing.assert_allclose(turned.points, found.points, atol=1e-9)
        assert turned.treadmill and len(turned.notes) == 3  # and no incline
        errors.append(abs(turned.speed_m_s / row.speed_m_s - 1))
    assert len(errors) == 66 and np.mean(errors) < 0.01 and max(errors) < 0.03


def test_find_takes_recordings_and_leaves_tables_out(run, tmp_path):
    for name in ("a/one.c3d", "a/b/TWO.C3D", "a/static01.c3d"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    write_points(tmp_path / "a" / "three.CSV", run[0][:3], separator=";")
    tables = {
        "trials.csv": ",".join(recordings.TRIAL_COLUMNS),
        "participantInfo.csv": "FileName,Height,Mass,Gender",
        "curves.csv": "file,step,side,time_s,est_ap,est_ml,est_v,low_v,high_v",
        "steps.csv": "file;step;contact_s;pelvis_v",
    }
    for name, header in tables.items():
        (tmp_path / name).write_text(header + "\n", encoding="utf-8")
    (tmp_path / "._one.c3d").write_bytes(b"")
    assert [path.relative_to(tmp_path).as_posix() for path in discover.find(tmp_path)] == [
        "a/b/TWO.C3D",
        "a/one.c3d",
        "a/three.CSV",
    ]
    with pytest.raises(ValueError, match="hold none: .* are tables"):
        for path in tmp_path.glob("a/**/*.[cC][3sS]*"):
            path.unlink()
        discover.find(tmp_path)
    with pytest.raises(ValueError, match="does not exist"):
        discover.find(tmp_path / "nowhere")


def test_holds_points_knows_a_recording_by_three_columns(tmp_path):
    (tmp_path / "a.csv").write_text("time_s\tl_hip_x\tl_hip_y\tl_hip_z\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text("time_s\tl_hip_x\tforce_y\tmass_z\n", encoding="utf-8")
    assert csv_points.holds_points(tmp_path / "a.csv") and not csv_points.holds_points(tmp_path / "b.csv")


def test_estimate_takes_masses_and_points_from_a_study(tmp_path):
    trials = record_virtual(tmp_path / "data", seed=5)
    content = yaml.safe_load((ROOT / "params" / "smoke.yaml").read_text(encoding="utf-8"))
    content["study"]["data"] = None
    del content["laboratory"]
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    found, masses, unread = estimate_command.read_all(tmp_path / "data", study_file=tmp_path / "mine.yaml")
    assert not unread and masses == list(trials.sort_values("file")["mass_kg"])
    assert [each.speed_m_s for each in found] == list(trials.sort_values("file")["speed_m_s"])
    assert all("as the study file says" in each.notes[0].text for each in found)
    (tmp_path / "data" / "trials.csv").unlink()
    found, masses, _ = estimate_command.read_all(tmp_path / "data", study_file=tmp_path / "mine.yaml", mass_kg=70)
    assert masses == [70, 70] and all("measured" in each.notes[-1].text for each in found)
    with pytest.raises(StudyError, match=r"static trials, which its table names; .*participantInfo\.csv is not there"):
        estimate_command.read_all(tmp_path / "data", study_file=ROOT / "params" / "rbds.yaml")


def test_a_csv_file_says_that_no_study_file_is_followed(run, tmp_path):
    layout = preprocessing("smoke")
    assert any(
        "study file is about C3D" in note.text
        for note in discover.read(write_points(tmp_path / "run.csv", run[0]), layout=layout).notes
    )


def test_a_note_keeps_its_rank_whatever_its_words(run, monkeypatch):
    """What is a warning is a field of the note: other words for it do not hide it."""
    points, speed = run
    plain = discover.Found(
        Path("a.csv"), points, HZ, False, speed, [Note("all is well, no incline, look otherwise, more than")]
    )
    warned = replace(plain, notes=[Note("words that nobody thought of", is_warning=True)])

    def refuse(*_):
        raise ValueError("not estimated here")

    monkeypatch.setattr(field_estimate, "one", refuse)
    _, _, recordings = field_estimate.everything(None, [plain, warned], [None, None], {}, folder=Path())
    assert recordings["warnings"].tolist() == ["", "words that nobody thought of"]
    assert recordings["notes"].tolist() == [plain.notes[0].text, ""]


def test_an_error_keeps_fact_and_advice_apart_across_processes():
    error = pickle.loads(pickle.dumps(InputError("A rule; 3 was found.", "Do this.")))
    assert (str(error), error.fact, error.advice) == (
        "A rule; 3 was found. Do this.",
        "A rule; 3 was found.",
        "Do this.",
    )
