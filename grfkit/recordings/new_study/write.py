"""Write the files of a new study of your own recordings.

In: a folder of C3D files, or of TRC files and their files of forces; they are only read. Out: params/NAME.yaml and
params/NAME_trials.csv.

    grfkit new-study --name mine --data DIR

Values that the files show are proposed. Values that only you can know are left blank and listed: a blank is "?" in the
study file and an empty cell in the table.
"""

import csv
import io
import re
import textwrap
from pathlib import Path

from tqdm import tqdm

from grfkit.recordings.discover import describe
from grfkit.recordings.files import holds_markers
from grfkit.recordings.labels import STATIC
from grfkit.recordings.new_study import pairs, propose, rigid, tryout
from grfkit.recordings.new_study.inspect import look
from grfkit.recordings.new_study.runners import Notes, guess_runners, leave_out_versions, rows
from grfkit.recordings.read import why_unread
from grfkit.recordings.trials import ROW_COLUMNS, TRIAL_COLUMNS, check_folder
from grfkit.study import store
from grfkit.study.schema import BLANK, StudyError

PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
FEW = 3  # files that a note names
ESTIMATE = (
    "make estimate STUDY={name} DATA={folder}\n"
    "It uses the model that comes with grfkit; MODEL=DIR names another one, such as `make field` trains."
)


def scaffold(name, folder, *, params):
    """Write params/NAME.yaml and params/NAME_trials.csv for the recordings of a folder; returns what to tell the user.

    Raises StudyError, and writes nothing, if the name is not plain or is taken, or if the folder has no recording of
    running that can be read.
    """
    folder, params = Path(folder), Path(params)
    study, table = params / f"{name}.yaml", params / f"{name}_trials.csv"
    _check(name, study, table)
    files = find_files(folder)
    forces, alone = pairs.find(folder, files)
    looks, unread = _look_at_all(folder, files, forces)
    static = {file: looks.pop(file) for file in files if STATIC.search(file.stem) and file in looks}
    if not looks:
        raise StudyError(
            f"A study needs recordings of running that can be read; none of the {len(files)} file(s) in {folder} can. "
            "Export them again, or give another folder with DATA=DIR:\n"
            + "\n".join(f"  {file.as_posix()}: {why}" for file, why in list(unread.items())[:FEW])
        )
    notes = Notes([f"{file.as_posix()}: {why}" for file, why in {**unread, **find_others(folder)}.items()] + alone)
    static |= _take_standing(looks, notes)
    found = len(looks)
    on_plates = any(each.plates for each in looks.values())
    if on_plates:  # without a plate there is no stance; the table shows plates or none
        why = "no force plate; if another file holds its forces, add a row that names that file in the column `forces`"
        notes.out += [f"{file.as_posix()}: {why}" for file, each in looks.items() if not each.plates]
        looks = {file: each for file, each in looks.items() if each.plates}
    else:
        notes.check.append(
            "no file has a force plate that can be read, so the study is for `make estimate` only: `make reproduce` "
            "needs measured forces"
        )
    looks = leave_out_versions(looks, notes)
    trials = rows(looks, static, guess_runners(files), notes, on_plates=on_plates)
    for row in trials if forces else ():
        row["forces"] = forces[Path(row["file"])].as_posix() if Path(row["file"]) in forces else ""
    pattern = (params / "virtual.yaml").read_text(encoding="utf-8")
    proposed = propose.values(name, looks, static, trials, notes, on_plates=on_plates)
    text = propose.fill(pattern, proposed, name=name, on_plates=on_plates)
    columns = TRIAL_COLUMNS + ["forces"] * bool(forces) if on_plates else ROW_COLUMNS
    _write({table: _csv(trials, columns), study: text})
    notes.check += tryout.faults(text, trials, folder)
    heading = f"{found} recording(s) and {len(static)} static trial(s) in {folder.as_posix()}"
    if (folder / "trials.csv").is_file():
        notes.check.append("the folder has its own trials.csv: to use it, write `table: trials.csv` in the study file")
    then, estimate = f"make reproduce STUDY={name}", ESTIMATE.format(name=name, folder=folder.as_posix())
    if not on_plates:
        then = estimate
    elif len({row["runner"] for row in trials}) == 1:  # too few to train on
        then += " (stops after 01: one runner cannot be both trained on and tested)"
        then += f"\nor estimate the forces with a model that is already trained: {estimate}"
    else:
        then += f"\nor estimate the forces with a model that is already trained: {estimate.partition(chr(10))[0]}"
    needed = [text for text in notes.blank if "may stay empty" not in text]
    in_table = [text for text in needed if text.startswith("column ")]
    places = [f'{study.as_posix()} ("{BLANK}")'] * (len(needed) > len(in_table))
    places += [f"{table.as_posix()} (empty cells)"] * bool(in_table)
    return _tell(heading, notes, " and ".join(places), study, table, then)


def _take_standing(looks, notes):
    """Move the files in which nobody moves from the Looks to the static trials, if others are left."""
    standing = [file for file, each in looks.items() if rigid.stands(each.shape)]
    if len(standing) < len(looks):
        notes.check += [f"{file.as_posix()}: nobody moves, so it is used as a static trial" for file in standing]
        return {file: looks.pop(file) for file in standing}
    notes.check.append(
        f"nobody moves in any of the {len(standing)} file(s): they may be static trials, but a study needs running"
    )
    return {}


def find_files(folder):
    """List the C3D and TRC files and the text exports of a folder and its subfolders, as paths within it.

    Raises StudyError if none of them is of running.
    """
    paths = [path for path in check_folder(folder).rglob("*") if path.is_file() and holds_markers(path)]
    files = sorted(path.relative_to(folder) for path in paths)
    if all(STATIC.search(file.stem) for file in files):
        others = [f"\n  {file.as_posix()}: {what}" for file, what in list(find_others(folder).items())[:FEW]]
        raise StudyError(
            f"A study needs C3D or TRC files of running; {folder} and its subfolders have none"
            f"{f', only {len(files)} named static or cal' if files else ''}. Export them there, or give another folder "
            "with DATA=DIR." + "".join(others)
        )
    return files


def find_others(folder):
    """List the other files of a folder that may be meant as recordings: {path within it: what it is}."""
    paths = sorted(path for path in folder.rglob("*") if path.name[0] not in ".~")
    kinds = {path: describe(path) for path in paths if not (path.is_file() and holds_markers(path))}
    return {
        path.relative_to(folder): what or "points without forces: `make estimate` reads it, a study needs C3D or TRC"
        for path, (what, meant) in kinds.items()
        if meant and what != ""
    }


def _check(name, study, table):
    """Check that a name is plain and not yet in use; existing files are never overwritten."""
    if not PLAIN.fullmatch(name):
        raise StudyError(f"A study's name has only letters, digits, - and _; found {name!r}. Choose, say, NAME=mine.")
    there = [path.as_posix() for path in (study, table) if path.exists()]
    if there:
        raise StudyError(
            f"An existing study is never overwritten; found {' and '.join(there)}. "
            "Choose another NAME, or delete or rename the old files."
        )
    if not (study.parent / "virtual.yaml").is_file():
        raise StudyError(
            f"A new study starts as a copy of {study.parent / 'virtual.yaml'}; this file does not exist. "
            "Run the command in the project's folder."
        )


def _look_at_all(folder, files, forces):
    """Look at each file -> {file: Look}, {file: why it cannot be read}."""
    looks, unread = {}, {}
    for file in tqdm(files, desc="reading", unit="file", mininterval=1, disable=None):
        try:
            looks[file] = look(folder / file, folder / forces[file] if file in forces else None)
        except ValueError as error:
            unread[file] = getattr(error, "fact", str(error))
        except Exception as error:  # a file that breaks the format can fail anywhere; the others go on
            unread[file] = why_unread(error)
    return looks, unread


def _csv(trials, columns):
    """Write these columns of the table as text, with the mark of UTF-8 that Excel needs."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(trials)
    return "\ufeff" + text.getvalue()


def _write(texts):
    """Write all files, or none if one fails."""
    written = []
    try:
        for path, text in texts.items():
            written.append(store.write_text(path, text))
    except BaseException:
        for path in written:
            path.unlink()
        raise


def _tell(heading, notes, places, study, table, then):
    """Put together the text that the command prints."""
    lines = [heading, *(f"  {name:<10} {text}" for name, text in notes.found.items())]
    for title, items in (
        ("Left out, without a row in the table:", notes.out),
        ("Please check:", notes.check),
        (f"Blank, for you to fill in, in {places}:" if places else "Blank, and may stay so:", notes.blank),
    ):
        lines += [title, *(f"  {item}" for item in items)] if items else []
    lines += [
        f"Wrote {study.as_posix()}, {table.as_posix()}. Read both{', fill in the blanks' if places else ''}, then run:",
        *(f"  {line}" for line in then.split("\n")),
    ]
    wrapped = (textwrap.wrap(line, 120, subsequent_indent="      ", **propose.WHOLE_WORDS) for line in lines)
    return "\n".join(line for each in wrapped for line in each)
