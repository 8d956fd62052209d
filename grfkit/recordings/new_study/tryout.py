"""Try to read the recordings of a new study as its study file says, so that faults show before 01 runs.

In: the text of a study file and the rows of its table of trials. Out: texts that say which files cannot be used, and
why.
"""

import json
from types import SimpleNamespace

import yaml

from grfkit.points import Excluded
from grfkit.recordings.read import load_trial, why_unread
from grfkit.study.schema import BLANK, Preprocessing


def faults(text, rows, folder):
    """Read each file of the rows in `folder` as the study file `text` says: a list of texts, one for each fault.

    Nothing is read while the section 01_preprocess has blanks. A file whose static trial is not known is not read.
    """
    section = yaml.safe_load(text)["01_preprocess"]
    if BLANK in json.dumps(section):
        return []
    settings, statics, files = Preprocessing.of(section), {}, {}
    for row in (row for row in rows if row["static"] or not settings.clusters):
        try:
            forces = {"forces": row.get("forces", ""), "forces_start_s": float("nan")}
            load_trial(SimpleNamespace(file=row["file"], static=row["static"], **forces), folder, statics, settings)
        except Excluded as reason:
            files.setdefault(str(reason), []).append(row["file"])
        except Exception as error:  # a damaged file can fail anywhere; the others are read all the same
            files.setdefault(why_unread(error), []).append(row["file"])
    count = sum(len(names) for names in files.values())
    found = [
        f"{names[0]}{f' and {len(names) - 1} more' * (len(names) > 1)} cannot be used: {reason}"
        for reason, names in files.items()
    ]
    none = ", so `make reproduce` would stop at 01" * (count == len(rows))
    return found + [f"{count} of {len(rows)} recordings cannot be used{none}"] * bool(count)
