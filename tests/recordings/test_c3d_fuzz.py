"""Damaged C3D files are read as their bytes say or refused clearly; none crashes, hangs or fills the memory.

The files are read in a process of its own, which names each before it reads it:
`python tests/recordings/test_c3d_fuzz.py SEEDS FIRST LAST`.
"""

import collections
import faulthandler
import re
import struct
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import ezc3d
import numpy as np
import pytest
from helpers import REAL, ROOT, script_environment

from grfkit.recordings import c3d
from grfkit.virtual import cameras_plates

PATIENCE_S = 20  # for a file that is read in milliseconds: more is a hang
CLEAR = re.compile(r"[A-Z][^;]+; .+\. (Export|Correct|Write|Cut)", re.S)  # the rule; what was found. What to do
FRAMES = 6  # of each seed


def write_seeds(folder):
    """Write small whole C3D files: plates and points, points alone, poses, and short real ones if they are there."""
    rng = np.random.default_rng(0)
    cameras_plates.write_c3d(
        folder / "0_plates.c3d",
        rng.normal(size=(FRAMES, 11, 3)),
        100 * rng.normal(size=(24, 2 * FRAMES)),
        camera_hz=100,
        plate_hz=200,
    )
    file = ezc3d.c3d()
    for name, value in (("RATE", [150.0]), ("LABELS", ["a", "b", "c"]), ("UNITS", ["m"])):
        file["parameters"]["POINT"][name]["value"] = value
    file["data"]["points"] = np.concatenate([rng.normal(size=(3, 3, FRAMES)), np.ones((1, 3, FRAMES))])
    file.write(str(folder / "1_points.c3d"))
    (folder / "2_poses.c3d").write_bytes(write_poses(rng))
    for number, name in enumerate(
        ("plates/FP_Type3.c3d", "plates/TYPE-4.c3d", "theia/C3DRotationExample.c3d"), start=3
    ):
        if (REAL / name).is_file():
            (folder / f"{number}_{Path(name).name}").write_bytes(shorten((REAL / name).read_bytes()))


def write_poses(rng):
    """Write a C3D file with the poses of two segments by hand, as Theia3D does: `ezc3d` reads them, but writes none."""

    def record(group, name, kind=None, size=(), values=b""):
        body = b"" if kind is None else struct.pack("2b", kind, len(size)) + bytes(size) + values
        return struct.pack("2b", len(name), group) + name + struct.pack("<H", len(body) + 3) + body + b"\0"

    integers = [
        (1, b"USED", 0),
        (1, b"FRAMES", FRAMES),
        (1, b"DATA_START", 3),
        (2, b"USED", 2),
        (2, b"RATIO", 1),
        (2, b"DATA_START", 4),
    ]
    reals = [(1, b"RATE", 85), (1, b"SCALE", -1), (2, b"RATE", 85)]
    records = [
        record(-1, b"POINT"),
        record(1, b"UNITS", -1, (1,), b"m"),
        record(-2, b"ROTATION"),
        record(2, b"LABELS", -1, (11, 2), b"pelvis_4X4 l_foot_4X4 "),
        *(record(group, name, 4, (), struct.pack("<f", value)) for group, name, value in reals),
        *(record(group, name, 2, (), struct.pack("<h", value)) for group, name, value in integers),
    ]
    pose = np.zeros((FRAMES, 2, 17), "<f4")  # four columns, then a residual
    turns = np.linalg.qr(rng.normal(size=(FRAMES, 2, 3, 3)))[0]
    for column in range(3):
        pose[..., 4 * column : 4 * column + 3] = turns[..., column]
    pose[..., 12:16] = [0.1, 0.2, 0.3, 1]
    header = struct.pack("<2B5HfHHf", 2, 80, 0, 0, 1, FRAMES, 0, -1.0, 3, 0, 85.0)
    return (
        header.ljust(512, b"\0")
        + (b"\1\x50\1\x54" + b"".join(records)).ljust(1024, b"\0")
        + pose.tobytes().ljust(1024, b"\0")
    )


def shorten(data):
    """Cut a real file after FRAMES frames, in its header and POINT:FRAMES as well."""
    header, frames = literal_header(data), min(FRAMES, literal_header(data).frames)
    begin, size = 512 * (header.start - 1), header.frame_bytes
    if b"ROTATION" in data:
        begin, size = 512 * (pose_start(data) - 1), 68 * 21
    short = bytearray(data[: begin + frames * size])
    struct.pack_into("<H", short, 8, header.first + frames - 1)
    struct.pack_into("<H", short, short.index(b"FRAMES") + 10, frames)
    return bytes(short) + bytes(-len(short) % 512)


def literal_header(data):
    """Read the header by hand."""
    dec = data[512 * (data[0] - 1) + 3] == 85
    points, values, first, last = struct.unpack_from("<4H", data, 2)
    start, samples = struct.unpack_from("<2H", data, 16)
    scale, rate = (
        struct.unpack("<f", data[at + 2 : at + 4] + data[at : at + 2])[0] / 4
        if dec
        else struct.unpack_from("<f", data, at)[0]
        for at in (12, 20)
    )
    return SimpleNamespace(
        points=points,
        values=values,
        first=first,
        frames=last - first + 1,
        start=start,
        samples=samples,
        scale=scale,
        rate=rate,
        dec=dec,
        frame_bytes=(4 * points + values) * (4 if scale < 0 else 2),
    )


def literal_points(data, header):
    """Read all points by hand -> (3, P, F) in the unit of the file, and which of them are missing (P, F)."""
    raw = np.frombuffer(data, np.uint8, header.frames * header.frame_bytes, 512 * (header.start - 1)).reshape(
        header.frames, -1
    )
    raw = raw[:, : header.points * (16 if header.scale < 0 else 8)].reshape(
        header.frames, header.points, 4, 4 if header.scale < 0 else 2
    )
    if header.scale >= 0:
        values = raw.copy().view("<i2")[..., 0] * header.scale
    elif header.dec:
        values = raw.reshape(*raw.shape[:-1], 2, 2)[..., ::-1, :].reshape(raw.shape).copy().view("<f4")[..., 0] / 4
    else:
        values = raw.copy().view("<f4")[..., 0]
    return values[..., :3].transpose(2, 1, 0), (values[..., 3] < 0).T


def pose_start(data):
    return struct.unpack_from("<H", data, data.rindex(b"DATA_START") + 14)[0]  # ROTATION stands behind POINT


def literal_poses(data, header, segments):
    raw = np.frombuffer(data, "<f4", header.frames * segments * 17, 512 * (pose_start(data) - 1)).reshape(
        header.frames, segments, 17
    )
    return raw[..., :16].astype(float).reshape(header.frames, segments, 4, 4).transpose(3, 2, 1, 0)


def compare(data, recording, seed):
    """List in what a Recording, read with the axes of the file, differs from the bytes, in the unit that fits best.

    Where the header is damaged, the one of the whole file, `seed`, says what was recorded.
    """
    outcomes = []
    for header in (literal_header(seed), literal_header(data) if len(data) > 512 * data[0] else literal_header(seed)):
        for unit in (0.001, 0.01, 1.0):
            try:
                outcomes.append(compare_in(unit, header, data, recording))
            except ValueError as error:  # a damaged header counts more than there is
                outcomes.append([repr(error)] * 9)
    return min(outcomes, key=len)


def compare_in(unit, header, data, recording):
    wrong = []
    points = np.array(list(recording.points.values()) or np.empty((0, max(0, header.frames), 3))).transpose(
        2, 0, 1
    )  # (3, P, F)
    wanted, missing = literal_points(data, header)
    wanted, frames = wanted.astype(float) * unit, points.shape[2]
    missing |= np.isnan(wanted).any(axis=0) | (wanted == 0).all(axis=0) | ~(np.abs(wanted) <= 1e3).all(axis=0)
    if points.shape[1] != header.points or frames > header.frames or not missing[:, frames:].all():
        return [f"{points.shape[1]} points and {frames} frames for {header}"]
    if header.scale > 0 and any("ran over" in note.text for note in recording.notes):  # what damage looks like, too
        reach = 65536 * header.scale * unit
        points -= reach * np.round((points - wanted[..., :frames]) / reach)
    seen, missing = np.isfinite(points).all(axis=0), missing[:, :frames]
    same = np.isclose(points, wanted[..., :frames], rtol=1e-3 if header.scale > 0 else 1e-12, atol=0).all(axis=0)
    if not (same | missing).all() or (seen & missing).any():
        wrong.append(f"points in {unit} m")
    if recording.poses:
        turned = np.array(list(recording.poses.values())).transpose(2, 3, 0, 1)  # (3, 4, S, F)
        poses = literal_poses(data, header, turned.shape[2])[:3]
        poses[:, 3] *= unit
        seen = (
            np.isfinite(poses).all(axis=(0, 1))
            & poses[:, :3].any(axis=(0, 1))
            & (np.abs(poses[:, 3]) <= 1e3).all(axis=0)
        )
        unseen = ~np.isfinite(turned).all(axis=(0, 1)) & ~seen
        if not (np.isclose(turned, poses, rtol=1e-6).all(axis=(0, 1)) | unseen).all():
            wrong.append(f"poses in {unit} m")
    if not np.isclose(recording.point_hz, header.rate, rtol=1e-3):
        wrong.append(f"rate {recording.point_hz}")
    if recording.plates and not np.isclose(recording.force_hz, header.rate * header.samples, rtol=1e-3):
        wrong.append(f"force rate {recording.force_hz}")
    if any(len(plate.force) != header.frames * header.samples for plate in recording.plates):
        wrong.append("frames of forces")
    for plate in recording.plates:
        if not (np.abs(plate.force) < 1e5).all() or np.abs(plate.cop[~np.isnan(plate.cop)]).max(initial=0) > 1e3:
            wrong.append("absurd force")
    return wrong


def damage(data, rng):
    """Damage the bytes of a file in one place or some; its header and parameters more often than its data."""
    data, parameters = bytearray(data), 512 * (literal_header(data).start - 1)
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        if not data:
            break
        at = int(rng.integers(min([24, parameters, len(data)][rng.choice(3, p=[0.25, 0.5, 0.25])], len(data))))
        length, block = int(rng.choice([1, 2, 4, 16, 512])), bytes(data[at : at + 512])
        match rng.choice(
            ["bit", "byte", "run", "cut", "longer", "insert", "delete", "swap"],
            p=[0.25, 0.25, 0.2, 0.08, 0.04, 0.06, 0.06, 0.06],
        ):
            case "bit":
                data[at] ^= 1 << int(rng.integers(8))
            case "byte":
                data[at] = int(rng.integers(256))
            case "run":
                data[at : at + length] = [bytes(length), b"\xff" * length, rng.bytes(length)][rng.integers(3)][
                    : len(data) - at
                ]
            case "cut":
                del data[at:]
            case "longer":
                data += rng.bytes(int(rng.choice([1, 512, 5000])))
            case "insert":
                data[at:at] = rng.bytes(length)
            case "delete":
                del data[at : at + length]
            case "swap":
                other = int(rng.integers(len(data)))
                data[at : at + 512], data[other : other + 512] = bytes(data[other : other + 512]), block
    return bytes(data)


def read_damaged(folder, first, last):
    """Read damaged files number first to last - 1, and print each number and what came of it."""
    seeds = [path.read_bytes() for path in sorted(folder.glob("[0-9]_*.c3d"))]
    path = folder / "damaged.c3d"
    for number in range(first, last):
        rng = np.random.default_rng([2025, number])
        data = damage(seeds[number % len(seeds)], rng)
        path.write_bytes(data)
        faulthandler.dump_traceback_later(PATIENCE_S, exit=True)
        print(number, end="\t", flush=True)
        print(read_one(path, data, seeds[number % len(seeds)]), flush=True)


def read_one(path, data, seed):
    try:
        recording = c3d.read(path, forward="+x", up="+z")
    except ValueError as error:
        text = str(error)
        return (
            "died"
            if "its reader crashed" in text
            else "refused"
            if CLEAR.match(text) and not re.search("alloc|Memory", text)
            else f"unclear: {text!r}"
        )
    except Exception as error:
        return f"raised: {error!r}"
    wrong = compare(data, recording, seed)
    return f"wrong: {wrong}" if wrong else "read"


def read_all(folder, count):
    """Read `count` damaged files in other processes, a new one after each that ends early -> {number: outcome}."""
    outcomes, begin = {}, 0
    while begin < count:
        command = [sys.executable, __file__, str(folder), str(begin), str(count)]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=script_environment(),
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        lines = [line.split("\t", 1) for line in done.stdout.splitlines() if "\t" in line]
        assert lines, done.stderr[-3000:]
        outcomes |= {
            int(number): outcome or f"ended: {done.returncode} {done.stderr[-300:]}" for number, outcome in lines
        }
        begin = max(outcomes) + 1
    return outcomes


def check(folder, count):
    write_seeds(folder)
    for path in folder.glob("*.c3d"):  # what is whole is read, as its bytes say
        assert read_one(path, path.read_bytes(), path.read_bytes()) == "read", path.name
    outcomes = read_all(folder, count)
    bad = {number: outcome for number, outcome in outcomes.items() if outcome not in ("read", "refused", "died")}
    assert not bad, f"{len(bad)} of {count}: {dict(list(bad.items())[:10])}"
    tally = collections.Counter(outcomes.values())
    assert len(outcomes) == count and min(tally["read"], tally["refused"]) > count / 10  # neither all nor nothing


def test_read_of_2000_damaged_files_is_right_or_refused(tmp_path):
    check(tmp_path, 2000)


@pytest.mark.slow
def test_read_of_20000_damaged_files_is_right_or_refused(tmp_path):
    check(tmp_path, 20000)


if __name__ == "__main__":
    read_damaged(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
