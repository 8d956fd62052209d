"""Results of a notebook that someone runs by hand (Run All): what they were made with and of.

In: reports/by_hand/STUDY/results, the values in the running notebook. Out: beside each notebook's results there
parameters.json, what is said of it, and a refusal of results that do not belong together.
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
    """Say whether results are those by hand of a study."""
    return Path(results).parent.parent.name == BY_HAND


def find(results, name):
    """Return where a result is read from, whether it is there or not: by hand if its notebook was run by hand."""
    results, notebook = Path(results), name.split("/")[0]
    if is_by_hand(results) and not (results / notebook).exists():
        results = _published(results) / results.name
    return results / name


def note(results, name):
    """Note what a result that was just saved by hand was made with and of; print it once a run."""
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
    """Return {name: value} of what the cells of the notebook that runs here have set."""
    return vars(sys.modules["__main__"])


def values_of(notebook, names):
    """Return {parameter: value} of a notebook among the `names` {name: value} that its cells have set."""
    from grfkit.study.schema import StudyFile  # it loads pydantic

    sections = {field.alias: field.annotation for field in StudyFile.model_fields.values() if field.alias}
    section = getattr(sections.get(notebook), "model_fields", {})
    found = {}
    for name in (*GIVEN, *(field.alias or name for name, field in section.items())):
        try:
            found |= {name: json.loads(json.dumps(names[name]))} if name in names else {}
        except (TypeError, ValueError):  # a cell has made something else of it
            pass
    return found


def read_note(folder):
    """Return what is noted beside the results of a notebook by hand, None where there is nothing."""
    try:
        return json.loads((Path(folder) / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def with_words(folder, made):
    """Say with which parameters a notebook ran by hand: those that differ from the published run's, else all."""
    folder = Path(folder)
    published = record.read(_published(folder.parent), folder.name).get("parameters")
    values = made["parameters"]
    if published is not None:
        values = {name: value for name, value in values.items() if published.get(name, value) != value}
        if not values:
            return "with the parameters of the published ones"
    words = [
        f"{name} = {value!r}" + (f" (published: {published[name]!r})" if published else "")
        for name, value in values.items()
    ]
    return textwrap.shorten(f"with {', '.join(words) or 'no parameters'}", LONGEST, placeholder=" ...")


def say(found):
    """Print that a result by hand is read, when it was saved and with which parameters."""
    folder = found.parent
    made = read_note(folder)
    when = f"{datetime.fromisoformat(made['saved']):%d %b %Y at %H:%M}"
    print(f"{folder.name}/{found.name} is read as it was saved by hand on {when}, {with_words(folder, made)}")


def check(results, name):
    """Check that a result was made of what it would be read with, and together with what lies beside it.

    Where all that is published, that is for make to see to. Raises ValueError.
    """
    notebook, file = name.split("/", 1)
    found = find(results, notebook)
    made = read_note(found) if is_by_hand(found.parent) else None
    instead = f"Run {notebook} by hand, or delete {Path(results).as_posix()}: then the published results are read."
    if is_by_hand(found.parent) and file not in (made or {"files": []})["files"]:
        what = (
            f"with other parameters, or of other results, than {NOTE} beside it says" if made else f"without a {NOTE}"
        )
        raise ValueError(
            "Results that are read together belong together, and say with which parameters they were made; "
            f"{found.as_posix()}/{file} was saved {what}. {instead}"
        )
    for need in NEEDS.get(notebook, NOTEBOOKS[:3]):
        used = find(results, need)
        one_by_hand = is_by_hand(found.parent) or is_by_hand(used.parent)
        if one_by_hand and not was_made_of(results, notebook, need):
            raise ValueError(
                f"Results that are read together belong together; {found.as_posix()} was made of another {need} than "
                f"{used.as_posix()}. {instead}"
            )


def was_made_of(results, notebook, need):
    """Say whether a notebook's results were made of those of another one that are read now."""
    made, used = find(results, notebook), find(results, need)
    if is_by_hand(made.parent):
        return (read_note(made) or {"made_of": {}})["made_of"].get(need) == _digest(used)
    started = [record.read(folder.parents[1], folder.name).get("started", "") for folder in (made, used)]
    return not is_by_hand(used.parent) and started[0] >= started[1]


def lines(reports):
    """Return a line on each notebook whose results by hand lie beside the published ones in `reports`."""
    results = Path(reports).parent / BY_HAND / Path(reports).name / "results"
    found = []
    for folder in sorted(path for path in results.glob("*") if path.is_dir()):
        made = read_note(folder)
        others = [
            need
            for need in NEEDS.get(folder.name, NOTEBOOKS[:3])
            if made and not was_made_of(results, folder.name, need)
        ]
        said = with_words(folder, made) if made else "with parameters that nobody noted"
        found.append(
            f"{folder.name}, {said}" + (f"; made of another {', '.join(others)} than there is" if others else "")
        )
    return found


def _published(results):
    """Return the reports of the study whose results by hand these are."""
    return Path(results).parents[2] / Path(results).parent.name


def _made_of(results, notebook):
    return {need: _digest(find(results, need)) for need in NEEDS.get(notebook, NOTEBOOKS[:3])}


def _digest(folder):
    """Return the SHA-256 over all results of a notebook."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return _hash(folder, *((path, path.stat().st_size, path.stat().st_mtime_ns) for path in files))


@cache  # of files that stay as they are: a notebook saves and reads many times
def _hash(folder, *_):
    return hashlib.sha256(json.dumps(record.hash_results(folder)).encode()).hexdigest()
