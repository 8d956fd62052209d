"""Recordings without plates and a model -> tables: contacts, curves with a band, features, what is out of range.

grfkit.estimate does this for one recording, and adds figures and files; estimate_all for a folder; estimate_recording
for points, an array (F, 11, 3) m in AP, ML, V.

Recordings and models are only read, nothing is written. grfkit.reports.estimate_page writes the page of an estimate.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from grfkit.field import beside_plates, clock, estimate_tables, events, motion, training_range
from grfkit.field import model as field_model
from grfkit.field.bands import NEW, UNKNOWN, WITHIN
from grfkit.field.contacts import (
    contact_inputs,
    detect_contacts,
    finish_curves,
    seen_wholly,
    usual_flight,
)
from grfkit.points import DIRECTIONS, POINTS, Note, number
from grfkit.recordings import by_study, discover, files, orientation, trials, versions
from grfkit.recordings.faults import gaps, places
from grfkit.recordings.read import why_unread
from grfkit.study import file as study_files
from grfkit.study.schema import StudyError

FOUND = ["duration_s", "rate_hz", "treadmill", "speed_m_s", "mass_kg"]
RECORDING_COLUMNS = ["file", *FOUND, "steps", "unlike_steps", "refused", "plates", "bands", "warnings", "notes"]
SLOW_HZ = 100  # frames a second below which forces lose accuracy: our choice, between 60 and 120 of notebook 10_field
ADVICE = (
    "Arrange the axes in this order, AP in the running direction, or make a recording with grfkit.from_array, which "
    "finds unit and axes."
)
UNFILTERED = "unfiltered, or low-passed at 12 Hz or more"  # gives no warning: see training_range.SMOOTHER
# body weights of a foot's mean force at touchdown or toe-off: at most .22 in left-out recordings of rbds, .27 and .35
# in one of another laboratory; our choice
NEAR_ZERO_BW = 0.25
# share by which a typed mass may differ from the table's before there is a warning: as for plates, in params
MASS_OFF = 0.10
TRAINED = (
    "{} of {} steps trained the model, or hardly differ from steps that did: the bands are too wide here, because the "
    "model was trained on this runner, and the usual range includes this runner too"
)
TABLE, CHOOSE = "the table of trials", "Give another recording, or correct the table."
MOST_NAMES = 5  # of files that a message lists: our choice
MISSING = 0.02  # share of frames without a point, above which there is a warning: our choice
BETWEEN = " | "  # texts of one cell


class Refused(ValueError):
    """A recording is not estimated; the message says why and what to do."""


def estimate_all(model, data, **given):
    """Estimate all recordings of `data`, a folder or a file, by a model folder: the tables of estimate_recordings.

    `given` is what read_all takes: mass_kg, speed_m_s, rate_hz, treadmill, study_file. Raises ValueError if the
    model or no recording can be read; a recording that is not estimated says why in the table of recordings.
    """
    model, _ = field_model.load(model)
    home = home_of(model, given.get("study_file"))
    return estimate_recordings(model, *read_all(data, **given), folder=trials.folder_of(data), home=home)


def home_of(model, study_file):
    """Give what a FieldModel knows of the laboratory that trained it, if a study file is that laboratory's.

    The study must have the same name and find the points in the same way: {lean, cameras_late_s, layout} of
    model.settings. None for any other study, or without one: a new laboratory.
    """
    if not study_file:
        return None
    known = model.settings.get("trained_on", {}).get(Path(study_file).stem)
    same = known and known["layout"] == study_files.layout_sha256(study_files.preprocessing(study_file))
    return known if same else None


def read_all(data, *, study_file=None, mass_kg=None, speed_m_s=None, rate_hz=None, treadmill=None):
    """Read all recordings of a folder, or one file: list of discover.Found, masses (kg or None), {file: why not}.

    `study_file` says how the 11 points, axes and treadmill are found. Its table of trials, if there is one, gives
    masses, speeds and static trials; a session of OpenCap gives its mass. Otherwise `mass_kg` and `speed_m_s` hold for
    all. Files that were left out, but may have been meant as recordings, are among those that cannot be read. Raises
    ValueError if no recording can be read.
    """
    folder = trials.folder_of(data)
    typed = {"speed_m_s": speed_m_s, "rate_hz": rate_hz, "treadmill": treadmill}
    typed = trials.check_given(mass_kg=mass_kg, **typed)
    told = by_study.tell_of(study_file, data)
    found, masses, listing = [], [], discover.find(data)
    paths, unread = listing.recordings, {}
    unfiltered = {other: path for path, other in versions.find_unfiltered([*paths, *listing.left_out]).items()}
    statics = told.statics()
    for path in tqdm(paths, desc="reading", unit="file", mininterval=1, disable=len(paths) < 2 or None):
        name = discover.name_in(folder, path)
        if name in statics:
            continue
        try:
            recording, kg = read_one(path, told, **typed)
            found.append(recording)
            masses.append(kg)
        except Exception as error:  # a damaged file can fail anywhere, and must not stop the others
            unread[name] = why_unread(error).removeprefix(f"{path.name}: ")  # the name is shown next to it
            if path in unfiltered:  # then its unfiltered or filtered twin is used after all
                del listing.left_out[unfiltered[path]]
                paths.append(unfiltered[path])
    left_out = {discover.name_in(folder, path): what for path, what in listing.left_out.items()}
    if not found and folder != Path(data):
        unread = unread or {
            Path(
                data
            ).name: f"An estimate needs a recording of running; {TABLE} names this one as a static trial. {CHOOSE}"
        }
        raise StudyError("".join(why if name in why else f"{name}: {why}" for name, why in unread.items()))
    if not found:
        raise StudyError(
            "Forces are estimated from recordings that can be read; "
            f"none of {len(paths)} in {folder} can be:\n{_reasons(unread | left_out)}"
        )
    _say_versions(found, folder)
    return found, masses, unread | left_out


def _reasons(unread):
    """List why files {name: why not} were not read; a reason that several share is listed once, with "each"."""
    alike = {}
    for name, why in unread.items():
        alike.setdefault(why.replace(Path(name).name, "each"), []).append(name)
    lines = []
    for shared, names in alike.items():
        more = f" and {len(names) - MOST_NAMES} more" * (len(names) > MOST_NAMES)
        why = shared if len(names) > 1 else unread[names[0]]
        lines.append(f"  {', '.join(names[:MOST_NAMES])}{more}: {why}")
    return "\n".join(lines)


def read_one(path, told, *, mass_kg=None, speed_m_s=None, rate_hz=None, treadmill=None):
    """Read one recording by what a study says of its folder (by_study.Told): discover.Found, its mass (kg or None)."""
    name = discover.name_in(told.folder.absolute(), path.absolute())
    row = told.row(name)
    goes, speed_is, _ = _given(speed_m_s, row.get("speed_m_s"), "m/s")  # the measured one is reported next to it
    given = {"treadmill": treadmill, "speed_m_s": goes, "speed_is": speed_is, "rate_hz": rate_hz}
    static = told.static(name) if files.holds_markers(path) else None
    found = discover.read(path, layout=told.layout, static=static, **given)
    found = replace(found, notes=[*found.notes, *told.notes])
    if "mass_kg" not in row:
        return with_mass(found, mass_kg, by_study.session_mass(path), listed_by=f"OpenCap's {by_study.SESSION}")
    return with_mass(found, mass_kg, row["mass_kg"])


def with_mass(found, mass_kg, listed_kg=None, *, listed_by=TABLE):
    """Choose the typed mass, or the one in a table; returns the recording (discover.Found) that notes it, and kg."""
    kg, mass_is, off = _given(mass_kg, listed_kg, "kg", listed_by)
    note = Note(f"mass: {kg or 0:g} kg, {mass_is}", is_warning=off > MASS_OFF)
    return replace(found, mass_is=mass_is, notes=[*found.notes, *[note] * bool(kg)]), kg


def _given(typed, listed, unit, listed_by=TABLE):
    """Choose the typed value, or the one in a table: the value or None, its source in words, the difference.

    The difference is the share by which the typed value differs from the listed one.
    """
    listed = listed if listed and np.isfinite(listed) else None
    if not typed:
        return listed, f"as {listed_by} says" if listed else "", 0.0
    differs = listed is not None and listed != typed
    other = f"; {listed_by} says {listed:g} {unit}" if differs else ""
    return typed, f"as typed{other}", abs(typed / listed - 1) if differs else 0.0


def _say_versions(found, folder):
    """Note which recordings (discover.Found) are of several persons in one trial, and which are there twice."""
    by_path = {each.file: each for each in found}
    for path, others in versions.find_persons(by_path).items():
        names = ", ".join(other.name for other in others)
        by_path[path].notes.append(Note(f"one of several persons in this trial: another is {names}"))
    for one, other in versions.equal_points([(each.points, each.rate_hz) for each in found]):
        for each, twin in ((found[one], found[other]), (found[other], found[one])):
            name = discover.name_in(folder, twin.file)
            each.notes.append(
                Note(f"the same recording as {name}: both are estimated, but they are one recording", is_warning=True)
            )


def estimate_recordings(model, found, masses, unread, *, folder, home=None):
    """Estimate recordings of a `folder` as read_all gives them: the tables of footsteps, curves and recordings.

    With a mass (kg) forces are also in newtons: columns with _n for _bw, est_v_n next to est_v. A refused recording has
    a row in the table of recordings that says why. Columns that begin with plate_ hold what force plates measured
    (beside_plates); the estimate does not use it. `home` is what home_of gives. It decides which bands are used: their
    kind (grfkit.field.bands) is in the column `bands`.
    """
    tables, rows = [], []
    kind = WITHIN if home else NEW if model.abroad else UNKNOWN
    pairs = list(zip(found, masses, strict=True))
    for each, mass in tqdm(pairs, desc="estimating", unit="file", mininterval=1, disable=len(pairs) < 2 or None):
        name, refused, plates, warnings = discover.name_in(folder, each.file), "", "", []
        footsteps, _ = estimate_tables.nothing()
        try:
            footsteps, curves, warnings = estimate_recording(
                model, name, each.points, each.rate_hz, each.speed_m_s, home=home
            )
            vlr = model.settings["vlr"]
            late_s = (home or {}).get("cameras_late_s", 0.0)
            footsteps, curves, plates = beside_plates.add(each, footsteps, curves, mass_kg=mass, vlr=vlr, late_s=late_s)
            tables.append([estimate_tables.add_newtons(table, mass) for table in (footsteps, curves)])
        except Exception as error:  # the other recordings go on, as in reading
            refused = why_unread(error)
        notes = [*(Note(text, is_warning=True) for text in warnings), *each.notes]
        notes += [] if model.training_range.get("clock") else [Note(clock.UNCHECKED)]
        row = {
            "file": name,
            "duration_s": len(each.points) / each.rate_hz,
            "mass_kg": mass,
            "steps": len(footsteps),
            "unlike_steps": (footsteps["unlike"] != "").sum(),
            "refused": refused,
            "plates": plates,
            "bands": "" if refused else kind,
            "warnings": BETWEEN.join(note.text for note in notes if note.is_warning),
            "notes": BETWEEN.join(note.text for note in notes if not note.is_warning),
        }
        rows.append(row | {column: getattr(each, column) for column in ("rate_hz", "treadmill", "speed_m_s")})
    none = {"steps": 0, "unlike_steps": 0, "plates": "", "bands": "", "warnings": "", "notes": ""}
    rows += [none | {"file": name, "refused": why} for name, why in unread.items()]
    stacked = [pd.concat(part, ignore_index=True) for part in zip(*tables, strict=True)]
    parts = stacked or estimate_tables.nothing()
    return *parts, pd.DataFrame(rows, columns=RECORDING_COLUMNS).astype({"mass_kg": float})


def estimate_recording(model, name, points, rate_hz, speed_m_s, *, home=None):
    """Estimate one recording by a FieldModel: (footsteps, curves, warnings).

    `points` (F, 11, 3) m in AP, ML, V, NaN where missing, in the order of grfkit.points.POINTS; `speed_m_s` of the
    belt, or of the runner overground. The first table has a row for each footstep, the second one for each of its
    nodes: times in s from the first frame or from touchdown, forces in body weights, centres of pressure, where the
    model gives them, in m from the ankle joint. `home` is what home_of gives if the recording's laboratory trained the
    model. For other laboratories bands are wider, by what was measured in such laboratories (model.abroad), and forces
    do not take over the lean of the training plates. Points whose ground is not at 0 are moved onto it, with a warning.
    `warnings` are texts.

    Raises Refused for walking, for points that were smoothed too strongly, and if there is nothing to estimate.
    Raises ValueError for other arrays, and for points that cannot be a runner's in m.
    """
    points, rate_hz, speed_m_s = _checked(points, number(rate_hz), number(speed_m_s))
    points, moved = (points, []) if home else motion.lay_on_ground(points, model.curves.inputs)
    motions, footsteps = _found(model, name, points, rate_hz)
    doubts, wrong = clock.check(model.training_range, motions[name], footsteps, speed_m_s)
    if wrong:
        raise Refused(wrong)
    contacts, warnings = _contacts(model.detector, motions, footsteps, points)
    warnings = moved + doubts + warnings
    measured = training_range.measure(motions, contacts, {name: speed_m_s})
    warnings += _check_smoothness(model.training_range, measured)
    if round(rate_hz, 1) < SLOW_HZ:
        warnings = [
            f"{round(rate_hz, 1):g} frames a second: below {SLOW_HZ}, errors are larger than the bands say (at 60 "
            f"horizontal forces: 1.4 times as large; at 30 all forces: twice as large); film at {SLOW_HZ} or more",
            *warnings,
        ]
    flight_s = usual_flight(contacts, contacts["file"], model.settings["flight_s"])
    inputs = contact_inputs(motions, contacts, flight_s, padding_s=model.settings["padding_s"])
    kernel = model.curves.kernel(inputs)
    abroad, lean = (None, home["lean"]) if home else (model.abroad, 0.0)
    curves = finish_curves(contacts, model.curves.estimate_from(kernel), flight_s, contacts["file"], lean)
    nearest = model.curves.nearest(kernel)
    unlike = training_range.out_of_range(model.training_range, measured, nearest)
    factors = abroad.of_steps(unlike) if abroad else np.ones((len(contacts), len(DIRECTIONS)))
    trained = training_range.trained_by(model.training_range, nearest).sum()
    warnings += [TRAINED.format(trained, len(contacts))] if trained else []
    return (
        estimate_tables.of_footsteps(model, contacts.assign(speed_m_s=speed_m_s, unlike=unlike), curves, factors),
        estimate_tables.of_curves(model, contacts, curves, factors),
        warnings + _far_from_zero(contacts["side"].to_numpy(), curves) + _counted(unlike, abroad),
    )


def _checked(points, rate_hz, speed_m_s):
    """Return points (F, 11, 3), NaN where missing, rate and speed; raises ValueError if they cannot be a runner's."""
    numbers = all(isinstance(value, (int, float, np.number)) and np.isfinite(value) for value in (rate_hz, speed_m_s))
    points = np.asarray(points, float)
    if points.ndim != 3 or points.shape[1:] != (len(POINTS), 3) or not numbers or not rate_hz > 0:
        raise ValueError(
            f"Points are (F, {len(POINTS)}, 3) m, in the order of grfkit.points.POINTS and AP, ML, V, with a rate in "
            f"Hz and a speed in m/s; found {points.shape} at {rate_hz!r} Hz, {speed_m_s!r} m/s. {ADVICE}"
        )
    points = gaps.blank_zeros(points)
    places.check(points)
    if np.isfinite(points).all(axis=(1, 2)).any():
        orientation.check_body(points, advice=ADVICE)
    return gaps.blank_fills(points, rate_hz), rate_hz, speed_m_s


def _found(model, name, points, rate_hz):
    """Find the footsteps of a recording: its motions and their table; raises Refused if it shows no running."""
    filtering = {"cutoff_hz": model.settings["points_cutoff_hz"], "max_gap_s": model.settings["max_gap_s"]}
    motions = {name: motion.from_points(points, rate_hz, **filtering)}
    footsteps = motion.find_footsteps(motions)
    if footsteps.empty:
        raise Refused(
            "In running the pelvis goes up and down with each step; no step was found here. "
            "Record running, for at least a second."
        )
    if training_range.walks(model.training_range, training_range.swings(motions, footsteps)):
        raise Refused(
            "The model was trained on running; here both feet are low when the pelvis is lowest, as in walking. "
            "Give a recording of running."
        )
    return motions, footsteps


def _contacts(detector, motions, footsteps, points):
    """Detect contacts: their table, and warnings of footsteps that were lost in gaps or show no contact."""
    contacts = detect_contacts(detector, motions, footsteps)
    if contacts.empty:
        raise Refused(
            "A step is estimated if all points are seen from before touchdown to after toe-off; they are in none of "
            f"{len(footsteps)} steps. Record longer, or fill the gaps."
        )
    spans, (moved,) = events.reach(motions, footsteps), motions.values()
    hidden = ~seen_wholly(motions, footsteps, *spans.T)
    inside = (spans[:, 0] > moved.first_s) & (spans[:, 1] < moved.last_s)
    lost = inside & ~hidden & ~footsteps["mid_s"].isin(contacts["mid_s"]).to_numpy()
    missing, count = np.isnan(points).any(axis=(1, 2)).mean(), len(footsteps)
    warnings = {
        f"one or more points are missing in {100 * missing:.0f} % of frames": missing > MISSING,
        f"{hidden.sum()} of {count} steps not estimated, because points are missing for too long": hidden.any(),
        f"{lost.sum()} of {count} steps not estimated, because no contact was found": lost.any(),
    }
    return contacts, [text for text, there in warnings.items() if there]


def _check_smoothness(known, measured):
    """Check by a training range that points were not smoothed too strongly; returns warnings that say what to do."""
    share = training_range.share_of_quick_motion(known, measured)
    if np.isnan(share):
        return ["it was not checked whether the points were smoothed more than those that trained the model"]
    if share < training_range.TOO_SMOOTH:
        raise Refused(
            "Impact and braking show in motion of 9 to 15 Hz, which must have at least "
            f"{100 * training_range.TOO_SMOOTH:g} % of the power in the training runner with the least; found "
            f"{100 * share:.2g} %: the points were smoothed too strongly. Export them {UNFILTERED}."
        )
    smoother = share < training_range.SMOOTHER[0]
    advice = f"the points are smoothed, so errors are larger than the bands say: export them {UNFILTERED}"
    return [advice] if smoother else []


def _far_from_zero(sides, curves):
    """Warn where the mean vertical force of a foot, of curves (S, 101, C), is not near zero at touchdown or toe-off."""
    warnings = []
    for event, node in {"touchdown": 0, "toe-off": -1}.items():
        at_event = curves[:, node, DIRECTIONS.index("V")]
        means = {name: at_event[sides == name[0]].mean() for name in ("left", "right") if (sides == name[0]).any()}
        far = [f"{mean:.2f} under the {name} foot" for name, mean in means.items() if abs(mean) > NEAR_ZERO_BW]
        if far:
            warnings.append(
                f"the force at {event} should be near zero and is {' and '.join(far)} (body weights): {event} was "
                "found at the wrong moment, or the force is wrong, as can happen in another laboratory"
            )
    return warnings


def _counted(unlike, abroad):
    """Say what is out of range, in how many footsteps, and how much wider their bands are, from each one's texts."""
    kinds = {}
    for part in (part for text in unlike for part in text.split("; ") if part):
        called = next((called for called, *_ in training_range.MEASURES.values() if part.startswith(called)), part)
        kinds.setdefault(called, []).append(part)
    texts = []
    for parts in kinds.values():
        many = "all" if len(parts) == len(unlike) else f"{len(parts)} of"
        texts.append(f"{parts[0]}{', or the like,' * (len(set(parts)) > 1)} in {many} {len(unlike)} steps")
    wider = "their bands may be too narrow"
    if abroad:
        times = ", ".join(f"{more / usual:.2g}" for more, usual in zip(abroad.unlike, abroad.in_range, strict=True))
        wider = f"their bands are {times} times as wide (forward and back, sideways, up) and may still be too narrow"
    return [f"{'; '.join(texts)}: {wider}"] if texts else []
