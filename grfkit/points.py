"""The 11 points and the components of force: their names and order, body segments, and the classes of notes and errors.

All rooms share these constants. Nothing else belongs here.
"""

from typing import NamedTuple

import numpy as np

POINTS = ["pelvis", *(f"{side}_{joint}" for side in "lr" for joint in ("hip", "knee", "ankle", "heel", "toe"))]
COMPONENTS = ["ap", "ml", "v"]  # positive forward, to the runner's left, up
INPUTS = [f"{point}_{component}" for point in POINTS for component in COMPONENTS]
FORCES = [f"grf_{component}" for component in COMPONENTS]
ESTIMATES = [f"est_{component}" for component in COMPONENTS]
DIRECTIONS = ["AP", "ML", "V"]
DIRECTION_NAMES = {"AP": "anterior-posterior", "ML": "medial-lateral", "V": "vertical"}
GRAVITY = 9.81  # m/s2

# places in POINTS
HEELS, TOES = ([POINTS.index(f"{side}_{end}") for side in "lr"] for end in ("heel", "toe"))  # left, right
FEET = {side: [heel, toe] for side, heel, toe in zip("lr", HEELS, TOES, strict=True)}
LEGS = [  # both ends of left thigh, left shank, right thigh, right shank
    (POINTS.index(f"{side}_{a}"), POINTS.index(f"{side}_{b}"))
    for side in "lr"
    for a, b in (("hip", "knee"), ("knee", "ankle"))
]
SWAPPED = [0, *range(6, 11), *range(1, 6)]  # the same joint of the other leg
MIRROR = np.array([1.0, -1.0, 1.0])  # AP, ML, V as a mirror shows them: left and right change places

# de Leva 1996, table 4 (men, women): share of body mass; centre from the proximal joint (foot: heel) and radius of
# gyration as shares of length. A rod has one radius about its transverse axes: we take the mean of the two given, which
# differ by at most 7 % (our choice).
SEGMENTS = {
    "m": {
        "thigh": (0.1416, 0.4095, (0.329 + 0.329) / 2),
        "shank": (0.0433, 0.4459, (0.255 + 0.249) / 2),
        "foot": (0.0137, 0.4415, (0.257 + 0.245) / 2),
    },
    "f": {
        "thigh": (0.1478, 0.3612, (0.369 + 0.364) / 2),
        "shank": (0.0481, 0.4416, (0.271 + 0.267) / 2),
        "foot": (0.0129, 0.4014, (0.299 + 0.279) / 2),
    },
}


def mirrored(points):
    """Mirror a runner, points (..., 11, 3) or their velocities: the legs change places, ML changes its sign."""
    return points[..., SWAPPED, :] * MIRROR


def number(value):
    """Turn a numpy number, or an array without dimensions, into Python's own number; leave anything else as it is."""
    if not isinstance(value, (np.generic, np.ndarray)) or np.ndim(value) or value.dtype.kind not in "fiu":
        return value
    return float(str(value)) if value.dtype.kind == "f" else int(value)  # 3.6 of single precision is 3.6


class Excluded(Exception):
    """A stance is left out because it fails a check; the message is the reason."""


class InputError(ValueError):
    """An input cannot be used. `fact` says the rule and what was found, `advice` what to do; the message is both."""

    def __init__(self, fact, advice):
        super().__init__(f"{fact} {advice}")
        self.fact, self.advice = fact, advice

    def __reduce__(self):  # so that it survives the way back from another process
        return type(self), (self.fact, self.advice)


class Note(NamedTuple):
    """What was found about a recording. It is a warning if it may make the estimates wrong."""

    text: str
    is_warning: bool = False
