"""Find the markers of the 11 points, and the static trials, by names.

In: labels of a C3D file, or names of files. Out: labels by point, each marked as sure or not. The names are those that
laboratories use.
"""

import difflib
import re

from grfkit.points import POINTS

STATIC = re.compile(r"(?i)static|calib|(?<![a-z])cal(?![a-z])|^neutral$")  # in a file's name: a static trial
CENTRE = ["", "jc", "jointcenter", "jointcentre", "joint", "center", "centre"]
# labels of each point, without side and separators, in lower case; in BESIDE, labels of markers near the point.
# Sources: the conventions of Vicon's Plug-in Gait (outputs FEP, FEO, TIO), CGM2, Visual3D, QTM and OpenCap; which of
# them is our choice
NAMES = {
    "pelvis": ["pelvis", "midpelvis", "pelviscenter", "pelviscentre", "pelvisorigin", "pelo"],
    "hip": [*(f"hip{word}" for word in CENTRE), "hjc", "fep"],
    "knee": [*(f"knee{word}" for word in CENTRE), "kjc", "feo"],
    "ankle": [*(f"ankle{word}" for word in CENTRE), "ajc", "tio"],
    "heel": ["heel", "hee", "cal", "calc", "calcaneus", "fcc"],
    # or second metatarsal head, as in params/rbds.yaml
    "toe": ["toe", "toetip", "bigtoe", "hallux", "mt2", "2mt", "met2", "mth2", "fm2"],
}
JOINTS = {
    "knee": ["knee", "kne", "epi", "epicondyle", "kneeepicondyle", "femoralepicondyle", "condyle", "femoralcondyle"],
    "ankle": ["ankle", "ank", "mal", "malleolus"],
}


def _beside(joint, *words):
    """List the names of a marker on one side of a joint: kneemed, medknee."""
    return [name for each in JOINTS[joint] for word in words for name in (each + word, word + each)]


# short names: CGM2 (knm, med), CAST and QTM (fle, fme, fal, tam), OpenSim (lfc, mfc, lmal, mmal)
BESIDE = {
    "knee": [*_beside("knee", "lat", "lateral", "l"), "kne", "lfc", "lfe", "fle"],
    "ankle": [*_beside("ankle", "lat", "lateral", "l"), "ank", "mal", "fal"],
}
# a joint centre is the middle of the markers on both sides; that of the pelvis is the middle of its spines (or sacrum)
MEDIAL = {
    "knee": [*_beside("knee", "med", "medial", "m"), "knm", "mfc", "mfe", "fme"],
    "ankle": [*_beside("ankle", "med", "medial", "m"), "med", "tam"],
}
FRONT, BACK = ["asis", "asi", "ias"], ["psis", "psi", "ips"]
SACRUM = ["sacrum", "sacr", "sac", "sacral", "vsacral", "vsac"]
# the part of the body of a label without its side, in lower case: the first pattern that fits. Our choice of words
PARTS = {
    # of no part of the lower body; the last are axes that Plug-in Gait adds
    "": r"arm|^elb|elbow|^hum|thumb|^thor|wri|hand|^fin|^sho|^acr|head|^(fe|ti|fo|to)[oalp]$",
    "pelvis": r"asis|^[ap]si$|^i[ap]s$|psis|sac|pelv|iliac|crest",
    "hip": r"hip|^hjc|troch|^gtr?$|^ftc$",
    "thigh": r"thigh|^th|femur|upperleg",
    "shank": r"shank|^ti|^tb|lowerleg|calf|^sk\d",
    "knee": r"kne|^kn[lm]$|epi|cond|^[lm]f[ce]$|^f[lm]e$|pat(ella)?$|^kjc",
    "ankle": r"ank|mal|^ajc|^fal$|^tam$|^med$",
    "heel": r"hee|^cal|calc|^fcc",
    "toe": r"toe|hallux|mt|met|phal|^fm\d",
    "foot": r"foot|^mf",
}
# complete sets of names; where a file has one, its other labels are ignored, which could make a point uncertain
OPENCAP = {  # the markers that OpenCap and Pose2Sim add to key points of video (Uhlrich et al. 2023)
    "pelvis": ["r.ASIS_study", "L.ASIS_study", "r.PSIS_study", "L.PSIS_study"],
    "l_hip": ["LHJC_study"],
    "l_knee": ["L_knee_study", "L_mknee_study"],
    "l_ankle": ["L_ankle_study", "L_mankle_study"],
    "l_heel": ["L_calc_study"],
    "l_toe": ["L_toe_study"],
    "r_hip": ["RHJC_study"],
    "r_knee": ["r_knee_study", "r_mknee_study"],
    "r_ankle": ["r_ankle_study", "r_mankle_study"],
    "r_heel": ["r_calc_study"],
    "r_toe": ["r_toe_study"],
}
# key points of video, as Pose2Sim, Sports2D and OpenCap name them (HALPE_26, BODY_25); the pelvis is the middle of the
# hips, which some formats have as a point and some (BODY_25B, COCO_133) do not
KEY_POINTS = {
    f"{side.lower()}_{joint}": [f"{side}{name}"]
    for side in "LR"
    for joint, name in zip(
        ("hip", "knee", "ankle", "heel", "toe"), ("Hip", "Knee", "Ankle", "Heel", "BigToe"), strict=True
    )
}
MIDDLES = [["Hip"], ["CHip"], ["MidHip"], ["midHip"], ["LHip", "RHip"]]
SETS = [OPENCAP, *({"pelvis": middle} | KEY_POINTS for middle in MIDDLES)]
SIDED = [
    re.compile(r"(?i)^(left|right|l|r)[\W_]*(.+)$"),  # before the name, then behind it
    re.compile(r"(?i)^(.+?)[\W_]+(left|right|l|r)$"),
    re.compile(r"(?i)^(.+)(left|right)$"),
]


def match(labels):
    """Find the markers of the 11 points among the labels of a C3D file.

    Returns {point: (label, sure)} of those found; a label may be a list of labels whose mean is the point. A marker
    next to the point, such as the lateral one of a knee, is not sure. A point with two equally good labels is left out.
    A subject's prefix (P01:LHEE) and upper or lower case do not count. A complete set of names (SETS) is used first.
    """
    whole = match_set(labels)
    if whole:
        return {point: (each if len(each) > 1 else each[0], True) for point, each in whole.items()}
    readings = {label: _readings(label) for label in labels}
    found = {}
    for point in POINTS:
        side, _, joint = point.rpartition("_")
        names = [(name, True) for name in NAMES[joint]] + [(name, False) for name in BESIDE.get(joint, [])]
        for name, sure in names:
            fits = [label for label in labels if (side, name) in readings[label]]
            if fits:
                if len(fits) == 1:
                    found[point] = fits[0], sure
                break
        both = _spines(readings) if point == "pelvis" else _both_sides(readings, side, joint)
        alone, sure = found.get(point, ("", False))
        if both and all(both) and (not sure or alone in both):
            found[point] = both, True
    return found


def match_set(labels):
    """Find the 11 points among labels by a complete set of names (SETS): {point: labels whose mean it is}, or {}."""
    short = dict(zip(plain(labels), labels, strict=True))
    for names in SETS:
        if all(name in short for each in names.values() for name in each):
            return {point: [short[name] for name in each] for point, each in names.items()}
    return {}


def _spines(readings):
    """List the four spines of the pelvis, or the two in front and the sacrum; empty if one is missing."""
    front, back = ([_only(readings, side, names) for side in "lr"] for names in (FRONT, BACK))
    return front + (back if all(back) else [_only(readings, "", SACRUM)]) if all(front) else []


def spines(labels):
    """Find the markers of the pelvis -> {l_asis, r_asis, l_psis, r_psis: label or None}, whether the sacrum is used.

    One marker on the sacrum stands for both posterior spines if these are absent.
    """
    readings = {label: _readings(label) for label in labels}
    found = {
        f"{side}_{spine}": _only(readings, side, names)
        for spine, names in (("asis", FRONT), ("psis", BACK))
        for side in "lr"
    }
    sacrum = _only(readings, "", SACRUM)
    stands = bool(sacrum) and not (found["l_psis"] or found["r_psis"])
    return found | ({"l_psis": sacrum, "r_psis": sacrum} if stands else {}), stands


def both_sides(labels, side, joint):
    """Find the lateral and the medial marker of a knee or ankle -> [label or None, label or None]."""
    return _both_sides({label: _readings(label) for label in labels}, side, joint)


def _both_sides(readings, side, joint):
    """Find both markers; if there is a medial one, a marker with the joint's own name is the lateral one."""
    if joint not in MEDIAL:
        return []
    lateral, medial = _only(readings, side, BESIDE[joint]), _only(readings, side, MEDIAL[joint])
    return [lateral or (_only(readings, side, [joint]) if medial else None), medial]


def _only(readings, side, names):
    """Find the only label that has one of these names on this side; None if there is none or more than one."""
    fits = [label for label, read in readings.items() if any((side, name) in read for name in names)]
    return fits[0] if len(fits) == 1 else None


def plain(labels):
    """Remove the subject's name from labels such as P01:LHEE, if each label then still differs from the others."""
    short = [label.rpartition(":")[2] for label in labels]
    return [name if short.count(name) == 1 else label for name, label in zip(short, labels, strict=True)]


def part(label):
    """Find side and part of the body (a key of PARTS) of a label; each is empty if the label does not show it."""
    for side, name in sorted(_readings(label), key=lambda reading: reading[0] == ""):
        found = next((each for each, pattern in PARTS.items() if re.search(pattern, name)), "")
        if found:
            return side, found
    return "", ""


def near(point, labels):
    """List a few labels on the same side and part of the body as a point, for the user to choose from."""
    side, _, joint = point.rpartition("_")
    same = {label: part(label) for label in labels}
    same = {
        label: re.sub(r"[\W_]", "", label).lower()
        for label, (at, name) in same.items()
        if name == joint and (at == side or not side)
    }
    closeness = {
        label: difflib.SequenceMatcher(None, point.replace("_", ""), letters).ratio() for label, letters in same.items()
    }
    return sorted(closeness, key=closeness.get, reverse=True)[:3]


def _readings(label):
    """Read a label as (side, name) in every way it can be read."""
    label = label.rsplit(":", 1)[-1].strip()
    first, *last = (pattern.match(label) for pattern in SIDED)
    pairs = [("", label)] + ([first.groups()] if first else []) + [found.groups()[::-1] for found in last if found]
    return {(side[:1].lower(), re.sub(r"[\W_]", "", name).lower()) for side, name in pairs}
