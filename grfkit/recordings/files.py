"""Read a recording, whatever program wrote it, from one file, or from one file of points and one of forces.

In: paths of files. Out: a c3d.Recording, so that only this room deals with formats. A trial has points and force plates
in one file, or names the file of the plates in its column `forces`: OpenSim's forces for a TRC file, or the camera
system's C3D for Theia3D's poses.
"""

from dataclasses import replace

import numpy as np
from scipy.interpolate import CubicSpline

from grfkit import transform
from grfkit.points import InputError
from grfkit.recordings import c3d
from grfkit.recordings.formats import exports, mot, trc

POINTS_AND_PLATES, FORCES_ALONE = (".c3d", ".trc"), (".mot", ".sto")
SUFFIXES = POINTS_AND_PLATES + FORCES_ALONE
SHORTEST_S = 0.3  # least overlap of points and forces, a stance: our choice
SAME_LENGTH_FRAMES = 2  # frames by which the lengths of two files with one start may differ: our choice
SAME_RATE = 0.98  # least rate of the forces, relative to that of the points: our choice
WHOLE_SAMPLE = 0.01  # of a sample of the force: a shift so near to whole samples needs no interpolation; our choice
FAR_M = 1.0  # largest distance of the centre of pressure from the nearest marker: our choice
LOADED_SHARE = 0.2  # of its peak force, above which a plate's centre of pressure is reliable: our choice
PASSED = 0.4  # cutoff relative to the new rate of a force, below the half above which frequencies alias: our choice
CLOCK = (
    "Export both on one clock, or say in the column `forces_start_s` of the table of trials how many seconds after the "
    "first frame of the points the forces begin."
)


def holds_markers(path):
    """Tell whether a file has named markers or poses: C3D, TRC, or a text export of formats.exports.

    Raises OSError for a text file that cannot be opened.
    """
    return path.suffix.lower() in POINTS_AND_PLATES or bool(exports.program(path))


def read(path, *, forward, up, plates=None):
    """Read one file -> a c3d.Recording: C3D, TRC or a text export (points alone), MOT and STO (forces alone).

    `forward` and `up` are signed axes of the file, as for c3d.axes; `plates` lists the numbers of the plates to read,
    counted from 1; None is all. Raises ValueError for a file that does not exist or cannot be read.
    """
    reader = {".trc": trc, ".mot": mot, ".sto": mot}.get(path.suffix.lower())
    if reader is None and exports.program(path):
        reader = exports
    if reader is None:
        return c3d.read(path, forward=forward, up=up, plates=plates)
    if not path.is_file():
        found = "is not one" if path.exists() else "does not exist"
        raise ValueError(f"A recording is a file; {path} {found}. Correct the path.")
    if reader is not mot:
        return reader.read(path, forward=forward, up=up)
    return mot.read(path, forward=forward, up=up, plates=plates)


def read_trial(file, forces, *, forces_start_s=None, forward, up, plates=None):
    """Read the file of a trial's points, and the file of its plates if it has one (path or None): a c3d.Recording.

    In the result, points and forces begin at the same moment. `forces_start_s` is how many seconds after the first
    frame of the points the forces begin; None uses the times of both files, or, if a file has no times, assumes that
    both begin together. Raises InputError for two files whose clocks, lengths or places cannot belong together.
    """
    if forces is None:
        return read(file, forward=forward, up=up, plates=plates)
    points = read(file, forward=forward, up=up, plates=[])
    felt = read(forces, forward=forward, up=up, plates=plates)
    if not (points.points or points.poses):
        raise InputError(f"The column `file` must name a file with points; {file.name} has none.", "Correct it.")
    if not felt.plates:
        raise InputError(f"The column `forces` must name a file with forces; {forces.name} has none.", "Correct it.")
    names = file.name, forces.name
    _check_rates(points, felt, names)
    late = _start(points, felt, names) if forces_start_s is None else forces_start_s
    joined = _joined(points, felt, late, names)
    _check_places(joined, names)
    return joined


def at_rate(recording, force_hz):
    """Low-pass the forces of a Recording and bring them to a lower rate; None leaves them as they are.

    Raises InputError for forces that were recorded at a lower rate.
    """
    if not force_hz or not recording.plates or recording.force_hz == force_hz:
        return recording
    if recording.force_hz < force_hz:
        raise InputError(
            f"All forces of a study are brought to one rate, `force_hz: {force_hz:g}`, so none may have a lower one; "
            f"here they have {recording.force_hz:g} Hz.",
            "Lower `force_hz` in the study file.",
        )
    resampled = [_resampled(plate, recording.force_hz, force_hz) for plate in recording.plates]
    return replace(recording, plates=resampled, force_hz=force_hz)


def on_cameras_clock(recording, late_s):
    """Bring the plates of a Recording onto the clock of its points, which show an event `late_s` later than the plates.

    The points, their clock and the number of samples stay. At one end, up to `late_s` of the force is unknown: the
    first or last sample is repeated there, and a stance there counts as cut off by the end of the recording.
    """
    shift = late_s * recording.force_hz if recording.plates else 0.0
    if abs(shift) <= WHOLE_SAMPLE:
        return recording
    samples = np.arange(len(recording.plates[0].force))
    places = np.clip(samples - shift, 0, samples[-1])
    return replace(recording, plates=[_sampled(plate, places) for plate in recording.plates])


def _resampled(plate, hz, force_hz):
    """Resample a plate at a lower rate."""
    cutoff_hz = PASSED * force_hz
    if cutoff_hz < 0.4 * hz:  # a filter needs its cutoff well below half of the rate
        felt = transform.lowpass(_felt(plate), cutoff_hz=cutoff_hz, rate_hz=hz)
        plate = replace(plate, **_force_and_cop(felt))
    return _sampled(plate, np.arange(int((len(plate.force) - 1) * force_hz / hz) + 1) * hz / force_hz)


def _sampled(plate, places):
    """Take a plate at `places` (T,), counted in samples; a cubic spline gives values between samples."""
    whole = np.round(places).astype(int)
    clipped = None if plate.saturated is None else plate.saturated[whole]
    if np.abs(places - whole).max() <= WHOLE_SAMPLE:
        return replace(plate, force=plate.force[whole], cop=plate.cop[whole], saturated=clipped)
    felt = CubicSpline(np.arange(len(plate.force)), _felt(plate))(places)
    return replace(plate, **_force_and_cop(felt), saturated=clipped)


def _felt(plate):
    """Give force and moments (T, 6) of a plate, which can be filtered and added."""
    return np.column_stack([plate.force, np.nan_to_num(plate.force[:, 2:] * plate.cop)])


def _force_and_cop(felt):
    return {"force": felt[:, :3], "cop": felt[:, 3:] / np.where(felt[:, 2:3] == 0, np.nan, felt[:, 2:3])}


def _length_s(points):
    """Give the rate (Hz) and the duration (s) of the points or poses of a Recording."""
    rate_hz = points.point_hz if points.points else points.pose_hz
    return rate_hz, len(next(iter((points.points or points.poses).values()))) / rate_hz


def _check_rates(points, felt, names):
    """Check that forces have at least the rate of the points."""
    rate_hz, _ = _length_s(points)
    if felt.force_hz < SAME_RATE * rate_hz:
        raise InputError(
            f"Forces need at least the rate of the points; {names[0]} has {rate_hz:g} frames a second, but "
            f"{names[1]} only {felt.force_hz:g}: they are of two recordings, or the times of one are wrong.",
            "Export both again, the forces at the rate of the plates.",
        )


def _start(points, felt, names):
    """Find how much later (s) the forces begin than the points."""
    rate_hz, seen_s = _length_s(points)
    felt_s = len(felt.plates[0].force) / felt.force_hz
    alike = abs(seen_s - felt_s) * rate_hz < SAME_LENGTH_FRAMES
    if points.start_s is None or felt.start_s is None:
        if not alike:
            raise InputError(
                f"Two files without times must begin together and be equally long; {names[0]} has {seen_s:.2f} s, but "
                f"{names[1]} has {felt_s:.2f} s.",
                CLOCK,
            )
        return 0.0
    late = felt.start_s - points.start_s
    if alike and abs(late) * rate_hz > SAME_LENGTH_FRAMES:
        raise InputError(
            f"Points and forces must be on one clock; {names[0]} and {names[1]} are equally long, {seen_s:.2f} s, but "
            f"begin at {points.start_s:.3f} and {felt.start_s:.3f} s: one of them starts its clock anew.",
            CLOCK,
        )
    return late


def _joined(points, felt, late, names):
    """Join points and plates so that both begin at the same moment; the forces begin `late` (s) after the points."""
    rate_hz, seen_s = _length_s(points)
    felt_s = len(felt.plates[0].force) / felt.force_hz
    if min(seen_s, late + felt_s) - max(0.0, late) < SHORTEST_S:
        raise InputError(
            f"Points and forces must overlap in time; {names[0]} has {seen_s:.2f} s, but the forces of {names[1]} "
            f"begin {late:.2f} s after its first frame and last {felt_s:.2f} s.",
            CLOCK,
        )
    skipped = int(np.ceil(max(0.0, late) * rate_hz - WHOLE_SAMPLE))
    shift = (skipped / rate_hz - late) * felt.force_hz  # samples of the force before the first frame
    return replace(
        points,
        points={name: xyz[skipped:] for name, xyz in points.points.items()},
        poses={name: pose[round(skipped / rate_hz * points.pose_hz) :] for name, pose in points.poses.items()},
        plates=[_shifted(plate, max(0.0, shift)) for plate in felt.plates],
        force_hz=felt.force_hz,
        notes=points.notes + felt.notes,
        start_s=None if points.start_s is None else points.start_s + skipped / rate_hz,
    )


def _shifted(plate, shift):
    """Make a plate begin `shift` samples later."""
    whole = round(shift)
    shift = whole if abs(shift - whole) <= WHOLE_SAMPLE else shift
    return _sampled(plate, shift + np.arange(len(plate.force) - int(np.ceil(shift))))


def _check_places(recording, names):
    """Check that the force acts near a marker; other units, origins or axes would put it elsewhere."""
    rate_hz, _ = _length_s(recording)
    places = list(recording.points.values()) or [pose[..., 3] for pose in recording.poses.values()]
    places, apart = np.stack(places)[..., :2], []
    for plate in recording.plates:
        loaded = np.flatnonzero(plate.force[:, 2] > LOADED_SHARE * plate.force[:, 2].max())
        frames = np.unique(np.round(loaded / recording.force_hz * rate_hz).astype(int))
        frames = frames[frames < places.shape[1]]
        cop = plate.cop[np.minimum(np.round(frames / rate_hz * recording.force_hz).astype(int), len(plate.cop) - 1), :2]
        nearest = np.fmin.reduce(np.linalg.norm(places[:, frames] - cop, axis=2), axis=0, initial=np.inf)
        apart.append(nearest[np.isfinite(nearest)])
    apart = np.concatenate(apart)
    if len(apart) and np.median(apart) > FAR_M or not len(apart):
        found = f"{np.median(apart):,.3g} m from the nearest marker" if len(apart) else "not near any marker"
        raise InputError(
            f"The force acts where the runner is; the centre of pressure of {names[1]} is {found} of {names[0]} "
            "(median over its steps).",
            "Centres of pressure must be in m (C3D: in the file's unit), with the axes and the origin of the points: "
            "export both again.",
        )
