"""What a report was made from, and whether that has changed since: by content, because copying changes times of files.

In: a folder of reports, reports/STUDY. Out: the inputs and results that a notebook's record (NN_name.json) notes, and
the reason why its report is out of date.
"""

import hashlib
import json
import os
from pathlib import Path

from grfkit.study import provenance

KINDS = (".csv", ".parquet", ".yaml", ".json", ".png", ".svg", ".safetensors")  # what store.save writes
BY_HAND = "by_hand"  # folder of reports/ for what is not published
NOTE = "parameters.json"  # there, next to the results of each notebook
PATHS = ("results", "published", "recipes")  # parameters that say where, not what
NOTEBOOKS = ["01_preprocess", "02_search", "03_train", "04_table1", "05_table2", "06_table3", "07_figure4"]
NEEDS = {
    "01_preprocess": [],
    "02_search": NOTEBOOKS[:1],
    "03_train": NOTEBOOKS[:2],
    "06_table3": [*NOTEBOOKS[:3], "05_table2"],
    "08_generalisation": NOTEBOOKS[:1],
    "09_agreement": ["01_preprocess", "08_generalisation"],
    "10_field": NOTEBOOKS[:1],
    "11_explanation": NOTEBOOKS[:1],
    "12_stream": ["01_preprocess", "10_field"],
    "13_moments": ["01_preprocess", "10_field"],
    "14_transfer": NOTEBOOKS[:1],
    "explore": NOTEBOOKS[:3],
}  # the notebooks that each builds on, as in the Makefile; all others build on the first three


def read(reports, stem):
    """Return the record of a notebook's run, {} if it has not run."""
    path = Path(reports) / f"{stem}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def note_inputs(reports, files, *, folder=None, tables=()):
    """Return what a record notes before a notebook runs: hashes of `files` and of the recordings in `folder`.

    Paths are relative to `reports`, so that a copy of the project finds its own files.
    """
    noted = {"inputs": {_seen_from(path, reports): _hash(path) for path in files}}
    if folder is None:
        return noted
    return noted | {
        "recordings": {
            "folder": _seen_from(folder, reports),
            "tables": [_seen_from(path, reports) for path in tables],
            "stamp": provenance.stamp_data(folder, *tables),
        },
        "data_sha256": provenance.hash_data(folder, *tables),
    }


def hash_results(folder):
    """Return {name: SHA-256} of the results in a notebook's folder, {} if there is no folder."""
    return {
        path.relative_to(folder).as_posix(): _hash(path)
        for path in sorted(Path(folder).rglob("*"))
        if path.suffix in KINDS and path.name[0] != "~" and path.name != NOTE and path.is_file()
    }


def statuses(reports, *, study_sha256=None):
    """Return a dict for each notebook (the paper's seven first): stem, status, why, record.

    Status: done; failed; not run; changed by hand, if its results are not what it saved; or out of date, if its inputs
    have changed, or if a notebook that it builds on ran after it or is not done. For the last two `why` says what has
    changed; it is None if only another notebook's status is the reason.
    """
    reports = Path(reports)
    beyond = sorted(path.stem for path in reports.glob("[0-9][0-9]_*.json") if path.stem not in NOTEBOOKS)
    found = {}
    for stem in NOTEBOOKS + beyond + [path.stem for path in reports.glob("explore.json")]:
        record = read(reports, stem)
        needs = [found[need] for need in NEEDS.get(stem, NOTEBOOKS[:3]) if need in found]
        status, why = _status(reports, stem, record, needs, study_sha256)
        found[stem] = {"stem": stem, "status": status, "why": why, "record": record}
    return list(found.values())


def _status(reports, stem, record, needs, study_sha256):
    """Return (status, why) of one notebook; `needs` are the entries of the notebooks that it builds on."""
    status = record.get("status", "not run")
    if status != "done" or not (reports / f"{stem}.html").is_file():
        return (status if status != "done" else "not run"), None
    old = why_old(reports, record, study_sha256=study_sha256)
    if old:
        return old
    later = [n["stem"] for n in needs if n["status"] == "done" and n["record"]["started"] > record["started"]]
    if later:
        return "out of date", f"{_list(later)} ran after it"
    return ("out of date" if any(n["status"] != "done" for n in needs) else "done"), None


def why_lines(entries):
    """Return a line for each reason why notebooks of `statuses` are out of date or changed by hand."""
    found = {}
    for entry in entries:
        if entry["why"]:
            found.setdefault(f"{entry['status']}: {{}} ({entry['why']})", []).append(entry["stem"])
    return [line.replace("{}", ", ".join(stems), 1) for line, stems in found.items()]


def why_old(reports, record, *, study_sha256=None):
    """Return (status, reason) of a report that is done but out of date; None if it is up to date.

    Its results, the study file (`study_sha256`), its other inputs and the recordings are compared. Recordings are read
    in full only if their names, sizes or times differ. If their folder cannot be reached, they count as the same.
    """
    results = Path(reports) / "results" / record["notebook"]
    wrong = [name if (results / name).is_file() else f"{name} is gone" for name in changed_results(reports, record)]
    if wrong:
        return "changed by hand", f"changed since it saved them: {_list(wrong)}"
    if study_sha256 not in (None, record["study_sha256"]):
        return "out of date", f"{record['study_file']} has changed"
    inputs = record.get("inputs", {})
    wrong = [name for name, was in inputs.items() if _hash(Path(reports) / name) != was]
    if wrong:
        return "out of date", f"{_list(Path(name).name for name in wrong)} changed"
    if recordings_differ(reports, record):
        return "out of date", "the recordings have changed"
    return None


def changed_results(reports, record):
    """Name the results that differ from what a notebook's last complete run saved, or are gone."""
    now, was = hash_results(Path(reports) / "results" / record["notebook"]), record.get("results", {})
    return [name for name in was if now.get(name) != was[name]]


def recordings_differ(reports, record):
    """Tell whether a recording or a table of trials was replaced, added or deleted since a notebook read them."""
    if "recordings" not in record:
        return False
    noted = record["recordings"]
    folder, tables = Path(reports) / noted["folder"], [Path(reports) / name for name in noted["tables"]]
    if not folder.is_dir() or provenance.stamp_data(folder, *tables) == noted["stamp"]:
        return False
    return provenance.hash_data(folder, *tables) != record["data_sha256"]


def _list(names, most=3):
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _hash(path):
    """Return the SHA-256 of a file, None if there is none."""
    if not Path(path).is_file():
        return None
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _seen_from(path, reports):
    """Write a path relative to the reports; on another drive of a Windows machine as it is."""
    try:
        return Path(os.path.relpath(path, reports)).as_posix()
    except ValueError:
        return Path(path).resolve().as_posix()
