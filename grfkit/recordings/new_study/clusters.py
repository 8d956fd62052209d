"""The section `clusters` of a new study's file: joint centres of a static trial, carried by rigid clusters of markers.

In: what running and static trials show. Out: the section as text with a `# check` on each line, or why it cannot be
proposed. What labels and distances leave open is "?".
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from grfkit.points import POINTS
from grfkit.recordings.labels import both_sides, match, part, spines
from grfkit.recordings.new_study import rigid
from grfkit.study.schema import BLANK

SEGMENTS = ["pelvis", *(f"{side}_{name}" for name in ("thigh", "shank", "foot") for side in "lr")]
PARTS = {"pelvis": ["pelvis"], "thigh": ["thigh"], "shank": ["shank"], "foot": ["heel", "toe", "foot"]}
CARRIED = {"hip": "pelvis", "knee": "thigh", "ankle": "shank", "heel": "foot", "toe": "foot"}  # point: its segment
SPARE = {"pelvis": [], "thigh": ["knee", "hip"], "shank": ["ankle", "knee"], "foot": ["ankle"]}  # parts of markers
JOINT_M = 0.03, 0.20  # between the medial and the lateral marker of a knee or ankle: our choice
CHECK_AT = 64  # column of the comments


@dataclass
class Proposal:
    """The lines of the section, the blanks, and the notes for the user."""

    lines: list = field(default_factory=list)
    blank: list = field(default_factory=list)
    check: list = field(default_factory=list)
    found: str = ""


@dataclass
class Landmark:
    """Where a point is in the static trial: its markers (None: the hip's regression), and why these."""

    markers: list | None
    why: str


def propose(looks, static, rows):
    """Propose `clusters` for Looks of running and static trials: a Proposal, without lines if nothing can be proposed.

    `rows` are the rows of the table of trials, each with its `file` and `static` trial.
    """
    if not static:
        return Proposal(
            check=[
                "no static trial (a file named static or cal), so joint centres cannot be found from the markers next "
                "to the joints"
            ]
        )
    labels = rigid.common([each.shape for each in static.values()])
    pairs = {f"{side}_{joint}": both_sides(labels, side, joint) for joint in ("knee", "ankle") for side in "lr"}
    if not any(all(each) for each in pairs.values()):
        return Proposal(
            check=[
                "the static trials have no knee or ankle with a medial and a lateral marker, so `clusters` cannot be "
                f"proposed. Their markers: {', '.join(labels) or 'none'}"
            ]
        )
    marks, one_sacrum = _spines(labels)
    places = [_places(each.shape) for each in static.values()]
    points = _landmarks(labels, places, pairs, marks)
    segments = _segments(looks, static, rows, points, marks)
    proposal = Proposal(found="joint centres of the static trials, carried by clusters of markers; see each `# check`")
    proposal.lines = ["    segments:", *(_segment(name, each, proposal) for name, each in segments.items())]
    why = f"{marks['l_psis']} on the sacrum stands for both posterior spines" if one_sacrum else "the four spines"
    lost = [name for name, label in marks.items() if label == BLANK]
    proposal.blank += [f"pelvis_markers.{name}: no marker of the static trials is clearly this spine" for name in lost]
    said = f"blank: no marker is clearly {', '.join(lost)}" if lost else why
    proposal.lines += [_line(f"    pelvis_markers: {_flow(marks)}", said, check=not lost)]
    proposal.lines += ["    landmarks:", *(_landmark(name, points[name], proposal) for name in POINTS)]
    proposal.lines += [
        _line(f"    max_residual_m: {rigid.MOVED_M}", "soft tissue moves a marker less, a swapped label more")
    ]
    if one_sacrum:
        proposal.check.append(f"{why}: the regression of the hips uses it as their middle")
    proposal.check += _without(points, marks, static) + _thin(segments, looks)
    return proposal


def _spines(labels):
    """Find the markers of the pelvis -> {spine: label or a blank}, and whether one on the sacrum is used for two."""
    found, one_sacrum = spines(labels)
    return {name: label or BLANK for name, label in found.items()}, one_sacrum


def _places(shape):
    """Give the places of a static trial's markers, {label: (3,) m}."""
    return dict(zip(shape.labels, shape.places, strict=True))


def _landmarks(labels, places, pairs, marks):
    """Find each of the 11 points among the markers of the static trials: {point: Landmark}."""
    sure = match(labels)
    middle = [label for label in dict.fromkeys(marks.values()) if label != BLANK]
    whole = BLANK not in marks.values()
    found = {
        "pelvis": Landmark(middle, "the middle of its markers") if whole else Landmark([BLANK], "one spine is blank")
    }
    for side in "lr":
        centre = sure.get(f"{side}_hip")
        also = f"; or markers: {_list([centre[0]])}, which the static trials have" if centre else ""
        found[f"{side}_hip"] = Landmark(None, f"by the regression of Harrington 2007; or bell1990{also}")
        for joint in ("knee", "ankle"):
            found[f"{side}_{joint}"] = _joint_centre(pairs[f"{side}_{joint}"], joint, places)
        heels = [label for label in labels if part(label) == (side, "heel")]
        found[f"{side}_heel"] = _named(sure.get(f"{side}_heel")) or _lowest(heels, places, pairs, side)
        found[f"{side}_toe"] = _named(sure.get(f"{side}_toe")) or _ball(labels, side)
    return found


def _joint_centre(pair, joint, places):
    """Take the middle of the lateral and the medial marker, if their distance can be the width of a joint."""
    if not all(pair):
        lost = " and ".join(side for side, label in zip(("lateral", "medial"), pair, strict=True) if not label)
        return Landmark([label or BLANK for label in pair], f"the static trials show no {lost} marker of the {joint}")
    width = np.median([np.linalg.norm(each[pair[0]] - each[pair[1]]) for each in places if {*pair} <= {*each}] or [0])
    if not JOINT_M[0] <= width <= JOINT_M[1]:
        wide = f"the width of a joint is {1000 * JOINT_M[0]:.0f} to {1000 * JOINT_M[1]:.0f} mm"
        return Landmark([BLANK], f"{wide}, but {' and '.join(pair)} are {1000 * width:.0f} mm apart")
    return Landmark(list(pair), f"lateral and medial marker, {1000 * width:.0f} mm apart")


def _named(found):
    """Take a point that a label names."""
    return found and Landmark([found[0]] if isinstance(found[0], str) else found[0], "by its label")


def _lowest(heels, places, pairs, side):
    """Take the lowest of several markers on a heel; up is the direction from the ankle to the knee."""
    ends = [pairs[f"{side}_{joint}"] for joint in ("ankle", "knee")]
    above = [
        label for label in dict.fromkeys(label for each in places for label in each) if part(label) == (side, "knee")
    ]
    ends = [
        next((label for label in [*pair, *more] if label), None) for pair, more in zip(ends, ([], above), strict=True)
    ]
    heights = {label: [] for label in heels}
    for each in places:
        if {*ends} <= {*each}:
            up = each[ends[1]] - each[ends[0]]
            for label in set(heels) & set(each):
                heights[label].append(each[label] @ up / np.linalg.norm(up))
    heights = {label: np.nanmedian(values) for label, values in heights.items() if np.isfinite(values).any()}
    if not heights:
        return Landmark([BLANK], "no marker of the static trials is clearly the heel")
    return Landmark([min(heights, key=heights.get)], f"the lowest of {', '.join(heights)}")


def _ball(labels, side):
    """Take the middle of the first and the fifth metatarsal head as the toe if no label names it."""
    toes = [label for label in labels if part(label) == (side, "toe")]
    ends = [[label for label in toes if number in label] for number in "15"]
    if all(len(each) == 1 for each in ends):
        return Landmark([each[0] for each in ends], "no marker of the toe: the middle of first and fifth metatarsal")
    like = f"; markers of the toes: {', '.join(toes)}" if toes else ""
    return Landmark([BLANK], f"no marker of the static trials is clearly the toe{like}")


def _segments(looks, static, rows, points, marks):
    """Find the markers of each segment: {segment: rigid.Segment}."""
    running = {file: each.shape for file, each in looks.items()}
    statics = {file: each.shape for file, each in static.items()}
    tracked = [(Path(row["file"]), Path(row["static"])) for row in rows if row["static"]]
    seen = rigid.together(running, statics, [pair for pair in tracked if pair[0] in running and pair[1] in statics])
    on = {label: part(label) for label in seen.labels}
    named, spare = {}, {}
    for name in SEGMENTS:
        side, _, segment = name.rpartition("_")
        named[name] = [
            label for label, (at, each) in on.items() if each in PARTS[segment] and (at == side or segment == "pelvis")
        ]
        spare[name] = [label for each in SPARE[segment] for label in on if on[label] == (side, each)]
    votes = [_regions(each.shape, points, marks) for each in static.values()]
    unnamed = {label: place for each in reversed(votes) for label, place in each.items() if on.get(label) == ("", "")}
    return rigid.find_segments(seen, named, spare, unnamed)


def _regions(shape, points, marks):
    """Say on which segment each marker of a static trial lies: {label: segment}, {} if a joint is missing."""
    places = _places(shape)
    spines = [places[label] for label in dict.fromkeys(marks.values()) if label in places]
    joints = {f"{side}_hip": places.get(marks[f"{side}_asis"]) for side in "lr"}  # near enough for a segment
    for name, landmark in points.items():
        there = [places[label] for label in landmark.markers or () if label in places]
        if there:
            joints[name] = np.mean(there, axis=0)
    whole = all(joints.get(name) is not None and np.isfinite(joints[name]).all() for name in POINTS)
    return rigid.regions(shape, joints, spines) if whole else {}


def _segment(name, segment, proposal):
    """Write the line of a segment, and note which markers were left out of it."""
    markers = list(segment.markers)
    proposal.check += [f"{label} is not in the cluster {name}: {why}" for label, why in segment.out.items()]
    missing = rigid.LEAST - len(markers)
    if missing > 0:
        why = f"a cluster needs {rigid.LEAST} markers that running and static trials have; {len(markers)} were found"
        proposal.blank.append(f"segments.{name}: {why}")
        return _line(f"      {name}: {_list(markers + [BLANK] * missing)}", f"blank: {why}", check=False)
    also = f"; {', '.join(segment.also)} would fit too" if segment.also else ""
    why = "; ".join(segment.why) or "by label"
    return _line(f"      {name}: {_list(markers)}", f"{why}; distances vary by {1000 * segment.spread_m:.0f} mm{also}")


def _landmark(name, landmark, proposal):
    """Write the line of a point."""
    side, _, joint = name.rpartition("_")
    segment = f"{side}_{CARRIED[joint]}" if joint in CARRIED and joint != "hip" else "pelvis"
    if landmark.markers is None:
        return _line(f"      {name}: {{segment: {segment}, regression: harrington2007}}", landmark.why)
    blank = BLANK in landmark.markers
    if blank:
        proposal.blank.append(f"landmarks.{name}: {landmark.why}")
    why = f"blank: {landmark.why}" if blank else landmark.why
    return _line(f"      {name}: {{segment: {segment}, markers: {_list(landmark.markers)}}}", why, check=not blank)


def _without(points, marks, static):
    """Say which static trials lack a marker that the landmarks need."""
    needed = {label for landmark in points.values() for label in landmark.markers or ()} | {*marks.values()}
    needed -= {BLANK}
    absent = {}
    for file, each in static.items():
        seen = {label for label, place in _places(each.shape).items() if np.isfinite(place).all()}
        for label in sorted(needed - seen):
            absent.setdefault(label, []).append(file.as_posix())
    return [
        f"marker {label} is missing in {len(files)} of {len(static)} static trials, such as {files[0]}"
        for label, files in absent.items()
    ]


def _thin(segments, looks):
    """Say in which running files a cluster has too few markers."""
    thin = {}
    for file, each in looks.items():
        seen = {label for label, place in _places(each.shape).items() if np.isfinite(place).all()}
        for name, segment in segments.items():
            if len(seen & {*segment.markers}) < rigid.LEAST <= len(segment.markers):
                thin.setdefault(name, []).append(file.as_posix())
    return [
        f"cluster {name} has fewer than {rigid.LEAST} markers in {len(files)} file(s), such as {files[0]}"
        for name, files in thin.items()
    ]


def _line(text, why, *, check=True):
    return f"{text:<{CHECK_AT - 1}} # {'check: ' if check else ''}{why}"


def _list(labels):
    return "[" + ", ".join(json.dumps(label, ensure_ascii=False) for label in labels) + "]"


def _flow(mapping):
    return "{" + ", ".join(f"{name}: {json.dumps(label, ensure_ascii=False)}" for name, label in mapping.items()) + "}"
