"""The values of a new study's file.

In: what its recordings show. Out: values with comments, blank where the files do not show them. The study file is
params/virtual.yaml with other values, so that it has all keys of a study.
"""

import json
import math
import re
import textwrap
from collections import Counter

import numpy as np

from grfkit.points import POINTS
from grfkit.recordings import plates
from grfkit.recordings.labels import match, near
from grfkit.recordings.new_study import clusters
from grfkit.recordings.trials import LIMITS
from grfkit.study.schema import BLANK

FOLDS = 5  # paper, section 1.4.3
SAME_RATE = 1.02  # times the lowest rate that the highest may be, as in stances.cohort
BELT_HZ = 50.0  # low-pass of forces from plates that a belt shakes: as the authors of rbds; our choice
SPARE_M_S = 0.1  # beside the speeds that were found: our choice
SHORTEST_STEP_S = 0.010  # of the LSTM: a camera frame of the paper
WHOLE_WORDS = {"break_on_hyphens": False, "break_long_words": False}  # of textwrap: labels and paths stay whole
COMMENT_AT = 32  # column of the comments in a study file


def values(name, looks, static, rows, notes, *, on_plates=True):
    """Propose the values of the study file, {(section, key): (text, comment)}; note what was found and what is blank.

    Without plates only the values that an estimate uses are proposed; the rest stays as in the pattern.
    """
    theia = bool(_most(looks, "theia", "Theia3D's poses", notes))
    first, found = (
        "01_preprocess",
        {
            ("study", "name"): (json.dumps(name), ""),
            ("study", "data"): ("null", "DATA=DIR names the folder of the recordings; make remembers the last one"),
            ("01_preprocess", "table"): (
                f"{name}_trials.csv",
                "next to this file; or trials.csv, in the folder of the recordings",
            ),
        },
    )
    said = Counter(text for each in looks.values() for text in each.notes)
    notes.check += [f"{text} ({count} of {len(looks)} files)" for text, count in said.items()]
    found |= _axes(looks, notes)
    if on_plates:
        found[first, "plates"] = _plates(looks, notes)
    found |= _rates(looks, theia, notes, on_plates=on_plates)
    found |= _where_points_come_from(looks, static, rows, theia, notes)
    filtered = ("null", "Theia3D has already filtered its poses")
    found[first, "points_cutoff_hz"] = filtered if theia else ("20.0", "our choice for marker positions")
    smooth = ("null", "as Theia3D has filtered them") if theia else ("20.0", "Theia3D's own low-pass; our choice")
    found["10_field", "points_cutoff_hz"] = smooth
    about = f'{{data: "Recordings of the study {name}.", licence: "not stated", citation: "not stated"}}'
    found["10_field", "about"] = about, "shown on the card of a model: fill it in before you share one"
    if not on_plates:
        _unread_plates(looks, notes)
        return found
    speeds = [float(row["speed_m_s"]) for row in rows if row["speed_m_s"]]
    low, high = (min(speeds), max(speeds)) if len(speeds) == len(rows) else LIMITS["speed_m_s"]
    if len(speeds) == len(rows):  # a file that is added later runs at nearly the same speed
        low, high = low - SPARE_M_S, high + SPARE_M_S
    limits = f"[{math.floor(10 * low) / 10}, {math.ceil(10 * high) / 10}]"
    found[first, "speed_m_s"] = limits, "all speeds; narrow it to the one that you study"
    found[first, "contact_threshold_n"], found[first, "force_cutoff_hz"] = _noise(looks, notes)
    return found | _split({row["runner"] for row in rows} - {""}, notes)


def _blank(key, why, notes):
    notes.blank.append(f"{key}: {why}")
    return f'"{BLANK}"', f"blank: {why}"


def _shown(value, comment, key, why, notes):
    """Propose a value with its comment if the files show it, otherwise a blank."""
    return (value, comment) if value else _blank(key, why, notes)


def _axes(looks, notes):
    """Propose up, forward and treadmill."""
    first, found = "01_preprocess", {}
    up, moves = _most(looks, "up", "axis up", notes), _most(looks, "moves", "way of running", notes)
    on_plates = any(each.plates for each in looks.values())
    where = "perpendicular to the plates, towards the points" if on_plates else "along which a body is longest"
    why = "the signed axis of the files that points up, such as +z"
    found[first, "up"] = _shown(up and f'"{up}"', f"the axis of the files {where}", f"{first}.up", why, notes)
    if moves == "overground":
        found[first, "treadmill"] = "false", "the runner travels through the laboratory"
        found[first, "forward"] = "found", "from the path of the pelvis; or a signed axis of the files"
        notes.found["axes"] = (
            f"up {up or BLANK}, forward found from the path of the pelvis; overground, because the runner travels"
        )
        return found
    forward = _most(looks, "forward", "axis forward", notes)
    stays = moves and "true"
    found[first, "treadmill"] = _shown(stays, "the runner stays in place", f"{first}.treadmill", "true or false", notes)
    comment = "the feet point there, " + ("and braking comes before propulsion" if on_plates else "against the belt")
    why = "the running direction, a signed axis of the files such as +x; overground it may be `found`"
    found[first, "forward"] = _shown(forward and f'"{forward}"', comment, f"{first}.forward", why, notes)
    notes.found["axes"] = f"up {up or BLANK}, forward {forward or BLANK}; " + (
        "a treadmill, because the runner stays in place" if moves else "overground or treadmill is not clear"
    )
    return found


def _rates(looks, theia, notes, *, on_plates):
    """Propose how many frames of force one LSTM step spans: those of one frame of the points, but at least 10 ms.

    The window of the whitening layer counts steps, and its limits are chosen for the paper's 100 Hz.
    """
    point_hz = _most(looks, "point_hz", "rate of the points (Hz)", notes)
    force_hz = _most(looks, "force_hz", "rate of the forces (Hz)", notes)
    notes.found["points"] = f"{point_hz or 0:g} Hz, " + (
        "Theia3D's segment poses" if theia else f"{len(_labels(looks))} markers"
    )
    if not on_plates:
        return {}
    notes.found["plates"] += f", {force_hz:g} Hz" if force_hz else ""
    several = {each.force_hz for each in looks.values() if each.force_hz == each.force_hz}
    one_rate = {}
    if several and max(several) > SAME_RATE * min(several):
        force_hz = min(several)
        one_rate["01_preprocess", "force_hz"] = (
            f"{force_hz:.1f}",
            "the lowest of several rates; all forces are brought to it",
        )
    first, later = ("02_search", "frames_per_step"), ("08_generalisation", "frames_per_step")
    if not force_hz or not point_hz:
        return {key: _blank(".".join(key), "rate of forces divided by that of points", notes) for key in (first, later)}
    step = max(1, round(force_hz * max(1 / point_hz, SHORTEST_STEP_S)))
    return one_rate | {
        first: (
            str(step),
            f"frames of force in an LSTM step of {1000 * step / force_hz:.3g} ms: one frame of the points, but at "
            "least 10 ms",
        ),
        later: (str(step), ""),
    }


def _noise(looks, notes):
    """Propose the contact threshold (N), above the noise of unloaded plates, and the filter of the force."""
    noise = [each.noise_n for each in looks.values() if not np.isnan(each.noise_n)]
    threshold = plates.threshold(np.median(noise) if noise else np.nan)
    notes.found["threshold"] = f"{threshold:.0f} N" + (
        f" (SD of the unloaded plates: {np.median(noise):.1f} N)" if noise else ""
    )
    above = f"{plates.NOISE_SD} SD of the unloaded plates, but at least {plates.THRESHOLD_N:.0f} N; our choice"
    cutoff = "null", ""
    if threshold > plates.THRESHOLD_N:  # so noisy that contacts are lost to it
        belt = any(each.moves == "treadmill" for each in looks.values())
        what = "the belt shakes the plates" if belt else "the plates are noisy"
        notes.check.append(
            f"{what} (SD {np.median(noise):.1f} N while nobody is on them): force_cutoff_hz {BELT_HZ} removes this "
            f"noise, but also a part of every steep rise; 01 shows the raw and the filtered curves"
        )
        cutoff = f"{BELT_HZ}", f"check: {what} by {np.median(noise):.1f} N (SD); as in params/rbds.yaml, or null"
    return (f"{threshold:.1f}", above), cutoff


def fill(pattern, found, *, name, on_plates=True):
    """Put values, {(section, key): (text, comment)}, into the text of a study file without its section `laboratory`.

    Its first lines say what it is for. Raises ValueError if the text lacks a key.
    """
    title = (
        f'# Study {name}, proposed by `make new-study`. Replace every "{BLANK}". '
        "The ranges of 02 and the numbers of\n"
        "# epochs are those of params/virtual.yaml.\n"
    )
    if not on_plates:
        title = (
            f"# Study {name}, proposed by `make new-study` for recordings without force plates. Replace every "
            f'"{BLANK}".\n'
            f"# `make estimate STUDY={name} DATA=DIR` uses the table, and the axes and points of 01_preprocess.\n"
            "# Everything else is as in params/virtual.yaml.\n"
        )
    text = title + re.sub(r"\A(?:#.*\n)*", "", pattern.rstrip("\n") + "\n")
    text = re.sub(r"(?ms)^laboratory:.*?(?=^\w)", "", text)
    for (section, key), (value, comment) in found.items():
        head, *rest = f"  {key}: {value}".split("\n", 1)
        line = "\n".join([_line(head, comment), *rest])
        block = re.search(rf"(?ms)^{section}:.*?(?=^\w|\Z)", text)
        there = block and re.search(rf"(?m)^  {key}:.*\n(?:   +.*\n)*", block[0])
        if not there:
            raise ValueError(f"A study file has the key {section}.{key}; params/virtual.yaml lacks it. Put it back.")
        start = block.start() + there.start()
        text = text[:start] + line + "\n" + text[start + len(there[0]) :]
    return text


def _line(text, comment):
    return f"{text:<{COMMENT_AT - 1}} # {comment}" if comment else text


def _most(looks, name, what, notes):
    """Take what most files show, None if none shows anything; note the files that show something else."""
    seen = {file: getattr(each, name) for file, each in looks.items()}
    seen = {file: value for file, value in seen.items() if value != "" and value == value}  # NaN shows nothing
    if not seen:
        return None
    (value, _), *others = Counter(seen.values()).most_common()
    if others:
        odd = [file.as_posix() for file in seen if seen[file] != value]
        notes.check.append(f"{what}: {value} in most files, but {others[0][0]} in {len(odd)}, such as {odd[0]}")
    return value


def _plates(looks, notes):
    """Propose which plates to read: all, or those that can be read in every file."""
    kinds = Counter(tuple(each.plates.items()) for each in looks.values())
    (plates, _), *others = kinds.most_common()
    notes.found["plates"] = (
        ", ".join(f"{count} of {kind}" for kind, count in Counter(kind for _, kind in plates).items()) or "none"
    )
    if others:
        notes.check.append(
            f"the plates are not the same in all files: {sum(count for _, count in others)} of {len(looks)} differ"
        )
    bad = _unread_plates(looks, notes)
    if not bad:
        return "null", "all; or a list of their numbers, counted from 1"
    good = sorted(set.intersection(*(set(each.plates) for each in looks.values())) - set(bad))
    return json.dumps(good), f"plates {', '.join(map(str, sorted(bad)))} cannot be read"


def _unread_plates(looks, notes):
    """Find the plates that cannot be read in at least one file, {number: why}; note them."""
    bad = {number: why for each in looks.values() for number, why in each.bad.items()}
    notes.check += [f"plate {number} is left out: {why}" for number, why in sorted(bad.items())]
    return bad


def _labels(looks):
    """List the markers that more than half of the files have."""
    counts = Counter(label for each in looks.values() for label in dict.fromkeys(each.labels))
    return [label for label, count in counts.items() if count > len(looks) / 2]


def _where_points_come_from(looks, static, rows, theia, notes):
    """Propose `points`, `theia` and `clusters`: poses, named markers, or joint centres of static trials."""
    first = "01_preprocess"
    found = {(first, "clusters"): ("null", ""), (first, "theia"): ("false", "true: Theia3D's 4x4 poses, not points")}
    if theia:
        notes.found["11 points"] = "from Theia3D's segment poses"
        found[first, "theia"] = "true", "Theia3D's 4x4 segment poses"
        return found | {(first, "points"): ("null", "names of markers, if the points are markers")}
    notes.check += sorted({f"not read as Theia3D's: {each.why_not}" for each in looks.values() if each.why_not})[:1]
    named = match(_labels(looks))
    if all(point in named and named[point][1] for point in POINTS):
        return found | {(first, "points"): _points(looks, static, named, notes)}
    proposal = clusters.propose(looks, static, rows)
    notes.check += proposal.check
    if not proposal.lines:
        return found | {(first, "points"): _points(looks, static, named, notes)}
    notes.found["11 points"] = proposal.found
    notes.blank += [f"{first}.clusters.{text}" for text in proposal.blank]
    lost = [row["file"] for row in rows if not row["static"]]
    if lost:
        notes.blank.append(
            f"column static, {len(lost)} of {len(rows)} rows: clusters need a static trial of the runner"
        )
    lines = [*proposal.lines, *_remark(_labels(looks), static)]
    found[first, "clusters"] = "\n" + "\n".join(lines), "joint centres of the static trial, carried by clusters"
    return found | {(first, "points"): ("null", "or the marker of each point, with `clusters: null`")}


def _points(looks, static, found, notes):
    """Propose the marker of each point, {point: (label, sure)} found -> the value of `points` with its comment."""
    labels, lines = _labels(looks), []
    for point in POINTS:
        label, sure = found.get(point, (BLANK, True))
        like = ", ".join(near(point, labels))
        comment = "" if sure else "a marker next to the joint; a joint centre is better"
        if label == BLANK:
            comment = f"blank: no marker is clearly this point{f'; similar: {like}' if like else ''}"
        lines.append(_line(f"    {point}: {json.dumps(label, ensure_ascii=False)}", comment))
        wanted = {label} if isinstance(label, str) else set(label)
        absent = [file.as_posix() for file, each in looks.items() if label != BLANK and not wanted <= set(each.labels)]
        if absent:
            notes.check.append(f"marker {label} ({point}) is missing in {len(absent)} file(s), such as {absent[0]}")
    lost = [point for point in POINTS if point not in found]
    if lost:
        notes.blank.append(f"01_preprocess.points: no marker is clearly {', '.join(lost)}")
    beside = [f"{point} {label}" for point, (label, sure) in found.items() if not sure]
    if beside:
        notes.check.append(f"markers next to a joint are used for it: {', '.join(beside)}")
    notes.found["11 points"] = f"{len(found)} of 11 found by the names of markers at or next to them"
    lines += _remark(labels, static) if lost else []
    return "\n" + "\n".join(lines), "the marker of each point, or a list of markers whose mean it is"


def _remark(labels, static):
    """List the markers of the files, as a comment in the study file."""
    only = sorted({label for each in static.values() for label in each.labels} - set(labels))
    remarks = [f"Markers in the files: {', '.join(labels) or 'none'}"]
    remarks += [f"Only in static trials: {', '.join(only)}"] if only else []
    return [
        line
        for remark in remarks
        for line in textwrap.wrap(remark, 120, initial_indent="    # ", subsequent_indent="    #   ", **WHOLE_WORDS)
    ]


def _split(runners, notes):
    """Propose how many runners are tested: a quarter, at most four as in the paper, so that others train."""
    count = min(4, max(1, len(runners) // 4))
    if len(runners) == 1:
        notes.check.append("one runner only: 01 shows the stances, but training and testing need at least two runners")
    few, training = {}, len(runners) - count
    if 0 < len(runners) < 3:
        few["08_generalisation", "ensemble"] = "[]", "or recipes to average; their weights need three runners"
    if training == 1:
        notes.check.append(
            "one runner to train on: the search for the recipe `paper` needs two, because its folds divide runners. "
            "Add a runner, or use a recipe whose folds divide stances: RECIPE=plain"
        )
    elif 1 < training < FOLDS:
        few["02_search", "folds"] = f"{training}", f"one for each training runner; the paper has {FOLDS}"
    return few | {
        ("01_preprocess", "test_runners"): ("null", "drawn at random by the seed; or a list of runners"),
        ("01_preprocess", "n_test_runners"): (
            str(count),
            f"of {len(runners) or 'how many'} runner{'s' * (len(runners) != 1)}; the paper tests four",
        ),
        ("01_preprocess", "test_shoes"): ("null", "all shoes and laps of a test runner are tested"),
        ("01_preprocess", "test_laps"): ("null", ""),
    }
