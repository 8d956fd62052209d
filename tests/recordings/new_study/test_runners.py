"""Runners by folders and names of files."""

from pathlib import PurePosixPath
from types import SimpleNamespace

import pytest

from grfkit.recordings.new_study import runners


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["P01/a.c3d", "P01/b.c3d", "P02/a.c3d"], ["P01", "P01", "P02"]),
        (
            ["study/P01/s1/a.c3d", "study/P01/s2/a.c3d", "study/P02/s1/a.c3d"],
            ["P01", "P01", "P02"],
        ),  # sessions are no runners
        (
            ["P01_run1/pose.c3d", "P01_run2/pose.c3d", "P02_run1/pose.c3d"],
            ["P01", "P01", "P02"],
        ),  # Theia3D's folder for each trial
        (["P01_run1.c3d", "P01_run2.c3d", "sub-02_run1.c3d"], ["P01", "P01", "sub-02"]),
        (["Jane_fast.c3d", "Jane_slow.c3d", "Bob_fast.c3d"], ["Jane", "Jane", "Bob"]),
        (["RBDS001runT25.c3d", "RBDS001runT35.c3d"], ["RBDS001", "RBDS001"]),
        (["run_01.c3d", "run_02.c3d", "Trial3.c3d"], ["", "", ""]),  # trials are no runners
        (["run1/P01.c3d", "run1/P02.c3d", "run2/P01.c3d"], ["", "", ""]),
        (["Runner1/a.c3d", "Runner1/b.c3d", "Runner2/a.c3d"], ["Runner1", "Runner1", "Runner2"]),
        (["Jane_1.c3d", "Jane_2.c3d", "Jane_3.c3d"], ["", "", ""]),  # each its own: cannot be known
        (["a.c3d"], [""]),
    ],
)
def test_guess_runners_never_makes_two_of_one(files, expected):
    assert list(runners.guess_runners([PurePosixPath(file) for file in files]).values()) == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["Jane_run1.c3d", "Jane_run2.c3d", "Jane_static.c3d"], "Jane_static.c3d"),
        (["run1.c3d", "run2.c3d", "static.c3d"], "static.c3d"),  # the only one, of nobody else
        (["P01/run.c3d", "P01/static.c3d", "P02/run.c3d", "P02/static.c3d"], "P01/static.c3d"),
        (["P01_run1.c3d", "P01_run2.c3d", "P02_run1.c3d", "static.c3d"], ""),  # whose is it?
        (["run1.c3d", "static1.c3d", "static2.c3d"], ""),
        (["run1.c3d"], ""),
    ],
)
def test_rows_take_the_static_trial_that_can_only_be_the_runners_own(files, expected):
    files = [PurePosixPath(file) for file in files]
    seen = {file: SimpleNamespace(body={}, speed_m_s=float("nan"), weight_n=735.5) for file in files}
    static = {file: seen.pop(file) for file in files if "static" in file.stem}
    notes = runners.Notes([])
    row = runners.rows(seen, static, runners.guess_runners(files), notes)[0]
    assert (row["static"], row["mass_kg"]) == (expected, "75.0" if expected else "")
    assert any("75.0 comes from the plates in" in text for text in notes.check) == bool(expected)
    assert any("names no runner" in text for text in notes.check) == (expected == "static.c3d")


def test_a_mass_that_the_file_says_goes_before_the_plates():
    files = [PurePosixPath("Jane_run1.c3d"), PurePosixPath("Jane_static.c3d")]
    run = SimpleNamespace(body={"mass_kg": "70"}, speed_m_s=3.0, weight_n=float("nan"))
    for weight_n in (735.5, 4991.9, float("nan")):  # a stuck plate of rbds weighs 509 kg
        static = {files[1]: SimpleNamespace(body={}, speed_m_s=0.0, weight_n=weight_n)}
        (row,) = runners.rows({files[0]: run}, static, runners.guess_runners(files), runners.Notes([]))
        assert row["mass_kg"] == "70"
    run.body = {}
    static[files[1]].weight_n = 4991.9
    (row,) = runners.rows({files[0]: run}, static, runners.guess_runners(files), runners.Notes([]))
    assert row["mass_kg"] == ""
