"""Read the lines of OpenSim's text files: headers of words, rows of numbers.

In: the path of a file. Out: its lines, cells and numbers. Bytes that cannot be decoded are replaced: they occur in
names and paths, which programs write in many ways.
"""

import re

import numpy as np

from grfkit.points import InputError
from grfkit.recordings.formats.cells import UTF_16

ABSENT = {"", "nan", "-nan", "na", "n/a", "null", "none", "-", "nan(ind)", "-nan(ind)"}  # cells without a number
EXPORT = "Export it again."


def read_lines(path):
    """Read the lines of a text file that are not empty -> {number of the line, from 1: line}."""
    content = path.read_bytes()
    text = content.decode("utf-16" if content.startswith(UTF_16) else "utf-8-sig", errors="replace")
    return {number: line for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1) if line.strip()}


def cut(line):
    """Cut a line into its cells: at tabs if it has any, otherwise at blanks; empty cells at its end are left out."""
    cells = [cell.strip() for cell in line.split("\t")] if "\t" in line.rstrip() else line.split()
    while cells and not cells[-1]:
        cells.pop()
    return cells


def read_numbers(rows, columns, *, name):
    """Read rows {number of the line: cells} as numbers (N, C), NaN where a cell is empty or missing at a row's end.

    `columns` are the names of the columns. Raises InputError for a row with too many cells, or a cell that is not a
    number.
    """
    values = np.full((len(rows), len(columns)), np.nan)
    for place, (line, cells) in enumerate(rows.items()):
        if len(cells) > len(columns):
            raise InputError(
                f"A row has a cell for each of the {len(columns)} columns; row {line} of {name} has {len(cells)}.",
                EXPORT,
            )
        try:
            values[place, : len(cells)] = np.array(cells, float)
        except ValueError:
            numbers = [_number(cell) for cell in cells]
            if None in numbers:
                wrong = numbers.index(None)
                raise InputError(
                    f"Cells of a recording must be numbers, or empty where something is missing; {name} has "
                    f"{cells[wrong]!r} in row {line}, column {columns[wrong]}.",
                    "Correct it, or export the file again.",
                ) from None
            values[place, : len(cells)] = numbers
    values[~np.isfinite(values)] = np.nan
    return values


def _number(cell):
    """Read a number with a decimal point or comma; NaN if the cell is empty, None for anything else."""
    if cell.lower() in ABSENT:
        return np.nan
    try:
        return float(cell.replace(",", "."))
    except ValueError:
        return None
