"""Find and read recordings without force plates.

In: a folder, or a C3D, TRC or CSV file. Out: the 11 points in the runner's axes, and notes of what was found on the
way. Where no study file says how a laboratory records, everything is found from the file itself.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from grfkit.points import POINTS, Excluded, Note, number
from grfkit.recordings import csv_points, files, landmarks, orientation, speed, versions
from grfkit.recordings.faults import gaps, places
from grfkit.recordings.formats import cells, foreign
from grfkit.recordings.labels import STATIC, match, match_set, plain
from grfkit.recordings.read import load_trial
from grfkit.recordings.trials import ROW_COLUMNS, check_folder

UNIT = Note("unit: as the file says")
SHORTEST_S = 0.7  # two steps of running, at 170 a minute: our choice
RATES_HZ = (20, 2000)  # of cameras: our choice
SPEED_OFF = 0.15  # share by which the measured speed may differ from the given one before it is said: as in params
CSV = (".csv", ".tsv")  # files that are tables by their names
NO_FILE = "no file, but a folder of that name, or a link to a file that is not there"
TABLES = (  # of studies, by their columns: trials, participants of the public set, results of this program
    {*ROW_COLUMNS},
    {"FileName", "Height", "Mass", "Gender"},
    {"file", "side"},
    {"file", "steps", "refused"},
)
MOST_FILES, FEW_COLUMNS = 10, 6  # that a message lists: our choice
MOST_LABELS = 60  # that a message lists: our choice
TELL = (
    "Give the study that says how they follow, such as STUDY=rbds for the public set; of your own recordings `make "
    "new-study NAME=mine DATA=DIR` writes a study file in which you say where they are: then give STUDY=mine."
)


@dataclass(frozen=True)
class Found:
    """One recording, ready to be estimated."""

    file: Path
    points: np.ndarray  # (F, 11, 3) m in AP, ML, V; NaN where missing
    rate_hz: float
    treadmill: bool
    speed_m_s: float  # of the belt, or the mean of the pelvis overground
    notes: list  # a Note each: unit, up, forward, treadmill, speed, and what else is to be said
    rotation: np.ndarray | None = None  # (3, 3) from the axes of a C3D file to AP, ML, V
    layout: object = None  # the study's Preprocessing that it was read by
    mass_is: str = ""  # in words, whence the mass of the runner is
    start_s: float = 0.0  # the time of the first frame on the file's own clock; 0 where it has none, as a C3D file


class Listing(NamedTuple):
    """What a folder and its folders hold."""

    recordings: list  # paths
    left_out: dict  # path -> what it is and what to do, where somebody may have meant it as a recording
    others: dict  # path -> what it is, where it belongs there and is none


def find(folder):
    """List the recordings of a folder and its folders: C3D and TRC files, and CSV files of points by their columns.

    Returns a Listing. Static trials, which are known by their names, tables of studies and OpenSim's files of forces or
    angles are others; of Theia3D's two files of one person the filtered one is taken; what other programs wrote is left
    out, with what to do. Hidden files do not count. Raises ValueError where no recording is left.
    """
    folder = check_folder(folder)
    found = Listing([], {}, {})
    for path in sorted(path for path in folder.rglob("*") if path.name[0] not in ".~"):
        what, meant = describe(path)
        if what is None:
            found.recordings.append(path)
        elif what:
            (found.left_out if meant else found.others)[path] = what
    for path, filtered in versions.find_unfiltered(found.recordings).items():
        found.recordings.remove(path)
        found.left_out[path] = f"the same recording as {filtered.name}, unfiltered: the filtered one is taken"
    _gather(found.left_out)
    if not found.recordings:
        lines = [f"  {name_in(folder, path)}: {what}" for path, what in found.left_out.items()]
        lines += [f"  {name_in(folder, path)} is {what}" for path, what in found.others.items()]
        raise ValueError(
            f"Forces are estimated from C3D and TRC files, or CSV files with the columns {csv_points.EXAMPLE}; "
            f"{folder} and its folders hold none. Export recordings there, or give another folder: DATA=DIR."
            + "".join(f"\n{line}" for line in lines[:MOST_FILES])
            + f"\n  and {len(lines) - MOST_FILES} more" * (len(lines) > MOST_FILES)
        )
    return found


def name_in(folder, path):
    """Name a file of a folder; letters that are no text, as old archives leave them, are escaped."""
    return path.relative_to(folder).as_posix().encode("utf-8", "backslashreplace").decode("utf-8")


def describe(path):
    """Tell what a file is: text, and whether it may be meant as a recording.

    The text is None for a recording, and "" for what nobody would mean. A file that cannot be opened, or is no text, is
    left to `read`, which says so.
    """
    suffix = path.suffix.lower()
    if not path.is_file():
        return NO_FILE if suffix in (*files.POINTS_AND_PLATES, *CSV) else "", True
    if suffix in files.FORCES_ALONE:
        return foreign.KINDS[suffix], False
    try:
        if files.holds_markers(path):
            return ("a static trial", False) if STATIC.search(path.stem) else (None, True)
        what = foreign.describe(path)
        if what or suffix not in foreign.TEXT:
            return what, True
        if csv_points.holds_points(path):
            return None, True
        if suffix not in CSV:
            return "", True
        header, *_ = cells.read_rows(path, most_bytes=csv_points.HEADER_BYTES)
    except (ValueError, OSError):
        return (None if suffix in CSV else "", True)
    if any(names <= {*header} for names in TABLES):
        return "a table of a study", False
    few = ", ".join(header[:FEW_COLUMNS]) or "none: it is empty"
    return f"no recording of points: its columns are {few}{', ...' * (len(header) > FEW_COLUMNS)}", True


def _gather(left_out):
    """Name one JSON file of each folder alone, since pose estimators write one for each frame."""
    folders = {}
    for path in (path for path in left_out if path.suffix.lower() == ".json"):
        folders.setdefault(path.parent, []).append(path)
    for first, *more in folders.values():
        for path in more:
            del left_out[path]
        left_out[first] += f" (and {len(more)} more in its folder)" * bool(more)


def read(path, *, layout=None, static=None, treadmill=None, speed_m_s=None, rate_hz=None, speed_is="as given"):
    """Read one recording; returns Found. Force plates are not read: c3d.read_plates does.

    `layout` is a study's Preprocessing, which C3D and TRC files are read by; None finds everything from the file.
    `static` is the path of the static trial that clusters need. `treadmill` and `speed_m_s` are taken if given, else
    found; `speed_is` says in words whence that speed is; `rate_hz` is that of a CSV file without times. Raises
    ValueError, with its name, for a file that cannot be read, lacks a point, is too short, or contradicts itself.
    """
    path, speed_m_s, rate_hz = Path(path), number(speed_m_s), number(rate_hz)
    try:
        marked = files.holds_markers(path)
        if not marked and (what := foreign.describe(path)):
            raise ValueError(f"{path.name} is {what}.")
        if not marked and path.suffix.lower() in foreign.TEXT:
            points, rate_hz, declared, start_s, notes = _read_csv(path, rate_hz)
            notes += [
                Note("the study file is about files of markers; this is a CSV file, whose columns say what they are")
            ] * bool(layout)
        elif layout:
            return _follow(path, layout, static, treadmill, speed_m_s, speed_is)
        else:
            points, rate_hz, declared, start_s, notes = _read_markers(path)
        places.check(points)
        blanked = gaps.blank_fills(points, rate_hz)
        notes += gaps.note(points, blanked)
        _check_whole(blanked, rate_hz)
        turned = orientation.orient(blanked, rate_hz, treadmill=treadmill, declared=declared)
    except ValueError as error:
        raise ValueError(str(error) if path.name in str(error) else f"{path.name}: {error}") from None
    given = (speed_m_s, speed_is)
    found = _found(path, turned.points, rate_hz, turned.treadmill, turned.speed_m_s, given, notes + turned.notes)
    found = replace(found, start_s=start_s)
    return replace(found, rotation=turned.rotation) if path.suffix.lower() == ".c3d" else found


def _read_csv(path, rate_hz):
    """Read a CSV file -> points (F, 11, 3) m in its axes, rate (Hz), whether they are AP, ML, V, start (s), notes."""
    points, rate_hz, letters, names, start_s = csv_points.read_csv(path, rate_hz=rate_hz)
    points = gaps.blank_zeros(points)
    places.check(points)
    _check_whole(points, rate_hz)
    metres, unit = orientation.find_unit(points)
    points = points * metres
    unit = f"unit: {unit}, since thigh and shank are {orientation.leg_length(points):.2f} m long"
    return points, rate_hz, letters == "ap ml v", start_s, [_names(names), Note(unit)]


def _read_markers(path):
    """Read a file of markers -> points (F, 11, 3) m in its own axes, rate (Hz), False, start (s), notes."""
    recording = files.read(path, forward="+x", up="+z", plates=[])
    points, why_not = landmarks.find_theia(recording)
    if points is not None:
        notes = [Note("points: Theia3D's segment poses"), UNIT, *recording.notes]
        return points, recording.pose_hz, False, 0.0, notes
    labels = list(recording.points)
    names = match_set(labels) or {
        point: label for point, (label, sure) in match(labels).items() if sure and isinstance(label, str)
    }
    absent = [point for point in POINTS if point not in names]
    if absent:
        listed = ", ".join(sorted(plain(labels))[:MOST_LABELS]) or "none"
        why_not = why_not or " ".join(note.text for note in recording.notes if note.text.startswith("segment poses"))
        why_not = f" Nor has it Theia3D's: {why_not}" if why_not else ""
        raise ValueError(
            f"The 11 points are Theia3D's segment poses, or markers of their names ({', '.join(POINTS)}); "
            f"{path.name} has no marker "
            f"that is surely {', '.join(absent)}, and no study was given. "
            f"Its markers: {listed}{', ...' if len(labels) > MOST_LABELS else ''}."
            f"{why_not} {TELL}"
        )
    said = [] if any(note.text.startswith("unit: ") for note in recording.notes) else [UNIT]
    notes = [_names(names), *said, *recording.notes]
    points = landmarks.from_markers(recording.points, names)
    return points, recording.point_hz, False, recording.start_s or 0.0, notes


def _follow(path, layout, static, treadmill, speed_m_s, speed_is):
    """Read a C3D or TRC file as a study's Preprocessing says."""
    trial = SimpleNamespace(file=path.name, static=str(Path(static).resolve()) if static else "")
    try:
        recording, points = load_trial(trial, path.parent, {}, layout.model_copy(update={"plates": []}))
    except Excluded as reason:
        raise ValueError(f"{reason}. Name the axis `forward` in the study file.") from None
    points = gaps.blank_zeros(points)
    _check_whole(points, recording.point_hz)
    orientation.check_body(
        points,
        advice="If this recording alone is refused so, correct its labels, or its static trial; if all of the study "
        "are, turn the sign of `forward` in the study file, or name the right axes and markers.",
    )
    belt = layout.treadmill if treadmill is None else treadmill
    says = "as the study file says"
    ahead = f"found from the runner, {says}" if layout.forward == "found" else f"{layout.forward}, {says}"
    notes = [
        Note(f"points: {says}"),
        Note(f"up: {layout.up}, {says}"),
        Note(f"forward: {ahead}"),
        Note(f"treadmill: {'yes' if belt else 'no'}, {says if treadmill is None else 'as typed'}"),
        *speed.slope_note(points, recording.point_hz, treadmill=belt),
        *recording.notes,
    ]
    measured = speed.speed(points, recording.point_hz, treadmill=belt)
    found = _found(path, points, recording.point_hz, belt, measured, (speed_m_s, speed_is), notes)
    rotation = recording.rotation if path.suffix.lower() == ".c3d" else None  # else plates lie in another file
    return replace(found, rotation=rotation, layout=layout, start_s=recording.start_s or 0.0)


def _found(path, points, rate_hz, treadmill, measured, given, notes):
    """Put a recording together, with the given speed, and whence it is, in place of the measured one."""
    given, given_is = given
    what = "of the belt" if treadmill else "of the pelvis"
    note = Note(f"speed: {measured:.2f} m/s {what}, measured")
    if given is not None:
        off = abs(measured / given - 1) > SPEED_OFF
        note = Note(
            f"speed: {given:.2f} m/s, {given_is}; measured {what}: {measured:.2f} m/s"
            f"{f', more than {100 * SPEED_OFF:.0f} % off' if off else ''}",
            is_warning=off,
        )
    return Found(path, points, float(rate_hz), treadmill, float(measured if given is None else given), [*notes, note])


def _check_whole(points, rate_hz):
    """Check that points (F, 11, 3) at a rate (Hz) are some steps of all points."""
    if not RATES_HZ[0] <= round(rate_hz, 1) <= RATES_HZ[1]:
        raise ValueError(
            f"Cameras take {RATES_HZ[0]} to {RATES_HZ[1]} frames a second; here {rate_hz:g}. Times are in seconds: "
            "divide milliseconds by 1000."
        )
    seen = np.isfinite(points).all(axis=2)
    never = [point for point, there in zip(POINTS, seen.any(axis=0), strict=True) if not there]
    if never:
        raise ValueError(
            f"All 11 points must be seen; {', '.join(never)} never is. Track it again, or leave the recording out."
        )
    if seen.all(axis=1).sum() < SHORTEST_S * rate_hz:
        raise ValueError(
            f"A recording shows all points for {SHORTEST_S} s at least, some two steps; here for "
            f"{seen.all(axis=1).sum() / rate_hz:.2f} s of {len(seen) / rate_hz:.2f} s. Export more frames, or leave "
            "the recording out."
        )


def _names(names):
    """Say which label stands for which point, where it is not its own name."""
    written = {point: name if isinstance(name, str) else " + ".join(plain(name)) for point, name in names.items()}
    others = [f"{point} is {name}" for point, name in written.items() if name.lower() != point]
    return Note(f"points: {', '.join(others)}" if others else "points: by their names")
