"""Read a C3D file: points, segment poses, and force plates.

In: the path of a file. Out: points, poses, forces and centres of pressure of each plate in the runner's axes, SI units.
Axes here and in the whole library: AP (positive forward), ML (positive to the runner's left), V (positive up).
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import ezc3d
import numpy as np

from grfkit.points import InputError, Note
from grfkit.recordings.formats import c3d_check, c3d_layout, c3d_plates, c3d_units, reader_process
from grfkit.recordings.plates import saturated

AXES = {"x": np.array([1.0, 0, 0]), "y": np.array([0, 1.0, 0]), "z": np.array([0, 0, 1.0])}
GLITCH_FRAMES = 5  # largest and smallest values that are ignored when the sign of a force is found: our choice
FARTHEST_M, STRONGEST_N = 1e3, 1e5  # a place and a force beyond any laboratory: our choice
SENTINEL_M = 1e6  # too far for a wrong unit, so it stands for a missing point: our choice
GHOSTS = 0.5  # share of places that may be too far; if there are more, the unit is wrong: our choice
COUNTS = 65536  # that an integer of 16 bits can hold
ACROSS = 0.9  # share of them that a place crosses from frame to frame when it runs over: our choice
PLATE_EDGE_M = (0.1, 30.0)  # of a force plate, a belt, or a virtual plate as long as a run: our choice


@dataclass(frozen=True)
class Plate:
    """One force plate: what the ground does to the runner."""

    force: np.ndarray  # (T, 3) N, at the force rate
    cop: np.ndarray  # (T, 3) m, NaN where the plate is unloaded
    corners: np.ndarray  # (4, 3) m; NaN where the file does not say (OpenSim's forces)
    number: int = 0  # in the file, from 1 on; 0 where no file is known
    saturated: np.ndarray | None = None  # (T,) bool: frames in which a raw channel is clipped; None is not known
    estimated: bool = False  # whether grfkit estimated it: then nothing was measured

    def __post_init__(self):
        far = ~(np.abs(self.cop) <= FARTHEST_M).all(axis=-1)
        self.cop[far] = np.nan  # on an unloaded plate, noise is divided by noise


@dataclass(frozen=True)
class Recording:
    """What one file holds, in AP, ML, V axes."""

    points: dict  # name -> (F, 3) m, NaN where missing
    point_hz: float
    plates: list
    force_hz: float
    # segment -> (F, 3, 4): axes of the segment as columns, and its origin in m
    poses: dict = field(default_factory=dict)
    pose_hz: float = float("nan")
    # name in lower case -> (3,) m, in the axes of a segment (Theia3D's heels)
    offsets: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)  # a Note each: what was skipped, or treated as missing
    rotation: np.ndarray = field(default_factory=lambda: np.eye(3))  # from the axes of the file to AP, ML, V
    start_s: float | None = None  # time of the first frame; None if the file does not give it (C3D)

    def __post_init__(self):
        for values in (self.points, self.poses):
            frames = {len(each) for each in values.values()}
            if len(frames) > 1:
                raise ValueError(f"All points of a recording need the same number of frames; found {sorted(frames)}.")


def axes(forward, up):
    """Build the rotation (3, 3) from file axes to AP, ML, V: its rows are forward, left and up.

    `forward` and `up` are signed axes of the file such as "+x"; forward "found" takes the first horizontal axis, which
    `turn` corrects later. Raises ValueError if they are parallel.
    """
    above = _axis(up)
    ahead = next(axis for axis in AXES.values() if not axis @ above) if forward == "found" else _axis(forward)
    if abs(ahead @ above) > 0:
        raise ValueError(
            f"forward and up must be different axes of the C3D file; found {forward} and {up}. "
            "Correct them in the study file."
        )
    return np.stack([ahead, np.cross(above, ahead), above])


def read(path, *, forward, up, plates=None):
    """Read one C3D file.

    Returns a Recording: points in m, with NaN for missing ones (a file may store a hidden point as (0, 0, 0), as NaN,
    with a negative residual, or at a place beyond any laboratory); forces in N as the ground exerts them on the runner
    (vertical force positive, whatever the file's own sign); and centres of pressure in m. A plate without a single
    frame, as in some static trials, is left out. `plates` lists the numbers of the plates to read, counted from 1; None
    is all. Raises InputError for a file that cannot be read, or that two readers read differently; for an unknown
    unit; and for a plate with impossible corners or force axes.
    """
    return isolated(_read, path, forward=forward, up=up, plates=plates)


def isolated(function, path, **options):
    """Call a function of this package for the C3D file at `path` in the reader process, where a crash does no harm."""
    path = Path(path)
    if not path.is_file():
        found = "is not a file" if path.exists() else "does not exist"
        raise ValueError(f"A recording is a C3D file; {path} {found}. Correct the path.")
    try:  # the process stays in the folder where it began
        return reader_process.call(function, path.absolute(), size=path.stat().st_size, **options)
    except (reader_process.ReaderDied, MemoryError) as error:
        raise InputError(
            f"A C3D file is read in seconds, with little memory; {path.name} cannot be read: it is damaged, and its "
            "reader crashed, did not end, or filled the memory.",
            c3d_layout.ADVICE,
        ) from error


def _read(path, *, forward, up, plates):
    return convert(open_file(path), forward=forward, up=up, plates=plates)


class Content(NamedTuple):
    """One file as ezc3d reads it, in its own units, and as its bytes say; both agree."""

    layout: c3d_layout.Layout
    points: np.ndarray  # (3, P, F)
    residuals: np.ndarray  # (P, F), negative where missing
    rotations: np.ndarray | None  # (4, 4, segments, F); None without
    swig: object  # ezc3d's own


def open_file(path):
    """Open a C3D file with ezc3d -> Content; runs in the reader process.

    Raises InputError if it cannot be read, or if ezc3d reads other points or poses than its bytes hold.
    """
    layout = c3d_layout.read_layout(path)
    c3d_check.check_layout(layout)
    try:
        swig = ezc3d.ezc3d.c3d(str(path))  # ezc3d.c3d also lays out what nobody here asks for
    except TypeError as error:
        raise InputError(
            f"The name of a C3D file must be text; {path.name!a} is not.", "Give the file another name."
        ) from error
    except Exception as error:  # ezc3d raises plain RuntimeError, OSError and others for a damaged file
        if "bad_alloc" in str(error):
            raise MemoryError from error
        raise InputError(
            f"A recording is a C3D file; {path.name} cannot be read: {error}.", c3d_layout.ADVICE
        ) from error
    points, residuals = swig.get_points()[:3], swig.get_point_residuals()[0]
    c3d_check.check_points(layout, points, residuals)
    return Content(layout, points, residuals, _rotations(layout, swig), swig)


def _rotations(layout, swig):
    """Take the poses that ezc3d read -> (4, 4, segments, F); None if there are none, or if only they are wrong."""
    try:
        return c3d_check.check_poses(layout, swig.get_rotations)
    except InputError as error:
        if not layout.shape.points:
            raise
        layout.notes.append(f"segment poses were not read. {error.fact}")
        return None


def convert(content, *, forward, up, plates=None):
    """Turn the Content of a file into a Recording, as `read` says."""
    layout, rotation = content.layout, axes(forward, up)
    scale = c3d_units.metres(layout.length_unit, layout.name)
    points, notes = _points(content, rotation, scale)
    found = _plates(content, rotation, plates)
    return Recording(
        points,
        layout.rate_hz,
        found,
        layout.samples * layout.rate_hz if found else float("nan"),
        *_poses(content, rotation, scale),
        _offsets(layout),
        [Note(text) for text in dict.fromkeys(layout.notes)] + notes,
        rotation=rotation,
    )


def read_plates(path, rotation, numbers=None):
    """Read those force plates of a C3D file that can be read: list of Plate, rate (Hz), {number: why not}, notes.

    `rotation` (3, 3) is from the axes of the file to AP, ML, V, and one of these axes points up. `numbers` lists the
    wanted plates; None is all.
    """
    up = int(np.argmax(np.abs(rotation[2])))
    recording, bad = isolated(_read_good_plates, path, up=axis_name(up, rotation[2, up]), numbers=numbers)
    ahead = (rotation @ recording.rotation.T)[0]
    return turn(recording, np.empty((0, 3)), ahead)[0].plates, recording.force_hz, bad, recording.notes


def _read_good_plates(path, *, up, numbers):
    content = open_file(path)
    recording, _, bad = convert_good_plates(content, up=up, numbers=numbers)
    return replace(recording, points={}, poses={}), bad


def convert_good_plates(content, *, up, numbers=None):
    """Turn the Content of a file into a Recording of the force plates that can be read; runs in the reader process.

    Returns the Recording, the numbers of its plates, and {number: why not} of the others. `numbers` lists the wanted
    plates; None is all.
    """
    bad = {}
    wanted = list(range(1, c3d_plates.plate_count(content.layout) + 1) if numbers is None else numbers)
    try:
        return convert(content, forward="found", up=up, plates=wanted), wanted, bad
    except ValueError:
        recording = convert(content, forward="found", up=up, plates=[])  # if this fails too, it is not a plate
    for number in wanted:
        try:
            convert(content, forward="found", up=up, plates=[number])
        except ValueError as error:
            bad[number] = getattr(error, "fact", str(error))
    good = [number for number in wanted if number not in bad]
    return (convert(content, forward="found", up=up, plates=good) if good else recording), good, bad


def turn(recording, points, ahead):
    """Turn a recording and its points (F, 11, 3) m about the vertical, so that a direction `ahead` (3,) becomes AP."""
    ahead = np.array([ahead[0], ahead[1], 0.0]) / np.hypot(ahead[0], ahead[1])
    rotation = np.stack([ahead, np.cross([0.0, 0.0, 1.0], ahead), [0.0, 0.0, 1.0]])
    plates = [
        replace(plate, **{name: getattr(plate, name) @ rotation.T for name in ("force", "cop", "corners")})
        for plate in recording.plates
    ]
    return replace(
        recording,
        plates=plates,
        points={name: xyz @ rotation.T for name, xyz in recording.points.items()},
        poses={name: rotation @ pose for name, pose in recording.poses.items()},
        rotation=rotation @ recording.rotation,
    ), points @ rotation.T


def axis_name(number, sign):
    """Name an axis of a file, 0 to 2, by the sign of a value along it: "+x"."""
    return ("+" if sign > 0 else "-") + "xyz"[number]


def numbered(labels):
    """Add a number to labels that occur more than once, so that each is unique: LHEE#1, LHEE#2."""
    twice = {label for label in labels if labels.count(label) > 1}
    return [f"{label}#{labels[: i + 1].count(label)}" if label in twice else label for i, label in enumerate(labels)]


def _axis(name):
    return AXES[name[1]] * (1 if name[0] == "+" else -1)


def _points(content, rotation, scale):
    """Gather the points -> {name: (F, 3) m, NaN where missing}, notes."""
    raw, layout = content.points, content.layout
    turned = rotation * scale  # in each row, one number is not 0
    metres = np.stack([row[row != 0] * raw[np.flatnonzero(row)[0]] for row in turned])
    metres = np.moveaxis(metres, 0, 2)
    metres[np.isnan(raw).any(0) | (raw == 0).all(0) | (content.residuals < 0)] = np.nan
    notes = _continued(metres, COUNTS * scale * layout.header.scale)
    if not np.fmax.reduce(np.abs(metres), axis=None, initial=0) <= FARTHEST_M:
        farthest = np.fmax.reduce(np.abs(metres), axis=2)
        far, beyond_any_unit = farthest > FARTHEST_M, farthest > SENTINEL_M
        layout.require(
            np.count_nonzero(far & ~beyond_any_unit) <= GHOSTS * np.count_nonzero(farthest <= SENTINEL_M),
            f"has its points within {FARTHEST_M:,.0f} m",
            f"has most of them further away, in {layout.length_unit}",
            "Export it again, with the unit of its points in POINT:UNITS.",
        )
        metres[far] = np.nan
        notes.append(Note(f"{far.sum()} places of points beyond {FARTHEST_M:,.0f} m are treated as missing"))
    # frames lie next to each other in memory: sums over them round alike in both processes
    return dict(zip(_labels(layout, "POINT", len(metres)), map(np.asfortranarray, metres), strict=True)), notes


def _continued(metres, reach):
    """Continue coordinates (P, F, 3) m that left the `reach` (m) of their integers, in place: a list of Note.

    If a place jumps from one end of the 16-bit range to the other in one frame, it has left the range.
    """
    ran_over = []
    for number, place in enumerate(metres if reach > 0 else ()):
        seen = np.flatnonzero(np.isfinite(place).all(axis=1))
        steps = np.diff(place[seen], axis=0)
        over = np.abs(steps) > ACROSS * reach
        if over.any():
            place[seen[1:]] -= reach * np.cumsum(np.round(steps / reach) * over, axis=0)
            ran_over.append(number)
    text = (
        f"{len(ran_over)} points left the {reach:.2f} m that 16 bits can hold, and were continued: export real numbers"
    )
    return [Note(text, is_warning=True)] * bool(ran_over)


def _labels(layout, group, count):
    """Name `count` points or segments. Equal names get a number, such as LHEE#2, which the study file may use.

    Some files name more points than they hold, some fewer.
    """
    labels = layout.all_values(group, "LABELS")[:count]
    return numbered(labels + [f"unnamed_{number + 1}" for number in range(len(labels), count)])


def _poses(content, rotation, scale):
    """Gather the 4x4 poses of segments (Theia3D) and their rate; a segment that was not tracked is NaN."""
    layout, raw = content.layout, content.rotations
    used, ratio, _ = layout.poses
    if raw is None:
        return {}, float("nan")
    poses = np.einsum("ij,jcsf->sfic", rotation, raw[:3])
    poses[..., 3] *= scale
    far = ~(np.abs(poses[..., 3]) <= FARTHEST_M).all(axis=2)
    poses[~np.isfinite(poses).all(axis=(2, 3)) | (poses[..., :3] == 0).all(axis=(2, 3)) | far] = np.nan
    return dict(
        zip(_labels(layout, "ROTATION", used), map(np.asfortranarray, poses), strict=True)
    ), ratio * layout.rate_hz


def _offsets(layout):
    """Gather the vectors (3,) m of the group THEIA3D, such as the heels' in the axes of the feet."""
    values = layout.groups.get("THEIA3D", {}).items()
    return {name.lower(): entry.values() for name, entry in values if entry.type == 4 and entry.count == 3}


def _plates(content, rotation, wanted):
    """Read the force plates with the `wanted` numbers, counted from 1; None is all: a list of Plate."""
    layout = content.layout
    count = c3d_plates.plate_count(layout)
    if any(not 1 <= number <= count for number in wanted or []):
        raise ValueError(
            f"The study names the force plates {wanted}; the C3D file has {count}. Correct `plates` in the study file."
        )
    numbers = range(1, count + 1) if wanted is None else sorted(set(wanted))
    for number in numbers:
        c3d_plates.plate_type(layout, number)
    if not numbers or not layout.shape.analog_values:  # a static trial may have plates and no channels
        return []
    analogs = content.swig.get_analogs()[0]
    return [_read_plate(content, analogs, number, rotation) for number in numbers]


def _read_plate(content, analogs, number, rotation):
    """Read one plate in the axes and the unit of the file, and turn it into the runner's axes."""
    *vectors, channels = c3d_plates.read_plate(content.layout, analogs, number)
    scale = c3d_units.metres(content.layout.length_unit, content.layout.name)
    plate = _plate(number, scale, *vectors, rotation)
    estimated = c3d_plates.is_estimate(content.layout, number)
    return replace(plate, saturated=saturated(channels.T, plate.force[:, 2]), estimated=estimated)


def _plate(number, scale, force, cop, corners, rotation):
    """Check one plate: (T, 3) N, (T, 3) and (4, 3) in the file's axes and units of `scale` m. Turn it."""
    corners = corners @ rotation.T * scale
    edges = np.diff(corners, axis=0, append=corners[:1])
    lengths = np.linalg.norm(edges, axis=1)
    slant = np.abs(np.einsum("ij,ij->i", edges, np.roll(edges, 1, axis=0))) / np.maximum(
        lengths * np.roll(lengths, 1), 1e-9
    )
    if not (PLATE_EDGE_M[0] < lengths.min() and lengths.max() < PLATE_EDGE_M[1] and slant.max() < 0.1):
        apart = ", ".join(f"{length:.3g}" for length in lengths)
        raise InputError(
            f"A force plate is a rectangle with edges of {PLATE_EDGE_M[0]} to {PLATE_EDGE_M[1]:.0f} m; the corners of "
            f"force plate {number} are {apart} m apart, or not at right angles.",
            f"Its corners may be wrong. {c3d_units.OTHER_PLATES}",
        )
    wrong = np.count_nonzero(~(np.abs(force) <= STRONGEST_N))  # NaN is wrong too
    if wrong:
        raise InputError(
            f"Forces must be numbers up to {STRONGEST_N:,.0f} N; force plate {number} has {wrong} that are not.",
            c3d_units.OTHER_PLATES,
        )
    force = force @ rotation.T
    vertical = np.sort(force[:, 2])
    few = min(GLITCH_FRAMES, (len(vertical) - 1) // 2)
    if -vertical[few] > vertical[-1 - few]:  # the file stores what the runner does to the plate
        force = -force
    return Plate(force, cop @ rotation.T * scale, corners, number)
