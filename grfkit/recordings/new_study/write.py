"""Write the files of a new study of your own recordings.

In: a folder of C3D files, or of TRC files beside those of their forces, which is only read. Out:
params/NAME.yaml and params/NAME_trials.csv.

    grfkit new-study --name mine --data DIR

Values that the files show are proposed. Values that only a person can know are left blank, "?" in the study file and an
empty cell in the table, and are listed.
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
    "by the model that comes with grfkit; MODEL=DIR takes another, as `make field` trains it."
)


def scaffold(name, folder, *, params):
    """Write params/NAME.yaml and params/NAME_trials.csv for the recordings of a folder; returns what to tell the user.

    Raises StudyError for a name that is not plain or taken, a folder without recordings of running, or none that can
    be read; then nothing is written.
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
            f"A study needs recordings that can be read; of {len(files)} file(s) of {folder} none of running "
            "could be:\n" + "\n".join(f"  {file.as_posix()}: {why}" for file, why in list(unread.items())[:FEW])
        )
    notes = Notes([f"{file.as_posix()}: {why}" for file, why in {**unread, **find_others(folder)}.items()] + alone)
    static |= _take_standing(looks, notes)
    found = len(looks)
    on_plates = any(each.plates for each in looks.values())
    if on_plates:  # without a plate there is no stance; the table shows plates or none
        why = "no force plate; where another file holds it, add a row that names that file in a column `forces`"
        notes.out += [f"{file.as_posix()}: {why}" for file, each in looks.items() if not each.plates]
        looks = {file: each for file, each in looks.items() if each.plates}
    else:
        notes.check.append(
            "no file has a force plate that can be read, so that the study is for `make estimate`; `make reproduce` "
            "needs forces beside the points"
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
        notes.check.append("the folder holds a trials.csv: to use it, write `table: trials.csv` in the study file")
    then, estimate = f"make reproduce STUDY={name}", ESTIMATE.format(name=name, folder=folder.as_posix())
    if not on_plates:
        then = estimate
    elif len({row["runner"] for row in trials}) == 1:  # too few to train on
        then += " (which stops after 01: one runner cannot train and be tested); or, by a model that others trained,"
        then += f"\n{estimate}"
    else:
        then += f"\nor, for forces of these recordings by a model that is there: {estimate.partition(chr(10))[0]}"
    needed = [text for text in notes.blank if "may stay empty" not in text]
    in_table = [text for text in needed if text.startswith("column ")]
    places = [f'{study.as_posix()} ("{BLANK}")'] * (len(needed) > len(in_table))
    places += [f"{table.as_posix()} (empty cells)"] * bool(in_table)
    return _tell(heading, notes, " and ".join(places), study, table, then)


def _take_standing(looks, notes):
    """Take the files in which nobody moves out of the Looks, as static trials, if others are left."""
    standing = [file for file, each in looks.items() if rigid.stands(each.shape)]
    if len(standing) < len(looks):
        notes.check += [f"{file.as_posix()}: nobody moves, so that it is taken for a static trial" for file in standing]
        return {file: looks.pop(file) for file in standing}
    notes.check.append(
        f"nobody moves in any of {len(standing)} file(s): they may be static trials; a study is of running"
    )
    return {}


def find_files(folder):
    """List the C3D and TRC files and the text exports of a folder and its folders, as paths within it.

    Raises StudyError where there are none of running.
    """
    paths = [path for path in check_folder(folder).rglob("*") if path.is_file() and holds_markers(path)]
    files = sorted(path.relative_to(folder) for path in paths)
    if all(STATIC.search(file.stem) for file in files):
        others = [f"\n  {file.as_posix()}: {what}" for file, what in list(find_others(folder).items())[:FEW]]
        raise StudyError(
            f"A study needs C3D or TRC files of running; {folder} and its folders hold {len(files)} of them"
            f"{', all named static or cal' if files else ''}. Export them there, or give another folder with DATA=DIR."
            + "".join(others)
        )
    return files


def find_others(folder):
    """List what else of a folder may be meant as a recording: {path within it: what it is}."""
    paths = sorted(path for path in folder.rglob("*") if path.name[0] not in ".~")
    kinds = {path: describe(path) for path in paths if not (path.is_file() and holds_markers(path))}
    return {
        path.relative_to(folder): what or "points without forces, for `make estimate`; a study needs C3D or TRC files"
        for path, (what, meant) in kinds.items()
        if meant and what != ""
    }


def _check(name, study, table):
    """Check that a name is plain and nothing is there under it; what is there is never overwritten."""
    if not PLAIN.fullmatch(name):
        raise StudyError(f"A study's name is letters, digits, - and _; found {name!r}. Give it with NAME=mine.")
    there = [path.as_posix() for path in (study, table) if path.exists()]
    if there:
        raise StudyError(
            f"A study that exists is never overwritten; {' and '.join(there)} exist(s). "
            "Give another NAME, or delete or rename what is there."
        )
    if not (study.parent / "virtual.yaml").is_file():
        raise StudyError(
            f"A new study is patterned on {study.parent / 'virtual.yaml'}; it does not exist. "
            "Run from the project's folder."
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
    """Write these columns of the table as text; with a mark of UTF-8, by which Excel knows it."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(trials)
    return "\ufeff" + text.getvalue()


def _write(texts):
    """Write all files or none."""
    written = []
    try:
        for path, text in texts.items():
            written.append(store.write_text(path, text))
    except BaseException:
        for path in written:
            path.unlink()
        raise


def _tell(heading, notes, places, study, table, then):
    """Put together what the command prints."""
    lines = [heading, *(f"  {name:<10} {text}" for name, text in notes.found.items())]
    for title, items in (
        ("Left out, without a row in the table:", notes.out),
        ("Look at:", notes.check),
        (f"Blank, for you to fill in {places}:" if places else "Blank:", notes.blank),
    ):
        lines += [title, *(f"  {item}" for item in items)] if items else []
    lines += [
        f"Written: {study.as_posix()}, {table.as_posix()}. Read them{', fill in the blanks' if places else ''}. Then:",
        *(f"  {line}" for line in then.split("\n")),
    ]
    wrapped = (textwrap.wrap(line, 120, subsequent_indent="      ", **propose.WHOLE_WORDS) for line in lines)
    return "\n".join(line for each in wrapped for line in each)
