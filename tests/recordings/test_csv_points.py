"""CSV files of points: names of columns, times, missing values, and what a message says of a file that is none."""

import itertools

import numpy as np
import pytest
from helpers import HEADER, HZ, preprocessing, write_points
from helpers import refused_file as refused

from grfkit.recordings import csv_points, discover


def placed(points):
    """Take away where points lie on the ground."""
    return points - np.nanmean(points[:, :, :2], axis=(0, 1)) @ np.eye(2, 3)


def test_read_knows_points_by_usual_names_in_any_order(run, tmp_path):
    points, _ = run
    names = [
        "Pelvis",
        "LHip",
        "left_knee",
        "Left Ankle",
        "L_HEEL",
        "LeftToe",
        "RHip",
        "right_knee",
        "Right Ankle",
        "R_HEEL",
        "RightToe",
    ]
    header = [
        "Time",
        *(f"{name}{joint}{axis}" for name, joint in zip(names, itertools.cycle(["_", " ", "."])) for axis in "XYZ"),
    ]
    order = np.random.default_rng(0).permutation(len(header))
    cells = np.column_stack([np.arange(len(points)) / HZ, points.reshape(len(points), -1)])[:, order]
    text = "\n".join([",".join(header[i] for i in order), *(",".join(f"{cell:.5f}" for cell in row) for row in cells)])
    (tmp_path / "Run.CSV").write_text(text, encoding="utf-8")
    found = discover.read(tmp_path / "Run.CSV")
    np.testing.assert_allclose(placed(found.points), placed(points), atol=2e-5)
    assert "l_knee is left_knee" in found.notes[0].text


def test_read_takes_empty_cells_zeros_and_absent_rows_for_missing(run, tmp_path):
    points = run[0].copy()
    points[30:35, 5] = np.nan
    points[40, 7] = 0.0
    kept = np.r_[0:60, 70 : len(points)]  # ten rows are not there
    rng = np.random.default_rng(0)
    times = kept / HZ + rng.uniform(-1, 1, len(kept)) * 0.0005  # a jitter of half a millisecond, a tenth of a frame
    found = discover.read(write_points(tmp_path / "run.csv", points[kept], times=times))
    missing = np.isnan(found.points).any(axis=2)
    expected = np.zeros_like(missing)
    expected[30:35, 5] = expected[40, 7] = True
    expected[60:70] = True
    np.testing.assert_array_equal(missing, expected)
    assert found.rate_hz == pytest.approx(HZ, rel=1e-4)  # the jitter, over 200 frames and more


def test_read_takes_frame_numbers_with_a_rate(run, tmp_path):
    points, _ = run
    header = ["frame", *HEADER[1:]]
    file = write_points(tmp_path / "run.csv", points, header, times=np.arange(len(points)) + 17.0)
    assert discover.read(file, rate_hz=HZ).rate_hz == HZ
    assert (
        discover.read(
            write_points(tmp_path / "half.csv", points[::2], header, times=2.0 * np.arange(len(points[::2]))),
            rate_hz=HZ,
        ).rate_hz
        == HZ / 2
    )
    assert "RATE=100" in refused(file)
    plain = write_points(tmp_path / "plain.csv", points, ["when", *HEADER[1:]], times=np.zeros(len(points)))
    assert discover.read(plain, rate_hz=HZ).rate_hz == HZ
    np.testing.assert_array_equal(discover.read(plain, rate_hz=HZ).points, discover.read(file, rate_hz=HZ).points)


def test_read_refuses_a_rate_that_contradicts_the_times(run, tmp_path):
    points, _ = run
    file = write_points(tmp_path / "run.csv", points)
    assert discover.read(file, rate_hz=1.01 * HZ).rate_hz == HZ
    assert f"{HZ / 2:g} were given" in refused(file, rate_hz=HZ / 2)


def test_read_says_what_is_wrong_with_a_csv_file(run, tmp_path):
    points, _ = run
    file = tmp_path / "run.csv"
    times = np.arange(len(points)) / HZ
    (tmp_path / "empty.csv").write_text("", encoding="utf-8")
    assert "The file is empty" in refused(tmp_path / "empty.csv")
    assert "has no row. Export it again" in refused(write_points(file, points[:0]))
    assert "about two steps" in refused(write_points(file, points[:100]))
    assert "three rows" in refused(write_points(file, points[:2]))
    header = [name for name in HEADER if not name.startswith("l_toe")]
    bare = refused(write_points(file, points[:, :1], ["time_s", "pelvis_x", "pelvis_y", "pelvis_z"]))
    assert "lacks l_hip_x, l_hip_y, l_hip_z, l_knee_x, l_knee_y, l_knee_z and 24 more. It has no other columns" in bare
    assert "lacks l_toe_x, l_toe_y, l_toe_z" in refused(write_points(file, np.delete(points, 5, axis=1), header))
    assert "l_hip_x more than once" in refused(
        write_points(file, points, ["l_hip_x" if name == "l_hip_y" else name for name in HEADER])
    )
    assert "time_s" in refused(write_points(file, points, ["when", *HEADER[1:]]))
    assert "rise" in refused(write_points(file, points, times=times[::-1]))
    for late in (0.45, 0.6):  # of a frame, in every third
        assert "evenly" in refused(
            write_points(file, points, times=times + late / HZ * (np.arange(len(points)) % 3 == 0))
        )
    assert "divide milliseconds" in refused(write_points(file, points, times=1000 * times))
    assert "neither m, cm nor mm" in refused(write_points(file, points * 39.37))  # inches
    lost = points.copy()
    lost[:, 10] = np.nan
    assert "r_toe never is" in refused(write_points(file, lost))
    write_points(file, points)
    lines = file.read_text(encoding="utf-8").split("\n")
    lines[6] = lines[6].replace(",", ",abc,", 1).rsplit(",", 1)[0]
    file.write_text("\n".join(lines), encoding="utf-8")
    assert "'abc' in row 7, column pelvis_x" in refused(file)
    lines[6] = lines[6].rsplit(",", 2)[0]
    file.write_text("\n".join(lines), encoding="utf-8")
    assert "row 7 of run.csv has 32" in refused(file)
    file.write_bytes("\n".join([*lines, "größer"]).encode("cp1252"))
    assert "CSV UTF-8" in refused(file)


def test_holds_points_knows_a_recording_by_three_columns(tmp_path):
    (tmp_path / "a.csv").write_text("time_s\tl_hip_x\tl_hip_y\tl_hip_z\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text("time_s\tl_hip_x\tforce_y\tmass_z\n", encoding="utf-8")
    assert csv_points.holds_points(tmp_path / "a.csv") and not csv_points.holds_points(tmp_path / "b.csv")


def test_a_csv_file_says_that_no_study_file_is_followed(run, tmp_path):
    layout = preprocessing("smoke")
    assert any(
        "study file describes files of markers" in note.text
        for note in discover.read(write_points(tmp_path / "run.csv", run[0]), layout=layout).notes
    )
