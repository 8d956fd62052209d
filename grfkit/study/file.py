"""Read and check what a person typed: the study file and the published numbers.

A study is one YAML file (params/): a section `study`, a section for each notebook and, where the recordings are
virtual, a section `laboratory`, or, where they are public, a section `fetch`. Reading is strict: an unknown key, a missing
key or a wrong type is an error that names the key, what was found and what is allowed.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

import pydantic
import yaml
from pydantic import Field

from grfkit.points import POINTS


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
VLR = Literal["touchdown_to_13", "20_to_80", "first_25_ms"]


BLANK = "?"  # what `make new-study` writes where only a person can know
TABLES = (
    "trials.csv",
    "rbds",
)  # the table of the data folder, and the one derived from the public set's; else a file beside the study


def _table(name):
    if name not in TABLES and not re.fullmatch(r"[^/\\:]+\.csv", name):
        raise ValueError(
            "it is trials.csv (in the data folder), rbds, or the name of another .csv file beside the study file"
        )
    return name


def _ordered(limits):
    if limits[0] > limits[1]:
        raise ValueError("the lower limit comes first")
    return limits


def span(kind):
    """Give the type of two limits [lower, upper] of a kind of number."""
    return Annotated[list[kind], Field(min_length=2, max_length=2), pydantic.AfterValidator(_ordered)]


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
    stuck_force_trials: NotNegative
    unsynchronised_trials: NotNegative
    wrong_mass_trials: NotNegative
    wrong_speed_trials: NotNegative


class Fetch(Section):
    url: Annotated[str, Field(pattern=r"^https?://")]
    sums: str
    tables: dict[str, Annotated[list[str], Field(min_length=1)]] = {}


class Landmark(Section):
    segment: str
    markers: Annotated[list[str], Field(min_length=1)] | None = None
    regression: Literal["harrington2007", "bell1990"] | None = None

    @pydantic.model_validator(mode="after")
    def _one_source(self):
        if (self.markers is None) == (self.regression is None):
            raise ValueError("a landmark has either markers or a regression")
        return self


class Spines(Section):
    l_asis: str
    r_asis: str
    l_psis: str
    r_psis: str


class Clusters(Section):
    segments: dict[str, Annotated[list[str], Field(min_length=3)]]
    pelvis_markers: Spines
    landmarks: dict[str, Landmark]
    max_residual_m: Positive


class Checks(Section):
    stance_s: span(Positive)
    min_peak_bw: Positive
    max_gap_s: Positive
    missing_share: Share
    unloaded_s: Positive
    lag_s: Positive
    mass_off: Share
    speed_off: Share
    max_speed_m_s: Positive
    segment_change: Share
    foot_distance_m: Positive
    beyond_plate_m: Annotated[float, Field(ge=0)]
    other_foot_m: Positive


class Preprocess(Section):
    table: Annotated[str, pydantic.AfterValidator(_table)]
    forward: Axis | Literal["found"]
    up: Axis
    plates: Annotated[list[Count], Field(min_length=1)] | None
    treadmill: bool
    points: dict[str, str | Annotated[list[str], Field(min_length=1)]] | None
    theia: bool
    clusters: Clusters | None
    speed_m_s: span(Positive)
    other_speeds_m_s: span(Positive) | None
    body_weight: Literal["listed", "weighed"]
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
    layers: span(Count)
    units: span(Count)
    dropout: span(Annotated[float, Field(ge=0, lt=1)])
    learning_rate: span(Positive)
    batch_size: Annotated[list[Count], Field(min_length=1)]


class Train(Section):
    epochs: Count
    patience: Count | None


class Table2(Section):
    vlr: VLR


class Figure4(Section):
    alpha: Share
    nodes: Annotated[int, Field(ge=10)]


class Network(Section):
    layers: Count
    units: Count
    dropout: Annotated[float, Field(ge=0, lt=1)]
    learning_rate: Positive
    batch_size: Count
    epochs: Count


class Generalisation(Section):
    compared: Annotated[list[str], Field(min_length=1)]
    ensemble: list[str]
    frames_per_step: Count
    network: Network
    examined: str
    training_runners: Annotated[list[Count], Field(min_length=1)]
    draws: Count
    vlr: VLR


class FeatureBounds(Section):
    propulsive_peak_bw: Positive
    braking_peak_bw: Positive
    impact_peak_bw: Positive
    active_peak_bw: Positive
    vlr_bw_s: Positive


class CurveBounds(Section):
    AP: Positive
    ML: Positive
    V: Positive


class Agreement(Figure4):
    estimator: str
    vlr: VLR
    feature_bounds_pct: FeatureBounds
    curve_bounds_pct: CurveBounds


class Explanation(Section):
    examined: str
    repeats: Count
    window_pct: Literal[5, 10, 20, 25]


class Scales(Section):
    positions_m: Positive
    velocities_m_s: Positive
    accelerations_m_s2: Positive
    noise: Positive


class Degraded(Section):
    noise: Annotated[list[Positive], Field(min_length=1)]
    bias: Annotated[list[Positive], Field(min_length=1)]
    rate: Annotated[list[Positive], Field(min_length=1)]
    missing: Annotated[list[Share], Field(min_length=1)]


class About(Section):
    data: Annotated[str, Field(min_length=1)]
    licence: Annotated[str, Field(min_length=1)]
    citation: Annotated[str, Field(min_length=1)]


class InTheField(Section):
    examined: str
    points_cutoff_hz: Positive | None
    other_cutoffs_hz: Annotated[list[Positive], Field(max_length=2)]
    detector: Scales
    every: Count
    level: Share
    degraded: Degraded
    seconds: Positive
    vlr: VLR
    about: About


class KernelScales(Section):
    positions_m: Positive
    velocities_m_s: Positive
    accelerations_m_s2: Positive
    recency_s: Positive


class Streaming(Section):
    window_s: Positive
    nodes: Annotated[int, Field(ge=2)]
    knots: Annotated[int, Field(ge=2)]
    cutoff_hz: Positive
    lags_s: Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=1)]
    scales: KernelScales
    features: Count
    noise: Positive
    every: Count
    vlr: VLR


class Nothing(Section):
    pass


class StudyFile(Section):
    study: General
    laboratory: Laboratory | None = None
    fetch: Fetch | None = None
    preprocess: Preprocess = Field(alias="01_preprocess")
    search: Search = Field(alias="02_search")
    train: Train = Field(alias="03_train")
    table1: Nothing = Field(alias="04_table1")
    table2: Table2 = Field(alias="05_table2")
    table3: Nothing = Field(alias="06_table3")
    figure4: Figure4 = Field(alias="07_figure4")
    generalisation: Generalisation = Field(alias="08_generalisation")
    agreement: Agreement = Field(alias="09_agreement")
    field: InTheField = Field(alias="10_field")
    explanation: Explanation = Field(alias="11_explanation")
    stream: Streaming = Field(alias="12_stream")
    moments: Nothing = Field(alias="13_moments")


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


def explain(path, error, model):
    """Say each rule of a schema that a file broke, in one line each: key, what was found, what is allowed."""
    lines = []
    for item in error.errors():
        key = ".".join(str(part) for part in item["loc"])
        found, kind = item["input"], item["type"]
        if kind == "extra_forbidden":
            lines.append(f"  {key}: unknown key. Known here: {', '.join(_keys(item['loc'][:-1], model))}.")
        elif kind == "missing":
            lines.append(f"  {key}: missing. Add it; params/virtual.yaml shows an example.")
        else:
            hint = ""
            if isinstance(found, str) and _is_number(found):
                hint = " YAML read it as text: write 1e-3 as 1.0e-3, and no quotes."
            lines.append(f"  {key}: found {found!r}; {item['msg'][0].lower()}{item['msg'][1:]}.{hint}")
    return f"{path} breaks {len(lines)} rule(s):\n" + "\n".join(lines)


def _keys(location, model):
    """List the keys that the section at `location` of a file of this schema may hold."""
    for part in location:
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        if part not in fields:  # the name of a landmark or of a segment: the section is that of the value
            continue
        options = [fields[part].annotation, *get_args(fields[part].annotation)]
        model = next((option for option in options if isinstance(option, type) and issubclass(option, Section)), model)
    return [field.alias or name for name, field in model.model_fields.items()]


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


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
