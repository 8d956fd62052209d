"""Write an estimate as C3D: the 11 points, and a virtual force plate for each foot, which Visual3D and Mokka read.

In: as forces.lay_out takes it. Out: a C3D file in the axes of the recording. Plates are of type 2 (three forces and
three moments about the middle of the plate, N and N mm), as long and wide as the run, with z down: so a runner's weight
gives a negative Fz, as on real plates. Plate 1 is the left foot's, plate 2 the right one's. Source: the C3D user guide,
c3d.org, and real files.
"""

import ezc3d
import numpy as np

from grfkit.points import POINTS, InputError
from grfkit.recordings.c3d import axis_name
from grfkit.recordings.formats.c3d_layout import MOST_FRAMES
from grfkit.recordings.plates import ESTIMATED
from grfkit.reports.exports import forces
from grfkit.study import store

MARGINS_M = np.array(
    [0.5, 0.5, 0.0]
)  # of a plate around centres of pressure, so that the whole foot is on it; our choice
PLATE = np.diag([1.0, -1.0, -1.0])  # from AP, ML, V to the axes of a plate: forward, right, down
SOFTWARE = "grfkit"


def write(path, recording, steps, curves, mass_kg):
    """Write points and estimated forces of one recording as a C3D file at `path`; returns a list of that path.

    `recording` is a discover.Found, `steps` and `curves` are its rows of the tables of field.estimate, `mass_kg` is in
    kg. Frame 1 is the first frame of the recording. A file of this name is replaced. Raises InputError as
    forces.lay_out and forces.check_target do, and for more frames than the format can count.
    """
    path = forces.check_target(path, ".c3d", recording)
    if len(recording.points) > MOST_FRAMES:
        raise InputError(
            f"A C3D file holds at most {MOST_FRAMES:,} frames; {recording.file.name} has {len(recording.points):,}.",
            "Cut the recording into shorter ones, or write a MOT file.",
        )
    feet = forces.lay_out(recording, steps, curves, mass_kg)
    file = ezc3d.c3d()
    _put_points(file, recording, feet)
    _put_plates(file, feet)
    file.add_parameter("MANUFACTURER", "SOFTWARE", SOFTWARE)
    with store.replacing(path) as temporary:
        file.write(str(temporary))
    return [path]


def _put_points(file, recording, feet):
    """Add the points, mm; a missing one has the residual -1."""
    points, group = 1000 * recording.points @ feet.rotation, file["parameters"]["POINT"]
    lost = ~np.isfinite(points).all(axis=2)
    group["RATE"]["value"], group["LABELS"]["value"] = [float(recording.rate_hz)], list(POINTS)
    group["UNITS"]["value"] = ["mm"]
    ahead, _, up = (axis_name(int(np.argmax(np.abs(row))), row[np.argmax(np.abs(row))]) for row in feet.rotation)
    for name, axis in {"X_SCREEN": ahead, "Y_SCREEN": up}.items():
        file.add_parameter("POINT", name, axis.upper())
    file["data"]["points"] = np.concatenate([points.transpose(2, 1, 0), np.ones((1, *lost.T.shape))])
    file["data"]["meta_points"]["residuals"] = np.where(lost.T, -1.0, 0.0)[None]


def _put_plates(file, feet):
    """Add a plate for each foot: corners, and channels of force (N) and moment (N mm).

    Parameters of plates are those of ezc3d's template, because it does not read new ones back.
    """
    corners = _corners(feet)
    middle, channels = corners.mean(axis=0), []
    for side in forces.SIDES:
        force, cop = (values[side] @ feet.rotation.T for values in (feet.force, feet.cop))
        moment = np.cross(cop - middle, force)
        channels += [*(force @ PLATE.T).T, *(1000 * moment @ PLATE.T).T]
    analog, plates, count = file["parameters"]["ANALOG"], file["parameters"]["FORCE_PLATFORM"], len(forces.SIDES)
    names, units = [f"{kind}{axis}" for kind in "FM" for axis in "xyz"], ["N"] * 3 + ["Nmm"] * 3
    analog["RATE"]["value"] = [float(feet.hz)]
    analog["LABELS"]["value"] = [f"{name}{plate + 1}" for plate in range(count) for name in names]
    analog["UNITS"]["value"] = units * count
    about = [f"{name} foot, {ESTIMATED}" for name in forces.SIDES.values()]
    analog["DESCRIPTIONS"]["value"] = [text for text in about for _ in names]
    file["data"]["analogs"] = np.stack(channels)[None]
    plates["USED"]["value"] = [count]
    plates["TYPE"]["value"] = [2] * count
    plates["ZERO"]["value"] = [0, 0]  # no baseline is subtracted by the reader
    plates["CORNERS"]["value"] = np.repeat(1000 * (corners @ feet.rotation).T[:, :, None], count, axis=2)
    plates["ORIGIN"]["value"] = np.zeros((3, count))  # moments are about the middle of the plate
    plates["CHANNEL"]["value"] = np.arange(1, 6 * count + 1).reshape(count, 6).T
    plates["CAL_MATRIX"]["value"] = np.zeros((6, 6, count))


def _corners(feet):
    """Lay a plate around all places where a foot pushed: corners (4, 3) m in AP, ML, V, in the order of the format."""
    pushed = np.concatenate([feet.cop[side][feet.force[side].any(axis=1)] for side in forces.SIDES]) @ feet.rotation.T
    (back, right, ground), (front, left, _) = pushed.min(axis=0) - MARGINS_M, pushed.max(axis=0) + MARGINS_M
    return np.array([(front, right, ground), (back, right, ground), (back, left, ground), (front, left, ground)])
