"""Results of a notebook that someone runs by hand (Run All): with which parameters and from which results.

In: reports/by_hand/STUDY/results, and the values in the running notebook. Out: a parameters.json next to each
notebook's results, lines about it, and an error where results do not belong together.
"""

import hashlib
import json
import sys
import textwrap
from datetime import datetime
from functools import cache
from pathlib import Path

from grfkit.study import record
from grfkit.study.record import BY_HAND, NEEDS, NOTE, NOTEBOOKS

GIVEN = ("seed", "study", "data", "recipe")  # parameters besides those of a notebook's section of the study
LONGEST = 300  # characters of parameters in one line: our choice


def is_by_hand(results):
    """Tell whether a folder of results holds those that a study's notebooks saved by hand."""
    return Path(results).parent.parent.name == BY_HAND


def find(results, name):
    """Return the path from which a result is read: by hand if its notebook was run by hand. It need not exist."""
    results, notebook = Path(results), name.split("/")[0]
    if is_by_hand(results) and not (results / notebook).exists():
        results = _published(results) / results.name
    return results / name


def note(results, name):
    """Note parameters and inputs of a result that was just saved by hand; print them once a run."""
    from grfkit.study.store import write_text  # which calls this function

    notebook, file = name.split("/", 1)
    folder = Path(results) / notebook
    made = {"parameters": values_of(notebook, running()), "made_of": _made_of(results, notebook)}
    was = read_note(folder) or {}
    files = was.get("files", []) if {key: was.get(key) for key in made} == made else []
    if not files or file in files:  # a run begins
        files = []
        print(f"Saved by hand in {folder.as_posix()}, {with_words(folder, made)}")
    made |= {"saved": datetime.now().isoformat(timespec="seconds"), "files": [*files, file]}
    write_text(folder / NOTE, json.dumps(made, indent=1))


def running():
    """Return {name: value} of the variables of the running notebook."""
    return vars(sys.modules["__main__"])


def values_of(notebook, names):
    """Return {parameter: value} of a notebook, chosen from its variables `names` {name: value}."""
    from grfkit.study.schema import StudyFile  # it loads pydantic

    sections = {field.alias: field.annotation for field in StudyFile.model_fields.values() if field.alias}
    section = getattr(sections.get(notebook), "model_fields", {})
    found = {}
    for name in (*GIVEN, *(field.alias or name for name, field in section.items())):
        try:
            found |= {name: json.loads(json.dumps(names[name]))} if name in names else {}
        except (TypeError, ValueError):  # a cell used the name for something else
            pass
    return found


def read_note(folder):
    """Return the note next to the results of a notebook by hand; None if there is none."""
    try:
        return json.loads((Path(folder) / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def with_words(folder, made):
    """Say with which parameters a notebook ran by hand: those that differ from the published run, or else all."""
    folder = Path(folder)
    published = record.read(_published(folder.parent), folder.name).get("parameters")
    values = made["parameters"]
    if published is not None:
        values = {name: value for name, value in values.items() if published.get(name, value) != value}
        if not values:
            return "with the published parameters"
    words = [
        f"{name} = {value!r}" + (f" (published: {published[name]!r})" if published else "")
        for name, value in values.items()
    ]
    return textwrap.shorten(f"with {', '.join(words) or 'no parameters'}", LONGEST, placeholder=" ...")


def say(found):
    """Print that a result saved by hand is read, when it was saved and with which parameters."""
    folder = found.parent
    made = read_note(folder)
    when = f"{datetime.fromisoformat(made['saved']):%d %b %Y at %H:%M}"
    print(f"{folder.name}/{found.name} is the one saved by hand on {when}, {with_words(folder, made)}")


def check(results, name):
    """Check that a result belongs to the results that are read with it, and to the files next to it.

    Published results are not checked here, because make does so. Raises ValueError.
    """
    notebook, file = name.split("/", 1)
    found = find(results, notebook)
    made = read_note(found) if is_by_hand(found.parent) else None
    instead = f"Run {notebook} by hand, or delete {Path(results).as_posix()} to read the published results."
    if is_by_hand(found.parent) and file not in (made or {"files": []})["files"]:
        what = (
            f"with other parameters, or from other results, than {NOTE} next to it says"
            if made
            else f"without a {NOTE}"
        )
        raise ValueError(
            f"Results that are read together must come from one run, which notes its parameters in {NOTE}; "
            f"{found.as_posix()}/{file} was saved {what}. {instead}"
        )
    for need in NEEDS.get(notebook, NOTEBOOKS[:3]):
        used = find(results, need)
        one_by_hand = is_by_hand(found.parent) or is_by_hand(used.parent)
        if one_by_hand and not was_made_of(results, notebook, need):
            raise ValueError(
                f"Results that are read together must fit each other; {found.as_posix()} was made from another {need} "
                f"than {used.as_posix()}. {instead}"
            )


def was_made_of(results, notebook, need):
    """Tell whether a notebook's results were made from the results of `need` that are read now."""
    made, used = find(results, notebook), find(results, need)
    if is_by_hand(made.parent):
        return (read_note(made) or {"made_of": {}})["made_of"].get(need) == _digest(used)
    started = [record.read(folder.parents[1], folder.name).get("started", "") for folder in (made, used)]
    return not is_by_hand(used.parent) and started[0] >= started[1]


def lines(reports):
    """Return a line for each notebook of `reports` that also has results saved by hand."""
    results = Path(reports).parent / BY_HAND / Path(reports).name / "results"
    found = []
    for folder in sorted(path for path in results.glob("*") if path.is_dir()):
        made = read_note(folder)
        others = [
            need
            for need in NEEDS.get(folder.name, NOTEBOOKS[:3])
            if made and not was_made_of(results, folder.name, need)
        ]
        said = with_words(folder, made) if made else "with unknown parameters"
        found.append(
            f"{folder.name}, {said}" + (f"; made from another {', '.join(others)} than the current one" * bool(others))
        )
    return found


def _published(results):
    """Return the folder of published reports of the study that these results by hand belong to."""
    return Path(results).parents[2] / Path(results).parent.name


def _made_of(results, notebook):
    return {need: _digest(find(results, need)) for need in NEEDS.get(notebook, NOTEBOOKS[:3])}


def _digest(folder):
    """Return one SHA-256 of all results of a notebook."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return _hash(folder, *((path, path.stat().st_size, path.stat().st_mtime_ns) for path in files))


@cache  # the arguments change with the files: a notebook saves and reads many times
def _hash(folder, *_):
    return hashlib.sha256(json.dumps(record.hash_results(folder)).encode()).hexdigest()
