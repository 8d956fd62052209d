"""Units of a C3D file: of its points, and of the channels of its force plates.

In: the texts of POINT:UNITS and ANALOG:UNITS. Out: factors.
"""

import re

import numpy as np

from grfkit.points import InputError

OTHER_PLATES = "Export it again, or name the other plates under `plates` in the study file."

METRES = {"mm": 0.001, "cm": 0.01, "m": 1.0}
WORDS = {"millimet": "mm", "centimet": "cm", "met": "m"}  # beginnings of words, as some programs cut them off
NEWTONS = {"n": 1.0, "kn": 1e3}
NEWTON_METRES = {"nm": 1.0, "nmm": 1e-3, "ncm": 1e-2, "knm": 1e3, "knmm": 1.0}
RAW = re.compile(r"|m?v(olts?)?|[uµμ]v|pc|adc|bits?|counts?|digits?|[-?]|none|n/a")  # the file's scales give N
SPELT = {r"[\s.*·⋅∙•×_()\[\]-]": "", "newtons?": "n", "milli(?=met)": "m", "centi(?=met)": "c", "met(er|re)s?": "m"}
KINDS = {1: "fffllm", 2: "fffmmm", 3: "ffffffff", 4: "fffmmm"}  # forces, lengths, moments: channels of each type


def metres(unit, name):
    """Give the metres in a unit of length, such as mm, Meters or `mete`; `name` is the name of the file.

    Raises InputError for a unit that is not known.
    """
    short = unit.strip(" ()[]").lower()
    for word, stands_for in WORDS.items():
        if short.startswith(word) or len(short) > 3 and word.startswith(short):
            short = stands_for
            break
    if short not in METRES:
        pixels = "Pixels come from one camera: film with at least two, and export metres." * short.startswith("p")
        raise InputError(
            f"Lengths in a file must be in {', '.join(METRES)}; {name} has {unit!r}.", pixels or "Export it again."
        )
    return METRES[short]


def plate_factors(layout, channels, kind, number):
    """Give the factors (C,) that bring the channels of plate `number` of a type to N and the points' unit of length.

    `channels` are numbers from 0. Raises InputError, which names the unit, for a unit that is not known.
    """
    names = layout.all_values("ANALOG", "UNITS")
    texts = [names[channel] if channel < len(names) else "" for channel in channels]
    length = metres(layout.length_unit, layout.name)
    forces = _factor(layout.first("FORCE_PLATFORM", "UNITS", "") or "N", "f", length, number)
    factors = [forces * _factor(text, what, length, number) for text, what in zip(texts, KINDS[kind], strict=True)]
    if any(RAW.fullmatch(text.strip().lower()) and text for text in texts):
        layout.notes.append(f"channels of force plate {number} are in {texts[0]}, and were read as N")
    if kind == 4 and _mixes(layout, number, np.array(factors)):
        _refuse(", ".join(dict.fromkeys(texts)), number, ", which its calibration matrix mixes")
    return np.array(factors)


def _factor(text, kind, length, number):
    """Give the factor of a channel, by its unit and its kind: a force, a length or a moment."""
    plain = text.strip().lower()
    if RAW.fullmatch(plain):
        return 1.0
    for word, short in SPELT.items():
        plain = re.sub(word, short, plain)
    known = {"f": NEWTONS, "l": METRES, "m": NEWTON_METRES}[kind]
    if plain not in known:
        _refuse(text, number, f" where it needs one of {', '.join(known)}")
    return known[plain] / (1 if kind == "f" else length)


def _mixes(layout, number, factors):
    """Tell whether a plate's calibration matrix mixes channels with different factors."""
    matrix = np.reshape(layout.all_values("FORCE_PLATFORM", "CAL_MATRIX"), (-1, 6, 6))[number - 1]
    return ((matrix != 0) & (factors[:, None] != factors)).any()


def _refuse(text, number, more):
    raise InputError(
        f"Channels of a force plate must be in N or kN, and N m or N mm; force plate {number} has {text!r}{more}.",
        OTHER_PLATES,
    )
