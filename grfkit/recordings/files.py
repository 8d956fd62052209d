"""Read a recording, whatever program wrote it, from its file or from its two files: points, and forces.

In: paths of files. Out: a c3d.Recording, so that nothing beyond this room knows of formats. A trial has its points and
force plates in one file, or names in its column `forces` the file that holds the plates: OpenSim's forces beside a TRC
file, or the camera system's C3D beside Theia3D's poses.
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
SHORTEST_S = 0.3  # that points and forces have in common, a stance: our choice
SAME_LENGTH_FRAMES = 2  # of the points, by which the lengths of two files of one start may differ: our choice
SAME_RATE = 0.98  # of the points' rate, which that of the forces reaches at least: our choice
WHOLE_SAMPLE = 0.01  # of a sample of the force: a shift so near to whole ones needs no interpolation; our choice
FAR_M = 1.0  # further from the nearest marker nobody stands: our choice
LOADED_SHARE = 0.2  # of its peak, at which a plate's centre of pressure is sure: our choice
PASSED = 0.4  # of the new rate of a force: what lies above half of it would be folded back; our choice
CLOCK = (
    "Export both on one clock, or say in the column `forces_start_s` of the table of trials how many seconds after the "
    "first frame of the points the forces begin."
)


def holds_markers(path):
    """Tell whether a file has markers or poses under names of their own: C3D, TRC, or a text export of formats.exports.

    Raises OSError for a file of text that cannot be opened.
    """
    return path.suffix.lower() in POINTS_AND_PLATES or bool(exports.program(path))


def read(path, *, forward, up, plates=None):
    """Read one file -> a c3d.Recording: C3D, TRC or a text export (points alone), MOT and STO (forces alone).

    `forward` and `up` are signed axes of the file, as c3d.axes takes them; `plates` numbers the plates to read, from 1
    on; None is all. Raises ValueError for a file that is not there or cannot be read.
    """
    reader = {".trc": trc, ".mot": mot, ".sto": mot}.get(path.suffix.lower())
    if reader is None and exports.program(path):
        reader = exports
    if reader is None:
        return c3d.read(path, forward=forward, up=up, plates=plates)
    if not path.is_file():
        raise ValueError(f"A recording is a file; {path} {'is none' if path.exists() else 'does not exist'}.")
    if reader is not mot:
        return reader.read(path, forward=forward, up=up)
    return mot.read(path, forward=forward, up=up, plates=plates)


def read_trial(file, forces, *, forces_start_s=None, forward, up, plates=None):
    """Read the file of a trial's points, and that of its plates where it has one (path or None): a c3d.Recording.

    Its points and forces begin at one moment. `forces_start_s` is how many seconds after the first frame of the points
    the forces begin; None takes the times of both files, or that both begin at once where a file has no times. Raises
    InputError for two files whose clocks, lengths or places cannot belong together.
    """
    if forces is None:
        return read(file, forward=forward, up=up, plates=plates)
    points = read(file, forward=forward, up=up, plates=[])
    felt = read(forces, forward=forward, up=up, plates=plates)
    if not (points.points or points.poses):
        raise InputError(f"A trial names the file of its points; {file.name} holds none.", "Name it under `file`.")
    if not felt.plates:
        raise InputError(f"The column `forces` names a file with force plates; {forces.name} has none.", "Correct it.")
    names = file.name, forces.name
    _check_rates(points, felt, names)
    late = _start(points, felt, names) if forces_start_s is None else forces_start_s
    joined = _joined(points, felt, late, names)
    _check_places(joined, names)
    return joined


def at_rate(recording, force_hz):
    """Bring the forces of a Recording to a rate, below which they are low-passed first; None leaves them as they are.

    Raises InputError for forces that were recorded at a lower rate.
    """
    if not force_hz or not recording.plates or recording.force_hz == force_hz:
        return recording
    if recording.force_hz < force_hz:
        raise InputError(
            f"Forces of a study are brought to one rate that all recordings have, `force_hz: {force_hz:g}`; here they "
            f"are at {recording.force_hz:g} Hz.",
            "Lower `force_hz` in the study file.",
        )
    resampled = [_resampled(plate, recording.force_hz, force_hz) for plate in recording.plates]
    return replace(recording, plates=resampled, force_hz=force_hz)


def on_cameras_clock(recording, late_s):
    """Bring the plates of a Recording onto the clock of its points, which show an event `late_s` later than they do.

    The points, their clock and the number of samples stay. At one end the force of less than `late_s` is not known: its
    first or last sample is held, and a stance there is cut off by the end of the recording.
    """
    shift = late_s * recording.force_hz if recording.plates else 0.0
    if abs(shift) <= WHOLE_SAMPLE:
        return recording
    samples = np.arange(len(recording.plates[0].force))
    places = np.clip(samples - shift, 0, samples[-1])
    return replace(recording, plates=[_sampled(plate, places) for plate in recording.plates])


def _resampled(plate, hz, force_hz):
    """Sample a plate anew at a lower rate."""
    cutoff_hz = PASSED * force_hz
    if cutoff_hz < 0.4 * hz:  # a filter needs its cutoff well below half of the rate
        felt = transform.lowpass(_felt(plate), cutoff_hz=cutoff_hz, rate_hz=hz)
        plate = replace(plate, **_force_and_cop(felt))
    return _sampled(plate, np.arange(int((len(plate.force) - 1) * force_hz / hz) + 1) * hz / force_hz)


def _sampled(plate, places):
    """Take the samples of a plate at `places` (T,), counted in samples; between samples by a cubic spline."""
    whole = np.round(places).astype(int)
    clipped = None if plate.saturated is None else plate.saturated[whole]
    if np.abs(places - whole).max() <= WHOLE_SAMPLE:
        return replace(plate, force=plate.force[whole], cop=plate.cop[whole], saturated=clipped)
    felt = CubicSpline(np.arange(len(plate.force)), _felt(plate))(places)
    return replace(plate, **_force_and_cop(felt), saturated=clipped)


def _felt(plate):
    """Give force and moments (T, 6) of a plate, which add up."""
    return np.column_stack([plate.force, np.nan_to_num(plate.force[:, 2:] * plate.cop)])


def _force_and_cop(felt):
    return {"force": felt[:, :3], "cop": felt[:, 3:] / np.where(felt[:, 2:3] == 0, np.nan, felt[:, 2:3])}


def _length_s(points):
    """Give the rate (Hz) of the points or poses of a Recording, and how long they are (s)."""
    rate_hz = points.point_hz if points.points else points.pose_hz
    return rate_hz, len(next(iter((points.points or points.poses).values()))) / rate_hz


def _check_rates(points, felt, names):
    """Check that forces were recorded as often as points at least."""
    rate_hz, _ = _length_s(points)
    if felt.force_hz < SAME_RATE * rate_hz:
        raise InputError(
            f"Forces are recorded as often as points at least; {names[0]} has {rate_hz:g} frames a second, and "
            f"{names[1]} {felt.force_hz:g}: they are of two recordings, or the times of one are wrong.",
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
                f"Two files of one recording without times begin at once and are equally long; {names[0]} has "
                f"{seen_s:.2f} s, and {names[1]} {felt_s:.2f} s.",
                CLOCK,
            )
        return 0.0
    late = felt.start_s - points.start_s
    if alike and abs(late) * rate_hz > SAME_LENGTH_FRAMES:
        raise InputError(
            f"Points and forces are on one clock; {names[0]} and {names[1]} are equally long, {seen_s:.2f} s, and "
            f"begin at {points.start_s:.3f} and {felt.start_s:.3f} s: one of them counts from its own beginning.",
            CLOCK,
        )
    return late


def _joined(points, felt, late, names):
    """Put points and plates together that begin at one moment: the forces begin `late` (s) after the points."""
    rate_hz, seen_s = _length_s(points)
    felt_s = len(felt.plates[0].force) / felt.force_hz
    if min(seen_s, late + felt_s) - max(0.0, late) < SHORTEST_S:
        raise InputError(
            f"Points and forces of a recording are of the same time; {names[0]} has {seen_s:.2f} s, and the forces of "
            f"{names[1]} begin {late:.2f} s after its first frame and last {felt_s:.2f} s: they do not overlap.",
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
    """Let a plate begin `shift` samples later."""
    whole = round(shift)
    shift = whole if abs(shift - whole) <= WHOLE_SAMPLE else shift
    return _sampled(plate, shift + np.arange(len(plate.force) - int(np.ceil(shift))))


def _check_places(recording, names):
    """Check that somebody is where the force is: a unit, an origin or axes that differ put it elsewhere."""
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
        found = f"{np.median(apart):,.3g} m from the nearest marker" if len(apart) else "nowhere"
        raise InputError(
            f"The force acts where the runner is; the centre of pressure of {names[1]} is {found} of {names[0]} on "
            "average over its steps.",
            "Centres of pressure are in m (C3D: in its own unit), in the axes and from the origin of the points: "
            "export both anew.",
        )
