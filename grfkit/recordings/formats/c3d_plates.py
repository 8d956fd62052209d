"""The force plates of a C3D file: how they are described, and their forces and centres of pressure.

In: a Layout, and the channels that `ezc3d` read. Out: forces, centres of pressure and corners in the axes and the unit
of the file. `ezc3d` computes the same, but takes every channel for N and N times that unit, whatever ANALOG:UNITS says,
and integers that are unsigned for signed ones; so it is the test. Source: the C3D user guide, c3d.org, FORCE_PLATFORM;
for type 3 Kistler's formulas, as in BMC's notebook on force plates.
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
    """Read a force plate, numbered from 1 on, whose channels are among `analogs` (C, T), as ezc3d read them.

    Returns its force (T, 3) N, centre of pressure (T, 3) and corners (4, 3) in the axes and the unit of the file, and
    its channels (C, T). Raises InputError, which names the plate, where its description lacks what is needed, a unit is
    not known, or two readers read other channels.
    """
    kind, numbers = plate_type(layout, number), plate_channels(layout, number)
    check_channels(layout, numbers, analogs[numbers], number)
    signs = layout.unsigned or min(layout.all_values("ANALOG", "OFFSET")) < 0  # which ezc3d takes no notice of
    channels = layout.channels(numbers) if signs else analogs[numbers]
    channels = channels * c3d_units.plate_factors(layout, numbers, kind, number)[:, None]
    corners, origin = (
        np.reshape(layout.all_values("FORCE_PLATFORM", name), (-1, *size))[number - 1]
        for name, size in (("CORNERS", (4, 3)), ("ORIGIN", (3,)))
    )
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # what is no number is found out later
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
    """Multiply a matrix (K, N) with vectors (N, T) -> (T, K), summed in the order of ezc3d: to the same bit."""
    return sum(column[None, :] * each[:, None] for column, each in zip(matrix.T, vectors, strict=True))


def _cop_of(force, moment):
    """Give the centre of pressure (3, T) in the axes of the plate: where the moment about x and y is none."""
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
    """Six channels, and the matrix that makes forces and moments of them."""
    matrix = np.reshape(layout.all_values("FORCE_PLATFORM", "CAL_MATRIX"), (-1, 6, 6))[number - 1].T
    return _type_2(layout, number, _turned(matrix, channels).T, origin)


_COMPUTE = {1: _type_1, 2: _type_2, 3: _type_3, 4: _type_4}


def is_estimate(layout, number):
    """Tell whether a force plate, numbered from 1 on, is an estimate that grfkit wrote, by what its channels say."""
    said = layout.groups.get("ANALOG", {}).get("DESCRIPTIONS")
    texts = said.values() if said is not None and said.type == -1 else []
    return any(ESTIMATED in texts[channel] for channel in plate_channels(layout, number) if channel < len(texts))


def plate_count(layout):
    """Count the force plates that a file names; of those without a type, the first is counted, to be refused."""
    there = len(layout.all_values("FORCE_PLATFORM", "TYPE"))
    return max(0, min(int(layout.first("FORCE_PLATFORM", "USED")), there + 1))


def plate_type(layout, number):
    """Give the type of a force plate, numbered from 1 on; raises InputError for a type that is not read."""
    types = layout.all_values("FORCE_PLATFORM", "TYPE")
    kind = types[number - 1] if number <= len(types) else None
    _need(
        layout, number, kind in TYPES, f"Force plates of types {TYPES[0]} to {TYPES[-1]} are read", f"is of type {kind}"
    )
    return int(kind)


def plate_channels(layout, number):
    """Find the channels of a force plate, numbered from 1 on -> their numbers from 0 on.

    Raises InputError, which names the plate, where its description lacks what ezc3d takes without looking.
    """
    kind, there = plate_type(layout, number), layout.groups["FORCE_PLATFORM"]
    for name, count in PLATE_VALUES.items():
        found = len(layout.all_values("FORCE_PLATFORM", name)) - count * (number - 1)
        rule = f"FORCE_PLATFORM:{name} has {count} values of each force plate"
        _need(layout, number, found >= count, rule, f"has {max(found, 0)}")
    size = there["CHANNEL"].size if "CHANNEL" in there else ()
    most = 8 if kind == 3 else 6
    fits = len(size) == 2 and size[0] >= most and size[1] >= number
    rule = f"FORCE_PLATFORM:CHANNEL names {most} channels of a force plate of type {kind}"
    _need(layout, number, fits, rule, f"finds none in its size {size}")
    channels = there["CHANNEL"].values().reshape(size, order="F")[:most, number - 1] - 1
    used = int(layout.first("ANALOG", "USED"))
    for name, count in (
        ("USED", used),
        *((each, len(layout.all_values("ANALOG", each))) for each in ("SCALE", "OFFSET")),
    ):
        fits = channels.min() >= 0 and channels.max() < count
        rule = f"ANALOG:{name} knows the channels of each force plate"
        _need(layout, number, fits, rule, f"has channels {', '.join(map(str, channels + 1))} of {count}")
    matrix = there["CAL_MATRIX"].size if "CAL_MATRIX" in there else ()
    there_is = len(matrix) == 3 and matrix[2] >= number  # the other types do without
    whole = math.prod(matrix[:2]) == 36 if there_is and math.prod(matrix) else kind != 4
    _need(layout, number, whole, "FORCE_PLATFORM:CAL_MATRIX is 6 x 6 for each force plate", f"finds size {matrix}")
    found = len(layout.all_values("FORCE_PLATFORM", "FPCOPPOLY"))
    fits = kind != 3 or not found or found >= 12 * number
    _need(layout, number, fits, "FORCE_PLATFORM:FPCOPPOLY has 12 values of each force plate", f"finds {found} in all")
    return channels


def check_channels(layout, channels, analogs, number):
    """Check the channels of a plate that ezc3d read (C, T) against the bytes, and their rate against the points'."""
    says, rate = layout.first("ANALOG", "RATE"), layout.samples * layout.rate_hz
    rule = "The rate of the channels is the same wherever a C3D file says it"
    _need(layout, number, math.isclose(says, rate, rel_tol=CLOSE), rule, f"has {says:g} and {rate:g} samples a second")
    own = layout.channels(channels, as_ezc3d=True)
    same = own.shape == analogs.shape and np.allclose(analogs, own, rtol=SAME, atol=1e-9, equal_nan=True)
    _need(layout, number, same, "Two readers read the same channels in a C3D file", "has others for each of them")


def _need(layout, number, fact, rule, found):
    """Raise InputError where a fact about a force plate does not hold; it names file and plate."""
    if not fact:
        raise InputError(f"{rule}; in {layout.name} force plate {number} {found}.", OTHER_PLATES)
