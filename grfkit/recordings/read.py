"""Read the recordings of a study: the 11 points, force and centre of pressure, in the runner's axes.

In: rows of the table of trials, and the study's Preprocessing. Out: a Recording and its points, or a Recorded.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from grfkit.points import HEELS, TOES, InputError
from grfkit.recordings import c3d, files, landmarks, orientation, plates
from grfkit.recordings.faults import gaps, places, static_trial
from grfkit.recordings.trials import read_trials

SWAPPED = (
    "The labels of left and right are swapped in the recording, in its static trial or in the study file, or the axes "
    "are left-handed: correct the labels where they are wrong."
)


@dataclass(frozen=True)
class Recorded:
    """One recording with plates: F camera frames, T force frames; force and centre of pressure are over all plates."""

    file: str
    runner: str
    speed_m_s: float
    points: np.ndarray  # (F, 11, 3) m, NaN where missing
    point_hz: float
    force: np.ndarray  # (T, 3) N
    cop: np.ndarray  # (T, 3) m, NaN where the plates are unloaded
    force_hz: float


def why_unread(error):
    """Say in one line why a file cannot be used, for any exception that reading it raised."""
    if isinstance(error, MemoryError):
        return "The file needs more memory than there is. Cut it into shorter recordings."
    if isinstance(error, OSError):
        return f"The file cannot be opened: {error.strerror or error}. Copy it again, or change its permissions."
    if isinstance(error, ValueError):
        return " ".join(str(error).encode("utf-8", "backslashreplace").decode("utf-8").split())
    return f"The file has an unexpected layout ({type(error).__name__}: {error}). Export it again."


def load_trial(trial, folder, statics, settings):
    """Read one trial -> its Recording and its 11 points (F, 11, 3) m, both in the runner's axes.

    `trial` names its `file`, the file of its `forces` if the plates have one of their own, and its `static` trial,
    which is read once and kept in `statics`. The plates are brought onto the clock of the points (`cameras_late_s`).
    Raises ValueError for a file that cannot be read or lacks a marker, and for two files that do not belong together.
    Raises Excluded if the running direction cannot be found.
    """
    forward, up, fit = settings.forward, settings.up, None
    recording = files.at_rate(_read_trial(trial, folder, settings), settings.force_hz)
    recording = files.on_cameras_clock(recording, settings.cameras_late_s or 0.0)
    if any(plate.estimated for plate in recording.plates):
        raise InputError(
            f"A study needs measured forces; those of {trial.file} were estimated by grfkit.",
            "Name the original recording in the table of trials.",
        )
    if settings.points:
        points = landmarks.from_markers(gaps.in_markers(recording.points, recording.point_hz), settings.points)
    elif settings.theia:
        points = gaps.blank_fills(landmarks.from_theia(recording.poses, recording.offsets), recording.pose_hz)
        recording = replace(recording, point_hz=recording.pose_hz)
    else:
        if not trial.static:
            raise ValueError("Clusters need a static trial; the column `static` is empty. Name its file there.")
        if trial.static not in statics:
            statics.clear()  # the trials of a runner follow each other, so one static trial in memory is enough
            statics[trial.static] = files.read(folder / trial.static, forward=forward, up=up, plates=[]).points
        clusters = settings.clusters.model_dump()
        markers = gaps.in_markers(recording.points, recording.point_hz)
        fit = landmarks.fit_clusters(markers, statics[trial.static], **clusters)
        static_trial.check_upright(fit)
        points = fit.points()
        recording = replace(recording, notes=[*recording.notes, *fit.notes])
    places.check(points)
    if forward == "found":
        recording, points = c3d.turn(recording, points, orientation.heading(points))
    _check_sides(points)
    if fit:
        static_trial.check_knees(fit)
    return recording, points


def _check_sides(points):
    """Check that left points are on the left if the feet point forward; otherwise labels are swapped.

    If the feet point elsewhere, the axis `forward` is wrong; the speed of each stance shows that later.
    """
    whole = points[np.isfinite(points[:, 1:]).all(axis=(1, 2))]
    ahead, aside, _ = (whole[:, TOES] - whole[:, HEELS]).mean(axis=(0, 1)) if len(whole) else (0.0, 0.0, 0.0)
    if len(whole) and ahead >= orientation.AHEAD * np.hypot(ahead, aside):
        orientation.check_sides(whole, advice=SWAPPED)


def _read_trial(trial, folder, settings):
    """Read the file of a trial, and the file of its forces if it names one and plates are wanted."""
    axes = {"forward": settings.forward, "up": settings.up}
    forces = getattr(trial, "forces", "")
    if not forces or settings.plates == []:
        return files.read(folder / trial.file, plates=settings.plates, **axes)
    start_s = None if np.isnan(trial.forces_start_s) else trial.forces_start_s
    return files.read_trial(
        folder / trial.file, folder / forces, forces_start_s=start_s, plates=settings.plates, **axes
    )


def read_recorded(stances, folder, settings):
    """Read the recordings of stances (as in stances.csv) again, with a study's Preprocessing -> a list of Recorded."""
    trials = read_trials(folder, table=settings.table)
    trials, statics = trials[trials["file"].isin(stances["file"])], {}
    return [
        _recorded(trial, Path(folder), statics, settings)
        for trial in tqdm(list(trials.itertuples()), desc="reading", unit="file", mininterval=1)
    ]


def _recorded(trial, folder, statics, settings):
    recording, points = load_trial(trial, folder, statics, settings)
    force, cop = plates.combined(
        [plates.zeroed(plate, recording.force_hz) for plate in recording.plates],
        threshold_n=settings.contact_threshold_n,
    )
    return Recorded(
        trial.file, trial.runner, trial.speed_m_s, points, recording.point_hz, force, cop, recording.force_hz
    )
