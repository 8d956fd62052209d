"""Recordings without force plates: unit, axes, direction, belt, and what a message says of a file that is none."""

import itertools
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import ezc3d
import numpy as np
import pytest
import yaml
from helpers import CASES, HZ, ROOT, on_belt, preprocessing, record_virtual, virtual_run, write_points, write_trc
from helpers import refused_file as refused

from grfkit.field import estimate as field_estimate
from grfkit.points import POINTS, SWAPPED, Note
from grfkit.recordings import c3d, discover, labels, landmarks, orientation
from grfkit.recordings import trials as recordings
from grfkit.study.schema import StudyError

TURNS = [
    np.array([[sign[i] if axis == order[i] else 0.0 for axis in range(3)] for i in range(3)])
    for order in itertools.permutations(range(3))
    for sign in itertools.product((1, -1), repeat=3)
]
VIDEO = {"Hip": "hip", "Knee": "knee", "Ankle": "ankle", "Heel": "heel", "BigToe": "toe"}
PROPER = [turn for turn in TURNS if np.linalg.det(turn) > 0]  # the 24 ways in which axes can lie


def placed(points):
    """Take away where points lie on the ground."""
    return points - np.nanmean(points[:, :, :2], axis=(0, 1)) @ np.eye(2, 3)


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
        assert "Feet point in the running direction" in refused(write_points(tmp_path / "a.csv", heels))
        assert "backwards" in refused(write_points(tmp_path / "a.csv", moved[::-1]))  # the film played from its end


def test_read_takes_columns_of_the_runners_axes_at_their_word_and_checks_them(run, tmp_path):
    points, _ = run
    header = ["time_s", *(f"{point}_{axis}" for point in POINTS for axis in ("ap", "ml", "v"))]
    found = discover.read(write_points(tmp_path / "run.csv", points, header))
    np.testing.assert_allclose(found.points, points, atol=1e-5)
    assert "_v must point up" in refused(write_points(tmp_path / "run.csv", points[..., [0, 2, 1]], header))
    assert "Feet point" in refused(write_points(tmp_path / "run.csv", points * [-1, -1, 1], header))


def test_read_says_that_somebody_turns_and_reads_one_who_stands(run, tmp_path):
    points, speed = run
    assert "must go one way" in refused(write_points(tmp_path / "a.csv", np.concatenate([points, points[::-1]])))
    still = np.repeat(points[:1], HZ, axis=0)
    found = discover.read(write_points(tmp_path / "a.csv", still @ PROPER[5].T))
    assert (
        not found.treadmill
        and found.speed_m_s == 0
        and "because nobody travels" in " ".join(note.text for note in found.notes)
    )
    np.testing.assert_allclose(placed(found.points)[..., 2], placed(still)[..., 2], atol=2e-5)


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
    assert not found.treadmill and "as typed" in " ".join(note.text for note in found.notes)


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


def within(folder, paths):
    return [path.relative_to(folder).as_posix() for path in paths]


def test_find_takes_recordings_and_leaves_tables_out(run, tmp_path):
    for name in ("a/one.c3d", "a/b/TWO.C3D", "a/static01.c3d"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    write_points(tmp_path / "a" / "three.CSV", run[0][:3], separator=";")
    tables = {
        "trials.csv": ",".join(recordings.TRIAL_COLUMNS),
        "participantInfo.csv": "FileName,Height,Mass,Gender",
        "curves.csv": "number,time_s,est_ap,est_ml,est_v,low_v,high_v",
        "steps.csv": "file;step;side;contact_s;pelvis_v",
    }
    for name, header in tables.items():
        (tmp_path / name).write_text(header + "\n", encoding="utf-8")
    (tmp_path / "._one.c3d").write_bytes(b"")
    (tmp_path / "README.txt").write_text("How the recordings were made: see file", encoding="utf-8")
    found = discover.find(tmp_path)
    assert within(tmp_path, found.recordings) == ["a/b/TWO.C3D", "a/one.c3d", "a/three.CSV"]
    assert within(tmp_path, found.others) == ["a/static01.c3d", "participantInfo.csv", "steps.csv", "trials.csv"]
    assert within(tmp_path, found.left_out) == ["curves.csv"]  # of another program: it has no rows of files and sides
    with pytest.raises(ValueError, match="hold none[^$]*trials.csv is a table of a study"):
        for path in tmp_path.glob("a/**/*.[cC][3sS]*"):
            path.unlink()
        discover.find(tmp_path)
    with pytest.raises(ValueError, match="does not exist"):
        discover.find(tmp_path / "nowhere")


def test_estimate_takes_masses_and_points_from_a_study(tmp_path):
    trials = record_virtual(tmp_path / "data", seed=5)
    content = yaml.safe_load((ROOT / "params" / "smoke.yaml").read_text(encoding="utf-8"))
    content["study"]["data"] = None
    del content["laboratory"]
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    found, masses, unread = field_estimate.read_all(tmp_path / "data", study_file=tmp_path / "mine.yaml")
    assert not unread and masses == list(trials.sort_values("file")["mass_kg"])
    assert [each.speed_m_s for each in found] == list(trials.sort_values("file")["speed_m_s"])
    assert all("as the study file says" in each.notes[0].text for each in found)
    content["01_preprocess"]["forward"] = "found"
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    again, _, _ = field_estimate.read_all(tmp_path / "data", study_file=tmp_path / "mine.yaml")
    said = [note.text for note in again[0].notes]
    assert "forward: found from the runner, as the study file says" in said
    (tmp_path / "data" / "trials.csv").unlink()
    found, masses, _ = field_estimate.read_all(tmp_path / "data", study_file=tmp_path / "mine.yaml", mass_kg=70)
    assert masses == [70, 70] and all("measured" in each.notes[-3].text for each in found)
    assert all("trials.csv does not exist" in each.notes[-2].text for each in found)
    assert all(each.notes[-1].text == "mass: 70 kg, as typed" for each in found)


def test_a_note_keeps_its_rank_whatever_its_words(run, monkeypatch):
    """What is a warning is a field of the note: other words for it do not hide it."""
    points, speed = run
    plain = discover.Found(
        Path("a.csv"), points, HZ, False, speed, [Note("all is well, no incline, look otherwise, more than")]
    )
    warned = replace(plain, notes=[Note("words that nobody thought of", is_warning=True)])

    def refuse(*_):
        raise ValueError("not estimated here")

    monkeypatch.setattr(field_estimate, "estimate_recording", refuse)
    model = SimpleNamespace(abroad=None, training_range={"clock": "known"})
    _, _, recordings = field_estimate.estimate_recordings(model, [plain, warned], [None, None], {}, folder=Path())
    assert recordings["warnings"].tolist() == ["", "words that nobody thought of"]
    assert recordings["notes"].tolist() == [plain.notes[0].text, ""]


def test_a_file_of_another_program_is_refused_by_its_name(tmp_path):
    file = tmp_path / "dlc.csv"
    file.write_text("scorer,net,net\nbodyparts,hip,hip\n", encoding="utf-8")
    message = r"hold none[^$]*dlc.csv: .*DeepLabCut.*export C3D or TRC, or a CSV file with .* columns time_s"
    with pytest.raises(ValueError, match=message) as error:
        discover.find(tmp_path)
    assert "static trial" not in str(error.value)
    with pytest.raises(ValueError, match=r"^dlc.csv is an? .*DeepLabCut"):
        discover.read(file)
    file.write_bytes(file.read_text(encoding="utf-8").encode("utf-16"))
    with pytest.raises(ValueError, match="DeepLabCut"):
        discover.find(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("results.xlsx", "PK", "workbook: save its sheet"),
        ("v3d.txt", "\tRun.c3d\tRun.c3d\n\tLHIP\tLHIP\n\tLINK_MODEL_BASED\tLINK_MODEL_BASED\n", "Visual3D"),
        ("dlc.csv", "scorer,net,net\nbodyparts,hip,hip\n", "DeepLabCut"),
        ("lap times.csv", "lap;seconds\n1;80,2\n", "not a recording of points: its columns are lap, seconds"),
        ("empty.csv", "", "it is empty"),
        ("plain.tsv", "time\tl_hip_x\n0\t1\n", "its columns are time, l_hip_x"),
        ("frame.json", "{}", "JSON"),
    ],
)
def test_files_that_are_passed_over_are_named(run, tmp_path, name, text, said):
    write_points(tmp_path / "good.csv", run[0])
    (tmp_path / name).write_text(text, encoding="utf-8")
    found, _, unread = field_estimate.read_all(tmp_path)
    assert [each.file.name for each in found] == ["good.csv"] and list(unread) == [name] and said in unread[name]


def test_folders_and_broken_links_with_the_name_of_a_recording_are_named(run, tmp_path):
    write_points(tmp_path / "good.csv", run[0])
    (tmp_path / "x.c3d").mkdir()
    (tmp_path / "gone.csv").symlink_to(tmp_path / "nowhere")
    found, _, unread = field_estimate.read_all(tmp_path)
    assert [each.file.name for each in found] == ["good.csv"] and list(unread) == ["gone.csv", "x.c3d"]
    assert all("not a file, but a folder" in why for why in unread.values())


def test_files_that_are_passed_over_are_named_where_none_can_be_read(tmp_path):
    (tmp_path / "torn.c3d").write_bytes(b"")
    (tmp_path / "run.bvh").write_text("HIERARCHY\n", encoding="utf-8")
    with pytest.raises(StudyError, match="none of 1 in .* can be:\n  torn.c3d: [^$]*\n  run.bvh: a BVH file"):
        field_estimate.read_all(tmp_path)


def test_frames_of_a_pose_estimator_are_named_once(run, tmp_path):
    write_points(tmp_path / "good.csv", run[0])
    for number in range(30):
        (tmp_path / f"run_{number:03d}_keypoints.json").write_text("{}", encoding="utf-8")
    (only,) = discover.find(tmp_path).left_out.values()
    assert only.endswith("(and 29 more in its folder)")


def test_a_folder_of_several_formats_is_estimated_and_the_others_are_named():
    found, _, unread = field_estimate.read_all(CASES / "20_skipped_in_silence")
    assert [each.file.name for each in found] == ["good.csv", "run.trc", "vicon.csv"] and unread == {}
    np.testing.assert_allclose(placed(found[1].points), placed(found[0].points), atol=2e-5)  # one run in two formats


def test_one_bad_file_never_takes_the_others_with_it(run, tmp_path, monkeypatch):
    for name in ("a", "b", "c"):
        write_points(tmp_path / f"{name}.csv", run[0] if name == "a" else run[0][:-1] + float(name == "c"))
    whole = discover.read
    errors = [TypeError("of lists"), KeyError("RATE"), IndexError("0"), MemoryError(), RecursionError("deep")]
    for error in (*errors, PermissionError(13, "Permission denied"), OverflowError("1e400"), ValueError("two\nlines")):

        def read(path, error=error, **given):
            if path.name == "b.csv":
                raise error
            return whole(path, **given)

        monkeypatch.setattr(discover, "read", read)
        found, _, unread = field_estimate.read_all(tmp_path)
        assert [each.file.name for each in found] == ["a.csv", "c.csv"]
        assert list(unread) == ["b.csv"] and len(unread["b.csv"].splitlines()) == 1
    found, _, unread = field_estimate.read_all(CASES / "13_rate_1x1_in_a_batch")
    assert [each.file.name for each in found] == ["bad.c3d", "good.csv"] and not unread  # its rate is a 1 x 1 array


def test_theias_unfiltered_file_is_taken_where_the_filtered_one_is_damaged(tmp_path):
    shutil.copytree(CASES / "03_two_versions_of_a_trial" / "P03", tmp_path, dirs_exist_ok=True)
    torn = tmp_path / "Run1" / "pose_filt_0.c3d"
    content = torn.read_bytes()
    torn.chmod(0o600)
    torn.write_bytes(content[:30000])
    found, _, unread = field_estimate.read_all(tmp_path)
    assert [each.file.name for each in found] == ["pose_0.c3d"] and list(unread) == ["Run1/pose_filt_0.c3d"]


def test_theias_filtered_file_is_taken_and_the_other_named():
    found, _, unread = field_estimate.read_all(CASES / "03_two_versions_of_a_trial")
    assert [each.file.stem for each in found] == ["pose_filt_0"] * 2
    assert list(unread) == ["P03/Run1/pose_0.c3d", "P04/Run1/pose_0.c3d"]
    assert all(why.startswith("the unfiltered version of pose_filt_0.c3d") for why in unread.values())


def test_two_persons_of_a_trial_are_estimated_and_named(tmp_path):
    trial = CASES / "03_two_versions_of_a_trial" / "P03" / "Run1" / "pose_filt_0.c3d"
    for name in ("pose_filt_0", "pose_filt_1"):
        shutil.copy(trial, tmp_path / f"{name}.c3d")
    found, _, unread = field_estimate.read_all(tmp_path)
    said = [[note.text for note in each.notes if "persons" in note.text] for each in found]
    assert not unread and [text for (text,) in said] == [
        "one of several persons in this trial: another is pose_filt_1.c3d",
        "one of several persons in this trial: another is pose_filt_0.c3d",
    ]


def test_a_copy_under_another_name_is_said(run, tmp_path):
    points, _ = run
    write_points(tmp_path / "a.csv", points)
    write_points(tmp_path / "copy of a.csv", 1000 * points, separator=";")  # in mm
    write_points(tmp_path / "cut.csv", points[10 : len(points) - 20])
    write_points(tmp_path / "other.csv", virtual_run(5, hz=HZ)[0])
    found, *_ = field_estimate.read_all(tmp_path)
    said = {each.file.name: [note.text for note in each.notes if note.is_warning] for each in found}
    assert said["a.csv"] == [
        f"the same recording as {name}: both are estimated, but they are one recording"
        for name in ("copy of a.csv", "cut.csv")
    ]
    assert (
        said["copy of a.csv"]
        == said["cut.csv"]
        == ["the same recording as a.csv: both are estimated, but they are one recording"]
    )
    assert not said["other.csv"]


def test_name_in_escapes_a_name_that_is_no_text():
    """As of a file from an archive whose names were written in another code page."""
    name = discover.name_in(Path("a"), Path("a") / "b" / "l\udce4ufer.c3d")
    assert name == "b/l\\udce4ufer.c3d" and name.encode("utf-8")


def opencap(folder, points, hz):
    """Write a run as OpenCap's folder holds it: augmented markers beside key points, a neutral pose, angles, videos."""
    place = dict(zip(POINTS, points.swapaxes(0, 1), strict=True))
    aside = np.array([0.0, 0.05, 0.0])  # of a joint's centre are its markers
    markers = {
        f"{side}{name}": place[f"{side.lower()}_{joint}"] + 0.02 for side in "RL" for name, joint in VIDEO.items()
    }
    for corner, shift in zip(
        labels.OPENCAP["pelvis"], ([0.1, -0.1, 0], [0.1, 0.1, 0], [-0.1, -0.1, 0], [-0.1, 0.1, 0]), strict=True
    ):
        markers[corner] = place["pelvis"] + shift
    for point, names in list(labels.OPENCAP.items())[1:]:
        for name, sign in zip(names, (1, -1), strict=False):
            markers[name] = place[point] + sign * aside * (len(names) > 1)
    turn = c3d.axes("+x", "+y")
    for name in ("MarkerData", "OpenSimData/Kinematics", "Videos/Cam0"):
        (folder / name).mkdir(parents=True)
    write_trc(folder / "MarkerData" / "run1.trc", {name: xyz @ turn for name, xyz in markers.items()}, hz, unit="m")
    still = {name: np.repeat(xyz[:1] @ turn, 60, axis=0) for name, xyz in markers.items()}
    write_trc(folder / "MarkerData" / "neutral.trc", still, hz, unit="m")
    (folder / "OpenSimData" / "Kinematics" / "run1.mot").write_text("Coordinates\nendheader\ntime hip\n0 1\n")
    (folder / "Videos" / "Cam0" / "run1.mp4").touch()
    for name, text in (("README.txt", "Thank you for using OpenCap!\n"), ("sessionMetadata.yaml", "mass_kg: 70\n")):
        (folder / name).write_text(text)


def test_the_folder_of_opencap_is_read_as_it_is_downloaded(run, tmp_path):
    """Its augmented markers give the points that they were made from; key points of video are 2 cm elsewhere."""
    points, speed = run
    opencap(tmp_path, points, HZ)
    found, _, unread = field_estimate.read_all(tmp_path)
    assert [each.file.name for each in found] == ["run1.trc"] and unread == {}
    np.testing.assert_allclose(placed(found[0].points), placed(points), atol=1e-6)
    assert found[0].speed_m_s == pytest.approx(speed, rel=0.03)
    assert "r_knee is r_knee_study + r_mknee_study" in found[0].notes[0].text
    others = {path.name: what for path, what in discover.find(tmp_path).others.items()}
    assert others["neutral.trc"] == "a static trial" and "forces or angles" in others["run1.mot"]


def test_pose2sims_key_points_are_known_and_a_trc_file_follows_a_study(run, tmp_path):
    points, speed = run
    names = labels.SETS[1]
    markers = {each[0]: points[:, POINTS.index(point)] @ c3d.axes("+x", "+y") for point, each in names.items()}
    file = write_trc(tmp_path / "run_0-100_filt.trc", markers, HZ, unit="m")
    found = discover.read(file)
    np.testing.assert_allclose(placed(found.points), placed(points), atol=1e-6)
    layout = preprocessing("smoke", up="+y", points={point: each[0] for point, each in names.items()})
    by_study = discover.read(file, layout=layout)
    np.testing.assert_allclose(by_study.points, points, atol=1e-6)


def test_read_keeps_the_time_of_the_first_frame(tmp_path):
    """A part of a recording that was cut out begins where the clock of the whole one says."""
    lines = (CASES / "18_trc" / "run.trc").read_text().splitlines()
    cut = tmp_path / "run.trc"
    cut.write_text("\n".join(lines[:5] + lines[15:]) + "\n")
    assert discover.read(cut).start_s == pytest.approx(float(lines[15].split("\t")[1]), abs=1e-6)
    rows = (CASES / "00_reference" / "reference.csv").read_text().splitlines()
    other = tmp_path / "run.csv"
    other.write_text("\n".join(rows[:1] + rows[15:]) + "\n")
    assert discover.read(other).start_s == pytest.approx(float(rows[15].split(",")[0]), abs=1e-6)
    assert discover.read(CASES / "00_reference" / "reference.c3d").start_s == 0.0
