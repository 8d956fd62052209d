"""Read the bytes of a C3D file without `ezc3d`, to compare them with what `ezc3d` reads.

In: the path of a file. Out: its header, its parameters, and its points, channels and poses as the bytes give them.
Blocks have 512 bytes and are counted from 1. Source: the C3D file format user guide, c3d.org.
"""

import math
import struct
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

import numpy as np

from grfkit.points import InputError

BLOCK = 512
INTEL, DEC, SGI = 84, 85, 86  # processor types; ezc3d reads only the first two
BYTES = {-1: 1, 1: 1, 2: 2, 4: 4}  # of a value, for each type of a parameter: text, byte, integer, real
MOST_FRAMES = 65535  # that header and POINT:FRAMES can count
USED = {  # the parameters that are read of each group, None for all: they must not contradict each other
    "POINT": ("USED", "FRAMES", "RATE", "SCALE", "DATA_START", "LABELS", "UNITS"),
    "ANALOG": ("USED", "RATE", "SCALE", "OFFSET", "GEN_SCALE", "UNITS", "FORMAT", "BITS"),
    "FORCE_PLATFORM": None,
    "ROTATION": None,
    "THEIA3D": None,
}
TEXTS = ("LABELS", "UNITS")  # lists of texts; all others are numbers
SHAPE = ("points", "analog values in a frame", "frames")  # in words
POSE_VALUES = 17  # a 4x4 matrix and a residual
LEAVE_OUT = "or leave it out: delete its row in the table of trials, or move the file out of the folder"
ADVICE = f"Export it again, {LEAVE_OUT}."


class Header(NamedTuple):
    """The content of the first block; rate in Hz, scale negative if the file holds real numbers."""

    points: int
    analog_values: int  # of all channels, in a frame
    first: int  # frame
    last: int
    scale: float
    data_start: int  # block
    samples: int  # of each channel, in a frame
    rate: float


class Parameter(NamedTuple):
    """One parameter as it is in the file."""

    type: int  # a key of BYTES
    size: tuple
    raw: bytes
    processor: int

    @property
    def count(self):
        """Count numbers, or texts; the first size of texts is their length, and a single text has no other size."""
        return (
            math.prod(self.size[1:]) * bool(self.size[0] or self.size[1:]) if self.type == -1 else math.prod(self.size)
        )

    def values(self):
        """Give numbers (n,) or a list of texts, without surrounding blanks."""
        if self.type == -1:
            return [_text(self.raw[part * self.size[0] : (part + 1) * self.size[0]]) for part in range(self.count)]
        return _reals(self.raw, self.processor) if self.type == 4 else np.frombuffer(self.raw, f"<i{self.type}")


class Shape(NamedTuple):
    """How many points, analog values and frames the data hold."""

    points: int
    analog_values: int  # of all channels, in a frame
    frames: int


@dataclass
class Layout:
    """One C3D file, as its bytes describe it."""

    name: str
    data: bytes
    header: Header
    processor: int
    groups: dict  # {group: {name: Parameter}}
    notes: list = field(default_factory=list)  # texts: what was skipped
    shape: Shape = None

    def first(self, group, name, default=0):
        """Give the first value of a parameter; `default` if it has none of that kind (a text, or a finite number)."""
        for value in self._values(group, name, texts=isinstance(default, str))[:1]:
            return value if isinstance(value, str) else value.item() if np.isfinite(value) else default
        return default

    def all_values(self, group, name):
        """Gather the values of a parameter and of its continuations: LABELS, LABELS2, ..."""
        there = self.groups.get(group, {})
        more = sorted(key for key in there if key.startswith(name) and key.removeprefix(name).isdecimal())
        names = [name, *sorted(more, key=lambda key: int(key.removeprefix(name)))]
        return [value for key in names for value in self._values(group, key, texts=name in TEXTS)]

    def _values(self, group, name, *, texts):
        """Give the values of a parameter; none if it holds numbers instead of texts, or texts instead of numbers."""
        parameter = self.groups.get(group, {}).get(name)
        return parameter.values() if parameter and (parameter.type == -1) == texts else []

    def require(self, fact, rule, found, advice=ADVICE):
        """Raise InputError unless a fact about the file is true: the rule, what was found and what to do."""
        if not fact:
            raise InputError(f"A C3D file {rule}; {self.name} cannot be read: it {found}.", advice)

    @property
    def length_unit(self):
        """Give the unit of the points as the file names it; without a unit it is metres, as for ezc3d."""
        return self.first("POINT", "UNITS", "") or "m"

    @property
    def rate_hz(self):
        """Give the frames a second: POINT:RATE, or the header's if the parameter has no value."""
        rate = float(self.first("POINT", "RATE"))
        return rate if _says(rate) else self.header.rate

    @property
    def samples(self):
        """Count the samples of each channel in a frame."""
        used = int(self.first("ANALOG", "USED"))
        return self.shape.analog_values // used if used > 0 and self.shape.analog_values % used == 0 else 0

    @property
    def poses(self):
        """Give the number of segments, the poses of each in a frame, and the first byte of the poses."""
        used, rate = int(self.first("ROTATION", "USED")), self.first("ROTATION", "RATE")
        if not rate or not self.first("ROTATION", "DATA_START"):
            return 0, 0, 0  # a group of that name that holds no poses
        ratio = rate / self.rate_hz if used > 0 and _says(self.rate_hz) else 0
        ratio = self.first("ROTATION", "RATIO", round(ratio) if math.isfinite(ratio) else 0)
        return used, int(ratio), BLOCK * (int(self.first("ROTATION", "DATA_START")) - 1)

    @property
    def end(self):
        """Count the bytes of the file up to the end of its points and channels."""
        return _end(self, self.shape)

    @property
    def unsigned(self):
        """Tell whether the file says that its channels are unsigned."""
        return self.first("ANALOG", "FORMAT", "").upper().startswith("UNSIGNED")

    def points(self):
        """Decode the points -> (3, P, F) in the unit of the file, and which of them are marked as missing (P, F)."""
        reals = self.header.scale < 0
        raw = self._frames(0, 4 * self.shape.points).reshape(self.shape.frames, self.shape.points, 4)
        if reals:
            return raw[..., :3].transpose(2, 1, 0), (raw[..., 3] < 0).T
        return raw[..., :3].transpose(2, 1, 0) * self.header.scale, (raw[..., 3] < 0).T

    def channels(self, numbers, *, as_ezc3d=False):
        """Decode some channels, `numbers` from 0 on -> (C, F samples) in their units.

        If the file says UNSIGNED, its integers are read as unsigned if they fit into its bits. ezc3d reads them with a
        sign, and every offset without one. `as_ezc3d` does the same for comparison, but -32768 may mean 32768.
        """
        used, count = int(self.first("ANALOG", "USED")), self.shape.frames * self.samples
        raw = self._frames(4 * self.shape.points, self.shape.analog_values).reshape(count, used)[:, numbers].T
        offset, scale = (np.asarray(self.all_values("ANALOG", name), float)[numbers] for name in ("OFFSET", "SCALE"))
        if as_ezc3d:
            offset = np.where(self.unsigned | (offset > -32768), np.abs(offset), offset)
        elif self.unsigned and raw.dtype.kind != "i":
            offset %= 65536
        elif self.unsigned:
            bits, counts = int(self.first("ANALOG", "BITS", 16)), raw.astype(int) % 65536
            if bits > 15 or counts.max(initial=0) < 2**bits:
                raw, offset = counts, offset % 65536
        return (raw - offset[:, None]) * scale[:, None] * self.first("ANALOG", "GEN_SCALE", 1.0)

    def rotations(self):
        """Decode the poses of segments -> (4, 4, S, poses)."""
        used, ratio, begin = self.poses
        count = self.shape.frames * ratio
        raw = _reals(self.data[begin : begin + 4 * count * used * POSE_VALUES], self.processor)
        return raw.reshape(count, used, POSE_VALUES)[..., :16].reshape(count, used, 4, 4).transpose(3, 2, 1, 0)

    def _frames(self, first, count):
        """Decode `count` values of each frame, from the value numbered `first` on -> (F, count)."""
        width, begin = self.shape.points * 4 + self.shape.analog_values, BLOCK * (self.header.data_start - 1)
        size = 4 if self.header.scale < 0 else 2
        kind = "<i2" if size == 2 else "<f4" if self.processor == INTEL else "<u4"
        raw = np.frombuffer(self.data, kind, self.shape.frames * width, begin).reshape(self.shape.frames, width)
        raw = raw[:, first : first + count]
        return _reals(raw.tobytes(), DEC).reshape(raw.shape) if kind == "<u4" else raw


def read_layout(path):
    """Read header and parameters of a C3D file -> Layout; its data are decoded when they are needed.

    Raises InputError if it is not a C3D file, if a parameter is not where the one before it says, or if the number of
    points, channels and frames cannot be determined.
    """
    data = path.read_bytes()
    layout = Layout(path.name, data, None, 0, {})
    layout.require(
        len(data) >= BLOCK and data[0] > 1 and data[1] == 80,
        "begins with the number of its parameter block and with 80",
        f"begins with {list(data[:2])}" if data else "is empty",
    )
    start = BLOCK * (data[0] - 1)
    there = list(data[start : start + 4])
    layout.require(
        there[3:] in ([INTEL], [DEC]),
        "has parameters where its header says, of a processor of type 84 or 85",
        "was saved by an SGI workstation, type 86" if there[3:] == [SGI] else f"has {there} there",
    )
    layout.processor = data[start + 3]
    header = _header(data, layout.processor)
    layout.header = header
    _parameters(layout, start + 4)
    if not header.data_start:
        layout.header = header._replace(data_start=int(layout.first("POINT", "DATA_START")))
    if not math.isfinite(header.scale) or not header.scale:
        layout.header = layout.header._replace(scale=float(layout.first("POINT", "SCALE", -1.0)))
    layout.require(layout.header.data_start > 1, "says where its data begin", f"says block {layout.header.data_start}")
    layout.shape = _shape(layout)
    return layout


def _header(block, processor):
    data_start, samples = struct.unpack_from("<2H", block, 16)
    scale, rate = _reals(block[12:16] + block[20:24], processor).tolist()
    return Header(*struct.unpack_from("<4H", block, 2), scale, data_start, samples, rate)


def _reals(raw, processor):
    """Decode real numbers of 4 bytes -> (n,); DEC's have swapped words and an exponent that is larger by 2."""
    if processor == DEC:
        return np.frombuffer(raw, "<u2").reshape(-1, 2)[:, ::-1].copy().view("<f4").ravel().astype(float) / 4
    return np.frombuffer(raw, "<f4").astype(float)


def _text(raw):
    raw = raw.split(b"\0")[0].strip()
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _says(value):
    """Tell whether a header or a parameter gives a number; 0 and non-finite values do not count."""
    return math.isfinite(value) and value > 0


def _parameters(layout, start):
    """Walk through the records from byte `start` on and fill `layout.groups`; each begins where the one before ends."""
    section, names, found, at, step = layout.data, {}, [], start, 1
    try:
        while step and section[at]:
            number, name, step, begin = _name(section, at)
            if number < 0:
                end = begin + 1 + section[begin]
                _name_group(layout, names, -number, name)
            else:
                parameter, end = _parameter(section, begin, layout.processor)
                found.append((number, name, parameter, end))
            layout.require(step in (0, end - begin + 2), "gives the end of each parameter", f"does not for {name!r}")
            at = end
    except (IndexError, KeyError, struct.error):
        layout.require(False, "has parameters that end before its data", "has some that do not, or cannot be read")
    for number, name, parameter, end in found:
        _take(layout, names.get(number, ""), name, parameter, end)


def _name_group(layout, names, number, name):
    """Note the name of a group. A group may occur twice, but a parameter that is used must have only one value."""
    other = names.get(number, name)
    used = other != name and (name in USED or other in USED)
    layout.require(not used, "gives each group of parameters one name", f"gives {other!r} and {name!r} to one")
    if number in names or name in names.values():
        layout.notes.append(f"a group {name} occurs twice" + ", and is not needed" * (name not in USED))
    names.setdefault(number, name)


def _take(layout, group, name, parameter, end):
    """Put a parameter into its group; one that is used must have one value and end before the data."""
    there = layout.groups.setdefault(group, {})
    used = group in USED and (USED[group] is None or name.rstrip("0123456789") in USED[group])
    other = there.get(name, parameter)
    layout.require(not used or other == parameter, "gives each parameter once", f"gives two of {group}:{name}")
    beyond = 0 < BLOCK * (layout.header.data_start - 1) < end
    if beyond:
        layout.require(not used, "has its parameters before its data", f"has {group}:{name} in them")
        layout.notes.append(f"the parameter {group}:{name} runs into the data, and is not needed")
    there[name] = parameter


def _name(section, at):
    """Read the start of a record -> number (negative: a group), name, bytes to the next or 0, where it continues."""
    length, number = struct.unpack_from("<2b", section, at)
    begin = at + 2 + abs(length)  # negative: locked
    name = section[at + 2 : begin].split(b"\0")[0].decode("latin-1").upper().strip()
    return number, name, *struct.unpack_from("<H", section, begin), begin + 2


def _parameter(section, at, processor):
    """Read the rest of a parameter's record -> Parameter, where the record ends."""
    kind, dimensions = struct.unpack_from("<2b", section, at)
    begin = at + 2 + dimensions
    size = tuple(section[at + 2 : begin]) or (1,)
    end = begin + math.prod(size) * BYTES[kind]
    return Parameter(kind, size, section[begin:end], processor), end + 1 + section[end]


def _shape(layout):
    """Find how many points, channels and frames the data hold -> Shape.

    Header and parameters both give it. If they differ, the numbers count that fill the file to its last block.
    """
    header, first, size = layout.header, layout.first, len(layout.data)
    one = Shape(header.points, header.analog_values, header.last - header.first + 1)
    values, frames = int(first("ANALOG", "USED")) * _samples(layout), int(first("POINT", "FRAMES"))
    frames = (frames % 65536 if frames < 0 else frames) or one.frames  # 16 bits, some count them without a sign
    two = Shape(int(first("POINT", "USED", one.points)), values if values > 0 else one.analog_values, frames)
    if one.frames <= 0:
        one = one._replace(frames=frames)
    fits = {one}
    if one != two:
        fits = {shape for shape in map(Shape._make, product(*zip(one, two, strict=True))) if _fills(layout, shape)}
    if MOST_FRAMES == header.last and frames <= MOST_FRAMES:
        layout.require(
            size - _end(layout, one._replace(frames=max(one.frames, frames))) < _width(layout, one),
            f"has {MOST_FRAMES:,} frames at most, as it counts them in 16 bits",
            "has more",
            "Cut the recording in two, and export each part.",
        )
    if one != two:
        both = ", ".join(f"{a} and {b} {what}" for what, a, b in zip(SHAPE, one, two, strict=True) if a != b)
        layout.require(len(fits) == 1, "gives the same size of its data everywhere", f"gives {both}")
        layout.notes.append(f"header and parameters differ ({both}): the numbers that fit the file's size were used")
        (one,) = fits
    layout.require(one.frames > 0, "holds at least one frame", f"has frames {header.first} to {header.last}")
    needed = _end(layout, one)
    advice = f"Export or copy it again, {LEAVE_OUT}."
    layout.require(needed <= size, f"of {one.frames} frames has {needed} bytes", f"is cut off after {size}", advice)
    if size - needed > BLOCK and not layout.poses[0]:
        layout.notes.append(f"{size - needed} bytes come after the data, and are not needed")
    return one


def _samples(layout):
    """Count the samples of a channel in a frame: from the header, or from the rates if the header has no value."""
    rates = layout.first("ANALOG", "RATE"), layout.rate_hz
    return layout.header.samples or (round(rates[0] / rates[1]) if all(map(_says, rates)) else 1)


def _width(layout, shape):
    """Count the bytes of a frame."""
    return (4 * shape.points + shape.analog_values) * (4 if layout.header.scale < 0 else 2)


def _end(layout, shape):
    """Count the bytes of a file up to the end of its points and channels."""
    return BLOCK * (layout.header.data_start - 1) + shape.frames * _width(layout, shape)


def _fills(layout, shape):
    """Tell whether data of a shape fill the file, or the part before the poses, up to the last block."""
    size = layout.poses[2] or len(layout.data)
    return shape.frames > 0 and 0 <= size - _end(layout, shape) <= BLOCK
