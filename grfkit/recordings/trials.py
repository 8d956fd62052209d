"""The table of trials of a folder of recordings.

In: the folder, which is only read. Out: a DataFrame with a row for each running trial.
"""

import re
import unicodedata
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from grfkit.points import GRAVITY, number
from grfkit.recordings.formats import cells
from grfkit.study.schema import StudyError

TRIAL_COLUMNS = ["file", "runner", "mass_kg", "height_m", "sex", "speed_m_s", "shoe", "lap", "trial", "static"]
FORCES_COLUMNS = ["forces", "forces_start_s"]  # optional: for plates in a file of their own
ROW_COLUMNS = ["file", "mass_kg", "speed_m_s", "static"]  # the ones that an estimate uses; all but `file` may be empty
LIMITS = {"mass_kg": (20, 250), "height_m": (1.0, 2.5), "speed_m_s": (0.5, 12)}  # what a runner can be: our choice
RATES_HZ = (20, 2000)  # of cameras: our choice
UNITS = {"mass_kg": " kg", "speed_m_s": " m/s", "rate_hz": " frames a second"}
OTHER_UNITS = {"mass_kg": {"pounds": 0.45359237, "newtons": 1 / GRAVITY}, "speed_m_s": {"km/h": 1 / 3.6}}
FOLDERS_ABOVE = 2  # folders above, in which a missing file is searched too: our choice
MOST_THERE = 5  # most names of a folder in a message: our choice
NUMBER = re.compile(r"(?i)[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?")  # one decimal sign at most, as people type it
THOUSANDS = re.compile(r"[+-]?\d{1,3}([., '\u2019]\d{3})+([.,]\d+)?")


def check_given(*, treadmill=None, **numbers):
    """Check what a user says about a recording: treadmill, and mass_kg, speed_m_s and rate_hz within their LIMITS.

    Returns all as a dict of Python's own types, None for what is not given. Raises StudyError.
    """
    if not (treadmill is None or isinstance(treadmill, (bool, np.bool_))):
        raise StudyError(f"treadmill must be True or False; found {treadmill!r}. Correct it, or leave it out.")
    numbers = {name: number(value) for name, value in numbers.items()}
    for name, value in numbers.items():
        low, high = (LIMITS | {"rate_hz": RATES_HZ})[name]
        if value is not None and not (isinstance(value, (int, float)) and low <= value <= high):
            raise StudyError(
                f"{name} must be a number from {low} to {high}{UNITS[name]}; found {value!r}."
                f"{in_other_units(name, value)} Correct it, or leave it out."
            )
    return {"treadmill": None if treadmill is None else bool(treadmill)} | numbers


def read_trials(folder, *, table):
    """Read the table of trials of a folder of recordings.

    Returns a DataFrame with TRIAL_COLUMNS, a row for each running trial, and with FORCES_COLUMNS if the table has one
    of them: missing values are "" in `forces` and NaN in `forces_start_s`. `table` is "trials.csv" (the folder's own
    file), "rbds" (derived from the public set's participantInfo.csv) or the path of another table. Raises StudyError
    for a missing folder, file, column or value (height_m, sex and static may be empty), for a mass, height or speed
    that no runner can have, and for names that differ only in case or in a blank before a number. Warns about names
    that were cleaned, and about names that may be one person's.
    """
    folder = check_folder(folder)
    path = table_path(folder, table)
    trials = _rbds_trials(folder) if table == "rbds" else _named_files(_csv(path, TRIAL_COLUMNS), folder)
    if trials.empty:
        there, _ = whereabouts(folder / "*.c3d")
        raise StudyError(
            f"A study needs recordings; found none in {path}. Add a row for each recording, or give another folder "
            "with DATA=DIR."
            if table != "rbds"
            else f"The recordings of each runner in {path} must lie in a folder of that name, such as "
            f"{folder / 'RBDS002' / 'RBDS002runT35.c3d'}; none is there: {there}. Put them there, or give another "
            "folder with DATA=DIR."
        )
    for column in LIMITS:
        filled = trials if column != "height_m" else trials[trials[column] != ""]  # nothing rests on the height
        trials[column] = _numbers(filled, column, path).reindex(trials.index)
    if {*FORCES_COLUMNS} & {*trials}:
        trials = trials.assign(**{column: "" for column in FORCES_COLUMNS if column not in trials})
        trials["forces_start_s"] = _starts(trials, path)
    for column in ("file", "runner", "shoe", "lap", "trial"):
        empty = trials[trials[column] == ""]
        if len(empty):
            raise StudyError(
                f"{column} must not be empty; found {len(empty)} row(s) without it in {path}, "
                f"the first for {empty.iloc[0]['file'] or 'no file'}. Fill it in."
            )
    for column in ("runner", "shoe", "lap"):
        _check_spellings(trials, column, path)
    _check_files(trials, folder, path)
    return trials.reset_index(drop=True)


def _starts(trials, path):
    """Read the column forces_start_s as numbers (s), NaN where it is empty."""
    values = trials["forces_start_s"].map(_number).astype(float)
    bad = trials[(trials["forces_start_s"] != "") & (values.isna() | (trials["forces"] == ""))]
    if len(bad):
        row = bad.iloc[0]
        raise StudyError(
            "forces_start_s is how many seconds after the first frame of the points the file under `forces` begins; "
            f"found {row['forces_start_s']!r} for {row['file']}{'' if row['forces'] else ', which names no `forces`'}. "
            f"Correct it in {path}."
        )
    return values


def named_files(trial):
    """List the files that a row of the table of trials names: points, forces and static trial."""
    return [name for name in (trial.file, getattr(trial, "forces", ""), trial.static) if name]


def read_rows(folder, *, table, path):
    """Read what the table of trials at `path` says about recordings to be estimated: {file: row}.

    A row is {column: value} of ROW_COLUMNS; mass and speed are None if their cell is empty. Files need not exist.
    Raises StudyError for a table that cannot be read, two rows of one file, and a mass or speed that no runner has.
    """
    rows = _rbds_trials(folder) if table == "rbds" else _named_files(_csv(path, ROW_COLUMNS), folder)
    for column in ("mass_kg", "speed_m_s"):
        numbers = _numbers(rows[rows[column] != ""], column, path).astype(object).reindex(rows.index)
        rows[column] = numbers.where(numbers.notna(), None)
    _check_once(rows, path)
    return {row["file"]: row for row in rows[ROW_COLUMNS].to_dict("records") if row["file"]}


def table_path(folder, table, *, beside=Path()):
    """Give the path of a table of trials: in the folder of recordings, or in the folder `beside` of a study file."""
    return {"rbds": folder / "participantInfo.csv", "trials.csv": folder / "trials.csv"}.get(table, beside / table)


def whereabouts(path):
    """Say what there is instead of a missing file: a file of that name nearby, or the content of its folder.

    Returns the text, and the folder of the file nearby, None if there is none.
    """
    path = Path(path)
    here = next((folder for folder in path.parents if folder.is_dir()), Path())
    above = [folder / path.name for folder in (here, *here.absolute().parents)[1 : 1 + FOLDERS_ABOVE]]
    below = (other for other in sorted(here.rglob("*")) if other.name.casefold() == path.name.casefold())
    found = next((other for other in (*above, *below) if other.is_file()), None)
    if found:
        return f"{found.name} lies in {found.parent}", found.parent
    names = sorted(other.name + "/" * other.is_dir() for other in here.iterdir() if other.name[0] not in ".~")
    listed = ", ".join(names[:MOST_THERE]) + f" and {len(names) - MOST_THERE} more" * (len(names) > MOST_THERE)
    missing = "" if here == path.parent else f"the folder {path.parent} does not exist; "
    return f"{missing}{here} holds {listed or 'nothing'}", None


def in_other_units(name, value):
    """Say what a number would be if it was typed in another unit; empty if that is not within LIMITS."""
    if not isinstance(value, (int, float)) or name not in OTHER_UNITS:
        return ""
    low, high = LIMITS[name]
    would = [
        f"{value:g} {unit} are {value * one:.3g}{UNITS[name]}"
        for unit, one in OTHER_UNITS[name].items()
        if low <= value * one <= high
    ]
    return f" {', '.join(would)}." if would else ""


def folder_of(data):
    """Give the folder of recordings, within which they are named: `data` itself, or the folder of a file.

    Raises StudyError for a path that does not exist.
    """
    data = Path(data)
    if not data.exists():
        raise StudyError(
            f"Forces are estimated from a recording, or from all in a folder; {data} does not exist. Give an existing "
            "path: grfkit estimate PATH, or make estimate DATA=PATH."
        )
    return data if data.is_dir() else data.parent


def check_folder(folder):
    """Check that a folder of recordings exists -> its Path. Raises StudyError if it does not."""
    folder = Path(folder)
    if folder.is_file():
        raise StudyError(
            f"DATA must be a folder, whose recordings are all read; {folder} is a file. Give "
            f"DATA={folder.parent.as_posix()}, or a folder with only this file (and, for a study, its static trial "
            "and table of trials)."
        )
    if not folder.is_dir():
        raise StudyError(f"The recordings must lie in a folder; {folder} does not exist. Give it with DATA=DIR.")
    return folder


def _csv(path, columns):
    """Read a table as cleaned text, indexed by the row's number in the file, and check that it has these columns."""
    if not path.is_file():
        near = [other.name for other in path.parent.glob("*.*") if other.stem.casefold() == path.stem.casefold()]
        there, elsewhere = whereabouts(path)
        there = f"{path.parent} has {near[0]}: save it as `CSV UTF-8` under that name" if near else there
        advice = f"Give DATA={elsewhere}, or write" if elsewhere and not near else "Write"
        raise StudyError(
            f"A folder of recordings needs a table {path.name}; {path} does not exist: {there}. {advice} it with the "
            f"columns {', '.join(columns)}, or let `make new-study NAME=mine DATA=DIR` write a table and a study file."
        )
    try:
        header, rows, _ = cells.read_rows(path)
    except ValueError as error:
        raise StudyError(str(error)) from None
    absent = [column for column in columns if column not in header]
    if absent and set(absent) == {*columns} - {*ROW_COLUMNS}:
        raise StudyError(
            f"A study of stances needs force plates; {path} has the columns of a study without them. Run `make "
            "estimate`, as `make new-study` said; or export the recordings with forces, and run `make new-study` again."
        )
    if absent:
        has = f"It has {', '.join(header)}: add or rename columns"
        has = has if header else "It is empty. Save it again as `CSV UTF-8`"
        raise StudyError(
            f"{path.name} needs the columns {', '.join(columns)}; {path} lacks {', '.join(absent)}. {has}."
        )
    twice = [column for column in [*columns, *FORCES_COLUMNS] if header.count(column) > 1]
    if twice:
        raise StudyError(f"Each column needs its own name; {path} has {twice[0]} more than once. Delete one.")
    long = next((line for line, row in rows.items() if len(row) > len(header)), None)
    if long is not None:
        raise StudyError(
            f"Each row has a cell for each of the {len(header)} columns; row {long} of {path} has {len(rows[long])}. "
            "Decimal commas need semicolons or tabs between the cells, or quotes around them: save it again as "
            "`CSV UTF-8`."
        )
    typed = pd.DataFrame(
        [row + [""] * (len(header) - len(row)) for row in rows.values()], list(rows), header, dtype=object
    )
    table = typed.map(cells.clean)
    _say_what_was_cleaned(typed[columns], table[columns], path)
    return table


def _say_what_was_cleaned(typed, table, path):
    """Warn about names that were cleaned: a name with a blank after it looks the same, but would be another name."""
    for column in (column for column in table if column not in LIMITS):
        changed = typed.index[(typed[column] != table[column]) & (table[column] != "")]
        if len(changed):
            first = changed[0]
            warnings.warn(
                f"{path.name}: in column {column}, blanks or invisible characters were removed in {len(changed)} "
                f"row(s): {typed[column][first]!r} in row {first} is read as {table[column][first]!r}.",
                stacklevel=4,
            )


def _number(text):
    """Read a typed number with a decimal point or comma; NaN for anything else, also with separated thousands."""
    return float(str(text).replace(",", ".")) if NUMBER.fullmatch(str(text)) else float("nan")


def _separated(text):
    """Add to a message how to write a number, if its thousands seem to be separated."""
    apart = THOUSANDS.fullmatch(str(text)) and not NUMBER.fullmatch(str(text))
    return ": write one decimal point or comma, and nothing between thousands" if apart else ""


def _check_spellings(trials, column, path):
    """Check that no two names of a column differ only in case or a blank before a number; warn of 0s and hyphens."""
    alike, close = {}, {}
    for name in dict.fromkeys(trials[column]):
        key = re.sub(r"(?<=[^\W\d_]) (?=[0-9])", "", unicodedata.normalize("NFKC", name).casefold())
        alike.setdefault(key, []).append(name)
        close.setdefault(re.sub(r"(?<![0-9])0+(?=[0-9])|(?<=[^\W\d_])[ _-]+(?=[0-9])", "", key), []).append(name)
    for names in (names for names in alike.values() if len(names) > 1):
        found = " and ".join(f"{name!r} ({_rows(trials, column, name)})" for name in names)
        raise StudyError(
            f"Each {column} needs one spelling, or the same {column} may be both trained on and tested; {path} has "
            f"{found}. Write one of them in all rows, or names that differ clearly."
        )
    for names in (names for names in close.values() if len(names) > 1 and column == "runner"):
        warnings.warn(
            f"{path.name}: {' and '.join(map(repr, names))} count as different runners. If they are one person, "
            "write one name in all rows; otherwise this person is both trained on and tested.",
            stacklevel=3,
        )


def _rows(trials, column, name, most=5):
    """List the rows of a table that hold a name: row 2, 3."""
    rows = trials.index[trials[column] == name].tolist()
    return f"row {', '.join(map(str, rows[:most]))}{', ...' if len(rows) > most else ''}"


def _named_files(trials, folder):
    """Replace names of files by those in the folder if they differ only in blanks or in the form of Unicode."""
    columns = [column for column in ("file", "static", "forces") if column in trials]
    names = {*trials[columns].to_numpy().ravel()} - {""}
    lost = {name for name in names if not (folder / name).is_file()}
    there = {}
    for path in folder.rglob("*") if lost else ():
        there.setdefault(cells.clean(path.relative_to(folder).as_posix()), []).append(path)
    found = {name: there[name][0].relative_to(folder).as_posix() for name in lost if len(there.get(name, ())) == 1}
    return trials.replace(dict.fromkeys(columns, found)) if found else trials


def _numbers(trials, column, path):
    """Read the numbers of a column of LIMITS: a Series of float. Raises StudyError for one that no runner can have."""
    low, high = LIMITS[column]
    values = trials[column].map(_number).astype(float)
    bad = trials[~values.between(low, high)]
    if len(bad):
        row = bad.iloc[0]
        raise StudyError(
            f"{column} must be a number from {low} to {high}; found {row[column]!r} for {row['file']} "
            f"({len(bad)} row(s)). Correct it in {path}{_separated(row[column])}."
        )
    return values


def _check_once(trials, path):
    """Check that each file has one row."""
    if trials["file"].duplicated().any():
        raise StudyError(
            f"Each recording has one row; {trials['file'][trials['file'].duplicated()].iloc[0]} has several "
            f"in {path}. Keep one of them."
        )


def _check_files(trials, folder, path):
    """Check that each file has one row and exists."""
    _check_once(trials, path)
    files = {name for trial in trials.itertuples() for name in named_files(trial)}
    absent = sorted(name for name in files if not (folder / name).is_file())
    if absent:
        there, _ = whereabouts(folder / absent[0])
        raise StudyError(
            f"Each file of the table of trials must exist; {len(absent)} of {len(files)} do not: "
            f"{', '.join(absent[:3])} (of the first: {there}). Put them into {folder} or delete their rows from {path}."
        )


def _rbds_trials(folder):
    """Derive the table of trials of the public set (Fukuchi 2017): runners, masses, belt speeds, static trials."""
    people = _csv(folder / "participantInfo.csv", ["FileName", "Height", "Mass", "Gender"])
    people = people[people["FileName"].str.endswith("static.c3d")]
    rows = []
    for person in people.itertuples():
        runner = person.FileName.removesuffix("static.c3d")
        for path in sorted((folder / runner).glob(f"{runner}runT*.c3d")):
            rows.append(
                {
                    "file": f"{runner}/{path.name}",
                    "runner": runner.removeprefix("RBDS"),
                    "mass_kg": person.Mass,
                    "height_m": _number(person.Height) / 100,
                    "sex": person.Gender,
                    "speed_m_s": int(path.stem[-2:]) / 10,
                    "shoe": "own",
                    "lap": "0",
                    "trial": "1",
                    "static": f"{runner}/{person.FileName}",
                }
            )
    return pd.DataFrame(rows, columns=TRIAL_COLUMNS)
