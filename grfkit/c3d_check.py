"""Check a C3D file: header and parameters before `ezc3d` reads it, the values afterwards.

`ezc3d` trusts what a file says of itself: a damaged one makes it read beyond a list or the end of the file, run for ever, or
give other frames than were recorded. A C3D file says most things twice, in its header and in its parameters, so that damage
shows. Layout: the C3D file format user guide, c3d.org; blocks have 512 bytes and are counted from 1.
"""

import math
import struct
from typing import NamedTuple

import numpy as np

BLOCK = 512
INTEL, DEC = 84, 85  # processor types; ezc3d reads no other
BYTES = {-1: 1, 1: 1, 2: 2, 4: 4}  # of a value, for each type of a parameter: text, byte, integer, real
TYPES = {"USED": 2, "TYPE": 2, "CHANNEL": 2, "OFFSET": 2, "DATA_START": 2, "RATIO": 2, "RATE": 4, "SCALE": 4, "GEN_SCALE": 4,
         "CORNERS": 4, "ORIGIN": 4, "CAL_MATRIX": 4, "FPCOPPOLY": 4, "LABELS": -1, "UNITS": -1}  # ezc3d takes no other
NEEDED = {"POINT": ("USED", "FRAMES", "RATE", "SCALE"), "ANALOG": (), "FORCE_PLATFORM": ("USED",),
          "ROTATION": ("USED", "RATE", "DATA_START")}
ONE_VALUE = {"USED", "FRAMES", "RATE", "RATIO", "DATA_START", "GEN_SCALE"}  # ezc3d takes it without looking whether it is there
POSE_BYTES = 17 * 4  # a 4x4 matrix and a residual
MOST_EMPTY = 100  # analog samples of no channel in a frame: our choice, so that they take no time
RATES_HZ = (1, 1e5)  # frames a second, slowest and fastest; like the next two beyond any laboratory: our choice
FARTHEST_M, STRONGEST_N = 1e3, 1e5
FOOT_M = 1.0  # longer than any foot: our choice
CLOSE = 1e-3  # relative, between two notes of one number: our choice, above the rounding of single precision
RIGHT_ANGLE = 1e-2  # what the products of a pose's axes may differ by: our choice, above the rounding of single precision
ADVICE = "Export it again, or delete its row from the table of trials."


class Header(NamedTuple):
    """What the first block says; rate in Hz, scale negative where the file holds reals."""

    points: int
    analog_values: int  # of all channels, in a frame
    first: int  # frame
    last: int
    scale: float
    data_start: int  # block
    samples: int  # of each channel, in a frame
    rate: float


class Parameter(NamedTuple):
    """One parameter as it stands in the file."""

    type: int  # a key of BYTES
    size: tuple
    raw: bytes
    processor: int

    @property
    def count(self):
        """Count numbers, or texts: their length comes first, and a single text has no other size."""
        return math.prod(self.size[1:]) * bool(self.size[0] or self.size[1:]) if self.type == -1 else math.prod(self.size)

    def values(self):
        """Give numbers (n,) or a list of texts."""
        if self.type == -1:
            return [self.raw[part * self.size[0]:(part + 1) * self.size[0]].strip() for part in range(self.count)]
        return _reals(self.raw, self.processor) if self.type == 4 else np.frombuffer(self.raw, f"<i{self.type}")


def check_layout(path):
    """Check that header, parameters and size of the C3D file at `path` agree; its data are not read.

    Raises ValueError where they do not, or where it is no C3D file.
    """
    with path.open("rb") as file:
        block = file.read(BLOCK)
        _require(len(block) == BLOCK and block[0] > 1 and block[1] == 80, path,
                 "begins with the number of another block and with 80", f"begins with {list(block[:2])}")
        file.seek(BLOCK * (block[0] - 1))
        start = file.read(4)
        _require(len(start) == 4 and start[:2] in (b"\1\x50", b"\0\0") and start[3] in (INTEL, DEC), path,
                 "has parameters where its header says, written by a processor of type 84 or 85", f"has {list(start)} there")
        header = _header(block, start[3])
        section = file.read(max(0, BLOCK * (header.data_start - block[0]) - 4))
        size = file.seek(0, 2)
    groups = _parameters(section, start[3], path)
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
        _require(largest <= farthest, path, f"has every {what} within {FARTHEST_M:,.0f} m", f"has one at {largest:.3g} {unit}")
    known = np.isfinite(poses[:3]).all(axis=(0, 1)) & poses[:3, :3].any(axis=(0, 1))
    products = np.einsum("iksf,jksf->sfij", poses[:3, :3], poses[:3, :3])[known]
    off = np.abs(products - np.eye(3)).max(initial=0)
    _require(off < RIGHT_ANGLE, path, "has segments whose axes are unit vectors at right angles", f"has one that is off by {off:.3g}")
    offsets = [np.abs(entry["value"]).max() for entry in content["parameters"].get("THEIA3D", {}).values()
               if getattr(entry.get("value"), "size", 0) == 3]
    _require(all(offset <= FOOT_M for offset in offsets), path, f"has the heels within {FOOT_M} m of the feet's origins",
             f"has THEIA3D offsets of up to {max(offsets, default=0):.3g} m")


def check_forces(force):
    """Check the forces (T, 3) of a plate, N; raises ValueError for what no plate measures."""
    if not (np.abs(force) <= STRONGEST_N).all():
        raise ValueError(f"The force on a plate is a number up to {STRONGEST_N:,.0f} N; a plate of the C3D file has "
                         f"{np.abs(force).max():.3g} N. {ADVICE}")


def _require(fact, path, rule, found, advice=ADVICE):
    if not fact:
        raise ValueError(f"A C3D file {rule}; {path.name} cannot be read: it {found}. {advice}")


def _header(block, processor):
    data_start, samples = struct.unpack_from("<2H", block, 16)
    scale, rate = _reals(block[12:16] + block[20:24], processor).tolist()
    return Header(*struct.unpack_from("<4H", block, 2), scale, data_start, samples, rate)


def _reals(raw, processor):
    """Decode reals of 4 bytes -> (n,); those of DEC have their words swapped and an exponent that is larger by 2."""
    if processor == DEC:
        return np.frombuffer(raw, "<u2").reshape(-1, 2)[:, ::-1].copy().view("<f4").ravel().astype(float) / 4
    return np.frombuffer(raw, "<f4").astype(float)


def _parameters(section, processor, path):
    """Walk through the records of the section -> {group: {name: Parameter}}; each begins where the one before ends."""
    names, found, at, step = {}, {}, 0, 1
    try:
        while step and section[at]:
            number, name, step, begin = _name(section, at)
            if number < 0:
                _require(-number not in names and name not in names.values(), path, "names each group of parameters once",
                         f"has {name!r} again")
                names[-number], at = name, begin + 1 + section[begin]
            else:
                found.setdefault(number, {})[name], at = _parameter(section, begin, processor)
            _require(at <= len(section) and step in (0, at - begin + 2), path, "says where each parameter ends",
                     f"says something else for {name!r}")
    except (IndexError, KeyError, struct.error):
        _require(False, path, "has parameters that end before its data", "has some that do not, or that are none")
    return {names.get(number, ""): group for number, group in found.items()}


def _name(section, at):
    """Read the beginning of a record -> number (negative for a group), name, bytes to the next (0: none), where it goes on."""
    length, number = struct.unpack_from("<2b", section, at)
    begin = at + 2 + abs(length)  # negative: locked
    return number, section[at + 2:begin].split(b"\0")[0].decode("latin-1"), *struct.unpack_from("<H", section, begin), begin + 2


def _parameter(section, at, processor):
    """Read the rest of a parameter's record -> Parameter, where the record ends."""
    kind, dimensions = struct.unpack_from("<2b", section, at)
    if dimensions < (kind == -1):  # a text has a length; ezc3d would look for it beyond its list
        raise KeyError(dimensions)
    begin = at + 2 + dimensions
    size = tuple(section[at + 2:begin]) or (1,)
    end = begin + math.prod(size) * BYTES[kind]
    if section[end] > 127:  # bytes of the description; ezc3d takes them for a negative number
        raise KeyError(section[end])
    return Parameter(kind, size, section[begin:end], processor), end + 1 + section[end]


def _check_types(groups, path):
    """Check that what ezc3d looks for is there, and of the type in which it looks for it."""
    for group, needed in NEEDED.items():
        there = groups.get(group, {})
        for name in needed if there else ():
            _require(name in there, path, f"with a group {group} has {group}:{name}", "has not")
        for name, parameter in there.items():
            wanted = TYPES.get(name.rstrip("0123456789"), parameter.type)
            _require(parameter.type in ((1, 2) if wanted == 2 else (wanted,)) or parameter.size == (0,), path, f"has {group}:{name} of type {wanted}",
                     f"has it of type {parameter.type}")
            _require(name not in ONE_VALUE or parameter.type > 0 and parameter.count, path, f"has a number {group}:{name}", "has none")


def _first(groups, group, name, default=0):
    """Give the first value of a parameter; `default` where there is none."""
    parameter = groups.get(group, {}).get(name)
    return parameter.values()[0].item() if parameter and parameter.count else default


def _all(groups, group, name):
    """Gather the values of a parameter and of those that continue it: LABELS, LABELS2, ..."""
    return [value for key, parameter in groups.get(group, {}).items() if key.rstrip("0123456789") == name
            for value in parameter.values()]


def _frames(header, groups):
    """Give the number of frames as ezc3d takes it: what the parameter says, or the header where it says nothing."""
    frames = int(_first(groups, "POINT", "FRAMES"))
    return frames % 65536 if frames < 0 else frames or header.last - header.first + 1


def _check_agreement(header, groups, path):
    """Check that the header says what the parameters say: ezc3d believes the latter."""
    rate, analog_rate, channels = (_first(groups, *name) for name in (("POINT", "RATE"), ("ANALOG", "RATE"), ("ANALOG", "USED")))
    _require(RATES_HZ[0] <= rate <= RATES_HZ[1], path, "has from {} to {:,.0f} frames a second".format(*RATES_HZ), f"has {rate:g}")
    frames, shown = _frames(header, groups), header.last - header.first + 1
    for what, one, two in (("points", header.points, _first(groups, "POINT", "USED")),
                           ("frames", frames if header.last == 65535 <= frames else shown, frames),  # the header counts no further
                           ("frames a second", header.rate, rate), ("scale", header.scale, _first(groups, "POINT", "SCALE")),
                           ("first block of data", header.data_start, _first(groups, "POINT", "DATA_START")),
                           ("analog values in a frame", header.analog_values, channels * header.samples),
                           ("analog samples a second", header.samples * rate if channels else analog_rate, analog_rate),
                           ("poses a second", _first(groups, "ROTATION", "RATE") if _first(groups, "ROTATION", "USED") else 0, rate * _poses(groups))):
        _require(math.isclose(one, two, rel_tol=CLOSE if "second" in what or what == "scale" else 0), path,
                 f"says the same of its {what} wherever it says it", f"says {one:g} and {two:g}")
    samples = _ratio(groups, "ANALOG")
    # 499.5 / 99.9 of single precision is a little less than 5, and ezc3d would read a whole file wrongly
    _require(samples == header.samples if channels else 0 <= samples <= MOST_EMPTY, path,
             "has a whole number of analog samples in a frame, in single precision too", f"has {analog_rate:g} a second for {rate:g} frames",
             "Export it at rates that are whole numbers, or delete its row from the table of trials.")


def _poses(groups):
    """Give the poses of a segment in a frame; 0 where there are no segments."""
    return _first(groups, "ROTATION", "RATIO", _ratio(groups, "ROTATION")) if _first(groups, "ROTATION", "USED") else 0


def _ratio(groups, group):
    """Give the samples in a frame as ezc3d counts them: it cuts off the fraction."""
    return int(_first(groups, group, "RATE") / _first(groups, "POINT", "RATE"))


def _check_lists(header, groups, path):
    """Check that lists have as many values as they are said to."""
    labels = _all(groups, "POINT", "LABELS")
    named = [label for label in labels if label]
    _require(len(labels) == header.points and len(set(named)) == len(named), path, "gives each point a name of its own",
             f"gives {len(set(labels))} for {header.points} points")
    used = _first(groups, "ANALOG", "USED")
    for name in ("SCALE", "OFFSET"):
        found = len(_all(groups, "ANALOG", name))
        _require(found >= used, path, f"has ANALOG:{name} for each channel", f"has {found} for {used} channels")
    used, found = _first(groups, "ROTATION", "USED"), len(_all(groups, "ROTATION", "LABELS"))
    _require(found == used, path, "gives each segment a name", f"gives {found} for {used} segments")


def _check_plates(header, groups, path):
    """Check that each force plate is described in full, as ezc3d reads it, and that its channels are there."""
    plates, there = _first(groups, "FORCE_PLATFORM", "USED"), groups.get("FORCE_PLATFORM", {})
    types = _all(groups, "FORCE_PLATFORM", "TYPE")
    _require(len(types) == plates and set(types) <= {1, 2, 3, 4}, path, "has force plates of types 1 to 4", f"has {plates} of {types}")
    if not plates:
        return
    size = {name: there[name].size if name in there else () for name in ("CHANNEL", "CAL_MATRIX", "CORNERS", "ORIGIN", "FPCOPPOLY")}
    full = math.prod(size["CORNERS"]) >= 12 * plates and math.prod(size["ORIGIN"]) >= 3 * plates
    _require(full, path, "has FORCE_PLATFORM:CORNERS and ORIGIN of each plate", f"has sizes {size['CORNERS']} and {size['ORIGIN']}")
    most = 8 if 3 in types else 6
    _require(len(size["CHANNEL"]) == 2 and size["CHANNEL"][0] >= most and size["CHANNEL"][1] >= plates, path,
             f"has FORCE_PLATFORM:CHANNEL of size ({most}, {plates})", f"has size {size['CHANNEL']}")
    used = there["CHANNEL"].values().reshape(size["CHANNEL"], order="F")[:, :plates]
    used = [used[:8 if kind == 3 else 6, plate] for plate, kind in enumerate(types)]
    _require(not header.samples or all(((1 <= each) & (each <= _first(groups, "ANALOG", "USED"))).all() for each in used), path,
             "has the channels of its force plates", "has not")
    matrix = size["CAL_MATRIX"]
    _require(math.prod(matrix[:2]) == 36 or not (4 in types or len(matrix) > 2 and math.prod(matrix)), path,
             "has FORCE_PLATFORM:CAL_MATRIX of 6 x 6 for each plate", f"has size {matrix}")
    _require(4 not in types or len(matrix) == 3 and matrix[2] >= plates, path, "has FORCE_PLATFORM:CAL_MATRIX of each plate",
             f"has size {matrix}")
    _require(3 not in types or not math.prod(size["FPCOPPOLY"] or (0,)) or math.prod(size["FPCOPPOLY"]) >= 12 * plates, path,
             "has FORCE_PLATFORM:FPCOPPOLY of each plate", f"has size {size['FPCOPPOLY']}")


def _check_size(header, groups, size, path):
    """Check that the data fill the file up to its last block: fewer bytes are a torn file, more are frames that no one counts."""
    frames = _frames(header, groups)
    end = BLOCK * (header.data_start - 1) + frames * (4 * header.points + header.analog_values) * (4 if header.scale < 0 else 2)
    if _first(groups, "ROTATION", "USED"):
        begin = BLOCK * (_first(groups, "ROTATION", "DATA_START") - 1)
        _require(begin >= end, path, "has its poses after its points", f"has them from byte {begin} on, points up to {end}")
        end = begin + frames * _poses(groups) * _first(groups, "ROTATION", "USED") * POSE_BYTES
    _require(end <= size <= end + BLOCK, path, f"of {frames} frames has {end} bytes and up to {BLOCK} to fill its last block", f"has {size}")
