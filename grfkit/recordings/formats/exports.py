"""Read text exports of camera systems: Vicon Nexus, Qualisys Track Manager (QTM) and OptiTrack Motive.

In: the path of a file, whose first lines show which program wrote it. Out: a c3d.Recording without plates, as for a TRC
file. Cells are separated by commas, semicolons or tabs, numbers have decimal points or commas, and missing values are
empty. Columns are found by the lines of names and axes, not by their position. Sources: exports of Nexus 2, QTM and
Motive (Format Version 1.2x), and published readers of such files.
"""

import csv
import re
from typing import NamedTuple

import numpy as np

from grfkit.points import InputError, Note
from grfkit.recordings.formats import cells, frames, rows, trc

NEXUS, QTM, MOTIVE = "Vicon Nexus", "Qualisys Track Manager", "OptiTrack Motive"
BEGINS = {  # how an export of each program begins, without quotes and empty lines
    NEXUS: r"(?i)(Trajectories|Devices|Joints|Segments|Model Outputs|Events)[,;\t ]*[\r\n]",
    QTM: r"(?s)[A-Z_]+\t(?=.*\nMARKER_NAMES\t)|NO_OF_FRAMES[,;\t]",
    MOTIVE: r"Format Version[,;\t]",
}
HEAD_BYTES = 16384  # enough for the beginning and QTM's names of markers: our choice
HEAD_LINES = 12  # at most, between the beginning of a table and its rows: our choice
AXES = ["x", "y", "z"]
UNITLESS = "mm"  # the unit of Nexus and QTM if the file names none; the size of the body must agree
AGAIN = {
    NEXUS: "Export the trajectories of all markers as ASCII again, with names, axes and units above them; or C3D.",
    QTM: "Export 3D data as TSV again, with the header; or C3D.",
    MOTIVE: "Export the tracking data as CSV again, with header and markers; or C3D.",
}


class Table(NamedTuple):
    """Markers of an export, as they are in the file."""

    names: list
    columns: list  # of each marker: the number of the column of its x, before that of its y and z
    body: dict  # number of the line -> cells
    unit: str
    clock: tuple  # name and number of the column of times or frames, and its seconds; no column: each row is a frame
    rate_hz: float  # as given in the file, NaN if it is not
    notes: tuple = ()


def program(path):
    """Name the program that exported a text file, "" if it is not one of these programs. Raises OSError."""
    if path.suffix.lower() not in (".csv", ".tsv", ".txt") or not path.is_file():
        return ""
    with path.open("rb") as file:
        content = file.read(HEAD_BYTES)
    wide = content.startswith(cells.UTF_16)
    head = content.decode("utf-16" if wide else "utf-8-sig", errors="replace").replace('"', "").lstrip("\r\n,;\t ")
    return next((program for program, pattern in BEGINS.items() if re.match(pattern, head)), "")


def read(path, *, forward, up):
    """Read an export; returns a Recording whose points are in m, NaN where a marker is missing.

    `forward` and `up` are signed axes of the file, as c3d.axes takes them. Raises InputError for a file without
    markers, for a rate that its times contradict, and for a unit that is not known or cannot be that of a body.
    """
    whose = program(path)
    lines = rows.read_lines(path)
    apart = _separator(list(lines.values())[: 2 * HEAD_LINES])
    table = {line: _cut(text, apart) for line, text in lines.items()}
    found = {NEXUS: _nexus, QTM: _qtm, MOTIVE: _motive}[whose](path, table)
    if not found.names or not found.body:
        raise InputError(
            f"An export of {whose} needs named markers, and a row for each frame; {path.name} has {len(found.names)} "
            f"markers and {len(found.body)} rows.",
            AGAIN[whose],
        )
    raw, placed = _placed(path, found, AGAIN[whose])
    return trc.recording(
        path, found.names, raw, found.unit, placed, forward=forward, up=up, notes=found.notes, again=AGAIN[whose]
    )


def _separator(lines):
    """Find the separator of the cells: the one in most lines; commas, which may be decimal, come last."""
    return max("\t;,", key=lambda mark: sum(mark in line for line in lines))


def _cut(text, apart):
    try:
        cut = next(csv.reader([text], delimiter=apart)) if '"' in text else text.split(apart)
    except csv.Error:  # a quote that does not end
        cut = text.split(apart)
    return [cell.strip() for cell in cut]


def _nexus(path, table):
    """Find the section of trajectories: its title, rate, names, axes and units, and the rows below them."""
    lines = list(table)
    start = next((at for at, line in enumerate(lines) if _title(table[line]) == "trajectories"), None)
    if start is None:
        titles = ", ".join(filter(None, map(_title, table.values())))
        raise InputError(
            f"An export of {NEXUS} has its markers in a section Trajectories; {path.name} has only: {titles}.",
            AGAIN[NEXUS],
        )
    at = _axes_row(path, table, lines[start : start + HEAD_LINES], NEXUS) + start
    columns = _triples([*map(str.lower, table[lines[at]])])
    below = next((table[line] for line in lines[at + 1 : at + 2] if not _is_number(table[line][0])), [])
    units = {below[column] for column in columns if column < len(below)}
    rate = re.match(r"\s*(\d+(?:[.,]\d+)?)", table[lines[start + 1]][0])
    body = {}
    for line in lines[at + 1 + bool(below) :]:
        if _title(table[line]):
            break  # the next section
        body[line] = table[line]
    other = [title for title in map(_title, table.values()) if title and title != "trajectories"]
    notes = [Note(f"sections of this export that are not read: {', '.join(other)}")] * bool(other)
    return Table(
        *_named(table[lines[at - 1]], columns),
        body,
        *_one_unit(path, units, NEXUS),
        ("Frame", 0, None),
        float(rate[1].replace(",", ".")) if rate else np.nan,
        notes,
    )


def _title(row):
    """Give the title of a section, in lower case, if a row has only one cell with a word; "" for any other row."""
    return row[0].lower() if re.match(r"[A-Za-z]", row[0]) and not any(row[1:]) else ""


def _qtm(path, table):
    """Find names and rate by their keys, and the rows below the last key."""
    keys = {row[0].upper(): row[1:] for row in table.values() if re.fullmatch(r"[A-Z_]{4,}", row[0])}
    included = (keys.get("DATA_INCLUDED") or ["3D"])[0].upper()
    names = [name for name in keys.get("MARKER_NAMES", []) if name]
    if included != "3D" or not names:
        raise InputError(
            f"An export of {QTM} has the markers' places (DATA_INCLUDED 3D, MARKER_NAMES); {path.name} has "
            f"{included} and {len(names)} names.",
            AGAIN[QTM],
        )
    head = next((row for row in table.values() if row[0].lower() in ("frame", "time")), [])
    body = {line: row for line, row in table.items() if _is_number(row[0]) or not row[0] and len(row) > len(names)}
    before = sum(cell.lower() in ("frame", "time") for cell in head[:2]) or _before(body, 3 * len(names))
    if not 0 <= before <= 2:
        wide = max(map(len, body.values()), default=0)
        raise InputError(
            f"A row of an export of {QTM} has three cells for each marker, after the frame and the time; {path.name} "
            f"names {len(names)} markers and has {wide} cells in a row.",
            AGAIN[QTM],
        )
    long = next((line for line, row in body.items() if any(row[before + 3 * len(names) :])), None)
    if long is not None:
        raise InputError(
            f"A row has three cells for each marker; row {long} of {path.name} has more cells than {len(names)} "
            "markers need.",
            AGAIN[QTM],
        )
    timed = before == 2 or head[:1] == ["Time"]
    clock = ("Time", before - 1, 1.0) if timed else ("Frame", 0 if before else None, None)
    return Table(
        names,
        [before + 3 * number for number in range(len(names))],
        body,
        UNITLESS,
        clock,
        _number((keys.get("FREQUENCY") or [""])[0]),
        [Note(f"unit: {UNITLESS}, because exports of {QTM} are in {UNITLESS} and do not name it")],
    )


def _before(body, cells_of_markers):
    """Count the cells of a row before those of the markers, where no line names the columns."""
    wide = max(map(len, body.values()), default=0)
    ends_empty = wide > cells_of_markers and not any(len(row) == wide and row[-1] for row in body.values())
    return wide - ends_empty - cells_of_markers


def _motive(path, table):
    """Find the markers among bodies, bones and their rotations, and the keys of the first line."""
    lines = list(table)
    first = table[lines[0]]
    keys = dict(zip((cell.lower() for cell in first[::2]), first[1::2], strict=False))
    at = _axes_row(path, table, lines[:HEAD_LINES], MOTIVE)
    letters = [*map(str.lower, table[lines[at]])]
    head = {next((cell.lower() for cell in table[line][:2] if cell), ""): table[line] for line in lines[1:at]}
    places = [*map(str.lower, table[lines[at - 1]])]
    kinds = next((row for name, row in head.items() if name.endswith("type")), [])
    columns = [
        column
        for column in _triples(letters)
        if places[column : column + 1] == ["position"]
        and kinds[column : column + 1]
        and kinds[column].lower().endswith("marker")
    ]
    # measured markers before those of a body or a skeleton, which Motive places itself; of one name the first counts
    columns.sort(key=lambda column: (kinds[column].lower() != "marker", column))
    pairs = zip(*_named(head.get("name", []), columns), strict=True)
    named = {name: column for name, column in reversed([*pairs]) if not name.lower().startswith("unlabeled")}
    if not named:
        there = ", ".join(dict.fromkeys(filter(None, kinds[2:]))) or "none"
        raise InputError(
            f"An export of {MOTIVE} needs positions of markers; {path.name} has columns of these types: {there}.",
            AGAIN[MOTIVE],
        )
    return Table(
        list(named),
        list(named.values()),
        {line: table[line] for line in lines[at + 1 :]},
        keys.get("length units", ""),
        ("Time (Seconds)", 1, 1.0) if letters[1].startswith("time") else ("Frame", 0, None),
        _number(keys.get("export frame rate", keys.get("capture frame rate", ""))),
    )


def _axes_row(path, table, lines, whose):
    """Find the row that names the axes of each marker among some lines: its number there."""
    found = next((at for at, line in enumerate(lines) if at and _triples([*map(str.lower, table[line])])), None)
    if found is None:
        raise InputError(
            f"An export of {whose} has a row Frame, ..., X, Y, Z, X, Y, Z, ... below the names; {path.name} has none.",
            AGAIN[whose],
        )
    return found


def _triples(letters):
    """List the columns of x that are followed by y and z."""
    return [at for at in range(len(letters) - 2) if letters[at : at + 3] == AXES]


def _named(names, columns):
    """Give the names of markers, which stand above their x, and the columns of those that have one."""
    named = [(names[column], column) for column in columns if names[column : column + 1] not in ([], [""])]
    return [list(each) for each in zip(*named, strict=True)] or [[], []]


def _one_unit(path, units, whose):
    """Give the one unit of all markers, in a tuple."""
    units = units - {""}
    if len(units) > 1:
        raise InputError(
            f"Markers of a recording must be in one unit; {path.name} has {', '.join(sorted(units))}.", AGAIN[whose]
        )
    return (units.pop() if units else UNITLESS,)


def _placed(path, found, again):
    """Read the numbers and place the rows -> markers (F, P, 3) in the file's unit, Frames."""
    column, number, seconds = found.clock
    rate = found.rate_hz if found.rate_hz > 0 else np.nan
    if seconds is None and np.isnan(rate):
        raise InputError(f"A recording must give its frames a second; {path.name} does not.", again)
    inside = {start + axis for start in found.columns for axis in (1, 2)}
    short = next((line for line, row in found.body.items() if len(row) in inside), None)
    if short is not None:
        raise InputError(
            f"A row has three cells for each marker; row {short} of {path.name} ends within one: a cell is missing, or "
            "the file is cut off.",
            again,
        )
    wanted = [start + axis for start in found.columns for axis in range(3)]
    titles = [f"{name} {axis}" for name in found.names for axis in "XYZ"]
    if number is not None:
        wanted, titles = [number, *wanted], [column, *titles]
    picked = {line: [row[at] if at < len(row) else "" for at in wanted] for line, row in found.body.items()}
    values = rows.read_numbers(picked, titles, name=path.name)
    when = values[:, 0] if number is not None else np.arange(len(values))
    placed = frames.place(when * (seconds or 1 / rate), name=path.name, lines=list(picked), column=column)
    if abs(placed.rate_hz / rate - 1) > trc.SAME_RATE:  # not where the file says no rate
        raise InputError(
            f"The times of a recording must fit its frames a second; {path.name} gives {rate:g}, but its times give "
            f"{placed.rate_hz:g}.",
            again,
        )
    if seconds is None:  # frames are counted from the start of a capture, which is not a clock
        placed = placed._replace(start_s=0.0)
    raw = np.full((placed.index[-1] + 1, len(found.names), 3), np.nan)
    raw[placed.index] = values[:, number is not None :].reshape(len(values), len(found.names), 3)
    return raw, placed


def _is_number(cell):
    return bool(re.match(r"[-+.,]?\d", cell))


def _number(text):
    """Read a number with a decimal point or comma; NaN for anything else."""
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return np.nan
