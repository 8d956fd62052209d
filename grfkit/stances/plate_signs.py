"""Checks over the stances of a whole study whether each force plate's axes are right.

In: a Stance with its plates.Contact and the plates. Out: a row for each plate that carries a stance; Excluded for a
stance whose force cannot be a runner's; InputError that names the wrong plates.

Wrong signs of a plate's channels, left-handed axes and corners in a wrong order do not change the vertical force. Three
facts show them: a runner brakes before propelling, the force points from the foot towards the body, and the centre of
pressure is where the foot is. Source: our choice. The numbers below come from 5,626 stances of 22 real runners (Fukuchi
2017), whose plate is right.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from grfkit.points import FEET, Excluded, InputError
from grfkit.recordings import plates
from grfkit.stances.checks import FAR

LEAST_SHARE = 0.3  # of a stance's vertical impulse: the stance says nothing about a plate that carries less; our choice
REVERSED = -0.3  # fit to braking before propulsion, below which a plate is reversed: real stances have .75 to 1
UNFIT = 0.5  # fit below which a force does not brake before it propels
CROSSED = (
    0.8  # fit of a sideways force to braking and propulsion, above which axes are interchanged: real ones -.72 to .73
)
FEWEST_REVERSED = 2  # stances: one is left out; two or more, if they are half of a plate's, stop the study; our choice
# How far below 0 the mean fit of the sideways force must be: for one runner, and for one stance. Real runners' means
# are .18 to .75; that of RBDS001, whose force is lateral, is .22. No two stances of one foot have a mean below -.58.
RUNNER_DOUBT, STANCE_DOUBT = 0.25, 0.5
FEWEST_COP, MIRRORED = 4, -0.5  # stances, and the cosine below which the centre of pressure is mirrored: our choice
# Least RMS distance of the feet from the plate's middle for this check. Real centres of pressure are .01 to .11 m ahead
# of the middle of the foot and at most .07 m to its side; for feet nearer than that the check could fail. Our choice.
SPREAD_M = {"ap": 0.1, "ml": 0.05}
FEWEST_FAR, FAR_SHARE = 3, 0.8  # stances, and share of a plate's, that make a far foot the plate's fault: our choice


class Load(NamedTuple):
    """What one plate measured of one stance. Fits are cosines over time, from -1 to 1; places are m from its middle."""

    plate: int  # its number in the file, counted from 1
    braking: float  # fit of the anterior-posterior force to one that brakes before it propels
    crossed: float  # fit of the medial-lateral force to the same
    inward: float  # fit of the medial-lateral force to the line from centre of pressure to pelvis
    inward_foot: float  # the same, from the middle of the foot
    foot_ap: float
    foot_ml: float
    cop_ap: float
    cop_ml: float


COLUMNS = ["runner", "file", "touchdown_s", "reason", *Load._fields]


def loads(stance, step, side, on):
    """List the Load of each plate that carries at least LEAST_SHARE of a stance.

    `stance` is a Stance in laboratory axes, `step` its plates.Contact, `on` all plates of the recording, zeroed.
    """
    start, frames = int(np.argmin(np.abs(stance.time_s))), slice(step.first, step.end)
    points = stance.points[start : start + step.end - step.first]
    whole = sum(on[number].force[frames, 2].sum() for number in step.plates)
    carry = [number for number in sorted(step.plates) if on[number].force[frames, 2].sum() > LEAST_SHARE * whole]
    alone = len(carry) == 1
    return [
        _load(on[number].number or number + 1, on[number], frames, points[:, 0], points[:, FEET[side]], alone)
        for number in carry
    ]


def _load(number, plate, frames, pelvis, feet, alone):
    """Measure a Load from a plate's frames, the pelvis (T, 3) m and heel and toe (T, 2, 3) m."""
    force, cop = plate.force[frames], plate.cop[frames]
    brakes = -np.sin(2 * np.pi * (np.arange(len(force)) + 0.5) / len(force))
    seen = (force[:, 2] > plates.LOW_SHARE * force[:, 2].max()) & np.isfinite(cop).all(axis=1)
    force, brakes = force[seen], brakes[seen]
    lines = [force[:, 2] * (pelvis[seen, 1] - start[seen, 1]) for start in (cop, feet.mean(axis=1))]
    middle = len(feet) // 2
    places = np.stack([feet[middle].mean(axis=0), plate.cop[frames][middle]]) - plate.corners.mean(axis=0)
    if not alone or plates.beyond(places[0], plate.corners - plate.corners.mean(axis=0)) > 0:
        places = np.full_like(places, np.nan)  # part of the foot is on another plate, or the foot is another person's
    inward = [_cosine(force[:, 1], line) for line in lines]
    return Load(number, _cosine(force[:, 0], brakes), _cosine(force[:, 1], brakes), *inward, *places[:, :2].ravel())


def _cosine(one, two):
    length = np.sqrt((one @ one) * (two @ two))
    return float(one @ two / length) if length > 0 else float("nan")


def check_stance(felt):
    """Raise Excluded for a stance in which a plate's force cannot be a runner's; `felt` is a list of Load."""
    for load in felt:
        if load.braking < REVERSED:
            raise Excluded(f"plate {load.plate}: anterior-posterior force reversed")
        if load.braking < UNFIT and abs(load.crossed) > CROSSED:
            raise Excluded(f"plate {load.plate}: anterior-posterior and medial-lateral force interchanged")


def check_study(table):
    """Check that no plate of a study is reversed or interchanged in its force or its centre of pressure.

    `table` is a DataFrame with COLUMNS, a row for each plate of each stance. Raises InputError that names the plates.
    """
    table = table[table["reason"].eq("") | table["reason"].eq(FAR) | table["reason"].str.startswith("plate ")]
    wrong = {number: found for number, rows in table.groupby("plate") if (found := _wrong(rows))}
    if not wrong and _is_outward(table):
        wrong = dict.fromkeys(table["plate"].unique(), ("medial-lateral force reversed",))
    if wrong:
        found = "; ".join(
            f"force plate {', '.join(str(number) for number in wrong if wrong[number] == kinds)}: {', '.join(kinds)}"
            for kinds in dict.fromkeys(wrong.values())
        )
        turned = (
            " If all forces are reversed, change the sign of `forward` there."
            if set(wrong) == set(table["plate"])
            else ""
        )
        raise InputError(
            "A runner brakes before propelling, the force points from the foot towards the body, and the centre of "
            f"pressure is where the foot is; over {len(table)} stances found {found}.",
            "Correct the order of the plate's corners or the signs of its channels and export the files again, or name "
            f"only the other plates under `plates` in the study file.{turned}",
        )


def _wrong(rows):
    """Say what is wrong with one plate, from its rows of the table: a tuple of texts."""
    most = max(FEWEST_REVERSED, len(rows) / 2)
    if _is_crossed(rows).sum() >= most:
        return ("anterior-posterior and medial-lateral force interchanged",)
    mirrored = [axis for axis in ("ap", "ml") if _is_mirrored(rows, axis)]
    found = {
        "anterior-posterior force reversed": (rows["braking"] < REVERSED).sum() >= most,
        "medial-lateral force reversed": _is_outward(rows, mirrored=bool(mirrored)),
        "centre of pressure mirrored front to back": "ap" in mirrored,
        "centre of pressure mirrored left to right": "ml" in mirrored,
    }
    return tuple(text for text, is_so in found.items() if is_so)


def _is_crossed(rows):
    return (rows["braking"] < UNFIT) & (rows["braking"] > REVERSED) & (rows["crossed"].abs() > CROSSED)


def _is_outward(rows, *, mirrored=False):
    """Tell whether the sideways force points away from the body on average over runners, by more than the uncertainty.

    If the centre of pressure is `mirrored`, the foot takes its place.
    """
    rows = rows[rows["foot_ap"].notna() if mirrored else rows["reason"].ne(FAR)]
    fit = rows["inward_foot" if mirrored else "inward"].dropna()
    runners = fit.groupby(rows["runner"]).agg(["mean", "size"])
    if len(fit) < FEWEST_REVERSED:
        return False
    doubt = RUNNER_DOUBT / np.sqrt(len(runners)) + STANCE_DOUBT * np.sqrt((1 / runners["size"]).sum()) / len(runners)
    return bool(runners["mean"].mean() < -doubt)


def _is_mirrored(rows, axis):
    """Tell whether the centre of pressure is on the other side of the plate's middle than the foot, over stances."""
    foot, cop = rows[[f"foot_{axis}", f"cop_{axis}"]].dropna().to_numpy().T
    if len(foot) < FEWEST_COP or np.sqrt(np.mean(foot**2)) < SPREAD_M[axis]:
        return False
    return _cosine(foot, cop) < MIRRORED


def name_far(excluded, table):
    """Name in `excluded` the plates whose centre of pressure is far from nearly every foot: a copy, as excluded.csv."""
    table = table[table["reason"].eq("") | table["reason"].eq(FAR)]
    far = table["reason"].eq(FAR).groupby(table["plate"]).agg(["sum", "mean"])
    excluded = excluded.copy()
    for number in far.index[(far["sum"] >= FEWEST_FAR) & (far["mean"] >= FAR_SHARE)]:
        rows = table[table["plate"].eq(number) & table["reason"].eq(FAR)]
        here = pd.MultiIndex.from_frame(excluded[["file", "touchdown_s"]]).isin(
            pd.MultiIndex.from_frame(rows[["file", "touchdown_s"]])
        )
        excluded.loc[here & excluded["reason"].eq(FAR), "reason"] = (
            f"plate {number}: centre of pressure far from nearly every foot: check its corners"
        )
    return excluded
