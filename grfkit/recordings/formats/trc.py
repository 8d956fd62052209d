"""Read a TRC file: markers as OpenSim, OpenCap, Pose2Sim, Cortex and others write them.

In: the path of a file. Out: a c3d.Recording without plates. A TRC file is text with tabs: a line of keys (DataRate,
Units, ...), a line of their values, a line of names (Frame#, Time, and each marker over its three columns), then the
rows. Source: OpenSim's documentation, and files of those programs.
"""

import re

import numpy as np

from grfkit.points import InputError, Note
from grfkit.recordings.c3d import FARTHEST_M, Recording, axes, numbered
from grfkit.recordings.formats import c3d_units, frames, rows

KEYS = {"datarate", "units"}  # two keys that identify the line of keys
HEAD_LINES = 12  # first lines in which that line is searched: our choice
SAME_RATE = 0.02  # share by which the times may differ from the rate of the header: our choice
SENTINEL = 9e5  # larger numbers, such as 9999999, stand for a missing marker: 900 m in mm; our choice
MOST_PCT = (10, 90)  # percentiles of the markers of a frame, without ghosts and objects near the runner: our choice
BODY_M = (0.3, 10.0)  # the distance between these: our choice; a wrong unit differs by a factor of ten
FEWEST_MARKERS = 5  # in a frame, to measure this: our choice
FRAMES = 200  # frames that are checked, spread over the recording: our choice
EXAMPLE = "DataRate, CameraRate, NumFrames, NumMarkers, Units"


def read(path, *, forward, up):
    """Read a TRC file; returns a Recording whose points are in m, NaN where a marker is missing.

    `forward` and `up` are signed axes of the file, as for c3d.axes. A missing row is NaN in all markers. Raises
    InputError for a file that is not a TRC file, for a rate that its times contradict, and for a unit that is not known
    or does not fit a body.
    """
    lines = rows.read_lines(path)
    head, names, body = _parts(path, lines)
    cells = {line: rows.cut(text) for line, text in body.items()}
    columns = ["frame", "time", *(f"{name} {axis}" for name in names for axis in "XYZ")]
    values = rows.read_numbers(cells, columns, name=path.name)
    placed = _place(path, head, values, list(cells))
    raw = np.full((placed.index[-1] + 1, len(names), 3), np.nan)
    raw[placed.index] = values[:, 2:].reshape(len(values), len(names), 3)
    return recording(path, names, raw, head.get("units", ""), placed, forward=forward, up=up)


def recording(path, names, raw, unit, placed, *, forward, up, notes=(), again=""):
    """Make a Recording of markers `raw` (F, P, 3) in the file's unit, NaN or (0, 0, 0) where missing.

    `names` are those of the markers, `placed` the Frames of their rows, `notes` those on the file. `again` is the
    advice for a wrong unit. Raises InputError for a unit that is not known or does not fit a body.
    """
    raw[np.isnan(raw).any(axis=2) | (raw == 0).all(axis=2)] = np.nan
    advice = again or f"Write the right unit ({', '.join(c3d_units.METRES)}) under `Units`."
    points, far = _metres(path, unit, raw, advice)
    rotation = axes(forward, up)
    points = points @ rotation.T
    return Recording(
        dict(zip(numbered(names), np.moveaxis(points, 1, 0), strict=True)),
        placed.rate_hz,
        [],
        float("nan"),
        notes=[*notes, *far],
        start_s=placed.start_s,
        rotation=rotation,
    )


def _parts(path, lines):
    """Take a file apart -> {key in lower case: value}, names of the markers, {number of the line: row}."""
    numbers = list(lines)
    found = next(
        (at for at, line in enumerate(numbers[:HEAD_LINES]) if {*map(_key, rows.cut(lines[line]))} >= KEYS), None
    )
    if found is None or len(numbers) < found + 3:
        raise InputError(
            f"A TRC file has a line of keys ({EXAMPLE}, ...), then their values, the names of the markers, and a row "
            f"for each frame; {path.name} does not begin with such lines.",
            rows.EXPORT,
        )
    keys, values, names = (rows.cut(lines[line]) for line in numbers[found : found + 3])
    below = numbers[found + 3 :]  # the rows may follow a line with the names of the axes (X1, Y1, ...)
    first = next((at for at, line in enumerate(below) if re.match(r"\s*[-+.]?\d", lines[line])), None)
    if first is None:
        raise InputError(f"A recording has a row for each frame; {path.name} has no row.", rows.EXPORT)
    body = {line: lines[line] for line in below[first:]}
    return dict(zip(map(_key, keys), values, strict=False)), _names(path, names), body


def _key(text):
    return text.strip().lower()


def _names(path, cells):
    """Take the names of the markers from their line: one above each three columns, or one after the other."""
    time = next((at for at, cell in enumerate(cells[:4]) if _key(cell) == "time"), 1)  # `Frame#`, `Patch #`, ...
    cells = cells[time + 1 :]
    spread = any(not cell for cell in cells)
    names = cells[::3] if spread and not any(cells[1::3]) and not any(cells[2::3]) else [each for each in cells if each]
    if not names:
        raise InputError(f"A TRC file must name its markers; {path.name} names none.", rows.EXPORT)
    return [name or f"unnamed_{number}" for number, name in enumerate(names, 1)]


def _place(path, head, values, lines):
    """Place the rows by their times -> Frames; the header's rate must agree."""
    placed = frames.place(values[:, 1], name=path.name, lines=lines, column="Time")
    try:
        said = float(head["datarate"].replace(",", "."))
    except ValueError:
        said = 0.0
    if said > 0 and abs(placed.rate_hz / said - 1) > SAME_RATE:
        raise InputError(
            "The times of a TRC file must be in seconds, at the rate of its header; "
            f"{path.name} has DataRate {said:g}, but its times give {placed.rate_hz:g} Hz.",
            "Correct the one that is wrong, or export the file again.",
        )
    return placed


def _metres(path, unit, raw, advice):
    """Bring places (F, P, 3) to m, and check that they can be a body's -> (F, P, 3) m, notes."""
    raw[(np.abs(raw) > SENTINEL).any(axis=2)] = np.nan
    points = raw * c3d_units.metres(unit, path.name)
    some = points[np.isfinite(points).all(axis=2).sum(axis=1) >= FEWEST_MARKERS]
    some = some[:: max(1, len(some) // FRAMES)]
    low, high = np.nanpercentile(some, MOST_PCT, axis=1) if len(some) else np.full((2, 1, 3), np.nan)
    extent = np.median((high - low).max(axis=1))
    if extent < BODY_M[0] or extent > BODY_M[1]:
        raise InputError(
            f"Most markers of a frame span {BODY_M[0]} to {BODY_M[1]:.0f} m; those of {path.name} span {extent:.3g} m, "
            f"if they are in {unit}, as its header says.",
            advice,
        )
    far = (np.abs(points) > FARTHEST_M).any(axis=2)
    points[far] = np.nan
    notes = [Note(f"{far.sum()} places of points beyond {FARTHEST_M:,.0f} m are treated as missing")] * bool(far.any())
    return points, notes
