"""A table of trials keeps names as text, and an error says the rule, what was found and what to do."""

import shutil
import unicodedata
import warnings

import pandas as pd
import pytest
from helpers import CASES, write_trials

from grfkit.recordings.trials import read_trials
from grfkit.study.schema import StudyError


def test_read_trials_keeps_names_as_text(tmp_path):
    trials = read_trials(write_trials(tmp_path), table="trials.csv")
    assert trials["runner"].tolist() == ["002", "002"] and trials["mass_kg"].tolist() == [63.7, 63.7]


def test_read_trials_needs_no_height_since_nothing_rests_on_it(tmp_path):
    assert read_trials(write_trials(tmp_path, height_m=""), table="trials.csv")["height_m"].isna().any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mass_kg": "6370"}, "mass_kg must be a number from 20 to 250; found '?6370"),
        ({"height_m": "170"}, "height_m must be a number from 1.0 to 2.5"),
        ({"speed_m_s": "fast"}, "speed_m_s must be a number .* found 'fast'"),
        ({"file": "a.c3d"}, "Each recording has one row; a.c3d has several"),
        ({"runner": " "}, "runner must not be empty; found 2 row"),
        ({"static": "none.c3d"}, "Each file of the table of trials must exist; 1 of 3 do not: none.c3d"),
    ],
)
def test_read_trials_names_what_is_wrong(tmp_path, changes, message):
    with pytest.raises(StudyError, match=message):
        read_trials(write_trials(tmp_path, **changes), table="trials.csv")


def test_read_trials_names_a_missing_column_table_or_folder(tmp_path):
    path = write_trials(tmp_path) / "trials.csv"
    pd.read_csv(path).drop(columns="mass_kg").to_csv(path, index=False)
    with pytest.raises(StudyError, match="lacks mass_kg"):
        read_trials(tmp_path, table="trials.csv")
    path.unlink()
    with pytest.raises(StudyError, match="A folder of recordings needs a table trials.csv"):
        read_trials(tmp_path, table="trials.csv")
    (tmp_path / "Trials.xlsx").touch()
    with pytest.raises(StudyError, match=r"has Trials\.xlsx: save it as `CSV UTF-8` under that name"):
        read_trials(tmp_path, table="trials.csv")
    with pytest.raises(StudyError, match="does not exist. Give it with DATA=DIR"):
        read_trials(tmp_path / "nowhere", table="trials.csv")


def test_read_trials_says_that_a_table_is_empty(tmp_path):
    path = write_trials(tmp_path) / "trials.csv"
    pd.read_csv(path).head(0).to_csv(path, index=False)
    with pytest.raises(StudyError, match="found none"):
        read_trials(path.parent, table="trials.csv")


@pytest.mark.parametrize("content", [b"", "runner\nJ\u00fcrgen".encode("latin-1")])
def test_read_trials_says_how_to_save_a_table(tmp_path, content):
    (tmp_path / "trials.csv").write_bytes(content)
    with pytest.raises(StudyError, match="Save it again as `CSV UTF-8`"):
        read_trials(tmp_path, table="trials.csv")


def test_read_trials_derives_the_public_set(rbds):
    trials = read_trials(rbds, table="rbds")
    assert len(trials) == 66 and trials["runner"].nunique() == 22  # three speeds each
    second = trials[(trials["runner"] == "002") & (trials["speed_m_s"] == 3.5)].iloc[0]
    assert (second["mass_kg"], second["height_m"], second["static"]) == (80.0, 1.83, "RBDS002/RBDS002static.c3d")


def table(folder, text, encoding="utf-8"):
    """Write a table of trials of a.c3d, b.c3d and c.c3d."""
    for name in "abc":
        (folder / f"{name}.c3d").touch()
    (folder / "trials.csv").write_bytes(text.encode(encoding))
    return folder


HEADER = "file,runner,mass_kg,height_m,sex,speed_m_s,shoe,lap,trial,static"
ROW = "a.c3d,P03,56.5,1.706,f,3.646,own,0,1,"
GERMAN = HEADER.replace(",", ";") + ";;\r\na.c3d;J\u00fcrgen;56,5;1,706;f;3,646;own;0;1;;;\r\n;;;;;;;;;;;\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("first", ["", "sep=;\r\n", ";;;\r\n"])
def test_read_trials_reads_tables_as_spreadsheets_write_them(tmp_path, encoding, separator, first):
    text = (first + GERMAN).replace(";", separator)
    (trial,) = read_trials(table(tmp_path, text, encoding), table="trials.csv").itertuples()
    assert (trial.runner, trial.mass_kg, trial.height_m, trial.speed_m_s) == ("J\u00fcrgen", 56.5, 1.706, 3.646)
    assert (trial.file, trial.trial, trial.static) == ("a.c3d", "1", "")


def test_read_trials_reads_the_table_of_a_german_spreadsheet(tmp_path):
    shutil.copy(CASES / "21_table_of_german_excel" / "trials.csv", tmp_path)
    shutil.copy(CASES / "00_reference" / "reference.c3d", tmp_path)
    (trial,) = read_trials(tmp_path, table="trials.csv").itertuples()
    assert (trial.runner, trial.mass_kg, trial.height_m, trial.speed_m_s) == ("P03", 56.5, 1.706, 3.646)


@pytest.mark.parametrize("typed", ['"56,5"', " 56.5 ", '"56,50"', "5.65e1", "56.5\u00a0"])
def test_read_trials_reads_numbers_as_they_are_typed(tmp_path, typed):
    text = f"{HEADER}\n{ROW.replace('56.5', typed)}\n"
    assert read_trials(table(tmp_path, text), table="trials.csv")["mass_kg"].tolist() == [56.5]


@pytest.mark.parametrize("typed", ['"1,056.5"', '"1.056,5"', "1 056.5", "1'056.5", "56.5 kg", "inf", "nan", '""'])
def test_read_trials_refuses_what_is_no_number_or_has_thousands(tmp_path, typed):
    with pytest.raises(StudyError, match="mass_kg must be a number") as error:
        read_trials(table(tmp_path, f"{HEADER}\n{ROW.replace('56.5', typed)}\n"), table="trials.csv")
    assert ("nothing between thousands" in str(error.value)) == ("056" in typed)


def test_read_trials_names_the_row_that_decimal_commas_made_longer(tmp_path):
    with pytest.raises(StudyError, match="each of the 10 columns; row 3 of .* has 11. Decimal commas need"):
        read_trials(table(tmp_path, f"{HEADER}\n{ROW}\n{ROW.replace('56.5', '56,5')}\n"), table="trials.csv")
    with pytest.raises(StudyError, match="has runner more than once"):
        read_trials(table(tmp_path, f"{HEADER},runner\n{ROW},P03\n"), table="trials.csv")
    cut = f"{HEADER}\n{ROW.rsplit(',', 1)[0]}\n"  # the last cell is not there
    assert read_trials(table(tmp_path, cut), table="trials.csv")["static"].tolist() == [""]


@pytest.mark.parametrize("content", ["utf-16-le", "utf-16-be"])
def test_read_trials_names_what_is_no_text_in_utf8(tmp_path, content):
    with pytest.raises(StudyError, match="zero bytes. Save it again as `CSV UTF-8`"):
        read_trials(table(tmp_path, f"{HEADER}\n{ROW}\n", content), table="trials.csv")
    with pytest.raises(StudyError, match="Save it again as `CSV UTF-8`"):
        read_trials(table(tmp_path, GERMAN, "cp1252"), table="trials.csv")


NFC, NFD = (unicodedata.normalize(form, "J\u00fcrgen  2") for form in ("NFC", "NFD"))


@pytest.mark.parametrize("other", ["P03 ", "\u00a0P03", "P\u200b03", " P03\t"])
@pytest.mark.parametrize("column", ["runner", "shoe", "lap"])
def test_read_trials_takes_names_that_look_alike_for_one_and_says_so(tmp_path, other, column):
    rows = pd.DataFrame([ROW.split(","), ROW.replace("a.c3d", "b.c3d").split(",")], columns=HEADER.split(","))
    rows[column] = ["P03", other]
    table(tmp_path, rows.to_csv(index=False))
    with pytest.warns(UserWarning, match=f"in column {column}, blanks or invisible .* in row 3 is read as 'P03'"):
        trials = read_trials(tmp_path, table="trials.csv")
    assert trials[column].tolist() == ["P03", "P03"]


def test_read_trials_takes_forms_of_unicode_for_one_name(tmp_path):
    rows = [ROW.replace("P03", NFC), ROW.replace("P03", NFD).replace("a.c3d", "b.c3d")]
    with pytest.warns(UserWarning, match="column runner"):
        trials = read_trials(table(tmp_path, "\n".join([HEADER, *rows])), table="trials.csv")
    assert trials["runner"].tolist() == ["J\u00fcrgen 2"] * 2


def test_read_trials_finds_files_whose_names_are_written_otherwise(tmp_path):
    for name in (f"{NFD}.c3d", "run  1.c3d"):
        (tmp_path / name).touch()
    rows = [ROW.replace("a.c3d", f" {NFC}.c3d"), ROW.replace("a.c3d", "run  1.c3d ")]
    with pytest.warns(UserWarning, match="column file"):
        trials = read_trials(table(tmp_path, "\n".join([HEADER, *rows])), table="trials.csv")
    assert trials["file"].tolist() == [f"{NFD}.c3d", "run  1.c3d"]


@pytest.mark.parametrize(
    ("column", "names"),
    [
        ("runner", "P03/p03"),
        ("shoe", "Own/own"),
        ("runner", "\uff3003/p03"),
        ("runner", "R 1/r1"),
        ("runner", "R 1/R1"),
    ],
)
def test_read_trials_refuses_names_that_differ_in_case_or_a_blank(tmp_path, column, names):
    rows = pd.DataFrame([ROW.split(","), ROW.replace("a.c3d", "b.c3d").split(",")], columns=HEADER.split(","))
    rows[column] = names.split("/")
    with pytest.raises(StudyError, match=rf"Each {column} needs one spelling.* \(row 2\) and .* \(row 3\)"):
        read_trials(table(tmp_path, rows.to_csv(index=False)), table="trials.csv")


@pytest.mark.filterwarnings("ignore:.*blanks or invisible")
def test_read_trials_refuses_a_runner_spelt_in_three_ways():
    with pytest.raises(StudyError, match=r"'P03' \(row 2, 3\) and 'p03' \(row 4\)"):
        read_trials(CASES / "22_runner_with_a_blank", table="trials.csv")


@pytest.mark.parametrize(
    ("names", "said"), [("P03/P3", True), ("P-3/P03", True), ("P03/P30", False), ("11/1-1", False), ("P1 1/P11", False)]
)
def test_read_trials_says_which_names_may_be_one_person(tmp_path, names, said):
    one, other = names.split("/")
    table(tmp_path, "\n".join([HEADER, ROW.replace("P03", one), ROW.replace("P03", other).replace("a.c3d", "b.c3d")]))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert read_trials(tmp_path, table="trials.csv")["runner"].tolist() == [one, other]
    assert [f"{one!r} and {other!r} count as different" in str(each.message) for each in caught] == [True] * said
