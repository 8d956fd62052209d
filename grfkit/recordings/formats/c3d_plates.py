"""The force plates of a C3D file: how they are described, and their forces and centres of pressure.

In: a Layout, and the channels that `ezc3d` read. Out: forces, centres of pressure and corners in the axes and the unit
of the file. `ezc3d` computes the same, but ignores ANALOG:UNITS (it assumes N, and N times the unit of length) and
reads unsigned integers as signed; the tests compare both where these do not matter. Source: the C3D user guide,
c3d.org, FORCE_PLATFORM; for type 3 Kistler's formulas, as in BMC's notebook on force plates.
"""

import math

import numpy as np

from grfkit.points import InputError
from grfkit.recordings.formats import c3d_units
from grfkit.recordings.formats.c3d_check import CLOSE, SAME
from grfkit.recordings.formats.c3d_units import OTHER_PLATES
from grfkit.recordings.plates import ESTIMATED

TYPES = (1, 2, 3, 4)
PLATE_VALUES = {"CORNERS": 12, "ORIGIN": 3}  # of each plate


def read_plate(layout, analogs, number):
    """Read the force plate with a number, counted from 1, from the channels `analogs` (C, T) that ezc3d read.

    Returns its force (T, 3) N, centre of pressure (T, 3) and corners (4, 3) in the axes and the unit of the file, and
    its channels (C, T). Raises InputError, which names the plate, if its description is incomplete, a unit is not
    known, or two readers read different channels.
    """
    kind, numbers = plate_type(layout, number), plate_channels(layout, number)
    check_channels(layout, numbers, analogs[numbers], number)
    signs = layout.unsigned or min(layout.all_values("ANALOG", "OFFSET")) < 0  # which ezc3d ignores
    channels = layout.channels(numbers) if signs else analogs[numbers]
    channels = channels * c3d_units.plate_factors(layout, numbers, kind, number)[:, None]
    corners, origin = (
        np.reshape(layout.all_values("FORCE_PLATFORM", name), (-1, *size))[number - 1]
        for name, size in (("CORNERS", (4, 3)), ("ORIGIN", (3,)))
    )
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # values that are not finite are found later
        force, cop = _COMPUTE[kind](layout, number, channels, -origin if origin[2] > 0 else origin)
        axes = _axes(corners)
        return _turned(axes, force), _turned(axes, cop) + corners.mean(axis=0), corners, channels


def _axes(corners):
    """Give the axes (3, 3) of a plate as columns: corner 1 lies at +x +y, 2 at -x +y, 4 at +x -y."""
    x, y = corners[0] - corners[1], corners[0] - corners[3]
    z = np.cross(x, y)
    axes = np.stack([x, np.cross(z, x), z], axis=1)
    return axes * (1 / np.linalg.norm(axes, axis=0))  # rounded as by ezc3d


def _turned(matrix, vectors):
    """Multiply a matrix (K, N) with vectors (N, T) -> (T, K), summed in the order of ezc3d, for identical bits."""
    return sum(column[None, :] * each[:, None] for column, each in zip(matrix.T, vectors, strict=True))


def _cop_of(force, moment):
    """Give the centre of pressure (3, T) in the axes of the plate: where the moments about x and y are zero."""
    return np.stack([-moment[1] / force[2], moment[0] / force[2], np.zeros_like(force[2])])


def _type_1(layout, number, channels, origin):
    """Three forces, and the centre of pressure itself."""
    return channels[:3], np.stack([channels[3], channels[4], np.zeros_like(channels[3])])


def _type_2(layout, number, channels, origin):
    """Three forces and three moments about the origin."""
    force = channels[:3]
    return force, _cop_of(force, channels[3:] + np.cross(force, origin, axis=0, axisb=0))


def _type_3(layout, number, channels, origin):
    """Eight forces: two along x, two along y, and one in each corner."""
    x12, x34, y14, y23, z1, z2, z3, z4 = channels
    force = np.stack([x12 + x34, y14 + y23, z1 + z2 + z3 + z4])
    moment = np.stack([origin[1] * (z1 + z2 - z3 - z4), origin[0] * (z2 + z3 - z1 - z4)])
    moment += np.stack([force[1] * origin[2], -force[0] * origin[2]])
    x, y, z = _cop_of(force, moment)
    polynomial = np.reshape(layout.all_values("FORCE_PLATFORM", "FPCOPPOLY"), (-1, 12))
    if not len(polynomial):
        return force, np.stack([x, y, z])
    a, b = np.reshape(polynomial[number - 1], (2, 2, 3))
    off_x = (a[0, 0] * y**4 + a[0, 1] * y**2 + a[0, 2]) * x**3 + (a[1, 0] * y**4 + a[1, 1] * y**2 + a[1, 2]) * x
    off_y = (b[0, 0] * x**4 + b[0, 1] * x**2 + b[0, 2]) * y**3 + (b[1, 0] * x**4 + b[1, 1] * x**2 + b[1, 2]) * y
    return force, np.stack([x - off_x, y - off_y, z])


def _type_4(layout, number, channels, origin):
    """Six channels, and the matrix that turns them into forces and moments."""
    matrix = np.reshape(layout.all_values("FORCE_PLATFORM", "CAL_MATRIX"), (-1, 6, 6))[number - 1].T
    return _type_2(layout, number, _turned(matrix, channels).T, origin)


_COMPUTE = {1: _type_1, 2: _type_2, 3: _type_3, 4: _type_4}


def is_estimate(layout, number):
    """Tell by its channels' descriptions whether a force plate, numbered from 1, is an estimate that grfkit wrote."""
    said = layout.groups.get("ANALOG", {}).get("DESCRIPTIONS")
    texts = said.values() if said is not None and said.type == -1 else []
    return any(ESTIMATED in texts[channel] for channel in plate_channels(layout, number) if channel < len(texts))


def plate_count(layout):
    """Count the force plates that a file names; of those without a type only the first counts, to be refused."""
    there = len(layout.all_values("FORCE_PLATFORM", "TYPE"))
    return max(0, min(int(layout.first("FORCE_PLATFORM", "USED")), there + 1))


def plate_type(layout, number):
    """Give the type of a force plate, numbered from 1; raises InputError for a type that is not read."""
    types = layout.all_values("FORCE_PLATFORM", "TYPE")
    kind = types[number - 1] if number <= len(types) else None
    rule = f"Force plates must have a type from {TYPES[0]} to {TYPES[-1]}"
    _need(layout, number, kind in TYPES, rule, f"is of type {kind}")
    return int(kind)


def plate_channels(layout, number):
    """Find the channels of a force plate, numbered from 1 -> their numbers, from 0.

    Raises InputError, which names the plate, if its description lacks something that ezc3d does not check.
    """
    kind, there = plate_type(layout, number), layout.groups["FORCE_PLATFORM"]
    for name, count in PLATE_VALUES.items():
        found = len(layout.all_values("FORCE_PLATFORM", name)) - count * (number - 1)
        rule = f"FORCE_PLATFORM:{name} must have {count} values for each force plate"
        _need(layout, number, found >= count, rule, f"has {max(found, 0)}")
    size = there["CHANNEL"].size if "CHANNEL" in there else ()
    most = 8 if kind == 3 else 6
    fits = len(size) == 2 and size[0] >= most and size[1] >= number
    rule = f"FORCE_PLATFORM:CHANNEL must name {most} channels for a force plate of type {kind}"
    _need(layout, number, fits, rule, f"finds a size of {size}")
    channels = there["CHANNEL"].values().reshape(size, order="F")[:most, number - 1] - 1
    used = int(layout.first("ANALOG", "USED"))
    for name, count in (
        ("USED", used),
        *((each, len(layout.all_values("ANALOG", each))) for each in ("SCALE", "OFFSET")),
    ):
        fits = channels.min() >= 0 and channels.max() < count
        rule = f"ANALOG:{name} must cover the channels of each force plate"
        _need(layout, number, fits, rule, f"has channels {', '.join(map(str, channels + 1))} of {count}")
    matrix = there["CAL_MATRIX"].size if "CAL_MATRIX" in there else ()
    there_is = len(matrix) == 3 and matrix[2] >= number  # the other types do without
    whole = math.prod(matrix[:2]) == 36 if there_is and math.prod(matrix) else kind != 4
    _need(layout, number, whole, "FORCE_PLATFORM:CAL_MATRIX must be 6 x 6 for each force plate", f"finds {matrix}")
    found = len(layout.all_values("FORCE_PLATFORM", "FPCOPPOLY"))
    fits = kind != 3 or not found or found >= 12 * number
    _need(layout, number, fits, "FORCE_PLATFORM:FPCOPPOLY needs 12 values for each force plate", f"finds {found}")
    return channels


def check_channels(layout, channels, analogs, number):
    """Check the channels of a plate that ezc3d read (C, T) against the bytes, and their rate against the points'."""
    says, rate = layout.first("ANALOG", "RATE"), layout.samples * layout.rate_hz
    rule = "A C3D file must give the same rate of its channels everywhere"
    _need(layout, number, math.isclose(says, rate, rel_tol=CLOSE), rule, f"has {says:g} and {rate:g} samples a second")
    own = layout.channels(channels, as_ezc3d=True)
    same = own.shape == analogs.shape and np.allclose(analogs, own, rtol=SAME, atol=1e-9, equal_nan=True)
    _need(layout, number, same, "Two readers must read the same channels in a C3D file", "has different ones")


def _need(layout, number, fact, rule, found):
    """Raise InputError, which names file and plate, unless a fact about the force plate is true."""
    if not fact:
        raise InputError(f"{rule}; in {layout.name} force plate {number} {found}.", OTHER_PLATES)
