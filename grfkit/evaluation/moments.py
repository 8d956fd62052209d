"""Net moments of ankle and knee by inverse dynamics: what muscles and ligaments hold against the ground, weight and inertia.

A foot is a rod from heel to toe, a shank one from knee to ankle; that a segment turns about its own length is not seen in such points. With
mass m (a share of the body's), ends p and q, centre c = p + s (q - p) and radius of gyration k |q - p|, its angular momentum about a joint j
changes at the rate m k^2 (q - p) x (q'' - p'') + m (c - j) x c''; no angle is needed. A joint's moment on the part below it is the sum of
these rates, less the moments of weight and ground force (Winter 2009, chapter 5).

Signs: moments act on the part below the joint, about the axes AP, ML, V through it. Named ones are internal: positive where muscles push the
toes down, stretch the knee, or move the shank outward. What the ground twists about the vertical (the free moment) is not known from
force and centre of pressure; it enters the vertical moments alone, which have no name here.
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
        raise ValueError(f"A side is l or r; found {side!r}. Name the stance leg.")
    if np.shape(values)[-2:] != (len(POINTS), 3):
        raise ValueError(f"Points are (..., 11, 3), AP, ML, V last; found {np.shape(values)}. Transpose them?")
    return values[..., [POINTS.index(f"{side}_{name}") for name in LEG], :]


def moments(points, accelerations, force, cop, *, sex):
    """Compute the net moments of ankle and knee, (..., 3) N m per kg of body mass each, about AP, ML and V.

    `points` (..., 4, 3) m and their `accelerations` (..., 4, 3) m/s^2 as `leg` takes them; `force` (..., 3) is the ground's on this foot in
    body weights, `cop` (..., 3) m where it acts, or (..., 2) on a ground at V = 0; it may be NaN where the force is 0. `sex` is "m" or "f"
    (SEGMENTS). Raises ValueError for another shape or unit, or a value that is missing. Source: see above.
    """
    force, cop = _checked(points, accelerations, force, cop, sex)
    knee, ankle, heel, toe = np.moveaxis(points, -2, 0)
    of_knee, of_ankle, of_heel, of_toe = np.moveaxis(accelerations, -2, 0)
    rods = {"foot": (heel, toe, of_heel, of_toe), "shank": (knee, ankle, of_knee, of_ankle)}
    push = GRAVITY * force
    at_ankle = _needed("foot", ankle, *rods["foot"], sex) - np.cross(cop - ankle, push)
    at_knee = (
        _needed("foot", knee, *rods["foot"], sex)
        + _needed("shank", knee, *rods["shank"], sex)
        - np.cross(cop - knee, push)
    )
    return at_ankle, at_knee


def named(ankle, knee, side):
    """Name moments (..., 3) of ankle and knee about AP, ML, V: (..., 3) in the order of NAMES, internal; `side` is that of the leg."""
    outward = {"l": 1.0, "r": -1.0}[side]
    return np.stack([ankle[..., 1], -knee[..., 1], outward * knee[..., 0]], axis=-1)


def _needed(segment, joint, start, end, of_start, of_end, sex):
    """Give the moment (..., 3) N m/kg about a joint that a rod needs to move as it does and not to fall."""
    mass, centre, radius = SEGMENTS[sex][segment]
    along, turning = end - start, of_end - of_start
    upward = of_start + centre * turning + [0, 0, GRAVITY]
    return mass * (radius**2 * np.cross(along, turning) + np.cross(start + centre * along - joint, upward))


def _checked(points, accelerations, force, cop, sex):
    """Check what `moments` is given; returns force and centre of pressure (..., 3), 0 where no force makes it NaN."""
    points, force, cop, shape = np.asarray(points), np.asarray(force), np.asarray(cop), np.shape(points)[:-2]
    if points.shape[-2:] != (len(LEG), 3) or np.shape(accelerations) != points.shape:
        raise ValueError(
            f"Points of a leg and their accelerations are (..., 4, 3): {', '.join(LEG)}; found {points.shape} and "
            f"{np.shape(accelerations)}. Take them out of all points by joints.leg."
        )
    if force.shape != (*shape, 3) or cop.shape not in ((*shape, 2), (*shape, 3)):
        raise ValueError(
            f"Force is (..., 3) and its centre (..., 2) or (..., 3), a row for each moment of the points {shape}; found {force.shape} "
            f"and {cop.shape}. Transpose them, or bring them to the same times."
        )
    if sex not in SEGMENTS:
        raise ValueError(
            f"Segments are known of m and f; found {sex!r}. Correct the column `sex` of the table of trials."
        )
    if not (np.isfinite(points).all() and np.isfinite(accelerations).all() and np.isfinite(force).all()):
        raise ValueError(
            f"Points, accelerations and force have a value at each moment; {(~np.isfinite(points)).sum()}, "
            f"{(~np.isfinite(accelerations)).sum()} and {(~np.isfinite(force)).sum()} are NaN or infinite. Leave out steps with gaps."
        )
    if force.size and np.abs(force).max() > MOST_BW:
        raise ValueError(
            f"Force is in body weights; found values up to {np.abs(force).max():,.0f}. If they are newtons, divide by mass_kg * 9.81."
        )
    shank = np.median(np.linalg.norm(points[..., 0, :] - points[..., 1, :], axis=-1)) if points.size else SHANK_M[0]
    if not SHANK_M[0] <= shank <= SHANK_M[1]:
        raise ValueError(
            f"From knee to ankle it is {SHANK_M[0]} to {SHANK_M[1]} m; found {shank:.3g}. Are the points in m?"
        )
    cop = cop if cop.shape[-1] == 3 else np.concatenate([cop, np.zeros((*shape, 1))], axis=-1)
    lost = ~np.isfinite(cop).all(axis=-1)
    if (lost & (force != 0).any(axis=-1)).any():
        raise ValueError(
            f"A force acts somewhere; {(lost & (force != 0).any(axis=-1)).sum()} moments have force and no centre of pressure. "
            "Set the force to 0 there, or fill the gap."
        )
    return force, np.where(lost[..., None], 0.0, cop)
