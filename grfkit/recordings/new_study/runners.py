"""The rows of a new study's table of trials.

In: folders, names of files, and what the files show. Out: rows, blank where no value was found, and Notes.
"""

import os
import re
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from grfkit.points import GRAVITY
from grfkit.recordings import versions
from grfkit.recordings.trials import LIMITS

# of a file's name: P01, sub-01, or all before a separator
BEGINNING = re.compile(r"[A-Za-z]+[ _-]?\d+|[^ _.-]+(?=[ _.-])")
NO_RUNNER = re.compile(
    r"(?i)(?<![a-z])(run|trial|walk|jog|sprint|dyn|dynamic|test|lap|speed|take|pose|session|measurement|capture|"
    r"recording|data|type)(s|ning|ing)?(?![a-z])"
)
FILTERED = re.compile(r"(?i)(?<!un)filt")


@dataclass
class Notes:
    """What the command prints: files left out, what was found, what to check, what is blank."""

    out: list
    found: dict = field(default_factory=dict)
    check: list = field(default_factory=list)
    blank: list = field(default_factory=list)


def guess_runners(files):
    """Guess the runner of each file (a path within the folder) -> {file: runner or ""}.

    The runner is the name of the folder, or the beginning of the file's name. The first folder that differs counts, so
    that all sessions of a runner have one name and nobody is both trained on and tested. A beginning that no two files
    share, or a word such as `run`, is not a runner. Source: our choice.
    """
    shared = len(os.path.commonprefix([file.parts[:-1] for file in files]))
    first = {file: file.parts[shared] for file in files}  # a folder, or the file itself
    per_trial = max(Counter(first.values()).values()) == 1  # a folder for each trial, as Theia3D exports them
    guess = {}
    for file, name in first.items():
        if len(file.parts) - 1 > shared and not per_trial and not NO_RUNNER.search(name):
            guess[file] = name
        else:
            begins = BEGINNING.match(name)
            guess[file] = begins[0] if begins and not NO_RUNNER.search(begins[0]) else ""
    by_name = [name for file, name in guess.items() if name and name != first[file]]
    if len({*by_name}) == len(by_name):
        guess = {file: name if name == first[file] else "" for file, name in guess.items()}
    return guess


def leave_out_versions(looks, notes):
    """Keep one file of each recording -> {file: Look}; notes which files were left out, and why.

    If Theia3D wrote two files of one person, the filtered one is kept. If a trial shows several persons, the runner is
    the one whose feet are over the centre of pressure. Of other files with equal forces, the one that is called
    filtered is kept, or the one with more steps, or the first.
    """
    out = {
        file: f"the unfiltered version of {filtered.name}, which is used instead"
        for file, filtered in versions.find_unfiltered(looks).items()
    }
    left = {file: each for file, each in looks.items() if file not in out}
    marks = [(file, mark) for file, each in left.items() for mark in each.marks]
    persons = versions.find_persons(left)
    equal = versions.equal_forces([file for file, _ in marks], [mark for _, mark in marks])
    for (one, other), count in equal.items():
        if one in out or other in out:
            continue
        if other not in persons.get(one, ()):
            kept, copy = sorted((one, other), key=lambda file: (not FILTERED.search(file.stem), -len(left[file].marks)))
            steps = len(left[copy].marks)
            out[copy] = f"the same forces as in {kept.as_posix()}: a copy under another name"
            out[copy] += f", or a part of it ({count} of {steps} steps are equal)" * (count < steps)
        elif left[one].foot_m != left[other].foot_m:  # both NaN, they differ too: then neither shows a foot
            runner, stranger = sorted((one, other), key=lambda file: np.nan_to_num(left[file].foot_m, nan=np.inf))
            out[stranger] = f"another person: the feet over the centre of pressure are those of {runner.name}"
    for file in (file for file in left if file not in out and set(persons.get(file, ())) - set(out)):
        names = ", ".join(other.name for other in persons[file] if other not in out)
        notes.check.append(f"{file.as_posix()}: the trial shows several persons, also {names}: give each runner a name")
    notes.out += [f"{file.as_posix()}: {why}" for file, why in out.items()]
    return {file: each for file, each in looks.items() if file not in out}


def _own_static(file, static, runners):
    """List the static trials that may belong to a file: those of its runner, preferably in its folder.

    A static trial whose name shows no runner counts if its folder holds files of only one runner.
    """
    own = [other for other in static if runners[file] and runners[other] == runners[file]]
    here = [other for other in static if other.parent == file.parent and not runners[other]]
    alone = len({runners[other] for other in runners if other.parent == file.parent and other not in static}) == 1
    return [other for other in own if other.parent == file.parent] or own or (here if alone else [])


def _weighed(trial, static, notes):
    """Take the mass of a runner who stands on the plates in a static trial -> {mass_kg: text}, or nothing."""
    low, high = LIMITS["mass_kg"]
    mass = static[trial].weight_n / GRAVITY
    if not low <= mass <= high:
        return {}
    text = f"mass_kg {mass:.1f} comes from the plates in {trial.as_posix()}: if you know it from a scale, write that"
    notes.check += [text] if text not in notes.check else []
    return {"mass_kg": f"{mass:.1f}"}


def rows(looks, static, runners, notes, *, on_plates=True):
    """Make the rows of the table of trials, blank where the files do not show a value; note the blanks.

    Without plates only mass and speed can be filled in, and both may stay blank.
    """
    made, counts = [], Counter()
    for file, each in looks.items():
        runner = runners[file]
        counts[runner] += 1
        own = _own_static(file, static, runners)
        if len(own) > 1:
            notes.check.append(f"{file.as_posix()}: {len(own)} static trials fit; name one in the column `static`")
        elif own and not runners[own[0]]:
            text = f"{own[0].as_posix()} names no runner: it is used as the static trial of all files in its folder"
            notes.check += [text] if text not in notes.check else []
        body = each.body | (_weighed(own[0], static, notes) if len(own) == 1 and "mass_kg" not in each.body else {})
        made.append(
            {"mass_kg": "", "height_m": "", "sex": ""}
            | body
            | {
                "file": file.as_posix(),
                "runner": runner,
                "speed_m_s": "" if np.isnan(each.speed_m_s) or not on_plates else f"{each.speed_m_s:.2f}",
                "shoe": "own",
                "lap": "0",
                "trial": str(counts[runner]),
                "static": own[0].as_posix() if len(own) == 1 else "",
            }
        )
    known = {name: count for name, count in counts.items() if name}
    notes.found["runners"] = (
        ", ".join(f"{name} ({count})" for name, count in known.items()) or "not shown by folders or file names"
    )
    if not on_plates:
        notes.check.append(
            "the columns mass_kg (kg, for forces in newtons) and speed_m_s (m/s, otherwise measured) may stay empty"
        )
        return made
    for column, why in (
        ("runner", "neither folders nor file names show it"),
        ("mass_kg", "the files do not give it"),
        ("height_m", "the files do not give it; may stay empty"),
        ("sex", "m or f; the files do not give it; may stay empty"),
        (
            "speed_m_s",
            "of a treadmill the belt's, which files do not give; overground it is measured if a pelvis is found",
        ),
    ):
        empty = sum(row[column] == "" for row in made)
        if empty:
            notes.blank.append(f"column {column}, {empty} of {len(made)} rows: {why}")
    if len(known) > 1:
        notes.check.append(
            "the column runner is a guess: give each person exactly one name. A person with two names would be both "
            "trained on and tested"
        )
    elif known:
        notes.check.append(f"the column runner is a guess: all files are taken for one person, {next(iter(known))}")
    return made
