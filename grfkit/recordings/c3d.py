"""Read a C3D file: points, segment poses, and force plates.

In: the path of a file. Out: points, poses, forces and centres of pressure of each plate in the runner's axes, SI units.
Axes here and in the whole library: AP (positive forward), ML (positive to the runner's left), V (positive up).
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

import ezc3d
import numpy as np

from grfkit.points import InputError
from grfkit.recordings import _c3d_check, _c3d_layout
from grfkit.recordings.plates import saturated

METRES = {"mm": 0.001, "cm": 0.01, "m": 1.0}
AXES = {"x": np.array([1.0, 0, 0]), "y": np.array([0, 1.0, 0]), "z": np.array([0, 0, 1.0])}
GLITCH_FRAMES = 5  # so many frames at either end do not tell the sign of a force: our choice
PLATE_EDGE_M = (0.1, 5.0)  # how long an edge of a force plate or a belt can be: our choice


@dataclass(frozen=True)
class Plate:
    """One force plate: what the ground does to the runner."""

    force: np.ndarray  # (T, 3) N, at the force rate
    cop: np.ndarray  # (T, 3) m, NaN where the plate is unloaded
    corners: np.ndarray  # (4, 3) m
    number: int = 0  # in the file, from 1 on; 0 where no file is known
    saturated: np.ndarray | None = None  # (T,) bool: frames in which a raw channel is clipped; None is not known

    def __post_init__(self):
        far = ~(np.abs(self.cop) <= _c3d_check.FARTHEST_M).all(axis=-1)
        self.cop[far] = np.nan  # the noise of an unloaded plate divided by itself


@dataclass(frozen=True)
class Recording:
    """What one C3D file holds, in AP, ML, V axes."""

    points: dict  # name -> (F, 3) m, NaN where missing
    point_hz: float
    plates: list
    force_hz: float
    # segment -> (F, 3, 4): axes of the segment as columns, and its origin in m
    poses: dict = field(default_factory=dict)
    pose_hz: float = float("nan")
    # name in lower case -> (3,) m, in the axes of a segment (Theia3D's heels)
    offsets: dict = field(default_factory=dict)

    def __post_init__(self):
        for values in (self.points, self.poses):
            frames = {len(each) for each in values.values()}
            if len(frames) > 1:
                raise ValueError(f"All points of a recording have the same number of frames; found {sorted(frames)}.")


def axes(forward, up):
    """Build the rotation (3, 3) from file axes to AP, ML, V: its rows are forward, left and up.

    `forward` and `up` are signed axes of the file such as "+x"; forward "found" takes the first horizontal axis, for
    `turn` to correct. Raises ValueError where they are parallel.
    """
    above = _axis(up)
    ahead = next(axis for axis in AXES.values() if not axis @ above) if forward == "found" else _axis(forward)
    if abs(ahead @ above) > 0:
        raise ValueError(
            f"forward and up are different axes of the C3D file; found {forward} and {up}. "
            "Correct them in the study file."
        )
    return np.stack([ahead, np.cross(above, ahead), above])


def read(path, *, forward, up, plates=None):
    """Read one C3D file.

    Returns a Recording: points in m with NaN for missing ones (an occlusion may be stored as (0, 0, 0), as NaN or as a
    negative residual), forces in N as the ground exerts them on the runner (vertical force positive, whatever the
    file's own sign), centres of pressure in m; a plate without a single frame, as in some static trials, is left out.
    `plates` numbers the plates to read, from 1 on; None is all of them. Raises ValueError for a file that cannot be
    read, a unit that is not known, a plate whose corners no plate has, or force axes that break a rule.
    """
    return convert(open_file(Path(path)), Path(path).name, forward=forward, up=up, plates=plates)


def convert(content, name, *, forward, up, plates=None):
    """Turn what `open_file` gave, of the file `name`, into a Recording, as `read` says."""
    rotation = axes(forward, up)
    parameters = content["parameters"]
    # a file without units is in metres, by ezc3d's reading
    units = parameters["POINT"].get("UNITS", {}).get("value") or ["m"]
    scale = _scale(units[0], name)
    found = _plates(content, rotation, plates)
    return Recording(
        _points(content, rotation, scale),
        float(parameters["POINT"]["RATE"]["value"][0]),
        found,
        float(parameters["ANALOG"]["RATE"]["value"][0]) if found else float("nan"),
        *_poses(content, rotation, scale),
        _offsets(parameters),
    )


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
    ), points @ rotation.T


def open_file(path):
    """Open a C3D file with ezc3d: its parameters and data as they are stored.

    Raises ValueError where it cannot be read.
    """
    if not path.is_file():
        raise ValueError(f"A recording is a C3D file; {path} does not exist.")
    _c3d_check.check_layout(path)
    try:
        content = ezc3d.c3d(str(path))
    except Exception as error:  # ezc3d raises plain RuntimeError, OSError and others for a damaged file
        raise InputError(
            f"A recording is a C3D file; {path.name} cannot be read: {error}.", _c3d_layout.ADVICE
        ) from error
    _c3d_check.check_values(content, path)
    return content


def axis_name(number, sign):
    """Name an axis of a file, 0 to 2, by the sign of a value along it: "+x"."""
    return ("+" if sign > 0 else "-") + "xyz"[number]


def _axis(name):
    return AXES[name[1]] * (1 if name[0] == "+" else -1)


def _scale(unit, name):
    if unit not in METRES:
        raise InputError(f"Lengths in a C3D file are in {', '.join(METRES)}; {name} says {unit!r}.", "Export it again.")
    return METRES[unit]


def _points(content, rotation, scale):
    raw = content["data"]["points"][:3]  # (3, P, F)
    missing = np.isnan(raw).any(0) | (raw == 0).all(0) | (content["data"]["meta_points"]["residuals"][0] < 0)
    metres = np.moveaxis(np.tensordot(rotation * scale, raw, axes=1), 0, 2)
    metres[missing] = np.nan
    labels = _labels(content["parameters"]["POINT"])[: len(metres)]  # some files name more than they hold
    twice = {label for label in labels if labels.count(label) > 1}  # which one is meant, the study file says: LHEE#2
    numbered = [
        f"{label}#{labels[: i + 1].count(label)}" if label in twice else label for i, label in enumerate(labels)
    ]
    return dict(zip(numbered, metres, strict=True))


def _labels(group):
    """Gather the names of all points; a file with more than 255 goes on in LABELS2, LABELS3, ..."""
    more = sorted(
        (name for name in group if name.startswith("LABELS") and name[6:].isdigit()), key=lambda name: int(name[6:])
    )
    return [label for name in ("LABELS", *more) for label in group[name]["value"]]


def _poses(content, rotation, scale):
    """Gather the 4x4 poses of segments (Theia3D), and their rate; a segment that was not tracked is NaN."""
    group = content["parameters"].get("ROTATION", {})
    if "LABELS" not in group:
        return {}, float("nan")
    raw = content["data"]["rotations"]  # (4, 4, segments, F)
    poses = np.einsum("ij,jcsf->sfic", rotation, raw[:3])
    poses[..., 3] *= scale
    poses[~np.isfinite(poses).all(axis=(2, 3)) | (poses[..., :3] == 0).all(axis=(2, 3))] = np.nan
    return dict(zip(_labels(group), poses, strict=False)), float(group["RATE"]["value"][0])


def _offsets(parameters):
    """Gather the vectors (3,) m of the group THEIA3D, such as the heels' in the axes of the feet."""
    values = {
        name.lower(): np.ravel(entry["value"])
        for name, entry in parameters.get("THEIA3D", {}).items()
        if "value" in entry
    }
    return {
        name: value.astype(float) for name, value in values.items() if value.shape == (3,) and value.dtype.kind == "f"
    }


def _plates(content, rotation, wanted):
    """Read the force plates with the `wanted` numbers, from 1 on; None is all: a list of Plate."""
    # c3d(extract_forceplat_data=True) also lays out moments, which takes twice as long
    platforms = ezc3d.ezc3d.ForcePlatforms(content.c3d_swig)
    raw = dict(enumerate(platforms.forcePlatforms(), start=1))
    absent = sorted(set(wanted or []) - set(raw))
    if absent:
        raise ValueError(
            f"The study names the force plates {wanted}; the C3D file has {len(raw)}. "
            "Correct `plates` in the study file."
        )
    found = [
        _plate(
            number,
            plate.forceUnit(),
            plate.positionUnit(),
            _rows(plate.forces()),
            _rows(plate.CoP()),
            _rows(plate.corners()),
            rotation,
        )
        for number, plate in raw.items()
        if (wanted is None or number in wanted) and plate.nbFrames()
    ]
    return [replace(each, saturated=saturated(_channels(content, each), each.force[:, 2])) for each in found]


def _channels(content, plate):
    """Take the raw channels (T, C) of a Plate, in their own units."""
    numbers = np.atleast_2d(content["parameters"]["FORCE_PLATFORM"]["CHANNEL"]["value"])[:, plate.number - 1]
    analogs = content["data"]["analogs"][0]
    return analogs[[int(number) - 1 for number in numbers if 0 < number <= len(analogs)]].T


def _rows(vectors):
    return np.array([vector.to_array() for vector in vectors]).reshape(-1, 3)


def _plate(number, force_unit, unit, force, cop, corners, rotation):
    """Check one plate, given (T, 3), (T, 3) and (4, 3) in file axes and units, and bring it into the runner's."""
    if force_unit != "N":
        raise InputError(
            f"Forces in a C3D file are in N; force plate {number} says {force_unit!r}.", "Export it again."
        )
    corners = corners @ rotation.T * _scale(unit, f"force plate {number}")
    edges = np.diff(corners, axis=0, append=corners[:1])
    lengths = np.linalg.norm(edges, axis=1)
    slant = np.abs(np.einsum("ij,ij->i", edges, np.roll(edges, 1, axis=0))) / np.maximum(
        lengths * np.roll(lengths, 1), 1e-9
    )
    if not (PLATE_EDGE_M[0] < lengths.min() and lengths.max() < PLATE_EDGE_M[1] and slant.max() < 0.1):
        apart = ", ".join(f"{length:.3g}" for length in lengths)
        raise InputError(
            f"A force plate is a rectangle with edges of {PLATE_EDGE_M[0]} to {PLATE_EDGE_M[1]:.0f} m; the corners of "
            f"force plate {number} are {apart} m apart.",
            "Export the file with the right corners, or name the other plates under `plates` in the study file.",
        )
    wrong = np.count_nonzero(~(np.abs(force) <= _c3d_check.STRONGEST_N))  # NaN is wrong too
    if wrong:
        raise InputError(
            f"Forces are numbers up to {_c3d_check.STRONGEST_N:,.0f} N; force plate {number} has {wrong} that are not.",
            "Export it again, or name the other plates under `plates` in the study file.",
        )
    force = force @ rotation.T
    vertical = np.sort(force[:, 2])
    few = min(GLITCH_FRAMES, (len(vertical) - 1) // 2)
    if -vertical[few] > vertical[-1 - few]:  # the file stores what the runner does to the plate
        force = -force
    return Plate(force, cop @ rotation.T * _scale(unit, f"force plate {number}"), corners, number)
