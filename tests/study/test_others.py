"""Other studies are found by name and by what make remembers; whatever is missing is said, all of it at once."""

import shutil

import pytest
from helpers import ROOT

from grfkit.reports import run
from grfkit.study import file as study_file
from grfkit.study import others
from grfkit.study.schema import StudyError


@pytest.fixture
def project(tmp_path):
    """Study files of three real studies and a virtual one; the recordings of two are remembered."""
    for name in ("rbds", "hamner", "ja1", "smoke"):
        (tmp_path / "params").mkdir(exist_ok=True)
        shutil.copy(ROOT / "params" / f"{name}.yaml", tmp_path / "params")
    for name in ("hamner", "ja1"):
        shutil.copy(ROOT / "params" / f"{name}_trials.csv", tmp_path / "params")
    for name in ("rbds", "hamner"):
        folder = tmp_path / f"recordings of {name}"
        folder.mkdir()
        run.remember(tmp_path / "reports" / name, folder.as_posix())
    return tmp_path


def find(project, names, own="rbds"):
    folders = {"params": project / "params", "reports": project / "reports"}
    return others.find(names, own=project / "params" / f"{own}.yaml", **folders)


def test_find_gives_file_recordings_and_reports_of_each(project):
    hamner, smoke = find(project, " hamner  smoke ")
    assert (hamner.name, hamner.study.name) == ("hamner", "hamner")
    assert hamner.data == project / "recordings of hamner" and hamner.reports == project / "reports" / "hamner"
    assert smoke.data == project / "reports" / "smoke" / "recordings"  # make records them first
    path = (project / "params" / "hamner.yaml").as_posix()
    assert [other.name for other in find(project, path)] == ["hamner"]


def test_find_names_all_that_is_missing_at_once(project):
    with pytest.raises(StudyError) as error:
        find(project, "hamner nobody ja1 hamner2", own="smoke")
    said = str(error.value)
    assert "of 5 studies, 3 cannot be used, and nothing was trained" in said
    assert "  nobody: A study is a YAML file" in said and "  hamner2: A study is a YAML file" in said
    assert "  ja1: the folder of its recordings is not known. Name it once: `make stances STUDY=ja1 DATA=DIR`." in said
    assert "\n  hamner:" not in said


def test_find_wants_to_know_the_recordings_of_the_study_that_trains_too(project):
    with pytest.raises(
        StudyError, match=r"of 2 studies, 1 cannot be used.*\n  ja1: the folder of its recordings is not known"
    ):
        find(project, "hamner", own="ja1")


def test_find_refuses_a_study_named_twice_and_none(project):
    with pytest.raises(StudyError, match=r"\n  rbds: it is named twice"):
        find(project, "hamner rbds")
    assert len(find(project, "hamner hamner")) == 1
    with pytest.raises(StudyError, match=r'none was named.*make transfer STUDY=rbds OTHERS="hamner ja1"\.'):
        find(project, "  ")


def test_recordings_that_are_gone_are_named(project):
    (project / "recordings of hamner").rmdir()
    with pytest.raises(
        StudyError, match=r"hamner: its recordings were in .*recordings of hamner, which no longer exists"
    ):
        find(project, "hamner")


def test_data_of_reads_what_remember_writes(project, tmp_path):
    """A round trip, of a folder whose name has blanks; without a note it is the study file's own folder."""
    study = study_file.load(project / "params" / "ja1.yaml")
    folder = tmp_path / "a b" / "c"
    folder.mkdir(parents=True)
    run.remember(project / "reports" / "ja1", folder.as_posix())
    assert others.data_of(study, project / "reports" / "ja1") == folder
    run.remember(project / "reports" / "ja1", "")
    with pytest.raises(StudyError, match="is not known"):
        others.data_of(study, project / "reports" / "ja1")


def test_together_finds_the_home_study_first_and_names_all_that_is_missing_at_once(project):
    folders = {"params": project / "params", "reports": project / "reports"}
    found = others.together(" hamner rbds ", **folders)
    assert [each.name for each in found] == ["hamner", "rbds"]
    assert found[0].data == project / "recordings of hamner"
    with pytest.raises(StudyError) as error:
        others.together("rbds nobody ja1 rbds", **folders)
    said = str(error.value)
    assert (
        "To train one model on several studies" in said
        and "of 4 studies, 3 cannot be used, and nothing was trained" in said
    )
    for line in (
        "nobody: A study is a YAML file",
        "ja1: the folder of its recordings is not known",
        "rbds: it is named twice",
    ):
        assert f"\n  {line}" in said
