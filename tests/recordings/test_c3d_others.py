"""C3D files of other makers and programs: small cases of ours, and real files, against what two other readers read."""

import json
import struct

import ezc3d
import numpy as np
import pytest
from helpers import CASES, REAL

from grfkit.points import InputError
from grfkit.recordings import c3d
from grfkit.recordings.formats import c3d_plates, c3d_units

PUBLIC = REAL / "c3d"
EXPECTED = json.loads((PUBLIC / "expected.json").read_text("utf-8")) if PUBLIC.is_dir() else {}
NOT_READ = {  # by whom it was saved, or in what it is damaged; all others are read
    "type1.C3D": "gives the same coordinates to two readers",
    "dynamic.C3D": "gives the same coordinates to two readers",
    "standing.C3D": "gives the same coordinates to two readers",
    "evart.c3d": "gives the same coordinates to two readers",
    "Eb015si.c3d": "of a processor of type 84 or 85; .* was saved by an SGI workstation",
    "Eb015sr.c3d": "of a processor of type 84 or 85; .* was saved by an SGI workstation",
    "bad_parameter_section.c3d": "gives the end of each parameter",
    "BKINtechnologies.c3d": "its reader crashed, did not end, or filled the memory",
    "badParameterOffset.c3d": "gives the end of each parameter",
    "Trimmed_Nord000003.c3d": "is cut off",
    "Optotrak.c3d": "is cut off",
}
METRES = {"mete": 1.0, "m": 1.0}


def read(path, **plates):
    return c3d.read(path, forward="+x", up="+z", **plates)


def case(name, file="run.c3d"):
    return read(CASES / name / file)


@pytest.fixture(scope="module")
def reference():
    return case("00_reference", "reference.c3d")


@pytest.mark.skipif(not EXPECTED, reason=f"the public files are not at {PUBLIC}; GRFKIT_DATA=DIR names another place")
@pytest.mark.parametrize("name", sorted(EXPECTED) or ["none"])
def test_read_gives_the_coordinates_of_another_reader_or_says_why_not(name):
    expected = EXPECTED[name]
    if name in NOT_READ:
        assert expected["right"].startswith(("refuse", "torn", "read as ezc3d where"))
        with pytest.raises(InputError, match=NOT_READ[name]):
            read(PUBLIC / name, plates=[])
        return
    assert expected["right"].startswith("read")
    recording = read(PUBLIC / name, plates=[])
    first = next(iter(recording.points.values()))
    assert [len(first), len(recording.points)] == expected["ezc3d"]
    metres = METRES.get(ezc3d.c3d(str(PUBLIC / name))["parameters"]["POINT"]["UNITS"]["value"][0], 0.001)
    shown = np.array(expected["first_point_ezc3d"]) * metres  # of three frames, rounded in the unit of the file
    np.testing.assert_allclose(first[[0, len(first) // 2, -1]], shown, atol=1e-4 * metres)
    if expected.get("labels"):
        assert list(recording.points)[:3] == expected["labels"]
        assert recording.point_hz == pytest.approx(expected["rate"])


def check_alike(recording, reference, *, points_m=0.0, force_n=1e-3, cop_m=1e-6):
    for name, points in reference.points.items():
        np.testing.assert_allclose(recording.points[name], points, atol=points_m, rtol=0)
    assert len(recording.plates) == len(reference.plates)
    for plate, right in zip(recording.plates, reference.plates, strict=True):
        np.testing.assert_allclose(plate.force, right.force, atol=force_n)
        loaded = right.force[:, 2] > 200
        np.testing.assert_allclose(plate.cop[loaded], right.cop[loaded], atol=cop_m)
    assert (recording.point_hz, recording.force_hz) == (reference.point_hz, reference.force_hz)


@pytest.mark.parametrize("name", ["07_moments_in_Nm", "08_forces_in_kN"])
def test_read_converts_the_units_of_channels(name, reference):
    check_alike(case(name), reference)


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("10_saved_again_by_ezc3d", None),
        ("11_group_twice", "a group PROCESSING occurs twice, and is not needed"),
        ("12_used_1x1", None),
        ("25_last_parameter_runs_into_the_data", "the parameter POINT:ZLAST runs into the data, and is not needed"),
    ],
)
def test_read_reads_past_what_nobody_needs_and_says_so(name, note, reference):
    recording = case(name)
    check_alike(recording, reference)
    assert [each.text for each in recording.notes] == ([note] if note else [])


def test_read_takes_unsigned_integers_as_such_and_continues_what_ran_over_them(reference):
    """Forces to 0.2 N. The points of this file leave the range of 16 bits along the path, which is said."""
    recording = case("09_unsigned_16_bit")
    check_alike(recording, reference, points_m=1e-4, force_n=0.2, cop_m=1e-3)
    beyond = sum(points[:, 0].max() > 3.2767 for points in reference.points.values())
    assert beyond and [(note.text.split(",")[0], note.is_warning) for note in recording.notes] == [
        (f"{beyond} points left the 6.55 m that 16 bits can hold", True)
    ]


@pytest.mark.parametrize(("name", "file"), [("13_rate_1x1_in_a_batch", "bad.c3d"), ("17_units_meters", "run.c3d")])
def test_read_takes_arrays_of_one_value_and_units_in_words(name, file, reference):
    recording = case(name, file)
    for label, points in reference.points.items():
        np.testing.assert_allclose(recording.points[label], points, atol=2e-7)
    assert recording.point_hz == 100


def test_read_takes_a_sentinel_for_a_missing_point(reference):
    recording = case("16_sentinel")
    gone = np.isnan(recording.points["l_toe"]).all(axis=1)
    assert gone.sum() == 3
    np.testing.assert_array_equal(recording.points["l_toe"][~gone], reference.points["l_toe"][~gone])
    assert [note.text for note in recording.notes] == ["3 places of points beyond 1,000 m are treated as missing"]


def test_read_needs_no_plate_that_nobody_asked_for(reference):
    recording = read(CASES / "15_plate_type_6" / "run.c3d", plates=[])
    assert all(np.array_equal(recording.points[name], points) for name, points in reference.points.items())
    with pytest.raises(InputError, match="in run.c3d force plate 1 is of type 6. .* name the other plates"):
        case("15_plate_type_6")


@pytest.mark.parametrize(
    ("unit", "metres"),
    [("mm", 0.001), ("MM ", 0.001), ("millimeters", 0.001), ("Millimetre", 0.001), ("mill", 0.001), ("cm", 0.01)]
    + [("centimeters", 0.01), ("m", 1.0), ("M", 1.0), ("meters", 1.0), ("mete", 1.0), ("Metres", 1.0), ("[mm]", 0.001)],
)
def test_metres_knows_a_unit_however_it_is_spelt(unit, metres):
    assert c3d_units.metres(unit, "a.c3d") == metres


@pytest.mark.parametrize("unit", ["in", "ft", "inches", "furlong", "deg", "km"])
def test_metres_refuses_another_unit_by_name(unit):
    with pytest.raises(InputError, match=f"in mm, cm, m; a.c3d has '{unit}'. Export it again."):
        c3d_units.metres(unit, "a.c3d")


@pytest.mark.parametrize(
    ("unit", "newton_metres"),
    [("Nm", 1), ("N.m", 1), ("N*m", 1), ("N m", 1), ("NM", 1), ("Newton-meters", 1), ("N-metres", 1), ("N\u22c5m", 1)]
    + [("Nmm", 1e-3), ("N-mm", 1e-3), ("Newton millimetres", 1e-3), ("kNm", 1e3), ("V", 1e-3), ("", 1e-3)],
)
def test_factor_knows_a_moment_however_it_is_spelt(unit, newton_metres):
    """In a file in mm, where a channel without a unit is in N mm."""
    assert c3d_units._factor(unit, "m", 0.001, 1) == pytest.approx(newton_metres / 0.001)


def rewritten(path, tmp_path, old, new):
    """Copy a file with some of its bytes, as many, in place of others."""
    data = path.read_bytes()
    assert old in data and len(old) == len(new)
    (tmp_path / "a.c3d").write_bytes(data.replace(old, new))
    return tmp_path / "a.c3d"


@pytest.mark.parametrize(("unit", "factor"), [(b"kN ", 1000.0), (b"N  ", 1.0), (b"V  ", 1.0), (b"   ", 1.0)])
def test_read_scales_forces_by_their_unit(unit, factor, tmp_path, reference):
    raw = CASES / "08_forces_in_kN" / "run.c3d"
    path = rewritten(raw, tmp_path, b"kN ", unit) if b"kN " in raw.read_bytes() else raw
    found = read(path)
    np.testing.assert_allclose(found.plates[0].force[:, 2], reference.plates[0].force[:, 2] * factor / 1000, atol=1e-3)


def test_read_names_a_unit_of_channels_that_it_does_not_know(tmp_path):
    raw = CASES / "08_forces_in_kN" / "run.c3d"
    with pytest.raises(InputError, match="force plate 1 has 'lb'"):
        read(rewritten(raw, tmp_path, b"kN ", b"lb "))


@pytest.mark.parametrize(("frames", "first"), [(65536, 1), (70000, 1), (70000, 101)])
def test_read_says_that_a_file_has_more_frames_than_it_can_count(tmp_path, frames, first):
    """70,000 frames of 11 points: POINT:FRAMES and the header say 65,535, as Vicon writes."""
    data = bytearray((CASES / "17_units_meters" / "run.c3d").read_bytes())
    begin = 512 * (struct.unpack_from("<H", data, 16)[0] - 1)
    struct.pack_into("<2H", data, 6, first, 65535)
    at = data.index(b"FRAMES") + 6
    struct.pack_into("<H", data, at + 4, 65535)
    (tmp_path / "long.c3d").write_bytes(bytes(data[:begin]) + bytes(16 * 11) * frames)
    with pytest.raises(InputError, match="65,535 frames at most.* Cut the recording"):
        read(tmp_path / "long.c3d")


def test_read_refuses_a_unit_in_which_nobody_can_be_there(tmp_path):
    """Millimetres that say metres: every place is beyond a kilometre."""
    file = ezc3d.c3d()
    file["parameters"]["POINT"]["UNITS"]["value"], file["parameters"]["POINT"]["RATE"]["value"] = ["m"], [100.0]
    file["parameters"]["POINT"]["LABELS"]["value"] = ["a", "b"]
    file["data"]["points"] = np.full((4, 2, 5), 1500.0)
    file.write(str(tmp_path / "a.c3d"))
    with pytest.raises(InputError, match="within 1,000 m; .* most of them further away, in m.* the unit of its points"):
        read(tmp_path / "a.c3d")


@pytest.mark.parametrize(
    "name",
    ["FP_Type1", "FP_Type3", "TYPE-2", "TYPE-4", "JA1Gait21", "Running_0002", "walking5"],  # of all four types
)
def test_read_plate_computes_what_ezc3d_computes_to_the_bit(name, plates):
    content = c3d.open_file(plates / f"{name}.c3d")
    for number in range(1, int(content.layout.first("FORCE_PLATFORM", "USED")) + 1):
        found = c3d_plates.read_plate(content.layout, content.swig.get_analogs()[0], number)
        right = ezc3d.ezc3d.ForcePlatform(number - 1, content.swig)
        for values, vectors in zip(found, (right.forces(), right.CoP(), right.corners()), strict=False):
            np.testing.assert_array_equal(values, np.reshape([each.to_array() for each in vectors], (-1, 3)))
