"""The 11 points from named markers, from Theia3D's segment poses, or from a static trial and rigid clusters of markers.

In: markers, a dictionary name -> (F, 3) m in AP, ML, V axes, NaN where missing, or poses. Out: points (F, 11, 3) m.
"""

import difflib
from collections import Counter
from itertools import combinations
from typing import NamedTuple

import numpy as np

from grfkit.points import POINTS, Note

LEAST = 3  # markers of a rigid body
# Two labels count as swapped if a marker is further than a third of `max_residual_m` from the rigid body, and if
# exchanging the two brings every marker to less than a third of that distance. In 600 clusters of rbds and hamner there
# are three swaps, and exchanging reduces 25 to 64 mm to 1 to 2 mm; in all others with 10 mm or more, at least 85 % of
# the distance stays. Our choice: of 1,284 pairs of rbds that we swapped, all but two are corrected, and nothing is
# exchanged if one label is on any other marker (2,154 cases).
CLEARLY = 3
MOST_STEPS = 20  # of Newton's iteration: our choice
MOST_LABELS = 6  # most labels in a message: our choice
HALF_THE_DIGITS = 1e-7  # Newton's method doubles the correct digits: after so small a step the next changes nothing


def from_markers(markers, names):
    """Take the 11 points from named markers.

    `names` maps each point to a marker, or to a list of markers whose mean it is. Returns (F, 11, 3) m in the order of
    POINTS. Raises ValueError if a marker is absent.
    """
    lists = [[names[point]] if isinstance(names[point], str) else names[point] for point in POINTS]
    return np.stack([np.mean([_marker(markers, name) for name in each], axis=0) for each in lists], axis=1)


# the segment whose origin is the point, and the names of a heel's place in the foot's axes in exports of 2020 and 2025
THEIA_ORIGINS = {"pelvis": "pelvis"} | {
    f"{side}_{point}": f"{side}_{segment}"
    for side in "lr"
    for point, segment in (("hip", "thigh"), ("knee", "shank"), ("ankle", "foot"), ("toe", "toes"))
}
THEIA_HEELS = {side: (f"{side}_heel", f"{side}heel_pos") for side in "lr"}


def from_theia(poses, offsets):
    """Take the 11 points from the segment poses of a Theia3D export, and the places of the heels in the feet's axes.

    `poses` maps a segment (such as l_thigh_4X4) to (F, 3, 4): axes as columns and origin in m; `offsets` maps a name to
    (3,) m. Hip, knee, ankle and toe joint are the origins of thigh, shank, foot and toes. Returns (F, 11, 3) m, NaN
    where a segment was not tracked. Raises ValueError if a segment or a heel is absent. Source: real files of Theia3D.
    """
    segments = {name.lower().removesuffix("_4x4"): pose for name, pose in poses.items()}
    feet = {f"{side}_heel": f"{side}_foot" for side in "lr"}
    absent = [name for name in (THEIA_ORIGINS | feet).values() if name not in segments]
    if absent:
        raise ValueError(
            f"A Theia3D export has the 4x4 poses of pelvis, thighs, shanks, feet and toes; the file lacks "
            f"{', '.join(sorted(set(absent)))}. It has {', '.join(sorted(segments)) or 'none'}. "
            "Export C3D with 4x4 poses."
        )
    points = {point: segments[segment][..., 3] for point, segment in THEIA_ORIGINS.items()}
    for side, names in THEIA_HEELS.items():
        offset = next((offsets[name] for name in names if name in offsets), None)
        if offset is None:
            raise ValueError(
                "Theia3D gives each heel in the axes of its foot; the file's group THEIA3D has neither "
                f"{' nor '.join(names)}. "
                "Export it again with Theia3D."
            )
        pose = segments[f"{side}_foot"]
        points[f"{side}_heel"] = pose[..., :3] @ offset + pose[..., 3]
    return np.stack([points[point] for point in POINTS], axis=1)


def find_theia(recording):
    """Take the 11 points from a Recording that has all that from_theia needs -> points or None, what it lacks."""
    if not recording.poses:
        return None, ""
    try:
        return from_theia(recording.poses, recording.offsets), ""
    except ValueError as error:
        return None, str(error)


class Fit(NamedTuple):
    """The poses of a runner's segments, and where the points are in the static trial."""

    poses: dict  # segment -> rotation (F, 3, 3) and the means of its visible markers, still (F, 3) and moving (F, 3), m
    places: dict  # point -> (3,) m in the static trial
    carriers: dict  # point -> the segment that carries it
    notes: list  # a Note on each segment whose labels were corrected

    def carry(self, point, segment):
        """Carry a point into the running trial with a segment: (F, 3) m, NaN where the segment was not seen."""
        rotation, still, moving = self.poses[segment]
        return np.einsum("fij,fj->fi", rotation, self.places[point] - still) + moving

    def points(self):
        """Carry the 11 points, each by its own segment: (F, 11, 3) m."""
        return np.stack([self.carry(point, self.carriers[point]) for point in POINTS], axis=1)


def from_clusters(markers, static, **clusters):
    """Carry the points of a static trial into a running trial with rigid clusters of markers: (F, 11, 3) m.

    Arguments and source as in fit_clusters.
    """
    return fit_clusters(markers, static, **clusters).points()


def fit_clusters(markers, static, *, segments, pelvis_markers, landmarks, max_residual_m):
    """Fit rigid clusters of markers of a static trial to a running trial: a Fit.

    `markers` and `static` are the running and the static trial. `segments` maps a segment to the markers that lie on
    it; `landmarks` maps each point to its segment and either the markers whose mean it is or a regression for the hip.
    Each segment's pose is the least-squares rigid fit to its visible markers (at least three, otherwise NaN). Two
    labels that are clearly swapped are exchanged. If a marker is still further than `max_residual_m` (median) from the
    rigid body, the marker without which the others fit best counts as mislabelled and is left out.
    A subject's name before a colon need not be given. Source: Söderkvist & Wedin 1993; for the hip, the named
    regression of HIPS.
    """
    markers, static = _without_subject(markers), _without_subject(static)
    still = {name: np.nanmean(xyz, axis=0) for name, xyz in static.items() if np.isfinite(xyz).any()}
    poses, notes = {}, []
    for name, on_segment in segments.items():
        poses[name], said = _pose(name, markers, still, on_segment, max_residual_m)
        notes += said
    places = {}
    for point in POINTS:
        landmark = landmarks[point]
        if landmark["regression"]:
            places[point] = HIPS[landmark["regression"]](
                *(_marker(still, pelvis_markers[name], "static trial") for name in PELVIS), side=point[0]
            )
        else:
            places[point] = np.mean([_marker(still, name, "static trial") for name in landmark["markers"]], axis=0)
    return Fit(poses, places, {point: landmarks[point]["segment"] for point in POINTS}, notes)


PELVIS = ["l_asis", "r_asis", "l_psis", "r_psis"]


def hip_harrington2007(l_asis, r_asis, l_psis, r_psis, *, side):
    """Estimate a hip joint centre from the four pelvis markers, each (3,) m; returns (3,) m.

    From the middle of the anterior spines: 0.24 depth + 9.9 mm back, 0.30 width + 10.9 mm down, 0.33 width + 7.3 mm to
    the side, in the pelvis' own axes. Source: Harrington et al. 2007, J Biomech 40:595 (all subjects, no leg length).
    """
    middle, width, depth, ahead, left, above = _pelvis(l_asis, r_asis, l_psis, r_psis)
    outwards = left if side == "l" else -left
    return (
        middle - (0.24 * depth + 0.0099) * ahead - (0.30 * width + 0.0109) * above + (0.33 * width + 0.0073) * outwards
    )


def hip_bell1990(l_asis, r_asis, l_psis, r_psis, *, side):
    """Estimate a hip joint centre from the four pelvis markers, each (3,) m; returns (3,) m.

    From the middle of the anterior spines: 0.19 of their distance back, 0.30 down, 0.36 to the side, in the pelvis' own
    axes. Source: Bell, Pedersen & Brand 1990, J Biomech 23:617, adults.
    """
    middle, width, _, ahead, left, above = _pelvis(l_asis, r_asis, l_psis, r_psis)
    outwards = left if side == "l" else -left
    return middle + width * (-0.19 * ahead - 0.30 * above + 0.36 * outwards)


HIPS = {"harrington2007": hip_harrington2007, "bell1990": hip_bell1990}


def _pelvis(l_asis, r_asis, l_psis, r_psis):
    """Give the middle of the anterior spines, width and depth (m) of the pelvis, and its axes ahead, left and above."""
    middle, back = (l_asis + r_asis) / 2, (l_psis + r_psis) / 2
    width, depth = np.linalg.norm(l_asis - r_asis), np.linalg.norm(middle - back)
    left = (l_asis - r_asis) / width
    ahead = middle - back
    ahead = ahead - (ahead @ left) * left
    ahead /= np.linalg.norm(ahead)
    return middle, width, depth, ahead, left, np.cross(ahead, left)


def rigid_fit(still, moving):
    """Fit rotation and translation from `still` (M, 3) to `moving` (F, M, 3), least squares over visible markers.

    Returns rotations (F, 3, 3) and the means of the visible markers, still (F, 3) and moving (F, 3), so that a point p
    of the static trial lies at rotation @ (p - still mean) + moving mean. NaN where fewer than three are visible.
    Source: Kabsch 1976; the rotation as in _nearest_rotation.
    """
    seen = np.isfinite(moving).all(axis=2)  # (F, M)
    weight = seen / np.maximum(seen.sum(axis=1, keepdims=True), 1)
    filled = np.where(seen[..., None], moving, 0.0)
    mean_still, mean_moving = weight @ still, np.einsum("fm,fmi->fi", weight, filled)
    from_still = still - mean_still[:, None]
    from_moving = filled - mean_moving[:, None]
    rotation = _nearest_rotation(np.einsum("fm,fmi,fmj->fij", weight, from_moving, from_still))
    unknown = seen.sum(axis=1) < 3
    rotation[unknown] = np.nan
    return rotation, mean_still, mean_moving


def _nearest_rotation(products):
    """Find the rotations (F, 3, 3) nearest to matrices (F, 3, 3), never a reflection; NaN where markers lie on a line.

    Newton's iteration for the orthogonal polar factor (Higham 1986) takes all frames at once and is several times
    faster than a singular value decomposition of each. First the cofactors are added: the nearest rotation stays the
    same, and the matrix can be inverted even if all markers lie in a plane. A result that is still a reflection is a
    mirror image (two labels swapped); it is computed by a singular value decomposition.
    """
    x = np.ascontiguousarray(products.transpose(1, 2, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        x = x + _cofactors(x) / np.sqrt((x**2).sum(axis=(0, 1)))
        for _ in range(MOST_STEPS):
            cofactors = _cofactors(x)
            determinant = (x[0] * cofactors[0]).sum(axis=0)
            scale = np.cbrt(np.abs(determinant))
            before, x = x, x * (0.5 / scale) + cofactors * (0.5 * scale / determinant)
            if not (np.abs(x - before) > HALF_THE_DIGITS).any():
                break
    rotation = x.transpose(2, 0, 1)
    mirrored = determinant < 0
    u, _, vt = np.linalg.svd(products[mirrored])
    rotation[mirrored] = (u * [1, 1, -1]) @ vt
    return rotation


def _cofactors(x):
    """Give the cofactors of matrices (3, 3, F)."""
    one, two = [1, 2, 0], [2, 0, 1]
    return x[one][:, one] * x[two][:, two] - x[one][:, two] * x[two][:, one]


def _pose(segment, markers, still, names, max_residual_m):
    """Fit a segment's pose after correcting wrong labels: returns the pose, and notes on the corrections."""
    known = {name: markers[name] for name in names if name in markers and name in still}
    swapped, left_out = _swapped(known, still, names, max_residual_m), []
    if swapped:
        known = _exchanged(known, *swapped)
    while True:
        if len(known) < LEAST:
            raise ValueError(
                f"A cluster needs three markers that form a rigid body in both trials; segment {segment} "
                f"has {[*known]} of {names}. {_there(names, markers, 'running trial')}"
                f"{_there(names, still, 'static trial')}If only this file is wrong, correct its labels, or delete its "
                "row in the table of trials. If all files are, name the right markers in the study file."
            )
        fit, residual = _fit(known, still)
        if max(residual.values()) <= max_residual_m:
            break
        wrong = max(residual, key=residual.get)
        if len(known) > LEAST:
            wrong = min(known, key=lambda name: _worst(_without(known, name), still))
        known = _without(known, wrong)
        left_out.append(wrong)
    said = [f"{segment}: the labels {' and '.join(swapped)} were swapped, and have been exchanged"] * bool(swapped)
    said += [f"{segment}: left out, because not where the label says: {', '.join(left_out)}"] * bool(left_out)
    return fit, [Note(text) for text in said]


def _swapped(known, still, names, max_residual_m):
    """Find the two labels of a segment that are clearly swapped (one may have no marker); () if there are none."""
    before = _worst(known, still) if len(known) >= LEAST else 0.0
    if before <= max_residual_m / CLEARLY:
        return ()
    pairs = combinations([name for name in names if name in still], 2)
    after, pair = min((_worst(_exchanged(known, *pair), still), pair) for pair in pairs)
    return pair if after < before / CLEARLY else ()


def _exchanged(known, one, other):
    """Exchange two labels."""
    return {{one: other, other: one}.get(name, name): xyz for name, xyz in known.items()}


def _without(known, name):
    return {other: xyz for other, xyz in known.items() if other != name}


def _worst(known, still):
    """Measure how far (m) the worst marker is from the rigid body; inf if that has no pose, as on a line."""
    (rotation, *_), residual = _fit(known, still)
    return max(residual.values()) if np.isfinite(rotation).any() else np.inf


def _fit(known, still):
    """Fit a rigid body to markers: its pose, and how far (m) each marker is from it, the median over frames."""
    place, moving = np.stack([still[name] for name in known]), np.stack([*known.values()], axis=1)
    rotation, mean_still, mean_moving = fit = rigid_fit(place, moving)
    expected = np.einsum("fij,fmj->fmi", rotation, place - mean_still[:, None]) + mean_moving[:, None]
    distance = np.linalg.norm(moving - expected, axis=2)
    seen = np.isfinite(distance)
    residual = [
        np.median(column[there]) if there.any() else 0 for column, there in zip(distance.T, seen.T, strict=True)
    ]
    return fit, dict(zip(known, residual, strict=True))


def _there(names, markers, where):
    """List the labels of a trial if it lacks any of these names; otherwise return an empty text."""
    absent = [name for name in names if name not in markers]
    near = dict.fromkeys(label for name in absent for label in _near(name, markers, 1))
    some, full = list(near) or sorted(markers)[:MOST_LABELS], {label.rpartition(":")[2] for label in markers}
    return (
        f"The {where} lacks {', '.join(absent)}; its markers are {', '.join(some)} ({len(full)} in all). "
        if absent
        else ""
    )


def _near(name, markers, most):
    """List the labels that are most like a name, including the subject's name; case does not count."""
    full = {label.rpartition(":")[2].lower(): label for label in sorted(markers, key=lambda label: ":" in label)}
    return [full[key] for key in difflib.get_close_matches(name.lower(), full, n=most, cutoff=0.3)]


def _without_subject(markers):
    """Add each marker under its name without the subject's (LHEE for P01:LHEE), if no other marker has that name."""
    short = Counter(label.rpartition(":")[2] for label in markers)
    return {name: xyz for label, xyz in markers.items() if short[name := label.rpartition(":")[2]] == 1} | markers


def _marker(markers, name, where="file"):
    """Take a marker by its name; the subject's name before a colon, as in P01:LHEE, need not be given."""
    fits = [name] if name in markers else [label for label in markers if label.rpartition(":")[2] == name]
    if len(fits) != 1:
        near = fits or _near(name, markers, 3) or sorted(markers)[:MOST_LABELS]
        raise ValueError(
            f"Each of the 11 points needs its marker; {name!r} is {'of several subjects' if fits else 'not'} in the "
            f"{where}. "
            f"Its markers are {', '.join(near)}, ... ({len(markers)} in all). If only this file uses other labels, "
            "correct them; if all files do, correct the name in the study file."
        )
    return markers[fits[0]]
