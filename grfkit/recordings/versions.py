"""One recording under several names: Theia3D's unfiltered and filtered files, its persons, and copies.

In: paths of files, forces (T, 3) N, or points (F, 11, 3) m. Out: which files are versions of one recording. A force
that was measured twice never has the same noise, so that equal forces are one measurement.
"""

import re
from collections import Counter

import numpy as np
from scipy.spatial import cKDTree

POSE = re.compile(r"(?i)(.*?)pose(_filt)?_(\d+)")  # Theia3D's export: pose_0.c3d, pose_filt_0.c3d, 0 is the person
AROUND_S = np.arange(-0.08, 0.0801, 0.004)  # of the peak, most of a stance: our choice
SAME_N = 1.0  # RMS of equal forces, more than 16 bits round off: our choice; 5,626 stances of rbds: 12 N at least
FLAT_N = 5.0  # RMS below which a force has no shape by which it can be known: our choice
SAME_M = 0.005  # median distance of points of versions, filtered or not: our choice; other steps of rbds: 7 mm at least
FRAMES = 50  # by which points are compared: our choice


def find_unfiltered(paths):
    """Find Theia3D's unfiltered files beside whose lies the filtered one of the same person: {path: filtered}."""
    names = {_theia(path): path for path in paths if POSE.fullmatch(path.stem)}
    filtered = {path: names.get((parent, before, True, who)) for (parent, before, _, who), path in names.items()}
    return {path: other for path, other in filtered.items() if other not in (None, path)}


def find_persons(paths):
    """Find files of several persons in one of Theia3D's trials: {path: the other persons' paths}."""
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
    """Give the marks (123,) N by which one stance's force (T, 3) N at times (T,) s is known again.

    They are the force around its vertical peak, less its mean there, so that neither the plate's zero level nor where
    the recording begins matters.
    """
    times = time_s[np.argmax(force[:, 2])] + AROUND_S
    around = np.stack([np.interp(times, time_s, component) for component in force.T], axis=1)
    return (around - around.mean(axis=0)).ravel().astype(np.float32)  # half a kilobyte for each stance of a study


def equal_forces(names, marks):
    """Count the equal stances of each two names: {(name, name): count}.

    `names` are those of the files of marks (S, 123) N.
    """
    marks = np.reshape(np.asarray(marks, float), (-1, 3 * len(AROUND_S)))
    known = np.flatnonzero(np.sqrt((marks**2).mean(axis=1)) > FLAT_N)  # no NaN either
    if not len(known):
        return {}
    pairs = cKDTree(marks[known]).query_pairs(SAME_N * np.sqrt(marks.shape[1]), output_type="ndarray")
    found = [(names[one], names[other]) for one, other in known[np.sort(pairs, axis=1)]]
    return Counter(pair for pair in found if pair[0] != pair[1])


def equal_points(recordings):
    """Find recordings whose points are equal but for filtering: pairs of numbers, the earlier first.

    `recordings` are (points (F, 11, 3) m, rate Hz).
    """
    places, found = {}, []
    for number, (points, rate_hz) in enumerate(recordings):
        few = points[np.linspace(0, len(points) - 1, min(FRAMES, len(points))).astype(int)]
        alike = places.setdefault((len(points), round(rate_hz)), {})
        found += [(other, number) for other, there in alike.items() if _distance(few, there) < SAME_M][:1]
        alike[number] = few
    return found


def _distance(one, other):
    """Measure the median distance (m) of points (F, 11, 3), wherever the whole lies; infinite where none is seen."""
    apart = one - other
    seen = np.isfinite(apart).all(axis=2)
    return np.median(np.linalg.norm(apart[seen] - np.median(apart[seen], axis=0), axis=1)) if seen.any() else np.inf
