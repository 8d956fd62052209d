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

KEYS = {"datarate", "units"}  # that the line of keys has
HEAD_LINES = 12  # among which it stands: our choice
SAME_RATE = 0.02  # share by which the times may be off the rate of the header: our choice
SENTINEL = 9e5  # a number that stands for a missing marker, such as 9999999: 900 m where it is mm; our choice
MOST_PCT = (10, 90)  # of the markers of a frame: ghosts and what stands beside the runner do not count; our choice
BODY_M = (0.3, 10.0)  # how far these lie apart: our choice; a wrong unit is off by a factor of ten
FEWEST_MARKERS = 5  # that show it: our choice
FRAMES = 200  # that are looked at, spread over the recording: our choice
EXAMPLE = "DataRate, CameraRate, NumFrames, NumMarkers, Units"


def read(path, *, forward, up):
    """Read a TRC file; returns a Recording whose points are in m, NaN where a marker is missing.

    `forward` and `up` are signed axes of the file, as c3d.axes takes them. A row that is not there is missing in all
    markers. Raises InputError for a file that is none, for a rate that its times contradict, and for a unit that is
    not known or cannot be that of a body.
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
    """Make a Recording of markers `raw` (F, P, 3) in a unit that the file says, NaN or (0, 0, 0) where missing.

    `names` are theirs, `placed` the Frames of their rows, `notes` what is to be said of the file. `again` says what to
    do where the unit is wrong. Raises InputError for a unit that is not known or cannot be that of a body.
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
            f"for each frame; {path.name} has no such lines at its beginning.",
            rows.EXPORT,
        )
    keys, values, names = (rows.cut(lines[line]) for line in numbers[found : found + 3])
    below = numbers[found + 3 :]  # the names of the axes (X1, Y1, ...) stand above the rows, or do not
    first = next((at for at, line in enumerate(below) if re.match(r"\s*[-+.]?\d", lines[line])), None)
    if first is None:
        raise InputError(f"A recording has a row for each frame; {path.name} has none.", rows.EXPORT)
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
        raise InputError(f"A TRC file names its markers; {path.name} names none.", rows.EXPORT)
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
            f"The times of a TRC file are in seconds, at the rate of its header; {path.name} says DataRate {said:g}, "
            f"and its times {placed.rate_hz:g} Hz.",
            "Correct the one that is wrong, or export the file again.",
        )
    return placed


def _metres(path, unit, raw, advice):
    """Bring places (F, P, 3) into m, and check that they are a body's -> (F, P, 3) m, notes."""
    raw[(np.abs(raw) > SENTINEL).any(axis=2)] = np.nan
    points = raw * c3d_units.metres(unit, path.name)
    some = points[np.isfinite(points).all(axis=2).sum(axis=1) >= FEWEST_MARKERS]
    some = some[:: max(1, len(some) // FRAMES)]
    low, high = np.nanpercentile(some, MOST_PCT, axis=1) if len(some) else np.full((2, 1, 3), np.nan)
    extent = np.median((high - low).max(axis=1))
    if extent < BODY_M[0] or extent > BODY_M[1]:
        raise InputError(
            f"Most markers of a frame lie {BODY_M[0]} to {BODY_M[1]:.0f} m apart; those of {path.name} lie "
            f"{extent:.3g} m apart, if they are in {unit}, as its header says.",
            advice,
        )
    far = (np.abs(points) > FARTHEST_M).any(axis=2)
    points[far] = np.nan
    notes = [Note(f"{far.sum()} places of points beyond {FARTHEST_M:,.0f} m were taken for missing")] * bool(far.any())
    return points, notes
