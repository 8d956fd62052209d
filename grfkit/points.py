"""The 11 points, their components and names, and what is said of recordings: notes, errors with advice, exclusions."""

from typing import NamedTuple

POINTS = ["pelvis", *(f"{side}_{joint}" for side in "lr" for joint in ("hip", "knee", "ankle", "heel", "toe"))]
COMPONENTS = ["ap", "ml", "v"]  # positive forward, to the runner's left, up
INPUTS = [f"{point}_{component}" for point in POINTS for component in COMPONENTS]
FORCES = [f"grf_{component}" for component in COMPONENTS]
ESTIMATES = [f"est_{component}" for component in COMPONENTS]
DIRECTIONS = ["AP", "ML", "V"]
DIRECTION_NAMES = {"AP": "anterior-posterior", "ML": "medial-lateral", "V": "vertical"}
GRAVITY = 9.81  # m/s2

FEET = {side: [POINTS.index(f"{side}_heel"), POINTS.index(f"{side}_toe")] for side in "lr"}
LEGS = [
    (POINTS.index(f"{side}_{a}"), POINTS.index(f"{side}_{b}"))
    for side in "lr"
    for a, b in (("hip", "knee"), ("knee", "ankle"))
]


class Excluded(Exception):
    """A stance breaks a check; the message is the reason."""


class InputError(ValueError):
    """An input that cannot be used: `fact` is the rule and what was found, `advice` what to do; the message is both."""

    def __init__(self, fact, advice):
        super().__init__(f"{fact} {advice}")
        self.fact, self.advice = fact, advice

    def __reduce__(self):  # so that it survives the way back from another process
        return type(self), (self.fact, self.advice)


class Note(NamedTuple):
    """What was found about a recording; a warning is what may make its estimates wrong."""

    text: str
    is_warning: bool = False
