"""What `make new-study` says of files that 01 would leave out: it reads each as the study file says."""

import shutil

import ezc3d
import pytest
from helpers import ROOT, record_virtual

from grfkit import cli
from grfkit.points import POINTS
from grfkit.recordings import trials
from grfkit.study.schema import StudyError

SWAP = {f"{side}{point[1:]}": point for point in POINTS for side in "lr" if point[1] == "_" and point[0] != side}


@pytest.fixture
def params(tmp_path):
    (tmp_path / "params").mkdir()
    shutil.copy(ROOT / "params" / "virtual.yaml", tmp_path / "params")
    return tmp_path / "params"


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory):
    folder = tmp_path_factory.mktemp("laboratory")
    record_virtual(folder, seed=5, women=2, trials=1)
    return folder


def new_study(params, folder, capsys):
    """Run the command -> what it says, in one line."""
    assert cli.main(["new-study", "--name", "mine", "--data", str(folder), "--params", str(params)]) == 0
    return " ".join(capsys.readouterr().out.split())


def relabelled(source, path, rename):
    content = ezc3d.c3d(str(source))
    labels = content["parameters"]["POINT"]["LABELS"]
    labels["value"] = [rename(label) for label in labels["value"]]
    del content["data"]["meta_points"]
    path.parent.mkdir(parents=True, exist_ok=True)
    content.write(str(path))


def in_one(folder, out, rename):
    """Copy a laboratory whose first file has other labels -> its name."""
    first, *others = sorted(path.relative_to(folder) for path in folder.rglob("*.c3d"))
    for path in others:
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / path, out / path)
    relabelled(folder / first, out / first, rename)
    return first.as_posix()


def test_new_study_says_nothing_of_files_that_can_be_used(laboratory, params, capsys):
    assert "cannot be used" not in new_study(params, laboratory, capsys)


def test_new_study_names_a_file_whose_left_and_right_are_swapped(laboratory, params, tmp_path, capsys):
    file = in_one(laboratory, tmp_path / "data", lambda label: SWAP.get(label, label))
    said = new_study(params, tmp_path / "data", capsys)
    assert f"{file} cannot be used: Left points must be on the left; here they are on the right" in said


def test_new_study_names_a_file_of_other_labels_and_what_they_are(laboratory, params, tmp_path, capsys):
    file = in_one(laboratory, tmp_path / "data", lambda label: f"S7:{label}".upper())
    said = new_study(params, tmp_path / "data", capsys)
    assert f"{file} cannot be used: Each of the 11 points needs its marker; 'pelvis' is not" in said
    assert "S7:PELVIS" in said and "If only this file uses other labels, correct them" in said


def test_new_study_names_a_runner_whose_static_trial_is_anothers(rbds, params, tmp_path, capsys):
    for runner, static in (("RBDS002", "RBDS002"), ("RBDS011", "RBDS018")):
        (tmp_path / "data" / runner).mkdir(parents=True)
        for source, name in ((runner, "runT35"), (static, "static")):
            link = tmp_path / "data" / runner / f"{runner}{name}.c3d"
            link.symlink_to(rbds / source / f"{source}{name}.c3d")
    said = new_study(params, tmp_path / "data", capsys)
    assert "RBDS011/RBDS011runT35.c3d cannot be used: Thigh and shank must carry the knee" in said
    assert "RBDS002/RBDS002runT35.c3d cannot" not in said


def test_clusters_name_the_labels_of_a_file_that_has_others(rbds, params, tmp_path, capsys):
    for runner in ("RBDS002", "RBDS011", "RBDS013"):
        for name in ("runT35", "static"):
            path = tmp_path / "data" / runner / f"{runner}{name}.c3d"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(rbds / runner / path.name)
    path = tmp_path / "data" / "RBDS011" / "RBDS011runT35.c3d"
    path.unlink()
    relabelled(rbds / "RBDS011" / path.name, path, lambda label: f"S7:{label}".upper())
    said = new_study(params, tmp_path / "data", capsys)
    assert "RBDS011runT35.c3d cannot be used: A cluster needs three markers" in said
    assert "its markers are S7:L.THIGH.BOTTOM.LATERAL, " in said


def test_a_table_without_plates_is_told_to_make_estimate(tmp_path):
    (tmp_path / "mine_trials.csv").write_text("file,mass_kg,speed_m_s,static\na.c3d,,,\n", encoding="utf-8")
    with pytest.raises(StudyError, match="the columns of a study without them. Run `make estimate`"):
        trials.read_trials(tmp_path, table=str(tmp_path / "mine_trials.csv"))
