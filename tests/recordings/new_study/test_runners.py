"""Runners by folders and names of files."""

from pathlib import PurePosixPath

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
