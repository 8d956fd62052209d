"""Read and check what a person typed: the study file and the published numbers.

In: a YAML file in params/. It has a section `study` and a section for each notebook. A section `laboratory` describes
virtual recordings, a section `fetch` public ones. `study.schema` lists the keys of each section. Out: a Study.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import yaml

from grfkit.points import POINTS
from grfkit.study.schema import BLANK, TABLES, Laboratory, Preprocessing, StudyError, StudyFile, check


@dataclass(frozen=True)
class Study:
    """A study file that passed every check. `sections` maps the stem of a notebook to its parameters."""

    path: Path
    name: str
    seed: int
    data: str | None
    laboratory: Laboratory | None
    sections: dict
    sha256: str
    fetch: dict | None = None


def load(path):
    """Read a study file and check all of it, before the first cell runs (our choice).

    Raises StudyError if the file is missing, is not YAML, has blanks or breaks the schema.
    """
    path = Path(path)
    content = read_yaml(path, "study")
    blanks = list(_blanks(content))
    if blanks:
        raise StudyError(
            f'A study file may have no blanks ("{BLANK}"); {path} has {len(blanks)}: {", ".join(blanks)}. Fill them '
            "in: the comment next to each says what belongs there."
        )
    checked = check(path, content, StudyFile)
    sections = checked.model_dump(by_alias=True, exclude={"study", "laboratory", "fetch"})
    _check_points(path, sections["01_preprocess"])
    if checked.study.data == "recordings" and checked.laboratory is None:
        raise StudyError(
            f"{path}: `data: recordings` means recordings of the virtual laboratory, which the section `laboratory` "
            "describes; there is no section `laboratory`. Add it, or write `data: null` and give DATA=DIR."
        )
    sha256, fetch = hashlib.sha256(path.read_bytes()).hexdigest(), checked.fetch and checked.fetch.model_dump()
    return Study(
        path, **dict(checked.study), laboratory=checked.laboratory, sections=sections, sha256=sha256, fetch=fetch
    )


def preprocessing(path):
    """Read the section 01_preprocess of a study file: Preprocessing.

    Its `table` is a path if the table of trials lies next to the study file.
    """
    study = load(path)
    section = study.sections["01_preprocess"]
    return Preprocessing.of(section | {"table": str(table_beside(study) or section["table"])})


def layout_sha256(section):
    """Return the SHA-256 of how a study's Preprocessing finds the 11 points: it identifies a laboratory's markers."""
    found_by = section.model_dump(include={"points", "theia", "clusters"})
    return hashlib.sha256(json.dumps(found_by, sort_keys=True).encode()).hexdigest()


def table_beside(study):
    """Return the path of a table of trials next to the study file, or None if the data folder holds the table.

    Raises StudyError if the study names a table that does not exist.
    """
    name = study.sections.get("01_preprocess", {}).get("table")
    if name is None or name in TABLES:
        return None
    path = Path(study.path).parent / name
    if not path.is_file():
        raise StudyError(
            f"{study.path} names the table of trials {name}, which must lie next to it; {path} does not exist. "
            "Create it (`make new-study` writes one), or write `table: trials.csv` for the one in the data folder."
        )
    return path


def published(path):
    """Read the paper's tables: {table: {row: {column: number}}} (Zhou 2025, Tables 1-3)."""
    return read_yaml(Path(path), "file of published numbers")


def read_yaml(path, kind):
    """Read a YAML file of keys and values. Raises StudyError, which calls the file by its `kind`, for any other."""
    if not path.is_file():
        names = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml") if p.stem != "published")) or "none"
        raise StudyError(f"A {kind} is a YAML file; {path} does not exist. Choose one of {path.parent}: {names}.")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise StudyError(f"A {kind} is a YAML file; {path} cannot be read as YAML. Correct this: {error}") from None
    if not isinstance(content, dict):
        raise StudyError(
            f"A {kind} has keys and values (`study:`, `about:`, ...); {path} has none. "
            "Start from a copy of another one."
        )
    return content


def _blanks(content, key=""):
    """Yield the keys whose value is blank."""
    if content == BLANK:
        yield key
    elif isinstance(content, dict | list):
        for name, value in content.items() if isinstance(content, dict) else enumerate(content):
            yield from _blanks(value, f"{key}.{name}" if key else str(name))


def _check_points(path, section):
    """Check that all 11 points come from exactly one source: markers, Theia3D or clusters."""
    named, clusters = section["points"], section["clusters"]
    sources = [name for name in ("points", "theia", "clusters") if section[name] or section[name] == {}]
    if len(sources) != 1:
        raise StudyError(
            f"{path}: 01_preprocess needs exactly one of `points`, `theia` and `clusters`; found "
            f"{' and '.join(sources) or 'none'}. "
            "Write `points: null`, `theia: false` or `clusters: null` for those that you do not use."
        )
    if section["treadmill"] and section["forward"] == "found":
        raise StudyError(
            f"{path}: `forward: found` follows the path of the pelvis, but on a treadmill the pelvis stays in place. "
            'Name the axis of running, such as `forward: "+x"`.'
        )
    found = set(POINTS if section["theia"] else clusters["landmarks"] if named is None else named)
    if found != set(POINTS):
        raise StudyError(
            f"{path}: 01_preprocess must say where all 11 points come from; "
            f"missing: {sorted(set(POINTS) - found)}, unknown: {sorted(found - set(POINTS))}. Add or rename them."
        )
    if clusters is not None:
        _check_clusters(path, **clusters)


def _check_clusters(path, *, segments, landmarks, **_):
    """Check that only hips have a regression, and that every landmark's segment has markers."""
    wrong = [name for name, landmark in landmarks.items() if landmark["regression"] and not name.endswith("_hip")]
    if wrong:
        raise StudyError(
            f"{path}: only a hip joint centre can come from a regression; found one for {', '.join(wrong)}. "
            "Name the markers of the static trial instead."
        )
    missing = sorted({landmark["segment"] for landmark in landmarks.values()} - set(segments))
    if missing:
        raise StudyError(
            f"{path}: the segment of each landmark needs markers; 01_preprocess.clusters.landmarks names segments "
            f"without markers: {missing}. Add them to `segments`."
        )
