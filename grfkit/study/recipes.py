"""Read and check a recipe: which estimator, from which inputs, trained on which stances.

In: a few lines of YAML in params/recipes/. Out: a Recipe. A key that is left out has the paper's value.
A recipe holds nothing fitted: hyper-parameters are searched within its ranges, on training runners only.
"""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

import pydantic
from pydantic import Field, NonNegativeFloat

from grfkit.study.file import read_yaml
from grfkit.study.schema import Count, Positive, Section, Shrinkage, Window, check, span

KINDS = ("positions", "velocities", "accelerations", "times")


class Kernel(Section):
    """The hyper-parameters of kernel ridge regression: their limits, and how many sets are tried and averaged.

    A scale (positions_m, ...) is the difference between two stances at which they count as far apart (root mean square
    over points and instants). `noise` is the ridge. `edges` is the weight of the padding before touchdown and after
    toe-off, relative to stance. A single candidate is the middle of the limits; more are drawn at random between them.
    """

    shape: Literal["gaussian", "linear"]
    candidates: Count
    averaged: Count
    positions_m: span(Positive)
    velocities_m_s: span(Positive)
    accelerations_m_s2: span(Positive)
    times_s: span(Positive)
    noise: span(Positive)
    edges: span(NonNegativeFloat)

    @pydantic.model_validator(mode="after")
    def _enough(self):
        if self.averaged > self.candidates:
            raise ValueError("averaged may not exceed candidates")
        return self


class Whiten(Section):
    """The limits within which the search draws the settings of the layer before an LSTM (model.Whitening).

    `window` is in LSTM steps and odd, `shrinkage` is a share of the largest eigenvalue.
    """

    window: span(Window)
    shrinkage: span(Shrinkage)


class Recipe(Section):
    """One way from points to forces. `name` is the name of its file."""

    example: ClassVar[str] = "a file of params/recipes"
    name: str
    about: str
    estimator: Literal["lstm", "kernel_ridge", "mean_curve", "two_mass", "sine"]
    inputs: list[Literal[KINDS]] = ["positions"]
    padding_s: Positive = 0.010
    mirror: bool = False
    folds: Literal["stances", "runners"] = "stances"
    body_weight: Literal["study", "weighed"] = "study"
    speeds: Literal["study", "all"] = "study"
    balance: bool = False
    kernel: Kernel | None = None
    whiten: Whiten | None = None
    offset_m: Annotated[float, Field(ge=0, le=0.1)] = 0.0  # m; joints differ by some cm: our choice

    @pydantic.model_validator(mode="after")
    def _whole(self):
        if (self.kernel is None) == (self.estimator == "kernel_ridge"):
            found = f"{self.estimator} {'without' if self.kernel is None else 'with'} `kernel`"
            raise ValueError(f"the estimator kernel_ridge needs `kernel`, and no other may have it; found {found}")
        if self.whiten and self.estimator != "lstm":
            raise ValueError(f"`whiten` belongs to the estimator lstm; found {self.estimator}. Leave it out")
        if self.estimator == "lstm" and "times" in self.inputs:
            raise ValueError("an LSTM already sees the stance time as the length of a stance; leave `times` out")
        if self.estimator in ("lstm", "kernel_ridge") and not self.inputs:
            raise ValueError(f"inputs must have at least one of {', '.join(KINDS)}; found none")
        if self.offset_m and (self.estimator != "lstm" or self.inputs != ["positions"]):
            found = f"{self.estimator} on {', '.join(self.inputs) or 'nothing'}"
            raise ValueError(f"`offset_m` belongs to an lstm on positions alone; found {found}. Leave it out")
        return self


def load(path):
    """Read and check a recipe file -> a Recipe. Raises StudyError if it is missing or breaks the schema."""
    path = Path(path)
    return check(path, {"name": path.stem, **read_yaml(path, "recipe")}, Recipe)


def load_all(folder, names):
    """Read several recipes of one folder by their names; returns {name: Recipe}."""
    return {name: load(Path(folder) / f"{name}.yaml") for name in names}


def needs(recipe):
    """List, in words, what a recipe needs from a force plate."""
    words = ["touchdown and toe-off"]
    if "times" in recipe.inputs or recipe.balance or recipe.estimator in ("two_mass", "sine"):
        words.append("flight time")
    if recipe.body_weight == "weighed":
        words.append("weighed body weight as the unit")
    return words
