"""The layout of a C3D file: its header and its parameters as they stand there, without its data.

Read apart from `ezc3d`, to be compared with what it reads. Blocks have 512 bytes and are counted from 1. Source: the
C3D file format user guide, c3d.org.
"""

import math
import struct
from typing import NamedTuple

import numpy as np

from grfkit.points import InputError

BLOCK = 512
INTEL, DEC = 84, 85  # processor types; ezc3d reads no other
BYTES = {-1: 1, 1: 1, 2: 2, 4: 4}  # of a value, for each type of a parameter: text, byte, integer, real
LEAVE_OUT = "or leave it out: take its row from the table of trials, or the file from the folder"
ADVICE = f"Export it again, {LEAVE_OUT}."


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
        return (
            math.prod(self.size[1:]) * bool(self.size[0] or self.size[1:]) if self.type == -1 else math.prod(self.size)
        )

    def values(self):
        """Give numbers (n,) or a list of texts."""
        if self.type == -1:
            return [self.raw[part * self.size[0] : (part + 1) * self.size[0]].strip() for part in range(self.count)]
        return _reals(self.raw, self.processor) if self.type == 4 else np.frombuffer(self.raw, f"<i{self.type}")


def read_layout(path):
    """Read a C3D file's header and parameters -> Header, {group: {name: Parameter}}, bytes of the file.

    Raises ValueError where it is no C3D file, or where a parameter is not where the one before it says.
    """
    with path.open("rb") as file:
        block = file.read(BLOCK)
        require(
            len(block) == BLOCK and block[0] > 1 and block[1] == 80,
            path,
            "begins with the number of another block and with 80",
            f"begins with {list(block[:2])}",
        )
        file.seek(BLOCK * (block[0] - 1))
        start = file.read(4)
        require(
            len(start) == 4 and start[:2] in (b"\1\x50", b"\0\0") and start[3] in (INTEL, DEC),
            path,
            "has parameters where its header says, written by a processor of type 84 or 85",
            f"has {list(start)} there",
        )
        header = _header(block, start[3])
        section = file.read(max(0, BLOCK * (header.data_start - block[0]) - 4))
        size = file.seek(0, 2)
    return header, _parameters(section, start[3], path), size


def require(fact, path, rule, found, advice=ADVICE):
    """Raise ValueError where a fact about a C3D file does not hold; it says the rule, what was found and what to do."""
    if not fact:
        raise InputError(f"A C3D file {rule}; {path.name} cannot be read: it {found}.", advice)


def first(groups, group, name, default=0):
    """Give the first value of a parameter; `default` where there is none."""
    parameter = groups.get(group, {}).get(name)
    return parameter.values()[0].item() if parameter and parameter.count else default


def all_values(groups, group, name):
    """Gather the values of a parameter and of those that continue it: LABELS, LABELS2, ..."""
    return [
        value
        for key, parameter in groups.get(group, {}).items()
        if key.rstrip("0123456789") == name
        for value in parameter.values()
    ]


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
                require(
                    -number not in names and name not in names.values(),
                    path,
                    "names each group of parameters once",
                    f"has {name!r} again",
                )
                names[-number], at = name, begin + 1 + section[begin]
            else:
                found.setdefault(number, {})[name], at = _parameter(section, begin, processor)
            require(
                at <= len(section) and step in (0, at - begin + 2),
                path,
                "says where each parameter ends",
                f"says something else for {name!r}",
            )
    except (IndexError, KeyError, struct.error):
        require(False, path, "has parameters that end before its data", "has some that do not, or that are none")
    return {names.get(number, ""): group for number, group in found.items()}


def _name(section, at):
    """Read the beginning of a record -> number (negative: a group), name, bytes to the next or 0, where it goes on."""
    length, number = struct.unpack_from("<2b", section, at)
    begin = at + 2 + abs(length)  # negative: locked
    return (
        number,
        section[at + 2 : begin].split(b"\0")[0].decode("latin-1"),
        *struct.unpack_from("<H", section, begin),
        begin + 2,
    )


def _parameter(section, at, processor):
    """Read the rest of a parameter's record -> Parameter, where the record ends."""
    kind, dimensions = struct.unpack_from("<2b", section, at)
    if dimensions < (kind == -1):  # a text has a length; ezc3d would look for it beyond its list
        raise KeyError(dimensions)
    begin = at + 2 + dimensions
    size = tuple(section[at + 2 : begin]) or (1,)
    end = begin + math.prod(size) * BYTES[kind]
    if section[end] > 127:  # bytes of the description; ezc3d takes them for a negative number
        raise KeyError(section[end])
    return Parameter(kind, size, section[begin:end], processor), end + 1 + section[end]
