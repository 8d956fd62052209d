"""Changes to a C3D file that change nothing of what it says: none is refused, and the same is read.

The parameters are taken apart and written anew here, by hand.
"""

import struct

import numpy as np
import pytest
from helpers import CASES

from grfkit.points import InputError
from grfkit.recordings import c3d

SEEDS = ("00_reference/reference.c3d", "11_group_twice/run.c3d", "17_units_meters/run.c3d")


def take_apart(data):
    """Split a file into header, records (number, name, rest without the step), and data."""
    at, records = 512 * (data[0] - 1) + 4, []
    while data[at]:
        length, number = struct.unpack_from("<2b", data, at)
        name, begin = data[at + 2 : at + 2 + abs(length)], at + 2 + abs(length)
        step = struct.unpack_from("<H", data, begin)[0]
        end = begin + step if step else len(data)
        if number < 0:
            rest = data[begin + 2 : begin + 3 + data[begin + 2]]
        else:
            kind, dimensions = struct.unpack_from("<2b", data, begin + 2)
            size = data[begin + 4 : begin + 4 + dimensions]
            text = begin + 4 + dimensions + int(np.prod([*size] or [1])) * abs(kind)
            rest = data[begin + 2 : text + 1 + data[text]]
        records.append([length < 0, number, name, rest])
        if not step:
            break
        at = end
    return bytearray(data[:512]), records, data[512 * (struct.unpack_from("<H", data, 16)[0] - 1) :]


def put_together(header, records, data, *, blocks=0, end=True, dec=False):
    """Write a file, `blocks` of padding behind its parameters; the last record says 0 for the next, or none follows."""
    section = b""
    for position, (locked, number, name, rest) in enumerate(records):
        step = 0 if end and position == len(records) - 1 else len(rest) + 2
        section += struct.pack("<2b", -len(name) if locked else len(name), number) + name
        section += struct.pack("<H", step) + rest
    section = b"\1\x50\0" + bytes([85 if dec else 84]) + section
    count = len(section) // 512 + 1 + blocks
    start = 2 + count
    section = bytearray(section.ljust(512 * count, b"\0"))
    section[2] = count
    at = section.index(b"DATA_START") + 10 + 4
    struct.pack_into("<H", section, at, start)
    struct.pack_into("<H", header, 16, start)
    return bytes(header) + bytes(section) + data


def reals_of_dec(raw):
    """Turn reals of Intel into those of DEC: four times as large, their words swapped."""
    return (np.frombuffer(raw, "<f4") * 4).astype("<f4").view("<u2").reshape(-1, 2)[:, ::-1].tobytes()


def to_dec(header, records, data):
    for at in (12, 20):
        header[at : at + 4] = reals_of_dec(bytes(header[at : at + 4]))
    for record in records:
        rest = record[3]
        if record[1] > 0 and rest[0] == 4:
            begin = 2 + rest[1]
            count = int(np.prod([*rest[2:begin]] or [1])) * 4
            record[3] = rest[:begin] + reals_of_dec(rest[begin : begin + count]) + rest[begin + count :]
    whole = len(data) - len(data) % 4
    return header, records, reals_of_dec(data[:whole]) + data[whole:]


def parameter(rng, number):
    """Make a parameter of some type that nobody needs."""
    kind = int(rng.choice([-1, 1, 2, 4]))
    size = [int(rng.integers(1, 9)) for _ in range(int(rng.integers(1, 4)))]
    values = rng.integers(32, 127, int(np.prod(size)) * abs(kind), dtype=np.uint8).tobytes()
    text = bytes(rng.integers(97, 123, int(rng.integers(0, 20)), dtype=np.uint8))
    name = b"X" + bytes(rng.integers(65, 91, int(rng.integers(1, 12)), dtype=np.uint8))
    return [
        bool(rng.integers(2)),
        number,
        name,
        struct.pack("2b", kind, len(size)) + bytes(size) + values + bytes([len(text)]) + text,
    ]


def change(data, rng):
    """Change a file in some ways that change nothing of what it says."""
    header, records, points = take_apart(data)
    ways = set(rng.choice(["order", "padding", "dec", "blanks", "group", "parameter", "lock", "describe", "case"], 3))
    groups = {record[1]: record for record in records if record[1] < 0}
    if "group" in ways:
        number = next(number for number in range(1, 120) if -number not in groups)
        records.append([False, -number, b"EXTRA", b"\0"])
        records += [parameter(rng, number) for _ in range(int(rng.integers(0, 4)))]
    if "parameter" in ways:
        number = -int(rng.choice(list(groups)))
        records.insert(int(rng.integers(len(records) + 1)), parameter(rng, number))
    if "blanks" in ways:
        for record in records:
            if record[2] in (b"LABELS", b"UNITS", b"DESCRIPTIONS") and record[3][0] == 255 and record[3][1] == 2:
                record[3] = wider(record[3], int(rng.integers(1, 6)))
    if "lock" in ways:
        for record in records:
            record[0] = bool(rng.integers(2))
    if "describe" in ways:
        for record in records:
            text = b"what it is"
            record[3] = (record[3][: len(record[3]) - 1 - described(record)]) + bytes([len(text)]) + text
    if "order" in ways:
        rng.shuffle(records)
    if "dec" in ways:
        header, records, points = to_dec(header, records, points)
    blocks = int(rng.integers(1, 5)) if "padding" in ways else 0
    return put_together(header, records, points, blocks=blocks, end=bool(rng.integers(2)), dec="dec" in ways)


def described(record):
    """Count the bytes of a record's description."""
    rest = record[3]
    if record[1] < 0:
        return rest[0]
    begin = 2 + rest[1]
    return rest[begin + int(np.prod([*rest[2:begin]] or [1])) * abs(struct.unpack("b", rest[:1])[0])]


def wider(rest, more):
    """Pad each text of a list by some blanks."""
    length, count = rest[2], rest[3]
    texts = [rest[4 + length * i : 4 + length * (i + 1)] + b" " * more for i in range(count)]
    return bytes([rest[0], 2, length + more, count]) + b"".join(texts) + rest[4 + length * count :]


def check(folder, count):
    wholes = [(CASES / name).read_bytes() for name in SEEDS]
    read = [c3d.read(CASES / name, forward="+x", up="+z") for name in SEEDS]
    for number in range(count):
        rng = np.random.default_rng([19, number])
        path = folder / f"{number}.c3d"
        path.write_bytes(change(wholes[number % len(SEEDS)], rng))
        recording, right = c3d.read(path, forward="+x", up="+z"), read[number % len(SEEDS)]
        assert list(recording.points) == list(right.points), number
        for name, points in right.points.items():
            np.testing.assert_array_equal(recording.points[name], points, err_msg=str(number))
        for plate, other in zip(recording.plates, right.plates, strict=True):
            np.testing.assert_array_equal(plate.force, other.force, err_msg=str(number))
            np.testing.assert_array_equal(plate.cop, other.cop, err_msg=str(number))
        assert (recording.point_hz, len(recording.plates)) == (right.point_hz, len(right.plates))
        path.unlink()


def test_take_apart_and_put_together_gives_a_file_that_says_the_same(tmp_path):
    path = CASES / SEEDS[0]
    (tmp_path / "a.c3d").write_bytes(put_together(*take_apart(path.read_bytes())))
    one, two = (c3d.read(each, forward="+x", up="+z") for each in (path, tmp_path / "a.c3d"))
    assert all(np.array_equal(one.points[name], two.points[name]) for name in one.points)


def rewrite(folder, *more, change=lambda record: record):
    """Write the reference anew, each of its parameters' records changed, and with records more."""
    header, records, data = take_apart((CASES / SEEDS[0]).read_bytes())
    numbers = {record[2]: -record[1] for record in records if record[1] < 0}
    more = [[False, numbers.get(number, number), name, rest] for number, name, rest in more]
    path = folder / "a.c3d"
    path.write_bytes(put_together(header, [change(record) for record in records] + more, data))
    return c3d.read(path, forward="+x", up="+z")


TEXT, NUMBER, REAL = b"\xff\1\2ab\0", b"\1\0\1\0", b"\4\0\0\0\xc8\x42\0"  # two letters, 1 and 100.0


@pytest.mark.parametrize(
    "more",
    [
        [(-99, b"POINT", b"\0"), (99, b"MOVIE_ID", NUMBER)],
        [(-99, b"point", b"\0")],
        [(b"ANALOG", b"FORMAT", NUMBER)],
        [(b"FORCE_PLATFORM", b"UNITS", NUMBER)],
        [(-99, b"ROTATION", b"\0"), (99, b"USED", NUMBER), (99, b"RATE", REAL), (99, b"DATA_START", NUMBER)],
    ],
    ids=["POINT twice", "POINT twice, empty", "FORMAT a number", "UNITS a number", "poses nowhere"],
)
def test_read_reads_past_what_contradicts_itself_and_is_not_needed(tmp_path, more):
    right, found = c3d.read(CASES / SEEDS[0], forward="+x", up="+z"), rewrite(tmp_path, *more)
    for name, points in right.points.items():
        np.testing.assert_array_equal(found.points[name], points)
    for plate, other in zip(found.plates, right.plates, strict=True):
        np.testing.assert_array_equal(plate.force, other.force)
    assert not found.poses
    if more[-1][1] == b"DATA_START":
        assert "segment poses were not read. A C3D file" in found.notes[0].text


def test_read_refuses_two_values_of_one_parameter_of_a_group_that_stands_twice(tmp_path):
    with pytest.raises(InputError, match="two of POINT:UNITS"):
        rewrite(tmp_path, (-99, b"POINT", b"\0"), (99, b"UNITS", TEXT))


@pytest.mark.parametrize(("residual", "gone"), [(b"\0\0\0\x80", 0), (b"\0\0\x80\xbf", 1), (b"\xff" * 4, 0)])
def test_read_takes_a_negative_residual_for_a_missing_point(tmp_path, residual, gone):
    """Of -0, -1, and what is no number: only -1 is negative."""
    header, records, data = take_apart((CASES / SEEDS[0]).read_bytes())
    (tmp_path / "a.c3d").write_bytes(put_together(header, records, data[:12] + residual + data[16:]))
    found = c3d.read(tmp_path / "a.c3d", forward="+x", up="+z")
    assert [np.isnan(points[0]).all() for points in found.points.values()] == [gone] + [False] * 10


def test_read_takes_an_offset_with_its_sign(tmp_path):
    """The reference has offsets of 0 and scales of 1; ezc3d takes every offset without its sign."""

    def lower(record):
        number, name, rest = record[1:]
        begin = 2 + rest[1] if name == b"OFFSET" and number > 0 else len(rest)
        count = rest[2] if name == b"OFFSET" else 0
        return [*record[:3], rest[:begin] + struct.pack("<h", -7) * count + rest[begin + 2 * count :]]

    right, found = c3d.read(CASES / SEEDS[0], forward="+x", up="+z"), rewrite(tmp_path, change=lower)
    for plate, other in zip(found.plates, right.plates, strict=True):
        one, two = plate.force[:, 2], other.force[:, 2]  # a plate that nobody steps on may be turned over by 7 N
        off = np.array([one - two, one + two])
        np.testing.assert_allclose(np.abs(off[off.std(axis=1).argmin()]), 7, atol=1e-3)


def test_read_refuses_none_of_100_harmless_changes(tmp_path):
    check(tmp_path, 100)


@pytest.mark.slow
def test_read_refuses_none_of_2000_harmless_changes(tmp_path):
    check(tmp_path, 2000)
