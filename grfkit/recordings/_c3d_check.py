"""Check a C3D file: header and parameters before `ezc3d` reads it, the values afterwards.

`ezc3d` trusts what a file says of itself. A damaged file makes it read beyond a list or the end of the file, run for
ever, or give other frames than were recorded. A C3D file says most things twice, in its header and in its parameters,
so that damage shows.
"""

import math

import numpy as np

from grfkit.recordings import _c3d_layout
from grfkit.recordings._c3d_layout import BLOCK, LEAVE_OUT, all_values, first, require

TYPES = {
    "USED": 2,
    "TYPE": 2,
    "CHANNEL": 2,
    "OFFSET": 2,
    "DATA_START": 2,
    "RATIO": 2,
    "RATE": 4,
    "SCALE": 4,
    "GEN_SCALE": 4,
    "CORNERS": 4,
    "ORIGIN": 4,
    "CAL_MATRIX": 4,
    "FPCOPPOLY": 4,
    "LABELS": -1,
    "UNITS": -1,
}  # ezc3d takes no other
NEEDED = {
    "POINT": ("USED", "FRAMES", "RATE", "SCALE"),
    "ANALOG": (),
    "FORCE_PLATFORM": ("USED",),
    "ROTATION": ("USED", "RATE", "DATA_START"),
}
ONE_VALUE = {
    "USED",
    "FRAMES",
    "RATE",
    "RATIO",
    "DATA_START",
    "GEN_SCALE",
}  # ezc3d takes it without looking whether it is there
POSE_BYTES = 17 * 4  # a 4x4 matrix and a residual
MOST_EMPTY = 100  # analog samples of no channel in a frame: our choice, so that they take no time
RATES_HZ = (1, 1e5)  # frames a second, slowest and fastest; like the next two beyond any laboratory: our choice
FARTHEST_M, STRONGEST_N = 1e3, 1e5
FOOT_M = 1.0  # longer than any foot: our choice
CLOSE = 1e-3  # relative, between two notes of one number: our choice, above the rounding of single precision
RIGHT_ANGLE = (
    1e-2  # what the products of a pose's axes may differ by: our choice, above the rounding of single precision
)


def check_layout(path):
    """Check that header, parameters and size of the C3D file at `path` agree; its data are not read.

    Raises ValueError where they do not, or where it is no C3D file.
    """
    header, groups, size = _c3d_layout.read_layout(path)
    _check_types(groups, path)
    _check_agreement(header, groups, path)
    _check_lists(header, groups, path)
    _check_plates(header, groups, path)
    _check_size(header, groups, size, path)


def check_values(content, path):
    """Check the points (4, P, F) and poses (4, 4, S, F) that ezc3d read, in the unit of the file.

    Raises ValueError for a place that is no number or beyond every laboratory, and for axes not at right angles.
    """
    unit = (content["parameters"]["POINT"].get("UNITS", {}).get("value") or ["m"])[0]
    farthest, poses = FARTHEST_M / {"mm": 0.001, "cm": 0.01}.get(unit, 1.0), content["data"]["rotations"]
    for what, values in (("point", content["data"]["points"][:3]), ("segment", poses[:3, 3])):
        largest = np.abs(values[~np.isnan(values)]).max(initial=0)
        require(
            largest <= farthest,
            path,
            f"has every {what} within {FARTHEST_M:,.0f} m",
            f"has one at {largest:.3g} {unit}",
        )
    known = np.isfinite(poses[:3]).all(axis=(0, 1)) & poses[:3, :3].any(axis=(0, 1))
    products = np.einsum("iksf,jksf->sfij", poses[:3, :3], poses[:3, :3])[known]
    off = np.abs(products - np.eye(3)).max(initial=0)
    require(
        off < RIGHT_ANGLE,
        path,
        "has segments whose axes are unit vectors at right angles",
        f"has one that is off by {off:.3g}",
    )
    offsets = [
        np.abs(entry["value"]).max()
        for entry in content["parameters"].get("THEIA3D", {}).values()
        if getattr(entry.get("value"), "size", 0) == 3
    ]
    require(
        all(offset <= FOOT_M for offset in offsets),
        path,
        f"has the heels within {FOOT_M} m of the feet's origins",
        f"has THEIA3D offsets of up to {max(offsets, default=0):.3g} m",
    )


def _check_types(groups, path):
    """Check that what ezc3d looks for is there, and of the type in which it looks for it."""
    for group, needed in NEEDED.items():
        there = groups.get(group, {})
        for name in needed if there else ():
            require(name in there, path, f"with a group {group} has {group}:{name}", "has not")
        for name, parameter in there.items():
            wanted = TYPES.get(name.rstrip("0123456789"), parameter.type)
            fits = parameter.type in ((1, 2) if wanted == 2 else (wanted,)) or parameter.size == (0,)
            require(fits, path, f"has {group}:{name} of type {wanted}", f"has it of type {parameter.type}")
            filled = parameter.type > 0 and parameter.count
            require(filled or name not in ONE_VALUE, path, f"has a number {group}:{name}", "has none")


def _frames(header, groups):
    """Give the number of frames as ezc3d takes it: what the parameter says, or the header where it says nothing."""
    frames = first(groups, "POINT", "FRAMES")
    frames = int(frames) if math.isfinite(frames) else -1
    return frames % 65536 if frames < 0 else frames or header.last - header.first + 1


def _check_agreement(header, groups, path):
    """Check that the header says what the parameters say: ezc3d believes the latter."""
    rate, analog_rate, channels = (
        first(groups, *name) for name in (("POINT", "RATE"), ("ANALOG", "RATE"), ("ANALOG", "USED"))
    )
    require(
        RATES_HZ[0] <= rate <= RATES_HZ[1],
        path,
        "has from {} to {:,.0f} frames a second".format(*RATES_HZ),
        f"has {rate:g}",
    )
    frames, shown = _frames(header, groups), header.last - header.first + 1
    pose_rate = first(groups, "ROTATION", "RATE") if first(groups, "ROTATION", "USED") else 0
    for what, one, two in (
        ("points", header.points, first(groups, "POINT", "USED")),
        ("frames", frames if header.last == 65535 <= frames else shown, frames),  # the header counts no further
        ("frames a second", header.rate, rate),
        ("scale", header.scale, first(groups, "POINT", "SCALE")),
        ("first block of data", header.data_start, first(groups, "POINT", "DATA_START")),
        ("analog values in a frame", header.analog_values, channels * header.samples),
        ("analog samples a second", header.samples * rate if channels else analog_rate, analog_rate),
        ("poses a second", pose_rate, rate * _poses(groups)),
    ):
        require(
            math.isclose(one, two, rel_tol=CLOSE if "second" in what or what == "scale" else 0),
            path,
            f"says the same of its {what} wherever it says it",
            f"says {one:g} and {two:g}",
        )
    samples = _ratio(groups, "ANALOG")
    # 499.5 / 99.9 of single precision is a little less than 5, and ezc3d would read a whole file wrongly
    require(
        samples == header.samples if channels > 0 else 0 <= samples <= MOST_EMPTY and not channels,
        path,
        "has a whole number of analog samples in a frame, in single precision too",
        f"has {analog_rate:g} a second for {rate:g} frames",
        f"Export it at rates that are whole numbers, {LEAVE_OUT}.",
    )


def _poses(groups):
    """Give the poses of a segment in a frame; 0 where there are no segments."""
    return first(groups, "ROTATION", "RATIO", _ratio(groups, "ROTATION")) if first(groups, "ROTATION", "USED") else 0


def _ratio(groups, group):
    """Give the samples in a frame as ezc3d counts them: it cuts off the fraction."""
    ratio = first(groups, group, "RATE") / first(groups, "POINT", "RATE")
    return int(ratio) if math.isfinite(ratio) else -1


def _check_lists(header, groups, path):
    """Check that lists have as many values as they are said to."""
    found = len(all_values(groups, "POINT", "LABELS"))
    require(found >= header.points, path, "gives each point a name", f"gives {found} for {header.points} points")
    used = first(groups, "ANALOG", "USED")
    for name in ("SCALE", "OFFSET"):
        found = len(all_values(groups, "ANALOG", name))
        require(found >= used, path, f"has ANALOG:{name} for each channel", f"has {found} for {used} channels")
    used, found = first(groups, "ROTATION", "USED"), len(all_values(groups, "ROTATION", "LABELS"))
    require(found == used, path, "gives each segment a name", f"gives {found} for {used} segments")


def _check_plates(header, groups, path):
    """Check that each force plate is described in full, as ezc3d reads it, and that its channels are there."""
    plates, there = first(groups, "FORCE_PLATFORM", "USED"), groups.get("FORCE_PLATFORM", {})
    types = all_values(groups, "FORCE_PLATFORM", "TYPE")  # some files describe more than they use
    require(
        0 <= plates <= len(types) and set(types[:plates]) <= {1, 2, 3, 4},
        path,
        "has force plates of types 1 to 4",
        f"has {plates} of types {types}",
    )
    types = types[:plates]
    if not plates:
        return
    size = {
        name: there[name].size if name in there else ()
        for name in ("CHANNEL", "CAL_MATRIX", "CORNERS", "ORIGIN", "FPCOPPOLY")
    }
    full = math.prod(size["CORNERS"]) >= 12 * plates and math.prod(size["ORIGIN"]) >= 3 * plates
    require(
        full,
        path,
        "has FORCE_PLATFORM:CORNERS and ORIGIN of each plate",
        f"has sizes {size['CORNERS']} and {size['ORIGIN']}",
    )
    most = 8 if 3 in types else 6
    require(
        len(size["CHANNEL"]) == 2 and size["CHANNEL"][0] >= most and size["CHANNEL"][1] >= plates,
        path,
        f"has FORCE_PLATFORM:CHANNEL of size ({most}, {plates})",
        f"has size {size['CHANNEL']}",
    )
    used = there["CHANNEL"].values().reshape(size["CHANNEL"], order="F")[:, :plates]
    used = [used[: 8 if kind == 3 else 6, plate] for plate, kind in enumerate(types)]
    there_are = all(((1 <= each) & (each <= first(groups, "ANALOG", "USED"))).all() for each in used)
    require(
        there_are or not (header.samples or _ratio(groups, "ANALOG")),
        path,  # a static trial may lack them
        "has the channels of its force plates",
        "has not",
    )
    matrix = size["CAL_MATRIX"]
    require(
        math.prod(matrix[:2]) == 36 or not (4 in types or len(matrix) > 2 and math.prod(matrix)),
        path,
        "has FORCE_PLATFORM:CAL_MATRIX of 6 x 6 for each plate",
        f"has size {matrix}",
    )
    require(
        4 not in types or len(matrix) == 3 and matrix[2] >= plates,
        path,
        "has FORCE_PLATFORM:CAL_MATRIX of each plate",
        f"has size {matrix}",
    )
    require(
        3 not in types or not math.prod(size["FPCOPPOLY"] or (0,)) or math.prod(size["FPCOPPOLY"]) >= 12 * plates,
        path,
        "has FORCE_PLATFORM:FPCOPPOLY of each plate",
        f"has size {size['FPCOPPOLY']}",
    )


def _check_size(header, groups, size, path):
    """Check that the data fill the file up to its last block: fewer bytes are a torn file, more are lost frames."""
    frames = _frames(header, groups)
    end = BLOCK * (header.data_start - 1) + frames * (4 * header.points + header.analog_values) * (
        4 if header.scale < 0 else 2
    )
    if first(groups, "ROTATION", "USED"):
        begin = BLOCK * (first(groups, "ROTATION", "DATA_START") - 1)
        require(
            begin >= end, path, "has its poses after its points", f"has them from byte {begin} on, points up to {end}"
        )
        end = begin + frames * _poses(groups) * first(groups, "ROTATION", "USED") * POSE_BYTES
    require(
        end <= size <= end + BLOCK,
        path,
        f"of {frames} frames has {end} bytes and up to {BLOCK} to fill its last block",
        f"has {size}",
    )
