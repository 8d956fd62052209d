"""OpenSim's files, TRC and MOT: as a slow literal reader and OpenSim itself read them, and what is wrong with one."""

import numpy as np
import pytest
from helpers import CASES, write_mot, write_trc

from grfkit.recordings import c3d
from grfkit.recordings.formats import mot, trc

TURN = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # rows of AP, ML, V in a file with X forward, Y up, Z right
AXES = {"forward": "+x", "up": "+y"}


def literal_trc(path):
    """Read a TRC file by its letter: names in line 4, numbers between tabs -> {name: (F, 3)} in its unit, times."""
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    names, rows = [cell.strip() for cell in lines[3].split("\t")[2:] if cell.strip()], []
    for line in lines[4:]:
        cells = line.split("\t")
        if cells[0].strip().isdigit():
            rows.append([float(cell) if cell.strip() else np.nan for cell in cells[1 : 2 + 3 * len(names)]])
    values = np.array(rows)
    return {name: values[:, 1 + 3 * i : 4 + 3 * i] for i, name in enumerate(names)}, values[:, 0]


def literal_mot(path):
    """Read a MOT file by its letter -> {column: (T,)}."""
    lines = path.read_text(encoding="utf-8").split("\n")
    first = lines.index("endheader") + 1
    values = np.array([[float(cell) for cell in line.split()] for line in lines[first + 1 :] if line.strip()])
    return dict(zip(lines[first].split(), values.T, strict=True))


def body(frames=60):
    """Make five markers of a body that is 1.7 m high, in the axes of a file with Y up (m)."""
    rng = np.random.default_rng(3)
    places = np.array([[0, 0.05, 0.1], [0.2, 0.03, 0.1], [0, 0.5, 0.1], [0, 0.95, 0], [0, 1.7, 0]])
    return {
        name: place + rng.normal(0, 0.01, (frames, 3))
        for name, place in zip(["a", "b", "c", "d", "e"], places, strict=True)
    }


def push(hz=1000.0, seconds=1.0, peak_n=1500.0):
    """Make forces of two feet, one after the other, in file axes: [(force (T, 3) N, centre of pressure (T, 3) m)]."""
    time, felt = np.arange(round(hz * seconds)) / hz, []
    for start in (0.2, 0.6):
        share = np.clip((time - start) / 0.25, 0, 1)
        arch = np.sin(np.pi * share)
        force = peak_n * np.stack([-0.2 * np.sin(2 * np.pi * share), arch, 0.05 * arch], axis=1)
        force[(share == 0) | (share == 1)] = 0.0
        felt.append((force, np.where(force[:, 1:2] > 0, [0.1, 0.0, 0.05], 0.0)))
    return felt


@pytest.mark.parametrize("runner", ["01", "02", "03", "04", "08"])
def test_read_gives_what_a_literal_reader_gives(hamner, runner):
    for name in ("Run_3.trc", "static.trc"):
        path = hamner / f"subject{runner}" / name
        markers, times = literal_trc(path)
        found = trc.read(path, **AXES)
        assert found.start_s == pytest.approx(times[0], abs=1e-4)
        assert found.point_hz == pytest.approx((len(times) - 1) / (times[-1] - times[0]), rel=1e-4)
        assert list(found.points) == list(markers) and found.plates == []
        for marker, places in markers.items():
            expected = np.where((places == 0).all(axis=1, keepdims=True), np.nan, places @ TURN.T / 1000)
            np.testing.assert_allclose(found.points[marker], expected, atol=1e-12)
    path = hamner / f"subject{runner}" / "Run_3_grf.mot"
    table, found = literal_mot(path), mot.read(path, **AXES)
    assert found.force_hz == pytest.approx((len(table["time"]) - 1) / np.ptp(table["time"]), rel=1e-4)
    for plate, side in zip(found.plates, "RL", strict=True):
        force, cop = (np.stack([table[f"{side}_ground_force_{kind}{axis}"] for axis in "xyz"], 1) for kind in "vp")
        np.testing.assert_allclose(plate.force, force @ TURN.T, atol=1e-9)
        loaded = force[:, 1] != 0
        np.testing.assert_allclose(plate.cop[loaded], (cop @ TURN.T)[loaded], atol=1e-12)
        assert np.isnan(plate.cop[~loaded]).all() and np.isnan(plate.corners).all()


@pytest.mark.slow
def test_read_gives_what_opensim_reads(hamner, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # it writes a log where it is imported
    opensim = pytest.importorskip("opensim", reason="OpenSim's own reader is not installed: pip install opensim")
    for path in sorted(hamner.glob("*/*.trc")):
        table, found = opensim.TimeSeriesTableVec3(str(path)), trc.read(path, **AXES)
        assert list(table.getColumnLabels()) == list(found.points)
        for name, points in found.points.items():
            column = table.getDependentColumn(name)
            theirs = np.array([[column[row][axis] for axis in range(3)] for row in range(column.size())])
            theirs = np.where((theirs == 0).all(axis=1, keepdims=True), np.nan, theirs)
            np.testing.assert_allclose(points, theirs @ TURN.T / 1000, atol=1e-12)
    for path in sorted(hamner.glob("*/*.mot")):
        table, found = opensim.TimeSeriesTable(str(path)), mot.read(path, **AXES)
        names = [f"{side}_ground_force_v{axis}" for side in "RL" for axis in "xyz"]
        theirs = np.stack([table.getDependentColumn(name).to_numpy() for name in names], axis=1)
        ours = np.concatenate([plate.force @ TURN for plate in found.plates], axis=1)
        np.testing.assert_allclose(ours, theirs, atol=1e-9)


@pytest.mark.parametrize("unit", ["mm", "cm", "m"])
def test_read_trc_gives_what_was_written_in_any_unit(tmp_path, unit):
    markers = body()
    markers["b"][10:20] = np.nan
    found = trc.read(write_trc(tmp_path / "a.trc", markers, 100.0, start_s=0.25, unit=unit), **AXES)
    assert (found.point_hz, found.start_s) == (100.0, pytest.approx(0.25))
    for name, places in markers.items():
        np.testing.assert_allclose(found.points[name], places @ TURN.T, atol=1e-8)


def test_read_trc_agrees_with_the_same_run_as_csv():
    found = trc.read(CASES / "18_trc" / "run.trc", **AXES)
    assert len(found.points) == 11 and found.point_hz == 100.0 and len(found.points["pelvis"]) == 125
    np.testing.assert_allclose(found.points["pelvis"][0], [-1.15801, 0.30859, 0.93488])


HABITS = {  # what writers do
    "tabs at line ends": lambda text: text.replace("\n", "\t\t\n"),
    "Windows": lambda text: text.replace("\n", "\r\n"),
    "mark of UTF-8": lambda text: "\ufeff" + text,
    "Patch #": lambda text: text.replace("Frame#", "Patch #"),
    "no line of axes": lambda text: "\n".join(line for line in text.split("\n") if not line.startswith("\t\tX1")),
    "no blank line": lambda text: text.replace("\n\n", "\n"),
    "names side by side": lambda text: text.replace("a\t\t\tb\t\t\tc\t\t\td\t\t\te\t\t\n", "a\tb\tc\td\te\n"),
    "blanks around": lambda text: text.replace("\tmm\t", "\t   mm \t").replace("\n1\t", "\n 1 \t  "),
    "decimal commas": lambda text: text.split("\n\n")[0] + "\n\n" + text.split("\n\n")[1].replace(".", ","),
    "NaN": lambda text: text.replace("\t\t\t\t", "\tNaN\tNaN\tNaN\t"),
    "zeros": lambda text: text.replace("\t\t\t\t", "\t0\t0.0\t0\t"),
    "units in words": lambda text: text.replace("\tmm\t", "\tMillimeters\t"),
}


@pytest.mark.parametrize("habit", HABITS)
def test_read_trc_is_tolerant_of_habits(tmp_path, habit):
    markers = body()
    markers["c"][5:9] = np.nan  # in the middle of a row
    markers["e"][30:] = np.nan  # at its end
    path = write_trc(tmp_path / "a.trc", markers, 100.0)
    plain, text = trc.read(path, **AXES), path.read_text(encoding="utf-8")
    head, rows = text.split("\n\n")
    changed = HABITS[habit](text) if habit not in ("NaN", "zeros") else head + "\n\n" + HABITS[habit](rows)
    assert changed != text
    path.write_text(changed, encoding="utf-8", newline="")
    found = trc.read(path, **AXES)
    assert list(found.points) == list("abcde") and found.point_hz == plain.point_hz
    for name, places in plain.points.items():
        np.testing.assert_array_equal(found.points[name], places)


def test_read_trc_leaves_a_gap_where_rows_are_missing_and_numbers_equal_names(tmp_path):
    path = write_trc(tmp_path / "a.trc", body(), 100.0, names=["a", "b", "a", "d", "e"])
    lines = path.read_text(encoding="utf-8").split("\n")
    path.write_text("\n".join(lines[:16] + lines[19:]), encoding="utf-8")  # frames 11 to 13
    found = trc.read(path, **AXES)
    assert list(found.points) == ["a#1", "b", "a#2", "d", "e"]
    assert np.flatnonzero(np.isnan(found.points["b"][:, 0])).tolist() == [10, 11, 12] and len(found.points["b"]) == 60


def in_ms(text, column):
    """Write the times of a file in milliseconds."""
    head, *rows = text.split("\n\n") if "\n\n" in text else text.split("time\t")
    rows = [line.split("\t") for line in rows[0].rstrip("\n").split("\n")]
    for row in rows:
        if row[0].replace(".", "").isdigit():
            row[column] = f"{1000 * float(row[column]):g}"
    return head + ("\n\n" if column else "time\t") + "\n".join("\t".join(row) for row in rows) + "\n"


BAD_TRC = {
    "metres that are called mm": (lambda text: text, "m", "mm", r"those of a.trc span 0.001\d* m"),
    "mm that are called metres": (lambda text: text, "mm", "m", r"those of a.trc span 1.\d+e\+03 m"),
    "cm that are called mm": (lambda text: text, "cm", "mm", r"span 0.1\d* m, if they are in mm"),
    "an unknown unit": (lambda text: text, "mm", "inches", "must be in mm, cm, m; a.trc has 'inches'"),
    "no unit": (lambda text: text, "mm", "", "a.trc has ''"),
    "another rate": (lambda text: text.replace("\n100\t", "\n200\t"), "mm", "mm", "has DataRate 200, but"),
    "milliseconds": (lambda text: in_ms(text, 1), "mm", "mm", "times of a TRC file must be in seconds"),
    "a word": (lambda text: text.replace("\n7\t0.06", "\n7\tlost"), "mm", "mm", "'lost0*' in row 13, column time"),
    "a cell more": (lambda text: text.rstrip("\n") + "\t5\n", "mm", "mm", "17 columns; row 66 of a.trc has 18"),
    "no rows": (lambda text: text.split("\n\n")[0], "mm", "mm", "a row for each frame; a.trc has no row"),
    "no header": (lambda text: text.split("\n\n")[1], "mm", "mm", "has a line of keys"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD_TRC)
def test_read_trc_names_what_is_wrong(tmp_path, fault):
    change, unit, said, message = BAD_TRC[fault]
    path = write_trc(tmp_path / "a.trc", body(), 100.0, unit=unit)
    text = change(path.read_text(encoding="utf-8"))
    path.write_text(text.replace(f"\t{unit}\t", f"\t{said}\t"), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        trc.read(path, **AXES)


@pytest.mark.parametrize(
    "names",
    [
        ("ground_force_%s", "1_ground_force_%s"),
        ("R_ground_force_%s", "L_ground_force_%s"),
        ("ground_force_1_%s", "ground_force_2_%s"),
        ("ground_force_r_%s", "ground_force_l_%s"),
        ("ground_force_calcn_r_%s", "ground_force_calcn_l_%s"),
        ("FP1_%s", "FP2_%s"),
        ("1_ground_force_%s", "2_ground_force_%s"),
    ],
)
def test_read_mot_knows_the_columns_of_its_writers(tmp_path, names):
    felt = push()
    found = mot.read(write_mot(tmp_path / "a.mot", felt, 1000.0, start_s=0.5, names=names), **AXES)
    assert (found.force_hz, found.start_s, found.points) == (1000.0, pytest.approx(0.5), {})
    assert [plate.number for plate in found.plates] == [1, 2]
    for plate, (force, cop) in zip(found.plates, felt, strict=True):
        np.testing.assert_allclose(plate.force, force @ TURN.T, atol=1e-5)
        np.testing.assert_allclose(plate.cop[force[:, 1] > 1], (cop @ TURN.T)[force[:, 1] > 1], atol=1e-9)
    (second,) = mot.read(tmp_path / "a.mot", plates=[2], **AXES).plates
    np.testing.assert_array_equal(second.force, found.plates[1].force)


def changed(felt, change):
    return [change(force, cop) for force, cop in felt]


def dropped(text, rows):
    lines = text.split("\n")
    return "\n".join(line for number, line in enumerate(lines) if number not in rows)


BAD_MOT = {
    "sign": (lambda felt: changed(felt, lambda f, c: (-f, c)), None, r"vertical force is negative, down to -1,500 N"),
    "sign of one foot": (lambda felt: [felt[0], (-felt[1][0], felt[1][1])], None, "sign of all forces of that foot"),
    "Z up": (lambda felt: changed(felt, lambda f, c: (f @ TURN.T, c @ TURN.T)), None, r"along \+z most, which is not"),
    "kN": (lambda felt: changed(felt, lambda f, c: (f / 1000, c)), None, "at most 1.5: they are in kN or body"),
    "no number": (lambda felt: felt, lambda text: text.replace("1500\t", "nan\t", 1), r"others in 1 row\(s\)"),
    "milliseconds": (lambda felt: felt, lambda text: in_ms(text, 0), "a.mot has 1. Times must be in seconds"),
    "cut off": (lambda felt: felt, lambda text: text[:-30], "The file may be cut off"),
    "a gap": (lambda felt: felt, lambda text: dropped(text, range(200, 210)), "rows are missing before row 201"),
    "angles": (lambda felt: felt, lambda text: text.replace("_px", "_tx"), "has time, 1_ground_force_vx"),
    "no header": (lambda felt: felt, lambda text: text.replace("endheader\n", ""), "ends with `endheader`"),
    "no time": (lambda felt: felt, lambda text: text.replace("time\t", "t\t"), "first column of .* must be time"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD_MOT)
def test_read_mot_names_what_is_wrong(tmp_path, fault):
    change, rewrite, message = BAD_MOT[fault]
    path = write_mot(tmp_path / "a.mot", change(push()), 1000.0)
    if rewrite:
        path.write_text(rewrite(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        mot.read(path, **AXES)


def test_turn_is_that_of_the_axes_of_a_file_with_y_up():
    np.testing.assert_array_equal(c3d.axes(**AXES), TURN)


@pytest.mark.parametrize("kind", ["trc", "mot"])
def test_a_damaged_file_is_read_or_refused_and_nothing_else(tmp_path, kind):
    """Cut off, with other bytes, with lines of its header away or interchanged: no error but ValueError."""
    whole = (
        write_trc(tmp_path / "a.trc", body(), 100.0) if kind == "trc" else write_mot(tmp_path / "a.mot", push(), 1e3)
    )
    content, damaged, rng, refused = whole.read_bytes(), tmp_path / f"b.{kind}", np.random.default_rng(1), 0
    for number in range(60):
        changed, lines = bytearray(content), content.split(b"\n")
        if number % 3 == 0:
            changed = changed[: rng.integers(len(content))]
        elif number % 3 == 1:
            for _ in range(rng.integers(1, 10)):
                changed[rng.integers(600)] = rng.integers(256)
        else:
            one, other = rng.integers(12, size=2)
            lines[one], lines[other] = lines[other], lines[one]
            changed = b"\n".join(lines[: number % 2] + lines[2 * (number % 2) :])
        damaged.write_bytes(bytes(changed))
        try:
            found = (trc if kind == "trc" else mot).read(damaged, **AXES)
        except ValueError as error:
            refused += 1
            assert damaged.name in str(error)
        else:
            assert found.points or found.plates
    assert refused > 10
