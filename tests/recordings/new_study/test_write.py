"""What `make new-study` proposes from a folder of C3D files, what it leaves blank, and where it refuses to write."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import ezc3d
import numpy as np
import pandas as pd
import pytest
import yaml
from helpers import CASES, ROOT, preprocessing, record_virtual

from grfkit import cli
from grfkit.field import estimate
from grfkit.points import POINTS
from grfkit.recordings import trials as trials_table
from grfkit.recordings.new_study import propose, write
from grfkit.reports import run
from grfkit.stances import cut
from grfkit.study import file as study_file
from grfkit.study import provenance
from grfkit.study.schema import BLANK, StudyError

NOTEBOOK = ROOT / "notebooks" / "01_preprocess.ipynb"


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory):
    """Two trials of each of three virtual runners without faults, and their own table, which is not in their folder."""
    folder = tmp_path_factory.mktemp("laboratory")
    record_virtual(folder / "data", seed=5, women=2, trials=2)
    (folder / "data" / "planted.csv").unlink()
    return folder / "data", (folder / "data" / "trials.csv").rename(folder / "own.csv")


@pytest.fixture
def params(tmp_path):
    """A folder of study files, as a project has it."""
    (tmp_path / "params").mkdir()
    shutil.copy(ROOT / "params" / "virtual.yaml", tmp_path / "params")
    return tmp_path / "params"


def new(params, folder, capsys, name="mine"):
    """Run the command; returns its output, the study file's content and the table."""
    assert cli.main(["new-study", "--name", name, "--data", str(folder), "--params", str(params)]) == 0, (
        capsys.readouterr().err
    )
    content = yaml.safe_load((params / f"{name}.yaml").read_text(encoding="utf-8"))
    return (
        capsys.readouterr().out,
        content,
        pd.read_csv(params / f"{name}_trials.csv", dtype=str, keep_default_na=False, encoding="utf-8-sig"),
    )


def text(params, name="mine"):
    return (params / f"{name}.yaml").read_text(encoding="utf-8")


def hashes(folder):
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*")) if path.is_file()}


def edit(path, **changes):
    """Change values of 01_preprocess in a study file."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["01_preprocess"] |= changes
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def turned(folder, out):
    """Copy virtual recordings with Y up and the running direction -z: what was forward, left, up is -z, -x, y."""
    turn = np.array([[0, -1, 0], [0, 0, 1], [-1, 0, 0]])
    for path in sorted(folder.rglob("*.c3d")):
        content = ezc3d.c3d(str(path))
        group = content["parameters"]["FORCE_PLATFORM"]
        group["CORNERS"]["value"] = np.einsum("ij,jkp->ikp", turn, group["CORNERS"]["value"])
        points = content["data"]["points"]
        points[:3] = np.einsum("ij,jpf->ipf", turn, points[:3])
        del content["data"]["meta_points"]
        (out / path.relative_to(folder)).parent.mkdir(parents=True, exist_ok=True)
        content.write(str(out / path.relative_to(folder)))
    return out


def test_new_study_leaves_blank_what_the_recordings_do_not_show_and_changes_nothing_there(laboratory, params, capsys):
    folder, own = laboratory
    before = hashes(folder)
    for path in [*folder.rglob("*"), folder]:
        path.chmod(0o555)
    said, content, table = new(params, folder, capsys)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755)
    assert hashes(folder) == before
    listed = pd.read_csv(own, dtype=str, keep_default_na=False)
    blank = {column for column in trials_table.TRIAL_COLUMNS if (table[column] == "").any()}
    assert list(table.columns) == trials_table.TRIAL_COLUMNS and blank == {"mass_kg", "height_m", "sex", "static"}
    pd.testing.assert_frame_equal(table[["file", "runner", "trial"]], listed[["file", "runner", "trial"]])
    # the pelvis' mean speed over the plates is near the simulated one: within a stride it changes by some per cent
    np.testing.assert_allclose(table["speed_m_s"].astype(float), listed["speed_m_s"].astype(float), rtol=0.03)
    for text in (
        "column mass_kg, 6 of 6 rows",
        "column height_m",
        "v01 (2), v02 (2), v03 (2)",
        "3 of type 3, 0.60 x 0.90 m, 1000 Hz",
        "STUDY=mine",
    ):
        assert text in said
    assert "01_preprocess." not in said and "laboratory" not in content
    assert content["01_preprocess"]["force_cutoff_hz"] is None and "Simulated" not in str(content["10_field"]["about"])
    preprocess = content["01_preprocess"]
    assert preprocess["points"] == {point: point for point in POINTS} and preprocess["table"] == "mine_trials.csv"
    assert (preprocess["up"], preprocess["forward"], preprocess["treadmill"], preprocess["plates"]) == (
        "+z",
        "found",
        False,
        None,
    )
    speeds = table["speed_m_s"].astype(float)
    assert speeds.min() - 0.21 < preprocess["speed_m_s"][0] <= speeds.min() - 0.1
    assert speeds.max() + 0.1 <= preprocess["speed_m_s"][1] < speeds.max() + 0.21
    assert content["02_search"]["frames_per_step"] == 10 and preprocess["contact_threshold_n"] == 20.0


@pytest.mark.parametrize(("turn", "up"), [(False, "+z"), (True, "+y")])
def test_the_filled_study_gives_the_stances_of_virtual(laboratory, params, tmp_path, capsys, turn, up):
    folder, own = laboratory
    data = turned(folder, tmp_path / "turned") if turn else folder
    new(params, data, capsys)
    table = pd.read_csv(params / "mine_trials.csv", dtype=str, encoding="utf-8-sig")
    listed = pd.read_csv(own, dtype=str).set_index("file").loc[table["file"]]
    for column in ("mass_kg", "height_m", "sex"):
        table[column] = listed[column].to_numpy()
    table.to_csv(params / "mine_trials.csv", index=False)
    wide = {key: getattr(preprocessing(), key) for key in ("contact_threshold_n", "points_cutoff_hz")}
    wide |= {"speed_m_s": [3.0, 4.5]}
    section = study_file.preprocessing(edit(params / "mine.yaml", **wide))
    assert section.up == up
    trials = trials_table.read_trials(data, table=params / "mine_trials.csv")
    found, frames, *_ = cut.collect(trials, data, section)
    shutil.copy(own, tmp_path / "trials.csv")
    trials = trials_table.read_trials(folder, table=tmp_path / "trials.csv")
    expected, expected_frames, *_ = cut.collect(trials, folder, preprocessing(**wide))
    assert len(expected) == 12  # 6 trials, a left and a right stance each
    columns = ["file", "runner", "side", "mass_kg", "touchdown_s", "toeoff_s"]
    pd.testing.assert_frame_equal(found[columns], expected[columns])
    np.testing.assert_allclose(frames, expected_frames, atol=1e-5 if turn else 0)  # single precision, in m and BW


def test_the_study_file_has_every_key_of_virtual_and_its_other_values(laboratory, params, capsys):
    _, content, _ = new(params, laboratory[0], capsys)
    pattern = yaml.safe_load((ROOT / "params" / "virtual.yaml").read_text(encoding="utf-8"))
    pattern.pop("laboratory")
    assert {key: list(section) for key, section in content.items()} == {
        key: list(section) for key, section in pattern.items()
    }
    for section, keys in {
        "01_preprocess": ("checks", "padding_s", "body_weight", "vlr"),
        "02_search": ("epochs", "layers"),
        "07_figure4": ("nodes",),
    }.items():
        assert {key: content[section][key] for key in keys} == {key: pattern[section][key] for key in keys}
    assert content["08_generalisation"]["frames_per_step"] == content["02_search"]["frames_per_step"]
    assert content["01_preprocess"]["n_test_runners"] < 3
    assert content["08_generalisation"]["ensemble"] == pattern["08_generalisation"]["ensemble"]
    assert content["02_search"]["folds"] == 2  # of whole runners: two of the three train
    assert study_file.load(params / "mine.yaml").name == "mine"


def test_one_runner_is_offered_an_estimate_beside_01(params, laboratory, tmp_path, capsys):
    data, _ = laboratory
    runner = sorted(path for path in data.iterdir() if path.is_dir())[0]
    said, _, _ = new(params, link(sorted(runner.glob("*.c3d")), tmp_path / "alone" / runner.name), capsys)
    assert (
        "make reproduce STUDY=mine (stops after 01: one runner cannot be both trained on and tested)" in said
        and "make estimate STUDY=" in said
    )
    said, _, _ = new(params, data, capsys, name="all")
    assert (
        "make reproduce STUDY=all\n" in said
        and "or estimate the forces with a model that is already trained: make estimate" in said
    )


def test_fill_wants_its_keys_in_the_pattern():
    with pytest.raises(ValueError, match="01_preprocess.up; params/virtual.yaml lacks it"):
        propose.fill(
            "study:\n  name: a\n\n01_preprocess:\n  forward: found\n", {("01_preprocess", "up"): ("x", "")}, name="a"
        )


def link(files, folder):
    """Lay real recordings out in a folder of one's own without copying them."""
    folder.mkdir(parents=True)
    for file in files:
        (folder / file.name).symlink_to(file)
    return folder


def test_new_study_knows_a_treadmill_with_y_up_and_static_trials(rbds, params, tmp_path, capsys):
    (tmp_path / "set").mkdir()
    for runner in ("RBDS002", "RBDS010"):
        link(sorted((rbds / runner).glob("*.c3d")), tmp_path / "set" / runner)
    before = hashes(rbds / "RBDS002")
    said, content, table = new(params, tmp_path / "set", capsys)
    section = content["01_preprocess"]
    assert (section["treadmill"], section["forward"], section["up"]) == (True, "+x", "+y")
    assert (
        section["contact_threshold_n"] in (20, 30, 40) and content["02_search"]["frames_per_step"] == 3
    )  # 10 ms at 300 Hz
    assert content["08_generalisation"]["ensemble"] == []  # of two runners
    assert "one runner to train on" in said and "RECIPE=plain" in said
    assert section["force_cutoff_hz"] == 50.0 and content["10_field"]["points_cutoff_hz"] == 20.0
    assert "the belt shakes the plates" in said and " # check: the belt shakes the plates by" in text(params)
    assert "mine.yaml (" not in said.replace("\n      ", " ")  # the study file has no blank, the table has
    assert table["static"].tolist() == ["RBDS002/RBDS002static.c3d"] * 3 + ["RBDS010/RBDS010static.c3d"] * 3
    assert table["runner"].tolist() == ["RBDS002"] * 3 + ["RBDS010"] * 3 and (table["speed_m_s"] == "").all()
    assert section["points"] is None and "carried by clusters of markers" in said
    assert hashes(rbds / "RBDS002") == before
    assert study_file.load(params / "mine.yaml").name == "mine"


def test_new_study_knows_markers_beside_joints_and_leaves_blank_what_no_label_names(plates, params, tmp_path, capsys):
    said, content, _ = new(params, link([plates / "JA1Gait21.c3d"], tmp_path / "ja"), capsys)
    points = content["01_preprocess"]["points"]
    assert [points[point] for point in ("pelvis", "l_hip", "l_knee", "r_ankle", "l_heel", "r_toe")] == [
        ["LASI", "RASI", "SACR"],
        "?",
        "LLEPI",
        "RLMAL",
        "LHEEL",
        "RTOE",
    ]
    assert "l_knee LLEPI" in said and "no marker is clearly l_hip, r_hip" in said
    assert "8 of type 2, 0.60 x 0.90 m, 1500 Hz" in said


def test_new_study_names_the_plates_that_can_be_read(plates, params, tmp_path, capsys):
    said, content, _ = new(params, link([plates / "FP_Type1.c3d"], tmp_path / "one"), capsys)
    assert content["01_preprocess"]["plates"] == [1] and content["01_preprocess"]["up"] == "+y"
    assert "plate 2 is left out: A force plate is a rectangle" in said


def without_plates(path, out):
    """Copy a recording as a laboratory without force plates would have it."""
    content = ezc3d.c3d(str(path))
    content["parameters"]["FORCE_PLATFORM"]["USED"]["value"] = [0]
    del content["data"]["meta_points"]
    out.parent.mkdir(parents=True, exist_ok=True)
    content.write(str(out))


def test_without_plates_the_study_ends_in_estimate_and_asks_for_nothing_else(theia_export, params, capsys):
    said, content, table = new(params, theia_export.parent, capsys)
    section = content["01_preprocess"]
    assert (section["theia"], section["points"], section["points_cutoff_hz"], section["up"]) == (True, None, None, "+z")
    assert (section["treadmill"], section["forward"]) == (True, "+y")  # a walk on a belt, which goes to -y
    assert "no file has a force plate" in said and len(table) == 1
    assert "C3D file(s) of running" not in said and "braking comes" not in (params / "mine.yaml").read_text("utf-8")
    assert "Simulated" not in str(content["10_field"]["about"]) and (table["speed_m_s"] == "").all()
    assert list(table) == trials_table.ROW_COLUMNS and "Blank, for you" not in said
    text = (params / "mine.yaml").read_text(encoding="utf-8")
    for each in (said, text):
        assert "make estimate STUDY=mine DATA=" in each and "make reproduce STUDY" not in each
    study_file.load(params / "mine.yaml")  # it has no blank


def test_a_study_without_plates_is_estimated_as_new_study_says(laboratory, params, tmp_path, capsys):
    for path in laboratory[0].rglob("*.c3d"):
        without_plates(path, tmp_path / "data" / path.relative_to(laboratory[0]))
    said, content, table = new(params, tmp_path / "data", capsys)
    assert BLANK not in str(content) and (table["mass_kg"] == "").all()
    found, masses, unread = estimate.read_all(tmp_path / "data", study_file=params / "mine.yaml")
    assert len(found) == len(table) == 6 and not unread and masses == [None] * 6
    bare, *_ = estimate.read_all(tmp_path / "data")
    for one, other in zip(found, bare, strict=True):
        np.testing.assert_allclose(one.points, other.points, atol=1e-6)
    table.loc[0, "mass_kg"] = "61,5"
    table.to_csv(params / "mine_trials.csv", index=False)
    _, masses, _ = estimate.read_all(tmp_path / "data", study_file=params / "mine.yaml")
    assert masses == [61.5] + [None] * 5


def test_a_belt_without_plates_is_seen_by_the_planted_foot(rbds, params, tmp_path, capsys):
    names = ["RBDS002/RBDS002runT35.c3d", "RBDS002/RBDS002static.c3d"]
    for name in names:
        without_plates(rbds / name, tmp_path / "data" / name)
    _, content, table = new(params, tmp_path / "data", capsys)
    section = content["01_preprocess"]
    assert (section["treadmill"], section["forward"], section["up"]) == (True, "+x", "+y")
    assert table[["file", "static"]].to_numpy().tolist() == [names]


def test_an_unreadable_file_is_named_and_the_others_go_on(laboratory, params, tmp_path, capsys):
    data = tmp_path / "data"
    shutil.copytree(laboratory[0], data)
    (data / "v01" / "broken.C3D").write_bytes(b"no C3D")
    (data / "v02" / "._v02.c3d").write_bytes(b"")
    said, _, table = new(params, data, capsys)
    assert len(table) == 6 and all(f"  {name}: " in said for name in ("v01/broken.C3D", "v02/._v02.c3d"))


def test_a_file_without_plates_gets_no_row(laboratory, params, tmp_path, capsys):
    data = tmp_path / "data"
    shutil.copytree(laboratory[0], data)
    content = ezc3d.c3d(str(data / "v01" / "v01_A_0_1.c3d"))
    content["parameters"]["FORCE_PLATFORM"]["USED"]["value"] = [0]
    del content["data"]["meta_points"]
    content.write(str(data / "v01" / "bare.c3d"))
    said, _, table = new(params, data, capsys)
    assert "v01/bare.c3d: no force plate" in said and "v01/bare.c3d" not in set(table["file"]) and len(table) == 6


def refuse(params, folder, capsys, name="mine"):
    """Run the command, which must fail; returns its message, once nothing was written."""
    before = hashes(params)
    assert cli.main(["new-study", "--name", name, "--data", str(folder), "--params", str(params)]) == 1
    assert hashes(params) == before
    said = capsys.readouterr()
    assert not said.out
    return said.err


@pytest.mark.parametrize("name", ["", "../mine", "my study", "mine.yaml", "-x", "a/b"])
def test_a_name_that_is_not_plain_is_refused(laboratory, params, capsys, name):
    if not name.startswith("-"):
        assert "name has only letters, digits" in refuse(params, laboratory[0], capsys, name)
    with pytest.raises(StudyError, match="name has only letters, digits"):
        write.scaffold(name, laboratory[0], params=params)


@pytest.mark.parametrize("there", ["mine.yaml", "mine_trials.csv"])
def test_what_exists_is_never_overwritten(laboratory, params, capsys, there):
    (params / there).write_text("my work", encoding="utf-8")
    said = refuse(params, laboratory[0], capsys)
    assert "never overwritten" in said and there in said


def test_a_folder_without_recordings_is_named(params, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert "and its subfolders have none. Export them there" in refuse(params, tmp_path / "empty", capsys)
    (tmp_path / "empty" / "P01_static.c3d").write_bytes(b"")
    assert "have none, only 1 named static or cal" in refuse(params, tmp_path / "empty", capsys)
    (tmp_path / "empty" / "P01_run.c3d").write_bytes(b"")
    assert "with DATA=DIR:\n  P01_run.c3d: " in refuse(params, tmp_path / "empty", capsys)
    assert "none does not exist. Give it with DATA=DIR" in refuse(params, tmp_path / "none", capsys)
    assert "none was given" in refuse(params, "", capsys)


def test_nothing_is_left_half_written(laboratory, params, capsys, monkeypatch):
    replace = os.replace

    def fail(source, target):
        if str(target).endswith(".yaml"):
            raise OSError("the disk is full")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    assert "the disk is full" in refuse(params, laboratory[0], capsys)


def test_a_blank_stops_the_study_with_its_key(laboratory, params, capsys):
    new(params, laboratory[0], capsys)
    edit(params / "mine.yaml", up="?", speed_m_s=["?", 4.0])
    with pytest.raises(
        StudyError,
        match=r"has 2: 01_preprocess\.(up|speed_m_s\.0), 01_preprocess\.(up|speed_m_s\.0)\. Fill",
    ):
        study_file.load(params / "mine.yaml")


def test_blank_cells_stop_the_study_with_the_table_and_the_column(laboratory, params, capsys):
    new(params, laboratory[0], capsys)
    with pytest.raises(
        StudyError,
        match=r"mass_kg must be a number .* found '' for v01/.* \(6 row\(s\)\). Correct it in .*mine_trials\.csv",
    ):
        trials_table.read_trials(laboratory[0], table=params / "mine_trials.csv")


def test_the_notebook_is_given_the_table_beside_the_study_file(laboratory, params, tmp_path, capsys):
    new(params, laboratory[0], capsys)
    loaded = study_file.load(params / "mine.yaml")
    given, folder = run.collect_parameters(NOTEBOOK, study=loaded, reports=tmp_path / "reports", data=laboratory[0])
    assert (NOTEBOOK.parent / given["table"]).resolve() == (
        params / "mine_trials.csv"
    ).resolve() and folder == laboratory[0]
    assert provenance.hash_data(folder, params / "mine_trials.csv") != provenance.hash_data(folder)
    (params / "mine_trials.csv").unlink()
    with pytest.raises(ValueError, match=r"mine_trials\.csv does not exist"):
        run.collect_parameters(NOTEBOOK, study=loaded, reports=tmp_path / "reports", data=laboratory[0])


@pytest.mark.parametrize("name", ["tables/mine.csv", "..\\mine.csv", "mine.xlsx", "C:mine.csv", ".csv/"])
def test_a_table_is_a_csv_file_beside_the_study_file(params, name):
    with pytest.raises(StudyError, match=r"01_preprocess\.table: found .* name of a \.csv file next to the study file"):
        study_file.load(edit(params / "virtual.yaml", table=name))


def test_make_new_study_remembers_the_folder_and_01_follows_the_table(laboratory, tmp_path):
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    project = tmp_path / "project"
    for name in ("grfkit", "notebooks", "params"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    shutil.copy(ROOT / "Makefile", project)
    shutil.copytree(laboratory[0], tmp_path / "my data")

    def make(*arguments):
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")
        }
        return subprocess.run(
            ["make", *arguments, "CONDA_DEFAULT_ENV=grfkit", f"PYTHON={sys.executable}"],
            cwd=project,
            text=True,
            env=environment | {"NAME": "machine"},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=300,
        )

    done = make("new-study", f"DATA={tmp_path / 'my data'}/")
    assert (
        done.returncode != 0 and "name has only letters, digits" in done.stderr
    )  # NAME of the environment is not taken
    done = make("new-study", "NAME=mine", f"DATA={tmp_path / 'my data'}/")
    assert done.returncode == 0 and "\n  make reproduce STUDY=mine\n" in done.stdout, done.stderr
    last = " ".join(done.stdout.partition("make reproduce STUDY=mine\n")[2].split())
    assert last.startswith("or estimate the forces with a model that is already trained: make estimate STUDY=")
    assert "STUDY=mine DATA=" in last
    done = make("reports/mine/01_preprocess.html", "STUDY=mine")
    assert done.returncode != 0 and "mass_kg must be a number" in done.stderr and "mine_trials.csv" in done.stderr
    table = project / "params" / "mine_trials.csv"
    pd.read_csv(table, dtype=str).assign(mass_kg="60", height_m="1.7").to_csv(table, index=False)
    page, plan = "reports/mine/01_preprocess.html", ["-n", "reports/mine/01_preprocess.html", "STUDY=mine"]
    (project / page).write_text("done", encoding="utf-8")
    later = (project / page).stat().st_mtime + 10
    os.utime(project / page, (later, later))
    assert "grfkit run" not in make(*plan).stdout
    os.utime(table, (later + 10, later + 10))
    assert "grfkit run notebooks/01_preprocess.ipynb" in make(*plan).stdout


def theia_trials(tmp_path, names):
    """Lay Theia3D's folders out: {file: case's file}."""
    for name, source in names.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CASES / "03_two_versions_of_a_trial" / "P03" / "Run1" / source, tmp_path / name)
    return tmp_path


def test_of_theias_two_files_the_filtered_one_gets_a_row(params, capsys):
    said, _, table = new(params, CASES / "03_two_versions_of_a_trial", capsys)
    assert table["file"].tolist() == [f"{runner}/Run1/pose_filt_0.c3d" for runner in ("P03", "P04")]
    assert "P03/Run1/pose_0.c3d: the unfiltered version of pose_filt_0.c3d" in said
    assert table["runner"].tolist() == ["P03", "P04"]


def cut_frames(source, path, frames):
    """Write the first frames of a C3D file."""
    content = ezc3d.c3d(str(source))
    samples = content["data"]["analogs"].shape[2] // content["data"]["points"].shape[2]
    content["data"]["points"] = content["data"]["points"][:, :, :frames]
    content["data"]["analogs"] = content["data"]["analogs"][:, :, : samples * frames]
    del content["data"]["meta_points"]
    content.write(str(path))


def test_of_copies_under_other_names_one_gets_a_row(laboratory, params, tmp_path, capsys):
    data = tmp_path / "data"
    shutil.copytree(laboratory[0], data)
    shutil.copy(data / "v01" / "v01_A_0_1.c3d", data / "v02" / "copy.c3d")
    said, _, table = new(params, data, capsys)
    assert len(table) == 6 and "v02/copy.c3d" not in set(table["file"])
    assert "v02/copy.c3d: the same forces as in v01/v01_A_0_1.c3d: a copy" in " ".join(said.split())
    (data / "v02" / "copy.c3d").rename(data / "v01" / "v01_A_0_1_filtered.c3d")
    _, _, table = new(params, data, capsys, name="other")
    assert len(table) == 6 and {"v01/v01_A_0_1_filtered.c3d"} <= {*table["file"]}
    cut_frames(data / "v02" / "v02_A_0_1.c3d", data / "v02" / "cut.c3d", 64)
    said, _, table = new(params, data, capsys, name="third")
    assert len(table) == 6 and "v02/cut.c3d: the same forces as in v02/v02_A_0_1.c3d: a copy" in " ".join(said.split())


@pytest.mark.parametrize("first", [0, 1])
def test_of_two_persons_the_one_who_loads_the_plates_gets_a_row(params, tmp_path, capsys, first):
    """The other stands a metre beside, in a file of the same forces."""
    runner, stranger = f"P03/Run1/pose_filt_{first}.c3d", f"P03/Run1/pose_filt_{1 - first}.c3d"
    folder = theia_trials(tmp_path / "data", {runner: "pose_filt_0.c3d", stranger: "pose_filt_0.c3d"})
    moved = ezc3d.c3d(str(folder / stranger))
    moved["data"]["rotations"][1, 3] += 1000.0  # mm
    del moved["data"]["meta_points"]
    moved.write(str(folder / stranger))
    said, _, table = new(params, folder, capsys)
    assert table["file"].tolist() == [runner]
    reason = f"another person: the feet over the centre of pressure are those of {Path(runner).name}"
    assert f"{stranger}: {reason}" in " ".join(said.split())


def test_files_of_other_programs_are_named(laboratory, params, tmp_path, capsys):
    data = tmp_path / "data"
    shutil.copytree(laboratory[0], data)
    for path in (CASES / "20_skipped_in_silence").glob("[!R]*"):
        shutil.copy(path, data)
    (data / "dlc.csv").write_text("scorer,net,net\nbodyparts,hip,hip\n", encoding="utf-8")
    said, _, table = new(params, data, capsys)
    said = " ".join(said.split())
    assert len(table) == 6 and "run.trc: no force plate" in said and "vicon.csv: no force plate" in said
    assert "good.csv: points without forces" in said and "dlc.csv: an export of DeepLabCut" in said


def test_text_exports_make_a_study_without_plates(params, capsys):
    said, study, table = new(params, CASES / "19_vendor_csv", capsys)
    assert sorted(table["file"]) == ["motive.csv", "qtm.tsv", "vicon.csv"] and "make estimate" in said
    assert study["01_preprocess"]["points"]["l_toe"] == "l_toe"


def test_a_plate_of_a_treadmill_is_left_out_and_named(params, capsys):
    said, _, table = new(params, CASES / "15_plate_type_6", capsys)
    assert (
        "plate 1 is left out: " in said and "force plate 1 is of type 6" in " ".join(said.split()) and len(table) == 1
    )
