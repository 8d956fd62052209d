"""What a study file and its table of trials say about recordings to be estimated: layout, mass, speed, static trial.

In: the path of a study file, and the folder of the recordings. Out: a Told, or the mass of a session of OpenCap. Files
are only read. If a file is missing, the error names its path, what is there instead, and what to do.
"""

import math
import re
from pathlib import Path
from typing import NamedTuple

import yaml

from grfkit.points import Note
from grfkit.recordings import trials
from grfkit.study import file as study_files
from grfkit.study.schema import Preprocessing, StudyError

SESSION = "sessionMetadata.yaml"  # of OpenCap, in the folder that holds MarkerData
FEW = 3  # names that a message lists: our choice
PUBLIC = re.compile(r"(^|/)RBDS\d+run[^/]*$")  # a recording of the public set, by its name


class Told(NamedTuple):
    """What a study says about the recordings of a folder."""

    folder: Path
    layout: Preprocessing | None = None  # the section 01_preprocess; None without a study file
    table: Path | None = None  # the path of the table of trials, whether it exists or not
    rows: dict | None = None  # file -> row; None if there is no table
    notes: tuple = ()  # of Note, for each recording

    def row(self, name):
        """Give the row of a recording, {} if there is none."""
        return (self.rows or {}).get(name, {})

    def statics(self):
        """Give the names of the static trials that the table names."""
        return {row["static"] for row in (self.rows or {}).values()} - {""}

    def static(self, name):
        """Give the path of the static trial of a recording, None if the study needs none.

        Raises StudyError if the study needs one and the table names none, or one that does not exist.
        """
        if not (self.layout and self.layout.clusters):
            return None
        row, rule = self.row(name), "Joint centres come from a static trial, which the table of trials names;"
        if not row:
            raise StudyError(f"{rule} {self.table} has no row for {name}. {self._advice(name)}")
        if not row["static"]:
            raise StudyError(
                f"{rule} in {self.table} the cell `static` of {name} is empty. Name its file there, as a path "
                f"within {self.folder}."
            )
        path = self.folder / row["static"]
        if not path.is_file():
            there, _ = trials.whereabouts(path)
            raise StudyError(
                f"{rule} {self.table} names {row['static']} for {name}, but {path} does not exist: {there}. Put the "
                "file there, or name another one in the table."
            )
        return path

    def _advice(self, name):
        """Say what to do about a recording without a row."""
        listed = ", ".join(list(self.rows)[:FEW]) + ", ..." * (len(self.rows) > FEW)
        if self.layout.table != "rbds":
            file = self.folder.absolute() / name
            for above in self.folder.absolute().parents[: trials.FOLDERS_ABOVE]:
                if (inside := file.relative_to(above).as_posix()) in self.rows:
                    return f"It has one for {inside}: give the folder {above}, or this file alone."
            return f"It has rows for {listed or 'none'}: add a row whose cell `file` is {name}."
        if not PUBLIC.search(name):
            return (
                "This study is for the public set only, with files such as RBDS002/RBDS002runT35.c3d: remove this file "
                "from the folder, or write a study file of your own recordings: `make new-study NAME=mine DATA=DIR`."
            )
        runner = Path(name).name.partition("run")[0]
        return (
            f"For {runner} it needs {runner}runT25.c3d, T35 or T45, and {runner}static.c3d, in the folder "
            f"{self.folder / runner}, which {'exists' if (self.folder / runner).is_dir() else 'does not exist'}. Put "
            "them there, or write a study file of your own: `make new-study NAME=mine DATA=DIR`."
        )


def tell_of(path, data):
    """Read a study file (None: there is none) for a folder of recordings, or for one recording, a file: Told.

    The folder of a file is the one whose table has a row for it: its own, or up to two above. If none has a row, it is
    the nearest folder with a table; otherwise its own. Raises StudyError as tell does.
    """
    folder = trials.folder_of(data)
    if not path or folder == Path(data):
        return tell(path, folder) if path else Told(folder)
    path, file = Path(path), Path(data).absolute()
    folders = file.parents[: trials.FOLDERS_ABOVE + 1]
    table = Preprocessing.of(
        study_files.load(path).sections["01_preprocess"]
    ).table  # as written, beside the study file
    holds = [each for each in folders if trials.table_path(each, table, beside=path.parent).is_file()]
    tells = [tell(path, each) for each in holds or folders[:1]]
    return next((told for told in tells if told.row(file.relative_to(told.folder).as_posix())), tells[0])


def tell(path, folder):
    """Read a study file, and its table of trials if that exists: Told.

    Raises StudyError for a study file or a table that cannot be read, and if the study takes joint centres from static
    trials and the table that names them does not exist.
    """
    path, folder = Path(path), Path(folder)
    section = Preprocessing.of(study_files.load(path).sections["01_preprocess"])
    lies = trials.table_path(folder, section.table, beside=path.parent)
    if lies.is_file():
        return Told(folder, section, lies, trials.read_rows(folder, table=section.table, path=lies))
    there, elsewhere = trials.whereabouts(lies)
    if section.clusters:
        inside = elsewhere and lies.parent == folder
        advice = f"Give DATA={elsewhere}, or put it" if inside else "Put it"
        raise StudyError(
            f"{path} takes joint centres from static trials, which the table of trials names; {lies} does not exist: "
            f"{there}. {advice} there."
        )
    return Told(folder, section, lies, None, (Note(f"masses and speeds: not listed, since {lies} does not exist"),))


def session_mass(path):
    """Read the mass (kg) of the runner from the OpenCap session of a recording, None if there is none.

    The session's file lies in the folder of the recording or up to two above it. A mass that no runner can have does
    not count.
    """
    there = next((folder / SESSION for folder in path.absolute().parents[:3] if (folder / SESSION).is_file()), None)
    try:
        said = yaml.safe_load(there.read_text(encoding="utf-8")) if there else None
        mass_kg = float(said["mass_kg"]) if isinstance(said, dict) and "mass_kg" in said else math.nan
    except (OSError, ValueError, TypeError, yaml.YAMLError):
        return None  # nothing else rests on that file
    low, high = trials.LIMITS["mass_kg"]
    return mass_kg if low <= mass_kg <= high else None
