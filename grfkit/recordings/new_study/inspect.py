"""What one recording shows: a C3D file, or a TRC file with its file of forces.

In: the path of a file, which is only read. Out: a Look with labels, rates, plates, axes and how the runner moves. Each
guess has a physical reason; what the file does not show is left open.
"""

from dataclasses import dataclass, field

import numpy as np

from grfkit.points import POINTS
from grfkit.recordings import c3d, files, landmarks, plates, speed, versions
from grfkit.recordings.labels import match, plain
from grfkit.recordings.new_study import rigid
from grfkit.recordings.trials import LIMITS

LONGEST_S = 0.40  # of a stance, as in params/virtual.yaml
SLOWEST_M_S = 0.5  # a slower runner does not travel, but stays on a treadmill: our choice, as trials.LIMITS
FEWEST_STEPS = 4  # with so many steps, somebody who stays in place runs on a treadmill: our choice
LOW, SPREAD_S = 0.3, 0.02  # share of frames that show a planted foot, and s about each for its velocity: our choice
STILL_M = 0.01  # SD of what stays in place: our choice
SHORTEST_S = 0.2  # of a path that shows a speed: our choice
STANDS = 0.05  # by which the force of somebody who stands varies at most: JA1 varies by 1.5 %; our choice
ALONG = 0.9  # share of a direction that lies along one axis, to be named by it: our choice
# as Plug-in Gait and others name them
MASSES, HEIGHTS, SEXES = ("bodymass", "mass"), ("height", "bodyheight"), ("sex", "gender")


@dataclass
class Look:
    """What one file shows; NaN, None or an empty text for what it does not show."""

    labels: list
    theia: bool
    why_not: str  # what Theia3D's poses lack
    point_hz: float
    force_hz: float
    plates: dict  # number -> type and size
    bad: dict  # number of a plate that cannot be read -> why
    up: str
    moves: str  # overground, treadmill
    forward: str  # on a treadmill
    speed_m_s: float  # of the pelvis, overground
    noise_n: float  # SD of the vertical force of the worst plate while nobody is on it
    body: dict = field(default_factory=dict)  # mass_kg, height_m, sex, as far as the file says
    marks: list = field(default_factory=list)  # of each step's force, as versions.mark gives them
    foot_m: float = float("nan")  # from the centre of pressure to the nearest point of a foot: the median of the steps
    notes: list = field(default_factory=list)  # texts: what was skipped, or is uncertain
    shape: rigid.Shape = field(default_factory=lambda: rigid.measure({}, []))  # of the markers
    weight_n: float = float("nan")  # of somebody who stands on the plates


def look(path, forces=None):
    """Look at one recording -> a Look. `forces` is the file of forces of a TRC file.

    Raises ValueError for a file that cannot be read, and for two files that do not belong together.
    """
    if path.suffix.lower() == ".c3d":
        return c3d.isolated(_look, path)
    up = find_up(files.read(path, forward="found", up="+z"))
    recording = files.read_trial(path, forces if up else None, forward="found", up=up or "+z")
    return _show(recording, up, {plate.number: "OpenSim's forces" for plate in recording.plates}, {}, {})


def _look(path):
    content = c3d.open_file(path)
    recording, good, bad = c3d.convert_good_plates(content, up="+z")
    up = find_up(recording)
    if up[1:] not in ("", "z") or up == "-z":
        recording, good, bad = c3d.convert_good_plates(content, up=up)
    return _show(recording, up, _describe(content, good, recording.plates), bad, _body(content.layout))


def _show(recording, up, kinds, bad, body):
    """Make a Look of a Recording whose axis `up` is known or empty; `kinds` describes its plates."""
    rotation = c3d.axes("found", up or "+z")
    points, theia, why_not = _points(recording)
    hz = recording.pose_hz if theia else recording.point_hz
    zeroed = [plates.zeroed(plate, recording.force_hz) for plate in recording.plates]
    forces = [plate.force for plate in zeroed]
    steps = plates.steps(zeroed, threshold_n=plates.LOADED_N, rate_hz=recording.force_hz, longest_s=LONGEST_S)
    places = [*recording.points.values(), *(pose[..., 3] for pose in recording.poses.values())]
    drift, belt = body_speed(places, hz), np.zeros(3)
    moves = "overground" if drift > SLOWEST_M_S else ""  # nor where the drift is NaN
    if drift <= SLOWEST_M_S and len(steps) >= FEWEST_STEPS:
        moves = "treadmill"
    if drift <= SLOWEST_M_S and not recording.plates and up:
        belt = ground_velocity(places, hz)
        moves = "treadmill" if np.linalg.norm(belt) > SLOWEST_M_S else ""
    measured = _pelvis_speed(points, hz, steps, recording.force_hz) if moves == "overground" else float("nan")
    forward = find_forward(points, forces, steps, rotation, belt) if moves == "treadmill" and up else ""
    markers = {label: place for label, place in recording.points.items() if label.isprintable()}
    labels = plain([*markers])
    return Look(
        labels,
        theia,
        why_not,
        hz,
        recording.force_hz,
        kinds,
        bad,
        up,
        moves,
        forward,
        measured,
        plates.noise(forces, recording.force_hz),
        body,
        _marks(forces, steps, recording.force_hz),
        _foot_distance(points, hz, zeroed, steps, recording.force_hz),
        [note.text for note in recording.notes],
        rigid.measure(markers, labels),
        _weight(recording.plates),
    )


def _marks(forces, steps, hz):
    """Give the marks of the force (N) of each step, which identify it in another file."""
    total = sum(forces)
    return [versions.mark(np.arange(step.first, step.end) / hz, total[step.first : step.end]) for step in steps]


def _weight(raw):
    """Measure the weight (N) of somebody who stands on plates; NaN if the force is not steady, or hardly any.

    The zero of a loaded plate cannot be seen; it is assumed to be right.
    """
    loaded = [plate.force[:, 2] for plate in raw if len(plate.force) and np.median(plate.force[:, 2]) > plates.LOADED_N]
    low, weight, high = np.percentile(sum(loaded), (10, 50, 90)) if loaded else (0.0, 0.0, 0.0)
    return float(weight) if loaded and high - low < STANDS * weight else float("nan")


def _foot_distance(points, hz, zeroed, steps, force_hz):
    """Measure how far (m) the feet are from the centre of pressure in the middle of the steps; NaN without either."""
    feet = [points[name] for name in ("l_heel", "l_toe", "r_heel", "r_toe") if name in points]
    distances = []
    for step in steps if feet else ():
        middle = (step.first + step.end) // 2
        _, cop = plates.combined([zeroed[number] for number, *_ in step.parts], frames=slice(middle, middle + 1))
        frame = min(round(middle / force_hz * hz), len(feet[0]) - 1)
        distances.append(np.min([np.hypot(*(foot[frame] - cop[0])[:2]) for foot in feet]))
    return float(np.nanmedian(distances)) if np.isfinite(distances).any() else float("nan")


def find_up(recording):
    """Find the axis that points up, of a Recording in its file's own axes (read with +x and +z).

    Plates lie flat, and the body is above them. Without plates, a body is longest upwards and stays above the floor.
    Returns "" if the axis cannot be found.
    """
    places = [*recording.points.values(), *(pose[..., 3] for pose in recording.poses.values())]
    if not places or not np.isfinite(places).any():
        return ""
    places = np.stack(places)  # (P, F, 3)
    if recording.plates:
        normals = [
            np.cross(plate.corners[1] - plate.corners[0], plate.corners[3] - plate.corners[0])
            for plate in recording.plates
        ]
        axis = int(np.argmax(np.abs(normals).sum(axis=0)))
        height = np.nanmedian(places[..., axis]) - np.mean(
            [plate.corners[:, axis].mean() for plate in recording.plates]
        )
    else:
        seen = places[:, np.isfinite(places).all(axis=2).sum(axis=0) > 2]
        if not seen.size:
            return ""
        axis = int(np.argmax(np.median(np.nanstd(seen, axis=0), axis=0)))
        height = np.nanmedian(places[..., axis])
    return c3d.axis_name(axis, height)


def body_speed(places, hz):
    """Measure the horizontal speed (m/s) of a body: the median over its places, (F, 3) m each.

    NaN if none is seen for long enough.
    """
    paths = [speed.path_velocity(place, hz, shortest_s=SHORTEST_S) for place in places]
    paths = [path for path in paths if np.isfinite(path).all()]
    return float(np.hypot(*np.median(paths, axis=0))) if paths else float("nan")


def ground_velocity(places, hz):
    """Measure the horizontal velocity (3,) m/s of the ground under a runner: the median velocity of the lowest place.

    `places` are (F, 3) m each, V up. Only frames count in which the lowest place is lower than usual: then it is a
    planted foot, because no other place comes so low. What never moves, such as a marker of the laboratory, does not
    count. Zero if nothing is seen for long enough.
    """
    seen = [place for place in places if np.isfinite(place).all(axis=1).any()]
    places = [place for place in seen if np.nanstd(place, axis=0).max() > STILL_M]
    if not places:
        return np.zeros(3)
    places = np.stack(places)
    spread = max(1, round(SPREAD_S * hz))
    heights = np.where(np.isfinite(places).all(axis=2), places[..., 2], np.inf)[:, spread:-spread]
    frames = np.flatnonzero(np.isfinite(heights).any(axis=0))
    lowest = heights[:, frames].min(axis=0, initial=np.inf)
    frames = frames[lowest <= np.quantile(lowest, LOW)] if len(frames) else frames
    which = np.argmin(heights[:, frames], axis=0)
    velocity = (places[which, frames + 2 * spread] - places[which, frames]) * hz / (2 * spread)
    velocity = velocity[np.isfinite(velocity).all(axis=1)]
    return np.append(np.median(velocity[:, :2], axis=0), 0.0) if len(velocity) else np.zeros(3)


def find_forward(points, forces, steps, rotation, belt=(0.0, 0.0, 0.0)):
    """Find the running direction on a treadmill as a signed axis of the file; "" if it cannot be found.

    The mean foot points forward, running brakes before it propels, and the belt goes backwards. If two of these
    disagree, the direction is left open. `points` maps a point to (F, 3) m, `forces` are (T, 3) N of each plate, `belt`
    is its velocity (3,) m/s, all in the axes that `rotation` makes.
    """
    ways = _feet(points), _push(forces, steps), -np.asarray(belt)
    shown = {_axis_of(direction, rotation) for direction in ways} - {""}
    return shown.pop() if len(shown) == 1 else ""


def _feet(points):
    """Give the mean direction (3,) from heel to toe."""
    feet = [
        points[f"{side}_toe"] - points[f"{side}_heel"]
        for side in "lr"
        if f"{side}_toe" in points and f"{side}_heel" in points
    ]
    return np.nanmean(np.concatenate(feet), axis=0) if feet and np.isfinite(feet).any() else np.zeros(3)


def _push(forces, steps):
    """Give the mean change (3,) N of the force from the first to the second half of the steps."""
    changes = []
    for step in steps:
        total = sum(forces[number] for number, _, _ in step.parts)[step.first : step.end]
        first, second = np.array_split(total, 2)
        if len(first) and len(second):
            changes.append(second.mean(axis=0) - first.mean(axis=0))
    return np.mean(changes, axis=0) if changes else np.zeros(3)


def _axis_of(direction, rotation):
    """Name the signed axis of the file that a horizontal direction (3,), in the axes of `rotation`, lies along."""
    level = rotation.T @ [direction[0], direction[1], 0.0]
    length = np.linalg.norm(level)
    axis = int(np.argmax(np.abs(level)))
    return c3d.axis_name(axis, level[axis]) if length and abs(level[axis]) > ALONG * length else ""


def _points(recording):
    """Find the known ones of the 11 points -> {point: (F, 3) m}, whether from Theia3D, and if not, what it lacks."""
    points, why_not = landmarks.find_theia(recording)
    if points is not None:
        return dict(zip(POINTS, points.swapaxes(0, 1), strict=True)), True, ""
    found = {
        point: [label] if isinstance(label, str) else label
        for point, (label, _) in match(list(recording.points)).items()
    }
    return (
        {point: np.mean([recording.points[label] for label in labels], axis=0) for point, labels in found.items()},
        False,
        why_not,
    )


def _pelvis_speed(points, hz, steps, force_hz):
    """Measure the mean speed (m/s) of the pelvis on the plates, or over the whole recording without steps."""
    if "pelvis" not in points:
        return float("nan")
    first, last = (steps[0].first / force_hz, steps[-1].end / force_hz) if steps else (0.0, np.inf)
    times = np.arange(len(points["pelvis"])) / hz
    return body_speed([points["pelvis"][(times >= first) & (times <= last)]], hz)


def _describe(content, numbers, found):
    """Describe type and size of each plate; {} if no plate has frames."""
    if not found:
        return {}
    types = content.layout.all_values("FORCE_PLATFORM", "TYPE")
    sizes = [
        " x ".join(f"{np.linalg.norm(edge):.2f}" for edge in np.diff(plate.corners[:3], axis=0)) for plate in found
    ]
    return {number: f"type {types[number - 1]}, {size} m" for number, size in zip(numbers, sizes, strict=True)}


def _body(layout):
    """Find mass (kg), height (m) and sex among a file's parameters, as texts.

    A number is taken in the first unit in which a runner can have it.
    """
    body = {}
    for there in layout.groups.values():
        for name, entry in there.items():
            key = name.lower().replace("_", "").replace(" ", "")
            value = str(entry.values()[0]).strip() if entry.count == 1 else ""
            if key in MASSES:
                body |= _number("mass_kg", value, (1,))
            elif key in HEIGHTS:
                body |= _number("height_m", value, (1, 0.01, 0.001))
            elif key in SEXES and value[:1].lower() in ("m", "f"):
                body["sex"] = value[:1].lower()
    return body


def _number(column, text, units):
    """Read a number in the first unit in which a runner can have it -> {column: text}, or nothing."""
    low, high = LIMITS[column]
    try:
        fits = [float(text) * unit for unit in units if low <= float(text) * unit <= high]
    except ValueError:
        return {}
    return {column: f"{fits[0]:.4g}"} if fits else {}
