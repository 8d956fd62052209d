"""One trial of a study -> its recording and its 11 points, both in the runner's axes."""

from dataclasses import replace

from grfkit.recordings import c3d, landmarks, orientation


def load_trial(trial, folder, statics, source, *, forward, up, plates):
    """Read one trial -> its Recording and its 11 points (F, 11, 3) m, both in the runner's axes.

    A static trial is read once and kept in `statics`.
    """
    recording = c3d.read(folder / trial.file, forward=forward, up=up, plates=plates)
    if source["points"]:
        points = landmarks.from_markers(recording.points, source["points"])
    elif source["theia"]:
        points = landmarks.from_theia(recording.poses, recording.offsets)
        recording = replace(recording, point_hz=recording.pose_hz)
    else:
        if not trial.static:
            raise ValueError("Clusters need a static trial; the column `static` is empty. Name its C3D file there.")
        if trial.static not in statics:
            statics.clear()  # trials of a runner follow each other: memory holds one static trial
            statics[trial.static] = c3d.read(folder / trial.static, forward=forward, up=up, plates=[]).points
        points = landmarks.from_clusters(recording.points, statics[trial.static], **source["clusters"])
    return c3d.turn(recording, points, orientation.heading(points)) if forward == "found" else (recording, points)
