"""A table of trials keeps names as text, and an error says the rule, what was found and what to do."""

import pandas as pd
import pytest
from helpers import write_trials

from grfkit.recordings.trials import read_trials
from grfkit.study.schema import StudyError


def test_read_trials_keeps_names_as_text(tmp_path):
    trials = read_trials(write_trials(tmp_path), table="trials.csv")
    assert trials["runner"].tolist() == ["002", "002"] and trials["mass_kg"].tolist() == [63.7, 63.7]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mass_kg": "6370"}, "mass_kg must be a number from 20 to 250; found '?6370"),
        ({"height_m": "170"}, "height_m must be a number from 1.0 to 2.5"),
        ({"speed_m_s": "fast"}, "speed_m_s must be a number .* found 'fast'"),
        ({"file": "a.c3d"}, "Each C3D file has one row; a.c3d has several"),
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
