"""Find one recording under several names: Theia3D's unfiltered and filtered files, its persons, and copies.

In: paths of files, forces (T, 3) N, or points (F, 11, 3) m. Out: which files are versions of one recording. Two
measurements never have the same noise, so equal forces come from one measurement.
"""

import re
from collections import Counter

import numpy as np
from scipy.spatial import cKDTree

POSE = re.compile(r"(?i)(.*?)pose(_filt)?_(\d+)")  # Theia3D's export: pose_0.c3d, pose_filt_0.c3d, 0 is the person
AROUND_S = np.arange(-0.08, 0.0801, 0.004)  # of the peak, most of a stance: our choice
SAME_N = 1.0  # RMS difference of equal forces, above 16-bit rounding: our choice; 5,626 stances of rbds: at least 12 N
FLAT_N = 5.0  # RMS below which a force has no shape that identifies it: our choice
SAME_M = 0.005  # median distance of points of two versions, filtered or not: our choice; other steps of rbds: >= 7 mm
CUT_M = 0.002  # the same for a part of a recording: our choice; other steps of rbds, nearest in time: >= 4.5 mm
ALIKE_M = 0.03  # between all points of one frame and its noisier version, relative to the pelvis: our choice
FRAMES = 50  # frames in which points are compared: our choice


def find_unfiltered(paths):
    """Find Theia3D's unfiltered files that have a filtered file of the same person next to them: {path: filtered}."""
    names = {_theia(path): path for path in paths if POSE.fullmatch(path.stem)}
    filtered = {path: names.get((parent, before, True, who)) for (parent, before, _, who), path in names.items()}
    return {path: other for path, other in filtered.items() if other not in (None, path)}


def find_persons(paths):
    """Find files of several persons in one trial of Theia3D: {path: the other persons' paths}."""
    trials = {}
    for path in (path for path in paths if POSE.fullmatch(path.stem)):
        parent, before, _, who = _theia(path)
        trials.setdefault((parent, before), {})[path] = who
    return {
        path: [other for other, other_who in trial.items() if other_who != who]
        for trial in trials.values()
        for path, who in trial.items()
        if len({*trial.values()}) > 1
    }


def _theia(path):
    before, filtered, who = POSE.fullmatch(path.stem).groups()
    return path.parent, before.lower(), bool(filtered), int(who)


def mark(time_s, force):
    """Give the marks (123,) N that identify one stance's force (T, 3) N at times (T,) s.

    They are the force around its vertical peak, minus its mean there, so that neither the plate's zero level nor the
    beginning of the recording matters.
    """
    times = time_s[np.argmax(force[:, 2])] + AROUND_S
    around = np.stack([np.interp(times, time_s, component) for component in force.T], axis=1)
    return (around - around.mean(axis=0)).ravel().astype(np.float32)  # half a kilobyte for each stance of a study


def equal_forces(names, marks):
    """Count the equal stances of each pair of files: {(name, name): count}.

    `names` are the files of the marks (S, 123) N.
    """
    marks = np.reshape(np.asarray(marks, float), (-1, 3 * len(AROUND_S)))
    known = np.flatnonzero(np.sqrt((marks**2).mean(axis=1)) > FLAT_N)  # no NaN either
    if not len(known):
        return {}
    pairs = cKDTree(marks[known]).query_pairs(SAME_N * np.sqrt(marks.shape[1]), output_type="ndarray")
    found = [(names[one], names[other]) for one, other in known[np.sort(pairs, axis=1)]]
    return Counter(pair for pair in found if pair[0] != pair[1])


def equal_points(recordings):
    """Find recordings whose points are equal except for filtering or a cut: pairs of numbers, the earlier first.

    `recordings` are (points (F, 11, 3) m, rate Hz). The middle of each is searched in all others.
    """
    seen = [np.flatnonzero(np.isfinite(points).all(axis=(1, 2))) for points, _ in recordings]
    owner, frame = (
        np.repeat(np.arange(len(seen)), [len(each) for each in seen]),
        np.concatenate([[], *seen]).astype(int),
    )
    if not len(frame):
        return []
    shapes = [
        (points[at] - points[at, :1]).reshape(len(at), 3 * points.shape[1])
        for (points, _), at in zip(recordings, seen, strict=True)
    ]
    shapes = np.concatenate(shapes)
    tree, firsts, found = cKDTree(shapes), np.searchsorted(owner, np.arange(len(seen))), {}
    for number in (number for number, each in enumerate(seen) if len(each)):
        middle = firsts[number] + len(seen[number]) // 2
        near = np.array(tree.query_ball_point(shapes[middle], ALIKE_M))
        near = near[np.argsort(np.linalg.norm(shapes[near] - shapes[middle], axis=1), kind="stable")]
        others, nearest = np.unique(owner[near], return_index=True)
        for other, at in zip(others.tolist(), near[nearest], strict=True):
            pair = min(number, other), max(number, other)
            if number != other and _is_cut(recordings[other], recordings[number], frame[at] - frame[middle]):
                found[pair[1]] = min(pair[0], found.get(pair[1], pair[0]))
    return sorted((one, other) for other, one in found.items())


def _is_cut(whole, part, shift):
    """Tell whether one recording, (points, rate Hz), is a part of another, from its frame `shift` on, or all of it."""
    (whole, rate_hz), (part, other_hz) = whole, part
    first, last = max(0, -shift), min(len(part), len(whole) - shift)
    few = np.linspace(first, last - 1, min(FRAMES, last - first)).astype(int)
    nearest = SAME_M if shift == 0 and len(whole) == len(part) else CUT_M
    long = 2 * (last - first) >= min(len(whole), len(part)) and round(rate_hz) == round(other_hz)
    return long and _distance(whole[few + shift], part[few]) < nearest


def _distance(one, other):
    """Measure the median distance (m) of points (F, 11, 3), ignoring a common offset; infinite if none is seen."""
    apart = one - other
    seen = np.isfinite(apart).all(axis=2)
    return np.median(np.linalg.norm(apart[seen] - np.median(apart[seen], axis=0), axis=1)) if seen.any() else np.inf
