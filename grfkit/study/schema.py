"""The sections of a study file: the keys of each section, with their types and limits.

In: the content of a YAML file. Out: a checked pydantic model. The check is strict: an unknown key, a missing key or a
wrong type is an error that names the key, what was found and what is allowed. The comments in params/virtual.yaml say
what each key means.
"""

import re
from typing import Annotated, ClassVar, Literal, TypeVar, get_args

import pydantic
from pydantic import Field, NonNegativeFloat

BLANK = "?"  # what `make new-study` writes where only a person knows the value
TABLES = (
    "trials.csv",
    "rbds",
)  # the table in the data folder, and the one derived from the public set; any other value is a file's name


class StudyError(ValueError):
    """A file that somebody typed breaks a rule; the message says which rule, what was found and what to do."""


class Section(pydantic.BaseModel):
    """A section of a file: every key must be known, present and of the right type. Values cannot be changed."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)
    example: ClassVar[str] = "params/virtual.yaml"


Axis = Literal["+x", "-x", "+y", "-y", "+z", "-z"]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
NotNegative = Annotated[int, Field(ge=0)]
Shrinkage = Annotated[float, Field(gt=0, allow_inf_nan=False)]
LARGEST_LATE_S = 0.05  # more, and cameras and plates were not started together: our choice, five frames at 100 Hz
Late = Annotated[float, Field(ge=-LARGEST_LATE_S, le=LARGEST_LATE_S)]
VLR = Literal["touchdown_to_13", "20_to_80", "first_25_ms"]
T = TypeVar("T")
Some = Annotated[list[T], Field(min_length=1)]


def _table(name):
    if name not in TABLES and not re.fullmatch(r"[^/\\:]+\.csv", name):
        raise ValueError(
            "a table is trials.csv (in the data folder), rbds, or the name of a .csv file next to the study file"
        )
    return name


def _odd(window):
    if window % 2 == 0:
        raise ValueError("a window must be odd, with as many LSTM steps before a step as after it")
    return window


Window = Annotated[Count, pydantic.AfterValidator(_odd)]


def _ordered(limits):
    if limits[0] > limits[1]:
        raise ValueError("the lower limit must come first")
    return limits


def span(kind):
    """Return the type of two limits [lower, upper] of a kind of number."""
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
    joint_bias_m: NonNegativeFloat
    joint_jitter_m: NonNegativeFloat
    camera_cutoff_hz: Positive
    plate_noise_n: NonNegativeFloat
    plate_drift_n: NonNegativeFloat
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
    tables: dict[str, Some[str]] = {}


class Landmark(Section):
    segment: str
    markers: Some[str] | None = None
    regression: Literal["harrington2007", "bell1990"] | None = None

    @pydantic.model_validator(mode="after")
    def _one_source(self):
        if (self.markers is None) == (self.regression is None):
            raise ValueError("a landmark needs either markers or a regression, and not both")
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
    beyond_plate_m: NonNegativeFloat
    other_foot_m: Positive


class Preprocessing(Section):
    """The section 01_preprocess: how recordings are read and cut into stances, and which runners are tested."""

    table: str
    forward: Axis | Literal["found"]
    up: Axis
    plates: Some[Count] | None
    treadmill: bool
    points: dict[str, str | Some[str]] | None
    theia: bool
    clusters: Clusters | None
    speed_m_s: span(Positive)
    other_speeds_m_s: span(Positive) | None
    body_weight: Literal["listed", "weighed"]
    force_cutoff_hz: Positive | None
    force_hz: Positive | None = None  # older study files lack it and the next two
    forces_lowpassed_hz: Annotated[float, Field(gt=0, le=100)] | None = None
    cameras_late_s: Late | None = None
    points_cutoff_hz: Positive | None
    contact_threshold_n: Positive
    padding_s: Positive
    checks: Checks
    test_runners: list[str] | None
    n_test_runners: Annotated[int, Field(ge=0)]
    test_shoes: Count | None
    test_laps: Count | None
    vlr: VLR

    @classmethod
    def of(cls, values):
        """Take the settings from a dictionary that may hold more, such as the variables of a notebook."""
        return cls(**{name: values[name] for name in cls.model_fields if name in values})


class PreprocessingSection(Preprocessing):
    table: Annotated[str, pydantic.AfterValidator(_table)]


class Search(Section):
    frames_per_step: Count
    folds: Annotated[int, Field(ge=2)]
    trials: Count
    epochs: Count
    layers: span(Count)
    units: span(Count)
    dropout: span(Annotated[float, Field(ge=0, lt=1)])
    learning_rate: span(Positive)
    batch_size: Some[Count]


class Train(Section):
    epochs: Count
    patience: Count | None
    seeds: Count = 1  # older study files lack it


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
    window: Window = 5  # older study files lack it and the next two
    shrinkage: Shrinkage = 1e-3
    seeds: Count = 1


class Generalisation(Section):
    compared: Some[str]
    ensemble: list[str]
    frames_per_step: Count
    network: Network
    examined: str
    training_runners: Some[Count]
    draws: Count
    vlr: VLR

    @pydantic.model_validator(mode="after")
    def _names_what_is_compared(self):
        unknown = {*self.ensemble, self.examined} - {*self.compared}
        if unknown:
            raise ValueError(
                "`ensemble` and `examined` may name only recipes that are in `compared`; found "
                f"{', '.join(sorted(unknown))}. Add them to `compared`, or leave them out"
            )
        return self


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


class DetectorScales(Scales):
    noise: Positive


class StreamScales(Scales):
    recency_s: Positive


class Degraded(Section):
    noise: Some[Positive]
    bias: Some[Positive]
    rate: Some[Positive]
    missing: Some[Share]
    smoothed: Some[Positive] = None  # older study files lack it


class About(Section):
    data: Annotated[str, Field(min_length=1)]
    licence: Annotated[str, Field(min_length=1)]
    citation: Annotated[str, Field(min_length=1)]


class InTheField(Section):
    examined: str
    points_cutoff_hz: Positive | None
    other_cutoffs_hz: Annotated[list[Positive], Field(max_length=2)]
    detector: DetectorScales
    every: Count
    level: Share
    degraded: Degraded
    seconds: Positive
    vlr: VLR
    about: About


class Streaming(Section):
    window_s: Positive
    nodes: Annotated[int, Field(ge=2)]
    knots: Annotated[int, Field(ge=2)]
    cutoff_hz: Positive
    lags_s: Some[NonNegativeFloat]
    scales: StreamScales
    features: Count
    noise: Positive
    every: Count
    vlr: VLR


class Transfer(Section):
    compared: Some[str] = ["physics", "network", "ridge", "mean_curve"]  # older study files lack it
    stance_bw: Positive = 0.05
    vlr: VLR = "touchdown_to_13"


class Nothing(Section):
    pass


class StudyFile(Section):
    study: General
    laboratory: Laboratory | None = None
    fetch: Fetch | None = None
    preprocess: PreprocessingSection = Field(alias="01_preprocess")
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
    transfer: Transfer = Field(alias="14_transfer", default=Transfer())


def check(path, content, model):
    """Check the content of a file -> a Section `model`. Raises StudyError with one line for each broken rule."""
    try:
        return model.model_validate(content)
    except pydantic.ValidationError as error:
        lines = [_broken_rule(item, model) for item in error.errors()]
        raise StudyError("\n".join([f"{path} breaks {len(lines)} rule(s):", *lines])) from None


def _broken_rule(item, model):
    """Write one of pydantic's errors as a line: the key, what was found and what is allowed."""
    key = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"  {key}: unknown key. Keys allowed here: {', '.join(_keys(item['loc'][:-1], model))}."
    if item["type"] == "missing":
        return f"  {key}: missing. Add it; {model.example} shows an example."
    said = item["msg"].removeprefix("Value error, ")
    said = said[0].lower() + said[1:]
    if isinstance(item["input"], dict) and item["type"] == "value_error":  # about several keys: it names them itself
        return f"  {key}: {said}." if key else f"  {said}."
    hint = " YAML read it as text: write 1e-3 as 1.0e-3, without quotes." if _is_number(item["input"]) else ""
    return f"  {key}: found {item['input']!r}; {said}.{hint}"


def _keys(location, model):
    """List the keys that the section at a location of a model may hold."""
    for part in location:
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        if part not in fields:  # the name of a landmark or of a segment: the section is that of the value
            continue
        options = [fields[part].annotation, *get_args(fields[part].annotation)]
        model = next((option for option in options if isinstance(option, type) and issubclass(option, Section)), model)
    return [field.alias or name for name, field in model.model_fields.items()]


def _is_number(value):
    """Tell whether a value is a text that reads as a number."""
    try:
        return isinstance(value, str) and float(value) is not None
    except ValueError:
        return False
