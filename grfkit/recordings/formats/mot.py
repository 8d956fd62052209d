"""Read the forces of an OpenSim file (MOT or STO): what the ground does to the feet, one set of columns for each.

In: the path of a file. Out: a c3d.Recording without points, in which each set of columns is a plate without corners. A
set is a force (`vx vy vz`, N) and its centre of pressure (`px py pz`, m) under one name, such as
`ground_force_vx`, `R_ground_force_vx`, `1_ground_force_vx` or `ground_force_1_vx`. The foot is the one that stands at
the centre of pressure. Source: OpenSim's documentation, and files of its users.
"""

import re
from dataclasses import replace

import numpy as np

from grfkit.points import InputError
from grfkit.recordings.c3d import STRONGEST_N, Plate, Recording, axes, axis_name
from grfkit.recordings.formats import frames, rows
from grfkit.recordings.plates import ESTIMATED, SMALLEST_PEAK_N

COLUMN = re.compile(r"(?i)(.*?)([vp])([xyz])(.*)")  # of a set: name, force or place, axis, rest of the name
HEAD_LINES = 200  # longest header: our choice
RATES_HZ = (50, 20000)  # of force plates and processed forces: our choice
CORNERS = np.full((4, 3), np.nan)  # the file does not say where the plates lie
FEW = 12  # most columns in a message
OPENSIM = "Forces of OpenSim are what the ground does to the runner, in N, in the axes of the markers"


def read(path, *, forward, up, plates=None):
    """Read the forces of an OpenSim file; returns a Recording with plates alone.

    `forward` and `up` are signed axes of the file, as for c3d.axes; `plates` lists the sets of columns to read, counted
    from 1; None is all. Raises InputError for a file without forces, for uneven times, and for forces in another unit,
    with another sign, or along another axis than up.
    """
    names, lines, values, estimated = _table(path)
    groups = _groups(path, names)
    placed = _place(path, values[:, 0], lines)
    numbers = range(1, len(groups) + 1) if plates is None else sorted(set(plates))
    if any(not 1 <= number <= len(groups) for number in numbers):
        raise ValueError(
            f"The study names the force plates {plates}; {path.name} has {len(groups)}. Correct `plates` in the study "
            "file."
        )
    rotation = axes(forward, up)
    sets = [groups[name] for name in list(groups)]
    found = [replace(_plate(number, values, sets[number - 1], rotation), estimated=estimated) for number in numbers]
    if found:
        _check_forces(path, [plate.force for plate in found], rotation)
    return Recording({}, float("nan"), found, placed.rate_hz, start_s=placed.start_s, rotation=rotation)


def holds_forces(path):
    """Tell by its columns whether an OpenSim file holds forces; a file that cannot be read counts as one without."""
    try:
        _groups(path, _header(path, rows.read_lines(path))[0])
    except (ValueError, OSError):
        return False
    return True


def _table(path):
    """Read names of the columns, number of the line of each row, numbers (T, C), and whether grfkit estimated them."""
    lines = rows.read_lines(path)
    names, numbers = _header(path, lines)
    cells = {line: lines[line].split() for line in numbers}
    short = next((line for line, row in cells.items() if len(row) < len(names)), None)
    if short is not None:
        raise InputError(
            f"A row has a cell for each of the {len(names)} columns; row {short} of {path.name} has "
            f"{len(cells[short])}. The file may be cut off.",
            rows.EXPORT,
        )
    estimated = any(ESTIMATED in lines[line] for line in [*lines][:HEAD_LINES])
    return names, list(cells), rows.read_numbers(cells, names, name=path.name), estimated


def _header(path, lines):
    """Read the names of the columns, and the numbers of the lines below them."""
    numbers = list(lines)
    end = next((at for at, line in enumerate(numbers[:HEAD_LINES]) if lines[line].strip().lower() == "endheader"), None)
    if end is None or len(numbers) < end + 3:
        raise InputError(
            f"A MOT or STO file has a header that ends with `endheader`, then the names of its columns, then rows; "
            f"{path.name} does not.",
            rows.EXPORT,
        )
    names = lines[numbers[end + 1]].split()
    if names[0].lower() != "time":
        raise InputError(
            f"The first column of a MOT or STO file must be time; that of {path.name} is {names[0]}.", "Add it."
        )
    return names, numbers[end + 2 :]


def _groups(path, names):
    """Find the sets of columns -> {name of a set: (numbers of its columns of force, of its centre of pressure)}."""
    found = {}
    for number, name in enumerate(names):
        parts = COLUMN.fullmatch(name)
        if parts:
            before, kind, axis, after = (part.lower() for part in parts.groups())
            found.setdefault((before, after), {})[kind + axis] = number
    sets = {
        before + after: ([there[f"v{axis}"] for axis in "xyz"], [there[f"p{axis}"] for axis in "xyz"])
        for (before, after), there in found.items()
        if len(there) == 6
    }
    if not sets:
        listed = ", ".join(names[:FEW]) + ", ..." * (len(names) > FEW)
        raise InputError(
            "Forces of OpenSim have columns such as ground_force_vx, _vy, _vz and ground_force_px, _py, _pz for each "
            f"foot or plate; {path.name} has {listed}.",
            "Name the file that holds forces and centres of pressure, not one of angles.",
        )
    return sets


def _place(path, when, lines):
    """Check that the rows are even and without gaps -> Frames."""
    placed = frames.place(when, name=path.name, lines=lines, column="time")
    if not RATES_HZ[0] <= placed.rate_hz <= RATES_HZ[1]:
        raise InputError(
            f"Forces are recorded {RATES_HZ[0]} to {RATES_HZ[1]:,} times a second; by its times, {path.name} has "
            f"{placed.rate_hz:g}. Times must be in seconds.",
            "Divide milliseconds by 1000.",
        )
    gaps = np.flatnonzero(np.diff(placed.index) > 1)
    if len(gaps):
        raise InputError(
            f"Forces need a row for every moment; in {path.name} rows are missing before row {lines[gaps[0] + 1]}.",
            rows.EXPORT,
        )
    return placed


def _plate(number, values, columns, rotation):
    """Take one set of columns as a plate in the runner's axes."""
    force, cop = (values[:, kind] @ rotation.T for kind in columns)
    cop[force[:, 2] == 0] = np.nan  # the file has 0 there
    return Plate(force, cop, CORNERS, number)


def _check_forces(path, forces, rotation):
    """Check unit, axis and sign of forces (T, 3) N of each set, in the runner's axes."""
    wrong = sum(np.count_nonzero(~(np.abs(force) <= STRONGEST_N).all(axis=1)) for force in forces)
    if wrong:
        raise InputError(
            f"Forces must be numbers up to {STRONGEST_N:,.0f} N; {path.name} has others in {wrong} row(s).", rows.EXPORT
        )
    means = [force.mean(axis=0) for force in forces]
    strongest = means[int(np.argmax([np.abs(mean).max() for mean in means]))]
    along = int(np.argmax(np.abs(strongest)))
    if max(np.abs(force).max() for force in forces) < SMALLEST_PEAK_N:
        peak = max(np.abs(force).max() for force in forces)
        raise InputError(
            f"{OPENSIM}; those of {path.name} are at most {peak:.3g}: they are in kN or body weights, or nobody was on "
            "the plates.",
            "Multiply kN by 1000, body weights by mass_kg * 9.81.",
        )
    if along != 2:
        turned = rotation.T[:, along] * np.sign(strongest[along])
        at = int(np.argmax(np.abs(turned)))
        raise InputError(
            f"{OPENSIM}; those of {path.name} point along {axis_name(at, turned[at])} most, which is not the axis `up` "
            "of the study file.",
            "Export both files in the same axes, or correct `up`.",
        )
    if any(
        mean[2] < 0 and np.abs(force[:, 2]).max() > SMALLEST_PEAK_N for mean, force in zip(means, forces, strict=True)
    ):
        raise InputError(
            f"{OPENSIM}; in {path.name} the vertical force is negative, down to "
            f"{min(force[:, 2].min() for force in forces):,.0f} N: it may be what the runner does to the ground.",
            "Change the sign of all forces of that foot, but not of the centre of pressure.",
        )
