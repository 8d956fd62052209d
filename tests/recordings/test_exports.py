"""Text exports of Vicon Nexus, Qualisys and Motive: the points that were written, however the file is laid out."""

import csv
import io

import numpy as np
import pytest
from helpers import CASES, HZ

from grfkit.points import POINTS
from grfkit.recordings import discover
from grfkit.recordings.formats import exports

ROWS = 160
LABELS = {point: f"Anna:{point}" for point in POINTS}


@pytest.fixture(scope="module")
def some(run):
    """Points (F, 11, 3) m of a runner, one of them missing in three frames."""
    points = np.round(run[0][:ROWS], 5)
    points[40:43, POINTS.index("l_toe")] = np.nan
    return points


def as_text(rows, separator):
    """Write rows as text; with semicolons or tabs decimals have commas, as where people speak German."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator="\r\n")
    for row in rows:
        writer.writerow(row if separator == "," else [str(cell).replace(".", ",") for cell in row])
    return out.getvalue()


def numbers(points, factor):
    return [["" if np.isnan(cell) else f"{cell * factor:.6f}" for cell in frame.ravel()] for frame in points]


def nexus(points, *, separator=",", unit="mm", first=1, before=(), after=(), names=POINTS, trailing=True, prime=False):
    """Lay out an export of Nexus: `before` and `after` are rows of other sections, `prime` adds velocities."""
    factor = {"mm": 1000, "cm": 100, "m": 1}[unit or "mm"]
    wide = 6 if prime else 3
    heads = [cell for name in names for cell in (f"Anna:{name}", *[""] * (wide - 1))]
    letters = ["X", "Y", "Z", "X'", "Y'", "Z'"][:wide] * len(names)
    rows = [["Trajectories"], [HZ], ["", "", *(heads if trailing else heads[: 1 - wide])]]
    rows.append(["Frame", "Sub Frame", *letters])
    rows += [["", "", *[unit, unit, unit, *[f"{unit}/s"] * (wide - 3)] * len(names)]] * bool(unit)
    for number, cells in enumerate(numbers(points, factor), first):
        both = [cell for at in range(0, len(cells), 3) for cell in (*cells[at : at + 3], *["7.5"] * (wide - 3))]
        rows.append([number, 0, *both])
    return as_text([*before, *rows, *after], separator)


def qtm(points, *, frame=True, time=True, names_row=True, trailing=False, frequency=HZ, decimal="."):
    keys = [["NO_OF_FRAMES", len(points)], ["NO_OF_CAMERAS", 12], ["NO_OF_MARKERS", 11], ["FREQUENCY", frequency]]
    keys += [["NO_OF_ANALOG", 0], ["DESCRIPTION", "--"], ["TIME_STAMP", "2022-06-03, 10:47:36.627", "94247.4"]]
    keys += [["DATA_INCLUDED", "3D"], ["MARKER_NAMES", *POINTS], ["TRAJECTORY_TYPES", *["Measured"] * 11]]
    rows = [["Frame"] * frame + ["Time"] * time + [f"{name} {axis}" for name in POINTS for axis in "XYZ"]] * names_row
    for number, cells in enumerate(numbers(points, 1000)):
        rows.append([number + 1] * frame + [f"{number / HZ:.5f}"] * time + cells + [""] * trailing)
    text = "\r\n".join("\t".join(map(str, row)) for row in keys + rows) + "\r\n"
    return text.replace(".", decimal)


def motive(points, *, unit="Meters", first=0, kinds=("Marker",), bodies=False):
    """Lay out an export of Motive, Y up; `kinds` repeats the markers, all but the last 5 cm off."""
    places = points @ np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])  # AP, ML, V -> X, Y, Z
    factor = {"Meters": 1, "Centimeters": 100, "Millimeters": 1000}[unit]
    blocks = [numbers(places + 0.05 * (kind != kinds[-1]), factor) for kind in kinds]
    heads = [[kind, name, "Position", axis] for kind in kinds for name in POINTS for axis in "XYZ"]
    if bodies:
        one = [["Rigid Body", "Pelvis", "Rotation", axis] for axis in "XYZW"]
        one += [["Rigid Body", "Pelvis", "Position", axis] for axis in "XYZ"] + [["Rigid Body", "Pelvis", "Error", ""]]
        heads = [*one, *heads, *[["Marker", "Unlabeled 1234", "Position", axis] for axis in "XYZ"]]
    kind, name, what, axis = ([*each] for each in zip(*heads, strict=True))
    rows = [["Format Version", "1.23", "Take Name", "run; one", "Capture Frame Rate", "30.000000"]]
    rows[0] += ["Export Frame Rate", f"{HZ}.000000", "Rotation Type", "Quaternion", "Length Units", unit]
    rows += [[], ["", "Type", *kind], ["", "Name", *[f"Skeleton 001:{each}" for each in name]]]
    rows += [["", "ID", *["1"] * len(kind)], ["", "", *what], ["Frame", "Time (Seconds)", *axis]]
    for number in range(len(points)):
        cells = [cell for block in blocks for cell in block[number]]
        cells = [*["0.5"] * 8, *cells, "", "", ""] if bodies else cells
        rows.append([first + number, f"{(first + number) / HZ:.6f}", *cells])
    return as_text(rows, ",")


DEVICES = [["Devices"], [1000], ["", "", "Plate 1 - Force", "", ""], ["Frame", "Sub Frame", "Fx", "Fy", "Fz"]]
DEVICES += [["", "", "N", "N", "N"], *[[1 + at // 5, at % 5, 1.5, 2.5, 800] for at in range(20)], []]
ANGLES = [[], ["Model Outputs"], [HZ], ["", "", "Anna:LKneeAngles"], ["Frame", "Sub Frame", "X", "Y", "Z"]]
ANGLES += [["", "", "deg", "deg", "deg"], [1, 0, 1, 2, 3], [2, 0, 1, 2, 3]]
LAID_OUT = {
    "nexus.csv": lambda points: nexus(points),
    "tabs.txt": lambda points: nexus(points, separator="\t", unit="m"),
    "german.csv": lambda points: nexus(points, separator=";", unit="cm"),
    "late.csv": lambda points: nexus(points, first=1001),
    "devices first.csv": lambda points: nexus(points, before=DEVICES, after=ANGLES),
    "blank lines first.csv": lambda points: "\r\n\r\n" + nexus(points),
    "no units.csv": lambda points: nexus(points, unit=""),
    "names end early.csv": lambda points: nexus(points, trailing=False),
    "velocities too.csv": lambda points: nexus(points, prime=True),
    "qtm.tsv": lambda points: qtm(points),
    "qtm without times.tsv": lambda points: qtm(points, time=False),
    "qtm numbers alone.tsv": lambda points: qtm(points, frame=False, time=False, names_row=False, trailing=True),
    "qtm no heads.tsv": lambda points: qtm(points, names_row=False),
    "qtm german.tsv": lambda points: qtm(points, decimal=","),
    "motive.csv": lambda points: motive(points),
    "motive mm.csv": lambda points: motive(points, unit="Millimeters", first=500),
    "motive bodies.csv": lambda points: motive(points, unit="Centimeters", bodies=True),
    "motive twice.csv": lambda points: motive(points, kinds=("Rigid Body Marker", "Marker")),
}


@pytest.mark.parametrize("name", LAID_OUT)
def test_read_gives_the_points_that_were_written(some, tmp_path, name):
    file = tmp_path / name
    file.write_text(LAID_OUT[name](some), encoding="utf-8", newline="")
    assert discover.describe(file) == (None, True)
    found = discover.read(file)
    assert found.rate_hz == HZ
    np.testing.assert_array_equal(np.isnan(found.points), np.isnan(some))
    np.testing.assert_allclose(found.points, some, atol=2e-5)  # 5 digits of a m, or less, are in the file
    sections = [note.text for note in found.notes if "sections" in note.text]
    assert sections == (["sections of this export that are not read: devices, model outputs"] if "dev" in name else [])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_read_takes_the_encodings_of_windows(some, tmp_path, encoding):
    for name, text in (("a.csv", nexus(some, separator=";")), ("b.tsv", qtm(some)), ("c.csv", motive(some))):
        (tmp_path / name).write_bytes(text.encode(encoding))
        np.testing.assert_allclose(discover.read(tmp_path / name).points, some, atol=2e-5)


@pytest.mark.parametrize("name", ["vicon.csv", "qtm.tsv", "motive.csv"])
def test_read_gives_the_points_of_the_c3d_file_of_the_same_run(name):
    """Case 19, and the C3D file that it was made of; the exports have a hundredth of a mm."""
    reference = discover.read(CASES / "00_reference" / "reference.c3d")
    found = discover.read(CASES / "19_vendor_csv" / name)
    assert found.rate_hz == reference.rate_hz
    np.testing.assert_allclose(found.points, reference.points, atol=1e-5)
    assert found.speed_m_s == pytest.approx(reference.speed_m_s, abs=1e-3)


def test_a_cell_too_many_in_an_export_of_qtm_is_refused(some, tmp_path):
    """It would shift the markers behind it, in silence."""
    lines = qtm(some).splitlines()
    cells = lines[50].split("\t")
    lines[50] = "\t".join([*cells[:-2], "1.0", *cells[-2:]])
    (tmp_path / "run.tsv").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ValueError, match=r"row 51 of run\.tsv has more cells than 11 markers need"):
        discover.read(tmp_path / "run.tsv")


def test_a_row_that_is_not_there_is_missing(some, tmp_path):
    """Frames are placed by their numbers or times, not one after the other."""
    for name, text in (("a.csv", nexus(some)), ("b.tsv", qtm(some)), ("c.csv", motive(some))):
        lines = text.splitlines(keepends=True)
        (tmp_path / name).write_text("".join(lines[:-20] + lines[-18:]), encoding="utf-8", newline="")
        points = discover.read(tmp_path / name).points
        assert len(points) == ROWS and np.isnan(points[-20:-18]).all()
        np.testing.assert_allclose(points[-18:], some[-18:], atol=2e-5)


@pytest.mark.parametrize(
    ("name", "spoil", "said"),
    [
        ("a.csv", lambda some: nexus(some).replace("mm", "inch"), "Lengths in a file must be in mm, cm, m"),
        ("a.csv", lambda some: nexus(some, unit="m").replace(",m", ",mm"), "0.3 to 10 m"),
        ("a.csv", lambda some: nexus(some).replace("\r\n200\r\n", "\r\nHz\r\n"), "must give its frames a second"),
        ("a.csv", lambda some: as_text([*DEVICES, *ANGLES], ","), "has only: devices, model outputs"),
        ("a.csv", lambda some: nexus(some).replace("-", "x", 1), "Cells of a recording must be numbers"),
        ("a.csv", lambda some: "".join(nexus(some).splitlines(keepends=True)[:5]), "11 markers and 0 rows"),
        ("a.csv", lambda some: nexus(some, names=[f"M{at}" for at in range(11)]), "Its markers: M0, M1, M10, M2"),
        ("a.csv", lambda some: "Trajectories\r\n100\r\n", "a row Frame, ..., X, Y, Z"),
        ("a.tsv", lambda some: qtm(some).replace("\t3D", "\t6D"), "has 6D and 11 names"),
        ("a.tsv", lambda some: qtm(some, frequency=120), "gives 120, but its times give 200"),
        ("a.tsv", lambda some: qtm(some, names_row=False).replace("\tr_toe", ""), "names 10 markers and has 35 cells"),
        ("a.csv", lambda some: motive(some, kinds=("Bone",)), "columns of these types: Bone"),
        ("a.csv", lambda some: motive(some).replace("Meters", "Furlongs"), "Furlongs"),
        ("a.csv", lambda some: nexus(some).replace("\r\n100,0,", "\r\n=1+1,0,"), "has '=1.1' in row"),
        ("a.csv", lambda some: nexus(some).replace("\r\n100,0,", "\r\n0,"), "ends within one: a cell is missing"),
        ("a.csv", lambda some: nexus(some).rstrip()[:-12], "ends within one: a cell is missing"),
        ("a.csv", lambda some: motive(some).replace("Position", '"Position', 1), "columns of these types"),
        (
            "a.csv",
            lambda some: motive(some).replace("Position", f'"{"P" * 140_000}', 1),
            "no marker that is surely pelvis",
        ),
    ],
)
def test_read_says_what_an_export_lacks(some, tmp_path, name, spoil, said):
    (tmp_path / name).write_text(spoil(some), encoding="utf-8", newline="")
    with pytest.raises(ValueError, match=said) as error:
        discover.read(tmp_path / name)
    assert name in str(error.value) and "\n" not in str(error.value)


def test_program_leaves_other_files_alone(some, tmp_path):
    for name, text in (
        ("a.csv", "time_s,l_hip_x\n0,1\n"),
        ("b.csv", "Trajectories of runners,n\na,1\n"),
        ("c.c3d", "x"),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert exports.program(tmp_path / name) == ""
    assert exports.program(tmp_path / "not there.csv") == ""
