"""Read a CSV file of points, one row a frame.

In: the path of a file. Out: the 11 points as they are stored, on even frames, and their rate. Each point has three
columns: `l_hip_x` to `l_hip_z`, or `l_hip_ap`, `l_hip_ml` and `l_hip_v` in the runner's axes. A column `time_s` gives
the time of each row; if you give a rate instead, a column `frame` shows which rows are missing. Columns are separated
by commas, semicolons or tabs; with semicolons or tabs, decimal commas are read too.
"""

import re

import numpy as np
import pandas as pd

from grfkit.points import POINTS
from grfkit.recordings.formats import cells, frames
from grfkit.recordings.labels import match

COLUMN = re.compile(r"(?i)^(.+?)[\W_]*(ap|ml|[xyzv])$")  # a point's name and its component
BRACKET = re.compile(r"\s*[\[(][^\])]*[\])]$")  # a unit after a name; it is ignored, since the body shows the unit
TIMES, FRAMES = ("time_s", "time", "t"), ("frame", "frames")
ABSENT = {"", "nan", "na", "n/a", "#n/a", "null", "none", "-"}  # cells that hold no number: our choice
SAME_RATE = 0.02  # share by which a given rate may differ from that of the times: our choice
FEWEST_COLUMNS = 3  # columns of points that make a file a recording: our choice
HEADER_BYTES = 2**18  # enough to hold the names of the columns: our choice
FIRST = 6  # names of columns that a message lists of many: our choice, two points
EXAMPLE = "time_s, pelvis_x, pelvis_y, pelvis_z, l_hip_x, ... (points: " + ", ".join(POINTS) + ")"


def holds_points(path):
    """Tell by its columns whether a CSV file is a recording; tables of trials or results are not.

    Raises ValueError for a file that is not text.
    """
    header, *_ = cells.read_rows(path, most_bytes=HEADER_BYTES)
    return sum(name is not None for name in _match(header).values()) >= FEWEST_COLUMNS


def read_csv(path, *, rate_hz=None):
    """Read a CSV file of points.

    `rate_hz` is needed for a file without times. Returns points (F, 11, 3) in the file's own unit, NaN where missing or
    in a gap between rows; the rate (Hz); the letters of the components, "x y z" or "ap ml v"; the name of each point in
    the file; and the time (s) of its first row, 0 without times. Raises ValueError for columns that are missing or
    occur twice, for a cell that is not a number (it names row and column), for uneven times, and for times that
    contradict the rate.
    """
    header, lines, rows = _open(path)
    columns, names, letters = _columns(path, header)
    table = {name: _numbers(path, header, lines, rows, name) for name in columns}
    index, rate_hz, start_s = _frames(path, header, lines, rows, rate_hz)
    values = np.stack(list(table.values()), axis=1).reshape(len(rows), len(POINTS), 3)
    points = np.full((index[-1] + 1, len(POINTS), 3), np.nan)
    points[index] = values
    return points, rate_hz, letters, names, start_s


def _open(path):
    """Read a CSV file as text -> names of the columns, number of the line of each row, rows."""
    header, rows, separator = cells.read_rows(path)
    if separator != ",":
        rows = {line: [cell.replace(",", ".") for cell in row] for line, row in rows.items()}
    return header, list(rows), list(rows.values())


def _match(header):
    """Read the names of columns -> {column: (name of the point in the file, point, component) or None}."""
    parts = {column: COLUMN.match(BRACKET.sub("", column)) for column in header}
    parts = {column: found.groups() for column, found in parts.items() if found}
    points = {
        label: point
        for point, (label, sure) in match(list(dict.fromkeys(name for name, _ in parts.values()))).items()
        if sure and isinstance(label, str)
    }
    return {
        column: (name, points[name], component.lower()) for column, (name, component) in parts.items() if name in points
    }


def _columns(path, header):
    """Find the 33 columns -> their names in order, {point: its name in the file}, letters of the components."""
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise ValueError(
            f"Each column of a recording needs its own name; {path.name} has {', '.join(twice)} more than once. "
            "Delete one."
        )
    found = _match(header)
    letters = "ap ml v" if any(component in ("ap", "ml", "v") for _, _, component in found.values()) else "x y z"
    components = letters.split()
    where = {(point, component): column for column, (_, point, component) in found.items()}
    wanted = [(point, component) for point in POINTS for component in components]
    absent = [f"{point}_{component}" for point, component in wanted if (point, component) not in where]
    if absent:
        known = {*found, *(name for name in header if BRACKET.sub("", name).lower() in (*TIMES, *FRAMES))}
        others = [name for name in header if name and name not in known]  # the user may have to rename some
        has = f"Its other columns are {_first(others)}" if others else "It has no other columns"
        has = has if header else "The file is empty"
        raise ValueError(
            f"A recording as CSV has a row for each frame and the columns {EXAMPLE}; {path.name} lacks "
            f"{_first(absent)}. {has}. Rename or add columns."
        )
    return [where[pair] for pair in wanted], {point: name for name, point, _ in found.values()}, letters


def _first(names):
    """List names of columns; if there are many, the first ones and how many more."""
    if len(names) <= 2 * FIRST:
        return ", ".join(names)
    return f"{', '.join(names[:FIRST])} and {len(names) - FIRST} more"


def _numbers(path, header, lines, rows, name):
    """Take a column (N,) as numbers, NaN where a cell is empty."""
    at = header.index(name)
    short = next((line for line, row in zip(lines, rows, strict=True) if len(row) != len(header)), None)
    if short is not None:
        count = len(rows[lines.index(short)])
        raise ValueError(
            f"Each row of a CSV file has as many cells as there are columns, {len(header)}; row {short} of "
            f"{path.name} has {count}. "
            "The row may be cut off, or has decimal commas, which need semicolons or tabs between the columns."
        )
    cells = [row[at].strip() for row in rows]
    values = pd.to_numeric(pd.Series(cells, dtype=object), errors="coerce").to_numpy(float)
    for number in np.flatnonzero(np.isnan(values)):
        if cells[number].lower() not in ABSENT:
            raise ValueError(
                f"Cells of a recording must be numbers, or empty where a point is missing; {path.name} has "
                f"{cells[number]!r} in row "
                f"{lines[number]}, column {name}. Correct it, or empty the cell."
            )
    return np.where(np.isfinite(values), values, np.nan)


def _frames(path, header, lines, rows, rate_hz):
    """Place the rows on even frames -> number of the frame of each row (N,), rate (Hz), time of the first (s)."""
    if not rows:
        raise ValueError(f"A recording has a row for each frame; {path.name} has no row. Export it again.")
    column, when = _times(path, header, lines, rows, rate_hz)
    placed = frames.place(when, name=path.name, lines=lines, column=column)
    each = 1 / placed.rate_hz
    if rate_hz and column and BRACKET.sub("", column).lower() in TIMES and abs(each * rate_hz - 1) > SAME_RATE:
        raise ValueError(
            f"A rate is only needed for a CSV file without times; by its column {column}, {path.name} has "
            f"{1 / each:.1f} frames a second, but {rate_hz:g} were given. Leave the rate out, or correct the times."
        )
    timed = column is not None and BRACKET.sub("", column).lower() in TIMES
    return placed.index, placed.rate_hz, placed.start_s if timed else 0.0


def _times(path, header, lines, rows, rate_hz):
    """Find the column of times, or of frames if a rate is given -> its name, times (N,) s.

    With a rate and no such column, each row is a frame.
    """
    plain = {BRACKET.sub("", name).lower(): name for name in header}
    column = next((plain[name] for name in (*TIMES, *FRAMES) if name in plain), None)
    numbered = column is not None and BRACKET.sub("", column).lower() in FRAMES
    if not rate_hz and (column is None or numbered):
        raise ValueError(
            f"A recording as CSV needs the time of each row, in a column time_s; {path.name} has "
            f"{'only a column ' + column if column else 'none'}. Add time_s, in seconds, or give the rate of the "
            "frames, such as RATE=100."
        )
    if column is None:
        return column, np.arange(len(rows)) / rate_hz
    when = _numbers(path, header, lines, rows, column)
    return column, when / rate_hz if numbered else when
