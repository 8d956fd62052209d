"""Net moments of ankle and knee by inverse dynamics: the load on muscles and ligaments.

In: points of a leg with their accelerations, force and centre of pressure. Out: moments in N m per kg of body mass.

A foot is a rod from heel to toe, a shank a rod from knee to ankle. Such points do not show how a segment turns about
its own length. A segment has mass m (a share of the body's), ends p and q, centre c = p + s (q - p) and radius of
gyration k |q - p|. Its angular momentum about a joint j changes at the rate m k^2 (q - p) x (q'' - p'') + m (c - j) x
c''; no angle is needed. A joint's moment on the part below it is the sum of these rates, less the moments of weight and
ground force (Winter 2009, chapter 5).

Signs: moments act on the part below the joint, about the axes AP, ML, V through it. Named ones are internal: positive
where muscles push the toes down, stretch the knee, or move the shank outward. Force and centre of pressure do not say
how the ground twists the foot about the vertical (the free moment). It enters the vertical moments alone, which have no
name here.
"""

import numpy as np

from grfkit.points import GRAVITY, POINTS, SEGMENTS

LEG = ("knee", "ankle", "heel", "toe")
NAMES = ("ankle_plantarflexion", "knee_extension", "knee_abduction")
MOST_BW = 10.0  # no runner loads a foot with more: our choice
SHANK_M = (0.15, 0.7)  # how long a shank can be: our choice


def leg(values, side):
    """Take knee, ankle, heel and toe (..., 4, 3) of a side, "l" or "r", out of values of all points (..., 11, 3)."""
    if side not in ("l", "r"):
        raise ValueError(f"A side is l or r; found {side!r}. Give the stance leg.")
    if np.shape(values)[-2:] != (len(POINTS), 3):
        raise ValueError(f"Points are (..., 11, 3), with AP, ML, V last; found {np.shape(values)}. Transpose them.")
    return values[..., [POINTS.index(f"{side}_{name}") for name in LEG], :]


def moments(points, accelerations, force, cop, *, sex):
    """Compute the net moments of ankle and knee, (..., 3) N m per kg of body mass each, about AP, ML and V.

    `points` (..., 4, 3) m and their `accelerations` (..., 4, 3) m/s^2 as `leg` takes them. `force` (..., 3) is the
    ground's on this foot in body weights. `cop` (..., 3) m is where it acts, or (..., 2) on a ground at V = 0; it may
    be NaN where the force is 0. `sex` is "m" or "f" (points.SEGMENTS). Raises ValueError for another shape or unit, or
    a value that is missing. Source: see above.
    """
    points, force, cop = np.asarray(points), np.asarray(force), np.asarray(cop)
    _check_shapes(points, accelerations, force, cop)
    _check_values(points, accelerations, force, sex)
    cop = _filled(cop, force)
    knee, ankle, heel, toe = np.moveaxis(points, -2, 0)
    of_knee, of_ankle, of_heel, of_toe = np.moveaxis(accelerations, -2, 0)
    foot, shank = (heel, toe, of_heel, of_toe), (knee, ankle, of_knee, of_ankle)
    push = GRAVITY * force
    at_ankle = _needed("foot", ankle, *foot, sex) - np.cross(cop - ankle, push)
    at_knee = _needed("foot", knee, *foot, sex) + _needed("shank", knee, *shank, sex) - np.cross(cop - knee, push)
    return at_ankle, at_knee


def named(ankle, knee, side):
    """Name moments (..., 3) of ankle and knee about AP, ML, V; `side` is that of the leg.

    Returns internal moments (..., 3) in the order of NAMES.
    """
    outward = {"l": 1.0, "r": -1.0}[side]
    return np.stack([ankle[..., 1], -knee[..., 1], outward * knee[..., 0]], axis=-1)


def _needed(segment, joint, start, end, of_start, of_end, sex):
    """Give the moment (..., 3) N m/kg about a joint that a rod needs to move as it does and not to fall."""
    mass, centre, radius = SEGMENTS[sex][segment]
    along, turning = end - start, of_end - of_start
    upward = of_start + centre * turning + [0, 0, GRAVITY]
    return mass * (radius**2 * np.cross(along, turning) + np.cross(start + centre * along - joint, upward))


def _check_shapes(points, accelerations, force, cop):
    """Raise ValueError where the arrays that `moments` is given are not of the same moments of time."""
    shape = points.shape[:-2]
    if points.shape[-2:] != (len(LEG), 3) or np.shape(accelerations) != points.shape:
        raise ValueError(
            f"Points of a leg and their accelerations are (..., 4, 3): {', '.join(LEG)}; found {points.shape} and "
            f"{np.shape(accelerations)}. Take them out of all points by moments.leg."
        )
    if force.shape != (*shape, 3) or cop.shape not in ((*shape, 2), (*shape, 3)):
        raise ValueError(
            f"Force is (..., 3) and its centre (..., 2) or (..., 3), a row for each moment of the points {shape}; "
            f"found {force.shape} and {cop.shape}. Transpose them, or bring them to the same times."
        )


def _check_values(points, accelerations, force, sex):
    """Raise ValueError for a value that is missing, and for what cannot be in this unit."""
    if sex not in SEGMENTS:
        raise ValueError(
            f"Segment masses are of m and f; found {sex!r}. Correct the column `sex` of the table of trials."
        )
    missing = [(~np.isfinite(values)).sum() for values in (points, accelerations, force)]
    if any(missing):
        raise ValueError(
            "Points, accelerations and force have a value at each moment; {}, {} and {} are NaN or infinite. "
            "Leave out steps with gaps.".format(*missing)
        )
    if force.size and np.abs(force).max() > MOST_BW:
        raise ValueError(
            f"Force is in body weights; found values up to {np.abs(force).max():,.0f}. "
            "If they are newtons, divide by mass_kg * 9.81."
        )
    shank = np.median(np.linalg.norm(points[..., 0, :] - points[..., 1, :], axis=-1)) if points.size else SHANK_M[0]
    if not SHANK_M[0] <= shank <= SHANK_M[1]:
        raise ValueError(
            f"From knee to ankle it is {SHANK_M[0]} to {SHANK_M[1]} m; found {shank:.3g}. Give the points in m."
        )


def _filled(cop, force):
    """Give the centre of pressure (..., 3) m: at V = 0 if AP and ML alone are given, and 0 where there is no force."""
    cop = cop if cop.shape[-1] == 3 else np.concatenate([cop, np.zeros((*cop.shape[:-1], 1))], axis=-1)
    lost = ~np.isfinite(cop).all(axis=-1)
    without = (lost & (force != 0).any(axis=-1)).sum()
    if without:
        raise ValueError(
            f"Each force needs a centre of pressure; {without} moments have a force without one. "
            "Set the force to 0 there, or fill the gap."
        )
    return np.where(lost[..., None], 0.0, cop)
