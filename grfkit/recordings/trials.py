"""The table of trials of a folder of recordings.

In: the folder, which is only read. Out: a DataFrame with a row for each running C3D file.
"""

from pathlib import Path

import pandas as pd

from grfkit.study.schema import StudyError

TRIAL_COLUMNS = ["file", "runner", "mass_kg", "height_m", "sex", "speed_m_s", "shoe", "lap", "trial", "static"]
LIMITS = {"mass_kg": (20, 250), "height_m": (1.0, 2.5), "speed_m_s": (0.5, 12)}  # what a runner can be: our choice


def read_trials(folder, *, table):
    """Read the table of trials of a folder of recordings.

    Returns a DataFrame with TRIAL_COLUMNS, a row for each running C3D file. `table` is "trials.csv" (the folder's own
    file), "rbds" (derived from the public set's participantInfo.csv) or the path of another table. Raises StudyError
    for a missing folder, file, column or value, and for a mass, height or speed that no runner has.
    """
    folder = check_folder(folder)
    path = {"rbds": folder / "participantInfo.csv", "trials.csv": folder / "trials.csv"}.get(table, Path(table))
    trials = _rbds_trials(folder) if table == "rbds" else _csv(path, TRIAL_COLUMNS)
    if trials.empty:
        raise StudyError(
            f"A study needs recordings; found none in {path}. Add a row for each C3D file, or give another folder "
            "with DATA=DIR."
        )
    for column, (low, high) in LIMITS.items():
        values = pd.to_numeric(trials[column], errors="coerce")
        bad = trials[~values.between(low, high)]
        if len(bad):
            row = bad.iloc[0]
            raise StudyError(
                f"{column} must be a number from {low} to {high}; found {row[column]!r} for {row['file']} "
                f"({len(bad)} row(s)). Correct it in {path}."
            )
        trials[column] = values.astype(float)
    for column in ("file", "runner", "shoe", "lap", "trial"):
        empty = trials[trials[column].str.strip() == ""]
        if len(empty):
            raise StudyError(
                f"{column} must not be empty; found {len(empty)} row(s) without it in {path}, "
                f"the first for {empty.iloc[0]['file'] or 'no file'}. Fill it in."
            )
    if trials["file"].duplicated().any():
        raise StudyError(
            f"Each C3D file has one row; {trials['file'][trials['file'].duplicated()].iloc[0]} has several "
            f"in {path}. Delete the others."
        )
    files = {*trials["file"], *trials["static"]} - {""}
    absent = sorted(name for name in files if not (folder / name).is_file())
    if absent:
        raise StudyError(
            f"Each file of the table of trials must exist; {len(absent)} of {len(files)} do not: "
            f"{', '.join(absent[:3])}. Put them into {folder} or delete their rows from {path}."
        )
    return trials


def check_folder(folder):
    """Check that a folder of recordings exists -> its Path. Raises StudyError where it does not."""
    folder = Path(folder)
    if not folder.is_dir():
        found = "is a file" if folder.exists() else "does not exist"
        raise StudyError(f"The recordings lie in a folder; {folder} {found}. Give it with DATA=DIR.")
    return folder


def _csv(path, columns):
    """Read a CSV file as text and check that it has these columns."""
    if not path.is_file():
        raise StudyError(
            f"A folder of recordings needs a table {path.name}; {path.parent} has none. Write it with the columns "
            f"{', '.join(columns)}, or let `make new-study NAME=mine DATA=DIR` write a table and a study file."
        )
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except ValueError as error:  # of encoding, of an empty file, of rows of different lengths
        raise StudyError(
            f"{path.name} is a table of comma-separated values in UTF-8; {path} cannot be read: {error}. "
            "Save it again as `CSV UTF-8`."
        ) from None
    absent = [column for column in columns if column not in frame]
    if absent:
        raise StudyError(
            f"{path.name} needs the columns {', '.join(columns)}; {path} lacks {', '.join(absent)}. "
            f"Found: {', '.join(frame.columns)}."
        )
    return frame


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
                    "height_m": pd.to_numeric(person.Height, errors="coerce") / 100,
                    "sex": person.Gender,
                    "speed_m_s": int(path.stem[-2:]) / 10,
                    "shoe": "own",
                    "lap": "0",
                    "trial": "1",
                    "static": f"{runner}/{person.FileName}",
                }
            )
    return pd.DataFrame(rows, columns=TRIAL_COLUMNS)
