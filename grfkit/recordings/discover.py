"""Find and read recordings without force plates.

In: a folder, or a C3D, TRC or CSV file. Out: the 11 points in the runner's axes, and notes on what was found. Without a
study file that describes the laboratory's recordings, everything is found from the file itself.
"""

from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pandas as pd

from grfkit.points import INPUTS, POINTS, Excluded, InputError, Note
from grfkit.recordings import csv_points, files, landmarks, orientation, speed, versions
from grfkit.recordings.faults import gaps, places
from grfkit.recordings.formats import cells, foreign
from grfkit.recordings.labels import STATIC, match, match_set, plain
from grfkit.recordings.read import load_trial
from grfkit.recordings.trials import RATES_HZ, ROW_COLUMNS, check_given, folder_of

UNIT = Note("unit: as the file says")
SHORTEST_S = 0.7  # two steps of running, at 170 a minute: our choice
SPEED_OFF = 0.15  # share by which the measured speed may differ from the given one without a warning: as in params
CSV = (".csv", ".tsv")  # files that are tables by their names
NO_FILE = "not a file, but a folder of that name, or a link to a missing file"
TABLES = (  # of studies, by their columns: trials, participants of the public set, results of this program
    {*ROW_COLUMNS},
    {"FileName", "Height", "Mass", "Gender"},
    {"file", "side"},
    {"file", "steps", "refused"},
)
MOST_FILES, FEW_COLUMNS = 10, 6  # most files and columns in a message: our choice
MOST_LABELS = 60  # most labels in a message: our choice
OTHER_NAMES = "or LHJC, LKJC, LHEE as Vicon, LHJC_study as OpenCap, LHip, LBigToe as Pose2Sim names them"
TELL = (
    "Give a study file that says how the points follow from the markers. The public set has --study params/rbds.yaml "
    "(make: STUDY=rbds). For your own recordings, `make new-study NAME=mine DATA=DIR` writes one; fill it in, then run "
    "`grfkit estimate PATH --study params/mine.yaml` (make: STUDY=mine)."
)


@dataclass(frozen=True, repr=False)
class Found:
    """One recording, ready to be estimated: F frames of the 11 points, and what was found about them."""

    file: Path  # for points in an array, their name
    points: np.ndarray  # (F, 11, 3) m in AP, ML, V; NaN where missing
    rate_hz: float
    treadmill: bool
    speed_m_s: float  # of the belt, or the mean of the pelvis overground
    notes: list  # a Note each: unit, up, forward, treadmill, speed and others
    rotation: np.ndarray | None = None  # (3, 3) from the axes of the file to AP, ML, V
    layout: object = None  # the study's Preprocessing with which it was read
    mass_is: str = ""  # in words, where the mass of the runner comes from
    start_s: float = 0.0  # the time of the first frame on the file's own clock; 0 if it has none, as a C3D file
    plates: bool = False  # whether the file may hold force plates too

    @property
    def names(self):
        """Give the names of the 11 points, in the order of `points`."""
        return list(POINTS)

    @property
    def found(self):
        """List what was found: texts about points, unit, axes, treadmill and speed."""
        return [note.text for note in self.notes if not note.is_warning]

    @property
    def warnings(self):
        """List what may make an estimate wrong: texts."""
        return [note.text for note in self.notes if note.is_warning]

    def to_frame(self):
        """Give the points as a table: time_s, and <point>_<ap|ml|v> in m. Saved as a CSV file, it can be read again."""
        times = self.start_s + np.arange(len(self.points)) / self.rate_hz
        return pd.DataFrame(self.points.reshape(len(times), -1), columns=INPUTS).assign(time_s=times)[
            ["time_s", *INPUTS]
        ]

    def _title(self):
        length = f"{len(self.points)} frames at {self.rate_hz:g} Hz, {len(self.points) / self.rate_hz:.2f} s"
        where = "on a treadmill" if self.treadmill else "overground"
        return f"{self.file.name}: {len(POINTS)} points, {length}, {where} at {self.speed_m_s:.2f} m/s"

    def __repr__(self):
        return "\n".join([self._title(), *self.found, *(f"warning: {text}" for text in self.warnings)])

    def _repr_html_(self):
        """Show what was found, and the warnings, in Jupyter."""
        texts = [*map(escape, self.found), *(f"<strong>Warning:</strong> {escape(text)}" for text in self.warnings)]
        return f"<div><p>{escape(self._title())}</p><ul>{''.join(f'<li>{text}</li>' for text in texts)}</ul></div>"


class Listing(NamedTuple):
    """The files of a folder and its subfolders."""

    recordings: list  # paths
    left_out: dict  # path -> what it is and what to do; files that somebody may have meant as recordings
    others: dict  # path -> what it is; files that belong there and are not recordings


def find(data):
    """List the recordings of a folder and its subfolders: C3D, TRC, text exports, and CSV files of points.

    `data` may be one file. Returns a Listing. Its `others` are static trials (known by their names), tables of studies,
    and OpenSim's files of forces or angles. If Theia3D wrote two files of one person, the filtered one is taken. Files
    of other programs are left out, with advice. Hidden files do not count. Raises ValueError if no recording is left.
    """
    folder, data = folder_of(data), Path(data)
    if data != folder:
        return _find_one(data)
    found = Listing([], {}, {})
    for path in sorted(path for path in folder.rglob("*") if path.name[0] not in ".~"):
        what, meant = describe(path)
        if what is None:
            found.recordings.append(path)
        elif what:
            (found.left_out if meant else found.others)[path] = what
    for path, filtered in versions.find_unfiltered(found.recordings).items():
        found.recordings.remove(path)
        found.left_out[path] = f"the unfiltered version of {filtered.name}, which is used instead"
    _gather(found.left_out)
    if not found.recordings:
        lines = [f"  {name_in(folder, path)}: {what}" for path, what in found.left_out.items()]
        lines += [f"  {name_in(folder, path)} is {what}" for path, what in found.others.items()]
        raise ValueError(
            f"Forces are estimated from C3D and TRC files, or CSV files with the columns {csv_points.EXAMPLE}; "
            f"{folder} and its folders hold none. Export recordings there, or give another file or folder."
            + "".join(f"\n{line}" for line in lines[:MOST_FILES])
            + f"\n  and {len(lines) - MOST_FILES} more" * (len(lines) > MOST_FILES)
        )
    return found


def _find_one(path):
    """List one file; raises ValueError if it is not a recording of running."""
    what, meant = describe(path)
    if what is None:
        return Listing([path], {}, {})
    advice = f" Give a C3D or TRC file, a text export, or a CSV file with the columns {csv_points.EXAMPLE}."
    raise ValueError(
        f"Forces are estimated from a recording of running; {path.name} is {what or 'of another kind'}."
        + advice * (not (meant and foreign.describe(path)))  # the text on other programs' files has its own advice
    )


def name_in(folder, path):
    """Name a file by its path within a folder; bytes that are not text, as in old archives, are escaped."""
    return path.relative_to(folder).as_posix().encode("utf-8", "backslashreplace").decode("utf-8")


def describe(path):
    """Describe a file in words, and tell whether it may be meant as a recording.

    The text is None for a recording, and "" for a file that nobody would mean. A file that cannot be opened, or is not
    text, counts as a recording, so that `read` says what is wrong.
    """
    suffix = path.suffix.lower()
    if not path.is_file():
        return NO_FILE if suffix in (*files.POINTS_AND_PLATES, *CSV) else "", True
    if suffix in files.FORCES_ALONE:
        return foreign.KINDS[suffix], False
    try:
        what = foreign.describe(path)
        if not what and files.holds_markers(path):
            return ("a static trial", False) if STATIC.search(path.stem) else (None, True)
        if what or suffix not in foreign.TEXT:
            return what, True
        if csv_points.holds_points(path):
            return None, True
        if suffix not in CSV:
            return "", True
        header, *_ = cells.read_rows(path, most_bytes=csv_points.HEADER_BYTES)
    except (ValueError, OSError):
        return (None if suffix in (*CSV, *files.POINTS_AND_PLATES) else "", True)
    if any(names <= {*header} for names in TABLES):
        return "a table of a study", False
    few = ", ".join(header[:FEW_COLUMNS]) + ", ..." * (len(header) > FEW_COLUMNS)
    return f"not a recording of points: {f'its columns are {few}' if few else 'it is empty'}", True


def _gather(left_out):
    """Keep only one JSON file of each folder, because pose estimators write one for each frame."""
    folders = {}
    for path in (path for path in left_out if path.suffix.lower() == ".json"):
        folders.setdefault(path.parent, []).append(path)
    for first, *more in folders.values():
        for path in more:
            del left_out[path]
        left_out[first] += f" (and {len(more)} more in its folder)" * bool(more)


def read(path, *, layout=None, static=None, treadmill=None, speed_m_s=None, rate_hz=None, speed_is="as given"):
    """Read one recording; returns Found. Force plates are not read here: c3d.read_plates reads them.

    `layout` is a study's Preprocessing, which says how to read files of markers; None finds everything from the file.
    `static` is the path of the static trial that clusters need. `treadmill` (True or False) and `speed_m_s` are used if
    given, otherwise found; `speed_is` says in words where that speed comes from; `rate_hz` is the rate of a CSV file
    without times. Raises ValueError, with the file's name, for a file that cannot be read, lacks a point, is too short,
    or contradicts itself, and for numbers that no runner can have.

    >>> import grfkit
    >>> from pathlib import Path
    >>> run = grfkit.read(Path(grfkit.__file__).parent / "example" / "run.trc")
    >>> run.points.shape, run.rate_hz, run.names[:3]
    ((884, 11, 3), 100.0, ['pelvis', 'l_hip', 'l_knee'])
    >>> run.treadmill, f"{run.speed_m_s:.2f} m/s", run.warnings
    (True, '3.35 m/s', [])
    >>> run.found[1:3]
    ['unit: as the file says', 'up: +y, along which the pelvis is 0.79 m above the feet']
    """
    given = check_given(treadmill=treadmill, speed_m_s=speed_m_s, rate_hz=rate_hz)
    path, treadmill, speed_m_s, rate_hz = Path(path), *given.values()
    try:
        if what := foreign.describe(path):
            raise ValueError(f"{path.name} is {what}.")
        marked = files.holds_markers(path)
        if not marked and path.suffix.lower() in foreign.TEXT:
            points, rate_hz, declared, start_s, notes = _read_csv(path, rate_hz)
            notes += [
                Note("the study file describes files of markers; this is a CSV file, whose columns name the points")
            ] * bool(layout)
        elif layout:
            return _follow(path, layout, static, treadmill, speed_m_s, speed_is)
        else:
            points, rate_hz, declared, start_s, notes = _read_markers(path)
        found = _orient(path, points, rate_hz, notes, treadmill, (speed_m_s, speed_is), declared=declared)
    except ValueError as error:
        raise ValueError(str(error) if path.name in str(error) else f"{path.name}: {error}") from None
    return replace(found, start_s=start_s, plates=path.suffix.lower() == ".c3d")


def from_array(points, rate_hz, *, name="points", treadmill=None, speed_m_s=None):
    """Make a recording of points in an array, from any pose system; returns Found.

    `points` (F, 11, 3) are those of grfkit.points.POINTS, in that order, NaN where missing, in m, cm or mm, along any
    three axes of which one is vertical: unit and axes are found as for a file. `rate_hz` is frames a second, `name` the
    name in tables; `treadmill` and `speed_m_s` are as for `read`. Raises ValueError for other arrays, and for the same
    reasons as `read`.

    >>> import grfkit
    >>> from pathlib import Path
    >>> run = grfkit.read(Path(grfkit.__file__).parent / "example" / "run.trc")
    >>> mine = grfkit.from_array(1000 * run.points[..., [1, 2, 0]], 100, name="mine")  # mm, the second axis up
    >>> mine.found[:2]
    ['unit: mm, since thigh and shank are 0.85 m long', 'up: +y, along which the pelvis is 0.79 m above the feet']
    """
    given = check_given(treadmill=treadmill, speed_m_s=speed_m_s, rate_hz=rate_hz)
    array = np.array(points, float)
    if array.ndim != 3 or array.shape[1:] != (len(POINTS), 3) or rate_hz is None:
        raise InputError(
            f"Points are an array (F, {len(POINTS)}, 3) at a rate in Hz: {', '.join(POINTS)}; found {array.shape} at "
            f"{rate_hz!r} Hz.",
            "Choose these points, and put frames first and coordinates last.",
        )
    array, unit = _find_metres(array, given["rate_hz"])
    speed = given["speed_m_s"], "as given"
    return _orient(Path(name), array, given["rate_hz"], [unit], given["treadmill"], speed, declared=False)


def _orient(path, points, rate_hz, notes, treadmill, given, *, declared):
    """Turn points (F, 11, 3) m into the runner's axes, if all points are seen for some steps; returns Found."""
    places.check(points)
    blanked = gaps.blank_fills(points, rate_hz)
    notes += gaps.note(points, blanked)
    _check_whole(blanked, rate_hz)
    turned = orientation.orient(blanked, rate_hz, treadmill=treadmill, declared=declared)
    found = _found(path, turned.points, rate_hz, turned.treadmill, turned.speed_m_s, given, notes + turned.notes)
    return replace(found, rotation=turned.rotation)


def _read_csv(path, rate_hz):
    """Read a CSV file -> points (F, 11, 3) m in its axes, rate (Hz), whether they are AP, ML, V, start (s), notes."""
    points, rate_hz, letters, names, start_s = csv_points.read_csv(path, rate_hz=rate_hz)
    points, unit = _find_metres(points, rate_hz)
    return points, rate_hz, letters == "ap ml v", start_s, [_names(names), unit]


def _find_metres(points, rate_hz):
    """Find the unit of points (F, 11, 3) -> points in m, NaN where missing, and a Note on the unit."""
    points = gaps.blank_zeros(points)
    places.check(points)
    _check_whole(points, rate_hz)
    metres, unit = orientation.find_unit(points)
    points = points * metres
    return points, Note(f"unit: {unit}, since thigh and shank are {orientation.leg_length(points):.2f} m long")


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
        why_not = f" Its poses cannot be used as Theia3D's: {why_not}" if why_not else ""
        raise ValueError(
            f"The 11 points come from Theia3D's segment poses, or from markers with their names ({', '.join(POINTS)}; "
            f"{OTHER_NAMES}); {path.name} has no marker that is surely {', '.join(absent)}, and no study was given. "
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
        advice="If only this recording is refused, correct its labels or its static trial. If all recordings of the "
        "study are, change the sign of `forward` in the study file, or name the right axes and markers.",
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
    beside = {"layout": layout, "start_s": recording.start_s or 0.0, "plates": path.suffix.lower() == ".c3d"}
    return replace(found, rotation=recording.rotation, **beside)


def _found(path, points, rate_hz, treadmill, measured, given, notes):
    """Put a recording together; a given speed, with its source, replaces the measured one."""
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
    """Check that points (F, 11, 3) at a rate (Hz) show all points for some steps."""
    if not RATES_HZ[0] <= round(rate_hz, 1) <= RATES_HZ[1]:
        raise ValueError(
            f"Cameras take {RATES_HZ[0]} to {RATES_HZ[1]} frames a second; here it is {rate_hz:g}. Times must be in "
            "seconds: divide milliseconds by 1000."
        )
    seen = np.isfinite(points).all(axis=2)
    never = [point for point, there in zip(POINTS, seen.any(axis=0), strict=True) if not there]
    if never:
        raise ValueError(
            f"All 11 points must be seen; {', '.join(never)} never is. Track it again, or leave the recording out."
        )
    if seen.all(axis=1).sum() < SHORTEST_S * rate_hz:
        raise ValueError(
            f"A recording must show all points for at least {SHORTEST_S} s, about two steps; here it does so for "
            f"{seen.all(axis=1).sum() / rate_hz:.2f} s of {len(seen) / rate_hz:.2f} s. Export more frames, or leave "
            "the recording out."
        )


def _names(names):
    """Make a Note on which label is which point, unless all points have their own names."""
    written = {point: name if isinstance(name, str) else " + ".join(plain(name)) for point, name in names.items()}
    others = [f"{point} is {name}" for point, name in written.items() if name.lower() != point]
    return Note(f"points: {', '.join(others)}" if others else "points: by their names")
