"""Read and check what a person typed: the study file, the published numbers and the table of trials.

A study is one YAML file (params/): a section `study`, a section for each notebook and, where the recordings are
virtual, a section `laboratory`. Reading is strict: an unknown key, a missing key or a wrong type is an error that
names the key, what was found and what is allowed.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
import pydantic
import yaml
from pydantic import Field

from grfkit import POINTS

TRIAL_COLUMNS = ["file", "runner", "mass_kg", "height_m", "sex", "speed_m_s", "shoe", "lap", "trial", "static"]
LIMITS = {"mass_kg": (20, 250), "height_m": (1.0, 2.5), "speed_m_s": (0.5, 12)}  # what a runner can be: our choice


class StudyError(ValueError):
    """What was typed breaks a rule; the message says which, what was found and what to do."""


class Section(pydantic.BaseModel):
    """A section of the study file: every key must be known, present and of its type."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True)


Axis = Literal["+x", "-x", "+y", "-y", "+z", "-z"]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
NotNegative = Annotated[int, Field(ge=0)]
VLR = Literal["touchdown_to_13", "20_to_80"]
Range = Annotated[list[float], Field(min_length=2, max_length=2)]


class General(Section):
    name: str
    seed: NotNegative
    data: str | None


class Laboratory(Section):
    men: NotNegative
    women: NotNegative
    shoes: Count
    laps: Count
    trials: Count
    camera_hz: Count
    plate_hz: Count
    joint_bias_m: Annotated[float, Field(ge=0)]
    joint_jitter_m: Annotated[float, Field(ge=0)]
    camera_cutoff_hz: Positive
    plate_noise_n: Annotated[float, Field(ge=0)]
    plate_drift_n: Annotated[float, Field(ge=0)]
    crosstalk: Annotated[float, Field(ge=0, lt=1)]
    wrong_person_trials: NotNegative
    missed_plate_steps: NotNegative
    lost_frame_trials: NotNegative


class Landmark(Section):
    segment: str
    markers: list[str] | None = None
    regression: Literal["harrington2007"] | None = None


class Clusters(Section):
    segments: dict[str, Annotated[list[str], Field(min_length=3)]]
    pelvis_markers: dict[Literal["l_asis", "r_asis", "l_psis", "r_psis"], str]
    landmarks: dict[str, Landmark]
    max_residual_m: Positive


class Checks(Section):
    stance_s: Range
    min_peak_bw: Positive
    max_gap_s: Positive
    max_speed_m_s: Positive
    segment_change: Share
    foot_distance_m: Positive
    plate_margin_m: Annotated[float, Field(ge=0)]


class Preprocess(Section):
    table: Literal["trials.csv", "rbds"]
    forward: Axis
    up: Axis
    treadmill: bool
    points: dict[str, str] | None
    clusters: Clusters | None
    speed_m_s: Range
    force_cutoff_hz: Positive | None
    points_cutoff_hz: Positive | None
    contact_threshold_n: Positive
    padding_s: Positive
    checks: Checks
    test_runners: list[str] | None
    n_test_runners: Count
    test_shoes: Count | None
    test_laps: Count | None
    vlr: VLR


class Search(Section):
    frames_per_step: Count
    folds: Annotated[int, Field(ge=2)]
    trials: Count
    epochs: Count
    layers: Annotated[list[int], Field(min_length=2, max_length=2)]
    units: Annotated[list[int], Field(min_length=2, max_length=2)]
    dropout: Range
    learning_rate: Range
    batch_size: Annotated[list[int], Field(min_length=1)]


class Train(Section):
    epochs: Count


class Table2(Section):
    vlr: VLR


class Figure4(Section):
    alpha: Share
    nodes: Annotated[int, Field(ge=10)]


class Generalisation(Search):
    train_epochs: Count
    test_sets: Count
    runners_per_set: Count


class Nothing(Section):
    pass


class StudyFile(Section):
    study: General
    laboratory: Laboratory | None = None
    preprocess: Preprocess = Field(alias="01_preprocess")
    search: Search = Field(alias="02_search")
    train: Train = Field(alias="03_train")
    table1: Nothing = Field(alias="04_table1")
    table2: Table2 = Field(alias="05_table2")
    table3: Nothing = Field(alias="06_table3")
    figure4: Figure4 = Field(alias="07_figure4")
    generalisation: Generalisation = Field(alias="08_generalisation")


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


def load(path):
    """Read a study file and check it (our choice: strict, before the first cell runs).

    Raises StudyError where the file is missing, is not YAML, or breaks the schema.
    """
    path = Path(path)
    content = _mapping(path)
    try:
        checked = StudyFile.model_validate(content).model_dump(by_alias=True)
    except pydantic.ValidationError as error:
        raise StudyError(_explain(path, error)) from None
    _check_points(path, checked["01_preprocess"])
    general, laboratory = checked.pop("study"), checked.pop("laboratory")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return Study(path, general["name"], general["seed"], general["data"], laboratory, checked, sha256)


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


def _explain(path, error):
    """Say each broken rule in one line: key, what was found, what is allowed."""
    lines = []
    for item in error.errors():
        key = ".".join(str(part) for part in item["loc"])
        found, kind = item["input"], item["type"]
        if kind == "extra_forbidden":
            lines.append(f"  {key}: unknown key. Known here: {', '.join(_keys(item['loc'][:-1]))}.")
        elif kind == "missing":
            lines.append(f"  {key}: missing. Add it; params/virtual.yaml shows an example.")
        else:
            hint = ""
            if isinstance(found, str) and _is_number(found):
                hint = " YAML read it as text: write 1e-3 as 1.0e-3, and no quotes."
            lines.append(f"  {key}: found {found!r}; {item['msg'][0].lower()}{item['msg'][1:]}.{hint}")
    return f"The study file {path} breaks {len(lines)} rule(s):\n" + "\n".join(lines)


def _keys(location):
    """List the keys that the section at `location` may hold."""
    model = StudyFile
    for part in location:
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        options = getattr(fields[part].annotation, "__args__", None) or [fields[part].annotation]
        model = next(option for option in options if isinstance(option, type) and issubclass(option, Section))
    return [field.alias or name for name, field in model.model_fields.items()]


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_points(path, section):
    """Check that the 11 points come from markers or from clusters, from one of the two, and wholly."""
    named, clusters = section["points"], section["clusters"]
    if (named is None) == (clusters is None):
        raise StudyError(f"{path}: 01_preprocess needs `points` or `clusters`, and null for the other one; "
                         f"found {'neither' if named is None else 'both'}.")
    found = set(named if named is not None else clusters["landmarks"])
    if found != set(POINTS):
        raise StudyError(f"{path}: 01_preprocess must say where all 11 points come from; "
                         f"missing: {sorted(set(POINTS) - found)}, unknown: {sorted(found - set(POINTS))}.")
    if clusters is not None:
        carriers = {landmark["segment"] for landmark in clusters["landmarks"].values()}
        if not carriers <= set(clusters["segments"]):
            raise StudyError(f"{path}: 01_preprocess.clusters.landmarks names segments without markers: "
                             f"{sorted(carriers - set(clusters['segments']))}. Add them to `segments`.")


def read_trials(folder, *, table):
    """Read the table of trials of a folder of recordings.

    Returns a DataFrame with TRIAL_COLUMNS, a row for each running C3D file. `table` is "trials.csv" (the folder's own
    file) or "rbds" (derived from the public set's participantInfo.csv). Raises StudyError for a missing folder,
    file, column or value, and for a mass, height or speed that no runner has.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise StudyError(f"The recordings lie in a folder; {folder} does not exist. Give it with DATA=DIR.")
    trials = _rbds_trials(folder) if table == "rbds" else _csv(folder / "trials.csv", TRIAL_COLUMNS)
    if trials.empty:
        raise StudyError(f"A study needs recordings; found none in {folder}. Give their folder with DATA=DIR.")
    for column, (low, high) in LIMITS.items():
        values = pd.to_numeric(trials[column], errors="coerce")
        bad = trials[~values.between(low, high)]
        if len(bad):
            row = bad.iloc[0]
            raise StudyError(f"{column} must be a number from {low} to {high}; found {row[column]!r} for {row['file']} "
                             f"({len(bad)} row(s)). Correct it in the table of trials of {folder}.")
        trials[column] = values.astype(float)
    if trials["file"].duplicated().any():
        raise StudyError(f"Each C3D file has one row; {trials['file'][trials['file'].duplicated()].iloc[0]} has several "
                         f"in the table of trials of {folder}. Delete the others.")
    files = {*trials["file"], *trials["static"]} - {""}
    absent = sorted(name for name in files if not (folder / name).is_file())
    if absent:
        raise StudyError(f"Each file of the table of trials must exist; {len(absent)} of {len(files)} do not: "
                         f"{', '.join(absent[:3])}. Put them into {folder} or delete their rows.")
    return trials


def _csv(path, columns):
    """Read a CSV file as text and check that it has these columns."""
    if not path.is_file():
        raise StudyError(f"A folder of recordings holds {path.name}; {path.parent} does not. "
                         f"Write it with the columns {', '.join(columns)}.")
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    absent = [column for column in columns if column not in frame]
    if absent:
        raise StudyError(f"{path.name} needs the columns {', '.join(columns)}; {path} lacks {', '.join(absent)}. "
                         f"Found: {', '.join(frame.columns)}.")
    return frame


def _rbds_trials(folder):
    """Derive the table of trials of the public set (Fukuchi 2017): runners, masses, three belt speeds, a static trial."""
    people = _csv(folder / "participantInfo.csv", ["FileName", "Height", "Mass", "Gender"])
    people = people[people["FileName"].str.endswith("static.c3d")]
    rows = []
    for person in people.itertuples():
        runner = person.FileName.removesuffix("static.c3d")
        for path in sorted((folder / runner).glob(f"{runner}runT*.c3d")):
            rows.append({"file": f"{runner}/{path.name}", "runner": runner.removeprefix("RBDS"), "mass_kg": person.Mass,
                         "height_m": float(person.Height) / 100, "sex": person.Gender,
                         "speed_m_s": int(path.stem[-2:]) / 10, "shoe": "own", "lap": "0", "trial": "1",
                         "static": f"{runner}/{person.FileName}"})
    return pd.DataFrame(rows, columns=TRIAL_COLUMNS)
