"""One C3D file -> points, forces and centres of pressure in the runner's axes, SI units.

Axes here and in the whole library: AP (positive forward), ML (positive to the runner's left), V (positive up).
"""

from dataclasses import dataclass
from pathlib import Path

import ezc3d
import numpy as np

METRES = {"mm": 0.001, "cm": 0.01, "m": 1.0}
AXES = {"x": np.array([1.0, 0, 0]), "y": np.array([0, 1.0, 0]), "z": np.array([0, 0, 1.0])}


@dataclass(frozen=True)
class Plate:
    """One force plate: what the ground does to the runner."""

    force: np.ndarray  # (T, 3) N, at the force rate
    cop: np.ndarray  # (T, 3) m, NaN where the plate is unloaded
    corners: np.ndarray  # (4, 3) m


@dataclass(frozen=True)
class Recording:
    """What one C3D file holds, in AP, ML, V axes."""

    points: dict  # name -> (F, 3) m, NaN where missing
    point_hz: float
    plates: list
    force_hz: float

    def __post_init__(self):
        frames = {len(xyz) for xyz in self.points.values()}
        if len(frames) > 1:
            raise ValueError(f"All points of a recording have the same number of frames; found {sorted(frames)}.")


def axes(forward, up):
    """Build the rotation (3, 3) from file axes to AP, ML, V: its rows are forward, left and up.

    `forward` and `up` are signed axes of the file such as "+x". Raises ValueError where they are parallel.
    """
    ahead, above = _axis(forward), _axis(up)
    if abs(ahead @ above) > 0:
        raise ValueError(f"forward and up are different axes of the C3D file; found {forward} and {up}. "
                         "Correct them in the study file.")
    return np.stack([ahead, np.cross(above, ahead), above])


def read(path, *, forward, up):
    """Read one C3D file.

    Returns a Recording: points in m with NaN for missing ones (an occlusion may be stored as (0, 0, 0), as NaN or as a
    negative residual), forces in N as the ground exerts them on the runner (vertical force positive, whatever the
    file's own sign), centres of pressure in m; a plate without a single frame, as in some static trials, is left out.
    Raises ValueError for a file that cannot be read, a unit that is not known, or force axes that break a rule.
    """
    rotation = axes(forward, up)
    content = _open(Path(path))
    parameters = content["parameters"]
    points = _points(content, rotation, Path(path).name)
    plates = [_plate(raw, rotation) for raw in content["data"].get("platform", []) if raw["force"].size]
    force_hz = float(parameters["ANALOG"]["RATE"]["value"][0]) if plates else float("nan")
    return Recording(points, float(parameters["POINT"]["RATE"]["value"][0]), plates, force_hz)


def _axis(name):
    return AXES[name[1]] * (1 if name[0] == "+" else -1)


def _open(path):
    if not path.is_file():
        raise ValueError(f"A recording is a C3D file; {path} does not exist.")
    try:
        return ezc3d.c3d(str(path), extract_forceplat_data=True)
    except Exception as error:  # ezc3d raises plain RuntimeError, OSError and others for a damaged file
        raise ValueError(f"A recording is a C3D file; {path.name} cannot be read: {error}. "
                         "Export it again, or delete its row from the table of trials.") from error


def _scale(unit, name):
    if unit not in METRES:
        raise ValueError(f"Lengths in a C3D file are in {', '.join(METRES)}; {name} says {unit!r}. Export it again.")
    return METRES[unit]


def _points(content, rotation, name):
    group = content["parameters"]["POINT"]
    units = group.get("UNITS", {}).get("value") or ["m"]  # a file without units is in metres, by ezc3d's reading
    raw = content["data"]["points"][:3]  # (3, P, F)
    missing = np.isnan(raw).any(0) | (raw == 0).all(0) | (content["data"]["meta_points"]["residuals"][0] < 0)
    metres = np.einsum("ij,jpf->pfi", rotation, raw) * _scale(units[0], name)
    metres[missing] = np.nan
    return dict(zip(_labels(group), metres, strict=True))


def _labels(group):
    """Gather the names of all points; a file with more than 255 goes on in LABELS2, LABELS3, ..."""
    more = sorted((name for name in group if name.startswith("LABELS") and name != "LABELS"), key=lambda name: int(name[6:]))
    return [label for name in ("LABELS", *more) for label in group[name]["value"]]


def _plate(raw, rotation):
    force = raw["force"].T @ rotation.T
    if -force[:, 2].min() > force[:, 2].max():  # the file stores what the runner does to the plate
        force = -force
    if raw["unit_force"] != "N":
        raise ValueError(f"Forces in a C3D file are in N; the force plate says {raw['unit_force']!r}. Export it again.")
    scale = _scale(raw["unit_position"], "the force plate")
    return Plate(force, raw["center_of_pressure"].T @ rotation.T * scale, raw["corners"].T @ rotation.T * scale)
