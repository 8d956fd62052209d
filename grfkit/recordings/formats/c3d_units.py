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
RAW = re.compile(r"|m?v(olts?)?|[uµμ]v|pc|adc|bits?|counts?|digits?|[-?]|none|n/a")  # what the scales turn into N
SPELT = {r"[\s.*·⋅∙•×_()\[\]-]": "", "newtons?": "n", "milli(?=met)": "m", "centi(?=met)": "c", "met(er|re)s?": "m"}
KINDS = {1: "fffllm", 2: "fffmmm", 3: "ffffffff", 4: "fffmmm"}  # forces, lengths, moments: channels of each type


def metres(unit, name):
    """Give the metres of a unit of length, such as mm, Meters or `mete`; `name` says whose it is.

    Raises InputError for a unit that is not known.
    """
    short = unit.strip(" ()[]").lower()
    for word, stands_for in WORDS.items():
        if short.startswith(word) or len(short) > 3 and word.startswith(short):
            short = stands_for
            break
    if short not in METRES:
        pixels = "Pixels are those of one camera: film with two at least, and export metres." * short.startswith("p")
        raise InputError(
            f"Lengths in a file are in {', '.join(METRES)}; {name} says {unit!r}.", pixels or "Export it again."
        )
    return METRES[short]


def plate_factors(layout, channels, kind, number):
    """Give what each channel of plate `number` of a type is multiplied with, (C,), to be in N or the points' unit.

    `channels` are numbers from 0 on. Raises InputError for a unit that is not known, which it names.
    """
    names = layout.all_values("ANALOG", "UNITS")
    texts = [names[channel] if channel < len(names) else "" for channel in channels]
    length = metres(layout.length_unit, layout.name)
    forces = _factor(layout.first("FORCE_PLATFORM", "UNITS", "") or "N", "f", length, number)
    factors = [forces * _factor(text, what, length, number) for text, what in zip(texts, KINDS[kind], strict=True)]
    if any(RAW.fullmatch(text.strip().lower()) and text for text in texts):
        layout.notes.append(f"channels of force plate {number} are in {texts[0]}, and were taken for N")
    if kind == 4 and _mixes(layout, number, np.array(factors)):
        _refuse(", ".join(dict.fromkeys(texts)), number, " for a matrix of calibration that mixes them")
    return np.array(factors)


def _factor(text, kind, length, number):
    """Give what a channel is multiplied with, by its unit and what it is: a force, a length or a moment."""
    plain = text.strip().lower()
    if RAW.fullmatch(plain):
        return 1.0
    for word, short in SPELT.items():
        plain = re.sub(word, short, plain)
    known = {"f": NEWTONS, "l": METRES, "m": NEWTON_METRES}[kind]
    if plain not in known:
        _refuse(text, number, f" where {', '.join(known)} is known")
    return known[plain] / (1 if kind == "f" else length)


def _mixes(layout, number, factors):
    """Tell whether a plate's matrix of calibration mixes channels of different factors."""
    matrix = np.reshape(layout.all_values("FORCE_PLATFORM", "CAL_MATRIX"), (-1, 6, 6))[number - 1]
    return ((matrix != 0) & (factors[:, None] != factors)).any()


def _refuse(text, number, more):
    raise InputError(
        f"Channels of a force plate are in N or kN, and N m or N mm; force plate {number} says {text!r}{more}.",
        OTHER_PLATES,
    )
