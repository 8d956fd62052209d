"""What an estimate says where a study's table or a static trial is not where it was looked for."""

import pytest
from helpers import ROOT, write_trials

from grfkit.field import estimate
from grfkit.recordings import by_study, trials
from grfkit.study.schema import StudyError

RBDS = ROOT / "params" / "rbds.yaml"
PEOPLE = "FileName,Height,Mass,Gender\nRBDS002static.c3d,170,63.7,F\n"


def public_set(folder, *files):
    """Lay out empty files as those of the public set, and its table."""
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / "participantInfo.csv").write_text(PEOPLE, encoding="utf-8")
    return folder


def told(folder):
    return by_study.tell(RBDS, folder)


def test_a_static_trial_is_found_beside_its_recording(tmp_path):
    folder = public_set(tmp_path, "RBDS002/RBDS002runT35.c3d", "RBDS002/RBDS002static.c3d")
    name = "RBDS002/RBDS002runT35.c3d"
    assert told(folder).static(name) == tmp_path / "RBDS002" / "RBDS002static.c3d"
    assert told(folder).row(name) == {
        "file": name,
        "mass_kg": 63.7,
        "speed_m_s": 3.5,
        "static": "RBDS002/RBDS002static.c3d",
    }


def test_one_recording_finds_the_table_of_its_folder_or_above_it(tmp_path, monkeypatch):
    public_set(tmp_path, "RBDS002/RBDS002runT35.c3d", "RBDS002/RBDS002static.c3d")
    monkeypatch.chdir(tmp_path / "RBDS002")
    told = by_study.tell_of(RBDS, "RBDS002runT35.c3d")
    name = "RBDS002/RBDS002runT35.c3d"
    assert told.folder == tmp_path and told.row(name)["mass_kg"] == 63.7
    assert told.static(name) == tmp_path / "RBDS002" / "RBDS002static.c3d"
    (tmp_path / "RBDS002" / "other.c3d").touch()
    with pytest.raises(StudyError, match="participantInfo.csv has no row for RBDS002/other.c3d"):
        by_study.tell_of(RBDS, "other.c3d").static("RBDS002/other.c3d")
    (tmp_path / "participantInfo.csv").unlink()
    with pytest.raises(StudyError, match="RBDS002/participantInfo.csv does not exist"):
        by_study.tell_of(RBDS, "RBDS002runT35.c3d")


def test_a_folder_whose_rows_are_those_of_the_folder_above_says_which_to_give(tmp_path):
    (tmp_path / "subject01").mkdir()
    path = ROOT / "params" / "hamner.yaml"
    with pytest.raises(StudyError) as error:
        by_study.tell(path, tmp_path / "subject01").static("Run_2.trc")
    assert f"It has one for subject01/Run_2.trc: give the folder {tmp_path}, or this file alone." in str(error.value)
    with pytest.raises(StudyError, match="It has rows for .*: add a row whose cell `file` is Run_2.trc"):
        by_study.tell(path, tmp_path).static("Run_2.trc")


def test_one_recording_finds_its_row_in_a_table_beside_the_study_file_by_a_path_from_here(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    (tmp_path / "subject01").mkdir()
    (tmp_path / "subject01" / "Run_2.trc").touch()
    told = by_study.tell_of("params/hamner.yaml", tmp_path / "subject01" / "Run_2.trc")
    assert told.folder == tmp_path and told.row("subject01/Run_2.trc")["static"] == "subject01/static.trc"


def test_a_table_beside_the_folder_is_named_with_the_folder_to_give(tmp_path):
    public_set(tmp_path, "RBDS002/RBDS002runT35.c3d")
    with pytest.raises(StudyError) as error:
        told(tmp_path / "RBDS002")
    lies = tmp_path / "RBDS002" / "participantInfo.csv"
    assert f"{lies} does not exist: participantInfo.csv lies in {tmp_path}. Give DATA={tmp_path}" in str(error.value)


def test_a_table_that_lies_nowhere_is_named_with_what_is_there(tmp_path):
    (tmp_path / "deep" / "er" / "data").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "data" / "a.c3d").touch()
    with pytest.raises(StudyError, match=r"participantInfo\.csv does not exist: .*data holds a\.c3d\. Put it there"):
        told(tmp_path / "deep" / "er" / "data")


def test_a_recording_outside_its_runners_folder_says_which_folder_is_missing(tmp_path):
    folder = public_set(tmp_path, "RBDS002runT35.c3d", "RBDS002static.c3d")
    with pytest.raises(StudyError) as error:
        told(folder).static("RBDS002runT35.c3d")
    for text in (
        f"{folder / 'participantInfo.csv'} has no row for RBDS002runT35.c3d",
        f"the folder {folder / 'RBDS002'}, which does not exist",
        "make new-study",
    ):
        assert text in str(error.value)
    with pytest.raises(StudyError, match=r"none is there: .* holds RBDS002runT35\.c3d"):
        trials.read_trials(folder, table="rbds")
    with pytest.raises(StudyError, match=r"RBDS002runT35\.c3d: Joint centres come from a static trial"):
        estimate.read_all(folder, study_file=RBDS)  # the file's own message, before it is read


def test_a_missing_static_trial_is_named_with_what_is_there(tmp_path):
    folder = public_set(tmp_path, "RBDS002/RBDS002runT35.c3d", "RBDS002/static.c3d")
    with pytest.raises(StudyError) as error:
        told(folder).static("RBDS002/RBDS002runT35.c3d")
    wanted = folder / "RBDS002" / "RBDS002static.c3d"
    assert f"{wanted} does not exist: {folder / 'RBDS002'} holds RBDS002runT35.c3d, static.c3d" in str(error.value)


def test_a_table_names_which_cell_is_empty_and_which_row_is_missing(tmp_path):
    write_trials(tmp_path)
    section = by_study.tell(RBDS, public_set(tmp_path)).layout.model_copy(update={"table": "trials.csv"})
    path = tmp_path / "trials.csv"
    mine = by_study.Told(tmp_path, section, path, trials.read_rows(tmp_path, table="trials.csv", path=path))
    with pytest.raises(StudyError, match=r"the cell `static` of a\.c3d is empty"):
        mine.static("a.c3d")
    with pytest.raises(StudyError, match=r"no row for c\.c3d. It has rows for a\.c3d, b\.c3d: add a row"):
        mine.static("c.c3d")


def test_read_rows_wants_what_an_estimate_takes_and_no_more(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("file,mass_kg,speed_m_s,static\na.c3d,,,s.c3d\ngone.c3d,70,3.5,\n", encoding="utf-8")
    rows = trials.read_rows(tmp_path, table="t.csv", path=path)
    assert rows["a.c3d"] == {"file": "a.c3d", "mass_kg": None, "speed_m_s": None, "static": "s.c3d"}
    assert rows["gone.c3d"]["mass_kg"] == 70 and rows["gone.c3d"]["speed_m_s"] == 3.5
    path.write_text("file,mass_kg,speed_m_s,static\na.c3d,6370,,\n", encoding="utf-8")
    with pytest.raises(StudyError, match=r"mass_kg must be a number from 20 to 250; found '6370' for a\.c3d"):
        trials.read_rows(tmp_path, table="t.csv", path=path)


def test_read_trials_says_where_its_table_and_files_lie(tmp_path):
    write_trials(tmp_path)
    (tmp_path / "sub").mkdir()
    with pytest.raises(StudyError) as error:
        trials.read_trials(tmp_path / "sub", table="trials.csv")
    assert f"trials.csv lies in {tmp_path}. Give DATA={tmp_path}" in str(error.value)
    (tmp_path / "a.c3d").rename(tmp_path / "sub" / "a.c3d")
    with pytest.raises(StudyError, match=rf"1 of 2 do not: a\.c3d \(of the first: a\.c3d lies in {tmp_path / 'sub'}\)"):
        trials.read_trials(tmp_path, table="trials.csv")


def test_static_trials_of_trc_files_carry_the_points_of_an_estimate(hamner):
    """With the table of another laboratory: 19 of 20 recordings, as one lacks a marker of a foot."""
    found, masses, unread = estimate.read_all(hamner, study_file=ROOT / "params" / "hamner.yaml")
    assert len(found) == 19 and list(unread) == ["subject04/Run_5.trc"] and "['LCAL', 'LTOE']" in str(unread)
    assert masses[0] == 72.84 and all(each.treadmill for each in found)
    for each in found:  # the belt's speed stands in the name of the file
        assert each.speed_m_s == float(each.file.stem[-1])
        assert not any(note.is_warning for note in each.notes), each.notes


def test_a_file_that_is_not_of_the_public_set_is_told_so(tmp_path):
    told = by_study.tell(RBDS, public_set(tmp_path))
    for name in ("JA1Gait21.c3d", "sub/my run 3.c3d"):
        with pytest.raises(StudyError, match=f"no row for {name}. This study is for the public set only") as error:
            told.static(name)
        assert "For JA1" not in str(error.value) and "make new-study" in str(error.value)
