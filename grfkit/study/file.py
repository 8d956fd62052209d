"""Read and check what a person typed: the study file and the published numbers.

A study is one YAML file (params/): a section `study`, a section for each notebook and, where the recordings are virtual, a
section `laboratory`, or, where they are public, a section `fetch`. `study.schema` says what each section holds.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pydantic
import yaml

from grfkit.points import POINTS
from grfkit.study.schema import BLANK, TABLES, StudyError, StudyFile, explain


@dataclass(frozen=True)
class Study:
    """A study file that passed every check; `sections` maps a notebook's stem to its parameters."""

    path: Path
    name: str
    seed: int
    data: str | None
    laboratory: dict | None
    sections: dict
    sha256: str
    fetch: dict | None = None


def load(path):
    """Read a study file and check it (our choice: strict, before the first cell runs).

    Raises StudyError where the file is missing, is not YAML, or breaks the schema.
    """
    path = Path(path)
    content = _mapping(path)
    blanks = list(_blanks(content))
    if blanks:
        raise StudyError(
            f"A study file has no blanks; {path} has {len(blanks)} ({BLANK}): {', '.join(blanks)}. Fill them in: "
            "the comment beside each says what is meant."
        )
    try:
        checked = StudyFile.model_validate(content).model_dump(by_alias=True)
    except pydantic.ValidationError as error:
        raise StudyError(explain(path, error, StudyFile)) from None
    _check_points(path, checked["01_preprocess"])
    if checked["study"]["data"] == "recordings" and checked["laboratory"] is None:
        raise StudyError(
            f"{path}: study.data is `recordings`, what the virtual laboratory records; there is no section "
            "`laboratory`. Add it, or write `data: null` and give DATA=DIR."
        )
    general, laboratory, fetch = (checked.pop(key) for key in ("study", "laboratory", "fetch"))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return Study(path, general["name"], general["seed"], general["data"], laboratory, checked, sha256, fetch)


def preprocessing(path):
    """Read the section 01_preprocess of a study file for reading its recordings again: the table of trials as a path where it lies beside the file."""
    study = load(path)
    beside = table_beside(study)
    return study.sections["01_preprocess"] | ({"table": beside} if beside else {})


def table_beside(study):
    """Give the path of a Study's table of trials that lies beside the study file; None where the data folder holds it."""
    name = study.sections.get("01_preprocess", {}).get("table")
    if name is None or name in TABLES:
        return None
    path = Path(study.path).parent / name
    if not path.is_file():
        raise StudyError(
            f"{study.path} names the table of trials {name}, which lies beside it; {path} does not exist. Write it "
            "(make new-study makes one), or name `trials.csv` in the data folder."
        )
    return path


def published(path):
    """Read the paper's tables: {table: {row: {column: number}}} (Zhou 2025, Tables 1-3)."""
    return _mapping(Path(path))


def _mapping(path):
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml") if p.stem != "published")) or "none"
        raise StudyError(f"A study is a YAML file; {path} does not exist. Studies in {path.parent}: {known}.")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise StudyError(f"A study is a YAML file; {path} cannot be read as YAML: {error}") from None
    if not isinstance(content, dict):
        raise StudyError(f"A study file holds sections (`study:`, `01_preprocess:`, ...); {path} holds none.")
    return content


def _blanks(content, key=""):
    """Find the keys of a study's content whose value is blank."""
    if content == BLANK:
        yield key
    elif isinstance(content, dict | list):
        for name, value in content.items() if isinstance(content, dict) else enumerate(content):
            yield from _blanks(value, f"{key}.{name}" if key else str(name))


def _check_points(path, section):
    """Check that the 11 points come from markers, from Theia3D or from clusters, from one of them, and wholly."""
    named, clusters = section["points"], section["clusters"]
    sources = [name for name in ("points", "theia", "clusters") if section[name] or section[name] == {}]
    if len(sources) != 1:
        raise StudyError(
            f"{path}: 01_preprocess needs one of `points`, `theia` and `clusters`; found "
            f"{' and '.join(sources) or 'none'}. "
            "Write `points: null`, `theia: false` and `clusters: null` for those that are not meant."
        )
    if section["treadmill"] and section["forward"] == "found":
        raise StudyError(
            f"{path}: on a treadmill the pelvis stays where it is, so that `forward: found` has nothing to go by. "
            'Name the axis, such as "+x".'
        )
    if section["theia"]:
        return
    found = set(named if named is not None else clusters["landmarks"])
    if found != set(POINTS):
        raise StudyError(
            f"{path}: 01_preprocess must say where all 11 points come from; "
            f"missing: {sorted(set(POINTS) - found)}, unknown: {sorted(found - set(POINTS))}."
        )
    if clusters is not None:
        wrong = [
            point for point, mark in clusters["landmarks"].items() if mark["regression"] and not point.endswith("_hip")
        ]
        if wrong:
            raise StudyError(
                f"{path}: a regression gives a hip joint centre; found one for {', '.join(wrong)}. "
                "Name the markers of the static trial instead."
            )
        carriers = {landmark["segment"] for landmark in clusters["landmarks"].values()}
        if not carriers <= set(clusters["segments"]):
            raise StudyError(
                f"{path}: 01_preprocess.clusters.landmarks names segments without markers: "
                f"{sorted(carriers - set(clusters['segments']))}. Add them to `segments`."
            )
