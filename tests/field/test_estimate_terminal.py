"""The command grfkit estimate: one file or a folder, files for other programs, ten lines of summary, bad input."""

import os
import shutil
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import CASES, as_csv, write_trc

from grfkit import cli
from grfkit.field import bands, estimate
from grfkit.points import GRAVITY, POINTS
from grfkit.recordings import by_study, c3d, labels
from grfkit.recordings.formats import mot
from grfkit.reports import estimate_page
from grfkit.reports.terminal import command, summary

TABLES = sorted(estimate_page.TABLES)


def run(lab, data, out, *more):
    return cli.main(["estimate", str(data), "--model", str(lab.model), "--out", str(out), *more])


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def file(lab, points, tmp_path):
    return as_csv(tmp_path / "data" / "my run.csv", points, lab.rate_hz)


@pytest.fixture
def with_cop(monkeypatch):
    """Give estimates a centre of pressure, which the model of virtual runners has not."""
    whole = estimate.estimate_recordings

    def added(*arguments, **options):
        steps, curves, table = whole(*arguments, **options)
        return steps, curves.assign(cop_ap=0.05, cop_ml=0.0), table

    monkeypatch.setattr(estimate, "estimate_recordings", added)


def test_the_summary_of_one_file_has_the_numbers_of_its_tables_in_ten_lines(lab, points, file, tmp_path, capsys):
    as_csv(file, 1.3 * points, lab.rate_hz)  # a giant
    as_csv(file.parent / "beside.csv", np.zeros((5, 11, 3)), lab.rate_hz)  # is not looked at
    assert run(lab, file, tmp_path / "out", "--mass", "61,5") == 0
    *said, last = capsys.readouterr().out.splitlines()
    assert last == (tmp_path / "out" / "index.html").as_posix() and 5 < len(said) <= summary.MOST_LINES
    steps = pd.read_csv(tmp_path / "out" / "steps.csv")
    (row,) = pd.read_csv(tmp_path / "out" / "recordings.csv").to_dict("records")
    assert row["file"] == "my run.csv"
    assert said[0].startswith(f"my run.csv: {row['duration_s']:.1f} s at 100 frames a second, overground at ")
    assert said[0].endswith("61.5 kg = 136 lb (as typed)")
    assert said[1] == "found: points by their names; unit m; up +z; forward +x"
    peaks = steps.groupby("side")["active_peak_bw"].mean()
    half = (steps["active_peak_bw_high"] - steps["active_peak_bw"]).mean()
    (peak,) = [line.split()[3:] for line in said if "peak force (BW)" in line]
    mean = steps["active_peak_bw"].mean()
    expected = [f"{mean:.2f}", f"±{half:.2f}", f"{peaks['l']:.2f}", f"{peaks['r']:.2f}"]
    assert peak[:5] == [*expected, f"{mean * 61.5 * GRAVITY:,.0f}"] and peak[5:] == ["N"]
    (contact,) = [line.split() for line in said if "contact time" in line]
    assert contact[3] == f"{1000 * steps['contact_s'].mean():.0f}"
    warnings = row["warnings"].split(" | ")
    assert f"{len(warnings)} warning" in said[-2] and said[-2].split(": ")[1].startswith(warnings[0][:20])
    assert (
        "steps out of the training range, so do not compare left and right; the bands hold in the laboratory that "
        "trained the model" in said[-1]
    )


def test_the_summary_of_a_folder_has_a_line_for_each_and_never_more_than_ten(lab, points, tmp_path, capsys):
    for number in range(9):
        as_csv(tmp_path / "data" / "runner" / f"{number}.csv", points[2 * number :], lab.rate_hz)
    (tmp_path / "data" / "static.trc").touch()
    (tmp_path / "data" / "torn.c3d").write_bytes(b"")
    assert run(lab, tmp_path / "data", tmp_path / "out", "--format", "csv") == 0
    out, err = capsys.readouterr()
    *said, last = out.splitlines()
    assert len(said) <= summary.MOST_LINES and last == (tmp_path / "out").as_posix()
    assert said[0].endswith("steps in 9 of 10 recordings") and said[2].split()[0] == "runner/0.csv"
    assert "and 4 more: see the page, or recordings.csv" in said
    assert "not estimated (static trials, tables, forces): static.trc" in said
    assert err.startswith("left out: torn.c3d: ") and len(err.splitlines()) == 1


def test_what_is_typed_decides_what_is_written(lab, file, tmp_path, with_cop, capsys):
    out = tmp_path / "out"
    expected = {
        "html": ["index.html"],
        "csv": [*TABLES, "files.txt"],
        "MOT, html": ["index.html", "my run.mot", "my run_ExternalLoads.xml"],
        "c3d": ["files.txt", "my run.c3d"],
        "html,csv": ["index.html", *TABLES],
    }
    before = []
    for formats, files in expected.items():  # each in place of the one before
        assert run(lab, file, out, "--mass", "60", "--format", formats) == 0, capsys.readouterr().err
        assert names(out) == sorted(files)
        gone, said = sorted({*before} - {*files}), capsys.readouterr().out
        assert (f"replaced an earlier report, whose {', '.join(gone)} went with it\n" in said) == bool(gone)
        before = files
    assert run(lab, file, out, "--mass", "60", "--format", "html,mot,c3d") == 0
    page = (out / "index.html").read_text(encoding="utf-8")
    assert all(f'<a href="my%20run{end}">' in page for end in (".mot", "_ExternalLoads.xml", ".c3d"))
    assert "steps.csv</a>" not in page  # which is not there
    assert mot.read(out / "my run.mot", forward="+x", up="+y").force_hz >= 100
    assert {*POINTS} <= {*c3d.read(out / "my run.c3d", forward="+x", up="+z").points}
    (out / "mine.mot").write_text("endheader", encoding="utf-8")
    assert run(lab, file, out, "--mass", "60") == 1 and "holds mine.mot. Give another" in capsys.readouterr().err
    assert "mine.mot" in names(out)


def test_files_of_a_folder_never_have_one_name(lab, points, tmp_path, with_cop):
    data = tmp_path / "data"
    for name in ("a/run.csv", "b/run.csv", "a_run.csv", "a_run.tsv", "RUN.csv", "run.csv"):
        as_csv(data / name, points, lab.rate_hz)
    assert run(lab, data, tmp_path / "out", "--mass", "60", "--format", "mot") == 0
    written = [path.stem for path in (tmp_path / "out").glob("*.mot")]
    assert len(written) == 6 == len({stem.lower() for stem in written})
    assert len([*(tmp_path / "out").glob("*_ExternalLoads.xml")]) == 6


@pytest.mark.parametrize(
    ("recordings", "expected"),
    [
        (["run.c3d", "walk.c3d"], ["run", "walk"]),
        (["a/run.c3d", "b/run.c3d"], ["a_run", "b_run"]),
        (["run.c3d", "run.trc"], ["run_c3d", "run_trc"]),
        (["Run.c3d", "run.c3d"], ["Run_c3d", "run_c3d_2"]),
        (["a/b.c3d", "a_b.trc"], ["a_b_c3d", "a_b_trc"]),
        (['a "b" <c>:|?*\\.c3d'], ["a _b_ _c______"]),
        (["run.1.c3d", "run.2.c3d"], ["run.1", "run.2"]),
    ],
)
def test_stems_are_of_their_recordings_and_differ(recordings, expected):
    assert command.stems(recordings) == expected


def test_what_cannot_be_written_of_a_recording_is_said(lab, file, tmp_path, capsys):
    """The model of virtual runners gives no centre of pressure, without which a force has no place."""
    assert run(lab, file, tmp_path / "out", "--mass", "60", "--format", "html,mot") == 0
    assert "not written: my run.mot: A file of forces needs the centre of pressure" in capsys.readouterr().err
    assert names(tmp_path / "out") == ["index.html"]
    assert run(lab, file, tmp_path / "other", "--mass", "60", "--format", "mot") == 1
    assert "error: my run.mot: A file of forces needs" in capsys.readouterr().err and not (tmp_path / "other").exists()


def test_a_file_has_a_report_of_its_own_name(lab, file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arguments = ["estimate", str(file), "--model", str(lab.model), "--format", "html"]
    assert cli.main(arguments) == 0 and names(Path("reports/estimate")) == ["my run"]
    other = shutil.copytree(file.parent, tmp_path / "other") / file.name
    assert cli.main(["estimate", str(other), *arguments[2:]]) == 1
    assert "holds the report of another one called my run" in capsys.readouterr().err


def opencap(folder, points, hz, mass):
    """Write a session as OpenCap gives it: see mcserver's zipsession, and the metadata of opencap-processing's data."""
    place, turn = dict(zip(POINTS, points.swapaxes(0, 1), strict=True)), c3d.axes("+x", "+y")
    spines = ([0.1, -0.1, 0], [0.1, 0.1, 0], [-0.1, -0.1, 0], [-0.1, 0.1, 0])
    markers = {}
    for point, each in labels.OPENCAP.items():
        aside = spines if point == "pelvis" else ([0, 0.05, 0], [0, -0.05, 0]) if len(each) > 1 else [[0, 0, 0]]
        markers |= {name: (place[point] + shift) @ turn for name, shift in zip(each, aside, strict=True)}
    for name in ("MarkerData", "OpenSimData/Kinematics", "OpenSimData/Model", "Videos/Cam0", "CalibrationImages"):
        (folder / name).mkdir(parents=True)
    write_trc(folder / "MarkerData" / "run1.trc", markers, hz, unit="m")
    still = {name: np.repeat(xyz[:1], 60, axis=0) for name, xyz in markers.items()}
    write_trc(folder / "MarkerData" / "neutral.trc", still, hz, unit="m")
    (folder / "OpenSimData" / "Kinematics" / "run1.mot").write_text("Coordinates\nendheader\ntime hip\n0 1\n")
    for name in (
        "OpenSimData/Model/LaiUhlrich2022_scaled.osim",
        "Videos/Cam0/cameraIntrinsicsExtrinsics.pickle",
        "Videos/mappingCamDevice.pickle",
        "CalibrationImages/calib_imgCam0.jpg",
        "README.txt",
    ):
        (folder / name).write_bytes(b"x")
    (folder / "sessionMetadata.yaml").write_text(
        "checkerBoard:\n  black2BlackCornersHeight_n: 4\n  placement: backWall\ngender_mf: f\nheight_m: 1.7\n"
        f"iphoneModel:\n  Cam0: iPhone13,3\nmass_kg: {mass}\nopenSimModel: LaiUhlrich2022\nposemodel: hrnet\n"
        "subjectID: somebody\n"
    )
    return folder


def test_a_session_of_opencap_gives_its_runs_and_its_mass(lab, points, tmp_path, capsys):
    folder = opencap(tmp_path / "OpenCapData_015b7571", points, lab.rate_hz, 58.5)
    assert run(lab, folder, tmp_path / "out", "--format", "csv") == 0
    said = capsys.readouterr()
    assert "MarkerData/run1.trc: " in said.out and "58.5 kg (as OpenCap's sessionMetadata.yaml says)" in said.out
    assert "not estimated (static trials, tables, forces): neutral.trc, run1.mot" in said.out and not said.err
    (row,) = pd.read_csv(tmp_path / "out" / "recordings.csv").to_dict("records")
    assert row["mass_kg"] == 58.5 and row["steps"] > 0
    found, masses, _ = estimate.read_all(folder / "MarkerData" / "run1.trc")  # a file of it knows the mass too
    assert masses == [58.5]
    np.testing.assert_allclose(found[0].points[:, :, 2], points[:, :, 2], atol=1e-6)
    found, masses, _ = estimate.read_all(folder, mass_kg=70)
    (note,) = [note for note in found[0].notes if note.text.startswith("mass: ")]
    assert masses == [70] and note.is_warning
    assert note.text == "mass: 70 kg, as typed; OpenCap's sessionMetadata.yaml says 58.5 kg"


@pytest.mark.parametrize("mass", ["''", "-1", "heavy", "[1, 2]", "1e400", "{"])
def test_a_session_without_a_mass_gives_none(lab, points, tmp_path, mass):
    folder = opencap(tmp_path / "OpenCapData_x", points, lab.rate_hz, mass)
    assert estimate.read_all(folder)[1] == [None]


def c3d_half(path):
    content = (CASES / "00_reference" / "reference.c3d").read_bytes()
    path.write_bytes(content[: len(content) // 2])


def trc_of_others(path):
    text = (CASES / "18_trc" / "run.trc").read_text(encoding="utf-8")
    for number, point in enumerate(POINTS):
        text = text.replace(f"\t{point}\t", f"\tM{number}\t")
    path.write_text(text, encoding="utf-8")


def zipped(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "something else")


BAD = {  # name of a file: what is in it, what is said
    "half.c3d": (c3d_half, r"has \d+ bytes; half.c3d cannot be read: it is cut off.* Export or copy it again"),
    "noise.c3d": (lambda path: path.write_bytes(bytes(range(256)) * 9), "noise.c3d cannot be read: it begins with"),
    "empty.c3d": (Path.touch, "empty.c3d cannot be read: it is empty. Export it again"),
    "empty.trc": (Path.touch, "empty.trc does not begin with such lines. Export it again"),
    "empty.csv": (Path.touch, "not a recording of points: it is empty. Give a C3D or TRC file"),
    "others.trc": (
        trc_of_others,
        "pelvis, l_hip, .* as Pose2Sim .* others.trc has no marker .* Its markers: M0, M1, .*`make new-study",
    ),
    "upload.zip": (zipped, "upload.zip is an archive: unpack it, and give its folder"),
    "zipped.c3d": (zipped, "zipped.c3d is an archive, whatever its name says: unpack it"),
    "zipped.csv": (zipped, "zipped.csv is an archive, whatever its name says: unpack it"),
    "photo.png": (lambda path: path.write_bytes(b"x"), "photo.png is of another kind. Give a C3D or TRC file"),
    "static.trc": (Path.touch, "static.trc is a static trial. Give"),
    "times.csv": (lambda path: path.write_text("lap,s\n1,80\n"), "its columns are lap, s. Give a C3D or TRC file"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_no_recording_gets_one_message(lab, tmp_path, capsys, name):
    make, said = BAD[name]
    make(tmp_path / name)
    with pytest.raises(ValueError, match=said) as error:
        estimate.read_all(tmp_path / name)
    assert str(error.value).count(name) <= 2
    assert run(lab, tmp_path / name, tmp_path / "out") == 1
    out, err = capsys.readouterr()
    assert err == f"error: {error.value}\n" and not out and names(tmp_path) == [name]


@pytest.mark.parametrize(
    ("put", "said"),
    [
        ([], "and its folders hold none. Export recordings there, or give another file or folder"),
        (["upload.zip", "photo.png"], "hold none.*\n  upload.zip: an archive: unpack it"),
        (
            ["half.c3d", "others.trc"],
            "none of 2 in .* can be:\n  half.c3d: .*cut off[^\n]*\n  others.trc: The 11 points",
        ),
    ],
)
def test_a_folder_without_a_recording_gets_one_message(lab, tmp_path, capsys, put, said):
    data = tmp_path / "data"
    data.mkdir()
    for name in put:
        BAD[name][0](data / name)
    with pytest.raises(ValueError, match=said):
        estimate.read_all(data)
    assert run(lab, data, tmp_path / "out") == 1
    out, err = capsys.readouterr()
    assert err.count("error: ") == 1 and not out and names(tmp_path) == ["data"]


def test_a_reason_that_several_files_share_is_said_once(tmp_path):
    for number in range(7):
        trc_of_others(tmp_path / f"run{number}.trc")
    c3d_half(tmp_path / "half.c3d")
    with pytest.raises(
        ValueError, match=r"\n  half\.c3d: .*cut off.*\n  run0\.trc, .*run4\.trc and 2 more: The 11"
    ) as error:
        estimate.read_all(tmp_path)
    assert str(error.value).count("; each has no marker that is surely") == 1


def test_a_model_folder_that_cannot_be_used_gets_one_message(lab, file, tmp_path, monkeypatch, capsys):
    def refused(model):
        arguments = ["estimate", str(file), "--model", str(model), "--out", str(tmp_path / "out")]
        assert cli.main(arguments) == 1 and not (tmp_path / "out").exists()
        return capsys.readouterr().err

    newer = shutil.copytree(lab.model, tmp_path / "newer")
    text = (newer / "model.json").read_text(encoding="utf-8").replace('"version": 1', '"version": 9')
    (newer / "model.json").write_text(text, encoding="utf-8")
    assert "newer is of format 9. Install a newer grfkit" in refused(newer)
    (newer / "model.json").write_text("{", encoding="utf-8")
    assert "newer" in refused(newer)
    assert "holds model.json and model.safetensors" in refused(file.parent)
    assert "Leave it out" in refused(file)
    monkeypatch.setattr("grfkit.field.model.SHIPPED", tmp_path / "absent")
    assert "Install grfkit again, or give the folder of another model" in refused("")


def test_thirty_frames_a_second_are_said(lab, points, tmp_path, capsys):
    file = as_csv(tmp_path / "slow.csv", points[::3], lab.rate_hz / 3)
    assert run(lab, file, tmp_path / "out", "--format", "csv") in (0, 1)
    said = capsys.readouterr()
    assert "33.3 frames a second: below 100, errors are larger than the bands say" in said.out + said.err


def test_a_folder_that_cannot_be_written_is_said_before_anything_is_read(lab, file, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    assert run(lab, file, tmp_path / "file" / "out") == 1
    assert "A report goes to a folder that can be written" in capsys.readouterr().err
    assert run(lab, file, tmp_path / "file") == 1 and "is a file. Give another" in capsys.readouterr().err
    assert run(lab, file, file.parent) == 1 and "holds my run.csv" in capsys.readouterr().err

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    assert run(lab, file, tmp_path / "out") == 1 and "No space left" in capsys.readouterr().err
    assert names(tmp_path) == ["data", "file"] and os.listdir(file.parent) == [file.name]


def test_a_static_trial_by_the_table_is_no_recording_of_running(file, monkeypatch):
    monkeypatch.setattr(by_study.Told, "statics", lambda self: {file.name})
    with pytest.raises(
        ValueError, match="my run.csv: .* the table of trials names this one as a static trial. Give another"
    ):
        estimate.read_all(file)


def test_the_summary_says_what_came_out_wrong_in_other_laboratories(lab, file, tmp_path):
    assert run(lab, file, tmp_path / "out") == 0
    tables = {name: pd.read_csv(tmp_path / "out" / name, keep_default_na=False) for name in TABLES}
    tables["recordings.csv"]["bands"] = bands.NEW
    tables["recordings.csv"]["mass_kg"] = np.nan
    tables["recordings.csv"]["warnings"] = "x" + " word" * 100
    for name in ("steps.csv", "asymmetry.csv"):
        tables[name] = pd.read_csv(tmp_path / "out" / name)
    abroad = bands.Abroad(*[None] * len(bands.Abroad._fields))._replace(
        features_pct={"braking_peak_bw": 18.2, "vlr_bw_s": 35.0, "active_peak_bw": 1.0}
    )
    *_, warned, care = summary.lines(tables, abroad=abroad)
    assert warned.endswith("word ... (more in the report)")
    assert care.endswith("in other laboratories the model gave braking 18 % too high, loading rate 35 % too high")
    assert "other laboratories" not in summary.lines(tables)[-1]
    again = tables["recordings.csv"].assign(file="again.csv")
    several = tables | {"recordings.csv": pd.concat([tables["recordings.csv"], again])}
    assert summary.lines(several, abroad=abroad)[-1].endswith(f"(see the report); {care.rpartition('; ')[2]}")
    tables["recordings.csv"]["bands"] = bands.WITHIN
    assert "other laboratories" not in summary.lines(tables, abroad=abroad)[-1]


def test_long_lines_break_between_words_on_a_terminal_alone(monkeypatch, capsys):
    long, none = "with care: " + " ".join(["word"] * 40), {"recordings.csv": pd.DataFrame({"refused": []})}
    monkeypatch.setattr(summary, "lines", lambda *_: ["23 steps", long])
    monkeypatch.setenv("COLUMNS", "80")
    command._say(none, {}, [], None)
    assert capsys.readouterr().out == f"23 steps\n{long}\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    command._say(none, {}, [], None)
    first, *said = capsys.readouterr().out.splitlines()
    assert first == "23 steps" and len(said) == 3 and max(map(len, said)) <= 80
    assert " ".join(" ".join(said).split()) == long and all(line.startswith("    word") for line in said[1:])
