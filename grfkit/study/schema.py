"""The sections of a study file: which keys each must hold, of which type and within which limits.

In: the content of a YAML file. Out: pydantic models that take it or refuse it. Reading is strict: an unknown key, a missing key
or a wrong type is an error, and `explain` names the key, what was found and what is allowed.
"""

import re
from typing import Annotated, Literal, get_args

import pydantic
from pydantic import Field


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
